//! Starting: with the wrong keys, twice, on a newer schema, beside another node, and without a database.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::http::header;
use countersign::{
    app::{self, App},
    clock::Clock,
    config::{Config, Database, Mail, MasterKeys},
    dice::Dice,
    fault::{Fault, FaultKind},
    store::Store,
};
use countersign_core::{secret::Secret, time::Timestamp, totp};
use serde_json::json;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinSet,
};

use crate::{
    passkeys, postgres,
    world::{Browser, ORIGIN, PASSWORD, on_postgres},
};

const MORNING: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ADA: &str = "ada@example.com";
const OLD_KEY: &str = "old:Gq2l6wCNbn4mR8sT1uVxYz0aBcDeFgHiJkLmNoPqRsU";
const NEW_KEY: &str = "new:9fK3vXw7pLr2QmZs8TtYhNcBg5JdEa4UoIi6Sx1MePk";
/// Another key under the old one's name.
const WRONG_KEY: &str = "old:zZ8yX7wV6uT5sR4qP3oN2mL1kJ0iH9gF8eD7cB6aA5Q";

/// A place that a server can be started in again and again.
struct Home {
    folder: tempfile::TempDir,
    server: Option<postgres::Database>,
    config: Config,
    clock: Clock,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = on_postgres().then(postgres::fresh_database);
        let database = match &server {
            Some(server) => Database::Postgres { url: Secret::new(server.url.clone()), connections: 2 },
            None => Database::Sqlite(folder.path().join("countersign.db")),
        };
        let config = Config {
            data_dir: folder.path().to_owned(),
            public_url: ORIGIN.parse().unwrap(),
            database,
            master_keys: keys(OLD_KEY),
            mail: Mail::Sink(folder.path().join("mail")),
            rate_limits: false,
            hash_threads: 2,
            ..Config::default()
        };
        Self { folder, server, config, clock: Clock::stopped(MORNING) }
    }

    async fn start(&self) -> Result<App, Fault> {
        self.start_with(self.config.master_keys.clone(), 7).await
    }

    async fn start_with(&self, master_keys: MasterKeys, seed: u64) -> Result<App, Fault> {
        let config = Config { master_keys, ..self.config.clone() };
        App::open(config, self.clock.clone(), Arc::new(Dice::seeded(seed))).await
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join("master.keys")
    }

    /// Everything there is: the files on disk, and how many rows every table has.
    async fn state(&self) -> (BTreeMap<PathBuf, Vec<u8>>, Vec<i64>) {
        let store = Store::open(&self.config.database).await.unwrap();
        let counted = store.read(|tx| {
            tx.rows(
                "SELECT count(*) FROM master_keys UNION ALL SELECT count(*) FROM sealed_keys
                 UNION ALL SELECT count(*) FROM users UNION ALL SELECT count(*) FROM events
                 UNION ALL SELECT count(*) FROM schema_versions",
                &[],
                |row| row.get(0),
            )
        });
        let counted = counted.await.unwrap();
        drop(store);
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            // SQLite's shared memory is scratch paper; it is written by readers, too.
            if path.is_file() && !path.to_string_lossy().ends_with("-shm") {
                files.insert(path.clone(), fs::read(path).unwrap());
            }
        }
        (files, counted)
    }
}

fn keys(text: &str) -> MasterKeys {
    MasterKeys::Environment(Secret::from(text))
}

fn browser(app: &App) -> Browser {
    Browser::on(app::router(&app.ctx).unwrap())
}

#[track_caller]
fn refused(start: Result<App, Fault>, because: &str) {
    let fault = start.err().expect("the start is refused");
    assert_eq!(fault.kind, FaultKind::Misconfigured, "{fault}");
    assert!(fault.to_string().contains(because) && !fault.to_string().contains('\n'), "{fault}");
}

/// SEC-098.
#[tokio::test]
async fn a_wrong_or_missing_key_stops_the_start_and_changes_nothing() {
    let home = Home::new();
    let app = home.start().await.unwrap();
    browser(&app).sign_up(ADA).await;
    drop(app);
    let before = home.state().await;
    refused(home.start_with(keys(WRONG_KEY), 8).await, "is not the one this database was sealed with");
    assert!(home.state().await == before);
    refused(home.start_with(keys(NEW_KEY), 8).await, "sealed with master key old");
    assert!(home.state().await == before);
    let both = format!("{NEW_KEY},{WRONG_KEY}");
    refused(home.start_with(keys(&both), 8).await, "is not the one");
    assert!(home.state().await == before);
    // Least of all is a lost key file replaced by a fresh one.
    refused(home.start_with(MasterKeys::File(home.key_file()), 8).await, "sealed with master key old");
    assert!(!home.key_file().exists() && home.state().await == before);
    home.start().await.unwrap();
}

/// A changed domain makes every passkey useless: nobody is locked out by a setting without being told who.
#[tokio::test]
async fn a_changed_passkey_domain_stops_the_start_while_it_locks_somebody_out() {
    let mut home = Home::new();
    let app = home.start().await.unwrap();
    let (mut ada, mut eve) = (browser(&app), browser(&app));
    ada.sign_up(ADA).await;
    passkeys::register(&mut ada, true).await;
    eve.sign_up("eve@example.com").await;
    drop((ada, eve, app));
    let moved = "http://app.localhost:3777".parse().unwrap();
    let before = std::mem::replace(&mut home.config.public_url, moved);
    let because = "app.localhost from now on, and 1 of the people here have no second factor but passkeys of \
                   another domain: ada@example.com.";
    refused(home.start().await, because);
    home.config.passkeys.rp_id = Some("localhost".to_owned());
    drop(home.start().await.unwrap());
    home.config.passkeys.rp_id = None;
    home.config.passkeys.abandon = Some("app.localhost".to_owned());
    drop(home.start().await.unwrap());
    // What was agreed to once is not agreed to for the next change.
    home.config.public_url = "http://127.0.0.1:3777".parse().unwrap();
    refused(home.start().await, "passkeys would be those of 127.0.0.1");
    home.config.public_url = before;
    drop(home.start().await.unwrap());
}

/// SEC-097: the new key seals, the old one still opens, until nothing is sealed with it.
#[tokio::test]
async fn a_second_key_is_added_in_front() {
    let home = Home::new();
    let app = home.start().await.unwrap();
    let mut ada = browser(&app);
    ada.sign_up(ADA).await;
    let password = json!({ "password": PASSWORD });
    let begun = ada.post("/api/auth/two-factor/enable", password.clone()).await.expect(200);
    let uri = begun.body["totpURI"].as_str().unwrap().to_owned();
    ada.post("/api/auth/two-factor/verify-totp", json!({ "code": code(&home, &uri) })).await.expect(200);
    drop((app, ada.clone()));
    let jar = ada.jar.clone();
    drop(ada);

    let both = keys(&format!("{NEW_KEY},{OLD_KEY}"));
    let app = home.start_with(both, 8).await.unwrap();
    let mut ada = browser(&app);
    ada.jar = jar;
    home.clock.advance(Duration::from_secs(30));
    let proven = json!({ "code": code(&home, &uri) });
    ada.post("/api/auth/two-factor/verify-totp", proven).await.expect(200);
    let shown = ada.post("/api/auth/two-factor/get-totp-uri", password.clone()).await.expect(200);
    assert!(shown.body["totpURI"].as_str().unwrap().contains(&secret_of(&uri)));
    let mut bob = browser(&app);
    bob.sign_up("bob@example.com").await;
    bob.post("/api/auth/two-factor/enable", password).await.expect(200);
    let sealed_with = app.ctx.store.read(|tx| {
        tx.rows("SELECT key_id FROM authenticators ORDER BY created_at", &[], |row| row.get::<String>(0))
    });
    assert_eq!(sealed_with.await.unwrap(), ["old", "new"]);
    drop((app, ada, bob));
    refused(home.start_with(keys(NEW_KEY), 9).await, "lacks master key `old`");
}

fn secret_of(uri: &str) -> String {
    let uri = url::Url::parse(uri).unwrap();
    uri.query_pairs().find(|(key, _)| key == "secret").unwrap().1.into_owned()
}

fn code(home: &Home, uri: &str) -> String {
    let seed = data_encoding::BASE32_NOPAD.decode(secret_of(uri).as_bytes()).unwrap();
    totp::code_at(&seed, totp::Parameters::default(), totp::step_at(home.clock.now(), 30))
}

/// SEC-099, SEC-129.
#[tokio::test]
async fn a_key_file_is_made_once_and_read_only_while_it_is_private() {
    let home = Home::new();
    let file = MasterKeys::File(home.key_file());
    drop(home.start_with(file.clone(), 7).await.unwrap());
    let made = fs::read(home.key_file()).unwrap();
    assert_eq!(fs::metadata(home.key_file()).unwrap().permissions().mode() & 0o777, 0o600);
    for mode in [0o644, 0o640, 0o604, 0o660] {
        fs::set_permissions(home.key_file(), fs::Permissions::from_mode(mode)).unwrap();
        refused(home.start_with(file.clone(), 8).await, "chmod 600");
    }
    fs::set_permissions(home.key_file(), fs::Permissions::from_mode(0o600)).unwrap();
    drop(home.start_with(file.clone(), 9).await.unwrap());
    assert_eq!(fs::read(home.key_file()).unwrap(), made);
    fs::remove_file(home.key_file()).unwrap();
    refused(home.start_with(file, 10).await, "sealed with master key");
    assert!(!home.key_file().exists());
}

/// SEC-130.
#[tokio::test]
async fn a_newer_schema_stops_the_start_and_stays_as_it_is() {
    let home = Home::new();
    let app = home.start().await.unwrap();
    let newer = "INSERT INTO schema_versions (version, name, applied_at) VALUES (9999, 'future', 0)";
    app.ctx.store.write(move |tx| tx.execute(newer, &[])).await.unwrap();
    drop(app);
    let before = home.state().await;
    refused(home.start().await, "schema version 9999");
    assert!(home.state().await == before);
}

#[tokio::test]
async fn a_second_process_on_one_file_is_refused() {
    if on_postgres() {
        return;
    }
    let home = Home::new();
    let first = home.start().await.unwrap();
    refused(home.start().await, "another process");
    browser(&first).sign_up(ADA).await;
    drop(first);
    home.start().await.unwrap();
}

/// Nodes that start together on an empty PostgreSQL: one makes the keys, all have them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_start_together_share_one_set_of_keys() {
    if !on_postgres() {
        return;
    }
    for _ in 0..8 {
        let home = Home::new();
        let nodes = tokio::join!(
            home.start_with(keys(OLD_KEY), 1),
            home.start_with(keys(OLD_KEY), 2),
            home.start_with(keys(OLD_KEY), 3),
        );
        let nodes = [nodes.0.unwrap(), nodes.1.unwrap(), nodes.2.unwrap()];
        assert_eq!(home.state().await.1[..2], [1, 3]);
        let mut ada = browser(&nodes[0]);
        ada.sign_up(ADA).await;
        for node in &nodes[1..] {
            let mut elsewhere = browser(node);
            elsewhere.jar = ada.jar.clone();
            let current = elsewhere.get("/api/auth/get-session").await.expect(200);
            assert_eq!(current.body["user"]["email"], ADA);
        }
    }
}

/// Nodes that were given different keys: the first decides, the other hears that its key is not the one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_with_different_keys_never_share_a_database() {
    if !on_postgres() {
        return;
    }
    for (ours, theirs) in [(OLD_KEY, NEW_KEY), (OLD_KEY, WRONG_KEY)].repeat(6) {
        let home = Home::new();
        let (one, other) = tokio::join!(home.start_with(keys(ours), 1), home.start_with(keys(theirs), 2));
        let served = [one.is_ok(), other.is_ok()];
        assert_eq!(served.iter().filter(|served| **served).count(), 1, "{served:?}");
        drop((one, other));
        let (winner, loser) = if served[0] { (ours, theirs) } else { (theirs, ours) };
        assert_eq!(home.state().await.1[..2], [1, 3]);
        home.start_with(keys(winner), 3).await.unwrap();
        refused(home.start_with(keys(loser), 4).await, "sealed with");
    }
}

/// Stands between a node and PostgreSQL, and can be cut.
struct Wire {
    url: String,
    whole: watch::Sender<bool>,
    up: Arc<AtomicBool>,
}

impl Wire {
    async fn to(database: &postgres::Database) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let real = url::Url::parse(&database.url).unwrap();
        let socket = real.host_str().unwrap().replace("%2F", "/").replace("%2f", "/");
        let address = if socket.starts_with('/') {
            format!("{socket}/.s.PGSQL.5432")
        } else {
            format!("{socket}:{}", real.port().unwrap_or(5432))
        };
        let url = format!("postgres://postgres@127.0.0.1:{port}{}?sslmode=disable", real.path());
        let up = Arc::new(AtomicBool::new(true));
        let (whole, watching) = watch::channel(true);
        tokio::spawn(carry(listener, address, watching, Arc::clone(&up)));
        Self { url, whole, up }
    }

    fn cut(&self) {
        self.up.store(false, Ordering::SeqCst);
        let _ = self.whole.send(false);
    }

    fn mend(&self) {
        self.up.store(true, Ordering::SeqCst);
        let _ = self.whole.send(true);
    }
}

async fn carry(listener: TcpListener, address: String, watching: watch::Receiver<bool>, up: Arc<AtomicBool>) {
    loop {
        let Ok((mut near, _)) = listener.accept().await else { return };
        if !up.load(Ordering::SeqCst) {
            continue;
        }
        let (address, mut watching) = (address.clone(), watching.clone());
        tokio::spawn(async move {
            let cut = async move { watching.wait_for(|whole| !*whole).await.map(|_| ()) };
            let carry = async {
                if address.starts_with('/') {
                    let mut far = UnixStream::connect(&address).await?;
                    copy_bidirectional(&mut near, &mut far).await
                } else {
                    let mut far = TcpStream::connect(&address).await?;
                    copy_bidirectional(&mut near, &mut far).await
                }
            };
            tokio::select! { _ = cut => {}, _ = carry => {} }
        });
    }
}

/// P4 and P5: without its database a node admits nobody, says so, and is back by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_postgres_nobody_gets_in_and_with_it_everybody_does_again() {
    let home = Home::new();
    let Some(server) = &home.server else { return };
    let wire = Wire::to(server).await;
    let database = Database::Postgres { url: Secret::new(wire.url.clone()), connections: 3 };
    let config = Config { database, ..home.config.clone() };
    let app = App::open(config, home.clock.clone(), Arc::new(Dice::seeded(7))).await.unwrap();
    let mut ada = browser(&app);
    ada.sign_up(ADA).await;
    for round in 0..3 {
        wire.cut();
        let signed_in = ada.jar.clone();
        let mut during = JoinSet::new();
        for number in 0..24 {
            let mut browser = browser(&app);
            browser.jar = if number % 2 == 0 { signed_in.clone() } else { BTreeMap::new() };
            during.spawn(async move {
                match number % 4 {
                    0 => browser.get("/api/auth/get-session").await,
                    1 => browser.sign_in(ADA).await,
                    2 => browser.post("/api/auth/two-factor/verify-totp", json!({ "code": "123456" })).await,
                    _ => {
                        let email = format!("new{round}-{number}@example.com");
                        let new = json!({ "name": "New", "email": email, "password": PASSWORD });
                        browser.post("/api/auth/sign-up/email", new).await
                    }
                }
            });
        }
        for reply in during.join_all().await {
            assert_eq!(reply.status, 503, "{reply:#?}");
            assert!(
                reply.headers.contains_key(header::RETRY_AFTER) && reply.cookies().is_empty(),
                "{reply:#?}"
            );
            assert_eq!(reply.code(), "SERVICE_UNAVAILABLE");
        }
        assert_eq!(browser(&app).get("/health/ready").await.status, 503);
        browser(&app).get("/health/live").await.expect(200);

        wire.mend();
        let back = async {
            let mut patience = tokio::time::interval(Duration::from_millis(50));
            while browser(&app).get("/health/ready").await.status != 200 {
                patience.tick().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), back).await.expect("ready again without a hand");
        ada.sign_in(ADA).await.expect(200);
        assert_eq!(ada.get("/api/auth/get-session").await.expect(200).body["user"]["email"], ADA);
    }
    let users = app.ctx.store.read(|tx| tx.row("SELECT count(*) FROM users", &[], |row| row.get::<i64>(0)));
    assert_eq!(users.await.unwrap(), Some(1), "what was answered with 503 did not happen");
}

/// FX-07: a database that can only be read lets people stay in and lets nobody in.
#[tokio::test]
async fn a_read_only_database_lets_nobody_in() {
    let home = Home::new();
    let Some(server) = &home.server else { return };
    let app = home.start().await.unwrap();
    let mut ada = browser(&app);
    ada.sign_up(ADA).await;
    let end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    server.say("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$");
    server.say(end_all);
    assert_eq!(browser(&app).get("/health/ready").await.status, 503);
    for password in [PASSWORD, "not her password"] {
        let body = json!({ "email": ADA, "password": password });
        let reply = browser(&app).post("/api/auth/sign-in/email", body).await;
        assert_eq!(reply.status, 503, "{reply:#?}");
        assert!(reply.headers.contains_key(header::RETRY_AFTER) && reply.cookies().is_empty());
    }
    assert_eq!(ada.get("/api/auth/get-session").await.expect(200).body["user"]["email"], ADA);
    server.say("BEGIN READ WRITE; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', current_database()); END $$; COMMIT");
    server.say(end_all);
    browser(&app).get("/health/ready").await.expect(200);
    browser(&app).sign_in(ADA).await.expect(200);
}
