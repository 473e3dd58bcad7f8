//! Client data: what the browser says it was asked, by whom and where (WebAuthn L3 §5.8.1).

use std::{collections::BTreeSet, fmt};

use data_encoding::BASE64URL_NOPAD;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, Visitor},
};

use crate::{
    passkey::{CHALLENGE_BYTES_MIN, Expected, Part, Refused},
    secret,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ceremony {
    Registration,
    Assertion,
}

impl Ceremony {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "webauthn.create",
            Self::Assertion => "webauthn.get",
        }
    }
}

/// Steps 5 to 11 of WebAuthn L3 §7.1, 8 to 14 of §7.2.
pub(crate) fn check(json: &[u8], ceremony: Ceremony, expected: &Expected<'_>) -> Result<(), Refused> {
    Part::ClientData.within_limit(json)?;
    let client_data = parse(json).ok_or(Refused::ClientData)?;
    if client_data.ceremony != ceremony.as_str() {
        return Err(Refused::Ceremony);
    }
    // A challenge too short to be one fits nothing, an empty one not even an empty one.
    let challenge = BASE64URL_NOPAD.decode(client_data.challenge.as_bytes());
    let challenge = challenge.map_err(|_| Refused::Challenge)?;
    if expected.challenge.len() < CHALLENGE_BYTES_MIN || !secret::same(&challenge, expected.challenge) {
        return Err(Refused::Challenge);
    }
    if !expected.origins.contains(&client_data.origin) {
        return Err(Refused::Origin);
    }
    // Embedded without saying in what cannot be told from embedded by anyone.
    match (client_data.cross_origin, client_data.top_origin) {
        (false, None) => Ok(()),
        (true, Some(top_origin)) if expected.top_origins.contains(&top_origin) => Ok(()),
        _ => Err(Refused::CrossOrigin),
    }
}

struct ClientData {
    ceremony: String,
    challenge: String,
    origin: String,
    cross_origin: bool,
    top_origin: Option<String>,
}

/// JSON in UTF-8, with the byte order mark that §7.1 step 5 strips (SEC-054).
fn parse(json: &[u8]) -> Option<ClientData> {
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    serde_json::from_str(str::from_utf8(json).ok()?).ok()
}

/// By hand, because the derived reading takes an array for an object and lets members it does not know come
/// twice: another reader of the same bytes may see something else in them.
impl<'de> Deserialize<'de> for ClientData {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = ClientData;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("client data")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ClientData, A::Error> {
        let (mut ceremony, mut challenge, mut origin) = (None, None, None);
        let (mut cross_origin, mut top_origin) = (None, None);
        let mut seen = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "type" => ceremony = Some(map.next_value()?),
                "challenge" => challenge = Some(map.next_value()?),
                "origin" => origin = Some(map.next_value()?),
                "crossOrigin" => cross_origin = Some(map.next_value()?),
                "topOrigin" => top_origin = Some(map.next_value()?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            if !seen.insert(name) {
                return Err(de::Error::custom("a member is there twice"));
            }
        }
        Ok(ClientData {
            ceremony: ceremony.ok_or_else(|| de::Error::missing_field("type"))?,
            challenge: challenge.ok_or_else(|| de::Error::missing_field("challenge"))?,
            origin: origin.ok_or_else(|| de::Error::missing_field("origin"))?,
            cross_origin: cross_origin.unwrap_or(false),
            top_origin,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passkey::{Algorithm, UserVerification};

    const CHALLENGE: &[u8] = b"0123456789abcdef";
    const ENCODED: &str = "MDEyMzQ1Njc4OWFiY2RlZg";

    fn judged(json: &[u8], top_origins: &[&str]) -> Result<(), Refused> {
        let origins = ["https://example.org".to_owned(), "android:apk-key-hash:abc".to_owned()];
        let top_origins: Vec<String> = top_origins.iter().map(|origin| (*origin).to_owned()).collect();
        let expected = Expected {
            challenge: CHALLENGE,
            rp_id: "example.org",
            origins: &origins,
            top_origins: &top_origins,
            algorithms: &Algorithm::ALL,
            user_verification: UserVerification::Preferred,
        };
        check(json, Ceremony::Assertion, &expected)
    }

    fn with(challenge: &str, origin: &str, more: &str) -> Vec<u8> {
        let json =
            format!(r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"{origin}"{more}}}"#);
        json.into_bytes()
    }

    #[test]
    fn browsers_are_understood() {
        let origin = "https://example.org";
        for more in [
            "",
            r#","crossOrigin":false"#,
            r#","other_keys_can_be_added_here":"do not compare clientDataJSON against a template""#,
            r#","tokenBinding":{"status":"supported"}"#,
        ] {
            assert_eq!(judged(&with(ENCODED, origin, more), &[]), Ok(()), "{more}");
        }
        assert_eq!(judged(&with(ENCODED, "android:apk-key-hash:abc", ""), &[]), Ok(()));
        let marked = [b"\xef\xbb\xbf".as_slice(), &with(ENCODED, origin, "")].concat();
        assert_eq!(judged(&marked, &[]), Ok(()));
    }

    #[test]
    fn only_an_object_that_says_everything_once_is_read() {
        let origin = "https://example.org";
        let more = [
            r#","origin":"https://example.org""#,
            r#","orig\u0069n":"https://evil.example""#,
            r#","extra":1,"extra":1"#,
            r#","crossOrigin":"false""#,
            r#","crossOrigin":null"#,
            r#","topOrigin":1"#,
        ];
        for more in more {
            assert_eq!(judged(&with(ENCODED, origin, more), &[]), Err(Refused::ClientData), "{more}");
        }
        let array = format!(r#"["webauthn.get","{ENCODED}","https://example.org",false,null]"#);
        let followed = [&with(ENCODED, origin, "")[..], b"x"].concat();
        let twice_marked = [b"\xef\xbb\xbf\xef\xbb\xbf".as_slice(), &with(ENCODED, origin, "")].concat();
        let no_utf8 = [&b"{\"x\":\"\xff\","[..], &with(ENCODED, origin, "")[1..]].concat();
        let deep = [&br#"{"x":"#[..], &b"[".repeat(2_000)].concat();
        let empty_object = b"{}".to_vec();
        for json in [
            array.into_bytes(),
            followed,
            twice_marked,
            no_utf8,
            deep,
            empty_object,
            vec![],
            b"null".to_vec(),
        ] {
            assert_eq!(judged(&json, &[]), Err(Refused::ClientData));
        }
        let long = with(ENCODED, origin, &format!(r#","x":"{}""#, "x".repeat(5_000)));
        assert_eq!(judged(&long, &[]), Err(Refused::Malformed(Part::ClientData)));
    }

    #[test]
    fn origins_are_compared_whole() {
        for origin in [
            "http://example.org",
            "https://example.org/",
            "https://example.org:443",
            "https://EXAMPLE.org",
            "https://example.org.evil.example",
            "https://a.example.org",
            "null",
            "",
        ] {
            assert_eq!(judged(&with(ENCODED, origin, ""), &[]), Err(Refused::Origin), "{origin}");
        }
    }

    #[test]
    fn challenges_are_compared_as_bytes() {
        let origin = "https://example.org";
        // The last: the same bytes but for the bits that encode nothing.
        for challenge in ["", "MDEyMzQ1Njc4OWFiY2RlZg==", "MDEyMzQ1Njc4OWFiY2RlZ", "MDEyMzQ1Njc4OWFiY2RlZh"] {
            assert_eq!(judged(&with(challenge, origin, ""), &[]), Err(Refused::Challenge), "{challenge}");
        }
        let short = Expected {
            challenge: b"",
            rp_id: "example.org",
            origins: &[origin.to_owned()],
            top_origins: &[],
            algorithms: &[],
            user_verification: UserVerification::Preferred,
        };
        assert_eq!(check(&with("", origin, ""), Ceremony::Assertion, &short), Err(Refused::Challenge));
    }

    #[test]
    fn a_frame_is_allowed_by_name_only() {
        let origin = "https://example.org";
        let framed = with(ENCODED, origin, r#","crossOrigin":true,"topOrigin":"https://shop.example""#);
        assert_eq!(judged(&framed, &["https://shop.example"]), Ok(()));
        assert_eq!(judged(&framed, &["https://other.example"]), Err(Refused::CrossOrigin));
        assert_eq!(judged(&framed, &[]), Err(Refused::CrossOrigin));
        for more in [
            r#","crossOrigin":true"#,
            r#","topOrigin":"https://shop.example""#,
            r#","crossOrigin":false,"topOrigin":"https://shop.example""#,
        ] {
            let json = with(ENCODED, origin, more);
            assert_eq!(judged(&json, &["https://shop.example"]), Err(Refused::CrossOrigin), "{more}");
        }
    }
}
