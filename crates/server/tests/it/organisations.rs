//! Organisations: what they ask of their members, on every way in, and who may take whose factors away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use countersign::{
    operations::{
        authenticators::{self, Authority, Removal},
        enrol::{self, Begin, BeginEmail},
        organisations::{self, Belonging, Reset, RuleChange},
        sessions::{Handover, SignedIn},
        sign_in::{self, Gate, PasswordSignIn, SignUp, SignedInOrAsked},
        trusted_devices,
    },
    store::Tx,
};
use countersign_core::{
    denied::Denied,
    ids::OrganisationId,
    method::{Method, Methods},
    organisation::{Organisation, Role, Rules},
    session::Scope,
};
use serde_json::json;

use crate::{
    people::{
        again, at_once, denied, enrol_totp, key, nobody, number, password, sign_in, sign_up, sign_up_with,
        try_everything,
    },
    world::{Browser, PASSWORD, World, on_postgres},
};

const ADA: &str = "ada@example.com";
const BOSS: &str = "boss@example.com";

const ENFORCE: RuleChange =
    RuleChange { second_factor_required: Some(true), required_from: None, methods: None };

async fn change(world: &World, who: &SignedIn, rules: RuleChange) {
    organisations::change_rules(&world.ctx, &nobody(), who, rules).await.unwrap();
}

/// The owner of the server's own organisation, and a member.
async fn home(world: &World) -> (SignedIn, SignedIn) {
    let boss = sign_up(world, BOSS, Belonging::FirstAtHome).await;
    (boss, sign_up(world, ADA, Belonging::Home).await)
}

/// Puts somebody into one more organisation, which no wire does yet.
async fn put_into(world: &World, who: &SignedIn, (name, role, rules): (&'static str, Role, Rules)) {
    let (user, created_at) = (who.user.id.clone(), who.user.created_at);
    let one = Organisation {
        id: OrganisationId::from(name.to_owned()),
        external_id: Some(name.to_owned()),
        name: name.to_owned(),
        rules,
        created_at,
    };
    let write = move |tx: &mut Tx<'_>| {
        tx.insert_organisation(&one)?;
        tx.insert_membership(&one.id, &user, (role, created_at))
    };
    world.ctx.store.write(write).await.unwrap();
}

#[tokio::test]
async fn of_two_organisations_the_strictest_rules_hold() {
    let world = World::new().await;
    let (_, ada) = home(&world).await;
    let strict =
        Rules { second_factor_required: true, methods: Methods::of(&[Method::Totp]), ..Rules::default() };
    put_into(&world, &ada, ("strict", Role::Member, strict)).await;
    let view = authenticators::overview(&world.ctx, &ada).await.unwrap();
    assert!(view.required && view.enforced && !view.allowed.contains(Method::EmailCode));
    let (ada, _) = sign_in(&world.ctx, ADA, Handover::Token).await;
    assert_eq!(ada.session.scope, Scope::Enrolment);
    let mailed = BeginEmail { email: None, link: Default::default() };
    let no = Denied::MethodNotAllowed(Method::EmailCode);
    assert_eq!(denied(enrol::begin_email(&world.ctx, &nobody(), &ada, mailed).await), no);
    assert_eq!(denied(enrol::enable_email_code(&world.ctx, &nobody(), &ada, password()).await), no);
    enrol_totp(&world, &ada).await;
    let ada = again(&world, &ada).await.unwrap();
    assert_eq!(ada.session.scope, Scope::Full);
    let removal = Removal { authority: Authority::password(password()), ..Removal::default() };
    let gone = authenticators::remove(&world.ctx, &nobody(), &ada, removal).await;
    assert_eq!(denied(gone), Denied::SecondFactorRequired);
}

/// SEC-107, SEC-108, through Better Auth.
#[tokio::test]
async fn whoever_must_enrol_may_do_nothing_else() {
    let world = World::new().await;
    let (boss, _) = home(&world).await;
    change(&world, &boss, ENFORCE).await;
    let mut ada = world.browser();
    let refused = ada.sign_in(ADA).await.expect(403);
    assert_eq!(refused.code(), "TWO_FACTOR_ENROLLMENT_REQUIRED");
    assert!(refused.body["token"].is_null() && refused.body["user"].is_null());
    assert!(ada.get("/api/auth/get-session").await.expect(200).body.is_null());
    let body = json!({
        "name": "Eve", "email": "eve@example.com", "newEmail": "eve@example.com", "password": PASSWORD,
        "currentPassword": PASSWORD, "newPassword": "a new password", "token": "x", "code": "000000",
    });
    for act in [
        "update-user",
        "update-session",
        "change-password",
        "verify-password",
        "change-email",
        "delete-user",
        "revoke-session",
        "revoke-sessions",
        "revoke-other-sessions",
        "two-factor/get-totp-uri",
        "two-factor/generate-backup-codes",
        "two-factor/disable",
    ] {
        let reply = ada.post(&format!("/api/auth/{act}"), body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (403, "TWO_FACTOR_ENROLLMENT_REQUIRED"), "{act}");
    }
    for page in ["list-sessions", "list-accounts", "token", "delete-user/callback?token=x"] {
        let reply = ada.get(&format!("/api/auth/{page}")).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (403, "TWO_FACTOR_ENROLLMENT_REQUIRED"), "{page}");
    }
    let mut out = ada.clone();
    out.post("/api/auth/sign-out", json!({})).await.expect(200);
    ada.sign_in(ADA).await.expect(403);
    let begun = ada.post("/api/auth/two-factor/enable", json!({ "password": PASSWORD })).await.expect(200);
    let code = json!({ "code": world.totp(begun.body["totpURI"].as_str().unwrap()) });
    ada.post("/api/auth/two-factor/verify-totp", code).await.expect(200);
    assert_eq!(ada.get("/api/auth/get-session").await.expect(200).body["user"]["email"], ADA);
    ada.get("/api/auth/list-sessions").await.expect(200);
}

#[tokio::test]
async fn a_session_that_only_enrols_opens_no_operation() {
    let world = World::new().await;
    let (boss, ada) = home(&world).await;
    let (own, ..) = key(&world, &ada).await;
    change(&world, &boss, ENFORCE).await;
    let ada = again(&world, &ada).await.unwrap();
    let refused = try_everything(&world, &ada, &own).await;
    let surprises: Vec<_> = refused.iter().filter(|(_, denied)| *denied != Denied::EnrolmentDue).collect();
    assert!(surprises.is_empty(), "{surprises:?}");
}

async fn with_email_code(world: &World, who: &SignedIn) -> SignedIn {
    let minted = enrol::enable_email_code(&world.ctx, &nobody(), who, password()).await.unwrap().unwrap();
    SignedIn { session: minted.session, ..who.clone() }
}

#[tokio::test]
async fn a_factor_that_does_not_count_still_guards_the_door() {
    let world = World::new().await;
    let (boss, ada) = home(&world).await;
    with_email_code(&world, &ada).await;
    let methods = Some(Methods::of(&[Method::Totp]));
    change(&world, &boss, RuleChange { methods, ..ENFORCE }).await;
    let mut browser = world.browser();
    let asked = browser.sign_in(ADA).await.expect(200);
    assert_eq!(asked.body["twoFactorMethods"], json!(["otp"]));
    browser.post("/api/auth/two-factor/send-otp", json!({})).await.expect(200);
    let code = json!({ "code": world.mailed_code(ADA).await });
    let passed = browser.post("/api/auth/two-factor/verify-otp", code).await.expect(403);
    assert_eq!(passed.code(), "TWO_FACTOR_ENROLLMENT_REQUIRED");
    assert!(browser.get("/api/auth/get-session").await.expect(200).body.is_null());
    let begun =
        browser.post("/api/auth/two-factor/enable", json!({ "password": PASSWORD })).await.expect(200);
    let uri = begun.body["totpURI"].as_str().unwrap().to_owned();
    let code = json!({ "code": world.totp(&uri) });
    browser.post("/api/auth/two-factor/verify-totp", code).await.expect(200);
    assert_eq!(browser.get("/api/auth/get-session").await.expect(200).body["user"]["email"], ADA);
    let mut next = world.browser();
    let asked = next.sign_in(ADA).await.expect(200);
    assert_eq!(asked.body["twoFactorMethods"], json!(["totp"]), "the other guards nothing any more");
}

/// From the moment of the change, and not only from the next sign-in.
#[tokio::test]
async fn rules_reach_into_sessions_that_are_open() {
    let world = World::new().await;
    let (boss, ada) = home(&world).await;
    let bob = sign_up(&world, "bob@example.com", Belonging::Home).await;
    let carl = sign_up(&world, "carl@example.com", Belonging::Home).await;
    let stranger = sign_up(&world, "eve@example.com", Belonging::Founds { name: "Eve".to_owned() }).await;
    enrol_totp(&world, &bob).await;
    let carl = with_email_code(&world, &carl).await;
    let scope = async |who: &SignedIn| again(&world, who).await.unwrap().session.scope;
    change(&world, &boss, ENFORCE).await;
    assert_eq!(scope(&ada).await, Scope::Enrolment);
    for who in [&boss, &bob, &carl, &stranger] {
        assert_eq!(scope(who).await, Scope::Full);
    }
    let totp = Some(Methods::of(&[Method::Totp]));
    change(
        &world,
        &boss,
        RuleChange { second_factor_required: None, methods: totp, ..RuleChange::default() },
    )
    .await;
    assert_eq!(scope(&carl).await, Scope::Enrolment, "a code by mail does not count any more");
    for who in [&boss, &bob, &stranger] {
        assert_eq!(scope(who).await, Scope::Full);
    }
    let (boss, _) = sign_in(&world.ctx, BOSS, Handover::Token).await;
    assert_eq!(boss.session.scope, Scope::Enrolment, "whoever makes the rule is under it, too");
}

/// Rules that nobody can follow would lock everybody out, those who could change them first of all.
#[tokio::test]
async fn rules_must_be_possible_to_follow() {
    let world = World::new().await;
    let (boss, _) = home(&world).await;
    for methods in [&[][..], &[Method::BackupCode], &[Method::Password, Method::BackupCode]] {
        let rules = RuleChange { methods: Some(Methods::of(methods)), ..ENFORCE };
        let refused = organisations::change_rules(&world.ctx, &nobody(), &boss, rules).await;
        assert_eq!(denied(refused), Denied::SecondFactorRequired);
    }
    change(&world, &boss, RuleChange { methods: Some(Methods::of(&[Method::EmailCode])), ..ENFORCE }).await;
}

/// An operator may keep an original's login that never asks; what an organisation asks outweighs it (SEC-107).
#[tokio::test]
async fn an_open_gate_closes_where_a_second_factor_is_required() {
    let world = World::new().await;
    let (boss, ada) = home(&world).await;
    enrol_totp(&world, &ada).await;
    let come_in = async || {
        let (email, gate) = (ADA.to_owned(), Gate::Open);
        let attempt = PasswordSignIn { email, password: password(), gate, ..PasswordSignIn::default() };
        sign_in::with_password(&world.ctx, &nobody(), attempt).await.unwrap()
    };
    assert!(matches!(come_in().await, SignedInOrAsked::SignedIn { .. }));
    change(&world, &boss, ENFORCE).await;
    assert!(matches!(come_in().await, SignedInOrAsked::Asked(_)));
}

#[tokio::test]
async fn only_administrators_freshly_proven_change_rules() {
    let world = World::new().await;
    let (boss, ada) = home(&world).await;
    let eve = sign_up(&world, "eve@example.com", Belonging::Nowhere).await;
    let rules =
        async |who: &SignedIn| denied(organisations::change_rules(&world.ctx, &nobody(), who, ENFORCE).await);
    assert_eq!(rules(&ada).await, Denied::NotPermitted);
    assert_eq!(rules(&eve).await, Denied::NoOrganisation);
    world.advance(301);
    assert_eq!(rules(&boss).await, Denied::StaleSession);
}

async fn rows_of(world: &World, who: &SignedIn) -> i64 {
    let sql = "SELECT (SELECT count(*) FROM authenticators WHERE user_id = $1)
                    + (SELECT count(*) FROM backup_codes WHERE user_id = $1)
                    + (SELECT count(*) FROM sessions WHERE user_id = $1)
                    + (SELECT count(*) FROM trusted_devices WHERE user_id = $1)
                    + (SELECT count(*) FROM api_keys WHERE user_id = $1)";
    number(world, sql, vec![(&who.user.id).into()]).await
}

/// SEC-105.
#[tokio::test]
async fn a_reset_takes_everything_and_tells_the_person() {
    let world = World::new().await;
    let (boss, ada) = home(&world).await;
    key(&world, &ada).await;
    let (_, uri) = enrol_totp(&world, &ada).await;
    let mut browser = world.browser();
    browser.sign_in(ADA).await.expect(200);
    let code = json!({ "code": world.totp(&uri), "trustDevice": true });
    browser.post("/api/auth/two-factor/verify-totp", code).await.expect(200);
    let mut waiting = world.browser();
    waiting.sign_in(ADA).await.expect(200);
    // One authenticator, ten codes, two sessions, one device, one key; and the other browser was let in.
    assert_eq!(rows_of(&world, &ada).await, 15);
    let reset = |user: &SignedIn, require| Reset { user: user.user.id.clone(), require, reason: None };
    organisations::reset_member(&world.ctx, &nobody(), &boss, reset(&ada, Some(true))).await.unwrap();
    assert_eq!(rows_of(&world, &ada).await, 0);
    world.advance(30);
    let dead = waiting.post("/api/auth/two-factor/verify-totp", json!({ "code": world.totp(&uri) })).await;
    assert_eq!(dead.code(), "INVALID_TWO_FACTOR_COOKIE", "an open question dies with it");
    let told = "SELECT count(*) FROM events WHERE kind = 'second_factor.reset' AND user_id = $1
                AND detail LIKE '%' || $2 || '%'";
    let (about, by) = ((&ada.user.id).into(), boss.user.id.as_str().into());
    assert_eq!(number(&world, told, vec![about, by]).await, 1);
    let letters = world.mail().await;
    assert!(letters.iter().any(|one| one.to.contains(ADA) && one.text.contains("administrator")));
    assert_eq!(browser.sign_in(ADA).await.expect(403).code(), "TWO_FACTOR_ENROLLMENT_REQUIRED");
}

#[tokio::test]
async fn nobody_resets_a_superior_themselves_or_a_stranger() {
    let world = World::new().await;
    let (boss, ada) = home(&world).await;
    let eve = sign_up(&world, "eve@example.com", Belonging::Founds { name: "Eve".to_owned() }).await;
    let both = sign_up(&world, "both@example.com", Belonging::Home).await;
    put_into(&world, &both, ("elsewhere", Role::Member, Rules::default())).await;
    enrol_totp(&world, &ada).await;
    let before = rows_of(&world, &ada).await;
    for (who, target, expected) in [
        (&ada, &boss, Denied::NotPermitted),
        (&ada, &ada, Denied::NotPermitted),
        (&boss, &boss, Denied::NotPermitted),
        (&boss, &eve, Denied::UserNotFound),
        (&eve, &ada, Denied::UserNotFound),
        (&boss, &both, Denied::NotPermitted),
    ] {
        let who = again(&world, who).await.unwrap();
        let reset = Reset { user: target.user.id.clone(), require: None, reason: None };
        let refused = organisations::reset_member(&world.ctx, &nobody(), &who, reset).await;
        assert_eq!(denied(refused), expected, "{} {}", who.user.email, target.user.email);
    }
    assert_eq!(rows_of(&world, &ada).await, before);
}

/// Whoever signs up with a taken address leaves nothing behind.
#[tokio::test]
async fn a_refused_sign_up_founds_nothing() {
    let world = World::new().await;
    sign_up(&world, ADA, Belonging::Nowhere).await;
    for belonging in [
        Belonging::Founds { name: "Acme".to_owned() },
        Belonging::Joins { external_id: "p1".to_owned() },
        Belonging::Home,
    ] {
        let again = sign_up_with(&world.ctx, ADA, (belonging, Handover::Token)).await;
        assert_eq!(denied(again), Denied::EmailTaken);
    }
    assert_eq!(number(&world, "SELECT count(*) FROM organisations", vec![]).await, 0);
}

/// Another system's ids and the name of the server's own organisation are not the same names.
#[tokio::test]
async fn no_project_is_the_servers_own_organisation() {
    let world = World::new().await;
    let (boss, _) = home(&world).await;
    let home = Belonging::Joins { external_id: "home".to_owned() };
    let joined = sign_up(&world, "eve@example.com", home).await;
    let own = organisations::of(&world.ctx, &boss.user.id).await.unwrap().remove(0).organisation.id;
    let other = organisations::of(&world.ctx, &joined.user.id).await.unwrap().remove(0).organisation.id;
    assert_ne!(own, other);
    let within = async |email: &str| {
        let within = Some("home".to_owned());
        let attempt =
            PasswordSignIn { email: email.to_owned(), password: password(), within, ..Default::default() };
        sign_in::with_password(&world.ctx, &nobody(), attempt).await
    };
    assert_eq!(denied(within(BOSS).await), Denied::BadCredentials);
    assert!(within("eve@example.com").await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_come_first_one_owns_the_server() {
    let world = World::new().await;
    let made = at_once(&world, 32, |ctx, caller| async move {
        let email = format!("user{caller}@example.com");
        sign_up_with(&ctx, &email, (Belonging::FirstAtHome, Handover::Token)).await
    });
    let (made, refused): (Vec<_>, Vec<_>) = made.await.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for no in refused {
        assert_eq!(denied(no), Denied::AlreadySetUp);
    }
    let owners = "SELECT count(*) FROM memberships WHERE role = 'owner'";
    assert_eq!(number(&world, owners, vec![]).await, 1);
    assert_eq!(number(&world, "SELECT count(*) FROM users", vec![]).await, 1);
}

/// However a sign-in, a sign-up and the new rule fall together, nobody is left with a session that may do
/// everything (SEC-107).
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_slips_in_while_the_rules_change() {
    let world = World::new().await;
    let (mut boss, _) = home(&world).await;
    for round in 0..6 {
        let chief = boss.clone();
        let done = at_once(&world, 24, |ctx, caller| {
            let chief = chief.clone();
            async move {
                match caller {
                    8 => change_on(&ctx, &chief).await,
                    _ if caller % 3 == 0 => {
                        let email = format!("user{round}.{caller}@example.com");
                        let new = SignUp {
                            email,
                            password: password(),
                            belonging: Belonging::Home,
                            ..SignUp::default()
                        };
                        sign_in::sign_up(&ctx, &nobody(), new).await.unwrap();
                    }
                    _ => drop(sign_in(&ctx, ADA, Handover::Token).await),
                }
            }
        });
        done.await;
        let full = "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id
                    WHERE s.scope = 'full' AND u.email <> $1";
        assert_eq!(number(&world, full, vec![BOSS.into()]).await, 0);
        let lax = RuleChange { second_factor_required: Some(false), required_from: None, methods: None };
        change(&world, &boss, lax).await;
        boss = again(&world, &boss).await.unwrap();
    }
}

async fn change_on(ctx: &countersign::ctx::Ctx, boss: &SignedIn) {
    organisations::change_rules(ctx, &nobody(), boss, ENFORCE).await.unwrap();
}

/// The same, with the one moment that matters held still: a sign-in that has read the old rules and has not yet
/// stored its session. On SQLite there is no such moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_made_under_the_old_rules_is_seen() {
    if !on_postgres() {
        return;
    }
    let world = World::new().await;
    let (boss, ada) = home(&world).await;
    let (has_read, reading) = std::sync::mpsc::channel();
    let is_over = Arc::new(AtomicBool::new(false));
    let (over, mut session) = (Arc::clone(&is_over), ada.session.clone());
    session.id = "made-meanwhile".to_owned().into();
    let late = move |tx: &mut Tx<'_>| {
        tx.lock_user(&session.user_id)?;
        assert!(!tx.memberships(&session.user_id)?[0].organisation.rules.second_factor_required);
        has_read.send(()).unwrap();
        // Either the change waits for us, or it is over without having seen us.
        let waits = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while !over.load(Ordering::SeqCst) && tx.row(waits, &[], |row| row.get::<i64>(0))? == Some(0) {
            std::thread::yield_now();
        }
        tx.insert_session(&session, b"digest")
    };
    let ctx = world.second_ctx().await;
    let late = tokio::spawn(async move { ctx.store.write(late).await });
    tokio::task::spawn_blocking(move || reading.recv().unwrap()).await.unwrap();
    change(&world, &boss, ENFORCE).await;
    is_over.store(true, Ordering::SeqCst);
    late.await.unwrap().unwrap();
    let full = "SELECT count(*) FROM sessions WHERE scope = 'full' AND user_id = $1";
    assert_eq!(number(&world, full, vec![(&ada.user.id).into()]).await, 0);
}

/// An enrolment begun while the method was allowed is not finished after it was ruled out.
#[tokio::test]
async fn a_mailed_link_enrols_nothing_that_was_ruled_out_meanwhile() {
    let world = World::new().await;
    let (boss, ada) = home(&world).await;
    let link =
        countersign::operations::emails::LinkShape { before: "/f?t=".to_owned(), ..Default::default() };
    let mailed = BeginEmail { email: None, link };
    enrol::begin_email(&world.ctx, &nobody(), &ada, mailed).await.unwrap();
    let link = world.mailed_link(ADA).await;
    let methods = Some(Methods::of(&[Method::Totp]));
    change(&world, &boss, RuleChange { second_factor_required: None, methods, ..RuleChange::default() })
        .await;
    let token = link.split("t=").nth(1).unwrap();
    let finished = enrol::finish_email(&world.ctx, &nobody(), token).await;
    assert_eq!(denied(finished), Denied::MethodNotAllowed(Method::EmailCode));
    let begin = Begin { password: Some(password()), ..Begin::default() };
    enrol::begin_totp(&world.ctx, &nobody(), &ada, begin).await.unwrap();
}

/// SEC-082: an organisation says for how long members' browsers are trusted, also those that are trusted already.
#[tokio::test]
async fn an_organisation_limits_trusted_browsers_or_forbids_them() {
    let world = World::new().await;
    let (boss, ada) = home(&world).await;
    let (_, uri) = enrol_totp(&world, &ada).await;
    world.advance(31);
    let trusting = async |browser: &mut Browser| {
        browser.sign_in(ADA).await.expect(200);
        let code = json!({ "code": world.totp(&uri), "trustDevice": true });
        browser.post("/api/auth/two-factor/verify-totp", code).await.expect(200);
        world.advance(31);
        browser.jar.keys().any(|name| name.ends_with("trust_device"))
    };
    let mut browser = world.browser();
    assert!(trusting(&mut browser).await);
    let (day, nothing) = (Duration::from_secs(86_400), Duration::ZERO);
    let set = async |lasts| {
        let (boss, _) = sign_in(&world.ctx, &boss.user.email, Handover::Token).await;
        organisations::change_trust_lasts(&world.ctx, &nobody(), &boss, lasts).await
    };
    assert_eq!(set(day).await.unwrap(), day);
    assert_ne!(browser.sign_in(ADA).await.expect(200).body["twoFactorRedirect"], true, "within the day");
    world.advance(86_400);
    assert_eq!(browser.sign_in(ADA).await.expect(200).body["twoFactorRedirect"], true, "after it");
    assert_eq!(set(nothing).await.unwrap(), nothing);
    assert!(!trusting(&mut world.browser()).await, "no browser is trusted any more");
    let (plain, _) = sign_in(&world.ctx, BOSS, Handover::Token).await;
    let beyond = organisations::change_trust_lasts(&world.ctx, &nobody(), &plain, day * 365).await.unwrap();
    assert_eq!(beyond, day * 30);
}

/// The ledger: named, listed, revoked one by one or all at once, and nobody else's.
#[tokio::test]
async fn trusted_devices_are_a_ledger() {
    let world = World::new().await;
    let (boss, ada) = home(&world).await;
    let (_, uri) = enrol_totp(&world, &ada).await;
    for _ in 0..3 {
        world.advance(31);
        let mut browser = world.browser();
        browser.sign_in(ADA).await.expect(200);
        let code = json!({ "code": world.totp(&uri), "trustDevice": true });
        browser.post("/api/auth/two-factor/verify-totp", code).await.expect(200);
    }
    let (ctx, ada) = (&world.ctx, again(&world, &ada).await.unwrap());
    let listed = trusted_devices::list(ctx, &ada).await.unwrap();
    assert_eq!(listed.len(), 3);
    let first = &listed[0].id;
    assert!(trusted_devices::rename(ctx, &ada, first, " Desk ").await.unwrap());
    assert!(!trusted_devices::rename(ctx, &boss, first, "Mine").await.unwrap());
    assert!(!trusted_devices::revoke(ctx, &nobody(), &boss, first).await.unwrap());
    let too_long = trusted_devices::rename(ctx, &ada, first, &"x".repeat(61)).await;
    assert_eq!(denied(too_long), Denied::FieldTooLong { field: "name", max: 60 });
    assert_eq!(trusted_devices::list(ctx, &ada).await.unwrap()[0].name.as_deref(), Some("Desk"));
    assert!(trusted_devices::rename(ctx, &ada, first, "").await.unwrap());
    assert_eq!(trusted_devices::list(ctx, &ada).await.unwrap()[0].name, None);
    assert!(trusted_devices::revoke(ctx, &nobody(), &ada, first).await.unwrap());
    assert_eq!(trusted_devices::revoke_all(ctx, &nobody(), &ada).await.unwrap(), 2);
    assert!(trusted_devices::list(ctx, &ada).await.unwrap().is_empty());
}
