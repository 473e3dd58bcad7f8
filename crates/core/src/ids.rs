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
    SessionId,
    TrustedDeviceId,
    EventId,
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

#[cfg(test)]
mod tests {
    use super::*;

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
