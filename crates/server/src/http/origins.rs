//! Which web origins may send requests with cookies, and where a redirect may lead.

use axum::http::{HeaderMap, HeaderValue, header};
use serde_json::Value;
use url::Url;

use crate::{config::Config, fault::Fault};

/// Our own origin and the configured ones. Scheme and port count; nothing is trusted by resemblance.
#[derive(Clone, Debug)]
pub struct TrustedOrigins {
    own: String,
    exact: Vec<String>,
    wildcards: Vec<Wildcard>,
    /// Schemes of installed apps, with their `://`.
    schemes: Vec<String>,
}

/// `https://*.example.com:8443`: sub-domains of any depth, not the bare domain.
#[derive(Clone, Debug)]
struct Wildcard {
    /// `https://`
    scheme: String,
    /// `.example.com:8443`
    suffix: String,
}

/// Why a redirect target will not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRedirect {
    NotText,
    Elsewhere,
}

/// Why a request is not believed to come from our own pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossSite {
    MissingOrNull,
    Untrusted,
    /// A page elsewhere navigated the browser into a login.
    Navigation,
}

/// Schemes that browsers or systems give a meaning of their own: never those of an app.
const NOT_APPS: &[&str] = &[
    "http",
    "https",
    "ws",
    "wss",
    "ftp",
    "file",
    "javascript",
    "data",
    "blob",
    "about",
    "vbscript",
    "filesystem",
    "view-source",
    "mailto",
    "tel",
    "intent",
];
/// No browser follows much more, and it bounds the work of a check.
const TARGET_MAX: usize = 2_048;

impl TrustedOrigins {
    /// Everything that is ours, the hosts of single dialects included, and whom the configuration trusts.
    pub fn of(config: &Config) -> Result<Self, Fault> {
        let extra: Vec<String> =
            config.trusted_origins.iter().cloned().chain(config.dialect_origins()).collect();
        Self::new(&config.public_url, &extra)
    }

    /// `extra` holds exact origins, `https://*.example.com` and `myapp://`.
    pub fn new(public_url: &Url, extra: &[String]) -> Result<Self, Fault> {
        let own = web_origin(public_url)
            .ok_or_else(|| Fault::misconfigured("the public URL must be http:// or https:// with a host"))?;
        let mut origins = Self { exact: vec![own.clone()], own, wildcards: Vec::new(), schemes: Vec::new() };
        for entry in extra {
            origins.add(entry.trim()).ok_or_else(|| {
                Fault::misconfigured(format!(
                    "trusted origin `{entry}`: write https://app.example.com, https://*.example.com or myapp://"
                ))
            })?;
        }
        Ok(origins)
    }

    fn add(&mut self, entry: &str) -> Option<()> {
        let (scheme, rest) = entry.split_once("://")?;
        if rest.is_empty() {
            let valid = scheme.starts_with(|c: char| c.is_ascii_lowercase())
                && scheme.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'));
            (valid && !NOT_APPS.contains(&scheme)).then(|| self.schemes.push(entry.to_owned()))
        } else if let Some(domain) = rest.strip_prefix("*.") {
            // Read as an ordinary origin first, so that the domain is held to the same rules.
            let bare = exact_origin(&format!("{scheme}://{domain}"))?;
            let (scheme, domain) = bare.split_once("://")?;
            let host = domain.rsplit_once(':').map_or(domain, |(host, _)| host);
            let of_someone = host.trim_matches('.').contains('.') || host == "localhost";
            let named = host.contains(|c: char| c.is_ascii_alphabetic()) && !host.starts_with('[');
            let wildcard = Wildcard { scheme: format!("{scheme}://"), suffix: format!(".{domain}") };
            (of_someone && named).then(|| self.wildcards.push(wildcard))
        } else {
            self.exact.push(exact_origin(entry)?);
            Some(())
        }
    }

    /// The origin of the public URL.
    pub fn own(&self) -> &str {
        &self.own
    }

    /// For CORS (SEC-080): only origins that are spelled out.
    pub fn exact(&self, origin: &str) -> bool {
        self.exact.iter().any(|exact| exact == origin)
    }

    /// Whether anybody but ourselves is spelled out.
    pub fn has_others(&self) -> bool {
        self.exact.iter().any(|exact| *exact != self.own)
    }

    /// `origin` as browsers write it: lower case, without path and default port. Other spellings are not trusted.
    pub fn trusts(&self, origin: &str) -> bool {
        self.exact(origin)
            || self.wildcards.iter().any(|wildcard| wildcard.covers(origin))
            || self
                .schemes
                .iter()
                .any(|scheme| origin.strip_prefix(scheme.as_str()).is_some_and(is_host_or_nothing))
    }

    /// What is wrong with the first redirect target that will not do; empty ones and `null` are none.
    pub fn first_bad_redirect(&self, targets: impl IntoIterator<Item = Value>) -> Option<BadRedirect> {
        targets.into_iter().find_map(|target| match target {
            Value::Null => None,
            Value::String(target) if target.is_empty() || self.allows_redirect(&target) => None,
            Value::String(_) => Some(BadRedirect::Elsewhere),
            _ => Some(BadRedirect::NotText),
        })
    }

    /// Whether a redirect may lead to `target`: a path of ours, or a URL at a trusted origin (SEC-030). Refuses
    /// every spelling that two readers of URLs might read differently, before it asks one of them.
    pub fn allows_redirect(&self, target: &str) -> bool {
        // Graphic ASCII only: no controls, no spaces, no letters that look like others.
        if target.len() > TARGET_MAX || !target.bytes().all(|b| b.is_ascii_graphic() && b != b'\\') {
            return false;
        }
        if target.starts_with('/') {
            return is_local_path(target);
        }
        let Some((scheme, rest)) = target.split_once("://") else { return false };
        let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
        if authority.contains(['@', '%']) {
            return false;
        }
        if scheme != "http" && scheme != "https" {
            return self.trusts(&format!("{scheme}://{authority}"));
        }
        !authority.is_empty()
            && Url::parse(target)
                .ok()
                .filter(|url| url.username().is_empty() && url.password().is_none())
                .and_then(|url| web_origin(&url))
                .is_some_and(|origin| self.trusts(&origin))
    }
}

impl Wildcard {
    fn covers(&self, origin: &str) -> bool {
        let host = origin.strip_prefix(&self.scheme).and_then(|rest| rest.strip_suffix(&self.suffix));
        host.is_some_and(|sub| !sub.is_empty() && sub.split('.').all(is_label))
    }
}

/// Only letters that cannot end a host: with `/`, `@`, `#` or `:` in it, the suffix would not be the domain.
fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
}

/// What may follow `myapp://` in an origin.
fn is_host_or_nothing(rest: &str) -> bool {
    rest.bytes().all(|b| matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':'))
}

/// One slash, then anything that no reader could take for the start of a host. What is escaped after `?` or `#`
/// is data, and may hold slashes.
fn is_local_path(target: &str) -> bool {
    let path = &target[..target.find(['?', '#']).unwrap_or(target.len())];
    let path = path.to_ascii_lowercase();
    let escaped_control = |path: &str| {
        path.match_indices('%').any(|(at, _)| {
            let code = path.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
            code.is_none_or(|code| code.is_ascii_control() || code == b'/' || code == b'\\')
        })
    };
    !path.contains("//") && !escaped_control(&path)
}

/// `https://example.com`, or nothing for schemes whose origins mean nothing.
fn web_origin(url: &Url) -> Option<String> {
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| url.origin().ascii_serialization())
}

/// A configured origin, in the form browsers send it.
fn exact_origin(entry: &str) -> Option<String> {
    let url = Url::parse(entry).ok()?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none() && !entry.contains('@');
    (bare && anonymous && !entry.contains(['*', '\\'])).then(|| web_origin(&url)).flatten()
}

/// A request that changes something and brings cookies must come from a trusted page (SEC-079). Without
/// cookies there is nothing to ride on.
pub fn check_cookie_request(
    headers: &HeaderMap,
    trusted: &TrustedOrigins,
    own_origin: &str,
) -> Result<(), CrossSite> {
    if headers.contains_key(header::COOKIE) { require_trusted(headers, trusted, own_origin) } else { Ok(()) }
}

/// A first login is checked without cookies, too: a stranger's page could sign the visitor in to the stranger's
/// account. Browsers give themselves away by `Sec-Fetch-*`, `Origin` or `Referer`; with none of them it is a
/// program, which nobody can be lured into. Includes [`check_cookie_request`].
pub fn check_first_login(
    headers: &HeaderMap,
    trusted: &TrustedOrigins,
    own_origin: &str,
) -> Result<(), CrossSite> {
    check_cookie_request(headers, trusted, own_origin)?;
    let says = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    let fetch_metadata = headers.keys().any(|name| name.as_str().starts_with("sec-fetch-"));
    if says("sec-fetch-site", "cross-site") && says("sec-fetch-mode", "navigate") {
        return Err(CrossSite::Navigation);
    }
    if fetch_metadata || headers.contains_key(header::ORIGIN) || headers.contains_key(header::REFERER) {
        return require_trusted(headers, trusted, own_origin);
    }
    Ok(())
}

/// As `check_first_login`, but only of a page that says where it is: for wires that ask all others for a token of
/// their own.
pub fn check_if_told(headers: &HeaderMap, trusted: &TrustedOrigins) -> Result<(), CrossSite> {
    if headers.contains_key(header::ORIGIN) {
        check_first_login(headers, trusted, trusted.own())
    } else {
        Ok(())
    }
}

fn require_trusted(headers: &HeaderMap, trusted: &TrustedOrigins, own_origin: &str) -> Result<(), CrossSite> {
    let mut origins = headers.get_all(header::ORIGIN).into_iter();
    let origin = match (origins.next(), origins.next()) {
        (Some(origin), None) => text(origin)?,
        (Some(_), Some(_)) => return Err(CrossSite::Untrusted),
        (None, _) => {
            let referer = headers.get(header::REFERER).ok_or(CrossSite::MissingOrNull)?;
            let referer = text(referer)?;
            if referer.is_empty() {
                return Err(CrossSite::MissingOrNull);
            }
            let url = Url::parse(referer).map_err(|_| CrossSite::Untrusted)?;
            let origin = web_origin(&url).unwrap_or_else(|| {
                // Apps: `myapp://host/…` counts as `myapp://host`.
                format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default())
            });
            return trusted.trusts(&origin).then_some(()).ok_or(CrossSite::Untrusted);
        }
    };
    match origin {
        // A page with `Referrer-Policy: no-referrer` posts with `Origin: null`; the browser itself vouches that it
        // is ours. Our own pages are such pages.
        "null" if headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin") => {
            trusted.trusts(own_origin).then_some(()).ok_or(CrossSite::Untrusted)
        }
        "" | "null" => Err(CrossSite::MissingOrNull),
        origin if trusted.trusts(origin) => Ok(()),
        _ => Err(CrossSite::Untrusted),
    }
}

fn text(value: &HeaderValue) -> Result<&str, CrossSite> {
    value.to_str().map_err(|_| CrossSite::Untrusted)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;

    use super::*;

    const OWN: &str = "https://auth.example.com";

    fn origins(extra: &[&str]) -> Result<TrustedOrigins, Fault> {
        let extra: Vec<_> = extra.iter().map(|entry| (*entry).to_owned()).collect();
        TrustedOrigins::new(&Url::parse("https://auth.example.com/base").unwrap(), &extra)
    }

    fn trusted() -> TrustedOrigins {
        origins(&[
            "https://app.example.com",
            "http://localhost:3000",
            "https://*.preview.example.net",
            "https://*.ports.example.net:8443",
            "myapp://",
        ])
        .unwrap()
    }

    /// The headers of a request, and what is made of them.
    type Case<'a> = (&'a [(&'a str, &'a str)], Result<(), CrossSite>);

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let lines = lines.iter().map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        });
        lines.collect()
    }

    #[test]
    fn configured_entries_are_put_into_the_form_browsers_send() {
        let origins =
            origins(&["HTTPS://App.Example.com:443/", "https://bücher.example", " http://[::1]:80 "])
                .unwrap();
        assert_eq!(
            origins.exact,
            [OWN, "https://app.example.com", "https://xn--bcher-kva.example", "http://[::1]"]
        );
        assert!(origins.has_others());
        assert!(!self::origins(&[]).unwrap().has_others());
    }

    #[test]
    fn unsafe_entries_stop_the_start() {
        let refused = [
            "",
            "*",
            "example.com",
            "https://",
            "https://*",
            "https://*.com",
            "https://*.",
            "https://*.*.example.com",
            "https://ex*mple.com",
            "https://a.*.example.com",
            "https://*.1.2.3.4",
            "https://*.[::1]",
            "https://example.com/path",
            "https://example.com?x",
            "https://example.com#x",
            "https://a@example.com",
            "https://a:b@example.com",
            "https://@example.com",
            "https:\\\\example.com",
            "ftp://example.com",
            "null",
            "javascript://",
            "data://",
            "file://",
            "http://",
            "myapp:",
            "my app://",
            "myapp://host",
            "MyApp://",
            "://",
            "https://*.example.com/path",
            "https://*.a@example.com",
        ];
        for entry in refused {
            assert!(origins(&[entry]).is_err(), "{entry}");
        }
        assert!(TrustedOrigins::new(&Url::parse("myapp://x").unwrap(), &[]).is_err());
    }

    #[test]
    fn trusted_and_not() {
        let trusted = trusted();
        let yes = [
            OWN,
            "https://app.example.com",
            "http://localhost:3000",
            "https://a.preview.example.net",
            "https://a.b-c.d_e.preview.example.net",
            "https://a.ports.example.net:8443",
            "myapp://",
            "myapp://host",
        ];
        for origin in yes {
            assert!(trusted.trusts(origin), "{origin}");
        }
        let no = [
            "",
            "null",
            "*",
            "https://",
            "http://auth.example.com",
            "https://auth.example.com:8443",
            "https://auth.example.com:443",
            "https://auth.example.com/",
            "https://auth.example.com.",
            "HTTPS://auth.example.com",
            "https://AUTH.example.com",
            "https://auth.example.com.evil.example",
            "https://evilauth.example.com",
            "https://example.com",
            "https://auth.example.co",
            "http://localhost",
            "http://localhost:30000",
            "https://localhost:3000",
            "https://preview.example.net",
            "https://.preview.example.net",
            "https://a..preview.example.net",
            "https://evilpreview.example.net",
            "http://a.preview.example.net",
            "https://a.preview.example.net:8443",
            "https://evil.example/.preview.example.net",
            "https://evil.example#.preview.example.net",
            "https://evil.example?.preview.example.net",
            "https://evil.example\\.preview.example.net",
            "https://evil.example:80.preview.example.net",
            "https://evil@a.preview.example.net",
            "https://a.ports.example.net",
            "https://*.preview.example.net",
            "myapp",
            "myapp:",
            "myapp:/",
            "myapps://",
            "xmyapp://",
            "myapp://host/path",
            "myapp://a@b",
        ];
        for origin in no {
            assert!(!trusted.trusts(origin), "{origin}");
        }
    }

    #[test]
    fn only_what_is_spelled_out_is_exact() {
        let trusted = trusted();
        assert!(trusted.exact(OWN) && trusted.exact("https://app.example.com"));
        for origin in ["https://a.preview.example.net", "myapp://", "null", ""] {
            assert!(!trusted.exact(origin), "{origin}");
        }
    }

    #[test]
    fn redirects_within() {
        let trusted = trusted();
        let fine = [
            "/",
            "/welcome",
            "/a/b?next=%2Fdashboard&x=a//b",
            "/a#//b",
            "/a?b=https://evil.example",
            "/caf%C3%A9",
            "/@name",
            "/a:b",
            "/a/../b",
            "https://auth.example.com",
            "https://auth.example.com/a/b?c=d#e",
            "https://app.example.com:443/",
            "https://APP.example.com/",
            "http://localhost:3000/callback",
            "https://a.b.preview.example.net/x",
            "https://a.ports.example.net:8443/x",
            "myapp://",
            "myapp://callback",
            "myapp://callback/a?b=c",
            "https://app.example.com/%2Fa",
            "https://app.example.com//a",
        ];
        for target in fine {
            assert!(trusted.allows_redirect(target), "{target}");
        }
    }

    /// SEC-030: payloads that have opened redirects elsewhere.
    #[test]
    fn redirects_away() {
        let trusted = trusted();
        let refused = [
            "",
            " ",
            "a",
            "a/b",
            "?a",
            "#a",
            ".",
            "..",
            "//",
            "///",
            "//evil.example",
            "///evil.example",
            "////evil.example/..",
            "/\\evil.example",
            "\\/evil.example",
            "\\\\evil.example",
            "/\\/evil.example",
            "/a\\b",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            "\n/a",
            " /a",
            "/a b",
            "/a\r\nSet-Cookie: a=b",
            "/a\0b",
            "/a\u{7f}",
            "/%2f",
            "/%2F%2Fevil.example",
            "/%5cevil.example",
            "/%5C%5Cevil.example",
            "/%09/evil.example",
            "/%0a/evil.example",
            "/%0d%0aLocation:x",
            "/%00",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a//evil.example",
            "/..//evil.example",
            "/.//evil.example",
            "/;//evil.example",
            "http:evil.example",
            "https:/auth.example.com",
            "https:auth.example.com",
            "https:///auth.example.com",
            "https://",
            "https://evil.example",
            "https://evil.example/auth.example.com",
            "https://evil.example#auth.example.com",
            "https://evil.example?https://auth.example.com",
            "https://evil.example\\@auth.example.com",
            "https://auth.example.com@evil.example",
            "https://auth.example.com:pass@evil.example",
            "https://user@auth.example.com",
            "https://@auth.example.com",
            "https://auth.example.com%2eevil.example",
            "https://auth.example.com%00.evil.example",
            "https://auth.example.com%40evil.example",
            "https://auth.example.com\\.evil.example",
            "https://auth.example.com.evil.example",
            "https://auth.example.com:8443",
            "https://auth.example.com:99999",
            "http://auth.example.com",
            "https://аuth.example.com",
            "https://auth。example.com",
            "https://auth.example.com\u{200b}",
            "https://xn--uth-5cd.example.com",
            "https://preview.example.net",
            "https://evil.example/.preview.example.net",
            "https://evil.example:80#.preview.example.net",
            "javascript:alert(1)",
            "javascript://auth.example.com/%0aalert(1)",
            "JaVaScRiPt:alert(1)",
            "java\tscript:alert(1)",
            "data:text/html,x",
            "data://auth.example.com",
            "vbscript:x",
            "file:///etc/passwd",
            "ftp://auth.example.com",
            "blob:https://auth.example.com",
            "ws://auth.example.com",
            "HTTPS://auth.example.com",
            "myapp:",
            "myapp:evil",
            "myapp:/evil",
            "myapps://x",
            "myapp://a@b",
            "myapp://a%40b",
            "otherapp://x",
            "mailto:a@b",
            "view-source:https://auth.example.com",
            "/é",
            "http://2130706433",
            "http://[::1]",
            "https://*.preview.example.net",
        ];
        for target in refused {
            assert!(!trusted.allows_redirect(target), "{target:?}");
        }
        assert!(!trusted.allows_redirect(&format!("/{}", "a".repeat(TARGET_MAX))));
    }

    /// The recorded cases of better-auth 1.7.25, and their neighbours.
    #[test]
    fn requests_with_cookies() {
        use CrossSite::{MissingOrNull, Untrusted};
        let (trusted, cookie) = (trusted(), ("cookie", "theme=dark"));
        let table: &[Case] = &[
            (&[], Ok(())),
            (&[("origin", "https://evil.example")], Ok(())),
            (&[cookie], Err(MissingOrNull)),
            (&[cookie, ("origin", "")], Err(MissingOrNull)),
            (&[cookie, ("origin", "null")], Err(MissingOrNull)),
            (&[cookie, ("origin", "null"), ("sec-fetch-site", "cross-site")], Err(MissingOrNull)),
            (&[cookie, ("origin", "null"), ("sec-fetch-site", "same-site")], Err(MissingOrNull)),
            (&[cookie, ("origin", "null"), ("sec-fetch-site", "same-origin")], Ok(())),
            (&[cookie, ("origin", "null"), ("referer", OWN)], Err(MissingOrNull)),
            (&[cookie, ("sec-fetch-site", "same-origin")], Err(MissingOrNull)),
            (&[cookie, ("origin", OWN)], Ok(())),
            (&[cookie, ("origin", "https://a.preview.example.net")], Ok(())),
            (&[cookie, ("origin", "myapp://")], Ok(())),
            (&[cookie, ("origin", "https://evil.example")], Err(Untrusted)),
            (&[cookie, ("origin", "https://evil.example"), ("referer", OWN)], Err(Untrusted)),
            (
                &[cookie, ("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
                Err(Untrusted),
            ),
            (&[cookie, ("origin", OWN), ("origin", "https://evil.example")], Err(Untrusted)),
            (&[cookie, ("origin", "https://évil.example")], Err(Untrusted)),
            (&[cookie, ("referer", "https://auth.example.com/settings?a=b")], Ok(())),
            (&[cookie, ("referer", "myapp://host/page")], Ok(())),
            (&[cookie, ("referer", "https://evil.example/https://auth.example.com")], Err(Untrusted)),
            (&[cookie, ("referer", "https://auth.example.com@evil.example/")], Err(Untrusted)),
            (&[cookie, ("referer", "about:blank")], Err(Untrusted)),
            (&[cookie, ("referer", "nonsense")], Err(Untrusted)),
            (&[cookie, ("referer", "")], Err(MissingOrNull)),
        ];
        for (lines, expected) in table {
            assert_eq!(check_cookie_request(&headers(lines), &trusted, OWN), *expected, "{lines:?}");
        }
        let inferred = headers(&[cookie, ("origin", "null"), ("sec-fetch-site", "same-origin")]);
        assert_eq!(check_cookie_request(&inferred, &trusted, "https://evil.example"), Err(Untrusted));
    }

    #[test]
    fn first_logins() {
        use CrossSite::{MissingOrNull, Navigation, Untrusted};
        let (trusted, cookie) = (trusted(), ("cookie", "theme=dark"));
        let (site, mode) = (("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"));
        let table: &[Case] = &[
            (&[], Ok(())),
            (&[("origin", OWN)], Ok(())),
            (&[("origin", "https://evil.example")], Err(Untrusted)),
            (&[("origin", "null")], Err(MissingOrNull)),
            (&[("referer", "https://evil.example/")], Err(Untrusted)),
            (&[("referer", "https://auth.example.com/sign-in")], Ok(())),
            (&[("sec-fetch-mode", "cors")], Err(MissingOrNull)),
            (&[("sec-fetch-dest", "empty")], Err(MissingOrNull)),
            (&[site, mode], Err(Navigation)),
            (&[site, mode, ("origin", OWN)], Err(Navigation)),
            (&[site, mode, ("origin", OWN), cookie], Err(Navigation)),
            (&[site, mode, ("origin", "https://evil.example"), cookie], Err(Untrusted)),
            (&[site, ("sec-fetch-mode", "cors"), ("origin", "https://a.preview.example.net")], Ok(())),
            (&[("sec-fetch-site", "same-origin"), mode, ("origin", OWN)], Ok(())),
            (&[("sec-fetch-site", "same-origin"), mode, ("origin", "null")], Ok(())),
            (&[cookie], Err(MissingOrNull)),
        ];
        for (lines, expected) in table {
            assert_eq!(check_first_login(&headers(lines), &trusted, OWN), *expected, "{lines:?}");
        }
    }
}
