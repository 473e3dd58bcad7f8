//! The account: profile, password, address, deletion, and the links mailed for them (contract §7).

use axum::http::StatusCode;
use countersign_core::{secret::Secret, user::User};
use serde::Serialize;
use serde_json::Value;

use super::{
    callers::{Asked, Reply},
    errors::No,
    wire::{self, CALLBACK, Fields, UserShape},
};
use crate::operations::{
    Stop,
    accounts::{self, Farewell, FarewellTaken, PasswordChange, ProfileChange},
    emails::{self, EmailChange, LinkPurpose, LinkShape, Opened, VerificationRequest},
    passwords,
};

#[derive(Serialize)]
struct Status {
    status: bool,
}

/// Under which base this dialect was asked, so that its links lead back the same way.
const BASE: &str = super::DIALECT.base;

pub(super) fn verification_link(_: &Asked, callback: Option<&str>) -> LinkShape {
    let after = format!("&callbackURL={}", wire::query_value(callback.unwrap_or("/")));
    LinkShape { before: format!("{BASE}/verify-email?token="), after }
}

pub(super) async fn update_user(asked: Asked) -> Result<Reply, No> {
    Fields::expecting(&asked.body, "record")?;
    if asked.body.member("email").is_some_and(|email| truthy(&email)) {
        return Err(No::Only(
            StatusCode::BAD_REQUEST,
            "EMAIL_CAN_NOT_BE_UPDATED",
            "Email can not be updated",
        ));
    }
    if asked.body.member("twoFactorEnabled").is_some_and(|flag| truthy(&flag)) {
        return Err(No::Only(
            StatusCode::BAD_REQUEST,
            "FIELD_NOT_ALLOWED",
            "twoFactorEnabled is not allowed to be set",
        ));
    }
    let mut fields = Fields::of(&asked.body)?;
    let name = fields.optional_text("name");
    let image = match asked.body.member("image") {
        Some(Value::Null) => Some(None),
        Some(_) => fields.optional_text("image").map(Some),
        None => None,
    };
    fields.finish()?;
    let who = asked.signed_in().await?;
    accounts::update(asked.ctx(), &asked.visitor, &who, ProfileChange { name, image }).await?;
    Ok(again(&asked, Reply::json(&Status { status: true }), who.session.remember))
}

fn truthy(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value != "" && value != 0
}

/// Sets the session cookie again, with the same token.
fn again(asked: &Asked, reply: Reply, remember: bool) -> Reply {
    match &asked.session_token {
        Some(token) => reply.session_token(token, remember),
        None => reply,
    }
}

#[derive(Serialize)]
struct PasswordChangedShape<'a> {
    token: Option<&'a str>,
    user: UserShape<'a>,
}

pub(super) async fn change_password(asked: Asked) -> Result<Reply, No> {
    let mut fields = Fields::of(&asked.body)?;
    let new = fields.secret("newPassword");
    let current = fields.secret("currentPassword");
    let revoke_other_sessions = fields.optional_flag("revokeOtherSessions").unwrap_or(false);
    fields.finish()?;
    let who = asked.signed_in().await?;
    let change = PasswordChange { current, new, revoke_other_sessions };
    let changed = accounts::change_password(asked.ctx(), &asked.visitor, &who, change).await?;
    let reply = Reply::json(&PasswordChangedShape {
        token: changed.session.as_ref().map(|session| session.token.expose().as_str()),
        user: wire::user(&changed.user, who.second_factor_is_on),
    });
    Ok(match &changed.session {
        Some(session) => reply.session(session),
        None => reply,
    })
}

pub(super) async fn verify_password(asked: Asked) -> Result<Reply, No> {
    let mut fields = Fields::of(&asked.body)?;
    let password = fields.secret("password");
    fields.finish()?;
    let who = asked.signed_in().await?;
    passwords::check(asked.ctx(), &asked.visitor, &who.user, password).await?;
    Ok(Reply::json(&Status { status: true }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountShape<'a> {
    id: &'a str,
    account_id: &'a str,
    provider_id: &'static str,
    user_id: &'a str,
    created_at: String,
    updated_at: String,
    scopes: [&'static str; 0],
}

/// The one account a person has here: the one with a password.
pub(super) async fn list_accounts(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let id = who.user.id.as_str();
    let credential = who.user.password.is_some().then(|| AccountShape {
        id,
        account_id: id,
        provider_id: "credential",
        user_id: id,
        created_at: who.user.created_at.to_iso(),
        updated_at: who.user.updated_at.to_iso(),
        scopes: [],
    });
    Ok(Reply::json(&credential.into_iter().collect::<Vec<_>>()))
}

pub(super) async fn change_email(asked: Asked) -> Result<Reply, No> {
    let mut fields = Fields::of(&asked.body)?;
    let new_email = fields.email("newEmail");
    let callback = fields.optional_text(CALLBACK.key);
    fields.finish()?;
    let who = asked.signed_in().await?;
    let link = verification_link(&asked, callback.as_deref());
    let wish = EmailChange { new_email: &new_email, link };
    emails::request_change(asked.ctx(), &asked.visitor, &who, wish).await?;
    Ok(Reply::json(&Status { status: true }))
}

#[derive(Serialize)]
struct Deleted {
    success: bool,
    message: &'static str,
}

pub(super) async fn delete_user(asked: Asked) -> Result<Reply, No> {
    let mut fields = Fields::optional(&asked.body)?;
    let password = fields.optional_text("password").map(Secret::new);
    let token = fields.optional_text("token");
    let callback = fields.optional_text(CALLBACK.key);
    fields.finish()?;
    let who = asked.signed_in().await?;
    if let Some(token) = token {
        accounts::confirm_delete(asked.ctx(), &asked.visitor, &who, &token).await?;
        return Ok(gone(Reply::json(&Deleted { success: true, message: "User deleted" })));
    }
    let after = format!("&callbackURL={}", wire::query_value(callback.as_deref().unwrap_or("/")));
    let link = LinkShape { before: format!("{BASE}/delete-user/callback?token="), after };
    let taken = accounts::delete(asked.ctx(), &asked.visitor, &who, Farewell { password, link }).await?;
    Ok(match taken {
        FarewellTaken::Deleted => gone(Reply::json(&Deleted { success: true, message: "User deleted" })),
        FarewellTaken::Mailed => Reply::json(&Deleted { success: true, message: "Verification email sent" }),
    })
}

fn gone(reply: Reply) -> Reply {
    reply.clear_session()
}

pub(super) async fn confirm_delete(asked: Asked) -> Result<Reply, No> {
    let token = query_text(&asked, "token")?;
    let callback = allowed_callback(&asked)?.unwrap_or_else(|| "/".to_owned());
    let Some(current) = asked.current().await? else {
        return Err(No::Only(StatusCode::NOT_FOUND, "FAILED_TO_GET_USER_INFO", "Failed to get user info"));
    };
    accounts::confirm_delete(asked.ctx(), &asked.visitor, &current.who, &token).await?;
    Ok(gone(Reply::found(&callback)))
}

fn query_text(asked: &Asked, key: &str) -> Result<String, No> {
    asked.query(key).ok_or_else(|| {
        No::Invalid(format!("[query.{key}] Invalid input: expected string, received undefined"))
    })
}

/// The redirect target of a GET route, checked like those of the others (§4.3).
fn allowed_callback(asked: &Asked) -> Result<Option<String>, No> {
    match asked.query(CALLBACK.key).filter(|target| !target.is_empty()) {
        Some(target) if !asked.surface.origins.allows_redirect(&target) => Err(No::Redirect(&CALLBACK)),
        target => Ok(target),
    }
}

#[derive(Serialize)]
struct ResetRequested {
    status: bool,
    message: &'static str,
}

pub(super) async fn request_password_reset(asked: Asked) -> Result<Reply, No> {
    let mut fields = Fields::of(&asked.body)?;
    let email = fields.email("email");
    let redirect = fields.optional_text("redirectTo").unwrap_or_default();
    fields.finish()?;
    let after = format!("?callbackURL={}", wire::query_value(&redirect));
    let link = LinkShape { before: format!("{BASE}/reset-password/"), after };
    accounts::request_password_reset(asked.ctx(), &asked.visitor, &email, link).await?;
    Ok(Reply::json(&ResetRequested {
        status: true,
        message: "If this email exists in our system, check your email for the reset link",
    }))
}

/// The mailed link: leads to the application's page with the token, which only the page's POST spends.
pub(super) async fn follow_reset_link(asked: Asked) -> Result<Reply, No> {
    query_text(&asked, CALLBACK.key)?;
    let callback = allowed_callback(&asked)?.unwrap_or_else(|| "/".to_owned());
    let token = asked.path().rsplit('/').next().unwrap_or_default().to_owned();
    let target = match url::Url::options().base_url(Some(&asked.ctx().config.public_url)).parse(&callback) {
        Ok(absolute) => absolute.to_string(),
        Err(_) => callback,
    };
    let live = emails::would_open(asked.ctx(), &token, LinkPurpose::ResetPassword).await?;
    let (key, value) = if live { ("token", token.as_str()) } else { ("error", "INVALID_TOKEN") };
    Ok(Reply::found(&wire::with_query(&target, key, value)))
}

pub(super) async fn reset_password(asked: Asked) -> Result<Reply, No> {
    let mut fields = Fields::of(&asked.body)?;
    let new = fields.secret("newPassword");
    let token = fields.optional_text("token");
    fields.finish()?;
    let token = token.or_else(|| asked.query("token")).unwrap_or_default();
    accounts::reset_password(asked.ctx(), &asked.visitor, &token, new).await?;
    Ok(Reply::json(&Status { status: true }))
}

pub(super) async fn send_verification_email(asked: Asked) -> Result<Reply, No> {
    let mut fields = Fields::of(&asked.body)?;
    let email = fields.email("email");
    let callback = fields.optional_text(CALLBACK.key);
    fields.finish()?;
    let current = asked.current().await?;
    let request = VerificationRequest {
        email: &email,
        who: current.as_ref().map(|current| &current.who),
        link: verification_link(&asked, callback.as_deref()),
    };
    emails::request_verification(asked.ctx(), &asked.visitor, request).await?;
    Ok(Reply::json(&Status { status: true }))
}

#[derive(Serialize)]
struct VerifiedShape<'a> {
    status: bool,
    user: Option<UserShape<'a>>,
}

pub(super) async fn verify_email(asked: Asked) -> Result<Reply, No> {
    let token = query_text(&asked, "token")?;
    let callback = allowed_callback(&asked)?;
    match (emails::open(asked.ctx(), &asked.visitor, &token).await, callback) {
        (Ok(opened), Some(target)) => after_change(&asked, Reply::found(&target), &opened).await,
        (Ok(Opened::Verified), None) => Ok(Reply::json(&VerifiedShape { status: true, user: None })),
        (Ok(Opened::Changed(user)), None) => {
            let current = asked.current().await?;
            let enabled = current.as_ref().is_some_and(|current| current.who.second_factor_is_on);
            let user_shape = wire::user(&user, enabled);
            let reply = Reply::json(&VerifiedShape { status: true, user: Some(user_shape) });
            after_change(&asked, reply, &Opened::Changed(user)).await
        }
        (Err(Stop::Denied(denied)), Some(target)) => {
            Ok(Reply::found(&wire::with_query(&target, "error", super::errors::link_code(&denied))))
        }
        (Err(stop), _) => Err(stop.into()),
    }
}

/// A changed address re-sets the cookie of the person's own session.
async fn after_change(asked: &Asked, reply: Reply, opened: &Opened) -> Result<Reply, No> {
    let Opened::Changed(User { id, .. }) = opened else {
        return Ok(reply);
    };
    Ok(match asked.current().await? {
        Some(current) if current.who.user.id == *id => again(asked, reply, current.who.session.remember),
        _ => reply,
    })
}
