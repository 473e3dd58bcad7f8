//! Coming in: a first factor, and the challenge that stands before a session.

use axum::http::StatusCode;
use countersign_core::{denied::Denied, method::Method, secret::Secret};
use serde_json::{Value, json};

use super::{callers::Asked, errors::No, wire};
use crate::{
    http::{fields::Fields, reply::Reply},
    operations::{
        challenge::{self, Answered, Answerer, Carrier, Typed, Wishes},
        emails::LinkShape,
        mail_sign_in::{self, By, Come, Request, TypedCode},
        passkeys::{self, Answer, PasskeySignIn},
        sessions::Handover,
        sign_in::{self, PasswordSignIn, SignUp, SignedInOrAsked},
    },
};

pub(super) async fn sign_up(asked: Asked) -> Result<Reply, No> {
    let new = asked.body(|body| SignUp {
        name: body.optional_text("name").unwrap_or_default(),
        email: body.email("email"),
        password: body.some_secret("password"),
        remember: body.flag("remember", true),
        link: LinkShape { before: "/verify-email?token=".to_owned(), ..LinkShape::default() },
        ..SignUp::default()
    })?;
    let done = sign_in::sign_up(asked.ctx(), &asked.visitor, new).await?;
    let now = asked.ctx().clock.now();
    let session = done.session.as_ref().map(|session| wire::minted(session, now));
    let body = json!({ "user": wire::user(&done.user, false), "session": session });
    Ok(Reply::json(&body).status(StatusCode::CREATED))
}

pub(super) async fn with_password(asked: Asked) -> Result<Reply, No> {
    let attempt = asked.body(|body| PasswordSignIn {
        email: body.text("email"),
        password: body.secret("password"),
        remember: body.flag("remember", true),
        trusted_devices: body.optional_text("trusted_device").into_iter().collect(),
        ..PasswordSignIn::default()
    })?;
    let step = sign_in::with_password(asked.ctx(), &asked.visitor, attempt).await?;
    Ok(came(&asked, &step))
}

/// A session, or the challenge before it.
fn came(asked: &Asked, step: &SignedInOrAsked) -> Reply {
    match step {
        SignedInOrAsked::Asked(step) => Reply::json(&wire::challenge(step)),
        SignedInOrAsked::SignedIn { user, second_factor_is_on, session, trusted_device } => {
            let body = json!({
                "session": wire::minted(session, asked.ctx().clock.now()),
                "user": wire::user(user, *second_factor_is_on),
                "trusted_device": trusted_device.as_ref().map(|kept| kept.value.expose()),
            });
            Reply::json(&body).status(StatusCode::CREATED)
        }
    }
}

pub(super) async fn passkey_options(asked: Asked) -> Result<Reply, No> {
    let options = passkeys::begin_sign_in(asked.ctx(), None).await?;
    Ok(Reply::json(&options.json()))
}

/// What comes back from the browser: the ceremony's token, and its answer as far as it can be read.
pub(super) fn passkey_answer(body: &mut Fields<'_>) -> Answer {
    let sent = body.member("response").or_else(|| body.member("credential"));
    Answer {
        token: Some(body.text("ceremony")),
        assertion: sent.and_then(|response| serde_json::from_value(response).ok()),
    }
}

pub(super) async fn with_passkey(asked: Asked) -> Result<Reply, No> {
    let (answer, remember) = asked.body(|body| (passkey_answer(body), body.flag("remember", true)))?;
    let attempt = PasskeySignIn { answer, remember, handover: Handover::Token };
    let step = passkeys::sign_in(asked.ctx(), &asked.visitor, attempt).await?;
    Ok(came(&asked, &step))
}

/// `browser` comes back with the code: what is typed elsewhere is worth nothing.
pub(super) async fn mail_code(asked: Asked) -> Result<Reply, No> {
    let (email, browser) = asked.body(|body| (body.email("email"), body.optional_text("browser")))?;
    let request = Request { email: &email, by: By::Code, name: String::new(), browser };
    let kept = mail_sign_in::request(asked.ctx(), &asked.visitor, request).await?;
    Ok(Reply::json(&json!({ "browser": kept.expose() })).status(StatusCode::ACCEPTED))
}

pub(super) async fn with_mailed_code(asked: Asked) -> Result<Reply, No> {
    let (typed, trusted_devices) = asked.body(|body| {
        let typed = TypedCode {
            email: body.text("email"),
            code: body.secret("code"),
            browser: Some(body.text("browser")),
            name: body.optional_text("name").unwrap_or_default(),
        };
        (typed, body.optional_text("trusted_device").into_iter().collect())
    })?;
    let come = Come { handover: Handover::Token, trusted_devices };
    let came_in = mail_sign_in::type_code(asked.ctx(), &asked.visitor, typed, come).await?;
    Ok(came(&asked, &came_in.step))
}

pub(super) fn at_the_door(token: String) -> Answerer {
    Answerer { challenge: Some(token), handover: Handover::Token, ..Answerer::default() }
}

pub(super) async fn look_at_challenge(asked: Asked) -> Result<Reply, No> {
    let token = asked.body(|body| body.text("challenge"))?;
    let open = challenge::look_at(asked.ctx(), &at_the_door(token)).await?;
    let body = json!({ "methods": open.methods, "backup_codes_left": open.backup_codes_left });
    Ok(Reply::json(&body))
}

pub(super) async fn send_code(asked: Asked) -> Result<Reply, No> {
    let (token, carrier) = asked.body(|body| (body.text("challenge"), carrier(body)))?;
    challenge::send_code(asked.ctx(), &asked.visitor, at_the_door(token), carrier).await?;
    Ok(Reply::empty(StatusCode::ACCEPTED))
}

/// By mail, unless a text message is asked for.
pub(super) fn carrier(body: &mut Fields<'_>) -> Carrier {
    match body.choice("method", &["email_code", "sms_code"]) {
        Some("sms_code") => Carrier::Text,
        _ => Carrier::Digits,
    }
}

/// What is offered: a passkey's answer, or a typed code with the method it belongs to.
pub(super) enum Offered {
    Passkey(Answer),
    Typed(Typed),
}

const TYPED: &[&str] = &["password", "totp", "email_code", "sms_code", "backup_code", "passkey"];

pub(super) fn offered(body: &mut Fields<'_>) -> Offered {
    let method = body.choice("method", TYPED).and_then(Method::parse);
    match method {
        Some(Method::Passkey) => Offered::Passkey(passkey_answer(body)),
        // Six or eight digits are an app's, anything else is from the printed sheet.
        None => Offered::Typed(Typed::from_either(body.some_secret("code"))),
        Some(method) => Offered::Typed(Typed { method, code: body.some_secret("code") }),
    }
}

pub(super) async fn answer(
    asked: &Asked,
    answerer: Answerer,
    (offered, wishes): (Offered, Wishes),
) -> Result<Answered, No> {
    let (ctx, visitor) = (asked.ctx(), &asked.visitor);
    Ok(match offered {
        Offered::Passkey(answer) => passkeys::answer(ctx, visitor, answerer, (answer, wishes)).await?,
        Offered::Typed(typed) => challenge::answer(ctx, visitor, answerer, (typed, wishes)).await?,
    })
}

pub(super) async fn verify(asked: Asked) -> Result<Reply, No> {
    let (token, offered, trust_device) =
        asked.body(|body| (body.text("challenge"), offered(body), body.flag("trust_device", false)))?;
    let wishes = Wishes { trust_device, ..Wishes::default() };
    let body: Value = match answer(&asked, at_the_door(token), (offered, wishes)).await? {
        Answered::SignedIn { user, session, trusted_device } => json!({
            "session": wire::minted(&session, asked.ctx().clock.now()),
            "user": wire::user(&user, true),
            "trusted_device": trusted_device.as_ref().map(Secret::expose),
        }),
        Answered::ProvenOnly { .. } | Answered::Proven { .. } => return Err(Denied::ChallengeGone.into()),
    };
    Ok(Reply::json(&body).status(StatusCode::CREATED))
}
