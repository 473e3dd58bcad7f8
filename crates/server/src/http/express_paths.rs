//! How Express reads a path: in any case, with or without a slash at its end.

use std::borrow::Cow;

use axum::{Router, extract::Request, http::Uri};
use tower::ServiceExt;

/// The path before it was read, for whoever counts its letters.
#[derive(Clone, Debug)]
pub struct AsSent(pub String);

/// The same router, reading paths so. What a layer does comes too late for that: the route is found by then.
pub fn in_front_of(inner: Router) -> Router {
    Router::new().fallback(move |mut request: Request| {
        let inner = inner.clone();
        async move {
            let as_sent = AsSent(request.uri().path().to_owned());
            request.extensions_mut().insert(as_sent);
            if let Some(uri) = normalised(request.uri()) {
                *request.uri_mut() = uri;
            }
            match inner.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    })
}

/// The one form of a path. Also takes a slash too many in front, as the documentation of one original prints its
/// addresses.
pub fn normal(path: &str) -> Cow<'_, str> {
    let path = if path.starts_with("//") { &path[1..] } else { path };
    let path = path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path);
    match path.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(path.to_ascii_lowercase()),
        false => Cow::Borrowed(path),
    }
}

/// The same address, its path in that form.
fn normalised(uri: &Uri) -> Option<Uri> {
    let path = normal(uri.path());
    let target = uri.query().map_or_else(|| path.to_string(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.parse().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form() {
        for (sent, read) in [
            ("/api/auth/me", "/api/auth/me"),
            ("/API/Auth/me/", "/api/auth/me"),
            ("//api/auth/me", "/api/auth/me"),
            ("///api/auth/me", "//api/auth/me"),
            ("/api/auth/me//", "/api/auth/me/"),
            ("/api//auth/me", "/api//auth/me"),
            ("/", "/"),
            ("//", "/"),
            ("", ""),
        ] {
            assert_eq!(normal(sent), read, "{sent}");
        }
        let uri = normalised(&"http://x//API/Tokens/?A=B".parse().unwrap()).unwrap();
        assert_eq!(uri, "http://x/api/tokens?A=B");
    }
}
