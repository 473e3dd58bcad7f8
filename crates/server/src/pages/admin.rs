//! The administrators' pages: coverage, people, rules with a forecast, keys, webhooks, the journal.
//!
//! Whoever looks after members sees them; what acts asks for a fresh proof, and each act decides by the role.

mod chart;
mod keys;
mod people;
mod policy;

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
};

use super::{
    account::{called, minute},
    asked::{Asked, No},
};
use crate::{
    http::{page, query, reply::Reply},
    operations::{
        administration::{self, EventRow, Told},
        sessions::SignedIn,
    },
};

/// What every page of them shows.
struct Frame<'a> {
    app: &'a str,
    title: &'a str,
    organisation: String,
    /// Rules, keys and webhooks are for those who administer.
    administers: bool,
}

impl<'a> Frame<'a> {
    async fn of(asked: &'a Asked, who: &SignedIn, title: &'a str) -> Result<Self, No> {
        let place = administration::place(asked.ctx(), who).await?;
        Ok(Self {
            app: asked.app(),
            title,
            organisation: place.organisation.name,
            administers: place.role.administers(),
        })
    }
}

const fn called_role(role: Role) -> &'static str {
    match role {
        Role::Owner => "Owner",
        Role::Admin => "Administrator",
        Role::Helpdesk => "Helpdesk",
        Role::Billing => "Billing",
        Role::Workspaces => "Workspaces",
        Role::Member => "Member",
    }
}

/// An entry of the journal, in a table.
struct Entry {
    at: String,
    kind: String,
    user: Option<UserId>,
    from: String,
    detail: String,
}

impl Entry {
    fn of(row: &EventRow) -> Self {
        let visitor =
            countersign_core::session::Visitor { ip: row.ip.clone(), user_agent: row.user_agent.clone() };
        let from =
            if row.ip.is_empty() { String::new() } else { format!("{}, {}", row.ip, visitor.browser()) };
        let detail = if row.detail == "{}" { String::new() } else { row.detail.clone() };
        Self { at: minute(row.at), kind: row.kind.clone(), user: row.user_id.clone(), from, detail }
    }
}

#[derive(Template)]
#[template(path = "pages/admin/overview.html")]
struct Overview<'a> {
    frame: Frame<'a>,
    people: i64,
    guarded: i64,
    share: String,
    methods: Vec<(&'a str, i64)>,
    coverage: String,
    challenges: String,
}

pub(super) async fn overview(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let coverage = administration::coverage(asked.ctx(), &who).await?;
    let (people, guarded) = (coverage.people, coverage.guarded);
    let methods: Vec<(&str, i64)> =
        coverage.methods.iter().map(|(method, count)| (called(*method), *count)).collect();
    let page = Overview {
        frame: Frame::of(&asked, &who, "Overview").await?,
        people,
        guarded,
        share: if people == 0 { "0".to_owned() } else { (guarded * 100 / people).to_string() },
        coverage: chart::coverage(people, guarded, &methods),
        challenges: chart::days(&coverage.days, coverage.today, administration::DAYS),
        methods,
    };
    Ok(page::reply(&page, None))
}

#[derive(Template)]
#[template(path = "pages/admin/journal.html")]
struct Journal<'a> {
    frame: Frame<'a>,
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
        frame: Frame::of(&asked, &who, "Journal").await?,
        kinds: groups.into_iter().map(|one| (one.to_owned(), Some(one) == kind.as_deref())).collect(),
        user: user.unwrap_or_default(),
        entries: events.iter().map(Entry::of).collect(),
        next: next.map(|before| query::add(&here, "before", before.as_str())),
    };
    Ok(page::reply(&page, None))
}

/// The methods in words.
fn named(methods: &[Method]) -> String {
    let mut names: Vec<_> = methods.iter().map(|method| called(*method)).collect();
    names.dedup();
    names.join(", ")
}
