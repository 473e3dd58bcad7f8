//! Passkeys: registering, and the options of every ceremony.

use axum::http::StatusCode;
use countersign_core::ids::AuthenticatorId;
use serde_json::json;

use super::{callers::Asked, errors::No, sign_in::at_the_door, wire};
use crate::{
    http::reply::Reply,
    operations::{
        authenticators::Authority,
        passkeys::{self, Keep, Register},
        sessions::Handover,
    },
};

pub(super) async fn challenge_options(asked: Asked) -> Result<Reply, No> {
    let answerer = at_the_door(asked.body(|body| body.text("challenge"))?);
    let options = passkeys::begin_authentication(asked.ctx(), &answerer, Keep::Token).await?;
    Ok(Reply::json(&options.json()))
}

pub(super) async fn step_up_options(asked: Asked) -> Result<Reply, No> {
    let answerer = asked.stepping_up().await?;
    let options = passkeys::begin_authentication(asked.ctx(), &answerer, Keep::Token).await?;
    Ok(Reply::json(&options.json()))
}

pub(super) async fn registration_options(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in_to_enrol().await?;
    let options = passkeys::begin_registration(asked.ctx(), &asked.visitor, &who, Keep::Token).await?;
    Ok(Reply::json(&options.json()))
}

pub(super) async fn register(asked: Asked) -> Result<Reply, No> {
    let register = asked.body(|body| {
        let sent = body.member("response").or_else(|| body.member("credential"));
        Register {
            token: Some(body.text("ceremony")),
            response: sent.and_then(|response| serde_json::from_value(response).ok()),
            name: body.optional_text("name").filter(|name| !name.trim().is_empty()),
            backup_codes: Some(countersign_core::backup_code::Shape::Grouped),
            handover: Handover::Token,
        }
    })?;
    let who = asked.signed_in_to_enrol().await?;
    let done = passkeys::register(asked.ctx(), &asked.visitor, &who, register).await?;
    let all = passkeys::list(asked.ctx(), &done.who).await?;
    let now = asked.ctx().clock.now();
    let body = json!({
        "passkey": all.iter().find(|one| one.id == done.id).map(wire::passkey),
        "session": done.rotated.as_ref().map(|fresh| wire::minted(fresh, now)),
        "backup_codes": wire::exposed(&done.backup_codes),
    });
    Ok(Reply::json(&body).status(StatusCode::CREATED))
}

pub(super) async fn list(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let all = passkeys::list(asked.ctx(), &who).await?;
    Ok(Reply::json(&json!({ "passkeys": all.iter().map(wire::passkey).collect::<Vec<_>>() })))
}

fn named(asked: &Asked) -> AuthenticatorId {
    AuthenticatorId::from(asked.path_after("/v1/passkeys/").to_owned())
}

pub(super) async fn rename(asked: Asked) -> Result<Reply, No> {
    let name = asked.body(|body| body.text("name"))?;
    let who = asked.signed_in().await?;
    passkeys::rename(asked.ctx(), &asked.visitor, &who, (named(&asked), &name)).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn remove(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let wish = (named(&asked), Authority::default(), Handover::Token);
    let rotated = passkeys::remove(asked.ctx(), &asked.visitor, &who, wish).await?;
    let now = asked.ctx().clock.now();
    Ok(Reply::json(&json!({ "session": rotated.as_ref().map(|fresh| wire::minted(fresh, now)) })))
}
