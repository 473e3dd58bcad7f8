//! Passkeys judged: the W3C's vectors, one fault at a time, flipped bits, and ceremonies of our own making.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{Ed25519KeyPair, KeyPair},
};
use countersign_core::{
    entropy::Entropy,
    ids::UserId,
    passkey::{
        self, Aaguid, Algorithm, AssertionJson, AssertionResponse, Backup, CborFault, Credential, Expected,
        Part, Passkey, Proven, PublicKey, Refused, RegistrationJson, RegistrationResponse, Transport,
        UserVerification, Whose,
    },
};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

/// What a deployment says of itself, and what the ceremony at hand was opened with.
#[derive(Clone)]
struct Party {
    challenge: Vec<u8>,
    origins: Vec<String>,
    top_origins: Vec<String>,
    user_verification: UserVerification,
}

impl Party {
    fn new(challenge: &[u8]) -> Self {
        Self {
            challenge: challenge.to_vec(),
            origins: vec!["https://example.org".to_owned()],
            top_origins: vec![],
            user_verification: UserVerification::Preferred,
        }
    }

    fn expected(&self) -> Expected<'_> {
        Expected {
            challenge: &self.challenge,
            rp_id: "example.org",
            origins: &self.origins,
            top_origins: &self.top_origins,
            algorithms: &Algorithm::ALL,
            user_verification: self.user_verification,
        }
    }
}

fn owner() -> UserId {
    UserId::from("owner".to_owned())
}

fn kept(credential: Credential) -> Passkey {
    Passkey { user_id: owner(), user_handle: None, credential, suspended: false }
}

fn prove(party: &Party, passkey: &Passkey, response: &AssertionResponse) -> Result<Proven, Refused> {
    response.verify(&party.expected(), passkey, Whose::User(&owner()))
}

fn data(name: &str) -> Value {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn cases<'a>(data: &'a Value, of: &str) -> &'a [Value] {
    data[of].as_array().unwrap()
}

fn text<'a>(case: &'a Value, member: &str) -> &'a str {
    case[member].as_str().unwrap()
}

fn hex(case: &Value, member: &str) -> Vec<u8> {
    HEXLOWER.decode(text(case, member).as_bytes()).unwrap()
}

fn registration(case: &Value) -> RegistrationResponse {
    RegistrationResponse {
        credential_id: hex(case, "credential_id"),
        client_data: hex(case, "clientDataJSON"),
        attestation_object: hex(case, "attestationObject"),
        transports: vec![],
    }
}

fn assertion(credential_id: Vec<u8>, case: &Value) -> AssertionResponse {
    AssertionResponse {
        credential_id,
        client_data: hex(case, "clientDataJSON"),
        authenticator_data: hex(case, "authenticatorData"),
        signature: hex(case, "signature"),
        user_handle: None,
    }
}

/// A vector of the W3C's, as a registered passkey and the assertion that goes with it.
fn vector(name: &str) -> (Party, RegistrationResponse, Party, AssertionResponse) {
    let data = data("webauthn_vectors.json");
    let anchor = format!("sctn-test-vectors-{name}");
    let vector = cases(&data, "vectors").iter().find(|vector| text(vector, "anchor") == anchor).unwrap();
    let made = registration(&vector["registration"]);
    let used = assertion(made.credential_id.clone(), &vector["authentication"]);
    let [made_by, used_by] =
        ["registration", "authentication"].map(|of| Party::new(&hex(&vector[of], "challenge")));
    (made_by, made, used_by, used)
}

/// WebAuthn L3 "Test Vectors": all of those whose algorithm we offer, in every attestation format.
#[test]
fn w3c_vectors() {
    let data = data("webauthn_vectors.json");
    let vectors = cases(&data, "vectors");
    assert_eq!(vectors.len(), 15);
    let mut passed = 0;
    for vector in vectors {
        let name = text(vector, "anchor").trim_start_matches("sctn-test-vectors-");
        let [mut made_by, mut used_by] =
            ["registration", "authentication"].map(|of| Party::new(&hex(&vector[of], "challenge")));
        let made = registration(&vector["registration"]);
        match name {
            // Embedded without saying where: nothing to configure could allow it (SEC-040).
            "none-es256-crossOrigin" => {
                assert_eq!(made.verify(&made_by.expected()), Err(Refused::CrossOrigin));
                continue;
            }
            "none-es256-topOrigin" => {
                assert_eq!(made.verify(&made_by.expected()), Err(Refused::CrossOrigin));
                made_by.top_origins = vec![text(&data, "topOrigin").to_owned()];
                used_by.top_origins = made_by.top_origins.clone();
            }
            "packed-es384" | "packed-es512" | "packed-ed448" => {
                assert_eq!(made.verify(&made_by.expected()), Err(Refused::Algorithm));
                continue;
            }
            _ => {}
        }
        let new = made.verify(&made_by.expected()).unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
        let flags = &vector["registration_flags"];
        assert_eq!(new.user_verified, flags["UV"].as_bool().unwrap(), "{name}");
        assert_eq!(new.credential.backup.is_eligible(), flags["BE"].as_bool().unwrap(), "{name}");
        assert_eq!(new.credential.backup.is_backed_up(), flags["BS"].as_bool().unwrap(), "{name}");
        assert_eq!(new.credential.public_key.algorithm().number(), vector["cose_alg"].as_i64().unwrap());
        assert_eq!(new.credential.aaguid, Aaguid::parse(text(vector, "aaguid")).unwrap(), "{name}");
        assert_eq!(new.credential.id, made.credential_id, "{name}");

        let used = assertion(made.credential_id.clone(), &vector["authentication"]);
        let proven = prove(&used_by, &kept(new.credential), &used)
            .unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
        let flags = &vector["authentication_flags"];
        assert_eq!(proven.user_verified, flags["UV"].as_bool().unwrap(), "{name}");
        assert_eq!(proven.backup.is_backed_up(), flags["BS"].as_bool().unwrap(), "{name}");
        passed += 1;
    }
    assert_eq!(passed, 11);
}

/// What each single fault is seen as. `None`: no fault, or one that a relying party forgives.
fn fault(name: &str) -> Option<Refused> {
    let (number, _) = name.split_once('-').unwrap();
    Some(match number {
        "R00" | "A00" => return None,
        // The byte order mark that WebAuthn strips.
        "R33" => return None,
        "R01" | "A01" => Refused::Ceremony,
        "R02" | "R03" | "R04" | "A02" | "A03" => Refused::Challenge,
        "R05" | "R06" | "R07" | "R08" | "R09" | "A04" | "A05" | "A06" => Refused::Origin,
        "R10" | "R11" | "A07" | "A08" => Refused::CrossOrigin,
        "R12" | "A09" => Refused::RpId,
        "R13" | "A10" => Refused::UserAbsent,
        "R14" | "A11" => Refused::UserUnverified,
        "R15" | "A12" => Refused::BackupFlags,
        "R16" | "R17" => Refused::CredentialIdLength,
        "A13" => Refused::BackupEligibilityChanged,
        "R18" | "R19" | "A22" | "A23" | "A24" => Refused::AuthenticatorData,
        "R20" => Refused::Cbor(CborFault::Trailing),
        "R21" | "R35" | "A25" => Refused::Cbor(CborFault::Truncated),
        "R22" => Refused::Cbor(CborFault::Keys),
        "R23" | "R29" | "R30" => Refused::AttestationStatement,
        "R24" => Refused::AttestationFormat,
        "R25" | "R26" | "R27" => Refused::PublicKey,
        "R28" => Refused::Algorithm,
        "R31" | "R32" | "R36" => Refused::ClientData,
        "R34" => Refused::Cbor(CborFault::TooDeep),
        "A14" | "A15" | "A16" | "A17" | "A18" => Refused::Signature,
        "A19" => Refused::Cloned { stored: 5, seen: 5 },
        "A20" => Refused::Cloned { stored: 5, seen: 4 },
        "A21" => Refused::Cloned { stored: 5, seen: 0 },
        other => panic!("{other} is new"),
    })
}

fn party_of(case: &Value) -> Party {
    let mut party = Party::new(&hex(case, "challenge"));
    if case["policy"]["uv"] == "required" {
        party.user_verification = UserVerification::Required;
    }
    party
}

/// The passkey that all assertions of `webauthn_negative.json` are made with.
fn negative_passkey(data: &Value) -> Passkey {
    kept(Credential {
        id: hex(data, "credential_id"),
        public_key: PublicKey::from_cose(&hex(data, "public_key_cose")).unwrap(),
        counter: 5,
        backup: Backup::SingleDevice,
        aaguid: Aaguid::default(),
        transports: vec![],
    })
}

#[test]
fn one_fault_is_enough() {
    let data = data("webauthn_negative.json");
    let registrations = cases(&data, "registration");
    let assertions = cases(&data, "authentication");
    assert_eq!(registrations.len() + assertions.len(), 63);
    let mut wrong = Vec::new();
    for case in registrations {
        let refused = registration(case).verify(&party_of(case).expected()).err();
        if refused != fault(text(case, "name")) {
            wrong.push(format!("{}: {refused:?}", text(case, "name")));
        }
    }
    for case in assertions {
        let response = assertion(hex(case, "credential_id"), case);
        let refused = prove(&party_of(case), &negative_passkey(&data), &response).err();
        if refused != fault(text(case, "name")) {
            wrong.push(format!("{}: {refused:?}", text(case, "name")));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The cases whose fault is a policy, and the policy under which it is none.
#[test]
fn policies_decide_what_is_theirs() {
    let data = data("webauthn_negative.json");
    let case = |of: &str, number: &str| {
        let mut cases = cases(&data, of).iter();
        cases.find(|case| text(case, "name").starts_with(number)).unwrap().clone()
    };
    for number in ["R06", "R11", "R14"] {
        let case = case("registration", number);
        let mut party = Party::new(&hex(&case, "challenge"));
        let client_data: Value = serde_json::from_slice(&hex(&case, "clientDataJSON")).unwrap();
        party.origins.push(text(&client_data, "origin").to_owned());
        party.top_origins.extend(client_data["topOrigin"].as_str().map(str::to_owned));
        let new = registration(&case).verify(&party.expected()).unwrap();
        assert_eq!(new.user_verified, number != "R14");
    }
    for number in ["A05", "A08", "A11"] {
        let case = case("authentication", number);
        let mut party = Party::new(&hex(&case, "challenge"));
        let client_data: Value = serde_json::from_slice(&hex(&case, "clientDataJSON")).unwrap();
        party.origins.push(text(&client_data, "origin").to_owned());
        party.top_origins.extend(client_data["topOrigin"].as_str().map(str::to_owned));
        let response = assertion(hex(&case, "credential_id"), &case);
        let proven = prove(&party, &negative_passkey(&data), &response).unwrap();
        assert_eq!(proven.is_two_factors(), number != "A11");
    }
    // An algorithm is offered or refused.
    let (party, made, ..) = vector("packed-rs256");
    let offered = [Algorithm::EdDsa, Algorithm::Es256];
    let expected = Expected { algorithms: &offered, ..party.expected() };
    assert_eq!(made.verify(&expected), Err(Refused::Algorithm));
}

/// SplitMix64, seeded: the same bits are flipped in every run.
struct Seeded(AtomicU64);

impl Seeded {
    fn below(&self, end: usize) -> usize {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % end as u64) as usize
    }

    fn flip(&self, parts: &mut [&mut Vec<u8>]) {
        let bits: usize = parts.iter().map(|part| part.len() * 8).sum();
        let mut bit = self.below(bits);
        for part in parts {
            if bit < part.len() * 8 {
                part[bit / 8] ^= 1 << (bit % 8);
                return;
            }
            bit -= part.len() * 8;
        }
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut x = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
            x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            chunk.copy_from_slice(&(x ^ (x >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

const FLIPS: usize = 10_000;

#[test]
fn no_flipped_bit_of_an_assertion_is_accepted() {
    for name in ["none-es256", "packed-eddsa", "packed-rs256"] {
        let (made_by, made, used_by, used) = vector(name);
        let passkey = kept(made.verify(&made_by.expected()).unwrap().credential);
        assert!(prove(&used_by, &passkey, &used).is_ok());
        let seeded = Seeded(AtomicU64::new(4));
        for _ in 0..FLIPS {
            let mut flipped = used.clone();
            seeded.flip(&mut [
                &mut flipped.authenticator_data,
                &mut flipped.signature,
                &mut flipped.client_data,
            ]);
            assert!(prove(&used_by, &passkey, &flipped).is_err(), "{name}: {flipped:02x?}");
        }
    }
}

/// With self attestation the new key signs all that was sent.
#[test]
fn no_flipped_bit_of_a_signed_registration_is_accepted() {
    let (party, made, ..) = vector("packed-self-es256");
    assert!(made.verify(&party.expected()).is_ok());
    let seeded = Seeded(AtomicU64::new(4));
    for _ in 0..FLIPS {
        let mut flipped = made.clone();
        seeded.flip(&mut [&mut flipped.attestation_object, &mut flipped.client_data]);
        assert!(flipped.verify(&party.expected()).is_err(), "{flipped:02x?}");
    }
}

/// Without attestation nothing is signed: what can change unseen are flags, counter and AAGUID, which say
/// nothing that anybody relies on before the first assertion, where all of them are signed.
#[test]
fn flipped_bits_of_an_unsigned_registration_change_no_key() {
    let (party, made, ..) = vector("none-es256");
    let genuine = made.verify(&party.expected()).unwrap();
    // The RP ID's hash is 32 bytes long and opens the authenticator data.
    let hash = digest(&SHA256, b"example.org");
    let mut windows = made.attestation_object.windows(32);
    let unsigned = windows.position(|window| window == hash.as_ref()).unwrap() + 32;
    let unsigned = unsigned..unsigned + 1 + 4 + 16;
    for bit in 0..made.attestation_object.len() * 8 {
        let mut flipped = made.clone();
        flipped.attestation_object[bit / 8] ^= 1 << (bit % 8);
        if let Ok(new) = flipped.verify(&party.expected()) {
            assert!(unsigned.contains(&(bit / 8)), "bit {bit}");
            assert_eq!(new.credential.id, genuine.credential.id);
            assert_eq!(new.credential.public_key, genuine.credential.public_key);
        }
    }
}

/// An authenticator in software: Ed25519, one credential.
struct Authenticator {
    key: Ed25519KeyPair,
    credential_id: Vec<u8>,
    counter: u32,
    flags: u8,
    /// CBOR, when there are any.
    extensions: Vec<u8>,
}

const PRESENT: u8 = 1;
const VERIFIED: u8 = 4;
const ELIGIBLE: u8 = 8;
const BACKED_UP: u8 = 16;

impl Authenticator {
    fn new() -> Self {
        Self {
            key: Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap(),
            credential_id: vec![9; 16],
            counter: 1,
            flags: PRESENT | VERIFIED,
            extensions: vec![],
        }
    }

    fn data(&self, more_flags: u8, attested: &[u8]) -> Vec<u8> {
        let extended = if self.extensions.is_empty() { 0 } else { 0x80 };
        let mut data = digest(&SHA256, b"example.org").as_ref().to_vec();
        data.push(self.flags | more_flags | extended);
        data.extend(self.counter.to_be_bytes());
        data.extend(attested);
        data.extend(&self.extensions);
        data
    }

    fn make(&self, party: &Party) -> Value {
        self.make_with(party, b"\xa3\x63fmt\x64none\x67attStmt\xa0", b"")
    }

    /// `before` and `after` are what the attestation object holds around its authenticator data.
    fn make_with(&self, party: &Party, before: &[u8], after: &[u8]) -> Value {
        let public_key = self.key.public_key().as_ref();
        let cose = [&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32], public_key].concat();
        let length = (self.credential_id.len() as u16).to_be_bytes();
        let attested = [&[0; 16][..], &length, &self.credential_id, &cose].concat();
        let data = self.data(0x40, &attested);
        let length = u8::try_from(data.len()).unwrap();
        let object = [before, b"\x68authData\x58", &[length], &data, after].concat();
        self.json(json!({
            "clientDataJSON": encoded(&client_data("webauthn.create", party)),
            "attestationObject": encoded(&object),
            "transports": ["internal", "hybrid"],
        }))
    }

    fn sign(&self, party: &Party, user_handle: Option<&[u8]>) -> Value {
        let client_data = client_data("webauthn.get", party);
        let data = self.data(0, &[]);
        let message = [&data[..], digest(&SHA256, &client_data).as_ref()].concat();
        self.json(json!({
            "clientDataJSON": encoded(&client_data),
            "authenticatorData": encoded(&data),
            "signature": encoded(self.key.sign(&message).as_ref()),
            "userHandle": user_handle.map(encoded),
        }))
    }

    fn json(&self, response: Value) -> Value {
        let id = encoded(&self.credential_id);
        json!({ "id": id, "rawId": id, "type": "public-key", "response": response })
    }
}

fn encoded(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

fn client_data(ceremony: &str, party: &Party) -> Vec<u8> {
    let origin = &party.origins[0];
    let json = json!({ "type": ceremony, "challenge": encoded(&party.challenge), "origin": origin });
    json.to_string().into_bytes()
}

fn party() -> Party {
    Party::new(&passkey::new_challenge(&Seeded(AtomicU64::new(1))))
}

fn registered(json: Value, party: &Party) -> Result<Credential, Refused> {
    let response = serde_json::from_value::<RegistrationJson>(json).unwrap().decoded()?;
    response.verify(&party.expected()).map(|new| new.credential)
}

fn proven(json: Value, party: &Party, passkey: &Passkey, whose: Whose<'_>) -> Result<Proven, Refused> {
    let response = serde_json::from_value::<AssertionJson>(json).unwrap().decoded()?;
    response.verify(&party.expected(), passkey, whose)
}

#[test]
fn a_ceremony_from_json_to_json() {
    let mut authenticator = Authenticator::new();
    let party = party();
    let credential = registered(authenticator.make(&party), &party).unwrap();
    assert_eq!(credential.counter, 1);
    assert_eq!(credential.backup, Backup::SingleDevice);
    assert_eq!(credential.transports, [Transport::Hybrid, Transport::Internal]);
    let passkey = kept(credential);
    authenticator.counter = 2;
    let answer = proven(authenticator.sign(&party, None), &party, &passkey, Whose::User(&owner()));
    assert_eq!(answer, Ok(Proven { user_verified: true, counter: 2, backup: Backup::SingleDevice }));
    authenticator.flags = PRESENT;
    let answer = proven(authenticator.sign(&party, None), &party, &passkey, Whose::User(&owner()));
    assert!(!answer.unwrap().is_two_factors());
}

/// SEC-043, decision by decision: (stored, seen, accepted).
#[test]
fn a_counter_that_does_not_rise_is_a_clone() {
    let party = party();
    let mut authenticator = Authenticator::new();
    let mut passkey = kept(registered(authenticator.make(&party), &party).unwrap());
    for (stored, seen, accepted) in [
        (0, 0, true),
        (0, 1, true),
        (1, 2, true),
        (1, u32::MAX, true),
        (1, 1, false),
        (2, 1, false),
        (1, 0, false),
        (u32::MAX, 0, false),
    ] {
        passkey.credential.counter = stored;
        authenticator.counter = seen;
        let json = authenticator.sign(&party, None);
        let answer = proven(json.clone(), &party, &passkey, Whose::User(&owner()));
        let cloned = Refused::Cloned { stored, seen };
        assert_eq!(answer.map(|proven| proven.counter), if accepted { Ok(seen) } else { Err(cloned) });
        // A stranger who knows the credential's ID cannot make it look cloned.
        let mut forged = json;
        forged["response"]["signature"] = encoded(&[1; 64]).into();
        let answer = proven(forged, &party, &passkey, Whose::User(&owner()));
        assert_eq!(answer, Err(Refused::Signature));
    }
}

#[test]
fn a_passkey_speaks_for_its_owner_only() {
    let party = party();
    let mut authenticator = Authenticator::new();
    let mut passkey = kept(registered(authenticator.make(&party), &party).unwrap());
    authenticator.counter = 2;
    let stranger = UserId::from("stranger".to_owned());
    let judged = |passkey: &Passkey, handle: Option<&[u8]>, whose: Whose<'_>| {
        proven(authenticator.sign(&party, handle), &party, passkey, whose).err()
    };
    assert_eq!(judged(&passkey, None, Whose::User(&stranger)), Some(Refused::NotThisUser));
    // A passkey taken over from elsewhere: whatever handle it has is unknown here.
    assert_eq!(judged(&passkey, Some(b"any"), Whose::Anyone), None);
    assert_eq!(judged(&passkey, None, Whose::Anyone), Some(Refused::UserHandle));

    passkey.user_handle = Some(b"handle".to_vec());
    assert_eq!(judged(&passkey, Some(b"handle"), Whose::Anyone), None);
    assert_eq!(judged(&passkey, Some(b"handle"), Whose::User(&owner())), None);
    assert_eq!(judged(&passkey, None, Whose::User(&owner())), None);
    assert_eq!(judged(&passkey, None, Whose::Anyone), Some(Refused::UserHandle));
    assert_eq!(judged(&passkey, Some(b""), Whose::Anyone), Some(Refused::UserHandle));
    assert_eq!(judged(&passkey, Some(b"other"), Whose::Anyone), Some(Refused::UserHandle));
    assert_eq!(judged(&passkey, Some(b"other"), Whose::User(&owner())), Some(Refused::UserHandle));
    let too_long = Some(Refused::Malformed(Part::UserHandle));
    assert_eq!(judged(&passkey, Some(&[1; 65]), Whose::Anyone), too_long);

    passkey.credential.id = vec![8; 16];
    assert_eq!(judged(&passkey, None, Whose::User(&owner())), Some(Refused::NotThisPasskey));
}

#[test]
fn eligibility_stays_and_backup_follows() {
    let party = party();
    let mut authenticator = Authenticator::new();
    authenticator.flags = PRESENT | ELIGIBLE;
    let passkey = kept(registered(authenticator.make(&party), &party).unwrap());
    assert_eq!(passkey.credential.backup, Backup::Eligible);
    authenticator.counter = 2;
    for (flags, judged) in [
        (PRESENT | ELIGIBLE | BACKED_UP, Ok(Backup::BackedUp)),
        (PRESENT | ELIGIBLE, Ok(Backup::Eligible)),
        (PRESENT, Err(Refused::BackupEligibilityChanged)),
        (PRESENT | BACKED_UP, Err(Refused::BackupFlags)),
    ] {
        authenticator.flags = flags;
        let answer = proven(authenticator.sign(&party, None), &party, &passkey, Whose::User(&owner()));
        assert_eq!(answer.map(|proven| proven.backup), judged);
    }
}

#[test]
fn lengths_have_bounds() {
    let party = party();
    let mut authenticator = Authenticator::new();
    for (length, judged) in [(0, Refused::CredentialIdLength), (15, Refused::CredentialIdLength)] {
        authenticator.credential_id = vec![9; length];
        assert_eq!(registered(authenticator.make(&party), &party), Err(judged));
    }
    authenticator.credential_id = vec![9; 64];
    assert!(registered(authenticator.make(&party), &party).is_ok());
    let mut json = authenticator.make(&party);
    json["rawId"] = encoded(&[9; 63]).into();
    assert_eq!(registered(json.clone(), &party), Err(Refused::CredentialIdMismatch));
    json["id"] = json["rawId"].clone();
    assert_eq!(registered(json.clone(), &party), Err(Refused::CredentialIdMismatch));
    json["response"]["attestationObject"] = "A".repeat(1 << 20).into();
    assert_eq!(registered(json, &party), Err(Refused::Malformed(Part::AttestationObject)));
}

#[test]
fn extensions_are_a_map_by_name_and_nothing_more() {
    let party = party();
    let mut authenticator = Authenticator::new();
    let cases: [(&[u8], Option<Refused>); 7] = [
        (b"\xa0", None),
        (b"\xa1\x6bcredProtect\x02", None),
        (b"\x80", Some(Refused::AuthenticatorData)),
        (b"\xa1\x01\x02", Some(Refused::AuthenticatorData)),
        (b"\xa0\x00", Some(Refused::AuthenticatorData)),
        (b"\xa1\x6bcredProtect", Some(Refused::Cbor(CborFault::Truncated))),
        (b"\xbf\xff", Some(Refused::Cbor(CborFault::Unsupported))),
    ];
    for (extensions, refused) in cases {
        authenticator.extensions = extensions.to_vec();
        assert_eq!(registered(authenticator.make(&party), &party).err(), refused, "{extensions:02x?}");
    }
}

#[test]
fn statements_are_held_to_their_form() {
    let party = party();
    let authenticator = Authenticator::new();
    let statement = Some(Refused::AttestationStatement);
    let cases: [(&[u8], &[u8], Option<Refused>); 9] = [
        (b"\xa3\x63fmt\x63tpm\x67attStmt\xa0", b"", None),
        (b"\xa3\x63fmt\x66packed\x67attStmt\xa3\x63alg\x27\x63sig\x40\x63x5c\x81\x40", b"", None),
        (b"\xa3\x63fmt\x66packed\x67attStmt\xa3\x63alg\x27\x63sig\x40\x63x5c\x80", b"", statement.clone()),
        (b"\xa3\x63fmt\x66packed\x67attStmt\xa3\x63alg\x27\x63sig\x40\x63x5c\xf6", b"", statement.clone()),
        (b"\xa3\x63fmt\x66packed\x67attStmt\xa2\x63alg\x27\x63sig\x40", b"", statement.clone()),
        (b"\xa3\x63fmt\x66packed\x67attStmt\xa1\x63x5c\x81\x40", b"", statement.clone()),
        (b"\xa3\x63fmt\x64none\x67attStmt\x80", b"", statement),
        (b"\xa2\x63fmt\x64none", b"", Some(Refused::AttestationObject)),
        (b"\xa4\x63fmt\x64none\x67attStmt\xa0", b"\x69more data\xf5", Some(Refused::AttestationObject)),
    ];
    for (before, after, refused) in cases {
        let json = authenticator.make_with(&party, before, after);
        assert_eq!(registered(json, &party).err(), refused, "{}", before.escape_ascii());
    }
}

#[test]
fn challenges_and_handles_are_fresh() {
    let seeded = Seeded(AtomicU64::new(0));
    assert_ne!(passkey::new_challenge(&seeded), passkey::new_challenge(&seeded));
    assert_ne!(passkey::new_user_handle(&seeded), passkey::new_user_handle(&seeded));
    let party = Party::new(b"too short");
    assert_eq!(registered(Authenticator::new().make(&party), &party), Err(Refused::Challenge));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Garbage where a browser's bytes belong is refused, and nothing worse.
    #[test]
    fn garbage_is_refused(garbage in vec(any::<u8>(), 0..300), cut in any::<prop::sample::Index>()) {
        let (made_by, made, used_by, used) = vector("none-es256");
        let passkey = kept(made.verify(&made_by.expected()).unwrap().credential);
        let spliced = |genuine: &[u8]| {
            let at = cut.index(genuine.len());
            [&genuine[..at], &garbage, &genuine[at..]].concat()
        };
        for (object, client_data) in [
            (garbage.clone(), made.client_data.clone()),
            (spliced(&made.attestation_object), garbage.clone()),
            (spliced(&made.attestation_object), made.client_data.clone()),
        ] {
            let broken = RegistrationResponse { attestation_object: object, client_data, ..made.clone() };
            prop_assert!(broken.verify(&made_by.expected()).is_err() || garbage.is_empty());
        }
        for (authenticator_data, signature) in [
            (garbage.clone(), used.signature.clone()),
            (used.authenticator_data.clone(), garbage.clone()),
            (spliced(&used.authenticator_data), used.signature.clone()),
            (used.authenticator_data.clone(), spliced(&used.signature)),
        ] {
            let broken = AssertionResponse { authenticator_data, signature, ..used.clone() };
            prop_assert!(prove(&used_by, &passkey, &broken).is_err() || garbage.is_empty());
        }
    }
}
