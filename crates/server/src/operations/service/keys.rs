//! Service keys: an organisation's own, so they outlive the administrator who made them.

use countersign_core::{
    api_key::{self, USE_NOTED_EVERY},
    denied::Denied,
    entropy,
    event::Kind,
    ids::{OrganisationId, ServiceKeyId},
    secret::Secret,
    service::{KEY_PREFIX, KEYS_MAX, ServiceKey},
    session::Visitor,
    time::Timestamp,
};
use serde_json::json;

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose,
        organisations::{self, administered, administrator},
        sessions::SignedIn,
    },
    store::Tx,
    vault::Vault,
};

/// Length of a key's secret part, `[A-Za-z0-9_-]`: 258 bits (SEC-090).
const SECRET_LENGTH: usize = 43;

#[derive(Clone, Debug, Default)]
pub struct NewServiceKey {
    pub name: String,
    /// Where it may send people back to, to the letter.
    pub return_urls: Vec<String>,
    pub expires_at: Option<Timestamp>,
}

fn digest(vault: &Vault, key: &str) -> Vec<u8> {
    vault.digest("service key", &[key.as_bytes()])
}

/// Makes a key for the organisation that somebody administers. Returns the only copy of it.
pub async fn create(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    new: NewServiceKey,
) -> Outcome<(ServiceKey, Secret<String>)> {
    fits(&new)?;
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let (who, own) = match administrator(&act, tx, &seen)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        let Some(organisation) = administered(&own) else { return Ok(Err(Denied::NotPermitted)) };
        let made = match insert(&act, tx, organisation, &new)? {
            Ok(made) => made,
            Err(denied) => return Ok(Err(denied)),
        };
        let detail = json!({ "key": made.0.id, "organisation": organisation });
        act.record(tx, Kind::ServiceKeyAdded, Whose::session(&who.user.id, &who.session.id), detail)?;
        Ok(Ok(made))
    })
    .await
}

/// The same from the command line of the machine it runs on, for the server's own organisation.
pub async fn make(ctx: &Ctx, new: NewServiceKey) -> Outcome<(ServiceKey, Secret<String>)> {
    fits(&new)?;
    let act = Act::begin(ctx, &Visitor::default());
    ctx.write(move |tx| {
        let home = organisations::home(&act, tx)?;
        let made = match insert(&act, tx, &home, &new)? {
            Ok(made) => made,
            Err(denied) => return Ok(Err(denied)),
        };
        let detail = json!({ "key": made.0.id, "organisation": home, "by": "command line" });
        act.record(tx, Kind::ServiceKeyAdded, Whose::default(), detail)?;
        Ok(Ok(made))
    })
    .await
}

fn fits(new: &NewServiceKey) -> Result<(), Denied> {
    if new.name.chars().count() > api_key::NAME_MAX {
        return Err(Denied::FieldTooLong { field: "name", max: api_key::NAME_MAX });
    }
    Ok(())
}

fn insert(
    act: &Act,
    tx: &mut Tx<'_>,
    organisation: &OrganisationId,
    new: &NewServiceKey,
) -> Result<Result<(ServiceKey, Secret<String>), Denied>, Fault> {
    // Expired ones do not count: nobody purges what an administrator may want to see.
    let live = tx.service_keys_of(organisation)?.iter().filter(|key| act.now < key.expires_at).count();
    if live >= KEYS_MAX {
        return Ok(Err(Denied::TooManyKeys { max: KEYS_MAX }));
    }
    let key = ServiceKey {
        id: ServiceKeyId::new(act.now, act.dice()),
        organisation_id: organisation.clone(),
        name: new.name.clone(),
        return_urls: new.return_urls.clone(),
        created_at: act.now,
        expires_at: api_key::expiry(new.expires_at, api_key::LIFETIME_MAX, act.now),
        last_used_at: None,
    };
    let secret = Secret::new(format!("{KEY_PREFIX}{}", entropy::url_safe(act.dice(), SECRET_LENGTH)));
    tx.insert_service_key(&key, &digest(&act.vault, secret.expose()))?;
    Ok(Ok((key, secret)))
}

/// The keys of the organisation that somebody administers, newest first.
pub async fn list(ctx: &Ctx, who: &SignedIn) -> Outcome<Vec<ServiceKey>> {
    let own = organisations::of(ctx, &who.user.id).await?;
    let organisation = administered(&own).cloned().ok_or(Denied::NotPermitted)?;
    Ok(ctx.store.read(move |tx| tx.service_keys_of(&organisation)).await?)
}

/// Ends a key at once.
pub async fn revoke(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, id: &ServiceKeyId) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let (seen, id) = (who.clone(), id.clone());
    ctx.write(move |tx| {
        let (who, own) = match administrator(&act, tx, &seen)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        let Some(organisation) = administered(&own) else { return Ok(Err(Denied::NotPermitted)) };
        if !tx.delete_service_key(organisation, &id)? {
            return Ok(Err(Denied::KeyNotFound));
        }
        let detail = json!({ "key": id, "organisation": organisation });
        act.record(tx, Kind::ServiceKeyRevoked, Whose::session(&who.user.id, &who.session.id), detail)?;
        Ok(Ok(()))
    })
    .await
}

/// The live key that this is; looked up at every request, so that revoking holds at once.
pub async fn bearer(ctx: &Ctx, key: &str) -> Outcome<ServiceKey> {
    let now = ctx.clock.now();
    let digest = digest(&ctx.vault, key);
    let found = ctx.store.read(move |tx| tx.service_key(&digest)).await?;
    let key = found.filter(|key| now < key.expires_at).ok_or(Denied::NotSignedIn)?;
    if key.last_used_at.is_none_or(|at| now.since(at) >= USE_NOTED_EVERY) {
        let id = key.id.clone();
        ctx.store.write(move |tx| tx.note_service_key_use(&id, now)).await?;
    }
    Ok(key)
}
