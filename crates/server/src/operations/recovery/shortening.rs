//! Shortening somebody's wait: an administrator with a reason, and for privileged people two of them.

use countersign_core::{
    denied::Denied,
    event::Kind,
    ids::UserId,
    message::RecoveryNews,
    organisation,
    recovery::{Recovery, Shortening},
    session::{Reach, Visitor},
    user::User,
};
use serde_json::json;
use url::Url;

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{Act, Outcome, Whose, organisations, recovery::tell, sessions::SignedIn},
    store::Tx,
};

pub struct Shorten {
    pub user: UserId,
    /// What the person reads out from their own status page. Pages ask for it and do not show it.
    pub reference: String,
    /// Goes into the journal, and before the second administrator where there must be one.
    pub reason: String,
}

/// Says that the person who waits is the owner. What comes back holds the shortening: in force, or waiting for a
/// second administrator. Needs a fresh proof, as every act on others does (SEC-105).
pub async fn shorten(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, asked: Shorten) -> Outcome<Recovery> {
    let act = Act::begin(ctx, visitor);
    let (seen, public_url) = (who.clone(), ctx.config.public_url.clone());
    ctx.write(move |tx| {
        let (who, own) = match organisations::administrator(&act, tx, &seen)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        let (target, theirs) = match organisations::colleague(tx, &own, &asked.user)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        let Some(one) = tx.open_recovery(&target.id)? else {
            return Ok(Err(Denied::RecoveryGone));
        };
        let account = (theirs.as_slice(), target.security_version);
        match one.shorten((&who.user.id, &own), account, (&asked.reference, &asked.reason), act.now) {
            Ok(said) => save(&act, tx, (&target, one), (said, &public_url)),
            Err(denied) => Ok(Err(denied)),
        }
    })
    .await
}

/// A second administrator agrees with what the first said.
pub async fn approve(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, user: &UserId) -> Outcome<Recovery> {
    let act = Act::begin(ctx, visitor);
    let (seen, user, public_url) = (who.clone(), user.clone(), ctx.config.public_url.clone());
    ctx.write(move |tx| {
        let (who, own) = match organisations::administrator(&act, tx, &seen)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        let (target, theirs) = match organisations::colleague(tx, &own, &user)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        let Some((one, first)) = tx
            .open_recovery(&target.id)?
            .and_then(|one| one.shortening.clone().map(|said| (one, said.asked_by)))
        else {
            return Ok(Err(Denied::RecoveryGone));
        };
        let firsts = tx.memberships(&first)?;
        let account = (theirs.as_slice(), target.security_version);
        let admins = ((&first, firsts.as_slice()), (&who.user.id, own.as_slice()));
        match one.approve(admins, account, act.now) {
            Ok(said) => save(&act, tx, (&target, one), (said, &public_url)),
            Err(denied) => Ok(Err(denied)),
        }
    })
    .await
}

fn save(
    act: &Act,
    tx: &mut Tx<'_>,
    (target, one): (&User, Recovery),
    (said, public_url): (Shortening, &Url),
) -> Result<Result<Recovery, Denied>, Fault> {
    let one = one.with(said.clone());
    if !tx.shorten_recovery(&one, &said)? {
        return Ok(Err(Denied::RecoveryGone));
    }
    let detail = json!({
        "recovery": one.id,
        "by": said.asked_by,
        "reason": said.reason,
        "approved_by": said.approved_by,
    });
    let (kind, news) = match said.in_force_since {
        Some(_) => (Kind::RecoveryShortened, RecoveryNews::Shortened),
        None => (Kind::RecoveryShorteningAsked, RecoveryNews::ShorteningAsked),
    };
    act.record(tx, kind, Whose::user(&target.id), detail)?;
    tell(act, tx, (target, &one), (news, Some(public_url)))?;
    Ok(Ok(one))
}

/// The open recovery of somebody whom the asker may act on: what an administrator decides about.
pub async fn of_member(ctx: &Ctx, who: &SignedIn, user: &UserId) -> Outcome<Option<Recovery>> {
    who.session.scope.reaches(Reach::Everything)?;
    let (admin, user, now) = (who.user.id.clone(), user.clone(), ctx.clock.now());
    let looked = ctx.store.read(move |tx| {
        let (own, theirs) = (tx.memberships(&admin)?, tx.memberships(&user)?);
        if let Err(denied) = organisation::may_vouch((&admin, &own), (&user, &theirs)) {
            return Ok(Err(denied));
        }
        let (Some(target), open) = (tx.user(&user)?, tx.open_recovery(&user)?) else {
            return Ok(Err(Denied::UserNotFound));
        };
        Ok(Ok(open.filter(|one| one.may_stop(target.security_version, now).is_ok())))
    });
    Ok(looked.await??)
}
