//! A forgotten password: a link by mail, and a new one. The second factor stays in the way.

use askama::Template;
use axum::http::StatusCode;
use countersign_core::denied::Denied;

use super::asked::{Asked, Message, No};
use crate::{
    http::{look::Look, page, reply::Reply},
    operations::{
        Stop, accounts,
        emails::{self, LinkPurpose, LinkShape},
    },
    words::Text,
};

/// Where the mailed link leads, its token after it.
const SET_PAGE: &str = "/password/set?token=";

#[derive(Template)]
#[template(path = "pages/password.html")]
struct Password<'a> {
    look: &'a Look,
    title: Text,
    said: Option<Text>,
    wrong: bool,
    /// Of a link that would open: a new password can be set.
    token: Option<&'a str>,
}

fn page(asked: &Asked, (status, said): (StatusCode, Option<Text>), token: Option<&str>) -> Reply {
    let title = if token.is_some() { "password-set-title" } else { "password-title" };
    let page =
        Password { look: asked.look(), title: title.into(), said, wrong: status != StatusCode::OK, token };
    page::reply(&page, None).status(status)
}

pub(super) async fn show(asked: Asked) -> Result<Reply, No> {
    Ok(page(&asked, (StatusCode::OK, None), None))
}

pub(super) async fn request(asked: Asked) -> Result<Reply, No> {
    let link = LinkShape { before: SET_PAGE.to_owned(), ..LinkShape::default() };
    match accounts::request_password_reset(asked.ctx(), &asked.visitor, &asked.text("email"), link).await {
        Ok(()) => Ok(page(&asked, (StatusCode::OK, Some("password-sent".into())), None)),
        Err(Stop::Denied(denied)) => {
            Ok(page(&asked, (StatusCode::BAD_REQUEST, Some(page::said(&denied))), None))
        }
        Err(stop) => Err(stop.into()),
    }
}

/// Looking spends nothing.
pub(super) async fn show_set(asked: Asked) -> Result<Reply, No> {
    let token = asked.query("token").unwrap_or_default();
    Ok(match emails::would_open(asked.ctx(), &token, LinkPurpose::ResetPassword).await? {
        true => page(&asked, (StatusCode::OK, None), Some(&token)),
        false => dead(&asked),
    })
}

fn dead(asked: &Asked) -> Reply {
    page(asked, (StatusCode::GONE, Some("link-dead-ask-again".into())), None)
}

pub(super) async fn set(asked: Asked) -> Result<Reply, No> {
    let (token, new) = (asked.text("token"), asked.secret("password"));
    match accounts::reset_password(asked.ctx(), &asked.visitor, &token, (new, &[])).await {
        Ok(()) => {
            let done = Message::new(asked.look(), "password-done-title", "password-done");
            Ok(done.link("/sign-in", "sign-in").reply().cookie(asked.clear_session()))
        }
        Err(Stop::Denied(Denied::LinkInvalid | Denied::LinkExpired)) => Ok(dead(&asked)),
        Err(Stop::Denied(denied)) => {
            Ok(page(&asked, (StatusCode::BAD_REQUEST, Some(page::said(&denied))), Some(&token)))
        }
        Err(stop) => Err(stop.into()),
    }
}
