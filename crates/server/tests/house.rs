//! The house rules that a machine can check, as an ordinary test.
//!
//! Each rule is one row of a table below, so a change of architecture is a one-line diff here, reviewed as
//! such. The checks read text, not syntax: they catch honest mistakes, not malice.

use std::{collections::BTreeMap, fs, path::Path};

/// What a module of the server may name with `crate::`, apart from itself. Read top to bottom, this is the
/// dependency order: each names only what stands above it.
#[rustfmt::skip]
const MAY_NAME: &[(&str, &[&str])] = &[
    ("clock",        &[]),
    ("dice",         &[]),
    ("fault",        &[]),
    ("config",       &["fault"]),
    ("telemetry",    &["fault", "config"]),
    ("vault",        &["fault"]),
    ("hashing",      &["fault"]),
    ("qr",           &["fault"]),
    ("words",        &[]),
    ("store",        &["fault", "config", "vault"]),
    ("delivery",     &["clock", "fault", "config", "vault", "store", "words"]),
    ("ctx",          &["clock", "dice", "fault", "config", "vault", "hashing", "store", "delivery"]),
    ("operations",   &["config", "dice", "fault", "vault", "store", "ctx"]),
    ("http",         &["fault", "config", "vault", "words", "ctx"]),
    ("dialects",     &["fault", "config", "qr", "words", "ctx", "operations", "http"]),
    ("pages",        &["fault", "config", "qr", "words", "ctx", "operations", "http"]),
    ("forward_auth", &["fault", "config", "ctx", "operations", "http"]),
    ("openapi",      &["fault", "config", "ctx", "operations", "http"]),
    ("outbox_page",  &["config", "ctx", "delivery"]),
    ("app",          &["*"]),
    ("cli",          &["*"]),
    ("lib",          &["*"]),
    ("main",         &["*"]),
];

/// Below this path, none of these words, except in these files. A word that ends in `::` counts only at the
/// head of a path, so that `store::postgres::open` does not count as naming the driver `postgres::`.
#[rustfmt::skip]
const MUST_NOT_SAY: &[(&str, &[&str], &[&str])] = &[
    // The core is pure: no I/O, no runtime, no clock, no dice.
    ("core/src/", &["async fn", "tokio", "axum", "rusqlite", "postgres", "std::fs", "std::env", "std::net"], &[]),
    ("core/src/", &["SystemTime", "Instant::now", "Timestamp::now", "Zoned::now", "Utc::now"], &[]),
    ("core/src/", &["getrandom", "thread_rng", "rand::rng", "OsRng", "SystemRandom"], &[]),
    // One wall clock, one source of randomness.
    ("server/src/", &["SystemTime::now", "Timestamp::now", "Zoned::now", "Utc::now", "now_utc"], &["server/src/clock.rs"]),
    ("server/src/", &["getrandom", "thread_rng", "rand::rng", "OsRng"], &["server/src/dice.rs"]),
    // Two files know which database this is.
    ("server/src/", &["rusqlite"], &["server/src/store/sqlite.rs"]),
    ("server/src/", &["postgres::"], &["server/src/store/postgres.rs", "server/src/store/mod.rs"]), // Its own `mod postgres`.
    ("server/src/", &["tokio_postgres"], &["server/src/store/postgres.rs"]),
    // Operations do not know that HTTP exists, and send nothing: they write to the outbox.
    ("server/src/operations/", &["axum", "StatusCode", "HeaderMap", "Cookie", "crate::delivery"], &[]),
    // Surfaces translate; they do not query.
    ("server/src/dialects/", SQL, &[]),
    ("server/src/pages/", SQL, &[]),
    // Paths are written from `crate::`, so that the table above sees them.
    ("server/src/", &["super::super"], &[]),
    // A test that does not run is no test.
    ("", &[concat!("#[", "ignore")], &[]),
];

const SQL: &[&str] = &["SELECT ", "INSERT ", "UPDATE ", "DELETE FROM"];

/// A thing has a name or it has no file.
const NO_NAMES: &[&str] = &["utils", "util", "common", "helpers", "helper", "types", "models", "misc"];

/// Before the tests at its end.
const FILE_LINES_MAX: usize = 500;

/// A dialect translates. What does not fit belongs below. Better Auth's surface has its passkey, magic-link and
/// email-otp plugins beside its core, and our own API has every operation, the service API and the table that describes
/// them all: that is what the limit leaves room for.
const DIALECT_LINES_MAX: usize = 2_400;

#[test]
fn the_house_stands() {
    let complaints = House::on_disk().complaints();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

/// Every Rust file of the workspace by its path below `crates/`, and the text of ARCHITECTURE.md.
struct House {
    files: BTreeMap<String, String>,
    map: String,
}

impl House {
    fn on_disk() -> Self {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut files = BTreeMap::new();
        collect(crates, crates, &mut files);
        let map = fs::read_to_string(crates.join("../ARCHITECTURE.md")).unwrap_or_default();
        Self { files, map }
    }

    fn complaints(&self) -> Vec<String> {
        let mut complaints = self.about_the_map();
        complaints.extend(self.about_dialect_sizes());
        for (name, text) in &self.files {
            complaints.extend(about_file(name, text).into_iter().map(|what| format!("{name}: {what}")));
        }
        complaints.sort();
        complaints.dedup();
        complaints
    }

    fn about_the_map(&self) -> Vec<String> {
        let inside = self.files.keys().filter_map(|name| name.strip_prefix("server/src/"));
        let folders = inside.filter_map(|name| name.split_once('/')).map(|(folder, _)| folder);
        folders
            .filter(|folder| !self.map.contains(&format!("{folder}/")))
            .map(|folder| format!("ARCHITECTURE.md: does not mention `{folder}/`"))
            .collect()
    }

    fn about_dialect_sizes(&self) -> Vec<String> {
        let mut sizes = BTreeMap::new();
        for (name, text) in &self.files {
            if let Some(dialect) = dialect_of(name) {
                *sizes.entry(dialect).or_insert(0) += before_tests(text).lines().count();
            }
        }
        sizes.retain(|_, lines| *lines > DIALECT_LINES_MAX);
        let too_large = sizes.into_iter();
        too_large
            .map(|(dialect, lines)| {
                format!("server/src/dialects/{dialect}/: {lines} lines, more than {DIALECT_LINES_MAX}")
            })
            .collect()
    }
}

fn about_file(name: &str, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    if !text.starts_with("//! ") {
        complaints.push("open with one `//! ` sentence that says what this file is".to_owned());
    }
    for part in name.split('/').map(|part| part.trim_end_matches(".rs")) {
        if NO_NAMES.contains(&part) {
            complaints.push(format!("`{part}` is no name; say what is inside"));
        }
    }
    let code = without_comments(before_tests(text));
    if name.contains("/src/") && code.lines().count() > FILE_LINES_MAX {
        complaints.push(format!("more than {FILE_LINES_MAX} lines before its tests"));
    }
    for (below, words, except) in MUST_NOT_SAY {
        if name.starts_with(below) && !except.contains(&name) {
            // Within tests, too, nothing may be ignored.
            let searched = if below.is_empty() { &without_comments(text) } else { &code };
            let said = words.iter().filter(|word| says(searched, word));
            complaints.extend(said.map(|word| format!("must not say `{word}`")));
        }
    }
    if let Some(inside) = name.strip_prefix("server/src/") {
        let wrong = wrong_neighbours(inside, &code);
        complaints.extend(wrong.into_iter().map(|other| format!("must not name `{other}`")));
    }
    if dialect_of(name).is_some() && name.ends_with("/errors.rs") && code.contains("_ =>") {
        complaints.push("spell out every `Denied`; no `_ =>`".to_owned());
    }
    complaints
}

/// Every `crate::x` that the file's row does not allow, and every other dialect.
fn wrong_neighbours(inside: &str, code: &str) -> Vec<String> {
    let own = inside.split(['/', '.']).next().unwrap_or_default();
    let Some((_, allowed)) = MAY_NAME.iter().find(|(module, _)| *module == own) else {
        return vec![format!("anything: `{own}` has no row in MAY_NAME")];
    };
    let own_dialect =
        inside.strip_prefix("dialects/").and_then(|rest| rest.split_once('/')).map(|(name, _)| name);
    let mut wrong = Vec::new();
    for path in crate_paths(code) {
        let mut names = path.split("::");
        let module = names.next().unwrap_or_default();
        if module != own && !allowed.contains(&"*") && !allowed.contains(&module) {
            wrong.push(module.to_owned());
        }
        // `crate::dialects::x`: x is this dialect itself or something all dialects share (not a folder).
        if let (Some(own_dialect), "dialects", Some(other)) = (own_dialect, module, names.next())
            && other != own_dialect
            && other.starts_with(char::is_lowercase)
        {
            wrong.push(format!("dialects::{other}"));
        }
    }
    wrong
}

/// What follows each `crate::`, with groups spelled out: `crate::{a, b::{c, d}}` is `a`, `b::c`, `b::d`.
fn crate_paths(code: &str) -> Vec<String> {
    let heads = code.match_indices("crate::").filter(|(at, _)| is_path_head(code, *at));
    heads.flat_map(|(at, head)| spelled_out(&code[at + head.len()..])).collect()
}

fn spelled_out(tree: &str) -> Vec<String> {
    let tree = tree.trim_start();
    if let Some(group) = tree.strip_prefix('{') {
        return members(group).into_iter().flat_map(spelled_out).collect();
    }
    let end = tree.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(tree.len());
    let (word, rest) = tree.split_at(end);
    let inner = rest.strip_prefix("::").map(spelled_out).unwrap_or_default();
    match (word, inner.is_empty()) {
        ("", _) => vec![],
        (word, true) => vec![word.to_owned()],
        (word, false) => inner.into_iter().map(|path| format!("{word}::{path}")).collect(),
    }
}

/// The members of a group whose opening brace has been read.
fn members(group: &str) -> Vec<&str> {
    let (mut members, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members
}

fn says(code: &str, word: &str) -> bool {
    let heads_only = word.ends_with("::");
    code.match_indices(word).any(|(at, _)| !heads_only || is_path_head(code, at))
}

fn is_path_head(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':')
}

fn dialect_of(name: &str) -> Option<&str> {
    name.strip_prefix("server/src/dialects/")?.split_once('/').map(|(dialect, _)| dialect)
}

fn before_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}

/// The slashes of a URL are no comment.
fn without_comments(text: &str) -> String {
    let code_of = |line: &str| {
        let mut slashes = line.match_indices("//");
        slashes.find(|(at, _)| !line[..*at].ends_with(':')).map_or(line.len(), |(at, _)| at)
    };
    text.lines().map(|line| &line[..code_of(line)]).collect::<Vec<_>>().join("\n")
}

fn collect(crates: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            collect(crates, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(crates).unwrap().to_string_lossy().replace('\\', "/");
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

/// A rule that cannot fail is no rule.
mod the_checker {
    use super::*;

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(name, code)| ((*name).to_owned(), format!("//! A file.\n{code}")));
        let map = "`store/` `operations/` `dialects/` `pages/`".to_owned();
        House { files: files.collect(), map }.complaints()
    }

    #[track_caller]
    fn good(name: &str, code: &str) {
        assert_eq!(complaints(&[(name, code)]), Vec::<String>::new());
    }

    #[track_caller]
    fn bad(name: &str, code: &str, because: &str) {
        let found = complaints(&[(name, code)]);
        assert!(found.len() == 1 && found[0].contains(because), "{found:?}");
    }

    #[test]
    fn keeps_the_order_of_the_layers() {
        good("server/src/store/users.rs", "use crate::{fault::Fault, store::Tx};");
        good("server/src/app.rs", "use crate::{dialects, vault::Vault};");
        bad("server/src/store/users.rs", "use crate::operations::sign_in;", "`operations`");
        bad("server/src/fault.rs", "fn f() -> crate::store::Store {}", "`store`");
        bad("server/src/operations/a.rs", "use crate::{ctx::Ctx, hashing::{a, b}};", "`hashing`");
        bad(
            "server/src/dialects/native/wire.rs",
            "use crate::{\n  http::{a},\n  vault::Vault,\n};",
            "`vault`",
        );
        bad("server/src/brand_new.rs", "fn f() {}", "no row in MAY_NAME");
    }

    #[test]
    fn keeps_dialects_apart() {
        good("server/src/dialects/native/mod.rs", "use crate::dialects::{native::wire, Dialect};");
        good("server/src/dialects/mod.rs", "use crate::dialects::{native, slugbase};");
        bad(
            "server/src/dialects/native/mod.rs",
            "use crate::dialects::slugbase::wire;",
            "`dialects::slugbase`",
        );
        bad(
            "server/src/dialects/native/mod.rs",
            "use crate::dialects::{Dialect, mudbase::x};",
            "`dialects::mudbase`",
        );
        bad("server/src/dialects/native/errors.rs", "match denied { _ => 1 }", "spell out every `Denied`");
        bad("server/src/dialects/native/a.rs", "const Q: &str = \"SELECT 1\";", "`SELECT `");
        good("server/src/dialects/native/handlers.rs", "match x { _ => 1 }");
    }

    #[test]
    fn keeps_words_where_they_belong() {
        good("server/src/store/sqlite.rs", "use rusqlite::Connection;");
        bad("server/src/store/users.rs", "use rusqlite::Connection;", "`rusqlite`");
        good("server/src/app.rs", "let store = crate::store::postgres::open();");
        bad("server/src/store/users.rs", "let client = postgres::Client::new();", "`postgres::`");
        good("server/src/clock.rs", "SystemTime::now()");
        bad("server/src/app.rs", "SystemTime::now()", "`SystemTime::now`");
        bad("server/src/vault.rs", "getrandom::fill(bytes)", "`getrandom`");
        bad("server/src/operations/a.rs", "axum::Json", "`axum`");
        bad("core/src/totp.rs", "async fn judge() {}", "`async fn`");
        bad("server/src/pages/a.rs", "use super::super::x;", "`super::super`");
    }

    #[test]
    fn looks_past_comments_and_tests_but_not_past_ignored_tests() {
        good("core/src/totp.rs", "// No tokio here.\nlet url = 1; // axum");
        good("core/src/totp.rs", "#[cfg(test)]\nmod tests { use tokio::x; }");
        bad("core/src/totp.rs", "const DOCS: &str = \"https://tokio.rs\";", "`tokio`");
        let ignored = concat!("#[cfg(test)]\nmod tests { #[test] #[", "ignore] fn f() {} }");
        bad("core/src/totp.rs", ignored, "must not say");
    }

    #[test]
    fn measures_files_and_dialects() {
        let lines = |count: usize| "\n".repeat(count);
        good("core/src/totp.rs", &lines(FILE_LINES_MAX - 1));
        bad("core/src/totp.rs", &lines(FILE_LINES_MAX + 1), "more than 500 lines");
        good("core/src/totp.rs", &format!("#[cfg(test)]\nmod tests {{{}}}", lines(FILE_LINES_MAX)));
        let part = lines(DIALECT_LINES_MAX / 5);
        let dialect = ["a", "b", "c", "d", "e"].map(|file| format!("server/src/dialects/native/{file}.rs"));
        let found = complaints(&dialect.each_ref().map(|name| (name.as_str(), part.as_str())));
        let (are, most) = (DIALECT_LINES_MAX / 5 * 5 + 5, DIALECT_LINES_MAX);
        assert_eq!(found, [format!("server/src/dialects/native/: {are} lines, more than {most}")]);
    }

    #[test]
    fn wants_names_openings_and_a_map() {
        bad("server/src/store/utils.rs", "", "`utils` is no name");
        bad("core/tests/common/mod.rs", "", "`common` is no name");
        bad("server/src/delivery/mod.rs", "", "does not mention `delivery/`");
        let nameless =
            House { files: [("core/src/a.rs".into(), "fn f() {}".into())].into(), map: String::new() };
        assert_eq!(
            nameless.complaints(),
            ["core/src/a.rs: open with one `//! ` sentence that says what this file is"]
        );
    }
}
