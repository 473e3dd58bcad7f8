//! Authenticators of a signed-in person: enrol, reveal, renew backup codes, switch the second factor off.

use countersign_core::{
    authenticator::{self, Authenticator, Kind as Bound},
    backup_code,
    denied::Denied,
    event::Kind,
    ids::AuthenticatorId,
    message::Notice,
    method::Method,
    policy::{self, Standing},
    secret::Secret,
    session::Visitor,
    totp::{self, Parameters, Totp},
};
use serde_json::json;

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose, accounts, challenge, passwords,
        sessions::{self, Minted, SignedIn},
        trusted_devices,
    },
    store::Tx,
};

/// A TOTP enrolment that waits for its first code. Shown once.
#[derive(Debug)]
pub struct TotpEnrolment {
    pub uri: Secret<String>,
    pub backup_codes: Vec<Secret<String>>,
}

/// Begins a TOTP enrolment and the backup codes that come with it; an unfinished one before it is void.
pub async fn begin_totp(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    asked: Begin,
) -> Outcome<TotpEnrolment> {
    passwords::check(ctx, visitor, &who.user, asked.password).await?;
    let act = Act::begin(ctx, visitor);
    let issuer = asked.issuer.unwrap_or_else(|| ctx.config.app_name.clone());
    let seen = who.clone();
    ctx.write(move |tx| {
        let (who, authenticators) = match may_change(&act, tx, &seen)? {
            Ok(allowed) => allowed,
            Err(denied) => return Ok(Err(denied)),
        };
        if authenticator::is_enrolled(&authenticators, Method::Totp) {
            return Ok(Err(Denied::AlreadyEnrolled(Method::Totp)));
        }
        let user = &who.user;
        let seed = totp::new_seed(act.dice());
        let parameters = Parameters::default();
        let uri = totp::uri(&issuer, &user.email, seed.expose(), parameters);
        tx.discard_enrolments(&user.id, Method::Totp)?;
        tx.insert_authenticator(
            &act.vault,
            &Authenticator {
                id: AuthenticatorId::new(act.now, act.dice()),
                user_id: user.id.clone(),
                kind: Bound::Totp(Totp { seed, parameters, last_step: None }),
                created_at: act.now,
                confirmed_at: None,
            },
        )?;
        let backup_codes = new_backup_codes(&act, tx, &who, false)?;
        let whose = Whose::session(&user.id, &who.session.id);
        act.record(tx, Kind::EnrolmentBegun, whose, json!({ "method": Method::Totp }))?;
        Ok(Ok(TotpEnrolment { uri, backup_codes }))
    })
    .await
}

pub struct Begin {
    pub password: Secret<String>,
    /// The name shown in the authenticator app; the application's if absent.
    pub issuer: Option<String>,
}

/// Stores a fresh set: active at once, or waiting for the enrolment it belongs to.
fn new_backup_codes(
    act: &Act,
    tx: &mut Tx<'_>,
    who: &SignedIn,
    at_once: bool,
) -> Result<Vec<Secret<String>>, Fault> {
    let user = &who.user.id;
    let codes = backup_code::new_set(act.dice());
    let digests: Vec<Vec<u8>> = codes
        .iter()
        .filter_map(|code| backup_code::normalise(code.expose()))
        .map(|code| challenge::backup_digest(act, user, code.expose()))
        .collect();
    tx.insert_backup_codes(user, &digests, act.now, at_once.then_some(act.now))?;
    Ok(codes)
}

/// The session as it stands, if it may change factors after its password was checked.
fn may_change(
    act: &Act,
    tx: &mut Tx<'_>,
    seen: &SignedIn,
) -> Result<Result<(SignedIn, Vec<Authenticator>), Denied>, Fault> {
    let who = match sessions::still(act, tx, seen)? {
        Ok(who) => who,
        Err(denied) => return Ok(Err(denied)),
    };
    let authenticators = tx.authenticators(&act.vault, &who.user.id)?;
    // An enrolment gives its session a new token at the very moment it is confirmed.
    let enrolled_here_at =
        authenticators.iter().filter_map(|one| one.confirmed_at).find(|at| *at == who.session.created_at);
    let standing = Standing {
        second_factor_is_on: who.second_factor_is_on,
        proofs: &who.session.proofs,
        password_now: true,
        enrolled_here_at,
    };
    Ok(policy::may_change_factors(standing, act.now).map(|()| (who, authenticators)))
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
        let (who, authenticators) = match may_change(&act, tx, &seen)? {
            Ok(allowed) => allowed,
            Err(denied) => return Ok(Err(denied)),
        };
        if authenticator::is_enrolled(&authenticators, Method::EmailCode) {
            return Ok(Ok(None));
        }
        challenge::add_email_code(&act, tx, &who.user.id)?;
        let added = (Method::EmailCode, who.second_factor_is_on);
        challenge::factor_added(&act, tx, &who, added).map(Ok)
    })
    .await
}

/// Shows the seed of the person's TOTP authenticator again.
pub async fn reveal_totp(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    password: Secret<String>,
) -> Outcome<Secret<String>> {
    let (user, vault, now) = (who.user.id.clone(), ctx.vault.clone(), ctx.clock.now());
    let all = ctx.store.read(move |tx| tx.authenticators(&vault, &user)).await?;
    if totp_of(&all, now).is_none() {
        return Err(Denied::NotEnrolled(Method::Totp).into());
    }
    passwords::check(ctx, visitor, &who.user, password).await?;
    let act = Act::begin(ctx, visitor);
    let (seen, issuer) = (who.clone(), ctx.config.app_name.clone());
    ctx.write(move |tx| {
        let (who, authenticators) = match may_change(&act, tx, &seen)? {
            Ok(allowed) => allowed,
            Err(denied) => return Ok(Err(denied)),
        };
        let Some(totp) = totp_of(&authenticators, act.now) else {
            return Ok(Err(Denied::NotEnrolled(Method::Totp)));
        };
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::AuthenticatorRevealed, whose, json!({ "method": Method::Totp }))?;
        Ok(Ok(totp::uri(&issuer, &who.user.email, totp.seed.expose(), totp.parameters)))
    })
    .await
}

/// The TOTP authenticator that counts: the confirmed one, else the one waiting for its first code.
fn totp_of(authenticators: &[Authenticator], now: countersign_core::time::Timestamp) -> Option<&Totp> {
    let as_totp = |one: &&Authenticator| one.method() == Method::Totp;
    let confirmed = authenticators.iter().filter(as_totp).find(|one| one.is_confirmed());
    let waiting = || authenticators.iter().filter(as_totp).find(|one| one.awaits_proof(now));
    match &confirmed.or_else(waiting)?.kind {
        Bound::Totp(totp) => Some(totp),
        Bound::EmailCode => None,
    }
}

/// A new set of backup codes; the old one is dead in the same moment (SEC-017).
pub async fn renew_backup_codes(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    password: Secret<String>,
) -> Outcome<Vec<Secret<String>>> {
    let user = who.user.id.clone();
    let methods = ctx.store.read(move |tx| tx.methods_enrolled(&user)).await?;
    if !methods.contains(&Method::Totp) {
        return Err(Denied::NoSecondFactor.into());
    }
    passwords::check(ctx, visitor, &who.user, password).await?;
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let (who, _) = match may_change(&act, tx, &seen)? {
            Ok(allowed) => allowed,
            Err(denied) => return Ok(Err(denied)),
        };
        let codes = new_backup_codes(&act, tx, &who, true)?;
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::BackupCodesRenewed, whose, json!({}))?;
        act.notify(tx, &who.user, Notice::BackupCodesRenewed)?;
        Ok(Ok(codes))
    })
    .await
}

pub struct Disable {
    pub password: Secret<String>,
    /// The asking browser's own trusted device, forgotten even if it belongs to nobody any more.
    pub trusted_device: Option<String>,
}

/// Removes every authenticator and backup code; the asking session gets a new token, the others end.
pub async fn disable(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, asked: Disable) -> Outcome<Minted> {
    passwords::check(ctx, visitor, &who.user, asked.password).await?;
    let act = Act::begin(ctx, visitor);
    let (seen, device) = (who.clone(), asked.trusted_device);
    ctx.write(move |tx| {
        let (who, authenticators) = match may_change(&act, tx, &seen)? {
            Ok(allowed) => allowed,
            Err(denied) => return Ok(Err(denied)),
        };
        let user = &who.user;
        tx.delete_authenticators(&user.id)?;
        tx.delete_backup_codes(&user.id)?;
        if let Some(value) = &device {
            trusted_devices::forget(&act, tx, &user.id, value)?;
        }
        tx.delete_trusted_devices(&user.id)?;
        tx.forgive_guesses(&user.id)?;
        tx.raise_security_version(&user.id, act.now)?;
        let ended = tx.delete_sessions(&user.id, None)?;
        let whose = Whose::session(&user.id, &who.session.id);
        if !who.second_factor_is_on {
            // There was nothing to switch off, but sessions did end.
            act.record(tx, Kind::SessionRevoked, whose, json!({ "count": ended }))?;
        }
        for one in authenticators.iter().filter(|one| one.is_confirmed()) {
            let method = one.method();
            act.record(tx, Kind::AuthenticatorRemoved, whose, json!({ "method": method }))?;
            act.notify(tx, user, Notice::AuthenticatorRemoved { method })?;
        }
        accounts::remint(&act, tx, &who).map(Ok)
    })
    .await
}
