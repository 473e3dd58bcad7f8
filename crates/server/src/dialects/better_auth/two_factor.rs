//! The two-factor plugin's eight routes (contract §8).

use countersign_core::{
    backup_code::Shape, denied::Denied, method::Method, secret::Secret, session::Scope, trusted_device,
};
use serde_json::json;

use super::{
    callers::{Asked, CHALLENGE, DONT_REMEMBER, TRUSTED_DEVICE},
    errors::No,
    wire,
};
use crate::{
    http::{cookies::SetCookie, reply::Reply},
    operations::{
        authenticators::{self, Authority, Removal},
        challenge::{self, Answered, Carrier, Typed, Wishes},
        enrol::{self, Begin},
    },
};

pub(super) async fn enable(asked: Asked) -> Result<Reply, No> {
    let (begin, by_mail) = asked.body(|body| {
        let password = body.secret("password");
        let by_mail = body.choice("method", &["otp", "totp"]) == Some("otp");
        let issuer = body.optional_text("issuer").filter(|issuer| !issuer.is_empty());
        let backup_codes = Some(Shape::Grouped);
        (Begin { password: Some(password), issuer, backup_codes, beside_others: false }, by_mail)
    })?;
    let (ctx, visitor, who) = (asked.ctx(), &asked.visitor, asked.signed_in_to_enrol().await?);
    if by_mail {
        let password = begin.password.unwrap_or_default();
        let rotated = enrol::enable_email_code(ctx, visitor, &who, password).await?;
        let cookie = rotated.map(|session| asked.surface.session(&session));
        return Ok(Reply::json(&json!({ "method": "otp" })).cookies(cookie));
    }
    let enrolment = enrol::begin_totp(ctx, visitor, &who, begin).await?;
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
        (typed, Wishes { no_session, trust_device: body.flag("trustDevice", false), ..Wishes::default() })
    })?;
    let (surface, no_session) = (&asked.surface, offered.1.no_session);
    let answerer = asked.answerer().await?;
    let mut body = json!({ "status": true });
    let cookies: Vec<SetCookie> =
        match challenge::answer(asked.ctx(), &asked.visitor, answerer, offered).await? {
            Answered::SignedIn { session, .. } if session.session.scope == Scope::Enrolment => {
                return Ok(surface.welcome(Reply::default(), &session).cookie(surface.clear(CHALLENGE)));
            }
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
            Answered::ProvenOnly { user, .. } => {
                body["user"] = wire::user(&user, true);
                vec![surface.clear(CHALLENGE)]
            }
            Answered::Proven { who, .. } if who.session.scope == Scope::Enrolment => {
                return Err(Denied::EnrolmentDue.into());
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
    challenge::send_code(asked.ctx(), &asked.visitor, answerer, Carrier::Digits).await?;
    Ok(Reply::json(&json!({ "status": true })))
}

fn password(asked: &Asked) -> Result<Secret<String>, No> {
    asked.body(|body| body.secret("password"))
}

pub(super) async fn generate_backup_codes(asked: Asked) -> Result<Reply, No> {
    let (password, who) = (password(&asked)?, asked.signed_in().await?);
    let wish = (Authority::password(password), Shape::Grouped);
    let codes = authenticators::renew_backup_codes(asked.ctx(), &asked.visitor, &who, wish).await?;
    Ok(Reply::json(&json!({ "status": true, "backupCodes": wire::exposed(&codes) })))
}

pub(super) async fn get_totp_uri(asked: Asked) -> Result<Reply, No> {
    let (password, who) = (password(&asked)?, asked.signed_in().await?);
    let uri = authenticators::reveal_totp(asked.ctx(), &asked.visitor, &who, password).await?;
    Ok(Reply::json(&json!({ "totpURI": uri.expose() })))
}

pub(super) async fn disable(asked: Asked) -> Result<Reply, No> {
    let (password, who) = (password(&asked)?, asked.signed_in().await?);
    let authority = Authority::password(password);
    let wish = Removal { authority, trusted_device: asked.trusted_device(), ..Removal::default() };
    let session = authenticators::remove(asked.ctx(), &asked.visitor, &who, wish).await?;
    let cookie = session.map(|session| asked.surface.session(&session));
    let reply = Reply::json(&json!({ "status": true })).cookies(cookie);
    Ok(reply.cookies(asked.clear_brought(TRUSTED_DEVICE)))
}
