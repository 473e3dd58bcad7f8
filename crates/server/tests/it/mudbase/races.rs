//! What is single-use on this wire, asked for by many at once: on PostgreSQL split over two nodes (SEC-125).

use std::sync::Arc;

use countersign::store::Value as Cell;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use super::{ADA, Client, PASSWORD};
use crate::world::{Reply, World};

const CALLERS: usize = 64;

/// Everybody asks the same at the same moment, half of them each node.
async fn at_once(world: &World, client: &Client, path: &'static str, body: Value) -> Vec<Reply> {
    let nodes = [world.router(), world.second_node().await];
    let barrier = Arc::new(Barrier::new(CALLERS));
    let calls: Vec<_> = (0..CALLERS)
        .map(|number| {
            let client = Client { router: nodes[number % 2].clone(), ..client.clone() };
            let (barrier, body) = (Arc::clone(&barrier), body.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                client.post(path, body).await
            })
        })
        .collect();
    let mut replies = Vec::new();
    for call in calls {
        replies.push(call.await.unwrap());
    }
    replies
}

fn only_winner(replies: Vec<Reply>) -> Reply {
    let (mut won, lost): (Vec<_>, Vec<_>) = replies.into_iter().partition(|reply| reply.status == 200);
    assert_eq!(won.len(), 1);
    for reply in lost {
        // 429: a code used before is a failure, and so many of them lock the account for a while. 503: no turn
        // within two seconds, on a slow machine.
        assert!([401, 429, 503].contains(&reply.status.as_u16()), "{reply:#?}");
    }
    won.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_token_is_exchanged_once_and_its_repetition_ends_the_session() {
    let world = World::new().await;
    let mut ada = Client::of(&world);
    ada.register_local(ADA).await;
    for _ in 0..5 {
        let mut other = ada.clone();
        let granted = ada.log_in(ADA, json!({})).await.expect(200);
        other.keep(&granted);
        let body = json!({ "refreshToken": other.refresh_token });
        let winner = only_winner(at_once(&world, &other, "/auth/refresh", body).await);
        other.keep(&winner);
        // Of two who hold the same token one is a thief: neither goes on.
        other.get("/users/me").await.expect(401);
        other.refresh().await.expect(401);
    }
    ada.get("/users/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_code_lets_one_login_in() {
    let world = World::new().await;
    let mut ada = Client::of(&world);
    ada.register_local(ADA).await;
    let (uri, _) = ada.enrol(&world).await;
    let body = json!({ "email": ADA, "password": PASSWORD, "totpToken": world.totp(&uri) });
    only_winner(at_once(&world, &Client::of(&world), "/auth/local/login", body).await);
    let now = Cell::from(world.clock.now());
    let read = move |tx: &mut countersign::store::Tx<'_>| {
        let sql = "SELECT count(*) FROM sessions WHERE created_at = $1";
        tx.row(sql, std::slice::from_ref(&now), |row| row.get::<i64>(0))
    };
    assert_eq!(world.ctx.store.read(read).await.unwrap(), Some(1));
}
