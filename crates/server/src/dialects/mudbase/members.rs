//! The members of a body, with the original's complaints about them: Joi's, one sentence each (contract §1).

use countersign_core::secret::Secret;
use serde_json::Value;

use super::wire;
use crate::http::{
    fields::{Complaint, Fields, Wrong},
    sent::Sent,
};

pub(super) struct Members<'a, 'f> {
    fields: &'a mut Fields<'f>,
    sent: &'f Sent,
    complaints: &'a mut Vec<String>,
}

impl<'f> Members<'_, 'f> {
    /// What `read` makes of the members, if there was nothing to complain about.
    pub fn of<T>(sent: &'f Sent, read: impl FnOnce(&mut Members<'_, 'f>) -> T) -> Result<T, Vec<String>> {
        let mut own = Vec::new();
        let found =
            Fields::of(sent, "object", |fields| read(&mut Members { fields, sent, complaints: &mut own }));
        match found {
            Ok(members) if own.is_empty() => Ok(members),
            Ok(_) => Err(own),
            Err(complaints) => Err(complaints.iter().map(sentence).chain(own).collect()),
        }
    }

    pub fn complain(&mut self, key: &str, wrong: &str) {
        self.complaints.push(format!("\"{key}\" {wrong}"));
    }

    /// A member as it was sent.
    pub fn value(&self, key: &str) -> Option<Value> {
        self.fields.member(key)
    }

    /// A text that is not empty.
    pub fn text(&mut self, key: &'static str) -> String {
        let text = self.fields.text(key);
        if self.value(key).is_some_and(|value| value == "") {
            self.complain(key, "is not allowed to be empty");
        }
        text
    }

    pub fn optional_text(&mut self, key: &'static str) -> Option<String> {
        self.value(key)?;
        Some(self.text(key))
    }

    pub fn secret(&mut self, key: &'static str) -> Secret<String> {
        Secret::new(self.text(key))
    }

    pub fn email(&mut self) -> String {
        self.fields.email("email")
    }

    pub fn optional_flag(&mut self, key: &'static str) -> Option<bool> {
        self.value(key)?;
        Some(self.fields.flag(key, false))
    }

    /// The code of the second factor, under either of its names; an empty one is none.
    pub fn code(&mut self) -> Option<Secret<String>> {
        let sent: Vec<_> = ["totpToken", "token"].map(|key| self.fields.optional_text(key)).into();
        sent.into_iter().flatten().find(|code| !code.is_empty()).map(Secret::new)
    }

    pub fn object_id(&mut self, key: &'static str) -> String {
        let id = self.text(key);
        if !id.is_empty() && !wire::is_object_id(&id) {
            self.complain(key, "must be 24 hexadecimal characters");
        }
        id.to_ascii_lowercase()
    }

    pub fn optional_object_id(&mut self, key: &'static str) -> Option<String> {
        self.value(key)?;
        Some(self.object_id(key))
    }

    /// A name of so many characters.
    pub fn within(&mut self, key: &'static str, text: &str, (min, max): (usize, usize)) {
        if !text.is_empty() && !(min..=max).contains(&text.chars().count()) {
            self.complain(key, &format!("must be {min} to {max} characters long"));
        }
    }

    /// Every other member is a mistake.
    pub fn only(&mut self, known: &[&str]) {
        if let Sent::Json(Value::Object(members)) = self.sent {
            for key in members.keys().filter(|key| !known.contains(&key.as_str())) {
                self.complain(key, "is not allowed");
            }
        }
    }
}

fn sentence(complaint: &Complaint) -> String {
    let about = complaint.member.unwrap_or("value");
    match complaint.wrong {
        Wrong::Type { received: "undefined", .. } => format!("\"{about}\" is required"),
        Wrong::Type { expected, .. } => format!("\"{about}\" must be of type {expected}"),
        Wrong::Empty => format!("\"{about}\" is not allowed to be empty"),
        Wrong::NoEmail => format!("\"{about}\" must be a valid email"),
        Wrong::NoneOf(words) => format!("\"{about}\" must be one of [{}]", words.join(", ")),
    }
}
