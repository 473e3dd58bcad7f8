//! Rows of `sessions` and `trusted_devices`. Both are found by the keyed digest of what the browser holds.

use countersign_core::{
    assurance::Proofs,
    ids::{SessionId, TrustedDeviceId, UserId},
    session::{self, Scope, Session, Visitor},
    time::Timestamp,
    trusted_device::{Presented, TrustedDevice},
    user::User,
};

use crate::{
    fault::Fault,
    store::{
        Row, Tx,
        users::{self, user_columns},
    },
};

/// A session together with whose it is: what almost every request asks for.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub session: Session,
    pub user: User,
    pub second_factor_is_on: bool,
}

/// A trusted device as its owner sees it.
#[derive(Clone, Debug)]
pub struct KnownDevice {
    pub id: TrustedDeviceId,
    /// As its owner calls it.
    pub name: Option<String>,
    pub visitor: Visitor,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A trusted device about to be stored.
pub struct NewTrustedDevice<'a> {
    pub device: &'a TrustedDevice,
    pub digest: &'a [u8],
    pub visitor: &'a Visitor,
}

/// A session with its user, found by one column.
macro_rules! signed_in_by {
    ($column:literal) => {
        concat!(
            "SELECT s.id, s.user_id, s.proofs, s.scope, s.remember, s.ip, s.user_agent, s.created_at,
                    s.refreshed_at, s.expires_at,
                    EXISTS (SELECT 1 FROM authenticators a
                            WHERE a.user_id = s.user_id AND a.confirmed_at IS NOT NULL), ",
            user_columns!(),
            " FROM sessions s JOIN users ON users.id = s.user_id WHERE s.",
            $column,
            " = $1"
        )
    };
}

impl Tx<'_> {
    pub fn insert_session(&mut self, session: &Session, digest: &[u8]) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO sessions (id, digest, user_id, proofs, scope, remember, ip, user_agent, created_at,
                                   refreshed_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            &[
                (&session.id).into(),
                digest.into(),
                (&session.user_id).into(),
                proofs_text(&session.proofs)?.into(),
                session.scope.as_str().into(),
                session.remember.into(),
                session.visitor.ip.as_str().into(),
                session.visitor.user_agent.as_str().into(),
                session.created_at.into(),
                session.refreshed_at.into(),
                session.expires_at.into(),
            ],
        )?;
        Ok(())
    }

    /// Whoever holds this token, dead sessions included; the caller asks whether it is live.
    pub fn signed_in(&mut self, digest: &[u8]) -> Result<Option<SignedIn>, Fault> {
        self.row(signed_in_by!("digest"), &[digest.into()], read_signed_in)
    }

    pub fn signed_in_by_id(&mut self, id: &SessionId) -> Result<Option<SignedIn>, Fault> {
        self.row(signed_in_by!("id"), &[id.into()], read_signed_in)
    }

    /// Live sessions, newest first.
    pub fn sessions_of(&mut self, user: &UserId, now: Timestamp) -> Result<Vec<Session>, Fault> {
        self.rows(
            "SELECT id, user_id, proofs, scope, remember, ip, user_agent, created_at, refreshed_at, expires_at
             FROM sessions WHERE user_id = $1 AND expires_at > $2 ORDER BY created_at DESC",
            &[user.into(), now.into()],
            read,
        )
    }

    pub fn renew_session(
        &mut self,
        id: &SessionId,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let renewed = self.execute(
            "UPDATE sessions SET expires_at = $2, refreshed_at = $3 WHERE id = $1 AND expires_at > $3",
            &[id.into(), expires_at.into(), now.into()],
        )?;
        Ok(renewed == 1)
    }

    pub fn set_proofs(&mut self, id: &SessionId, proofs: &Proofs) -> Result<bool, Fault> {
        let set = self.execute(
            "UPDATE sessions SET proofs = $2 WHERE id = $1",
            &[id.into(), proofs_text(proofs)?.into()],
        )?;
        Ok(set == 1)
    }

    pub fn set_scope(&mut self, id: &SessionId, scope: Scope) -> Result<(), Fault> {
        self.execute("UPDATE sessions SET scope = $2 WHERE id = $1", &[id.into(), scope.as_str().into()])?;
        Ok(())
    }

    /// Spends a refresh token: of two that come with it at once, one gets the next. What was spent is
    /// remembered as long as the session, up to a number that only somebody who floods us reaches.
    pub fn rotate_refresh_token(
        &mut self,
        id: &SessionId,
        presented: &[u8],
        fresh: &[u8],
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let rotated = self.execute(
            "UPDATE sessions SET digest = $3 WHERE id = $1 AND digest = $2 AND expires_at > $4",
            &[id.into(), presented.into(), fresh.into(), now.into()],
        )?;
        if rotated == 1 {
            self.execute(
                "INSERT INTO spent_refresh_tokens (digest, session_id, spent_at) VALUES ($1, $2, $3)",
                &[presented.into(), id.into(), now.into()],
            )?;
            self.execute(
                "DELETE FROM spent_refresh_tokens WHERE digest IN
                     (SELECT digest FROM spent_refresh_tokens WHERE session_id = $1
                      ORDER BY spent_at DESC LIMIT 1000 OFFSET $2)",
                &[id.into(), (session::SPENT_TOKENS_MAX as i64).into()],
            )?;
        }
        Ok(rotated == 1)
    }

    /// The next refresh token of a session that was shown by other means. The last one counts as spent.
    pub fn replace_refresh_token(
        &mut self,
        id: &SessionId,
        fresh: &[u8],
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO spent_refresh_tokens (digest, session_id, spent_at)
             SELECT digest, id, $2 FROM sessions WHERE id = $1",
            &[id.into(), now.into()],
        )?;
        self.execute("UPDATE sessions SET digest = $2 WHERE id = $1", &[id.into(), fresh.into()])?;
        Ok(())
    }

    /// Whose refresh token this was, if it was one and its session still lives.
    pub fn spent_refresh_token(&mut self, digest: &[u8]) -> Result<Option<SessionId>, Fault> {
        self.row("SELECT session_id FROM spent_refresh_tokens WHERE digest = $1", &[digest.into()], |row| {
            row.get(0)
        })
    }

    pub fn delete_session(&mut self, user: &UserId, id: &SessionId) -> Result<bool, Fault> {
        let gone =
            self.execute("DELETE FROM sessions WHERE id = $1 AND user_id = $2", &[id.into(), user.into()])?;
        Ok(gone == 1)
    }

    /// Whose it is or was, whatever it opens.
    pub fn user_of_session(&mut self, digest: &[u8]) -> Result<Option<UserId>, Fault> {
        self.row("SELECT user_id FROM sessions WHERE digest = $1", &[digest.into()], |row| row.get(0))
    }

    pub fn session_id_by_digest(&mut self, user: &UserId, digest: &[u8]) -> Result<Option<SessionId>, Fault> {
        self.row(
            "SELECT id FROM sessions WHERE digest = $1 AND user_id = $2",
            &[digest.into(), user.into()],
            |row| row.get(0),
        )
    }

    pub fn delete_sessions(&mut self, user: &UserId, except: Option<&SessionId>) -> Result<u64, Fault> {
        match except {
            Some(id) => self
                .execute("DELETE FROM sessions WHERE user_id = $1 AND id <> $2", &[user.into(), id.into()]),
            None => self.execute("DELETE FROM sessions WHERE user_id = $1", &[user.into()]),
        }
    }

    /// The oldest make room once a user has more than `keep`.
    pub fn evict_sessions(&mut self, user: &UserId, keep: usize) -> Result<(), Fault> {
        self.execute(
            "DELETE FROM sessions WHERE id IN
                 (SELECT id FROM sessions WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1000 OFFSET $2)",
            &[user.into(), (keep as i64).into()],
        )?;
        Ok(())
    }

    /// The person's trusted devices, newest use first.
    pub fn trusted_devices_of(&mut self, user: &UserId, now: Timestamp) -> Result<Vec<KnownDevice>, Fault> {
        self.rows(
            "SELECT id, ip, user_agent, created_at, last_used_at, expires_at, name FROM trusted_devices
             WHERE user_id = $1 AND expires_at > $2 ORDER BY last_used_at DESC",
            &[user.into(), now.into()],
            |row| {
                Ok(KnownDevice {
                    id: row.get(0)?,
                    visitor: Visitor { ip: row.get(1)?, user_agent: row.get(2)?, language: None },
                    created_at: row.get(3)?,
                    last_used_at: row.get(4)?,
                    expires_at: row.get(5)?,
                    name: row.get(6)?,
                })
            },
        )
    }

    /// Says whether it was theirs.
    pub fn rename_trusted_device(
        &mut self,
        user: &UserId,
        id: &TrustedDeviceId,
        name: Option<&str>,
    ) -> Result<bool, Fault> {
        let renamed = self.execute(
            "UPDATE trusted_devices SET name = $3 WHERE id = $1 AND user_id = $2",
            &[id.into(), user.into(), name.into()],
        )?;
        Ok(renamed == 1)
    }

    /// Says whether it was theirs, and is gone now.
    pub fn forget_trusted_device(&mut self, user: &UserId, id: &TrustedDeviceId) -> Result<bool, Fault> {
        let gone = self.execute(
            "DELETE FROM trusted_devices WHERE id = $1 AND user_id = $2",
            &[id.into(), user.into()],
        )?;
        Ok(gone == 1)
    }

    pub fn insert_trusted_device(&mut self, new: &NewTrustedDevice<'_>) -> Result<(), Fault> {
        let device = new.device;
        self.execute(
            "INSERT INTO trusted_devices (id, user_id, digest, rotated_at, ip, user_agent, created_at,
                                          last_used_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $4, $4, $7)",
            &[
                (&device.id).into(),
                (&device.user_id).into(),
                new.digest.into(),
                device.rotated_at.into(),
                new.visitor.ip.as_str().into(),
                new.visitor.user_agent.as_str().into(),
                device.expires_at.into(),
            ],
        )?;
        Ok(())
    }

    /// The device whose current or previous value this is.
    pub fn trusted_device(&mut self, digest: &[u8]) -> Result<Option<(TrustedDevice, Presented)>, Fault> {
        self.row(
            "SELECT id, user_id, rotated_at, expires_at, digest = $1, created_at FROM trusted_devices
             WHERE digest = $1 OR previous_digest = $1
                OR id = (SELECT device_id FROM spent_trust_values WHERE digest = $1)",
            &[digest.into()],
            |row| {
                let presented = if row.get(4)? { Presented::Current } else { Presented::Previous };
                let device = TrustedDevice {
                    id: row.get(0)?,
                    user_id: row.get(1)?,
                    rotated_at: row.get(2)?,
                    expires_at: row.get(3)?,
                    created_at: row.get(5)?,
                };
                Ok((device, presented))
            },
        )
    }

    /// Spends the presented value: of two that present it at once, one gets the new value.
    pub fn rotate_trusted_device(
        &mut self,
        id: &TrustedDeviceId,
        presented: &[u8],
        fresh: &[u8],
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let rotated = self.execute(
            "UPDATE trusted_devices SET digest = $3, previous_digest = $2, rotated_at = $4, last_used_at = $4
             WHERE id = $1 AND digest = $2 AND expires_at > $4",
            &[id.into(), presented.into(), fresh.into(), now.into()],
        )?;
        if rotated == 1 {
            self.execute(
                "INSERT INTO spent_trust_values (digest, device_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                &[presented.into(), id.into()],
            )?;
        }
        Ok(rotated == 1)
    }

    pub fn delete_trusted_device(&mut self, id: &TrustedDeviceId) -> Result<(), Fault> {
        self.execute("DELETE FROM trusted_devices WHERE id = $1", &[id.into()])?;
        Ok(())
    }

    pub fn delete_trusted_devices(&mut self, user: &UserId) -> Result<u64, Fault> {
        self.execute("DELETE FROM trusted_devices WHERE user_id = $1", &[user.into()])
    }
}

pub(crate) fn proofs_text(proofs: &Proofs) -> Result<String, Fault> {
    serde_json::to_string(proofs).map_err(|why| Fault::internal("proofs cannot be written").because(why))
}

pub(crate) fn proofs_from(text: &str) -> Result<Proofs, Fault> {
    serde_json::from_str(text).map_err(|why| Fault::internal("stored proofs cannot be read").because(why))
}

fn read_signed_in(row: &Row<'_>) -> Result<SignedIn, Fault> {
    Ok(SignedIn { session: read(row)?, second_factor_is_on: row.get(10)?, user: users::read(row, 11)? })
}

fn read(row: &Row<'_>) -> Result<Session, Fault> {
    let scope: String = row.get(3)?;
    Ok(Session {
        id: row.get(0)?,
        user_id: row.get(1)?,
        proofs: proofs_from(&row.get::<String>(2)?)?,
        scope: Scope::parse(&scope).ok_or_else(|| Fault::internal("sessions: a stored scope is not one"))?,
        remember: row.get(4)?,
        visitor: Visitor { ip: row.get(5)?, user_agent: row.get(6)?, language: None },
        created_at: row.get(7)?,
        refreshed_at: row.get(8)?,
        expires_at: row.get(9)?,
    })
}
