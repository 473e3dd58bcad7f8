//! Where we answer differently from the recorded server on purpose: what instead, and why.

use super::amendment::Stricter;

const CHALLENGE_GONE: &str = r#"{
    "status": 401,
    "body": { "message": "Invalid two factor cookie", "code": "INVALID_TWO_FACTOR_COOKIE" }
}"#;
const UNAUTHORIZED: &str =
    r#"{ "status": 401, "body": { "message": "Unauthorized", "code": "UNAUTHORIZED" } }"#;
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
    "body": null
}"#;
const UNAUTHORIZED_AND_DROPPED: &str = r#"{
    "status": 401,
    "set-cookie": [
        { "name": "better-auth.session_token", "value": "", "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] },
        { "name": "better-auth.session_data", "value": "", "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] },
        { "name": "better-auth.dont_remember", "value": "", "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] }
    ],
    "body": { "message": "Unauthorized", "code": "UNAUTHORIZED" }
}"#;
const CHALLENGE_AND_DEVICE_DROPPED: &str = r#"{
    "headers": { "set-auth-token": null, "access-control-expose-headers": null },
    "set-cookie": [
        { "name": "better-auth.trust_device", "value": "", "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] },
        { "name": "better-auth.session_token", "value": "", "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] },
        { "name": "better-auth.session_data", "value": "", "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] },
        {
            "name": "better-auth.two_factor",
            "value": "<two-factor-challenge-1>.<urlencoded:sig-base64-3>",
            "attributes": ["Max-Age=600", "Path=/", "HttpOnly", "SameSite=Lax"]
        }
    ],
    "body": {
        "redirect": null, "token": null, "user": null,
        "twoFactorRedirect": true, "twoFactorMethods": ["totp", "otp"]
    }
}"#;
const NO_SUCH_ROUTE: &str = r#"{ "status": 404, "headers": { "content-type": null }, "body": "" }"#;
const NOT_OFFERED: &str = "the dialect has no magic links";
/// Body, cookie and header name the one live session, and the user is shown as they are now.
const ENROLMENT: &str =
    r#"{ "body": { "token": "<session-token-2>", "user": { "twoFactorEnabled": true } } }"#;

pub(super) const STRICTER: &[Stricter] = &[
    Stricter {
        file: "2fa-backup-code-disable-session",
        steps: &[2],
        answer: r#"{
            "set-cookie": [{
                "name": "better-auth.two_factor",
                "value": "",
                "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"]
            }]
        }"#,
        why: "§14 row 12: a passed challenge is over, also if no session was wanted",
    },
    Stricter {
        file: "2fa-backup-code-disable-session",
        steps: &[6, 7],
        answer: CHALLENGE_GONE,
        why: "§14 row 12: a passed challenge is over, also if no session was wanted",
    },
    Stricter {
        file: "2fa-backup-code-errors",
        steps: &[6],
        answer: r#"{
            "status": 400,
            "body": { "message": "Backup codes aren't enabled", "code": "BACKUP_CODES_NOT_ENABLED" }
        }"#,
        why: "§14 row 11: backup codes come into force with the enrolment they belong to",
    },
    Stricter {
        file: "2fa-challenge-expired",
        steps: &[3, 5],
        answer: CHALLENGE_GONE,
        why: "§14 row 13: an expired challenge mails nothing and is looked at no further",
    },
    Stricter {
        file: "2fa-disable-with-pending-challenge",
        steps: &[2, 3, 4],
        answer: CHALLENGE_GONE,
        why: "SEC-059: a change of factors ends the open challenges",
    },
    Stricter { file: "2fa-enable-again", steps: &[4], answer: ENROLMENT, why: "§13 rules a and b" },
    Stricter {
        file: "2fa-enable-and-enroll-totp", steps: &[4], answer: ENROLMENT, why: "§13 rules a and b"
    },
    Stricter {
        file: "2fa-enable-keeps-other-sessions",
        steps: &[1],
        answer: NOBODY,
        why: "§14 row 7: sessions that never showed the new factor end",
    },
    Stricter {
        file: "2fa-enable-keeps-other-sessions",
        steps: &[2],
        answer: UNAUTHORIZED_AND_DROPPED,
        why: "§14 row 7: sessions that never showed the new factor end",
    },
    Stricter {
        file: "2fa-otp-only-account-has-no-lockout",
        steps: &[14, 15, 16, 17, 18, 20],
        answer: LOCKED,
        why: "§14 row 4: every account has a budget for guesses",
    },
    Stricter {
        file: "2fa-otp-send-uncapped",
        steps: &[2],
        answer: r#"{
            "status": 429,
            "headers": { "x-retry-after": "449", "retry-after": "449" },
            "body": { "message": "Too many requests. Please try again later.", "code": "TOO_MANY_REQUESTS" }
        }"#,
        why: "§14 row 4, SEC-031: five codes in ten minutes",
    },
    Stricter {
        file: "2fa-step-up-missing",
        steps: &[1, 2, 3],
        answer: NOT_FRESH,
        why: "§14 row 6: factors change after a fresh proof only",
    },
    Stricter {
        file: "2fa-totp-replay-accepted",
        steps: &[4],
        answer: r#"{ "status": 401, "body": { "message": "Invalid code", "code": "INVALID_CODE" } }"#,
        why: "§14 row 1: a code is good once",
    },
    Stricter {
        file: "2fa-trust-device",
        steps: &[4],
        answer: r#"{
            "set-cookie": [{}, { "attributes": ["Max-Age=2591998", "Path=/", "HttpOnly", "SameSite=Lax"] }]
        }"#,
        why: "§14 row 8: trust is renewed on use but never outlives the 30 days it began with",
    },
    Stricter {
        file: "2fa-trust-device-survives-password-change",
        steps: &[1],
        answer: CHALLENGE_AND_DEVICE_DROPPED,
        why: "§14 row 8: trust ends with the password it was earned with",
    },
    Stricter {
        file: "2fa-verify-totp-enroll-errors",
        steps: &[12, 13, 16, 17, 18],
        answer: LOCKED,
        why: "§14 row 2: guesses are counted inside a session, too",
    },
    Stricter {
        file: "2fa-verify-totp-enroll-errors",
        steps: &[20],
        answer: ENROLMENT,
        why: "§13 rules a and b",
    },
    Stricter { file: "change-password-errors", steps: &[9, 10], answer: NO_SUCH_ROUTE, why: NOT_OFFERED },
    Stricter { file: "change-password-errors", steps: &[11], answer: UNAUTHORIZED, why: NOT_OFFERED },
    Stricter {
        file: "core-unknown-path",
        steps: &[3],
        answer: r#"{ "status": 404, "headers": { "content-type": "application/json" }, "body": { "error": "not found" } }"#,
        why: "outside the base path the dialect is not asked: the server answers for all of them",
    },
    Stricter { file: "origin-check-sign-in", steps: &[7], answer: NO_SUCH_ROUTE, why: NOT_OFFERED },
    Stricter {
        file: "password-reset",
        steps: &[7],
        answer: NOBODY,
        why: "§14 row 7, SEC-078: a reset ends every session",
    },
    Stricter {
        file: "password-reset-and-2fa",
        steps: &[3],
        answer: r#"{ "body": { "twoFactorMethods": ["totp"] } }"#,
        why: "SEC-029: whoever came through the mailbox shows something that is not the mailbox",
    },
    Stricter {
        file: "rate-limit-mail-endpoints",
        steps: &[5, 6, 7],
        answer: NO_SUCH_ROUTE,
        why: NOT_OFFERED,
    },
    Stricter {
        file: "rate-limit-mail-endpoints",
        steps: &[8, 9, 10],
        answer: r#"{
            "status": 429,
            "headers": { "x-retry-after": "10" },
            "body": { "message": "Too many requests. Please try again later." }
        }"#,
        why: NOT_OFFERED,
    },
    Stricter {
        file: "sessions-list-and-revoke",
        steps: &[4],
        answer: r#"{ "body": [{}, { "token": "<session-id-2>" }, { "token": "<session-id-3>" }] }"#,
        why: "§14 row 9: other sessions are named by a handle that opens nothing",
    },
    Stricter {
        file: "sessions-list-leaks-usable-tokens",
        steps: &[1],
        answer: r#"{ "body": [{}, { "token": "<session-id-2>" }] }"#,
        why: "§14 row 9: other sessions are named by a handle that opens nothing",
    },
];
