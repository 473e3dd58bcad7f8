//! Promises about recovery, tested over random sequences of acts by everybody who may have a part in it.

use std::{collections::BTreeSet, time::Duration};

use countersign_core::{
    denied::Denied,
    ids::{OrganisationId, RecoveryId, UserId},
    organisation::{Membership, Organisation, Role, Rules},
    recovery::{self, Recovery, SHORTENED, Shown, State, WINDOW},
    session::Visitor,
    time::{DAY, HOUR, Timestamp},
};
use proptest::{collection::vec, prelude::*};

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
/// The owner, who has a role of their own, and four others in the same organisation.
const PEOPLE: usize = 5;
const OWNER: usize = 0;

#[derive(Clone, Copy, Debug)]
enum Act {
    Wait(u64),
    /// The clock is set back, but not to before the beginning.
    SetBack(u64),
    /// The timer looks what became ready or expired.
    Tick,
    Complete(Shown),
    Veto,
    GiveUp,
    /// The owner changes a password or a factor.
    ChangeAccount,
    Shorten(usize, &'static str),
    Approve(usize),
    /// Somebody becomes something else.
    Appoint(usize, Role),
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Owner), Just(Role::Admin), Just(Role::Member)]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..100 * 3_600u64).prop_map(Act::Wait),
        1 => (0..100 * 3_600u64).prop_map(Act::SetBack),
        2 => Just(Act::Tick),
        4 => Just(Act::Complete(Shown::Mailbox)),
        1 => Just(Act::Complete(Shown::MailboxAndBackupCode)),
        1 => Just(Act::Veto),
        1 => Just(Act::GiveUp),
        1 => Just(Act::ChangeAccount),
        4 => (0..PEOPLE, prop_oneof![Just(""), Just("  "), Just("seen in person")])
            .prop_map(|(who, reason)| Act::Shorten(who, reason)),
        4 => (0..PEOPLE).prop_map(Act::Approve),
        2 => (0..PEOPLE, role()).prop_map(|(who, role)| Act::Appoint(who, role)),
    ]
}

/// A caller that saves what the core says, and remembers what happened.
struct Town {
    now: Timestamp,
    account_version: i64,
    roles: [Role; PEOPLE],
    recovery: Recovery,
    completed: Vec<(Timestamp, Shown)>,
    /// Acts after which nobody may get in any more.
    over: bool,
    /// Who vouched, for a reason, while entitled; and whether the owner was privileged then.
    vouched: BTreeSet<usize>,
    in_force: Option<Timestamp>,
}

fn name(person: usize) -> UserId {
    UserId::from(format!("person-{person}"))
}

impl Town {
    fn new(roles: [Role; PEOPLE], wait: Duration) -> Self {
        let recovery = Recovery {
            id: RecoveryId::from("r".to_owned()),
            user_id: name(OWNER),
            state: State::Pending,
            security_version: 0,
            from: Visitor::default(),
            started_at: START,
            ready_at: START + wait,
            expires_at: START + wait + WINDOW,
            shortening: None,
        };
        Self {
            now: START,
            account_version: 0,
            roles,
            recovery,
            completed: vec![],
            over: false,
            vouched: BTreeSet::new(),
            in_force: None,
        }
    }

    fn belongs(&self, person: usize) -> Vec<Membership> {
        let organisation = Organisation {
            id: OrganisationId::from("o".to_owned()),
            external_id: None,
            name: String::new(),
            rules: Rules::default(),
            created_at: START,
        };
        vec![Membership { organisation, role: self.roles[person] }]
    }

    fn entitled(&self, person: usize) -> bool {
        let administers = |person: usize| matches!(self.roles[person], Role::Owner | Role::Admin);
        let outranked = self.roles[person] == Role::Admin && self.roles[OWNER] == Role::Owner;
        person != OWNER && administers(person) && !outranked
    }

    fn is_open(&self) -> bool {
        self.recovery.may_stop(self.account_version, self.now).is_ok()
    }

    fn end(&mut self, state: State) {
        if self.is_open() {
            self.recovery.state = state;
            self.over = true;
        }
    }

    fn act(&mut self, act: Act) -> Result<(), TestCaseError> {
        match act {
            Act::Wait(seconds) => self.now = self.now + Duration::from_secs(seconds),
            Act::SetBack(seconds) => self.now = START.max(self.now - Duration::from_secs(seconds)),
            Act::Tick => match self.recovery.standing(self.account_version, self.now) {
                state if self.recovery.state.is_open() => {
                    self.recovery.state = state;
                    self.over |= !state.is_open();
                }
                _ => {}
            },
            Act::Complete(shown) => {
                if self.recovery.may_complete(self.account_version, shown, self.now).is_ok() {
                    prop_assert!(!self.over, "completed although it was over");
                    self.completed.push((self.now, shown));
                    self.recovery.state = State::Completed;
                }
            }
            Act::Veto => self.end(State::Vetoed),
            Act::GiveUp => self.end(State::Cancelled),
            Act::ChangeAccount => {
                self.account_version += 1;
                self.over |= self.completed.is_empty();
            }
            Act::Shorten(who, reason) => self.shorten(who, reason)?,
            Act::Approve(who) => self.approve(who)?,
            Act::Appoint(who, role) => self.roles[who] = role,
        }
        Ok(())
    }

    fn shorten(&mut self, who: usize, reason: &'static str) -> Result<(), TestCaseError> {
        let (theirs, id, own) = (self.belongs(OWNER), name(who), self.belongs(who));
        let (account, said) =
            ((theirs.as_slice(), self.account_version), (self.recovery.reference(), reason));
        let said = self.recovery.shorten((&id, &own), account, (&said.0, said.1), self.now);
        let Ok(said) = said else { return Ok(()) };
        prop_assert!(self.entitled(who) && !reason.trim().is_empty());
        self.vouched = BTreeSet::from([who]);
        let privileged = self.roles[OWNER] != Role::Member;
        prop_assert_eq!(said.in_force_since.is_none(), privileged, "a second one must agree");
        self.in_force = said.in_force_since;
        self.recovery = self.recovery.clone().with(said);
        Ok(())
    }

    fn approve(&mut self, who: usize) -> Result<(), TestCaseError> {
        let Some(asked) = &self.recovery.shortening else { return Ok(()) };
        let first = (0..PEOPLE).find(|person| name(*person) == asked.asked_by).unwrap();
        let theirs = self.belongs(OWNER);
        let (first_id, first_own, id, own) = (name(first), self.belongs(first), name(who), self.belongs(who));
        let admins = ((&first_id, first_own.as_slice()), (&id, own.as_slice()));
        let Ok(said) = self.recovery.approve(admins, (&theirs, self.account_version), self.now) else {
            return Ok(());
        };
        prop_assert!(self.entitled(who) && self.entitled(first));
        self.vouched.insert(who);
        prop_assert_eq!(self.vouched.len(), 2, "nobody agrees with themselves");
        self.in_force = said.in_force_since;
        self.recovery = self.recovery.clone().with(said);
        Ok(())
    }
}

fn roles() -> impl Strategy<Value = [Role; PEOPLE]> {
    [role(), role(), role(), role(), role()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// SEC-104: the mailbox alone never wins before the wait, unless the rules shortened it; nothing completes
    /// twice, after a veto, or outside the window.
    #[test]
    fn nobody_gets_in_too_early_too_late_or_twice(
        roles in roles(), hours in 24..200u64, acts in vec(act(), 1..40),
    ) {
        let wait = hours as u32 * HOUR;
        let mut town = Town::new(roles, wait);
        for act in acts {
            town.act(act)?;
            prop_assert!(town.completed.len() <= 1);
            prop_assert!(town.recovery.ready_at <= START + wait, "the wait never grows");
        }
        for (at, shown) in &town.completed {
            let waited = *at >= START + wait;
            let shortened = town.in_force.is_some_and(|since| *at >= since + SHORTENED);
            prop_assert!(waited || shortened || *shown == Shown::MailboxAndBackupCode);
            prop_assert!(*at < START + wait + WINDOW);
        }
    }

    /// Whoever is left alone gets in: exactly from the end of the wait to the end of the window.
    #[test]
    fn whoever_is_left_alone_gets_in_within_the_window(hours in 24..200u64, offset in 0..20 * 24 * 3_600u64) {
        let wait = hours as u32 * HOUR;
        let mut town = Town::new([Role::Member; PEOPLE], wait);
        town.act(Act::Wait(offset))?;
        town.act(Act::Tick)?;
        let answer = town.recovery.may_complete(0, Shown::Mailbox, town.now);
        let offset = Duration::from_secs(offset);
        let expected = if offset < wait {
            Err(Denied::RecoveryWaiting { wait: wait - offset })
        } else if offset < wait + WINDOW {
            Ok(())
        } else {
            Err(Denied::RecoveryGone)
        };
        prop_assert_eq!(answer, expected);
    }

    /// Of several organisations, the one that waits longest decides, and none waits less than a day.
    #[test]
    fn no_organisation_undercuts_another(seconds in vec(0..60 * 24 * 3_600u64, 1..6)) {
        let rules: Vec<Rules> = seconds
            .iter()
            .map(|seconds| Rules { recovery_wait: Duration::from_secs(*seconds), ..Rules::default() })
            .collect();
        let wait = recovery::wait(&rules);
        prop_assert!(rules.iter().all(|one| wait >= one.recovery_wait.min(30 * DAY)));
        prop_assert!(wait >= DAY && wait <= 30 * DAY);
    }
}
