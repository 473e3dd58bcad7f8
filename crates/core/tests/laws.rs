//! Promises about codes, tested over random sequences of acts.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use countersign_core::{
    backup_code,
    entropy::Entropy,
    one_time_code,
    secret::Secret,
    time::{DAY, Timestamp},
    totp::{self, Algorithm, Answer, Parameters, Totp},
};
use proptest::{collection::vec, prelude::*};

/// SplitMix64: reproducible, and well enough mixed to stand in for the operating system.
struct Seeded(AtomicU64);

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut x = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
            x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(x ^ (x >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

fn parameters() -> impl Strategy<Value = Parameters> {
    let algorithm = prop_oneof![Just(Algorithm::Sha1), Just(Algorithm::Sha256), Just(Algorithm::Sha512)];
    (algorithm, prop_oneof![Just(6), Just(8)], 15..=60u64)
        .prop_map(|(algorithm, digits, period)| Parameters::new(algorithm, digits, period).unwrap())
}

fn seed() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 16..=64)
}

#[derive(Clone, Debug)]
enum Act {
    /// The clock moves, not always forward.
    Move(i64),
    /// Somebody submits the code of a step this far from the present one.
    Submit(i64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    vec(prop_oneof![(-120..120i64).prop_map(Act::Move), (-4..=4i64).prop_map(Act::Submit)], 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// SEC-001: whatever the order of acts, no step is accepted twice and none after a later one.
    #[test]
    fn a_step_is_accepted_once(seed in seed(), parameters in parameters(), start in 0..1i64 << 33, acts in acts()) {
        let mut totp = Totp { seed: Secret::new(seed.clone()), parameters, last_step: None };
        let (mut second, mut spent) = (start, BTreeSet::new());
        for act in acts {
            match act {
                Act::Move(seconds) => second += seconds,
                Act::Submit(distance) => {
                    let now = Timestamp::from_seconds(second);
                    let present = totp::step_at(now, parameters.period);
                    let code = totp::code_at(&seed, parameters, present + distance);
                    if let Answer::Step(step) = totp.check(&code, now) {
                        prop_assert!((present - 1..=present + 1).contains(&step));
                        prop_assert!(spent.last().is_none_or(|last| step > *last));
                        prop_assert!(spent.insert(step));
                        totp.last_step = Some(step);
                        prop_assert_eq!(totp.check(&code, now), Answer::Reused);
                    }
                }
            }
        }
    }

    /// SEC-004: at any time exactly the codes of three steps pass, the greatest step that fits is spent.
    #[test]
    fn three_steps_pass(seed in seed(), parameters in parameters(), second in 60..1i64 << 40, far in -6..=6i64) {
        let now = Timestamp::from_seconds(second);
        let present = totp::step_at(now, parameters.period);
        let code = |step| totp::code_at(&seed, parameters, step);
        let submitted = code(present + far);
        // Two steps may share a code by chance, so the code is looked for, not the distance.
        let fits = (present - 1..=present + 1).rev().find(|step| code(*step) == submitted);
        prop_assert!(fits.is_some() || !(-1..=1).contains(&far));
        let totp = Totp { seed: Secret::new(seed.clone()), parameters, last_step: None };
        prop_assert_eq!(totp.check(&submitted, now), fits.map_or(Answer::Wrong, Answer::Step));
    }

    #[test]
    fn no_input_and_no_time_panics(
        code in ".*", micros in any::<i64>(), last_step in any::<Option<i64>>(), digits in any::<u32>(), period in any::<u64>(),
    ) {
        let parameters = Parameters { algorithm: Algorithm::Sha1, digits, period };
        let totp = Totp { seed: Secret::new(vec![1; 20]), parameters, last_step };
        let _ = totp.check(&code, Timestamp::from_micros(micros));
        let _ = one_time_code::well_formed(&code);
        let _ = backup_code::normalise(&code);
    }

    /// Any grouping a person may type is the same code.
    #[test]
    fn grouping_does_not_matter(digits in "[0-9]{6}", dash in 1..6usize, before in " {0,3}", after in " {0,3}") {
        let typed = format!("{before}{}-{after}{}{before}", &digits[..dash], &digits[dash..]);
        prop_assert_eq!(totp::well_formed(&typed, 6), Some(digits));
    }

    /// SEC-031, with a caller that asks at random moments and a clock that is sometimes set back.
    #[test]
    fn sending_stays_within_its_limits(pauses in vec(prop_oneof![9 => 0..2_000i64, 1 => -4_000..0i64], 1..150)) {
        let (mut second, mut sent) = (1_000_000, Vec::new());
        for pause in pauses {
            second += pause;
            let now = Timestamp::from_seconds(second);
            if one_time_code::may_send(&sent, now).is_ok() {
                sent.push(now);
            }
        }
        sent.sort();
        for (most, span) in [(1, 30), (5, 600), (20, 86_400)] {
            for window in sent.windows(most + 1) {
                prop_assert!(window[most].since(window[0]) >= Duration::from_secs(span));
            }
        }
    }

    /// The wait it names is exact: right then yes, a microsecond earlier still no.
    #[test]
    fn the_wait_is_exact(ages in vec(0..100_000i64, 0..40)) {
        let now = Timestamp::from_seconds(1_000_000);
        let sent: Vec<Timestamp> = ages.iter().map(|age| Timestamp::from_seconds(1_000_000 - age)).collect();
        if let Err(wait) = one_time_code::may_send(&sent, now) {
            prop_assert!(wait > Duration::ZERO && wait <= DAY);
            prop_assert_eq!(one_time_code::may_send(&sent, now + wait), Ok(()));
            prop_assert!(one_time_code::may_send(&sent, now + wait - Duration::from_micros(1)).is_err());
        }
    }

    /// SEC-014, SEC-020: what is printed is read back, in any case and grouping, with the letters people confuse.
    #[test]
    fn a_printed_code_is_read_back(dice in any::<u64>(), lower in any::<bool>(), gap in "[ -]{0,3}") {
        let set = backup_code::new_set(&Seeded(AtomicU64::new(dice)), backup_code::Shape::Grouped);
        let mut seen = BTreeSet::new();
        for code in &set {
            let plain = code.expose().replace('-', "");
            prop_assert!(plain.len() == 16 && plain.bytes().all(|c| b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".contains(&c)));
            let mut typed = code.expose().replace('-', &gap).replace('0', "o").replacen('1', "l", 1).replace('1', "I");
            if lower {
                typed.make_ascii_lowercase();
            }
            for typed in [code.expose().clone(), typed] {
                let read = backup_code::normalise(&typed).unwrap();
                prop_assert_eq!(read.expose(), &plain);
            }
            prop_assert!(seen.insert(plain));
        }
        prop_assert_eq!(seen.len(), backup_code::SET_SIZE);
    }

    /// Normalising is done once or twice to the same effect, and yields nothing but capitals and digits.
    #[test]
    fn normalising_settles(typed in "[ -~]{0,80}") {
        if let Some(code) = backup_code::normalise(&typed) {
            prop_assert!((8..=64).contains(&code.expose().len()));
            prop_assert!(code.expose().bytes().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase()));
            let again = backup_code::normalise(code.expose()).unwrap();
            prop_assert_eq!(again.expose(), code.expose());
        }
    }
}

/// SEC-006: 160 bits each, all different, and no bit favoured.
#[test]
fn seeds_are_long_and_distinct() {
    let entropy = Seeded(AtomicU64::new(7));
    let seeds: BTreeSet<Vec<u8>> = (0..1_000).map(|_| totp::new_seed(&entropy).expose().clone()).collect();
    assert_eq!(seeds.len(), 1_000);
    assert!(seeds.iter().all(|seed| seed.len() == 20));
    let ones: u32 = seeds.iter().flatten().map(|byte| byte.count_ones()).sum();
    // 160,000 fair bits: mean 80,000, four sigma is 800.
    assert!((79_200..=80_800).contains(&ones), "{ones}");
}
