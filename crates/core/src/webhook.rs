//! Webhooks: where an organisation is told of events, and which addresses may be called for it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{
    event::Kind,
    ids::{OrganisationId, WebhookId},
    time::Timestamp,
};

/// Webhooks of one organisation.
pub const PER_ORGANISATION_MAX: usize = 5;
pub const URL_MAX: usize = 2_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    pub id: WebhookId,
    pub organisation_id: OrganisationId,
    pub url: String,
    /// Kinds of events, or what they begin with; all if there are none.
    pub kinds: Vec<String>,
    pub created_at: Timestamp,
    pub last_sent_at: Option<Timestamp>,
    pub last_failure: Option<String>,
}

impl Webhook {
    pub fn wants(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|wanted| kind.is_called(wanted))
    }
}

/// Whether this is somewhere on the public internet. Whoever names an address for the server to call must not reach
/// what only the server can: itself, its network, the cloud's metadata (OWASP, server-side request forgery).
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

/// What the IANA registry of special-purpose addresses calls globally reachable (RFC 6890).
fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation()
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240;
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(inside) = ip.to_ipv4_mapped() {
        return is_public_v4(inside);
    }
    let parts = ip.segments();
    // Only 2000::/3 is given out; within it, what stands for something else is left out: 6to4, Teredo, benchmarks,
    // documentation, and the addresses that NAT64 writes around IPv4 ones are outside of it already.
    let given_out = parts[0] & 0xe000 == 0x2000;
    let special = parts[0] == 0x2002
        || (parts[0] == 0x2001 && parts[1] < 0x0200)
        || (parts[0] == 0x2001 && parts[1] == 0x0db8)
        || (parts[0] == 0x3fff && parts[1] < 0x1000);
    given_out && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_on_the_public_internet_is_called() {
        for public in
            ["1.1.1.1", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.0.1", "2606:4700::1111"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for private in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::7f00:1",
            "64:ff9b::7f00:1",
            "fe80::1",
            "fc00::1",
            "fd12:3456::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
    }

    #[test]
    fn kinds_are_named_one_by_one_or_by_their_group() {
        let wants = |kinds: &[&str], kind| {
            let hook = Webhook {
                id: WebhookId::from("w".to_owned()),
                organisation_id: OrganisationId::from("o".to_owned()),
                url: String::new(),
                kinds: kinds.iter().map(|&kind| kind.to_owned()).collect(),
                created_at: Timestamp::from_seconds(0),
                last_sent_at: None,
                last_failure: None,
            };
            hook.wants(kind)
        };
        assert!(wants(&[], Kind::SignedIn));
        assert!(wants(&["authenticator"], Kind::AuthenticatorAdded));
        assert!(wants(&["authenticator.added"], Kind::AuthenticatorAdded));
        assert!(!wants(&["authenticator.added"], Kind::AuthenticatorRemoved));
        assert!(!wants(&["auth"], Kind::AuthenticatorAdded));
    }
}
