//! Who is asking, and how a session is handed over: cookies, bearer tokens, origins (contract §§3-5).

use std::sync::{Arc, OnceLock};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts},
    response::{IntoResponse, Response},
};
use countersign_core::{
    denied::Denied,
    secret::Secret,
    session::{Reach, Scope, Visitor},
    user::User,
};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{
    BASE,
    errors::{self, Asking, No},
};
use crate::{
    ctx::Ctx,
    dialects::Mount,
    fault::Fault,
    http::{
        bearer::bearer,
        cookies::{Jar, SetCookie, Signer},
        fields::Fields,
        limits::Limiter,
        look::{self, Look},
        origins::{self, BadRedirect, TrustedOrigins},
        query,
        reply::Reply,
        sent::Sent,
        visitor,
    },
    operations::{
        brands::{self, Seen},
        challenge::{Answerer, Holder},
        emails::LinkShape,
        sessions::{self, Current, Handover, Minted, Renewal, SignedIn},
        tokens,
    },
};

/// What all requests of this dialect share.
pub(super) struct Surface {
    pub ctx: Arc<Ctx>,
    pub limiter: Limiter,
    pub tokens: tokens::Recent,
    pub origins: TrustedOrigins,
    cookies: Jar,
}

/// What cookies are for (contract §3).
const SESSION: &str = "session_token";
const SESSION_DATA: &str = "session_data";
pub(super) const DONT_REMEMBER: &str = "dont_remember";
pub(super) const CHALLENGE: &str = "two_factor";
pub(super) const TRUSTED_DEVICE: &str = "trust_device";
/// What a browser keeps that asked to be mailed a link or code; ours.
pub(super) const MAIL_SIGN_IN: &str = "mail_sign_in";
const PASSKEY: &str = "better-auth-passkey";

const SESSION_SECONDS: u64 = 7 * 24 * 60 * 60;
const CHALLENGE_SECONDS: u64 = 10 * 60;
const CEREMONY_SECONDS: u64 = 5 * 60;
const MAIL_SIGN_IN_SECONDS: u64 = 10 * 60;
const CHALLENGE_MARK: &str = "2fa-";
const DEVICE_MARK: &str = "trust-device-";
const SET_AUTH_TOKEN: HeaderName = HeaderName::from_static("set-auth-token");
pub(super) const SET_AUTH_JWT: HeaderName = HeaderName::from_static("set-auth-jwt");
#[rustfmt::skip]
const TARGETS: &[(&str, &str, &str)] = &[
    ("callbackURL",        "INVALID_CALLBACK_URL",          "Invalid callbackURL"),
    ("redirectTo",         "INVALID_REDIRECT_URL",          "Invalid redirectURL"),
    ("errorCallbackURL",   "INVALID_ERROR_CALLBACK_URL",    "Invalid errorCallbackURL"),
    ("newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL", "Invalid newUserCallbackURL"),
];

impl Surface {
    pub fn new(ctx: &Arc<Ctx>) -> Result<Self, Fault> {
        let config = &ctx.config;
        let secure = config.secure_cookies();
        let prefix = if secure { "__Secure-" } else { "" };
        let cookies = Jar {
            signer: Signer::new(ctx.vault.cookie_secret().expose()),
            prefix: format!("{prefix}{}.", config.better_auth.cookie_prefix),
            domain: config.better_auth.cookie_domain.clone(),
            secure,
        };
        let origins = TrustedOrigins::of(config)?;
        Ok(Self {
            limiter: Limiter::default(),
            tokens: tokens::Recent::default(),
            origins,
            cookies,
            ctx: Arc::clone(ctx),
        })
    }

    pub fn clear(&self, purpose: &str) -> SetCookie {
        self.cookies.clear(purpose)
    }

    /// The clear set of a sign-out.
    pub fn clear_session(&self) -> [SetCookie; 3] {
        [SESSION, SESSION_DATA, DONT_REMEMBER].map(|purpose| self.clear(purpose))
    }

    pub fn session(&self, session: &Minted) -> SetCookie {
        self.session_token(session.token.expose(), session.session.remember)
    }

    /// The reply that hands a new session over. One that may only enrol comes with a refusal: no client shall
    /// take it for being signed in.
    pub fn welcome(&self, reply: Reply, session: &Minted) -> Reply {
        match session.session.scope {
            Scope::Full => reply.cookie(self.session(session)),
            Scope::Enrolment | Scope::Key => {
                errors::refusal(self, &Denied::EnrolmentDue, Asking::Plain).cookie(self.session(session))
            }
        }
    }

    fn session_token(&self, token: &str, remember: bool) -> SetCookie {
        self.cookies.set(SESSION, token, remember.then_some(SESSION_SECONDS))
    }

    /// The marker that a browser keeps while its session must not outlive it.
    pub fn dont_remember(&self) -> SetCookie {
        self.cookies.set(DONT_REMEMBER, "true", None)
    }

    /// A question instead of a session.
    pub fn challenge(&self, token: &Secret<String>) -> [SetCookie; 3] {
        let value = format!("{CHALLENGE_MARK}{}", token.expose());
        let question = self.cookies.set(CHALLENGE, &value, Some(CHALLENGE_SECONDS));
        [self.clear(SESSION), self.clear(SESSION_DATA), question]
    }

    /// An open passkey ceremony (§10).
    pub fn ceremony(&self, token: &Secret<String>) -> SetCookie {
        self.cookies.set(PASSKEY, token.expose(), Some(CEREMONY_SECONDS))
    }

    pub fn mail_sign_in(&self, kept: &Secret<String>) -> SetCookie {
        self.cookies.set(MAIL_SIGN_IN, kept.expose(), Some(MAIL_SIGN_IN_SECONDS))
    }

    /// Better Auth's own form: an HMAC over user and identifier stands before the identifier (§8.1).
    pub fn trusted_device(&self, user: &User, value: &Secret<String>, seconds: u64) -> SetCookie {
        let identifier = format!("{DEVICE_MARK}{}", value.expose());
        let hmac = self.cookies.signer.tag(&format!("{}!{identifier}", user.id));
        self.cookies.set(TRUSTED_DEVICE, &format!("{hmac}!{identifier}"), Some(seconds))
    }

    /// Whatever session the cookies hand over, `set-auth-token` does for callers without cookies (§5).
    pub fn finish(&self, reply: Reply) -> Response {
        let session = reply.cookies.iter().rfind(|cookie| cookie.name.ends_with(SESSION));
        let session = session.filter(|cookie| !cookie.value.is_empty());
        let signed = session.map(|cookie| percent_decode_str(&cookie.value).decode_utf8_lossy().into_owned());
        let mut response = reply.into_response();
        let headers = response.headers_mut();
        if let Some(Ok(signed)) = signed.map(HeaderValue::try_from) {
            headers.insert(SET_AUTH_TOKEN, signed);
        }
        let ours = [SET_AUTH_TOKEN, SET_AUTH_JWT].into_iter().filter(|name| headers.contains_key(name));
        let exposed = ours.map(|name| name.to_string()).collect::<Vec<_>>().join(", ");
        if let Some(Ok(exposed)) = (!exposed.is_empty()).then(|| HeaderValue::try_from(exposed)) {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        response
    }

    /// Bearer wins over the cookie; a bearer with a bad signature is as good as none (§5).
    fn session_token_of(&self, headers: &HeaderMap) -> Option<String> {
        let from_bearer = bearer(headers).and_then(|token| match token.contains('.') {
            true => self.cookies.signer.verify(token),
            false => Some(token.to_owned()),
        });
        from_bearer.or_else(|| self.cookies.value(headers, SESSION))
    }
}

/// One request, read and found to come from where it may come from.
pub(super) struct Asked {
    pub surface: Arc<Surface>,
    pub visitor: Visitor,
    pub session_token: Option<String>,
    /// Cookies that the browser must hear of whatever the answer is: its session is dead, or was renewed.
    /// They go before all others, so that a fresh session in the same reply wins (§3).
    pub ahead: Arc<OnceLock<Vec<SetCookie>>>,
    sent: Sent,
    parts: Parts,
}

impl Asked {
    /// Contract §1.2: body, then origin and redirect targets, then who is asking.
    pub async fn read(surface: &Arc<Surface>, request: Request) -> Result<Self, No> {
        let (parts, body) = request.into_parts();
        let mut sent = Sent::Undefined;
        if parts.method != Method::GET {
            let path = parts.uri.path();
            let is_first_login = matches!(path, "/sign-in/email" | "/sign-up/email" | "/sign-in/magic-link");
            let is_page = matches!(path, "/magic-link/verify" | "/two-factor/challenge");
            let takes_forms = is_page || matches!(path, "/sign-in/email" | "/sign-up/email");
            let read = Sent::read(&parts, body, takes_forms).await;
            sent = read.map_err(|why| No::Unreadable(why, takes_forms))?;
            let check = match is_first_login {
                true => origins::check_first_login,
                false => origins::check_cookie_request,
            };
            check(&parts.headers, &surface.origins, surface.origins.own()).map_err(No::CrossSite)?;
        }
        let asked = Self {
            surface: Arc::clone(surface),
            visitor: visitor::visitor(&surface.ctx.config, &parts.extensions, &parts.headers),
            session_token: surface.session_token_of(&parts.headers),
            sent,
            ahead: Arc::default(),
            parts,
        };
        asked.check_redirect_targets()?;
        Ok(asked)
    }

    /// The four redirect targets of contract §4.3, wherever they stand.
    fn check_redirect_targets(&self) -> Result<(), No> {
        for (key, code, message) in TARGETS {
            let targets = [self.sent.member(key), self.query(key).map(Value::String)];
            match self.surface.origins.first_bad_redirect(targets.into_iter().flatten()) {
                Some(BadRedirect::NotText) => return Err(No::RedirectNotText(key)),
                Some(BadRedirect::Elsewhere) => return Err(No::Redirect(code, message)),
                None => {}
            }
        }
        Ok(())
    }

    pub fn ctx(&self) -> &Ctx {
        &self.surface.ctx
    }

    /// Members of the body, which must be an object.
    pub fn body<T>(&self, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T, No> {
        Fields::of(&self.sent, "object", read).map_err(No::Invalid)
    }

    /// As `body`, where the wire calls the object a record.
    pub fn record<T>(&self, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T, No> {
        Fields::of(&self.sent, "record", read).map_err(No::Invalid)
    }

    /// As `body`, where there may be none.
    pub fn any_body<T>(&self, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T, No> {
        match self.sent {
            Sent::Undefined => Fields::of(&Sent::Form(Vec::new()), "object", read).map_err(No::Invalid),
            _ => self.body(read),
        }
    }

    /// A query parameter, decoded; an empty one is none.
    pub fn query(&self, name: &str) -> Option<String> {
        query::read(&self.parts.uri, name).filter(|value| !value.is_empty())
    }

    /// A query parameter that must be there.
    pub fn required_query(&self, name: &'static str) -> Result<String, No> {
        query::read(&self.parts.uri, name).ok_or(No::MissingQuery(name))
    }

    pub fn path_end(&self) -> &str {
        self.parts.uri.path().rsplit('/').next().unwrap_or_default()
    }

    /// A link to mail, which leads back to where this dialect was asked: at the root or under its own prefix.
    pub fn link(&self, before: &str, after: String) -> LinkShape {
        Mount::link(&self.parts.extensions, &format!("{BASE}{before}"), after)
    }

    /// How a page of this dialect presents itself.
    pub async fn look(&self) -> Result<Look, No> {
        let language = look::language(&self.parts.headers, &self.parts.uri);
        let seen = Seen { challenge: self.challenge_token().map(Secret::new), ..Seen::default() };
        let brand = brands::seen(self.ctx(), seen).await?;
        Ok(Look::new(&self.ctx().config.app_name, language).branded(brand))
    }

    /// Where one of this dialect's routes is, for a browser that is here.
    pub fn here(&self, path: &str) -> String {
        Mount::link(&self.parts.extensions, &format!("{BASE}{path}"), String::new()).before
    }

    /// A redirect target as a whole address.
    pub fn absolute(&self, target: &str) -> String {
        self.ctx().config.public_url.join(target).map_or_else(|_| target.to_owned(), String::from)
    }

    /// Neither a navigation nor a browser's guess at one, as far as the request says (SEC-028).
    pub fn is_a_script(&self) -> bool {
        let says = |name: &str| self.parts.headers.get(name).map(HeaderValue::as_bytes);
        says("sec-fetch-mode") != Some(b"navigate")
            && says("sec-purpose").is_none()
            && says("purpose").is_none()
    }

    /// What this browser keeps for a purpose, if we signed it.
    pub fn kept(&self, purpose: &str) -> Option<String> {
        self.surface.cookies.value(&self.parts.headers, purpose)
    }

    pub fn challenge_token(&self) -> Option<String> {
        let value = self.surface.cookies.value(&self.parts.headers, CHALLENGE)?;
        Some(value.strip_prefix(CHALLENGE_MARK)?.to_owned())
    }

    pub fn ceremony(&self) -> Option<String> {
        self.surface.cookies.value(&self.parts.headers, PASSKEY)
    }

    /// `<hmac>!trust-device-<value>`; the value alone is what we keep.
    pub fn trusted_device(&self) -> Option<String> {
        let value = self.surface.cookies.value(&self.parts.headers, TRUSTED_DEVICE)?;
        let (_, identifier) = value.split_once('!')?;
        Some(identifier.strip_prefix(DEVICE_MARK)?.to_owned())
    }

    /// The end of this cookie, if the browser brought it, whatever it is worth.
    pub fn clear_brought(&self, purpose: &str) -> Option<SetCookie> {
        self.surface.cookies.brought(&self.parts.headers, purpose)?;
        Some(self.surface.clear(purpose))
    }

    /// The live session, if there is one. What became of it goes into `ahead`.
    pub async fn current(&self) -> Result<Option<SignedIn>, No> {
        self.current_within(Reach::Everything).await
    }

    async fn current_within(&self, reach: Reach) -> Result<Option<SignedIn>, No> {
        let Some(token) = &self.session_token else { return Ok(None) };
        let renewal = if self.query("disableRefresh").is_none() { Renewal::IfDue } else { Renewal::No };
        let current = sessions::current(self.ctx(), token, renewal, reach).await?;
        let cookies = match &current {
            None => self.surface.clear_session().into(),
            Some(Current { who, renewed: true }) => self.same_session(who).into_iter().collect(),
            Some(_) => Vec::new(),
        };
        // Whoever asks twice hears the same twice.
        self.ahead.get_or_init(|| cookies);
        Ok(current.map(|current| current.who))
    }

    /// The live session, or 401.
    pub async fn signed_in(&self) -> Result<SignedIn, No> {
        Ok(self.current().await?.ok_or(Denied::NotSignedIn)?)
    }

    /// As `signed_in`, also for somebody who must enrol before anything else.
    pub async fn signed_in_to_enrol(&self) -> Result<SignedIn, No> {
        Ok(self.current_within(Reach::Enrolment).await?.ok_or(Denied::NotSignedIn)?)
    }

    /// Session or challenge, in the order of the wire. Asks for the session first, so that a dead one shows.
    pub async fn answerer(&self) -> Result<Answerer, No> {
        let session = self.current_within(Reach::Enrolment).await?.and(self.session_token.clone());
        let session = session.map(Holder::Token);
        Ok(Answerer {
            session,
            challenge: self.challenge_token(),
            handover: Handover::Token,
            ..Answerer::default()
        })
    }

    /// The session cookie again, with the same token.
    pub fn same_session(&self, who: &SignedIn) -> Option<SetCookie> {
        Some(self.surface.session_token(self.session_token.as_ref()?, who.session.remember))
    }
}
