//! Recovery: getting back in with nothing left but the mailbox, and everything that can stop it.
//!
//! A mailed link shows the mailbox. Opening it begins a recovery and hands out its *claim*, the one thing that
//! completes it; the mails about it carry a *notice* token, which can only look and stop. The claim is never
//! mailed: the mails go to every channel, and not every channel is the owner's alone. Who lost the claim begins
//! anew, and waits anew: otherwise a thief of the mailbox could take over a recovery that has waited already.

mod shortening;

use countersign_core::{
    assurance::Proofs,
    backup_code,
    denied::Denied,
    event::Kind,
    ids::RecoveryId,
    lockout::{FREE, Lane},
    message::{Message, Notice, RecoveryLinks, RecoveryNews},
    method::Method,
    recovery::{self, Recovery, Shown, State, WINDOW},
    secret::Secret,
    session::{Reach, Scope, Visitor},
    time::Timestamp,
    trusted_device::{Presented, Trust},
    user::{self, User},
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use url::Url;

pub use self::shortening::{Shorten, approve, of_member, shorten};
use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose, challenge,
        emails::{self, LinkShape, Mailer},
        organisations, passwords,
        sessions::{self, Handover, Minted, NewSession, SignedIn},
        sign_in, trusted_devices,
    },
    store::{Purpose, Ticket, Tx},
};

/// Where the hosted pages are that the mails lead to, each with its token after it. All of them ask for a click:
/// mail scanners follow links (SEC-028).
pub const BEGIN_PAGE: &str = "/recovery/begin?token=";
pub const STOP_PAGE: &str = "/recovery/stop?token=";
pub const STATUS_PAGE: &str = "/recovery/status?token=";

/// How somebody says whose account they want back.
#[derive(Clone, Copy)]
pub enum Asked<'a> {
    Address(&'a str),
    /// After the first step of signing in, by the challenge's token: the address need not be typed again.
    Challenge(&'a str),
}

/// Mails the link that begins a recovery, if there is anything to recover. The answer is the same either way
/// (SEC-115), and the sending limits of links hold.
pub async fn request(ctx: &Ctx, visitor: &Visitor, asked: Asked<'_>) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let (email, challenge) = match asked {
        Asked::Address(email) => (Some(user::email(email).ok_or(Denied::EmailInvalid)?), None),
        Asked::Challenge(token) => (None, Some(sign_in::challenge_digest(&ctx.vault, token))),
    };
    let mailer = Mailer::new(ctx, LinkShape { before: BEGIN_PAGE.to_owned(), ..LinkShape::default() });
    ctx.write(move |tx| {
        let user = match (&email, &challenge) {
            (Some(email), _) => tx.user_by_email(email)?,
            (None, Some(digest)) => match asker_at_the_door(&act, tx, digest)? {
                Some(user) => Some(user),
                None => return Ok(Err(Denied::ChallengeGone)),
            },
            (None, None) => None,
        };
        if let Some(user) = user
            && recovery::may_begin(&user, &user.email, has_second_factor(tx, &user)?).is_ok()
        {
            mailer.send(&act, tx, &user, Purpose::Recover)?;
        }
        Ok(Ok(()))
    })
    .await
}

fn asker_at_the_door(act: &Act, tx: &mut Tx<'_>, digest: &[u8]) -> Result<Option<User>, Fault> {
    let Some(challenge) = tx.challenge(digest)? else { return Ok(None) };
    Ok(tx.user(&challenge.user_id)?.filter(|user| challenge.is_open(user, act.now)))
}

fn has_second_factor(tx: &mut Tx<'_>, user: &User) -> Result<bool, Fault> {
    Ok(!tx.methods_enrolled(&user.id)?.is_empty())
}

/// A recovery just begun, with the only copy of its claim: to be kept in a cookie until it expires, and shown, so
/// that it can be written down.
#[derive(Debug)]
pub struct Begun {
    pub claim: Secret<String>,
    pub standing: Standing,
}

/// Opens the mailed link: the mailbox is shown, and the wait begins. A recovery that was open is over.
pub async fn begin(ctx: &Ctx, visitor: &Visitor, link: &str) -> Outcome<Begun> {
    let act = Act::begin(ctx, visitor);
    let (link, public_url) = (Secret::from(link), ctx.config.public_url.clone());
    ctx.write(move |tx| {
        let link = match emails::find(&act, tx, link.expose(), &[Purpose::Recover])? {
            Ok(link) => link,
            Err(denied) => return Ok(Err(denied)),
        };
        tx.lock_user(&link.user_id)?;
        let Some(user) = tx.user(&link.user_id)? else {
            return Ok(Err(Denied::LinkInvalid));
        };
        if let Err(denied) = recovery::may_begin(&user, &link.email, has_second_factor(tx, &user)?) {
            return Ok(Err(denied));
        }
        if !tx.spend_link(&link.id, act.now)? {
            return Ok(Err(Denied::LinkInvalid));
        }
        if let Some(earlier) = tx.open_recovery(&user.id)? {
            end(&act, tx, &earlier, (State::Cancelled, "begun_anew"))?;
        }
        let (one, claim) = open(&act, tx, &user)?;
        tell(&act, tx, (&user, &one), (RecoveryNews::Begun, Some(&public_url)))?;
        Ok(Ok(Begun { claim, standing: Standing::of(&one, State::Pending) }))
    })
    .await
}

fn open(act: &Act, tx: &mut Tx<'_>, user: &User) -> Result<(Recovery, Secret<String>), Fault> {
    let memberships = tx.memberships(&user.id)?;
    let wait = recovery::wait(memberships.iter().map(|one| &one.organisation.rules));
    let one = Recovery {
        id: RecoveryId::new(act.now, act.dice()),
        user_id: user.id.clone(),
        state: State::Pending,
        security_version: user.security_version,
        from: act.visitor.clone(),
        started_at: act.now,
        ready_at: act.now + wait,
        expires_at: act.now + wait + WINDOW,
        shortening: None,
    };
    let shown = recovery::new_claim(act.dice());
    let claim = claim_digest(act, shown.expose()).ok_or_else(|| Fault::internal("a new claim is not one"))?;
    let notice = notice_digest(act, notice_token(act, &one.id).expose());
    if !tx.insert_recovery(&one, (&claim, &notice))? {
        return Err(Fault::internal("a locked user has two open recoveries"));
    }
    let detail = json!({ "recovery": one.id, "wait_seconds": wait.as_secs() });
    act.record(tx, Kind::RecoveryBegun, Whose::user(&user.id), detail)?;
    Ok((one, shown))
}

fn claim_digest(act: &Act, typed: &str) -> Option<Vec<u8>> {
    let claim = recovery::normalise_claim(typed)?;
    Some(act.vault.digest("recovery claim", &[claim.expose().as_bytes()]))
}

/// The same in every mail about one recovery, so that the link in each of them works: made from the id under the
/// digest key instead of being stored.
fn notice_token(act: &Act, id: &RecoveryId) -> Secret<String> {
    let bytes = Secret::new(act.vault.digest("recovery notice token", &[id.as_str().as_bytes()]));
    Secret::new(BASE64URL_NOPAD.encode(bytes.expose()))
}

fn notice_digest(act: &Act, token: &str) -> Vec<u8> {
    act.vault.digest("recovery notice", &[token.as_bytes()])
}

/// What somebody holds who asks about a recovery.
#[derive(Clone, Copy)]
pub enum Held<'a> {
    /// The claim, as kept or as typed.
    Claim(&'a str),
    /// The token from a mail about it.
    Notice(&'a str),
}

impl Held<'_> {
    fn ticket(self, act: &Act) -> Option<Ticket> {
        match self {
            Self::Claim(typed) => claim_digest(act, typed).map(Ticket::Claim),
            Self::Notice(token) => Some(Ticket::Notice(notice_digest(act, token))),
        }
    }
}

/// How a recovery stands, for whoever holds a token of it or a session of its owner.
#[derive(Clone, Debug)]
pub struct Standing {
    pub state: State,
    /// Where it was begun.
    pub from: Visitor,
    pub started_at: Timestamp,
    pub ready_at: Timestamp,
    pub expires_at: Timestamp,
    /// Administrators shortened the wait.
    pub shortened: bool,
}

impl Standing {
    fn of(one: &Recovery, state: State) -> Self {
        Self {
            state,
            from: one.from.clone(),
            started_at: one.started_at,
            ready_at: one.ready_at,
            expires_at: one.expires_at,
            shortened: one.shortening.as_ref().is_some_and(|said| said.in_force_since.is_some()),
        }
    }
}

pub async fn status(ctx: &Ctx, held: Held<'_>) -> Outcome<Standing> {
    let act = Act::begin(ctx, &Visitor::default());
    let ticket = held.ticket(&act).ok_or(Denied::RecoveryGone)?;
    let now = act.now;
    let found = ctx.store.read(move |tx| find(tx, &ticket)).await?;
    let (one, user) = found.ok_or(Denied::RecoveryGone)?;
    Ok(Standing::of(&one, one.standing(user.security_version, now)))
}

/// The open recovery of whoever is signed in: what their pages must show, with a button that stops it.
pub async fn of_oneself(ctx: &Ctx, who: &SignedIn) -> Outcome<Option<Standing>> {
    let (user, now) = (who.user.clone(), ctx.clock.now());
    let found = ctx.store.read(move |tx| tx.open_recovery(&user.id)).await?;
    let standing = found.map(|one| Standing::of(&one, one.standing(who.user.security_version, now)));
    Ok(standing.filter(|one| one.state.is_open()))
}

fn find(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<Option<(Recovery, User)>, Fault> {
    let Some(one) = tx.recovery(ticket)? else { return Ok(None) };
    Ok(tx.user(&one.user_id)?.map(|user| (one, user)))
}

/// The same, with everything that follows about this user serialised.
fn find_locked(tx: &mut Tx<'_>, ticket: &Ticket) -> Result<Option<(Recovery, User)>, Fault> {
    let Some(one) = tx.recovery(ticket)? else { return Ok(None) };
    tx.lock_user(&one.user_id)?;
    find(tx, ticket)
}

/// Who may stop a recovery.
#[derive(Clone, Copy)]
pub enum Vetoer<'a> {
    Session(&'a SignedIn),
    /// A browser that is trusted but not signed in, by the value it keeps. The value stays as it is.
    TrustedDevice(&'a str),
    /// Whoever holds a mail about it.
    Notice(&'a str),
}

/// The recovery is over.
#[derive(Clone, Copy, Debug)]
pub struct Vetoed {
    /// Somebody else may read the mail: advise a new password for the mailbox, and for the account if this says
    /// that it has one.
    pub has_password: bool,
}

/// Stops a recovery for good. Links that would begin another die with it.
pub async fn veto(ctx: &Ctx, visitor: &Visitor, by: Vetoer<'_>) -> Outcome<Vetoed> {
    let act = Act::begin(ctx, visitor);
    let by = match by {
        Vetoer::Session(who) => Stopper::Session(Box::new(who.clone())),
        Vetoer::TrustedDevice(value) => Stopper::Device(Secret::from(value)),
        Vetoer::Notice(token) => Stopper::Notice(Ticket::Notice(notice_digest(&act, token))),
    };
    ctx.write(move |tx| {
        let (one, user, how) = match by.target(&act, tx)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        if let Err(denied) = one.may_stop(user.security_version, act.now) {
            return Ok(Err(denied));
        }
        stop(&act, tx, (&user, &one), how)?;
        Ok(Ok(Vetoed { has_password: user.password.is_some() }))
    })
    .await
}

/// A `Vetoer` that can be taken into a transaction.
enum Stopper {
    Session(Box<SignedIn>),
    Device(Secret<String>),
    Notice(Ticket),
}

type Target = (Recovery, User, &'static str);

impl Stopper {
    fn target(&self, act: &Act, tx: &mut Tx<'_>) -> Result<Result<Target, Denied>, Fault> {
        let (user, how) = match self {
            Self::Session(seen) => match sessions::still(act, tx, seen, Reach::Everything)? {
                Ok(who) => (who.user, "session"),
                Err(denied) => return Ok(Err(denied)),
            },
            Self::Device(value) => match trusted(act, tx, value.expose())? {
                Some(user) => (user, "trusted_device"),
                None => return Ok(Err(Denied::NotSignedIn)),
            },
            Self::Notice(ticket) => {
                let found = find_locked(tx, ticket)?;
                return Ok(found.map(|(one, user)| (one, user, "mail")).ok_or(Denied::RecoveryGone));
            }
        };
        Ok(tx.open_recovery(&user.id)?.map(|one| (one, user, how)).ok_or(Denied::RecoveryGone))
    }
}

/// Whose trusted device presents this value.
fn trusted(act: &Act, tx: &mut Tx<'_>, value: &str) -> Result<Option<User>, Fault> {
    let digest = trusted_devices::digest(act, value);
    let Some((seen, _)) = tx.trusted_device(&digest)? else { return Ok(None) };
    tx.lock_user(&seen.user_id)?;
    let Some((device, Presented::Current)) = tx.trusted_device(&digest)? else { return Ok(None) };
    match device.judge(Presented::Current, &seen.user_id, act.now) {
        Trust::Granted => tx.user(&seen.user_id),
        Trust::Withheld | Trust::Stolen => Ok(None),
    }
}

fn stop(act: &Act, tx: &mut Tx<'_>, whose: (&User, &Recovery), how: &'static str) -> Result<(), Fault> {
    let (user, one) = whose;
    if end(act, tx, one, (State::Vetoed, how))? {
        tx.void_links(&user.id, &[Purpose::Recover], act.now)?;
        tell(act, tx, whose, (RecoveryNews::Vetoed, None))?;
    }
    Ok(())
}

/// Ends an open recovery, once, and says why in the journal.
fn end(
    act: &Act,
    tx: &mut Tx<'_>,
    one: &Recovery,
    (state, why): (State, &'static str),
) -> Result<bool, Fault> {
    let ended = tx.end_recovery(&one.id, (state, act.now))?;
    if ended {
        let kind = match state {
            State::Vetoed => Kind::RecoveryVetoed,
            State::Expired => Kind::RecoveryExpired,
            State::Pending | State::Ready | State::Completed | State::Cancelled => Kind::RecoveryCancelled,
        };
        let detail = json!({ "recovery": one.id, "by": why });
        act.record(tx, kind, Whose::user(&one.user_id), detail)?;
    }
    Ok(ended)
}

/// Somebody proved the second factor that is said to be lost: then it is not, and whoever waits is somebody else
/// or needs to wait no longer. This holds even where a thief of the mailbox deletes every warning.
pub(crate) fn second_factor_shown(act: &Act, tx: &mut Tx<'_>, user: &User) -> Result<(), Fault> {
    match tx.open_recovery(&user.id)? {
        Some(one) if one.may_stop(user.security_version, act.now).is_ok() => {
            stop(act, tx, (user, &one), "second_factor")
        }
        _ => Ok(()),
    }
}

/// Whoever began it needs it no longer.
pub async fn give_up(ctx: &Ctx, visitor: &Visitor, claim: &str) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let ticket = Held::Claim(claim).ticket(&act).ok_or(Denied::RecoveryGone)?;
    ctx.write(move |tx| {
        let Some((one, user)) = find_locked(tx, &ticket)? else {
            return Ok(Err(Denied::RecoveryGone));
        };
        if let Err(denied) = one.may_stop(user.security_version, act.now) {
            return Ok(Err(denied));
        }
        end(&act, tx, &one, (State::Cancelled, "given_up"))?;
        Ok(Ok(()))
    })
    .await
}

/// What completing a recovery comes with.
#[derive(Default)]
pub struct Completion {
    /// Ends the wait if it is right.
    pub backup_code: Option<Secret<String>>,
    /// In place of the old one, if the account has one: whoever knows the old one must not be faster at enrolling
    /// than the owner.
    pub new_password: Option<Secret<String>>,
    pub handover: Handover,
}

/// The account is the claimant's again: a session that may only enrol.
#[derive(Debug)]
pub struct Completed {
    pub user: User,
    pub session: Minted,
}

/// Completes a recovery, once. Everything that opened the account before is gone in the same transaction.
pub async fn complete(ctx: &Ctx, visitor: &Visitor, claim: &str, asked: Completion) -> Outcome<Completed> {
    if let Some(password) = &asked.new_password {
        passwords::fits(password)?;
    }
    let act = Act::begin(ctx, visitor);
    let ticket = Held::Claim(claim).ticket(&act).ok_or(Denied::RecoveryGone)?;
    let (looked_at, now) = (ticket.clone(), act.now);
    let found = ctx.store.read(move |tx| find(tx, &looked_at)).await?;
    let (one, user) = found.ok_or(Denied::RecoveryGone)?;
    // Before a hash is spent on it.
    let shown = if asked.backup_code.is_some() { Shown::MailboxAndBackupCode } else { Shown::Mailbox };
    one.may_complete(user.security_version, shown, now)?;
    if user.password.is_some() && asked.new_password.is_none() {
        return Err(Denied::PasswordRequired.into());
    }
    let hash = match asked.new_password {
        Some(password) => Some(passwords::hash(ctx, password).await?),
        None => None,
    };
    let act = Act::begin(ctx, visitor);
    let (code, handover) = (asked.backup_code, asked.handover);
    ctx.write(move |tx| {
        let Some((one, user)) = find_locked(tx, &ticket)? else {
            return Ok(Err(Denied::RecoveryGone));
        };
        if let Err(denied) = one.may_complete(user.security_version, shown, act.now) {
            return Ok(Err(denied));
        }
        if let Some(code) = &code
            && let Err(denied) = show_backup_code(&act, tx, &user, code)?
        {
            return Ok(Err(denied));
        }
        if !tx.complete_recovery(&one.id, shown == Shown::MailboxAndBackupCode, act.now)? {
            return Err(Fault::internal("a locked recovery was completed twice"));
        }
        hand_over(&act, tx, (&user, &one), (shown, hash.as_deref(), handover)).map(Ok)
    })
    .await
}

/// Spends a backup code. Wrong ones are counted in a lane of their own: whoever holds the mailbox must not close
/// the door to the owner.
fn show_backup_code(
    act: &Act,
    tx: &mut Tx<'_>,
    user: &User,
    typed: &Secret<String>,
) -> Result<Result<(), Denied>, Fault> {
    let budget = tx.budget(&user.id, Lane::Recovery)?;
    if let Some(wait) = budget.wait(act.now) {
        return Ok(Err(Denied::Locked { wait }));
    }
    let refused = Ok(Err(Denied::WrongCode(Method::BackupCode)));
    let Some(code) = backup_code::normalise(typed.expose()) else { return refused };
    let digest = challenge::backup_digest(act, &user.id, code.expose());
    if tx.spend_backup_code(&user.id, &digest, act.now)? {
        return Ok(Ok(()));
    }
    let budget = budget.after_failure(act.now);
    tx.set_budget(&user.id, Lane::Recovery, budget)?;
    act.record(tx, Kind::RecoveryRefused, Whose::user(&user.id), json!({ "failures": budget.failures }))?;
    if budget.failures == FREE {
        act.notify(tx, user, Notice::GuessesBlocked)?;
    }
    refused
}

/// Nothing that opened the account before opens it any more, and the new session may only enrol (SEC-105).
fn hand_over(
    act: &Act,
    tx: &mut Tx<'_>,
    whose: (&User, &Recovery),
    (shown, hash, handover): (Shown, Option<&str>, Handover),
) -> Result<Completed, Fault> {
    let (before, one) = whose;
    let id = &before.id;
    organisations::clear_factors(act, tx, before)?;
    tx.void_links(id, &Purpose::ALL, act.now)?;
    if let Some(hash) = hash {
        tx.set_password(id, hash, true, act.now)?;
    }
    tx.set_second_factor_required(id, true)?;
    let user = tx.user(id)?.ok_or_else(|| Fault::internal("a locked user vanished"))?;
    // The mailbox, and it counts as that wherever else a mailed code would (SEC-029).
    let proofs = Proofs::of(Method::EmailCode, act.now);
    let proofs = match shown {
        Shown::Mailbox => proofs,
        Shown::MailboxAndBackupCode => proofs.with(Method::BackupCode, act.now),
    };
    let session = sessions::mint(act, tx, NewSession { user: &user, proofs, remember: false, handover })?;
    if session.session.scope != Scope::Enrolment {
        return Err(Fault::internal("a recovered account must enrol"));
    }
    let at_once = shown == Shown::MailboxAndBackupCode;
    let detail = json!({ "recovery": one.id, "backup_code": at_once });
    act.record(tx, Kind::RecoveryCompleted, Whose::session(id, &session.session.id), detail)?;
    tell(act, tx, (&user, one), (RecoveryNews::Completed, None))?;
    Ok(Completed { user, session })
}

/// Tells the owner on every channel there is: so far, their mailbox. While it is open, with the means to stop it.
fn tell(
    act: &Act,
    tx: &mut Tx<'_>,
    (user, one): (&User, &Recovery),
    (what, public_url): (RecoveryNews, Option<&Url>),
) -> Result<(), Fault> {
    let links = public_url.map(|public_url| {
        let token = notice_token(act, &one.id);
        let link = |page: &str| {
            LinkShape { before: page.to_owned(), ..LinkShape::default() }.around(public_url, &token)
        };
        RecoveryLinks { stop: link(STOP_PAGE), status: link(STATUS_PAGE) }
    });
    let (ready_at, from) = (one.ready_at, one.from.clone());
    act.write_to(tx, user, Message::Recovery { what, links, ready_at, from, at: act.now })
}

/// The timer rang: whoever waits long enough is told, and what nobody came for is over. Says how many changed.
pub async fn tick(ctx: &Ctx) -> Outcome<u64> {
    let act = Act::begin(ctx, &Visitor::default());
    let mut changed = 0;
    loop {
        let now = act.now;
        let due = ctx.store.read(move |tx| tx.recoveries_due(now)).await?;
        let mut moved = 0;
        for one in due {
            let (act, public_url) = (act.clone(), ctx.config.public_url.clone());
            moved += u64::from(ctx.write(move |tx| settle(&act, tx, &one, &public_url).map(Ok)).await?);
        }
        changed += moved;
        if moved == 0 {
            return Ok(changed);
        }
    }
}

fn settle(act: &Act, tx: &mut Tx<'_>, seen: &Recovery, public_url: &Url) -> Result<bool, Fault> {
    tx.lock_user(&seen.user_id)?;
    let open = tx.open_recovery(&seen.user_id)?.filter(|one| one.id == seen.id);
    let (Some(one), Some(user)) = (open, tx.user(&seen.user_id)?) else { return Ok(false) };
    match one.standing(user.security_version, act.now) {
        State::Ready => {
            let first = tx.mark_recovery_ready(&one.id, act.now)?;
            if first {
                let detail = json!({ "recovery": one.id });
                act.record(tx, Kind::RecoveryReady, Whose::user(&user.id), detail)?;
                tell(act, tx, (&user, &one), (RecoveryNews::Ready, Some(public_url)))?;
            }
            Ok(first)
        }
        State::Expired => end(act, tx, &one, (State::Expired, "time")),
        State::Cancelled => end(act, tx, &one, (State::Cancelled, "account_changed")),
        State::Pending | State::Vetoed | State::Completed => Ok(false),
    }
}
