//! Magic links and mailed codes: one factor, once, for whoever reads the mailbox and nobody who scans it.

use axum::{
    body::Body,
    http::{Method, header},
};
use countersign::config::{EmailVerification, MailSignIns};
use serde_json::json;

use crate::{
    people::{at_once, number},
    world::{Browser, Reply, World},
};

const ADA: &str = "ada@example.com";
const NEW: &str = "new@example.com";

/// Asks for a link and returns it, as a path.
async fn ask_link(world: &World, browser: &mut Browser, email: &str) -> String {
    browser.post("/api/auth/sign-in/magic-link", json!({ "email": email })).await.expect(200);
    let link = url::Url::parse(&world.mailed_link(email).await).unwrap();
    format!("{}?{}", link.path(), link.query().unwrap())
}

/// Presses the button of the page that the link opens.
async fn press(browser: &mut Browser, link: &str) -> Reply {
    let page = browser.get(link).await.expect(200);
    let confirm = page.field("confirm").expect("a page with a button").to_owned();
    browser.submit(link, &[("confirm", &confirm)]).await
}

async fn is_in(browser: &mut Browser) -> bool {
    !browser.get("/api/auth/get-session").await.expect(200).body.is_null()
}

/// Somebody whose address is verified, signed out.
async fn verified(world: &World, email: &str) {
    let mut browser = world.browser();
    let link = ask_link(world, &mut browser, email).await;
    press(&mut browser, &link).await.expect(303);
    world.advance(31);
}

#[tokio::test]
async fn a_link_makes_an_account_and_signs_in_once() {
    let world = World::new().await;
    let mut browser = world.browser();
    let asked = json!({ "email": "New@Example.com", "name": "Nia", "newUserCallbackURL": "/welcome" });
    browser.post("/api/auth/sign-in/magic-link", asked).await.expect(200);
    let link = url::Url::parse(&world.mailed_link(NEW).await).unwrap();
    let link = format!("{}?{}", link.path(), link.query().unwrap());
    let page = browser.get(&link).await.expect(200);
    assert!(page.body.as_str().unwrap().contains("data-confirms-itself"), "the asker's page needs no click");
    let entered = press(&mut browser, &link).await.expect(303);
    assert_eq!(entered.location(), "http://localhost:3777/welcome");
    let session = browser.get("/api/auth/get-session").await.expect(200).body;
    assert_eq!(session["user"]["email"], NEW);
    assert_eq!((&session["user"]["name"], &session["user"]["emailVerified"]), (&json!("Nia"), &json!(true)));
    let mut again = world.browser();
    let refused = again.get(&link).await.expect(302);
    assert_eq!(refused.location(), "http://localhost:3777/?error=INVALID_TOKEN");
    assert!(!is_in(&mut again).await);
}

/// SEC-028: a scanner opens everything, some run scripts and post; the person's click still works.
#[tokio::test]
async fn a_scanner_spends_nothing() {
    let world = World::new().await;
    let mut home = world.browser();
    let link = ask_link(&world, &mut home, ADA).await;
    let mut scanner = world.browser();
    for _ in 0..5 {
        let page = scanner.get(&link).await.expect(200);
        assert!(!page.body.as_str().unwrap().contains("<script"), "nothing here runs by itself");
    }
    for (method, headers) in [
        (Method::HEAD, &[][..]),
        (Method::OPTIONS, &[]),
        (Method::GET, &[("sec-purpose", "prefetch"), ("purpose", "prefetch")]),
        (Method::GET, &[("sec-fetch-mode", "cors")]),
    ] {
        let request = headers
            .iter()
            .fold(scanner.request(method, &link), |request, (name, value)| request.header(*name, *value));
        scanner.send(request.body(Body::empty()).unwrap()).await;
        assert!(!is_in(&mut scanner).await);
    }
    // A script that posts to whatever it was shown, without a page of its own.
    let mut bot = world.browser();
    for fields in [&[][..], &[("confirm", "")], &[("confirm", "x")]] {
        assert_eq!(bot.submit(&link, fields).await.expect(403).code(), "CONFIRMATION_REQUIRED");
    }
    // And one that has somebody else's page, but not their cookies.
    let page = home.get(&link).await.expect(200);
    let confirm = page.field("confirm").unwrap().to_owned();
    bot.submit(&link, &[("confirm", &confirm)]).await.expect(403);
    assert!(!is_in(&mut bot).await);
    press(&mut home, &link).await.expect(303);
    assert!(is_in(&mut home).await);
}

/// Whoever finds a link that was used, or keeps its page, gets nothing from it.
#[tokio::test]
async fn a_replayed_link_gets_no_session() {
    let world = World::new().await;
    let mut home = world.browser();
    let link = ask_link(&world, &mut home, ADA).await;
    let page = home.get(&link).await.expect(200);
    let confirm = page.field("confirm").unwrap().to_owned();
    let mut copy = home.clone();
    home.submit(&link, &[("confirm", &confirm)]).await.expect(303);
    for browser in [&mut copy, &mut world.browser()] {
        browser.get(&link).await.expect(302);
        let late = browser.submit(&link, &[("confirm", &confirm)]).await;
        assert!(late.status == 403 || late.location().contains("error=INVALID_TOKEN"), "{late:#?}");
        assert!(!is_in(browser).await);
    }
    // Nor does an older one, once somebody came in by a newer.
    world.advance(31);
    let first = ask_link(&world, &mut copy, ADA).await;
    world.advance(31);
    let second = ask_link(&world, &mut copy, ADA).await;
    press(&mut copy, &second).await.expect(303);
    copy.jar.clear();
    copy.get(&first).await.expect(302);
    assert!(!is_in(&mut copy).await);
}

/// The client's `magicLink.verify` fetches the link; that works in the browser that asked, and nowhere else.
#[tokio::test]
async fn the_askers_own_script_may_fetch_the_link_without_a_page() {
    let world = World::new().await;
    let mut home = world.browser();
    let link = ask_link(&world, &mut home, ADA).await;
    let bare = link.split("&callbackURL").next().unwrap().to_owned();
    let mut other = world.browser();
    assert!(other.get(&bare).await.expect(200).body.is_string(), "a page, and no session");
    let navigation = home.request(Method::GET, &bare).header("sec-fetch-mode", "navigate");
    let navigation = navigation.body(Body::empty()).unwrap();
    assert!(home.send(navigation).await.expect(200).body.is_string());
    let entered = home.get(&bare).await.expect(200).body;
    assert_eq!((&entered["user"]["email"], entered["token"].is_string()), (&json!(ADA), true));
    assert!(is_in(&mut home).await && !is_in(&mut other).await);
}

/// A link followed elsewhere says where it was asked for.
#[tokio::test]
async fn another_browser_is_told_who_asked() {
    let world = World::new().await;
    let mut asker = world.browser();
    let request = asker.request(Method::POST, "/api/auth/sign-in/magic-link");
    let request = request.header(header::CONTENT_TYPE, "application/json").header("user-agent", "curl/8");
    asker.send(request.body(Body::from(json!({ "email": ADA }).to_string())).unwrap()).await.expect(200);
    let link = url::Url::parse(&world.mailed_link(ADA).await).unwrap();
    let link = format!("{}?{}", link.path(), link.query().unwrap());
    let mut owner = world.browser();
    let page = owner.get(&link).await.expect(200);
    let text = page.body.as_str().unwrap();
    assert!(text.contains("curl") && text.contains(ADA), "{text}");
    press(&mut owner, &link).await.expect(303);
    assert!(
        is_in(&mut owner).await && !is_in(&mut asker).await,
        "whoever follows it is in, not whoever asked"
    );
}

/// SEC-029: a mailbox is one factor, and never two.
#[tokio::test]
async fn a_mailbox_thief_gets_no_session() {
    let world = World::new().await;
    let mut ada = world.browser();
    let enrolled = ada.enrol(&world, ADA).await;
    let mut thief = world.browser();
    let link = ask_link(&world, &mut thief, ADA).await;
    let asked = press(&mut thief, &link).await.expect(303);
    assert!(
        asked.location().starts_with("/api/auth/two-factor/challenge?callbackURL="),
        "{}",
        asked.location()
    );
    assert!(!is_in(&mut thief).await);
    let page = asked.location().to_owned();
    let shown = thief.get(&page).await.expect(200).body;
    assert!(!shown.as_str().unwrap().contains("Mail me a code"), "the same mailbox again is nothing new");
    let sent = thief.post("/api/auth/two-factor/send-otp", json!({})).await.expect(400);
    assert_eq!(sent.code(), "OTP_NOT_CONFIGURED");
    thief.submit(&page, &[("send", "mail")]).await.expect(403);
    thief.submit(&page, &[("kind", "mail"), ("code", "123456")]).await.expect(401);
    // By code instead of link it is the same.
    world.advance(31);
    thief.jar.clear();
    let entered = with_code(&world, &mut thief, ADA).await.expect(200);
    assert_eq!(entered.body["twoFactorRedirect"], true);
    assert_eq!(entered.body["twoFactorMethods"], json!(["totp"]));
    // Nor does setting a password through the mailbox help.
    world.advance(31);
    thief.post("/api/auth/request-password-reset", json!({ "email": ADA })).await.expect(200);
    let reset = world.mailed_link(ADA).await;
    let token = url::Url::parse(&reset).unwrap().path().rsplit('/').next().unwrap().to_owned();
    let set = json!({ "newPassword": "another long password", "token": token });
    thief.post("/api/auth/reset-password", set).await.expect(200);
    world.advance(31);
    let link = ask_link(&world, &mut thief, ADA).await;
    let asked = press(&mut thief, &link).await.expect(303);
    let page = asked.location().to_owned();
    thief.submit(&page, &[("kind", "password"), ("code", "another long password")]).await.expect(401);
    assert!(!is_in(&mut thief).await);
    // The owner, who has the app, gets in on that very page.
    world.advance(31);
    let mut owner = world.browser();
    let link = ask_link(&world, &mut owner, ADA).await;
    let page = press(&mut owner, &link).await.expect(303).location().to_owned();
    let code = world.totp(&enrolled.uri);
    let done = owner.submit(&page, &[("kind", "app"), ("code", &code)]).await.expect(303);
    assert_eq!(done.location(), "http://localhost:3777/");
    assert!(is_in(&mut owner).await);
}

/// Whoever signs up with somebody else's address waits for the owner in vain.
#[tokio::test]
async fn an_account_that_nobody_verified_is_cleansed_for_the_owner_of_the_mailbox() {
    let world = World::new().await;
    let mut squatter = world.browser();
    squatter.sign_up(ADA).await;
    let change = json!({ "newEmail": "squatter@example.com" });
    squatter.post("/api/auth/change-email", change).await.expect(200);
    let hijack = url::Url::parse(&world.mailed_link("squatter@example.com").await).unwrap();
    let mut owner = world.browser();
    let link = ask_link(&world, &mut owner, ADA).await;
    press(&mut owner, &link).await.expect(303);
    assert!(is_in(&mut owner).await && !is_in(&mut squatter).await);
    squatter.sign_in(ADA).await.expect(401);
    let late = squatter.get(&format!("{}?{}", hijack.path(), hijack.query().unwrap())).await;
    assert!(late.location().contains("error=INVALID_TOKEN"), "{late:?}");
    assert_eq!(owner.get("/api/auth/get-session").await.expect(200).body["user"]["email"], ADA);
    let told = world.mail().await;
    assert!(told.iter().any(|letter| letter.to.contains(ADA) && letter.subject.contains("was removed")));
}

/// With a second factor, an unverified account neither loses it to the mailbox nor is vouched for by it.
#[tokio::test]
async fn a_mailbox_takes_no_factor_away() {
    let world = World::new().await;
    let mut squatter = world.browser();
    squatter.enrol(&world, ADA).await;
    let mut owner = world.browser();
    let link = ask_link(&world, &mut owner, ADA).await;
    press(&mut owner, &link).await.expect(303);
    assert!(!is_in(&mut owner).await && is_in(&mut squatter).await);
    let user = squatter.get("/api/auth/get-session").await.expect(200).body["user"].clone();
    assert_eq!((&user["emailVerified"], &user["twoFactorEnabled"]), (&json!(false), &json!(true)));
}

async fn send_code(browser: &mut Browser, email: &str) {
    let body = json!({ "email": email, "type": "sign-in" });
    browser.post("/api/auth/email-otp/send-verification-otp", body).await.expect(200);
}

async fn type_code(browser: &mut Browser, email: &str, code: &str) -> Reply {
    browser.post("/api/auth/sign-in/email-otp", json!({ "email": email, "otp": code })).await
}

async fn with_code(world: &World, browser: &mut Browser, email: &str) -> Reply {
    send_code(browser, email).await;
    let code = world.mailed_code(email).await;
    type_code(browser, email, &code).await
}

#[tokio::test]
async fn a_code_signs_in_once_and_only_where_it_was_asked_for() {
    let world = World::new().await;
    let mut home = world.browser();
    send_code(&mut home, ADA).await;
    let code = world.mailed_code(ADA).await;
    let mut phisher = world.browser();
    assert_eq!(type_code(&mut phisher, ADA, &code).await.expect(400).code(), "INVALID_OTP");
    phisher.post("/api/auth/sign-in/magic-link", json!({ "email": NEW })).await.expect(200);
    assert_eq!(type_code(&mut phisher, ADA, &code).await.expect(400).code(), "INVALID_OTP");
    assert_eq!(type_code(&mut home, ADA, "x").await.expect(400).code(), "INVALID_OTP");
    let entered = type_code(&mut home, ADA, &code).await.expect(200);
    assert_eq!(entered.body["user"]["emailVerified"], true);
    let mut replay = home.clone();
    assert_eq!(type_code(&mut replay, ADA, &code).await.expect(400).code(), "INVALID_OTP");
    world.advance(31);
    send_code(&mut home, ADA).await;
    let code = world.mailed_code(ADA).await;
    world.advance(300);
    assert_eq!(type_code(&mut home, ADA, &code).await.expect(400).code(), "OTP_EXPIRED");
    let other = json!({ "email": ADA, "type": "forget-password" });
    let unsupported = home.post("/api/auth/email-otp/send-verification-otp", other).await.expect(400);
    assert_eq!(unsupported.code(), "OTP_TYPE_NOT_SUPPORTED");
}

/// Three wrong codes end one sign-in, and a ration of them closes the address to codes, whoever types them.
#[tokio::test]
async fn guessing_at_mailed_codes_is_rationed_per_address() {
    const HALF_DAYS: u64 = 60;
    let world = World::new().await;
    verified(&world, ADA).await;
    let mut taken = 0;
    for round in 0..HALF_DAYS {
        let mut guesser = world.browser();
        send_code(&mut guesser, ADA).await;
        let right = world.mailed_code(ADA).await;
        let wrong = if right == "000000" { "000001" } else { "000000" };
        for _ in 0..3 {
            let reply = type_code(&mut guesser, ADA, wrong).await;
            taken += u64::from(reply.status == 400);
        }
        if round == 0 {
            assert_eq!(type_code(&mut guesser, ADA, &right).await.expect(403).code(), "TOO_MANY_ATTEMPTS");
            assert_eq!(type_code(&mut guesser, ADA, &right).await.expect(400).code(), "INVALID_OTP");
        }
        world.advance(86_400 / 2);
    }
    // The ration, and one more every two days (core/src/lockout.rs).
    assert!((15..=15 + HALF_DAYS / 4).contains(&taken), "{taken} guesses in 30 days");
    let mut next = world.browser();
    send_code(&mut next, ADA).await;
    let wrong = type_code(&mut next, ADA, "000000").await;
    let code = world.mailed_code(ADA).await;
    let locked = type_code(&mut next, ADA, &code).await.expect(429);
    assert!(locked.headers.contains_key("retry-after"), "{wrong:?}");
    // The other doors stand as they stood.
    world.advance(31);
    let link = ask_link(&world, &mut next, ADA).await;
    press(&mut next, &link).await.expect(303);
}

#[tokio::test]
async fn strangers_learn_nothing_and_mails_are_limited() {
    let world = World::with(|config| config.accounts.mail_sign_ins = MailSignIns::Existing).await;
    let mut ada = world.browser();
    ada.sign_up(ADA).await;
    let mut stranger = world.browser();
    let mut ask = async |email: &str| {
        let reply =
            stranger.post("/api/auth/sign-in/magic-link", json!({ "email": email })).await.expect(200);
        (reply.body.clone(), reply.cookies().len())
    };
    assert_eq!(ask(ADA).await, ask(NEW).await);
    for _ in 0..4 {
        assert_eq!(ask(ADA).await, (json!({ "status": true }), 1));
    }
    let to = |mail: &[countersign::delivery::sink::SinkLetter], email: &str| {
        mail.iter().filter(|letter| letter.to.contains(email)).count()
    };
    let mail = world.mail().await;
    assert_eq!((to(&mail, ADA), to(&mail, NEW)), (1, 0), "one in thirty seconds, and none to nobody");

    let off = World::with(|config| config.accounts.mail_sign_ins = MailSignIns::Off).await;
    let refused = off.browser().post("/api/auth/sign-in/magic-link", json!({ "email": ADA })).await;
    assert_eq!(refused.expect(403).code(), "METHOD_NOT_ALLOWED_BY_ORGANIZATION");
}

#[tokio::test]
async fn a_link_leads_nowhere_that_is_not_trusted() {
    let world = World::with(|config| config.accounts.email_verification = EmailVerification::Required).await;
    let mut browser = world.browser();
    for key in ["callbackURL", "newUserCallbackURL", "errorCallbackURL"] {
        let body = json!({ "email": ADA, key: "https://evil.example" });
        browser.post("/api/auth/sign-in/magic-link", body).await.expect(403);
    }
    browser.sign_up(ADA).await;
    world.advance(31);
    let link = ask_link(&world, &mut browser, ADA).await;
    let evil = link.replace("callbackURL=%2F", "callbackURL=https%3A%2F%2Fevil.example");
    browser.get(&evil).await.expect(403);
    browser.submit(&evil, &[]).await.expect(403);
    press(&mut browser, &link).await.expect(303);
    assert!(is_in(&mut browser).await, "the link itself verified the address");
    browser.sign_in(ADA).await.expect(401);
}

/// SEC-022, SEC-025: of 64 that bring one link, or one code, at once on both nodes, one is let in.
#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_with_one_link_or_code_one_is_let_in() {
    let world = World::new().await;
    for round in 0..6 {
        world.advance(700);
        let email = format!("racer{round}@example.com");
        let mut home = world.browser();
        let (path, body) = if round % 2 == 0 {
            let link = ask_link(&world, &mut home, &email).await;
            let page = home.get(&link).await.expect(200);
            (link, format!("confirm={}", page.field("confirm").unwrap()))
        } else {
            send_code(&mut home, &email).await;
            let code = world.mailed_code(&email).await;
            let body = json!({ "email": email, "otp": code }).to_string();
            ("/api/auth/sign-in/email-otp".to_owned(), body)
        };
        let (first, second) = (world.router(), world.second_node().await);
        let kind = if round % 2 == 0 { "application/x-www-form-urlencoded" } else { "application/json" };
        let jar = home.jar.clone();
        let won = at_once(&world, 64, |_, at| {
            let router = if at % 2 == 0 { first.clone() } else { second.clone() };
            let (jar, path, body) = (jar.clone(), path.clone(), body.clone());
            async move {
                let mut browser = Browser::on(router);
                browser.jar = jar;
                let request = browser.request(Method::POST, &path).header(header::CONTENT_TYPE, kind);
                let reply = browser.send(request.body(Body::from(body)).unwrap()).await;
                browser.jar.keys().any(|name| name.ends_with("session_token")) && reply.status.as_u16() < 400
            }
        })
        .await;
        assert_eq!(won.into_iter().filter(|won| *won).count(), 1, "round {round}");
    }
    let sessions = number(&world, "SELECT count(*) FROM sessions", vec![]).await;
    assert_eq!(sessions, 6);
}
