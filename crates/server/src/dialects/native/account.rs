//! The account: name, password, and its end.

use axum::http::StatusCode;
use serde_json::json;

use super::{callers::Asked, errors::No, reference, wire};
use crate::{
    http::{openapi, reply::Reply},
    operations::{
        accounts::{self, Farewell, FarewellTaken, PasswordChange, ProfileChange},
        emails::LinkShape,
        not_me::{self, Ended},
    },
};

pub(super) async fn update(asked: Asked) -> Result<Reply, No> {
    let name = asked.body(|body| body.optional_text("name"))?;
    let who = asked.signed_in().await?;
    let change = ProfileChange { name, ..ProfileChange::default() };
    accounts::update(asked.ctx(), &asked.visitor, &who, change).await?;
    let who = asked.signed_in().await?;
    Ok(Reply::json(&json!({ "user": wire::user(&who.user, who.second_factor_is_on) })))
}

/// Other sessions end with the old password, and so do trusted devices.
pub(super) async fn change_password(asked: Asked) -> Result<Reply, No> {
    let change = asked.body(|body| PasswordChange {
        current: body.secret("current"),
        new: body.secret("new"),
        revoke_other_sessions: true,
        ..PasswordChange::default()
    })?;
    let who = asked.signed_in().await?;
    let done = accounts::change_password(asked.ctx(), &asked.visitor, &who, change).await?;
    let now = asked.ctx().clock.now();
    let session = done.session.as_ref().map(|session| wire::minted(session, now));
    Ok(Reply::json(&json!({ "session": session })))
}

/// Mails a link to the hosted page that sets a new one; the answer is the same whoever that is.
pub(super) async fn request_reset(asked: Asked) -> Result<Reply, No> {
    let email = asked.body(|body| body.email("email"))?;
    let link = LinkShape { before: "/password/set?token=".to_owned(), ..LinkShape::default() };
    accounts::request_password_reset(asked.ctx(), &asked.visitor, &email, link).await?;
    Ok(Reply::empty(StatusCode::ACCEPTED))
}

/// Ends all sessions; the second factor stays.
pub(super) async fn reset(asked: Asked) -> Result<Reply, No> {
    let (token, new) = asked.body(|body| (body.text("token"), body.some_secret("new")))?;
    accounts::reset_password(asked.ctx(), &asked.visitor, &token, (new, &[])).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// By the link of a notice, from whoever reads it.
pub(super) async fn not_me(asked: Asked) -> Result<Reply, No> {
    let token = asked.body(|body| body.text("token"))?;
    let Ended { password_too } = not_me::end_everything(asked.ctx(), &asked.visitor, &token).await?;
    Ok(Reply::json(&json!({ "password_removed": password_too })))
}

pub(super) async fn delete(asked: Asked) -> Result<Reply, No> {
    let password = asked.any_body(|body| body.member("password").map(|_| body.secret("password")))?;
    let who = asked.signed_in().await?;
    let farewell = Farewell { password, ..Farewell::default() };
    Ok(match accounts::delete(asked.ctx(), &asked.visitor, &who, farewell).await? {
        FarewellTaken::Deleted => Reply::empty(StatusCode::NO_CONTENT),
        FarewellTaken::Mailed => Reply::empty(StatusCode::ACCEPTED),
    })
}

pub(super) async fn openapi(asked: Asked) -> Result<Reply, No> {
    let config = &asked.ctx().config;
    Ok(Reply::json(&openapi::document(
        reference::GROUPS,
        &reference::SHAPES,
        (&config.app_name, config.origin()),
    )))
}
