//! What is single-use is used once, whoever comes at the same moment: on PostgreSQL split over two nodes (SEC-125).
//!
//! Opening a challenge costs a password hash. Where a round needs many of them, there are fewer rounds.

use std::{collections::BTreeMap, sync::Arc};

use axum::Router;
use countersign::store::Value as Cell;
use countersign_core::totp;
use serde_json::{Value, json};
use tokio::sync::Barrier;

use crate::world::{Browser, Enrolled, PASSWORD, Reply, World};

const CALLERS: usize = 64;
const ROUNDS: usize = 200;
/// By then the ration of wrong answers at the door is whole again.
const A_MONTH: u64 = 30 * 86_400;
/// Rounds in which every caller hashes a password, or which need five challenges.
const COSTLY_ROUNDS: usize = 12;
const ADA: &str = "ada@example.com";

const TOTP: &str = "two-factor/verify-totp";
const OTP: &str = "two-factor/verify-otp";
const BACKUP: &str = "two-factor/verify-backup-code";

struct Arena {
    world: World,
    nodes: [Router; 2],
    enrolled: Enrolled,
    ada: Browser,
}

impl Arena {
    async fn new() -> Self {
        let world = World::new().await;
        let nodes = [world.router(), world.second_node().await];
        let mut ada = world.browser();
        let enrolled = ada.enrol(&world, ADA).await;
        Self { world, nodes, enrolled, ada }
    }

    /// The same browser many times over, half of it talking to each node.
    fn many(&self, browser: &Browser, callers: usize) -> Vec<Browser> {
        (0..callers)
            .map(|number| {
                let mut copy = Browser::on(self.nodes[number % 2].clone());
                copy.jar = browser.jar.clone();
                copy
            })
            .collect()
    }

    async fn at_the_door(&self) -> Browser {
        let mut browser = Browser::on(self.nodes[0].clone());
        let asked = browser.sign_in(ADA).await.expect(200);
        assert_eq!(asked.body["twoFactorRedirect"], true);
        browser
    }

    async fn number(&self, sql: &'static str) -> i64 {
        let now = Cell::from(self.world.clock.now());
        let read = move |tx: &mut countersign::store::Tx<'_>| {
            tx.row(sql, std::slice::from_ref(&now), |row| row.get(0))
        };
        self.world.ctx.store.read(read).await.unwrap().unwrap()
    }

    /// One session came into being at this moment, and the journal tells of one challenge passed for it.
    async fn one_came_in(&self) {
        let sessions = "SELECT count(*) FROM sessions WHERE created_at = $1";
        assert_eq!(self.number(sessions).await, 1);
        let passed =
            "SELECT count(*) FROM events e JOIN sessions s ON s.id = e.session_id AND s.created_at = e.at
                      WHERE e.kind = 'challenge.passed' AND e.at = $1";
        assert_eq!(self.number(passed).await, 1);
        let told = "SELECT count(*) FROM events WHERE kind = 'challenge.passed' AND at = $1";
        assert_eq!(self.number(told).await, 1);
    }

    /// New backup codes, for whoever has just come in.
    async fn new_backup_codes(&self, winner: &Reply) -> Vec<String> {
        let mut browser = Browser::on(self.nodes[1].clone());
        keep_cookies(&mut browser, winner);
        let body = json!({ "password": PASSWORD });
        let fresh = browser.post("/api/auth/two-factor/generate-backup-codes", body).await.expect(200);
        fresh.body["backupCodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|code| code.as_str().unwrap().to_owned())
            .collect()
    }
}

fn keep_cookies(browser: &mut Browser, reply: &Reply) {
    for (name, value, _) in reply.cookies().into_iter().filter(|(_, value, _)| !value.is_empty()) {
        browser.jar.insert(name, value);
    }
}

/// Everybody asks at the same moment; the answers come in the order of the askers.
async fn volley(askers: Vec<Browser>, ask: impl Fn(usize) -> (&'static str, Value)) -> Vec<Reply> {
    let barrier = Arc::new(Barrier::new(askers.len()));
    let tasks: Vec<_> = askers
        .into_iter()
        .enumerate()
        .map(|(number, mut browser)| {
            let (barrier, (act, body)) = (Arc::clone(&barrier), ask(number));
            tokio::spawn(async move {
                barrier.wait().await;
                browser.post(&format!("/api/auth/{act}"), body).await
            })
        })
        .collect();
    let mut replies = Vec::with_capacity(tasks.len());
    for task in tasks {
        replies.push(task.await.unwrap());
    }
    replies
}

/// The answers by status and code, with how many of each.
fn tally(replies: &[Reply]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for reply in replies {
        let name = format!("{} {}", reply.status.as_u16(), reply.code());
        *tally.entry(name.trim().to_owned()).or_insert(0) += 1;
    }
    tally
}

/// The one that was told yes. All others must have been told one of these.
#[track_caller]
fn only_winner<'a>(replies: &'a [Reply], others: &[&str]) -> &'a Reply {
    let tally = tally(replies);
    assert_eq!(tally.get("200"), Some(&1), "{tally:?}");
    assert!(tally.keys().all(|name| name == "200" || others.contains(&name.as_str())), "{tally:?}");
    replies.iter().find(|reply| reply.status == 200).unwrap()
}

const GONE: &str = "401 INVALID_TWO_FACTOR_COOKIE";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_totp_code_passes_one_challenge_once() {
    let arena = Arena::new().await;
    for _ in 0..ROUNDS {
        let door = arena.at_the_door().await;
        arena.world.advance(30);
        let code = json!({ "code": arena.world.totp(&arena.enrolled.uri) });
        let replies = volley(arena.many(&door, CALLERS), |_| (TOTP, code.clone())).await;
        only_winner(&replies, &[GONE]);
        arena.one_came_in().await;
    }
    assert_eq!(arena.number("SELECT count(*) FROM events WHERE kind = 'code.refused' AND at <= $1").await, 0);
}

/// The losers have offered a spent code to challenges of their own: wrong answers, counted as such.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_totp_code_passes_one_of_five_challenges() {
    let arena = Arena::new().await;
    for _ in 0..COSTLY_ROUNDS {
        let mut doors = Vec::new();
        for _ in 0..5 {
            doors.push(arena.at_the_door().await);
        }
        arena.world.advance(30);
        let code = json!({ "code": arena.world.totp(&arena.enrolled.uri) });
        let askers =
            (0..CALLERS).map(|number| arena.many(&doors[number % 5], 2).remove(number / 5 % 2)).collect();
        let replies = volley(askers, |_| (TOTP, code.clone())).await;
        let others = [
            GONE,
            "401 INVALID_CODE",
            "400 TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE",
            "429 ACCOUNT_TEMPORARILY_LOCKED",
        ];
        only_winner(&replies, &others);
        arena.one_came_in().await;
        let wrong = tally(&replies).get("401 INVALID_CODE").copied().unwrap_or(0) as i64;
        let counted = "SELECT count(*) FROM events WHERE kind = 'code.refused' AND at = $1";
        assert_eq!(arena.number(counted).await, wrong);
        assert!(wrong <= 10);
        arena.world.advance(A_MONTH);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_backup_code_passes_one_of_two_challenges() {
    let arena = Arena::new().await;
    let mut codes = arena.enrolled.backup_codes.clone();
    for _ in 0..ROUNDS {
        let doors = [arena.at_the_door().await, arena.at_the_door().await];
        arena.world.advance(30);
        let code = json!({ "code": codes.pop().unwrap() });
        let askers =
            (0..CALLERS).map(|number| arena.many(&doors[number % 2], 2).remove(number / 2 % 2)).collect();
        let replies = volley(askers, |_| (BACKUP, code.clone())).await;
        let others = [GONE, "401 INVALID_BACKUP_CODE", "400 TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE"];
        let winner = only_winner(&replies, &others);
        arena.one_came_in().await;
        assert_eq!(arena.number("SELECT count(*) FROM backup_codes WHERE used_at = $1").await, 1);
        let told = "SELECT count(*) FROM events WHERE kind = 'backup_code.used' AND at = $1";
        assert_eq!(arena.number(told).await, 1);
        if codes.is_empty() {
            codes = arena.new_backup_codes(winner).await;
        }
        arena.world.advance(A_MONTH);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_mailed_code_passes_once() {
    let arena = Arena::new().await;
    for _ in 0..ROUNDS {
        let mut door = arena.at_the_door().await;
        door.post("/api/auth/two-factor/send-otp", json!({})).await.expect(200);
        let code = json!({ "code": arena.world.mailed_code(ADA).await });
        arena.world.advance(5);
        let replies = volley(arena.many(&door, CALLERS), |_| (OTP, code.clone())).await;
        only_winner(&replies, &[GONE]);
        arena.one_came_in().await;
        assert_eq!(arena.number("SELECT count(*) FROM one_time_codes WHERE spent_at = $1").await, 1);
        // Twenty codes may be sent in a day.
        arena.world.advance(4_400);
    }
}

/// Two proofs are right, one is needed: the other must stay good.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_challenge_takes_one_of_two_right_proofs() {
    let arena = Arena::new().await;
    let mut codes = arena.enrolled.backup_codes.clone();
    for _ in 0..ROUNDS {
        let door = arena.at_the_door().await;
        arena.world.advance(30);
        let step = totp::step_at(arena.world.clock.now(), 30);
        let app = json!({ "code": arena.world.totp(&arena.enrolled.uri) });
        let backup = json!({ "code": codes.last().unwrap() });
        let ask = |number: usize| {
            if (number / 2).is_multiple_of(2) { (TOTP, app.clone()) } else { (BACKUP, backup.clone()) }
        };
        let replies = volley(arena.many(&door, CALLERS), ask).await;
        let winner = only_winner(&replies, &[GONE]);
        arena.one_came_in().await;
        let used = arena.number("SELECT count(*) FROM backup_codes WHERE used_at = $1").await;
        let last_step = arena.number("SELECT last_step FROM authenticators WHERE created_at <= $1").await;
        assert_eq!(used == 1, last_step != step, "exactly one of the two is spent");
        if used == 1 {
            codes.pop();
        }
        if codes.is_empty() {
            codes = arena.new_backup_codes(winner).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_trusted_device_value_skips_the_second_step_once() {
    let arena = Arena::new().await;
    let mut browser = arena.at_the_door().await;
    let trust = json!({ "code": arena.world.totp(&arena.enrolled.uri), "trustDevice": true });
    browser.post("/api/auth/two-factor/verify-totp", trust).await.expect(200);
    let credentials = json!({ "email": ADA, "password": PASSWORD });
    for _ in 0..COSTLY_ROUNDS {
        arena.world.advance(30);
        let replies = volley(arena.many(&browser, CALLERS), |_| ("sign-in/email", credentials.clone())).await;
        let (asked, mut in_): (Vec<_>, Vec<_>) =
            replies.iter().partition(|reply| reply.body["twoFactorRedirect"] == true);
        assert_eq!((asked.len(), in_.len()), (CALLERS - 1, 1), "{:?}", tally(&replies));
        keep_cookies(&mut browser, in_.remove(0).to_owned());
        assert_eq!(arena.number("SELECT count(*) FROM sessions WHERE created_at = $1").await, 1);
        let used = "SELECT count(*) FROM events WHERE kind = 'trusted_device.used' AND at = $1";
        assert_eq!(arena.number(used).await, 1);
        assert_eq!(arena.number("SELECT count(*) FROM trusted_devices WHERE rotated_at = $1").await, 1);
    }
}

/// Every caller wants another password: the one who was told yes has set it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_reset_link_sets_one_password() {
    let arena = Arena::new().await;
    for round in 0..COSTLY_ROUNDS {
        arena.world.advance(4_400);
        let mut browser = arena.world.browser();
        browser.post("/api/auth/request-password-reset", json!({ "email": ADA })).await.expect(200);
        let link = arena.world.mailed_link(ADA).await;
        let token = link.split("/reset-password/").nth(1).unwrap().split('?').next().unwrap();
        arena.world.advance(5);
        let password = |number: usize| format!("password {round} of caller {number}");
        let ask =
            |number: usize| ("reset-password", json!({ "newPassword": password(number), "token": token }));
        let replies = volley(arena.many(&browser, CALLERS), ask).await;
        only_winner(&replies, &["400 INVALID_TOKEN"]);
        let winner = replies.iter().position(|reply| reply.status == 200).unwrap();
        let credentials = json!({ "email": ADA, "password": password(winner) });
        browser.post("/api/auth/sign-in/email", credentials).await.expect(200);
        let told = "SELECT count(*) FROM events WHERE kind = 'password.reset' AND at = $1";
        assert_eq!(arena.number(told).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_code_confirms_one_enrolment_once() {
    let mut arena = Arena::new().await;
    let password = json!({ "password": PASSWORD });
    for _ in 0..ROUNDS {
        arena.ada.post("/api/auth/two-factor/disable", password.clone()).await.expect(200);
        let begun = arena.ada.post("/api/auth/two-factor/enable", password.clone()).await.expect(200);
        arena.world.advance(5);
        let code = json!({ "code": arena.world.totp(begun.body["totpURI"].as_str().unwrap()) });
        let replies = volley(arena.many(&arena.ada, CALLERS), |_| (TOTP, code.clone())).await;
        let winner = only_winner(&replies, &[GONE]);
        keep_cookies(&mut arena.ada, winner);
        assert_eq!(arena.number("SELECT count(*) FROM authenticators WHERE confirmed_at = $1").await, 1);
        assert_eq!(arena.number("SELECT count(*) FROM backup_codes WHERE activated_at = $1").await, 10);
        assert_eq!(arena.number("SELECT count(*) FROM sessions WHERE created_at <= $1").await, 1);
        let told = "SELECT count(*) FROM events WHERE kind = 'authenticator.added' AND at = $1";
        assert_eq!(arena.number(told).await, 1);
    }
}

/// SEC-065 at one challenge: five answers are looked at, one hears that there will be no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_guesses_at_one_challenge_are_five() {
    let arena = Arena::new().await;
    for _ in 0..COSTLY_ROUNDS * 2 {
        let door = arena.at_the_door().await;
        arena.world.advance(30);
        let replies = volley(arena.many(&door, 200), wrong_backup_code).await;
        let expected =
            [("401 INVALID_BACKUP_CODE", 5), ("400 TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE", 1), (GONE, 194)];
        assert_eq!(tally(&replies), expected.map(|(name, times)| (name.to_owned(), times)).into());
        let counted = "SELECT max(failures) FROM challenges WHERE opened_at = CAST($1 AS BIGINT) - 30000000";
        assert_eq!(arena.number(counted).await, 5);
        assert_eq!(arena.number("SELECT failures FROM guess_budgets WHERE CAST($1 AS BIGINT) > 0").await, 5);
        let mut other = arena.at_the_door().await;
        let code = json!({ "code": arena.world.totp(&arena.enrolled.uri) });
        other.post("/api/auth/two-factor/verify-totp", code).await.expect(200);
        arena.world.advance(A_MONTH);
    }
}

fn wrong_backup_code(number: usize) -> (&'static str, Value) {
    (BACKUP, json!({ "code": format!("ZZZZ-ZZZZ-ZZZZ-{number:04}") }))
}

/// SEC-065 over challenges, FX-12: with five left before the lock, five are looked at, and then nothing is.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_guesses_with_five_left_are_five() {
    let arena = Arena::new().await;
    for _ in 0..COSTLY_ROUNDS {
        let mut first = arena.at_the_door().await;
        for number in 0..5 {
            let (act, body) = wrong_backup_code(number);
            first.post(&format!("/api/auth/{act}"), body).await.expect(401);
        }
        arena.world.advance(30);
        let mut doors = Vec::new();
        for _ in 0..5 {
            doors.push(arena.at_the_door().await);
        }
        let askers =
            (0..200).map(|number| arena.many(&doors[number % 5], 2).remove(number / 5 % 2)).collect();
        let replies = volley(askers, wrong_backup_code).await;
        let tally = tally(&replies);
        assert_eq!(tally.get("401 INVALID_BACKUP_CODE"), Some(&5), "{tally:?}");
        let refused = tally.get("429 ACCOUNT_TEMPORARILY_LOCKED").copied().unwrap_or(0);
        let ended = tally.get("400 TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE").copied().unwrap_or(0);
        assert_eq!((refused + ended, ended), (195, 0), "{tally:?}");
        let counted = "SELECT CAST(sum(failures) AS BIGINT) FROM challenges WHERE opened_at = $1";
        assert_eq!(arena.number(counted).await, 5);
        assert_eq!(arena.number("SELECT failures FROM guess_budgets WHERE CAST($1 AS BIGINT) > 0").await, 10);
        let right = json!({ "code": arena.world.totp(&arena.enrolled.uri) });
        let locked = doors[0].post("/api/auth/two-factor/verify-totp", right).await;
        assert_eq!(locked.code(), "ACCOUNT_TEMPORARILY_LOCKED");
        arena.world.advance(900);
        let mut owner = arena.at_the_door().await;
        let right = json!({ "code": arena.world.totp(&arena.enrolled.uri) });
        owner.post("/api/auth/two-factor/verify-totp", right).await.expect(200);
        arena.world.advance(A_MONTH);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_address_makes_one_account() {
    let arena = Arena::new().await;
    for round in 0..3 {
        let email = format!("user{round}@example.com");
        let new = json!({ "name": "Somebody", "email": email, "password": PASSWORD });
        let nobody = arena.world.browser();
        arena.world.advance(5);
        let replies = volley(arena.many(&nobody, CALLERS), |_| ("sign-up/email", new.clone())).await;
        only_winner(&replies, &["422 USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"]);
        for sql in [
            "SELECT count(*) FROM users WHERE created_at = $1",
            "SELECT count(*) FROM sessions WHERE created_at = $1",
            "SELECT count(*) FROM events WHERE kind = 'user.signed_up' AND at = $1",
        ] {
            assert_eq!(arena.number(sql).await, 1, "{sql}");
        }
    }
}

/// SEC-060, SEC-083: what there may be a number of stays at that number.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_sessions_leave_fifty_and_twenty_challenges_five() {
    let arena = Arena::new().await;
    let mut bob = arena.world.browser();
    bob.sign_up("bob@example.com").await;
    let credentials = |email: &str| ("sign-in/email", json!({ "email": email, "password": PASSWORD }));
    let nobody = arena.world.browser();
    let replies = volley(arena.many(&nobody, 60), |_| credentials("bob@example.com")).await;
    assert_eq!(tally(&replies)["200"], 60);
    let mut alive = 0;
    for reply in &replies {
        let mut browser = arena.world.browser();
        keep_cookies(&mut browser, reply);
        alive += usize::from(!browser.get("/api/auth/get-session").await.expect(200).body.is_null());
    }
    let of_bob = "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id
                  WHERE u.email = 'bob@example.com' AND s.created_at <= $1";
    assert_eq!(arena.number(of_bob).await, 50);
    let first = usize::from(!bob.get("/api/auth/get-session").await.expect(200).body.is_null());
    assert_eq!(alive + first, 50);

    let replies = volley(arena.many(&nobody, 20), |_| credentials(ADA)).await;
    assert!(replies.iter().all(|reply| reply.body["twoFactorRedirect"] == true));
    let open = "SELECT count(*) FROM challenges WHERE state = 'pending' AND expires_at > $1";
    assert_eq!(arena.number(open).await, 5);
}
