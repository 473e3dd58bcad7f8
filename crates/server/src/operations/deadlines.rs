//! Deadlines: an organisation requires a second factor from a day on. Until then members are told and may put it off;
//! from then on they enrol before anything else.

use countersign_core::{
    event::Kind,
    ids::{OrganisationId, UserId},
    message::Message,
    organisation::reminders_due,
    secret::Secret,
    session::{Scope, Visitor},
    time::Timestamp,
    user::User,
};
use serde_json::json;

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{Act, Outcome, Whose},
    store::Tx,
};

/// How many members are told in one transaction.
const BATCH: i64 = 50;

/// One round of the timer: tells whom there is to tell, and lets the deadlines pass that have come.
pub(crate) async fn tick(ctx: &Ctx) -> Outcome<()> {
    for (organisation, deadline) in ctx.store.read(|tx| tx.deadlines()).await? {
        let act = Act::begin(ctx, &Visitor::default());
        if deadline <= act.now {
            ctx.write(move |tx| pass(&act, tx, &organisation).map(Ok)).await?;
            continue;
        }
        loop {
            let (act, organisation) = (act.clone(), organisation.clone());
            let told = ctx.write(move |tx| remind(&act, tx, (&organisation, deadline)).map(Ok));
            if told.await? < BATCH as usize {
                break;
            }
        }
    }
    Ok(())
}

fn pass(act: &Act, tx: &mut Tx<'_>, organisation: &OrganisationId) -> Result<(), Fault> {
    // Whoever is just signing in under the old rules is waited for, so that their session is seen. People first, then
    // the organisation, as whoever changes rules locks them.
    tx.lock_members(organisation)?;
    if !tx.pass_deadline(organisation, act.now)? {
        return Ok(());
    }
    tx.demote_sessions_that_must_enrol(organisation, "")?;
    let detail = json!({ "organisation": organisation, "second_factor_required": true, "by": "deadline" });
    let by = tx.deadline_by(organisation)?;
    let whose = by.as_ref().map(Whose::user).unwrap_or_default();
    act.record(tx, Kind::OrganisationRulesChanged, whose, detail)
}

/// Says how many members were looked at.
fn remind(
    act: &Act,
    tx: &mut Tx<'_>,
    (organisation, deadline): (&OrganisationId, Timestamp),
) -> Result<usize, Fault> {
    // Moved or taken back since it was looked up: the next round knows.
    if tx.organisation(organisation)?.and_then(|one| one.rules.required_from) != Some(deadline) {
        return Ok(0);
    }
    let due = reminders_due(deadline, act.now);
    let members = tx.members_to_remind(organisation, due, BATCH)?;
    for member in &members {
        if tx.remind_member(organisation, member, due)? {
            tell(act, tx, (member, deadline))?;
        }
    }
    Ok(members.len())
}

fn tell(act: &Act, tx: &mut Tx<'_>, (member, deadline): (&UserId, Timestamp)) -> Result<(), Fault> {
    let Some(user) = tx.user(member)? else { return Ok(()) };
    if ahead_of(act, tx, &user)?.is_none() {
        return Ok(());
    }
    let url =
        act.public_url.join("/account").map_err(|error| Fault::internal("an address").because(error))?;
    let message = Message::SecondFactorDue { from: deadline, url: Secret::new(url.to_string()) };
    act.write_letter(tx, &user, message, deadline)
}

/// From when on somebody who has just come in must have a second factor that they do not have yet.
pub async fn ahead(ctx: &Ctx, user: &User) -> Outcome<Option<Timestamp>> {
    let (act, user) = (Act::begin(ctx, &Visitor::default()), user.clone());
    Ok(ctx.store.read(move |tx| ahead_of(&act, tx, &user)).await?)
}

/// From when on this person will be stopped by a deadline of theirs, as they stand.
pub(crate) fn ahead_of(act: &Act, tx: &mut Tx<'_>, user: &User) -> Result<Option<Timestamp>, Fault> {
    let memberships = tx.memberships(&user.id)?;
    let Some(first) = memberships.iter().filter_map(|one| one.organisation.rules.required_from).min() else {
        return Ok(None);
    };
    let policy = act.policy_for(tx, user)?;
    let later = memberships.iter().map(|one| one.organisation.rules.at_deadline()).collect::<Vec<_>>();
    let then = act.policy.under(&later, user.second_factor_required);
    let methods = tx.methods_enrolled(&user.id)?;
    let stopped = |policy: countersign_core::policy::Policy| policy.scope(&methods) == Scope::Enrolment;
    Ok((stopped(then) && !stopped(policy)).then_some(first))
}
