//! A table of routes: what is served, as a list and as a router, from the same rows.

use axum::{
    Router,
    http::Method,
    routing::{MethodFilter, MethodRouter},
};

pub const GET: Method = Method::GET;
pub const POST: Method = Method::POST;
pub const PUT: Method = Method::PUT;
pub const PATCH: Method = Method::PATCH;
pub const DELETE: Method = Method::DELETE;

/// One row: a method, and a path from the root in which `{x}` stands for any one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub method: Method,
    pub path: String,
}

impl Route {
    /// `HEAD` is `GET` without the body (RFC 9110 §9.3.2).
    pub fn takes(&self, method: &Method) -> bool {
        self.method == if method == Method::HEAD { Method::GET } else { method.clone() }
    }

    /// Whether this path leads here. Of another route's path it says whether all that it stands for leads here.
    pub fn matches(&self, path: &str) -> bool {
        if !self.path.contains('{') {
            return self.path == path;
        }
        let (mut own, mut asked) = (self.path.split('/'), path.split('/'));
        loop {
            match (own.next(), asked.next()) {
                (None, None) => return true,
                (Some(own), Some(asked)) if own == asked => {}
                (Some(own), Some(asked)) if own.starts_with('{') && !asked.is_empty() => {}
                _ => return false,
            }
        }
    }
}

/// The rows, put together one by one. The method of a row is written once: the list and the router cannot differ.
pub struct Routes<S> {
    base: &'static str,
    list: Vec<Route>,
    router: Router<S>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Self {
        Self::below("")
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// A table whose paths are written, and looked up by its router, without what they all begin with.
    pub fn below(base: &'static str) -> Self {
        Self { base, list: Vec::new(), router: Router::new() }
    }

    /// `handler` is told the method and makes the route: `|method| routing::on(method, …)`.
    pub fn on(
        mut self,
        method: Method,
        path: &str,
        handler: impl FnOnce(MethodFilter) -> MethodRouter<S>,
    ) -> Self {
        let filter = MethodFilter::try_from(method.clone()).expect("routes have methods that axum knows");
        self.router = self.router.route(path, handler(filter));
        self.list.push(Route { method, path: format!("{}{path}", self.base) });
        self
    }

    /// Whole paths, in the order in which they were written down.
    pub fn list(self) -> Vec<Route> {
        self.list
    }

    pub fn router(self) -> Router<S> {
        self.router
    }
}

#[cfg(test)]
mod tests {
    use axum::routing;

    use super::*;

    fn route(path: &str) -> Route {
        Route { method: Method::GET, path: path.to_owned() }
    }

    #[test]
    fn a_parameter_is_one_segment_that_is_not_empty() {
        for (own, path, expected) in [
            ("/a/b", "/a/b", true),
            ("/a/b", "/a/b/", false),
            ("/a/b", "/A/b", false),
            ("/a/{id}", "/a/b", true),
            ("/a/{id}", "/a/", false),
            ("/a/{id}", "/a", false),
            ("/a/{id}", "/a/b/c", false),
            ("/a/{id}/c", "/a/b/c", true),
            ("/a/{id}/c", "/a/b/d", false),
            // Of another route's path.
            ("/a/{id}", "/a/{name}", true),
            ("/a/b", "/a/{name}", false),
            ("/{x}/{y}", "/a/{name}", true),
        ] {
            assert_eq!(route(own).matches(path), expected, "{own} {path}");
        }
    }

    #[test]
    fn head_counts_as_get() {
        assert!(route("/").takes(&Method::GET) && route("/").takes(&Method::HEAD));
        assert!(!route("/").takes(&Method::POST) && !route("/").takes(&Method::OPTIONS));
    }

    #[test]
    fn a_list_has_whole_paths() {
        let here = || routing::on(MethodFilter::GET, async || ());
        let routes = Routes::<()>::below("/api").on(Method::GET, "/x", |_| here());
        assert_eq!(routes.list(), [route("/api/x")]);
    }
}
