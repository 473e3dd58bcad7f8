//! Points in time, as microseconds since 1970 in UTC. Spans are `std::time::Duration`.

use std::{
    ops::{Add, Sub},
    time::Duration,
};

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Serialize};

/// A point in time. The core never asks for one: it is always handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3_600);
pub const DAY: Duration = Duration::from_secs(86_400);

impl Timestamp {
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded towards the past.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).max(0) as u64)
    }

    /// `2026-11-22T10:11:12.345Z`: exactly three digits, which JavaScript clients rely on.
    pub fn to_iso(self) -> String {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(at) => PRINTER.timestamp_to_string(&at),
            Err(_) => "9999-12-31T23:59:59.999Z".to_owned(),
        }
    }

    /// The beginning of a day, as `2026-12-05`, in UTC.
    pub fn from_day(day: &str) -> Option<Self> {
        Self::from_iso(&format!("{day}T00:00:00Z"))
    }

    /// Any form of RFC 3339. Without an offset the time counts as UTC, as servers in JavaScript take it.
    pub fn from_iso(text: &str) -> Option<Self> {
        let at: Result<jiff::Timestamp, _> = text.parse().or_else(|_| format!("{text}Z").parse());
        at.ok().map(|at| Self(at.as_microsecond()))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iso_has_three_digits_and_a_z() {
        assert_eq!(Timestamp::from_micros(1_700_000_000_120_999).to_iso(), "2023-11-14T22:13:20.120Z");
        assert_eq!(Timestamp::from_seconds(0).to_iso(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn iso_is_read_with_and_without_an_offset() {
        let at = Some(Timestamp::from_micros(1_700_000_000_120_000));
        for text in ["2023-11-14T22:13:20.120Z", "2023-11-14T23:13:20.12+01:00", "2023-11-14T22:13:20.120"] {
            assert_eq!(Timestamp::from_iso(text), at, "{text}");
        }
        for text in
            ["", "Z", "tomorrow", "2023-11-14", "2023-13-14T22:13:20Z", "1700000000", "99999-01-01T00:00:00Z"]
        {
            assert_eq!(Timestamp::from_iso(text), None, "{text}");
        }
    }

    #[test]
    fn a_day_begins_at_midnight() {
        assert_eq!(Timestamp::from_day("2023-11-14"), Timestamp::from_iso("2023-11-14T00:00:00Z"));
        for text in ["", "2023-11-14T00:00:00Z", "14.11.2023", "2023-02-30"] {
            assert_eq!(Timestamp::from_day(text), None, "{text}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let end = Timestamp::from_micros(i64::MAX);
        assert_eq!(end + DAY, end);
        assert_eq!(Timestamp::from_seconds(5).since(Timestamp::from_seconds(9)), Duration::ZERO);
        assert_eq!(Timestamp::from_micros(-1).as_seconds(), -1);
        assert_eq!(end.to_iso(), "9999-12-31T23:59:59.999Z");
    }
}
