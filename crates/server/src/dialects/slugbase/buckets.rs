//! Rate limits: what is counted together within a quarter of an hour (contract §1.7).

use crate::http::{limits::Rule, quotas::Quota};

const fn quota(name: &'static str, max: u32, refusal: &'static str) -> Quota {
    Quota { name, rule: Rule::new(15 * 60, max), refusal, failures_only: false }
}

const MANY: &str = "Too many requests, please try again later.";
const MANY_SIGN_INS: &str = "Too many authentication attempts, please try again later.";
const MANY_CODES: &str = "Too many MFA attempts. Please try again later.";
const MANY_SETUPS: &str = "Too many MFA setup attempts. Please try again later.";
const MANY_TOKENS: &str = "Too many token creation attempts. Please try again later.";

pub(super) const GENERAL: &Quota = &quota("general", 2_000, MANY);
pub(super) const STRICT: Option<&Quota> = Some(&quota("strict", 500, MANY));
pub(super) const AUTH: Option<&Quota> =
    Some(&Quota { failures_only: true, ..quota("auth", 300, MANY_SIGN_INS) });
pub(super) const MFA_VERIFY: Option<&Quota> = Some(&quota("mfa verify", 40, MANY_CODES));
pub(super) const MFA_ENROLL: Option<&Quota> = Some(&quota("mfa enroll", 25, MANY_SETUPS));
pub(super) const TOKEN_CREATE: Option<&Quota> = Some(&quota("token create", 10, MANY_TOKENS));
