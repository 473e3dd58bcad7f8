//! Query parameters: read from a request, added to a redirect target.

use axum::http::Uri;
use url::form_urlencoded;

/// A parameter's value, decoded; the first of its name. No text of ours holds a NUL, which PostgreSQL cannot store.
pub fn read(uri: &Uri, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(uri.query()?.as_bytes());
    let found = pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    found.filter(|value| !value.contains('\0'))
}

/// A text as a parameter's value: `a b` is `a+b`.
pub fn value(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The target with one more parameter, before its fragment if it has one.
pub fn add(target: &str, key: &str, text: &str) -> String {
    let (address, fragment) = target.split_at(target.find('#').unwrap_or(target.len()));
    let join = if address.contains('?') { '&' } else { '?' };
    format!("{address}{join}{key}={}{fragment}", value(text))
}

/// The address on this server with this parameter, and without another of its name.
pub fn set(uri: &Uri, key: &str, text: &str) -> String {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let kept = pairs.filter(|(name, _)| name != key).fold(uri.path().to_owned(), |to, (name, value)| {
        let join = if to.contains('?') { '&' } else { '?' };
        format!("{to}{join}{}={}", self::value(&name), self::value(&value))
    });
    add(&kept, key, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_added_where_it_counts() {
        assert_eq!(add("/a", "error", "NO WAY"), "/a?error=NO+WAY");
        assert_eq!(add("/a?b=c", "d", "&"), "/a?b=c&d=%26");
        assert_eq!(add("myapp://x#part", "d", "e"), "myapp://x?d=e#part");
    }

    #[test]
    fn a_parameter_replaces_its_namesake() {
        let uri = Uri::from_static("/x?lang=en&a=1+2%26");
        assert_eq!(set(&uri, "lang", "de"), "/x?a=1+2%26&lang=de");
        assert_eq!(set(&Uri::from_static("/x"), "lang", "de"), "/x?lang=de");
    }

    #[test]
    fn the_first_of_a_name_counts() {
        let uri = Uri::from_static("/x?a=1+2%263&a=4&b");
        assert_eq!(read(&uri, "a").as_deref(), Some("1 2&3"));
        assert_eq!((read(&uri, "b").as_deref(), read(&uri, "c")), (Some(""), None));
    }
}
