//! What takes the place of a recorded answer where we differ on purpose, and that it is still needed.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::likeness::Bindings;

/// `answer` is laid over the recorded one (see `amended`); with a `status` of its own it replaces it.
pub(crate) struct Stricter {
    pub file: &'static str,
    pub steps: &'static [usize],
    pub answer: &'static str,
    /// A row of the contract's list of differences, one of its rules, or a requirement SEC-nnn.
    pub why: &'static str,
}

/// What is wrong with our answer: against the recording, or against what a row puts in its place. `compare`
/// holds ours against what it is handed.
pub(crate) fn judge(
    row: Option<&Stricter>,
    recorded: &Value,
    known: &mut Bindings,
    compare: impl Fn(&Value, &mut Bindings) -> Vec<String>,
) -> Vec<String> {
    let Some(row) = row else { return compare(recorded, known) };
    if compare(recorded, &mut known.clone()).is_empty() {
        return vec![format!("STRICTER is out of date: we answer as recorded, in spite of \"{}\"", row.why)];
    }
    let instead: Value = serde_json::from_str(row.answer).unwrap();
    compare(&amended(recorded, instead), known)
}

pub(crate) fn row(rows: &'static [Stricter], file: &str, number: usize) -> Option<&'static Stricter> {
    rows.iter().find(|row| row.file == file && row.steps.contains(&number))
}

/// Another status is another answer altogether; otherwise only what is named differs.
fn amended(recorded: &Value, instead: Value) -> Value {
    if instead.get("status").is_some() {
        let mut whole = json!({ "headers": { "content-type": "application/json" } });
        overlay(&mut whole, instead);
        return whole;
    }
    let mut answer = recorded.clone();
    overlay(&mut answer, instead);
    answer
}

/// Objects merge, arrays of one length merge member by member, `null` takes a key away.
fn overlay(onto: &mut Value, from: Value) {
    match (onto, from) {
        (Value::Object(onto), Value::Object(from)) => {
            for (key, value) in from {
                if value.is_null() {
                    onto.remove(&key);
                } else {
                    overlay(onto.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (Value::Array(onto), Value::Array(from)) if onto.len() == from.len() => {
            onto.iter_mut().zip(from).for_each(|(onto, from)| overlay(onto, from));
        }
        (onto, from) => *onto = from,
    }
}

/// Every row stands for steps that are replayed, each of them once. `steps` counts those of a replayed file.
#[track_caller]
pub(crate) fn assert_rows_fit(rows: &[Stricter], steps: impl Fn(&str) -> Option<usize>) {
    let mut seen = BTreeSet::new();
    for row in rows {
        let count = steps(row.file).unwrap_or_else(|| panic!("{} is not replayed", row.file));
        for step in row.steps {
            assert!((1..=count).contains(step), "{} has no step {step}", row.file);
            assert!(seen.insert((row.file, step)), "{} step {step} has two rows", row.file);
        }
    }
}
