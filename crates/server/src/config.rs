//! The configuration, once it has been read and found safe.

use std::{net::SocketAddr, path::PathBuf};

use countersign_core::secret::Secret;
use ipnet::IpNet;
use url::Url;

#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    /// Where people and links reach this server; its origin is always trusted.
    pub public_url: Url,
    pub database: Database,
    pub mail: Mail,
    pub sms: Sms,
    pub rate_limits: bool,
    pub trusted_proxies: Vec<IpNet>,
    /// Other origins that browsers may call from: exact origins, `https://*.example.com`, `myapp://`.
    pub trusted_origins: Vec<String>,
    /// The name people see: issuer of TOTP secrets, subject of mails.
    pub app_name: String,
    pub accounts: Accounts,
    pub better_auth: BetterAuth,
    /// `countersign demo`: serves `/dev/outbox`.
    pub demo: bool,
}

#[derive(Clone, Debug)]
pub enum Database {
    Sqlite(PathBuf),
    Postgres { url: Secret<String>, connections: usize },
}

#[derive(Clone, Debug)]
pub enum Mail {
    Smtp { url: Secret<String>, from: String },
    Sink(PathBuf),
}

#[derive(Clone, Debug)]
pub enum Sms {
    Off,
    Gateway { url: Secret<String> },
    Sink(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailVerification {
    Optional,
    Required,
}

#[derive(Clone, Debug)]
pub struct Accounts {
    pub email_verification: EmailVerification,
}

#[derive(Clone, Debug)]
pub struct BetterAuth {
    pub enabled: bool,
    /// Cookies are named `<prefix>.session_token` and so on.
    pub cookie_prefix: String,
    /// Set for cross-subdomain cookies.
    pub cookie_domain: Option<String>,
}
