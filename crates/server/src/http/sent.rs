//! A request body as far as it is known before its members are looked at.

use axum::{
    body::Body,
    http::{Method, header, request::Parts},
};
use serde_json::Value;

use crate::http::body::{self, Unread};

/// No `Debug`: it holds what people typed, passwords included.
#[derive(Clone)]
pub enum Sent {
    /// There was none, or nothing in it.
    Undefined,
    Json(Value),
    Form(Vec<(String, String)>),
}

/// A file of a form, by the name of its field. One that was not chosen is empty.
#[derive(Clone)]
pub struct File {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    TooLarge,
    TooSlow,
    Malformed,
    /// Neither JSON nor, where forms are taken, a form; carries what it claimed to be.
    MediaType(String),
}

impl From<Unread> for Unreadable {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge => Self::TooLarge,
            Unread::TooSlow => Self::TooSlow,
        }
    }
}

impl Sent {
    /// Reads up to 64 KiB. An empty body is no body whatever its type says; forms only where they are taken.
    pub async fn read(parts: &Parts, body: Body, takes_forms: bool) -> Result<Self, Unreadable> {
        let bytes = body::read(body, body::LIMIT).await?;
        let Some(content_type) = parts.headers.get(header::CONTENT_TYPE).filter(|_| !bytes.is_empty()) else {
            return Ok(Self::Undefined);
        };
        let content_type = String::from_utf8_lossy(content_type.as_bytes()).into_owned();
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media_type.as_str() {
            "application/json" => match body::json(&bytes) {
                Ok(value) if !holds_nul(&value) => Ok(Self::Json(value)),
                _ => Err(Unreadable::Malformed),
            },
            "application/x-www-form-urlencoded" if takes_forms => {
                let pairs: Vec<_> = url::form_urlencoded::parse(&bytes).into_owned().collect();
                let sound = pairs.iter().all(|(key, value)| !key.contains('\0') && !value.contains('\0'));
                sound.then_some(Self::Form(pairs)).ok_or(Unreadable::Malformed)
            }
            _ => Err(Unreadable::MediaType(content_type)),
        }
    }

    /// A form that carries files (RFC 7578): its texts as a form, and its files. Up to 64 KiB altogether.
    pub async fn read_upload(parts: &Parts, body: Body) -> Result<(Self, Vec<File>), Unreadable> {
        let bytes = body::read(body, body::LIMIT).await?;
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let boundary = multer::parse_boundary(content_type.unwrap_or_default());
        let boundary =
            boundary.map_err(|_| Unreadable::MediaType(content_type.unwrap_or_default().to_owned()))?;
        let mut parts = multer::Multipart::new(Body::from(bytes).into_data_stream(), boundary);
        let (mut texts, mut files) = (Vec::new(), Vec::new());
        while let Some(part) = parts.next_field().await.map_err(|_| Unreadable::Malformed)? {
            let (name, is_file) = (part.name().unwrap_or_default().to_owned(), part.file_name().is_some());
            let content = part.bytes().await.map_err(|_| Unreadable::Malformed)?;
            if is_file {
                files.push(File { name, bytes: content.to_vec() });
                continue;
            }
            match String::from_utf8(content.to_vec()) {
                Ok(text) if !text.contains('\0') && !name.contains('\0') => texts.push((name, text)),
                _ => return Err(Unreadable::Malformed),
            }
        }
        Ok((Self::Form(texts), files))
    }

    /// As Express does: what is neither JSON nor a form is no body; JSON is an object or an array. What asks and
    /// does not change anything needs none.
    pub async fn read_as_express(parts: &Parts, body: Body) -> Result<Self, Unreadable> {
        if [Method::GET, Method::HEAD].contains(&parts.method) {
            return Ok(Self::Undefined);
        }
        match Self::read(parts, body, true).await {
            Ok(Self::Json(value)) if !(value.is_object() || value.is_array()) => Err(Unreadable::Malformed),
            Err(Unreadable::MediaType(_)) => Ok(Self::Undefined),
            read => read,
        }
    }

    /// A member of the object or form; `None` if it is not there.
    pub fn member(&self, key: &str) -> Option<Value> {
        match self {
            Self::Undefined => None,
            Self::Json(value) => value.get(key).cloned(),
            Self::Form(pairs) => {
                pairs.iter().find(|(name, _)| name == key).map(|(_, value)| Value::String(value.clone()))
            }
        }
    }

    /// A member that must be a string to count.
    pub fn text(&self, key: &str) -> Option<String> {
        self.member(key)?.as_str().map(str::to_owned)
    }

    /// A member that is a string and not an empty one.
    pub fn some_text(&self, key: &str) -> Option<String> {
        self.text(key).filter(|text| !text.is_empty())
    }
}

/// No text of ours holds U+0000, and PostgreSQL could not keep it.
fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(members) => members.iter().any(holds_nul),
        Value::Object(members) => members.iter().any(|(key, value)| key.contains('\0') || holds_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
