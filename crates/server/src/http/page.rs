//! Pages for people: their policy, their style, and the one that asks before something happens.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::on,
};
use countersign_core::{
    brand::Colour,
    denied::Denied,
    method::Method,
    session::Visitor,
    time::{DAY, Timestamp},
};

use crate::{
    ctx::Ctx,
    http::{
        look::Look,
        reply::Reply,
        routes::{GET, Routes},
    },
    words::{self, Text},
};

const STYLE: &str = include_str!("../../../../assets/countersign.css");
const PASSKEY: &str = include_str!("../../../../assets/passkey.js");
const CONFIRM: &str = include_str!("../../../../assets/confirm.js");
const CODE: &str = include_str!("../../../../assets/code.js");
const COPY: &str = include_str!("../../../../assets/copy.js");
const WAIT: &str = include_str!("../../../../assets/wait.js");

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
        .on(GET, "/assets/code.js", move |method| on(method, file("text/javascript; charset=utf-8", CODE)))
        .on(GET, "/assets/copy.js", move |method| on(method, file("text/javascript; charset=utf-8", COPY)))
        .on(GET, "/assets/colours/{file}", move |method| on(method, colour_file))
        .on(GET, "/assets/wait.js", move |method| on(method, file("text/javascript; charset=utf-8", WAIT)))
}

/// The same for everybody who asks for this colour, so that no page needs a style of its own.
async fn colour_file(Path(file): Path<String>) -> Response {
    match file.strip_suffix(".css").and_then(Colour::parse) {
        Some(colour) => {
            let headers = [
                (header::CONTENT_TYPE, "text/css; charset=utf-8"),
                (header::CACHE_CONTROL, "public, max-age=3600"),
            ];
            (headers, colours(colour)).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// An organisation's colour, lightened and darkened until it can be read by day and by night.
fn colours(colour: Colour) -> String {
    let rule =
        |accent: Colour| format!(":root{{--accent:#{};--on-accent:#{}}}", accent.hex(), accent.ink().hex());
    format!("{}@media(prefers-color-scheme:dark){{{}}}", rule(colour.by_day()), rule(colour.by_night()))
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
    pub look: &'a Look,
    pub title: Text,
    pub lead: Text,
    /// Each has a name by which a message calls it.
    pub facts: Vec<(&'a str, Text)>,
    /// Where the button leads.
    pub action: &'a str,
    pub fields: Vec<(&'a str, String)>,
    pub button: &'a str,
    /// Where a link leads that lets everything be.
    pub back: Option<&'a str>,
    /// Where scripts run, no button is needed.
    pub itself: bool,
}

/// The second step.
#[derive(Template)]
#[template(path = "pages/challenge.html")]
pub struct Challenge<'a> {
    pub look: &'a Look,
    pub title: Text,
    /// An application asks, and not our own door.
    pub request: Option<Request<'a>>,
    pub said: Option<Text>,
    pub wrong: bool,
    /// Codes from an app, and from the printed sheet.
    pub app: bool,
    pub sheet: bool,
    /// Where codes are sent to, masked.
    pub mailbox: Option<String>,
    pub phone: Option<String>,
    /// What a code was just sent by, or last time something was proven with.
    pub first: Option<Method>,
    pub last_used: Option<Method>,
    pub password: bool,
    pub passkeys: Option<Passkeys>,
    /// For how many days this browser may be spared, and what it is called; nothing where that is asked later or
    /// not at all.
    pub trust: Option<(u64, Text)>,
    /// Seconds until another code can be sent.
    pub wait: Option<u64>,
    /// Seconds for which an app has shown its code by now.
    pub elapsed: u64,
    /// Whoever has nothing of this can get back in another way.
    pub recovers: bool,
}

impl Challenge<'_> {
    fn codes(&self) -> bool {
        self.app || self.sheet || self.mailbox.is_some() || self.phone.is_some()
    }

    /// Whether the code that is typed may come from more than one place.
    fn sources(&self) -> bool {
        let from = [self.app || self.sheet, self.mailbox.is_some(), self.phone.is_some()];
        from.into_iter().filter(|one| *one).count() > 1
    }

    fn label(&self) -> &'static str {
        match (self.app, self.sheet) {
            (true, true) => "challenge-code-any",
            (true, false) => "challenge-code-app",
            (false, true) => "challenge-code-sheet",
            (false, false) => "challenge-code-sent",
        }
    }

    fn is_first(&self, method: Method) -> bool {
        let typed = [
            (Method::Totp, self.app || self.sheet),
            (Method::EmailCode, self.mailbox.is_some()),
            (Method::SmsCode, self.phone.is_some()),
        ];
        let here = |method| typed.iter().any(|(one, there)| *one == method && *there);
        let first = self.first.filter(|first| here(*first));
        first.or_else(|| typed.iter().find(|(_, there)| *there).map(|(one, _)| *one)) == Some(method)
    }

    /// The field for the code has the focus, unless a passkey is what comes first.
    fn starts_at_the_code(&self) -> bool {
        self.passkeys.is_none()
            || self.said.is_some()
            || self.last_used.is_some_and(|last| last != Method::Passkey)
    }

    fn was_last(&self, method: Method) -> bool {
        self.last_used == Some(method)
    }
}

/// For how long a browser may be trusted that can be, and what it is called.
pub fn trust(lasts: Duration, visitor: &Visitor) -> Option<(u64, Text)> {
    let note = Text::from("challenge-trust-note").with("browser", words::browser(visitor));
    (!lasts.is_zero()).then_some((lasts.as_secs() / DAY.as_secs(), note))
}

/// How far into its 30 seconds the code is that an app shows now (RFC 6238 §4.1).
pub fn elapsed(now: Timestamp) -> u64 {
    now.as_seconds().rem_euclid(30).unsigned_abs()
}

/// What an application asks somebody for, in its own words.
pub struct Request<'a> {
    pub application: &'a str,
    pub person: &'a str,
    pub reason: Option<&'a str>,
    /// What the person agrees to by answering.
    pub transaction: Option<&'a str>,
}

impl Request<'_> {
    pub fn asks(&self, look: &Look) -> String {
        look.say(&match self.reason {
            Some(reason) => Text::from("request-asks-why").with("person", self.person).with("reason", reason),
            None => Text::from("request-asks").with("person", self.person),
        })
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
pub fn said(denied: &Denied) -> Text {
    let id = match denied {
        Denied::WrongCode(Method::Password) | Denied::WrongPassword => "wrong-password",
        Denied::WrongCode(_) => "wrong-code",
        Denied::CodeExpired => "code-expired",
        Denied::TooManyAttempts => "too-many-attempts",
        Denied::Locked { wait } => return Text::from("locked").with_span(*wait),
        Denied::TooSoon { wait } => return Text::from("too-soon").with_span(*wait),
        Denied::TextsPaused => "texts-paused",
        Denied::ChallengeGone => "challenge-gone",
        Denied::TooManyApps { .. } => "too-many-apps",
        Denied::NotPermitted => "not-permitted",
        Denied::UserNotFound => "no-such-person",
        Denied::BadCredentials => "bad-credentials",
        Denied::EmailInvalid => "email-invalid",
        Denied::EmailUnverified => "email-unverified",
        Denied::EmailTaken => "email-taken",
        Denied::PasswordTooShort => "password-short",
        Denied::PasswordTooLong => "password-long",
        Denied::PasswordCommon => "password-common",
        _ => "wrong",
    };
    id.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(look: &Look) -> Challenge<'_> {
        Challenge {
            look,
            title: "challenge-title".into(),
            request: None,
            said: None,
            wrong: false,
            app: true,
            sheet: true,
            mailbox: Some("a•••@example.com".to_owned()),
            phone: None,
            first: None,
            last_used: None,
            password: false,
            passkeys: None,
            trust: None,
            wait: None,
            elapsed: 0,
            recovers: true,
        }
    }

    #[test]
    fn colours_are_set_by_day_and_by_night() {
        let css = colours(Colour::parse("1a7f37").unwrap());
        assert!(css.starts_with(":root{--accent:#1a7f37;--on-accent:#ffffff}"), "{css}");
        assert!(css.contains("(prefers-color-scheme:dark){:root{--accent:#") && css.ends_with("}}"), "{css}");
    }

    #[test]
    fn what_was_used_last_comes_first_where_it_is_there() {
        let look = Look::default();
        let with = |first| Challenge { first, ..challenge(&look) };
        assert!(with(None).is_first(Method::Totp));
        assert!(with(Some(Method::EmailCode)).is_first(Method::EmailCode));
        // The number is gone, and a passkey is not typed.
        assert!(with(Some(Method::SmsCode)).is_first(Method::Totp));
        assert!(with(Some(Method::Passkey)).is_first(Method::Totp));
        let sheet_only = Challenge { app: false, mailbox: None, ..challenge(&look) };
        assert!(sheet_only.is_first(Method::Totp) && !sheet_only.sources());
    }
}
