//! The stage a recording is replayed on: a world, its clients with their cookies, and what placeholders in
//! requests stand for.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{HeaderMap, Request, header},
};
use countersign::config::Config;
use serde_json::{Value, json};

use super::scenes::{Act, Scene};
use crate::{
    transcript::{
        exchange::Answer,
        likeness::{Piece, pieces},
        stage::token_in,
    },
    world::World,
};

pub(super) const TOKEN: &str = "token";
pub(super) const SESSION_ID: &str = "slugbase.sid";
pub(super) const PENDING: &str = "slugbase.mfa_pending";
const CSRF: &str = "_csrf";

/// Whoever the recording names no client for.
const FIRST: &str = "A";

pub(super) struct Stage {
    world: World,
    clients: BTreeMap<String, Client>,
    /// What steps say they hand on, such as `secret`.
    captured: BTreeMap<String, Value>,
    /// A code that is offered again until it is taken.
    held: Option<String>,
    last_code: String,
    /// What `Bearer <jwt>` stands for, if not for the first client's token.
    bearer: Option<String>,
}

#[derive(Default)]
struct Client {
    jar: BTreeMap<String, String>,
    /// The last value of every cookie, also of those that were taken away since.
    had: BTreeMap<String, String>,
}

/// The settings of the recorded server, as ours.
fn configure(config: &mut Config, environment: &Value) {
    config.dialects = vec!["slugbase"];
    config.rate_limits = true;
    "SlugBase".clone_into(&mut config.app_name);
    for (name, value) in environment.as_object().unwrap() {
        let value = value.as_str().unwrap();
        match name.as_str() {
            "MFA_ISSUER_NAME" => value.trim().clone_into(&mut config.app_name),
            "BASE_URL" if value.starts_with("https:") => config.public_url = value.parse().unwrap(),
            "REGISTRATIONS_ENABLED" => config.slugbase.registrations = value == "true",
            "FRONTEND_URL" => config.trusted_origins.push(value.to_owned()),
            "BASE_URL" | "NODE_ENV" | "COMMIT_SHA" => {}
            other => panic!("no setting of ours is {other}={value}"),
        }
    }
}

impl Stage {
    pub async fn set(environment: &Value) -> Self {
        Self {
            world: World::with(|config| configure(config, environment)).await,
            clients: BTreeMap::new(),
            captured: BTreeMap::new(),
            held: None,
            last_code: String::new(),
            bearer: None,
        }
    }

    /// What happened before this step without being recorded.
    pub async fn prepare(&mut self, scene: &Scene, step: usize) {
        for (_, acts) in scene.before.iter().filter(|(before, _)| *before == step) {
            for act in *acts {
                self.act(act).await;
            }
        }
    }

    async fn act(&mut self, act: &Act) {
        match *act {
            Act::Post(client, path, body, times) => {
                let cookies = [TOKEN, PENDING, CSRF].map(|name| format!("{name}=<>")).join("; ");
                let headers = json!({
                    "content-type": "application/json", "x-csrf-token": "<hex64>", "cookie": cookies,
                });
                let body: Value = serde_json::from_str(body).unwrap();
                let request = json!({ "method": "POST", "path": path, "headers": headers, "body": body });
                for _ in 0..times {
                    self.send(&json!({ "client": client, "request": request })).await;
                }
            }
            Act::Lend { from: (lender, cookie), to: (client, name) } => {
                let value = self.had(lender, cookie);
                self.client(client).jar.insert(name.to_owned(), value);
            }
            Act::Forge { to: (client, name), of: (lender, cookie) } => {
                let value = forged(&self.had(lender, cookie));
                self.client(client).jar.insert(name.to_owned(), value);
            }
            Act::Drop(client, name) => {
                self.client(client).jar.remove(name);
            }
            Act::Bearer(client, cookie) => self.bearer = Some(self.had(client, cookie)),
            Act::Advance(seconds) => {
                // Letters leave while what they carry still holds.
                self.world.mail().await;
                self.world.advance(seconds);
            }
        }
    }

    fn client(&mut self, name: &str) -> &mut Client {
        self.clients.entry(name.to_owned()).or_default()
    }

    fn had(&mut self, client: &str, cookie: &str) -> String {
        self.client(client).had.get(cookie).cloned().unwrap_or_else(|| panic!("{client} had no {cookie}"))
    }

    /// Sends a step's request as its client would, and keeps what came back as its client would.
    pub async fn send(&mut self, step: &Value) -> Answer {
        let recorded = &step["request"];
        let client = step["client"].as_str().unwrap_or(FIRST);
        let path = self.filled(client, "path", recorded["path"].as_str().unwrap()).await;
        let mut request = Request::builder().method(recorded["method"].as_str().unwrap()).uri(path);
        for (name, value) in recorded["headers"].as_object().unwrap() {
            let value = match name.as_str() {
                "cookie" => self.cookies_like(client, value.as_str().unwrap()),
                _ => self.filled(client, name, value.as_str().unwrap()).await,
            };
            if !value.is_empty() {
                request = request.header(name, value);
            }
        }
        // It was set for everybody who came; ours is set for whoever signed in, and then comes along.
        if recorded["headers"].get("cookie").is_none() && self.client(client).jar.contains_key(SESSION_ID) {
            request = request.header(header::COOKIE, self.cookies_like(client, ""));
        }
        let body = self.body(client, &recorded["body"]).await;
        let answer = Answer::to(request.body(body).unwrap(), self.world.router()).await;
        self.client(client).take(&answer.headers);
        for (name, place) in step["captures"].as_object().into_iter().flatten() {
            let place = format!("/{}", place.as_str().unwrap().replace('.', "/"));
            if let Some(value) = json!({ "body": answer.body }).pointer(&place) {
                self.captured.insert(name.clone(), value.clone());
            }
        }
        answer
    }

    /// The cookies of a recorded line, by the client's own values; what is no placeholder is sent as it is.
    fn cookies_like(&mut self, client: &str, recorded: &str) -> String {
        let jar = &self.client(client).jar;
        let pairs = recorded.split("; ").filter_map(|pair| pair.split_once('='));
        let named = pairs.filter(|(name, _)| *name != SESSION_ID).filter_map(|(name, value)| {
            let value = if value.starts_with('<') { jar.get(name)?.as_str() } else { value };
            Some(format!("{name}={value}"))
        });
        let session = jar.get(SESSION_ID).map(|value| format!("{SESSION_ID}={value}"));
        named.chain(session).collect::<Vec<_>>().join("; ")
    }

    async fn body(&mut self, client: &str, recorded: &Value) -> Body {
        match recorded {
            Value::Null => Body::empty(),
            Value::String(raw) => match raw.strip_prefix("<raw ").and_then(|raw| raw.split_once(' ')) {
                Some((bytes, _)) => Body::from(vec![b' '; bytes.parse().unwrap()]),
                None => Body::from(self.filled(client, "csrfToken", raw).await),
            },
            Value::Object(members) => {
                let mut body = members.clone();
                for (name, value) in &mut body {
                    if let Value::String(text) = value {
                        *text = self.filled(client, name, text).await;
                    }
                }
                Body::from(Value::Object(body).to_string())
            }
            other => Body::from(other.to_string()),
        }
    }

    /// A recorded request's text with every placeholder replaced. `place` is the member or header it stands in.
    async fn filled(&mut self, client: &str, place: &str, recorded: &str) -> String {
        let mut filled = String::new();
        for piece in pieces(recorded) {
            match piece {
                Piece::Literal(text) => filled.push_str(text),
                Piece::Placeholder(name) => filled.push_str(&self.filling(client, place, name).await),
            }
        }
        filled
    }

    async fn filling(&mut self, client: &str, place: &str, name: &str) -> String {
        let captured = |stage: &Self, name| stage.captured[name].as_str().unwrap().to_owned();
        match name {
            "hex64" if ["x-csrf-token", "csrfToken"].contains(&place) => {
                self.client(client).jar.get(CSRF).cloned().unwrap_or_default()
            }
            "hex64" | "mailed signup token" => token_in(&self.world.mailed_link("").await),
            "uuid" => captured(self, "tid"),
            "sb_token" => captured(self, "sb"),
            "jwt" => match self.bearer.take() {
                Some(token) => token,
                None => self.had(FIRST, TOKEN),
            },
            code => self.code(code),
        }
    }

    /// `fresh_totp(secret) with spaces`: a code, and how it is written.
    fn code(&mut self, placeholder: &str) -> String {
        let (code, style) = placeholder.split_once(' ').unwrap_or((placeholder, ""));
        let (kind, of) = code.split_once(['(', '[']).unwrap_or((code, ""));
        let of = of.trim_end_matches([')', ']']);
        self.last_code = match kind {
            "same_totp" => self.last_code.clone(),
            "held_totp" => match self.held.take() {
                Some(code) => code,
                None => self.fresh("secret"),
            },
            "fresh_totp" => self.fresh(of),
            "totp" => match of.split_once(',') {
                Some((secret, offset)) => self.totp(secret, offset.trim().parse().unwrap()),
                None => self.totp(of, 0),
            },
            "wrong_totp" => {
                let near: Vec<String> = (-3..=3).map(|offset| self.totp(of, offset)).collect();
                let wrong = (100_000..).map(|number| number.to_string());
                wrong.into_iter().find(|code| !near.contains(code)).unwrap()
            }
            set => self.captured[set][of.parse::<usize>().unwrap()].as_str().unwrap().to_owned(),
        };
        if kind == "held_totp" {
            self.held = Some(self.last_code.clone());
        }
        written(&self.last_code, style)
    }

    /// Of a step that no code was taken from before.
    fn fresh(&mut self, secret: &str) -> String {
        self.world.advance(30);
        self.totp(secret, 0)
    }

    fn totp(&self, secret: &str, offset: i64) -> String {
        let secret = self.captured[secret].as_str().unwrap();
        self.world.totp_at(&format!("otpauth://totp/x?secret={secret}"), offset)
    }
}

fn written(code: &str, style: &str) -> String {
    let grouped = |size: usize, by: &str| {
        let groups: Vec<&str> =
            (0..code.len()).step_by(size).map(|at| &code[at..code.len().min(at + size)]).collect();
        groups.join(by)
    };
    match style {
        "" => code.to_owned(),
        "with spaces" => grouped(3, " "),
        "with spaces inside and around" => format!(" {} ", grouped(3, " ")),
        "with tab/CRLF" => format!("\t{}\r\n", grouped(3, "\t")),
        "with dash" => grouped(3, "-"),
        "full-width digits" => {
            code.chars().map(|c| char::from_u32(u32::from(c) - u32::from('0') + 0xff10).unwrap()).collect()
        }
        "upper-case, space-grouped" => grouped(4, " ").to_uppercase(),
        "dash-grouped" => grouped(4, "-"),
        "truncated" => code[..code.len() - 1].to_owned(),
        other => panic!("codes are not written {other:?}"),
    }
}

/// The same token with another signature, or whatever stands at its end.
fn forged(token: &str) -> String {
    let (rest, end) = token.split_at(token.len() - 8);
    let turned = end.chars().map(|c| if c == 'A' { 'B' } else { 'A' });
    rest.chars().chain(turned).collect()
}

impl Client {
    fn take(&mut self, headers: &HeaderMap) {
        for cookie in cookies(headers) {
            if cookie.gone {
                self.jar.remove(&cookie.name);
            } else {
                self.had.insert(cookie.name.clone(), cookie.value.clone());
                self.jar.insert(cookie.name, cookie.value);
            }
        }
    }
}

/// A cookie as it was set, or taken away.
#[derive(Debug)]
pub(super) struct Cookie {
    pub name: String,
    pub value: String,
    pub gone: bool,
    /// Other than those that only say how long: sorted.
    attributes: Vec<String>,
    max_age: Option<String>,
}

impl Cookie {
    pub fn recorded(recorded: &Value) -> Self {
        let attributes =
            recorded["attributes"].as_object().unwrap().iter().map(|(name, value)| match value {
                Value::Bool(true) => name.clone(),
                Value::String(text) => format!("{name}={text}"),
                other => format!("{name}={other}"),
            });
        let (name, value) = (recorded["name"].as_str().unwrap(), recorded["value"].as_str().unwrap());
        Self::new(name, value, attributes)
    }

    fn new(name: &str, value: &str, attributes: impl Iterator<Item = String>) -> Self {
        let (lifetime, mut rest): (Vec<_>, Vec<_>) =
            attributes.partition(|one| one.starts_with("Max-Age=") || one.starts_with("Expires="));
        rest.sort();
        let max_age = lifetime.iter().find_map(|one| one.strip_prefix("Max-Age=")).map(str::to_owned);
        let gone = max_age.as_deref() == Some("0")
            || lifetime.iter().any(|one| one.starts_with("Expires=Thu, 01 Jan 1970"));
        Self { name: name.to_owned(), value: value.to_owned(), gone, attributes: rest, max_age }
    }

    /// A browser makes the same of both: `Max-Age=0` takes a cookie away as well as a date long gone, and where
    /// there is a `Max-Age` the date says nothing (RFC 6265 §5.3).
    pub fn is_like(&self, ours: &Self) -> bool {
        self.gone == ours.gone
            && self.value.is_empty() == ours.value.is_empty()
            && self.attributes == ours.attributes
            && (self.gone || self.max_age == ours.max_age)
    }
}

pub(super) fn cookies(headers: &HeaderMap) -> Vec<Cookie> {
    let lines = headers.get_all(header::SET_COOKIE).into_iter().map(|line| line.to_str().unwrap());
    let split = lines.map(|line| {
        let mut parts = line.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        Cookie::new(name, value, parts.map(str::to_owned))
    });
    split.collect()
}

#[test]
fn cookies_are_alike_if_a_browser_makes_the_same_of_them() {
    let line = |line: &str| {
        let headers = [(header::SET_COOKIE, line.parse().unwrap())].into_iter().collect();
        cookies(&headers).remove(0)
    };
    let attributes = json!({ "Max-Age": 300, "Path": "/", "Expires": "<http-date>", "HttpOnly": true });
    let set = Cookie::recorded(&json!({ "name": "a", "value": "<jwt>", "attributes": attributes }));
    assert!(set.is_like(&line("a=x; HttpOnly; Path=/; Max-Age=300")));
    assert!(!set.is_like(&line("a=x; HttpOnly; Path=/; Max-Age=301")));
    assert!(!set.is_like(&line("a=x; HttpOnly; Path=/; Max-Age=300; Secure")));
    assert!(!set.is_like(&line("a=x; Path=/; Max-Age=300")));
    assert!(!set.is_like(&line("a=; HttpOnly; Path=/; Max-Age=300")));
    let attributes = json!({ "Path": "/", "Expires": "Thu, 01 Jan 1970 00:00:00 GMT" });
    let gone = Cookie::recorded(&json!({ "name": "a", "value": "", "attributes": attributes }));
    assert!(gone.is_like(&line("a=; Max-Age=0; Path=/")));
    assert!(!gone.is_like(&line("a=; Path=/")));
}

#[test]
fn codes_are_written_as_people_write_them() {
    assert_eq!(written("123456", "with spaces inside and around"), " 123 456 ");
    assert_eq!(written("123456", "with dash"), "123-456");
    assert_eq!(written("123456", "full-width digits"), "１２３４５６");
    assert_eq!(written("0123456789abcdef", "upper-case, space-grouped"), "0123 4567 89AB CDEF");
    assert_eq!(written("0123456789abcdef", "truncated"), "0123456789abcde");
}
