//! Tokens others can check offline: short-lived signed statements about a session.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use countersign_core::{
    entropy,
    ids::SessionId,
    time::{MINUTE, Timestamp},
};
use serde::Serialize;
use serde_json::Value;

use crate::{
    ctx::Ctx,
    operations::{Outcome, sessions::SignedIn},
};

/// A token outlives its session by at most this much, so it is short (SEC-085 allows 15 minutes).
pub const LIFETIME: Duration = Duration::from_secs(5 * 60);

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    sid: &'a str,
    jti: String,
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    auth_time: i64,
    acr: &'static str,
    amr: Vec<&'static str>,
    id: &'a str,
    email: &'a str,
    #[serde(rename = "emailVerified")]
    email_verified: bool,
    name: &'a str,
}

/// A token minted within this span is good enough to be handed out again.
const RECENT: Duration = MINUTE;
/// How many sessions are remembered; then all are forgotten and begin anew.
const REMEMBERED_MAX: usize = 8_192;

/// Tokens minted a moment ago. Clients ask who is signed in again and again, and one signature a minute is
/// enough. Only asked for sessions just found alive.
#[derive(Default)]
pub struct Recent(Mutex<HashMap<SessionId, (Facts, Timestamp, String)>>);

/// What a token says that may change while its session lives.
type Facts = (Timestamp, Option<Timestamp>, Option<Timestamp>);

impl Recent {
    pub fn token(&self, ctx: &Ctx, who: &SignedIn) -> Outcome<String> {
        let now = ctx.clock.now();
        let facts = (who.user.updated_at, who.user.email_verified_at, who.session.proofs.latest());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((then, at, token)) = known.get(&who.session.id)
            && *then == facts
            && *at <= now
            && now.since(*at) < RECENT
        {
            return Ok(token.clone());
        }
        let token = mint(ctx, who)?;
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(who.session.id.clone(), (facts, now, token.clone()));
        Ok(token)
    }
}

/// Who is signed in, how surely and since when (SEC-087), signed with EdDSA.
pub fn mint(ctx: &Ctx, who: &SignedIn) -> Outcome<String> {
    let now = ctx.clock.now();
    let origin = ctx.config.origin();
    let proofs = &who.session.proofs;
    let claims = Claims {
        sub: who.user.id.as_str(),
        sid: who.session.id.as_str(),
        jti: entropy::url_safe(ctx.dice.as_ref(), 22),
        iss: origin,
        aud: origin,
        iat: now.as_seconds(),
        exp: (now + LIFETIME).as_seconds(),
        auth_time: proofs.latest().unwrap_or(who.session.created_at).as_seconds(),
        acr: proofs.aal().acr(),
        amr: proofs.amr(),
        id: who.user.id.as_str(),
        email: &who.user.email,
        email_verified: who.user.email_verified_at.is_some(),
        name: &who.user.name,
    };
    Ok(ctx.vault.sign_token(None, &claims)?)
}

/// The public keys that check our tokens.
pub fn public_keys(ctx: &Ctx) -> Value {
    ctx.vault.jwks()
}
