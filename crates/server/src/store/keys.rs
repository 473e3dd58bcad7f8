//! Rows of `master_keys` and `sealed_keys`: what the vault needs to unlock, and to notice a wrong key.

use countersign_core::time::Timestamp;

use crate::{
    fault::Fault,
    store::Tx,
    vault::{Sealed, SealedKey},
};

impl Tx<'_> {
    /// The check value stored for each master key id ever used here.
    pub fn master_keys(&mut self) -> Result<Vec<(String, Vec<u8>)>, Fault> {
        self.rows("SELECT key_id, check_value FROM master_keys ORDER BY created_at, key_id", &[], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    /// Two nodes may start at once: the first to write wins, and both then read the same.
    pub fn insert_master_key(
        &mut self,
        key_id: &str,
        check_value: &[u8],
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO master_keys (key_id, check_value, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (key_id) DO NOTHING",
            &[key_id.into(), check_value.into(), now.into()],
        )?;
        Ok(())
    }

    pub fn sealed_keys(&mut self) -> Result<Vec<SealedKey>, Fault> {
        self.rows(
            "SELECT id, purpose, key_id, sealed, created_at FROM sealed_keys WHERE retired_at IS NULL
             ORDER BY created_at, id",
            &[],
            |row| {
                Ok(SealedKey {
                    id: row.get(0)?,
                    purpose: row.get(1)?,
                    sealed: Sealed { key_id: row.get(2)?, bytes: row.get(3)? },
                    created_at: row.get(4)?,
                })
            },
        )
    }

    pub fn insert_sealed_key(&mut self, key: &SealedKey) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO sealed_keys (id, purpose, key_id, sealed, created_at) VALUES ($1, $2, $3, $4, $5)",
            &[
                key.id.as_str().into(),
                key.purpose.as_str().into(),
                key.sealed.key_id.as_str().into(),
                key.sealed.bytes.clone().into(),
                key.created_at.into(),
            ],
        )?;
        Ok(())
    }
}
