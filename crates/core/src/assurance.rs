//! How sure we are of a person: derived from the proofs a session holds, never stored by hand.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    method::{Factor, Method},
    time::{HOUR, MINUTE, Timestamp},
};

/// How long a proof counts as fresh for acts that change factors (SEC-018, SEC-101).
pub const FRESH: Duration = Duration::from_secs(5 * MINUTE.as_secs());

/// How long a second factor is worth its level: after that it must be shown again (63B-4 §2.2.3).
pub const SECOND_FACTOR_LASTS: Duration = Duration::from_secs(24 * HOUR.as_secs());

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
    /// How, if it was a passkey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<PasskeyUse>,
}

/// What the use of a passkey showed beside that it was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasskeyUse {
    /// By PIN, finger or face; which of them stays on the device. With it a passkey is two factors (SEC-041).
    pub user_verified: bool,
    /// Not bound to one device, but copied between a person's devices.
    pub synced: bool,
}

impl Proven {
    fn user_verified(&self) -> bool {
        self.passkey.is_some_and(|passkey| passkey.user_verified)
    }

    fn factors(&self) -> impl Iterator<Item = Factor> {
        [Some(self.method.factor()), self.user_verified().then_some(Factor::Know)].into_iter().flatten()
    }

    /// RFC 8176 §2: `hwk` for a key bound to hardware, `swk` for one that is not, `user` where somebody was
    /// verified.
    fn amr(&self) -> impl Iterator<Item = &'static str> {
        let name = match self.passkey {
            Some(passkey) if passkey.synced => "swk",
            _ => self.method.amr(),
        };
        [Some(name), self.user_verified().then_some("user")].into_iter().flatten()
    }
}

/// Everything proven within one sign-in or session, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Proofs(Vec<Proven>);

impl Proofs {
    pub fn of(method: Method, at: Timestamp) -> Self {
        Self::default().with(method, at)
    }

    pub fn of_passkey(passkey: PasskeyUse, at: Timestamp) -> Self {
        Self::default().with_passkey(passkey, at)
    }

    /// Adds a proof; proving a method again replaces the older time, so the list stays short.
    #[must_use]
    pub fn with(self, method: Method, at: Timestamp) -> Self {
        self.and(Proven { method, at, passkey: None })
    }

    /// The same for a passkey. A use that shows less does not take the place of one that showed more.
    #[must_use]
    pub fn with_passkey(self, passkey: PasskeyUse, at: Timestamp) -> Self {
        self.and(Proven { method: Method::Passkey, at, passkey: Some(passkey) })
    }

    fn and(mut self, new: Proven) -> Self {
        let shows_more = |old: &Proven| old.user_verified() && !new.user_verified();
        self.0.retain(|old| old.method != new.method || shows_more(old));
        self.0.push(new);
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = &Proven> {
        self.0.iter()
    }

    pub fn includes(&self, method: Method) -> bool {
        self.0.iter().any(|proven| proven.method == method)
    }

    fn factors(&self) -> BTreeSet<Factor> {
        self.0.iter().flat_map(Proven::factors).collect()
    }

    /// Two different factors, whenever they were shown; two proofs of one factor are not (63B §2.2.1).
    pub fn is_multi_factor(&self) -> bool {
        self.factors().len() >= 2
    }

    /// Two different factors make level two, for as long as the second one lasts; then it falls.
    pub fn aal(&self, now: Timestamp) -> Aal {
        let lasts = |at: Timestamp| now.since(at) < SECOND_FACTOR_LASTS;
        let recent = self.second_factor_at().is_some_and(lasts);
        if self.is_multi_factor() && recent { Aal::Two } else { Aal::One }
    }

    /// RFC 8176: every method, and `mfa` when more than one factor was shown.
    pub fn amr(&self) -> Vec<&'static str> {
        let mut amr: Vec<_> = self.0.iter().flat_map(Proven::amr).collect();
        amr.dedup();
        if self.is_multi_factor() {
            amr.push("mfa");
        }
        amr
    }

    /// When the person last proved anything.
    pub fn latest(&self) -> Option<Timestamp> {
        self.0.iter().map(|proven| proven.at).max()
    }

    /// When anything but the password was last proven.
    fn second_factor_at(&self) -> Option<Timestamp> {
        self.0.iter().filter(|proven| proven.method != Method::Password).map(|proven| proven.at).max()
    }

    /// Whether a second factor (anything but the password) was proven within the last five minutes.
    pub fn second_factor_is_fresh(&self, now: Timestamp) -> bool {
        self.second_factor_at().is_some_and(|at| now.since(at) <= FRESH)
    }

    /// Whether the mailbox was the first factor here: then it cannot be the second one as well (SEC-029).
    pub fn mailbox_came_first(&self) -> bool {
        self.includes(Method::EmailCode)
            && !self.includes(Method::Password)
            && !self.includes(Method::Passkey)
    }
}

/// How surely, and how recently, somebody must have shown themselves for what they are about to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    pub aal: Aal,
    /// How long ago the last proof of a second factor may be.
    pub max_age: Option<Duration>,
}

impl Demand {
    pub fn is_met_by(self, proofs: &Proofs, now: Timestamp) -> bool {
        let recently = |most: Duration| proofs.second_factor_at().is_some_and(|at| now.since(at) <= most);
        proofs.aal(now) >= self.aal && self.max_age.is_none_or(recently)
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
        assert_eq!(password.aal(NOON), Aal::One);
        assert_eq!(password.amr(), ["pwd"]);
        let both = password.with(Method::Totp, NOON);
        assert_eq!(both.aal(NOON), Aal::Two);
        assert_eq!(both.amr(), ["pwd", "otp", "mfa"]);
        let kin = Proofs::of(Method::Totp, NOON).with(Method::BackupCode, NOON);
        assert_eq!(kin.aal(NOON), Aal::One);
        assert_eq!(Proofs::default().aal(NOON), Aal::One);
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
    fn a_passkey_is_two_factors_if_somebody_was_verified() {
        let used = |user_verified, synced| Proofs::of_passkey(PasskeyUse { user_verified, synced }, NOON);
        assert_eq!((used(false, false).aal(NOON), used(false, false).amr()), (Aal::One, vec!["hwk"]));
        let verified = used(true, true);
        assert_eq!((verified.aal(NOON), verified.amr()), (Aal::Two, vec!["swk", "user", "mfa"]));
        let later = verified.with_passkey(PasskeyUse { user_verified: false, synced: true }, NOON + SECOND);
        assert_eq!(later.aal(NOON + SECOND), Aal::Two, "a use that shows less takes nothing away");
        let both = used(false, true).with(Method::Password, NOON);
        assert_eq!((both.aal(NOON), both.amr()), (Aal::Two, vec!["swk", "pwd", "mfa"]));
    }

    #[test]
    fn level_two_falls_with_age_and_returns_with_a_proof() {
        let proofs = Proofs::of(Method::Password, NOON).with(Method::Totp, NOON);
        let next_day = NOON + SECOND_FACTOR_LASTS;
        assert_eq!(proofs.aal(next_day - SECOND), Aal::Two);
        assert_eq!(proofs.aal(next_day), Aal::One);
        assert_eq!(proofs.clone().with(Method::Password, next_day).aal(next_day), Aal::One);
        assert_eq!(proofs.with(Method::EmailCode, next_day).aal(next_day), Aal::Two);
    }

    #[test]
    fn a_demand_asks_for_level_and_age_of_the_second_factor() {
        let password = Proofs::of(Method::Password, NOON);
        let both = password.clone().with(Method::Totp, NOON);
        let demand = |aal, minutes: Option<u64>| Demand {
            aal,
            max_age: minutes.map(|minutes| Duration::from_secs(minutes * 60)),
        };
        let five = NOON + FRESH;
        assert!(demand(Aal::One, None).is_met_by(&password, five));
        assert!(!demand(Aal::Two, None).is_met_by(&password, five));
        assert!(!demand(Aal::One, Some(5)).is_met_by(&password, NOON), "a password has no age that counts");
        assert!(demand(Aal::Two, Some(5)).is_met_by(&both, five));
        assert!(!demand(Aal::Two, Some(5)).is_met_by(&both, five + SECOND));
        let again = both.with(Method::Password, five + SECOND);
        assert!(!demand(Aal::Two, Some(5)).is_met_by(&again, five + SECOND));
    }

    #[test]
    fn the_mailbox_comes_first_where_nothing_else_did() {
        assert!(Proofs::of(Method::EmailCode, NOON).with(Method::Totp, NOON).mailbox_came_first());
        assert!(!Proofs::of(Method::Password, NOON).with(Method::EmailCode, NOON).mailbox_came_first());
    }

    #[test]
    fn proofs_are_stored_as_a_short_list() {
        let text = serde_json::to_string(&Proofs::of(Method::Totp, Timestamp::from_micros(7))).unwrap();
        assert_eq!(text, r#"[{"method":"totp","at":7}]"#);
        let old: Proofs = serde_json::from_str(&text).unwrap();
        assert_eq!(old, Proofs::of(Method::Totp, Timestamp::from_micros(7)));
    }
}
