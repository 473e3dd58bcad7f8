//! Rate limits: how often one caller may ask one thing. The first door only; budgets for guesses live in the core.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use countersign_core::time::Timestamp;

/// At most `max` calls until the count starts afresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub window: Duration,
    pub max: u32,
    pub since: Since,
}

/// What the window is counted from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// The last allowed call: whoever never pauses for a whole window is refused sooner or later.
    LastCall,
    /// The first call. Steady use below the rate is never refused, however long the window.
    FirstCall,
}

impl Rule {
    pub const fn new(seconds: u64, max: u32) -> Self {
        Self { window: Duration::from_secs(seconds), max, since: Since::LastCall }
    }

    /// As `new`, with a window that the first call opens.
    pub const fn fixed(seconds: u64, max: u32) -> Self {
        Self { since: Since::FirstCall, ..Self::new(seconds, max) }
    }

    /// By the beginnings of paths: the first row that fits decides.
    pub fn of_path(table: &[(&[&str], Self)], path: &str) -> Option<Self> {
        let fits = |(starts, _): &&(&[&str], Self)| starts.iter().any(|start| path.starts_with(start));
        table.iter().find(fits).map(|(_, rule)| *rule)
    }
}

/// Rounded up: who waits this long need not wait again.
pub fn whole_seconds(wait: Duration) -> u64 {
    wait.as_micros().div_ceil(1_000_000).max(1) as u64
}

/// Counters in a table of fixed size (P6): a million addresses cost no more memory than none. A key belongs to
/// one row of the table, and a newcomer to a full row takes the place of whoever was quiet longest.
///
/// Keys are kept as keyed 64-bit hashes. Two keys that collide share a counter; nobody can aim for that.
pub struct Limiter {
    rows: Box<[Mutex<Row>]>,
    hasher: RandomState,
}

/// Wide enough that rows fill evenly: at half the capacity, one in 250 has had to evict.
const WIDTH: usize = 16;

type Row = [Counter; WIDTH];

#[derive(Clone, Copy, Default)]
struct Counter {
    key: u64,
    /// What the window is counted from, in microseconds since 1970.
    start: i64,
    /// Zero means that this place is free.
    count: u32,
}

impl Default for Limiter {
    /// Room for 65,536 counters.
    fn default() -> Self {
        Self::new(65_536)
    }
}

impl Limiter {
    /// Room for `capacity` counters, 24 bytes each, all of it taken now.
    pub fn new(capacity: usize) -> Self {
        let rows = (capacity / WIDTH).max(1);
        Self { rows: (0..rows).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }

    /// Counts one call, or says in how many seconds to try again. A refused call is not counted. The key is
    /// whatever is limited: usually `(rate_key(ip), path)`.
    pub fn check<K: Hash + ?Sized>(&self, key: &K, rule: Rule, now: Timestamp) -> Result<(), u64> {
        self.with(key, |counter| counter.call(rule, now))
    }

    fn with<K: Hash + ?Sized, T>(&self, key: &K, act: impl FnOnce(&mut Counter) -> T) -> T {
        let key = self.hasher.hash_one(key);
        let row = &self.rows[(key as usize) % self.rows.len()];
        // A poisoned row holds plain numbers, which are never half written.
        let mut row = row.lock().unwrap_or_else(PoisonError::into_inner);
        act(find(&mut row, key))
    }
}

/// How a caller stands within a fixed window, the call just made included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub allowed: bool,
    pub remaining: u32,
    /// Seconds until the count starts afresh.
    pub reset: u64,
}

impl Limiter {
    /// Counts one call within a window that begins with its first call and ends on time, however many follow.
    /// A limiter is asked in this way or by `check`, not both under one key.
    pub fn count<K: Hash + ?Sized>(&self, key: &K, rule: Rule, now: Timestamp) -> Standing {
        self.with(key, |counter| counter.call_within(rule, now))
    }

    /// Takes a counted call back: it turned out to be none of those that are limited.
    pub fn refund<K: Hash + ?Sized>(&self, key: &K) {
        self.with(key, |counter| counter.count = counter.count.saturating_sub(1));
    }
}

fn find(row: &mut Row, key: u64) -> &mut Counter {
    let known = row.iter().position(|counter| counter.count > 0 && counter.key == key);
    let at = known.unwrap_or_else(|| {
        let oldest = row.iter().enumerate().min_by_key(|(_, counter)| (counter.count > 0, counter.start));
        let at = oldest.map_or(0, |(at, _)| at);
        row[at] = Counter { key, ..Counter::default() };
        at
    });
    &mut row[at]
}

impl Counter {
    fn call(&mut self, rule: Rule, now: Timestamp) -> Result<(), u64> {
        let standing = self.call_within(rule, now);
        if !standing.allowed {
            return Err(standing.reset);
        }
        if rule.since == Since::LastCall {
            self.start = now.as_micros();
        }
        Ok(())
    }

    fn call_within(&mut self, rule: Rule, now: Timestamp) -> Standing {
        // A clock that was set back must not lock anybody out until it has caught up.
        self.start = self.start.min(now.as_micros());
        if self.count == 0 || now.since(Timestamp::from_micros(self.start)) >= rule.window {
            *self = Self { count: 0, start: now.as_micros(), ..*self };
        }
        let allowed = self.count < rule.max;
        self.count += u32::from(allowed);
        let wait = rule.window.saturating_sub(now.since(Timestamp::from_micros(self.start)));
        Standing { allowed, remaining: rule.max.saturating_sub(self.count), reset: whole_seconds(wait) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    const RULE: Rule = Rule::new(10, 3);
    const NOON: Timestamp = Timestamp::from_seconds(1_795_000_000);

    fn at(seconds: f64) -> Timestamp {
        NOON + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn the_window_starts_over_after_quiet_only() {
        let limiter = Limiter::new(1_000);
        let call = |seconds| limiter.check(&("192.0.2.1", "/sign-in/email"), RULE, at(seconds));
        assert_eq!([call(0.0), call(4.0), call(9.0)], [Ok(()), Ok(()), Ok(())]);
        // Counted from the last allowed call, and refused calls do not extend it.
        assert_eq!([call(9.0), call(10.5), call(18.999)], [Err(10), Err(9), Err(1)]);
        assert_eq!([call(19.0), call(19.0), call(19.0), call(19.0)], [Ok(()), Ok(()), Ok(()), Err(10)]);
        // Never ten seconds without an allowed call: the fourth is refused though the first is long ago.
        assert_eq!([call(29.0), call(38.0), call(47.0), call(56.0)], [Ok(()), Ok(()), Ok(()), Err(1)]);
    }

    #[test]
    fn a_fixed_window_ends_on_time_and_a_refunded_call_was_none() {
        let limiter = Limiter::new(1_000);
        let count = |seconds| limiter.count("a", RULE, at(seconds));
        let standing = |allowed, remaining, reset| Standing { allowed, remaining, reset };
        assert_eq!([count(0.0), count(4.0)], [standing(true, 2, 10), standing(true, 1, 6)]);
        limiter.refund("a");
        assert_eq!([count(5.0), count(9.0)], [standing(true, 1, 5), standing(true, 0, 1)]);
        assert_eq!(count(9.5), standing(false, 0, 1));
        assert_eq!(count(10.0), standing(true, 2, 10), "the calls in between did not put it off");
        limiter.refund("nobody");
        assert_eq!(limiter.count("nobody", RULE, NOON), standing(true, 2, 10));
    }

    #[test]
    fn a_fixed_window_starts_over_whether_quiet_or_not() {
        let limiter = Limiter::new(1_000);
        let call = |seconds| limiter.check("a", Rule::fixed(10, 3), at(seconds));
        assert_eq!([call(0.0), call(4.0), call(9.0)], [Ok(()), Ok(()), Ok(())]);
        assert_eq!([call(9.0), call(9.999)], [Err(1), Err(1)]);
        assert_eq!([call(10.0), call(10.5), call(19.0), call(19.0)], [Ok(()), Ok(()), Ok(()), Err(1)]);
        assert_eq!(call(20.0), Ok(()));
    }

    #[test]
    fn keys_do_not_share() {
        let limiter = Limiter::new(1_000);
        for key in [("192.0.2.1", "/a"), ("192.0.2.1", "/b"), ("192.0.2.2", "/a")] {
            for _ in 0..3 {
                assert_eq!(limiter.check(&key, RULE, NOON), Ok(()));
            }
            assert_eq!(limiter.check(&key, RULE, NOON), Err(10));
        }
    }

    #[test]
    fn a_rule_of_zero_refuses_everything() {
        let limiter = Limiter::new(1_000);
        let never = Rule { max: 0, ..RULE };
        assert_eq!(limiter.check("a", never, NOON), Err(10));
        assert_eq!(limiter.check("a", RULE, NOON), Ok(()));
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let limiter = Limiter::new(1_000);
        for _ in 0..3 {
            limiter.check("a", RULE, at(1e6)).unwrap();
        }
        assert_eq!(limiter.check("a", RULE, NOON), Err(10));
        assert_eq!(limiter.check("a", RULE, at(10.0)), Ok(()));
    }

    #[test]
    fn a_million_addresses_take_no_more_room() {
        let limiter = Limiter::new(4_096);
        for n in 0..1_000_000_u32 {
            let ip = IpAddr::V4(Ipv4Addr::from_bits(n));
            assert_eq!(limiter.check(&(ip, "/sign-in/email"), RULE, NOON), Ok(()));
        }
        assert_eq!(limiter.rows.len() * WIDTH, 4_096);
        assert_eq!(size_of::<Counter>(), 24);
    }

    #[test]
    fn the_quietest_is_evicted_first() {
        // One row: every key meets every other.
        let limiter = Limiter::new(WIDTH);
        for n in 0..WIDTH {
            for _ in 0..3 {
                limiter.check(&n, RULE, at(n as f64 / 100.0)).unwrap();
            }
        }
        for newcomer in ["one", "two"] {
            assert_eq!(limiter.check(newcomer, RULE, at(1.0)), Ok(()));
        }
        assert!(
            (2..WIDTH).all(|n| limiter.check(&n, RULE, at(1.0)).is_err()),
            "the others are still counted"
        );
    }

    #[test]
    fn threads_share_one_count() {
        let limiter = Limiter::new(1_000);
        let rule = Rule { max: 500, ..RULE };
        let allowed: usize = std::thread::scope(|scope| {
            let calls = || (0..1_000).filter(|_| limiter.check("a", rule, NOON).is_ok()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(calls)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(allowed, 500);
    }
}
