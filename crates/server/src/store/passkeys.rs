//! Rows of `passkeys` and `passkey_ceremonies`.

use countersign_core::{
    authenticator::Authenticator,
    ids::{AuthenticatorId, UserId},
    passkey::{Aaguid, Backup, Credential, Passkey, Proven, PublicKey, Transport},
    time::Timestamp,
};

use crate::{
    fault::Fault,
    store::{Row, Tx},
};

/// What is kept of a passkey beside what its signatures are checked against.
pub struct NewPasskeyRow<'a> {
    pub authenticator: &'a Authenticator,
    pub passkey: &'a Passkey,
    pub name: &'a str,
    pub rp_id: &'a str,
}

impl Tx<'_> {
    /// Says whether it was new: a credential ID belongs to one account (SEC-045). Its row in `authenticators`
    /// must be there.
    pub fn insert_passkey(&mut self, new: &NewPasskeyRow<'_>) -> Result<bool, Fault> {
        let credential = &new.passkey.credential;
        let names: Vec<_> = credential.transports.iter().map(|one| one.as_str()).collect();
        let inserted = self.execute(
            "INSERT INTO passkeys (authenticator_id, user_id, credential_id, user_handle, public_key, counter,
                                   backup_eligible, backed_up, aaguid, transports, name, rp_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (credential_id) DO NOTHING",
            &[
                (&new.authenticator.id).into(),
                (&new.passkey.user_id).into(),
                credential.id.as_slice().into(),
                new.passkey.user_handle.clone().into(),
                credential.public_key.as_cose().into(),
                i64::from(credential.counter).into(),
                credential.backup.is_eligible().into(),
                credential.backup.is_backed_up().into(),
                credential.aaguid.as_bytes().into(),
                names.join(",").into(),
                new.name.into(),
                new.rp_id.into(),
            ],
        )?;
        Ok(inserted == 1)
    }

    /// Whose passkey this is, and which of theirs.
    pub fn passkey_owner(
        &mut self,
        credential_id: &[u8],
    ) -> Result<Option<(UserId, AuthenticatorId)>, Fault> {
        self.row(
            "SELECT user_id, authenticator_id FROM passkeys WHERE credential_id = $1",
            &[credential_id.into()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// Keeps what a use of the passkey showed, if the counter is still the one that was judged (SEC-043).
    pub fn use_passkey(
        &mut self,
        id: &AuthenticatorId,
        counter_was: u32,
        proven: &Proven,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let used = self.execute(
            "UPDATE passkeys SET counter = $3, backed_up = $4
             WHERE authenticator_id = $1 AND counter = $2 AND suspended_at IS NULL",
            &[
                id.into(),
                i64::from(counter_was).into(),
                i64::from(proven.counter).into(),
                proven.backup.is_backed_up().into(),
            ],
        )?;
        if used == 1 {
            self.execute(
                "UPDATE authenticators SET last_used_at = $2 WHERE id = $1",
                &[id.into(), now.into()],
            )?;
        }
        Ok(used == 1)
    }

    /// From now on it opens nothing. Says whether it did until now.
    pub fn suspend_passkey(&mut self, id: &AuthenticatorId, now: Timestamp) -> Result<bool, Fault> {
        let suspended = self.execute(
            "UPDATE passkeys SET suspended_at = $2 WHERE authenticator_id = $1 AND suspended_at IS NULL",
            &[id.into(), now.into()],
        )?;
        Ok(suspended == 1)
    }
}

/// Reads the columns of a passkey, from column `first` on, as `Tx::authenticators` asks for them.
pub(super) fn read(row: &Row<'_>, first: usize, user_id: UserId) -> Result<Passkey, Fault> {
    let damaged = || Fault::internal("a row of passkeys cannot be read");
    let eligible = row.get(first + 4)?;
    let backup = Backup::of(eligible, row.get(first + 5)?).ok_or_else(damaged)?;
    let aaguid: [u8; 16] = row.get::<Vec<u8>>(first + 6)?.try_into().map_err(|_| damaged())?;
    let transports: String = row.get(first + 7)?;
    Ok(Passkey {
        user_id,
        user_handle: row.get(first + 1)?,
        suspended: row.get(first + 8)?,
        credential: Credential {
            id: row.get(first)?,
            public_key: PublicKey::from_cose(&row.get::<Vec<u8>>(first + 2)?).map_err(|_| damaged())?,
            counter: u32::try_from(row.get::<i64>(first + 3)?).map_err(|_| damaged())?,
            backup,
            aaguid: Aaguid::new(aaguid),
            transports: Transport::parse_all(transports.split(',')),
        },
    })
}
