//! Authenticators: one thing bound to a user that can prove them, and enrolment, the binding of it.

use std::time::Duration;

use crate::{
    denied::Denied,
    ids::{AuthenticatorId, UserId},
    method::Method,
    passkey::Passkey,
    secret::Secret,
    time::{MINUTE, Timestamp},
    totp::Totp,
};

/// An enrolment that is not confirmed within this span is void (SEC-102).
pub const ENROLMENT_LIFETIME: Duration = Duration::from_secs(10 * MINUTE.as_secs());

#[derive(Clone, Debug)]
pub struct Authenticator {
    pub id: AuthenticatorId,
    pub user_id: UserId,
    pub kind: Kind,
    pub created_at: Timestamp,
    /// `None` while the enrolment waits for its first proof.
    pub confirmed_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Totp(Totp),
    /// Codes to the account's own address.
    EmailCode,
    /// Codes to this number, in E.164.
    SmsCode(Secret<String>),
    Passkey(Box<Passkey>),
}

impl Authenticator {
    pub fn method(&self) -> Method {
        match self.kind {
            Kind::Totp(_) => Method::Totp,
            Kind::EmailCode => Method::EmailCode,
            Kind::SmsCode(_) => Method::SmsCode,
            Kind::Passkey(_) => Method::Passkey,
        }
    }

    pub fn is_confirmed(&self) -> bool {
        self.confirmed_at.is_some()
    }

    /// Begun, unconfirmed, and still in time.
    pub fn awaits_proof(&self, now: Timestamp) -> bool {
        !self.is_confirmed() && now.since(self.created_at) < ENROLMENT_LIFETIME
    }
}

/// Whether any confirmed authenticator makes this an account with a second factor.
pub fn second_factor_is_on(authenticators: &[Authenticator]) -> bool {
    authenticators.iter().any(Authenticator::is_confirmed)
}

/// How many authenticator apps somebody may have: each more is one more code that a guess can hit, which the
/// ration of guesses makes up for (`lockout`).
pub const APPS_MAX: usize = 3;

/// Longest name that somebody gives to an authenticator of theirs, in characters.
pub const NAME_MAX: usize = 64;

/// The wanted name, numbered if another has it: "Phone", then "Phone 2".
pub fn free_name(wanted: &str, taken: &[&str]) -> String {
    let is_taken = |name: &String| taken.iter().any(|one| one.to_lowercase() == name.to_lowercase());
    let numbered = (2..=taken.len() + 1).map(|number| {
        let number = format!(" {number}");
        wanted.chars().take(NAME_MAX - number.len()).chain(number.chars()).collect()
    });
    std::iter::once(wanted.to_owned()).chain(numbered).find(|name| !is_taken(name)).unwrap_or_default()
}

/// How many authenticator apps answer for the person.
pub fn apps(authenticators: &[Authenticator]) -> usize {
    let app = |one: &&Authenticator| one.is_confirmed() && one.method() == Method::Totp;
    authenticators.iter().filter(app).count()
}

/// Whether one more may be enrolled where there are so many, or where only one is known of.
pub fn may_add_app(apps: usize, beside_others: bool) -> Result<(), Denied> {
    match apps {
        0 => Ok(()),
        _ if !beside_others => Err(Denied::AlreadyEnrolled(Method::Totp)),
        APPS_MAX.. => Err(Denied::TooManyApps { max: APPS_MAX }),
        _ => Ok(()),
    }
}

pub fn is_enrolled(authenticators: &[Authenticator], method: Method) -> bool {
    authenticators
        .iter()
        .any(|authenticator| authenticator.is_confirmed() && authenticator.method() == method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_three_apps_at_most_and_one_where_one_is_known_of() {
        let full = Err(Denied::TooManyApps { max: 3 });
        assert_eq!([0, 1, 2].map(|apps| may_add_app(apps, true)), [Ok(()), Ok(()), Ok(())]);
        assert_eq!([3, 4].map(|apps| may_add_app(apps, true)), [full.clone(), full]);
        let known = Err(Denied::AlreadyEnrolled(Method::Totp));
        assert_eq!([0, 1, 3].map(|apps| may_add_app(apps, false)), [Ok(()), known.clone(), known]);
    }

    #[test]
    fn names_are_numbered_where_they_are_taken() {
        assert_eq!(free_name("Phone", &[]), "Phone");
        assert_eq!(free_name("Phone", &["Tablet"]), "Phone");
        assert_eq!(free_name("Phone", &["phone", "Phone 2"]), "Phone 3");
        let long = "ß".repeat(NAME_MAX);
        assert_eq!(free_name(&long, &[&long]), format!("{} 2", "ß".repeat(NAME_MAX - 2)));
    }
}
