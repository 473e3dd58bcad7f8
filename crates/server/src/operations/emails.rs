//! Mailed links: verifying an address, changing it. Links are one-time, bound to purpose and address.

use std::time::Duration;

use countersign_core::{
    denied::Denied,
    entropy,
    event::Kind,
    ids::{LinkId, SessionId, UserId},
    message::{CodePurpose, Message},
    one_time_code,
    policy::{self, Standing},
    secret::Secret,
    session::{Reach, Visitor},
    time::{DAY, HOUR, Timestamp},
    user::{self, User},
};
use serde_json::json;
use url::Url;

pub use crate::store::Purpose as LinkPurpose;
use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose,
        sessions::{self, SignedIn},
    },
    store::{Link, Purpose, Tx},
};

/// Length of a link's token, `[A-Za-z0-9]`: 190 bits (SEC-022 asks for 128).
const TOKEN_LENGTH: usize = 32;
const LIFETIME: Duration = HOUR;
/// Notices are read late.
const NOT_ME_LIFETIME: Duration = DAY.saturating_mul(7);
/// Where the hosted page is that they lead to.
const NOT_ME_PAGE: &str = "/not-me?token=";

/// What a surface's link looks like around its token. Host and scheme always come from the configuration,
/// never from a request (SEC-027).
#[derive(Clone, Debug, Default)]
pub struct LinkShape {
    /// Where the surface's own pages live, if not at the public URL.
    pub at: Option<Url>,
    /// Path and query up to the token, such as `/api/auth/verify-email?token=`.
    pub before: String,
    pub after: String,
}

impl LinkShape {
    /// The whole link.
    pub(crate) fn around(&self, public_url: &Url, token: &Secret<String>) -> Secret<String> {
        let base = self.at.as_ref().unwrap_or(public_url).as_str().trim_end_matches('/');
        Secret::new(format!("{base}{}{}{}", self.before, token.expose(), self.after))
    }
}

/// Writes links into mails.
#[derive(Clone)]
pub(crate) struct Mailer {
    public_url: Url,
    shape: LinkShape,
}

/// One link to be mailed to somebody.
struct Errand<'a> {
    user: &'a User,
    /// Where it goes: the user's own address, or one that is to become theirs.
    to: &'a str,
    purpose: Purpose,
    /// The session the link dies with, if it does.
    session: Option<&'a SessionId>,
}

impl Mailer {
    pub(crate) fn new(ctx: &Ctx, shape: LinkShape) -> Self {
        Self { public_url: ctx.config.public_url.clone(), shape }
    }

    /// Mails a link to the user's own address.
    pub(crate) fn send(
        &self,
        act: &Act,
        tx: &mut Tx<'_>,
        user: &User,
        purpose: Purpose,
    ) -> Result<(), Fault> {
        self.run(act, tx, Errand { user, to: &user.email, purpose, session: None })
    }

    /// Mails a link that acts for the session which asked for it.
    pub(crate) fn send_for_session(&self, act: &Act, tx: &mut Tx<'_>, who: &SignedIn) -> Result<(), Fault> {
        let (user, session) = (&who.user, Some(&who.session.id));
        self.run(act, tx, Errand { user, to: &user.email, purpose: Purpose::EnrolEmail, session })
    }

    /// Sends nothing once the limits are reached (SEC-031), and does not tell: the answer must not depend
    /// on whether a mail went out.
    fn run(&self, act: &Act, tx: &mut Tx<'_>, errand: Errand<'_>) -> Result<(), Fault> {
        let Errand { user, to, purpose, .. } = errand;
        let earlier = tx.links_sent(&user.id, purpose, act.now - DAY)?;
        if one_time_code::may_send(&earlier, act.now).is_err() {
            return Ok(());
        }
        let (token, expires_at) = new_link(act, tx, &errand)?;
        let url = self.shape.around(&self.public_url, &token);
        let (message, kind) = match purpose {
            Purpose::VerifyEmail => (Message::VerifyEmail { url, hours: 1 }, Kind::EmailVerificationSent),
            Purpose::ConfirmEmailChange => {
                (Message::ChangeEmail { url, new_email: to.to_owned() }, Kind::EmailChangeRequested)
            }
            Purpose::ResetPassword => {
                (Message::ResetPassword { url, minutes: 60 }, Kind::PasswordResetRequested)
            }
            Purpose::DeleteAccount => (Message::DeleteAccount { url }, Kind::UserDeletionRequested),
            Purpose::EnrolEmail => {
                let minutes = (lifetime_of(purpose).as_secs() / 60) as u32;
                let from = act.visitor.clone();
                (Message::MagicLink { url, purpose: CodePurpose::Enrol, minutes, from }, Kind::CodeSent)
            }
            Purpose::Recover => {
                let from = act.visitor.clone();
                (Message::Recover { url, minutes: 60, from }, Kind::RecoveryRequested)
            }
            Purpose::NotMe => return Err(Fault::internal("a link of a notice was asked for without it")),
        };
        act.write_to_address(tx, user, to.to_owned(), message, expires_at)?;
        act.record(tx, kind, Whose::user(&user.id), json!({}))
    }
}

/// A link that nobody has been told of yet.
fn new_link(act: &Act, tx: &mut Tx<'_>, errand: &Errand<'_>) -> Result<(Secret<String>, Timestamp), Fault> {
    let token = Secret::new(entropy::alphanumeric(act.dice(), TOKEN_LENGTH));
    let link = Link {
        id: LinkId::new(act.now, act.dice()),
        purpose: errand.purpose,
        user_id: errand.user.id.clone(),
        email: errand.to.to_owned(),
        session_id: errand.session.cloned(),
        expires_at: act.now + lifetime_of(errand.purpose),
        used_at: None,
    };
    tx.insert_link(&link, &digest(act, token.expose()), act.now)?;
    Ok((token, link.expires_at))
}

/// What a notice leads to, for a reader who says that it was not them. An application's people have nothing here
/// that it would end.
pub(crate) fn link_out(act: &Act, tx: &mut Tx<'_>, user: &User) -> Result<Option<Secret<String>>, Fault> {
    if user.external.is_some() {
        return Ok(None);
    }
    let errand = Errand { user, to: &user.email, purpose: Purpose::NotMe, session: None };
    let (token, _) = new_link(act, tx, &errand)?;
    let shape = LinkShape { before: NOT_ME_PAGE.to_owned(), ..LinkShape::default() };
    Ok(Some(shape.around(&act.public_url, &token)))
}

fn lifetime_of(purpose: Purpose) -> Duration {
    match purpose {
        Purpose::NotMe => NOT_ME_LIFETIME,
        Purpose::EnrolEmail => one_time_code::LINK_LIFETIME,
        Purpose::VerifyEmail
        | Purpose::ConfirmEmailChange
        | Purpose::ResetPassword
        | Purpose::DeleteAccount
        | Purpose::Recover => LIFETIME,
    }
}

fn digest(act: &Act, token: &str) -> Vec<u8> {
    act.vault.digest("link", &[token.as_bytes()])
}

/// A link that was opened, looked at inside a transaction.
pub(crate) fn find(
    act: &Act,
    tx: &mut Tx<'_>,
    token: &str,
    purposes: &[Purpose],
) -> Result<Result<Link, Denied>, Fault> {
    Ok(match tx.link(&digest(act, token))? {
        Some(link) if !purposes.contains(&link.purpose) => Err(Denied::LinkInvalid),
        Some(link) if act.now >= link.expires_at => Err(Denied::LinkExpired),
        Some(link) => Ok(link),
        None => Err(Denied::LinkInvalid),
    })
}

/// Mails a verification link. A stranger always hears yes; a signed-in person hears what is the matter.
pub async fn request_verification(
    ctx: &Ctx,
    visitor: &Visitor,
    asked: VerificationRequest<'_>,
) -> Outcome<()> {
    let email = user::email(asked.email).ok_or(Denied::EmailInvalid)?;
    if let Some(who) = asked.who {
        if who.user.email != email {
            return Err(Denied::EmailMismatch.into());
        }
        if who.user.email_verified_at.is_some() {
            return Err(Denied::EmailAlreadyVerified.into());
        }
    }
    let act = Act::begin(ctx, visitor);
    let mailer = Mailer::new(ctx, asked.link);
    ctx.write(move |tx| {
        if let Some(user) = tx.user_by_email(&email)?
            && user.email_verified_at.is_none()
        {
            mailer.send(&act, tx, &user, Purpose::VerifyEmail)?;
        }
        Ok(Ok(()))
    })
    .await
}

/// As `request_verification`, where the wire names the person by id. The answer is the same whoever that is.
pub async fn resend_verification(
    ctx: &Ctx,
    visitor: &Visitor,
    user: &UserId,
    link: LinkShape,
) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let (id, mailer) = (user.clone(), Mailer::new(ctx, link));
    ctx.write(move |tx| {
        if let Some(user) = tx.user(&id)?
            && user.email_verified_at.is_none()
        {
            mailer.send(&act, tx, &user, Purpose::VerifyEmail)?;
        }
        Ok(Ok(()))
    })
    .await
}

/// Mails a new verification link to where an earlier one went, if that one was not used; it may have expired.
pub async fn resend_by_link(ctx: &Ctx, visitor: &Visitor, token: &str, shape: LinkShape) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let mailer = Mailer::new(ctx, shape);
    let token = Secret::from(token);
    ctx.write(move |tx| {
        let found = tx.link(&digest(&act, token.expose()))?;
        let Some(link) = found.filter(|one| one.purpose == Purpose::VerifyEmail && one.used_at.is_none())
        else {
            return Ok(Err(Denied::LinkInvalid));
        };
        if let Some(user) = tx.user(&link.user_id)?
            && user.email == link.email
            && user.email_verified_at.is_none()
        {
            mailer.send(&act, tx, &user, Purpose::VerifyEmail)?;
        }
        Ok(Ok(()))
    })
    .await
}

pub struct VerificationRequest<'a> {
    pub email: &'a str,
    pub who: Option<&'a SignedIn>,
    pub link: LinkShape,
}

/// What opening a verification link did.
#[derive(Debug)]
pub enum Opened {
    /// The address is verified: now, or already was by this very link.
    Verified,
    /// The user's address is the new one.
    Changed(User),
}

/// Opens a mailed verification or change link. Verifying again is harmless; changing happens once.
pub async fn open(ctx: &Ctx, visitor: &Visitor, token: &str) -> Outcome<Opened> {
    let act = Act::begin(ctx, visitor);
    let token = Secret::from(token);
    ctx.write(move |tx| {
        let purposes = [Purpose::VerifyEmail, Purpose::ConfirmEmailChange];
        let link = match find(&act, tx, token.expose(), &purposes)? {
            Ok(link) => link,
            Err(denied) => return Ok(Err(denied)),
        };
        tx.lock_user(&link.user_id)?;
        let spent = tx.spend_link(&link.id, act.now)?;
        match link.purpose {
            Purpose::VerifyEmail => verify(&act, tx, &link),
            _ if !spent => Ok(Err(Denied::LinkInvalid)),
            _ => change(&act, tx, &link),
        }
    })
    .await
}

fn verify(act: &Act, tx: &mut Tx<'_>, link: &Link) -> Result<Result<Opened, Denied>, Fault> {
    if tx.verify_email(&link.user_id, &link.email, act.now)? {
        act.record(tx, Kind::EmailVerified, Whose::user(&link.user_id), json!({}))?;
        return Ok(Ok(Opened::Verified));
    }
    // A link opened twice, by a person or a scanner, still tells the truth; a link to an address that is
    // no longer theirs does not.
    let user = tx.user(&link.user_id)?;
    let holds = user.is_some_and(|user| user.email == link.email && user.email_verified_at.is_some());
    Ok(if holds { Ok(Opened::Verified) } else { Err(Denied::LinkInvalid) })
}

fn change(act: &Act, tx: &mut Tx<'_>, link: &Link) -> Result<Result<Opened, Denied>, Fault> {
    if !tx.change_email(&link.user_id, &link.email, act.now)? {
        return Ok(Err(Denied::LinkInvalid));
    }
    // Every other link that went to the old or a third address is void now (SEC-106).
    let void = [Purpose::VerifyEmail, Purpose::ConfirmEmailChange, Purpose::ResetPassword];
    tx.void_links(&link.user_id, &void, act.now)?;
    tx.delete_trusted_devices(&link.user_id)?;
    act.record(tx, Kind::EmailChanged, Whose::user(&link.user_id), json!({}))?;
    Ok(tx.user(&link.user_id)?.map(Opened::Changed).ok_or(Denied::LinkInvalid))
}

pub struct EmailChange<'a> {
    pub new_email: &'a str,
    pub link: LinkShape,
}

/// Asks the new address to confirm; nothing changes before it does. A taken address hears nothing, and
/// the asker cannot tell (SEC-115).
pub async fn request_change(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    wish: EmailChange<'_>,
) -> Outcome<()> {
    let new_email = user::email(wish.new_email).ok_or(Denied::EmailInvalid)?;
    if new_email == who.user.email {
        return Err(Denied::EmailUnchanged.into());
    }
    let act = Act::begin(ctx, visitor);
    let mailer = Mailer::new(ctx, wish.link);
    let seen = who.clone();
    ctx.write(move |tx| {
        let who = match sessions::still(&act, tx, &seen, Reach::Everything)? {
            Ok(who) => who,
            Err(denied) => return Ok(Err(denied)),
        };
        if let Err(denied) = may_change_email(&who, &act) {
            return Ok(Err(denied));
        }
        if tx.user_by_email(&new_email)?.is_none() {
            let (user, purpose) = (&who.user, Purpose::ConfirmEmailChange);
            let errand = Errand { user, to: &new_email, purpose, session: None };
            mailer.run(&act, tx, errand)?;
            // The old address hears of it while there is still time to stop it (SEC-033).
            let not_me = link_out(&act, tx, &who.user)?;
            act.write_to(tx, &who.user, Message::ChangeEmailNotice { new_email: new_email.clone(), not_me })?;
        }
        Ok(Ok(()))
    })
    .await
}

/// The address can be a second factor, so with one in force changing it is a change of factors (SEC-033).
/// Without one, a session from long ago is still not enough: whoever holds the address holds the account.
fn may_change_email(who: &SignedIn, act: &Act) -> Result<(), Denied> {
    if !who.second_factor_is_on {
        return if who.session.is_young(act.now) { Ok(()) } else { Err(Denied::StaleSession) };
    }
    policy::may_change_factors(Standing::by_session(true, &who.session.proofs), act.now)
}

/// What a link is worth, without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// It would open, for this address.
    Valid(String),
    Used,
    /// It would have opened, for this address.
    Expired(String),
    Unknown,
}

/// Looks at a link. Who holds its token may know how it stands; who guesses learns that it is unknown.
pub async fn look_at(ctx: &Ctx, token: &str, purpose: Purpose) -> Outcome<LinkState> {
    let act = Act::begin(ctx, &Visitor::default());
    let token = Secret::from(token);
    let found = ctx.store.read(move |tx| tx.link(&digest(&act, token.expose()))).await?;
    let now = ctx.clock.now();
    Ok(match found {
        Some(link) if link.purpose != purpose => LinkState::Unknown,
        Some(link) if link.used_at.is_some() => LinkState::Used,
        Some(link) if now >= link.expires_at => LinkState::Expired(link.email),
        Some(link) => LinkState::Valid(link.email),
        None => LinkState::Unknown,
    })
}

/// Whether a link of this purpose would still open, without opening it.
pub async fn would_open(ctx: &Ctx, token: &str, purpose: Purpose) -> Outcome<bool> {
    Ok(addressee(ctx, token, purpose).await?.is_some())
}

/// Whose link of this purpose it is, if it would still open.
pub(crate) async fn addressee(ctx: &Ctx, token: &str, purpose: Purpose) -> Outcome<Option<User>> {
    let act = Act::begin(ctx, &Visitor::default());
    let token = Secret::from(token);
    let user = move |tx: &mut Tx<'_>| match find(&act, tx, token.expose(), &[purpose])? {
        Ok(link) if link.used_at.is_none() => tx.user(&link.user_id),
        Ok(_) | Err(_) => Ok(None),
    };
    Ok(ctx.store.read(user).await?)
}

/// Spends a link inside a transaction and says whose it was. Everything that follows about them is serialised.
pub(crate) fn spend(
    act: &Act,
    tx: &mut Tx<'_>,
    token: &str,
    purpose: Purpose,
) -> Result<Result<Link, Denied>, Fault> {
    let link = match find(act, tx, token, &[purpose])? {
        Ok(link) => link,
        Err(denied) => return Ok(Err(denied)),
    };
    tx.lock_user(&link.user_id)?;
    Ok(if tx.spend_link(&link.id, act.now)? { Ok(link) } else { Err(Denied::LinkInvalid) })
}
