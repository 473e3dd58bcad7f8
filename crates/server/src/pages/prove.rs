//! The page that an application sends its people to: they prove themselves, or enrol first, and go back.

use askama::Template;
use axum::http::StatusCode;
use countersign_core::{denied::Denied, method::Method, secret::Secret};
use serde_json::json;
use url::Url;

use super::{
    asked::{Asked, Keeps, Message, No, see},
    second_step::{news_of_sending, sent_by, typed},
};
use crate::{
    http::{
        look::Look,
        page::{self, Challenge, Passkeys, Request},
        query,
        reply::Reply,
    },
    operations::{
        Stop,
        challenge::Hints,
        passkeys::Answer,
        service::{self, Hosted, Onward, Proof},
        sessions::SignedIn,
    },
    words::Text,
};

fn token(asked: &Asked) -> String {
    asked.kept(Keeps::Application).unwrap_or_default()
}

/// What has been answered, has run out, or never was.
const OVER: No = No::Said(StatusCode::GONE, "prove-over");

fn over(stop: Stop) -> No {
    match stop {
        Stop::Denied(Denied::ChallengeGone) => OVER,
        stop => stop.into(),
    }
}

async fn look(asked: &Asked) -> Result<Hosted, No> {
    service::look_at(asked.ctx(), &token(asked)).await.map_err(over)
}

pub(super) async fn enrolling(asked: &Asked, method: Method) -> Result<SignedIn, No> {
    match service::enrolling(asked.ctx(), &asked.visitor, &token(asked), method).await {
        Err(Stop::Denied(Denied::AlreadyEnrolled(_) | Denied::MethodNotAllowed(_))) => {
            Err(No::Elsewhere("/prove".to_owned()))
        }
        who => who.map_err(over),
    }
}

/// The origin to which people go back from here.
pub(super) async fn leads_to(asked: &Asked) -> Result<Option<String>, No> {
    let back = service::return_url(asked.ctx(), &token(asked)).await?;
    let origin = back.and_then(|url| Url::parse(&url).ok()).map(|url| url.origin().ascii_serialization());
    Ok(origin.filter(|origin| origin != asked.ctx().config.origin()))
}

pub(super) async fn suggested_phone(asked: &Asked) -> Result<String, No> {
    Ok(look(asked).await?.wanted.phone.unwrap_or_default())
}

#[derive(Template)]
#[template(path = "pages/prove_enrol.html")]
struct Choose<'a> {
    look: &'a Look,
    title: Text,
    request: Request<'a>,
    ways: Vec<(&'a str, &'a str, &'a str)>,
}

/// What can be enrolled, with what speaks for it.
const fn way(method: Method) -> Option<(&'static str, &'static str, &'static str)> {
    match method {
        Method::Passkey => Some(("/prove/passkey", "prove-passkey", "prove-passkey-why")),
        Method::Totp => Some(("/prove/totp", "prove-totp", "prove-totp-why")),
        Method::SmsCode => Some(("/prove/sms", "prove-sms", "prove-sms-why")),
        Method::EmailCode => Some(("/prove/email", "prove-email", "prove-email-why")),
        Method::Password | Method::BackupCode => None,
    }
}

/// The token leaves the address bar before anything is shown; looking changes nothing.
pub(super) async fn show(asked: Asked) -> Result<Reply, No> {
    if let Some(token) = asked.query("token") {
        return Ok(see("/prove").cookie(asked.keep(Keeps::Application, &Secret::new(token))));
    }
    page(&asked, (StatusCode::OK, None)).await
}

fn request<'a>(hosted: &'a Hosted) -> Request<'a> {
    Request {
        application: &hosted.application,
        person: &hosted.person,
        reason: hosted.wanted.reason.as_deref(),
        transaction: hosted.wanted.transaction.as_deref(),
    }
}

async fn page(asked: &Asked, (status, said): (StatusCode, Option<Text>)) -> Result<Reply, No> {
    let hosted = look(asked).await?;
    let leads_to = leads_to(asked).await?;
    if hosted.methods.is_empty() {
        let ways: Vec<_> = hosted.enrols.iter().filter_map(|method| way(*method)).collect();
        if ways.is_empty() {
            return Err(No::Said(StatusCode::FORBIDDEN, "prove-nothing"));
        }
        let page = Choose {
            look: asked.look(),
            title: "prove-choose-title".into(),
            request: request(&hosted),
            ways,
        };
        return Ok(page::reply(&page, leads_to.as_deref()).status(status));
    }
    let has = |method| hosted.methods.contains(&method);
    let passkeys = Passkeys {
        method: "POST",
        options: "/prove/answer/options".to_owned(),
        verify: "/prove/answer".to_owned(),
        then: "/prove".to_owned(),
    };
    let hints = &hosted.hints;
    let page = Challenge {
        look: asked.look(),
        title: "challenge-title".into(),
        request: Some(request(&hosted)),
        said,
        wrong: status != StatusCode::OK,
        app: has(Method::Totp),
        sheet: has(Method::BackupCode),
        mailbox: hints.mailbox.clone(),
        phone: hints.phone.clone(),
        first: sent_by(asked).or(hints.last_used),
        last_used: hints.last_used,
        password: false,
        passkeys: has(Method::Passkey).then_some(passkeys),
        trust: None,
        elapsed: page::elapsed(asked.ctx().clock.now()),
        wait: hints.wait.map(|wait| wait.as_secs() + 1),
        recovers: false,
    };
    Ok(page::reply(&page, leads_to.as_deref()).status(status))
}

pub(super) async fn answer(asked: Asked) -> Result<Reply, No> {
    let (ctx, visitor) = (asked.ctx(), &asked.visitor);
    if asked.ticked("send") {
        let method = if asked.text("send") == "sms" { Method::SmsCode } else { Method::EmailCode };
        let sent = service::send(ctx, visitor, &token(&asked), method).await;
        let Hints { phone, mailbox, .. } = look(&asked).await?.hints;
        let to = if method == Method::SmsCode { phone } else { mailbox };
        return page(&asked, news_of_sending(sent, to.as_deref())?).await;
    }
    match service::answer(ctx, visitor, &token(&asked), Proof::Typed(typed(&asked))).await {
        Ok(onward) => Ok(away(&asked, &onward)),
        Err(Stop::Denied(Denied::ChallengeGone | Denied::TooManyAttempts)) => Err(OVER),
        Err(Stop::Denied(denied)) => {
            page(&asked, (StatusCode::UNAUTHORIZED, Some(page::said(&denied)))).await
        }
        Err(stop) => Err(stop.into()),
    }
}

fn address(onward: &Onward) -> Option<String> {
    let (url, challenge, code) = onward.back.as_ref()?;
    Some(query::add(&query::add(url, "challenge", challenge.as_str()), "code", code.expose()))
}

fn away(asked: &Asked, onward: &Onward) -> Reply {
    let reply = match address(onward) {
        Some(to) => see(&to),
        None => {
            let said = Text::from("prove-right").with("application", onward.application.as_str());
            Message::new(asked.look(), "thank-you", said).reply()
        }
    };
    reply.cookie(asked.forget(Keeps::Application))
}

pub(super) async fn passkey_options(asked: Asked) -> Result<Reply, No> {
    Ok(Reply::json(&service::question(asked.ctx(), &token(&asked)).await.map_err(over)?.json()))
}

pub(super) async fn passkey(asked: Asked) -> Result<Reply, No> {
    let answer = asked.body(|body| Answer {
        token: Some(body.text("ceremony")),
        assertion: body.member("response").and_then(|response| serde_json::from_value(response).ok()),
    })?;
    let proof = Proof::Passkey(answer);
    let onward = service::answer(asked.ctx(), &asked.visitor, &token(&asked), proof).await.map_err(over)?;
    let url = address(&onward).unwrap_or_else(|| "/prove/done".to_owned());
    Ok(Reply::json(&json!({ "url": url })).cookie(asked.forget(Keeps::Application)))
}

/// Whoever enrolled here has shown the factor here.
pub(super) async fn enrolled(asked: &Asked) -> Result<Reply, No> {
    let onward = service::enrolled(asked.ctx(), &asked.visitor, &token(asked)).await.map_err(over)?;
    Ok(away(asked, &onward))
}

pub(super) async fn done(asked: Asked) -> Result<Reply, No> {
    enrolled(&asked).await
}

pub(super) async fn show_done(asked: Asked) -> Result<Reply, No> {
    Ok(Message::new(asked.look(), "thank-you", "prove-done").reply())
}
