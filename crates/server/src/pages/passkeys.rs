//! What the pages' script asks for: options as JSON, and an answer that says where to go.

use askama::Template;
use countersign_core::{denied::Denied, method::Method, session::Reach, time::MINUTE};
use serde_json::json;

use super::{
    asked::{Asked, No},
    second_step,
};
use crate::{
    http::{look::Look, page, query, reply::Reply},
    operations::{
        challenge::Wishes,
        passkeys::{self, Answer, Keep, Known, PasskeySignIn},
        sessions::Handover,
    },
    words::Text,
};

pub(super) async fn sign_in_options(asked: Asked) -> Result<Reply, No> {
    Ok(Reply::json(&passkeys::begin_sign_in(asked.ctx(), None).await?.json()))
}

fn answer(asked: &Asked) -> Result<Answer, No> {
    asked.body(|body| Answer {
        token: Some(body.text("ceremony")),
        assertion: body.member("response").and_then(|response| serde_json::from_value(response).ok()),
    })
}

pub(super) async fn sign_in(asked: Asked) -> Result<Reply, No> {
    let attempt = PasskeySignIn { answer: answer(&asked)?, remember: true, handover: Handover::Token };
    let (to, cookies) = asked.came(passkeys::sign_in(asked.ctx(), &asked.visitor, attempt).await?).await?;
    Ok(Reply::json(&json!({ "url": to })).cookies(cookies))
}

/// For the challenge of this browser, or to prove oneself again within the session.
pub(super) async fn challenge_options(asked: Asked) -> Result<Reply, No> {
    let answerer = match asked.current(Reach::Everything).await? {
        Some(_) => second_step::within(&asked),
        None => asked.at_the_door(),
    };
    Ok(Reply::json(&passkeys::begin_authentication(asked.ctx(), &answerer, Keep::Token).await?.json()))
}

/// The one that somebody wants to try, named in the address.
async fn tried(asked: &Asked) -> Result<Known, No> {
    let (who, id) = (asked.signed_in().await?, asked.query("id").unwrap_or_default());
    let all = passkeys::list(asked.ctx(), &who).await?;
    Ok(all.into_iter().find(|one| one.id.as_str() == id).ok_or(Denied::NotEnrolled(Method::Passkey))?)
}

#[derive(Template)]
#[template(path = "pages/passkey_test.html")]
struct Try<'a> {
    look: &'a Look,
    title: Text,
    id: &'a str,
    verify: String,
    works: bool,
}

/// Trying a passkey is proving oneself with it, and with no other. It worked if it was used a moment ago.
pub(super) async fn show_test(asked: Asked) -> Result<Reply, No> {
    let one = tried(&asked).await?;
    let used = one.last_used_at.is_some_and(|at| asked.ctx().clock.now().since(at) < MINUTE);
    let back = query::add(&query::add("/account/passkey/test", "id", one.id.as_str()), "tried", "yes");
    let page = Try {
        look: asked.look(),
        title: Text::from("test-title").with("name", one.called()),
        id: one.id.as_str(),
        verify: query::add("/challenge/passkey", "return_to", &back),
        works: used && asked.query("tried").is_some(),
    };
    Ok(page::reply(&page, None))
}

pub(super) async fn test_options(asked: Asked) -> Result<Reply, No> {
    let one = tried(&asked).await?;
    let within = second_step::within(&asked);
    let mut options = passkeys::begin_authentication(asked.ctx(), &within, Keep::Token).await?;
    options.allow.retain(|other| other.id == one.passkey.credential.id);
    // To allow none is to allow any.
    if options.allow.is_empty() {
        return Err(Denied::NotEnrolled(Method::Passkey).into());
    }
    Ok(Reply::json(&options.json()))
}

pub(super) async fn challenge(asked: Asked) -> Result<Reply, No> {
    let answerer = match asked.current(Reach::Everything).await? {
        Some(_) => second_step::within(&asked),
        None => asked.at_the_door(),
    };
    let offered = (answer(&asked)?, Wishes::default());
    let answered = passkeys::answer(asked.ctx(), &asked.visitor, answerer, offered).await?;
    let (to, cookies) = second_step::entered(&asked, answered).await?;
    Ok(Reply::json(&json!({ "url": to })).cookies(cookies))
}
