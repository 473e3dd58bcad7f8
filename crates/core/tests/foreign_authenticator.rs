//! Ceremonies with an authenticator and a client that are not ours: passkey-rs, in software.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
};

use countersign_core::{
    ids::UserId,
    passkey::{
        Algorithm, AssertionJson, AssertionResponse, Expected, Passkey, Refused, RegistrationJson,
        RegistrationResponse, UserVerification, Whose,
    },
};
use data_encoding::BASE64URL_NOPAD;
use passkey::{
    authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod},
    client::{Client, DefaultClientData},
    crypto::rust_crypto::RustCryptoBackend,
    types::{
        Passkey as ForeignPasskey,
        ctap2::{Aaguid, Ctap2Error},
    },
};
use serde_json::json;

/// Somebody who is there, and who is known to the device or not.
struct Person {
    verified: bool,
}

#[async_trait::async_trait]
impl UserValidationMethod for Person {
    type PasskeyItem = ForeignPasskey;

    async fn check_user<'a>(
        &self,
        _: UiHint<'a, ForeignPasskey>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck { presence, verification: verification && self.verified })
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(self.verified)
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }
}

/// Nothing in memory ever waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("an authenticator in memory waited"),
    }
}

const CHALLENGE: [u8; 32] = [7; 32];
const HANDLE: &[u8] = b"any length of handle";

const RP_ID: &str = "example.com";

/// What this person's authenticator answers when a passkey is made and when it is used.
fn ceremonies(person: Person, algorithm: Algorithm) -> (RegistrationResponse, AssertionResponse) {
    let origin = url::Url::parse("https://accounts.example.com").unwrap();
    // It answers an error, not an unverified person, to a wish that it cannot fulfil.
    let wish = if person.verified { UserVerification::Required } else { UserVerification::Discouraged };
    let aaguid = Aaguid::new_empty();
    let authenticator = Authenticator::new(aaguid, None::<ForeignPasskey>, person, RustCryptoBackend);
    let mut client = Client::new(authenticator);

    let options = json!({ "publicKey": {
        "rp": { "id": RP_ID, "name": "Countersign" },
        "user": { "id": encoded(HANDLE), "name": "ada@example.com", "displayName": "Ada" },
        "challenge": encoded(&CHALLENGE),
        "pubKeyCredParams": [{ "type": "public-key", "alg": algorithm.number() }],
        "authenticatorSelection": { "residentKey": "required", "userVerification": wish.as_str() },
    }});
    let options = serde_json::from_value(options).unwrap();
    let made = now(client.register(&origin, options, DefaultClientData)).unwrap();
    let made: RegistrationJson = serde_json::from_value(json!(made)).unwrap();

    let options = json!({ "publicKey": {
        "rpId": RP_ID, "challenge": encoded(&CHALLENGE), "userVerification": wish.as_str(),
    }});
    let options = serde_json::from_value(options).unwrap();
    let used = now(client.authenticate(&origin, options, DefaultClientData)).unwrap();
    let used: AssertionJson = serde_json::from_value(json!(used)).unwrap();

    (made.decoded().unwrap(), used.decoded().unwrap())
}

fn encoded(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

fn expecting(origins: &[String], user_verification: UserVerification) -> Expected<'_> {
    Expected {
        challenge: &CHALLENGE,
        rp_id: RP_ID,
        origins,
        top_origins: &[],
        algorithms: &Algorithm::ALL,
        user_verification,
    }
}

#[test]
fn what_it_makes_and_signs_is_accepted() {
    let origins = ["https://accounts.example.com".to_owned()];
    let expected = expecting(&origins, UserVerification::Preferred);
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        for verified in [true, false] {
            let (made, used) = ceremonies(Person { verified }, algorithm);
            let made = made.verify(&expected).unwrap();
            assert_eq!(made.user_verified, verified);
            assert_eq!(made.credential.public_key.algorithm(), algorithm);
            let user_id = UserId::from("ada".to_owned());
            let user_handle = Some(HANDLE.to_vec());
            let passkey = Passkey { user_id, user_handle, credential: made.credential };
            let proven = used.verify(&expected, &passkey, Whose::Anyone).unwrap();
            assert_eq!(proven.is_two_factors(), verified);
        }
    }
}

#[test]
fn what_it_makes_for_others_is_refused() {
    let origins = ["https://accounts.example.com".to_owned()];
    let expected = expecting(&origins, UserVerification::Preferred);
    let (made, used) = ceremonies(Person { verified: false }, Algorithm::Es256);
    let demanding = expecting(&origins, UserVerification::Required);
    assert_eq!(made.verify(&demanding), Err(Refused::UserUnverified));
    let elsewhere = Expected { rp_id: "accounts.example.com", ..expected };
    assert_eq!(made.verify(&elsewhere), Err(Refused::RpId));

    let credential = made.verify(&expected).unwrap().credential;
    let user_id = UserId::from("ada".to_owned());
    let passkey = Passkey { user_id, user_handle: Some(b"another".to_vec()), credential };
    assert_eq!(used.verify(&expected, &passkey, Whose::Anyone), Err(Refused::UserHandle));
    assert_eq!(used.verify(&demanding, &passkey, Whose::User(&passkey.user_id)), Err(Refused::UserHandle));
}
