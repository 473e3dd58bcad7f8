//! Operations: one act each that a surface can ask for. They load, ask the core, save, and say the outcome.
//!
//! Every operation reads the clock once and does its writing in one transaction. A refusal is saved before
//! it is said: closures return `Ok(Err(denied))`, which commits, and only then the caller hears it.

pub mod accounts;
pub mod administration;
pub mod api_keys;
pub mod apps;
pub mod authenticators;
pub mod brands;
pub mod challenge;
pub mod deadlines;
pub mod emails;
pub mod enrol;
pub mod forward_auth;
pub mod housekeeping;
pub mod idempotency;
pub mod mail_sign_in;
pub mod not_me;
pub mod organisations;
pub mod passkeys;
pub mod passwords;
pub mod recovery;
pub mod service;
pub mod sessions;
pub mod sign_in;
pub mod tokens;
pub mod trusted_devices;
pub mod webhooks;

use std::sync::Arc;

use countersign_core::{
    denied::Denied,
    entropy::Entropy,
    event::{Event, Kind},
    ids::{EventId, OutboxId, SessionId, UserId},
    message::{Destination, Letter, Message, Notice},
    policy::{EmailCodes, Policy},
    session::Visitor,
    time::{DAY, Timestamp},
    user::User,
};
use serde_json::Value;
use url::Url;

use crate::{
    ctx::Ctx,
    dice::Dice,
    fault::Fault,
    store::{Envelope, OutboxRow, Tx},
    vault::Vault,
};

/// Why an operation did not do what was asked: the caller's news, or our failure.
#[derive(Debug)]
pub enum Stop {
    Denied(Denied),
    Fault(Fault),
}

pub type Outcome<T> = Result<T, Stop>;

impl From<Denied> for Stop {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Lets `?` turn what an operation says into a surface's own no, which has `Denied` and `Fault` among its
/// variants.
macro_rules! hears_operations {
    ($no:ident) => {
        impl From<crate::operations::Stop> for $no {
            fn from(stop: crate::operations::Stop) -> Self {
                match stop {
                    crate::operations::Stop::Denied(denied) => Self::Denied(denied),
                    crate::operations::Stop::Fault(fault) => Self::Fault(fault),
                }
            }
        }

        impl From<countersign_core::denied::Denied> for $no {
            fn from(denied: countersign_core::denied::Denied) -> Self {
                Self::Denied(denied)
            }
        }
    };
}
pub(crate) use hears_operations;

/// One act: the moment it happens, who asked, and the dice and keys it needs inside its transaction.
#[derive(Clone)]
pub(crate) struct Act {
    pub now: Timestamp,
    pub visitor: Visitor,
    pub policy: Policy,
    pub public_url: Url,
    pub dice: Arc<Dice>,
    pub vault: Arc<Vault>,
}

impl Act {
    /// Reads the clock: once per operation.
    fn begin(ctx: &Ctx, visitor: &Visitor) -> Self {
        Self {
            now: ctx.clock.now(),
            visitor: visitor.clone(),
            policy: ctx.config.accounts.policy,
            public_url: ctx.config.public_url.clone(),
            dice: Arc::clone(&ctx.dice),
            vault: Arc::clone(&ctx.vault),
        }
    }

    /// What holds for this person, in all organisations they belong to.
    fn policy_for(&self, tx: &mut Tx<'_>, user: &User) -> Result<Policy, Fault> {
        let memberships = tx.memberships(&user.id)?;
        let rules = memberships.iter().map(|one| &one.organisation.rules);
        let Some(external) = &user.external else {
            return Ok(self.policy.under(rules, user.second_factor_required));
        };
        // The application's own reset of a password goes through the mailbox: it counts only where it was enrolled.
        let policy = Policy { email_codes: EmailCodes::Enrolled, ..self.policy };
        let keeper = tx.organisation(&external.organisation_id)?;
        Ok(policy.under(keeper.iter().map(|one| &one.rules), true))
    }

    fn dice(&self) -> &dyn Entropy {
        self.dice.as_ref()
    }

    /// Writes the journal, in the transaction of the effect, and leaves the news for webhooks.
    fn record(&self, tx: &mut Tx<'_>, kind: Kind, whose: Whose<'_>, detail: Value) -> Result<(), Fault> {
        let event = Event {
            kind,
            at: self.now,
            user_id: whose.user.cloned(),
            session_id: whose.session.cloned(),
            visitor: self.visitor.clone(),
            detail,
        };
        let id = EventId::new(self.now, self.dice());
        tx.record(&id, &event)?;
        webhooks::tell(self, tx, &id, &event)
    }

    /// Puts a message for the user's mailbox into the outbox, if they have one.
    fn write_to(&self, tx: &mut Tx<'_>, user: &User, message: Message) -> Result<(), Fault> {
        self.write_letter(tx, user, message, self.now + DAY)
    }

    fn write_letter(
        &self,
        tx: &mut Tx<'_>,
        user: &User,
        message: Message,
        expires_at: Timestamp,
    ) -> Result<(), Fault> {
        let Some(mailbox) = user.mailbox() else { return Ok(()) };
        self.write_to_address(tx, user, mailbox.to_owned(), message, expires_at)
    }

    fn write_to_address(
        &self,
        tx: &mut Tx<'_>,
        user: &User,
        email: String,
        message: Message,
        expires_at: Timestamp,
    ) -> Result<(), Fault> {
        self.write_to_destination(tx, user, Destination::Email(email), (message, expires_at))
    }

    fn post(&self, tx: &mut Tx<'_>, user_id: UserId, letter: &Letter) -> Result<(), Fault> {
        let id = OutboxId::new(self.now, self.dice());
        let envelope = Envelope { id, user_id, created_at: self.now };
        tx.post(&OutboxRow::seal(&self.vault, envelope, letter)?)
    }

    fn write_to_destination(
        &self,
        tx: &mut Tx<'_>,
        user: &User,
        to: Destination,
        (message, expires_at): (Message, Timestamp),
    ) -> Result<(), Fault> {
        let letter = Letter {
            to,
            recipient_name: user.name.clone(),
            message,
            expires_at,
            // What the owner wants to be spoken to in, not whoever caused this; until that is known, what they want.
            language: user.language.or(self.visitor.language).unwrap_or_default(),
            head: brands::letterhead(self, tx, Some(user))?,
        };
        self.post(tx, user.id.clone(), &letter)
    }

    /// Tells the user that something happened to the account (SEC-109).
    fn notify(&self, tx: &mut Tx<'_>, user: &User, what: Notice) -> Result<(), Fault> {
        let external = user.external.is_some();
        let not_me = match what {
            // Whoever reads that has just said so.
            Notice::EverythingEnded { .. } => None,
            _ => emails::link_out(self, tx, user)?,
        };
        let notice = Message::Notice { what, from: self.visitor.clone(), at: self.now, external, not_me };
        self.write_to(tx, user, notice)
    }
}

/// Whose journal an entry belongs to.
#[derive(Clone, Copy, Default)]
struct Whose<'a> {
    user: Option<&'a UserId>,
    session: Option<&'a SessionId>,
}

impl<'a> Whose<'a> {
    fn user(user: &'a UserId) -> Self {
        Self { user: Some(user), session: None }
    }

    fn session(user: &'a UserId, session: &'a SessionId) -> Self {
        Self { user: Some(user), session: Some(session) }
    }
}

impl Ctx {
    /// One write transaction whose refusals are committed before they are heard.
    async fn write<T, F>(&self, work: F) -> Outcome<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<Result<T, Denied>, Fault> + Send + 'static,
    {
        let outcome = self.store.write(work).await?;
        self.nudge.nudge();
        Ok(outcome?)
    }
}
