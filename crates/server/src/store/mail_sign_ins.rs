//! Rows of `mail_sign_ins` and `mail_guess_budgets`: links and codes that sign in, and the guesses at the codes.

use countersign_core::{
    ids::MailSignInId,
    lockout::Budget,
    mail_sign_in::{Carrier, MailSignIn},
    session::Visitor,
    time::Timestamp,
};

use crate::{
    fault::Fault,
    store::{Row, Tx},
};

pub struct NewMailSignIn<'a> {
    pub id: &'a MailSignInId,
    pub carrier: Carrier,
    pub email: &'a str,
    pub digest: &'a [u8],
    pub browser: &'a [u8],
    pub name: &'a str,
    pub asked_from: &'a Visitor,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Tx<'_> {
    pub fn insert_mail_sign_in(&mut self, new: &NewMailSignIn<'_>) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO mail_sign_ins (id, carrier, email, digest, browser, name, ip, user_agent, failures,
                                        created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10)",
            &[
                new.id.into(),
                new.carrier.as_str().into(),
                new.email.into(),
                new.digest.into(),
                new.browser.into(),
                new.name.into(),
                new.asked_from.ip.as_str().into(),
                new.asked_from.user_agent.as_str().into(),
                new.created_at.into(),
                new.expires_at.into(),
            ],
        )?;
        Ok(())
    }

    /// When links or codes went to this address since `since`, for the sending limits.
    pub fn mail_sign_ins_sent(&mut self, email: &str, since: Timestamp) -> Result<Vec<Timestamp>, Fault> {
        self.rows(
            "SELECT created_at FROM mail_sign_ins WHERE email = $1 AND created_at > $2 ORDER BY created_at",
            &[email.into(), since.into()],
            |row| row.get(0),
        )
    }

    pub fn mail_link(&mut self, digest: &[u8]) -> Result<Option<MailSignIn>, Fault> {
        self.row(
            "SELECT id, carrier, email, digest, browser, name, ip, user_agent, failures, expires_at, spent_at
             FROM mail_sign_ins WHERE digest = $1 AND carrier = 'link'",
            &[digest.into()],
            read,
        )
    }

    /// The newest code that this browser asked for and nobody used.
    pub fn mail_code(&mut self, email: &str, browser: &[u8]) -> Result<Option<MailSignIn>, Fault> {
        self.row(
            "SELECT id, carrier, email, digest, browser, name, ip, user_agent, failures, expires_at, spent_at
             FROM mail_sign_ins
             WHERE email = $1 AND browser = $2 AND carrier = 'code' AND spent_at IS NULL
             ORDER BY created_at DESC, id DESC LIMIT 1",
            &[email.into(), browser.into()],
            read,
        )
    }

    /// Spends it; says whether this call did.
    pub fn spend_mail_sign_in(&mut self, id: &MailSignInId, now: Timestamp) -> Result<bool, Fault> {
        let spent = self.execute(
            "UPDATE mail_sign_ins SET spent_at = $2 WHERE id = $1 AND spent_at IS NULL AND expires_at > $2",
            &[id.into(), now.into()],
        )?;
        Ok(spent == 1)
    }

    /// Ends every other one of the address: whoever came in needs none of them.
    pub fn retire_mail_sign_ins(&mut self, email: &str, now: Timestamp) -> Result<(), Fault> {
        self.execute(
            "UPDATE mail_sign_ins SET spent_at = $2 WHERE email = $1 AND spent_at IS NULL",
            &[email.into(), now.into()],
        )?;
        Ok(())
    }

    pub fn retire_mail_sign_in(&mut self, id: &MailSignInId, now: Timestamp) -> Result<(), Fault> {
        self.execute(
            "UPDATE mail_sign_ins SET spent_at = $2 WHERE id = $1 AND spent_at IS NULL",
            &[id.into(), now.into()],
        )?;
        Ok(())
    }

    pub fn count_mail_failure(&mut self, id: &MailSignInId) -> Result<(), Fault> {
        self.execute("UPDATE mail_sign_ins SET failures = failures + 1 WHERE id = $1", &[id.into()])?;
        Ok(())
    }

    /// The guesses at this address's codes. Whoever else asks waits until this transaction ends.
    pub fn hold_mail_budget(&mut self, email: &str) -> Result<Budget, Fault> {
        self.execute(
            "INSERT INTO mail_guess_budgets (email, failures) VALUES ($1, 0)
             ON CONFLICT (email) DO UPDATE SET failures = mail_guess_budgets.failures",
            &[email.into()],
        )?;
        let held = self.row(
            "SELECT failures, blocked_until, whole_at FROM mail_guess_budgets WHERE email = $1",
            &[email.into()],
            |row| {
                Ok(Budget {
                    failures: row.get::<i64>(0)? as u32,
                    blocked_until: row.get(1)?,
                    whole_at: row.get(2)?,
                })
            },
        )?;
        Ok(held.unwrap_or_default())
    }

    pub fn set_mail_budget(&mut self, email: &str, budget: Budget) -> Result<(), Fault> {
        self.execute(
            "UPDATE mail_guess_budgets SET failures = $2, blocked_until = $3, whole_at = $4 WHERE email = $1",
            &[
                email.into(),
                i64::from(budget.failures).into(),
                budget.blocked_until.into(),
                budget.whole_at.into(),
            ],
        )?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> Result<MailSignIn, Fault> {
    let spent_at: Option<Timestamp> = row.get(10)?;
    Ok(MailSignIn {
        id: row.get(0)?,
        carrier: Carrier::parse(&row.get::<String>(1)?)
            .ok_or_else(|| Fault::internal("mail_sign_ins: a stored carrier is not one"))?,
        email: row.get(2)?,
        digest: row.get(3)?,
        browser: row.get(4)?,
        name: row.get(5)?,
        asked_from: Visitor { ip: row.get(6)?, user_agent: row.get(7)?, language: None },
        failures: row.get::<i64>(8)? as u32,
        expires_at: row.get(9)?,
        spent: spent_at.is_some(),
    })
}
