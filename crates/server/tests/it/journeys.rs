//! Whole journeys of one person through the Better Auth dialect.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn enrol_then_sign_in_with_a_code() {
    let world = World::new().await;
    let mut browser = world.browser();
    let enrolled = browser.enrol(&world, "ada@example.com").await;
    browser.post("/api/auth/sign-out", json!({})).await.expect(200);

    let asked = browser.sign_in("ada@example.com").await.expect(200);
    assert_eq!(asked.body, json!({ "twoFactorRedirect": true, "twoFactorMethods": ["totp", "otp"] }));
    assert!(browser.get("/api/auth/get-session").await.expect(200).body.is_null());

    let code = json!({ "code": world.totp(&enrolled.uri) });
    let passed = browser.post("/api/auth/two-factor/verify-totp", code.clone()).await.expect(200);
    let current = browser.get("/api/auth/get-session").await.expect(200);
    assert_eq!(current.body["session"]["token"], passed.body["token"]);
    assert_eq!(current.body["user"]["twoFactorEnabled"], true);

    browser.post("/api/auth/sign-out", json!({})).await.expect(200);
    browser.sign_in("ada@example.com").await.expect(200);
    let replayed = browser.post("/api/auth/two-factor/verify-totp", code).await.expect(401);
    assert_eq!(replayed.code(), "INVALID_CODE");
}
