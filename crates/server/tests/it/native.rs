//! Our own API over HTTP, and the thieves that get no session through it.

use axum::http::{Method, header};
use countersign::{
    config::{Mail, Sms},
    dialects::native::reference,
    operations::organisations::Belonging,
    store::Tx,
};
use countersign_core::phone::Spending;
use serde_json::{Value, json};

use crate::{
    accents::{Caller, in_the_docs},
    authenticator::Passkey,
    people::sign_up,
    world::{PASSWORD, Reply, World},
};

const ADA: &str = "ada@example.com";
const BOSS: &str = "boss@example.com";

/// Somebody with an authenticator app, signed in.
struct Ada {
    home: Caller,
    uri: String,
    backup_codes: Vec<String>,
}

async fn call(caller: &mut Caller, method: Method, path: &str, body: Value) -> Reply {
    caller.call(method, path, Some(body)).await
}

fn take(caller: &mut Caller, reply: &Reply) {
    if let Some(token) = reply.body["session"]["token"].as_str() {
        caller.bearer = Some(token.to_owned());
    }
}

async fn ada(world: &World) -> Ada {
    let mut home = Caller::new(world);
    let body = json!({ "email": ADA, "password": PASSWORD });
    let reply = match world.ctx.store.read(|tx| tx.user_by_email(ADA)).await.unwrap() {
        Some(_) => home.post("/v1/sessions", body).await,
        None => home.post("/v1/accounts", body).await,
    };
    take(&mut home, &reply.expect(201));
    let now = world.clock.now();
    let verify = move |tx: &mut Tx<'_>| {
        let user = tx.user_by_email(ADA)?.expect("an account");
        tx.verify_email(&user.id, ADA, now)
    };
    world.ctx.store.write(verify).await.unwrap();
    let begun = home.call(Method::POST, "/v1/authenticators/totp", None).await.expect(201);
    let uri = begun.body["uri"].as_str().unwrap().to_owned();
    assert!(begun.body["qr"].as_str().unwrap().starts_with("<svg"));
    let done =
        home.post("/v1/authenticators/totp/confirm", json!({ "code": world.totp(&uri) })).await.expect(200);
    take(&mut home, &done);
    world.advance(31);
    let codes = done.body["backup_codes"].as_array().unwrap().iter();
    Ada { home, uri, backup_codes: codes.map(|code| code.as_str().unwrap().to_owned()).collect() }
}

/// The password, and the challenge that comes of it.
async fn asked(world: &World) -> (Caller, Value) {
    let mut caller = Caller::new(world);
    let reply = caller.post("/v1/sessions", json!({ "email": ADA, "password": PASSWORD })).await.expect(200);
    assert!(reply.body["session"].is_null());
    (caller, reply.body["challenge"].clone())
}

fn problem(reply: &Reply) -> &str {
    assert_eq!(reply.headers[header::CONTENT_TYPE], "application/problem+json", "{reply:#?}");
    reply.body["type"].as_str().unwrap().strip_prefix("urn:countersign:problem:").unwrap()
}

/// SEC-101, RFC 9470: what is sensitive asks for a fresh proof, says which, and gives the session a new token.
#[tokio::test]
async fn a_sensitive_act_asks_for_a_fresh_proof_and_takes_one() {
    let world = World::new().await;
    let mut ada = ada(&world).await;
    world.advance(301);
    let refused = ada.home.call(Method::POST, "/v1/backup-codes", None).await.expect(401);
    assert_eq!(problem(&refused), "insufficient-user-authentication");
    let wanted = refused.headers[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert!(wanted.contains(r#"error="insufficient_user_authentication""#), "{wanted}");
    assert!(wanted.contains(r#"acr_values="aal2""#) && wanted.contains(r#"max_age="300""#), "{wanted}");
    let opened = ada.home.call(Method::POST, "/v1/session/step-up", None).await.expect(200);
    assert_eq!(opened.body["methods"], json!(["totp"]));
    let wrong = json!({ "method": "totp", "code": world.totp_at(&ada.uri, 40) });
    assert_eq!(problem(&ada.home.post("/v1/session/step-up/verify", wrong).await.expect(403)), "wrong-code");
    let right = json!({ "method": "totp", "code": world.totp(&ada.uri) });
    let proven = ada.home.post("/v1/session/step-up/verify", right.clone()).await.expect(200);
    take(&mut ada.home, &proven);
    let codes = ada.home.call(Method::POST, "/v1/backup-codes", None).await.expect(201);
    assert_eq!(codes.body["backup_codes"].as_array().unwrap().len(), 10);
    // The code was spent, and the old token with it if the session rose.
    assert_eq!(problem(&ada.home.post("/v1/session/step-up/verify", right).await.expect(403)), "wrong-code");
    // The level falls with age, and rises again with the next proof.
    world.advance(86_400);
    let session = ada.home.get("/v1/session").await.expect(200);
    assert_eq!(session.body["session"]["acr"], "aal1");
    let before = ada.home.bearer.clone();
    let right = json!({ "method": "totp", "code": world.totp(&ada.uri) });
    let risen = ada.home.post("/v1/session/step-up/verify", right).await.expect(200);
    take(&mut ada.home, &risen);
    assert_eq!(risen.body["session"]["acr"], "aal2");
    assert_ne!(ada.home.bearer, before, "a session that rises has a new token");
    let mut old = Caller::new(&world);
    old.bearer = before;
    old.get("/v1/session").await.expect(401);
}

#[tokio::test]
async fn a_passkey_steps_up_only_with_its_person_verified() {
    let world = World::new().await;
    let mut ada = ada(&world).await;
    let options = ada.home.call(Method::POST, "/v1/passkeys/options", None).await.expect(200).body;
    let (mut passkey, response) = Passkey::create(&options, true);
    let register = json!({ "ceremony": options["ceremony"], "response": response, "name": "Desk" });
    let done = ada.home.post("/v1/passkeys", register).await.expect(201);
    take(&mut ada.home, &done);
    assert_eq!(done.body["passkey"]["name"], "Desk");
    world.advance(301);
    for (verifies, status) in [(false, 403), (true, 200)] {
        let path = "/v1/session/step-up/passkey/options";
        let options = ada.home.call(Method::POST, path, None).await.expect(200).body;
        passkey.verifies = verifies;
        let body = json!({ "method": "passkey", "ceremony": options["ceremony"], "response": passkey.get(&options) });
        let reply = ada.home.post("/v1/session/step-up/verify", body).await.expect(status);
        take(&mut ada.home, &reply);
    }
    let listed = ada.home.get("/v1/passkeys").await.expect(200).body;
    let path = format!("/v1/passkeys/{}", listed["passkeys"][0]["id"].as_str().unwrap());
    call(&mut ada.home, Method::PATCH, &path, json!({ "name": "Shelf" })).await.expect(204);
    let removed = ada.home.call(Method::DELETE, &path, None).await.expect(200);
    take(&mut ada.home, &removed);
    ada.home.call(Method::DELETE, &path, None).await.expect(404);
}

/// Whoever knows the password and nothing else gets no session, however they try, and the owner hears of it.
#[tokio::test]
async fn a_password_thief_gets_no_session() {
    let world = World::new().await;
    let mut ada = ada(&world).await;
    let (mut thief, challenge) = asked(&world).await;
    for (method, code) in [
        ("totp", "000000"),
        ("backup_code", "AAAA-AAAA-AAAA-AAAA"),
        ("email_code", "000000"),
        ("password", PASSWORD),
        ("sms_code", "000000"),
    ] {
        let body = json!({ "challenge": challenge, "method": method, "code": code, "trust_device": true });
        let reply = thief.post("/v1/challenge/verify", body).await;
        assert!(reply.status.as_u16() >= 400 && reply.body["session"].is_null(), "{method}: {reply:#?}");
    }
    for _ in 0..5 {
        let body = json!({ "challenge": challenge, "method": "totp", "code": world.totp_at(&ada.uri, 40) });
        thief.post("/v1/challenge/verify", body).await;
    }
    // The challenge is no bearer, and no cookie.
    thief.bearer = challenge.as_str().map(str::to_owned);
    for path in ["/v1/session", "/v1/sessions", "/v1/authenticators", "/v1/trusted-devices", "/v1/passkeys"] {
        thief.get(path).await.expect(401);
    }
    let told = world.mail().await;
    assert!(told.iter().any(|letter| letter.subject.contains("could not finish signing in")));
    ada.home.get("/v1/session").await.expect(200);
}

/// SEC-082: a copy of a trusted browser's value shows itself, and is worth nothing without the password.
#[tokio::test]
async fn a_stolen_trusted_device_gets_no_session() {
    let world = World::new().await;
    let mut ada = ada(&world).await;
    let (mut door, challenge) = asked(&world).await;
    let body = json!({ "challenge": challenge, "method": "totp", "code": world.totp(&ada.uri), "trust_device": true });
    let entered = door.post("/v1/challenge/verify", body).await.expect(201);
    let stolen = entered.body["trusted_device"].clone();
    let come = |device: &Value| json!({ "email": ADA, "password": PASSWORD, "trusted_device": device });
    // Without the password it opens nothing.
    let mut thief = Caller::new(&world);
    let guess = json!({ "email": ADA, "password": "not the password", "trusted_device": stolen });
    thief.post("/v1/sessions", guess).await.expect(401);
    thief.bearer = stolen.as_str().map(str::to_owned);
    thief.get("/v1/session").await.expect(401);
    // The owner comes, and the value moves on; the thief's copy is old from then on, and ends the family.
    let home = Caller::new(&world).post("/v1/sessions", come(&stolen)).await.expect(201);
    assert_eq!(home.body["session"]["acr"], "aal1", "trust is not a second factor shown");
    let fresh = home.body["trusted_device"].clone();
    assert_ne!(fresh, stolen);
    // However often the owner came meanwhile.
    let mut fresh = fresh;
    for _ in 0..3 {
        world.advance(11);
        let again = Caller::new(&world).post("/v1/sessions", come(&fresh)).await.expect(201);
        fresh = again.body["trusted_device"].clone();
    }
    world.advance(11);
    let late = Caller::new(&world).post("/v1/sessions", come(&stolen)).await.expect(200);
    assert!(late.body["session"].is_null() && late.body["challenge"].is_string());
    let after = Caller::new(&world).post("/v1/sessions", come(&fresh)).await.expect(200);
    assert!(after.body["session"].is_null(), "the whole family is gone");
    assert!(world.mail().await.iter().any(|letter| letter.subject.contains("trusted device of your")));
    assert_eq!(ada.home.get("/v1/trusted-devices").await.expect(200).body["trusted_devices"], json!([]));
}

/// The whole of a recovery over HTTP: a mailbox waits three days, a session stops it, a backup code ends the wait.
#[tokio::test]
async fn a_recovery_waits_can_be_stopped_and_ends_in_enrolment() {
    let world = World::new().await;
    let mut ada = ada(&world).await;
    let mut lost = Caller::new(&world);
    let begin = async |lost: &mut Caller| {
        lost.post("/v1/recovery", json!({ "email": ADA })).await.expect(202);
        let link = url::Url::parse(&world.mailed_link(ADA).await).unwrap();
        assert_eq!(link.path(), "/recovery/begin");
        let (_, token) = link.query_pairs().find(|(key, _)| key == "token").unwrap();
        lost.post("/v1/recovery/begin", json!({ "token": token })).await.expect(201).body
    };
    let begun = begin(&mut lost).await;
    assert_eq!((begun["state"].as_str(), begun["reference"].is_string()), (Some("pending"), true));
    let claim = json!({ "claim": begun["claim"] });
    let early = lost.post("/v1/recovery/complete", claim.clone()).await.expect(425);
    assert_eq!((problem(&early), early.headers.contains_key("retry-after")), ("recovery-waiting", true));
    let seen = ada.home.post("/v1/recovery/status", json!({})).await.expect(200);
    assert_eq!((&seen.body["state"], &seen.body["reference"]), (&json!("pending"), &Value::Null));
    ada.home.post("/v1/recovery/stop", json!({})).await.expect(200);
    world.advance(72 * 3_600);
    let stopped = lost.post("/v1/recovery/complete", claim).await.expect(410);
    assert_eq!(problem(&stopped), "recovery-gone");

    let begun = begin(&mut lost).await;
    let body = json!({
        "claim": begun["claim"], "backup_code": ada.backup_codes.pop(), "new_password": "a quite different staple",
    });
    let done = lost.post("/v1/recovery/complete", body).await.expect(201);
    take(&mut lost, &done);
    assert_eq!(done.body["session"]["scope"], "enrolment");
    assert_eq!(problem(&lost.get("/v1/sessions").await.expect(403)), "enrolment-due");
    ada.home.get("/v1/session").await.expect(401);
    lost.call(Method::POST, "/v1/authenticators/totp", None).await.expect(201);
}

/// Somebody who talks a helpdesk into it gets a shortened wait at most, and of a privileged person not even that.
#[tokio::test]
async fn a_helpdesk_impostor_gets_no_session() {
    let world = World::new().await;
    sign_up(&world, BOSS, Belonging::FirstAtHome).await;
    sign_up(&world, ADA, Belonging::Home).await;
    let mut ada = ada(&world).await;
    let id = ada.home.get("/v1/session").await.expect(200).body["user"]["id"].as_str().unwrap().to_owned();
    let mut impostor = Caller::new(&world);
    impostor.post("/v1/recovery", json!({ "email": ADA })).await.expect(202);
    let link = url::Url::parse(&world.mailed_link(ADA).await).unwrap();
    let (_, token) = link.query_pairs().find(|(key, _)| key == "token").unwrap();
    let begun = impostor.post("/v1/recovery/begin", json!({ "token": token })).await.expect(201).body;

    let mut boss = Caller::new(&world);
    let entered = boss.post("/v1/sessions", json!({ "email": BOSS, "password": PASSWORD })).await.expect(201);
    take(&mut boss, &entered);
    let shorten = format!("/v1/members/{id}/recovery/shorten");
    let say = |reference: &Value, reason: &str| json!({ "reference": reference, "reason": reason });
    // Without a reason, or with a reference that was guessed, nothing happens; nor for a colleague without the role.
    boss.post(&shorten, say(&begun["reference"], " ")).await.expect(400);
    boss.post(&shorten, say(&json!("AAAA-AAAA"), "on the phone")).await.expect(410);
    ada.home.post(&shorten, say(&begun["reference"], "it is me")).await.expect(403);
    let done = boss.post(&shorten, say(&begun["reference"], "she was on the phone")).await.expect(200);
    assert_eq!(done.body["recovery"]["shortening"]["in_force"], true);
    // Shortened is not at once: the owner has hours to say no, and every channel is told.
    let claim = json!({ "claim": begun["claim"] });
    impostor.post("/v1/recovery/complete", claim.clone()).await.expect(425);
    assert!(
        world
            .mail()
            .await
            .iter()
            .any(|letter| letter.to.contains(ADA) && letter.text.contains("/recovery/stop?"))
    );
    ada.home.post("/v1/recovery/stop", json!({})).await.expect(200);
    world.advance(72 * 3_600);
    impostor.post("/v1/recovery/complete", claim).await.expect(410);
    // A reset by the helpdesk gives nobody a session either: it takes factors away and ends what was open.
    let reset = boss.post(&format!("/v1/members/{id}/reset"), json!({})).await;
    assert!([204, 401].contains(&reset.status.as_u16()), "{reset:#?}");
    impostor.get("/v1/session").await.expect(401);
}

#[tokio::test]
async fn organisations_people_and_sessions_have_their_routes() {
    let world = World::new().await;
    sign_up(&world, BOSS, Belonging::FirstAtHome).await;
    let mut boss = Caller::new(&world);
    let entered = boss.post("/v1/sessions", json!({ "email": BOSS, "password": PASSWORD })).await.expect(201);
    take(&mut boss, &entered);
    let change = json!({ "trust_lasts_days": 7, "recovery_wait_hours": 96 });
    let changed = call(&mut boss, Method::PATCH, "/v1/organisation", change).await.expect(200);
    let own = &changed.body["organisations"][0];
    assert_eq!((&own["trust_lasts_days"], &own["recovery_wait_hours"]), (&json!(7), &json!(96)));
    for body in [json!({}), json!({ "trust_lasts_days": -1 }), json!({ "methods": "totp" })] {
        call(&mut boss, Method::PATCH, "/v1/organisation", body).await.expect(400);
    }
    call(&mut boss, Method::PATCH, "/v1/account", json!({ "name": "Grace" })).await.expect(200);
    let other =
        Caller::new(&world).post("/v1/sessions", json!({ "email": BOSS, "password": PASSWORD })).await;
    let id = other.expect(201).body["session"]["id"].as_str().unwrap().to_owned();
    assert_eq!(boss.get("/v1/sessions").await.expect(200).body["sessions"].as_array().unwrap().len(), 3);
    boss.call(Method::DELETE, &format!("/v1/sessions/{id}"), None).await.expect(204);
    boss.call(Method::DELETE, &format!("/v1/sessions/{id}"), None).await.expect(404);
    boss.call(Method::DELETE, "/v1/sessions", None).await.expect(204);
    assert_eq!(boss.get("/v1/sessions").await.expect(200).body["sessions"].as_array().unwrap().len(), 1);
    let unknown = boss.get("/v1/nothing").await.expect(404);
    assert_eq!(problem(&unknown), "not-found");
    let wrong = boss.post("/v1/sessions", json!({ "email": 5 })).await.expect(400);
    assert_eq!(wrong.body["errors"][0]["pointer"], "/email");
    boss.call(Method::DELETE, "/v1/session", None).await.expect(204);
    boss.get("/v1/session").await.expect(401);
}

/// The tables of `docs/api.md`, the page and the document are one.
#[tokio::test]
async fn the_reference_is_served_and_in_the_docs() {
    let mut text = String::new();
    for group in reference::GROUPS {
        text.push_str(&format!(
            "\n### {}\n\n| route | by | body | answer |\n|---|---|---|---|\n",
            group.name
        ));
        for row in group.rows {
            let body: Vec<_> = row.body.iter().map(|one| one.written()).collect();
            let answer: String = row.answers().map(|name| format!(" `{name}`")).collect();
            text.push_str(&format!(
                "| {} `{}` | {} | {} | {}{answer}: {} |\n",
                row.method,
                row.path,
                row.by.words(),
                body.join(", "),
                row.status,
                row.what
            ));
        }
    }
    text.push_str("\n### Objects in answers\n\n| object | members |\n|---|---|\n");
    for (name, members) in reference::SHAPES.objects {
        let members: Vec<_> = members.iter().map(|(name, shape)| format!("`{name}` {shape}")).collect();
        text.push_str(&format!("| {name} | {} |\n", members.join(", ")));
    }
    text.push('\n');
    in_the_docs("api.md", "routes", &text);
    let world = World::new().await;
    let mut reader = Caller::new(&world);
    let document = reader.get("/v1/openapi.json").await.expect(200).body;
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/v1/sessions"]["post"]["requestBody"].is_object());
    let page = reader.get("/docs").await.expect(200);
    assert!(page.body.as_str().unwrap().contains("POST /v1/challenge/verify"));
}

const PHONE: &str = "+49 151 12345678";

async fn with_texts(per_range: u32) -> World {
    World::with(move |config| {
        if let Mail::Sink(dir) = &config.mail {
            config.sms = Sms::Sink(dir.clone());
        }
        config.spending = Spending { countries: vec!["49".to_owned()], per_range, per_day: 50 };
    })
    .await
}

async fn texted(world: &World) -> String {
    let mail = world.mail().await;
    let text = &mail.iter().find(|letter| letter.to == "+4915112345678").expect("a text message").text;
    let mut words = text.split(|c: char| !c.is_ascii_digit());
    words.find(|word| word.len() == 6).expect("a code").to_owned()
}

/// SEC-032: a phone is a second factor once the code sent to it came back, and never the only way.
#[tokio::test]
async fn a_phone_is_enrolled_by_its_code_and_answers_the_second_step() {
    let world = with_texts(10).await;
    let mut home = Caller::new(&world);
    let entered = home.post("/v1/accounts", json!({ "email": ADA, "password": PASSWORD })).await.expect(201);
    take(&mut home, &entered);
    for (phone, problem_name) in [("0151 12345678", "phone-invalid"), ("+33 6 12345678", "phone-not-allowed")]
    {
        let refused = home.post("/v1/authenticators/sms", json!({ "phone": phone })).await;
        assert_eq!(problem(&refused), problem_name);
    }
    home.post("/v1/authenticators/sms", json!({ "phone": PHONE })).await.expect(202);
    let code = texted(&world).await;
    // Nothing is in force before it comes back.
    Caller::new(&world).post("/v1/sessions", json!({ "email": ADA, "password": PASSWORD })).await.expect(201);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    home.post("/v1/authenticators/sms/confirm", json!({ "code": wrong })).await.expect(403);
    let done = home.post("/v1/authenticators/sms/confirm", json!({ "code": code })).await.expect(200);
    take(&mut home, &done);
    assert_eq!(done.body["backup_codes"].as_array().unwrap().len(), 10);
    home.post("/v1/authenticators/sms/confirm", json!({ "code": code })).await.expect(409);

    world.advance(31);
    let (mut door, challenge) = asked(&world).await;
    let send = json!({ "challenge": challenge, "method": "sms_code" });
    door.post("/v1/challenge/code", send).await.expect(202);
    let answer = |code: &str| json!({ "challenge": challenge, "method": "sms_code", "code": code });
    // A code for one challenge opens no other.
    let code = texted(&world).await;
    let (mut other, second) = asked(&world).await;
    let crossed = json!({ "challenge": second, "method": "sms_code", "code": code });
    assert!(other.post("/v1/challenge/verify", crossed).await.status.as_u16() >= 400);
    let entered = door.post("/v1/challenge/verify", answer(&code)).await.expect(201);
    assert_eq!(entered.body["session"]["amr"], json!(["pwd", "sms", "mfa"]));
    door.post("/v1/challenge/verify", answer(&code)).await.expect(410);
}

/// The breaker: what fraud would cost is bounded, and another method is left.
#[tokio::test]
async fn texting_stops_when_too_many_go_to_one_range() {
    let world = with_texts(2).await;
    let mut home = Caller::new(&world);
    let entered = home.post("/v1/accounts", json!({ "email": ADA, "password": PASSWORD })).await.expect(201);
    take(&mut home, &entered);
    home.post("/v1/authenticators/sms", json!({ "phone": PHONE })).await.expect(202);
    let code = texted(&world).await;
    let done = home.post("/v1/authenticators/sms/confirm", json!({ "code": code })).await.expect(200);
    let backup = done.body["backup_codes"][0].clone();
    world.advance(31);
    let (mut door, challenge) = asked(&world).await;
    let send = json!({ "challenge": challenge, "method": "sms_code" });
    door.post("/v1/challenge/code", send.clone()).await.expect(202);
    world.advance(31);
    let paused = door.post("/v1/challenge/code", send.clone()).await.expect(503);
    assert_eq!(problem(&paused), "texts-paused");
    let answer = json!({ "challenge": challenge, "code": backup });
    door.post("/v1/challenge/verify", answer).await.expect(201);
    world.advance(3_600);
    let (mut door, challenge) = asked(&world).await;
    let send = json!({ "challenge": challenge, "method": "sms_code" });
    door.post("/v1/challenge/code", send).await.expect(202);
}
