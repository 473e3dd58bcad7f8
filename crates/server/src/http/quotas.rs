//! Quotas: what one address may ask within a fixed window, and the headers that tell it how it stands.
//!
//! The headers are those of draft-ietf-httpapi-ratelimit-headers-06, as Express servers send them.

use std::net::IpAddr;

use axum::http::{HeaderName, HeaderValue, header};

use crate::http::{
    limits::{Limiter, Rule, Standing},
    reply::Reply,
};
use countersign_core::time::Timestamp;

/// What one count covers.
#[derive(Debug)]
pub struct Quota {
    /// Apart from all others of the same limiter.
    pub name: &'static str,
    pub rule: Rule,
    /// What the dialect says when it is used up.
    pub refusal: &'static str,
    /// Whether what succeeds is taken back.
    pub failures_only: bool,
}

/// A call that was counted.
#[derive(Debug)]
pub struct Counted {
    pub quota: &'static Quota,
    pub standing: Standing,
    ip: IpAddr,
}

impl Counted {
    /// `ip` is what rates are counted under: `client_ip::rate_key`.
    pub fn now(limiter: &Limiter, quota: &'static Quota, (ip, now): (IpAddr, Timestamp)) -> Self {
        let standing = limiter.count(&(ip, quota.name), quota.rule, now);
        Self { quota, standing, ip }
    }

    pub fn headers(&self) -> [(HeaderName, String); 4] {
        let Rule { window, max, .. } = self.quota.rule;
        [
            (HeaderName::from_static("ratelimit-policy"), format!("{max};w={}", window.as_secs())),
            (HeaderName::from_static("ratelimit-limit"), max.to_string()),
            (HeaderName::from_static("ratelimit-remaining"), self.standing.remaining.to_string()),
            (HeaderName::from_static("ratelimit-reset"), self.standing.reset.to_string()),
        ]
    }

    /// The reply to this call, which tells how the caller stands. A success is taken back where only failures count.
    pub fn settle(&self, limiter: &Limiter, mut reply: Reply) -> Reply {
        if self.quota.failures_only && reply.status.as_u16() < 400 {
            limiter.refund(&(self.ip, self.quota.name));
        }
        for (name, value) in self.headers() {
            reply = reply.header(name, value);
        }
        if self.standing.allowed {
            return reply;
        }
        reply.header(header::RETRY_AFTER, self.standing.reset.to_string())
    }

    /// Tells of this count unless a narrower one has been told.
    pub fn tell(&self, headers: &mut axum::http::HeaderMap) {
        for (name, value) in self.headers() {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.entry(name).or_insert(value);
            }
        }
    }
}
