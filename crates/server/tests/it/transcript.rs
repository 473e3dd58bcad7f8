//! Recorded exchanges of a real Better Auth server, replayed here and compared as supersets.
//!
//! A recording is the wire as its clients know it. Every step is sent as it was recorded, and our answer must
//! hold everything the recorded answer holds; it may hold more. Where we differ on purpose, `stricter.rs`
//! says what we answer and why, and that is checked just the same.

pub(crate) mod amendment;
pub(crate) mod exchange;
pub(crate) mod likeness;
mod scenes;
pub(crate) mod stage;
mod stricter;

use axum::http::{HeaderMap, header};
use serde_json::{Value, json};

use self::{
    exchange::{Answer, assert_alike, recording},
    likeness::Bindings,
    scenes::Scene,
    stage::Stage,
    stricter::STRICTER,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts/better-auth");

async fn replay(scene: Scene) {
    let recording = recording(FOLDER, scene.file);
    let mut stage = Stage::set(&scene).await;
    for (at, step) in recording["steps"].as_array().unwrap().iter().enumerate() {
        let number = at + 1;
        stage.prepare(&scene, number).await;
        let answer = stage.send(&step["request"]).await;
        let row = amendment::row(STRICTER, scene.file, number);
        let complaints = amendment::judge(row, &step["response"], &mut stage.bindings, |recorded, known| {
            complaints(recorded, &answer, known)
        });
        let note = step["note"].as_str().unwrap_or_default();
        let at = format!("{} step {number} {note}", scene.file);
        assert_alike(&at, &step["request"], &complaints, &answer);
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
