//! What the text of each setting means, and the defaults.

use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    thread::available_parallelism,
};

use countersign_core::{
    password::Rules,
    phone::Spending,
    policy::{EmailCodes, Policy},
    secret::Secret,
};
use ipnet::{IpNet, Ipv4Net};
use lettre::{Address, message::Mailbox};
use url::{Host, Url};

use super::{
    Accounts, BetterAuth, Config, Database, Deletion, EmailVerification, Flags, Given, Log, LogFormat, Mail,
    MailSignIns, MasterKeys, Mistake, Sms,
    settings::{self as setting, SETTINGS, Setting},
    sources::{Found, Layers, quoted},
};

impl Default for Config {
    fn default() -> Self {
        Reading::new(Layers::default()).config()
    }
}

impl Config {
    /// Reads flags, then environment, then the file, then the defaults. Every mistake is reported, not just
    /// the first. Whether what was read is safe is another question: `check` and `check_disk`.
    pub fn read(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Vec<Mistake>> {
        let mut reading = Reading::new(Layers::read(flags, environment));
        let config = reading.config();
        if reading.layers.mistakes.is_empty() { Ok(config) } else { Err(reading.layers.mistakes) }
    }
}

pub(super) fn default_public_url(port: u16) -> Url {
    Url::parse(&format!("http://localhost:{port}")).expect("a host and a port are a URL")
}

/// What a value should have been. Never contains the value.
pub(super) type Wrong = String;

/// Turns layers of text into a `Config`, collecting mistakes on the way.
pub(super) struct Reading {
    layers: Layers,
}

impl Reading {
    fn new(layers: Layers) -> Self {
        Self { layers }
    }

    fn config(&mut self) -> Config {
        let listen = self.parse(&setting::LISTEN, listen).unwrap_or((Ipv4Addr::LOCALHOST, 8080).into());
        let data_dir =
            self.parse(&setting::DATA_DIR, path).unwrap_or_else(|| PathBuf::from("countersign-data"));
        let public_url = self.parse(&setting::PUBLIC_URL, public_url);
        let given = Given {
            public_url: public_url.is_some(),
            mail: self.layers.get(&setting::MAIL).is_some(),
            file_with_secrets: self.file_with_secrets(),
        };
        let public_url = public_url.unwrap_or_else(|| default_public_url(listen.port()));
        let dialects = self.dialects();
        let app_name = self.parse(&setting::APP_NAME, app_name).unwrap_or_else(|| "Countersign".to_owned());
        Config {
            listen,
            database: self.database(&data_dir),
            master_keys: self.master_keys(&data_dir),
            mail: self.mail(&data_dir, &app_name, &public_url),
            sms: self.parse(&setting::SMS, sms).unwrap_or(Sms::Off),
            spending: Spending {
                countries: self.parse(&setting::SMS_COUNTRIES, countries).unwrap_or_default(),
                per_range: self.parse(&setting::SMS_PER_RANGE, limit).unwrap_or(10),
                per_day: self.parse(&setting::SMS_PER_DAY, limit).unwrap_or(500),
            },
            rate_limits: self.parse(&setting::RATE_LIMITS, on_or_off).unwrap_or(true),
            trusted_proxies: self.parse(&setting::TRUSTED_PROXIES, proxies).unwrap_or_default(),
            trusted_origins: self.parse(&setting::TRUSTED_ORIGINS, origins).unwrap_or_default(),
            accounts: Accounts {
                email_verification: self
                    .parse(&setting::EMAIL_VERIFICATION, email_verification)
                    .unwrap_or(EmailVerification::Optional),
                deletion: self.parse(&setting::DELETION, deletion).unwrap_or(Deletion::Immediate),
                mail_sign_ins: self.parse(&setting::MAIL_SIGN_INS, mail_sign_ins).unwrap_or_default(),
                passwords: self.passwords(),
                policy: Policy {
                    email_codes: self.parse(&setting::EMAIL_CODES, email_codes).unwrap_or_default(),
                    ..Policy::default()
                },
            },
            passkeys: self.passkeys(),
            dialect_hosts: self.dialect_hosts(&dialects, &public_url),
            dialects,
            slugbase: self.slugbase(),
            mudbase: self.mudbase(),
            flashback: self.flashback(),
            forward_auth: self.forward_auth(&public_url),
            webhook_private_hosts: self
                .parse(&setting::WEBHOOK_PRIVATE_HOSTS, |text| {
                    Ok(items(text).map(str::to_ascii_lowercase).collect())
                })
                .unwrap_or_default(),
            better_auth: BetterAuth {
                cookie_prefix: self
                    .parse(&setting::COOKIE_PREFIX, cookie_prefix)
                    .unwrap_or_else(|| "better-auth".to_owned()),
                cookie_domain: self.parse(&setting::COOKIE_DOMAIN, cookie_domain),
            },
            better_auth_secret: self.parse(&setting::BETTER_AUTH_SECRET, |text| Ok(Secret::from(text))),
            hash_threads: self
                .parse(&setting::HASH_THREADS, count)
                .unwrap_or_else(|| available_parallelism().map_or(1, NonZeroUsize::get)),
            log: Log {
                format: self.parse(&setting::LOG_FORMAT, log_format).unwrap_or(LogFormat::Auto),
                filter: self.parse(&setting::LOG, log_filter).unwrap_or_else(|| "info".to_owned()),
            },
            demo: false,
            data_dir,
            public_url,
            app_name,
            given,
        }
    }

    fn passwords(&mut self) -> Rules {
        let usual = Rules::default();
        Rules {
            min: self.parse(&setting::PASSWORD_MIN, password_min).unwrap_or(usual.min),
            blocklist: self.parse(&setting::PASSWORD_BLOCKLIST, on_or_off).unwrap_or(usual.blocklist),
            ..usual
        }
    }

    fn database(&mut self, data_dir: &Path) -> Database {
        let connections = self.parse(&setting::DATABASE_CONNECTIONS, count).unwrap_or(16);
        match self.parse(&setting::DATABASE_URL, database) {
            Some(Database::Postgres { url, .. }) => Database::Postgres { url, connections },
            Some(sqlite) => sqlite,
            None => Database::Sqlite(data_dir.join("countersign.db")),
        }
    }

    fn master_keys(&mut self, data_dir: &Path) -> MasterKeys {
        let file = self.parse(&setting::MASTER_KEY_FILE, path);
        let keys = self.parse(&setting::MASTER_KEYS, |text| Ok(Secret::from(text)));
        match (keys, file) {
            (Some(keys), None) => MasterKeys::Environment(keys),
            (None, Some(file)) => MasterKeys::File(file),
            (None, None) => MasterKeys::File(data_dir.join("master.keys")),
            (Some(_), Some(file)) => {
                // Guessing which of two sets of keys was meant could seal data under the wrong one.
                if let Some(Found { source, .. }) = self.layers.get(&setting::MASTER_KEYS) {
                    let source = source.clone();
                    self.layers.mistake(
                        source,
                        "the master keys are given twice",
                        "keep the keys or their file, not both",
                    );
                }
                MasterKeys::File(file)
            }
        }
    }

    fn mail(&mut self, data_dir: &Path, app_name: &str, public_url: &Url) -> Mail {
        let from = self.parse(&setting::MAIL_FROM, sender);
        let mail = self.parse(&setting::MAIL, mail).unwrap_or_else(|| Mail::Sink(data_dir.join("mail")));
        match mail {
            Mail::Smtp { url, .. } => {
                Mail::Smtp { url, from: from.unwrap_or_else(|| default_sender(app_name, public_url)) }
            }
            Mail::Sink(dir) => Mail::Sink(dir),
        }
    }

    fn file_with_secrets(&self) -> Option<PathBuf> {
        let holds_a_secret = |setting: &Setting| {
            self.layers.in_file(setting).is_some_and(|found| {
                // An address without a password is no secret: `postgres://db/app`, `sink:DIR`.
                match Url::parse(found.value.expose()) {
                    Ok(url) => {
                        let token = url.scheme().starts_with("http") && !url.username().is_empty();
                        url.password().is_some() || url.query().is_some() || token
                    }
                    Err(_) => true,
                }
            })
        };
        let secrets = SETTINGS.iter().filter(|setting| setting.secret).any(holds_a_secret);
        self.layers.file.clone().filter(|_| secrets)
    }

    pub(super) fn parse<T>(
        &mut self,
        setting: &Setting,
        meaning: impl Fn(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let Found { value, source } = self.layers.get(setting)?;
        // A password may begin or end with a space, what is not secret never does.
        let text = if setting.secret { value.expose() } else { value.expose().trim() };
        if text.trim().is_empty() {
            let fix = format!("give it a value or remove it: {}", setting.about);
            let source = source.clone();
            self.layers.mistake(source, "is empty", &fix);
            return None;
        }
        match meaning(text) {
            Ok(meant) => Some(meant),
            Err(wrong) => {
                let shown = if setting.secret { "the value (not shown)".to_owned() } else { quoted(text) };
                let source = source.clone();
                self.layers.mistake(
                    source,
                    &format!("{shown} {wrong}"),
                    &format!("expected {}", setting.about),
                );
                None
            }
        }
    }
}

fn listen(text: &str) -> Result<SocketAddr, Wrong> {
    text.replace("localhost:", "127.0.0.1:").parse().map_err(|_| "is not an address with a port".to_owned())
}

fn path(text: &str) -> Result<PathBuf, Wrong> {
    Ok(PathBuf::from(text))
}

fn public_url(text: &str) -> Result<Url, Wrong> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("is not an http or https URL".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("carries a user name or password".to_owned());
    }
    // Cookies, passkeys and the dialects' fixed paths belong to a whole host.
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("has a path; give this server a host name of its own".to_owned());
    }
    Ok(url)
}

fn database(text: &str) -> Result<Database, Wrong> {
    let text = text.trim();
    if let Some(file) = text.strip_prefix("sqlite:") {
        let file = file.strip_prefix("//").unwrap_or(file);
        return match file {
            "" | ":memory:" => Err("names no file".to_owned()),
            file => Ok(Database::Sqlite(PathBuf::from(file))),
        };
    }
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => {
            Ok(Database::Postgres { url: Secret::from(text), connections: 0 })
        }
        _ => Err("is neither postgres://… nor sqlite:FILE".to_owned()),
    }
}

fn mail(text: &str) -> Result<Mail, Wrong> {
    let text = text.trim();
    if let Some(dir) = text.strip_prefix("sink:") {
        return sink(dir).map(Mail::Sink);
    }
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "smtp" | "smtps") && url.has_host() => {
            Ok(Mail::Smtp { url: Secret::from(text), from: String::new() })
        }
        _ => Err("is none of smtp://…, smtps://… and sink:DIR".to_owned()),
    }
}

fn sms(text: &str) -> Result<Sms, Wrong> {
    let text = text.trim();
    if text == "off" {
        return Ok(Sms::Off);
    }
    if let Some(dir) = text.strip_prefix("sink:") {
        return sink(dir).map(Sms::Sink);
    }
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Sms::Gateway { url: Secret::from(text) }),
        Ok(url) if url.scheme() == "twilio" && url.has_host() => Ok(Sms::Twilio { url: Secret::from(text) }),
        _ => Err("is none of https://…, twilio://…, sink:DIR and off".to_owned()),
    }
}

fn countries(text: &str) -> Result<Vec<String>, Wrong> {
    let sound = |code: &str| {
        (1..=4).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit()) && !code.starts_with('0')
    };
    items(text)
        .map(|item| item.trim_start_matches('+'))
        .map(|code| {
            sound(code)
                .then(|| code.to_owned())
                .ok_or_else(|| "holds what is no calling code, such as 49".to_owned())
        })
        .collect()
}

fn limit(text: &str) -> Result<u32, Wrong> {
    text.parse().map_err(|_| "is no whole number".to_owned())
}

fn sink(dir: &str) -> Result<PathBuf, Wrong> {
    if dir.is_empty() { Err("names no directory".to_owned()) } else { Ok(PathBuf::from(dir)) }
}

pub(super) fn on_or_off(text: &str) -> Result<bool, Wrong> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err("is neither on nor off".to_owned()),
    }
}

pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn proxies(text: &str) -> Result<Vec<IpNet>, Wrong> {
    let one = |item: &str| match item {
        // Understood, so that the refusal can say what is wrong with it.
        "*" => Ok(IpNet::V4(Ipv4Net::default())),
        item => item
            .parse::<IpNet>()
            .or_else(|_| item.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| format!("holds {}, which is no address or network", quoted(item))),
    };
    items(text).map(one).collect()
}

fn origins(text: &str) -> Result<Vec<String>, Wrong> {
    let one = |item: &str| {
        if item == "*" {
            return Ok(item.to_owned());
        }
        let (scheme, rest) = item
            .split_once("://")
            .ok_or_else(|| format!("holds {}, which has no scheme such as https://", quoted(item)))?;
        let host = rest.trim_end_matches('/');
        if scheme.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
            return Err(format!("holds {}, which is more than an origin", quoted(item)));
        }
        // An app's scheme is all there is to its origin; the web's names a host.
        if matches!(scheme, "http" | "https") && host.is_empty() {
            return Err(format!("holds {}, which names no host", quoted(item)));
        }
        Ok(format!("{}://{}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase()))
    };
    items(text).map(one).collect()
}

fn app_name(text: &str) -> Result<String, Wrong> {
    // It ends up in mail headers, on pages and, before a colon, in otpauth URLs.
    if text.chars().count() > 64 || text.contains([':', '<', '>', '"']) || text.chars().any(char::is_control)
    {
        return Err("is longer than 64 characters or holds one of : < > \"".to_owned());
    }
    Ok(text.to_owned())
}

fn sender(text: &str) -> Result<String, Wrong> {
    text.parse::<Mailbox>()
        .map(|_| text.to_owned())
        .map_err(|_| "is no address such as Example <no-reply@example.com>".to_owned())
}

fn default_sender(app_name: &str, public_url: &Url) -> String {
    let host = match public_url.host() {
        Some(Host::Domain(domain)) => domain.to_owned(),
        Some(Host::Ipv4(address)) => format!("[{address}]"),
        Some(Host::Ipv6(address)) => format!("[IPv6:{address}]"),
        None => "localhost".to_owned(),
    };
    match Address::new("no-reply", host) {
        Ok(address) => Mailbox::new(Some(app_name.to_owned()), address).to_string(),
        Err(_) => "no-reply@localhost".to_owned(),
    }
}

fn count(text: &str) -> Result<usize, Wrong> {
    match text.parse() {
        Ok(count @ 1..=1_024) => Ok(count),
        _ => Err("is no number from 1 to 1024".to_owned()),
    }
}

fn password_min(text: &str) -> Result<usize, Wrong> {
    let bounds = Rules::MIN_BOUNDS;
    let length = text.parse().ok().filter(|length| bounds.contains(length));
    length.ok_or_else(|| format!("is no number from {} to {}", bounds.start(), bounds.end()))
}

fn email_verification(text: &str) -> Result<EmailVerification, Wrong> {
    match text {
        "optional" => Ok(EmailVerification::Optional),
        "required" => Ok(EmailVerification::Required),
        _ => Err("is neither optional nor required".to_owned()),
    }
}

fn mail_sign_ins(text: &str) -> Result<MailSignIns, Wrong> {
    match text {
        "everyone" => Ok(MailSignIns::Everyone),
        "existing" => Ok(MailSignIns::Existing),
        "off" => Ok(MailSignIns::Off),
        _ => Err("is none of everyone, existing, off".to_owned()),
    }
}

fn deletion(text: &str) -> Result<Deletion, Wrong> {
    match text {
        "immediate" => Ok(Deletion::Immediate),
        "mail" => Ok(Deletion::Mail),
        _ => Err("is neither immediate nor mail".to_owned()),
    }
}

fn email_codes(text: &str) -> Result<EmailCodes, Wrong> {
    match text {
        "everyone" => Ok(EmailCodes::Everyone),
        "enrolled" => Ok(EmailCodes::Enrolled),
        _ => Err("is neither everyone nor enrolled".to_owned()),
    }
}

fn cookie_prefix(text: &str) -> Result<String, Wrong> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.chars().all(plain) && text.len() <= 64 {
        return Ok(text.to_owned());
    }
    Err("holds more than letters, digits, - _ and .".to_owned())
}

fn cookie_domain(text: &str) -> Result<String, Wrong> {
    // RFC 6265 §5.2.3: a leading dot means nothing.
    let domain = text.strip_prefix('.').unwrap_or(text).to_ascii_lowercase();
    match Host::parse(&domain) {
        Ok(Host::Domain(_)) => Ok(domain),
        _ => Err("is no domain".to_owned()),
    }
}

fn log_format(text: &str) -> Result<LogFormat, Wrong> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "pretty" => Ok(LogFormat::Pretty),
        "json" => Ok(LogFormat::Json),
        _ => Err("is none of auto, pretty and json".to_owned()),
    }
}

/// A bare word that is no level would pass as the name of a module and silence everything else.
fn log_filter(text: &str) -> Result<String, Wrong> {
    let level = |word: &str| matches!(word, "off" | "error" | "warn" | "info" | "debug" | "trace");
    let understood = |item: &str| match item.split_once('=') {
        Some((module, word)) => !module.is_empty() && level(word),
        None => level(item),
    };
    if items(text).all(understood) {
        Ok(text.to_owned())
    } else {
        Err("holds a word that is no level".to_owned())
    }
}
