//! How sure we are of a person: derived from the proofs a session holds, never stored by hand.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    method::{Factor, Method},
    time::{MINUTE, Timestamp},
};

/// How long a proof counts as fresh for acts that change factors (SEC-018, SEC-101).
pub const FRESH: Duration = Duration::from_secs(5 * MINUTE.as_secs());

/// Authenticator assurance level (NIST SP 800-63B-4 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aal {
    One,
    Two,
}

impl Aal {
    pub const fn acr(self) -> &'static str {
        match self {
            Self::One => "aal1",
            Self::Two => "aal2",
        }
    }
}

/// One method, proven at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    pub method: Method,
    pub at: Timestamp,
}

/// Everything proven within one sign-in or session, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Proofs(Vec<Proven>);

impl Proofs {
    pub fn of(method: Method, at: Timestamp) -> Self {
        Self(vec![Proven { method, at }])
    }

    /// Adds a proof; proving a method again replaces the older time, so the list stays short.
    #[must_use]
    pub fn with(mut self, method: Method, at: Timestamp) -> Self {
        self.0.retain(|proven| proven.method != method);
        self.0.push(Proven { method, at });
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = &Proven> {
        self.0.iter()
    }

    pub fn includes(&self, method: Method) -> bool {
        self.0.iter().any(|proven| proven.method == method)
    }

    /// Two different factors make level two; two proofs of one factor do not (63B §2.2.1).
    pub fn aal(&self) -> Aal {
        let factors: BTreeSet<Factor> = self.0.iter().map(|proven| proven.method.factor()).collect();
        if factors.len() >= 2 { Aal::Two } else { Aal::One }
    }

    /// RFC 8176: every method, and `mfa` when more than one factor was shown.
    pub fn amr(&self) -> Vec<&'static str> {
        let mut amr: Vec<_> = self.0.iter().map(|proven| proven.method.amr()).collect();
        if self.aal() == Aal::Two {
            amr.push("mfa");
        }
        amr
    }

    /// When the person last proved anything.
    pub fn latest(&self) -> Option<Timestamp> {
        self.0.iter().map(|proven| proven.at).max()
    }

    /// Whether a second factor (anything but the password) was proven within the last five minutes.
    pub fn second_factor_is_fresh(&self, now: Timestamp) -> bool {
        self.0.iter().any(|proven| proven.method != Method::Password && now.since(proven.at) <= FRESH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SECOND;

    const NOON: Timestamp = Timestamp::from_seconds(1_700_000_000);

    #[test]
    fn two_factors_make_level_two_and_two_of_a_kind_do_not() {
        let password = Proofs::of(Method::Password, NOON);
        assert_eq!(password.aal(), Aal::One);
        assert_eq!(password.amr(), ["pwd"]);
        let both = password.with(Method::Totp, NOON);
        assert_eq!(both.aal(), Aal::Two);
        assert_eq!(both.amr(), ["pwd", "otp", "mfa"]);
        let kin = Proofs::of(Method::Totp, NOON).with(Method::BackupCode, NOON);
        assert_eq!(kin.aal(), Aal::One);
        assert_eq!(Proofs::default().aal(), Aal::One);
    }

    #[test]
    fn proving_again_refreshes() {
        let later = NOON + FRESH + SECOND;
        let proofs = Proofs::of(Method::Password, NOON).with(Method::Totp, NOON);
        assert!(proofs.second_factor_is_fresh(NOON + FRESH));
        assert!(!proofs.second_factor_is_fresh(later));
        let again = proofs.with(Method::Totp, later);
        assert!(again.second_factor_is_fresh(later));
        assert_eq!(again.iter().count(), 2);
        assert!(
            !Proofs::of(Method::Password, NOON).second_factor_is_fresh(NOON),
            "a password is no second factor"
        );
    }

    #[test]
    fn proofs_are_stored_as_a_short_list() {
        let text = serde_json::to_string(&Proofs::of(Method::Totp, Timestamp::from_micros(7))).unwrap();
        assert_eq!(text, r#"[{"method":"totp","at":7}]"#);
    }
}
