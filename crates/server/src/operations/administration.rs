//! Looking after an organisation: how its people stand, what happened to them, and whom new rules would stop.
//!
//! Everything here only reads, for whoever looks after members, and shows the people of one organisation: its members
//! and those whom its applications brought.

use countersign_core::{
    denied::Denied,
    ids::{EventId, OrganisationId, UserId},
    method::Method,
    organisation::{Membership, Role, Rules},
    recovery::Recovery,
    session::{Reach, Scope, Session, Visitor},
    time::{DAY, Timestamp},
    user::User,
};

pub use crate::store::{Counted, EventRow, KnownDevice, Told};
use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{Act, Outcome, organisations::RuleChange, sessions::SignedIn},
    store::Tx,
};

/// People shown at a time.
pub const PAGE: usize = 50;
/// People looked at for a forecast.
const FORECAST_MAX: i64 = 1_000;
/// Days that the charts go back.
pub const DAYS: u32 = 14;

/// Somebody, and how they stand.
#[derive(Clone, Debug)]
pub struct Person {
    pub user: User,
    /// None for people whom an application brought.
    pub role: Option<Role>,
    pub methods: Vec<Method>,
}

/// One of them, whole.
#[derive(Clone, Debug)]
pub struct Whole {
    pub person: Person,
    pub backup_codes_left: u32,
    pub sessions: Vec<Session>,
    pub devices: Vec<KnownDevice>,
    pub recovery: Option<Recovery>,
    pub events: Vec<EventRow>,
}

/// How an organisation stands.
#[derive(Clone, Debug)]
pub struct Coverage {
    pub people: i64,
    /// Those with any second factor.
    pub guarded: i64,
    pub methods: Vec<(Method, i64)>,
    /// Challenges passed and codes refused, by day.
    pub days: Vec<Counted>,
    pub today: Timestamp,
}

/// Whom rules would stop.
#[derive(Clone, Debug)]
pub struct Forecast {
    pub looked_at: usize,
    /// Each with the methods they have, none of which counts.
    pub stopped: Vec<Person>,
}

/// The organisation that somebody looks after: the oldest in which their role does.
pub async fn place(ctx: &Ctx, who: &SignedIn) -> Outcome<Membership> {
    who.session.scope.reaches(Reach::Everything)?;
    let user = who.user.id.clone();
    let own = ctx.store.read(move |tx| tx.memberships(&user)).await?;
    Ok(own.into_iter().find(|one| one.role.helps()).ok_or(Denied::NotPermitted)?)
}

fn person(tx: &mut Tx<'_>, organisation: &OrganisationId, user: User) -> Result<Person, Fault> {
    let memberships = tx.memberships(&user.id)?;
    let here = memberships.iter().find(|one| one.organisation.id == *organisation);
    Ok(Person { role: here.map(|one| one.role), methods: tx.methods_enrolled(&user.id)?, user })
}

/// A page of people, and where the next begins.
pub async fn people(
    ctx: &Ctx,
    who: &SignedIn,
    (search, after): (&str, &str),
) -> Outcome<(Vec<Person>, Option<UserId>)> {
    let organisation = place(ctx, who).await?.organisation.id;
    let (search, after) = (search.trim().to_owned(), after.to_owned());
    let read = ctx.store.read(move |tx| {
        let found = tx.people_of(&organisation, (&search, &after), PAGE as i64 + 1)?;
        found.into_iter().map(|user| person(tx, &organisation, user)).collect::<Result<Vec<_>, _>>()
    });
    let mut people = read.await?;
    let more = people.len() > PAGE;
    people.truncate(PAGE);
    let next = people.last().filter(|_| more).map(|last| last.user.id.clone());
    Ok((people, next))
}

/// Everything about one of them. Whether somebody else's people exist is nobody's business.
pub async fn whole(ctx: &Ctx, who: &SignedIn, id: &UserId) -> Outcome<Whole> {
    let organisation = place(ctx, who).await?.organisation.id;
    let (id, now) = (id.clone(), ctx.clock.now());
    let read = ctx.store.read(move |tx| {
        if !tx.is_of(&organisation, &id)? {
            return Ok(None);
        }
        let Some(user) = tx.user(&id)? else { return Ok(None) };
        let told = Told { user: Some(id.clone()), limit: 30, ..Told::default() };
        Ok(Some(Whole {
            backup_codes_left: tx.backup_codes(&id, None)?.left,
            sessions: tx.sessions_of(&id, now)?,
            devices: tx.trusted_devices_of(&id, now)?,
            recovery: tx.open_recovery(&id)?,
            events: tx.events_of(&organisation, &told)?,
            person: person(tx, &organisation, user)?,
        }))
    });
    Ok(read.await?.ok_or(Denied::UserNotFound)?)
}

pub async fn coverage(ctx: &Ctx, who: &SignedIn) -> Outcome<Coverage> {
    let organisation = place(ctx, who).await?.organisation.id;
    let today = ctx.clock.now();
    let read = ctx.store.read(move |tx| {
        let counted = tx.count_methods(&organisation)?;
        let any = counted.iter().find(|(method, _)| method.is_empty()).map_or(0, |(_, count)| *count);
        let known = |(method, count): &(String, i64)| Method::parse(method).map(|method| (method, *count));
        Ok(Coverage {
            people: tx.count_people(&organisation)?,
            guarded: any,
            methods: counted.iter().filter_map(known).collect(),
            days: tx.count_events(&organisation, today - DAY * DAYS)?,
            today,
        })
    });
    Ok(read.await?)
}

/// The journal about the organisation's people, newest first, and whether there is more.
pub async fn journal(ctx: &Ctx, who: &SignedIn, mut told: Told) -> Outcome<(Vec<EventRow>, Option<EventId>)> {
    let organisation = place(ctx, who).await?.organisation.id;
    let limit = told.limit.clamp(1, 200);
    told.limit = limit + 1;
    let mut events = ctx.store.read(move |tx| tx.events_of(&organisation, &told)).await?;
    let more = events.len() as i64 > limit;
    events.truncate(limit as usize);
    let next = events.last().filter(|_| more).map(|last| last.id.clone());
    Ok((events, next))
}

/// Whom the organisation's rules would stop with this changed, on the day on which it would hold.
pub async fn forecast_of(ctx: &Ctx, who: &SignedIn, change: RuleChange) -> Outcome<Forecast> {
    let now = place(ctx, who).await?.organisation.rules;
    forecast(ctx, who, change.of(now, ctx.clock.now()).at_deadline()).await
}

/// Whom these rules would stop if they held from now on: everybody who may do nothing but enrol the next time they
/// sign in. The same question that is asked of each session (`Policy::scope`).
pub async fn forecast(ctx: &Ctx, who: &SignedIn, rules: Rules) -> Outcome<Forecast> {
    let act = Act::begin(ctx, &Visitor::default());
    let Membership { organisation, role } = place(ctx, who).await?;
    if !role.administers() {
        return Err(Denied::NotPermitted.into());
    }
    let organisation = organisation.id;
    let read = ctx.store.read(move |tx| {
        let members = tx.people_of(&organisation, ("", ""), FORECAST_MAX)?;
        let looked_at = members.len();
        let mut stopped = Vec::new();
        for user in members.into_iter().filter(|user| user.external.is_none()) {
            let memberships = tx.memberships(&user.id)?;
            let asked = memberships.iter().map(|one| match one.organisation.id == organisation {
                true => &rules,
                false => &one.organisation.rules,
            });
            let policy = act.policy.under(asked, user.second_factor_required);
            let methods = tx.methods_enrolled(&user.id)?;
            if policy.scope(&methods) == Scope::Enrolment {
                stopped.push(person(tx, &organisation, user)?);
            }
        }
        Ok(Forecast { looked_at, stopped })
    });
    Ok(read.await?)
}
