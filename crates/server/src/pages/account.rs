//! The account's own page: factors, passkeys, trusted browsers, sessions; and enrolling.

use askama::Template;
use countersign_core::{
    backup_code::Shape,
    denied::Denied,
    ids::{AuthenticatorId, TrustedDeviceId},
    method::Method,
};

use super::{
    asked::{Asked, No, see},
    enrol::{Codes, Place},
};
use crate::{
    http::{page, reply::Reply},
    operations::{
        administration,
        authenticators::{self, Authority, Removal},
        passkeys, recovery,
        sessions::{self, Handover},
        trusted_devices,
    },
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
    /// They look after others.
    administers: bool,
}

pub(super) const fn called(method: Method) -> &'static str {
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
pub(super) fn day(iso: &str) -> &str {
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
        administers: administration::place(ctx, &who).await.is_ok(),
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

pub(super) async fn renew_backup_codes(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let wish = (Authority::default(), Shape::Grouped);
    let fresh = authenticators::renew_backup_codes(asked.ctx(), &asked.visitor, &who, wish).await?;
    Ok(page::reply(&Codes::new(&asked, Place::Account, &fresh), None))
}
