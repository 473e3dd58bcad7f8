//! Sessions, trusted devices and tokens (contract §2.5).

use countersign_core::{
    denied::Denied,
    ids::{SessionId, TrustedDeviceId, without_hyphens},
};
use serde_json::{Value, json};

use super::{
    callers::Asked,
    errors::No,
    wire::{self, done},
};
use crate::{
    http::reply::Reply,
    operations::{
        sessions,
        trusted_devices::{self, KnownDevice},
    },
};

/// Sessions, under either name: a token is kept nowhere, so its session stands for it.
pub(super) async fn list(asked: Asked, called: &str) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let all = sessions::list(asked.ctx(), &who).await?;
    let shown: Vec<Value> = all.iter().map(wire::session).collect();
    Ok(Reply::json(&json!({ "success": true, called: shown })))
}

pub(super) async fn end(asked: Asked, start: &str, message: &str) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let id = without_hyphens(asked.path_after(start));
    let ended = sessions::revoke(asked.ctx(), &asked.visitor, &who, &id).await?;
    ended.ok_or(Denied::SessionNotFound)?;
    Ok(Reply::json(&done(message)))
}

/// All of them, the asking one included.
pub(super) async fn end_all(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    sessions::revoke_all(asked.ctx(), &asked.visitor, &who, false).await?;
    Ok(Reply::json(&done("All sessions revoked successfully")))
}

pub(super) async fn heartbeat(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let id = SessionId::from(without_hyphens(asked.path_after("/sessions/")));
    let until = sessions::keep_alive(asked.ctx(), &who, &id).await?;
    let mut reply = done("Session updated successfully");
    reply["newExpiry"] = json!(until.to_iso());
    Ok(Reply::json(&reply))
}

async fn known_devices(asked: &Asked) -> Result<Vec<KnownDevice>, No> {
    let who = asked.signed_in().await?;
    Ok(trusted_devices::list(asked.ctx(), &who).await?)
}

pub(super) async fn devices(asked: Asked) -> Result<Reply, No> {
    let shown: Vec<Value> = known_devices(&asked).await?.iter().map(wire::device).collect();
    Ok(Reply::json(&json!({ "success": true, "devices": shown })))
}

fn device_id(asked: &Asked) -> TrustedDeviceId {
    TrustedDeviceId::from(without_hyphens(asked.path_after("/devices/")))
}

pub(super) async fn device(asked: Asked) -> Result<Reply, No> {
    let (all, id) = (known_devices(&asked).await?, device_id(&asked));
    let found = all.iter().find(|device| device.id == id).ok_or(No::DEVICE_NOT_FOUND)?;
    Ok(Reply::json(&json!({ "success": true, "device": wire::device(found) })))
}

/// A fingerprint is no secret: whoever knows it must not skip a second step for it.
pub(super) async fn trust_device(asked: Asked) -> Result<Reply, No> {
    asked.signed_in().await?;
    Err(No::Only(
        501,
        "DEVICE_TRUST_NOT_AVAILABLE",
        "Devices cannot be trusted by fingerprint on this server",
    ))
}

/// A device is only known while it is trusted, so to trust it no longer is to remove it.
pub(super) async fn forget_device(asked: Asked, message: &str) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    match trusted_devices::revoke(asked.ctx(), &asked.visitor, &who, &device_id(&asked)).await? {
        true => Ok(Reply::json(&done(message))),
        false => Err(No::DEVICE_NOT_FOUND),
    }
}
