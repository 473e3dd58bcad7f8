//! Rows of `events`: the journal, written in the transaction of the effect it records.

use countersign_core::{event::Event, ids::EventId};

use crate::{fault::Fault, store::Tx};

impl Tx<'_> {
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
