//! How Better Auth says no: every refusal as status, code and message (contract §§1.5, 16).

use axum::http::{HeaderName, StatusCode, header};
use countersign_core::{denied::Denied, method::Method};
use serde_json::json;

use super::callers::{CHALLENGE, Surface};
use crate::{
    fault::Fault,
    http::{
        fields::{Complaint, Wrong},
        limits,
        origins::CrossSite,
        reply::Reply,
        sent::Unreadable,
        visitor,
    },
    operations::hears_operations,
};

/// What was being asked, where the wire has different words for the same news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[rustfmt::skip]
pub(super) enum Asking { Plain, SignIn, DeleteUser, VerifyEmail, RegisterPasskey, KeepPasskey, MailedCode }

impl Asking {
    pub const ALL: &[Self] = &[
        Self::Plain,
        Self::SignIn,
        Self::DeleteUser,
        Self::VerifyEmail,
        Self::RegisterPasskey,
        Self::KeepPasskey,
        Self::MailedCode,
    ];
}

/// Everything that is not a yes.
#[derive(Debug)]
pub(super) enum No {
    Denied(Denied),
    Fault(Fault),
    Invalid(Vec<Complaint>),
    MissingQuery(&'static str),
    /// A query parameter that is none of these words.
    QueryChoice(&'static str, &'static str),
    /// And whether the route would have taken a form.
    Unreadable(Unreadable, bool),
    CrossSite(CrossSite),
    /// A redirect target that leads elsewhere: code and message.
    Redirect(&'static str, &'static str),
    RedirectNotText(&'static str),
    /// Refusals that exist only on this wire.
    Only(u16, &'static str, &'static str),
}

hears_operations!(No);

fn said(status: u16, code: &str, message: &str) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Reply::json(&json!({ "message": message, "code": code })).status(status)
}

fn said_without_code(message: &str) -> Reply {
    Reply::json(&json!({ "message": message })).status(StatusCode::BAD_REQUEST)
}

/// The limiter's own refusal, with a code and the standard header beside the wire's (§14 row 10).
pub(super) fn too_many_requests(seconds: u64) -> Reply {
    const X_RETRY_AFTER: HeaderName = HeaderName::from_static("x-retry-after");
    said(429, "TOO_MANY_REQUESTS", "Too many requests. Please try again later.")
        .header(X_RETRY_AFTER, seconds.to_string())
        .header(header::RETRY_AFTER, seconds.to_string())
}

#[rustfmt::skip]
pub(super) fn reply(surface: &Surface, no: No, asking: Asking) -> Reply {
    match no {
        No::Denied(denied) => refusal(surface, &denied, asking),
        No::Fault(fault) if fault.log_and_judge() => said(503, "SERVICE_UNAVAILABLE", "Service unavailable. Please try again.").header(header::RETRY_AFTER, "2"),
        No::Fault(_) => said(500, "INTERNAL_SERVER_ERROR", "Internal Server Error"),
        No::Invalid(complaints) => said(400, "VALIDATION_ERROR", &complaints.iter().map(sentence).collect::<Vec<_>>().join("; ")),
        No::MissingQuery(name) => said(400, "VALIDATION_ERROR", &format!("[query.{name}] Invalid input: expected string, received undefined")),
        No::QueryChoice(name, words) => said(400, "VALIDATION_ERROR", &format!("[query.{name}] Invalid option: expected one of {words}")),
        No::Unreadable(Unreadable::Malformed, _) => said(400, "BAD_REQUEST", "Invalid JSON in request body"),
        No::Unreadable(Unreadable::TooLarge, _) => said(413, "PAYLOAD_TOO_LARGE", "Request body is larger than 64 KiB"),
        No::Unreadable(Unreadable::TooSlow, _) => said(408, "REQUEST_TIMEOUT", "Request body took too long"),
        No::Unreadable(Unreadable::MediaType(sent), takes_forms) => {
            let forms = if takes_forms { "application/x-www-form-urlencoded, " } else { "" };
            let message = format!("Content-Type \"{}\" is not allowed. Allowed types: {forms}application/json", visitor::bounded(&sent));
            said(415, "UNSUPPORTED_MEDIA_TYPE", &message)
        }
        No::CrossSite(CrossSite::MissingOrNull) => said(403, "MISSING_OR_NULL_ORIGIN", "Missing or null Origin"),
        No::CrossSite(CrossSite::Untrusted) => said(403, "INVALID_ORIGIN", "Invalid origin"),
        No::CrossSite(CrossSite::Navigation) => said(403, "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED", "Cross-site navigation login blocked. This request appears to be a CSRF attack."),
        No::Redirect(code, message) => said(403, code, message),
        No::RedirectNotText(key) => said_without_code(&format!("Invalid {key}: expected a string")),
        No::Only(status, code, message) => said(status, code, message),
    }
}

#[rustfmt::skip]
fn sentence(complaint: &Complaint) -> String {
    let about = complaint.member.map_or("body".to_owned(), |member| format!("body.{member}"));
    let wrong = match complaint.wrong {
        Wrong::Type { expected, received } => format!("Invalid input: expected {expected}, received {received}"),
        Wrong::Empty => "Too small: expected string to have >=1 characters".to_owned(),
        Wrong::NoEmail => "Invalid email address".to_owned(),
        Wrong::NoneOf(words) => format!("Invalid option: expected one of \"{}\"", words.join("\"|\"")),
    };
    format!("[{about}] {wrong}")
}

/// The one table of this dialect: every `Denied`, spelled out.
#[rustfmt::skip]
pub(super) fn refusal(surface: &Surface, denied: &Denied, asking: Asking) -> Reply {
    match denied {
        Denied::NotSignedIn | Denied::KeyRefused => said(401, "UNAUTHORIZED", "Unauthorized"),
        Denied::StaleSession if asking == Asking::DeleteUser => said(400, "SESSION_EXPIRED", "Session expired. Re-authenticate to perform this action."),
        Denied::StaleSession => said(403, "SESSION_NOT_FRESH", "Session is not fresh"),
        Denied::BadCredentials => said(401, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password"),
        Denied::WrongPassword => said(400, "INVALID_PASSWORD", "Invalid password"),
        Denied::NoPassword => said(400, "CREDENTIAL_ACCOUNT_NOT_FOUND", "Credential account not found"),
        Denied::PasswordTooShort => said(400, "PASSWORD_TOO_SHORT", "Password too short"),
        Denied::PasswordTooLong => said(400, "PASSWORD_TOO_LONG", "Password too long"),
        Denied::PasswordCommon => said(400, "PASSWORD_COMPROMISED", "This password is too easy to guess. Please choose another one."),
        Denied::EmailInvalid if matches!(asking, Asking::SignIn | Asking::MailedCode) => said(400, "INVALID_EMAIL", "Invalid email"),
        Denied::EmailInvalid => said(400, "VALIDATION_ERROR", "[body.email] Invalid email address"),
        Denied::EmailTaken => said(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", "User already exists. Use another email."),
        Denied::EmailUnverified => said(403, "EMAIL_NOT_VERIFIED", "Email not verified"),
        Denied::EmailAlreadyVerified => said(400, "EMAIL_ALREADY_VERIFIED", "Email is already verified"),
        Denied::EmailMismatch => said(400, "EMAIL_MISMATCH", "Email mismatch"),
        Denied::EmailUnchanged => said_without_code("Email is the same"),
        Denied::FieldTooLong { field, max } => said(400, "VALIDATION_ERROR", &format!("[body.{field}] Too big: expected string to have <={max} characters")),
        Denied::NothingToUpdate => said_without_code("No fields to update"),
        Denied::ChallengeGone => said(401, "INVALID_TWO_FACTOR_COOKIE", "Invalid two factor cookie"),
        Denied::TooManyAttempts if asking == Asking::MailedCode => said(403, "TOO_MANY_ATTEMPTS", "Too many attempts"),
        Denied::WrongCode(_) if asking == Asking::MailedCode => said(400, "INVALID_OTP", "Invalid OTP"),
        Denied::CodeExpired if asking == Asking::MailedCode => said(400, "OTP_EXPIRED", "OTP expired"),
        Denied::TooManyAttempts => said(400, "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE", "Too many attempts. Please request a new code.").cookie(surface.clear(CHALLENGE)),
        Denied::WrongCode(Method::BackupCode) => said(401, "INVALID_BACKUP_CODE", "Invalid backup code"),
        Denied::WrongCode(Method::Totp | Method::EmailCode | Method::SmsCode | Method::Password | Method::Passkey) => said(401, "INVALID_CODE", "Invalid code"),
        Denied::CodeExpired => said(400, "OTP_HAS_EXPIRED", "OTP has expired"),
        Denied::NotEnrolled(Method::BackupCode) => said(400, "BACKUP_CODES_NOT_ENABLED", "Backup codes aren't enabled"),
        Denied::NotEnrolled(Method::EmailCode | Method::SmsCode) => said(400, "OTP_NOT_CONFIGURED", "otp isn't configured"),
        Denied::PasskeyNotFound if asking == Asking::KeepPasskey => said(404, "PASSKEY_NOT_FOUND", "Passkey not found"),
        Denied::NotEnrolled(Method::Passkey) | Denied::PasskeyNotFound => said(401, "PASSKEY_NOT_FOUND", "Passkey not found"),
        Denied::CeremonyGone => said(400, "CHALLENGE_NOT_FOUND", "Challenge not found"),
        Denied::PasskeyRefused if asking == Asking::RegisterPasskey => said(400, "FAILED_TO_VERIFY_REGISTRATION", "Failed to verify registration"),
        Denied::PasskeyRefused => said(400, "AUTHENTICATION_FAILED", "Authentication failed"),
        Denied::PasskeyTaken => said(400, "PREVIOUSLY_REGISTERED", "Previously registered"),
        Denied::TooManyPasskeys { .. } => said(400, "TOO_MANY_PASSKEYS", "You have too many passkeys. Remove one first."),
        Denied::UserVerificationRequired => said(401, "USER_VERIFICATION_REQUIRED", "Use your passkey with its PIN, fingerprint or face, or sign in another way first."),
        Denied::NotEnrolled(Method::Totp | Method::Password) => said(400, "TOTP_NOT_ENABLED", "TOTP not enabled"),
        Denied::AlreadyEnrolled(_) => said(400, "TOTP_ALREADY_ENABLED", "TOTP is already enabled"),
        Denied::NoSecondFactor => said(400, "TWO_FACTOR_NOT_ENABLED", "Two factor isn't enabled"),
        Denied::Locked { wait } => said(429, "ACCOUNT_TEMPORARILY_LOCKED", "Too many failed verification attempts. Your account is temporarily locked. Please try again later.").header(header::RETRY_AFTER, limits::whole_seconds(*wait).to_string()),
        Denied::TooSoon { wait } => too_many_requests(limits::whole_seconds(*wait)),
        Denied::LinkExpired if asking == Asking::VerifyEmail => said(401, "TOKEN_EXPIRED", "Token expired"),
        Denied::LinkInvalid if asking == Asking::VerifyEmail => said(401, "INVALID_TOKEN", "Invalid token"),
        Denied::LinkInvalid | Denied::LinkExpired if asking == Asking::DeleteUser => said(404, "INVALID_TOKEN", "Invalid token"),
        Denied::LinkInvalid | Denied::LinkExpired => said(400, "INVALID_TOKEN", "Invalid token"),
        Denied::EnrolmentDue => said(403, "TWO_FACTOR_ENROLLMENT_REQUIRED", "Your organization requires a second factor. Enroll one to go on."),
        Denied::MethodNotAllowed(_) => said(403, "METHOD_NOT_ALLOWED_BY_ORGANIZATION", "Your organization does not allow this method"),
        Denied::SecondFactorRequired => said(403, "TWO_FACTOR_REQUIRED_BY_ORGANIZATION", "Your organization requires a second factor"),
        // Nothing on this wire leads here.
        Denied::PasswordRequired | Denied::CodeRequired | Denied::PasswordLacks(_) | Denied::NoEnrolment | Denied::NotPermitted
        | Denied::NoOrganisation | Denied::UserNotFound | Denied::SessionNotFound | Denied::KeyNotFound | Denied::TooManyKeys { .. }
        | Denied::RefreshRefused | Denied::AlreadySetUp | Denied::RecoveryGone | Denied::RecoveryWaiting { .. } | Denied::ReasonRequired
        | Denied::AppNotFound | Denied::TooManyApps { .. } | Denied::PhoneInvalid | Denied::PhoneNotAllowed | Denied::TextsPaused => said(400, "BAD_REQUEST", "Bad request"),
        Denied::SoleOwner { .. } => said(409, "SOLE_OWNER", "You are the only owner of an organization that has other members"),
    }
}
