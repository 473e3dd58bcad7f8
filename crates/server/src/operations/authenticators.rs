//! Authenticators of a signed-in person: how they stand, reveal, renew backup codes, remove.

use countersign_core::{
    authenticator::{self, Authenticator, Kind as Bound, NAME_MAX},
    backup_code::{self, Shape, Used},
    challenge::Wants,
    denied::Denied,
    event::Kind,
    ids::{AuthenticatorId, UserId},
    message::Notice,
    method::{Method, Methods},
    policy::{self, Standing},
    secret::Secret,
    session::{Reach, Scope, Visitor},
    time::Timestamp,
    totp::{self, Totp},
    user::User,
};
use serde_json::json;

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose, brands,
        challenge::{self, Typed},
        deadlines, passwords,
        sessions::{self, Handover, Minted, SignedIn},
        trusted_devices,
    },
    store::{Tx, methods_of},
};

pub use crate::store::EnrolledRow;

/// What somebody calls an authenticator of theirs.
pub(super) fn checked_name(name: &str) -> Result<String, Denied> {
    let name = name.trim();
    if name.chars().count() > NAME_MAX {
        return Err(Denied::FieldTooLong { field: "name", max: NAME_MAX });
    }
    Ok(name.to_owned())
}

/// Calls an authenticator by another name. Whoever renames could make its owner remove the wrong one, so it takes what
/// any change of factors takes (SEC-101).
pub(super) async fn rename(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    (name, unknown): (&str, Denied),
    call: impl Fn(&mut Tx<'_>, &UserId, &str) -> Result<bool, Fault> + Send + 'static,
) -> Outcome<()> {
    let name = checked_name(name)?;
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let asking = Asking { reach: Reach::Everything, password_now: false };
        let who = match may_change(&act, tx, &seen, asking)? {
            Ok((who, _)) => who,
            Err(denied) => return Ok(Err(denied)),
        };
        let known = call(tx, &who.user.id, &name)?;
        Ok(if known { Ok(()) } else { Err(unknown.clone()) })
    })
    .await
}

/// What a change of factors comes with.
#[derive(Clone, Default)]
pub struct Authority {
    pub password: Option<Secret<String>>,
    /// A code of the second factor, where the wire sends one along.
    pub code: Option<Typed>,
}

impl Authority {
    pub fn password(password: Secret<String>) -> Self {
        Self { password: Some(password), code: None }
    }

    /// A change that brings its own proof may be asked for by a key.
    fn reach(&self) -> Reach {
        if self.code.is_some() { Reach::ProvenChange } else { Reach::Everything }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Asking {
    pub reach: Reach,
    pub password_now: bool,
}

/// Stores a fresh set: active at once, or waiting for the enrolment it belongs to.
pub(crate) fn new_backup_codes(
    act: &Act,
    tx: &mut Tx<'_>,
    who: &SignedIn,
    (shape, at_once): (Shape, bool),
) -> Result<Vec<Secret<String>>, Fault> {
    let user = &who.user.id;
    let codes = backup_code::new_set(act.dice(), shape);
    let digests: Vec<Vec<u8>> = codes
        .iter()
        .filter_map(|code| backup_code::normalise(code.expose()))
        .map(|code| challenge::backup_digest(act, user, code.expose()))
        .collect();
    tx.insert_backup_codes(user, &digests, act.now, at_once.then_some(act.now))?;
    Ok(codes)
}

/// The session as it stands, if it may change factors after its password was checked.
pub(crate) fn may_change(
    act: &Act,
    tx: &mut Tx<'_>,
    seen: &SignedIn,
    asking: Asking,
) -> Result<Result<(SignedIn, Vec<Authenticator>), Denied>, Fault> {
    let who = match sessions::still(act, tx, seen, asking.reach)? {
        Ok(who) => who,
        Err(denied) => return Ok(Err(denied)),
    };
    let authenticators = tx.authenticators(&act.vault, &who.user.id)?;
    let allowed = allowed(&who, &authenticators, asking.password_now, act);
    Ok(allowed.map(|()| (who, authenticators)))
}

/// Whether whoever asks may change factors at this moment, for a page that asks first. The change asks again.
pub async fn may_change_now(ctx: &Ctx, who: &SignedIn) -> Outcome<()> {
    let (act, seen) = (Act::begin(ctx, &Visitor::default()), who.clone());
    let asking = Asking { reach: Reach::Everything, password_now: false };
    // It locks, which a transaction that only reads may not.
    ctx.write(move |tx| Ok(may_change(&act, tx, &seen, asking)?.map(|_| ()))).await
}

fn allowed(
    who: &SignedIn,
    authenticators: &[Authenticator],
    password_now: bool,
    act: &Act,
) -> Result<(), Denied> {
    // An enrolment gives its session a new token at the very moment it is confirmed.
    let enrolled_here_at =
        authenticators.iter().filter_map(|one| one.confirmed_at).find(|at| *at == who.session.created_at);
    let standing = Standing {
        second_factor_is_on: who.second_factor_is_on,
        proofs: &who.session.proofs,
        password_now,
        by_key: who.session.scope == Scope::Key,
        enrolled_here_at,
        vouched: who.user.external.is_some(),
    };
    policy::may_change_factors(standing, act.now)
}

/// Checks the password, before any transaction. Who proves a change by code proves it by password as well,
/// if there is one.
async fn check_password(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, authority: &Authority) -> Outcome<()> {
    match &authority.password {
        Some(password) if authority.code.is_none() || who.user.password.is_some() => {
            passwords::check(ctx, visitor, &who.user, password.clone()).await
        }
        None if authority.code.is_some() && who.user.password.is_some() => {
            Err(Denied::PasswordRequired.into())
        }
        Some(_) | None => Ok(()),
    }
}

/// As `may_change`, with the code that came along judged first: it is the fresh proof that is asked for.
fn may_change_with(
    act: &Act,
    tx: &mut Tx<'_>,
    seen: &SignedIn,
    authority: &Authority,
) -> Result<Result<(SignedIn, Vec<Authenticator>), Denied>, Fault> {
    let mut who = match sessions::still(act, tx, seen, authority.reach())? {
        Ok(who) => who,
        Err(denied) => return Ok(Err(denied)),
    };
    if let Some(typed) = &authority.code {
        match challenge::prove(act, tx, &who, (typed, Wants::Proof))? {
            Ok(pass) => who.session.proofs = pass.proofs,
            Err(denied) => return Ok(Err(denied)),
        }
    }
    let authenticators = tx.authenticators(&act.vault, &who.user.id)?;
    let allowed = allowed(&who, &authenticators, authority.password.is_some(), act);
    Ok(allowed.map(|()| (who, authenticators)))
}

/// Shows the seed of the person's TOTP authenticator again.
pub async fn reveal_totp(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    password: Secret<String>,
) -> Outcome<Secret<String>> {
    who.session.scope.reaches(Reach::Everything)?;
    let (user, vault, now) = (who.user.id.clone(), ctx.vault.clone(), ctx.clock.now());
    let all = ctx.store.read(move |tx| tx.authenticators(&vault, &user)).await?;
    if totp_of(&all, now).is_none() {
        return Err(Denied::NotEnrolled(Method::Totp).into());
    }
    passwords::check(ctx, visitor, &who.user, password).await?;
    let act = Act::begin(ctx, visitor);
    let (seen, app_name) = (who.clone(), ctx.config.app_name.clone());
    ctx.write(move |tx| {
        let asking = Asking { reach: Reach::Everything, password_now: true };
        let (who, authenticators) = match may_change(&act, tx, &seen, asking)? {
            Ok(allowed) => allowed,
            Err(denied) => return Ok(Err(denied)),
        };
        let Some(totp) = totp_of(&authenticators, act.now) else {
            return Ok(Err(Denied::NotEnrolled(Method::Totp)));
        };
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::AuthenticatorRevealed, whose, json!({ "method": Method::Totp }))?;
        let issuer = brands::name(tx, &who.user)?.unwrap_or_else(|| app_name.clone());
        Ok(Ok(totp::uri(&issuer, who.user.called(), totp.seed.expose(), totp.parameters)))
    })
    .await
}

/// The TOTP authenticator that counts: the confirmed one, else the one waiting for its first code.
fn totp_of(authenticators: &[Authenticator], now: Timestamp) -> Option<&Totp> {
    let as_totp = |one: &&Authenticator| one.method() == Method::Totp;
    let confirmed = authenticators.iter().filter(as_totp).find(|one| one.is_confirmed());
    let waiting = || authenticators.iter().filter(as_totp).find(|one| one.awaits_proof(now));
    match &confirmed.or_else(waiting)?.kind {
        Bound::Totp(totp) => Some(totp),
        Bound::EmailCode | Bound::SmsCode(_) | Bound::Passkey(_) => None,
    }
}

/// A new set of backup codes; the old one is dead in the same moment (SEC-017).
pub async fn renew_backup_codes(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    (authority, shape): (Authority, Shape),
) -> Outcome<Vec<Secret<String>>> {
    who.session.scope.reaches(authority.reach())?;
    let user = who.user.id.clone();
    let methods = ctx.store.read(move |tx| tx.methods_enrolled(&user)).await?;
    // Codes by mail alone have no sheet: who loses the mailbox has other worries.
    if methods.iter().all(|method| *method == Method::EmailCode) {
        return Err(Denied::NoSecondFactor.into());
    }
    check_password(ctx, visitor, who, &authority).await?;
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let (who, _) = match may_change_with(&act, tx, &seen, &authority)? {
            Ok(allowed) => allowed,
            Err(denied) => return Ok(Err(denied)),
        };
        let codes = new_backup_codes(&act, tx, &who, (shape, true))?;
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::BackupCodesRenewed, whose, json!({}))?;
        act.notify(tx, &who.user, Notice::BackupCodesRenewed)?;
        Ok(Ok(codes))
    })
    .await
}

#[derive(Default)]
pub struct Removal {
    pub authority: Authority,
    /// One method, or every one there is.
    pub method: Option<Method>,
    /// This authenticator and no other.
    pub one: Option<AuthenticatorId>,
    /// The asking browser's own trusted device, forgotten even if it belongs to nobody any more.
    pub trusted_device: Option<String>,
    /// Whether the person needs a second factor from now on; `None` leaves it. Nobody frees themselves of what
    /// an administrator or their organisation asks.
    pub require: Option<bool>,
    pub handover: Handover,
}

/// Removes authenticators, and with the last one the backup codes. The asking session gets a new token where
/// the surface can hand it over, the others end.
pub async fn remove(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, asked: Removal) -> Outcome<Option<Minted>> {
    who.session.scope.reaches(asked.authority.reach())?;
    if asked.authority.code.is_some() && !who.second_factor_is_on {
        return Err(Denied::NoSecondFactor.into());
    }
    check_password(ctx, visitor, who, &asked.authority).await?;
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let (mut who, authenticators) = match may_change_with(&act, tx, &seen, &asked.authority)? {
            Ok(allowed) => allowed,
            Err(denied) => return Ok(Err(denied)),
        };
        let user = who.user.clone();
        let goes = |one: &&Authenticator| {
            asked.method.is_none_or(|method| one.method() == method)
                && asked.one.as_ref().is_none_or(|id| one.id == *id)
        };
        let confirmed = || authenticators.iter().filter(|one| one.is_confirmed());
        let going: Vec<Method> = confirmed().filter(goes).map(Authenticator::method).collect();
        let left: Vec<Method> = confirmed().filter(|one| !goes(one)).map(Authenticator::method).collect();
        if going.is_empty() {
            match (&asked.one, asked.method) {
                (Some(_), Some(Method::Totp)) => return Ok(Err(Denied::AppNotFound)),
                (Some(_), _) => return Ok(Err(Denied::PasskeyNotFound)),
                (None, Some(method)) => return Ok(Err(Denied::NotEnrolled(method))),
                (None, None) => {}
            }
        }
        let policy = act.policy_for(tx, &user)?;
        if asked.require == Some(false) && policy.required {
            return Ok(Err(Denied::SecondFactorRequired));
        }
        if !going.is_empty()
            && let Err(denied) = policy.may_keep_only(&left)
        {
            return Ok(Err(denied));
        }
        if let Some(required) = asked.require {
            tx.set_second_factor_required(&user.id, required)?;
            who.user.second_factor_required = required;
        }
        match (&asked.one, asked.method) {
            (Some(id), _) => tx.delete_authenticator(&user.id, id)?,
            (None, Some(method)) => tx.delete_authenticators_of(&user.id, method)?,
            (None, None) => tx.delete_authenticators(&user.id)?,
        };
        if left.is_empty() {
            tx.delete_backup_codes(&user.id)?;
        }
        if let Some(value) = &asked.trusted_device {
            trusted_devices::forget(&act, tx, &user.id, value)?;
        }
        tx.delete_trusted_devices(&user.id)?;
        tx.forgive_guesses(&user.id)?;
        tx.raise_security_version(&user.id, act.now)?;
        let was_on = std::mem::replace(&mut who.second_factor_is_on, !left.is_empty());
        let (minted, ended) = sessions::start_over(&act, tx, &who, asked.handover)?;
        let whose = Whose::session(&user.id, &who.session.id);
        if !was_on {
            // There was nothing to switch off, but sessions did end.
            act.record(tx, Kind::SessionRevoked, whose, json!({ "count": ended }))?;
        }
        for method in going {
            act.record(tx, Kind::AuthenticatorRemoved, whose, json!({ "method": method }))?;
            act.notify(tx, &user, Notice::AuthenticatorRemoved { method })?;
        }
        Ok(Ok(minted))
    })
    .await
}

/// Which second factor the person likes to be asked for first.
pub async fn prefer(ctx: &Ctx, who: &SignedIn, method: Method) -> Outcome<()> {
    who.session.scope.reaches(Reach::Everything)?;
    let user = who.user.id.clone();
    ctx.write(move |tx| {
        if !tx.methods_enrolled(&user)?.contains(&method) {
            return Ok(Err(Denied::NotEnrolled(method)));
        }
        tx.set_preferred_method(&user, method).map(Ok)
    })
    .await
}

/// How somebody stands with second factors: what a settings page or a chooser asks.
#[derive(Clone, Debug)]
pub struct Overview {
    pub user: User,
    /// Confirmed ones, oldest first.
    pub enrolled: Vec<EnrolledRow>,
    pub backup_codes_left: u32,
    pub backup_codes_used: Vec<Used>,
    /// The person must have one: their organisation says so, or an administrator said it of them.
    pub required: bool,
    /// From when on they must, as they stand.
    pub required_from: Option<Timestamp>,
    /// The organisation says so.
    pub enforced: bool,
    /// What counts as one.
    pub allowed: Methods,
}

impl Overview {
    pub fn is_on(&self) -> bool {
        !self.enrolled.is_empty()
    }

    pub fn has(&self, method: Method) -> bool {
        self.enrolled.iter().any(|one| one.method == method)
    }

    /// Each method once.
    pub fn methods(&self) -> Vec<Method> {
        methods_of(&self.enrolled)
    }

    /// Another authenticator app may be added.
    pub fn takes_another_app(&self) -> bool {
        let apps = self.enrolled.iter().filter(|one| one.method == Method::Totp).count();
        authenticator::may_add_app(apps, true).is_ok()
    }

    /// The preferred method, or the only sensible guess.
    pub fn primary(&self) -> Option<Method> {
        let preferred = self.user.preferred_method.filter(|method| self.has(*method));
        preferred.or_else(|| self.enrolled.first().map(|one| one.method))
    }
}

pub async fn overview(ctx: &Ctx, who: &SignedIn) -> Outcome<Overview> {
    let (user, act) = (who.user.clone(), Act::begin(ctx, &Visitor::default()));
    Ok(ctx.store.read(move |tx| look(&act, tx, user.clone())).await?)
}

/// The same for somebody who has shown a first factor and stands before an open challenge.
pub async fn overview_at_the_door(ctx: &Ctx, challenge: &str) -> Outcome<Overview> {
    let act = Act::begin(ctx, &Visitor::default());
    let digest = challenge::digest(&ctx.vault, challenge);
    let found = ctx.store.read(move |tx| {
        let Some(challenge) = tx.challenge(&digest)? else { return Ok(None) };
        match tx.user(&challenge.user_id)? {
            Some(user) if challenge.is_open(&user, act.now) => look(&act, tx, user).map(Some),
            _ => Ok(None),
        }
    });
    Ok(found.await?.ok_or(Denied::ChallengeGone)?)
}

fn look(act: &Act, tx: &mut Tx<'_>, user: User) -> Result<Overview, Fault> {
    let memberships = tx.memberships(&user.id)?;
    let policy = act.policy_for(tx, &user)?;
    Ok(Overview {
        enrolled: tx.enrolled(&user.id)?,
        backup_codes_left: tx.backup_codes(&user.id, None)?.left,
        backup_codes_used: tx.used_backup_codes(&user.id)?,
        required: policy.required,
        required_from: deadlines::ahead_of(act, tx, &user)?,
        enforced: memberships.iter().any(|one| one.organisation.rules.second_factor_required),
        allowed: policy.methods,
        user,
    })
}
