//! Magic links (contract §9) and mailed sign-in codes (§12).
//!
//! Opening a link shows a page with a button, and only the button spends it: mail scanners open every link. In
//! the browser that asked, the page presses it itself; and that browser's own script may fetch the link without
//! a page, as the client's `magicLink.verify` does.

use axum::http::StatusCode;
use countersign_core::{denied::Denied, secret::Secret};
use serde_json::json;
use url::Url;

use super::{
    callers::{Asked, MAIL_SIGN_IN},
    challenge_page,
    errors::No,
    sign_in::second_step,
    wire,
};
use crate::{
    http::{
        page::{self, Confirm},
        query,
        reply::Reply,
    },
    operations::{
        Stop,
        mail_sign_in::{self, By, Came, Come, Request, TypedCode, Waiting},
        sessions::Handover,
        sign_in::SignedInOrAsked,
    },
    words::{self, Text},
};

/// What a link carries along, so that the page at its end knows where to go.
const TARGETS: [&str; 3] = ["callbackURL", "newUserCallbackURL", "errorCallbackURL"];
const OTP_TYPES: &[&str] = &["email-verification", "sign-in", "forget-password", "change-email"];

pub(super) async fn send_link(asked: Asked) -> Result<Reply, No> {
    let (email, name, targets) = asked.body(|body| {
        let (email, name) = (body.email("email"), body.optional_text("name"));
        (email, name, TARGETS.map(|key| (key, body.optional_text(key))))
    })?;
    let mut after = String::new();
    for (key, target) in targets {
        let target = target.or_else(|| (key == "callbackURL").then(|| "/".to_owned()));
        let target = target.map(|target| format!("&{key}={}", query::value(&target)));
        after.push_str(&target.unwrap_or_default());
    }
    let by = By::Link(asked.link("/magic-link/verify?token=", after));
    request(&asked, &email, (by, name), json!({ "status": true })).await
}

pub(super) async fn send_code(asked: Asked) -> Result<Reply, No> {
    let (email, kind) = asked.body(|body| (body.text("email"), body.choice("type", OTP_TYPES)))?;
    if kind != Some("sign-in") {
        return Err(No::Only(400, "OTP_TYPE_NOT_SUPPORTED", "Codes are mailed for signing in only"));
    }
    request(&asked, &email, (By::Code, None), json!({ "success": true })).await
}

async fn request(
    asked: &Asked,
    email: &str,
    (by, name): (By, Option<String>),
    yes: serde_json::Value,
) -> Result<Reply, No> {
    let browser = asked.kept(MAIL_SIGN_IN);
    let request = Request { email, by, name: name.unwrap_or_default(), browser };
    let kept = mail_sign_in::request(asked.ctx(), &asked.visitor, request).await?;
    Ok(Reply::json(&yes).cookie(asked.surface.mail_sign_in(&kept)))
}

/// GET: looks, and says what would happen. Whatever does not navigate and is the asker's own script goes on.
pub(super) async fn open(asked: Asked) -> Result<Reply, No> {
    let token = asked.required_query("token")?;
    let kept = asked.kept(MAIL_SIGN_IN);
    let waiting = match mail_sign_in::look_at(asked.ctx(), &token, kept.as_deref()).await {
        Ok(waiting) => waiting,
        Err(stop) => return failed(&asked, stop),
    };
    if waiting.asked_here && asked.query("callbackURL").is_none() && asked.is_a_script() {
        return enter(&asked, &token).await;
    }
    let kept = kept.map_or_else(|| mail_sign_in::new_browser(asked.ctx()), Secret::new);
    let confirm = mail_sign_in::confirmation(asked.ctx(), kept.expose(), &token);
    Ok(confirm_page(&asked, &waiting, confirm).await?.cookie(asked.surface.mail_sign_in(&kept)))
}

async fn confirm_page(asked: &Asked, waiting: &Waiting, confirm: String) -> Result<Reply, No> {
    let look = asked.look().await?;
    let email = waiting.email.as_str();
    let (lead, facts) = match waiting.asked_here {
        true => (Text::from("link-lead").with("email", email), Vec::new()),
        false => (
            "link-elsewhere".into(),
            vec![
                ("link-account", Text::plain(email)),
                ("link-asked-by", words::browser(&waiting.asked_from)),
                ("link-asked-at", Text::plain(&waiting.asked_from.ip)),
            ],
        ),
    };
    let page = Confirm {
        look: &look,
        title: Text::from("link-title").with("app", look.app.as_str()),
        lead,
        facts,
        // The page's own address, with its query.
        action: "",
        fields: vec![("confirm", confirm)],
        button: "sign-in",
        back: None,
        itself: waiting.asked_here,
    };
    Ok(page::reply(&page, origin_of(&target(asked, false)).as_deref()))
}

/// POST: the button. Only a page of ours knows what to send, and only in its own browser (SEC-028).
pub(super) async fn follow(asked: Asked) -> Result<Reply, No> {
    let token = asked.required_query("token")?;
    let confirm = asked.any_body(|body| body.optional_text("confirm"))?.unwrap_or_default();
    let expected =
        asked.kept(MAIL_SIGN_IN).map(|kept| mail_sign_in::confirmation(asked.ctx(), &kept, &token));
    if expected.is_none_or(|expected| expected != confirm) {
        return Err(No::Only(
            403,
            "CONFIRMATION_REQUIRED",
            "Open the link again and use the button on the page.",
        ));
    }
    enter(&asked, &token).await
}

async fn enter(asked: &Asked, token: &str) -> Result<Reply, No> {
    match mail_sign_in::follow(asked.ctx(), &asked.visitor, token, come(asked)).await {
        Ok(came) => Ok(arrived(asked, came)),
        Err(stop) => failed(asked, stop),
    }
}

fn come(asked: &Asked) -> Come {
    Come { handover: Handover::Token, trusted_devices: asked.trusted_device().into_iter().collect() }
}

/// In, or before the second step: as JSON, or as a redirect where the link names a target.
fn arrived(asked: &Asked, came: Came) -> Reply {
    let navigates = asked.query("callbackURL").is_some();
    let surface = &asked.surface;
    match came.step {
        SignedInOrAsked::Asked(step) if navigates => {
            let onward = challenge_page::address(asked, &target(asked, false));
            second_step(asked, &step).to(StatusCode::SEE_OTHER, &onward)
        }
        SignedInOrAsked::Asked(step) => second_step(asked, &step),
        SignedInOrAsked::SignedIn { user, second_factor_is_on, session, trusted_device } => {
            let token = session.token.expose();
            let body = json!({
                "token": token, "user": wire::user(&user, second_factor_is_on),
                "session": wire::session(&session.session, token),
            });
            let kept =
                trusted_device.map(|kept| surface.trusted_device(&user, &kept.value, kept.seconds_left));
            let reply = surface.welcome(Reply::json(&body), &session).cookies(kept);
            let reply = reply.cookie(surface.clear(MAIL_SIGN_IN));
            match (navigates, reply.status.is_success()) {
                (false, _) => reply,
                (true, true) => reply.to(StatusCode::SEE_OTHER, &target(asked, came.is_new)),
                (true, false) => {
                    let target = query::add(&error_target(asked), "error", "TWO_FACTOR_ENROLLMENT_REQUIRED");
                    reply.to(StatusCode::SEE_OTHER, &target)
                }
            }
        }
    }
}

/// A link that opens nothing leads on with the news (contract §9), whoever opens it.
fn failed(asked: &Asked, stop: Stop) -> Result<Reply, No> {
    let code = match &stop {
        Stop::Denied(Denied::LinkInvalid | Denied::LinkExpired) => "INVALID_TOKEN",
        Stop::Denied(Denied::UserNotFound) => "new_user_signup_disabled",
        _ => return Err(stop.into()),
    };
    Ok(Reply::found(&query::add(&error_target(asked), "error", code)))
}

fn target(asked: &Asked, is_new: bool) -> String {
    let fresh = asked.query("newUserCallbackURL").filter(|_| is_new);
    asked.absolute(&fresh.or_else(|| asked.query("callbackURL")).unwrap_or_else(|| "/".to_owned()))
}

fn error_target(asked: &Asked) -> String {
    let target = asked.query("errorCallbackURL").or_else(|| asked.query("callbackURL"));
    asked.absolute(&target.unwrap_or_else(|| "/".to_owned()))
}

/// As a page's policy names it.
pub(super) fn origin_of(target: &str) -> Option<String> {
    let url = Url::parse(target).ok()?;
    Some(match url.scheme() {
        "http" | "https" => url.origin().ascii_serialization(),
        scheme => format!("{scheme}:"),
    })
}

pub(super) async fn sign_in_with_code(asked: Asked) -> Result<Reply, No> {
    let typed = asked.body(|body| TypedCode {
        email: body.text("email"),
        code: body.secret("otp"),
        browser: asked.kept(MAIL_SIGN_IN),
        name: body.optional_text("name").unwrap_or_default(),
    })?;
    let came = mail_sign_in::type_code(asked.ctx(), &asked.visitor, typed, come(&asked)).await?;
    let surface = &asked.surface;
    Ok(match came.step {
        SignedInOrAsked::Asked(step) => second_step(&asked, &step),
        SignedInOrAsked::SignedIn { user, second_factor_is_on, session, trusted_device } => {
            let body = json!({
                "token": session.token.expose(), "user": wire::user(&user, second_factor_is_on),
            });
            let kept =
                trusted_device.map(|kept| surface.trusted_device(&user, &kept.value, kept.seconds_left));
            let reply = surface.welcome(Reply::json(&body), &session).cookies(kept);
            reply.cookie(surface.clear(MAIL_SIGN_IN))
        }
    })
}
