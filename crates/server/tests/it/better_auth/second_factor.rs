//! §§8, 13, 14: the second factor, what its answers carry, and where we are stricter than the original.

use serde_json::{Value, json};

use super::{Call, auth_token, cookie, cookie_names, with_cookies_of};
use crate::world::{Browser, Enrolled, PASSWORD, Reply, World};

const ADA: &str = "ada@example.com";

async fn post(browser: &mut Browser, path: &str, body: Value) -> Reply {
    browser.post(&format!("/api/auth/two-factor{path}"), body).await
}

/// Somebody enrolled, at the door.
async fn at_the_door(world: &World) -> (Browser, Enrolled) {
    let mut ada = world.browser();
    let enrolled = ada.enrol(world, ADA).await;
    (asked(world).await, enrolled)
}

async fn asked(world: &World) -> Browser {
    let mut browser = world.browser();
    let asked = browser.sign_in(ADA).await.expect(200);
    assert_eq!(asked.body["twoFactorRedirect"], true);
    browser
}

/// §13 a: body, cookie, header and the session that answers are one.
async fn names_one_live_session(world: &World, reply: &Reply) {
    let token = reply.body["token"].as_str().unwrap();
    assert_eq!(reply.body["session"]["token"], token);
    assert!(auth_token(reply).starts_with(&format!("{token}.")));
    let line = cookie(reply, "session_token");
    let current = Call::get("/get-session").header("cookie", &line).send(world).await.expect(200).body;
    assert_eq!(current["session"], reply.body["session"]);
    assert_eq!(current["user"], reply.body["user"]);
    assert_eq!(reply.body["status"], true);
    assert_eq!(reply.body["user"]["twoFactorEnabled"], true);
    for hook in ["redirect", "url", "twoFactorRedirect"] {
        assert!(reply.body.get(hook).is_none());
    }
}

#[tokio::test]
async fn whatever_proves_it_the_answer_names_one_live_session() {
    let world = World::new().await;
    let mut ada = world.browser();
    ada.sign_up(ADA).await;
    let begun = post(&mut ada, "/enable", json!({ "password": PASSWORD })).await.expect(200);
    let uri = begun.body["totpURI"].as_str().unwrap();
    let enrolment = post(&mut ada, "/verify-totp", json!({ "code": world.totp(uri) })).await.expect(200);
    names_one_live_session(&world, &enrolment).await;

    world.advance(30);
    let mut door = asked(&world).await;
    let by_totp = post(&mut door, "/verify-totp", json!({ "code": world.totp(uri) })).await.expect(200);
    names_one_live_session(&world, &by_totp).await;
    let mut door = asked(&world).await;
    let code = &begun.body["backupCodes"][0];
    let by_backup_code = post(&mut door, "/verify-backup-code", json!({ "code": code })).await.expect(200);
    names_one_live_session(&world, &by_backup_code).await;
    world.advance(1);
    let mut door = asked(&world).await;
    post(&mut door, "/send-otp", json!({})).await.expect(200);
    let code = world.mailed_code(ADA).await;
    let by_mail = post(&mut door, "/verify-otp", json!({ "code": code })).await.expect(200);
    names_one_live_session(&world, &by_mail).await;

    // Inside a session: the same one, and no cookies.
    world.advance(30);
    let again = post(&mut door, "/verify-totp", json!({ "code": world.totp(uri), "trustDevice": true }))
        .await
        .expect(200);
    assert_eq!(
        (&again.body["token"], &again.body["session"]["token"]),
        (&by_mail.body["token"], &by_mail.body["token"])
    );
    assert!(again.cookies().is_empty());
}

#[tokio::test]
async fn without_a_session_wanted_none_is_made_and_the_challenge_is_over() {
    let world = World::new().await;
    let (mut door, enrolled) = at_the_door(&world).await;
    let challenge = door.jar.clone();
    let wish = |code: &str| json!({ "code": code, "disableSession": true, "trustDevice": true });
    let reply = post(&mut door, "/verify-backup-code", wish(&enrolled.backup_codes[0])).await.expect(200);
    let keys: Vec<_> = reply.body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["status", "user"]);
    assert_eq!(cookie_names(&reply), ["-two_factor"]);
    assert!(!reply.headers.contains_key("set-auth-token"));
    let mut replayed = with_cookies_of(&world, challenge);
    let gone = post(&mut replayed, "/verify-backup-code", wish(&enrolled.backup_codes[1])).await.expect(401);
    assert_eq!(gone.code(), "INVALID_TWO_FACTOR_COOKIE");

    // Inside a session its token is told, the session is not; on the other routes it is no wish at all.
    let mut door = asked(&world).await;
    let body = json!({ "code": world.totp(&enrolled.uri), "disableSession": true });
    let reply = post(&mut door, "/verify-totp", body).await.expect(200);
    assert!(reply.body["session"].is_object());
    let inside = post(&mut door, "/verify-backup-code", wish(&enrolled.backup_codes[1])).await.expect(200);
    assert_eq!((&inside.body["token"], inside.body.get("session")), (&reply.body["token"], None));
    assert!(inside.cookies().is_empty());
    let spent = post(&mut door, "/verify-backup-code", wish(&enrolled.backup_codes[1])).await.expect(401);
    assert_eq!(spent.code(), "INVALID_BACKUP_CODE");
}

/// §14 rows 1, 2 and 4.
#[tokio::test]
async fn guesses_are_few_at_the_door_and_inside() {
    let world = World::new().await;
    let (mut door, enrolled) = at_the_door(&world).await;
    let wrong = |path: &str| match path {
        "/verify-backup-code" => json!({ "code": "AAAA-AAAA-AAAA-AAAA" }),
        _ => json!({ "code": "000000" }),
    };
    post(&mut door, "/send-otp", json!({})).await.expect(200);
    for path in ["/verify-totp", "/verify-otp", "/verify-backup-code", "/verify-otp", "/verify-totp"] {
        post(&mut door, path, wrong(path)).await.expect(401);
    }
    let right = json!({ "code": world.mailed_code(ADA).await });
    let reply = post(&mut door, "/verify-otp", right).await.expect(400);
    assert_eq!(
        (reply.code(), cookie_names(&reply)),
        ("TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE", vec!["-two_factor".to_owned()])
    );
    let mut door = asked(&world).await;
    for _ in 0..5 {
        post(&mut door, "/verify-totp", wrong("/verify-totp")).await.expect(401);
    }
    let mut door = asked(&world).await;
    let locked =
        post(&mut door, "/verify-totp", json!({ "code": world.totp(&enrolled.uri) })).await.expect(429);
    assert_eq!(
        (locked.code(), locked.headers["retry-after"].as_bytes()),
        ("ACCOUNT_TEMPORARILY_LOCKED", &b"900"[..])
    );
    world.advance(900);
    let mut door = asked(&world).await;
    let code = json!({ "code": world.totp(&enrolled.uri) });
    post(&mut door, "/verify-totp", code.clone()).await.expect(200);
    assert_eq!(
        post(&mut door, "/verify-totp", code).await.expect(401).code(),
        "INVALID_CODE",
        "each code once"
    );

    for _ in 0..9 {
        post(&mut door, "/verify-totp", wrong("/verify-totp")).await.expect(401);
    }
    assert_eq!(
        post(&mut door, "/verify-totp", wrong("")).await.expect(429).code(),
        "ACCOUNT_TEMPORARILY_LOCKED"
    );
    // What happens inside a session does not keep its owner out at the door.
    world.advance(30);
    let mut other = asked(&world).await;
    post(&mut other, "/verify-totp", json!({ "code": world.totp(&enrolled.uri) })).await.expect(200);
}

/// §14 row 6.
#[tokio::test]
async fn factors_change_after_a_fresh_proof_only() {
    let world = World::new().await;
    let (mut door, enrolled) = at_the_door(&world).await;
    post(&mut door, "/verify-totp", json!({ "code": world.totp(&enrolled.uri) })).await.expect(200);
    let password = json!({ "password": PASSWORD });
    for path in ["/get-totp-uri", "/generate-backup-codes"] {
        post(&mut door, path, password.clone()).await.expect(200);
    }
    world.advance(301);
    for path in ["/get-totp-uri", "/generate-backup-codes", "/disable", "/enable"] {
        let reply = post(&mut door, path, password.clone()).await.expect(403);
        assert_eq!((reply.code(), reply.cookies().len()), ("SESSION_NOT_FRESH", 0), "{path}");
    }
    post(&mut door, "/verify-totp", json!({ "code": world.totp(&enrolled.uri) })).await.expect(200);
    let disabled = post(&mut door, "/disable", password.clone()).await.expect(200);
    assert_eq!(
        (disabled.body.clone(), cookie_names(&disabled)),
        (json!({ "status": true }), vec!["session_token".to_owned()])
    );
    let again = post(&mut door, "/disable", password).await.expect(200);
    assert_eq!(again.body["status"], true, "twice is no error");
}

/// §14 rows 7 and 8.
#[tokio::test]
async fn what_was_trusted_before_a_change_is_not_after_it() {
    let world = World::new().await;
    let (mut door, enrolled) = at_the_door(&world).await;
    let answer = json!({ "code": world.totp(&enrolled.uri), "trustDevice": true });
    post(&mut door, "/verify-totp", answer).await.expect(200);
    let trusting = door.jar.clone();
    let mut trusted = with_cookies_of(&world, trusting.clone());
    assert!(trusted.sign_in(ADA).await.expect(200).body["token"].is_string());
    // Each value is good once; whoever shows a used one ends the trust for both.
    world.advance(11);
    let mut thief = with_cookies_of(&world, trusting);
    assert_eq!(thief.sign_in(ADA).await.expect(200).body["twoFactorRedirect"], true);
    assert_eq!(trusted.sign_in(ADA).await.expect(200).body["twoFactorRedirect"], true);

    world.advance(30);
    let answer = json!({ "code": world.totp(&enrolled.uri), "trustDevice": true });
    post(&mut trusted, "/verify-totp", answer).await.expect(200);
    let mut elsewhere = trusted.clone();
    trusted.post("/api/auth/revoke-sessions", json!({})).await.expect(200);
    let asked = elsewhere.sign_in(ADA).await.expect(200);
    assert_eq!(cookie_names(&asked), ["-trust_device", "-session_token", "-session_data", "two_factor"]);
}

/// §14 row 13: an expired challenge mails nothing.
#[tokio::test]
async fn an_expired_challenge_is_silent() {
    let world = World::new().await;
    let (mut door, _) = at_the_door(&world).await;
    world.advance(600);
    let before = world.mail().await.len();
    assert_eq!(post(&mut door, "/send-otp", json!({})).await.expect(401).code(), "INVALID_TWO_FACTOR_COOKIE");
    assert_eq!(world.mail().await.len(), before);
}

/// §14 row 11: more lenient input is fine where it is unmistakable.
#[tokio::test]
async fn codes_may_be_typed_as_people_type_them() {
    let world = World::new().await;
    let (mut door, enrolled) = at_the_door(&world).await;
    let plain = enrolled.backup_codes[0].replace('-', "").to_lowercase();
    post(&mut door, "/verify-backup-code", json!({ "code": format!(" {plain} ") })).await.expect(200);
    let mut door = asked(&world).await;
    let code = world.totp(&enrolled.uri);
    let spaced = format!(" {} {}", &code[..3], &code[3..]);
    post(&mut door, "/verify-totp", json!({ "code": spaced })).await.expect(200);
}

/// §14 row 14.
#[tokio::test]
async fn nothing_secret_is_kept_on_the_way() {
    let world = World::new().await;
    let mut ada = world.browser();
    let signed_up = ada.sign_up(ADA).await;
    let begun = post(&mut ada, "/enable", json!({ "password": PASSWORD })).await.expect(200);
    let uri = post(&mut ada, "/get-totp-uri", json!({ "password": PASSWORD })).await.expect(200);
    let refused = post(&mut ada, "/verify-totp", json!({ "code": "x" })).await.expect(401);
    for reply in [signed_up, begun, uri, refused] {
        assert_eq!(reply.headers["cache-control"], "no-store");
    }
}

#[tokio::test]
async fn codes_are_mailed_slowly_and_say_when_again() {
    let world = World::new().await;
    let (mut door, _) = at_the_door(&world).await;
    post(&mut door, "/send-otp", json!({})).await.expect(200);
    world.advance(10);
    let soon = post(&mut door, "/send-otp", json!({})).await.expect(429);
    assert_eq!(
        (soon.code(), &soon.headers["x-retry-after"]),
        ("TOO_MANY_REQUESTS", &soon.headers["retry-after"])
    );
    assert_eq!(soon.headers["retry-after"], "20");
    world.advance(20);
    post(&mut door, "/send-otp", json!({})).await.expect(200);
}

#[tokio::test]
async fn an_authenticator_app_is_added_to_mailed_codes_once() {
    let world = World::new().await;
    let mut ada = world.browser();
    ada.sign_up(ADA).await;
    let by_mail = json!({ "password": PASSWORD, "method": "otp" });
    post(&mut ada, "/enable", by_mail).await.expect(200);
    let begun =
        post(&mut ada, "/enable", json!({ "password": PASSWORD, "issuer": "Other & Co" })).await.expect(200);
    let uri = url::Url::parse(begun.body["totpURI"].as_str().unwrap()).unwrap();
    assert!(uri.query_pairs().any(|pair| pair == ("issuer".into(), "Other & Co".into())));
    let code = json!({ "code": world.totp(uri.as_str()) });
    post(&mut ada, "/verify-totp", code).await.expect(200);
    assert_eq!(
        post(&mut ada, "/enable", json!({ "password": PASSWORD })).await.expect(400).code(),
        "TOTP_ALREADY_ENABLED"
    );
}
