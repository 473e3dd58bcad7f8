//! Answering: a proof is offered, the core judges it, and what it buys is created where it is spent.

mod looking;
mod offered;
mod sending;

use countersign_core::{
    assurance::Proofs,
    authenticator::{self, Authenticator},
    backup_code,
    challenge::{Asker, Case, Ends, Enrols, Offer, Pass, Presented, Refusal, Spend, Verdict, Wants},
    denied::Denied,
    event::Kind,
    ids::{AuthenticatorId, UserId},
    lockout::{Budget, Lane},
    message::Notice,
    method::Method,
    one_time_code,
    password::Verification,
    secret::Secret,
    session::{Reach, Scope, Visitor},
    user::User,
};
use serde_json::json;

pub use looking::{Hints, Open, hints_for, look_at};
pub(crate) use looking::{hints, methods_of};
pub use offered::{Answerer, Holder, Typed, Wishes};
pub(crate) use offered::{digest, external_digest};
pub use sending::{Carrier, send_code};

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose, enrol, passwords, recovery,
        sessions::{self, Handover, Minted, NewSession, SignedIn},
        trusted_devices,
    },
    store::Tx,
};

#[derive(Debug)]
pub enum Answered {
    /// The challenge is passed.
    SignedIn { user: User, session: Minted, trusted_device: Option<Secret<String>> },
    /// The challenge is passed, and no session was wanted.
    ProvenOnly { user: User, proofs: Proofs },
    /// Somebody signed in proved themselves again, or completed an enrolment; what makes the session worth
    /// more rotates it.
    Proven { who: SignedIn, rotated: Option<Minted> },
}

/// A proof on its way to the judge.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    Typed(Typed),
    /// The stored hash that the typed password fits, if it fits.
    Password(Option<Secret<String>>),
    /// A passkey's answer, with the ceremony it belongs to spent in the same transaction.
    Passkey(Box<Presented>),
}

impl Given {
    fn method(&self) -> Method {
        match self {
            Self::Typed(typed) => typed.method,
            Self::Password(_) => Method::Password,
            Self::Passkey(_) => Method::Passkey,
        }
    }
}

/// Judges one offered proof. Everything it uses up and everything it buys is one transaction.
pub async fn answer(
    ctx: &Ctx,
    visitor: &Visitor,
    answerer: Answerer,
    offered: (Typed, Wishes),
) -> Outcome<Answered> {
    let (typed, wishes) = offered;
    let given = match typed.method {
        Method::Password => Given::Password(which_password(ctx, &answerer, typed.code).await?),
        _ => Given::Typed(typed),
    };
    let act = Act::begin(ctx, visitor);
    ctx.write(move |tx| answer_within(&act, tx, &answerer, (&given, wishes))).await
}

/// The same within a transaction that has spent what the proof came with.
pub(crate) fn answer_within(
    act: &Act,
    tx: &mut Tx<'_>,
    answerer: &Answerer,
    (given, wishes): (&Given, Wishes),
) -> Result<Result<Answered, Denied>, Fault> {
    let Some(asker) = find_asker(act, tx, answerer)? else {
        return Ok(Err(Denied::ChallengeGone));
    };
    let Some((case, offer)) = load(act, tx, asker, (given, wishes.wants))? else {
        return Ok(Err(Denied::ChallengeGone));
    };
    let pass = match judge(act, tx, &case, &offer)? {
        Ok(pass) => pass,
        Err(denied) => return Ok(Err(denied)),
    };
    match case.asker {
        Asker::Door(_) => enter(act, tx, case, (pass, wishes, answerer.handover)),
        Asker::Inside(_) => prove_inside(act, tx, case, (pass, answerer.handover)),
    }
}

/// The stored hash of the challenged person that this password fits. Whoever has no such challenge, or has to
/// wait, costs no hash.
async fn which_password(
    ctx: &Ctx,
    answerer: &Answerer,
    password: Secret<String>,
) -> Outcome<Option<Secret<String>>> {
    passwords::not_too_long(&password)?;
    let (Some(digest), now) = (answerer.digest(&ctx.vault), ctx.clock.now()) else { return Ok(None) };
    let stored = ctx.store.read(move |tx| {
        let Some(challenge) = tx.challenge(&digest)? else { return Ok(None) };
        let waits = tx.budget(&challenge.user_id, Lane::Door)?.wait(now).is_some();
        Ok(tx.user(&challenge.user_id)?.filter(|_| !waits).and_then(|user| user.password))
    });
    let Some(stored) = stored.await? else { return Ok(None) };
    let verification = ctx.hasher.verify(password, stored.clone()).await?;
    Ok((verification != Verification::Wrong).then(|| Secret::new(stored)))
}

/// Judges a proof that comes with another request of somebody signed in, in that request's transaction.
pub(crate) fn prove(
    act: &Act,
    tx: &mut Tx<'_>,
    who: &SignedIn,
    offered: (&Typed, Wants),
) -> Result<Result<Pass, Denied>, Fault> {
    let (typed, wants) = offered;
    let given = Given::Typed(typed.clone());
    let Some((case, offer)) = load(act, tx, Asker::Inside(who.session.clone()), (&given, wants))? else {
        return Ok(Err(Denied::NotSignedIn));
    };
    judge(act, tx, &case, &offer)
}

/// Asks the core, saves a refusal, and spends what a pass uses up.
fn judge(act: &Act, tx: &mut Tx<'_>, case: &Case, offer: &Offer) -> Result<Result<Pass, Denied>, Fault> {
    match case.judge(offer, act.now) {
        Verdict::Refused(refusal) => save_refusal(act, tx, case, refusal).map(Err),
        Verdict::Passed(pass) => {
            if !spend(act, tx, &case.user.id, &pass.spend)? {
                // Somebody else spent it between our reading and now.
                return Ok(Err(Denied::WrongCode(pass.method)));
            }
            settle(act, tx, case, &pass)?;
            Ok(Ok(pass))
        }
    }
}

/// The asker, with everything that follows about this user serialised from here on.
pub(crate) fn find_asker(act: &Act, tx: &mut Tx<'_>, answerer: &Answerer) -> Result<Option<Asker>, Fault> {
    let seen = match &answerer.session {
        Some(Holder::Token(token)) => tx.signed_in(&sessions::digest(&act.vault, Handover::Token, token))?,
        Some(Holder::Seen(who)) => Some(SignedIn::clone(who)),
        None => None,
    };
    if let Some(seen) = seen {
        tx.lock_user(&seen.user.id)?;
        if let Some(who) = sessions::again(act, tx, &seen)? {
            return Ok(Some(Asker::Inside(who.session)));
        }
    }
    let Some(digest) = answerer.digest(&act.vault) else {
        return Ok(None);
    };
    let Some(challenge) = tx.challenge(&digest)? else {
        return Ok(None);
    };
    tx.lock_user(&challenge.user_id)?;
    Ok(tx.challenge(&digest)?.map(Asker::Door))
}

pub(crate) fn user_of(asker: &Asker) -> &UserId {
    match asker {
        Asker::Door(challenge) => &challenge.user_id,
        Asker::Inside(session) => &session.user_id,
    }
}

pub(crate) fn id_of(asker: &Asker) -> &str {
    match asker {
        Asker::Door(challenge) => challenge.id.as_str(),
        Asker::Inside(session) => session.id.as_str(),
    }
}

/// What a sent code is bound to: the challenge or session that asked for it, and its channel (SEC-024, SEC-025).
/// A code to a number that is being enrolled proves that number and no other.
fn binding(asker: &Asker, method: Method, authenticators: &[Authenticator]) -> String {
    let (id, inside) = (id_of(asker), matches!(asker, Asker::Inside(_)));
    let waits = |one: &&Authenticator| inside && !one.is_confirmed() && one.method() == Method::SmsCode;
    match (method, authenticators.iter().rfind(waits)) {
        (Method::SmsCode, Some(enrolling)) => format!("sms {id} {}", enrolling.id),
        (Method::SmsCode, None) => format!("sms {id}"),
        _ => id.to_owned(),
    }
}

/// Gathers what the judge looks at, and digests what is looked up by digest.
fn load(
    act: &Act,
    tx: &mut Tx<'_>,
    asker: Asker,
    offered: (&Given, Wants),
) -> Result<Option<(Case, Offer)>, Fault> {
    let (given, wants) = offered;
    let Some(user) = tx.user(user_of(&asker))? else {
        return Ok(None);
    };
    let authenticators = tx.authenticators(&act.vault, &user.id)?;
    let binding = binding(&asker, given.method(), &authenticators);
    let offer = offer(act, &user.id, &binding, given);
    let sent_code = match given.method() {
        Method::EmailCode | Method::SmsCode => tx.sent_code(&user.id, &binding)?,
        _ => None,
    };
    let backup_codes = match &offer {
        Offer::BackupCode(digest) => tx.backup_codes(&user.id, digest.as_deref())?,
        _ => Default::default(),
    };
    let case = Case {
        policy: act.policy_for(tx, &user)?,
        wants,
        authenticators,
        budget: tx.budget(&user.id, asker.lane())?,
        sent_code,
        backup_codes,
        asker,
        user,
    };
    Ok(Some((case, offer)))
}

fn offer(act: &Act, user: &UserId, binding: &str, given: &Given) -> Offer {
    let typed = match given {
        Given::Typed(typed) => typed,
        Given::Password(fits) => return Offer::Password(fits.clone()),
        Given::Passkey(presented) => return Offer::Passkey(presented.clone()),
    };
    let code = typed.code.expose();
    let sent = || one_time_code::well_formed(code).map(|code| sent_digest(act, binding, code.expose()));
    match typed.method {
        Method::EmailCode => Offer::EmailCode(sent()),
        Method::SmsCode => Offer::SmsCode(sent()),
        Method::BackupCode => Offer::BackupCode(
            backup_code::normalise(code).map(|code| backup_digest(act, user, code.expose())),
        ),
        // Neither is typed: `answer` checks passwords, and passkeys come another way.
        Method::Password | Method::Passkey => Offer::Password(None),
        Method::Totp => Offer::Totp(typed.code.clone()),
    }
}

fn sent_digest(act: &Act, binding: &str, code: &str) -> Vec<u8> {
    act.vault.digest("one-time code", &[binding.as_bytes(), code.as_bytes()])
}

/// Bound to the user, so that equal codes of two people differ at rest (SEC-015).
pub(crate) fn backup_digest(act: &Act, user: &UserId, normalised: &str) -> Vec<u8> {
    act.vault.digest("backup code", &[user.as_str().as_bytes(), normalised.as_bytes()])
}

/// Each spend is one conditional statement; `false` means somebody else was first.
fn spend(act: &Act, tx: &mut Tx<'_>, user: &UserId, spend: &Spend) -> Result<bool, Fault> {
    match spend {
        Spend::Step { authenticator, step } => tx.spend_step(authenticator, *step, act.now),
        Spend::SentCode(id) => tx.spend_code(id, act.now),
        Spend::BackupCode(digest) => tx.spend_backup_code(user, digest, act.now),
        Spend::Passkey { authenticator, counter_was, proven } => {
            tx.use_passkey(authenticator, *counter_was, proven, act.now)
        }
        // Nothing is used up, and the account is locked: it is the hash that was compared.
        Spend::Password(_) => Ok(true),
    }
}

/// What a right answer settles whoever gave it: the failures before it, and what the user should hear.
fn settle(act: &Act, tx: &mut Tx<'_>, case: &Case, pass: &Pass) -> Result<(), Fault> {
    if case.budget != pass.budget {
        tx.set_budget(&case.user.id, case.asker.lane(), pass.budget)?;
    }
    if case.user.password_by_mail && pass.method != Method::EmailCode {
        tx.forget_password_came_by_mail(&case.user.id)?;
    }
    if ![Method::EmailCode, Method::Password].contains(&pass.method) {
        recovery::second_factor_shown(act, tx, &case.user)?;
    }
    if matches!(pass.method, Method::EmailCode | Method::SmsCode) {
        tx.use_method(&case.user.id, pass.method, act.now)?;
    }
    if pass.method == Method::BackupCode {
        let left = case.backup_codes.left.saturating_sub(1);
        act.record(tx, Kind::BackupCodeUsed, Whose::user(&case.user.id), json!({ "left": left }))?;
        act.notify(tx, &case.user, Notice::BackupCodeUsed { left })?;
    }
    Ok(())
}

fn save_refusal(act: &Act, tx: &mut Tx<'_>, case: &Case, refusal: Refusal) -> Result<Denied, Fault> {
    let whose = Whose::user(&case.user.id);
    if let Some(budget) = refusal.budget {
        tx.set_budget(&case.user.id, case.asker.lane(), budget)?;
        if let Asker::Door(challenge) = &case.asker {
            tx.count_challenge_failure(&challenge.id)?;
        }
        if let Some(code) = &case.sent_code {
            tx.count_code_failure(&code.id)?;
        }
        act.record(tx, Kind::CodeRefused, whose, json!({ "failures": budget.failures }))?;
        warn_owner(act, tx, case, budget)?;
    }
    match (&refusal.ends, &case.asker, &case.sent_code) {
        (Ends::Challenge, Asker::Door(challenge), _) => {
            tx.fail_challenge(&challenge.id)?;
        }
        (Ends::SentCode, _, Some(code)) => tx.retire_code(&code.id, act.now)?,
        (Ends::Passkey { authenticator, stored, seen }, ..) => {
            suspend_passkey(act, tx, &case.user, (authenticator, *stored, *seen))?;
        }
        _ => {}
    }
    if refusal.denied == Denied::TooManyAttempts {
        act.record(tx, Kind::ChallengeExhausted, whose, json!({}))?;
    }
    Ok(refusal.denied)
}

/// Two devices hold one key: the owner hears of it, and neither opens anything any more (SEC-043).
pub(crate) fn suspend_passkey(
    act: &Act,
    tx: &mut Tx<'_>,
    user: &User,
    (authenticator, stored, seen): (&AuthenticatorId, u32, u32),
) -> Result<(), Fault> {
    if tx.suspend_passkey(authenticator, act.now)? {
        let detail = json!({ "authenticator": authenticator, "stored": stored, "seen": seen });
        act.record(tx, Kind::PasskeyCloned, Whose::user(&user.id), detail)?;
        act.notify(tx, user, Notice::PasskeyCloned)?;
    }
    Ok(())
}

/// The password was right and the code was not: the owner should know, once per run of failures (SEC-109).
fn warn_owner(act: &Act, tx: &mut Tx<'_>, case: &Case, budget: Budget) -> Result<(), Fault> {
    if matches!(case.asker, Asker::Door(_)) && budget.failures == countersign_core::challenge::FAILURES_MAX {
        act.notify(tx, &case.user, Notice::SecondFactorFailed)?;
    }
    if budget.failures == countersign_core::lockout::FREE {
        act.notify(tx, &case.user, Notice::GuessesBlocked)?;
    }
    Ok(())
}

/// The door opens: the challenge ends exactly once, in the transaction that makes the session.
fn enter(
    act: &Act,
    tx: &mut Tx<'_>,
    case: Case,
    passed: (Pass, Wishes, Handover),
) -> Result<Result<Answered, Denied>, Fault> {
    let (pass, wishes, handover) = passed;
    let Asker::Door(challenge) = case.asker else {
        return Err(Fault::internal("only a challenge opens the door"));
    };
    if case.user.external.is_some() && !wishes.no_session {
        return Err(Fault::internal("an application's person was to be given a session"));
    }
    if !tx.pass_challenge(&challenge.id, act.now)? {
        return Err(Fault::internal("a locked challenge ended twice"));
    }
    let user = case.user;
    let detail = json!({ "challenge": challenge.id, "method": pass.method });
    if wishes.no_session {
        act.record(tx, Kind::ChallengePassed, Whose::user(&user.id), detail)?;
        return Ok(Ok(Answered::ProvenOnly { user, proofs: pass.proofs }));
    }
    let new = NewSession { user: &user, proofs: pass.proofs, remember: challenge.remember, handover };
    let session = sessions::mint(act, tx, new)?;
    let whose = Whose::session(&user.id, &session.session.id);
    act.record(tx, Kind::ChallengePassed, whose, detail)?;
    let trusted_device = if wishes.trust_device && session.session.scope == Scope::Full {
        trusted_devices::trust(act, tx, &user)?
    } else {
        None
    };
    Ok(Ok(Answered::SignedIn { user, session, trusted_device }))
}

/// Inside a session: the proof refreshes it, and may complete an enrolment.
fn prove_inside(
    act: &Act,
    tx: &mut Tx<'_>,
    case: Case,
    passed: (Pass, Handover),
) -> Result<Result<Answered, Denied>, Fault> {
    let (pass, handover) = passed;
    let Asker::Inside(mut session) = case.asker else {
        return Err(Fault::internal("only a session proves itself again"));
    };
    if let Err(denied) = session.scope.reaches(Reach::Enrolment) {
        return Ok(Err(denied));
    }
    let rises = pass.proofs.aal(act.now) > session.proofs.aal(act.now);
    session.proofs = pass.proofs.clone();
    let was_on = authenticator::second_factor_is_on(&case.authenticators);
    let mut who = SignedIn { session, user: case.user, second_factor_is_on: was_on };
    if pass.enrols == Enrols::Nothing {
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::ProofRenewed, whose, json!({ "method": pass.method }))?;
        let rotated = if rises && handover != Handover::Nothing {
            // Whoever copied the token while it was worth one factor must not hold one worth two (SEC-073).
            tx.delete_session(&who.user.id, &who.session.id)?;
            Some(sessions::remint(act, tx, &who, handover)?)
        } else {
            tx.set_proofs(&who.session.id, &who.session.proofs)?;
            sessions::hand_over_again(act, tx, &who, handover)?
        };
        return Ok(Ok(Answered::Proven { who, rotated }));
    }
    let added = (&pass.enrols, pass.method, handover);
    let rotated = enrol::complete(act, tx, &mut who, added)?;
    Ok(Ok(Answered::Proven { who, rotated }))
}

/// Ends an open question unanswered: whoever held it leaves. Says nothing if there is none.
pub async fn give_up(ctx: &Ctx, visitor: &Visitor, token: Secret<String>) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let digest = digest(&ctx.vault, token.expose());
    ctx.write(move |tx| {
        let Some(challenge) = tx.challenge(&digest)? else { return Ok(Ok(())) };
        tx.lock_user(&challenge.user_id)?;
        if tx.fail_challenge(&challenge.id)? {
            let detail = json!({ "challenge": challenge.id });
            act.record(tx, Kind::ChallengeGivenUp, Whose::user(&challenge.user_id), detail)?;
        }
        Ok(Ok(()))
    })
    .await
}
