//! The account and its API tokens, and what the server says of itself (contract §2).

use axum::http::{Method, StatusCode};
use countersign_core::{
    api_key::LIFETIME_MAX,
    ids::{self, ApiKeyId},
    session::Reach,
};
use serde_json::json;

use super::{
    callers::{Asked, KEY_PREFIX},
    errors::No,
    wire,
};
use crate::{
    dialects::Mount,
    http::{javascript, reply::Reply},
    operations::{
        accounts::{self, Farewell, FarewellTaken},
        api_keys::{self, NewKey},
        authenticators,
    },
};

pub(super) async fn health(_: Asked) -> Result<Reply, No> {
    Ok(Reply::json(&json!({ "status": "ok" })))
}

/// The version whose wire this is. Which build of ours speaks it is nobody's business.
pub(super) async fn version(_: Asked) -> Result<Reply, No> {
    Ok(Reply::json(&json!({ "version": "1.0.0", "commit": null, "mode": "selfhosted" })))
}

/// No OIDC provider is configured, ever.
pub(super) async fn providers(_: Asked) -> Result<Reply, No> {
    Ok(Reply::json(&json!([])))
}

pub(super) async fn me(asked: Asked) -> Result<Reply, No> {
    let who = asked.who(Reach::Reading)?;
    let overview = authenticators::overview(asked.ctx(), who).await?;
    Ok(Reply::json(&wire::profile(&who.user, asked.surface.is_admin(&who.user).await?, &overview)))
}

pub(super) async fn delete(asked: Asked) -> Result<Reply, No> {
    let who = asked.who(Reach::Everything)?;
    let link = Mount::link(&asked.parts.extensions, "/api/users/me/delete?token=", String::new());
    let farewell = Farewell { link, ..Farewell::default() };
    match accounts::delete(asked.ctx(), &asked.visitor, who, farewell).await? {
        FarewellTaken::Deleted => Ok(gone(&asked)),
        FarewellTaken::Mailed => Ok(wire::message("Check your email to confirm")),
    }
}

/// Follows the mailed link that asks once more, where the operator wants one. Whoever only looks, by `HEAD`,
/// follows nothing (SEC-121).
pub(super) async fn confirm_delete(asked: Asked) -> Result<Reply, No> {
    let who = asked.who(Reach::Everything)?;
    let token = asked.query("token").filter(|_| asked.parts.method != Method::HEAD).unwrap_or_default();
    accounts::confirm_delete(asked.ctx(), &asked.visitor, who, &token).await?;
    Ok(gone(&asked))
}

fn gone(asked: &Asked) -> Reply {
    wire::message("Account deleted").cookies(asked.surface.clear_session())
}

pub(super) async fn list_tokens(asked: Asked) -> Result<Reply, No> {
    let all = api_keys::list(asked.ctx(), asked.who(Reach::Reading)?, KEY_PREFIX).await?;
    Ok(Reply::json(&all.iter().map(wire::token).collect::<Vec<_>>()))
}

pub(super) async fn create_token(asked: Asked) -> Result<Reply, No> {
    let who = asked.who(Reach::Everything)?;
    let wrong = |sentence: &'static str| No::member("name", "TOKEN_NAME_INVALID", sentence);
    let name = asked.sent.some_text("name").ok_or_else(|| wrong("Token name is required"))?;
    let name = javascript::clean(&name);
    match javascript::length(&name) {
        0 => return Err(wrong("Token name must be at least 1 characters")),
        101.. => return Err(wrong("Token name must be no more than 100 characters")),
        1..=100 => {}
    }
    let new = NewKey {
        prefix: KEY_PREFIX,
        name,
        organisation_id: None,
        scopes: "[]".to_owned(),
        expires_at: None,
        // The wire cannot ask how long; its clients expect that nothing ever ends (SEC-090).
        lifetime: LIFETIME_MAX,
    };
    let (key, secret) = api_keys::create(asked.ctx(), &asked.visitor, who, new).await?;
    let mut body = wire::token(&key);
    body["token"] = json!(secret.expose());
    Ok(Reply::json(&body).status(StatusCode::CREATED))
}

pub(super) async fn revoke_token(asked: Asked) -> Result<Reply, No> {
    let who = asked.who(Reach::Everything)?;
    let named = asked.parts.uri.path().rsplit('/').next().unwrap_or_default();
    let id = ApiKeyId::from(ids::without_hyphens(named));
    api_keys::revoke(asked.ctx(), &asked.visitor, who, &id).await?;
    Ok(wire::message("Token revoked"))
}
