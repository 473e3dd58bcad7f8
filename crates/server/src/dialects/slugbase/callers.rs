//! Who is asking, and how a session is handed over: header, cookies, CSRF tokens (superset page §4).

use std::{sync::Arc, time::Duration};

use axum::{
    extract::Request,
    http::{Extensions, HeaderMap, Method, request::Parts},
};
use countersign_core::{
    denied::Denied,
    secret::Secret,
    session::{Reach, Visitor},
    user::User,
};
use serde_json::{Map, json};

use super::{
    errors::{self, Asking, No, Voice},
    wire,
};
use crate::{
    ctx::Ctx,
    fault::Fault,
    http::{
        bearer::bearer,
        cookies::{self, SameSite, SetCookie},
        csrf::CsrfTokens,
        express_paths::AsSent,
        limits::Limiter,
        origins::{self, TrustedOrigins},
        query,
        quotas::{Counted, Quota},
        reply::Reply,
        sent::Sent,
        visitor,
    },
    operations::{
        api_keys,
        emails::LinkShape,
        organisations,
        sessions::{self, Handover, Minted, Renewal, SignedIn},
        tokens::{self, Wire},
    },
};

/// What all requests of this dialect share.
pub(super) struct Surface {
    pub ctx: Arc<Ctx>,
    pub limiter: Limiter,
    csrf: CsrfTokens,
    origins: TrustedOrigins,
    secure: bool,
}

/// The cookies (contract §1.4, superset page §4).
pub(super) const TOKEN: &str = "token";
pub(super) const SESSION_ID: &str = "slugbase.sid";
pub(super) const PENDING: &str = "slugbase.mfa_pending";
pub(super) const CSRF: &str = "_csrf";

/// Begins an API token.
pub(super) const KEY_PREFIX: &str = "sb_";

const SESSION_SECONDS: u64 = 7 * 24 * 60 * 60;
const PENDING_SECONDS: u64 = 5 * 60;
const CSRF_SECONDS: u64 = 24 * 60 * 60;
const WIRE: Wire = Wire { name: "slugbase", lifetime: Duration::from_secs(SESSION_SECONDS) };
/// For sign-ins that wait for their second step.
const PENDING_WIRE: Wire = Wire { lifetime: Duration::from_secs(PENDING_SECONDS), ..WIRE };

/// What needs no CSRF token, letter by letter as the path was sent (contract §1.6).
#[rustfmt::skip]
const EXEMPT: &[&str] = &[
    "/api/auth/setup", "/api/auth/register", "/api/auth/verify-signup", "/api/auth/resend-signup-verification",
    "/api/auth/request-signup-resend", "/api/auth/login", "/api/auth/logout", "/api/auth/mfa/verify",
];

impl Surface {
    pub fn new(ctx: &Arc<Ctx>) -> Result<Self, Fault> {
        Ok(Self {
            limiter: Limiter::default(),
            csrf: CsrfTokens::new(ctx.vault.cookie_secret().expose()),
            origins: TrustedOrigins::of(&ctx.config)?,
            secure: ctx.config.secure_cookies(),
            ctx: Arc::clone(ctx),
        })
    }

    fn cookie(&self, name: &str, value: &str, seconds: u64) -> SetCookie {
        let lax = [SESSION_ID, PENDING].contains(&name);
        SetCookie {
            name: name.to_owned(),
            value: value.to_owned(),
            max_age: Some(seconds),
            secure: self.secure,
            same_site: if lax { SameSite::Lax } else { SameSite::Strict },
            ..SetCookie::default()
        }
    }

    pub fn clear(&self, name: &str) -> SetCookie {
        self.cookie(name, "", 0).ended()
    }

    pub fn clear_session(&self) -> [SetCookie; 2] {
        [TOKEN, SESSION_ID].map(|name| self.clear(name))
    }

    pub fn csrf(&self, token: &str) -> SetCookie {
        self.cookie(CSRF, token, CSRF_SECONDS)
    }

    pub fn new_csrf_token(&self) -> String {
        self.csrf.issue(self.ctx.dice.as_ref())
    }

    /// The sign-in that waits for its second step. Whoever is signed in besides, is no longer.
    pub fn pending(&self, user: &User, challenge: &Secret<String>) -> Result<[SetCookie; 3], No> {
        let purpose = Map::from_iter([("pur".to_owned(), json!("mfa_pending"))]);
        let token = tokens::pending(&self.ctx, PENDING_WIRE, (user, challenge), purpose)?;
        let [gone, sid_gone] = self.clear_session();
        Ok([gone, sid_gone, self.cookie(PENDING, token.expose(), PENDING_SECONDS)])
    }

    /// Both cookies of one session: an access token, and the session's own.
    pub async fn session(&self, user: &User, session: &Minted) -> Result<[SetCookie; 2], No> {
        let claims = wire::claims(user, self.is_admin(user).await?);
        let who =
            SignedIn { session: session.session.clone(), user: user.clone(), second_factor_is_on: false };
        let token = tokens::access(&self.ctx, WIRE, &who, claims)?;
        Ok([
            self.cookie(TOKEN, token.expose(), SESSION_SECONDS),
            self.cookie(SESSION_ID, session.token.expose(), SESSION_SECONDS),
        ])
    }

    /// `None` if limits are switched off.
    pub fn count(&self, quota: &'static Quota, from: (&Extensions, &HeaderMap)) -> Option<Counted> {
        let ip = visitor::limited_as(&self.ctx.config, from.0, from.1)?;
        Some(Counted::now(&self.limiter, quota, (ip, self.ctx.clock.now())))
    }

    pub async fn is_admin(&self, user: &User) -> Result<bool, No> {
        Ok(organisations::administers_home(&self.ctx, &user.id).await?)
    }
}

/// One request, read and found to come from where it may come from.
pub(super) struct Asked {
    pub surface: Arc<Surface>,
    pub visitor: Visitor,
    pub sent: Sent,
    asking: Asking,
    voice: Voice,
    /// Whoever is signed in, or holds a key; looked up only where that matters.
    who: Option<SignedIn>,
    pub parts: Parts,
}

impl Asked {
    pub fn count(&self, quota: &'static Quota) -> Option<Counted> {
        self.surface.count(quota, (&self.parts.extensions, &self.parts.headers))
    }

    /// Body, then where the request comes from, then who is asking and whether a page of ours lets them ask.
    pub async fn read(
        surface: &Arc<Surface>,
        request: Request,
        (asking, voice): (Asking, Voice),
    ) -> Result<Self, No> {
        let (parts, body) = request.into_parts();
        let is_safe = [Method::GET, Method::HEAD].contains(&parts.method);
        let sent = Sent::read_as_express(&parts, body).await.map_err(No::Unreadable)?;
        let by_header = bearer(&parts.headers).is_some();
        // No page elsewhere can make a browser send the header.
        if !is_safe && !by_header {
            origins::check_if_told(&parts.headers, &surface.origins).map_err(|_| No::CrossSite)?;
        }
        let exempt = is_safe || by_header || parts.extensions.get().is_some_and(is_exempt);
        let visitor = visitor::visitor(&surface.ctx.config, &parts.extensions, &parts.headers);
        let mut asked = Self { surface: Arc::clone(surface), visitor, sent, asking, voice, who: None, parts };
        if !exempt || !asking.is_public() {
            asked.who = asked.look_up().await?;
        }
        if !exempt && asked.who.is_some() && !asked.has_csrf_token() {
            let missing = asked.cookie(CSRF).is_none();
            return Err(No::Csrf(missing.then(|| surface.new_csrf_token())));
        }
        Ok(asked)
    }

    fn has_csrf_token(&self) -> bool {
        let header = self.parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok());
        let sent = header.map(str::to_owned).or_else(|| self.sent.text("csrfToken"));
        self.cookie(CSRF).zip(sent).is_some_and(|(cookie, sent)| self.surface.csrf.agree(&cookie, &sent))
    }

    /// A header decides alone; else the cookies, the access token first. How far a session reaches is asked later.
    async fn look_up(&self) -> Result<Option<SignedIn>, No> {
        let ctx = self.ctx();
        match bearer(&self.parts.headers) {
            Some(key) if key.starts_with(KEY_PREFIX) => {
                return Ok(api_keys::holder(ctx, KEY_PREFIX, key).await?);
            }
            Some(token) => return Ok(tokens::holder(ctx, WIRE, token, Reach::Enrolment).await?),
            None => {}
        }
        if let Some(token) = self.cookie(TOKEN)
            && let Some(who) = tokens::holder(ctx, WIRE, &token, Reach::Enrolment).await?
        {
            return Ok(Some(who));
        }
        let Some(token) = self.cookie(SESSION_ID) else { return Ok(None) };
        let current = sessions::current(ctx, &token, Renewal::No, Reach::Enrolment).await?;
        Ok(current.map(|current| current.who))
    }

    pub fn ctx(&self) -> &Ctx {
        &self.surface.ctx
    }

    /// Whoever asks, if what they ask with reaches so far.
    pub fn who(&self, reach: Reach) -> Result<&SignedIn, No> {
        let who = self.who.as_ref().ok_or(Denied::NotSignedIn)?;
        who.session.scope.reaches(reach)?;
        Ok(who)
    }

    /// New cookies go to whoever came with cookies. A header's token goes on as it is: its holder reads no cookies.
    pub fn handover(&self) -> Handover {
        if bearer(&self.parts.headers).is_some() { Handover::Nothing } else { Handover::Token }
    }

    /// The reply that hands a new session over. One that may only enrol comes with a refusal: no client shall
    /// take it for being signed in.
    pub async fn welcome(&self, reply: Reply, user: &User, session: &Minted) -> Result<Reply, No> {
        let reply = match session.session.scope.reaches(Reach::Everything) {
            Ok(()) => reply,
            Err(denied) => errors::refusal(&self.surface, &denied, (self.asking, self.voice)),
        };
        Ok(reply.cookies(self.surface.session(user, session).await?))
    }

    /// The reply, and the asking session's new cookies if it has any.
    pub async fn rotated(&self, reply: Reply, user: &User, fresh: Option<Minted>) -> Result<Reply, No> {
        Ok(match fresh {
            Some(session) => reply.cookies(self.surface.session(user, &session).await?),
            None => reply,
        })
    }

    /// Ends every session that came along, whichever way.
    pub async fn leave(&self) -> Result<(), No> {
        let held = [bearer(&self.parts.headers).map(str::to_owned), self.cookie(TOKEN)];
        for token in held.into_iter().flatten() {
            if let Some(who) = tokens::holder(self.ctx(), WIRE, &token, Reach::Enrolment).await? {
                sessions::leave(self.ctx(), &self.visitor, &who).await?;
            }
        }
        if let Some(token) = self.cookie(SESSION_ID) {
            sessions::sign_out(self.ctx(), &self.visitor, &token, Handover::Token).await?;
        }
        Ok(())
    }

    /// The challenge of the sign-in that waits, from its cookie and from nowhere else.
    pub fn challenge(&self) -> Result<Secret<String>, No> {
        let token = self.cookie(PENDING);
        let challenge = token.and_then(|token| tokens::challenge_in(self.ctx(), PENDING_WIRE, &token));
        Ok(challenge.ok_or(Denied::ChallengeGone)?)
    }

    /// An empty cookie is one that was deleted.
    fn cookie(&self, name: &str) -> Option<String> {
        let value = cookies::read(&self.parts.headers, name)?;
        (!value.is_empty()).then(|| value.into_owned())
    }

    /// The code, which must be there before anything else is looked at.
    pub fn code(&self) -> Result<Secret<String>, No> {
        let code = self.sent.some_text("code").ok_or(Denied::CodeRequired)?;
        Ok(Secret::new(code))
    }

    pub fn query(&self, name: &str) -> Option<String> {
        query::read(&self.parts.uri, name).filter(|value| !value.is_empty())
    }

    /// A link to a page of its front end.
    pub fn page(&self, before: &str) -> LinkShape {
        let at = self.ctx().config.slugbase.frontend_url.clone();
        LinkShape { at, before: before.to_owned(), after: String::new() }
    }
}

fn is_exempt(path: &AsSent) -> bool {
    EXEMPT.contains(&path.0.as_str()) || path.0.starts_with("/api/password-reset")
}
