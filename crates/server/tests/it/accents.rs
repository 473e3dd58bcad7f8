//! One person, four accents: enrolled through one dialect, signed in through every other with the same app and sheet.
//!
//! The table is printed into `docs/dialects.md`; `UPDATE_DOCS=1` writes it anew.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use countersign::dialects;
use serde_json::{Value, json};

use crate::world::{Browser, Reply, World};

/// Long, mixed and special enough for every wire.
pub const PASSWORD: &str = "Correct-Horse-42-Battery";
const PROJECT: &str = "685acbe0e129932fbb7a0fc2";

/// A caller with a cookie jar and, where its wire has one, a bearer token.
pub struct Caller {
    browser: Browser,
    pub bearer: Option<String>,
    csrf: Option<String>,
}

impl Caller {
    pub fn new(world: &World) -> Self {
        Self { browser: world.browser(), bearer: None, csrf: None }
    }

    pub async fn call(&mut self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = &self.bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(token) = &self.csrf {
            request = request.header("x-csrf-token", token);
        }
        if !self.browser.jar.is_empty() {
            let jar: Vec<_> =
                self.browser.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, jar.join("; "));
            request = request.header(header::ORIGIN, crate::world::ORIGIN);
        }
        let request = match body {
            Some(body) => {
                request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))
            }
            None => request.body(Body::empty()),
        };
        self.browser.send(request.unwrap()).await
    }

    /// The value of a cookie this caller was given.
    pub fn cookie(&self, name: &str) -> String {
        self.browser.jar.get(name).unwrap_or_else(|| panic!("no cookie {name}")).clone()
    }

    pub async fn get(&mut self, path: &str) -> Reply {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&mut self, path: &str, body: Value) -> Reply {
        self.call(Method::POST, path, Some(body)).await
    }
}

/// What somebody enrolled holds in their hands.
pub struct Holds {
    pub seed: String,
    pub backup_codes: Vec<String>,
}

impl Holds {
    fn uri(&self) -> String {
        format!("otpauth://totp/x:y?secret={}", self.seed)
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn seed_in(uri: &str) -> String {
    let uri = url::Url::parse(uri).unwrap();
    uri.query_pairs().find(|(key, _)| key == "secret").unwrap().1.into_owned()
}

/// Signs somebody up and leaves them signed in.
pub async fn sign_up(world: &World, dialect: &str, email: &str) -> Caller {
    let mut caller = Caller::new(world);
    match dialect {
        "better-auth" => {
            let body = json!({ "name": "Ada Lovelace", "email": email, "password": PASSWORD });
            caller.post("/better-auth/api/auth/sign-up/email", body).await.expect(200);
        }
        "slugbase" => {
            let body = json!({ "name": "Ada Lovelace", "email": email, "password": PASSWORD });
            caller.post("/slugbase/api/auth/register", body).await.expect(201);
            let body = json!({ "email": email, "password": PASSWORD });
            caller.post("/slugbase/api/auth/login", body).await.expect(200);
            let csrf = caller.get("/slugbase/api/csrf-token").await.expect(200);
            caller.csrf = Some(text(&csrf.body["csrfToken"]));
        }
        "mudbase" => {
            let body = json!({
                "email": email, "password": PASSWORD, "firstName": "Ada", "lastName": "Lovelace",
                "projectId": PROJECT,
            });
            let reply = caller.post("/mudbase/api/auth/local/register", body).await.expect(201);
            caller.bearer = Some(text(&reply.body["token"]));
        }
        "flashback" => {
            let body = json!({
                "email": email, "password": PASSWORD, "firstName": "Ada", "lastName": "Lovelace",
                "companyName": "Engines", "isBusiness": true,
            });
            let reply = caller.post("/flashback/user/register", body).await.expect(201);
            caller.bearer = Some(text(&reply.body["accessToken"]));
        }
        "native" => {
            let body = json!({ "name": "Ada Lovelace", "email": email, "password": PASSWORD });
            let reply = caller.post("/v1/accounts", body).await.expect(201);
            caller.bearer = Some(text(&reply.body["session"]["token"]));
        }
        other => panic!("{other} has no accent here"),
    }
    caller
}

/// Enrols an authenticator app; the clock moves on, so that the next code is fresh.
pub async fn enrol(world: &World, dialect: &str, caller: &mut Caller) -> Holds {
    let holds = match dialect {
        "better-auth" => {
            let body = json!({ "password": PASSWORD });
            let begun = caller.post("/better-auth/api/auth/two-factor/enable", body).await.expect(200);
            let holds = Holds {
                seed: seed_in(&text(&begun.body["totpURI"])),
                backup_codes: texts(&begun.body["backupCodes"]),
            };
            let body = json!({ "code": world.totp(&holds.uri()) });
            caller.post("/better-auth/api/auth/two-factor/verify-totp", body).await.expect(200);
            holds
        }
        "slugbase" => {
            let begun = caller.post("/slugbase/api/auth/mfa/enroll/begin", json!({})).await.expect(200);
            let seed = text(&begun.body["secret"]);
            let mut holds = Holds { seed, backup_codes: Vec::new() };
            let body = json!({ "code": world.totp(&holds.uri()) });
            let done = caller.post("/slugbase/api/auth/mfa/enroll/confirm", body).await.expect(200);
            holds.backup_codes = texts(&done.body["backup_codes"]);
            holds
        }
        "mudbase" => {
            let begun = caller.call(Method::POST, "/mudbase/api/users/2fa/setup", None).await.expect(200);
            let holds =
                Holds { seed: text(&begun.body["secret"]), backup_codes: texts(&begun.body["backupCodes"]) };
            let body = json!({ "token": world.totp(&holds.uri()) });
            caller.post("/mudbase/api/users/2fa/verify", body).await.expect(200);
            holds
        }
        "flashback" => {
            let body = json!({ "mfaType": "GOOGLE_AUTH" });
            let begun = caller.post("/flashback/mfa/setup", body).await.expect(200);
            let data = &begun.body["data"];
            let holds = Holds { seed: text(&data["secret"]), backup_codes: texts(&data["backupCodes"]) };
            let body = json!({ "mfaType": "GOOGLE_AUTH", "code": world.totp(&holds.uri()) });
            caller.post("/flashback/mfa/verify-setup", body).await.expect(200);
            holds
        }
        "native" => {
            let begun = caller.call(Method::POST, "/v1/authenticators/totp", None).await.expect(201);
            let mut holds = Holds { seed: text(&begun.body["secret"]), backup_codes: Vec::new() };
            let body = json!({ "code": world.totp(&holds.uri()) });
            let done = caller.post("/v1/authenticators/totp/confirm", body).await.expect(200);
            holds.backup_codes = texts(&done.body["backup_codes"]);
            caller.bearer = Some(text(&done.body["session"]["token"]));
            holds
        }
        other => panic!("{other} has no accent here"),
    };
    world.advance(30);
    holds
}

/// What an authenticator shows, or a line of the printed sheet.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    Totp(&'a Holds),
    Backup(&'a str),
}

/// Whether both steps together sign somebody in, and whether the first alone does not.
pub async fn signs_in(world: &World, dialect: &str, email: &str, proof: Proof<'_>) -> bool {
    let (code, by_sheet) = match proof {
        Proof::Totp(holds) => (world.totp(&holds.uri()), false),
        Proof::Backup(code) => (code.to_owned(), true),
    };
    let mut caller = Caller::new(world);
    let credentials = json!({ "email": email, "password": PASSWORD });
    let (answered, who_am_i) = match dialect {
        "better-auth" => {
            let asked = caller.post("/better-auth/api/auth/sign-in/email", credentials).await.expect(200);
            assert_eq!(asked.body["twoFactorRedirect"], true);
            let nobody = caller.get("/better-auth/api/auth/get-session").await;
            assert_eq!(nobody.body, Value::Null, "the first step alone is no session");
            let kind = if by_sheet { "verify-backup-code" } else { "verify-totp" };
            let path = format!("/better-auth/api/auth/two-factor/{kind}");
            (caller.post(&path, json!({ "code": code })).await, "/better-auth/api/auth/get-session")
        }
        "slugbase" => {
            let asked = caller.post("/slugbase/api/auth/login", credentials).await.expect(200);
            assert_eq!(asked.body["mfa_required"], true);
            caller.get("/slugbase/api/auth/me").await.expect(401);
            let answered = caller.post("/slugbase/api/auth/mfa/verify", json!({ "code": code })).await;
            (answered, "/slugbase/api/auth/me")
        }
        "mudbase" => {
            let path = "/mudbase/api/auth/local/login";
            let alone = caller.post(path, credentials.clone()).await.expect(401);
            assert_eq!(alone.code(), "TWO_FACTOR_REQUIRED");
            let mut both = credentials;
            both["totpToken"] = json!(code);
            let answered = caller.post(path, both).await;
            caller.bearer = answered.body["token"].as_str().map(str::to_owned);
            (answered, "/mudbase/api/users/me")
        }
        "flashback" => {
            let asked = caller.post("/flashback/user/login", credentials).await.expect(200);
            caller.bearer = Some(text(&asked.body["accessToken"]));
            caller.get("/flashback/user/profile").await.expect(403);
            let body = json!({ "mfaType": "GOOGLE_AUTH", "code": code });
            let answered = caller.post("/flashback/mfa/verify-login", body).await;
            caller.bearer = answered.body["fullAccessToken"].as_str().map(str::to_owned);
            (answered, "/flashback/user/profile")
        }
        "native" => {
            let asked = caller.post("/v1/sessions", credentials).await.expect(200);
            let body = json!({ "challenge": asked.body["challenge"], "code": code });
            let answered = caller.post("/v1/challenge/verify", body).await;
            caller.bearer = answered.body["session"]["token"].as_str().map(str::to_owned);
            (answered, "/v1/session")
        }
        other => panic!("{other} has no accent here"),
    };
    if !answered.status.is_success() {
        println!("{dialect}: {answered:?}");
        return false;
    }
    let me = caller.get(who_am_i).await.expect(200);
    me.body != Value::Null
}

fn names() -> Vec<&'static str> {
    dialects::ALL.iter().map(|dialect| dialect.name).collect()
}

#[tokio::test]
async fn whoever_enrolled_through_one_dialect_signs_in_through_every_other() {
    let world = World::new().await;
    let mut table = String::from("| enrolled through | ");
    table.push_str(&names().join(" | "));
    table.push_str(" |\n|---|");
    table.push_str(&"---|".repeat(names().len()));
    table.push('\n');
    for from in names() {
        let email = format!("{from}@example.com");
        let mut caller = sign_up(&world, from, &email).await;
        let holds = enrol(&world, from, &mut caller).await;
        let mut cells = Vec::new();
        for (at, into) in names().into_iter().enumerate() {
            let by_app = signs_in(&world, into, &email, Proof::Totp(&holds)).await;
            world.advance(30);
            let by_sheet = signs_in(&world, into, &email, Proof::Backup(&holds.backup_codes[at])).await;
            // A line of the sheet is good once, whatever the accent.
            let again = signs_in(&world, into, &email, Proof::Backup(&holds.backup_codes[at])).await;
            assert!(by_app && by_sheet && !again, "{from} into {into}: {by_app} {by_sheet} {again}");
            cells.push("app and backup code");
        }
        table.push_str(&format!("| {from} | {} |\n", cells.join(" | ")));
    }
    assert_eq!(names().len(), 5);
    in_the_docs("dialects.md", "accents", &table);
}

/// Compares a generated part of a page with what the page says, or writes it there.
pub fn in_the_docs(page: &str, part: &str, now: &str) {
    let path = format!("{}/../../docs/{page}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {part}: begin -->\n"), format!("<!-- {part}: end -->\n"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{page} has no part {part}"));
    let (old, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{begin}{now}{end}{after}")).unwrap();
        return;
    }
    assert!(old == now, "docs/{page} is out of date: run with UPDATE_DOCS=1 and read the diff");
}
