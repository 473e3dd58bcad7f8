//! Recovery: getting back in with nothing left but the mailbox, and everything that can stop it.
//!
//! A mailed link shows the mailbox. Opening it begins a recovery and hands out its *claim*, the one thing that
//! completes it; the mails about it carry a *notice* token, which can only look and stop. The claim is never
//! mailed: the mails go to every channel, and not every channel is the owner's alone. Who lost the claim begins
//! anew, and waits anew: otherwise a thief of the mailbox could take over a recovery that has waited already.

mod completion;
mod shortening;
mod stopping;

use countersign_core::{
    denied::Denied,
    event::Kind,
    ids::RecoveryId,
    message::{Message, RecoveryLinks, RecoveryNews},
    recovery::{self, Recovery, State, WINDOW},
    secret::Secret,
    session::{Reach, Visitor},
    time::{DAY, Timestamp},
    user::{self, User},
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use url::Url;

pub(crate) use self::stopping::{disowned, second_factor_shown};
pub use self::{
    completion::{Completed, Completion, complete},
    shortening::{Shorten, approve, of_member, shorten},
    stopping::{Vetoed, Vetoer, give_up, veto},
};
use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose, challenge,
        emails::{self, LinkShape, Mailer},
        sessions::SignedIn,
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
        Asked::Challenge(token) => (None, Some(challenge::digest(&ctx.vault, token))),
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
        Ok(Ok(Begun { claim, standing: Standing::for_claimant(&one, State::Pending) }))
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
    /// What the one who waits reads out to an administrator. Only for the holder of the claim: the owner, reading a
    /// mail about a thief's recovery, must not vouch for it by mistake.
    pub reference: Option<String>,
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
            reference: None,
            from: one.from.clone(),
            started_at: one.started_at,
            ready_at: one.ready_at,
            expires_at: one.expires_at,
            shortened: one.shortening.as_ref().is_some_and(|said| said.in_force_since.is_some()),
        }
    }

    fn for_claimant(one: &Recovery, state: State) -> Self {
        Self { reference: Some(one.reference()), ..Self::of(one, state) }
    }
}

pub async fn status(ctx: &Ctx, held: Held<'_>) -> Outcome<Standing> {
    let act = Act::begin(ctx, &Visitor::default());
    let ticket = held.ticket(&act).ok_or(Denied::RecoveryGone)?;
    let now = act.now;
    let found = ctx.store.read(move |tx| find(tx, &ticket)).await?;
    let (one, user) = found.ok_or(Denied::RecoveryGone)?;
    let state = one.standing(user.security_version, now);
    Ok(match held {
        Held::Claim(_) => Standing::for_claimant(&one, state),
        Held::Notice(_) => Standing::of(&one, state),
    })
}

/// The open recovery of whoever is signed in: what their pages must show, with a button that stops it.
pub async fn of_oneself(ctx: &Ctx, who: &SignedIn) -> Outcome<Option<Standing>> {
    who.session.scope.reaches(Reach::Everything)?;
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
    // A mail server that is out of reach must not swallow the warning: it is sent as long as it helps.
    let expires_at = one.ready_at.max(act.now + DAY);
    let (ready_at, from) = (one.ready_at, one.from.clone());
    let message = Message::Recovery { what, links, ready_at, from, at: act.now };
    act.write_letter(tx, user, message, expires_at)
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
