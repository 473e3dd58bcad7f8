//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a POST that is sent again acts once.

use std::future::Future;

use axum::http::{HeaderName, Method, StatusCode, header};
use countersign_core::service::KEY_PREFIX;

use super::{
    callers::Asked,
    errors::{self, No},
};
use crate::{
    fault::Fault,
    http::reply::Reply,
    operations::idempotency::{self, Begun, Scope},
};

const HEADER: &str = "idempotency-key";
/// In characters.
const KEY_MAX: usize = 200;
/// Answers that are the same however often one asks. Others say that nothing was done, or wait for something.
const KEPT: [u16; 8] = [200, 201, 202, 204, 400, 403, 409, 410];

/// Answers what came with a key once; everything else as it comes.
pub(super) async fn answer<F, Fut>(asked: Asked, handler: F) -> Result<Reply, No>
where
    F: Fn(Asked) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Reply, No>> + Send,
{
    let (Some(key), Some(bearer)) = (asked.header(HEADER), asked.token.clone()) else {
        return handler(asked).await;
    };
    // Whatever only reads or deletes may be repeated anyway.
    if asked.method() != Method::POST {
        return handler(asked).await;
    }
    if key.is_empty() || key.len() > KEY_MAX || !key.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(No::IDEMPOTENCY_KEY);
    }
    // Whoever goes away in the middle is the one who will ask again: the work and its answer are finished without them.
    let work = tokio::spawn(async move { keyed(asked, (key, bearer), handler).await });
    let broken = |_| No::Fault(Fault::internal("a request with an idempotency key broke down"));
    work.await.map_err(broken)?
}

async fn keyed<F, Fut>(asked: Asked, (key, bearer): (String, String), handler: F) -> Result<Reply, No>
where
    F: Fn(Asked) -> Fut,
    Fut: Future<Output = Result<Reply, No>>,
{
    let (surface, route) = (asked.surface.clone(), asked.path().to_owned());
    let ctx = &surface.ctx;
    let scope = Scope { bearer: &bearer, route: &route, key: &key };
    let ticket = match idempotency::begin(ctx, scope, &asked.sent_bytes()).await? {
        Begun::First(ticket) => ticket,
        Begun::Busy => return Err(No::IN_PROGRESS),
        Begun::Another => return Err(No::KEY_REUSED),
        Begun::Again { status, body } => {
            // A key that was revoked meanwhile hears nothing more. A session may have been rotated by this very answer.
            if bearer.starts_with(KEY_PREFIX) {
                asked.service_key().await?;
            }
            return Ok(again(status, body.expose()));
        }
    };
    let reply = handler(asked).await.unwrap_or_else(errors::reply);
    let kept = Some(reply.status.as_u16()).filter(|status| KEPT.contains(status));
    idempotency::finish(ctx, ticket, kept.map(|status| (status, reply.body()))).await?;
    Ok(reply)
}

fn again(status: u16, body: &str) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if status.is_success() { "application/json" } else { "application/problem+json" };
    Reply::text(body.to_owned())
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .header(HeaderName::from_static("idempotency-replayed"), "true")
}
