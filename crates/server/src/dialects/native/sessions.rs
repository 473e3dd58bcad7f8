//! The session: what it is worth, stepping up within it, the others, and trusted devices.

use axum::http::StatusCode;
use countersign_core::{challenge::Wants, denied::Denied, ids::TrustedDeviceId};
use serde_json::{Value, json};

use super::{
    callers::Asked,
    errors::No,
    sign_in::{answer, carrier, offered},
    wire,
};
use crate::{
    http::reply::Reply,
    operations::{
        authenticators,
        challenge::{self, Answered, Wishes},
        sessions::{self, Handover},
        trusted_devices::{self, KnownDevice},
    },
};

/// Also for whoever must enrol first: it says so in `scope`.
pub(super) async fn show(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in_to_enrol().await?;
    Ok(Reply::json(&wire::signed_in(&who, asked.ctx().clock.now())))
}

pub(super) async fn sign_out(asked: Asked) -> Result<Reply, No> {
    if let Some(token) = &asked.token {
        sessions::sign_out(asked.ctx(), &asked.visitor, token, Handover::Token).await?;
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// Opens the challenge within the session: what would count as a fresh proof.
pub(super) async fn step_up(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let overview = authenticators::overview(asked.ctx(), &who).await?;
    let body = json!({
        "methods": overview.methods(), "backup_codes_left": overview.backup_codes_left,
        "acr": who.session.proofs.aal(asked.ctx().clock.now()).acr(), "max_age": 300,
    });
    Ok(Reply::json(&body))
}

pub(super) async fn send_code(asked: Asked) -> Result<Reply, No> {
    let carrier = asked.any_body(carrier)?;
    let answerer = asked.stepping_up().await?;
    challenge::send_code(asked.ctx(), &asked.visitor, answerer, carrier).await?;
    Ok(Reply::empty(StatusCode::ACCEPTED))
}

/// A fresh proof. Whatever makes the session worth more gives it a new token.
pub(super) async fn verify(asked: Asked) -> Result<Reply, No> {
    let offered = asked.body(offered)?;
    let answerer = asked.stepping_up().await?;
    let wishes = Wishes { wants: Wants::Proof, ..Wishes::default() };
    let now = asked.ctx().clock.now();
    let session = match answer(&asked, answerer, (offered, wishes)).await? {
        Answered::Proven { rotated: Some(fresh), .. } => wire::minted(&fresh, now),
        Answered::Proven { who, rotated: None } => wire::session(&who.session, now),
        Answered::SignedIn { .. } | Answered::ProvenOnly { .. } => return Err(Denied::NotSignedIn.into()),
    };
    Ok(Reply::json(&json!({ "session": session })))
}

pub(super) async fn list(asked: Asked) -> Result<Reply, No> {
    let (who, now) = (asked.signed_in().await?, asked.ctx().clock.now());
    let all = sessions::list(asked.ctx(), &who).await?;
    let rows: Vec<Value> = all
        .iter()
        .map(|one| {
            let mut row = wire::session(one, now);
            row["current"] = json!(one.id == who.session.id);
            row
        })
        .collect();
    Ok(Reply::json(&json!({ "sessions": rows })))
}

pub(super) async fn revoke_others(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    sessions::revoke_all(asked.ctx(), &asked.visitor, &who, true).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn revoke(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let revoked =
        sessions::revoke(asked.ctx(), &asked.visitor, &who, asked.path_after("/v1/sessions/")).await?;
    revoked.map(|_| Reply::empty(StatusCode::NO_CONTENT)).ok_or(Denied::SessionNotFound.into())
}

pub(super) fn device_row(one: &KnownDevice) -> Value {
    json!({
        "id": one.id, "name": one.name.clone().unwrap_or_else(|| one.visitor.browser()),
        "ip": one.visitor.ip, "created_at": one.created_at.to_iso(),
        "last_used_at": one.last_used_at.to_iso(), "expires_at": one.expires_at.to_iso(),
    })
}

pub(super) async fn trusted_devices(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let all = trusted_devices::list(asked.ctx(), &who).await?;
    let rows: Vec<_> = all.iter().map(device_row).collect();
    Ok(Reply::json(&json!({ "trusted_devices": rows })))
}

fn device(asked: &Asked) -> TrustedDeviceId {
    TrustedDeviceId::from(asked.path_after("/v1/trusted-devices/").to_owned())
}

pub(super) async fn rename_device(asked: Asked) -> Result<Reply, No> {
    let name = asked.body(|body| body.text("name"))?;
    let who = asked.signed_in().await?;
    let renamed = trusted_devices::rename(asked.ctx(), &who, &device(&asked), &name).await?;
    if renamed { Ok(Reply::empty(StatusCode::NO_CONTENT)) } else { Err(No::DEVICE) }
}

pub(super) async fn distrust(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let gone = trusted_devices::revoke(asked.ctx(), &asked.visitor, &who, &device(&asked)).await?;
    if gone { Ok(Reply::empty(StatusCode::NO_CONTENT)) } else { Err(No::DEVICE) }
}

pub(super) async fn distrust_all(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    trusted_devices::revoke_all(asked.ctx(), &asked.visitor, &who).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
