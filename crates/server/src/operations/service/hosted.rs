//! The page where an application's person answers, or enrols first, and from which they go back with a code.

use countersign_core::{
    challenge::{Challenge, State},
    denied::Denied,
    entropy,
    ids::ChallengeId,
    method::Method,
    secret::Secret,
    service::{Passed, ServiceChallenge, Wanted},
    session::Visitor,
    user::User,
};

use super::challenges::{Proof, answerer, keep, methods, told};
use crate::{
    config::Sms,
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome,
        challenge::{self, Answered, Carrier, Hints},
        passkeys::{self, AuthenticationOptions, Keep},
        sessions::{self, Handover, NewSession, SignedIn},
    },
    store::Tx,
};

/// What the page can enrol, the best first.
const ENROLS: [Method; 4] = [Method::Passkey, Method::Totp, Method::SmsCode, Method::EmailCode];
/// Length of a return code, `[A-Za-z0-9_-]`: 258 bits.
const CODE_LENGTH: usize = 43;

/// What the page shows.
#[derive(Debug)]
pub struct Hosted {
    pub wanted: Wanted,
    pub application: String,
    pub person: String,
    /// What the challenge may be answered with.
    pub methods: Vec<Method>,
    /// What the person may enrol first, if they have nothing.
    pub enrols: Vec<Method>,
    pub hints: Hints,
}

/// Where the browser goes with the challenge passed; nowhere if the application said nothing.
#[derive(Debug)]
pub struct Onward {
    pub application: String,
    /// The address, the challenge's id, and the code that the assertion is told for.
    pub back: Option<(String, ChallengeId, Secret<String>)>,
}

pub async fn look_at(ctx: &Ctx, token: &str) -> Outcome<Hosted> {
    let act = Act::begin(ctx, &Visitor::default());
    let token = token.to_owned();
    let offered = offered(ctx);
    let found = ctx.store.read(move |tx| {
        let Some((inner, one, user)) = found(&act, tx, &token)? else {
            return Ok(Err(Denied::ChallengeGone));
        };
        if !inner.is_open(&user, act.now) {
            return Ok(Err(Denied::ChallengeGone));
        }
        let enrols = may_enrol(&act, tx, &user, (&one.wanted, &offered))?;
        let methods = methods(&act, tx, &user, &one.wanted)?;
        let person = user.called().to_owned();
        let hints = challenge::hints(&act, tx, &user, &methods)?;
        Ok(Ok(Hosted { wanted: one.wanted, application: one.application, person, methods, enrols, hints }))
    });
    Ok(found.await??)
}

/// The challenge behind a page's token, with everything about it.
fn found(
    act: &Act,
    tx: &mut Tx<'_>,
    token: &str,
) -> Result<Option<(Challenge, ServiceChallenge, User)>, Fault> {
    let Some(inner) = tx.challenge(&challenge::external_digest(&act.vault, token))? else { return Ok(None) };
    let (one, user) = (tx.service_challenge(&inner.id)?, tx.user(&inner.user_id)?);
    Ok(one.zip(user).map(|(one, user)| (inner, one, user)))
}

/// What can be enrolled on this server at all, the best first.
pub(super) fn offered(ctx: &Ctx) -> Vec<Method> {
    let works = |method: &Method| match method {
        Method::Passkey => ctx.config.relying_party().is_some(),
        Method::SmsCode => !matches!(ctx.config.sms, Sms::Off),
        _ => true,
    };
    ENROLS.into_iter().filter(works).collect()
}

/// Whoever has a factor uses it: only the first may be enrolled on the application's word.
pub(super) fn may_enrol(
    act: &Act,
    tx: &mut Tx<'_>,
    user: &User,
    (wanted, offered): (&Wanted, &[Method]),
) -> Result<Vec<Method>, Fault> {
    if !tx.methods_enrolled(&user.id)?.is_empty() {
        return Ok(Vec::new());
    }
    let policy = act.policy_for(tx, user)?;
    let fits = |method: &Method| {
        wanted.takes(*method)
            && policy.may_enrol(*method).is_ok()
            && (*method != Method::EmailCode || user.mailbox().is_some())
    };
    Ok(offered.iter().copied().filter(fits).collect())
}

/// Where people go back to from this page, answered or not.
pub async fn return_url(ctx: &Ctx, token: &str) -> Outcome<Option<String>> {
    let act = Act::begin(ctx, &Visitor::default());
    let token = token.to_owned();
    let found = ctx.store.read(move |tx| found(&act, tx, &token)).await?;
    Ok(found.and_then(|(_, one, _)| one.wanted.return_url))
}

/// The options for a passkey on the page.
pub async fn question(ctx: &Ctx, token: &str) -> Outcome<AuthenticationOptions> {
    takes(ctx, token, Method::Passkey).await?;
    passkeys::begin_authentication(ctx, &answerer(token), Keep::Token).await
}

async fn takes(ctx: &Ctx, token: &str, method: Method) -> Outcome<()> {
    if !look_at(ctx, token).await?.wanted.takes(method) {
        return Err(Denied::MethodNotAllowed(method).into());
    }
    Ok(())
}

/// Sends the person a code for the challenge of this page.
pub async fn send(ctx: &Ctx, visitor: &Visitor, token: &str, method: Method) -> Outcome<()> {
    takes(ctx, token, method).await?;
    let carrier = if method == Method::SmsCode { Carrier::Text } else { Carrier::Digits };
    challenge::send_code(ctx, visitor, answerer(token), carrier).await
}

/// Judges what the person offers on the page. Whoever passes goes back with a code.
pub async fn answer(ctx: &Ctx, visitor: &Visitor, token: &str, proof: Proof) -> Outcome<Onward> {
    takes(ctx, token, proof.method()).await?;
    let (act, proof, token) = (Act::begin(ctx, visitor), proof.ready(ctx)?, token.to_owned());
    ctx.write(move |tx| {
        let Some((_, one, _)) = found(&act, tx, &token)? else { return Ok(Err(Denied::ChallengeGone)) };
        let answered: Result<Answered, Denied> = proof.judged(&act, tx, &answerer(&token))?;
        let code = new_code(&act, &one);
        let told = told(&act, tx, answered, (&one.id, code.as_ref()))?;
        Ok(told.map(|_| onward(&one, code)))
    })
    .await
}

fn new_code(act: &Act, one: &ServiceChallenge) -> Option<Secret<String>> {
    one.wanted.return_url.is_some().then(|| Secret::new(entropy::url_safe(act.dice(), CODE_LENGTH)))
}

fn onward(one: &ServiceChallenge, code: Option<Secret<String>>) -> Onward {
    let back = one.wanted.return_url.clone().zip(code).map(|(url, code)| (url, one.id.clone(), code));
    Onward { application: one.application.clone(), back }
}

/// The session in which whoever has no factor enrols one: it does nothing else, ends with the challenge, and its
/// token never leaves this server. Only for a method that the application takes.
pub async fn enrolling(ctx: &Ctx, visitor: &Visitor, token: &str, method: Method) -> Outcome<SignedIn> {
    let (act, offered) = (Act::begin(ctx, visitor), offered(ctx));
    let token = token.to_owned();
    ctx.write(move |tx| {
        let Some((_, _, user)) = found(&act, tx, &token)? else { return Ok(Err(Denied::ChallengeGone)) };
        tx.lock_user(&user.id)?;
        let now = found(&act, tx, &token)?;
        let Some((inner, one, user)) = now.filter(|(inner, _, user)| inner.is_open(user, act.now)) else {
            return Ok(Err(Denied::ChallengeGone));
        };
        if let Some(method) = tx.methods_enrolled(&user.id)?.first() {
            return Ok(Err(Denied::AlreadyEnrolled(*method)));
        }
        if !may_enrol(&act, tx, &user, (&one.wanted, &offered))?.contains(&method) {
            return Ok(Err(Denied::MethodNotAllowed(method)));
        }
        if let Some(id) = &one.session_id
            && let Some(who) = tx.signed_in_by_id(id)?
            && who.session.is_live(act.now)
        {
            return Ok(Ok(who));
        }
        let new = NewSession {
            user: &user,
            proofs: Default::default(),
            remember: false,
            handover: Handover::Token,
        };
        let session = sessions::mint(&act, tx, new)?.session;
        tx.renew_session(&session.id, inner.expires_at, act.now)?;
        tx.bind_service_challenge(&one.id, &session.id)?;
        Ok(tx.signed_in_by_id(&session.id)?.ok_or(Denied::ChallengeGone))
    })
    .await
}

/// Whoever enrolled on the page has shown the new factor there: that passes the challenge, once.
pub async fn enrolled(ctx: &Ctx, visitor: &Visitor, token: &str) -> Outcome<Onward> {
    let act = Act::begin(ctx, visitor);
    let token = token.to_owned();
    ctx.write(move |tx| {
        let Some((_, _, user)) = found(&act, tx, &token)? else { return Ok(Err(Denied::ChallengeGone)) };
        tx.lock_user(&user.id)?;
        let Some((inner, one, user)) = found(&act, tx, &token)? else {
            return Ok(Err(Denied::ChallengeGone));
        };
        // Not whether the account is as it was: it has a factor more, and that is why we are here.
        let session = one.session_id.as_ref().map(|id| tx.signed_in_by_id(id)).transpose()?.flatten();
        let shown = session.filter(|who| {
            who.session.is_live(act.now)
                && who.session.proofs.iter().any(|one_of| one.wanted.takes(one_of.method))
        });
        let (Some(who), State::Pending) = (shown, inner.state) else {
            return Ok(Err(Denied::ChallengeGone));
        };
        if !tx.pass_challenge(&inner.id, act.now)? {
            return Ok(Err(Denied::ChallengeGone));
        }
        let passed = Passed { at: act.now, proofs: who.session.proofs.clone() };
        let code = new_code(&act, &one);
        keep(&act, tx, &passed, (&one.id, &user, code.as_ref()))?;
        tx.delete_session(&user.id, &who.session.id)?;
        Ok(Ok(onward(&one, code)))
    })
    .await
}
