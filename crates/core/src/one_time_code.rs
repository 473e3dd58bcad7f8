//! One-time codes that are delivered by mail or SMS: how long they live, how often they may be sent.

use std::time::Duration;

use unicode_normalization::UnicodeNormalization;

use crate::{
    backup_code,
    entropy::{self, Entropy},
    secret::Secret,
    time::{DAY, MINUTE, Timestamp},
    totp,
};

/// SEC-021. The consuming write checks it again.
pub const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// A link waits for a mail to arrive and a person to open it, and cannot be guessed meanwhile.
pub const LINK_LIFETIME: Duration = Duration::from_secs(10 * MINUTE.as_secs());

pub const DIGITS: usize = 6;

/// Wrong answers after which a code is dead, even for the right one (SEC-023).
pub const FAILURES_MAX: u32 = 5;

/// SEC-031, per user: at most so many within any span of that length.
const LIMITS: [(usize, Duration); 3] =
    [(1, Duration::from_secs(30)), (5, Duration::from_secs(10 * MINUTE.as_secs())), (20, DAY)];

pub fn new(entropy: &dyn Entropy) -> Secret<String> {
    Secret::new(entropy::digits(entropy, DIGITS))
}

/// Length of a code that travels in a link, `[A-Za-z0-9]`: 190 bits.
pub const LINK_LENGTH: usize = 32;

/// A code to be followed instead of typed.
pub fn new_for_link(entropy: &dyn Entropy) -> Secret<String> {
    Secret::new(entropy::alphanumeric(entropy, LINK_LENGTH))
}

/// The digits of a code as typed, by the same rule as an authenticator app's; or what a link carried.
pub fn well_formed(code: &str) -> Option<Secret<String>> {
    if code.len() == LINK_LENGTH && code.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Some(Secret::from(code));
    }
    totp::well_formed(code, DIGITS as u32).map(Secret::new)
}

/// Whether one more may be sent now, given when earlier ones were; if not, how long until it may.
pub fn may_send(earlier: &[Timestamp], now: Timestamp) -> Result<(), Duration> {
    if within_limits(earlier, now) {
        return Ok(());
    }
    // Only the moment at which an earlier one leaves a span can turn a no into a yes.
    let openings = LIMITS.iter().flat_map(|(_, span)| earlier.iter().map(|sent| *sent + *span));
    let next = openings.filter(|at| *at > now && within_limits(earlier, *at)).min();
    Err(next.map_or(DAY, |at| at.since(now)))
}

/// Distance counts in both directions: a clock set back by minutes does not hand out a fresh allowance,
/// and one that was years ahead for a moment does not lock anybody out until then.
fn within_limits(earlier: &[Timestamp], at: Timestamp) -> bool {
    LIMITS.iter().all(|(most, span)| {
        let near = earlier.iter().filter(|sent| at.since(**sent).max(sent.since(at)) < *span);
        near.count() < *most
    })
}

/// What people type into a field for codes, as it was meant: other forms of digits and spaces are folded (Unicode
/// NFKC), and a word in front ("G-123456") goes. What may be a backup code keeps its letters.
pub fn tidied(typed: &str) -> Secret<String> {
    const TYPED_BYTES_MAX: usize = 256;
    if typed.len() > TYPED_BYTES_MAX {
        return Secret::new(typed.to_owned());
    }
    let folded: Secret<String> = Secret::new(typed.nfkc().collect());
    let digits: Secret<String> = Secret::new(folded.expose().chars().filter(char::is_ascii_digit).collect());
    let a_code = digits.expose().len() == 6 && backup_code::normalise(folded.expose()).is_none();
    if a_code { digits } else { folded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_taken_as_people_and_keyboards_write_them() {
        for (typed, meant) in [
            ("123 456", "123456"),
            ("123-456", "123456"),
            ("123\u{a0}456", "123456"),
            ("１２３４５６", "123456"),
            ("G-123456", "123456"),
            (" 123456\n", "123456"),
            // What may stand on a printed sheet stays as it is, and so does what is no code at all.
            ("12ab3-4cd56", "12ab3-4cd56"),
            ("12345678", "12345678"),
            ("12345", "12345"),
            ("hello", "hello"),
        ] {
            assert_eq!(tidied(typed).expose(), meant, "{typed:?}");
        }
        assert_eq!(tidied(&"1 ".repeat(200)).expose().len(), 400);
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(second)
    }

    fn wait(seconds: u64) -> Result<(), Duration> {
        Err(Duration::from_secs(seconds))
    }

    #[test]
    fn one_in_thirty_seconds() {
        assert_eq!(may_send(&[], at(0)), Ok(()));
        assert_eq!(may_send(&[at(0)], at(0)), wait(30));
        let almost = at(30) - Duration::from_micros(1);
        assert_eq!(may_send(&[at(0)], almost), Err(Duration::from_micros(1)));
        assert_eq!(may_send(&[at(0)], at(30)), Ok(()));
    }

    #[test]
    fn five_in_ten_minutes() {
        let sent = [at(0), at(40), at(80), at(120), at(160)];
        assert_eq!(may_send(&sent, at(200)), wait(400));
        // The shorter wait would end while the longer one still runs.
        assert_eq!(may_send(&sent, at(170)), wait(430));
        assert_eq!(may_send(&sent, at(600)), Ok(()));
        assert_eq!(may_send(&sent[..4], at(200)), Ok(()));
    }

    #[test]
    fn twenty_in_a_day() {
        let sent: Vec<Timestamp> = (0..20).map(|turn| at(turn * 1_000)).collect();
        assert_eq!(may_send(&sent, at(40_000)), wait(46_400));
        assert_eq!(may_send(&sent, at(86_400)), Ok(()));
    }

    #[test]
    fn a_clock_set_back_gains_nothing_and_one_far_ahead_locks_nobody_out() {
        assert_eq!(may_send(&[at(100)], at(90)), wait(40));
        assert_eq!(may_send(&[at(1_000_000)], at(90)), Ok(()));
    }

    #[test]
    fn a_code_is_six_digits() {
        struct Ramp;
        impl Entropy for Ramp {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.iter_mut().enumerate().for_each(|(at, byte)| *byte = at as u8);
            }
        }
        let code = new(&Ramp);
        assert_eq!(well_formed(code.expose()).unwrap().expose(), code.expose());
        assert_eq!(well_formed("012 345").unwrap().expose(), "012345");
        assert!(well_formed("0123456").is_none());
    }
}
