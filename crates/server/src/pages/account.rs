//! The account's own page: factors, passkeys, trusted browsers, sessions; and enrolling.

use askama::Template;
use axum::http::StatusCode;
use countersign_core::{
    backup_code::Shape,
    denied::Denied,
    ids::{AuthenticatorId, TrustedDeviceId},
    method::Method,
    session::Visitor,
    time::Timestamp,
};

use super::{
    asked::{Asked, Message, No, see},
    enrol::{Codes, Place},
};
use crate::{
    config::Sms,
    http::{page, reply::Reply},
    operations::{
        Stop,
        accounts::{self, Farewell, FarewellTaken},
        administration::{self, EventRow},
        authenticators::{self, Authority, Removal},
        emails::LinkShape,
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
    texts: bool,
    mails: bool,
    passkeys: bool,
    backup_codes: u32,
    devices: Vec<Row>,
    sessions: Vec<Row>,
    /// Somebody waits to get in without the second step.
    recovering: Option<String>,
    /// What happened lately: when, what, where from.
    activity: Vec<(String, &'static str, String)>,
    has_password: bool,
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
        texts: !matches!(ctx.config.sms, Sms::Off) && !overview.has(Method::SmsCode),
        mails: !overview.has(Method::EmailCode),
        passkeys: ctx.config.relying_party().is_some(),
        backup_codes: overview.backup_codes_left,
        factors,
        devices: devices.collect(),
        sessions: sessions.collect(),
        recovering,
        activity: activity(&accounts::activity(ctx, &who).await?),
        has_password: who.user.password.is_some(),
        administers: administration::place(ctx, &who).await.is_ok(),
    };
    Ok(page::reply(&page, None))
}

/// In words, for what people can make sense of; the rest is the journal's.
fn activity(events: &[EventRow]) -> Vec<(String, &'static str, String)> {
    let told = |row: &EventRow| {
        let what = match row.kind.as_str() {
            "session.signed_in" | "challenge.passed" => "Signed in",
            "code.refused" => "Wrong code",
            "password.refused" => "Wrong password",
            "authenticator.added" => "Second factor added",
            "authenticator.removed" => "Second factor removed",
            "backup_code.used" => "Backup code used",
            "backup_codes.renewed" => "New backup codes",
            "trusted_device.added" => "Browser trusted",
            "password.changed" | "password.reset" => "Password changed",
            "email.changed" => "Address changed",
            "second_factor.reset" => "Second factors reset by an administrator",
            "recovery.begun" => "Recovery begun",
            "recovery.completed" => "Recovery completed",
            "recovery.vetoed" => "Recovery stopped",
            "passkey.cloned" => "Copied passkey refused",
            _ => return None,
        };
        let visitor = Visitor { ip: row.ip.clone(), user_agent: row.user_agent.clone() };
        let from = if row.ip.is_empty() { String::new() } else { format!(", {}", row.ip) };
        Some((minute(row.at), what, format!("{}{from}", visitor.browser())))
    };
    events.iter().filter_map(told).collect()
}

/// "2026-11-26 14:03", which everybody reads the same way.
pub(super) fn minute(at: Timestamp) -> String {
    at.to_iso().chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// The end of the account, with its password where it has one and a fresh proof where it has a second factor.
pub(super) async fn delete(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let password = who.user.password.is_some().then(|| asked.secret("password"));
    let link = LinkShape { before: "/account/delete?token=".to_owned(), ..LinkShape::default() };
    let farewell = Farewell { password, link, ..Farewell::default() };
    let (status, title, said) = match accounts::delete(asked.ctx(), &asked.visitor, &who, farewell).await {
        Ok(FarewellTaken::Deleted) => return Ok(gone(&asked)),
        Ok(FarewellTaken::Mailed) => {
            (StatusCode::OK, "Look into your mailbox", "We mailed you a link that asks once more.")
        }
        Err(Stop::Denied(Denied::WrongPassword)) => {
            (StatusCode::FORBIDDEN, "That did not work", "That is not the password. Nothing was deleted.")
        }
        Err(Stop::Denied(Denied::SoleOwner { .. })) => (
            StatusCode::CONFLICT,
            "That did not work",
            "You are the only owner of an organisation with other members. Make somebody else an owner first.",
        ),
        Err(stop) => return Err(stop.into()),
    };
    let page = Message { app: asked.app(), title, said, link: ("/account", "Back to your account") };
    Ok(page::reply(&page, None).status(status))
}

fn gone(asked: &Asked) -> Reply {
    let page = Message {
        app: asked.app(),
        title: "Your account is gone",
        said: "Nothing of it is left to sign in to.",
        link: ("/sign-in", "Go on"),
    };
    page::reply(&page, None).cookie(asked.clear_session())
}

/// Where accounts end by mail: the link only asks.
pub(super) async fn show_delete(asked: Asked) -> Result<Reply, No> {
    asked.signed_in().await?;
    let page = page::Confirm {
        app: asked.app(),
        title: "Delete your account",
        lead: "Everything of it goes at once, and nothing brings it back.",
        facts: Vec::new(),
        action: "/account/delete/confirm",
        fields: vec![("token", asked.query("token").unwrap_or_default())],
        button: "Delete it",
        itself: false,
    };
    Ok(page::reply(&page, None))
}

pub(super) async fn confirm_delete(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    accounts::confirm_delete(asked.ctx(), &asked.visitor, &who, &asked.text("token")).await?;
    Ok(gone(&asked))
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
