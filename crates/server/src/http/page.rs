//! Pages for people: their policy, their style, and the one that asks before something happens.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::IntoResponse,
    routing::on,
};
use countersign_core::{denied::Denied, method::Method};

use crate::{
    ctx::Ctx,
    http::{
        reply::Reply,
        routes::{GET, Routes},
    },
};

const STYLE: &str = include_str!("../../../../assets/countersign.css");
const PASSKEY: &str = include_str!("../../../../assets/passkey.js");
const CONFIRM: &str = include_str!("../../../../assets/confirm.js");
const CODES: &str = include_str!("../../../../assets/codes.js");

/// What the pages bring along: the same for everybody, and compiled in.
pub fn assets(routes: Routes<Arc<Ctx>>) -> Routes<Arc<Ctx>> {
    const HOUR: &str = "public, max-age=3600";
    let file = |kind: &'static str, text: &'static str| {
        move || async move {
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, HOUR)], text).into_response()
        }
    };
    routes
        .on(GET, "/assets/countersign.css", move |method| on(method, file("text/css; charset=utf-8", STYLE)))
        .on(GET, "/assets/passkey.js", move |method| {
            on(method, file("text/javascript; charset=utf-8", PASSKEY))
        })
        .on(GET, "/assets/confirm.js", move |method| {
            on(method, file("text/javascript; charset=utf-8", CONFIRM))
        })
        .on(GET, "/assets/codes.js", move |method| on(method, file("text/javascript; charset=utf-8", CODES)))
}

/// Our own style and scripts and nothing else, and no script between the lines. `to` is where forms may end up,
/// beside here: browsers hold a redirect after a form against this, too.
pub fn policy(to: Option<&str>) -> String {
    let to = to.map(|origin| format!(" {origin}")).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'{to}; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// A page as a reply. A template of ours that does not render is our failure.
pub fn reply<T: Template>(page: &T, to: Option<&str>) -> Reply {
    match page.render() {
        Ok(text) => Reply::html(text).header(header::CONTENT_SECURITY_POLICY, policy(to)),
        Err(_) => Reply::empty(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// What is about to happen, and a button that lets it: GET only ever asks (RFC 9110 §9.2.1, SEC-028).
#[derive(Template)]
#[template(path = "pages/confirm.html")]
pub struct Confirm<'a> {
    pub app: &'a str,
    pub title: &'a str,
    pub lead: &'a str,
    pub facts: Vec<(&'a str, String)>,
    /// Where the button leads.
    pub action: &'a str,
    pub fields: Vec<(&'a str, String)>,
    pub button: &'a str,
    /// Where scripts run, no button is needed.
    pub itself: bool,
}

/// The second step.
#[derive(Template)]
#[template(path = "pages/challenge.html")]
pub struct Challenge<'a> {
    pub app: &'a str,
    pub title: &'a str,
    /// An application asks, and not our own door.
    pub request: Option<Request<'a>>,
    pub said: Option<&'a str>,
    pub wrong: bool,
    /// Codes from an app or from the printed sheet.
    pub takes_codes: bool,
    pub code_label: &'a str,
    pub backup_code: bool,
    pub mailed_code: bool,
    pub texted_code: bool,
    pub password: bool,
    pub passkeys: Option<Passkeys>,
    /// Whether this browser may be spared the next time.
    pub trusts: bool,
}

/// What an application asks somebody for, in its own words.
pub struct Request<'a> {
    pub application: &'a str,
    pub person: &'a str,
    pub reason: Option<&'a str>,
    /// What the person agrees to by answering.
    pub transaction: Option<&'a str>,
}

/// What is typed into the field of a second step.
pub const fn code_label(app: bool, sheet: bool) -> &'static str {
    match (app, sheet) {
        (true, true) => "Code from your authenticator app, or a backup code",
        (true, false) => "Code from your authenticator app",
        _ => "A backup code",
    }
}

/// Where a page's script asks for a passkey, and where the page goes then.
pub struct Passkeys {
    /// How the options are asked for.
    pub method: &'static str,
    pub options: String,
    pub verify: String,
    pub then: String,
}

/// Why not, to a person.
pub fn said(denied: &Denied) -> String {
    match denied {
        Denied::WrongCode(Method::Password) | Denied::WrongPassword => "That is not the password.".to_owned(),
        Denied::WrongCode(_) => "That code is not right, or it was used before. Try the next one.".to_owned(),
        Denied::CodeExpired => "That code is too old. Ask for a new one.".to_owned(),
        Denied::TooManyAttempts => "Too many wrong codes. Sign in again.".to_owned(),
        Denied::Locked { wait } => format!("Too many wrong codes. Try again in {}.", about(*wait)),
        Denied::TooSoon { wait } => {
            format!("A code was sent already. You can ask again in {}.", about(*wait))
        }
        Denied::TextsPaused => "No more text messages for now. Use another way.".to_owned(),
        Denied::ChallengeGone => "That took too long. Sign in again.".to_owned(),
        _ => "That did not work. Try again.".to_owned(),
    }
}

/// A span as people say it, rounded up.
pub fn about(span: Duration) -> String {
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    let (number, unit) = match seconds {
        0..=90 => (seconds.max(1), "second"),
        91..=5_400 => (seconds.div_ceil(60), "minute"),
        5_401..=172_800 => (seconds.div_ceil(3_600), "hour"),
        _ => (seconds.div_ceil(86_400), "day"),
    };
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {unit}{plural}")
}
