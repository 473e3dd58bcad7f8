//! Rows of `events`: the journal, written in the transaction of the effect it records.

use countersign_core::{
    event::Event,
    ids::{EventId, UserId},
};

use crate::{
    fault::Fault,
    store::{EventRow, Tx, administration::read_event},
};

impl Tx<'_> {
    /// What happened to somebody, newest first.
    pub fn events_about(&mut self, user: &UserId, limit: i64) -> Result<Vec<EventRow>, Fault> {
        self.rows(
            "SELECT id, at, kind, user_id, ip, user_agent, detail FROM events
             WHERE user_id = $1 ORDER BY at DESC, id DESC LIMIT $2",
            &[user.into(), limit.into()],
            read_event,
        )
    }

    pub fn record(&mut self, id: &EventId, event: &Event) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO events (id, at, kind, user_id, session_id, ip, user_agent, detail)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                id.into(),
                event.at.into(),
                event.kind.as_str().into(),
                event.user_id.as_ref().map(|id| id.as_str().to_owned()).into(),
                event.session_id.as_ref().map(|id| id.as_str().to_owned()).into(),
                event.visitor.ip.as_str().into(),
                event.visitor.user_agent.as_str().into(),
                event.detail.to_string().into(),
            ],
        )?;
        Ok(())
    }
}
