//! What an open challenge may be answered with, for whoever holds its token. Looking changes nothing.

use countersign_core::{
    denied::Denied,
    method::Method,
    policy::{self, Bearer},
    user::User,
};

use crate::{
    ctx::Ctx,
    operations::{Act, Outcome, challenge::digest},
};

/// A challenge that waits for an answer.
#[derive(Debug)]
pub struct Open {
    pub user: User,
    /// The most convenient first; backup codes are not among them.
    pub methods: Vec<Method>,
    pub backup_codes_left: u32,
}

pub async fn look_at(ctx: &Ctx, token: &str) -> Outcome<Open> {
    let act = Act::begin(ctx, &Default::default());
    let digest = digest(&act.vault, token);
    let found = ctx.store.read(move |tx| {
        let Some(challenge) = tx.challenge(&digest)? else { return Ok(None) };
        let Some(user) = tx.user(&challenge.user_id)? else { return Ok(None) };
        if !challenge.is_open(&user, act.now) {
            return Ok(None);
        }
        let authenticators = tx.authenticators(&act.vault, &user.id)?;
        let policy = act.policy_for(tx, &user)?;
        let bearer = Bearer { user: &user, authenticators: &authenticators, proofs: &challenge.proofs };
        let mut methods = policy::offered(policy, bearer);
        // What they like to be asked for first.
        if let Some(at) = methods.iter().position(|one| Some(*one) == user.preferred_method) {
            methods[..=at].rotate_right(1);
        }
        let backup_codes_left = tx.backup_codes(&user.id, None)?.left;
        Ok(Some(Open { user, methods, backup_codes_left }))
    });
    Ok(found.await?.ok_or(Denied::ChallengeGone)?)
}

impl Open {
    pub fn offers(&self, method: Method) -> bool {
        match method {
            Method::BackupCode => self.backup_codes_left > 0,
            method => self.methods.contains(&method),
        }
    }
}
