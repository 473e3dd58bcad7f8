//! The schema's history: embedded, numbered, applied in order, once, in one transaction (SEC-130).

use countersign_core::time::Timestamp;

use crate::{
    fault::Fault,
    store::{Session, Tx, Value},
};

/// Every migration, oldest first. A released one is never edited: write the next.
const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "foundation",
        sql: include_str!("../../../../migrations/0001_foundation.sql"),
    },
    Migration {
        version: 2,
        name: "organisations",
        sql: include_str!("../../../../migrations/0002_organisations.sql"),
    },
    Migration { version: 3, name: "recovery", sql: include_str!("../../../../migrations/0003_recovery.sql") },
    Migration {
        version: 4,
        name: "guess_ration",
        sql: include_str!("../../../../migrations/0004_guess_ration.sql"),
    },
    Migration {
        version: 5,
        name: "every_way_in",
        sql: include_str!("../../../../migrations/0005_every_way_in.sql"),
    },
    Migration {
        version: 6,
        name: "forward_auth",
        sql: include_str!("../../../../migrations/0006_forward_auth.sql"),
    },
    Migration {
        version: 7,
        name: "mail_sign_ins",
        sql: include_str!("../../../../migrations/0007_mail_sign_ins.sql"),
    },
    Migration {
        version: 8,
        name: "text_messages",
        sql: include_str!("../../../../migrations/0008_text_messages.sql"),
    },
    Migration {
        version: 9,
        name: "spent_trust",
        sql: include_str!("../../../../migrations/0009_spent_trust.sql"),
    },
    Migration { version: 10, name: "service", sql: include_str!("../../../../migrations/0010_service.sql") },
    Migration {
        version: 11,
        name: "webhooks",
        sql: include_str!("../../../../migrations/0011_webhooks.sql"),
    },
    Migration {
        version: 12,
        name: "idempotency",
        sql: include_str!("../../../../migrations/0012_idempotency.sql"),
    },
    Migration { version: 13, name: "brands", sql: include_str!("../../../../migrations/0013_brands.sql") },
    Migration {
        version: 14,
        name: "languages",
        sql: include_str!("../../../../migrations/0014_languages.sql"),
    },
    Migration {
        version: 15,
        name: "backup_code_places",
        sql: include_str!("../../../../migrations/0015_backup_code_places.sql"),
    },
    Migration {
        version: 16,
        name: "deadlines",
        sql: include_str!("../../../../migrations/0016_deadlines.sql"),
    },
    Migration {
        version: 17,
        name: "names_of_apps",
        sql: include_str!("../../../../migrations/0017_names_of_apps.sql"),
    },
];

struct Migration {
    version: i64,
    name: &'static str,
    sql: &'static str,
}

const LEDGER: &str = "\
CREATE TABLE IF NOT EXISTS schema_versions (
    version    BIGINT NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    applied_at BIGINT NOT NULL
);
";

/// Applies what is missing. Of two processes that start together one does the work, the other finds it done.
pub(super) fn apply(tx: &mut Tx<'_>, now: Timestamp) -> Result<Vec<String>, Fault> {
    // Before the first `CREATE`: even `IF NOT EXISTS` fails when two nodes say it at once on PostgreSQL.
    tx.lock_schema()?;
    let found = version(tx)?;
    refuse_newer(found)?;
    script(tx, LEDGER)?;
    let mut applied = Vec::new();
    for migration in MIGRATIONS.iter().filter(|migration| migration.version > found) {
        script(tx, migration.sql)?;
        tx.execute(
            "INSERT INTO schema_versions (version, name, applied_at) VALUES ($1, $2, $3)",
            &[migration.version.into(), migration.name.into(), now.into()],
        )?;
        applied.push(format!("{:04}_{}", migration.version, migration.name));
    }
    Ok(applied)
}

/// The version of the newest migration applied; 0 for an empty database.
pub(super) fn version(tx: &mut Tx<'_>) -> Result<i64, Fault> {
    let ledger: &[Value] = &["schema_versions".into()];
    let known = match &tx.session {
        Session::Sqlite(_) => "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name = $1",
        // Asked of the table, not of `to_regclass`: that remembers a no from before the wait for the lock.
        Session::Postgres(_) => {
            "SELECT COUNT(*) FROM pg_tables
             WHERE CAST(tablename AS TEXT) = $1 AND schemaname = ANY (current_schemas(FALSE))"
        }
    };
    if tx.row(known, ledger, |row| row.get::<i64>(0))? == Some(0) {
        return Ok(0);
    }
    let newest = tx.row("SELECT MAX(version) FROM schema_versions", &[], |row| row.get::<Option<i64>>(0))?;
    Ok(newest.flatten().unwrap_or(0))
}

/// The version this program brings a database to.
pub(super) fn newest() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0)
}

fn refuse_newer(found: i64) -> Result<(), Fault> {
    let newest = newest();
    if found > newest {
        return Err(Fault::misconfigured(format!(
            "the database has schema version {found} but this program knows only {newest}: run a newer one"
        )));
    }
    Ok(())
}

fn script(tx: &mut Tx<'_>, sql: &str) -> Result<(), Fault> {
    tx.say(|session| match session {
        Session::Sqlite(session) => session.script(&in_sqlite_words(sql)),
        Session::Postgres(session) => session.script(sql),
    })
}

/// The schema is written in PostgreSQL's words. SQLite's tables are strict, as PostgreSQL's are, and have no
/// hidden row number: every table has a primary key of its own.
fn in_sqlite_words(sql: &str) -> String {
    let mut written = String::with_capacity(sql.len() + 256);
    let mut in_table = false;
    for line in sql.lines() {
        in_table |= line.starts_with("CREATE TABLE");
        if in_table && line == ");" {
            written.push_str(") STRICT, WITHOUT ROWID;");
            in_table = false;
        } else {
            written.push_str(
                &line.replace("BYTEA", "BLOB").replace("BIGINT", "INTEGER").replace("BOOLEAN", "INTEGER"),
            );
        }
        written.push('\n');
    }
    written
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn every_migration_file_is_embedded_in_order() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.retain(|name| name.ends_with(".sql"));
        names.sort();
        let embedded: Vec<_> =
            MIGRATIONS.iter().map(|m| format!("{:04}_{}.sql", m.version, m.name)).collect();
        assert_eq!(embedded, names);
        assert!(MIGRATIONS.iter().enumerate().all(|(at, migration)| migration.version == at as i64 + 1));
    }

    #[test]
    fn only_tables_become_strict() {
        let sql = "CREATE TABLE a (\n    b BYTEA,\n    c BIGINT\n);\nCREATE INDEX d ON a (\n    b\n);";
        let sqlite = in_sqlite_words(sql);
        assert_eq!(
            sqlite,
            "CREATE TABLE a (\n    b BLOB,\n    c INTEGER\n) STRICT, WITHOUT ROWID;\n\
             CREATE INDEX d ON a (\n    b\n);\n"
        );
        let whole: String = MIGRATIONS.iter().map(|migration| in_sqlite_words(migration.sql)).collect();
        assert_eq!(whole.matches("CREATE TABLE").count(), whole.matches("WITHOUT ROWID").count());
    }
}
