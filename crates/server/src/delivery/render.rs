//! Words for messages: fills the templates under `templates/mail/`.
//!
//! The first line of a mail template is its subject, the rest its text. The HTML is laid out from the
//! text, so the two cannot say different things.

use std::net::IpAddr;

use askama::Template;
use countersign_core::{
    message::{CodePurpose, Letter, Message, Notice, RecoveryLinks, RecoveryNews},
    method::Method,
    secret::Secret,
    session::Visitor,
    time::Timestamp,
};

use crate::fault::Fault;

/// A mail in words. Subjects carry no secret: they show on locked screens and in the logs of mail servers.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub subject: String,
    pub text: Secret<String>,
    pub html: Secret<String>,
}

pub fn mail(app: &str, letter: &Letter) -> Result<Sheet, Fault> {
    let page = fill(app, letter)?;
    let (subject, text) = page.split_once("\n\n").unwrap_or((&page, ""));
    let subject = one_line(subject);
    let secrets = secrets_of(&letter.message);
    let paragraphs = text
        .split("\n\n")
        .map(str::trim)
        .map(|paragraph| match secrets.iter().find(|secret| secret.text() == paragraph) {
            Some(SecretPart::Code(_)) => Paragraph::Code(paragraph),
            Some(SecretPart::Link(_, action)) => Paragraph::Link { url: paragraph, action },
            None => Paragraph::Prose(paragraph.replace('\n', " ")),
        })
        .collect();
    let html = wording(&LetterHtml { subject: &subject, paragraphs })?;
    Ok(Sheet { text: Secret::new(format!("{}\n", text.trim())), html: Secret::new(html), subject })
}

/// One short message: most phones show about 160 characters.
pub fn sms(app: &str, letter: &Letter) -> Result<Secret<String>, Fault> {
    let text = match (&letter.message, secrets_of(&letter.message).first()) {
        (Message::OneTimeCode { code, purpose, minutes, from }, _) => wording(&SmsCodeText {
            app,
            code: code.expose(),
            purpose: *purpose,
            minutes: counted(*minutes, "minute"),
            browser: from.browser(),
            ip: address(from),
        })?,
        (_, Some(SecretPart::Link(url, _))) => {
            wording(&SmsLinkText { headline: &mail(app, letter)?.subject, url: url.expose() })?
        }
        _ => wording(&SmsNoticeText { headline: &mail(app, letter)?.subject })?,
    };
    Ok(Secret::new(text.trim().to_owned()))
}

/// Subject and text in one page.
fn fill(app: &str, letter: &Letter) -> Result<String, Fault> {
    let greeting = greeting(&letter.recipient_name);
    match &letter.message {
        Message::OneTimeCode { code, purpose, minutes, from } => wording(&CodeText {
            app,
            greeting,
            code: code.expose(),
            purpose: *purpose,
            minutes: counted(*minutes, "minute"),
            browser: from.browser(),
            ip: address(from),
        }),
        Message::MagicLink { url, purpose, minutes, from } => wording(&MagicLinkText {
            app,
            greeting,
            url: url.expose(),
            purpose: *purpose,
            minutes: counted(*minutes, "minute"),
            browser: from.browser(),
            ip: address(from),
        }),
        Message::Event { .. } => Err(Fault::internal("an event is for programs and has no words")),
        Message::VerifyEmail { url, hours } => {
            wording(&VerifyEmailText { app, greeting, url: url.expose(), hours: counted(*hours, "hour") })
        }
        Message::ChangeEmail { url, new_email } => {
            wording(&ChangeEmailText { app, greeting, url: url.expose(), new_email: one_line(new_email) })
        }
        Message::ChangeEmailNotice { new_email } => {
            wording(&ChangeEmailNoticeText { app, greeting, new_email: one_line(new_email) })
        }
        Message::ResetPassword { url, minutes } => wording(&ResetPasswordText {
            app,
            greeting,
            url: url.expose(),
            minutes: counted(*minutes, "minute"),
        }),
        Message::DeleteAccount { url } => wording(&DeleteAccountText { app, greeting, url: url.expose() }),
        Message::Recover { url, minutes, from } => wording(&RecoverText {
            app,
            greeting,
            url: url.expose(),
            minutes: counted(*minutes, "minute"),
            browser: from.browser(),
            ip: address(from),
        }),
        Message::Recovery { what, links, ready_at, from, at } => wording(&RecoveryText {
            app,
            greeting,
            what: *what,
            links: links.as_ref(),
            ready_at: minute_of(*ready_at),
            browser: from.browser(),
            ip: address(from),
            at: minute_of(*at),
        }),
        Message::Notice { what, from, at, external } => wording(&NoticeText {
            external: *external,
            app,
            greeting,
            what: *what,
            browser: from.browser(),
            ip: address(from),
            at: minute_of(*at),
        }),
    }
}

fn wording(template: &impl Template) -> Result<String, Fault> {
    template.render().map_err(|error| Fault::internal("a message template").because(error))
}

enum SecretPart<'a> {
    Code(&'a Secret<String>),
    /// And what its button says.
    Link(&'a Secret<String>, &'static str),
}

impl SecretPart<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Code(secret) | Self::Link(secret, _) => secret.expose(),
        }
    }
}

/// The first is the one that fits into a text message.
fn secrets_of(message: &Message) -> Vec<SecretPart<'_>> {
    match message {
        Message::OneTimeCode { code, .. } => vec![SecretPart::Code(code)],
        Message::MagicLink { url, purpose: CodePurpose::Enrol, .. } => {
            vec![SecretPart::Link(url, "Use this mailbox")]
        }
        Message::MagicLink { url, .. } => vec![SecretPart::Link(url, "Continue signing in")],
        Message::VerifyEmail { url, .. } | Message::ChangeEmail { url, .. } => {
            vec![SecretPart::Link(url, "Confirm email address")]
        }
        Message::ResetPassword { url, .. } => vec![SecretPart::Link(url, "Choose a new password")],
        Message::DeleteAccount { url } => vec![SecretPart::Link(url, "Delete my account")],
        Message::Recover { url, .. } => vec![SecretPart::Link(url, "Get back in")],
        Message::Recovery { links: Some(links), .. } => vec![
            SecretPart::Link(&links.stop, "Stop it: this is not me"),
            SecretPart::Link(&links.status, "See how it stands"),
        ],
        Message::Recovery { links: None, .. }
        | Message::ChangeEmailNotice { .. }
        | Message::Event { .. }
        | Message::Notice { .. } => vec![],
    }
}

fn greeting(name: &str) -> String {
    plausible_name(name).map_or_else(|| "Hello,".to_owned(), |name| format!("Hello {name},"))
}

/// A name is used only if it reads like one. Anybody can sign up a stranger's address under the name
/// `You won! http://evil.example`, and we would be the ones to send it (SEC-035).
pub fn plausible_name(name: &str) -> Option<String> {
    let name = one_line(name);
    let plausible = |c: char| c.is_alphabetic() || matches!(c, ' ' | '\'' | '’' | '-');
    ((1..=40).contains(&name.chars().count()) && name.chars().all(plausible)).then_some(name)
}

/// An address or nothing: this too is a text that a stranger may have written into a header.
fn address(from: &Visitor) -> String {
    from.ip.parse::<IpAddr>().map_or_else(|_| "unknown".to_owned(), |ip| ip.to_canonical().to_string())
}

fn counted(number: u32, unit: &str) -> String {
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// `2026-11-22 at 10:11 UTC`: read the same way everywhere.
fn minute_of(at: Timestamp) -> String {
    let iso = at.to_iso();
    format!("{} at {} UTC", &iso[..10], &iso[11..16])
}

/// The text without line breaks and other control characters, which a header must never get (SEC-035).
pub fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[derive(Template)]
#[template(path = "mail/code.txt")]
struct CodeText<'a> {
    app: &'a str,
    greeting: String,
    code: &'a str,
    purpose: CodePurpose,
    minutes: String,
    browser: String,
    ip: String,
}

#[derive(Template)]
#[template(path = "mail/magic_link.txt")]
struct MagicLinkText<'a> {
    app: &'a str,
    greeting: String,
    url: &'a str,
    purpose: CodePurpose,
    minutes: String,
    browser: String,
    ip: String,
}

#[derive(Template)]
#[template(path = "mail/verify_email.txt")]
struct VerifyEmailText<'a> {
    app: &'a str,
    greeting: String,
    url: &'a str,
    hours: String,
}

#[derive(Template)]
#[template(path = "mail/change_email.txt")]
struct ChangeEmailText<'a> {
    app: &'a str,
    greeting: String,
    url: &'a str,
    new_email: String,
}

#[derive(Template)]
#[template(path = "mail/change_email_notice.txt")]
struct ChangeEmailNoticeText<'a> {
    app: &'a str,
    greeting: String,
    new_email: String,
}

#[derive(Template)]
#[template(path = "mail/reset_password.txt")]
struct ResetPasswordText<'a> {
    app: &'a str,
    greeting: String,
    url: &'a str,
    minutes: String,
}

#[derive(Template)]
#[template(path = "mail/delete_account.txt")]
struct DeleteAccountText<'a> {
    app: &'a str,
    greeting: String,
    url: &'a str,
}

#[derive(Template)]
#[template(path = "mail/recover.txt")]
struct RecoverText<'a> {
    app: &'a str,
    greeting: String,
    url: &'a str,
    minutes: String,
    browser: String,
    ip: String,
}

#[derive(Template)]
#[template(path = "mail/recovery.txt")]
struct RecoveryText<'a> {
    app: &'a str,
    greeting: String,
    what: RecoveryNews,
    links: Option<&'a RecoveryLinks>,
    ready_at: String,
    browser: String,
    ip: String,
    at: String,
}

#[derive(Template)]
#[template(path = "mail/notice.txt")]
struct NoticeText<'a> {
    external: bool,
    app: &'a str,
    greeting: String,
    what: Notice,
    browser: String,
    ip: String,
    at: String,
}

impl NoticeText<'_> {
    fn spoken(&self, method: &Method) -> &'static str {
        match method {
            Method::Totp => "codes from an authenticator app",
            Method::EmailCode => "codes sent by email",
            Method::SmsCode => "codes sent by text message",
            Method::Passkey => "a passkey",
            Method::BackupCode => "backup codes",
            Method::Password => "a password",
        }
    }
}

#[derive(Template)]
#[template(path = "mail/sms_code.txt")]
struct SmsCodeText<'a> {
    app: &'a str,
    code: &'a str,
    purpose: CodePurpose,
    minutes: String,
    browser: String,
    ip: String,
}

#[derive(Template)]
#[template(path = "mail/sms_link.txt")]
struct SmsLinkText<'a> {
    headline: &'a str,
    url: &'a str,
}

#[derive(Template)]
#[template(path = "mail/sms_notice.txt")]
struct SmsNoticeText<'a> {
    headline: &'a str,
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct LetterHtml<'a> {
    subject: &'a str,
    paragraphs: Vec<Paragraph<'a>>,
}

enum Paragraph<'a> {
    Code(&'a str),
    Link { url: &'a str, action: &'static str },
    Prose(String),
}

#[cfg(test)]
mod tests {
    use countersign_core::message::Destination;

    use super::*;

    const LINK: &str = "https://id.example.com/auth/reset?token=abc&next=%2Fhome";

    fn letter(message: Message) -> Letter {
        Letter {
            to: Destination::Email("jo@example.com".to_owned()),
            recipient_name: "Jo O'Neill".to_owned(),
            message,
            expires_at: Timestamp::from_seconds(600),
        }
    }

    fn whence() -> Visitor {
        let user_agent = "Mozilla/5.0 (Windows NT 10.0; rv:127.0) Gecko/20100101 Firefox/127.0";
        Visitor { ip: "203.0.113.9".to_owned(), user_agent: user_agent.to_owned() }
    }

    fn code(from: Visitor) -> Letter {
        letter(Message::OneTimeCode { code: "123456".into(), purpose: CodePurpose::SignIn, minutes: 5, from })
    }

    fn notice(what: Notice) -> Letter {
        let at = Timestamp::from_seconds(1_700_000_000);
        letter(Message::Notice { what, from: whence(), at, external: false })
    }

    #[test]
    fn a_code_mail_says_all_that_is_due_and_has_no_link() {
        let sheet = mail("Acme", &code(whence())).unwrap();
        assert_eq!(sheet.subject, "Your Acme code");
        assert_eq!(
            sheet.text.expose(),
            "Hello Jo O'Neill,\n\nHere is your code to sign in to Acme:\n\n123456\n\n\
             It works once, for the next 5 minutes.\n\n\
             It was requested from Firefox on Windows (IP address 203.0.113.9). If that was not\n\
             you, ignore this message and give the code to nobody, not even to\n\
             somebody who says they work for Acme.\n"
        );
        assert!(sheet.html.expose().contains(">123456</p>"));
        for part in [sheet.text.expose(), sheet.html.expose(), sms("Acme", &code(whence())).unwrap().expose()]
        {
            assert!(!part.contains("http") && !part.contains("href"), "{part}");
        }
    }

    #[test]
    fn what_strangers_write_stays_out() {
        let hostile = "http://evil.example\r\nBcc: x@y";
        let mut letter = code(Visitor { ip: hostile.to_owned(), user_agent: hostile.to_owned() });
        letter.recipient_name = hostile.to_owned();
        let sheet = mail("Acme", &letter).unwrap();
        let sms = sms("Acme", &letter).unwrap();
        for part in [sheet.text.expose(), sheet.html.expose(), &sheet.subject, sms.expose()] {
            assert!(!part.contains("evil") && !part.contains("Bcc"), "{part}");
        }
        assert!(sheet.text.expose().starts_with("Hello,\n"));
        assert!(sheet.text.expose().contains("an unknown app (IP address unknown)"));
    }

    fn magic_link(url: Secret<String>, purpose: CodePurpose) -> Message {
        Message::MagicLink { url, purpose, minutes: 10, from: Visitor::default() }
    }

    #[test]
    fn link_mails_carry_the_link_on_its_own_line() {
        let url = || Secret::from(LINK);
        let new_email = "new@example.com".to_owned();
        for (message, subject) in [
            (magic_link(url(), CodePurpose::SignIn), "Your Acme link"),
            (magic_link(url(), CodePurpose::Enrol), "Your Acme link"),
            (Message::VerifyEmail { url: url(), hours: 1 }, "Confirm your email address for Acme"),
            (Message::ChangeEmail { url: url(), new_email }, "Confirm your new email address for Acme"),
            (Message::ResetPassword { url: url(), minutes: 10 }, "Reset your Acme password"),
            (Message::Recover { url: url(), minutes: 60, from: whence() }, "Get back into your Acme account"),
            (Message::DeleteAccount { url: url() }, "Confirm that you want to delete your Acme account"),
        ] {
            let letter = letter(message);
            let sheet = mail("Acme", &letter).unwrap();
            assert_eq!(sheet.subject, subject);
            assert!(sheet.text.expose().lines().any(|line| line == LINK));
            assert!(sheet.html.expose().contains("token=abc&#38;next"), "escaped: {}", sheet.html.expose());
            assert!(sms("Acme", &letter).unwrap().expose().ends_with(LINK));
        }
    }

    #[test]
    fn news_of_a_recovery_carries_the_means_to_stop_it_while_it_is_open() {
        for (what, open) in [
            (RecoveryNews::Begun, true),
            (RecoveryNews::ShorteningAsked, true),
            (RecoveryNews::Shortened, true),
            (RecoveryNews::Ready, true),
            (RecoveryNews::Vetoed, false),
            (RecoveryNews::Completed, false),
        ] {
            let links = open.then(|| RecoveryLinks {
                stop: "https://id.example.com/stop?token=s".into(),
                status: "https://id.example.com/status?token=s".into(),
            });
            let (ready_at, at) =
                (Timestamp::from_seconds(1_700_259_200), Timestamp::from_seconds(1_700_000_000));
            let letter = letter(Message::Recovery { what, links, ready_at, from: whence(), at });
            let sheet = mail("Acme", &letter).unwrap();
            let (text, html, sms) = (sheet.text.expose(), sheet.html.expose(), sms("Acme", &letter).unwrap());
            assert!(sheet.subject.contains("Acme"), "{what:?}: {}", sheet.subject);
            assert!(text.starts_with("Hello Jo O'Neill,\n\n"), "{what:?}: {text}");
            assert!(text.contains("from Firefox on Windows\n(IP address 203.0.113.9)"), "{what:?}: {text}");
            assert!(!text.contains("\n\n\n") && !text.contains(" \n") && !text.contains("\n "), "{text}");
            assert_eq!(html.matches("href=").count(), if open { 2 } else { 0 }, "{what:?}: {html}");
            assert_eq!(sms.expose().ends_with("/stop?token=s"), open, "{what:?}: {}", sms.expose());
            let waits = [RecoveryNews::Begun, RecoveryNews::Shortened].contains(&what);
            assert!(!waits || text.contains("2023-11-17 at 22:13 UTC"), "{what:?}: {text}");
        }
    }

    #[test]
    fn every_notice_reads_well() {
        let method = Method::Totp;
        for what in [
            Notice::AuthenticatorAdded { method },
            Notice::AuthenticatorRemoved { method },
            Notice::BackupCodeUsed { left: 0 },
            Notice::BackupCodeUsed { left: 1 },
            Notice::BackupCodeUsed { left: 7 },
            Notice::BackupCodesRenewed,
            Notice::TrustedDeviceAdded,
            Notice::TrustedDeviceStolen,
            Notice::SecondFactorReset,
            Notice::ApiKeyAdded,
            Notice::SessionStolen,
            Notice::MailboxReplaced,
            Notice::PasswordChanged,
            Notice::PasswordRemoved,
            Notice::SecondFactorFailed,
            Notice::GuessesBlocked,
        ] {
            let sheet = mail("Acme", &notice(what)).unwrap();
            let text = sheet.text.expose();
            assert!(sheet.subject.contains("Acme"), "{what:?}: {}", sheet.subject);
            assert!(text.starts_with("Hello Jo O'Neill,\n\n"), "{what:?}: {text}");
            assert!(
                text.contains("on 2023-11-14 at 22:13 UTC, from Firefox on Windows\n"),
                "{what:?}: {text}"
            );
            assert!(
                !text.contains("\n\n\n") && !text.contains(" \n") && !text.contains("\n "),
                "{what:?}: {text}"
            );
            assert!(sms("Acme", &notice(what)).unwrap().expose().len() <= 160);
        }
        let left = mail("Acme", &notice(Notice::BackupCodeUsed { left: 7 })).unwrap();
        assert!(left.text.expose().contains("to sign in to Acme.\nYou have 7 left.\n\nThis happened"));
    }
}
