//! Authenticators: one thing bound to a user that can prove them, and enrolment, the binding of it.

use std::time::Duration;

use crate::{
    ids::{AuthenticatorId, UserId},
    method::Method,
    passkey::Passkey,
    secret::Secret,
    time::{MINUTE, Timestamp},
    totp::Totp,
};

/// An enrolment that is not confirmed within this span is void (SEC-102).
pub const ENROLMENT_LIFETIME: Duration = Duration::from_secs(10 * MINUTE.as_secs());

#[derive(Clone, Debug)]
pub struct Authenticator {
    pub id: AuthenticatorId,
    pub user_id: UserId,
    pub kind: Kind,
    pub created_at: Timestamp,
    /// `None` while the enrolment waits for its first proof.
    pub confirmed_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Totp(Totp),
    /// Codes to the account's own address.
    EmailCode,
    /// Codes to this number, in E.164.
    SmsCode(Secret<String>),
    Passkey(Box<Passkey>),
}

impl Authenticator {
    pub fn method(&self) -> Method {
        match self.kind {
            Kind::Totp(_) => Method::Totp,
            Kind::EmailCode => Method::EmailCode,
            Kind::SmsCode(_) => Method::SmsCode,
            Kind::Passkey(_) => Method::Passkey,
        }
    }

    pub fn is_confirmed(&self) -> bool {
        self.confirmed_at.is_some()
    }

    /// Begun, unconfirmed, and still in time.
    pub fn awaits_proof(&self, now: Timestamp) -> bool {
        !self.is_confirmed() && now.since(self.created_at) < ENROLMENT_LIFETIME
    }
}

/// Whether any confirmed authenticator makes this an account with a second factor.
pub fn second_factor_is_on(authenticators: &[Authenticator]) -> bool {
    authenticators.iter().any(Authenticator::is_confirmed)
}

pub fn is_enrolled(authenticators: &[Authenticator], method: Method) -> bool {
    authenticators
        .iter()
        .any(|authenticator| authenticator.is_confirmed() && authenticator.method() == method)
}
