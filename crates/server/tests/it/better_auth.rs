//! What the recordings do not cover of the Better Auth contract; §n is its section.

mod accounts;
mod hostile;
mod limits;
mod requests;
mod second_factor;
mod sessions;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{HeaderValue, Request, header},
};
use serde_json::Value;

use crate::world::{self, Browser, ORIGIN, Reply, World};

/// A request written out by hand, below `/api/auth`. Nothing is sent along that is not asked for.
struct Call(Request<Body>);

impl Call {
    fn new(method: &str, path: &str) -> Self {
        let uri = format!("/api/auth{path}");
        Self(Request::builder().method(method).uri(uri).body(Body::empty()).unwrap())
    }

    fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path).header("content-type", "application/json").raw(body.to_string())
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.0.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    fn raw(mut self, body: impl Into<Body>) -> Self {
        *self.0.body_mut() = body.into();
        self
    }

    /// With this cookie line, from a page of ours.
    fn cookies(self, line: &str) -> Self {
        self.header("cookie", line).header("origin", ORIGIN)
    }

    fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Over a connection from this address.
    fn from(mut self, ip: &str) -> Self {
        let ip: IpAddr = ip.parse().unwrap();
        self.0.extensions_mut().insert(ConnectInfo(SocketAddr::new(ip, 4711)));
        self
    }

    async fn send(self, world: &World) -> Reply {
        world::send(&world.router(), self.0).await
    }
}

/// Another browser, with the cookies that one had.
fn with_cookies_of(world: &World, jar: BTreeMap<String, String>) -> Browser {
    let mut browser = world.browser();
    browser.jar = jar;
    browser
}

/// The reply's new value of a cookie, as a `Cookie` line; names what is missing.
fn cookie(reply: &Reply, purpose: &str) -> String {
    let cookies = reply.cookies();
    let set = cookies.iter().rfind(|(name, value, _)| name.ends_with(purpose) && !value.is_empty());
    let (name, value, _) = set.unwrap_or_else(|| panic!("no {purpose} in {reply:#?}"));
    format!("{name}={value}")
}

/// What became of each cookie: `name` if set, `-name` if cleared, without the prefix.
fn cookie_names(reply: &Reply) -> Vec<String> {
    let named = reply.cookies().into_iter().map(|(name, value, attributes)| {
        let cleared = value.is_empty() && attributes.iter().any(|attribute| attribute == "Max-Age=0");
        let name = name.rsplit('.').next().unwrap().to_owned();
        if cleared { format!("-{name}") } else { name }
    });
    named.collect()
}

fn auth_token(reply: &Reply) -> String {
    reply.headers["set-auth-token"].to_str().unwrap().to_owned()
}

/// An empty body has no content type; a JSON `null` has.
fn is_empty(reply: &Reply) -> bool {
    reply.body.is_null() && !reply.headers.contains_key(header::CONTENT_TYPE)
}
