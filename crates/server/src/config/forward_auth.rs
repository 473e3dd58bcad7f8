//! The hosts that a proxy protects by asking here first.

use url::Url;

use super::{
    Config,
    dialects::{authority, bare_host},
    settings as setting,
    sources::quoted,
    values::{Reading, Wrong, items},
};

#[derive(Clone, Debug, Default)]
pub struct ForwardAuth {
    /// As they stand in `Host`: lower case, with the port if it is not the scheme's. Nothing else is ever led back
    /// to (SEC-030).
    pub hosts: Vec<String>,
}

impl Config {
    /// A protected host's origin. Its scheme is the public URL's.
    pub fn protected_origin(&self, host: &str) -> String {
        format!("{}://{host}", self.public_url.scheme())
    }

    pub(super) fn protected_origins(&self) -> impl Iterator<Item = String> {
        self.forward_auth.hosts.iter().map(|host| self.protected_origin(host))
    }
}

impl Reading {
    pub(super) fn forward_auth(&mut self, public_url: &Url) -> ForwardAuth {
        let own = authority(public_url);
        let hosts =
            self.parse(&setting::FORWARD_AUTH_HOSTS, |text| hosts(text, public_url.scheme(), own.as_deref()));
        ForwardAuth { hosts: hosts.unwrap_or_default() }
    }
}

fn hosts(text: &str, scheme: &str, own: Option<&str>) -> Result<Vec<String>, Wrong> {
    let one = |item: &str| {
        let host = bare_host(item, scheme)
            .ok_or_else(|| format!("holds {}, which names no host such as app.example.com", quoted(item)))?;
        if Some(host.as_str()) == own {
            return Err(format!("holds {host}, the public URL's own host, which protects itself"));
        }
        Ok(host)
    };
    items(text).map(one).collect()
}
