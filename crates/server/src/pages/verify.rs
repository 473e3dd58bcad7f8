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
        app: asked.app(),
        title: "Verify your address",
        lead: "Say that this address is yours.",
        facts: Vec::new(),
        action: "",
        fields: vec![("token", asked.query("token").unwrap_or_default())],
        button: "It is mine",
        itself: false,
    };
    Ok(page::reply(&page, None))
}

pub(super) async fn verify(asked: Asked) -> Result<Reply, No> {
    let link = ("/sign-in", "Sign in");
    let (status, title, said) = match emails::open(asked.ctx(), &asked.visitor, &asked.text("token")).await {
        Ok(Opened::Verified) => (StatusCode::OK, "Thank you", "Your address is verified."),
        Ok(Opened::Changed(_)) => (StatusCode::OK, "Thank you", "Your account has the new address."),
        Err(Stop::Denied(_)) => (StatusCode::GONE, "That did not work", "That link was used, or is too old."),
        Err(stop) => return Err(stop.into()),
    };
    Ok(page::reply(&Message { app: asked.app(), title, said, link }, None).status(status))
}
