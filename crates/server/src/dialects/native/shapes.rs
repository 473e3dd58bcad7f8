//! What stands in answers: each member by its name, and the objects in them. `http/openapi.rs` reads the notation.

/// The same name means the same in every answer; where one does not, its row says `name=shape`.
pub(super) const MEMBERS: &[(&str, &str)] = &[
    ("acr", "text"),
    ("allowCredentials", "[Descriptor]"),
    ("allowed", "[Method]"),
    ("amr", "[text]"),
    ("assertion", "text"),
    ("attestation", "text"),
    ("authenticatorSelection", "object"),
    ("authenticators", "[Authenticator]"),
    ("backup_codes", "[text]"),
    ("backup_codes_left", "number"),
    ("backup_codes_used", "[UsedBackupCode]"),
    ("browser", "text"),
    ("ceremony", "text"),
    ("challenge", "text"),
    ("claim", "text"),
    ("components", "object"),
    ("created_at", "when"),
    ("email", "?text"),
    ("excludeCredentials", "[Descriptor]"),
    ("expires_at", "when"),
    ("external_id", "text"),
    ("from", "From"),
    ("has_password", "?flag"),
    ("id", "text"),
    ("info", "object"),
    ("key", "text"),
    ("kinds", "[text]"),
    ("last_failure", "?text"),
    ("last_sent_at", "?when"),
    ("last_used_at", "?when"),
    ("max_age", "number"),
    ("methods", "[Method]"),
    ("name", "text"),
    ("openapi", "text"),
    ("organisation", "text"),
    ("organisations", "[Organisation]"),
    ("passkey", "Passkey"),
    ("passkeys", "[Passkey]"),
    ("password_removed", "flag"),
    ("paths", "object"),
    ("preferred", "?Method"),
    ("pubKeyCredParams", "[object]"),
    ("qr", "text"),
    ("ready_at", "when"),
    ("recovery", "MemberRecovery"),
    ("reference", "?text"),
    ("required", "flag"),
    ("required_from", "?when"),
    ("return_urls", "[text]"),
    ("rp", "object"),
    ("rpId", "text"),
    ("secret", "text"),
    ("servers", "[object]"),
    ("service_keys", "[ServiceKey]"),
    ("session", "NewSession"),
    ("sessions", "[ListedSession]"),
    ("shortened", "flag"),
    ("started_at", "when"),
    ("state", "text"),
    ("timeout", "number"),
    ("trusted_device", "?text"),
    ("trusted_devices", "[TrustedDevice]"),
    ("uri", "text"),
    ("url", "text"),
    ("user", "User"),
    ("userVerification", "text"),
    ("verified", "flag"),
    ("webhooks", "[Webhook]"),
];

const SESSION: [(&str, &str); 9] = [
    ("id", "text"),
    ("acr", "text"),
    ("amr", "[text]"),
    ("proofs", "[Proof]"),
    ("scope", "text"),
    ("created_at", "when"),
    ("expires_at", "when"),
    ("ip", "text"),
    ("browser", "text"),
];

const fn with<const N: usize>(more: (&'static str, &'static str)) -> [(&'static str, &'static str); N] {
    let mut all = [more; N];
    let mut at = 0;
    while at < SESSION.len() {
        all[at] = SESSION[at];
        at += 1;
    }
    all
}

/// Every member is there, and no other is.
#[rustfmt::skip]
pub(super) const OBJECTS: &[(&str, &[(&str, &str)])] = &[
    ("Authenticator", &[("method", "Method"), ("since", "when")]),
    ("AuthenticatorOfAPerson", &[("method", "Method"), ("since", "when"), ("hint", "?text")]),
    ("Descriptor", &[("id", "text"), ("type", "text"), ("transports", "[text]")]),
    ("From", &[("ip", "text"), ("browser", "text")]),
    ("ListedSession", &with::<10>(("current", "flag"))),
    ("MemberRecovery", &[("started_at", "when"), ("ready_at", "when"), ("from", "From"), ("shortening", "?Shortening")]),
    ("NewSession", &with::<10>(("token", "text"))),
    ("Organisation", &[("id", "text"), ("name", "text"), ("role", "text"), ("second_factor_required", "flag"), ("second_factor_required_from", "?when"), ("trust_lasts_days", "number"), ("recovery_wait_hours", "number")]),
    ("Passkey", &[("id", "text"), ("name", "text"), ("model", "?text"), ("transports", "[text]"), ("synced", "flag"), ("suspended", "flag"), ("created_at", "when"), ("last_used_at", "?when")]),
    ("Proof", &[("method", "Method"), ("at", "when")]),
    ("ServiceKey", &[("id", "text"), ("name", "text"), ("organisation", "text"), ("return_urls", "[text]"), ("created_at", "when"), ("expires_at", "when"), ("last_used_at", "?when")]),
    ("Session", &SESSION),
    ("Shortening", &[("asked_by", "text"), ("asked_at", "when"), ("reason", "text"), ("approved_by", "?text"), ("in_force", "flag")]),
    ("TrustedDevice", &[("id", "text"), ("name", "text"), ("ip", "text"), ("created_at", "when"), ("last_used_at", "when"), ("expires_at", "when")]),
    ("UsedBackupCode", &[("place", "?number"), ("used_at", "when")]),
    ("User", &[("id", "text"), ("email", "text"), ("email_verified", "flag"), ("name", "text"), ("second_factor", "flag"), ("created_at", "when")]),
    ("Webhook", &[("id", "text"), ("url", "text"), ("kinds", "[text]"), ("created_at", "when"), ("last_sent_at", "?when"), ("last_failure", "?text")]),
];
