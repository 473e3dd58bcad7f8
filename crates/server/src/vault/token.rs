//! Signed tokens: JSON Web Tokens under Ed25519 (RFC 7519, RFC 8037, RFC 8725).
//!
//! Written out rather than taken from a library, because the hottest path signs one token per request and the
//! usual libraries read the system clock and parse the key again each time. The accepted language is smaller
//! than theirs, too: one algorithm, our own keys, and no header field that we do not write ourselves.

use std::fmt;

use aws_lc_rs::{
    digest,
    signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey},
};
use countersign_core::{
    entropy::{self, Entropy},
    secret::Secret,
    time::Timestamp,
};
use data_encoding::BASE64URL_NOPAD;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error, MapAccess, Visitor},
};
use serde_json::{Map, Value, json};

use crate::fault::Fault;

/// SEC-091: long before anything is parsed.
const TOKEN_MAX: usize = 8 * 1024;
const HEADER_MAX: usize = 1024;
/// SEC-085: how far two clocks of one installation may disagree, in seconds.
const LEEWAY: i64 = 60;

/// The token keys, the signing one first.
pub(super) struct TokenKeys(Vec<TokenKey>);

struct TokenKey {
    kid: String,
    pair: Ed25519KeyPair,
    public: ParsedPublicKey,
    /// The header without a `typ`, encoded once: it never changes.
    plain_header: String,
}

/// What a token must say about itself to be accepted.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) typ: Option<&'a str>,
    pub(super) audience: &'a str,
    pub(super) issuer: &'a str,
}

/// All a header may hold. `crit`, `jwk`, `jku`, `x5u`, `x5c`, `zip` and anything unheard of are refused by
/// not being here (SEC-084).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    typ: Option<String>,
    kid: String,
}

/// The claims every token has. `nbf` may be missing, as it is on Better Auth's wire: an `iat` from the future
/// is refused in its stead.
#[derive(Deserialize)]
struct Registered {
    iss: String,
    aud: String,
    sub: String,
    iat: i64,
    exp: i64,
    nbf: Option<i64>,
}

/// A new key and its `kid`, the thumbprint of its public half (RFC 7638).
pub(super) fn new_key(dice: &dyn Entropy) -> Result<(String, Secret<Vec<u8>>), Fault> {
    let cannot = |_| Fault::internal("cannot make a token key");
    let seed = Secret::new(entropy::bytes::<32>(dice));
    let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(cannot)?;
    let pkcs8 = pair.to_pkcs8().map_err(|_| Fault::internal("cannot write a token key"))?;
    Ok((thumbprint(pair.public_key().as_ref()), Secret::new(pkcs8.as_ref().to_vec())))
}

fn thumbprint(public: &[u8]) -> String {
    // RFC 7638 §3.2 and RFC 8037 §2: these members, in this order, without spaces.
    let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, BASE64URL_NOPAD.encode(public));
    BASE64URL_NOPAD.encode(digest::digest(&digest::SHA256, jwk.as_bytes()).as_ref())
}

impl TokenKeys {
    /// Pairs of `kid` and PKCS#8, the signing key first.
    pub(super) fn load(keys: Vec<(String, Secret<Vec<u8>>)>) -> Result<Self, Fault> {
        let keys = keys
            .into_iter()
            .map(|(kid, pkcs8)| TokenKey::load(kid, &pkcs8))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(Fault::misconfigured("the database must hold a live key for `token`"));
        }
        Ok(Self(keys))
    }

    pub(super) fn sign<C: Serialize>(&self, typ: Option<&str>, claims: &C) -> Result<String, Fault> {
        let key = &self.0[0];
        let cannot = |_| Fault::internal("the claims of a token cannot be written");
        let claims = serde_json::to_vec(claims).map_err(cannot)?;
        let header = match typ {
            None => None,
            Some(typ) => Some(encoded_header(Some(typ), &key.kid).map_err(cannot)?),
        };
        let header = header.as_deref().unwrap_or(&key.plain_header);

        let mut token = String::with_capacity(header.len() + claims.len() * 4 / 3 + 96);
        token.push_str(header);
        token.push('.');
        BASE64URL_NOPAD.encode_append(&claims, &mut token);
        let signature =
            key.pair.try_sign(token.as_bytes()).map_err(|_| Fault::internal("a token cannot be signed"))?;
        token.push('.');
        BASE64URL_NOPAD.encode_append(signature.as_ref(), &mut token);
        Ok(token)
    }

    pub(super) fn verify<C: DeserializeOwned>(
        &self,
        expected: Expected<'_>,
        token: &str,
        now: Timestamp,
    ) -> Option<C> {
        if token.len() > TOKEN_MAX {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header =
            BASE64URL_NOPAD.decode(header.as_bytes()).ok().filter(|json| json.len() <= HEADER_MAX)?;
        let header: Header = serde_json::from_slice(&header).ok()?;
        if header.alg != "EdDSA" || header.typ.as_deref() != expected.typ {
            return None;
        }
        let key = self.0.iter().find(|key| key.kid == header.kid)?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        key.public.verify_sig(signed.as_bytes(), &signature).ok()?;

        // Only now is it worth reading: nothing below this line was written by a stranger.
        let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?;
        let Distinct(claims) = serde_json::from_slice(&claims).ok()?;
        let registered = Registered::deserialize(&claims).ok()?;
        registered.hold(expected, now.as_seconds()).then_some(())?;
        serde_json::from_value(Value::Object(claims)).ok()
    }

    /// RFC 7517 §5, public members only.
    pub(super) fn jwks(&self) -> Value {
        let keys = self.0.iter().map(|key| {
            let x = BASE64URL_NOPAD.encode(key.pair.public_key().as_ref());
            json!({"alg": "EdDSA", "crv": "Ed25519", "x": x, "kty": "OKP", "kid": key.kid})
        });
        json!({"keys": keys.collect::<Vec<_>>()})
    }
}

impl TokenKey {
    fn load(kid: String, pkcs8: &Secret<Vec<u8>>) -> Result<Self, Fault> {
        let unusable = || Fault::internal(format!("token key {kid} cannot be used"));
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.expose()).map_err(|_| unusable())?;
        let public = ParsedPublicKey::new(&ED25519, pair.public_key().as_ref()).map_err(|_| unusable())?;
        let plain_header = encoded_header(None, &kid).map_err(|_| unusable())?;
        Ok(Self { kid, pair, public, plain_header })
    }
}

impl Registered {
    fn hold(&self, expected: Expected<'_>, now: i64) -> bool {
        self.iss == expected.issuer
            && self.aud == expected.audience
            && !self.sub.is_empty()
            && now < self.exp.saturating_add(LEEWAY)
            && self.iat <= now.saturating_add(LEEWAY)
            && self.nbf.is_none_or(|nbf| nbf <= now.saturating_add(LEEWAY))
    }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<_> = self.0.iter().map(|key| key.kid.as_str()).collect();
        f.debug_tuple("TokenKeys").field(&kids).finish()
    }
}

fn encoded_header(typ: Option<&str>, kid: &str) -> serde_json::Result<String> {
    let header = Header { alg: "EdDSA".to_owned(), typ: typ.map(str::to_owned), kid: kid.to_owned() };
    Ok(BASE64URL_NOPAD.encode(&serde_json::to_vec(&header)?))
}

/// A JSON object in which no name occurs twice: two readers must not see two different tokens (SEC-091).
struct Distinct(Map<String, Value>);

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Map<String, Value>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut map = Map::new();
                while let Some((name, value)) = entries.next_entry::<String, Value>()? {
                    if map.insert(name, value).is_some() {
                        return Err(A::Error::custom("a name occurs twice"));
                    }
                }
                Ok(map)
            }
        }

        input.deserialize_map(Names).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;

    use super::*;
    use crate::dice::Dice;

    const NOW: i64 = 1_795_000_000;

    fn keys(seeds: &[u64]) -> TokenKeys {
        TokenKeys::load(seeds.iter().map(|seed| new_key(&Dice::seeded(*seed)).unwrap()).collect()).unwrap()
    }

    fn claims() -> Value {
        json!({"iss": "https://a.example", "aud": "https://b.example", "sub": "u1", "iat": NOW, "nbf": NOW,
               "exp": NOW + 900, "name": "Ada"})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn read(keys: &TokenKeys, typ: Option<&str>, token: &str, at: i64) -> Option<Value> {
        let expected = Expected { typ, audience: "https://b.example", issuer: "https://a.example" };
        keys.verify(expected, token, Timestamp::from_seconds(at))
    }

    /// A token with this header and these claims under our own key: only what it says can be wrong.
    fn forged(keys: &TokenKeys, header: &str, claims: &str) -> String {
        let signed = format!(
            "{}.{}",
            BASE64URL_NOPAD.encode(header.as_bytes()),
            BASE64URL_NOPAD.encode(claims.as_bytes())
        );
        let signature = keys.0[0].pair.sign(signed.as_bytes());
        format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }

    #[test]
    fn what_we_sign_we_accept() {
        let keys = keys(&[1]);
        for typ in [None, Some("at+jwt")] {
            let token = keys.sign(typ, &claims()).unwrap();
            assert_eq!(read(&keys, typ, &token, NOW), Some(claims()));
        }
        let plain = keys.sign(None, &claims()).unwrap();
        let header = BASE64URL_NOPAD.decode(plain.split('.').next().unwrap().as_bytes()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header, json!({"alg": "EdDSA", "kid": keys.0[0].kid}));
    }

    #[test]
    fn a_retired_signer_is_still_believed() {
        let (old, both) = (keys(&[1]), keys(&[2, 1]));
        let token = old.sign(None, &claims()).unwrap();
        assert!(read(&both, None, &token, NOW).is_some());
        assert!(read(&old, None, &both.sign(None, &claims()).unwrap(), NOW).is_none());
    }

    #[test]
    fn the_key_set_is_public_and_names_its_keys() {
        // RFC 8037, appendix A.1-A.3: seed, public key and thumbprint.
        let seed = BASE64URL_NOPAD.decode(b"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        assert_eq!(thumbprint(pair.public_key().as_ref()), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        let jwks =
            TokenKeys::load(vec![("k".to_owned(), Secret::new(pair.to_pkcs8().unwrap().as_ref().to_vec()))])
                .unwrap()
                .jwks();
        assert_eq!(
            jwks,
            json!({"keys": [{"alg": "EdDSA", "crv": "Ed25519", "kty": "OKP", "kid": "k",
                             "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})
        );
    }

    /// SEC-084: forty ways to be somebody else.
    #[test]
    fn forged_headers_are_refused() {
        let keys = keys(&[1]);
        let (kid, body) = (&keys.0[0].kid, claims().to_string());
        let good = format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#);
        assert!(read(&keys, None, &forged(&keys, &good, &body), NOW).is_some());

        for alg in
            ["none", "None", "NONE", "", "HS256", "HS512", "RS256", "ES256", "Ed25519", "eddsa", "EDDSA"]
        {
            let header = format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#);
            assert!(read(&keys, None, &forged(&keys, &header, &body), NOW).is_none(), "{header}");
        }
        let extras = [
            r#""crit":["exp"]"#,
            r#""crit":[]"#,
            r#""b64":false"#,
            r#""zip":"DEF""#,
            r#""jku":"https://evil.example""#,
            r#""jwk":{"kty":"OKP"}"#,
            r#""x5u":"https://evil.example""#,
            r#""x5c":["MII"]"#,
            r#""x5t":"a""#,
            r#""x5t#S256":"a""#,
            r#""cty":"JWT""#,
            r#""typ":"JWT""#,
            r#""typ":"at+jwt""#,
            r#""typ":"""#,
            r#""alg":"none""#,
            r#""kid":"other""#,
            r#""nonce":"a""#,
            r#""enc":"A128GCM""#,
        ];
        for extra in extras {
            let header = format!(r#"{{"alg":"EdDSA","kid":"{kid}",{extra}}}"#);
            assert!(read(&keys, None, &forged(&keys, &header, &body), NOW).is_none(), "{header}");
        }
        let others = [
            r#"{"alg":"EdDSA"}"#.to_owned(),
            r#"{"alg":"EdDSA","kid":null}"#.to_owned(),
            r#"{"alg":"EdDSA","kid":"../../dev/null"}"#.to_owned(),
            format!(r#"{{"alg":["EdDSA"],"kid":"{kid}"}}"#),
            format!(r#"{{"kid":"{kid}"}}"#),
            format!("{good} {good}"),
            format!("{good}{}", " ".repeat(HEADER_MAX)),
            "null".to_owned(),
            String::new(),
        ];
        for header in others {
            assert!(read(&keys, None, &forged(&keys, &header, &body), NOW).is_none(), "{header}");
        }
    }

    #[test]
    fn our_public_key_is_not_a_shared_secret() {
        let keys = keys(&[1]);
        let public = keys.0[0].pair.public_key().as_ref().to_vec();
        let x = BASE64URL_NOPAD.encode(&public);
        let jwk = keys.jwks()["keys"][0].to_string();
        for secret in [public.as_slice(), x.as_bytes(), jwk.as_bytes(), b""] {
            for alg in ["HS256", "EdDSA"] {
                let header = format!(r#"{{"alg":"{alg}","kid":"{}"}}"#, keys.0[0].kid);
                let signed = format!(
                    "{}.{}",
                    BASE64URL_NOPAD.encode(header.as_bytes()),
                    BASE64URL_NOPAD.encode(claims().to_string().as_bytes())
                );
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
                for signature in [tag.as_ref().to_vec(), tag.as_ref().repeat(2), Vec::new(), vec![0; 64]] {
                    let token = format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature));
                    assert!(read(&keys, None, &token, NOW).is_none());
                }
            }
        }
    }

    #[test]
    fn every_claim_counts() {
        let keys = keys(&[1]);
        for name in ["iss", "aud", "sub", "iat", "exp"] {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            assert!(read(&keys, None, &keys.sign(None, &claims).unwrap(), NOW).is_none(), "without {name}");
        }
        let wrong = [
            ("iss", json!("https://evil.example")),
            ("iss", json!(["https://a.example"])),
            ("iss", json!("https://a.example/")),
            ("aud", json!("https://a.example")),
            ("aud", json!(["https://b.example"])),
            ("aud", json!("")),
            ("sub", json!("")),
            ("sub", json!(1)),
            ("sub", Value::Null),
            ("exp", json!(NOW - 61)),
            ("exp", json!("9999999999")),
            ("exp", json!(1e300)),
            ("exp", Value::Null),
            ("iat", json!(NOW + 61)),
            ("iat", json!("now")),
            ("nbf", json!(NOW + 61)),
            ("nbf", json!("now")),
        ];
        for (name, value) in wrong {
            let token = keys.sign(None, &with(name, value.clone())).unwrap();
            assert!(read(&keys, None, &token, NOW).is_none(), "{name} = {value}");
        }
        let doubled = claims().to_string().replacen('{', r#"{"name":"Eve","#, 1);
        let header = format!(r#"{{"alg":"EdDSA","kid":"{}"}}"#, keys.0[0].kid);
        assert!(read(&keys, None, &forged(&keys, &header, &doubled), NOW).is_none());
    }

    #[test]
    fn clocks_may_differ_by_less_than_a_minute() {
        let keys = keys(&[1]);
        let token = keys.sign(None, &claims()).unwrap();
        for (at, alive) in
            [(-61, false), (-60, true), (0, true), (900, true), (959, true), (960, false), (961, false)]
        {
            assert_eq!(read(&keys, None, &token, NOW + at).is_some(), alive, "{at} s after it was signed");
        }
    }

    #[test]
    fn kinds_of_token_do_not_pass_for_each_other() {
        let keys = keys(&[1]);
        let kinds = [None, Some("at+jwt"), Some("mfa-pending+jwt"), Some("AT+JWT")];
        for signed in kinds {
            let token = keys.sign(signed, &claims()).unwrap();
            for asked in kinds {
                assert_eq!(
                    read(&keys, asked, &token, NOW).is_some(),
                    signed == asked,
                    "{signed:?} as {asked:?}"
                );
            }
        }
    }

    #[test]
    fn damaged_and_oversized_tokens_are_refused() {
        let keys = keys(&[1]);
        let token = keys.sign(None, &claims()).unwrap();
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(read(&keys, None, std::str::from_utf8(&bytes).unwrap(), NOW).is_none(), "byte {at}");
            assert!(read(&keys, None, &token[..at], NOW).is_none(), "cut at {at}");
        }
        let parts: Vec<_> = token.split('.').collect();
        let shapes = [
            String::new(),
            "..".to_owned(),
            ".".repeat(9),
            format!("{token}."),
            format!(".{token}"),
            format!("{token}="),
            format!("{token}\n"),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}..{}", parts[0], parts[2]),
            "a".repeat(1 << 20),
            ".".repeat(1 << 20),
            "é.é.é".to_owned(),
        ];
        for shape in shapes {
            assert!(read(&keys, None, &shape, NOW).is_none());
        }
        let long = keys.sign(None, &with("name", json!("x".repeat(TOKEN_MAX)))).unwrap();
        assert!(read(&keys, None, &long, NOW).is_none());
    }
}
