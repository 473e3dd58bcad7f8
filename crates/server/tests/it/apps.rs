//! Several authenticator apps of one person: named, each good for itself, three at most; the wires go on as with one.

use axum::http::Method;
use countersign::{
    dialects,
    operations::{
        apps, authenticators,
        enrol::{self, Begin, Confirm},
        organisations::Belonging,
        sessions::{Handover, SignedIn},
    },
};
use countersign_core::{denied::Denied, lockout::RATION, method::Method as Factor, secret::Secret};
use serde_json::{Value, json};

use crate::{
    accents::{Caller, Holds, Proof, sign_up as sign_up_through, signs_in},
    people::{again, at_once, denied, enrol_totp, nobody, number, sign_up},
    world::{PASSWORD, World},
};

const ADA: &str = "ada@example.com";

/// Adds an app through our own API and says its `otpauth:` address. The clock moves on a step.
async fn add(world: &World, caller: &mut Caller, name: &str) -> (String, Value) {
    let begun = caller.call(Method::POST, "/v1/authenticators/totp", None).await.expect(201);
    let uri = begun.body["uri"].as_str().unwrap().to_owned();
    let code = json!({ "code": world.totp(&uri), "name": name });
    let done = caller.post("/v1/authenticators/totp/confirm", code).await.expect(200);
    if let Some(token) = done.body["session"]["token"].as_str() {
        caller.bearer = Some(token.to_owned());
    }
    world.advance(31);
    (uri, done.body)
}

async fn listed(caller: &mut Caller) -> Vec<(String, String)> {
    let list = caller.call(Method::GET, "/v1/authenticators", None).await.expect(200);
    let rows = list.body["authenticators"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    rows.iter().map(|row| (text(&row["id"]), text(&row["name"]))).collect()
}

/// Signs in from elsewhere and answers with a code of this app.
async fn answers(world: &World, uri: &str) -> bool {
    world.advance(31);
    let mut door = Caller::new(world);
    let asked = door.post("/v1/sessions", json!({ "email": ADA, "password": PASSWORD })).await.expect(200);
    assert_eq!(asked.body["methods"], json!(["totp", "email_code"]), "one method, however many apps");
    let body = json!({ "challenge": asked.body["challenge"], "method": "totp", "code": world.totp(uri) });
    door.post("/v1/challenge/verify", body).await.status == 201
}

#[tokio::test]
async fn three_apps_have_names_and_answer_each_for_itself() {
    let world = World::new().await;
    let mut ada = Caller::new(&world);
    let made = ada.post("/v1/accounts", json!({ "email": ADA, "password": PASSWORD })).await.expect(201);
    ada.bearer = made.body["session"]["token"].as_str().map(str::to_owned);
    let (phone, first) = add(&world, &mut ada, "Phone").await;
    assert_eq!(first["backup_codes"].as_array().unwrap().len(), 10);
    let (tablet, second) = add(&world, &mut ada, "  phone ").await;
    assert_eq!(second, json!({ "session": null, "backup_codes": [] }), "the sheet goes on to hold");
    let (_, third) = add(&world, &mut ada, "").await;
    assert_eq!(third["backup_codes"], json!([]));
    let names: Vec<_> = listed(&mut ada).await.into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["Phone", "phone 2", "-"]);
    let fourth = ada.call(Method::POST, "/v1/authenticators/totp", None).await.expect(409);
    assert_eq!(fourth.body["type"], "urn:countersign:problem:too-many-apps");
    assert!(answers(&world, &phone).await && answers(&world, &tablet).await);

    let (id, _) = listed(&mut ada).await.swap_remove(1);
    let path = format!("/v1/authenticators/totp/{id}");
    // Adding, naming and removing are changes of factors: an old proof does not do.
    world.advance(400);
    ada.call(Method::PATCH, &path, Some(json!({ "name": "Tablet" }))).await.expect(401);
    ada.call(Method::DELETE, &path, None).await.expect(401);
    ada.call(Method::POST, "/v1/authenticators/totp", None).await.expect(401);
    let proof = json!({ "method": "totp", "code": world.totp(&phone) });
    let fresh = ada.post("/v1/session/step-up/verify", proof).await.expect(200);
    ada.bearer = fresh.body["session"]["token"].as_str().map(str::to_owned).or(ada.bearer);
    ada.call(Method::PATCH, &path, Some(json!({ "name": "x".repeat(65) }))).await.expect(400);
    ada.call(Method::PATCH, &path, Some(json!({ "name": "PHONE" }))).await.expect(204);
    assert_eq!(listed(&mut ada).await[1].1, "PHONE 2");
    ada.call(Method::PATCH, &path, Some(json!({ "name": "Tablet" }))).await.expect(204);
    assert_eq!(listed(&mut ada).await[1].1, "Tablet");
    let unknown = ada.call(Method::DELETE, "/v1/authenticators/totp/nobodys", None).await.expect(404);
    assert_eq!(unknown.body["type"], "urn:countersign:problem:app-not-found");
    ada.call(Method::PATCH, "/v1/authenticators/totp/nobodys", Some(json!({ "name": "Mine" })))
        .await
        .expect(404);
    let removed = ada.call(Method::DELETE, &path, None).await.expect(200);
    ada.bearer = removed.body["session"]["token"].as_str().map(str::to_owned);
    let names: Vec<_> = listed(&mut ada).await.into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["Phone", "-"]);
    assert!(!answers(&world, &tablet).await, "it is gone");
    assert!(answers(&world, &phone).await);
    let left =
        number(&world, "SELECT COUNT(*) FROM backup_codes WHERE activated_at IS NOT NULL", vec![]).await;
    assert_eq!(left, 10);
}

async fn begun(world: &World, who: &SignedIn) -> String {
    let begin = Begin { beside_others: true, ..Begin::default() };
    enrol::begin_totp(&world.ctx, &nobody(), who, begin).await.unwrap().uri.expose().clone()
}

fn confirmation(code: String) -> Confirm {
    Confirm {
        method: Factor::Totp,
        code: Secret::new(code),
        name: Some("Phone".to_owned()),
        backup_codes: None,
        handover: Handover::Nothing,
    }
}

/// Somebody with two apps, signed in, and what the apps scanned.
async fn with_two_apps(world: &World) -> (SignedIn, [String; 2]) {
    let who = sign_up(world, ADA, Belonging::Nowhere).await;
    let (confirmed, first) = enrol_totp(world, &who).await;
    let who = again(world, &confirmed.who).await.unwrap();
    let second = begun(world, &who).await;
    let code = confirmation(world.totp(&second));
    enrol::confirm_code(&world.ctx, &nobody(), &who, code).await.unwrap();
    world.advance(31);
    (again(world, &who).await.unwrap(), [first, second])
}

/// A wire that knows one app refuses a second and shows the first; switching it off takes all of them away.
#[tokio::test]
async fn a_wire_that_knows_one_app_sees_the_first() {
    let world = World::new().await;
    let mut ada = world.browser();
    let enrolled = ada.enrol(&world, ADA).await;
    let who = signed_in(&world).await;
    let second = begun(&world, &who).await;
    let code = confirmation(world.totp(&second));
    enrol::confirm_code(&world.ctx, &nobody(), &who, code).await.unwrap();
    world.advance(31);
    let mut ada = world.browser();
    ada.sign_in(ADA).await.expect(200);
    ada.post("/api/auth/two-factor/verify-totp", json!({ "code": world.totp(&second) })).await.expect(200);
    let password = json!({ "password": PASSWORD });
    let refused = ada.post("/api/auth/two-factor/enable", password.clone()).await.expect(400);
    assert_eq!(refused.code(), "TOTP_ALREADY_ENABLED");
    let shown = ada.post("/api/auth/two-factor/get-totp-uri", password.clone()).await.expect(200);
    assert_eq!(world.totp(shown.body["totpURI"].as_str().unwrap()), world.totp(&enrolled.uri));
    ada.post("/api/auth/two-factor/disable", password).await.expect(200);
    assert_eq!(number(&world, "SELECT COUNT(*) FROM authenticators", vec![]).await, 0);
}

/// On every wire, and so for every unmodified client: a code of any app is right, and none of them enrols a second.
#[tokio::test]
async fn every_wire_takes_a_code_of_the_second_app_and_enrols_none() {
    let world = World::new().await;
    let mut ada = sign_up_through(&world, "native", ADA).await;
    let uris = [add(&world, &mut ada, "Phone").await.0, add(&world, &mut ada, "Tablet").await.0];
    let who = signed_in(&world).await;
    let refused = enrol::begin_totp(&world.ctx, &nobody(), &who, Begin::default()).await;
    assert_eq!(denied(refused), Denied::AlreadyEnrolled(Factor::Totp));
    for uri in uris {
        let seed = uri.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned();
        let holds = Holds { seed, backup_codes: Vec::new() };
        for dialect in dialects::ALL {
            assert!(signs_in(&world, dialect.name, ADA, Proof::Totp(&holds)).await, "{}", dialect.name);
            world.advance(30);
        }
    }
}

/// Whoever Ada's browser is signed in as.
async fn signed_in(world: &World) -> SignedIn {
    let now = world.clock.now();
    let sessions = world.ctx.store.read(move |tx| {
        let user = tx.user_by_email(ADA)?.expect("an account");
        tx.sessions_of(&user.id, now)
    });
    let newest = sessions.await.unwrap().pop().expect("a session");
    world.ctx.store.read(move |tx| tx.signed_in_by_id(&newest.id)).await.unwrap().expect("a person")
}

/// A guess could hit either app, so the ration of guesses lasts half as long.
#[tokio::test]
async fn with_two_apps_a_wrong_code_costs_twice() {
    let world = World::new().await;
    let (_, uris) = with_two_apps(&world).await;
    let mut guesses = 0;
    'siege: loop {
        world.advance(31);
        let mut door = Caller::new(&world);
        let asked =
            door.post("/v1/sessions", json!({ "email": ADA, "password": PASSWORD })).await.expect(200);
        for _ in 0..4 {
            let codes = uris.each_ref().map(|uri| world.totp(uri));
            let wrong = (0..).map(|n| format!("{n:06}")).find(|code| !codes.contains(code)).unwrap();
            let body = json!({ "challenge": asked.body["challenge"], "method": "totp", "code": wrong });
            match door.post("/v1/challenge/verify", body).await.status.as_u16() {
                403 => guesses += 1,
                429 => break 'siege,
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!(guesses, RATION.div_ceil(2));
}

/// Of 64 that confirm one enrolment beside another app, on both nodes, one does.
#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_with_one_code_one_confirms_another_app() {
    let world = World::new().await;
    let who = sign_up(&world, ADA, Belonging::Nowhere).await;
    let (confirmed, _) = enrol_totp(&world, &who).await;
    let mut who = again(&world, &confirmed.who).await.unwrap();
    for apps in 2..=3 {
        let code = world.totp(&begun(&world, &who).await);
        let confirmed = at_once(&world, 64, |ctx, _| {
            let (who, code) = (who.clone(), code.clone());
            async move { enrol::confirm_code(&ctx, &nobody(), &who, confirmation(code)).await.is_ok() }
        })
        .await;
        assert_eq!(confirmed.into_iter().filter(|one| *one).count(), 1);
        assert_eq!(number(&world, "SELECT COUNT(*) FROM authenticators", vec![]).await, apps);
        who = again(&world, &who).await.unwrap();
        world.advance(31);
    }
    let names = authenticators::overview(&world.ctx, &who).await.unwrap().enrolled;
    let names: Vec<_> = names.into_iter().filter_map(|one| one.name).collect();
    assert_eq!(names, ["Phone", "Phone 2"]);
    let fourth = Begin { beside_others: true, ..Begin::default() };
    let fourth = enrol::begin_totp(&world.ctx, &nobody(), &who, fourth).await;
    assert_eq!(denied(fourth), Denied::TooManyApps { max: 3 });
}

/// Of 64 that take one app away, on both nodes, one does, and the others stay.
#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_that_remove_one_app_one_does() {
    let world = World::new().await;
    let (who, _) = with_two_apps(&world).await;
    let id = authenticators::overview(&world.ctx, &who).await.unwrap().enrolled.pop().unwrap().id;
    let removed = at_once(&world, 64, |ctx, _| {
        let (who, id) = (who.clone(), id.clone());
        async move { apps::remove(&ctx, &nobody(), &who, (id, Handover::Nothing)).await.is_ok() }
    })
    .await;
    assert_eq!(removed.into_iter().filter(|one| *one).count(), 1);
    assert_eq!(number(&world, "SELECT COUNT(*) FROM authenticators", vec![]).await, 1);
}
