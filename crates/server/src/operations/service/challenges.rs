//! Challenges that an application opens for one of its people, and the assertion it gets.
//!
//! The challenge itself is the judge's own, spent there; what the application wanted of it and what came of it stand
//! beside it. Its token is derived from its id under a key of ours, so the hosted page and the application's server
//! answer the same challenge, and the store keeps neither.

use countersign_core::{
    challenge::{Challenge, LIFETIME, OPEN_MAX, State, Wants},
    denied::Denied,
    event::Kind,
    ids::{ChallengeId, OrganisationId},
    method::Method,
    secret::Secret,
    service::{ASSERTION_LIFETIME, Passed, RETURN_CODE_LIFETIME, ServiceChallenge, ServiceKey, Wanted},
    session::Visitor,
    time::Timestamp,
    user::User,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Map, Value, json};

use super::{
    hosted::{may_enrol, offered},
    people::{Described, brought},
};
use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose,
        challenge::{self, Answered, Answerer, Carrier, Given, Typed, Wishes},
        passkeys::{self, Answer, AuthenticationOptions, Keep, Presenting},
    },
    store::Tx,
    vault::Vault,
};

/// `typ` of an assertion. No other token of ours has it (SEC-086).
const ASSERTION: &str = "mfa-assertion+jwt";

/// A challenge just opened, with the only copy of what its page is reached by.
#[derive(Debug)]
pub struct Opened {
    pub id: ChallengeId,
    pub token: Secret<String>,
    /// What it may be answered with; nothing if the person has to enrol on the page first.
    pub methods: Vec<Method>,
    pub expires_at: Timestamp,
}

/// How a challenge stands.
#[derive(Debug)]
pub struct Standing {
    pub state: &'static str,
    pub methods: Vec<Method>,
    pub expires_at: Timestamp,
}

/// A proof as the person gave it.
pub enum Proof {
    Typed(Typed),
    Passkey(Answer),
}

/// What an application offers in its person's place.
pub enum Offered {
    Proof(Proof),
    /// The code that came back with the browser.
    ReturnCode(Secret<String>),
}

/// What was shown, signed.
#[derive(Debug)]
pub struct Assertion {
    pub external_id: String,
    pub amr: Vec<&'static str>,
    pub acr: &'static str,
    pub token: Secret<String>,
}

/// A proof with everything that the judge needs beside the store.
pub(super) enum Ready {
    Typed(Given),
    Passkey(Presenting),
}

impl Proof {
    pub(super) fn method(&self) -> Method {
        match self {
            Self::Typed(typed) => typed.method,
            Self::Passkey(_) => Method::Passkey,
        }
    }

    pub(super) fn ready(self, ctx: &Ctx) -> Outcome<Ready> {
        Ok(match self {
            Self::Typed(typed) => Ready::Typed(Given::Typed(typed)),
            Self::Passkey(answer) => Ready::Passkey(Presenting::new(ctx, answer)?),
        })
    }
}

impl Ready {
    pub(super) fn judged(
        &self,
        act: &Act,
        tx: &mut Tx<'_>,
        answerer: &Answerer,
    ) -> Result<Result<Answered, Denied>, Fault> {
        match self {
            Self::Typed(given) => challenge::answer_within(act, tx, answerer, (given, PROVES)),
            Self::Passkey(presenting) => presenting.judged(act, tx, answerer, PROVES),
        }
    }
}

pub(super) fn token_of(vault: &Vault, id: &ChallengeId) -> Secret<String> {
    Secret::new(BASE64URL_NOPAD.encode(&vault.digest("external challenge token", &[id.as_str().as_bytes()])))
}

pub(super) fn answerer(token: &str) -> Answerer {
    Answerer { challenge: Some(token.to_owned()), external: true, ..Answerer::default() }
}

/// It proves, and opens nothing.
const PROVES: Wishes = Wishes { trust_device: false, no_session: true, wants: Wants::Proof };

pub async fn open(
    ctx: &Ctx,
    visitor: &Visitor,
    key: &ServiceKey,
    (described, wanted): (Described, Wanted),
) -> Outcome<Opened> {
    let described = described.checked()?;
    let (act, offered) = (Act::begin(ctx, visitor), offered(ctx));
    let key = key.clone();
    ctx.write(move |tx| {
        let user = brought(&act, tx, &key, &described)?;
        let methods = methods(&act, tx, &user, &wanted)?;
        if methods.is_empty() && may_enrol(&act, tx, &user, (&wanted, &offered))?.is_empty() {
            // It could never be answered.
            let named = Method::ALL.iter().find(|method| wanted.takes(**method));
            return Ok(Err(Denied::NotEnrolled(named.copied().unwrap_or(Method::Totp))));
        }
        let one = Challenge {
            id: ChallengeId::new(act.now, act.dice()),
            user_id: user.id.clone(),
            state: State::Pending,
            proofs: Default::default(),
            remember: false,
            failures: 0,
            security_version: user.security_version,
            expires_at: act.now + LIFETIME,
        };
        let token = token_of(&act.vault, &one.id);
        tx.insert_challenge(&one, &challenge::external_digest(&act.vault, token.expose()), act.now)?;
        tx.evict_challenges(&user.id, OPEN_MAX)?;
        tx.insert_service_challenge(&ServiceChallenge {
            id: one.id.clone(),
            organisation_id: key.organisation_id.clone(),
            application: key.name.clone(),
            user_id: user.id.clone(),
            wanted: wanted.clone(),
            session_id: None,
            passed: None,
            expires_at: one.expires_at,
        })?;
        let detail = json!({ "challenge": one.id, "key": key.id });
        act.record(tx, Kind::ServiceChallengeOpened, Whose::user(&user.id), detail)?;
        Ok(Ok(Opened { id: one.id, token, methods, expires_at: one.expires_at }))
    })
    .await
}

/// What of the person's methods the application takes.
pub(super) fn methods(
    act: &Act,
    tx: &mut Tx<'_>,
    user: &User,
    wanted: &Wanted,
) -> Result<Vec<Method>, Fault> {
    let mut methods = challenge::methods_of(act, tx, user, &Default::default())?;
    if tx.backup_codes(&user.id, None)?.left > 0 {
        methods.push(Method::BackupCode);
    }
    methods.retain(|method| wanted.takes(*method));
    Ok(methods)
}

/// One of this organisation's challenges. Whether another's exists is nobody's business.
fn own(
    tx: &mut Tx<'_>,
    organisation: &OrganisationId,
    id: &ChallengeId,
) -> Result<Result<ServiceChallenge, Denied>, Fault> {
    let found = tx.service_challenge(id)?.filter(|one| one.organisation_id == *organisation);
    Ok(found.ok_or(Denied::ChallengeGone))
}

pub async fn standing(ctx: &Ctx, key: &ServiceKey, id: &ChallengeId) -> Outcome<Standing> {
    let act = Act::begin(ctx, &Visitor::default());
    let (organisation, id) = (key.organisation_id.clone(), id.clone());
    let found = ctx.store.read(move |tx| {
        let one = match own(tx, &organisation, &id)? {
            Ok(one) => one,
            Err(denied) => return Ok(Err(denied)),
        };
        let token = token_of(&act.vault, &one.id);
        let inner = tx.challenge(&challenge::external_digest(&act.vault, token.expose()))?;
        let (Some(inner), Some(user)) = (inner, tx.user(&one.user_id)?) else {
            return Ok(Err(Denied::ChallengeGone));
        };
        let state = match inner.state {
            State::Passed => "passed",
            State::Failed => "failed",
            State::Pending if inner.is_open(&user, act.now) => "pending",
            State::Pending => "expired",
        };
        let methods = methods(&act, tx, &user, &one.wanted)?;
        Ok(Ok(Standing { state, methods, expires_at: one.expires_at }))
    });
    Ok(found.await??)
}

/// The challenge, if it is this key's and takes this method.
async fn of_key(ctx: &Ctx, key: &ServiceKey, id: &ChallengeId, method: Method) -> Outcome<Answerer> {
    let (organisation, id) = (key.organisation_id.clone(), id.clone());
    let one = ctx.store.read(move |tx| own(tx, &organisation, &id)).await??;
    if !one.wanted.takes(method) {
        return Err(Denied::MethodNotAllowed(method).into());
    }
    Ok(answerer(token_of(&ctx.vault, &one.id).expose()))
}

/// Sends the person a code for this challenge.
pub async fn send_code(
    ctx: &Ctx,
    visitor: &Visitor,
    key: &ServiceKey,
    (id, method): (&ChallengeId, Method),
) -> Outcome<()> {
    let answerer = of_key(ctx, key, id, method).await?;
    let carrier = if method == Method::SmsCode { Carrier::Text } else { Carrier::Digits };
    challenge::send_code(ctx, visitor, answerer, carrier).await
}

/// For an application that calls `navigator.credentials.get()` itself, on a page of this server's domain.
pub async fn passkey_options(
    ctx: &Ctx,
    key: &ServiceKey,
    id: &ChallengeId,
) -> Outcome<AuthenticationOptions> {
    let answerer = of_key(ctx, key, id, Method::Passkey).await?;
    passkeys::begin_authentication(ctx, &answerer, Keep::Token).await
}

/// Judges what an application offers. Whoever passes gets the assertion, once.
pub async fn verify(
    ctx: &Ctx,
    visitor: &Visitor,
    key: &ServiceKey,
    (id, offered): (&ChallengeId, Offered),
) -> Outcome<Assertion> {
    let act = Act::begin(ctx, visitor);
    let (passed, user, id) = match offered {
        Offered::ReturnCode(code) => redeem(ctx, key, id, &code).await?,
        Offered::Proof(proof) => {
            let answerer = of_key(ctx, key, id, proof.method()).await?;
            let (id, proof) = (id.clone(), proof.ready(ctx)?);
            ctx.write(move |tx| {
                let answered = proof.judged(&act, tx, &answerer)?;
                Ok(told(&act, tx, answered, (&id, None))?.map(|(passed, user)| (passed, user, id.clone())))
            })
            .await?
        }
    };
    let one = ctx.store.read(move |tx| tx.service_challenge(&id)).await?.ok_or(Denied::ChallengeGone)?;
    assertion(ctx, &user, &one, &passed)
}

/// Keeps what the challenge was passed with, in the transaction that spent it.
pub(super) fn told(
    act: &Act,
    tx: &mut Tx<'_>,
    answered: Result<Answered, Denied>,
    (id, code): (&ChallengeId, Option<&Secret<String>>),
) -> Result<Result<(Passed, User), Denied>, Fault> {
    let (user, proofs) = match answered {
        Ok(Answered::ProvenOnly { user, proofs }) => (user, proofs),
        Ok(_) => return Err(Fault::internal("an application's challenge gave more than a proof")),
        Err(denied) => return Ok(Err(denied)),
    };
    let passed = Passed { at: act.now, proofs };
    keep(act, tx, &passed, (id, &user, code))?;
    Ok(Ok((passed, user)))
}

pub(super) fn keep(
    act: &Act,
    tx: &mut Tx<'_>,
    passed: &Passed,
    (id, user, code): (&ChallengeId, &User, Option<&Secret<String>>),
) -> Result<(), Fault> {
    let digest = code.map(|code| return_digest(&act.vault, code.expose()));
    let code = digest.as_deref().map(|digest| (digest, act.now + RETURN_CODE_LIFETIME));
    tx.service_challenge_passed(id, passed, code)?;
    let detail = json!({ "challenge": id, "amr": passed.proofs.amr() });
    act.record(tx, Kind::ServiceChallengePassed, Whose::user(&user.id), detail)
}

fn return_digest(vault: &Vault, code: &str) -> Vec<u8> {
    vault.digest("return code", &[code.as_bytes()])
}

async fn redeem(
    ctx: &Ctx,
    key: &ServiceKey,
    id: &ChallengeId,
    code: &Secret<String>,
) -> Outcome<(Passed, User, ChallengeId)> {
    let digest = return_digest(&ctx.vault, code.expose());
    let (organisation, id, now) = (key.organisation_id.clone(), id.clone(), ctx.clock.now());
    ctx.write(move |tx| {
        let one = match own(tx, &organisation, &id)? {
            Ok(one) => one,
            Err(denied) => return Ok(Err(denied)),
        };
        if !tx.spend_return_code(&id, &digest, now)? {
            return Ok(Err(Denied::LinkInvalid));
        }
        match (one.passed.clone(), tx.user(&one.user_id)?) {
            (Some(passed), Some(user)) => Ok(Ok((passed, user, one.id))),
            _ => Ok(Err(Denied::ChallengeGone)),
        }
    })
    .await
}

/// A JWT for the application, to be checked with the keys at `/.well-known/jwks.json`. `jti` is the challenge, so
/// that whoever checks can tell a second use.
fn assertion(ctx: &Ctx, user: &User, one: &ServiceChallenge, passed: &Passed) -> Outcome<Assertion> {
    let gone = || Fault::internal("an application's person has no external id");
    let external_id = user.external.as_ref().ok_or_else(gone)?.id.clone();
    let now = ctx.clock.now();
    let (amr, acr) = (passed.proofs.amr(), passed.proofs.aal(passed.at).acr());
    let mut claims: Map<String, Value> = Map::new();
    let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    claim("iss", json!(ctx.config.origin()));
    claim("aud", json!(one.organisation_id));
    claim("sub", json!(external_id));
    claim("jti", json!(one.id));
    claim("iat", json!(now.as_seconds()));
    claim("exp", json!((now + ASSERTION_LIFETIME).as_seconds()));
    claim("auth_time", json!(passed.at.as_seconds()));
    claim("amr", json!(amr));
    claim("acr", json!(acr));
    for (name, text) in [("reason", &one.wanted.reason), ("transaction", &one.wanted.transaction)] {
        if let Some(text) = text {
            claim(name, json!(text));
        }
    }
    let token = Secret::new(ctx.vault.sign_token(Some(ASSERTION), &claims)?);
    Ok(Assertion { external_id, amr, acr, token })
}
