//! Service keys: an organisation's own, so they outlive the administrator who made them.

use countersign_core::{
    api_key::{self, USE_NOTED_EVERY},
    denied::Denied,
    entropy,
    event::Kind,
    ids::{OrganisationId, ServiceKeyId},
    secret::Secret,
    service::{KEY_PREFIX, KEYS_MAX, RETURN_URLS_MAX, ServiceKey, is_plain},
    session::Visitor,
};
use serde_json::json;
use url::Url;

use crate::{
    config::is_loopback,
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose,
        organisations::{self, acting_for, administered},
        sessions::SignedIn,
    },
    store::Tx,
    vault::Vault,
};

/// Length of a key's secret part, `[A-Za-z0-9_-]`: 258 bits (SEC-090).
const SECRET_LENGTH: usize = 43;
/// In bytes.
const URL_MAX: usize = 2_000;

/// A key to be made, of which everything holds.
#[derive(Clone, Debug)]
pub struct NewServiceKey {
    name: String,
    return_urls: Vec<String>,
}

/// What is wrong with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnfitKey {
    /// People could not read it.
    Name,
    ReturnUrls,
}

impl NewServiceKey {
    /// `return_urls` is where it may send people back to, to the letter.
    pub fn new(name: &str, return_urls: Vec<String>) -> Result<Self, UnfitKey> {
        let name = name.trim().to_owned();
        if !is_plain(&name, api_key::NAME_MAX) {
            return Err(UnfitKey::Name);
        }
        if return_urls.len() > RETURN_URLS_MAX || !return_urls.iter().all(|url| is_return_url(url)) {
            return Err(UnfitKey::ReturnUrls);
        }
        Ok(Self { name, return_urls })
    }
}

/// Whether people may be sent here with a code: over TLS, or to this very machine; without a fragment, which would
/// swallow what is added, and written in the one form that browsers make of it.
fn is_return_url(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let at_home = url.scheme() == "http" && is_loopback(&url);
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    // A lines-separated column holds them.
    let one_form = url.as_str() == text || url.as_str().strip_suffix('/') == Some(text);
    text.len() <= URL_MAX && bare && one_form && (url.scheme() == "https" || at_home)
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
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let (who, organisation) = match acting_for(&act, tx, &seen)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        let made = match insert(&act, tx, &organisation, &new)? {
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
        expires_at: act.now + api_key::LIFETIME_MAX,
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
        let (who, organisation) = match acting_for(&act, tx, &seen)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        if !tx.delete_service_key(&organisation, &id)? {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_leave_over_tls_or_stay_on_this_machine() {
        for url in [
            "https://shop.example",
            "https://shop.example/back?x=1",
            "http://localhost:3000/",
            "http://127.0.0.1/",
            "http://[::1]:3000/back",
        ] {
            assert!(is_return_url(url), "{url}");
        }
        for url in [
            "http://shop.example/",
            "http://localhost.evil/",
            "https://",
            "https:///x",
            "https://a@b/",
            "https://a/#x",
            "https://Shop.example/",
            "https://a/../b",
            "https://a:99999/",
            "javascript:alert(1)",
            "https://a/ b",
            "https://a\\b",
            "https://a/\nhttps://b/",
            "/back",
            "",
        ] {
            assert!(!is_return_url(url), "{url:?}");
        }
    }

    #[test]
    fn a_key_has_a_name_that_people_can_read() {
        assert!(NewServiceKey::new(" Shop ", Vec::new()).is_ok_and(|key| key.name == "Shop"));
        for name in ["", " ", "a\u{202e}b", &"x".repeat(101)] {
            assert_eq!(NewServiceKey::new(name, Vec::new()).unwrap_err(), UnfitKey::Name, "{name:?}");
        }
    }
}
