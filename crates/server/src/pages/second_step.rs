//! The second step at the door, and the same again within a session.

use axum::http::StatusCode;
use countersign_core::{
    challenge::Wants, denied::Denied, method::Method, one_time_code, session::Visitor, time::DAY,
};

use super::asked::{Asked, Keeps, No, see};
use crate::{
    http::{
        page::{self, Challenge, Passkeys},
        query,
        reply::Reply,
    },
    operations::{
        Stop, authenticators,
        challenge::{self, Answered, Answerer, Carrier, Hints, Holder, Typed, Wishes},
    },
    words::{self, Text},
};

/// What there is to be asked for.
struct Offers {
    methods: Vec<Method>,
    backup_codes: bool,
    hints: Hints,
}

impl Offers {
    fn has(&self, method: Method) -> bool {
        self.methods.contains(&method)
    }

    /// Where a code that was just asked for goes to.
    fn sent_to(&self, asked: &Asked) -> Option<&str> {
        match sent_by(asked)? {
            Method::SmsCode => self.hints.phone.as_deref(),
            _ => self.hints.mailbox.as_deref(),
        }
    }
}

fn page(
    asked: &Asked,
    (status, said): (StatusCode, Option<Text>),
    (offers, at_the_door): (&Offers, bool),
) -> Reply {
    let hints = &offers.hints;
    let page = Challenge {
        look: asked.look(),
        title: "challenge-title".into(),
        request: None,
        said,
        wrong: status != StatusCode::OK,
        app: offers.has(Method::Totp),
        sheet: offers.backup_codes,
        mailbox: hints.mailbox.clone(),
        phone: hints.phone.clone(),
        first: sent_by(asked).or(hints.last_used),
        last_used: hints.last_used,
        password: offers.has(Method::Password),
        passkeys: offers.has(Method::Passkey).then(|| Passkeys {
            method: "POST",
            options: "/challenge/passkey/options".to_owned(),
            verify: query::add("/challenge/passkey", "return_to", &asked.return_to()),
            then: asked.return_to(),
        }),
        trust_days: if at_the_door { hints.trust_lasts.as_secs() / DAY.as_secs() } else { 0 },
        browser: trust_note(&asked.visitor),
        elapsed: page::elapsed(asked.ctx().clock.now()),
        wait: hints.wait.map(|wait| wait.as_secs() + 1),
        recovers: at_the_door,
    };
    page::reply(&page, asked.leads_to().as_deref()).status(status)
}

async fn offers(asked: &Asked) -> Result<Offers, No> {
    let open = challenge::look_at(asked.ctx(), &asked.at_the_door()).await;
    match open {
        Ok(open) => Ok(Offers {
            backup_codes: open.offers(Method::BackupCode),
            methods: open.methods,
            hints: open.hints,
        }),
        Err(Stop::Denied(_)) => Err(No::Elsewhere(query::add("/sign-in", "return_to", &asked.return_to()))),
        Err(stop) => Err(stop.into()),
    }
}

pub(super) async fn show(asked: Asked) -> Result<Reply, No> {
    let offers = offers(&asked).await?;
    Ok(page(&asked, (StatusCode::OK, None), (&offers, true)))
}

fn carrier(asked: &Asked) -> Carrier {
    if asked.text("send") == "sms" { Carrier::Text } else { Carrier::Digits }
}

/// A code as typed, with where it comes from.
pub(super) fn typed(asked: &Asked) -> Typed {
    let code = one_time_code::tidied(&asked.text("code"));
    match asked.text("kind").as_str() {
        "sms" => Typed { method: Method::SmsCode, code },
        "mail" => Typed { method: Method::EmailCode, code },
        "password" => Typed { method: Method::Password, code: asked.secret("code") },
        _ => Typed::from_either(code),
    }
}

pub(super) async fn answer(asked: Asked) -> Result<Reply, No> {
    let (ctx, visitor) = (asked.ctx(), &asked.visitor);
    if asked.ticked("send") {
        let sent = challenge::send_code(ctx, visitor, asked.at_the_door(), carrier(&asked)).await;
        let offers = offers(&asked).await?;
        let news = news_of_sending(sent, offers.sent_to(&asked))?;
        return Ok(page(&asked, news, (&offers, true)));
    }
    let wishes = Wishes { trust_device: asked.ticked("trust"), ..Wishes::default() };
    match challenge::answer(ctx, visitor, asked.at_the_door(), (typed(&asked), wishes)).await {
        Ok(answered) => Ok(entered(&asked, answered)?),
        Err(Stop::Denied(denied)) => {
            let offers = offers(&asked).await?;
            Ok(page(&asked, (StatusCode::UNAUTHORIZED, Some(page::said(&denied))), (&offers, true)))
        }
        Err(stop) => Err(stop.into()),
    }
}

/// What this request asked to be sent a code by, which is then what is typed.
pub(super) fn sent_by(asked: &Asked) -> Option<Method> {
    match asked.text("send").as_str() {
        "" => None,
        "sms" => Some(Method::SmsCode),
        _ => Some(Method::EmailCode),
    }
}

fn trust_note(visitor: &Visitor) -> Text {
    Text::from("challenge-trust-note").with("browser", words::browser(visitor))
}

/// What is said once a code was asked for; `to` is where it went, masked.
pub(super) fn news_of_sending(
    sent: Result<(), Stop>,
    to: Option<&str>,
) -> Result<(StatusCode, Option<Text>), No> {
    match sent {
        Ok(()) => {
            let said = Text::from("challenge-sent").with("to", to.unwrap_or_default());
            Ok((StatusCode::OK, Some(said)))
        }
        Err(Stop::Denied(denied)) => Ok((StatusCode::FORBIDDEN, Some(page::said(&denied)))),
        Err(stop) => Err(stop.into()),
    }
}

/// In, with what the browser keeps from here on.
pub(super) fn entered(asked: &Asked, answered: Answered) -> Result<Reply, No> {
    match answered {
        Answered::SignedIn { session, trusted_device, .. } => {
            let to = asked.onward(&session, asked.return_to());
            let kept = trusted_device.as_ref().map(|value| asked.keep(Keeps::TrustedDevice, value));
            Ok(see(&to)
                .cookies([asked.session_cookie(&session), asked.forget(Keeps::Challenge)])
                .cookies(kept))
        }
        Answered::Proven { rotated, .. } => {
            let cookie = rotated.as_ref().map(|fresh| asked.session_cookie(fresh));
            Ok(see(&asked.return_to()).cookies(cookie))
        }
        Answered::ProvenOnly { .. } => Err(Denied::ChallengeGone.into()),
    }
}

pub(super) fn within(asked: &Asked) -> Answerer {
    let session = asked.token.clone().map(Holder::Token);
    Answerer { session, ..Answerer::default() }
}

async fn offers_within(asked: &Asked) -> Result<Offers, No> {
    let who = asked.signed_in().await?;
    let overview = authenticators::overview(asked.ctx(), &who).await?;
    if !overview.is_on() {
        // Without a second factor a fresh proof is signing in again.
        return Err(No::Elsewhere(query::add("/sign-in", "return_to", &asked.return_to())));
    }
    let methods: Vec<Method> = overview.enrolled.iter().map(|(method, _)| *method).collect();
    let hints = challenge::hints_for(asked.ctx(), &who, &methods).await?;
    Ok(Offers { methods, backup_codes: overview.backup_codes_left > 0, hints })
}

pub(super) async fn show_step_up(asked: Asked) -> Result<Reply, No> {
    let offers = match offers_within(&asked).await {
        // The old session must not lead straight back here.
        Err(No::Elsewhere(to)) => return Ok(see(&to).cookie(asked.clear_session())),
        offers => offers?,
    };
    Ok(page(&asked, (StatusCode::OK, None), (&offers, false)))
}

pub(super) async fn step_up(asked: Asked) -> Result<Reply, No> {
    let offers = offers_within(&asked).await?;
    let (ctx, visitor) = (asked.ctx(), &asked.visitor);
    if asked.ticked("send") {
        let sent = challenge::send_code(ctx, visitor, within(&asked), carrier(&asked)).await;
        let offers = offers_within(&asked).await?;
        let news = news_of_sending(sent, offers.sent_to(&asked))?;
        return Ok(page(&asked, news, (&offers, false)));
    }
    let wishes = Wishes { wants: Wants::Proof, ..Wishes::default() };
    match challenge::answer(ctx, visitor, within(&asked), (typed(&asked), wishes)).await {
        Ok(answered) => entered(&asked, answered),
        Err(Stop::Denied(denied)) => {
            Ok(page(&asked, (StatusCode::UNAUTHORIZED, Some(page::said(&denied))), (&offers, false)))
        }
        Err(stop) => Err(stop.into()),
    }
}
