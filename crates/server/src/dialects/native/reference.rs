//! What each route takes and answers: the one source of the OpenAPI document, of `/docs` and of `docs/api.md`. A
//! test holds it against the table of routes.

use askama::Template;
use countersign_core::language::Language;

use super::shapes;
use crate::{
    ctx::Ctx,
    http::{
        look::Look,
        openapi::{By, Group, Kind, Member, Shapes, may, must, row},
        page,
        reply::Reply,
    },
    words::Text,
};

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
/// The second step that comes first.
const STEP: &[&str] = &["challenge", "methods"];
const OPTIONS: &[&str] =
    &["ceremony", "challenge", "rpId", "timeout", "userVerification", "allowCredentials"];
const PERSON: &[&str] = &[
    "external_id",
    "email",
    "name",
    "authenticators=[AuthenticatorOfAPerson]",
    "backup_codes_left",
    "created_at",
];
const RULES: &[Member] = &[
    may("second_factor_required", Kind::Flag),
    may("second_factor_required_from", Kind::Text),
    may("methods", Kind::Texts),
    may("trust_lasts_days", Kind::Number),
    may("recovery_wait_hours", Kind::Number),
];
const STANDING: &[&str] =
    &["state", "reference", "started_at", "ready_at", "expires_at", "shortened", "from"];

pub const SHAPES: Shapes = Shapes { members: shapes::MEMBERS, objects: shapes::OBJECTS };

#[rustfmt::skip]
pub const GROUPS: &[Group] = &[
    Group { name: "Coming in", rows: &[
        row("POST", "/v1/accounts", By::Anybody, &[EMAIL, PASSWORD, may("name", Kind::Text), may("remember", Kind::Flag)], (201, &["user", "session=?NewSession"]), "a new account; `session` is `null` where the address must be verified first"),
        row("POST", "/v1/sessions", By::Anybody, &[must("email"), PASSWORD, may("remember", Kind::Flag), may("trusted_device", Kind::Text)], (201, CAME), "or 200 `{challenge, methods}`").or(200, STEP),
        row("POST", "/v1/sessions/passkey/options", By::Anybody, &[], (200, OPTIONS), "for `navigator.credentials.get()`"),
        row("POST", "/v1/sessions/passkey", By::Anybody, &[must("ceremony"), RESPONSE, may("remember", Kind::Flag)], (201, CAME), "as `/v1/sessions`").or(200, STEP),
        row("POST", "/v1/sessions/mail/code", By::Anybody, &[EMAIL, may("browser", Kind::Text)], (202, &["browser"]), "mails a code; keep `browser`, it comes back with the code"),
        row("POST", "/v1/sessions/mail", By::Anybody, &[must("email"), must("code"), must("browser"), may("name", Kind::Text), may("trusted_device", Kind::Text)], (201, CAME), "as `/v1/sessions`").or(200, STEP),
        row("POST", "/v1/challenge", By::Anybody, &[must("challenge")], (200, &["methods", "backup_codes_left"]), "what it may be answered with"),
        row("POST", "/v1/challenge/code", By::Anybody, &[must("challenge"), may("method", Kind::Text)], (202, &[]), "mails a code, or texts one for `sms_code`"),
        row("POST", "/v1/challenge/passkey/options", By::Anybody, &[must("challenge")], (200, OPTIONS), "for the second step"),
        row("POST", "/v1/challenge/verify", By::Anybody, DOOR, (201, CAME), "the second step: `code`, or `ceremony` and `response`").or(200, STEP),
        row("POST", "/v1/password-reset", By::Anybody, &[EMAIL], (202, &[]), "mails a link to the hosted page, whoever that is"),
        row("POST", "/v1/password-reset/complete", By::Anybody, &[must("token"), must("new")], (204, &[]), "all sessions end, the second factor stays"),
    ] },
    Group { name: "The session", rows: &[
        row("GET", "/v1/session", By::Enrolling, &[], (200, &["session=Session", "user"]), "what it is worth: `acr`, `amr`, `proofs`, `scope`"),
        row("DELETE", "/v1/session", By::Anybody, &[], (204, &[]), "signs out"),
        row("POST", "/v1/session/step-up", By::Session, &[], (200, &["methods", "backup_codes_left", "acr", "max_age"]), "what would count as a fresh proof"),
        row("POST", "/v1/session/step-up/code", By::Session, &[may("method", Kind::Text)], (202, &[]), "mails or texts a code"),
        row("POST", "/v1/session/step-up/passkey/options", By::Session, &[], (200, OPTIONS), "its person must be verified"),
        row("POST", "/v1/session/step-up/verify", By::Session, PROOF, (200, &["session=Session|NewSession"]), "with a new token if the session rose"),
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
        row("GET", "/v1/account/events", By::Session, &[], (200, &["events"]), "what happened to it lately, newest first, twenty at most"),
        row("DELETE", "/v1/account", By::Fresh, &[may("password", Kind::Text)], (204, &[]), "or 202 where a mail asks once more").or(202, &[]),
        row("POST", "/v1/account/not-me", By::Anybody, &[must("token")], (200, &["password_removed"]), "by the link of a notice: ends sessions, trusted devices, API keys and the password"),
        row("POST", "/v1/account/password", By::Session, &[must("current"), must("new")], (200, &["session=?NewSession"]), "other sessions and trusted devices end"),
        row("GET", "/v1/authenticators", By::Enrolling, &[], (200, &["authenticators", "preferred", "required", "required_from", "allowed", "backup_codes_left", "backup_codes_used"]), "what is enrolled, and what would count"),
        row("POST", "/v1/authenticators/totp", By::Enrolling, &[may("password", Kind::Text)], (201, &["uri", "secret", "qr"]), "begins; nothing is in force yet; three apps at most"),
        row("POST", "/v1/authenticators/totp/confirm", By::Enrolling, &[must("code"), may("name", Kind::Text)], (200, &["session=?NewSession", "backup_codes"]), "the first code puts it in force"),
        row("PATCH", "/v1/authenticators/totp/{id}", By::Fresh, &[must("name")], (204, &[]), "names one app; a name that another has is numbered"),
        row("DELETE", "/v1/authenticators/totp/{id}", By::Fresh, &[], (200, &["session=?NewSession"]), "removes one app"),
        row("POST", "/v1/authenticators/sms", By::Enrolling, &[must("phone")], (202, &[]), "texts a code to the number, which has its country"),
        row("POST", "/v1/authenticators/sms/confirm", By::Enrolling, &[must("code")], (200, &["session=?NewSession", "backup_codes"]), "puts it in force"),
        row("POST", "/v1/authenticators/email", By::Enrolling, &[PASSWORD], (200, &["session=?NewSession"]), "codes by mail"),
        row("DELETE", "/v1/authenticators/{method}", By::Fresh, &[], (200, &["session=?NewSession"]), "removes a method, with every authenticator of it"),
        row("POST", "/v1/backup-codes", By::Fresh, &[], (201, &["backup_codes"]), "the earlier ones are void"),
        row("GET", "/v1/passkeys", By::Session, &[], (200, &["passkeys"]), "the passkeys"),
        row("POST", "/v1/passkeys/options", By::Enrolling, &[], (200, &["ceremony", "challenge", "rp", "user=object", "pubKeyCredParams", "timeout", "attestation", "excludeCredentials", "authenticatorSelection"]), "for `navigator.credentials.create()`"),
        row("POST", "/v1/passkeys", By::Enrolling, &[must("ceremony"), RESPONSE, may("name", Kind::Text)], (201, &["passkey=?Passkey", "session=?NewSession", "backup_codes"]), "registers"),
        row("PATCH", "/v1/passkeys/{id}", By::Fresh, &[must("name")], (204, &[]), "names one"),
        row("DELETE", "/v1/passkeys/{id}", By::Fresh, &[], (200, &["session=?NewSession"]), "removes one"),
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
        row("PATCH", "/v1/organisation", By::Administrator, RULES, (200, &["organisations"]), "changes its rules; a day ahead leaves its members until then"),
        row("POST", "/v1/organisation/forecast", By::Session, RULES, (200, &["looked_at", "stopped"]), "whom such rules would stop, of up to 1,000 members; nothing changes"),
        row("GET", "/v1/coverage", By::Session, &[], (200, &["people=number", "guarded", "methods=[PeopleOfAMethod]"]), "how many people there are, have a second factor, and which"),
        row("GET", "/v1/people", By::Session, &[may("search", Kind::Text), may("cursor", Kind::Text)], (200, &["people", "next"]), "fifty at a time, members and people of applications; `next` is the cursor of the next page"),
        row("GET", "/v1/people/{id}", By::Session, &[], (200, &["person", "required", "backup_codes_left", "sessions=[Session]", "trusted_devices", "recovery=?MemberRecovery", "events"]), "one of them, whole"),
        row("GET", "/v1/events", By::Session, &[may("kind", Kind::Text), may("user", Kind::Text), may("cursor", Kind::Text)], (200, &["events", "next"]), "the journal about them, newest first, fifty at a time; `kind` is one, or the group before its dot"),
        row("PATCH", "/v1/members/{id}", By::Administrator, &[must("role")], (204, &[]), "gives another role"),
        row("POST", "/v1/members/{id}/reset", By::Administrator, &[may("require", Kind::Flag), may("reason", Kind::Text)], (204, &[]), "every factor and session of the member is gone"),
        row("GET", "/v1/members/{id}/recovery", By::Administrator, &[], (200, &["recovery=?MemberRecovery"]), "the open one"),
        row("POST", "/v1/members/{id}/recovery/shorten", By::Administrator, &[must("reference"), must("reason")], (200, &["recovery"]), "to an hour; of privileged people another administrator must agree"),
        row("POST", "/v1/members/{id}/recovery/approve", By::Administrator, &[], (200, &["recovery"]), "agrees"),
    ] },
    Group { name: "Service keys", rows: &[
        row("GET", "/v1/service-keys", By::Session, &[], (200, &["service_keys"]), "those of the organisation that one administers"),
        row("POST", "/v1/service-keys", By::Administrator, &[must("name"), may("return_urls", Kind::Texts)], (201, &["id", "name", "key", "organisation", "return_urls", "created_at", "expires_at", "last_used_at"]), "`key` is shown once; people read `name` when they are asked"),
        row("DELETE", "/v1/service-keys/{id}", By::Administrator, &[], (204, &[]), "dead at once"),
    ] },
    Group { name: "Webhooks", rows: &[
        row("GET", "/v1/webhooks", By::Session, &[], (200, &["webhooks"]), "those of the organisation that one administers, and how the last attempt went"),
        row("POST", "/v1/webhooks", By::Administrator, &[must("url"), may("kinds", Kind::Texts)], (201, &["id", "url", "kinds", "secret", "created_at", "last_sent_at", "last_failure"]), "`secret` checks signatures and is shown once; `kinds` such as `authenticator` or `recovery.begun`"),
        row("DELETE", "/v1/webhooks/{id}", By::Administrator, &[], (204, &[]), "nothing more is sent"),
    ] },
    Group { name: "For applications with a login of their own", rows: &[
        row("POST", "/v1/service/challenges", By::Service, &[Member { name: "user", kind: Kind::Person, required: true }, may("methods", Kind::Texts), may("reason", Kind::Text), may("transaction", Kind::Text), may("return_url", Kind::Text)], (201, &["id", "url", "methods", "expires_at"]), "asks one of your people; send them to `url`, or verify what they tell you"),
        row("GET", "/v1/service/challenges/{id}", By::Service, &[], (200, &["id", "state", "methods", "expires_at"]), "`pending`, `passed`, `failed` or `expired`"),
        row("POST", "/v1/service/challenges/{id}/code", By::Service, &[may("method", Kind::Text)], (202, &[]), "mails a code, or texts one for `sms_code`"),
        row("POST", "/v1/service/challenges/{id}/passkey/options", By::Service, &[], (200, OPTIONS), "for a page of this server's domain"),
        row("POST", "/v1/service/challenges/{id}/verify", By::Service, &[may("method", Kind::Text), may("code", Kind::Text), may("return_code", Kind::Text), may("ceremony", Kind::Text), RESPONSE], (200, &["verified", "external_id", "amr", "acr", "assertion"]), "`code`, or `return_code` as it came back with the browser; the assertion is a JWT, told once"),
        row("GET", "/v1/service/users/{id}", By::Service, &[], (200, PERSON), "by your own id for them"),
        row("PUT", "/v1/service/users/{id}", By::Service, &[may("email", Kind::Email), may("name", Kind::Text)], (200, PERSON), "brings somebody, or says anew who they are"),
        row("DELETE", "/v1/service/users/{id}", By::Service, &[], (204, &[]), "forgets them"),
        row("POST", "/v1/service/users/{id}/reset", By::Service, &[], (204, &[]), "every factor is gone; they enrol anew when they are next asked"),
        row("DELETE", "/v1/service/users/{id}/authenticators/{method}", By::Service, &[], (204, &[]), "removes a method"),
    ] },
    Group { name: "This reference", rows: &[
        row("GET", "/v1/openapi.json", By::Anybody, &[], (200, &["openapi", "info", "servers", "paths", "components"]), "as OpenAPI 3.1"),
    ] },
];

#[derive(Template)]
#[template(path = "pages/docs.html")]
struct Docs<'a> {
    look: Look,
    title: Text,
    groups: &'a [Group],
    objects: &'a [(&'static str, &'static [(&'static str, &'static str)])],
}

/// The same for people.
pub fn page(ctx: &Ctx) -> Reply {
    let look = Look::new(&ctx.config.app_name, Language::English);
    page::reply(&Docs { look, title: Text::plain("The API"), groups: GROUPS, objects: SHAPES.objects }, None)
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

    /// Nothing is left to be "an object", and no shape is named that is not there.
    #[test]
    fn every_member_of_every_answer_has_a_shape() {
        let known = |name: &str| shapes::MEMBERS.iter().any(|(one, _)| *one == name);
        let plain = ["text", "when", "flag", "number", "object", "Method"];
        let named = |shape: &str| {
            for name in shape.trim_matches(['?', '[', ']']).split('|') {
                let there = shapes::OBJECTS.iter().any(|(one, _)| *one == name);
                assert!(there || plain.contains(&name), "{shape}");
            }
        };
        for row in GROUPS.iter().flat_map(|group| group.rows) {
            let other = row.or.map_or(&[][..], |(_, answer)| answer);
            for member in row.answer.iter().chain(other) {
                match member.split_once('=') {
                    Some((_, shape)) => named(shape),
                    None => assert!(known(member), "{} {}: {member}", row.method, row.path),
                }
            }
        }
        let inside = shapes::OBJECTS.iter().flat_map(|(_, members)| members.iter());
        shapes::MEMBERS.iter().chain(inside).for_each(|(_, shape)| named(shape));
    }
}
