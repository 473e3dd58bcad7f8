//! Sessions: who is asking, how long they may go on, and ending it.

use std::time::Duration;

use countersign_core::{
    assurance::Proofs,
    denied::Denied,
    entropy,
    event::Kind,
    ids::SessionId,
    message::Notice,
    secret::Secret,
    session::{self, Reach, Scope, Session, Visitor},
    time::Timestamp,
    user::User,
};
use serde_json::json;

pub use crate::store::SignedIn;
use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{Act, Outcome, Whose},
    store::Tx,
    vault::Vault,
};

/// A session just made, with the only copy of its token: a session token or a refresh token.
#[derive(Clone, Debug)]
pub struct Minted {
    pub token: Secret<String>,
    pub session: Session,
}

/// Whoever a token belongs to, and whether reading it renewed the session.
#[derive(Clone, Debug)]
pub struct Current {
    pub who: SignedIn,
    pub renewed: bool,
}

/// A wire whose clients hold access tokens: its name, which is part of the audience, and how long they live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    pub name: &'static str,
    pub lifetime: Duration,
}

/// How a surface can hand a new session over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handover {
    /// As a session token, in a cookie or as a bearer.
    #[default]
    Token,
    /// As a refresh token, which is exchanged for access tokens of this wire.
    Refresh(Wire),
    /// Not at all in this reply: the asking session stays what it is called.
    Nothing,
}

/// Length of a session token, `[A-Za-z0-9]`: 190 bits, and as long as Better Auth's clients know it.
const TOKEN_LENGTH: usize = 32;
/// Length of a refresh token, `[A-Za-z0-9]`: 256 bits (SEC-074).
const REFRESH_LENGTH: usize = 43;

/// Session tokens and each wire's refresh tokens are digested apart: none passes for another (SEC-086).
pub(crate) fn digest(vault: &Vault, handover: Handover, token: &str) -> Vec<u8> {
    match handover {
        Handover::Token | Handover::Nothing => vault.digest("session", &[token.as_bytes()]),
        Handover::Refresh(wire) => vault.digest("refresh", &[wire.name.as_bytes(), token.as_bytes()]),
    }
}

fn new_token(act: &Act, handover: Handover) -> Secret<String> {
    let length = match handover {
        Handover::Token | Handover::Nothing => TOKEN_LENGTH,
        Handover::Refresh(_) => REFRESH_LENGTH,
    };
    Secret::new(entropy::alphanumeric(act.dice(), length))
}

/// Whether reading a session may make it last longer. Who cannot hand the cookie on, must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    IfDue,
    No,
}

/// The live session of this token. `None` if there is none; a refusal if it does not reach so far.
pub async fn current(ctx: &Ctx, token: &str, renewal: Renewal, reach: Reach) -> Outcome<Option<Current>> {
    let now = ctx.clock.now();
    let digest = digest(&ctx.vault, Handover::Token, token);
    let found = ctx.store.read(move |tx| tx.signed_in(&digest)).await?;
    let Some(mut who) = alive(ctx, found, now).await? else {
        return Ok(None);
    };
    who.session.scope.reaches(reach)?;
    let Some(expires_at) = who.session.renewal(now).filter(|_| renewal == Renewal::IfDue) else {
        return Ok(Some(Current { who, renewed: false }));
    };
    let id = who.session.id.clone();
    let renewed = ctx.store.write(move |tx| tx.renew_session(&id, expires_at, now)).await?;
    if renewed {
        who.session.expires_at = expires_at;
        who.session.refreshed_at = now;
    }
    Ok(Some(Current { who, renewed }))
}

/// What is found expired ends for good: a clock that is set back afterwards does not revive it (FX-13).
pub(crate) async fn alive(ctx: &Ctx, found: Option<SignedIn>, now: Timestamp) -> Outcome<Option<SignedIn>> {
    match found {
        Some(who) if !who.session.is_live(now) => {
            let (user, id) = (who.user.id, who.session.id);
            ctx.store.write(move |tx| tx.delete_session(&user, &id)).await?;
            Ok(None)
        }
        found => Ok(found),
    }
}

/// The live session of this token, or the news that there is none.
pub async fn require(ctx: &Ctx, token: Option<&str>) -> Outcome<SignedIn> {
    let token = token.ok_or(Denied::NotSignedIn)?;
    let current = current(ctx, token, Renewal::IfDue, Reach::Everything).await?;
    Ok(current.ok_or(Denied::NotSignedIn)?.who)
}

/// All live sessions of the person, newest first.
pub async fn list(ctx: &Ctx, who: &SignedIn) -> Outcome<Vec<Session>> {
    who.session.scope.reaches(Reach::Everything)?;
    let (user, now) = (who.user.id.clone(), ctx.clock.now());
    Ok(ctx.store.read(move |tx| tx.sessions_of(&user, now)).await?)
}

/// As `list`, where the wire asks for a session that began within a day.
pub async fn list_while_young(ctx: &Ctx, who: &SignedIn) -> Outcome<Vec<Session>> {
    if !who.session.is_young(ctx.clock.now()) {
        return Err(Denied::StaleSession.into());
    }
    list(ctx, who).await
}

/// Ends the session of this token, if there is one. A refresh token that was exchanged meanwhile names it still:
/// whoever else exchanged it must not be left signed in.
pub async fn sign_out(ctx: &Ctx, visitor: &Visitor, token: &str, handover: Handover) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let digest = digest(&ctx.vault, handover, token);
    ctx.write(move |tx| {
        let found = match (tx.signed_in(&digest)?, tx.spent_refresh_token(&digest)?) {
            (None, Some(id)) => tx.signed_in_by_id(&id)?,
            (found, _) => found,
        };
        if let Some(who) = found {
            end(&act, tx, &who)?;
        }
        Ok(Ok(()))
    })
    .await
}

/// Ends this very session. A key is no session: it stays.
pub async fn leave(ctx: &Ctx, visitor: &Visitor, who: &SignedIn) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let who = who.clone();
    ctx.write(move |tx| end(&act, tx, &who).map(Ok)).await
}

fn end(act: &Act, tx: &mut Tx<'_>, who: &SignedIn) -> Result<(), Fault> {
    if tx.delete_session(&who.user.id, &who.session.id)? {
        act.record(tx, Kind::SignedOut, Whose::session(&who.user.id, &who.session.id), json!({}))?;
    }
    Ok(())
}

/// Ends one of the person's sessions, named by its id or its token; an unknown name ends nothing.
/// Says which session ended.
pub async fn revoke(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, name: &str) -> Outcome<Option<SessionId>> {
    who.session.scope.reaches(Reach::Everything)?;
    let act = Act::begin(ctx, visitor);
    let digest = digest(&ctx.vault, Handover::Token, name);
    let (user, id) = (who.user.id.clone(), SessionId::from(name.to_owned()));
    ctx.write(move |tx| {
        let named = tx.session_id_by_digest(&user, &digest)?.unwrap_or_else(|| id.clone());
        let ended = tx.delete_session(&user, &named)?;
        if ended {
            act.record(tx, Kind::SessionRevoked, Whose::session(&user, &named), json!({}))?;
        }
        Ok(Ok(ended.then_some(named)))
    })
    .await
}

/// Ends the person's sessions: all of them, or all but the asking one.
pub async fn revoke_all(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, except_this: bool) -> Outcome<()> {
    who.session.scope.reaches(Reach::Everything)?;
    let act = Act::begin(ctx, visitor);
    let (user, this) = (who.user.id.clone(), who.session.id.clone());
    ctx.write(move |tx| {
        let ended = tx.delete_sessions(&user, except_this.then_some(&this))?;
        if !except_this {
            // Whoever signs every session out does not mean to leave a browser that skips the second step.
            tx.delete_trusted_devices(&user)?;
        }
        act.record(tx, Kind::SessionRevoked, Whose::user(&user), json!({ "count": ended }))?;
        Ok(Ok(()))
    })
    .await
}

/// Keeps one of the person's sessions going, as using it would. Says until when it lives.
pub async fn keep_alive(ctx: &Ctx, who: &SignedIn, id: &SessionId) -> Outcome<Timestamp> {
    who.session.scope.reaches(Reach::Everything)?;
    let now = ctx.clock.now();
    let (user, id) = (who.user.id.clone(), id.clone());
    ctx.write(move |tx| {
        let found = tx.sessions_of(&user, now)?.into_iter().find(|session| session.id == id);
        let Some(session) = found else {
            return Ok(Err(Denied::SessionNotFound));
        };
        let Some(expires_at) = session.renewal(now) else {
            return Ok(Ok(session.expires_at));
        };
        tx.renew_session(&session.id, expires_at, now)?;
        Ok(Ok(expires_at))
    })
    .await
}

/// A session that goes on, with the only copy of its next refresh token.
#[derive(Debug)]
pub struct Refreshed {
    pub who: SignedIn,
    pub token: Secret<String>,
}

/// Exchanges a refresh token for the next one. A token that comes a second time ends its session: one of the
/// two who hold it is a thief, and nobody knows which (RFC 9700 §4.14.2, SEC-088). What the person's
/// organisations ask meanwhile holds from here on.
pub async fn refresh(ctx: &Ctx, visitor: &Visitor, wire: Wire, token: &str) -> Outcome<Refreshed> {
    let act = Act::begin(ctx, visitor);
    let presented = digest(&ctx.vault, Handover::Refresh(wire), token);
    ctx.write(move |tx| {
        let Some(found) = tx.signed_in(&presented)? else {
            refuse_spent(&act, tx, &presented)?;
            return Ok(Err(Denied::RefreshRefused));
        };
        tx.lock_user(&found.user.id)?;
        let next = new_token(&act, Handover::Refresh(wire));
        let next_digest = digest(&act.vault, Handover::Refresh(wire), next.expose());
        if !tx.rotate_refresh_token(&found.session.id, &presented, &next_digest, act.now)? {
            // Expired, or somebody else was first between our reading and the lock.
            refuse_spent(&act, tx, &presented)?;
            return Ok(Err(Denied::RefreshRefused));
        }
        if let Some(expires_at) = found.session.renewal(act.now) {
            tx.renew_session(&found.session.id, expires_at, act.now)?;
        }
        // Read again after the lock: what is asked of the person may have changed meanwhile.
        let Some(mut who) = tx.signed_in_by_id(&found.session.id)? else {
            return Ok(Err(Denied::RefreshRefused));
        };
        who.session.scope = scope_for(&act, tx, &who.user)?;
        tx.set_scope(&who.session.id, who.session.scope)?;
        Ok(Ok(Refreshed { who, token: next.clone() }))
    })
    .await
}

fn refuse_spent(act: &Act, tx: &mut Tx<'_>, presented: &[u8]) -> Result<(), Fault> {
    let Some(id) = tx.spent_refresh_token(presented)? else { return Ok(()) };
    let Some(who) = tx.signed_in_by_id(&id)? else { return Ok(()) };
    // The person first, as everywhere: the notice's link refers to them.
    tx.lock_user(&who.user.id)?;
    if tx.delete_session(&who.user.id, &id)? {
        act.record(tx, Kind::SessionStolen, Whose::session(&who.user.id, &id), json!({}))?;
        act.notify(tx, &who.user, Notice::SessionStolen)?;
    }
    Ok(())
}

/// What a new session is made of.
pub(crate) struct NewSession<'a> {
    pub user: &'a User,
    pub proofs: Proofs,
    pub remember: bool,
    pub handover: Handover,
}

/// Mints a session inside the transaction that spent what bought it. Whoever must have a second factor and
/// has none gets one that only enrols: this is where every way in passes.
pub(crate) fn mint(act: &Act, tx: &mut Tx<'_>, new: NewSession<'_>) -> Result<Minted, Fault> {
    let token = new_token(act, new.handover);
    let session = Session {
        id: SessionId::new(act.now, act.dice()),
        user_id: new.user.id.clone(),
        proofs: new.proofs,
        scope: scope_for(act, tx, new.user)?,
        remember: new.remember,
        visitor: act.visitor.clone(),
        created_at: act.now,
        refreshed_at: act.now,
        expires_at: session::first_expiry(new.remember, act.now),
    };
    tx.insert_session(&session, &digest(&act.vault, new.handover, token.expose()))?;
    tx.evict_sessions(&new.user.id, session::PER_USER_MAX)?;
    // Letters speak what the owner was last seen to read.
    if let Some(language) = act.visitor.language.filter(|one| Some(*one) != new.user.language) {
        tx.set_language(&new.user.id, language)?;
    }
    Ok(Minted { token, session })
}

fn scope_for(act: &Act, tx: &mut Tx<'_>, user: &User) -> Result<Scope, Fault> {
    if user.external.is_some() {
        // Whom an application keeps does nothing here but enrol.
        return Ok(Scope::Enrolment);
    }
    let policy = act.policy_for(tx, user)?;
    if !policy.required {
        return Ok(Scope::Full);
    }
    Ok(policy.scope(&tx.methods_enrolled(&user.id)?))
}

/// The same sign-in under a new token (SEC-073).
pub(crate) fn remint(
    act: &Act,
    tx: &mut Tx<'_>,
    who: &SignedIn,
    handover: Handover,
) -> Result<Minted, Fault> {
    let (proofs, remember) = (who.session.proofs.clone(), who.session.remember);
    mint(act, tx, NewSession { user: &who.user, proofs, remember, handover })
}

/// The same session under its next refresh token, for a reply that has to carry one: the last cannot be told
/// again. Session tokens stay what they are.
pub(crate) fn hand_over_again(
    act: &Act,
    tx: &mut Tx<'_>,
    who: &SignedIn,
    handover: Handover,
) -> Result<Option<Minted>, Fault> {
    let Handover::Refresh(_) = handover else { return Ok(None) };
    let token = new_token(act, handover);
    let fresh = digest(&act.vault, handover, token.expose());
    tx.replace_refresh_token(&who.session.id, &fresh, act.now)?;
    Ok(Some(Minted { token, session: who.session.clone() }))
}

/// Ends every session of the person but the asking one, which goes on under a new token, or as it is where
/// the surface cannot hand one over or a key asks.
pub(crate) fn start_over(
    act: &Act,
    tx: &mut Tx<'_>,
    who: &SignedIn,
    handover: Handover,
) -> Result<(Option<Minted>, u64), Fault> {
    if handover == Handover::Nothing || who.session.scope == Scope::Key {
        let ended = tx.delete_sessions(&who.user.id, Some(&who.session.id))?;
        tx.set_proofs(&who.session.id, &who.session.proofs)?;
        let scope = scope_for(act, tx, &who.user)?;
        tx.set_scope(&who.session.id, scope)?;
        return Ok((None, ended));
    }
    let ended = tx.delete_sessions(&who.user.id, None)?;
    Ok((Some(remint(act, tx, who, handover)?), ended))
}

/// The session or key as it stands inside this transaction, if it is live, reaches so far, and the account
/// has not changed since `seen` was read (SEC-059). Everything that follows about the user is serialised.
pub(crate) fn still(
    act: &Act,
    tx: &mut Tx<'_>,
    seen: &SignedIn,
    reach: Reach,
) -> Result<Result<SignedIn, Denied>, Fault> {
    tx.lock_user(&seen.user.id)?;
    let same = again(act, tx, seen)?
        .filter(|found| found.user.security_version == seen.user.security_version)
        .ok_or(Denied::NotSignedIn);
    Ok(same.and_then(|who| who.session.scope.reaches(reach).map(|()| who)))
}

/// The session or key read anew, if it is live.
pub(crate) fn again(act: &Act, tx: &mut Tx<'_>, seen: &SignedIn) -> Result<Option<SignedIn>, Fault> {
    let found = match seen.session.scope {
        Scope::Key => tx.key_holder_by_id(seen.session.id.as_str())?,
        Scope::Full | Scope::Enrolment => tx.signed_in_by_id(&seen.session.id)?,
    };
    Ok(found.filter(|who| who.session.is_live(act.now)))
}
