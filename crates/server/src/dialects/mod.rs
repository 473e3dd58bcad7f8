//! The dialects: each speaks one API over the operations. Core decides, operations do, dialects translate.

use std::sync::Arc;

use axum::Router;

use crate::{ctx::Ctx, fault::Fault};

pub mod better_auth;

/// One API: where it is mounted beside its own prefix, and its routes.
pub struct Dialect {
    /// Its own prefix is `/<name>`: there it is always reachable.
    pub name: &'static str,
    /// Its routes begin here, under the prefix and at the root.
    pub base: &'static str,
    pub routes: fn(&Arc<Ctx>) -> Result<Router, Fault>,
}

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
