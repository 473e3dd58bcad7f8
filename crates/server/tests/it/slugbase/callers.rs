//! Who is asking: the two cookies, the header, and when a CSRF token is due (superset page §4).

use serde_json::json;

use super::{CSRF, PENDING, SID, TOKEN, ask, by_header, enrol, get, log_in, only, owner, post, set};
use crate::world::World;

#[tokio::test]
async fn either_cookie_is_the_session_and_nobody_anonymous_gets_one() {
    let world = World::new().await;
    let mut stranger = world.browser();
    for path in ["/api/health", "/api/csrf-token", "/api/auth/me", "/api/nothing"] {
        let reply = get(&mut stranger, path).await;
        assert_eq!((set(&reply, SID), set(&reply, TOKEN)), (None, None), "{path}");
    }
    let ada = owner(&world).await;
    for cookie in [TOKEN, SID] {
        let me = get(&mut only(&world, &ada, cookie), "/api/auth/me").await.expect(200);
        assert_eq!(me.body["email"], super::ADA, "{cookie}");
    }
    // Neither passes for the other, nor for the sign-in that waits.
    for (cookie, name) in [(TOKEN, SID), (SID, TOKEN), (TOKEN, PENDING), (SID, PENDING), (CSRF, SID)] {
        let mut mixed = world.browser();
        mixed.jar.insert(name.to_owned(), ada.jar[cookie].clone());
        get(&mut mixed, "/api/auth/me").await.expect(401);
        let code = json!({ "code": "123456" });
        assert_eq!(
            post(&mut mixed, "/api/auth/mfa/verify", code).await.expect(401).code(),
            "MFA_PENDING_INVALID"
        );
    }
    // A dead access token does not stand in the way of the session beside it.
    let mut both = only(&world, &ada, SID);
    both.jar.insert(TOKEN.to_owned(), "dead".to_owned());
    get(&mut both, "/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn signing_out_ends_the_session_however_it_was_shown() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    for shown in [TOKEN, SID, "authorization"] {
        log_in(&mut ada).await.expect(200);
        let token = ada.jar[TOKEN].clone();
        let copies = [only(&world, &ada, TOKEN), only(&world, &ada, SID)];
        match shown {
            "authorization" => by_header(&world, "POST /api/auth/logout", &token, None).await,
            cookie => post(&mut only(&world, &ada, cookie), "/api/auth/logout", json!({})).await,
        }
        .expect(200);
        for mut copy in copies {
            get(&mut copy, "/api/auth/me").await.expect(401);
        }
        by_header(&world, "GET /api/auth/me", &token, None).await.expect(401);
    }
    // Two cookies may name two sessions: both end.
    log_in(&mut ada).await.expect(200);
    let first = only(&world, &ada, TOKEN);
    log_in(&mut ada).await.expect(200);
    ada.jar.insert(TOKEN.to_owned(), first.jar[TOKEN].clone());
    let copies = [first, only(&world, &ada, SID)];
    post(&mut ada, "/api/auth/logout", json!({})).await.expect(200);
    assert!(!ada.jar.contains_key(TOKEN) && !ada.jar.contains_key(SID));
    for mut copy in copies {
        get(&mut copy, "/api/auth/me").await.expect(401);
    }
}

#[tokio::test]
async fn a_csrf_token_is_due_exactly_if_a_cookie_signs_in() {
    let world = World::new().await;
    let ada = owner(&world).await;
    let begin = "POST /api/auth/mfa/enroll/begin";
    for cookie in [TOKEN, SID] {
        let mut copy = only(&world, &ada, cookie);
        let refused = ask(&mut copy, begin, &[], Some(json!({}))).await.expect(403);
        assert_eq!(refused.body["error"], "Invalid CSRF token");
        assert!(copy.jar.contains_key(CSRF), "one to try again with");
        post(&mut copy, "/api/auth/mfa/enroll/begin", json!({})).await.expect(200);
        // Once there is one, a refusal does not change it.
        assert_eq!(set(&ask(&mut copy, begin, &[], None).await.expect(403), CSRF), None);
        // Another scheme is no bearer: the cookie signs in.
        ask(&mut copy, begin, &[("authorization", "Basic YTpi")], None).await.expect(403);
    }
    let token = ada.jar[TOKEN].clone();
    by_header(&world, begin, &token, None).await.expect(200);
    // The header decides alone, for better and worse.
    let bearer = format!("bearer {token}");
    ask(&mut ada.clone(), begin, &[("authorization", &bearer)], None).await.expect(200);
    let mut stale = only(&world, &ada, CSRF);
    stale.jar.insert(TOKEN.to_owned(), "dead".to_owned());
    ask(&mut stale, begin, &[("authorization", &bearer)], None).await.expect(200);
    ask(&mut ada.clone(), begin, &[("authorization", "Bearer dead")], None).await.expect(401);
    ask(&mut stale, begin, &[], None).await.expect(401);
    ask(&mut world.browser(), begin, &[], None).await.expect(401);
    // A pair of one's own making.
    for made_up in ["attacker", &*"0".repeat(64)] {
        let mut planted = ada.clone();
        planted.jar.insert(CSRF.to_owned(), made_up.to_owned());
        post(&mut planted, "/api/auth/mfa/enroll/begin", json!({})).await.expect(403);
    }
    // What is exempt is exempt by the letter.
    let mut copy = ada.clone();
    copy.jar.remove(CSRF);
    ask(&mut copy.clone(), "POST /api/auth/LOGIN", &[], Some(json!({}))).await.expect(403);
    ask(&mut copy.clone(), "POST /api/auth/login/", &[], Some(json!({}))).await.expect(403);
    ask(&mut copy.clone(), "POST /api/auth/login", &[], Some(json!({}))).await.expect(400);
    ask(&mut copy, "POST /slugbase/api/auth/login", &[], Some(json!({}))).await.expect(400);
}

/// SEC-079: a page that is none of ours is refused even with the right token, and cannot sign anybody in.
#[tokio::test]
async fn a_page_elsewhere_is_refused() {
    let world = World::new().await;
    let ada = owner(&world).await;
    let csrf = ada.jar[CSRF].clone();
    for origin in ["https://evil.example", "null", "http://localhost:3778"] {
        for line in ["POST /api/auth/mfa/enroll/begin", "POST /api/auth/login", "POST /api/auth/logout"] {
            let headers = [("origin", origin), ("x-csrf-token", &*csrf)];
            let refused = ask(&mut ada.clone(), line, &headers, Some(json!({}))).await.expect(403);
            assert_eq!(refused.code(), "INVALID_ORIGIN", "{line} from {origin}");
        }
    }
    get(&mut ada.clone(), "/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn keys_read_and_enrol_and_do_nothing_else() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let made = post(&mut ada, "/api/tokens", json!({ "name": "ci" })).await.expect(201);
    let key = made.body["token"].as_str().unwrap().to_owned();
    let revoke = format!("DELETE /api/tokens/{}", made.body["id"].as_str().unwrap());
    let by_key = |line: &str, body| {
        let (world, line, key) = (&world, line.to_owned(), key.clone());
        async move { by_header(world, &line, &key, body).await }
    };
    for path in ["/api/auth/me", "/slugbase/api/users/me", "/api/auth/mfa/status", "/api/tokens"] {
        by_key(&format!("GET {path}"), None).await.expect(200);
    }
    let listed = by_key("GET /api/tokens", None).await.body;
    assert!(listed[0]["last_used_at"].is_string() && listed[0]["expires_at"].is_string());
    assert!(!listed.to_string().contains(&key));
    for line in ["POST /api/tokens", &*revoke, "DELETE /api/users/me"] {
        let refused = by_key(line, Some(json!({ "name": "more" }))).await.expect(403);
        assert_eq!(refused.body["error_code"], "API_TOKEN_NOT_ALLOWED", "{line}");
    }
    // The first factor, as the documentation promises.
    let begun = by_key("POST /api/auth/mfa/enroll/begin", None).await.expect(200);
    let uri = begun.body["otpauth_url"].as_str().unwrap().to_owned();
    let code = Some(json!({ "code": world.totp(&uri) }));
    let confirmed = by_key("POST /api/auth/mfa/enroll/confirm", code).await.expect(200);
    assert!(confirmed.cookies().is_empty());
    assert_eq!(confirmed.body["backup_codes"].as_array().unwrap().len(), 10);
    get(&mut ada, "/api/auth/me").await.expect(401);
    by_key("POST /api/auth/mfa/enroll/begin", None).await.expect(409);
    // Taking it away needs password and code beside the key.
    world.advance(30);
    let code = world.totp(&uri);
    let disable = "POST /api/auth/mfa/disable";
    let without = by_key(disable, Some(json!({ "code": code }))).await.expect(400);
    assert_eq!(without.body["error_code"], "PASSWORD_REQUIRED");
    let wrong = by_key(disable, Some(json!({ "code": code, "password": "wrong" }))).await.expect(401);
    assert_eq!(wrong.body["error_code"], "INVALID_PASSWORD");
    by_key(disable, Some(json!({ "code": "000000", "password": super::PASSWORD }))).await.expect(400);
    by_key(disable, Some(json!({ "code": code, "password": super::PASSWORD }))).await.expect(200);
    // A key is a header: in a cookie it is nothing, and in another dialect neither.
    let mut cookie = world.browser();
    cookie.jar.insert(TOKEN.to_owned(), key.clone());
    get(&mut cookie, "/api/auth/me").await.expect(401);
    by_key("GET /api/auth/list-sessions", None).await.expect(401);
}

#[tokio::test]
async fn revoking_a_key_and_a_year_end_it() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let mut ids = Vec::new();
    for name in ["one", "two"] {
        let made = post(&mut ada, "/api/tokens", json!({ "name": name })).await.expect(201);
        ids.push((
            made.body["id"].as_str().unwrap().to_owned(),
            made.body["token"].as_str().unwrap().to_owned(),
        ));
    }
    let csrf = ada.jar[CSRF].clone();
    let revoke = format!("DELETE /api/tokens/{}", ids[0].0);
    ask(&mut ada, &revoke, &[("x-csrf-token", &csrf)], None).await.expect(200);
    by_header(&world, "GET /api/auth/me", &ids[0].1, None).await.expect(401);
    let gone = ask(&mut ada, &revoke, &[("x-csrf-token", &csrf)], None).await.expect(400);
    assert_eq!(gone.body["error"], "Token not found");
    world.advance(365 * 24 * 3_600 - 1);
    by_header(&world, "GET /api/auth/me", &ids[1].1, None).await.expect(200);
    world.advance(1);
    by_header(&world, "GET /api/auth/me", &ids[1].1, None).await.expect(401);
}

#[tokio::test]
async fn paths_are_read_as_express_reads_them() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    for path in ["/API/Auth/ME/", "//api/auth/me", "/slugbase/api/auth/me", "/slugbase//API/auth/me/"] {
        get(&mut ada, path).await.expect(200);
    }
    for path in
        ["/slugbase/api/auth/me//", "/slugbase/api//auth/me", "/slugbase/api/auth/mee", "/slugbase/api"]
    {
        assert_eq!(get(&mut ada, path).await.expect(404).body["error"], "Not found", "{path}");
    }
    assert_eq!(ask(&mut ada, "PATCH /slugbase/api/auth/me", &[], None).await.expect(404).code(), "NOT_FOUND");
}

/// New cookies for whoever has cookies; a header's token goes on.
#[tokio::test]
async fn enrolling_rotates_cookies_and_leaves_a_headers_token_alive() {
    let world = World::new().await;
    let mut ada = owner(&world).await;
    let before = ada.clone();
    enrol(&world, &mut ada).await;
    for cookie in [TOKEN, SID] {
        assert_ne!(before.jar[cookie], ada.jar[cookie]);
        get(&mut only(&world, &before, cookie), "/api/auth/me").await.expect(401);
        get(&mut only(&world, &ada, cookie), "/api/auth/me").await.expect(200);
    }

    let world = World::new().await;
    let ada = owner(&world).await;
    let mut other = world.browser();
    log_in(&mut other).await.expect(200);
    let token = ada.jar[TOKEN].clone();
    let begun = by_header(&world, "POST /api/auth/mfa/enroll/begin", &token, None).await.expect(200);
    let code = Some(json!({ "code": world.totp(begun.body["otpauth_url"].as_str().unwrap()) }));
    let confirmed = by_header(&world, "POST /api/auth/mfa/enroll/confirm", &token, code).await.expect(200);
    assert!(confirmed.cookies().is_empty());
    by_header(&world, "GET /api/auth/me", &token, None).await.expect(200);
    get(&mut other, "/api/auth/me").await.expect(401);
}

#[tokio::test]
async fn founding_an_organisation_elsewhere_makes_nobody_an_administrator_here() {
    let world = World::new().await;
    assert_eq!(get(&mut owner(&world).await, "/api/auth/me").await.expect(200).body["is_admin"], true);
    let mut eve = world.browser();
    let body = json!({
        "email": "eve@example.com", "password": super::PASSWORD, "firstName": "Eve", "lastName": "X",
        "companyName": "Mine",
    });
    post(&mut eve, "/user/register", body).await.expect(201);
    let body = json!({ "email": "eve@example.com", "password": super::PASSWORD });
    let signed_in = post(&mut eve, "/api/auth/login", body).await.expect(200);
    assert_eq!(signed_in.body["is_admin"], false);
}
