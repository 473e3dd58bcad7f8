//! The shapes of the wire, as they go out, and codes as they are typed (contract §§1.8, 2).

use countersign_core::{
    api_key::ApiKey,
    backup_code::{self, Shape},
    method::Method,
    secret::Secret,
    user::User,
};
use serde_json::{Map, Value, json};

use crate::{
    http::{javascript::is_space, reply::Reply},
    operations::{authenticators::Overview, challenge::Typed},
};

pub(super) fn message(sentence: &str) -> Reply {
    Reply::json(&json!({ "message": sentence }))
}

/// The first account, as setup answers with it. Preferences are kept by nobody here: everybody has the first ones.
pub(super) fn newcomer(user: &User, is_admin: bool) -> Value {
    json!({
        "id": user.id.hyphenated(), "email": user.email, "name": user.name, "user_key": user.id.as_short_key(),
        "is_admin": is_admin, "language": "en", "theme": "auto",
    })
}

/// Whoever has just signed in.
pub(super) fn user(user: &User, is_admin: bool) -> Value {
    let mut shown = newcomer(user, is_admin);
    shown["email_verified"] = json!(user.email_verified_at.is_some());
    shown
}

/// Whoever is signed in: everything that `/auth/me` and `/users/me` tell.
pub(super) fn profile(user: &User, is_admin: bool, overview: &Overview) -> Value {
    let mut shown = self::user(user, is_admin);
    shown["ai_suggestions_enabled"] = json!(true);
    shown["mfa_enabled"] = json!(overview.has(Method::Totp));
    shown["has_password"] = json!(user.password.is_some());
    for nothing in ["oidc_provider", "oidc_sub", "email_pending"] {
        shown[nothing] = Value::Null;
    }
    shown
}

/// What its clients read in an access token.
pub(super) fn claims(user: &User, is_admin: bool) -> Map<String, Value> {
    let shown = self::user(user, is_admin);
    let read = ["id", "email", "name", "user_key", "is_admin", "email_verified"];
    read.into_iter().map(|name| (name.to_owned(), shown[name].clone())).collect()
}

pub(super) fn token(key: &ApiKey) -> Value {
    json!({
        "id": key.id.hyphenated(), "name": key.name, "created_at": key.created_at.to_iso(),
        "last_used_at": key.last_used_at.map(|at| at.to_iso()), "expires_at": key.expires_at.to_iso(),
    })
}

pub(super) fn exposed(codes: &[Secret<String>]) -> Vec<&str> {
    codes.iter().map(|code| code.expose().as_str()).collect()
}

/// A code as this wire reads it: six digits from an app, sixteen hex digits from its own sheet, or a code from the
/// sheet of another dialect as that shows it. Anything else can be neither right nor a guess, as no code at all.
pub(super) fn code(typed: &Secret<String>) -> Typed {
    let bare: String = typed.expose().chars().filter(|c| !is_space(*c)).collect();
    let is_totp = bare.len() == 6 && bare.bytes().all(|byte| byte.is_ascii_digit());
    let (method, code) = match backup_code::shape_of(&bare) {
        Some(Shape::Hex | Shape::Grouped) => (Method::BackupCode, bare),
        None => (Method::Totp, if is_totp { bare } else { String::new() }),
    };
    Typed { method, code: Secret::new(code) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_the_wire_reads_them() {
        let read = |typed: &str| {
            let Typed { method, code } = code(&Secret::from(typed));
            (method, code.expose().clone())
        };
        for (typed, method, code) in [
            ("123456", Method::Totp, "123456"),
            (" 123\u{a0}456\t\r\n\u{feff}", Method::Totp, "123456"),
            ("0123456789abcdef", Method::BackupCode, "0123456789abcdef"),
            ("0123 4567 89AB CDEF", Method::BackupCode, "0123456789ABCDEF"),
            ("K7QM-2222-ZZZZ-0000", Method::BackupCode, "K7QM-2222-ZZZZ-0000"),
            ("k7qm-2222-zzzz-0000", Method::BackupCode, "k7qm-2222-zzzz-0000"),
            ("0123-4567-89AB-CDEF", Method::BackupCode, "0123-4567-89AB-CDEF"),
        ] {
            assert_eq!(read(typed), (method, code.to_owned()), "{typed}");
        }
        let refused = [
            "",
            "   ",
            "x",
            "12345",
            "1234567",
            "123-456",
            "123\u{85}456",
            "１２３４５６",
            "0123-4567-89ab-cdef",
            "012345678-9abcdef",
            "0123456789abcde",
            "zzzzzzzzzzzzzzzz",
            "K7QM-2222-ZZZZ",
            "K7QM-2222-ZZZZ-0000-",
            "K7QM2222-ZZZZ-00-00",
            "K7QM_2222_ZZZZ_0000",
            "é7QM-2222-ZZZZ-000",
        ];
        for typed in refused.into_iter().chain([&*"1".repeat(5_000)]) {
            assert_eq!(read(typed), (Method::Totp, String::new()), "{typed}");
        }
    }
}
