//! Keys of applications, and webhooks.

use askama::Template;
use axum::http::StatusCode;
use countersign_core::ids::{ServiceKeyId, WebhookId};

use super::{Frame, minute};
use crate::{
    http::{page, reply::Reply},
    operations::{
        service::{self, NewServiceKey, UnfitKey},
        webhooks::{self, NewWebhook},
    },
    pages::{
        account::day,
        asked::{Asked, No, see},
    },
};

struct Row {
    id: String,
    name: String,
    facts: String,
}

#[derive(Template)]
#[template(path = "pages/admin/keys.html")]
struct Keys<'a> {
    frame: Frame<'a>,
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
        facts: format!(
            "ends {}, {}",
            day(&one.expires_at.to_iso()),
            one.last_used_at.map_or("never used".to_owned(), |at| format!("last used {}", minute(at)))
        ),
    };
    let hook = |one: &countersign_core::webhook::Webhook| Row {
        id: one.id.to_string(),
        name: one.url.clone(),
        facts: match (&one.last_failure, one.last_sent_at) {
            (Some(why), _) => format!("the last attempt failed: {why}"),
            (None, Some(at)) => format!("last sent {}", minute(at)),
            (None, None) => "nothing sent yet".to_owned(),
        },
    };
    let status = if said.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let page = Keys {
        frame: Frame::of(asked, &who, "Keys and webhooks").await?,
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
                UnfitKey::Name => "A key needs a name that people can read.",
                UnfitKey::ReturnUrls => {
                    "People are sent back to whole https addresses without a fragment, 20 at most."
                }
            };
            return page(&asked, Some(said), None).await;
        }
    };
    let who = asked.signed_in().await?;
    let (_, secret) = service::create(asked.ctx(), &asked.visitor, &who, new).await?;
    page(&asked, None, Some(("The key", secret.expose().clone()))).await
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
        let said = "A webhook is a whole https address, without a name or a fragment.";
        return page(&asked, Some(said), None).await;
    };
    let new = NewWebhook { url, kinds: Vec::new() };
    let (_, secret) = webhooks::create(asked.ctx(), &asked.visitor, &who, new).await?;
    page(&asked, None, Some(("What its signatures are checked with", secret.expose().clone()))).await
}

pub(crate) async fn delete_webhook(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let id = WebhookId::from(asked.text("id"));
    webhooks::delete(asked.ctx(), &asked.visitor, &who, &id).await?;
    Ok(see("/admin/keys"))
}
