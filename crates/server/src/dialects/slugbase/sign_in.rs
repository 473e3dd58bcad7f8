//! Signing in, the second step, signing out, and CSRF tokens (contract §2).

use countersign_core::secret::Secret;
use serde_json::json;

use super::{
    callers::{Asked, PENDING, SESSION_ID, TOKEN},
    errors::No,
    sign_up::email,
    wire,
};
use crate::{
    fault::Fault,
    http::{javascript::is_truthy, reply::Reply},
    operations::{
        challenge::{self, Answered, Answerer, Wishes},
        sign_in::{self, PasswordSignIn, SignedInOrAsked},
    },
};

pub(super) async fn csrf_token(asked: Asked) -> Result<Reply, No> {
    let token = asked.surface.new_csrf_token();
    Ok(Reply::json(&json!({ "csrfToken": token })).cookie(asked.surface.csrf(&token)))
}

pub(super) async fn log_in(asked: Asked) -> Result<Reply, No> {
    let given = |name: &str| asked.sent.member(name).is_some_and(|value| is_truthy(&value));
    if !given("email") || !given("password") {
        return Err(No::member("email", "CREDENTIALS_REQUIRED", "Email and password are required"));
    }
    let email = email(&asked.sent)?;
    let not_text = || No::member("password", "PASSWORD_INVALID", "Password is required");
    let password = asked.sent.text("password").map(Secret::new).ok_or_else(not_text)?;
    let attempt = PasswordSignIn { email, password, remember: true, ..PasswordSignIn::default() };
    match sign_in::with_password(asked.ctx(), &asked.visitor, attempt).await? {
        SignedInOrAsked::Asked(step) => {
            let pending = asked.surface.pending(&step.user, &step.token)?;
            Ok(Reply::json(&json!({ "mfa_required": true })).cookies(pending))
        }
        SignedInOrAsked::SignedIn { user, session, .. } => {
            let body = wire::user(&user, asked.surface.is_admin(&user).await?);
            asked.welcome(Reply::json(&body), &user, &session).await
        }
    }
}

pub(super) async fn verify(asked: Asked) -> Result<Reply, No> {
    let challenge = Some(asked.challenge()?.expose().clone());
    let typed = wire::code(&asked.code()?);
    let answerer = Answerer { challenge, ..Answerer::default() };
    let answered =
        challenge::answer(asked.ctx(), &asked.visitor, answerer, (typed, Wishes::default())).await?;
    let Answered::SignedIn { user, session, .. } = answered else {
        return Err(No::Fault(Fault::internal(
            "a challenge was answered with something other than a session",
        )));
    };
    let body = wire::user(&user, asked.surface.is_admin(&user).await?);
    let reply = asked.welcome(Reply::json(&body), &user, &session).await?;
    Ok(reply.cookie(asked.surface.clear(PENDING)))
}

pub(super) async fn log_out(asked: Asked) -> Result<Reply, No> {
    asked.leave().await?;
    if let Ok(challenge) = asked.challenge() {
        challenge::give_up(asked.ctx(), &asked.visitor, challenge).await?;
    }
    let gone = [TOKEN, SESSION_ID, PENDING].map(|name| asked.surface.clear(name));
    Ok(wire::message("Logged out").cookies(gone))
}
