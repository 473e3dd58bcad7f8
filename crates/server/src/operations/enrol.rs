//! Enrolling: beginning it, confirming it, and what the account looks like afterwards.

use countersign_core::{
    authenticator::{self, Authenticator},
    backup_code::Shape,
    challenge::{Enrols, Wants},
    denied::Denied,
    event::Kind,
    ids::AuthenticatorId,
    message::Notice,
    method::Method,
    phone,
    secret::Secret,
    session::{Reach, Scope, Visitor},
    totp::{self, Parameters, Totp},
};
use serde_json::json;

use crate::{
    config::Sms,
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose, apps,
        authenticators::{self, Asking},
        brands,
        challenge::{self, Typed},
        emails::{self, LinkShape, Mailer},
        passwords,
        sessions::{self, Handover, Minted, SignedIn},
    },
    store::{EnrolledRow, Purpose, Tx},
};

/// A TOTP enrolment that waits for its first code. Shown once.
#[derive(Debug)]
pub struct TotpEnrolment {
    pub uri: Secret<String>,
    /// The seed as people type it.
    pub secret: Secret<String>,
    pub backup_codes: Vec<Secret<String>>,
    /// It comes beside another.
    pub another: bool,
}

#[derive(Default)]
pub struct Begin {
    /// Where the wire has one for this; a fresh session has to do otherwise.
    pub password: Option<Secret<String>>,
    /// The name shown in the authenticator app; the application's if absent.
    pub issuer: Option<String>,
    /// Backup codes that come with it, if the wire shows them now and not when it is confirmed.
    pub backup_codes: Option<Shape>,
    /// It may be one more app beside others. A wire that knows one app at most refuses instead.
    pub beside_others: bool,
}

/// Begins a TOTP enrolment and the backup codes that come with it; an unfinished one before it is void.
pub async fn begin_totp(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    asked: Begin,
) -> Outcome<TotpEnrolment> {
    let password_now = asked.password.is_some();
    if let Some(password) = asked.password {
        passwords::check(ctx, visitor, &who.user, password).await?;
    }
    let act = Act::begin(ctx, visitor);
    let (asked_for, app_name) = (asked.issuer, ctx.config.app_name.clone());
    let (seen, shape, beside_others) = (who.clone(), asked.backup_codes, asked.beside_others);
    ctx.write(move |tx| {
        let asking = Asking { reach: Reach::Enrolment, password_now };
        let (who, authenticators) = match authenticators::may_change(&act, tx, &seen, asking)? {
            Ok(allowed) => allowed,
            Err(denied) => return Ok(Err(denied)),
        };
        let apps = authenticator::apps(&authenticators);
        let allowed = authenticator::may_add_app(apps, beside_others);
        if let Err(denied) = allowed.and(act.policy_for(tx, &who.user)?.may_enrol(Method::Totp)) {
            return Ok(Err(denied));
        }
        let user = &who.user;
        let seed = totp::new_seed(act.dice());
        let parameters = Parameters::default();
        let issuer = match &asked_for {
            Some(issuer) => issuer.clone(),
            None => brands::name(tx, user)?.unwrap_or_else(|| app_name.clone()),
        };
        let uri = totp::uri(&issuer, user.called(), seed.expose(), parameters);
        let secret = totp::base32(seed.expose());
        tx.discard_enrolments(&user.id, Method::Totp)?;
        // Its backup codes go with it, whether or not the next enrolment brings any: whoever began it saw them.
        tx.discard_waiting_backup_codes(&user.id)?;
        tx.insert_authenticator(
            &act.vault,
            &Authenticator {
                id: AuthenticatorId::new(act.now, act.dice()),
                user_id: user.id.clone(),
                kind: authenticator::Kind::Totp(Totp { seed, parameters, last_step: None }),
                created_at: act.now,
                confirmed_at: None,
            },
        )?;
        let backup_codes = match shape {
            Some(shape) => authenticators::new_backup_codes(&act, tx, &who, (shape, false))?,
            None => Vec::new(),
        };
        let whose = Whose::session(&user.id, &who.session.id);
        act.record(tx, Kind::EnrolmentBegun, whose, json!({ "method": Method::Totp }))?;
        Ok(Ok(TotpEnrolment { uri, secret, backup_codes, another: apps > 0 }))
    })
    .await
}

/// Forgets a TOTP enrolment that was begun and not confirmed.
pub async fn cancel_totp(ctx: &Ctx, visitor: &Visitor, who: &SignedIn) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let who = match sessions::still(&act, tx, &seen, Reach::Enrolment)? {
            Ok(who) => who,
            Err(denied) => return Ok(Err(denied)),
        };
        let authenticators = tx.authenticators(&act.vault, &who.user.id)?;
        let waits = authenticators.iter().any(|one| one.method() == Method::Totp && !one.is_confirmed());
        if !waits && authenticator::is_enrolled(&authenticators, Method::Totp) {
            return Ok(Err(Denied::AlreadyEnrolled(Method::Totp)));
        }
        tx.discard_enrolments(&who.user.id, Method::Totp)?;
        tx.discard_waiting_backup_codes(&who.user.id)?;
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::EnrolmentCancelled, whose, json!({ "method": Method::Totp }))?;
        Ok(Ok(()))
    })
    .await
}

pub struct Confirm {
    /// The method that is being enrolled by a code: TOTP, text message or mail.
    pub method: Method,
    pub code: Secret<String>,
    /// What the person calls it. Only apps have names: a phone has its number, a mailbox its address.
    pub name: Option<String>,
    /// Backup codes to be made now, if the wire did not show them at the beginning. A mailbox has none.
    pub backup_codes: Option<Shape>,
    pub handover: Handover,
}

/// A confirmed enrolment: the account has a second factor.
#[derive(Debug)]
pub struct Confirmed {
    pub who: SignedIn,
    pub backup_codes: Vec<Secret<String>>,
    /// The asking session under its new token, where the surface can hand one over.
    pub rotated: Option<Minted>,
}

/// Confirms an enrolment with its first code. Of two confirmations at once, one succeeds.
pub async fn confirm_code(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    asked: Confirm,
) -> Outcome<Confirmed> {
    let name = asked.name.as_deref().map(authenticators::checked_name).transpose()?;
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        // Not whether the account is as it was: a confirmation that came second shall hear just that.
        tx.lock_user(&seen.user.id)?;
        let who = match sessions::again(&act, tx, &seen)? {
            Some(who) => who,
            None => return Ok(Err(already_confirmed(tx, &seen, asked.method)?)),
        };
        if let Err(denied) = who.session.scope.reaches(Reach::Enrolment) {
            return Ok(Err(denied));
        }
        let authenticators = tx.authenticators(&act.vault, &who.user.id)?;
        let waiting = |one: &Authenticator| one.method() == asked.method && one.awaits_proof(act.now);
        let waits = authenticators.iter().any(waiting);
        if !waits && authenticator::is_enrolled(&authenticators, asked.method) {
            return Ok(Err(Denied::AlreadyEnrolled(asked.method)));
        }
        if who.session.scope == Scope::Key && who.second_factor_is_on {
            // What a key began while there was none does not come on top of what the owner enrolled since.
            return Ok(Err(Denied::StaleSession));
        }
        if asked.method != Method::EmailCode && !waits {
            return Ok(Err(Denied::NoEnrolment));
        }
        let typed = Typed { method: asked.method, code: asked.code.clone() };
        let pass = match challenge::prove(&act, tx, &who, (&typed, Wants::Enrolment))? {
            Ok(pass) => pass,
            Err(denied) => return Ok(Err(denied)),
        };
        if pass.enrols == Enrols::Nothing {
            return Ok(Err(Denied::NoEnrolment));
        }
        let mut proven = who;
        proven.session.proofs = pass.proofs.clone();
        let rotated = complete(&act, tx, &mut proven, (&pass.enrols, pass.method, asked.handover))?;
        if let (Method::Totp, Enrols::Confirm(id), Some(name)) = (pass.method, &pass.enrols, &name) {
            apps::call(tx, &proven.user.id, id, name)?;
        }
        let backup_codes = match asked.backup_codes {
            // A phone is never the only way (SEC-032); the first app begins with a sheet of its own.
            Some(shape) if has_sheet(tx, &proven, asked.method)? => {
                authenticators::new_backup_codes(&act, tx, &proven, (shape, true))?
            }
            _ => Vec::new(),
        };
        Ok(Ok(Confirmed { who: proven, backup_codes, rotated }))
    })
    .await
}

/// Whether enrolling this method makes a new sheet of backup codes.
fn has_sheet(tx: &mut Tx<'_>, who: &SignedIn, method: Method) -> Result<bool, Fault> {
    let is_app = |one: &EnrolledRow| one.method == Method::Totp;
    Ok(match method {
        Method::Totp if tx.enrolled(&who.user.id)?.into_iter().filter(is_app).count() == 1 => true,
        Method::Totp | Method::SmsCode => tx.backup_codes(&who.user.id, None)?.left == 0,
        _ => false,
    })
}

/// Whether the asking session ended because the same enrolment was confirmed a moment ago.
fn already_confirmed(tx: &mut Tx<'_>, seen: &SignedIn, method: Method) -> Result<Denied, Fault> {
    let methods = tx.methods_enrolled(&seen.user.id)?;
    let just_now = !seen.second_factor_is_on && methods.contains(&method);
    Ok(if just_now { Denied::AlreadyEnrolled(method) } else { Denied::NotSignedIn })
}

/// What a passed proof enrols, and what follows from it.
pub(crate) fn complete(
    act: &Act,
    tx: &mut Tx<'_>,
    who: &mut SignedIn,
    added: (&Enrols, Method, Handover),
) -> Result<Option<Minted>, Fault> {
    let (enrols, method, handover) = added;
    match enrols {
        Enrols::Confirm(id) => confirm(act, tx, id)?,
        Enrols::EmailCode | Enrols::Nothing => add_email_code(act, tx, who)?,
    }
    let was_on = std::mem::replace(&mut who.second_factor_is_on, true);
    let rotated = factor_added(act, tx, who, (method, was_on, handover))?;
    as_it_is_now(act, tx, who, rotated.as_ref())?;
    Ok(rotated)
}

/// What could only enrol may be whole now.
pub(crate) fn as_it_is_now(
    act: &Act,
    tx: &mut Tx<'_>,
    who: &mut SignedIn,
    rotated: Option<&Minted>,
) -> Result<(), Fault> {
    let session = rotated.map(|minted| minted.session.clone());
    if let Some(session) = session.or(sessions::again(act, tx, who)?.map(|now| now.session)) {
        who.session = session;
    }
    Ok(())
}

fn confirm(act: &Act, tx: &mut Tx<'_>, id: &AuthenticatorId) -> Result<(), Fault> {
    if tx.confirm_authenticator(id, act.now)? {
        Ok(())
    } else {
        Err(Fault::internal("an enrolment was confirmed twice"))
    }
}

pub(crate) fn add_email_code(act: &Act, tx: &mut Tx<'_>, who: &SignedIn) -> Result<(), Fault> {
    let one = Authenticator {
        id: AuthenticatorId::new(act.now, act.dice()),
        user_id: who.user.id.clone(),
        kind: authenticator::Kind::EmailCode,
        created_at: act.now,
        confirmed_at: Some(act.now),
    };
    tx.insert_authenticator(&act.vault, &one)
}

/// After a factor was added: sessions that never showed it end, trusted devices go, open challenges die, the
/// user hears of it. The first factor gives the asking session a new token where the surface can hand it
/// over; a further one leaves it be.
pub(crate) fn factor_added(
    act: &Act,
    tx: &mut Tx<'_>,
    who: &SignedIn,
    added: (Method, bool, Handover),
) -> Result<Option<Minted>, Fault> {
    let (method, was_on, handover) = added;
    let user = &who.user;
    if method == Method::Totp {
        tx.activate_backup_codes(&user.id, act.now)?;
    }
    tx.raise_security_version(&user.id, act.now)?;
    // Binding anew is the way back from the hard stop (63B §3.2.2).
    tx.forgive_guesses(&user.id)?;
    tx.delete_trusted_devices(&user.id)?;
    act.record(
        tx,
        Kind::AuthenticatorAdded,
        Whose::session(&user.id, &who.session.id),
        json!({ "method": method }),
    )?;
    act.notify(tx, user, Notice::AuthenticatorAdded { method })?;
    let handover = if was_on { Handover::Nothing } else { handover };
    Ok(sessions::start_over(act, tx, who, handover)?.0)
}

/// Makes codes by mail a second factor, at once: the wire has no confirming step.
pub async fn enable_email_code(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    password: Secret<String>,
) -> Outcome<Option<Minted>> {
    passwords::check(ctx, visitor, &who.user, password).await?;
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let asking = Asking { reach: Reach::Enrolment, password_now: true };
        let (who, authenticators) = match authenticators::may_change(&act, tx, &seen, asking)? {
            Ok(allowed) => allowed,
            Err(denied) => return Ok(Err(denied)),
        };
        if authenticator::is_enrolled(&authenticators, Method::EmailCode) {
            return Ok(Ok(None));
        }
        if let Err(denied) = act.policy_for(tx, &who.user)?.may_enrol(Method::EmailCode) {
            return Ok(Err(denied));
        }
        add_email_code(&act, tx, &who)?;
        let added = (Method::EmailCode, who.second_factor_is_on, Handover::Token);
        factor_added(&act, tx, &who, added).map(Ok)
    })
    .await
}

/// Begins to enrol a phone: nothing is in force before the code that is texted to it comes back.
pub async fn begin_sms(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, typed: &str) -> Outcome<()> {
    let number = phone::normalise(typed).ok_or(Denied::PhoneInvalid)?;
    let texts = !matches!(ctx.config.sms, Sms::Off);
    if !texts || ctx.config.spending.allows(&number).is_err() {
        return Err(Denied::PhoneNotAllowed.into());
    }
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let asking = Asking { reach: Reach::Enrolment, password_now: false };
        let (who, authenticators) = match authenticators::may_change(&act, tx, &seen, asking)? {
            Ok(allowed) => allowed,
            Err(denied) => return Ok(Err(denied)),
        };
        if who.session.scope == Scope::Key {
            return Ok(Err(Denied::KeyRefused));
        }
        if authenticator::is_enrolled(&authenticators, Method::SmsCode) {
            return Ok(Err(Denied::AlreadyEnrolled(Method::SmsCode)));
        }
        if let Err(denied) = act.policy_for(tx, &who.user)?.may_enrol(Method::SmsCode) {
            return Ok(Err(denied));
        }
        tx.discard_enrolments(&who.user.id, Method::SmsCode)?;
        tx.insert_authenticator(
            &act.vault,
            &Authenticator {
                id: AuthenticatorId::new(act.now, act.dice()),
                user_id: who.user.id.clone(),
                kind: authenticator::Kind::SmsCode(Secret::new(number.clone())),
                created_at: act.now,
                confirmed_at: None,
            },
        )?;
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::EnrolmentBegun, whose, json!({ "method": Method::SmsCode }))?;
        Ok(Ok(()))
    })
    .await
}

pub struct BeginEmail {
    /// The address the wire names, if it does; it must be the person's own.
    pub email: Option<String>,
    pub link: LinkShape,
}

/// Mails a link that makes the mailbox a second factor.
pub async fn begin_email(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, asked: BeginEmail) -> Outcome<()> {
    if asked.email.is_some_and(|email| !email.eq_ignore_ascii_case(&who.user.email)) {
        return Err(Denied::EmailMismatch.into());
    }
    if who.session.scope == Scope::Key {
        // The link acts for the session that asked for it, and a key is none.
        return Err(Denied::KeyRefused.into());
    }
    let act = Act::begin(ctx, visitor);
    let mailer = Mailer::new(ctx, asked.link);
    let seen = who.clone();
    ctx.write(move |tx| {
        let asking = Asking { reach: Reach::Enrolment, password_now: false };
        let (who, authenticators) = match authenticators::may_change(&act, tx, &seen, asking)? {
            Ok(allowed) => allowed,
            Err(denied) => return Ok(Err(denied)),
        };
        if authenticator::is_enrolled(&authenticators, Method::EmailCode) {
            return Ok(Err(Denied::AlreadyEnrolled(Method::EmailCode)));
        }
        if let Err(denied) = act.policy_for(tx, &who.user)?.may_enrol(Method::EmailCode) {
            return Ok(Err(denied));
        }
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::EnrolmentBegun, whose, json!({ "method": Method::EmailCode }))?;
        mailer.send_for_session(&act, tx, &who).map(Ok)
    })
    .await
}

/// Follows that link: the mailbox is a second factor from now on, and the session that asked for it has
/// shown it. Whoever follows the link needs no session; the one that asked must still be there.
pub async fn finish_email(ctx: &Ctx, visitor: &Visitor, token: &str) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let token = Secret::from(token);
    ctx.write(move |tx| {
        let link = match emails::find(&act, tx, token.expose(), &[Purpose::EnrolEmail])? {
            Ok(link) => link,
            Err(denied) => return Ok(Err(denied)),
        };
        tx.lock_user(&link.user_id)?;
        if !tx.spend_link(&link.id, act.now)? {
            return Ok(Err(Denied::LinkInvalid));
        }
        let asked_by = link.session_id.as_ref().map(|id| tx.signed_in_by_id(id)).transpose()?.flatten();
        let live = asked_by.filter(|who| who.session.is_live(act.now) && who.user.email == link.email);
        let Some(mut who) = live else {
            return Ok(Err(Denied::LinkInvalid));
        };
        if tx.methods_enrolled(&who.user.id)?.contains(&Method::EmailCode) {
            return Ok(Err(Denied::LinkInvalid));
        }
        if let Err(denied) = act.policy_for(tx, &who.user)?.may_enrol(Method::EmailCode) {
            return Ok(Err(denied));
        }
        who.session.proofs = who.session.proofs.clone().with(Method::EmailCode, act.now);
        complete(&act, tx, &mut who, (&Enrols::EmailCode, Method::EmailCode, Handover::Nothing))?;
        Ok(Ok(()))
    })
    .await
}
