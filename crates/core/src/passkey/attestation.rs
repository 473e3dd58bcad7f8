//! Attestation statements: unasked for, held to their form, and never believed (SEC-050).

use crate::passkey::{PublicKey, Refused, cbor::Value};

/// The formats of WebAuthn L3 §8 whose statements name a certificate. Only their maker's root could vouch for
/// them and none is configured, so they are set aside: the passkey is kept as one without attestation.
const CERTIFIED: [&str; 5] = ["tpm", "android-key", "android-safetynet", "fido-u2f", "apple"];

/// `message` is what an attestation signature covers: the authenticator data and the client data's hash.
pub(crate) fn check(
    format: &str,
    statement: &Value<'_>,
    key: &PublicKey,
    message: &[u8],
) -> Result<(), Refused> {
    let members = statement.as_map().ok_or(Refused::AttestationStatement)?;
    match format {
        "none" if members.is_empty() => Ok(()),
        "none" => Err(Refused::AttestationStatement),
        "packed" => packed(statement, key, message),
        certified if CERTIFIED.contains(&certified) => Ok(()),
        _ => Err(Refused::AttestationFormat),
    }
}

/// Self attestation is the one kind that can be verified without anybody's root, and browsers let it through
/// to those who asked for none (WebAuthn L3 §5.1.3): one that is wrong says that something was tampered with.
fn packed(statement: &Value<'_>, key: &PublicKey, message: &[u8]) -> Result<(), Refused> {
    let algorithm = statement.member("alg").and_then(Value::as_integer);
    let signature = statement.member("sig").and_then(Value::as_bytes);
    let (Some(algorithm), Some(signature)) = (algorithm, signature) else {
        return Err(Refused::AttestationStatement);
    };
    let sound = match statement.member("x5c") {
        None => algorithm == key.algorithm().number() && key.verifies(message, signature),
        Some(Value::Array(chain)) => {
            !chain.is_empty() && chain.iter().all(|certificate| certificate.as_bytes().is_some())
        }
        Some(_) => false,
    };
    if sound { Ok(()) } else { Err(Refused::AttestationStatement) }
}
