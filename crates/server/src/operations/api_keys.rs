//! API keys: made by people, shown once, kept as digests, refused wherever a person must act.

use std::time::Duration;

use countersign_core::{
    api_key::{self, ApiKey, PER_USER_MAX, USE_NOTED_EVERY},
    denied::Denied,
    entropy,
    event::Kind,
    ids::{ApiKeyId, OrganisationId},
    message::Notice,
    secret::Secret,
    session::{Reach, Visitor},
    time::Timestamp,
};
use serde_json::json;

use crate::{
    ctx::Ctx,
    operations::{
        Act, Outcome, Whose,
        sessions::{self, SignedIn},
    },
};

/// Length of a key's secret part, `[A-Za-z0-9_-]`: 258 bits (SEC-090).
const SECRET_LENGTH: usize = 43;

pub struct NewKey {
    /// Begins the key; says which surface takes it.
    pub prefix: &'static str,
    pub name: String,
    pub organisation_id: Option<OrganisationId>,
    /// JSON.
    pub scopes: String,
    pub expires_at: Option<Timestamp>,
    /// How long it lives if nobody said.
    pub lifetime: Duration,
}

fn digest(act: &Act, key: &str) -> Vec<u8> {
    act.vault.digest("api key", &[key.as_bytes()])
}

fn new_secret(act: &Act, prefix: &str) -> Secret<String> {
    Secret::new(format!("{prefix}{}", entropy::url_safe(act.dice(), SECRET_LENGTH)))
}

/// Makes a key for somebody signed in; a key cannot. Returns the only copy of it.
pub async fn create(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    new: NewKey,
) -> Outcome<(ApiKey, Secret<String>)> {
    if new.name.chars().count() > api_key::NAME_MAX {
        return Err(Denied::FieldTooLong { field: "name", max: api_key::NAME_MAX }.into());
    }
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let who = match sessions::still(&act, tx, &seen, Reach::Everything)? {
            Ok(who) => who,
            Err(denied) => return Ok(Err(denied)),
        };
        let live = tx.api_keys_of(&who.user.id, new.prefix)?;
        if live.iter().filter(|key| act.now < key.expires_at).count() >= PER_USER_MAX {
            return Ok(Err(Denied::TooManyKeys { max: PER_USER_MAX }));
        }
        let key = ApiKey {
            id: ApiKeyId::new(act.now, act.dice()),
            user_id: who.user.id.clone(),
            prefix: new.prefix.to_owned(),
            name: new.name.clone(),
            organisation_id: new.organisation_id.clone(),
            scopes: new.scopes.clone(),
            active: true,
            created_at: act.now,
            expires_at: api_key::expiry(new.expires_at, new.lifetime, act.now),
            last_used_at: None,
        };
        let secret = new_secret(&act, new.prefix);
        tx.insert_api_key(&key, &digest(&act, secret.expose()))?;
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::ApiKeyAdded, whose, json!({ "key": key.id }))?;
        act.notify(tx, &who.user, Notice::ApiKeyAdded)?;
        Ok(Ok((key, secret)))
    })
    .await
}

/// The person's live keys with this prefix, newest first.
pub async fn list(ctx: &Ctx, who: &SignedIn, prefix: &'static str) -> Outcome<Vec<ApiKey>> {
    who.session.scope.reaches(Reach::Everything)?;
    let (user, now) = (who.user.id.clone(), ctx.clock.now());
    let all = ctx.store.read(move |tx| tx.api_keys_of(&user, prefix)).await?;
    Ok(all.into_iter().filter(|key| now < key.expires_at).collect())
}

/// What is to change of a key.
#[derive(Debug, Default)]
pub struct KeyChange {
    pub name: Option<String>,
    pub scopes: Option<String>,
    pub active: Option<bool>,
    pub expires_at: Option<Timestamp>,
}

pub async fn change(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    (key, change): (ApiKey, KeyChange),
) -> Outcome<ApiKey> {
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    if change.name.as_ref().is_some_and(|name| name.chars().count() > api_key::NAME_MAX) {
        return Err(Denied::FieldTooLong { field: "name", max: api_key::NAME_MAX }.into());
    }
    ctx.write(move |tx| {
        let who = match sessions::still(&act, tx, &seen, Reach::Everything)? {
            Ok(who) => who,
            Err(denied) => return Ok(Err(denied)),
        };
        // Read anew: what is not to change stays as it is now, switched off by somebody else or not.
        let now = tx.api_keys_of(&who.user.id, &key.prefix)?.into_iter().find(|one| one.id == key.id);
        let Some(now) = now else {
            return Ok(Err(Denied::KeyNotFound));
        };
        let latest = now.created_at + api_key::LIFETIME_MAX;
        let changed = ApiKey {
            name: change.name.clone().unwrap_or(now.name),
            scopes: change.scopes.clone().unwrap_or(now.scopes),
            active: change.active.unwrap_or(now.active),
            expires_at: change.expires_at.map_or(now.expires_at, |at| at.min(latest)),
            ..now
        };
        tx.change_api_key(&changed)?;
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::ApiKeyChanged, whose, json!({ "key": changed.id }))?;
        Ok(Ok(changed))
    })
    .await
}

/// The same key under a new secret; the old one is dead at once.
pub async fn regenerate(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    key: &ApiKey,
) -> Outcome<Secret<String>> {
    let act = Act::begin(ctx, visitor);
    let (seen, key) = (who.clone(), key.clone());
    ctx.write(move |tx| {
        let who = match sessions::still(&act, tx, &seen, Reach::Everything)? {
            Ok(who) => who,
            Err(denied) => return Ok(Err(denied)),
        };
        let secret = new_secret(&act, &key.prefix);
        if !tx.replace_api_key_secret(&who.user.id, &key.id, &digest(&act, secret.expose()))? {
            return Ok(Err(Denied::KeyNotFound));
        }
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::ApiKeyChanged, whose, json!({ "key": key.id, "secret": "new" }))?;
        Ok(Ok(secret))
    })
    .await
}

/// Ends a key for good.
pub async fn revoke(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, id: &ApiKeyId) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let (seen, id) = (who.clone(), id.clone());
    ctx.write(move |tx| {
        let who = match sessions::still(&act, tx, &seen, Reach::Everything)? {
            Ok(who) => who,
            Err(denied) => return Ok(Err(denied)),
        };
        if !tx.delete_api_key(&who.user.id, &id)? {
            return Ok(Err(Denied::KeyNotFound));
        }
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::ApiKeyRevoked, whose, json!({ "key": id }))?;
        Ok(Ok(()))
    })
    .await
}

/// Whoever a key stands in for. What they may do with it, each operation decides by its scope.
pub async fn holder(ctx: &Ctx, prefix: &'static str, key: &str) -> Outcome<Option<SignedIn>> {
    if !key.starts_with(prefix) {
        return Ok(None);
    }
    let act = Act::begin(ctx, &Visitor::default());
    let presented = digest(&act, key);
    let found = ctx.store.read(move |tx| tx.key_holder(&presented)).await?;
    let Some((key, who)) = found.filter(|(key, who)| key.prefix == prefix && who.session.is_live(act.now))
    else {
        return Ok(None);
    };
    let noted = key.last_used_at.is_some_and(|at| act.now.since(at) < USE_NOTED_EVERY);
    if !noted {
        let (id, now) = (key.id, ctx.clock.now());
        ctx.store.write(move |tx| tx.note_key_use(&id, now)).await?;
    }
    Ok(Some(who))
}
