//! The configuration: read from flags, environment, file and defaults, in this order, then found safe.

mod dialects;
mod disk;
mod forward_auth;
mod passkeys;
mod refusals;
mod settings;
mod sources;
mod values;

use std::{net::SocketAddr, path::PathBuf};

use countersign_core::{password::Rules, phone::Spending, policy::Policy, secret::Secret};
use ipnet::IpNet;
use url::Url;

pub use dialects::{
    DIALECTS, DialectHost, ErrorFormat, Flashback, Mudbase, MudbaseLogin, PasswordCode, SetupResponse,
    Slugbase,
};
pub use forward_auth::ForwardAuth;
pub use passkeys::Passkeys;
pub use refusals::{Rule, Unsafe, is_loopback};
pub use settings::{SETTINGS, Setting};
pub use sources::{Flags, Mistake, Source};

/// Everything the server was told. `Config::default()` is what `countersign serve` runs with when told nothing.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub data_dir: PathBuf,
    /// Where people and links reach this server; its origin is always trusted.
    pub public_url: Url,
    pub database: Database,
    pub master_keys: MasterKeys,
    pub mail: Mail,
    pub sms: Sms,
    pub spending: Spending,
    pub rate_limits: bool,
    pub trusted_proxies: Vec<IpNet>,
    /// Other origins that browsers may call from: exact origins, `https://*.example.com`, `myapp://`.
    pub trusted_origins: Vec<String>,
    /// The name people see: issuer of TOTP secrets, subject of mails.
    pub app_name: String,
    pub accounts: Accounts,
    pub passkeys: Passkeys,
    /// The dialects that are switched on. Where two have the same route at the root, the first has it.
    pub dialects: Vec<&'static str>,
    /// Hosts whose root belongs to one dialect.
    pub dialect_hosts: Vec<DialectHost>,
    pub better_auth: BetterAuth,
    /// Lets cookies signed by an existing Better Auth server stay valid.
    pub better_auth_secret: Option<Secret<String>>,
    pub slugbase: Slugbase,
    pub mudbase: Mudbase,
    pub flashback: Flashback,
    pub forward_auth: ForwardAuth,
    /// Hosts that webhooks may call although they are not public.
    pub webhook_private_hosts: Vec<String>,
    /// How many passwords are hashed at once; each takes a core and 19 MiB while it runs.
    pub hash_threads: usize,
    pub log: Log,
    /// `countersign demo`: serves `/dev/outbox`.
    pub demo: bool,
    pub given: Given,
}

#[derive(Clone, Debug)]
pub enum Database {
    Sqlite(PathBuf),
    Postgres { url: Secret<String>, connections: usize },
}

/// Where the keys that seal everything else come from.
#[derive(Clone, Debug)]
pub enum MasterKeys {
    File(PathBuf),
    Environment(Secret<String>),
}

#[derive(Clone, Debug)]
pub enum Mail {
    Smtp { url: Secret<String>, from: String },
    Sink(PathBuf),
}

#[derive(Clone, Debug)]
pub enum Sms {
    Off,
    Gateway {
        url: Secret<String>,
    },
    /// As `Gateway`, in the form that Twilio takes.
    Twilio {
        url: Secret<String>,
    },
    Sink(PathBuf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailVerification {
    Optional,
    Required,
}

/// How an account ends that its owner asked to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    Immediate,
    /// A mailed link asks once more.
    Mail,
}

#[derive(Clone, Debug)]
pub struct Accounts {
    pub email_verification: EmailVerification,
    pub deletion: Deletion,
    /// Whom a mailed link or code signs in.
    pub mail_sign_ins: MailSignIns,
    /// What a new password must be.
    pub passwords: Rules,
    pub policy: Policy,
}

/// Signing in by a mailed link or code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MailSignIns {
    /// Whoever has no account gets one.
    #[default]
    Everyone,
    Existing,
    Off,
}

#[derive(Clone, Debug)]
pub struct BetterAuth {
    /// Cookies are named `<prefix>.session_token` and so on.
    pub cookie_prefix: String,
    /// Set for cross-subdomain cookies.
    pub cookie_domain: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Log {
    pub format: LogFormat,
    /// `info`, or directives such as `info,countersign=debug`.
    pub filter: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    Pretty,
    Json,
}

/// What somebody decided rather than left to us: some defaults are only safe on one's own machine.
#[derive(Clone, Debug, Default)]
pub struct Given {
    pub public_url: bool,
    pub mail: bool,
    /// The configuration file, which then may hold secrets and must not be readable by everyone.
    pub file_with_secrets: Option<PathBuf>,
}

impl Config {
    /// Takes over the port that was bound, where the configuration said 0 ("choose one").
    pub fn with_bound_port(mut self, port: u16) -> Self {
        self.listen.set_port(port);
        if !self.given.public_url {
            self.public_url = values::default_public_url(port);
        }
        self
    }

    /// Whether cookies carry `Secure`: always, except on one's own machine without TLS.
    pub fn secure_cookies(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// Scheme, host and port of the public URL, as browsers send them in `Origin`.
    pub fn origin(&self) -> &str {
        self.public_url.as_str().trim_end_matches('/')
    }
}
