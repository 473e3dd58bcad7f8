//! The headers that every reply carries, and CORS for the origins that are spelled out.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use tower::{Layer, Service};
use url::Url;

use super::origins::TrustedOrigins;

/// A layer for the whole router: nothing leaves without it, not even a 404 or a caught panic.
#[derive(Clone)]
pub struct SecurityHeaders(Arc<Policy>);

struct Policy {
    https: bool,
    origins: Arc<TrustedOrigins>,
}

#[derive(Clone)]
pub struct WithSecurityHeaders<S> {
    inner: S,
    policy: Arc<Policy>,
}

/// Headers that scripts at other origins may read; the clients of the dialects look for them.
const EXPOSED: [&str; 4] = ["set-auth-token", "set-auth-jwt", "X-Retry-After", "Retry-After"];
const EXPOSED_LIST: &str = "set-auth-token, set-auth-jwt, X-Retry-After, Retry-After";
/// What the clients of the dialects send, beyond what browsers let pass unasked.
const ALLOWED_HEADERS: &str = "content-type, authorization, x-csrf-token, x-api-key, x-two-factor-token, x-error-format, idempotency-key";
const YES: HeaderValue = HeaderValue::from_static("true");

impl SecurityHeaders {
    pub fn new(public_url: &Url, origins: Arc<TrustedOrigins>) -> Self {
        Self(Arc::new(Policy { https: public_url.scheme() == "https", origins }))
    }
}

impl<S> Layer<S> for SecurityHeaders {
    type Service = WithSecurityHeaders<S>;

    fn layer(&self, inner: S) -> Self::Service {
        WithSecurityHeaders { inner, policy: Arc::clone(&self.0) }
    }
}

impl<S> Service<Request> for WithSecurityHeaders<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, task: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(task)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let policy = Arc::clone(&self.policy);
        let stranger = policy.origins.stranger(request.headers());
        if let Some(origin) = &stranger
            && is_preflight(&request)
        {
            let reply = policy.finish(preflight_reply(), Some(origin.clone()));
            return Box::pin(std::future::ready(Ok(reply)));
        }
        let answer = self.inner.call(request);
        Box::pin(async move { Ok(policy.finish(answer.await?, stranger)) })
    }
}

impl TrustedOrigins {
    /// The origin that CORS is for: spelled out in the configuration, and not our own, which needs none. Never
    /// `null`, never a wildcard's (SEC-080).
    fn stranger(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let text = origin.to_str().ok()?;
        (text != self.own() && self.exact(text)).then(|| origin.clone())
    }
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight_reply() -> Response {
    let mut reply = Response::new(Body::empty());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    let headers = reply.headers_mut();
    let fixed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PATCH, DELETE"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    reply
}

impl Policy {
    fn finish(&self, mut reply: Response, stranger: Option<HeaderValue>) -> Response {
        let headers = reply.headers_mut();
        headers.reserve(12);
        let fixed = [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_FRAME_OPTIONS, "DENY"),
        ];
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
        // A page brings its own policies; what brings none is not meant to be looked at (SEC-120).
        const UNLESS_SET: [(HeaderName, &str); 3] = [
            (header::CACHE_CONTROL, "no-store"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        ];
        for (name, value) in UNLESS_SET {
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
        if self.https {
            let a_year = HeaderValue::from_static("max-age=31536000");
            headers.insert(header::STRICT_TRANSPORT_SECURITY, a_year);
        }
        if self.origins.has_others() {
            // On every reply: a shared cache must not hand one origin's permission to another.
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = stranger {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, YES);
            expose(headers);
        }
        reply
    }
}

/// Adds to what the handler already exposes.
fn expose(headers: &mut HeaderMap) {
    let name = header::ACCESS_CONTROL_EXPOSE_HEADERS;
    let already: Vec<_> =
        headers.get_all(&name).into_iter().filter_map(|value| value.to_str().ok()).collect();
    let mut list: Vec<&str> = already.iter().flat_map(|line| line.split(',')).map(str::trim).collect();
    list.retain(|exposed| {
        !exposed.is_empty() && !EXPOSED.iter().any(|ours| ours.eq_ignore_ascii_case(exposed))
    });
    let merged = if list.is_empty() {
        HeaderValue::from_static(EXPOSED_LIST)
    } else {
        let joined = format!("{EXPOSED_LIST}, {}", list.join(", "));
        HeaderValue::try_from(joined).unwrap_or(HeaderValue::from_static(EXPOSED_LIST))
    };
    headers.insert(name, merged);
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing};
    use tower::ServiceExt;

    use super::*;

    const APP: &str = "https://app.example.com";

    fn router(public_url: &str, extra: &[&str]) -> Router {
        let url = Url::parse(public_url).unwrap();
        let extra: Vec<_> = extra.iter().map(|entry| (*entry).to_owned()).collect();
        let origins = Arc::new(TrustedOrigins::new(&url, &extra).unwrap());
        Router::new()
            .route("/plain", routing::post(async || "plain"))
            .route(
                "/own",
                routing::get(async || {
                    let own = [
                        ("cache-control", "max-age=60"),
                        ("content-security-policy", "default-src 'self'"),
                        ("x-frame-options", "SAMEORIGIN"),
                        ("vary", "Accept"),
                        ("access-control-expose-headers", "Set-Auth-Token, x-other"),
                    ];
                    (own, "own")
                }),
            )
            .layer(SecurityHeaders::new(&url, origins))
    }

    async fn ask(router: &Router, method: &str, path: &str, lines: &[(&str, &str)]) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in lines {
            request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    fn all(reply: &Response, name: &str) -> String {
        let values = reply.headers().get_all(name).into_iter().map(|value| value.to_str().unwrap());
        values.collect::<Vec<_>>().join(" | ")
    }

    #[tokio::test]
    async fn every_reply_has_them() {
        let router = router("https://auth.example.com", &[]);
        for (method, path, status) in
            [("POST", "/plain", 200), ("GET", "/plain", 405), ("GET", "/nowhere", 404)]
        {
            let reply = ask(&router, method, path, &[]).await;
            assert_eq!(reply.status(), status);
            let expected = [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("x-frame-options", "DENY"),
                ("cache-control", "no-store"),
                ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
                ("cross-origin-opener-policy", "same-origin"),
                ("strict-transport-security", "max-age=31536000"),
                ("vary", ""),
                ("access-control-allow-origin", ""),
                ("access-control-expose-headers", ""),
            ];
            for (name, value) in expected {
                assert_eq!(all(&reply, name), value, "{name} of {method} {path}");
            }
        }
    }

    #[tokio::test]
    async fn a_page_keeps_its_own_policies() {
        let reply = ask(&router("http://localhost:3000", &[APP]), "GET", "/own", &[]).await;
        let expected = [
            ("cache-control", "max-age=60"),
            ("content-security-policy", "default-src 'self'"),
            ("x-frame-options", "DENY"),
            ("strict-transport-security", ""),
            ("vary", "Accept | Origin"),
            ("access-control-expose-headers", "Set-Auth-Token, x-other"),
        ];
        for (name, value) in expected {
            assert_eq!(all(&reply, name), value, "{name}");
        }
    }

    #[tokio::test]
    async fn a_configured_origin_may_ask_and_read() {
        let router = router("https://auth.example.com", &[APP]);
        let wants = ("access-control-request-method", "POST");
        let preflight = ask(&router, "OPTIONS", "/plain", &[("origin", APP), wants]).await;
        assert_eq!(preflight.status(), StatusCode::NO_CONTENT);
        let expected = [
            ("access-control-allow-origin", APP),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "GET, POST, PATCH, DELETE"),
            (
                "access-control-allow-headers",
                "content-type, authorization, x-csrf-token, x-api-key, x-two-factor-token, x-error-format, idempotency-key",
            ),
            ("access-control-max-age", "600"),
            ("vary", "Origin"),
            ("x-content-type-options", "nosniff"),
        ];
        for (name, value) in expected {
            assert_eq!(all(&preflight, name), value, "{name}");
        }
        let plain = ask(&router, "POST", "/plain", &[("origin", APP)]).await;
        assert_eq!(all(&plain, "access-control-allow-origin"), APP);
        assert_eq!(all(&plain, "access-control-expose-headers"), EXPOSED_LIST);
        let own = ask(&router, "GET", "/own", &[("origin", APP)]).await;
        assert_eq!(all(&own, "access-control-expose-headers"), format!("{EXPOSED_LIST}, x-other"));
        // Not a preflight: an ordinary request for a method that is not there.
        assert_eq!(ask(&router, "OPTIONS", "/plain", &[("origin", APP)]).await.status(), 405);
    }

    /// SEC-080.
    #[tokio::test]
    async fn hostile_origins_get_nothing() {
        let router = router("https://auth.example.com", &[APP, "https://*.example.org", "myapp://"]);
        let hostile = [
            "null",
            "*",
            "",
            "https://evil.example",
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com:443",
            "https://app.example.com/",
            "https://app.example.com.",
            "https://app.example.com.evil.example",
            "https://evilapp.example.com",
            "https://evil.app.example.com",
            "https://example.com",
            "https://APP.example.com",
            "https://app.example.com,https://evil.example",
            "https://evil.example https://app.example.com",
            "https://app.example.com@evil.example",
            "https://a.example.org",
            "myapp://",
            "https://аpp.example.com",
            "file://",
            "https://app_example.com",
        ];
        for origin in hostile {
            for (method, path) in [("OPTIONS", "/plain"), ("POST", "/plain")] {
                let lines = [("origin", origin), ("access-control-request-method", "POST")];
                let reply = ask(&router, method, path, &lines).await;
                let allowed =
                    reply.headers().keys().filter(|name| name.as_str().starts_with("access-control-"));
                assert_eq!(allowed.count(), 0, "{method} from {origin}");
                assert_eq!(all(&reply, "vary"), "Origin");
                assert_ne!(reply.status(), StatusCode::NO_CONTENT);
            }
        }
        let own = ask(&router, "POST", "/plain", &[("origin", "https://auth.example.com")]).await;
        assert_eq!(all(&own, "access-control-allow-origin"), "");
    }
}
