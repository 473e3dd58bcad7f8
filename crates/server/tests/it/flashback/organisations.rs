//! §4 rows 9 and 10: what an organisation asks of its members, and taking a member's factors away.

use countersign::operations::{
    api_keys::{self, NewKey},
    sign_in::{self, Belonging, SignUp},
    tokens::{self, Wire},
};
use countersign_core::{
    session::Reach,
    time::{DAY, HOUR},
};

use super::*;

/// Ada owns the server's own organisation, Bob is a member; both are signed in here.
async fn owner_and_member(world: &World) -> (Client, Client) {
    for email in [ADA, BOB] {
        let new = SignUp {
            name: "Somebody".to_owned(),
            email: email.to_owned(),
            password: Secret::new(PASSWORD.to_owned()),
            belonging: Belonging::Home,
            ..SignUp::default()
        };
        sign_in::sign_up(&world.ctx, &Visitor::default(), new).await.unwrap();
    }
    let (mut ada, mut bob) = (Client::new(world), Client::new(world));
    ada.log_in(ADA).await;
    let reply = bob.log_in(BOB).await;
    assert_eq!(reply.body["user"]["orgRole"], 0);
    (ada, bob)
}

#[tokio::test]
async fn enforcement_holds_at_once_for_members_on_every_wire() {
    let world = World::new().await;
    let (ada, mut bob) = owner_and_member(&world).await;
    let mut browser = world.browser();
    let body = json!({ "email": BOB, "password": PASSWORD });
    browser.post("/api/auth/sign-in/email", body.clone()).await.expect(200);
    let enforce = |enforced: bool| json!({ "enforced": enforced });
    let refusal = bob.post("/mfa/organization/enforce", enforce(true)).await;
    assert_eq!(refused(&refusal), (403, "INSUFFICIENT_PERMISSIONS"));
    let typed = ada.post("/mfa/organization/enforce", json!({ "enforced": "true" })).await;
    assert_eq!(refused(&typed), (400, "VALIDATION_ERROR"));
    let done = ada.post("/mfa/organization/enforce", enforce(true)).await.expect(200);
    assert_eq!(done.body["message"], "MFA enforcement enabled for organization");

    // The access token says "access" and is worth what the store says.
    assert_eq!(claims(&bob.token)["type"], "access");
    assert_eq!(refused(&bob.get("/user/profile").await), MFA_REQUIRED);
    let status = bob.status().await;
    assert_eq!(
        (&status["isRequired"], &status["isEnforced"], &status["sessionVerified"]),
        (&json!(true), &json!(true), &json!(false))
    );
    assert_eq!(browser.get("/api/auth/list-sessions").await.status, 403);
    assert!(ada.is_in().await, "until the next sign-in or refresh");
    bob.refresh().await.expect(200);
    assert_eq!(claims(&bob.token)["type"], "partial");
    let before = bob.clone();
    bob.enrol(&world).await;
    bob.post("/mfa/enable", json!({ "mfaType": TOTP })).await.expect(200);
    assert!(bob.is_in().await && before.is_in().await, "the same session, now full");
    bob.refresh().await.expect(200);
    assert_eq!(claims(&bob.token)["type"], "access");
    for (path, body) in
        [("/mfa/disable", json!({ "mfaType": TOTP })), ("/mfa/reset", json!({ "enable": false }))]
    {
        let reply = bob.post(path, body).await;
        assert_eq!(refused(&reply), (403, "MFA_ENFORCED"), "{path}");
        assert_eq!(reply.body["error"], "Cannot disable MFA when enforced by organization");
    }
    let mut ada = ada;
    ada.refresh().await.expect(200);
    assert_eq!(refused(&ada.post("/mfa/organization/enforce", enforce(false)).await), MFA_REQUIRED);
    ada.enrol(&world).await;
    ada.post("/mfa/organization/enforce", enforce(false)).await.expect(200);
    bob.post("/mfa/disable", json!({ "mfaType": TOTP })).await.expect(200);
}

#[tokio::test]
async fn whoever_belongs_nowhere_enforces_and_resets_nothing() {
    let world = World::new().await;
    let (_, bob) = owner_and_member(&world).await;
    world
        .browser()
        .post(
            "/api/auth/sign-up/email",
            json!({ "name": "Eve", "email": "eve@example.com", "password": PASSWORD }),
        )
        .await
        .expect(200);
    let mut eve = Client::new(&world);
    let reply = eve.log_in("eve@example.com").await;
    assert_eq!(reply.body["user"]["orgId"], Value::Null);
    assert!(claims(&eve.token).get("orgId").is_none());
    assert_eq!(eve.get("/user/profile").await.expect(200).body["data"]["orgRoles"], json!([]));
    let enforce = eve.post("/mfa/organization/enforce", json!({ "enforced": true })).await;
    assert_eq!(refused(&enforce), (400, "NO_ORGANIZATION"));
    let reset = eve.post("/mfa/reset", json!({ "resetUserId": claims(&bob.token)["userId"] })).await;
    assert_eq!(refused(&reset), (403, "INSUFFICIENT_PERMISSIONS"));
}

async fn left_of_bob(world: &World) -> [i64; 5] {
    [
        number(world, "SELECT count(*) FROM authenticators").await,
        number(world, "SELECT count(*) FROM backup_codes").await,
        number(world, "SELECT count(*) FROM trusted_devices").await,
        number(world, "SELECT count(*) FROM api_keys").await,
        number(world, "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.email = 'bob@example.com'").await,
    ]
}

#[tokio::test]
async fn an_administrator_takes_everything_that_proves_a_member_or_stands_for_them() {
    let world = World::new().await;
    let (mut ada, bob) = owner_and_member(&world).await;
    let id = claims(&bob.token)["userId"].clone();
    let app = bob.enrol(&world).await;
    let wire = Wire { name: "flashback", lifetime: HOUR };
    let who = tokens::holder(&world.ctx, wire, &bob.token, Reach::Everything).await.unwrap().unwrap();
    let key = NewKey {
        prefix: "sb_",
        name: "a key".to_owned(),
        organisation_id: None,
        scopes: "[]".to_owned(),
        expires_at: None,
        lifetime: DAY,
    };
    api_keys::create(&world.ctx, &Visitor::default(), &who, key).await.unwrap();
    let mut browser = world.browser();
    browser.post("/api/auth/sign-in/email", json!({ "email": BOB, "password": PASSWORD })).await.expect(200);
    let body = json!({ "code": world.totp(&app.uri), "trustDevice": true });
    browser.post("/api/auth/two-factor/verify-totp", body).await.expect(200);
    assert_eq!(left_of_bob(&world).await, [1, 10, 1, 1, 2]);

    world.advance(301);
    let reset = json!({ "resetUserId": id, "enable": true });
    assert_eq!(refused(&ada.post("/mfa/reset", reset.clone()).await), STALE);
    ada.log_in(ADA).await;
    assert_eq!(left_of_bob(&world).await, [1, 10, 1, 1, 2]);
    ada.post("/mfa/reset", reset).await.expect(200);
    assert_eq!(left_of_bob(&world).await, [0; 5]);
    assert_eq!(refused(&bob.get("/user/profile").await), (401, "UNAUTHORIZED"));
    assert!(browser.get("/api/auth/get-session").await.body.is_null());
    let journal = "SELECT count(*) FROM events e JOIN users u ON u.id = e.user_id
                   WHERE e.kind = 'second_factor.reset' AND u.email = 'bob@example.com'";
    assert_eq!(number(&world, journal).await, 1);
    let told = world.mail().await.into_iter().find(|letter| letter.to.contains(BOB)).unwrap();
    assert!(told.text.contains("administrator"), "{}", told.text);

    // `enable`: Bob must enrol before anything else, and cannot say otherwise.
    let mut bob = Client::new(&world);
    bob.log_in(BOB).await;
    assert_eq!(
        (claims(&bob.token)["type"].as_str(), bob.status().await["isRequired"].as_bool()),
        (Some("partial"), Some(true))
    );
    bob.enrol(&world).await;
    assert_eq!(refused(&bob.post("/mfa/reset", json!({ "enable": false })).await), (403, "MFA_ENFORCED"));
    ada.post("/mfa/reset", json!({ "resetUserId": id, "enable": false })).await.expect(200);
    bob.log_in(BOB).await;
    assert_eq!(claims(&bob.token)["type"], "access");
}

#[tokio::test]
async fn nobody_resets_a_superior_themselves_or_a_stranger() {
    let world = World::new().await;
    let (ada, bob) = owner_and_member(&world).await;
    let mut eve = Client::new(&world);
    eve.register("eve@example.com").await;
    let of = |client: &Client| json!({ "resetUserId": claims(&client.token)["userId"], "enable": false });
    for (actor, target, expected) in [
        (&bob, of(&ada), (403, "INSUFFICIENT_PERMISSIONS")),
        (&bob, of(&bob), (403, "INSUFFICIENT_PERMISSIONS")),
        (&ada, of(&ada), (403, "INSUFFICIENT_PERMISSIONS")),
        (&ada, of(&eve), (404, "USER_NOT_FOUND")),
        (&eve, of(&bob), (404, "USER_NOT_FOUND")),
        (&ada, json!({ "resetUserId": "nobody" }), (404, "USER_NOT_FOUND")),
    ] {
        assert_eq!(refused(&actor.post("/mfa/reset", target.clone()).await), expected, "{target}");
    }
    for client in [&ada, &bob, &eve] {
        assert!(client.is_in().await);
    }
}
