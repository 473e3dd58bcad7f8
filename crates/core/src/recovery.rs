//! Recovery: getting back in with nothing left but the mailbox, and why the mailbox alone does not win.
//!
//! Whoever opens a mailed link has shown the mailbox, and nothing more. They wait, while every channel tells the
//! owner and any of the owner's sessions, trusted devices or mails can stop it. A backup code beside the mailbox
//! ends the wait: two recovery methods of different kinds (63B §4.2.2.2, SEC-104). A password beside it does not:
//! whoever holds the mailbox can set one. A password with a backup code needs no recovery: that is signing in.

use std::time::Duration;

use crate::{
    backup_code,
    denied::Denied,
    entropy::{self, Entropy},
    ids::{RecoveryId, UserId},
    organisation::{self, Membership, Rules},
    secret::Secret,
    session::Visitor,
    time::{DAY, HOUR, Timestamp},
    user::User,
};

/// How long the mailbox alone waits, where no organisation says otherwise.
pub const WAIT: Duration = Duration::from_secs(72 * HOUR.as_secs());
/// Less than a day gives nobody the time to read a warning; more than a month is no way back.
pub const WAIT_MIN: Duration = DAY;
pub const WAIT_MAX: Duration = Duration::from_secs(30 * DAY.as_secs());
/// After the wait, for so long it can be completed.
pub const WINDOW: Duration = Duration::from_secs(7 * DAY.as_secs());
/// What is left of the wait once administrators have shortened it. Not nothing: the owner is told, and must
/// have a chance to stop it.
pub const SHORTENED: Duration = HOUR;
/// Longest reason kept, in characters.
pub const REASON_MAX: usize = 250;

/// Length of the code that belongs to one recovery, in Crockford's alphabet: 140 bits (SEC-022 asks for 128).
const CLAIM_LENGTH: usize = 28;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The wait runs.
    Pending,
    /// The wait is over: whoever began it may complete it.
    Ready,
    /// The owner stopped it, or proved the very factor that was said to be lost.
    Vetoed,
    Completed,
    /// Nobody came within the window.
    Expired,
    /// Given up, begun anew, or overtaken by a change of the account.
    Cancelled,
}

impl State {
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Ready, Self::Vetoed, Self::Completed, Self::Expired, Self::Cancelled];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Vetoed => "vetoed",
            Self::Completed => "completed",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Ready)
    }
}

/// What the one who completes it has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Mailbox,
    MailboxAndBackupCode,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    pub id: RecoveryId,
    pub user_id: UserId,
    /// As it was last saved; what it is now, `standing` says.
    pub state: State,
    /// The account's when it was begun: any change of password, address or factors ends it (SEC-106).
    pub security_version: i64,
    /// Where it was begun.
    pub from: Visitor,
    pub started_at: Timestamp,
    pub ready_at: Timestamp,
    pub expires_at: Timestamp,
    pub shortening: Option<Shortening>,
}

/// An administrator's word that the person who waits is the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortening {
    pub asked_by: UserId,
    pub asked_at: Timestamp,
    pub reason: String,
    /// The second administrator, where one had to agree.
    pub approved_by: Option<UserId>,
    /// `None` while a second administrator must still agree.
    pub in_force_since: Option<Timestamp>,
}

/// Somebody who decides about another's recovery, or whom it is about: who, and what they belong to.
pub type Person<'a> = (&'a UserId, &'a [Membership]);

/// How long the mailbox alone waits under these rules: of several, the longest.
pub fn wait<'a>(rules: impl IntoIterator<Item = &'a Rules>) -> Duration {
    rules.into_iter().map(|rules| sensible(rules.recovery_wait)).max().unwrap_or(WAIT)
}

/// A wait as an organisation may set it.
pub fn sensible(wait: Duration) -> Duration {
    wait.clamp(WAIT_MIN, WAIT_MAX)
}

/// Whether a mailed link begins anything. Only a verified address is the owner's for sure (63B §4.2.1.2): to
/// any other, the warnings would go where the link went. Without a second factor, a new password is enough.
pub fn may_begin(user: &User, mailed_to: &str, second_factor_is_on: bool) -> Result<(), Denied> {
    if user.email_verified_at.is_none() || user.email != mailed_to {
        return Err(Denied::LinkInvalid);
    }
    if second_factor_is_on { Ok(()) } else { Err(Denied::NoSecondFactor) }
}

/// Whether two administrators must agree before this person's wait is shortened: whoever takes such an account
/// over takes everybody's.
pub fn is_privileged(memberships: &[Membership]) -> bool {
    memberships.iter().any(|one| one.role.administers())
}

/// The code that belongs to one recovery, as it is shown: short enough to be written down, since the one who
/// waits for days may come back with another browser.
pub fn new_claim(entropy: &dyn Entropy) -> Secret<String> {
    backup_code::render(&Secret::new(entropy::crockford(entropy, CLAIM_LENGTH)))
}

/// The one form of that code that is digested; `None` if it cannot be one.
pub fn normalise_claim(typed: &str) -> Option<Secret<String>> {
    backup_code::normalise(typed).filter(|code| code.expose().len() == CLAIM_LENGTH)
}

impl Recovery {
    /// What whoever began it tells the administrator who is to vouch for them, so that the vouching is for them and
    /// not for somebody who began another meanwhile. No secret, but only the holder of the claim is shown it.
    pub fn reference(&self) -> String {
        let id = self.id.as_str().to_ascii_uppercase();
        let tail = id.get(id.len().saturating_sub(8)..).unwrap_or_default();
        tail.split_at_checked(4).map_or_else(|| tail.to_owned(), |(head, rest)| format!("{head}-{rest}"))
    }

    fn goes_by(&self, typed: &str) -> bool {
        let plain = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
        plain(typed).eq_ignore_ascii_case(&plain(&self.reference()))
    }

    /// What it is at this moment, for an account of this version. A clock that is set back makes nothing ready
    /// or open that is not.
    pub fn standing(&self, account_version: i64, now: Timestamp) -> State {
        match self.state {
            ended if !ended.is_open() => ended,
            _ if self.security_version != account_version => State::Cancelled,
            _ if now >= self.expires_at => State::Expired,
            _ if now >= self.ready_at => State::Ready,
            _ => State::Pending,
        }
    }

    /// Whether whoever began it may have the account now.
    pub fn may_complete(&self, account_version: i64, shown: Shown, now: Timestamp) -> Result<(), Denied> {
        match (self.standing(account_version, now), shown) {
            (State::Ready, _) | (State::Pending, Shown::MailboxAndBackupCode) => Ok(()),
            (State::Pending, Shown::Mailbox) => {
                Err(Denied::RecoveryWaiting { wait: self.ready_at.since(now) })
            }
            (State::Vetoed | State::Completed | State::Expired | State::Cancelled, _) => {
                Err(Denied::RecoveryGone)
            }
        }
    }

    /// Whether there is still something to veto or to give up.
    pub fn may_stop(&self, account_version: i64, now: Timestamp) -> Result<(), Denied> {
        if self.standing(account_version, now).is_open() { Ok(()) } else { Err(Denied::RecoveryGone) }
    }

    /// An administrator says of the one who waits under this reference that they are the owner, and why. In force at once, unless the person is
    /// privileged. Once in force it cannot be said again.
    pub fn shorten(
        &self,
        admin: Person<'_>,
        target: (&[Membership], i64),
        (reference, reason): (&str, &str),
        now: Timestamp,
    ) -> Result<Shortening, Denied> {
        let (theirs, account_version) = target;
        organisation::may_vouch(admin, (&self.user_id, theirs))?;
        let reason: String = reason.chars().filter(|c| !c.is_control()).collect();
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(Denied::ReasonRequired);
        }
        if reason.chars().count() > REASON_MAX {
            return Err(Denied::FieldTooLong { field: "reason", max: REASON_MAX });
        }
        self.may_be_shortened(account_version, now)?;
        if !self.goes_by(reference) {
            return Err(Denied::RecoveryGone);
        }
        Ok(Shortening {
            asked_by: admin.0.clone(),
            asked_at: now,
            reason: reason.to_owned(),
            approved_by: None,
            in_force_since: (!is_privileged(theirs)).then_some(now),
        })
    }

    /// A second administrator agrees. Nobody agrees with themselves, and both must be entitled now.
    pub fn approve(
        &self,
        admins: (Person<'_>, Person<'_>),
        target: (&[Membership], i64),
        now: Timestamp,
    ) -> Result<Shortening, Denied> {
        let ((first, second), (theirs, account_version)) = (admins, target);
        organisation::may_vouch(second, (&self.user_id, theirs))?;
        self.may_be_shortened(account_version, now)?;
        let asked = self.shortening.as_ref().ok_or(Denied::RecoveryGone)?;
        if asked.asked_by == *second.0 || asked.asked_by != *first.0 {
            return Err(Denied::NotPermitted);
        }
        organisation::may_vouch(first, (&self.user_id, theirs))?;
        let (approved_by, in_force_since) = (Some(second.0.clone()), Some(now));
        Ok(Shortening { approved_by, in_force_since, ..asked.clone() })
    }

    fn may_be_shortened(&self, account_version: i64, now: Timestamp) -> Result<(), Denied> {
        let in_force = self.shortening.as_ref().is_some_and(|one| one.in_force_since.is_some());
        if self.standing(account_version, now) == State::Pending && !in_force {
            Ok(())
        } else {
            Err(Denied::RecoveryGone)
        }
    }

    /// With this said about it. The wait never grows.
    #[must_use]
    pub fn with(mut self, shortening: Shortening) -> Self {
        if let Some(since) = shortening.in_force_since {
            self.ready_at = self.ready_at.min(since + SHORTENED);
            self.expires_at = self.ready_at + WINDOW;
        }
        self.shortening = Some(shortening);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::OrganisationId,
        organisation::{Organisation, Role},
        time::SECOND,
    };

    const NOON: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn id(name: &str) -> UserId {
        UserId::from(name.to_owned())
    }

    fn member(role: Role) -> Vec<Membership> {
        let organisation = Organisation {
            id: OrganisationId::from("o".to_owned()),
            external_id: None,
            name: String::new(),
            rules: Rules::default(),
            created_at: NOON,
        };
        vec![Membership { organisation, role }]
    }

    fn recovery() -> Recovery {
        Recovery {
            id: RecoveryId::from("0192000000017000800000000000abcd".to_owned()),
            user_id: id("ada"),
            state: State::Pending,
            security_version: 3,
            from: Visitor::default(),
            started_at: NOON,
            ready_at: NOON + WAIT,
            expires_at: NOON + WAIT + WINDOW,
            shortening: None,
        }
    }

    #[test]
    fn the_mailbox_waits_and_a_backup_code_beside_it_does_not() {
        let one = recovery();
        let waits = Denied::RecoveryWaiting { wait: SECOND };
        let before = NOON + WAIT - SECOND;
        assert_eq!(one.may_complete(3, Shown::Mailbox, before), Err(waits));
        assert_eq!(one.may_complete(3, Shown::MailboxAndBackupCode, NOON), Ok(()));
        assert_eq!(one.may_complete(3, Shown::Mailbox, NOON + WAIT), Ok(()));
        assert_eq!(one.may_complete(3, Shown::Mailbox, one.expires_at), Err(Denied::RecoveryGone));
        assert_eq!(one.may_complete(4, Shown::MailboxAndBackupCode, NOON), Err(Denied::RecoveryGone));
    }

    #[test]
    fn a_clock_set_back_makes_nothing_ready() {
        let found_ready = Recovery { state: State::Ready, ..recovery() };
        assert_eq!(found_ready.standing(3, NOON), State::Pending);
        let found_expired = Recovery { state: State::Expired, ..recovery() };
        assert_eq!(found_expired.standing(3, NOON), State::Expired);
    }

    #[test]
    fn the_longest_wait_holds_and_stays_sensible() {
        let rules = |recovery_wait| Rules { recovery_wait, ..Rules::default() };
        let (brief, long) = (rules(Duration::ZERO), rules(5 * DAY));
        assert_eq!(wait([]), WAIT);
        assert_eq!(wait([&Rules::default()]), WAIT);
        assert_eq!(wait([&brief]), WAIT_MIN);
        assert_eq!(wait([&brief, &long]), 5 * DAY);
        assert_eq!(wait([&rules(Duration::MAX)]), WAIT_MAX);
    }

    #[test]
    fn one_administrator_and_a_reason_shorten_a_members_wait_to_an_hour() {
        let (admin, boss, plain) = (member(Role::Admin), id("boss"), member(Role::Member));
        let say =
            |reason: &str| recovery().shorten((&boss, &admin), (&plain, 3), ("0000 abcd", reason), NOON);
        assert_eq!(say("  \n"), Err(Denied::ReasonRequired));
        assert_eq!(say(&"x".repeat(251)), Err(Denied::FieldTooLong { field: "reason", max: 250 }));
        let shortened = recovery().with(say(" seen in person ").unwrap());
        assert_eq!(shortened.ready_at, NOON + SHORTENED);
        assert_eq!(shortened.expires_at, NOON + SHORTENED + WINDOW);
        assert_eq!(shortened.shortening.as_ref().unwrap().reason, "seen in person");
        let again = shortened.shorten((&boss, &admin), (&plain, 3), ("0000-ABCD", "again"), NOON);
        assert_eq!(again, Err(Denied::RecoveryGone));
        let another = recovery().shorten((&boss, &admin), (&plain, 3), ("0000-ABCE", "seen"), NOON);
        assert_eq!(another, Err(Denied::RecoveryGone), "vouched for somebody else's");
        let nearly = Recovery { ready_at: NOON + SECOND, ..recovery() };
        assert_eq!(nearly.with(say("late").unwrap()).ready_at, NOON + SECOND, "the wait never grows");
    }

    #[test]
    fn two_administrators_must_agree_about_a_privileged_person() {
        let (admin, plain) = (member(Role::Admin), member(Role::Member));
        let (ada, boss, chief) = (id("ada"), id("boss"), id("chief"));
        let asked =
            recovery().shorten((&boss, &admin), (&admin, 3), ("0000ABCD", "seen in person"), NOON).unwrap();
        let waiting = recovery().with(asked);
        assert_eq!(waiting.ready_at, NOON + WAIT);
        let approve =
            |first: Person<'_>, second: Person<'_>| waiting.approve((first, second), (&admin, 3), NOON);
        let refused = Err(Denied::NotPermitted);
        assert_eq!(approve((&boss, &admin), (&boss, &admin)), refused, "themselves");
        assert_eq!(approve((&boss, &admin), (&ada, &admin)), refused, "their own");
        assert_eq!(approve((&boss, &admin), (&chief, &plain)), refused, "no administrator");
        assert_eq!(approve((&boss, &plain), (&chief, &admin)), refused, "the first no longer is one");
        assert_eq!(approve((&chief, &admin), (&chief, &admin)), refused, "not the one who asked");
        let agreed = waiting.clone().with(approve((&boss, &admin), (&chief, &admin)).unwrap());
        assert_eq!(agreed.ready_at, NOON + SHORTENED);
        let own = recovery().shorten((&ada, &admin), (&admin, 3), ("0000ABCD", "me"), NOON);
        assert_eq!(own, refused);
    }

    #[test]
    fn a_claim_is_written_down_and_typed_again() {
        struct Ones;
        impl Entropy for Ones {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(1);
            }
        }
        let shown = new_claim(&Ones);
        assert_eq!(shown.expose().split('-').count(), 7);
        let typed = format!(" {} ", shown.expose().to_lowercase());
        assert_eq!(normalise_claim(&typed).unwrap().expose(), &shown.expose().replace('-', ""));
        assert!(normalise_claim("ABCD-EFGH-JKMN-PQRS").is_none());
    }

    #[test]
    fn names_are_read_back() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
    }
}
