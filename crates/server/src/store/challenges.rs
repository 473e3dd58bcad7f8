//! Rows of `challenges`, `one_time_codes` and `guess_budgets`: open questions and the guesses at them.

use countersign_core::{
    challenge::{Challenge, SentCode, State},
    ids::{ChallengeId, OneTimeCodeId, UserId},
    lockout::{Budget, Lane},
    phone::{self, Spent},
    time::Timestamp,
};

use crate::{
    fault::Fault,
    store::{
        Tx, Value,
        sessions::{proofs_from, proofs_text},
    },
};

/// A code about to be sent.
pub struct NewCode<'a> {
    pub id: OneTimeCodeId,
    pub user: &'a UserId,
    /// The challenge or session the code answers to, and no other (SEC-025).
    pub binding: &'a str,
    pub digest: Vec<u8>,
    pub sent_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Tx<'_> {
    pub fn insert_challenge(
        &mut self,
        challenge: &Challenge,
        digest: &[u8],
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO challenges (id, digest, user_id, state, proofs, remember, failures, security_version,
                                     opened_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            &[
                (&challenge.id).into(),
                digest.into(),
                (&challenge.user_id).into(),
                challenge.state.as_str().into(),
                proofs_text(&challenge.proofs)?.into(),
                challenge.remember.into(),
                i64::from(challenge.failures).into(),
                challenge.security_version.into(),
                now.into(),
                challenge.expires_at.into(),
            ],
        )?;
        Ok(())
    }

    /// The oldest make room once a user has more than `keep` questions open (SEC-060).
    pub fn evict_challenges(&mut self, user: &UserId, keep: usize) -> Result<(), Fault> {
        self.execute(
            "DELETE FROM challenges WHERE id IN
                 (SELECT id FROM challenges WHERE user_id = $1 AND state = 'pending'
                  ORDER BY opened_at DESC, id DESC LIMIT 1000 OFFSET $2)",
            &[user.into(), (keep as i64).into()],
        )?;
        Ok(())
    }

    pub fn challenge(&mut self, digest: &[u8]) -> Result<Option<Challenge>, Fault> {
        self.row(
            "SELECT id, user_id, state, proofs, remember, failures, security_version, expires_at
             FROM challenges WHERE digest = $1",
            &[digest.into()],
            |row| {
                let state: String = row.get(2)?;
                Ok(Challenge {
                    id: row.get(0)?,
                    user_id: row.get(1)?,
                    state: State::parse(&state)
                        .ok_or_else(|| Fault::internal("challenges: a stored state is not one"))?,
                    proofs: proofs_from(&row.get::<String>(3)?)?,
                    remember: row.get(4)?,
                    failures: row.get::<i64>(5)? as u32,
                    security_version: row.get(6)?,
                    expires_at: row.get(7)?,
                })
            },
        )
    }

    /// Says whether this call passed it. Whoever gets `false` came second or too late (SEC-057).
    pub fn pass_challenge(&mut self, id: &ChallengeId, now: Timestamp) -> Result<bool, Fault> {
        let passed = self.execute(
            "UPDATE challenges SET state = 'passed' WHERE id = $1 AND state = 'pending' AND expires_at > $2",
            &[id.into(), now.into()],
        )?;
        Ok(passed == 1)
    }

    /// Says whether it was still open.
    pub fn fail_challenge(&mut self, id: &ChallengeId) -> Result<bool, Fault> {
        let failed = self.execute(
            "UPDATE challenges SET state = 'failed' WHERE id = $1 AND state = 'pending'",
            &[id.into()],
        )?;
        Ok(failed == 1)
    }

    pub fn count_challenge_failure(&mut self, id: &ChallengeId) -> Result<(), Fault> {
        self.execute("UPDATE challenges SET failures = failures + 1 WHERE id = $1", &[id.into()])?;
        Ok(())
    }

    /// When codes were sent to this user since `since`, for the sending limits.
    pub fn codes_sent(&mut self, user: &UserId, since: Timestamp) -> Result<Vec<Timestamp>, Fault> {
        self.rows(
            "SELECT sent_at FROM one_time_codes WHERE user_id = $1 AND sent_at > $2 ORDER BY sent_at",
            &[user.into(), since.into()],
            |row| row.get(0),
        )
    }

    /// What was texted so far: to this range of numbers, and altogether. Whoever else counts waits until this
    /// transaction ends.
    pub fn texts_sent(&mut self, range: &str, now: Timestamp) -> Result<Spent, Fault> {
        // One row that everybody who counts touches; it is too old to be counted.
        self.execute(
            "INSERT INTO text_messages (id, dialled, sent_at) VALUES ('lock', '', 0)
             ON CONFLICT (id) DO UPDATE SET sent_at = 0",
            &[],
        )?;
        let mut count = |sql, values: &[Value]| {
            let count: Option<i64> = self.row(sql, values, |row| row.get(0))?;
            Ok::<_, Fault>(u32::try_from(count.unwrap_or_default()).unwrap_or(u32::MAX))
        };
        Ok(Spent {
            in_range: count(
                "SELECT count(*) FROM text_messages WHERE dialled = $1 AND sent_at > $2",
                &[range.into(), (now - phone::RANGE_WINDOW).into()],
            )?,
            today: count(
                "SELECT count(*) FROM text_messages WHERE sent_at > $1",
                &[(now - phone::BUDGET_WINDOW).into()],
            )?,
        })
    }

    pub fn insert_text(&mut self, id: &OneTimeCodeId, range: &str, now: Timestamp) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO text_messages (id, dialled, sent_at) VALUES ($1, $2, $3)",
            &[id.into(), range.into(), now.into()],
        )?;
        Ok(())
    }

    /// A new code is the only live one of its binding (SEC-024).
    pub fn insert_code(&mut self, code: &NewCode<'_>) -> Result<(), Fault> {
        self.execute(
            "UPDATE one_time_codes SET spent_at = $3 WHERE user_id = $1 AND binding = $2 AND spent_at IS NULL",
            &[code.user.into(), code.binding.into(), code.sent_at.into()],
        )?;
        self.execute(
            "INSERT INTO one_time_codes (id, user_id, binding, digest, sent_at, expires_at, failures)
             VALUES ($1, $2, $3, $4, $5, $6, 0)",
            &[
                (&code.id).into(),
                code.user.into(),
                code.binding.into(),
                code.digest.clone().into(),
                code.sent_at.into(),
                code.expires_at.into(),
            ],
        )?;
        Ok(())
    }

    pub fn sent_code(&mut self, user: &UserId, binding: &str) -> Result<Option<SentCode>, Fault> {
        self.row(
            "SELECT id, digest, expires_at, failures FROM one_time_codes
             WHERE user_id = $1 AND binding = $2 AND spent_at IS NULL",
            &[user.into(), binding.into()],
            |row| {
                Ok(SentCode {
                    id: row.get(0)?,
                    digest: row.get(1)?,
                    expires_at: row.get(2)?,
                    failures: row.get::<i64>(3)? as u32,
                })
            },
        )
    }

    pub fn spend_code(&mut self, id: &OneTimeCodeId, now: Timestamp) -> Result<bool, Fault> {
        let spent = self.execute(
            "UPDATE one_time_codes SET spent_at = $2 WHERE id = $1 AND spent_at IS NULL AND expires_at > $2",
            &[id.into(), now.into()],
        )?;
        Ok(spent == 1)
    }

    /// Ends a code that can no longer be right, expired or not.
    pub fn retire_code(&mut self, id: &OneTimeCodeId, now: Timestamp) -> Result<(), Fault> {
        self.execute(
            "UPDATE one_time_codes SET spent_at = $2 WHERE id = $1 AND spent_at IS NULL",
            &[id.into(), now.into()],
        )?;
        Ok(())
    }

    pub fn count_code_failure(&mut self, id: &OneTimeCodeId) -> Result<(), Fault> {
        self.execute("UPDATE one_time_codes SET failures = failures + 1 WHERE id = $1", &[id.into()])?;
        Ok(())
    }

    pub fn budget(&mut self, user: &UserId, lane: Lane) -> Result<Budget, Fault> {
        let budget = self.row(
            "SELECT failures, blocked_until, whole_at FROM guess_budgets WHERE user_id = $1 AND lane = $2",
            &[user.into(), lane.as_str().into()],
            |row| {
                Ok(Budget {
                    failures: row.get::<i64>(0)? as u32,
                    blocked_until: row.get(1)?,
                    whole_at: row.get(2)?,
                })
            },
        )?;
        Ok(budget.unwrap_or_default())
    }

    /// Forgets the wrong answers of the lanes that guess at codes.
    pub fn forgive_guesses(&mut self, user: &UserId) -> Result<(), Fault> {
        self.execute(
            "DELETE FROM guess_budgets WHERE user_id = $1 AND lane <> $2",
            &[user.into(), Lane::Password.as_str().into()],
        )?;
        Ok(())
    }

    pub fn set_budget(&mut self, user: &UserId, lane: Lane, budget: Budget) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO guess_budgets (user_id, lane, failures, blocked_until, whole_at)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (user_id, lane)
             DO UPDATE SET failures = excluded.failures, blocked_until = excluded.blocked_until,
                           whole_at = excluded.whole_at",
            &[
                user.into(),
                lane.as_str().into(),
                i64::from(budget.failures).into(),
                budget.blocked_until.into(),
                budget.whole_at.into(),
            ],
        )?;
        Ok(())
    }
}
