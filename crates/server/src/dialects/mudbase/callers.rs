//! Who is asking, by bearer token alone, and how a session is handed over (contract §§0, 2).

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{Method, StatusCode, request::Parts},
};
use countersign_core::{
    denied::Denied,
    organisation::Membership,
    secret::Secret,
    session::{Reach, Scope, Visitor},
};
use serde_json::{Value, json};

use super::{
    WIRE,
    errors::{self, No},
    members::Members,
    wire,
};
use crate::{
    ctx::Ctx,
    dialects::Mount,
    http::{bearer::bearer, limits::Limiter, query, reply::Reply, sent::Sent, visitor},
    operations::{emails::LinkShape, organisations, sessions::SignedIn, tokens},
};

/// What all requests of this dialect share.
pub(super) struct Surface {
    pub ctx: Arc<Ctx>,
    pub limiter: Limiter,
}

impl Surface {
    pub fn new(ctx: &Arc<Ctx>) -> Self {
        Self { ctx: Arc::clone(ctx), limiter: Limiter::new(65_536) }
    }
}

/// One request, read.
pub(super) struct Asked {
    surface: Arc<Surface>,
    pub visitor: Visitor,
    pub sent: Sent,
    parts: Parts,
}

impl Asked {
    pub async fn read(surface: &Arc<Surface>, request: Request) -> Result<Self, No> {
        let (parts, body) = request.into_parts();
        let sent = match parts.method {
            Method::GET | Method::HEAD => Sent::Undefined,
            _ => Sent::read(&parts, body, false).await.map_err(No::Unreadable)?,
        };
        let visitor = visitor::visitor(&surface.ctx.config, &parts.extensions, &parts.headers);
        Ok(Self { surface: Arc::clone(surface), visitor, sent, parts })
    }

    pub fn ctx(&self) -> &Ctx {
        &self.surface.ctx
    }

    /// Members of the body, which must be an object.
    pub fn body<T>(&self, read: impl FnOnce(&mut Members<'_, '_>) -> T) -> Result<T, No> {
        Members::of(&self.sent, read).map_err(No::Invalid)
    }

    /// A query parameter, decoded; an empty one is none.
    pub fn query(&self, name: &str) -> Option<String> {
        query::read(&self.parts.uri, name).filter(|value| !value.is_empty())
    }

    /// The segment of the path after this one.
    pub fn after(&self, segment: &str) -> &str {
        let mut segments = self.parts.uri.path().split('/').skip_while(|one| *one != segment);
        segments.nth(1).unwrap_or_default()
    }

    /// The code of the second factor in a header, for SDKs whose models of a login have no member for it.
    pub fn code_in_header(&self) -> Option<Secret<String>> {
        let code = self.parts.headers.get("x-two-factor-token")?.to_str().ok()?.trim();
        (!code.is_empty()).then(|| Secret::from(code))
    }

    /// A link to mail, up to its token. It leads to a page, which posts the token: looking at it spends nothing.
    pub fn link(&self, before: &str) -> LinkShape {
        Mount::link(&self.parts.extensions, before, String::new())
    }

    /// Whoever holds the access token, or 401. API keys are nobody: not in their own header, which is never
    /// looked at, and not as a bearer (contract §5.4).
    pub async fn signed_in(&self) -> Result<SignedIn, No> {
        self.holder(Reach::Everything).await
    }

    /// As `signed_in`, also for somebody who must enrol before anything else.
    pub async fn signed_in_to_enrol(&self) -> Result<SignedIn, No> {
        self.holder(Reach::Enrolment).await
    }

    async fn holder(&self, reach: Reach) -> Result<SignedIn, No> {
        let token = bearer(&self.parts.headers).ok_or(Denied::NotSignedIn)?;
        Ok(tokens::holder(self.ctx(), WIRE, token, reach).await?.ok_or(Denied::NotSignedIn)?)
    }

    pub async fn organisations_of(&self, who: &SignedIn) -> Result<Vec<Membership>, No> {
        Ok(organisations::of(self.ctx(), &who.user.id).await?)
    }

    /// What registration, login and refresh answer: the tokens, and the user as the route shows them. A session
    /// that may only enrol comes with a refusal: no client shall take it for being signed in.
    pub async fn grant(&self, handed: Handed, message: &str, show: Option<Show>) -> Result<Reply, No> {
        let (who, refresh_token) = handed;
        let own = self.organisations_of(&who).await?;
        let token = tokens::access(self.ctx(), WIRE, &who, wire::claims(&who.user, &own))?;
        let left = who.session.expires_at.since(self.ctx().clock.now());
        let tokens = json!({
            "token": token.expose(), "refreshToken": refresh_token.expose(),
            "expiresIn": WIRE.lifetime.min(left).as_secs(),
        });
        if who.session.scope != Scope::Full {
            let due = wire::with(errors::enrolment_due(), tokens);
            return Ok(Reply::json(&due).status(StatusCode::FORBIDDEN));
        }
        let user = show.map_or(json!({}), |show| json!({ "user": show(&who, &own) }));
        Ok(Reply::json(&wire::with(wire::with(json!({ "message": message }), tokens), user)))
    }
}

/// A session to be handed over, with its refresh token.
pub(super) type Handed = (SignedIn, Secret<String>);

pub(super) type Show = fn(&SignedIn, &[Membership]) -> Value;
