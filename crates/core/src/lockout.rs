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
}

impl Budget {
    /// How long until a code may be tried again; `None` means now.
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        if self.failures >= HARD_STOP {
            return Some(LONGEST_DELAY);
        }
        self.blocked_until.map(|until| until.since(now)).filter(|wait| !wait.is_zero())
    }

    #[must_use]
    pub fn after_failure(&self, now: Timestamp) -> Self {
        let failures = self.failures.saturating_add(1);
        let delay = failures.checked_sub(FREE).map(|beyond| {
            FIRST_DELAY.saturating_mul(1_u32.checked_shl(beyond).unwrap_or(u32::MAX)).min(LONGEST_DELAY)
        });
        Self { failures, blocked_until: delay.map(|delay| now + delay) }
    }

    /// A right code forgives the wrong ones before it.
    #[must_use]
    pub fn after_success() -> Self {
        Self::default()
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
        assert_eq!(Budget::after_success().wait(NOON), None);
    }
}
