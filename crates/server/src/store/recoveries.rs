//! Rows of `recoveries`. Every change of state is one conditional statement that says whether it changed a row.

use countersign_core::{
    ids::{RecoveryId, UserId},
    recovery::{Recovery, Shortening, State},
    session::Visitor,
    time::Timestamp,
};

use crate::{
    fault::Fault,
    store::{Row, Tx},
};

/// What somebody holds who asks about a recovery, as its keyed digest.
#[derive(Clone, Debug)]
pub enum Ticket {
    /// Of whoever began it: may look, complete and give up.
    Claim(Vec<u8>),
    /// From a mail about it: may look and stop.
    Notice(Vec<u8>),
}

macro_rules! recovery_where {
    ($condition:literal) => {
        concat!(
            "SELECT id, user_id, state, security_version, ip, user_agent, started_at, ready_at, expires_at,
                    shorten_asked_by, shorten_asked_at, shorten_reason, shorten_approved_by, shortened_at
             FROM recoveries WHERE ",
            $condition
        )
    };
}

impl Tx<'_> {
    /// Says whether it is the only open one of its user.
    pub fn insert_recovery(
        &mut self,
        one: &Recovery,
        (claim, notice): (&[u8], &[u8]),
    ) -> Result<bool, Fault> {
        let inserted = self.execute(
            "INSERT INTO recoveries (id, user_id, claim_digest, notice_digest, state, security_version, ip,
                                     user_agent, started_at, ready_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT DO NOTHING",
            &[
                (&one.id).into(),
                (&one.user_id).into(),
                claim.into(),
                notice.into(),
                one.state.as_str().into(),
                one.security_version.into(),
                one.from.ip.as_str().into(),
                one.from.user_agent.as_str().into(),
                one.started_at.into(),
                one.ready_at.into(),
                one.expires_at.into(),
            ],
        )?;
        Ok(inserted == 1)
    }

    pub fn recovery(&mut self, ticket: &Ticket) -> Result<Option<Recovery>, Fault> {
        match ticket {
            Ticket::Claim(digest) => self.row(recovery_where!("claim_digest = $1"), &[digest.into()], read),
            Ticket::Notice(digest) => self.row(recovery_where!("notice_digest = $1"), &[digest.into()], read),
        }
    }

    /// The one that was open when it was last saved.
    pub fn open_recovery(&mut self, user: &UserId) -> Result<Option<Recovery>, Fault> {
        self.row(recovery_where!("user_id = $1 AND state IN ('pending', 'ready')"), &[user.into()], read)
    }

    /// Some whose wait is over and whose owner has not been told, or whose window has closed.
    pub fn recoveries_due(&mut self, now: Timestamp) -> Result<Vec<Recovery>, Fault> {
        self.rows(
            recovery_where!(
                "(state = 'pending' AND ready_at <= $1) OR (state IN ('pending', 'ready') AND expires_at <= $1)
                 ORDER BY ready_at, id LIMIT 100"
            ),
            &[now.into()],
            read,
        )
    }

    /// Says whether this call found it ready first.
    pub fn mark_recovery_ready(&mut self, id: &RecoveryId, now: Timestamp) -> Result<bool, Fault> {
        let marked = self.execute(
            "UPDATE recoveries SET state = 'ready'
             WHERE id = $1 AND state = 'pending' AND ready_at <= $2 AND expires_at > $2",
            &[id.into(), now.into()],
        )?;
        Ok(marked == 1)
    }

    /// Spends it: once, within its window, and not before the wait unless `at_once`.
    pub fn complete_recovery(
        &mut self,
        id: &RecoveryId,
        at_once: bool,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let completed = self.execute(
            "UPDATE recoveries SET state = 'completed', ended_at = $3
             WHERE id = $1 AND state IN ('pending', 'ready') AND (ready_at <= $3 OR $2) AND expires_at > $3",
            &[id.into(), at_once.into(), now.into()],
        )?;
        Ok(completed == 1)
    }

    /// Ends it without anybody getting in; says whether this call did.
    pub fn end_recovery(&mut self, id: &RecoveryId, as_of: (State, Timestamp)) -> Result<bool, Fault> {
        let (state, now) = as_of;
        let ended = self.execute(
            "UPDATE recoveries SET state = $2, ended_at = $3
             WHERE id = $1 AND state IN ('pending', 'ready')",
            &[id.into(), state.as_str().into(), now.into()],
        )?;
        Ok(ended == 1)
    }

    /// Saves what administrators said about it. Once it is in force nothing is added.
    pub fn shorten_recovery(&mut self, one: &Recovery, said: &Shortening) -> Result<bool, Fault> {
        let said = self.execute(
            "UPDATE recoveries SET shorten_asked_by = $2, shorten_asked_at = $3, shorten_reason = $4,
                                   shorten_approved_by = $5, shortened_at = $6, ready_at = $7, expires_at = $8
             WHERE id = $1 AND state = 'pending' AND shortened_at IS NULL",
            &[
                (&one.id).into(),
                (&said.asked_by).into(),
                said.asked_at.into(),
                said.reason.as_str().into(),
                said.approved_by.as_ref().map(|id| id.as_str()).into(),
                said.in_force_since.into(),
                one.ready_at.into(),
                one.expires_at.into(),
            ],
        )?;
        Ok(said == 1)
    }
}

fn read(row: &Row<'_>) -> Result<Recovery, Fault> {
    let state: String = row.get(2)?;
    let asked_by: Option<UserId> = row.get(9)?;
    let shortening = match asked_by {
        Some(asked_by) => Some(Shortening {
            asked_by,
            asked_at: row.get(10)?,
            reason: row.get(11)?,
            approved_by: row.get(12)?,
            in_force_since: row.get(13)?,
        }),
        None => None,
    };
    Ok(Recovery {
        id: row.get(0)?,
        user_id: row.get(1)?,
        state: State::parse(&state)
            .ok_or_else(|| Fault::internal("recoveries: a stored state is not one"))?,
        security_version: row.get(3)?,
        from: Visitor { ip: row.get(4)?, user_agent: row.get(5)?, language: None },
        started_at: row.get(6)?,
        ready_at: row.get(7)?,
        expires_at: row.get(8)?,
        shortening,
    })
}
