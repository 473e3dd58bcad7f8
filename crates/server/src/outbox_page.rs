//! `/dev/outbox`: the mails of a demonstration, where a newcomer can read them. Never served otherwise.

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
    routing::get,
};

use crate::{
    config::Mail,
    ctx::Ctx,
    delivery::sink::{Sink, SinkLetter},
};

const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "dev/outbox.html")]
struct Outbox {
    letters: Vec<SinkLetter>,
}

pub(crate) fn router(ctx: &Arc<Ctx>) -> Router {
    Router::new().route("/dev/outbox", get(outbox)).with_state(Arc::clone(ctx))
}

async fn outbox(State(ctx): State<Arc<Ctx>>) -> Response {
    let Mail::Sink(dir) = &ctx.config.mail else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let letters = Sink::open(dir).and_then(|sink| sink.recent(SHOWN)).unwrap_or_default();
    match (Outbox { letters }).render() {
        Ok(page) => Html(page).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
