//! `countersign doctor`: looks at what usually goes wrong, and says how to put each thing right.

use std::{
    cmp::Ordering,
    fmt,
    fs::{self, File, TryLockError},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use countersign_core::{secret::Secret, time::Timestamp};
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use rustix::fs::Access;
use url::Url;

use crate::{
    app,
    cli::{Refusal, on_one_line, runtime},
    clock::Clock,
    config::{Config, Database, Mail, MasterKeys, is_loopback},
    fault::Fault,
    store::Store,
    telemetry::bounded,
    vault::Keyring,
};

/// One line of the report.
#[derive(Clone, Debug)]
struct Finding {
    state: State,
    what: String,
    /// What to do about it; nothing when all is well.
    fix: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ok,
    Warn,
    Fail,
}

impl Finding {
    fn ok(what: impl Into<String>) -> Self {
        Self { state: State::Ok, what: what.into(), fix: None }
    }

    fn warn(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { state: State::Warn, what: what.into(), fix: Some(fix.into()) }
    }

    fn fail(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { state: State::Fail, what: what.into(), fix: Some(fix.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
        };
        write!(f, "{state:<5} {}", on_one_line(&self.what))?;
        self.fix.as_ref().map_or(Ok(()), |fix| write!(f, " — {}", on_one_line(fix)))
    }
}

pub(super) fn run(config: &Config, clock: &Clock) -> Result<ExitCode, Refusal> {
    let findings = runtime()?.block_on(examine(config, clock));
    for finding in &findings {
        println!("{finding}");
    }
    let failed = findings.iter().any(|finding| finding.state == State::Fail);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Looks at everything; changes nothing, makes nothing.
async fn examine(config: &Config, clock: &Clock) -> Vec<Finding> {
    let refusals = config.check().into_iter().chain(config.check_disk());
    let mut findings: Vec<Finding> =
        refusals.map(|one| Finding::fail(format!("settings: {}: {}", one.what, one.why), one.fix)).collect();
    findings.extend(data_dir(config));
    findings.push(wall_clock(clock.now()));
    findings.push(keys(config));
    findings.extend(database(config, clock).await);
    findings.push(mail(config).await);
    findings.push(public_url(config));
    findings.push(cookies(config));
    findings.push(proxies(config));
    findings.extend(limits(config));
    findings
}

fn data_dir(config: &Config) -> Option<Finding> {
    let dir = config.data_dir.display();
    let warning =
        || Finding::warn(format!("data directory: everyone may look into {dir}"), format!("chmod 700 {dir}"));
    config.data_dir_is_open().then(warning)
}

const SYNCHRONISE: &str = "synchronise the clock (`timedatectl set-ntp true`): codes are checked against it";

/// The first and last moments at which a clock is believed: 2026-01-01 and 2100-01-01.
const BELIEVABLE: std::ops::Range<Timestamp> =
    Timestamp::from_seconds(1_767_225_600)..Timestamp::from_seconds(4_102_444_800);

fn wall_clock(now: Timestamp) -> Finding {
    if BELIEVABLE.contains(&now) {
        Finding::ok(format!("clock: {}", now.to_iso()))
    } else {
        Finding::fail(format!("clock: {} cannot be now", now.to_iso()), SYNCHRONISE)
    }
}

/// SEC-126: skew between a node and its database above 5 s is worth an alarm, above 30 s worth stopping.
fn skew(ours: Timestamp, theirs: Timestamp) -> Finding {
    let seconds = ours.since(theirs).max(theirs.since(ours)).as_secs();
    let what = format!("clock: {seconds} s apart from the database's");
    match seconds {
        0..=5 => Finding::ok(what),
        6..=30 => Finding::warn(what, SYNCHRONISE),
        _ => Finding::fail(what, SYNCHRONISE),
    }
}

fn keys(config: &Config) -> Finding {
    match &config.master_keys {
        MasterKeys::Environment(keys) => match Keyring::parse(keys) {
            Ok(_) => Finding::ok("keys: read from COUNTERSIGN_MASTER_KEYS"),
            Err(fault) => {
                Finding::fail(format!("keys: {fault}"), "put the master keys back as they were backed up")
            }
        },
        MasterKeys::File(file) if !file.exists() => missing_keys(config, file),
        MasterKeys::File(file) => match Keyring::from_file(file) {
            Ok(_) => Finding::ok(format!("keys: read from {}", file.display())),
            Err(fault) => Finding::fail(
                format!("keys: {fault}"),
                "restore the file from its backup; do not make a new one",
            ),
        },
    }
}

fn missing_keys(config: &Config, file: &Path) -> Finding {
    let what = format!("keys: {} does not exist", file.display());
    match &config.database {
        Database::Sqlite(database) if !holds_something(database) => {
            Finding::ok(format!("{what} yet; the first start makes it"))
        }
        // A new key would not unseal what an existing database holds.
        _ => Finding::warn(what, "restore it from its backup, unless the database is new as well"),
    }
}

fn holds_something(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.len() > 0)
}

/// SQLite serves one process; the one that has it holds the lock beside it.
fn in_use(file: &Path) -> bool {
    let mut lock = file.as_os_str().to_owned();
    lock.push(".lock");
    File::open(lock).is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

async fn database(config: &Config, clock: &Clock) -> Vec<Finding> {
    let name = match &config.database {
        // Opening it would make it, and a doctor only looks.
        Database::Sqlite(file) if !holds_something(file) => {
            return vec![Finding::ok(format!(
                "database: {} will be made by the first start",
                file.display()
            ))];
        }
        Database::Sqlite(file) if in_use(file) => {
            let what = format!("database: {} is in use, by a running server presumably", file.display());
            return vec![Finding::warn(what, "stop the server to have the file itself examined")];
        }
        Database::Sqlite(file) => file.display().to_string(),
        Database::Postgres { url, .. } => address_of(url),
    };
    match open(&config.database).await {
        Err(fault) => {
            let fix = "see that it runs and that COUNTERSIGN_DATABASE_URL is right";
            vec![Finding::fail(format!("database: {name}: {fault}"), fix)]
        }
        Ok((_, 0)) => vec![Finding::warn(format!("database: {name} has no schema yet"), MIGRATE)],
        Ok((store, version)) => {
            let mut findings = vec![schema(&name, version)];
            findings.extend(sealed_with(config, &store).await);
            if version == Store::newest_schema_version() {
                findings.extend(passkey_domain(config, &store).await);
            }
            if let Database::Postgres { .. } = &config.database {
                findings.push(match time_of(&store).await {
                    Ok(theirs) => skew(clock.now(), theirs),
                    Err(fault) => Finding::warn(
                        format!("clock: the database does not say its time: {fault}"),
                        "try again",
                    ),
                });
            }
            findings
        }
    }
}

const MIGRATE: &str = "run `countersign migrate`, or let `countersign serve` do it";

fn schema(name: &str, version: i64) -> Finding {
    let known = Store::newest_schema_version();
    let what = format!("database: {name}, schema version {version}");
    match version.cmp(&known) {
        Ordering::Equal => Finding::ok(what),
        Ordering::Less => Finding::warn(format!("{what}, older than this program's {known}"), MIGRATE),
        Ordering::Greater => Finding::fail(
            format!("{what}, newer than this program's {known}"),
            "run the program that made it, or a newer one",
        ),
    }
}

/// Whether the keys given are those the database was sealed with; says so only if not.
async fn sealed_with(config: &Config, store: &Store) -> Option<Finding> {
    let keyring = match &config.master_keys {
        MasterKeys::Environment(keys) => Some(Keyring::parse(keys)),
        MasterKeys::File(file) => file.exists().then(|| Keyring::from_file(file)),
    };
    // Keys that cannot be read have had their line already; no keys at all are wrong ones.
    let keyring = keyring.transpose().ok()?;
    let held = keyring.as_ref().map(app::checked).unwrap_or_default();
    let compared = match store.read(|tx| tx.master_keys()).await {
        Ok(known) => app::check_keys(&held, &known),
        Err(fault) => Err(fault),
    };
    let fault = compared.err()?;
    Some(Finding::fail(format!("keys: {fault}"), "`countersign serve` refuses to start until then"))
}

/// Whether a changed domain would lock people out; says so only if it would.
async fn passkey_domain(config: &Config, store: &Store) -> Option<Finding> {
    let fault = app::check_passkey_domain(store, config).await.err()?;
    Some(Finding::fail(format!("passkeys: {fault}"), "`countersign serve` refuses to start until then"))
}

async fn open(database: &Database) -> Result<(Store, i64), Fault> {
    let store = Store::open(database).await?;
    let version = store.schema_version().await?;
    Ok((store, version))
}

async fn time_of(store: &Store) -> Result<Timestamp, Fault> {
    let sql = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)";
    let micros: Option<i64> = store.read(move |tx| tx.row(sql, &[], |row| row.get(0))).await?;
    micros.map(Timestamp::from_micros).ok_or_else(|| Fault::internal("no row"))
}

/// Host and port of a URL: what may be shown of one that can hold a password.
fn address_of(url: &Secret<String>) -> String {
    let Ok(url) = Url::parse(url.expose()) else { return "(unreadable URL)".to_owned() };
    let host = url.host_str().unwrap_or("(local socket)");
    url.port().map_or_else(
        || format!("{}://{host}", url.scheme()),
        |port| format!("{}://{host}:{port}", url.scheme()),
    )
}

async fn mail(config: &Config) -> Finding {
    match &config.mail {
        Mail::Sink(dir) if !may_write(dir) => {
            let dir = dir.display();
            Finding::fail(
                format!("mail: cannot write to {dir}"),
                format!("make {dir} a directory of this user's"),
            )
        }
        Mail::Sink(dir) if is_loopback(&config.public_url) => {
            Finding::ok(format!("mail: kept in {} instead of being sent", dir.display()))
        }
        Mail::Sink(dir) => Finding::warn(
            format!("mail: kept in {} instead of being sent", dir.display()),
            "set COUNTERSIGN_MAIL=smtps://user:password@host",
        ),
        Mail::Smtp { url, from } => match greet(url).await {
            Ok(()) => Finding::ok(format!("mail: {} answers; mails come from {from}", address_of(url))),
            Err(reason) => Finding::fail(
                format!("mail: {}: {}", address_of(url), bounded(&reason)),
                "check host, port, TLS, user and password in COUNTERSIGN_MAIL (587 wants smtp://…?tls=required, 465 smtps://)",
            ),
        },
    }
}

/// Whether this user may write into a directory, or make it if it is not there.
fn may_write(dir: &Path) -> bool {
    let nearest = dir.ancestors().find(|place| place.exists()).unwrap_or(Path::new("."));
    nearest.is_dir() && rustix::fs::access(nearest, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// Connects, says EHLO, starts TLS and signs in as the URL asks; sends nothing.
async fn greet(url: &Secret<String>) -> Result<(), String> {
    const PATIENCE: Duration = Duration::from_secs(5);
    // Errors of parsers could quote the URL, which holds a password.
    let unreadable = "COUNTERSIGN_MAIL is no mail URL".to_owned();
    let url = with_tls_spelt_out(url).ok_or_else(|| unreadable.clone())?;
    let transport: AsyncSmtpTransport<Tokio1Executor> =
        AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose())
            .map_err(|_| unreadable)?
            .timeout(Some(PATIENCE))
            .build();
    match tokio::time::timeout(PATIENCE, transport.test_connection()).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err("does not answer EHLO".to_owned()),
        Ok(Err(error)) => Err(Fault::unavailable("no connection").because(error).to_string()),
        Err(_) => Err("no answer within 5 s".to_owned()),
    }
}

/// Delivery requires STARTTLS beyond this machine unless told otherwise; the examiner must not ask for less.
fn with_tls_spelt_out(url: &Secret<String>) -> Option<Secret<String>> {
    let mut url = Url::parse(url.expose()).ok()?;
    let asked = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, how)| how.into_owned());
    let required = match asked.as_deref() {
        Some(how @ ("required" | "opportunistic")) => Some(how.to_owned()),
        Some(_) => None,
        None => (url.scheme() == "smtp" && !is_loopback(&url)).then(|| "required".to_owned()),
    };
    url.set_query(required.map(|how| format!("tls={how}")).as_deref());
    Some(Secret::new(url.into()))
}

fn public_url(config: &Config) -> Finding {
    let url = &config.public_url;
    let what = format!("public URL: {url}");
    if !is_loopback(url) {
        return Finding::ok(format!("{what}, served on {}", config.listen));
    }
    let port = url.port_or_known_default();
    if port != Some(config.listen.port()) {
        return Finding::warn(
            format!("{what} but listening on port {}", config.listen.port()),
            "unless something forwards one to the other, links and passkeys will miss this server",
        );
    }
    Finding::ok(format!("{what}, for this machine only"))
}

fn cookies(config: &Config) -> Finding {
    let domain = config.better_auth.cookie_domain.as_deref();
    let scope = domain.map_or("this host only".to_owned(), |domain| format!("every host under {domain}"));
    if config.secure_cookies() {
        Finding::ok(format!("cookies: Secure, HttpOnly, SameSite=Lax, for {scope}"))
    } else {
        Finding::ok(format!(
            "cookies: HttpOnly, SameSite=Lax, for {scope}; Secure follows an https public URL"
        ))
    }
}

fn proxies(config: &Config) -> Finding {
    let public = config.public_url.scheme() == "https" && !is_loopback(&config.public_url);
    let list = config.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !list.is_empty() {
        return Finding::ok(format!("proxies: client addresses are taken from {list}"));
    }
    if public && config.listen.ip().is_loopback() {
        return Finding::warn(
            "proxies: an https public URL and no trusted proxy: every client looks like the proxy, so they share one rate limit",
            "set COUNTERSIGN_TRUSTED_PROXIES=127.0.0.1 and have the proxy set X-Forwarded-For",
        );
    }
    if public {
        return Finding::warn(
            "proxies: none trusted, though TLS ends somewhere before this server",
            "set COUNTERSIGN_TRUSTED_PROXIES to the proxy's address",
        );
    }
    Finding::ok("proxies: none; client addresses are those of the connections")
}

fn limits(config: &Config) -> Option<Finding> {
    let fix = "remove COUNTERSIGN_RATE_LIMITS=off except for load tests";
    (!config.rate_limits).then(|| Finding::warn("rate limits: off", fix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_may_be_older_but_not_newer() {
        let known = Store::newest_schema_version();
        let states = [known - 1, known, known + 1].map(|version| schema("here", version).state);
        assert_eq!(states, [State::Warn, State::Ok, State::Fail]);
    }

    #[test]
    fn a_place_that_can_be_made_can_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(may_write(folder.path()));
        assert!(may_write(&folder.path().join("new/deeper")));
        assert!(may_write(Path::new("new")));
        assert!(!may_write(&file));
        assert!(!may_write(&file.join("deeper")));
    }
}
