//! The first account and all others, the links mailed for them, and forgotten passwords (contract §2).

use axum::http::StatusCode;
use countersign_core::{denied::Denied, password::Ingredient, secret::Secret, user};
use serde_json::json;

use super::{callers::Asked, errors::No, errors::Said, wire};
use crate::{
    http::{
        javascript::{clean, is_space, is_truthy, length},
        reply::Reply,
        sent::Sent,
    },
    operations::{
        accounts,
        emails::{self, LinkPurpose, LinkState, VerificationRequest},
        organisations::{self, Belonging},
        sessions::Handover,
        sign_in::{self, SignUp},
    },
};

/// What its front end asks of a password, and tells people.
const INGREDIENTS: &[Ingredient] =
    &[Ingredient::UpperCase, Ingredient::LowerCase, Ingredient::Digit, Ingredient::Special];
/// Longest address and name, in UTF-16 units as JavaScript counts.
const TEXT_MAX: usize = 255;
const VERIFY_PAGE: &str = "/verify-signup?token=";
const RESET_PAGE: &str = "/reset-password?token=";

pub(super) async fn setup_status(asked: Asked) -> Result<Reply, No> {
    Ok(Reply::json(&json!({ "initialized": organisations::anybody_here(asked.ctx()).await? })))
}

/// Of many at once, the operation lets one through; this only spares the others' hashing.
pub(super) async fn set_up(asked: Asked) -> Result<Reply, No> {
    if organisations::anybody_here(asked.ctx()).await? {
        return Err(Denied::AlreadySetUp.into());
    }
    let new = SignUp { belonging: Belonging::FirstAtHome, ..newcomer(&asked)? };
    let signed_up = sign_in::sign_up(asked.ctx(), &asked.visitor, new).await?;
    let user = &signed_up.user;
    let reply = Reply::json(&wire::newcomer(user, asked.surface.is_admin(user).await?));
    match &signed_up.session {
        Some(session) => asked.welcome(reply, user, session).await,
        None => Ok(reply),
    }
}

pub(super) async fn register(asked: Asked) -> Result<Reply, No> {
    if !asked.ctx().config.slugbase.registrations {
        return Err(No::Only(Said::of(403, "REGISTRATIONS_DISABLED", "Registrations are disabled")));
    }
    let new = SignUp { belonging: Belonging::Home, handover: Handover::Nothing, ..newcomer(&asked)? };
    sign_in::sign_up(asked.ctx(), &asked.visitor, new).await?;
    Ok(wire::message("Check your email to verify your account").status(StatusCode::CREATED))
}

/// In the original's order: all there, then each one's type, length and form. The password's own rules come last.
fn newcomer(asked: &Asked) -> Result<SignUp, No> {
    let sent = &asked.sent;
    if !["email", "name", "password"]
        .iter()
        .all(|name| sent.member(name).is_some_and(|value| is_truthy(&value)))
    {
        return Err(No::member("email", "FIELDS_REQUIRED", "Email, name, and password are required"));
    }
    let email = email(sent)?;
    let name = name(sent)?;
    let password = sent
        .text("password")
        .ok_or_else(|| No::member("password", "PASSWORD_INVALID", "Password is required"))?;
    Ok(SignUp {
        name,
        email,
        password: Secret::new(password),
        link: asked.page(VERIFY_PAGE),
        remember: true,
        ingredients: INGREDIENTS,
        ..SignUp::default()
    })
}

/// The address in the request, trimmed and well formed.
pub(super) fn email(sent: &Sent) -> Result<String, No> {
    let required = || No::member("email", "EMAIL_INVALID", "Email is required");
    let email = sent.some_text("email").ok_or_else(required)?;
    let email = email.trim_matches(is_space);
    if length(email) > TEXT_MAX {
        return Err(No::member("email", "EMAIL_INVALID", "Email must be no more than 255 characters"));
    }
    Ok(user::email(email).ok_or(Denied::EmailInvalid)?)
}

pub(super) fn name(sent: &Sent) -> Result<String, No> {
    let wrong = |sentence: &'static str| No::member("name", "NAME_INVALID", sentence);
    let name = sent.text("name").ok_or_else(|| wrong("Name must be a string"))?;
    let name = clean(&name);
    match length(&name) {
        0 => Err(wrong("Name must be at least 1 characters")),
        length if length > TEXT_MAX => Err(wrong("Name must be no more than 255 characters")),
        _ => Ok(name),
    }
}

/// The token of a mailed link, from the body.
fn link_token(asked: &Asked) -> Result<String, No> {
    asked.sent.some_text("token").ok_or_else(|| No::member("token", "TOKEN_REQUIRED", "Token is required"))
}

fn used() -> No {
    No::member("token", "LINK_USED", "This verification link has already been used")
}

pub(super) async fn verify(asked: Asked) -> Result<Reply, No> {
    let token = link_token(&asked)?;
    match emails::look_at(asked.ctx(), &token, LinkPurpose::VerifyEmail).await? {
        LinkState::Valid(_) => {}
        LinkState::Used => return Err(used()),
        LinkState::Expired(_) => return Err(Denied::LinkExpired.into()),
        LinkState::Unknown => return Err(Denied::LinkInvalid.into()),
    }
    emails::open(asked.ctx(), &asked.visitor, &token).await?;
    Ok(wire::message("Email verified. You can log in."))
}

pub(super) async fn verification_status(asked: Asked) -> Result<Reply, No> {
    let Some(token) = asked.query("token") else {
        return Ok(Reply::json(&json!({ "status": "invalid" })).status(StatusCode::BAD_REQUEST));
    };
    let state = emails::look_at(asked.ctx(), &token, LinkPurpose::VerifyEmail).await?;
    Ok(Reply::json(&match state {
        LinkState::Valid(email) => json!({ "status": "valid", "email": email }),
        LinkState::Expired(email) => json!({ "status": "expired", "email": email }),
        LinkState::Used => json!({ "status": "used" }),
        LinkState::Unknown => json!({ "status": "invalid" }),
    }))
}

/// Always to the address the account has: whoever holds a link may not send the account elsewhere.
pub(super) async fn resend(asked: Asked) -> Result<Reply, No> {
    let token = link_token(&asked)?;
    match emails::look_at(asked.ctx(), &token, LinkPurpose::VerifyEmail).await? {
        LinkState::Used => return Err(used()),
        LinkState::Unknown => return Err(No::member("token", "LINK_INVALID", "Invalid verification token")),
        LinkState::Valid(_) | LinkState::Expired(_) => {}
    }
    emails::resend_by_link(asked.ctx(), &asked.visitor, &token, asked.page(VERIFY_PAGE)).await?;
    Ok(wire::message("Verification email sent"))
}

pub(super) async fn request_resend(asked: Asked) -> Result<Reply, No> {
    let email = email(&asked.sent)?;
    let request = VerificationRequest { email: &email, who: None, link: asked.page(VERIFY_PAGE) };
    emails::request_verification(asked.ctx(), &asked.visitor, request).await?;
    let sentence = "If an unverified account exists with that email, a new verification link has been sent.";
    Ok(Reply::json(&json!({ "message": sentence, "emailChanged": false })))
}

pub(super) async fn request_reset(asked: Asked) -> Result<Reply, No> {
    let email = email(&asked.sent)?;
    accounts::request_password_reset(asked.ctx(), &asked.visitor, &email, asked.page(RESET_PAGE)).await?;
    let sentence = "If an account with this email exists, a password reset link has been sent.";
    Ok(wire::message(sentence))
}

pub(super) async fn check_reset(asked: Asked) -> Result<Reply, No> {
    let token = asked.query("token").unwrap_or_default();
    if emails::would_open(asked.ctx(), &token, LinkPurpose::ResetPassword).await? {
        return Ok(Reply::json(&json!({ "valid": true })));
    }
    let body = json!({ "valid": false, "error": "Invalid or expired token" });
    Ok(Reply::json(&body).status(StatusCode::BAD_REQUEST))
}

pub(super) async fn reset(asked: Asked) -> Result<Reply, No> {
    let (Some(token), Some(password)) = (asked.sent.some_text("token"), asked.sent.some_text("password"))
    else {
        return Err(No::member("token", "FIELDS_REQUIRED", "Token and password are required"));
    };
    let new = (Secret::new(password), INGREDIENTS);
    accounts::reset_password(asked.ctx(), &asked.visitor, &token, new).await?;
    Ok(wire::message("Password reset successfully"))
}
