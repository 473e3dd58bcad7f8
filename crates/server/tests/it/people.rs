//! People who act through operations, for what no dialect in these tests has a route to.

use std::{future::Future, sync::Arc, time::Duration};

use countersign::{
    ctx::Ctx,
    operations::{
        Outcome, Stop, accounts,
        accounts::{Farewell, PasswordChange, ProfileChange},
        api_keys::{self, KeyChange, NewKey},
        authenticators::{self, Authority, Removal},
        emails::{self, EmailChange, LinkShape},
        enrol::{self, Begin, Confirm, Confirmed},
        organisations::{self, Belonging, Reset, RuleChange},
        sessions::{self, Handover, Minted, SignedIn},
        sign_in::{self, PasswordSignIn, SignUp, SignedInOrAsked},
        trusted_devices,
    },
    store::{Tx, Value},
};
use countersign_core::{
    api_key::{self, ApiKey},
    backup_code::Shape,
    denied::Denied,
    method::Method,
    secret::Secret,
    session::{Scope, Visitor},
    time::Timestamp,
};
use tokio::sync::Barrier;

use crate::world::{PASSWORD, World};

pub const PREFIX: &str = "sb_";

pub fn nobody() -> Visitor {
    Visitor::default()
}

pub fn password() -> Secret<String> {
    Secret::from(PASSWORD)
}

/// Why not.
#[track_caller]
pub fn denied<T>(outcome: Outcome<T>) -> Denied {
    match outcome {
        Err(Stop::Denied(denied)) => denied,
        Err(Stop::Fault(fault)) => panic!("a fault: {fault}"),
        Ok(_) => panic!("this should have been refused"),
    }
}

/// Signs somebody up.
pub async fn sign_up(world: &World, email: &str, belonging: Belonging) -> SignedIn {
    let (who, _) = sign_up_with(&world.ctx, email, (belonging, Handover::Token)).await.unwrap();
    who
}

pub async fn sign_up_with(
    ctx: &Ctx,
    email: &str,
    (belonging, handover): (Belonging, Handover),
) -> Outcome<(SignedIn, Minted)> {
    let new = SignUp {
        name: "Ada Lovelace".to_owned(),
        email: email.to_owned(),
        password: password(),
        remember: true,
        belonging,
        handover,
        ..SignUp::default()
    };
    let done = sign_in::sign_up(ctx, &nobody(), new).await?;
    let minted = done.session.expect("a session");
    let session = minted.session.clone();
    Ok((SignedIn { session, user: done.user, second_factor_is_on: false }, minted))
}

/// The first factor; a session is all that may come of it.
pub async fn sign_in(ctx: &Ctx, email: &str, handover: Handover) -> (SignedIn, Minted) {
    let attempt =
        PasswordSignIn { email: email.to_owned(), password: password(), handover, ..Default::default() };
    match sign_in::with_password(ctx, &nobody(), attempt).await.unwrap() {
        SignedInOrAsked::SignedIn { user, second_factor_is_on, session, .. } => {
            (SignedIn { session: session.session.clone(), user, second_factor_is_on }, session)
        }
        SignedInOrAsked::Asked(_) => panic!("a second step was asked for"),
    }
}

/// Enrols a TOTP authenticator; the session goes on as it is called. The clock moves on a step.
pub async fn enrol_totp(world: &World, who: &SignedIn) -> (Confirmed, String) {
    let begin = Begin { password: Some(password()), ..Begin::default() };
    let begun = enrol::begin_totp(&world.ctx, &nobody(), who, begin).await.unwrap();
    let confirm = Confirm {
        method: Method::Totp,
        code: Secret::new(world.totp(begun.uri.expose())),
        name: None,
        backup_codes: Some(Shape::Grouped),
        handover: Handover::Nothing,
    };
    let confirmed = enrol::confirm_code(&world.ctx, &nobody(), who, confirm).await.unwrap();
    world.advance(30);
    (confirmed, begun.uri.expose().clone())
}

pub fn key_of_a_day(name: &str) -> NewKey {
    NewKey {
        prefix: PREFIX,
        name: name.to_owned(),
        organisation_id: None,
        scopes: "[]".to_owned(),
        expires_at: None,
        lifetime: Duration::from_secs(24 * 60 * 60),
    }
}

/// Makes a key, and whoever shows it.
pub async fn key(world: &World, who: &SignedIn) -> (ApiKey, Secret<String>, SignedIn) {
    let (key, secret) = api_keys::create(&world.ctx, &nobody(), who, key_of_a_day("ci")).await.unwrap();
    let holder = api_keys::holder(&world.ctx, PREFIX, secret.expose()).await.unwrap().expect("a holder");
    assert_eq!(holder.session.scope, Scope::Key);
    (key, secret, holder)
}

/// The person as the store has them now, under the same session.
pub async fn again(world: &World, who: &SignedIn) -> Option<SignedIn> {
    let id = who.session.id.clone();
    world.ctx.store.read(move |tx: &mut Tx<'_>| tx.signed_in_by_id(&id)).await.unwrap()
}

pub async fn number(world: &World, sql: &'static str, values: Vec<Value>) -> i64 {
    let read = move |tx: &mut Tx<'_>| tx.row(sql, &values, |row| row.get(0));
    world.ctx.store.read(read).await.unwrap().unwrap()
}

/// Everything that asks for a person who may do everything, tried by somebody who may not.
pub async fn try_everything(world: &World, who: &SignedIn, own: &ApiKey) -> Vec<(&'static str, Denied)> {
    let (ctx, from) = (&world.ctx, &nobody());
    let typed = || Authority::password(password());
    let profile = ProfileChange { name: Some("Eve".to_owned()), ..ProfileChange::default() };
    let new = PasswordChange {
        current: password(),
        new: Secret::from("a better password"),
        ..PasswordChange::default()
    };
    let farewell = Farewell { password: Some(password()), ..Farewell::default() };
    let wish = EmailChange { new_email: "eve@example.com", link: LinkShape::default() };
    let rules = RuleChange { second_factor_required: Some(false), methods: None, ..RuleChange::default() };
    let reset = Reset { user: who.user.id.clone(), require: None, reason: None };
    let removal = Removal { authority: typed(), ..Removal::default() };
    let key = key_of_a_day("another");
    let changed = (own.clone(), KeyChange::default());
    let (id, device) = (&who.session.id, &"x".to_owned().into());
    vec![
        ("update", denied(accounts::update(ctx, from, who, profile).await)),
        ("change password", denied(accounts::change_password(ctx, from, who, new).await)),
        ("delete", denied(accounts::delete(ctx, from, who, farewell).await)),
        ("confirm deletion", denied(accounts::confirm_delete(ctx, from, who, "x").await)),
        ("change address", denied(emails::request_change(ctx, from, who, wish).await)),
        ("create key", denied(api_keys::create(ctx, from, who, key).await)),
        ("change key", denied(api_keys::change(ctx, from, who, changed).await)),
        ("regenerate key", denied(api_keys::regenerate(ctx, from, who, own).await)),
        ("revoke key", denied(api_keys::revoke(ctx, from, who, &own.id).await)),
        ("rules", denied(organisations::change_rules(ctx, from, who, rules).await)),
        ("reset", denied(organisations::reset_member(ctx, from, who, reset).await)),
        ("list sessions", denied(sessions::list(ctx, who).await)),
        ("revoke session", denied(sessions::revoke(ctx, from, who, "x").await)),
        ("revoke sessions", denied(sessions::revoke_all(ctx, from, who, false).await)),
        ("keep alive", denied(sessions::keep_alive(ctx, who, id).await)),
        ("list devices", denied(trusted_devices::list(ctx, who).await)),
        ("revoke device", denied(trusted_devices::revoke(ctx, from, who, device).await)),
        ("prefer", denied(authenticators::prefer(ctx, who, Method::Totp).await)),
        ("reveal", denied(authenticators::reveal_totp(ctx, from, who, password()).await)),
        (
            "renew codes",
            denied(authenticators::renew_backup_codes(ctx, from, who, (typed(), Shape::Grouped)).await),
        ),
        ("remove", denied(authenticators::remove(ctx, from, who, removal).await)),
    ]
}

/// Everybody at the same moment, half of them on each node; the answers in the order of the askers.
pub async fn at_once<T, F, Fut>(world: &World, callers: usize, ask: F) -> Vec<T>
where
    T: Send + 'static,
    F: Fn(Arc<Ctx>, usize) -> Fut,
    Fut: Future<Output = T> + Send + 'static,
{
    let nodes = [Arc::clone(&world.ctx), world.second_ctx().await];
    let barrier = Arc::new(Barrier::new(callers));
    let mut tasks = Vec::new();
    for caller in 0..callers {
        let (barrier, asking) = (Arc::clone(&barrier), ask(Arc::clone(&nodes[caller % 2]), caller));
        tasks.push(tokio::spawn(async move {
            barrier.wait().await;
            asking.await
        }));
    }
    let mut answers = Vec::with_capacity(callers);
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

pub fn in_a(span: Duration, world: &World) -> Timestamp {
    world.clock.now() + span
}

pub const YEAR: Duration = api_key::LIFETIME_MAX;
