//! What this machine can do at most: durable commits and password hashes.

use std::{
    fs,
    io::Write,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use crate::report::{DiskProbe, HashRate, rounded};

/// Appends 4 KiB and waits until it is on the disk, again and again: what a small commit costs just now.
/// The same disk may be forty times slower while somebody else writes to it.
pub fn durable_commit(dir: &Path, time: Duration) -> Result<DiskProbe> {
    let path = dir.join("durable-commit-probe");
    let mut file = fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let page = [7_u8; 4096];
    let mut waits = Vec::new();
    let began = Instant::now();
    while began.elapsed() < time || waits.len() < 10 {
        let one = Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        waits.push(one.elapsed().as_secs_f64() * 1000.0);
    }
    fs::remove_file(&path)?;
    waits.sort_by(f64::total_cmp);
    let at = |share: f64| rounded(waits[((waits.len() - 1) as f64 * share) as usize]);
    Ok(DiskProbe { p50_ms: at(0.5), p99_ms: at(0.99) })
}

/// Argon2id with m=19456, t=2, p=1 on every core at once, memory reused.
pub fn argon2_rate(time: Duration) -> Result<HashRate> {
    let cores = thread::available_parallelism()?.get();
    let began = Instant::now();
    let hashers: Vec<_> = (0..cores).map(|_| thread::spawn(move || hash_for(time))).collect();
    let mut hashes = 0;
    for hasher in hashers {
        hashes += hasher.join().expect("a hashing thread does not panic")?;
    }
    Ok(HashRate { cores, per_second: rounded(hashes as f64 / began.elapsed().as_secs_f64()) })
}

fn hash_for(time: Duration) -> Result<u64> {
    let params = Params::new(19_456, 2, 1, Some(32)).expect("OWASP's parameters are valid");
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let (mut out, mut hashes, began) = ([0_u8; 32], 0, Instant::now());
    while began.elapsed() < time {
        argon2
            .hash_password_into_with_memory(
                b"Bench-password-1234",
                b"0123456789abcdef",
                &mut out,
                &mut memory,
            )
            .map_err(|fault| anyhow::anyhow!("Argon2 failed: {fault}"))?;
        hashes += 1;
    }
    Ok(hashes)
}
