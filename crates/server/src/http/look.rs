//! How a page presents itself: whose it is, and the language it speaks.

use axum::http::{HeaderMap, Uri, header};

use countersign_core::{brand::Brand, language::Language};

use crate::{
    config::Config,
    http::{
        cookies::{self, SetCookie},
        query,
    },
    words::{self, Text},
};

/// Keeps what somebody chose, for a year; there is nothing secret in it.
const COOKIE: &str = "countersign-language";
const COOKIE_SECONDS: u64 = 365 * 24 * 60 * 60;

pub fn cookie(config: &Config, chosen: Language) -> SetCookie {
    SetCookie {
        name: COOKIE.to_owned(),
        value: chosen.tag().to_owned(),
        max_age: Some(COOKIE_SECONDS),
        secure: config.secure_cookies(),
        ..SetCookie::default()
    }
}

#[derive(Clone, Debug, Default)]
pub struct Look {
    pub app: String,
    pub language: Language,
    /// The same page in the other languages; none where it cannot be asked for again.
    pub others: Vec<Other>,
    /// Addresses of a picture and of a style that sets the colours.
    pub logo: Option<String>,
    pub colours: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Other {
    pub href: String,
    pub tag: &'static str,
    pub name: &'static str,
}

/// What the address says, else what the browser wants.
pub fn language(headers: &HeaderMap, uri: &Uri) -> Language {
    let named = query::read(uri, "lang").and_then(|tag| Language::of_tag(&tag));
    named.or_else(|| wanted(headers)).unwrap_or_default()
}

/// What was chosen in this browser earlier, else what it likes. Programs like nothing.
pub fn wanted(headers: &HeaderMap) -> Option<Language> {
    let kept = cookies::read(headers, COOKIE).and_then(|tag| Language::of_tag(&tag));
    let listed = headers.get(header::ACCEPT_LANGUAGE).and_then(|list| list.to_str().ok());
    kept.or_else(|| Language::accepted(listed.unwrap_or_default()))
}

impl Look {
    pub fn new(app: &str, language: Language) -> Self {
        Self { app: app.to_owned(), language, ..Self::default() }
    }

    /// As an organisation wants it.
    pub fn branded(mut self, brand: Brand) -> Self {
        self.app = brand.name.unwrap_or(self.app);
        self.logo = brand.logo.map(|digest| format!("/assets/logo/{digest}"));
        self.colours = brand.colour.map(|colour| format!("/assets/colours/{}.css", colour.hex()));
        self
    }

    /// With links to the same address in the other languages.
    pub fn switchable(mut self, uri: &Uri) -> Self {
        let others = Language::ALL.into_iter().filter(|other| *other != self.language);
        self.others = others
            .map(|other| Other {
                href: query::set(uri, "lang", other.tag()),
                tag: other.tag(),
                name: other.name(),
            })
            .collect();
        self
    }

    pub fn tag(&self) -> &'static str {
        self.language.tag()
    }

    /// A message by its name.
    pub fn t(&self, id: &str) -> String {
        words::plain(self.language, id)
    }

    pub fn say(&self, text: &Text) -> String {
        words::say(self.language, text)
    }

    /// A message with a number in it.
    pub fn count(&self, id: &'static str, number: &(impl Copy + Into<u64>)) -> String {
        self.say(&Text::from(id).with("number", (*number).into()))
    }

    /// A message with a place in it that something goes to.
    pub fn to(&self, id: &'static str, to: &str) -> String {
        self.say(&Text::from(id).with("to", to))
    }

    /// A message that says whose page this is.
    pub fn named(&self, id: &'static str) -> String {
        self.say(&Text::from(id).with("app", self.app.as_str()))
    }

    /// One after the other.
    pub fn list(&self, texts: &[Text]) -> String {
        texts.iter().map(|text| self.say(text)).collect::<Vec<_>>().join(", ")
    }
}
