//! The outbox: messages decided inside a transaction, sealed, waiting to be sent after its commit.

use std::time::Duration;

use countersign_core::{
    ids::{OutboxId, UserId},
    message::Letter,
    time::Timestamp,
};

use crate::{
    fault::Fault,
    store::{Row, Tx, Value},
    vault::{Place, Sealed, Vault},
};

/// One waiting message. `due_at` is when to try next; while a worker holds the row, when its lease ends.
#[derive(Clone, Debug)]
pub struct OutboxRow {
    pub id: OutboxId,
    pub user_id: UserId,
    pub sealed: Sealed,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub due_at: Timestamp,
    /// Times a worker took the row, the present one included.
    pub attempts: u32,
}

/// What is written on the outside: all that the table shows of a message.
#[derive(Clone, Debug)]
pub struct Envelope {
    pub id: OutboxId,
    pub user_id: UserId,
    pub created_at: Timestamp,
}

impl OutboxRow {
    /// Seals `letter` into a row that is due at once.
    pub fn seal(vault: &Vault, envelope: Envelope, letter: &Letter) -> Result<Self, Fault> {
        let Envelope { id, user_id, created_at } = envelope;
        let sealed = vault.seal(&place(&id, &user_id), letter.to_bytes().expose())?;
        Ok(Self {
            id,
            user_id,
            sealed,
            created_at,
            expires_at: letter.expires_at,
            due_at: created_at,
            attempts: 0,
        })
    }

    pub fn open(&self, vault: &Vault) -> Result<Letter, Fault> {
        let payload = vault.open(&place(&self.id, &self.user_id), &self.sealed)?;
        Letter::from_bytes(payload.expose())
            .map_err(|unreadable| Fault::internal(format!("outbox {}", self.id)).because(unreadable))
    }

    fn read(row: &Row<'_>) -> Result<Self, Fault> {
        Ok(Self {
            id: OutboxId::from(row.get::<String>(0)?),
            user_id: UserId::from(row.get::<String>(1)?),
            sealed: Sealed { key_id: row.get(2)?, bytes: row.get(3)? },
            created_at: Timestamp::from_micros(row.get(4)?),
            expires_at: Timestamp::from_micros(row.get(5)?),
            due_at: Timestamp::from_micros(row.get(6)?),
            attempts: u32::try_from(row.get::<i64>(7)?).unwrap_or(u32::MAX),
        })
    }
}

fn place<'a>(id: &'a OutboxId, user: &'a UserId) -> Place<'a> {
    Place { table: "outbox", row: id.as_str(), user: user.as_str() }
}

impl Tx<'_> {
    /// Leaves a message to be sent once this transaction has committed.
    pub fn post(&mut self, row: &OutboxRow) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO outbox (id, user_id, key_id, sealed, created_at, expires_at, due_at, attempts)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                text(&row.id),
                Value::Text(row.user_id.as_str().to_owned()),
                Value::Text(row.sealed.key_id.clone()),
                Value::Bytes(row.sealed.bytes.clone()),
                at(row.created_at),
                at(row.expires_at),
                at(row.due_at),
                Value::Integer(i64::from(row.attempts)),
            ],
        )?;
        Ok(())
    }

    /// Takes what is due, oldest first, and keeps it from the other workers for `lease`.
    ///
    /// The due condition stands twice on purpose. Under READ COMMITTED the inner one may pick rows that
    /// another node is taking at this moment; the outer one is evaluated again once that node's lock is
    /// gone, sees the row leased, and leaves it alone.
    pub fn claim_letters(
        &mut self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<OutboxRow>, Fault> {
        let mut claimed = self.rows(
            "UPDATE outbox SET due_at = $1, attempts = attempts + 1
             WHERE id IN (SELECT id FROM outbox WHERE dead_at IS NULL AND due_at <= $2
                          ORDER BY due_at, id LIMIT $3)
               AND dead_at IS NULL AND due_at <= $2
             RETURNING id, user_id, key_id, sealed, created_at, expires_at, due_at, attempts",
            &[at(now + lease), at(now), Value::Integer(i64::from(limit))],
            OutboxRow::read,
        )?;
        // RETURNING promises no order.
        claimed.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(claimed)
    }

    pub fn letter_sent(&mut self, id: &OutboxId) -> Result<(), Fault> {
        self.execute("DELETE FROM outbox WHERE id = $1", &[text(id)])?;
        Ok(())
    }

    /// Puts a message back, to be tried again at `due`.
    pub fn letter_failed(&mut self, id: &OutboxId, due: Timestamp) -> Result<(), Fault> {
        self.execute(
            "UPDATE outbox SET due_at = $1 WHERE id = $2 AND dead_at IS NULL",
            &[at(due), text(id)],
        )?;
        Ok(())
    }

    /// Gives a message up. The row stays, so that somebody can count and ask.
    pub fn bury_letter(&mut self, id: &OutboxId, now: Timestamp) -> Result<(), Fault> {
        self.execute(
            "UPDATE outbox SET dead_at = $1 WHERE id = $2 AND dead_at IS NULL",
            &[at(now), text(id)],
        )?;
        Ok(())
    }

    /// The provider answers again: what waits longer than `beyond` from `now` is due at once. Rows that a
    /// worker holds end their lease before that, and stay with it.
    pub fn hasten_letters(&mut self, now: Timestamp, beyond: Duration) -> Result<u64, Fault> {
        self.execute(
            "UPDATE outbox SET due_at = $1 WHERE dead_at IS NULL AND attempts > 0 AND due_at > $2",
            &[at(now), at(now + beyond)],
        )
    }

    pub fn dead_letters(&mut self) -> Result<i64, Fault> {
        let count =
            self.row("SELECT count(*) FROM outbox WHERE dead_at IS NOT NULL", &[], |row| row.get(0))?;
        Ok(count.unwrap_or(0))
    }

    /// When the next message is due, wherever in the cluster it was posted.
    pub fn next_due(&mut self) -> Result<Option<Timestamp>, Fault> {
        let due = self.row("SELECT min(due_at) FROM outbox WHERE dead_at IS NULL", &[], |row| {
            row.get::<Option<i64>>(0)
        })?;
        Ok(due.flatten().map(Timestamp::from_micros))
    }
}

fn at(time: Timestamp) -> Value {
    Value::Integer(time.as_micros())
}

fn text(id: &OutboxId) -> Value {
    Value::Text(id.as_str().to_owned())
}
