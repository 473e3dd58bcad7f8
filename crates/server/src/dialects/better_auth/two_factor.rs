//! The two-factor plugin's eight routes (contract §8).

use countersign_core::{method::Method, secret::Secret, trusted_device};
use serde_json::json;

use super::{
    callers::{Asked, CHALLENGE, DONT_REMEMBER, TRUSTED_DEVICE},
    errors::No,
    wire,
};
use crate::{
    http::{cookies::SetCookie, reply::Reply},
    operations::{
        authenticators::{self, Begin, Disable},
        challenge::{self, Answered, Typed, Wishes},
    },
};

pub(super) async fn enable(asked: Asked) -> Result<Reply, No> {
    let (begin, by_mail) = asked.body(|body| {
        let password = body.secret("password");
        let by_mail = body.choice("method", &["otp", "totp"]) == Some("otp");
        let issuer = body.optional_text("issuer").filter(|issuer| !issuer.is_empty());
        (Begin { password, issuer }, by_mail)
    })?;
    let (ctx, visitor, who) = (asked.ctx(), &asked.visitor, asked.signed_in().await?);
    if by_mail {
        let rotated = authenticators::enable_email_code(ctx, visitor, &who, begin.password).await?;
        let cookie = rotated.map(|session| asked.surface.session(&session));
        return Ok(Reply::json(&json!({ "method": "otp" })).cookies(cookie));
    }
    let enrolment = authenticators::begin_totp(ctx, visitor, &who, begin).await?;
    Ok(Reply::json(&json!({
        "method": "totp",
        "totpURI": enrolment.uri.expose(),
        "backupCodes": wire::exposed(&enrolment.backup_codes),
    })))
}

/// All three verify routes: the same question with another kind of proof. They answer with the superset of
/// §13, where token, session and cookie name one live session.
pub(super) async fn verify(asked: Asked, method: Method) -> Result<Reply, No> {
    let offered = asked.body(|body| {
        let typed = Typed { method, code: body.secret("code") };
        let no_session = method == Method::BackupCode && body.flag("disableSession", false);
        (typed, Wishes { no_session, trust_device: body.flag("trustDevice", false) })
    })?;
    let (surface, no_session) = (&asked.surface, offered.1.no_session);
    let answerer = asked.answerer().await?;
    let mut body = json!({ "status": true });
    let cookies: Vec<SetCookie> =
        match challenge::answer(asked.ctx(), &asked.visitor, answerer, offered).await? {
            Answered::SignedIn { user, session, trusted_device } => {
                body["user"] = wire::user(&user, true);
                body["token"] = json!(session.token.expose());
                body["session"] = wire::session(&session.session, session.token.expose());
                let kept = trusted_device.iter().flat_map(|value| {
                    let seconds = trusted_device::LIFETIME.as_secs();
                    [surface.trusted_device(&user, value, seconds), surface.clear(DONT_REMEMBER)]
                });
                [surface.session(&session), surface.clear(CHALLENGE)].into_iter().chain(kept).collect()
            }
            Answered::ProvenOnly { user } => {
                body["user"] = wire::user(&user, true);
                vec![surface.clear(CHALLENGE)]
            }
            Answered::Proven { who, rotated } => {
                let (session, token) = match &rotated {
                    Some(fresh) => (&fresh.session, fresh.token.expose().as_str()),
                    None => (&who.session, asked.session_token.as_deref().unwrap_or_default()),
                };
                body["user"] = wire::user(&who.user, who.second_factor_is_on);
                body["token"] = json!(token);
                if !no_session {
                    body["session"] = wire::session(session, token);
                }
                rotated.iter().map(|fresh| surface.session(fresh)).collect()
            }
        };
    Ok(Reply::json(&body).cookies(cookies))
}

pub(super) async fn send_otp(asked: Asked) -> Result<Reply, No> {
    asked.any_body(|body| body.flag("trustDevice", false))?;
    let answerer = asked.answerer().await?;
    challenge::send_code(asked.ctx(), &asked.visitor, answerer).await?;
    Ok(Reply::json(&json!({ "status": true })))
}

fn password(asked: &Asked) -> Result<Secret<String>, No> {
    asked.body(|body| body.secret("password"))
}

pub(super) async fn generate_backup_codes(asked: Asked) -> Result<Reply, No> {
    let (password, who) = (password(&asked)?, asked.signed_in().await?);
    let codes = authenticators::renew_backup_codes(asked.ctx(), &asked.visitor, &who, password).await?;
    Ok(Reply::json(&json!({ "status": true, "backupCodes": wire::exposed(&codes) })))
}

pub(super) async fn get_totp_uri(asked: Asked) -> Result<Reply, No> {
    let (password, who) = (password(&asked)?, asked.signed_in().await?);
    let uri = authenticators::reveal_totp(asked.ctx(), &asked.visitor, &who, password).await?;
    Ok(Reply::json(&json!({ "totpURI": uri.expose() })))
}

pub(super) async fn disable(asked: Asked) -> Result<Reply, No> {
    let (password, who) = (password(&asked)?, asked.signed_in().await?);
    let wish = Disable { password, trusted_device: asked.trusted_device() };
    let session = authenticators::disable(asked.ctx(), &asked.visitor, &who, wish).await?;
    let reply = Reply::json(&json!({ "status": true })).cookie(asked.surface.session(&session));
    Ok(reply.cookies(asked.clear_brought(TRUSTED_DEVICE)))
}
