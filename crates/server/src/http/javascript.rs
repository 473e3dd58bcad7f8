//! What JavaScript means by a space, a length and nothing: the originals' front ends and tests rely on it.

use serde_json::{Value, json};

/// `\s`.
pub fn is_space(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}

/// `length`: UTF-16 units.
pub fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A value that counts as true in an `if`.
pub fn is_truthy(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false))
        && *value != ""
        && *value != json!(0)
        && *value != json!(0.0)
}

/// A name without control characters and without the spaces around it.
pub fn clean(name: &str) -> String {
    let kept: String = name.chars().filter(|c| !c.is_control()).collect();
    kept.trim_matches(is_space).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_lengths_and_nothing() {
        assert!(" \t\r\n\u{a0}\u{2003}\u{3000}\u{feff}".chars().all(is_space));
        assert!(!"\u{85}\u{200b}x\0".chars().any(is_space));
        assert_eq!((length("aé"), length("🔑")), (2, 2));
        for nothing in [json!(null), json!(false), json!(0), json!(0.0), json!("")] {
            assert!(!is_truthy(&nothing), "{nothing}");
        }
        for something in [json!(true), json!(1), json!("0"), json!([]), json!({})] {
            assert!(is_truthy(&something), "{something}");
        }
        assert_eq!(clean("  Ada \u{7}Admin\n "), "Ada Admin");
        assert_eq!(clean("\u{feff} \t"), "");
    }
}
