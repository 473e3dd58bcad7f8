//! Foreign bytes: malformed codes, bodies of every wrong shape, sizes. Always the contract's envelope, never 5xx.

use serde_json::{Value, json};

use super::Call;
use crate::world::{Reply, World};

/// Nothing a person could have read off a screen or a sheet.
fn malformed_codes() -> Vec<Value> {
    let mut codes: Vec<String> = [
        "",
        " ",
        "      ",
        "-",
        "1",
        "12345",
        "1234567",
        "12345a",
        "a12345",
        "abcdef",
        "０１２３４５",
        "٠١٢٣٤٥",
        "१२३४५६",
        "-123456",
        "123456-",
        "+123456",
        "1-2-3-4-5-6",
        "12--3456",
        "123.456",
        "1e5",
        "0x1F",
        "1_000",
        "123456\n",
        "\t123456",
        "\u{b}123456",
        "\u{7f}123456",
        "\u{feff}123456",
        "123\u{a0}456",
        "\u{200b}123456",
        "½¼¾⅓⅔⅛",
        "null",
        "NaN",
        "[obj]",
        "<script>alert(1)</script>",
        "' OR '1'='1",
        "${jndi:ldap://x}",
        "../../etc/passwd",
        "%31%32%33%34%35%36",
        "💥💥💥💥💥💥",
        "ＡＢＣＤ-ＥＦＧＨ-ＩＪＫＬ-ＭＮＯＰ",
    ]
    .map(str::to_owned)
    .into();
    codes.push("9".repeat(10_000));
    codes.push("A".repeat(60_000));
    codes.into_iter().map(Value::String).collect()
}

#[tokio::test]
async fn malformed_codes_are_wrong_codes_and_cost_no_attempt() {
    let world = World::new().await;
    let mut ada = world.browser();
    let enrolled = ada.enrol(&world, "ada@example.com").await;
    for (path, code) in [
        ("verify-totp", "INVALID_CODE"),
        ("verify-otp", "INVALID_CODE"),
        ("verify-backup-code", "INVALID_BACKUP_CODE"),
    ] {
        world.advance(30);
        let path = format!("/api/auth/two-factor/{path}");
        let mut door = world.browser();
        door.sign_in("ada@example.com").await.expect(200);
        door.post("/api/auth/two-factor/send-otp", json!({})).await.expect(200);
        let malformed = malformed_codes();
        assert!(malformed.len() >= 40);
        for typed in malformed {
            let reply = door.post(&path, json!({ "code": typed })).await;
            assert_eq!((reply.status.as_u16(), reply.code()), (401, code), "{path} {typed}");
            assert!(reply.cookies().is_empty());
        }
        let right = match code {
            "INVALID_BACKUP_CODE" => enrolled.backup_codes[0].clone(),
            _ if path.ends_with("otp") && !path.ends_with("totp") => {
                world.mailed_code("ada@example.com").await
            }
            _ => world.totp(&enrolled.uri),
        };
        door.post(&path, json!({ "code": right })).await.expect(200);
    }
}

const POST_ROUTES: &[&str] = &[
    "/sign-up/email",
    "/sign-in/email",
    "/sign-in/social",
    "/sign-out",
    "/get-session",
    "/revoke-session",
    "/revoke-sessions",
    "/revoke-other-sessions",
    "/update-session",
    "/update-user",
    "/change-password",
    "/verify-password",
    "/change-email",
    "/delete-user",
    "/request-password-reset",
    "/reset-password",
    "/send-verification-email",
    "/two-factor/enable",
    "/two-factor/verify-totp",
    "/two-factor/send-otp",
    "/two-factor/verify-otp",
    "/two-factor/verify-backup-code",
    "/two-factor/generate-backup-codes",
    "/two-factor/get-totp-uri",
    "/two-factor/disable",
];

/// Every member that any route reads.
const MEMBERS: &[&str] = &[
    "name",
    "email",
    "password",
    "image",
    "callbackURL",
    "rememberMe",
    "provider",
    "token",
    "newPassword",
    "currentPassword",
    "revokeOtherSessions",
    "newEmail",
    "redirectTo",
    "method",
    "issuer",
    "code",
    "trustDevice",
    "disableSession",
    "twoFactorEnabled",
];

fn malformed_bodies() -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = [
        "{",
        "}",
        "[",
        "{\"",
        "{\"code\"",
        "{\"code\":",
        "{\"code\":}",
        "{code:1}",
        "{'code':'1'}",
        "{\"code\":1,}",
        "{}{}",
        "{} x",
        "nul",
        "True",
        "NaN",
        "Infinity",
        "0x1",
        "01",
        "1e99999",
        "\"",
        "\"\\ud800\"",
        "\"\\x\"",
        "null",
        "true",
        "0",
        "-0.0",
        "\"text\"",
        "[]",
        "[{}]",
        "{\"__proto__\":{\"code\":1}}",
        "{\"\":\"\"}",
        "/* */{}",
        "\u{feff}{}",
        "{\"a\":\"\u{0}\"}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    bodies.push(b"\xff\xfe{\x00}\x00".to_vec());
    bodies.push(b"{\"code\":\"\xc3\x28\"}".to_vec());
    bodies.push("[".repeat(60_000).into_bytes());
    bodies.push(format!("{}1{}", "{\"a\":".repeat(33), "}".repeat(33)).into_bytes());
    let wrong = [
        json!(null),
        json!(true),
        json!(7),
        json!(-1.5),
        json!(""),
        json!([]),
        json!({}),
        json!(["x"]),
        json!("\u{0}"),
    ];
    for value in wrong {
        let all: serde_json::Map<_, _> =
            MEMBERS.iter().map(|key| ((*key).to_owned(), value.clone())).collect();
        bodies.push(Value::Object(all).to_string().into_bytes());
    }
    bodies
}

/// A refusal is an object with a message; a yes is JSON.
fn is_in_order(reply: &Reply, what: &str) {
    let status = reply.status.as_u16();
    assert!(status < 500, "{what}: {reply:#?}");
    if status >= 400 && status != 404 {
        let message = reply.body["message"].as_str();
        assert!(
            message.is_some_and(|message| !message.is_empty() && message.len() < 4_000),
            "{what}: {reply:#?}"
        );
    }
    assert_eq!(reply.headers["content-type"], "application/json", "{what}");
}

#[tokio::test]
async fn whatever_is_sent_the_answer_is_in_order() {
    let world = World::new().await;
    let bodies = malformed_bodies();
    assert!(bodies.len() >= 30);
    for (at, path) in POST_ROUTES.iter().enumerate() {
        let mut person = world.browser();
        let token =
            person.sign_up(&format!("p{at}@example.com")).await.body["token"].as_str().unwrap().to_owned();
        for body in &bodies {
            let what = format!("{path} {:?}", String::from_utf8_lossy(&body[..body.len().min(80)]));
            for signed_in in [false, true] {
                let mut call =
                    Call::new("POST", path).header("content-type", "application/json").raw(body.clone());
                if signed_in {
                    call = call.bearer(&token);
                }
                is_in_order(&call.send(&world).await, &what);
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_json_is_said_to_be_none_before_anything_else() {
    let world = World::new().await;
    let token = world.browser().sign_up("ada@example.com").await.body["token"].as_str().unwrap().to_owned();
    for path in POST_ROUTES {
        for body in ["{bad", "nul", "{}{}", "{\"code\":1,}"] {
            let call = Call::new("POST", path).header("content-type", "application/json").raw(body);
            let reply = call.bearer(&token).send(&world).await.expect(400);
            assert_eq!(
                reply.body,
                json!({ "message": "Invalid JSON in request body", "code": "BAD_REQUEST" })
            );
        }
    }
}

#[tokio::test]
async fn bodies_end_at_64_kib() {
    const LIMIT: usize = 64 * 1024;
    let world = World::new().await;
    for path in POST_ROUTES {
        for (length, fits) in [(LIMIT - 1, true), (LIMIT, true), (LIMIT + 1, false), (LIMIT * 20, false)] {
            let body = format!("{{{}}}", " ".repeat(length - 2));
            let call = Call::new("POST", path).header("content-type", "application/json").raw(body);
            let reply = call.send(&world).await;
            if fits {
                assert_ne!(reply.status, 413, "{path} {length}");
            } else {
                let reply = reply.expect(413);
                assert_eq!(reply.code(), "PAYLOAD_TOO_LARGE");
            }
        }
    }
}

/// PostgreSQL could not keep it.
#[tokio::test]
async fn no_text_holds_a_nul() {
    let world = World::new().await;
    for (content_type, body) in [
        ("application/x-www-form-urlencoded", "name=a%00b&email=ada%40example.com&password=correct+horse"),
        ("application/json", r#"{"name":"a\u0000b","email":"ada@example.com","password":"correct horse"}"#),
        (
            "application/json",
            r#"{"name":"a","email":"ada@example.com","password":"correct horse","\u0000":1}"#,
        ),
    ] {
        let call = Call::new("POST", "/sign-up/email").header("content-type", content_type).raw(body);
        assert_eq!(call.send(&world).await.expect(400).code(), "BAD_REQUEST", "{body}");
    }
}

/// A cookie, a header or an address may hold anything, too.
#[tokio::test]
async fn odd_headers_are_nobody() {
    let world = World::new().await;
    let long = "x".repeat(8_000);
    for value in ["", ".", "..", "a.b", "=", "%", "%zz", "\"", "\";", "2fa-.", "💥", "a=b=c", &long] {
        for name in ["session_token", "two_factor", "trust_device", "dont_remember"] {
            let line = format!("better-auth.{name}={value}");
            for path in ["/get-session", "/list-sessions", "/token"] {
                is_in_order(&Call::get(path).header("cookie", &line).send(&world).await, &line);
            }
            for path in ["/sign-in/email", "/two-factor/verify-totp", "/sign-out", "/two-factor/disable"] {
                let body = json!({ "email": "a@example.com", "password": "x", "code": "123456" });
                is_in_order(&Call::post(path, &body).cookies(&line).send(&world).await, &line);
            }
        }
        for scheme in ["Bearer", "Basic", ""] {
            let line = format!("{scheme} {value}");
            is_in_order(&Call::get("/get-session").header("authorization", &line).send(&world).await, &line);
        }
    }
    for query in [
        "?token",
        "?token=&callbackURL",
        "?token=%ff%fe",
        "?token=%",
        "?&&&=",
        "?token=x&callbackURL=%00",
        "?error=%0d%0aSet-Cookie:a=b",
    ] {
        for path in ["/verify-email", "/delete-user/callback", "/reset-password/x", "/error", "/get-session"]
        {
            let reply = Call::get(&format!("{path}{query}")).send(&world).await;
            is_in_order(&reply, &format!("{path}{query}"));
            assert!(reply.cookies().is_empty());
        }
    }
}
