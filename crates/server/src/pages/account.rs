//! The account's own page: factors, passkeys, trusted browsers, sessions; and enrolling.

use askama::Template;
use axum::http::StatusCode;
use countersign_core::{
    backup_code::Shape,
    denied::Denied,
    ids::{AuthenticatorId, TrustedDeviceId},
    method::Method,
    secret::Secret,
};

use super::asked::{Asked, No, see};
use crate::{
    fault::Fault,
    http::{page, reply::Reply},
    operations::{
        Stop,
        authenticators::{self, Authority, Removal},
        enrol::{self, Begin, Confirm},
        passkeys, recovery,
        sessions::{self, Handover},
        trusted_devices,
    },
    qr,
};

struct Row {
    id: String,
    name: String,
    facts: String,
    /// What the form takes away.
    what: &'static str,
    /// The word on the button; none where it cannot go.
    button: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "pages/account.html")]
struct Account<'a> {
    app: &'a str,
    title: &'a str,
    email: &'a str,
    name: &'a str,
    guarded: bool,
    required: bool,
    factors: Vec<Row>,
    has_totp: bool,
    passkeys: bool,
    backup_codes: u32,
    devices: Vec<Row>,
    sessions: Vec<Row>,
    /// Somebody waits to get in without the second step.
    recovering: Option<String>,
}

const fn called(method: Method) -> &'static str {
    match method {
        Method::Totp => "Authenticator app",
        Method::EmailCode => "Codes by mail",
        Method::SmsCode => "Codes by text message",
        Method::Passkey => "Passkey",
        Method::BackupCode => "Backup codes",
        Method::Password => "Password",
    }
}

/// "2026-11-26", which everybody reads the same way.
fn day(iso: &str) -> &str {
    iso.split('T').next().unwrap_or(iso)
}

pub(super) async fn show(asked: Asked) -> Result<Reply, No> {
    let (ctx, who) = (asked.ctx(), asked.signed_in().await?);
    let overview = authenticators::overview(ctx, &who).await?;
    let mut factors: Vec<Row> = overview
        .enrolled
        .iter()
        .filter(|(method, _)| *method != Method::Passkey)
        .map(|(method, since)| Row {
            id: method.as_str().to_owned(),
            name: called(*method).to_owned(),
            facts: format!("since {}", day(&since.to_iso())),
            what: "method",
            button: Some("Remove"),
        })
        .collect();
    for one in passkeys::list(ctx, &who).await? {
        let used =
            one.last_used_at.map_or("never used".to_owned(), |at| format!("last used {}", day(&at.to_iso())));
        let suspended = if one.passkey.suspended { ", suspended: a copy of it was used" } else { "" };
        factors.push(Row {
            name: one.called().to_owned(),
            facts: format!("passkey, {used}{suspended}"),
            id: one.id.to_string(),
            what: "passkey",
            button: Some("Remove"),
        });
    }
    let devices = trusted_devices::list(ctx, &who).await?;
    let devices = devices.iter().map(|one| Row {
        id: one.id.to_string(),
        name: one.name.clone().unwrap_or_else(|| one.visitor.browser()),
        facts: format!(
            "last used {}, trusted until {}",
            day(&one.last_used_at.to_iso()),
            day(&one.expires_at.to_iso())
        ),
        what: "device",
        button: Some("Forget"),
    });
    let sessions = sessions::list(ctx, &who).await?;
    let sessions = sessions.iter().map(|one| {
        let here = one.id == who.session.id;
        let ip = if one.visitor.ip.is_empty() { String::new() } else { format!(", from {}", one.visitor.ip) };
        Row {
            id: one.id.to_string(),
            name: one.visitor.browser(),
            facts: format!(
                "since {}{ip}{}",
                day(&one.created_at.to_iso()),
                if here { ", this one" } else { "" }
            ),
            what: "session",
            button: (!here).then_some("End"),
        }
    });
    let recovering = recovery::of_oneself(ctx, &who)
        .await?
        .map(|one| format!("{} from {}", one.ready_at.to_iso().replace('T', " "), one.from.browser()));
    let page = Account {
        app: asked.app(),
        title: "Your account",
        email: &who.user.email,
        name: &who.user.name,
        guarded: overview.is_on(),
        required: overview.required,
        has_totp: overview.has(Method::Totp),
        passkeys: ctx.config.relying_party().is_some(),
        backup_codes: overview.backup_codes_left,
        factors,
        devices: devices.collect(),
        sessions: sessions.collect(),
        recovering,
    };
    Ok(page::reply(&page, None))
}

pub(super) async fn revoke(asked: Asked) -> Result<Reply, No> {
    let (ctx, visitor, who) = (asked.ctx(), &asked.visitor, asked.signed_in().await?);
    let id = asked.text("id");
    match asked.text("what").as_str() {
        "session" => {
            sessions::revoke(ctx, visitor, &who, &id).await?;
        }
        "sessions" => sessions::revoke_all(ctx, visitor, &who, true).await?,
        "device" => {
            trusted_devices::revoke(ctx, visitor, &who, &TrustedDeviceId::from(id)).await?;
        }
        "recovery" => {
            recovery::veto(ctx, visitor, recovery::Vetoer::Session(&who)).await?;
        }
        _ => {}
    }
    Ok(see("/account"))
}

pub(super) async fn remove(asked: Asked) -> Result<Reply, No> {
    let (ctx, visitor, who) = (asked.ctx(), &asked.visitor, asked.signed_in().await?);
    let id = asked.text("id");
    let rotated = match asked.text("what").as_str() {
        "passkey" => {
            let wish = (AuthenticatorId::from(id), Authority::default(), Handover::Token);
            passkeys::remove(ctx, visitor, &who, wish).await?
        }
        _ => {
            let method = Method::parse(&id).ok_or(Denied::NoSecondFactor)?;
            let removal = Removal { method: Some(method), handover: Handover::Token, ..Removal::default() };
            authenticators::remove(ctx, visitor, &who, removal).await?
        }
    };
    Ok(see("/account").cookies(rotated.as_ref().map(|fresh| asked.session_cookie(fresh))))
}

#[derive(Template)]
#[template(path = "pages/totp.html")]
struct TotpPage<'a> {
    app: &'a str,
    title: &'a str,
    said: Option<String>,
    qr: String,
    uri: &'a str,
    /// In groups of four, as people copy it.
    secret: String,
    required: bool,
    passkeys: bool,
}

fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// Each time the page is asked for, a new seed; the last one shown is the one that counts.
async fn totp_page(asked: &Asked, (status, said): (StatusCode, Option<String>)) -> Result<Reply, No> {
    let who = asked.signed_in_to_enrol().await?;
    let begun = enrol::begin_totp(asked.ctx(), &asked.visitor, &who, Begin::default()).await?;
    let page = TotpPage {
        app: asked.app(),
        title: "Add an authenticator app",
        said,
        qr: qr::svg(begun.uri.expose()).map_err(No::Fault)?,
        uri: begun.uri.expose(),
        secret: grouped(begun.secret.expose()),
        required: who.session.scope != countersign_core::session::Scope::Full,
        passkeys: asked.ctx().config.relying_party().is_some(),
    };
    Ok(page::reply(&page, None).status(status))
}

pub(super) async fn begin_totp(asked: Asked) -> Result<Reply, No> {
    totp_page(&asked, (StatusCode::OK, None)).await
}

pub(super) async fn confirm_totp(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in_to_enrol().await?;
    let confirm =
        Confirm { code: asked.secret("code"), backup_codes: Some(Shape::Grouped), handover: Handover::Token };
    match enrol::confirm_totp(asked.ctx(), &asked.visitor, &who, confirm).await {
        Ok(done) => {
            let cookie = done.rotated.as_ref().map(|fresh| asked.session_cookie(fresh));
            let reply = if done.backup_codes.is_empty() {
                see("/account")
            } else {
                page::reply(&codes(&asked, &done.backup_codes), None)
            };
            Ok(reply.cookies(cookie))
        }
        Err(Stop::Denied(denied @ (Denied::WrongCode(_) | Denied::Locked { .. }))) => {
            let said = format!("{} Scan the new code below.", page::said(&denied));
            totp_page(&asked, (StatusCode::UNAUTHORIZED, Some(said))).await
        }
        Err(stop) => Err(stop.into()),
    }
}

#[derive(Template)]
#[template(path = "pages/codes.html")]
struct Codes<'a> {
    app: &'a str,
    title: &'a str,
    codes: Vec<&'a str>,
}

fn codes<'a>(asked: &'a Asked, all: &'a [Secret<String>]) -> Codes<'a> {
    let codes = all.iter().map(|code| code.expose().as_str()).collect();
    Codes { app: asked.app(), title: "Your backup codes", codes }
}

/// The page as text, for the script that asked.
pub(super) fn codes_page(asked: &Asked, all: &[Secret<String>]) -> Result<String, No> {
    codes(asked, all)
        .render()
        .map_err(|why| No::Fault(Fault::internal("a page cannot be rendered").because(why)))
}

pub(super) async fn renew_backup_codes(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let wish = (Authority::default(), Shape::Grouped);
    let fresh = authenticators::renew_backup_codes(asked.ctx(), &asked.visitor, &who, wish).await?;
    Ok(page::reply(&codes(&asked, &fresh), None))
}
