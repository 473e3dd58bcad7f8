//! Webhooks: signed, tried again until they are taken, and never to an address that only this server can reach.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use countersign::operations::organisations::Belonging;
use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::{
    accents::Caller,
    people::sign_up,
    world::{PASSWORD, World},
};

const BOSS: &str = "boss@example.com";
const ADA: &str = "ada@example.com";

#[derive(Clone, Default)]
struct Receiver {
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    /// What it answers next; 200 when it has run out.
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    async fn start() -> (Self, String) {
        let one = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let take = |State(one): State<Self>, headers: HeaderMap, body: Bytes| async move {
            one.got.lock().unwrap().push((headers, body));
            let status = one.answers.lock().unwrap().pop_front().unwrap_or(200);
            StatusCode::from_u16(status).unwrap()
        };
        let app = Router::new().fallback(take).with_state(one.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (one, url)
    }

    fn taken(&self) -> Vec<(HeaderMap, Bytes)> {
        std::mem::take(&mut self.got.lock().unwrap())
    }
}

/// As the Standard Webhooks have it.
fn holds(secret: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    use aws_lc_rs::hmac;
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let key = BASE64.decode(secret.strip_prefix("whsec_").unwrap().as_bytes()).unwrap();
    let signed = [format!("{}.{}.", text("webhook-id"), text("webhook-timestamp")).as_bytes(), body].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &signed);
    text("webhook-signature") == format!("v1,{}", BASE64.encode(tag.as_ref()))
}

/// The owner of the server's own organisation, signed in, with a colleague.
async fn boss(world: &World) -> Caller {
    sign_up(world, BOSS, Belonging::FirstAtHome).await;
    sign_up(world, ADA, Belonging::Home).await;
    let mut boss = Caller::new(world);
    let entered = boss.post("/v1/sessions", json!({ "email": BOSS, "password": PASSWORD })).await.expect(201);
    boss.bearer = Some(entered.body["session"]["token"].as_str().unwrap().to_owned());
    boss
}

async fn refused_sign_in(world: &World, email: &str) {
    let body = json!({ "email": email, "password": "not the password" });
    Caller::new(world).post("/v1/sessions", body).await.expect(401);
}

fn said(call: &(HeaderMap, Bytes)) -> Value {
    serde_json::from_slice(&call.1).unwrap()
}

#[tokio::test]
async fn an_event_is_told_signed_until_it_is_taken() {
    let world = World::with(|config| config.webhook_private_hosts = vec!["127.0.0.1".to_owned()]).await;
    let (receiver, url) = Receiver::start().await;
    let mut boss = boss(&world).await;
    let made = boss.post("/v1/webhooks", json!({ "url": url, "kinds": ["password"] })).await.expect(201);
    let secret = made.body["secret"].as_str().unwrap();
    refused_sign_in(&world, ADA).await;
    // Somebody else's people are nobody's business, and neither is what was not asked for.
    sign_up(&world, "eve@example.com", Belonging::Nowhere).await;
    refused_sign_in(&world, "eve@example.com").await;

    receiver.answers.lock().unwrap().extend([500, 302]);
    world.mail().await;
    let first = receiver.taken();
    assert_eq!(first.len(), 1);
    assert!(holds(secret, &first[0].0, &first[0].1));
    let told = said(&first[0]);
    assert_eq!(told["type"], "password.refused");
    assert!(!first[0].1.windows(ADA.len()).any(|part| part == ADA.as_bytes()), "no address leaves");
    let listed = boss.get("/v1/webhooks").await.expect(200);
    assert_eq!(listed.body["webhooks"][0]["last_failure"], "it answered 500");
    // Backoff: not at once, then once more, and the same message by its id.
    world.mail().await;
    assert!(receiver.taken().is_empty());
    world.advance(6);
    world.mail().await;
    let second = receiver.taken();
    assert_eq!(second.len(), 1, "a redirect is not followed, and not an answer");
    world.advance(31);
    world.mail().await;
    let third = receiver.taken();
    assert_eq!(third[0].0["webhook-id"], first[0].0["webhook-id"]);
    assert_ne!(third[0].0["webhook-timestamp"], first[0].0["webhook-timestamp"]);
    assert!(holds(secret, &third[0].0, &third[0].1));
    world.advance(600);
    world.mail().await;
    assert!(receiver.taken().is_empty(), "it was taken");

    // Whoever says that it is gone is believed.
    receiver.answers.lock().unwrap().push_back(410);
    refused_sign_in(&world, ADA).await;
    world.mail().await;
    assert_eq!(receiver.taken().len(), 1);
    world.advance(7_200);
    world.mail().await;
    assert!(receiver.taken().is_empty(), "410 ends it");

    // What is deleted hears no more, not even of what waits.
    refused_sign_in(&world, ADA).await;
    let id = made.body["id"].as_str().unwrap();
    boss.call(axum::http::Method::DELETE, &format!("/v1/webhooks/{id}"), None).await.expect(401);
    let entered = boss.post("/v1/sessions", json!({ "email": BOSS, "password": PASSWORD })).await.expect(201);
    boss.bearer = Some(entered.body["session"]["token"].as_str().unwrap().to_owned());
    boss.call(axum::http::Method::DELETE, &format!("/v1/webhooks/{id}"), None).await.expect(204);
    world.mail().await;
    assert!(receiver.taken().is_empty());
}

#[tokio::test]
async fn what_only_this_server_can_reach_is_never_called() {
    let world = World::new().await;
    let (receiver, url) = Receiver::start().await;
    let mut boss = boss(&world).await;
    for (url, kinds) in [
        (url.as_str(), json!([])),
        ("ftp://example.com/", json!([])),
        ("https://user:pass@example.com/", json!([])),
        ("https://example.com/#x", json!([])),
        ("nothing", json!([])),
    ] {
        boss.post("/v1/webhooks", json!({ "url": url, "kinds": kinds })).await.expect(400);
    }
    boss.post("/v1/webhooks", json!({ "url": "https://a.example/", "kinds": ["nothing"] })).await.expect(400);
    // By address, by name, and in the forms that hide one.
    let port = url.rsplit(':').next().unwrap().split('/').next().unwrap();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"] {
        let made =
            boss.post("/v1/webhooks", json!({ "url": format!("https://{host}:{port}/") })).await.expect(201);
        refused_sign_in(&world, ADA).await;
        world.mail().await;
        assert!(receiver.taken().is_empty(), "{host}");
        let listed = boss.get("/v1/webhooks").await.expect(200);
        let why = listed.body["webhooks"][0]["last_failure"].as_str().unwrap();
        assert!(["its address is not public", "it cannot be reached"].contains(&why), "{host}: {why}");
        let id = made.body["id"].as_str().unwrap();
        boss.call(axum::http::Method::DELETE, &format!("/v1/webhooks/{id}"), None).await.expect(204);
    }
}

#[tokio::test]
async fn only_administrators_make_webhooks() {
    let world = World::new().await;
    boss(&world).await;
    let mut ada = Caller::new(&world);
    let entered = ada.post("/v1/sessions", json!({ "email": ADA, "password": PASSWORD })).await.expect(201);
    ada.bearer = Some(entered.body["session"]["token"].as_str().unwrap().to_owned());
    ada.post("/v1/webhooks", json!({ "url": "https://hooks.example/" })).await.expect(403);
    ada.get("/v1/webhooks").await.expect(403);
    Caller::new(&world).get("/v1/webhooks").await.expect(401);
}
