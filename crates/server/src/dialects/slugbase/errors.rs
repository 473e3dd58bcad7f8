//! How SlugBase says no: every refusal as status, code and sentence, in one of two voices (superset page §3).

use std::borrow::Cow;

use axum::http::{HeaderMap, StatusCode, header};
use countersign_core::{denied::Denied, password::Ingredient};
use serde_json::{Value, json};

use super::callers::{CSRF, PENDING, SESSION_ID, Surface, TOKEN};
use crate::{
    config::{Config, ErrorFormat},
    fault::Fault,
    http::{bearer::bearer, cookies, limits, quotas::Quota, reply::Reply, sent::Unreadable},
    operations::hears_operations,
};

/// What was being asked, where the wire has different words for the same news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[rustfmt::skip]
pub(super) enum Asking { Open, SetUp, SignUp, SignIn, Verify, Reset, Factors, Account }

impl Asking {
    #[rustfmt::skip]
    pub const ALL: &[Self] =
        &[Self::Open, Self::SetUp, Self::SignUp, Self::SignIn, Self::Verify, Self::Reset, Self::Factors, Self::Account];

    /// Whether it needs nobody signed in.
    pub fn is_public(self) -> bool {
        !matches!(self, Self::Factors | Self::Account)
    }
}

/// Which of the two shapes a refusal takes. Their types cannot be one: `code` is text here, a number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    /// As the original's front end reads it.
    Slugbase,
    /// As its documentation shows it.
    Documented,
    /// Nobody in particular asks: documented if the answer is that somebody must sign in.
    Anonymous,
}

impl Voice {
    pub fn of(config: &Config, headers: &HeaderMap, asking: Asking) -> Self {
        let wished = headers.get("x-error-format").and_then(|value| value.to_str().ok());
        match (wished, config.slugbase.error_format) {
            (Some("documented"), _) => return Self::Documented,
            (Some("slugbase"), _) => return Self::Slugbase,
            (_, ErrorFormat::Documented) => return Self::Documented,
            (_, ErrorFormat::Slugbase) => return Self::Slugbase,
            (_, ErrorFormat::Auto) => {}
        }
        let has_cookies =
            [TOKEN, PENDING, SESSION_ID, CSRF].iter().any(|name| cookies::read(headers, name).is_some());
        match (asking.is_public() || has_cookies, bearer(headers)) {
            (true, _) => Self::Slugbase,
            (false, Some(_)) => Self::Documented,
            (false, None) => Self::Anonymous,
        }
    }

    fn is_documented(self, status: u16) -> bool {
        self == Self::Documented || (self == Self::Anonymous && status == 401)
    }
}

/// One refusal, before it has a shape.
#[derive(Clone, Debug)]
pub(super) struct Said {
    status: u16,
    code: &'static str,
    sentence: Cow<'static, str>,
    /// The member of the body that is wrong, where one is.
    about: &'static str,
}

impl Said {
    pub fn of(status: u16, code: &'static str, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, sentence: sentence.into(), about: "body" }
    }

    fn about(mut self, member: &'static str) -> Self {
        self.about = member;
        self
    }

    fn shaped(&self, voice: Voice) -> Reply {
        let Self { status, code, sentence, about } = self;
        // Not of a wrong password: that has a sentence of its own.
        let message: &str = match *code == "UNAUTHORIZED" {
            true => "Authentication required. Please provide a valid API token",
            false => sentence,
        };
        let known = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut body = if voice.is_documented(*status) {
            let reason = known.canonical_reason().unwrap_or_default();
            json!({ "error": reason, "message": message, "code": status, "error_code": code })
        } else {
            json!({ "error": sentence, "code": code, "message": message, "status": status })
        };
        if *status != 401 {
            body["details"] = match *status == 400 && voice.is_documented(*status) {
                true => json!([{ "field": about, "message": sentence }]),
                false => Value::from(sentence.as_ref()),
            };
        }
        Reply::json(&body).status(known)
    }
}

/// Everything that is not a yes.
#[derive(Debug)]
pub(super) enum No {
    Denied(Denied),
    Fault(Fault),
    Unreadable(Unreadable),
    /// A cookie signs the caller in, and no token shows that a page of ours asks.
    /// Whoever had none gets one to try again with.
    Csrf(Option<String>),
    CrossSite,
    Limited(&'static Quota),
    /// Refusals that exist only on this wire.
    Only(Said),
}

impl No {
    /// A member of the body is not as it must be.
    pub fn member(name: &'static str, code: &'static str, sentence: impl Into<Cow<'static, str>>) -> Self {
        Self::Only(Said::of(400, code, sentence).about(name))
    }
}

hears_operations!(No);

#[rustfmt::skip]
pub(super) fn reply(surface: &Surface, no: No, (asking, voice): (Asking, Voice)) -> Reply {
    match no {
        No::Denied(denied) => return refusal(surface, &denied, (asking, voice)),
        No::Fault(fault) if fault.log_and_judge() => return Said::of(503, "SERVICE_UNAVAILABLE", "Service unavailable. Please try again.").shaped(voice).header(header::RETRY_AFTER, "2"),
        No::Fault(_) => Said::of(500, "INTERNAL", match asking {
            Asking::Factors | Asking::Verify => "Request failed",
            Asking::SignIn => "An error occurred during sign in.",
            Asking::Reset => "Failed to reset password",
            Asking::Open | Asking::SetUp | Asking::SignUp | Asking::Account => "Internal server error",
        }),
        No::Unreadable(Unreadable::TooLarge) => Said::of(413, "PAYLOAD_TOO_LARGE", "Internal server error"),
        No::Unreadable(Unreadable::TooSlow) => Said::of(408, "REQUEST_TIMEOUT", "Request timeout"),
        No::Unreadable(Unreadable::Malformed | Unreadable::MediaType(_)) => Said::of(400, "BAD_REQUEST", "Bad request"),
        No::Csrf(fresh) => return Said::of(403, "CSRF_INVALID", "Invalid CSRF token").shaped(voice).cookies(fresh.map(|token| surface.csrf(&token))),
        No::CrossSite => Said::of(403, "INVALID_ORIGIN", "Invalid origin"),
        No::Limited(quota) => Said::of(429, "RATE_LIMITED", quota.refusal),
        No::Only(said) => said,
    }.shaped(voice)
}

/// A refusal, and what the browser must hear beside it.
pub(super) fn refusal(surface: &Surface, denied: &Denied, (asking, voice): (Asking, Voice)) -> Reply {
    let reply = said(denied, asking).shaped(voice);
    if let Denied::Locked { wait } | Denied::TooSoon { wait } = denied {
        return reply.header(header::RETRY_AFTER, limits::whole_seconds(*wait).to_string());
    }
    let is_over = matches!(denied, Denied::ChallengeGone | Denied::TooManyAttempts);
    reply.cookies(is_over.then(|| surface.clear(PENDING)))
}

/// The one table of this dialect: every `Denied`, spelled out. Its front end sends again whatever is answered with
/// 403, so a code that came along must not be spent by then.
#[rustfmt::skip]
fn said(denied: &Denied, asking: Asking) -> Said {
    let password = |sentence: &'static str| Said::of(400, "PASSWORD_INVALID", sentence).about("password");
    match denied {
        Denied::NotSignedIn => Said::of(401, "UNAUTHORIZED", "Unauthorized"),
        Denied::StaleSession => Said::of(403, "REAUTHENTICATION_REQUIRED", "Please sign in again to do this."),
        Denied::BadCredentials => Said::of(401, "INVALID_CREDENTIALS", "Invalid email or password"),
        Denied::PasswordTooLong if asking == Asking::SignIn => Said::of(401, "INVALID_CREDENTIALS", "Invalid email or password"),
        Denied::PasswordTooLong if !asking.is_public() => Said::of(401, "INVALID_PASSWORD", "Invalid password"),
        Denied::WrongPassword => Said::of(401, "INVALID_PASSWORD", "Invalid password"),
        Denied::PasswordRequired => Said::of(400, "PASSWORD_REQUIRED", "Password is required").about("password"),
        Denied::CodeRequired => Said::of(400, "CODE_REQUIRED", "Code is required").about("code"),
        Denied::PasswordTooShort => password("Password must be at least 8 characters long"),
        Denied::PasswordCommon => password("Password is too easy to guess. Please choose another one"),
        Denied::PasswordTooLong => password("Password must be no more than 128 characters"),
        Denied::PasswordLacks(Ingredient::UpperCase) => password("Password must contain at least one uppercase letter"),
        Denied::PasswordLacks(Ingredient::LowerCase) => password("Password must contain at least one lowercase letter"),
        Denied::PasswordLacks(Ingredient::Digit) => password("Password must contain at least one number"),
        Denied::PasswordLacks(Ingredient::Special) => password("Password must contain at least one special character"),
        Denied::EmailInvalid => Said::of(400, "EMAIL_INVALID", "Invalid email format").about("email"),
        Denied::EmailTaken if asking == Asking::SetUp => Said::of(400, "EMAIL_TAKEN", "User with this email already exists").about("email"),
        Denied::EmailTaken => Said::of(400, "EMAIL_TAKEN", "Email already registered").about("email"),
        Denied::EmailUnverified => Said::of(403, "EMAIL_NOT_VERIFIED", "Please verify your email before logging in. Check your inbox for the verification link."),
        Denied::FieldTooLong { field, max } => Said::of(400, "TOO_LONG", format!("The {field} must be no more than {max} characters")).about(field),
        Denied::ChallengeGone | Denied::TooManyAttempts => Said::of(401, "MFA_PENDING_INVALID", "MFA session expired. Please sign in again."),
        Denied::WrongCode(_) | Denied::CodeExpired | Denied::NotEnrolled(_) if asking == Asking::Verify => Said::of(401, "INVALID_CODE", "Invalid code"),
        Denied::WrongCode(_) | Denied::CodeExpired | Denied::NotEnrolled(_) => Said::of(400, "INVALID_CODE", "Invalid code").about("code"),
        Denied::AlreadyEnrolled(_) => Said::of(409, "MFA_ALREADY_ENABLED", "MFA is already enabled"),
        Denied::NoSecondFactor => Said::of(400, "MFA_NOT_ENABLED", "MFA is not enabled"),
        Denied::NoEnrolment => Said::of(400, "MFA_NO_PENDING", "No enrollment in progress").about("code"),
        Denied::Locked { .. } => Said::of(429, "TOO_MANY_ATTEMPTS", "Too many MFA attempts. Please try again later."),
        Denied::TooSoon { .. } => Said::of(429, "RATE_LIMITED", "Too many requests, please try again later."),
        Denied::LinkInvalid if asking == Asking::SignUp => Said::of(400, "LINK_INVALID", "Invalid or expired verification link").about("token"),
        Denied::LinkExpired if asking == Asking::SignUp => Said::of(400, "LINK_EXPIRED", "This verification link has expired").about("token"),
        Denied::LinkInvalid | Denied::LinkExpired => Said::of(400, "TOKEN_INVALID", "Invalid or expired token").about("token"),
        Denied::EnrolmentDue => Said::of(403, "MFA_ENROLLMENT_REQUIRED", "Your organization requires MFA. Set it up to go on."),
        Denied::MethodNotAllowed(_) => Said::of(403, "MFA_METHOD_NOT_ALLOWED", "Your organization does not allow authenticator apps"),
        Denied::SecondFactorRequired => Said::of(409, "MFA_REQUIRED", "Your organization requires MFA"),
        Denied::KeyRefused => Said::of(403, "API_TOKEN_NOT_ALLOWED", "API tokens cannot do this. Please sign in."),
        Denied::KeyNotFound => Said::of(400, "TOKEN_NOT_FOUND", "Token not found").about("id"),
        Denied::TooManyKeys { max } => Said::of(400, "TOO_MANY_TOKENS", format!("Maximum of {max} tokens per user. Revoke an existing token first.")).about("name"),
        Denied::AlreadySetUp => Said::of(403, "ALREADY_INITIALIZED", "System already initialized"),
        Denied::SoleOwner { .. } => Said::of(409, "SOLE_OWNER", "You are the only owner of an organization that has other members"),
        // Nothing on this wire leads here.
        Denied::NoPassword | Denied::EmailAlreadyVerified | Denied::EmailMismatch | Denied::EmailUnchanged | Denied::NothingToUpdate
        | Denied::NotPermitted | Denied::NoOrganisation | Denied::UserNotFound | Denied::SessionNotFound | Denied::RefreshRefused
        | Denied::CeremonyGone | Denied::PasskeyRefused | Denied::PasskeyNotFound | Denied::PasskeyTaken | Denied::TooManyPasskeys { .. } | Denied::AppNotFound | Denied::TooManyApps { .. } | Denied::PhoneInvalid | Denied::PhoneNotAllowed | Denied::TextsPaused
        | Denied::UserVerificationRequired
        | Denied::RecoveryGone | Denied::RecoveryWaiting { .. } | Denied::ReasonRequired => Said::of(400, "BAD_REQUEST", "Bad request"),
    }
}
