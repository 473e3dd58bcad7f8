//! The store: a transaction is a synchronous closure, run by one SQLite writer or a pool of PostgreSQL workers.
//!
//! After the first statement that fails, a transaction is lost: every further statement fails too, and the
//! closure cannot end in a commit even if it answers `Ok`. PostgreSQL does this by nature, SQLite is made to.
//! Where a conflict is an expected answer, write `ON CONFLICT` or a conditional statement and count the rows.

mod administration;
mod api_keys;
mod authenticators;
mod brands;
mod challenges;
mod database_file;
mod deadlines;
mod forward_passes;
mod idempotency;
mod journal;
mod keys;
mod links;
mod mail_sign_ins;
mod migrations;
mod organisations;
mod outbox;
mod passkeys;
mod postgres;
mod purge;
mod queue;
mod recoveries;
mod service;
mod sessions;
mod sqlite;
mod users;
mod value;
mod webhooks;

use std::sync::Arc;

use countersign_core::{
    ids::{OrganisationId, UserId},
    time::Timestamp,
};

pub use administration::{Counted, EventRow, Told};
pub use authenticators::{EnrolledRow, methods_of};
pub use challenges::NewCode;
pub use forward_passes::{Kept, NewForwardCode, NewForwardPass};
pub use links::{Link, Purpose};
pub use mail_sign_ins::NewMailSignIn;
pub use outbox::{Envelope, OutboxRow};
pub use passkeys::{Ceremony, CeremonyPurpose, NewPasskeyRow, PasskeyRow};
pub use recoveries::Ticket;
pub use sessions::{KnownDevice, NewTrustedDevice, SignedIn};
pub use value::{Column, Value};

use crate::{
    config::Database,
    fault::Fault,
    store::queue::{Access, Patience, ask},
};

#[derive(Clone)]
pub struct Store {
    engine: Arc<Engine>,
}

enum Engine {
    Sqlite(sqlite::Engine),
    Postgres(postgres::Engine),
}

impl Store {
    /// Opens the database and checks that it can be trusted (SEC-130). Does not migrate it.
    pub async fn open(database: &Database) -> Result<Self, Fault> {
        let database = database.clone();
        let opening = tokio::task::spawn_blocking(move || match &database {
            Database::Sqlite(path) => sqlite::Engine::open(path).map(Engine::Sqlite),
            Database::Postgres { url, connections } => {
                postgres::Engine::open(url, *connections).map(Engine::Postgres)
            }
        });
        let engine = opening.await.map_err(|_| Fault::internal("opening the database panicked"))??;
        Ok(Self { engine: Arc::new(engine) })
    }

    /// Runs `work` in one durable transaction. `work` may run again after a serialisation failure.
    pub async fn write<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        self.transact(Patience::Request, work).await
    }

    /// Runs `work` in one read-only snapshot.
    ///
    /// On SQLite it runs on the calling task: index lookups and short lists only. Page through long ones.
    pub async fn read<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        match &*self.engine {
            Engine::Sqlite(engine) => engine.read(work).await,
            Engine::Postgres(engine) => ask(engine.queue()?, Access::Read, Patience::Request, work).await,
        }
    }

    /// Brings the schema up to date and says which migrations it took.
    pub async fn migrate(&self, now: Timestamp) -> Result<Vec<String>, Fault> {
        self.transact(Patience::Endless, move |tx| migrations::apply(tx, now)).await
    }

    /// The version of the newest migration applied; 0 for an empty database.
    pub async fn schema_version(&self) -> Result<i64, Fault> {
        self.read(migrations::version).await
    }

    /// The version `migrate` brings the schema to.
    pub fn newest_schema_version() -> i64 {
        migrations::newest()
    }

    /// Whether the store can take a write right now.
    pub async fn ping(&self) -> Result<(), Fault> {
        self.write(|tx| {
            tx.say(|session| match session {
                Session::Sqlite(session) => session.probe(),
                Session::Postgres(session) => session.probe(),
            })
        })
        .await
    }

    async fn transact<T, F>(&self, patience: Patience, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let queue = match &*self.engine {
            Engine::Sqlite(engine) => engine.queue(),
            Engine::Postgres(engine) => engine.queue()?,
        };
        ask(queue, Access::Write, patience, work).await
    }
}

/// One open transaction.
pub struct Tx<'a> {
    session: Session<'a>,
    failed: bool,
}

enum Session<'a> {
    Sqlite(sqlite::Session<'a>),
    Postgres(postgres::Session<'a>),
}

impl<'a> Tx<'a> {
    /// Runs one statement and says how many rows it changed.
    pub fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64, Fault> {
        self.say(|session| {
            refuse_nul(sql, values)?;
            match session {
                Session::Sqlite(session) => session.execute(sql, values),
                Session::Postgres(session) => session.execute(sql, values),
            }
        })
    }

    /// Runs one query (or `… RETURNING …`) and reads every row.
    pub fn rows<T>(
        &mut self,
        sql: &'static str,
        values: &[Value],
        read: impl Fn(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        self.say(|session| {
            refuse_nul(sql, values)?;
            match session {
                Session::Sqlite(session) => session.rows(sql, values, read),
                Session::Postgres(session) => session.rows(sql, values, read),
            }
        })
    }

    /// The first row, if there is one.
    pub fn row<T>(
        &mut self,
        sql: &'static str,
        values: &[Value],
        read: impl Fn(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        Ok(self.rows(sql, values, read)?.into_iter().next())
    }

    /// Makes everything that follows about this user happen one after the other, across all nodes.
    pub fn lock_user(&mut self, user: &UserId) -> Result<(), Fault> {
        self.say(|session| match session {
            // The one writer is already alone.
            Session::Sqlite(_) => Ok(()),
            Session::Postgres(session) => session.lock_user(user),
        })
    }

    /// Keeps an organisation's rules as they are until this transaction ends. Others may hold them, too.
    pub fn hold_rules(&mut self, organisation: &OrganisationId) -> Result<(), Fault> {
        self.lock_rows("SELECT id FROM organisations WHERE id = $1 FOR SHARE", organisation.into())
    }

    /// As `lock_user`, for everybody in this organisation; in one order, so that two of them only wait.
    pub fn lock_members(&mut self, organisation: &OrganisationId) -> Result<(), Fault> {
        let sql =
            "SELECT id FROM users WHERE id IN (SELECT user_id FROM memberships WHERE organisation_id = $1)
                   ORDER BY id FOR UPDATE";
        self.lock_rows(sql, organisation.into())
    }

    fn lock_rows(&mut self, sql: &'static str, whose: Value) -> Result<(), Fault> {
        self.say(|session| match session {
            Session::Sqlite(_) => Ok(()),
            Session::Postgres(session) => session.execute(sql, &[whose]).map(|_| ()),
        })
    }

    /// Makes everything that follows happen on one node at a time: for what is set up once.
    pub fn lock_schema(&mut self) -> Result<(), Fault> {
        self.say(|session| match session {
            Session::Sqlite(_) => Ok(()),
            Session::Postgres(session) => session.lock_schema(),
        })
    }

    const fn new(session: Session<'a>) -> Self {
        Self { session, failed: false }
    }

    fn say<T>(&mut self, statement: impl FnOnce(&mut Session<'a>) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.failed {
            return Err(Fault::internal("an earlier statement of this transaction failed"));
        }
        let answer = statement(&mut self.session);
        self.failed = answer.is_err();
        answer
    }
}

/// PostgreSQL's text cannot hold U+0000. Refused on both, so that SQLite does not hide the mistake.
fn refuse_nul(sql: &str, values: &[Value]) -> Result<(), Fault> {
    let holds_nul = |value: &Value| matches!(value, Value::Text(text) if text.as_bytes().contains(&0));
    match values.iter().position(holds_nul) {
        Some(index) => Err(Fault::internal(format!("U+0000 inside ${} of `{sql}`", index + 1))),
        None => Ok(()),
    }
}

/// One row of an answer.
pub struct Row<'a> {
    cells: Cells<'a>,
}

enum Cells<'a> {
    Sqlite(&'a sqlite::Row<'a>),
    Postgres(&'a postgres::Row),
}

impl Row<'_> {
    /// Column `index`, counted from 0. `Option<T>` reads a column that may be null.
    pub fn get<T: Column>(&self, index: usize) -> Result<T, Fault> {
        let value = match self.cells {
            Cells::Sqlite(row) => sqlite::cell(row, index),
            Cells::Postgres(row) => postgres::cell(row, index),
        };
        value
            .and_then(T::read)
            .map_err(|fault| Fault::internal(format!("column {index} cannot be read")).because(fault))
    }
}
