//! Enrolling, disabling and renewing backup codes (contract §2).

use countersign_core::{backup_code::Shape, denied::Denied, method::Method, secret::Secret, session::Reach};
use serde_json::json;

use super::{callers::Asked, errors::No, wire};
use crate::{
    http::reply::Reply,
    operations::{
        authenticators::{self, Authority, Removal},
        enrol::{self, Begin, Confirm},
    },
};

pub(super) async fn status(asked: Asked) -> Result<Reply, No> {
    let overview = authenticators::overview(asked.ctx(), asked.who(Reach::Enrolment)?).await?;
    let app = overview.enrolled.iter().find(|one| one.method == Method::Totp);
    let since = app.map(|one| one.since.to_iso());
    Ok(Reply::json(&json!({
        "enabled": since.is_some(), "enrolled_at": since, "backup_codes_remaining": overview.backup_codes_left,
    })))
}

pub(super) async fn begin(asked: Asked) -> Result<Reply, No> {
    let who = asked.who(Reach::Enrolment)?;
    // This wire asks how things stand before it asks how fresh the sign-in is.
    if authenticators::overview(asked.ctx(), who).await?.has(Method::Totp) {
        return Err(Denied::AlreadyEnrolled(Method::Totp).into());
    }
    let enrolment = enrol::begin_totp(asked.ctx(), &asked.visitor, who, Begin::default()).await?;
    Ok(Reply::json(&json!({
        "otpauth_url": enrolment.uri.expose(), "secret": enrolment.secret.expose(),
    })))
}

pub(super) async fn confirm(asked: Asked) -> Result<Reply, No> {
    let who = asked.who(Reach::Enrolment)?;
    let typed = wire::code(&asked.code()?);
    // A code from a sheet confirms no app; it is no guess at its code either.
    let code = if typed.method == Method::Totp { typed.code } else { Secret::default() };
    let confirm = Confirm {
        method: Method::Totp,
        code,
        name: None,
        backup_codes: Some(Shape::Hex),
        handover: asked.handover(),
    };
    let confirmed = enrol::confirm_code(asked.ctx(), &asked.visitor, who, confirm).await?;
    let body = json!({ "backup_codes": wire::exposed(&confirmed.backup_codes) });
    asked.rotated(Reply::json(&body), &confirmed.who.user, confirmed.rotated).await
}

pub(super) async fn cancel(asked: Asked) -> Result<Reply, No> {
    enrol::cancel_totp(asked.ctx(), &asked.visitor, asked.who(Reach::Enrolment)?).await?;
    Ok(Reply::json(&json!({ "ok": true })))
}

/// Code and password, of which only the code must be there yet: the front end asks first without the password.
fn authority(asked: &Asked) -> Result<Authority, No> {
    let code = Some(wire::code(&asked.code()?));
    Ok(Authority { password: asked.sent.some_text("password").map(Secret::new), code })
}

pub(super) async fn disable(asked: Asked) -> Result<Reply, No> {
    let who = asked.who(Reach::ProvenChange)?;
    let wish = Removal { authority: authority(&asked)?, handover: asked.handover(), ..Removal::default() };
    let fresh = authenticators::remove(asked.ctx(), &asked.visitor, who, wish).await?;
    asked.rotated(Reply::json(&json!({ "ok": true })), &who.user, fresh).await
}

pub(super) async fn regenerate(asked: Asked) -> Result<Reply, No> {
    let who = asked.who(Reach::ProvenChange)?;
    let wish = (authority(&asked)?, Shape::Hex);
    let codes = authenticators::renew_backup_codes(asked.ctx(), &asked.visitor, who, wish).await?;
    Ok(Reply::json(&json!({ "backup_codes": wire::exposed(&codes) })))
}
