//! What the pages' script asks for: options as JSON, and an answer that says where to go.

use countersign_core::session::Reach;
use serde_json::json;

use super::{
    asked::{Asked, No},
    second_step,
};
use crate::{
    http::reply::Reply,
    operations::{
        challenge::Wishes,
        passkeys::{self, Answer, Keep, PasskeySignIn},
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
    let offered = (answer(&asked)?, Wishes::default());
    let answered = passkeys::answer(asked.ctx(), &asked.visitor, answerer, offered).await?;
    let (to, cookies) = second_step::entered(&asked, answered).await?;
    Ok(Reply::json(&json!({ "url": to })).cookies(cookies))
}
