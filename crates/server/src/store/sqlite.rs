//! SQLite: one writer thread that commits in groups, and a few read-only connections. Only this file names the driver.

use std::{
    cell::Cell,
    fs::{self, File},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rusqlite::{
    CachedStatement, Connection, Error, ErrorCode, OpenFlags, ToSql,
    config::DbConfig,
    types::{ToSqlOutput, ValueRef},
};
use tokio::{sync::Semaphore, time::timeout};

use crate::{
    fault::Fault,
    store::{
        self, Cells, Tx, Value, database_file,
        queue::{Job, Queue, Taken, run_caught},
    },
};

pub(super) type Row<'a> = rusqlite::Row<'a>;

/// Before this release two connections could corrupt a WAL database (the WAL-reset bug, SEC-130).
const OLDEST_SAFE: i32 = 3_051_003;
const QUEUE: usize = 4096;
/// The most jobs that share one commit, so that the first of them does not wait for ever.
const GROUP: usize = 128;
const READERS: usize = 4;
const READER_WAIT: Duration = Duration::from_secs(2);
/// The writer's pause after which a checkpoint disturbs nobody.
const IDLE: Duration = Duration::from_millis(50);
/// Pages (4 KiB) waiting in the WAL that are worth a checkpoint when idle, and that force one when busy.
const WAL_WORTH_EMPTYING: i64 = 250;
const WAL_TOO_LONG: i64 = 2_000;
/// How long after a failed commit the store does not call itself ready, whatever else succeeds meanwhile.
const CONVALESCENCE: Duration = Duration::from_secs(2);
/// Up to this size the whole file is checked at every start: about a second at worst.
const QUICK_CHECK: u64 = 256 << 20;

pub(super) struct Engine {
    queue: Arc<Queue>,
    readers: Readers,
    writer: Option<JoinHandle<()>>,
    /// Held for as long as the writer lives: one process, one writer.
    _lock: File,
}

impl Engine {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        if rusqlite::version_number() < OLDEST_SAFE {
            return Err(Fault::misconfigured("this program was built with an SQLite older than 3.51.3"));
        }
        let (path, lock) = database_file::claim(path)?;
        let connection = open_writer(&path)?;
        refuse_damage(&path, &connection)?;
        let queue = Arc::new(Queue::new(QUEUE));
        let readers =
            Readers { path: path.clone(), idle: Mutex::default(), permits: Semaphore::new(READERS) };
        let writer = Writer { path, connection: Some(connection), hurt: Cell::new(None) };
        let thread = thread::Builder::new().name("sqlite-writer".to_owned()).spawn({
            let queue = queue.clone();
            move || writer.serve(&queue)
        });
        let writer = thread.map_err(|error| Fault::unavailable("no thread for the writer").because(error))?;
        Ok(Self { queue, readers, writer: Some(writer), _lock: lock })
    }

    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Runs `work` on the calling task. Measured on two busy cores, a session look-up with its user costs
    /// 18 to 23 µs of CPU here and 37 to 46 µs through a reader's thread and a oneshot; per second that is
    /// 32,000 against 27,000, before the load generator asks for its share.
    pub(super) async fn read<T>(&self, work: impl Fn(&mut Tx<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        self.readers.read(work).await
    }
}

impl Drop for Engine {
    /// Waits for the last commit, so that whoever opens the file next finds the lock free.
    fn drop(&mut self) {
        self.readers.idle().clear();
        self.queue.close();
        if let Some(writer) = self.writer.take()
            && writer.thread().id() != thread::current().id()
        {
            let _ = writer.join();
        }
    }
}

/// Read-only connections, opened when first needed.
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Semaphore,
}

impl Readers {
    async fn read<T>(&self, work: impl Fn(&mut Tx<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let _permit = match self.permits.try_acquire() {
            Ok(permit) => permit,
            Err(_) => match timeout(READER_WAIT, self.permits.acquire()).await {
                Ok(Ok(permit)) => permit,
                _ => return Err(Fault::busy("no reader came free in time")),
            },
        };
        let pooled = self.idle().pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => open_reader(&self.path)?,
        };
        let answer = read_snapshot(&connection, &work);
        // A connection that saw an error is not worth an investigation: the next read opens a fresh one.
        if answer.is_ok() {
            self.idle().push(connection);
        }
        answer
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_snapshot<T>(
    connection: &Connection,
    work: &impl Fn(&mut Tx<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    // About 2 µs, paid even for a single query: the closure may ask two that must agree.
    control(connection, "BEGIN")?;
    let session = Session { connection, hurt: None };
    let answer = run_caught(work, &mut Tx::new(store::Session::Sqlite(session)))?;
    control(connection, "COMMIT")?;
    Ok(answer)
}

/// The one connection that writes, and the thread that owns it.
struct Writer {
    path: PathBuf,
    connection: Option<Connection>,
    /// When a commit last failed and no later one has proved the disk sound (FX-04, FX-06).
    hurt: Cell<Option<Instant>>,
}

impl Writer {
    fn serve(mut self, queue: &Queue) {
        let mut batch = Vec::with_capacity(GROUP);
        // With nothing in the WAL there is nothing to wake up for.
        let mut rest = None;
        loop {
            match queue.take(GROUP, rest, &mut batch) {
                Taken::Closed => return,
                Taken::Nothing => {
                    self.checkpoint(WAL_WORTH_EMPTYING);
                    rest = None;
                }
                Taken::Jobs => {
                    self.commit_group(queue, &mut batch);
                    self.checkpoint(WAL_TOO_LONG);
                    rest = Some(IDLE);
                }
            }
        }
    }

    /// Runs every job that waits, commits once, and only then answers all of them (P1).
    fn commit_group(&mut self, queue: &Queue, batch: &mut Vec<Box<dyn Job>>) {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.run_group(queue, batch)));
        let failure = match outcome {
            Ok(outcome) => outcome.err(),
            Err(_) => Some(Failure::lasting("the writer panicked")),
        };
        if let Some(failure) = &failure {
            // Once per trouble: a line for every group would help a full disk to stay full.
            if self.hurt.get().is_none() {
                tracing::warn!(reason = failure.reason, "a group of transactions was not committed");
            }
            self.abandon(failure);
        }
        for job in batch.drain(..) {
            job.answer(failure.as_ref().map(Failure::fault));
        }
    }

    fn run_group(&mut self, queue: &Queue, batch: &mut Vec<Box<dyn Job>>) -> Result<(), Failure> {
        if self.connection.is_none() {
            self.connection =
                Some(open_writer(&self.path).map_err(|fault| Failure::lasting(fault.to_string()))?);
        }
        let Some(connection) = &self.connection else { return Ok(()) };
        let before = connection.total_changes();
        control(connection, "BEGIN IMMEDIATE")?;
        let mut turn = 0;
        while turn < batch.len() {
            if batch[turn].start() {
                run_one(connection, &self.hurt, batch[turn].as_mut())?;
            }
            turn += 1;
            if turn == batch.len() {
                queue.grab(GROUP - turn, batch);
            }
        }
        control(connection, "COMMIT")?;
        let healed = self.hurt.get().is_some_and(|since| since.elapsed() >= CONVALESCENCE);
        if healed && connection.total_changes() != before {
            self.hurt.set(None);
        }
        Ok(())
    }

    /// After a failure the connection's state is in doubt: roll back and, unless it was only busy, start afresh.
    fn abandon(&mut self, failure: &Failure) {
        let sound = self
            .connection
            .as_ref()
            .is_some_and(|connection| connection.is_autocommit() || control(connection, "ROLLBACK").is_ok());
        if sound && failure.busy {
            return;
        }
        self.hurt.set(Some(Instant::now()));
        if sound {
            // What was committed before leaves the log, which gives a full disk room to breathe.
            self.checkpoint(1);
        }
        self.connection = None;
    }

    /// Moves the WAL into the database once `worth` pages wait in it. Left to SQLite, this would happen
    /// inside whichever commit crosses the mark; here it happens when idle, or when the WAL grows too long.
    fn checkpoint(&self, worth: i64) {
        let Some(connection) = &self.connection else { return };
        let waiting = connection.prepare_cached("PRAGMA wal_checkpoint(NOOP)").and_then(|mut statement| {
            statement.query_row([], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
        });
        if waiting.is_ok_and(|pages| pages >= worth)
            && let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        {
            tracing::warn!(%error, "the write-ahead log could not be moved into the database");
        }
    }
}

/// One job in its own savepoint, so that its failure is its own.
fn run_one(connection: &Connection, hurt: &Cell<Option<Instant>>, job: &mut dyn Job) -> Result<(), Failure> {
    control(connection, "SAVEPOINT job")?;
    let session = Session { connection, hurt: Some(hurt) };
    let keep = job.run(&mut Tx::new(store::Session::Sqlite(session)));
    // A full disk or a read error rolls the whole transaction back, the neighbours' work included.
    if connection.is_autocommit() {
        return Err(Failure::lasting("the transaction was rolled back beneath its jobs"));
    }
    if !keep {
        control(connection, "ROLLBACK TO job")?;
    }
    control(connection, "RELEASE job")?;
    Ok(())
}

/// Why a whole group came to nothing.
struct Failure {
    reason: String,
    busy: bool,
}

impl Failure {
    fn lasting(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), busy: false }
    }

    fn fault(&self) -> Fault {
        if self.busy {
            Fault::busy(format!("another program writes to the database: {}", self.reason))
        } else {
            Fault::unavailable(format!("the database did not commit: {}", self.reason))
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { busy: is_busy(&error), reason: error.to_string() }
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        failure.fault()
    }
}

/// A statement that steers the transaction itself.
fn control(connection: &Connection, sql: &'static str) -> Result<(), Failure> {
    connection.prepare_cached(sql)?.raw_execute()?;
    Ok(())
}

/// What a transaction can say to SQLite.
pub(super) struct Session<'a> {
    connection: &'a Connection,
    /// The writer's memory of a failed commit; a reader has none.
    hurt: Option<&'a Cell<Option<Instant>>>,
}

impl Session<'_> {
    pub(super) fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64, Fault> {
        let mut statement = self.prepare(sql, values)?;
        let changed = statement.raw_execute().map_err(|error| statement_fault(sql, &error))?;
        Ok(changed as u64)
    }

    pub(super) fn rows<T>(
        &mut self,
        sql: &'static str,
        values: &[Value],
        read: impl Fn(&store::Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut statement = self.prepare(sql, values)?;
        let mut rows = statement.raw_query();
        let mut answers = Vec::new();
        while let Some(row) = rows.next().map_err(|error| statement_fault(sql, &error))? {
            answers.push(read(&store::Row { cells: Cells::Sqlite(row) })?);
        }
        Ok(answers)
    }

    pub(super) fn script(&mut self, sql: &str) -> Result<(), Fault> {
        self.connection.execute_batch(sql).map_err(|error| statement_fault("a migration", &error))
    }

    /// That `BEGIN IMMEDIATE` went through says enough, unless the last commit failed: then only a page
    /// that reaches the disk says that the trouble is over.
    pub(super) fn probe(&mut self) -> Result<(), Fault> {
        let read_only = self.connection.is_readonly("main");
        if read_only.map_err(|error| statement_fault("a probe", &error))? {
            return Err(Fault::unavailable("the database is read-only"));
        }
        if let Some(since) = self.hurt.and_then(Cell::get) {
            if since.elapsed() < CONVALESCENCE {
                return Err(Fault::unavailable("a commit has just failed"));
            }
            // There and back: SQLite writes no page for an update that changes nothing.
            self.execute("UPDATE schema_versions SET applied_at = applied_at + 1", &[])?;
            self.execute("UPDATE schema_versions SET applied_at = applied_at - 1", &[])?;
        }
        Ok(())
    }

    fn prepare(&self, sql: &'static str, values: &[Value]) -> Result<CachedStatement<'_>, Fault> {
        let mut statement =
            self.connection.prepare_cached(sql).map_err(|error| statement_fault(sql, &error))?;
        bind(&mut statement, sql, values)?;
        Ok(statement)
    }
}

/// SQLite numbers `$n` by first appearance, so each value is bound by the digits in the name.
fn bind(statement: &mut CachedStatement<'_>, sql: &str, values: &[Value]) -> Result<(), Fault> {
    let mut highest = 0;
    for position in 1..=statement.parameter_count() {
        let name = statement.parameter_name(position).and_then(|name| name.strip_prefix('$'));
        let number = name.and_then(|digits| digits.parse::<usize>().ok()).unwrap_or(0);
        let value = number.checked_sub(1).and_then(|index| values.get(index));
        let value = value.ok_or_else(|| Fault::internal(format!("parameters do not fit `{sql}`")))?;
        statement.raw_bind_parameter(position, value).map_err(|error| statement_fault(sql, &error))?;
        highest = highest.max(number);
    }
    if highest != values.len() {
        return Err(Fault::internal(format!("{} parameters are too many for `{sql}`", values.len())));
    }
    Ok(())
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Boolean(boolean) => ValueRef::Integer(i64::from(*boolean)),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

pub(super) fn cell(row: &Row<'_>, index: usize) -> Result<Value, Fault> {
    match row.get_ref(index).map_err(|error| Fault::internal(error.to_string()))? {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(integer) => Ok(Value::Integer(integer)),
        ValueRef::Real(_) => Err(Fault::internal("it holds a floating-point number")),
        ValueRef::Text(text) => match str::from_utf8(text) {
            Ok(text) => Ok(Value::Text(text.to_owned())),
            Err(_) => Err(Fault::internal("it holds text that is not UTF-8")),
        },
        ValueRef::Blob(bytes) => Ok(Value::Bytes(bytes.to_vec())),
    }
}

fn is_busy(error: &Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

fn statement_fault(sql: &str, error: &Error) -> Fault {
    let what = format!("{error} in `{sql}`");
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Fault::busy(what),
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::NotADatabase,
        ) => Fault::unavailable(what),
        _ => Fault::internal(what),
    }
}

fn open_writer(path: &Path) -> Result<Connection, Fault> {
    let cannot = |error: Error| Fault::unavailable("the database cannot be opened").because(error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(cannot)?;
    keep_statements(&connection).map_err(cannot)?;
    connection.busy_timeout(Duration::from_secs(5)).map_err(cannot)?;
    let journal = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
    if journal.map_err(cannot)? != "wal" {
        return Err(Fault::misconfigured("the database cannot keep a write-ahead log where it lies"));
    }
    let settings = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 0;
        PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384; PRAGMA trusted_schema = OFF;";
    connection.execute_batch(settings).map_err(cannot)?;
    Ok(connection)
}

fn open_reader(path: &Path) -> Result<Connection, Fault> {
    let cannot =
        |error: Error| Fault::unavailable("the database cannot be opened for reading").because(error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(cannot)?;
    keep_statements(&connection).map_err(cannot)?;
    // Short, because the caller's task waits with it. In WAL mode a reader waits for nobody of ours.
    connection.busy_timeout(Duration::from_secs(1)).map_err(cannot)?;
    let settings = "PRAGMA query_only = ON; PRAGMA cache_size = -32768; PRAGMA trusted_schema = OFF;";
    connection.execute_batch(settings).map_err(cannot)?;
    Ok(connection)
}

/// The bundled SQLite looks at bound values to plan (STAT4) and so compiles a prepared statement again
/// whenever they change: measured, that was two thirds of a session look-up. A stable plan ends it.
fn keep_statements(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(256);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(|_| ())
}

fn refuse_damage(path: &Path, connection: &Connection) -> Result<(), Fault> {
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() > QUICK_CHECK) {
        return Ok(());
    }
    let damaged = || {
        let shown = path.display();
        Fault::misconfigured(format!("the database {shown} is damaged: restore it from a backup"))
    };
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match found {
        Ok(found) if found == "ok" => Ok(()),
        Ok(found) => Err(damaged().because(found)),
        Err(error) => Err(damaged().because(error)),
    }
}
