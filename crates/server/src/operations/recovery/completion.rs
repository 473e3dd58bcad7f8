//! Completing a recovery: everything that opened the account is gone, and a session that only enrols takes its place.

use countersign_core::{
    assurance::Proofs,
    backup_code,
    denied::Denied,
    event::Kind,
    lockout::{FREE, Lane},
    message::{Notice, RecoveryNews},
    method::Method,
    recovery::{Recovery, Shown},
    secret::Secret,
    session::{Scope, Visitor},
    user::User,
};
use serde_json::json;

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose, challenge, organisations,
        passwords::{self, Person},
        recovery::{Held, find, find_locked, tell},
        sessions::{self, Handover, Minted, NewSession},
    },
    store::{Purpose, Tx},
};

/// What completing a recovery comes with.
#[derive(Default)]
pub struct Completion {
    /// Ends the wait if it is right.
    pub backup_code: Option<Secret<String>>,
    /// In place of the old one, if the account has one: whoever knows the old one must not be faster at enrolling
    /// than the owner.
    pub new_password: Option<Secret<String>>,
    pub handover: Handover,
}

/// The account is the claimant's again: a session that may only enrol.
#[derive(Debug)]
pub struct Completed {
    pub user: User,
    pub session: Minted,
}

/// Completes a recovery, once. Everything that opened the account before is gone in the same transaction.
pub async fn complete(ctx: &Ctx, visitor: &Visitor, claim: &str, asked: Completion) -> Outcome<Completed> {
    let act = Act::begin(ctx, visitor);
    let ticket = Held::Claim(claim).ticket(&act).ok_or(Denied::RecoveryGone)?;
    let (looked_at, now) = (ticket.clone(), act.now);
    let found = ctx.store.read(move |tx| find(tx, &looked_at)).await?;
    let (one, user) = found.ok_or(Denied::RecoveryGone)?;
    // Before a hash is spent on it.
    let shown = if asked.backup_code.is_some() { Shown::MailboxAndBackupCode } else { Shown::Mailbox };
    one.may_complete(user.security_version, shown, now)?;
    if user.password.is_some() && asked.new_password.is_none() {
        return Err(Denied::PasswordRequired.into());
    }
    if let Some(password) = &asked.new_password {
        let family_name = user.family_name.as_deref();
        let person = Person { email: &user.email, name: &user.name, family_name };
        passwords::fits(ctx, password, &[], person)?;
    }
    let hash = match asked.new_password {
        Some(password) => Some(passwords::hash(ctx, password).await?),
        None => None,
    };
    let act = Act::begin(ctx, visitor);
    let (code, handover) = (asked.backup_code, asked.handover);
    ctx.write(move |tx| {
        let Some((one, user)) = find_locked(tx, &ticket)? else {
            return Ok(Err(Denied::RecoveryGone));
        };
        if let Err(denied) = one.may_complete(user.security_version, shown, act.now) {
            return Ok(Err(denied));
        }
        if let Some(code) = &code
            && let Err(denied) = show_backup_code(&act, tx, &user, code)?
        {
            return Ok(Err(denied));
        }
        if !tx.complete_recovery(&one.id, shown == Shown::MailboxAndBackupCode, act.now)? {
            return Err(Fault::internal("a locked recovery was completed twice"));
        }
        hand_over(&act, tx, (&user, &one), (shown, hash.as_deref(), handover)).map(Ok)
    })
    .await
}

/// Spends a backup code. Wrong ones are counted in a lane of their own: whoever holds the mailbox must not close
/// the door to the owner.
fn show_backup_code(
    act: &Act,
    tx: &mut Tx<'_>,
    user: &User,
    typed: &Secret<String>,
) -> Result<Result<(), Denied>, Fault> {
    let budget = tx.budget(&user.id, Lane::Recovery)?;
    if let Some(wait) = budget.wait(act.now) {
        return Ok(Err(Denied::Locked { wait }));
    }
    let refused = Ok(Err(Denied::WrongCode(Method::BackupCode)));
    let Some(code) = backup_code::normalise(typed.expose()) else { return refused };
    let digest = challenge::backup_digest(act, &user.id, code.expose());
    if tx.spend_backup_code(&user.id, &digest, act.now)? {
        return Ok(Ok(()));
    }
    let budget = budget.after_failure(act.now);
    tx.set_budget(&user.id, Lane::Recovery, budget)?;
    act.record(tx, Kind::RecoveryRefused, Whose::user(&user.id), json!({ "failures": budget.failures }))?;
    if budget.failures == FREE {
        act.notify(tx, user, Notice::GuessesBlocked)?;
    }
    refused
}

/// Nothing that opened the account before opens it any more, and the new session may only enrol (SEC-105).
fn hand_over(
    act: &Act,
    tx: &mut Tx<'_>,
    whose: (&User, &Recovery),
    (shown, hash, handover): (Shown, Option<&str>, Handover),
) -> Result<Completed, Fault> {
    let (before, one) = whose;
    let id = &before.id;
    organisations::clear_factors(act, tx, before)?;
    tx.void_links(id, &Purpose::ALL, act.now)?;
    if let Some(hash) = hash {
        tx.set_password(id, hash, true, act.now)?;
    }
    tx.set_second_factor_required(id, true)?;
    let user = tx.user(id)?.ok_or_else(|| Fault::internal("a locked user vanished"))?;
    // The mailbox, and it counts as that wherever else a mailed code would (SEC-029).
    let proofs = Proofs::of(Method::EmailCode, act.now);
    let proofs = match shown {
        Shown::Mailbox => proofs,
        Shown::MailboxAndBackupCode => proofs.with(Method::BackupCode, act.now),
    };
    let session = sessions::mint(act, tx, NewSession { user: &user, proofs, remember: false, handover })?;
    if session.session.scope != Scope::Enrolment {
        return Err(Fault::internal("a recovered account must enrol"));
    }
    let at_once = shown == Shown::MailboxAndBackupCode;
    let detail = json!({ "recovery": one.id, "backup_code": at_once });
    act.record(tx, Kind::RecoveryCompleted, Whose::session(id, &session.session.id), detail)?;
    tell(act, tx, (&user, one), (RecoveryNews::Completed, None))?;
    Ok(Completed { user, session })
}
