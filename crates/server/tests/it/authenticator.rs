//! A software authenticator: makes passkeys and uses them, well or badly, as a test asks.

use std::sync::Arc;

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::world::ORIGIN;

pub const USER_PRESENT: u8 = 0x01;
pub const USER_VERIFIED: u8 = 0x04;
pub const BACKUP_ELIGIBLE: u8 = 0x08;
const ATTESTED: u8 = 0x40;

/// One credential on one device. A clone of it is what a thief has.
#[derive(Clone)]
pub struct Passkey {
    key: Arc<EcdsaKeyPair>,
    pub id: Vec<u8>,
    pub handle: Vec<u8>,
    pub counter: u32,
    /// Whether its person is verified when it is used.
    pub verifies: bool,
    pub synced: bool,
    pub origin: String,
    pub rp_id: String,
}

impl Passkey {
    /// Answers `navigator.credentials.create()`: the passkey, and what the browser hands back.
    pub fn create(options: &Value, verifies: bool) -> (Self, Value) {
        Self::create_as(options, |one| one.verifies = verifies)
    }

    pub fn create_as(options: &Value, change: impl FnOnce(&mut Self)) -> (Self, Value) {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
        let id = sha256(key.public_key().as_ref());
        let mut one = Self {
            key: Arc::new(key),
            id,
            handle: bytes(&options["user"]["id"]),
            counter: 0,
            verifies: true,
            synced: false,
            origin: ORIGIN.to_owned(),
            rp_id: options["rp"]["id"].as_str().unwrap().to_owned(),
        };
        change(&mut one);
        let response = one.registration(options["challenge"].as_str().unwrap());
        (one, response)
    }

    /// What a browser hands back for this challenge, with this very credential.
    pub fn registration(&self, challenge: &str) -> Value {
        let public = self.key.public_key().as_ref();
        let (x, y) = (&public[1..33], &public[33..65]);
        // {1: 2, 3: -7, -1: 1, -2: x, -3: y} (RFC 9052 §7, RFC 9053 §7.1.1).
        let cose = [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32][..], x, &[0x22, 0x58, 32], y].concat();
        let length = u16::try_from(self.id.len()).unwrap().to_be_bytes();
        let data = [&self.data(ATTESTED)[..], &[0; 16], &length, &self.id, &cose].concat();
        let length = [u8::try_from(data.len()).unwrap()];
        let object = [&b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"[..], &length, &data].concat();
        let id = BASE64URL_NOPAD.encode(&self.id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": self.client_data("webauthn.create", challenge),
                "attestationObject": BASE64URL_NOPAD.encode(&object),
                "transports": ["internal"],
            },
        })
    }

    /// Answers `navigator.credentials.get()`.
    pub fn get(&mut self, options: &Value) -> Value {
        self.sign(options["challenge"].as_str().unwrap())
    }

    pub fn sign(&mut self, challenge: &str) -> Value {
        let client_data = self.client_data("webauthn.get", challenge);
        let hash = sha256(&BASE64URL_NOPAD.decode(client_data.as_bytes()).unwrap());
        let data = self.data(0);
        let message = [&data[..], &hash].concat();
        let signature = self.key.sign(&SystemRandom::new(), &message).unwrap();
        let id = BASE64URL_NOPAD.encode(&self.id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": client_data,
                "authenticatorData": BASE64URL_NOPAD.encode(&data),
                "signature": BASE64URL_NOPAD.encode(signature.as_ref()),
                "userHandle": BASE64URL_NOPAD.encode(&self.handle),
            },
        })
    }

    fn data(&self, more: u8) -> Vec<u8> {
        let verified = if self.verifies { USER_VERIFIED } else { 0 };
        let eligible = if self.synced { BACKUP_ELIGIBLE } else { 0 };
        let flags = USER_PRESENT | verified | eligible | more;
        [&sha256(self.rp_id.as_bytes())[..], &[flags], &self.counter.to_be_bytes()].concat()
    }

    fn client_data(&self, kind: &str, challenge: &str) -> String {
        let text = json!({
            "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false,
        });
        BASE64URL_NOPAD.encode(text.to_string().as_bytes())
    }
}

fn bytes(text: &Value) -> Vec<u8> {
    BASE64URL_NOPAD.decode(text.as_str().unwrap().as_bytes()).unwrap()
}

fn sha256(message: &[u8]) -> Vec<u8> {
    digest(&SHA256, message).as_ref().to_vec()
}
