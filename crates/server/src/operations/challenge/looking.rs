//! What an open challenge may be answered with, for whoever holds its token. Looking changes nothing.

use std::time::Duration;

use countersign_core::{
    assurance::Proofs,
    authenticator::{Authenticator, Kind},
    denied::Denied,
    method::Method,
    one_time_code, phone,
    policy::{self, Bearer},
    time::DAY,
    trusted_device,
    user::{self, User},
};

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{Act, Outcome, challenge::Answerer, sessions::SignedIn},
    store::Tx,
};

/// A challenge that waits for an answer.
#[derive(Debug)]
pub struct Open {
    pub user: User,
    /// The most convenient first; backup codes are not among them.
    pub methods: Vec<Method>,
    pub backup_codes_left: u32,
    pub hints: Hints,
}

/// What helps somebody to answer, and tells whoever is not them little.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    pub last_used: Option<Method>,
    /// Where codes go, masked; of what can be asked for.
    pub mailbox: Option<String>,
    pub phone: Option<String>,
    /// For how long a browser can be trusted; nought where it cannot.
    pub trust_lasts: Duration,
    /// Until another code can be sent.
    pub wait: Option<Duration>,
}

pub(crate) fn hints(act: &Act, tx: &mut Tx<'_>, user: &User, methods: &[Method]) -> Result<Hints, Fault> {
    let authenticators = tx.authenticators(&act.vault, &user.id)?;
    let number = |one: &Authenticator| match &one.kind {
        Kind::SmsCode(number) if one.is_confirmed() => Some(phone::masked(number.expose())),
        _ => None,
    };
    Ok(Hints {
        last_used: tx.last_used_method(&user.id)?,
        mailbox: user.mailbox().map(user::masked).filter(|_| methods.contains(&Method::EmailCode)),
        phone: authenticators.iter().find_map(number).filter(|_| methods.contains(&Method::SmsCode)),
        wait: one_time_code::may_send(&tx.codes_sent(&user.id, act.now - DAY)?, act.now).err(),
        trust_lasts: act.policy_for(tx, user)?.trust_lasts.min(trusted_device::LIFETIME),
    })
}

/// The same for somebody who is signed in.
pub async fn hints_for(ctx: &Ctx, who: &SignedIn, methods: &[Method]) -> Outcome<Hints> {
    let act = Act::begin(ctx, &Default::default());
    let (user, methods) = (who.user.clone(), methods.to_vec());
    Ok(ctx.store.read(move |tx| hints(&act, tx, &user, &methods)).await?)
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
        let hints = hints(&act, tx, &user, &methods)?;
        Ok(Some(Open { user, methods, backup_codes_left, hints }))
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
