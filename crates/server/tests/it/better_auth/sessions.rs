//! §§2, 3, 5, 7: sessions as cookies and bearer tokens, their renewal, listing and end.

use serde_json::{Value, json};

use super::{Call, auth_token, cookie, cookie_names};
use crate::world::{Browser, World};

const CLEARED: [&str; 3] = ["-session_token", "-session_data", "-dont_remember"];

async fn who(world: &World, call: Call) -> Value {
    call.send(world).await.expect(200).body["user"]["email"].clone()
}

#[tokio::test]
async fn a_bearer_is_raw_or_signed_and_wins_over_the_cookie() {
    let world = World::new().await;
    let ada = world.browser().sign_up("ada@example.com").await;
    let bob = cookie(&world.browser().sign_up("bob@example.com").await, "session_token");
    let (raw, signed) = (ada.body["token"].as_str().unwrap(), auth_token(&ada));
    assert!(signed.starts_with(&format!("{raw}.")) && signed.ends_with('='));
    let escaped = cookie(&ada, "session_token");
    let escaped = escaped.split_once('=').unwrap().1;
    for token in [raw, &signed, escaped] {
        let call = || Call::get("/get-session").bearer(token);
        assert_eq!(who(&world, call()).await, "ada@example.com", "{token}");
        assert_eq!(who(&world, call().header("cookie", &bob)).await, "ada@example.com", "{token}");
    }
    for scheme in ["bearer", "BEARER", "Bearer "] {
        let call = Call::get("/get-session").header("authorization", &format!("{scheme} {raw}"));
        assert_eq!(who(&world, call).await, "ada@example.com", "{scheme:?}");
    }
    // A signature that is not ours makes the header as good as none; an unknown raw token does not.
    let tampered = format!("{}A=", &signed[..signed.len() - 2]);
    for token in [tampered.as_str(), "a.b", "a.b.c", "..", ""] {
        let call = || Call::get("/get-session").bearer(token);
        assert_eq!(who(&world, call().header("cookie", &bob)).await, "bob@example.com", "{token}");
        let nobody = call().send(&world).await.expect(200);
        assert!(nobody.body.is_null() && nobody.cookies().is_empty(), "{token}");
    }
    let unknown = Call::get("/get-session").bearer("unknown").header("cookie", &bob).send(&world).await;
    assert!(unknown.body.is_null());
    assert_eq!(cookie_names(&unknown), CLEARED);
}

#[tokio::test]
async fn a_bearer_is_no_answer_to_a_challenge() {
    let world = World::new().await;
    let mut ada = world.browser();
    let enrolled = ada.enrol(&world, "ada@example.com").await;
    ada.jar.clear();
    let asked = ada.sign_in("ada@example.com").await.expect(200);
    let challenge = cookie(&asked, "two_factor");
    let value = challenge.split_once('=').unwrap().1;
    for token in [value, value.split('.').next().unwrap()] {
        let body = json!({ "code": world.totp(&enrolled.uri) });
        let reply = Call::post("/two-factor/verify-totp", &body).bearer(token).send(&world).await.expect(401);
        assert_eq!(reply.code(), "INVALID_TWO_FACTOR_COOKIE");
    }
    assert!(!asked.headers.contains_key("set-auth-token"));
    // A signed value of another kind under the challenge's name is no challenge.
    let session = cookie(&world.browser().sign_up("bob@example.com").await, "session_token");
    let forged = session.replace("session_token", "two_factor");
    let call = Call::post("/two-factor/verify-totp", &json!({ "code": "123456" })).cookies(&forged);
    assert_eq!(call.send(&world).await.expect(401).code(), "INVALID_TWO_FACTOR_COOKIE");
}

#[tokio::test]
async fn handles_of_other_sessions_end_them_and_open_nothing() {
    let world = World::new().await;
    let (mut laptop, mut phone) = (world.browser(), world.browser());
    let on_laptop = laptop.sign_up("ada@example.com").await.body["token"].clone();
    world.advance(1);
    let on_phone = phone.sign_in("ada@example.com").await.expect(200).body["token"].clone();
    let listed = laptop.get("/api/auth/list-sessions").await.expect(200).body;
    assert_eq!(listed[0]["token"], on_laptop, "one's own is told");
    assert_ne!(listed[1]["token"], on_phone);
    let handle = listed[1]["token"].as_str().unwrap();
    let nobody = Call::get("/get-session").bearer(handle).send(&world).await.expect(200);
    assert!(nobody.body.is_null());
    // Somebody else's handle ends nothing, and nobody learns so.
    let mut bob = world.browser();
    bob.sign_up("bob@example.com").await;
    let stolen = bob.post("/api/auth/revoke-session", json!({ "token": handle })).await.expect(200);
    assert_eq!((stolen.body, stolen.headers.get("set-cookie")), (json!({ "status": true }), None));
    assert!(phone.get("/api/auth/get-session").await.body.is_object());
    laptop.post("/api/auth/revoke-session", json!({ "token": handle })).await.expect(200);
    assert!(phone.get("/api/auth/get-session").await.body.is_null());
    assert!(laptop.get("/api/auth/get-session").await.body.is_object());
}

#[tokio::test]
async fn a_session_is_renewed_after_a_day_and_its_cookie_sent_again() {
    let world = World::new().await;
    let mut ada = world.browser();
    ada.sign_up("ada@example.com").await;
    world.advance(86_400);
    let early = ada.get("/api/auth/get-session").await.expect(200);
    assert!(early.cookies().is_empty(), "a day to the second is not over it");
    world.advance(1);
    let peeked = ada.get("/api/auth/get-session?disableRefresh=true").await.expect(200);
    assert_eq!(peeked.body["session"]["expiresAt"], early.body["session"]["expiresAt"]);
    assert!(peeked.cookies().is_empty());
    let renewed = ada.get("/api/auth/get-session").await.expect(200);
    assert_eq!(cookie_names(&renewed), ["session_token"]);
    assert_eq!(renewed.cookies()[0].2, ["Max-Age=604800", "Path=/", "HttpOnly", "SameSite=Lax"]);
    assert_eq!(renewed.headers["access-control-expose-headers"], "set-auth-token, set-auth-jwt");
    assert_eq!(renewed.body["session"]["token"], early.body["session"]["token"]);
    assert!(renewed.body["session"]["expiresAt"].as_str() > early.body["session"]["expiresAt"].as_str());
    assert!(ada.get("/api/auth/get-session").await.cookies().is_empty());

    // Whoever reads the session first sends the cookie, whatever the answer is.
    for (path, status) in [("/api/auth/list-accounts", 200), ("/api/auth/list-sessions", 403)] {
        world.advance(86_401);
        let reply = ada.get(path).await.expect(status);
        assert_eq!(cookie_names(&reply), ["session_token"], "{path}");
    }
    // What ends the session in the same reply has the last word.
    world.advance(86_401);
    let gone = ada.post("/api/auth/revoke-sessions", json!({})).await.expect(200);
    assert_eq!(cookie_names(&gone)[1..], CLEARED);
    assert!(!gone.headers.contains_key("set-auth-token"));
    assert!(ada.jar.is_empty());
}

#[tokio::test]
async fn without_remember_me_a_day_is_all() {
    let world = World::new().await;
    let mut ada = world.browser();
    ada.sign_up("ada@example.com").await;
    ada.jar.clear();
    let body = json!({ "email": "ada@example.com", "password": crate::world::PASSWORD, "rememberMe": false });
    let reply = ada.post("/api/auth/sign-in/email", body).await.expect(200);
    for (_, _, attributes) in reply.cookies() {
        assert_eq!(attributes, ["Path=/", "HttpOnly", "SameSite=Lax"], "ends with the browser");
    }
    world.advance(86_399);
    let last = ada.get("/api/auth/get-session").await.expect(200);
    assert!(last.body.is_object() && last.cookies().is_empty());
    let again = ada.post("/api/auth/update-user", json!({ "name": "Ada L" })).await.expect(200);
    assert_eq!(
        again.cookies()[0].2,
        ["Path=/", "HttpOnly", "SameSite=Lax"],
        "and so does the cookie set again"
    );
    world.advance(1);
    let over = ada.get("/api/auth/get-session").await.expect(200);
    assert_eq!((over.body.is_null(), cookie_names(&over)), (true, CLEARED.map(str::to_owned).into()));
}

/// A browser forgets with the second step what it was told to before it.
#[tokio::test]
async fn remember_me_holds_across_the_second_step() {
    let world = World::new().await;
    let mut ada = world.browser();
    let enrolled = ada.enrol(&world, "ada@example.com").await;
    ada.jar.clear();
    let body = json!({ "email": "ada@example.com", "password": crate::world::PASSWORD, "rememberMe": false });
    let asked = ada.post("/api/auth/sign-in/email", body).await.expect(200);
    assert_eq!(cookie_names(&asked), ["-session_token", "-session_data", "two_factor", "dont_remember"]);
    let passed = pass(&world, &mut ada, &enrolled.uri).await;
    assert_eq!(cookie_names(&passed), ["session_token", "-two_factor"]);
    assert_eq!(passed.cookies()[0].2, ["Path=/", "HttpOnly", "SameSite=Lax"]);
    world.advance(86_400);
    assert!(ada.get("/api/auth/get-session").await.body.is_null());
}

async fn pass(world: &World, browser: &mut Browser, uri: &str) -> crate::world::Reply {
    let code = json!({ "code": world.totp(uri) });
    browser.post("/api/auth/two-factor/verify-totp", code).await.expect(200)
}

/// A request that is under way while the session gets a new token hears that the old one is over, and its
/// late answer never carries a session.
#[tokio::test]
async fn an_old_token_is_over_the_moment_it_is_replaced() {
    let world = World::new().await;
    let mut ada = world.browser();
    let old = cookie(&ada.sign_up("ada@example.com").await, "session_token");
    let begun = ada.post("/api/auth/two-factor/enable", json!({ "password": crate::world::PASSWORD })).await;
    pass(&world, &mut ada, begun.body["totpURI"].as_str().unwrap()).await;
    for path in ["/get-session", "/get-session?disableRefresh=true"] {
        let late = Call::get(path).header("cookie", &old).send(&world).await.expect(200);
        assert_eq!((late.body.is_null(), cookie_names(&late)), (true, CLEARED.map(str::to_owned).into()));
    }
    let late =
        Call::post("/update-user", &json!({ "name": "X" })).cookies(&old).send(&world).await.expect(401);
    assert_eq!(cookie_names(&late), CLEARED);
    assert!(ada.get("/api/auth/get-session").await.body.is_object());
}

#[tokio::test]
async fn a_stale_cookie_ends_before_the_new_session_begins() {
    let world = World::new().await;
    let mut ada = world.browser();
    let enrolled = ada.enrol(&world, "ada@example.com").await;
    let dead = cookie(&world.browser().sign_up("bob@example.com").await, "session_token");
    Call::post("/sign-out", &json!({})).cookies(&dead).send(&world).await.expect(200);
    ada.jar.clear();
    let challenge = cookie(&ada.sign_in("ada@example.com").await.expect(200), "two_factor");
    let body = json!({ "code": world.totp(&enrolled.uri) });
    let call = Call::post("/two-factor/verify-totp", &body).cookies(&format!("{dead}; {challenge}"));
    let reply = call.send(&world).await.expect(200);
    assert_eq!(
        cookie_names(&reply),
        ["-session_token", "-session_data", "-dont_remember", "session_token", "-two_factor"]
    );
    assert_eq!(who(&world, Call::get("/get-session").bearer(&auth_token(&reply))).await, "ada@example.com");
}

#[tokio::test]
async fn a_token_for_others_says_how_surely() {
    let world = World::new().await;
    let mut ada = world.browser();
    ada.enrol(&world, "ada@example.com").await;
    let jwt = ada.get("/api/auth/token").await.expect(200).body["token"].as_str().unwrap().to_owned();
    let claims = jwt.split('.').nth(1).unwrap();
    let claims: Value =
        serde_json::from_slice(&data_encoding::BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap();
    assert_eq!(claims["email"], "ada@example.com");
    assert!(claims["amr"].as_array().unwrap().contains(&json!("otp")));
    let keys = world.browser().get("/api/auth/jwks").await.expect(200);
    assert_eq!(keys.body["keys"][0]["crv"], "Ed25519");
    assert_eq!(world.browser().get("/api/auth/token").await.expect(401).code(), "UNAUTHORIZED");
}
