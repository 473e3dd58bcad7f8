//! The session cookie of our own surfaces: the session token as it is, at the host of the public URL and no other.

use axum::http::HeaderMap;

use crate::{config::Config, http::cookies};

/// With `__Host-`, browsers take it only from this very host and over TLS (SEC-075); on one's own machine without
/// TLS they would not take it at all.
pub fn name(config: &Config) -> &'static str {
    if config.secure_cookies() { "__Host-countersign" } else { "countersign" }
}

/// The token that the browser brought, whatever it is worth.
pub fn token(config: &Config, headers: &HeaderMap) -> Option<String> {
    cookies::read(headers, name(config)).map(|token| token.into_owned())
}
