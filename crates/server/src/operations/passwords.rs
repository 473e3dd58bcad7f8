//! Passwords: checked and made on the hashing threads, never inside a transaction.

use countersign_core::{
    denied::Denied,
    entropy,
    event::Kind,
    lockout::{Budget, Lane},
    password::{Context, Ingredient, Rules, Verification, lacks},
    secret::Secret,
    session::Visitor,
    user::User,
};
use serde_json::json;

use crate::{
    ctx::Ctx,
    operations::{Act, Outcome, Whose},
};

/// Whose password it will be: what others know of the person and so try first.
#[derive(Clone, Copy, Default)]
pub(crate) struct Person<'a> {
    pub email: &'a str,
    pub name: &'a str,
    pub family_name: Option<&'a str>,
}

impl<'a> From<&'a User> for Person<'a> {
    fn from(user: &'a User) -> Self {
        Self { email: &user.email, name: &user.name, family_name: user.family_name.as_deref() }
    }
}

/// Whether somebody may choose this password (SEC-095). What the wire's own clients check first comes first.
pub(crate) fn fits(
    ctx: &Ctx,
    password: &Secret<String>,
    ingredients: &[Ingredient],
    person: Person<'_>,
) -> Result<(), Denied> {
    let rules = ctx.config.accounts.passwords;
    let password = password.expose();
    rules.fits_in_length(password)?;
    if let Some(missing) = lacks(password, ingredients) {
        return Err(Denied::PasswordLacks(missing));
    }
    let name = format!("{} {}", person.name, person.family_name.unwrap_or_default());
    let context = Context { app_name: &ctx.config.app_name, email: person.email, name: &name };
    rules.not_common(password, context)
}

/// Refuses what nobody can have as a password before any hash is spent on it (SEC-096).
pub(crate) fn not_too_long(password: &Secret<String>) -> Result<(), Denied> {
    Rules::default().not_too_long(password.expose())
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
                tx.set_budget(&id, Lane::Password, budget.after_success(0, act.now))?;
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
