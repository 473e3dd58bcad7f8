//! The hosted pages, as a browser without scripts uses them.

use axum::{
    body::Body,
    http::{Method, header},
};
use countersign::config::EmailVerification;
use serde_json::{Value, json};

use crate::{
    authenticator::Passkey,
    world::{Browser, PASSWORD, Reply, World},
};

const ADA: &str = "ada@example.com";

fn text(page: &Reply) -> &str {
    page.body.as_str().unwrap_or_else(|| panic!("no page: {page:#?}"))
}

/// The seed on an enrolment page, as its `otpauth:` address.
fn uri(page: &Reply) -> String {
    let (_, after) = text(page).split_once("href=\"otpauth").expect("an otpauth address");
    format!("otpauth{}", after.split('"').next().unwrap()).replace("&#38;", "&").replace("&amp;", "&")
}

async fn sign_in(browser: &mut Browser, return_to: &str) -> Reply {
    let fields = [("email", ADA), ("password", PASSWORD), ("return_to", return_to)];
    browser.submit("/sign-in", &fields).await
}

/// Signs up, enrols an authenticator app, and stays signed in.
async fn enrolled(world: &World) -> (Browser, String, Vec<String>) {
    let mut browser = world.browser();
    let fields = [("name", "Ada"), ("email", ADA), ("password", PASSWORD)];
    let up = browser.submit("/sign-up", &fields).await.expect(303);
    assert_eq!(up.location(), "/account");
    assert!(text(&browser.get("/account").await.expect(200)).contains("A password alone opens this account"));
    let page = browser.get("/account/totp").await.expect(200);
    let uri = uri(&page);
    let codes = browser.submit("/account/totp", &[("code", &world.totp(&uri))]).await.expect(200);
    let backup_codes: Vec<String> =
        text(&codes).split("<li>").skip(1).map(|item| item.split('<').next().unwrap().to_owned()).collect();
    assert_eq!(backup_codes.len(), 10);
    assert!(text(&browser.get("/account").await.expect(200)).contains("has a second factor"));
    world.advance(31);
    (browser, uri, backup_codes)
}

#[tokio::test]
async fn a_whole_life_without_scripts() {
    let world = World::new().await;
    let (mut home, uri, mut backup_codes) = enrolled(&world).await;
    let out = home.submit("/sign-out", &[]).await.expect(303);
    assert_eq!(out.location(), "/sign-in");
    assert_eq!(home.get("/account").await.expect(302).location(), "/sign-in?return_to=%2Faccount");

    let wrong = home.submit("/sign-in", &[("email", ADA), ("password", "not it")]).await.expect(401);
    assert!(text(&wrong).contains("not right") && text(&wrong).contains(ADA));
    let asked = sign_in(&mut home, "/account").await.expect(303);
    assert_eq!(asked.location(), "/challenge?return_to=%2Faccount");
    home.get("/account").await.expect(302);
    let challenge = asked.location().to_owned();
    let page = home.get(&challenge).await.expect(200);
    assert!(
        text(&page).contains("or a backup code") && text(&page).contains("Mail a code to a•••@example.com")
    );
    home.submit(&challenge, &[("kind", "app"), ("code", "000000")]).await.expect(401);
    let code = world.totp(&uri);
    let fields = [("kind", "app"), ("code", &*code)];
    let asked = home.submit(&challenge, &fields).await.expect(303);
    assert_eq!(asked.location(), "/challenge/trust?return_to=%2Faccount");
    assert!(!text(&home.get("/account").await.expect(200)).contains("Trusted browsers"));
    assert!(text(&home.get(asked.location()).await.expect(200)).contains("for 30 days"));
    let trusted = home.submit("/challenge/trust", &[("return_to", "/account")]).await.expect(303);
    assert_eq!(trusted.location(), "/account");

    // Trusted, the next time goes without.
    home.submit("/sign-out", &[]).await.expect(303);
    assert_eq!(sign_in(&mut home, "/account").await.expect(303).location(), "/account");
    assert!(text(&home.get("/account").await.expect(200)).contains("Trusted browsers"));

    // A backup code gets them in as well; then they are told to look after what they lost.
    home.jar.clear();
    let challenge = sign_in(&mut home, "/account").await.expect(303).location().to_owned();
    let spent = home.submit(&challenge, &[("kind", "app"), ("code", &backup_codes[2])]).await.expect(303);
    assert_eq!(spent.location(), "/challenge/backup-code?return_to=%2Faccount");
    assert!(text(&home.get(spent.location()).await.expect(200)).contains("9 of 10 are left."));
    let page = home.get("/account").await.expect(200);
    assert!(
        text(&page).contains("9 of 10 are left.") && text(&page).contains("<li>No. 3: "),
        "{}",
        text(&page)
    );
    let factors = home.get("/v1/authenticators").await.expect(200);
    assert_eq!(factors.body["backup_codes_used"][0]["place"], 3);

    // What is sensitive asks for a fresh proof first.
    world.advance(400);
    let stale = home.submit("/account/backup-codes", &[]).await.expect(303);
    assert_eq!(stale.location(), "/step-up?return_to=%2Faccount");
    let code = world.totp(&uri);
    home.submit("/step-up?return_to=%2Faccount", &[("kind", "app"), ("code", &code)]).await.expect(303);
    assert!(text(&home.submit("/account/backup-codes", &[]).await.expect(200)).contains("backup codes"));
    backup_codes.clear();
    let which = [("what", "method"), ("id", "totp")];
    world.advance(400);
    assert_eq!(
        home.submit("/account/remove", &which).await.expect(303).location(),
        "/step-up?return_to=%2Faccount"
    );
    let code = world.totp(&uri);
    home.submit("/step-up?return_to=%2Faccount", &[("kind", "app"), ("code", &code)]).await.expect(303);
    let asked = home.submit("/account/remove", &which).await.expect(200);
    assert!(text(&asked).contains("Remove “Authenticator app”?"), "{}", text(&asked));
    assert!(text(&asked).contains("No second factor will be left"));
    assert!(text(&home.get("/account").await.expect(200)).contains("has a second factor"));
    let gone = home.submit("/account/remove", &[which[0], which[1], ("sure", "on")]).await.expect(303);
    assert_eq!(gone.location(), "/account");
    assert!(text(&home.get("/account").await.expect(200)).contains("A password alone"));
}

/// SEC-018, SEC-082: trust is left only with a browser whose second step was a moment ago, and where rules allow it.
#[tokio::test]
async fn a_browser_is_trusted_only_right_after_the_second_step() {
    let world = World::new().await;
    let (mut home, uri, _) = enrolled(&world).await;
    let devices = |world: &World| {
        let read = world.ctx.store.clone();
        async move {
            let count = read.read(|tx| tx.row("SELECT COUNT(*) FROM trusted_devices", &[], |row| row.get(0)));
            count.await.unwrap().unwrap_or(0_i64)
        }
    };
    let again = async |home: &mut Browser| {
        home.submit("/sign-out", &[]).await.expect(303);
        let challenge = sign_in(home, "/account").await.expect(303).location().to_owned();
        let code = world.totp(&uri);
        let asked = home.submit(&challenge, &[("kind", "app"), ("code", &code)]).await.expect(303);
        asked.location().to_owned()
    };
    // Too late: nothing is asked, and nothing is left.
    assert!(again(&mut home).await.starts_with("/challenge/trust"));
    world.advance(301);
    assert_eq!(home.get("/challenge/trust").await.expect(303).location(), "/account");
    home.submit("/challenge/trust", &[]).await.expect(303);
    assert_eq!(devices(&world).await, 0);
    // Nobody who is not signed in is asked at all.
    world.browser().submit("/challenge/trust", &[]).await.expect(302);
    // A new rule holds between the question and the answer.
    assert!(again(&mut home).await.starts_with("/challenge/trust"));
    let forbid = |tx: &mut countersign::store::Tx<'_>| {
        let user = tx.user_by_email(ADA)?.expect("Ada").id;
        tx.execute(
            "INSERT INTO organisations (id, name, second_factor_required, created_at, trust_lasts)
             VALUES ('o', 'O', FALSE, 0, 0)",
            &[],
        )?;
        tx.execute(
            "INSERT INTO memberships (organisation_id, user_id, role, created_at) VALUES ('o', $1, 'member', 0)",
            &[(&user).into()],
        )
    };
    world.ctx.store.write(forbid).await.unwrap();
    assert_eq!(home.submit("/challenge/trust", &[]).await.expect(303).location(), "/account");
    assert_eq!(devices(&world).await, 0);
    world.advance(31);
    assert_eq!(again(&mut home).await, "/account", "it was asked although no browser is trusted");
}

/// Two people at one computer: neither undoes what the other said of it.
#[tokio::test]
async fn a_browser_that_two_people_trust_spares_both_the_second_step() {
    const BOB: &str = "bob@example.com";
    let world = World::new().await;
    let mut shared = world.browser();
    let mut apps = Vec::new();
    for email in [ADA, BOB] {
        shared.submit("/sign-up", &[("email", email), ("password", PASSWORD)]).await.expect(303);
        let app = uri(&shared.get("/account/totp").await.expect(200));
        shared.submit("/account/totp", &[("code", &world.totp(&app))]).await.expect(200);
        shared.submit("/sign-out", &[]).await.expect(303);
        world.advance(31);
        apps.push((email, app));
    }
    let first = |email| [("email", email), ("password", PASSWORD)];
    for (email, app) in &apps {
        shared.submit("/sign-in", &first(email)).await.expect(303);
        shared.submit("/challenge", &[("method", "totp"), ("code", &world.totp(app))]).await.expect(303);
        shared.submit("/challenge/trust", &[]).await.expect(303);
        shared.submit("/sign-out", &[]).await.expect(303);
    }
    for _ in 0..3 {
        for email in [ADA, BOB] {
            let come = shared.submit("/sign-in", &first(email)).await.expect(303);
            assert_eq!(come.location(), "/account", "{email} is known here");
            assert!(text(&shared.get("/account").await.expect(200)).contains(email));
            shared.submit("/sign-out", &[]).await.expect(303);
        }
    }
    // What one of them takes back is not taken from the other.
    let ada = world.ctx.store.read(|tx| Ok(tx.user_by_email(ADA)?.expect("an account").id)).await.unwrap();
    world.ctx.store.write(move |tx| tx.delete_trusted_devices(&ada)).await.unwrap();
    let asked = shared.submit("/sign-in", &first(ADA)).await.expect(303);
    assert!(asked.location().starts_with("/challenge?"));
    assert_eq!(shared.submit("/sign-in", &first(BOB)).await.expect(303).location(), "/account");
}

#[tokio::test]
async fn a_code_by_mail_signs_in() {
    let world = World::new().await;
    let mut browser = world.browser();
    let sent = browser.submit("/sign-in/mail", &[("email", ADA)]).await.expect(200);
    assert!(text(&sent).contains("a code is on its way"));
    let code = world.mailed_code(ADA).await;
    let mut other = world.browser();
    other.submit("/sign-in/mail/code", &[("email", ADA), ("code", &code)]).await.expect(401);
    let entered = browser.submit("/sign-in/mail/code", &[("email", ADA), ("code", &code)]).await.expect(303);
    assert_eq!(entered.location(), "/account");
    browser.get("/account").await.expect(200);
}

#[tokio::test]
async fn recovery_waits_is_stopped_by_a_click_and_ends_in_enrolment() {
    let world = World::new().await;
    let mut verified = world.browser();
    verified.submit("/sign-in/mail", &[("email", ADA)]).await.expect(200);
    let code = world.mailed_code(ADA).await;
    verified.submit("/sign-in/mail/code", &[("email", ADA), ("code", &code)]).await.expect(303);
    let page = verified.get("/account/totp").await.expect(200);
    let uri = uri(&page);
    let codes = verified.submit("/account/totp", &[("code", &world.totp(&uri))]).await.expect(200);
    let backup = text(&codes).split("<li>").nth(1).unwrap().split('<').next().unwrap().to_owned();
    world.advance(31);

    let link = async |browser: &mut Browser| {
        browser.submit("/recovery", &[("email", ADA)]).await.expect(200);
        let link = url::Url::parse(&world.mailed_link(ADA).await).unwrap();
        format!("{}?{}", link.path(), link.query().unwrap())
    };
    let mut lost = world.browser();
    let begin = link(&mut lost).await;
    // Looking begins nothing, however often and whoever looks.
    for _ in 0..3 {
        world.browser().get(&begin).await.expect(200);
    }
    let token = begin.split("token=").nth(1).unwrap().to_owned();
    let begun = lost.submit("/recovery/begin", &[("token", &token)]).await.expect(200);
    assert!(text(&begun).contains("Waiting") && text(&begun).contains("Reference"));
    assert!(text(&lost.get("/recovery/status").await.expect(200)).contains("Waiting"));
    lost.submit("/recovery/complete", &[]).await.expect(403);
    assert!(
        text(&verified.get("/account").await.expect(200)).contains("Somebody asks to get into this account")
    );
    // One click in the mail stops it, wherever it is read.
    let mail = world.mail().await;
    let stop = mail.iter().find_map(|letter| {
        let word = letter.text.split_whitespace().find(|word| word.contains("/recovery/stop?"))?;
        url::Url::parse(word).ok()
    });
    let stop = stop.expect("a link that stops it");
    let path = format!("{}?{}", stop.path(), stop.query().unwrap());
    let mut anywhere = world.browser();
    assert!(text(&anywhere.get(&path).await.expect(200)).contains("Was this you?"));
    assert!(
        text(&lost.get("/recovery/status").await.expect(200)).contains("Waiting"),
        "looking stops nothing"
    );
    let token = stop.query().unwrap().strip_prefix("token=").unwrap().to_owned();
    assert!(
        text(&anywhere.submit("/recovery/stop", &[("token", &token)]).await.expect(200))
            .contains("It is stopped")
    );
    assert!(text(&lost.get("/recovery/status").await).contains("Stopped"));

    world.advance(31);
    let begin = link(&mut lost).await;
    let token = begin.split("token=").nth(1).unwrap().to_owned();
    lost.submit("/recovery/begin", &[("token", &token)]).await.expect(200);
    let done = lost.submit("/recovery/complete", &[("backup_code", &backup)]).await.expect(303);
    assert_eq!(done.location(), "/account/totp");
    assert_eq!(lost.get("/account").await.expect(303).location(), "/account/totp");
    assert!(text(&lost.get("/account/totp").await.expect(200)).contains("requires a second factor"));
    verified.get("/account").await.expect(302);
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_and_the_second_factor_stays() {
    let world = World::new().await;
    let (mut home, uri, _) = enrolled(&world).await;
    let mut lost = world.browser();
    for address in [ADA, "nobody@example.com"] {
        assert!(
            text(&lost.submit("/password", &[("email", address)]).await.expect(200)).contains("on its way")
        );
    }
    let link = url::Url::parse(&world.mailed_link(ADA).await).unwrap();
    let path = format!("{}?{}", link.path(), link.query().unwrap());
    let token = link.query().unwrap().strip_prefix("token=").unwrap().to_owned();
    for _ in 0..3 {
        assert!(text(&lost.get(&path).await.expect(200)).contains("New password"));
    }
    lost.submit("/password/set", &[("token", &token), ("password", "short")]).await.expect(400);
    let fields = [("token", &*token), ("password", "a quite different staple")];
    lost.submit("/password/set", &fields).await.expect(200);
    lost.submit("/password/set", &fields).await.expect(410);
    home.get("/account").await.expect(302);
    let fields = [("email", ADA), ("password", "a quite different staple")];
    let asked = lost.submit("/sign-in", &fields).await.expect(303);
    assert!(asked.location().starts_with("/challenge"));
    let page = lost.get(asked.location()).await.expect(200);
    assert!(!text(&page).contains("Mail me a code"), "the mailbox has had its turn");
    let code = world.totp(&uri);
    lost.submit(asked.location(), &[("kind", "app"), ("code", &code)]).await.expect(303);
}

#[tokio::test]
async fn where_addresses_must_be_verified_a_button_does_it() {
    let world = World::with(|config| config.accounts.email_verification = EmailVerification::Required).await;
    let mut browser = world.browser();
    let up = browser.submit("/sign-up", &[("email", ADA), ("password", PASSWORD)]).await.expect(200);
    assert!(text(&up).contains("Follow the link"));
    assert!(text(&sign_in(&mut browser, "/account").await.expect(401)).contains("Verify your address"));
    let link = url::Url::parse(&world.mailed_link(ADA).await).unwrap();
    let path = format!("{}?{}", link.path(), link.query().unwrap());
    browser.get(&path).await.expect(200);
    sign_in(&mut browser, "/account").await.expect(401);
    let token = link.query().unwrap().strip_prefix("token=").unwrap().to_owned();
    browser.submit("/verify-email", &[("token", &token)]).await.expect(200);
    assert_eq!(sign_in(&mut browser, "/account").await.expect(303).location(), "/account");
    browser.submit("/verify-email", &[("token", "unknown")]).await.expect(410);
}

/// SEC-027, SEC-079: nobody is led away, and no stranger's page signs anybody in.
#[tokio::test]
async fn pages_lead_nowhere_else_and_take_no_strangers_forms() {
    let world = World::new().await;
    enrolled(&world).await;
    for target in ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"] {
        let mut browser = world.browser();
        let asked = sign_in(&mut browser, target).await.expect(303);
        assert_eq!(asked.location(), "/challenge?return_to=%2Faccount", "{target}");
    }
    let mut browser = world.browser();
    for (name, value) in [("origin", "https://evil.example"), ("referer", "https://evil.example/x")] {
        let request = axum::http::Request::builder().method(Method::POST).uri("/sign-in").header(name, value);
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let refused = browser.send(request.body(Body::from("email=a&password=b")).unwrap()).await;
        refused.expect(403);
    }
    let page = browser.get("/sign-in").await.expect(200);
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(!text(&page).contains("<script>") && !text(&page).contains(" style="), "nothing inline");
}

/// What the pages' script does, from options to where it goes then.
async fn passkey(browser: &mut Browser, path: &str, answer: impl FnOnce(&Value) -> Value) -> Reply {
    let (place, query) = path.split_once('?').unwrap_or((path, ""));
    let options = browser.post(&format!("{place}/options"), json!({})).await.expect(200).body;
    let body = json!({ "ceremony": options["ceremony"], "response": answer(&options), "name": "Laptop" });
    browser.post(&format!("{place}?{query}"), body).await
}

#[tokio::test]
async fn a_passkey_is_added_signs_in_and_answers_the_second_step() {
    let world = World::new().await;
    let mut home = world.browser();
    home.submit("/sign-up", &[("email", ADA), ("password", PASSWORD)]).await.expect(303);
    let mut made = None;
    let added = passkey(&mut home, "/account/passkey", |options| {
        let (one, response) = Passkey::create(options, true);
        made = Some(one);
        response
    });
    let added = added.await.expect(200);
    assert!(added.body["page"].as_str().unwrap().contains("Your backup codes"));
    let mut one = made.unwrap();
    let page = home.get("/account").await.expect(200);
    let (_, form) = text(&page).split_once("action=\"/account/rename\"").expect("a form to rename it");
    let (_, form) = form.split_once("name=\"id\" value=\"").unwrap();
    let id = form.split('"').next().unwrap().to_owned();
    home.submit("/account/rename", &[("id", &id), ("name", "Work laptop")]).await.expect(303);
    home.submit("/account/rename", &[("id", &id), ("name", &"x".repeat(65))]).await.expect(403);
    home.submit("/account/rename", &[("id", "nobody's"), ("name", "Mine")]).await.expect(403);
    assert!(text(&home.get("/account").await.expect(200)).contains("<p>Work laptop<br>"));
    // Trying it is a proof with it and with no other.
    let test = format!("/account/passkey/test?id={id}");
    assert!(text(&home.get(&test).await.expect(200)).contains("Test “Work laptop”"));
    let options = home.post(&format!("/account/passkey/test/options?id={id}"), json!({})).await.expect(200);
    assert_eq!(options.body["allowCredentials"].as_array().unwrap().len(), 1);
    home.post("/account/passkey/test/options?id=nobodys", json!({})).await.expect(403);
    let answer = json!({ "ceremony": options.body["ceremony"], "response": one.get(&options.body) });
    let back = format!("{test}&tried=yes")
        .replace('/', "%2F")
        .replace('?', "%3F")
        .replace('=', "%3D")
        .replace('&', "%26");
    assert!(
        text(&home.get(&format!("{test}&tried=yes")).await.expect(200)).contains("data-passkey"),
        "not tried yet"
    );
    let proven = home.post(&format!("/challenge/passkey?return_to={back}"), answer).await.expect(200);
    assert!(text(&home.get(proven.body["url"].as_str().unwrap()).await.expect(200)).contains("It works"));
    // Long after the last proof the script is sent to give another.
    world.advance(400);
    let stale = home.post("/account/passkey/options", json!({})).await.expect(403);
    assert_eq!(stale.body["url"], "/step-up?return_to=%2Faccount%2Fpasskey");
    assert_eq!(
        home.get("/account/totp").await.expect(303).location(),
        "/step-up?return_to=%2Faccount%2Ftotp"
    );
    let mut door = world.browser();
    let entered = passkey(&mut door, "/sign-in/passkey", |options| one.get(options)).await.expect(200);
    assert_eq!(entered.body["url"], "/account");
    door.get("/account").await.expect(200);
    let mut door = world.browser();
    assert_eq!(
        sign_in(&mut door, "/account").await.expect(303).location(),
        "/challenge?return_to=%2Faccount"
    );
    // As a browser answers that was told which passkeys to use.
    let without_handle = |options: &Value| {
        let mut response = one.get(options);
        response["response"].as_object_mut().unwrap().remove("userHandle");
        response["clientExtensionResults"] = json!({});
        response
    };
    let entered =
        passkey(&mut door, "/challenge/passkey?return_to=%2Faccount", without_handle).await.expect(200);
    assert_eq!(entered.body["url"], "/challenge/trust?return_to=%2Faccount");
    door.get("/account").await.expect(200);
}

#[tokio::test]
async fn a_second_app_is_added_named_and_removed_and_the_first_stays() {
    let world = World::new().await;
    let (mut home, _, _) = enrolled(&world).await;
    let page = home.get("/account").await.expect(200);
    assert!(text(&page).contains("Add another authenticator app"));
    let begun = home.get("/account/totp").await.expect(200);
    assert!(text(&begun).contains("name=\"name\"") && text(&begun).contains("required"));
    let wrong = home.submit("/account/totp", &[("code", "000000"), ("name", "<Tablet>")]).await.expect(401);
    assert!(text(&wrong).contains("value=\"&#60;Tablet&#62;\""), "what was typed is kept");
    let fields = [("code", world.totp(&uri(&wrong))), ("name", "<Tablet>".to_owned())];
    let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(home.submit("/account/totp", &fields).await.expect(303).location(), "/account");
    let page = home.get("/account").await.expect(200);
    assert!(
        text(&page).contains("&#60;Tablet&#62;<br><small><span class=\"whole\">authenticator app, since"),
        "{}",
        text(&page)
    );
    let (_, form) = text(&page).split_once("name=\"what\" value=\"app\"").expect("a form to rename it");
    let first = form.split("value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let named = [("what", "app"), ("id", first.as_str()), ("name", "Phone")];
    home.submit("/account/rename", &named).await.expect(303);
    let page = home.get("/account").await.expect(200);
    assert!(text(&page).contains("<p>Phone<br>"));
    let (_, after) = text(&page).split_once("<p>&#60;Tablet&#62;<br>").unwrap();
    let (_, form) = after.split_once("name=\"id\" value=\"").unwrap();
    let second = form.split('"').next().unwrap().to_owned();
    let asked = home.submit("/account/remove", &[("what", "app"), ("id", &second)]).await.expect(200);
    assert!(text(&asked).contains("Remove “&#60;Tablet&#62;”?"), "{}", text(&asked));
    let sure = [("what", "app"), ("id", second.as_str()), ("sure", "on")];
    home.submit("/account/remove", &sure).await.expect(303);
    let page = home.get("/account").await.expect(200);
    assert!(text(&page).contains("<p>Phone<br>") && !text(&page).contains("Tablet"));
    home.submit("/account/remove", &sure).await.expect(403);
}

/// From an application without a login, through the sign-in page, and back to it with a code.
#[tokio::test]
async fn forward_auth_leads_through_the_sign_in_page_and_back() {
    let world = World::with(|config| config.forward_auth.hosts = vec!["app.localhost:3777".to_owned()]).await;
    let mut browser = world.browser();
    browser.submit("/sign-up", &[("email", ADA), ("password", PASSWORD)]).await.expect(303);
    browser.submit("/sign-out", &[]).await.expect(303);
    let state = data_encoding::BASE64URL_NOPAD.encode(&[7; 32]);
    let place = "http%3A%2F%2Fapp.localhost%3A3777%2Freports%3Fyear%3D2026";
    let hop = format!("/forward-auth/hop?return_to={place}&state={state}");
    let asked = browser.get(&hop).await.expect(302).location().to_owned();
    let sign_in = asked.strip_prefix("http://localhost:3777").expect("at our own host").to_owned();
    let page = browser.get(&sign_in).await.expect(200);
    let return_to = page.field("return_to").unwrap().replace("&#38;", "&").replace("&amp;", "&");
    let fields = [("email", ADA), ("password", PASSWORD), ("return_to", &*return_to)];
    let onward = browser.submit("/sign-in", &fields).await.expect(303).location().to_owned();
    assert!(onward.starts_with("/forward-auth/hop?"), "{onward}");
    // Where two factors are asked for, whoever has one is led to adding another.
    let stricter = format!("{onward}&acr_values=aal2");
    let more = browser.get(&stricter).await.expect(302).location().to_owned();
    let more = more.strip_prefix("http://localhost:3777").unwrap().to_owned();
    assert_eq!(browser.get(&more).await.expect(303).location(), "/account/totp");
    let back = browser.get(&onward).await.expect(302).location().to_owned();
    let start = "http://app.localhost:3777/reports?year=2026&countersign_code=";
    assert!(back.starts_with(start), "{back}");
}
