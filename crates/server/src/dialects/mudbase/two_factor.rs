//! The three routes of the second factor (contract §5).

use countersign_core::{backup_code::Shape, method::Method, secret::Secret};
use serde_json::json;

use super::{callers::Asked, errors::No};
use crate::{
    config::SetupResponse,
    http::reply::Reply,
    operations::{
        authenticators::{self, Authority, Removal},
        challenge::Typed,
        enrol::{self, Begin, Confirm},
        sessions::Handover,
    },
    qr,
};

/// The original takes no body. A password may come along, for whoever logged in long ago.
pub(super) async fn setup(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in_to_enrol().await?;
    let password = asked.sent.text("password").map(Secret::new);
    let begin = Begin { password, backup_codes: Some(Shape::Grouped), ..Begin::default() };
    let enrolment = enrol::begin_totp(asked.ctx(), &asked.visitor, &who, begin).await?;
    let picture = qr::png_data_uri(enrolment.uri.expose()).map_err(No::Fault)?;
    let secret = enrolment.secret.expose();
    let mut body = json!({ "secret": secret, "qrCode": picture.expose(), "manualEntryKey": secret });
    if asked.ctx().config.mudbase.setup_response == SetupResponse::Superset {
        let codes: Vec<_> = enrolment.backup_codes.iter().map(|code| code.expose()).collect();
        body["backupCodes"] = json!(codes);
    }
    Ok(Reply::json(&body))
}

/// Only the authenticator itself confirms: a backup code proves nothing of it.
pub(super) async fn verify(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in_to_enrol().await?;
    let code = asked.body(|body| body.secret("token"))?;
    let confirm =
        Confirm { method: Method::Totp, code, name: None, backup_codes: None, handover: Handover::Nothing };
    enrol::confirm_code(asked.ctx(), &asked.visitor, &who, confirm).await?;
    Ok(Reply::json(&json!({ "message": "2FA enabled successfully" })))
}

pub(super) async fn disable(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let authority = asked.body(|body| Authority {
        password: Some(body.secret("password")),
        code: Some(Typed::from_either(body.secret("token"))),
    })?;
    let wish = Removal { authority, handover: Handover::Nothing, ..Removal::default() };
    authenticators::remove(asked.ctx(), &asked.visitor, &who, wish).await?;
    Ok(Reply::json(&json!({ "message": "2FA disabled successfully" })))
}
