//! Registration: what a browser hands back from `navigator.credentials.create()`, judged (WebAuthn L3 §7.1).

use crate::passkey::{
    Aaguid, Backup, Expected, Part, PublicKey, Refused, attestation,
    authenticator_data::AuthenticatorData,
    cbor::{self, Value},
    client_data::{self, Ceremony},
    sha256,
};

#[derive(Clone, Debug)]
pub struct RegistrationResponse {
    pub credential_id: Vec<u8>,
    pub client_data: Vec<u8>,
    pub attestation_object: Vec<u8>,
    pub transports: Vec<Transport>,
}

/// What an authenticator made and we keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Unique among all accounts (SEC-045).
    pub id: Vec<u8>,
    pub public_key: PublicKey,
    pub counter: u32,
    pub backup: Backup,
    pub aaguid: Aaguid,
    pub transports: Vec<Transport>,
}

#[must_use]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPasskey {
    pub credential: Credential,
    /// Whether its person was verified while it was made (SEC-041).
    pub user_verified: bool,
}

impl RegistrationResponse {
    pub fn verify(&self, expected: &Expected<'_>) -> Result<NewPasskey, Refused> {
        client_data::check(&self.client_data, Ceremony::Registration, expected)?;
        Part::AttestationObject.within_limit(&self.attestation_object)?;
        let object = cbor::read(&self.attestation_object).map_err(Refused::Cbor)?;
        let (format, statement, signed) = parts(&object).ok_or(Refused::AttestationObject)?;

        let data = AuthenticatorData::parse(signed)?;
        let backup = data.check(expected)?;
        let attested = data.attested.as_ref().ok_or(Refused::AuthenticatorData)?;
        if attested.credential_id != self.credential_id {
            return Err(Refused::CredentialIdMismatch);
        }
        let public_key = PublicKey::from_cose(attested.cose)?;
        if !expected.algorithms.contains(&public_key.algorithm()) {
            return Err(Refused::Algorithm);
        }
        let message = [signed, &sha256(&self.client_data)].concat();
        attestation::check(format, statement, &public_key, &message)?;

        let credential = Credential {
            id: self.credential_id.clone(),
            public_key,
            counter: data.counter,
            backup,
            aaguid: attested.aaguid,
            transports: self.transports.clone(),
        };
        Ok(NewPasskey { credential, user_verified: data.user_verified() })
    }
}

/// `fmt`, `attStmt` and `authData`, and nothing beside them.
fn parts<'v, 'a>(object: &'v Value<'a>) -> Option<(&'a str, &'v Value<'a>, &'a [u8])> {
    let format = object.member("fmt")?.as_text()?;
    let statement = object.member("attStmt")?;
    let authenticator_data = object.member("authData")?.as_bytes()?;
    (object.as_map()?.len() == 3).then_some((format, statement, authenticator_data))
}

/// How a browser may reach the authenticator again: a hint for the next ceremony's options, no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    Ble,
    Hybrid,
    Internal,
    Nfc,
    SmartCard,
    Usb,
}

impl Transport {
    pub const ALL: [Self; 6] =
        [Self::Ble, Self::Hybrid, Self::Internal, Self::Nfc, Self::SmartCard, Self::Usb];

    /// WebAuthn L3 §5.8.4.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ble => "ble",
            Self::Hybrid => "hybrid",
            Self::Internal => "internal",
            Self::Nfc => "nfc",
            Self::SmartCard => "smart-card",
            Self::Usb => "usb",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        // What `hybrid` was called before it was standardised.
        let name = if name == "cable" { "hybrid" } else { name };
        Self::ALL.into_iter().find(|transport| transport.as_str() == name)
    }

    /// Those we know, each once; what a browser may call the others is not worth keeping.
    pub fn parse_all<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Self> {
        let named: Vec<Self> = names.into_iter().filter_map(Self::parse).collect();
        Self::ALL.into_iter().filter(|transport| named.contains(transport)).collect()
    }
}
