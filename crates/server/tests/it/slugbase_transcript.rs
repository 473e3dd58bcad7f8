//! Recorded exchanges of a real SlugBase server, replayed here and compared as supersets.
//!
//! The rules are the contract's (§6): every recorded key of a body is there and equal, every recorded cookie is
//! set with the same attributes, the media type is the same. Where we differ on purpose, `stricter.rs` says
//! what we answer and why, and that is checked just the same.

mod scenes;
mod stage;
mod stricter;

use axum::http::HeaderMap;
use serde_json::{Value, json};

use self::{
    scenes::Scene,
    stage::{Cookie, Stage},
    stricter::STRICTER,
};
use crate::transcript::{
    amendment,
    exchange::{self, Answer, assert_alike},
    likeness::Bindings,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts/slugbase");

/// Routes of SlugBase that have nothing to do with authentication. Steps that ask for them are not sent.
const ELSEWHERE: &[&str] = &["/api/admin/", "/api/config/", "/api/dashboard/", "/api/go/"];

fn recording(file: &str) -> Value {
    let mut recording = exchange::recording(FOLDER, file);
    for step in recording["steps"].as_array_mut().unwrap() {
        if let Some(answer) = step.get_mut("response") {
            as_promised(answer);
        }
    }
    recording
}

/// What was an accident of that server's database or framework, in the form the contract asks for.
fn as_promised(answer: &mut Value) {
    // SQLite knows no booleans (superset page §5).
    for flag in ["/body/is_admin", "/body/ai_suggestions_enabled"] {
        if let Some(flag) = answer.pointer_mut(flag)
            && let Some(number) = flag.as_u64()
        {
            *flag = json!(number == 1);
        }
    }
    // Its client looks for `error` in the text, finds none and tells people that their code is wrong (§5).
    if answer["status"] == 429 {
        let sentence = answer["body"].take();
        answer["body"] = json!({ "error": sentence });
        answer["headers"]["content-type"] = json!("application/json");
    }
}

async fn replay(scene: Scene) {
    let recording = recording(scene.file);
    let mut stage = Stage::set(&recording["server"]["env"]).await;
    for (at, step) in recording["steps"].as_array().unwrap().iter().enumerate() {
        let number = at + 1;
        stage.prepare(&scene, number).await;
        // What happened to the recorded server out of band is up to the scene.
        let Some(request) = step.get("request") else { continue };
        if ELSEWHERE.iter().any(|route| request["path"].as_str().unwrap().starts_with(route)) {
            continue;
        }
        let answer = stage.send(step).await;
        let row = amendment::row(STRICTER, scene.file, number);
        let complaints =
            amendment::judge(row, &step["response"], &mut Bindings::default(), |recorded, known| {
                complaints(recorded, &answer, known)
            });
        let label = step["label"].as_str().unwrap_or_default();
        assert_alike(&format!("{} step {number} {label}", scene.file), request, &complaints, &answer);
    }
}

fn complaints(recorded: &Value, ours: &Answer, known: &mut Bindings) -> Vec<String> {
    let mut complaints = Vec::new();
    if recorded["status"] != ours.status {
        complaints.push(format!("status: recorded {}, ours {}", recorded["status"], ours.status));
    }
    compare_headers(&recorded["headers"], &ours.headers, known, &mut complaints);
    compare_cookies(&recorded["set_cookie"], ours, &mut complaints);
    // A row of STRICTER may leave the words to us.
    if let Some(body) = recorded.get("body") {
        known.compare("body", body, &ours.body, &mut complaints);
    }
    complaints
}

fn compare_headers(recorded: &Value, ours: &HeaderMap, known: &mut Bindings, complaints: &mut Vec<String>) {
    let limited = recorded["ratelimit-policy"].as_str().is_some_and(|policy| !policy.starts_with("2000;"));
    let crosses = recorded.get("access-control-allow-origin").is_some();
    for (name, value) in recorded.as_object().into_iter().flatten() {
        let counts = match name.as_str() {
            "content-type" => true,
            // The limit over everything is ours to choose.
            name if name.starts_with("ratelimit-") || name == "retry-after" => limited,
            name if name.starts_with("access-control-") => crosses,
            // The rest is its framework's.
            _ => false,
        };
        if !counts {
            continue;
        }
        let text = |value: &str| match name.as_str() {
            "content-type" => value.split(';').next().unwrap_or_default().to_owned(),
            _ => value.to_owned(),
        };
        let value = text(value.as_str().unwrap());
        match ours.get(name).map(|ours| text(ours.to_str().unwrap())) {
            None => complaints.push(format!("header {name}: recorded {value}, ours is missing")),
            Some(ours) => known.compare_text(&format!("header {name}"), &value, &ours, complaints),
        }
    }
}

/// By name, whatever their order. Values are nobody's business but the server's, apart from being none.
fn compare_cookies(recorded: &Value, ours: &Answer, complaints: &mut Vec<String>) {
    let set = stage::cookies(&ours.headers);
    for cookie in recorded.as_array().into_iter().flatten() {
        let name = cookie["name"].as_str().unwrap();
        // There it names nobody; here it is a session, and the anonymous have none (superset page §4).
        if name == stage::SESSION_ID {
            continue;
        }
        match set.iter().rfind(|ours| ours.name == name) {
            None => complaints.push(format!("cookie {name}: recorded {cookie}, ours is missing")),
            Some(ours) => {
                let recorded = Cookie::recorded(cookie);
                if !recorded.is_like(ours) {
                    complaints.push(format!("cookie {name}: recorded {recorded:?}, ours {ours:?}"));
                }
            }
        }
    }
    // A session too many is worse than one too few: none with a refusal, none before the second step.
    let refused = ours.status >= 400 || ours.body["mfa_required"] == true;
    let handed_over = |cookie: &&Cookie| {
        !cookie.value.is_empty() && [stage::TOKEN, stage::SESSION_ID].contains(&cookie.name.as_str())
    };
    if let Some(cookie) = set.iter().find(handed_over).filter(|_| refused) {
        complaints.push(format!("cookie {}: handed over with a refusal", cookie.name));
    }
}

/// The comparison, held against itself: every recorded answer is like itself, and no longer if it lacks a thing.
mod the_comparison {
    use super::*;

    /// As if our server had given the recorded answer.
    fn as_ours(recorded: &Value) -> Answer {
        let sample = |text: String| {
            let samples = [
                ("<uuid>", "018f3a3e-0000-7000-8000-000000000000"),
                ("<iso-date>", "2027-01-15T08:00:00.000Z"),
                ("<base32>", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
                ("<hex16>", "0123456789abcdef"),
                ("<user_key:4>", "abcd"),
                ("<seconds>", "900"),
            ];
            let text = text.replace("<hex64>", &"0123456789abcdef".repeat(4));
            let text = text.replace("<sb_token>", &format!("sb_{}", "x".repeat(43)));
            samples.iter().fold(text, |text, (placeholder, value)| text.replace(placeholder, value))
        };
        let mut headers = HeaderMap::new();
        for (name, value) in recorded["headers"].as_object().unwrap() {
            let value = sample(value.as_str().unwrap().to_owned());
            headers.insert(name.parse::<axum::http::HeaderName>().unwrap(), value.parse().unwrap());
        }
        for cookie in recorded["set_cookie"].as_array().unwrap() {
            let attributes =
                cookie["attributes"].as_object().unwrap().iter().map(|(name, value)| match value {
                    Value::Bool(true) => format!("; {name}"),
                    Value::String(text) => format!("; {name}={text}"),
                    other => format!("; {name}={other}"),
                });
            let attributes: String = attributes.collect();
            let line = format!(
                "{}={}{attributes}",
                cookie["name"].as_str().unwrap(),
                cookie["value"].as_str().unwrap()
            );
            // There everybody has one, here it would be a session.
            if !line.starts_with(stage::SESSION_ID) {
                headers.append("set-cookie", line.parse().unwrap());
            }
        }
        let body = serde_json::from_str(&sample(recorded["body"].to_string())).unwrap();
        Answer { status: u16::try_from(recorded["status"].as_u64().unwrap()).unwrap(), headers, body }
    }

    fn found(recorded: &Value, ours: &Answer) -> Vec<String> {
        complaints(recorded, ours, &mut Bindings::default())
    }

    #[test]
    fn every_recorded_answer_is_like_itself() {
        for scene in scenes::all() {
            for step in recording(scene.file)["steps"].as_array().unwrap() {
                let elsewhere = |path: &str| ELSEWHERE.iter().any(|route| path.starts_with(route));
                if step["request"]["path"].as_str().is_some_and(|path| !elsewhere(path)) {
                    let ours = as_ours(&step["response"]);
                    assert_eq!(
                        found(&step["response"], &ours),
                        Vec::<String>::new(),
                        "{} {step}",
                        scene.file
                    );
                }
            }
        }
    }

    #[test]
    fn what_is_missing_or_too_much_is_found() {
        let happy = recording("30_login_mfa_required");
        let asked = &happy["steps"][4]["response"];
        let lacks = |change: fn(&mut Answer)| {
            let mut ours = as_ours(asked);
            change(&mut ours);
            found(asked, &ours).len()
        };
        assert_eq!(lacks(|_| ()), 0);
        assert_eq!(lacks(|ours| ours.body["extra"] = json!(1)), 0);
        assert_eq!(lacks(|ours| ours.status = 201), 1);
        assert_eq!(lacks(|ours| ours.body = json!({})), 1);
        assert_eq!(lacks(|ours| ours.body["mfa_required"] = json!(false)), 1);
        assert_eq!(lacks(|ours| drop(ours.headers.remove("set-cookie"))), 2);
        assert_eq!(lacks(|ours| drop(ours.headers.remove("ratelimit-remaining"))), 1);
        assert_eq!(lacks(|ours| drop(ours.headers.insert("content-type", "text/html".parse().unwrap()))), 1);
        let half_a_login = |ours: &mut Answer| {
            ours.headers.append("set-cookie", "slugbase.sid=anything; Path=/; HttpOnly".parse().unwrap());
        };
        assert_eq!(lacks(half_a_login), 1);
    }
}
