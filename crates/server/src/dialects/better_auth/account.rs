//! The account: profile, password, address, deletion, and the links mailed for them (contract §7).

use countersign_core::{denied::Denied, secret::Secret};
use serde_json::{Value, json};

use super::{callers::Asked, errors::No, sign_in::verification_link, wire};
use crate::{
    http::{javascript::is_truthy, query, reply::Reply},
    operations::{
        Stop,
        accounts::{self, Farewell, FarewellTaken, PasswordChange, ProfileChange},
        emails::{self, EmailChange, LinkPurpose, Opened, VerificationRequest},
        passwords,
    },
};

pub(super) async fn update_user(asked: Asked) -> Result<Reply, No> {
    let (change, email, second_factor) = asked.record(|body| {
        let name = body.optional_text("name");
        let image = match body.member("image") {
            Some(Value::Null) => Some(None),
            _ => body.optional_text("image").map(Some),
        };
        (
            ProfileChange { name, image, ..ProfileChange::default() },
            body.member("email"),
            body.member("twoFactorEnabled"),
        )
    })?;
    let who = asked.signed_in().await?;
    if email.as_ref().is_some_and(is_truthy) {
        return Err(No::Only(400, "EMAIL_CAN_NOT_BE_UPDATED", "Email can not be updated"));
    }
    if second_factor.as_ref().is_some_and(is_truthy) {
        return Err(No::Only(400, "FIELD_NOT_ALLOWED", "twoFactorEnabled is not allowed to be set"));
    }
    accounts::update(asked.ctx(), &asked.visitor, &who, change).await?;
    Ok(Reply::json(&json!({ "status": true })).cookies(asked.same_session(&who)))
}

pub(super) async fn change_password(asked: Asked) -> Result<Reply, No> {
    let change = asked.body(|body| PasswordChange {
        new: body.secret("newPassword"),
        current: body.secret("currentPassword"),
        revoke_other_sessions: body.flag("revokeOtherSessions", false),
        ..PasswordChange::default()
    })?;
    let who = asked.signed_in().await?;
    let changed = accounts::change_password(asked.ctx(), &asked.visitor, &who, change).await?;
    let token = changed.session.as_ref().map(|session| session.token.expose());
    let user = wire::user(&changed.user, who.second_factor_is_on);
    let cookie = changed.session.as_ref().map(|session| asked.surface.session(session));
    Ok(Reply::json(&json!({ "token": token, "user": user })).cookies(cookie))
}

pub(super) async fn verify_password(asked: Asked) -> Result<Reply, No> {
    let password = asked.body(|body| body.secret("password"))?;
    let who = asked.signed_in().await?;
    passwords::check(asked.ctx(), &asked.visitor, &who.user, password).await?;
    Ok(Reply::json(&json!({ "status": true })))
}

/// The one account a person has here: the one with a password.
pub(super) async fn list_accounts(asked: Asked) -> Result<Reply, No> {
    let user = asked.signed_in().await?.user;
    let credential = user.password.is_some().then(|| {
        json!({
            "id": user.id, "accountId": user.id, "providerId": "credential", "userId": user.id, "scopes": [],
            "createdAt": user.created_at.to_iso(), "updatedAt": user.updated_at.to_iso(),
        })
    });
    Ok(Reply::json(&credential.into_iter().collect::<Vec<_>>()))
}

pub(super) async fn change_email(asked: Asked) -> Result<Reply, No> {
    let (new_email, callback) =
        asked.body(|body| (body.email("newEmail"), body.optional_text("callbackURL")))?;
    let who = asked.signed_in().await?;
    let wish = EmailChange { new_email: &new_email, link: verification_link(&asked, callback) };
    emails::request_change(asked.ctx(), &asked.visitor, &who, wish).await?;
    Ok(Reply::json(&json!({ "status": true })))
}

pub(super) async fn delete_user(asked: Asked) -> Result<Reply, No> {
    let (password, token, callback) = asked.any_body(|body| {
        let password = body.optional_text("password").map(Secret::new);
        (password, body.optional_text("token"), body.optional_text("callbackURL"))
    })?;
    let who = asked.signed_in().await?;
    let taken = match token {
        Some(token) => {
            accounts::confirm_delete(asked.ctx(), &asked.visitor, &who, &token).await?;
            FarewellTaken::Deleted
        }
        None => {
            let after = format!("&callbackURL={}", query::value(callback.as_deref().unwrap_or("/")));
            let link = asked.link("/delete-user/callback?token=", after);
            let farewell = Farewell { password, link, ..Farewell::default() };
            accounts::delete(asked.ctx(), &asked.visitor, &who, farewell).await?
        }
    };
    Ok(match taken {
        FarewellTaken::Deleted => {
            let gone = json!({ "success": true, "message": "User deleted" });
            Reply::json(&gone).cookies(asked.surface.clear_session())
        }
        FarewellTaken::Mailed => {
            Reply::json(&json!({ "success": true, "message": "Verification email sent" }))
        }
    })
}

pub(super) async fn confirm_delete(asked: Asked) -> Result<Reply, No> {
    let token = asked.required_query("token")?;
    let Some(who) = asked.current().await? else {
        return Err(No::Only(404, "FAILED_TO_GET_USER_INFO", "Failed to get user info"));
    };
    accounts::confirm_delete(asked.ctx(), &asked.visitor, &who, &token).await?;
    let target = asked.query("callbackURL").unwrap_or_else(|| "/".to_owned());
    Ok(Reply::found(&target).cookies(asked.surface.clear_session()))
}

pub(super) async fn request_password_reset(asked: Asked) -> Result<Reply, No> {
    let (email, target) = asked.body(|body| (body.email("email"), body.optional_text("redirectTo")))?;
    let after = format!("?callbackURL={}", query::value(&target.unwrap_or_default()));
    let link = asked.link("/reset-password/", after);
    accounts::request_password_reset(asked.ctx(), &asked.visitor, &email, link).await?;
    let message = "If this email exists in our system, check your email for the reset link";
    Ok(Reply::json(&json!({ "status": true, "message": message })))
}

/// The mailed link: leads to the application's page with the token, which only the page's POST spends.
pub(super) async fn follow_reset_link(asked: Asked) -> Result<Reply, No> {
    asked.required_query("callbackURL")?;
    let (ctx, token) = (asked.ctx(), asked.path_end());
    let callback = asked.query("callbackURL").unwrap_or_else(|| "/".to_owned());
    let target = ctx.config.public_url.join(&callback).map_or(callback, String::from);
    Ok(Reply::found(&match emails::would_open(ctx, token, LinkPurpose::ResetPassword).await? {
        true => query::add(&target, "token", token),
        false => query::add(&target, "error", "INVALID_TOKEN"),
    }))
}

pub(super) async fn reset_password(asked: Asked) -> Result<Reply, No> {
    let (new, token) = asked.body(|body| (body.secret("newPassword"), body.optional_text("token")))?;
    let token = token.or_else(|| asked.query("token")).unwrap_or_default();
    accounts::reset_password(asked.ctx(), &asked.visitor, &token, (new, &[])).await?;
    Ok(Reply::json(&json!({ "status": true })))
}

pub(super) async fn send_verification_email(asked: Asked) -> Result<Reply, No> {
    let (email, callback) = asked.body(|body| (body.email("email"), body.optional_text("callbackURL")))?;
    let who = asked.current().await?;
    let link = verification_link(&asked, callback);
    let request = VerificationRequest { email: &email, who: who.as_ref(), link };
    emails::request_verification(asked.ctx(), &asked.visitor, request).await?;
    Ok(Reply::json(&json!({ "status": true })))
}

pub(super) async fn verify_email(asked: Asked) -> Result<Reply, No> {
    let (token, callback) = (asked.required_query("token")?, asked.query("callbackURL"));
    let opened = match (emails::open(asked.ctx(), &asked.visitor, &token).await, &callback) {
        (Ok(opened), _) => opened,
        (Err(Stop::Denied(denied)), Some(target)) => {
            let code = if denied == Denied::LinkExpired { "TOKEN_EXPIRED" } else { "INVALID_TOKEN" };
            return Ok(Reply::found(&query::add(target, "error", code)));
        }
        (Err(stop), None) | (Err(stop @ Stop::Fault(_)), _) => return Err(stop.into()),
    };
    // A changed address re-sets the cookie of the person's own session.
    let (user, cookie) = match &opened {
        Opened::Verified => (None, None),
        Opened::Changed(user) => {
            let who = asked.current().await?.filter(|who| who.user.id == user.id);
            let enabled = who.as_ref().is_some_and(|who| who.second_factor_is_on);
            (Some(wire::user(user, enabled)), who.and_then(|who| asked.same_session(&who)))
        }
    };
    let reply = match callback {
        Some(target) => Reply::found(&target),
        None => Reply::json(&json!({ "status": true, "user": user })),
    };
    Ok(reply.cookies(cookie))
}
