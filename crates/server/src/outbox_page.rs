//! `/dev/outbox`: the mails of a demonstration, where a newcomer can read them. Never served otherwise.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use crate::{
    config::Mail,
    ctx::Ctx,
    delivery::sink::{Sink, SinkLetter},
};

const SHOWN: usize = 50;
const STYLE: &str = include_str!("../../../assets/demo.css");
/// One stylesheet of our own and nothing else: a letter cannot bring anything along.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "dev/outbox.html")]
struct Outbox {
    letters: Vec<SinkLetter>,
}

/// A stretch of a letter's text.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Plain(&'a str),
    Link(&'a str),
}

/// The text in order, with the links to this machine or elsewhere as pieces of their own.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = ["http://", "https://"].iter().filter_map(|scheme| rest.find(scheme)).min() {
        let (before, from) = rest.split_at(at);
        let end = from.find(char::is_whitespace).unwrap_or(from.len());
        let (link, after) = from.split_at(end);
        pieces.extend([Piece::Plain(before), Piece::Link(link)]);
        rest = after;
    }
    pieces.push(Piece::Plain(rest));
    pieces
}

pub(crate) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

pub(crate) async fn outbox(State(ctx): State<Arc<Ctx>>) -> Response {
    let Mail::Sink(dir) = &ctx.config.mail else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let letters = Sink::open(dir).and_then(|sink| sink.recent(SHOWN)).unwrap_or_default();
    match (Outbox { letters }).render() {
        Ok(page) => ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use countersign_core::time::Timestamp;

    use super::*;

    fn page(text: &str) -> String {
        let letter = SinkLetter {
            at: Timestamp::from_seconds(1_800_000_000),
            to: "a@example.com".to_owned(),
            subject: "<b>Hello</b>".to_owned(),
            text: text.to_owned(),
        };
        Outbox { letters: vec![letter] }.render().unwrap()
    }

    #[test]
    fn links_can_be_followed_and_nothing_else_is_markup() {
        let page = page("Open\nhttp://localhost:8080/x?a=1&b=\"2\"\n<script>alert(1)</script>");
        assert!(page.contains("<a href=\"http://localhost:8080/x?a=1&#38;b=&#34;2&#34;\">"), "{page}");
        assert!(!page.contains("<script>") && !page.contains("<b>Hello"), "{page}");
    }

    #[test]
    fn a_text_comes_back_whole() {
        for text in ["", "plain", "https://a.example", "see https://a.example/ and http://b.example\nend"] {
            let joined: String = pieces(text)
                .iter()
                .map(|piece| match piece {
                    Piece::Plain(text) | Piece::Link(text) => *text,
                })
                .collect();
            assert_eq!(joined, text);
        }
        assert_eq!(pieces("https://a.example")[1], Piece::Link("https://a.example"));
    }

    #[test]
    fn an_empty_outbox_says_so() {
        assert!(Outbox { letters: Vec::new() }.render().unwrap().contains("Nothing yet"));
    }
}
