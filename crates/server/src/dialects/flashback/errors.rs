//! How Flashback says no: by status, with `success`, `error`, `message` and `error_code` (contract §1).

use axum::http::{StatusCode, header};
use countersign_core::{denied::Denied, password::Ingredient};
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

/// What was being asked, where the wire has different words for the same news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    Plain,
    VerifySetup,
    Reset,
    Heartbeat,
}

impl Asking {
    pub const ALL: &[Self] = &[Self::Plain, Self::VerifySetup, Self::Reset, Self::Heartbeat];
}

/// Everything that is not a yes.
#[derive(Debug)]
pub(super) enum No {
    Denied(Denied),
    Fault(Fault),
    Invalid(Vec<Complaint>),
    Unreadable(Unreadable),
    /// The token stands for an open question, and the route is not among those that it opens.
    SecondStepDue,
    /// Refusals that exist only on this wire.
    Only(u16, &'static str, &'static str),
}

impl No {
    pub const MFA_TYPE: Self = Self::Only(400, "INVALID_MFA_TYPE", "Invalid MFA type specified");
    pub const DEVICE_NOT_FOUND: Self = Self::Only(404, "DEVICE_NOT_FOUND", "Device not found");
}

hears_operations!(No);

/// Both of the wire's envelopes in one: `/mfa` has the sentence in `error`, `/user` in `message`.
pub(super) fn said(status: u16, code: &str, sentence: &str) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({ "success": false, "error": sentence, "message": sentence, "error_code": code });
    Reply::json(&body).status(status)
}

pub(super) fn too_many_requests(seconds: u64) -> Reply {
    said(429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later.")
        .header(header::RETRY_AFTER, seconds.to_string())
}

fn second_step_due() -> Reply {
    said(403, "MFA_REQUIRED", "MFA verification required")
}

#[rustfmt::skip]
pub(super) fn reply(no: No, asking: Asking) -> Reply {
    match no {
        No::Denied(denied) => refusal(&denied, asking),
        No::Fault(fault) if fault.log_and_judge() => said(503, "SERVICE_UNAVAILABLE", "Service unavailable. Please try again.").header(header::RETRY_AFTER, "2"),
        No::Fault(_) => said(500, "INTERNAL_SERVER_ERROR", "Internal server error"),
        No::Invalid(complaints) => said(400, "VALIDATION_ERROR", &complaints.iter().map(sentence).collect::<Vec<_>>().join("; ")),
        No::Unreadable(Unreadable::Malformed) => said(400, "INVALID_JSON", "Request body is not valid JSON"),
        No::Unreadable(Unreadable::TooLarge) => said(413, "PAYLOAD_TOO_LARGE", "Request body is larger than 64 KiB"),
        No::Unreadable(Unreadable::TooSlow) => said(408, "REQUEST_TIMEOUT", "Request body took too long"),
        No::Unreadable(Unreadable::MediaType(_)) => said(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be application/json"),
        No::SecondStepDue => second_step_due(),
        No::Only(status, code, message) => said(status, code, message),
    }
}

fn sentence(complaint: &Complaint) -> String {
    let about = complaint.member.unwrap_or("body");
    match complaint.wrong {
        Wrong::Type { expected, received } => format!("{about}: expected {expected}, received {received}"),
        Wrong::Empty => format!("{about}: must not be empty"),
        Wrong::NoEmail => format!("{about}: not a valid email address"),
        Wrong::NoneOf(words) => format!("{about}: expected one of {}", words.join(", ")),
    }
}

/// The one table of this dialect: every `Denied`, spelled out.
#[rustfmt::skip]
pub(super) fn refusal(denied: &Denied, asking: Asking) -> Reply {
    match denied {
        Denied::NotSignedIn => said(401, "UNAUTHORIZED", "Unauthorized"),
        Denied::StaleSession => {
            said(403, "REAUTHENTICATION_REQUIRED", "Sign in again, or verify your second factor again at mfa/verify-login, and repeat this within five minutes")
        }
        Denied::BadCredentials => said(401, "INVALID_PASSWORD", "Invalid email or password"),
        Denied::EmailUnverified => said(401, "USER_INACTIVE", "Verify your email address first"),
        Denied::PasswordTooShort => said(400, "PASSWORD_TOO_SHORT", "The password must have at least 8 characters"),
        Denied::PasswordCommon => said(400, "PASSWORD_TOO_COMMON", "This password is too easy to guess. Please choose another one"),
        Denied::PasswordTooLong => said(400, "PASSWORD_TOO_LONG", "The password is too long"),
        Denied::PasswordLacks(Ingredient::UpperCase) => said(400, "PASSWORD_TOO_WEAK", "The password must contain an upper-case letter"),
        Denied::PasswordLacks(Ingredient::LowerCase) => said(400, "PASSWORD_TOO_WEAK", "The password must contain a lower-case letter"),
        Denied::PasswordLacks(Ingredient::Digit) => said(400, "PASSWORD_TOO_WEAK", "The password must contain a digit"),
        Denied::PasswordLacks(Ingredient::Special) => said(400, "PASSWORD_TOO_WEAK", "The password must contain a special character"),
        Denied::EmailInvalid => said(400, "INVALID_EMAIL", "Invalid email address"),
        Denied::EmailTaken => said(400, "USER_ALREADY_EXISTS", "An account with this email address already exists"),
        Denied::EmailMismatch => said(400, "EMAIL_MISMATCH", "Magic links go to the email address of your account"),
        Denied::FieldTooLong { field, max } => said(400, "VALIDATION_ERROR", &format!("{field}: at most {max} characters")),
        Denied::ChallengeGone => said(401, "MFA_SESSION_EXPIRED", "MFA verification expired. Please log in again."),
        Denied::TooManyAttempts => said(429, "TOO_MANY_ATTEMPTS", "Too many failed attempts. Please log in again."),
        Denied::WrongCode(_) | Denied::CodeExpired | Denied::NoEnrolment | Denied::LinkInvalid | Denied::LinkExpired
            if asking == Asking::VerifySetup => said(400, "MFA_SETUP_FAILED", "MFA setup verification failed"),
        Denied::CeremonyGone | Denied::PasskeyRefused | Denied::PasskeyTaken if asking == Asking::VerifySetup => said(400, "MFA_SETUP_FAILED", "MFA setup verification failed"),
        Denied::CeremonyGone | Denied::PasskeyRefused | Denied::PasskeyTaken | Denied::PasskeyNotFound | Denied::UserVerificationRequired => said(400, "PASSKEY_VERIFICATION_FAILED", "Passkey verification failed"),
        Denied::AppNotFound | Denied::TooManyApps { .. } | Denied::PhoneInvalid | Denied::PhoneNotAllowed | Denied::TextsPaused => said(400, "BAD_REQUEST", "Bad request"),
        Denied::TooManyPasskeys { .. } => said(400, "TOO_MANY_PASSKEYS", "There are too many passkeys: remove one first"),
        Denied::WrongCode(_) | Denied::CodeExpired => said(400, "INVALID_MFA_CODE", "Invalid or expired verification code"),
        Denied::NoEnrolment => said(400, "MFA_SETUP_NOT_STARTED", "MFA setup was not started or has expired"),
        Denied::LinkInvalid | Denied::LinkExpired => said(400, "INVALID_TOKEN", "Invalid or expired token"),
        Denied::NotEnrolled(_) => said(400, "MFA_METHOD_NOT_CONFIGURED", "MFA method is not configured"),
        Denied::AlreadyEnrolled(_) => said(400, "MFA_METHOD_ALREADY_ENABLED", "MFA method is already enabled"),
        Denied::NoSecondFactor => said(400, "MFA_NOT_ENABLED", "MFA is not enabled"),
        Denied::Locked { wait } => {
            said(429, "MFA_LOCKED", "Too many failed attempts. Verification is temporarily locked.")
                .header(header::RETRY_AFTER, limits::whole_seconds(*wait).to_string())
        }
        Denied::TooSoon { wait } => too_many_requests(limits::whole_seconds(*wait)),
        Denied::EnrolmentDue => second_step_due(),
        Denied::MethodNotAllowed(_) => said(403, "MFA_METHOD_NOT_ALLOWED", "Your organization does not allow this MFA method"),
        Denied::SecondFactorRequired => said(403, "MFA_ENFORCED", "Cannot disable MFA when enforced by organization"),
        Denied::NotPermitted | Denied::NoOrganisation if asking == Asking::Reset => {
            said(403, "INSUFFICIENT_PERMISSIONS", "Insufficient permissions. OWNER or ADMINISTRATOR role required to reset another user's MFA.")
        }
        Denied::NotPermitted => said(403, "INSUFFICIENT_PERMISSIONS", "Insufficient permissions. OWNER or ADMINISTRATOR role required."),
        Denied::NoOrganisation => said(400, "NO_ORGANIZATION", "User not associated with an organization"),
        Denied::UserNotFound => said(404, "USER_NOT_FOUND", "User not found"),
        Denied::SessionNotFound if asking == Asking::Heartbeat => said(404, "SESSION_NOT_FOUND", "Session not found or expired"),
        Denied::SessionNotFound => said(404, "SESSION_NOT_FOUND", "Session not found"),
        Denied::RefreshRefused => said(401, "INVALID_REFRESH_TOKEN", "Invalid or expired refresh token"),
        Denied::SoleOwner { .. } => said(409, "SOLE_OWNER", "You are the only owner of an organization that has other members"),
        // Nothing on this wire leads here.
        Denied::WrongPassword | Denied::NoPassword | Denied::PasswordRequired | Denied::CodeRequired | Denied::EmailAlreadyVerified
        | Denied::EmailUnchanged | Denied::NothingToUpdate | Denied::KeyRefused | Denied::KeyNotFound | Denied::TooManyKeys { .. }
        | Denied::AlreadySetUp | Denied::RecoveryGone | Denied::RecoveryWaiting { .. } | Denied::ReasonRequired => said(400, "BAD_REQUEST", "Bad request"),
    }
}
