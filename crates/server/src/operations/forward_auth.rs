//! Passes: what stands for a session at the hosts that a proxy protects.
//!
//! The session's own token never leaves the host of its cookie. A protected host gets a pass of its own instead:
//! a code carries it through one redirect, for one browser and one host, and becomes the pass once.

use std::time::Duration;

use countersign_core::{
    denied::Denied,
    entropy,
    event::Kind,
    organisation::Membership,
    secret::Secret,
    session::{self, Reach, Scope, Session, Visitor},
    time::MINUTE,
};
use serde_json::json;

use crate::{
    ctx::Ctx,
    operations::{
        Act, Outcome, Whose,
        sessions::{self, SignedIn},
    },
    store::{Kept, NewForwardCode, NewForwardPass},
    vault::Vault,
};

/// How long a code has to get from one host to the other.
const CODE_LIFETIME: Duration = MINUTE;
/// 258 bits each (SEC-074).
const LENGTH: usize = 43;
/// Codes, and passes, of one session at one host; the oldest make room.
const PER_HOST_MAX: usize = 10;

/// Somebody at a protected host.
#[derive(Clone, Debug)]
pub struct Holder {
    pub who: SignedIn,
    pub memberships: Vec<Membership>,
}

/// A pass just made, with the only copy of its value.
#[derive(Debug)]
pub struct Pass {
    pub value: Secret<String>,
    pub session: Session,
}

/// A browser's own secret, which ties a code to it (as OAuth's `state`, RFC 6749 §10.12).
pub fn new_nonce(ctx: &Ctx) -> Secret<String> {
    Secret::new(entropy::url_safe(ctx.dice.as_ref(), LENGTH))
}

/// Whether this can be one that we made.
pub fn is_nonce(text: &str) -> bool {
    text.len() == LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// What of a nonce may be seen in an address.
pub fn state_of(ctx: &Ctx, nonce: &str) -> Vec<u8> {
    ctx.vault.digest("forward state", &[nonce.as_bytes()])
}

fn code_digest(vault: &Vault, code: &str) -> Vec<u8> {
    vault.digest("forward code", &[code.as_bytes()])
}

fn pass_digest(vault: &Vault, pass: &str) -> Vec<u8> {
    vault.digest("forward pass", &[pass.as_bytes()])
}

/// A code for this host and the browser of this state, made from somebody's full session.
pub async fn open(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    (host, state): (&str, &[u8]),
) -> Outcome<Secret<String>> {
    let act = Act::begin(ctx, visitor);
    let (seen, host, state) = (who.clone(), host.to_owned(), state.to_owned());
    ctx.write(move |tx| {
        let who = match sessions::still(&act, tx, &seen, Reach::Everything)? {
            Ok(who) => who,
            Err(denied) => return Ok(Err(denied)),
        };
        let code = Secret::new(entropy::url_safe(act.dice(), LENGTH));
        tx.insert_forward_code(&NewForwardCode {
            digest: &code_digest(&act.vault, code.expose()),
            session: &who.session.id,
            host: &host,
            state: &state,
            created_at: act.now,
            expires_at: act.now + CODE_LIFETIME,
        })?;
        tx.evict_forward_passes(&who.session.id, &host, Kept::Codes(PER_HOST_MAX))?;
        Ok(Ok(code))
    })
    .await
}

/// Exchanges a code for the pass, in the browser and at the host it was made for. `LinkInvalid` for anything else.
pub async fn redeem(ctx: &Ctx, visitor: &Visitor, code: &str, (host, state): (&str, &[u8])) -> Outcome<Pass> {
    let act = Act::begin(ctx, visitor);
    let presented = code_digest(&ctx.vault, code);
    let (host, state) = (host.to_owned(), state.to_owned());
    ctx.write(move |tx| {
        let session = tx.forward_code(&presented)?;
        let found = session.map(|id| tx.signed_in_by_id(&id)).transpose()?.flatten();
        let Some(who) = found.filter(|who| who.session.is_live(act.now)) else {
            return Ok(Err(Denied::LinkInvalid));
        };
        if let Err(denied) = who.session.scope.reaches(Reach::Everything) {
            return Ok(Err(denied));
        }
        let value = Secret::new(entropy::url_safe(act.dice(), LENGTH));
        let pass = NewForwardPass {
            digest: &pass_digest(&act.vault, value.expose()),
            created_at: act.now,
            // The session usually ends before, and its passes with it.
            expires_at: who.session.created_at + session::AT_MOST,
        };
        if !tx.redeem_forward_code(&presented, (&host, &state), &pass)? {
            return Ok(Err(Denied::LinkInvalid));
        }
        tx.evict_forward_passes(&who.session.id, &host, Kept::Passes(PER_HOST_MAX))?;
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::ForwardPassGiven, whose, json!({ "host": host }))?;
        Ok(Ok(Pass { value, session: who.session }))
    })
    .await
}

/// Whoever holds this pass at this host, if their session is alive and may do more than enrol. Looked up each
/// time, so that whatever ends or cuts the session down holds here at once (SEC-077).
pub async fn holder(ctx: &Ctx, pass: &str, host: &str) -> Outcome<Option<Holder>> {
    let now = ctx.clock.now();
    let (digest, host) = (pass_digest(&ctx.vault, pass), host.to_owned());
    let found = ctx.store.read(move |tx| {
        let Some(session) = tx.forward_pass(&digest, &host, now)? else { return Ok(None) };
        let Some(who) = tx.signed_in_by_id(&session)? else { return Ok(None) };
        let memberships = tx.memberships(&who.user.id)?;
        Ok(Some(Holder { who, memberships }))
    });
    let Some(Holder { who, memberships }) = found.await? else { return Ok(None) };
    let alive = sessions::alive(ctx, Some(who), now).await?;
    let full = alive.filter(|who| who.session.scope == Scope::Full);
    Ok(full.map(|who| Holder { who, memberships }))
}
