//! How our own API says no: problem details (RFC 9457) whose `type` never changes, and what would help.

use axum::http::{StatusCode, header};
use countersign_core::{denied::Denied, method::Method};
use serde_json::json;

use crate::{
    fault::Fault,
    http::{
        fields::{Complaint, Wrong},
        limits,
        reply::Reply,
        sent::Unreadable,
    },
    operations::hears_operations,
};

/// Everything that is not a yes.
#[derive(Debug)]
pub(super) enum No {
    Denied(Denied),
    Fault(Fault),
    Invalid(Vec<Complaint>),
    Unreadable(Unreadable),
    /// Refusals that only this wire has.
    Only(u16, &'static str, &'static str),
}

impl No {
    pub const CROSS_SITE: Self =
        Self::Only(403, "cross-site", "Requests with a cookie must come from a page of this server");
    pub const DEVICE: Self = Self::Only(404, "trusted-device-not-found", "There is no such trusted device");
    pub const RETURN_URL: Self =
        Self::Only(400, "return-url-not-allowed", "The key may not send people back to this return_url");
    pub const RETURN_URLS: Self = Self::Only(
        400,
        "return-urls-invalid",
        "return_urls are up to 20 whole https addresses without a fragment, or http ones of this machine",
    );
    pub const EXTERNAL_ID: Self = Self::Only(
        400,
        "external-id-invalid",
        "external_id has 1 to 200 characters, none of them a control or invisible",
    );
    pub const WEBHOOK_URL: Self = Self::Only(
        400,
        "webhook-url-invalid",
        "url must be a whole https address, or http of a listed private host",
    );
    pub const KINDS: Self =
        Self::Only(400, "kinds-invalid", "kinds are kinds of events, or the groups before their dots");
    pub const TEXT: Self = Self::Only(
        400,
        "text-invalid",
        "A text that people read is too long, empty, or holds characters that they would not see",
    );
    pub const IDEMPOTENCY_KEY: Self = Self::Only(
        400,
        "idempotency-key-invalid",
        "Idempotency-Key is one header of 1 to 200 visible ASCII characters",
    );
    pub const IN_PROGRESS: Self = Self::Only(
        409,
        "in-progress",
        "The first request with this Idempotency-Key is being worked on: try again",
    );
    pub const KEY_REUSED: Self =
        Self::Only(422, "idempotency-key-reused", "This Idempotency-Key came with another request before");
    pub const METHODS: Self = Self::Only(
        400,
        "methods-invalid",
        "methods are some of passkey, totp, sms_code, email_code, backup_code",
    );
    pub const METHOD: Self = Self::Only(404, "unknown-method", "There is no such method");
}

hears_operations!(No);

/// `type` is a name, not a place: it holds wherever this server runs.
pub(super) fn said(status: u16, code: &str, title: &str) -> Reply {
    let body = json!({ "type": format!("urn:countersign:problem:{code}"), "title": title, "status": status });
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Reply::json(&body).status(status).header(header::CONTENT_TYPE, "application/problem+json")
}

pub(super) fn too_many_requests(seconds: u64) -> Reply {
    said(429, "too-many-requests", "Too many requests. Try again later")
        .header(header::RETRY_AFTER, seconds.to_string())
}

#[rustfmt::skip]
pub(super) fn reply(no: No) -> Reply {
    match no {
        No::Denied(denied) => refusal(&denied),
        No::Fault(fault) if fault.log_and_judge() => said(503, "unavailable", "Storage is busy or away. Try again").header(header::RETRY_AFTER, "2"),
        No::Fault(_) => said(500, "internal", "Something went wrong here"),
        No::Invalid(complaints) => invalid(&complaints),
        No::Unreadable(Unreadable::Malformed) => said(400, "malformed", "The body is not JSON"),
        No::Unreadable(Unreadable::TooLarge) => said(413, "too-large", "The body is larger than 64 KiB"),
        No::Unreadable(Unreadable::TooSlow) => said(408, "too-slow", "The body took too long"),
        No::Unreadable(Unreadable::MediaType(_)) => said(415, "media-type", "The body must be application/json"),
        No::Only(status, code, title) => said(status, code, title),
    }
}

/// Each member that is wrong, with a JSON pointer to it.
fn invalid(complaints: &[Complaint]) -> Reply {
    let errors: Vec<_> = complaints
        .iter()
        .map(|complaint| {
            let detail = match complaint.wrong {
                Wrong::Type { expected, received } => format!("must be {expected}, not {received}"),
                Wrong::Empty => "must not be empty".to_owned(),
                Wrong::NoEmail => "must be an email address".to_owned(),
                Wrong::NoneOf(words) => format!("must be one of {}", words.join(", ")),
            };
            let pointer = complaint.member.map(|member| format!("/{member}")).unwrap_or_default();
            json!({ "pointer": pointer, "detail": detail })
        })
        .collect();
    let body = json!({
        "type": "urn:countersign:problem:invalid", "title": "The body is not what this route takes",
        "status": 400, "errors": errors,
    });
    Reply::json(&body)
        .status(StatusCode::BAD_REQUEST)
        .header(header::CONTENT_TYPE, "application/problem+json")
}

fn wait(status: u16, code: &str, title: &str, wait: std::time::Duration) -> Reply {
    said(status, code, title).header(header::RETRY_AFTER, limits::whole_seconds(wait).to_string())
}

/// The one table of this dialect: every `Denied`, spelled out.
#[rustfmt::skip]
pub(super) fn refusal(denied: &Denied) -> Reply {
    match denied {
        Denied::NotSignedIn => said(401, "not-signed-in", "There is no live session").header(header::WWW_AUTHENTICATE, "Bearer"),
        // RFC 9470 §3: what must be shown, and how recently.
        Denied::StaleSession => said(401, "insufficient-user-authentication", "This takes a fresh proof: step up, or sign in again, and repeat").header(header::WWW_AUTHENTICATE, r#"Bearer error="insufficient_user_authentication", acr_values="aal2", max_age="300""#),
        Denied::KeyRefused => said(403, "key-refused", "A person must do this, not an API key"),
        Denied::BadCredentials => said(401, "bad-credentials", "The address or the password is wrong"),
        Denied::WrongPassword => said(403, "wrong-password", "The password is wrong"),
        Denied::NoPassword => said(409, "no-password", "The account has no password"),
        Denied::PasswordRequired => said(400, "password-required", "This takes the password"),
        Denied::CodeRequired => said(400, "code-required", "This takes a code of the second factor"),
        Denied::PasswordTooShort => said(400, "password-too-short", "The password is too short"),
        Denied::PasswordTooLong => said(400, "password-too-long", "The password is too long"),
        Denied::PasswordCommon => said(400, "password-too-common", "The password is among those that are guessed first"),
        Denied::PasswordLacks(_) => said(400, "password-lacks", "The password lacks a kind of character"),
        Denied::EmailInvalid => said(400, "email-invalid", "That is not an email address"),
        Denied::EmailTaken => said(409, "email-taken", "The address has an account"),
        Denied::EmailUnverified => said(403, "email-unverified", "The address must be verified first"),
        Denied::EmailAlreadyVerified => said(409, "email-verified", "The address is verified already"),
        Denied::EmailMismatch => said(400, "email-mismatch", "That is not the address of this account"),
        Denied::EmailUnchanged => said(400, "email-unchanged", "That is the address of this account"),
        Denied::FieldTooLong { field, max } => said(400, "too-long", &format!("{field} may have {max} characters")),
        Denied::NothingToUpdate => said(400, "nothing-to-update", "Nothing was named that could change"),
        Denied::ChallengeGone => said(410, "challenge-gone", "The challenge is over: sign in again"),
        Denied::TooManyAttempts => said(410, "too-many-attempts", "Too many wrong answers: begin again"),
        Denied::WrongCode(Method::Password) => said(403, "wrong-password", "The password is wrong"),
        Denied::WrongCode(_) => said(403, "wrong-code", "The code is wrong, or was used before"),
        Denied::CodeExpired => said(410, "code-expired", "No live code was sent: ask for one"),
        Denied::NotEnrolled(_) => said(409, "not-enrolled", "The account does not have this method"),
        Denied::AlreadyEnrolled(_) => said(409, "already-enrolled", "The account has this method already"),
        Denied::NoSecondFactor => said(409, "no-second-factor", "The account has no second factor"),
        Denied::Locked { wait: span } => wait(429, "locked", "Too many wrong codes: the account waits", *span),
        Denied::TooSoon { wait: span } => wait(429, "too-soon", "That was asked for too often", *span),
        Denied::LinkInvalid => said(410, "link-invalid", "The link was used, or never was one"),
        Denied::LinkExpired => said(410, "link-expired", "The link is too old"),
        Denied::EnrolmentDue => said(403, "enrolment-due", "A second factor is required: enrol one first"),
        Denied::MethodNotAllowed(_) => said(403, "method-not-allowed-here", "The organisation does not count this method"),
        Denied::SecondFactorRequired => said(403, "second-factor-required", "The organisation requires a second factor"),
        Denied::NoEnrolment => said(409, "no-enrolment", "No enrolment is waiting: begin one"),
        Denied::NotPermitted => said(403, "not-permitted", "The role does not reach this far"),
        Denied::NoOrganisation => said(403, "no-organisation", "The account belongs to no organisation"),
        Denied::UserNotFound => said(404, "person-not-found", "There is no such person"),
        Denied::SessionNotFound => said(404, "session-not-found", "There is no such session"),
        Denied::KeyNotFound => said(404, "key-not-found", "There is no such key, or no such webhook"),
        Denied::TooManyKeys { max } => said(409, "too-many-keys", &format!("There can be {max} of them")),
        Denied::RefreshRefused => said(401, "refresh-refused", "The refresh token was used, or never was one"),
        Denied::AlreadySetUp => said(409, "already-set-up", "The first account exists"),
        Denied::SoleOwner { .. } => said(409, "sole-owner", "An organisation with other members would lose its only owner"),
        Denied::RecoveryGone => said(410, "recovery-gone", "The recovery is over, or never was one"),
        Denied::RecoveryWaiting { wait: span } => wait(425, "recovery-waiting", "The recovery has to wait", *span),
        Denied::ReasonRequired => said(400, "reason-required", "This takes a reason"),
        Denied::CeremonyGone => said(410, "ceremony-gone", "The passkey ceremony is over: ask for new options"),
        Denied::PasskeyRefused => said(403, "passkey-refused", "The passkey's answer does not hold"),
        Denied::PasskeyNotFound => said(404, "passkey-not-found", "There is no such passkey"),
        Denied::PasskeyTaken => said(409, "passkey-taken", "The passkey is registered already"),
        Denied::PhoneInvalid => said(400, "phone-invalid", "That is not a phone number with its country, such as +49 151 12345678"),
        Denied::PhoneNotAllowed => said(403, "phone-not-allowed", "No text messages go to this number"),
        Denied::TextsPaused => said(503, "texts-paused", "Too many text messages were sent: use another method"),
        Denied::AppNotFound => said(404, "app-not-found", "There is no such authenticator app"),
        Denied::TooManyApps { max } => said(409, "too-many-apps", &format!("There can be {max} authenticator apps")),
        Denied::TooManyPasskeys { max } => said(409, "too-many-passkeys", &format!("There can be {max} passkeys")),
        Denied::UserVerificationRequired => said(403, "user-verification-required", "The passkey must verify its person"),
    }
}
