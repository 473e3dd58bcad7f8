//! Rows of `service_keys` and `service_challenges`.

use countersign_core::{
    ids::{ChallengeId, OrganisationId, ServiceKeyId, SessionId},
    method::Methods,
    service::{Passed, ServiceChallenge, ServiceKey, Wanted},
    time::Timestamp,
};

use crate::{
    fault::Fault,
    store::{
        Row, Tx,
        sessions::{proofs_from, proofs_text},
    },
};

impl Tx<'_> {
    pub fn insert_service_key(&mut self, key: &ServiceKey, digest: &[u8]) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO service_keys (id, digest, organisation_id, name, return_urls, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            &[
                (&key.id).into(),
                digest.into(),
                (&key.organisation_id).into(),
                key.name.as_str().into(),
                key.return_urls.join("\n").into(),
                key.created_at.into(),
                key.expires_at.into(),
            ],
        )?;
        Ok(())
    }

    pub fn service_key(&mut self, digest: &[u8]) -> Result<Option<ServiceKey>, Fault> {
        self.row(
            "SELECT id, organisation_id, name, return_urls, created_at, expires_at, last_used_at
             FROM service_keys WHERE digest = $1",
            &[digest.into()],
            read_key,
        )
    }

    /// An organisation's keys, newest first.
    pub fn service_keys_of(&mut self, organisation: &OrganisationId) -> Result<Vec<ServiceKey>, Fault> {
        self.rows(
            "SELECT id, organisation_id, name, return_urls, created_at, expires_at, last_used_at
             FROM service_keys WHERE organisation_id = $1 ORDER BY created_at DESC, id DESC",
            &[organisation.into()],
            read_key,
        )
    }

    pub fn note_service_key_use(&mut self, id: &ServiceKeyId, now: Timestamp) -> Result<(), Fault> {
        self.execute("UPDATE service_keys SET last_used_at = $2 WHERE id = $1", &[id.into(), now.into()])?;
        Ok(())
    }

    /// Says whether the organisation had it.
    pub fn delete_service_key(
        &mut self,
        organisation: &OrganisationId,
        id: &ServiceKeyId,
    ) -> Result<bool, Fault> {
        let gone = self.execute(
            "DELETE FROM service_keys WHERE id = $1 AND organisation_id = $2",
            &[id.into(), organisation.into()],
        )?;
        Ok(gone == 1)
    }

    pub fn insert_service_challenge(&mut self, one: &ServiceChallenge) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO service_challenges (id, organisation_id, methods, reason, transaction_text, return_url,
                                             phone, application)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                (&one.id).into(),
                (&one.organisation_id).into(),
                one.wanted.methods.to_text().into(),
                one.wanted.reason.clone().into(),
                one.wanted.transaction.clone().into(),
                one.wanted.return_url.clone().into(),
                one.wanted.phone.clone().into(),
                one.application.as_str().into(),
            ],
        )?;
        Ok(())
    }

    pub fn service_challenge(&mut self, id: &ChallengeId) -> Result<Option<ServiceChallenge>, Fault> {
        self.row(
            "SELECT s.id, s.organisation_id, c.user_id, s.methods, s.reason, s.transaction_text, s.return_url,
                    s.phone, s.session_id, s.passed_at, s.proofs, c.expires_at, s.application
             FROM service_challenges s JOIN challenges c ON c.id = s.id WHERE s.id = $1",
            &[id.into()],
            read_challenge,
        )
    }

    pub fn bind_service_challenge(&mut self, id: &ChallengeId, session: &SessionId) -> Result<(), Fault> {
        self.execute(
            "UPDATE service_challenges SET session_id = $2 WHERE id = $1",
            &[id.into(), session.into()],
        )?;
        Ok(())
    }

    /// Keeps what passed it, with the digest of the code that the browser brings back, if it does. The challenge
    /// itself is spent by `pass_challenge`, in the same transaction.
    pub fn service_challenge_passed(
        &mut self,
        id: &ChallengeId,
        passed: &Passed,
        code: Option<(&[u8], Timestamp)>,
    ) -> Result<(), Fault> {
        let told_at = code.is_none().then_some(passed.at);
        self.execute(
            "UPDATE service_challenges SET passed_at = $2, proofs = $3, return_digest = $4,
                                           return_expires_at = $5, told_at = $6
             WHERE id = $1",
            &[
                id.into(),
                passed.at.into(),
                proofs_text(&passed.proofs)?.into(),
                code.map(|(digest, _)| digest).into(),
                code.map(|(_, expires_at)| expires_at).into(),
                told_at.into(),
            ],
        )?;
        Ok(())
    }

    /// Spends the code that a browser brought back: whoever gets `false` came second, too late, or with another.
    pub fn spend_return_code(
        &mut self,
        id: &ChallengeId,
        digest: &[u8],
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let spent = self.execute(
            "UPDATE service_challenges SET told_at = $3
             WHERE id = $1 AND return_digest = $2 AND return_expires_at > $3 AND told_at IS NULL",
            &[id.into(), digest.into(), now.into()],
        )?;
        Ok(spent == 1)
    }
}

fn read_key(row: &Row<'_>) -> Result<ServiceKey, Fault> {
    let return_urls: String = row.get(3)?;
    Ok(ServiceKey {
        id: row.get(0)?,
        organisation_id: row.get(1)?,
        name: row.get(2)?,
        return_urls: return_urls.lines().map(str::to_owned).collect(),
        created_at: row.get(4)?,
        expires_at: row.get(5)?,
        last_used_at: row.get(6)?,
    })
}

fn read_challenge(row: &Row<'_>) -> Result<ServiceChallenge, Fault> {
    let passed = match (row.get(9)?, row.get::<Option<String>>(10)?) {
        (Some(at), Some(proofs)) => Some(Passed { at, proofs: proofs_from(&proofs)? }),
        _ => None,
    };
    Ok(ServiceChallenge {
        id: row.get(0)?,
        organisation_id: row.get(1)?,
        user_id: row.get(2)?,
        wanted: Wanted {
            methods: Methods::from_text(row.get::<Option<String>>(3)?.as_deref()),
            reason: row.get(4)?,
            transaction: row.get(5)?,
            return_url: row.get(6)?,
            phone: row.get(7)?,
        },
        session_id: row.get(8)?,
        passed,
        expires_at: row.get(11)?,
        application: row.get(12)?,
    })
}
