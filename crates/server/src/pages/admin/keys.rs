//! Keys of applications, and webhooks.

use askama::Template;
use axum::http::StatusCode;
use countersign_core::ids::{ServiceKeyId, WebhookId};

use super::{Frame, at_minute};
use crate::{
    http::{look::Look, page, reply::Reply},
    operations::{
        service::{self, NewServiceKey, UnfitKey},
        webhooks::{self, NewWebhook},
    },
    pages::{
        account::on_day,
        asked::{Asked, No, see},
    },
    words::Text,
};

struct Row {
    id: String,
    name: String,
    facts: Vec<Text>,
}

#[derive(Template)]
#[template(path = "pages/admin/keys.html")]
struct Keys<'a> {
    look: &'a Look,
    title: Text,
    frame: Frame,
    said: Option<&'a str>,
    /// Shown once: what it is, and its only copy.
    made: Option<(&'a str, String)>,
    keys: Vec<Row>,
    webhooks: Vec<Row>,
}

type Made<'a> = Option<(&'a str, String)>;

async fn page(asked: &Asked, said: Option<&'static str>, made: Made<'static>) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let keys = service::list(asked.ctx(), &who).await?;
    let hooks = webhooks::list(asked.ctx(), &who).await?;
    let key = |one: &countersign_core::service::ServiceKey| Row {
        id: one.id.to_string(),
        name: one.name.clone(),
        facts: vec![
            on_day("keys-ends", one.expires_at),
            one.last_used_at.map_or("keys-never-used".into(), |at| at_minute("keys-last-used", at)),
        ],
    };
    let hook = |one: &countersign_core::webhook::Webhook| Row {
        id: one.id.to_string(),
        name: one.url.clone(),
        facts: vec![match (&one.last_failure, one.last_sent_at) {
            (Some(why), _) => Text::from("keys-failed").with("why", why.as_str()),
            (None, Some(at)) => at_minute("keys-sent", at),
            (None, None) => "keys-unsent".into(),
        }],
    };
    let status = if said.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = Keys {
        look: asked.look(),
        title: "admin-keys".into(),
        frame: Frame::of(asked, &who).await?,
        said,
        made,
        keys: keys.iter().map(key).collect(),
        webhooks: hooks.iter().map(hook).collect(),
    };
    Ok(page::reply(&page, None).status(status))
}

pub(crate) async fn keys(asked: Asked) -> Result<Reply, No> {
    page(&asked, None, None).await
}

pub(crate) async fn create_key(asked: Asked) -> Result<Reply, No> {
    let urls: Vec<String> = asked.text("return_urls").split_whitespace().map(str::to_owned).collect();
    let new = match NewServiceKey::new(&asked.text("name"), urls) {
        Ok(new) => new,
        Err(unfit) => {
            let said = match unfit {
                UnfitKey::Name => "keys-name-unfit",
                UnfitKey::ReturnUrls => "keys-return-unfit",
            };
            return page(&asked, Some(said), None).await;
        }
    };
    let who = asked.signed_in().await?;
    let (_, secret) = service::create(asked.ctx(), &asked.visitor, &who, new).await?;
    page(&asked, None, Some(("keys-made", secret.expose().clone()))).await
}

pub(crate) async fn revoke_key(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let id = ServiceKeyId::from(asked.text("id"));
    service::revoke(asked.ctx(), &asked.visitor, &who, &id).await?;
    Ok(see("/admin/keys"))
}

pub(crate) async fn create_webhook(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let Some(url) = webhooks::address(asked.ctx(), asked.text("url").trim()) else {
        return page(&asked, Some("keys-url-unfit"), None).await;
    };
    let new = NewWebhook { url, kinds: Vec::new() };
    let (_, secret) = webhooks::create(asked.ctx(), &asked.visitor, &who, new).await?;
    page(&asked, None, Some(("keys-made-webhook", secret.expose().clone()))).await
}

pub(crate) async fn delete_webhook(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let id = WebhookId::from(asked.text("id"));
    webhooks::delete(asked.ctx(), &asked.visitor, &who, &id).await?;
    Ok(see("/admin/keys"))
}
