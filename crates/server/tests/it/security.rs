//! The numbered security requirements that show at the router, each under its number.

use std::net::SocketAddr;

use axum::{
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Request, header},
};
use countersign::{clock::Clock, config::Config};
use countersign_core::{policy::EmailCodes, time::DAY};
use serde_json::{Value, json};

use crate::world::{Browser, Enrolled, ORIGIN, PASSWORD, Reply, World, send};

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";
const OTHER_PASSWORD: &str = "a different long password";
const SESSION: &str = "better-auth.session_token";
const CHALLENGE: &str = "better-auth.two_factor";
const DEVICE: &str = "better-auth.trust_device";

/// A world in which Ada has an authenticator app and a browser that is signed in.
async fn ada() -> (World, Browser, Enrolled) {
    ada_with(|_| ()).await
}

async fn ada_with(change: impl FnOnce(&mut Config)) -> (World, Browser, Enrolled) {
    let world = World::with(change).await;
    let mut browser = world.browser();
    let enrolled = browser.enrol(&world, ADA).await;
    (world, browser, enrolled)
}

async fn post(browser: &mut Browser, act: &str, body: Value) -> Reply {
    browser.post(&format!("/api/auth/{act}"), body).await
}

async fn verify(browser: &mut Browser, method: &str, code: &str) -> Reply {
    post(browser, &format!("two-factor/verify-{method}"), json!({ "code": code })).await
}

async fn sign_in(browser: &mut Browser, email: &str, password: &str) -> Reply {
    post(browser, "sign-in/email", json!({ "email": email, "password": password })).await
}

/// A browser in which the password was right and the second step is due.
async fn at_the_door(world: &World, email: &str) -> Browser {
    let mut browser = world.browser();
    let asked = browser.sign_in(email).await.expect(200);
    assert_eq!(asked.body["twoFactorRedirect"], true);
    browser
}

async fn through_the_door(world: &World, enrolled: &Enrolled) -> Browser {
    let mut browser = at_the_door(world, ADA).await;
    world.advance(30);
    verify(&mut browser, "totp", &world.totp(&enrolled.uri)).await.expect(200);
    browser
}

async fn is_signed_in(browser: &mut Browser) -> bool {
    !post_get(browser, "get-session").await.expect(200).body.is_null()
}

async fn post_get(browser: &mut Browser, act: &str) -> Reply {
    browser.get(&format!("/api/auth/{act}")).await
}

async fn password_act(browser: &mut Browser, act: &str) -> Reply {
    post(browser, act, json!({ "password": PASSWORD })).await
}

fn wrong_code(world: &World, uri: &str) -> String {
    let near: Vec<String> = (-1..=1).map(|offset| world.totp_at(uri, offset)).collect();
    (0..).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
}

async fn guess(world: &World, browser: &mut Browser, enrolled: &Enrolled, times: usize) {
    for _ in 0..times {
        let reply = verify(browser, "totp", &wrong_code(world, &enrolled.uri)).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (401, "INVALID_CODE"));
    }
}

async fn number(world: &World, sql: &'static str) -> i64 {
    world.ctx.store.read(move |tx| tx.row(sql, &[], |row| row.get(0))).await.unwrap().unwrap()
}

async fn reset_password(world: &World, browser: &mut Browser, password: &str) -> Reply {
    post(browser, "request-password-reset", json!({ "email": ADA, "redirectTo": "/new" })).await.expect(200);
    let link = world.mailed_link(ADA).await;
    let token = link.split("/reset-password/").nth(1).unwrap().split('?').next().unwrap().to_owned();
    post(browser, "reset-password", json!({ "newPassword": password, "token": token })).await
}

fn refused(reply: &Reply) -> (u16, &str) {
    (reply.status.as_u16(), reply.code())
}

// A. TOTP ---------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn sec_003_the_confirming_code_is_spent() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.sign_up(ADA).await;
    let uri = password_act(&mut browser, "two-factor/enable").await.expect(200).body["totpURI"].clone();
    let uri = uri.as_str().unwrap();
    let code = world.totp(uri);
    verify(&mut browser, "totp", &code).await.expect(200);
    let mut door = at_the_door(&world, ADA).await;
    assert_eq!(refused(&verify(&mut door, "totp", &code).await), (401, "INVALID_CODE"));
    world.advance(30);
    verify(&mut door, "totp", &world.totp(uri)).await.expect(200);
}

#[tokio::test]
async fn sec_004_one_step_before_and_one_after() {
    let (world, _, enrolled) = ada().await;
    for (offset, fits) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
        // Far enough that no earlier step is in reach.
        world.advance(300);
        let mut door = at_the_door(&world, ADA).await;
        let reply = verify(&mut door, "totp", &world.totp_at(&enrolled.uri, offset)).await;
        assert_eq!(reply.status == 200, fits, "{offset}");
    }
}

// B. Backup codes -------------------------------------------------------------------------------------------------

#[tokio::test]
async fn sec_013_017_a_backup_code_works_once_and_dies_with_its_set() {
    let (world, mut browser, enrolled) = ada().await;
    let mut door = at_the_door(&world, ADA).await;
    verify(&mut door, "backup-code", &enrolled.backup_codes[0]).await.expect(200);
    let mut door = at_the_door(&world, ADA).await;
    let again = verify(&mut door, "backup-code", &enrolled.backup_codes[0]).await;
    assert_eq!(refused(&again), (401, "INVALID_BACKUP_CODE"));
    let fresh = password_act(&mut browser, "two-factor/generate-backup-codes").await.expect(200);
    let old = verify(&mut door, "backup-code", &enrolled.backup_codes[1]).await;
    assert_eq!(refused(&old), (401, "INVALID_BACKUP_CODE"));
    let fresh = fresh.body["backupCodes"][0].as_str().unwrap().to_lowercase().replace('-', " ");
    verify(&mut door, "backup-code", &fresh).await.expect(200);
}

#[tokio::test]
async fn sec_019_every_backup_code_used_is_mailed_about_and_none_is_mailed() {
    let (world, _, enrolled) = ada().await;
    for (used, code) in enrolled.backup_codes.iter().enumerate() {
        let mut door = at_the_door(&world, ADA).await;
        world.advance(1);
        verify(&mut door, "backup-code", code).await.expect(200);
        let mail = world.mail().await;
        assert!(mail[0].subject.starts_with("A backup code was used"), "{}", mail[0].subject);
        let told = match 9 - used {
            0 => "It was the last one".to_owned(),
            1 => "You have 1 left".to_owned(),
            left => format!("You have {left} left"),
        };
        assert!(mail[0].text.contains(&told), "{}", mail[0].text);
    }
    let mail = world.mail().await;
    for code in &enrolled.backup_codes {
        assert!(mail.iter().all(|letter| !letter.text.contains(code) && !letter.subject.contains(code)));
    }
}

// C. Out of band --------------------------------------------------------------------------------------------------

#[tokio::test]
async fn sec_021_a_mailed_code_lives_five_minutes() {
    let (world, _, _) = ada().await;
    for (age, fine) in [(299, true), (300, false)] {
        let mut door = at_the_door(&world, ADA).await;
        post(&mut door, "two-factor/send-otp", json!({})).await.expect(200);
        let code = world.mailed_code(ADA).await;
        world.advance(age);
        assert_eq!(verify(&mut door, "otp", &code).await.status == 200, fine, "{age}");
        world.advance(60);
    }
}

#[tokio::test]
async fn sec_023_resending_gives_no_fresh_guesses() {
    let (world, _, enrolled) = ada().await;
    for round in 0..4 {
        let mut door = at_the_door(&world, ADA).await;
        post(&mut door, "two-factor/send-otp", json!({})).await.expect(200);
        let code = world.mailed_code(ADA).await;
        let wrong = if code == "000000" { "000001" } else { "000000" };
        for turn in 0..3 {
            let expected = if round * 3 + turn < 10 { 401 } else { 429 };
            assert_eq!(verify(&mut door, "otp", wrong).await.status, expected);
        }
        world.advance(31);
    }
    assert_eq!(number(&world, "SELECT failures FROM guess_budgets WHERE lane = 'door'").await, 10);
    let mut door = at_the_door(&world, ADA).await;
    assert_eq!(verify(&mut door, "totp", &world.totp(&enrolled.uri)).await.status, 429);
}

#[tokio::test]
async fn sec_024_the_newest_mailed_code_is_the_only_one() {
    let (world, _, _) = ada().await;
    let mut door = at_the_door(&world, ADA).await;
    post(&mut door, "two-factor/send-otp", json!({})).await.expect(200);
    let first = world.mailed_code(ADA).await;
    world.advance(31);
    post(&mut door, "two-factor/send-otp", json!({})).await.expect(200);
    let second = world.mailed_code(ADA).await;
    assert_ne!(first, second);
    assert_eq!(refused(&verify(&mut door, "otp", &first).await), (401, "INVALID_CODE"));
    verify(&mut door, "otp", &second).await.expect(200);
}

#[tokio::test]
async fn sec_025_a_mailed_code_answers_only_who_asked_for_it() {
    let (world, mut inside, _) = ada().await;
    let mut codes = Vec::new();
    let mut one = at_the_door(&world, ADA).await;
    let mut other = at_the_door(&world, ADA).await;
    for browser in [&mut one, &mut other, &mut inside] {
        world.advance(31);
        post(browser, "two-factor/send-otp", json!({})).await.expect(200);
        codes.push(world.mailed_code(ADA).await);
    }
    for (browser, foreign) in [(&mut one, 1), (&mut other, 2), (&mut inside, 0)] {
        assert_eq!(refused(&verify(browser, "otp", &codes[foreign]).await), (401, "INVALID_CODE"));
    }
    for (browser, own) in [(&mut one, 0), (&mut other, 1), (&mut inside, 2)] {
        verify(browser, "otp", &codes[own]).await.expect(200);
    }
}

#[tokio::test]
async fn sec_027_links_come_from_the_configuration_alone() {
    let (world, _, _) = ada().await;
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "gopher"),
        ("forwarded", "host=evil.example;proto=gopher"),
        ("origin", "https://evil.example"),
        ("referer", "https://evil.example/reset"),
    ] {
        world.advance(700);
        for act in ["request-password-reset", "send-verification-email"] {
            let body = json!({ "email": ADA }).to_string();
            let request = Request::post(format!("/api/auth/{act}"))
                .header(header::CONTENT_TYPE, "application/json")
                .header(name, value)
                .body(Body::from(body));
            send(&world.router(), request.unwrap()).await.expect(200);
            let link = world.mailed_link(ADA).await;
            assert!(link.starts_with(&format!("{ORIGIN}/api/auth/")), "{name}: {link}");
        }
    }
    assert!(world.mail().await.iter().all(|letter| !letter.text.contains("evil")));
}

#[tokio::test]
async fn sec_028_looking_at_a_reset_link_does_not_spend_it() {
    let (world, mut browser, _) = ada().await;
    post(&mut browser, "request-password-reset", json!({ "email": ADA, "redirectTo": "/new" }))
        .await
        .expect(200);
    let link = world.mailed_link(ADA).await;
    let path = link.strip_prefix(ORIGIN).unwrap();
    let token = path.split("/reset-password/").nth(1).unwrap().split('?').next().unwrap();
    let mut scanner = world.browser();
    for _ in 0..5 {
        let seen = scanner.get(path).await.expect(302);
        assert!(seen.headers[header::LOCATION].to_str().unwrap().contains(token));
    }
    let reset = json!({ "newPassword": OTHER_PASSWORD, "token": token });
    post(&mut scanner, "reset-password", reset.clone()).await.expect(200);
    assert_eq!(refused(&post(&mut scanner, "reset-password", reset).await), (400, "INVALID_TOKEN"));
    let seen = scanner.get(path).await.expect(302);
    assert!(seen.headers[header::LOCATION].to_str().unwrap().ends_with("error=INVALID_TOKEN"));
}

/// The thief of a mailbox resets the password; the mailbox must not be the second factor, too.
#[tokio::test]
async fn sec_029_the_mailbox_never_counts_twice() {
    let (world, _, enrolled) = ada().await;
    let mut thief = world.browser();
    reset_password(&world, &mut thief, OTHER_PASSWORD).await.expect(200);
    let asked = sign_in(&mut thief, ADA, OTHER_PASSWORD).await.expect(200);
    assert_eq!(asked.body["twoFactorMethods"], json!(["totp"]));
    let letters = world.mail().await.len();
    assert_eq!(
        refused(&post(&mut thief, "two-factor/send-otp", json!({})).await),
        (400, "OTP_NOT_CONFIGURED")
    );
    assert_eq!(refused(&verify(&mut thief, "otp", "123456").await), (400, "OTP_NOT_CONFIGURED"));
    assert_eq!(world.mail().await.len(), letters);
    assert_eq!(number(&world, "SELECT count(*) FROM sessions").await, 0);
    // The owner shows something that is not the mailbox; from then on mail is offered again.
    world.advance(30);
    verify(&mut thief, "totp", &world.totp(&enrolled.uri)).await.expect(200);
    let asked = sign_in(&mut world.browser(), ADA, OTHER_PASSWORD).await.expect(200);
    assert_eq!(asked.body["twoFactorMethods"], json!(["totp", "otp"]));
}

/// Nor does it where the policy keeps it out, inside a session as little as at the door.
#[tokio::test]
async fn sec_029_mail_proves_nothing_where_the_policy_says_no() {
    let strict = |config: &mut Config| config.accounts.policy.email_codes = EmailCodes::Enrolled;
    let (world, mut inside, _) = ada_with(strict).await;
    let mut door = at_the_door(&world, ADA).await;
    let letters = world.mail().await.len();
    for browser in [&mut inside, &mut door] {
        let sent = post(browser, "two-factor/send-otp", json!({})).await;
        assert_eq!(refused(&sent), (400, "OTP_NOT_CONFIGURED"));
        assert_eq!(refused(&verify(browser, "otp", "123456").await), (400, "OTP_NOT_CONFIGURED"));
    }
    assert_eq!(world.mail().await.len(), letters);
}

#[tokio::test]
async fn sec_031_sending_is_limited_whoever_asks_and_wherever() {
    let (world, mut inside, _) = ada().await;
    let node = world.second_node().await;
    let mut sent = Vec::new();
    for second in 0..600 {
        if second % 12 == 0 {
            let mut door = Browser::on(if second % 24 == 0 { node.clone() } else { world.router() });
            door.sign_in(ADA).await.expect(200);
            for browser in [&mut door, &mut inside] {
                let reply = post(browser, "two-factor/send-otp", json!({})).await;
                match reply.status.as_u16() {
                    200 => sent.push(second),
                    429 => assert!(reply.headers.contains_key(header::RETRY_AFTER)),
                    other => panic!("{other}"),
                }
            }
        }
        world.advance(1);
    }
    assert_eq!(sent.len(), 5, "{sent:?}");
    assert!(sent.windows(2).all(|pair| pair[1] - pair[0] >= 30), "{sent:?}");
    let before = world.mail().await.len();
    for _ in 0..10 {
        let body = json!({ "email": ADA });
        post(&mut world.browser(), "request-password-reset", body).await.expect(200);
    }
    assert_eq!(world.mail().await.len(), before + 1, "links have the same limits, and nobody is told");
}

#[tokio::test]
async fn sec_033_a_new_address_is_proven_and_the_old_one_told() {
    let (world, mut browser, _) = ada().await;
    let change = json!({ "newEmail": "new@example.com" });
    world.advance(301);
    let stale = post(&mut browser, "change-email", change.clone()).await;
    assert_eq!(refused(&stale), (403, "SESSION_NOT_FRESH"));
    verify(&mut browser, "backup-code", "nonsense").await.expect(401);
    let (world, mut browser, _) = ada().await;
    post(&mut browser, "change-email", change).await.expect(200);
    assert_eq!(post_get(&mut browser, "get-session").await.body["user"]["email"], ADA);
    let link = world.mailed_link("new@example.com").await;
    world.advance(1);
    let mut elsewhere = world.browser();
    elsewhere.get(link.strip_prefix(ORIGIN).unwrap()).await.expect(302);
    assert!(!is_signed_in(&mut elsewhere).await, "a link signs nobody in");
    assert_eq!(post_get(&mut browser, "get-session").await.body["user"]["email"], "new@example.com");
    let told = world.mail().await.into_iter().find(|letter| letter.to.contains(ADA)).unwrap();
    assert!(told.subject.contains("is about to change") && told.text.contains("new@example.com"));
}

#[tokio::test]
async fn sec_033_a_pending_change_dies_with_the_password() {
    for by_mail in [true, false] {
        let (world, mut browser, _) = ada().await;
        post(&mut browser, "change-email", json!({ "newEmail": "thief@example.com" })).await.expect(200);
        let link = world.mailed_link("thief@example.com").await;
        if by_mail {
            reset_password(&world, &mut world.browser(), OTHER_PASSWORD).await.expect(200);
        } else {
            let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
            post(&mut browser, "change-password", change).await.expect(200);
        }
        let opened = world.browser().get(link.strip_prefix(ORIGIN).unwrap()).await.expect(302);
        assert!(opened.headers[header::LOCATION].to_str().unwrap().contains("INVALID_TOKEN"));
        assert_eq!(number(&world, "SELECT count(*) FROM users WHERE email = 'ada@example.com'").await, 1);
    }
}

// E. Challenges ---------------------------------------------------------------------------------------------------

#[tokio::test]
async fn sec_055_half_a_login_is_no_login() {
    let (world, _, _) = ada().await;
    let mut door = at_the_door(&world, ADA).await;
    let pending = door.jar[CHALLENGE].clone();
    let plain = percent_encoding::percent_decode_str(&pending).decode_utf8().unwrap().into_owned();
    let token = plain.strip_prefix("2fa-").unwrap().split('.').next().unwrap().to_owned();
    door.jar.insert(SESSION.to_owned(), pending);
    assert!(!is_signed_in(&mut door).await);
    for bearer in [&plain, &token, &format!("2fa-{token}")] {
        for act in ["get-session", "list-sessions", "list-accounts", "token"] {
            let request = Request::get(format!("/api/auth/{act}"))
                .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
                .body(Body::empty());
            let reply = send(&world.router(), request.unwrap()).await;
            assert!(reply.body.is_null() || reply.status == 401, "{act}: {reply:?}");
        }
    }
    for act in [
        "two-factor/enable",
        "two-factor/disable",
        "two-factor/generate-backup-codes",
        "two-factor/get-totp-uri",
        "change-password",
        "change-email",
        "delete-user",
        "update-user",
        "verify-password",
        "revoke-session",
        "revoke-sessions",
        "revoke-other-sessions",
    ] {
        let everything = json!({ "password": PASSWORD, "currentPassword": PASSWORD, "name": "Eve",
            "newPassword": OTHER_PASSWORD, "newEmail": "eve@example.com", "token": token });
        let mut door = at_the_door(&world, ADA).await;
        door.jar.insert(SESSION.to_owned(), door.jar[CHALLENGE].clone());
        assert_eq!(post(&mut door, act, everything).await.status, 401, "{act}");
    }
    assert_eq!(number(&world, "SELECT count(*) FROM sessions").await, 1);
}

#[tokio::test]
async fn sec_058_a_challenge_belongs_to_its_browser_and_lives_ten_minutes() {
    let (world, _, enrolled) = ada().await;
    let gone = (401, "INVALID_TWO_FACTOR_COOKIE");
    let mut door = at_the_door(&world, ADA).await;
    assert_eq!(refused(&verify(&mut world.browser(), "totp", &world.totp(&enrolled.uri)).await), gone);
    world.advance(599);
    verify(&mut door.clone(), "totp", &wrong_code(&world, &enrolled.uri)).await.expect(401);
    world.advance(1);
    assert_eq!(refused(&verify(&mut door, "totp", &world.totp(&enrolled.uri)).await), gone);
    set_back(&world, 300);
    assert_eq!(refused(&verify(&mut door, "totp", &world.totp(&enrolled.uri)).await), gone);
    assert_eq!(refused(&post(&mut door, "two-factor/send-otp", json!({})).await), gone);
}

fn set_back(world: &World, seconds: i64) {
    if let Clock::Stopped(micros) = &world.clock {
        micros.fetch_sub(seconds * 1_000_000, std::sync::atomic::Ordering::SeqCst);
    }
}

#[tokio::test]
async fn sec_059_a_changed_account_ends_its_open_challenges() {
    for change in ["password", "reset", "disable", "enable"] {
        let (world, mut browser, enrolled) = ada().await;
        let mut door = at_the_door(&world, ADA).await;
        let passwords = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
        let reply = match change {
            "password" => post(&mut browser, "change-password", passwords).await,
            "reset" => reset_password(&world, &mut browser, OTHER_PASSWORD).await,
            "disable" => password_act(&mut browser, "two-factor/disable").await,
            _ => {
                let by_mail = json!({ "password": PASSWORD, "method": "otp" });
                post(&mut browser, "two-factor/enable", by_mail).await
            }
        };
        reply.expect(200);
        for (method, code) in
            [("totp", &world.totp(&enrolled.uri)), ("backup-code", &enrolled.backup_codes[0])]
        {
            let reply = verify(&mut door.clone(), method, code).await;
            assert_eq!(refused(&reply), (401, "INVALID_TWO_FACTOR_COOKIE"), "{change}");
        }
        assert_eq!(refused(&post(&mut door, "two-factor/send-otp", json!({})).await).0, 401);
        assert_eq!(number(&world, "SELECT count(*) FROM backup_codes WHERE used_at IS NOT NULL").await, 0);
    }
}

#[tokio::test]
async fn sec_060_challenges_are_apart_but_share_the_budget() {
    let (world, _, enrolled) = ada().await;
    let mut doors = Vec::new();
    for _ in 0..6 {
        world.advance(1);
        doors.push(at_the_door(&world, ADA).await);
    }
    let gone = (401, "INVALID_TWO_FACTOR_COOKIE");
    let code = world.totp(&enrolled.uri);
    assert_eq!(refused(&verify(&mut doors[0], "totp", &code).await), gone, "the oldest made room");
    verify(&mut doors[1], "totp", &code).await.expect(200);
    assert!(!is_signed_in(&mut doors[2]).await, "one answer passes one challenge");
    assert_eq!(refused(&verify(&mut doors[2], "totp", &code).await), (401, "INVALID_CODE"));
    guess(&world, &mut doors[2], &enrolled, 4).await;
    guess(&world, &mut doors[3], &enrolled, 5).await;
    assert_eq!(refused(&verify(&mut doors[4], "totp", &code).await), (429, "ACCOUNT_TEMPORARILY_LOCKED"));
}

// F. Guessing -----------------------------------------------------------------------------------------------------

/// A run of failures ends when the owner passes; the ration does not begin anew.
#[tokio::test]
async fn sec_063_the_owners_coming_and_going_hands_out_no_fresh_guesses() {
    const TWO_DAYS: u64 = 2 * 86_400;
    let (world, mut inside, enrolled) = ada().await;
    for _ in 0..2 {
        guess(&world, &mut at_the_door(&world, ADA).await, &enrolled, 5).await;
        world.advance(30);
        through_the_door(&world, &enrolled).await;
    }
    guess(&world, &mut at_the_door(&world, ADA).await, &enrolled, 5).await;
    let mut door = at_the_door(&world, ADA).await;
    let locked = verify(&mut door, "totp", &world.totp(&enrolled.uri)).await;
    assert_eq!(refused(&locked), (429, "ACCOUNT_TEMPORARILY_LOCKED"));
    let wait: u64 = locked.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!(wait > TWO_DAYS - 3_600 && wait <= TWO_DAYS, "{wait}");
    // It is strangers' doing and does not reach who is inside.
    world.advance(30);
    verify(&mut inside, "totp", &world.totp(&enrolled.uri)).await.expect(200);
    world.advance(wait);
    // Slips of one's own, in a challenge passed in the end, are given back: one may slip again the next day.
    let mut door = at_the_door(&world, ADA).await;
    verify(&mut door, "totp", &world.totp(&enrolled.uri)).await.expect(200);
}

#[tokio::test]
async fn sec_063_own_slips_are_given_back() {
    let (world, _, enrolled) = ada().await;
    for _ in 0..10 {
        world.advance(30);
        let mut door = at_the_door(&world, ADA).await;
        guess(&world, &mut door, &enrolled, 4).await;
        verify(&mut door, "totp", &world.totp(&enrolled.uri)).await.expect(200);
    }
    assert_eq!(number(&world, "SELECT count(*) FROM guess_budgets WHERE whole_at IS NOT NULL").await, 0);
}

#[tokio::test]
async fn sec_066_strangers_at_the_door_do_not_stop_a_trusted_device() {
    let (world, _, enrolled) = ada().await;
    let mut laptop = trusted_browser(&world, &enrolled).await;
    post(&mut laptop, "sign-out", json!({})).await.expect(200);
    for _ in 0..2 {
        guess(&world, &mut at_the_door(&world, ADA).await, &enrolled, 5).await;
    }
    let mut stranger = at_the_door(&world, ADA).await;
    assert_eq!(verify(&mut stranger, "totp", &world.totp(&enrolled.uri)).await.status, 429);
    assert!(is_trusted(&mut laptop, ADA, PASSWORD).await);
    // And inside, codes are looked at: enough to prove oneself for a change of factors.
    world.advance(30);
    verify(&mut laptop, "totp", &world.totp(&enrolled.uri)).await.expect(200);
}

#[tokio::test]
async fn sec_066_wrong_passwords_do_not_touch_the_codes() {
    let (world, _, enrolled) = ada().await;
    for _ in 0..30 {
        sign_in(&mut world.browser(), ADA, "not her password").await.expect(401);
    }
    assert_eq!(number(&world, "SELECT count(*) FROM guess_budgets").await, 0);
    through_the_door(&world, &enrolled).await;
}

#[tokio::test]
async fn sec_068_only_a_right_code_forgives_wrong_ones() {
    let (world, _, enrolled) = ada().await;
    for _ in 0..2 {
        let mut door = at_the_door(&world, ADA).await;
        guess(&world, &mut door, &enrolled, 4).await;
    }
    assert_eq!(number(&world, "SELECT failures FROM guess_budgets").await, 8);
    through_the_door(&world, &enrolled).await;
    assert_eq!(number(&world, "SELECT failures FROM guess_budgets").await, 0);
}

#[tokio::test]
async fn sec_070_while_locked_nothing_is_looked_at() {
    let (world, _, enrolled) = ada().await;
    for _ in 0..2 {
        guess(&world, &mut at_the_door(&world, ADA).await, &enrolled, 5).await;
    }
    world.advance(200);
    let mut door = at_the_door(&world, ADA).await;
    let code = world.totp(&enrolled.uri);
    let mut answers = Vec::new();
    let wrong = wrong_code(&world, &enrolled.uri);
    for (method, code) in [("totp", &code), ("totp", &wrong), ("backup-code", &enrolled.backup_codes[0])] {
        let reply = verify(&mut door, method, code).await;
        assert_eq!(refused(&reply), (429, "ACCOUNT_TEMPORARILY_LOCKED"));
        assert_eq!(reply.headers[header::RETRY_AFTER], "700");
        answers.push(reply.body);
    }
    assert!(answers.iter().all(|body| *body == answers[0]), "the answer does not tell right from wrong");
    assert_eq!(number(&world, "SELECT failures FROM guess_budgets").await, 10);
    world.advance(699);
    let mut door = at_the_door(&world, ADA).await;
    let code = world.totp(&enrolled.uri);
    assert_eq!(verify(&mut door, "totp", &code).await.headers[header::RETRY_AFTER], "1");
    world.advance(1);
    verify(&mut door, "totp", &code).await.expect(200);
    verify(&mut at_the_door(&world, ADA).await, "backup-code", &enrolled.backup_codes[0]).await.expect(200);
}

#[tokio::test]
async fn sec_071_the_two_lanes_are_limited_apart() {
    let (world, mut inside, enrolled) = ada().await;
    guess(&world, &mut inside, &enrolled, 10).await;
    let locked = verify(&mut inside, "totp", &world.totp(&enrolled.uri)).await;
    assert_eq!(refused(&locked), (429, "ACCOUNT_TEMPORARILY_LOCKED"));
    assert_eq!(locked.headers[header::RETRY_AFTER], "900");
    let mut other = through_the_door(&world, &enrolled).await;
    assert_eq!(
        verify(&mut other, "totp", "000000").await.status,
        429,
        "the lane is the user's, not the session's"
    );
    // And strangers at the door do not lock out who is inside.
    world.advance(900);
    for _ in 0..2 {
        guess(&world, &mut at_the_door(&world, ADA).await, &enrolled, 5).await;
    }
    verify(&mut other, "totp", &world.totp(&enrolled.uri)).await.expect(200);
}

// G. Sessions -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn sec_073_what_makes_a_session_worth_more_gives_it_a_new_token() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.jar.insert(SESSION.to_owned(), "planted".to_owned());
    browser.sign_up(ADA).await;
    let mut tokens = vec![browser.jar[SESSION].clone()];
    let uri = password_act(&mut browser, "two-factor/enable").await.expect(200).body["totpURI"].clone();
    let uri = uri.as_str().unwrap();
    verify(&mut browser, "totp", &world.totp(uri)).await.expect(200);
    tokens.push(browser.jar[SESSION].clone());
    // A trusted browser skips the second step; showing it later raises the session.
    world.advance(30);
    let mut door = at_the_door(&world, ADA).await;
    let trust = json!({ "code": world.totp(uri), "trustDevice": true });
    post(&mut door, "two-factor/verify-totp", trust).await.expect(200);
    door.sign_in(ADA).await.expect(200);
    tokens.push(door.jar[SESSION].clone());
    let mut copy = door.clone();
    world.advance(30);
    let raised = verify(&mut door, "totp", &world.totp(uri)).await.expect(200);
    assert!(!is_signed_in(&mut copy).await, "the token that was worth one factor is worth nothing");
    let current = post_get(&mut door, "get-session").await;
    assert_eq!(current.body["session"]["token"], raised.body["token"]);
    // Proving the same again later changes nothing about its worth, and keeps the token.
    let token = door.jar[SESSION].clone();
    world.advance(30);
    verify(&mut door, "totp", &world.totp(uri)).await.expect(200);
    assert_eq!(door.jar[SESSION], token);
    password_act(&mut door, "two-factor/disable").await.expect(200);
    tokens.push(token);
    assert!(is_signed_in(&mut door).await && !tokens.contains(&door.jar[SESSION]));
    for token in tokens.into_iter().filter(|token| *token != browser.jar[SESSION]) {
        let mut old = world.browser();
        old.jar.insert(SESSION.to_owned(), token);
        assert!(!is_signed_in(&mut old).await);
    }
}

#[tokio::test]
async fn sec_074_what_the_database_holds_is_no_key() {
    let (world, mut browser, _) = ada().await;
    assert!(is_signed_in(&mut browser).await);
    let rows = world.ctx.store.read(|tx| {
        tx.rows("SELECT digest, id FROM sessions", &[], |row| {
            Ok((row.get::<Vec<u8>>(0)?, row.get::<String>(1)?))
        })
    });
    for (digest, id) in rows.await.unwrap() {
        let encoded = [
            data_encoding::HEXLOWER.encode(&digest),
            data_encoding::BASE64.encode(&digest),
            data_encoding::BASE64URL_NOPAD.encode(&digest),
            id,
        ];
        for bearer in encoded {
            let request = Request::get("/api/auth/get-session")
                .header(header::AUTHORIZATION, format!("Bearer {bearer}"))
                .body(Body::empty());
            assert!(send(&world.router(), request.unwrap()).await.expect(200).body.is_null());
        }
    }
}

#[tokio::test]
async fn sec_076_a_session_ends_on_the_servers_clock() {
    let world = World::new().await;
    let mut remembered = world.browser();
    remembered.sign_up(ADA).await;
    let mut brief = world.browser();
    let body = json!({ "email": ADA, "password": PASSWORD, "rememberMe": false });
    post(&mut brief, "sign-in/email", body).await.expect(200);
    let (mut six_days, mut seven_days) = (world.browser(), world.browser());
    six_days.sign_in(ADA).await.expect(200);
    seven_days.sign_in(ADA).await.expect(200);
    world.advance(86_399);
    assert!(is_signed_in(&mut brief.clone()).await);
    world.advance(1);
    let kept = brief.clone();
    assert!(!is_signed_in(&mut brief).await);
    set_back(&world, 3_600);
    assert!(!is_signed_in(&mut kept.clone()).await, "what ended has ended, whatever the clock says later");
    world.advance(3_600);
    for day in 1..30 {
        assert!(is_signed_in(&mut remembered).await, "day {day}");
        assert!(day != 6 || is_signed_in(&mut six_days).await);
        assert!(day != 7 || !is_signed_in(&mut seven_days).await, "a week unused");
        world.advance(DAY.as_secs());
    }
    assert!(!is_signed_in(&mut remembered).await, "thirty days and not a moment more");
}

#[tokio::test]
async fn sec_077_an_ended_session_is_dead_on_every_node_at_once() {
    let (world, mut browser, enrolled) = ada().await;
    let node = world.second_node().await;
    for act in ["sign-out", "revoke-sessions", "change-password"] {
        let mut elsewhere = Browser::on(node.clone());
        elsewhere.jar = browser.jar.clone();
        assert!(is_signed_in(&mut elsewhere).await);
        let body =
            json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD, "revokeOtherSessions": true });
        post(&mut browser, act, body).await.expect(200);
        assert!(!is_signed_in(&mut elsewhere).await, "{act}");
        browser = through_the_door(&world, &enrolled).await;
    }
}

#[tokio::test]
async fn sec_078_103_a_reset_ends_everything_but_the_second_factor() {
    let (world, mut browser, enrolled) = ada().await;
    let mut trusted = at_the_door(&world, ADA).await;
    let trust = json!({ "code": world.totp(&enrolled.uri), "trustDevice": true });
    post(&mut trusted, "two-factor/verify-totp", trust).await.expect(200);
    let mut door = at_the_door(&world, ADA).await;
    let reset = reset_password(&world, &mut world.browser(), OTHER_PASSWORD).await.expect(200);
    assert!(reset.cookies().is_empty(), "a reset signs nobody in");
    assert!(!is_signed_in(&mut browser).await && !is_signed_in(&mut trusted).await);
    assert_eq!(number(&world, "SELECT count(*) FROM sessions").await, 0);
    assert_eq!(number(&world, "SELECT count(*) FROM trusted_devices").await, 0);
    world.advance(30);
    assert_eq!(verify(&mut door, "totp", &world.totp(&enrolled.uri)).await.status, 401);
    sign_in(&mut trusted, ADA, PASSWORD).await.expect(401);
    let asked = sign_in(&mut trusted, ADA, OTHER_PASSWORD).await.expect(200);
    assert_eq!(asked.body["twoFactorRedirect"], true, "the second factor is still asked for");
    assert!(!is_signed_in(&mut trusted).await);
    verify(&mut trusted, "totp", &world.totp(&enrolled.uri)).await.expect(200);
}

/// Ada's browser, trusted and signed in with two factors.
async fn trusted_browser(world: &World, enrolled: &Enrolled) -> Browser {
    let mut browser = at_the_door(world, ADA).await;
    world.advance(30);
    let trust = json!({ "code": world.totp(&enrolled.uri), "trustDevice": true });
    post(&mut browser, "two-factor/verify-totp", trust).await.expect(200);
    browser
}

async fn is_trusted(browser: &mut Browser, email: &str, password: &str) -> bool {
    sign_in(browser, email, password).await.expect(200).body["twoFactorRedirect"].is_null()
}

#[tokio::test]
async fn sec_082_a_trusted_device_is_one_factor_of_one_user() {
    let (world, _, enrolled) = ada().await;
    let mut browser = trusted_browser(&world, &enrolled).await;
    let mut of_bob = world.browser();
    of_bob.enrol(&world, BOB).await;
    of_bob.jar.insert(DEVICE.to_owned(), browser.jar[DEVICE].clone());
    assert!(!is_trusted(&mut of_bob, BOB, PASSWORD).await, "Ada's device does not vouch for Bob");
    assert!(is_trusted(&mut browser, ADA, PASSWORD).await);
    let token = post_get(&mut browser, "token").await.expect(200).body["token"].as_str().unwrap().to_owned();
    let claims = data_encoding::BASE64URL_NOPAD.decode(token.split('.').nth(1).unwrap().as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!("aal1"), &json!(["pwd"])));
    for act in ["disable", "generate-backup-codes", "get-totp-uri"] {
        let reply = password_act(&mut browser, &format!("two-factor/{act}")).await;
        assert_eq!(refused(&reply), (403, "SESSION_NOT_FRESH"), "{act}");
    }
}

#[tokio::test]
async fn sec_082_a_copy_of_a_trusted_device_gives_itself_away() {
    let (world, _, enrolled) = ada().await;
    let mut browser = trusted_browser(&world, &enrolled).await;
    let mut copy = browser.clone();
    world.advance(60);
    assert!(is_trusted(&mut browser, ADA, PASSWORD).await);
    world.advance(60);
    assert!(!is_trusted(&mut copy, ADA, PASSWORD).await, "an old value is worth nothing");
    assert!(!is_trusted(&mut browser, ADA, PASSWORD).await, "and ends the device it came from");
    assert_eq!(number(&world, "SELECT count(*) FROM events WHERE kind = 'trusted_device.stolen'").await, 1);
    let told = world.mail().await.iter().filter(|mail| mail.subject.contains("trusted device")).count();
    assert_eq!(told, 2, "of the trust, and of its end");
}

#[tokio::test]
async fn sec_082_trust_ends_with_any_change_and_after_thirty_days() {
    for change in ["password", "factor", "sessions"] {
        let (world, _, enrolled) = ada().await;
        let mut browser = trusted_browser(&world, &enrolled).await;
        let (act, body) = match change {
            "password" => {
                ("change-password", json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD }))
            }
            "factor" => ("two-factor/enable", json!({ "password": PASSWORD, "method": "otp" })),
            _ => ("revoke-sessions", json!({})),
        };
        post(&mut browser, act, body).await.expect(200);
        let password = if change == "password" { OTHER_PASSWORD } else { PASSWORD };
        assert!(!is_trusted(&mut browser, ADA, password).await, "{change}");
    }
    let (world, _, enrolled) = ada().await;
    let mut browser = trusted_browser(&world, &enrolled).await;
    for day in 1..30 {
        world.advance(DAY.as_secs());
        assert!(is_trusted(&mut browser, ADA, PASSWORD).await, "day {day}");
    }
    world.advance(DAY.as_secs());
    assert!(!is_trusted(&mut browser, ADA, PASSWORD).await, "however often it was used");
}

#[tokio::test]
async fn sec_083_sessions_are_listed_and_ended_one_by_one() {
    let (world, mut browser, enrolled) = ada().await;
    let mut other = through_the_door(&world, &enrolled).await;
    let listed = post_get(&mut browser, "list-sessions").await.expect(200);
    let own = post_get(&mut browser, "get-session").await.body["session"]["token"].clone();
    let handles: Vec<&Value> = listed.body.as_array().unwrap().iter().map(|one| &one["token"]).collect();
    assert_eq!(handles.len(), 2);
    let handle = *handles.iter().find(|handle| ***handle != own).unwrap();
    let request = Request::get("/api/auth/get-session")
        .header(header::AUTHORIZATION, format!("Bearer {}", handle.as_str().unwrap()))
        .body(Body::empty());
    assert!(send(&world.router(), request.unwrap()).await.body.is_null(), "a handle opens nothing");
    let mut of_bob = world.browser();
    of_bob.sign_up(BOB).await;
    post(&mut of_bob, "revoke-session", json!({ "token": handle })).await.expect(200);
    assert!(is_signed_in(&mut other).await, "nobody ends another's session");
    post(&mut browser, "revoke-session", json!({ "token": handle })).await.expect(200);
    assert!(!is_signed_in(&mut other).await && is_signed_in(&mut browser).await);
}

// J. Enrolment and recovery ---------------------------------------------------------------------------------------

#[tokio::test]
async fn sec_101_factors_change_only_with_a_fresh_second_factor() {
    let (world, mut browser, enrolled) = ada().await;
    world.advance(301);
    let acts = [
        ("two-factor/generate-backup-codes", json!({ "password": PASSWORD })),
        ("two-factor/get-totp-uri", json!({ "password": PASSWORD })),
        ("two-factor/enable", json!({ "password": PASSWORD, "method": "otp" })),
        ("change-email", json!({ "newEmail": "new@example.com" })),
        ("two-factor/disable", json!({ "password": PASSWORD })),
    ];
    for (act, body) in &acts {
        let stale = post(&mut browser, act, body.clone()).await;
        assert_eq!(refused(&stale), (403, "SESSION_NOT_FRESH"), "{act}");
    }
    let leaving = post(&mut browser, "delete-user", json!({ "password": PASSWORD })).await;
    assert_eq!(refused(&leaving), (400, "SESSION_EXPIRED"));
    verify(&mut browser, "totp", &world.totp(&enrolled.uri)).await.expect(200);
    world.advance(300);
    for (act, body) in acts {
        post(&mut browser, act, body).await.expect(200);
    }
}

#[tokio::test]
async fn sec_102_an_unconfirmed_secret_opens_nothing() {
    let world = World::new().await;
    let mut browser = world.browser();
    browser.sign_up(ADA).await;
    post(&mut browser, "two-factor/enable", json!({ "password": PASSWORD, "method": "otp" }))
        .await
        .expect(200);
    post(&mut browser, "two-factor/send-otp", json!({})).await.expect(200);
    let mailed = world.mailed_code(ADA).await;
    verify(&mut browser, "otp", &mailed).await.expect(200);
    let begin = json!({ "password": PASSWORD });
    let begun = post(&mut browser, "two-factor/enable", begin.clone()).await.expect(200).body;
    let (first, codes) = (begun["totpURI"].as_str().unwrap(), &begun["backupCodes"]);
    let mut door = at_the_door(&world, ADA).await;
    assert_eq!(refused(&verify(&mut door, "totp", &world.totp(first)).await), (400, "TOTP_NOT_ENABLED"));
    let backup = verify(&mut door, "backup-code", codes[0].as_str().unwrap()).await;
    assert_eq!(refused(&backup), (400, "BACKUP_CODES_NOT_ENABLED"));
    // Beginning again, here or in another window, discards the secret before.
    let begun = post(&mut browser, "two-factor/enable", begin.clone()).await.expect(200).body;
    let second = begun["totpURI"].as_str().unwrap().to_owned();
    assert_eq!(verify(&mut browser, "totp", &world.totp(first)).await.status, 401);
    // And it waits for ten minutes, not longer.
    world.advance(600);
    let late = verify(&mut browser, "totp", &world.totp(&second)).await;
    assert_eq!(refused(&late), (400, "TOTP_NOT_ENABLED"));
}

#[tokio::test]
async fn sec_109_whatever_happens_to_the_account_is_mailed_to_its_owner() {
    let (world, mut browser, enrolled) = ada().await;
    let mut door = trusted_browser(&world, &enrolled).await;
    post(&mut door, "sign-out", json!({})).await.expect(200);
    door.jar.clear();
    for _ in 0..2 {
        guess(&world, &mut at_the_door(&world, ADA).await, &enrolled, 5).await;
    }
    world.advance(900);
    verify(&mut at_the_door(&world, ADA).await, "backup-code", &enrolled.backup_codes[0]).await.expect(200);
    verify(&mut browser, "totp", &world.totp(&enrolled.uri)).await.expect(200);
    let fresh = password_act(&mut browser, "two-factor/generate-backup-codes").await.expect(200).body;
    post(&mut browser, "change-email", json!({ "newEmail": ADA.replace("ada", "ada.l") })).await.expect(200);
    let link = world.mailed_link("ada.l@example.com").await;
    world.browser().get(link.strip_prefix(ORIGIN).unwrap()).await.expect(302);
    password_act(&mut browser, "two-factor/disable").await.expect(200);
    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER_PASSWORD });
    post(&mut browser, "change-password", change).await.expect(200);
    let mail = world.mail().await;
    for (subject, to, times) in [
        ("A sign-in method was added", "ada@", 1),
        ("A trusted device was added", "ada@", 1),
        ("Somebody could not finish signing in", "ada@", 1),
        ("Too many wrong codes", "ada@", 1),
        ("A backup code was used", "ada@", 1),
        ("New backup codes", "ada@", 1),
        ("Your Acme MFA email address is about to change", "ada@", 1),
        ("A sign-in method was removed", "ada.l@", 1),
        ("Your Acme MFA password was changed", "ada.l@", 1),
    ] {
        let found = mail.iter().filter(|one| one.subject.starts_with(subject) && one.to.contains(to));
        assert_eq!(found.count(), times, "{subject}");
    }
    let codes = fresh["backupCodes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap());
    let secrets: Vec<&str> = codes
        .chain(enrolled.backup_codes.iter().map(String::as_str))
        .chain([PASSWORD, OTHER_PASSWORD])
        .collect();
    assert!(mail.iter().all(|letter| secrets.iter().all(|secret| !letter.text.contains(secret))));
}

// K, L. Privacy and HTTP ------------------------------------------------------------------------------------------

fn shape(reply: &Reply) -> (u16, Value, Vec<String>) {
    let names = |headers: &HeaderMap| {
        let lines = headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        lines.collect()
    };
    (reply.status.as_u16(), reply.body.clone(), names(&reply.headers))
}

#[tokio::test]
async fn sec_115_nobody_learns_who_has_an_account() {
    let (world, _, _) = ada().await;
    let mut plain = world.browser();
    plain.sign_up(BOB).await;
    let ask = |act: &'static str, email: &'static str| {
        let mut browser = world.browser();
        async move {
            let body = json!({ "email": email, "password": "not the password" });
            shape(&post(&mut browser, act, body).await)
        }
    };
    for act in ["sign-in/email", "request-password-reset", "send-verification-email"] {
        let unknown = ask(act, "nobody@example.com").await;
        assert_eq!(ask(act, ADA).await, unknown, "{act}");
        assert_eq!(ask(act, BOB).await, unknown, "{act}");
    }
}

#[tokio::test]
async fn sec_117_bodies_have_limits() {
    let world = World::new().await;
    let mut browser = world.browser();
    let mut ask = async |content_type: &str, body: String| {
        let request = Request::post("/api/auth/sign-in/email")
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body));
        browser.send(request.unwrap()).await
    };
    let padded = |length: usize| {
        let body =
            json!({ "email": "nobody@example.com", "password": "x".repeat(20), "pad": "" }).to_string();
        body.replace(r#""pad":"""#, &format!(r#""pad":"{}""#, "x".repeat(length - body.len())))
    };
    assert_eq!(ask("application/json", padded(64 * 1024)).await.status, 401);
    assert_eq!(refused(&ask("application/json", padded(64 * 1024 + 1)).await), (413, "PAYLOAD_TOO_LARGE"));
    let nested = |depth: usize| {
        let inner = format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        format!(r#"{{"email":"nobody@example.com","password":"{}","deep":{inner}}}"#, "x".repeat(20))
    };
    assert_eq!(ask("application/json", nested(32)).await.status, 401);
    assert_eq!(refused(&ask("application/json", nested(33)).await), (400, "BAD_REQUEST"));
    for other in ["text/plain", "multipart/form-data; boundary=x", "application/xml", "application/jsonp"] {
        assert_eq!(ask(other, padded(200)).await.status, 415, "{other}");
    }
    let long = json!({ "email": "nobody@example.com", "password": "x".repeat(60_000) }).to_string();
    assert_eq!(refused(&ask("application/json", long).await), (400, "PASSWORD_TOO_LONG"));
}

async fn knock(world: &World, peer: &str, forwarded_for: &str) -> u16 {
    let peer: SocketAddr = peer.parse().unwrap();
    let request = Request::post("/api/auth/sign-in/email")
        .extension(ConnectInfo(peer))
        .header("x-forwarded-for", forwarded_for)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(json!({ "email": "nobody@example.com", "password": "x" }).to_string()));
    send(&world.router(), request.unwrap()).await.status.as_u16()
}

#[tokio::test]
async fn sec_119_only_our_own_proxies_say_who_is_asking() {
    let limited = |config: &mut Config| config.rate_limits = true;
    let world = World::with(limited).await;
    for turn in 0..6 {
        let status = knock(&world, "192.0.2.1:4711", &format!("203.0.113.{turn}")).await;
        assert_eq!(status, if turn < 3 { 401 } else { 429 }, "a stranger's header changes nothing");
    }
    assert_eq!(knock(&world, "192.0.2.2:4711", "").await, 401, "another address is another caller");

    let behind_a_proxy = |config: &mut Config| {
        config.rate_limits = true;
        config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    };
    let world = World::with(behind_a_proxy).await;
    for turn in 0..5 {
        assert_eq!(knock(&world, "10.0.0.1:1", &format!("203.0.113.{turn}")).await, 401);
    }
    for turn in 0..6 {
        let invented = format!("198.51.100.{turn}, 203.0.113.77");
        assert_eq!(knock(&world, "10.0.0.1:1", &invented).await, if turn < 3 { 401 } else { 429 });
    }
}

// Passwords --------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn sec_095_passwords_guessed_first_are_refused_wherever_one_is_chosen() {
    const COMMON: (u16, &str) = (400, "PASSWORD_COMPROMISED");
    let world = World::new().await;
    let mut browser = world.browser();
    for common in [
        "Passw0rd2024!",
        "qwertyuiop",
        "acme-mfa-1",
        "countersign1",
        "Lovelace1815",
        "ada-lovelace-7",
        "zzzzzzzzz",
    ] {
        let new = json!({ "name": "Ada Lovelace", "email": ADA, "password": common });
        assert_eq!(refused(&post(&mut browser, "sign-up/email", new).await), COMMON, "{common}");
    }
    let new = json!({ "name": "Ada Lovelace", "email": ADA, "password": PASSWORD });
    post(&mut browser, "sign-up/email", new).await.expect(200);
    for common in ["P4$$w0rd99", "adalovelace"] {
        let change = json!({ "currentPassword": PASSWORD, "newPassword": common });
        assert_eq!(refused(&post(&mut browser, "change-password", change).await), COMMON, "{common}");
        assert_eq!(refused(&reset_password(&world, &mut world.browser(), common).await), COMMON, "{common}");
    }
    // Refused or not, the link is not spent, and the old password goes on.
    sign_in(&mut world.browser(), ADA, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn sec_095_the_operator_may_ask_for_more_or_do_without_the_list() {
    let world = World::with(|config| config.accounts.passwords.min = 15).await;
    let sign_up = |password: &str| json!({ "name": "Ada", "email": ADA, "password": password });
    let short = post(&mut world.browser(), "sign-up/email", sign_up("fourteen signs")).await;
    assert_eq!(refused(&short), (400, "PASSWORD_TOO_SHORT"));
    post(&mut world.browser(), "sign-up/email", sign_up("and one of 15 !")).await.expect(200);
    let world = World::with(|config| config.accounts.passwords.blocklist = false).await;
    post(&mut world.browser(), "sign-up/email", sign_up("password")).await.expect(200);
}
