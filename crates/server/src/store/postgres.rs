//! PostgreSQL: worker threads that each own a connection and run the same closures. Only this file names the driver.

use std::{
    collections::HashMap,
    error::Error as _,
    hash::{BuildHasher, Hasher, RandomState},
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use ::postgres::{
    Client, Config, Error, NoTls, Statement,
    config::{Host, SslMode},
    error::SqlState,
    types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};
use countersign_core::{ids::UserId, secret::Secret};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    fault::Fault,
    store::{
        self, Cells, Tx, Value,
        queue::{Access, Job, Queue, Taken},
    },
};

pub(super) type Row = ::postgres::Row;

const QUEUE: usize = 256;
/// How often a transaction starts over after losing a race (SEC-127).
const RETRIES: u32 = 3;
/// The pause between attempts to connect: long enough not to hammer, short enough for P5.
const RECONNECT: Duration = Duration::from_millis(500);
/// Any number, the same on every node, that no other program uses for its own locks.
const SCHEMA_LOCK: i64 = 0x636f_756e_7465_7273;

pub(super) struct Engine {
    queue: Arc<Queue>,
    alive: Arc<AtomicUsize>,
}

impl Engine {
    /// Must not be called on an async task: the driver blocks.
    pub(super) fn open(url: &Secret<String>, connections: usize) -> Result<Self, Fault> {
        let address = Arc::new(Address::parse(url)?);
        let alive = Arc::new(AtomicUsize::new(0));
        let first = Connection::open(&address, &alive)?;
        let queue = Arc::new(Queue::new(QUEUE));
        let mut first = Some(first);
        for number in 0..connections.max(1) {
            let worker = Worker { queue: queue.clone(), address: address.clone(), alive: alive.clone() };
            let connection = first.take();
            thread::Builder::new()
                .name(format!("postgres-{number}"))
                .spawn(move || worker.serve(connection))
                .map_err(|error| Fault::unavailable("no thread for a database worker").because(error))?;
        }
        Ok(Self { queue, alive })
    }

    /// The queue to the workers; a fault at once when none of them has a connection.
    pub(super) fn queue(&self) -> Result<&Queue, Fault> {
        if self.alive.load(Ordering::Relaxed) == 0 {
            return Err(Fault::unavailable("PostgreSQL cannot be reached"));
        }
        Ok(&self.queue)
    }
}

impl Drop for Engine {
    /// Waits for nobody: a worker may be stuck in a connection that will never answer.
    fn drop(&mut self) {
        self.queue.close();
    }
}

struct Worker {
    queue: Arc<Queue>,
    address: Arc<Address>,
    alive: Arc<AtomicUsize>,
}

impl Worker {
    /// Takes jobs only while it has a connection, so that a worker without one keeps nobody waiting.
    fn serve(self, mut connection: Option<Connection>) {
        let mut batch = Vec::with_capacity(1);
        loop {
            let usable = connection.take().filter(|connection| !connection.client.is_closed());
            let Some(usable) = usable.or_else(|| self.connect_patiently()) else { return };
            match self.queue.take(1, None, &mut batch) {
                Taken::Closed => return,
                Taken::Nothing => connection = Some(usable),
                Taken::Jobs => {
                    connection = Some(usable);
                    if let Some(job) = batch.pop().filter(|job| job.start()) {
                        self.run(&mut connection, job);
                    }
                }
            }
        }
    }

    /// Runs one job to its end, starting over where nothing can have been committed yet.
    fn run(&self, slot: &mut Option<Connection>, mut job: Box<dyn Job>) {
        for attempt in 0..=RETRIES {
            let Some(connection) = slot else { break };
            match connection.attempt(job.as_mut()) {
                Attempt::Finished => {
                    job.answer(None);
                    return;
                }
                Attempt::Read => {
                    // A reader's answer is complete before its transaction is.
                    job.answer(None);
                    if connection.end("COMMIT").is_err() {
                        *slot = None;
                    }
                    return;
                }
                Attempt::Failed(fault) => {
                    *slot = None;
                    job.answer(Some(fault));
                    return;
                }
                Attempt::LostRace if attempt < RETRIES => wait_out(attempt),
                Attempt::LostRace => {
                    job.answer(Some(Fault::busy("the transaction kept losing races")));
                    return;
                }
                Attempt::LostConnection => *slot = Connection::open(&self.address, &self.alive).ok(),
            }
        }
        job.answer(Some(Fault::unavailable("the connection to PostgreSQL was lost")));
    }

    fn connect_patiently(&self) -> Option<Connection> {
        let mut told = false;
        loop {
            match Connection::open(&self.address, &self.alive) {
                Ok(connection) => return Some(connection),
                Err(fault) if !told => tracing::warn!(%fault, "a database worker has no connection"),
                Err(_) => {}
            }
            told = true;
            if !self.queue.pause(RECONNECT) {
                return None;
            }
        }
    }
}

/// Waits 5 to 30 ms, longer with each attempt, so that two transactions do not collide in step again.
fn wait_out(attempt: u32) {
    let dice = RandomState::new().build_hasher().finish() % 10;
    // Not a sleep in disguise for tests or timers: only this worker waits, and only after a lost race.
    thread::park_timeout(Duration::from_millis(u64::from(attempt + 1) * 5 + dice));
}

/// Where the database is and how to greet it. Holds the password; has no `Debug`.
struct Address {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Address {
    fn parse(url: &Secret<String>) -> Result<Self, Fault> {
        // Certificates and names are always verified here, so PostgreSQL's stricter words mean the same.
        let spelled = Secret::new(url.expose().replace("sslmode=verify-full", "sslmode=require"));
        let spelled = Secret::new(spelled.expose().replace("sslmode=verify-ca", "sslmode=require"));
        // The parser's complaint may quote the password: it is not kept.
        let parsed = spelled.expose().parse::<Config>();
        let mut config =
            parsed.map_err(|_| Fault::misconfigured("the PostgreSQL url cannot be understood"))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        if config.get_application_name().is_none() {
            config.application_name("countersign");
        }
        // A peer that vanished without a word is noticed in seconds instead of hours.
        config.keepalives_idle(Duration::from_secs(10)).keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(2).tcp_user_timeout(Duration::from_secs(15));
        if !spelled.expose().contains("sslmode=") && config.get_hosts().iter().all(is_local) {
            config.ssl_mode(SslMode::Disable);
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(MakeRustlsConnect::new(verifying_tls()?)),
        };
        Ok(Self { config, tls })
    }

    fn connect(&self) -> Result<Client, Error> {
        match &self.tls {
            None => self.config.connect(NoTls),
            Some(tls) => self.config.connect(tls.clone()),
        }
    }
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        Host::Unix(_) => true,
    }
}

fn verifying_tls() -> Result<rustls::ClientConfig, Fault> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let no_tls = |error| Fault::misconfigured("no TLS for PostgreSQL").because(error);
    let versions =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let verified = versions.and_then(|builder| builder.with_platform_verifier()).map_err(no_tls)?;
    Ok(verified.with_no_client_auth())
}

struct Connection {
    client: Client,
    /// Statements by their text. Bounded, because every text is written in the program.
    prepared: HashMap<&'static str, Statement>,
    alive: Arc<AtomicUsize>,
}

/// What became of one attempt at a job.
enum Attempt {
    /// Committed, or rolled back because the closure said so.
    Finished,
    /// The closure has read what it wanted; the transaction is still open.
    Read,
    LostRace,
    /// Lost before `COMMIT` was sent: nothing happened.
    LostConnection,
    /// The connection is in doubt and so, perhaps, is the outcome.
    Failed(Fault),
}

impl Connection {
    fn open(address: &Address, alive: &Arc<AtomicUsize>) -> Result<Self, Fault> {
        let refused =
            |error: Error| Fault::unavailable("PostgreSQL cannot be reached").because(describe(&error));
        let mut client = address.connect().map_err(refused)?;
        client
            .batch_execute(
                "SET statement_timeout = '10s'; SET lock_timeout = '5s';
                 SET idle_in_transaction_session_timeout = '15s'; SET TimeZone = 'UTC'",
            )
            .map_err(refused)?;
        let settings = client.query_one(
            "SELECT current_setting('synchronous_commit'), current_setting('fsync'),
                    current_setting('full_page_writes')",
            &[],
        );
        let settings = settings.map_err(refused)?;
        if settings.get::<_, &str>(0) == "off" {
            // Acknowledged means durable (P1), whatever the default of this database is.
            client.batch_execute("SET synchronous_commit = on").map_err(refused)?;
        }
        if (settings.get::<_, &str>(1), settings.get::<_, &str>(2)) != ("on", "on")
            && alive.load(Ordering::Relaxed) == 0
        {
            tracing::warn!("PostgreSQL runs with fsync or full_page_writes off: a crash can destroy it");
        }
        alive.fetch_add(1, Ordering::Relaxed);
        Ok(Self { client, prepared: HashMap::new(), alive: alive.clone() })
    }

    fn attempt(&mut self, job: &mut dyn Job) -> Attempt {
        let access = job.access();
        let begin = match access {
            Access::Write => "BEGIN ISOLATION LEVEL READ COMMITTED",
            // One snapshot for all queries of the closure.
            Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        };
        match self.client.batch_execute(begin) {
            Ok(()) => {}
            Err(error) if is_lost(&error) => return Attempt::LostConnection,
            Err(error) => return Attempt::Failed(Fault::unavailable(describe(&error))),
        }
        let mut tx = Tx::new(store::Session::Postgres(Session { connection: self, trouble: None }));
        let keep = job.run(&mut tx);
        let trouble = match tx.session {
            store::Session::Postgres(session) => session.trouble,
            store::Session::Sqlite(_) => None,
        };
        match trouble {
            Some(Trouble::LostConnection) => Attempt::LostConnection,
            Some(Trouble::LostRace) => match self.end("ROLLBACK") {
                Ok(()) => Attempt::LostRace,
                Err(_) => Attempt::LostConnection,
            },
            None if keep && access == Access::Read => Attempt::Read,
            None if keep => self.commit(),
            None => match self.end("ROLLBACK") {
                Ok(()) => Attempt::Finished,
                // The server rolls back by itself what it does not see committed.
                Err(_) => Attempt::Failed(Fault::unavailable("the connection to PostgreSQL was lost")),
            },
        }
    }

    fn commit(&mut self) -> Attempt {
        match self.end("COMMIT") {
            Ok(()) => Attempt::Finished,
            Err(error) if is_lost_race(&error) => Attempt::LostRace,
            Err(error) if is_lost(&error) || error.as_db_error().is_none() => Attempt::Failed(
                Fault::unavailable("the connection was lost during COMMIT; its outcome is unknown")
                    .because(describe(&error)),
            ),
            Err(error) => Attempt::Failed(Fault::unavailable("COMMIT was refused").because(describe(&error))),
        }
    }

    fn end(&mut self, sql: &'static str) -> Result<(), Error> {
        self.client.batch_execute(sql)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a transaction can say to PostgreSQL.
pub(super) struct Session<'a> {
    connection: &'a mut Connection,
    trouble: Option<Trouble>,
}

/// Why the whole transaction should be tried again, whatever the closure made of its error.
enum Trouble {
    LostRace,
    LostConnection,
}

impl Session<'_> {
    pub(super) fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64, Fault> {
        let statement = self.prepare(sql, values)?;
        let changed = self.connection.client.execute(&statement, &references(values));
        changed.map_err(|error| self.fault(sql, &error))
    }

    pub(super) fn rows<T>(
        &mut self,
        sql: &'static str,
        values: &[Value],
        read: impl Fn(&store::Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let statement = self.prepare(sql, values)?;
        let rows = self.connection.client.query(&statement, &references(values));
        let rows = rows.map_err(|error| self.fault(sql, &error))?;
        rows.iter().map(|row| read(&store::Row { cells: Cells::Postgres(row) })).collect()
    }

    pub(super) fn lock_user(&mut self, user: &UserId) -> Result<(), Fault> {
        self.execute("SELECT id FROM users WHERE id = $1 FOR UPDATE", &[user.into()]).map(|_| ())
    }

    /// One node migrates at a time; the others wait here as long as it takes.
    pub(super) fn lock_schema(&mut self) -> Result<(), Fault> {
        self.script("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")?;
        self.execute("SELECT pg_advisory_xact_lock($1)", &[SCHEMA_LOCK.into()]).map(|_| ())
    }

    pub(super) fn script(&mut self, sql: &str) -> Result<(), Fault> {
        self.connection.client.batch_execute(sql).map_err(|error| self.fault("a migration", &error))
    }

    /// Also false on a standby, where every transaction is read-only.
    pub(super) fn probe(&mut self) -> Result<(), Fault> {
        let writable = "SELECT current_setting('transaction_read_only') = 'off'";
        match self.rows(writable, &[], |row| row.get::<bool>(0))?.first() {
            Some(true) => Ok(()),
            _ => Err(Fault::unavailable("PostgreSQL accepts no writes")),
        }
    }

    fn prepare(&mut self, sql: &'static str, values: &[Value]) -> Result<Statement, Fault> {
        let statement = match self.connection.prepared.get(sql) {
            Some(statement) => statement.clone(),
            None => {
                let prepared = self.connection.client.prepare(sql);
                let statement = prepared.map_err(|error| self.fault(sql, &error))?;
                self.connection.prepared.insert(sql, statement.clone());
                statement
            }
        };
        if statement.params().len() != values.len() {
            return Err(Fault::internal(format!("{} parameters do not fit `{sql}`", values.len())));
        }
        Ok(statement)
    }

    fn fault(&mut self, sql: &str, error: &Error) -> Fault {
        if is_lost_race(error) {
            self.trouble = Some(Trouble::LostRace);
        } else if is_lost(error) {
            self.trouble = Some(Trouble::LostConnection);
        } else if error.code() == Some(&SqlState::FEATURE_NOT_SUPPORTED) {
            // "cached plan must not change result type": another node has migrated. Prepare afresh.
            self.connection.prepared.clear();
            self.trouble = Some(Trouble::LostRace);
        }
        let what = format!("{} in `{sql}`", describe(error));
        match error.code() {
            Some(&SqlState::LOCK_NOT_AVAILABLE | &SqlState::QUERY_CANCELED) => Fault::busy(what),
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => Fault::unavailable(what),
            // Out of resources, halted by an operator, failing disk, damaged data.
            Some(code) if ["53", "57", "58", "XX"].contains(&&code.code()[..2]) => Fault::unavailable(what),
            None if is_lost(error) => Fault::unavailable(what),
            _ => Fault::internal(what),
        }
    }
}

fn references(values: &[Value]) -> Vec<&(dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

impl ToSql for Value {
    fn to_sql(
        &self,
        column: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let wrong = || Err(format!("a parameter does not fit a column of type {column}").into());
        match (self, column) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Integer(integer), &Type::INT8) => integer.to_sql(column, out),
            // An integer literal beside the parameter makes PostgreSQL want the smaller type.
            (Self::Integer(integer), &Type::INT4) => i32::try_from(*integer)?.to_sql(column, out),
            (Self::Boolean(boolean), &Type::BOOL) => boolean.to_sql(column, out),
            (Self::Text(text), _) if <&str as ToSql>::accepts(column) => text.as_str().to_sql(column, out),
            (Self::Bytes(bytes), &Type::BYTEA) => bytes.as_slice().to_sql(column, out),
            _ => wrong(),
        }
    }

    /// Decided value by value, above.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

pub(super) fn cell(row: &Row, index: usize) -> Result<Value, Fault> {
    let column = row.columns().get(index).ok_or_else(|| Fault::internal("there is no such column"))?;
    let value = match column.type_() {
        &Type::INT8 => row.try_get::<_, Option<i64>>(index).map(Value::from),
        &Type::INT4 => row.try_get::<_, Option<i32>>(index).map(|cell| cell.map(i64::from).into()),
        &Type::BOOL => row.try_get::<_, Option<bool>>(index).map(Value::from),
        &Type::TEXT | &Type::VARCHAR | &Type::BPCHAR | &Type::NAME => {
            row.try_get::<_, Option<String>>(index).map(Value::from)
        }
        &Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(index).map(Value::from),
        other => return Err(Fault::internal(format!("it has the unexpected type {other}"))),
    };
    value.map_err(|error| Fault::internal(error.to_string()))
}

fn is_lost_race(error: &Error) -> bool {
    matches!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED))
}

/// The connection is gone or about to be: closed, broken, or ended by the server (classes 08 and 57P).
fn is_lost(error: &Error) -> bool {
    match error.code() {
        Some(code) => code.code().starts_with("08") || code.code().starts_with("57P"),
        None => error.is_closed() || error.source().is_some_and(|cause| cause.is::<std::io::Error>()),
    }
}

/// Code and message only: the detail of a PostgreSQL error quotes the values of the row.
fn describe(error: &Error) -> String {
    match error.as_db_error() {
        Some(error) => {
            let constraint = error.constraint().map(|name| format!(" ({name})")).unwrap_or_default();
            format!("{} {}{constraint}", error.code().code(), error.message())
        }
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_url_is_refused_without_its_password() {
        for url in
            ["postgres://u:hunter2@host:port/db", "postgres://u:hunter2@h/d?sslmode=hunter2", "hunter2"]
        {
            let fault = Address::parse(&Secret::from(url)).err().expect("refused");
            assert!(!format!("{fault} {fault:?}").contains("hunter2"), "{fault:?}");
        }
    }

    #[test]
    fn tls_is_off_only_where_nobody_listens() {
        let mode = |url: &str| Address::parse(&Secret::from(url)).unwrap().config.get_ssl_mode();
        assert_eq!(mode("postgres://u@localhost/d"), SslMode::Disable);
        assert_eq!(mode("postgres://u@%2Ftmp/d"), SslMode::Disable);
        assert_eq!(mode("postgres://u@db.example/d"), SslMode::Prefer);
        assert_eq!(mode("postgres://u@localhost/d?sslmode=require"), SslMode::Require);
        assert_eq!(mode("postgres://u@db.example/d?sslmode=verify-full"), SslMode::Require);
    }
}
