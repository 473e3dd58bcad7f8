//! Registering a passkey: whoever adds one has proven themselves freshly, and it is kept only once it verifies.

use countersign_core::{
    assurance::PasskeyUse,
    authenticator::{self, Authenticator, Kind as Bound},
    backup_code::Shape,
    denied::Denied,
    event::Kind,
    ids::AuthenticatorId,
    method::Method,
    passkey::{self, Algorithm, Passkey, RegistrationJson, UserVerification},
    secret::Secret,
    session::{Reach, Scope, Visitor},
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::{
    Descriptor, Keep, Opening, PER_USER_MAX, Purpose, TIMEOUT_MS, digest, digest_of_asker, open,
    relying_party, spend,
};
use crate::{
    ctx::Ctx,
    operations::{
        Act, Outcome, Whose,
        authenticators::{self, Asking},
        brands, enrol,
        sessions::{Handover, Minted, SignedIn},
    },
    store::NewPasskeyRow,
};

/// What `navigator.credentials.create()` is called with.
#[derive(Debug)]
pub struct RegistrationOptions {
    pub challenge: [u8; 32],
    pub rp_id: String,
    pub rp_name: String,
    pub user_handle: Vec<u8>,
    /// The person's address, and the name they go by.
    pub user_name: String,
    pub display_name: String,
    /// What is registered already: one authenticator, one passkey.
    pub exclude: Vec<Descriptor>,
    pub user_verification: UserVerification,
    /// The only copy.
    pub token: Secret<String>,
}

impl RegistrationOptions {
    /// As browsers read it (`PublicKeyCredentialCreationOptionsJSON`, WebAuthn L3 §5.1.9), with the token that
    /// comes back with the answer.
    pub fn json(&self) -> Value {
        let offered = Algorithm::ALL.map(|one| json!({ "alg": one.number(), "type": "public-key" }));
        json!({
            "ceremony": self.token.expose(),
            "challenge": BASE64URL_NOPAD.encode(&self.challenge),
            "rp": { "id": self.rp_id, "name": self.rp_name },
            "user": {
                "id": BASE64URL_NOPAD.encode(&self.user_handle), "name": self.user_name,
                "displayName": self.display_name,
            },
            "pubKeyCredParams": offered, "timeout": TIMEOUT_MS, "attestation": "none",
            "excludeCredentials": Descriptor::json(&self.exclude),
            "authenticatorSelection": {
                "residentKey": "preferred", "requireResidentKey": false,
                "userVerification": self.user_verification.as_str(),
            },
        })
    }
}

/// Opens the ceremony that adds a passkey.
pub async fn begin_registration(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    keep: Keep,
) -> Outcome<RegistrationOptions> {
    let relying_party = relying_party(ctx)?;
    let app_name = ctx.config.app_name.clone();
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let asking = Asking { reach: Reach::Enrolment, password_now: false };
        let (who, authenticators) = match authenticators::may_change(&act, tx, &seen, asking)? {
            Ok(allowed) => allowed,
            Err(denied) => return Ok(Err(denied)),
        };
        if who.session.scope == Scope::Key {
            return Ok(Err(Denied::KeyRefused));
        }
        let allowed = act.policy_for(tx, &who.user)?.may_enrol(Method::Passkey);
        if let Err(denied) = allowed.and_then(|()| may_have_another(&authenticators)) {
            return Ok(Err(denied));
        }
        let user = &who.user;
        let user_handle = tx.passkey_handle(&user.id, &passkey::new_user_handle(act.dice()))?;
        let opening = Opening {
            purpose: Purpose::Register,
            user: Some(&user.id),
            binding: Some(who.session.id.as_str()),
            keep,
        };
        let (challenge, token) = open(&act, tx, &opening)?;
        let whose = Whose::session(&user.id, &who.session.id);
        act.record(tx, Kind::EnrolmentBegun, whose, json!({ "method": Method::Passkey }))?;
        Ok(Ok(RegistrationOptions {
            challenge,
            rp_id: relying_party.id.clone(),
            rp_name: brands::name(tx, user)?.unwrap_or_else(|| app_name.clone()),
            user_handle,
            user_name: user.called().to_owned(),
            display_name: if user.name.is_empty() { user.called().to_owned() } else { user.name.clone() },
            exclude: Descriptor::of(&authenticators),
            user_verification: UserVerification::Preferred,
            token,
        }))
    })
    .await
}

fn may_have_another(authenticators: &[Authenticator]) -> Result<(), Denied> {
    let passkeys = authenticators.iter().filter(|one| one.method() == Method::Passkey).count();
    if passkeys < PER_USER_MAX { Ok(()) } else { Err(Denied::TooManyPasskeys { max: PER_USER_MAX }) }
}

pub struct Register {
    /// What the browser kept; `None` where the ceremony is found by who asks.
    pub token: Option<String>,
    /// `None` where it could not be read, which ends the ceremony just the same.
    pub response: Option<RegistrationJson>,
    /// As the person calls it; by its model otherwise.
    pub name: Option<String>,
    /// Backup codes to be made if there are none yet, where the surface can show them.
    pub backup_codes: Option<Shape>,
    pub handover: Handover,
}

/// A passkey that is the person's from now on.
#[derive(Debug)]
pub struct Registered {
    pub who: SignedIn,
    pub id: AuthenticatorId,
    pub backup_codes: Vec<Secret<String>>,
    /// The asking session under its new token, where the surface can hand one over.
    pub rotated: Option<Minted>,
}

/// Ends the ceremony: the passkey is checked and bound to the account.
pub async fn register(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, asked: Register) -> Outcome<Registered> {
    let relying_party = relying_party(ctx)?;
    let name = asked.name.as_deref().map(authenticators::checked_name).transpose()?;
    let response = asked.response.as_ref().and_then(|response| response.decoded().ok());
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    let Register { token, backup_codes, handover, .. } = asked;
    ctx.write(move |tx| {
        let asking = Asking { reach: Reach::Enrolment, password_now: false };
        let (mut who, authenticators) = match authenticators::may_change(&act, tx, &seen, asking)? {
            Ok(allowed) => allowed,
            Err(denied) => return Ok(Err(denied)),
        };
        let binding = seen.session.id.as_str();
        let digest = match &token {
            Some(token) => digest(&act, token),
            None => digest_of_asker(&act, Purpose::Register, binding),
        };
        let ceremony = spend(&act, tx, &digest, Purpose::Register)?.filter(|one| {
            one.user_id.as_ref() == Some(&seen.user.id) && one.binding.as_deref() == Some(binding)
        });
        let Some(ceremony) = ceremony else { return Ok(Err(Denied::CeremonyGone)) };
        let allowed = act.policy_for(tx, &who.user)?.may_enrol(Method::Passkey);
        if let Err(denied) = allowed.and_then(|()| may_have_another(&authenticators)) {
            return Ok(Err(denied));
        }
        let expected = relying_party.expects(&ceremony.challenge, UserVerification::Preferred);
        let verified = response.as_ref().and_then(|response| response.verify(&expected).ok());
        let Some(new) = verified else { return Ok(Err(Denied::PasskeyRefused)) };
        if tx.passkey_owner(&new.credential.id)?.is_some() {
            return Ok(Err(Denied::PasskeyTaken));
        }
        let used =
            PasskeyUse { user_verified: new.user_verified, synced: new.credential.backup.is_eligible() };
        let passkey = Passkey {
            user_id: who.user.id.clone(),
            user_handle: tx.known_passkey_handle(&who.user.id)?,
            credential: new.credential,
            suspended: false,
        };
        let one = Authenticator {
            id: AuthenticatorId::new(act.now, act.dice()),
            user_id: who.user.id.clone(),
            kind: Bound::Passkey(Box::new(passkey.clone())),
            created_at: act.now,
            confirmed_at: Some(act.now),
        };
        tx.insert_authenticator(&act.vault, &one)?;
        let name = name.as_deref().unwrap_or_default();
        let row = NewPasskeyRow { authenticator: &one, passkey: &passkey, name, rp_id: &relying_party.id };
        if !tx.insert_passkey(&row)? {
            // Another account was faster with the same credential.
            tx.delete_authenticator(&who.user.id, &one.id)?;
            return Ok(Err(Denied::PasskeyTaken));
        }
        who.session.proofs = who.session.proofs.clone().with_passkey(used, act.now);
        let was_on = authenticator::second_factor_is_on(&authenticators);
        who.second_factor_is_on = true;
        let rotated = enrol::factor_added(&act, tx, &who, (Method::Passkey, was_on, handover))?;
        enrol::as_it_is_now(&act, tx, &mut who, rotated.as_ref())?;
        let backup_codes = match backup_codes {
            Some(shape) if !tx.backup_codes(&who.user.id, None)?.any => {
                authenticators::new_backup_codes(&act, tx, &who, (shape, true))?
            }
            _ => Vec::new(),
        };
        Ok(Ok(Registered { who, id: one.id, backup_codes, rotated }))
    })
    .await
}
