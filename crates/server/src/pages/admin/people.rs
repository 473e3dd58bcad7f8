//! People: a list to search, and each of them whole.

use askama::Template;
use axum::http::StatusCode;
use countersign_core::{
    denied::Denied,
    ids::UserId,
    organisation::{Role, may_appoint},
    user::User,
};

use super::{Entry, Frame, at_minute, called_role, minute, named};
use crate::{
    http::{look::Look, page, query, reply::Reply},
    operations::{
        Stop,
        administration::{self, Whole},
        organisations::{self, Reset},
    },
    pages::{
        account::day,
        asked::{Asked, No, see},
    },
    words::{self, Text},
};

struct Line {
    id: String,
    name: String,
    role: &'static str,
    methods: Vec<Text>,
}

fn name_of(user: &User) -> String {
    let address = user.called();
    if user.name.is_empty() || user.name == address {
        address.to_owned()
    } else {
        format!("{} ({address})", user.name)
    }
}

#[derive(Template)]
#[template(path = "pages/admin/people.html")]
struct People<'a> {
    look: &'a Look,
    title: Text,
    frame: Frame,
    search: String,
    lines: Vec<Line>,
    next: Option<String>,
}

pub(crate) async fn list(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let (search, after) = (asked.query("q").unwrap_or_default(), asked.query("after").unwrap_or_default());
    let (people, next) = administration::people(asked.ctx(), &who, (&search, &after)).await?;
    let line = |one: &administration::Person| Line {
        id: one.user.id.to_string(),
        name: name_of(&one.user),
        role: called_role(one.role),
        methods: named(&one.methods),
    };
    let here = query::add("/admin/people", "q", &search);
    let page = People {
        look: asked.look(),
        title: "admin-people".into(),
        frame: Frame::of(&asked, &who).await?,
        lines: people.iter().map(line).collect(),
        next: next.map(|after| query::add(&here, "after", after.as_str())),
        search,
    };
    Ok(page::reply(&page, None))
}

#[derive(Template)]
#[template(path = "pages/admin/person.html")]
struct Person<'a> {
    look: &'a Look,
    title: Text,
    frame: Frame,
    said: Option<&'static str>,
    id: String,
    name: String,
    since: String,
    role: &'static str,
    required: bool,
    methods: Vec<Text>,
    backup_codes: u32,
    sessions: Vec<(Text, Text)>,
    devices: Vec<(Text, Text)>,
    recovery: Option<Text>,
    /// What the button that takes everything away says.
    reset: Text,
    entries: Vec<Entry>,
    /// What whoever looks may make of them.
    roles: Vec<(&'static str, &'static str, bool)>,
}

fn named_user(asked: &Asked) -> UserId {
    UserId::from(asked.segment(3).to_owned())
}

async fn page(asked: &Asked, said: Option<(StatusCode, &'static str)>) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let Whole { person, backup_codes_left, sessions, devices, recovery, events } =
        administration::whole(asked.ctx(), &who, &named_user(asked)).await?;
    let own = administration::place(asked.ctx(), &who).await?.role;
    let may_become = |role: &Role| {
        person
            .role
            .is_some_and(|theirs| person.user.id != who.user.id && may_appoint(own, theirs, *role).is_ok())
    };
    let (status, said) = said.map_or((StatusCode::OK, None), |(status, said)| (status, Some(said)));
    let name = name_of(&person.user);
    let page = Person {
        look: asked.look(),
        title: "person-title".into(),
        frame: Frame::of(asked, &who).await?,
        said,
        id: person.user.id.to_string(),
        since: day(&person.user.created_at.to_iso()).to_owned(),
        role: called_role(person.role),
        required: person.user.second_factor_required,
        methods: named(&person.methods),
        backup_codes: backup_codes_left,
        sessions: sessions
            .iter()
            .map(|one| {
                let since =
                    at_minute("person-since-from", one.created_at).with("ip", one.visitor.ip.as_str());
                (words::browser(&one.visitor), since)
            })
            .collect(),
        devices: devices
            .iter()
            .map(|one| {
                let name = one.name.as_ref().map_or_else(|| words::browser(&one.visitor), Text::plain);
                (name, at_minute("person-last-used", one.last_used_at))
            })
            .collect(),
        recovery: recovery.map(|one| {
            let text = Text::from("person-recovering").with("since", minute(one.ready_at));
            text.with("browser", words::browser(&one.from))
        }),
        reset: Text::from("person-reset-button").with("name", name.as_str()),
        name,
        entries: events.iter().map(Entry::of).collect(),
        roles: Role::ALL
            .into_iter()
            .filter(may_become)
            .map(|role| (role.as_str(), called_role(Some(role)), Some(role) == person.role))
            .collect(),
    };
    Ok(page::reply(&page, None).status(status))
}

pub(crate) async fn show(asked: Asked) -> Result<Reply, No> {
    page(&asked, None).await
}

/// A refusal is said on the person's page; what asks for a fresh proof leads there and back.
async fn done(asked: &Asked, outcome: Result<(), Stop>) -> Result<Reply, No> {
    match outcome {
        Ok(()) => Ok(see(&format!("/admin/people/{}", named_user(asked)))),
        Err(Stop::Denied(Denied::NotPermitted)) => {
            page(asked, Some((StatusCode::FORBIDDEN, "not-permitted"))).await
        }
        Err(Stop::Denied(Denied::ReasonRequired)) => {
            page(asked, Some((StatusCode::BAD_REQUEST, "person-reason-required"))).await
        }
        Err(stop) => Err(stop.into()),
    }
}

pub(crate) async fn reset(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let reason = asked.text("reason").trim().to_owned();
    if reason.is_empty() {
        return done(&asked, Err(Denied::ReasonRequired.into())).await;
    }
    let reset = Reset { user: named_user(&asked), require: None, reason: Some(reason) };
    let outcome = organisations::reset_member(asked.ctx(), &asked.visitor, &who, reset).await;
    done(&asked, outcome).await
}

pub(crate) async fn change_role(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let role = Role::parse(&asked.text("role")).ok_or(Denied::NotPermitted)?;
    let change = (&named_user(&asked), role);
    let outcome = organisations::change_role(asked.ctx(), &asked.visitor, &who, change).await;
    done(&asked, outcome).await
}

/// Kept for the forecast, which lists people the same way.
pub(super) fn short(look: &Look, one: &administration::Person) -> (String, String, Text) {
    let has = match one.methods.is_empty() {
        true => "forecast-none".into(),
        false => Text::from("forecast-only").with("methods", look.list(&named(&one.methods))),
    };
    (one.user.id.to_string(), name_of(&one.user), has)
}
