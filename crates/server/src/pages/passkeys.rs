//! What the pages' script asks for: options as JSON, and an answer that says where to go.

use askama::Template;
use countersign_core::{backup_code::Shape, session::Reach};
use serde_json::json;

use super::{
    account::codes_page,
    asked::{Asked, Keeps, No},
    second_step,
};
use crate::{
    http::{page, reply::Reply},
    operations::{
        challenge::{Answered, Wishes},
        passkeys::{self, Answer, Keep, PasskeySignIn, Register},
        sessions::Handover,
    },
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
    let (to, cookies) = asked.came(passkeys::sign_in(asked.ctx(), &asked.visitor, attempt).await?);
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

pub(super) async fn challenge(asked: Asked) -> Result<Reply, No> {
    let answerer = match asked.current(Reach::Everything).await? {
        Some(_) => second_step::within(&asked),
        None => asked.at_the_door(),
    };
    let wishes = Wishes { trust_device: asked.ticked("trust"), ..Wishes::default() };
    let answered: Answered =
        passkeys::answer(asked.ctx(), &asked.visitor, answerer, (answer(&asked)?, wishes)).await?;
    let entered = second_step::entered(&asked, answered)?;
    Ok(Reply::json(&json!({ "url": asked.return_to() })).cookies(entered.cookies))
}

#[derive(Template)]
#[template(path = "pages/passkey.html")]
struct Add<'a> {
    app: &'a str,
    title: &'a str,
}

pub(super) async fn show(asked: Asked) -> Result<Reply, No> {
    asked.signed_in_to_enrol().await?;
    Ok(page::reply(&Add { app: asked.app(), title: "Add a passkey" }, None))
}

pub(super) async fn registration_options(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in_to_enrol().await?;
    let options = passkeys::begin_registration(asked.ctx(), &asked.visitor, &who, Keep::Token).await?;
    Ok(Reply::json(&options.json()))
}

/// With the first factor come backup codes, which the page shows.
pub(super) async fn register(asked: Asked) -> Result<Reply, No> {
    let register = asked.body(|body| Register {
        token: Some(body.text("ceremony")),
        response: body.member("response").and_then(|response| serde_json::from_value(response).ok()),
        name: body.optional_text("name").filter(|name| !name.trim().is_empty()),
        backup_codes: Some(Shape::Grouped),
        handover: Handover::Token,
    })?;
    let who = asked.signed_in_to_enrol().await?;
    let done = passkeys::register(asked.ctx(), &asked.visitor, &who, register).await?;
    let cookie = done.rotated.as_ref().map(|fresh| asked.session_cookie(fresh));
    let page = (!done.backup_codes.is_empty()).then(|| codes_page(&asked, &done.backup_codes)).transpose()?;
    let reply = Reply::json(&json!({ "url": "/account", "page": page }));
    Ok(reply.cookies(cookie).cookie(asked.forget(Keeps::Challenge)))
}
