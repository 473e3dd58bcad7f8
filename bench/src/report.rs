//! What a run leaves behind: one JSON object a line, read again by `table`.

use std::{collections::BTreeMap, fs, io::Write, path::Path};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    Sample(Box<Sample>),
    Memory(MemoryReading),
    Start(StartTime),
    HashRate(HashRate),
    /// A sentence about the machine or the run, printed under the tables.
    Note {
        text: String,
    },
}

/// One scenario, driven once against one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample {
    pub side: String,
    pub scenario: String,
    pub about: String,
    pub round: u32,
    pub connections: usize,
    pub window_s: f64,
    pub operations: usize,
    pub per_second: f64,
    pub errors: usize,
    pub error_kinds: BTreeMap<String, usize>,
    /// Turns skipped because an account had no unused TOTP step; they cost the server nothing.
    pub starved: usize,
    pub latency: Latency,
    pub steps: BTreeMap<String, Latency>,
    pub cpu: Cpu,
    pub resident_before_mb: f64,
    pub peak_mb: f64,
    pub prepared: Preparation,
    pub disk_before: Option<DiskProbe>,
    pub disk_after: Option<DiskProbe>,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
    pub max: f64,
}

/// CPU used in the window: by the server, by the load generator, by everything else on the machine.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Cpu {
    pub server_ms_per_operation: f64,
    pub server_cores: f64,
    pub generator_cores: f64,
    pub other_cores: f64,
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Preparation {
    pub accounts_made: usize,
    pub browsers: usize,
    pub seconds: f64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct DiskProbe {
    pub p50_ms: f64,
    pub p99_ms: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemoryReading {
    pub side: String,
    pub resident_mb: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StartTime {
    pub side: String,
    /// From starting the process to its first 200, each start.
    pub ms: Vec<f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HashRate {
    pub cores: usize,
    pub per_second: f64,
}

impl Latency {
    /// Exact percentiles; the order of `micros` is lost.
    pub fn of(micros: &mut [u32]) -> Self {
        micros.sort_unstable();
        let Some(last) = micros.len().checked_sub(1) else { return Self::default() };
        let at = |share: f64| rounded(f64::from(micros[(last as f64 * share).round() as usize]) / 1000.0);
        Self { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1.0) }
    }
}

/// Three digits after the point say all that these measurements know.
pub fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Prints the record and, if there is a file, appends it there.
pub fn keep(record: &Record, file: Option<&Path>) -> Result<()> {
    let line = serde_json::to_string(record)?;
    println!("{line}");
    let Some(path) = file else { return Ok(()) };
    let mut file = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    writeln!(file, "{line}").with_context(|| format!("cannot write {}", path.display()))
}

pub fn read(path: &Path) -> Result<Vec<Record>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let parse = |(at, line)| {
        serde_json::from_str(line).with_context(|| format!("{} line {}: not ours", path.display(), at + 1))
    };
    text.lines().enumerate().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact() {
        let mut micros: Vec<u32> = (1..=101).rev().map(|ms| ms * 1000).collect();
        let latency = Latency::of(&mut micros);
        assert_eq!((latency.p50, latency.p95, latency.p99, latency.max), (51.0, 96.0, 100.0, 101.0));
        assert_eq!(Latency::of(&mut []).p50, 0.0);
    }
}
