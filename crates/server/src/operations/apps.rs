//! The authenticator apps somebody has, on a phone and on a tablet, say: named and removed.

use countersign_core::{
    authenticator,
    denied::Denied,
    ids::{AuthenticatorId, UserId},
    method::Method,
    session::{Reach, Visitor},
};

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome,
        authenticators::{self, Asking, Removal},
        sessions::{Handover, Minted, SignedIn},
    },
    store::Tx,
};

/// Two apps of a person are never called the same: the later one is numbered. Says whether there is such an app.
pub(super) fn call(tx: &mut Tx<'_>, user: &UserId, id: &AuthenticatorId, name: &str) -> Result<bool, Fault> {
    let all = tx.enrolled(user)?;
    let others = all.iter().filter(|one| one.method == Method::Totp && one.id != *id);
    let taken: Vec<&str> = others.filter_map(|one| one.name.as_deref()).collect();
    tx.name_app(user, id, &authenticator::free_name(name, &taken))
}

/// Calls an app by another name. It takes what any change of factors takes, as with passkeys (SEC-101).
pub async fn rename(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    (id, name): (AuthenticatorId, &str),
) -> Outcome<()> {
    let name = authenticators::checked_name(name)?;
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let asking = Asking { reach: Reach::Everything, password_now: false };
        let who = match authenticators::may_change(&act, tx, &seen, asking)? {
            Ok((who, _)) => who,
            Err(denied) => return Ok(Err(denied)),
        };
        let named = call(tx, &who.user.id, &id, &name)?;
        Ok(if named { Ok(()) } else { Err(Denied::AppNotFound) })
    })
    .await
}

/// Takes one app away and leaves the others.
pub async fn remove(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    (id, handover): (AuthenticatorId, Handover),
) -> Outcome<Option<Minted>> {
    let wish = Removal { method: Some(Method::Totp), one: Some(id), handover, ..Removal::default() };
    authenticators::remove(ctx, visitor, who, wish).await
}
