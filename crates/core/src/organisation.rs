//! Organisations: who belongs to one, in which role, and what it asks of its members.

use std::time::Duration;

use crate::{
    denied::Denied,
    ids::{OrganisationId, UserId},
    method::{Method, Methods},
    recovery,
    time::{DAY, Timestamp},
    trusted_device,
};

/// Longest name kept, in characters.
pub const NAME_MAX: usize = 200;

/// What a member may do. Every wire's roles map onto these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Owner,
    Admin,
    /// Gives people who lost a factor the way to a new one, and touches nobody who administers.
    Helpdesk,
    Billing,
    Workspaces,
    Member,
}

impl Role {
    pub const ALL: [Self; 6] =
        [Self::Owner, Self::Admin, Self::Helpdesk, Self::Billing, Self::Workspaces, Self::Member];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Helpdesk => "helpdesk",
            Self::Billing => "billing",
            Self::Workspaces => "workspaces",
            Self::Member => "member",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }

    /// Whether people of this role look after members: see how they stand, and reset those below them.
    pub const fn helps(self) -> bool {
        matches!(self, Self::Owner | Self::Admin | Self::Helpdesk)
    }

    /// Whether people of this role set rules, make keys, and give roles.
    pub const fn administers(self) -> bool {
        matches!(self, Self::Owner | Self::Admin)
    }

    /// Who stands above whom. Billing, workspaces and plain members are each other's equals.
    const fn rank(self) -> u8 {
        match self {
            Self::Owner => 3,
            Self::Admin => 2,
            Self::Helpdesk => 1,
            Self::Billing | Self::Workspaces | Self::Member => 0,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Organisation {
    pub id: OrganisationId,
    /// The name another system knows it by; unique.
    pub external_id: Option<String>,
    pub name: String,
    pub rules: Rules,
    pub created_at: Timestamp,
}

/// What an organisation asks of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub second_factor_required: bool,
    /// From when on it will be, where it is not yet.
    pub required_from: Option<Timestamp>,
    /// The methods that count as a second factor here.
    pub methods: Methods,
    /// How long a recovery waits that has nothing but the mailbox to show.
    pub recovery_wait: Duration,
    /// How long a member's trusted browser may skip the second step; nothing is never. At most
    /// `trusted_device::LIFETIME`.
    pub trust_lasts: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            second_factor_required: false,
            required_from: None,
            methods: Methods::default(),
            recovery_wait: recovery::WAIT,
            trust_lasts: trusted_device::LIFETIME,
        }
    }
}

/// Members have at most this long until a second factor is required.
pub const DEADLINE_MAX: Duration = DAY.saturating_mul(365);

/// How often members who lack what a deadline asks for are told of it: in the week before, and on the day before.
/// Says how many of the two are due.
pub fn reminders_due(deadline: Timestamp, now: Timestamp) -> u8 {
    match deadline.since(now) {
        left if left <= DAY => 2,
        left if left <= 7 * DAY => 1,
        _ => 0,
    }
}

impl Rules {
    /// With a second factor required, at once or from a moment on; not at all with neither. What is past is at once,
    /// what is too far is the farthest there is.
    #[must_use]
    pub fn requiring(self, at_once: bool, from: Option<Timestamp>, now: Timestamp) -> Self {
        let second_factor_required = at_once || from.is_some_and(|from| from <= now);
        let required_from = from.filter(|_| !second_factor_required).map(|from| from.min(now + DEADLINE_MAX));
        Self { second_factor_required, required_from, ..self }
    }

    /// As they will be at their deadline.
    #[must_use]
    pub fn at_deadline(self) -> Self {
        let second_factor_required = self.second_factor_required || self.required_from.is_some();
        Self { second_factor_required, required_from: None, ..self }
    }

    /// Rules that leave no method to enrol would lock everybody out, and first of all whoever could undo them.
    pub fn can_be_followed(self) -> Result<(), Denied> {
        let leaves = |method: &Method| match method {
            Method::Password | Method::BackupCode => false,
            other => self.methods.contains(*other),
        };
        if Method::ALL.iter().any(leaves) { Ok(()) } else { Err(Denied::SecondFactorRequired) }
    }
}

/// One person's place in one organisation.
#[derive(Clone, Debug)]
pub struct Membership {
    pub organisation: Organisation,
    pub role: Role,
}

/// Whether one person may take another's factors away so that they enrol anew. Nobody resets a peer, a superior
/// or themselves (SEC-105).
pub fn may_reset(actor: (&UserId, &[Membership]), target: (&UserId, &[Membership])) -> Result<(), Denied> {
    stands_over(actor, target, |own, theirs| own.helps() && own.rank() > theirs.rank())
}

/// Whether one person may vouch for another's recovery, which two of them do for somebody who administers. Peers
/// may; nobody vouches for a superior or themselves.
pub fn may_vouch(actor: (&UserId, &[Membership]), target: (&UserId, &[Membership])) -> Result<(), Denied> {
    stands_over(actor, target, |own, theirs| own.administers() && own.rank() >= theirs.rank())
}

/// Whether one person may give another a role in an organisation that both belong to. Nobody raises anybody above
/// themselves, nor touches a peer, a superior or their own role; owners alone make others their equals.
pub fn may_appoint(own: Role, theirs: Role, new: Role) -> Result<(), Denied> {
    let over = own.rank() > theirs.rank() && own.rank() > new.rank();
    let makes_equal = own == Role::Owner && new == Role::Owner && theirs != Role::Owner;
    if own.administers() && (over || makes_equal) { Ok(()) } else { Err(Denied::NotPermitted) }
}

/// Either reaches into every organisation the other belongs to, so the actor must administer each of them.
fn stands_over(
    actor: (&UserId, &[Membership]),
    target: (&UserId, &[Membership]),
    high_enough: impl Fn(Role, Role) -> bool,
) -> Result<(), Denied> {
    let (actor, own) = actor;
    let (other, theirs) = target;
    let role_in = |id: &OrganisationId| own.iter().find(|one| one.organisation.id == *id).map(|one| one.role);
    let over =
        |one: &Membership| role_in(&one.organisation.id).is_some_and(|role| high_enough(role, one.role));
    if actor != other && !theirs.is_empty() && theirs.iter().all(over) {
        Ok(())
    } else {
        Err(Denied::NotPermitted)
    }
}

/// Whether somebody acts for an organisation at all. Where keys are an organisation's, only such people make
/// them.
pub fn may_make_keys(own: &[Membership]) -> Result<(), Denied> {
    if own.iter().any(|one| one.role.administers()) { Ok(()) } else { Err(Denied::NotPermitted) }
}

/// What a person's memberships are called towards applications behind a proxy: `ID` and `ID:role`. Ids, because
/// anybody may call an organisation of their own whatever they like.
pub fn groups(own: &[Membership]) -> Vec<String> {
    let named = |one: &Membership| {
        let id = &one.organisation.id;
        [id.to_string(), format!("{id}:{}", one.role.as_str())]
    };
    own.iter().flat_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(organisation: &str, role: Role) -> Membership {
        Membership {
            organisation: Organisation {
                id: OrganisationId::from(organisation.to_owned()),
                external_id: None,
                name: String::new(),
                rules: Rules::default(),
                created_at: Timestamp::from_seconds(0),
            },
            role,
        }
    }

    #[test]
    fn groups_are_called_by_id_and_role() {
        let own = [member("o1", Role::Owner), member("o2", Role::Member)];
        assert_eq!(groups(&own), ["o1", "o1:owner", "o2", "o2:member"]);
        assert!(groups(&[]).is_empty());
    }

    fn may(own: &[Membership], theirs: &[Membership]) -> bool {
        let (ada, bob) = (UserId::from("ada".to_owned()), UserId::from("bob".to_owned()));
        may_reset((&ada, own), (&bob, theirs)).is_ok()
    }

    #[test]
    fn roles_are_read_back() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("king"), None);
    }

    #[test]
    fn a_deadline_lies_ahead_or_is_now() {
        let (now, rules) = (Timestamp::from_seconds(1_700_000_000), Rules::default());
        let asked = |at_once, from| {
            let rules = rules.requiring(at_once, from, now);
            (rules.second_factor_required, rules.required_from)
        };
        assert_eq!(asked(false, None), (false, None));
        assert_eq!(asked(true, None), (true, None));
        assert_eq!(asked(true, Some(now + DAY)), (true, None), "at once wins");
        assert_eq!(asked(false, Some(now)), (true, None), "what is past is now");
        assert_eq!(asked(false, Some(now + DAY)), (false, Some(now + DAY)));
        assert_eq!(asked(false, Some(now + 9_999 * DAY)), (false, Some(now + DEADLINE_MAX)));
        assert!(rules.requiring(false, Some(now + DAY), now).at_deadline().second_factor_required);
        assert!(!rules.at_deadline().second_factor_required);
    }

    #[test]
    fn members_are_told_in_the_week_before_and_on_the_day_before() {
        let deadline = Timestamp::from_seconds(1_700_000_000);
        for (days, due) in [(30, 0), (8, 0), (7, 1), (2, 1), (1, 2), (0, 2)] {
            assert_eq!(reminders_due(deadline, deadline - days * DAY), due, "{days}");
        }
        assert_eq!(reminders_due(deadline, deadline + DAY), 2);
    }

    #[test]
    fn nobody_resets_a_peer_a_superior_or_a_stranger() {
        for (actor, target, allowed) in [
            (Role::Owner, Role::Owner, false),
            (Role::Owner, Role::Admin, true),
            (Role::Admin, Role::Owner, false),
            (Role::Admin, Role::Admin, false),
            (Role::Admin, Role::Member, true),
            (Role::Admin, Role::Helpdesk, true),
            (Role::Helpdesk, Role::Member, true),
            (Role::Helpdesk, Role::Billing, true),
            (Role::Helpdesk, Role::Helpdesk, false),
            (Role::Helpdesk, Role::Admin, false),
            (Role::Helpdesk, Role::Owner, false),
            (Role::Billing, Role::Member, false),
            (Role::Workspaces, Role::Member, false),
            (Role::Member, Role::Member, false),
        ] {
            assert_eq!(may(&[member("a", actor)], &[member("a", target)]), allowed, "{actor:?} {target:?}");
        }
        assert!(!may(&[member("a", Role::Owner)], &[member("b", Role::Member)]));
        assert!(!may(&[member("a", Role::Owner)], &[]));
        assert!(!may(&[], &[]));
    }

    #[test]
    fn rules_leave_a_method_to_enrol() {
        for (methods, possible) in [
            (Methods::default(), true),
            (Methods::of(&[Method::EmailCode]), true),
            (Methods::of(&[Method::Password, Method::BackupCode]), false),
            (Methods::of(&[]), false),
        ] {
            let rules = Rules { second_factor_required: true, methods, ..Rules::default() };
            assert_eq!(rules.can_be_followed().is_ok(), possible, "{methods:?}");
        }
    }

    #[test]
    fn only_who_administers_makes_keys() {
        for role in Role::ALL {
            let allowed = matches!(role, Role::Owner | Role::Admin);
            let own = [member("a", Role::Member), member("b", role)];
            assert_eq!(may_make_keys(&own).is_ok(), allowed, "{role:?}");
        }
        assert_eq!(may_make_keys(&[]), Err(Denied::NotPermitted));
    }

    #[test]
    fn peers_vouch_for_each_other_and_never_for_a_superior() {
        let (ada, bob) = (UserId::from("ada".to_owned()), UserId::from("bob".to_owned()));
        for (actor, target, allowed) in [
            (Role::Owner, Role::Owner, true),
            (Role::Admin, Role::Admin, true),
            (Role::Admin, Role::Owner, false),
            (Role::Helpdesk, Role::Member, false),
            (Role::Billing, Role::Member, false),
        ] {
            let (own, theirs) = ([member("a", actor)], [member("a", target)]);
            assert_eq!(may_vouch((&ada, &own), (&bob, &theirs)).is_ok(), allowed, "{actor:?} {target:?}");
        }
        let own = [member("a", Role::Owner)];
        assert_eq!(may_vouch((&ada, &own), (&ada, &own)), Err(Denied::NotPermitted));
    }

    #[test]
    fn nobody_is_raised_above_whoever_raises_them() {
        for (own, theirs, new, allowed) in [
            (Role::Owner, Role::Member, Role::Owner, true),
            (Role::Owner, Role::Owner, Role::Member, false),
            (Role::Owner, Role::Admin, Role::Helpdesk, true),
            (Role::Admin, Role::Member, Role::Helpdesk, true),
            (Role::Admin, Role::Member, Role::Admin, false),
            (Role::Admin, Role::Member, Role::Owner, false),
            (Role::Admin, Role::Admin, Role::Member, false),
            (Role::Helpdesk, Role::Member, Role::Billing, false),
            (Role::Member, Role::Member, Role::Member, false),
        ] {
            assert_eq!(may_appoint(own, theirs, new).is_ok(), allowed, "{own:?} {theirs:?} {new:?}");
        }
    }

    #[test]
    fn nobody_resets_themselves() {
        let ada = UserId::from("ada".to_owned());
        let own = [member("a", Role::Owner)];
        assert_eq!(may_reset((&ada, &own), (&ada, &own)), Err(Denied::NotPermitted));
    }

    #[test]
    fn an_administrator_of_one_organisation_has_no_say_over_somebody_who_is_also_in_another() {
        let own = [member("a", Role::Owner)];
        assert!(!may(&own, &[member("a", Role::Member), member("b", Role::Member)]));
        let both = [member("a", Role::Owner), member("b", Role::Admin)];
        assert!(may(&both, &[member("a", Role::Member), member("b", Role::Member)]));
        assert!(!may(&both, &[member("a", Role::Member), member("b", Role::Owner)]));
    }
}
