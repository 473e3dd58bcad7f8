//! The account's own page: factors, passkeys, trusted browsers, sessions; and enrolling.

use askama::Template;
use axum::http::StatusCode;
use countersign_core::{
    backup_code::{Shape, Used},
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
    http::{look::Look, page, reply::Reply},
    operations::{
        Stop,
        accounts::{self, Farewell, FarewellTaken},
        administration::{self, EventRow},
        apps,
        authenticators::{self, Authority, EnrolledRow, Overview, Removal},
        deadlines,
        emails::LinkShape,
        passkeys, recovery,
        sessions::{self, Handover, SignedIn},
        trusted_devices,
    },
    words::{self, Text},
};

struct Row {
    id: String,
    name: Text,
    facts: Vec<Text>,
    /// What the form takes away.
    what: &'static str,
    /// The word on the button; none where it cannot go.
    button: Option<&'static str>,
    /// What its owner may call it.
    named: Option<Named>,
}

struct Named {
    name: String,
    /// What else there is to know of it, where it is a passkey.
    model: Option<Text>,
}

#[derive(Template)]
#[template(path = "pages/account.html")]
struct Account<'a> {
    look: &'a Look,
    title: Text,
    email: &'a str,
    name: &'a str,
    guarded: bool,
    required: bool,
    /// It will be, from a day on.
    due: Option<Text>,
    factors: Vec<Row>,
    /// The word on the button that adds an authenticator app, if one may be added.
    add_app: Option<&'static str>,
    texts: bool,
    mails: bool,
    passkeys: bool,
    backup_codes: Text,
    /// Which were used, and when.
    used_codes: Vec<Text>,
    devices: Vec<Row>,
    sessions: Vec<Row>,
    /// Somebody waits to get in without the second step.
    recovering: Option<Text>,
    /// What happened lately, when and where from.
    activity: Vec<(Text, Vec<Text>)>,
    has_password: bool,
    /// They look after others.
    administers: bool,
}

/// A message about a day.
pub(super) fn on_day(id: &'static str, at: Timestamp) -> Text {
    Text::from(id).with("day", day(&at.to_iso()))
}

/// "2026-11-26", which everybody reads the same way.
pub(super) fn day(iso: &str) -> &str {
    iso.split('T').next().unwrap_or(iso)
}

pub(super) async fn show(asked: Asked) -> Result<Reply, No> {
    let (ctx, who) = (asked.ctx(), asked.signed_in().await?);
    let overview = authenticators::overview(ctx, &who).await?;
    let others = overview.enrolled.iter().filter(|one| one.method != Method::Passkey);
    let mut factors: Vec<Row> = others.map(factor).collect();
    for one in passkeys::list(ctx, &who).await? {
        factors.push(Row {
            name: Text::plain(one.called()),
            facts: about_passkey(&one),
            id: one.id.to_string(),
            what: "passkey",
            button: Some("remove"),
            named: Some(Named { name: one.called().to_owned(), model: Some(model(&one)) }),
        });
    }
    let devices = trusted_devices::list(ctx, &who).await?;
    let devices = devices.iter().map(|one| Row {
        id: one.id.to_string(),
        name: one.name.as_ref().map_or_else(|| words::browser(&one.visitor), Text::plain),
        facts: vec![
            on_day("account-last-used", one.last_used_at),
            on_day("account-trusted-until", one.expires_at),
        ],
        what: "device",
        button: Some("account-forget"),
        named: None,
    });
    let sessions = sessions::list(ctx, &who).await?;
    let sessions = sessions.iter().map(|one| {
        let here = one.id == who.session.id;
        let ip = one.visitor.ip.as_str();
        let from = (!ip.is_empty()).then(|| Text::from("account-from").with("ip", ip));
        let since = Some(on_day("account-since", one.created_at));
        let ends = Some(on_day("account-ends", one.expires_at));
        let facts = [since, from, ends, here.then(|| "account-this-one".into())];
        Row {
            id: one.id.to_string(),
            name: words::browser(&one.visitor),
            facts: facts.into_iter().flatten().collect(),
            what: "session",
            button: (!here).then_some("account-end"),
            named: None,
        }
    });
    let recovering = recovery::of_oneself(ctx, &who).await?.map(|one| {
        let text = Text::from("account-recovering").with("since", minute(one.ready_at));
        text.with("browser", words::browser(&one.from))
    });
    let page = Account {
        look: asked.look(),
        title: "account-title".into(),
        email: &who.user.email,
        name: &who.user.name,
        guarded: overview.is_on(),
        required: overview.required,
        due: overview.required_from.map(|from| due(&asked, from)),
        add_app: match (overview.has(Method::Totp), overview.takes_another_app()) {
            (false, _) => Some("account-add-totp"),
            (true, true) => Some("account-add-another-totp"),
            (true, false) => None,
        },
        texts: !matches!(ctx.config.sms, Sms::Off) && !overview.has(Method::SmsCode),
        mails: !overview.has(Method::EmailCode),
        passkeys: ctx.config.relying_party().is_some(),
        backup_codes: codes_left(&overview),
        used_codes: overview.backup_codes_used.iter().rev().map(used_code).collect(),
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

pub(super) fn codes_left(overview: &Overview) -> Text {
    let left = u64::from(overview.backup_codes_left);
    let all = left + overview.backup_codes_used.len() as u64;
    Text::from("account-codes-left").with("number", left).with("all", all)
}

fn used_code(one: &Used) -> Text {
    let text = Text::from("account-code-used").with("at", minute(one.at));
    text.with("place", one.place.map_or_else(|| "none".to_owned(), |place| place.to_string()))
}

#[derive(Template)]
#[template(path = "pages/due.html")]
struct Due<'a> {
    look: &'a Look,
    title: Text,
    lead: Text,
    passkeys: bool,
    return_to: &'a str,
}

/// "From 2026-12-05 on …"
fn due(asked: &Asked, from: Timestamp) -> Text {
    on_day("due-lead", from).with("app", asked.look().app.as_str())
}

/// Between signing in and going on, while a second factor can still be put off.
pub(super) async fn show_due(asked: Asked) -> Result<Reply, No> {
    let (who, return_to) = (asked.signed_in().await?, asked.return_to());
    let Some(from) = deadlines::ahead(asked.ctx(), &who.user).await? else {
        return Ok(see(&return_to));
    };
    let page = Due {
        look: asked.look(),
        title: "due-title".into(),
        lead: due(&asked, from),
        passkeys: asked.ctx().config.relying_party().is_some(),
        return_to: &return_to,
    };
    Ok(page::reply(&page, None))
}

/// A second factor that is no passkey. Apps have names, because there may be several.
fn factor(one: &EnrolledRow) -> Row {
    let is_app = one.method == Method::Totp;
    let used = match one.last_used_at {
        Some(at) => on_day("account-last-used", at),
        None => "account-never-used".into(),
    };
    Row {
        id: if is_app { one.id.as_str() } else { one.method.as_str() }.to_owned(),
        name: one.name.as_ref().map_or_else(|| words::method(one.method), Text::plain),
        facts: vec![
            match (&one.name, is_app) {
                (Some(_), true) => on_day("account-app", one.since),
                _ => on_day("account-since", one.since),
            },
            used,
        ],
        what: if is_app { "app" } else { "method" },
        button: Some("remove"),
        named: is_app.then(|| Named { name: one.name.clone().unwrap_or_default(), model: None }),
    }
}

/// What it is and how it is reached, for whoever has several.
fn model(one: &passkeys::Known) -> Text {
    let credential = &one.passkey.credential;
    let ways: Vec<_> = credential.transports.iter().map(|way| way.as_str()).collect();
    Text::from("account-model")
        .with("model", credential.aaguid.name().unwrap_or("none"))
        .with("ways", ways.join(", "))
        .with("counter", u64::from(credential.counter))
}

fn about_passkey(one: &passkeys::Known) -> Vec<Text> {
    let used = one.last_used_at.map(|at| on_day("account-last-used", at));
    let kept = if one.passkey.credential.backup.is_backed_up() { "account-synced" } else { "account-bound" };
    let suspended = one.passkey.suspended.then(|| "account-suspended".into());
    let facts = [Some(on_day("account-passkey", one.created_at)), Some(kept.into())];
    facts
        .into_iter()
        .flatten()
        .chain([used.unwrap_or_else(|| "account-never-used".into())])
        .chain(suspended)
        .collect()
}

/// In words, for what people can make sense of; the rest is the journal's.
fn activity(events: &[EventRow]) -> Vec<(Text, Vec<Text>)> {
    let told = |row: &EventRow| {
        let what = match row.kind.as_str() {
            "session.signed_in" | "challenge.passed" => "event-signed-in",
            "code.refused" => "event-wrong-code",
            "password.refused" => "event-wrong-password",
            "authenticator.added" => "event-factor-added",
            "authenticator.removed" => "event-factor-removed",
            "backup_code.used" => "event-backup-code-used",
            "backup_codes.renewed" => "event-backup-codes-renewed",
            "trusted_device.added" => "event-browser-trusted",
            "password.changed" | "password.reset" => "event-password-changed",
            "email.changed" => "event-email-changed",
            "second_factor.reset" => "event-reset",
            "recovery.begun" => "event-recovery-begun",
            "recovery.completed" => "event-recovery-completed",
            "recovery.vetoed" => "event-recovery-stopped",
            "passkey.cloned" => "event-passkey-copied",
            "user.everything_ended" => "event-everything-ended",
            _ => return None,
        };
        let visitor = Visitor { ip: row.ip.clone(), user_agent: row.user_agent.clone(), language: None };
        let at = Text::from("account-at").with("at", minute(row.at));
        Some((what.into(), vec![at, words::browser_at(&visitor)]))
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
        Ok(FarewellTaken::Mailed) => (StatusCode::OK, "mailbox-title", "account-delete-mailed"),
        Err(Stop::Denied(Denied::WrongPassword)) => {
            (StatusCode::FORBIDDEN, "wrong-title", "account-delete-wrong-password")
        }
        Err(Stop::Denied(Denied::SoleOwner { .. })) => {
            (StatusCode::CONFLICT, "wrong-title", "account-delete-sole-owner")
        }
        Err(stop) => return Err(stop.into()),
    };
    let page = Message::new(asked.look(), title, said).link("/account", "back-to-account");
    Ok(page.reply().status(status))
}

fn gone(asked: &Asked) -> Reply {
    let page = Message::new(asked.look(), "account-gone-title", "account-gone").link("/sign-in", "go-on");
    page.reply().cookie(asked.clear_session())
}

/// Where accounts end by mail: the link only asks.
pub(super) async fn show_delete(asked: Asked) -> Result<Reply, No> {
    asked.signed_in().await?;
    let page = page::Confirm {
        look: asked.look(),
        title: "account-delete-title".into(),
        lead: "account-delete-confirm".into(),
        facts: Vec::new(),
        action: "/account/delete/confirm",
        fields: vec![("token", asked.query("token").unwrap_or_default())],
        button: "account-delete-it",
        back: Some("/account"),
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

/// Names what would go and what would be left; the page's own button does it.
async fn ask_to_remove(asked: &Asked, who: &SignedIn) -> Result<Reply, No> {
    // A fresh proof first, so that the button below acts and does not lead away.
    authenticators::may_change_now(asked.ctx(), who).await?;
    let (id, what) = (asked.text("id"), asked.text("what"));
    let passkeys = passkeys::list(asked.ctx(), who).await?;
    let overview = authenticators::overview(asked.ctx(), who).await?;
    let named = match what.as_str() {
        "passkey" => passkeys.iter().find(|one| one.id.as_str() == id).map(|one| Text::plain(one.called())),
        "app" => overview.enrolled.iter().find(|one| one.id.as_str() == id).map(|one| factor(one).name),
        _ => Method::parse(&id).map(words::method),
    };
    let named = named.ok_or(Denied::NoSecondFactor)?;
    let left = overview.enrolled.len().saturating_sub(1) as u64;
    let page = page::Confirm {
        look: asked.look(),
        title: Text::from("remove-title").with("name", named),
        lead: Text::from("remove-left").with("number", left),
        facts: Vec::new(),
        action: "/account/remove",
        fields: vec![("what", what), ("id", id), ("sure", "on".to_owned())],
        button: "remove-button",
        back: Some("/account"),
        itself: false,
    };
    Ok(page::reply(&page, None))
}

pub(super) async fn remove(asked: Asked) -> Result<Reply, No> {
    let (ctx, visitor, who) = (asked.ctx(), &asked.visitor, asked.signed_in().await?);
    if !asked.ticked("sure") {
        return ask_to_remove(&asked, &who).await;
    }
    let id = asked.text("id");
    let rotated = match asked.text("what").as_str() {
        "passkey" => {
            let wish = (AuthenticatorId::from(id), Authority::default(), Handover::Token);
            passkeys::remove(ctx, visitor, &who, wish).await?
        }
        "app" => apps::remove(ctx, visitor, &who, (AuthenticatorId::from(id), Handover::Token)).await?,
        _ => {
            let method = Method::parse(&id).ok_or(Denied::NoSecondFactor)?;
            let removal = Removal { method: Some(method), handover: Handover::Token, ..Removal::default() };
            authenticators::remove(ctx, visitor, &who, removal).await?
        }
    };
    Ok(see("/account").cookies(rotated.as_ref().map(|fresh| asked.session_cookie(fresh))))
}

pub(super) async fn rename(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let id = AuthenticatorId::from(asked.text("id"));
    let (ctx, visitor, name) = (asked.ctx(), &asked.visitor, asked.text("name"));
    match asked.text("what").as_str() {
        "app" => apps::rename(ctx, visitor, &who, (id, &name)).await?,
        _ => passkeys::rename(ctx, visitor, &who, (id, &name)).await?,
    }
    Ok(see("/account"))
}

pub(super) async fn renew_backup_codes(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let wish = (Authority::default(), Shape::Grouped);
    let fresh = authenticators::renew_backup_codes(asked.ctx(), &asked.visitor, &who, wish).await?;
    let leads_to = Place::Account.leads_to(&asked).await?;
    let sheet = Codes::new(&asked, (Place::Account, who.user.called()), &fresh);
    Ok(page::reply(&sheet, leads_to.as_deref()))
}
