//! Trusted devices: earned with a proof, rotated on use, revoked when a copy shows up.

use countersign_core::{
    entropy,
    event::Kind,
    ids::{TrustedDeviceId, UserId},
    message::Notice,
    secret::Secret,
    session::{Reach, Visitor},
    trusted_device::{LIFETIME, Trust, TrustedDevice},
    user::User,
};
use serde_json::json;

pub use crate::store::KnownDevice;
use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{Act, Outcome, Whose, sessions::SignedIn},
    store::{NewTrustedDevice, Tx},
};

/// Length of the value a browser keeps, `[A-Za-z0-9_-]`: 192 bits.
const VALUE_LENGTH: usize = 32;

pub(crate) fn digest(act: &Act, value: &str) -> Vec<u8> {
    act.vault.digest("trusted device", &[value.as_bytes()])
}

/// Trusts the browser that just proved itself. Returns the only copy of its value.
pub(crate) fn trust(act: &Act, tx: &mut Tx<'_>, user: &User) -> Result<Secret<String>, Fault> {
    let value = Secret::new(entropy::url_safe(act.dice(), VALUE_LENGTH));
    let device = TrustedDevice {
        id: TrustedDeviceId::new(act.now, act.dice()),
        user_id: user.id.clone(),
        rotated_at: act.now,
        expires_at: act.now + LIFETIME,
    };
    let digest = digest(act, value.expose());
    tx.insert_trusted_device(&NewTrustedDevice { device: &device, digest: &digest, visitor: &act.visitor })?;
    act.record(tx, Kind::TrustedDeviceAdded, Whose::user(&user.id), json!({ "device": device.id }))?;
    act.notify(tx, user, Notice::TrustedDeviceAdded)?;
    Ok(value)
}

/// A trusted device that stood the test: its new value, and for how long it still holds.
#[derive(Clone, Debug)]
pub struct Renewed {
    pub value: Secret<String>,
    pub seconds_left: u64,
}

/// Whether the presented value lets this user skip the second step. Spends it: the browser gets a new one.
pub(crate) fn present(
    act: &Act,
    tx: &mut Tx<'_>,
    user: &User,
    value: &str,
) -> Result<Option<Renewed>, Fault> {
    let presented = digest(act, value);
    let Some((device, which)) = tx.trusted_device(&presented)? else {
        return Ok(None);
    };
    let detail = json!({ "device": device.id });
    match device.judge(which, &user.id, act.now) {
        Trust::Granted => {
            let fresh = Secret::new(entropy::url_safe(act.dice(), VALUE_LENGTH));
            let new_digest = digest(act, fresh.expose());
            if !tx.rotate_trusted_device(&device.id, &presented, &new_digest, act.now)? {
                return Ok(None);
            }
            act.record(tx, Kind::TrustedDeviceUsed, Whose::user(&user.id), detail)?;
            let seconds_left = device.expires_at.since(act.now).as_secs();
            Ok(Some(Renewed { value: fresh, seconds_left }))
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

/// The person's trusted devices, the last used first.
pub async fn list(ctx: &Ctx, who: &SignedIn) -> Outcome<Vec<KnownDevice>> {
    who.session.scope.reaches(Reach::Everything)?;
    let (user, now) = (who.user.id.clone(), ctx.clock.now());
    Ok(ctx.store.read(move |tx| tx.trusted_devices_of(&user, now)).await?)
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
