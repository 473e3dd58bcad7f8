//! What administrators look at: the people of one organisation, and the journal about them.

use countersign_core::{
    ids::{EventId, OrganisationId, UserId},
    time::Timestamp,
    user::User,
};

use crate::{
    fault::Fault,
    store::{
        Row, Tx, Value,
        users::{self, user_columns},
    },
};

/// An entry of the journal as it is read back.
#[derive(Clone, Debug)]
pub struct EventRow {
    pub id: EventId,
    pub at: Timestamp,
    pub kind: String,
    pub user_id: Option<UserId>,
    pub ip: String,
    pub user_agent: String,
    /// JSON.
    pub detail: String,
}

/// How often something happened on one day; the day is counted from 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub day: i64,
    pub kind: String,
    pub count: i64,
}

/// Which entries of the journal are wanted.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// One kind, or the group before its dot.
    pub kind: Option<String>,
    pub user: Option<UserId>,
    /// Only what is older than this entry.
    pub before: Option<EventId>,
    pub limit: i64,
}

/// Members of the organisation, and the people whom its applications brought. `$1` is the organisation.
macro_rules! people {
    () => {
        "(SELECT user_id FROM memberships WHERE organisation_id = $1
          UNION SELECT id FROM users WHERE organisation_id = $1)"
    };
}

impl Tx<'_> {
    /// The people of an organisation whose id is greater than `after`, in the order of their birth. `search` is looked
    /// for in addresses, names and external ids.
    pub fn people_of(
        &mut self,
        organisation: &OrganisationId,
        (search, after): (&str, &str),
        limit: i64,
    ) -> Result<Vec<User>, Fault> {
        let escaped = search.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        self.rows(
            concat!(
                "SELECT ",
                user_columns!(),
                " FROM users WHERE users.id > $2 AND users.id IN ",
                people!(),
                " AND (lower(users.name) LIKE $3 ESCAPE '\\' OR users.external_id LIKE $3 ESCAPE '\\'
                       OR lower(COALESCE(users.contact_email, '')) LIKE $3 ESCAPE '\\'
                       OR (users.external_id IS NULL AND users.email LIKE $3 ESCAPE '\\'))
                 ORDER BY users.id LIMIT $4"
            ),
            &[organisation.into(), after.into(), format!("%{escaped}%").into(), limit.into()],
            |row| users::read(row, 0),
        )
    }

    /// Whether somebody is among them.
    pub fn is_of(&mut self, organisation: &OrganisationId, user: &UserId) -> Result<bool, Fault> {
        let found: Option<String> = self.row(
            concat!("SELECT id FROM users WHERE id = $2 AND id IN ", people!()),
            &[organisation.into(), user.into()],
            |row| row.get(0),
        )?;
        Ok(found.is_some())
    }

    pub fn count_people(&mut self, organisation: &OrganisationId) -> Result<i64, Fault> {
        let count = self.row(
            concat!("SELECT count(*) FROM users WHERE id IN ", people!()),
            &[organisation.into()],
            |row| row.get(0),
        )?;
        Ok(count.unwrap_or(0))
    }

    /// How many of them have each method; `""` stands for any at all.
    pub fn count_methods(&mut self, organisation: &OrganisationId) -> Result<Vec<(String, i64)>, Fault> {
        let of = |sql| (sql, [Value::from(organisation)]);
        let (any, values) = of(concat!(
            "SELECT '', count(DISTINCT user_id) FROM authenticators WHERE confirmed_at IS NOT NULL AND user_id IN ",
            people!()
        ));
        let mut all = self.rows(any, &values, |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (each, values) = of(concat!(
            "SELECT method, count(DISTINCT user_id) FROM authenticators
             WHERE confirmed_at IS NOT NULL AND user_id IN ",
            people!(),
            " GROUP BY method ORDER BY method"
        ));
        all.extend(self.rows(each, &values, |row| Ok((row.get(0)?, row.get(1)?)))?);
        Ok(all)
    }

    /// What happened to them each day since then.
    pub fn count_events(
        &mut self,
        organisation: &OrganisationId,
        since: Timestamp,
    ) -> Result<Vec<Counted>, Fault> {
        self.rows(
            concat!(
                "SELECT at / 86400000000, kind, count(*) FROM events WHERE at > $2
                 AND kind IN ('challenge.passed', 'service_challenge.passed', 'code.refused') AND user_id IN ",
                people!(),
                " GROUP BY at / 86400000000, kind ORDER BY 1, 2"
            ),
            &[organisation.into(), since.into()],
            |row| Ok(Counted { day: row.get(0)?, kind: row.get(1)?, count: row.get(2)? }),
        )
    }

    /// The journal about them, newest first.
    pub fn events_of(&mut self, organisation: &OrganisationId, told: &Told) -> Result<Vec<EventRow>, Fault> {
        let kind = told.kind.clone().unwrap_or_default();
        self.rows(
            concat!(
                "SELECT id, at, kind, user_id, ip, user_agent, detail FROM events
                 WHERE ($2 = '' OR kind = $2 OR kind LIKE $3) AND ($4 = '' OR user_id = $4)
                   AND ($5 = '' OR id < $5) AND user_id IN ",
                people!(),
                " ORDER BY id DESC LIMIT $6"
            ),
            &[
                organisation.into(),
                kind.as_str().into(),
                format!("{kind}.%").into(),
                told.user.as_ref().map_or("", |id| id.as_str()).into(),
                told.before.as_ref().map_or("", |id| id.as_str()).into(),
                told.limit.into(),
            ],
            read_event,
        )
    }
}

pub(super) fn read_event(row: &Row<'_>) -> Result<EventRow, Fault> {
    Ok(EventRow {
        id: row.get(0)?,
        at: row.get(1)?,
        kind: row.get(2)?,
        user_id: row.get(3)?,
        ip: row.get(4)?,
        user_agent: row.get(5)?,
        detail: row.get(6)?,
    })
}
