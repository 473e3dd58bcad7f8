//! The store: a transaction is a synchronous closure, run by one SQLite writer or a pool of PostgreSQL workers.

mod value;

pub use value::{Column, Value};

use crate::fault::Fault;
use countersign_core::ids::UserId;

#[derive(Clone)]
pub struct Store {}

impl Store {
    /// Runs `work` in one durable transaction. `work` may run again after a serialisation failure.
    pub async fn write<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let _ = work;
        Err(Fault::internal("not written yet"))
    }

    /// Runs `work` in one read-only snapshot.
    pub async fn read<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let _ = work;
        Err(Fault::internal("not written yet"))
    }
}

/// One open transaction.
pub struct Tx<'a> {
    nothing: &'a (),
}

impl Tx<'_> {
    /// Runs one statement and says how many rows it changed.
    pub fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64, Fault> {
        let _ = (sql, values, self.nothing);
        Err(Fault::internal("not written yet"))
    }

    /// Runs one query (or `… RETURNING …`) and reads every row.
    pub fn rows<T>(
        &mut self,
        sql: &'static str,
        values: &[Value],
        read: impl Fn(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let _ = (sql, values, read);
        Err(Fault::internal("not written yet"))
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
        let _ = user;
        Ok(())
    }
}

/// One row of an answer.
pub struct Row<'a> {
    nothing: &'a (),
}

impl Row<'_> {
    /// Column `index`, counted from 0. `Option<T>` reads a column that may be null.
    pub fn get<T: Column>(&self, index: usize) -> Result<T, Fault> {
        let _ = (index, self.nothing);
        Err(Fault::internal("not written yet"))
    }
}
