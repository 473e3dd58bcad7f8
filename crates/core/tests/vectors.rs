//! Published vectors: RFC 4226 appendix D, RFC 6238 appendix B, and what a Better Auth 1.7 server wrote.

use countersign_core::{
    password::{self, Scratch, Verification},
    secret::Secret,
    time::Timestamp,
    totp::{self, Algorithm, Answer, Parameters, Totp},
};

const SEED_SHA1: &[u8] = b"12345678901234567890";
const SEED_SHA256: &[u8] = b"12345678901234567890123456789012";
const SEED_SHA512: &[u8] = b"1234567890123456789012345678901234567890123456789012345678901234";

#[test]
fn rfc_4226_appendix_d() {
    let expected =
        ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
    for (count, code) in expected.into_iter().enumerate() {
        assert_eq!(totp::code_at(SEED_SHA1, Parameters::default(), count as i64), code);
    }
}

#[test]
fn rfc_6238_appendix_b() {
    let rows = [
        (59, 0x1, "94287082", "46119246", "90693936"),
        (1_111_111_109, 0x023_523EC, "07081804", "68084774", "25091201"),
        (1_111_111_111, 0x023_523ED, "14050471", "67062674", "99943326"),
        (1_234_567_890, 0x273_EF07, "89005924", "91819424", "93441116"),
        (2_000_000_000, 0x3F9_40AA, "69279037", "90698825", "38618901"),
        (20_000_000_000, 0x27BC_86AA, "65353130", "77737706", "47863826"),
    ];
    for (second, step, sha1, sha256, sha512) in rows {
        let now = Timestamp::from_seconds(second);
        assert_eq!(totp::step_at(now, 30), step);
        let columns = [
            (Algorithm::Sha1, SEED_SHA1, sha1),
            (Algorithm::Sha256, SEED_SHA256, sha256),
            (Algorithm::Sha512, SEED_SHA512, sha512),
        ];
        for (algorithm, seed, code) in columns {
            for (digits, code) in [(8, code), (6, &code[2..])] {
                let parameters = Parameters::new(algorithm, digits, 30).unwrap();
                assert_eq!(totp::code_at(seed, parameters, step), code, "{algorithm:?} at {second}");
                let totp = Totp { seed: Secret::new(seed.to_vec()), parameters, last_step: Some(step - 1) };
                assert_eq!(totp.check(code, now), Answer::Step(step));
                // A leading zero is part of the code.
                assert_eq!(
                    totp.check(code.trim_start_matches('0'), now) == Answer::Wrong,
                    code.starts_with('0')
                );
            }
        }
    }
}

#[test]
fn rfc_seeds_in_base32() {
    assert_eq!(totp::base32(SEED_SHA1).expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    assert_eq!(totp::base32(SEED_SHA256).expose(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA");
}

#[test]
fn better_auth_totp() {
    let seed = b"abcdefghijklmnopqrstuvwxyz01234_";
    let now = Timestamp::from_seconds(1_700_000_000);
    let parameters = Parameters::default();
    assert_eq!(totp::code_at(seed, parameters, totp::step_at(now, parameters.period)), "679193");
    // Its issuer is form-encoded (`Acme+MFA`), which some apps show with the plus sign; ours is not.
    assert_eq!(
        totp::uri("Acme MFA", "ada@example.com", seed, parameters).expose(),
        "otpauth://totp/Acme%20MFA:ada%40example.com\
         ?secret=MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPIYDCMRTGRPQ&issuer=Acme%20MFA&digits=6&period=30"
    );
}

#[test]
fn better_auth_password() {
    let stored = "000102030405060708090a0b0c0d0e0f:70cc7d605f9fd0bfd324b3978bd79ee81076d98810046ed91604c3cb8aa69577\
                  61a2b0b97abf1e7c417ec4a9baa7bd1ce53449880d90dc1117c88d69b4f0b72e";
    let mut scratch = Scratch::default();
    let mut verify = |password: &str, stored: &str| password::verify(password, stored, &mut scratch);
    assert_eq!(verify("correct horse battery", stored), Verification::RightButOutdated);
    assert_eq!(verify("correct horse batterz", stored), Verification::Wrong);
    // NFKC: fullwidth letters are the same password there.
    assert_eq!(verify("ｃｏｒｒｅｃｔ horse battery", stored), Verification::RightButOutdated);
    assert_eq!(verify("correct horse battery", &stored.replacen("0001", "0002", 1)), Verification::Wrong);
}

/// From `src/test.c` of the reference implementation; memory above today's, a salt of 8 bytes.
#[test]
fn argon2_reference() {
    let mut scratch = Scratch::default();
    let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    assert_eq!(password::verify("password", stored, &mut scratch), Verification::RightButOutdated);
    assert_eq!(password::verify("passwore", stored, &mut scratch), Verification::Wrong);
}
