//! Organisations: joining one, what it asks of its members, and taking a member's factors away.

use std::time::Duration;

use countersign_core::{
    denied::Denied,
    event::Kind,
    ids::{OrganisationId, UserId},
    message::Notice,
    method::Methods,
    organisation::{self, Membership, NAME_MAX, Organisation, Role, Rules},
    policy::{self, Standing},
    recovery,
    session::{Reach, Visitor},
    time::Timestamp,
    trusted_device,
    user::{self, User},
};
use serde_json::json;

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose,
        sessions::{self, SignedIn},
    },
    store::Tx,
};

/// The organisation of whoever comes through a surface that knows only one. No other system's id: joining by it
/// is refused.
const HOME: &str = ":home";

/// Longest reason kept, in characters.
const REASON_MAX: usize = 500;

/// Where somebody who signs up belongs.
#[derive(Clone, Debug, Default)]
pub enum Belonging {
    #[default]
    Nowhere,
    /// To a new organisation, as its owner.
    Founds { name: String },
    /// To the organisation another system knows by this id; made when the first member comes.
    Joins { external_id: String },
    /// To this server's own organisation; its first member ever, if nobody has an account yet, owns it.
    Home,
    /// As `Home`, but only for the very first account.
    FirstAtHome,
}

/// A place somebody is about to take.
pub(crate) struct Place {
    external_id: Option<String>,
    name: String,
    role: Role,
}

/// Decides before the account is made: whether anybody else is here decides who owns the server's own
/// organisation. Writes nothing, since the account may still be refused.
pub(crate) fn place_for(
    tx: &mut Tx<'_>,
    belonging: &Belonging,
) -> Result<Result<Option<Place>, Denied>, Fault> {
    let (external_id, name, role) = match belonging {
        Belonging::Nowhere => return Ok(Ok(None)),
        Belonging::Founds { name } => (None, name.as_str(), Role::Owner),
        Belonging::Joins { external_id } if external_id == HOME => return Ok(Err(Denied::NoOrganisation)),
        Belonging::Joins { external_id } => (Some(external_id.clone()), external_id.as_str(), Role::Member),
        Belonging::Home | Belonging::FirstAtHome => {
            let first = is_first(tx)?;
            if matches!(belonging, Belonging::FirstAtHome) && !first {
                return Ok(Err(Denied::AlreadySetUp));
            }
            (Some(HOME.to_owned()), "home", if first { Role::Owner } else { Role::Member })
        }
    };
    Ok(Ok(Some(Place { external_id, name: name.to_owned(), role })))
}

/// Whether nobody has an account. Whoever hears yes is alone with it until their transaction ends.
fn is_first(tx: &mut Tx<'_>) -> Result<bool, Fault> {
    if tx.any_user()? {
        return Ok(false);
    }
    tx.lock_schema()?;
    Ok(!tx.any_user()?)
}

pub(crate) fn join(act: &Act, tx: &mut Tx<'_>, user: &User, place: Option<Place>) -> Result<(), Fault> {
    let Some(Place { external_id, name, role }) = place else { return Ok(()) };
    let new = Organisation {
        id: OrganisationId::new(act.now, act.dice()),
        external_id,
        name: name.chars().take(NAME_MAX).collect(),
        rules: Rules::default(),
        created_at: act.now,
    };
    // Of two that come first at once, one makes it and the other finds it.
    let is_new = tx.insert_organisation(&new)?;
    let found = match (is_new, &new.external_id) {
        (false, Some(external_id)) => tx.organisation_by_external_id(external_id)?,
        _ => Some(new),
    };
    let id = found.ok_or_else(|| Fault::internal("an organisation is neither new nor known"))?.id;
    tx.hold_rules(&id)?;
    tx.insert_membership(&id, &user.id, (role, act.now))?;
    let kind = if is_new { Kind::OrganisationCreated } else { Kind::OrganisationJoined };
    act.record(tx, kind, Whose::user(&user.id), json!({ "organisation": id, "role": role.as_str() }))
}

pub(crate) fn is_member(tx: &mut Tx<'_>, user: &UserId, external_id: &str) -> Result<bool, Fault> {
    let here = |one: &Membership| one.organisation.external_id.as_deref() == Some(external_id);
    Ok(external_id != HOME && tx.memberships(user)?.iter().any(here))
}

/// What the person belongs to, the oldest membership first.
pub async fn of(ctx: &Ctx, user: &UserId) -> Outcome<Vec<Membership>> {
    let user = user.clone();
    Ok(ctx.store.read(move |tx| tx.memberships(&user)).await?)
}

/// This server's own organisation, made if nobody needed it before. It gets its owner by other means.
pub(crate) fn home(act: &Act, tx: &mut Tx<'_>) -> Result<OrganisationId, Fault> {
    let new = Organisation {
        id: OrganisationId::new(act.now, act.dice()),
        external_id: Some(HOME.to_owned()),
        name: "home".to_owned(),
        rules: Rules::default(),
        created_at: act.now,
    };
    tx.insert_organisation(&new)?;
    let found = tx.organisation_by_external_id(HOME)?;
    Ok(found.ok_or_else(|| Fault::internal("an organisation is neither new nor known"))?.id)
}

/// The same where looking must change nothing.
pub(crate) fn known_home(tx: &mut Tx<'_>) -> Result<Option<OrganisationId>, Fault> {
    Ok(tx.organisation_by_external_id(HOME)?.map(|home| home.id))
}

/// Makes somebody an owner of the server's own organisation, for whoever runs the machine it is on.
pub async fn appoint(ctx: &Ctx, email: &str) -> Outcome<()> {
    let act = Act::begin(ctx, &Visitor::default());
    let email = user::email(email).ok_or(Denied::EmailInvalid)?;
    ctx.write(move |tx| {
        let Some(user) = tx.user_by_email(&email)? else { return Ok(Err(Denied::UserNotFound)) };
        tx.lock_user(&user.id)?;
        let owns_it = |one: &Membership| {
            one.role == Role::Owner && one.organisation.external_id.as_deref() == Some(HOME)
        };
        if tx.memberships(&user.id)?.iter().any(owns_it) {
            return Ok(Ok(()));
        }
        let home = home(&act, tx)?;
        tx.insert_membership(&home, &user.id, (Role::Owner, act.now))?;
        tx.set_role(&home, &user.id, Role::Owner)?;
        let detail = json!({ "organisation": home, "role": Role::Owner.as_str(), "by": "command line" });
        act.record(tx, Kind::OrganisationJoined, Whose::user(&user.id), detail)?;
        Ok(Ok(()))
    })
    .await
}

/// Whether the person administers the server's own organisation. To administer one of their own, which anybody
/// may found, makes nobody the administrator of this one.
pub async fn administers_home(ctx: &Ctx, user: &UserId) -> Outcome<bool> {
    let is_home = |one: &Membership| one.organisation.external_id.as_deref() == Some(HOME);
    Ok(of(ctx, user).await?.iter().any(|one| is_home(one) && one.role.administers()))
}

/// What somebody belongs to who may make keys for an organisation; a refusal for everybody else.
pub async fn of_a_key_maker(ctx: &Ctx, user: &UserId) -> Outcome<Vec<Membership>> {
    let own = of(ctx, user).await?;
    organisation::may_make_keys(&own)?;
    Ok(own)
}

/// Whether anybody has an account on this server.
pub async fn anybody_here(ctx: &Ctx) -> Outcome<bool> {
    Ok(ctx.store.read(|tx| tx.any_user()).await?)
}

/// What is to change of an organisation's rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RuleChange {
    pub second_factor_required: Option<bool>,
    /// From when on; whoever says only whether, means at once.
    pub required_from: Option<Timestamp>,
    pub methods: Option<Methods>,
}

impl RuleChange {
    /// The rules with this changed; what is not named stays.
    pub(crate) fn of(self, before: Rules, now: Timestamp) -> Rules {
        let rules = Rules { methods: self.methods.unwrap_or(before.methods), ..before };
        match (self.second_factor_required, self.required_from) {
            (None, None) => rules,
            (required, from) => rules.requiring(required.unwrap_or(false), from, now),
        }
    }
}

/// Changes the rules of the person's own (oldest) organisation. From that moment, members who must enrol may
/// do nothing else; the one who said so has until their next sign-in or refresh.
pub async fn change_rules(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    change: RuleChange,
) -> Outcome<Rules> {
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let (who, memberships) = match administrator(&act, tx, &seen)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        let Some(Membership { organisation, role }) = memberships.first() else {
            return Ok(Err(Denied::NoOrganisation));
        };
        if !role.administers() {
            return Ok(Err(Denied::NotPermitted));
        }
        let before = organisation.rules;
        let rules = change.of(before, act.now);
        if let Err(denied) = rules.can_be_followed() {
            return Ok(Err(denied));
        }
        tx.set_rules(&organisation.id, rules)?;
        if rules.required_from != before.required_from {
            tx.forget_reminders(&organisation.id)?;
            tx.set_deadline_by(&organisation.id, &who.user.id)?;
        }
        // Whoever is just signing in under the old rules is waited for, so that their session is seen.
        tx.lock_members(&organisation.id)?;
        tx.demote_sessions_that_must_enrol(&organisation.id, who.session.id.as_str())?;
        let detail = json!({
            "organisation": organisation.id,
            "second_factor_required": rules.second_factor_required,
            "required_from": rules.required_from.map(Timestamp::to_iso),
            "methods": rules.methods.to_text(),
        });
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::OrganisationRulesChanged, whose, detail)?;
        Ok(Ok(rules))
    })
    .await
}

/// How long recoveries of members wait that are begun from now on; those that run keep their own. Says what holds:
/// the nearest that is sensible.
pub async fn change_recovery_wait(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    wait: Duration,
) -> Outcome<Duration> {
    let act = Act::begin(ctx, visitor);
    let (seen, wait) = (who.clone(), recovery::sensible(wait));
    ctx.write(move |tx| {
        let (who, memberships) = match administrator(&act, tx, &seen)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        let Some(Membership { organisation, .. }) = memberships.first().filter(|one| one.role.administers())
        else {
            return Ok(Err(Denied::NotPermitted));
        };
        tx.set_recovery_wait(&organisation.id, wait)?;
        let detail = json!({ "organisation": organisation.id, "recovery_wait_seconds": wait.as_secs() });
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::OrganisationRulesChanged, whose, detail)?;
        Ok(Ok(wait))
    })
    .await
}

/// For how long members' trusted browsers skip the second step from now on: at most thirty days, and not at all for
/// nothing. Says what holds.
pub async fn change_trust_lasts(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    lasts: Duration,
) -> Outcome<Duration> {
    let act = Act::begin(ctx, visitor);
    let (seen, lasts) = (who.clone(), lasts.min(trusted_device::LIFETIME));
    ctx.write(move |tx| {
        let (who, memberships) = match administrator(&act, tx, &seen)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        let Some(Membership { organisation, .. }) = memberships.first().filter(|one| one.role.administers())
        else {
            return Ok(Err(Denied::NotPermitted));
        };
        tx.set_trust_lasts(&organisation.id, lasts)?;
        let detail = json!({ "organisation": organisation.id, "trust_lasts_seconds": lasts.as_secs() });
        let whose = Whose::session(&who.user.id, &who.session.id);
        act.record(tx, Kind::OrganisationRulesChanged, whose, detail)?;
        Ok(Ok(lasts))
    })
    .await
}

/// The organisation somebody acts for: the oldest that they administer.
pub(crate) fn administered(own: &[Membership]) -> Option<&OrganisationId> {
    own.iter().find(|one| one.role.administers()).map(|one| &one.organisation.id)
}

/// Somebody who administers, freshly proven (SEC-101), and what they belong to.
pub(crate) fn administrator(
    act: &Act,
    tx: &mut Tx<'_>,
    seen: &SignedIn,
) -> Result<Result<(SignedIn, Vec<Membership>), Denied>, Fault> {
    acting(act, tx, seen, Role::administers)
}

/// The same with the organisation they act for.
pub(crate) fn acting_for(
    act: &Act,
    tx: &mut Tx<'_>,
    seen: &SignedIn,
) -> Result<Result<(SignedIn, OrganisationId), Denied>, Fault> {
    let found = administrator(act, tx, seen)?;
    Ok(found.and_then(|(who, own)| match administered(&own) {
        Some(organisation) => Ok((who, organisation.clone())),
        None => Err(Denied::NotPermitted),
    }))
}

/// Somebody of a role that may act on others, freshly proven.
fn acting(
    act: &Act,
    tx: &mut Tx<'_>,
    seen: &SignedIn,
    may: fn(Role) -> bool,
) -> Result<Result<(SignedIn, Vec<Membership>), Denied>, Fault> {
    let who = match sessions::still(act, tx, seen, Reach::Everything)? {
        Ok(who) => who,
        Err(denied) => return Ok(Err(denied)),
    };
    let memberships = tx.memberships(&who.user.id)?;
    let standing = Standing::by_session(who.second_factor_is_on, &who.session.proofs);
    // A role first: whoever has none needs no fresh proof to hear so.
    if memberships.is_empty() {
        return Ok(Err(Denied::NoOrganisation));
    }
    if !memberships.iter().any(|one| may(one.role)) {
        return Ok(Err(Denied::NotPermitted));
    }
    Ok(policy::may_change_factors(standing, act.now).map(|()| (who, memberships)))
}

pub struct Reset {
    pub user: UserId,
    /// Whether the person needs a second factor from now on, whatever the organisation says. `None`: whoever
    /// had one does.
    pub require: Option<bool>,
    /// Why, in the administrator's words; for the journal.
    pub reason: Option<String>,
}

/// Takes every factor of a member away, and with them sessions, trusted devices, backup codes and API keys, in
/// one transaction. The person hears of it, and enrols anew.
pub async fn reset_member(ctx: &Ctx, visitor: &Visitor, who: &SignedIn, asked: Reset) -> Outcome<()> {
    if asked.reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_MAX) {
        return Err(Denied::FieldTooLong { field: "reason", max: REASON_MAX }.into());
    }
    let act = Act::begin(ctx, visitor);
    let seen = who.clone();
    ctx.write(move |tx| {
        let (who, own) = match acting(&act, tx, &seen, Role::helps)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        let (target, theirs) = match colleague(tx, &own, &asked.user)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        let ours = target.external.is_some();
        if !ours && let Err(denied) = organisation::may_reset((&who.user.id, &own), (&target.id, &theirs)) {
            return Ok(Err(denied));
        }
        let had_one = !tx.methods_enrolled(&target.id)?.is_empty();
        clear_factors(&act, tx, &target)?;
        // Whoever had one enrols anew before anything else (SEC-105), unless the administrator says otherwise.
        let required = asked.require.unwrap_or(had_one || target.second_factor_required);
        tx.set_second_factor_required(&target.id, required)?;
        let detail = json!({ "by": who.user.id, "required": required, "reason": asked.reason });
        act.record(tx, Kind::SecondFactorReset, Whose::user(&target.id), detail)?;
        act.notify(tx, &target, Notice::SecondFactorReset)?;
        Ok(Ok(()))
    })
    .await
}

/// Gives a member another role in the organisation that somebody administers.
pub async fn change_role(
    ctx: &Ctx,
    visitor: &Visitor,
    who: &SignedIn,
    (user, new): (&UserId, Role),
) -> Outcome<()> {
    let act = Act::begin(ctx, visitor);
    let (seen, user) = (who.clone(), user.clone());
    ctx.write(move |tx| {
        let (who, own) = match administrator(&act, tx, &seen)? {
            Ok(found) => found,
            Err(denied) => return Ok(Err(denied)),
        };
        let Some(Membership { organisation, role }) = own.iter().find(|one| one.role.administers()) else {
            return Ok(Err(Denied::NotPermitted));
        };
        tx.lock_user(&user)?;
        let theirs = tx.memberships(&user)?;
        let Some(there) = theirs.iter().find(|one| one.organisation.id == organisation.id) else {
            return Ok(Err(Denied::UserNotFound));
        };
        let allowed = organisation::may_appoint(*role, there.role, new);
        if let Err(denied) = allowed.and(if who.user.id == user { Err(Denied::NotPermitted) } else { Ok(()) }) {
            return Ok(Err(denied));
        }
        tx.set_role(&organisation.id, &user, new)?;
        let detail = json!({
            "organisation": organisation.id, "by": who.user.id, "was": there.role.as_str(), "role": new.as_str(),
        });
        act.record(tx, Kind::RoleChanged, Whose::user(&user), detail)?;
        Ok(Ok(()))
    })
    .await
}

/// Somebody who shares an organisation with the asker, or whom an application brought into one that the asker looks
/// after; with everything that follows about them serialised.
/// Whether somebody else's people exist is nobody's business.
pub(crate) fn colleague(
    tx: &mut Tx<'_>,
    own: &[Membership],
    id: &UserId,
) -> Result<Result<(User, Vec<Membership>), Denied>, Fault> {
    tx.lock_user(id)?;
    let Some(target) = tx.user(id)? else {
        return Ok(Err(Denied::UserNotFound));
    };
    let theirs = tx.memberships(&target.id)?;
    let shared =
        theirs.iter().any(|one| own.iter().any(|other| other.organisation.id == one.organisation.id));
    let kept = target.external.as_ref().is_some_and(|external| {
        own.iter().any(|one| one.organisation.id == external.organisation_id && one.role.helps())
    });
    Ok(if shared || kept { Ok((target, theirs)) } else { Err(Denied::UserNotFound) })
}

pub(crate) fn clear_factors(act: &Act, tx: &mut Tx<'_>, target: &User) -> Result<(), Fault> {
    let id = &target.id;
    tx.delete_authenticators(id)?;
    tx.delete_backup_codes(id)?;
    tx.delete_trusted_devices(id)?;
    tx.delete_api_keys(id)?;
    tx.delete_sessions(id, None)?;
    tx.forgive_guesses(id)?;
    tx.raise_security_version(id, act.now)
}
