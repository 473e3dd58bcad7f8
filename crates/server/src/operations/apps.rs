//! The authenticator apps somebody has, on a phone and on a tablet, say: named and removed.

use countersign_core::{
    authenticator,
    denied::Denied,
    ids::{AuthenticatorId, UserId},
    method::Method,
    session::Visitor,
};

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Outcome,
        authenticators::{self, Removal},
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

pub async fn rename(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    (id, name): (AuthenticatorId, &str),
) -> Outcome<()> {
    let unknown = Denied::AppNotFound;
    authenticators::rename(ctx, visitor, who, (name, unknown), move |tx, user, name| {
        call(tx, user, &id, name)
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
