//! An organisation's name, colour and logo on the pages of its people, and of nobody else's.

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use countersign::operations::organisations::Belonging;
use serde_json::json;

use crate::{
    administration::{ADA, BOSS, DESK, signed_in, text, town},
    people::sign_up,
    service::Shop,
    world::{Browser, ORIGIN, Reply, send},
};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot much of a picture";

/// The form as browsers send it, with a file if there is one.
async fn upload(browser: &mut Browser, fields: &[(&str, &str)], logo: &[u8]) -> Reply {
    let mut body = Vec::new();
    for (name, value) in fields {
        let part = format!("--x1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend(part.into_bytes());
    }
    body.extend(b"--x1\r\nContent-Disposition: form-data; name=\"logo\"; filename=\"a\"\r\n\r\n");
    body.extend(logo);
    body.extend(b"\r\n--x1--\r\n");
    let request = browser.request(Method::POST, "/admin/brand");
    let request = request.header(header::CONTENT_TYPE, "multipart/form-data; boundary=x1");
    browser.send(request.body(Body::from(body)).unwrap()).await
}

/// The address of the picture on a page.
fn logo_on(page: &Reply) -> Option<String> {
    let (_, after) = text(page).split_once("<img src=\"")?;
    Some(after.split('"').next().unwrap().to_owned())
}

#[tokio::test]
async fn an_organisation_looks_as_it_says_to_its_people() {
    let world = town().await;
    let mut boss = signed_in(&world, BOSS).await;
    let fields = [("name", "Zebra Ltd"), ("colour", "#1A7F37")];
    assert_eq!(upload(&mut boss, &fields, PNG).await.expect(303).location(), "/admin/brand");
    let own = boss.get("/admin/brand").await.expect(200);
    assert!(text(&own).contains("value=\"Zebra Ltd\"") && text(&own).contains("value=\"#1a7f37\""));

    // Whoever comes anew sees it, and their authenticator app does.
    let door = world.browser().get("/sign-in").await.expect(200);
    assert!(text(&door).contains("<span>Zebra Ltd</span>") && text(&door).contains("Sign in · Zebra Ltd"));
    assert!(text(&door).contains("href=\"/assets/colours/1a7f37.css\""));
    let css =
        send(&world.router(), Request::get("/assets/colours/1a7f37.css").body(Body::empty()).unwrap()).await;
    assert!(css.expect(200).body.as_str().unwrap().contains("--accent:#"));
    let picture = logo_on(&door).expect("a logo");
    let request = || Request::get(&picture).body(Body::empty()).unwrap();
    let shown = send(&world.router(), request()).await.expect(200);
    assert_eq!(shown.headers[header::CONTENT_TYPE], "image/png");
    assert!(shown.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("sandbox"));
    world.browser().submit("/sign-in/mail", &[("email", "new@example.com")]).await.expect(200);
    world.browser().submit("/password", &[("email", ADA)]).await.expect(200);
    let named = world.mail().await.into_iter().filter(|letter| letter.subject.contains("Zebra Ltd"));
    assert_eq!(named.count(), 2);
    let sent = world.mail_as_sent().await;
    assert!(sent.contains(&format!("<img src=3D\"{ORIGIN}{picture}\" alt")), "{sent}");
    assert!(sent.contains("background:#1a7f37"), "{sent}");
    let mut ada = signed_in(&world, ADA).await;
    assert!(text(&ada.get("/account/totp").await.expect(200)).contains("otpauth://totp/Zebra%20Ltd"));
    let prompt = ada.post("/account/passkey/options", json!({})).await.expect(200);
    assert_eq!(prompt.body["rp"]["name"], "Zebra Ltd");

    // What is said anew without a file keeps the picture; it goes when it is taken away.
    upload(&mut boss, &[("name", ""), ("colour", "")], b"").await.expect(303);
    let plain = world.browser().get("/sign-in").await.expect(200);
    assert!(
        logo_on(&plain).is_some() && !text(&plain).contains("Zebra") && !text(&plain).contains("/colours/")
    );
    upload(&mut boss, &[("no_logo", "on")], b"").await.expect(303);
    assert_eq!(logo_on(&world.browser().get("/sign-in").await.expect(200)), None);
    send(&world.router(), request()).await.expect(404);
}

#[tokio::test]
async fn what_could_not_be_read_or_could_act_is_refused_and_changes_nothing() {
    let world = town().await;
    let mut boss = signed_in(&world, BOSS).await;
    let yellow = upload(&mut boss, &[("name", "Zebra"), ("colour", "#ffcc00")], b"").await.expect(400);
    assert!(text(&yellow).contains("a contrast of 1.3 to 1") && text(&yellow).contains("#846a00 would do"));
    // What was typed is there to be mended.
    assert!(text(&yellow).contains("value=\"#ffcc00\"") && text(&yellow).contains("value=\"Zebra\""));
    let name = "x".repeat(61);
    for (fields, logo) in [
        ([("name", name.as_str()), ("colour", "")], &b""[..]),
        ([("name", "a\u{202e}b"), ("colour", "")], b""),
        ([("name", "evil.example"), ("colour", "")], b""),
        ([("name", ""), ("colour", "red")], b""),
        ([("name", ""), ("colour", "\"><script>")], b""),
        ([("name", ""), ("colour", "")], b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ([("name", ""), ("colour", "")], &[PNG, &vec![0; 49 * 1024]].concat()),
    ] {
        upload(&mut boss, &fields, logo).await.expect(400);
    }
    upload(&mut boss, &[], &[PNG, &vec![0; 80 * 1024]].concat()).await.expect(400);
    boss.submit("/admin/brand", &[("name", "Zebra")]).await.expect(400);
    let door = world.browser().get("/sign-in").await.expect(200);
    assert!(logo_on(&door).is_none() && !text(&door).contains("Zebra"));
    for file in ["red.css", "1a7f37", "..css", "1a7f37%22.css"] {
        let request = Request::get(format!("/assets/colours/{file}")).body(Body::empty()).unwrap();
        send(&world.router(), request).await.expect(404);
    }
}

#[tokio::test]
async fn only_administrators_with_a_fresh_proof_change_it() {
    let world = town().await;
    for email in [DESK, ADA] {
        let mut browser = signed_in(&world, email).await;
        browser.get("/admin/brand").await.expect(403);
        upload(&mut browser, &[("name", "Evil")], b"").await.expect(403);
    }
    let mut boss = signed_in(&world, BOSS).await;
    world.advance(400);
    let stale = upload(&mut boss, &[("name", "Zebra")], b"").await.expect(303);
    assert_eq!(stale.location(), "/step-up?return_to=%2Fadmin%2Fbrand");
    assert!(!text(&world.browser().get("/sign-in").await.expect(200)).contains("Zebra"));
}

#[tokio::test]
async fn each_sees_their_own_organisation() {
    let world = town().await;
    let mut shop = Shop::new(&world).await;
    let mut boss = signed_in(&world, BOSS).await;
    upload(&mut boss, &[("name", "Zebra")], b"").await.expect(303);
    let opened = shop.open(json!({})).await.expect(201);
    let mut person = world.browser();
    let url = opened.body["url"].as_str().unwrap().replace(ORIGIN, "");
    person.get(&url).await.expect(303);
    assert!(text(&person.get("/prove").await.expect(200)).contains("<span>Zebra</span>"));

    // Somebody of another organisation sees theirs.
    let mia = "mia@example.com";
    sign_up(&world, mia, Belonging::Founds { name: "Elsewhere".to_owned() }).await;
    let mut browser = signed_in(&world, mia).await;
    upload(&mut browser, &[("name", "Elsewhere")], b"").await.expect(303);
    assert!(text(&browser.get("/account").await.expect(200)).contains("<span>Elsewhere</span>"));
    assert!(text(&boss.get("/account").await.expect(200)).contains("<span>Zebra</span>"));
    assert!(text(&world.browser().get("/sign-in").await.expect(200)).contains("<span>Zebra</span>"));
}
