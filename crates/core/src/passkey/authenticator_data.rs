//! Authenticator data: what the authenticator itself says and signs (WebAuthn L3 §6.1), byte by byte.

use crate::passkey::{
    Aaguid, CREDENTIAL_ID_BYTES_MAX, CREDENTIAL_ID_BYTES_MIN, Expected, Part, Refused, UserVerification,
    cbor, sha256,
};

const USER_PRESENT: u8 = 1 << 0;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED: u8 = 1 << 6;
const EXTENSIONS: u8 = 1 << 7;

pub(crate) struct AuthenticatorData<'a> {
    rp_id_hash: [u8; 32],
    flags: u8,
    pub(crate) counter: u32,
    pub(crate) attested: Option<Attested<'a>>,
}

/// What a registration adds: the credential itself.
pub(crate) struct Attested<'a> {
    pub(crate) aaguid: Aaguid,
    pub(crate) credential_id: &'a [u8],
    pub(crate) cose: &'a [u8],
}

/// Whether the key can leave its device, and whether it did. The fourth combination does not exist (SEC-042).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backup {
    /// Bound to one device for ever: lost with it.
    SingleDevice,
    /// May be synchronised and is not yet.
    Eligible,
    /// In more than one place: survives the loss of a device.
    BackedUp,
}

impl Backup {
    pub const fn of(eligible: bool, backed_up: bool) -> Option<Self> {
        match (eligible, backed_up) {
            (false, false) => Some(Self::SingleDevice),
            (true, false) => Some(Self::Eligible),
            (true, true) => Some(Self::BackedUp),
            (false, true) => None,
        }
    }

    pub const fn is_eligible(self) -> bool {
        matches!(self, Self::Eligible | Self::BackedUp)
    }

    pub const fn is_backed_up(self) -> bool {
        matches!(self, Self::BackedUp)
    }
}

impl<'a> AuthenticatorData<'a> {
    /// Every byte belongs to something, or nothing is read (SEC-048).
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Refused> {
        Part::AuthenticatorData.within_limit(bytes)?;
        let (rp_id_hash, rest) = chunk::<32>(bytes)?;
        let ([flags], rest) = chunk::<1>(rest)?;
        let (counter, mut rest) = chunk::<4>(rest)?;
        let mut attested = None;
        if flags & ATTESTED != 0 {
            let (found, after) = parse_attested(rest)?;
            (attested, rest) = (Some(found), after);
        }
        if flags & EXTENSIONS != 0 {
            // Read for their length alone: we ask for none, and believe none that come unasked.
            let (extensions, after) = cbor::read_first(rest).map_err(Refused::Cbor)?;
            let named = |map: &[(cbor::Value<'_>, _)]| map.iter().all(|(key, _)| key.as_text().is_some());
            if !extensions.as_map().is_some_and(named) {
                return Err(Refused::AuthenticatorData);
            }
            rest = after;
        }
        if !rest.is_empty() {
            return Err(Refused::AuthenticatorData);
        }
        let counter = u32::from_be_bytes(counter);
        Ok(Self { rp_id_hash, flags, counter, attested })
    }

    /// Steps 14 to 17 of WebAuthn L3 §7.1, 15 to 18 of §7.2.
    pub(crate) fn check(&self, expected: &Expected<'_>) -> Result<Backup, Refused> {
        if self.rp_id_hash != sha256(expected.rp_id.as_bytes()) {
            return Err(Refused::RpId);
        }
        if self.flags & USER_PRESENT == 0 {
            return Err(Refused::UserAbsent);
        }
        if expected.user_verification == UserVerification::Required && !self.user_verified() {
            return Err(Refused::UserUnverified);
        }
        let (eligible, backed_up) = (self.flags & BACKUP_ELIGIBLE != 0, self.flags & BACKED_UP != 0);
        Backup::of(eligible, backed_up).ok_or(Refused::BackupFlags)
    }

    pub(crate) fn user_verified(&self) -> bool {
        self.flags & USER_VERIFIED != 0
    }
}

fn parse_attested(bytes: &[u8]) -> Result<(Attested<'_>, &[u8]), Refused> {
    let (aaguid, rest) = chunk::<16>(bytes)?;
    let (length, rest) = chunk::<2>(rest)?;
    let length = usize::from(u16::from_be_bytes(length));
    if !(CREDENTIAL_ID_BYTES_MIN..=CREDENTIAL_ID_BYTES_MAX).contains(&length) {
        return Err(Refused::CredentialIdLength);
    }
    let (credential_id, key) = rest.split_at_checked(length).ok_or(Refused::AuthenticatorData)?;
    let (_, rest) = cbor::read_first(key).map_err(Refused::Cbor)?;
    let cose = &key[..key.len() - rest.len()];
    Ok((Attested { aaguid: Aaguid::new(aaguid), credential_id, cose }, rest))
}

fn chunk<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), Refused> {
    let (chunk, rest) = bytes.split_first_chunk::<N>().ok_or(Refused::AuthenticatorData)?;
    Ok((*chunk, rest))
}
