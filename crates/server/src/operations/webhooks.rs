//! Webhooks: made by administrators, told by the courier after the commit of what they are about.

use countersign_core::{
    denied::Denied,
    event::{Event, Kind},
    ids::{EventId, UserId, WebhookId},
    language::Language,
    message::{Destination, Letter, Letterhead, Message},
    secret::Secret,
    session::Visitor,
    time::DAY,
    webhook::{PER_ORGANISATION_MAX, URL_MAX, Webhook},
};
use data_encoding::BASE64;
use serde_json::json;
use url::Url;

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose,
        organisations::{self, acting_for, administered},
        sessions::SignedIn,
    },
    store::Tx,
};

#[derive(Clone, Debug)]
pub struct NewWebhook {
    pub url: String,
    /// Kinds of events, or groups of them; all if there are none.
    pub kinds: Vec<String>,
}

/// An address that may be called, in its one form: https, or http of a private host that the operator lists.
pub fn address(ctx: &Ctx, text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= URL_MAX)?;
    let host = url.host_str().unwrap_or_default();
    let private = ctx.config.webhook_private_hosts.iter().any(|listed| listed == host);
    let bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let fits = bare && (url.scheme() == "https" || (url.scheme() == "http" && private));
    fits.then(|| url.to_string())
}

/// Makes one for the organisation that somebody administers. Returns what its receiver checks signatures with, in the
/// form of the Standard Webhooks.
pub async fn create(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    new: NewWebhook,
) -> Outcome<(Webhook, Secret<String>)> {
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let (who, organisation) = match acting_for(&act, tx, &seen)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        if tx.webhooks_of(&organisation)?.len() >= PER_ORGANISATION_MAX {
            return Ok(Err(Denied::TooManyKeys { max: PER_ORGANISATION_MAX }));
        }
        let one = Webhook {
            id: WebhookId::new(act.now, act.dice()),
            organisation_id: organisation.clone(),
            url: new.url.clone(),
            kinds: new.kinds.clone(),
            created_at: act.now,
            last_sent_at: None,
            last_failure: None,
        };
        tx.insert_webhook(&one)?;
        let detail = json!({ "webhook": one.id, "organisation": organisation });
        act.record(tx, Kind::WebhookAdded, Whose::session(&who.user.id, &who.session.id), detail)?;
        let secret = act.vault.webhook_secret(one.id.as_str());
        Ok(Ok((one, Secret::new(format!("whsec_{}", BASE64.encode(secret.expose()))))))
    })
    .await
}

pub async fn list(ctx: &Ctx, who: &SignedIn) -> Outcome<Vec<Webhook>> {
    let own = organisations::of(ctx, &who.user.id).await?;
    let organisation = administered(&own).cloned().ok_or(Denied::NotPermitted)?;
    Ok(ctx.store.read(move |tx| tx.webhooks_of(&organisation)).await?)
}

/// Ends one; what waits to be sent to it is not sent any more.
pub async fn delete(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, id: &WebhookId) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let (seen, id) = (who.clone(), id.clone());
    ctx.write(move |tx| {
        let (who, organisation) = match acting_for(&act, tx, &seen)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        if !tx.delete_webhook(&organisation, &id)? {
            return Ok(Err(Denied::KeyNotFound));
        }
        let detail = json!({ "webhook": id, "organisation": organisation });
        act.record(tx, Kind::WebhookRemoved, Whose::session(&who.user.id, &who.session.id), detail)?;
        Ok(Ok(()))
    })
    .await
}

/// Leaves the news of an event for everybody who wants it, in the event's own transaction.
pub(crate) fn tell(act: &Act, tx: &mut Tx<'_>, id: &EventId, event: &Event) -> Result<(), Fault> {
    let Some(user_id) = &event.user_id else { return Ok(()) };
    for hook in tx.webhooks_about(user_id)? {
        if hook.wants(event.kind) {
            post(act, tx, &hook, (id, user_id, event))?;
        }
    }
    Ok(())
}

/// No name and no address of the person: whoever is told knows them by id.
fn post(
    act: &Act,
    tx: &mut Tx<'_>,
    hook: &Webhook,
    (id, user_id, event): (&EventId, &UserId, &Event),
) -> Result<(), Fault> {
    let external = tx.user(user_id)?.and_then(|user| user.external).map(|external| external.id);
    let body = json!({
        "type": event.kind.as_str(), "timestamp": event.at.to_iso(),
        "data": {
            "event": id, "organisation": hook.organisation_id, "user": user_id, "external_id": external,
            "ip": event.visitor.ip, "browser": event.visitor.browser(), "detail": event.detail,
        },
    });
    let to = Destination::Webhook { id: hook.id.clone(), url: hook.url.clone() };
    let message = Message::Event { body: body.to_string() };
    let letter = Letter {
        to,
        recipient_name: String::new(),
        message,
        expires_at: act.now + DAY,
        language: Language::default(),
        head: Letterhead::default(),
    };
    act.post(tx, user_id.clone(), &letter)
}
