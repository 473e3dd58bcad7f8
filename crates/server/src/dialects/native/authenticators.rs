//! Factors: what there is, enrolling, removing, backup codes.

use axum::http::StatusCode;
use countersign_core::{backup_code::Shape, ids::AuthenticatorId, method::Method, time::Timestamp};
use serde_json::json;

use super::{
    callers::Asked,
    errors::No,
    wire::{self, METHODS},
};
use crate::{
    http::reply::Reply,
    operations::{
        apps,
        authenticators::{self, Authority, Removal},
        challenge::{self, Carrier},
        enrol::{self, Begin, Confirm},
        sessions::{Handover, Minted},
    },
    qr,
};

/// Also for whoever must enrol first: `allowed` is what would count.
pub(super) async fn list(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in_to_enrol().await?;
    let overview = authenticators::overview(asked.ctx(), &who).await?;
    let rows: Vec<_> = overview.enrolled.iter().map(wire::authenticator).collect();
    let used = overview.backup_codes_used.iter();
    let used: Vec<_> = used.map(|one| json!({ "place": one.place, "used_at": one.at.to_iso() })).collect();
    let allowed: Vec<_> = METHODS.iter().filter(|method| overview.allowed.contains(**method)).collect();
    Ok(Reply::json(&json!({
        "authenticators": rows, "preferred": overview.primary(), "required": overview.required,
        "required_from": overview.required_from.map(Timestamp::to_iso),
        "allowed": allowed, "backup_codes_left": overview.backup_codes_left,
        "backup_codes_used": used,
    })))
}

/// Shown once; nothing is in force before its first code.
pub(super) async fn begin_totp(asked: Asked) -> Result<Reply, No> {
    let password = asked.any_body(|body| body.member("password").map(|_| body.secret("password")))?;
    let who = asked.signed_in_to_enrol().await?;
    let begin = Begin { password, beside_others: true, ..Begin::default() };
    let begun = enrol::begin_totp(asked.ctx(), &asked.visitor, &who, begin).await?;
    let svg = qr::svg(begun.uri.expose()).map_err(No::Fault)?;
    let body = json!({ "uri": begun.uri.expose(), "secret": begun.secret.expose(), "qr": svg });
    Ok(Reply::json(&body).status(StatusCode::CREATED))
}

fn session(asked: &Asked, rotated: Option<&Minted>) -> serde_json::Value {
    rotated.map_or(serde_json::Value::Null, |fresh| wire::minted(fresh, asked.ctx().clock.now()))
}

/// The backup codes are shown here and nowhere else. The first factor gives the session a new token.
pub(super) async fn confirm_totp(asked: Asked) -> Result<Reply, No> {
    confirm(&asked, Method::Totp).await
}

async fn confirm(asked: &Asked, method: Method) -> Result<Reply, No> {
    let (code, name) = asked.body(|body| {
        let name = body.optional_text("name").filter(|name| !name.trim().is_empty());
        (body.some_secret("code"), name)
    })?;
    let who = asked.signed_in_to_enrol().await?;
    let backup_codes = Some(Shape::Grouped);
    let confirm = Confirm { method, code, name, backup_codes, handover: Handover::Token };
    let done = enrol::confirm_code(asked.ctx(), &asked.visitor, &who, confirm).await?;
    Ok(Reply::json(&json!({
        "session": session(asked, done.rotated.as_ref()),
        "backup_codes": wire::exposed(&done.backup_codes),
    })))
}

/// Texts a code to the number; it is in force once that comes back.
pub(super) async fn begin_sms(asked: Asked) -> Result<Reply, No> {
    let number = asked.body(|body| body.text("phone"))?;
    let who = asked.signed_in_to_enrol().await?;
    enrol::begin_sms(asked.ctx(), &asked.visitor, &who, &number).await?;
    challenge::send_code(asked.ctx(), &asked.visitor, asked.inside(), Carrier::Text).await?;
    Ok(Reply::empty(StatusCode::ACCEPTED))
}

/// A phone is never the only way: backup codes come with it (SEC-032).
pub(super) async fn confirm_sms(asked: Asked) -> Result<Reply, No> {
    confirm(&asked, Method::SmsCode).await
}

pub(super) async fn enable_email(asked: Asked) -> Result<Reply, No> {
    let password = asked.body(|body| body.secret("password"))?;
    let who = asked.signed_in_to_enrol().await?;
    let rotated = enrol::enable_email_code(asked.ctx(), &asked.visitor, &who, password).await?;
    Ok(Reply::json(&json!({ "session": session(&asked, rotated.as_ref()) })))
}

pub(super) async fn remove(asked: Asked) -> Result<Reply, No> {
    let named = asked.path_after("/v1/authenticators/");
    let method = METHODS.into_iter().find(|method| method.as_str() == named).ok_or(No::METHOD)?;
    let who = asked.signed_in().await?;
    let removal = Removal { method: Some(method), handover: Handover::Token, ..Removal::default() };
    let rotated = authenticators::remove(asked.ctx(), &asked.visitor, &who, removal).await?;
    Ok(Reply::json(&json!({ "session": session(&asked, rotated.as_ref()) })))
}

fn app(asked: &Asked) -> AuthenticatorId {
    AuthenticatorId::from(asked.path_after("/v1/authenticators/totp/").to_owned())
}

pub(super) async fn rename_app(asked: Asked) -> Result<Reply, No> {
    let name = asked.body(|body| body.text("name"))?;
    let who = asked.signed_in().await?;
    apps::rename(asked.ctx(), &asked.visitor, &who, (app(&asked), &name)).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn remove_app(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let wish = (app(&asked), Handover::Token);
    let rotated = apps::remove(asked.ctx(), &asked.visitor, &who, wish).await?;
    Ok(Reply::json(&json!({ "session": session(&asked, rotated.as_ref()) })))
}

/// The earlier ones are void.
pub(super) async fn renew_backup_codes(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let wish = (Authority::default(), Shape::Grouped);
    let codes = authenticators::renew_backup_codes(asked.ctx(), &asked.visitor, &who, wish).await?;
    Ok(Reply::json(&json!({ "backup_codes": wire::exposed(&codes) })).status(StatusCode::CREATED))
}
