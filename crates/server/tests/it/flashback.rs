//! Flashback over the router: what its client meets, and what it must not get. §n is the contract's section.

mod accounts;
mod organisations;
mod second_factor;

use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use countersign::config::Config;
use countersign_core::{secret::Secret, session::Visitor};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::world::{self, Reply, World};

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";
const PASSWORD: &str = "Correct-Horse-42-Battery";
const TOTP: &str = "GOOGLE_AUTH";
const LINK: &str = "MAGIC_LINK";

/// What Flashback's client is: the last token goes out with every request, bodies only where there is one.
#[derive(Clone)]
struct Client {
    router: Router,
    token: String,
    refresh: String,
}

impl Client {
    fn new(world: &World) -> Self {
        Self { router: world.router(), token: String::new(), refresh: String::new() }
    }

    fn with(world: &World, token: &str) -> Self {
        Self { token: token.to_owned(), ..Self::new(world) }
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !self.token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        let request = match body {
            Some(body) => {
                let request = request.header(header::CONTENT_TYPE, "application/json");
                request.body(Body::from(body.to_string()))
            }
            None => request.body(Body::empty()),
        };
        let reply = world::send(&self.router, request.unwrap()).await;
        if method != "HEAD" {
            assert_eq!(reply.headers[header::CONTENT_TYPE], "application/json", "{method} {path}: {reply:?}");
            assert_eq!(reply.body["success"], reply.status.is_success(), "{method} {path}: {reply:?}");
        }
        reply
    }

    async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, Some(body)).await
    }

    async fn poke(&self, path: &str) -> Reply {
        self.call("POST", path, None).await
    }

    fn take(&mut self, reply: &Reply) {
        let access = reply.body.get("fullAccessToken").unwrap_or(&reply.body["accessToken"]);
        self.token = access.as_str().unwrap().to_owned();
        self.refresh = reply.body["refreshToken"].as_str().unwrap().to_owned();
    }

    async fn register(&mut self, email: &str) -> Reply {
        let reply = self.post("/user/register", registration(email)).await.expect(201);
        self.take(&reply);
        reply
    }

    async fn log_in(&mut self, email: &str) -> Reply {
        let body = json!({ "email": email, "password": PASSWORD });
        let reply = self.post("/user/login", body).await.expect(200);
        self.take(&reply);
        reply
    }

    async fn refresh(&mut self) -> Reply {
        let reply = self.post("/user/refresh", json!({ "refresh_token": self.refresh })).await;
        if reply.status.is_success() {
            self.take(&reply);
        }
        reply
    }

    /// Enrols an authenticator app; the clock moves on a step, so that the next code is fresh.
    async fn enrol(&self, world: &World) -> App {
        let begun = self.post("/mfa/setup", json!({ "mfaType": TOTP })).await.expect(200);
        let app = App::of(&begun.body["data"]);
        let body = json!({ "mfaType": TOTP, "code": world.totp(&app.uri) });
        self.post("/mfa/verify-setup", body).await.expect(200);
        world.advance(30);
        app
    }

    async fn prove(&mut self, kind: &str, code: &str) -> Reply {
        let reply = self.post("/mfa/verify-login", json!({ "mfaType": kind, "code": code })).await;
        if reply.status.is_success() {
            self.take(&reply);
        }
        reply
    }

    async fn status(&self) -> Value {
        self.get("/mfa/status").await.expect(200).body["data"].clone()
    }

    /// Whether the token opens what only a full one does.
    async fn is_in(&self) -> bool {
        self.get("/user/profile").await.status == 200
    }
}

/// An authenticator app and the sheet that came with it.
struct App {
    uri: String,
    backup_codes: Vec<String>,
}

impl App {
    fn of(data: &Value) -> Self {
        let codes = data["backupCodes"].as_array().unwrap().iter();
        Self {
            uri: format!("otpauth://totp/x?secret={}", data["secret"].as_str().unwrap()),
            backup_codes: codes.map(|code| code.as_str().unwrap().to_owned()).collect(),
        }
    }
}

fn registration(email: &str) -> Value {
    json!({
        "email": email, "password": PASSWORD, "firstName": "Ada", "lastName": "Lovelace",
        "companyName": "Engines", "isBusiness": true,
    })
}

/// Status and code of a refusal.
fn refused(reply: &Reply) -> (u16, &str) {
    (reply.status.as_u16(), reply.body["error_code"].as_str().unwrap_or_default())
}

const MFA_REQUIRED: (u16, &str) = (403, "MFA_REQUIRED");
const STALE: (u16, &str) = (403, "REAUTHENTICATION_REQUIRED");

/// What a token says.
pub fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap()
}

async fn number(world: &World, sql: &'static str) -> i64 {
    world.ctx.store.read(move |tx| tx.row(sql, &[], |row| row.get(0))).await.unwrap().unwrap()
}

/// Somebody with an account and an authenticator app, signed in.
async fn enrolled(world: &World) -> (Client, App) {
    let mut ada = Client::new(world);
    ada.register(ADA).await;
    let app = ada.enrol(world).await;
    (ada, app)
}

/// The password was right and the second step is due.
async fn halfway(world: &World) -> Client {
    let mut client = Client::new(world);
    client.log_in(ADA).await;
    assert_eq!(claims(&client.token)["type"], "partial");
    client
}

/// The token in the newest link mailed to this address.
async fn mailed_token(world: &World, to: &str) -> String {
    world.mailed_link(to).await.split("token=").nth(1).unwrap().to_owned()
}
