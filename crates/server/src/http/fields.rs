//! The members of a request body, read one by one; every complaint is kept, in the order they were asked for.

use countersign_core::{secret::Secret, user};
use serde_json::Value;

use crate::http::sent::Sent;

pub struct Fields<'a> {
    sent: &'a Sent,
    /// What the keys of a member's own members begin with, so that complaints name the whole way.
    within: String,
    complaints: Vec<Complaint>,
}

/// What is wrong with a member. Names members and types, never values. The words are the dialect's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// `None`: the body itself.
    pub member: Option<&'static str>,
    pub wrong: Wrong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Types are called what JavaScript calls them.
    Type {
        expected: &'static str,
        received: &'static str,
    },
    Empty,
    NoEmail,
    NoneOf(&'static [&'static str]),
}

impl<'a> Fields<'a> {
    /// What `read` makes of the members, if it had no complaint. The body must be an object, or whatever
    /// else the wire calls one.
    pub fn of<T>(
        sent: &'a Sent,
        object: &'static str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, Vec<Complaint>> {
        let received = match sent {
            Sent::Form(_) | Sent::Json(Value::Object(_)) => None,
            Sent::Undefined => Some(type_name(None)),
            Sent::Json(value) => Some(type_name(Some(value))),
        };
        if let Some(received) = received {
            return Err(vec![Complaint { member: None, wrong: Wrong::Type { expected: object, received } }]);
        }
        let mut fields = Self { sent, within: String::new(), complaints: Vec::new() };
        let members = read(&mut fields);
        if fields.complaints.is_empty() { Ok(members) } else { Err(fields.complaints) }
    }

    /// A member as it was sent.
    pub fn member(&self, key: &str) -> Option<Value> {
        self.sent.member(key.strip_prefix(&self.within)?)
    }

    /// Members of a member that must be an object. Their keys are written with its name: `user/email`.
    pub fn nested<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Fields<'_>) -> T) -> T {
        let member = self.member(key);
        if !member.as_ref().is_some_and(Value::is_object) {
            let () = self.expected(key, "object", member.as_ref());
        }
        let sent = Sent::Json(member.unwrap_or_default());
        let mut fields = Fields { sent: &sent, within: format!("{key}/"), complaints: Vec::new() };
        let read = read(&mut fields);
        let complaints = fields.complaints;
        if self.complaints.last().is_none_or(|last| last.member != Some(key)) {
            self.complaints.extend(complaints);
        }
        read
    }

    pub fn text(&mut self, key: &'static str) -> String {
        match self.member(key) {
            Some(Value::String(text)) => text,
            other => self.expected(key, "string", other.as_ref()),
        }
    }

    pub fn optional_text(&mut self, key: &'static str) -> Option<String> {
        self.member(key)?;
        Some(self.text(key))
    }

    pub fn secret(&mut self, key: &'static str) -> Secret<String> {
        Secret::new(self.text(key))
    }

    /// A secret that is not empty.
    pub fn some_secret(&mut self, key: &'static str) -> Secret<String> {
        if self.member(key).is_some_and(|value| value == "") {
            self.complain(key, Wrong::Empty);
        }
        self.secret(key)
    }

    pub fn email(&mut self, key: &'static str) -> String {
        if self.member(key).as_ref().and_then(Value::as_str).is_some_and(|text| user::email(text).is_none()) {
            self.complain(key, Wrong::NoEmail);
        }
        self.text(key)
    }

    pub fn optional_email(&mut self, key: &'static str) -> Option<String> {
        self.member(key)?;
        Some(self.email(key))
    }

    /// Forms carry booleans as words.
    pub fn flag(&mut self, key: &'static str, absent: bool) -> bool {
        match (self.sent, self.member(key)) {
            (_, None) => absent,
            (_, Some(Value::Bool(flag))) => flag,
            (Sent::Form(_), Some(word)) if word == "true" || word == "false" => word == "true",
            (_, other) => self.expected(key, "boolean", other.as_ref()),
        }
    }

    /// A flag that must be there.
    pub fn required_flag(&mut self, key: &'static str) -> bool {
        match self.member(key) {
            None => self.expected(key, "boolean", None),
            Some(_) => self.flag(key, false),
        }
    }

    /// One of a few words, if it is there.
    pub fn choice(&mut self, key: &'static str, words: &'static [&'static str]) -> Option<&'static str> {
        let sent = self.member(key)?;
        let chosen = words.iter().find(|word| sent == **word).copied();
        if chosen.is_none() {
            self.complain(key, Wrong::NoneOf(words));
        }
        chosen
    }

    fn expected<T: Default>(&mut self, key: &'static str, expected: &'static str, sent: Option<&Value>) -> T {
        self.complain(key, Wrong::Type { expected, received: type_name(sent) });
        T::default()
    }

    fn complain(&mut self, key: &'static str, wrong: Wrong) {
        self.complaints.push(Complaint { member: Some(key), wrong });
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn complaints_about_a_member_of_a_member_name_the_whole_way() {
        let read = |sent: Value| {
            let sent = Sent::Json(sent);
            let fields =
                Fields::of(&sent, "object", |body| body.nested("user", |user| user.email("user/email")));
            fields.map_err(|complaints| complaints.iter().map(|one| one.member).collect::<Vec<_>>())
        };
        assert_eq!(read(json!({ "user": { "email": "a@example.com" } })), Ok("a@example.com".to_owned()));
        assert_eq!(read(json!({ "user": { "email": "nope" } })), Err(vec![Some("user/email")]));
        for sent in [json!({}), json!({ "user": 7 })] {
            assert_eq!(read(sent), Err(vec![Some("user")]));
        }
    }

    #[test]
    fn every_complaint_is_kept_in_order() {
        let sent = Sent::Json(json!({ "email": "nope", "password": "", "remember": "yes", "method": 7 }));
        let complaints = Fields::of(&sent, "object", |body| {
            body.text("name");
            body.email("email");
            body.some_secret("password");
            body.flag("remember", true);
            body.choice("method", &["a"]);
        });
        let about: Vec<_> = complaints
            .unwrap_err()
            .iter()
            .map(|complaint| (complaint.member.unwrap(), complaint.wrong))
            .collect();
        let wrong_type = |expected, received| Wrong::Type { expected, received };
        assert_eq!(
            about,
            [
                ("name", wrong_type("string", "undefined")),
                ("email", Wrong::NoEmail),
                ("password", Wrong::Empty),
                ("remember", wrong_type("boolean", "string")),
                ("method", Wrong::NoneOf(&["a"])),
            ]
        );
    }

    #[test]
    fn a_form_is_an_object_whose_flags_are_words() {
        let sent = Sent::Form(vec![("a".to_owned(), "false".to_owned()), ("b".to_owned(), "no".to_owned())]);
        assert_eq!(Fields::of(&sent, "object", |form| form.flag("a", true)), Ok(false));
        assert!(Fields::of(&sent, "object", |form| form.flag("b", true)).is_err());
    }

    #[test]
    fn what_is_no_object_is_named() {
        for (sent, received) in [
            (Sent::Undefined, "undefined"),
            (Sent::Json(Value::Null), "null"),
            (Sent::Json(json!([])), "array"),
        ] {
            let wrong = Wrong::Type { expected: "record", received };
            assert_eq!(Fields::of(&sent, "record", |_| ()), Err(vec![Complaint { member: None, wrong }]));
        }
    }
}
