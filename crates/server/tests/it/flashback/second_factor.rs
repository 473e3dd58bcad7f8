//! §§3-5: the partial token, enrolling, proving and giving up.

use std::sync::Arc;

use countersign::dialects;
use tokio::sync::Barrier;

use super::*;

/// What a partial token opens, beside what is open to everybody.
const FOR_PARTIAL: &[&str] = &[
    "/mfa/status",
    "/mfa/methods",
    "/mfa/verify-login",
    "/mfa/magic-link/send",
    "/mfa/passkey/auth-options",
];
const FOR_ALL: &[&str] = &[
    "/user/register",
    "/user/login",
    "/user/refresh",
    "/user/logout",
    "/user/activate",
    "/user/pre-verify-email",
    "/user/verify-email",
    "/user/resend-verification/{id}",
    "/user/request-reset-password",
    "/user/reset-password",
    "/mfa/magic-link/activate",
];
const FOR_ENROLLING: &[&str] = &[
    "/mfa/status",
    "/mfa/methods",
    "/mfa/setup",
    "/mfa/verify-setup",
    "/mfa/enable",
    "/mfa/passkey/complete-registration",
    "/mfa/passkey/complete-registration-1",
];

/// Every route of the table but these, asked with a body that has something for each.
async fn every_route_but(client: &Client, open: &[&str], expected: (u16, &str)) {
    let flashback = dialects::ALL.iter().find(|dialect| dialect.name == "flashback").unwrap();
    let body = json!({
        "mfaType": TOTP, "code": "123456", "enforced": false, "fingerprint": "f", "credential": {}, "challenge": "AA",
    });
    let mut asked = 0;
    for route in (flashback.routes)() {
        if FOR_ALL.contains(&route.path.as_str()) || open.contains(&route.path.as_str()) {
            continue;
        }
        let path = route.path.replace("{id}", "01920000-0000-7000-8000-000000000000");
        let body = (route.method == "POST").then(|| body.clone());
        let reply = client.call(route.method.as_str(), &path, body).await;
        assert_eq!(refused(&reply), expected, "{} {path}", route.method);
        asked += 1;
    }
    assert!(asked >= 20, "{asked}");
}

#[tokio::test]
async fn a_partial_token_opens_the_second_step_and_nothing_else() {
    let world = World::new().await;
    let (_, app) = enrolled(&world).await;
    let mut door = halfway(&world).await;
    every_route_but(&door, FOR_PARTIAL, MFA_REQUIRED).await;
    assert_eq!(door.get("/mfa/methods").await.expect(200).body["data"][0]["isEnabled"], true);
    assert_eq!(refused(&door.poke("/mfa/passkey/auth-options").await), (400, "MFA_METHOD_NOT_CONFIGURED"));
    // Its refresh token is no bearer, it is no refresh token, and neither stands in for the other.
    let unauthorized = (401, "UNAUTHORIZED");
    every_route_but(&Client::with(&world, &door.refresh), &[], unauthorized).await;
    let crossed = Client { refresh: door.token.clone(), ..door.clone() };
    assert_eq!(refused(&crossed.clone().refresh().await), (401, "INVALID_REFRESH_TOKEN"));
    // Refreshing it gains nothing, however often.
    for _ in 0..5 {
        let reply = door.refresh().await.expect(200);
        assert_eq!(
            (claims(&door.token)["type"].as_str(), reply.body["token"].as_str()),
            (Some("partial"), Some(&*door.token))
        );
        assert_eq!(refused(&door.get("/user/profile").await), MFA_REQUIRED);
    }
    let before = door.clone();
    door.prove(TOTP, &world.totp(&app.uri)).await.expect(200);
    assert_eq!(claims(&door.token)["type"], "access");
    assert!(door.is_in().await);
    // What was held before is over.
    let over = (401, "MFA_SESSION_EXPIRED");
    every_route_but(&before, &[], over).await;
    assert_eq!(refused(&before.clone().refresh().await), over);
    // With the wrong kind of second step due nowhere, a full token is asked for nothing.
    assert_eq!(number(&world, "SELECT count(*) FROM challenges WHERE state = 'pending'").await, 0);
}

#[tokio::test]
async fn a_partial_token_ends_with_its_question() {
    let world = World::new().await;
    let (ada, app) = enrolled(&world).await;
    let over = (401, "MFA_SESSION_EXPIRED");
    let mut left = halfway(&world).await;
    left.post("/user/logout", json!({ "refresh_token": left.refresh })).await.expect(200);
    assert_eq!(refused(&left.prove(TOTP, &world.totp(&app.uri)).await), over);
    assert_eq!(refused(&left.refresh().await), over);
    let by_bearer = halfway(&world).await;
    by_bearer.poke("/user/logout").await.expect(200);
    assert_eq!(refused(&by_bearer.get("/mfa/status").await), over);
    assert_eq!(number(&world, "SELECT count(*) FROM events WHERE kind = 'challenge.given_up'").await, 2);

    // Refreshed just before, the token itself would still hold; its question does not.
    let mut late = halfway(&world).await;
    world.advance(599);
    late.refresh().await.expect(200);
    late.status().await;
    world.advance(1);
    assert_eq!(refused(&late.prove(TOTP, &world.totp(&app.uri)).await), over);
    assert_eq!(refused(&late.refresh().await), over);
    // Nor does it outlive a change of factors.
    let mut door = halfway(&world).await;
    let mut inside = ada.clone();
    inside.prove(TOTP, &world.totp(&app.uri)).await.expect(200);
    inside.post("/mfa/disable", json!({ "mfaType": TOTP })).await.expect(200);
    world.advance(30);
    assert_eq!(refused(&door.prove(TOTP, &world.totp(&app.uri)).await), over);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_with_one_code_and_one_partial_token_get_one_full_one() {
    let world = World::new().await;
    let (_, app) = enrolled(&world).await;
    let node = world.second_node().await;
    let door = halfway(&world).await;
    let body = json!({ "mfaType": TOTP, "code": world.totp(&app.uri) });
    let before = number(&world, "SELECT count(*) FROM sessions").await;
    let barrier = Arc::new(Barrier::new(64));
    let tasks: Vec<_> = (0..64)
        .map(|turn| {
            let router = if turn % 2 == 0 { world.router() } else { node.clone() };
            let (client, body, barrier) =
                (Client { router, ..door.clone() }, body.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                client.post("/mfa/verify-login", body).await
            })
        })
        .collect();
    let mut full = 0;
    for task in tasks {
        let reply = task.await.unwrap();
        match reply.status.as_u16() {
            200 => full += 1,
            _ => assert_eq!(refused(&reply), (401, "MFA_SESSION_EXPIRED")),
        }
    }
    assert_eq!((full, number(&world, "SELECT count(*) FROM sessions").await), (1, before + 1));
}

#[tokio::test]
async fn guesses_are_few() {
    let world = World::new().await;
    let (_, app) = enrolled(&world).await;
    let mut door = halfway(&world).await;
    // What cannot be a code costs nothing.
    for code in ["12345", "", "１２３４５６", "abc"] {
        assert_eq!(refused(&door.prove(TOTP, code).await), (400, "INVALID_MFA_CODE"));
    }
    let wrong = world.totp_at(&app.uri, 40);
    for _ in 0..5 {
        assert_eq!(refused(&door.prove(TOTP, &wrong).await), (400, "INVALID_MFA_CODE"));
    }
    assert_eq!(refused(&door.prove(TOTP, &world.totp(&app.uri)).await), (429, "TOO_MANY_ATTEMPTS"));
    assert_eq!(refused(&door.get("/mfa/status").await), (401, "MFA_SESSION_EXPIRED"));
    let mut again = halfway(&world).await;
    for _ in 0..5 {
        assert_eq!(refused(&again.prove(TOTP, &wrong).await), (400, "INVALID_MFA_CODE"));
    }
    let locked = halfway(&world).await.prove(TOTP, &world.totp(&app.uri)).await;
    assert_eq!(refused(&locked), (429, "MFA_LOCKED"));
    assert!(locked.headers.contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn a_full_token_is_proven_anew_and_its_refresh_token_is_the_next_one() {
    let world = World::new().await;
    let (_, app) = enrolled(&world).await;
    let mut ada = halfway(&world).await;
    ada.prove(TOTP, &world.totp(&app.uri)).await.expect(200);
    world.advance(301);
    for (path, body) in [
        ("/mfa/disable", json!({ "mfaType": TOTP })),
        ("/mfa/reset", json!({})),
        ("/mfa/setup", json!({ "mfaType": LINK })),
        ("/mfa/organization/enforce", json!({ "enforced": true })),
    ] {
        assert_eq!(refused(&ada.post(path, body).await), STALE, "{path}");
    }
    let before = ada.clone();
    ada.prove(TOTP, &app.backup_codes[0]).await.expect(200);
    assert_eq!(claims(&ada.token)["sid"], claims(&before.token)["sid"], "the same session");
    assert!(before.is_in().await, "and the token before is still its own");
    assert_ne!(ada.refresh, before.refresh);
    ada.refresh().await.expect(200);
    ada.post("/mfa/disable", json!({ "mfaType": TOTP })).await.expect(200);
    assert!(ada.is_in().await && before.is_in().await);
    // The refresh token before counts as spent: whoever brings it holds a copy.
    assert_eq!(refused(&before.clone().refresh().await), (401, "INVALID_REFRESH_TOKEN"));
    assert!(!ada.is_in().await);
}

#[tokio::test]
async fn verifying_a_login_completes_no_enrolment() {
    let world = World::new().await;
    let mut ada = Client::new(&world);
    ada.register(ADA).await;
    let begun = ada.post("/mfa/setup", json!({ "mfaType": TOTP })).await.expect(200);
    let app = App::of(&begun.body["data"]);
    assert_eq!(refused(&ada.prove(TOTP, &world.totp(&app.uri)).await), (400, "MFA_NOT_ENABLED"));
    assert_eq!(refused(&ada.poke("/mfa/magic-link/send").await), (400, "MFA_NOT_ENABLED"));
    ada.post("/mfa/setup", json!({ "mfaType": LINK })).await.expect(200);
    let token = mailed_token(&world, ADA).await;
    ada.post("/mfa/magic-link/activate", json!({ "token": token })).await.expect(200);
    let begun = ada.post("/mfa/setup", json!({ "mfaType": TOTP })).await.expect(200);
    let app = App::of(&begun.body["data"]);
    let code = world.totp(&app.uri);
    assert_eq!(refused(&ada.prove(TOTP, &code).await), (400, "MFA_METHOD_NOT_CONFIGURED"));
    assert_eq!(ada.status().await["enabledMethods"], json!([LINK]));
    ada.post("/mfa/verify-setup", json!({ "mfaType": TOTP, "code": code })).await.expect(200);
    assert_eq!(ada.status().await["enabledMethods"], json!([LINK, TOTP]));
    let again = ada.post("/mfa/setup", json!({ "mfaType": TOTP })).await;
    assert_eq!(refused(&again), (400, "MFA_METHOD_ALREADY_ENABLED"));
}

#[tokio::test]
async fn enrolling_asks_for_a_fresh_session_and_keeps_its_token() {
    let world = World::new().await;
    let (mut ada, mut other) = (Client::new(&world), Client::new(&world));
    ada.register(ADA).await;
    other.log_in(ADA).await;
    world.advance(301);
    assert_eq!(refused(&ada.post("/mfa/setup", json!({ "mfaType": TOTP })).await), STALE);
    ada.log_in(ADA).await;
    let missing = ada.post("/mfa/verify-setup", json!({ "mfaType": TOTP, "code": "123456" })).await;
    assert_eq!(refused(&missing), (400, "MFA_SETUP_FAILED"));
    ada.enrol(&world).await;
    ada.post("/mfa/enable", json!({ "mfaType": TOTP })).await.expect(200);
    assert_eq!(
        refused(&ada.post("/mfa/enable", json!({ "mfaType": LINK })).await),
        (400, "MFA_METHOD_NOT_CONFIGURED")
    );
    assert!(ada.is_in().await && !other.is_in().await, "sessions that never showed the factor are over");
    ada.refresh().await.expect(200);
    assert!(ada.is_in().await);
}

#[tokio::test]
async fn links_lead_to_the_front_end_and_work_for_who_asked() {
    let page = |config: &mut Config| {
        config.flashback.frontend_url = Some("https://app.example.com".parse().unwrap())
    };
    let world = World::with(page).await;
    let mut ada = Client::new(&world);
    ada.register(ADA).await;
    let foreign = ada.post("/mfa/setup", json!({ "mfaType": LINK, "email": BOB })).await;
    assert_eq!(refused(&foreign), (400, "EMAIL_MISMATCH"));
    let begun = ada.post("/mfa/setup", json!({ "mfaType": LINK, "email": null })).await.expect(200);
    assert_eq!(begun.body["data"], json!({ "email": ADA, "verificationRequired": true }));
    let link = world.mailed_link(ADA).await;
    assert!(link.starts_with("https://app.example.com/mfa/magic-link?token="), "{link}");
    // As the documents' own loop has it: set up, verify, enable.
    let body = json!({ "mfaType": LINK, "code": mailed_token(&world, ADA).await });
    ada.post("/mfa/verify-setup", body.clone()).await.expect(200);
    assert_eq!(refused(&ada.post("/mfa/verify-setup", body).await), (400, "MFA_SETUP_FAILED"));
    ada.post("/mfa/enable", json!({ "mfaType": LINK })).await.expect(200);

    let (mut one, mut two) = (halfway(&world).await, halfway(&world).await);
    assert_eq!(refused(&one.prove(LINK, "nonsense").await), (400, "INVALID_MFA_CODE"));
    world.advance(1);
    one.poke("/mfa/magic-link/send").await.expect(200);
    let link = world.mailed_link(ADA).await;
    assert!(link.starts_with("https://app.example.com/mfa/magic-link?token="), "{link}");
    let token = mailed_token(&world, ADA).await;
    let limited = two.poke("/mfa/magic-link/send").await;
    assert_eq!(refused(&limited), (429, "TOO_MANY_REQUESTS"));
    assert!(limited.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(refused(&two.prove(LINK, &token).await), (400, "INVALID_MFA_CODE"));
    let body = json!({ "mfaType": LINK, "token": token });
    one.take(&one.post("/mfa/verify-login", body).await.expect(200));
    assert!(one.is_in().await);
    // Ten minutes.
    two.log_in(ADA).await;
    world.advance(31);
    two.poke("/mfa/magic-link/send").await.expect(200);
    let token = mailed_token(&world, ADA).await;
    world.advance(600);
    assert_eq!(refused(&two.prove(LINK, &token).await), (401, "MFA_SESSION_EXPIRED"));
}

#[tokio::test]
async fn resetting_oneself_says_whether_a_factor_is_required_from_then_on() {
    let world = World::new().await;
    let (ada, _) = enrolled(&world).await;
    ada.post("/mfa/reset", json!({ "enable": true })).await.expect(200);
    let status = ada.status().await;
    assert_eq!(
        (&status["isEnabled"], &status["isRequired"], &status["isEnforced"]),
        (&json!(false), &json!(true), &json!(false))
    );
    assert_eq!(number(&world, "SELECT count(*) FROM backup_codes").await, 0);
    // From then on, and so at once.
    assert_eq!(refused(&ada.get("/user/profile").await), MFA_REQUIRED);
    let enrolling = halfway(&world).await;
    every_route_but(&enrolling, FOR_ENROLLING, MFA_REQUIRED).await;
    enrolling.enrol(&world).await;
    assert_eq!(enrolling.get("/user/profile").await.expect(200).body["data"]["mfaRequired"], true);
    // Nobody frees themselves of it.
    assert_eq!(refused(&enrolling.poke("/mfa/reset").await), (403, "MFA_ENFORCED"));
    assert_eq!(
        refused(&enrolling.post("/mfa/reset", json!({ "enable": false })).await),
        (403, "MFA_ENFORCED")
    );
    assert_eq!(
        refused(&enrolling.post("/mfa/reset", json!({ "enable": "yes" })).await),
        (400, "VALIDATION_ERROR")
    );
    assert_eq!(
        refused(&enrolling.post("/mfa/disable", json!({ "mfaType": TOTP })).await),
        (403, "MFA_ENFORCED")
    );
}
