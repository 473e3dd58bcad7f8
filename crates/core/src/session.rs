//! Sessions: signed-in state with the proofs that made it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    assurance::Proofs,
    denied::Denied,
    ids::{SessionId, UserId},
    language::Language,
    time::{DAY, HOUR, Timestamp},
};

/// Live sessions one person may have; the oldest makes room (SEC-083).
pub const PER_USER_MAX: usize = 50;
/// How long a session lives without being used.
pub const REMEMBERED: Duration = Duration::from_secs(7 * DAY.as_secs());
/// How long it lives when the person said "do not remember me"; never renewed.
pub const BRIEF: Duration = DAY;
/// A remembered session is renewed on use once this much of its life has gone.
pub const RENEW_AFTER: Duration = DAY;
/// However often it is renewed, it ends this long after signing in (SEC-076).
pub const AT_MOST: Duration = Duration::from_secs(30 * DAY.as_secs());
/// Spent refresh tokens that are remembered of one session: more than a month of access tokens leaves behind.
pub const SPENT_TOKENS_MAX: usize = 3_000;
/// Reading the list of sessions asks for one that began within this span.
pub const YOUNG: Duration = Duration::from_secs(24 * HOUR.as_secs());

/// Where a request came from, as far as it can be known: for the journal, the session list and notices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visitor {
    pub ip: String,
    pub user_agent: String,
    /// What their browser wants to be spoken to in; programs and records say nothing of it.
    #[serde(skip)]
    pub language: Option<Language>,
}

impl Visitor {
    /// "Firefox on Windows". Words from a closed list only: whoever asks for a code writes the header, and
    /// its text must not reach the recipient, where `visit http://…` would become a link (SEC-035).
    pub fn browser(&self) -> String {
        let named = |system| match system {
            "iPhone" => "an iPhone",
            "iPad" => "an iPad",
            "Mac" => "a Mac",
            system => system,
        };
        match self.parts() {
            (Some(browser), Some(system)) => format!("{browser} on {}", named(system)),
            (Some(browser), None) => browser.to_owned(),
            (None, Some(system)) => format!("an app on {}", named(system)),
            (None, None) => "an unknown app".to_owned(),
        }
    }

    /// The browser and the system, by their names, where they are known.
    pub fn parts(&self) -> (Option<&'static str>, Option<&'static str>) {
        // Order matters: most browsers also claim to be the ones below them.
        const BROWSERS: &[(&str, &str)] = &[
            ("Edg", "Edge"),
            ("OPR/", "Opera"),
            ("SamsungBrowser", "Samsung Internet"),
            ("Firefox/", "Firefox"),
            ("FxiOS", "Firefox"),
            ("Chrome/", "Chrome"),
            ("CriOS", "Chrome"),
            ("Safari/", "Safari"),
            ("curl/", "curl"),
        ];
        const SYSTEMS: &[(&str, &str)] = &[
            ("iPhone", "iPhone"),
            ("iPad", "iPad"),
            ("Android", "Android"),
            ("Windows", "Windows"),
            ("CrOS", "ChromeOS"),
            ("Mac OS X", "Mac"),
            ("Linux", "Linux"),
        ];
        let known = |words: &'static [(&str, &str)]| {
            words.iter().find(|(mark, _)| self.user_agent.contains(mark)).map(|(_, name)| *name)
        };
        (known(BROWSERS), known(SYSTEMS))
    }
}

/// What a session, or a key in its place, may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Full,
    /// A second factor is required and not there yet: only enrolling one, and signing out.
    Enrolment,
    /// Not a session at all, but an API key that stands in for one.
    Key,
}

/// What is about to be done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Anything that a signed-in person may.
    Everything,
    /// Looking at the account without changing it: what keys are for.
    Reading,
    /// Enrolling a second factor, and asking how that stands.
    Enrolment,
    /// A change of factors that proves itself: password and code come with the request.
    ProvenChange,
}

impl Scope {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Enrolment => "enrolment",
            Self::Key => "key",
        }
    }

    /// Keys are never stored as sessions.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Full, Self::Enrolment].into_iter().find(|scope| scope.as_str() == name)
    }

    pub const fn reaches(self, reach: Reach) -> Result<(), Denied> {
        match (self, reach) {
            (Self::Full, _)
            | (Self::Enrolment | Self::Key, Reach::Enrolment)
            | (Self::Key, Reach::Reading | Reach::ProvenChange) => Ok(()),
            (Self::Enrolment, Reach::Everything | Reach::Reading | Reach::ProvenChange) => {
                Err(Denied::EnrolmentDue)
            }
            (Self::Key, Reach::Everything) => Err(Denied::KeyRefused),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    pub proofs: Proofs,
    pub scope: Scope,
    pub remember: bool,
    pub visitor: Visitor,
    pub created_at: Timestamp,
    pub refreshed_at: Timestamp,
    pub expires_at: Timestamp,
}

/// When a session that begins now ends, if it is not used.
pub fn first_expiry(remember: bool, now: Timestamp) -> Timestamp {
    now + if remember { REMEMBERED } else { BRIEF }
}

impl Session {
    pub fn is_live(&self, now: Timestamp) -> bool {
        now < self.expires_at
    }

    pub fn is_young(&self, now: Timestamp) -> bool {
        now.since(self.created_at) < YOUNG
    }

    /// The new expiry, if using the session now should renew it.
    pub fn renewal(&self, now: Timestamp) -> Option<Timestamp> {
        let due = self.remember && self.is_live(now) && now.since(self.refreshed_at) > RENEW_AFTER;
        let renewed = (now + REMEMBERED).min(self.created_at + AT_MOST);
        (due && renewed > self.expires_at).then_some(renewed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{method::Method, time::SECOND};

    const NOON: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn session(remember: bool) -> Session {
        Session {
            id: SessionId::from("s".to_owned()),
            user_id: UserId::from("u".to_owned()),
            proofs: Proofs::of(Method::Password, NOON),
            scope: Scope::Full,
            remember,
            visitor: Visitor::default(),
            created_at: NOON,
            refreshed_at: NOON,
            expires_at: first_expiry(remember, NOON),
        }
    }

    #[test]
    fn a_remembered_session_slides_for_a_week_at_a_time_up_to_thirty_days() {
        let mut session = session(true);
        assert_eq!(session.renewal(NOON + DAY), None);
        let mut now = NOON;
        while session.is_live(now) {
            if let Some(expires_at) = session.renewal(now) {
                session.expires_at = expires_at;
                session.refreshed_at = now;
            }
            now = now + HOUR;
        }
        assert_eq!(session.expires_at, NOON + AT_MOST);
    }

    #[test]
    fn a_brief_session_is_never_renewed() {
        let session = session(false);
        assert_eq!(session.renewal(NOON + BRIEF - SECOND), None);
        assert!(!session.is_live(NOON + BRIEF));
    }

    #[test]
    fn what_expired_stays_expired() {
        let session = session(true);
        assert_eq!(session.renewal(session.expires_at), None);
        assert_eq!(session.renewal(session.expires_at + DAY), None);
    }

    #[test]
    fn a_session_that_must_enrol_may_do_nothing_else_and_a_key_never_acts_as_its_owner() {
        use Reach::{Enrolment, Everything, ProvenChange, Reading};
        for (scope, reach, answer) in [
            (Scope::Full, Everything, Ok(())),
            (Scope::Full, Reading, Ok(())),
            (Scope::Enrolment, Reading, Err(Denied::EnrolmentDue)),
            (Scope::Key, Reading, Ok(())),
            (Scope::Full, Enrolment, Ok(())),
            (Scope::Full, ProvenChange, Ok(())),
            (Scope::Enrolment, Everything, Err(Denied::EnrolmentDue)),
            (Scope::Enrolment, Enrolment, Ok(())),
            (Scope::Enrolment, ProvenChange, Err(Denied::EnrolmentDue)),
            (Scope::Key, Everything, Err(Denied::KeyRefused)),
            (Scope::Key, Enrolment, Ok(())),
            (Scope::Key, ProvenChange, Ok(())),
        ] {
            assert_eq!(scope.reaches(reach), answer, "{scope:?} {reach:?}");
        }
        assert_eq!(Scope::parse("key"), None);
    }

    fn visitor(user_agent: &str) -> Visitor {
        Visitor { ip: String::new(), user_agent: user_agent.to_owned(), language: None }
    }

    #[test]
    fn a_browser_is_named_in_our_words_only() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0";
        assert_eq!(visitor(edge).browser(), "Edge on Windows");
        let safari = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 Version/17.5 Safari/604.1";
        assert_eq!(visitor(safari).browser(), "Safari on an iPhone");
        assert_eq!(
            visitor("Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Firefox/127.0").browser(),
            "Firefox on Linux"
        );
        assert_eq!(visitor("visit http://evil.example\r\nBcc: x@y").browser(), "an unknown app");
    }
}
