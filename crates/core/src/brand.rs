//! How an organisation's pages look: its name, its colour where people can read it, its logo.

use crate::service::is_plain;

/// WCAG 2.2, success criterion 1.4.3: text on its background.
pub const CONTRAST_MIN: f64 = 4.5;
/// In characters.
pub const NAME_MAX: usize = 60;
/// In bytes.
pub const LOGO_MAX: usize = 48 * 1024;

/// The darkest that the pages' light backgrounds get, and the lightest that their dark ones do: `--desk` and `--wash`
/// of the style sheet.
const LIGHT: Colour = Colour([0xee, 0xf2, 0xf7]);
const DARK: Colour = Colour([0x1c, 0x28, 0x36]);
const WHITE: Colour = Colour([0xff; 3]);
const BLACK: Colour = Colour([0; 3]);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brand {
    /// In place of the server's own.
    pub name: Option<String>,
    pub colour: Option<Colour>,
    /// What the logo is fetched by: its digest, in hexadecimal.
    pub logo: Option<String>,
}

/// sRGB, eight bits each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl Colour {
    /// `#1a7f37` or `1a7f37`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        Some(Self([part(0)?, part(2)?, part(4)?]))
    }

    /// Six digits.
    pub fn hex(self) -> String {
        self.0.iter().map(|part| format!("{part:02x}")).collect()
    }

    /// WCAG 2.2, "relative luminance".
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }

    /// WCAG 2.2, "contrast ratio": 1 to 21.
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// How well it reads on the pages by day.
    pub fn on_the_page(self) -> f64 {
        self.contrast(LIGHT)
    }

    pub fn can_be_read(self) -> bool {
        self.on_the_page() >= CONTRAST_MIN
    }

    fn towards(self, other: Self, hundredths: u32) -> Self {
        let mixed = |at: usize| {
            let (from, to) = (u32::from(self.0[at]), u32::from(other.0[at]));
            u8::try_from((from * (100 - hundredths) + to * hundredths) / 100).unwrap_or(u8::MAX)
        };
        Self([mixed(0), mixed(1), mixed(2)])
    }

    /// Darker until it reads by day.
    pub fn by_day(self) -> Self {
        (0..=100).map(|step| self.towards(BLACK, step)).find(|one| one.can_be_read()).unwrap_or(BLACK)
    }

    /// Lighter until it reads by night.
    pub fn by_night(self) -> Self {
        let reads = |one: &Self| one.contrast(DARK) >= CONTRAST_MIN;
        (0..=100).map(|step| self.towards(WHITE, step)).find(reads).unwrap_or(WHITE)
    }

    /// What is written on it.
    pub fn ink(self) -> Self {
        if self.contrast(WHITE) >= self.contrast(BLACK) { WHITE } else { BLACK }
    }
}

/// A name that people can read, and that no mail program makes a link of: it stands in letters to people who may not
/// know whose it is (SEC-035).
pub fn is_name(text: &str) -> bool {
    let links = |text: &str| {
        let after_dots = text.split('.').skip(1);
        text.contains(['/', ':', '@', '\\', '<', '>'])
            || after_dots.into_iter().any(|after| after.starts_with(char::is_alphanumeric))
    };
    is_plain(text, NAME_MAX) && !links(text)
}

/// What a picture is, by its first bytes: nothing that could hold a script.
pub fn picture(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn colour(text: &str) -> Colour {
        Colour::parse(text).unwrap()
    }

    #[test]
    fn colours_are_six_digits() {
        assert_eq!(colour("#1A7f37").hex(), "1a7f37");
        for text in ["", "#", "#fff", "1a7f3", "1a7f377", "red", "+1a7f3", "#1a7f3é", "é1a7f", ";1a7f3"] {
            assert_eq!(Colour::parse(text), None, "{text:?}");
        }
    }

    /// The values that WebAIM's checker and the specification's examples give.
    #[test]
    fn contrast_is_the_specifications() {
        let rounded = |one: &str, two: &str| (colour(one).contrast(colour(two)) * 100.0).round() / 100.0;
        assert_eq!(rounded("000000", "ffffff"), 21.0);
        assert_eq!(rounded("777777", "ffffff"), 4.48);
        assert_eq!(rounded("767676", "ffffff"), 4.54);
        assert_eq!(rounded("0000ff", "ffffff"), 8.59);
    }

    #[test]
    fn what_cannot_be_read_is_told_what_could() {
        let yellow = colour("ffcc00");
        assert!(!yellow.can_be_read());
        assert_eq!(yellow.by_day().hex(), "846a00");
        assert_eq!(colour("0b57a4").by_day(), colour("0b57a4"));
    }

    #[test]
    fn names_are_names_and_no_links() {
        for name in ["Acme Ltd.", "R&D 24", "Bäckerei Zöld", "St. Mary's"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", " ", "evil.example", "win at http://x", "a@b", "a\u{202e}b", "x/y", &"x".repeat(61)]
        {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn pictures_are_known_by_their_beginning() {
        assert_eq!(picture(b"\x89PNG\r\n\x1a\nrest"), Some("image/png"));
        assert_eq!(picture(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        assert_eq!(picture(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        for other in [&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], b"", b"GIF89a", b"\x89PNG"] {
            assert_eq!(picture(other), None);
        }
    }

    proptest! {
        #[test]
        fn every_colour_can_be_read_by_day_and_by_night(parts: [u8; 3]) {
            let colour = Colour(parts);
            prop_assert_eq!(Colour::parse(&colour.hex()), Some(colour));
            prop_assert!(colour.by_day().can_be_read());
            prop_assert!(colour.by_night().contrast(DARK) >= CONTRAST_MIN);
            for one in [colour, colour.by_day(), colour.by_night()] {
                prop_assert!(one.contrast(one.ink()) >= CONTRAST_MIN);
            }
        }
    }
}
