//! Recorded exchanges of a real Better Auth server, replayed here and compared as supersets.
//!
//! A recording is the wire as its clients know it. Every step is sent as it was recorded, and our answer must
//! hold everything the recorded answer holds; it may hold more. Where we differ on purpose, `stricter.rs`
//! says what we answer and why, and that is checked just the same.

mod likeness;
mod scenes;
mod stage;
mod stricter;

use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

use self::{likeness::Bindings, scenes::Scene, stage::Stage, stricter::STRICTER};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts/better-auth");

/// An answer as it came, with the difference between an empty body and a `null` that clients rely on.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    /// `""` if there was none.
    body: Value,
}

fn recording(file: &str) -> Value {
    let text = std::fs::read_to_string(format!("{FOLDER}/{file}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

async fn replay(scene: Scene) {
    let recording = recording(scene.file);
    let mut stage = Stage::set(&scene).await;
    for (at, step) in recording["steps"].as_array().unwrap().iter().enumerate() {
        let number = at + 1;
        stage.prepare(&scene, number).await;
        let answer = stage.send(&step["request"]).await;
        let complaints = judge((scene.file, number), &step["response"], &answer, &mut stage.bindings);
        assert!(
            complaints.is_empty(),
            "\n{} step {number} {}\n  {} {} {}\n  {}\nanswered {answer:#?}",
            scene.file,
            step["note"].as_str().unwrap_or_default(),
            step["request"]["method"].as_str().unwrap_or_default(),
            step["request"]["path"].as_str().unwrap_or_default(),
            step["request"]["body"],
            complaints.join("\n  "),
        );
    }
}

/// What is wrong with an answer: against the recording, or against what `STRICTER` puts in its place.
fn judge(
    (file, number): (&str, usize),
    recorded: &Value,
    ours: &Answer,
    known: &mut Bindings,
) -> Vec<String> {
    let Some(row) = STRICTER.iter().find(|row| row.file == file && row.steps.contains(&number)) else {
        return complaints(recorded, ours, known);
    };
    if complaints(recorded, ours, &mut known.clone()).is_empty() {
        return vec![format!("STRICTER is out of date: we answer as recorded, in spite of \"{}\"", row.why)];
    }
    let instead: Value = serde_json::from_str(row.answer).unwrap();
    complaints(&amended(recorded, instead), ours, known)
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

/// Headers that hand something over or send a browser somewhere: one too many is as wrong as one missing.
const TELLING: &[&str] = &["set-auth-token", "set-auth-jwt", "location"];

fn complaints(recorded: &Value, ours: &Answer, known: &mut Bindings) -> Vec<String> {
    let mut complaints = Vec::new();
    if recorded["status"] != ours.status {
        complaints.push(format!("status: recorded {}, ours {}", recorded["status"], ours.status));
    }
    compare_headers(&recorded["headers"], &ours.headers, known, &mut complaints);
    compare_cookies(&recorded["set-cookie"], &ours.headers, known, &mut complaints);
    known.compare("body", &recorded["body"], &ours.body, &mut complaints);
    if recorded["status"] == 404 && recorded["body"] == "" && ours.headers.contains_key(header::CONTENT_TYPE)
    {
        complaints.push("an empty 404 has no content type".to_owned());
    }
    complaints
}

fn compare_headers(recorded: &Value, ours: &HeaderMap, known: &mut Bindings, complaints: &mut Vec<String>) {
    let text = |name: &str| ours.get(name).map(|value| value.to_str().unwrap().to_owned());
    for (name, value) in recorded.as_object().into_iter().flatten() {
        let value = value.as_str().unwrap();
        match text(name) {
            None => complaints.push(format!("header {name}: recorded {value}, ours is missing")),
            Some(exposed) if name == "access-control-expose-headers" => {
                let exposed: Vec<_> = exposed.split(", ").collect();
                if !value.split(", ").all(|one| exposed.contains(&one)) {
                    complaints.push(format!("header {name}: recorded {value}, ours {exposed:?}"));
                }
            }
            Some(other) => known.compare_text(&format!("header {name}"), value, &other, complaints),
        }
    }
    for name in TELLING.iter().filter(|name| recorded.get(**name).is_none()) {
        if let Some(value) = text(name) {
            complaints.push(format!("header {name}: not recorded, ours {value}"));
        }
    }
}

/// All lines, in their order: a deletion before or after a new value makes the difference (contract §3).
fn compare_cookies(recorded: &Value, ours: &HeaderMap, known: &mut Bindings, complaints: &mut Vec<String>) {
    let ours = stage::cookies(ours);
    let recorded: Vec<&Value> = recorded.as_array().into_iter().flatten().collect();
    let names: Vec<&str> = recorded.iter().map(|cookie| cookie["name"].as_str().unwrap()).collect();
    if names != ours.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>() {
        complaints.push(format!("cookies: recorded {names:?}, ours {ours:#?}"));
        return;
    }
    for (cookie, (name, value, attributes)) in recorded.iter().zip(ours) {
        if cookie["attributes"] != json!(attributes) {
            complaints.push(format!("cookie {name}: recorded {}, ours {attributes:?}", cookie["attributes"]));
        }
        let recorded = cookie["value"].as_str().unwrap().replace("<urlencoded:", "<");
        known.compare_text(&format!("cookie {name}"), &recorded, &value, complaints);
    }
}
