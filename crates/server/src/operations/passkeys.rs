//! Passkeys: registering one, and signing in, answering a challenge or stepping up with it.
//!
//! A ceremony's challenge is kept here and deleted before anything about its answer is looked at (SEC-036). It
//! is found again by a token that the browser keeps, or by whoever it was opened for.

mod keeping;
mod registration;

pub use keeping::{Known, list, remove, rename};
pub use registration::{Register, Registered, RegistrationOptions, begin_registration, register};

use std::time::Duration;

use countersign_core::{
    assurance::{PasskeyUse, Proofs},
    authenticator::{Authenticator, Kind as Bound},
    challenge::{Asker, Ends, Presented, Verdict, prove_passkey, refuse_passkey},
    denied::Denied,
    entropy,
    ids::{AuthenticatorId, UserId},
    method::Method,
    passkey::{
        self, AssertionJson, AssertionResponse, Passkey, RelyingParty, Transport, UserVerification, Whose,
    },
    secret::Secret,
    session::{Scope, Visitor},
    user::User,
};

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

pub use crate::store::CeremonyPurpose;
use crate::{
    config::EmailVerification,
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Stop,
        challenge::{self, Answered, Answerer, Given, Wishes},
        recovery,
        sessions::Handover,
        sign_in::{self, Admission, Gate, SignedInOrAsked},
    },
    store::{Ceremony, CeremonyPurpose as Purpose, Tx},
};

/// How long a ceremony is open (SEC-053).
pub const CEREMONY: Duration = Duration::from_secs(5 * 60);
/// What the browser is told, in milliseconds: no longer than the ceremony.
pub const TIMEOUT_MS: u64 = 300_000;
/// Passkeys one person may have.
pub const PER_USER_MAX: usize = 20;

/// Length of the token a browser keeps, `[A-Za-z0-9]`: 190 bits.
const TOKEN_LENGTH: usize = 32;

/// How an open ceremony is found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// By a token, for a surface that can leave one with the browser.
    Token,
    /// By the session or challenge it was opened for.
    Asker,
}

/// A passkey as the options name it.
#[derive(Clone, Debug)]
pub struct Descriptor {
    pub id: Vec<u8>,
    pub transports: Vec<Transport>,
}

impl Descriptor {
    pub fn json(all: &[Self]) -> Vec<Value> {
        let shown = |one: &Self| {
            let transports: Vec<_> = one.transports.iter().map(|way| way.as_str()).collect();
            json!({ "id": BASE64URL_NOPAD.encode(&one.id), "type": "public-key", "transports": transports })
        };
        all.iter().map(shown).collect()
    }

    fn of(authenticators: &[Authenticator]) -> Vec<Self> {
        let passkeys = authenticators.iter().filter_map(passkey_of);
        passkeys
            .map(|(_, one)| Self {
                id: one.credential.id.clone(),
                transports: one.credential.transports.clone(),
            })
            .collect()
    }
}

/// What `navigator.credentials.get()` is called with.
#[derive(Debug)]
pub struct AuthenticationOptions {
    pub challenge: [u8; 32],
    pub rp_id: String,
    /// Empty: whichever passkey the person picks says who they are.
    pub allow: Vec<Descriptor>,
    pub user_verification: UserVerification,
    /// The only copy.
    pub token: Secret<String>,
}

impl AuthenticationOptions {
    /// As browsers read it (`PublicKeyCredentialRequestOptionsJSON`, WebAuthn L3 §5.1.10), with the token that
    /// comes back with the answer.
    pub fn json(&self) -> Value {
        json!({
            "ceremony": self.token.expose(),
            "challenge": BASE64URL_NOPAD.encode(&self.challenge), "rpId": self.rp_id,
            "timeout": TIMEOUT_MS, "userVerification": self.user_verification.as_str(),
            "allowCredentials": Descriptor::json(&self.allow),
        })
    }
}

fn relying_party(ctx: &Ctx) -> Outcome<RelyingParty> {
    // A server that people reach by a bare IP address can have no passkeys (WebAuthn L3 §5.1.2).
    Ok(ctx.config.relying_party().ok_or(Denied::MethodNotAllowed(Method::Passkey))?)
}

fn passkey_of(one: &Authenticator) -> Option<(&AuthenticatorId, &Passkey)> {
    match &one.kind {
        Bound::Passkey(passkey) if one.is_confirmed() => Some((&one.id, passkey)),
        _ => None,
    }
}

fn digest(act: &Act, token: &str) -> Vec<u8> {
    act.vault.digest("passkey ceremony", &[token.as_bytes()])
}

/// What a ceremony is found by that no token is kept for. It is no secret: whoever names it must also be the one
/// it was opened for.
fn digest_of_asker(act: &Act, purpose: Purpose, binding: &str) -> Vec<u8> {
    act.vault.digest("passkey ceremony of", &[purpose.as_str().as_bytes(), binding.as_bytes()])
}

/// For whom a ceremony is opened.
struct Opening<'a> {
    purpose: Purpose,
    user: Option<&'a UserId>,
    binding: Option<&'a str>,
    keep: Keep,
}

fn open(act: &Act, tx: &mut Tx<'_>, opening: &Opening<'_>) -> Result<([u8; 32], Secret<String>), Fault> {
    let token = Secret::new(entropy::alphanumeric(act.dice(), TOKEN_LENGTH));
    let digest = match (opening.keep, opening.binding) {
        (Keep::Asker, Some(binding)) => digest_of_asker(act, opening.purpose, binding),
        _ => digest(act, token.expose()),
    };
    let challenge = passkey::new_challenge(act.dice());
    tx.open_ceremony(
        &digest,
        &Ceremony {
            purpose: opening.purpose,
            challenge: challenge.to_vec(),
            user_id: opening.user.cloned(),
            binding: opening.binding.map(str::to_owned),
            expires_at: act.now + CEREMONY,
        },
    )?;
    Ok((challenge, token))
}

/// Ends the ceremony and says what it was, if it was open.
fn spend(act: &Act, tx: &mut Tx<'_>, digest: &[u8], purpose: Purpose) -> Result<Option<Ceremony>, Fault> {
    let found = tx.ceremony(digest)?.filter(|one| one.purpose == purpose);
    let Some(ceremony) = found else { return Ok(None) };
    let spent = tx.delete_ceremony(digest)?;
    Ok(Some(ceremony).filter(|one| spent && act.now < one.expires_at))
}

/// What the ceremony of this token is for, if it is open. Looking spends nothing.
pub async fn purpose_of(ctx: &Ctx, token: &str) -> Outcome<Option<Purpose>> {
    let act = Act::begin(ctx, &Visitor::default());
    let digest = digest(&act, token);
    let found = ctx.store.read(move |tx| tx.ceremony(&digest)).await?;
    Ok(found.filter(|one| act.now < one.expires_at).map(|one| one.purpose))
}

/// Opens a ceremony for whoever is there: to answer their challenge, to prove themselves again within their
/// session, or to sign in.
pub async fn begin_authentication(
    ctx: &Ctx,
    answerer: &Answerer,
    keep: Keep,
) -> Outcome<AuthenticationOptions> {
    let relying_party = relying_party(ctx)?;
    let act = Act::begin(ctx, &Visitor::default());
    let answerer = answerer.clone();
    ctx.write(move |tx| {
        let asker = challenge::find_asker(&act, tx, &answerer)?;
        if let Some(Asker::Door(challenge)) = &asker
            && !tx.user(&challenge.user_id)?.is_some_and(|user| challenge.is_open(&user, act.now))
        {
            return Ok(Err(Denied::ChallengeGone));
        }
        let (purpose, user_verification) = match &asker {
            Some(Asker::Inside(session)) if session.scope == Scope::Key => {
                return Ok(Err(Denied::KeyRefused));
            }
            Some(Asker::Inside(_)) => (Purpose::StepUp, UserVerification::Required),
            Some(Asker::Door(_)) => (Purpose::Challenge, UserVerification::Preferred),
            None if answerer.challenge.is_some() => return Ok(Err(Denied::ChallengeGone)),
            None => (Purpose::SignIn, UserVerification::Preferred),
        };
        let user = asker.as_ref().map(challenge::user_of);
        let authenticators = match user {
            Some(user) => tx.authenticators(&act.vault, user)?,
            None => Vec::new(),
        };
        let allow = Descriptor::of(&authenticators);
        if user.is_some() && allow.is_empty() {
            return Ok(Err(Denied::NotEnrolled(Method::Passkey)));
        }
        let binding = asker.as_ref().map(challenge::id_of);
        let (challenge, token) = open(&act, tx, &Opening { purpose, user, binding, keep })?;
        Ok(Ok(AuthenticationOptions {
            challenge,
            rp_id: relying_party.id.clone(),
            allow,
            user_verification,
            token,
        }))
    })
    .await
}

/// Opens a ceremony for signing in: for anybody, or for the person who is signed in already.
pub async fn begin_sign_in(ctx: &Ctx, user: Option<&UserId>) -> Outcome<AuthenticationOptions> {
    let relying_party = relying_party(ctx)?;
    let act = Act::begin(ctx, &Visitor::default());
    let user = user.cloned();
    ctx.write(move |tx| {
        let authenticators = match &user {
            Some(user) => tx.authenticators(&act.vault, user)?,
            None => Vec::new(),
        };
        let allow = Descriptor::of(&authenticators);
        let opening =
            Opening { purpose: Purpose::SignIn, user: user.as_ref(), binding: None, keep: Keep::Token };
        let (challenge, token) = open(&act, tx, &opening)?;
        Ok(Ok(AuthenticationOptions {
            challenge,
            rp_id: relying_party.id.clone(),
            allow,
            user_verification: UserVerification::Preferred,
            token,
        }))
    })
    .await
}

/// A passkey's answer to a ceremony.
#[derive(Clone)]
pub struct Answer {
    /// What the browser kept; `None` where the ceremony is found by who asks.
    pub token: Option<String>,
    /// `None` where it could not be read, which ends the ceremony just the same.
    pub assertion: Option<AssertionJson>,
}

impl Answer {
    fn decoded(&self) -> Result<AssertionResponse, Stop> {
        let decoded = self.assertion.as_ref().and_then(|assertion| assertion.decoded().ok());
        Ok(decoded.ok_or(Denied::PasskeyRefused)?)
    }
}

pub struct PasskeySignIn {
    pub answer: Answer,
    pub remember: bool,
    pub handover: Handover,
}

/// Signs in with a passkey: in one step if it verified its person, with one factor otherwise.
pub async fn sign_in(ctx: &Ctx, visitor: &Visitor, attempt: PasskeySignIn) -> Outcome<SignedInOrAsked> {
    let relying_party = relying_party(ctx)?;
    let assertion = attempt.answer.decoded();
    let act = Act::begin(ctx, visitor);
    let must_verify = ctx.config.accounts.email_verification == EmailVerification::Required;
    let PasskeySignIn { answer, remember, handover } = attempt;
    let token = answer.token.unwrap_or_default();
    ctx.write(move |tx| {
        let Some(ceremony) = spend(&act, tx, &digest(&act, &token), Purpose::SignIn)? else {
            return Ok(Err(Denied::CeremonyGone));
        };
        let Ok(assertion) = &assertion else { return Ok(Err(Denied::PasskeyRefused)) };
        let presented = Presented {
            assertion: assertion.clone(),
            challenge: ceremony.challenge,
            relying_party: relying_party.clone(),
        };
        let (user, used) = match prove(&act, tx, (&presented, ceremony.user_id.as_ref()))? {
            Ok(proven) => proven,
            Err(denied) => return Ok(Err(denied)),
        };
        if must_verify && user.email_verified_at.is_none() {
            return Ok(Err(Denied::EmailUnverified));
        }
        let proofs = Proofs::of_passkey(used, act.now);
        sign_in::admit(
            &act,
            tx,
            Admission { user, proofs, remember, trusted: &[], handover, gate: Gate::SecondFactor },
        )
    })
    .await
}

/// Whose passkey was used just now, with what its use showed saved.
fn prove(
    act: &Act,
    tx: &mut Tx<'_>,
    (presented, asked): (&Presented, Option<&UserId>),
) -> Result<Result<(User, PasskeyUse), Denied>, Fault> {
    let Some((owner, id)) = tx.passkey_owner(&presented.assertion.credential_id)? else {
        return Ok(Err(Denied::PasskeyNotFound));
    };
    tx.lock_user(&owner)?;
    let Some(user) = tx.user(&owner)? else { return Ok(Err(Denied::PasskeyNotFound)) };
    let authenticators = tx.authenticators(&act.vault, &owner)?;
    let found = authenticators.iter().filter_map(passkey_of).find(|(found, _)| **found == id);
    let Some((_, passkey)) = found else { return Ok(Err(Denied::PasskeyNotFound)) };
    let whose = asked.map_or(Whose::Anyone, Whose::User);
    match prove_passkey(presented, passkey, (whose, false)) {
        Ok((proven, used)) => {
            if !tx.use_passkey(&id, passkey.credential.counter, &proven, act.now)? {
                return Ok(Err(Denied::PasskeyRefused));
            }
            recovery::second_factor_shown(act, tx, &user)?;
            tx.forget_password_came_by_mail(&owner)?;
            Ok(Ok((user, used)))
        }
        Err(refused) => match refuse_passkey(refused, &id) {
            Verdict::Refused(refusal) => {
                if let Ends::Passkey { authenticator, stored, seen } = &refusal.ends {
                    challenge::suspend_passkey(act, tx, &user, (authenticator, *stored, *seen))?;
                }
                Ok(Err(refusal.denied))
            }
            Verdict::Passed(_) => Err(Fault::internal("a refused passkey passed")),
        },
    }
}

/// Answers an open challenge, or proves somebody signed in anew. The ceremony must have been opened for that very
/// challenge or session.
pub async fn answer(
    ctx: &Ctx,
    visitor: &Visitor,
    answerer: Answerer,
    (answer, wishes): (Answer, Wishes),
) -> Outcome<Answered> {
    let presenting = Presenting::new(ctx, answer)?;
    let act = Act::begin(ctx, visitor);
    ctx.write(move |tx| presenting.judged(&act, tx, &answerer, wishes)).await
}

/// A passkey's answer on its way to the judge, for a transaction that has more to do than to answer.
pub(crate) struct Presenting {
    token: Option<String>,
    /// `None` where it could not be read.
    assertion: Option<AssertionResponse>,
    relying_party: RelyingParty,
}

impl Presenting {
    pub(crate) fn new(ctx: &Ctx, answer: Answer) -> Outcome<Self> {
        let relying_party = relying_party(ctx)?;
        let assertion = answer.decoded().ok();
        Ok(Self { token: answer.token, assertion, relying_party })
    }

    pub(crate) fn judged(
        &self,
        act: &Act,
        tx: &mut Tx<'_>,
        answerer: &Answerer,
        wishes: Wishes,
    ) -> Result<Result<Answered, Denied>, Fault> {
        let Some(asker) = challenge::find_asker(act, tx, answerer)? else {
            return Ok(Err(Denied::ChallengeGone));
        };
        let (purpose, id) = match &asker {
            Asker::Door(_) => (Purpose::Challenge, challenge::id_of(&asker)),
            Asker::Inside(_) => (Purpose::StepUp, challenge::id_of(&asker)),
        };
        let digest = match &self.token {
            Some(token) => digest(act, token),
            None => digest_of_asker(act, purpose, id),
        };
        let ceremony = spend(act, tx, &digest, purpose)?;
        let mine = ceremony.filter(|one| {
            one.user_id.as_ref() == Some(challenge::user_of(&asker)) && one.binding.as_deref() == Some(id)
        });
        let Some(ceremony) = mine else { return Ok(Err(Denied::CeremonyGone)) };
        let Some(assertion) = &self.assertion else { return Ok(Err(Denied::PasskeyRefused)) };
        let given = Given::Passkey(Box::new(Presented {
            assertion: assertion.clone(),
            challenge: ceremony.challenge,
            relying_party: self.relying_party.clone(),
        }));
        challenge::answer_within(act, tx, answerer, (&given, wishes))
    }
}
