//! Recovery through the operations: who gets back in, who does not, and who can stop it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use countersign::{
    operations::{
        Outcome, Stop, authenticators, challenge, emails, enrol, housekeeping, organisations,
        recovery::{self, Asked, Begun, Completed, Completion, Held, Shorten, Standing, Vetoer},
        sessions::{self, Handover, SignedIn},
        sign_in::{self, Belonging, PasswordSignIn, SignUp, SignedInOrAsked},
    },
    store::{Purpose, Value as Cell},
};
use countersign_core::{
    backup_code::Shape,
    denied::Denied,
    ids::UserId,
    method::Method,
    organisation::Role,
    recovery::{SHORTENED, State, WAIT, WINDOW},
    secret::Secret,
    session::{Reach, Scope, Visitor},
    time::{DAY, HOUR},
};
use tokio::sync::Barrier;

use crate::world::{PASSWORD, World};

const ADA: &str = "ada@example.com";
const NEW_PASSWORD: &str = "a quite different staple";

fn visitor() -> Visitor {
    Visitor { ip: "203.0.113.9".to_owned(), user_agent: "curl/8".to_owned(), language: None }
}

#[track_caller]
fn denied<T>(outcome: Outcome<T>) -> Denied {
    match outcome {
        Ok(_) => panic!("it was allowed"),
        Err(Stop::Denied(denied)) => denied,
        Err(Stop::Fault(fault)) => panic!("{fault}"),
    }
}

fn hours(span: Duration) -> u64 {
    span.as_secs() / 3_600
}

/// Somebody with a verified address, a session, an authenticator app and backup codes.
struct Person {
    email: &'static str,
    token: String,
    uri: String,
    backup_codes: Vec<Secret<String>>,
}

impl Person {
    async fn new(world: &World, email: &'static str, belonging: Belonging) -> Self {
        let new = SignUp {
            name: "Ada".to_owned(),
            email: email.to_owned(),
            password: PASSWORD.into(),
            remember: true,
            belonging,
            ..SignUp::default()
        };
        let signed_up = sign_in::sign_up(&world.ctx, &visitor(), new).await.unwrap();
        let id = signed_up.user.id.clone();
        let now = world.clock.now();
        world.ctx.store.write(move |tx| tx.verify_email(&id, email, now)).await.unwrap();
        let who = who(world, signed_up.session.unwrap().token.expose()).await;
        let asked = enrol::Begin { backup_codes: Some(Shape::Grouped), ..enrol::Begin::default() };
        let begun = enrol::begin_totp(&world.ctx, &visitor(), &who, asked).await.unwrap();
        let uri = begun.uri.expose().clone();
        let code = Secret::new(world.totp(&uri));
        let confirm = confirmation(code);
        let confirmed = enrol::confirm_code(&world.ctx, &visitor(), &who, confirm).await.unwrap();
        world.advance(30);
        let token = confirmed.rotated.unwrap().token.expose().clone();
        Self { email, token, uri, backup_codes: begun.backup_codes }
    }

    async fn who(&self, world: &World) -> SignedIn {
        who(world, &self.token).await
    }

    async fn is_signed_in(&self, world: &World) -> bool {
        sessions::require(&world.ctx, Some(&self.token)).await.is_ok()
    }

    /// The first step of signing in, and the token of what is asked then.
    async fn knock(&self, world: &World, password: &str) -> Outcome<SignedInOrAsked> {
        let attempt = PasswordSignIn {
            email: self.email.to_owned(),
            password: password.into(),
            remember: true,
            ..PasswordSignIn::default()
        };
        sign_in::with_password(&world.ctx, &visitor(), attempt).await
    }

    /// Both steps; trusts the browser and returns its value.
    async fn sign_in(&mut self, world: &World) -> Secret<String> {
        let Ok(SignedInOrAsked::Asked(asked)) = self.knock(world, PASSWORD).await else {
            panic!("not asked")
        };
        let answerer = challenge::Answerer {
            challenge: Some(asked.token.expose().clone()),
            ..challenge::Answerer::default()
        };
        let typed = challenge::Typed { method: Method::Totp, code: Secret::new(world.totp(&self.uri)) };
        let wishes = challenge::Wishes { trust_device: true, ..Default::default() };
        let answer = challenge::answer(&world.ctx, &visitor(), answerer, (typed, wishes)).await.unwrap();
        world.advance(30);
        let challenge::Answered::SignedIn { session, trusted_device, .. } = answer else {
            panic!("{answer:?}")
        };
        self.token = session.token.expose().clone();
        trusted_device.unwrap()
    }
}

fn confirmation(code: Secret<String>) -> enrol::Confirm {
    let handover = Handover::Token;
    enrol::Confirm { method: Method::Totp, code, name: None, backup_codes: None, handover }
}

async fn who(world: &World, token: &str) -> SignedIn {
    let current = sessions::current(&world.ctx, token, sessions::Renewal::IfDue, Reach::Enrolment).await;
    current.unwrap().expect("a live session").who
}

async fn ada() -> (World, Person) {
    let world = World::new().await;
    let ada = Person::new(&world, ADA, Belonging::Nowhere).await;
    (world, ada)
}

/// What whoever reads the mailbox can do: ask, read, follow.
async fn begin(world: &World, email: &str) -> Begun {
    recovery::request(&world.ctx, &visitor(), Asked::Address(email)).await.unwrap();
    let token = world.mailed_token(email, "/recovery/begin?token=").await;
    let begun = recovery::begin(&world.ctx, &visitor(), &token).await.unwrap();
    world.mail().await;
    begun
}

/// The subjects of all mail about recoveries to this address, oldest first.
async fn news(world: &World, email: &str) -> Vec<String> {
    let mail = world.mail().await;
    let about =
        |subject: &&String| subject.contains("recover") || subject.contains("without the second step");
    let theirs = mail.iter().rev().filter(|letter| letter.to.contains(email));
    theirs.map(|letter| &letter.subject).filter(about).cloned().collect()
}

async fn complete(world: &World, begun: &Begun, backup_code: Option<&Secret<String>>) -> Outcome<Completed> {
    let asked = Completion {
        backup_code: backup_code.cloned(),
        new_password: Some(NEW_PASSWORD.into()),
        handover: Handover::Token,
    };
    recovery::complete(&world.ctx, &visitor(), begun.claim.expose(), asked).await
}

async fn status(world: &World, begun: &Begun) -> Standing {
    recovery::status(&world.ctx, Held::Claim(begun.claim.expose())).await.unwrap()
}

async fn number(world: &World, sql: &'static str) -> i64 {
    world.ctx.store.read(move |tx| tx.row(sql, &[], |row| row.get(0))).await.unwrap().unwrap()
}

async fn journal(world: &World, kind: &'static str) -> Vec<String> {
    let read = world.ctx.store.read(move |tx| {
        tx.rows("SELECT detail FROM events WHERE kind = $1 ORDER BY id", &[kind.into()], |row| row.get(0))
    });
    read.await.unwrap()
}

fn gone<T>(outcome: Outcome<T>) {
    assert_eq!(denied(outcome), Denied::RecoveryGone);
}

// Getting back in -------------------------------------------------------------------------------------------------

#[tokio::test]
async fn whoever_waits_gets_a_session_that_only_enrols_and_nothing_old_opens() {
    let (world, mut ada) = ada().await;
    let device = ada.sign_in(&world).await;
    let begun = begin(&world, ADA).await;
    world.advance(WAIT.as_secs() - 1);
    assert_eq!(
        denied(complete(&world, &begun, None).await),
        Denied::RecoveryWaiting { wait: Duration::from_secs(1) }
    );
    world.advance(1);
    housekeeping::purge(&world.ctx).await.unwrap();
    assert_eq!(status(&world, &begun).await.state, State::Ready);
    world.advance(1);
    let completed = complete(&world, &begun, None).await.unwrap();

    let session = &completed.session.session;
    assert_eq!((session.scope, session.proofs.amr()), (Scope::Enrolment, vec!["email"]));
    assert!(completed.user.second_factor_required && completed.user.password_by_mail);
    assert!(!ada.is_signed_in(&world).await);
    let token = completed.session.token.expose().clone();
    let reached = sessions::require(&world.ctx, Some(&token)).await;
    assert_eq!(denied(reached), Denied::EnrolmentDue);
    for sql in [
        "SELECT COUNT(*) FROM authenticators",
        "SELECT COUNT(*) FROM backup_codes",
        "SELECT COUNT(*) FROM trusted_devices",
        "SELECT COUNT(*) FROM api_keys",
        "SELECT COUNT(*) - 1 FROM sessions",
    ] {
        assert_eq!(number(&world, sql).await, 0, "{sql}");
    }
    assert_eq!(
        denied(recovery::veto(&world.ctx, &visitor(), Vetoer::TrustedDevice(device.expose())).await),
        Denied::NotSignedIn
    );
    assert_eq!(denied(ada.knock(&world, PASSWORD).await), Denied::BadCredentials);

    // Enrolling anew opens everything again.
    let who = who(&world, &token).await;
    let enrolment = enrol::begin_totp(&world.ctx, &visitor(), &who, enrol::Begin::default()).await.unwrap();
    let code = Secret::new(world.totp(enrolment.uri.expose()));
    let confirm = confirmation(code);
    let confirmed = enrol::confirm_code(&world.ctx, &visitor(), &who, confirm).await.unwrap();
    let token = confirmed.rotated.unwrap().token;
    sessions::require(&world.ctx, Some(token.expose())).await.unwrap();
    assert!(matches!(ada.knock(&world, NEW_PASSWORD).await, Ok(SignedInOrAsked::Asked(_))));
    assert_eq!(
        news(&world, ADA).await,
        [
            "Somebody asks to get into your Acme MFA account without the second step",
            "Your Acme MFA recovery can be completed",
            "Your Acme MFA account was recovered",
        ]
    );
}

#[tokio::test]
async fn a_backup_code_beside_the_mailbox_ends_the_wait() {
    let (world, ada) = ada().await;
    let begun = begin(&world, ADA).await;
    let wrong: Secret<String> = "0000-0000-0000-0000".into();
    let refused = Denied::WrongCode(Method::BackupCode);
    assert_eq!(denied(complete(&world, &begun, Some(&wrong)).await), refused);
    let completed = complete(&world, &begun, Some(&ada.backup_codes[0])).await.unwrap();
    assert_eq!(completed.session.session.proofs.amr(), ["email", "backup_code"]);
    assert_eq!(completed.session.session.scope, Scope::Enrolment);
    gone(complete(&world, &begun, Some(&ada.backup_codes[1])).await);
}

#[tokio::test]
async fn guesses_at_backup_codes_are_counted_and_do_not_close_the_door() {
    let (world, mut ada) = ada().await;
    let begun = begin(&world, ADA).await;
    for guess in 0..10 {
        let guess = Secret::new(format!("{guess:016}"));
        assert_eq!(
            denied(complete(&world, &begun, Some(&guess)).await),
            Denied::WrongCode(Method::BackupCode)
        );
    }
    let locked = denied(complete(&world, &begun, Some(&ada.backup_codes[0])).await);
    assert!(matches!(locked, Denied::Locked { .. }), "{locked:?}");
    ada.sign_in(&world).await;
}

#[tokio::test]
async fn the_window_closes() {
    let (world, _) = ada().await;
    let begun = begin(&world, ADA).await;
    world.advance((WAIT + WINDOW).as_secs());
    gone(complete(&world, &begun, None).await);
    recovery::tick(&world.ctx).await.unwrap();
    assert_eq!(status(&world, &begun).await.state, State::Expired);
    assert_eq!(journal(&world, "recovery.expired").await.len(), 1);
    assert_eq!(news(&world, ADA).await.len(), 1, "who is told of what nobody came for");
    world.advance(DAY.as_secs());
    housekeeping::purge(&world.ctx).await.unwrap();
    gone(recovery::status(&world.ctx, Held::Claim(begun.claim.expose())).await);
}

#[tokio::test]
async fn the_owner_is_told_once_that_the_wait_is_over() {
    let (world, _) = ada().await;
    begin(&world, ADA).await;
    assert_eq!(recovery::tick(&world.ctx).await.unwrap(), 0);
    world.advance(WAIT.as_secs());
    assert_eq!(recovery::tick(&world.ctx).await.unwrap(), 1);
    assert_eq!(recovery::tick(&world.ctx).await.unwrap(), 0);
    assert_eq!(news(&world, ADA).await.len(), 2);
}

#[tokio::test]
async fn a_password_must_be_chosen_and_be_one() {
    let (world, _) = ada().await;
    let begun = begin(&world, ADA).await;
    world.advance(WAIT.as_secs());
    let with = |new_password: Option<&str>| Completion {
        new_password: new_password.map(Secret::from),
        ..Completion::default()
    };
    let claim = begun.claim.expose();
    assert_eq!(
        denied(recovery::complete(&world.ctx, &visitor(), claim, with(None)).await),
        Denied::PasswordRequired
    );
    let short = recovery::complete(&world.ctx, &visitor(), claim, with(Some("short"))).await;
    assert_eq!(denied(short), Denied::PasswordTooShort);
    recovery::complete(
        &world.ctx,
        &visitor(),
        &claim.to_lowercase().replace('-', " "),
        with(Some(NEW_PASSWORD)),
    )
    .await
    .unwrap();
}

// Asking ----------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn nobody_learns_who_has_an_account_and_asking_is_limited() {
    let (world, _) = ada().await;
    for email in [ADA, "nobody@example.com", ADA, ADA] {
        recovery::request(&world.ctx, &visitor(), Asked::Address(email)).await.unwrap();
    }
    let links = world.mail().await.iter().filter(|letter| letter.subject.starts_with("Get back")).count();
    assert_eq!(links, 1, "one in thirty seconds");
    assert_eq!(
        denied(recovery::request(&world.ctx, &visitor(), Asked::Address("nonsense")).await),
        Denied::EmailInvalid
    );
}

#[tokio::test]
async fn an_address_that_was_never_verified_recovers_nothing() {
    let (world, _) = ada().await;
    let forget =
        |tx: &mut countersign::store::Tx<'_>| tx.execute("UPDATE users SET email_verified_at = NULL", &[]);
    recovery::request(&world.ctx, &visitor(), Asked::Address(ADA)).await.unwrap();
    let link = world.mailed_token(ADA, "/recovery/begin?token=").await;
    world.ctx.store.write(forget).await.unwrap();
    assert_eq!(denied(recovery::begin(&world.ctx, &visitor(), &link).await), Denied::LinkInvalid);
    world.advance(3_600);
    let before = world.mail().await.len();
    recovery::request(&world.ctx, &visitor(), Asked::Address(ADA)).await.unwrap();
    assert_eq!(world.mail().await.len(), before);
}

#[tokio::test]
async fn a_replayed_link_begins_nothing_and_no_other_link_does() {
    let (world, _) = ada().await;
    recovery::request(&world.ctx, &visitor(), Asked::Address(ADA)).await.unwrap();
    let link = world.mailed_token(ADA, "/recovery/begin?token=").await;
    assert!(matches!(
        emails::look_at(&world.ctx, &link, Purpose::Recover).await,
        Ok(emails::LinkState::Valid(_))
    ));
    assert_eq!(denied(emails::open(&world.ctx, &visitor(), &link).await), Denied::LinkInvalid);
    let begun = recovery::begin(&world.ctx, &visitor(), &link).await.unwrap();
    assert_eq!(denied(recovery::begin(&world.ctx, &visitor(), &link).await), Denied::LinkInvalid);
    assert_eq!(status(&world, &begun).await.state, State::Pending);
    recovery::request(&world.ctx, &visitor(), Asked::Address(ADA)).await.unwrap();
    world.advance(3_600);
    recovery::request(&world.ctx, &visitor(), Asked::Address(ADA)).await.unwrap();
    let late = world.mailed_token(ADA, "/recovery/begin?token=").await;
    world.advance(3_600);
    assert_eq!(denied(recovery::begin(&world.ctx, &visitor(), &late).await), Denied::LinkExpired);
}

#[tokio::test]
async fn tokens_are_stored_nowhere() {
    let (world, _) = ada().await;
    let begun = begin(&world, ADA).await;
    let notice = world.mailed_token(ADA, "/recovery/stop?token=").await;
    let claim = begun.claim.expose().replace('-', "");
    let found = world.ctx.store.read(|tx| {
        tx.row("SELECT claim_digest, notice_digest FROM recoveries", &[], |row| {
            Ok((row.get::<Vec<u8>>(0)?, row.get::<Vec<u8>>(1)?))
        })
    });
    let (claim_digest, notice_digest) = found.await.unwrap().unwrap();
    assert!(claim_digest != claim.as_bytes() && notice_digest != notice.as_bytes());
    // Neither passes for the other.
    gone(recovery::status(&world.ctx, Held::Claim(&notice)).await);
    gone(recovery::status(&world.ctx, Held::Notice(&claim)).await);
    gone(recovery::veto(&world.ctx, &visitor(), Vetoer::Notice(begun.claim.expose())).await);
    let asked = Completion { new_password: Some(NEW_PASSWORD.into()), ..Completion::default() };
    world.advance(WAIT.as_secs());
    gone(recovery::complete(&world.ctx, &visitor(), &notice, asked).await);
    assert!(!format!("{begun:?}").contains(begun.claim.expose()));
}

// Stopping --------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn the_owner_stops_it_from_session_trusted_device_or_mail() {
    let (world, mut ada) = ada().await;
    let device = ada.sign_in(&world).await;
    for way in ["session", "trusted_device", "mail"] {
        let begun = begin(&world, ADA).await;
        let who = ada.who(&world).await;
        assert_eq!(recovery::of_oneself(&world.ctx, &who).await.unwrap().unwrap().state, State::Pending);
        let notice = world.mailed_token(ADA, "/recovery/stop?token=").await;
        let held = Held::Notice(&notice);
        assert_eq!(
            recovery::status(&world.ctx, held).await.unwrap().state,
            State::Pending,
            "looking is free"
        );
        let by = match way {
            "session" => Vetoer::Session(&who),
            "trusted_device" => Vetoer::TrustedDevice(device.expose()),
            _ => Vetoer::Notice(&notice),
        };
        assert!(recovery::veto(&world.ctx, &visitor(), by).await.unwrap().has_password);
        let stopped = "The recovery of your Acme MFA account was stopped";
        assert!(news(&world, ADA).await.iter().any(|subject| subject == stopped));
        gone(recovery::veto(&world.ctx, &visitor(), by).await);
        assert_eq!(recovery::status(&world.ctx, held).await.unwrap().state, State::Vetoed);
        assert!(recovery::of_oneself(&world.ctx, &who).await.unwrap().is_none());
        world.advance(WAIT.as_secs());
        gone(complete(&world, &begun, None).await);
        gone(complete(&world, &begun, Some(&ada.backup_codes[0])).await);
        assert!(journal(&world, "recovery.vetoed").await.iter().any(|detail| detail.contains(way)));
    }
    let Ok(SignedInOrAsked::SignedIn { .. }) = sign_in::with_password(
        &world.ctx,
        &visitor(),
        PasswordSignIn {
            email: ADA.to_owned(),
            password: PASSWORD.into(),
            trusted_devices: vec![device.expose().clone()],
            ..PasswordSignIn::default()
        },
    )
    .await
    else {
        panic!("the device is trusted as before");
    };
}

#[tokio::test]
async fn whoever_proves_the_second_factor_has_not_lost_it() {
    let (world, mut ada) = ada().await;
    let begun = begin(&world, ADA).await;
    world.advance(hours(WAIT) * 3_600 - 60);
    ada.sign_in(&world).await;
    assert_eq!(status(&world, &begun).await.state, State::Vetoed);
    assert!(journal(&world, "recovery.vetoed").await[0].contains("second_factor"));
    world.advance(60);
    gone(complete(&world, &begun, None).await);
}

#[tokio::test]
async fn any_change_of_the_account_ends_it() {
    let (world, ada) = ada().await;
    let begun = begin(&world, ADA).await;
    let who = ada.who(&world).await;
    let id = who.user.id.clone();
    let now = world.clock.now();
    world.ctx.store.write(move |tx| tx.raise_security_version(&id, now)).await.unwrap();
    assert_eq!(status(&world, &begun).await.state, State::Cancelled);
    world.advance(WAIT.as_secs());
    gone(complete(&world, &begun, Some(&ada.backup_codes[0])).await);
    assert_eq!(recovery::tick(&world.ctx).await.unwrap(), 1);
    assert_eq!(news(&world, ADA).await.len(), 1, "nothing became ready");
}

#[tokio::test]
async fn whoever_begins_anew_waits_anew() {
    let (world, _) = ada().await;
    let first = begin(&world, ADA).await;
    world.advance(WAIT.as_secs() - 60);
    let second = begin(&world, ADA).await;
    world.advance(60);
    assert_eq!(status(&world, &first).await.state, State::Cancelled);
    gone(complete(&world, &first, None).await);
    let waiting = denied(complete(&world, &second, None).await);
    assert_eq!(waiting, Denied::RecoveryWaiting { wait: WAIT - Duration::from_secs(60) });
    recovery::give_up(&world.ctx, &visitor(), second.claim.expose()).await.unwrap();
    gone(recovery::give_up(&world.ctx, &visitor(), second.claim.expose()).await);
    assert_eq!(status(&world, &second).await.state, State::Cancelled);
}

// Thieves ---------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn a_mailbox_thief_gets_no_session_before_the_wait_and_the_owner_stops_them() {
    let (world, ada) = ada().await;
    let before = number(&world, "SELECT COUNT(*) FROM sessions").await;
    let begun = begin(&world, ADA).await;
    for _ in 0..hours(WAIT) {
        let waiting = denied(complete(&world, &begun, None).await);
        assert!(matches!(waiting, Denied::RecoveryWaiting { .. }), "{waiting:?}");
        world.advance(3_600);
        recovery::request(&world.ctx, &visitor(), Asked::Address(ADA)).await.unwrap();
    }
    world.advance(3_600);
    let again = world.mailed_token(ADA, "/recovery/begin?token=").await;
    assert_eq!(denied(recovery::begin(&world.ctx, &visitor(), &again).await), Denied::LinkExpired);
    let who = ada.who(&world).await;
    recovery::veto(&world.ctx, &visitor(), Vetoer::Session(&who)).await.unwrap();
    gone(complete(&world, &begun, None).await);
    assert_eq!(number(&world, "SELECT COUNT(*) FROM sessions").await, before);
    assert!(authenticators::overview(&world.ctx, &ada.who(&world).await).await.unwrap().is_on());
}

#[tokio::test]
async fn links_asked_for_before_a_veto_begin_nothing_after_it() {
    let (world, ada) = ada().await;
    begin(&world, ADA).await;
    world.advance(60);
    recovery::request(&world.ctx, &visitor(), Asked::Address(ADA)).await.unwrap();
    let link = world.mailed_token(ADA, "/recovery/begin?token=").await;
    let who = ada.who(&world).await;
    recovery::veto(&world.ctx, &visitor(), Vetoer::Session(&who)).await.unwrap();
    assert_eq!(denied(recovery::begin(&world.ctx, &visitor(), &link).await), Denied::LinkInvalid);
}

#[tokio::test]
async fn a_password_thief_gets_nothing_from_asking_and_nothing_from_waiting() {
    let (world, ada) = ada().await;
    let Ok(SignedInOrAsked::Asked(asked)) = ada.knock(&world, PASSWORD).await else { panic!("not asked") };
    recovery::request(&world.ctx, &visitor(), Asked::Challenge(asked.token.expose())).await.unwrap();
    let stale = recovery::request(&world.ctx, &visitor(), Asked::Challenge("no such challenge")).await;
    assert_eq!(denied(stale), Denied::ChallengeGone);
    assert_eq!(number(&world, "SELECT COUNT(*) FROM recoveries").await, 0, "asking begins nothing");
    // The owner, who has lost the phone, follows the link. The thief tries the old password all the while.
    let link = world.mailed_token(ADA, "/recovery/begin?token=").await;
    let begun = recovery::begin(&world.ctx, &visitor(), &link).await.unwrap();
    world.advance(WAIT.as_secs());
    assert!(matches!(ada.knock(&world, PASSWORD).await, Ok(SignedInOrAsked::Asked(_))));
    complete(&world, &begun, None).await.unwrap();
    assert_eq!(denied(ada.knock(&world, PASSWORD).await), Denied::BadCredentials);
}

/// One organisation: an owner, administrators, and members.
struct Office {
    world: World,
    people: BTreeMap<&'static str, Person>,
    /// What the one who waits last read out.
    reference: String,
}

impl Office {
    async fn new(roles: &[(&'static str, Role)]) -> Self {
        let world = World::new().await;
        let mut people = BTreeMap::new();
        for (email, role) in roles {
            let belonging = Belonging::Joins { external_id: "acme".to_owned() };
            let person = Person::new(&world, email, belonging).await;
            people.insert(*email, person);
            let values: [Cell; 2] = [(*email).into(), role.as_str().into()];
            let appoint = "UPDATE memberships SET role = $2
                           WHERE user_id = (SELECT id FROM users WHERE email = $1)";
            world.ctx.store.write(move |tx| tx.execute(appoint, &values)).await.unwrap();
        }
        Self { world, people, reference: String::new() }
    }

    /// Freshly proven, as an administrator must be.
    async fn who(&mut self, email: &str) -> SignedIn {
        let person = self.people.get_mut(email).unwrap();
        person.sign_in(&self.world).await;
        person.who(&self.world).await
    }

    async fn id(&self, email: &str) -> UserId {
        self.people[email].who(&self.world).await.user.id
    }

    async fn begin(&mut self, email: &str) -> Begun {
        let begun = begin(&self.world, email).await;
        self.reference = begun.standing.reference.clone().unwrap();
        begun
    }

    async fn shorten(&mut self, admin: &str, whose: &str, reason: &str) -> Outcome<()> {
        let (who, user) = (self.who(admin).await, self.id(whose).await);
        let asked = Shorten { user, reference: self.reference.clone(), reason: reason.to_owned() };
        recovery::shorten(&self.world.ctx, &visitor(), &who, asked).await.map(drop)
    }

    async fn approve(&mut self, admin: &str, whose: &str) -> Outcome<()> {
        let (who, user) = (self.who(admin).await, self.id(whose).await);
        recovery::approve(&self.world.ctx, &visitor(), &who, &user).await.map(drop)
    }
}

const BOSS: &str = "boss@example.com";
const CHIEF: &str = "chief@example.com";

#[tokio::test]
async fn an_administrator_shortens_a_members_wait_to_an_hour_and_says_why() {
    let mut office = Office::new(&[(ADA, Role::Member), (BOSS, Role::Admin)]).await;
    gone(office.shorten(BOSS, ADA, "seen in person").await);
    let begun = office.begin(ADA).await;
    assert_eq!(denied(office.shorten(BOSS, ADA, "   ").await), Denied::ReasonRequired);
    assert_eq!(denied(office.shorten(ADA, ADA, "me").await), Denied::NotPermitted);
    // Signing in with the second factor stopped it; the owner who lost it does not.
    gone(complete(&office.world, &begun, None).await);
    let begun = office.begin(ADA).await;
    office.shorten(BOSS, ADA, "seen in person").await.unwrap();
    gone(office.shorten(BOSS, ADA, "again").await);
    let standing = status(&office.world, &begun).await;
    assert!(standing.shortened && standing.state == State::Pending);
    assert!(journal(&office.world, "recovery.shortened").await[0].contains("seen in person"));
    let waiting = denied(complete(&office.world, &begun, None).await);
    assert!(matches!(waiting, Denied::RecoveryWaiting { wait } if wait <= SHORTENED), "{waiting:?}");
    office.world.advance(SHORTENED.as_secs());
    complete(&office.world, &begun, None).await.unwrap();
    assert!(news(&office.world, ADA).await.contains(&"Your Acme MFA recovery was sped up".to_owned()));
}

#[tokio::test]
async fn a_helpdesk_impostor_needs_two_administrators_for_a_privileged_account() {
    let roles =
        [(ADA, Role::Admin), (BOSS, Role::Admin), (CHIEF, Role::Owner), ("bob@example.com", Role::Member)];
    let mut office = Office::new(&roles).await;
    let begun = office.begin(ADA).await;
    gone(office.approve(CHIEF, ADA).await);
    office.shorten(BOSS, ADA, "says they lost their phone").await.unwrap();
    office.world.advance(SHORTENED.as_secs());
    let waiting = denied(complete(&office.world, &begun, None).await);
    assert!(matches!(waiting, Denied::RecoveryWaiting { wait } if wait > DAY), "{waiting:?}");
    assert_eq!(
        denied(office.approve(BOSS, ADA).await),
        Denied::NotPermitted,
        "nobody agrees with themselves"
    );
    assert_eq!(denied(office.approve("bob@example.com", ADA).await), Denied::NotPermitted);
    let (chief, ada) = (office.who(CHIEF).await, office.id(ADA).await);
    let seen = recovery::of_member(&office.world.ctx, &chief, &ada).await.unwrap().unwrap();
    assert_eq!(seen.shortening.unwrap().reason, "says they lost their phone");
    office.approve(CHIEF, ADA).await.unwrap();
    office.world.advance(SHORTENED.as_secs());
    complete(&office.world, &begun, None).await.unwrap();
    let sped_up = ["Your Acme MFA recovery may be sped up", "Your Acme MFA recovery was sped up"];
    let told = news(&office.world, ADA).await;
    assert!(sped_up.iter().all(|subject| told.iter().any(|one| one == subject)), "{told:?}");
}

#[tokio::test]
async fn nobody_shortens_a_superiors_wait_or_a_strangers_and_not_without_a_fresh_proof() {
    let mut office = Office::new(&[(CHIEF, Role::Owner), (BOSS, Role::Admin)]).await;
    office.begin(CHIEF).await;
    assert_eq!(denied(office.shorten(BOSS, CHIEF, "the chief called").await), Denied::NotPermitted);
    let stranger = Person::new(&office.world, ADA, Belonging::Nowhere).await;
    office.begin(ADA).await;
    let user = stranger.who(&office.world).await.user.id;
    let boss = office.who(BOSS).await;
    let asked = Shorten { user, reference: office.reference.clone(), reason: "a friend".to_owned() };
    let refused = recovery::shorten(&office.world.ctx, &visitor(), &boss, asked).await;
    assert_eq!(denied(refused), Denied::UserNotFound);
    office.world.advance(600);
    let user = office.id(CHIEF).await;
    let asked = Shorten { user, reference: office.reference.clone(), reason: "late".to_owned() };
    let stale = recovery::shorten(&office.world.ctx, &visitor(), &boss, asked).await;
    assert_eq!(denied(stale), Denied::StaleSession);
}

#[tokio::test]
async fn vouching_for_the_owner_does_not_help_a_thief_who_began_another() {
    let mut office = Office::new(&[(ADA, Role::Member), (BOSS, Role::Admin)]).await;
    let owners = office.begin(ADA).await;
    office.world.advance(60);
    let thiefs = begin(&office.world, ADA).await;
    gone(office.shorten(BOSS, ADA, "seen in person").await);
    gone(complete(&office.world, &owners, None).await);
    assert!(!status(&office.world, &thiefs).await.shortened);
    let notice = office.world.mailed_token(ADA, "/recovery/status?token=").await;
    let seen = recovery::status(&office.world.ctx, Held::Notice(&notice)).await.unwrap();
    assert!(seen.reference.is_none(), "nobody reads out a thief's reference from a mail");
}

#[tokio::test]
async fn the_organisation_sets_the_wait_and_what_runs_keeps_its_own() {
    let mut office = Office::new(&[(ADA, Role::Member), (BOSS, Role::Admin)]).await;
    let wait_of = |begun: &Begun| begun.standing.ready_at.since(begun.standing.started_at);
    let running = begin(&office.world, ADA).await;
    let boss = office.who(BOSS).await;
    for (asked, holds) in [(HOUR, DAY), (5 * DAY, 5 * DAY), (365 * DAY, 30 * DAY)] {
        let set = organisations::change_recovery_wait(&office.world.ctx, &visitor(), &boss, asked).await;
        assert_eq!(set.unwrap(), holds);
        assert_eq!(status(&office.world, &running).await.ready_at, running.standing.ready_at);
    }
    office.world.advance(60);
    assert_eq!(wait_of(&begin(&office.world, ADA).await), 30 * DAY);
}

// Races -----------------------------------------------------------------------------------------------------------

/// All at once; how many were told yes, and what the others heard.
async fn race<T: Send + 'static>(
    acts: Vec<impl Future<Output = Outcome<T>> + Send + 'static>,
) -> (Vec<T>, Vec<Denied>) {
    let barrier = Arc::new(Barrier::new(acts.len()));
    let tasks: Vec<_> = acts
        .into_iter()
        .map(|act| {
            let barrier = Arc::clone(&barrier);
            tokio::spawn(async move {
                barrier.wait().await;
                act.await
            })
        })
        .collect();
    let (mut won, mut lost) = (vec![], vec![]);
    for task in tasks {
        match task.await.unwrap() {
            Ok(one) => won.push(one),
            Err(Stop::Denied(denied)) => lost.push(denied),
            Err(Stop::Fault(fault)) => panic!("{fault}"),
        }
    }
    (won, lost)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_completions_make_one_session() {
    for with_code in [false, true] {
        let (world, ada) = ada().await;
        let begun = begin(&world, ADA).await;
        if !with_code {
            world.advance(WAIT.as_secs());
        }
        let acts = (0..64).map(|number| {
            let (ctx, claim) = (Arc::clone(&world.ctx), begun.claim.clone());
            let code = with_code.then(|| ada.backup_codes[number % 10].clone());
            async move {
                let asked = Completion {
                    backup_code: code,
                    new_password: Some(NEW_PASSWORD.into()),
                    handover: Handover::Token,
                };
                recovery::complete(&ctx, &visitor(), claim.expose(), asked).await
            }
        });
        let (won, lost) = race(acts.collect()).await;
        assert_eq!((won.len(), lost.len()), (1, 63));
        assert!(lost.iter().all(|denied| *denied == Denied::RecoveryGone), "{lost:?}");
        assert_eq!(number(&world, "SELECT COUNT(*) FROM sessions").await, 1);
        assert_eq!(journal(&world, "recovery.completed").await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_beginnings_leave_one_open() {
    let (world, _) = ada().await;
    let mut links = vec![];
    for _ in 0..5 {
        recovery::request(&world.ctx, &visitor(), Asked::Address(ADA)).await.unwrap();
        links.push(world.mailed_token(ADA, "/recovery/begin?token=").await);
        world.advance(31);
    }
    let acts = (0..20).map(|number| {
        let (ctx, link) = (Arc::clone(&world.ctx), links[number % 5].clone());
        async move { recovery::begin(&ctx, &visitor(), &link).await }
    });
    let (won, lost) = race(acts.collect()).await;
    assert_eq!((won.len(), lost.len()), (5, 15), "each link once");
    assert!(lost.iter().all(|denied| *denied == Denied::LinkInvalid), "{lost:?}");
    let open = "SELECT COUNT(*) FROM recoveries WHERE state IN ('pending', 'ready')";
    assert_eq!(number(&world, open).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_vetoes_and_completions_have_one_outcome() {
    let mut outcomes = BTreeMap::new();
    for round in 0..6 {
        let (world, ada) = ada().await;
        let begun = begin(&world, ADA).await;
        world.advance(WAIT.as_secs());
        let notice = world.mailed_token(ADA, "/recovery/stop?token=").await;
        let who = ada.who(&world).await;
        let acts = (0..12).map(|number| {
            let (ctx, claim, notice) = (Arc::clone(&world.ctx), begun.claim.clone(), notice.clone());
            let who = who.clone();
            async move {
                match (number + round) % 3 {
                    0 => {
                        let new_password = Some(NEW_PASSWORD.into());
                        let asked = Completion { new_password, ..Completion::default() };
                        recovery::complete(&ctx, &visitor(), claim.expose(), asked).await.map(|_| "completed")
                    }
                    1 => recovery::veto(&ctx, &visitor(), Vetoer::Notice(&notice)).await.map(|_| "vetoed"),
                    _ => recovery::veto(&ctx, &visitor(), Vetoer::Session(&who)).await.map(|_| "vetoed"),
                }
            }
        });
        let (won, lost) = race(acts.collect()).await;
        assert_eq!(won.len(), 1, "{won:?} {lost:?}");
        let sensible = [Denied::RecoveryGone, Denied::NotSignedIn];
        assert!(lost.iter().all(|denied| sensible.contains(denied)), "{lost:?}");
        let state = status(&world, &begun).await.state;
        assert_eq!(state.as_str(), won[0]);
        assert_eq!(ada.is_signed_in(&world).await, state == State::Vetoed);
        *outcomes.entry(won[0]).or_insert(0) += 1;
    }
    println!("{outcomes:?}");
}
