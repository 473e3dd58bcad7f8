//! Signed cookies, in the form Better Auth gives them.

use std::{borrow::Cow, fmt};

use aws_lc_rs::hmac;
use axum::http::{HeaderMap, header};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

/// What JavaScript's `encodeURIComponent` escapes: everything but letters, digits and `-_.!~*'()`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// 32 bytes in padded base64.
const SIGNATURE_LEN: usize = 44;

/// Signs values with HMAC-SHA-256. The cookie's name is not signed: values tell themselves apart by their form.
pub struct Signer(hmac::Key);

impl Signer {
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// `value.signature`, unescaped: what the header `set-auth-token` carries. A cookie carries it [`encode`]d.
    pub fn sign(&self, value: &str) -> String {
        let signature = hmac::sign(&self.0, value.as_bytes());
        let mut signed = String::with_capacity(value.len() + 1 + SIGNATURE_LEN);
        signed.push_str(value);
        signed.push('.');
        BASE64.encode_append(signature.as_ref(), &mut signed);
        signed
    }

    /// The signature alone, in the other base64: as a part of values that are signed once more.
    pub fn tag(&self, value: &str) -> String {
        BASE64URL_NOPAD.encode(hmac::sign(&self.0, value.as_bytes()).as_ref())
    }

    /// The value, if we signed it. Takes what [`Signer::sign`] makes, escaped or not.
    pub fn verify(&self, text: &str) -> Option<String> {
        let text = unescape(text.as_bytes())?;
        let (value, signature) = text.rsplit_once('.')?;
        if signature.len() != SIGNATURE_LEN || !signature.ends_with('=') {
            return None;
        }
        let signature = BASE64.decode(signature.as_bytes()).ok()?;
        // Compares in constant time (SEC-100).
        hmac::verify(&self.0, value.as_bytes(), &signature).ok()?;
        Some(value.to_owned())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer([redacted])")
    }
}

/// A signed value as a cookie carries it.
pub fn encode(signed: &str) -> String {
    utf8_percent_encode(signed, ESCAPED).to_string()
}

/// The signed cookies of one surface: what they share beside their purpose.
pub struct Jar {
    pub signer: Signer,
    /// Before every name.
    pub prefix: String,
    pub domain: Option<String>,
    pub secure: bool,
}

impl Jar {
    /// The cookie for this purpose; without Max-Age it ends with the browser session.
    pub fn set(&self, purpose: &str, value: &str, max_age: Option<u64>) -> SetCookie {
        SetCookie {
            name: format!("{}{purpose}", self.prefix),
            value: encode(&self.signer.sign(value)),
            max_age,
            domain: self.domain.clone(),
            secure: self.secure,
            ..SetCookie::default()
        }
    }

    pub fn clear(&self, purpose: &str) -> SetCookie {
        self.set(purpose, "", None).deleted()
    }

    /// The cookie as the browser brought it, whatever it is worth.
    pub fn brought<'h>(&self, headers: &'h HeaderMap, purpose: &str) -> Option<Cow<'h, str>> {
        read(headers, &format!("{}{purpose}", self.prefix))
    }

    /// The value we signed; a bad signature is no cookie.
    pub fn value(&self, headers: &HeaderMap, purpose: &str) -> Option<String> {
        self.signer.verify(&self.brought(headers, purpose)?)
    }
}

/// One `Set-Cookie` line. `value` goes out as it is: pass it through [`encode`] first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetCookie {
    pub name: String,
    pub value: String,
    /// Seconds; none means until the browser closes.
    pub max_age: Option<u64>,
    /// It ended in 1970: how some servers delete a cookie, whose tests look for the date.
    pub expired: bool,
    pub domain: Option<String>,
    pub secure: bool,
    pub same_site: SameSite,
}

/// From which sites' pages a browser sends a cookie along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameSite {
    /// Also when a link elsewhere leads here.
    #[default]
    Lax,
    Strict,
}

impl SetCookie {
    /// The same cookie, deleted: a browser only lets go of it under the same name and attributes.
    pub fn deleted(mut self) -> Self {
        self.value.clear();
        self.max_age = Some(0);
        self
    }

    /// The same, in the form that Express writes.
    pub fn ended(mut self) -> Self {
        self.value.clear();
        self.max_age = None;
        self.expired = true;
        self
    }
}

/// In the order that Better Auth writes attributes, which its tests compare.
impl fmt::Display for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)?;
        if let Some(seconds) = self.max_age {
            write!(f, "; Max-Age={seconds}")?;
        }
        if self.expired {
            f.write_str("; Expires=Thu, 01 Jan 1970 00:00:00 GMT")?;
        }
        if let Some(domain) = &self.domain {
            write!(f, "; Domain={domain}")?;
        }
        f.write_str("; Path=/; HttpOnly")?;
        if self.secure {
            f.write_str("; Secure")?;
        }
        f.write_str(match self.same_site {
            SameSite::Lax => "; SameSite=Lax",
            SameSite::Strict => "; SameSite=Strict",
        })
    }
}

/// The first cookie of this name, without surrounding quotes, unescaped where its escapes are sound.
pub fn read<'h>(headers: &'h HeaderMap, name: &str) -> Option<Cow<'h, str>> {
    // As bytes: one neighbour's cookie with an accent in it must not sign anybody out.
    let pairs =
        headers.get_all(header::COOKIE).into_iter().flat_map(|line| line.as_bytes().split(|b| *b == b';'));
    for pair in pairs {
        let Some(equals) = pair.iter().position(|byte| *byte == b'=') else { continue };
        if pair[..equals].trim_ascii() == name.as_bytes() {
            let value = pair[equals + 1..].trim_ascii();
            let quoted = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
            return unescape(quoted.unwrap_or(value));
        }
    }
    None
}

/// As `decodeURIComponent`, but text with a broken escape stays as it is.
fn unescape(text: &[u8]) -> Option<Cow<'_, str>> {
    let plain = std::str::from_utf8(text).ok()?;
    if !text.contains(&b'%') {
        return Some(Cow::Borrowed(plain));
    }
    let hex = |at: usize| text.get(at).is_some_and(u8::is_ascii_hexdigit);
    let sound = text.iter().enumerate().all(|(at, byte)| *byte != b'%' || (hex(at + 1) && hex(at + 2)));
    let decoded = sound.then(|| percent_decode(text).decode_utf8().ok()).flatten();
    Some(decoded.unwrap_or(Cow::Borrowed(plain)))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const SECRET: &str = "golden-secret-0123456789-abcdefghijklmnopqrstuvwxyz-XYZ";
    const TOKEN: &str = "abcdefghijklmnopqrstuvwxyzABCDEF";
    const SIGNATURE: &str = "TceLIUMNME7mLj232LbwavmMXA2lSRnPlvnSmkez5fU=";

    fn signer() -> Signer {
        Signer::new(SECRET.as_bytes())
    }

    fn cookies(lines: &[&[u8]]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::from_bytes(line).unwrap())).collect()
    }

    /// Recorded from better-auth 1.7.25.
    #[test]
    fn recorded_signatures() {
        let device =
            "CYRGzCibGnLxPWnVPKFhlvnDSxzHYDvlNmyPHOw5vHc!trust-device-0123456789abcdefghijABCDEFGHIJ-_";
        let vectors = [
            (TOKEN, SIGNATURE),
            ("true", "0F4qhKt6x52E7MX2WdSQEkmQAXrpbORFz/mWeNBlgy4="),
            ("2fa-AbCdEfGhIjKlMnOpQr-_", "jZh4OKZqU6k8JPQSZ2TtmxucRKUS6WsZapJ8GI6Zvns="),
            (device, "L1ZBGK2BIO7Jv+qJeg6ojFcXowfOqbneYPpxPjq4ifs="),
        ];
        for (value, signature) in vectors {
            let signed = signer().sign(value);
            assert_eq!(signed, format!("{value}.{signature}"));
            assert_eq!(signer().verify(&signed).as_deref(), Some(value));
            assert_eq!(signer().verify(&encode(&signed)).as_deref(), Some(value));
        }
        assert_eq!(
            encode(&signer().sign(device)),
            format!("{device}.L1ZBGK2BIO7Jv%2BqJeg6ojFcXowfOqbneYPpxPjq4ifs%3D")
        );
    }

    #[test]
    fn the_recorded_line() {
        let cookie = SetCookie {
            name: "better-auth.session_token".to_owned(),
            value: encode(&signer().sign(TOKEN)),
            max_age: Some(604_800),
            ..SetCookie::default()
        };
        assert_eq!(
            cookie.to_string(),
            format!(
                "better-auth.session_token={TOKEN}.TceLIUMNME7mLj232LbwavmMXA2lSRnPlvnSmkez5fU%3D; \
                 Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"
            )
        );
        let full = SetCookie { domain: Some("example.com".to_owned()), secure: true, ..cookie };
        assert_eq!(
            full.deleted().to_string(),
            "better-auth.session_token=; Max-Age=0; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax"
        );
    }

    #[test]
    fn as_express_deletes() {
        let cookie = SetCookie {
            name: "token".to_owned(),
            value: "x".to_owned(),
            max_age: Some(300),
            same_site: SameSite::Strict,
            ..SetCookie::default()
        };
        assert_eq!(
            cookie.ended().to_string(),
            "token=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; HttpOnly; SameSite=Strict"
        );
    }

    #[test]
    fn a_value_may_hold_dots() {
        let signed = signer().sign("a.b.c");
        assert_eq!(signer().verify(&signed).as_deref(), Some("a.b.c"));
    }

    #[test]
    fn nothing_else_verifies() {
        let good = signer().sign(TOKEN);
        assert!(Signer::new(b"another secret").verify(&good).is_none());
        for at in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(signer().verify(std::str::from_utf8(&bytes).unwrap()).is_none(), "byte {at}");
            assert!(signer().verify(&good[..at]).is_none(), "cut at {at}");
        }
        let shapes = [
            String::new(),
            ".".to_owned(),
            TOKEN.to_owned(),
            format!("{TOKEN}."),
            format!(".{SIGNATURE}"),
            format!("{TOKEN}.{}", &SIGNATURE[..43]),
            format!("{TOKEN}.{SIGNATURE}="),
            format!("{TOKEN}.{}", SIGNATURE.replace('=', "A")),
            format!("{TOKEN}.{}%", &SIGNATURE[..43]),
            format!("{TOKEN}.{}", "=".repeat(44)),
            // Other trailing bits that some decoders ignore.
            format!("{TOKEN}.{}V=", &SIGNATURE[..42]),
            format!("%00{TOKEN}.{SIGNATURE}"),
            format!("%ff{TOKEN}.{SIGNATURE}"),
        ];
        for shape in shapes {
            assert!(signer().verify(&shape).is_none(), "{shape}");
        }
    }

    #[test]
    fn escapes_are_those_of_javascript() {
        assert_eq!(encode("aZ09-_.!~*'()"), "aZ09-_.!~*'()");
        assert_eq!(encode("+/= ;,\"%é\r\n"), "%2B%2F%3D%20%3B%2C%22%25%C3%A9%0D%0A");
    }

    #[test]
    fn reading_a_request() {
        let headers = cookies(&[
            b"a=1; name=first;name=second; quoted=\"in quotes\"; empty=; novalue; x = spaced ",
            b"bad=50%; worse=%zz%41; latin=%ff; escaped=a%2Bb%3D; caf\xe9=\xff\xfe; late=yes; eq=a=b==",
        ]);
        let expected = [
            ("a", Some("1")),
            ("name", Some("first")),
            ("quoted", Some("in quotes")),
            ("empty", Some("")),
            ("novalue", None),
            ("x", Some("spaced")),
            ("bad", Some("50%")),
            ("worse", Some("%zz%41")),
            ("latin", Some("%ff")),
            ("escaped", Some("a+b=")),
            ("late", Some("yes")),
            ("eq", Some("a=b==")),
            ("nam", None),
            ("NAME", None),
            ("", None),
        ];
        for (name, value) in expected {
            assert_eq!(read(&headers, name).as_deref(), value, "{name}");
        }
        assert_eq!(read(&HeaderMap::new(), "a"), None);
    }
}
