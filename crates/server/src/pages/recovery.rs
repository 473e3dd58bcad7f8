//! Recovery: asking for the link, waiting, stopping, and getting back in. Every link only shows a page; its
//! button acts (SEC-028).

use askama::Template;
use axum::http::StatusCode;
use countersign_core::{denied::Denied, recovery::State, secret::Secret};

use super::{
    account::minute,
    asked::{Asked, Keeps, Message, No, see},
};
use crate::{
    http::{
        look::Look,
        page::{self, Confirm},
        reply::Reply,
    },
    operations::{
        Stop,
        recovery::{self, Asked as Whose, Completion, Held, Standing, Vetoer},
        sessions::Handover,
    },
    words::{self, Text},
};

#[derive(Template)]
#[template(path = "pages/recovery.html")]
struct Ask<'a> {
    look: &'a Look,
    title: Text,
    said: Option<&'a str>,
    /// Somebody before the second step need not type their address again.
    knows: bool,
}

fn ask(asked: &Asked, said: Option<&'static str>) -> Reply {
    let knows = asked.kept(Keeps::Challenge).is_some();
    page::reply(&Ask { look: asked.look(), title: "recovery-title".into(), said, knows }, None)
}

pub(super) async fn show(asked: Asked) -> Result<Reply, No> {
    Ok(ask(&asked, None))
}

pub(super) async fn request(asked: Asked) -> Result<Reply, No> {
    let (email, challenge) = (asked.text("email"), asked.kept(Keeps::Challenge));
    let whose = match &challenge {
        Some(challenge) if email.is_empty() => Whose::Challenge(challenge),
        _ => Whose::Address(&email),
    };
    match recovery::request(asked.ctx(), &asked.visitor, whose).await {
        Ok(()) | Err(Stop::Denied(Denied::ChallengeGone)) => Ok(ask(&asked, Some("recovery-sent"))),
        Err(Stop::Denied(_)) => Ok(ask(&asked, Some("email-invalid"))),
        Err(stop) => Err(stop.into()),
    }
}

fn confirm<'a>(
    asked: &'a Asked,
    (title, lead, button): (&'static str, &'static str, &'a str),
    facts: Vec<(&'a str, Text)>,
) -> Reply {
    let token = asked.query("token").unwrap_or_default();
    let page = Confirm {
        look: asked.look(),
        title: title.into(),
        lead: lead.into(),
        facts,
        action: "",
        fields: vec![("token", token)],
        button,
        back: None,
        itself: false,
    };
    page::reply(&page, None)
}

pub(super) async fn show_begin(asked: Asked) -> Result<Reply, No> {
    let words = ("recovery-title", "recovery-begin-lead", "recovery-begin-button");
    Ok(confirm(&asked, words, Vec::new()))
}

/// The claim stays with this browser, and is shown once to be written down.
pub(super) async fn begin(asked: Asked) -> Result<Reply, No> {
    match recovery::begin(asked.ctx(), &asked.visitor, &asked.text("token")).await {
        Ok(begun) => {
            let reply = waiting(&asked, &begun.standing, (Some(&begun.claim), None));
            Ok(reply.cookie(asked.keep(Keeps::Recovery, &begun.claim)))
        }
        Err(Stop::Denied(_)) => Ok(over(&asked, "link-dead-ask-again")),
        Err(stop) => Err(stop.into()),
    }
}

fn over(asked: &Asked, said: &'static str) -> Reply {
    let message = Message::new(asked.look(), "recovery-over-title", said);
    message.link("/recovery", "recovery-title").reply().status(StatusCode::GONE)
}

#[derive(Template)]
#[template(path = "pages/recovery_status.html")]
struct Status<'a> {
    look: &'a Look,
    title: Text,
    said: Option<Text>,
    open: bool,
    ready: bool,
    state: &'a str,
    ready_at: Text,
    from: Text,
    reference: Option<&'a str>,
    claim: Option<&'a str>,
    /// Whether this browser began it and may complete it.
    mine: bool,
}

fn waiting(
    asked: &Asked,
    standing: &Standing,
    (claim, said): (Option<&Secret<String>>, Option<Text>),
) -> Reply {
    let state = match standing.state {
        State::Pending => "recovery-state-pending",
        State::Ready => "recovery-state-ready",
        State::Vetoed => "recovery-state-vetoed",
        State::Completed => "recovery-state-completed",
        State::Expired => "recovery-state-expired",
        State::Cancelled => "recovery-state-cancelled",
    };
    let ready_at = minute(standing.ready_at);
    let (day, time) = ready_at.split_once(' ').unwrap_or((&ready_at, ""));
    let page = Status {
        look: asked.look(),
        title: "recovery-status-title".into(),
        said,
        open: standing.state.is_open(),
        ready: standing.state == State::Ready,
        state,
        ready_at: Text::from("recovery-opens-at").with("day", day).with("time", time),
        from: words::browser(&standing.from),
        reference: standing.reference.as_deref(),
        claim: claim.map(|claim| claim.expose().as_str()),
        mine: standing.reference.is_some(),
    };
    page::reply(&page, None)
}

/// For whoever began it in this browser, or holds a mail about it.
pub(super) async fn status(asked: Asked) -> Result<Reply, No> {
    let (claim, token) = (asked.kept(Keeps::Recovery), asked.query("token"));
    let by_claim = match &claim {
        Some(claim) => recovery::status(asked.ctx(), Held::Claim(claim)).await.ok(),
        None => None,
    };
    let standing = match (by_claim, &token) {
        (Some(standing), _) => standing,
        (None, Some(token)) => match recovery::status(asked.ctx(), Held::Notice(token)).await {
            Ok(standing) => standing,
            Err(Stop::Denied(_)) => return Ok(over(&asked, "recovery-nothing")),
            Err(stop) => return Err(stop.into()),
        },
        (None, None) => return Ok(over(&asked, "recovery-nothing")),
    };
    Ok(waiting(&asked, &standing, (None, None)))
}

pub(super) async fn show_stop(asked: Asked) -> Result<Reply, No> {
    let token = asked.query("token").unwrap_or_default();
    let standing = match recovery::status(asked.ctx(), Held::Notice(&token)).await {
        Ok(standing) if standing.state.is_open() => standing,
        Ok(_) | Err(Stop::Denied(_)) => return Ok(over(&asked, "recovery-nothing-to-stop")),
        Err(stop) => return Err(stop.into()),
    };
    let at = Text::plain(&standing.from.ip);
    let facts = vec![("recovery-from", words::browser(&standing.from)), ("recovery-at", at)];
    Ok(confirm(&asked, ("recovery-stop-title", "recovery-stop-lead", "account-stop"), facts))
}

pub(super) async fn stop(asked: Asked) -> Result<Reply, No> {
    match recovery::veto(asked.ctx(), &asked.visitor, Vetoer::Notice(&asked.text("token"))).await {
        Ok(vetoed) => {
            let said = if vetoed.has_password { "recovery-stopped-password" } else { "recovery-stopped" };
            let message = Message::new(asked.look(), "recovery-stopped-title", said);
            Ok(message.link("/sign-in", "sign-in").reply())
        }
        Err(Stop::Denied(_)) => Ok(over(&asked, "recovery-nothing-to-stop")),
        Err(stop) => Err(stop.into()),
    }
}

/// Back in, to enrol and nothing else.
pub(super) async fn complete(asked: Asked) -> Result<Reply, No> {
    let claim = asked.kept(Keeps::Recovery).unwrap_or_else(|| asked.text("claim"));
    let given = |name: &str| Some(asked.secret(name)).filter(|text| !text.expose().is_empty());
    let completion = Completion {
        backup_code: given("backup_code"),
        new_password: given("new_password"),
        handover: Handover::Token,
    };
    match recovery::complete(asked.ctx(), &asked.visitor, &claim, completion).await {
        Ok(done) => Ok(see("/account/totp")
            .cookies([asked.session_cookie(&done.session), asked.forget(Keeps::Recovery)])
            .cookie(asked.forget(Keeps::Challenge))),
        Err(Stop::Denied(denied)) => {
            let standing = recovery::status(asked.ctx(), Held::Claim(&claim)).await;
            let said = match denied {
                Denied::RecoveryWaiting { wait } => Text::from("recovery-waiting").with_span(wait),
                Denied::PasswordRequired | Denied::PasswordTooShort => "recovery-password-short".into(),
                denied => page::said(&denied),
            };
            match standing {
                Ok(standing) => {
                    Ok(waiting(&asked, &standing, (None, Some(said))).status(StatusCode::FORBIDDEN))
                }
                Err(Stop::Denied(_)) => Ok(over(&asked, "recovery-nothing-to-complete")),
                Err(stop) => Err(stop.into()),
            }
        }
        Err(stop) => Err(stop.into()),
    }
}
