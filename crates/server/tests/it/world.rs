//! A world to test in: the running router with a stopped clock, seeded dice, an inbox, and either store.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use countersign::{
    app::{self, App},
    clock::Clock,
    config::{Config, Database, Mail, MasterKeys},
    ctx::Ctx,
    delivery::{
        Courier,
        sink::{Sink, SinkLetter},
    },
    dice::Dice,
};
use countersign_core::{secret::Secret, time::Timestamp, totp};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::postgres;

pub const ORIGIN: &str = "http://localhost:3777";
pub const PASSWORD: &str = "correct horse battery";
const MORNING: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// One server with everything around it. `STORE=postgres` puts it on PostgreSQL.
pub struct World {
    pub ctx: Arc<Ctx>,
    pub clock: Clock,
    router: Router,
    courier: Courier,
    config: Config,
    mail: PathBuf,
    _folder: tempfile::TempDir,
    _server: Option<postgres::Database>,
}

pub fn on_postgres() -> bool {
    std::env::var("STORE").is_ok_and(|engine| engine == "postgres")
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// A world whose configuration differs from the usual.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = on_postgres().then(postgres::fresh_database);
        let database = match &server {
            Some(server) => Database::Postgres { url: Secret::new(server.url.clone()), connections: 4 },
            None => Database::Sqlite(folder.path().join("countersign.db")),
        };
        let mail = folder.path().join("mail");
        let mut config = Config {
            data_dir: folder.path().to_owned(),
            public_url: ORIGIN.parse().unwrap(),
            database,
            master_keys: MasterKeys::File(folder.path().join("master.keys")),
            mail: Mail::Sink(mail.clone()),
            app_name: "Acme MFA".to_owned(),
            rate_limits: false,
            hash_threads: 2,
            ..Config::default()
        };
        change(&mut config);
        let clock = Clock::stopped(MORNING);
        let app = App::open(config.clone(), clock.clone(), Arc::new(Dice::seeded(7))).await.unwrap();
        let router = app::router(&app.ctx).unwrap();
        let App { ctx, courier } = app;
        Self { ctx, clock, router, courier, config, mail, _folder: folder, _server: server }
    }

    /// Another node over the same database, with its own dice; on SQLite, the same node again.
    pub async fn second_node(&self) -> Router {
        if !on_postgres() {
            return self.router.clone();
        }
        app::router(&self.second_ctx().await).unwrap()
    }

    /// What that node's operations are handed.
    pub async fn second_ctx(&self) -> Arc<Ctx> {
        if !on_postgres() {
            return Arc::clone(&self.ctx);
        }
        static NODES: AtomicU64 = AtomicU64::new(8);
        let dice = Arc::new(Dice::seeded(NODES.fetch_add(1, Ordering::Relaxed)));
        App::open(self.config.clone(), self.clock.clone(), dice).await.unwrap().ctx
    }

    pub fn router(&self) -> Router {
        self.router.clone()
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Sends what waits in the outbox and returns all mail so far, newest first.
    pub async fn mail(&self) -> Vec<SinkLetter> {
        while self.courier.run_once().await > 0 {}
        Sink::open(&self.mail).unwrap().recent(1_000).unwrap()
    }

    /// All mails as they went out, but for the soft line breaks of RFC 2045 §6.7.
    pub async fn mail_as_sent(&self) -> String {
        self.mail().await;
        let files = std::fs::read_dir(&self.mail).unwrap();
        files
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap().replace("=\r\n", ""))
            .collect()
    }

    /// The newest six-digit code mailed to this address.
    pub async fn mailed_code(&self, to: &str) -> String {
        let mail = self.mail().await;
        let letters = mail
            .iter()
            .filter(|letter| letter.to.contains(to) && letter.subject.to_lowercase().contains("code"));
        let codes = letters.filter_map(|letter| {
            letter
                .text
                .split(|c: char| !c.is_ascii_alphanumeric())
                .find(|word| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit()))
        });
        codes.into_iter().next().expect("no code was mailed").to_owned()
    }

    /// The newest link mailed to this address that does what was asked for: not the way out that notices hold.
    pub async fn mailed_link(&self, to: &str) -> String {
        let mail = self.mail().await;
        let letters = mail.iter().filter(|letter| letter.to.contains(to));
        let links = letters.filter_map(|letter| {
            letter.text.split_whitespace().find(|word| word.starts_with("http")).map(str::to_owned)
        });
        links.into_iter().find(|link| !link.contains("/not-me?")).expect("no link was mailed")
    }

    /// The token in the newest mail to this address that leads to this page.
    pub async fn mailed_token(&self, to: &str, page: &str) -> String {
        let mail = self.mail().await;
        let texts = mail.iter().filter(|letter| letter.to.contains(to)).map(|letter| &letter.text);
        let tokens = texts.filter_map(|text| text.split(page).nth(1)?.split_whitespace().next());
        tokens.into_iter().next().unwrap_or_else(|| panic!("no mail to {to} leads to {page}")).to_owned()
    }

    /// The code an authenticator app shows now for the seed in this `otpauth:` address.
    pub fn totp(&self, uri: &str) -> String {
        self.totp_at(uri, 0)
    }

    pub fn totp_at(&self, uri: &str, offset: i64) -> String {
        let uri = url::Url::parse(uri).unwrap();
        let (_, secret) = uri.query_pairs().find(|(key, _)| key == "secret").unwrap();
        let seed = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
        let step = totp::step_at(self.clock.now(), 30) + offset;
        totp::code_at(&seed, totp::Parameters::default(), step)
    }

    pub fn browser(&self) -> Browser {
        Browser::on(self.router())
    }
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Reply {
    /// `(name, value, attributes)` of each `Set-Cookie`, in order.
    pub fn cookies(&self) -> Vec<(String, String, Vec<String>)> {
        let lines = self.headers.get_all(header::SET_COOKIE).into_iter();
        let split = |line: &str| {
            let mut parts = line.split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            (name.to_owned(), value.to_owned(), parts.map(str::to_owned).collect())
        };
        lines.map(|line| split(line.to_str().unwrap())).collect()
    }

    /// Where it leads.
    pub fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |value| value.to_str().unwrap())
    }

    /// The page, and the value of a hidden field in it.
    pub fn field(&self, name: &str) -> Option<&str> {
        let (_, after) = self.body.as_str()?.split_once(&format!("name=\"{name}\" value=\""))?;
        after.split('"').next()
    }

    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The reply, if its status is this one; shows the whole of it otherwise.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:#?}");
        self
    }
}

/// A browser with a cookie jar. Sends the origin a page of ours would send.
#[derive(Clone)]
pub struct Browser {
    router: Router,
    pub jar: BTreeMap<String, String>,
}

impl Browser {
    pub fn on(router: Router) -> Self {
        Self { router, jar: BTreeMap::new() }
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub async fn post(&mut self, path: &str, body: Value) -> Reply {
        let request = self.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// As a page's form posts.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.request(Method::POST, path);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    pub fn request(&self, method: Method, path: &str) -> axum::http::request::Builder {
        let request = Request::builder().method(method).uri(path).header(header::ORIGIN, ORIGIN);
        if self.jar.is_empty() {
            return request;
        }
        let jar: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request.header(header::COOKIE, jar.join("; "))
    }

    pub async fn send(&mut self, request: Request<Body>) -> Reply {
        let reply = send(&self.router, request).await;
        for (name, value, attributes) in reply.cookies() {
            let gone = |attribute: &String| {
                attribute == "Max-Age=0" || attribute.starts_with("Expires=Thu, 01 Jan 1970")
            };
            if attributes.iter().any(gone) {
                self.jar.remove(&name);
            } else {
                self.jar.insert(name, value);
            }
        }
        reply
    }

    /// Signs up and stays signed in.
    pub async fn sign_up(&mut self, email: &str) -> Reply {
        let body = json!({ "name": "Ada", "email": email, "password": PASSWORD });
        self.post("/api/auth/sign-up/email", body).await.expect(200)
    }

    pub async fn sign_in(&mut self, email: &str) -> Reply {
        let body = json!({ "email": email, "password": PASSWORD });
        self.post("/api/auth/sign-in/email", body).await
    }

    /// Signs up and enrols a TOTP authenticator. The clock moves on a step, so that the next code is fresh.
    pub async fn enrol(&mut self, world: &World, email: &str) -> Enrolled {
        self.sign_up(email).await;
        let body = json!({ "password": PASSWORD });
        let begun = self.post("/api/auth/two-factor/enable", body).await.expect(200);
        let uri = begun.body["totpURI"].as_str().unwrap().to_owned();
        let backup_codes = begun.body["backupCodes"].as_array().unwrap();
        let backup_codes = backup_codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
        let code = json!({ "code": world.totp(&uri) });
        self.post("/api/auth/two-factor/verify-totp", code).await.expect(200);
        world.advance(30);
        Enrolled { uri, backup_codes }
    }
}

pub struct Enrolled {
    pub uri: String,
    pub backup_codes: Vec<String>,
}

pub async fn send(router: &Router, request: Request<Body>) -> Reply {
    let reply = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = reply.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let body = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()))
    };
    Reply { status: parts.status, headers: parts.headers, body }
}
