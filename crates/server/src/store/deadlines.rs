//! Deadlines of organisations: from when on a second factor is required, and who was told of it.

use countersign_core::{
    ids::{OrganisationId, UserId},
    time::Timestamp,
};

use crate::{fault::Fault, store::Tx};

impl Tx<'_> {
    /// Who said so, for the day on which it holds.
    pub fn set_deadline_by(&mut self, id: &OrganisationId, by: &UserId) -> Result<(), Fault> {
        self.execute("UPDATE organisations SET required_by = $2 WHERE id = $1", &[id.into(), by.into()])?;
        Ok(())
    }

    pub fn deadline_by(&mut self, id: &OrganisationId) -> Result<Option<UserId>, Fault> {
        let by =
            self.row("SELECT required_by FROM organisations WHERE id = $1", &[id.into()], |row| row.get(0))?;
        Ok(by.flatten())
    }

    /// Organisations with a deadline ahead or just passed, and when it is.
    pub fn deadlines(&mut self) -> Result<Vec<(OrganisationId, Timestamp)>, Fault> {
        self.rows(
            "SELECT id, required_from FROM organisations WHERE required_from IS NOT NULL ORDER BY required_from",
            &[],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// The deadline has come: from here on the rule holds. Says whether this call did it.
    pub fn pass_deadline(&mut self, id: &OrganisationId, now: Timestamp) -> Result<bool, Fault> {
        let passed = self.execute(
            "UPDATE organisations SET second_factor_required = TRUE, required_from = NULL
             WHERE id = $1 AND required_from <= $2",
            &[id.into(), now.into()],
        )?;
        Ok(passed == 1)
    }

    /// Members who were told less often than this, some of them.
    pub fn members_to_remind(
        &mut self,
        id: &OrganisationId,
        due: u8,
        limit: i64,
    ) -> Result<Vec<UserId>, Fault> {
        self.rows(
            "SELECT user_id FROM memberships WHERE organisation_id = $1 AND reminded < $2
             ORDER BY user_id LIMIT $3",
            &[id.into(), i64::from(due).into(), limit.into()],
            |row| row.get(0),
        )
    }

    /// Says whether this call is the one that tells them.
    pub fn remind_member(&mut self, id: &OrganisationId, user: &UserId, due: u8) -> Result<bool, Fault> {
        let told = self.execute(
            "UPDATE memberships SET reminded = $3 WHERE organisation_id = $1 AND user_id = $2 AND reminded < $3",
            &[id.into(), user.into(), i64::from(due).into()],
        )?;
        Ok(told == 1)
    }

    /// Another deadline is another matter.
    pub fn forget_reminders(&mut self, id: &OrganisationId) -> Result<(), Fault> {
        self.execute(
            "UPDATE memberships SET reminded = 0 WHERE organisation_id = $1 AND reminded > 0",
            &[id.into()],
        )?;
        Ok(())
    }
}
