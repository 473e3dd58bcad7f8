//! What a proxy asks: which host and address, and what its configuration demands there.

use std::time::Duration;

use axum::http::{HeaderMap, Method, request::Parts};
use countersign_core::assurance::{Aal, Demand};
use url::form_urlencoded;

use crate::{
    config::Config,
    forward_auth::address::{Address, listed_host},
    http::visitor,
};

/// A proxy's question about one request to a protected host.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) address: Address,
    pub(super) rules: Rules,
    /// Whether the answer may lead a person somewhere else and back: not a script's call.
    pub(super) navigates: bool,
    /// Whether the original request only reads.
    pub(super) reads: bool,
}

/// What the proxy's configuration says. None of it comes from the client: its query stays in `X-Forwarded-Uri`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// nginx understands yes, 401 and 403; everybody else passes redirects on.
    pub(super) redirects: bool,
    pub(super) demand: Demand,
    pub(super) group: Option<String>,
}

/// Why there is no question to answer. Said in plain words: whoever reads them is setting up a proxy.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unasked {
    NotAProxy,
    NoHost,
    NotProtected,
    BadRule(&'static str),
}

impl Question {
    pub(super) fn read(config: &Config, parts: &Parts) -> Result<Self, Unasked> {
        if !visitor::is_a_trusted_proxy(config, &parts.extensions) {
            return Err(Unasked::NotAProxy);
        }
        let rules = Rules::read(parts.uri.query().unwrap_or_default())?;
        let headers = &parts.headers;
        let host = only(headers, "x-forwarded-host").ok_or(Unasked::NoHost)?;
        let host = listed_host(config, host).ok_or(Unasked::NotProtected)?;
        let method = only(headers, "x-forwarded-method").unwrap_or("GET");
        let mode = headers.get("sec-fetch-mode");
        Ok(Self {
            address: Address::read(config.protected_origin(host), host, only(headers, "x-forwarded-uri")),
            rules,
            // Browsers that are too old to say so get the redirect.
            navigates: mode.is_none_or(|mode| mode == "navigate"),
            reads: method == Method::GET || method == Method::HEAD,
        })
    }
}

/// A header that stands there once: of two, nobody knows which the proxy wrote.
fn only<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut all = headers.get_all(name).into_iter();
    match (all.next(), all.next()) {
        (Some(one), None) => one.to_str().ok(),
        _ => None,
    }
}

impl Rules {
    /// A word that is not understood lets nobody in: it was meant to be a rule. Nor does a question without a mode:
    /// Caddy passes the client's own query on where its configuration has none.
    fn read(query: &str) -> Result<Self, Unasked> {
        let mut seen: Vec<String> = Vec::new();
        let mut redirects = None;
        let mut demand = Demand { aal: Aal::One, max_age: None };
        let mut group = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if seen.iter().any(|other| *other == name) {
                return Err(Unasked::BadRule("a parameter stands there twice"));
            }
            match (&*name, &*value) {
                ("mode", "nginx") => redirects = Some(false),
                ("mode", "redirect") => redirects = Some(true),
                ("mode", _) => return Err(Unasked::BadRule("mode is neither nginx nor redirect")),
                ("min", "aal1") => demand.aal = Aal::One,
                ("min", "aal2") => demand.aal = Aal::Two,
                ("min", _) => return Err(Unasked::BadRule("min is neither aal1 nor aal2")),
                ("max_age", seconds) => demand.max_age = Some(max_age(seconds)?),
                ("group", "") => return Err(Unasked::BadRule("group is empty")),
                ("group", name) => group = Some(name.to_owned()),
                _ => return Err(Unasked::BadRule("only mode, min, max_age and group are parameters")),
            }
            seen.push(name.into_owned());
        }
        let redirects = redirects.ok_or(Unasked::BadRule(
            "the proxy must say mode=nginx or mode=redirect in the address it asks",
        ))?;
        Ok(Self { redirects, demand, group })
    }
}

fn max_age(text: &str) -> Result<Duration, Unasked> {
    let seconds = text.parse::<u32>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    let seconds = seconds.ok_or(Unasked::BadRule("max_age is no number of seconds"))?;
    Ok(Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_what_is_no_rule_lets_nobody_in() {
        let rules = Rules::read("mode=redirect").unwrap();
        assert!(rules.redirects && rules.group.is_none());
        assert_eq!(rules.demand, Demand { aal: Aal::One, max_age: None });
        let rules = Rules::read("mode=nginx&min=aal2&max_age=300&group=o1%3Aowner").unwrap();
        assert!(!rules.redirects);
        assert_eq!(rules.demand, Demand { aal: Aal::Two, max_age: Some(Duration::from_secs(300)) });
        assert_eq!(rules.group.as_deref(), Some("o1:owner"));
        for wrong in [
            "mode=Nginx",
            "mode",
            "min=aal3",
            "min=",
            "max_age=",
            "max_age=-1",
            "max_age=%2B5",
            "max_age=5m",
            "group=",
            "maxage=5",
            "min=aal2&min=aal1",
            "mode=nginx",
        ] {
            let wrong = format!("mode=redirect&{wrong}");
            assert!(matches!(Rules::read(&wrong), Err(Unasked::BadRule(_))), "{wrong}");
        }
        for no_mode in ["", "min=aal2"] {
            assert!(matches!(Rules::read(no_mode), Err(Unasked::BadRule(_))), "{no_mode}");
        }
    }

    #[test]
    fn of_two_headers_none_counts() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-host", "a.example".parse().unwrap());
        assert_eq!(only(&headers, "x-forwarded-host"), Some("a.example"));
        headers.append("x-forwarded-host", "b.example".parse().unwrap());
        assert_eq!(only(&headers, "x-forwarded-host"), None);
    }
}
