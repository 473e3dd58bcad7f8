//! The requests of the Better Auth paths: how each is written, and what a right answer to it looks like.

use std::io::Write;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{
    account::{Browser, PASSWORD},
    http::{Answer, Connection, Target},
    totp::{self, Now},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A constant answer from the same server, through the same router.
    Constant,
    SignUp,
    /// Asks for a TOTP secret; the server checks the password again.
    Enable,
    /// Proves the secret, which turns the second factor on.
    Confirm,
    /// The password of an enrolled account, from a browser that remembers nothing: opens a challenge.
    SignIn,
    VerifyCode,
    VerifyWrongCode,
    GetSession,
    GetSessionByBearer,
}

/// Why a step did not end well.
#[derive(Debug)]
pub enum Halt {
    /// The account has no unused TOTP step left in this period.
    NoFreshStep,
    /// 429 or 503: the server asks to come back later.
    Busy(String),
    Failed(String),
}

impl Step {
    pub fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::SignUp => "sign-up",
            Self::Enable => "enable",
            Self::Confirm => "confirm",
            Self::SignIn => "sign-in",
            Self::VerifyCode => "verify",
            Self::VerifyWrongCode => "verify-wrong",
            Self::GetSession => "get-session",
            Self::GetSessionByBearer => "get-session-bearer",
        }
    }

    fn method_and_path(self) -> &'static str {
        match self {
            Self::Constant => "GET /api/auth/ok",
            Self::SignUp => "POST /api/auth/sign-up/email",
            Self::Enable => "POST /api/auth/two-factor/enable",
            Self::Confirm | Self::VerifyCode | Self::VerifyWrongCode => {
                "POST /api/auth/two-factor/verify-totp"
            }
            Self::SignIn => "POST /api/auth/sign-in/email",
            Self::GetSession | Self::GetSessionByBearer => "GET /api/auth/get-session",
        }
    }

    fn body(self, browser: &Browser) -> Result<Option<Value>, Halt> {
        let mut account = browser.account.borrow_mut();
        let body = match self {
            Self::Constant | Self::GetSession | Self::GetSessionByBearer => return Ok(None),
            Self::SignUp => json!({ "name": "Bench", "email": account.email, "password": PASSWORD }),
            Self::SignIn => json!({ "email": account.email, "password": PASSWORD }),
            Self::Enable => json!({ "password": PASSWORD }),
            Self::Confirm | Self::VerifyCode => {
                let step = Now::read().next_step(account.last_step).ok_or(Halt::NoFreshStep)?;
                account.last_step = step;
                json!({ "code": totp::code(&account.secret, step).map_err(|fault| self.failed(fault))? })
            }
            Self::VerifyWrongCode => {
                let code =
                    totp::wrong_code(&account.secret, Now::read()).map_err(|fault| self.failed(fault))?;
                json!({ "code": code })
            }
        };
        Ok(Some(body))
    }

    /// Writes the request into `out`. Not part of the measured time.
    pub fn write(self, browser: &mut Browser, target: &Target, out: &mut Vec<u8>) -> Result<(), Halt> {
        if matches!(self, Self::SignUp | Self::SignIn) {
            browser.jar.clear();
        }
        let body = self.body(browser)?;
        out.clear();
        self.write_head(browser, target, out);
        if let Some(body) = body {
            let text = body.to_string();
            let _ =
                write!(out, "content-type: application/json\r\ncontent-length: {}\r\n\r\n{text}", text.len());
        } else {
            out.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    /// Writing to a `Vec` cannot fail, so those results are dropped.
    fn write_head(self, browser: &Browser, target: &Target, out: &mut Vec<u8>) {
        let Target { host, origin } = target;
        let first = self.method_and_path();
        let _ =
            write!(out, "{first} HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\nuser-agent: loadgen\r\n");
        if self == Self::GetSessionByBearer {
            let _ = write!(out, "authorization: Bearer {}\r\n", browser.bearer);
        } else if self != Self::Constant && !browser.jar.is_empty() {
            out.extend_from_slice(b"cookie: ");
            for (nth, (name, value)) in browser.jar.iter().enumerate() {
                let _ = write!(out, "{}{name}={value}", if nth == 0 { "" } else { "; " });
            }
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Checks the answer and keeps what the next step needs.
    pub fn read(self, answer: Answer, browser: &mut Browser) -> Result<(), Halt> {
        let expected = if self == Self::VerifyWrongCode { 401 } else { 200 };
        if answer.status != expected {
            let said = format!("{}: {} {}", self.name(), answer.status, beginning(&answer.body));
            return Err(if matches!(answer.status, 429 | 503) {
                Halt::Busy(said)
            } else {
                Halt::Failed(said)
            });
        }
        if !self.proof().is_empty() && !contains(&answer.body, self.proof()) {
            let said = format!("lacks {}: {}", self.proof(), beginning(&answer.body));
            return Err(self.failed(said));
        }
        for (name, value) in answer.cookies {
            browser.keep_cookie(name, value);
        }
        if let Some(bearer) = answer.bearer {
            browser.bearer = bearer;
        }
        let mut account = browser.account.borrow_mut();
        match self {
            Self::Enable => account.secret = secret_of(&answer.body).map_err(|fault| self.failed(fault))?,
            Self::Confirm | Self::VerifyCode => account.failures = 0,
            Self::VerifyWrongCode => account.failures += 1,
            _ => {}
        }
        Ok(())
    }

    /// A part of the body that only the right answer has: `get-session`, for one, says 200 to strangers too.
    fn proof(self) -> &'static str {
        match self {
            Self::SignIn => "\"twoFactorRedirect\":true",
            Self::VerifyCode => "\"token\":\"",
            Self::VerifyWrongCode => "INVALID_CODE",
            Self::GetSession | Self::GetSessionByBearer => "\"session\":{",
            Self::Constant | Self::SignUp | Self::Enable | Self::Confirm => "",
        }
    }

    fn failed(self, why: impl std::fmt::Display) -> Halt {
        Halt::Failed(format!("{}: {why:#}", self.name()))
    }
}

/// A connection and the room to write requests in.
pub struct Line {
    connection: Connection,
    target: Target,
    request: Vec<u8>,
    /// Prints every exchange, for a look at one flow by hand.
    pub trace: bool,
}

impl Line {
    pub fn to(target: &Target) -> Self {
        Self {
            connection: Connection::to(target),
            target: target.clone(),
            request: Vec::with_capacity(1024),
            trace: false,
        }
    }

    /// Takes one step; the time is that between sending and the last byte of the answer, in microseconds.
    pub async fn take(&mut self, step: Step, browser: &mut Browser) -> Result<u32, Halt> {
        step.write(browser, &self.target, &mut self.request)?;
        let sent = std::time::Instant::now();
        let result = self.connection.send(&self.request).await;
        let took = u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX);
        if self.trace {
            eprintln!("--> {}", String::from_utf8_lossy(&self.request));
            match &result {
                Ok(answer) => eprintln!("<-- {} {:?}", answer.status, answer.cookies),
                Err(fault) => eprintln!("<-- {fault:#}"),
            }
        }
        let answer = result.map_err(|fault| step.failed(fault))?;
        if self.trace {
            eprintln!("    {}\n", String::from_utf8_lossy(&answer.body));
        }
        step.read(answer, browser).map(|()| took)
    }
}

fn secret_of(body: &[u8]) -> Result<String> {
    let body: Value = serde_json::from_slice(body).context("the answer is not JSON")?;
    let uri = body["totpURI"].as_str().context("the answer has no totpURI")?;
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let Some(secret) = query.split('&').find_map(|pair| pair.strip_prefix("secret=")) else {
        bail!("the totpURI has no secret");
    };
    Ok(secret.trim_end_matches("%3D").trim_end_matches('=').to_owned())
}

fn contains(body: &[u8], part: &str) -> bool {
    body.windows(part.len()).any(|window| window == part.as_bytes())
}

/// Enough of a body to recognise an error by, and short enough to count alike ones together.
fn beginning(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use super::*;
    use crate::account::Account;

    fn browser() -> Browser {
        Browser::of(Rc::new(RefCell::new(Account::new("a@bench.example".into()))))
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.as_bytes().to_vec(), ..Answer::default() }
    }

    #[test]
    fn a_request_carries_the_cookies_and_the_length_of_its_body() {
        let mut browser = browser();
        browser.keep_cookie("x".into(), Some("1".into()));
        browser.keep_cookie("y".into(), Some("2".into()));
        let mut out = Vec::new();
        let target = Target::parse("http://127.0.0.1:80/").unwrap();
        Step::Enable.write(&mut browser, &target, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("POST /api/auth/two-factor/enable HTTP/1.1\r\nhost: 127.0.0.1:80\r\n"));
        assert!(text.contains("cookie: x=1; y=2\r\n"), "{text}");
        assert!(text.contains("content-length: 34\r\n\r\n{"), "{text}");
    }

    #[test]
    fn a_sign_in_forgets_what_the_browser_knew() {
        let mut browser = browser();
        browser.keep_cookie("x".into(), Some("1".into()));
        let target = Target::parse("http://127.0.0.1:80").unwrap();
        Step::SignIn.write(&mut browser, &target, &mut Vec::new()).unwrap();
        assert!(browser.jar.is_empty());
    }

    #[test]
    fn enabling_keeps_the_secret_and_wrong_codes_are_counted() {
        let mut browser = browser();
        let body = r#"{"totpURI":"otpauth://totp/a:b?secret=GEZDGNBV&issuer=a","backupCodes":[]}"#;
        Step::Enable.read(answer(200, body), &mut browser).unwrap();
        assert_eq!(browser.account.borrow().secret, "GEZDGNBV");
        Step::VerifyWrongCode.read(answer(401, r#"{"code":"INVALID_CODE"}"#), &mut browser).unwrap();
        assert_eq!(browser.account.borrow().failures, 1);
        assert!(matches!(Step::SignIn.read(answer(503, ""), &mut browser), Err(Halt::Busy(_))));
        assert!(matches!(Step::GetSession.read(answer(200, "null"), &mut browser), Err(Halt::Failed(_))));
    }
}
