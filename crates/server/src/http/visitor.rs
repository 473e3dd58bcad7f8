//! Where a request comes from, as far as its connection and headers tell.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{Extensions, HeaderMap, header},
};
use countersign_core::session::Visitor;

use crate::{
    config::Config,
    http::{client_ip, look},
};

/// A stranger's text kept in journals and lists is never longer than this (SEC-114).
const TEXT_MAX: usize = 256;

/// The address that counts: the socket's, or behind a configured proxy the one it vouches for.
pub fn address(config: &Config, extensions: &Extensions, headers: &HeaderMap) -> IpAddr {
    client_ip::client_ip(peer(extensions), headers, &config.trusted_proxies)
}

fn peer(extensions: &Extensions) -> IpAddr {
    let peer: Option<&ConnectInfo<SocketAddr>> = extensions.get();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip())
}

/// Whether the other end of the connection is one of our proxies, whose `X-Forwarded-*` count (SEC-119).
pub fn is_a_trusted_proxy(config: &Config, extensions: &Extensions) -> bool {
    let peer = peer(extensions).to_canonical();
    config.trusted_proxies.iter().any(|net| net.contains(&peer))
}

/// Whom limits count a request as; nobody if they are switched off.
pub fn limited_as(config: &Config, extensions: &Extensions, headers: &HeaderMap) -> Option<IpAddr> {
    config.rate_limits.then(|| client_ip::rate_key(address(config, extensions, headers)))
}

pub fn visitor(config: &Config, extensions: &Extensions, headers: &HeaderMap) -> Visitor {
    let user_agent =
        headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Visitor {
        ip: client_ip::shown(address(config, extensions, headers)),
        user_agent: bounded(user_agent),
        language: look::wanted(headers),
    }
}

/// Short enough to keep, and without control characters.
pub fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect()
}
