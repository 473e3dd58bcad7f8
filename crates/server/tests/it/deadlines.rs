//! A second factor that is required from a day on: who is told and when, what can be put off, and what holds then.

use countersign::operations::{
    housekeeping,
    organisations::{self, Belonging, RuleChange},
    sessions::SignedIn,
};
use countersign_core::time::{DAY, Timestamp};
use serde_json::json;

use crate::{
    administration::{BOSS, signed_in, text},
    people::{at_once, enrol_totp, nobody, number, sign_up},
    world::{Browser, PASSWORD, World},
};

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";
const PASSED: &str = "SELECT COUNT(*) FROM events WHERE detail LIKE '%deadline%' AND user_id IS NOT NULL";

/// An owner and a member without a second factor, and a member with one.
async fn town(world: &World) -> SignedIn {
    let boss = sign_up(world, BOSS, Belonging::FirstAtHome).await;
    sign_up(world, ADA, Belonging::Home).await;
    let bob = sign_up(world, BOB, Belonging::Home).await;
    enrol_totp(world, &bob).await;
    boss
}

async fn require(world: &World, boss: &SignedIn, days: u32) -> Timestamp {
    let from = world.clock.now() + days * DAY;
    let change = RuleChange { required_from: Some(from), ..RuleChange::default() };
    let rules = organisations::change_rules(&world.ctx, &nobody(), boss, change).await.unwrap();
    assert!(!rules.second_factor_required && rules.required_from == Some(from));
    from
}

/// To whom letters about a deadline went.
async fn told(world: &World) -> Vec<String> {
    let mail = world.mail().await;
    let due = mail.into_iter().filter(|letter| letter.subject.contains("needs a second factor from"));
    due.map(|letter| letter.to).collect()
}

async fn tick(world: &World, days: u64) {
    world.advance(days * DAY.as_secs());
    housekeeping::purge(&world.ctx).await.unwrap();
}

async fn knock(browser: &mut Browser, email: &str) -> String {
    let fields = [("email", email), ("password", PASSWORD)];
    browser.submit("/sign-in", &fields).await.expect(303).location().to_owned()
}

#[tokio::test]
async fn members_are_told_may_put_it_off_and_are_stopped_on_the_day() {
    let world = World::new().await;
    let boss = town(&world).await;
    let from = require(&world, &boss, 10).await;
    let day = from.to_iso()[..10].to_owned();

    // Until then it is said at the door and on the account, and can be put off.
    let mut ada = world.browser();
    assert_eq!(knock(&mut ada, ADA).await, "/account/due?return_to=%2Faccount");
    let page = ada.get("/account/due?return_to=%2Faccount").await.expect(200);
    assert!(text(&page).contains(&format!("From {day} on, Acme MFA requires")), "{}", text(&page));
    assert!(text(&ada.get("/account").await.expect(200)).contains(&format!("From {day} on")));
    let factors = ada.get("/v1/authenticators").await.expect(200);
    assert_eq!(
        (&factors.body["required"], &factors.body["required_from"]),
        (&json!(false), &json!(from.to_iso()))
    );
    let mut bob = world.browser();
    assert!(knock(&mut bob, BOB).await.starts_with("/challenge?"));

    // Mail goes in the week before and on the day before, to whoever lacks one.
    tick(&world, 2).await;
    assert!(told(&world).await.is_empty());
    tick(&world, 1).await;
    tick(&world, 1).await;
    let mut first = told(&world).await;
    first.sort();
    assert_eq!(first, [ADA, BOSS]);
    tick(&world, 5).await;
    assert_eq!(told(&world).await.len(), 4);
    knock(&mut ada, ADA).await;
    ada.get("/account").await.expect(200);

    // On the day the rule holds, also for sessions that are open.
    tick(&world, 1).await;
    assert_eq!(told(&world).await.len(), 4);
    assert_eq!(ada.get("/account").await.expect(303).location(), "/account/totp");
    assert_eq!(knock(&mut world.browser(), ADA).await, "/account/totp");
    assert_eq!(number(&world, PASSED, vec![]).await, 1);
    tick(&world, 1).await;
    assert_eq!(number(&world, PASSED, vec![]).await, 1);
}

/// Whoever enrols on the way is led on to where they were going, and nowhere else.
#[tokio::test]
async fn enrolling_is_a_detour_and_not_the_end() {
    let world = World::new().await;
    let boss = town(&world).await;
    require(&world, &boss, 10).await;
    let mut ada = world.browser();
    let fields = [("email", ADA), ("password", PASSWORD), ("return_to", "/recovery?from=mail")];
    let due = ada.submit("/sign-in", &fields).await.expect(303);
    assert!(due.location().starts_with("/account/due?return_to="));
    let page = ada.get("/account/totp").await.expect(200);
    let (_, after) = text(&page).split_once("href=\"otpauth").unwrap();
    let uri = format!("otpauth{}", after.split('"').next().unwrap()).replace("&#38;", "&");
    let sheet = ada.submit("/account/totp", &[("code", &world.totp(&uri))]).await.expect(200);
    assert!(text(&sheet).contains("action=\"/account/go-on\""));
    let mut stranger = world.browser();
    stranger.jar.insert("countersign-onward".to_owned(), "https%3A%2F%2Fevil.example%2F".to_owned());
    assert_eq!(stranger.submit("/account/go-on", &[]).await.expect(303).location(), "/account");
    assert_eq!(ada.submit("/account/go-on", &[]).await.expect(303).location(), "/recovery?from=mail");
    assert_eq!(ada.submit("/account/go-on", &[]).await.expect(303).location(), "/account");
}

#[tokio::test]
async fn a_deadline_is_moved_taken_back_and_never_in_the_past() {
    let world = World::new().await;
    let boss = town(&world).await;
    require(&world, &boss, 5).await;
    tick(&world, 0).await;
    assert_eq!(told(&world).await.len(), 2);
    // A new one is another matter, and is told of anew.
    require(&world, &boss, 6).await;
    tick(&world, 0).await;
    assert_eq!(told(&world).await.len(), 4);

    let change = async |change: RuleChange| {
        organisations::change_rules(&world.ctx, &nobody(), &boss, change).await.unwrap()
    };
    // Another rule leaves it alone; saying no takes it back.
    let methods =
        RuleChange { methods: Some(countersign_core::method::Methods::default()), ..RuleChange::default() };
    assert!(change(methods).await.required_from.is_some());
    let off = RuleChange { second_factor_required: Some(false), ..RuleChange::default() };
    assert!(change(off).await.required_from.is_none());
    tick(&world, 0).await;
    assert_eq!(knock(&mut world.browser(), ADA).await, "/account");
    let past = Some(world.clock.now() - DAY);
    assert!(change(RuleChange { required_from: past, ..RuleChange::default() }).await.second_factor_required);
}

#[tokio::test]
async fn administrators_choose_the_day_and_see_whom_it_would_stop() {
    let world = World::new().await;
    town(&world).await;
    let mut boss = signed_in(&world, BOSS).await;
    let day = (world.clock.now() + 20 * DAY).to_iso()[..10].to_owned();
    let all = "&method_totp=on&method_passkey=on&method_sms_code=on&method_email_code=on";
    let asked = boss.get(&format!("/admin/policy?form=on&required=on&from={day}{all}")).await.expect(200);
    assert!(text(&asked).contains(&format!("From {day} on this would stop 2 of 3")), "{}", text(&asked));
    let fields = [("form", "on"), ("required", "on"), ("from", &*day), ("method_totp", "on")];
    boss.submit("/admin/policy", &fields).await.expect(303);
    let now = boss.get("/admin/policy").await.expect(200);
    assert!(text(&now).contains(&format!("value=\"{day}\"")), "{}", text(&now));
    assert!(text(&boss.get("/account").await.expect(200)).contains(&format!("From {day} on")));

    let own = boss.get("/v1/organisations").await.expect(200);
    let own = &own.body["organisations"][0];
    assert_eq!(own["second_factor_required_from"], format!("{day}T00:00:00.000Z"));
}

/// Of two nodes whose timers ring at once, one tells each member, and one lets the deadline pass.
#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_tell_each_member_once() {
    let world = World::new().await;
    let boss = town(&world).await;
    require(&world, &boss, 1).await;
    at_once(&world, 16, |ctx, _| async move { housekeeping::purge(&ctx).await.unwrap() }).await;
    assert_eq!(told(&world).await.len(), 2);
    world.advance(DAY.as_secs());
    at_once(&world, 16, |ctx, _| async move { housekeeping::purge(&ctx).await.unwrap() }).await;
    assert_eq!(number(&world, PASSED, vec![]).await, 1);
}
