//! A long random walk of several people through the router; then what the database and the log may not hold.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use countersign_core::{
    assurance::{Aal, Proofs},
    method::Method,
    time::Timestamp,
};
use serde_json::{Value, json};
use tracing_subscriber::{
    filter::LevelFilter, fmt::MakeWriter, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::world::{Browser, Reply, World, on_postgres};

const ACTS: usize = 1_500;
const BROWSERS: usize = 3;

/// SplitMix64: the walk is the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((x ^ (x >> 31)) % bound as u64) as usize
    }

    fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }
}

/// What one person knows and holds.
struct Person {
    email: String,
    password: String,
    /// The confirmed authenticator app, and one that waits for its first code.
    app: Option<String>,
    waiting: Option<(String, Vec<String>)>,
    backup_codes: Vec<String>,
    by_mail: bool,
    browsers: Vec<Browser>,
}

struct Walk {
    world: World,
    people: Vec<Person>,
    dice: Dice,
    calls: usize,
    /// Journal entries there must be, by kind.
    owed: BTreeMap<&'static str, i64>,
    secrets: Secrets,
    /// Every answer that was not a yes.
    refusals: Vec<u8>,
    links: BTreeSet<String>,
}

impl Walk {
    async fn begin(world: World) -> Self {
        let mut walk = Self {
            world,
            people: Vec::new(),
            dice: Dice(20_260_801),
            calls: 0,
            owed: BTreeMap::new(),
            secrets: Secrets::default(),
            refusals: Vec::new(),
            links: BTreeSet::new(),
        };
        for number in 0..4 {
            let email = format!("person{number}@example.com");
            let password = walk.new_password();
            let browsers = (0..BROWSERS).map(|_| walk.world.browser()).collect();
            let backup_codes = Vec::new();
            let new = json!({ "name": "Somebody", "email": email, "password": password });
            let (app, waiting, by_mail) = (None, None, false);
            walk.people.push(Person { email, password, app, waiting, backup_codes, by_mail, browsers });
            walk.post((number, 0), "sign-up/email", new).await.expect(200);
            walk.owe("user.signed_up");
        }
        walk
    }

    fn owe(&mut self, kind: &'static str) {
        *self.owed.entry(kind).or_insert(0) += 1;
    }

    fn owe_if(&mut self, happened: bool, kind: &'static str) {
        if happened {
            self.owe(kind);
        }
    }

    fn new_password(&mut self) -> String {
        let password = format!("pass-{:08x}-{:08x}", self.dice.below(1 << 32), self.dice.below(1 << 32));
        self.secrets.add("password", &password);
        password
    }

    async fn post(&mut self, who: (usize, usize), act: &str, body: Value) -> Reply {
        self.world.clock.advance(Duration::from_micros(1_003));
        self.calls += 1;
        let browser = &mut self.people[who.0].browsers[who.1];
        let reply = browser.post(&format!("/api/auth/{act}"), body).await;
        self.note(reply)
    }

    async fn get(&mut self, who: (usize, usize), act: &str) -> Reply {
        self.world.clock.advance(Duration::from_micros(1_003));
        self.calls += 1;
        let reply = self.people[who.0].browsers[who.1].get(&format!("/api/auth/{act}")).await;
        self.note(reply)
    }

    /// Learns the secrets that were handed out, and keeps what was refused.
    fn note(&mut self, reply: Reply) -> Reply {
        assert!(reply.status.as_u16() < 500, "{reply:#?}");
        for (name, value, _) in reply.cookies() {
            let plain = percent_encoding::percent_decode_str(&value).decode_utf8().unwrap().into_owned();
            let token = plain.split('.').next().unwrap_or_default();
            let token = token.rsplit('!').next().unwrap_or_default();
            let token = token.trim_start_matches("2fa-").trim_start_matches("trust-device-");
            if token.len() >= 32 {
                self.secrets.add("token", token);
                self.secrets.add("signed cookie", &plain);
            }
            assert!(token.len() >= 32 || token.is_empty() || name.ends_with("dont_remember"), "{name}");
        }
        if !reply.status.is_success() {
            self.refusals.extend(reply.body.to_string().into_bytes());
            self.refusals.push(b'\n');
        }
        reply
    }

    async fn step(&mut self) {
        let seconds = [0, 0, 0, 0, 1, 31, 31, 31, 31, 120, 400][self.dice.below(11)];
        let long = if self.dice.one_in(60) { [5_000, 90_000][self.dice.below(2)] } else { 0 };
        self.world.advance(seconds + long);
        let who = (self.dice.below(self.people.len()), self.dice.below(BROWSERS));
        match self.dice.below(40) {
            0..3 => self.sign_in(who).await,
            3..11 => self.come_in(who).await,
            11..17 => self.verify_app(who).await,
            17..20 => self.verify_backup_code(who).await,
            20..23 => self.verify_mailed_code(who).await,
            23..27 => self.enable(who).await,
            27 => {
                self.come_in(who).await;
                self.disable(who).await;
            }
            28 => self.simple(who, "two-factor/generate-backup-codes", "backup_codes.renewed").await,
            29 => self.simple(who, "two-factor/get-totp-uri", "authenticator.revealed").await,
            30 => self.change_password(who).await,
            31 if self.dice.one_in(5) => self.reset_password(who).await,
            32..34 => self.sign_out(who).await,
            34 => self.simple(who, "revoke-other-sessions", "session.revoked").await,
            35 => self.simple(who, "revoke-sessions", "session.revoked").await,
            36 => {
                let reply = self.post(who, "update-user", json!({ "name": "Somebody Else" })).await;
                if reply.status == 200 {
                    self.owe("user.updated");
                }
            }
            37 => {
                self.get(who, "list-sessions").await;
            }
            38 => {
                self.sign_in(who).await;
                for _ in 0..6 {
                    self.verify(who, "backup-code", "AAAA-BBBB-CCCC-DDDD").await;
                }
            }
            _ => {
                self.live_session(who).await;
            }
        }
    }

    /// Whether the browser is signed in, and whether the account has a second factor.
    async fn live_session(&mut self, who: (usize, usize)) -> Option<bool> {
        let reply = self.get(who, "get-session").await;
        reply.body["user"]["twoFactorEnabled"].as_bool()
    }

    /// Mostly the right password.
    fn password(&mut self, who: (usize, usize)) -> String {
        if self.dice.one_in(8) { "not the password".to_owned() } else { self.people[who.0].password.clone() }
    }

    async fn sign_in(&mut self, who: (usize, usize)) {
        let password = self.password(who);
        let remember = !self.dice.one_in(4);
        let body = json!({ "email": self.people[who.0].email, "password": password, "rememberMe": remember });
        let reply = self.post(who, "sign-in/email", body).await;
        match (reply.status.as_u16(), reply.body["twoFactorRedirect"] == true) {
            (401, _) => self.owe("password.refused"),
            (200, true) => self.owe("challenge.opened"),
            (200, false) => {
                self.owe("session.signed_in");
                if reply
                    .cookies()
                    .iter()
                    .any(|(name, value, _)| name.ends_with("trust_device") && !value.is_empty())
                {
                    self.owe("trusted_device.used");
                }
            }
            _ => panic!("{reply:#?}"),
        }
    }

    /// Signs in with whatever the account asks for.
    async fn come_in(&mut self, who: (usize, usize)) {
        self.sign_in(who).await;
        self.world.advance(31);
        if !self.people[who.0].backup_codes.is_empty() && self.dice.one_in(6) {
            self.verify_backup_code(who).await;
        } else if self.people[who.0].app.is_some() {
            self.verify_app(who).await;
        } else if self.people[who.0].by_mail {
            self.verify_mailed_code(who).await;
        }
    }

    async fn verify_app(&mut self, who: (usize, usize)) {
        let person = &self.people[who.0];
        let waiting = person.waiting.clone().filter(|_| person.app.is_none());
        let Some(uri) = waiting.as_ref().map(|(uri, _)| uri.clone()).or_else(|| person.app.clone()) else {
            return;
        };
        let code = match self.dice.below(8) {
            0 => "000000".to_owned(),
            1 => "no code".to_owned(),
            2 => self.world.totp_at(&uri, -1),
            _ => self.world.totp(&uri),
        };
        if let Some(true) = self.verify(who, "totp", &code).await
            && let Some((uri, codes)) = waiting
        {
            let person = &mut self.people[who.0];
            (person.app, person.waiting, person.backup_codes) = (Some(uri), None, codes);
        }
    }

    async fn verify_backup_code(&mut self, who: (usize, usize)) {
        let codes = &self.people[who.0].backup_codes;
        let code = match codes.len() {
            0 => "AAAA-BBBB-CCCC-DDDD".to_owned(),
            left => codes[self.dice.below(left)].clone(),
        };
        self.verify(who, "backup-code", &code).await;
    }

    async fn verify_mailed_code(&mut self, who: (usize, usize)) {
        let sent = self.post(who, "two-factor/send-otp", json!({})).await;
        if sent.status == 200 {
            self.owe("code.sent");
            let code = self.world.mailed_code(&self.people[who.0].email).await;
            let code = if self.dice.one_in(5) { "000000".to_owned() } else { code };
            if let Some(true) = self.verify(who, "otp", &code).await {
                self.people[who.0].by_mail = true;
            }
        }
    }

    /// Offers a code; says whether it added a factor, if it was right.
    async fn verify(&mut self, who: (usize, usize), method: &str, code: &str) -> Option<bool> {
        let inside = self.live_session(who).await;
        let trust = self.dice.one_in(4);
        let waits = method == "totp" && self.people[who.0].app.is_none();
        let body = json!({ "code": code, "trustDevice": trust });
        let reply = self.post(who, &format!("two-factor/verify-{method}"), body).await;
        match (reply.status.as_u16(), reply.code()) {
            (200, _) => {}
            (401, "INVALID_CODE" | "INVALID_BACKUP_CODE") => {
                if code != "no code" {
                    self.owe("code.refused");
                }
                return None;
            }
            (400, "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE") => {
                self.owe("challenge.exhausted");
                return None;
            }
            _ => return None,
        }
        if method == "backup-code" {
            self.owe("backup_code.used");
        }
        let adds = match inside {
            None => {
                self.owe("challenge.passed");
                if trust {
                    self.owe("trusted_device.added");
                }
                false
            }
            Some(enabled) => !enabled || waits,
        };
        if inside.is_some() {
            self.owe(if adds { "authenticator.added" } else { "proof.renewed" });
        }
        Some(adds)
    }

    async fn enable(&mut self, who: (usize, usize)) {
        let by_mail = self.dice.one_in(4);
        let method = if by_mail { "otp" } else { "totp" };
        let password = self.password(who);
        let reply =
            self.post(who, "two-factor/enable", json!({ "password": password, "method": method })).await;
        match (reply.status.as_u16(), reply.code()) {
            (400, "INVALID_PASSWORD") => self.owe("password.refused"),
            (200, _) if by_mail => {
                let had_it = std::mem::replace(&mut self.people[who.0].by_mail, true);
                self.owe_if(!had_it, "authenticator.added");
            }
            (200, _) => {
                self.owe("enrolment.begun");
                let uri = reply.body["totpURI"].as_str().unwrap().to_owned();
                let codes = reply.body["backupCodes"].as_array().unwrap();
                let codes: Vec<String> = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
                self.secrets.add_app(&uri);
                codes.iter().for_each(|code| self.secrets.add_backup_code(code));
                self.people[who.0].waiting = Some((uri, codes));
            }
            _ => {}
        }
    }

    async fn disable(&mut self, who: (usize, usize)) {
        let password = self.password(who);
        let reply = self.post(who, "two-factor/disable", json!({ "password": password })).await;
        match (reply.status.as_u16(), reply.code()) {
            (400, "INVALID_PASSWORD") => self.owe("password.refused"),
            (200, _) => {
                let person = &mut self.people[who.0];
                let factors = usize::from(person.app.is_some()) + usize::from(person.by_mail);
                (person.app, person.waiting, person.by_mail) = (None, None, false);
                person.backup_codes.clear();
                (0..factors).for_each(|_| self.owe("authenticator.removed"));
                if factors == 0 {
                    self.owe("session.revoked");
                }
            }
            _ => {}
        }
    }

    /// An act that asks for the password at most, and is one entry in the journal if it is done.
    async fn simple(&mut self, who: (usize, usize), act: &str, kind: &'static str) {
        let password = self.password(who);
        let reply = self.post(who, act, json!({ "password": password })).await;
        match (reply.status.as_u16(), reply.code()) {
            (400, "INVALID_PASSWORD") => self.owe("password.refused"),
            (200, _) => {
                self.owe(kind);
                if let Some(codes) = reply.body["backupCodes"].as_array() {
                    let codes: Vec<String> =
                        codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
                    codes.iter().for_each(|code| self.secrets.add_backup_code(code));
                    self.people[who.0].backup_codes = codes;
                }
            }
            _ => {}
        }
    }

    async fn change_password(&mut self, who: (usize, usize)) {
        let (current, new) = (self.password(who), self.new_password());
        let revoke = self.dice.one_in(2);
        let body = json!({ "currentPassword": current, "newPassword": new, "revokeOtherSessions": revoke });
        let reply = self.post(who, "change-password", body).await;
        match (reply.status.as_u16(), reply.code()) {
            (400, "INVALID_PASSWORD") => self.owe("password.refused"),
            (200, _) => {
                self.owe("password.changed");
                self.people[who.0].password = new;
            }
            _ => {}
        }
    }

    async fn reset_password(&mut self, who: (usize, usize)) {
        let email = self.people[who.0].email.clone();
        self.post(who, "request-password-reset", json!({ "email": email })).await.expect(200);
        let mail = self.world.mail().await;
        let link = mail
            .iter()
            .filter(|letter| letter.to.contains(&email))
            .find_map(|letter| letter.text.split_whitespace().find(|word| word.contains("/reset-password/")));
        let Some(link) = link else { return };
        let token = link.split("/reset-password/").nth(1).unwrap().split('?').next().unwrap().to_owned();
        if self.links.insert(token.clone()) {
            self.owe("password.reset_requested");
            self.secrets.add("link", &token);
        }
        let new = self.new_password();
        let reply = self.post(who, "reset-password", json!({ "newPassword": new, "token": token })).await;
        if reply.status == 200 {
            self.owe("password.reset");
            self.people[who.0].password = new;
        }
    }

    async fn sign_out(&mut self, who: (usize, usize)) {
        if self.live_session(who).await.is_some() {
            self.owe("session.signed_out");
        }
        self.post(who, "sign-out", json!({})).await.expect(200);
    }

    async fn journal(&self) -> Vec<Entry> {
        let sql = "SELECT at, kind, user_id, detail FROM events ORDER BY at";
        let read = self.world.ctx.store.read(move |tx| {
            tx.rows(sql, &[], |row| {
                let detail = serde_json::from_str(&row.get::<String>(3)?).unwrap();
                Ok(Entry { at: row.get(0)?, kind: row.get(1)?, user: row.get(2)?, detail })
            })
        });
        read.await.unwrap()
    }

    /// P3, I4: every session has the entry it came from, and every proof in it the entry it was shown in.
    async fn check_sessions(&self) -> usize {
        let journal = Journal::of(self.journal().await);
        let sql = "SELECT user_id, proofs, created_at FROM sessions";
        let read = self.world.ctx.store.read(move |tx| {
            tx.rows(sql, &[], |row| {
                Ok((row.get::<String>(0)?, row.get::<String>(1)?, row.get::<Timestamp>(2)?))
            })
        });
        let sessions = read.await.unwrap();
        let mut of_two_factors = 0;
        for (user, proofs, created_at) in &sessions {
            let proofs: Proofs = serde_json::from_str(proofs).unwrap();
            journal.explains(user, *created_at);
            for proven in proofs.iter() {
                journal.shows(user, proven.method, proven.at);
            }
            of_two_factors += usize::from(proofs.aal(*created_at) == Aal::Two);
        }
        of_two_factors
    }

    /// I6: what was answered with yes is in the journal, and nothing else is.
    async fn check_journal(&self) {
        let mut found: BTreeMap<String, i64> = BTreeMap::new();
        // Switching off also forgets the browser it is done in; the walk does not know which it was.
        for entry in self.journal().await.into_iter().filter(|entry| entry.kind != "trusted_device.removed") {
            *found.entry(entry.kind).or_insert(0) += 1;
        }
        let owed: BTreeMap<String, i64> =
            self.owed.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
        assert_eq!(found, owed);
    }
}

struct Entry {
    at: Timestamp,
    kind: String,
    user: Option<String>,
    detail: Value,
}

#[derive(Default)]
struct Journal {
    at: HashMap<(String, Timestamp), Vec<(String, Value)>>,
    /// When the number of confirmed factors of a user changed, and to what.
    factors: HashMap<String, Vec<(Timestamp, i64)>>,
}

impl Journal {
    fn of(entries: Vec<Entry>) -> Self {
        let mut journal = Self::default();
        for Entry { at, kind, user, detail } in entries {
            let user = user.unwrap_or_default();
            let change = match kind.as_str() {
                "authenticator.added" => 1,
                "authenticator.removed" => -1,
                _ => 0,
            };
            let factors = journal.factors.entry(user.clone()).or_default();
            let before = factors.last().map_or(0, |(_, number)| *number);
            factors.push((at, before + change));
            journal.at.entry((user, at)).or_default().push((kind, detail));
        }
        journal
    }

    fn at(&self, user: &str, at: Timestamp) -> &[(String, Value)] {
        self.at.get(&(user.to_owned(), at)).map_or(&[], Vec::as_slice)
    }

    fn second_factor_was_on(&self, user: &str, before: Timestamp) -> bool {
        let changes = self.factors.get(user).map_or(&[][..], Vec::as_slice);
        changes.iter().rev().find(|(at, _)| *at < before).is_some_and(|(_, number)| *number > 0)
    }

    fn explains(&self, user: &str, created_at: Timestamp) {
        let here = self.at(user, created_at);
        let says = |kind: &str| here.iter().any(|(said, _)| said == kind);
        // The same sign-in under a new token.
        let again = ["authenticator.added", "authenticator.removed", "password.changed", "proof.renewed"];
        let explained = says("challenge.passed")
            || again.iter().any(|kind| says(kind))
            || (says("session.signed_in") && says("trusted_device.used"))
            || (!self.second_factor_was_on(user, created_at)
                && (says("session.signed_in") || says("user.signed_up") || says("session.revoked")));
        assert!(explained, "a session of {user} at {created_at:?} came from {here:?}");
    }

    fn shows(&self, user: &str, method: Method, at: Timestamp) {
        let kinds: &[&str] = match method {
            Method::Password => &["user.signed_up", "session.signed_in", "challenge.opened"],
            _ => &["challenge.passed", "proof.renewed", "authenticator.added"],
        };
        let here = self.at(user, at);
        let shown = here.iter().any(|(kind, detail)| {
            kinds.contains(&kind.as_str())
                && (method == Method::Password || detail["method"] == method.as_str())
        });
        assert!(shown, "a session claims {method:?} of {user} at {at:?}; the journal says {here:?}");
    }
}

/// Everything that may stand nowhere in clear, ready to be looked for all at once.
#[derive(Default)]
struct Secrets {
    /// By their first eight bytes.
    needles: HashMap<[u8; 8], Vec<(&'static str, Vec<u8>)>>,
    /// Six digits turn up by chance inside longer numbers: these are looked for as words.
    words: BTreeSet<String>,
    count: usize,
}

impl Secrets {
    fn add(&mut self, kind: &'static str, secret: impl AsRef<[u8]>) {
        let secret = secret.as_ref();
        let known = self.needles.entry(secret[..8].try_into().unwrap()).or_default();
        if known.iter().all(|(_, other)| other != secret) {
            known.push((kind, secret.to_vec()));
            self.count += 1;
        }
    }

    fn add_app(&mut self, uri: &str) {
        let uri = url::Url::parse(uri).unwrap();
        let base32 = uri.query_pairs().find(|(key, _)| key == "secret").unwrap().1.into_owned();
        let seed = data_encoding::BASE32_NOPAD.decode(base32.as_bytes()).unwrap();
        self.add("seed in base32", &base32);
        self.add("seed in base32", base32.to_lowercase());
        self.add("seed in hex", data_encoding::HEXLOWER.encode(&seed));
        self.add("seed in hex", data_encoding::HEXUPPER.encode(&seed));
        self.add("seed in base64", data_encoding::BASE64_NOPAD.encode(&seed));
        self.add("seed", seed);
    }

    fn add_backup_code(&mut self, code: &str) {
        self.add("backup code", code);
        self.add("backup code", code.replace('-', ""));
    }

    fn found_in(&self, hay: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for (at, window) in hay.windows(8).enumerate() {
            let Some(known) = self.needles.get(window) else { continue };
            let hits = known.iter().filter(|(_, secret)| hay[at..].starts_with(secret));
            found.extend(hits.map(|(kind, secret)| format!("{kind}: {}", String::from_utf8_lossy(secret))));
        }
        for word in hay.split(|byte| !byte.is_ascii_alphanumeric()) {
            if word.len() == 6 && self.words.contains(&*String::from_utf8_lossy(word)) {
                found.push(format!("mailed code: {}", String::from_utf8_lossy(word)));
            }
        }
        found
    }
}

/// Every cell of every table, as bytes: text as it is, numbers as text.
async fn dump(world: &World) -> Vec<(String, Vec<u8>)> {
    let (tables, columns) = if on_postgres() {
        (
            "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema()",
            "SELECT CAST(column_name AS TEXT), data_type = 'bytea' FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = $1",
        )
    } else {
        (
            "SELECT name FROM sqlite_master WHERE type = 'table'",
            "SELECT name, type = 'BYTEA' FROM pragma_table_info($1)",
        )
    };
    let mut cells = Vec::new();
    let names: Vec<String> = rows(world, tables.to_owned(), None, |row| row.get(0)).await;
    for table in names {
        let all: Vec<(String, bool)> =
            rows(world, columns.to_owned(), Some(table.clone()), |row| Ok((row.get(0)?, row.get(1)?))).await;
        for (column, is_bytes) in all {
            let bytes = match (on_postgres(), is_bytes) {
                (true, false) => format!("convert_to(CAST({column} AS TEXT), 'UTF8')"),
                _ => format!("CAST({column} AS {})", if on_postgres() { "BYTEA" } else { "BLOB" }),
            };
            let sql = format!("SELECT {bytes} FROM {table} WHERE {column} IS NOT NULL");
            let values: Vec<Vec<u8>> = rows(world, sql, None, |row| row.get(0)).await;
            cells.extend(values.into_iter().map(|value| (format!("{table}.{column}"), value)));
        }
    }
    cells
}

async fn rows<T: Send + 'static>(
    world: &World,
    sql: String,
    value: Option<String>,
    read: impl Fn(&countersign::store::Row<'_>) -> Result<T, countersign::fault::Fault>
    + Send
    + Sync
    + Copy
    + 'static,
) -> Vec<T> {
    // Statements are cached by their text for as long as the process lives.
    let sql: &'static str = sql.leak();
    let values: Vec<_> = value.into_iter().map(countersign::store::Value::Text).collect();
    world.ctx.store.read(move |tx| tx.rows(sql, &values, read)).await.unwrap()
}

fn leaks(secrets: &Secrets, cells: &[(String, Vec<u8>)]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for (place, cell) in cells {
        found.extend(secrets.found_in(cell).into_iter().map(|what| format!("{place} holds a {what}")));
    }
    found.into_iter().collect()
}

/// What the whole process logs, at the most talkative level.
#[derive(Clone, Copy)]
struct Log;

fn log() -> &'static Mutex<Vec<u8>> {
    static LOG: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();
    LOG.get_or_init(Mutex::default)
}

impl Log {
    /// For all threads: hashing and storage have their own.
    fn everything() {
        let to_memory = tracing_subscriber::fmt::layer().with_ansi(false).without_time().with_writer(Self);
        tracing_subscriber::registry().with(LevelFilter::TRACE).with(to_memory).try_init().unwrap();
    }

    fn so_far() -> Vec<u8> {
        log().lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        log().lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

/// One walk for all promises: it is long. P3, I4 and I6, SEC-015, SEC-026, SEC-056, SEC-074, SEC-093, SEC-111.
#[tokio::test]
async fn the_promises_hold_on_a_long_walk() {
    Log::everything();
    let mut walk = Walk::begin(World::new().await).await;
    let mut of_two_factors = 0;
    for turn in 0..ACTS {
        walk.step().await;
        if turn % 50 == 0 {
            of_two_factors += walk.check_sessions().await;
        }
    }
    of_two_factors += walk.check_sessions().await;
    walk.check_journal().await;
    // A walk that saw too little would promise too much.
    for kind in [
        "challenge.passed",
        "authenticator.added",
        "authenticator.removed",
        "trusted_device.used",
        "password.reset",
        "backup_code.used",
        "proof.renewed",
        "challenge.exhausted",
        "code.sent",
    ] {
        assert!(walk.owed.get(kind).is_some_and(|times| *times > 1), "{kind}: {:?}", walk.owed);
    }
    assert!(of_two_factors > 20 && walk.calls > ACTS, "{of_two_factors} {}", walk.calls);
    for letter in walk.world.mail().await.iter().filter(|letter| letter.subject.contains("code")) {
        let words = letter.text.split(|c: char| !c.is_ascii_digit());
        walk.secrets.words.extend(words.filter(|word| word.len() == 6).map(str::to_owned));
    }
    assert!(walk.secrets.count > 500 && walk.secrets.words.len() > 20, "{}", walk.secrets.count);

    let cells = dump(&walk.world).await;
    assert!(cells.len() > 10_000, "{}", cells.len());
    assert_eq!(leaks(&walk.secrets, &cells), Vec::<String>::new());
    assert_eq!(walk.secrets.found_in(&walk.refusals), Vec::<String>::new());
    a_failure_says_nothing(&mut walk).await;
    let said = Log::so_far();
    assert!(String::from_utf8_lossy(&said).contains("a request failed"), "the log was listened to");
    assert_eq!(walk.secrets.found_in(&said), Vec::<String>::new());
    the_search_finds_what_is_there(&walk).await;
}

/// Our own failures are logged, and must not quote what they failed at.
async fn a_failure_says_nothing(walk: &mut Walk) {
    let broken = "ALTER TABLE events RENAME TO events_gone";
    walk.world.ctx.store.write(move |tx| tx.execute(broken, &[])).await.unwrap();
    walk.world.advance(100_000);
    for number in 0..walk.people.len() {
        let Person { email, password, app, backup_codes, .. } = &walk.people[number];
        let app = app.clone().map(|uri| walk.world.totp(&uri));
        let (email, password) = (email.clone(), password.clone());
        let backup = backup_codes.first().cloned();
        let acts = [
            ("sign-in/email", json!({ "email": email, "password": password })),
            ("request-password-reset", json!({ "email": email })),
            ("two-factor/verify-totp", json!({ "code": app.unwrap_or_default() })),
            ("two-factor/verify-backup-code", json!({ "code": backup.unwrap_or_default() })),
            ("change-password", json!({ "currentPassword": password, "newPassword": password })),
        ];
        for (act, body) in acts {
            let reply = walk.people[number].browsers[0].post(&format!("/api/auth/{act}"), body).await;
            assert!(walk.secrets.found_in(reply.body.to_string().as_bytes()).is_empty(), "{reply:#?}");
            assert!(reply.status == 500 || reply.status.as_u16() < 500 && reply.status != 200, "{reply:#?}");
        }
    }
}

/// Plants each kind of secret, and expects to be told where.
async fn the_search_finds_what_is_there(walk: &Walk) {
    let pick = |wanted: &str| {
        let mut all = walk.secrets.needles.values().flatten();
        all.find(|(kind, _)| *kind == wanted).map(|(_, secret)| secret.clone()).unwrap()
    };
    let code = walk.secrets.words.first().unwrap();
    let kinds = ["password", "token", "link", "backup code", "seed in base32", "seed in hex"];
    let texts = kinds.map(|kind| String::from_utf8(pick(kind)).unwrap());
    let text = format!("before {} after", texts.join(" and "));
    tracing::trace!(text, "planted");
    let values = [countersign::store::Value::Text(text)];
    let plant = "UPDATE users SET name = $1";
    walk.world.ctx.store.write(move |tx| tx.execute(plant, &values)).await.unwrap();
    let raw =
        [countersign::store::Value::Bytes([b"\x00\xff".to_vec(), pick("seed"), b"\xff".to_vec()].concat())];
    let plant = "UPDATE one_time_codes SET digest = $1";
    walk.world.ctx.store.write(move |tx| tx.execute(plant, &raw)).await.unwrap();
    let values = [countersign::store::Value::Text(format!("the code is {code}."))];
    let plant = "UPDATE users SET image = $1";
    walk.world.ctx.store.write(move |tx| tx.execute(plant, &values)).await.unwrap();
    let found = leaks(&walk.secrets, &dump(&walk.world).await);
    let logged = walk.secrets.found_in(&Log::so_far());
    for kind in kinds {
        assert!(
            found.iter().any(|what| what.starts_with(&format!("users.name holds a {kind}: "))),
            "{found:?}"
        );
        assert!(logged.iter().any(|what| what.starts_with(kind)), "{kind}: {logged:?}");
    }
    assert!(found.iter().any(|what| what.starts_with("one_time_codes.digest holds a seed: ")), "{found:?}");
    assert!(found.contains(&format!("users.image holds a mailed code: {code}")), "{found:?}");
}
