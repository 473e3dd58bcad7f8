//! The second step at the door, and the same again within a session.

use askama::Template;
use axum::http::StatusCode;
use countersign_core::{challenge::Wants, denied::Denied, method::Method, one_time_code, session::Scope};

use super::{
    account,
    asked::{Asked, Keeps, No, see},
};
use crate::{
    http::{
        cookies::SetCookie,
        look::Look,
        page::{self, Challenge, Passkeys},
        query,
        reply::Reply,
    },
    operations::{
        Stop, authenticators,
        challenge::{self, Answered, Answerer, Carrier, Hints, Holder, Typed, Wishes},
        sessions::SignedIn,
        trusted_devices,
    },
    words::Text,
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
        trust: None,
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
    let wishes = Wishes::default();
    match challenge::answer(ctx, visitor, asked.at_the_door(), (typed(&asked), wishes)).await {
        Ok(answered) => gone_on(&asked, answered).await,
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

/// Where to go from a right answer, with what the browser keeps from here on.
pub(super) async fn entered(asked: &Asked, answered: Answered) -> Result<(String, Vec<SetCookie>), No> {
    match answered {
        Answered::SignedIn { user, session, .. } => {
            let mut cookies = vec![asked.session_cookie(&session), asked.forget(Keeps::Challenge)];
            // Of what was proven, nothing counts here: something that does is enrolled first.
            if session.session.scope == Scope::Enrolment {
                let to = asked.onward(&session, asked.return_to());
                cookies.extend(asked.remembering(&to));
                return Ok((to, cookies));
            }
            if session.session.proofs.includes(Method::BackupCode) {
                return Ok((query::add(SPENT_PAGE, "return_to", &asked.return_to()), cookies));
            }
            let who = SignedIn { user, session: session.session.clone(), second_factor_is_on: true };
            let offered = trusted_devices::offer(asked.ctx(), &who).await?;
            let to = match offered.is_zero() {
                true => asked.return_to(),
                false => query::add(TRUST_PAGE, "return_to", &asked.return_to()),
            };
            Ok((to, cookies))
        }
        Answered::Proven { rotated, .. } => {
            let cookies = rotated.iter().map(|fresh| asked.session_cookie(fresh)).collect();
            Ok((asked.return_to(), cookies))
        }
        Answered::ProvenOnly { .. } => Err(Denied::ChallengeGone.into()),
    }
}

async fn gone_on(asked: &Asked, answered: Answered) -> Result<Reply, No> {
    let (to, cookies) = entered(asked, answered).await?;
    Ok(see(&to).cookies(cookies))
}

const TRUST_PAGE: &str = "/challenge/trust";
const SPENT_PAGE: &str = "/challenge/backup-code";

#[derive(Template)]
#[template(path = "pages/backup_code.html")]
struct Spent<'a> {
    look: &'a Look,
    title: Text,
    left: Text,
    return_to: &'a str,
}

/// Whoever needs a backup code has lost something, and does better to look after it than to trust a browser.
pub(super) async fn show_spent(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let overview = authenticators::overview(asked.ctx(), &who).await?;
    let (look, return_to) = (asked.look(), asked.return_to());
    let left = account::codes_left(&overview);
    Ok(page::reply(&Spent { look, title: "spent-title".into(), left, return_to: &return_to }, None))
}

#[derive(Template)]
#[template(path = "pages/trust.html")]
struct TrustThisBrowser<'a> {
    look: &'a Look,
    title: Text,
    days: u64,
    browser: Text,
    return_to: &'a str,
}

/// Asks once more, and takes no for an answer; where there is nothing to ask, on.
pub(super) async fn show_trust(asked: Asked) -> Result<Reply, No> {
    let (who, return_to) = (asked.signed_in().await?, asked.return_to());
    let lasts = trusted_devices::offer(asked.ctx(), &who).await?;
    let Some((days, browser)) = page::trust(lasts, &asked.visitor) else {
        return Ok(see(&return_to));
    };
    let look = asked.look();
    let page = TrustThisBrowser { look, title: "trust-title".into(), days, browser, return_to: &return_to };
    Ok(page::reply(&page, asked.leads_to().as_deref()))
}

pub(super) async fn trust(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    match trusted_devices::trust_now(asked.ctx(), &asked.visitor, &who).await {
        Ok(value) => {
            let kept = value.as_ref().map(|value| asked.keep_trusted(value, None));
            Ok(see(&asked.return_to()).cookies(kept))
        }
        // Too late: the next second step asks again.
        Err(Stop::Denied(Denied::StaleSession)) => Ok(see(&asked.return_to())),
        Err(stop) => Err(stop.into()),
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
    let methods = overview.methods();
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
        Ok(answered) => gone_on(&asked, answered).await,
        Err(Stop::Denied(denied)) => {
            Ok(page(&asked, (StatusCode::UNAUTHORIZED, Some(page::said(&denied))), (&offers, false)))
        }
        Err(stop) => Err(stop.into()),
    }
}
