//! Signing in and up: password, passkey, or a code by mail.

use askama::Template;
use axum::http::StatusCode;
use countersign_core::{one_time_code, session::Reach};

use super::asked::{Asked, Keeps, No, see};
use crate::{
    config::MailSignIns,
    http::{look::Look, page, query, reply::Reply},
    operations::{
        Stop,
        emails::LinkShape,
        mail_sign_in::{self, By, Come, Request, TypedCode},
        sessions::{self, Handover},
        sign_in::{self, PasswordSignIn, SignUp},
    },
    words::Text,
};

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct SignIn<'a> {
    look: &'a Look,
    title: Text,
    said: Option<Text>,
    email: &'a str,
    return_to: &'a str,
    passkeys: bool,
    by_mail: bool,
}

fn page(asked: &Asked, (status, said, email): (StatusCode, Option<Text>, &str)) -> Reply {
    let return_to = asked.return_to();
    let page = SignIn {
        look: asked.look(),
        title: "sign-in".into(),
        said,
        email,
        return_to: &return_to,
        passkeys: asked.ctx().config.relying_party().is_some(),
        by_mail: asked.ctx().config.accounts.mail_sign_ins != MailSignIns::Off,
    };
    page::reply(&page, asked.leads_to().as_deref()).status(status)
}

/// Whoever is signed in already goes on, unless more must be shown than the session holds.
pub(super) async fn show(asked: Asked) -> Result<Reply, No> {
    let wants_more = asked.query("acr_values").is_some() || asked.query("max_age").is_some();
    if let Ok(Some(who)) = asked.current(Reach::Everything).await {
        let to = asked.return_to();
        return Ok(match wants_more {
            // Signing in again would not help whoever has nothing more to show.
            true if !who.second_factor_is_on => {
                see("/account/totp").cookies(asked.remembering("/account/totp"))
            }
            true => see(&query::add("/step-up", "return_to", &to)),
            false => see(&to),
        });
    }
    Ok(page(&asked, (StatusCode::OK, None, "")))
}

pub(super) async fn with_password(asked: Asked) -> Result<Reply, No> {
    let attempt = PasswordSignIn {
        email: asked.text("email"),
        password: asked.secret("password"),
        remember: true,
        trusted_devices: asked.trusted(),
        ..PasswordSignIn::default()
    };
    let email = attempt.email.clone();
    match sign_in::with_password(asked.ctx(), &asked.visitor, attempt).await {
        Ok(step) => {
            let (to, cookies) = asked.came(step).await?;
            Ok(see(&to).cookies(cookies))
        }
        Err(Stop::Denied(denied)) => {
            Ok(page(&asked, (StatusCode::UNAUTHORIZED, Some(page::said(&denied)), &email)))
        }
        Err(stop) => Err(stop.into()),
    }
}

#[derive(Template)]
#[template(path = "pages/sign_up.html")]
struct Up<'a> {
    look: &'a Look,
    title: Text,
    said: Option<Text>,
    email: &'a str,
    name: &'a str,
    return_to: &'a str,
}

fn up(asked: &Asked, (status, said): (StatusCode, Option<Text>)) -> Reply {
    let (return_to, email, name) = (asked.return_to(), asked.text("email"), asked.text("name"));
    let page = Up {
        look: asked.look(),
        title: "sign-up-title".into(),
        said,
        email: &email,
        name: &name,
        return_to: &return_to,
    };
    page::reply(&page, asked.leads_to().as_deref()).status(status)
}

pub(super) async fn show_sign_up(asked: Asked) -> Result<Reply, No> {
    Ok(up(&asked, (StatusCode::OK, None)))
}

pub(super) async fn sign_up(asked: Asked) -> Result<Reply, No> {
    let new = SignUp {
        name: asked.text("name"),
        email: asked.text("email"),
        password: asked.secret("password"),
        remember: true,
        link: LinkShape { before: "/verify-email?token=".to_owned(), ..LinkShape::default() },
        ..SignUp::default()
    };
    match sign_in::sign_up(asked.ctx(), &asked.visitor, new).await {
        Ok(done) => Ok(match &done.session {
            Some(session) => {
                let to = asked.onward(session, asked.return_to());
                see(&to).cookie(asked.session_cookie(session)).cookies(asked.remembering(&to))
            }
            None => up(&asked, (StatusCode::OK, Some("sign-up-mailed".into()))),
        }),
        Err(Stop::Denied(denied)) => Ok(up(&asked, (StatusCode::BAD_REQUEST, Some(page::said(&denied))))),
        Err(stop) => Err(stop.into()),
    }
}

#[derive(Template)]
#[template(path = "pages/mail.html")]
struct Mail<'a> {
    look: &'a Look,
    title: Text,
    said: Option<Text>,
    wrong: bool,
    email: &'a str,
    return_to: &'a str,
    sent: bool,
}

fn mail(asked: &Asked, (status, said, sent): (StatusCode, Option<Text>, bool)) -> Reply {
    let (return_to, email) = (asked.return_to(), asked.text("email"));
    let page = Mail {
        look: asked.look(),
        title: "mail-title".into(),
        said,
        wrong: status != StatusCode::OK,
        email: &email,
        return_to: &return_to,
        sent,
    };
    page::reply(&page, asked.leads_to().as_deref()).status(status)
}

pub(super) async fn ask_for_mail(asked: Asked) -> Result<Reply, No> {
    Ok(mail(&asked, (StatusCode::OK, None, false)))
}

pub(super) async fn send_mail(asked: Asked) -> Result<Reply, No> {
    let (email, browser) = (asked.text("email"), asked.kept(Keeps::Mail));
    let request = Request { email: &email, by: By::Code, name: String::new(), browser };
    match mail_sign_in::request(asked.ctx(), &asked.visitor, request).await {
        Ok(kept) => {
            let said = Text::from("mail-sent").with("email", email);
            Ok(mail(&asked, (StatusCode::OK, Some(said), true)).cookie(asked.keep(Keeps::Mail, &kept)))
        }
        Err(Stop::Denied(denied)) => {
            Ok(mail(&asked, (StatusCode::BAD_REQUEST, Some(page::said(&denied)), false)))
        }
        Err(stop) => Err(stop.into()),
    }
}

pub(super) async fn with_mailed_code(asked: Asked) -> Result<Reply, No> {
    let typed = TypedCode {
        email: asked.text("email"),
        code: one_time_code::tidied(&asked.text("code")),
        browser: asked.kept(Keeps::Mail),
        name: String::new(),
    };
    let come = Come { handover: Handover::Token, trusted_devices: asked.trusted() };
    match mail_sign_in::type_code(asked.ctx(), &asked.visitor, typed, come).await {
        Ok(came) => {
            let (to, cookies) = asked.came(came.step).await?;
            Ok(see(&to).cookies(cookies))
        }
        Err(Stop::Denied(denied)) => {
            Ok(mail(&asked, (StatusCode::UNAUTHORIZED, Some(page::said(&denied)), true)))
        }
        Err(stop) => Err(stop.into()),
    }
}

pub(super) async fn sign_out(asked: Asked) -> Result<Reply, No> {
    if let Some(token) = &asked.token {
        sessions::sign_out(asked.ctx(), &asked.visitor, token, Handover::Token).await?;
    }
    Ok(see("/sign-in").cookie(asked.clear_session()))
}
