//! Names of things. Each is a UUIDv7 written as 32 lower-case hex digits: ordered by birth, never a secret.

use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::{
    entropy::{self, Entropy},
    time::Timestamp,
};

macro_rules! ids {
    ($($(#[$about:meta])* $name:ident),* $(,)?) => {$(
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn new(now: Timestamp, entropy: &dyn Entropy) -> Self {
                Self(uuid_v7(now, entropy))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// With the dashes of RFC 9562 §4, as some wires write it.
            pub fn hyphenated(&self) -> String {
                hyphenated(&self.0)
            }

            /// As 24 hex digits: the seconds of its birth, then 64 of its random bits. Other systems' clients
            /// expect ids of this shape; nothing is ever looked up by it alone.
            pub fn as_object_id(&self) -> String {
                object_id(&self.0)
            }

            /// As 8 small letters and digits that nobody mistakes for others, made of its random bits: a short
            /// name to be read aloud. Nothing is ever looked up by it.
            pub fn as_short_key(&self) -> String {
                short_key(&self.0)
            }
        }

        /// For ids read back from storage; says nothing about whether the thing exists.
        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    UserId,
    AuthenticatorId,
    ChallengeId,
    OneTimeCodeId,
    LinkId,
    MailSignInId,
    RecoveryId,
    SessionId,
    TrustedDeviceId,
    EventId,
    OrganisationId,
    ApiKeyId,
    ServiceKeyId,
    WebhookId,
    /// A message waiting in the outbox.
    OutboxId,
}

/// RFC 9562 §5.7: 48 bits of milliseconds, then version, variant and 74 random bits.
fn uuid_v7(now: Timestamp, entropy: &dyn Entropy) -> String {
    let mut id: [u8; 16] = entropy::bytes(entropy);
    let millis = (now.as_micros() / 1_000).max(0) as u64;
    id[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    id[6] = 0x70 | (id[6] & 0x0f);
    id[8] = 0x80 | (id[8] & 0x3f);
    HEXLOWER.encode(&id)
}

/// What is not 32 hex digits was never one of ours, and stays as it is.
fn hyphenated(id: &str) -> String {
    match (id.len(), id.is_ascii()) {
        (32, true) => [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-"),
        _ => id.to_owned(),
    }
}

/// The id that somebody wrote with dashes, or without.
pub fn without_hyphens(id: &str) -> String {
    id.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect()
}

fn object_id(id: &str) -> String {
    let millis = id.get(..12).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
    let random = id.get(16..32).unwrap_or("0000000000000000");
    format!("{:08x}{random}", (millis / 1_000) as u32)
}

fn short_key(id: &str) -> String {
    const ALPHABET: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";
    let base = ALPHABET.len() as u64;
    let random = id.get(16..32).and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
    (0..8).map(|place| char::from(ALPHABET[(random / base.pow(place) % base) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_other_systems_shapes() {
        let id = UserId::from("0192000000017000800000000000abcd".to_owned());
        assert_eq!(id.hyphenated(), "01920000-0001-7000-8000-00000000abcd");
        assert_eq!(without_hyphens(&id.hyphenated()), id.as_str());
        let object = id.as_object_id();
        assert_eq!((object.len(), &object[8..]), (24, "800000000000abcd"));
        assert_eq!(u64::from_str_radix(&object[..8], 16).unwrap(), 0x0192_0000_0001 / 1_000);
        assert_eq!(UserId::from("x".to_owned()).as_object_id().len(), 24);
        assert_eq!(id.as_short_key().len(), 8);
        assert_ne!(
            id.as_short_key(),
            UserId::from("0192000000017000800000000000abce".to_owned()).as_short_key()
        );
        assert_eq!(UserId::from("x".to_owned()).as_short_key(), "22222222");
    }

    struct Zeros;

    impl Entropy for Zeros {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[test]
    fn an_id_carries_its_birth_and_version() {
        let id = UserId::new(Timestamp::from_micros(0x0192_0000_0001 * 1_000), &Zeros);
        assert_eq!(id.as_str(), "01920000000170008000000000000000");
    }
}
