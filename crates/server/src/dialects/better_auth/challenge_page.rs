//! The second step as a page, for sign-ins that end in a redirect: no application is running there to ask.

use axum::http::StatusCode;
use countersign_core::{method::Method, secret::Secret, trusted_device};

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
};

pub(super) fn address(asked: &Asked, then: &str) -> String {
    query::add(&asked.here("/two-factor/challenge"), "callbackURL", then)
}

pub(super) async fn show(asked: Asked) -> Result<Reply, No> {
    page(&asked, (StatusCode::OK, None)).await
}

/// The page as it stands, with what was just said; where no challenge is open, on to where the person was going.
async fn page(asked: &Asked, (status, said): (StatusCode, Option<&str>)) -> Result<Reply, No> {
    let then = then(asked);
    let open = match challenge::look_at(asked.ctx(), &answerer(asked)).await {
        Ok(open) => open,
        Err(Stop::Denied(_)) => {
            let lost = query::add(&then, "error", "INVALID_TWO_FACTOR_COOKIE");
            return Ok(Reply::found(&lost).cookies(asked.clear_brought(CHALLENGE)));
        }
        Err(stop) => return Err(stop.into()),
    };
    let page = Challenge {
        request: None,
        app: &asked.ctx().config.app_name,
        title: "Confirm that it is you",
        said,
        wrong: status != StatusCode::OK,
        takes_codes: open.offers(Method::Totp) || open.offers(Method::BackupCode),
        code_label: match (open.offers(Method::Totp), open.offers(Method::BackupCode)) {
            (true, true) => "Code from your authenticator app, or a backup code",
            (true, false) => "Code from your authenticator app",
            _ => "A backup code",
        },
        backup_code: open.offers(Method::BackupCode),
        mailed_code: open.offers(Method::EmailCode),
        texted_code: open.offers(Method::SmsCode),
        password: open.offers(Method::Password),
        passkeys: open.offers(Method::Passkey).then(|| Passkeys {
            method: "GET",
            options: asked.here("/passkey/generate-authenticate-options"),
            verify: asked.here("/passkey/verify-authentication"),
            then: then.clone(),
        }),
        trusts: true,
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
        let code = Secret::new(body.optional_text("code").unwrap_or_default());
        (send, code, body.optional_text("kind"), body.optional_text("trust"))
    })?;
    let (ctx, visitor) = (asked.ctx(), &asked.visitor);
    if send.is_some() {
        let carrier = if send.as_deref() == Some("sms") { Carrier::Text } else { Carrier::Digits };
        let sent = challenge::send_code(ctx, visitor, answerer(&asked), carrier).await;
        return match sent {
            Ok(()) => page(&asked, (StatusCode::OK, Some("A code is on its way."))).await,
            Err(Stop::Denied(denied)) => {
                page(&asked, (StatusCode::FORBIDDEN, Some(&page::said(&denied)))).await
            }
            Err(stop) => Err(stop.into()),
        };
    }
    let typed = match kind.as_deref() {
        Some("password") => Typed { method: Method::Password, code },
        Some("sms") => Typed { method: Method::SmsCode, code },
        Some("mail") => Typed { method: Method::EmailCode, code },
        _ => Typed::from_either(code),
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
            page(&asked, (StatusCode::UNAUTHORIZED, Some(&page::said(&denied)))).await
        }
        Err(stop) => Err(stop.into()),
    }
}
