//! Randomness as a parameter: the server hands in the operating system's generator, tests a seeded one.

/// A source of random bytes. In production always the operating system's CSPRNG (SEC-100).
pub trait Entropy: Send + Sync {
    fn fill(&self, bytes: &mut [u8]);
}

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const URL_SAFE: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const DIGITS: &[u8] = b"0123456789";
/// Crockford's base 32: no I, L, O or U, so that a printed code survives being read aloud.
const CROCKFORD: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

pub fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// `[A-Za-z0-9]`, 5.95 bits a character: 32 of them are 190 bits.
pub fn alphanumeric(entropy: &dyn Entropy, length: usize) -> String {
    draw(entropy, ALPHANUMERIC, length)
}

/// `[A-Za-z0-9_-]`, 6 bits a character.
pub fn url_safe(entropy: &dyn Entropy, length: usize) -> String {
    draw(entropy, URL_SAFE, length)
}

pub fn digits(entropy: &dyn Entropy, length: usize) -> String {
    draw(entropy, DIGITS, length)
}

/// Crockford base 32, 5 bits a character.
pub fn crockford(entropy: &dyn Entropy, length: usize) -> String {
    draw(entropy, CROCKFORD, length)
}

/// Draws without modulo bias (SEC-022): a byte beyond the last whole multiple is thrown again.
fn draw(entropy: &dyn Entropy, alphabet: &[u8], length: usize) -> String {
    let fair = 256 - 256 % alphabet.len();
    let mut drawn = String::with_capacity(length);
    let mut pool = [0; 32];
    while drawn.len() < length {
        entropy.fill(&mut pool);
        for byte in pool.iter().map(|byte| usize::from(*byte)) {
            if byte < fair && drawn.len() < length {
                drawn.push(char::from(alphabet[byte % alphabet.len()]));
            }
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    struct Counting(AtomicU64);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = self.0.fetch_add(1, Ordering::Relaxed) as u8;
            }
        }
    }

    #[test]
    fn every_character_is_equally_likely() {
        let source = Counting(AtomicU64::new(0));
        let drawn = digits(&source, 250 * 40);
        for digit in '0'..='9' {
            let share = drawn.chars().filter(|c| *c == digit).count();
            assert!((990..=1_010).contains(&share), "{digit}: {share}");
        }
    }
}
