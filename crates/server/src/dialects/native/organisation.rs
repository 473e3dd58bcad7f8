//! What administrators do: rules, resets, and their word for somebody who recovers.

use std::time::Duration;

use axum::http::StatusCode;
use countersign_core::{
    denied::Denied,
    ids::UserId,
    method::{Method, Methods},
    recovery::Recovery,
    time::{DAY, HOUR, Timestamp},
};
use serde_json::{Value, json};

use super::{callers::Asked, errors::No};
use crate::{
    http::reply::Reply,
    operations::{
        organisations::{self, Reset, RuleChange},
        recovery::{self, Shorten},
    },
};

pub(super) async fn list(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let own = organisations::of(asked.ctx(), &who.user.id).await?;
    let rows: Vec<_> = own
        .iter()
        .map(|one| {
            let rules = &one.organisation.rules;
            json!({
                "id": one.organisation.id, "name": one.organisation.name, "role": one.role.as_str(),
                "second_factor_required": rules.second_factor_required,
                "second_factor_required_from": rules.required_from.map(Timestamp::to_iso),
                "trust_lasts_days": rules.trust_lasts.as_secs() / DAY.as_secs(),
                "recovery_wait_hours": rules.recovery_wait.as_secs() / HOUR.as_secs(),
            })
        })
        .collect();
    Ok(Reply::json(&json!({ "organisations": rows })))
}

/// A whole number that is not negative, if it was sent.
fn number(sent: Option<Value>) -> Result<Option<u64>, No> {
    const NO: No = No::Only(400, "invalid", "Days and hours are whole numbers");
    sent.map(|sent| sent.as_u64().filter(|number| *number <= 10_000).ok_or(NO)).transpose()
}

/// A day, or any moment after RFC 3339.
fn moment(sent: Value) -> Result<Timestamp, No> {
    const NO: No = No::Only(400, "invalid", "second_factor_required_from is a day or a time after RFC 3339");
    let text = sent.as_str().ok_or(NO)?;
    Timestamp::from_iso(text).or_else(|| Timestamp::from_day(text)).ok_or(NO)
}

/// What somebody wants of the rules.
pub(super) struct Wanted {
    pub change: RuleChange,
    trust_lasts: Option<Duration>,
    recovery_wait: Option<Duration>,
}

pub(super) fn wanted(asked: &Asked) -> Result<Wanted, No> {
    let (required, from, methods, days, hours) = asked.body(|body| {
        let required =
            body.member("second_factor_required").map(|_| body.required_flag("second_factor_required"));
        let methods = body.member("methods");
        let from = body.member("second_factor_required_from");
        (required, from, methods, body.member("trust_lasts_days"), body.member("recovery_wait_hours"))
    })?;
    let methods = methods.map(named_methods).transpose()?;
    let from = from.map(moment).transpose()?;
    let (days, hours) = (number(days)?, number(hours)?);
    if required.is_none() && from.is_none() && methods.is_none() && days.is_none() && hours.is_none() {
        return Err(Denied::NothingToUpdate.into());
    }
    Ok(Wanted {
        change: RuleChange { second_factor_required: required, required_from: from, methods },
        trust_lasts: days.map(|days| DAY * days as u32),
        recovery_wait: hours.map(|hours| HOUR * hours as u32),
    })
}

/// What is named changes; the rest stays.
pub(super) async fn change(asked: Asked) -> Result<Reply, No> {
    let Wanted { change, trust_lasts, recovery_wait } = wanted(&asked)?;
    let (ctx, visitor, who) = (asked.ctx(), &asked.visitor, asked.signed_in().await?);
    if change != RuleChange::default() {
        organisations::change_rules(ctx, visitor, &who, change).await?;
    }
    if let Some(lasts) = trust_lasts {
        organisations::change_trust_lasts(ctx, visitor, &who, lasts).await?;
    }
    if let Some(wait) = recovery_wait {
        organisations::change_recovery_wait(ctx, visitor, &who, wait).await?;
    }
    list(asked).await
}

fn named_methods(sent: Value) -> Result<Methods, No> {
    const NO: No = No::Only(400, "invalid", "methods is a list of names such as totp and passkey");
    let names = sent.as_array().ok_or(NO)?;
    let known = |name: &Value| name.as_str().and_then(Method::parse);
    let methods: Option<Vec<_>> = names.iter().map(known).collect();
    Ok(Methods::of(&methods.ok_or(NO)?))
}

fn member(asked: &Asked) -> UserId {
    UserId::from(asked.path_after("/v1/members/").to_owned())
}

pub(super) async fn reset(asked: Asked) -> Result<Reply, No> {
    let (require, reason) = asked.any_body(|body| {
        (body.member("require").map(|_| body.required_flag("require")), body.optional_text("reason"))
    })?;
    let who = asked.signed_in().await?;
    let reset = Reset { user: member(&asked), require, reason };
    organisations::reset_member(asked.ctx(), &asked.visitor, &who, reset).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// Without the reference: that is for the person to read out.
pub(super) fn recovery_row(one: &Recovery) -> Value {
    let shortening = one.shortening.as_ref().map(|said| {
        json!({
            "asked_by": said.asked_by, "asked_at": said.asked_at.to_iso(), "reason": said.reason,
            "approved_by": said.approved_by, "in_force": said.in_force_since.is_some(),
        })
    });
    json!({
        "started_at": one.started_at.to_iso(), "ready_at": one.ready_at.to_iso(),
        "from": { "ip": one.from.ip, "browser": one.from.browser() }, "shortening": shortening,
    })
}

pub(super) async fn recovery(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let open = recovery::of_member(asked.ctx(), &who, &member(&asked)).await?;
    Ok(Reply::json(&json!({ "recovery": open.as_ref().map(recovery_row) })))
}

pub(super) async fn shorten(asked: Asked) -> Result<Reply, No> {
    let (reference, reason) = asked.body(|body| (body.text("reference"), body.text("reason")))?;
    let who = asked.signed_in().await?;
    let shorten = Shorten { user: member(&asked), reference, reason };
    let one = recovery::shorten(asked.ctx(), &asked.visitor, &who, shorten).await?;
    Ok(Reply::json(&json!({ "recovery": recovery_row(&one) })))
}

pub(super) async fn approve(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let one = recovery::approve(asked.ctx(), &asked.visitor, &who, &member(&asked)).await?;
    Ok(Reply::json(&json!({ "recovery": recovery_row(&one) })))
}
