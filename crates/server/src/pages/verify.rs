//! Mailed links that verify an address, or make a new one the account's.

use axum::http::StatusCode;

use super::asked::{Asked, Message, No};
use crate::{
    http::{
        page::{self, Confirm},
        reply::Reply,
    },
    operations::{
        Stop,
        emails::{self, Opened},
    },
};

pub(super) async fn show(asked: Asked) -> Result<Reply, No> {
    let page = Confirm {
        look: asked.look(),
        title: "verify-title".into(),
        lead: "verify-lead".into(),
        facts: Vec::new(),
        action: "",
        fields: vec![("token", asked.query("token").unwrap_or_default())],
        button: "verify-button",
        back: None,
        itself: false,
    };
    Ok(page::reply(&page, None))
}

pub(super) async fn verify(asked: Asked) -> Result<Reply, No> {
    let (status, title, said) = match emails::open(asked.ctx(), &asked.visitor, &asked.text("token")).await {
        Ok(Opened::Verified) => (StatusCode::OK, "thank-you", "verify-done"),
        Ok(Opened::Changed(_)) => (StatusCode::OK, "thank-you", "verify-changed"),
        Err(Stop::Denied(_)) => (StatusCode::GONE, "wrong-title", "link-dead"),
        Err(stop) => return Err(stop.into()),
    };
    Ok(Message::new(asked.look(), title, said).link("/sign-in", "sign-in").reply().status(status))
}
