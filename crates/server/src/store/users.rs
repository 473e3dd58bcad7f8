//! Rows of `users`.

use countersign_core::{
    ids::{OrganisationId, UserId},
    language::Language,
    method::Method,
    time::Timestamp,
    user::{External, User},
};

use crate::{
    fault::Fault,
    store::{Row, Tx},
};

/// The columns of a user, in the order `read` takes them.
macro_rules! user_columns {
    () => {
        "users.id, users.email, users.email_verified_at, users.name, users.family_name, users.image,
         users.password, users.password_by_mail, users.second_factor_required, users.preferred_method,
         users.security_version, users.created_at, users.updated_at, users.organisation_id, users.external_id,
         users.contact_email, users.language"
    };
}
pub(crate) use user_columns;

/// Reads the columns of a user, starting at `first`.
pub(crate) fn read(row: &Row<'_>, first: usize) -> Result<User, Fault> {
    Ok(User {
        id: row.get(first)?,
        email: row.get(first + 1)?,
        email_verified_at: row.get(first + 2)?,
        name: row.get(first + 3)?,
        family_name: row.get(first + 4)?,
        image: row.get(first + 5)?,
        password: row.get(first + 6)?,
        password_by_mail: row.get(first + 7)?,
        second_factor_required: row.get(first + 8)?,
        preferred_method: row.get::<Option<String>>(first + 9)?.and_then(|name| Method::parse(&name)),
        security_version: row.get(first + 10)?,
        created_at: row.get(first + 11)?,
        updated_at: row.get(first + 12)?,
        external: match (row.get(first + 13)?, row.get(first + 14)?) {
            (Some(organisation_id), Some(id)) => {
                Some(Box::new(External { organisation_id, id, mailbox: row.get(first + 15)? }))
            }
            _ => None,
        },
        language: row.get::<Option<String>>(first + 16)?.and_then(|tag| Language::of_tag(&tag)),
    })
}

impl Tx<'_> {
    /// Says whether the user is new: an address belongs to one user only, and so does an application's name.
    pub fn insert_user(&mut self, user: &User) -> Result<bool, Fault> {
        let external = user.external.as_ref();
        let inserted = self.execute(
            "INSERT INTO users (id, email, email_verified_at, name, family_name, image, password, password_by_mail,
                                second_factor_required, preferred_method, security_version, created_at, updated_at,
                                organisation_id, external_id, contact_email, language)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
             ON CONFLICT DO NOTHING",
            &[
                (&user.id).into(),
                user.email.as_str().into(),
                user.email_verified_at.into(),
                user.name.as_str().into(),
                user.family_name.clone().into(),
                user.image.clone().into(),
                user.password.clone().into(),
                user.password_by_mail.into(),
                user.second_factor_required.into(),
                user.preferred_method.map(|method| method.as_str()).into(),
                user.security_version.into(),
                user.created_at.into(),
                user.updated_at.into(),
                external.map(|one| one.organisation_id.as_str()).into(),
                external.map(|one| one.id.as_str()).into(),
                external.and_then(|one| one.mailbox.as_deref()).into(),
                user.language.map(Language::tag).into(),
            ],
        )?;
        Ok(inserted == 1)
    }

    pub fn user(&mut self, id: &UserId) -> Result<Option<User>, Fault> {
        self.row(concat!("SELECT ", user_columns!(), " FROM users WHERE id = $1"), &[id.into()], |row| {
            read(row, 0)
        })
    }

    pub fn set_language(&mut self, user: &UserId, language: Language) -> Result<(), Fault> {
        self.execute("UPDATE users SET language = $2 WHERE id = $1", &[user.into(), language.tag().into()])?;
        Ok(())
    }

    /// Whoever signs in by this address. People of other applications do not.
    pub fn user_by_email(&mut self, email: &str) -> Result<Option<User>, Fault> {
        self.row(
            concat!("SELECT ", user_columns!(), " FROM users WHERE email = $1 AND external_id IS NULL"),
            &[email.into()],
            |row| read(row, 0),
        )
    }

    /// An application's person.
    pub fn user_by_external_id(
        &mut self,
        organisation: &OrganisationId,
        external_id: &str,
    ) -> Result<Option<User>, Fault> {
        self.row(
            concat!(
                "SELECT ",
                user_columns!(),
                " FROM users WHERE organisation_id = $1 AND external_id = $2"
            ),
            &[organisation.into(), external_id.into()],
            |row| read(row, 0),
        )
    }

    /// What an application says of its person from now on.
    pub fn describe_external_user(
        &mut self,
        id: &UserId,
        (name, mailbox): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.execute(
            "UPDATE users SET name = $2, contact_email = $3, updated_at = $4 WHERE id = $1",
            &[id.into(), name.into(), mailbox.into(), now.into()],
        )?;
        Ok(())
    }

    pub fn rename_user(&mut self, user: &User, now: Timestamp) -> Result<(), Fault> {
        self.execute(
            "UPDATE users SET name = $2, family_name = $3, image = $4, updated_at = $5 WHERE id = $1",
            &[
                (&user.id).into(),
                user.name.as_str().into(),
                user.family_name.clone().into(),
                user.image.clone().into(),
                now.into(),
            ],
        )?;
        Ok(())
    }

    /// A new password: open challenges of the old one die with the security version.
    pub fn set_password(
        &mut self,
        id: &UserId,
        hash: &str,
        by_mail: bool,
        now: Timestamp,
    ) -> Result<(), Fault> {
        self.execute(
            "UPDATE users SET password = $2, password_by_mail = $3, updated_at = $4,
                              security_version = security_version + 1
             WHERE id = $1",
            &[id.into(), hash.into(), by_mail.into(), now.into()],
        )?;
        Ok(())
    }

    /// The account has none any more.
    pub fn remove_password(&mut self, id: &UserId, now: Timestamp) -> Result<(), Fault> {
        self.execute(
            "UPDATE users SET password = NULL, password_by_mail = FALSE, updated_at = $2,
                              security_version = security_version + 1
             WHERE id = $1",
            &[id.into(), now.into()],
        )?;
        Ok(())
    }

    /// The same password in a better hash; only if nobody changed it meanwhile.
    pub fn rehash_password(&mut self, id: &UserId, old: &str, new: &str) -> Result<(), Fault> {
        self.execute(
            "UPDATE users SET password = $3 WHERE id = $1 AND password = $2",
            &[id.into(), old.into(), new.into()],
        )?;
        Ok(())
    }

    /// Something other than the mailbox has been shown: the mailbox may be asked again.
    pub fn forget_password_came_by_mail(&mut self, id: &UserId) -> Result<(), Fault> {
        self.execute(
            "UPDATE users SET password_by_mail = FALSE WHERE id = $1 AND password_by_mail",
            &[id.into()],
        )?;
        Ok(())
    }

    pub fn raise_security_version(&mut self, id: &UserId, now: Timestamp) -> Result<(), Fault> {
        self.execute(
            "UPDATE users SET security_version = security_version + 1, updated_at = $2 WHERE id = $1",
            &[id.into(), now.into()],
        )?;
        Ok(())
    }

    /// Whether this person needs a second factor of their own, whatever their organisations ask.
    pub fn set_second_factor_required(&mut self, id: &UserId, required: bool) -> Result<(), Fault> {
        self.execute(
            "UPDATE users SET second_factor_required = $2 WHERE id = $1",
            &[id.into(), required.into()],
        )?;
        Ok(())
    }

    pub fn set_preferred_method(&mut self, id: &UserId, method: Method) -> Result<(), Fault> {
        self.execute(
            "UPDATE users SET preferred_method = $2 WHERE id = $1",
            &[id.into(), method.as_str().into()],
        )?;
        Ok(())
    }

    /// Whether anybody has an account.
    pub fn any_user(&mut self) -> Result<bool, Fault> {
        Ok(self
            .row("SELECT id FROM users WHERE external_id IS NULL LIMIT 1", &[], |row| row.get::<String>(0))?
            .is_some())
    }

    /// Verifies the address if it is still the one the link was sent to.
    pub fn verify_email(&mut self, id: &UserId, email: &str, now: Timestamp) -> Result<bool, Fault> {
        let verified = self.execute(
            "UPDATE users SET email_verified_at = $3, updated_at = $3
             WHERE id = $1 AND email = $2 AND email_verified_at IS NULL",
            &[id.into(), email.into(), now.into()],
        )?;
        Ok(verified == 1)
    }

    /// Says whether the address was free. A verified user proved the new address by the link; one who never
    /// verified anything stays unverified, since a mail scanner may have opened it (Better Auth's wire).
    pub fn change_email(&mut self, id: &UserId, email: &str, now: Timestamp) -> Result<bool, Fault> {
        let changed = self.execute(
            "UPDATE users SET email = $2, updated_at = $3,
                              email_verified_at = CASE WHEN email_verified_at IS NULL THEN email_verified_at ELSE $3 END,
                              security_version = security_version + 1
             WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM users WHERE email = $2)",
            &[id.into(), email.into(), now.into()],
        )?;
        Ok(changed == 1)
    }

    /// Everything bound to the user goes with the row; the journal stays.
    pub fn delete_user(&mut self, id: &UserId) -> Result<bool, Fault> {
        Ok(self.execute("DELETE FROM users WHERE id = $1", &[id.into()])? == 1)
    }
}
