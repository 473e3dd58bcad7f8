//! Signing up and signing in with a password: a session, or the question that stands before it.

use countersign_core::{
    assurance::Proofs,
    authenticator,
    challenge::{Challenge, LIFETIME, OPEN_MAX, State},
    denied::Denied,
    entropy,
    event::Kind,
    ids::{ChallengeId, UserId},
    method::Method,
    password::{DECOY, Ingredient, Verification},
    policy::{self, Bearer},
    secret::Secret,
    session::Visitor,
    user::{self, User},
};
use serde_json::json;

pub use crate::operations::{organisations::Belonging, trusted_devices::Renewed};
use crate::{
    config::EmailVerification,
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose,
        challenge::{self, Answered, Answerer, Typed, Wishes},
        emails::{LinkShape, Mailer},
        organisations,
        passwords::{self, Person},
        sessions::{self, Handover, Minted, NewSession},
        trusted_devices,
    },
    store::{Purpose, Tx},
};

/// Length of a challenge token, `[A-Za-z0-9_-]`: 192 bits (SEC-058 asks for 128).
const TOKEN_LENGTH: usize = 32;

#[derive(Default)]
pub struct SignUp {
    pub name: String,
    pub family_name: Option<String>,
    pub email: String,
    pub password: Secret<String>,
    pub image: Option<String>,
    pub remember: bool,
    /// What the mailed verification link looks like, if one must be sent.
    pub link: LinkShape,
    /// Kinds of character that this wire's clients and documents ask of a password.
    pub ingredients: &'static [Ingredient],
    pub belonging: Belonging,
    /// With `Nothing`, no session is made, and the address is asked to verify itself.
    pub handover: Handover,
}

/// A new account, with a session unless the address must be verified first.
#[derive(Debug)]
pub struct SignedUp {
    pub user: User,
    pub session: Option<Minted>,
}

#[derive(Default)]
pub struct PasswordSignIn {
    pub email: String,
    pub password: Secret<String>,
    pub remember: bool,
    /// The organisation, by its external id, that the person must belong to.
    pub within: Option<String>,
    pub handover: Handover,
    pub gate: Gate,
    /// What the browser keeps from an earlier "trust this device": one value for each person who shares it.
    pub trusted_devices: Vec<String>,
}

/// Whether a second factor stands in the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gate {
    #[default]
    SecondFactor,
    /// As one original has it: its login never asks. Only where the operator chose so by name, and of nobody
    /// who is required to have a second factor.
    Open,
}

#[derive(Debug)]
pub enum SignedInOrAsked {
    SignedIn { user: User, second_factor_is_on: bool, session: Minted, trusted_device: Option<Renewed> },
    Asked(Asked),
}

/// A second step is due.
#[derive(Debug)]
pub struct Asked {
    pub user: User,
    /// The only copy of the challenge's token.
    pub token: Secret<String>,
    pub methods: Vec<Method>,
}

pub async fn sign_up(ctx: &Ctx, visitor: &Visitor, new: SignUp) -> Outcome<SignedUp> {
    let email = user::email(&new.email).ok_or(Denied::EmailInvalid)?;
    check_profile(&new.name, new.image.as_deref())?;
    let person = Person { email: &email, name: &new.name, family_name: new.family_name.as_deref() };
    passwords::fits(ctx, &new.password, new.ingredients, person)?;
    let hash = passwords::hash(ctx, new.password.clone()).await?;
    let act = Act::begin(ctx, visitor);
    // Whoever sets a server up is the one who runs it, and vouches for their own address: the mail that would
    // verify it may not leave before they have set it up.
    let vouched = matches!(new.belonging, Belonging::FirstAtHome);
    let user = User {
        email_verified_at: vouched.then_some(act.now),
        name: new.name,
        family_name: new.family_name,
        image: new.image,
        password: Some(hash),
        ..User::newcomer(UserId::new(act.now, act.dice()), email, act.now)
    };
    let must_verify = !vouched && ctx.config.accounts.email_verification == EmailVerification::Required;
    let mailer = Mailer::new(ctx, new.link);
    let (remember, belonging, handover) = (new.remember, new.belonging, new.handover);
    ctx.write(move |tx| {
        let place = match organisations::place_for(tx, &belonging)? {
            Ok(place) => place,
            Err(denied) => return Ok(Err(denied)),
        };
        if !tx.insert_user(&user)? {
            // When addresses must be verified, a taken one gets the same answer as a free one (SEC-115).
            return Ok(if must_verify {
                Ok(SignedUp { user: user.clone(), session: None })
            } else {
                Err(Denied::EmailTaken)
            });
        }
        act.record(tx, Kind::SignedUp, Whose::user(&user.id), json!({}))?;
        organisations::join(&act, tx, &user, place)?;
        let session = if must_verify || handover == Handover::Nothing {
            mailer.send(&act, tx, &user, Purpose::VerifyEmail)?;
            None
        } else {
            let proofs = Proofs::of(Method::Password, act.now);
            Some(sessions::mint(&act, tx, NewSession { user: &user, proofs, remember, handover })?)
        };
        Ok(Ok(SignedUp { user: user.clone(), session }))
    })
    .await
}

pub(crate) fn check_profile(name: &str, image: Option<&str>) -> Result<(), Denied> {
    if name.chars().count() > user::NAME_MAX {
        return Err(Denied::FieldTooLong { field: "name", max: user::NAME_MAX });
    }
    if image.is_some_and(|image| image.len() > user::IMAGE_MAX) {
        return Err(Denied::FieldTooLong { field: "image", max: user::IMAGE_MAX });
    }
    Ok(())
}

pub async fn with_password(
    ctx: &Ctx,
    visitor: &Visitor,
    attempt: PasswordSignIn,
) -> Outcome<SignedInOrAsked> {
    let email = user::email(&attempt.email).ok_or(Denied::EmailInvalid)?;
    passwords::not_too_long(&attempt.password)?;
    let found = ctx.store.read(move |tx| tx.user_by_email(&email)).await?;
    // An unknown user, and one without a password, cost the same hash as a known one (SEC-115).
    let stored = found.as_ref().and_then(|user| user.password.clone());
    let verification = ctx
        .hasher
        .verify(attempt.password.clone(), stored.clone().unwrap_or_else(|| DECOY.to_owned()))
        .await?;
    let act = Act::begin(ctx, visitor);
    let known = found.as_ref().map(|user| user.id.clone());
    let (Some(user), Some(stored), true) = (found, stored, verification != Verification::Wrong) else {
        return refuse(ctx, act, known).await;
    };
    let rehashed = match verification {
        Verification::RightButOutdated => Some(passwords::hash(ctx, attempt.password.clone()).await?),
        Verification::Right | Verification::Wrong => None,
    };
    let must_verify = ctx.config.accounts.email_verification == EmailVerification::Required;
    let PasswordSignIn { remember, within, handover, gate, trusted_devices, .. } = attempt;
    ctx.write(move |tx| {
        tx.lock_user(&user.id)?;
        let Some(now) = tx.user(&user.id)? else {
            return Ok(Err(Denied::BadCredentials));
        };
        // Changed between reading and now: the password that was right is not any more. Another sign-in that
        // only stored the same password in a better hash leaves the version as it was.
        let changed = now.password.as_deref() != Some(stored.as_str());
        if changed && now.security_version != user.security_version {
            return Ok(Err(Denied::BadCredentials));
        }
        if let Some(rehashed) = &rehashed {
            tx.rehash_password(&now.id, &stored, rehashed)?;
        }
        if must_verify && now.email_verified_at.is_none() {
            return Ok(Err(Denied::EmailUnverified));
        }
        if let Some(place) = &within
            && !organisations::is_member(tx, &now.id, place)?
        {
            return Ok(Err(Denied::BadCredentials));
        }
        let trusted = &trusted_devices;
        let proofs = Proofs::of(Method::Password, act.now);
        admit(&act, tx, Admission { user: now, proofs, remember, trusted, handover, gate })
    })
    .await
}

/// Both steps in one request, for a wire whose login takes the code along. Without a code this is
/// `with_password`.
pub async fn with_password_and_code(
    ctx: &Ctx,
    visitor: &Visitor,
    attempt: PasswordSignIn,
    code: Option<Secret<String>>,
) -> Outcome<SignedInOrAsked> {
    let handover = attempt.handover;
    let first = with_password(ctx, visitor, attempt).await?;
    let (SignedInOrAsked::Asked(asked), Some(code)) = (&first, code) else {
        return Ok(first);
    };
    let challenge = Some(asked.token.expose().clone());
    let answerer = Answerer { challenge, handover, ..Answerer::default() };
    match challenge::answer(ctx, visitor, answerer, (Typed::from_either(code), Wishes::default())).await? {
        Answered::SignedIn { user, session, .. } => {
            Ok(SignedInOrAsked::SignedIn { user, second_factor_is_on: true, session, trusted_device: None })
        }
        Answered::ProvenOnly { .. } | Answered::Proven { .. } => {
            Err(Fault::internal("a challenge was answered with something other than a session").into())
        }
    }
}

/// Says no and remembers it, under the account it was tried on if there is one.
async fn refuse<T: Send + 'static>(ctx: &Ctx, act: Act, known: Option<UserId>) -> Outcome<T> {
    ctx.write(move |tx| {
        let whose = known.as_ref().map(Whose::user).unwrap_or_default();
        act.record(tx, Kind::PasswordRefused, whose, json!({ "signed_in": false }))?;
        Ok(Err(Denied::BadCredentials))
    })
    .await
}

/// Somebody who has shown a first factor.
pub(crate) struct Admission<'a> {
    pub user: User,
    pub proofs: Proofs,
    pub remember: bool,
    /// What the browser keeps from earlier "trust this device"s.
    pub trusted: &'a [String],
    pub handover: Handover,
    pub gate: Gate,
}

/// After the first factor: a session for whoever has no second one, has shown it already or comes with a trusted
/// device; a question for everybody else. The one place where a first factor turns into anything.
pub(crate) fn admit(
    act: &Act,
    tx: &mut Tx<'_>,
    admission: Admission<'_>,
) -> Result<Result<SignedInOrAsked, Denied>, Fault> {
    let Admission { user, proofs, remember, trusted, handover, gate } = admission;
    if user.external.is_some() {
        // A passkey may say who they are; but their account is an application's, and there is nothing to enter.
        return Ok(Err(Denied::BadCredentials));
    }
    let authenticators = tx.authenticators(&act.vault, &user.id)?;
    let second_factor_is_on = authenticator::second_factor_is_on(&authenticators);
    let policy = act.policy_for(tx, &user)?;
    let bearer = Bearer { user: &user, authenticators: &authenticators, proofs: &proofs };
    let asks = !policy::lets_in(policy, bearer);
    let trusted_device = if asks { trusted_devices::present(act, tx, &user, trusted)? } else { None };
    // What an organisation requires, no operator waives: it holds on every way in (SEC-107).
    let gated = gate == Gate::SecondFactor || policy.required;
    if asks && trusted_device.is_none() && gated {
        let methods = policy::offered(policy, bearer);
        if methods.is_empty() && proofs.includes(Method::Passkey) {
            // It was one factor, and there is no other: it has to be both.
            return Ok(Err(Denied::UserVerificationRequired));
        }
        let token = ask(act, tx, &user, proofs, remember)?;
        return Ok(Ok(SignedInOrAsked::Asked(Asked { user, token, methods })));
    }
    let session = sessions::mint(act, tx, NewSession { user: &user, proofs, remember, handover })?;
    let whose = Whose::session(&user.id, &session.session.id);
    act.record(tx, Kind::SignedIn, whose, json!({ "amr": session.session.proofs.amr() }))?;
    Ok(Ok(SignedInOrAsked::SignedIn { user, second_factor_is_on, session, trusted_device }))
}

/// Opens a challenge and returns the only copy of its token.
fn ask(
    act: &Act,
    tx: &mut Tx<'_>,
    user: &User,
    proofs: Proofs,
    remember: bool,
) -> Result<Secret<String>, Fault> {
    let token = Secret::new(entropy::url_safe(act.dice(), TOKEN_LENGTH));
    let challenge = Challenge {
        id: ChallengeId::new(act.now, act.dice()),
        user_id: user.id.clone(),
        state: State::Pending,
        proofs,
        remember,
        failures: 0,
        security_version: user.security_version,
        expires_at: act.now + LIFETIME,
    };
    tx.insert_challenge(&challenge, &challenge::digest(&act.vault, token.expose()), act.now)?;
    tx.evict_challenges(&user.id, OPEN_MAX)?;
    act.record(tx, Kind::ChallengeOpened, Whose::user(&user.id), json!({ "challenge": challenge.id }))?;
    Ok(token)
}
