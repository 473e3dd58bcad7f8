//! The caller's news: every way an operation can say no, as facts. Words and status codes are the dialects'.

use std::time::Duration;

use crate::method::Method;

/// Why not. Matched without `_` everywhere, so that a new reason must be answered in every dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    /// No live session came with the request.
    NotSignedIn,
    /// The session is too old, or lacks a fresh second factor, for what was asked.
    StaleSession,
    /// Unknown address or wrong password: which of the two is nobody's business.
    BadCredentials,
    /// Signed in, but the password offered again is wrong.
    WrongPassword,
    /// The account has no password to check or change.
    NoPassword,
    PasswordTooShort,
    PasswordTooLong,
    /// Not the shape of an e-mail address.
    EmailInvalid,
    EmailTaken,
    /// Signing in waits until the address is verified.
    EmailUnverified,
    EmailAlreadyVerified,
    /// The address named is not the signed-in person's.
    EmailMismatch,
    EmailUnchanged,
    /// Longer than the limit, in the unit the field is counted in.
    FieldTooLong {
        field: &'static str,
        max: usize,
    },
    NothingToUpdate,
    /// Unknown, expired, used, cancelled, or overtaken by a change of the account: one answer for all.
    ChallengeGone,
    /// The challenge's or the sent code's budget is spent; it is dead now.
    TooManyAttempts,
    /// Wrong, used before, or malformed: which of them nobody learns.
    WrongCode(Method),
    /// No live code was sent, so there is nothing to compare with.
    CodeExpired,
    /// The method is not among the account's confirmed ones.
    NotEnrolled(Method),
    AlreadyEnrolled(Method),
    /// The account has no second factor at all.
    NoSecondFactor,
    /// Too many wrong codes in a row; codes are not looked at for this long.
    Locked {
        wait: Duration,
    },
    /// Asked for too often, say codes to be sent.
    TooSoon {
        wait: Duration,
    },
    /// A mailed link that is unknown, used, or meant for something else.
    LinkInvalid,
    LinkExpired,
}

impl Denied {
    /// One of each, for tests that look at every answer.
    pub fn samples() -> Vec<Self> {
        let wait = Duration::from_secs(30);
        vec![
            Self::NotSignedIn,
            Self::StaleSession,
            Self::BadCredentials,
            Self::WrongPassword,
            Self::NoPassword,
            Self::PasswordTooShort,
            Self::PasswordTooLong,
            Self::EmailInvalid,
            Self::EmailTaken,
            Self::EmailUnverified,
            Self::EmailAlreadyVerified,
            Self::EmailMismatch,
            Self::EmailUnchanged,
            Self::FieldTooLong { field: "name", max: 500 },
            Self::NothingToUpdate,
            Self::ChallengeGone,
            Self::TooManyAttempts,
            Self::WrongCode(Method::Totp),
            Self::WrongCode(Method::EmailCode),
            Self::WrongCode(Method::BackupCode),
            Self::CodeExpired,
            Self::NotEnrolled(Method::Totp),
            Self::NotEnrolled(Method::EmailCode),
            Self::NotEnrolled(Method::BackupCode),
            Self::AlreadyEnrolled(Method::Totp),
            Self::AlreadyEnrolled(Method::EmailCode),
            Self::NoSecondFactor,
            Self::Locked { wait },
            Self::TooSoon { wait },
            Self::LinkInvalid,
            Self::LinkExpired,
        ]
    }
}
