//! A fresh PostgreSQL database for each test: from the server `COUNTERSIGN_TEST_POSTGRES` names, or a cluster of our own.

use std::{
    fs,
    io::Read,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use ::postgres::{Client, NoTls};

/// Dropped at the end of the test, and the database with it.
pub struct Database {
    pub url: String,
    name: String,
}

/// A new empty database that nobody else uses.
pub fn fresh_database() -> Database {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("countersign_{}_{number}", std::process::id());
    administer(format!("CREATE DATABASE {name}"));
    Database { url: url_of(&name), name }
}

impl Drop for Database {
    fn drop(&mut self) {
        administer(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

impl Database {
    /// Says `sql` to this database past the store, as an administrator would.
    pub fn say(&self, sql: &str) {
        say(self.url.clone(), sql.to_owned());
    }
}

fn administer(sql: String) {
    say(administrator().to_owned(), sql);
}

/// On a thread of its own: the driver blocks, which a task must not.
fn say(url: String, sql: String) {
    let saying = thread::spawn(move || {
        let mut client = Client::connect(&url, NoTls).expect("the test database answers");
        client.batch_execute(&sql).expect("the test database obeys");
    });
    saying.join().expect("the administrator's thread");
}

fn url_of(name: &str) -> String {
    let mut url = url::Url::parse(administrator()).expect("a url");
    url.set_path(name);
    url.into()
}

fn administrator() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| std::env::var("COUNTERSIGN_TEST_POSTGRES").unwrap_or_else(|_| own_cluster()))
}

/// Starts a cluster that lives exactly as long as this process, however the process ends: a shell waits for
/// the end of its input, which only this process can keep open, and then stops and removes the cluster.
fn own_cluster() -> String {
    static KEEPER: OnceLock<Child> = OnceLock::new();
    let programs = programs();
    let script = format!(
        "set -e; PATH={}:$PATH; d=$(mktemp -d /tmp/countersign-pg-XXXXXX)
         trap 'pg_ctl -D $d/data -m immediate stop >/dev/null 2>&1 || true; rm -rf $d' EXIT
         initdb -D $d/data -U postgres -A trust --no-sync --no-instructions -E UTF8 --locale=C >/dev/null
         pg_ctl -D $d/data -l $d/log -w -o \"-k $d -c listen_addresses='' -c fsync=off \
            -c full_page_writes=off -c shared_buffers=64MB -c max_connections=200\" start >/dev/null
         printf '%s\\n' $d; exec >&-; cat >/dev/null",
        programs.display()
    );
    let mut shell = if is_root() {
        let mut shell = Command::new("setpriv");
        shell.args(["--reuid=postgres", "--regid=postgres", "--init-groups", "sh", "-c", &script]);
        shell
    } else {
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]);
        shell
    };
    let started = shell.current_dir("/tmp").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut keeper = started.expect("a shell to keep PostgreSQL");
    let mut folder = String::new();
    keeper.stdout.take().expect("its output").read_to_string(&mut folder).expect("its folder");
    let folder = folder.trim();
    assert!(!folder.is_empty(), "PostgreSQL did not start; its programs were looked for in {programs:?}");
    KEEPER.set(keeper).expect("one cluster");
    format!("postgres://postgres@{}/postgres", folder.replace('/', "%2F"))
}

/// The folder of `initdb`: the newest of Debian's, else whatever is on the path.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let folders = versions.map(|version| version.path().join("bin"));
    let mut folders: Vec<_> = folders.filter(|folder| folder.join("initdb").exists()).collect();
    folders.sort();
    folders.pop().unwrap_or_else(|| PathBuf::from("/usr/bin"))
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
