//! The shapes of our own API. Times are ISO 8601 in UTC.

use countersign_core::{method::Method, secret::Secret, session::Session, time::Timestamp, user::User};
use serde_json::{Value, json};

use crate::operations::{
    authenticators::EnrolledRow,
    passkeys::Known,
    recovery::Standing,
    sessions::{Minted, SignedIn},
    sign_in::Asked as Step,
};

pub(super) const METHODS: [Method; 6] =
    [Method::Password, Method::Totp, Method::EmailCode, Method::SmsCode, Method::Passkey, Method::BackupCode];

pub(super) fn user(user: &User, second_factor: bool) -> Value {
    json!({
        "id": user.id, "email": user.email, "email_verified": user.email_verified_at.is_some(),
        "name": user.name, "second_factor": second_factor, "created_at": user.created_at.to_iso(),
    })
}

pub(super) fn session(session: &Session, now: Timestamp) -> Value {
    let proofs: Vec<_> =
        session.proofs.iter().map(|one| json!({ "method": one.method, "at": one.at.to_iso() })).collect();
    json!({
        "id": session.id, "acr": session.proofs.aal(now).acr(), "amr": session.proofs.amr(),
        "proofs": proofs, "scope": session.scope.as_str(),
        "created_at": session.created_at.to_iso(), "expires_at": session.expires_at.to_iso(),
        "ip": session.visitor.ip, "browser": session.visitor.browser(),
    })
}

/// A session with the only copy of its token.
pub(super) fn minted(minted: &Minted, now: Timestamp) -> Value {
    let mut body = session(&minted.session, now);
    body["token"] = json!(minted.token.expose());
    body
}

pub(super) fn signed_in(who: &SignedIn, now: Timestamp) -> Value {
    json!({ "session": session(&who.session, now), "user": user(&who.user, who.second_factor_is_on) })
}

/// A question instead of a session.
pub(super) fn challenge(step: &Step) -> Value {
    json!({ "challenge": step.token.expose(), "methods": step.methods })
}

pub(super) fn exposed(codes: &[Secret<String>]) -> Vec<&str> {
    codes.iter().map(|code| code.expose().as_str()).collect()
}

pub(super) fn authenticator(one: &EnrolledRow) -> Value {
    json!({
        "id": one.id, "method": one.method, "name": one.name, "since": one.since.to_iso(),
        "last_used_at": one.last_used_at.map(Timestamp::to_iso),
    })
}

pub(super) fn passkey(one: &Known) -> Value {
    let credential = &one.passkey.credential;
    let transports: Vec<_> = credential.transports.iter().map(|way| way.as_str()).collect();
    json!({
        "id": one.id, "name": one.called(), "model": credential.aaguid.name(), "transports": transports,
        "synced": credential.backup.is_eligible(), "suspended": one.passkey.suspended,
        "created_at": one.created_at.to_iso(), "last_used_at": one.last_used_at.map(|at| at.to_iso()),
    })
}

pub(super) fn standing(standing: &Standing) -> Value {
    json!({
        "state": standing.state.as_str(), "reference": standing.reference,
        "started_at": standing.started_at.to_iso(), "ready_at": standing.ready_at.to_iso(),
        "expires_at": standing.expires_at.to_iso(), "shortened": standing.shortened,
        "from": { "ip": standing.from.ip, "browser": standing.from.browser() },
    })
}
