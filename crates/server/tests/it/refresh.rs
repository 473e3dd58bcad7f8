//! Refresh tokens: each is good once, and one that comes back ends its session (SEC-077, SEC-088).

use std::time::Duration;

use countersign::{
    operations::{
        accounts::{self, PasswordChange},
        organisations::{self, Belonging, RuleChange},
        sessions::{self, Handover, Refreshed, Renewal, SignedIn},
        tokens::{self, Wire},
    },
    store::Tx,
};
use countersign_core::{
    denied::Denied,
    secret::Secret,
    session::{Reach, SPENT_TOKENS_MAX, Scope},
    time::DAY,
};
use serde_json::Map;

use crate::{
    people::{again, at_once, denied, enrol_totp, nobody, number, password, sign_in, sign_up_with},
    world::World,
};

const ADA: &str = "ada@example.com";
const ONE: Wire = Wire { name: "one", lifetime: Duration::from_secs(900) };
const OTHER: Wire = Wire { name: "other", lifetime: Duration::from_secs(900) };

async fn ada(world: &World) -> (SignedIn, Secret<String>) {
    let belonging = (Belonging::Home, Handover::Refresh(ONE));
    let (who, minted) = sign_up_with(&world.ctx, ADA, belonging).await.unwrap();
    (who, minted.token)
}

async fn refresh(world: &World, token: &Secret<String>) -> Refreshed {
    sessions::refresh(&world.ctx, &nobody(), ONE, token.expose()).await.unwrap()
}

async fn refused(world: &World, wire: Wire, token: &Secret<String>) {
    let answer = sessions::refresh(&world.ctx, &nobody(), wire, token.expose()).await;
    assert_eq!(denied(answer), Denied::RefreshRefused);
}

async fn stolen(world: &World) -> i64 {
    number(world, "SELECT count(*) FROM events WHERE kind = 'session.stolen'", vec![]).await
}

#[tokio::test]
async fn a_token_is_exchanged_for_the_next() {
    let world = World::new().await;
    let (who, mut token) = ada(&world).await;
    for _ in 0..3 {
        let fresh = refresh(&world, &token).await;
        assert_eq!(fresh.who.session.id, who.session.id);
        assert_ne!(fresh.token.expose(), token.expose());
        token = fresh.token;
    }
    world.clock.advance(7 * DAY);
    refused(&world, ONE, &token).await;
    assert_eq!(stolen(&world).await, 0, "what has expired was not stolen");
}

#[tokio::test]
async fn a_token_that_comes_back_ends_its_session_and_no_other() {
    let world = World::new().await;
    let (who, first) = ada(&world).await;
    let (elsewhere, _) = sign_in(&world.ctx, ADA, Handover::Refresh(ONE)).await;
    let second = refresh(&world, &first).await.token;
    let third = refresh(&world, &second).await.token;
    refused(&world, ONE, &first).await;
    assert!(again(&world, &who).await.is_none() && again(&world, &elsewhere).await.is_some());
    for token in [&first, &second, &third] {
        refused(&world, ONE, token).await;
    }
    assert_eq!(stolen(&world).await, 1);
    let mail = world.mail().await;
    assert!(mail.iter().any(|letter| letter.to.contains(ADA)), "the owner hears of it");
}

#[tokio::test]
async fn a_token_is_for_its_own_wire_and_is_no_session_token() {
    let world = World::new().await;
    let (who, token) = ada(&world).await;
    refused(&world, OTHER, &token).await;
    let as_session = sessions::current(&world.ctx, token.expose(), Renewal::No, Reach::Enrolment).await;
    assert!(as_session.unwrap().is_none());
    let (_, minted) = sign_in(&world.ctx, ADA, Handover::Token).await;
    refused(&world, ONE, &minted.token).await;
    assert!(again(&world, &who).await.is_some(), "nothing was ended");
    refresh(&world, &token).await;
}

#[tokio::test]
async fn what_the_organisation_asks_meanwhile_holds_from_the_next_refresh() {
    let world = World::new().await;
    let (owner, token) = ada(&world).await;
    let change = RuleChange { second_factor_required: Some(true), methods: None, ..RuleChange::default() };
    organisations::change_rules(&world.ctx, &nobody(), &owner, change).await.unwrap();
    assert_eq!(again(&world, &owner).await.unwrap().session.scope, Scope::Full, "until then");
    let fresh = refresh(&world, &token).await;
    assert_eq!(fresh.who.session.scope, Scope::Enrolment);
    let access = tokens::access(&world.ctx, ONE, &fresh.who, Map::new()).unwrap();
    let reach = async |reach| tokens::holder(&world.ctx, ONE, access.expose(), reach).await;
    assert_eq!(denied(reach(Reach::Everything).await), Denied::EnrolmentDue);
    assert!(reach(Reach::Enrolment).await.unwrap().is_some());
    enrol_totp(&world, &fresh.who).await;
    assert_eq!(refresh(&world, &fresh.token).await.who.session.scope, Scope::Full);
}

#[tokio::test]
async fn an_access_token_is_dead_as_soon_as_its_session_is() {
    let world = World::new().await;
    let (who, token) = ada(&world).await;
    let holds = async |access: &Secret<String>, wire| {
        tokens::holder(&world.ctx, wire, access.expose(), Reach::Everything).await.unwrap().is_some()
    };
    let access = tokens::access(&world.ctx, ONE, &who, Map::new()).unwrap();
    assert!(holds(&access, ONE).await && !holds(&access, OTHER).await);
    let pending = tokens::pending(&world.ctx, ONE, (&who.user, &Secret::from("x")), Map::new()).unwrap();
    assert!(!holds(&pending, ONE).await, "a question is no answer (SEC-086)");
    assert!(tokens::challenge_in(&world.ctx, ONE, access.expose()).is_none());
    assert!(!holds(&Secret::new(tokens::mint(&world.ctx, &who).unwrap()), ONE).await);
    sessions::sign_out(&world.ctx, &nobody(), token.expose(), Handover::Refresh(ONE)).await.unwrap();
    assert!(!holds(&access, ONE).await);
    refused(&world, ONE, &token).await;

    let (who, minted) = sign_in(&world.ctx, ADA, Handover::Refresh(ONE)).await;
    let access = tokens::access(&world.ctx, ONE, &who, Map::new()).unwrap();
    let change = PasswordChange {
        current: password(),
        new: Secret::from("quite another password"),
        revoke_other_sessions: true,
        handover: Handover::Refresh(ONE),
        ..PasswordChange::default()
    };
    let changed = accounts::change_password(&world.ctx, &nobody(), &who, change).await.unwrap();
    assert!(!holds(&access, ONE).await);
    refused(&world, ONE, &minted.token).await;
    refresh(&world, &changed.session.unwrap().token).await;
}

/// One of sixty-four gets the next token. The others came with a spent one, and nobody knows who they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_refreshes_at_once_one_is_answered() {
    let world = World::new().await;
    let (who, _) = ada(&world).await;
    for round in 1..=20 {
        let (_, minted) = sign_in(&world.ctx, ADA, Handover::Refresh(ONE)).await;
        let answers = at_once(&world, 64, |ctx, _| {
            let token = minted.token.clone();
            async move { sessions::refresh(&ctx, &nobody(), ONE, token.expose()).await }
        });
        let (mut told, others): (Vec<_>, Vec<_>) = answers.await.into_iter().partition(Result::is_ok);
        assert_eq!((told.len(), others.len()), (1, 63));
        for no in others {
            assert_eq!(denied(no), Denied::RefreshRefused);
        }
        assert_eq!(stolen(&world).await, round);
        refused(&world, ONE, &told.remove(0).unwrap().token).await;
        let left = "SELECT count(*) FROM spent_refresh_tokens";
        assert_eq!(number(&world, left, vec![]).await, 0);
    }
    assert!(again(&world, &who).await.is_some());
}

/// However often somebody refreshes, what is remembered of it stays bounded.
#[tokio::test]
async fn spent_tokens_do_not_pile_up() {
    let world = World::new().await;
    let (who, mut token) = ada(&world).await;
    let remembered = SPENT_TOKENS_MAX as i64;
    let fill = move |tx: &mut Tx<'_>| {
        let sql = "INSERT INTO spent_refresh_tokens (digest, session_id, spent_at) VALUES ($1, $2, $3)";
        (0..remembered).try_for_each(|number| {
            let digest = number.to_be_bytes().to_vec();
            tx.execute(sql, &[digest.into(), (&who.session.id).into(), number.into()]).map(|_| ())
        })
    };
    world.ctx.store.write(fill).await.unwrap();
    for _ in 0..5 {
        token = refresh(&world, &token).await.token;
    }
    let kept = "SELECT count(*) FROM spent_refresh_tokens WHERE spent_at >= 5";
    assert_eq!(number(&world, kept, vec![]).await, remembered, "the oldest went");
}
