//! Passkeys as answers: one factor or two, and what follows from a copy.

use crate::{
    assurance::PasskeyUse,
    authenticator::Kind,
    challenge::{Asker, Case, Ends, Enrols, Pass, Refusal, Spend, Verdict},
    denied::Denied,
    ids::AuthenticatorId,
    method::Method,
    passkey::{AssertionResponse, Passkey, Proven, Refused, RelyingParty, UserVerification, Whose},
    time::Timestamp,
};

/// A passkey's answer, and the ceremony it answers: opened by us, for this asker, spent a moment ago.
#[derive(Clone, Debug)]
pub struct Presented {
    pub assertion: AssertionResponse,
    pub challenge: Vec<u8>,
    pub relying_party: RelyingParty,
}

impl Case {
    /// A passkey is one factor at the door, after another one. Where it is shown again, or inside a session, its
    /// person must be verified (SEC-041).
    pub(super) fn judge_passkey(&self, presented: &Presented, now: Timestamp) -> Verdict {
        let found = self.authenticators.iter().find_map(|one| match &one.kind {
            Kind::Passkey(passkey) if one.is_confirmed() => {
                (passkey.credential.id == presented.assertion.credential_id).then_some((&one.id, passkey))
            }
            _ => None,
        });
        let Some((id, passkey)) = found else {
            return Refusal::flat(Denied::PasskeyNotFound);
        };
        let again = self.proofs_so_far().includes(Method::Passkey);
        let alone = again || matches!(self.asker, Asker::Inside(_));
        let whose = Whose::User(&self.user.id);
        match prove_passkey(presented, passkey, (whose, alone)) {
            Ok((proven, used)) => Verdict::Passed(Pass {
                method: Method::Passkey,
                spend: Spend::Passkey {
                    authenticator: id.clone(),
                    counter_was: passkey.credential.counter,
                    proven,
                },
                enrols: Enrols::Nothing,
                proofs: self.proofs_so_far().with_passkey(used, now),
                budget: self.budget.after_success(self.paid(), now),
            }),
            Err(refused) => refuse_passkey(refused, id),
        }
    }
}

/// Whether this passkey was used just now, and what that shows. `alone` is for where it has to be both factors.
pub fn prove_passkey(
    presented: &Presented,
    passkey: &Passkey,
    (whose, alone): (Whose<'_>, bool),
) -> Result<(Proven, PasskeyUse), Refused> {
    let required = if alone { UserVerification::Required } else { UserVerification::Preferred };
    let expected = presented.relying_party.expects(&presented.challenge, required);
    let proven = presented.assertion.verify(&expected, passkey, whose)?;
    let used = PasskeyUse { user_verified: proven.user_verified, synced: proven.backup.is_eligible() };
    Ok((proven, used))
}

/// People hear one sentence for all that can be wrong with a signature; two reasons have consequences.
pub fn refuse_passkey(refused: Refused, authenticator: &AuthenticatorId) -> Verdict {
    match refused {
        Refused::UserUnverified => Refusal::flat(Denied::UserVerificationRequired),
        Refused::Cloned { stored, seen } => {
            let authenticator = authenticator.clone();
            Refusal::ending(Denied::PasskeyRefused, Ends::Passkey { authenticator, stored, seen })
        }
        _ => Refusal::flat(Denied::PasskeyRefused),
    }
}
