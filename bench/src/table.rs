//! Results as markdown: medians over the rounds, both sides and their ratio.

use std::{collections::BTreeMap, fmt::Write};

use crate::report::{Record, Sample};

/// Two disks of which one is this much slower are not the same disk: such rows are marked.
const DISKS_DIFFER: f64 = 2.0;
/// More foreign CPU than this, in cores, makes a row doubtful.
const CROWDED: f64 = 0.25;

/// The tables and, under them, what a careful reader must know about this run.
pub fn markdown(records: &[Record], sides: [&str; 2]) -> String {
    let samples = Samples::of(records);
    let mut out = String::new();
    let (table, marks) = samples.speeds(sides);
    out += &table;
    out += &samples.login_share(records, sides);
    out += &weights(records, &samples, sides);
    out += &samples.conditions(sides);
    for mark in marks {
        let _ = writeln!(out, "- {mark}");
    }
    for record in records {
        if let Record::Note { text } = record {
            let _ = writeln!(out, "- {text}");
        }
    }
    out
}

struct Samples<'a>(Vec<&'a Sample>);

impl<'a> Samples<'a> {
    fn of(records: &'a [Record]) -> Self {
        let sample = |record: &'a Record| match record {
            Record::Sample(sample) => Some(&**sample),
            _ => None,
        };
        Self(records.iter().filter_map(sample).collect())
    }

    fn scenarios(&self) -> BTreeMap<&str, &str> {
        self.0.iter().map(|sample| (&*sample.scenario, &*sample.about)).collect()
    }

    fn pick(&self, scenario: &str, side: &str) -> Vec<&'a Sample> {
        let fits = |sample: &&&Sample| sample.scenario == scenario && sample.side == side;
        self.0.iter().filter(fits).copied().collect()
    }

    /// One row a scenario, and a sentence for each row that should not be trusted.
    fn speeds(&self, sides: [&str; 2]) -> (String, Vec<String>) {
        let [ours, peer] = sides;
        let mut marks = Vec::new();
        let mut out = format!(
            "| scenario | {ours} /s | {peer} /s | ratio | {ours} p50 / p95 / p99 ms | {peer} p50 / p95 / p99 ms | \
             {ours} CPU ms | {peer} CPU ms | ratio | errors |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
        );
        for (scenario, about) in self.scenarios() {
            let [us, them] = [self.pick(scenario, ours), self.pick(scenario, peer)];
            let speed = [&us, &them].map(|all| median(all, |sample| sample.per_second));
            let cpu = [&us, &them].map(|all| median(all, |sample| sample.cpu.server_ms_per_operation));
            let errors = [&us, &them].map(|all| all.iter().map(|sample| sample.errors).sum::<usize>());
            let _ = writeln!(
                out,
                "| {} {about} | {} | {} | {} | {} | {} | {} | {} | {} | {} / {} |",
                scenario.to_uppercase(),
                figure(speed[0]),
                figure(speed[1]),
                ratio(speed[0], speed[1]),
                latencies(&us),
                latencies(&them),
                figure(cpu[0]),
                figure(cpu[1]),
                ratio(cpu[1], cpu[0]),
                errors[0],
                errors[1]
            );
            marks.extend(doubts(scenario, [&us, &them]));
        }
        out.push('\n');
        (out, marks)
    }

    /// Logins as a share of the hashes this machine can do at most.
    fn login_share(&self, records: &[Record], [ours, _]: [&str; 2]) -> String {
        let rates: Vec<f64> = records.iter().filter_map(hash_rate).collect();
        let (Some(most), Some(logins)) =
            (middle(rates), median(&self.pick("s2", ours), |sample| sample.per_second))
        else {
            return String::new();
        };
        format!(
            "A login costs one Argon2id hash (m=19456, t=2, p=1). All cores of this machine do {} of them a \
             second and nothing else; {ours} does {} logins a second: **{:.0} %**.\n\n",
            figure(Some(most)),
            figure(Some(logins)),
            100.0 * logins / most
        )
    }

    /// Disk, rounds, connections: under which conditions the figures were taken.
    fn conditions(&self, sides: [&str; 2]) -> String {
        let mut out = String::new();
        let rounds = self.0.iter().map(|sample| sample.round).max().unwrap_or(0);
        let connections = self.0.iter().map(|sample| sample.connections).max().unwrap_or(0);
        let _ = writeln!(
            out,
            "- Medians of {rounds} rounds, {connections} connections. CPU is the server's, per operation."
        );
        for side in sides {
            let all: Vec<&Sample> = self.0.iter().filter(|sample| sample.side == side).copied().collect();
            let Some(disk) = middle(all.iter().filter_map(|sample| disk(sample)).collect()) else { continue };
            let generator = median(&all, |sample| sample.cpu.generator_cores);
            let _ = writeln!(
                out,
                "- {side}: a durable 4 KiB append took {} ms (median) around its samples; the generator used {} cores.",
                figure(Some(disk)),
                figure(generator)
            );
        }
        out
    }
}

/// How one property of a side is found among the records.
type Value<'a> = &'a dyn Fn(&str) -> Option<f64>;

/// Memory and start-up, which are properties of a server and not of a scenario.
fn weights(records: &[Record], samples: &Samples<'_>, sides: [&str; 2]) -> String {
    let idle = |side: &str| {
        middle(
            records
                .iter()
                .filter_map(|record| match record {
                    Record::Memory(reading) if reading.side == side => Some(reading.resident_mb),
                    _ => None,
                })
                .collect(),
        )
    };
    let start = |side: &str| {
        middle(
            records
                .iter()
                .filter_map(|record| match record {
                    Record::Start(start) if start.side == side => Some(start.ms.clone()),
                    _ => None,
                })
                .flatten()
                .collect(),
        )
    };
    let login_peak =
        |side: &str| samples.pick("s2", side).iter().map(|sample| sample.peak_mb).reduce(f64::max);
    let any_peak = |side: &str| {
        samples.0.iter().filter(|sample| sample.side == side).map(|sample| sample.peak_mb).reduce(f64::max)
    };
    let rows: [(&str, Value); 4] = [
        ("resident memory idle, MB", &idle),
        ("resident memory at most during concurrent logins (S2), MB", &login_peak),
        ("resident memory at most in any scenario, MB", &any_peak),
        ("start to first answer, ms", &start),
    ];
    let mut out = format!("| | {} | {} | ratio |\n|---|--:|--:|--:|\n", sides[0], sides[1]);
    for (name, value) in rows {
        let [us, them] = sides.map(value);
        let _ = writeln!(out, "| {name} | {} | {} | {} |", figure(us), figure(them), ratio(them, us));
    }
    out.push('\n');
    out
}

fn hash_rate(record: &Record) -> Option<f64> {
    if let Record::HashRate(rate) = record { Some(rate.per_second) } else { None }
}

fn doubts(scenario: &str, sides: [&Vec<&Sample>; 2]) -> Vec<String> {
    let name = scenario.to_uppercase();
    let mut doubts = Vec::new();
    let disks = sides.map(|all| middle(all.iter().filter_map(|sample| disk(sample)).collect()));
    if let [Some(us), Some(them)] = disks
        && us.max(them) > DISKS_DIFFER * us.min(them)
    {
        let [us, them] = [us, them].map(|ms| figure(Some(ms)));
        doubts.push(format!(
            "{name}: the disk changed between the sides ({us} and {them} ms a commit): run it again."
        ));
    }
    for all in sides {
        let other = median(all, |sample| sample.cpu.other_cores).filter(|other| *other > CROWDED);
        if other.is_some() {
            let (side, cores) = (&all[0].side, figure(other));
            doubts.push(format!("{name}: other programs used {cores} cores while {side} was measured."));
        }
        let kinds = all.iter().flat_map(|sample| sample.error_kinds.iter());
        doubts.extend(kinds.map(|(why, count)| format!("{name}: {count} x {why}")));
    }
    doubts
}

/// Half-way between the probes before and after.
fn disk(sample: &Sample) -> Option<f64> {
    Some((sample.disk_before?.p50_ms + sample.disk_after?.p50_ms) / 2.0)
}

fn latencies(all: &[&Sample]) -> String {
    if all.is_empty() {
        return "–".to_owned();
    }
    let part = |of: fn(&Sample) -> f64| figure(median(all, of));
    format!(
        "{} / {} / {}",
        part(|sample| sample.latency.p50),
        part(|sample| sample.latency.p95),
        part(|sample| sample.latency.p99)
    )
}

fn median(all: &[&Sample], of: fn(&Sample) -> f64) -> Option<f64> {
    middle(all.iter().map(|sample| of(sample)).collect())
}

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().saturating_sub(1) / 2)?, values.get(values.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

/// Three digits are what the measurement is worth.
fn figure(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value >= 1000.0 => {
            let whole = value.round() as u64;
            format!("{},{:03}", whole / 1000, whole % 1000)
        }
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) if value >= 0.1 => format!("{value:.2}"),
        Some(value) => format!("{value:.3}"),
    }
}

fn ratio(over: Option<f64>, under: Option<f64>) -> String {
    match (over, under) {
        (Some(over), Some(under)) if under > 0.0 => format!("{}x", figure(Some(over / under))),
        _ => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{HashRate, MemoryReading};

    fn sample(side: &str, per_second: f64) -> Record {
        let text = format!(
            r#"{{"side":"{side}","scenario":"s2","about":"full login","round":1,"connections":64,"window_s":1.0,
            "operations":1,"per_second":{per_second},"errors":0,"error_kinds":{{}},"starved":0,
            "latency":{{"p50":1.0,"p95":2.0,"p99":3.0,"max":4.0}},"steps":{{}},
            "cpu":{{"server_ms_per_operation":2.0,"server_cores":1.0,"generator_cores":0.1,"other_cores":0.0}},
            "resident_before_mb":10.0,"peak_mb":20.0,"prepared":{{"accounts_made":0,"browsers":1,"seconds":0.0}},
            "disk_before":null,"disk_after":null}}"#
        );
        Record::Sample(serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn both_sides_their_ratio_and_the_share_of_the_hashes() {
        let records = [
            sample("a", 100.0),
            sample("a", 120.0),
            sample("a", 110.0),
            sample("b", 11.0),
            Record::Memory(MemoryReading { side: "a".into(), resident_mb: 5.0 }),
            Record::HashRate(HashRate { cores: 2, per_second: 122.0 }),
        ];
        let text = markdown(&records, ["a", "b"]);
        assert!(text.contains("| S2 full login | 110 | 11.0 | 10.0x | 1.00 / 2.00 / 3.00 |"), "{text}");
        assert!(text.contains("**90 %**"), "{text}");
        assert!(text.contains("| resident memory idle, MB | 5.00 | – | – |"), "{text}");
    }

    #[test]
    fn the_middle_of_an_even_number_lies_between_two() {
        assert_eq!(middle(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(middle(vec![]), None);
    }
}
