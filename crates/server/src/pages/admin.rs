//! The administrators' pages: coverage, people, rules with a forecast, keys, webhooks, the journal.
//!
//! Whoever looks after members sees them; what acts asks for a fresh proof, and each act decides by the role.

mod brand;
mod chart;
mod keys;
mod people;
mod policy;

pub(super) use brand::{change_brand, logo, show_brand};
pub(super) use keys::{create_key, create_webhook, delete_webhook, keys, revoke_key};
pub(super) use people::{change_role, list, reset, show};
pub(super) use policy::{apply, edit};

use std::collections::BTreeSet;

use askama::Template;
use countersign_core::{
    event,
    ids::{EventId, UserId},
    method::Method,
    organisation::Role,
    session::Visitor,
    time::Timestamp,
};

use super::{
    account::minute,
    asked::{Asked, No},
};
use crate::{
    http::{look::Look, page, query, reply::Reply},
    operations::{
        administration::{self, EventRow, Told},
        sessions::SignedIn,
    },
    words::{self, Text},
};

/// What every page of them shows.
struct Frame {
    organisation: String,
    /// Rules, keys and webhooks are for those who administer.
    administers: bool,
}

impl Frame {
    async fn of(asked: &Asked, who: &SignedIn) -> Result<Self, No> {
        let place = administration::place(asked.ctx(), who).await?;
        Ok(Self { organisation: place.organisation.name, administers: place.role.administers() })
    }
}

/// The name of the message that says it.
const fn called_role(role: Option<Role>) -> &'static str {
    match role {
        Some(Role::Owner) => "role-owner",
        Some(Role::Admin) => "role-admin",
        Some(Role::Helpdesk) => "role-helpdesk",
        Some(Role::Billing) => "role-billing",
        Some(Role::Workspaces) => "role-workspaces",
        Some(Role::Member) => "role-member",
        None => "role-external",
    }
}

/// An entry of the journal, in a table.
struct Entry {
    at: String,
    kind: String,
    user: Option<UserId>,
    from: Text,
    detail: String,
}

impl Entry {
    fn of(row: &EventRow) -> Self {
        let visitor = Visitor { ip: row.ip.clone(), user_agent: row.user_agent.clone(), language: None };
        let from = if row.ip.is_empty() { Text::plain("") } else { words::browser_at(&visitor) };
        let detail = if row.detail == "{}" { String::new() } else { row.detail.clone() };
        Self { at: minute(row.at), kind: row.kind.clone(), user: row.user_id.clone(), from, detail }
    }
}

#[derive(Template)]
#[template(path = "pages/admin/overview.html")]
struct Overview<'a> {
    look: &'a Look,
    title: Text,
    frame: Frame,
    share: Text,
    methods: Vec<(String, i64)>,
    coverage: String,
    challenges: String,
}

pub(super) async fn overview(asked: Asked) -> Result<Reply, No> {
    let (look, who) = (asked.look(), asked.signed_in().await?);
    let coverage = administration::coverage(asked.ctx(), &who).await?;
    let (people, guarded) = (coverage.people, coverage.guarded);
    let share = if people == 0 { 0 } else { guarded * 100 / people };
    let methods: Vec<(String, i64)> =
        coverage.methods.iter().map(|(method, count)| (look.say(&words::method(*method)), *count)).collect();
    let page = Overview {
        look,
        title: "admin-overview".into(),
        frame: Frame::of(&asked, &who).await?,
        share: Text::from("admin-share")
            .with("guarded", guarded.unsigned_abs())
            .with("people", people.unsigned_abs())
            .with("share", share.unsigned_abs()),
        coverage: chart::coverage(look, (people, guarded), &methods),
        challenges: chart::days(look, &coverage.days, coverage.today, administration::DAYS),
        methods,
    };
    Ok(page::reply(&page, None))
}

#[derive(Template)]
#[template(path = "pages/admin/journal.html")]
struct Journal<'a> {
    look: &'a Look,
    title: Text,
    frame: Frame,
    kinds: Vec<(String, bool)>,
    user: String,
    entries: Vec<Entry>,
    next: Option<String>,
}

pub(super) async fn journal(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let (kind, user) = (asked.query("kind"), asked.query("user"));
    let told = Told {
        kind: kind.clone(),
        user: user.clone().map(UserId::from),
        before: asked.query("before").map(EventId::from),
        limit: administration::PAGE as i64,
    };
    let (events, next) = administration::journal(asked.ctx(), &who, told).await?;
    let groups: BTreeSet<&str> = event::Kind::ALL.iter().map(|kind| kind.group()).collect();
    let mut here = "/admin/journal".to_owned();
    for (name, value) in [("kind", &kind), ("user", &user)] {
        if let Some(value) = value {
            here = query::add(&here, name, value);
        }
    }
    let page = Journal {
        look: asked.look(),
        title: "admin-journal".into(),
        frame: Frame::of(&asked, &who).await?,
        kinds: groups.into_iter().map(|one| (one.to_owned(), Some(one) == kind.as_deref())).collect(),
        user: user.unwrap_or_default(),
        entries: events.iter().map(Entry::of).collect(),
        next: next.map(|before| query::add(&here, "before", before.as_str())),
    };
    Ok(page::reply(&page, None))
}

/// A message about a moment.
fn at_minute(id: &'static str, at: Timestamp) -> Text {
    Text::from(id).with("at", minute(at))
}

/// The methods in words, each once.
fn named(methods: &[Method]) -> Vec<Text> {
    let mut names: Vec<_> = methods.iter().map(|method| words::method(*method)).collect();
    names.dedup();
    names
}
