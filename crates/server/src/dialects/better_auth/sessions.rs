//! Sessions and tokens: who is signed in, where else, and offline proof of it (contract §§7, 11).

use axum::http::{StatusCode, header};
use serde::Serialize;

use super::{
    callers::{Asked, Reply},
    errors::{self, Asking, No},
    wire::{self, Fields},
};
use crate::operations::{sessions, tokens};

#[derive(Serialize)]
struct Status {
    status: bool,
}

/// Anonymous is not an error: the client would forget what it knows on a 401.
pub(super) async fn get_session(asked: Asked) -> Result<Reply, No> {
    let (Some(current), Some(token)) = (asked.current().await?, &asked.session_token) else {
        return Ok(uncached(Reply::json(&())));
    };
    let mut reply = uncached(Reply::json(&wire::signed_in(&current.who, token)));
    if current.renewed {
        reply = reply.session_token(token, current.who.session.remember);
    }
    Ok(reply.jwt(tokens::mint(asked.ctx(), &current.who)?))
}

fn uncached(reply: Reply) -> Reply {
    reply.header(header::CACHE_CONTROL, "no-store").header(header::PRAGMA, "no-cache")
}

pub(super) async fn post_session(_: Asked) -> Result<Reply, No> {
    let no = No::Only(
        StatusCode::METHOD_NOT_ALLOWED,
        "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED",
        "POST method requires deferSessionRefresh to be enabled in session config",
    );
    Ok(uncached(errors::reply(no, Asking::Plain)))
}

/// Sessions have no extra fields here, so there is never anything to update.
pub(super) async fn update(asked: Asked) -> Result<Reply, No> {
    Fields::expecting(&asked.body, "record")?;
    asked.signed_in().await?;
    Err(countersign_core::denied::Denied::NothingToUpdate.into())
}

pub(super) async fn list(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let all = sessions::list(asked.ctx(), &who).await?;
    let own = asked.session_token.as_deref().unwrap_or_default();
    // Oldest first, as the original's rows come.
    let shapes: Vec<_> = all
        .iter()
        .rev()
        .map(|session| {
            let handle = if session.id == who.session.id { own } else { session.id.as_str() };
            wire::session(session, handle)
        })
        .collect();
    Ok(Reply::json(&shapes))
}

pub(super) async fn revoke(asked: Asked) -> Result<Reply, No> {
    let mut fields = Fields::of(&asked.body)?;
    let name = fields.text("token");
    fields.finish()?;
    let who = asked.signed_in().await?;
    let ended = sessions::revoke(asked.ctx(), &asked.visitor, &who, &name).await?;
    let reply = Reply::json(&Status { status: true });
    Ok(if ended == Some(who.session.id) { reply.clear_session() } else { reply })
}

pub(super) async fn revoke_all(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    sessions::revoke_all(asked.ctx(), &asked.visitor, &who, false).await?;
    Ok(Reply::json(&Status { status: true }).clear_session())
}

pub(super) async fn revoke_others(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    sessions::revoke_all(asked.ctx(), &asked.visitor, &who, true).await?;
    Ok(Reply::json(&Status { status: true }))
}

#[derive(Serialize)]
struct Token {
    token: String,
}

pub(super) async fn token(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    Ok(Reply::json(&Token { token: tokens::mint(asked.ctx(), &who)? }))
}

pub(super) async fn jwks(asked: Asked) -> Result<Reply, No> {
    Ok(Reply::json(&tokens::public_keys(asked.ctx())).header(header::CACHE_CONTROL, "public, max-age=3600"))
}

#[derive(Serialize)]
struct Ok_ {
    ok: bool,
}

pub(super) async fn ok(_: Asked) -> Result<Reply, No> {
    Ok(Reply::json(&Ok_ { ok: true }))
}

/// Where failed redirects end: the application's own page, with a code that cannot carry markup.
pub(super) async fn error(asked: Asked) -> Result<Reply, No> {
    let code = asked.query("error").unwrap_or_default();
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '\'' | '_' | '-');
    let code = if !code.is_empty() && code.chars().all(harmless) { code } else { "UNKNOWN".to_owned() };
    let mut target = wire::with_query("/", "error", &code);
    if let Some(description) = asked.query("error_description") {
        target = wire::with_query(&target, "error_description", &description);
    }
    Ok(Reply::found(&target))
}
