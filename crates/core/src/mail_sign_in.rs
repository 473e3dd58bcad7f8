//! Signing in by mail: a link that is followed or a code that is typed, for an address that may have no account.

use crate::{
    denied::Denied, ids::MailSignInId, lockout::Budget, method::Method, secret::same, session::Visitor,
    time::Timestamp, user::User,
};

/// Wrong codes that one sign-in takes; the next ends it, right or wrong.
pub const FAILURES_MAX: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Link,
    Code,
}

impl Carrier {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Code => "code",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Link, Self::Code].into_iter().find(|one| one.as_str() == name)
    }
}

/// One link or code that was asked for. No `Debug`: it holds digests.
#[derive(Clone)]
pub struct MailSignIn {
    pub id: MailSignInId,
    pub carrier: Carrier,
    pub email: String,
    pub digest: Vec<u8>,
    /// Of what the asking browser keeps.
    pub browser: Vec<u8>,
    /// As a new account would be called.
    pub name: String,
    pub asked_from: Visitor,
    pub failures: u32,
    pub expires_at: Timestamp,
    pub spent: bool,
}

/// Why a code opened nothing, and what that costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub denied: Denied,
    /// A guess: the address pays for it.
    pub counts: bool,
    /// The sign-in is over.
    pub ends: bool,
}

impl Wrong {
    const fn free(denied: Denied) -> Self {
        Self { denied, counts: false, ends: false }
    }
}

impl MailSignIn {
    /// Whether its link may still be followed. From any browser: people read their mail where they read it.
    pub fn may_follow(&self, now: Timestamp) -> Result<(), Denied> {
        match (self.carrier, self.spent) {
            (Carrier::Link, false) if now < self.expires_at => Ok(()),
            (Carrier::Link, false) => Err(Denied::LinkExpired),
            _ => Err(Denied::LinkInvalid),
        }
    }

    /// Judges a typed code; `None` is one that cannot be a code. Its browser was matched when it was found.
    pub fn judge(&self, typed: Option<&[u8]>, budget: Budget, now: Timestamp) -> Result<(), Wrong> {
        if let Some(wait) = budget.wait(now) {
            return Err(Wrong::free(Denied::Locked { wait }));
        }
        if self.failures >= FAILURES_MAX {
            return Err(Wrong { denied: Denied::TooManyAttempts, counts: false, ends: true });
        }
        if now >= self.expires_at {
            return Err(Wrong { denied: Denied::CodeExpired, counts: false, ends: true });
        }
        match typed {
            Some(typed) if same(typed, &self.digest) => Ok(()),
            Some(_) => Err(Wrong { denied: Denied::WrongCode(Method::EmailCode), counts: true, ends: false }),
            None => Err(Wrong::free(Denied::WrongCode(Method::EmailCode))),
        }
    }
}

/// What the proof that somebody reads an address is worth to the account of that address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// There is none: it is made.
    Create,
    /// Nobody ever proved to own the address, so whoever made the account may be a stranger who waits for the
    /// owner to come: what opens it without the mailbox goes.
    Cleanse,
    /// As it is.
    Admit,
}

impl Arrival {
    /// An account with a second factor stays as it is, and its address unproven: the mailbox alone must neither
    /// take a factor away nor vouch for somebody else's account.
    pub fn of(user: Option<&User>, second_factor_is_on: bool) -> Self {
        match user {
            None => Self::Create,
            Some(user) if user.email_verified_at.is_none() && !second_factor_is_on => Self::Cleanse,
            Some(_) => Self::Admit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lockout::RATION, time::MINUTE, user};

    const NOON: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn asked(carrier: Carrier) -> MailSignIn {
        MailSignIn {
            id: "m1".to_owned().into(),
            carrier,
            email: "ada@example.com".to_owned(),
            digest: vec![1; 32],
            browser: vec![2; 32],
            name: String::new(),
            asked_from: Visitor::default(),
            failures: 0,
            expires_at: NOON + MINUTE,
            spent: false,
        }
    }

    #[test]
    fn a_link_is_followed_once_and_in_time_and_is_no_code() {
        let link = asked(Carrier::Link);
        assert_eq!(link.may_follow(NOON), Ok(()));
        assert_eq!(link.may_follow(link.expires_at), Err(Denied::LinkExpired));
        assert_eq!(MailSignIn { spent: true, ..link }.may_follow(NOON), Err(Denied::LinkInvalid));
        assert_eq!(asked(Carrier::Code).may_follow(NOON), Err(Denied::LinkInvalid));
    }

    #[test]
    fn the_fourth_code_ends_it_even_if_it_is_right() {
        let right = [1; 32];
        let mut code = asked(Carrier::Code);
        let guess = |code: &MailSignIn, typed: &[u8]| code.judge(Some(typed), Budget::default(), NOON);
        assert_eq!(guess(&code, &right), Ok(()));
        let wrong = guess(&code, &[3; 32]).unwrap_err();
        assert!(wrong.counts && !wrong.ends);
        code.failures = FAILURES_MAX;
        let late = guess(&code, &right).unwrap_err();
        assert_eq!((late.denied, late.counts, late.ends), (Denied::TooManyAttempts, false, true));
        let malformed = asked(Carrier::Code).judge(None, Budget::default(), NOON).unwrap_err();
        assert!(!malformed.counts && !malformed.ends);
    }

    #[test]
    fn an_expired_code_and_a_spent_ration_take_nothing() {
        let code = asked(Carrier::Code);
        let expired = code.judge(Some(&[1; 32]), Budget::default(), code.expires_at).unwrap_err();
        assert_eq!(expired.denied, Denied::CodeExpired);
        let spent =
            (0..RATION).fold(Budget::default(), |budget, _| budget.after_failure_at_the_door(1, NOON));
        let locked = code.judge(Some(&[1; 32]), spent, NOON).unwrap_err();
        assert!(matches!(locked.denied, Denied::Locked { .. }) && !locked.ends);
    }

    #[test]
    fn a_mailbox_cleanses_only_what_nobody_proved_and_nothing_guards() {
        let mut user = user::sample();
        assert_eq!(Arrival::of(None, false), Arrival::Create);
        assert_eq!(Arrival::of(Some(&user), false), Arrival::Cleanse);
        assert_eq!(Arrival::of(Some(&user), true), Arrival::Admit);
        user.email_verified_at = Some(NOON);
        assert_eq!(Arrival::of(Some(&user), false), Arrival::Admit);
    }
}
