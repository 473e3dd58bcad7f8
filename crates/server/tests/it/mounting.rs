//! Where dialects are: prefixes, hosts, the root and its order; what is switched off is gone.

use std::{borrow::Cow, sync::Arc};

use axum::{
    Json, Router,
    body::Body,
    extract::{OriginalUri, Request},
    http::{Extensions, HeaderValue, Method, StatusCode, Uri},
    middleware::map_response,
    response::Response,
    routing::on,
};
use countersign::{
    app,
    config::{Config, DialectHost},
    ctx::Ctx,
    dialects::{self, Dialect, Mount, Mounting},
    fault::Fault,
    http::routes::{Route, Routes},
};
use serde_json::{Value, json};

use crate::world::{self, Browser, Reply, World};

/// A dialect that says its name in a header and tells how it was asked.
macro_rules! dialect {
    ($name:literal, $base:literal, $normal:expr, $($method:ident $path:literal),*) => {{
        fn table() -> Routes<()> {
            Routes::default()$(.on(Method::$method, $path, |method| on(method, echo)))*
        }
        fn routes() -> Vec<Route> {
            table().list()
        }
        fn speak(_: &Arc<Ctx>) -> Result<Router, Fault> {
            let named = async |mut response: Response| {
                response.headers_mut().insert("x-dialect", HeaderValue::from_static($name));
                response
            };
            Ok(table().router().fallback(nothing).method_not_allowed_fallback(wrong).layer(map_response(named)))
        }
        Dialect {
            name: $name,
            base: $base,
            routes,
            speak,
            yields: &[],
            normal: $normal,
            refuse: |_, _| Ok(Vec::new()),
        }
    }};
}

async fn nothing() -> StatusCode {
    StatusCode::NOT_FOUND
}

async fn wrong() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}

async fn echo(uri: Uri, OriginalUri(whole): OriginalUri, extensions: Extensions) -> Json<Value> {
    let link = |before: &str| Mount::link(&extensions, before, String::new()).before;
    Json(json!({
        "path": uri.to_string(), "whole": whole.to_string(),
        "own": link("/mud/"), "shared": link("/api/shared/verify?token="),
    }))
}

const TINY: &[Dialect] = &[
    dialect!("slugbase", "/api", |path| Cow::Owned(path.to_ascii_lowercase()),
        POST "/api/auth/login", GET "/api/shared/{page}", GET "/api/bookmarks/{id}"),
    dialect!("mudbase", "/api", |path| Cow::Borrowed(path),
        POST "/api/auth/login", GET "/api/auth/login", GET "/api/shared/verify", GET "/mud/{id}",
        DELETE "/api/bookmarks/{id}"),
    dialect!("flashback", "/", |path| Cow::Borrowed(path),
        GET "/sessions", GET "/mud/{id}", POST "/sessions/{id}/revoke", GET "/health/live"),
];

/// A world in which these dialects are spoken, in this order, with these hosts.
async fn world(order: &[&'static str], hosts: &[(&'static str, &str)]) -> World {
    World::with(|config| mount(config, order, hosts)).await
}

fn mount(config: &mut Config, order: &[&'static str], hosts: &[(&'static str, &str)]) {
    config.dialects = order.to_vec();
    let host = |(dialect, host): &(&'static str, &str)| DialectHost { dialect, host: (*host).to_owned() };
    config.dialect_hosts = hosts.iter().map(host).collect();
}

async fn tiny(world: &World) -> Router {
    Mounting::of(&world.ctx.config, TINY).router(&world.ctx).unwrap()
}

async fn ask(router: &Router, method: &str, uri: &str, host: Option<&str>) -> Reply {
    let mut request = Request::builder().method(method).uri(uri);
    if let Some(host) = host {
        request = request.header("host", host);
    }
    world::send(router, request.body(Body::empty()).unwrap()).await
}

/// Who answered, and how: `slugbase 200`, or `- 404` where nobody did.
fn who(reply: &Reply) -> String {
    let name = reply.headers.get("x-dialect").map_or("-", |name| name.to_str().unwrap());
    format!("{name} {}", reply.status.as_u16())
}

/// All that does not answer at the root by default. No second-factor route may ever be on this list.
#[test]
fn by_default_everything_but_three_logins_is_at_the_root() {
    let table = Mounting::of(&Config::default(), dialects::ALL).table();
    assert_eq!(table.dialects.len(), 5);
    let mut shadowed = Vec::new();
    for dialect in &table.dialects {
        for route in dialect.routes.iter().filter(|route| !route.at_root) {
            let by = route.shadowed_by.unwrap_or("nobody");
            shadowed.push(format!("{} {} {} by {by}", dialect.name, route.method, route.path));
        }
    }
    assert_eq!(
        shadowed,
        [
            "slugbase GET /api/users/me by mudbase",
            "mudbase POST /api/auth/register by slugbase",
            "mudbase POST /api/auth/login by slugbase",
            "mudbase POST /api/auth/logout by slugbase",
        ]
    );
}

#[tokio::test]
async fn the_order_decides_at_the_root() {
    let all = world(&["slugbase", "mudbase", "flashback"], &[]).await;
    let turned = world(&["flashback", "mudbase", "slugbase"], &[]).await;
    let (all, turned) = (tiny(&all).await, tiny(&turned).await);
    for (method, path, first, then) in [
        ("POST", "/api/auth/login", "slugbase 200", "mudbase 200"),
        // Only one has the method, whatever the order.
        ("GET", "/api/auth/login", "mudbase 200", "mudbase 200"),
        ("HEAD", "/api/auth/login", "mudbase 200", "mudbase 200"),
        ("HEAD", "/sessions", "flashback 200", "flashback 200"),
        ("DELETE", "/api/bookmarks/7", "mudbase 200", "mudbase 200"),
        ("GET", "/mud/7", "mudbase 200", "flashback 200"),
        ("GET", "/api/shared/verify", "slugbase 200", "mudbase 200"),
        // Nobody has the method: the first that has the path says so.
        ("PATCH", "/api/auth/login", "slugbase 405", "mudbase 405"),
        ("OPTIONS", "/sessions", "flashback 405", "flashback 405"),
        // Nobody has the path: whose base it is; everything is the last resort, wherever it stands.
        ("GET", "/api/nothing", "slugbase 404", "mudbase 404"),
        ("GET", "/api", "slugbase 404", "mudbase 404"),
        ("GET", "/apis", "flashback 404", "flashback 404"),
        ("GET", "/sessions/", "flashback 404", "flashback 404"),
        ("GET", "/", "flashback 404", "flashback 404"),
        // What belongs to the server is nobody's.
        ("GET", "/health/live", "- 404", "- 404"),
        ("GET", "/health", "- 404", "- 404"),
        ("GET", "/v1/anything", "- 404", "- 404"),
        ("GET", "/dev/outbox", "- 404", "- 404"),
        ("GET", "/better-auth/sessions", "- 404", "- 404"),
    ] {
        assert_eq!(who(&ask(&all, method, path, None).await), first, "{method} {path}");
        assert_eq!(who(&ask(&turned, method, path, None).await), then, "{method} {path}, turned round");
    }
    let nobody = ask(&all, "GET", "/v1/anything", None).await;
    assert_eq!(nobody.headers["content-type"], "application/json");
    assert_eq!(nobody.body, json!({ "error": "not found" }));
}

/// Another reading of paths is the dialect's own, and its request keeps the path as it came.
#[tokio::test]
async fn a_dialect_is_found_as_it_reads_paths() {
    let router = tiny(&world(&["mudbase", "slugbase", "flashback"], &[]).await).await;
    assert_eq!(who(&ask(&router, "POST", "/API/Auth/Login", None).await), "slugbase 404");
    assert_eq!(who(&ask(&router, "POST", "/api/auth/login", None).await), "mudbase 200");
    assert_eq!(who(&ask(&router, "GET", "/SESSIONS", None).await), "flashback 404");
}

#[tokio::test]
async fn a_prefix_leads_to_the_whole_dialect_and_takes_links_along() {
    let router = tiny(&world(&["slugbase", "mudbase", "flashback"], &[]).await).await;
    let shadowed = ask(&router, "GET", "/mudbase/api/shared/verify?x=1", None).await;
    assert_eq!(who(&shadowed), "mudbase 200");
    assert_eq!(
        shadowed.body,
        json!({
            "path": "/api/shared/verify?x=1", "whole": "/mudbase/api/shared/verify?x=1",
            "own": "/mudbase/mud/", "shared": "/mudbase/api/shared/verify?token=",
        })
    );
    for (method, path, expected) in [
        ("GET", "/mudbase", "mudbase 404"),
        ("GET", "/mudbase?x=1", "mudbase 404"),
        ("GET", "/mudbase/sessions", "mudbase 404"),
        ("GET", "/mudbases/mud/1", "flashback 404"),
        ("GET", "/flashback/health/live", "flashback 200"),
        ("GET", "/slugbase//api/auth/login", "slugbase 404"),
        ("HEAD", "/mudbase/mud/1", "mudbase 200"),
    ] {
        assert_eq!(who(&ask(&router, method, path, None).await), expected, "{method} {path}");
    }
    // At the root, a link leads there only if the dialect that writes it is the one who answers there.
    let at_root = ask(&router, "GET", "/mud/7", None).await.body;
    assert_eq!(at_root["own"], "/mud/");
    assert_eq!(at_root["shared"], "/mudbase/api/shared/verify?token=");
}

#[tokio::test]
async fn a_host_leads_to_one_dialect_and_into_no_link() {
    let hosts = [("mudbase", "mud.example.com"), ("mudbase", "localhost:9000"), ("slugbase", "[::1]:7")];
    let router = tiny(&world(&["slugbase", "mudbase", "flashback"], &hosts).await).await;
    for (host, path, expected) in [
        ("mud.example.com", "/api/auth/login", "mudbase 200"),
        ("MUD.example.com", "/api/auth/login", "mudbase 200"),
        // The port that http implies.
        ("mud.example.com:80", "/api/auth/login", "mudbase 200"),
        ("localhost:9000", "/api/auth/login", "mudbase 200"),
        ("[::1]:7", "/api/auth/login", "slugbase 405"),
        // Not even what others have; but prefixes are the same everywhere.
        ("mud.example.com", "/sessions", "mudbase 404"),
        ("mud.example.com", "/flashback/sessions", "flashback 200"),
        // Any other host is the root.
        ("mud.example.com:81", "/sessions", "flashback 200"),
        ("mud.example.com.evil.example", "/sessions", "flashback 200"),
        ("localhost", "/sessions", "flashback 200"),
        ("", "/sessions", "flashback 200"),
    ] {
        assert_eq!(who(&ask(&router, "GET", path, Some(host)).await), expected, "{host}{path}");
    }
    let links = ask(&router, "GET", "/mud/7", Some("mud.example.com")).await.body;
    assert_eq!([&links["own"], &links["shared"]], ["/mudbase/mud/", "/mudbase/api/shared/verify?token="]);
    // RFC 9112 §3.2.2: what the request line says outweighs the header. Two headers say nothing.
    let absolute = ask(&router, "GET", "http://mud.example.com/sessions", Some("localhost")).await;
    assert_eq!(who(&absolute), "mudbase 404");
    let prefixed = ask(&router, "GET", "http://localhost/mudbase/mud/1?x", None).await;
    assert_eq!(prefixed.body["path"], "http://localhost/mud/1?x");
    let twice = Request::get("/sessions").header("host", "mud.example.com").header("host", "localhost");
    assert_eq!(who(&world::send(&router, twice.body(Body::empty()).unwrap()).await), "flashback 200");
}

#[tokio::test]
async fn the_table_tells_who_is_in_whose_shadow() {
    let world = world(&["slugbase", "mudbase", "flashback"], &[("mudbase", "mud.example.com")]).await;
    let mounting = Mounting::of(&world.ctx.config, TINY);
    let table = serde_json::to_value(mounting.table()).unwrap();
    let row = |method: &str, path: &str, at_root: bool, by: Value| json!({ "method": method, "path": path, "at_root": at_root, "shadowed_by": by });
    assert_eq!(
        table["dialects"][1],
        json!({
            "name": "mudbase", "prefix": "/mudbase", "hosts": ["mud.example.com"],
            "routes": [
                row("POST", "/api/auth/login", false, json!("slugbase")),
                row("GET", "/api/auth/login", true, Value::Null),
                // Covered by a parameter of the other's.
                row("GET", "/api/shared/verify", false, json!("slugbase")),
                row("GET", "/mud/{id}", true, Value::Null),
                row("DELETE", "/api/bookmarks/{id}", true, Value::Null),
            ],
        })
    );
    let flashback = &table["dialects"][2]["routes"];
    assert_eq!(flashback[1], row("GET", "/mud/{id}", false, json!("mudbase")));
    // The server's own path is in nobody's shadow and not at the root either.
    assert_eq!(flashback[3], row("GET", "/health/live", false, Value::Null));
    // What the list says is what is served.
    let router = tiny(&world).await;
    for Route { method, path } in mounting.routes() {
        let reply =
            ask(&router, method.as_str(), &path.replace("{id}", "7").replace("{page}", "x"), None).await;
        assert_eq!(reply.status, 200, "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_switched_off_is_gone() {
    let router = tiny(&world(&["flashback"], &[]).await).await;
    assert_eq!(who(&ask(&router, "POST", "/api/auth/login", None).await), "flashback 404");
    assert_eq!(who(&ask(&router, "POST", "/slugbase/api/auth/login", None).await), "- 404");
    for off in [&["better-auth"][..], &["slugbase"], &["mudbase"], &["flashback"]] {
        let order: Vec<&str> =
            countersign::config::DIALECTS.iter().copied().filter(|name| !off.contains(name)).collect();
        let world = world(&order, &[]).await;
        for dialect in dialects::ALL.iter().filter(|dialect| off.contains(&dialect.name)) {
            for Route { method, path } in (dialect.routes)() {
                let path = format!("/{}{path}", dialect.name);
                let reply = ask(&world.router(), method.as_str(), &path, None).await.expect(404);
                assert_eq!(reply.body, json!({ "error": "not found" }));
            }
        }
    }
    let world = world(&["mudbase"], &[]).await;
    ask(&world.router(), "GET", "/api/auth/ok", None).await.expect(404);
    ask(&world.router(), "GET", "/health/live", None).await.expect(200);
}

/// A list that an attacker, or a test, can walk. Nothing on it may be a route that nobody answers.
#[tokio::test]
async fn the_server_lists_and_serves_the_same_routes() {
    let world = World::new().await;
    let all = app::routes(&world.ctx);
    for path in ["/health/live", "/health/ready", "/v1/dialects"] {
        assert!(all.iter().any(|route| route.path == path && route.method == Method::GET), "{path}");
    }
    for path in ["/api/auth/two-factor/enable", "/better-auth/api/auth/two-factor/enable"] {
        assert!(all.iter().any(|route| route.path == path && route.method == Method::POST), "{path}");
    }
    assert!(!all.iter().any(|route| route.path.starts_with("/dev/")));
    let shown = ask(&world.router(), "GET", "/v1/dialects", None).await.expect(200);
    assert_eq!(shown.headers["content-type"], "application/json");
    let dialects = shown.body["dialects"].as_array().unwrap();
    let better_auth = dialects.iter().find(|dialect| dialect["name"] == "better-auth").unwrap();
    assert_eq!(better_auth["prefix"], "/better-auth");
    let enable = json!({ "method": "POST", "path": "/api/auth/two-factor/enable", "at_root": true, "shadowed_by": null });
    assert!(better_auth["routes"].as_array().unwrap().contains(&enable));
    // No two rows are the same.
    let mut seen: Vec<String> = all.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    seen.sort();
    assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "{seen:#?}");
    // The demonstration's page is on its list.
    let demo = World::with(|config| config.demo = true).await;
    assert!(app::routes(&demo.ctx).iter().any(|route| route.path == "/dev/outbox"));
}

/// SEC-027: under its prefix and at its host a dialect mails links below the public URL and its prefix.
#[tokio::test]
async fn mailed_links_follow_the_mount_and_never_the_host() {
    let hosts = [("better-auth", "login.example.com")];
    let world = World::with(|config| {
        config.public_url = "https://auth.example.com".parse().unwrap();
        config.dialect_hosts =
            hosts.map(|(dialect, host)| DialectHost { dialect, host: host.to_owned() }).into();
    })
    .await;
    for (at, (uri, host, begins)) in [
        ("/api/auth", "auth.example.com", "https://auth.example.com/api/auth/verify-email?token="),
        ("/api/auth", "evil.example", "https://auth.example.com/api/auth/verify-email?token="),
        (
            "/better-auth/api/auth",
            "evil.example",
            "https://auth.example.com/better-auth/api/auth/verify-email?token=",
        ),
        (
            "/api/auth",
            "login.example.com:443",
            "https://auth.example.com/better-auth/api/auth/verify-email?token=",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("ada{at}@example.com");
        let body = json!({ "name": "Ada", "email": email, "password": world::PASSWORD });
        let post = |act: &str, body: Value| {
            let request = Request::post(format!("{uri}/{act}")).header("host", host);
            // A page at the dialect's own host is one of ours (SEC-079).
            let request = request.header("origin", "https://login.example.com");
            request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
        };
        let mut browser = Browser::on(world.router());
        browser.send(post("sign-up/email", body)).await.expect(200);
        browser.send(post("send-verification-email", json!({ "email": email }))).await.expect(200);
        let link = world.mailed_link(&email).await;
        assert!(link.starts_with(begins), "{link} for {host}{uri}");
        let path = link.strip_prefix("https://auth.example.com").unwrap();
        ask(&world.router(), "GET", path, Some("auth.example.com")).await.expect(302);
    }
}
