//! Sessions: who is asking, how long they may go on, and ending it.

use countersign_core::{
    assurance::Proofs,
    denied::Denied,
    entropy,
    event::Kind,
    ids::{SessionId, UserId},
    secret::Secret,
    session::{self, Session, Visitor},
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

/// A session just made, with the only copy of its token.
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

/// Length of a session token, `[A-Za-z0-9]`: 190 bits.
const TOKEN_LENGTH: usize = 32;

pub(crate) fn digest(vault: &Vault, token: &str) -> Vec<u8> {
    vault.digest("session", &[token.as_bytes()])
}

/// Whether reading a session may make it last longer. Who cannot hand the cookie on, must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    IfDue,
    No,
}

/// The live session of this token. `None` if there is none.
pub async fn current(ctx: &Ctx, token: &str, renewal: Renewal) -> Outcome<Option<Current>> {
    let now = ctx.clock.now();
    let digest = digest(&ctx.vault, token);
    let found = ctx.store.read(move |tx| tx.signed_in(&digest)).await?;
    let Some(mut who) = found.filter(|who| who.session.is_live(now)) else {
        return Ok(None);
    };
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

/// The live session of this token, or the news that there is none.
pub async fn require(ctx: &Ctx, token: Option<&str>) -> Outcome<SignedIn> {
    let token = token.ok_or(Denied::NotSignedIn)?;
    let current = current(ctx, token, Renewal::IfDue).await?.ok_or(Denied::NotSignedIn)?;
    Ok(current.who)
}

/// All live sessions of the person, newest first; asks for a session that began within a day.
pub async fn list(ctx: &Ctx, who: &SignedIn) -> Outcome<Vec<Session>> {
    let now = ctx.clock.now();
    if !who.session.is_young(now) {
        return Err(Denied::StaleSession.into());
    }
    let user = who.user.id.clone();
    Ok(ctx.store.read(move |tx| tx.sessions_of(&user, now)).await?)
}

/// Ends the session of this token, if there is one.
pub async fn sign_out(ctx: &Ctx, visitor: &Visitor, token: &str) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let digest = digest(&ctx.vault, token);
    ctx.write(move |tx| {
        if let Some(who) = tx.signed_in(&digest)?
            && tx.delete_session(&who.user.id, &who.session.id)?
        {
            act.record(tx, Kind::SignedOut, Whose::session(&who.user.id, &who.session.id), json!({}))?;
        }
        Ok(Ok(()))
    })
    .await
}

/// Ends one of the person's sessions, named by its id or its token; an unknown name ends nothing.
/// Says which session ended.
pub async fn revoke(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, name: &str) -> Outcome<Option<SessionId>> {
    let act = Act::begin(ctx, visitor);
    let digest = digest(&ctx.vault, name);
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

/// What a new session is made of.
pub(crate) struct NewSession<'a> {
    pub user: &'a UserId,
    pub proofs: Proofs,
    pub remember: bool,
}

/// Mints a session inside the transaction that spent what bought it.
pub(crate) fn mint(act: &Act, tx: &mut Tx<'_>, new: NewSession<'_>) -> Result<Minted, Fault> {
    let token = Secret::new(entropy::alphanumeric(act.dice(), TOKEN_LENGTH));
    let session = Session {
        id: SessionId::new(act.now, act.dice()),
        user_id: new.user.clone(),
        proofs: new.proofs,
        remember: new.remember,
        visitor: act.visitor.clone(),
        created_at: act.now,
        refreshed_at: act.now,
        expires_at: session::first_expiry(new.remember, act.now),
    };
    tx.insert_session(&session, &digest(&act.vault, token.expose()))?;
    tx.evict_sessions(new.user, session::PER_USER_MAX)?;
    Ok(Minted { token, session })
}

/// The session as it stands inside this transaction, if it is live and the account has not changed since
/// `seen` was read (SEC-059). Everything that follows about the user is serialised.
pub(crate) fn still(act: &Act, tx: &mut Tx<'_>, seen: &SignedIn) -> Result<Result<SignedIn, Denied>, Fault> {
    tx.lock_user(&seen.user.id)?;
    let now = tx.signed_in_by_id(&seen.session.id)?;
    let same = now.filter(|found| {
        found.session.is_live(act.now) && found.user.security_version == seen.user.security_version
    });
    Ok(same.ok_or(Denied::NotSignedIn))
}
