//! What people are told by mail or text message, as facts: the wording lives in `templates/words/`.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use crate::{
    ids::WebhookId, language::Language, method::Method, secret::Secret, session::Visitor, time::Timestamp,
};

/// One message to one destination, decided inside a transaction and delivered after its commit (SEC-034).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Letter {
    pub to: Destination,
    /// As the recipient calls themselves; may be empty. Chosen by a stranger, so never trusted in a header.
    pub recipient_name: String,
    pub message: Message,
    /// After this it is not sent any more: a code that has expired only confuses.
    pub expires_at: Timestamp,
    #[serde(default)]
    pub language: Language,
    #[serde(flatten)]
    pub head: Letterhead,
}

/// How the recipient knows us, where it is not as the server itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Letterhead {
    pub sender: Option<String>,
    /// The address of a picture.
    pub logo: Option<String>,
    /// Six hexadecimal digits; white can be read on it.
    pub colour: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    Email(String),
    /// E.164: `+4915112345678`.
    Phone(String),
    /// Another program, which is told of an event.
    Webhook {
        id: WebhookId,
        url: String,
    },
}

/// Codes and links are secrets: `Debug` redacts them, and only `Letter::to_bytes` writes them out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Message {
    OneTimeCode {
        #[serde(serialize_with = "reveal")]
        code: Secret<String>,
        purpose: CodePurpose,
        /// How long the code lives, counted from its sending.
        minutes: u32,
        from: Visitor,
    },
    /// A code that is followed instead of typed.
    MagicLink {
        #[serde(serialize_with = "reveal")]
        url: Secret<String>,
        purpose: CodePurpose,
        minutes: u32,
        from: Visitor,
    },
    VerifyEmail {
        #[serde(serialize_with = "reveal")]
        url: Secret<String>,
        hours: u32,
    },
    /// Goes to the address that is to become the new one.
    ChangeEmail {
        #[serde(serialize_with = "reveal")]
        url: Secret<String>,
        new_email: String,
    },
    /// Goes to the address that is being given up (SEC-033).
    ChangeEmailNotice {
        new_email: String,
        #[serde(default, serialize_with = "reveal_some")]
        not_me: Option<Secret<String>>,
    },
    ResetPassword {
        #[serde(serialize_with = "reveal")]
        url: Secret<String>,
        minutes: u32,
    },
    DeleteAccount {
        #[serde(serialize_with = "reveal")]
        url: Secret<String>,
    },
    /// Begins a recovery.
    Recover {
        #[serde(serialize_with = "reveal")]
        url: Secret<String>,
        minutes: u32,
        from: Visitor,
    },
    /// How a recovery stands. While it is open, with the means to stop it.
    Recovery {
        what: RecoveryNews,
        links: Option<RecoveryLinks>,
        /// From when on it can be completed.
        ready_at: Timestamp,
        /// Where it was begun.
        from: Visitor,
        at: Timestamp,
    },
    /// A second factor will be required, and the reader has none that counts.
    SecondFactorDue {
        from: Timestamp,
        #[serde(serialize_with = "reveal")]
        url: Secret<String>,
    },
    /// An event for a webhook, as JSON; nobody reads it in words.
    Event { body: String },
    /// Something happened to the account (SEC-109).
    Notice {
        what: Notice,
        from: Visitor,
        at: Timestamp,
        /// The account is an application's: nobody signs in here to put it right.
        #[serde(default)]
        external: bool,
        /// Where its reader says that it was not them, which ends what opens the account.
        #[serde(default, serialize_with = "reveal_some")]
        not_me: Option<Secret<String>>,
    },
}

/// What the code is good for, said in the message so that nobody can be talked into another use (SEC-035).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodePurpose {
    SignIn,
    VerifyEmail,
    ResetPassword,
    /// Switching on codes by mail or text message.
    Enrol,
    /// Proving oneself again before a change.
    StepUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    AuthenticatorAdded {
        method: Method,
    },
    AuthenticatorRemoved {
        method: Method,
    },
    /// Two devices hold one passkey's key; it opens nothing any more.
    PasskeyCloned,
    BackupCodeUsed {
        left: u32,
    },
    BackupCodesRenewed,
    TrustedDeviceAdded,
    /// A trusted device's old value came again, so a copy exists; the device is trusted no longer.
    TrustedDeviceStolen,
    /// An administrator took every factor away.
    SecondFactorReset,
    ApiKeyAdded,
    /// A refresh token came twice, so a copy exists; the session ended.
    SessionStolen,
    /// The application that keeps the account gave another address.
    MailboxReplaced,
    PasswordChanged,
    /// Somebody showed that the address is theirs, which whoever had set the password never did.
    PasswordRemoved,
    /// The password was right, the second factor was not: somebody may know the password.
    SecondFactorFailed,
    /// Too many wrong answers in a row: the account waits.
    GuessesBlocked,
    /// Somebody said of another notice that it was not them.
    EverythingEnded {
        /// The password went as well.
        password_too: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryNews {
    Begun,
    /// An administrator wants the wait shortened; another must agree first.
    ShorteningAsked,
    Shortened,
    Ready,
    Vetoed,
    Completed,
}

/// Neither completes a recovery: they go to every channel, and not every channel is the owner's alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecoveryLinks {
    #[serde(serialize_with = "reveal")]
    pub stop: Secret<String>,
    #[serde(serialize_with = "reveal")]
    pub status: Secret<String>,
}

impl Letter {
    /// The payload that is sealed into the outbox: the one place where a code or link is written out.
    pub fn to_bytes(&self) -> Secret<Vec<u8>> {
        // Large enough that the buffer rarely moves: what a moved buffer leaves behind is not wiped.
        let mut bytes = Vec::with_capacity(4_096);
        serde_json::to_writer(&mut bytes, self).expect("a letter has only string keys and finite numbers");
        Secret::new(bytes)
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        serde_json::from_slice(bytes).map_err(|_| Unreadable)
    }
}

/// The payload is no letter. Says no more: a parser's complaint quotes what it read (SEC-111).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the payload is not a letter")
    }
}

impl std::error::Error for Unreadable {}

fn reveal<S: Serializer>(secret: &Secret<String>, output: S) -> Result<S::Ok, S::Error> {
    output.serialize_str(secret.expose())
}

fn reveal_some<S: Serializer>(secret: &Option<Secret<String>>, output: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(user_agent: &str) -> Visitor {
        Visitor { ip: "203.0.113.9".to_owned(), user_agent: user_agent.to_owned(), language: None }
    }

    fn letter(message: Message) -> Letter {
        Letter {
            to: Destination::Email("jo@example.com".to_owned()),
            recipient_name: "Jo".to_owned(),
            message,
            expires_at: Timestamp::from_seconds(600),
            language: Language::default(),
            head: Letterhead::default(),
        }
    }

    #[test]
    fn a_letter_survives_the_payload() {
        let sent = letter(Message::OneTimeCode {
            code: "123456".into(),
            purpose: CodePurpose::SignIn,
            minutes: 5,
            from: visitor("curl/8"),
        });
        let read = Letter::from_bytes(sent.to_bytes().expose()).unwrap();
        assert_eq!((&read.to, read.expires_at), (&sent.to, sent.expires_at));
        let Message::OneTimeCode { code, minutes: 5, .. } = read.message else { panic!("another message") };
        assert_eq!(code.expose(), "123456");
        // As a version wrote it that knew no letterhead.
        let mut old: serde_json::Value = serde_json::from_slice(sent.to_bytes().expose()).unwrap();
        for member in ["sender", "logo", "colour"] {
            old.as_object_mut().unwrap().remove(member).unwrap();
        }
        assert!(Letter::from_bytes(&serde_json::to_vec(&old).unwrap()).unwrap().head.sender.is_none());
    }

    #[test]
    fn debug_shows_neither_code_nor_link() {
        let url = || Secret::from("https://id.example.com/s3cr3t");
        let messages = [
            Message::OneTimeCode {
                code: "s3cr3t".into(),
                purpose: CodePurpose::StepUp,
                minutes: 5,
                from: visitor(""),
            },
            Message::VerifyEmail { url: url(), hours: 1 },
            Message::ChangeEmail { url: url(), new_email: "new@example.com".to_owned() },
            Message::ResetPassword { url: url(), minutes: 10 },
            Message::DeleteAccount { url: url() },
            Message::SecondFactorDue { from: Timestamp::from_seconds(0), url: url() },
            Message::Recover { url: url(), minutes: 60, from: visitor("") },
            Message::ChangeEmailNotice { new_email: "new@example.com".to_owned(), not_me: Some(url()) },
            Message::Notice {
                what: Notice::PasswordChanged,
                from: visitor(""),
                at: Timestamp::from_seconds(0),
                external: false,
                not_me: Some(url()),
            },
            Message::Recovery {
                what: RecoveryNews::Begun,
                links: Some(RecoveryLinks { stop: url(), status: url() }),
                ready_at: Timestamp::from_seconds(0),
                from: visitor(""),
                at: Timestamp::from_seconds(0),
            },
        ];
        for message in messages {
            let letter = letter(message);
            assert!(!format!("{letter:?} {:?}", letter.to_bytes()).contains("s3cr3t"));
        }
    }

    #[test]
    fn a_damaged_payload_is_refused_without_being_quoted() {
        let error =
            Letter::from_bytes(br#"{"to":{"email":"jo@example.com"},"message":"123456"}"#).unwrap_err();
        assert_eq!(error.to_string(), "the payload is not a letter");
    }
}
