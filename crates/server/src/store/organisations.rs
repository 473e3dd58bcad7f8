//! Rows of `organisations` and `memberships`.

use std::time::Duration;

use countersign_core::{
    ids::{OrganisationId, UserId},
    method::Methods,
    organisation::{Membership, Organisation, Role, Rules},
    time::Timestamp,
};

use crate::{
    fault::Fault,
    store::{Row, Tx},
};

impl Tx<'_> {
    /// Says whether it is new: an external id names one organisation only.
    pub fn insert_organisation(&mut self, one: &Organisation) -> Result<bool, Fault> {
        let inserted = self.execute(
            "INSERT INTO organisations (id, external_id, name, second_factor_required, methods, created_at,
                                        recovery_wait, trust_lasts, required_from)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (external_id) DO NOTHING",
            &[
                (&one.id).into(),
                one.external_id.clone().into(),
                one.name.as_str().into(),
                one.rules.second_factor_required.into(),
                one.rules.methods.to_text().into(),
                one.created_at.into(),
                micros(one.rules.recovery_wait).into(),
                micros(one.rules.trust_lasts).into(),
                one.rules.required_from.into(),
            ],
        )?;
        Ok(inserted == 1)
    }

    pub fn organisation(&mut self, id: &OrganisationId) -> Result<Option<Organisation>, Fault> {
        self.row(
            "SELECT id, external_id, name, second_factor_required, methods, created_at, recovery_wait,
                    trust_lasts, required_from
             FROM organisations WHERE id = $1",
            &[id.into()],
            |row| read(row, 0),
        )
    }

    pub fn organisation_by_external_id(&mut self, external_id: &str) -> Result<Option<Organisation>, Fault> {
        self.row(
            "SELECT id, external_id, name, second_factor_required, methods, created_at, recovery_wait,
                    trust_lasts, required_from
             FROM organisations WHERE external_id = $1",
            &[external_id.into()],
            |row| read(row, 0),
        )
    }

    /// Whether and from when on a second factor is required, and which count; the other rules are set apart.
    pub fn set_rules(&mut self, id: &OrganisationId, rules: Rules) -> Result<(), Fault> {
        let required = rules.second_factor_required.into();
        self.execute(
            "UPDATE organisations SET second_factor_required = $2, methods = $3, required_from = $4 WHERE id = $1",
            &[id.into(), required, rules.methods.to_text().into(), rules.required_from.into()],
        )?;
        Ok(())
    }

    pub fn set_recovery_wait(&mut self, id: &OrganisationId, wait: Duration) -> Result<(), Fault> {
        self.execute(
            "UPDATE organisations SET recovery_wait = $2 WHERE id = $1",
            &[id.into(), micros(wait).into()],
        )?;
        Ok(())
    }

    pub fn set_trust_lasts(&mut self, id: &OrganisationId, lasts: Duration) -> Result<(), Fault> {
        self.execute(
            "UPDATE organisations SET trust_lasts = $2 WHERE id = $1",
            &[id.into(), micros(lasts).into()],
        )?;
        Ok(())
    }

    pub fn insert_membership(
        &mut self,
        organisation: &OrganisationId,
        user: &UserId,
        as_of: (Role, Timestamp),
    ) -> Result<(), Fault> {
        let (role, now) = as_of;
        self.execute(
            "INSERT INTO memberships (organisation_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (organisation_id, user_id) DO NOTHING",
            &[organisation.into(), user.into(), role.as_str().into(), now.into()],
        )?;
        Ok(())
    }

    pub fn set_role(
        &mut self,
        organisation: &OrganisationId,
        user: &UserId,
        role: Role,
    ) -> Result<(), Fault> {
        self.execute(
            "UPDATE memberships SET role = $3 WHERE organisation_id = $1 AND user_id = $2",
            &[organisation.into(), user.into(), role.as_str().into()],
        )?;
        Ok(())
    }

    /// What the person belongs to, the oldest membership first.
    pub fn memberships(&mut self, user: &UserId) -> Result<Vec<Membership>, Fault> {
        self.rows(
            "SELECT m.role, o.id, o.external_id, o.name, o.second_factor_required, o.methods, o.created_at,
                    o.recovery_wait, o.trust_lasts, o.required_from
             FROM memberships m JOIN organisations o ON o.id = m.organisation_id
             WHERE m.user_id = $1 ORDER BY m.created_at, o.id",
            &[user.into()],
            |row| {
                let role = Role::parse(&row.get::<String>(0)?)
                    .ok_or_else(|| Fault::internal("memberships: a stored role is not one"))?;
                Ok(Membership { role, organisation: read(row, 1)? })
            },
        )
    }

    /// Names of organisations that would be left with members and without an owner.
    pub fn owned_alone(&mut self, user: &UserId) -> Result<Vec<String>, Fault> {
        self.rows(
            "SELECT o.name FROM memberships m JOIN organisations o ON o.id = m.organisation_id
             WHERE m.user_id = $1 AND m.role = 'owner'
               AND EXISTS (SELECT 1 FROM memberships other
                           WHERE other.organisation_id = o.id AND other.user_id <> $1)
               AND NOT EXISTS (SELECT 1 FROM memberships other
                               WHERE other.organisation_id = o.id AND other.user_id <> $1
                                 AND other.role = 'owner')
             ORDER BY o.name",
            &[user.into()],
            |row| row.get(0),
        )
    }

    /// Members who need a second factor and have none that counts may only enrol from now on; `except` is the
    /// session that says so. The same question as the core's `Policy::scope`, asked of everybody at once.
    pub fn demote_sessions_that_must_enrol(
        &mut self,
        organisation: &OrganisationId,
        except: &str,
    ) -> Result<u64, Fault> {
        self.execute(
            "UPDATE sessions SET scope = 'enrolment'
             WHERE id <> $2
               AND user_id IN (SELECT user_id FROM memberships WHERE organisation_id = $1)
               AND (EXISTS (SELECT 1 FROM users u WHERE u.id = sessions.user_id AND u.second_factor_required)
                    OR EXISTS (SELECT 1 FROM memberships m JOIN organisations o ON o.id = m.organisation_id
                               WHERE m.user_id = sessions.user_id AND o.second_factor_required))
               AND NOT EXISTS (SELECT 1 FROM authenticators a
                               WHERE a.user_id = sessions.user_id AND a.confirmed_at IS NOT NULL
                                 AND NOT EXISTS
                                     (SELECT 1 FROM memberships m JOIN organisations o ON o.id = m.organisation_id
                                      WHERE m.user_id = sessions.user_id AND o.methods IS NOT NULL
                                        AND ',' || o.methods || ',' NOT LIKE '%,' || a.method || ',%'))",
            &[organisation.into(), except.into()],
        )
    }
}

fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

fn span(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}

fn read(row: &Row<'_>, first: usize) -> Result<Organisation, Fault> {
    Ok(Organisation {
        id: row.get(first)?,
        external_id: row.get(first + 1)?,
        name: row.get(first + 2)?,
        rules: Rules {
            second_factor_required: row.get(first + 3)?,
            methods: Methods::from_text(row.get::<Option<String>>(first + 4)?.as_deref()),
            recovery_wait: span(row.get(first + 6)?),
            trust_lasts: span(row.get(first + 7)?),
            required_from: row.get(first + 8)?,
        },
        created_at: row.get(first + 5)?,
    })
}
