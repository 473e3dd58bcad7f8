//! The promises of the storage engine, the same on both databases: `STORE=postgres` runs them there.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, mpsc},
};

use countersign::{
    config::Database,
    fault::{Fault, FaultKind},
    store::{Store, Value},
};
use countersign_core::{ids::UserId, secret::Secret, time::Timestamp};

use crate::postgres;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// A database of one test. Opening it again is what a restart does.
struct Home {
    database: Database,
    folder: tempfile::TempDir,
    server: Option<postgres::Database>,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        if std::env::var("STORE").is_ok_and(|engine| engine == "postgres") {
            let server = postgres::fresh_database();
            let url = Secret::new(server.url.clone());
            return Self {
                database: Database::Postgres { url, connections: 4 },
                folder,
                server: Some(server),
            };
        }
        Self { database: Database::Sqlite(folder.path().join("countersign.db")), folder, server: None }
    }

    async fn open(&self) -> Store {
        Store::open(&self.database).await.unwrap()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("countersign.db")
    }
}

/// A migrated store with one small table of its own.
async fn store() -> (Home, Store) {
    let home = Home::new();
    let store = home.open().await;
    store.migrate(NOW).await.unwrap();
    (home, store)
}

const INSERT: &str =
    "INSERT INTO guess_budgets (user_id, lane, failures, blocked_until) VALUES ($1, $2, $3, $4)";

async fn a_user(store: &Store, id: &'static str) {
    let insert = "INSERT INTO users (id, email, email_verified_at, name, password_by_mail, security_version,
        created_at, updated_at) VALUES ($1, $1, NULL, '', FALSE, 1, $2, $2)";
    store.write(move |tx| tx.execute(insert, &[id.into(), NOW.into()])).await.unwrap();
}

async fn users(store: &Store) -> Vec<String> {
    store.read(|tx| tx.rows("SELECT id FROM users ORDER BY id", &[], |row| row.get(0))).await.unwrap()
}

async fn count(store: &Store) -> i64 {
    let counted = store.read(|tx| tx.row("SELECT COUNT(*) FROM guess_budgets", &[], |row| row.get(0))).await;
    counted.unwrap().unwrap()
}

#[tokio::test]
async fn what_is_committed_is_seen_and_survives_a_restart() {
    let (home, store) = store().await;
    a_user(&store, "ada").await;
    assert_eq!(users(&store).await, ["ada"]);
    drop(store);
    let store = home.open().await;
    assert_eq!(users(&store).await, ["ada"]);
    store.ping().await.unwrap();
}

/// Neighbours in one group commit must not share a failure, whatever kind it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_undoes_only_its_own_transaction() {
    let (_home, store) = store().await;
    a_user(&store, "ada").await;
    let jobs = (0..60_i64).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            store
                .write(move |tx| {
                    tx.execute(
                        INSERT,
                        &["ada".into(), number.to_string().into(), number.into(), Value::Null],
                    )?;
                    match number % 3 {
                        0 => Ok(()),
                        1 => Err(Fault::internal("no, thanks")),
                        _ => panic!("inside a transaction"),
                    }
                })
                .await
        })
    });
    let mut kept = 0;
    for job in jobs.collect::<Vec<_>>() {
        match job.await.unwrap() {
            Ok(()) => kept += 1,
            Err(fault) => assert_eq!(fault.kind, FaultKind::Internal, "{fault}"),
        }
    }
    assert_eq!(kept, 20);
    assert_eq!(count(&store).await, 20);
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_swallowed_error_cannot_end_in_a_commit() {
    let (_home, store) = store().await;
    a_user(&store, "ada").await;
    let outcome = store
        .write(|tx| {
            tx.execute(INSERT, &["ada".into(), "door".into(), 1.into(), Value::Null])?;
            let again = tx.execute(INSERT, &["ada".into(), "door".into(), 1.into(), Value::Null]);
            assert!(again.is_err());
            assert!(tx.execute(INSERT, &["ada".into(), "room".into(), 1.into(), Value::Null]).is_err());
            Ok(())
        })
        .await;
    assert_eq!(outcome.unwrap_err().kind, FaultKind::Internal);
    assert_eq!(count(&store).await, 0);
}

#[tokio::test]
async fn foreign_keys_hold() {
    let (_home, store) = store().await;
    let orphan =
        store.write(|tx| tx.execute(INSERT, &["nobody".into(), "door".into(), 1.into(), Value::Null]));
    assert_eq!(orphan.await.unwrap_err().kind, FaultKind::Internal);
    a_user(&store, "ada").await;
    let ok =
        store.write(|tx| tx.execute(INSERT, &["ada".into(), "door".into(), 1.into(), Value::Null])).await;
    assert_eq!(ok.unwrap(), 1);
    store.write(|tx| tx.execute("DELETE FROM users WHERE id = $1", &["ada".into()])).await.unwrap();
    assert_eq!(count(&store).await, 0);
}

/// `$2` before `$1`: SQLite alone would number them by first appearance.
#[tokio::test]
async fn parameters_are_bound_by_their_number() {
    let (_home, store) = store().await;
    a_user(&store, "ada").await;
    let swapped = "INSERT INTO guess_budgets (lane, failures, user_id) VALUES ($2, $3, $1)";
    store.write(move |tx| tx.execute(swapped, &["ada".into(), "door".into(), 7.into()])).await.unwrap();
    let read =
        "SELECT user_id, lane, failures FROM guess_budgets WHERE lane = $2 AND user_id = $1 AND $1 <> $2";
    let found = store
        .read(move |tx| {
            tx.row(read, &["ada".into(), "door".into()], |row| {
                Ok((row.get::<UserId>(0)?, row.get::<String>(1)?, row.get::<i64>(2)?))
            })
        })
        .await;
    assert_eq!(found.unwrap(), Some((UserId::from("ada".to_owned()), "door".to_owned(), 7)));
}

#[tokio::test]
async fn parameters_that_do_not_fit_are_a_fault() {
    let (_home, store) = store().await;
    for values in [vec![], vec!["a".into(), "b".into()], vec!["a\0b".into()]] {
        let values: Vec<Value> = values;
        let read = store.read(move |tx| {
            tx.row("SELECT id FROM users WHERE id = $1", &values, |row| row.get::<String>(0))
        });
        assert_eq!(read.await.unwrap_err().kind, FaultKind::Internal);
    }
    assert!(users(&store).await.is_empty());
}

#[tokio::test]
async fn every_kind_of_value_comes_back_as_it_went_in() {
    let (_home, store) = store().await;
    a_user(&store, "ada").await;
    let bytes: Vec<u8> = (0..=255).collect();
    let big = i64::MIN + 1;
    let insert = "INSERT INTO authenticators (id, user_id, method, created_at, confirmed_at, seed, last_step)
        VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING seed";
    for (id, seed) in [("empty", Some(vec![])), ("full", Some(bytes)), ("none", None)] {
        let given = seed.clone();
        let values: [Value; 7] = [
            id.into(),
            (&UserId::from("ada".to_owned())).into(),
            "Grüße, 🦀".into(),
            NOW.into(),
            None::<Timestamp>.into(),
            seed.into(),
            big.into(),
        ];
        let written =
            store.write(move |tx| tx.row(insert, &values, |row| row.get::<Option<Vec<u8>>>(0))).await;
        assert_eq!(written.unwrap(), Some(given));
    }
    let select = "SELECT method, created_at, confirmed_at, last_step FROM authenticators WHERE id = $1";
    let read = store.read(move |tx| {
        tx.row(select, &["full".into()], |row| {
            Ok((
                row.get::<String>(0)?,
                row.get::<Timestamp>(1)?,
                row.get::<Option<Timestamp>>(2)?,
                row.get::<i64>(3)?,
            ))
        })
    });
    assert_eq!(read.await.unwrap(), Some(("Grüße, 🦀".to_owned(), NOW, None, big)));
    let flag = "UPDATE users SET password_by_mail = $1 WHERE NOT password_by_mail RETURNING password_by_mail";
    let set = store.write(move |tx| tx.row(flag, &[true.into()], |row| row.get::<bool>(0))).await;
    assert_eq!(set.unwrap(), Some(true));
}

#[tokio::test]
async fn a_wrong_column_is_a_fault_that_names_it() {
    let (_home, store) = store().await;
    a_user(&store, "ada").await;
    let wrong =
        store.read(|tx| tx.row("SELECT created_at, id FROM users", &[], |row| row.get::<i64>(1))).await;
    let beyond = store.read(|tx| tx.row("SELECT id FROM users", &[], |row| row.get::<String>(2))).await;
    let absent = store.read(|tx| tx.row("SELECT image FROM users", &[], |row| row.get::<String>(0))).await;
    for (fault, column) in [(wrong.unwrap_err(), 1), (beyond.unwrap_err(), 2), (absent.unwrap_err(), 0)] {
        assert_eq!(fault.kind, FaultKind::Internal);
        assert!(fault.to_string().starts_with(&format!("column {column} cannot be read")), "{fault}");
    }
}

/// The one rule every single-use thing is built on (P2).
#[tokio::test(flavor = "multi_thread")]
async fn of_64_racers_exactly_one_wins() {
    let (_home, store) = store().await;
    a_user(&store, "ada").await;
    store
        .write(|tx| tx.execute(INSERT, &["ada".into(), "code".into(), 0.into(), Value::Null]))
        .await
        .unwrap();
    let spend = "UPDATE guess_budgets SET blocked_until = $1 WHERE lane = 'code' AND blocked_until IS NULL";
    let racers: Vec<_> = (0..64_i64)
        .map(|racer| {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .write(move |tx| {
                        tx.lock_user(&UserId::from("ada".to_owned()))?;
                        tx.execute(spend, &[racer.into()])
                    })
                    .await
            })
        })
        .collect();
    let mut won = 0;
    for racer in racers {
        won += racer.await.unwrap().unwrap();
    }
    assert_eq!(won, 1);
}

/// Read, decide, write under the user's lock: no increment is lost, although the sum is made in Rust.
#[tokio::test(flavor = "multi_thread")]
async fn lock_user_puts_transactions_in_line() {
    let (_home, store) = store().await;
    a_user(&store, "ada").await;
    store.write(|tx| tx.execute(INSERT, &["ada".into(), "sum".into(), 0.into(), Value::Null])).await.unwrap();
    let adders: Vec<_> = (0..40)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .write(|tx| {
                        tx.lock_user(&UserId::from("ada".to_owned()))?;
                        let sum =
                            tx.row("SELECT failures FROM guess_budgets", &[], |row| row.get::<i64>(0))?;
                        tx.execute("UPDATE guess_budgets SET failures = $1", &[(sum.unwrap() + 1).into()])
                    })
                    .await
            })
        })
        .collect();
    for adder in adders {
        adder.await.unwrap().unwrap();
    }
    let sum =
        store.read(|tx| tx.row("SELECT failures FROM guess_budgets", &[], |row| row.get::<i64>(0))).await;
    assert_eq!(sum.unwrap(), Some(40));
}

/// Two queries of one read agree, while somebody moves a row from one side to the other all the time.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_is_one_snapshot() {
    let (_home, store) = store().await;
    a_user(&store, "ada").await;
    store
        .write(|tx| tx.execute(INSERT, &["ada".into(), "left".into(), 0.into(), Value::Null]))
        .await
        .unwrap();
    let mover = tokio::spawn({
        let store = store.clone();
        async move {
            for turn in 0..200 {
                let lane = if turn % 2 == 0 { "right" } else { "left" };
                let moved = move |tx: &mut countersign::store::Tx<'_>| {
                    tx.execute("UPDATE guess_budgets SET lane = $1", &[lane.into()])
                };
                store.write(moved).await.unwrap();
            }
        }
    });
    while !mover.is_finished() {
        let seen = store
            .read(|tx| {
                let count = "SELECT COUNT(*) FROM guess_budgets WHERE lane = $1";
                let left = tx.row(count, &["left".into()], |row| row.get::<i64>(0))?;
                let right = tx.row(count, &["right".into()], |row| row.get::<i64>(0))?;
                Ok(left.unwrap() + right.unwrap())
            })
            .await;
        assert_eq!(seen.unwrap(), 1);
    }
    mover.await.unwrap();
}

#[tokio::test]
async fn a_read_cannot_write_and_a_panic_in_it_harms_nobody() {
    let (_home, store) = store().await;
    a_user(&store, "ada").await;
    assert!(store.read(|tx| tx.execute("DELETE FROM users", &[])).await.is_err());
    for _ in 0..10 {
        let panicked = store.read(|tx| {
            tx.rows("SELECT id FROM users", &[], |_| -> Result<(), Fault> { panic!("inside a read") })
        });
        assert_eq!(panicked.await.unwrap_err().kind, FaultKind::Internal);
    }
    assert_eq!(users(&store).await, ["ada"]);
}

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    let home = Home::new();
    let store = home.open().await;
    assert_eq!(store.schema_version().await.unwrap(), 0);
    let applied = store.migrate(NOW).await.unwrap();
    assert_eq!(applied[0], "0001_foundation");
    assert_eq!(store.schema_version().await.unwrap(), applied.len() as i64);
    assert!(store.migrate(NOW).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_newer_schema_stops_the_start() {
    let (_home, store) = store().await;
    let newer = "INSERT INTO schema_versions (version, name, applied_at) VALUES (9999, 'future', 0)";
    store.write(move |tx| tx.execute(newer, &[])).await.unwrap();
    let refused = store.migrate(NOW).await.unwrap_err();
    assert_eq!(refused.kind, FaultKind::Misconfigured);
    assert!(refused.to_string().contains("9999") && !refused.to_string().contains('\n'), "{refused}");
}

/// SQLite: the second process is refused. PostgreSQL: one migrates, both serve.
#[tokio::test]
async fn two_processes_that_start_together() {
    let home = Home::new();
    if home.server.is_none() {
        let first = home.open().await;
        first.migrate(NOW).await.unwrap();
        let refused = Store::open(&home.database).await.err().expect("refused");
        assert_eq!(refused.kind, FaultKind::Misconfigured);
        assert!(refused.to_string().contains("another process"), "{refused}");
        first.ping().await.unwrap();
        return;
    }
    let (first, second) = tokio::join!(home.open(), home.open());
    let (one, other) = tokio::join!(first.migrate(NOW), second.migrate(NOW));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(one.is_empty() != other.is_empty(), "{one:?} {other:?}");
    a_user(&first, "ada").await;
    assert_eq!(users(&second).await, ["ada"]);
}

/// P6: what does not fit into the queue is refused at once, and what does fit is still done.
#[tokio::test]
async fn beyond_the_queue_it_is_busy() {
    let (_home, store) = store().await;
    let (closed, gate) = mpsc::channel::<()>();
    let gate = Arc::new(Mutex::new(gate));
    let mut jobs = tokio::task::JoinSet::new();
    for _ in 0..4_400 {
        let (store, gate) = (store.clone(), gate.clone());
        jobs.spawn(async move {
            store
                .write(move |_| {
                    let _ = gate.lock().unwrap().recv();
                    Ok(())
                })
                .await
        });
    }
    let refused = jobs.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(refused.kind, FaultKind::Busy);
    drop(closed);
    let outcomes = jobs.join_all().await;
    assert!(outcomes.iter().filter(|outcome| outcome.is_ok()).count() >= 256);
    store.ping().await.unwrap();
}

/// FX-07 and FX-09 in small: no write while the database cannot take one, and no hand needed after.
#[tokio::test]
async fn postgres_that_goes_away_or_read_only_is_noticed_and_forgiven() {
    let (home, store) = store().await;
    let Some(server) = &home.server else { return };
    let end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for round in 0..3 {
        server.say(end_all);
        let id: &'static str = ["ada", "bob", "cyd"][round];
        a_user(&store, id).await;
    }
    assert_eq!(users(&store).await, ["ada", "bob", "cyd"]);
    server.say("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$");
    server.say(end_all);
    assert_eq!(store.ping().await.unwrap_err().kind, FaultKind::Unavailable);
    let write = store.write(|tx| tx.execute("DELETE FROM users", &[])).await;
    assert_eq!(write.unwrap_err().kind, FaultKind::Unavailable);
    assert_eq!(users(&store).await.len(), 3);
    server.say("BEGIN READ WRITE; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', current_database()); END $$; COMMIT");
    server.say(end_all);
    store.ping().await.unwrap();
}

#[tokio::test]
async fn an_sqlite_file_is_private_and_never_silently_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let (home, store) = store().await;
    if home.server.is_some() {
        return;
    }
    let file = home.file();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    drop(store);

    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Store::open(&home.database).await.err().expect("refused");
    assert!(refused.to_string().contains("chmod 600"), "{refused}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();

    let whole = std::fs::read(&file).unwrap();
    let mut damaged = whole.clone();
    damaged[8_192..16_384].fill(0x5a);
    std::fs::write(&file, damaged).unwrap();
    let refused = Store::open(&home.database).await.err().expect("refused");
    assert!(refused.to_string().contains("backup"), "{refused}");

    std::fs::write(&file, b"").unwrap();
    std::fs::write(home.folder.path().join("countersign.db-wal"), b"what is left of it").unwrap();
    let refused = Store::open(&home.database).await.err().expect("refused");
    assert!(refused.to_string().contains("backup"), "{refused}");
}
