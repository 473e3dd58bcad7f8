//! §9: how often one address may ask one thing.

use serde_json::{Value, json};

use super::{ADA, Client, local};
use crate::world::{Reply, World};

async fn limited() -> (World, Client) {
    let world = World::with(|config| config.rate_limits = true).await;
    let client = Client::of(&world);
    (world, client)
}

/// How many of these calls are heard before the first 429, and how long that says to wait.
async fn heard(client: &Client, path: &str, body: Value) -> (u32, u64) {
    for count in 0..3_000 {
        let reply: Reply = client.post(path, body.clone()).await;
        if reply.status == 429 {
            assert_eq!(reply.code(), "RATE_LIMITED");
            assert_eq!(reply.headers["retry-after"].to_str().unwrap(), reply.body["retryAfter"].to_string());
            return (count, reply.body["retryAfter"].as_u64().unwrap());
        }
    }
    panic!("{path} has no limit");
}

#[tokio::test]
async fn each_door_has_its_own() {
    for (path, expected) in [
        ("/auth/local/login", (5, 900)),
        ("/auth/login", (20, 900)),
        ("/auth/register", (3, 3_600)),
        ("/auth/local/register", (3, 3_600)),
        ("/auth/verify-email", (20, 900)),
        ("/auth/refresh", (60, 900)),
        ("/api-keys", (50, 3_600)),
        ("/users/2fa/verify", (2_000, 900)),
    ] {
        let (_world, client) = limited().await;
        assert_eq!(heard(&client, path, json!({})).await, expected, "{path}");
    }
}

#[tokio::test]
async fn doors_count_beside_each_other_and_anew_after_a_while() {
    let (world, mut ada) = limited().await;
    ada.register_local(ADA).await;
    assert_eq!(heard(&ada, "/auth/local/login", json!({})).await.0, 5);
    // One registration and six logins, the refused one not counted, of the twenty of everybody.
    assert_eq!(heard(&ada, "/auth/login", json!({})).await.0, 14);
    assert_eq!(ada.post("/auth/local/register", local("eve@example.com")).await.status, 429);
    ada.get("/users/me").await.expect(200);
    ada.refresh().await.expect(200);
    world.advance(900);
    ada.log_in(ADA, json!({})).await.expect(200);
}
