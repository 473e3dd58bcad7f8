//! CPU time and memory of processes, as `/proc` tells them.

use std::fs;

/// Ticks a second in `/proc`: 100 on every Linux this runs on (it is `USER_HZ`, not the kernel's own tick).
const TICKS: f64 = 100.0;

/// Seconds of CPU the process has used, user and system.
pub fn cpu_seconds(pid: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, in brackets, may hold spaces; user and system time are fields 14 and 15 of the line.
    let after_name = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let fields: Vec<f64> = after_name.split(' ').skip(11).take(2).filter_map(|n| n.parse().ok()).collect();
    fields.iter().sum::<f64>() / TICKS
}

/// Seconds of CPU the whole machine has used; idle and waiting for the disk do not count.
pub fn machine_seconds() -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    let fields: Vec<f64> = first.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    // user nice system idle iowait irq softirq
    [0, 1, 2, 5, 6].iter().filter_map(|at| fields.get(*at)).sum::<f64>() / TICKS
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    pub resident_mb: f64,
    /// The most since the process began, or since `forget_peak`.
    pub peak_mb: f64,
}

pub fn memory(pid: u32) -> Memory {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
    };
    Memory { resident_mb: field("VmRSS:"), peak_mb: field("VmHWM:") }
}

/// Starts the peak anew. Where that is not allowed, the peak stays that of the whole life of the process.
pub fn forget_peak(pid: u32) {
    let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

#[cfg(test)]
mod tests {
    #[test]
    fn this_process_uses_memory_and_the_machine_time() {
        assert!(super::memory(std::process::id()).resident_mb > 0.5);
        assert!(super::machine_seconds() > 0.0);
        assert!(super::cpu_seconds("self") >= 0.0);
    }
}
