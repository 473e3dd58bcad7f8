//! One account on the measured server, and the browsers it uses: the state between requests.

use std::{cell::RefCell, fs, path::Path, rc::Rc};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::totp::Now;

/// Every account has this password; it is not a secret of anybody.
pub const PASSWORD: &str = "Bench-password-1234";

/// Servers lock an account after ten consecutive wrong codes; we stay below.
const FAILURES_MAX: u32 = 8;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Account {
    pub email: String,
    /// Base32, as the `otpauth://` URI carries it; empty before enrolment.
    pub secret: String,
    /// The newest TOTP step this account has answered with.
    pub last_step: i64,
    /// Wrong codes since the last right one.
    pub failures: u32,
}

impl Account {
    pub fn new(email: String) -> Self {
        Self { email, secret: String::new(), last_step: 0, failures: 0 }
    }

    pub fn can_answer(&self, now: Now, times: i64) -> bool {
        now.can_answer(self.last_step, times)
    }

    pub fn can_fail(&self, times: u32) -> bool {
        self.failures + times <= FAILURES_MAX
    }
}

/// A cookie jar and a bearer token; several browsers may belong to one account.
#[derive(Clone, Debug)]
pub struct Browser {
    pub account: Rc<RefCell<Account>>,
    pub jar: Vec<(String, String)>,
    pub bearer: String,
}

impl Browser {
    pub fn of(account: Rc<RefCell<Account>>) -> Self {
        Self { account, jar: Vec::new(), bearer: String::new() }
    }

    /// Keeps, replaces or (no value) drops a cookie.
    pub fn keep_cookie(&mut self, name: String, value: Option<String>) {
        let at = self.jar.iter().position(|(known, _)| *known == name);
        match (at, value) {
            (Some(at), Some(value)) => self.jar[at].1 = value,
            (Some(at), None) => {
                self.jar.remove(at);
            }
            (None, Some(value)) => self.jar.push((name, value)),
            (None, None) => {}
        }
    }
}

/// The enrolled accounts of one server, kept in a file so that later scenarios need not make them again.
#[derive(Default)]
pub struct People {
    pub enrolled: Vec<Rc<RefCell<Account>>>,
}

impl People {
    pub fn load(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path.filter(|path| path.exists()) else { return Ok(Self::default()) };
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let accounts: Vec<Account> =
            serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
        Ok(Self { enrolled: accounts.into_iter().map(|account| Rc::new(RefCell::new(account))).collect() })
    }

    pub fn save(&self, path: Option<&Path>) -> Result<()> {
        let Some(path) = path else { return Ok(()) };
        let accounts: Vec<Account> = self.enrolled.iter().map(|account| account.borrow().clone()).collect();
        fs::write(path, serde_json::to_string(&accounts)?)
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Those who have waited longest come first: they have the most unused TOTP steps.
    pub fn sort_by_rest(&mut self) {
        self.enrolled.sort_by_key(|account| account.borrow().last_step);
    }
}
