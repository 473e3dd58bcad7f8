//! The caller's news: every way an operation can say no, as facts. Words and status codes are the dialects'.

use std::time::Duration;

use crate::{method::Method, password::Ingredient};

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
    /// A change that proves itself by a code lacks the password that goes with it.
    PasswordRequired,
    /// A code from the second factor belongs to this request.
    CodeRequired,
    PasswordTooShort,
    PasswordTooLong,
    /// Among those that are guessed first: on the list, or made of the person's and the place's names.
    PasswordCommon,
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
    /// A second factor is required and not enrolled: this session may only enrol one or sign out.
    EnrolmentDue,
    /// The organisation does not count this method as a second factor.
    MethodNotAllowed(Method),
    /// The last second factor cannot go while one is required; nor the last method that counts as one.
    SecondFactorRequired,
    /// No enrolment was begun, or it ran out.
    NoEnrolment,
    /// The person's role does not reach this far.
    NotPermitted,
    /// Acting for an organisation without belonging to one.
    NoOrganisation,
    /// Nobody of this name, as far as the asker may know.
    UserNotFound,
    SessionNotFound,
    /// An API key was shown where a person must act.
    KeyRefused,
    KeyNotFound,
    TooManyKeys {
        max: usize,
    },
    /// Unknown, expired, or used before; in the last case its session is over, too.
    RefreshRefused,
    /// The first account exists, so there is nothing to set up.
    AlreadySetUp,
    /// The password lacks a kind of character that this surface asks for.
    PasswordLacks(Ingredient),
    /// The person is the only owner of an organisation that has other members.
    SoleOwner {
        organisations: Vec<String>,
    },
    /// Unknown, stopped, completed, expired, or overtaken by a change of the account: nothing about this
    /// recovery is left to decide.
    RecoveryGone,
    /// The mailbox alone opens the account only after this long.
    RecoveryWaiting {
        wait: Duration,
    },
    /// An administrator acts on somebody's recovery and does not say why.
    ReasonRequired,
    /// No passkey ceremony is open for this browser or session: never begun, expired, or used (SEC-036).
    CeremonyGone,
    /// The authenticator's answer does not hold. Which of the many reasons it was, logs know.
    PasskeyRefused,
    /// No such passkey, as far as the asker may know.
    PasskeyNotFound,
    /// Registered already, to this or another account (SEC-045).
    PasskeyTaken,
    TooManyPasskeys {
        max: usize,
    },
    /// No such authenticator app of the asker's.
    AppNotFound,
    TooManyApps {
        max: usize,
    },
    /// Not a phone number with its country.
    PhoneInvalid,
    /// No text message goes to this number, ever.
    PhoneNotAllowed,
    /// Too many text messages were sent: another method has to do for now.
    TextsPaused,
    /// The passkey was there but its person was not verified, and it has to be both factors here (SEC-041).
    UserVerificationRequired,
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
            Self::PasswordRequired,
            Self::CodeRequired,
            Self::PasswordTooShort,
            Self::PasswordTooLong,
            Self::PasswordCommon,
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
            Self::EnrolmentDue,
            Self::MethodNotAllowed(Method::EmailCode),
            Self::SecondFactorRequired,
            Self::NoEnrolment,
            Self::NotPermitted,
            Self::NoOrganisation,
            Self::UserNotFound,
            Self::SessionNotFound,
            Self::KeyRefused,
            Self::KeyNotFound,
            Self::TooManyKeys { max: 10 },
            Self::RefreshRefused,
            Self::AlreadySetUp,
            Self::PasswordLacks(Ingredient::UpperCase),
            Self::PasswordLacks(Ingredient::LowerCase),
            Self::PasswordLacks(Ingredient::Digit),
            Self::PasswordLacks(Ingredient::Special),
            Self::SoleOwner { organisations: vec!["Acme".to_owned()] },
            Self::RecoveryGone,
            Self::RecoveryWaiting { wait },
            Self::ReasonRequired,
            Self::CeremonyGone,
            Self::PasskeyRefused,
            Self::PasskeyNotFound,
            Self::PasskeyTaken,
            Self::TooManyPasskeys { max: 20 },
            Self::AppNotFound,
            Self::TooManyApps { max: 3 },
            Self::PhoneInvalid,
            Self::PhoneNotAllowed,
            Self::TextsPaused,
            Self::UserVerificationRequired,
            Self::WrongCode(Method::SmsCode),
            Self::WrongCode(Method::Passkey),
            Self::NotEnrolled(Method::SmsCode),
            Self::NotEnrolled(Method::Passkey),
            Self::AlreadyEnrolled(Method::SmsCode),
        ]
    }
}
