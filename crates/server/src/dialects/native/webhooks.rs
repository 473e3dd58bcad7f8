//! Webhooks of the organisation that somebody administers.

use axum::http::StatusCode;
use countersign_core::{event, ids::WebhookId, time::Timestamp, webhook::Webhook};
use serde_json::{Value, json};

use super::{callers::Asked, errors::No};
use crate::{
    http::reply::Reply,
    operations::webhooks::{self, NewWebhook},
};

fn shown(one: &Webhook) -> Value {
    json!({
        "id": one.id, "url": one.url, "kinds": one.kinds, "created_at": one.created_at.to_iso(),
        "last_sent_at": one.last_sent_at.map(Timestamp::to_iso), "last_failure": one.last_failure,
    })
}

pub(super) async fn list(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let all = webhooks::list(asked.ctx(), &who).await?;
    Ok(Reply::json(&json!({ "webhooks": all.iter().map(shown).collect::<Vec<_>>() })))
}

/// Names of kinds, or of groups of them.
fn kinds(sent: Option<Value>) -> Result<Vec<String>, No> {
    let Some(sent) = sent else { return Ok(Vec::new()) };
    let named: Vec<String> = serde_json::from_value(sent).map_err(|_| No::KINDS)?;
    let known = |name: &String| event::Kind::ALL.iter().any(|kind| kind.is_called(name));
    if named.len() <= event::Kind::ALL.len() && named.iter().all(known) { Ok(named) } else { Err(No::KINDS) }
}

pub(super) async fn create(asked: Asked) -> Result<Reply, No> {
    let (url, named) = asked.body(|body| (body.text("url"), body.member("kinds")))?;
    let url = webhooks::address(asked.ctx(), &url).ok_or(No::WEBHOOK_URL)?;
    let new = NewWebhook { url, kinds: kinds(named)? };
    let who = asked.signed_in().await?;
    let (one, secret) = webhooks::create(asked.ctx(), &asked.visitor, &who, new).await?;
    let mut body = shown(&one);
    body["secret"] = json!(secret.expose());
    Ok(Reply::json(&body).status(StatusCode::CREATED))
}

pub(super) async fn delete(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let id = WebhookId::from(asked.path_after("/v1/webhooks/").to_owned());
    webhooks::delete(asked.ctx(), &asked.visitor, &who, &id).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
