//! What is said to people, in their language: messages by name, from one Fluent file each (projectfluent.org), which
//! knows each language's plurals (Unicode CLDR).

use std::{fmt, sync::LazyLock, time::Duration};

use countersign_core::{language::Language, method::Method, session::Visitor};
use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};

struct Spoken {
    language: Language,
    messages: FluentBundle<FluentResource>,
}

static SPOKEN: LazyLock<[Spoken; 2]> = LazyLock::new(|| {
    let spoken = |language, files| Spoken { language, messages: bundle(language, files) };
    [spoken(Language::English, ENGLISH), spoken(Language::German, GERMAN)]
});

/// What pages say, and what letters do.
const ENGLISH: [&str; 2] = [
    include_str!("../../../templates/words/en.ftl"),
    include_str!("../../../templates/words/letters.en.ftl"),
];
const GERMAN: [&str; 2] = [
    include_str!("../../../templates/words/de.ftl"),
    include_str!("../../../templates/words/letters.de.ftl"),
];

/// Files that cannot be read say less, and a test says so.
fn bundle(language: Language, files: [&str; 2]) -> FluentBundle<FluentResource> {
    let mut bundle = FluentBundle::new_concurrent(language.tag().parse().into_iter().collect());
    // Both are written from left to right, and what stands in a sentence is a name, a number or a date.
    bundle.set_use_isolating(false);
    for file in files {
        let (Ok(read) | Err((read, _))) = FluentResource::try_new(file.to_owned());
        bundle.add_resource_overriding(read);
    }
    bundle
}

/// In its own language, else in English, else by its name.
fn found(language: Language, id: &str, part: Option<&str>, args: Option<&FluentArgs<'_>>) -> String {
    let own = SPOKEN.iter().find(|spoken| spoken.language == language);
    for spoken in own.into_iter().chain(&SPOKEN[..1]) {
        let message = spoken.messages.get_message(id);
        let pattern = message.and_then(|message| match part {
            Some(part) => message.get_attribute(part).map(|attribute| attribute.value()),
            None => message.value(),
        });
        if let Some(pattern) = pattern {
            let mut faults = Vec::new();
            return spoken.messages.format_pattern(pattern, args, &mut faults).into_owned();
        }
    }
    id.to_owned()
}

/// A message with nothing in it.
pub fn plain(language: Language, id: &str) -> String {
    found(language, id, None, None)
}

pub fn say(language: Language, text: &Text) -> String {
    part(language, text, None)
}

/// What a message has beside what it says: a letter's text, below its subject.
pub fn part(language: Language, text: &Text, name: Option<&str>) -> String {
    match text {
        Text::Plain(text) => text.clone(),
        Text::Message(id, parts) => {
            let mut args = FluentArgs::with_capacity(parts.len());
            for (name, part) in parts {
                args.set(*name, part.value(language));
            }
            found(language, id, name, Some(&args))
        }
    }
}

/// Something to say, before it is said in a language. It may hold a code or a link: `Debug` tells its name alone.
#[derive(Clone, PartialEq, Eq)]
pub enum Text {
    /// As it is in every language: a name, an address, a date.
    Plain(String),
    /// A message by its name, and what stands in it.
    Message(&'static str, Vec<(&'static str, Part)>),
}

#[derive(Clone, PartialEq, Eq)]
pub enum Part {
    /// Languages choose their plural by it.
    Number(u64),
    /// Messages may choose by it, too.
    Word(String),
    /// Something that is said itself.
    Text(Text),
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Text(…)"),
            Self::Message(id, _) => write!(f, "Text({id})"),
        }
    }
}

impl Part {
    fn value(&self, language: Language) -> FluentValue<'_> {
        match self {
            Self::Number(number) => FluentValue::from(*number),
            Self::Word(word) => FluentValue::from(word.as_str()),
            Self::Text(text) => FluentValue::from(say(language, text)),
        }
    }
}

impl From<u64> for Part {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<String> for Part {
    fn from(word: String) -> Self {
        Self::Word(word)
    }
}

impl From<&str> for Part {
    fn from(word: &str) -> Self {
        Self::Word(word.to_owned())
    }
}

impl From<Text> for Part {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<&'static str> for Text {
    fn from(id: &'static str) -> Self {
        Self::Message(id, Vec::new())
    }
}

impl Text {
    pub fn plain(text: impl Into<String>) -> Self {
        Self::Plain(text.into())
    }

    /// Another message with the same in it.
    pub fn named(self, id: &'static str) -> Self {
        match self {
            Self::Message(_, parts) => Self::Message(id, parts),
            plain => plain,
        }
    }

    /// The message with something in it.
    pub fn with(self, name: &'static str, part: impl Into<Part>) -> Self {
        match self {
            Self::Message(id, mut parts) => {
                parts.push((name, part.into()));
                Self::Message(id, parts)
            }
            plain => plain,
        }
    }

    /// The message with a span in it, as people say it: rounded up, in one unit.
    pub fn with_span(self, span: Duration) -> Self {
        let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
        let (number, unit) = match seconds {
            0..=90 => (seconds.max(1), "second"),
            91..=5_400 => (seconds.div_ceil(60), "minute"),
            5_401..=172_800 => (seconds.div_ceil(3_600), "hour"),
            _ => (seconds.div_ceil(86_400), "day"),
        };
        self.with("number", number).with("unit", unit)
    }
}

/// Where somebody came from, as far as their browser says.
pub fn browser(visitor: &Visitor) -> Text {
    let (browser, system) = visitor.parts();
    Text::from("browser").with("browser", browser.unwrap_or("none")).with("system", system.unwrap_or("none"))
}

/// The same with the address.
pub fn browser_at(visitor: &Visitor) -> Text {
    match visitor.ip.as_str() {
        "" => browser(visitor),
        ip => Text::from("browser-at").with("browser", browser(visitor)).with("ip", ip),
    }
}

pub fn method(method: Method) -> Text {
    Text::from(match method {
        Method::Totp => "method-totp",
        Method::EmailCode => "method-email",
        Method::SmsCode => "method-sms",
        Method::Passkey => "method-passkey",
        Method::BackupCode => "method-backup-code",
        Method::Password => "method-password",
    })
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        fs,
        path::Path,
    };

    use fluent_bundle::FluentResource;

    use super::*;

    fn files(language: Language) -> String {
        match language {
            Language::English => ENGLISH,
            Language::German => GERMAN,
        }
        .concat()
    }

    /// Each message with the names of what stands in it.
    fn messages(file: &str) -> BTreeMap<String, BTreeSet<String>> {
        let name = |line: &str| line.split_once(" =").map(|(name, _)| name.to_owned());
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut current = String::new();
        for line in file.lines().filter(|line| !line.starts_with('#')) {
            if line.starts_with(char::is_alphabetic)
                && let Some(name) = name(line)
            {
                assert!(found.insert(name.clone(), BTreeSet::new()).is_none(), "{name} is there twice");
                current = name;
            }
            let parts =
                line.split('$').skip(1).map(|rest| rest.split([' ', '}', ',']).next().unwrap_or_default());
            found.entry(current.clone()).or_default().extend(parts.map(str::to_owned));
        }
        found.remove("");
        found
    }

    #[test]
    fn every_language_says_everything_with_the_same_in_it() {
        let first = messages(&files(Language::English));
        for language in Language::ALL {
            let these = messages(&files(language));
            assert!(FluentResource::try_new(files(language)).is_ok(), "{language:?}");
            // A sentence may do without something, but there is nothing else to be had.
            let fits = |id: &String, parts| these.get(id).is_some_and(|own| own.is_subset(parts));
            let differing: Vec<_> = first.iter().filter(|(id, parts)| !fits(id, parts)).collect();
            assert_eq!((these.len(), differing), (first.len(), Vec::new()), "{language:?}");
        }
    }

    /// Everything under a folder, one after the other.
    fn text_below(folder: &Path) -> String {
        let mut text = String::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            text += &if path.is_dir() {
                text_below(&path)
            } else {
                fs::read_to_string(&path).unwrap_or_default()
            };
        }
        text
    }

    #[test]
    fn whatever_is_said_is_written_and_whatever_is_written_is_said() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let pages = text_below(&here.join("../../templates/pages"));
        let code = text_below(&here.join("src"));
        let english = files(Language::English);
        let known = messages(&english);
        for id in known.keys() {
            let quoted = format!("\"{id}\"");
            // Some stand in others.
            let within = english.contains(&format!("{{ {id} }}"));
            assert!(within || pages.contains(&quoted) || code.contains(&quoted), "nobody says {id}");
        }
        for call in ["look.t(\"", "look.count(\"", "look.to(\"", "look.named(\""] {
            for named in pages.split(call).skip(1).chain(code.split(call).skip(1)) {
                let id = named.split('"').next().unwrap();
                assert!(known.contains_key(id) || id == "…", "{id} is not written");
            }
        }
        // In the code of pages every name with a dash is a message, or the name of a file or field.
        let code = text_below(&here.join("src/pages"));
        let dashed = |word: &&str| {
            word.contains('-') && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        };
        for id in code.split('"').filter(dashed) {
            assert!(known.contains_key(id) || ["countersign-", "-"].contains(&id), "{id} is not written");
        }
    }

    #[test]
    fn numbers_choose_their_plural_and_spans_their_unit() {
        let said = |language: Language, text: Text| say(language, &text);
        let left = |number: u64| Text::from("account-codes-left").with("number", number).with("all", 10_u64);
        assert_eq!(said(Language::English, left(0)), "None of 10 is left. Make new ones.");
        assert_eq!(said(Language::English, left(1)), "1 of 10 is left. Make new ones.");
        assert_eq!(said(Language::English, left(7)), "7 of 10 are left.");
        assert_eq!(said(Language::German, left(1)), "Von 10 ist noch 1 übrig. Machen Sie neue.");
        let locked = |seconds| Text::from("locked").with_span(Duration::from_secs(seconds));
        for (seconds, english, german) in [
            (0, "in 1 second", "in 1 Sekunde"),
            (90, "in 90 seconds", "in 90 Sekunden"),
            (91, "in 2 minutes", "in 2 Minuten"),
            (3 * 86_400, "in 3 days", "in 3 Tagen"),
        ] {
            assert!(said(Language::English, locked(seconds)).contains(english), "{seconds}");
            assert!(said(Language::German, locked(seconds)).contains(german), "{seconds}");
        }
        let waiting = Text::from("recovery-waiting").with_span(Duration::from_secs(3 * 86_400));
        assert_eq!(said(Language::German, waiting), "Noch nicht: noch 3 Tage.");
    }

    #[test]
    fn browsers_are_said_as_each_language_says_them() {
        let visitor = |agent: &str, ip: &str| Visitor {
            ip: ip.to_owned(),
            user_agent: agent.to_owned(),
            language: None,
        };
        let safari = visitor("Mozilla/5.0 (iPhone) Safari/604.1", "192.0.2.1");
        assert_eq!(say(Language::English, &browser(&safari)), safari.browser());
        assert_eq!(say(Language::German, &browser_at(&safari)), "Safari auf einem iPhone, 192.0.2.1");
        assert_eq!(say(Language::English, &browser_at(&visitor("", ""))), "An app");
    }

    #[test]
    fn what_stands_in_a_text_is_not_told_for_debugging() {
        let text = Text::from("letter-code").with("code", "123456").with("inner", Text::plain("654321"));
        assert_eq!(format!("{text:?} {:?}", Text::plain("123456")), "Text(letter-code) Text(…)");
    }

    #[test]
    fn what_is_said_of_a_name_is_not_a_message() {
        let said = say(Language::English, &Text::from("link-lead").with("email", "{ $email } \u{2068}<b>"));
        assert_eq!(said, "Sign in as { $email } \u{2068}<b>.");
    }
}
