//! Rows of `forward_passes`: a code on its way through a redirect, then the pass it became.

use countersign_core::{ids::SessionId, time::Timestamp};

use crate::{fault::Fault, store::Tx};

/// A code about to be handed out.
pub struct NewForwardCode<'a> {
    pub digest: &'a [u8],
    pub session: &'a SessionId,
    pub host: &'a str,
    pub state: &'a [u8],
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What a code becomes.
pub struct NewForwardPass<'a> {
    pub digest: &'a [u8],
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// How many of which kind may stay.
#[derive(Clone, Copy, Debug)]
pub enum Kept {
    Codes(usize),
    Passes(usize),
}

impl Tx<'_> {
    pub fn insert_forward_code(&mut self, new: &NewForwardCode<'_>) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO forward_passes (digest, session_id, host, state, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[
                new.digest.into(),
                new.session.into(),
                new.host.into(),
                new.state.into(),
                new.created_at.into(),
                new.expires_at.into(),
            ],
        )?;
        Ok(())
    }

    /// The oldest make room once a session has more than this for one host. Codes, which any page can make a
    /// browser ask for, never push a pass out.
    pub fn evict_forward_passes(&mut self, session: &SessionId, host: &str, kept: Kept) -> Result<(), Fault> {
        let (are_codes, keep) = match kept {
            Kept::Codes(keep) => (true, keep),
            Kept::Passes(keep) => (false, keep),
        };
        self.execute(
            "DELETE FROM forward_passes WHERE digest IN
                 (SELECT digest FROM forward_passes
                  WHERE session_id = $1 AND host = $2 AND (state IS NOT NULL) = $3
                  ORDER BY created_at DESC, digest LIMIT 1000 OFFSET $4)",
            &[session.into(), host.into(), are_codes.into(), (keep as i64).into()],
        )?;
        Ok(())
    }

    /// Whose code this is, spent or not; the caller spends it.
    pub fn forward_code(&mut self, digest: &[u8]) -> Result<Option<SessionId>, Fault> {
        self.row(
            "SELECT session_id FROM forward_passes WHERE digest = $1 AND state IS NOT NULL",
            &[digest.into()],
            |row| row.get(0),
        )
    }

    /// Spends a code: it becomes the pass, once, for the browser and host it was made for.
    pub fn redeem_forward_code(
        &mut self,
        code: &[u8],
        (host, state): (&str, &[u8]),
        pass: &NewForwardPass<'_>,
    ) -> Result<bool, Fault> {
        let redeemed = self.execute(
            "UPDATE forward_passes SET digest = $4, state = NULL, created_at = $5, expires_at = $6
             WHERE digest = $1 AND host = $2 AND state = $3 AND expires_at > $5",
            &[
                code.into(),
                host.into(),
                state.into(),
                pass.digest.into(),
                pass.created_at.into(),
                pass.expires_at.into(),
            ],
        )?;
        Ok(redeemed == 1)
    }

    /// The session that a pass stands for at this host.
    pub fn forward_pass(
        &mut self,
        digest: &[u8],
        host: &str,
        now: Timestamp,
    ) -> Result<Option<SessionId>, Fault> {
        self.row(
            "SELECT session_id FROM forward_passes
             WHERE digest = $1 AND host = $2 AND state IS NULL AND expires_at > $3",
            &[digest.into(), host.into(), now.into()],
            |row| row.get(0),
        )
    }
}
