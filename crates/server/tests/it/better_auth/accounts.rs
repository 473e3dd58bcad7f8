//! §7: profile, password, address and the end of an account.

use axum::http::header;
use countersign::config::{Deletion, EmailVerification};
use serde_json::{Value, json};

use super::{Call, auth_token, cookie_names, with_cookies_of};
use crate::world::{Browser, PASSWORD, World};

const NEW: &str = "brand new password 1";

async fn post(browser: &mut Browser, path: &str, body: Value) -> crate::world::Reply {
    browser.post(&format!("/api/auth{path}"), body).await
}

async fn is_signed_in(browser: &mut Browser) -> bool {
    browser.get("/api/auth/get-session").await.expect(200).body.is_object()
}

#[tokio::test]
async fn a_profile_is_updated_and_server_owned_members_are_not() {
    let world = World::new().await;
    let mut ada = world.browser();
    ada.sign_up("ada@example.com").await;
    let image = "https://img.example.com/a.png";
    let reply = post(&mut ada, "/update-user", json!({ "name": "Ada L", "image": image })).await.expect(200);
    assert_eq!(
        (reply.body.clone(), cookie_names(&reply)),
        (json!({ "status": true }), vec!["session_token".to_owned()])
    );
    let user = async |ada: &mut Browser| ada.get("/api/auth/get-session").await.body["user"].clone();
    let shown = user(&mut ada).await;
    assert_eq!((&shown["name"], &shown["image"]), (&json!("Ada L"), &json!(image)));
    // `null` takes the picture away; what is falsy and not ours to set is skipped.
    post(&mut ada, "/update-user", json!({ "image": null, "twoFactorEnabled": false, "email": "" }))
        .await
        .expect(200);
    let shown = user(&mut ada).await;
    assert_eq!((&shown["name"], &shown["image"]), (&json!("Ada L"), &Value::Null));
    post(&mut ada, "/update-user", json!({ "name": "" })).await.expect(200);

    for (body, status, answer) in [
        (json!({}), 400, json!({ "message": "No fields to update" })),
        (json!({ "twoFactorEnabled": false }), 400, json!({ "message": "No fields to update" })),
        (json!({ "emailVerified": true, "id": "x" }), 400, json!({ "message": "No fields to update" })),
        (
            json!({ "email": "new@example.com" }),
            400,
            json!({ "message": "Email can not be updated", "code": "EMAIL_CAN_NOT_BE_UPDATED" }),
        ),
        (
            json!({ "twoFactorEnabled": true }),
            400,
            json!({ "message": "twoFactorEnabled is not allowed to be set", "code": "FIELD_NOT_ALLOWED" }),
        ),
        (
            json!({ "name": 7 }),
            400,
            json!({ "message": "[body.name] Invalid input: expected string, received number", "code": "VALIDATION_ERROR" }),
        ),
        (
            json!([]),
            400,
            json!({ "message": "[body] Invalid input: expected record, received array", "code": "VALIDATION_ERROR" }),
        ),
        (
            json!({ "name": "n".repeat(501) }),
            400,
            json!({ "message": "[body.name] Too big: expected string to have <=500 characters", "code": "VALIDATION_ERROR" }),
        ),
    ] {
        let reply = post(&mut ada, "/update-user", body.clone()).await.expect(status);
        assert_eq!(reply.body, answer, "{body}");
    }
    // Who asks comes before what is asked for.
    let mut nobody = world.browser();
    assert_eq!(
        post(&mut nobody, "/update-user", json!({ "email": "x" })).await.expect(401).code(),
        "UNAUTHORIZED"
    );
    assert_eq!(
        post(&mut nobody, "/update-session", json!({ "x": 1 })).await.expect(401).code(),
        "UNAUTHORIZED"
    );
    assert_eq!(
        post(&mut ada, "/update-session", json!({ "x": 1 })).await.expect(400).body["message"],
        "No fields to update"
    );
}

#[tokio::test]
async fn a_changed_password_ends_other_sessions_when_asked_to() {
    let world = World::new().await;
    let (mut laptop, mut phone) = (world.browser(), world.browser());
    laptop.sign_up("ada@example.com").await;
    phone.sign_in("ada@example.com").await.expect(200);
    let change = json!({ "currentPassword": PASSWORD, "newPassword": NEW });
    let kept = post(&mut laptop, "/change-password", change).await.expect(200);
    assert_eq!((kept.body["token"].clone(), kept.cookies().len()), (Value::Null, 0));
    assert!(is_signed_in(&mut phone).await && is_signed_in(&mut laptop).await);

    let before = laptop.jar.clone();
    let change = json!({ "currentPassword": NEW, "newPassword": PASSWORD, "revokeOtherSessions": true });
    let revoked = post(&mut laptop, "/change-password", change).await.expect(200);
    let token = revoked.body["token"].as_str().unwrap();
    assert!(auth_token(&revoked).starts_with(token));
    assert_ne!(before, laptop.jar);
    assert!(!is_signed_in(&mut phone).await && is_signed_in(&mut laptop).await);
    let mut old = with_cookies_of(&world, before);
    assert!(!is_signed_in(&mut old).await);
}

#[tokio::test]
async fn a_reset_ends_sessions_and_trusted_devices_and_keeps_the_second_factor() {
    let world = World::new().await;
    let (mut laptop, mut phone) = (world.browser(), world.browser());
    let enrolled = laptop.enrol(&world, "ada@example.com").await;
    phone.sign_in("ada@example.com").await.expect(200);
    let answer = json!({ "code": world.totp(&enrolled.uri), "trustDevice": true });
    post(&mut phone, "/two-factor/verify-totp", answer).await.expect(200);
    world.advance(30);

    let mut mail = world.browser();
    post(
        &mut mail,
        "/request-password-reset",
        json!({ "email": "ada@example.com", "redirectTo": "/reset#form" }),
    )
    .await
    .expect(200);
    let link = world.mailed_link("ada@example.com").await;
    let followed = mail.get(link.strip_prefix(crate::world::ORIGIN).unwrap()).await.expect(302);
    let target = url::Url::parse(followed.headers[header::LOCATION].to_str().unwrap()).unwrap();
    assert_eq!((target.path(), target.fragment()), ("/reset", Some("form")));
    let (_, token) = target.query_pairs().find(|(key, _)| key == "token").unwrap();
    for (body, code) in [
        (json!({ "newPassword": "short", "token": token }), "PASSWORD_TOO_SHORT"),
        (json!({ "newPassword": "p".repeat(129), "token": token }), "PASSWORD_TOO_LONG"),
        (json!({ "newPassword": NEW, "token": "x" }), "INVALID_TOKEN"),
        (json!({ "newPassword": NEW }), "INVALID_TOKEN"),
        (json!({ "newPassword": NEW, "token": null }), "VALIDATION_ERROR"),
        (json!({ "token": token }), "VALIDATION_ERROR"),
    ] {
        assert_eq!(post(&mut mail, "/reset-password", body).await.expect(400).code(), code);
    }
    // None of these spent it; the token may also stand in the address.
    let path = format!("/reset-password?token={token}");
    let reset = post(&mut mail, &path, json!({ "newPassword": NEW })).await.expect(200);
    assert_eq!((reset.body, reset.headers.get("set-cookie")), (json!({ "status": true }), None));
    assert_eq!(
        post(&mut mail, &path, json!({ "newPassword": NEW })).await.expect(400).code(),
        "INVALID_TOKEN"
    );

    assert!(!is_signed_in(&mut laptop).await && !is_signed_in(&mut phone).await);
    let body = json!({ "email": "ada@example.com", "password": NEW });
    let asked = post(&mut phone, "/sign-in/email", body).await.expect(200);
    assert_eq!(asked.body, json!({ "twoFactorRedirect": true, "twoFactorMethods": ["totp"] }));
    assert_eq!(cookie_names(&asked)[0], "-trust_device");
    let code = json!({ "code": world.totp(&enrolled.uri) });
    post(&mut phone, "/two-factor/verify-totp", code).await.expect(200);
}

#[tokio::test]
async fn an_account_goes_with_a_password_or_a_young_session() {
    let world = World::new().await;
    let mut ada = world.browser();
    let leave = async |browser: &mut Browser, body| post(browser, "/delete-user", body).await;
    assert_eq!(leave(&mut ada, json!({})).await.expect(401).code(), "UNAUTHORIZED");
    ada.sign_up("ada@example.com").await;
    assert_eq!(leave(&mut ada, json!({ "password": "wrong" })).await.expect(400).code(), "INVALID_PASSWORD");
    assert_eq!(leave(&mut ada, json!({ "token": "wrong" })).await.expect(404).code(), "INVALID_TOKEN");
    assert_eq!(leave(&mut ada, json!({ "password": 7 })).await.expect(400).code(), "VALIDATION_ERROR");
    world.advance(86_400);
    let old = leave(&mut ada, json!({})).await.expect(400);
    let words = "Session expired. Re-authenticate to perform this action.";
    assert_eq!(old.body, json!({ "code": "SESSION_EXPIRED", "message": words }));
    let gone = leave(&mut ada, json!({ "password": PASSWORD })).await.expect(200);
    assert_eq!(gone.body, json!({ "success": true, "message": "User deleted" }));
    assert_eq!(cookie_names(&gone), ["-session_token", "-session_data", "-dont_remember"]);
    assert_eq!(ada.sign_in("ada@example.com").await.expect(401).code(), "INVALID_EMAIL_OR_PASSWORD");

    // No body at all, from a young session.
    let token = auth_token(&ada.sign_up("ada@example.com").await);
    Call::new("POST", "/delete-user").bearer(&token).send(&world).await.expect(200);

    // With a second factor in force, that is what counts.
    let mut bob = world.browser();
    bob.enrol(&world, "bob@example.com").await;
    world.advance(301);
    assert_eq!(leave(&mut bob, json!({ "password": PASSWORD })).await.expect(400).code(), "SESSION_EXPIRED");
}

#[tokio::test]
async fn an_account_goes_by_mail_where_that_is_asked_for() {
    let world = World::with(|config| config.accounts.deletion = Deletion::Mail).await;
    let (mut ada, mut bob) = (world.browser(), world.browser());
    ada.sign_up("ada@example.com").await;
    bob.sign_up("bob@example.com").await;
    let mailed = post(&mut ada, "/delete-user", json!({ "callbackURL": "/bye" })).await.expect(200);
    assert_eq!(mailed.body, json!({ "success": true, "message": "Verification email sent" }));
    let link = world.mailed_link("ada@example.com").await;
    let link = link.strip_prefix(crate::world::ORIGIN).unwrap();
    assert_eq!(bob.get(link).await.expect(404).code(), "INVALID_TOKEN", "somebody else's session");
    let token = link.split_once("token=").unwrap().1.split('&').next().unwrap().to_owned();
    let gone = post(&mut ada, "/delete-user", json!({ "token": token })).await.expect(200);
    assert_eq!(gone.body["message"], "User deleted");
    assert_eq!(ada.sign_in("ada@example.com").await.expect(401).code(), "INVALID_EMAIL_OR_PASSWORD");
    assert!(is_signed_in(&mut bob).await);
}

#[tokio::test]
async fn where_addresses_must_be_verified_nobody_learns_who_is_known() {
    let world = World::with(|config| config.accounts.email_verification = EmailVerification::Required).await;
    let mut ada = world.browser();
    let first = ada.sign_up("ada@example.com").await;
    world.advance(1);
    let again = world.browser().sign_up("ada@example.com").await;
    for reply in [&first, &again] {
        assert_eq!((&reply.body["token"], reply.cookies().len()), (&Value::Null, 0));
        assert_eq!(reply.body["user"]["email"], "ada@example.com");
    }
    assert_ne!(first.body["user"]["id"], again.body["user"]["id"], "an invented user");
    assert_eq!(ada.sign_in("ada@example.com").await.expect(403).code(), "EMAIL_NOT_VERIFIED");
    let link = world.mailed_link("ada@example.com").await;
    ada.get(link.strip_prefix(crate::world::ORIGIN).unwrap()).await.expect(302);
    ada.sign_in("ada@example.com").await.expect(200);
    let mine = post(&mut ada, "/send-verification-email", json!({ "email": "ada@example.com" })).await;
    assert_eq!(mine.expect(400).code(), "EMAIL_ALREADY_VERIFIED");
    let other = post(&mut ada, "/send-verification-email", json!({ "email": "bob@example.com" })).await;
    assert_eq!(other.expect(400).code(), "EMAIL_MISMATCH");
}
