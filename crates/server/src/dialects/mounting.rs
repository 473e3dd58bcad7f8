//! Where the dialects are: each under its own prefix, at its own hosts, and at the root in a configured order.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Body,
    extract::Request,
    http::{Extensions, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;
use tower::ServiceExt;

use super::{Dialect, native};
use crate::{
    config::{Config, DIALECTS},
    ctx::Ctx,
    fault::Fault,
    http::routes::Route,
    operations::emails::LinkShape,
};

/// The dialects that are switched on, in order of precedence. Found by matching, not by merging routers: two
/// dialects may have the same route.
#[derive(Clone)]
pub struct Mounting {
    mounted: Vec<Mounted>,
    /// `:443` or `:80`: browsers leave it out of `Host`, other clients may not.
    default_port: &'static str,
}

#[derive(Clone)]
struct Mounted {
    dialect: &'static Dialect,
    /// `/<name>`
    prefix: String,
    hosts: Vec<String>,
    routes: Vec<Route>,
}

/// What begins with one of these, or with the name of a dialect, is no dialect's at the root. A fallback that
/// takes everything must not answer for a dialect that is switched off.
const RESERVED: &[&str] = &["health", "v1", "dev", "assets", "forward-auth", "docs", ".well-known"];

/// The routes as they are served.
#[derive(Serialize)]
pub struct Table {
    pub dialects: Vec<DialectRow>,
}

#[derive(Serialize)]
pub struct DialectRow {
    pub name: &'static str,
    pub prefix: String,
    pub hosts: Vec<String>,
    pub routes: Vec<RouteRow>,
}

#[derive(Serialize)]
pub struct RouteRow {
    pub method: String,
    pub path: String,
    pub at_root: bool,
    /// The dialect that has this route at the root.
    pub shadowed_by: Option<&'static str>,
}

impl Mounting {
    /// Of `known`, those that the configuration names and in its order. Needs no store: only lists are read.
    pub fn of(config: &Config, known: &'static [Dialect]) -> Self {
        let named = |name: &&str| known.iter().find(|dialect| dialect.name == *name);
        let mounted = config.dialects.iter().filter_map(named).map(|dialect| Mounted {
            dialect,
            prefix: format!("/{}", dialect.name),
            hosts: config.hosts_of(dialect.name),
            routes: (dialect.routes)(),
        });
        let default_port = if config.secure_cookies() { ":443" } else { ":80" };
        Self { mounted: mounted.collect(), default_port }
    }

    /// Every dialect's handlers behind one fallback.
    pub fn router(self, ctx: &Arc<Ctx>) -> Result<Router, Fault> {
        let routers: Result<Vec<Router>, Fault> =
            self.mounted.iter().map(|mounted| (mounted.dialect.speak)(ctx)).collect();
        let served = Arc::new((Arc::new(self), routers?));
        Ok(Router::new().fallback(move |request: Request| {
            let served = Arc::clone(&served);
            async move {
                let (mounting, routers) = served.as_ref();
                answer(mounting, routers, request).await
            }
        }))
    }

    pub fn table(&self) -> Table {
        let dialects = self.mounted.iter().enumerate().map(|(at, mounted)| DialectRow {
            name: mounted.dialect.name,
            prefix: mounted.prefix.clone(),
            hosts: mounted.hosts.clone(),
            routes: mounted.routes.iter().map(|route| self.row(at, route)).collect(),
        });
        Table { dialects: dialects.collect() }
    }

    fn row(&self, at: usize, route: &Route) -> RouteRow {
        let owner = self.owner(&route.method, &route.path).filter(|owner| *owner != at);
        let shadowed_by = owner.map(|owner| self.mounted[owner].dialect.name);
        let own = is_below(&route.path, native::BASE) && self.mounted[at].dialect.base == native::BASE;
        let at_root = shadowed_by.is_none() && (own || !is_reserved(&route.path));
        RouteRow { method: route.method.to_string(), path: route.path.clone(), at_root, shadowed_by }
    }

    /// Every route there is to ask for: under the prefixes, and at the root what is not shadowed there.
    pub fn routes(&self) -> Vec<Route> {
        let mut all = Vec::new();
        for (at, mounted) in self.mounted.iter().enumerate() {
            for route in &mounted.routes {
                let path = format!("{}{}", mounted.prefix, route.path);
                all.push(Route { path, ..route.clone() });
                all.extend(self.row(at, route).at_root.then(|| route.clone()));
            }
        }
        all
    }

    /// Whose request this is: which dialect's, and how much of the path is its prefix.
    fn find(&self, request: &Request) -> Option<(usize, usize, bool)> {
        let path = request.uri().path();
        let under = |mounted: &Mounted| is_below(path, &mounted.prefix);
        if let Some(at) = self.mounted.iter().position(under) {
            return Some((at, self.mounted[at].prefix.len(), false));
        }
        if let Some(at) = self.by_host(request) {
            return Some((at, 0, false));
        }
        self.at_root(request.method(), path).map(|at| (at, 0, true))
    }

    /// `Host` chooses among our own dialects and goes no further: no link is made of it (SEC-027).
    fn by_host(&self, request: &Request) -> Option<usize> {
        if self.mounted.iter().all(|mounted| mounted.hosts.is_empty()) {
            return None;
        }
        let mut lines = request.headers().get_all(header::HOST).into_iter();
        let line = match (lines.next(), lines.next()) {
            (Some(line), None) => line.to_str().ok(),
            _ => None,
        };
        // A target in absolute form outweighs the header (RFC 9112 §3.2.2).
        let host = request.uri().authority().map_or(line, |authority| Some(authority.as_str()))?;
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix(self.default_port).unwrap_or(&host);
        self.mounted.iter().position(|mounted| mounted.hosts.iter().any(|own| own == host))
    }

    /// The first that has this route and does not leave it to others; else the first that has it.
    fn owner(&self, method: &Method, path: &str) -> Option<usize> {
        let first = |fits: &dyn Fn(&Mounted) -> bool| self.mounted.iter().position(fits);
        first(&|mounted| mounted.has(method, path) && !mounted.yields(method, path))
            .or_else(|| first(&|mounted| mounted.has(method, path)))
    }

    /// Who has the method and the path; else who has the path and can say that the method is wrong; else whose
    /// base it is, for a 404 in that dialect's words. A base that is everything comes last.
    fn at_root(&self, method: &Method, path: &str) -> Option<usize> {
        if is_below(path, native::BASE) {
            return self.mounted.iter().position(|mounted| mounted.dialect.base == native::BASE);
        }
        if is_reserved(path) {
            return None;
        }
        let first = |fits: &dyn Fn(&Mounted) -> bool| self.mounted.iter().position(fits);
        self.owner(method, path)
            .or_else(|| first(&|mounted| mounted.has_path(path)))
            .or_else(|| first(&|mounted| mounted.dialect.base != "/" && mounted.covers(path)))
            .or_else(|| first(&|mounted| mounted.dialect.base == "/"))
    }
}

impl Mounted {
    fn yields(&self, method: &Method, path: &str) -> bool {
        let path = (self.dialect.normal)(path);
        let method = if method == Method::HEAD { "GET" } else { method.as_str() };
        let route = |line: &str| line.split_once(' ') == Some((method, path.as_ref()));
        self.dialect.yields.iter().any(|line| route(line))
    }

    fn has(&self, method: &Method, path: &str) -> bool {
        let path = (self.dialect.normal)(path);
        self.routes.iter().any(|route| route.takes(method) && route.matches(&path))
    }

    fn has_path(&self, path: &str) -> bool {
        let path = (self.dialect.normal)(path);
        self.routes.iter().any(|route| route.matches(&path))
    }

    fn covers(&self, path: &str) -> bool {
        is_below(&(self.dialect.normal)(path), self.dialect.base)
    }
}

fn is_below(path: &str, base: &str) -> bool {
    path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_reserved(path: &str) -> bool {
    let first = path.strip_prefix('/').and_then(|rest| rest.split('/').next()).unwrap_or_default();
    RESERVED.contains(&first) || DIALECTS.contains(&first)
}

async fn answer(mounting: &Arc<Mounting>, routers: &[Router], mut request: Request<Body>) -> Response {
    let Some((at, prefix, at_root)) = mounting.find(&request) else { return nothing_here() };
    if prefix > 0 {
        match without(request.uri(), prefix) {
            Some(uri) => *request.uri_mut() = uri,
            None => return nothing_here(),
        }
    }
    request.extensions_mut().insert(Mount { mounting: Arc::clone(mounting), at, at_root });
    match routers[at].clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn nothing_here() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": "not found" }))).into_response()
}

/// The address without the first bytes of its path. `OriginalUri` keeps the whole.
fn without(uri: &Uri, prefix: usize) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().get(prefix..)?;
    let rest = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(rest.parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Where a request found its dialect. Rides along with it, for the links that are mailed on its account.
#[derive(Clone)]
pub struct Mount {
    mounting: Arc<Mounting>,
    at: usize,
    at_root: bool,
}

impl Mount {
    /// A link to a page of the dialect that was asked, `before` and `after` its token. It leads to the root only
    /// for those who came that way, and only if the dialect has that page there; else under its prefix.
    pub fn link(extensions: &Extensions, before: &str, after: String) -> LinkShape {
        let prefix = extensions.get::<Self>().map_or("", |mount| mount.prefix_for(before));
        LinkShape { before: format!("{prefix}{before}"), after, ..LinkShape::default() }
    }

    fn prefix_for(&self, before: &str) -> &str {
        let with_a_token = format!("{before}x");
        let path = with_a_token.split('?').next().unwrap_or_default();
        let own = self.at_root && self.mounting.at_root(&Method::GET, path) == Some(self.at);
        if own { "" } else { &self.mounting.mounted[self.at].prefix }
    }
}
