//! "This was not me": where notices lead. The link only asks; its button acts, once.

use axum::http::StatusCode;

use super::asked::{Asked, Message, No};
use crate::{
    http::{
        page::{self, Confirm},
        reply::Reply,
    },
    operations::{
        Stop,
        emails::{self, LinkPurpose},
        not_me::{self, Ended},
    },
};

pub(super) async fn show(asked: Asked) -> Result<Reply, No> {
    let token = asked.query("token").unwrap_or_default();
    if !emails::would_open(asked.ctx(), &token, LinkPurpose::NotMe).await? {
        return Ok(dead(&asked));
    }
    let page = Confirm {
        look: asked.look(),
        title: "not-me-title".into(),
        lead: "not-me-lead".into(),
        facts: Vec::new(),
        action: "",
        fields: vec![("token", token)],
        button: "not-me-button",
        back: None,
        itself: false,
    };
    Ok(page::reply(&page, None))
}

fn dead(asked: &Asked) -> Reply {
    let page = Message::new(asked.look(), "wrong-title", "not-me-dead").link("/sign-in", "sign-in");
    page.reply().status(StatusCode::GONE)
}

pub(super) async fn end(asked: Asked) -> Result<Reply, No> {
    let said = match not_me::end_everything(asked.ctx(), &asked.visitor, &asked.text("token")).await {
        Ok(Ended { password_too: true }) => "not-me-done",
        Ok(Ended { password_too: false }) => "not-me-done-moved",
        Err(Stop::Denied(_)) => return Ok(dead(&asked)),
        Err(stop) => return Err(stop.into()),
    };
    let page = Message::new(asked.look(), "not-me-done-title", said).link("/password", "password-set-title");
    Ok(page.reply().cookie(asked.clear_session()))
}
