//! Who is asking: a session token, as a bearer or in the cookie of our own pages.

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{Method, request::Parts},
};
use countersign_core::{
    denied::Denied,
    service::{KEY_PREFIX, ServiceKey},
    session::{Reach, Visitor},
};

use percent_encoding::percent_decode_str;

use super::errors::No;
use crate::{
    ctx::Ctx,
    fault::Fault,
    http::{
        bearer::bearer,
        fields::Fields,
        limits::Limiter,
        origins::{self, TrustedOrigins},
        query,
        sent::Sent,
        session_cookie, visitor,
    },
    operations::{
        challenge::{Answerer, Holder},
        service,
        sessions::{self, Current, Renewal, SignedIn},
    },
};

/// What all requests of this dialect share.
pub(super) struct Surface {
    pub ctx: Arc<Ctx>,
    pub limiter: Limiter,
    origins: TrustedOrigins,
}

impl Surface {
    pub fn new(ctx: &Arc<Ctx>) -> Result<Self, Fault> {
        let origins = TrustedOrigins::of(&ctx.config)?;
        Ok(Self { limiter: Limiter::default(), origins, ctx: Arc::clone(ctx) })
    }
}

/// One request, read.
pub(super) struct Asked {
    pub surface: Arc<Surface>,
    pub visitor: Visitor,
    /// The session token that came along, whatever it is worth.
    pub token: Option<String>,
    sent: Sent,
    parts: Parts,
}

impl Asked {
    /// A cookie comes along by itself, so whatever acts through one must come from a page that is trusted.
    pub async fn read(surface: &Arc<Surface>, request: Request) -> Result<Self, No> {
        let (parts, body) = request.into_parts();
        let ctx = &surface.ctx;
        let mut sent = Sent::Undefined;
        let by_bearer = bearer(&parts.headers).map(str::to_owned);
        if ![Method::GET, Method::HEAD].contains(&parts.method) {
            sent = Sent::read(&parts, body, false).await.map_err(No::Unreadable)?;
            if by_bearer.is_none() {
                origins::check_cookie_request(&parts.headers, &surface.origins, surface.origins.own())
                    .map_err(|_| No::CROSS_SITE)?;
            }
        }
        let token = by_bearer.or_else(|| session_cookie::token(&ctx.config, &parts.headers));
        let visitor = visitor::visitor(&ctx.config, &parts.extensions, &parts.headers);
        Ok(Self { surface: Arc::clone(surface), visitor, token, sent, parts })
    }

    pub fn ctx(&self) -> &Ctx {
        &self.surface.ctx
    }

    /// A header that stands there once.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut all = self.parts.headers.get_all(name).into_iter();
        let (one, None) = (all.next()?, all.next()) else { return Some(String::new()) };
        Some(one.to_str().unwrap_or_default().to_owned())
    }

    pub fn method(&self) -> &Method {
        &self.parts.method
    }

    pub fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// What was sent, in one form however it was written.
    pub fn sent_bytes(&self) -> Vec<u8> {
        match &self.sent {
            Sent::Json(value) => value.to_string().into_bytes(),
            Sent::Undefined | Sent::Form(_) => Vec::new(),
        }
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

    /// The segment of the path after these, such as the `{id}` of `/v1/sessions/{id}`.
    pub fn path_after(&self, start: &str) -> &str {
        let rest = self.parts.uri.path().strip_prefix(start).unwrap_or_default();
        rest.split('/').next().unwrap_or_default()
    }

    /// The same with its escapes undone; `None` if it is no text then.
    pub fn decoded_after(&self, start: &str) -> Option<String> {
        let decoded = percent_decode_str(self.path_after(start)).decode_utf8().ok()?;
        (!decoded.contains('\0')).then(|| decoded.into_owned())
    }

    /// A parameter of the address that says something.
    pub fn query(&self, name: &str) -> Option<String> {
        query::read(&self.parts.uri, name).filter(|value| !value.is_empty())
    }

    pub fn last_segment(&self) -> &str {
        self.parts.uri.path().rsplit('/').next().unwrap_or_default()
    }

    /// The application whose key came along. No cookie stands for one.
    pub async fn service_key(&self) -> Result<ServiceKey, No> {
        let key = bearer(&self.parts.headers).filter(|key| key.starts_with(KEY_PREFIX));
        Ok(service::bearer(self.ctx(), key.ok_or(Denied::NotSignedIn)?).await?)
    }

    /// The live session, which may do everything.
    pub async fn signed_in(&self) -> Result<SignedIn, No> {
        self.within(Reach::Everything).await
    }

    /// As `signed_in`, also for somebody who must enrol before anything else.
    pub async fn signed_in_to_enrol(&self) -> Result<SignedIn, No> {
        self.within(Reach::Enrolment).await
    }

    async fn within(&self, reach: Reach) -> Result<SignedIn, No> {
        let token = self.token.as_deref().ok_or(Denied::NotSignedIn)?;
        let current = sessions::current(self.ctx(), token, Renewal::IfDue, reach).await?;
        let Current { who, .. } = current.ok_or(Denied::NotSignedIn)?;
        Ok(who)
    }

    /// Somebody who proves themselves again in their session.
    pub async fn stepping_up(&self) -> Result<Answerer, No> {
        self.signed_in().await?;
        Ok(self.inside())
    }

    /// By the session that came along, whatever it is worth.
    pub fn inside(&self) -> Answerer {
        let session = self.token.clone().map(Holder::Token);
        Answerer { session, ..Answerer::default() }
    }
}
