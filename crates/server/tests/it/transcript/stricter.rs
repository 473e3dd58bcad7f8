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
const NEVER_BY_GET: &str = "SEC-028: opening a link shows a page, and its button spends the link";
const A_PAGE: &str = r#"{
    "status": 200, "headers": { "content-type": "text/html; charset=utf-8" }, "body": "<page>"
}"#;
const NULL: &str = r#"{ "status": 200, "body": null }"#;
const ASKED_AFTER_MAIL: &str = r#"{
    "status": 200,
    "set-cookie": [
        { "name": "better-auth.session_token", "value": "", "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] },
        { "name": "better-auth.session_data", "value": "", "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] },
        {
            "name": "better-auth.two_factor",
            "value": "<two-factor-challenge-9>.<urlencoded:sig-base64-9>",
            "attributes": ["Max-Age=600", "Path=/", "HttpOnly", "SameSite=Lax"]
        }
    ],
    "body": { "twoFactorRedirect": true, "twoFactorMethods": ["totp"] }
}"#;
/// Body, cookie and header name the one live session, and the user is shown as they are now.
const ENROLMENT: &str =
    r#"{ "body": { "token": "<session-token-2>", "user": { "twoFactorEnabled": true } } }"#;

const ASKED_AFTER_PASSKEY: &str = r#"{
    "status": 200,
    "set-cookie": [
        { "name": "better-auth.session_token", "value": "", "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] },
        { "name": "better-auth.session_data", "value": "", "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] },
        {
            "name": "better-auth.two_factor",
            "value": "<two-factor-challenge-9>.<urlencoded:sig-base64-9>",
            "attributes": ["Max-Age=600", "Path=/", "HttpOnly", "SameSite=Lax"]
        }
    ],
    "body": { "twoFactorRedirect": true, "twoFactorMethods": ["totp", "otp"] }
}"#;

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
    Stricter { file: "change-password-errors", steps: &[10], answer: A_PAGE, why: NEVER_BY_GET },
    Stricter { file: "change-password-errors", steps: &[11], answer: UNAUTHORIZED, why: NEVER_BY_GET },
    Stricter {
        file: "core-unknown-path",
        steps: &[3],
        answer: r#"{ "status": 404, "headers": { "content-type": "application/json" }, "body": { "error": "not found" } }"#,
        why: "outside the base path the dialect is not asked: the server answers for all of them",
    },
    Stricter {
        file: "email-otp-bypasses-2fa",
        steps: &[2],
        answer: ASKED_AFTER_MAIL,
        why: "SEC-029: a mailbox is one factor",
    },
    Stricter {
        file: "email-otp-bypasses-2fa",
        steps: &[3],
        answer: NULL,
        why: "SEC-029: a mailbox is one factor",
    },
    Stricter {
        file: "email-otp-sign-in",
        steps: &[3],
        answer: NO_SUCH_ROUTE,
        why: "mailed codes sign in and do nothing else",
    },
    Stricter {
        file: "magic-link-bypasses-2fa",
        steps: &[2],
        answer: ASKED_AFTER_MAIL,
        why: "SEC-029: a mailbox is one factor",
    },
    Stricter {
        file: "magic-link-bypasses-2fa",
        steps: &[3],
        answer: NULL,
        why: "SEC-029: a mailbox is one factor",
    },
    Stricter {
        file: "magic-link-disable-sign-up",
        steps: &[2],
        answer: r#"{ "status": 302, "headers": { "location": "http://localhost:3777/?error=INVALID_TOKEN" }, "body": "" }"#,
        why: "whom a link would not sign in is mailed none",
    },
    Stricter {
        file: "magic-link-unverified-takeover-guard",
        steps: &[3],
        answer: r#"{
            "status": 200,
            "headers": { "set-auth-jwt": "<jwt-1>" },
            "body": { "user": { "email": "ada@example.com", "emailVerified": false, "twoFactorEnabled": true } }
        }"#,
        why: "SEC-029: with a second factor in force the mailbox alone changes nothing",
    },
    Stricter {
        file: "magic-link-unverified-takeover-guard",
        steps: &[4],
        answer: r#"{
            "status": 200,
            "set-cookie": [
                { "name": "better-auth.session_token", "value": "", "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] },
                { "name": "better-auth.session_data", "value": "", "attributes": ["Max-Age=0", "Path=/", "HttpOnly", "SameSite=Lax"] },
                {
                    "name": "better-auth.two_factor",
                    "value": "<two-factor-challenge-8>.<urlencoded:sig-base64-8>",
                    "attributes": ["Max-Age=600", "Path=/", "HttpOnly", "SameSite=Lax"]
                }
            ],
            "body": { "twoFactorRedirect": true }
        }"#,
        why: "SEC-029: with a second factor in force the mailbox alone changes nothing",
    },
    Stricter {
        file: "magic-link-unverified-takeover-guard",
        steps: &[2],
        answer: ASKED_AFTER_MAIL,
        why: "SEC-029: a mailbox takes no second factor away, nor the password that stands before it",
    },
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
        file: "passkey-bypasses-2fa-and-uv",
        steps: &[2],
        answer: ASKED_AFTER_PASSKEY,
        why: "SEC-041: a passkey whose person was not verified is one factor",
    },
    Stricter {
        file: "passkey-bypasses-2fa-and-uv",
        steps: &[3],
        answer: NULL,
        why: "SEC-041: a passkey whose person was not verified is one factor",
    },
    Stricter {
        file: "passkey-create-session",
        steps: &[2],
        answer: r#"{
            "headers": { "set-auth-token": "<session-token-1>.<sig-base64-1>" },
            "set-cookie": [{ "value": "<session-token-1>.<urlencoded:sig-base64-1>" }],
            "body": { "session": { "token": "<session-token-1>" }, "user": { "twoFactorEnabled": true } }
        }"#,
        why: "the session goes on; another one beside it would be no safer",
    },
    Stricter {
        file: "passkey-create-session",
        steps: &[3],
        answer: NULL,
        why: "the session goes on; another one beside it would be no safer",
    },
    Stricter {
        file: "passkey-register-and-sign-in",
        steps: &[4],
        answer: r#"{ "body": { "user": { "id": "<webauthn-user-handle-1>" } } }"#,
        why: "SEC-051: one account has one handle, or authenticators would list it twice",
    },
    Stricter {
        file: "passkey-register-and-sign-in",
        steps: &[7, 8],
        answer: r#"{ "body": { "user": { "twoFactorEnabled": true } } }"#,
        why: "a passkey is a second factor",
    },
    Stricter {
        file: "passkey-register-errors",
        steps: &[9],
        answer: NOT_FRESH,
        why: "adding a factor takes a proof of the last five minutes, and the ceremony lives as long",
    },
    Stricter {
        file: "passkey-register-errors",
        steps: &[10],
        answer: NOT_FRESH,
        why: "adding a factor takes a proof of the last five minutes",
    },
    Stricter {
        file: "passkey-register-errors",
        steps: &[13],
        answer: r#"{ "status": 400, "body": { "code": "CHALLENGE_NOT_FOUND" } }"#,
        why: "there is no ceremony that could fail",
    },
    Stricter {
        file: "passkey-register-errors",
        steps: &[5, 7, 8],
        answer: r#"{ "status": 400, "body": { "code": "FAILED_TO_VERIFY_REGISTRATION" } }"#,
        why: "a bad answer is the caller's mistake, not ours",
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
