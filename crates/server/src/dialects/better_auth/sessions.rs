//! Sessions and tokens: who is signed in, where else, and offline proof of it (contract §§7, 11).

use axum::http::header;
use countersign_core::denied::Denied;
use serde_json::{Value, json};

use super::{
    callers::{Asked, SET_AUTH_JWT},
    errors::{self, Asking, No},
    wire,
};
use crate::{
    http::{query, reply::Reply},
    operations::{sessions, tokens},
};

/// Anonymous is not an error: the client would forget what it knows on a 401.
pub(super) async fn get_session(asked: Asked) -> Result<Reply, No> {
    let current = match asked.current().await {
        // Somebody who must enrol first is not signed in, as far as any application is concerned.
        Err(No::Denied(Denied::EnrolmentDue)) => None,
        current => current?,
    };
    let (Some(who), Some(token)) = (current, &asked.session_token) else {
        return Ok(uncached(Reply::json(&Value::Null)));
    };
    let reply = uncached(Reply::json(&wire::signed_in(&who, token)));
    Ok(reply.header(SET_AUTH_JWT, asked.surface.tokens.token(asked.ctx(), &who)?))
}

fn uncached(reply: Reply) -> Reply {
    reply.header(header::CACHE_CONTROL, "no-store").header(header::PRAGMA, "no-cache")
}

pub(super) async fn post_session(asked: Asked) -> Result<Reply, No> {
    let no = No::Only(
        405,
        "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED",
        "POST method requires deferSessionRefresh to be enabled in session config",
    );
    Ok(uncached(errors::reply(&asked.surface, no, Asking::Plain)))
}

/// Sessions have no extra fields here, so there is never anything to update.
pub(super) async fn update(asked: Asked) -> Result<Reply, No> {
    asked.record(|_| ())?;
    asked.signed_in().await?;
    Err(Denied::NothingToUpdate.into())
}

/// Oldest first, as the original's rows come.
pub(super) async fn list(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let all = sessions::list_while_young(asked.ctx(), &who).await?;
    let own = asked.session_token.as_deref().unwrap_or_default();
    let shown = all.iter().rev().map(|session| {
        let handle = if session.id == who.session.id { own } else { session.id.as_str() };
        wire::session(session, handle)
    });
    Ok(Reply::json(&shown.collect::<Vec<_>>()))
}

pub(super) async fn revoke(asked: Asked) -> Result<Reply, No> {
    let name = asked.body(|body| body.text("token"))?;
    let who = asked.signed_in().await?;
    let ended = sessions::revoke(asked.ctx(), &asked.visitor, &who, &name).await?;
    let reply = Reply::json(&json!({ "status": true }));
    Ok(match ended == Some(who.session.id) {
        true => reply.cookies(asked.surface.clear_session()),
        false => reply,
    })
}

pub(super) async fn revoke_all(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    sessions::revoke_all(asked.ctx(), &asked.visitor, &who, false).await?;
    Ok(Reply::json(&json!({ "status": true })).cookies(asked.surface.clear_session()))
}

pub(super) async fn revoke_others(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    sessions::revoke_all(asked.ctx(), &asked.visitor, &who, true).await?;
    Ok(Reply::json(&json!({ "status": true })))
}

pub(super) async fn token(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    Ok(Reply::json(&json!({ "token": tokens::mint(asked.ctx(), &who)? })))
}

pub(super) async fn jwks(asked: Asked) -> Result<Reply, No> {
    Ok(Reply::json(&tokens::public_keys(asked.ctx())).header(header::CACHE_CONTROL, "public, max-age=3600"))
}

pub(super) async fn ok(_: Asked) -> Result<Reply, No> {
    Ok(Reply::json(&json!({ "ok": true })))
}

/// Where failed redirects end: the application's own page, with a code that cannot carry markup.
pub(super) async fn error(asked: Asked) -> Result<Reply, No> {
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '\'' | '_' | '-');
    let code = asked.query("error").filter(|code| code.chars().all(harmless));
    let target = query::add("/", "error", code.as_deref().unwrap_or("UNKNOWN"));
    Ok(Reply::found(&match asked.query("error_description") {
        Some(description) => query::add(&target, "error_description", &description),
        None => target,
    }))
}
