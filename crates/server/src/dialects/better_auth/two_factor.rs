//! The two-factor plugin's eight routes (contract §8).

use countersign_core::{method::Method, secret::Secret};
use serde::Serialize;

use super::{
    callers::{Asked, Cookie, Reply, TrustedValue},
    errors::No,
    wire::{self, Fields, Verified},
};
use crate::operations::{
    authenticators::{self, Begin, Disable},
    challenge::{self, Answered, Typed, Wishes},
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Enabled<'a> {
    method: &'static str,
    #[serde(rename = "totpURI", skip_serializing_if = "Option::is_none")]
    totp_uri: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_codes: Option<Vec<&'a str>>,
}

pub(super) async fn enable(asked: Asked) -> Result<Reply, No> {
    let mut fields = Fields::of(&asked.body)?;
    let password = fields.secret("password");
    let by_mail = match asked.body.member("method") {
        None => false,
        Some(method) if method == "totp" => false,
        Some(method) if method == "otp" => true,
        Some(_) => {
            fields.complain(r#"[body.method] Invalid option: expected one of "otp"|"totp""#.to_owned());
            false
        }
    };
    let issuer = fields.optional_text("issuer");
    fields.finish()?;
    let who = asked.signed_in().await?;
    if by_mail {
        let rotated = authenticators::enable_email_code(asked.ctx(), &asked.visitor, &who, password).await?;
        let reply = Reply::json(&Enabled { method: "otp", totp_uri: None, backup_codes: None });
        return Ok(match &rotated {
            Some(session) => reply.session(session),
            None => reply,
        });
    }
    let begin = Begin { password, issuer: issuer.filter(|issuer| !issuer.is_empty()) };
    let enrolment = authenticators::begin_totp(asked.ctx(), &asked.visitor, &who, begin).await?;
    Ok(Reply::json(&Enabled {
        method: "totp",
        totp_uri: Some(enrolment.uri.expose()),
        backup_codes: Some(exposed(&enrolment.backup_codes)),
    }))
}

fn exposed(codes: &[Secret<String>]) -> Vec<&str> {
    codes.iter().map(|code| code.expose().as_str()).collect()
}

pub(super) async fn verify_totp(asked: Asked) -> Result<Reply, No> {
    verify(asked, Method::Totp).await
}

pub(super) async fn verify_otp(asked: Asked) -> Result<Reply, No> {
    verify(asked, Method::EmailCode).await
}

pub(super) async fn verify_backup_code(asked: Asked) -> Result<Reply, No> {
    verify(asked, Method::BackupCode).await
}

/// All three verify routes: the same question with another kind of proof.
async fn verify(asked: Asked, method: Method) -> Result<Reply, No> {
    let mut fields = Fields::of(&asked.body)?;
    let code = fields.secret("code");
    let no_session = method == Method::BackupCode && fields.optional_flag("disableSession").unwrap_or(false);
    let trust_device = fields.optional_flag("trustDevice").unwrap_or(false);
    fields.finish()?;
    let answerer = asked.answerer().await?;
    let offered = (Typed { method, code }, Wishes { trust_device, no_session });
    match challenge::answer(asked.ctx(), &asked.visitor, answerer, offered).await? {
        Answered::SignedIn { user, session, trusted_device } => {
            let body = Verified {
                status: true,
                token: Some(session.token.expose()),
                user: wire::user(&user, true),
                session: Some(wire::session(&session.session, session.token.expose())),
            };
            let reply = Reply::json(&body).session(&session).clear(&[Cookie::Challenge]);
            let Some(value) = &trusted_device else {
                return Ok(reply);
            };
            let seconds = countersign_core::trusted_device::LIFETIME.as_secs();
            let kept = TrustedValue { user: user.id.as_str(), value, seconds };
            Ok(reply.trusted_device(&asked.surface, kept).clear(&[Cookie::DontRemember]))
        }
        Answered::ProvenOnly { user } => {
            let user = wire::user(&user, true);
            let body = Verified { status: true, token: None, user, session: None };
            Ok(Reply::json(&body).clear(&[Cookie::Challenge]))
        }
        Answered::Proven { who, rotated } => {
            let presented = asked.session_token.as_deref().unwrap_or_default();
            let (session, token) = match &rotated {
                Some(fresh) => (&fresh.session, fresh.token.expose().as_str()),
                None => (&who.session, presented),
            };
            let body = Verified {
                status: true,
                token: Some(token),
                user: wire::user(&who.user, who.second_factor_is_on),
                session: (!no_session).then(|| wire::session(session, token)),
            };
            let reply = Reply::json(&body);
            Ok(match &rotated {
                Some(fresh) => reply.session(fresh),
                None => reply,
            })
        }
    }
}

#[derive(Serialize)]
struct Status {
    status: bool,
}

pub(super) async fn send_otp(asked: Asked) -> Result<Reply, No> {
    let mut fields = Fields::optional(&asked.body)?;
    fields.optional_flag("trustDevice");
    fields.finish()?;
    let answerer = asked.answerer().await?;
    challenge::send_code(asked.ctx(), &asked.visitor, answerer).await?;
    Ok(Reply::json(&Status { status: true }))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewBackupCodes<'a> {
    status: bool,
    backup_codes: Vec<&'a str>,
}

pub(super) async fn generate_backup_codes(asked: Asked) -> Result<Reply, No> {
    let password = password_of(&asked)?;
    let who = asked.signed_in().await?;
    let codes = authenticators::renew_backup_codes(asked.ctx(), &asked.visitor, &who, password).await?;
    Ok(Reply::json(&NewBackupCodes { status: true, backup_codes: exposed(&codes) }))
}

#[derive(Serialize)]
struct Uri<'a> {
    #[serde(rename = "totpURI")]
    totp_uri: &'a str,
}

pub(super) async fn get_totp_uri(asked: Asked) -> Result<Reply, No> {
    let password = password_of(&asked)?;
    let who = asked.signed_in().await?;
    let uri = authenticators::reveal_totp(asked.ctx(), &asked.visitor, &who, password).await?;
    Ok(Reply::json(&Uri { totp_uri: uri.expose() }))
}

pub(super) async fn disable(asked: Asked) -> Result<Reply, No> {
    let password = password_of(&asked)?;
    let who = asked.signed_in().await?;
    let trusted_device = asked.trusted_device();
    let wish = Disable { password, trusted_device };
    let session = authenticators::disable(asked.ctx(), &asked.visitor, &who, wish).await?;
    let reply = Reply::json(&Status { status: true }).session(&session);
    let brought = asked.brought(Cookie::TrustedDevice);
    Ok(if brought { reply.clear(&[Cookie::TrustedDevice]) } else { reply })
}

fn password_of(asked: &Asked) -> Result<Secret<String>, No> {
    let mut fields = Fields::of(&asked.body)?;
    let password = fields.secret("password");
    fields.finish()?;
    Ok(password)
}
