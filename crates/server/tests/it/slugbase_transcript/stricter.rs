//! Where we answer differently from the recorded server on purpose: what instead, and why.

use crate::transcript::amendment::Stricter;

const CSRF: &str = r#"{ "status": 403, "body": { "error": "Invalid CSRF token" } }"#;
const UNAUTHORIZED: &str = r#"{ "status": 401, "body": { "error": "Unauthorized" } }"#;
const PENDING_INVALID: &str = r#"{
    "status": 401,
    "body": { "error": "MFA session expired. Please sign in again.", "code": "MFA_PENDING_INVALID" }
}"#;
const INVALID_CODE: &str =
    r#"{ "status": 400, "body": { "error": "Invalid code", "code": "INVALID_CODE" } }"#;
const BEGUN: &str = r#"{
    "status": 200,
    "body": {
        "otpauth_url": "otpauth://totp/SlugBase:admin%40example.test?secret=<base32>&issuer=SlugBase",
        "secret": "<base32>"
    }
}"#;

const BEARER: &str = "superset §4: a header that no other site can make a browser send needs no CSRF token";
const ONCE: &str = "contract §4.1-2: a code and the pending sign-in it answers are good once";
const SLASHES: &str = "superset §4: the documentation prints its addresses with two slashes";

pub(super) const STRICTER: &[Stricter] = &[
    Stricter {
        file: "01_health_version_csrf_providers",
        steps: &[2],
        answer: r#"{ "body": { "commit": null } }"#,
        why: "which build answers is nobody's business",
    },
    Stricter {
        file: "01_health_version_csrf_providers",
        steps: &[6],
        answer: r#"{ "status": 404, "body": { "error": "Not found" } }"#,
        why: "there is no route to count; another dialect's stands at this address",
    },
    Stricter {
        file: "04_csrf_rules",
        steps: &[7],
        answer: CSRF,
        why: "contract §4.12: the token is signed and bound to the session, so nobody can make one up",
    },
    Stricter { file: "04_csrf_rules", steps: &[9, 11], answer: BEGUN, why: BEARER },
    Stricter {
        file: "04_csrf_rules",
        steps: &[8],
        answer: r#"{ "headers": { "ratelimit-remaining": "22" } }"#,
        why: "step 7 was refused before it was counted",
    },
    Stricter {
        file: "04_csrf_rules",
        steps: &[13],
        answer: r#"{ "headers": { "ratelimit-remaining": "19" } }"#,
        why: "step 7 was refused before it was counted, steps 9 and 11 were not",
    },
    Stricter {
        file: "04_csrf_rules",
        steps: &[14],
        answer: r#"{ "status": 404, "body": { "error": "Not found" } }"#,
        why: "superset §4: whoever has no cookie that signs them in needs no CSRF token",
    },
    Stricter {
        file: "04_csrf_rules",
        steps: &[20],
        answer: r#"{ "status": 400, "body": { "error": "Email and password are required" } }"#,
        why: "superset §4: whoever has no cookie that signs them in needs no CSRF token",
    },
    Stricter {
        file: "06_register_validation_and_no_mailer",
        steps: &[5],
        answer: r#"{ "status": 201, "body": { "message": "Check your email to verify your account" } }"#,
        why: "the message waits in the outbox until it can be sent",
    },
    Stricter {
        file: "06_register_validation_and_no_mailer",
        steps: &[6],
        answer: r#"{ "headers": { "ratelimit-remaining": "295" } }"#,
        why: "step 5 succeeded, so it was not counted",
    },
    Stricter {
        file: "06_register_validation_and_no_mailer",
        steps: &[8],
        answer: r#"{ "headers": { "ratelimit-remaining": "294" } }"#,
        why: "step 5 succeeded, so it was not counted",
    },
    Stricter {
        file: "11_login_errors",
        steps: &[10],
        answer: r#"{ "body": { "error": "Invalid email or password" } }"#,
        why: "contract §4.10: the answer does not tell who has an account of which kind",
    },
    Stricter {
        file: "11_login_errors",
        steps: &[11, 12],
        answer: r#"{ "status": 400 }"#,
        why: "contract §4.17: what is no text is the caller's mistake, not our failure",
    },
    Stricter {
        file: "29_path_matching",
        steps: &[5],
        answer: r#"{ "status": 200, "body": { "enabled": false, "enrolled_at": null } }"#,
        why: SLASHES,
    },
    Stricter {
        file: "29_path_matching",
        steps: &[6],
        answer: r#"{
            "status": 400,
            "body": { "error": "No enrollment in progress", "code": "MFA_NO_PENDING" }
        }"#,
        why: SLASHES,
    },
    Stricter {
        file: "29_path_matching",
        steps: &[7],
        answer: r#"{ "headers": { "ratelimit-remaining": "23" } }"#,
        why: SLASHES,
    },
    Stricter {
        file: "33_mfa_verify_errors",
        steps: &[20],
        answer: PENDING_INVALID,
        why: "a sign-in that names nobody is none",
    },
    Stricter { file: "35_weak_totp_replay", steps: &[7, 9], answer: PENDING_INVALID, why: ONCE },
    Stricter { file: "35_weak_totp_replay", steps: &[10], answer: INVALID_CODE, why: ONCE },
    Stricter {
        file: "36_weak_logout_does_not_revoke",
        steps: &[4],
        answer: UNAUTHORIZED,
        why: "contract §4.4: what was signed out stays signed out",
    },
    Stricter {
        file: "82_cors",
        steps: &[2],
        answer: r#"{ "status": 200, "body": { "status": "ok" } }"#,
        why: "a stranger's page may ask; without the header its browser does not show it the answer",
    },
    Stricter {
        file: "51_api_tokens_errors",
        steps: &[11],
        answer: r#"{ "body": { "email_verified": false } }"#,
        why: "there an administrator vouched for the address; here he registered and has not followed the link",
    },
    Stricter {
        file: "82_cors",
        steps: &[3],
        answer: r#"{ "headers": {
            "access-control-allow-methods": "GET, POST, PATCH, DELETE",
            "access-control-allow-headers":
                "content-type, authorization, x-csrf-token, x-api-key, x-two-factor-token, x-error-format, idempotency-key"
        } }"#,
        why: "a fixed list for all dialects: what is asked for is not echoed",
    },
    Stricter {
        file: "82_cors",
        steps: &[4],
        answer: r#"{ "status": 403 }"#,
        why: "a stranger's page is refused, which is no failure of ours",
    },
];
