//! The passkey plugin's seven routes (contract §10).

use countersign_core::{
    denied::Denied,
    ids::AuthenticatorId,
    passkey::{Algorithm, UserVerification},
    trusted_device,
};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Value, json};

use super::{
    callers::{Asked, CHALLENGE, DONT_REMEMBER},
    errors::No,
    sign_in, wire,
};
use crate::{
    http::reply::Reply,
    operations::{
        Stop,
        authenticators::Authority,
        challenge::{Answered, Answerer, Wishes},
        passkeys::{
            self, Answer, AuthenticationOptions, CeremonyPurpose, Descriptor, Keep, Known, PasskeySignIn,
            Register,
        },
        sessions::Handover,
        sign_in::SignedInOrAsked,
    },
};

/// What the wire tells browsers, in milliseconds; ceremonies are open for longer.
const TIMEOUT_MS: u64 = 60_000;

pub(super) async fn register_options(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in_to_enrol().await?;
    let attachment = asked.query("authenticatorAttachment");
    if attachment.as_deref().is_some_and(|kind| !["platform", "cross-platform"].contains(&kind)) {
        return Err(No::QueryChoice("authenticatorAttachment", "\"platform\"|\"cross-platform\""));
    }
    let options = passkeys::begin_registration(asked.ctx(), &asked.visitor, &who, Keep::Token).await?;
    let offered = Algorithm::ALL.map(|one| json!({ "alg": one.number(), "type": "public-key" }));
    let mut selection = json!({
        "residentKey": "preferred", "requireResidentKey": false,
        "userVerification": options.user_verification.as_str(),
    });
    if let Some(kind) = attachment {
        selection["authenticatorAttachment"] = json!(kind);
    }
    let body = json!({
        "challenge": BASE64URL_NOPAD.encode(&options.challenge),
        "rp": { "name": options.rp_name, "id": options.rp_id },
        "user": {
            "id": BASE64URL_NOPAD.encode(&options.user_handle),
            "name": asked.query("name").unwrap_or_else(|| options.user_name.clone()),
            "displayName": options.user_name,
        },
        "pubKeyCredParams": offered, "timeout": TIMEOUT_MS, "attestation": "none",
        "excludeCredentials": descriptors(&options.exclude),
        "authenticatorSelection": selection, "extensions": { "credProps": true }, "hints": [],
    });
    Ok(Reply::json(&body).cookie(asked.surface.ceremony(&options.token)))
}

fn descriptors(all: &[Descriptor]) -> Vec<Value> {
    let transports = |one: &Descriptor| one.transports.iter().map(|way| way.as_str()).collect::<Vec<_>>();
    all.iter()
        .map(|one| {
            json!({
                "id": BASE64URL_NOPAD.encode(&one.id), "transports": transports(one), "type": "public-key",
            })
        })
        .collect()
}

fn shown(one: &Known) -> Value {
    let credential = &one.passkey.credential;
    let transports: Vec<_> = credential.transports.iter().map(|way| way.as_str()).collect();
    json!({
        "id": one.id, "name": one.name, "userId": one.passkey.user_id,
        "publicKey": BASE64.encode(credential.public_key.as_cose()),
        "credentialID": BASE64URL_NOPAD.encode(&credential.id),
        "counter": credential.counter,
        "deviceType": if credential.backup.is_eligible() { "multiDevice" } else { "singleDevice" },
        "backedUp": credential.backup.is_backed_up(),
        "transports": transports.join(","), "createdAt": one.created_at.to_iso(),
        "aaguid": credential.aaguid.to_string(),
    })
}

pub(super) async fn verify_registration(asked: Asked) -> Result<Reply, No> {
    let (response, name, wants_session) = asked.body(|body| {
        (
            body.member("response"),
            body.optional_text("name").filter(|name| !name.trim().is_empty()),
            body.flag("createSession", false),
        )
    })?;
    let who = asked.signed_in_to_enrol().await?;
    let register = Register {
        token: Some(asked.ceremony().unwrap_or_default()),
        response: response.and_then(|response| serde_json::from_value(response).ok()),
        name,
        backup_codes: None,
        handover: Handover::Token,
    };
    let done = passkeys::register(asked.ctx(), &asked.visitor, &who, register).await?;
    let all = passkeys::list(asked.ctx(), &done.who).await?;
    let mut body = all.iter().find(|one| one.id == done.id).map_or(Value::Null, shown);
    if wants_session {
        let token = match &done.rotated {
            Some(fresh) => fresh.token.expose().as_str(),
            None => asked.session_token.as_deref().unwrap_or_default(),
        };
        let who = wire::signed_in(&done.who, token);
        body["session"] = who["session"].clone();
        body["user"] = who["user"].clone();
    }
    let cookie = match &done.rotated {
        Some(fresh) => Some(asked.surface.session(fresh)),
        None if wants_session => asked.same_session(&done.who),
        None => None,
    };
    Ok(Reply::json(&body).cookies(cookie))
}

/// For whoever owes a second step the ceremony answers that; for anybody else it signs in.
pub(super) async fn authenticate_options(asked: Asked) -> Result<Reply, No> {
    let who = asked.current().await?;
    let challenge = asked.challenge_token().filter(|_| who.is_none());
    let options = match challenge {
        Some(challenge) => {
            let answerer = Answerer { challenge: Some(challenge), ..Answerer::default() };
            passkeys::begin_authentication(asked.ctx(), &answerer, Keep::Token).await
        }
        None => passkeys::begin_sign_in(asked.ctx(), who.as_ref().map(|who| &who.user.id)).await,
    };
    // A challenge that is over, or that takes no passkey, must not keep anybody from signing in.
    let options = match options {
        Err(Stop::Denied(Denied::ChallengeGone | Denied::NotEnrolled(_))) => {
            passkeys::begin_sign_in(asked.ctx(), None).await?
        }
        options => options?,
    };
    let cookie = asked.surface.ceremony(&options.token);
    Ok(Reply::json(&request_options(&options)).cookie(cookie))
}

fn request_options(options: &AuthenticationOptions) -> Value {
    let mut body = json!({
        "rpId": options.rp_id, "challenge": BASE64URL_NOPAD.encode(&options.challenge),
        "timeout": TIMEOUT_MS, "userVerification": UserVerification::Preferred.as_str(),
    });
    if !options.allow.is_empty() {
        body["allowCredentials"] = json!(descriptors(&options.allow));
    }
    body
}

pub(super) async fn verify_authentication(asked: Asked) -> Result<Reply, No> {
    let (response, trust_device) =
        asked.body(|body| (body.member("response"), body.flag("trustDevice", false)))?;
    let token = asked.ceremony().ok_or(Denied::CeremonyGone)?;
    let purpose = passkeys::purpose_of(asked.ctx(), &token).await?;
    let answer = Answer {
        token: Some(token),
        assertion: response.and_then(|response| serde_json::from_value(response).ok()),
    };
    let surface = &asked.surface;
    let reply = match purpose {
        Some(CeremonyPurpose::Challenge) => {
            let answerer = Answerer { challenge: asked.challenge_token(), ..Answerer::default() };
            let wishes = Wishes { trust_device, ..Wishes::default() };
            match passkeys::answer(asked.ctx(), &asked.visitor, answerer, (answer, wishes)).await? {
                Answered::SignedIn { user, session, trusted_device } => {
                    let body = json!({
                        "session": wire::session(&session.session, session.token.expose()),
                        "user": wire::user(&user, true),
                    });
                    let seconds = trusted_device::LIFETIME.as_secs();
                    let kept = trusted_device.iter().flat_map(|value| {
                        [surface.trusted_device(&user, value, seconds), surface.clear(DONT_REMEMBER)]
                    });
                    surface
                        .welcome(Reply::json(&body), &session)
                        .cookie(surface.clear(CHALLENGE))
                        .cookies(kept)
                }
                Answered::ProvenOnly { .. } | Answered::Proven { .. } => {
                    return Err(Denied::ChallengeGone.into());
                }
            }
        }
        _ => {
            let attempt = PasskeySignIn { answer, remember: true, handover: Handover::Token };
            match passkeys::sign_in(asked.ctx(), &asked.visitor, attempt).await? {
                SignedInOrAsked::Asked(step) => sign_in::second_step(&asked, &step),
                SignedInOrAsked::SignedIn { user, second_factor_is_on, session, .. } => {
                    let body = json!({
                        "session": wire::session(&session.session, session.token.expose()),
                        "user": wire::user(&user, second_factor_is_on),
                    });
                    surface.welcome(Reply::json(&body), &session)
                }
            }
        }
    };
    Ok(reply)
}

pub(super) async fn list(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let all = passkeys::list(asked.ctx(), &who).await?;
    Ok(Reply::json(&json!(all.iter().map(shown).collect::<Vec<_>>())))
}

pub(super) async fn update(asked: Asked) -> Result<Reply, No> {
    let (id, name) = asked.body(|body| (body.text("id"), body.text("name")))?;
    let who = asked.signed_in().await?;
    if name.trim().is_empty() {
        return Err(No::Only(
            400,
            "VALIDATION_ERROR",
            "[body.name] Too small: expected string to have >=1 characters",
        ));
    }
    let id = AuthenticatorId::from(id);
    passkeys::rename(asked.ctx(), &asked.visitor, &who, (id.clone(), &name)).await?;
    let all = passkeys::list(asked.ctx(), &who).await?;
    let renamed = all.iter().find(|one| one.id == id).map(shown);
    Ok(Reply::json(&json!({ "passkey": renamed })))
}

pub(super) async fn delete(asked: Asked) -> Result<Reply, No> {
    let id = AuthenticatorId::from(asked.body(|body| body.text("id"))?);
    let who = asked.signed_in().await?;
    let wish = (id, Authority::default(), Handover::Token);
    let session = passkeys::remove(asked.ctx(), &asked.visitor, &who, wish).await?;
    let cookie = session.map(|session| asked.surface.session(&session));
    Ok(Reply::json(&json!({ "status": true })).cookies(cookie))
}
