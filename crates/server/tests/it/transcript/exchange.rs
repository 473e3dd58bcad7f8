//! A recording as it lies in its folder, and an answer of ours to hold against it.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

/// An answer as it came, with the difference between an empty body and a `null` that clients rely on.
#[derive(Debug)]
pub(crate) struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// Text where it is no JSON: `""` if there was none.
    pub body: Value,
}

impl Answer {
    pub async fn to(request: Request<Body>, router: Router) -> Self {
        let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = || json!(String::from_utf8_lossy(&bytes));
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| text());
        Self { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

pub(crate) fn recording(folder: &str, file: &str) -> Value {
    let text = std::fs::read_to_string(format!("{folder}/{file}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Fails with the whole exchange on one page.
#[track_caller]
pub(crate) fn assert_alike(at: &str, request: &Value, complaints: &[String], answer: &Answer) {
    assert!(
        complaints.is_empty(),
        "\n{at}\n  {} {} {}\n  {}\nanswered {answer:#?}",
        request["method"].as_str().unwrap_or_default(),
        request["path"].as_str().unwrap_or_default(),
        request["body"],
        complaints.join("\n  "),
    );
}

/// One test a scene, and `all()` of them. The scene's file brings `replay` and `Scene`.
macro_rules! replayed {
    ($($name:ident: $scene:expr;)*) => {
        $(#[tokio::test]
        async fn $name() {
            replay($scene).await;
        })*

        pub(super) fn all() -> Vec<Scene> {
            vec![$($scene),*]
        }
    };
}

pub(crate) use replayed;
