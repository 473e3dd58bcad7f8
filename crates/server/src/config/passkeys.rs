//! Settings of passkeys: the domain they are made for, and the pages that may use them.

use countersign_core::passkey::RelyingParty;
use url::{Host, Url};

use super::{
    Config,
    refusals::{Rule, Unsafe},
    settings as setting,
    sources::quoted,
    values::{Reading, Wrong, items},
};

#[derive(Clone, Debug, Default)]
pub struct Passkeys {
    /// The public host, if nobody says otherwise.
    pub rp_id: Option<String>,
    /// Beside our own, and beside the trusted origins under the domain.
    pub origins: Vec<String>,
    pub top_origins: Vec<String>,
    /// The domain to start with although people have nothing but passkeys of another one.
    pub abandon: Option<String>,
}

impl Reading {
    pub(super) fn passkeys(&mut self) -> Passkeys {
        Passkeys {
            rp_id: self.parse(&setting::PASSKEY_RP_ID, domain),
            origins: self.parse(&setting::PASSKEY_ORIGINS, origins).unwrap_or_default(),
            top_origins: self.parse(&setting::PASSKEY_TOP_ORIGINS, origins).unwrap_or_default(),
            abandon: self.parse(&setting::PASSKEY_ABANDON, host),
        }
    }
}

fn domain(text: &str) -> Result<String, Wrong> {
    match Host::parse(text) {
        Ok(Host::Domain(domain)) => Ok(domain),
        _ => Err("is no domain".to_owned()),
    }
}

fn host(text: &str) -> Result<String, Wrong> {
    Host::parse(text).map(|host| host.to_string()).map_err(|_| "is no host".to_owned())
}

/// Origins as browsers send them, compared whole: no patterns here (SEC-037).
fn origins(text: &str) -> Result<Vec<String>, Wrong> {
    let one = |item: &str| match Url::parse(item) {
        Ok(url) if url.has_host() && url.path() == "/" && url.query().is_none() && !item.contains('*') => {
            Ok(url.origin().ascii_serialization())
        }
        _ => Err(format!("holds {}, which is no origin such as https://app.example.com", quoted(item))),
    };
    items(text).map(one).collect()
}

/// Whether `host` is this domain or lies under it.
fn is_within(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

impl Config {
    /// Who this server is towards authenticators. None where people reach it by a bare address: browsers make no
    /// passkeys for those (WebAuthn L3 §5.1.3).
    pub fn relying_party(&self) -> Option<RelyingParty> {
        let host = match self.public_url.host() {
            Some(Host::Domain(host)) => host,
            _ => return None,
        };
        let id = self.passkeys.rp_id.clone().unwrap_or_else(|| host.to_owned());
        let within = |origin: &&String| {
            Url::parse(origin).is_ok_and(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.host_str().is_some_and(|host| !host.contains('*') && is_within(host, &id))
            })
        };
        let trusted = self.trusted_origins.iter().filter(within).cloned();
        let origins = std::iter::once(self.origin().to_owned())
            .chain(trusted)
            .chain(self.passkeys.origins.iter().cloned())
            .collect();
        Some(RelyingParty { id, origins, top_origins: self.passkeys.top_origins.clone() })
    }

    pub(super) fn passkey_refusal(&self) -> Option<Unsafe> {
        let id = self.passkeys.rp_id.as_deref()?;
        let host = self.public_url.host_str().unwrap_or_default();
        // A single label is a whole top-level domain, which is nobody's own.
        let own = id.contains('.') || id == "localhost";
        (!is_within(host, id) || !own).then(|| {
            Unsafe::new(
                Rule::PasskeyDomain,
                format!("passkey domain {id} with public host {host}"),
                "browsers make passkeys only for their page's host or a domain above it",
                "set COUNTERSIGN_PASSKEY_RP_ID to the public host or a parent domain of it, or remove it",
            )
        })
    }
}
