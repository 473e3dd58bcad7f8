//! The shapes of the wire, as they go out (contract §§2, 13). What comes in is read member by member.

use countersign_core::{secret::Secret, session::Session, user::User};
use serde_json::{Value, json};

use crate::operations::sessions::SignedIn;

pub(super) fn user(user: &User, two_factor_enabled: bool) -> Value {
    json!({
        "id": user.id, "name": user.name, "image": user.image,
        "email": user.email, "emailVerified": user.email_verified_at.is_some(),
        "createdAt": user.created_at.to_iso(), "updatedAt": user.updated_at.to_iso(),
        "twoFactorEnabled": two_factor_enabled,
    })
}

/// `token` is the session's own only for whoever holds it; for the person's other sessions it is a handle
/// that revokes and opens nothing (§14 row 9).
pub(super) fn session(session: &Session, token: &str) -> Value {
    json!({
        "id": session.id, "token": token, "userId": session.user_id,
        "createdAt": session.created_at.to_iso(), "updatedAt": session.refreshed_at.to_iso(),
        "expiresAt": session.expires_at.to_iso(),
        "ipAddress": session.visitor.ip, "userAgent": session.visitor.user_agent,
    })
}

pub(super) fn signed_in(who: &SignedIn, token: &str) -> Value {
    json!({ "session": session(&who.session, token), "user": user(&who.user, who.second_factor_is_on) })
}

pub(super) fn exposed(codes: &[Secret<String>]) -> Vec<&str> {
    codes.iter().map(|code| code.expose().as_str()).collect()
}
