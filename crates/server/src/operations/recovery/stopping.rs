//! Stopping a recovery: by its owner, from wherever they still are; by a proof that nothing was lost; by giving up.

use countersign_core::{
    denied::Denied,
    message::RecoveryNews,
    recovery::{Recovery, State},
    secret::Secret,
    session::{Reach, Visitor},
    trusted_device::{Presented, Trust},
    user::User,
};

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome,
        recovery::{Held, end, find_locked, notice_digest, tell},
        sessions::{self, SignedIn},
        trusted_devices,
    },
    store::{Purpose, Ticket, Tx},
};

/// Who may stop a recovery.
#[derive(Clone, Copy)]
pub enum Vetoer<'a> {
    Session(&'a SignedIn),
    /// A browser that is trusted but not signed in, by the value it keeps. The value stays as it is.
    TrustedDevice(&'a str),
    /// Whoever holds a mail about it.
    Notice(&'a str),
}

/// The recovery is over.
#[derive(Clone, Copy, Debug)]
pub struct Vetoed {
    /// Somebody else may read the mail: advise a new password for the mailbox, and for the account if this says
    /// that it has one.
    pub has_password: bool,
}

/// Stops a recovery for good. Links that would begin another die with it.
pub async fn veto(ctx: &Ctx, visitor: &Visitor, by: Vetoer<'_>) -> Outcome<Vetoed> {
    let act = Act::begin(ctx, visitor);
    let by = match by {
        Vetoer::Session(who) => Stopper::Session(Box::new(who.clone())),
        Vetoer::TrustedDevice(value) => Stopper::Device(Secret::from(value)),
        Vetoer::Notice(token) => Stopper::Notice(Ticket::Notice(notice_digest(&act, token))),
    };
    ctx.write(move |tx| {
        let (one, user, how) = match by.target(&act, tx)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        if let Err(denied) = one.may_stop(user.security_version, act.now) {
            return Ok(Err(denied));
        }
        stop(&act, tx, (&user, &one), how)?;
        Ok(Ok(Vetoed { has_password: user.password.is_some() }))
    })
    .await
}

/// A `Vetoer` that can be taken into a transaction.
enum Stopper {
    Session(Box<SignedIn>),
    Device(Secret<String>),
    Notice(Ticket),
}

type Target = (Recovery, User, &'static str);

impl Stopper {
    fn target(&self, act: &Act, tx: &mut Tx<'_>) -> Result<Result<Target, Denied>, Fault> {
        let (user, how) = match self {
            Self::Session(seen) => match sessions::still(act, tx, seen, Reach::Everything)? {
                Ok(who) => (who.user, "session"),
                Err(denied) => return Ok(Err(denied)),
            },
            Self::Device(value) => match trusted(act, tx, value.expose())? {
                Some(user) => (user, "trusted_device"),
                None => return Ok(Err(Denied::NotSignedIn)),
            },
            Self::Notice(ticket) => {
                let found = find_locked(tx, ticket)?;
                return Ok(found.map(|(one, user)| (one, user, "mail")).ok_or(Denied::RecoveryGone));
            }
        };
        Ok(tx.open_recovery(&user.id)?.map(|one| (one, user, how)).ok_or(Denied::RecoveryGone))
    }
}

/// Whose trusted device presents this value.
fn trusted(act: &Act, tx: &mut Tx<'_>, value: &str) -> Result<Option<User>, Fault> {
    let digest = trusted_devices::digest(act, value);
    let Some((seen, _)) = tx.trusted_device(&digest)? else { return Ok(None) };
    tx.lock_user(&seen.user_id)?;
    let Some((device, Presented::Current)) = tx.trusted_device(&digest)? else { return Ok(None) };
    let Some(user) = tx.user(&seen.user_id)? else { return Ok(None) };
    let trust_lasts = act.policy_for(tx, &user)?.trust_lasts;
    match device.judge(Presented::Current, (&user.id, trust_lasts), act.now) {
        Trust::Granted => Ok(Some(user)),
        Trust::Withheld | Trust::Stolen => Ok(None),
    }
}

fn stop(act: &Act, tx: &mut Tx<'_>, whose: (&User, &Recovery), how: &'static str) -> Result<(), Fault> {
    let (user, one) = whose;
    if end(act, tx, one, (State::Vetoed, how))? {
        tx.void_links(&user.id, &[Purpose::Recover], act.now)?;
        tell(act, tx, whose, (RecoveryNews::Vetoed, None))?;
    }
    Ok(())
}

/// Somebody proved the second factor that is said to be lost: then it is not, and whoever waits is somebody else
/// or needs to wait no longer. This holds even where a thief of the mailbox deletes every warning.
pub(crate) fn second_factor_shown(act: &Act, tx: &mut Tx<'_>, user: &User) -> Result<(), Fault> {
    stop_any(act, tx, user, "second_factor")
}

/// Its owner says that what happens to the account is none of their doing.
pub(crate) fn disowned(act: &Act, tx: &mut Tx<'_>, user: &User) -> Result<(), Fault> {
    stop_any(act, tx, user, "not_me")
}

fn stop_any(act: &Act, tx: &mut Tx<'_>, user: &User, how: &'static str) -> Result<(), Fault> {
    match tx.open_recovery(&user.id)? {
        Some(one) if one.may_stop(user.security_version, act.now).is_ok() => stop(act, tx, (user, &one), how),
        _ => Ok(()),
    }
}

/// Whoever began it needs it no longer.
pub async fn give_up(ctx: &Ctx, visitor: &Visitor, claim: &str) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let ticket = Held::Claim(claim).ticket(&act).ok_or(Denied::RecoveryGone)?;
    ctx.write(move |tx| {
        let Some((one, user)) = find_locked(tx, &ticket)? else {
            return Ok(Err(Denied::RecoveryGone));
        };
        if let Err(denied) = one.may_stop(user.security_version, act.now) {
            return Ok(Err(denied));
        }
        end(&act, tx, &one, (State::Cancelled, "given_up"))?;
        Ok(Ok(()))
    })
    .await
}
