//! Sends mail over SMTP, on a few connections that stay open.
//!
//! The connections are kept here and not in lettre's own pool (0.11): that one takes a connection back
//! when a send is cancelled half way, and the next mail then reads the answers to the one before it. Nor
//! has it a time limit for answers. Here a connection is kept only after an answered mail.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use countersign_core::secret::Secret;
use lettre::{
    Address, Message,
    message::{
        Body, Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, TlsParameters},
        extension::ClientId,
    },
};
use percent_encoding::percent_decode_str;
use tokio::{net::TcpStream, time::Instant};
use url::Url;

use crate::{
    delivery::{Failure, Outgoing, render},
    fault::Fault,
};

/// Connections kept open between mails.
const IDLE_MAX: usize = 4;
/// Servers hang up on the silent after minutes; we do so first.
const IDLE_FOR: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub struct Smtp {
    host: String,
    port: u16,
    security: Security,
    credentials: Option<Credentials>,
    from: Mailbox,
    idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

/// What happens before the first mail command.
enum Security {
    /// Nothing: allowed towards this very machine only.
    Plain,
    /// STARTTLS if the server offers it: safe from eavesdroppers, not from somebody in the middle.
    Opportunistic(TlsParameters),
    Starttls(TlsParameters),
    /// TLS from the first byte (RFC 8314).
    Implicit(TlsParameters),
}

impl Smtp {
    /// `smtp://user:password@host:587?tls=required|opportunistic|none` or `smtps://user:password@host:465`.
    /// No fault quotes the URL: it holds a password.
    pub fn open(url: &Secret<String>, from: &str) -> Result<Self, Fault> {
        let url = Url::parse(url.expose())
            .map_err(|error| Fault::misconfigured("the SMTP URL cannot be read").because(error))?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        if host.is_empty() {
            return Err(Fault::misconfigured("the SMTP URL names no host"));
        }
        let security = security(&url, &host)?;
        let port = url.port().unwrap_or(match security {
            Security::Plain => 25,
            Security::Opportunistic(_) | Security::Starttls(_) => 587,
            Security::Implicit(_) => 465,
        });
        let from = sender(from)?;
        Ok(Self { credentials: credentials(&url)?, idle: Mutex::default(), host, port, security, from })
    }

    /// One mail. Cancelling this closes its connection.
    pub async fn send(&self, mail: &Outgoing) -> Result<(), Failure> {
        let message = compose(&self.from, mail)?;
        let mut connection = match self.kept().await {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.send(message.envelope(), &message.formatted()).await.map_err(|error| refusal(&error))?;
        self.keep(connection);
        Ok(())
    }

    async fn kept(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let (mut connection, since) = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if since.elapsed() < IDLE_FOR && connection.test_connected().await {
                return Some(connection);
            }
        }
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|(_, since)| since.elapsed() < IDLE_FOR);
        if idle.len() < IDLE_MAX {
            idle.push((connection, Instant::now()));
        }
    }

    /// Whatever goes wrong here is no mail's fault: the server is out of reach or our account is wrong.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let lost = |error| Failure::Unreachable(describe("no connection", &error));
        let hello = ClientId::default();
        let server = (self.host.as_str(), self.port);
        let mut connection = match &self.security {
            Security::Implicit(tls) => {
                let tls = Some(tls.clone());
                AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT_TIMEOUT), &hello, tls, None).await
            }
            Security::Plain | Security::Opportunistic(_) | Security::Starttls(_) => {
                let stream = TcpStream::connect(server).await;
                let stream =
                    stream.map_err(|error| Failure::Unreachable(format!("no connection: {error}")))?;
                // A mail ends in a write of five bytes that would wait 40 ms for an acknowledgement.
                stream.set_nodelay(true).ok();
                AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await
            }
        }
        .map_err(lost)?;
        match &self.security {
            Security::Starttls(tls) => connection.starttls(tls.clone(), &hello).await.map_err(lost)?,
            Security::Opportunistic(tls) if connection.can_starttls() => {
                connection.starttls(tls.clone(), &hello).await.map_err(lost)?;
            }
            Security::Plain | Security::Opportunistic(_) | Security::Implicit(_) => {}
        }
        if let Some(credentials) = &self.credentials {
            if !connection.is_encrypted() && !is_loopback(&self.host) {
                return Err(Failure::Unreachable("no TLS offered: the password stays here".to_owned()));
            }
            let login = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            login.map_err(|error| Failure::Unreachable(describe("login refused", &error)))?;
        }
        Ok(connection)
    }
}

/// The whole mail as it travels. Its Message-ID comes from the outbox, so that a mail that is sent twice,
/// because the answer to the first was lost, can be recognised as one.
pub fn compose(from: &Mailbox, mail: &Outgoing) -> Result<Message, Failure> {
    let address: Address =
        mail.to.parse().map_err(|_| Failure::Never("the address is not one for mail".to_owned()))?;
    let to = Mailbox::new(render::plausible_name(&mail.recipient_name), address);
    let since_1970 = u64::try_from(mail.written_at.as_micros()).unwrap_or(0);
    let automatic =
        HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    Message::builder()
        .from(from.clone())
        .to(to)
        .subject(render::one_line(&mail.subject))
        .date(UNIX_EPOCH + Duration::from_micros(since_1970))
        .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
        .raw_header(automatic)
        .multipart(
            MultiPart::alternative()
                .singlepart(part(ContentType::TEXT_PLAIN, mail.text.expose()))
                .singlepart(part(ContentType::TEXT_HTML, mail.html.expose())),
        )
        .map_err(|error| Failure::Never(format!("the mail cannot be written: {error}")))
}

/// Plain seven-bit text where that is possible, so that a code can be found with `grep`.
fn part(content_type: ContentType, text: &str) -> SinglePart {
    let body = Body::new_with_encoding(text.to_owned(), ContentTransferEncoding::SevenBit)
        .or_else(|_| Body::new_with_encoding(text.to_owned(), ContentTransferEncoding::QuotedPrintable))
        .unwrap_or_else(|_| Body::new(text.to_owned()));
    SinglePart::builder().header(content_type).body(body)
}

/// `Acme <no-reply@acme.example>` or a bare address.
pub fn sender(from: &str) -> Result<Mailbox, Fault> {
    let unfit = || Fault::misconfigured(format!("cannot send mail from {from:?}"));
    if from.chars().any(char::is_control) {
        return Err(unfit());
    }
    from.parse().map_err(|error| unfit().because(error))
}

fn security(url: &Url, host: &str) -> Result<Security, Fault> {
    let tls = || {
        TlsParameters::new(host.to_owned())
            .map_err(|error| Fault::misconfigured("TLS towards the SMTP server").because(error))
    };
    let wish = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
    match (url.scheme(), wish.as_deref()) {
        ("smtps", None | Some("required")) => Ok(Security::Implicit(tls()?)),
        ("smtp", None) if is_loopback(host) => Ok(Security::Plain),
        ("smtp", None | Some("required")) => Ok(Security::Starttls(tls()?)),
        ("smtp", Some("opportunistic")) => Ok(Security::Opportunistic(tls()?)),
        ("smtp", Some("none")) if is_loopback(host) => Ok(Security::Plain),
        ("smtp", Some("none")) => {
            Err(Fault::misconfigured("SMTP without TLS is for a server on this machine only"))
        }
        ("smtp" | "smtps", Some(_)) => {
            Err(Fault::misconfigured("the SMTP URL's tls is none of required, opportunistic, none"))
        }
        _ => Err(Fault::misconfigured("the SMTP URL starts with neither smtp:// nor smtps://")),
    }
}

fn credentials(url: &Url) -> Result<Option<Credentials>, Fault> {
    let decode = |part: &str| {
        let text = percent_decode_str(part).decode_utf8();
        text.map(|text| text.into_owned())
            .map_err(|_| Fault::misconfigured("the SMTP user or password is not UTF-8"))
    };
    match (url.username(), url.password()) {
        ("", _) => Ok(None),
        (user, password) => Ok(Some(Credentials::new(decode(user)?, decode(password.unwrap_or_default())?))),
    }
}

pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// Sorts the server's answers: 5xx is about this mail, 4xx about this moment, silence about the server.
fn refusal(error: &lettre::transport::smtp::Error) -> Failure {
    let why = describe("not accepted", error);
    match error.status().map(u16::from) {
        // "Closing", "try later" for everyone, and every way to say that our login is not good enough.
        Some(421 | 530..=539) => Failure::Unreachable(why),
        Some(500..) => Failure::Never(why),
        Some(_) => Failure::Later(why),
        None if error.is_client() => Failure::Never(why),
        None => Failure::Unreachable(why),
    }
}

/// The reply code, or the kind of trouble. Never the server's words: they may quote the mail (SEC-111).
fn describe(what: &str, error: &lettre::transport::smtp::Error) -> String {
    match error.status() {
        Some(code) => format!("{what}: {code}"),
        None if error.is_tls() => format!("{what}: TLS"),
        None if error.is_timeout() => format!("{what}: timeout"),
        None if error.is_client() => format!("{what}: {error}"),
        None => format!("{what}: the connection broke"),
    }
}

#[cfg(test)]
mod tests {
    use countersign_core::time::Timestamp;

    use super::*;
    use crate::fault::FaultKind;

    fn outgoing(to: &str, name: &str, subject: &str) -> Outgoing {
        Outgoing {
            id: "0192f0".to_owned(),
            written_at: Timestamp::from_seconds(1_700_000_000),
            to: to.to_owned(),
            recipient_name: name.to_owned(),
            subject: subject.to_owned(),
            text: "Here it is:\n\n123456\n".into(),
            html: "<p>123456</p>".into(),
        }
    }

    fn opened(url: &str) -> Result<Smtp, Fault> {
        Smtp::open(&Secret::from(url), "Acme <no-reply@acme.example>")
    }

    #[test]
    fn a_mail_is_complete_and_recognisable() {
        let from = sender("Acme <no-reply@acme.example>").unwrap();
        let message = compose(&from, &outgoing("jo@example.com", "Jo", "Your Acme code")).unwrap();
        let mail = String::from_utf8(message.formatted()).unwrap();
        for line in [
            "From: Acme <no-reply@acme.example>\r\n",
            "To: Jo <jo@example.com>\r\n",
            "Subject: Your Acme code\r\n",
            "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n",
            "Message-ID: <0192f0@acme.example>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Type: multipart/alternative;",
            "\r\n123456\r\n",
        ] {
            assert!(mail.contains(line), "{line:?} in {mail}");
        }
    }

    /// SEC-035: one recipient, whatever the name and the subject say.
    #[test]
    fn nothing_slips_into_a_header() {
        let from = sender("no-reply@acme.example").unwrap();
        let mail = outgoing("jo@example.com", "a\r\nBcc: x@y", "hello\r\nBcc: x@y");
        let message = compose(&from, &mail).unwrap();
        assert_eq!(message.envelope().to().len(), 1);
        let mail = String::from_utf8(message.formatted()).unwrap();
        assert!(!mail.contains("\nBcc"), "{mail}");
        assert!(sender("Acme\r\nBcc: x@y <a@b.example>").is_err());
        for address in ["jo@example.com\r\nRCPT TO:<x@y>", "jo@example.com, x@y", "jo", ""] {
            let refused = compose(&from, &outgoing(address, "Jo", "hello"));
            assert!(matches!(refused, Err(Failure::Never(_))), "{address:?}");
        }
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_clear() {
        assert!(matches!(opened("smtp://localhost:2525").unwrap().security, Security::Plain));
        assert!(matches!(opened("smtp://[::1]:2525?tls=none").unwrap().security, Security::Plain));
        assert!(matches!(opened("smtp://mail.example").unwrap().security, Security::Starttls(_)));
        let open = opened("smtp://mail.example?tls=opportunistic").unwrap();
        assert!(matches!(open.security, Security::Opportunistic(_)));
        let implicit = opened("smtps://jo%40acme:s3cr%3At@mail.example").unwrap();
        assert!(matches!(implicit.security, Security::Implicit(_)));
        assert_eq!(implicit.port, 465);
        assert!(implicit.credentials == Some(Credentials::new("jo@acme".to_owned(), "s3cr:t".to_owned())));
        for url in [
            "smtp://u:s3cr3t@mail.example?tls=none",
            "smtp://u:s3cr3t@127.0.0.1.evil.example?tls=none",
            "smtp://u:s3cr3t@mail.example?tls=maybe",
            "https://u:s3cr3t@mail.example",
            "smtp://u:s3cr3t@:99999",
            "s3cr3t",
        ] {
            let fault = opened(url).err().unwrap();
            assert_eq!(fault.kind, FaultKind::Misconfigured, "{url}");
            assert!(!fault.to_string().contains("s3cr3t"), "{fault}");
        }
    }
}
