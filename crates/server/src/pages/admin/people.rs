//! People: a list to search, and each of them whole.

use askama::Template;
use axum::http::StatusCode;
use countersign_core::{
    denied::Denied,
    ids::UserId,
    organisation::{Role, may_appoint},
    user::User,
};

use super::{Entry, Frame, called_role, minute, named};
use crate::{
    http::{page, query, reply::Reply},
    operations::{
        Stop,
        administration::{self, Whole},
        organisations::{self, Reset},
    },
    pages::{
        account::{called, day},
        asked::{Asked, No, see},
    },
};

struct Line {
    id: String,
    name: String,
    role: &'static str,
    methods: String,
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
    frame: Frame<'a>,
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
        role: one.role.map_or("Of an application", called_role),
        methods: named(&one.methods),
    };
    let here = query::add("/admin/people", "q", &search);
    let page = People {
        frame: Frame::of(&asked, &who, "People").await?,
        lines: people.iter().map(line).collect(),
        next: next.map(|after| query::add(&here, "after", after.as_str())),
        search,
    };
    Ok(page::reply(&page, None))
}

#[derive(Template)]
#[template(path = "pages/admin/person.html")]
struct Person<'a> {
    frame: Frame<'a>,
    said: Option<String>,
    id: String,
    name: String,
    since: String,
    role: &'static str,
    required: bool,
    methods: String,
    backup_codes: u32,
    sessions: Vec<(String, String)>,
    devices: Vec<(String, String)>,
    recovery: Option<String>,
    entries: Vec<Entry>,
    /// What whoever looks may make of them.
    roles: Vec<(&'static str, &'static str, bool)>,
}

fn named_user(asked: &Asked) -> UserId {
    UserId::from(asked.segment(3).to_owned())
}

async fn page(asked: &Asked, said: Option<(StatusCode, String)>) -> Result<Reply, No> {
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
    let page = Person {
        frame: Frame::of(asked, &who, "Person").await?,
        said,
        id: person.user.id.to_string(),
        name: name_of(&person.user),
        since: day(&person.user.created_at.to_iso()).to_owned(),
        role: person.role.map_or("Of an application", called_role),
        required: person.user.second_factor_required,
        methods: named(&person.methods),
        backup_codes: backup_codes_left,
        sessions: sessions
            .iter()
            .map(|one| {
                (one.visitor.browser(), format!("since {}, from {}", minute(one.created_at), one.visitor.ip))
            })
            .collect(),
        devices: devices
            .iter()
            .map(|one| {
                let name = one.name.clone().unwrap_or_else(|| one.visitor.browser());
                (name, format!("last used {}", minute(one.last_used_at)))
            })
            .collect(),
        recovery: recovery.map(|one| format!("{}, from {}", minute(one.ready_at), one.from.browser())),
        entries: events.iter().map(Entry::of).collect(),
        roles: Role::ALL
            .into_iter()
            .filter(may_become)
            .map(|role| (role.as_str(), called_role(role), Some(role) == person.role))
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
            page(asked, Some((StatusCode::FORBIDDEN, "Your role does not reach this far.".to_owned()))).await
        }
        Err(Stop::Denied(Denied::ReasonRequired)) => {
            page(asked, Some((StatusCode::BAD_REQUEST, "Say why: it is kept in the journal.".to_owned())))
                .await
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
pub(super) fn short(one: &administration::Person) -> (String, String, String) {
    let has = if one.methods.is_empty() {
        "no second factor".to_owned()
    } else {
        let names: Vec<_> = one.methods.iter().map(|method| called(*method)).collect();
        format!("only {}", names.join(", "))
    };
    (one.user.id.to_string(), name_of(&one.user), has)
}
