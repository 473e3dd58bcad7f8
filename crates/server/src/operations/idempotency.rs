//! One answer for one key: a request that is sent again after a lost answer gets that answer, and acts once.

use std::time::Duration;

use countersign_core::{
    secret::{Secret, same},
    time::{HOUR, MINUTE},
};
use data_encoding::HEXLOWER;

use crate::{
    ctx::Ctx,
    operations::Outcome,
    vault::{Place, Vault},
};

/// How long an answer is kept: as long as somebody who lost it will try again, since it may hold a token.
pub const KEPT: Duration = HOUR;
/// How long a request may be worked on before its key is free again.
const WORKING: Duration = MINUTE;

/// Whose key it is and for what: the bearer's token, the route, and the key itself.
pub struct Scope<'a> {
    pub bearer: &'a str,
    pub route: &'a str,
    pub key: &'a str,
}

/// What is to be done with a request that came with a key.
pub enum Begun {
    /// Work on it, then `finish` with this.
    First(Ticket),
    /// This was the answer.
    Again { status: u16, body: Secret<String> },
    /// It is being worked on.
    Busy,
    /// The key belongs to another request.
    Another,
}

/// Names the key while its request is worked on.
pub struct Ticket(Vec<u8>);

fn sealed_at(digest: &[u8]) -> String {
    HEXLOWER.encode(digest)
}

const fn place(row: &str) -> Place<'_> {
    Place { table: "idempotency_keys", row, user: "" }
}

fn digest(vault: &Vault, scope: &Scope<'_>) -> Vec<u8> {
    let parts = [scope.bearer.as_bytes(), scope.route.as_bytes(), scope.key.as_bytes()];
    vault.digest("idempotency key", &parts)
}

pub async fn begin(ctx: &Ctx, scope: Scope<'_>, body: &[u8]) -> Outcome<Begun> {
    let digest = digest(&ctx.vault, &scope);
    let request = ctx.vault.digest("idempotent request", &[body]);
    let (now, ours) = (ctx.clock.now(), digest.clone());
    let asked = request.clone();
    let known = ctx.store.write(move |tx| {
        let taken = tx.take_idempotency_key(&ours, &asked, (now, now + WORKING))?;
        if taken { Ok(None) } else { tx.idempotency_key(&ours).map(Some) }
    });
    let Some(known) = known.await? else { return Ok(Begun::First(Ticket(digest))) };
    let Some(known) = known else { return Ok(Begun::Busy) };
    if !same(&known.request, &request) {
        return Ok(Begun::Another);
    }
    let Some((status, sealed)) = known.answer else { return Ok(Begun::Busy) };
    let row = sealed_at(&digest);
    let body = ctx.vault.open(&place(&row), &sealed)?;
    let body = String::from_utf8_lossy(body.expose()).into_owned();
    Ok(Begun::Again { status, body: Secret::new(body) })
}

/// Keeps the answer; without one, the key is free again.
pub async fn finish(ctx: &Ctx, ticket: Ticket, answer: Option<(u16, &str)>) -> Outcome<()> {
    let Ticket(digest) = ticket;
    let until = ctx.clock.now() + KEPT;
    let row = sealed_at(&digest);
    let sealed = match answer {
        Some((status, body)) => Some((status, ctx.vault.seal(&place(&row), body.as_bytes())?)),
        None => None,
    };
    let keep = ctx.store.write(move |tx| match &sealed {
        Some((status, sealed)) => tx.keep_answer(&digest, (*status, sealed), until),
        None => tx.forget_idempotency_key(&digest),
    });
    Ok(keep.await?)
}
