//! Sending a code for an open challenge, or for somebody signed in.

use countersign_core::{
    authenticator::{self, Authenticator, Kind as Bound},
    challenge::Asker,
    denied::Denied,
    event::Kind,
    ids::OneTimeCodeId,
    message::{CodePurpose, Destination, Message},
    method::Method,
    one_time_code,
    phone::{self, Unsendable},
    policy::{self, Bearer},
    session::{Scope, Visitor},
    time::DAY,
};
use serde_json::json;

use crate::{
    config::Sms,
    ctx::Ctx,
    operations::{
        Act, Outcome, Whose,
        challenge::{Answerer, binding, find_asker, sent_digest, user_of},
        emails::LinkShape,
    },
    store::NewCode,
};

/// How a code reaches the mailbox.
#[derive(Clone, Debug)]
pub enum Carrier {
    /// Six digits to type.
    Digits,
    /// A link to follow.
    Link(LinkShape),
    /// Six digits to a phone.
    Text,
}

impl Carrier {
    const fn method(&self) -> Method {
        match self {
            Self::Digits | Self::Link(_) => Method::EmailCode,
            Self::Text => Method::SmsCode,
        }
    }
}

/// Sends a code to the user's address or phone, for this challenge or session and nothing else (SEC-025).
pub async fn send_code(ctx: &Ctx, visitor: &Visitor, answerer: Answerer, carrier: Carrier) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let (public_url, spending) = (ctx.config.public_url.clone(), ctx.config.spending.clone());
    let (method, texts) = (carrier.method(), !matches!(ctx.config.sms, Sms::Off));
    ctx.write(move |tx| {
        let Some(asker) = find_asker(&act, tx, &answerer)? else {
            return Ok(Err(Denied::ChallengeGone));
        };
        let Some(user) = tx.user(user_of(&asker))? else {
            return Ok(Err(Denied::ChallengeGone));
        };
        let authenticators = tx.authenticators(&act.vault, &user.id)?;
        let purpose = match &asker {
            Asker::Door(challenge) => {
                if !challenge.is_open(&user, act.now) {
                    return Ok(Err(Denied::ChallengeGone));
                }
                CodePurpose::SignIn
            }
            Asker::Inside(_) if authenticator::second_factor_is_on(&authenticators) => CodePurpose::StepUp,
            Asker::Inside(_) => CodePurpose::Enrol,
        };
        if let Asker::Inside(session) = &asker
            && session.scope == Scope::Key
        {
            return Ok(Err(Denied::KeyRefused));
        }
        let policy = act.policy_for(tx, &user)?;
        let proofs = match &asker {
            Asker::Door(challenge) => &challenge.proofs,
            Asker::Inside(session) => &session.proofs,
        };
        let bearer = Bearer { user: &user, authenticators: &authenticators, proofs };
        let accepted = policy::accepts(policy, bearer, method);
        // A number that is being enrolled is proven by the code that reaches it.
        let waiting = authenticators
            .iter()
            .rfind(|one| matches!(&asker, Asker::Inside(_)) && one.awaits_proof(act.now))
            .and_then(number_of);
        let confirmed = || authenticators.iter().filter(|one| one.is_confirmed()).find_map(number_of);
        let number = match method {
            Method::SmsCode if !texts => return Ok(Err(Denied::NotEnrolled(method))),
            Method::SmsCode => match waiting.or_else(|| accepted.then(confirmed).flatten()) {
                None => return Ok(Err(Denied::NotEnrolled(method))),
                number => number,
            },
            _ if user.mailbox().is_none() || (purpose != CodePurpose::Enrol && !accepted) => {
                return Ok(Err(Denied::NotEnrolled(method)));
            }
            _ => None,
        };
        let earlier = tx.codes_sent(&user.id, act.now - DAY)?;
        if let Err(wait) = one_time_code::may_send(&earlier, act.now) {
            return Ok(Err(Denied::TooSoon { wait }));
        }
        if let Some(number) = &number {
            let spent = tx.texts_sent(phone::range(number), act.now)?;
            match spending.may_text(number, spent) {
                Ok(()) => {}
                Err(Unsendable::Number) => return Ok(Err(Denied::PhoneNotAllowed)),
                Err(Unsendable::Limit) => return Ok(Err(Denied::TextsPaused)),
            }
        }
        let binding = binding(&asker, method, &authenticators);
        let (code, lifetime) = match &carrier {
            Carrier::Digits | Carrier::Text => (one_time_code::new(act.dice()), one_time_code::LIFETIME),
            Carrier::Link(_) => (one_time_code::new_for_link(act.dice()), one_time_code::LINK_LIFETIME),
        };
        let new = NewCode {
            id: OneTimeCodeId::new(act.now, act.dice()),
            user: &user.id,
            binding: &binding,
            digest: sent_digest(&act, &binding, code.expose()),
            sent_at: act.now,
            expires_at: act.now + lifetime,
        };
        tx.insert_code(&new)?;
        let (minutes, from) = ((lifetime.as_secs() / 60) as u32, act.visitor.clone());
        let message = match &carrier {
            Carrier::Digits | Carrier::Text => Message::OneTimeCode { code, purpose, minutes, from },
            Carrier::Link(shape) => {
                let url = shape.around(&public_url, &code);
                Message::MagicLink { url, purpose, minutes, from }
            }
        };
        match &number {
            Some(number) => {
                tx.insert_text(&new.id, phone::range(number), act.now)?;
                let to = Destination::Phone(number.clone());
                act.write_to_destination(tx, &user, to, (message, new.expires_at))?;
            }
            None => act.write_letter(tx, &user, message, new.expires_at)?,
        }
        act.record(tx, Kind::CodeSent, Whose::user(&user.id), json!({ "channel": method }))?;
        Ok(Ok(()))
    })
    .await
}

fn number_of(one: &Authenticator) -> Option<String> {
    match &one.kind {
        Bound::SmsCode(number) => Some(number.expose().clone()),
        _ => None,
    }
}
