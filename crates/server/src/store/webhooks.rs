//! Rows of `webhooks`.

use countersign_core::{
    ids::{OrganisationId, UserId, WebhookId},
    time::Timestamp,
    webhook::Webhook,
};

use crate::{
    fault::Fault,
    store::{Row, Tx},
};

impl Tx<'_> {
    pub fn insert_webhook(&mut self, one: &Webhook) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO webhooks (id, organisation_id, url, kinds, created_at) VALUES ($1, $2, $3, $4, $5)",
            &[
                (&one.id).into(),
                (&one.organisation_id).into(),
                one.url.as_str().into(),
                (!one.kinds.is_empty()).then(|| one.kinds.join(",")).into(),
                one.created_at.into(),
            ],
        )?;
        Ok(())
    }

    pub fn webhook(&mut self, id: &WebhookId) -> Result<Option<Webhook>, Fault> {
        self.row(
            "SELECT id, organisation_id, url, kinds, created_at, last_sent_at, last_failure
             FROM webhooks WHERE id = $1",
            &[id.into()],
            read,
        )
    }

    pub fn webhooks_of(&mut self, organisation: &OrganisationId) -> Result<Vec<Webhook>, Fault> {
        self.rows(
            "SELECT id, organisation_id, url, kinds, created_at, last_sent_at, last_failure
             FROM webhooks WHERE organisation_id = $1 ORDER BY created_at, id",
            &[organisation.into()],
            read,
        )
    }

    /// Those of every organisation that this person belongs to, or that keeps their account.
    pub fn webhooks_about(&mut self, user: &UserId) -> Result<Vec<Webhook>, Fault> {
        self.rows(
            "SELECT id, organisation_id, url, kinds, created_at, last_sent_at, last_failure FROM webhooks
             WHERE organisation_id IN (SELECT organisation_id FROM memberships WHERE user_id = $1
                                       UNION SELECT organisation_id FROM users
                                             WHERE id = $1 AND organisation_id IS NOT NULL)
             ORDER BY id",
            &[user.into()],
            read,
        )
    }

    /// Says whether the organisation had it.
    pub fn delete_webhook(&mut self, organisation: &OrganisationId, id: &WebhookId) -> Result<bool, Fault> {
        let gone = self.execute(
            "DELETE FROM webhooks WHERE id = $1 AND organisation_id = $2",
            &[id.into(), organisation.into()],
        )?;
        Ok(gone == 1)
    }

    /// What became of the last attempt: sent, or why not.
    pub fn note_webhook(
        &mut self,
        id: &WebhookId,
        failure: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.execute(
            "UPDATE webhooks SET last_failure = $2, last_sent_at = CASE WHEN $3 THEN $4 ELSE last_sent_at END
             WHERE id = $1",
            &[id.into(), failure.into(), failure.is_none().into(), now.into()],
        )?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> Result<Webhook, Fault> {
    let kinds: Option<String> = row.get(3)?;
    Ok(Webhook {
        id: row.get(0)?,
        organisation_id: row.get(1)?,
        url: row.get(2)?,
        kinds: kinds.map(|kinds| kinds.split(',').map(str::to_owned).collect()).unwrap_or_default(),
        created_at: row.get(4)?,
        last_sent_at: row.get(5)?,
        last_failure: row.get(6)?,
    })
}
