//! The pages in the languages that people read, and what the second step tells them.

use axum::{
    body::Body,
    http::{Method, header},
};

use countersign::{delivery::sink::SinkLetter, operations::organisations};

use crate::world::{Browser, PASSWORD, Reply, World};

const ADA: &str = "ada@example.com";

fn text(page: &Reply) -> &str {
    page.body.as_str().unwrap_or_else(|| panic!("no page: {page:#?}"))
}

async fn get_in(browser: &mut Browser, languages: &str, path: &str) -> Reply {
    let request = browser.request(Method::GET, path).header(header::ACCEPT_LANGUAGE, languages);
    browser.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_page_speaks_what_the_browser_likes_or_what_was_chosen_here() {
    let world = World::new().await;
    let mut browser = world.browser();
    let german =
        get_in(&mut browser, "de-CH,de;q=0.9,en;q=0.5", "/sign-in?return_to=%2Faccount").await.expect(200);
    assert!(text(&german).contains("<html lang=\"de\">") && text(&german).contains("E-Mail-Adresse"));
    // Looking keeps nothing; the other language is a link that keeps everything else in the address.
    assert!(german.cookies().is_empty());
    assert!(
        text(&german).contains("href=\"/sign-in?return_to=%2Faccount&#38;lang=en\""),
        "{}",
        text(&german)
    );

    let english = get_in(&mut browser, "de", "/sign-in?lang=en").await.expect(200);
    assert!(text(&english).contains("<html lang=\"en\">"));
    assert_eq!(browser.jar.get("countersign-language").map(String::as_str), Some("en"));
    let still = get_in(&mut browser, "de", "/recovery").await.expect(200);
    assert!(text(&still).contains("Get back in"));
    // Refusals, too, and what is no language of ours changes nothing.
    let nonsense = get_in(&mut world.browser(), "de", "/sign-in?lang=../../etc").await.expect(200);
    assert!(text(&nonsense).contains("<html lang=\"de\">") && nonsense.cookies().is_empty());
    let mut other = world.browser();
    other.jar.insert("countersign-language".to_owned(), "de".to_owned());
    let wrong = other.submit("/sign-in", &[("email", ADA), ("password", "not it")]).await.expect(401);
    assert!(text(&wrong).contains("Diese Adresse oder dieses Passwort stimmt nicht."));
    // An answer to a form cannot be asked for again: no links to its other languages.
    assert!(!text(&wrong).contains("hreflang"));
}

/// Somebody with an authenticator app and codes by mail, who reads German.
async fn ada(world: &World) -> (Browser, String) {
    let mut browser = world.browser();
    browser.jar.insert("countersign-language".to_owned(), "de".to_owned());
    browser.submit("/sign-up", &[("name", "Ada"), ("email", ADA), ("password", PASSWORD)]).await.expect(303);
    let page = browser.get("/account/totp").await.expect(200);
    let (_, uri) = text(&page).split_once("href=\"otpauth").expect("an otpauth address");
    let uri = format!("otpauth{}", uri.split('"').next().unwrap()).replace("&#38;", "&");
    let sheet = browser.submit("/account/totp", &[("code", &world.totp(&uri))]).await.expect(200);
    assert!(text(&sheet).contains("Backup-Codes für ada@example.com bei "));
    browser.submit("/account/email", &[("send", "on")]).await.expect(200);
    let link = world.mailed_link(ADA).await;
    let (_, token) = link.split_once("token=").expect("a token");
    browser.submit("/enrol-email", &[("token", token)]).await.expect(200);
    world.advance(31);
    (browser, uri)
}

#[tokio::test]
async fn no_page_shows_a_message_by_its_name() {
    let world = World::new().await;
    let (mut browser, _) = ada(&world).await;
    organisations::appoint(&world.ctx, ADA).await.unwrap();
    let ftl = include_str!("../../../../templates/words/de.ftl");
    let ids: Vec<&str> = ftl.lines().filter_map(|line| line.split_once(" =")).map(|(id, _)| id).collect();
    for path in [
        "/account",
        "/account/totp",
        "/account/passkey",
        "/account/email",
        "/account/delete",
        "/password",
        "/recovery",
        "/recovery/begin?token=x",
        "/recovery/status",
        "/recovery/stop?token=x",
        "/password/set?token=x",
        "/sign-up",
        "/sign-in/mail",
        "/verify-email?token=x",
        "/enrol-email?token=x",
        "/step-up",
        "/prove",
        "/prove/done",
        "/admin",
        "/admin/people",
        "/admin/policy",
        "/admin/policy?form=on&required=on&method_totp=on",
        "/admin/keys",
        "/admin/journal",
        "/admin/people/nobody",
    ] {
        let page = browser.get(path).await;
        let text = page.body.as_str().unwrap_or_else(|| panic!("{path}: {page:#?}"));
        assert!(text.contains("<html lang=\"de\">"), "{path}: {text}");
        for id in ids.iter().filter(|id| id.contains('-')) {
            for around in [format!(">{id}<"), format!("\"{id}\""), format!(" {id} ")] {
                let named = around.starts_with('"') && text.contains(&format!("class={around}"));
                assert!(named || !text.contains(&around), "{path}: {id}");
            }
        }
        for english in ["Sign in", "Confirm", "Your account", "Second factors", "browser", "Not now"] {
            assert!(!text.contains(&format!(">{english}")), "{path}: {english}");
        }
    }
}

#[tokio::test]
async fn the_second_step_says_where_codes_go_and_what_was_used_last() {
    let world = World::new().await;
    let (mut browser, uri) = ada(&world).await;
    browser.jar.insert("countersign-language".to_owned(), "en".to_owned());
    browser.submit("/sign-out", &[]).await.expect(303);
    let fields = [("email", ADA), ("password", PASSWORD)];
    browser.submit("/sign-in", &fields).await.expect(303);
    let page = browser.get("/challenge").await.expect(200);
    let app_first =
        "value=\"app\" checked> <span>The app, or the printed codes <small class=\"chip\">Last used";
    assert!(text(&page).contains(app_first), "{}", text(&page));
    assert!(!text(&page).contains(ADA) && text(&page).contains("a•••@example.com"));

    let sent = browser.submit("/challenge", &[("send", "mail")]).await.expect(200);
    assert!(text(&sent).contains("A code is on its way to a•••@example.com."));
    assert!(text(&sent).contains("value=\"mail\" checked") && text(&sent).contains("data-wait=\""));
    let again = browser.submit("/challenge", &[("send", "mail")]).await.expect(403);
    assert!(text(&again).contains("You can ask again in 30 seconds."), "{}", text(&again));
    let code = world.mailed_code(ADA).await;
    browser.submit("/challenge", &[("kind", "mail"), ("code", &code)]).await.expect(303);

    // Last time it was the mail, so that comes first now; and keyboards may write digits as they like.
    browser.submit("/sign-out", &[]).await.expect(303);
    browser.submit("/sign-in", &fields).await.expect(303);
    let page = browser.get("/challenge").await.expect(200);
    assert!(text(&page).contains("value=\"mail\" checked> <span>A mail to a•••@example.com <small"));
    let wide: String = world
        .totp(&uri)
        .chars()
        .map(|c| char::from_u32(c as u32 - '0' as u32 + '０' as u32).unwrap())
        .collect();
    let typed = format!(
        "{}\u{a0}{}",
        wide.chars().take(3).collect::<String>(),
        wide.chars().skip(3).collect::<String>()
    );
    browser.submit("/challenge", &[("kind", "app"), ("code", &typed)]).await.expect(303);
}

#[tokio::test]
async fn where_trust_is_off_nobody_is_asked_for_it() {
    let world = World::new().await;
    let (mut browser, uri) = ada(&world).await;
    organisations::appoint(&world.ctx, ADA).await.unwrap();
    browser
        .submit("/admin/policy", &[("form", "on"), ("method_totp", "on"), ("trust_days", "0")])
        .await
        .expect(303);
    browser.submit("/sign-out", &[]).await.expect(303);
    browser.submit("/sign-in", &[("email", ADA), ("password", PASSWORD)]).await.expect(303);
    let code = world.totp(&uri);
    let entered = browser.submit("/challenge", &[("kind", "app"), ("code", &code)]).await.expect(303);
    assert_eq!(entered.location(), "/account");
}

#[tokio::test]
async fn letters_speak_what_their_reader_was_last_seen_to_read() {
    let world = World::new().await;
    ada(&world).await;
    let subjects = |mail: Vec<SinkLetter>| mail.into_iter().map(|one| one.subject).collect::<Vec<_>>();
    let added = subjects(world.mail().await);
    assert!(added.iter().any(|subject| subject.contains("hat eine neue Art der Anmeldung")), "{added:?}");
    // Whoever asks in another language changes nothing about it.
    let mut stranger = world.browser();
    stranger.jar.insert("countersign-language".to_owned(), "en".to_owned());
    stranger.submit("/password", &[("email", ADA)]).await.expect(200);
    assert!(subjects(world.mail().await).iter().any(|subject| subject.starts_with("Ihr Passwort bei")));
    // Of somebody who is not known yet, the request tells.
    let mut new = world.browser();
    new.jar.insert("countersign-language".to_owned(), "de".to_owned());
    new.submit("/sign-in/mail", &[("email", "mia@example.com")]).await.expect(200);
    assert!(subjects(world.mail().await).iter().any(|subject| subject.starts_with("Ihr Code für")));
    world.browser().submit("/sign-in/mail", &[("email", "nia@example.com")]).await.expect(200);
    assert!(
        subjects(world.mail().await)
            .iter()
            .any(|subject| subject.starts_with("Your ") && subject.ends_with("code"))
    );
}
