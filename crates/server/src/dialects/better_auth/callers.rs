//! Who is asking, and how a session is handed over: cookies, bearer tokens, origins (contract §§3-5).

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    body::{Body, Bytes},
    extract::{ConnectInfo, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::Response,
};
use countersign_core::{secret::Secret, session::Visitor};
use serde::Serialize;

use super::{
    errors::No,
    wire::{self, Body as Sent},
};
use crate::{
    ctx::Ctx,
    fault::Fault,
    http::{
        body, client_ip,
        cookies::{self, SetCookie, Signer},
        limits::Limiter,
        origins::{self, TrustedOrigins},
    },
    operations::{
        challenge::Answerer,
        sessions::{self, Current, Minted, SignedIn},
    },
};

/// What all requests of this dialect share.
pub(super) struct Surface {
    pub ctx: Arc<Ctx>,
    pub limiter: Limiter,
    pub origins: TrustedOrigins,
    signer: Signer,
    cookie_prefix: String,
}

/// The cookies of contract §3, by what they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cookie {
    Session,
    SessionData,
    DontRemember,
    Challenge,
    TrustedDevice,
}

impl Cookie {
    const fn name(self) -> &'static str {
        match self {
            Self::Session => "session_token",
            Self::SessionData => "session_data",
            Self::DontRemember => "dont_remember",
            Self::Challenge => "two_factor",
            Self::TrustedDevice => "trust_device",
        }
    }
}

const SESSION_SECONDS: u64 = 7 * 24 * 60 * 60;
const CHALLENGE_SECONDS: u64 = 10 * 60;
const CHALLENGE_MARK: &str = "2fa-";
const DEVICE_MARK: &str = "trust-device-";
/// How many addresses the limiter remembers.
const LIMITED_ADDRESSES: usize = 65_536;

impl Surface {
    pub fn new(ctx: &Arc<Ctx>) -> Result<Self, Fault> {
        let config = &ctx.config;
        let secure = if config.secure_cookies() { "__Secure-" } else { "" };
        Ok(Self {
            limiter: Limiter::new(LIMITED_ADDRESSES),
            origins: TrustedOrigins::new(&config.public_url, &config.trusted_origins)?,
            signer: Signer::new(ctx.vault.cookie_secret().expose()),
            cookie_prefix: format!("{secure}{}.", config.better_auth.cookie_prefix),
            ctx: Arc::clone(ctx),
        })
    }

    pub fn client_ip(&self, request: &Request) -> IpAddr {
        client_ip_of(self, request.extensions().get(), request.headers())
    }

    fn cookie_name(&self, cookie: Cookie) -> String {
        format!("{}{}", self.cookie_prefix, cookie.name())
    }

    /// The signed value of a cookie; a bad signature is no cookie.
    fn signed_cookie(&self, headers: &HeaderMap, cookie: Cookie) -> Option<String> {
        self.signer.verify(&cookies::read(headers, &self.cookie_name(cookie))?)
    }
}

fn client_ip_of(surface: &Surface, peer: Option<&ConnectInfo<SocketAddr>>, headers: &HeaderMap) -> IpAddr {
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip());
    client_ip::client_ip(peer, headers, &surface.ctx.config.trusted_proxies)
}

/// A flag that outlives the request it belongs to.
#[derive(Clone, Default)]
pub(super) struct Flag(Arc<AtomicBool>);

impl Flag {
    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// One request, read and found to come from where it may come from.
pub(super) struct Asked {
    pub surface: Arc<Surface>,
    pub visitor: Visitor,
    pub body: Sent,
    pub session_token: Option<String>,
    /// A session cookie or bearer was signed by us but its session is gone: the browser should drop it.
    pub dead_session: Flag,
    parts: Parts,
}

impl Asked {
    /// Contract §1.2: body, then origin and redirect targets, then who is asking.
    pub async fn read(surface: &Arc<Surface>, request: Request) -> Result<Self, No> {
        let (parts, sent) = request.into_parts();
        let body =
            if parts.method == Method::GET { Sent::Undefined } else { read_body(&parts, sent).await? };
        if parts.method != Method::GET {
            check_origin(surface, &parts)?;
            check_redirect_targets(surface, &parts, &body)?;
        }
        let peer = parts.extensions.get();
        let visitor = Visitor {
            ip: client_ip::shown(client_ip_of(surface, peer, &parts.headers)),
            user_agent: wire::bounded(header_text(&parts.headers, header::USER_AGENT).unwrap_or_default()),
        };
        let session_token = session_token(surface, &parts.headers);
        Ok(Self {
            surface: Arc::clone(surface),
            visitor,
            body,
            session_token,
            dead_session: Flag::default(),
            parts,
        })
    }

    pub fn ctx(&self) -> &Ctx {
        &self.surface.ctx
    }

    pub fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// A query parameter, decoded; the first of its name.
    pub fn query(&self, name: &str) -> Option<String> {
        query(&self.parts, name)
    }

    pub fn challenge_token(&self) -> Option<String> {
        let value = self.surface.signed_cookie(&self.parts.headers, Cookie::Challenge)?;
        Some(value.strip_prefix(CHALLENGE_MARK)?.to_owned())
    }

    /// `<hmac>!trust-device-<value>`; the value alone is what we keep.
    pub fn trusted_device(&self) -> Option<String> {
        let value = self.surface.signed_cookie(&self.parts.headers, Cookie::TrustedDevice)?;
        let (_, identifier) = value.split_once('!')?;
        Some(identifier.strip_prefix(DEVICE_MARK)?.to_owned())
    }

    /// Whether the browser brought this cookie, whatever it is worth.
    pub fn brought(&self, cookie: Cookie) -> bool {
        cookies::read(&self.parts.headers, &self.surface.cookie_name(cookie)).is_some()
    }

    /// The live session, if there is one; notes a dead one.
    pub async fn current(&self) -> Result<Option<Current>, No> {
        let Some(token) = &self.session_token else {
            return Ok(None);
        };
        let current = sessions::current(self.ctx(), token).await?;
        if current.is_none() {
            self.dead_session.set();
        }
        Ok(current)
    }

    /// The live session, or 401.
    pub async fn signed_in(&self) -> Result<SignedIn, No> {
        let current = self.current().await?;
        Ok(current.ok_or(countersign_core::denied::Denied::NotSignedIn)?.who)
    }

    /// Session or challenge, in the order of the wire. Asks for the session first so that a dead one is noted.
    pub async fn answerer(&self) -> Result<Answerer, No> {
        let session = self.current().await?.and(self.session_token.clone());
        Ok(Answerer { session, challenge: self.challenge_token() })
    }
}

fn header_text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn query(parts: &Parts, name: &str) -> Option<String> {
    let text = parts.uri.query()?;
    url::form_urlencoded::parse(text.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// JSON, or a form on the two first-login routes; no body and no content type are the same as none (§1.3).
async fn read_body(parts: &Parts, sent: Body) -> Result<Sent, No> {
    let bytes: Bytes = body::read(sent, body::LIMIT).await.map_err(No::Unread)?;
    let Some(content_type) = parts.headers.get(header::CONTENT_TYPE).filter(|_| !bytes.is_empty()) else {
        return Ok(Sent::Undefined);
    };
    let content_type = String::from_utf8_lossy(content_type.as_bytes()).into_owned();
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let takes_forms = is_first_login(parts);
    match media_type.as_str() {
        "application/json" => body::json(&bytes).map(Sent::Json).map_err(|_| No::Malformed),
        "application/x-www-form-urlencoded" if takes_forms => {
            Ok(Sent::Form(url::form_urlencoded::parse(&bytes).into_owned().collect()))
        }
        _ => Err(No::MediaType { sent: wire::bounded(&content_type), takes_forms }),
    }
}

fn is_first_login(parts: &Parts) -> bool {
    matches!(parts.uri.path(), "/sign-in/email" | "/sign-up/email")
}

fn check_origin(surface: &Surface, parts: &Parts) -> Result<(), No> {
    let (headers, own) = (&parts.headers, surface.origins.own());
    let checked = if is_first_login(parts) {
        origins::check_first_login(headers, &surface.origins, own)
    } else {
        origins::check_cookie_request(headers, &surface.origins, own)
    };
    checked.map_err(No::CrossSite)
}

/// The four redirect targets of contract §4.3, wherever they stand.
fn check_redirect_targets(surface: &Surface, parts: &Parts, body: &Sent) -> Result<(), No> {
    for target in wire::REDIRECT_TARGETS {
        let in_body = body.member(target.key);
        if let Some(value) = in_body.clone().filter(|value| !value.is_null()) {
            let text = value.as_str().ok_or(No::RedirectNotText(target.key))?;
            if !text.is_empty() && !surface.origins.allows_redirect(text) {
                return Err(No::Redirect(target));
            }
        }
        if let Some(text) = query(parts, target.key)
            && !surface.origins.allows_redirect(&text)
        {
            return Err(No::Redirect(target));
        }
    }
    Ok(())
}

/// Bearer wins over the cookie; a bearer with a bad signature is as good as none (§5).
fn session_token(surface: &Surface, headers: &HeaderMap) -> Option<String> {
    let bearer = header_text(headers, header::AUTHORIZATION).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        let token = token.trim();
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    });
    let from_bearer = match bearer {
        Some(signed) if signed.contains('.') => surface.signer.verify(signed),
        Some(raw) => Some(raw.to_owned()),
        None => None,
    };
    from_bearer.or_else(|| surface.signed_cookie(headers, Cookie::Session))
}

/// A reply being put together: body, cookies in order, headers.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub status: StatusCode,
    body: Option<String>,
    cookies: Vec<(Cookie, Option<Secret<String>>, Option<u64>)>,
    headers: Vec<(HeaderName, String)>,
}

const SET_AUTH_TOKEN: HeaderName = HeaderName::from_static("set-auth-token");
const SET_AUTH_JWT: HeaderName = HeaderName::from_static("set-auth-jwt");

impl Reply {
    pub fn json<T: Serialize>(value: &T) -> Self {
        let body = serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned());
        Self { body: Some(body), ..Self::default() }
    }

    pub fn empty(status: StatusCode) -> Self {
        Self { status, ..Self::default() }
    }

    pub fn found(location: &str) -> Self {
        Self::empty(StatusCode::FOUND).header(header::LOCATION, location)
    }

    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub fn jwt(self, token: String) -> Self {
        self.header(SET_AUTH_JWT, token)
    }

    /// Sets a cookie: its value before signing, and its Max-Age unless it ends with the browser session.
    pub fn set(mut self, cookie: Cookie, value: impl Into<String>, max_age: Option<u64>) -> Self {
        self.cookies.push((cookie, Some(Secret::new(value.into())), max_age));
        self
    }

    pub fn clear(mut self, cookies: &[Cookie]) -> Self {
        self.cookies.extend(cookies.iter().map(|cookie| (*cookie, None, Some(0))));
        self
    }

    /// The clear set of a sign-out.
    pub fn clear_session(self) -> Self {
        self.clear(&[Cookie::Session, Cookie::SessionData, Cookie::DontRemember])
    }

    /// Before all other cookies, so that a fresh session in the same reply wins.
    pub fn clear_session_first(&mut self) {
        let later = std::mem::take(&mut self.cookies);
        let already =
            later.iter().any(|(cookie, value, _)| *cookie == Cookie::SessionData && value.is_none());
        if !already {
            for cookie in [Cookie::Session, Cookie::SessionData, Cookie::DontRemember] {
                self.cookies.push((cookie, None, Some(0)));
            }
        }
        self.cookies.extend(later);
    }

    /// Hands a session over: cookie, and in `into_response` the bearer header beside it.
    pub fn session(self, session: &Minted) -> Self {
        self.session_token(session.token.expose(), session.session.remember)
    }

    pub fn session_token(self, token: &str, remember: bool) -> Self {
        self.set(Cookie::Session, token, remember.then_some(SESSION_SECONDS))
    }

    pub fn challenge(self, token: &Secret<String>) -> Self {
        self.set(Cookie::Challenge, format!("{CHALLENGE_MARK}{}", token.expose()), Some(CHALLENGE_SECONDS))
    }

    /// Better Auth's own form: an HMAC over user and identifier stands before the identifier (§8.1).
    pub fn trusted_device(self, surface: &Surface, device: TrustedValue<'_>) -> Self {
        let identifier = format!("{DEVICE_MARK}{}", device.value.expose());
        let signature = surface.signer.sign(&format!("{}!{identifier}", device.user));
        let hmac = wire::base64url_of_signature(&signature);
        self.set(Cookie::TrustedDevice, format!("{hmac}!{identifier}"), Some(device.seconds))
    }

    pub fn into_response(self, surface: &Surface) -> Response {
        let mut reply = Response::new(self.body.map_or_else(Body::empty, Body::from));
        *reply.status_mut() = self.status;
        let headers = reply.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut exposed = Vec::new();
        for (cookie, value, max_age) in &self.cookies {
            let signed = value.as_ref().map(|value| surface.signer.sign(value.expose()));
            if let (Cookie::Session, Some(signed)) = (cookie, &signed) {
                insert(headers, SET_AUTH_TOKEN, signed);
                exposed.push("set-auth-token");
            }
            let config = &surface.ctx.config;
            let line = SetCookie {
                name: surface.cookie_name(*cookie),
                value: signed.map(|signed| cookies::encode(&signed)).unwrap_or_default(),
                max_age: *max_age,
                domain: config.better_auth.cookie_domain.clone(),
                secure: config.secure_cookies(),
            };
            if let Ok(line) = HeaderValue::from_str(&line.to_string()) {
                headers.append(header::SET_COOKIE, line);
            }
        }
        for (name, value) in &self.headers {
            if *name == SET_AUTH_JWT {
                exposed.push("set-auth-jwt");
            }
            insert(headers, name.clone(), value);
        }
        if !exposed.is_empty() {
            insert(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, &exposed.join(", "));
        }
        reply
    }
}

/// What a trusted browser keeps, and for how long.
pub(super) struct TrustedValue<'a> {
    pub user: &'a str,
    pub value: &'a Secret<String>,
    pub seconds: u64,
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
