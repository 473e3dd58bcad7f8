//! What whoever looks after an organisation sees of it: its people, what happened to them, whom rules would stop.

use axum::http::StatusCode;
use countersign_core::{
    denied::Denied,
    ids::{EventId, UserId},
    organisation::Role,
    session::Visitor,
};
use serde_json::{Value, json};

use super::{callers::Asked, errors::No, organisation, sessions, wire};
use crate::{
    http::reply::Reply,
    operations::{
        accounts,
        administration::{self, EventRow, Person, Told},
        organisations,
    },
};

fn person(one: &Person) -> Value {
    let user = &one.user;
    json!({
        "id": user.id, "external_id": user.external.as_ref().map(|external| &external.id),
        "email": user.mailbox(), "name": user.name, "role": one.role.map(Role::as_str),
        "methods": one.methods, "created_at": user.created_at.to_iso(),
    })
}

fn event(row: &EventRow) -> Value {
    let visitor = Visitor { ip: row.ip.clone(), user_agent: row.user_agent.clone(), language: None };
    let detail: Value = serde_json::from_str(&row.detail).unwrap_or_else(|_| json!({}));
    json!({
        "id": row.id, "kind": row.kind, "at": row.at.to_iso(), "user": row.user_id,
        "ip": row.ip, "browser": visitor.browser(), "detail": detail,
    })
}

fn events(rows: &[EventRow]) -> Vec<Value> {
    rows.iter().map(event).collect()
}

/// Fifty at a time; `next` is the cursor of the next page.
pub(super) async fn people(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let (search, after) =
        (asked.query("search").unwrap_or_default(), asked.query("cursor").unwrap_or_default());
    let (people, next) = administration::people(asked.ctx(), &who, (&search, &after)).await?;
    Ok(Reply::json(&json!({ "people": people.iter().map(person).collect::<Vec<_>>(), "next": next })))
}

pub(super) async fn whole(asked: Asked) -> Result<Reply, No> {
    let (who, now) = (asked.signed_in().await?, asked.ctx().clock.now());
    let id = UserId::from(asked.path_after("/v1/people/").to_owned());
    let one = administration::whole(asked.ctx(), &who, &id).await?;
    Ok(Reply::json(&json!({
        "person": person(&one.person), "required": one.person.user.second_factor_required,
        "backup_codes_left": one.backup_codes_left,
        "sessions": one.sessions.iter().map(|one| wire::session(one, now)).collect::<Vec<_>>(),
        "trusted_devices": one.devices.iter().map(sessions::device_row).collect::<Vec<_>>(),
        "recovery": one.recovery.as_ref().map(organisation::recovery_row),
        "events": events(&one.events),
    })))
}

/// The journal about them, newest first, fifty at a time.
pub(super) async fn journal(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let told = Told {
        kind: asked.query("kind"),
        user: asked.query("user").map(UserId::from),
        before: asked.query("cursor").map(EventId::from),
        limit: administration::PAGE as i64,
    };
    let (rows, next) = administration::journal(asked.ctx(), &who, told).await?;
    Ok(Reply::json(&json!({ "events": events(&rows), "next": next })))
}

/// What happened to one's own account lately.
pub(super) async fn activity(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let rows = accounts::activity(asked.ctx(), &who).await?;
    Ok(Reply::json(&json!({ "events": events(&rows) })))
}

pub(super) async fn coverage(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let coverage = administration::coverage(asked.ctx(), &who).await?;
    let methods = coverage.methods.iter();
    let methods: Vec<_> =
        methods.map(|(method, people)| json!({ "method": method, "people": people })).collect();
    Ok(Reply::json(&json!({ "people": coverage.people, "guarded": coverage.guarded, "methods": methods })))
}

/// Whom rules would stop, as `PATCH /v1/organisation` takes them; nothing changes.
pub(super) async fn forecast(asked: Asked) -> Result<Reply, No> {
    let wanted = organisation::wanted(&asked)?;
    let who = asked.signed_in().await?;
    let forecast = administration::forecast_of(asked.ctx(), &who, wanted.change).await?;
    let stopped: Vec<_> = forecast.stopped.iter().map(person).collect();
    Ok(Reply::json(&json!({ "looked_at": forecast.looked_at, "stopped": stopped })))
}

/// Gives a member another role.
pub(super) async fn change_role(asked: Asked) -> Result<Reply, No> {
    const NO: No = No::Only(400, "invalid", "role is owner, admin, helpdesk, billing, workspaces or member");
    let role = asked.body(|body| body.text("role"))?;
    let role = Role::parse(&role).ok_or(NO)?;
    let who = asked.signed_in().await?;
    let user = UserId::from(asked.path_after("/v1/members/").to_owned());
    if user.as_str().is_empty() {
        return Err(Denied::UserNotFound.into());
    }
    organisations::change_role(asked.ctx(), &asked.visitor, &who, (&user, role)).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
