//! §2: accounts, tokens, sessions and devices.

use countersign::config::{Deletion, EmailVerification};
use countersign_core::time::DAY;

use super::*;

#[tokio::test]
async fn registering_founds_an_organisation_and_a_taken_address_leaves_none_behind() {
    let world = World::new().await;
    let mut ada = Client::new(&world);
    let reply = ada.register(ADA).await;
    let (user, said) = (&reply.body["user"], claims(&ada.token));
    assert_eq!(
        (&said["userId"], &said["orgId"], &said["email"]),
        (&user["id"], &user["orgId"], &user["email"])
    );
    assert_eq!(
        (&said["type"], said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap()),
        (&json!("access"), 3_600)
    );
    assert_eq!(reply.body["expiresAt"].as_i64().unwrap(), said["exp"].as_i64().unwrap() * 1_000);
    assert_eq!(reply.body["token"], reply.body["accessToken"]);
    assert_eq!((&user["name"], &user["orgRole"]), (&json!("Ada Lovelace"), &json!(255)));
    let profile = ada.get("/user/profile").await.expect(200).body["data"].clone();
    assert_eq!((&profile["name"], &profile["lastName"]), (&json!("Ada"), &json!("Lovelace")));
    assert_eq!((&profile["orgRoleDescription"], &profile["orgRoles"]), (&json!("OWNER"), &json!([255])));

    let taken = Client::new(&world).post("/user/register", registration(ADA)).await;
    assert_eq!(refused(&taken), (400, "USER_ALREADY_EXISTS"));
    assert_eq!(number(&world, "SELECT count(*) FROM organisations").await, 1);
    for (password, code) in [
        ("Short7A", "PASSWORD_TOO_SHORT"),
        ("no-upper-case-7", "PASSWORD_TOO_WEAK"),
        ("NO-LOWER-CASE-7", "PASSWORD_TOO_WEAK"),
        ("No-Digit-At-All", "PASSWORD_TOO_WEAK"),
    ] {
        let mut body = registration(BOB);
        body["password"] = json!(password);
        assert_eq!(
            refused(&Client::new(&world).post("/user/register", body).await),
            (400, code),
            "{password}"
        );
    }
}

#[tokio::test]
async fn where_addresses_must_be_verified_a_taken_one_looks_like_a_free_one() {
    let page = |config: &mut Config| {
        config.accounts.email_verification = EmailVerification::Required;
        config.flashback.frontend_url = Some("https://app.example.com/mfa".parse().unwrap());
    };
    let world = World::with(page).await;
    let ada = Client::new(&world);
    let first = ada.post("/user/register", registration(ADA)).await.expect(201);
    let again = ada.post("/user/register", registration(ADA)).await.expect(201);
    for reply in [&first, &again] {
        let keys: Vec<_> = reply.body.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["message", "success", "user", "verificationTokenId"]);
        assert_eq!(reply.body["user"].as_object().unwrap().len(), 3);
    }
    let body = json!({ "email": ADA, "password": PASSWORD });
    assert_eq!(refused(&ada.post("/user/login", body.clone()).await), (401, "USER_INACTIVE"));

    // A new link goes to whoever the id names; whether it names anybody is not said.
    world.advance(31);
    let letters = world.mail().await.len();
    for reply in [&first, &again] {
        let id = reply.body["verificationTokenId"].as_str().unwrap();
        ada.poke(&format!("/user/resend-verification/{id}")).await.expect(200);
    }
    ada.poke("/user/resend-verification/nonsense").await.expect(200);
    assert_eq!(world.mail().await.len(), letters + 1);
    let link = world.mailed_link(ADA).await;
    assert!(link.starts_with("https://app.example.com/mfa/verify-email?token="), "{link}");
    let token = json!({ "token": mailed_token(&world, ADA).await });
    assert_eq!(ada.post("/user/pre-verify-email", token.clone()).await.expect(200).body["hasPassword"], true);
    let verified = ada.post("/user/verify-email", token.clone()).await.expect(200);
    assert!(verified.body.get("accessToken").is_none(), "a link alone signs nobody in");
    assert_eq!(refused(&ada.post("/user/pre-verify-email", token).await), (400, "INVALID_TOKEN"));
    ada.post("/user/login", body).await.expect(200);
}

#[tokio::test]
async fn a_password_is_reset_by_mail_and_the_second_factor_stays() {
    let world = World::new().await;
    let (ada, app) = enrolled(&world).await;
    let stranger = Client::new(&world);
    stranger.post("/user/request-reset-password", json!({ "email": "nobody@example.com" })).await.expect(200);
    stranger.post("/user/request-reset-password", json!({ "email": ADA })).await.expect(200);
    let token = mailed_token(&world, ADA).await;
    let reset = |password: &str| json!({ "token": token, "newPassword": password });
    assert_eq!(
        refused(&stranger.post("/user/reset-password", reset("weak-but-long")).await),
        (400, "PASSWORD_TOO_WEAK")
    );
    stranger.post("/user/reset-password", reset("Another-Horse-43")).await.expect(200);
    assert_eq!(
        refused(&stranger.post("/user/reset-password", reset("Another-Horse-44")).await),
        (400, "INVALID_TOKEN")
    );
    assert!(!ada.is_in().await);
    let mut door = Client::new(&world);
    let body = json!({ "email": ADA, "password": "Another-Horse-43" });
    door.take(&door.post("/user/login", body).await.expect(200));
    assert!(!door.is_in().await);
    // The mailbox set the password; it must not be the second factor, too (SEC-029).
    assert_eq!(refused(&door.poke("/mfa/magic-link/send").await), (400, "MFA_METHOD_NOT_CONFIGURED"));
    door.prove(TOTP, &world.totp(&app.uri)).await.expect(200);
    assert!(door.is_in().await);
}

#[tokio::test]
async fn an_access_token_lives_an_hour_and_dies_with_its_session() {
    let world = World::new().await;
    let mut ada = Client::new(&world);
    ada.register(ADA).await;
    // An hour, and a minute for clocks that disagree.
    world.advance(3_659);
    assert!(ada.is_in().await);
    world.advance(1);
    assert_eq!(refused(&ada.get("/user/profile").await), (401, "UNAUTHORIZED"));
    ada.refresh().await.expect(200);
    assert!(ada.is_in().await);
    // No refresh token: the bearer's session is meant.
    ada.poke("/user/logout").await.expect(200);
    assert!(!ada.is_in().await);
    assert_eq!(refused(&ada.refresh().await), (401, "INVALID_REFRESH_TOKEN"));
    // Somebody else's bearer changes nothing about whose refresh token it is.
    let (mut one, mut two) = (Client::new(&world), Client::new(&world));
    one.log_in(ADA).await;
    two.log_in(ADA).await;
    one.post("/user/logout", json!({ "refreshToken": two.refresh })).await.expect(200);
    assert_eq!((one.is_in().await, two.is_in().await), (true, false));
    assert_eq!(refused(&one.post("/user/refresh", json!({})).await), (400, "VALIDATION_ERROR"));
}

#[tokio::test]
async fn a_refresh_token_that_comes_twice_ends_its_session_and_the_owner_hears() {
    let world = World::new().await;
    let mut ada = Client::new(&world);
    ada.register(ADA).await;
    let thief = ada.clone();
    ada.refresh().await.expect(200);
    assert_eq!(refused(&thief.clone().refresh().await), (401, "INVALID_REFRESH_TOKEN"));
    assert!(!ada.is_in().await);
    assert_eq!(number(&world, "SELECT count(*) FROM events WHERE kind = 'session.stolen'").await, 1);
}

#[tokio::test]
async fn logging_out_with_a_refresh_token_that_a_thief_exchanged_ends_the_session() {
    let world = World::new().await;
    let mut ada = Client::new(&world);
    ada.register(ADA).await;
    let mut thief = ada.clone();
    thief.refresh().await.expect(200);
    ada.post("/user/logout", json!({ "refresh_token": ada.refresh })).await.expect(200);
    assert!(!thief.is_in().await);
    assert_eq!(refused(&thief.refresh().await), (401, "INVALID_REFRESH_TOKEN"));
}

#[tokio::test]
async fn sessions_of_every_wire_are_listed_kept_alive_and_ended() {
    let world = World::new().await;
    let mut ada = Client::new(&world);
    ada.register(ADA).await;
    let mut browser = world.browser();
    world.advance(1);
    let body = json!({ "email": ADA, "password": PASSWORD });
    browser.post("/api/auth/sign-in/email", body).await.expect(200);
    let sessions = ada.get("/sessions").await.expect(200).body["sessions"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    assert_eq!(sessions[0]["loginMethod"], "PASSWORD");
    let tokens = ada.get("/token").await.expect(200).body["tokens"].clone();
    assert_eq!(tokens, sessions);

    world.advance(2 * DAY.as_secs());
    ada.refresh().await.expect(200);
    let id = sessions[0]["id"].as_str().unwrap();
    let beat = ada.poke(&format!("/sessions/{id}/heartbeat")).await.expect(200);
    assert!(beat.body["newExpiry"].as_str().unwrap() > sessions[0]["expiresAt"].as_str().unwrap());
    let ended = ada.call("DELETE", &format!("/token/{id}"), None).await.expect(200);
    assert_eq!(ended.body["success"], true);
    let gone = ada.call("DELETE", &format!("/token/{id}"), None).await;
    assert_eq!(refused(&gone), (404, "SESSION_NOT_FOUND"));
    assert_eq!(
        ada.poke(&format!("/sessions/{id}/heartbeat")).await.expect(404).body["error"],
        "Session not found or expired"
    );
    assert!(browser.get("/api/auth/get-session").await.body.is_null());
    ada.poke("/sessions/revoke-all").await.expect(200);
    assert!(!ada.is_in().await);
}

#[tokio::test]
async fn trusted_devices_are_seen_and_forgotten_and_a_fingerprint_earns_no_trust() {
    let world = World::new().await;
    let (ada, app) = enrolled(&world).await;
    let refusal = ada.post("/devices/trust", json!({ "fingerprint": "f" })).await;
    assert_eq!(refused(&refusal), (501, "DEVICE_TRUST_NOT_AVAILABLE"));
    assert_eq!(ada.get("/devices").await.expect(200).body["devices"], json!([]));
    for forget in ["untrust", "delete"] {
        let mut browser = world.browser();
        let body = json!({ "email": ADA, "password": PASSWORD });
        browser.post("/api/auth/sign-in/email", body).await.expect(200);
        let body = json!({ "code": world.totp(&app.uri), "trustDevice": true });
        browser.post("/api/auth/two-factor/verify-totp", body).await.expect(200);
        world.advance(30);
        let devices = ada.get("/devices").await.expect(200).body["devices"].clone();
        let id = devices[0]["id"].as_str().unwrap();
        assert_eq!(ada.get(&format!("/devices/{id}")).await.expect(200).body["device"], devices[0]);
        let forgotten = || async {
            match forget {
                "untrust" => ada.poke(&format!("/devices/{id}/untrust")).await,
                _ => ada.call("DELETE", &format!("/devices/{id}"), None).await,
            }
        };
        forgotten().await.expect(200);
        assert_eq!(refused(&forgotten().await), (404, "DEVICE_NOT_FOUND"));
        assert_eq!(refused(&ada.get(&format!("/devices/{id}")).await), (404, "DEVICE_NOT_FOUND"));
    }
    assert_eq!(number(&world, "SELECT count(*) FROM trusted_devices").await, 0);
}

#[tokio::test]
async fn deactivating_deletes_but_not_without_a_fresh_second_factor() {
    let world = World::new().await;
    let (mut ada, app) = enrolled(&world).await;
    world.advance(300);
    assert_eq!(refused(&ada.poke("/user/deactivate").await), STALE);
    ada.prove(TOTP, &world.totp(&app.uri)).await.expect(200);
    ada.poke("/user/deactivate").await.expect(200);
    assert_eq!(number(&world, "SELECT count(*) FROM users").await, 0);

    let world = World::with(|config| config.accounts.deletion = Deletion::Mail).await;
    let mut ada = Client::new(&world);
    ada.register(ADA).await;
    ada.poke("/user/deactivate").await.expect(200);
    assert!(ada.is_in().await);
    let mut bob = Client::new(&world);
    bob.register(BOB).await;
    let token = json!({ "token": mailed_token(&world, ADA).await });
    assert_eq!(refused(&bob.post("/user/deactivate", token.clone()).await), (400, "INVALID_TOKEN"));
    ada.post("/user/deactivate", token).await.expect(200);
    assert!(!ada.is_in().await && bob.is_in().await);
}

#[tokio::test]
async fn what_is_not_here_says_so_in_json() {
    let world = World::new().await;
    let client = Client::with(&world, "nonsense");
    for path in [
        "/flashback",
        "/flashback/",
        "/flashback/nothing",
        "/flashback/user/login/",
        "/mfa/nothing",
        "/nothing",
    ] {
        assert_eq!(refused(&client.get(path).await), (404, "NOT_FOUND"), "{path}");
    }
    for (method, path) in [
        ("GET", "/user/login"),
        ("PUT", "/mfa/status"),
        ("GET", "/flashback/mfa/setup"),
        ("PATCH", "/token/7"),
    ] {
        let reply = client.call(method, path, None).await;
        assert_eq!(refused(&reply), (405, "METHOD_NOT_ALLOWED"), "{method} {path}");
        assert!(reply.headers.contains_key(header::ALLOW), "{method} {path}");
    }
    let activation = client.post("/user/activate", json!({ "uid": "u", "token": "t" })).await;
    assert_eq!(refused(&activation), (501, "ACTIVATION_NOT_AVAILABLE"));
    let huge = client.post("/user/login", json!({ "email": "x".repeat(70_000) })).await;
    assert_eq!(refused(&huge), (413, "PAYLOAD_TOO_LARGE"));
}

#[tokio::test]
async fn calls_are_counted_by_what_their_paths_begin_with() {
    let world = World::with(|config| config.rate_limits = true).await;
    let client = Client::new(&world);
    let body = json!({ "email": ADA, "password": "wrong" });
    for _ in 0..3 {
        client.post("/user/login", body.clone()).await.expect(401);
    }
    let limited = client.post("/user/login", body.clone()).await;
    assert_eq!(refused(&limited), (429, "TOO_MANY_REQUESTS"));
    assert_eq!(limited.headers[header::RETRY_AFTER], "10");
    for id in 0..3 {
        client.poke(&format!("/user/resend-verification/{id}")).await.expect(200);
    }
    assert_eq!(client.poke("/user/resend-verification/3").await.status, 429);
    world.advance(10);
    client.post("/user/login", body).await.expect(401);
}
