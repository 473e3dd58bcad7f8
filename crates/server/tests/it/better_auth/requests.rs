//! §§1, 3, 4: routing, bodies, cookie names, origins and redirect targets.

use axum::http::header;
use serde_json::json;

use super::{Call, cookie, is_empty};
use crate::world::{ORIGIN, PASSWORD, World};

#[tokio::test]
async fn what_is_no_route_is_an_empty_404() {
    let world = World::new().await;
    for (method, path) in [
        ("GET", "/nope"),
        ("GET", "/ok/"),
        ("GET", "//ok"),
        ("GET", "/OK"),
        ("GET", "/o%6B"),
        ("GET", "/sign-in/email"),
        ("PUT", "/sign-in/email"),
        ("DELETE", "/get-session"),
        ("PATCH", "/update-user"),
        ("POST", "/ok"),
        ("POST", "/list-sessions"),
        ("HEAD", "/ok"),
        ("HEAD", "/get-session"),
        ("OPTIONS", "/sign-in/email"),
        ("OPTIONS", "/nope"),
        ("GET", "/reset-password/"),
        ("GET", "/reset-password/a/b"),
        ("POST", "/two-factor/view-backup-codes"),
        ("TRACE", "/ok"),
    ] {
        let reply = Call::new(method, path).send(&world).await;
        assert_eq!(reply.status, 404, "{method} {path}");
        assert!(is_empty(&reply), "{method} {path}: {reply:#?}");
    }
}

#[tokio::test]
async fn bodies_are_json_and_forms_only_where_people_first_sign_in() {
    let world = World::new().await;
    let form = "application/x-www-form-urlencoded";
    let signed_up = Call::new("POST", "/sign-up/email")
        .header("content-type", "Application/X-WWW-Form-URLencoded; charset=UTF-8")
        .raw("name=Ada+L&email=ada%40example.com&password=correct+horse+battery&rememberMe=false");
    let reply = signed_up.send(&world).await.expect(200);
    assert_eq!(reply.body["user"]["name"], "Ada L");
    assert_eq!(super::cookie_names(&reply), ["session_token", "dont_remember"]);
    let signed_in = Call::new("POST", "/sign-in/email")
        .header("content-type", form)
        .raw("email=ada%40example.com&password=correct%20horse%20battery&rememberMe=true");
    signed_in.send(&world).await.expect(200);
    let wrong_flag = Call::new("POST", "/sign-in/email")
        .header("content-type", form)
        .raw("email=ada%40example.com&password=x&rememberMe=maybe");
    let reply = wrong_flag.send(&world).await.expect(400);
    assert_eq!(reply.body["message"], "[body.rememberMe] Invalid input: expected boolean, received string");

    for json in
        ["application/json", "APPLICATION/JSON", "application/json;charset=utf-8", " application/json ; a=b"]
    {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD }).to_string();
        let call = Call::new("POST", "/sign-in/email").header("content-type", json).raw(body);
        call.send(&world).await.expect(200);
    }
    let allowed = "Allowed types: application/json";
    for (path, sent, allowed) in [
        (
            "/sign-in/email",
            "text/plain",
            "Allowed types: application/x-www-form-urlencoded, application/json",
        ),
        (
            "/sign-up/email",
            "multipart/form-data; boundary=x",
            "Allowed types: application/x-www-form-urlencoded, application/json",
        ),
        ("/two-factor/enable", form, allowed),
        ("/sign-out", "text/plain", allowed),
        ("/two-factor/verify-totp", "application/vnd.api+json", allowed),
        ("/two-factor/verify-totp", "application/jsonp", allowed),
    ] {
        let reply =
            Call::new("POST", path).header("content-type", sent).raw("x").send(&world).await.expect(415);
        let message = format!("Content-Type \"{sent}\" is not allowed. {allowed}");
        assert_eq!(reply.body, json!({ "message": message, "code": "UNSUPPORTED_MEDIA_TYPE" }));
    }
    // Nothing in it, or nothing said about it: no body.
    let absent = "[body] Invalid input: expected object, received undefined";
    let empty = Call::new("POST", "/sign-in/email").header("content-type", "text/plain");
    assert_eq!(empty.send(&world).await.expect(400).body["message"], absent);
    let untyped = Call::new("POST", "/sign-in/email").raw("{\"email\":1}");
    assert_eq!(untyped.send(&world).await.expect(400).body["message"], absent);
    Call::new("POST", "/sign-out").send(&world).await.expect(200);
    // Not read at all.
    let get = Call::get("/get-session").header("content-type", "text/plain").raw("{bad");
    get.send(&world).await.expect(200);
}

#[tokio::test]
async fn over_https_cookies_are_secure_in_name_and_deed() {
    let world = World::with(|config| {
        config.public_url = "https://auth.example.com".parse().unwrap();
        config.better_auth.cookie_domain = Some("example.com".to_owned());
    })
    .await;
    let body =
        json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD, "rememberMe": false });
    let sign_up = Call::post("/sign-up/email", &body).header("origin", "https://auth.example.com");
    let reply = sign_up.send(&world).await.expect(200);
    for (name, _, attributes) in reply.cookies() {
        assert!(name.starts_with("__Secure-better-auth."), "{name}");
        assert_eq!(attributes, ["Domain=example.com", "Path=/", "HttpOnly", "Secure", "SameSite=Lax"]);
    }
    let session = cookie(&reply, "session_token");
    assert!(Call::get("/get-session").header("cookie", &session).send(&world).await.body.is_object());
    // The name without the prefix is anybody's to set, so it means nothing.
    let plain = session.replace("__Secure-", "");
    let reply = Call::get("/get-session").header("cookie", &plain).send(&world).await;
    assert!(reply.body.is_null() && reply.cookies().is_empty());
    let sign_out = Call::post("/sign-out", &json!({})).header("origin", "https://auth.example.com");
    for (_, value, attributes) in sign_out.send(&world).await.cookies() {
        assert_eq!(value, "");
        assert_eq!(
            attributes,
            ["Max-Age=0", "Domain=example.com", "Path=/", "HttpOnly", "Secure", "SameSite=Lax"]
        );
    }
}

/// What is said about where a request comes from, and which code refuses it.
type Said<'a> = (&'a [(&'static str, &'a str)], Option<&'a str>);

const FOREIGN: Option<&str> = Some("INVALID_ORIGIN");
const MISSING: Option<&str> = Some("MISSING_OR_NULL_ORIGIN");

async fn trusting() -> World {
    let trusted = ["https://*.preview.example.com", "https://app.example.com", "myapp://"];
    World::with(|config| config.trusted_origins = trusted.map(str::to_owned).into()).await
}

#[tokio::test]
async fn whoever_brings_cookies_says_where_from() {
    let world = trusting().await;
    let mut ada = world.browser();
    let session = cookie(&ada.sign_up("ada@example.com").await, "session_token");
    let table: &[Said] = &[
        (&[("origin", ORIGIN)], None),
        (&[("origin", "https://app.example.com")], None),
        (&[("origin", "https://a.b.preview.example.com")], None),
        (&[("origin", "myapp://")], None),
        (&[("origin", "https://preview.example.com")], FOREIGN),
        (&[("origin", "https://app.example.com:8443")], FOREIGN),
        (&[("origin", "http://app.example.com")], FOREIGN),
        (&[("origin", "https://app.example.com.evil.example")], FOREIGN),
        (&[("origin", "http://localhost:37777")], FOREIGN),
        (&[], MISSING),
        (&[("origin", "")], MISSING),
        (&[("origin", "null")], MISSING),
        (&[("origin", "null"), ("sec-fetch-site", "same-origin")], None),
        (&[("origin", "null"), ("sec-fetch-site", "same-site")], MISSING),
        (&[("origin", "null"), ("sec-fetch-site", "cross-site")], MISSING),
        (&[("referer", "http://localhost:3777/settings?a=b")], None),
        (&[("referer", "https://evil.example/http://localhost:3777")], FOREIGN),
        (&[("origin", "https://evil.example"), ("referer", "http://localhost:3777/")], FOREIGN),
        (&[("origin", ORIGIN), ("origin", "https://evil.example")], FOREIGN),
        (&[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors")], MISSING),
    ];
    for (said, code) in table {
        for path in ["/update-user", "/two-factor/send-otp", "/sign-out"] {
            let body =
                if path == "/update-user" { json!({ "name": "Ada" }) } else { json!({ "trustDevice": 7 }) };
            let mut call = Call::post(path, &body).header("cookie", "theme=dark");
            if path == "/update-user" {
                call = call.header("cookie", &session);
            }
            for (name, value) in *said {
                call = call.header(name, value);
            }
            let reply = call.send(&world).await;
            match code {
                Some(code) => {
                    assert_eq!((reply.status.as_u16(), reply.code()), (403, *code), "{path} {said:?}")
                }
                None => assert_ne!(reply.status, 403, "{path} {said:?}"),
            }
        }
    }
    // Reading is never asked; without a cookie there is nothing to ride on.
    let evil = |call: Call| call.header("origin", "https://evil.example");
    evil(Call::get("/get-session").header("cookie", &session)).send(&world).await.expect(200);
    evil(Call::post("/two-factor/verify-totp", &json!({ "code": "1" }))).send(&world).await.expect(401);
}

#[tokio::test]
async fn a_first_login_is_asked_without_cookies_too() {
    let world = trusting().await;
    world.browser().sign_up("ada@example.com").await;
    let blocked = Some("CROSS_SITE_NAVIGATION_LOGIN_BLOCKED");
    let (site, mode) = (("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"));
    let table: &[Said] = &[
        (&[], None),
        (&[("origin", ORIGIN)], None),
        (&[("origin", "https://a.preview.example.com"), site, ("sec-fetch-mode", "cors")], None),
        (&[("origin", "https://evil.example")], FOREIGN),
        (&[("origin", "null")], MISSING),
        (&[("referer", "https://evil.example/")], FOREIGN),
        (&[("referer", "https://app.example.com/sign-in")], None),
        (&[("sec-fetch-mode", "cors")], MISSING),
        (&[("sec-fetch-dest", "empty")], MISSING),
        (&[("sec-fetch-site", "same-origin"), ("origin", "null")], None),
        (&[site, mode], blocked),
        (&[site, mode, ("origin", ORIGIN)], blocked),
        (&[("cookie", "theme=dark")], MISSING),
    ];
    for (said, code) in table {
        let body = json!({ "email": "ada@example.com", "password": PASSWORD });
        let mut call = Call::post("/sign-in/email", &body);
        for (name, value) in *said {
            call = call.header(name, value);
        }
        let reply = call.send(&world).await;
        match code {
            Some(code) => assert_eq!((reply.status.as_u16(), reply.code()), (403, *code), "{said:?}"),
            None => assert_eq!(reply.status, 200, "{said:?}"),
        }
    }
}

#[tokio::test]
async fn redirect_targets_stay_with_us_wherever_they_stand() {
    let world = trusting().await;
    let keys = [
        ("callbackURL", "INVALID_CALLBACK_URL", "Invalid callbackURL"),
        ("redirectTo", "INVALID_REDIRECT_URL", "Invalid redirectURL"),
        ("errorCallbackURL", "INVALID_ERROR_CALLBACK_URL", "Invalid errorCallbackURL"),
        ("newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL", "Invalid newUserCallbackURL"),
    ];
    let away = [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "/%2fevil.example",
        "javascript:alert(1)",
        "/a\nb",
        "evil",
    ];
    let fine = [
        "/",
        "/done?x=1",
        "https://app.example.com/x",
        "https://a.preview.example.com/",
        "myapp://callback",
        "",
    ];
    for (key, code, message) in keys {
        for target in away {
            let query: String =
                url::form_urlencoded::Serializer::new(String::new()).append_pair(key, target).finish();
            let in_query = Call::post(&format!("/sign-out?{query}"), &json!({}));
            let in_body = Call::post("/sign-out", &json!({ key: target }));
            for call in [in_query, in_body] {
                let reply = call.send(&world).await.expect(403);
                assert_eq!(reply.body, json!({ "code": code, "message": message }), "{key} {target:?}");
            }
        }
        for target in fine {
            let query: String =
                url::form_urlencoded::Serializer::new(String::new()).append_pair(key, target).finish();
            Call::post(&format!("/sign-out?{query}"), &json!({ key: target })).send(&world).await.expect(200);
        }
        for odd in [json!(7), json!(true), json!({}), json!([])] {
            let reply = Call::post("/sign-out", &json!({ key: odd })).send(&world).await.expect(400);
            assert_eq!(reply.body, json!({ "message": format!("Invalid {key}: expected a string") }));
        }
    }
    for path in ["/verify-email?token=x", "/delete-user/callback?token=x", "/reset-password/x?"] {
        let reply = Call::get(&format!("{path}&callbackURL=https%3A%2F%2Fevil.example"))
            .send(&world)
            .await
            .expect(403);
        assert_eq!(reply.code(), "INVALID_CALLBACK_URL", "{path}");
    }
    let body = json!({ "email": "ada@example.com", "password": PASSWORD, "callbackURL": "/in?a=b" });
    world.browser().sign_up("ada@example.com").await;
    let reply = Call::post("/sign-in/email", &body).send(&world).await.expect(200);
    assert_eq!((reply.body["redirect"].as_bool(), reply.body["url"].as_str()), (Some(true), Some("/in?a=b")));
    assert_eq!(reply.headers[header::LOCATION], "/in?a=b");
}

#[tokio::test]
async fn under_its_own_prefix_links_lead_back_there() {
    let world = World::new().await;
    for (base, email) in [("/api/auth", "ada@example.com"), ("/better-auth/api/auth", "bob@example.com")] {
        let mut browser = world.browser();
        browser.sign_up(email).await;
        let body = json!({ "email": email });
        browser.post(&format!("{base}/request-password-reset"), body.clone()).await.expect(200);
        let link = world.mailed_link(email).await;
        assert!(link.starts_with(&format!("{ORIGIN}{base}/reset-password/")), "{link}");
        world.advance(1);
        browser.post(&format!("{base}/send-verification-email"), body).await.expect(200);
        let link = world.mailed_link(email).await;
        assert!(link.starts_with(&format!("{ORIGIN}{base}/verify-email?token=")), "{link}");
        let reply = world.browser().get(link.strip_prefix(ORIGIN).unwrap()).await.expect(302);
        assert_eq!(reply.headers[header::LOCATION], "/");
    }
}
