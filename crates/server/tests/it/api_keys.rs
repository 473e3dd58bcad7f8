//! API keys: kept as digests, refused wherever a person must act, good for the first factor and no other (SEC-090).

use countersign::{
    operations::{
        api_keys::{self, KeyChange},
        authenticators::{self, Authority, Removal},
        challenge::{self, Answerer, Holder, Typed, Wishes},
        enrol::{self, Begin, BeginEmail, Confirm},
        organisations::Belonging,
        sessions::{self, Handover},
        sign_in::{self, PasswordSignIn, SignedInOrAsked},
    },
    store::Tx,
};
use countersign_core::{
    api_key::PER_USER_MAX,
    backup_code::Shape,
    denied::Denied,
    method::Method,
    secret::Secret,
    session::{Reach, Scope},
    time::{DAY, SECOND, Timestamp},
};

use crate::{
    people::{
        PREFIX, YEAR, again, at_once, denied, enrol_totp, in_a, key, key_of_a_day, nobody, number, password,
        sign_up, try_everything,
    },
    world::World,
};

const ADA: &str = "ada@example.com";

#[tokio::test]
async fn only_a_digest_of_a_key_is_kept() {
    let world = World::new().await;
    let ada = sign_up(&world, ADA, Belonging::Nowhere).await;
    let (_, secret, _) = key(&world, &ada).await;
    assert!(secret.expose().starts_with(PREFIX) && secret.expose().len() == PREFIX.len() + 43);
    let bare = secret.expose().trim_start_matches(PREFIX).to_owned();
    let found = "SELECT count(*) FROM api_keys WHERE name || scopes || prefix || id LIKE '%' || $1 || '%'";
    assert_eq!(number(&world, found, vec![bare.as_str().into()]).await, 0);
    let digest = |tx: &mut Tx<'_>| tx.row("SELECT digest FROM api_keys", &[], |row| row.get::<Vec<u8>>(0));
    let digest = world.ctx.store.read(digest).await.unwrap().unwrap();
    assert_eq!(digest.len(), 32);
    assert!(!digest.windows(8).any(|part| bare.as_bytes().windows(8).any(|other| part == other)));
    let letters = world.mail().await;
    assert!(letters.iter().all(|letter| !letter.text.contains(&bare)), "a key is never mailed");
    assert!(api_keys::holder(&world.ctx, "mudbase_sk_live_", secret.expose()).await.unwrap().is_none());
    assert!(api_keys::holder(&world.ctx, PREFIX, &bare).await.unwrap().is_none());
    let as_session = sessions::current(&world.ctx, secret.expose(), sessions::Renewal::No, Reach::Enrolment);
    assert!(as_session.await.unwrap().is_none(), "a key is no session token (SEC-086)");
}

#[tokio::test]
async fn a_key_ends_when_it_expires_is_switched_off_or_replaced() {
    let world = World::new().await;
    let ada = sign_up(&world, ADA, Belonging::Nowhere).await;
    let holds = async |secret: &Secret<String>| {
        api_keys::holder(&world.ctx, PREFIX, secret.expose()).await.unwrap().is_some()
    };
    let (own, secret, _) = key(&world, &ada).await;
    let switch = async |active| {
        let change = KeyChange { active: Some(active), ..KeyChange::default() };
        api_keys::change(&world.ctx, &nobody(), &ada, (own.clone(), change)).await.unwrap()
    };
    assert!(!switch(false).await.active && !holds(&secret).await);
    // Whoever renames a key, having read it before it was switched off, does not switch it on again.
    let rename = KeyChange { name: Some("deploy".to_owned()), ..KeyChange::default() };
    let renamed = api_keys::change(&world.ctx, &nobody(), &ada, (own.clone(), rename)).await.unwrap();
    assert!(!renamed.active && renamed.name == "deploy" && !holds(&secret).await);
    assert!(switch(true).await.active && holds(&secret).await);
    let fresh = api_keys::regenerate(&world.ctx, &nobody(), &ada, &own).await.unwrap();
    assert!(!holds(&secret).await && holds(&fresh).await);
    let longer = KeyChange { expires_at: Some(in_a(2 * YEAR, &world)), ..KeyChange::default() };
    let longer = api_keys::change(&world.ctx, &nobody(), &ada, (own.clone(), longer)).await.unwrap();
    assert_eq!(longer.expires_at, own.created_at + YEAR);
    let again = KeyChange { expires_at: Some(own.expires_at), ..KeyChange::default() };
    api_keys::change(&world.ctx, &nobody(), &ada, (own.clone(), again)).await.unwrap();
    world.clock.advance(DAY - SECOND);
    assert!(holds(&fresh).await);
    world.clock.advance(SECOND);
    assert!(!holds(&fresh).await);
}

#[tokio::test]
async fn another_persons_key_is_out_of_reach() {
    let world = World::new().await;
    let ada = sign_up(&world, ADA, Belonging::Nowhere).await;
    let eve = sign_up(&world, "eve@example.com", Belonging::Nowhere).await;
    let (own, secret, _) = key(&world, &ada).await;
    let (ctx, from) = (&world.ctx, &nobody());
    let change = (own.clone(), KeyChange::default());
    assert_eq!(denied(api_keys::change(ctx, from, &eve, change).await), Denied::KeyNotFound);
    assert_eq!(denied(api_keys::regenerate(ctx, from, &eve, &own).await), Denied::KeyNotFound);
    assert_eq!(denied(api_keys::revoke(ctx, from, &eve, &own.id).await), Denied::KeyNotFound);
    assert!(api_keys::list(ctx, &eve, PREFIX).await.unwrap().is_empty());
    assert!(api_keys::holder(ctx, PREFIX, secret.expose()).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_keys_made_at_once_ten_come_into_being() {
    let world = World::new().await;
    let ada = sign_up(&world, ADA, Belonging::Nowhere).await;
    let made = at_once(&world, 64, |ctx, caller| {
        let ada = ada.clone();
        async move { api_keys::create(&ctx, &nobody(), &ada, key_of_a_day(&format!("{caller}"))).await }
    });
    let (made, refused): (Vec<_>, Vec<_>) = made.await.into_iter().partition(Result::is_ok);
    assert_eq!((made.len(), refused.len()), (PER_USER_MAX, 64 - PER_USER_MAX));
    for no in refused {
        assert_eq!(denied(no), Denied::TooManyKeys { max: PER_USER_MAX });
    }
    assert_eq!(number(&world, "SELECT count(*) FROM api_keys", vec![]).await, 10);
}

#[tokio::test]
async fn the_last_use_is_noted_once_a_minute() {
    let world = World::new().await;
    let ada = sign_up(&world, ADA, Belonging::Nowhere).await;
    let (_, secret, _) = key(&world, &ada).await;
    let last = async || {
        let used = number(&world, "SELECT last_used_at FROM api_keys", vec![]).await;
        Timestamp::from_micros(used)
    };
    let first = world.clock.now();
    assert_eq!(last().await, first);
    for (seconds, expected) in [(59, first), (1, first + 60 * SECOND)] {
        world.advance(seconds);
        api_keys::holder(&world.ctx, PREFIX, secret.expose()).await.unwrap().unwrap();
        assert_eq!(last().await, expected);
    }
}

#[tokio::test]
async fn a_key_is_refused_where_a_person_must_act() {
    let world = World::new().await;
    let ada = sign_up(&world, ADA, Belonging::Home).await;
    let (own, _, holder) = key(&world, &ada).await;
    enrol_totp(&world, &ada).await;
    let holder = sessions_of_key(&world, &holder).await;
    let refused = try_everything(&world, &holder, &own).await;
    let surprises: Vec<_> = refused.iter().filter(|(_, denied)| *denied != Denied::KeyRefused).collect();
    assert!(surprises.is_empty(), "{surprises:?}");
    assert!(again(&world, &ada).await.is_some(), "nothing happened");
}

/// The key's holder, read anew as the next request would.
async fn sessions_of_key(world: &World, holder: &sessions::SignedIn) -> sessions::SignedIn {
    let id = holder.session.id.clone();
    let read = move |tx: &mut Tx<'_>| tx.key_holder_by_id(id.as_str());
    world.ctx.store.read(read).await.unwrap().expect("a live key")
}

#[tokio::test]
async fn a_key_enrols_the_first_factor_and_no_other() {
    let world = World::new().await;
    let ada = sign_up(&world, ADA, Belonging::Nowhere).await;
    let (_, _, holder) = key(&world, &ada).await;
    let begin = |shape| Begin { backup_codes: shape, ..Begin::default() };
    let begun = enrol::begin_totp(&world.ctx, &nobody(), &holder, begin(None)).await.unwrap();
    let confirm = |uri: &str| Confirm {
        method: Method::Totp,
        code: Secret::new(world.totp(uri)),
        name: None,
        backup_codes: Some(Shape::Hex),
        handover: Handover::Token,
    };
    let confirmed = confirm(begun.uri.expose());
    let confirmed = enrol::confirm_code(&world.ctx, &nobody(), &holder, confirmed).await.unwrap();
    assert!(confirmed.rotated.is_none(), "no session comes of a key");
    assert_eq!(confirmed.backup_codes.len(), 10);
    assert!(again(&world, &ada).await.is_none(), "sessions that never showed it are over");
    assert_eq!(number(&world, "SELECT count(*) FROM sessions", vec![]).await, 0);
    let holder = sessions_of_key(&world, &holder).await;
    assert!(holder.second_factor_is_on);
    let second = enrol::begin_totp(&world.ctx, &nobody(), &holder, begin(None)).await;
    assert_eq!(denied(second), Denied::StaleSession);
    let mailed = BeginEmail { email: None, link: Default::default() };
    let mailed = enrol::begin_email(&world.ctx, &nobody(), &holder, mailed).await;
    assert!(matches!(denied(mailed), Denied::StaleSession | Denied::KeyRefused));
}

/// A link answers to the session that asked for it; a key is none.
#[tokio::test]
async fn a_key_does_not_mail_itself_a_factor() {
    let world = World::new().await;
    let ada = sign_up(&world, ADA, Belonging::Nowhere).await;
    let (_, _, holder) = key(&world, &ada).await;
    let mailed = BeginEmail { email: None, link: Default::default() };
    let mailed = enrol::begin_email(&world.ctx, &nobody(), &holder, mailed).await;
    assert_eq!(denied(mailed), Denied::KeyRefused);
}

/// Whoever holds a key begins an enrolment; the owner enrols something else first. The key's authenticator must
/// not come on top of it.
#[tokio::test]
async fn what_a_key_began_does_not_become_a_further_factor() {
    let world = World::new().await;
    let ada = sign_up(&world, ADA, Belonging::Nowhere).await;
    let (_, _, holder) = key(&world, &ada).await;
    let begun = enrol::begin_totp(&world.ctx, &nobody(), &holder, Begin::default()).await.unwrap();
    enrol::enable_email_code(&world.ctx, &nobody(), &ada, password()).await.unwrap();
    let holder = sessions_of_key(&world, &holder).await;
    let code = || Secret::new(world.totp(begun.uri.expose()));
    let confirm = Confirm {
        method: Method::Totp,
        code: code(),
        name: None,
        backup_codes: None,
        handover: Handover::Token,
    };
    let confirmed = enrol::confirm_code(&world.ctx, &nobody(), &holder, confirm).await;
    assert_eq!(denied(confirmed), Denied::StaleSession);
    let answerer = Answerer { session: Some(Holder::Seen(Box::new(holder))), ..Answerer::default() };
    let typed = Typed { method: Method::Totp, code: code() };
    let answered = challenge::answer(&world.ctx, &nobody(), answerer, (typed, Wishes::default())).await;
    assert_eq!(denied(answered), Denied::NotEnrolled(Method::Totp));
    let totp = "SELECT count(*) FROM authenticators WHERE method = 'totp' AND confirmed_at IS NOT NULL";
    assert_eq!(number(&world, totp, vec![]).await, 0);
}

/// Backup codes shown to whoever began an enrolment die with it: another begins anew without any (SEC-102).
#[tokio::test]
async fn codes_of_a_discarded_enrolment_are_not_activated_by_the_next() {
    let world = World::new().await;
    let ada = sign_up(&world, ADA, Belonging::Nowhere).await;
    let (_, _, holder) = key(&world, &ada).await;
    let with_codes = Begin { backup_codes: Some(Shape::Grouped), ..Begin::default() };
    let stolen = enrol::begin_totp(&world.ctx, &nobody(), &holder, with_codes).await.unwrap();
    assert_eq!(stolen.backup_codes.len(), 10);
    let begin = Begin { password: Some(password()), ..Begin::default() };
    let begun = enrol::begin_totp(&world.ctx, &nobody(), &ada, begin).await.unwrap();
    let code = Secret::new(world.totp(begun.uri.expose()));
    let confirm =
        Confirm { method: Method::Totp, code, name: None, backup_codes: None, handover: Handover::Nothing };
    enrol::confirm_code(&world.ctx, &nobody(), &ada, confirm).await.unwrap();
    assert_eq!(number(&world, "SELECT count(*) FROM backup_codes", vec![]).await, 0);
}

#[tokio::test]
async fn a_key_disables_and_renews_only_with_password_and_code() {
    let world = World::new().await;
    let ada = sign_up(&world, ADA, Belonging::Nowhere).await;
    let (_, _, holder) = key(&world, &ada).await;
    let (_, uri) = enrol_totp(&world, &ada).await;
    let holder = sessions_of_key(&world, &holder).await;
    let (ctx, from) = (&world.ctx, &nobody());
    let code = || Some(Typed::from_either(Secret::new(world.totp(&uri))));
    let wrong = || Some(Typed::from_either(Secret::from("000000")));
    let with = |password, code| Authority { password, code };
    for (authority, expected) in [
        (with(None, None), Denied::KeyRefused),
        (with(Some(password()), None), Denied::KeyRefused),
        (with(None, code()), Denied::PasswordRequired),
        (with(Some(Secret::from("a wrong password")), code()), Denied::WrongPassword),
        (with(Some(password()), wrong()), Denied::WrongCode(Method::Totp)),
    ] {
        let renewed = (authority.clone(), Shape::Hex);
        let renewed = authenticators::renew_backup_codes(ctx, from, &holder, renewed).await;
        assert_eq!(denied(renewed), expected);
        let removal = Removal { authority, ..Removal::default() };
        assert_eq!(denied(authenticators::remove(ctx, from, &holder, removal).await), expected);
    }
    let right = (with(Some(password()), code()), Shape::Hex);
    let codes = authenticators::renew_backup_codes(ctx, from, &holder, right).await.unwrap();
    assert_eq!(codes.len(), 10);
    let used = Removal { authority: with(Some(password()), code()), ..Removal::default() };
    let used = authenticators::remove(ctx, from, &holder, used).await;
    assert_eq!(denied(used), Denied::WrongCode(Method::Totp), "a code serves once");
    world.advance(30);
    let removal = Removal { authority: with(Some(password()), code()), ..Removal::default() };
    let minted = authenticators::remove(ctx, from, &holder, removal).await.unwrap();
    assert!(minted.is_none(), "no session comes of a key");
    assert_eq!(number(&world, "SELECT count(*) FROM sessions", vec![]).await, 0);
    let attempt = PasswordSignIn { email: ADA.to_owned(), password: password(), ..Default::default() };
    let come_in = sign_in::with_password(ctx, from, attempt).await.unwrap();
    let SignedInOrAsked::SignedIn { session, .. } = come_in else { panic!("nothing is left to ask") };
    assert_eq!(session.session.scope, Scope::Full);
}
