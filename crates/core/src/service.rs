//! Applications that keep their own accounts and ask here for the second factor: their keys, what they want of a
//! challenge, and what came of it.

use std::time::Duration;

use crate::{
    assurance::Proofs,
    ids::{ChallengeId, OrganisationId, ServiceKeyId, SessionId, UserId},
    method::{Method, Methods},
    time::{MINUTE, Timestamp},
};

/// Begins every key, so that scanners know a leaked one.
pub const KEY_PREFIX: &str = "cs_";
/// Live keys of one organisation.
pub const KEYS_MAX: usize = 20;
/// Addresses one key may send people back to.
pub const RETURN_URLS_MAX: usize = 20;
/// In characters.
pub const EXTERNAL_ID_MAX: usize = 200;
pub const REASON_MAX: usize = 200;
pub const TRANSACTION_MAX: usize = 500;
/// How long the code lives that a browser brings back to the application.
pub const RETURN_CODE_LIFETIME: Duration = Duration::from_secs(2 * MINUTE.as_secs());
/// How long an assertion is good for.
pub const ASSERTION_LIFETIME: Duration = Duration::from_secs(5 * MINUTE.as_secs());

/// A key without its secret. It acts for an organisation, on the people it brought and on nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceKey {
    pub id: ServiceKeyId,
    pub organisation_id: OrganisationId,
    pub name: String,
    pub return_urls: Vec<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

impl ServiceKey {
    /// To the letter: what is allowed by prefix or pattern is an open redirect sooner or later.
    pub fn may_return_to(&self, url: &str) -> bool {
        self.return_urls.iter().any(|allowed| allowed == url)
    }
}

/// What an application wants of a challenge.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// The methods that will do; whatever the person has, if none are named.
    pub methods: Methods,
    /// Why, in the application's words; the person reads it.
    pub reason: Option<String>,
    /// What the person agrees to by answering. Shown to them, and part of the assertion.
    pub transaction: Option<String>,
    pub return_url: Option<String>,
    /// A number to suggest to whoever enrols one.
    pub phone: Option<String>,
}

impl Wanted {
    pub fn takes(&self, method: Method) -> bool {
        self.methods.contains(method)
    }
}

/// A challenge of an application, beside the one that the judge knows.
#[derive(Clone, Debug)]
pub struct ServiceChallenge {
    pub id: ChallengeId,
    pub organisation_id: OrganisationId,
    /// What people are told who is asking: the name of its key.
    pub application: String,
    pub user_id: UserId,
    pub wanted: Wanted,
    /// Where somebody without a factor enrols one.
    pub session_id: Option<SessionId>,
    pub passed: Option<Passed>,
    pub expires_at: Timestamp,
}

/// What was shown, and when.
#[derive(Clone, Debug)]
pub struct Passed {
    pub at: Timestamp,
    pub proofs: Proofs,
}

/// Whether people can be shown this as it is: some text, no longer than that, without characters that turn or hide
/// what stands beside them (UTR 36, visual security issues).
pub fn is_plain(text: &str, max: usize) -> bool {
    let hides = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    !text.trim().is_empty() && text.chars().count() <= max && !text.chars().any(hides)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_sent_back_to_listed_addresses_only() {
        let key = ServiceKey {
            id: ServiceKeyId::from("k".to_owned()),
            organisation_id: OrganisationId::from("o".to_owned()),
            name: "shop".to_owned(),
            return_urls: vec!["https://shop.example/back".to_owned()],
            created_at: Timestamp::from_seconds(0),
            expires_at: Timestamp::from_seconds(1),
            last_used_at: None,
        };
        assert!(key.may_return_to("https://shop.example/back"));
        for other in [
            "https://shop.example/back/",
            "https://shop.example/back?x=1",
            "https://shop.example/Back",
            "https://shop.example.evil/back",
            "//shop.example/back",
            "",
        ] {
            assert!(!key.may_return_to(other), "{other}");
        }
    }

    #[test]
    fn what_people_read_is_what_was_written() {
        assert!(is_plain("pay 90 EUR to Zoë", 20));
        for text in [
            "",
            "  ",
            "a\nb",
            "pay \u{202e}009 EUR",
            "a\u{200b}b",
            "\u{feff}x",
            "a\u{2066}b",
            "too long by one chara",
        ] {
            assert!(!is_plain(text, 20), "{text:?}");
        }
    }

    #[test]
    fn no_list_of_methods_takes_them_all() {
        let totp = Wanted { methods: Methods::of(&[Method::Totp]), ..Wanted::default() };
        assert!(totp.takes(Method::Totp) && !totp.takes(Method::BackupCode));
        assert!(Wanted::default().takes(Method::BackupCode));
    }
}
