//! §6: how often one address may ask one thing.

use serde_json::{Value, json};

use super::{Call, is_empty};
use crate::world::{Reply, World};

async fn limited() -> World {
    World::with(|config| {
        config.rate_limits = true;
        config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    })
    .await
}

fn call(path: &str) -> Call {
    match path {
        "/get-session" | "/ok" | "/nope" | "/list-sessions" => Call::get(path),
        _ => Call::new("POST", path).header("content-type", "application/json").raw("{bad"),
    }
}

async fn is_refused(reply: Reply) -> Option<u64> {
    if reply.status != 429 {
        return None;
    }
    let message = "Too many requests. Please try again later.";
    assert_eq!(reply.body, json!({ "message": message, "code": "TOO_MANY_REQUESTS" }));
    assert_eq!(reply.headers["x-retry-after"], reply.headers["retry-after"]);
    Some(reply.headers["x-retry-after"].to_str().unwrap().parse().unwrap())
}

#[tokio::test]
async fn each_path_has_its_window() {
    let world = limited().await;
    for (path, window, max) in [
        ("/two-factor/verify-totp", 10, 3),
        ("/two-factor/verify-otp", 10, 3),
        ("/two-factor/nope", 10, 3),
        ("/sign-in/email", 10, 3),
        ("/sign-in/social", 10, 3),
        ("/sign-up/email", 10, 3),
        ("/change-password", 10, 3),
        ("/change-email", 10, 3),
        ("/request-password-reset", 60, 3),
        ("/send-verification-email", 60, 3),
        ("/get-session", 10, 100),
        ("/ok", 10, 100),
        ("/nope", 10, 100),
        ("/update-user", 10, 100),
    ] {
        let ask = async || is_refused(call(path).from("192.0.2.1").send(&world).await).await;
        for turn in 0..max {
            assert_eq!(ask().await, None, "{path} call {turn}");
        }
        assert_eq!(ask().await, Some(window), "{path}");
        world.advance(window - 1);
        assert_eq!(ask().await, Some(1), "{path}: a refused call must not move the window");
        world.advance(1);
        assert_eq!(ask().await, None, "{path}: a full window has passed");
        // The count starts over after a full window without an allowed call, not on a sliding one.
        for _ in 1..max {
            world.advance(window - 1);
            assert_eq!(ask().await, None, "{path}");
        }
        world.advance(window - 1);
        assert_eq!(ask().await, Some(1), "{path}");
    }
}

#[tokio::test]
async fn addresses_do_not_share_but_networks_of_one_subscriber_do() {
    let world = limited().await;
    let exhaust = async |from: &str| {
        for _ in 0..3 {
            call("/sign-in/email").from(from).send(&world).await.expect(400);
        }
        call("/sign-in/email").from(from).send(&world).await.expect(429);
    };
    exhaust("192.0.2.1").await;
    exhaust("192.0.2.2").await;
    exhaust("2001:db8:1:2::1").await;
    call("/sign-in/email").from("2001:db8:1:2:ffff::9").send(&world).await.expect(429);
    call("/sign-in/email").from("2001:db8:1:3::1").send(&world).await.expect(400);
    call("/sign-in/email").from("::ffff:192.0.2.1").send(&world).await.expect(429);
}

#[tokio::test]
async fn a_header_counts_only_from_our_proxies() {
    let world = limited().await;
    let ask = async |peer: &str, forwarded: &str| {
        call("/sign-in/email")
            .from(peer)
            .header("x-forwarded-for", forwarded)
            .send(&world)
            .await
            .status
            .as_u16()
    };
    // Whoever is no proxy of ours may write what they like: it stays one address.
    for turn in 0..3 {
        assert_eq!(ask("203.0.113.9", &format!("198.51.100.{turn}")).await, 400);
    }
    assert_eq!(ask("203.0.113.9", "198.51.100.77").await, 429);
    // Behind our proxy each client has its own bucket, and cannot write itself another.
    for _ in 0..3 {
        assert_eq!(ask("10.0.0.1", "198.51.100.1").await, 400);
    }
    assert_eq!(ask("10.0.0.1", "198.51.100.1").await, 429);
    assert_eq!(ask("10.0.0.1", "1.2.3.4, 198.51.100.1").await, 429);
    assert_eq!(ask("10.0.0.2", "198.51.100.1").await, 429);
    assert_eq!(ask("10.0.0.1", "198.51.100.2").await, 400);
}

#[tokio::test]
async fn limits_come_before_everything_else_and_both_mounts_share_them() {
    let world = limited().await;
    for _ in 0..3 {
        let reply = call("/two-factor/nope").from("192.0.2.1").send(&world).await.expect(404);
        assert!(is_empty(&reply));
    }
    call("/two-factor/nope").from("192.0.2.1").send(&world).await.expect(429);
    let mut elsewhere = Call::post("/sign-in/email", &Value::Null).from("192.0.2.1");
    *elsewhere.0.uri_mut() = "/better-auth/api/auth/two-factor/nope".parse().unwrap();
    elsewhere.send(&world).await.expect(429);
    // What was refused is not counted, and other paths are untouched.
    call("/two-factor/verify-totp").from("192.0.2.1").send(&world).await.expect(400);
    let world = World::new().await;
    for _ in 0..10 {
        call("/two-factor/verify-totp").from("192.0.2.1").send(&world).await.expect(400);
    }
}
