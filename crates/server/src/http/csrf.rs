//! Double-submit tokens: what a page reads and sends back beside a cookie that other sites cannot read (SEC-079).

use aws_lc_rs::hmac;
use countersign_core::{
    entropy::{self, Entropy},
    secret::same,
};
use data_encoding::HEXLOWER;

/// Makes and checks tokens of 64 hex digits: half of each is drawn, the other half signs it, so that nobody
/// can plant one of their own making.
pub struct CsrfTokens(hmac::Key);

const HALF: usize = 16;

impl CsrfTokens {
    /// `secret` may sign other things, too: the key is one of its own, derived from it.
    pub fn new(secret: &[u8]) -> Self {
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), b"csrf tokens");
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    pub fn issue(&self, entropy: &dyn Entropy) -> String {
        let drawn: [u8; HALF] = entropy::bytes(entropy);
        HEXLOWER.encode(&[drawn.as_slice(), self.half_tag(&drawn).as_slice()].concat())
    }

    /// Whether what was sent is what the cookie holds, and that is one of ours.
    pub fn agree(&self, cookie: &str, sent: &str) -> bool {
        // Compares in constant time (SEC-100).
        same(cookie.as_bytes(), sent.as_bytes()) && self.is_ours(cookie)
    }

    fn is_ours(&self, token: &str) -> bool {
        let Ok(bytes) = HEXLOWER.decode(token.as_bytes()) else { return false };
        bytes.len() == 2 * HALF && same(&bytes[HALF..], &self.half_tag(&bytes[..HALF]))
    }

    fn half_tag(&self, drawn: &[u8]) -> [u8; HALF] {
        let tag = hmac::sign(&self.0, drawn);
        std::array::from_fn(|at| tag.as_ref()[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sevens;

    impl Entropy for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    #[test]
    fn only_a_pair_of_our_own_agrees() {
        let tokens = CsrfTokens::new(b"secret");
        let token = tokens.issue(&Sevens);
        assert!(
            token.len() == 64 && token.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
            "{token}"
        );
        assert!(tokens.agree(&token, &token));
        assert!(!CsrfTokens::new(b"another").agree(&token, &token));
        for at in 0..token.len() {
            let mut other = token.clone().into_bytes();
            other[at] = if other[at] == b'0' { b'1' } else { b'0' };
            let other = String::from_utf8(other).unwrap();
            assert!(!tokens.agree(&token, &other) && !tokens.agree(&other, &other), "byte {at}");
            assert!(!tokens.agree(&token[..at], &token[..at]), "cut at {at}");
        }
        let upper = token.to_uppercase();
        for made_up in ["", "attacker", &*"0".repeat(64), &*format!("{token}00"), &*upper] {
            assert!(!tokens.agree(made_up, made_up), "{made_up}");
        }
    }
}
