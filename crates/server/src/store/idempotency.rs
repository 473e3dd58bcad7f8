//! Rows of `idempotency_keys`.

use countersign_core::time::Timestamp;

use crate::{fault::Fault, store::Tx, vault::Sealed};

/// What a key stands for already.
pub struct Known {
    pub request: Vec<u8>,
    /// The status and the sealed body, once there is an answer.
    pub answer: Option<(u16, Sealed)>,
}

impl Tx<'_> {
    /// Takes the key for a request that is about to be worked on. Whoever gets `false` came second.
    pub fn take_idempotency_key(
        &mut self,
        digest: &[u8],
        request: &[u8],
        (now, until): (Timestamp, Timestamp),
    ) -> Result<bool, Fault> {
        self.execute(
            "DELETE FROM idempotency_keys WHERE digest = $1 AND expires_at <= $2",
            &[digest.into(), now.into()],
        )?;
        let taken = self.execute(
            "INSERT INTO idempotency_keys (digest, request, expires_at) VALUES ($1, $2, $3)
             ON CONFLICT (digest) DO NOTHING",
            &[digest.into(), request.into(), until.into()],
        )?;
        Ok(taken == 1)
    }

    pub fn idempotency_key(&mut self, digest: &[u8]) -> Result<Option<Known>, Fault> {
        self.row(
            "SELECT request, status, key_id, sealed FROM idempotency_keys WHERE digest = $1",
            &[digest.into()],
            |row| {
                let answer = match (row.get::<Option<i64>>(1)?, row.get(2)?, row.get(3)?) {
                    (Some(status), Some(key_id), Some(bytes)) => {
                        Some((u16::try_from(status).unwrap_or(500), Sealed { key_id, bytes }))
                    }
                    _ => None,
                };
                Ok(Known { request: row.get(0)?, answer })
            },
        )
    }

    pub fn keep_answer(
        &mut self,
        digest: &[u8],
        (status, sealed): (u16, &Sealed),
        until: Timestamp,
    ) -> Result<(), Fault> {
        self.execute(
            "UPDATE idempotency_keys SET status = $2, key_id = $3, sealed = $4, expires_at = $5 WHERE digest = $1",
            &[
                digest.into(),
                i64::from(status).into(),
                sealed.key_id.as_str().into(),
                sealed.bytes.clone().into(),
                until.into(),
            ],
        )?;
        Ok(())
    }

    /// Nothing came of it that is worth repeating.
    pub fn forget_idempotency_key(&mut self, digest: &[u8]) -> Result<(), Fault> {
        self.execute("DELETE FROM idempotency_keys WHERE digest = $1", &[digest.into()])?;
        Ok(())
    }
}
