//! The service API: applications with a login of their own, the page they send people to, and what they are told.

use std::sync::Arc;

use axum::{
    Router,
    http::{Method, header},
};
use countersign::operations::{
    organisations::Belonging,
    service::{self, NewServiceKey},
};
use countersign_core::service::ServiceKey;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::{
    accents::Caller,
    authenticator::Passkey,
    people::sign_up,
    world::{Browser, ORIGIN, Reply, World},
};

const BACK: &str = "https://shop.example/second-step";
const CHALLENGES: &str = "/v1/service/challenges";

/// An application with its key.
pub struct Shop {
    pub api: Caller,
    key: ServiceKey,
    pub secret: String,
}

impl Shop {
    pub async fn new(world: &World) -> Self {
        let new = NewServiceKey::new("Shop", vec![BACK.to_owned()]).unwrap();
        let (key, secret) = service::make(&world.ctx, new).await.unwrap();
        let mut api = Caller::new(world);
        api.bearer = Some(secret.expose().clone());
        Self { api, key, secret: secret.expose().clone() }
    }

    pub async fn open(&mut self, more: Value) -> Reply {
        let mut body = json!({ "user": { "external_id": "ada", "name": "Ada" } });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.api.post(CHALLENGES, body).await
    }

    async fn verify(&mut self, id: &Value, body: Value) -> Reply {
        self.api.post(&format!("{CHALLENGES}/{}/verify", id.as_str().unwrap()), body).await
    }

    /// What an assertion says, if it holds.
    fn claims(&self, world: &World, assertion: &Value) -> Value {
        let audience = self.key.organisation_id.as_str();
        let issuer = world.ctx.config.origin();
        let (token, now) = (assertion.as_str().unwrap(), world.clock.now());
        world.ctx.vault.verify_token(Some("mfa-assertion+jwt"), audience, issuer, token, now).unwrap()
    }
}

fn text(page: &Reply) -> &str {
    page.body.as_str().unwrap_or_else(|| panic!("no page: {page:#?}"))
}

fn problem(reply: &Reply) -> &str {
    assert_eq!(reply.headers[header::CONTENT_TYPE], "application/problem+json", "{reply:#?}");
    reply.body["type"].as_str().unwrap().strip_prefix("urn:countersign:problem:").unwrap()
}

/// Path and query of an address of ours.
fn local(url: &Value) -> String {
    url.as_str().unwrap().strip_prefix(ORIGIN).unwrap().to_owned()
}

/// Follows the address that the application was given, as the person's browser does.
async fn follow(world: &World, opened: &Reply) -> Browser {
    let mut browser = world.browser();
    let first = browser.get(&local(&opened.body["url"])).await.expect(303);
    assert_eq!(first.location(), "/prove");
    browser
}

fn otpauth(page: &Reply) -> String {
    let (_, after) = text(page).split_once("href=\"otpauth").expect("an otpauth address");
    format!("otpauth{}", after.split('"').next().unwrap()).replace("&#38;", "&").replace("&amp;", "&")
}

/// Challenge and code, as they come back with the browser.
fn came_back(reply: &Reply) -> (String, String) {
    let url = url::Url::parse(reply.location()).unwrap();
    assert!(reply.location().starts_with(&format!("{BACK}?challenge=")), "{}", reply.location());
    let part = |name: &str| {
        let mut pairs = url.query_pairs();
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap()
    };
    (part("challenge"), part("code"))
}

/// Enrols an authenticator app on the page; the clock moves on a step.
pub async fn enrol(world: &World, shop: &mut Shop) -> (String, Vec<String>) {
    let opened = shop.open(json!({})).await.expect(201);
    assert_eq!(opened.body["methods"], json!([]));
    let mut browser = follow(world, &opened).await;
    let choice = browser.get("/prove").await.expect(200);
    assert!(text(&choice).contains("/prove/totp") && text(&choice).contains("<strong>Shop</strong>"));
    let page = browser.get("/prove/totp").await.expect(200);
    let uri = otpauth(&page);
    let sheet = browser.submit("/prove/totp", &[("code", &world.totp(&uri))]).await.expect(200);
    let codes: Vec<String> =
        text(&sheet).split("<li>").skip(1).map(|item| item.split('<').next().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 10);
    assert!(text(&browser.submit("/prove/done", &[]).await.expect(200)).contains("Go back to Shop"));
    world.advance(31);
    (uri, codes)
}

#[tokio::test]
async fn somebody_without_a_factor_enrols_on_the_page_and_goes_back_with_a_code() {
    let world = World::new().await;
    let mut shop = Shop::new(&world).await;
    let asked =
        json!({ "return_url": BACK, "reason": "signing in", "transaction": "pay 90 EUR to Zoë & Co" });
    let opened = shop.open(asked).await.expect(201);
    let id = opened.body["id"].clone();
    let mut browser = follow(&world, &opened).await;
    let page = browser.get("/prove").await.expect(200);
    assert!(text(&page).contains("pay 90 EUR to Zoë &#38; Co") && text(&page).contains("signing in"));
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains("form-action 'self' https://shop.example;"), "{policy}");

    let page = browser.get("/prove/totp").await.expect(200);
    let uri = otpauth(&page);
    assert!(uri.contains("Ada?"), "the person's own name, not one of ours: {uri}");
    browser.submit("/prove/totp", &[("code", "000000")]).await.expect(401);
    let uri = otpauth(&browser.get("/prove/totp").await.expect(200));
    let sheet = browser.submit("/prove/totp", &[("code", &world.totp(&uri))]).await.expect(200);
    assert!(text(&sheet).contains("action=\"/prove/done\""));
    let state = shop.api.get(&format!("{CHALLENGES}/{}", id.as_str().unwrap())).await.expect(200);
    assert_eq!(state.body["state"], "expired", "its account changed; only the page may finish it");
    let back = browser.submit("/prove/done", &[]).await.expect(303);
    let (challenge, code) = came_back(&back);
    assert_eq!(challenge, id.as_str().unwrap());
    // Not a second time, and the browser holds nothing any more.
    browser.submit("/prove/done", &[]).await.expect(410);
    assert!(browser.jar.is_empty(), "{:?}", browser.jar);

    let wrong = shop.verify(&id, json!({ "return_code": "x" })).await.expect(410);
    assert_eq!(problem(&wrong), "link-invalid");
    let verified = shop.verify(&id, json!({ "return_code": code })).await.expect(200);
    assert_eq!(verified.body["verified"], true);
    assert_eq!(verified.body["amr"], json!(["otp"]));
    let claims = shop.claims(&world, &verified.body["assertion"]);
    assert_eq!(claims["sub"], "ada");
    assert_eq!(claims["jti"], id);
    assert_eq!(claims["transaction"], "pay 90 EUR to Zoë & Co");
    assert_eq!(claims["reason"], "signing in");
    // The code is spent.
    assert_eq!(problem(&shop.verify(&id, json!({ "return_code": code })).await.expect(410)), "link-invalid");
    let sessions = "SELECT count(*) FROM sessions";
    let count = world.ctx.store.read(move |tx| tx.row(sessions, &[], |row| row.get::<i64>(0))).await.unwrap();
    assert_eq!(count, Some(0), "nothing of it is left to be used");
}

#[tokio::test]
async fn two_calls_prove_somebody_who_has_a_factor() {
    let world = World::new().await;
    let mut shop = Shop::new(&world).await;
    let (uri, codes) = enrol(&world, &mut shop).await;
    let opened = shop.open(json!({})).await.expect(201);
    assert_eq!(opened.body["methods"], json!(["totp", "backup_code"]));
    let id = &opened.body["id"];
    let wrong = shop.verify(id, json!({ "code": "000000" })).await.expect(403);
    assert_eq!(problem(&wrong), "wrong-code");
    let code = world.totp(&uri);
    let verified = shop.verify(id, json!({ "code": code })).await.expect(200);
    assert_eq!((&verified.body["external_id"], &verified.body["acr"]), (&json!("ada"), &json!("aal1")));
    shop.claims(&world, &verified.body["assertion"]);
    assert_eq!(problem(&shop.verify(id, json!({ "code": code })).await.expect(410)), "challenge-gone");
    // Nor does the code open another, nor the sheet more than once.
    let other = shop.open(json!({})).await.expect(201);
    assert_eq!(
        problem(&shop.verify(&other.body["id"], json!({ "code": code })).await.expect(403)),
        "wrong-code"
    );
    shop.verify(&other.body["id"], json!({ "code": codes[0] })).await.expect(200);
    let last = shop.open(json!({ "methods": ["totp"] })).await.expect(201);
    assert_eq!(last.body["methods"], json!(["totp"]));
    let sheet = shop.verify(&last.body["id"], json!({ "code": codes[1] })).await.expect(403);
    assert_eq!(problem(&sheet), "method-not-allowed-here");
    let state =
        shop.api.get(&format!("{CHALLENGES}/{}", last.body["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(state.body["state"], "pending");
}

#[tokio::test]
async fn the_page_takes_a_code_or_a_passkey_and_sends_people_back() {
    let world = World::new().await;
    let mut shop = Shop::new(&world).await;
    let opened = shop.open(json!({ "return_url": BACK })).await.expect(201);
    let mut browser = follow(&world, &opened).await;
    let options = browser.post("/prove/passkey/options", json!({})).await.expect(200);
    let (mut passkey, made) = Passkey::create(&options.body, true);
    let body = json!({ "ceremony": options.body["ceremony"], "response": made });
    let done = browser.post("/prove/passkey", body).await.expect(200);
    assert!(done.body["page"].as_str().unwrap().contains("/prove/done"));
    let (_, code) = came_back(&browser.submit("/prove/done", &[]).await.expect(303));
    let id = opened.body["id"].clone();
    let verified = shop.verify(&id, json!({ "return_code": code })).await.expect(200);
    assert_eq!(verified.body["acr"], "aal2", "the passkey verified its person");

    let opened = shop.open(json!({ "return_url": BACK })).await.expect(201);
    let mut browser = follow(&world, &opened).await;
    assert!(text(&browser.get("/prove").await.expect(200)).contains("Use your passkey"));
    let options = browser.post("/prove/answer/options", json!({})).await.expect(200);
    let body = json!({ "ceremony": options.body["ceremony"], "response": passkey.get(&options.body) });
    let answered = browser.post("/prove/answer", body).await.expect(200);
    assert!(answered.body["url"].as_str().unwrap().starts_with(BACK));
    // Whoever has a factor may not enrol another on an application's word.
    let again = shop.open(json!({ "return_url": BACK })).await.expect(201);
    let mut browser = follow(&world, &again).await;
    for page in ["/prove/totp", "/prove/passkey", "/prove/email"] {
        assert_eq!(browser.get(page).await.expect(303).location(), "/prove", "{page}");
    }
    assert_eq!(browser.submit("/prove/totp", &[("code", "000000")]).await.expect(303).location(), "/prove");
    // And their passkey opens no session here.
    let options = browser.post("/sign-in/passkey/options", json!({})).await.expect(200);
    let body = json!({ "ceremony": options.body["ceremony"], "response": passkey.get(&options.body) });
    browser.post("/sign-in/passkey", body).await.expect(403);
}

/// What the application does not take cannot be enrolled for it either, whatever address is typed.
#[tokio::test]
async fn only_what_the_application_takes_is_enrolled() {
    let world = World::new().await;
    let mut shop = Shop::new(&world).await;
    let user = json!({ "external_id": "ada", "email": "ada@example.com" });
    let opened = shop.open(json!({ "user": user, "methods": ["passkey"] })).await.expect(201);
    let mut browser = follow(&world, &opened).await;
    let choice = browser.get("/prove").await.expect(200);
    assert!(text(&choice).contains("/prove/passkey") && !text(&choice).contains("/prove/totp"));
    for page in ["/prove/totp", "/prove/email", "/prove/sms"] {
        assert_eq!(browser.get(page).await.expect(303).location(), "/prove", "{page}");
        assert_eq!(
            browser.submit(page, &[("send", "on"), ("phone", "+4915112345678")]).await.location(),
            "/prove"
        );
    }
    let seen = shop.api.get("/v1/service/users/ada").await.expect(200);
    assert_eq!(seen.body["authenticators"], json!([]));
    // Nor is a challenge opened that nothing here could answer: no text messages are sent.
    let never = shop.open(json!({ "methods": ["sms_code"] })).await.expect(409);
    assert_eq!(problem(&never), "not-enrolled");
}

#[tokio::test]
async fn mail_is_a_factor_where_it_was_enrolled_and_only_there() {
    let world = World::new().await;
    let mut shop = Shop::new(&world).await;
    let user = json!({ "external_id": "ada", "email": "Ada@Example.com" });
    let opened = shop.open(json!({ "user": user, "return_url": BACK })).await.expect(201);
    let mut browser = follow(&world, &opened).await;
    browser.submit("/prove/email", &[("send", "on")]).await.expect(200);
    let code = world.mailed_code("ada@example.com").await;
    let (_, code) = came_back(&browser.submit("/prove/email", &[("code", &code)]).await.expect(303));
    shop.verify(&opened.body["id"], json!({ "return_code": code })).await.expect(200);
    world.advance(61);

    let opened = shop.open(json!({})).await.expect(201);
    assert_eq!(opened.body["methods"], json!(["email_code"]));
    let id = opened.body["id"].as_str().unwrap().to_owned();
    shop.api.post(&format!("{CHALLENGES}/{id}/code"), json!({})).await.expect(202);
    let code = world.mailed_code("ada@example.com").await;
    let body = json!({ "method": "email_code", "code": code });
    assert_eq!(shop.verify(&json!(id), body).await.expect(200).body["amr"], json!(["email"]));
    // A new address is told to the old one, and ends what was open.
    let open = shop.open(json!({})).await.expect(201);
    let moved = json!({ "external_id": "ada", "email": "new@example.com" });
    shop.api
        .call(Method::PUT, "/v1/service/users/ada", Some(json!({ "email": moved["email"] })))
        .await
        .expect(200);
    assert_eq!(
        problem(&shop.verify(&open.body["id"], json!({ "code": "000000" })).await.expect(410)),
        "challenge-gone"
    );
    let mail = world.mail().await;
    let told = mail.iter().find(|mail| mail.subject.contains("goes elsewhere")).expect("a notice");
    assert_eq!(told.to, "ada@example.com");
    // They cannot sign in here to put anything right.
    assert!(mail.iter().all(|mail| !mail.text.contains("sign in now") && !mail.text.contains("password")));
}

#[tokio::test]
async fn people_are_listed_reset_and_forgotten_by_their_own_application_alone() {
    let world = World::new().await;
    let mut shop = Shop::new(&world).await;
    let (_, _) = enrol(&world, &mut shop).await;
    let seen = shop.api.get("/v1/service/users/ada").await.expect(200);
    assert_eq!(seen.body["authenticators"][0]["method"], "totp");
    assert_eq!(seen.body["backup_codes_left"], 10);
    // Another organisation's key sees nobody, and not whether a challenge exists.
    sign_up(&world, "boss@example.com", Belonging::Nowhere).await;
    let opened = shop.open(json!({})).await.expect(201);
    let mut other = Caller::new(&world);
    other.bearer = Some(other_organisations_key(&world).await);
    assert_eq!(problem(&other.get("/v1/service/users/ada").await.expect(404)), "person-not-found");
    let path = format!("{CHALLENGES}/{}", opened.body["id"].as_str().unwrap());
    assert_eq!(problem(&other.get(&path).await.expect(410)), "challenge-gone");
    for (method, path) in [
        (Method::DELETE, "/v1/service/users/ada"),
        (Method::POST, "/v1/service/users/ada/reset"),
        (Method::DELETE, "/v1/service/users/ada/authenticators/totp"),
    ] {
        other.call(method, path, None).await.expect(404);
    }
    // Nobody who signs in here can be reached, by id or by address.
    for id in ["boss@example.com", "boss%40example.com"] {
        shop.api.get(&format!("/v1/service/users/{id}")).await.expect(404);
    }

    shop.api.call(Method::DELETE, "/v1/service/users/ada/authenticators/sms_code", None).await.expect(409);
    shop.api.call(Method::POST, "/v1/service/users/ada/reset", None).await.expect(204);
    let seen = shop.api.get("/v1/service/users/ada").await.expect(200);
    assert_eq!((&seen.body["authenticators"], &seen.body["backup_codes_left"]), (&json!([]), &json!(0)));
    let gone =
        shop.api.get(&format!("{CHALLENGES}/{}", opened.body["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(gone.body["state"], "expired");
    shop.api.call(Method::DELETE, "/v1/service/users/ada", None).await.expect(204);
    shop.api.get("/v1/service/users/ada").await.expect(404);
}

/// A key of an organisation that is not the server's own.
async fn other_organisations_key(world: &World) -> String {
    let mut owner = Caller::new(world);
    let body = json!({ "email": "other@example.com", "password": crate::world::PASSWORD });
    let up = owner.post("/v1/accounts", body).await.expect(201);
    owner.bearer = Some(up.body["session"]["token"].as_str().unwrap().to_owned());
    let id = up.body["user"]["id"].as_str().unwrap().to_owned();
    let now = world.clock.now();
    let found = move |tx: &mut countersign::store::Tx<'_>| {
        use countersign_core::{ids, organisation};
        let one = organisation::Organisation {
            id: ids::OrganisationId::from("0190".to_owned()),
            external_id: None,
            name: "Other".to_owned(),
            rules: organisation::Rules::default(),
            created_at: now,
        };
        tx.insert_organisation(&one)?;
        tx.insert_membership(&one.id, &ids::UserId::from(id.clone()), (organisation::Role::Owner, now))
    };
    world.ctx.store.write(found).await.unwrap();
    let made = owner.post("/v1/service-keys", json!({ "name": "Other" })).await.expect(201);
    let listed = owner.get("/v1/service-keys").await.expect(200);
    assert_eq!(listed.body["service_keys"][0]["name"], "Other");
    assert!(listed.body["service_keys"][0].get("key").is_none());
    made.body["key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn bad_requests_get_their_reason_and_do_nothing() {
    let world = World::new().await;
    let mut shop = Shop::new(&world).await;
    for (body, code) in [
        (json!({ "user": { "email": "nope" } }), "invalid"),
        (
            json!({ "user": { "external_id": "ada" }, "return_url": "https://evil.example/" }),
            "return-url-not-allowed",
        ),
        (
            json!({ "user": { "external_id": "ada" }, "return_url": format!("{BACK}/") }),
            "return-url-not-allowed",
        ),
        (json!({ "user": { "external_id": "ada" }, "transaction": "a\u{202e}b" }), "text-invalid"),
        (json!({ "user": { "external_id": "ada" }, "reason": "" }), "text-invalid"),
        (json!({ "user": { "external_id": "ada" }, "methods": ["password"] }), "methods-invalid"),
        (json!({ "user": { "external_id": "ada" }, "methods": [] }), "methods-invalid"),
        (json!({ "user": { "external_id": "" } }), "external-id-invalid"),
        (json!({ "user": { "external_id": "x".repeat(201) } }), "external-id-invalid"),
    ] {
        let reply = shop.api.post(CHALLENGES, body.clone()).await.expect(400);
        assert_eq!(problem(&reply), code, "{body}");
    }
    let nested = shop.api.post(CHALLENGES, json!({ "user": { "email": "nope" } })).await;
    let pointers: Vec<_> =
        nested.body["errors"].as_array().unwrap().iter().map(|one| one["pointer"].clone()).collect();
    assert_eq!(pointers, ["/user/external_id", "/user/email"]);
    // Backup codes alone can never be enrolled first.
    let never = shop.open(json!({ "methods": ["backup_code"] })).await.expect(409);
    assert_eq!(problem(&never), "not-enrolled");
    let secret = shop.secret.clone();
    for key in ["", "cs_wrong", &format!("{secret}x"), secret.trim_start_matches("cs_")] {
        shop.api.bearer = Some(key.to_owned());
        shop.open(json!({})).await.expect(401);
    }
    // A page without its cookie, or with a stranger's, says so.
    let mut browser = world.browser();
    browser.get("/prove").await.expect(410);
    browser.get("/prove?token=nothing").await.expect(303);
    browser.get("/prove").await.expect(410);
    for page in ["/prove/totp", "/prove/passkey", "/prove/email"] {
        browser.get(page).await.expect(410);
    }
}

#[tokio::test]
async fn an_applications_challenge_opens_no_door_of_ours() {
    let world = World::new().await;
    let mut shop = Shop::new(&world).await;
    let (uri, _) = enrol(&world, &mut shop).await;
    let opened = shop.open(json!({})).await.expect(201);
    let token = local(&opened.body["url"]).strip_prefix("/prove?token=").unwrap().to_owned();
    let mut thief = Caller::new(&world);
    let body = json!({ "challenge": token, "code": world.totp(&uri) });
    assert_eq!(problem(&thief.post("/v1/challenge/verify", body).await.expect(410)), "challenge-gone");
    thief.post("/v1/challenge", json!({ "challenge": token })).await.expect(410);
    // Nor does a question of ours pass for one of theirs.
    let mut ada = world.browser();
    let enrolled = ada.enrol(&world, "ada@example.com").await;
    let mut door = Caller::new(&world);
    let body = json!({ "email": "ada@example.com", "password": crate::world::PASSWORD });
    let asked = door.post("/v1/sessions", body).await.expect(200);
    let mut browser = world.browser();
    browser.get(&format!("/prove?token={}", asked.body["challenge"].as_str().unwrap())).await.expect(303);
    browser.submit("/prove", &[("code", &world.totp(&enrolled.uri))]).await.expect(410);
    // A key is nobody's session.
    for path in ["/v1/session", "/v1/authenticators", "/v1/service-keys"] {
        shop.api.get(path).await.expect(401);
    }
    // What was not used up still holds.
    shop.verify(&opened.body["id"], json!({ "code": world.totp(&uri) })).await.expect(200);
}

async fn volley(nodes: &[Router; 2], key: &str, path: &str, body: &Value) -> usize {
    const CALLERS: usize = 64;
    let barrier = Arc::new(Barrier::new(CALLERS));
    let tasks: Vec<_> = (0..CALLERS)
        .map(|number| {
            let (barrier, node) = (Arc::clone(&barrier), nodes[number % 2].clone());
            let request = axum::http::Request::builder()
                .method(Method::POST)
                .uri(path)
                .header(header::AUTHORIZATION, format!("Bearer {key}"))
                .header(header::CONTENT_TYPE, "application/json")
                .body(axum::body::Body::from(body.to_string()))
                .unwrap();
            tokio::spawn(async move {
                barrier.wait().await;
                crate::world::send(&node, request).await.status.as_u16()
            })
        })
        .collect();
    let mut winners = 0;
    for task in tasks {
        winners += usize::from(task.await.unwrap() == 200);
    }
    winners
}

/// SEC-125: sixty-four callers at once, on two nodes where there are two, and one assertion.
#[tokio::test]
async fn one_challenge_and_one_return_code_give_one_assertion() {
    let world = World::new().await;
    let mut shop = Shop::new(&world).await;
    let (uri, _) = enrol(&world, &mut shop).await;
    let nodes = [world.router(), world.second_node().await];
    for _ in 0..20 {
        let opened = shop.open(json!({ "return_url": BACK })).await.expect(201);
        let path = format!("{CHALLENGES}/{}/verify", opened.body["id"].as_str().unwrap());
        let body = json!({ "code": world.totp(&uri) });
        assert_eq!(volley(&nodes, &shop.secret, &path, &body).await, 1, "one code");
        world.advance(30);

        let opened = shop.open(json!({ "return_url": BACK })).await.expect(201);
        let mut browser = follow(&world, &opened).await;
        let (challenge, code) =
            came_back(&browser.submit("/prove", &[("code", &world.totp(&uri))]).await.expect(303));
        let path = format!("{CHALLENGES}/{challenge}/verify");
        assert_eq!(
            volley(&nodes, &shop.secret, &path, &json!({ "return_code": code })).await,
            1,
            "one return"
        );
        world.advance(30);
    }
}

#[tokio::test]
async fn anybody_may_read_the_keys_that_check_assertions() {
    let world = World::new().await;
    let keys = world.browser().get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(keys.headers[header::CACHE_CONTROL], "public, max-age=3600");
    let key = &keys.body["keys"][0];
    assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
    for private in ["d", "p", "q", "k"] {
        assert!(key.get(private).is_none());
    }
}
