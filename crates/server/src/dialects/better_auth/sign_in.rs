//! Signing up, in and out (contract §§7, 8.1).

use axum::http::{StatusCode, header};
use serde::Serialize;

use super::{
    account,
    callers::{Asked, Cookie, Reply, TrustedValue},
    errors::No,
    wire::{self, CALLBACK, Fields, UserShape},
};
use crate::operations::{
    sessions,
    sign_in::{self, Asked as SecondStep, PasswordSignIn, SignUp, SignedInOrAsked},
};
use countersign_core::method::Method;

#[derive(Serialize)]
struct SignedUpShape<'a> {
    token: Option<&'a str>,
    user: UserShape<'a>,
}

pub(super) async fn sign_up(asked: Asked) -> Result<Reply, No> {
    let mut fields = Fields::of(&asked.body)?;
    let name = fields.text("name");
    let email = fields.email("email");
    let password = fields.secret("password");
    if password.expose().is_empty()
        && matches!(asked.body.member("password"), Some(value) if value.is_string())
    {
        fields.complain("[body.password] Too small: expected string to have >=1 characters".to_owned());
    }
    let image = fields.optional_text("image");
    let callback = fields.optional_text(CALLBACK.key);
    let remember = fields.optional_flag("rememberMe").unwrap_or(true);
    fields.finish()?;
    let link = account::verification_link(&asked, callback.as_deref());
    let new = SignUp { name, email, password, image, remember, link };
    let signed_up = sign_in::sign_up(asked.ctx(), &asked.visitor, new).await?;
    let body = SignedUpShape {
        token: signed_up.session.as_ref().map(|session| session.token.expose().as_str()),
        user: wire::user(&signed_up.user, false),
    };
    let reply = Reply::json(&body);
    Ok(match &signed_up.session {
        Some(session) => remember_or_not(reply.session(session), &asked, remember),
        None => reply,
    })
}

/// The marker that a browser keeps while its session must not outlive it (§3).
fn remember_or_not(reply: Reply, asked: &Asked, remember: bool) -> Reply {
    match remember {
        false => reply.set(Cookie::DontRemember, "true", None),
        true if asked.brought(Cookie::DontRemember) => reply.clear(&[Cookie::DontRemember]),
        true => reply,
    }
}

#[derive(Serialize)]
struct SignedInShape<'a> {
    redirect: bool,
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    user: UserShape<'a>,
}

pub(super) async fn sign_in(asked: Asked) -> Result<Reply, No> {
    let mut fields = Fields::of(&asked.body)?;
    let email = fields.text("email");
    let password = fields.secret("password");
    let callback = fields.optional_text(CALLBACK.key);
    let remember = fields.optional_flag("rememberMe").unwrap_or(true);
    fields.finish()?;
    let trusted_device = asked.trusted_device();
    let attempt = PasswordSignIn { email, password, remember, trusted_device };
    let reply = match sign_in::with_password(asked.ctx(), &asked.visitor, attempt).await? {
        SignedInOrAsked::Asked(step) => second_step(&asked, &step, remember),
        SignedInOrAsked::SignedIn { user, second_factor_is_on, session, trusted_device } => {
            let body = SignedInShape {
                redirect: callback.is_some(),
                token: session.token.expose(),
                url: callback.as_deref(),
                user: wire::user(&user, second_factor_is_on),
            };
            let reply = remember_or_not(Reply::json(&body).session(&session), &asked, remember);
            match &trusted_device {
                Some(device) => {
                    let (value, seconds) = (&device.value, device.seconds_left);
                    let kept = TrustedValue { user: user.id.as_str(), value, seconds };
                    reply.trusted_device(&asked.surface, kept)
                }
                None => reply,
            }
        }
    };
    Ok(match callback {
        Some(target) => reply.header(header::LOCATION, target),
        None => reply,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SecondStepShape {
    two_factor_redirect: bool,
    two_factor_methods: Vec<&'static str>,
}

/// The challenge of §8.1. A trusted-device cookie that did not convince is dropped.
fn second_step(asked: &Asked, step: &SecondStep, remember: bool) -> Reply {
    let two_factor_methods = step.methods.iter().filter_map(|method| method_name(*method)).collect();
    let mut reply = Reply::json(&SecondStepShape { two_factor_redirect: true, two_factor_methods });
    if asked.brought(Cookie::TrustedDevice) {
        reply = reply.clear(&[Cookie::TrustedDevice]);
    }
    reply = reply.clear(&[Cookie::Session, Cookie::SessionData]).challenge(&step.token);
    remember_or_not(reply, asked, remember)
}

const fn method_name(method: Method) -> Option<&'static str> {
    match method {
        Method::Totp => Some("totp"),
        Method::EmailCode => Some("otp"),
        Method::Password | Method::BackupCode => None,
    }
}

/// No social provider is configured, ever.
pub(super) async fn social(asked: Asked) -> Result<Reply, No> {
    let mut fields = Fields::of(&asked.body)?;
    fields.text("provider");
    fields.finish()?;
    Err(No::Only(StatusCode::NOT_FOUND, "PROVIDER_NOT_FOUND", "Provider not found"))
}

#[derive(Serialize)]
struct Success {
    success: bool,
}

pub(super) async fn sign_out(asked: Asked) -> Result<Reply, No> {
    if let Some(token) = &asked.session_token {
        sessions::sign_out(asked.ctx(), &asked.visitor, token).await?;
    }
    Ok(Reply::json(&Success { success: true }).clear_session())
}
