//! The dialects: each speaks one API over the operations. Core decides, operations do, dialects translate.

use std::{borrow::Cow, sync::Arc};

use axum::{Router, response::Response};
use countersign_core::denied::Denied;

use crate::{ctx::Ctx, fault::Fault, http::routes::Route};

pub mod better_auth;
pub mod flashback;
mod mounting;
pub mod mudbase;
pub mod native;
pub mod slugbase;

pub use mounting::{DialectRow, Mount, Mounting, RouteRow, Table};

/// One API: its routes, where it is mounted, and how it says no.
pub struct Dialect {
    /// Its own prefix is `/<name>`: there it is always reachable. One of `config::DIALECTS`.
    pub name: &'static str,
    /// What it has below here and does not know, it refuses in its own words. `/` is asked last.
    pub base: &'static str,
    /// What it serves, from the same `Routes` as its router. Their paths stand in the form that `normal` gives.
    pub routes: fn() -> Vec<Route>,
    /// The whole router, from the root, with its gate, its limits and its fallbacks.
    pub speak: fn(&Arc<Ctx>) -> Result<Router, Fault>,
    /// Routes, `GET /a/b`, that it leaves at the root to any other dialect which has them, whatever the order.
    pub yields: &'static [&'static str],
    /// How its router reads a path before it looks it up. Only for finding the dialect: the request keeps its own.
    pub normal: fn(&str) -> Cow<'_, str>,
    /// How it says this no, in each situation it tells apart: for the test that prints every refusal.
    pub refuse: fn(&Arc<Ctx>, &Denied) -> Result<Refusals, Fault>,
}

impl Dialect {
    /// For `normal`: every letter and slash of a path counts.
    pub fn as_written(path: &str) -> Cow<'_, str> {
        Cow::Borrowed(path)
    }
}

/// What was being asked, and the answer.
pub type Refusals = Vec<(String, Response)>;

pub const ALL: &[Dialect] =
    &[native::DIALECT, better_auth::DIALECT, slugbase::DIALECT, mudbase::DIALECT, flashback::DIALECT];
