//! An application's people: brought by their external id, listed, reset, deleted.

use countersign_core::{
    authenticator::{Authenticator, Kind as Bound},
    denied::Denied,
    event::Kind,
    ids::UserId,
    message::Notice,
    method::Method,
    service::{EXTERNAL_ID_MAX, ServiceKey, is_plain},
    session::Visitor,
    time::Timestamp,
    user::{self, External, User},
};
use serde_json::json;

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{Act, Outcome, Whose, organisations, sign_in::check_profile},
    store::Tx,
};

/// Somebody as the application describes them; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Described {
    pub external_id: String,
    pub email: Option<String>,
    pub name: Option<String>,
}

/// What is known here of an application's person.
#[derive(Clone, Debug)]
pub struct Person {
    pub user: User,
    /// Confirmed ones, oldest first.
    pub authenticators: Vec<Bind>,
    pub backup_codes_left: u32,
}

/// One authenticator, as far as an application should see it.
#[derive(Clone, Debug)]
pub struct Bind {
    pub method: Method,
    pub since: Timestamp,
    /// The end of a phone number.
    pub hint: Option<String>,
}

impl Described {
    /// The form in which it is kept.
    pub(super) fn checked(mut self) -> Result<Self, Denied> {
        if !is_plain(&self.external_id, EXTERNAL_ID_MAX) {
            return Err(Denied::FieldTooLong { field: "external_id", max: EXTERNAL_ID_MAX });
        }
        if let Some(email) = &self.email {
            self.email = Some(user::email(email).ok_or(Denied::EmailInvalid)?);
        }
        check_profile(self.name.as_deref().unwrap_or_default(), None)?;
        Ok(self)
    }
}

/// The person of this description, made if they are new, with everything that follows about them serialised.
pub(super) fn brought(
    act: &Act,
    tx: &mut Tx<'_>,
    key: &ServiceKey,
    described: &Described,
) -> Result<User, Fault> {
    let organisation = &key.organisation_id;
    if tx.user_by_external_id(organisation, &described.external_id)?.is_none() {
        let id = UserId::new(act.now, act.dice());
        let external = External {
            organisation_id: organisation.clone(),
            id: described.external_id.clone(),
            mailbox: described.email.clone(),
        };
        let new = User {
            name: described.name.clone().unwrap_or_default(),
            external: Some(Box::new(external)),
            ..User::newcomer(id.clone(), user::no_address(&id), act.now)
        };
        // Of two that bring the same person at once, one makes them and the other finds them.
        if tx.insert_user(&new)? {
            act.record(tx, Kind::SignedUp, Whose::user(&new.id), json!({ "organisation": organisation }))?;
        }
    }
    let vanished = || Fault::internal("a person who was just brought is not there");
    let found = tx.user_by_external_id(organisation, &described.external_id)?.ok_or_else(vanished)?;
    tx.lock_user(&found.id)?;
    let found = tx.user(&found.id)?.ok_or_else(vanished)?;
    if let Some(user) = redescribed(&found, described) {
        if found.mailbox() != user.mailbox() {
            // Whoever reads the old mailbox should know, and what was sent there is worth nothing any more.
            tx.raise_security_version(&user.id, act.now)?;
            act.notify(tx, &found, Notice::MailboxReplaced)?;
        }
        tx.describe_external_user(&user.id, (&user.name, user.mailbox()), act.now)?;
        act.record(tx, Kind::UserUpdated, Whose::user(&user.id), json!({ "organisation": organisation }))?;
        return tx.user(&user.id)?.ok_or_else(vanished);
    }
    Ok(found)
}

/// The person as described now, if that is news.
fn redescribed(known: &User, described: &Described) -> Option<User> {
    let mut user = known.clone();
    if let Some(name) = &described.name {
        user.name.clone_from(name);
    }
    if let (Some(email), Some(external)) = (&described.email, &mut user.external) {
        external.mailbox = Some(email.clone());
    }
    (user.name != known.name || user.external != known.external).then_some(user)
}

/// Brings somebody, or says anew who they are.
pub async fn describe(
    ctx: &Ctx,
    visitor: &Visitor,
    key: &ServiceKey,
    described: Described,
) -> Outcome<Person> {
    let described = described.checked()?;
    let act = Act::begin(ctx, visitor);
    let key = key.clone();
    ctx.write(move |tx| {
        let user = brought(&act, tx, &key, &described)?;
        seen(&act, tx, user).map(Ok)
    })
    .await
}

impl Person {
    /// Somebody the application brought before.
    pub async fn of(ctx: &Ctx, key: &ServiceKey, external_id: &str) -> Outcome<Self> {
        let act = Act::begin(ctx, &Visitor::default());
        let (organisation, external_id) = (key.organisation_id.clone(), external_id.to_owned());
        let found = ctx.store.read(move |tx| match tx.user_by_external_id(&organisation, &external_id)? {
            Some(user) => seen(&act, tx, user).map(Some),
            None => Ok(None),
        });
        Ok(found.await?.ok_or(Denied::UserNotFound)?)
    }
}

fn seen(act: &Act, tx: &mut Tx<'_>, user: User) -> Result<Person, Fault> {
    let hint = |one: &Authenticator| match &one.kind {
        Bound::SmsCode(number) => {
            let digits = number.expose();
            Some(format!("…{}", &digits[digits.len().saturating_sub(3)..]))
        }
        _ => None,
    };
    let bind = |one: &Authenticator| {
        one.confirmed_at.map(|since| Bind { method: one.method(), since, hint: hint(one) })
    };
    Ok(Person {
        authenticators: tx.authenticators(&act.vault, &user.id)?.iter().filter_map(bind).collect(),
        backup_codes_left: tx.backup_codes(&user.id, None)?.left,
        user,
    })
}

/// Finds one of the application's people within a transaction, serialised.
fn held(tx: &mut Tx<'_>, key: &ServiceKey, external_id: &str) -> Result<Result<User, Denied>, Fault> {
    let Some(user) = tx.user_by_external_id(&key.organisation_id, external_id)? else {
        return Ok(Err(Denied::UserNotFound));
    };
    tx.lock_user(&user.id)?;
    Ok(tx.user(&user.id)?.ok_or(Denied::UserNotFound))
}

/// Takes one method away. With the last one go the backup codes.
pub async fn remove(
    ctx: &Ctx,
    visitor: &Visitor,
    key: &ServiceKey,
    (external_id, method): (&str, Method),
) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let (key, external_id) = (key.clone(), external_id.to_owned());
    ctx.write(move |tx| {
        let user = match held(tx, &key, &external_id)? {
            Ok(user) => user,
            Err(denied) => return Ok(Err(denied)),
        };
        if !tx.methods_enrolled(&user.id)?.contains(&method) {
            return Ok(Err(Denied::NotEnrolled(method)));
        }
        tx.delete_authenticators_of(&user.id, method)?;
        if tx.methods_enrolled(&user.id)?.is_empty() {
            tx.delete_backup_codes(&user.id)?;
        }
        tx.delete_sessions(&user.id, None)?;
        tx.raise_security_version(&user.id, act.now)?;
        let detail = json!({ "method": method, "key": key.id });
        act.record(tx, Kind::AuthenticatorRemoved, Whose::user(&user.id), detail)?;
        act.notify(tx, &user, Notice::AuthenticatorRemoved { method })?;
        Ok(Ok(()))
    })
    .await
}

/// Takes every factor away: the person enrols anew the next time they are challenged.
pub async fn reset(ctx: &Ctx, visitor: &Visitor, key: &ServiceKey, external_id: &str) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let (key, external_id) = (key.clone(), external_id.to_owned());
    ctx.write(move |tx| {
        let user = match held(tx, &key, &external_id)? {
            Ok(user) => user,
            Err(denied) => return Ok(Err(denied)),
        };
        organisations::clear_factors(&act, tx, &user)?;
        act.record(tx, Kind::SecondFactorReset, Whose::user(&user.id), json!({ "key": key.id }))?;
        act.notify(tx, &user, Notice::SecondFactorReset)?;
        Ok(Ok(()))
    })
    .await
}

/// Forgets somebody altogether.
pub async fn delete(ctx: &Ctx, visitor: &Visitor, key: &ServiceKey, external_id: &str) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let (key, external_id) = (key.clone(), external_id.to_owned());
    ctx.write(move |tx| {
        let user = match held(tx, &key, &external_id)? {
            Ok(user) => user,
            Err(denied) => return Ok(Err(denied)),
        };
        // First the news: afterwards nobody knows whom it concerns.
        act.record(tx, Kind::UserDeleted, Whose::user(&user.id), json!({ "key": key.id }))?;
        tx.delete_user(&user.id)?;
        Ok(Ok(()))
    })
    .await
}
