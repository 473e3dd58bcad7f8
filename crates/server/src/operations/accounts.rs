//! The account itself: profile, password, and its end.

use countersign_core::{
    challenge::Wants,
    denied::Denied,
    event::Kind,
    message::Notice,
    password::Ingredient,
    policy::{self, Standing},
    secret::Secret,
    session::{Reach, Visitor},
    user::{self, User},
};
use serde_json::json;

use crate::{
    config::Deletion,
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose,
        challenge::{self, Typed},
        emails::{self, LinkShape, Mailer},
        passwords::{self, Person},
        sessions::{self, Handover, Minted, SignedIn},
        sign_in,
    },
    store::{EventRow, Purpose, Tx},
};

/// Links that act on the account die with the password they were asked for under: whoever changes it may be
/// shutting somebody out (SEC-033, SEC-106). Verifying an address stays true whatever the password is.
const VOID_WITH_PASSWORD: [Purpose; 4] =
    [Purpose::ResetPassword, Purpose::ConfirmEmailChange, Purpose::DeleteAccount, Purpose::EnrolEmail];

/// A change of profile: what is `None` stays.
#[derive(Debug, Default)]
pub struct ProfileChange {
    pub name: Option<String>,
    pub family_name: Option<String>,
    /// `Some(None)` takes the picture away.
    pub image: Option<Option<String>>,
}

pub async fn update(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, change: ProfileChange) -> Outcome<()> {
    who.session.scope.reaches(Reach::Everything)?;
    if change.name.is_none() && change.family_name.is_none() && change.image.is_none() {
        return Err(Denied::NothingToUpdate.into());
    }
    let mut user = who.user.clone();
    user.name = change.name.unwrap_or(user.name);
    user.family_name = change.family_name.or(user.family_name);
    user.image = change.image.unwrap_or(user.image);
    sign_in::check_profile(&user.name, user.image.as_deref())?;
    let act = Act::begin(ctx, visitor);
    ctx.write(move |tx| {
        tx.rename_user(&user, act.now)?;
        act.record(tx, Kind::UserUpdated, Whose::user(&user.id), json!({}))?;
        Ok(Ok(()))
    })
    .await
}

#[derive(Default)]
pub struct PasswordChange {
    pub current: Secret<String>,
    pub new: Secret<String>,
    pub revoke_other_sessions: bool,
    /// A code of the second factor, where the wire sends one along: then it must be right.
    pub code: Option<Typed>,
    /// Whether somebody with a second factor must send one along.
    pub code_required: bool,
    pub handover: Handover,
}

/// A changed password, with a fresh session if the others were to go.
#[derive(Debug)]
pub struct PasswordChanged {
    pub user: User,
    pub session: Option<Minted>,
}

/// Trusted devices go with the old password, whatever happens to the sessions (SEC-082).
pub async fn change_password(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    change: PasswordChange,
) -> Outcome<PasswordChanged> {
    who.session.scope.reaches(Reach::Everything)?;
    passwords::not_too_long(&change.current)?;
    passwords::fits(ctx, &change.new, &[], Person::from(&who.user))?;
    if who.user.password.is_none() {
        return Err(Denied::NoPassword.into());
    }
    if change.code_required && change.code.is_none() && who.second_factor_is_on {
        return Err(Denied::CodeRequired.into());
    }
    passwords::check(ctx, visitor, &who.user, change.current).await?;
    let hash = passwords::hash(ctx, change.new).await?;
    let act = Act::begin(ctx, visitor);
    let (seen, code, handover) = (who.clone(), change.code, change.handover);
    let revoke = change.revoke_other_sessions;
    ctx.write(move |tx| {
        let mut who = match sessions::still(&act, tx, &seen, Reach::Everything)? {
            Ok(who) => who,
            Err(denied) => return Ok(Err(denied)),
        };
        if let Err(denied) = proven(&act, tx, &mut who, code.as_ref())? {
            return Ok(Err(denied));
        }
        let user = &who.user;
        tx.set_password(&user.id, &hash, false, act.now)?;
        tx.void_links(&user.id, &VOID_WITH_PASSWORD, act.now)?;
        tx.delete_trusted_devices(&user.id)?;
        act.record(tx, Kind::PasswordChanged, Whose::session(&user.id, &who.session.id), json!({}))?;
        act.notify(tx, user, Notice::PasswordChanged)?;
        let session = if revoke { sessions::start_over(&act, tx, &who, handover)?.0 } else { None };
        let user = tx.user(&user.id)?.ok_or_else(|| Fault::internal("a locked user vanished"))?;
        Ok(Ok(PasswordChanged { user, session }))
    })
    .await
}

/// Judges the code that came along, if one did and there is a second factor to prove.
fn proven(
    act: &Act,
    tx: &mut Tx<'_>,
    who: &mut SignedIn,
    code: Option<&Typed>,
) -> Result<Result<(), Denied>, Fault> {
    let Some(typed) = code.filter(|_| who.second_factor_is_on) else { return Ok(Ok(())) };
    Ok(challenge::prove(act, tx, who, (typed, Wants::Proof))?.map(|pass| who.session.proofs = pass.proofs))
}

/// Mails a reset link if the address is somebody's. The answer is the same either way (SEC-115).
pub async fn request_password_reset(
    ctx: &Ctx,
    visitor: &Visitor,
    email: &str,
    link: LinkShape,
) -> Outcome<()> {
    let email = user::email(email).ok_or(Denied::EmailInvalid)?;
    let act = Act::begin(ctx, visitor);
    let mailer = Mailer::new(ctx, link);
    ctx.write(move |tx| {
        if let Some(user) = tx.user_by_email(&email)? {
            mailer.send(&act, tx, &user, Purpose::ResetPassword)?;
        }
        Ok(Ok(()))
    })
    .await
}

/// Sets a new password by mailed link. Ends every session, trusted device, API key and open question of the user:
/// a key that a thief made could enrol the thief's authenticator. The second factor stays and no session is made
/// (SEC-078, SEC-103).
pub async fn reset_password(
    ctx: &Ctx,
    visitor: &Visitor,
    token: &str,
    (new, ingredients): (Secret<String>, &'static [Ingredient]),
) -> Outcome<()> {
    passwords::fits(ctx, &new, ingredients, Person::default())?;
    let Some(user) = emails::addressee(ctx, token, Purpose::ResetPassword).await? else {
        return Err(Denied::LinkInvalid.into());
    };
    // Only whoever holds the link may learn from the answer what the person is called.
    passwords::fits(ctx, &new, ingredients, Person::from(&user))?;
    let hash = passwords::hash(ctx, new).await?;
    let act = Act::begin(ctx, visitor);
    let token = Secret::from(token);
    ctx.write(move |tx| {
        let id = match emails::spend(&act, tx, token.expose(), Purpose::ResetPassword)? {
            Ok(link) => link.user_id,
            Err(denied) => return Ok(Err(denied)),
        };
        let Some(user) = tx.user(&id)? else {
            return Ok(Err(Denied::LinkInvalid));
        };
        tx.set_password(&id, &hash, true, act.now)?;
        tx.void_links(&id, &VOID_WITH_PASSWORD, act.now)?;
        tx.delete_sessions(&id, None)?;
        tx.delete_trusted_devices(&id)?;
        tx.delete_api_keys(&id)?;
        act.record(tx, Kind::PasswordReset, Whose::user(&id), json!({}))?;
        act.notify(tx, &user, Notice::PasswordChanged)?;
        Ok(Ok(()))
    })
    .await
}

/// What happened to the person's own account, newest first.
pub async fn activity(ctx: &Ctx, who: &SignedIn) -> Outcome<Vec<EventRow>> {
    const SHOWN: i64 = 20;
    who.session.scope.reaches(Reach::Everything)?;
    let user = who.user.id.clone();
    Ok(ctx.store.read(move |tx| tx.events_about(&user, SHOWN)).await?)
}

/// How somebody asks for their account to go.
#[derive(Default)]
pub struct Farewell {
    pub password: Option<Secret<String>>,
    /// A code of the second factor, where the wire sends one along.
    pub code: Option<Typed>,
    /// Whether password and code, as far as the account has them, must come along.
    pub all_required: bool,
    pub link: LinkShape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FarewellTaken {
    Deleted,
    /// A mailed link asks once more.
    Mailed,
}

/// Deletes the account, or mails the link that does. Without the password, the session must be young; with
/// a second factor in force, it must have been proven within five minutes.
pub async fn delete(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    farewell: Farewell,
) -> Outcome<FarewellTaken> {
    who.session.scope.reaches(Reach::Everything)?;
    let password_now = farewell.password.is_some();
    if farewell.all_required && !password_now && who.user.password.is_some() {
        return Err(Denied::PasswordRequired.into());
    }
    if farewell.all_required && farewell.code.is_none() && who.second_factor_is_on {
        return Err(Denied::CodeRequired.into());
    }
    if let Some(password) = farewell.password {
        passwords::check(ctx, visitor, &who.user, password).await?;
    }
    let act = Act::begin(ctx, visitor);
    let by_mail = ctx.config.accounts.deletion == Deletion::Mail;
    let mailer = Mailer::new(ctx, farewell.link);
    let (seen, code) = (who.clone(), farewell.code);
    ctx.write(move |tx| {
        let mut who = match sessions::still(&act, tx, &seen, Reach::Everything)? {
            Ok(who) => who,
            Err(denied) => return Ok(Err(denied)),
        };
        if let Err(denied) = proven(&act, tx, &mut who, code.as_ref())? {
            return Ok(Err(denied));
        }
        if let Err(denied) = may_leave(&who, password_now, &act) {
            return Ok(Err(denied));
        }
        if let Err(denied) = may_be_missed(tx, &who.user)? {
            return Ok(Err(denied));
        }
        if by_mail {
            mailer.send(&act, tx, &who.user, Purpose::DeleteAccount)?;
            return Ok(Ok(FarewellTaken::Mailed));
        }
        erase(&act, tx, &who.user)?;
        Ok(Ok(FarewellTaken::Deleted))
    })
    .await
}

/// An organisation with members keeps an owner.
fn may_be_missed(tx: &mut Tx<'_>, user: &User) -> Result<Result<(), Denied>, Fault> {
    let organisations = tx.owned_alone(&user.id)?;
    Ok(if organisations.is_empty() { Ok(()) } else { Err(Denied::SoleOwner { organisations }) })
}

fn may_leave(who: &SignedIn, password_now: bool, act: &Act) -> Result<(), Denied> {
    let standing = Standing::by_session(who.second_factor_is_on, &who.session.proofs);
    let standing = Standing { password_now, ..standing };
    if who.second_factor_is_on {
        policy::may_change_factors(standing, act.now)
    } else if password_now || who.session.is_young(act.now) {
        Ok(())
    } else {
        Err(Denied::StaleSession)
    }
}

/// Opens the mailed link that ends the account. Only the person's own session may.
pub async fn confirm_delete(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, token: &str) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let (seen, token) = (who.clone(), Secret::from(token));
    ctx.write(move |tx| {
        let user = match sessions::still(&act, tx, &seen, Reach::Everything)? {
            Ok(who) => who.user,
            Err(denied) => return Ok(Err(denied)),
        };
        let found = emails::find(&act, tx, token.expose(), &[Purpose::DeleteAccount])?;
        if !found.is_ok_and(|link| link.user_id == user.id) {
            return Ok(Err(Denied::LinkInvalid));
        }
        if let Err(denied) = may_be_missed(tx, &user)? {
            return Ok(Err(denied));
        }
        if let Err(denied) = emails::spend(&act, tx, token.expose(), Purpose::DeleteAccount)? {
            return Ok(Err(denied));
        }
        erase(&act, tx, &user)?;
        Ok(Ok(()))
    })
    .await
}

fn erase(act: &Act, tx: &mut Tx<'_>, user: &User) -> Result<(), Fault> {
    // First the news: afterwards nobody knows whom it concerns.
    act.record(tx, Kind::UserDeleted, Whose::user(&user.id), json!({}))?;
    tx.delete_user(&user.id)?;
    Ok(())
}
