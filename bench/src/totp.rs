//! The codes an authenticator app would show, and which of them a server still takes.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

pub const PERIOD: f64 = 30.0;

/// A code sent this close to the end of its period may be read in the next one, so the oldest acceptable
/// step is no longer offered.
pub const EDGE: f64 = 5.0;

/// A reading of the clock, in the units that matter here.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub step: i64,
    pub seconds_left: f64,
}

impl Now {
    pub fn read() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set after 1970");
        Self::at(since.as_secs_f64())
    }

    fn at(seconds: f64) -> Self {
        let step = (seconds / PERIOD).floor();
        Self { step: step as i64, seconds_left: (step + 1.0) * PERIOD - seconds }
    }

    /// The next step to answer with, for an authenticator whose newest used step is `last`. Servers take
    /// {-1, 0, +1} around now and each step once, so steps only move forward and may run out.
    pub fn next_step(self, last: i64) -> Option<i64> {
        let oldest = if self.seconds_left < EDGE { self.step } else { self.step - 1 };
        let next = oldest.max(last + 1);
        (next <= self.step + 1).then_some(next)
    }

    /// Whether an authenticator can answer `times` times before the period ends.
    pub fn can_answer(self, last: i64, times: i64) -> bool {
        self.next_step(last).is_some_and(|next| next + times - 1 <= self.step + 1)
    }
}

/// RFC 6238 with SHA-1 and six digits.
pub fn code(secret: &str, step: i64) -> Result<String> {
    let key = BASE32_NOPAD.decode(secret.as_bytes()).context("the TOTP secret is not Base32")?;
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).expect("HMAC takes any key length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let bits = u32::from_be_bytes([hash[at], hash[at + 1], hash[at + 2], hash[at + 3]]) & 0x7fff_ffff;
    Ok(format!("{:06}", bits % 1_000_000))
}

/// Certainly wrong: differs from every code within two steps of now.
pub fn wrong_code(secret: &str, now: Now) -> Result<String> {
    let right = (-2..=2).map(|away| code(secret, now.step + away)).collect::<Result<Vec<_>>>()?;
    let wrong = (0..).map(|n| format!("{n:06}")).find(|candidate| !right.contains(candidate));
    Ok(wrong.expect("five codes cannot cover all"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_rfc_6238_appendix_b() {
        let secret = BASE32_NOPAD.encode(b"12345678901234567890");
        assert_eq!(code(&secret, 59 / 30).unwrap(), "287082");
        assert_eq!(code(&secret, 1_111_111_109 / 30).unwrap(), "081804");
        assert_eq!(code(&secret, 20_000_000_000 / 30).unwrap(), "353130");
    }

    #[test]
    fn three_answers_a_period_and_then_none() {
        let now = Now::at(3_000.0);
        assert_eq!(now.step, 100);
        assert_eq!(now.next_step(0), Some(99));
        assert_eq!(now.next_step(99), Some(100));
        assert_eq!(now.next_step(100), Some(101));
        assert_eq!(now.next_step(101), None);
        assert!(now.can_answer(98, 3) && !now.can_answer(99, 3) && now.can_answer(99, 2));
    }

    #[test]
    fn the_oldest_step_is_not_offered_at_the_end_of_a_period() {
        assert_eq!(Now::at(3_028.5).next_step(0), Some(100));
    }

    #[test]
    fn a_wrong_code_is_wrong() {
        let secret = BASE32_NOPAD.encode(b"12345678901234567890");
        let now = Now::at(59.0);
        let wrong = wrong_code(&secret, now).unwrap();
        assert!((-2..=2).all(|away| code(&secret, now.step + away).unwrap() != wrong));
    }
}
