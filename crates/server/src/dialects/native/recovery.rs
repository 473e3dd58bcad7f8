//! Recovery: asking for the link, waiting, stopping, completing.

use axum::http::StatusCode;
use countersign_core::denied::Denied;
use serde_json::json;

use super::{callers::Asked, errors::No, wire};
use crate::{
    http::reply::Reply,
    operations::{
        recovery::{self, Asked as Whose, Completion, Held, Vetoer},
        sessions::Handover,
    },
};

/// The answer is the same whoever has an account.
pub(super) async fn request(asked: Asked) -> Result<Reply, No> {
    let (challenge, email) = asked.body(|body| {
        let challenge = body.optional_text("challenge");
        let email = if challenge.is_some() { String::new() } else { body.email("email") };
        (challenge, email)
    })?;
    let whose = challenge.as_deref().map_or(Whose::Address(&email), Whose::Challenge);
    recovery::request(asked.ctx(), &asked.visitor, whose).await?;
    Ok(Reply::empty(StatusCode::ACCEPTED))
}

/// Opens the mailed link. `claim` is the only copy of what completes the recovery.
pub(super) async fn begin(asked: Asked) -> Result<Reply, No> {
    let token = asked.body(|body| body.text("token"))?;
    let begun = recovery::begin(asked.ctx(), &asked.visitor, &token).await?;
    let mut body = wire::standing(&begun.standing);
    body["claim"] = json!(begun.claim.expose());
    Ok(Reply::json(&body).status(StatusCode::CREATED))
}

pub(super) async fn status(asked: Asked) -> Result<Reply, No> {
    let (claim, notice) =
        asked.any_body(|body| (body.optional_text("claim"), body.optional_text("notice")))?;
    let standing = match (&claim, &notice) {
        (Some(claim), _) => recovery::status(asked.ctx(), Held::Claim(claim)).await?,
        (None, Some(notice)) => recovery::status(asked.ctx(), Held::Notice(notice)).await?,
        (None, None) => {
            let who = asked.signed_in().await?;
            recovery::of_oneself(asked.ctx(), &who).await?.ok_or(Denied::RecoveryGone)?
        }
    };
    Ok(Reply::json(&wire::standing(&standing)))
}

/// By the one who began it, by whoever holds a mail about it, by a trusted device, or by any session of its owner.
pub(super) async fn stop(asked: Asked) -> Result<Reply, No> {
    let (ctx, visitor) = (asked.ctx(), &asked.visitor);
    let (claim, notice, device) = asked.any_body(|body| {
        (body.optional_text("claim"), body.optional_text("notice"), body.optional_text("trusted_device"))
    })?;
    let has_password = match (&claim, &notice, &device) {
        (Some(claim), ..) => {
            recovery::give_up(ctx, visitor, claim).await?;
            None
        }
        (None, Some(notice), _) => {
            Some(recovery::veto(ctx, visitor, Vetoer::Notice(notice)).await?.has_password)
        }
        (None, None, Some(device)) => {
            Some(recovery::veto(ctx, visitor, Vetoer::TrustedDevice(device)).await?.has_password)
        }
        (None, None, None) => {
            let who = asked.signed_in().await?;
            Some(recovery::veto(ctx, visitor, Vetoer::Session(&who)).await?.has_password)
        }
    };
    Ok(Reply::json(&json!({ "has_password": has_password })))
}

/// The session it brings may enrol and nothing else: what opened the account before is gone.
pub(super) async fn complete(asked: Asked) -> Result<Reply, No> {
    let (claim, completion) = asked.body(|body| {
        let completion = Completion {
            backup_code: body.member("backup_code").map(|_| body.some_secret("backup_code")),
            new_password: body.member("new_password").map(|_| body.some_secret("new_password")),
            handover: Handover::Token,
        };
        (body.text("claim"), completion)
    })?;
    let done = recovery::complete(asked.ctx(), &asked.visitor, &claim, completion).await?;
    let body = json!({
        "session": wire::minted(&done.session, asked.ctx().clock.now()),
        "user": wire::user(&done.user, false),
    });
    Ok(Reply::json(&body).status(StatusCode::CREATED))
}
