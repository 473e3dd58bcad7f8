//! What the recordings do not cover of the SlugBase contract, and what they cannot: our own promises on its wire.

mod callers;
mod factors;
mod once;
mod voices;

use axum::{body::Body, http::Request};
use serde_json::{Value, json};

use crate::world::{Browser, Reply, World};

const ADA: &str = "ada@example.com";
const PASSWORD: &str = "Sup3r$ecret!";
const TOKEN: &str = "token";
const SID: &str = "slugbase.sid";
const PENDING: &str = "slugbase.mfa_pending";
const CSRF: &str = "_csrf";

/// A request with this browser's cookies and nothing else that is not asked for.
async fn ask(browser: &mut Browser, line: &str, headers: &[(&str, &str)], body: Option<Value>) -> Reply {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path);
    if !browser.jar.is_empty() {
        let jar: Vec<_> = browser.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request = request.header("cookie", jar.join("; "));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = match body {
        Some(body) => {
            request = request.header("content-type", "application/json");
            Body::from(body.to_string())
        }
        None => Body::empty(),
    };
    browser.send(request.body(body).unwrap()).await
}

async fn get(browser: &mut Browser, path: &str) -> Reply {
    ask(browser, &format!("GET {path}"), &[], None).await
}

/// As its front end does it, with the token beside the cookie.
async fn post(browser: &mut Browser, path: &str, body: Value) -> Reply {
    let token = browser.jar.get(CSRF).cloned().unwrap_or_default();
    ask(browser, &format!("POST {path}"), &[("x-csrf-token", &token)], Some(body)).await
}

/// Without cookies, by header.
async fn by_header(world: &World, line: &str, token: &str, body: Option<Value>) -> Reply {
    ask(&mut world.browser(), line, &[("authorization", &format!("Bearer {token}"))], body).await
}

/// The owner of a new server, signed in.
async fn owner(world: &World) -> Browser {
    let mut ada = world.browser();
    let body = json!({ "email": ADA, "name": "Ada", "password": PASSWORD });
    post(&mut ada, "/api/auth/setup", body).await.expect(200);
    get(&mut ada, "/api/csrf-token").await.expect(200);
    ada
}

async fn log_in(browser: &mut Browser) -> Reply {
    post(browser, "/api/auth/login", json!({ "email": ADA, "password": PASSWORD })).await
}

/// Enrols an authenticator app; the clock moves on a step, so that the next code is fresh.
async fn enrol(world: &World, browser: &mut Browser) -> (String, Vec<String>) {
    let begun = post(browser, "/api/auth/mfa/enroll/begin", json!({})).await.expect(200);
    let uri = begun.body["otpauth_url"].as_str().unwrap().to_owned();
    let code = json!({ "code": world.totp(&uri) });
    let confirmed = post(browser, "/api/auth/mfa/enroll/confirm", code).await.expect(200);
    world.advance(30);
    let codes = confirmed.body["backup_codes"].as_array().unwrap();
    (uri, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
}

/// A browser that holds only one cookie of another's.
fn only(world: &World, from: &Browser, name: &str) -> Browser {
    let mut browser = world.browser();
    browser.jar.insert(name.to_owned(), from.jar[name].clone());
    browser
}

fn set(reply: &Reply, name: &str) -> Option<String> {
    reply.cookies().into_iter().rfind(|(set, ..)| set == name).map(|(_, value, _)| value)
}
