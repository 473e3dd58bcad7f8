//! The shapes of the wire: bodies as they come in and as they go out (contract §§1, 2, 13).

use countersign_core::{secret::Secret, session::Session, user::User};
use serde::Serialize;
use serde_json::Value;

use super::errors::No;
use crate::operations::sessions::SignedIn;

/// A request body, as far as it is known before its members are looked at.
#[derive(Debug)]
pub(super) enum Body {
    /// There was none.
    Undefined,
    Json(Value),
    Form(Vec<(String, String)>),
}

impl Body {
    pub fn member(&self, key: &str) -> Option<Value> {
        match self {
            Self::Undefined => None,
            Self::Json(value) => value.get(key).cloned(),
            Self::Form(pairs) => {
                pairs.iter().find(|(name, _)| name == key).map(|(_, value)| Value::String(value.clone()))
            }
        }
    }
}

/// Reads members one by one and keeps every complaint, in the order they were asked for.
pub(super) struct Fields<'a> {
    body: &'a Body,
    complaints: Vec<String>,
}

impl<'a> Fields<'a> {
    /// The body must be an object.
    pub fn of(body: &'a Body) -> Result<Self, No> {
        Self::expecting(body, "object")
    }

    /// As `of`, where the wire calls the object something else.
    pub fn expecting(body: &'a Body, name: &str) -> Result<Self, No> {
        let received = match body {
            Body::Form(_) | Body::Json(Value::Object(_)) => return Ok(Self { body, complaints: Vec::new() }),
            Body::Undefined => "undefined",
            Body::Json(value) => type_name(Some(value)),
        };
        Err(No::Invalid(format!("[body] Invalid input: expected {name}, received {received}")))
    }

    /// A body that may be missing altogether.
    pub fn optional(body: &'a Body) -> Result<Self, No> {
        match body {
            Body::Undefined => Ok(Self { body, complaints: Vec::new() }),
            _ => Self::of(body),
        }
    }

    pub fn text(&mut self, key: &str) -> String {
        match self.body.member(key) {
            Some(Value::String(text)) => text,
            other => {
                self.expected(key, "string", other.as_ref());
                String::new()
            }
        }
    }

    pub fn secret(&mut self, key: &str) -> Secret<String> {
        Secret::new(self.text(key))
    }

    pub fn email(&mut self, key: &str) -> String {
        let before = self.complaints.len();
        let text = self.text(key);
        if self.complaints.len() == before && countersign_core::user::email(&text).is_none() {
            self.complain(format!("[body.{key}] Invalid email address"));
        }
        text
    }

    pub fn optional_text(&mut self, key: &str) -> Option<String> {
        match self.body.member(key) {
            None => None,
            Some(Value::String(text)) => Some(text),
            other => {
                self.expected(key, "string", other.as_ref());
                None
            }
        }
    }

    /// Forms carry booleans as words.
    pub fn optional_flag(&mut self, key: &str) -> Option<bool> {
        match (self.body, self.body.member(key)) {
            (_, None) => None,
            (_, Some(Value::Bool(flag))) => Some(flag),
            (Body::Form(_), Some(Value::String(word))) if word == "true" || word == "false" => {
                Some(word == "true")
            }
            (_, other) => {
                self.expected(key, "boolean", other.as_ref());
                None
            }
        }
    }

    pub fn complain(&mut self, complaint: String) {
        self.complaints.push(complaint);
    }

    fn expected(&mut self, key: &str, expected: &str, received: Option<&Value>) {
        let received = type_name(received);
        self.complain(format!("[body.{key}] Invalid input: expected {expected}, received {received}"));
    }

    pub fn finish(self) -> Result<(), No> {
        if self.complaints.is_empty() { Ok(()) } else { Err(No::Invalid(self.complaints.join("; "))) }
    }
}

fn type_name(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}

/// A member that may send a browser somewhere else, and how the wire refuses it.
#[derive(Debug)]
pub(super) struct RedirectTarget {
    pub key: &'static str,
    pub code: &'static str,
    pub message: &'static str,
}

pub(super) const CALLBACK: RedirectTarget =
    RedirectTarget { key: "callbackURL", code: "INVALID_CALLBACK_URL", message: "Invalid callbackURL" };

pub(super) const REDIRECT_TARGETS: &[RedirectTarget] = &[
    CALLBACK,
    RedirectTarget { key: "redirectTo", code: "INVALID_REDIRECT_URL", message: "Invalid redirectURL" },
    RedirectTarget {
        key: "errorCallbackURL",
        code: "INVALID_ERROR_CALLBACK_URL",
        message: "Invalid errorCallbackURL",
    },
    RedirectTarget {
        key: "newUserCallbackURL",
        code: "INVALID_NEW_USER_CALLBACK_URL",
        message: "Invalid newUserCallbackURL",
    },
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserShape<'a> {
    name: &'a str,
    email: &'a str,
    email_verified: bool,
    image: Option<&'a str>,
    created_at: String,
    updated_at: String,
    two_factor_enabled: bool,
    id: &'a str,
}

pub(super) fn user(user: &User, two_factor_enabled: bool) -> UserShape<'_> {
    UserShape {
        name: &user.name,
        email: &user.email,
        email_verified: user.email_verified_at.is_some(),
        image: user.image.as_deref(),
        created_at: user.created_at.to_iso(),
        updated_at: user.updated_at.to_iso(),
        two_factor_enabled,
        id: user.id.as_str(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionShape<'a> {
    expires_at: String,
    token: &'a str,
    created_at: String,
    updated_at: String,
    ip_address: &'a str,
    user_agent: &'a str,
    user_id: &'a str,
    id: &'a str,
}

/// `token` is the session's own only for whoever holds it; for the person's other sessions it is a handle
/// that revokes and opens nothing (§14 row 9).
pub(super) fn session<'a>(session: &'a Session, token: &'a str) -> SessionShape<'a> {
    SessionShape {
        expires_at: session.expires_at.to_iso(),
        token,
        created_at: session.created_at.to_iso(),
        updated_at: session.refreshed_at.to_iso(),
        ip_address: &session.visitor.ip,
        user_agent: &session.visitor.user_agent,
        user_id: session.user_id.as_str(),
        id: session.id.as_str(),
    }
}

#[derive(Serialize)]
pub(super) struct SessionAndUser<'a> {
    session: SessionShape<'a>,
    user: UserShape<'a>,
}

pub(super) fn signed_in<'a>(who: &'a SignedIn, token: &'a str) -> SessionAndUser<'a> {
    SessionAndUser { session: session(&who.session, token), user: user(&who.user, who.second_factor_is_on) }
}

/// The superset body of all three verify routes (§13): token, session and cookie name one live session.
#[derive(Serialize)]
pub(super) struct Verified<'a> {
    pub status: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<&'a str>,
    pub user: UserShape<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionShape<'a>>,
}

/// The HMAC of Better Auth's trusted-device value: the signature of our signer in the other base64.
pub(super) fn base64url_of_signature(signed: &str) -> String {
    let signature = signed.rsplit_once('.').map_or(signed, |(_, signature)| signature);
    signature.trim_end_matches('=').replace('+', "-").replace('/', "_")
}

/// A stranger's text, short enough to keep (SEC-114).
pub(super) fn bounded(text: &str) -> String {
    const MAX: usize = 256;
    text.chars().filter(|c| !c.is_control()).take(MAX).collect()
}

/// `a+b` as a query value.
pub(super) fn query_value(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Adds a query parameter to a redirect target that may already have some.
pub(super) fn with_query(target: &str, key: &str, value: &str) -> String {
    let (address, fragment) = target.split_once('#').map_or((target, None), |(a, f)| (a, Some(f)));
    let join = if address.contains('?') { '&' } else { '?' };
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{address}{join}{key}={}{fragment}", query_value(value))
}
