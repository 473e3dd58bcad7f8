//! Where we answer differently from the recorded server on purpose: what instead, and why.

/// `answer` is laid over the recorded one (see `amended`); with a `status` of its own it replaces it.
pub(super) struct Stricter {
    pub file: &'static str,
    pub steps: &'static [usize],
    pub answer: &'static str,
    /// A row of the contract's §14, a rule of its §13, or a requirement SEC-nnn.
    pub why: &'static str,
}

const CHALLENGE_GONE: &str = r#"{
    "status": 401,
    "body": { "message": "Invalid two factor cookie", "code": "INVALID_TWO_FACTOR_COOKIE" }
}"#;
const UNAUTHORIZED: &str = r#"{ "status": 401, "body": { "message": "Unauthorized", "code": "UNAUTHORIZED" } }"#;
const NOT_FRESH: &str =
    r#"{ "status": 403, "body": { "message": "Session is not fresh", "code": "SESSION_NOT_FRESH" } }"#;
const LOCKED: &str = r#"{
    "status": 429,
    "body": {
        "message": "Too many failed verification attempts. Your account is temporarily locked. Please try again later.",
        "code": "ACCOUNT_TEMPORARILY_LOCKED"
    }
}"#;
/// The session that a cookie names is over: no error, and the browser drops the cookie.
const NOBODY: &str = r#"{
    "headers": { "set-auth-jwt": null, "access-control-expose-headers": null },
    "set-cookie": [
        { "name": "better-auth.session_token", "value": "", "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] },
        { "name": "better-auth.session_data", "value": "", "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] },
        { "name": "better-auth.dont_remember", "value": "", "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] }
    ],
    "body": [ "nobody" ]
}"#;
const NO_SUCH_ROUTE: &str = r#"{ "status": 404, "headers": { "content-type": null }, "body": "" }"#;
/// Body, cookie and header name the one live session, and the user is shown as they are now.
const ENROLMENT: &str = r#"{ "body": { "token": "<session-token-2>", "user": { "twoFactorEnabled": true } } }"#;

pub(super) const STRICTER: &[Stricter] = &[
];
