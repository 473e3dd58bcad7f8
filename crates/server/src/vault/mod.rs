//! The vault: everything that needs a key. Sealing at rest, keyed digests, signed tokens.

mod keyring;
mod token;

use std::fmt;

use aws_lc_rs::hmac;
use countersign_core::{
    entropy::{self, Entropy},
    secret::Secret,
    time::Timestamp,
};
use data_encoding::BASE64URL_NOPAD;
use serde::{Serialize, de::DeserializeOwned};

pub use self::keyring::Keyring;
use self::token::{Expected, TokenKeys};
use crate::fault::Fault;

/// Where a sealed value lives. It is authenticated with the value, so that a ciphertext copied to another
/// row, table or person does not open (SEC-093).
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub table: &'a str,
    pub row: &'a str,
    /// Whose it is; empty where nobody owns it.
    pub user: &'a str,
}

/// A ciphertext and the id of the master key it is sealed under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    pub key_id: String,
    pub bytes: Vec<u8>,
}

/// A key the server made for itself, as it is stored.
#[derive(Clone, Debug)]
pub struct SealedKey {
    /// For a token key, its public `kid`.
    pub id: String,
    pub purpose: String,
    pub sealed: Sealed,
    pub created_at: Timestamp,
}

/// The three purposes of a [`SealedKey`].
pub const DIGEST: &str = "digest";
pub const COOKIE: &str = "cookie";
pub const TOKEN: &str = "token";

/// Below this a secret can be guessed offline from one signed cookie (SEC-129).
const COOKIE_SECRET_MIN: usize = 32;

/// Every key of a running server, unlocked. Shared behind an `Arc`; nothing in it changes.
pub struct Vault {
    keyring: Keyring,
    digest: hmac::Key,
    cookie_secret: Secret<Vec<u8>>,
    tokens: TokenKeys,
}

impl SealedKey {
    fn seal(keyring: &Keyring, key: NewKey<'_>, now: Timestamp) -> Result<Self, Fault> {
        let sealed = keyring.seal(&own_place(&key.id, key.purpose), key.plain.expose())?;
        Ok(Self { id: key.id, purpose: key.purpose.to_owned(), sealed, created_at: now })
    }

    /// Where this key is sealed to, for the job that seals everything again under a new master key.
    pub fn place(&self) -> Place<'_> {
        own_place(&self.id, &self.purpose)
    }
}

struct NewKey<'a> {
    id: String,
    purpose: &'a str,
    plain: Secret<Vec<u8>>,
}

/// The purpose stands where the user would, so that a cookie key cannot be passed off as a digest key.
const fn own_place<'a>(id: &'a str, purpose: &'a str) -> Place<'a> {
    Place { table: "sealed_keys", row: id, user: purpose }
}

/// A keyed digest under a key that somebody else has, too.
pub fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

impl Vault {
    /// The keys of a new server: one each for digests, cookies and tokens.
    pub fn make_keys(keyring: &Keyring, dice: &dyn Entropy, now: Timestamp) -> Result<Vec<SealedKey>, Fault> {
        let digest = Secret::new(entropy::bytes::<32>(dice));
        // As text, because Better Auth's secret is text: an operator can move it to another server and back.
        let cookie = Secret::new(entropy::bytes::<32>(dice));
        let cookie = Secret::new(BASE64URL_NOPAD.encode(cookie.expose()));
        let (kid, token) = token::new_key(dice)?;
        let new = [
            (entropy::url_safe(dice, 16), DIGEST, Secret::new(digest.expose().to_vec())),
            (entropy::url_safe(dice, 16), COOKIE, Secret::new(cookie.expose().as_bytes().to_vec())),
            (kid, TOKEN, token),
        ];
        new.into_iter()
            .map(|(id, purpose, plain)| SealedKey::seal(keyring, NewKey { id, purpose, plain }, now))
            .collect()
    }

    /// Opens the server's own keys. `cookie_secret` takes the place of the stored one: a server that comes
    /// from Better Auth keeps its secret, and so its signed-in users.
    pub fn unlock(
        keyring: Keyring,
        mut keys: Vec<SealedKey>,
        cookie_secret: Option<Secret<String>>,
    ) -> Result<Self, Fault> {
        // The newest token key signs; the others only verify what they have signed.
        keys.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.id.cmp(&b.id)));
        let (mut digests, mut cookies, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
        for key in &keys {
            if keyring.check_value(&key.sealed.key_id).is_empty() {
                return Err(Fault::misconfigured(format!(
                    "the keyring lacks master key `{}`, which sealed this server's own keys",
                    key.sealed.key_id
                )));
            }
            let plain = keyring.open(&key.place(), &key.sealed)?;
            match key.purpose.as_str() {
                DIGEST => digests.push(plain),
                COOKIE => cookies.push(plain),
                TOKEN => tokens.push((key.id.clone(), plain)),
                // A newer version's key: it is not ours to use, and nothing of ours depends on it.
                _ => {}
            }
        }
        let digest = only_one(digests, DIGEST)?;
        let cookie_secret = match cookie_secret {
            Some(secret) => usable_cookie_secret(&secret)?,
            None => only_one(cookies, COOKIE)?,
        };
        Ok(Self {
            digest: hmac::Key::new(hmac::HMAC_SHA256, digest.expose()),
            tokens: TokenKeys::load(tokens)?,
            keyring,
            cookie_secret,
        })
    }

    pub const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// Seals under the active master key.
    pub fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Result<Sealed, Fault> {
        self.keyring.seal(place, plain)
    }

    /// Opens under whichever master key it was sealed. A failure names table and row, never a byte.
    pub fn open(&self, place: &Place<'_>, sealed: &Sealed) -> Result<Secret<Vec<u8>>, Fault> {
        self.keyring.open(place, sealed)
    }

    /// Moves a value to the active master key; `None` if it is there already (SEC-097).
    pub fn reseal(&self, place: &Place<'_>, sealed: &Sealed) -> Result<Option<Sealed>, Fault> {
        if sealed.key_id == self.keyring.active_id() {
            return Ok(None);
        }
        let plain = self.open(place, sealed)?;
        self.seal(place, plain.expose()).map(Some)
    }

    /// HMAC-SHA-256 of `parts`. The label keeps uses apart; counts and lengths keep `["ab"]` and `["a", "b"]`
    /// apart. Stored in rows, so its format never changes.
    pub fn digest(&self, label: &'static str, parts: &[&[u8]]) -> Vec<u8> {
        let mut text =
            Vec::with_capacity(16 + label.len() + parts.iter().map(|part| 8 + part.len()).sum::<usize>());
        append(&mut text, label.as_bytes());
        text.extend_from_slice(&(parts.len() as u64).to_be_bytes());
        for part in parts {
            append(&mut text, part);
        }
        let text = Secret::new(text);
        hmac::sign(&self.digest, text.expose()).as_ref().to_vec()
    }

    /// What signs the calls to one webhook. It follows from the webhook's id, so nothing of it is stored.
    pub fn webhook_secret(&self, id: &str) -> Secret<Vec<u8>> {
        Secret::new(self.digest("webhook secret", &[id.as_bytes()]))
    }

    /// The secret that signs cookies, as the bytes of its text.
    pub const fn cookie_secret(&self) -> &Secret<Vec<u8>> {
        &self.cookie_secret
    }

    /// A JWT (EdDSA) signed with the newest key. `typ` keeps kinds of token apart (SEC-086).
    pub fn sign_token<C: Serialize>(&self, typ: Option<&str>, claims: &C) -> Result<String, Fault> {
        self.tokens.sign(typ, claims)
    }

    /// The claims of a token that we signed, of this kind, from and for exactly these, and alive at `now`.
    /// Everything else is `None`: why it failed is nobody's business.
    pub fn verify_token<C: DeserializeOwned>(
        &self,
        typ: Option<&str>,
        audience: &str,
        issuer: &str,
        token: &str,
        now: Timestamp,
    ) -> Option<C> {
        self.tokens.verify(Expected { typ, audience, issuer }, token, now)
    }

    /// The public halves of the token keys, as a JSON Web Key Set.
    pub fn jwks(&self) -> serde_json::Value {
        self.tokens.jwks()
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("keyring", &self.keyring).field("tokens", &self.tokens).finish()
    }
}

/// Two live keys for digests or cookies would make half the stored rows unfindable: stop instead.
fn only_one(mut keys: Vec<Secret<Vec<u8>>>, purpose: &str) -> Result<Secret<Vec<u8>>, Fault> {
    match (keys.pop(), keys.len()) {
        (Some(key), 0) => Ok(key),
        (_, others) => Err(Fault::misconfigured(format!(
            "the database must hold exactly one live key for `{purpose}`, not {}",
            if others == 0 { 0 } else { others + 1 }
        ))),
    }
}

fn usable_cookie_secret(secret: &Secret<String>) -> Result<Secret<Vec<u8>>, Fault> {
    let bytes = secret.expose().as_bytes();
    if bytes.len() < COOKIE_SECRET_MIN {
        return Err(Fault::misconfigured(format!(
            "the cookie secret must have at least {COOKIE_SECRET_MIN} bytes"
        )));
    }
    // The first is what Better Auth signs with when nobody chose a secret: everybody knows it.
    if secret.expose().starts_with("better-auth-secret-1234") || keyring::distinct(bytes) < 8 {
        return Err(Fault::misconfigured("the cookie secret is an example or far too regular"));
    }
    Ok(Secret::new(bytes.to_vec()))
}

/// Length first, so that no two lists of parts share an encoding.
fn append(text: &mut Vec<u8>, part: &[u8]) {
    text.extend_from_slice(&(part.len() as u64).to_be_bytes());
    text.extend_from_slice(part);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dice::Dice, fault::FaultKind};

    const NOW: Timestamp = Timestamp::from_seconds(1_795_000_000);
    const PLACE: Place<'_> = Place { table: "authenticators", row: "a1", user: "u1" };

    fn keyring(ids: &[(&str, u64)]) -> Keyring {
        let text = ids.iter().map(|(id, seed)| {
            let key: [u8; 32] = entropy::bytes(&Dice::seeded(*seed));
            format!("{id}:{}", BASE64URL_NOPAD.encode(&key))
        });
        Keyring::parse(&Secret::new(text.collect::<Vec<_>>().join("\n"))).unwrap()
    }

    fn vault(ids: &[(&str, u64)]) -> Vault {
        let keys = Vault::make_keys(&keyring(ids), &Dice::seeded(1), NOW).unwrap();
        Vault::unlock(keyring(ids), keys, None).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_only_in_its_place() {
        let vault = vault(&[("k1", 7), ("k2", 8)]);
        let sealed = vault.seal(&PLACE, b"a seed").unwrap();
        assert_eq!(vault.open(&PLACE, &sealed).unwrap().expose(), b"a seed");
        assert_ne!(vault.seal(&PLACE, b"a seed").unwrap().bytes, sealed.bytes);

        let moved = [
            Place { table: "outbox", ..PLACE },
            Place { row: "a2", ..PLACE },
            Place { user: "u2", ..PLACE },
            // The same letters, cut elsewhere.
            Place { table: "authenticator", row: "sa1", ..PLACE },
            Place { row: "a1u", user: "1", ..PLACE },
        ];
        for place in moved {
            let fault = vault.open(&place, &sealed).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Internal);
            assert_eq!(
                fault.to_string(),
                format!("a sealed value does not open: {}, row {}", place.table, place.row)
            );
        }
        for key_id in ["k2", "k3", ""] {
            assert!(vault.open(&PLACE, &Sealed { key_id: key_id.to_owned(), ..sealed.clone() }).is_err());
        }
        for at in 0..sealed.bytes.len() {
            let mut bytes = sealed.bytes.clone();
            bytes[at] ^= 1;
            assert!(vault.open(&PLACE, &Sealed { bytes, ..sealed.clone() }).is_err(), "byte {at}");
            let bytes = sealed.bytes[..at].to_vec();
            assert!(vault.open(&PLACE, &Sealed { bytes, ..sealed.clone() }).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn an_old_key_opens_and_the_new_one_seals() {
        let old = vault(&[("k1", 7)]);
        let sealed = old.seal(&PLACE, b"a seed").unwrap();
        let keys = Vault::make_keys(&keyring(&[("k1", 7)]), &Dice::seeded(1), NOW).unwrap();
        let both = Vault::unlock(keyring(&[("k2", 8), ("k1", 7)]), keys.clone(), None).unwrap();

        assert_eq!(both.open(&PLACE, &sealed).unwrap().expose(), b"a seed");
        let again = both.reseal(&PLACE, &sealed).unwrap().expect("it was under the old key");
        assert_eq!(again.key_id, "k2");
        assert_eq!(both.reseal(&PLACE, &again).unwrap(), None);
        assert_eq!(both.digest("x", &[b"a"]), old.digest("x", &[b"a"]));

        // Without the old key the server does not start on rows that still need it.
        let fault = Vault::unlock(keyring(&[("k2", 8)]), keys.clone(), None).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Misconfigured);
        assert!(fault.to_string().contains("lacks master key `k1`"));
        // Nor does it with another key under the old name.
        assert!(Vault::unlock(keyring(&[("k1", 9)]), keys, None).is_err());
    }

    #[test]
    fn purposes_cannot_be_swapped() {
        let mut keys = Vault::make_keys(&keyring(&[("k1", 7)]), &Dice::seeded(1), NOW).unwrap();
        keys[0].purpose = COOKIE.to_owned();
        keys[1].purpose = DIGEST.to_owned();
        assert!(Vault::unlock(keyring(&[("k1", 7)]), keys, None).is_err());
    }

    #[test]
    fn a_missing_or_doubled_key_stops_the_start() {
        let make = |seed| Vault::make_keys(&keyring(&[("k1", 7)]), &Dice::seeded(seed), NOW).unwrap();
        for missing in [DIGEST, COOKIE, TOKEN] {
            let mut keys = make(1);
            keys.retain(|key| key.purpose != missing);
            let fault = Vault::unlock(keyring(&[("k1", 7)]), keys, None).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Misconfigured, "{missing}");
        }
        let doubled = [make(1), make(2)].concat();
        let fault = Vault::unlock(keyring(&[("k1", 7)]), doubled, None).unwrap_err();
        assert!(fault.to_string().ends_with("exactly one live key for `digest`, not 2"));
    }

    #[test]
    fn the_cookie_secret_is_printable_and_can_be_brought_along() {
        let own = vault(&[("k1", 7)]);
        let text = std::str::from_utf8(own.cookie_secret().expose()).unwrap();
        assert_eq!(text.len(), 43);

        let keys = || Vault::make_keys(&keyring(&[("k1", 7)]), &Dice::seeded(1), NOW).unwrap();
        let with = |secret: &str| Vault::unlock(keyring(&[("k1", 7)]), keys(), Some(secret.into()));
        let brought = "golden-secret-0123456789-abcdefghijklmnopqrstuvwxyz-XYZ";
        assert_eq!(with(brought).unwrap().cookie_secret().expose(), brought.as_bytes());
        let refused = [
            "0123456789abcdefghijklmnopqrstu",
            "better-auth-secret-12345678901234567890",
            "abcabcabcabcabcabcabcabcabcabcabcabcabc",
        ];
        for secret in refused {
            let fault = with(secret).unwrap_err();
            assert_eq!(fault.kind, FaultKind::Misconfigured);
            assert!(!fault.to_string().contains(secret));
        }
    }

    #[test]
    fn digests_keep_labels_and_parts_apart() {
        let vault = vault(&[("k1", 7)]);
        let digests = [
            vault.digest("session", &[b"ab"]),
            vault.digest("session", &[b"a", b"b"]),
            vault.digest("session", &[b"ab", b""]),
            vault.digest("session", &[]),
            vault.digest("sessio", &[b"nab"]),
            vault.digest("link", &[b"ab"]),
        ];
        let distinct: std::collections::HashSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
        assert!(digests.iter().all(|digest| digest.len() == 32));
    }

    /// Rows on disk depend on these bytes, which were computed by another implementation (Python, OpenSSL).
    #[test]
    fn the_stored_formats_are_frozen() {
        let vault = vault(&[("k1", 7)]);
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        assert_eq!(
            hex(&vault.digest("session", &[b"a", b"bc"])),
            "cf50ddfac13b7fd3a9c272183346a93e37e6be061b321cf4d47d851c882907a7"
        );
        assert_eq!(
            hex(&vault.keyring().check_value("k1")),
            "c0a325676817a71bc309f2d3cc2a9dc91d6e1765ac7334e38a9ce1413f8d3146"
        );
        let sealed = Sealed {
            key_id: "k1".to_owned(),
            bytes: data_encoding::HEXLOWER
                .decode(b"01000102030405060708090a0b6b9efb6c6b380882d422e14d9beceacb38f8ee601688")
                .unwrap(),
        };
        assert_eq!(vault.open(&PLACE, &sealed).unwrap().expose(), b"a seed");
    }

    #[test]
    fn nothing_secret_is_printed() {
        let vault = vault(&[("k1", 7), ("k2", 8)]);
        let kid = vault.jwks()["keys"][0]["kid"].as_str().unwrap().to_owned();
        let printed = format!("{vault:?}");
        assert_eq!(
            printed,
            format!(r#"Vault {{ keyring: Keyring(["k1", "k2"]), tokens: TokenKeys(["{kid}"]) }}"#)
        );
    }

    #[test]
    fn the_vault_is_shared_between_threads() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<Vault>();
    }
}
