//! Guessing: how many wrong codes in a row a user may have offered, and how long the next must wait.

use std::time::Duration;

use crate::time::{DAY, MINUTE, Timestamp};

/// Wrong answers in a row that cost nothing but the challenge.
pub const FREE: u32 = 10;
/// After that, each wrong answer closes the lane: first for this long, then twice as long each time…
pub const FIRST_DELAY: Duration = Duration::from_secs(15 * MINUTE.as_secs());
/// …but never longer than this.
pub const LONGEST_DELAY: Duration = DAY;
/// NIST SP 800-63B-4 §3.2.2: no more than 100 consecutive failures; then only recovery helps.
pub const HARD_STOP: u32 = 100;

/// Wrong answers that the door takes within a short time, whoever passed it in between…
pub const RATION: u32 = 15;
/// …and how long until it takes one more. A right answer ends a run of failures, so the owner's coming and going
/// would hand a stranger ten guesses each time. Within any 30 days the ration lets through 15 + 15, each
/// worth three codes of a million: less than 1 in 10,000 (tests/guessing.rs works it out). With two authenticator
/// apps a guess is worth six, so it costs two of the ration, and with three it costs three.
pub const REFILL: Duration = Duration::from_secs(2 * DAY.as_secs());

/// Who is guessing. A stranger at the door must not be able to lock out somebody already inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Answers to sign-in challenges.
    Door,
    /// Codes offered within a live session: enrolling, proving again.
    Session,
    /// The password offered again within a live session, which may be a stolen one.
    Password,
    /// Backup codes offered to end the wait of a recovery, by somebody who holds at least the mailbox. Their
    /// guesses must not close the door to the owner.
    Recovery,
}

impl Lane {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Door => "door",
            Self::Session => "session",
            Self::Password => "password",
            Self::Recovery => "recovery",
        }
    }
}

/// One user's standing in one lane, over all codes, authenticators, challenges and nodes (SEC-063).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    pub failures: u32,
    pub blocked_until: Option<Timestamp>,
    /// When the ration will be whole again; each wrong answer at the door pushes it out by one `REFILL`.
    pub whole_at: Option<Timestamp>,
}

impl Budget {
    /// How long until a code may be tried again; `None` means now.
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        if self.failures >= HARD_STOP {
            return Some(LONGEST_DELAY);
        }
        let run = self.blocked_until.map(|until| until.since(now)).unwrap_or_default();
        let wait = run.max(self.debt(now).saturating_sub(REFILL * (RATION - 1)));
        (!wait.is_zero()).then_some(wait)
    }

    /// How far the ration is from whole.
    fn debt(&self, now: Timestamp) -> Duration {
        self.whole_at.map(|whole| whole.since(now)).unwrap_or_default()
    }

    #[must_use]
    pub fn after_failure(&self, now: Timestamp) -> Self {
        let failures = self.failures.saturating_add(1);
        let delay = failures.checked_sub(FREE).map(|beyond| {
            FIRST_DELAY.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX)).min(LONGEST_DELAY)
        });
        Self { failures, blocked_until: delay.map(|delay| now + delay), ..*self }
    }

    /// A failure at the door, which is paid for from the ration as well: by one for each authenticator that the
    /// guess could have hit.
    #[must_use]
    pub fn after_failure_at_the_door(&self, price: u32, now: Timestamp) -> Self {
        Self { whole_at: Some(now + self.debt(now) + REFILL * price), ..self.after_failure(now) }
    }

    /// A right code ends the run. Whoever passed a challenge after some wrong answers to it gave those as well,
    /// so the ration gets what they paid back; others may have been anybody's (63B §3.2.2: "from the same IP
    /// address").
    #[must_use]
    pub fn after_success(&self, paid: u32, now: Timestamp) -> Self {
        let debt = self.debt(now).saturating_sub(REFILL.saturating_mul(paid));
        Self { whole_at: (!debt.is_zero()).then(|| now + debt), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{HOUR, SECOND};

    const NOON: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn failed(times: u32) -> Budget {
        (0..times).fold(Budget::default(), |budget, _| budget.after_failure(NOON))
    }

    #[test]
    fn ten_are_free_then_delays_double_to_a_day() {
        assert_eq!(failed(9).wait(NOON), None);
        assert_eq!(failed(10).wait(NOON), Some(FIRST_DELAY));
        assert_eq!(failed(10).wait(NOON + FIRST_DELAY - SECOND), Some(SECOND));
        assert_eq!(failed(10).wait(NOON + FIRST_DELAY), None);
        assert_eq!(failed(12).wait(NOON), Some(HOUR));
        assert_eq!(failed(60).wait(NOON), Some(LONGEST_DELAY));
    }

    #[test]
    fn a_hundred_in_a_row_end_it() {
        assert_eq!(failed(99).wait(NOON + DAY), None);
        assert_eq!(failed(100).wait(NOON + 365 * DAY), Some(LONGEST_DELAY));
        assert_eq!(failed(100).after_success(0, NOON).wait(NOON), None);
    }

    /// A stranger makes nine guesses, the owner passes, and so on: the run never closes the door, the ration does.
    #[test]
    fn the_door_gives_out_a_ration_whoever_passes_it() {
        let guesses = |budget: Budget, times: u32| {
            (0..times).fold(budget, |budget, _| budget.after_failure_at_the_door(1, NOON))
        };
        let nine = guesses(Budget::default(), 9).after_success(0, NOON);
        assert_eq!((nine.failures, nine.wait(NOON)), (0, None));
        assert_eq!(guesses(nine, 5).wait(NOON), None);
        let spent = guesses(nine, 6).after_success(0, NOON);
        assert_eq!(spent.wait(NOON), Some(REFILL));
        assert_eq!(spent.wait(NOON + REFILL), None);
        assert_eq!(spent.after_failure_at_the_door(1, NOON + REFILL).wait(NOON + REFILL), Some(REFILL));
        // The owner's own slips, in a challenge they then passed, cost nothing.
        let owner = guesses(nine, 4).after_success(4, NOON);
        assert_eq!(owner, nine);
        assert_eq!(guesses(Budget::default(), 4).after_success(4, NOON), Budget::default());
    }

    #[test]
    fn a_guess_that_could_hit_two_apps_costs_two() {
        let guesses = |times: u32| {
            (0..times).fold(Budget::default(), |budget, _| budget.after_failure_at_the_door(2, NOON))
        };
        assert_eq!(guesses(7).wait(NOON), None);
        assert_eq!(guesses(8).wait(NOON), Some(REFILL * 2));
        assert_eq!(guesses(3).after_success(6, NOON), Budget::default());
    }
}
