//! Passkeys: a WebAuthn Level 3 relying party as two judgements over bytes, registration and assertion.
//!
//! `RegistrationResponse::verify` turns what a browser sent into a `Credential` worth keeping;
//! `AssertionResponse::verify` says whether a kept one was used just now, and how. Neither looks at a clock
//! or a store: that the challenge is ours, alive and spent only once is the caller's to see to (SEC-036).
//!
//! Attestation "none" is what is asked for and all that is ever believed (SEC-050), so there is no value
//! here that could claim a passkey to be attested.

mod aaguid;
mod assertion;
mod attestation;
mod authenticator_data;
mod cbor;
mod client_data;
mod cose;
mod registration;
mod wire;

use crate::{
    entropy::{self, Entropy},
    ids::UserId,
};

pub use aaguid::Aaguid;
pub use assertion::{AssertionResponse, Proven, Whose};
pub use authenticator_data::Backup;
pub use cbor::Fault as CborFault;
pub use cose::{Algorithm, PublicKey};
pub use registration::{Credential, NewPasskey, RegistrationResponse, Transport};
pub use wire::{AssertionJson, RegistrationJson, decode};

/// Fewer bytes of challenge could be guessed (SEC-036); new ones have twice as many.
pub const CHALLENGE_BYTES_MIN: usize = 16;

/// WebAuthn L3 §4 "Credential ID": at least 100 bits of them random, so no sound one is shorter than this.
pub const CREDENTIAL_ID_BYTES_MIN: usize = 16;

/// SEC-045, WebAuthn L3 §7.1 step 25.
pub const CREDENTIAL_ID_BYTES_MAX: usize = 1_023;

/// WebAuthn L3 §5.4.3.
pub const USER_HANDLE_BYTES_MAX: usize = 64;

/// Five short members; the rest is room for members to come (SEC-054).
pub const CLIENT_DATA_BYTES_MAX: usize = 4 * 1_024;

/// A statement with a chain of certificates, though none was asked for, has a few thousand (SEC-049).
pub const ATTESTATION_OBJECT_BYTES_MAX: usize = 32 * 1_024;

/// The longest credential ID, the largest key, and extensions beside them (SEC-048).
pub const AUTHENTICATOR_DATA_BYTES_MAX: usize = 4 * 1_024;

/// What a 4096-bit RSA key signs (SEC-047).
pub const SIGNATURE_BYTES_MAX: usize = 512;

/// What this ceremony was opened with and what the deployment allows. All of it is the server's own: nothing
/// in here may come from the request that is being judged.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// From storage, deleted there before anything is judged (SEC-036).
    pub challenge: &'a [u8],
    pub rp_id: &'a str,
    /// Whole origins, `https://accounts.example.org`, compared byte for byte (SEC-037).
    pub origins: &'a [String],
    /// Sites that may embed ours in a frame and run the ceremony there. Usually none (SEC-040).
    pub top_origins: &'a [String],
    /// What was offered in `pubKeyCredParams` (SEC-046). An assertion is bound by its key instead.
    pub algorithms: &'a [Algorithm],
    pub user_verification: UserVerification,
}

/// Who we are towards authenticators, as the deployment says it: the part of `Expected` that never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// A domain: this host's, or one above it.
    pub id: String,
    pub origins: Vec<String>,
    pub top_origins: Vec<String>,
}

impl RelyingParty {
    pub fn expects<'a>(&'a self, challenge: &'a [u8], user_verification: UserVerification) -> Expected<'a> {
        Expected {
            challenge,
            rp_id: &self.id,
            origins: &self.origins,
            top_origins: &self.top_origins,
            algorithms: &Algorithm::ALL,
            user_verification,
        }
    }
}

/// Whether the authenticator must have checked its person: by PIN, finger or face (SEC-041).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserVerification {
    /// For sign-in without a password, for step-up, and wherever the passkey is to count twice.
    Required,
    /// Welcome, not needed: without it the passkey is one factor.
    Preferred,
    Discouraged,
}

impl UserVerification {
    /// As the options spell it (WebAuthn L3 §5.8.6).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Preferred => "preferred",
            Self::Discouraged => "discouraged",
        }
    }
}

/// A credential that is bound to an account.
#[derive(Clone, Debug)]
pub struct Passkey {
    pub user_id: UserId,
    /// The `user.id` it was made with. `None` for those taken over from a system that kept none.
    pub user_handle: Option<Vec<u8>>,
    pub credential: Credential,
    /// Two devices were found to hold its key (SEC-043).
    pub suspended: bool,
}

/// Why not, as a fact. People hear one sentence for all of them; logs and tests hear which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The response is not of type `public-key`.
    NotPublicKey,
    /// Longer than its limit, or not base64 where it should be.
    Malformed(Part),
    /// `id`, `rawId` and the ID the authenticator signed are not one and the same.
    CredentialIdMismatch,
    /// Shorter or longer than a credential ID can be (SEC-045).
    CredentialIdLength,
    /// Not a JSON object in UTF-8, a member missing, of the wrong type or there twice (SEC-054).
    ClientData,
    /// `webauthn.create` where `webauthn.get` belongs, or the reverse (SEC-039).
    Ceremony,
    Challenge,
    Origin,
    /// Made within a frame of a site that was not allowed to (SEC-040).
    CrossOrigin,
    Cbor(CborFault),
    /// Not exactly `fmt`, `attStmt` and `authData`.
    AttestationObject,
    /// A format that WebAuthn does not know.
    AttestationFormat,
    /// A statement that contradicts itself or the key it speaks of (SEC-050).
    AttestationStatement,
    /// Lengths, flags and what follows them do not fit together (SEC-048).
    AuthenticatorData,
    RpId,
    UserAbsent,
    UserUnverified,
    /// Backed up, yet not eligible for it (SEC-042).
    BackupFlags,
    /// What never changes changed (SEC-042).
    BackupEligibilityChanged,
    /// Not a key, or one that no signature can be trusted with.
    PublicKey,
    /// Not among those offered, or not one we verify (SEC-046).
    Algorithm,
    Signature,
    /// Two devices were found to hold its key some time ago.
    Suspended,
    /// Another credential than the one looked up.
    NotThisPasskey,
    /// Somebody else's passkey (SEC-044).
    NotThisUser,
    /// Missing where the account was not named beforehand, or another one's (SEC-044).
    UserHandle,
    /// Everything was right, and the counter did not rise: two devices hold this key (SEC-043). The one
    /// refusal with consequences, which is why it is decided last, on signed bytes only.
    Cloned {
        stored: u32,
        seen: u32,
    },
}

/// The parts of a response that are bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    CredentialId,
    ClientData,
    AttestationObject,
    AuthenticatorData,
    Signature,
    UserHandle,
}

impl Part {
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::CredentialId => CREDENTIAL_ID_BYTES_MAX,
            Self::ClientData => CLIENT_DATA_BYTES_MAX,
            Self::AttestationObject => ATTESTATION_OBJECT_BYTES_MAX,
            Self::AuthenticatorData => AUTHENTICATOR_DATA_BYTES_MAX,
            Self::Signature => SIGNATURE_BYTES_MAX,
            Self::UserHandle => USER_HANDLE_BYTES_MAX,
        }
    }

    fn within_limit(self, bytes: &[u8]) -> Result<(), Refused> {
        if bytes.len() > self.bytes_max() { Err(Refused::Malformed(self)) } else { Ok(()) }
    }
}

/// 256 bits (SEC-036).
pub fn new_challenge(entropy: &dyn Entropy) -> [u8; 32] {
    entropy::bytes(entropy)
}

/// What an account is called towards authenticators: random, so that it says nothing about it (SEC-051).
pub fn new_user_handle(entropy: &dyn Entropy) -> [u8; USER_HANDLE_BYTES_MAX] {
    entropy::bytes(entropy)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    hash
}

/// A passkey that no authenticator made, for tests that only ask whether there is one.
#[cfg(test)]
pub(crate) fn sample(user_id: UserId) -> Passkey {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("32 bytes are a seed");
    let cose = [&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20], pair.public_key().as_ref()].concat();
    let credential = Credential {
        id: vec![7; CREDENTIAL_ID_BYTES_MIN],
        public_key: PublicKey::from_cose(&cose).expect("a key of ours"),
        counter: 0,
        backup: Backup::of(false, false).expect("never backed up"),
        aaguid: Aaguid::new([0; 16]),
        transports: Vec::new(),
    };
    Passkey { user_id, user_handle: None, credential, suspended: false }
}
