//! What the server refuses to start with: settings that read well and are unsafe (SEC-129).

use std::{fmt, net::IpAddr};

use countersign_core::secret::same;
use ipnet::IpNet;
use url::{Host, Url};

use super::{Config, Mail, Sms};

/// The rules by name, so that a test can show each one refusing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    PublicUrlPlainHttp,
    PublicUrlMissing,
    ProxiesTooWide,
    OriginTooWide,
    OriginPlainHttp,
    DialectHostPlainHttp,
    FrontEndPlainHttp,
    ProtectedHostPlainHttp,
    CookieDomain,
    PasskeyDomain,
    BetterAuthSecretShort,
    BetterAuthSecretKnown,
    MailSinkInPublic,
    SmsPlainHttp,
    ConfigReadable,
    DataDirWritable,
}

impl Rule {
    pub const ALL: [Self; 16] = [
        Self::PublicUrlPlainHttp,
        Self::PublicUrlMissing,
        Self::ProxiesTooWide,
        Self::OriginTooWide,
        Self::OriginPlainHttp,
        Self::DialectHostPlainHttp,
        Self::FrontEndPlainHttp,
        Self::ProtectedHostPlainHttp,
        Self::CookieDomain,
        Self::PasskeyDomain,
        Self::BetterAuthSecretShort,
        Self::BetterAuthSecretKnown,
        Self::MailSinkInPublic,
        Self::SmsPlainHttp,
        Self::ConfigReadable,
        Self::DataDirWritable,
    ];
}

/// One reason not to start, on one line: what is set, why it is unsafe, what to do.
#[derive(Clone, Debug)]
pub struct Unsafe {
    pub rule: Rule,
    pub what: String,
    pub why: &'static str,
    pub fix: String,
}

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.what, self.why, self.fix)
    }
}

impl Unsafe {
    pub(super) fn new(
        rule: Rule,
        what: impl Into<String>,
        why: &'static str,
        fix: impl Into<String>,
    ) -> Self {
        Self { rule, what: what.into(), why, fix: fix.into() }
    }
}

/// Whether only this machine can answer to that name. Browsers treat `*.localhost` the same way.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl Config {
    /// Everything unsafe about these settings, without looking at anything else.
    pub fn check(&self) -> Vec<Unsafe> {
        let mut found = Vec::new();
        found.extend(self.public_url_refusal());
        found.extend(self.trusted_proxies.iter().filter_map(proxy_refusal));
        found.extend(self.trusted_origins.iter().filter_map(|origin| origin_refusal(origin)));
        found.extend(self.dialect_origins().filter_map(|origin| dialect_host_refusal(&origin)));
        let front_ends = [&self.slugbase.frontend_url, &self.flashback.frontend_url];
        found.extend(front_ends.into_iter().flatten().filter_map(front_end_refusal));
        found.extend(self.protected_origins().filter_map(|origin| protected_host_refusal(&origin)));
        found.extend(self.cookie_domain_refusal());
        found.extend(self.passkey_refusal());
        found.extend(self.better_auth_secret_refusal());
        found.extend(self.delivery_refusals());
        found
    }

    fn public_url_refusal(&self) -> Option<Unsafe> {
        if !self.given.public_url && !self.listen.ip().is_loopback() {
            return Some(Unsafe::new(
                Rule::PublicUrlMissing,
                format!("listening on {} without a public URL", self.listen),
                "links, cookies and passkeys are bound to the address people use",
                "set COUNTERSIGN_PUBLIC_URL=https://… or listen on 127.0.0.1",
            ));
        }
        (self.public_url.scheme() == "http" && !is_loopback(&self.public_url)).then(|| {
            Unsafe::new(
                Rule::PublicUrlPlainHttp,
                format!("public URL {}", self.public_url),
                "passwords and cookies would cross the network in the clear",
                "use https:// (a proxy in front may terminate TLS)",
            )
        })
    }

    fn cookie_domain_refusal(&self) -> Option<Unsafe> {
        let domain = self.better_auth.cookie_domain.as_deref()?;
        let host = self.public_url.host_str().unwrap_or_default();
        let under = host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
        // A single label is a whole top-level domain: browsers drop such cookies, or share them with everyone.
        let shareable = domain.contains('.') || domain == "localhost";
        (!under || !shareable).then(|| {
            Unsafe::new(
                Rule::CookieDomain,
                format!("cookie domain {domain} with public host {host}"),
                "browsers refuse cookies for a domain that the server is not under",
                "set COUNTERSIGN_BETTER_AUTH_COOKIE_DOMAIN to a parent domain of the public URL, or remove it",
            )
        })
    }

    fn better_auth_secret_refusal(&self) -> Option<Unsafe> {
        let secret = self.better_auth_secret.as_ref()?.expose().as_bytes();
        if is_example(secret) {
            return Some(Unsafe::new(
                Rule::BetterAuthSecretKnown,
                "the Better Auth secret is a published example",
                "anyone can sign cookies with it",
                "make one with `openssl rand -base64 32`, here and in the server it came from",
            ));
        }
        (secret.len() < 32).then(|| {
            Unsafe::new(
                Rule::BetterAuthSecretShort,
                format!("the Better Auth secret has {} bytes", secret.len()),
                "fewer than 32 bytes can be guessed",
                "make one with `openssl rand -base64 32`, here and in the server it came from",
            )
        })
    }

    fn delivery_refusals(&self) -> Vec<Unsafe> {
        let mut found = Vec::new();
        let public = self.public_url.scheme() == "https" && !is_loopback(&self.public_url);
        // Asked for by name, a sink is somebody's decision: a staging server, a rehearsal.
        if let (Mail::Sink(dir), true, false) = (&self.mail, public, self.given.mail) {
            found.push(Unsafe::new(
                Rule::MailSinkInPublic,
                format!("mail is kept in {} instead of being sent", dir.display()),
                "people would wait for codes and links that never come",
                "set COUNTERSIGN_MAIL=smtps://user:password@host (or sink:DIR, if that is meant)",
            ));
        }
        if let Sms::Gateway { url } = &self.sms
            && let Ok(url) = Url::parse(url.expose())
            && url.scheme() == "http"
            && !is_loopback(&url)
        {
            found.push(Unsafe::new(
                Rule::SmsPlainHttp,
                format!("SMS gateway at {} over http", url.host_str().unwrap_or_default()),
                "codes would cross the network in the clear",
                "use its https:// address in COUNTERSIGN_SMS",
            ));
        }
        found
    }
}

/// Halves of the address space trust everyone as surely as the whole does. Private ranges reach to /8
/// (10.0.0.0) and /7 (fc00::).
fn proxy_refusal(proxy: &IpNet) -> Option<Unsafe> {
    let widest = match proxy.network() {
        IpAddr::V4(_) => 8,
        IpAddr::V6(_) => 7,
    };
    (proxy.prefix_len() < widest).then(|| {
        Unsafe::new(
            Rule::ProxiesTooWide,
            format!("trusted proxies include {proxy}"),
            "any client could then claim any address in X-Forwarded-For (SEC-119)",
            "list only your proxies in COUNTERSIGN_TRUSTED_PROXIES, such as 10.0.0.7 or 172.18.0.0/16",
        )
    })
}

fn origin_refusal(origin: &str) -> Option<Unsafe> {
    let (scheme, host) = origin.split_once("://").unwrap_or(("", origin));
    // After the wildcard at least two labels must stand fixed: `*.com` is everyone's.
    let fixed = host.rsplit('*').next().unwrap_or(host).split(':').next().unwrap_or_default();
    let wide = host.contains('*')
        && !fixed.strip_prefix('.').is_some_and(|rest| rest.contains('.') || rest == "localhost");
    if wide || scheme.contains('*') || scheme.is_empty() {
        return Some(Unsafe::new(
            Rule::OriginTooWide,
            format!("trusted origin {origin}"),
            "any website could then act for the people signed in here",
            "name the origins in COUNTERSIGN_TRUSTED_ORIGINS, such as https://app.example.com or https://*.example.com",
        ));
    }
    let local = Url::parse(&origin.replace('*', "any")).is_ok_and(|url| is_loopback(&url));
    (scheme == "http" && !local).then(|| {
        Unsafe::new(
            Rule::OriginPlainHttp,
            format!("trusted origin {origin}"),
            "whoever sits on its network can rewrite its pages",
            "use its https:// origin in COUNTERSIGN_TRUSTED_ORIGINS",
        )
    })
}

/// Its scheme is the public URL's.
fn dialect_host_refusal(origin: &str) -> Option<Unsafe> {
    plain_http(&Url::parse(origin).ok()?).then(|| {
        Unsafe::new(
            Rule::DialectHostPlainHttp,
            format!("dialect host {origin}"),
            "passwords and cookies would cross the network in the clear",
            "use an https:// public URL, whose scheme the hosts in COUNTERSIGN_DIALECT_HOSTS share",
        )
    })
}

/// Its scheme is the public URL's, too.
fn protected_host_refusal(origin: &str) -> Option<Unsafe> {
    plain_http(&Url::parse(origin).ok()?).then(|| {
        Unsafe::new(
            Rule::ProtectedHostPlainHttp,
            format!("protected host {origin}"),
            "what stands for a session there would cross the network in the clear",
            "use an https:// public URL, whose scheme the hosts in COUNTERSIGN_FORWARD_AUTH_HOSTS share",
        )
    })
}

fn front_end_refusal(url: &Url) -> Option<Unsafe> {
    plain_http(url).then(|| {
        Unsafe::new(
            Rule::FrontEndPlainHttp,
            format!("front end {url}"),
            "the tokens in mailed links would cross the network in the clear",
            "use its https:// address in COUNTERSIGN_SLUGBASE_FRONTEND_URL or COUNTERSIGN_FLASHBACK_FRONTEND_URL",
        )
    })
}

fn plain_http(url: &Url) -> bool {
    url.scheme() == "http" && !is_loopback(url)
}

/// Better Auth's built-in default, its predecessor, and what documentation tells people to replace.
fn is_example(secret: &[u8]) -> bool {
    const PUBLISHED: [&[u8]; 2] =
        [b"better-auth-secret-12345678901234567890", b"better-auth-secret-123456789"];
    const PLACEHOLDERS: [&str; 6] =
        ["changeme", "change-me", "your-secret", "your_secret", "secret-key", "example"];
    let text = String::from_utf8_lossy(secret).to_ascii_lowercase();
    PUBLISHED.iter().any(|published| same(published, secret))
        || PLACEHOLDERS.iter().any(|words| text.contains(words))
        || secret.iter().all(|byte| Some(byte) == secret.first())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule_of(origin: &str) -> Option<Rule> {
        origin_refusal(origin).map(|refused| refused.rule)
    }

    #[test]
    fn origins_are_as_narrow_as_they_must_be() {
        for fine in [
            "https://app.example.com",
            "https://*.example.com",
            "https://*.example.com:8443",
            "http://localhost:3000",
            "http://127.0.0.1:3000",
            "http://*.localhost:3000",
            "myapp://",
            "exp://",
        ] {
            assert_eq!(rule_of(fine), None, "{fine}");
        }
        for wide in [
            "*",
            "https://*",
            "https://*.com",
            "http*://example.com",
            "https://*example.com",
            "https://*:3000",
        ] {
            assert_eq!(rule_of(wide), Some(Rule::OriginTooWide), "{wide}");
        }
        assert_eq!(rule_of("http://app.example.com"), Some(Rule::OriginPlainHttp));
        assert_eq!(rule_of("http://localhost.example.com"), Some(Rule::OriginPlainHttp));
    }

    #[test]
    fn loopback_is_this_machine_and_nothing_that_sounds_like_it() {
        for (url, expected) in [
            ("http://localhost:8080", true),
            ("http://app.localhost", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:8080", true),
            ("http://localhost.example.com", false),
            ("http://0.0.0.0", false),
            ("http://192.168.1.2", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
