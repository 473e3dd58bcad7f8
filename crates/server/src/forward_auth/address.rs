//! Addresses at protected hosts: found in the exact list, and taken apart without a second reader's opinion.

use crate::config::Config;

/// The query parameter in which a code travels. It never reaches the application.
pub(super) const CODE: &str = "countersign_code";
/// No browser follows much more, and a sign-in page has to carry it along.
const PATH_MAX: usize = 2_048;

/// Where somebody wanted to go, without the code that may have come with it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    /// The whole of it.
    pub(super) url: String,
    pub(super) code: Option<String>,
}

impl Address {
    /// `uri` is the path and query as the proxy saw them. One that no browser would write leads to the front door.
    pub(super) fn read(origin: String, host: &str, uri: Option<&str>) -> Self {
        let uri = uri.filter(|uri| is_path(uri)).unwrap_or("/");
        let (path, query) = uri.split_once('?').map_or((uri, None), |(path, query)| (path, Some(query)));
        let mut code = None;
        let mut kept: Vec<&str> = Vec::new();
        for pair in query.into_iter().flat_map(|query| query.split('&')) {
            match pair.strip_prefix(CODE).and_then(|rest| rest.strip_prefix('=')) {
                Some(value) => code = Some(value.to_owned()),
                None => kept.push(pair),
            }
        }
        let mut url = origin + path;
        if query.is_some() && !(code.is_some() && kept.is_empty()) {
            url = url + "?" + &kept.join("&");
        }
        Self { host: host.to_owned(), url, code }
    }
}

/// Graphic ASCII from a slash on. The origin before it is ours, so that no spelling of the path moves it elsewhere.
fn is_path(uri: &str) -> bool {
    uri.starts_with('/')
        && uri.len() <= PATH_MAX
        && uri.bytes().all(|b| b.is_ascii_graphic() && b != b'\\' && b != b'#')
}

/// The protected host of this name, in the spelling of the list.
pub(super) fn listed_host<'c>(config: &'c Config, name: &str) -> Option<&'c str> {
    let name = name.to_ascii_lowercase();
    let usual_port = if config.public_url.scheme() == "https" { ":443" } else { ":80" };
    let name = name.strip_suffix(usual_port).unwrap_or(&name);
    config.forward_auth.hosts.iter().find(|host| *host == name).map(String::as_str)
}

/// The protected host that this address is at, if it is at one: an exact origin, then a path (SEC-030).
pub(super) fn host_of<'c>(config: &'c Config, url: &str) -> Option<&'c str> {
    config
        .forward_auth
        .hosts
        .iter()
        .map(String::as_str)
        .find(|host| url.strip_prefix(&config.protected_origin(host)).is_some_and(is_path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ForwardAuth;

    fn config() -> Config {
        Config {
            public_url: "https://auth.example.com".parse().unwrap(),
            forward_auth: ForwardAuth {
                hosts: vec!["app.example.com".to_owned(), "wiki.example.com:8443".to_owned()],
            },
            ..Config::default()
        }
    }

    fn read(uri: &str) -> (String, Option<String>) {
        let address = Address::read("https://a".to_owned(), "a", Some(uri));
        (address.url, address.code)
    }

    #[test]
    fn a_code_is_taken_out_and_nothing_else_changes() {
        for (uri, url, code) in [
            ("/", "https://a/", None),
            ("/x?", "https://a/x?", None),
            ("/x?a=1&b=%2F&&c", "https://a/x?a=1&b=%2F&&c", None),
            ("/x?countersign_code=C", "https://a/x", Some("C")),
            ("/x?a=1&countersign_code=C&b", "https://a/x?a=1&b", Some("C")),
            ("/x?countersign_code=C&countersign_code=D", "https://a/x", Some("D")),
            ("/x?a_countersign_code=C", "https://a/x?a_countersign_code=C", None),
            ("//evil.example/", "https://a//evil.example/", None),
            ("@evil.example/", "https://a/", None),
            (".evil.example/", "https://a/", None),
            ("/\\evil.example", "https://a/", None),
            ("/a b", "https://a/", None),
            ("/\u{e9}", "https://a/", None),
            ("", "https://a/", None),
        ] {
            assert_eq!(read(uri), (url.to_owned(), code.map(str::to_owned)), "{uri}");
        }
        let long = format!("/{}", "a".repeat(PATH_MAX));
        assert_eq!(read(&long).0, "https://a/");
    }

    #[test]
    fn only_listed_hosts_are_led_back_to() {
        let config = config();
        for (url, host) in [
            ("https://app.example.com/", Some("app.example.com")),
            ("https://app.example.com/a?b=c//d", Some("app.example.com")),
            ("https://wiki.example.com:8443/x", Some("wiki.example.com:8443")),
            ("https://app.example.com", None),
            ("https://app.example.com.evil.example/", None),
            ("https://app.example.com@evil.example/", None),
            ("https://app.example.com:443/", None),
            ("https://app.example.com:8443/", None),
            ("https://app.example.com\\@evil.example/", None),
            ("https://app.example.com/\\evil.example", None),
            ("https://app.example.com/a\r\nSet-Cookie: a=b", None),
            ("https://app.example.com?x", None),
            ("https://app.example.com#x", None),
            ("https://wiki.example.com/", None),
            ("http://app.example.com/", None),
            ("HTTPS://app.example.com/", None),
            ("//app.example.com/", None),
            ("https://evil.example/https://app.example.com/", None),
            ("javascript://app.example.com/%0aalert(1)", None),
            ("https://auth.example.com/", None),
            ("", None),
        ] {
            assert_eq!(host_of(&config, url), host, "{url:?}");
        }
        for (name, host) in [
            ("App.Example.com", Some("app.example.com")),
            ("app.example.com:443", Some("app.example.com")),
            ("app.example.com:80", None),
            ("wiki.example.com", None),
            ("app.example.com, evil.example", None),
            ("app.example.com.", None),
            ("evil.example", None),
        ] {
            assert_eq!(listed_host(&config, name), host, "{name}");
        }
    }
}
