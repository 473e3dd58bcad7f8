//! The languages that pages and mails are written in.

use serde::{Deserialize, Serialize};

/// Whoever adds one adds its files under `templates/words/`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Language {
    #[default]
    #[serde(rename = "en")]
    English,
    #[serde(rename = "de")]
    German,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::English, Self::German];

    /// As `lang` and `Accept-Language` have it (RFC 5646).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }

    /// What those who speak it call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
        }
    }

    /// Of a tag such as "de-AT": the region says nothing that we tell apart.
    pub fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// What a browser likes best of what there is (RFC 9110 §12.5.4), if it likes anything of it.
    pub fn accepted(listed: &str) -> Option<Self> {
        let weighed = |range: &str| {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let weight = parameters.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.parse::<f32>().ok())?;
            (weight > 0.0).then_some((Self::of_tag(tag)?, weight))
        };
        let best = listed.split(',').take(20).filter_map(weighed).reduce(|best, next| {
            // Of two that are liked as much, the first.
            if next.1 > best.1 { next } else { best }
        });
        best.map(|(language, _)| language)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_what_they_like_best_of_what_there_is() {
        for (listed, expected) in [
            ("", None),
            ("de", Some(Language::German)),
            ("de-AT,de;q=0.9,en;q=0.8", Some(Language::German)),
            ("en;q=0.2, de;q=0.8", Some(Language::German)),
            ("fr, de;q=0.5", Some(Language::German)),
            ("de;q=0, en;q=0.1", Some(Language::English)),
            ("fr, *", None),
            ("*", None),
            ("de;q=x", None),
            ("DE-de ; q=1", Some(Language::German)),
        ] {
            assert_eq!(Language::accepted(listed), expected, "{listed}");
        }
    }
}
