//! Tokens others can check offline: short-lived signed statements about a session.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use countersign_core::{
    entropy,
    ids::SessionId,
    secret::Secret,
    session::{Reach, Scope},
    time::{MINUTE, Timestamp},
    user::User,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use crate::operations::sessions::Wire;
use crate::{
    ctx::Ctx,
    operations::{
        Outcome,
        sessions::{self, SignedIn},
    },
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
    who.session.scope.reaches(Reach::Everything)?;
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
        acr: proofs.aal(now).acr(),
        amr: proofs.amr(),
        id: who.user.id.as_str(),
        email: &who.user.email,
        email_verified: who.user.email_verified_at.is_some(),
        name: &who.user.name,
    };
    Ok(ctx.vault.sign_token(None, &claims)?)
}

/// `typ` of an access token (RFC 9068 §2.1), of one for a session that may only enrol, which nobody who checks it
/// offline shall take for access, and of what somebody holds who owes a second step (SEC-086).
const ACCESS: &str = "at+jwt";
const ENROLMENT: &str = "mfa-enrolment+jwt";
const PENDING: &str = "mfa-pending+jwt";

impl Wire {
    /// Each wire's tokens are for that wire alone.
    fn audience(&self, ctx: &Ctx) -> String {
        format!("{}/{}", ctx.config.origin(), self.name)
    }
}

/// An access token of this wire for a session. It opens nothing once the session is gone: whoever takes it
/// asks the store. `extra` are claims that the wire's clients read; ours are written over them.
pub fn access(ctx: &Ctx, wire: Wire, who: &SignedIn, extra: Map<String, Value>) -> Outcome<Secret<String>> {
    let now = ctx.clock.now();
    let proofs = &who.session.proofs;
    let ours = json!({
        "sub": who.user.id,
        "sid": who.session.id,
        "jti": entropy::url_safe(ctx.dice.as_ref(), 22),
        "iss": ctx.config.origin(),
        "aud": wire.audience(ctx),
        "iat": now.as_seconds(),
        "exp": (now + wire.lifetime).min(who.session.expires_at).as_seconds(),
        "auth_time": proofs.latest().unwrap_or(who.session.created_at).as_seconds(),
        "acr": proofs.aal(now).acr(),
        "amr": proofs.amr(),
    });
    let typ = if who.session.scope == Scope::Full { ACCESS } else { ENROLMENT };
    Ok(Secret::new(ctx.vault.sign_token(Some(typ), &merged(extra, ours))?))
}

fn merged(mut claims: Map<String, Value>, ours: Value) -> Map<String, Value> {
    if let Value::Object(ours) = ours {
        claims.extend(ours);
    }
    claims
}

#[derive(Deserialize)]
struct Held {
    sub: String,
    sid: String,
}

/// Whoever holds this access token, if its session is alive and reaches so far. What that is, the store says: a
/// token keeps its type when its session rises or falls.
pub async fn holder(ctx: &Ctx, wire: Wire, token: &str, reach: Reach) -> Outcome<Option<SignedIn>> {
    let now = ctx.clock.now();
    let (audience, issuer) = (wire.audience(ctx), ctx.config.origin());
    let read = |typ| ctx.vault.verify_token::<Held>(Some(typ), &audience, issuer, token, now);
    let Some(held) = read(ACCESS).or_else(|| read(ENROLMENT)) else { return Ok(None) };
    let id = SessionId::from(held.sid);
    let found = ctx.store.read(move |tx| tx.signed_in_by_id(&id)).await?;
    let found = found.filter(|who| who.user.id.as_str() == held.sub);
    let Some(who) = sessions::alive(ctx, found, now).await? else { return Ok(None) };
    who.session.scope.reaches(reach)?;
    Ok(Some(who))
}

#[derive(Deserialize)]
struct Pending {
    challenge: String,
    exp: i64,
}

/// What somebody holds between the two steps, in the form of a token: the challenge's own secret and nothing
/// that anything else would take.
pub fn pending(
    ctx: &Ctx,
    wire: Wire,
    asked: (&User, &Secret<String>),
    extra: Map<String, Value>,
) -> Outcome<Secret<String>> {
    let (user, challenge) = asked;
    let now = ctx.clock.now();
    let ours = json!({
        "sub": user.id,
        "challenge": challenge.expose(),
        "iss": ctx.config.origin(),
        "aud": wire.audience(ctx),
        "iat": now.as_seconds(),
        "exp": (now + wire.lifetime).as_seconds(),
    });
    Ok(Secret::new(ctx.vault.sign_token(Some(PENDING), &merged(extra, ours))?))
}

/// The challenge in a pending token of this wire.
pub fn challenge_in(ctx: &Ctx, wire: Wire, token: &str) -> Option<Secret<String>> {
    let (audience, issuer, now) = (wire.audience(ctx), ctx.config.origin(), ctx.clock.now());
    let held: Option<Pending> = ctx.vault.verify_token(Some(PENDING), &audience, issuer, token, now);
    // To the second: the patience with other servers' clocks is not for what only we read.
    held.filter(|held| now.as_seconds() < held.exp).map(|held| Secret::new(held.challenge))
}

/// The public keys that check our tokens.
pub fn public_keys(ctx: &Ctx) -> Value {
    ctx.vault.jwks()
}
