//! How Better Auth says no: every refusal as status, code and message (contract §§1.5, 16).

use axum::http::{HeaderName, StatusCode, header};
use countersign_core::{denied::Denied, method::Method};
use serde::Serialize;

use super::{
    callers::{Cookie, Reply},
    wire::RedirectTarget,
};
use crate::{
    fault::{Fault, FaultKind},
    http::{body::Unread, origins::CrossSite},
    operations::Stop,
};

/// What was being asked, where the wire has different words for the same news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    Plain,
    SignIn,
    DeleteUser,
    ResetPassword,
    VerifyEmail,
}

/// Everything that is not a yes.
#[derive(Debug)]
pub(super) enum No {
    Denied(Denied),
    Fault(Fault),
    /// The body or query does not have the asked shape; the complaint names members, never values.
    Invalid(String),
    Malformed,
    Unread(Unread),
    MediaType {
        sent: String,
        takes_forms: bool,
    },
    CrossSite(CrossSite),
    Redirect(&'static RedirectTarget),
    RedirectNotText(&'static str),
    /// Refusals that exist only on this wire.
    Only(StatusCode, &'static str, &'static str),
}

impl From<Stop> for No {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Denied(denied) => Self::Denied(denied),
            Stop::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<Denied> for No {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

#[derive(Serialize)]
struct ErrorShape<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
}

fn said(status: StatusCode, code: &str, message: &str) -> Reply {
    Reply::json(&ErrorShape { message, code: Some(code) }).status(status)
}

fn said_without_code(status: StatusCode, message: &str) -> Reply {
    Reply::json(&ErrorShape { message, code: None }).status(status)
}

const X_RETRY_AFTER: HeaderName = HeaderName::from_static("x-retry-after");

/// The limiter's own refusal, with the standard header beside the wire's (§14 row 10).
pub(super) fn too_many_requests(seconds: u64) -> Reply {
    said(StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_REQUESTS", "Too many requests. Please try again later.")
        .header(X_RETRY_AFTER, seconds.to_string())
        .header(header::RETRY_AFTER, seconds.to_string())
}

pub(super) fn reply(no: No, asking: Asking) -> Reply {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
    match no {
        No::Denied(denied) => refusal(&denied, asking),
        No::Fault(fault) => failure(&fault),
        No::Invalid(complaints) => said(BAD, "VALIDATION_ERROR", &complaints),
        No::Malformed => said(BAD, "BAD_REQUEST", "Invalid JSON in request body"),
        No::Unread(Unread::TooLarge) => {
            said(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", "Request body is larger than 64 KiB")
        }
        No::Unread(Unread::TooSlow) => {
            said(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "Request body took too long")
        }
        No::MediaType { sent, takes_forms } => {
            let forms = if takes_forms { "application/x-www-form-urlencoded, " } else { "" };
            let message =
                format!("Content-Type \"{sent}\" is not allowed. Allowed types: {forms}application/json");
            said(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", &message)
        }
        No::CrossSite(CrossSite::MissingOrNull) => {
            said(FORBIDDEN, "MISSING_OR_NULL_ORIGIN", "Missing or null Origin")
        }
        No::CrossSite(CrossSite::Untrusted) => said(FORBIDDEN, "INVALID_ORIGIN", "Invalid origin"),
        No::CrossSite(CrossSite::Navigation) => said(
            FORBIDDEN,
            "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
            "Cross-site navigation login blocked. This request appears to be a CSRF attack.",
        ),
        No::Redirect(target) => said(FORBIDDEN, target.code, target.message),
        No::RedirectNotText(key) => said_without_code(BAD, &format!("Invalid {key}: expected a string")),
        No::Only(status, code, message) => said(status, code, message),
    }
}

fn failure(fault: &Fault) -> Reply {
    tracing::error!(%fault, "a request failed");
    match fault.kind {
        FaultKind::Busy | FaultKind::Unavailable => said(
            StatusCode::SERVICE_UNAVAILABLE,
            "SERVICE_UNAVAILABLE",
            "Service unavailable. Please try again.",
        )
        .header(header::RETRY_AFTER, "2"),
        FaultKind::Misconfigured | FaultKind::Internal => {
            said(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_SERVER_ERROR", "Internal Server Error")
        }
    }
}

/// The one table of this dialect: every `Denied`, spelled out.
pub(super) fn refusal(denied: &Denied, asking: Asking) -> Reply {
    const BAD: StatusCode = StatusCode::BAD_REQUEST;
    const UNAUTHORIZED: StatusCode = StatusCode::UNAUTHORIZED;
    const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;
    match denied {
        Denied::NotSignedIn => said(UNAUTHORIZED, "UNAUTHORIZED", "Unauthorized"),
        Denied::StaleSession if asking == Asking::DeleteUser => {
            said(BAD, "SESSION_EXPIRED", "Session expired. Re-authenticate to perform this action.")
        }
        Denied::StaleSession => said(FORBIDDEN, "SESSION_NOT_FRESH", "Session is not fresh"),
        Denied::BadCredentials => said(UNAUTHORIZED, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password"),
        Denied::WrongPassword => said(BAD, "INVALID_PASSWORD", "Invalid password"),
        Denied::NoPassword => said(BAD, "CREDENTIAL_ACCOUNT_NOT_FOUND", "Credential account not found"),
        Denied::PasswordTooShort => said(BAD, "PASSWORD_TOO_SHORT", "Password too short"),
        Denied::PasswordTooLong => said(BAD, "PASSWORD_TOO_LONG", "Password too long"),
        Denied::EmailInvalid if asking == Asking::SignIn => said(BAD, "INVALID_EMAIL", "Invalid email"),
        Denied::EmailInvalid => said(BAD, "VALIDATION_ERROR", "[body.email] Invalid email address"),
        Denied::EmailTaken => said(
            StatusCode::UNPROCESSABLE_ENTITY,
            "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
            "User already exists. Use another email.",
        ),
        Denied::EmailUnverified => said(FORBIDDEN, "EMAIL_NOT_VERIFIED", "Email not verified"),
        Denied::EmailAlreadyVerified => said(BAD, "EMAIL_ALREADY_VERIFIED", "Email is already verified"),
        Denied::EmailMismatch => said(BAD, "EMAIL_MISMATCH", "Email mismatch"),
        Denied::EmailUnchanged => said_without_code(BAD, "Email is the same"),
        Denied::FieldTooLong { field, max } => {
            let message = format!("[body.{field}] Too big: expected string to have <={max} characters");
            said(BAD, "VALIDATION_ERROR", &message)
        }
        Denied::NothingToUpdate => said_without_code(BAD, "No fields to update"),
        Denied::ChallengeGone => said(UNAUTHORIZED, "INVALID_TWO_FACTOR_COOKIE", "Invalid two factor cookie"),
        Denied::TooManyAttempts => said(
            BAD,
            "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE",
            "Too many attempts. Please request a new code.",
        )
        .clear(&[Cookie::Challenge]),
        Denied::WrongCode(Method::BackupCode) => said(UNAUTHORIZED, "INVALID_BACKUP_CODE", "Invalid backup code"),
        Denied::WrongCode(Method::Totp | Method::EmailCode | Method::Password) => {
            said(UNAUTHORIZED, "INVALID_CODE", "Invalid code")
        }
        Denied::CodeExpired => said(BAD, "OTP_HAS_EXPIRED", "OTP has expired"),
        Denied::NotEnrolled(Method::BackupCode) => {
            said(BAD, "BACKUP_CODES_NOT_ENABLED", "Backup codes aren't enabled")
        }
        Denied::NotEnrolled(Method::EmailCode) => said(BAD, "OTP_NOT_CONFIGURED", "otp isn't configured"),
        Denied::NotEnrolled(Method::Totp | Method::Password) => said(BAD, "TOTP_NOT_ENABLED", "TOTP not enabled"),
        Denied::AlreadyEnrolled(_) => said(BAD, "TOTP_ALREADY_ENABLED", "TOTP is already enabled"),
        Denied::NoSecondFactor => said(BAD, "TWO_FACTOR_NOT_ENABLED", "Two factor isn't enabled"),
        Denied::Locked { wait } => said(
            StatusCode::TOO_MANY_REQUESTS,
            "ACCOUNT_TEMPORARILY_LOCKED",
            "Too many failed verification attempts. Your account is temporarily locked. Please try again later.",
        )
        .header(header::RETRY_AFTER, wait.as_secs().max(1).to_string()),
        Denied::TooSoon { wait } => too_many_requests(wait.as_secs().max(1)),
        Denied::LinkInvalid => said(link_status(asking), "INVALID_TOKEN", "Invalid token"),
        Denied::LinkExpired if asking == Asking::VerifyEmail => {
            said(UNAUTHORIZED, "TOKEN_EXPIRED", "Token expired")
        }
        Denied::LinkExpired => said(link_status(asking), "INVALID_TOKEN", "Invalid token"),
    }
}

fn link_status(asking: Asking) -> StatusCode {
    match asking {
        Asking::VerifyEmail => StatusCode::UNAUTHORIZED,
        Asking::DeleteUser => StatusCode::NOT_FOUND,
        Asking::Plain | Asking::SignIn | Asking::ResetPassword => StatusCode::BAD_REQUEST,
    }
}

/// The code a failed link puts into the address it redirects to.
pub(super) fn link_code(denied: &Denied) -> &'static str {
    match denied {
        Denied::LinkExpired => "TOKEN_EXPIRED",
        _other => "INVALID_TOKEN",
    }
}
