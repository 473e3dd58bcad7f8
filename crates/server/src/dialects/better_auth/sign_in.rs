//! Signing up, in and out (contract §§7, 8.1).

use axum::http::header;
use countersign_core::method::Method;
use serde_json::json;

use super::{
    callers::{Asked, DONT_REMEMBER, TRUSTED_DEVICE},
    errors::No,
    wire,
};
use crate::{
    http::{cookies::SetCookie, query, reply::Reply},
    operations::{
        emails::LinkShape,
        sessions::{self, Handover},
        sign_in::{self, Asked as SecondStep, PasswordSignIn, SignUp, SignedInOrAsked},
    },
};

pub(super) async fn sign_up(asked: Asked) -> Result<Reply, No> {
    let new = asked.body(|body| SignUp {
        name: body.text("name"),
        email: body.email("email"),
        password: body.some_secret("password"),
        image: body.optional_text("image"),
        link: verification_link(&asked, body.optional_text("callbackURL")),
        remember: body.flag("rememberMe", true),
        ..SignUp::default()
    })?;
    let remember = new.remember;
    let signed_up = sign_in::sign_up(asked.ctx(), &asked.visitor, new).await?;
    let token = signed_up.session.as_ref().map(|session| session.token.expose());
    let reply = Reply::json(&json!({ "token": token, "user": wire::user(&signed_up.user, false) }));
    Ok(match &signed_up.session {
        Some(session) => asked.surface.welcome(reply, session).cookies(remember_marker(&asked, remember)),
        None => reply,
    })
}

pub(super) fn verification_link(asked: &Asked, callback: Option<String>) -> LinkShape {
    let callback = query::value(callback.as_deref().unwrap_or("/"));
    asked.link("/verify-email?token=", format!("&callbackURL={callback}"))
}

/// The marker that a browser keeps while its session must not outlive it (§3).
fn remember_marker(asked: &Asked, remember: bool) -> Option<SetCookie> {
    match remember {
        true => asked.clear_brought(DONT_REMEMBER),
        false => Some(asked.surface.dont_remember()),
    }
}

pub(super) async fn sign_in(asked: Asked) -> Result<Reply, No> {
    let (attempt, callback) = asked.body(|body| {
        let attempt = PasswordSignIn {
            email: body.text("email"),
            password: body.secret("password"),
            remember: true,
            trusted_devices: asked.trusted_device().into_iter().collect(),
            ..PasswordSignIn::default()
        };
        let callback = body.optional_text("callbackURL");
        (PasswordSignIn { remember: body.flag("rememberMe", true), ..attempt }, callback)
    })?;
    let (surface, remember) = (&asked.surface, attempt.remember);
    let reply = match sign_in::with_password(asked.ctx(), &asked.visitor, attempt).await? {
        SignedInOrAsked::Asked(step) => second_step(&asked, &step),
        SignedInOrAsked::SignedIn { user, second_factor_is_on, session, trusted_device } => {
            let mut body = json!({
                "redirect": callback.is_some(),
                "token": session.token.expose(),
                "user": wire::user(&user, second_factor_is_on),
            });
            if let Some(target) = &callback {
                body["url"] = json!(target);
            }
            let kept =
                trusted_device.map(|kept| surface.trusted_device(&user, &kept.value, kept.seconds_left));
            surface.welcome(Reply::json(&body), &session).cookies(kept)
        }
    };
    let reply = reply.cookies(remember_marker(&asked, remember));
    Ok(match callback {
        Some(target) => reply.header(header::LOCATION, target),
        None => reply,
    })
}

/// The challenge of §8.1. A trusted-device cookie that did not convince is dropped.
pub(super) fn second_step(asked: &Asked, step: &SecondStep) -> Reply {
    let methods: Vec<_> = step.methods.iter().filter_map(|method| method_name(*method)).collect();
    Reply::json(&json!({ "twoFactorRedirect": true, "twoFactorMethods": methods }))
        .cookies(asked.clear_brought(TRUSTED_DEVICE))
        .cookies(asked.surface.challenge(&step.token))
}

const fn method_name(method: Method) -> Option<&'static str> {
    match method {
        Method::Totp => Some("totp"),
        Method::EmailCode => Some("otp"),
        Method::SmsCode => Some("sms"),
        Method::Passkey => Some("passkey"),
        Method::Password | Method::BackupCode => None,
    }
}

/// No social provider is configured, ever.
pub(super) async fn social(asked: Asked) -> Result<Reply, No> {
    asked.body(|body| body.text("provider"))?;
    Err(No::Only(404, "PROVIDER_NOT_FOUND", "Provider not found"))
}

pub(super) async fn sign_out(asked: Asked) -> Result<Reply, No> {
    if let Some(token) = &asked.session_token {
        sessions::sign_out(asked.ctx(), &asked.visitor, token, Handover::Token).await?;
    }
    Ok(Reply::json(&json!({ "success": true })).cookies(asked.surface.clear_session()))
}
