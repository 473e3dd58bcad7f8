//! The administrators' pages: whom they show, what a forecast foretells, and how far each role reaches.

use countersign::{
    operations::{
        organisations::Belonging,
        service::{self, Described, NewServiceKey},
    },
    store::Tx,
};
use countersign_core::{organisation::Role, service::Wanted, session::Visitor};
use serde_json::json;

use crate::{
    people::sign_up,
    world::{Browser, PASSWORD, Reply, World},
};

pub const BOSS: &str = "boss@example.com";
pub const DESK: &str = "desk@example.com";
pub const ADA: &str = "ada@example.com";

pub fn text(page: &Reply) -> &str {
    page.body.as_str().unwrap_or_else(|| panic!("no page: {page:#?}"))
}

pub async fn signed_in(world: &World, email: &str) -> Browser {
    let mut browser = world.browser();
    browser.submit("/sign-in", &[("email", email), ("password", PASSWORD)]).await.expect(303);
    browser
}

async fn give(world: &World, email: &'static str, role: Role) {
    let write = move |tx: &mut Tx<'_>| {
        let user = tx.user_by_email(email)?.expect("an account");
        let place = tx.memberships(&user.id)?.remove(0);
        tx.set_role(&place.organisation.id, &user.id, role)
    };
    world.ctx.store.write(write).await.unwrap();
}

async fn id_of(world: &World, email: &'static str) -> String {
    let user = world.ctx.store.read(move |tx| tx.user_by_email(email)).await.unwrap();
    user.expect("an account").id.to_string()
}

/// A server with an owner, somebody at its helpdesk, and a member; and a stranger beside them.
pub async fn town() -> World {
    let world = World::new().await;
    sign_up(&world, BOSS, Belonging::FirstAtHome).await;
    for email in [DESK, ADA] {
        sign_up(&world, email, Belonging::Home).await;
    }
    sign_up(&world, "eve@example.com", Belonging::Nowhere).await;
    give(&world, DESK, Role::Helpdesk).await;
    world
}

#[tokio::test]
async fn people_are_seen_searched_and_reset_with_a_reason() {
    let world = town().await;
    let mut boss = signed_in(&world, BOSS).await;
    assert!(text(&boss.get("/account").await.expect(200)).contains("href=\"/admin\""));
    let overview = boss.get("/admin").await.expect(200);
    assert!(text(&overview).contains("0 of 3 have a second factor (0 %)"), "{}", text(&overview));
    assert!(text(&overview).contains("<svg class=\"chart\""));
    let people = boss.get("/admin/people").await.expect(200);
    assert!(text(&people).contains(ADA) && !text(&people).contains("eve@"));
    let found = boss.get("/admin/people?q=ADA%40").await.expect(200);
    assert!(text(&found).contains(ADA) && !text(&found).contains(DESK));
    let none = boss.get("/admin/people?q=%25").await.expect(200);
    assert!(text(&none).contains("Nobody fits"), "a wildcard is a character");

    let page = format!("/admin/people/{}", id_of(&world, ADA).await);
    assert!(text(&boss.get(&page).await.expect(200)).contains("user.signed_up"));
    let reset = format!("{page}/reset");
    let why = boss.submit(&reset, &[("reason", "  ")]).await.expect(400);
    assert!(text(&why).contains("Say why"));
    let done = boss.submit(&reset, &[("reason", "called in, knew the ticket")]).await.expect(303);
    assert_eq!(done.location(), page);
    let journal = boss.get("/admin/journal?kind=second_factor").await.expect(200);
    assert!(text(&journal).contains("called in, knew the ticket"), "{}", text(&journal));
    // A stranger's page does not exist, and a member has none of this.
    let eve = format!("/admin/people/{}", id_of(&world, "eve@example.com").await);
    boss.get(&eve).await.expect(404);
    boss.submit(&format!("{eve}/reset"), &[("reason", "x")]).await.expect(404);
    let mut ada = signed_in(&world, ADA).await;
    for page in ["/admin", "/admin/people", "/admin/policy", "/admin/keys", "/admin/journal", &page] {
        ada.get(page).await.expect(403);
    }
    assert!(!text(&ada.get("/account").await.expect(200)).contains("href=\"/admin\""));
    // Acting takes a fresh proof, and leads back to where one was.
    world.advance(301);
    let stale = boss.submit(&reset, &[("reason", "later")]).await.expect(303);
    assert!(stale.location().starts_with("/step-up?return_to=%2Fadmin%2Fpeople%2F"), "{}", stale.location());
}

#[tokio::test]
async fn the_helpdesk_helps_members_and_touches_nobody_who_administers() {
    let world = town().await;
    let (boss, ada) = (id_of(&world, BOSS).await, id_of(&world, ADA).await);
    let mut desk = signed_in(&world, DESK).await;
    desk.get("/admin").await.expect(200);
    let refused =
        desk.submit(&format!("/admin/people/{boss}/reset"), &[("reason", "says so")]).await.expect(403);
    assert!(text(&refused).contains("does not reach"));
    desk.submit(&format!("/admin/people/{ada}/reset"), &[("reason", "lost the phone")]).await.expect(303);
    for page in ["/admin/policy", "/admin/keys"] {
        desk.get(page).await.expect(403);
    }
    desk.submit("/admin/policy", &[("form", "on"), ("required", "on")]).await.expect(403);
    desk.submit("/admin/keys", &[("name", "x")]).await.expect(403);
    desk.submit(&format!("/admin/people/{ada}/role"), &[("role", "admin")]).await.expect(403);
    // Roles are given downwards only.
    let mut owner = signed_in(&world, BOSS).await;
    owner.submit(&format!("/admin/people/{boss}/role"), &[("role", "member")]).await.expect(403);
    owner.submit(&format!("/admin/people/{ada}/role"), &[("role", "admin")]).await.expect(303);
    let mut admin = signed_in(&world, ADA).await;
    admin.submit(&format!("/admin/people/{boss}/reset"), &[("reason", "coup")]).await.expect(403);
    admin.submit(&format!("/admin/people/{ada}/role"), &[("role", "owner")]).await.expect(403);
    let desk_id = id_of(&world, DESK).await;
    admin.submit(&format!("/admin/people/{desk_id}/role"), &[("role", "owner")]).await.expect(403);
    admin.submit(&format!("/admin/people/{desk_id}/role"), &[("role", "member")]).await.expect(303);
}

/// The same over our own API, whose lists come with a cursor.
#[tokio::test]
async fn people_and_journal_are_paged_over_the_api() {
    let world = town().await;
    for number in 0..55 {
        sign_up(&world, &format!("member{number}@example.com"), Belonging::Home).await;
    }
    let mut boss = signed_in(&world, BOSS).await;
    for (list, member, all) in [("people", "people", 58), ("events", "events", 50)] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = boss.get(&format!("/v1/{list}?cursor={cursor}")).await.expect(200);
            let rows = page.body[member].as_array().unwrap();
            assert!((1..=50).contains(&rows.len()));
            seen.extend(rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            pages += 1;
            match page.body["next"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        let whole = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(whole, seen.len(), "{list}: something came twice");
        assert!(whole >= all && pages >= 2, "{list}: {whole} in {pages} pages");
    }
    // What nobody is called, what no text holds, and what is no cursor find nothing and break nothing.
    for page in [
        "people?search=%25",
        "people?search=%00%00nobody",
        "people?cursor=zzzz",
        "events?kind=%00",
        "events?user=x",
    ] {
        boss.get(&format!("/v1/{page}")).await.expect(200);
        boss.get(&format!("/admin/{}", page.replace("search", "q").replace("events", "journal")))
            .await
            .expect(200);
    }
    // Only for whoever looks after them, and each as far as their role reaches.
    let ada = id_of(&world, ADA).await;
    let mut desk = signed_in(&world, DESK).await;
    desk.get(&format!("/v1/people/{ada}")).await.expect(200);
    desk.post("/v1/organisation/forecast", json!({ "second_factor_required": true })).await.expect(403);
    let mut member = signed_in(&world, ADA).await;
    for page in ["people", "events", "coverage", &format!("people/{ada}")] {
        member.get(&format!("/v1/{page}")).await.expect(403);
    }
    let eve = id_of(&world, "eve@example.com").await;
    boss.get(&format!("/v1/people/{eve}")).await.expect(404);
    member.get("/v1/account/events").await.expect(200);
}

#[tokio::test]
async fn a_forecast_names_whom_the_rules_stop_and_then_they_do() {
    let world = town().await;
    let mut ada = signed_in(&world, ADA).await;
    let page = ada.get("/account/totp").await.expect(200);
    let (_, after) = text(&page).split_once("href=\"otpauth").unwrap();
    let uri = format!("otpauth{}", after.split('"').next().unwrap()).replace("&#38;", "&");
    ada.submit("/account/totp", &[("code", &world.totp(&uri))]).await.expect(200);

    let mut boss = signed_in(&world, BOSS).await;
    let all = "&method_passkey=on&method_totp=on&method_sms_code=on&method_email_code=on";
    let asked = boss.get(&format!("/admin/policy?form=on&required=on{all}")).await.expect(200);
    assert!(text(&asked).contains("would stop 2 of 3") && text(&asked).contains(DESK));
    let (_, forecast) = text(&asked).split_once("<h2>Forecast</h2>").unwrap();
    assert!(!forecast.contains(ADA) && forecast.contains("no second factor"));
    let strict = boss.get("/admin/policy?form=on&required=on&method_passkey=on").await.expect(200);
    assert!(text(&strict).contains("would stop 3 of 3") && text(&strict).contains("only Authenticator app"));
    let none = boss.get("/admin/policy?form=on&required=on").await.expect(200);
    assert!(text(&none).contains("this cannot be applied"));
    boss.submit("/admin/policy", &[("form", "on"), ("required", "on")]).await.expect(403);
    // Looking changed nothing.
    assert_eq!(signed_in(&world, DESK).await.get("/account").await.status, 200);
    let fields = [
        ("form", "on"),
        ("required", "on"),
        ("method_passkey", "on"),
        ("method_totp", "on"),
        ("trust_days", "7"),
        ("recovery_hours", "48"),
    ];
    boss.submit("/admin/policy", &fields).await.expect(303);
    let now = boss.get("/admin/policy").await.expect(200);
    assert!(text(&now).contains("name=\"trust_days\" type=\"number\" min=\"0\" max=\"30\" value=\"7\""));
    let mut desk = signed_in(&world, DESK).await;
    assert_eq!(desk.get("/account").await.expect(303).location(), "/account/totp");
}

#[tokio::test]
async fn keys_and_webhooks_are_made_on_a_page_and_shown_once() {
    let world = town().await;
    let mut boss = signed_in(&world, BOSS).await;
    boss.submit("/admin/keys", &[("name", "Shop"), ("return_urls", "http://shop.example/")])
        .await
        .expect(400);
    let fields = [("name", "Shop"), ("return_urls", "https://shop.example/back https://shop.example/too")];
    let made = boss.submit("/admin/keys", &fields).await.expect(200);
    let (_, after) = text(&made).split_once("<p class=\"secret\">").unwrap();
    let key = after.split('<').next().unwrap().to_owned();
    assert!(!text(&boss.get("/admin/keys").await.expect(200)).contains(&key));
    let holder = service::bearer(&world.ctx, &key).await.unwrap();
    assert_eq!(holder.return_urls.len(), 2);
    // Whom that application brings is seen, and helped, by the helpdesk.
    let described = Described { external_id: "customer-7".to_owned(), ..Described::default() };
    service::open(&world.ctx, &Visitor::default(), &holder, (described, Wanted::default())).await.unwrap();
    let mut desk = signed_in(&world, DESK).await;
    let people = desk.get("/admin/people?q=customer-7").await.expect(200);
    assert!(text(&people).contains("Of an application"), "{}", text(&people));
    let (_, after) = text(&people).split_once("href=\"/admin/people/").unwrap();
    let page = format!("/admin/people/{}", after.split('"').next().unwrap());
    desk.submit(&format!("{page}/reset"), &[("reason", "asked by the shop")]).await.expect(303);
    boss.submit("/admin/keys/revoke", &[("id", holder.id.as_str())]).await.expect(303);
    assert!(service::bearer(&world.ctx, &key).await.is_err());

    boss.submit("/admin/webhooks", &[("url", "http://127.0.0.1/")]).await.expect(400);
    let made = boss.submit("/admin/webhooks", &[("url", "https://hooks.example/x")]).await.expect(200);
    assert!(text(&made).contains("whsec_"));
    // Somebody else's key is out of reach of people of another organisation.
    let other = NewServiceKey::new("Other", Vec::new()).unwrap();
    service::make(&world.ctx, other).await.unwrap();
    let mut eve = signed_in(&world, "eve@example.com").await;
    eve.get("/admin/keys").await.expect(403);
}
