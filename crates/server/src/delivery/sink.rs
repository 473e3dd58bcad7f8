//! Writes messages into a directory instead of sending them: for trying things out, and for tests.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use countersign_core::time::Timestamp;
use data_encoding::BASE64;
use lettre::message::Mailbox;

use crate::{
    delivery::{Failure, Outgoing, smtp},
    fault::Fault,
};

/// A mail becomes one `.eml`, a text message one `.txt`. Names begin with the time, so they sort by it.
#[derive(Clone, Debug)]
pub struct Sink {
    dir: PathBuf,
}

/// A message as somebody who looks into the directory reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkLetter {
    pub at: Timestamp,
    pub to: String,
    pub subject: String,
    pub text: String,
}

impl Sink {
    /// Codes and links will lie there in clear, so nobody else may look in.
    pub fn open(dir: &Path) -> Result<Self, Fault> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(|error| Fault::misconfigured(format!("cannot make {}", dir.display())).because(error))?;
        Ok(Self { dir: dir.to_owned() })
    }

    pub fn put_mail(&self, from: &Mailbox, mail: &Outgoing) -> Result<(), Failure> {
        self.put(mail, "eml", &smtp::compose(from, mail)?.formatted())
    }

    pub fn put_sms(&self, sms: &Outgoing) -> Result<(), Failure> {
        self.put(sms, "txt", format!("To: {}\n\n{}\n", sms.to, sms.text.expose()).as_bytes())
    }

    /// A reader sees a whole message or none. The second copy of a message replaces the first.
    fn put(&self, message: &Outgoing, ending: &str, content: &[u8]) -> Result<(), Failure> {
        let name = format!("{:016}-{}.{ending}", message.written_at.as_micros().max(0), message.id);
        let unfinished = self.dir.join(format!(".{name}.part"));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)
            .and_then(|mut file| file.write_all(content))
            .and_then(|()| fs::rename(&unfinished, self.dir.join(&name)));
        written.map_err(|error| Failure::Unreachable(format!("cannot write into the sink: {error}")))
    }

    /// The newest `n` messages, newest first.
    pub fn recent(&self, n: usize) -> Result<Vec<SinkLetter>, Fault> {
        let unreadable = |error: io::Error| Fault::unavailable("the sink cannot be read").because(error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(unreadable)? {
            names.extend(entry.map_err(unreadable)?.file_name().into_string());
        }
        names.retain(|name| !name.starts_with('.'));
        names.sort_unstable_by(|a, b| b.cmp(a));
        Ok(names.iter().filter_map(|name| self.read(name)).take(n).collect())
    }

    /// Nothing for files that are not ours, or gone since they were listed.
    fn read(&self, name: &str) -> Option<SinkLetter> {
        let at = Timestamp::from_micros(name.split_once('-')?.0.parse().ok()?);
        let mut content = String::new();
        File::open(self.dir.join(name)).ok()?.read_to_string(&mut content).ok()?;
        match name.rsplit_once('.')?.1 {
            "eml" => read_mail(at, &content),
            "txt" => {
                let (to, text) = content.strip_prefix("To: ")?.split_once("\n\n")?;
                let text = text.trim_end().to_owned();
                Some(SinkLetter { at, to: to.to_owned(), subject: String::new(), text })
            }
            _ => None,
        }
    }
}

/// Reads back what `smtp::compose` wrote; not a parser for anybody else's mail.
fn read_mail(at: Timestamp, content: &str) -> Option<SinkLetter> {
    let (headers, body) = content.split_once("\r\n\r\n")?;
    // RFC 5322 §2.2.3: a line that begins with a space continues the one before.
    let headers = headers.replace("\r\n ", " ").replace("\r\n\t", " ");
    let header = |name: &str| headers.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let boundary = header("Content-Type")?.split("boundary=\"").nth(1)?.split('"').next()?;
    let (part_headers, part) = body.split(&format!("--{boundary}")).nth(1)?.split_once("\r\n\r\n")?;
    let text =
        if part_headers.contains("quoted-printable") { unquoted(part) } else { part.replace("\r\n", "\n") };
    let to = header("To")?;
    let to = to.rsplit_once('<').map_or(to, |(_, address)| address.trim_end_matches('>'));
    Some(SinkLetter {
        at,
        to: to.to_owned(),
        subject: decoded(header("Subject")?),
        text: text.trim().to_owned(),
    })
}

/// RFC 2045 §6.7.
fn unquoted(text: &str) -> String {
    let text = text.replace("=\r\n", "").replace("\r\n", "\n");
    let mut pieces = text.split('=');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        match piece.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&piece.as_bytes()[2..]);
            }
            None => bytes.extend_from_slice(piece.as_bytes()),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// RFC 2047, in the one form lettre writes: `=?utf-8?b?…?=`, in pieces if it is long.
fn decoded(header: &str) -> String {
    let mut text = String::new();
    let mut after_encoded = false;
    for word in header.split(' ') {
        let encoded = word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?="));
        let bytes = encoded.and_then(|word| BASE64.decode(word.as_bytes()).ok());
        // The space between two encoded words is no part of the text.
        let glued = after_encoded && bytes.is_some();
        if !text.is_empty() && !glued {
            text.push(' ');
        }
        after_encoded = bytes.is_some();
        match bytes {
            Some(bytes) => text.push_str(&String::from_utf8_lossy(&bytes)),
            None => text.push_str(word),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn outgoing(id: &str, second: i64, text: &str) -> Outgoing {
        Outgoing {
            id: id.to_owned(),
            written_at: Timestamp::from_seconds(second),
            to: "jo@example.com".to_owned(),
            recipient_name: "Jo".to_owned(),
            subject: "Your Äcmé Übersicht Größenordnung & Straßenbahnhaltestelle code".to_owned(),
            text: text.into(),
            html: "<p>…</p>".into(),
        }
    }

    #[test]
    fn what_is_put_can_be_read_newest_first() {
        let dir = tempfile::tempdir().unwrap();
        let sink = Sink::open(&dir.path().join("outbox")).unwrap();
        let from = smtp::sender("Acme <no-reply@acme.example>").unwrap();
        let link = format!("Hällo,\n\nhttps://acme.example/?token={}\n", "a=b".repeat(60));
        sink.put_mail(&from, &outgoing("b", 2, "123456\n")).unwrap();
        sink.put_mail(&from, &outgoing("a", 3, &link)).unwrap();
        sink.put_sms(&Outgoing { to: "+4915112345678".to_owned(), ..outgoing("c", 1, "654321 is it") })
            .unwrap();
        sink.put_mail(&from, &outgoing("b", 2, "123456\n")).unwrap();
        fs::write(sink.dir.join("notes.txt"), "not ours").unwrap();

        let read = sink.recent(9).unwrap();
        let seen: Vec<_> = read.iter().map(|letter| (letter.to.as_str(), letter.text.as_str())).collect();
        assert_eq!(
            seen,
            [
                ("jo@example.com", link.trim()),
                ("jo@example.com", "123456"),
                ("+4915112345678", "654321 is it")
            ]
        );
        assert_eq!(read[0].subject, outgoing("", 0, "").subject);
        assert_eq!(read[0].at, Timestamp::from_seconds(3));
        assert_eq!(sink.recent(1).unwrap(), read[..1]);
    }

    #[test]
    fn only_the_owner_may_look() {
        let dir = tempfile::tempdir().unwrap();
        let sink = Sink::open(&dir.path().join("a/b")).unwrap();
        sink.put_sms(&outgoing("c", 1, "654321")).unwrap();
        assert_eq!(fs::metadata(&sink.dir).unwrap().permissions().mode() & 0o777, 0o700);
        let files: Vec<_> = fs::read_dir(&sink.dir).unwrap().map(|entry| entry.unwrap()).collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].file_name().to_str().unwrap(), "0000000001000000-c.txt");
        assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
