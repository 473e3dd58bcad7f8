//! What happens once, whoever comes at the same moment: on PostgreSQL split over two nodes (SEC-125).

use std::{collections::BTreeMap, sync::Arc};

use axum::Router;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use super::{ADA, PASSWORD, TOKEN, enrol, get, log_in, owner, post, set};
use crate::world::{Browser, Reply, World};

const CALLERS: usize = 64;

/// Everybody asks at the same moment, half of them each node.
async fn volley(
    nodes: &[Router; 2],
    jar: &BTreeMap<String, String>,
    path: &'static str,
    body: impl Fn(usize) -> Value,
) -> Vec<Reply> {
    let barrier = Arc::new(Barrier::new(CALLERS));
    let ask = |number: usize| {
        let (barrier, body) = (Arc::clone(&barrier), body(number));
        let mut browser = Browser::on(nodes[number % 2].clone());
        browser.jar.clone_from(jar);
        tokio::spawn(async move {
            barrier.wait().await;
            post(&mut browser, path, body).await
        })
    };
    let tasks: Vec<_> = (0..CALLERS).map(ask).collect();
    let mut replies = Vec::with_capacity(CALLERS);
    for task in tasks {
        replies.push(task.await.unwrap());
    }
    replies
}

#[track_caller]
fn one_won(replies: &[Reply], others: &[&str]) {
    let mut tally: BTreeMap<String, usize> = BTreeMap::new();
    for reply in replies {
        *tally.entry(format!("{} {}", reply.status.as_u16(), reply.code()).trim().to_owned()).or_default() +=
            1;
        let handed_over = set(reply, TOKEN).is_some_and(|token| !token.is_empty());
        assert_eq!(handed_over, reply.status == 200);
    }
    assert_eq!(tally.get("200"), Some(&1), "{tally:?}");
    assert!(tally.keys().all(|name| name == "200" || others.contains(&name.as_str())), "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_is_set_up_once() {
    let world = World::new().await;
    let nodes = [world.router(), world.second_node().await];
    let replies = volley(
        &nodes,
        &BTreeMap::new(),
        "/api/auth/setup",
        |number| json!({ "email": format!("ada{number}@example.com"), "name": "Ada", "password": PASSWORD }),
    )
    .await;
    one_won(&replies, &["403 ALREADY_INITIALIZED"]);
    let count = |tx: &mut countersign::store::Tx<'_>| {
        tx.row("SELECT count(*) FROM users", &[], |row| row.get::<i64>(0))
    };
    assert_eq!(world.ctx.store.read(count).await.unwrap(), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_code_and_one_pending_sign_in_make_one_session() {
    let world = World::new().await;
    let nodes = [world.router(), world.second_node().await];
    let (uri, _) = enrol(&world, &mut owner(&world).await).await;
    for _ in 0..10 {
        let mut door = world.browser();
        log_in(&mut door).await.expect(200);
        let code = world.totp(&uri);
        let replies = volley(&nodes, &door.jar, "/api/auth/mfa/verify", |_| json!({ "code": code })).await;
        one_won(&replies, &["401 MFA_PENDING_INVALID"]);
        world.advance(30);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_enrolment_is_confirmed_once() {
    let world = World::new().await;
    let nodes = [world.router(), world.second_node().await];
    let mut ada = owner(&world).await;
    let begun = post(&mut ada, "/api/auth/mfa/enroll/begin", json!({})).await.expect(200);
    let code = world.totp(begun.body["otpauth_url"].as_str().unwrap());
    let replies = volley(&nodes, &ada.jar, "/api/auth/mfa/enroll/confirm", |_| json!({ "code": code })).await;
    // Who comes after the session was rotated is nobody any more.
    one_won(&replies, &["409 MFA_ALREADY_ENABLED", "401 UNAUTHORIZED"]);
    get(&mut ada, "/api/auth/me").await.expect(401);
    assert_eq!(log_in(&mut world.browser()).await.expect(200).body["mfa_required"], true, "{ADA}");
}
