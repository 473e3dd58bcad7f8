//! The one source of randomness: the operating system's CSPRNG, or a seeded stream for tests.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest;
use countersign_core::entropy::Entropy;

#[derive(Debug)]
pub enum Dice {
    System,
    /// Reproducible, for tests only: SHA-256 of seed and counter.
    Seeded(u64, AtomicU64),
}

impl Dice {
    pub fn seeded(seed: u64) -> Self {
        Self::Seeded(seed, AtomicU64::new(0))
    }
}

impl Entropy for Dice {
    #[expect(clippy::disallowed_methods, reason = "these are the dice")]
    fn fill(&self, bytes: &mut [u8]) {
        match self {
            Self::System => getrandom::fill(bytes).expect("the operating system has no randomness to give"),
            Self::Seeded(seed, counter) => {
                for chunk in bytes.chunks_mut(32) {
                    let turn = counter.fetch_add(1, Ordering::SeqCst);
                    let block =
                        digest::digest(&digest::SHA256, &[seed.to_le_bytes(), turn.to_le_bytes()].concat());
                    chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
                }
            }
        }
    }
}
