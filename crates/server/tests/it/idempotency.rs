//! `Idempotency-Key`: an answer that was lost is given again, and nothing happens twice.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, header},
};
use countersign::operations::service::{self, NewServiceKey};
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::{
    service::{Shop, enrol},
    world::{Reply, World, send},
};

const CHALLENGES: &str = "/v1/service/challenges";

async fn key(world: &World, name: &str) -> String {
    let new = NewServiceKey::new(name, Vec::new()).unwrap();
    service::make(&world.ctx, new).await.unwrap().1.expose().clone()
}

async fn post(router: &Router, bearer: &str, (key, path): (&str, &str), body: &Value) -> Reply {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
        .header("idempotency-key", key)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    send(router, request).await
}

fn problem(reply: &Reply) -> &str {
    reply.body["type"].as_str().unwrap_or_default().trim_start_matches("urn:countersign:problem:")
}

async fn challenges(world: &World) -> i64 {
    let count = "SELECT count(*) FROM service_challenges";
    let read = world.ctx.store.read(move |tx| tx.row(count, &[], |row| row.get(0)));
    read.await.unwrap().unwrap()
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_another_one_does_not() {
    let world = World::new().await;
    let (router, shop, other) = (world.router(), key(&world, "Shop").await, key(&world, "Other").await);
    let body = json!({ "user": { "external_id": "ada" } });
    let first = post(&router, &shop, ("k1", CHALLENGES), &body).await.expect(201);
    let again = post(&router, &shop, ("k1", CHALLENGES), &body).await.expect(201);
    assert_eq!(first.body, again.body);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert!(!first.headers.contains_key("idempotency-replayed"));
    assert_eq!(challenges(&world).await, 1);
    let mixed = json!({ "user": { "external_id": "bob" } });
    let reused = post(&router, &shop, ("k1", CHALLENGES), &mixed).await.expect(422);
    assert_eq!(problem(&reused), "idempotency-key-reused");
    // Somebody else's key of the same name is another, and so is another route's.
    let theirs = post(&router, &other, ("k1", CHALLENGES), &body).await.expect(201);
    assert_ne!(theirs.body["id"], first.body["id"]);
    for bad in ["", "with space", &"x".repeat(201)] {
        assert_eq!(
            problem(&post(&router, &shop, (bad, CHALLENGES), &body).await.expect(400)),
            "idempotency-key-invalid"
        );
    }
    // After an hour the key is free.
    world.advance(3_601);
    let later = post(&router, &shop, ("k1", CHALLENGES), &mixed).await.expect(201);
    assert_ne!(later.body["id"], first.body["id"]);
    // A key that is dead gets no answer of its former life.
    let id = service::bearer(&world.ctx, &shop).await.unwrap();
    let gone = move |tx: &mut countersign::store::Tx<'_>| tx.delete_service_key(&id.organisation_id, &id.id);
    assert!(world.ctx.store.write(gone).await.unwrap());
    post(&router, &shop, ("k1", CHALLENGES), &mixed).await.expect(401);
    post(&router, "cs_nothing", ("k1", CHALLENGES), &body).await.expect(401);
    post(&router, "cs_nothing", ("k1", CHALLENGES), &body).await.expect(401);
}

/// A code is spent once and told as often as it is asked for; a wrong one said again is not another guess.
#[tokio::test]
async fn an_answer_is_told_again_and_a_guess_is_counted_once() {
    let world = World::new().await;
    let mut shop = Shop::new(&world).await;
    let (uri, _) = enrol(&world, &mut shop).await;
    let (router, bearer) = (world.router(), shop.secret.clone());
    let opened = shop.open(json!({})).await.expect(201);
    let verify = format!("{CHALLENGES}/{}/verify", opened.body["id"].as_str().unwrap());
    let wrong = if world.totp(&uri) == "000000" { "000001" } else { "000000" };
    for _ in 0..9 {
        let reply = post(&router, &bearer, ("wrong", &verify), &json!({ "code": wrong })).await.expect(403);
        assert_eq!(problem(&reply), "wrong-code");
    }
    let code = json!({ "code": world.totp(&uri) });
    let first = post(&router, &bearer, ("right", &verify), &code).await.expect(200);
    let again = post(&router, &bearer, ("right", &verify), &code).await.expect(200);
    assert_eq!(first.body["assertion"], again.body["assertion"]);
    post(&router, &bearer, ("another", &verify), &code).await.expect(410);
}

/// Whoever loses the connection in the middle is the one who asks again: the work goes on without them.
#[tokio::test]
async fn a_caller_who_goes_away_finds_the_answer() {
    let world = World::new().await;
    let (router, shop) = (world.router(), key(&world, "Shop").await);
    let body = json!({ "user": { "external_id": "ada" } });
    // Polled once, and dropped.
    let gone = tokio::time::timeout(Duration::ZERO, post(&router, &shop, ("k", CHALLENGES), &body)).await;
    assert!(gone.is_err(), "it was answered before anybody could leave");
    for _ in 0..100_000 {
        let reply = post(&router, &shop, ("k", CHALLENGES), &body).await;
        if problem(&reply) == "in-progress" {
            tokio::task::yield_now().await;
            continue;
        }
        reply.expect(201);
        assert_eq!(challenges(&world).await, 1);
        return;
    }
    panic!("the key is taken, and nobody works on it");
}

/// What it answers is sealed at rest: nothing of it is found in the table.
#[tokio::test]
async fn answers_are_sealed() {
    let world = World::new().await;
    let (router, shop) = (world.router(), key(&world, "Shop").await);
    let body = json!({ "user": { "external_id": "ada" } });
    let first = post(&router, &shop, ("k1", CHALLENGES), &body).await.expect(201);
    let sealed = "SELECT sealed FROM idempotency_keys";
    let read = world.ctx.store.read(move |tx| tx.row(sealed, &[], |row| row.get::<Vec<u8>>(0)));
    let sealed = read.await.unwrap().unwrap();
    let id = first.body["id"].as_str().unwrap().as_bytes();
    assert!(!sealed.windows(id.len()).any(|part| part == id));
}

#[tokio::test]
async fn sixty_four_of_one_key_are_one() {
    let world = World::new().await;
    let nodes = [world.router(), world.second_node().await];
    let shop = Arc::new(key(&world, "Shop").await);
    let barrier = Arc::new(Barrier::new(64));
    let tasks: Vec<_> = (0..64)
        .map(|number| {
            let (barrier, node, shop) = (Arc::clone(&barrier), nodes[number % 2].clone(), Arc::clone(&shop));
            tokio::spawn(async move {
                barrier.wait().await;
                let body = json!({ "user": { "external_id": "ada" } });
                post(&node, &shop, ("k", CHALLENGES), &body).await
            })
        })
        .collect();
    let mut made = BTreeSet::new();
    for task in tasks {
        let reply = task.await.unwrap();
        match reply.status.as_u16() {
            201 => drop(made.insert(reply.body["id"].to_string())),
            409 => assert_eq!(problem(&reply), "in-progress"),
            status => panic!("{status}: {reply:#?}"),
        }
    }
    assert_eq!((made.len(), challenges(&world).await), (1, 1));
}
