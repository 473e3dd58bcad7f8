//! Reading request bodies: as much as anybody needs, and not one byte more.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;

/// SEC-117.
pub const LIMIT: usize = 64 * 1024;
/// SEC-118: for the whole body, however steadily it trickles.
const WITHIN: Duration = Duration::from_secs(15);
const DEPTH_MAX: usize = 32;

/// Why there is no body to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// Longer than allowed, or ended before it was complete: then nobody is left to read the answer.
    TooLarge,
    TooSlow,
}

/// Not JSON, or nested too deeply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// The whole body. A declared length beyond the limit is refused unread; a chunked body is read up to the limit.
pub async fn read(body: Body, limit: usize) -> Result<Bytes, Unread> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Unread::TooLarge);
    }
    let collecting = tokio::time::timeout(WITHIN, Limited::new(body, limit).collect());
    let collected = collecting.await.map_err(|_| Unread::TooSlow)?.map_err(|_| Unread::TooLarge)?;
    Ok(collected.to_bytes())
}

/// The value in `bytes`. As in JavaScript, the last of two equal keys wins.
pub fn json(bytes: &[u8]) -> Result<Value, Malformed> {
    if depth(bytes) > DEPTH_MAX {
        return Err(Malformed);
    }
    serde_json::from_slice(bytes).map_err(|_| Malformed)
}

/// How deeply brackets nest outside strings. Only promises something about text that turns out to be JSON.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        pin::Pin,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Context, Poll},
    };

    use serde_json::json;

    use super::*;

    /// A body without end, in chunks of 1 KiB; counts how many were asked for.
    struct Endless(Arc<AtomicUsize>);

    impl HttpBody for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from_static(&[b'x'; 1024])))))
        }
    }

    #[tokio::test]
    async fn the_limit_is_exact() {
        for (length, fine) in [(0, true), (LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false)] {
            let read = read(Body::from(vec![b'x'; length]), LIMIT).await;
            assert_eq!(read.map(|bytes| bytes.len()), if fine { Ok(length) } else { Err(Unread::TooLarge) });
        }
    }

    #[tokio::test]
    async fn an_endless_body_is_read_up_to_the_limit() {
        let chunks = Arc::new(AtomicUsize::new(0));
        assert_eq!(read(Body::new(Endless(Arc::clone(&chunks))), LIMIT).await, Err(Unread::TooLarge));
        assert_eq!(chunks.load(Ordering::Relaxed), LIMIT / 1024 + 1);
    }

    #[test]
    fn depth_is_limited() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(json(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(json(nested(DEPTH_MAX + 1).as_bytes()), Err(Malformed));
        assert_eq!(json("[".repeat(LIMIT).as_bytes()), Err(Malformed));
        assert_eq!(json("{\"a\":".repeat(10_000).as_bytes()), Err(Malformed));
        let flat = format!(r#"{{"a":"{}","b\"[[[":"\\"}}"#, "[{\\\"".repeat(100));
        assert!(json(flat.as_bytes()).is_ok());
        let wide = format!("[{}1]", "[1],".repeat(1_000));
        assert!(json(wide.as_bytes()).is_ok());
    }

    #[test]
    fn what_is_json() {
        assert_eq!(json(br#"{"a":1,"a":2}"#), Ok(json!({"a": 2})));
        for bad in [&b""[..], b"{bad", b"{}{}", b"'a'", b"\xff", b"nul", b"{\"a\":1,}", b"\xef\xbb\xbf{}"] {
            assert_eq!(json(bad), Err(Malformed));
        }
    }
}
