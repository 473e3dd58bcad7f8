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

/// One passkey with what its owner calls it.
pub struct PasskeyRow {
    pub id: AuthenticatorId,
    pub name: String,
    pub passkey: Passkey,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

/// What an open ceremony will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CeremonyPurpose {
    Register,
    SignIn,
    /// Answers a challenge.
    Challenge,
    StepUp,
}

impl CeremonyPurpose {
    const ALL: [Self; 4] = [Self::Register, Self::SignIn, Self::Challenge, Self::StepUp];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::SignIn => "sign_in",
            Self::Challenge => "challenge",
            Self::StepUp => "step_up",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }
}

#[derive(Clone, Debug)]
pub struct Ceremony {
    pub purpose: CeremonyPurpose,
    pub challenge: Vec<u8>,
    /// `None` where anybody may answer.
    pub user_id: Option<UserId>,
    /// The session or challenge it was opened for.
    pub binding: Option<String>,
    pub expires_at: Timestamp,
}

impl Tx<'_> {
    /// Opens a ceremony; the one before it under the same digest is over.
    pub fn open_ceremony(&mut self, digest: &[u8], one: &Ceremony) -> Result<(), Fault> {
        self.delete_ceremony(digest)?;
        self.execute(
            "INSERT INTO passkey_ceremonies (digest, purpose, challenge, user_id, binding, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                digest.into(),
                one.purpose.as_str().into(),
                one.challenge.as_slice().into(),
                one.user_id.as_ref().map(|id| id.as_str()).into(),
                one.binding.clone().into(),
                one.expires_at.into(),
            ],
        )?;
        Ok(())
    }

    pub fn ceremony(&mut self, digest: &[u8]) -> Result<Option<Ceremony>, Fault> {
        self.row(
            "SELECT purpose, challenge, user_id, binding, expires_at FROM passkey_ceremonies WHERE digest = $1",
            &[digest.into()],
            |row| {
                let purpose: String = row.get(0)?;
                Ok(Ceremony {
                    purpose: CeremonyPurpose::parse(&purpose)
                        .ok_or_else(|| Fault::internal("passkey_ceremonies: a stored purpose is not one"))?,
                    challenge: row.get(1)?,
                    user_id: row.get(2)?,
                    binding: row.get(3)?,
                    expires_at: row.get(4)?,
                })
            },
        )
    }

    /// Spends a ceremony; says whether this call did (SEC-036).
    pub fn delete_ceremony(&mut self, digest: &[u8]) -> Result<bool, Fault> {
        let deleted = self.execute("DELETE FROM passkey_ceremonies WHERE digest = $1", &[digest.into()])?;
        Ok(deleted == 1)
    }

    pub fn known_passkey_handle(&mut self, user: &UserId) -> Result<Option<Vec<u8>>, Fault> {
        let found = self.row("SELECT passkey_handle FROM users WHERE id = $1", &[user.into()], |row| {
            row.get::<Option<Vec<u8>>>(0)
        })?;
        Ok(found.flatten())
    }

    /// What the account is called towards authenticators: `fresh`, unless it is called something already.
    pub fn passkey_handle(&mut self, user: &UserId, fresh: &[u8]) -> Result<Vec<u8>, Fault> {
        self.execute(
            "UPDATE users SET passkey_handle = $2 WHERE id = $1 AND passkey_handle IS NULL",
            &[user.into(), fresh.into()],
        )?;
        Ok(self.known_passkey_handle(user)?.unwrap_or_else(|| fresh.to_vec()))
    }

    /// The person's passkeys, oldest first.
    pub fn passkeys_of(&mut self, user: &UserId) -> Result<Vec<PasskeyRow>, Fault> {
        self.rows(
            "SELECT a.id, a.user_id, p.name, a.created_at, a.last_used_at,
                    p.credential_id, p.user_handle, p.public_key, p.counter, p.backup_eligible, p.backed_up,
                    p.aaguid, p.transports, p.suspended_at IS NOT NULL
             FROM authenticators a JOIN passkeys p ON p.authenticator_id = a.id
             WHERE a.user_id = $1 ORDER BY a.id",
            &[user.into()],
            |row| {
                Ok(PasskeyRow {
                    id: row.get(0)?,
                    name: row.get(2)?,
                    created_at: row.get(3)?,
                    last_used_at: row.get(4)?,
                    passkey: read(row, 5, row.get(1)?)?,
                })
            },
        )
    }

    /// Says whether it was theirs.
    pub fn rename_passkey(&mut self, user: &UserId, id: &AuthenticatorId, name: &str) -> Result<bool, Fault> {
        let renamed = self.execute(
            "UPDATE passkeys SET name = $3 WHERE authenticator_id = $1 AND user_id = $2",
            &[id.into(), user.into(), name.into()],
        )?;
        Ok(renamed == 1)
    }

    /// How many people nothing but passkeys of other domains would let in, and some of their addresses: those with
    /// no other confirmed second factor, or with no password.
    pub fn locked_out_by_rp_id(&mut self, rp_id: &str, most: i64) -> Result<(i64, Vec<String>), Fault> {
        let count = self.row(
            "SELECT count(*) FROM users u
             WHERE EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.id AND p.rp_id <> $1)
               AND NOT EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.id AND p.rp_id = $1)
               AND NOT EXISTS (SELECT 1 FROM authenticators a
                               WHERE a.user_id = u.id AND a.confirmed_at IS NOT NULL AND a.method <> 'passkey')",
            &[rp_id.into()],
            |row| row.get::<i64>(0),
        )?;
        let some = self.rows(
            "SELECT u.email FROM users u
             WHERE EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.id AND p.rp_id <> $1)
               AND NOT EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = u.id AND p.rp_id = $1)
               AND NOT EXISTS (SELECT 1 FROM authenticators a
                               WHERE a.user_id = u.id AND a.confirmed_at IS NOT NULL AND a.method <> 'passkey')
             ORDER BY u.email LIMIT $2",
            &[rp_id.into(), most.into()],
            |row| row.get::<String>(0),
        )?;
        Ok((count.unwrap_or_default(), some))
    }

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
