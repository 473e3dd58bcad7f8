//! The two voices of refusals, and which of them is heard (superset page §3).

use countersign::config::ErrorFormat;
use serde_json::{Value, json};

use super::{CSRF, TOKEN, ask, by_header, get, only, owner, post};
use crate::world::{Browser, World};

const CONFIRM: &str = "POST /api/auth/mfa/enroll/confirm";

#[tokio::test]
async fn documented_to_headers_and_as_the_original_to_browsers() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let token = ada.jar[TOKEN].clone();
    let code = json!({ "code": "123456" });
    assert_eq!(
        by_header(&world, CONFIRM, &token, Some(code.clone())).await.expect(400).body,
        json!({
            "error": "Bad Request", "message": "No enrollment in progress", "code": 400,
            "details": [{ "field": "code", "message": "No enrollment in progress" }], "error_code": "MFA_NO_PENDING",
        })
    );
    assert_eq!(
        post(&mut ada, "/api/auth/mfa/enroll/confirm", code).await.expect(400).body,
        json!({
            "error": "No enrollment in progress", "message": "No enrollment in progress", "status": 400,
            "details": "No enrollment in progress", "code": "MFA_NO_PENDING",
        })
    );
    super::enrol(&world, &mut ada).await;
    let token = ada.jar[TOKEN].clone();
    let conflict = by_header(&world, "POST /api/auth/mfa/enroll/begin", &token, None).await.expect(409);
    assert_eq!(
        conflict.body,
        json!({
            "error": "Conflict", "message": "MFA is already enabled", "code": 409,
            "details": "MFA is already enabled", "error_code": "MFA_ALREADY_ENABLED",
        })
    );
    let documented = json!({
        "error": "Unauthorized", "message": "Authentication required. Please provide a valid API token",
        "code": 401, "error_code": "UNAUTHORIZED",
    });
    let original = json!({
        "error": "Unauthorized", "message": "Authentication required. Please provide a valid API token",
        "code": "UNAUTHORIZED", "status": 401,
    });
    // Nobody at all, and whoever has been here with a browser.
    assert_eq!(get(&mut world.browser(), "/api/auth/me").await.expect(401).body, documented);
    assert_eq!(by_header(&world, "GET /api/auth/me", "sb_none", None).await.expect(401).body, documented);
    assert_eq!(get(&mut only(&world, &ada, CSRF), "/api/auth/me").await.expect(401).body, original);
}

#[tokio::test]
async fn a_wish_goes_before_the_setting_and_the_setting_before_the_rule() {
    for (setting, wish, who, documented) in [
        (ErrorFormat::Auto, None, "header", true),
        (ErrorFormat::Auto, None, "both", false),
        (ErrorFormat::Auto, None, "cookies", false),
        (ErrorFormat::Auto, Some("documented"), "cookies", true),
        (ErrorFormat::Auto, Some("slugbase"), "header", false),
        (ErrorFormat::Auto, Some("klingon"), "header", true),
        (ErrorFormat::Documented, None, "cookies", true),
        (ErrorFormat::Documented, Some("slugbase"), "cookies", false),
        (ErrorFormat::Slugbase, None, "header", false),
        (ErrorFormat::Slugbase, Some("documented"), "header", true),
    ] {
        let world = World::with(|config| config.slugbase.error_format = setting).await;
        let ada = owner(&world).await;
        let (bearer, csrf) = (format!("Bearer {}", ada.jar[TOKEN]), ada.jar[CSRF].clone());
        let mut headers = vec![("x-csrf-token", csrf.as_str())];
        headers.extend(wish.map(|wish| ("x-error-format", wish)));
        headers.extend((who != "cookies").then_some(("authorization", bearer.as_str())));
        let mut browser: Browser = if who == "header" { world.browser() } else { ada };
        let refused = ask(&mut browser, CONFIRM, &headers, Some(json!({}))).await.expect(400).body;
        let code = if documented { json!(400) } else { json!("CODE_REQUIRED") };
        assert_eq!(refused["code"], code, "{setting:?} {wish:?} {who}: {refused}");
    }
}

#[tokio::test]
async fn public_routes_speak_as_the_original_to_everybody() {
    let world = World::new().await;
    for path in ["/api/auth/login", "/api/auth/register", "/api/auth/mfa/verify", "/api/password-reset/reset"]
    {
        let refused = by_header(&world, &format!("POST {path}"), "sb_x", Some(json!({}))).await;
        assert!(refused.status.is_client_error() && refused.body["code"].is_string(), "{path} {refused:?}");
        let headers = [("x-error-format", "documented")];
        let refused = ask(&mut world.browser(), &format!("POST {path}"), &headers, Some(json!({}))).await;
        assert!(refused.body["code"].is_number(), "{path} {refused:?}");
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused_in_the_wires_words() {
    let world = World::with(|config| config.rate_limits = true).await;
    let mut ada = owner(&world).await;
    let too_long = json!({ "code": "x".repeat(70_000) });
    let refused = post(&mut ada, "/api/auth/mfa/enroll/confirm", too_long).await.expect(413);
    assert_eq!(refused.body["error"], "Internal server error");
    for body in [json!("text"), json!(7), Value::Null] {
        post(&mut ada, "/api/auth/mfa/enroll/confirm", body).await.expect(400);
    }
    let deep: Value = serde_json::from_str(&format!("{}{}", "[".repeat(40), "]".repeat(40))).unwrap();
    post(&mut ada, "/api/auth/login", json!({ "email": deep })).await.expect(400);
    // The narrowest limit is told, and the general one where there is no other.
    let told = |reply: &crate::world::Reply| reply.headers["ratelimit-policy"].to_str().unwrap().to_owned();
    assert_eq!(told(&post(&mut ada, "/api/auth/mfa/enroll/cancel", json!({})).await.expect(200)), "25;w=900");
    assert_eq!(told(&get(&mut ada, "/api/auth/me").await.expect(200)), "2000;w=900");
    assert_eq!(told(&get(&mut ada, "/slugbase/api/nothing").await.expect(404)), "2000;w=900");
    let world = World::new().await;
    assert!(!get(&mut world.browser(), "/api/health").await.headers.contains_key("ratelimit-limit"));
}
