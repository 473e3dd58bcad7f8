//! Rows of `api_keys`. A key is found by its keyed digest, and revoking it deletes it.

use countersign_core::{
    api_key::ApiKey,
    assurance::Proofs,
    ids::{ApiKeyId, SessionId, UserId},
    session::{Scope, Session, Visitor},
    time::Timestamp,
};

use crate::{
    fault::Fault,
    store::{
        Row, SignedIn, Tx,
        users::{self, user_columns},
    },
};

/// A key and whose it is, found by one column.
macro_rules! key_by {
    ($column:literal) => {
        concat!(
            "SELECT k.id, k.user_id, k.prefix, k.name, k.organisation_id, k.scopes, k.active, k.created_at,
                    k.expires_at, k.last_used_at,
                    EXISTS (SELECT 1 FROM authenticators a
                            WHERE a.user_id = k.user_id AND a.confirmed_at IS NOT NULL), ",
            user_columns!(),
            " FROM api_keys k JOIN users ON users.id = k.user_id WHERE k.active AND k.",
            $column,
            " = $1"
        )
    };
}

impl Tx<'_> {
    pub fn insert_api_key(&mut self, key: &ApiKey, digest: &[u8]) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO api_keys (id, digest, user_id, prefix, name, organisation_id, scopes, active, created_at,
                                   expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            &[
                (&key.id).into(),
                digest.into(),
                (&key.user_id).into(),
                key.prefix.as_str().into(),
                key.name.as_str().into(),
                key.organisation_id.as_ref().map(|id| id.as_str()).into(),
                key.scopes.as_str().into(),
                key.active.into(),
                key.created_at.into(),
                key.expires_at.into(),
            ],
        )?;
        Ok(())
    }

    /// The person's keys of one kind, newest first.
    pub fn api_keys_of(&mut self, user: &UserId, prefix: &str) -> Result<Vec<ApiKey>, Fault> {
        self.rows(
            "SELECT id, user_id, prefix, name, organisation_id, scopes, active, created_at, expires_at, last_used_at
             FROM api_keys WHERE user_id = $1 AND prefix = $2 ORDER BY created_at DESC, id DESC",
            &[user.into(), prefix.into()],
            read,
        )
    }

    /// The key with this digest and its owner, in the form of a session that is none.
    pub fn key_holder(&mut self, digest: &[u8]) -> Result<Option<(ApiKey, SignedIn)>, Fault> {
        self.row(key_by!("digest"), &[digest.into()], read_holder)
    }

    pub fn key_holder_by_id(&mut self, id: &str) -> Result<Option<SignedIn>, Fault> {
        Ok(self.row(key_by!("id"), &[id.into()], read_holder)?.map(|(_, holder)| holder))
    }

    pub fn note_key_use(&mut self, id: &ApiKeyId, now: Timestamp) -> Result<(), Fault> {
        self.execute("UPDATE api_keys SET last_used_at = $2 WHERE id = $1", &[id.into(), now.into()])?;
        Ok(())
    }

    /// Says whether the key is theirs.
    pub fn change_api_key(&mut self, key: &ApiKey) -> Result<bool, Fault> {
        let changed = self.execute(
            "UPDATE api_keys SET name = $3, scopes = $4, active = $5, expires_at = $6
             WHERE id = $1 AND user_id = $2",
            &[
                (&key.id).into(),
                (&key.user_id).into(),
                key.name.as_str().into(),
                key.scopes.as_str().into(),
                key.active.into(),
                key.expires_at.into(),
            ],
        )?;
        Ok(changed == 1)
    }

    /// The same key under a new secret; the old one is dead at once.
    pub fn replace_api_key_secret(
        &mut self,
        user: &UserId,
        id: &ApiKeyId,
        digest: &[u8],
    ) -> Result<bool, Fault> {
        let replaced = self.execute(
            "UPDATE api_keys SET digest = $3 WHERE id = $1 AND user_id = $2",
            &[id.into(), user.into(), digest.into()],
        )?;
        Ok(replaced == 1)
    }

    pub fn delete_api_key(&mut self, user: &UserId, id: &ApiKeyId) -> Result<bool, Fault> {
        let gone =
            self.execute("DELETE FROM api_keys WHERE id = $1 AND user_id = $2", &[id.into(), user.into()])?;
        Ok(gone == 1)
    }

    pub fn delete_api_keys(&mut self, user: &UserId) -> Result<u64, Fault> {
        self.execute("DELETE FROM api_keys WHERE user_id = $1", &[user.into()])
    }
}

fn read(row: &Row<'_>) -> Result<ApiKey, Fault> {
    Ok(ApiKey {
        id: row.get(0)?,
        user_id: row.get(1)?,
        prefix: row.get(2)?,
        name: row.get(3)?,
        organisation_id: row.get(4)?,
        scopes: row.get(5)?,
        active: row.get(6)?,
        created_at: row.get(7)?,
        expires_at: row.get(8)?,
        last_used_at: row.get(9)?,
    })
}

/// Nothing was proven by whoever holds a key.
fn read_holder(row: &Row<'_>) -> Result<(ApiKey, SignedIn), Fault> {
    let key = read(row)?;
    let session = Session {
        id: SessionId::from(key.id.as_str().to_owned()),
        user_id: key.user_id.clone(),
        proofs: Proofs::default(),
        scope: Scope::Key,
        remember: false,
        visitor: Visitor::default(),
        created_at: key.created_at,
        refreshed_at: key.created_at,
        expires_at: key.expires_at,
    };
    let holder = SignedIn { session, second_factor_is_on: row.get(10)?, user: users::read(row, 11)? };
    Ok((key, holder))
}
