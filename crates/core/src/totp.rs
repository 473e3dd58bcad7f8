//! Time-based one-time passwords (RFC 6238): one 30-second step is accepted at most once.

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;

use crate::{
    entropy::{self, Entropy},
    secret::{self, Secret},
    time::Timestamp,
};

/// One authenticator app's secret, and what it has already spent.
#[derive(Clone, Debug)]
pub struct Totp {
    pub seed: Secret<Vec<u8>>,
    pub parameters: Parameters,
    /// The latest step a code was accepted for. Saved by a conditional write together with its effect (SEC-002).
    pub last_step: Option<i64>,
}

#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Right: save this step as `last_step`, or the code works twice.
    Step(i64),
    /// Right, but for steps already spent. The caller hears the same as for a wrong one.
    Reused,
    Wrong,
}

impl Totp {
    /// Judges a code against the step before, the present one and the one after (SEC-004).
    ///
    /// Every candidate is computed and compared whatever the others said (SEC-009). A code that happens to
    /// fit two steps spends the later, and with it the earlier.
    pub fn check(&self, code: &str, now: Timestamp) -> Answer {
        let Some(code) = well_formed(code, self.parameters.digits).map(Secret::new) else {
            return Answer::Wrong;
        };
        let present = step_at(now, self.parameters.period);
        let mut answer = Answer::Wrong;
        for step in present - 1..=present + 1 {
            let candidate = Secret::new(code_at(self.seed.expose(), self.parameters, step));
            // Before 1970 there are no steps, only a clock that is wrong (SEC-005).
            let fits = secret::same(candidate.expose().as_bytes(), code.expose().as_bytes()) & (step >= 0);
            let fresh = self.last_step.is_none_or(|last| step > last);
            answer = match (fits, fresh) {
                (true, true) => Answer::Step(step),
                (true, false) => Answer::Reused,
                (false, _) => answer,
            };
        }
        answer
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Sha1,
    Sha256,
    Sha512,
}

impl Algorithm {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha512].into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            // HMAC does not need the collision resistance SHA-1 lost; every authenticator app speaks it.
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    pub algorithm: Algorithm,
    pub digits: u32,
    /// Seconds.
    pub period: u64,
}

impl Parameters {
    /// 6 or 8 digits, 15 to 60 seconds (SEC-005, SEC-007).
    pub fn new(algorithm: Algorithm, digits: u32, period: u64) -> Option<Self> {
        let sound = matches!(digits, 6 | 8) && (15..=60).contains(&period);
        sound.then_some(Self { algorithm, digits, period })
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self { algorithm: Algorithm::Sha1, digits: 6, period: 30 }
    }
}

/// The digits of a code as a person may have typed it: spaces anywhere, one dash between digits (SEC-008).
///
/// Anything else is not a code, which is decided before a key is touched.
pub fn well_formed(code: &str, digits: u32) -> Option<String> {
    const BYTES_MAX: usize = 64;
    if code.len() > BYTES_MAX {
        return None;
    }
    let mut plain: String = code.chars().filter(|c| *c != ' ').collect();
    // A dash in front would be a sign, one at the end is no grouping either.
    if let Some(dash) = plain.find('-').filter(|at| (1..plain.len() - 1).contains(at)) {
        plain.remove(dash);
    }
    (plain.len() == digits as usize && plain.bytes().all(|byte| byte.is_ascii_digit())).then_some(plain)
}

/// RFC 6238 §4.2: the number of whole periods since 1970; negative before.
pub fn step_at(now: Timestamp, period: u64) -> i64 {
    now.as_seconds().div_euclid(i64::try_from(period).unwrap_or(i64::MAX).max(1))
}

/// RFC 4226 §5.3 over a step. Before 1970 there is no counter to sign: those steps share the first one's.
pub fn code_at(seed: &[u8], parameters: Parameters, step: i64) -> String {
    let counter = u64::try_from(step).unwrap_or(0);
    let key = hmac::Key::new(parameters.algorithm.hmac(), seed);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0x0f);
    let window = [tag[offset] & 0x7f, tag[offset + 1], tag[offset + 2], tag[offset + 3]];
    // 31 bits hold nine digits and a bit.
    let digits = parameters.digits.min(9);
    let number = u32::from_be_bytes(window) % 10u32.pow(digits);
    format!("{number:0width$}", width = digits as usize)
}

/// 160 bits, the length RFC 4226 §4 recommends (SEC-006).
pub fn new_seed(entropy: &dyn Entropy) -> Secret<Vec<u8>> {
    Secret::new(entropy::bytes::<20>(entropy).to_vec())
}

/// The seed as people type it into an app that cannot scan.
pub fn base32(seed: &[u8]) -> Secret<String> {
    Secret::new(BASE32_NOPAD.encode(seed))
}

/// What the QR code says. Apps disagree about `+`, so a space is `%20` in both places; the algorithm is
/// named only where it is not the one every app assumes.
pub fn uri(issuer: &str, account: &str, seed: &[u8], parameters: Parameters) -> Secret<String> {
    let (issuer, account) = (encoded(issuer), encoded(account));
    let secret = base32(seed);
    let Parameters { algorithm, digits, period } = parameters;
    let algorithm = match algorithm {
        Algorithm::Sha1 => String::new(),
        other => format!("&algorithm={}", other.as_str()),
    };
    Secret::new(format!(
        "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&digits={digits}&period={period}{algorithm}",
        secret.expose()
    ))
}

/// As `encodeURIComponent` does it: what is not unreserved becomes the percent signs of its UTF-8 bytes.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => encoded.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totp(last_step: Option<i64>) -> Totp {
        let seed = Secret::new(b"12345678901234567890".to_vec());
        Totp { seed, parameters: Parameters::default(), last_step }
    }

    fn code(step: i64) -> String {
        code_at(b"12345678901234567890", Parameters::default(), step)
    }

    #[test]
    fn what_is_not_a_code_is_none() {
        let too_long = format!("123456{}", " ".repeat(59));
        let refused = [
            "",
            " ",
            "-",
            "--",
            "12345",
            "1234567",
            "-12345",
            "-123456",
            "123456-",
            "12-34-56",
            "123--456",
            "+123456",
            "+12345",
            "1e5000",
            "0x1234",
            "0b1010",
            "12.456",
            "12,456",
            "123_456",
            "123456\0",
            "\u{0}123456",
            "123456\n",
            "\t123456",
            "123\u{a0}456",
            "123\u{2013}456",
            "123\u{2212}456",
            "１２３４５６",
            "١٢٣٤٥٦",
            "१२३४५६",
            "①②③④⑤⑥",
            "12345６",
            "²³¹456",
            "O12345",
            "l23456",
            "abcdef",
            "123456; --",
            "null",
            "NaN",
            "💯💯",
            too_long.as_str(),
        ];
        for input in refused {
            assert_eq!(well_formed(input, 6), None, "{input:?}");
            assert_eq!(totp(None).check(input, Timestamp::from_seconds(0)), Answer::Wrong);
        }
        for input in ["012345", "012 345", "012-345", " 0 1 2 3 4 5 ", "012 - 345"] {
            assert_eq!(well_formed(input, 6).as_deref(), Some("012345"), "{input:?}");
        }
        assert_eq!(well_formed("1234-5678", 8).as_deref(), Some("12345678"));
        assert_eq!(well_formed("123456", 8), None);
    }

    #[test]
    fn a_spent_step_is_reused_and_an_earlier_one_too() {
        let now = Timestamp::from_seconds(300);
        assert_eq!(totp(None).check(&code(10), now), Answer::Step(10));
        assert_eq!(totp(Some(9)).check(&code(10), now), Answer::Step(10));
        assert_eq!(totp(Some(10)).check(&code(10), now), Answer::Reused);
        assert_eq!(totp(Some(10)).check(&code(9), now), Answer::Reused);
        assert_eq!(totp(Some(10)).check(&code(11), now), Answer::Step(11));
        assert_eq!(totp(Some(10)).check(&code(12), now), Answer::Wrong);
        // A clock set back does not revive anything.
        assert_eq!(totp(Some(i64::MAX)).check(&code(10), now), Answer::Reused);
    }

    #[test]
    fn no_time_is_too_strange() {
        for second in [0, 29, 30] {
            let step = second / 30;
            let now = Timestamp::from_seconds(second);
            assert_eq!(totp(None).check(&code(step), now), Answer::Step(step));
            assert_eq!(totp(None).check(&code(step + 1), now), Answer::Step(step + 1));
        }
        assert_eq!(totp(None).check(&code(0), Timestamp::from_seconds(-31)), Answer::Wrong);
        for micros in [i64::MIN, -1, i64::MAX] {
            let _ = totp(None).check("000000", Timestamp::from_micros(micros));
            let _ = step_at(Timestamp::from_micros(micros), 0);
            let _ = step_at(Timestamp::from_micros(micros), u64::MAX);
        }
        assert_eq!(code_at(b"", Parameters { digits: 99, ..Parameters::default() }, i64::MIN).len(), 9);
    }

    #[test]
    fn parameters_have_bounds() {
        for (digits, period, sound) in
            [(6, 15, true), (8, 60, true), (7, 30, false), (6, 14, false), (6, 61, false), (6, 0, false)]
        {
            assert_eq!(Parameters::new(Algorithm::Sha1, digits, period).is_some(), sound);
        }
        assert_eq!(Algorithm::parse("SHA512"), Some(Algorithm::Sha512));
        assert_eq!(Algorithm::parse("MD5"), None);
    }

    #[test]
    fn names_survive_the_uri() {
        let parameters = Parameters { algorithm: Algorithm::Sha256, digits: 8, period: 60 };
        let uri = uri("Käse: 100%", "a+b@example.com", b"12345678901234567890", parameters);
        assert_eq!(
            uri.expose(),
            "otpauth://totp/K%C3%A4se%3A%20100%25:a%2Bb%40example.com\
             ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=K%C3%A4se%3A%20100%25\
             &digits=8&period=60&algorithm=SHA256"
        );
    }

    #[test]
    fn the_seed_stays_out_of_debug() {
        assert!(format!("{:?}", totp(None)).contains("seed: [redacted]"));
    }
}
