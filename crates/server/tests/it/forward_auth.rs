//! Forward-auth: what a proxy is told, the way over the hop, and every way that must not lead in.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{Request, header},
};
use countersign::config::{Config, ForwardAuth};
use countersign_core::{
    ids::OrganisationId,
    organisation::{Organisation, Role, Rules},
    session::{Scope, Session},
};
use serde_json::json;
use url::Url;

use crate::world::{Browser, ORIGIN, Reply, World, send};

const APP: &str = "app.localhost";
/// A proxy that passes redirects on, and asks for nothing more.
const IN: &str = "?mode=redirect";
const WIKI: &str = "wiki.localhost:8443";

/// Requests in these tests come from nowhere, which is an address that can be trusted.
fn protecting(config: &mut Config) {
    config.trusted_proxies = vec!["0.0.0.0/32".parse().unwrap()];
    config.forward_auth = ForwardAuth { hosts: vec![APP.to_owned(), WIKI.to_owned()] };
}

/// A browser at one protected host, seen through its proxy.
struct Visit<'w> {
    world: &'w World,
    host: &'static str,
    jar: BTreeMap<String, String>,
}

impl<'w> Visit<'w> {
    fn at(world: &'w World, host: &'static str) -> Self {
        Self { world, host, jar: BTreeMap::new() }
    }

    async fn ask(&mut self, rules: &str, uri: &str) -> Reply {
        self.ask_with(rules, uri, &[]).await
    }

    async fn ask_with(&mut self, rules: &str, uri: &str, extra: &[(&str, &str)]) -> Reply {
        let mut request = Request::builder()
            .uri(format!("/forward-auth{rules}"))
            .header("x-forwarded-host", self.host)
            .header("x-forwarded-uri", uri);
        for (name, value) in extra {
            request = request.header(*name, *value);
        }
        if !self.jar.is_empty() {
            let jar: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, jar.join("; "));
        }
        let reply = send(&self.world.router(), request.body(Body::empty()).unwrap()).await;
        for (name, value, attributes) in reply.cookies() {
            assert!(attributes.iter().all(|one| !one.starts_with("Domain")), "{attributes:?}");
            self.jar.insert(name, value);
        }
        reply
    }

    /// Over the hop and back: what the proxy is told at the end.
    async fn walk(&mut self, browser: &mut Browser, rules: &str, uri: &str) -> Reply {
        let out = self.ask(rules, uri).await.expect(302);
        let back = browser.get(&path_of(&location(&out))).await.expect(302);
        let back = location(&back);
        let origin = format!("http://{}", self.host);
        let uri = back.strip_prefix(&origin).expect("the hop leads back").to_owned();
        let in_again = self.ask(rules, &uri).await.expect(302);
        let clean = location(&in_again).strip_prefix(&origin).unwrap().to_owned();
        assert!(!clean.contains("countersign_code"), "{clean}");
        self.ask(rules, &clean).await
    }
}

fn location(reply: &Reply) -> String {
    reply.headers[header::LOCATION].to_str().unwrap().to_owned()
}

fn path_of(address: &str) -> String {
    address.strip_prefix(ORIGIN).expect("one of our own").to_owned()
}

fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    reply.headers.get(name).map(|value| value.to_str().unwrap())
}

/// Signed up, and in at our own host by the pages' cookie.
async fn somebody(world: &World, email: &str) -> Browser {
    let mut browser = world.browser();
    let reply = browser.sign_up(email).await;
    browser.jar.insert("countersign".to_owned(), reply.body["token"].as_str().unwrap().to_owned());
    browser
}

/// The pages' cookie for whoever the Better Auth cookie has signed in.
fn take_session_cookie(browser: &mut Browser) {
    let signed = &browser.jar["better-auth.session_token"];
    let token = signed.split('.').next().unwrap().to_owned();
    browser.jar.insert("countersign".to_owned(), token);
}

#[tokio::test]
async fn a_stranger_is_led_over_the_hop_to_the_sign_in_page_and_back() {
    let world = World::with(protecting).await;
    let mut visit = Visit::at(&world, APP);
    let mut stranger = world.browser();
    let out = visit.ask(IN, "/a/b?c=d&e=%2F").await.expect(302);
    assert_eq!(header(&out, "cache-control"), Some("no-store"));
    assert!(header(&out, "remote-user").is_none());
    let hop = location(&out);
    let return_to =
        Url::parse(&hop).unwrap().query_pairs().find(|(key, _)| key == "return_to").unwrap().1.into_owned();
    assert_eq!(return_to, "http://app.localhost/a/b?c=d&e=%2F");

    let page = location(&stranger.get(&path_of(&hop)).await.expect(302));
    let page = Url::parse(&page).unwrap();
    assert_eq!(page.path(), "/sign-in");
    let (_, return_to) = page.query_pairs().find(|(key, _)| key == "return_to").unwrap();
    assert_eq!(return_to, path_of(&hop));

    let mut ada = somebody(&world, "ada@example.com").await;
    let reply = visit.walk(&mut ada, IN, "/a/b?c=d&e=%2F").await.expect(200);
    assert_eq!(header(&reply, "remote-name"), Some("Ada"));
    assert_eq!(header(&reply, "remote-amr"), Some("pwd"));
    assert_eq!(header(&reply, "remote-acr"), Some("aal1"));
    assert_eq!(header(&reply, "remote-groups"), Some(""));
    assert!(header(&reply, "remote-user").is_some_and(|id| id.len() == 32));
    assert_eq!(header(&reply, "remote-email"), Some(""), "nobody verified it");
    visit.ask(IN, "/other").await.expect(200);
}

#[tokio::test]
async fn a_verified_address_is_told() {
    let world = World::with(protecting).await;
    let mut ada = somebody(&world, "ada@example.com").await;
    ada.post("/api/auth/send-verification-email", json!({ "email": "ada@example.com" })).await.expect(200);
    let link = world.mailed_link("ada@example.com").await;
    ada.get(&path_of(&link)).await;
    let reply = Visit::at(&world, APP).walk(&mut ada, IN, "/").await.expect(200);
    assert_eq!(header(&reply, "remote-email"), Some("ada@example.com"));
}

#[tokio::test]
async fn nginx_hears_401_and_asks_again_for_the_redirect() {
    let world = World::with(protecting).await;
    let mut ada = somebody(&world, "ada@example.com").await;
    let mut visit = Visit::at(&world, WIKI);
    let no = visit.ask("?mode=nginx", "/x").await.expect(401);
    assert_eq!((header(&no, "www-authenticate"), visit.jar.len()), (Some("Bearer"), 0));
    let hop = location(&visit.ask(IN, "/x").await.expect(302));
    let back = location(&ada.get(&path_of(&hop)).await.expect(302));
    let uri = back.strip_prefix("http://wiki.localhost:8443").unwrap();
    visit.ask("?mode=nginx", uri).await.expect(401);
    assert_eq!(location(&visit.ask(IN, uri).await.expect(302)), "http://wiki.localhost:8443/x");
    visit.ask("?mode=nginx", "/x").await.expect(200);
    visit.ask("?mode=nginx", uri).await.expect(401);
    assert_eq!(location(&visit.ask(IN, uri).await.expect(302)), "http://wiki.localhost:8443/x");
}

#[tokio::test]
async fn a_pass_is_for_one_host_and_dies_with_its_session() {
    let world = World::with(protecting).await;
    let mut ada = somebody(&world, "ada@example.com").await;
    let mut visit = Visit::at(&world, APP);
    visit.walk(&mut ada, IN, "/").await.expect(200);
    // The application reads its own cookie, and tries it elsewhere.
    let mut thief = Visit { world: &world, host: WIKI, jar: visit.jar.clone() };
    thief.ask("?mode=nginx", "/").await.expect(401);
    // It is no session token, and a session token is no pass.
    let pass = visit.jar["countersign-forward"].clone();
    let mut posing = world.browser();
    posing.jar.insert("countersign".to_owned(), pass.clone());
    let hop = location(&thief.ask(IN, "/").await.expect(302));
    assert!(location(&posing.get(&path_of(&hop)).await).contains("/sign-in?"));
    let bearer = Request::get("/api/auth/get-session").header("authorization", format!("Bearer {pass}"));
    assert!(send(&world.router(), bearer.body(Body::empty()).unwrap()).await.body.is_null());
    let mut turned = Visit::at(&world, APP);
    turned.jar.insert("countersign-forward".to_owned(), ada.jar["countersign"].clone());
    turned.ask("?mode=nginx", "/").await.expect(401);

    ada.post("/api/auth/sign-out", json!({})).await.expect(200);
    visit.ask("?mode=nginx", "/").await.expect(401);
}

#[tokio::test]
async fn a_session_that_ran_out_takes_its_passes_along() {
    let world = World::with(protecting).await;
    let mut ada = somebody(&world, "ada@example.com").await;
    let mut visit = Visit::at(&world, APP);
    visit.walk(&mut ada, IN, "/").await.expect(200);
    world.advance(7 * 24 * 3_600 + 1);
    visit.ask("?mode=nginx", "/").await.expect(401);
}

#[tokio::test]
async fn a_code_works_once_soon_there_and_in_the_browser_that_asked() {
    let world = World::with(protecting).await;
    let mut ada = somebody(&world, "ada@example.com").await;
    let mut visit = Visit::at(&world, APP);
    let hop = location(&visit.ask(IN, "/x").await.expect(302));
    let fresh = async |ada: &mut Browser| {
        let back = location(&ada.get(&path_of(&hop)).await.expect(302));
        back.strip_prefix("http://app.localhost").unwrap().to_owned()
    };
    let got_in = |visit: &Visit<'_>| visit.jar.contains_key("countersign-forward");

    // A stranger sends somebody a link with the stranger's own code in it.
    let mut lured = Visit::at(&world, APP);
    lured.ask(IN, &fresh(&mut ada).await).await.expect(302);
    assert!(!got_in(&lured), "no state of this browser's");
    lured.ask(IN, &fresh(&mut ada).await).await.expect(302);
    assert!(!got_in(&lured), "another browser's state");

    let mut elsewhere = Visit { world: &world, host: WIKI, jar: visit.jar.clone() };
    elsewhere.ask(IN, &fresh(&mut ada).await).await.expect(302);
    assert!(!got_in(&elsewhere), "another host");

    let late = fresh(&mut ada).await;
    world.advance(60);
    visit.ask(IN, &late).await.expect(302);
    assert!(!got_in(&visit), "too late");

    let posted = fresh(&mut ada).await;
    visit.ask_with(IN, &posted, &[("x-forwarded-method", "POST")]).await.expect(303);
    assert!(!got_in(&visit), "only by reading");

    let code = fresh(&mut ada).await;
    assert_eq!(location(&visit.ask(IN, &code).await.expect(302)), "http://app.localhost/x");
    let pass = visit.jar.remove("countersign-forward").expect("in");
    assert!(location(&visit.ask(IN, &code).await.expect(302)).contains("/forward-auth/hop?"), "twice");
    assert!(!got_in(&visit));
    visit.jar.insert("countersign-forward".to_owned(), pass);
    visit.ask(IN, "/x").await.expect(200);

    let doomed = fresh(&mut ada).await;
    ada.post("/api/auth/sign-out", json!({})).await.expect(200);
    visit.jar.remove("countersign-forward");
    visit.ask(IN, &doomed).await.expect(302);
    assert!(!got_in(&visit), "the session is gone");
}

#[tokio::test]
async fn only_proxies_ask_and_only_about_listed_hosts() {
    let world = World::with(protecting).await;
    let ask = async |world: &World, headers: &[(&str, &str)]| {
        let request =
            headers.iter().fold(Request::get("/forward-auth?mode=redirect"), |request, (name, value)| {
                request.header(*name, *value)
            });
        send(&world.router(), request.body(Body::empty()).unwrap()).await.status.as_u16()
    };
    assert_eq!(ask(&world, &[("x-forwarded-host", APP)]).await, 302);
    assert_eq!(ask(&world, &[("x-forwarded-host", "evil.example")]).await, 403);
    assert_eq!(ask(&world, &[("host", APP)]).await, 400);
    assert_eq!(ask(&world, &[("x-forwarded-host", APP), ("x-forwarded-host", "evil.example")]).await, 400);
    let open = World::with(|config| {
        protecting(config);
        config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    });
    assert_eq!(ask(&open.await, &[("x-forwarded-host", APP)]).await, 403);
    for wrong in ["", "?mode=traefik", "?min=aal2", "?mode=nginx&max_age=soon", "?mode=nginx&role=admin"] {
        Visit::at(&world, APP).ask(wrong, "/").await.expect(400);
    }
}

#[tokio::test]
async fn the_hop_leads_to_listed_hosts_only() {
    let world = World::with(protecting).await;
    let mut ada = somebody(&world, "ada@example.com").await;
    let state = "A".repeat(43);
    for target in [
        "http://evil.example/",
        "http://app.localhost.evil.example/",
        "http://app.localhost@evil.example/",
        "https://app.localhost/",
        "//app.localhost/",
        "/",
        "http://localhost:3777/",
        "javascript:alert(1)",
        "",
    ] {
        let hop = format!("/forward-auth/hop?state={state}&return_to={}", escaped(target));
        let refused = ada.get(&hop).await.expect(400);
        assert!(!refused.headers.contains_key(header::LOCATION), "{target}");
    }
    let fine = escaped("http://app.localhost/");
    ada.get(&format!("/forward-auth/hop?return_to={fine}&state={state}")).await.expect(302);
    for state in ["", "short", "!"] {
        ada.get(&format!("/forward-auth/hop?return_to={fine}&state={state}")).await.expect(400);
    }
}

fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[tokio::test]
async fn a_place_may_ask_for_a_second_factor_and_a_recent_one() {
    let world = World::with(protecting).await;
    let mut ada = world.browser();
    let enrolled = ada.enrol(&world, "ada@example.com").await;
    let challenged = ada.sign_in("ada@example.com").await.expect(200);
    assert_eq!(challenged.body["twoFactorRedirect"], true);
    let code = json!({ "code": world.totp(&enrolled.uri) });
    ada.post("/api/auth/two-factor/verify-totp", code).await.expect(200);
    take_session_cookie(&mut ada);
    let strict = "?mode=redirect&min=aal2&max_age=300";
    let mut visit = Visit::at(&world, APP);
    let reply = visit.walk(&mut ada, strict, "/pay").await.expect(200);
    assert_eq!(
        (header(&reply, "remote-acr"), header(&reply, "remote-amr")),
        (Some("aal2"), Some("pwd,otp,mfa"))
    );

    world.advance(301);
    visit.ask("?mode=redirect&min=aal2", "/pay").await.expect(200);
    let no = visit.ask("?mode=nginx&min=aal2&max_age=300", "/pay").await.expect(401);
    let wanted = r#"Bearer error="insufficient_user_authentication", acr_values="aal2", max_age="300""#;
    assert_eq!(header(&no, "www-authenticate"), Some(wanted));
    let hop = location(&visit.ask(strict, "/pay").await.expect(302));
    let page = location(&ada.get(&path_of(&hop)).await.expect(302));
    assert!(page.starts_with(&format!("{ORIGIN}/sign-in?return_to=")), "{page}");
    assert!(page.ends_with("&acr_values=aal2&max_age=300"), "{page}");
    // Whoever strips the demand from the address only loses time.
    let stripped = path_of(&hop).replace("&acr_values=aal2&max_age=300", "");
    let back = location(&ada.get(&stripped).await.expect(302));
    visit.ask(strict, back.strip_prefix("http://app.localhost").unwrap()).await.expect(302);
    assert!(location(&visit.ask(strict, "/pay").await.expect(302)).contains("/forward-auth/hop?"));

    world.advance(24 * 3_600);
    visit.ask("?mode=nginx&min=aal2", "/pay").await.expect(401);
    visit.ask("?mode=nginx", "/pay").await.expect(200);
}

#[tokio::test]
async fn a_password_alone_is_not_enough_where_two_factors_are_asked_for() {
    let world = World::with(protecting).await;
    let mut ada = somebody(&world, "ada@example.com").await;
    let mut visit = Visit::at(&world, APP);
    visit.walk(&mut ada, IN, "/").await.expect(200);
    visit.ask("?mode=nginx&min=aal2", "/").await.expect(401);
    visit.ask("?mode=nginx&max_age=4000000000", "/").await.expect(401);
    visit.ask("?mode=nginx&group=admins", "/").await.expect(403);
}

#[tokio::test]
async fn scripts_are_not_sent_anywhere() {
    let world = World::with(protecting).await;
    let mut visit = Visit::at(&world, APP);
    visit.ask_with(IN, "/api", &[("sec-fetch-mode", "cors")]).await.expect(401);
    visit.ask_with(IN, "/api", &[("sec-fetch-mode", "navigate")]).await.expect(302);
    visit.ask_with(IN, "/form", &[("x-forwarded-method", "POST")]).await.expect(303);
}

#[tokio::test]
async fn head_changes_nothing() {
    let world = World::with(protecting).await;
    for path in ["/forward-auth", "/forward-auth/hop"] {
        let head = Request::head(path).header("x-forwarded-host", APP).body(Body::empty()).unwrap();
        send(&world.router(), head).await.expect(405);
    }
}

#[tokio::test]
async fn half_sessions_get_no_pass() {
    let world = World::with(protecting).await;
    // Somebody with a second factor owes it: there is a challenge and no session.
    let mut ada = world.browser();
    ada.enrol(&world, "ada@example.com").await;
    let mut thief = world.browser();
    thief.sign_in("ada@example.com").await.expect(200);
    let mut visit = Visit::at(&world, APP);
    let hop = path_of(&location(&visit.ask(IN, "/").await.expect(302)));
    for (_, value) in thief.jar.clone() {
        let mut posing = world.browser();
        posing.jar.insert("countersign".to_owned(), value);
        assert!(location(&posing.get(&hop).await.expect(302)).contains("/sign-in?"));
    }
    // Cut down to enrolling, a whole session and its passes lead nowhere.
    let mut bob = somebody(&world, "bob@example.com").await;
    let mut passed = Visit::at(&world, WIKI);
    passed.walk(&mut bob, IN, "/").await.expect(200);
    let session = session_of(&world, "bob@example.com").await;
    world.ctx.store.write(move |tx| tx.set_scope(&session.id, Scope::Enrolment)).await.unwrap();
    passed.ask("?mode=nginx", "/").await.expect(401);
    assert!(location(&bob.get(&hop).await.expect(302)).contains("/sign-in?"));
}

#[tokio::test]
async fn a_place_may_be_for_a_group() {
    let world = World::with(protecting).await;
    let mut ada = somebody(&world, "ada@example.com").await;
    let session = session_of(&world, "ada@example.com").await;
    let (user, now) = (session.user_id, world.clock.now());
    let acme = Organisation {
        id: OrganisationId::from("0192aa".to_owned()),
        external_id: None,
        name: "Acme, Remote-User: root".to_owned(),
        rules: Rules::default(),
        created_at: now,
    };
    let joined = world.ctx.store.write(move |tx| {
        tx.insert_organisation(&acme)?;
        tx.insert_membership(&acme.id, &user, (Role::Admin, now))
    });
    joined.await.unwrap();
    let mut visit = Visit::at(&world, APP);
    let reply = visit.walk(&mut ada, "?mode=redirect&group=0192aa:admin", "/").await.expect(200);
    assert_eq!(header(&reply, "remote-groups"), Some("0192aa,0192aa:admin"));
    visit.ask("?mode=redirect&group=0192aa", "/").await.expect(200);
    visit.ask("?mode=redirect&group=0192aa:owner", "/").await.expect(403);
    visit.ask("?mode=redirect&group=Acme", "/").await.expect(403);
}

async fn session_of(world: &World, email: &'static str) -> Session {
    let now = world.clock.now();
    let found = world.ctx.store.read(move |tx| {
        let user = tx.user_by_email(email)?.unwrap();
        tx.sessions_of(&user.id, now)
    });
    found.await.unwrap().remove(0)
}
