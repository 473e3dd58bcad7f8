//! Trusted devices: earned with a proof, rotated on use, revoked when a copy shows up.

use std::time::Duration;

use countersign_core::{
    denied::Denied,
    entropy,
    event::Kind,
    ids::{TrustedDeviceId, UserId},
    message::Notice,
    policy::{self, Standing},
    secret::Secret,
    session::{Reach, Visitor},
    trusted_device::{LIFETIME, NAME_MAX, Trust, TrustedDevice},
    user::User,
};
use serde_json::json;

pub use crate::store::KnownDevice;
use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose,
        sessions::{self, SignedIn},
    },
    store::{NewTrustedDevice, Tx},
};

/// Length of the value a browser keeps, `[A-Za-z0-9_-]`: 192 bits.
const VALUE_LENGTH: usize = 32;
/// How many people's values one browser may keep and show.
pub const SHARED_BY_MAX: usize = 8;

pub(crate) fn digest(act: &Act, value: &str) -> Vec<u8> {
    act.vault.digest("trusted device", &[value.as_bytes()])
}

/// Trusts the browser that just proved itself, for as long as the person's organisations allow. Returns the only
/// copy of its value; nothing where they trust no browser.
pub(crate) fn trust(act: &Act, tx: &mut Tx<'_>, user: &User) -> Result<Option<Secret<String>>, Fault> {
    let lasts = act.policy_for(tx, user)?.trust_lasts.min(LIFETIME);
    if lasts.is_zero() {
        return Ok(None);
    }
    let value = Secret::new(entropy::url_safe(act.dice(), VALUE_LENGTH));
    let device = TrustedDevice {
        id: TrustedDeviceId::new(act.now, act.dice()),
        user_id: user.id.clone(),
        created_at: act.now,
        rotated_at: act.now,
        expires_at: act.now + lasts,
    };
    let digest = digest(act, value.expose());
    tx.insert_trusted_device(&NewTrustedDevice { device: &device, digest: &digest, visitor: &act.visitor })?;
    act.record(tx, Kind::TrustedDeviceAdded, Whose::user(&user.id), json!({ "device": device.id }))?;
    act.notify(tx, user, Notice::TrustedDeviceAdded)?;
    Ok(Some(value))
}

/// How long the browser of somebody who has just shown their second factor could be trusted; nought where it cannot.
pub async fn offer(ctx: &Ctx, who: &SignedIn) -> Outcome<Duration> {
    let act = Act::begin(ctx, &Visitor::default());
    if may_trust(&act, who).is_err() {
        return Ok(Duration::ZERO);
    }
    let user = who.user.clone();
    let lasts = ctx.store.read(move |tx| act.policy_for(tx, &user).map(|policy| policy.trust_lasts));
    Ok(lasts.await?.min(LIFETIME))
}

/// What a fresh proof may add to an account, it may also leave with its browser (SEC-018).
fn may_trust(act: &Act, who: &SignedIn) -> Result<(), Denied> {
    if !who.second_factor_is_on {
        return Err(Denied::NoSecondFactor);
    }
    policy::may_change_factors(Standing::by_session(true, &who.session.proofs), act.now)
}

/// Trusts this browser, where the second step was a moment ago and said nothing of it.
pub async fn trust_now(ctx: &Ctx, visitor: &Visitor, who: &SignedIn) -> Outcome<Option<Secret<String>>> {
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let who = match sessions::still(&act, tx, &seen, Reach::Everything)? {
            Ok(who) => who,
            Err(denied) => return Ok(Err(denied)),
        };
        if let Err(denied) = may_trust(&act, &who) {
            return Ok(Err(denied));
        }
        trust(&act, tx, &who.user).map(Ok)
    })
    .await
}

/// A trusted device that stood the test: its new value, and for how long it still holds.
#[derive(Clone, Debug)]
pub struct Renewed {
    pub value: Secret<String>,
    /// The value that it takes the place of.
    pub was: Secret<String>,
    pub seconds_left: u64,
}

/// Whether one of the presented values lets this user skip the second step. Spends it: the browser gets a new one.
/// Values of others who share the browser stay as they are.
pub(crate) fn present(
    act: &Act,
    tx: &mut Tx<'_>,
    user: &User,
    values: &[String],
) -> Result<Option<Renewed>, Fault> {
    for value in values.iter().take(SHARED_BY_MAX) {
        if let Some(renewed) = present_one(act, tx, user, value)? {
            return Ok(Some(renewed));
        }
    }
    Ok(None)
}

fn present_one(act: &Act, tx: &mut Tx<'_>, user: &User, value: &str) -> Result<Option<Renewed>, Fault> {
    let presented = digest(act, value);
    let Some((device, which)) = tx.trusted_device(&presented)? else {
        return Ok(None);
    };
    let detail = json!({ "device": device.id });
    let trust_lasts = act.policy_for(tx, user)?.trust_lasts;
    match device.judge(which, (&user.id, trust_lasts), act.now) {
        Trust::Granted => {
            let fresh = Secret::new(entropy::url_safe(act.dice(), VALUE_LENGTH));
            let new_digest = digest(act, fresh.expose());
            if !tx.rotate_trusted_device(&device.id, &presented, &new_digest, act.now)? {
                return Ok(None);
            }
            act.record(tx, Kind::TrustedDeviceUsed, Whose::user(&user.id), detail)?;
            let seconds_left = device.ends_at(trust_lasts).since(act.now).as_secs();
            Ok(Some(Renewed { value: fresh, was: Secret::from(value), seconds_left }))
        }
        Trust::Withheld => Ok(None),
        Trust::Stolen => {
            tx.delete_trusted_device(&device.id)?;
            act.record(tx, Kind::TrustedDeviceStolen, Whose::user(&user.id), detail)?;
            act.notify(tx, user, Notice::TrustedDeviceStolen)?;
            Ok(None)
        }
    }
}

/// The person's trusted devices, the last used first, as far as their organisations still trust them.
pub async fn list(ctx: &Ctx, who: &SignedIn) -> Outcome<Vec<KnownDevice>> {
    who.session.scope.reaches(Reach::Everything)?;
    let (user, act) = (who.user.clone(), Act::begin(ctx, &Visitor::default()));
    let listed = ctx.store.read(move |tx| {
        let lasts = act.policy_for(tx, &user)?.trust_lasts;
        let mut devices = tx.trusted_devices_of(&user.id, act.now)?;
        for device in &mut devices {
            device.expires_at = device.expires_at.min(device.created_at + lasts);
        }
        devices.retain(|device| device.expires_at > act.now);
        Ok(devices)
    });
    Ok(listed.await?)
}

/// Calls one of the person's devices by a name, or by its browser again. Says whether there was one.
pub async fn rename(ctx: &Ctx, who: &SignedIn, id: &TrustedDeviceId, name: &str) -> Outcome<bool> {
    who.session.scope.reaches(Reach::Everything)?;
    let name = Some(name.trim().to_owned()).filter(|name| !name.is_empty());
    if name.as_ref().is_some_and(|name| name.chars().count() > NAME_MAX) {
        return Err(Denied::FieldTooLong { field: "name", max: NAME_MAX }.into());
    }
    let (user, id) = (who.user.id.clone(), id.clone());
    ctx.write(move |tx| tx.rename_trusted_device(&user, &id, name.as_deref()).map(Ok)).await
}

/// Trusts none of the person's devices any longer. Says how many there were.
pub async fn revoke_all(ctx: &Ctx, visitor: &Visitor, who: &SignedIn) -> Outcome<u64> {
    who.session.scope.reaches(Reach::Everything)?;
    let act = Act::begin(ctx, visitor);
    let user = who.user.id.clone();
    ctx.write(move |tx| {
        let gone = tx.delete_trusted_devices(&user)?;
        if gone > 0 {
            act.record(tx, Kind::TrustedDeviceRemoved, Whose::user(&user), json!({ "count": gone }))?;
        }
        Ok(Ok(gone))
    })
    .await
}

/// Trusts one of the person's devices no longer. Says whether there was one of this name.
pub async fn revoke(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, id: &TrustedDeviceId) -> Outcome<bool> {
    who.session.scope.reaches(Reach::Everything)?;
    let act = Act::begin(ctx, visitor);
    let (user, id) = (who.user.id.clone(), id.clone());
    ctx.write(move |tx| {
        let gone = tx.forget_trusted_device(&user, &id)?;
        if gone {
            act.record(tx, Kind::TrustedDeviceRemoved, Whose::user(&user), json!({ "device": id }))?;
        }
        Ok(Ok(gone))
    })
    .await
}

/// Forgets the device that presents this value, whoever it belongs to.
pub(crate) fn forget(act: &Act, tx: &mut Tx<'_>, user: &UserId, value: &str) -> Result<(), Fault> {
    if let Some((device, _)) = tx.trusted_device(&digest(act, value))?
        && device.user_id == *user
    {
        tx.delete_trusted_device(&device.id)?;
        act.record(tx, Kind::TrustedDeviceRemoved, Whose::user(user), json!({ "device": device.id }))?;
    }
    Ok(())
}
