//! The courier.
pub mod render;
pub mod sms;
pub mod smtp;
use countersign_core::{secret::Secret, time::Timestamp};
/// One message in words, ready to go. For a text message only `id`, `to` and `text` count.
pub struct Outgoing {
    /// The outbox row's, the same at every attempt.
    pub id: String,
    pub written_at: Timestamp,
    pub to: String,
    pub recipient_name: String,
    pub subject: String,
    pub text: Secret<String>,
    pub html: Secret<String>,
}
/// Why a message was not taken, in words that say nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    Unreachable(String),
    Later(String),
    Never(String),
}
