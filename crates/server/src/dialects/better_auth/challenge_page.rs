//! The second step as a page, for sign-ins that end in a redirect: no application is running there to ask.

use axum::http::StatusCode;
use countersign_core::{method::Method, one_time_code, secret::Secret, trusted_device};

use super::{
    callers::{Asked, CHALLENGE, DONT_REMEMBER},
    errors::No,
    mail_sign_in::origin_of,
};
use crate::{
    http::{
        page::{self, Challenge, Passkeys},
        query,
        reply::Reply,
    },
    operations::{
        Stop,
        challenge::{self, Answered, Answerer, Carrier, Typed, Wishes},
    },
    words::Text,
};

pub(super) fn address(asked: &Asked, then: &str) -> String {
    query::add(&asked.here("/two-factor/challenge"), "callbackURL", then)
}

pub(super) async fn show(asked: Asked) -> Result<Reply, No> {
    page(&asked, (StatusCode::OK, None), None).await
}

/// The page as it stands, with what was just said; where no challenge is open, on to where the person was going.
async fn page(
    asked: &Asked,
    (status, refused): (StatusCode, Option<Text>),
    sent: Option<Method>,
) -> Result<Reply, No> {
    let then = then(asked);
    let open = match challenge::look_at(asked.ctx(), &answerer(asked)).await {
        Ok(open) => open,
        Err(Stop::Denied(_)) => {
            let lost = query::add(&then, "error", "INVALID_TWO_FACTOR_COOKIE");
            return Ok(Reply::found(&lost).cookies(asked.clear_brought(CHALLENGE)));
        }
        Err(stop) => return Err(stop.into()),
    };
    let (look, hints) = (asked.look().await?, &open.hints);
    let to = if sent == Some(Method::SmsCode) { &hints.phone } else { &hints.mailbox };
    let on_its_way = sent.map(|_| Text::from("challenge-sent").with("to", to.as_deref().unwrap_or_default()));
    let page = Challenge {
        look: &look,
        title: "challenge-title".into(),
        request: None,
        said: refused.or(on_its_way),
        wrong: status != StatusCode::OK,
        app: open.offers(Method::Totp),
        sheet: open.offers(Method::BackupCode),
        mailbox: hints.mailbox.clone(),
        phone: hints.phone.clone(),
        first: sent.or(hints.last_used),
        last_used: hints.last_used,
        password: open.offers(Method::Password),
        passkeys: open.offers(Method::Passkey).then(|| Passkeys {
            method: "GET",
            options: asked.here("/passkey/generate-authenticate-options"),
            verify: asked.here("/passkey/verify-authentication"),
            then: then.clone(),
        }),
        trust: page::trust(hints.trust_lasts, &asked.visitor),
        elapsed: page::elapsed(asked.ctx().clock.now()),
        wait: hints.wait.map(|wait| wait.as_secs() + 1),
        recovers: true,
    };
    Ok(page::reply(&page, origin_of(&then).as_deref()).status(status))
}

fn then(asked: &Asked) -> String {
    asked.absolute(&asked.query("callbackURL").unwrap_or_else(|| "/".to_owned()))
}

fn answerer(asked: &Asked) -> Answerer {
    Answerer { challenge: asked.challenge_token(), ..Answerer::default() }
}

/// The form: sends a code, or takes one.
pub(super) async fn answer(asked: Asked) -> Result<Reply, No> {
    let (send, code, kind, trust_device) = asked.any_body(|body| {
        let send = body.optional_text("send");
        let code = body.optional_text("code").unwrap_or_default();
        (send, code, body.optional_text("kind"), body.optional_text("trust"))
    })?;
    let (ctx, visitor) = (asked.ctx(), &asked.visitor);
    if send.is_some() {
        let by_text = send.as_deref() == Some("sms");
        let (carrier, method) = match by_text {
            true => (Carrier::Text, Method::SmsCode),
            false => (Carrier::Digits, Method::EmailCode),
        };
        return match challenge::send_code(ctx, visitor, answerer(&asked), carrier).await {
            Ok(()) => page(&asked, (StatusCode::OK, None), Some(method)).await,
            Err(Stop::Denied(denied)) => {
                page(&asked, (StatusCode::FORBIDDEN, Some(page::said(&denied))), Some(method)).await
            }
            Err(stop) => Err(stop.into()),
        };
    }
    let typed = match kind.as_deref() {
        Some("password") => Typed { method: Method::Password, code: Secret::new(code) },
        Some("sms") => Typed { method: Method::SmsCode, code: one_time_code::tidied(&code) },
        Some("mail") => Typed { method: Method::EmailCode, code: one_time_code::tidied(&code) },
        _ => Typed::from_either(one_time_code::tidied(&code)),
    };
    let wishes = Wishes { trust_device: trust_device.is_some(), ..Wishes::default() };
    match challenge::answer(ctx, visitor, answerer(&asked), (typed, wishes)).await {
        Ok(Answered::SignedIn { user, session, trusted_device }) => {
            let surface = &asked.surface;
            let kept = trusted_device.iter().flat_map(|value| {
                let seconds = trusted_device::LIFETIME.as_secs();
                [surface.trusted_device(&user, value, seconds), surface.clear(DONT_REMEMBER)]
            });
            let reply = Reply::empty(StatusCode::OK).cookies(kept).cookie(surface.clear(CHALLENGE));
            Ok(surface.welcome(reply, &session).to(StatusCode::SEE_OTHER, &then(&asked)))
        }
        Ok(Answered::ProvenOnly { .. } | Answered::Proven { .. }) => Ok(Reply::found(&then(&asked))),
        Err(Stop::Denied(denied)) => {
            page(&asked, (StatusCode::UNAUTHORIZED, Some(page::said(&denied))), None).await
        }
        Err(stop) => Err(stop.into()),
    }
}
