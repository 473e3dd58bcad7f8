//! Passkeys through Better Auth's plugin and the operations: one factor or two, and nothing twice.

use countersign::operations::{
    organisations::{self, Belonging, RuleChange},
    passkeys::PER_USER_MAX,
};
use countersign_core::method::{Method, Methods};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::{
    authenticator::Passkey,
    people::{at_once, nobody, number, sign_up},
    world::{Browser, PASSWORD, Reply, World},
};

const ADA: &str = "ada@example.com";
const EVE: &str = "eve@example.com";

async fn options(browser: &mut Browser, path: &str) -> Value {
    browser.get(&format!("/api/auth/passkey/{path}")).await.expect(200).body
}

async fn send(browser: &mut Browser, path: &str, response: Value) -> Reply {
    browser.post(&format!("/api/auth/passkey/{path}"), json!({ "response": response })).await
}

/// Registers a passkey for whoever is signed in here.
pub async fn register(browser: &mut Browser, verifies: bool) -> Passkey {
    let options = options(browser, "generate-register-options").await;
    let (passkey, response) = Passkey::create(&options, verifies);
    send(browser, "verify-registration", response).await.expect(200);
    passkey
}

/// Uses a passkey; whatever the browser holds decides what for.
pub async fn show(browser: &mut Browser, passkey: &mut Passkey) -> Reply {
    let options = options(browser, "generate-authenticate-options").await;
    send(browser, "verify-authentication", passkey.get(&options)).await
}

async fn ada(world: &World) -> Browser {
    let mut ada = world.browser();
    ada.sign_up(ADA).await;
    ada
}

async fn is_in(browser: &mut Browser) -> bool {
    !browser.get("/api/auth/get-session").await.expect(200).body.is_null()
}

#[tokio::test]
async fn a_verified_passkey_signs_in_in_one_step_and_guards_the_password() {
    let world = World::new().await;
    let mut home = ada(&world).await;
    let mut passkey = register(&mut home, true).await;
    assert!(is_in(&mut home).await, "the session goes on under a new token");
    let mut door = world.browser();
    let signed_in = show(&mut door, &mut passkey).await.expect(200);
    assert_eq!(signed_in.body["user"]["twoFactorEnabled"], true);
    assert!(is_in(&mut door).await);
    let jwt = door.get("/api/auth/token").await.expect(200).body["token"].as_str().unwrap().to_owned();
    let claims = crate::flashback::claims(&jwt);
    assert_eq!((claims["acr"].as_str(), &claims["amr"]), (Some("aal2"), &json!(["hwk", "user", "mfa"])));

    // The password alone is one factor from now on, and the passkey the other, verified or not.
    let mut door = world.browser();
    let asked = door.sign_in(ADA).await.expect(200);
    assert_eq!(
        (&asked.body["twoFactorRedirect"], &asked.body["twoFactorMethods"]),
        (&json!(true), &json!(["passkey"]))
    );
    assert!(!is_in(&mut door).await);
    passkey.verifies = false;
    show(&mut door, &mut passkey).await.expect(200);
    assert!(is_in(&mut door).await);
}

#[tokio::test]
async fn an_unverified_passkey_is_one_factor() {
    let world = World::new().await;
    let mut home = world.browser();
    let enrolled = home.enrol(&world, ADA).await;
    let mut passkey = register(&mut home, false).await;
    let mut door = world.browser();
    let asked = show(&mut door, &mut passkey).await.expect(200);
    assert_eq!(asked.body["twoFactorRedirect"], true);
    assert_eq!(asked.body["twoFactorMethods"], json!(["totp", "otp"]));
    assert!(!is_in(&mut door).await);
    // The same thing is not two things.
    let again = show(&mut door, &mut passkey).await.expect(401);
    assert_eq!(again.code(), "USER_VERIFICATION_REQUIRED");
    let code = json!({ "code": world.totp(&enrolled.uri) });
    door.post("/api/auth/two-factor/verify-totp", code).await.expect(200);
    assert!(is_in(&mut door).await);

    // Where there is nothing else, it has to be both.
    let mut eve = world.browser();
    eve.sign_up(EVE).await;
    let mut only = register(&mut eve, false).await;
    let mut door = world.browser();
    // The password may come second, so there is something to ask for.
    assert_eq!(show(&mut door, &mut only).await.expect(200).body["twoFactorRedirect"], true);
    assert!(!is_in(&mut door).await);
    only.verifies = true;
    show(&mut world.browser(), &mut only).await.expect(200);
}

#[tokio::test]
async fn a_ceremony_is_good_once_in_time_for_its_purpose_and_its_owner() {
    let world = World::new().await;
    let mut home = ada(&world).await;
    let mut passkey = register(&mut home, true).await;
    let mut door = world.browser();
    let asked = options(&mut door, "generate-authenticate-options").await;
    let cookies = door.jar.clone();
    let response = passkey.get(&asked);
    send(&mut door, "verify-authentication", response.clone()).await.expect(200);
    let mut replay = world.browser();
    replay.jar = cookies;
    let replayed = send(&mut replay, "verify-authentication", response).await.expect(400);
    assert_eq!((replayed.code(), is_in(&mut replay).await), ("CHALLENGE_NOT_FOUND", false));

    // Whatever is wrong with the answer, it ends the ceremony.
    let mut door = world.browser();
    let asked = options(&mut door, "generate-authenticate-options").await;
    let right = passkey.get(&asked);
    let mut wrong = right.clone();
    wrong["response"]["signature"] = json!("AAAA");
    assert_eq!(
        send(&mut door, "verify-authentication", wrong).await.expect(400).code(),
        "AUTHENTICATION_FAILED"
    );
    assert_eq!(
        send(&mut door, "verify-authentication", right).await.expect(400).code(),
        "CHALLENGE_NOT_FOUND"
    );

    let mut door = world.browser();
    let asked = options(&mut door, "generate-authenticate-options").await;
    world.advance(300);
    let late = send(&mut door, "verify-authentication", passkey.get(&asked)).await.expect(400);
    assert_eq!(late.code(), "CHALLENGE_NOT_FOUND");

    // One that was opened to sign in registers nothing, and the reverse.
    home.sign_in(ADA).await.expect(200);
    show(&mut home, &mut passkey).await.expect(200);
    let to_get = options(&mut home, "generate-authenticate-options").await;
    let mut shaped = options(&mut world.browser(), "generate-authenticate-options").await;
    shaped["user"] = json!({ "id": "AAAA" });
    shaped["rp"] = json!({ "id": "localhost" });
    shaped["challenge"] = to_get["challenge"].clone();
    let (_, response) = Passkey::create(&shaped, true);
    let crossed = send(&mut home, "verify-registration", response).await.expect(400);
    assert_eq!(crossed.code(), "CHALLENGE_NOT_FOUND");

    // Somebody else's session cannot finish it, nor somebody else's passkey a challenge.
    let begun = options(&mut home, "generate-register-options").await;
    let mut eve = world.browser();
    eve.sign_up(EVE).await;
    let ceremony = home.jar.iter().find(|(name, _)| name.ends_with("passkey")).unwrap();
    eve.jar.insert(ceremony.0.clone(), ceremony.1.clone());
    let (_, response) = Passkey::create(&begun, true);
    let stolen = send(&mut eve, "verify-registration", response).await.expect(400);
    assert_eq!(stolen.code(), "CHALLENGE_NOT_FOUND");
    let mut eves = register(&mut eve, true).await;
    let mut door = world.browser();
    door.sign_in(ADA).await.expect(200);
    let foreign = show(&mut door, &mut eves).await.expect(401);
    assert_eq!((foreign.code(), is_in(&mut door).await), ("PASSKEY_NOT_FOUND", false));
}

#[tokio::test]
async fn wrong_origins_domains_and_handles_are_refused() {
    let world = World::new().await;
    let mut home = ada(&world).await;
    for change in [
        |one: &mut Passkey| one.origin = "https://evil.example".to_owned(),
        |one: &mut Passkey| one.rp_id = "evil.example".to_owned(),
    ] {
        let asked = options(&mut home, "generate-register-options").await;
        let (_, response) = Passkey::create_as(&asked, change);
        let refused = send(&mut home, "verify-registration", response).await.expect(400);
        assert_eq!(refused.code(), "FAILED_TO_VERIFY_REGISTRATION");
    }
    let passkey = register(&mut home, true).await;
    for change in [
        |one: &mut Passkey| one.origin = "http://localhost".to_owned(),
        |one: &mut Passkey| one.rp_id = "evil.example".to_owned(),
        |one: &mut Passkey| one.handle = vec![1; 64],
        |one: &mut Passkey| one.handle = Vec::new(),
        |one: &mut Passkey| one.synced = true,
    ] {
        let mut bad = passkey.clone();
        change(&mut bad);
        let mut door = world.browser();
        let refused = show(&mut door, &mut bad).await.expect(400);
        assert_eq!((refused.code(), is_in(&mut door).await), ("AUTHENTICATION_FAILED", false));
    }
}

/// SEC-043: two devices with one key are noticed, and neither opens anything any more.
#[tokio::test]
async fn a_cloned_passkey_is_suspended_and_the_second_factor_stays() {
    let world = World::new().await;
    let mut home = ada(&world).await;
    let mut passkey = register(&mut home, true).await;
    passkey.counter = 5;
    show(&mut world.browser(), &mut passkey).await.expect(200);
    let mut clone = passkey.clone();
    passkey.counter = 6;
    show(&mut world.browser(), &mut passkey).await.expect(200);
    clone.counter = 6;
    assert_eq!(show(&mut world.browser(), &mut clone).await.expect(400).code(), "AUTHENTICATION_FAILED");
    passkey.counter = 7;
    assert_eq!(show(&mut world.browser(), &mut passkey).await.expect(400).code(), "AUTHENTICATION_FAILED");
    assert!(world.mail().await.iter().any(|letter| letter.subject.contains("was suspended")));
    let asked = world.browser().sign_in(ADA).await.expect(200);
    assert_eq!(asked.body["twoFactorRedirect"], true, "the password alone still opens nothing");
    assert_eq!(number(&world, "SELECT count(*) FROM events WHERE kind = 'passkey.cloned'", vec![]).await, 1);
}

#[tokio::test]
async fn a_credential_belongs_to_one_account_and_there_are_twenty_at_most() {
    let world = World::new().await;
    let mut home = ada(&world).await;
    let passkey = register(&mut home, true).await;
    let mut eve = world.browser();
    eve.sign_up(EVE).await;
    let asked = options(&mut eve, "generate-register-options").await;
    let response = passkey.registration(asked["challenge"].as_str().unwrap());
    let taken = send(&mut eve, "verify-registration", response).await.expect(400);
    assert_eq!(taken.code(), "PREVIOUSLY_REGISTERED");
    assert_eq!(eve.get("/api/auth/passkey/list-user-passkeys").await.expect(200).body, json!([]));
    for _ in 1..PER_USER_MAX {
        register(&mut home, true).await;
    }
    let listed = options(&mut home, "list-user-passkeys").await;
    assert_eq!(listed.as_array().unwrap().len(), PER_USER_MAX);
    let full = home.get("/api/auth/passkey/generate-register-options").await.expect(400);
    assert_eq!(full.code(), "TOO_MANY_PASSKEYS");
}

#[tokio::test]
async fn passkeys_are_named_and_removed_by_whoever_proved_themselves_just_now() {
    let world = World::new().await;
    let mut home = ada(&world).await;
    let mut passkey = register(&mut home, true).await;
    register(&mut home, true).await;
    let listed = options(&mut home, "list-user-passkeys").await;
    let credential = json!(BASE64URL_NOPAD.encode(&passkey.id));
    let id = listed.as_array().unwrap().iter().find(|one| one["credentialID"] == credential).unwrap()["id"]
        .clone();
    let rename = json!({ "id": id, "name": " Desk " });
    let named = home.post("/api/auth/passkey/update-passkey", rename.clone()).await.expect(200);
    assert_eq!(named.body["passkey"]["name"], "Desk");
    let mut eve = world.browser();
    eve.sign_up(EVE).await;
    assert_eq!(
        eve.post("/api/auth/passkey/update-passkey", rename.clone()).await.expect(404).code(),
        "PASSKEY_NOT_FOUND"
    );
    let delete = json!({ "id": id });
    assert_eq!(
        eve.post("/api/auth/passkey/delete-passkey", delete.clone()).await.expect(404).code(),
        "PASSKEY_NOT_FOUND"
    );
    world.advance(301);
    for (path, body) in [("update-passkey", rename), ("delete-passkey", delete.clone())] {
        let stale = home.post(&format!("/api/auth/passkey/{path}"), body).await.expect(403);
        assert_eq!(stale.code(), "SESSION_NOT_FRESH", "{path}");
    }
    show(&mut home, &mut passkey).await.expect(200);
    home.post("/api/auth/passkey/delete-passkey", delete).await.expect(200);
    assert_eq!(options(&mut home, "list-user-passkeys").await.as_array().unwrap().len(), 1);
    let gone = show(&mut world.browser(), &mut passkey).await.expect(401);
    assert_eq!(gone.code(), "PASSKEY_NOT_FOUND");
}

/// An organisation that does not count passkeys is not bypassed by one.
#[tokio::test]
async fn where_passkeys_do_not_count_they_are_one_factor_and_none_is_enrolled() {
    let world = World::new().await;
    let boss = sign_up(&world, "boss@example.com", Belonging::FirstAtHome).await;
    let at_home = Belonging::Home;
    sign_up(&world, ADA, at_home).await;
    let mut home = world.browser();
    home.sign_in(ADA).await.expect(200);
    let begun = home.post("/api/auth/two-factor/enable", json!({ "password": PASSWORD })).await.expect(200);
    let uri = begun.body["totpURI"].as_str().unwrap().to_owned();
    home.post("/api/auth/two-factor/verify-totp", json!({ "code": world.totp(&uri) })).await.expect(200);
    let mut passkey = register(&mut home, true).await;
    world.advance(31);
    let rules = RuleChange {
        methods: Some(Methods::of(&[Method::Totp])),
        second_factor_required: None,
        ..RuleChange::default()
    };
    organisations::change_rules(&world.ctx, &nobody(), &boss, rules).await.unwrap();
    let mut door = world.browser();
    let asked = show(&mut door, &mut passkey).await.expect(200);
    assert_eq!((&asked.body["twoFactorRedirect"], is_in(&mut door).await), (&json!(true), false));
    let code = json!({ "code": world.totp(&uri) });
    door.post("/api/auth/two-factor/verify-totp", code).await.expect(200);
    let refused = door.get("/api/auth/passkey/generate-register-options").await.expect(403);
    assert_eq!(refused.code(), "METHOD_NOT_ALLOWED_BY_ORGANIZATION");
}

/// SEC-036, SEC-043: of 64 that bring one assertion at once, on both nodes, one is let in.
#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_assertions_at_once_one_signs_in() {
    let world = World::new().await;
    let mut home = ada(&world).await;
    let mut passkey = register(&mut home, true).await;
    for _ in 0..20 {
        let mut door = world.browser();
        let asked = options(&mut door, "generate-authenticate-options").await;
        let (jar, response) = (door.jar.clone(), passkey.get(&asked));
        let second = world.second_node().await;
        let first = world.router();
        let won = at_once(&world, 64, |_, at| {
            let router = if at % 2 == 0 { first.clone() } else { second.clone() };
            let (jar, response) = (jar.clone(), response.clone());
            async move {
                let mut browser = Browser::on(router);
                browser.jar = jar;
                send(&mut browser, "verify-authentication", response).await.status == 200
            }
        })
        .await;
        assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
    }
}
