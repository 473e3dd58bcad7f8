//! Rows of `links`: one-time addresses that were mailed to somebody.

use countersign_core::{
    ids::{LinkId, SessionId, UserId},
    time::Timestamp,
};

use crate::{fault::Fault, store::Tx};

/// What opening a link does. A link made for one purpose opens nothing else (SEC-106).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    VerifyEmail,
    ConfirmEmailChange,
    ResetPassword,
    DeleteAccount,
    /// Makes the mailbox a second factor.
    EnrolEmail,
    /// Begins a recovery.
    Recover,
    /// Comes with a notice: ends what opens the account.
    NotMe,
}

impl Purpose {
    pub const ALL: [Self; 7] = [
        Self::VerifyEmail,
        Self::ConfirmEmailChange,
        Self::ResetPassword,
        Self::DeleteAccount,
        Self::EnrolEmail,
        Self::Recover,
        Self::NotMe,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ConfirmEmailChange => "confirm_email_change",
            Self::ResetPassword => "reset_password",
            Self::DeleteAccount => "delete_account",
            Self::EnrolEmail => "enrol_email",
            Self::Recover => "recover",
            Self::NotMe => "not_me",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }
}

#[derive(Clone, Debug)]
pub struct Link {
    pub id: LinkId,
    pub purpose: Purpose,
    pub user_id: UserId,
    /// The address it was mailed to.
    pub email: String,
    /// The session it belongs to and dies with, if it has one.
    pub session_id: Option<SessionId>,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

impl Tx<'_> {
    pub fn insert_link(&mut self, link: &Link, digest: &[u8], now: Timestamp) -> Result<(), Fault> {
        self.execute(
            "INSERT INTO links (id, digest, purpose, user_id, email, created_at, expires_at, session_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                (&link.id).into(),
                digest.into(),
                link.purpose.as_str().into(),
                (&link.user_id).into(),
                link.email.as_str().into(),
                now.into(),
                link.expires_at.into(),
                link.session_id.as_ref().map(|id| id.as_str()).into(),
            ],
        )?;
        Ok(())
    }

    pub fn link(&mut self, digest: &[u8]) -> Result<Option<Link>, Fault> {
        self.row(
            "SELECT id, purpose, user_id, email, expires_at, used_at, session_id FROM links WHERE digest = $1",
            &[digest.into()],
            |row| {
                let purpose: String = row.get(1)?;
                Ok(Link {
                    id: row.get(0)?,
                    purpose: Purpose::parse(&purpose)
                        .ok_or_else(|| Fault::internal("links: a stored purpose is not one"))?,
                    user_id: row.get(2)?,
                    email: row.get(3)?,
                    expires_at: row.get(4)?,
                    used_at: row.get(5)?,
                    session_id: row.get(6)?,
                })
            },
        )
    }

    /// Spends the link; says whether this call did.
    pub fn spend_link(&mut self, id: &LinkId, now: Timestamp) -> Result<bool, Fault> {
        let spent = self.execute(
            "UPDATE links SET used_at = $2 WHERE id = $1 AND used_at IS NULL AND expires_at > $2",
            &[id.into(), now.into()],
        )?;
        Ok(spent == 1)
    }

    /// When mail of this purpose went to the user since `since`, for the sending limits.
    pub fn links_sent(
        &mut self,
        user: &UserId,
        purpose: Purpose,
        since: Timestamp,
    ) -> Result<Vec<Timestamp>, Fault> {
        self.rows(
            "SELECT created_at FROM links WHERE user_id = $1 AND purpose = $2 AND created_at > $3
             ORDER BY created_at",
            &[user.into(), purpose.as_str().into(), since.into()],
            |row| row.get(0),
        )
    }

    /// Links die when the state they were issued for changes (SEC-106). The rows stay for a day: the sending
    /// limits count them.
    pub fn void_links(&mut self, user: &UserId, purposes: &[Purpose], now: Timestamp) -> Result<(), Fault> {
        for purpose in purposes {
            self.execute(
                "UPDATE links SET used_at = $3 WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL",
                &[user.into(), purpose.as_str().into(), now.into()],
            )?;
        }
        Ok(())
    }
}
