//! What each route takes and answers: the one source of the OpenAPI document, of `/docs` and of `docs/api.md`. A
//! test holds it against the table of routes.

use std::collections::BTreeMap;

use askama::Template;
use serde_json::{Map, Value, json};

use crate::{
    ctx::Ctx,
    http::{page, reply::Reply},
};

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
}

/// A member of a body.
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
}

/// One route.
#[derive(Debug)]
pub struct Row {
    pub method: &'static str,
    pub path: &'static str,
    pub by: By,
    pub body: &'static [Member],
    pub status: u16,
    /// Members of the answer; none is an empty body.
    pub answer: &'static [&'static str],
    pub what: &'static str,
}

/// Rows that belong together.
#[derive(Debug)]
pub struct Group {
    pub name: &'static str,
    pub rows: &'static [Row],
}

const fn must(name: &'static str) -> Member {
    Member { name, kind: Kind::Text, required: true }
}

const fn may(name: &'static str, kind: Kind) -> Member {
    Member { name, kind, required: false }
}

const EMAIL: Member = Member { name: "email", kind: Kind::Email, required: true };
const PASSWORD: Member = must("password");
const RESPONSE: Member = may("response", Kind::Object);
const PROOF: &[Member] =
    &[may("method", Kind::Text), may("code", Kind::Text), may("ceremony", Kind::Text), RESPONSE];
const DOOR: &[Member] = &[
    must("challenge"),
    may("method", Kind::Text),
    may("code", Kind::Text),
    may("ceremony", Kind::Text),
    RESPONSE,
    may("trust_device", Kind::Flag),
];
const CAME: &[&str] = &["session", "user", "trusted_device"];
const OPTIONS: &[&str] =
    &["ceremony", "challenge", "rpId", "timeout", "userVerification", "allowCredentials"];
const STANDING: &[&str] =
    &["state", "reference", "started_at", "ready_at", "expires_at", "shortened", "from"];

#[rustfmt::skip]
const fn row(method: &'static str, path: &'static str, by: By, body: &'static [Member], (status, answer): (u16, &'static [&'static str]), what: &'static str) -> Row {
    Row { method, path, by, body, status, answer, what }
}

#[rustfmt::skip]
pub const GROUPS: &[Group] = &[
    Group { name: "Coming in", rows: &[
        row("POST", "/v1/accounts", By::Anybody, &[EMAIL, PASSWORD, may("name", Kind::Text), may("remember", Kind::Flag)], (201, &["user", "session"]), "a new account; `session` is `null` where the address must be verified first"),
        row("POST", "/v1/sessions", By::Anybody, &[must("email"), PASSWORD, may("remember", Kind::Flag), may("trusted_device", Kind::Text)], (201, CAME), "or 200 `{challenge, methods}`"),
        row("POST", "/v1/sessions/passkey/options", By::Anybody, &[], (200, OPTIONS), "for `navigator.credentials.get()`"),
        row("POST", "/v1/sessions/passkey", By::Anybody, &[must("ceremony"), RESPONSE, may("remember", Kind::Flag)], (201, CAME), "as `/v1/sessions`"),
        row("POST", "/v1/sessions/mail/code", By::Anybody, &[EMAIL, may("browser", Kind::Text)], (202, &["browser"]), "mails a code; keep `browser`, it comes back with the code"),
        row("POST", "/v1/sessions/mail", By::Anybody, &[must("email"), must("code"), must("browser"), may("name", Kind::Text), may("trusted_device", Kind::Text)], (201, CAME), "as `/v1/sessions`"),
        row("POST", "/v1/challenge", By::Anybody, &[must("challenge")], (200, &["methods", "backup_codes_left"]), "what it may be answered with"),
        row("POST", "/v1/challenge/code", By::Anybody, &[must("challenge"), may("method", Kind::Text)], (202, &[]), "mails a code, or texts one for `sms_code`"),
        row("POST", "/v1/challenge/passkey/options", By::Anybody, &[must("challenge")], (200, OPTIONS), "for the second step"),
        row("POST", "/v1/challenge/verify", By::Anybody, DOOR, (201, CAME), "the second step: `code`, or `ceremony` and `response`"),
        row("POST", "/v1/password-reset", By::Anybody, &[EMAIL], (202, &[]), "mails a link to the hosted page, whoever that is"),
        row("POST", "/v1/password-reset/complete", By::Anybody, &[must("token"), must("new")], (204, &[]), "all sessions end, the second factor stays"),
    ] },
    Group { name: "The session", rows: &[
        row("GET", "/v1/session", By::Enrolling, &[], (200, &["session", "user"]), "what it is worth: `acr`, `amr`, `proofs`, `scope`"),
        row("DELETE", "/v1/session", By::Anybody, &[], (204, &[]), "signs out"),
        row("POST", "/v1/session/step-up", By::Session, &[], (200, &["methods", "backup_codes_left", "acr", "max_age"]), "what would count as a fresh proof"),
        row("POST", "/v1/session/step-up/code", By::Session, &[may("method", Kind::Text)], (202, &[]), "mails or texts a code"),
        row("POST", "/v1/session/step-up/passkey/options", By::Session, &[], (200, OPTIONS), "its person must be verified"),
        row("POST", "/v1/session/step-up/verify", By::Session, PROOF, (200, &["session"]), "with a new token if the session rose"),
        row("GET", "/v1/sessions", By::Session, &[], (200, &["sessions"]), "all of the person's"),
        row("DELETE", "/v1/sessions", By::Session, &[], (204, &[]), "ends the others"),
        row("DELETE", "/v1/sessions/{id}", By::Session, &[], (204, &[]), "ends one"),
        row("GET", "/v1/trusted-devices", By::Session, &[], (200, &["trusted_devices"]), "the ledger"),
        row("DELETE", "/v1/trusted-devices", By::Session, &[], (204, &[]), "forgets all"),
        row("PATCH", "/v1/trusted-devices/{id}", By::Session, &[must("name")], (204, &[]), "names one"),
        row("DELETE", "/v1/trusted-devices/{id}", By::Session, &[], (204, &[]), "forgets one"),
    ] },
    Group { name: "Account and factors", rows: &[
        row("PATCH", "/v1/account", By::Session, &[may("name", Kind::Text)], (200, &["user"]), "changes the name"),
        row("DELETE", "/v1/account", By::Fresh, &[may("password", Kind::Text)], (204, &[]), "or 202 where a mail asks once more"),
        row("POST", "/v1/account/password", By::Session, &[must("current"), must("new")], (200, &["session"]), "other sessions and trusted devices end"),
        row("GET", "/v1/authenticators", By::Enrolling, &[], (200, &["authenticators", "preferred", "required", "allowed", "backup_codes_left"]), "what is enrolled, and what would count"),
        row("POST", "/v1/authenticators/totp", By::Enrolling, &[may("password", Kind::Text)], (201, &["uri", "secret", "qr"]), "begins; nothing is in force yet"),
        row("POST", "/v1/authenticators/totp/confirm", By::Enrolling, &[must("code")], (200, &["session", "backup_codes"]), "the first code puts it in force"),
        row("POST", "/v1/authenticators/sms", By::Enrolling, &[must("phone")], (202, &[]), "texts a code to the number, which has its country"),
        row("POST", "/v1/authenticators/sms/confirm", By::Enrolling, &[must("code")], (200, &["session", "backup_codes"]), "puts it in force"),
        row("POST", "/v1/authenticators/email", By::Enrolling, &[PASSWORD], (200, &["session"]), "codes by mail"),
        row("DELETE", "/v1/authenticators/{method}", By::Fresh, &[], (200, &["session"]), "removes a method"),
        row("POST", "/v1/backup-codes", By::Fresh, &[], (201, &["backup_codes"]), "the earlier ones are void"),
        row("GET", "/v1/passkeys", By::Session, &[], (200, &["passkeys"]), "the passkeys"),
        row("POST", "/v1/passkeys/options", By::Enrolling, &[], (200, &["ceremony", "challenge", "rp", "user", "pubKeyCredParams", "timeout", "attestation", "excludeCredentials", "authenticatorSelection"]), "for `navigator.credentials.create()`"),
        row("POST", "/v1/passkeys", By::Enrolling, &[must("ceremony"), RESPONSE, may("name", Kind::Text)], (201, &["passkey", "session", "backup_codes"]), "registers"),
        row("PATCH", "/v1/passkeys/{id}", By::Fresh, &[must("name")], (204, &[]), "names one"),
        row("DELETE", "/v1/passkeys/{id}", By::Fresh, &[], (200, &["session"]), "removes one"),
    ] },
    Group { name: "Recovery", rows: &[
        row("POST", "/v1/recovery", By::Anybody, &[may("email", Kind::Email), may("challenge", Kind::Text)], (202, &[]), "mails the link, whoever that is"),
        row("POST", "/v1/recovery/begin", By::Anybody, &[must("token")], (201, &["claim", "state", "reference", "started_at", "ready_at", "expires_at", "shortened", "from"]), "opens the link; keep the claim"),
        row("POST", "/v1/recovery/status", By::Anybody, &[may("claim", Kind::Text), may("notice", Kind::Text)], (200, STANDING), "by claim, by a mail's token, or by a session of the owner"),
        row("POST", "/v1/recovery/stop", By::Anybody, &[may("claim", Kind::Text), may("notice", Kind::Text), may("trusted_device", Kind::Text)], (200, &["has_password"]), "by any of them"),
        row("POST", "/v1/recovery/complete", By::Anybody, &[must("claim"), may("backup_code", Kind::Text), may("new_password", Kind::Text)], (201, &["session", "user"]), "or 425 `recovery-waiting` with `Retry-After`"),
    ] },
    Group { name: "Organisations", rows: &[
        row("GET", "/v1/organisations", By::Session, &[], (200, &["organisations"]), "one's own, with role and rules"),
        row("PATCH", "/v1/organisation", By::Administrator, &[may("second_factor_required", Kind::Flag), may("methods", Kind::Texts), may("trust_lasts_days", Kind::Number), may("recovery_wait_hours", Kind::Number)], (200, &["organisations"]), "changes its rules"),
        row("POST", "/v1/members/{id}/reset", By::Administrator, &[may("require", Kind::Flag)], (204, &[]), "every factor and session of the member is gone"),
        row("GET", "/v1/members/{id}/recovery", By::Administrator, &[], (200, &["recovery"]), "the open one"),
        row("POST", "/v1/members/{id}/recovery/shorten", By::Administrator, &[must("reference"), must("reason")], (200, &["recovery"]), "to an hour; of privileged people another administrator must agree"),
        row("POST", "/v1/members/{id}/recovery/approve", By::Administrator, &[], (200, &["recovery"]), "agrees"),
    ] },
    Group { name: "This reference", rows: &[
        row("GET", "/v1/openapi.json", By::Anybody, &[], (200, &["openapi", "info", "paths", "components"]), "as OpenAPI 3.1"),
    ] },
];

impl By {
    pub const fn words(self) -> &'static str {
        match self {
            Self::Anybody => "anybody",
            Self::Enrolling => "session, also an enrolling one",
            Self::Session => "session",
            Self::Fresh => "session, fresh proof",
            Self::Administrator => "administrator, fresh proof",
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
        }
    }

    /// As the tables for people write it.
    pub fn written(&self) -> String {
        format!("`{}{}`", self.name, if self.required { "" } else { "?" })
    }
}

impl Row {
    fn operation(&self, group: &str) -> Value {
        let mut operation = json!({
            "tags": [group], "summary": self.what,
            "responses": {
                self.status.to_string(): self.success(),
                "default": { "description": "A problem", "content": { "application/problem+json": {
                    "schema": { "$ref": "#/components/schemas/Problem" } } } },
            },
        });
        // The first step of signing in has two good answers.
        if self.answer == CAME || self.method == "DELETE" && self.path == "/v1/account" {
            let other = if self.answer == CAME { 200 } else { 202 };
            operation["responses"][other.to_string()] =
                json!({ "description": "Not yet: something else first" });
        }
        if self.by != By::Anybody {
            operation["security"] = json!([{ "session": [] }]);
        }
        if !self.body.is_empty() {
            let properties: Map<String, Value> =
                self.body.iter().map(|one| (one.name.to_owned(), one.schema())).collect();
            let required: Vec<_> = self.body.iter().filter(|one| one.required).map(|one| one.name).collect();
            let schema = json!({ "type": "object", "properties": properties, "required": required });
            operation["requestBody"] =
                json!({ "required": true, "content": { "application/json": { "schema": schema } } });
        }
        let named: Vec<_> = self
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        if !named.is_empty() {
            operation["parameters"] = json!(named);
        }
        operation
    }

    fn success(&self) -> Value {
        if self.answer.is_empty() {
            return json!({ "description": self.what });
        }
        let properties: Map<String, Value> =
            self.answer.iter().map(|name| ((*name).to_owned(), json!({}))).collect();
        let schema = json!({ "type": "object", "properties": properties, "required": self.answer });
        json!({ "description": self.what, "content": { "application/json": { "schema": schema } } })
    }
}

/// The OpenAPI 3.1 document.
pub fn openapi(app: &str, origin: &str) -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for group in GROUPS {
        for row in group.rows {
            paths.entry(row.path).or_default().insert(row.method.to_lowercase(), row.operation(group.name));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": app, "version": env!("CARGO_PKG_VERSION") },
        "servers": [{ "url": origin }],
        "paths": paths,
        "components": {
            "securitySchemes": { "session": { "type": "http", "scheme": "bearer" } },
            "schemas": { "Problem": {
                "type": "object", "required": ["type", "title", "status"],
                "properties": {
                    "type": { "type": "string" }, "title": { "type": "string" },
                    "status": { "type": "integer" }, "errors": { "type": "array" },
                },
            } },
        },
    })
}

#[derive(Template)]
#[template(path = "pages/docs.html")]
struct Docs<'a> {
    app: &'a str,
    title: &'a str,
    groups: &'a [Group],
}

/// The same for people.
pub fn page(ctx: &Ctx) -> Reply {
    page::reply(&Docs { app: &ctx.config.app_name, title: "The API", groups: GROUPS }, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_and_nothing_else_is() {
        let mut described: Vec<_> = GROUPS
            .iter()
            .flat_map(|group| group.rows)
            .map(|row| format!("{} {}", row.method, row.path))
            .collect();
        let mut served: Vec<_> = crate::dialects::native::table()
            .list()
            .iter()
            .map(|route| format!("{} {}", route.method, route.path))
            .collect();
        described.sort();
        served.sort();
        assert_eq!(described, served);
    }
}
