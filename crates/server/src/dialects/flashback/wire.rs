//! The shapes of the wire as they go out, and its names for what we have (contract §§0, 2, 4).

use std::time::Duration;

use countersign_core::{
    challenge,
    method::Method,
    organisation::{Membership, Role},
    secret::Secret,
    session::{Scope, Session},
    time::{HOUR, MINUTE, Timestamp},
    user::User,
};
use serde_json::{Map, Value, json};

use crate::{
    ctx::Ctx,
    operations::{
        Outcome, authenticators::Overview, organisations, sessions::SignedIn, tokens, tokens::Wire,
        trusted_devices::KnownDevice,
    },
};

/// Whose access and refresh tokens these are.
pub(super) const WIRE: Wire = Wire { name: "flashback", lifetime: HOUR };
/// What takes an access token's place while a second step is due. It outlives the question, so that the store
/// says when that is over, and not the token's own date.
pub(super) const PARTIAL: Wire = Wire { name: "flashback", lifetime: PARTIAL_LIFETIME };
/// What takes a refresh token's place meanwhile: it buys another partial token and nothing else.
pub(super) const PARTIAL_REFRESH: Wire = Wire { name: "flashback-refresh", lifetime: PARTIAL_LIFETIME };
const PARTIAL_LIFETIME: Duration = Duration::from_secs(challenge::LIFETIME.as_secs() + MINUTE.as_secs());

/// Nothing is stored for a question that could be named (RFC 9562 §5.9).
const NO_TOKEN: &str = "00000000-0000-0000-0000-000000000000";

/// What a client is handed: it keeps both tokens and cannot tell a partial one from a full one.
pub(super) struct Handed {
    access: Secret<String>,
    refresh: Secret<String>,
    token_id: String,
    expires_at: Timestamp,
    user: Value,
}

impl Handed {
    /// For a session. One that must enrol first is partial in this wire's words; what it opens, the store says.
    pub async fn full(ctx: &Ctx, who: &SignedIn, refresh: Secret<String>) -> Outcome<Self> {
        let place = first_place(ctx, &who.user).await?;
        let kind = if who.session.scope == Scope::Full { "access" } else { "partial" };
        let expires_at = (ctx.clock.now() + WIRE.lifetime).min(who.session.expires_at);
        Ok(Self {
            access: tokens::access(ctx, WIRE, who, claims(&who.user, place.as_ref(), kind))?,
            refresh,
            token_id: who.session.id.hyphenated(),
            expires_at,
            user: user(&who.user, place.as_ref()),
        })
    }

    /// For somebody who owes a second step.
    pub async fn partial(ctx: &Ctx, who: &User, challenge: &Secret<String>) -> Outcome<Self> {
        let place = first_place(ctx, who).await?;
        let asked = (who, challenge);
        Ok(Self {
            access: tokens::pending(ctx, PARTIAL, asked, claims(who, place.as_ref(), "partial"))?,
            refresh: tokens::pending(ctx, PARTIAL_REFRESH, asked, Map::new())?,
            token_id: NO_TOKEN.to_owned(),
            expires_at: ctx.clock.now() + challenge::LIFETIME,
            user: user(who, place.as_ref()),
        })
    }

    /// The reply of every route that signs somebody in; `token` is what one type calls the access token.
    pub fn reply(&self) -> Value {
        json!({
            "success": true,
            "accessToken": self.access.expose(), "token": self.access.expose(),
            "refreshToken": self.refresh.expose(),
            "tokenId": self.token_id, "expiresAt": millis(self.expires_at),
            "user": self.user,
        })
    }

    /// The reply to a second step.
    pub fn verified(&self) -> Value {
        json!({
            "success": true, "message": "MFA verification successful",
            "fullAccessToken": self.access.expose(), "refreshToken": self.refresh.expose(),
            "tokenId": self.token_id, "expiresAt": millis(self.expires_at),
        })
    }
}

/// This wire knows one organisation a person: the oldest.
pub(super) async fn first_place(ctx: &Ctx, user: &User) -> Outcome<Option<Membership>> {
    Ok(organisations::of(ctx, &user.id).await?.into_iter().next())
}

fn claims(user: &User, place: Option<&Membership>, kind: &str) -> Map<String, Value> {
    let ours = [("userId", json!(user.id.hyphenated())), ("email", json!(user.email)), ("type", json!(kind))];
    let place = place.map(|place| ("orgId", json!(place.organisation.id.hyphenated())));
    ours.into_iter().chain(place).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Clients reckon with `Date.now()`; the token itself counts in whole seconds.
fn millis(at: Timestamp) -> i64 {
    at.as_seconds() * 1_000
}

pub(super) fn done(message: &str) -> Value {
    json!({ "success": true, "message": message })
}

fn user(user: &User, place: Option<&Membership>) -> Value {
    json!({
        "id": user.id.hyphenated(), "email": user.email, "name": user.name, "image_url": user.image,
        "orgId": place.map(|place| place.organisation.id.hyphenated()),
        "orgRole": place.map(|place| role(place.role).0),
    })
}

pub(super) fn profile(user: &User, place: Option<&Membership>) -> Value {
    let (given, family) = user.names();
    let role = place.map(|place| role(place.role));
    json!({
        "id": user.id.hyphenated(), "name": given, "lastName": family, "email": user.email,
        "orgId": place.map(|place| place.organisation.id.hyphenated()),
        "orgRole": role.map(|(number, _)| number),
        "orgRoleDescription": role.map_or("", |(_, name)| name),
        "orgRoles": role.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
        "validated": user.email_verified_at.is_some(),
        "mfaRequired": user.second_factor_required,
        "isBusiness": place.is_some(),
    })
}

const fn role(role: Role) -> (u8, &'static str) {
    match role {
        // Its wire has no such role; what it may do there, a user may.
        Role::Member | Role::Helpdesk => (0x00, "USER"),
        Role::Billing => (0x01, "BILLING"),
        Role::Workspaces => (0x02, "WORKSPACES"),
        Role::Admin => (0xfe, "ADMINISTRATORS"),
        Role::Owner => (0xff, "OWNER"),
    }
}

pub(super) const GOOGLE_AUTH: &str = "GOOGLE_AUTH";
pub(super) const MAGIC_LINK: &str = "MAGIC_LINK";
pub(super) const PASSKEY: &str = "PASSKEY";

const fn method_name(method: Method) -> &'static str {
    match method {
        Method::Totp => GOOGLE_AUTH,
        Method::EmailCode => MAGIC_LINK,
        Method::SmsCode => "SMS",
        Method::Passkey => PASSKEY,
        Method::BackupCode => "BACKUP_CODE",
        Method::Password => "PASSWORD",
    }
}

pub(super) fn status(overview: &Overview, session_verified: bool) -> Value {
    let enabled: Vec<_> = overview.methods().into_iter().map(method_name).collect();
    json!({
        "isEnabled": overview.is_on(), "isRequired": overview.required, "isEnforced": overview.enforced,
        "enabledMethods": enabled, "primaryMethod": overview.primary().map(method_name),
        "sessionVerified": session_verified,
    })
}

pub(super) fn methods(overview: &Overview) -> Value {
    let row = |method, name, description| {
        let has = overview.has(method);
        json!({
            "type": method_name(method), "name": name, "description": description,
            "isAvailable": overview.allowed.contains(method), "isConfigured": has, "isEnabled": has,
        })
    };
    json!([
        row(Method::Totp, "Authenticator app", "A six-digit code from an authenticator app"),
        row(Method::EmailCode, "Magic link", "A link sent to your email address"),
        row(Method::Passkey, "Passkey", "A passkey on this device, on a phone or on a security key"),
    ])
}

pub(super) fn session(session: &Session) -> Value {
    let proven: Vec<_> = session.proofs.iter().map(|proven| method_name(proven.method)).collect();
    json!({
        "id": session.id.hyphenated(), "ipAddress": session.visitor.ip,
        "startedAt": session.created_at.to_iso(), "lastActivity": session.refreshed_at.to_iso(),
        "expiresAt": session.expires_at.to_iso(),
        "loginMethod": proven.join("+"), "deviceName": session.visitor.browser(),
    })
}

pub(super) fn device(device: &KnownDevice) -> Value {
    json!({
        "id": device.id.hyphenated(),
        "deviceName": device.name.clone().unwrap_or_else(|| device.visitor.browser()),
        "ipAddress": device.visitor.ip, "userAgent": device.visitor.user_agent, "isTrusted": true,
        "createdAt": device.created_at.to_iso(), "lastUsed": device.last_used_at.to_iso(),
        "expiresAt": device.expires_at.to_iso(),
    })
}
