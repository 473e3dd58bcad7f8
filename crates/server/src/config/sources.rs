//! The layers a setting can come from, and the mistakes that can be made in them.

use std::{collections::HashMap, ffi::OsString, fmt, fs, path::PathBuf};

use countersign_core::secret::Secret;
use toml::de::{DeTable, DeValue};

use super::settings::{CONFIG_VARIABLE, DIALECTS, SETTINGS, Setting, nearest};

/// The settings that may be given as flags, as the command line spells them.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub config: Option<PathBuf>,
    pub listen: Option<String>,
    pub data_dir: Option<String>,
    pub public_url: Option<String>,
}

/// Where a value stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Flag(&'static str),
    Variable(String),
    File { path: PathBuf, line: usize },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => f.write_str(name),
            Self::Variable(name) => f.write_str(name),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}

/// Something in the configuration that cannot be understood: one line with where, what and how to put it right.
#[derive(Clone, Debug)]
pub struct Mistake {
    pub source: Source,
    pub what: String,
    pub fix: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.source, self.what, self.fix)
    }
}

/// One value as it stood in its layer. All are treated as secrets until they have been understood.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) value: Secret<String>,
    pub(super) source: Source,
}

type Layer = HashMap<&'static str, Found>;

/// Flags, environment and file; the defaults are the fourth layer and live beside the parsers.
#[derive(Debug, Default)]
pub(super) struct Layers {
    layers: [Layer; 3],
    pub(super) file: Option<PathBuf>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Layers {
    pub(super) fn read(flags: &Flags, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut layers = Self::default();
        let mut file = flags.config.clone().map(|path| (path, Source::Flag("--config")));
        layers.take_flags(flags);
        for (name, value) in environment {
            let name = name.to_string_lossy();
            if name == CONFIG_VARIABLE {
                file.get_or_insert((PathBuf::from(value), Source::Variable(CONFIG_VARIABLE.to_owned())));
            } else if name.starts_with("COUNTERSIGN_") {
                layers.take_variable(&name, value);
            }
        }
        if let Some((path, source)) = file {
            layers.take_file(path, source);
        }
        layers
    }

    /// The value of the first layer that has one.
    pub(super) fn get(&self, setting: &Setting) -> Option<&Found> {
        self.layers.iter().find_map(|layer| layer.get(setting.key))
    }

    /// Whether the file holds this setting, even if another layer overrides it.
    pub(super) fn in_file(&self, setting: &Setting) -> Option<&Found> {
        self.layers[2].get(setting.key)
    }

    fn take_flags(&mut self, flags: &Flags) {
        let given =
            [("listen", &flags.listen), ("data_dir", &flags.data_dir), ("public_url", &flags.public_url)];
        for (key, value) in given {
            let setting = SETTINGS.iter().find(|setting| setting.key == key);
            if let (Some(value), Some(Setting { flag: Some(flag), .. })) = (value, setting) {
                let value = Secret::new(value.clone());
                self.layers[0].insert(key, Found { value, source: Source::Flag(flag) });
            }
        }
    }

    fn take_variable(&mut self, name: &str, value: OsString) {
        let source = Source::Variable(name.to_owned());
        let Some(setting) = SETTINGS.iter().find(|setting| setting.variable == name) else {
            if !is_foreign(name, &value) {
                self.unknown(source, "variable", nearest(name, SETTINGS.iter().map(|known| known.variable)));
            }
            return;
        };
        match value.into_string() {
            Ok(value) => {
                self.layers[1].insert(setting.key, Found { value: Secret::new(value), source });
            }
            Err(_) => self.mistake(source, "is not UTF-8", "write it in UTF-8"),
        }
    }

    fn take_file(&mut self, path: PathBuf, named_by: Source) {
        let text = match fs::read_to_string(&path) {
            Ok(text) => Secret::new(text),
            Err(error) => {
                let what = format!("cannot read {}: {error}", path.display());
                return self.mistake(named_by, &what, "name a file that exists and is readable");
            }
        };
        self.file = Some(path.clone());
        let text = text.expose().as_str();
        let at = |offset: usize| Source::File {
            path: path.clone(),
            line: 1 + text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count(),
        };
        match DeTable::parse(text) {
            Ok(table) => self.take_table("", table.get_ref(), &at),
            // `message` says which rule of the format was broken; `Display` would quote the line, secrets and all.
            Err(error) => {
                let source = at(error.span().map_or(0, |span| span.start));
                self.mistake(source, &format!("is not TOML ({})", error.message()), "write key = \"value\"");
            }
        }
    }

    fn take_table(&mut self, section: &str, table: &DeTable<'_>, at: &dyn Fn(usize) -> Source) {
        for (name, value) in table {
            let source = at(name.span().start);
            let key = format!("{section}{}", name.get_ref());
            let is_section = SETTINGS.iter().any(|known| known.key.starts_with(&format!("{key}.")));
            if let (DeValue::Table(inner), true) = (value.get_ref(), is_section) {
                self.take_table(&format!("{key}."), inner, at);
                continue;
            }
            let Some(setting) = SETTINGS.iter().find(|known| known.key == key) else {
                let what = if is_section { "section written as a value" } else { "key" };
                self.unknown_key(source, what, &key);
                continue;
            };
            match text_of(value.get_ref()) {
                // An empty list says what the default says; an empty text says nothing at all. No dialect at
                // all must not read as all of them.
                Some(text) if text.is_empty() && value.get_ref().is_array() && key != DIALECTS.key => {}
                Some(value) => {
                    self.layers[2].insert(setting.key, Found { value: Secret::new(value), source });
                }
                None => self.mistake(source, &format!("{key} has the wrong shape"), setting.about),
            }
        }
    }

    fn unknown_key(&mut self, source: Source, what: &str, key: &str) {
        let near = nearest(key, SETTINGS.iter().map(|known| known.key));
        // A key outside its section, or in a wrong one, is off by more than a few letters.
        let last = key.rsplit('.').next().unwrap_or(key);
        let moved =
            SETTINGS.iter().map(|known| known.key).find(|known| known.rsplit('.').next() == Some(last));
        self.unknown(source, &format!("{what} {}", quoted(key)), moved.or(near));
    }

    fn unknown(&mut self, source: Source, what: &str, near: Option<&str>) {
        let fix = near.map_or_else(
            || "remove it (`countersign --help` lists what exists)".to_owned(),
            |near| format!("did you mean {near}?"),
        );
        self.mistake(source, &format!("unknown {what}"), &fix);
    }

    pub(super) fn mistake(&mut self, source: Source, what: &str, fix: &str) {
        self.mistakes.push(Mistake { source, what: what.to_owned(), fix: fix.to_owned() });
    }
}

/// Kubernetes and Docker links describe neighbours called `countersign…` in variables of the same prefix;
/// refusing those would make a pod fail because of its Service's name. Tests keep to `COUNTERSIGN_TEST_`.
fn is_foreign(name: &str, value: &OsString) -> bool {
    let link = name.contains("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.contains("_PORT_")
        || (name.ends_with("_PORT") && value.to_string_lossy().contains("://"));
    link || name.starts_with("COUNTERSIGN_TEST_") || name == "COUNTERSIGN_BIN"
}

/// Lists are written with commas in a variable and as an array in the file; booleans are `on` and `off`.
fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(on) => Some(if *on { "on" } else { "off" }.to_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            texts.map(|texts| texts.join(","))
        }
        _ => None,
    }
}

/// Quotes what somebody typed so that it stays on one line and short.
pub(super) fn quoted(text: &str) -> String {
    let short: String = text.chars().take(80).collect();
    format!("{short:?}")
}
