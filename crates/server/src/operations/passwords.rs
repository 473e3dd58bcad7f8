//! Passwords: checked and made on the hashing threads, never inside a transaction.

use countersign_core::{
    denied::Denied,
    entropy,
    event::Kind,
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

/// Whether a signed-in person's password is right. A wrong one goes into the journal.
pub async fn check(ctx: &Ctx, visitor: &Visitor, user: &User, password: Secret<String>) -> Outcome<()> {
    not_too_long(&password)?;
    let stored = user.password.clone().ok_or(Denied::WrongPassword)?;
    match ctx.hasher.verify(password, stored).await? {
        Verification::Right | Verification::RightButOutdated => Ok(()),
        Verification::Wrong => {
            let act = Act::begin(ctx, visitor);
            let id = user.id.clone();
            ctx.write(move |tx| {
                act.record(tx, Kind::PasswordRefused, Whose::user(&id), json!({ "signed_in": true }))?;
                Ok(Err(Denied::WrongPassword))
            })
            .await
        }
    }
}
