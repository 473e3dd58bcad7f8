//! Whole journeys of one person through the Better Auth dialect.

use countersign::store::Tx;
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

/// Better Auth's own hash of `PASSWORD`, from its recorded vectors.
const IMPORTED: &str = "000102030405060708090a0b0c0d0e0f:70cc7d605f9fd0bfd324b3978bd79ee81076d98810046ed91604c3cb8aa6957761a2b0b97abf1e7c417ec4a9baa7bd1ce53449880d90dc1117c88d69b4f0b72e";

#[tokio::test]
async fn two_sign_ins_at_once_may_both_replace_an_old_hash() {
    let world = World::new().await;
    world.browser().sign_up("ada@example.com").await;
    let import = |tx: &mut Tx<'_>| tx.execute("UPDATE users SET password = $1", &[IMPORTED.into()]);
    world.ctx.store.write(import).await.unwrap();

    let (mut here, mut there) = (world.browser(), world.browser());
    let (first, second) = tokio::join!(here.sign_in("ada@example.com"), there.sign_in("ada@example.com"));
    first.expect(200);
    second.expect(200);
    let read = |tx: &mut Tx<'_>| tx.row("SELECT password FROM users", &[], |row| row.get::<String>(0));
    let stored = world.ctx.store.read(read).await.unwrap().unwrap();
    assert!(stored.starts_with("$argon2id$"), "{stored}");
}
