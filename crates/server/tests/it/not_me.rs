//! "This was not me": what the link of a notice ends, what it leaves, and that it does so once.

use countersign::{
    operations::{
        emails::{self, EmailChange, LinkShape},
        not_me,
        organisations::Belonging,
        recovery::{self, Asked, Held},
    },
    store::Purpose,
};
use countersign_core::{
    denied::Denied,
    recovery::State,
    time::{DAY, MINUTE},
};
use serde_json::json;

use crate::{
    people::{again, at_once, denied, enrol_totp, key, nobody, number, sign_up},
    world::{PASSWORD, World},
};

const ADA: &str = "ada@example.com";
const PAGE: &str = "/not-me?token=";

/// The link of the newest notice to this address.
async fn way_out(world: &World, email: &str) -> String {
    format!("{PAGE}{}", world.mailed_token(email, PAGE).await)
}

async fn left(world: &World, sql: &'static str) -> i64 {
    number(world, sql, vec![]).await
}

#[tokio::test]
async fn whoever_reads_a_notice_ends_everything_but_the_second_factors() {
    let world = World::new().await;
    let who = sign_up(&world, ADA, Belonging::Nowhere).await;
    let (_, secret, _) = key(&world, &who).await;
    enrol_totp(&world, &who).await;
    let link = way_out(&world, ADA).await;
    let mut stranger = world.browser();
    let page = stranger.get(&link).await.expect(200);
    assert!(page.body.as_str().unwrap().contains("Your second factors stay."));
    assert!(again(&world, &who).await.is_some(), "looking ended something");

    let (_, token) = link.split_once('=').unwrap();
    let done = stranger.submit("/not-me", &[("token", token)]).await.expect(200);
    assert!(done.body.as_str().unwrap().contains("Nobody is signed in any more"));
    for sql in [
        "SELECT COUNT(*) FROM sessions",
        "SELECT COUNT(*) FROM trusted_devices",
        "SELECT COUNT(*) FROM api_keys",
        "SELECT COUNT(*) FROM links WHERE used_at IS NULL",
        "SELECT COUNT(*) FROM users WHERE password IS NOT NULL",
    ] {
        assert_eq!(left(&world, sql).await, 0, "{sql}");
    }
    assert_eq!(left(&world, "SELECT COUNT(*) FROM authenticators").await, 1);
    assert!(left(&world, "SELECT COUNT(*) FROM backup_codes").await > 0);
    assert_eq!(
        left(&world, "SELECT COUNT(*) FROM events WHERE kind = 'user.everything_ended'").await,
        1,
        "the journal knows"
    );
    let key = countersign::operations::api_keys::holder(&world.ctx, crate::people::PREFIX, secret.expose());
    assert!(key.await.unwrap().is_none());
    stranger.submit("/sign-in", &[("email", ADA), ("password", PASSWORD)]).await.expect(401);

    // Once; and the mail about it has no such link.
    stranger.submit("/not-me", &[("token", token)]).await.expect(410);
    stranger.get(&link).await.expect(410);
    let letter = world.mail().await.remove(0);
    assert!(
        letter.subject.contains("Everybody was signed out") && !letter.text.contains("http"),
        "{letter:?}"
    );

    // The owner sets a new password by mail, and is asked for the second step as before.
    stranger.submit("/password", &[("email", ADA)]).await.expect(200);
    let token = world.mailed_token(ADA, "/password/set?token=").await;
    let new = "a quite different staple";
    stranger.submit("/password/set", &[("token", &token), ("password", new)]).await.expect(200);
    let asked = stranger.submit("/sign-in", &[("email", ADA), ("password", new)]).await.expect(303);
    assert!(asked.location().starts_with("/challenge"));
}

#[tokio::test]
async fn what_was_on_its_way_ends_too() {
    let world = World::new().await;
    let who = sign_up(&world, ADA, Belonging::Nowhere).await;
    // A thief of the session wants the address changed; the one who has it is told.
    let wish = EmailChange {
        new_email: "eve@example.com",
        link: LinkShape { before: "/verify-email?token=".to_owned(), ..LinkShape::default() },
    };
    emails::request_change(&world.ctx, &nobody(), &who, wish).await.unwrap();
    let change = world.mailed_token("eve@example.com", "/verify-email?token=").await;
    enrol_totp(&world, &who).await;
    let (id, now) = (who.user.id.clone(), world.clock.now());
    world.ctx.store.write(move |tx| tx.verify_email(&id, ADA, now)).await.unwrap();
    recovery::request(&world.ctx, &nobody(), Asked::Address(ADA)).await.unwrap();
    let begin = world.mailed_token(ADA, "/recovery/begin?token=").await;
    let begun = recovery::begin(&world.ctx, &nobody(), &begin).await.unwrap();

    let reply = world
        .browser()
        .post("/v1/account/not-me", json!({ "token": world.mailed_token(ADA, PAGE).await }))
        .await
        .expect(200);
    assert_eq!(reply.body, json!({ "password_removed": true }));
    assert_eq!(denied(emails::open(&world.ctx, &nobody(), &change).await), Denied::LinkInvalid);
    let standing = recovery::status(&world.ctx, Held::Claim(begun.claim.expose())).await.unwrap();
    assert_eq!(standing.state, State::Vetoed);
}

#[tokio::test]
async fn from_an_address_given_up_sessions_end_and_the_password_stays() {
    let world = World::new().await;
    let who = sign_up(&world, ADA, Belonging::Nowhere).await;
    let wish = EmailChange {
        new_email: "new@example.com",
        link: LinkShape { before: "/verify-email?token=".to_owned(), ..LinkShape::default() },
    };
    emails::request_change(&world.ctx, &nobody(), &who, wish).await.unwrap();
    let old = world.mailed_token(ADA, PAGE).await;
    let change = world.mailed_token("new@example.com", "/verify-email?token=").await;
    emails::open(&world.ctx, &nobody(), &change).await.unwrap();
    let ended = not_me::end_everything(&world.ctx, &nobody(), &old).await.unwrap();
    assert!(!ended.password_too);
    assert_eq!(left(&world, "SELECT COUNT(*) FROM sessions").await, 0);
    assert_eq!(left(&world, "SELECT COUNT(*) FROM users WHERE password IS NOT NULL").await, 1);
}

#[tokio::test]
async fn the_link_is_good_for_a_week_and_for_nothing_else() {
    let world = World::new().await;
    let who = sign_up(&world, ADA, Belonging::Nowhere).await;
    enrol_totp(&world, &who).await;
    let token = world.mailed_token(ADA, PAGE).await;
    for purpose in Purpose::ALL {
        let opens = emails::would_open(&world.ctx, &token, purpose).await.unwrap();
        assert_eq!(opens, purpose == Purpose::NotMe, "{purpose:?}");
    }
    world.advance((7 * DAY - MINUTE).as_secs());
    assert!(emails::would_open(&world.ctx, &token, Purpose::NotMe).await.unwrap());
    world.advance(MINUTE.as_secs());
    assert_eq!(denied(not_me::end_everything(&world.ctx, &nobody(), &token).await), Denied::LinkExpired);
    world.browser().get(&format!("{PAGE}nonsense")).await.expect(410);
}

/// SEC-022: of 64 that follow one link at once, on both nodes, one ends it all.
#[tokio::test(flavor = "multi_thread")]
async fn of_sixty_four_with_one_link_one_ends_it_all() {
    let world = World::new().await;
    for round in 0..4 {
        let email = format!("racer{round}@example.com");
        let who = sign_up(&world, &email, Belonging::Nowhere).await;
        enrol_totp(&world, &who).await;
        let token = world.mailed_token(&email, PAGE).await;
        let ended = at_once(&world, 64, |ctx, _| {
            let token = token.clone();
            async move { not_me::end_everything(&ctx, &nobody(), &token).await.is_ok() }
        })
        .await;
        assert_eq!(ended.into_iter().filter(|ended| *ended).count(), 1, "round {round}");
    }
    assert_eq!(left(&world, "SELECT COUNT(*) FROM events WHERE kind = 'user.everything_ended'").await, 4);
}
