//! Mudbase's contract over the router: what its SDK, which runs elsewhere against the binary, cannot ask; §n is
//! its section.

mod limits;
mod races;

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, header},
};
use countersign::{
    config::{Deletion, EmailVerification, MudbaseLogin, PasswordCode, SetupResponse},
    operations::{
        organisations::{self, RuleChange},
        tokens::{self, Wire},
    },
    store::Tx,
};
use countersign_core::session::{Reach, Visitor};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::world::{self, PASSWORD, Reply, World};

const ADA: &str = "ada@example.com";
const PROJECT: &str = "685acbe0e129932fbb7a0fc2";
const WIRE: Wire = Wire { name: "mudbase", lifetime: Duration::from_secs(1_800) };

/// Somebody who talks JSON below the prefix, with the tokens they were given last.
#[derive(Clone)]
struct Client {
    router: Router,
    token: String,
    refresh_token: String,
}

impl Client {
    fn of(world: &World) -> Self {
        Self::on(world.router())
    }

    fn on(router: Router) -> Self {
        Self { router, token: String::new(), refresh_token: String::new() }
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Reply {
        self.ask_with(method, path, body, &[]).await
    }

    async fn ask_with(
        &self,
        method: &str,
        path: &str,
        body: Value,
        headers: &[(&'static str, &str)],
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("/mudbase/api{path}"));
        if !self.token.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_str(value).unwrap());
        }
        let body = match body {
            Value::Null => Body::empty(),
            body => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
        };
        let reply = world::send(&self.router, request.body(body).unwrap()).await;
        assert!(!reply.headers.contains_key(header::SET_COOKIE), "{reply:#?}");
        assert_eq!(reply.headers[header::CONTENT_TYPE], "application/json");
        assert_nothing_is_null(&reply.body);
        reply
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.ask("POST", path, body).await
    }

    fn keep(&mut self, reply: &Reply) {
        self.token = reply.body["token"].as_str().unwrap().to_owned();
        self.refresh_token = reply.body["refreshToken"].as_str().unwrap().to_owned();
    }

    async fn register_local(&mut self, email: &str) -> Reply {
        let reply = self.post("/auth/local/register", local(email)).await.expect(201);
        self.keep(&reply);
        reply
    }

    async fn register(&mut self, email: &str) -> Reply {
        let reply = self.post("/auth/register", org(email)).await.expect(201);
        self.keep(&reply);
        reply
    }

    async fn log_in(&self, email: &str, more: Value) -> Reply {
        let mut body = json!({ "email": email, "password": PASSWORD });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/auth/local/login", body).await
    }

    /// Enrols, and returns the secret as an `otpauth:` address, and the backup codes. The clock moves on a step.
    async fn enrol(&self, world: &World) -> (String, Vec<String>) {
        let begun = self.post("/users/2fa/setup", Value::Null).await.expect(200);
        let uri = format!("otpauth://totp/x?secret={}", begun.body["secret"].as_str().unwrap());
        self.post("/users/2fa/verify", json!({ "token": world.totp(&uri) })).await.expect(200);
        world.advance(30);
        let codes = begun.body["backupCodes"].as_array().unwrap().iter();
        (uri, codes.map(|code| code.as_str().unwrap().to_owned()).collect())
    }

    async fn refresh(&self) -> Reply {
        self.post("/auth/refresh", json!({ "refreshToken": self.refresh_token })).await
    }
}

fn local(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "firstName": "Ada", "lastName": "King", "projectId": PROJECT })
}

fn org(email: &str) -> Value {
    json!({
        "email": email, "password": PASSWORD, "firstName": "Ada", "lastName": "King",
        "orgName": "Harbour Lights", "agreedToTerms": true,
    })
}

/// §8: C# refuses null where a text was declared, which is everywhere but in `customRole`.
#[track_caller]
fn assert_nothing_is_null(body: &Value) {
    match body {
        Value::Object(members) => {
            for (key, value) in members {
                assert!(!value.is_null() || key == "customRole", "{key} is null");
                if !value.is_null() {
                    assert_nothing_is_null(value);
                }
            }
        }
        Value::Array(members) => members.iter().for_each(assert_nothing_is_null),
        Value::Null => panic!("null"),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// §8: Java refuses members that were not declared.
#[track_caller]
fn assert_members(body: &Value, expected: &str) {
    let members: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected: Vec<&str> = expected.split_whitespace().collect();
    expected.sort_unstable();
    assert_eq!(members, expected);
}

const USER: &str = "_id email firstName lastName fullName role customRole isAnonymous emailVerified phoneVerified \
                    twoFactorEnabled lastLogin createdAt updatedAt";

#[tokio::test]
async fn answers_hold_what_is_declared_and_nothing_else() {
    let world = World::new().await;
    let mut ada = Client::of(&world);
    let registered = ada.register_local(ADA).await;
    assert_members(&registered.body, "message token refreshToken expiresIn user");
    assert_members(&registered.body["user"], "id email firstName lastName emailVerified customRole");
    assert_eq!(registered.body["expiresIn"], json!(1_800));
    let granted = ada.log_in(ADA, json!({})).await.expect(200);
    assert_members(&granted.body, "message token refreshToken expiresIn user");
    let user = "id email firstName lastName role emailVerified twoFactorEnabled";
    assert_members(&granted.body["user"], user);
    assert_members(&ada.refresh().await.expect(200).body, "message token refreshToken expiresIn");
    let me = ada.get("/users/me").await.expect(200).body;
    assert_members(&me["user"], USER);
    assert_eq!(me["user"]["role"], "member");
    let session = ada.get(&format!("/auth/local/session?projectId={}", PROJECT.to_uppercase())).await;
    assert_eq!(session.expect(200).body["user"]["project"]["id"], PROJECT);
    ada.get("/auth/local/session?projectId=000000000000000000000000").await.expect(404);

    let mut grace = Client::of(&world);
    let registered = grace.register("grace@example.com").await;
    assert_members(&registered.body, "message token refreshToken expiresIn user");
    assert_members(&registered.body["user"], &format!("{USER} org"));
    let org = &registered.body["user"]["org"];
    assert_eq!((&org["name"], &org["slug"]), (&json!("Harbour Lights"), &json!("harbour-lights")));
    assert_eq!(registered.body["user"]["role"], "owner");
    let changed = grace.ask("PATCH", "/users/update", json!({ "avatar": "https://example.com/a.png" })).await;
    assert_members(&changed.expect(200).body["user"], &format!("{USER} org avatar"));
    let changed = grace.ask("PATCH", "/users/update", json!({ "avatar": null, "firstName": "Grace" })).await;
    let user = changed.expect(200).body["user"].take();
    assert_members(&user, &format!("{USER} org"));
    assert_eq!((&user["fullName"], &user["lastName"]), (&json!("Grace King"), &json!("King")));
    grace.ask("PATCH", "/users/update", json!({})).await.expect(400);
    let key =
        json!({ "name": "Nightly", "projectId": PROJECT, "rateLimit": { "requests": 5, "window": 60 } });
    let key = grace.post("/api-keys", key).await.expect(201).body["apiKey"].take();
    assert_members(&key, "_id name project permissions rateLimit isActive createdAt expiresAt secret");
    assert_eq!(key["project"], json!({ "_id": PROJECT, "name": PROJECT, "slug": PROJECT }));
}

#[tokio::test]
async fn a_login_with_a_second_factor_takes_its_code_along() {
    let world = World::new().await;
    let mut ada = Client::of(&world);
    ada.register_local(ADA).await;
    let (uri, backup_codes) = ada.enrol(&world).await;
    let code = world.totp(&uri);
    for (more, refused) in [
        (json!({}), "TWO_FACTOR_REQUIRED"),
        (json!({ "totpToken": "" }), "TWO_FACTOR_REQUIRED"),
        (json!({ "totpToken": "000000" }), "INVALID_TWO_FACTOR_CODE"),
        (json!({ "totpToken": "nonsense" }), "INVALID_TWO_FACTOR_CODE"),
    ] {
        let reply = ada.log_in(ADA, more).await.expect(401);
        assert_eq!((reply.code(), reply.body.get("token")), (refused, None));
    }
    // The password comes first, and a right code for a wrong password is not used up.
    let wrong = json!({ "password": "wrong horse battery", "totpToken": code });
    assert_eq!(ada.log_in(ADA, wrong).await.expect(401).body["error"], "Invalid credentials");
    let elsewhere = json!({ "projectId": "000000000000000000000000", "totpToken": code });
    assert_eq!(ada.log_in(ADA, elsewhere).await.expect(401).body["error"], "Invalid credentials");
    ada.log_in(ADA, json!({ "projectId": PROJECT, "totpToken": code })).await.expect(200);
    assert_eq!(ada.log_in(ADA, json!({ "token": code })).await.expect(401).code(), "INVALID_TWO_FACTOR_CODE");
    ada.log_in(ADA, json!({ "token": backup_codes[0] })).await.expect(200);
    ada.log_in(ADA, json!({ "token": backup_codes[0] })).await.expect(401);
    world.advance(30);
    let body = json!({ "email": ADA, "password": PASSWORD });
    let code = [("x-two-factor-token", world.totp(&uri))];
    let code = code.each_ref().map(|(name, value)| (*name, value.as_str()));
    ada.ask_with("POST", "/auth/login", body, &code).await.expect(200);
}

#[tokio::test]
async fn the_original_login_asks_nobody() {
    let world = World::with(|config| config.mudbase.login = MudbaseLogin::Original).await;
    let mut ada = Client::of(&world);
    ada.register_local(ADA).await;
    let (uri, _) = ada.enrol(&world).await;
    let granted = ada.log_in(ADA, json!({})).await.expect(200);
    assert_eq!(granted.body["user"]["twoFactorEnabled"], true);
    ada.keep(&granted);
    // The factor still guards itself.
    let wrong = json!({ "password": PASSWORD, "token": "000000" });
    ada.post("/users/2fa/disable", wrong).await.expect(400);
    let right = json!({ "password": PASSWORD, "token": world.totp(&uri) });
    ada.post("/users/2fa/disable", right).await.expect(200);
}

#[tokio::test]
async fn guesses_at_an_authenticated_route_are_400_and_then_429() {
    let world = World::new().await;
    let mut ada = Client::of(&world);
    ada.register_local(ADA).await;
    let (uri, _) = ada.enrol(&world).await;
    let guess = json!({ "password": PASSWORD, "token": "000000" });
    let mut last = ada.post("/users/2fa/disable", guess.clone()).await;
    for _ in 0..20 {
        if last.status == 429 {
            break;
        }
        assert_eq!((last.status.as_u16(), last.code()), (400, "INVALID_2FA_TOKEN"));
        last = ada.post("/users/2fa/disable", guess.clone()).await;
    }
    let last = last.expect(429);
    assert_eq!(last.headers["retry-after"].to_str().unwrap(), last.body["retryAfter"].to_string());
    let right = json!({ "password": PASSWORD, "token": world.totp(&uri) });
    ada.post("/users/2fa/disable", right).await.expect(429);
    ada.get("/users/me").await.expect(200);
}

#[tokio::test]
async fn an_old_session_shows_the_password_to_set_up() {
    let world = World::with(|config| config.mudbase.setup_response = SetupResponse::SdkStrict).await;
    let mut ada = Client::of(&world);
    ada.register_local(ADA).await;
    world.advance(10 * 60);
    let late = ada.post("/users/2fa/setup", Value::Null).await.expect(403);
    assert_eq!(late.code(), "REAUTHENTICATION_REQUIRED");
    ada.post("/users/2fa/setup", json!({ "password": "wrong horse battery" })).await.expect(400);
    let begun = ada.post("/users/2fa/setup", json!({ "password": PASSWORD })).await.expect(200);
    assert_members(&begun.body, "secret qrCode manualEntryKey");
}

#[tokio::test]
async fn changing_a_password_can_be_made_to_ask_for_a_code() {
    let world = World::with(|config| config.mudbase.password_code = PasswordCode::Required).await;
    let mut ada = Client::of(&world);
    ada.register_local(ADA).await;
    let change = |code: Value| {
        let mut body = json!({ "currentPassword": PASSWORD, "newPassword": "another horse battery" });
        body.as_object_mut().unwrap().extend(code.as_object().unwrap().clone());
        body
    };
    let (uri, _) = ada.enrol(&world).await;
    let other = ada.log_in(ADA, json!({ "token": world.totp(&uri) })).await.expect(200);
    world.advance(30);
    let missing = ada.ask("PATCH", "/users/password", change(json!({}))).await.expect(400);
    assert_eq!(missing.code(), "TWO_FACTOR_REQUIRED");
    let code = json!({ "totpToken": world.totp(&uri) });
    ada.ask("PATCH", "/users/password", change(code)).await.expect(200);
    ada.get("/users/me").await.expect(200);
    ada.refresh().await.expect(200);
    let mut stranger = Client::of(&world);
    stranger.keep(&other);
    stranger.get("/users/me").await.expect(401);
    stranger.refresh().await.expect(401);
}

fn typ(token: &str) -> Value {
    let header = token.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(header.as_bytes()).unwrap()).unwrap();
    header["typ"].clone()
}

#[tokio::test]
async fn whoever_must_enrol_can_do_that_and_leave() {
    let world = World::new().await;
    let mut ada = Client::of(&world);
    ada.register(ADA).await;
    let who = tokens::holder(&world.ctx, WIRE, &ada.token, Reach::Everything).await.unwrap().unwrap();
    let rule = RuleChange { second_factor_required: Some(true), ..RuleChange::default() };
    organisations::change_rules(&world.ctx, &Visitor::default(), &who, rule).await.unwrap();

    let due = ada.log_in(ADA, json!({})).await.expect(403);
    assert_members(&due.body, "error code details token refreshToken expiresIn");
    assert_eq!(due.code(), "TWO_FACTOR_ENROLLMENT_REQUIRED");
    assert_eq!(typ(&ada.token), "at+jwt");
    ada.keep(&due);
    // Whoever checks tokens offline must see that this one is no access (SEC-086).
    assert_eq!(typ(&ada.token), "mfa-enrolment+jwt");
    for (method, path, body) in [
        ("GET", "/users/me", Value::Null),
        ("GET", "/auth/session", Value::Null),
        ("GET", "/auth/local/session", Value::Null),
        ("GET", "/api-keys", Value::Null),
        ("POST", "/api-keys", json!({ "name": "Nightly", "projectId": PROJECT })),
        ("PATCH", "/users/update", json!({ "firstName": "Eve" })),
        ("PATCH", "/users/password", json!({ "currentPassword": PASSWORD, "newPassword": "another horse" })),
        ("POST", "/users/2fa/disable", json!({ "password": PASSWORD, "token": "000000" })),
        ("POST", "/users/me/erase", json!({ "confirm": "DELETE", "currentPassword": PASSWORD })),
        ("POST", "/gdpr/erase", json!({ "confirm": "DELETE", "currentPassword": PASSWORD })),
    ] {
        let reply = ada.ask(method, path, body).await.expect(403);
        assert_eq!(reply.code(), "TWO_FACTOR_ENROLLMENT_REQUIRED", "{path}");
    }
    // Refreshing changes nothing about it.
    let due = ada.refresh().await.expect(403);
    ada.keep(&due);
    ada.enrol(&world).await;
    ada.get("/users/me").await.expect(200);
    let granted = ada.refresh().await.expect(200);
    ada.keep(&granted);
    assert_eq!(typ(&ada.token), "at+jwt");
    ada.post("/auth/logout", Value::Null).await.expect(200);
    ada.get("/users/me").await.expect(401);
    ada.refresh().await.expect(401);
}

#[tokio::test]
async fn a_taken_address_is_not_told_where_addresses_are_verified() {
    let world = World::with(|config| config.accounts.email_verification = EmailVerification::Required).await;
    let ada = Client::of(&world);
    for (path, body) in [("/auth/local/register", local(ADA)), ("/auth/register", org("grace@example.com"))] {
        let replies =
            [ada.post(path, body.clone()).await.expect(201), ada.post(path, body).await.expect(201)];
        let shapes = replies.map(|reply| {
            let mut body = reply.body;
            for unique in ["id", "_id"] {
                body["user"].as_object_mut().unwrap().remove(unique);
            }
            body
        });
        assert_eq!(shapes[0], shapes[1]);
        assert!(shapes[0].get("token").is_none());
    }
    let refused = ada.log_in(ADA, json!({})).await.expect(403);
    assert_eq!(refused.code(), "EMAIL_VERIFICATION_REQUIRED");

    // Another mail after half a minute; neither link is spent by being looked at.
    let first = world.mailed_link(ADA).await;
    world.advance(30);
    ada.post("/auth/resend-verification", json!({ "email": ADA })).await.expect(200);
    let link = world.mailed_link(ADA).await;
    assert_ne!(first, link);
    let path = link.strip_prefix(world::ORIGIN).unwrap();
    assert!(path.starts_with("/mudbase/verify-email?token="), "{path}");
    let look = Request::get(path).body(Body::empty()).unwrap();
    world::send(&world.router(), look).await;
    ada.log_in(ADA, json!({})).await.expect(403);
    let token = link.split_once("token=").unwrap().1;
    ada.post("/users/verify-email", json!({ "token": token, "projectId": PROJECT })).await.expect(200);
    ada.log_in(ADA, json!({})).await.expect(200);
}

#[tokio::test]
async fn a_refused_registration_founds_nothing() {
    for required in [false, true] {
        let world = World::with(|config| {
            if required {
                config.accounts.email_verification = EmailVerification::Required;
            }
        })
        .await;
        let ada = Client::of(&world);
        ada.post("/auth/register", org(ADA)).await.expect(201);
        ada.post("/auth/register", org(ADA)).await.expect(if required { 201 } else { 409 });
        let count =
            |tx: &mut Tx<'_>| tx.row("SELECT count(*) FROM organisations", &[], |row| row.get::<i64>(0));
        assert_eq!(world.ctx.store.read(count).await.unwrap(), Some(1));
    }
}

#[tokio::test]
async fn erasing_can_ask_once_more_by_mail() {
    let world = World::with(|config| config.accounts.deletion = Deletion::Mail).await;
    let mut ada = Client::of(&world);
    ada.register_local(ADA).await;
    let asked = json!({ "confirm": "DELETE", "currentPassword": PASSWORD });
    let asked = ada.post("/users/me/erase", asked).await.expect(200);
    assert_eq!(asked.body["data"]["anonymized"], false);
    ada.get("/users/me").await.expect(200);
    let link = world.mailed_link(ADA).await;
    let token = link.split_once("token=").unwrap().1;
    ada.post("/users/me/erase", json!({ "confirm": "DELETE", "confirmationToken": "nonsense" }))
        .await
        .expect(400);
    let mut eve = Client::of(&world);
    eve.register_local("eve@example.com").await;
    let confirmed = json!({ "confirm": "DELETE", "confirmationToken": token });
    eve.post("/users/me/erase", confirmed.clone()).await.expect(400);
    let gone = ada.post("/gdpr/erase", confirmed).await.expect(200);
    assert_eq!(gone.body["data"]["anonymized"], true);
    ada.get("/users/me").await.expect(401);
    ada.log_in(ADA, json!({})).await.expect(401);
}

#[tokio::test]
async fn keys_are_labels_and_only_for_who_administers() {
    let world = World::new().await;
    let mut ada = Client::of(&world);
    let org = ada.register(ADA).await.body["user"]["org"].take();
    let new = |project: &Value| json!({ "name": "Nightly", "projectId": project, "expiresAt": "2027-03-01T00:00:00" });
    let key = ada.post("/api-keys", new(&org["_id"])).await.expect(201).body["apiKey"].take();
    assert_eq!((&key["project"], &key["expiresAt"]), (&org, &json!("2027-03-01T00:00:00.000Z")));
    let secret = key["secret"].as_str().unwrap();
    let by_key = Client { token: secret.to_owned(), ..ada.clone() };
    by_key.get("/users/me").await.expect(401);
    let nobody = Client { token: String::new(), ..ada.clone() };
    nobody.ask_with("GET", "/api-keys", Value::Null, &[("x-api-key", secret)]).await.expect(401);
    let path = format!("/api-keys/{}", key["_id"].as_str().unwrap());
    for body in [
        json!({ "permissions": [{ "resource": "auth", "actions": [] }] }),
        json!({ "permissions": [{ "resource": "auth", "actions": ["read"], "more": 1 }] }),
        json!({ "rateLimit": { "requests": 1.5 } }),
        json!({ "name": "x".repeat(101) }),
        json!({ "isActive": "yes" }),
    ] {
        let refused = ada.ask("PATCH", &path, body).await.expect(400);
        assert_eq!(refused.code(), "VALIDATION_ERROR");
    }
    ada.ask("PATCH", "/api-keys/nonsense", json!({ "name": "Mine" })).await.expect(404);
    for _ in 1..10 {
        ada.post("/api-keys", new(&json!(PROJECT))).await.expect(201);
    }
    ada.post("/api-keys", new(&json!(PROJECT))).await.expect(409);
    ada.ask("DELETE", &path, Value::Null).await.expect(200);
    assert_eq!(ada.get("/api-keys").await.expect(200).body["total"], 9);

    let mut member = Client::of(&world);
    member.register_local("grace@example.com").await;
    member.post("/api-keys", new(&json!(PROJECT))).await.expect(403);
}

/// Anybody may register for a project of any id, the id of somebody's organisation included.
#[tokio::test]
async fn a_project_does_not_pass_for_an_organisation() {
    let world = World::new().await;
    let mut ada = Client::of(&world);
    let org = ada.register(ADA).await.body["user"]["org"]["_id"].take();
    let claims = |client: &Client| -> Value {
        let payload = client.token.split('.').nth(1).unwrap();
        serde_json::from_slice(&data_encoding::BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap()
    };
    assert_eq!((&claims(&ada)["orgId"], &claims(&ada)["role"]), (&org, &json!("owner")));
    let mut eve = Client::of(&world);
    let mut body = local("eve@example.com");
    body["projectId"] = org.clone();
    let registered = eve.post("/auth/local/register", body).await.expect(201);
    eve.keep(&registered);
    let claims = claims(&eve);
    assert_eq!((&claims["projectId"], claims.get("orgId"), claims.get("role")), (&org, None, None));
    let me = eve.get("/users/me").await.expect(200).body["user"].take();
    assert_eq!((&me["role"], me.get("org")), (&json!("member"), None));
    assert_eq!(eve.get("/auth/local/session").await.expect(200).body["user"]["project"]["id"], org);
    assert_eq!(ada.get("/auth/local/session").await.expect(200).body["user"].get("project"), None);
}

#[tokio::test]
async fn no_other_token_is_an_access_token() {
    let world = World::new().await;
    let mut ada = Client::of(&world);
    ada.register_local(ADA).await;
    let mut browser = world.browser();
    let session = browser.sign_up("grace@example.com").await;
    let jwt = browser.get("/api/auth/token").await.expect(200);
    for other in [&json!(ada.refresh_token), &session.body["token"], &jwt.body["token"], &json!("nonsense")] {
        let eve = Client { token: other.as_str().unwrap().to_owned(), ..ada.clone() };
        assert_eq!(eve.get("/users/me").await.expect(401).code(), "UNAUTHORIZED");
    }
    // Half an hour, and what is allowed to clocks that differ.
    world.advance(1_900);
    ada.get("/users/me").await.expect(401);
    let granted = ada.refresh().await.expect(200);
    ada.keep(&granted);
    ada.get("/users/me").await.expect(200);
}
