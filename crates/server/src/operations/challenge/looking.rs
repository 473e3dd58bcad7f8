//! What an open challenge may be answered with, for whoever holds its token. Looking changes nothing.

use countersign_core::{
    assurance::Proofs,
    denied::Denied,
    method::Method,
    policy::{self, Bearer},
    user::User,
};

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{Act, Outcome, challenge::Answerer},
    store::Tx,
};

/// A challenge that waits for an answer.
#[derive(Debug)]
pub struct Open {
    pub user: User,
    /// The most convenient first; backup codes are not among them.
    pub methods: Vec<Method>,
    pub backup_codes_left: u32,
}

pub async fn look_at(ctx: &Ctx, answerer: &Answerer) -> Outcome<Open> {
    let act = Act::begin(ctx, &Default::default());
    let digest = answerer.digest(&act.vault).ok_or(Denied::ChallengeGone)?;
    let found = ctx.store.read(move |tx| {
        let Some(challenge) = tx.challenge(&digest)? else { return Ok(None) };
        let Some(user) = tx.user(&challenge.user_id)? else { return Ok(None) };
        if !challenge.is_open(&user, act.now) {
            return Ok(None);
        }
        let methods = methods_of(&act, tx, &user, &challenge.proofs)?;
        let backup_codes_left = tx.backup_codes(&user.id, None)?.left;
        Ok(Some(Open { user, methods, backup_codes_left }))
    });
    Ok(found.await?.ok_or(Denied::ChallengeGone)?)
}

/// What may follow these proofs, best first; what the person likes to be asked for before everything else.
pub(crate) fn methods_of(
    act: &Act,
    tx: &mut Tx<'_>,
    user: &User,
    proofs: &Proofs,
) -> Result<Vec<Method>, Fault> {
    let authenticators = tx.authenticators(&act.vault, &user.id)?;
    let policy = act.policy_for(tx, user)?;
    let mut methods = policy::offered(policy, Bearer { user, authenticators: &authenticators, proofs });
    if let Some(at) = methods.iter().position(|one| Some(*one) == user.preferred_method) {
        methods[..=at].rotate_right(1);
    }
    Ok(methods)
}

impl Open {
    pub fn offers(&self, method: Method) -> bool {
        match method {
            Method::BackupCode => self.backup_codes_left > 0,
            method => self.methods.contains(&method),
        }
    }
}
