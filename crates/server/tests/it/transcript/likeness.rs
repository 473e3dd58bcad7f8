//! Whether an answer is like a recorded one: everything recorded is there, and placeholders keep their value.

use std::{collections::BTreeMap, ops::RangeInclusive};

use serde_json::Value;

/// What each placeholder, such as `session-token-1`, stands for so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bindings(BTreeMap<String, String>);

/// A recorded text, cut at its placeholders.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    Literal(&'a str),
    Placeholder(&'a str),
}

/// A kind of placeholder, what its values are made of, and how long they are.
type Kind = (&'static str, fn(char) -> bool, RangeInclusive<usize>);

#[rustfmt::skip]
const KINDS: &[Kind] = &[
    ("session-token",        |c| c.is_ascii_alphanumeric(),                   32..=32),
    ("sig-base64",           |c| c.is_ascii_alphanumeric() || "+/=".contains(c), 44..=44),
    ("two-factor-challenge", url_safe,                                        24..=64),
    ("trust-hmac",           url_safe,                                        43..=43),
    ("trust-device-id",      url_safe,                                        45..=45),
    ("user-id",              |c| c.is_ascii_alphanumeric(),                   32..=32),
    ("session-id",           |c| c.is_ascii_alphanumeric(),                   32..=32),
    ("account-id",           |c| c.is_ascii_alphanumeric(),                   32..=32),
    ("reset-token",          |c| c.is_ascii_alphanumeric(),                   24..=64),
    ("verify-jwt",           |c| url_safe(c) || c == '.',                     24..=999),
    ("delete-token",         |c| c.is_ascii_alphanumeric(),                   24..=64),
    ("jwt",                  |c| url_safe(c) || c == '.',                     99..=4_000),
    ("base32-secret",        |c| matches!(c, 'A'..='Z' | '2'..='7'),          32..=64),
    ("backup-code",          |c| c.is_ascii_alphanumeric() || c == '-',       11..=64),
    ("iso-date",             |c| c.is_ascii_digit() || "-T:.Z".contains(c),   24..=24),
    ("passkey-challenge-token", |c| c.is_ascii_alphanumeric(),                32..=32),
    ("webauthn-challenge",   url_safe,                                        43..=43),
    ("webauthn-user-handle", url_safe,                                        22..=86),
    ("credential-id",        url_safe,                                        22..=1_364),
    ("cose-public-key-b64",  |c| c.is_ascii_alphanumeric() || "+/=".contains(c), 40..=999),
    ("passkey-id",           |c| c.is_ascii_alphanumeric(),                   32..=32),
    ("page",                 |_| true,                                        99..=20_000),
    ("uuid",                 |c| hex(c) || c == '-',                          36..=36),
    ("hex16",                hex,                                             16..=16),
    ("hex64",                hex,                                             64..=64),
    ("base32",               |c| matches!(c, 'A'..='Z' | '2'..='7'),          32..=32),
    ("sb_token",             url_safe,                                        46..=46),
    ("user_key:4",           |c| c.is_ascii_alphanumeric(),                   4..=32),
    ("seconds",              |c| c.is_ascii_digit(),                          1..=4),
];

fn url_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

fn hex(c: char) -> bool {
    matches!(c, '0'..='9' | 'a'..='f')
}

/// `session-token-1` is a `session-token`; `hex16` is itself.
fn kind(placeholder: &str) -> &str {
    if KINDS.iter().any(|(name, ..)| *name == placeholder) {
        return placeholder;
    }
    placeholder.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-')
}

pub(crate) fn pieces(recorded: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = recorded;
    while let Some((literal, after)) = rest.split_once('<') {
        pieces.push(Piece::Literal(literal));
        let (placeholder, after) = after.split_once('>').expect("a placeholder that does not end");
        pieces.push(Piece::Placeholder(placeholder));
        rest = after;
    }
    pieces.push(Piece::Literal(rest));
    pieces
}

impl Bindings {
    pub fn get(&self, placeholder: &str) -> Option<&str> {
        self.0.get(placeholder).map(String::as_str)
    }

    /// Whatever it stood for before: the scene says what it stands for now.
    pub fn rebind(&mut self, placeholder: &str, value: &str) {
        self.0.insert(placeholder.to_owned(), value.to_owned());
    }

    /// Forgets what the placeholders of a template stand for, and takes them from `value` instead.
    pub fn rebind_all(&mut self, template: &str, value: &str) {
        for piece in pieces(template) {
            if let Piece::Placeholder(placeholder) = piece {
                self.0.remove(placeholder);
            }
        }
        let mut complaints = Vec::new();
        self.compare_text(template, template, value, &mut complaints);
        assert!(complaints.is_empty(), "{complaints:?}");
    }

    pub fn compare(&mut self, at: &str, recorded: &Value, ours: &Value, complaints: &mut Vec<String>) {
        match (recorded, ours) {
            (Value::Object(recorded), Value::Object(ours)) => {
                for (key, value) in recorded {
                    let at = format!("{at}.{key}");
                    match ours.get(key) {
                        None => complaints.push(format!("{at}: recorded {value}, ours is missing")),
                        // The recording had no address and another client.
                        Some(Value::String(_)) if key == "ipAddress" || key == "userAgent" => {}
                        Some(other) => self.compare(&at, value, other, complaints),
                    }
                }
            }
            (Value::Array(recorded), Value::Array(ours)) if recorded.len() == ours.len() => {
                for (index, (recorded, ours)) in recorded.iter().zip(ours).enumerate() {
                    self.compare(&format!("{at}[{index}]"), recorded, ours, complaints);
                }
            }
            (Value::String(recorded), Value::String(ours)) if recorded.starts_with("otpauth:") => {
                self.compare_uri(at, recorded, ours, complaints);
            }
            (Value::String(recorded), Value::String(ours)) => {
                self.compare_text(at, recorded, ours, complaints)
            }
            _ if recorded == ours => {}
            _ => complaints.push(format!("{at}: recorded {recorded}, ours {ours}")),
        }
    }

    /// As an authenticator app reads it: `+` and `%20` are one issuer.
    fn compare_uri(&mut self, at: &str, recorded: &str, ours: &str, complaints: &mut Vec<String>) {
        let (recorded, ours) = (url::Url::parse(recorded).unwrap(), url::Url::parse(ours).unwrap());
        let label = |uri: &url::Url| format!("{:?}{}", uri.host_str(), uri.path().replace(':', "%3A"));
        self.compare_text(at, &label(&recorded), &label(&ours), complaints);
        for (key, value) in recorded.query_pairs() {
            match ours.query_pairs().find(|(name, _)| *name == key) {
                Some((_, other)) => self.compare_text(&format!("{at}?{key}"), &value, &other, complaints),
                None => complaints.push(format!("{at}?{key}: recorded {value}, ours is missing")),
            }
        }
    }

    pub fn compare_text(&mut self, at: &str, recorded: &str, ours: &str, complaints: &mut Vec<String>) {
        if !self.reads_as(recorded, ours) {
            let meant = pieces(recorded).into_iter().map(|piece| match piece {
                Piece::Literal(text) => text.to_owned(),
                Piece::Placeholder(name) => self.get(name).map_or(format!("<{name}>"), str::to_owned),
            });
            let meant: String = meant.collect();
            complaints.push(format!("{at}: recorded {recorded} = {meant}, ours {ours}"));
        }
    }

    fn reads_as(&mut self, recorded: &str, ours: &str) -> bool {
        let mut rest = ours;
        for piece in pieces(recorded) {
            let length = match piece {
                Piece::Literal(text) if rest.starts_with(text) => text.len(),
                Piece::Literal(_) => return false,
                Piece::Placeholder(name) => match self.value(name, rest) {
                    Some(value) => value.len(),
                    None => return false,
                },
            };
            rest = &rest[length..];
        }
        rest.is_empty()
    }

    /// What a placeholder takes up at the beginning of `text`, if it may.
    fn value<'t>(&mut self, name: &str, text: &'t str) -> Option<&'t str> {
        if let Some(bound) = self.get(name) {
            return text.starts_with(bound).then(|| &text[..bound.len()]);
        }
        let kind = kind(name);
        let (_, made_of, length) = KINDS.iter().find(|(name, ..)| *name == kind)?;
        let value = &text[..text.find(|c| !made_of(c)).unwrap_or(text.len())];
        // A signature ends with its one `=`; what stands before an address's `&` is no part of a secret.
        if !length.contains(&value.len()) {
            return None;
        }
        match kind {
            "iso-date" => return is_iso_date(value).then_some(value),
            // Each has an id of its own; the recorded server handed one out twice.
            "jwt" => return (value.matches('.').count() == 2).then_some(value),
            // Without a number it is any of its kind, another one each time.
            _ if name == kind => return Some(value),
            _ => {}
        }
        // Two names mean two values: a rotation shows as `-1`, then `-2`.
        let taken = |(other, bound): (&String, &String)| self::kind(other) == kind && bound == value;
        if self.0.iter().any(taken) {
            return None;
        }
        self.rebind(name, value);
        Some(value)
    }
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`: the client misreads any other number of decimals.
fn is_iso_date(text: &str) -> bool {
    let pattern = "0000-00-00T00:00:00.000Z";
    text.len() == pattern.len()
        && text.chars().zip(pattern.chars()).all(|(c, p)| if p == '0' { c.is_ascii_digit() } else { c == p })
}

#[test]
fn placeholders_keep_their_value_and_two_names_are_two_values() {
    let mut known = Bindings::default();
    let (ada, bob) = ("a".repeat(32), "b".repeat(32));
    assert!(known.reads_as("x <user-id-1>.", &format!("x {ada}.")));
    assert!(known.reads_as("<user-id-1>", &ada) && !known.reads_as("<user-id-1>", &bob));
    assert!(!known.reads_as("<user-id-2>", &ada) && known.reads_as("<user-id-2>", &bob));
    assert!(known.reads_as("<iso-date>", "2027-01-15T08:00:00.000Z"));
    assert!(!known.reads_as("<iso-date>", "2027-01-15T08:00:00.000000Z"));
    assert!(!known.reads_as("<user-id-3>", "short"));
    assert!(known.reads_as("<hex16>", "0123456789abcdef") && known.reads_as("<hex16>", "fedcba9876543210"));
    assert!(!known.reads_as("<hex16>", "0123456789ABCDEF"));
}
