//! SEC-120: the headers that hold on every response, over the router's own list of routes.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use countersign::app;

use crate::world::{ORIGIN, World, send};

/// What each reply says, and how many routes say so. Anything new in here is a decision.
#[tokio::test]
async fn every_route_answers_with_the_same_care() {
    let world = World::with(|config| config.public_url = "https://auth.example.com".parse().unwrap()).await;
    let mut asked: Vec<(Method, String)> = Vec::new();
    for route in app::routes(&world.ctx) {
        let segments = route.path.split('/');
        let path: Vec<_> = segments.map(|one| if one.starts_with('{') { "x" } else { one }).collect();
        asked.push((route.method.clone(), path.join("/")));
    }
    assert!(asked.len() > 250, "{} routes", asked.len());
    // Nothing there, no such method, too long, and nonsense.
    asked.push((Method::GET, "/nothing-here".to_owned()));
    asked.push((Method::GET, "/v1/nothing-here".to_owned()));
    asked.push((Method::TRACE, "/v1/session".to_owned()));
    asked.push((Method::GET, format!("/v1/session?{}", "x".repeat(9_000))));
    let mut caching: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (method, path) in asked {
        let name = format!("{method} {path}");
        let request = Request::builder().method(method.clone()).uri(&path).header(header::ORIGIN, ORIGIN);
        let body = if method == Method::GET { Body::empty() } else { Body::from("{") };
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body).unwrap();
        let reply = send(&world.router(), request).await;
        let said = |name: &str| reply.headers.get(name).map_or("", |value| value.to_str().unwrap());
        assert_eq!(said("x-content-type-options"), "nosniff", "{name}");
        assert_eq!(said("referrer-policy"), "no-referrer", "{name}");
        assert_eq!(said("x-frame-options"), "DENY", "{name}");
        assert_eq!(said("cross-origin-opener-policy"), "same-origin", "{name}");
        assert_eq!(said("strict-transport-security"), "max-age=31536000", "{name}");
        let policy = said("content-security-policy");
        assert!(policy.starts_with("default-src 'none'"), "{name}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{name}: {policy}");
        assert!(!policy.contains("unsafe"), "{name}: {policy}");
        if said("content-type").starts_with("text/html") {
            assert_eq!(said("content-type"), "text/html; charset=utf-8", "{name}");
            assert!(policy.contains("base-uri 'none'"), "{name}: {policy}");
        }
        assert!(said("server").is_empty() && said("x-powered-by").is_empty(), "{name}");
        if said("cache-control") != "no-store" {
            caching.entry(said("cache-control").to_owned()).or_default().push(name);
        }
    }
    // Whatever may be kept is the same for everybody.
    let kept: Vec<_> = caching.iter().map(|(how, routes)| format!("{how}: {}", routes.join(", "))).collect();
    assert_eq!(
        kept,
        [
            "public, max-age=3600: GET /.well-known/jwks.json, GET /assets/countersign.css, GET /assets/passkey.js, \
          GET /assets/confirm.js, GET /assets/code.js, GET /assets/copy.js, GET /assets/wait.js, GET /better-auth/api/auth/jwks, GET /api/auth/jwks"
        ]
    );
}
