//! Enrolling: an authenticator app, a passkey, a phone, the mailbox. The same pages serve an account of ours and
//! somebody whom an application sent here without a factor.

use askama::Template;
use axum::http::StatusCode;
use countersign_core::{
    backup_code::Shape, denied::Denied, method::Method, one_time_code, secret::Secret, session::Scope,
};
use serde_json::json;

use super::{
    account::day,
    asked::{Asked, Keeps, Message, No, see},
    prove,
};
use crate::{
    config::Sms,
    fault::Fault,
    http::{look::Look, page, reply::Reply},
    operations::{
        Stop,
        challenge::{self, Answerer, Carrier, Holder},
        emails::LinkShape,
        enrol::{self, Begin, BeginEmail, Confirm, Confirmed},
        passkeys::{self, Keep, Register},
        sessions::{Handover, SignedIn},
    },
    qr,
    words::Text,
};

/// Whose pages these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Account,
    /// The challenge of an application.
    Application,
}

impl Place {
    /// What the addresses of its pages begin with.
    const fn base(self) -> &'static str {
        match self {
            Self::Account => "/account",
            Self::Application => "/prove",
        }
    }

    /// An application's challenge has a session that this browser never holds.
    const fn handover(self) -> Handover {
        match self {
            Self::Account => Handover::Token,
            Self::Application => Handover::Nothing,
        }
    }

    /// Whoever enrols this method here.
    async fn who(self, asked: &Asked, method: Method) -> Result<SignedIn, No> {
        match self {
            Self::Account => asked.signed_in_to_enrol().await,
            Self::Application => prove::enrolling(asked, method).await,
        }
    }

    /// Where the forms of a page may end up beside here.
    pub async fn leads_to(self, asked: &Asked) -> Result<Option<String>, No> {
        match self {
            Self::Account => Ok(asked.onward_kept().and_then(|to| asked.origin_of(&to))),
            Self::Application => prove::leads_to(asked).await,
        }
    }
}

#[derive(Template)]
#[template(path = "pages/totp.html")]
struct TotpPage<'a> {
    look: &'a Look,
    title: Text,
    base: &'a str,
    said: Option<Text>,
    qr: String,
    uri: &'a str,
    /// In groups of four, as people copy it.
    secret: String,
    elapsed: u64,
    /// What it shall be called; nobody names what an application sent them to enrol.
    name: Option<String>,
    /// There is one already, which the name shall tell it from.
    another: bool,
    required: bool,
    other: bool,
}

fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// Each time the page is asked for, a new seed; the last one shown is the one that counts.
async fn totp_page(
    asked: &Asked,
    place: Place,
    (status, said): (StatusCode, Option<Text>),
) -> Result<Reply, No> {
    let who = place.who(asked, Method::Totp).await?;
    let begin = Begin { beside_others: place == Place::Account, ..Begin::default() };
    let begun = enrol::begin_totp(asked.ctx(), &asked.visitor, &who, begin).await?;
    let page = TotpPage {
        look: asked.look(),
        title: "totp-title".into(),
        base: place.base(),
        said,
        qr: qr::svg(begun.uri.expose()).map_err(No::Fault)?,
        uri: begun.uri.expose(),
        secret: grouped(begun.secret.expose()),
        elapsed: page::elapsed(asked.ctx().clock.now()),
        name: (place == Place::Account).then(|| asked.text("name")),
        another: begun.another,
        required: place == Place::Account && who.session.scope != Scope::Full,
        other: place == Place::Application || asked.ctx().config.relying_party().is_some(),
    };
    Ok(page::reply(&page, place.leads_to(asked).await?.as_deref()).status(status))
}

pub(super) async fn begin_totp(asked: Asked, place: Place) -> Result<Reply, No> {
    totp_page(&asked, place, (StatusCode::OK, None)).await
}

pub(super) async fn confirm_totp(asked: Asked, place: Place) -> Result<Reply, No> {
    match confirm(&asked, place, Method::Totp).await {
        Err(No::Denied(denied @ (Denied::WrongCode(_) | Denied::Locked { .. }))) => {
            let said = match denied {
                Denied::Locked { wait } => Text::from("locked-scan-again").with_span(wait),
                _ => "wrong-code-scan-again".into(),
            };
            totp_page(&asked, place, (StatusCode::UNAUTHORIZED, Some(said))).await
        }
        done => done,
    }
}

/// The code that was typed puts the method in force.
async fn confirm(asked: &Asked, place: Place, method: Method) -> Result<Reply, No> {
    let who = place.who(asked, method).await?;
    let code = one_time_code::tidied(&asked.text("code"));
    let name = Some(asked.text("name")).filter(|name| !name.trim().is_empty());
    let backup_codes = Some(Shape::Grouped);
    let confirm = Confirm { method, code, name, backup_codes, handover: place.handover() };
    let done = enrol::confirm_code(asked.ctx(), &asked.visitor, &who, confirm).await?;
    finished(asked, (place, who.user.called()), &done).await
}

async fn finished(asked: &Asked, (place, account): (Place, &str), done: &Confirmed) -> Result<Reply, No> {
    let cookie = done.rotated.as_ref().map(|fresh| asked.session_cookie(fresh));
    let reply = match (done.backup_codes.is_empty(), place) {
        (false, _) => {
            let leads_to = place.leads_to(asked).await?;
            page::reply(&Codes::new(asked, (place, account), &done.backup_codes), leads_to.as_deref())
        }
        (true, Place::Account) => onward(asked),
        (true, Place::Application) => prove::enrolled(asked).await?,
    };
    Ok(reply.cookies(cookie))
}

/// A sheet of backup codes, shown once.
#[derive(Template)]
#[template(path = "pages/codes.html")]
pub(super) struct Codes<'a> {
    look: &'a Look,
    title: Text,
    codes: Vec<&'a str>,
    /// Whose they are, for the file and the print.
    head: Text,
    host: &'a str,
    day: String,
    /// Where the form leads on to.
    done: &'static str,
}

impl<'a> Codes<'a> {
    pub(super) fn new(asked: &'a Asked, (place, account): (Place, &str), all: &'a [Secret<String>]) -> Self {
        let codes = all.iter().map(|code| code.expose().as_str()).collect();
        let day = day(&asked.ctx().clock.now().to_iso()).to_owned();
        let head = Text::from("codes-file-head")
            .with("account", account)
            .with("app", asked.look().app.as_str())
            .with("day", day.as_str());
        let host = asked.ctx().config.public_url.host_str().unwrap_or_default();
        let done = match place {
            Place::Account => "/account/go-on",
            Place::Application => "/prove/done",
        };
        Self { look: asked.look(), title: "codes-title".into(), codes, head, host, day, done }
    }
}

/// From the sheet to where somebody was going when they were sent to enrol; to their account otherwise.
pub(super) async fn go_on(asked: Asked) -> Result<Reply, No> {
    Ok(onward(&asked))
}

fn onward(asked: &Asked) -> Reply {
    let to = asked.onward_kept().unwrap_or_else(|| "/account".to_owned());
    see(&to).cookie(asked.forget(Keeps::Onward))
}

#[derive(Template)]
#[template(path = "pages/passkey.html")]
struct AddPasskey<'a> {
    look: &'a Look,
    title: Text,
    base: &'a str,
}

pub(super) async fn show_passkey(asked: Asked, place: Place) -> Result<Reply, No> {
    place.who(&asked, Method::Passkey).await?;
    let page = AddPasskey { look: asked.look(), title: "passkey-title".into(), base: place.base() };
    Ok(page::reply(&page, place.leads_to(&asked).await?.as_deref()))
}

pub(super) async fn passkey_options(asked: Asked, place: Place) -> Result<Reply, No> {
    let who = place.who(&asked, Method::Passkey).await?;
    let options = passkeys::begin_registration(asked.ctx(), &asked.visitor, &who, Keep::Token).await?;
    Ok(Reply::json(&options.json()))
}

/// With the first factor come backup codes, which the page shows.
pub(super) async fn register_passkey(asked: Asked, place: Place) -> Result<Reply, No> {
    let register = asked.body(|body| Register {
        token: Some(body.text("ceremony")),
        response: body.member("response").and_then(|response| serde_json::from_value(response).ok()),
        name: body.optional_text("name").filter(|name| !name.trim().is_empty()),
        backup_codes: Some(Shape::Grouped),
        handover: place.handover(),
    })?;
    let who = place.who(&asked, Method::Passkey).await?;
    let done = passkeys::register(asked.ctx(), &asked.visitor, &who, register).await?;
    let cookie = done.rotated.as_ref().map(|fresh| asked.session_cookie(fresh));
    let sheet = Codes::new(&asked, (place, who.user.called()), &done.backup_codes).render();
    let sheet = sheet.map_err(|why| No::Fault(Fault::internal("a page cannot be rendered").because(why)))?;
    let page = (!done.backup_codes.is_empty()).then_some(sheet);
    let reply = Reply::json(&json!({ "url": place.base(), "page": page }));
    Ok(reply.cookies(cookie).cookie(asked.forget(Keeps::Challenge)))
}

/// A phone or the mailbox: where to, then the code that arrived there.
#[derive(Template)]
#[template(path = "pages/enrol_code.html")]
struct CodePage<'a> {
    look: &'a Look,
    title: Text,
    base: &'a str,
    /// Says what happens.
    lead: &'a str,
    said: Option<Text>,
    wrong: bool,
    /// A number is asked for, or the mailbox is known.
    phone: Option<String>,
    sent: bool,
    send: &'a str,
}

async fn code_page(
    asked: &Asked,
    place: Place,
    (method, said, sent): (Method, Option<(StatusCode, Text)>, bool),
) -> Result<Reply, No> {
    let texts = method == Method::SmsCode;
    let suggested = match (texts, asked.text("phone")) {
        (false, _) => None,
        (true, typed) if !typed.is_empty() => Some(typed),
        (true, _) if place == Place::Application => Some(prove::suggested_phone(asked).await?),
        (true, _) => Some(String::new()),
    };
    let (status, said) = said.map_or((StatusCode::OK, None), |(status, said)| (status, Some(said)));
    let page = CodePage {
        look: asked.look(),
        title: if texts { "sms-title" } else { "email-title" }.into(),
        base: place.base(),
        lead: if texts { "sms-lead" } else { "email-lead" },
        wrong: status != StatusCode::OK,
        said,
        phone: suggested,
        sent,
        send: match (texts, sent) {
            (true, false) => "sms-send",
            (true, true) => "sms-send-another",
            (false, false) => "email-send",
            (false, true) => "email-send-another",
        },
    };
    Ok(page::reply(&page, place.leads_to(asked).await?.as_deref()).status(status))
}

fn refused(stop: Stop) -> Result<(StatusCode, Text), No> {
    match stop {
        Stop::Denied(denied @ (Denied::StaleSession | Denied::NotSignedIn | Denied::ChallengeGone)) => {
            Err(No::Denied(denied))
        }
        Stop::Denied(denied) => Ok((StatusCode::FORBIDDEN, page::said(&denied))),
        stop => Err(stop.into()),
    }
}

/// The session that enrols, as whoever answers its codes.
fn inside(who: &SignedIn) -> Answerer {
    Answerer { session: Some(Holder::Seen(Box::new(who.clone()))), ..Answerer::default() }
}

pub(super) async fn show_sms(asked: Asked, place: Place) -> Result<Reply, No> {
    place.who(&asked, Method::SmsCode).await?;
    if matches!(asked.ctx().config.sms, Sms::Off) {
        return Err(No::Said(StatusCode::NOT_FOUND, "sms-off"));
    }
    code_page(&asked, place, (Method::SmsCode, None, false)).await
}

pub(super) async fn sms(asked: Asked, place: Place) -> Result<Reply, No> {
    let (ctx, visitor, who) = (asked.ctx(), &asked.visitor, place.who(&asked, Method::SmsCode).await?);
    if !asked.ticked("send") {
        return confirm_or(&asked, place, Method::SmsCode).await;
    }
    let begun = match enrol::begin_sms(ctx, visitor, &who, &asked.text("phone")).await {
        Ok(()) => challenge::send_code(ctx, visitor, inside(&who), Carrier::Text).await,
        stop => stop,
    };
    match begun {
        Ok(()) => code_page(&asked, place, (Method::SmsCode, None, true)).await,
        Err(stop) => code_page(&asked, place, (Method::SmsCode, Some(refused(stop)?), false)).await,
    }
}

/// As `confirm`, and the same page again if the code was wrong.
async fn confirm_or(asked: &Asked, place: Place, method: Method) -> Result<Reply, No> {
    match confirm(asked, place, method).await {
        Err(No::Denied(denied @ (Denied::WrongCode(_) | Denied::CodeExpired | Denied::Locked { .. }))) => {
            let said = Some((StatusCode::UNAUTHORIZED, page::said(&denied)));
            code_page(asked, place, (method, said, true)).await
        }
        done => done,
    }
}

pub(super) async fn show_email(asked: Asked, place: Place) -> Result<Reply, No> {
    place.who(&asked, Method::EmailCode).await?;
    code_page(&asked, place, (Method::EmailCode, None, false)).await
}

/// For an application's person a code comes back here. An account may have other factors already, and is mailed a
/// link that acts for the session which asked for it.
pub(super) async fn email(asked: Asked, place: Place) -> Result<Reply, No> {
    let (ctx, visitor, who) = (asked.ctx(), &asked.visitor, place.who(&asked, Method::EmailCode).await?);
    if !asked.ticked("send") && place == Place::Application {
        return confirm_or(&asked, place, Method::EmailCode).await;
    }
    let sent = match place {
        Place::Application => challenge::send_code(ctx, visitor, inside(&who), Carrier::Digits).await,
        Place::Account => {
            let link = LinkShape { before: "/enrol-email?token=".to_owned(), ..LinkShape::default() };
            enrol::begin_email(ctx, visitor, &who, BeginEmail { email: None, link }).await
        }
    };
    match (sent, place) {
        (Ok(()), Place::Application) => code_page(&asked, place, (Method::EmailCode, None, true)).await,
        (Ok(()), Place::Account) => {
            let page = Message::new(asked.look(), "mailbox-title", "email-mailed");
            Ok(page.link("/account", "back-to-account").reply())
        }
        (Err(stop), _) => code_page(&asked, place, (Method::EmailCode, Some(refused(stop)?), false)).await,
    }
}

/// GET only asks: scanners of mails follow links, too (SEC-028).
pub(super) async fn show_mailed_link(asked: Asked) -> Result<Reply, No> {
    let page = page::Confirm {
        look: asked.look(),
        title: "email-title".into(),
        lead: "email-link-lead".into(),
        facts: Vec::new(),
        action: "/enrol-email",
        fields: vec![("token", asked.query("token").unwrap_or_default())],
        button: "email-link-button",
        back: None,
        itself: false,
    };
    Ok(page::reply(&page, None))
}

pub(super) async fn mailed_link(asked: Asked) -> Result<Reply, No> {
    let (status, title, said) =
        match enrol::finish_email(asked.ctx(), &asked.visitor, &asked.text("token")).await {
            Ok(()) => (StatusCode::OK, "email-title", "email-link-done"),
            Err(Stop::Denied(_)) => (StatusCode::GONE, "wrong-title", "email-link-dead"),
            Err(stop) => return Err(stop.into()),
        };
    Ok(Message::new(asked.look(), title, said).link("/account", "email-to-account").reply().status(status))
}
