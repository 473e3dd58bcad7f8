//! Words for messages, in the recipient's language: `templates/words/letters.*.ftl`.
//!
//! The HTML is laid out from the text, so the two cannot say different things.

use std::net::IpAddr;

use askama::Template;
use countersign_core::{
    language::Language,
    message::{CodePurpose, Letter, Letterhead, Message, Notice, RecoveryNews},
    secret::Secret,
    session::Visitor,
    time::Timestamp,
};

use crate::{
    fault::Fault,
    words::{self, Text},
};

/// A mail in words. Subjects carry no secret: they show on locked screens and in the logs of mail servers.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub subject: String,
    pub text: Secret<String>,
    pub html: Secret<String>,
}

pub fn mail(app: &str, letter: &Letter) -> Result<Sheet, Fault> {
    let (text, more) = said(app, letter)?;
    let language = letter.language;
    let subject = one_line(&words::say(language, &text));
    let mut page = greeting(language, &letter.recipient_name);
    for paragraph in [words::part(language, &text, Some("text"))].into_iter().chain(more) {
        page.push_str("\n\n");
        page.push_str(&paragraph);
    }
    let secrets = secrets_of(&letter.message);
    let paragraphs = page
        .split("\n\n")
        .map(str::trim)
        .map(|paragraph| match secrets.iter().find(|secret| secret.text() == paragraph) {
            Some(SecretPart::Code(_)) => Paragraph::Code(paragraph),
            Some(SecretPart::Link(_, action)) => {
                Paragraph::Link { url: paragraph, action: words::plain(language, action) }
            }
            None => Paragraph::Prose(paragraph.replace('\n', " ")),
        })
        .collect();
    let copy = words::plain(language, "letter-copy");
    let head = &letter.head;
    let html = LetterHtml { tag: language.tag(), subject: &subject, copy: &copy, head, paragraphs };
    let html = html.render().map_err(|error| Fault::internal("a message template").because(error))?;
    Ok(Sheet { text: Secret::new(format!("{}\n", page.trim())), html: Secret::new(html), subject })
}

/// One short message: most phones show about 160 characters.
pub fn sms(app: &str, letter: &Letter) -> Result<Secret<String>, Fault> {
    let headline = || mail(app, letter).map(|sheet| sheet.subject);
    let text = match (&letter.message, secrets_of(&letter.message).first()) {
        (Message::OneTimeCode { .. }, _) => said(app, letter)?.0.named("text-code"),
        (_, Some(SecretPart::Link(url, _))) => {
            Text::from("text-link").with("headline", headline()?).with("url", url.expose().as_str())
        }
        _ => Text::from("text-notice").with("headline", headline()?),
    };
    Ok(Secret::new(words::say(letter.language, &text)))
}

/// What a letter says, and the paragraphs below it.
fn said(app: &str, letter: &Letter) -> Result<(Text, Vec<String>), Fault> {
    let (app, language) = (letter.head.sender.as_deref().unwrap_or(app), letter.language);
    let start = |id: &'static str| Text::from(id).with("app", app);
    Ok(match &letter.message {
        Message::OneTimeCode { code, purpose, minutes, from } => {
            let text = from_where(start("letter-code"), from).with("code", code.expose().as_str());
            (text.with("purpose", purpose_of(*purpose)).with("number", u64::from(*minutes)), vec![])
        }
        Message::MagicLink { url, purpose, minutes, from } => {
            let text = from_where(start("letter-link"), from).with("url", url.expose().as_str());
            (text.with("purpose", purpose_of(*purpose)).with("number", u64::from(*minutes)), vec![])
        }
        Message::Event { .. } => {
            return Err(Fault::internal("an event is for programs and has no words"));
        }
        Message::VerifyEmail { url, hours } => {
            let text = start("letter-verify").with("url", url.expose().as_str());
            (text.with("number", u64::from(*hours)), vec![])
        }
        Message::ChangeEmail { url, new_email } => {
            let text = start("letter-change").with("url", url.expose().as_str());
            (text.with("email", one_line(new_email)), vec![])
        }
        Message::ChangeEmailNotice { new_email, not_me } => {
            let more = way_out(not_me).map(|text| words::say(language, &text));
            (start("letter-changing").with("email", one_line(new_email)), more.into_iter().collect())
        }
        Message::ResetPassword { url, minutes } => {
            let text = start("letter-password").with("url", url.expose().as_str());
            (text.with("number", u64::from(*minutes)), vec![])
        }
        Message::DeleteAccount { url } => (start("letter-delete").with("url", url.expose().as_str()), vec![]),
        Message::SecondFactorDue { from, url } => {
            let text = start("letter-due").with("day", &from.to_iso()[..10]);
            (text.with("url", url.expose().as_str()), vec![])
        }
        Message::Recover { url, minutes, from } => {
            let text = from_where(start("letter-recover"), from).with("url", url.expose().as_str());
            (text.with("number", u64::from(*minutes)), vec![])
        }
        Message::Recovery { what, links, ready_at, from, at } => {
            let links = links.as_ref().map(|links| {
                Text::from("letter-recovery-links")
                    .with("stop", links.stop.expose().as_str())
                    .with("status", links.status.expose().as_str())
            });
            let from = from_where("letter-recovery-from".into(), from).with("at", minute_of(*at));
            let more = links.iter().chain([&from]).map(|text| words::say(language, text));
            (start(news_of(*what)).with("ready", minute_of(*ready_at)), more.collect())
        }
        Message::Notice { what, from, at, external, not_me } => {
            let text = match what {
                Notice::BackupCodeUsed { left } => start(notice_of(what)).with("number", u64::from(*left)),
                Notice::AuthenticatorAdded { method } | Notice::AuthenticatorRemoved { method } => {
                    start(notice_of(what)).with("method", method.as_str())
                }
                what => start(notice_of(what)),
            };
            let happened = from_where("notice-happened".into(), from).with("at", minute_of(*at));
            let advice = Some(advice_on(what, *external).into());
            let more = [Some(happened), advice, way_out(not_me)];
            (text, more.iter().flatten().map(|text| words::say(language, text)).collect())
        }
    })
}

fn from_where(text: Text, from: &Visitor) -> Text {
    let (browser, system) = from.parts();
    let browser = Text::from("letter-browser")
        .with("browser", browser.unwrap_or("none"))
        .with("system", system.unwrap_or("none"));
    // An address or nothing: this too is a text that a stranger may have written into a header.
    let ip = match from.ip.parse::<IpAddr>() {
        Ok(ip) => Text::plain(ip.to_canonical().to_string()),
        Err(_) => "letter-nowhere".into(),
    };
    text.with("browser", browser).with("ip", ip)
}

/// For readers who say that it was not them.
fn way_out(not_me: &Option<Secret<String>>) -> Option<Text> {
    not_me.as_ref().map(|url| Text::from("notice-not-me").with("url", url.expose().as_str()))
}

const fn purpose_of(purpose: CodePurpose) -> &'static str {
    match purpose {
        CodePurpose::SignIn => "sign-in",
        CodePurpose::VerifyEmail => "verify",
        CodePurpose::ResetPassword => "password",
        CodePurpose::Enrol => "enrol",
        CodePurpose::StepUp => "prove",
    }
}

const fn news_of(what: RecoveryNews) -> &'static str {
    match what {
        RecoveryNews::Begun => "letter-recovery-begun",
        RecoveryNews::ShorteningAsked => "letter-recovery-shortening",
        RecoveryNews::Shortened => "letter-recovery-shortened",
        RecoveryNews::Ready => "letter-recovery-ready",
        RecoveryNews::Vetoed => "letter-recovery-vetoed",
        RecoveryNews::Completed => "letter-recovery-completed",
    }
}

const fn notice_of(what: &Notice) -> &'static str {
    match what {
        Notice::AuthenticatorAdded { .. } => "notice-added",
        Notice::AuthenticatorRemoved { .. } => "notice-removed",
        Notice::BackupCodeUsed { .. } => "notice-backup-code",
        Notice::BackupCodesRenewed => "notice-backup-codes",
        Notice::TrustedDeviceAdded => "notice-trusted",
        Notice::TrustedDeviceStolen => "notice-trust-stolen",
        Notice::PasskeyCloned => "notice-passkey-cloned",
        Notice::SecondFactorReset => "notice-reset",
        Notice::ApiKeyAdded => "notice-api-key",
        Notice::SessionStolen => "notice-session-stolen",
        Notice::MailboxReplaced => "notice-mailbox",
        Notice::PasswordChanged => "notice-password-changed",
        Notice::PasswordRemoved => "notice-password-removed",
        Notice::SecondFactorFailed => "notice-failed",
        Notice::GuessesBlocked => "notice-blocked",
        Notice::EverythingEnded { password_too: true } => "notice-ended",
        Notice::EverythingEnded { password_too: false } => "notice-ended-moved",
    }
}

const fn advice_on(what: &Notice, external: bool) -> &'static str {
    match what {
        _ if external => "notice-advice-external",
        Notice::SecondFactorFailed | Notice::GuessesBlocked => "notice-advice-guessed",
        Notice::SecondFactorReset => "notice-advice-reset",
        Notice::EverythingEnded { .. } => "notice-advice-ended",
        _ => "notice-advice",
    }
}

enum SecretPart<'a> {
    Code(&'a Secret<String>),
    /// And the message that its button says.
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
            vec![SecretPart::Link(url, "letter-use-mailbox")]
        }
        Message::MagicLink { url, .. } => vec![SecretPart::Link(url, "letter-continue")],
        Message::VerifyEmail { url, .. } | Message::ChangeEmail { url, .. } => {
            vec![SecretPart::Link(url, "letter-confirm")]
        }
        Message::ResetPassword { url, .. } => vec![SecretPart::Link(url, "letter-choose")],
        Message::DeleteAccount { url } => vec![SecretPart::Link(url, "letter-delete-it")],
        Message::SecondFactorDue { url, .. } => vec![SecretPart::Link(url, "letter-due-add")],
        Message::Recover { url, .. } => vec![SecretPart::Link(url, "letter-get-back")],
        Message::Recovery { links: Some(links), .. } => vec![
            SecretPart::Link(&links.stop, "letter-stop"),
            SecretPart::Link(&links.status, "letter-status"),
        ],
        Message::ChangeEmailNotice { not_me: Some(url), .. } | Message::Notice { not_me: Some(url), .. } => {
            vec![SecretPart::Link(url, "letter-not-me")]
        }
        Message::Recovery { links: None, .. }
        | Message::ChangeEmailNotice { not_me: None, .. }
        | Message::Event { .. }
        | Message::Notice { not_me: None, .. } => vec![],
    }
}

fn greeting(language: Language, name: &str) -> String {
    let greeting = match plausible_name(name) {
        Some(name) => Text::from("letter-greeting-name").with("name", name),
        None => "letter-greeting".into(),
    };
    words::say(language, &greeting)
}

/// A name is used only if it reads like one. Anybody can sign up a stranger's address under the name
/// `You won! http://evil.example`, and we would be the ones to send it (SEC-035).
pub fn plausible_name(name: &str) -> Option<String> {
    let name = one_line(name);
    let plausible = |c: char| c.is_alphabetic() || matches!(c, ' ' | '\'' | '’' | '-');
    ((1..=40).contains(&name.chars().count()) && name.chars().all(plausible)).then_some(name)
}

/// `2026-11-22 at 10:11 UTC`: read the same way everywhere.
fn minute_of(at: Timestamp) -> Text {
    let iso = at.to_iso();
    Text::from("letter-at").with("day", &iso[..10]).with("time", &iso[11..16])
}

/// The text without line breaks and other control characters, which a header must never get (SEC-035).
pub fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct LetterHtml<'a> {
    tag: &'a str,
    subject: &'a str,
    copy: &'a str,
    head: &'a Letterhead,
    paragraphs: Vec<Paragraph<'a>>,
}

enum Paragraph<'a> {
    Code(&'a str),
    Link { url: &'a str, action: String },
    Prose(String),
}

#[cfg(test)]
mod tests {
    use countersign_core::{
        message::{Destination, RecoveryLinks},
        method::Method,
    };

    use super::*;

    const LINK: &str = "https://id.example.com/auth/reset?token=abc&next=%2Fhome";

    fn letter(message: Message) -> Letter {
        Letter {
            to: Destination::Email("jo@example.com".to_owned()),
            recipient_name: "Jo O'Neill".to_owned(),
            message,
            expires_at: Timestamp::from_seconds(600),
            language: Language::English,
            head: Letterhead::default(),
        }
    }

    fn whence() -> Visitor {
        let user_agent = "Mozilla/5.0 (Windows NT 10.0; rv:127.0) Gecko/20100101 Firefox/127.0";
        Visitor { ip: "203.0.113.9".to_owned(), user_agent: user_agent.to_owned(), language: None }
    }

    fn code(from: Visitor) -> Letter {
        letter(Message::OneTimeCode { code: "123456".into(), purpose: CodePurpose::SignIn, minutes: 5, from })
    }

    fn notice(what: Notice) -> Letter {
        let at = Timestamp::from_seconds(1_700_000_000);
        let not_me = Some(Secret::from(LINK));
        letter(Message::Notice { what, from: whence(), at, external: false, not_me })
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
        let mut letter =
            code(Visitor { ip: hostile.to_owned(), user_agent: hostile.to_owned(), language: None });
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
            (
                Message::SecondFactorDue { from: Timestamp::from_seconds(1_700_000_000), url: url() },
                "Your Acme account needs a second factor from 2023-11-14 on",
            ),
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
    fn letters_speak_the_recipients_language_under_the_name_they_know() {
        let german = |letter: Letter| Letter {
            language: Language::German,
            head: Letterhead {
                sender: Some("Zebra".to_owned()),
                logo: Some("https://id.example.com/assets/logo/ab12".to_owned()),
                colour: Some("1a7f37".to_owned()),
            },
            ..letter
        };
        let letter = german(code(whence()));
        let sheet = mail("Acme", &letter).unwrap();
        assert_eq!(sheet.subject, "Ihr Code für Zebra");
        let text = sheet.text.expose();
        assert!(
            text.starts_with("Guten Tag Jo O'Neill,\n\nHier ist Ihr Code, um sich bei Zebra anzumelden:"),
            "{text}"
        );
        assert!(text.contains("\n\n123456\n\nEr gilt einmal und 5 Minuten lang.\n"), "{text}");
        assert!(text.contains("Firefox unter Windows (IP-Adresse 203.0.113.9)"), "{text}");
        assert!(
            sheet.html.expose().contains("<html lang=\"de\">") && sheet.html.expose().contains(">123456</p>")
        );
        assert!(
            sheet.html.expose().contains("<img src=\"https://id.example.com/assets/logo/ab12\" alt=\"\"")
        );
        let link =
            Letter { message: Message::VerifyEmail { url: Secret::from(LINK), hours: 1 }, ..letter.clone() };
        assert!(mail("Acme", &link).unwrap().html.expose().contains("background:#1a7f37"));
        assert!(sms("Acme", &letter).unwrap().expose().starts_with("123456 ist Ihr Code, um sich"));
        for what in [
            Notice::AuthenticatorAdded { method: Method::Passkey },
            Notice::BackupCodeUsed { left: 1 },
            Notice::SecondFactorReset,
            Notice::GuessesBlocked,
        ] {
            let sheet = mail("Acme", &german(notice(what))).unwrap();
            let text = sheet.text.expose();
            assert!(
                sheet.subject.contains("Zebra") && text.contains("Das geschah am 2023-11-14 um 22:13 UTC")
            );
            assert!(!text.contains("Acme") && !text.contains('{') && !text.contains("This"), "{text}");
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
            Notice::EverythingEnded { password_too: true },
            Notice::EverythingEnded { password_too: false },
        ] {
            let sheet = mail("Acme", &notice(what)).unwrap();
            let text = sheet.text.expose();
            assert!(text.contains(&format!("\n\n{LINK}\n\n")), "{what:?}: {text}");
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
        }
        let left = mail("Acme", &notice(Notice::BackupCodeUsed { left: 7 })).unwrap();
        assert!(left.text.expose().contains("to sign in to Acme.\nYou have 7 left.\n\nThis happened"));
    }
}
