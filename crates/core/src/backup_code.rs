//! Backup codes: a printed set of one-time answers for the day the other authenticators are gone.

use data_encoding::HEXLOWER;

use crate::{
    entropy::{self, Entropy},
    secret::Secret,
    time::Timestamp,
};

pub const SET_SIZE: usize = 10;

/// At this many left or fewer, the user is told to make a new set (SEC-019).
pub const LOW: usize = 3;

/// 80 bits (SEC-014): too many to guess, so that one keyed digest a code is enough to store and to check.
const LENGTH: usize = 16;
const GROUP: usize = 4;

/// How a set looks; all of them pass `normalise` and open the same doors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// `XXXX-XXXX-XXXX-XXXX` in Crockford's alphabet: 80 bits.
    #[default]
    Grouped,
    /// 16 lower-case hex digits, 64 bits: what SlugBase's clients accept.
    Hex,
}

/// A new set in the form it is shown, without duplicates.
pub fn new_set(entropy: &dyn Entropy, shape: Shape) -> Vec<Secret<String>> {
    let mut set: Vec<Secret<String>> = Vec::with_capacity(SET_SIZE);
    while set.len() < SET_SIZE {
        let code = match shape {
            Shape::Grouped => render(&Secret::new(entropy::crockford(entropy, LENGTH))),
            Shape::Hex => Secret::new(HEXLOWER.encode(&entropy::bytes::<8>(entropy))),
        };
        if set.iter().all(|other| other.expose() != code.expose()) {
            set.push(code);
        }
    }
    set
}

/// The one form of a code that is digested, however it was typed (SEC-020); `None` if it cannot be one.
///
/// Wider than our own codes, so that sets imported from other systems pass: they are normalised the same way
/// before they are digested.
pub fn normalise(input: &str) -> Option<Secret<String>> {
    const TYPED_BYTES_MAX: usize = 256;
    const LENGTHS: std::ops::RangeInclusive<usize> = 8..=64;
    if input.len() > TYPED_BYTES_MAX {
        return None;
    }
    let mut code = String::with_capacity(input.len());
    for c in input.chars().filter(|c| !matches!(c, ' ' | '-')) {
        code.push(match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        });
    }
    let code = Secret::new(code);
    let sound = LENGTHS.contains(&code.expose().len())
        && code.expose().bytes().all(|byte| byte.is_ascii_alphanumeric());
    sound.then_some(code)
}

/// The shape a code is written in, to the letter: what no sheet of ours shows has none. A code in hex with dashes
/// has none either, which leaves a code in groups without any letter beyond F its capitals to be known by.
pub fn shape_of(typed: &str) -> Option<Shape> {
    let is_hex = |text: &str| text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex(typed) {
        return Some(Shape::Hex);
    }
    let groups: Vec<&str> = typed.split('-').collect();
    let sound = |group: &&str| group.len() == GROUP && group.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let in_groups = groups.len() == LENGTH / GROUP && groups.iter().all(sound);
    let is_small_hex = is_hex(&groups.concat()) && typed.bytes().any(|byte| byte.is_ascii_lowercase());
    (in_groups && !is_small_hex).then_some(Shape::Grouped)
}

/// In groups, as it is shown.
pub(crate) fn render(code: &Secret<String>) -> Secret<String> {
    let length = code.expose().len();
    let mut shown = String::with_capacity(length + length / GROUP);
    for (at, c) in code.expose().chars().enumerate() {
        if at > 0 && at % GROUP == 0 {
            shown.push('-');
        }
        shown.push(c);
    }
    Secret::new(shown)
}

/// A code that opens nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Where on its sheet it stands, from 1. Sheets from early versions do not say.
    pub place: Option<u32>,
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// Repeats itself after 256 draws of a byte: sets made of it would hold duplicates if nobody looked.
    struct Stutter(AtomicU8);

    impl Entropy for Stutter {
        fn fill(&self, bytes: &mut [u8]) {
            let turn = self.0.fetch_add(1, Ordering::Relaxed) / 2;
            bytes.fill(turn);
        }
    }

    #[test]
    fn a_set_is_ten_different_codes_in_groups_of_four() {
        let set = new_set(&Stutter(AtomicU8::new(0)), Shape::Grouped);
        assert_eq!(set.len(), SET_SIZE);
        for (at, code) in set.iter().enumerate() {
            let groups: Vec<&str> = code.expose().split('-').collect();
            assert!(groups.len() == 4 && groups.iter().all(|group| group.len() == 4), "{}", code.expose());
            assert!(set[..at].iter().all(|other| other.expose() != code.expose()));
        }
    }

    #[test]
    fn a_set_in_hex_is_typed_in_either_case() {
        let set = new_set(&Stutter(AtomicU8::new(0)), Shape::Hex);
        assert_eq!(set.len(), SET_SIZE);
        for code in &set {
            assert!(code.expose().len() == 16 && code.expose().bytes().all(|byte| byte.is_ascii_hexdigit()));
            let upper = normalise(&code.expose().to_uppercase()).unwrap();
            assert_eq!(normalise(code.expose()).unwrap().expose(), upper.expose());
        }
    }

    #[test]
    fn a_shape_is_known_to_the_letter() {
        for (typed, shape) in [
            ("0123456789abcdef", Some(Shape::Hex)),
            ("0123456789ABCDEF", Some(Shape::Hex)),
            ("K7QM-2222-ZZZZ-0000", Some(Shape::Grouped)),
            ("k7qm-2222-zzzz-0000", Some(Shape::Grouped)),
            ("0123-4567-89AB-CDEF", Some(Shape::Grouped)),
            ("0123-4567-89ab-cdef", None),
            ("01234567-89abcdef", None),
            ("0123456789abcde", None),
            ("zzzzzzzzzzzzzzzz", None),
            ("K7QM-2222-ZZZZ", None),
            ("K7QM-2222-ZZZZ-0000-", None),
            ("K7QM2222-ZZZZ-00-00", None),
            ("K7QM_2222_ZZZZ_0000", None),
            ("é7Q-2222-ZZZZ-0000", None),
            ("", None),
        ] {
            assert_eq!(shape_of(typed), shape, "{typed}");
        }
        for shape in [Shape::Grouped, Shape::Hex] {
            let set = new_set(&Stutter(AtomicU8::new(0)), shape);
            assert!(set.iter().all(|code| shape_of(code.expose()) == Some(shape)));
        }
    }

    #[test]
    fn typing_is_forgiven_and_nothing_else() {
        let plain = |input: &str| normalise(input).map(|code| code.expose().clone());
        assert_eq!(plain(" oil0-abcd 2345-wxyz ").as_deref(), Some("0110ABCD2345WXYZ"));
        // As Better Auth prints them.
        assert_eq!(plain("aB3dE-fG6hJ").as_deref(), Some("AB3DEFG6HJ"));
        let longest = "Z".repeat(64);
        assert_eq!(plain(&longest), Some(longest));
        let refused =
            ["", "-", "1234567", "12345678!", "1234\t5678", "１２３４５６７８", "ÄBCD1234EFGH", "1234567\0"];
        for input in refused.into_iter().chain([&*"Z".repeat(65), &*" ".repeat(300)]) {
            assert_eq!(plain(input), None, "{input:?}");
        }
    }
}
