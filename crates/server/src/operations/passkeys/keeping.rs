//! The passkeys somebody has: listed, named, removed.

use countersign_core::{
    denied::Denied,
    ids::AuthenticatorId,
    method::Method,
    passkey::Passkey,
    session::{Reach, Visitor},
    time::Timestamp,
};

use crate::{
    ctx::Ctx,
    operations::{
        Outcome,
        authenticators::{self, Authority, Removal},
        sessions::{Handover, Minted, SignedIn},
    },
};

/// A passkey as its owner sees it.
#[derive(Clone, Debug)]
pub struct Known {
    pub id: AuthenticatorId,
    /// As the person calls it, if they do.
    pub name: Option<String>,
    pub passkey: Passkey,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

impl Known {
    /// A name to show: the person's own, or the model's.
    pub fn called(&self) -> &str {
        self.name.as_deref().or_else(|| self.passkey.credential.aaguid.name()).unwrap_or("Passkey")
    }
}

/// The person's passkeys, oldest first.
pub async fn list(ctx: &Ctx, who: &SignedIn) -> Outcome<Vec<Known>> {
    who.session.scope.reaches(Reach::Everything)?;
    let user = who.user.id.clone();
    let rows = ctx.store.read(move |tx| tx.passkeys_of(&user)).await?;
    let known = |row: crate::store::PasskeyRow| Known {
        id: row.id,
        name: Some(row.name).filter(|name| !name.is_empty()),
        passkey: row.passkey,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
    };
    Ok(rows.into_iter().map(known).collect())
}

pub async fn rename(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    (id, name): (AuthenticatorId, &str),
) -> Outcome<()> {
    let unknown = Denied::PasskeyNotFound;
    authenticators::rename(ctx, visitor, who, (name, unknown), move |tx, user, name| {
        tx.rename_passkey(user, &id, name)
    })
    .await
}

/// Takes one passkey away.
pub async fn remove(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    (id, authority, handover): (AuthenticatorId, Authority, Handover),
) -> Outcome<Option<Minted>> {
    let wish =
        Removal { authority, method: Some(Method::Passkey), one: Some(id), handover, ..Removal::default() };
    authenticators::remove(ctx, visitor, who, wish).await
}
