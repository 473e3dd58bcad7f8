//! Passkeys on this wire (contract §5). No cookie and no token goes along: a ceremony is found by the session or
//! challenge it was begun for.

use data_encoding::BASE64URL_NOPAD;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{
    callers::Asked,
    errors::No,
    second_factor::{data, verified},
    wire::done,
};
use crate::{
    http::reply::Reply,
    operations::{
        challenge::Wishes,
        passkeys::{self, Answer, Descriptor, Keep, Register, TIMEOUT_MS},
        sessions::{Handover, SignedIn},
    },
};

/// What the body holds as a credential, as far as it can be read.
fn credential<T: DeserializeOwned>(asked: &Asked) -> Result<Option<T>, No> {
    let sent = asked.body(|body| body.member("credential"))?;
    Ok(sent.and_then(|credential| serde_json::from_value(credential).ok()))
}

pub(super) async fn set_up(asked: &Asked, who: &SignedIn) -> Result<Reply, No> {
    let options = passkeys::begin_registration(asked.ctx(), &asked.visitor, who, Keep::Asker).await?;
    Ok(data(&json!({
        "challenge": BASE64URL_NOPAD.encode(&options.challenge),
        "rpName": options.rp_name, "rpID": options.rp_id, "origin": asked.ctx().config.origin(),
        "userName": options.user_name, "userId": BASE64URL_NOPAD.encode(&options.user_handle),
        "timeout": TIMEOUT_MS, "excludeCredentials": Descriptor::json(&options.exclude),
    })))
}

/// The token that was issued before keeps working, as with every method of this wire.
pub(super) async fn register(asked: &Asked, who: &SignedIn) -> Result<(), No> {
    let register = Register {
        token: None,
        response: credential(asked)?,
        name: None,
        backup_codes: None,
        handover: Handover::Nothing,
    };
    passkeys::register(asked.ctx(), &asked.visitor, who, register).await?;
    Ok(())
}

/// `challenge` comes back beside the credential; the one that counts is what the authenticator signed.
pub(super) async fn complete_registration(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in_to_enrol().await?;
    asked.body(|body| body.text("challenge"))?;
    register(&asked, &who).await?;
    Ok(Reply::json(&done("Passkey registration completed")))
}

pub(super) async fn options(asked: Asked) -> Result<Reply, No> {
    let answerer = asked.answerer().await?;
    let options = passkeys::begin_authentication(asked.ctx(), &answerer, Keep::Asker).await?;
    Ok(data(&json!({
        "challenge": BASE64URL_NOPAD.encode(&options.challenge), "rpId": options.rp_id,
        "userVerification": options.user_verification.as_str(), "timeout": TIMEOUT_MS,
        "allowCredentials": Descriptor::json(&options.allow),
    })))
}

pub(super) async fn verify_login(asked: Asked) -> Result<Reply, No> {
    let answerer = asked.answerer().await?;
    let answer = Answer { token: None, assertion: credential(&asked)? };
    let offered = (answer, Wishes::default());
    verified(&asked, passkeys::answer(asked.ctx(), &asked.visitor, answerer, offered).await?).await
}
