//! API keys: made and ended by people of an organisation. No route here takes one (contract §7).

use axum::http::StatusCode;
use countersign_core::{
    api_key::{self, ApiKey},
    denied::Denied,
    organisation::Membership,
    time::Timestamp,
};
use serde_json::{Map, Value, json};

use super::{callers::Asked, errors::No, members::Members, wire};
use crate::{
    http::reply::Reply,
    operations::{
        api_keys::{self, KeyChange, NewKey},
        organisations,
        sessions::SignedIn,
    },
};

/// Begins every key, so that scanners find leaked ones.
const PREFIX: &str = "mudbase_sk_live_";
const NAME: (usize, usize) = (2, api_key::NAME_MAX);
const RESOURCES: &[&str] = &["auth", "database", "storage", "functions", "realtime", "messaging"];
const ACTIONS: &[&str] = &["create", "read", "update", "delete"];

/// What is kept of a key for its owner's eyes, with what the body changes of it: the project as a label,
/// permissions and a rate limit as its clients wrote them.
fn scopes(body: &mut Members<'_, '_>, before: Value) -> Value {
    let mut scopes = before;
    for (key, sound, wrong) in [
        (
            "permissions",
            are_permissions as fn(&Value) -> bool,
            "must be a list of known resource and actions",
        ),
        ("rateLimit", is_rate_limit, "must hold the numbers requests and window"),
    ] {
        match body.value(key) {
            Some(value) if sound(&value) => scopes[key] = value,
            Some(_) => body.complain(key, wrong),
            None => {}
        }
    }
    scopes
}

fn are_permissions(value: &Value) -> bool {
    let known = |words: &[&str], word: &Value| words.iter().any(|known| word == *known);
    let sound = |one: &Value| {
        let actions = one["actions"].as_array().filter(|all| (1..=ACTIONS.len()).contains(&all.len()));
        actions.is_some_and(|all| all.iter().all(|action| known(ACTIONS, action)))
            && known(RESOURCES, &one["resource"])
            && one.as_object().is_some_and(|members| members.len() == 2)
    };
    value.as_array().is_some_and(|all| all.len() <= RESOURCES.len() * ACTIONS.len() && all.iter().all(sound))
}

fn is_rate_limit(value: &Value) -> bool {
    let number =
        |(key, value): (&String, &Value)| ["requests", "window"].contains(&key.as_str()) && value.is_u64();
    value.as_object().is_some_and(|members| members.iter().all(number))
}

fn expires_at(body: &mut Members<'_, '_>, now: Timestamp) -> Option<Timestamp> {
    let text = body.optional_text("expiresAt")?;
    let at = Timestamp::from_iso(&text).filter(|at| *at > now);
    if at.is_none() {
        body.complain("expiresAt", "must be an ISO 8601 date in the future");
    }
    at
}

fn shown(key: &ApiKey, own: &[Membership]) -> Value {
    let mut kept: Map<String, Value> = serde_json::from_str(&key.scopes).unwrap_or_default();
    let id = kept.remove("projectId").unwrap_or_default();
    let named = own.iter().map(|one| wire::organisation(&one.organisation)).find(|one| one["_id"] == id);
    let project = named.unwrap_or_else(|| json!({ "_id": id, "name": id, "slug": id }));
    let shown = json!({
        "_id": key.id.as_object_id(), "name": key.name, "project": project, "isActive": key.active,
        "createdAt": key.created_at.to_iso(), "expiresAt": key.expires_at.to_iso(),
    });
    wire::with(shown, Value::Object(kept))
}

/// The person's own key that the path names.
async fn named(asked: &Asked, who: &SignedIn) -> Result<ApiKey, No> {
    let id = asked.after("api-keys").to_ascii_lowercase();
    let all = api_keys::list(asked.ctx(), who, PREFIX).await?;
    Ok(all.into_iter().find(|key| key.id.as_object_id() == id).ok_or(Denied::KeyNotFound)?)
}

pub(super) async fn create(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let own = organisations::of_a_key_maker(asked.ctx(), &who.user.id).await?;
    let now = asked.ctx().clock.now();
    let new = asked.body(|body| {
        let name = body.text("name");
        body.within("name", &name, NAME);
        let kept = json!({ "projectId": body.object_id("projectId"), "permissions": [] });
        NewKey {
            prefix: PREFIX,
            name,
            organisation_id: None,
            scopes: scopes(body, kept).to_string(),
            expires_at: expires_at(body, now),
            lifetime: api_key::LIFETIME,
        }
    })?;
    let (key, secret) = api_keys::create(asked.ctx(), &asked.visitor, &who, new).await?;
    let shown = wire::with(shown(&key, &own), json!({ "secret": secret.expose() }));
    let body = json!({ "message": "API key created successfully", "apiKey": shown });
    Ok(Reply::json(&body).status(StatusCode::CREATED))
}

pub(super) async fn list(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let own = asked.organisations_of(&who).await?;
    let all = api_keys::list(asked.ctx(), &who, PREFIX).await?;
    let shown: Vec<Value> = all.iter().map(|key| shown(key, &own)).collect();
    Ok(Reply::json(&json!({ "apiKeys": shown, "total": all.len() })))
}

pub(super) async fn change(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let own = asked.organisations_of(&who).await?;
    let key = named(&asked, &who).await?;
    let before: Value = serde_json::from_str(&key.scopes).unwrap_or_default();
    let change = asked.body(|body| {
        let name = body.optional_text("name");
        body.within("name", name.as_deref().unwrap_or_default(), NAME);
        let scopes = Some(scopes(body, before).to_string());
        KeyChange { name, scopes, active: body.optional_flag("isActive"), ..KeyChange::default() }
    })?;
    let key = api_keys::change(asked.ctx(), &asked.visitor, &who, (key, change)).await?;
    let body = json!({ "message": "API key updated successfully", "apiKey": shown(&key, &own) });
    Ok(Reply::json(&body))
}

pub(super) async fn delete(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let key = named(&asked, &who).await?;
    api_keys::revoke(asked.ctx(), &asked.visitor, &who, &key.id).await?;
    Ok(Reply::json(&json!({ "message": "API key deleted successfully" })))
}

pub(super) async fn regenerate(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let key = named(&asked, &who).await?;
    let secret = api_keys::regenerate(asked.ctx(), &asked.visitor, &who, &key).await?;
    let body = json!({ "message": "API key regenerated successfully", "secret": secret.expose() });
    Ok(Reply::json(&body))
}
