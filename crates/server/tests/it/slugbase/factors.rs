//! The second factor on this wire: attempts, fresh sign-ins, what other dialects enrolled, who must enrol.

use countersign::{config::Deletion, store::Value as Cell};
use serde_json::json;

use super::{ADA, PASSWORD, PENDING, SID, TOKEN, enrol, get, log_in, owner, post, set};
use crate::world::{self, Browser, World};

async fn verify(browser: &mut Browser, code: &str) -> crate::world::Reply {
    post(browser, "/api/auth/mfa/verify", json!({ "code": code })).await
}

#[tokio::test]
async fn wrong_codes_run_out_and_what_is_no_code_costs_nothing() {
    let world = World::new().await;
    let (uri, codes) = enrol(&world, &mut owner(&world).await).await;
    let mut door = world.browser();
    log_in(&mut door).await.expect(200);
    assert_eq!((door.jar.contains_key(TOKEN), door.jar.contains_key(SID)), (false, false));
    let right = world.totp(&uri);
    let dashed = format!("{}-{}", &right[..3], &right[3..]);
    let grouped = [&codes[0][..4], &codes[0][4..8], &codes[0][8..12], &codes[0][12..]].join("-");
    for no_code in [&*dashed, &*grouped, "x", " ", "12345", "zzzzzzzzzzzzzzzz"].repeat(5) {
        let refused = verify(&mut door, no_code).await.expect(401);
        assert_eq!((refused.code(), set(&refused, PENDING)), ("INVALID_CODE", None), "{no_code}");
    }
    verify(&mut door, &right).await.expect(200);

    let mut door = world.browser();
    log_in(&mut door).await.expect(200);
    world.advance(30);
    let wrong = |at: usize| format!("{at:016x}");
    for at in 0..4 {
        assert_eq!(verify(&mut door, &wrong(at)).await.expect(401).code(), "INVALID_CODE");
    }
    verify(&mut door, &wrong(4)).await.expect(401);
    // The account waits now; then this sign-in is over, the right code or not.
    let waits = verify(&mut door, &world.totp(&uri)).await;
    if waits.status == 429 {
        assert!(waits.headers.contains_key("retry-after") && waits.body["error"].is_string());
        world.advance(299);
    }
    let over = verify(&mut door, &world.totp(&uri)).await.expect(401);
    assert_eq!(over.code(), "MFA_PENDING_INVALID");
    assert!(!door.jar.contains_key(PENDING), "the browser lets go of it");
}

#[tokio::test]
async fn a_sheet_of_another_dialect_opens_this_door_too() {
    let world = World::new().await;
    let enrolled = world.browser().enrol(&world, "bob@example.com").await;
    for code in [enrolled.backup_codes[0].clone(), format!(" {} ", enrolled.backup_codes[1])] {
        let mut bob = world.browser();
        let body = json!({ "email": "bob@example.com", "password": world::PASSWORD });
        let asked = post(&mut bob, "/api/auth/login", body).await.expect(200);
        assert_eq!(asked.body["mfa_required"], true);
        verify(&mut bob, &code).await.expect(200);
        assert_eq!(get(&mut bob, "/api/auth/mfa/status").await.expect(200).body["enabled"], true);
        world.advance(30);
    }
    // And its own sheet the other's.
    let (_, codes) = enrol(&world, &mut {
        let mut cy = world.browser();
        let body = json!({ "email": ADA, "name": "Cy", "password": PASSWORD });
        post(&mut cy, "/api/auth/register", body).await.expect(201);
        log_in(&mut cy).await.expect(200);
        get(&mut cy, "/api/csrf-token").await.expect(200);
        cy
    })
    .await;
    let mut cy = world.browser();
    cy.post("/api/auth/sign-in/email", json!({ "email": ADA, "password": PASSWORD })).await.expect(200);
    let code = json!({ "code": codes[3] });
    cy.post("/api/auth/two-factor/verify-backup-code", code).await.expect(200);
}

#[tokio::test]
async fn enrolling_and_leaving_need_a_fresh_sign_in() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    world.advance(301);
    let stale = post(&mut ada, "/api/auth/mfa/enroll/begin", json!({})).await.expect(403);
    assert_eq!(stale.code(), "REAUTHENTICATION_REQUIRED");
    log_in(&mut ada).await.expect(200);
    enrol(&world, &mut ada).await;
    world.advance(600);
    // How things stand is told whatever the age.
    post(&mut ada, "/api/auth/mfa/enroll/begin", json!({})).await.expect(409);
    let csrf = ada.jar[super::CSRF].clone();
    let delete = ("DELETE /api/users/me", [("x-csrf-token", csrf.as_str())]);
    let stale = super::ask(&mut ada, delete.0, &delete.1, None).await.expect(403);
    assert_eq!(stale.code(), "REAUTHENTICATION_REQUIRED");
}

#[tokio::test]
async fn whoever_must_enrol_may_do_nothing_else() {
    let world = World::new().await;
    owner(&world).await;
    let yes = [Cell::from(true)];
    let require = move |tx: &mut countersign::store::Tx<'_>| {
        tx.execute("UPDATE users SET second_factor_required = $1", &yes)
    };
    world.ctx.store.write(require).await.unwrap();
    let mut ada = world.browser();
    let refused = log_in(&mut ada).await.expect(403);
    assert_eq!(refused.code(), "MFA_ENROLLMENT_REQUIRED");
    get(&mut ada, "/api/csrf-token").await.expect(200);
    for path in ["/api/auth/me", "/api/tokens"] {
        assert_eq!(get(&mut ada, path).await.expect(403).code(), "MFA_ENROLLMENT_REQUIRED", "{path}");
    }
    post(&mut ada, "/api/tokens", json!({ "name": "x" })).await.expect(403);
    get(&mut ada, "/api/auth/mfa/status").await.expect(200);
    let (uri, _) = enrol(&world, &mut ada).await;
    get(&mut ada, "/api/auth/me").await.expect(200);
    // And may not go back.
    let body = json!({ "code": world.totp(&uri), "password": PASSWORD });
    assert_eq!(post(&mut ada, "/api/auth/mfa/disable", body).await.expect(409).code(), "MFA_REQUIRED");
}

#[tokio::test]
async fn signing_out_ends_the_question_that_waits() {
    let world = World::new().await;
    let (uri, _) = enrol(&world, &mut owner(&world).await).await;
    let mut door = world.browser();
    log_in(&mut door).await.expect(200);
    let mut copy = super::only(&world, &door, PENDING);
    post(&mut door, "/api/auth/logout", json!({})).await.expect(200);
    assert!(!door.jar.contains_key(PENDING));
    let over = verify(&mut copy, &world.totp(&uri)).await.expect(401);
    assert_eq!(over.code(), "MFA_PENDING_INVALID");
}

#[tokio::test]
async fn a_reset_password_ends_the_keys_that_could_enrol_for_a_thief() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let key = post(&mut ada, "/api/tokens", json!({ "name": "thief's" })).await.expect(201);
    let key = key.body["token"].as_str().unwrap().to_owned();
    post(&mut ada, "/api/password-reset/request", json!({ "email": ADA })).await.expect(200);
    let link = world.mailed_link(ADA).await;
    let body = json!({ "token": link.split("token=").nth(1).unwrap(), "password": "An0ther$ecret!" });
    post(&mut ada, "/api/password-reset/reset", body).await.expect(200);
    super::by_header(&world, "POST /api/auth/mfa/enroll/begin", &key, None).await.expect(401);
    super::by_header(&world, "GET /api/auth/me", &key, None).await.expect(401);
}

#[tokio::test]
async fn looking_at_the_link_that_deletes_the_account_deletes_nothing() {
    let world = World::with(|config| config.accounts.deletion = Deletion::Mail).await;
    let mut ada = owner(&world).await;
    let csrf = ada.jar[super::CSRF].clone();
    super::ask(&mut ada, "DELETE /api/users/me", &[("x-csrf-token", &csrf)], None).await.expect(200);
    let link = world.mailed_link(ADA).await;
    let path = format!("/slugbase/api/users/me/delete?{}", link.split('?').nth(1).unwrap());
    super::ask(&mut ada, &format!("HEAD {path}"), &[], None).await;
    get(&mut ada, "/api/auth/me").await.expect(200);
    get(&mut ada, &path).await.expect(200);
    get(&mut ada, "/api/auth/me").await.expect(401);
}
