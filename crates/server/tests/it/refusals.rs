//! Every refusal in every dialect, as it goes out: one line each, compared with `refusals/<dialect>.txt`.
//!
//! `UPDATE_REFUSALS=1` writes the files anew; the diff is for a person to read.

use std::fmt::Write;

use countersign::dialects::{self, Dialect};
use countersign_core::denied::Denied;
use http_body_util::BodyExt;
use serde_json::Value;

use crate::world::World;

#[tokio::test]
async fn every_refusal_is_the_one_that_was_agreed() {
    let world = World::new().await;
    for dialect in dialects::ALL {
        let path = format!("{}/tests/it/refusals/{}.txt", env!("CARGO_MANIFEST_DIR"), dialect.name);
        let now = refusals(&world, dialect).await;
        if std::env::var_os("UPDATE_REFUSALS").is_some() {
            std::fs::write(&path, &now).unwrap();
        }
        let agreed = std::fs::read_to_string(&path).unwrap_or_default();
        let differing = now.lines().zip(agreed.lines()).filter(|(now, agreed)| now != agreed);
        for (now, agreed) in differing {
            println!("agreed {agreed}\nnow    {now}\n");
        }
        assert!(now == agreed, "{path} says otherwise: run with UPDATE_REFUSALS=1 and read the diff");
    }
}

/// Situations that answer alike share a line.
async fn refusals(world: &World, dialect: &Dialect) -> String {
    let mut lines = String::new();
    for denied in Denied::samples() {
        let mut answers: Vec<(Vec<String>, String)> = Vec::new();
        for (asking, response) in (dialect.refuse)(&world.ctx, &denied).unwrap() {
            let (parts, body) = response.into_parts();
            let mut answer = parts.status.as_str().to_owned();
            let body: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
            write!(answer, " {body}").unwrap();
            for (name, value) in &parts.headers {
                if name != "content-type" {
                    write!(answer, " {name}: {}", value.to_str().unwrap()).unwrap();
                }
            }
            match answers.iter_mut().find(|(_, other)| *other == answer) {
                Some((askings, _)) => askings.push(asking),
                None => answers.push((vec![asking], answer)),
            }
        }
        let alike = answers.len() == 1;
        for (askings, answer) in answers {
            let when = if alike { String::new() } else { format!(" [{}]", askings.join(" ")) };
            writeln!(lines, "{denied:?}{when} -> {answer}").unwrap();
        }
    }
    lines
}
