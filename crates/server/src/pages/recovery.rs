//! Recovery: asking for the link, waiting, stopping, and getting back in. Every link only shows a page; its
//! button acts (SEC-028).

use askama::Template;
use axum::http::StatusCode;
use countersign_core::{denied::Denied, recovery::State, secret::Secret};

use super::asked::{Asked, Keeps, Message, No, see};
use crate::{
    http::{
        page::{self, Confirm},
        reply::Reply,
    },
    operations::{
        Stop,
        recovery::{self, Asked as Whose, Completion, Held, Standing, Vetoer},
        sessions::Handover,
    },
};

#[derive(Template)]
#[template(path = "pages/recovery.html")]
struct Ask<'a> {
    app: &'a str,
    title: &'a str,
    said: Option<&'a str>,
    /// Somebody before the second step need not type their address again.
    knows: bool,
}

fn ask(asked: &Asked, said: Option<&str>) -> Reply {
    let knows = asked.kept(Keeps::Challenge).is_some();
    page::reply(&Ask { app: asked.app(), title: "Get back in", said, knows }, None)
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
        Ok(()) | Err(Stop::Denied(Denied::ChallengeGone)) => {
            Ok(ask(&asked, Some("If there is an account to get back into, a link is on its way by mail.")))
        }
        Err(Stop::Denied(_)) => Ok(ask(&asked, Some("That is not an email address."))),
        Err(stop) => Err(stop.into()),
    }
}

fn confirm(asked: &Asked, (title, lead, button): (&str, &str, &str), facts: Vec<(&str, String)>) -> Reply {
    let token = asked.query("token").unwrap_or_default();
    let page = Confirm {
        app: asked.app(),
        title,
        lead,
        facts,
        action: "",
        fields: vec![("token", token)],
        button,
        itself: false,
    };
    page::reply(&page, None)
}

pub(super) async fn show_begin(asked: Asked) -> Result<Reply, No> {
    let lead = "You lost what you confirm signing in with. From here on a waiting time runs, and everybody who is \
                signed in to your account, or reads your mail, is told and can stop it.";
    Ok(confirm(&asked, ("Get back in", lead, "Start the waiting time"), Vec::new()))
}

/// The claim stays with this browser, and is shown once to be written down.
pub(super) async fn begin(asked: Asked) -> Result<Reply, No> {
    match recovery::begin(asked.ctx(), &asked.visitor, &asked.text("token")).await {
        Ok(begun) => {
            let reply = waiting(&asked, &begun.standing, (Some(&begun.claim), None));
            Ok(reply.cookie(asked.keep(Keeps::Recovery, &begun.claim)))
        }
        Err(Stop::Denied(_)) => Ok(over(&asked, "That link was used, or is too old. Ask for a new one.")),
        Err(stop) => Err(stop.into()),
    }
}

fn over(asked: &Asked, said: &str) -> Reply {
    let link = ("/recovery", "Get back in");
    let message = Message { app: asked.app(), title: "That recovery is over", said, link };
    page::reply(&message, None).status(StatusCode::GONE)
}

#[derive(Template)]
#[template(path = "pages/recovery_status.html")]
struct Status<'a> {
    app: &'a str,
    title: &'a str,
    said: Option<&'a str>,
    open: bool,
    ready: bool,
    state: &'a str,
    ready_at: String,
    from: String,
    reference: Option<&'a str>,
    claim: Option<&'a str>,
    /// Whether this browser began it and may complete it.
    mine: bool,
}

fn waiting(
    asked: &Asked,
    standing: &Standing,
    (claim, said): (Option<&Secret<String>>, Option<&str>),
) -> Reply {
    let state = match standing.state {
        State::Pending => "Waiting",
        State::Ready => "The wait is over",
        State::Vetoed => "Stopped",
        State::Completed => "Completed",
        State::Expired => "Nobody came back in time",
        State::Cancelled => "Over",
    };
    let ready_at = standing.ready_at.to_iso();
    let page = Status {
        app: asked.app(),
        title: "Your recovery",
        said,
        open: standing.state.is_open(),
        ready: standing.state == State::Ready,
        state,
        ready_at: ready_at.split('.').next().unwrap_or(&ready_at).replace('T', " at ") + " UTC",
        from: standing.from.browser(),
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
            Err(Stop::Denied(_)) => return Ok(over(&asked, "There is nothing to wait for.")),
            Err(stop) => return Err(stop.into()),
        },
        (None, None) => return Ok(over(&asked, "There is nothing to wait for.")),
    };
    Ok(waiting(&asked, &standing, (None, None)))
}

pub(super) async fn show_stop(asked: Asked) -> Result<Reply, No> {
    let token = asked.query("token").unwrap_or_default();
    let standing = match recovery::status(asked.ctx(), Held::Notice(&token)).await {
        Ok(standing) if standing.state.is_open() => standing,
        Ok(_) | Err(Stop::Denied(_)) => return Ok(over(&asked, "There is nothing left to stop.")),
        Err(stop) => return Err(stop.into()),
    };
    let facts = vec![("Begun with", standing.from.browser()), ("At address", standing.from.ip)];
    let lead = "Somebody who can read your mail asks to get into your account without the second step. If that was \
                not you, stop it.";
    Ok(confirm(&asked, ("Was this you?", lead, "It was not me: stop it"), facts))
}

pub(super) async fn stop(asked: Asked) -> Result<Reply, No> {
    match recovery::veto(asked.ctx(), &asked.visitor, Vetoer::Notice(&asked.text("token"))).await {
        Ok(vetoed) => {
            let said = match vetoed.has_password {
                true => {
                    "It is stopped. Somebody else may read your mail: change your mailbox's password, and then \
                         the one here."
                }
                false => "It is stopped. Somebody else may read your mail: change your mailbox's password.",
            };
            let message = Message { app: asked.app(), title: "Stopped", said, link: ("/sign-in", "Sign in") };
            Ok(page::reply(&message, None))
        }
        Err(Stop::Denied(_)) => Ok(over(&asked, "There is nothing left to stop.")),
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
            .cookies([asked.forget(Keeps::Challenge), asked.forget(Keeps::TrustedDevice)])),
        Err(Stop::Denied(denied)) => {
            let standing = recovery::status(asked.ctx(), Held::Claim(&claim)).await;
            let said = match denied {
                Denied::RecoveryWaiting { wait } => format!("Not yet: {} to go.", page::about(wait)),
                Denied::PasswordRequired | Denied::PasswordTooShort => {
                    "Choose a new, longer password.".to_owned()
                }
                Denied::PasswordCommon => "That password is among those that are guessed first.".to_owned(),
                denied => page::said(&denied),
            };
            match standing {
                Ok(standing) => {
                    Ok(waiting(&asked, &standing, (None, Some(&said))).status(StatusCode::FORBIDDEN))
                }
                Err(Stop::Denied(_)) => Ok(over(&asked, "There is nothing to complete.")),
                Err(stop) => Err(stop.into()),
            }
        }
        Err(stop) => Err(stop.into()),
    }
}
