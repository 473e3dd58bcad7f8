//! Assertion: what a browser hands back from `navigator.credentials.get()`, judged (WebAuthn L3 §7.2).

use crate::{
    ids::UserId,
    passkey::{
        Backup, Expected, Part, Passkey, Refused,
        authenticator_data::AuthenticatorData,
        client_data::{self, Ceremony},
        sha256,
    },
};

#[derive(Clone, Debug)]
pub struct AssertionResponse {
    pub credential_id: Vec<u8>,
    pub client_data: Vec<u8>,
    pub authenticator_data: Vec<u8>,
    pub signature: Vec<u8>,
    /// Not signed: it can contradict the passkey that was found, and prove nothing.
    pub user_handle: Option<Vec<u8>>,
}

/// Who was asked (SEC-044).
#[derive(Clone, Copy, Debug)]
pub enum Whose<'a> {
    /// This person: as a second factor, to step up, or after a name was typed.
    User(&'a UserId),
    /// Nobody by name: the passkey says who is there, so it must say it.
    Anyone,
}

/// The passkey was used just now, by somebody who was there. Save `counter` and `backup` in the transaction
/// that grants what was asked, on the condition that the stored counter is still the one judged (SEC-043).
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    pub user_verified: bool,
    pub counter: u32,
    pub backup: Backup,
}

impl Proven {
    /// Something held and, on the device, something known or a finger or face: alone it is two factors.
    /// Without verification it is something held, which whoever finds it holds, too (SEC-041).
    pub const fn is_two_factors(&self) -> bool {
        self.user_verified
    }
}

impl AssertionResponse {
    /// `passkey` is the one stored under the response's credential ID.
    pub fn verify(
        &self,
        expected: &Expected<'_>,
        passkey: &Passkey,
        whose: Whose<'_>,
    ) -> Result<Proven, Refused> {
        self.belongs(passkey, whose)?;
        if passkey.suspended {
            return Err(Refused::Suspended);
        }
        client_data::check(&self.client_data, Ceremony::Assertion, expected)?;
        let data = AuthenticatorData::parse(&self.authenticator_data)?;
        let backup = data.check(expected)?;
        // WebAuthn L3 §6.1: only a registration carries a credential.
        if data.attested.is_some() {
            return Err(Refused::AuthenticatorData);
        }
        let stored = &passkey.credential;
        if backup.is_eligible() != stored.backup.is_eligible() {
            return Err(Refused::BackupEligibilityChanged);
        }
        Part::Signature.within_limit(&self.signature)?;
        let message = [&self.authenticator_data[..], &sha256(&self.client_data)].concat();
        if !stored.public_key.verifies(&message, &self.signature) {
            return Err(Refused::Signature);
        }
        // Zero on both sides means that it does not count (WebAuthn L3 §6.1.1).
        if (stored.counter, data.counter) != (0, 0) && data.counter <= stored.counter {
            return Err(Refused::Cloned { stored: stored.counter, seen: data.counter });
        }
        Ok(Proven { user_verified: data.user_verified(), counter: data.counter, backup })
    }

    /// Steps 5 and 6 of WebAuthn L3 §7.2 (SEC-044).
    fn belongs(&self, passkey: &Passkey, whose: Whose<'_>) -> Result<(), Refused> {
        if self.credential_id != passkey.credential.id {
            return Err(Refused::NotThisPasskey);
        }
        match whose {
            Whose::User(user_id) if *user_id != passkey.user_id => return Err(Refused::NotThisUser),
            Whose::Anyone if self.user_handle.is_none() => return Err(Refused::UserHandle),
            Whose::User(_) | Whose::Anyone => {}
        }
        match (&self.user_handle, &passkey.user_handle) {
            (Some(given), Some(stored)) if given != stored => Err(Refused::UserHandle),
            _ => Ok(()),
        }
    }
}
