//! The JSON form of responses (WebAuthn L3 §5.1.8), as every surface receives it: read, bounded, decoded.

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;

use crate::passkey::{AssertionResponse, Part, Refused, RegistrationResponse, Transport};

/// `clientExtensionResults`, `authenticatorAttachment` and whatever else comes along is not looked at: some
/// clients strip it, and none of it is signed.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationJson {
    id: String,
    raw_id: String,
    #[serde(rename = "type")]
    kind: String,
    response: AttestationJson,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AttestationJson {
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    attestation_object: String,
    transports: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssertionJson {
    id: String,
    raw_id: String,
    #[serde(rename = "type")]
    kind: String,
    response: SignatureJson,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignatureJson {
    #[serde(rename = "clientDataJSON")]
    client_data_json: String,
    authenticator_data: String,
    signature: String,
    user_handle: Option<String>,
}

impl RegistrationJson {
    pub fn decoded(&self) -> Result<RegistrationResponse, Refused> {
        let transports = self.response.transports.iter().flatten().map(String::as_str);
        Ok(RegistrationResponse {
            credential_id: credential_id(&self.kind, &self.id, &self.raw_id)?,
            client_data: decode(&self.response.client_data_json, Part::ClientData)?,
            attestation_object: decode(&self.response.attestation_object, Part::AttestationObject)?,
            transports: Transport::parse_all(transports),
        })
    }
}

impl AssertionJson {
    pub fn decoded(&self) -> Result<AssertionResponse, Refused> {
        let user_handle = self.response.user_handle.as_deref().filter(|handle| !handle.is_empty());
        Ok(AssertionResponse {
            credential_id: credential_id(&self.kind, &self.id, &self.raw_id)?,
            client_data: decode(&self.response.client_data_json, Part::ClientData)?,
            authenticator_data: decode(&self.response.authenticator_data, Part::AuthenticatorData)?,
            signature: decode(&self.response.signature, Part::Signature)?,
            user_handle: user_handle.map(|handle| decode(handle, Part::UserHandle)).transpose()?,
        })
    }
}

fn credential_id(kind: &str, id: &str, raw_id: &str) -> Result<Vec<u8>, Refused> {
    if kind != "public-key" {
        return Err(Refused::NotPublicKey);
    }
    let decoded = decode(raw_id, Part::CredentialId)?;
    if decode(id, Part::CredentialId)? == decoded { Ok(decoded) } else { Err(Refused::CredentialIdMismatch) }
}

/// Base64 in either alphabet, padded or not: clients differ, and what is compared later are the bytes.
pub fn decode(text: &str, part: Part) -> Result<Vec<u8>, Refused> {
    let malformed = Refused::Malformed(part);
    if text.len() > part.bytes_max().div_ceil(3) * 4 {
        return Err(malformed);
    }
    let plain = match text.split_once('=') {
        Some((plain, "" | "=")) if text.len().is_multiple_of(4) => plain,
        Some(_) => return Err(malformed),
        None => text,
    };
    let url_safe = plain.replace('+', "-").replace('/', "_");
    let bytes = BASE64URL_NOPAD.decode(url_safe.as_bytes()).map_err(|_| malformed)?;
    part.within_limit(&bytes).map(|()| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_however_it_is_spelt() {
        for text in ["-_-_-w", "-_-_-w==", "+/+/+w", "+/+/+w=="] {
            assert_eq!(decode(text, Part::Signature), Ok(vec![0xfb, 0xff, 0xbf, 0xfb]), "{text}");
        }
        for text in ["-_-_-w=", "-_-_-w===", "-_-_-x", "A", "=", "AA=A", "AAAA====", " AAAA", "AA\nAA", "ÄÄ"]
        {
            assert_eq!(decode(text, Part::Signature), Err(Refused::Malformed(Part::Signature)), "{text}");
        }
        assert_eq!(decode("", Part::Signature), Ok(vec![]));
    }

    #[test]
    fn lengths_are_bounded_before_and_after_decoding() {
        let refused = Err(Refused::Malformed(Part::UserHandle));
        let spelt = |bytes| BASE64URL_NOPAD.encode(&vec![7; bytes]);
        assert_eq!(decode(&spelt(64), Part::UserHandle), Ok(vec![7; 64]));
        assert_eq!(decode(&spelt(65), Part::UserHandle), refused);
        assert_eq!(decode(&"A".repeat(1_000_000), Part::UserHandle), refused);
    }

    #[test]
    fn what_clients_leave_out_or_add_changes_nothing() {
        let json = r#"{"id":"AAAA","rawId":"AAAA","type":"public-key","more":[],
            "response":{"clientDataJSON":"e30","attestationObject":"AA==","clientExtensionResults":{}}}"#;
        let response = serde_json::from_str::<RegistrationJson>(json).unwrap().decoded().unwrap();
        assert!(response.transports.is_empty());
        let named = json.replace("\"clientExt", r#""transports":["usb","cable","usb","warp"],"clientExt"#);
        let response = serde_json::from_str::<RegistrationJson>(&named).unwrap().decoded().unwrap();
        assert_eq!(response.transports, [Transport::Hybrid, Transport::Usb]);

        let json = r#"{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{
            "clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":null}}"#;
        for handle in ["null", "\"\""] {
            let json = json.replace("null", handle);
            let response = serde_json::from_str::<AssertionJson>(&json).unwrap().decoded().unwrap();
            assert_eq!(response.user_handle, None);
        }
        for (from, to, refused) in [
            ("public-key", "password", Refused::NotPublicKey),
            (r#""id":"AAAA""#, r#""id":"AAAB""#, Refused::CredentialIdMismatch),
            (r#""id":"AAAA""#, r#""id":"!""#, Refused::Malformed(Part::CredentialId)),
        ] {
            let json = json.replace(from, to);
            let response = serde_json::from_str::<AssertionJson>(&json).unwrap().decoded();
            assert_eq!(response.unwrap_err(), refused);
        }
    }
}
