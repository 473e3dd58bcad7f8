//! Whose request this is, as far as an address can tell.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::HeaderMap;
use ipnet::IpNet;

/// The address of the client: the peer's, unless the peer is one of our proxies. Then `X-Forwarded-For` is
/// read from the right, where our own proxies wrote, up to the first address that is not ours (SEC-119).
/// Everything further left was written by the client and means nothing.
pub fn client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let ours = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip));
    let mut client = peer.to_canonical();
    if trusted.is_empty() || !ours(client) {
        return client;
    }
    for line in headers.get_all("x-forwarded-for").into_iter().rev() {
        for hop in line.as_bytes().rsplit(|byte| *byte == b',') {
            // One of our proxies vouched for this hop but we cannot read it: stay with the last we could.
            let Some(ip) = parse(hop) else { return client };
            client = ip;
            if !ours(client) {
                return client;
            }
        }
    }
    client
}

/// An address, with or without a port: some proxies write `192.0.2.1:4711` and `[2001:db8::1]:4711`.
fn parse(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop.trim_ascii()).ok()?;
    let ip = match hop.strip_prefix('[') {
        Some(rest) => {
            let (ip, port) = rest.split_once(']')?;
            let port = port.strip_prefix(':').or(port.is_empty().then_some("0"))?;
            IpAddr::V6(port.parse::<u16>().ok().and(ip.parse().ok())?)
        }
        None => match hop.parse() {
            Ok(ip) => ip,
            Err(_) => IpAddr::V4(*hop.parse::<std::net::SocketAddrV4>().ok()?.ip()),
        },
    };
    Some(ip.to_canonical())
}

/// What rates are counted under. One IPv6 subscriber has a whole /64 and could otherwise be 2^64 clients.
pub fn rate_key(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// As Better Auth stores and shows it: IPv6 cut to its /64, every digit written.
pub fn shown(ip: IpAddr) -> String {
    match rate_key(ip) {
        IpAddr::V6(ip) => ip.segments().map(|segment| format!("{segment:04x}")).join(":"),
        IpAddr::V4(ip) => ip.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn seen(peer: &str, lines: &[&str]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"].map(|net| net.parse().unwrap());
        let headers = lines.iter().map(|line| {
            let value = HeaderValue::from_bytes(line.as_bytes()).unwrap();
            (axum::http::HeaderName::from_static("x-forwarded-for"), value)
        });
        client_ip(ip(peer), &headers.collect(), &trusted).to_string()
    }

    #[test]
    fn spoof_matrix() {
        let matrix: &[(&str, &[&str], &str)] = &[
            // The peer is nobody we know: whatever it says is its own invention.
            ("203.0.113.9", &[], "203.0.113.9"),
            ("203.0.113.9", &["127.0.0.1"], "203.0.113.9"),
            ("203.0.113.9", &["198.51.100.1, 10.0.0.1"], "203.0.113.9"),
            ("2001:db8::9", &["198.51.100.1"], "2001:db8::9"),
            ("11.0.0.1", &["198.51.100.1"], "11.0.0.1"),
            ("127.0.0.1", &["198.51.100.1"], "127.0.0.1"),
            // One proxy of ours.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["127.0.0.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["10.0.0.1, 198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["192.0.2.7", "198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1,2.2.2.2,3.3.3.3", "4.4.4.4 , 198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", &["198.51.100.1:4711"], "198.51.100.1"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            // A chain of ours.
            ("10.0.0.1", &["198.51.100.1, 10.0.0.2, 192.0.2.7"], "198.51.100.1"),
            ("10.0.0.1", &["6.6.6.6, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1", "10.0.0.2"], "198.51.100.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // Unreadable hops end the walk at the last address that one of ours wrote down.
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, "], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1, evil, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["198.51.100.1 10.0.0.2"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.256"], "10.0.0.1"),
            ("10.0.0.1", &["0x7f.1"], "10.0.0.1"),
            ("10.0.0.1", &["127.1"], "10.0.0.1"),
            ("10.0.0.1", &["[2001:db8::1"], "10.0.0.1"),
            ("10.0.0.1", &["[2001:db8::1]x"], "10.0.0.1"),
            ("10.0.0.1", &["[198.51.100.1]"], "10.0.0.1"),
            ("10.0.0.1", &["fe80::1%eth0"], "10.0.0.1"),
            ("10.0.0.1", &["é"], "10.0.0.1"),
        ];
        for (peer, lines, client) in matrix {
            assert_eq!(seen(peer, lines), *client, "{peer} saying {lines:?}");
        }
    }

    #[test]
    fn without_proxies_the_header_is_ignored() {
        let headers: HeaderMap = [(
            axum::http::HeaderName::from_static("x-forwarded-for"),
            HeaderValue::from_static("198.51.100.1"),
        )]
        .into_iter()
        .collect();
        assert_eq!(client_ip(ip("127.0.0.1"), &headers, &[]), ip("127.0.0.1"));
    }

    #[test]
    fn addresses_are_counted_and_shown_by_network() {
        assert_eq!(rate_key(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        assert_eq!(rate_key(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
        assert_eq!(shown(ip("2001:db8:1:2:3:4:5:6")), "2001:0db8:0001:0002:0000:0000:0000:0000");
        assert_eq!(shown(ip("::1")), "0000:0000:0000:0000:0000:0000:0000:0000");
        assert_eq!(shown(ip("192.0.2.1")), "192.0.2.1");
    }
}
