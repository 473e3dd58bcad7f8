//! Who is asking: the token in the `Authorization` header, which may belong to a session or to an open question.

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{Method, request::Parts},
};
use countersign_core::{
    denied::Denied,
    secret::Secret,
    session::{Reach, Visitor},
};

use super::{
    errors::No,
    wire::{PARTIAL, WIRE},
};
use crate::{
    ctx::Ctx,
    http::{bearer::bearer, fields::Fields, limits::Limiter, sent::Sent, visitor},
    operations::{
        authenticators,
        challenge::{Answerer, Holder},
        emails::LinkShape,
        sessions::{Handover, SignedIn},
        tokens,
    },
};

/// What all requests of this dialect share.
pub(super) struct Surface {
    pub ctx: Arc<Ctx>,
    pub limiter: Limiter,
}

impl Surface {
    pub fn new(ctx: &Arc<Ctx>) -> Self {
        Self { limiter: Limiter::default(), ctx: Arc::clone(ctx) }
    }
}

/// What a token is worth.
pub(super) enum Bearer {
    Session(Box<SignedIn>),
    /// A first factor was shown, and this challenge stands before anything else.
    Challenge(Secret<String>),
}

/// One request, read.
pub(super) struct Asked {
    pub surface: Arc<Surface>,
    pub visitor: Visitor,
    sent: Sent,
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
    pub fn body<T>(&self, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T, No> {
        Fields::of(&self.sent, "object", read).map_err(No::Invalid)
    }

    /// As `body`, where there may be none.
    pub fn any_body<T>(&self, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T, No> {
        match self.sent {
            Sent::Undefined => Fields::of(&Sent::Form(Vec::new()), "object", read).map_err(No::Invalid),
            _ => self.body(read),
        }
    }

    /// The segment of the path after these, such as the `{id}` of `/sessions/{id}/revoke`.
    pub fn path_after(&self, start: &str) -> &str {
        let rest = self.parts.uri.path().strip_prefix(start).unwrap_or_default();
        rest.split('/').next().unwrap_or_default()
    }

    /// A link to a page of the front end: none of these pages is ours.
    pub fn page(&self, before: &str) -> LinkShape {
        let at = self.ctx().config.flashback.frontend_url.clone();
        LinkShape { at, before: before.to_owned(), after: String::new() }
    }

    /// What the token is worth, if anything; a refusal if its session does not reach so far. Public routes do
    /// not ask: the client sends the last token along with everything.
    pub async fn bearer(&self, reach: Reach) -> Result<Option<Bearer>, No> {
        let Some(token) = bearer(&self.parts.headers) else { return Ok(None) };
        if let Some(challenge) = tokens::challenge_in(self.ctx(), PARTIAL, token) {
            return Ok(Some(Bearer::Challenge(challenge)));
        }
        let who = tokens::holder(self.ctx(), WIRE, token, reach).await?;
        Ok(who.map(|who| Bearer::Session(Box::new(who))))
    }

    /// The live session, which may do everything.
    pub async fn signed_in(&self) -> Result<SignedIn, No> {
        self.session(Reach::Everything).await
    }

    /// As `signed_in`, also for somebody who must enrol before anything else.
    pub async fn signed_in_to_enrol(&self) -> Result<SignedIn, No> {
        self.session(Reach::Enrolment).await
    }

    async fn session(&self, reach: Reach) -> Result<SignedIn, No> {
        match self.bearer(reach).await? {
            Some(Bearer::Session(who)) => Ok(*who),
            Some(Bearer::Challenge(challenge)) => {
                // A question that is over cannot be answered: then the way is to log in, not to verify.
                authenticators::overview_at_the_door(self.ctx(), challenge.expose()).await?;
                Err(No::SecondStepDue)
            }
            None => Err(Denied::NotSignedIn.into()),
        }
    }

    /// Whoever answers a second step: at the door, or anew within a session that has one to answer.
    pub async fn answerer(&self) -> Result<Answerer, No> {
        let (session, challenge) = match self.bearer(Reach::Everything).await? {
            Some(Bearer::Session(who)) if !who.second_factor_is_on => {
                return Err(Denied::NoSecondFactor.into());
            }
            Some(Bearer::Session(who)) => (Some(Holder::Seen(who)), None),
            Some(Bearer::Challenge(challenge)) => (None, Some(challenge.expose().clone())),
            None => return Err(Denied::NotSignedIn.into()),
        };
        Ok(Answerer { session, challenge, handover: Handover::Refresh(WIRE), ..Answerer::default() })
    }
}

/// A text that may be missing or `null`.
pub(super) fn given(body: &mut Fields<'_>, key: &'static str) -> Option<String> {
    body.member(key).filter(|sent| !sent.is_null())?;
    Some(body.text(key))
}
