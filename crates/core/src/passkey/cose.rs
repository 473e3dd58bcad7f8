//! Credential public keys: COSE on the outside (RFC 9052 §7), three algorithms within.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};

use crate::passkey::{
    Refused,
    cbor::{self, Value},
};

/// What we offer and verify (SEC-046), in the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519.
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256: what the TPMs of older Windows machines can do.
    Rs256,
}

impl Algorithm {
    pub const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Rs256];

    /// Its number in the COSE registry and in `pubKeyCredParams`.
    pub const fn number(self) -> i64 {
        match self {
            Self::EdDsa => -8,
            Self::Es256 => -7,
            Self::Rs256 => -257,
        }
    }
}

/// A key that can be verified with: parsed once, kept in the bytes it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    cose: Vec<u8>,
    key: Key,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Ed25519([u8; 32]),
    /// Uncompressed, `04 x y`.
    P256([u8; 65]),
    Rsa {
        modulus: Vec<u8>,
    },
}

/// The one exponent there is in practice: a small one forgives padding errors, a huge one costs time.
const RSA_EXPONENT: &[u8] = &[1, 0, 1];

/// SEC-046; beyond them verifying gets slow enough to hurt.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;

impl PublicKey {
    /// Exactly the parameters of its kind and no other (WebAuthn L3 §6.5.1.1), and a key that is sound.
    pub fn from_cose(cose: &[u8]) -> Result<Self, Refused> {
        let value = cbor::read(cose).map_err(Refused::Cbor)?;
        let map = value.as_map().ok_or(Refused::PublicKey)?;
        let mut labels = [0; 5];
        let mut values = [const { &Value::Null }; 5];
        if map.len() > labels.len() {
            return Err(Refused::PublicKey);
        }
        for (at, (label, value)) in map.iter().enumerate() {
            labels[at] = label.as_integer().ok_or(Refused::PublicKey)?;
            values[at] = value;
        }
        let algorithm = labels.iter().position(|label| *label == 3).and_then(|at| values[at].as_integer());
        let algorithm = algorithm.ok_or(Refused::PublicKey)?;
        let known = Algorithm::ALL.into_iter().find(|known| known.number() == algorithm);
        // Canonical order: 1 is the key type, 3 the algorithm, the negative ones are the key type's own.
        let key = match (known.ok_or(Refused::Algorithm)?, &labels[..map.len()], values) {
            (Algorithm::EdDsa, [1, 3, -1, -2], [Value::Integer(1), _, Value::Integer(6), x, _]) => {
                ed25519(x.as_bytes())
            }
            (Algorithm::Es256, [1, 3, -1, -2, -3], [Value::Integer(2), _, Value::Integer(1), x, y]) => {
                p256(x.as_bytes(), y.as_bytes())
            }
            (Algorithm::Rs256, [1, 3, -1, -2], [Value::Integer(3), _, n, e, _]) => {
                rsa(n.as_bytes(), e.as_bytes())
            }
            _ => None,
        };
        Ok(Self { cose: cose.to_vec(), key: key.ok_or(Refused::PublicKey)? })
    }

    /// As it came, which is also how it is kept.
    pub fn as_cose(&self) -> &[u8] {
        &self.cose
    }

    pub const fn algorithm(&self) -> Algorithm {
        match self.key {
            Key::Ed25519(_) => Algorithm::EdDsa,
            Key::P256(_) => Algorithm::Es256,
            Key::Rsa { .. } => Algorithm::Rs256,
        }
    }

    /// SEC-047: the algorithm is the key's own and nobody's to choose.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.key {
            Key::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Key::P256(key) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(message, signature),
            Key::Rsa { modulus } => RsaPublicKeyComponents { n: modulus.as_slice(), e: RSA_EXPONENT }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
        };
        verified.is_ok()
    }
}

fn ed25519(x: Option<&[u8]>) -> Option<Key> {
    let key: [u8; 32] = x?.try_into().ok()?;
    (!has_small_order(key)).then_some(Key::Ed25519(key))
}

/// The points of orders 1, 2, 4 and 8 in every encoding: without any private key, one signature fits messages
/// of all kinds for them (RFC 8032 §5.1.7 does not look). The top bit only chooses the sign of x.
fn has_small_order(mut key: [u8; 32]) -> bool {
    const ORDER_8: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
            0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
            0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    key[31] &= 0x7f;
    // y is 0 or 1, or p - 1, or one of them plus p: all other bytes are those of 0 or of p.
    let low = key[0] <= 1 && key[1..].iter().all(|byte| *byte == 0);
    let high =
        matches!(key[0], 0xec..=0xee) && key[1..31].iter().all(|byte| *byte == 0xff) && key[31] == 0x7f;
    low || high || ORDER_8.contains(&key)
}

fn p256(x: Option<&[u8]>, y: Option<&[u8]>) -> Option<Key> {
    let (x, y): (&[u8; 32], &[u8; 32]) = (x?.try_into().ok()?, y?.try_into().ok()?);
    let mut point = [4; 65];
    point[1..33].copy_from_slice(x);
    point[33..].copy_from_slice(y);
    // Parsing looks whether the point lies on the curve, which verifying alone finds out too late.
    ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).is_ok().then_some(Key::P256(point))
}

/// RFC 8230 §4: no zeros in front, so that the length is the size.
fn rsa(modulus: Option<&[u8]>, exponent: Option<&[u8]>) -> Option<Key> {
    let modulus = modulus?;
    let (first, last) = (*modulus.first()?, *modulus.last()?);
    let bits = modulus.len() * 8 - first.leading_zeros() as usize;
    let sound = first != 0 && last & 1 == 1 && RSA_BITS.contains(&bits) && exponent? == RSA_EXPONENT;
    sound.then(|| Key::Rsa { modulus: modulus.to_vec() })
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// The head of a map of so many pairs, then the pairs.
    fn cose(pairs: &[(u8, &[u8])]) -> Vec<u8> {
        let mut cose = vec![0xa0 | pairs.len() as u8];
        for (label, value) in pairs {
            cose.push(*label);
            cose.extend_from_slice(value);
        }
        cose
    }

    fn bytes(bytes: &[u8]) -> Vec<u8> {
        let length = bytes.len() as u16;
        let head = match length {
            0..24 => vec![0x40 | length as u8],
            24..256 => vec![0x58, length as u8],
            256.. => [&[0x59], &length.to_be_bytes()[..]].concat(),
        };
        [head, bytes.to_vec()].concat()
    }

    const KTY: u8 = 0x01;
    const ALG: u8 = 0x03;
    /// -1, -2 and -3.
    const CRV: u8 = 0x20;
    const X: u8 = 0x21;
    const Y: u8 = 0x22;

    fn point() -> [Vec<u8>; 2] {
        let hex = |hex: &str| HEXLOWER.decode(hex.as_bytes()).unwrap();
        [
            hex("afefa16f97ca9b2d23eb86ccb64098d20db90856062eb249c33a9b672f26df61"),
            hex("930a56b87a2fca66334b03458abf879717c12cc68ed73290af2e2664796b9220"),
        ]
    }

    #[test]
    fn a_p256_key_is_a_point_on_the_curve() {
        let [x, y] = point();
        let key = |kty, alg, crv, x: &[u8], y: &[u8]| {
            let (x, y) = (bytes(x), bytes(y));
            PublicKey::from_cose(&cose(&[(KTY, &[kty]), (ALG, &[alg]), (CRV, &[crv]), (X, &x), (Y, &y)]))
        };
        let good = key(2, 0x26, 1, &x, &y).unwrap();
        assert_eq!(good.algorithm(), Algorithm::Es256);
        assert_eq!(PublicKey::from_cose(good.as_cose()), Ok(good));
        // Swapped, zero, short, long; the wrong key type, algorithm of another kind, wrong curve.
        let long = [&x[..], &[0]].concat();
        for (kty, alg, crv, x, y) in [
            (2, 0x26, 1, &y[..], &x[..]),
            (2, 0x26, 1, &[0; 32], &[0; 32]),
            (2, 0x26, 1, &x[1..], &y[..]),
            (2, 0x26, 1, &long[..], &y[..]),
            (1, 0x26, 1, &x[..], &y[..]),
            (2, 0x27, 1, &x[..], &y[..]),
            (2, 0x26, 2, &x[..], &y[..]),
        ] {
            assert_eq!(key(kty, alg, crv, x, y), Err(Refused::PublicKey));
        }
        // ES384, which we neither offer nor verify.
        let unknown = cose(&[(KTY, &[2]), (ALG, &[0x38, 0x22]), (CRV, &[2]), (X, &bytes(&[1; 48]))]);
        assert_eq!(PublicKey::from_cose(&unknown), Err(Refused::Algorithm));
    }

    #[test]
    fn a_key_has_its_parameters_and_no_other() {
        let (x, y) = (bytes(&point()[0]), bytes(&point()[1]));
        let good: [(u8, &[u8]); 5] = [(KTY, &[2]), (ALG, &[0x26]), (CRV, &[1]), (X, &x), (Y, &y)];
        for without in 0..good.len() {
            let mut fewer = good.to_vec();
            fewer.remove(without);
            assert_eq!(PublicKey::from_cose(&cose(&fewer)), Err(Refused::PublicKey));
        }
        let mut more = good.to_vec();
        more.insert(1, (0x02, &[0x41, 0x00]));
        assert_eq!(PublicKey::from_cose(&cose(&more)), Err(Refused::PublicKey));
        // A compressed point names its y by a sign.
        let compressed: [(u8, &[u8]); 5] = [good[0], good[1], good[2], good[3], (Y, &[0xf5])];
        assert_eq!(PublicKey::from_cose(&cose(&compressed)), Err(Refused::PublicKey));
        let unsorted: [(u8, &[u8]); 5] = [good[1], good[0], good[2], good[3], good[4]];
        assert_eq!(PublicKey::from_cose(&cose(&unsorted)), Err(Refused::Cbor(cbor::Fault::Keys)));
        assert_eq!(PublicKey::from_cose(&[0x80]), Err(Refused::PublicKey));
        let followed = [cose(&good), vec![0]].concat();
        assert_eq!(PublicKey::from_cose(&followed), Err(Refused::Cbor(cbor::Fault::Trailing)));
    }

    #[test]
    fn an_ed25519_key_is_no_point_of_small_order() {
        let key = |x: &[u8]| {
            PublicKey::from_cose(&cose(&[(KTY, &[1]), (ALG, &[0x27]), (CRV, &[6]), (X, &bytes(x))]))
        };
        assert_eq!(key(&[0x58; 32]).unwrap().algorithm(), Algorithm::EdDsa);
        assert_eq!(key(&[0x58; 31]), Err(Refused::PublicKey));
        let order_8 =
            HEXLOWER.decode(b"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05").unwrap();
        let of = |first: u8, rest: u8, last: u8| [&[first][..], &[rest; 30], &[last]].concat();
        let small = [
            of(0, 0, 0),
            of(1, 0, 0),
            of(1, 0, 0x80),
            of(0xec, 0xff, 0x7f),
            of(0xed, 0xff, 0x7f),
            of(0xee, 0xff, 0xff),
            order_8,
        ];
        for x in small {
            assert_eq!(key(&x), Err(Refused::PublicKey), "{x:02x?}");
        }
        assert!(key(&of(2, 0, 0)).is_ok());
    }

    #[test]
    fn an_rsa_key_has_2048_to_4096_bits_and_the_usual_exponent() {
        let key = |n: &[u8], e: &[u8]| {
            PublicKey::from_cose(&cose(&[
                (KTY, &[3]),
                (ALG, &[0x39, 0x01, 0x00]),
                (CRV, &bytes(n)),
                (X, &bytes(e)),
            ]))
        };
        let modulus = |length: usize| [&[0x80][..], &vec![0x55; length - 1]].concat();
        for length in [256, 384, 512] {
            assert_eq!(key(&modulus(length), &[1, 0, 1]).unwrap().algorithm(), Algorithm::Rs256);
        }
        for exponent in [&[3][..], &[1], &[0, 1, 0, 1], &[1, 0, 1, 0], &[]] {
            assert_eq!(key(&modulus(256), exponent), Err(Refused::PublicKey));
        }
        let even = [&modulus(256)[..255], &[0x54]].concat();
        let padded = [&[0][..], &modulus(256)].concat();
        let short = [&[0x7f][..], &modulus(256)[1..]].concat();
        for broken in [modulus(255), modulus(513), short, even, padded, vec![]] {
            assert_eq!(key(&broken, &[1, 0, 1]), Err(Refused::PublicKey));
        }
    }
}
