//! Passwords: checked and made on the hashing threads, never inside a transaction.

use countersign_core::{
    denied::Denied,
    entropy,
    event::Kind,
    lockout::{Budget, Lane},
    password::{Length, Rules, Verification},
    secret::Secret,
    session::Visitor,
    user::User,
};
use serde_json::json;

use crate::{
    ctx::Ctx,
    operations::{Act, Outcome, Whose},
};

pub(crate) fn fits(password: &Secret<String>) -> Result<(), Denied> {
    match Rules::default().judge(password.expose()) {
        Length::Fits => Ok(()),
        Length::TooShort => Err(Denied::PasswordTooShort),
        Length::TooLong => Err(Denied::PasswordTooLong),
    }
}

/// Refuses what nobody can have as a password before any hash is spent on it (SEC-096).
pub(crate) fn not_too_long(password: &Secret<String>) -> Result<(), Denied> {
    match Rules::default().judge(password.expose()) {
        Length::TooLong => Err(Denied::PasswordTooLong),
        Length::Fits | Length::TooShort => Ok(()),
    }
}

pub(crate) async fn hash(ctx: &Ctx, password: Secret<String>) -> Outcome<String> {
    let salt = entropy::bytes(ctx.dice.as_ref());
    Ok(ctx.hasher.hash(password, salt).await?)
}

/// Whether a signed-in person's password is right. Wrong ones are counted like wrong codes, in a lane of their
/// own: the session may be stolen, and its thief must not find the password by trying.
pub async fn check(ctx: &Ctx, visitor: &Visitor, user: &User, password: Secret<String>) -> Outcome<()> {
    not_too_long(&password)?;
    let stored = user.password.clone().ok_or(Denied::WrongPassword)?;
    reserve(ctx, user).await?;
    let verification = ctx.hasher.verify(password, stored).await?;
    let right = verification != Verification::Wrong;
    let act = Act::begin(ctx, visitor);
    let id = user.id.clone();
    ctx.write(move |tx| {
        tx.lock_user(&id)?;
        let budget = tx.budget(&id, Lane::Password)?;
        if let Some(wait) = budget.wait(act.now) {
            return Ok(Err(Denied::Locked { wait }));
        }
        if right {
            if budget != Budget::default() {
                tx.set_budget(&id, Lane::Password, Budget::after_success())?;
            }
            return Ok(Ok(()));
        }
        tx.set_budget(&id, Lane::Password, budget.after_failure(act.now))?;
        act.record(tx, Kind::PasswordRefused, Whose::user(&id), json!({ "signed_in": true }))?;
        Ok(Err(Denied::WrongPassword))
    })
    .await
}

/// Looks at the budget before any hash is spent; the count itself happens after, in one transaction.
async fn reserve(ctx: &Ctx, user: &User) -> Outcome<()> {
    let (id, now) = (user.id.clone(), ctx.clock.now());
    let budget = ctx.store.read(move |tx| tx.budget(&id, Lane::Password)).await?;
    match budget.wait(now) {
        Some(wait) => Err(Denied::Locked { wait }.into()),
        None => Ok(()),
    }
}
