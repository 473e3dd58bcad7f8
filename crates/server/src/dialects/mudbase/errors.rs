//! How Mudbase says no: every refusal as status and `{error, code, details}` (contract §1).

use axum::http::{StatusCode, header};
use countersign_core::{denied::Denied, password::Rules};
use serde_json::{Value, json};

use crate::{
    fault::Fault,
    http::{limits, reply::Reply, sent::Unreadable},
    operations::hears_operations,
};

/// What was being asked, where the wire answers the same news in different ways. Only at login, where no bearer
/// token comes along, is a wrong code 401: elsewhere clients would refresh and repeat it (contract §1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    Plain,
    Login,
    LocalSignUp,
}

impl Asking {
    pub const ALL: &[Self] = &[Self::Plain, Self::Login, Self::LocalSignUp];
}

/// Everything that is not a yes. No `Debug`: complaints quote the names of members.
pub(super) enum No {
    Denied(Denied),
    Fault(Fault),
    /// What is wrong with the body, a sentence each.
    Invalid(Vec<String>),
    Unreadable(Unreadable),
    RefreshTokenMissing,
    ProjectUnknown,
}

hears_operations!(No);

fn envelope(error: &str, code: &str, details: &str) -> Value {
    json!({ "error": error, "code": code, "details": details })
}

fn answer(status: u16, body: &Value) -> Reply {
    Reply::json(body).status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
}

fn said(status: u16, error: &str, code: &str, details: &str) -> Reply {
    answer(status, &envelope(error, code, details))
}

fn invalid(details: &[String]) -> Reply {
    answer(400, &json!({ "error": "Validation failed", "code": "VALIDATION_ERROR", "details": details }))
}

fn wait(error: &str, seconds: u64) -> Reply {
    let details = format!("Try again in {seconds} seconds");
    let body = json!({ "error": error, "code": "RATE_LIMITED", "details": details, "retryAfter": seconds });
    answer(429, &body).header(header::RETRY_AFTER, seconds.to_string())
}

pub(super) fn too_many_requests(seconds: u64) -> Reply {
    wait("Too many requests, please try again later.", seconds)
}

pub(super) async fn nothing_here() -> Reply {
    said(404, "Resource not found", "NOT_FOUND", "There is no such route")
}

#[rustfmt::skip]
pub(super) fn reply(no: No, asking: Asking) -> Reply {
    match no {
        No::Denied(denied) => refusal(&denied, asking),
        No::Fault(fault) if fault.log_and_judge() => said(503, "Service unavailable", "SERVICE_UNAVAILABLE", "Try again in 2 seconds").header(header::RETRY_AFTER, "2"),
        No::Fault(_) => said(500, "Internal server error", "INTERNAL_ERROR", "An unexpected error occurred"),
        No::Invalid(complaints) => invalid(&complaints),
        No::Unreadable(Unreadable::Malformed) => said(400, "Invalid JSON", "INVALID_JSON", "The request body is not valid JSON"),
        No::Unreadable(Unreadable::TooLarge) => said(413, "Payload too large", "PAYLOAD_TOO_LARGE", "The request body is larger than 64 KiB"),
        No::Unreadable(Unreadable::TooSlow) => said(408, "Request timeout", "REQUEST_TIMEOUT", "The request body took too long"),
        No::Unreadable(Unreadable::MediaType(_)) => said(415, "Unsupported media type", "UNSUPPORTED_MEDIA_TYPE", "Send application/json"),
        No::RefreshTokenMissing => said(400, "Refresh token is required", "VALIDATION_ERROR", "Send refreshToken"),
        No::ProjectUnknown => said(404, "Project not found", "NOT_FOUND", "You do not belong to this project"),
    }
}

/// The body that says so, to which a login adds what can enrol.
pub(super) fn enrolment_due() -> Value {
    let details = "Your organization requires a second factor: set one up to go on";
    envelope("Two-factor enrollment required", "TWO_FACTOR_ENROLLMENT_REQUIRED", details)
}

fn wrong_code(asking: Asking) -> Reply {
    let details = "The code is wrong, expired or was used before";
    match asking {
        Asking::Login => said(401, "Invalid two-factor code", "INVALID_TWO_FACTOR_CODE", details),
        Asking::Plain | Asking::LocalSignUp => said(400, "Invalid 2FA token", "INVALID_2FA_TOKEN", details),
    }
}

/// The one table of this dialect: every `Denied`, spelled out.
#[rustfmt::skip]
pub(super) fn refusal(denied: &Denied, asking: Asking) -> Reply {
    match denied {
        Denied::NotSignedIn | Denied::KeyRefused => said(401, "Authentication required", "UNAUTHORIZED", "Valid authentication credentials are required"),
        Denied::BadCredentials => said(401, "Invalid credentials", "INVALID_CREDENTIALS", "Email or password is wrong"),
        Denied::RefreshRefused => said(401, "Invalid or expired refresh token", "INVALID_REFRESH_TOKEN", "Log in again"),
        Denied::StaleSession => said(403, "Recent login required", "REAUTHENTICATION_REQUIRED", "Log in again and repeat this within five minutes"),
        Denied::WrongPassword => said(400, "Current password is incorrect", "INVALID_PASSWORD", "The password is wrong"),
        Denied::NoPassword => said(400, "Account has no password", "NO_PASSWORD", "There is no password to change"),
        Denied::PasswordRequired => said(400, "Current password is required", "VALIDATION_ERROR", "Provide currentPassword"),
        Denied::CodeRequired if asking == Asking::Login => said(401, "Two-factor code required", "TWO_FACTOR_REQUIRED", "Provide totpToken"),
        Denied::CodeRequired => said(400, "Two-factor code required", "TWO_FACTOR_REQUIRED", "Provide totpToken"),
        Denied::PasswordTooShort => invalid(&[format!("\"password\" length must be at least {} characters long", Rules::default().min)]),
        Denied::PasswordCommon => invalid(&["\"password\" is too easy to guess".to_owned()]),
        Denied::PasswordTooLong => invalid(&[format!("\"password\" length must be less than or equal to {} characters long", Rules::default().max)]),
        Denied::EmailInvalid => invalid(&["\"email\" must be a valid email".to_owned()]),
        Denied::FieldTooLong { field, max } => invalid(&[format!("\"{field}\" length must be less than or equal to {max} characters long")]),
        Denied::EmailTaken if asking == Asking::LocalSignUp => said(400, "User already exists", "CONFLICT", "Use another email"),
        Denied::EmailTaken => said(409, "User already exists", "CONFLICT", "Use another email"),
        Denied::EmailUnverified => {
            let message = "Please verify your email to sign in.";
            answer(403, &json!({ "error": "Email verification required", "code": "EMAIL_VERIFICATION_REQUIRED", "message": message }))
        }
        Denied::NothingToUpdate => said(400, "No fields to update", "VALIDATION_ERROR", "Send firstName, lastName or avatar"),
        // At login the question and its answer come in one request: one that was overtaken is as good as wrong.
        Denied::ChallengeGone | Denied::TooManyAttempts | Denied::WrongCode(_) | Denied::CodeExpired | Denied::NotEnrolled(_) => wrong_code(asking),
        Denied::AlreadyEnrolled(_) => said(400, "2FA is already enabled", "2FA_ALREADY_ENABLED", "Disable it before setting it up anew"),
        Denied::NoSecondFactor => said(400, "2FA is not enabled", "2FA_NOT_ENABLED", "There is nothing to disable"),
        Denied::NoEnrolment => said(400, "2FA setup not initiated", "2FA_SETUP_NOT_INITIATED", "Call 2fa/setup first"),
        Denied::Locked { wait: left } => wait("Too many failed attempts, please try again later.", limits::whole_seconds(*left)),
        Denied::TooSoon { wait: left } => too_many_requests(limits::whole_seconds(*left)),
        Denied::LinkInvalid | Denied::LinkExpired => said(400, "Invalid or expired token", "INVALID_TOKEN", "Ask for another mail"),
        Denied::EnrolmentDue => answer(403, &enrolment_due()),
        Denied::MethodNotAllowed(_) => said(403, "Access denied", "FORBIDDEN", "Your organization does not allow this second factor"),
        Denied::SecondFactorRequired => said(403, "Access denied", "TWO_FACTOR_REQUIRED_BY_ORGANIZATION", "Your organization requires a second factor"),
        Denied::NotPermitted | Denied::NoOrganisation => said(403, "Access denied", "FORBIDDEN", "Insufficient permissions for this action"),
        Denied::UserNotFound | Denied::SessionNotFound | Denied::KeyNotFound => said(404, "Resource not found", "NOT_FOUND", "There is no such resource"),
        Denied::TooManyKeys { max } => said(409, "Too many API keys", "CONFLICT", &format!("There can be {max} keys: delete one first")),
        Denied::SoleOwner { organisations } => {
            let error = "You are the only owner of an organization that has other members";
            answer(409, &json!({ "error": error, "soleOwnedOrgs": organisations }))
        }
        // Nothing on this wire leads here.
        Denied::PasswordLacks(_) | Denied::EmailAlreadyVerified | Denied::EmailMismatch | Denied::EmailUnchanged | Denied::AlreadySetUp
        | Denied::CeremonyGone | Denied::PasskeyRefused | Denied::PasskeyNotFound | Denied::PasskeyTaken | Denied::TooManyPasskeys { .. } | Denied::AppNotFound | Denied::TooManyApps { .. } | Denied::PhoneInvalid | Denied::PhoneNotAllowed | Denied::TextsPaused
        | Denied::UserVerificationRequired
        | Denied::RecoveryGone | Denied::RecoveryWaiting { .. } | Denied::ReasonRequired => {
            said(400, "Bad request", "BAD_REQUEST", "This cannot be done")
        }
    }
}
