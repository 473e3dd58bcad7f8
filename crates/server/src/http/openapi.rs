//! Describing routes: who may call them, what they take and answer. Written as an OpenAPI 3.1 document, or as tables
//! for people.

use std::collections::BTreeMap;

use countersign_core::method::Method;
use serde_json::{Map, Value, json};

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Anybody,
    /// A session, which may be one that only enrols.
    Enrolling,
    Session,
    /// A session with a second factor of the last five minutes (RFC 9470).
    Fresh,
    /// An administrator, freshly proven.
    Administrator,
    /// An application's key.
    Service,
}

/// A member of a body; of the address where the method has none.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    pub name: &'static str,
    pub kind: Kind,
    pub required: bool,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Text,
    Email,
    Flag,
    Number,
    Texts,
    Object,
    /// Somebody as an application describes them.
    Person,
}

/// One route.
#[derive(Debug)]
pub struct Row {
    pub method: &'static str,
    pub path: &'static str,
    pub by: By,
    pub body: &'static [Member],
    pub status: u16,
    /// Another good answer than that one, for when something else comes first.
    pub or: Option<(u16, &'static [&'static str])>,
    /// Members of the answer; none is an empty body. `name`, or `name=shape` where it is not what the name says.
    pub answer: &'static [&'static str],
    pub what: &'static str,
}

/// What the members of answers are, and the objects in them.
///
/// A shape is `text`, `when` (a moment, RFC 3339), `flag`, `number`, `object`, `Method`, or the name of an object;
/// `[shape]` is a list of them, `?shape` may be `null`, and `one|other` is either.
pub struct Shapes {
    pub members: &'static [(&'static str, &'static str)],
    pub objects: &'static [(&'static str, &'static [(&'static str, &'static str)])],
}

impl Shapes {
    fn of(shape: &str) -> Value {
        if let Some(inner) = shape.strip_prefix('?') {
            return json!({ "anyOf": [Self::of(inner), { "type": "null" }] });
        }
        if let Some(inner) = shape.strip_prefix('[').and_then(|shape| shape.strip_suffix(']')) {
            return json!({ "type": "array", "items": Self::of(inner) });
        }
        if let Some((one, other)) = shape.split_once('|') {
            return json!({ "anyOf": [Self::of(one), Self::of(other)] });
        }
        match shape {
            "text" => json!({ "type": "string" }),
            "when" => json!({ "type": "string", "format": "date-time" }),
            "flag" => json!({ "type": "boolean" }),
            "number" => json!({ "type": "integer", "minimum": 0 }),
            "object" => json!({ "type": "object" }),
            object => json!({ "$ref": format!("#/components/schemas/{object}") }),
        }
    }

    /// Exactly these members.
    fn object<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> Value {
        let properties: Map<String, Value> =
            members.map(|(name, shape)| (name.to_owned(), Self::of(shape))).collect();
        let required: Vec<_> = properties.keys().cloned().collect();
        json!({
            "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        })
    }

    fn answer(&self, members: &[&'static str]) -> Value {
        let known = |name: &str| self.members.iter().find(|(one, _)| *one == name).map(|(_, shape)| *shape);
        Self::object(members.iter().map(|member| {
            let (name, said) =
                member.split_once('=').map_or((*member, None), |(name, shape)| (name, Some(shape)));
            (name, said.or_else(|| known(name)).unwrap_or("object"))
        }))
    }

    fn components(&self) -> Map<String, Value> {
        let method = json!({ "type": "string", "enum": Method::ALL.map(Method::as_str) });
        let objects = self
            .objects
            .iter()
            .map(|(name, members)| ((*name).to_owned(), Self::object(members.iter().copied())));
        objects.chain([("Method".to_owned(), method)]).collect()
    }
}

/// Rows that belong together.
#[derive(Debug)]
pub struct Group {
    pub name: &'static str,
    pub rows: &'static [Row],
}

pub const fn must(name: &'static str) -> Member {
    Member { name, kind: Kind::Text, required: true }
}

pub const fn may(name: &'static str, kind: Kind) -> Member {
    Member { name, kind, required: false }
}

#[rustfmt::skip]
pub const fn row(method: &'static str, path: &'static str, by: By, body: &'static [Member], (status, answer): (u16, &'static [&'static str]), what: &'static str) -> Row {
    Row { method, path, by, body, status, or: None, answer, what }
}

impl By {
    pub const fn words(self) -> &'static str {
        match self {
            Self::Anybody => "anybody",
            Self::Enrolling => "session, also an enrolling one",
            Self::Session => "session",
            Self::Fresh => "session, fresh proof",
            Self::Administrator => "administrator, fresh proof",
            Self::Service => "service key",
        }
    }
}

impl Member {
    fn schema(&self) -> Value {
        match self.kind {
            Kind::Text => json!({ "type": "string" }),
            Kind::Email => json!({ "type": "string", "format": "email" }),
            Kind::Flag => json!({ "type": "boolean" }),
            Kind::Number => json!({ "type": "integer", "minimum": 0 }),
            Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
            Kind::Object => json!({ "type": "object" }),
            Kind::Person => json!({
                "type": "object", "required": ["external_id"],
                "properties": {
                    "external_id": { "type": "string", "minLength": 1, "maxLength": 200 },
                    "email": { "type": "string", "format": "email" },
                    "phone": { "type": "string" }, "name": { "type": "string", "maxLength": 500 },
                },
            }),
        }
    }

    /// As the tables for people write it.
    pub fn written(&self) -> String {
        format!("`{}{}`", self.name, if self.required { "" } else { "?" })
    }
}

impl Row {
    pub const fn or(self, status: u16, answer: &'static [&'static str]) -> Self {
        Self { or: Some((status, answer)), ..self }
    }

    /// The names of the answer's members.
    pub fn answers(&self) -> impl Iterator<Item = &'static str> {
        self.answer.iter().map(|member| member.split('=').next().unwrap_or(member))
    }

    fn operation(&self, group: &str, shapes: &Shapes) -> Value {
        let mut operation = json!({
            "tags": [group], "summary": self.what,
            "responses": {
                self.status.to_string(): success(self.what, self.answer, shapes),
                "default": { "description": "A problem", "content": { "application/problem+json": {
                    "schema": { "$ref": "#/components/schemas/Problem" } } } },
            },
        });
        if let Some((status, answer)) = self.or {
            operation["responses"][status.to_string()] =
                success("Not yet: something else first", answer, shapes);
        }
        if self.by != By::Anybody {
            let by = if self.by == By::Service { "service" } else { "session" };
            operation["security"] = json!([{ by: [] }]);
        }
        let in_address = self.method == "GET";
        if !self.body.is_empty() && !in_address {
            let properties: Map<String, Value> =
                self.body.iter().map(|one| (one.name.to_owned(), one.schema())).collect();
            let required: Vec<_> = self.body.iter().filter(|one| one.required).map(|one| one.name).collect();
            let schema = json!({ "type": "object", "properties": properties, "required": required });
            operation["requestBody"] =
                json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        }
        let mut named: Vec<_> = self
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        named.extend(self.body.iter().filter(|_| in_address).map(|one| {
            json!({ "name": one.name, "in": "query", "required": one.required, "schema": one.schema() })
        }));
        if self.method == "POST" && self.by != By::Anybody {
            named.push(json!({
                "name": "Idempotency-Key", "in": "header", "required": false,
                "description": "Sent again with the same key and body within an hour, a request gets the first answer and acts once",
                "schema": { "type": "string", "pattern": "^[!-~]{1,200}$" },
            }));
        }
        if !named.is_empty() {
            operation["parameters"] = json!(named);
        }
        operation
    }
}

fn success(what: &str, answer: &[&'static str], shapes: &Shapes) -> Value {
    if answer.is_empty() {
        return json!({ "description": what });
    }
    json!({ "description": what, "content": { "application/json": { "schema": shapes.answer(answer) } } })
}

/// The OpenAPI 3.1 document.
pub fn document(groups: &[Group], shapes: &Shapes, (app, origin): (&str, &str)) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for group in groups {
        for row in group.rows {
            paths
                .entry(row.path)
                .or_default()
                .insert(row.method.to_lowercase(), row.operation(group.name, shapes));
        }
    }
    let mut schemas = shapes.components();
    let problem = json!({
        "type": "object", "required": ["type", "title", "status"],
        "properties": {
            "type": { "type": "string" }, "title": { "type": "string" },
            "status": { "type": "integer" }, "errors": { "type": "array" },
        },
    });
    schemas.insert("Problem".to_owned(), problem);
    json!({
        "openapi": "3.1.0",
        "info": { "title": app, "version": env!("CARGO_PKG_VERSION") },
        "servers": [{ "url": origin }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "session": { "type": "http", "scheme": "bearer" },
                "service": { "type": "http", "scheme": "bearer", "description": "A service key, `cs_…`" },
            },
            "schemas": schemas,
        },
    })
}
