//! What is measured: each scenario's preparation, its timed steps and how it uses up what was prepared.

use anyhow::{Context, Result};

use crate::step::Step;

#[derive(Debug)]
pub struct Scenario {
    pub name: &'static str,
    pub about: &'static str,
    pub start: Start,
    /// Taken once by every browser before the clock starts.
    pub mint: &'static [Step],
    /// One round of these is one operation.
    pub timed: &'static [Step],
    pub supply: Supply,
}

/// Which accounts a scenario starts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Nobody,
    /// Signed up in this run, no second factor yet; afterwards they count as enrolled.
    Registered,
    Enrolled,
}

/// Where the browser of the next operation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supply {
    /// Each connection keeps one for the whole run.
    Kept,
    /// The accounts take turns, because each answers once per TOTP step.
    Rotating,
    /// Each is good for `uses` operations, then it is gone; an account gets at most `per_account` of them.
    Spent { uses: u32, per_account: usize },
}

impl Scenario {
    pub fn named(name: &str) -> Result<&'static Self> {
        let known = || SCENARIOS.iter().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ");
        SCENARIOS
            .iter()
            .find(|scenario| scenario.name == name)
            .with_context(|| format!("no scenario {name}; there are {}", known()))
    }

    /// How many right codes one account must be able to give within one period.
    pub fn answers_per_account(&self) -> i64 {
        match self.supply {
            Supply::Spent { per_account, .. } if self.timed.contains(&Step::VerifyCode) => per_account as i64,
            _ => 1,
        }
    }

    /// How many wrong codes one account will be given in a row.
    pub fn failures_per_account(&self) -> u32 {
        match self.supply {
            Supply::Spent { uses, .. } if self.timed.contains(&Step::VerifyWrongCode) => uses,
            _ => 0,
        }
    }
}

const ENROL: &[Step] = &[Step::SignUp, Step::Enable, Step::Confirm];

/// The way from nothing to an account with a second factor.
pub fn way_to(start: Start) -> &'static [Step] {
    match start {
        Start::Nobody => &[],
        Start::Registered => &ENROL[..1],
        Start::Enrolled => ENROL,
    }
}

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "s0",
        about: "constant answer",
        start: Start::Nobody,
        mint: &[],
        timed: &[Step::Constant],
        supply: Supply::Kept,
    },
    Scenario {
        name: "s1",
        about: "session read, cookie",
        start: Start::Enrolled,
        mint: &[Step::SignIn, Step::VerifyCode],
        timed: &[Step::GetSession],
        supply: Supply::Kept,
    },
    Scenario {
        name: "s1b",
        about: "session read, bearer token",
        start: Start::Enrolled,
        mint: &[Step::SignIn, Step::VerifyCode],
        timed: &[Step::GetSessionByBearer],
        supply: Supply::Kept,
    },
    Scenario {
        name: "s2",
        about: "full login (3 requests)",
        start: Start::Enrolled,
        mint: &[],
        timed: &[Step::SignIn, Step::VerifyCode, Step::GetSession],
        supply: Supply::Rotating,
    },
    // Three challenges an account: in one period a server takes three steps, {-1, 0, +1}, each once.
    Scenario {
        name: "s3",
        about: "second step alone",
        start: Start::Enrolled,
        mint: &[Step::SignIn],
        timed: &[Step::VerifyCode],
        supply: Supply::Spent { uses: 1, per_account: 3 },
    },
    Scenario {
        name: "s4",
        about: "enrolment (2 requests)",
        start: Start::Registered,
        mint: &[],
        timed: &[Step::Enable, Step::Confirm],
        supply: Supply::Spent { uses: 1, per_account: 1 },
    },
    // Four tries: the fifth would close the challenge, and eight a row keep the account clear of its lock.
    Scenario {
        name: "s5",
        about: "wrong code refused",
        start: Start::Enrolled,
        mint: &[Step::SignIn],
        timed: &[Step::VerifyWrongCode],
        supply: Supply::Spent { uses: 4, per_account: 1 },
    },
];
