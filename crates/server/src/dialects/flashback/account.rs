//! The account: profile, mailed links, and its end (contract §2.4).

use countersign_core::{
    denied::Denied,
    ids::{UserId, without_hyphens},
};
use serde_json::json;

use super::{
    callers::{Asked, given},
    errors::No,
    sign_in::INGREDIENTS,
    wire::{self, done},
};
use crate::{
    http::reply::Reply,
    operations::{
        accounts::{self, Farewell, FarewellTaken},
        emails::{self, LinkPurpose, LinkState},
    },
};

pub(super) async fn profile(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let place = wire::first_place(asked.ctx(), &who.user).await?;
    Ok(Reply::json(&json!({ "success": true, "data": wire::profile(&who.user, place.as_ref()) })))
}

/// Accounts bought at a cloud marketplace: there is none here whose word could be checked.
pub(super) async fn activate(_: Asked) -> Result<Reply, No> {
    Err(No::Only(501, "ACTIVATION_NOT_AVAILABLE", "Marketplace activation is not available on this server"))
}

pub(super) async fn look_at_verification(asked: Asked) -> Result<Reply, No> {
    let token = asked.body(|body| body.secret("token"))?;
    match emails::look_at(asked.ctx(), token.expose(), LinkPurpose::VerifyEmail).await? {
        LinkState::Valid(_) => Ok(Reply::json(&json!({
            "success": true, "message": "Token is valid", "authMethod": "PASSWORD", "hasPassword": true,
        }))),
        LinkState::Used | LinkState::Expired(_) | LinkState::Unknown => Err(Denied::LinkInvalid.into()),
    }
}

/// Verifies the address and signs nobody in: a mailed link alone is no way around the password. A password that
/// comes along is not looked at; whoever registered has one.
pub(super) async fn verify_email(asked: Asked) -> Result<Reply, No> {
    let token = asked.body(|body| body.secret("token"))?;
    emails::open(asked.ctx(), &asked.visitor, token.expose()).await?;
    Ok(Reply::json(&done("Email verified successfully. Please log in.")))
}

/// Says yes whoever is named.
pub(super) async fn resend_verification(asked: Asked) -> Result<Reply, No> {
    let user = UserId::from(without_hyphens(asked.path_after("/user/resend-verification/")));
    let link = asked.page("/verify-email?token=");
    emails::resend_verification(asked.ctx(), &asked.visitor, &user, link).await?;
    Ok(Reply::json(&done("Verification email sent")))
}

/// Says yes whether or not the address is somebody's.
pub(super) async fn request_password_reset(asked: Asked) -> Result<Reply, No> {
    let email = asked.body(|body| body.text("email"))?;
    let link = asked.page("/reset-password?token=");
    accounts::request_password_reset(asked.ctx(), &asked.visitor, &email, link).await?;
    Ok(Reply::json(&done("If this address has an account, a link to reset the password was sent")))
}

pub(super) async fn reset_password(asked: Asked) -> Result<Reply, No> {
    let (token, new) = asked.body(|body| (body.secret("token"), body.secret("newPassword")))?;
    accounts::reset_password(asked.ctx(), &asked.visitor, token.expose(), (new, INGREDIENTS)).await?;
    Ok(Reply::json(&done("Password reset successfully")))
}

/// The account goes, with all that belongs to it: there is no sleeping state to put it into. Where a mailed link
/// has to confirm that, its token comes here, too.
pub(super) async fn deactivate(asked: Asked) -> Result<Reply, No> {
    let token = asked.any_body(|body| given(body, "token"))?;
    let who = asked.signed_in().await?;
    let (ctx, visitor) = (asked.ctx(), &asked.visitor);
    let farewell = Farewell { link: asked.page("/deactivate?token="), ..Farewell::default() };
    let taken = match token {
        Some(token) => {
            accounts::confirm_delete(ctx, visitor, &who, &token).await.map(|()| FarewellTaken::Deleted)
        }
        None => accounts::delete(ctx, visitor, &who, farewell).await,
    };
    Ok(Reply::json(&done(match taken? {
        FarewellTaken::Deleted => "Account deleted",
        FarewellTaken::Mailed => "Follow the link that was sent to your email address",
    })))
}
