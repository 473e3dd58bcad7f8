//! The dialects: each speaks one API over the operations. Core decides, operations do, dialects translate.

use std::sync::Arc;

use axum::{Router, response::Response};
use countersign_core::denied::Denied;

use crate::{ctx::Ctx, fault::Fault};

pub mod better_auth;

/// One API: where it is mounted beside its own prefix, and its routes.
pub struct Dialect {
    /// Its own prefix is `/<name>`: there it is always reachable.
    pub name: &'static str,
    /// Its routes begin here, under the prefix and at the root.
    pub base: &'static str,
    pub routes: fn(&Arc<Ctx>) -> Result<Router, Fault>,
    /// How it says this no, in each situation it tells apart: for the test that prints every refusal.
    pub refuse: fn(&Arc<Ctx>, &Denied) -> Result<Refusals, Fault>,
}

/// What was being asked, and the answer.
pub type Refusals = Vec<(String, Response)>;

pub const ALL: &[Dialect] = &[better_auth::DIALECT];

/// Every dialect that is switched on, at the root and under its own prefix.
pub fn router(ctx: &Arc<Ctx>) -> Result<Router, Fault> {
    let mut router = Router::new();
    for dialect in ALL.iter().filter(|dialect| ctx.config.speaks(dialect.name)) {
        let routes = (dialect.routes)(ctx)?;
        router = router
            .nest(dialect.base, routes.clone())
            .nest(&format!("/{}{}", dialect.name, dialect.base), routes);
    }
    Ok(router)
}
