//! The settings of the dialects: which are spoken, where, and how each differs from what it was.

use url::Url;

use super::{
    Config, settings as setting,
    sources::quoted,
    values::{Reading, Wrong, items, on_or_off},
};

/// Every dialect there is a switch for, in the order in which they share the root by default.
pub const DIALECTS: &[&str] = &["native", "better-auth", "slugbase", "mudbase", "flashback"];

/// A host name that leads to one dialect, as it stands in `Host`: lower case, with its port if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialectHost {
    pub dialect: &'static str,
    pub host: String,
}

#[derive(Clone, Debug)]
pub struct Slugbase {
    pub error_format: ErrorFormat,
    /// Whether strangers may make themselves accounts.
    pub registrations: bool,
    /// Where `/reset-password` and `/verify-signup` live, if not here: see `Config::slugbase_page`.
    pub frontend_url: Option<Url>,
}

/// Which of SlugBase's two ways to say no is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorFormat {
    /// By who is asking: the documented one for callers who bring a header, the original's for browsers.
    Auto,
    Documented,
    Slugbase,
}

#[derive(Clone, Debug)]
pub struct Mudbase {
    pub login: MudbaseLogin,
    pub setup_response: SetupResponse,
    /// Whether changing a password asks people with a second factor for a code.
    pub password_code: PasswordCode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MudbaseLogin {
    /// No session without the second factor.
    Gated,
    /// As the original: a password is enough.
    Original,
}

/// What the start of an enrolment answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupResponse {
    /// Everything that any of the original's documents promises.
    Superset,
    /// Only what its SDK declares.
    SdkStrict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordCode {
    Optional,
    Required,
}

#[derive(Clone, Debug)]
pub struct Flashback {
    /// Where the magic-link page lives, if not here: see `Config::flashback_page`.
    pub frontend_url: Option<Url>,
}

impl Config {
    /// A page of SlugBase's front end.
    pub fn slugbase_page(&self, path: &str) -> String {
        self.page_at(self.slugbase.frontend_url.as_ref(), path)
    }

    /// A page of Flashback's front end.
    pub fn flashback_page(&self, path: &str) -> String {
        self.page_at(self.flashback.frontend_url.as_ref(), path)
    }

    fn page_at(&self, front_end: Option<&Url>, path: &str) -> String {
        format!("{}{path}", front_end.unwrap_or(&self.public_url).as_str().trim_end_matches('/'))
    }

    /// Whether the dialect of this name is switched on.
    pub fn speaks(&self, dialect: &str) -> bool {
        self.dialects.contains(&dialect)
    }

    /// The hosts that lead to the dialect of this name.
    pub fn hosts_of(&self, dialect: &str) -> Vec<String> {
        let own = self.dialect_hosts.iter().filter(|one| one.dialect == dialect);
        own.map(|one| one.host.clone()).collect()
    }

    /// The origins of the hosts that lead to one dialect: ours, as the public URL is.
    pub fn dialect_origins(&self) -> impl Iterator<Item = String> {
        self.dialect_hosts.iter().map(|one| format!("{}://{}", self.public_url.scheme(), one.host))
    }
}

impl Reading {
    pub(super) fn dialects(&mut self) -> Vec<&'static str> {
        self.parse(&setting::DIALECTS, dialects).unwrap_or_else(|| DIALECTS.to_vec())
    }

    pub(super) fn slugbase(&mut self) -> Slugbase {
        Slugbase {
            error_format: self
                .parse(&setting::SLUGBASE_ERROR_FORMAT, error_format)
                .unwrap_or(ErrorFormat::Auto),
            registrations: self.parse(&setting::SLUGBASE_REGISTRATIONS, on_or_off).unwrap_or(true),
            frontend_url: self.parse(&setting::SLUGBASE_FRONTEND_URL, front_end),
        }
    }

    pub(super) fn mudbase(&mut self) -> Mudbase {
        Mudbase {
            login: self.parse(&setting::MUDBASE_LOGIN, mudbase_login).unwrap_or(MudbaseLogin::Gated),
            setup_response: self
                .parse(&setting::MUDBASE_SETUP_RESPONSE, setup_response)
                .unwrap_or(SetupResponse::Superset),
            password_code: self
                .parse(&setting::MUDBASE_PASSWORD_CODE, password_code)
                .unwrap_or(PasswordCode::Optional),
        }
    }

    /// A host that leads nowhere, or that would take the whole root from the others, is a mistake.
    pub(super) fn dialect_hosts(&mut self, spoken: &[&str], public_url: &Url) -> Vec<DialectHost> {
        let own = authority(public_url);
        self.parse(&setting::DIALECT_HOSTS, |text| {
            let hosts = dialect_hosts(text, public_url.scheme())?;
            for DialectHost { dialect, host } in &hosts {
                if !spoken.contains(dialect) {
                    return Err(format!("gives a host to {dialect}, which is not among the dialects spoken"));
                }
                if Some(host) == own.as_ref() {
                    return Err(format!("holds {host}, the public URL's own host, where all dialects live"));
                }
            }
            Ok(hosts)
        })
        .unwrap_or_default()
    }

    pub(super) fn flashback(&mut self) -> Flashback {
        Flashback { frontend_url: self.parse(&setting::FLASHBACK_FRONTEND_URL, front_end) }
    }
}

fn known_dialect(name: &str) -> Result<&'static str, Wrong> {
    DIALECTS
        .iter()
        .find(|known| **known == name)
        .copied()
        .ok_or_else(|| format!("holds {}, which is none of {}", quoted(name), DIALECTS.join(", ")))
}

fn dialects(text: &str) -> Result<Vec<&'static str>, Wrong> {
    let mut named = Vec::new();
    for item in items(text) {
        let name = known_dialect(item)?;
        if named.contains(&name) {
            return Err(format!("names {name} twice"));
        }
        named.push(name);
    }
    if named.is_empty() { Err("names no dialect".to_owned()) } else { Ok(named) }
}

fn dialect_hosts(text: &str, scheme: &str) -> Result<Vec<DialectHost>, Wrong> {
    let mut hosts: Vec<DialectHost> = Vec::new();
    for item in items(text) {
        let (name, host) = item
            .split_once('=')
            .ok_or_else(|| format!("holds {}, which is no dialect=host", quoted(item)))?;
        let dialect = known_dialect(name.trim())?;
        let host = bare_host(host.trim(), scheme)
            .ok_or_else(|| format!("holds {}, which names no host such as auth.example.com", quoted(item)))?;
        if hosts.iter().any(|other| other.host == host) {
            return Err(format!("gives {host} away twice"));
        }
        hosts.push(DialectHost { dialect, host });
    }
    Ok(hosts)
}

/// A host and perhaps a port, and nothing else, in the form browsers send it.
pub(super) fn bare_host(text: &str, scheme: &str) -> Option<String> {
    let foreign = text.is_empty() || text.contains(['/', '\\', '?', '#', '@', '*', ' ']);
    if foreign { None } else { authority(&Url::parse(&format!("{scheme}://{text}")).ok()?) }
}

/// Host and port as in a `Host` header, where the port of the scheme is left out.
pub(super) fn authority(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// Unlike the public URL, a front end may live below a path.
fn front_end(text: &str) -> Result<Url, Wrong> {
    let url = Url::parse(text).map_err(|_| "is not a URL")?;
    let bare = url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    match matches!(url.scheme(), "http" | "https") && url.has_host() && bare && anonymous {
        true => Ok(url),
        false => Err("is not an http or https URL without user, query and fragment".to_owned()),
    }
}

fn error_format(text: &str) -> Result<ErrorFormat, Wrong> {
    match text {
        "auto" => Ok(ErrorFormat::Auto),
        "documented" => Ok(ErrorFormat::Documented),
        "slugbase" => Ok(ErrorFormat::Slugbase),
        _ => Err("is none of auto, documented and slugbase".to_owned()),
    }
}

fn mudbase_login(text: &str) -> Result<MudbaseLogin, Wrong> {
    match text {
        "gated" => Ok(MudbaseLogin::Gated),
        "original" => Ok(MudbaseLogin::Original),
        _ => Err("is neither gated nor original".to_owned()),
    }
}

fn setup_response(text: &str) -> Result<SetupResponse, Wrong> {
    match text {
        "superset" => Ok(SetupResponse::Superset),
        "sdk-strict" => Ok(SetupResponse::SdkStrict),
        _ => Err("is neither superset nor sdk-strict".to_owned()),
    }
}

fn password_code(text: &str) -> Result<PasswordCode, Wrong> {
    match text {
        "optional" => Ok(PasswordCode::Optional),
        "required" => Ok(PasswordCode::Required),
        _ => Err("is neither optional nor required".to_owned()),
    }
}
