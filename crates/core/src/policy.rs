//! Policy: which methods a challenge offers, and what an act that changes factors asks for.

use std::time::Duration;

use crate::{
    assurance::{FRESH, Proofs},
    authenticator::{self, Authenticator},
    denied::Denied,
    method::{Method, Methods},
    organisation::Rules,
    session::Scope,
    time::Timestamp,
    trusted_device,
    user::User,
};

/// Who may answer a challenge with a code sent by mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmailCodes {
    /// Everybody who has any second factor, as Better Auth's clients expect.
    #[default]
    Everyone,
    /// Only people who chose it as their second factor.
    Enrolled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub email_codes: EmailCodes,
    /// Whether the person needs a second factor.
    pub required: bool,
    /// What counts as one.
    pub methods: Methods,
    /// For how long a trusted browser skips it.
    pub trust_lasts: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            email_codes: EmailCodes::default(),
            required: false,
            methods: Methods::default(),
            trust_lasts: trusted_device::LIFETIME,
        }
    }
}

impl Policy {
    /// What holds for one person: of everything their organisations ask, the strictest.
    #[must_use]
    pub fn under<'a>(mut self, rules: impl IntoIterator<Item = &'a Rules>, person_must: bool) -> Self {
        self.required |= person_must;
        for rules in rules {
            self.required |= rules.second_factor_required;
            self.methods = self.methods.and(rules.methods);
            self.trust_lasts = self.trust_lasts.min(rules.trust_lasts);
        }
        self
    }

    /// What a session of somebody with these confirmed methods is good for.
    pub fn scope(self, enrolled: &[Method]) -> Scope {
        let suffices = enrolled.iter().any(|method| self.methods.contains(*method));
        if self.required && !suffices { Scope::Enrolment } else { Scope::Full }
    }

    /// Whether this method may be enrolled.
    pub const fn may_enrol(self, method: Method) -> Result<(), Denied> {
        if self.methods.contains(method) { Ok(()) } else { Err(Denied::MethodNotAllowed(method)) }
    }

    /// Whether somebody may be left with these methods by their own act.
    pub fn may_keep_only(self, methods: &[Method]) -> Result<(), Denied> {
        match self.scope(methods) {
            Scope::Full => Ok(()),
            Scope::Enrolment | Scope::Key => Err(Denied::SecondFactorRequired),
        }
    }
}

/// Whose proof is wanted, and what they have shown already.
#[derive(Clone, Copy, Debug)]
pub struct Bearer<'a> {
    pub user: &'a User,
    pub authenticators: &'a [Authenticator],
    pub proofs: &'a Proofs,
}

/// The methods a challenge offers, best first. Backup codes are always accepted and never advertised.
pub fn offered(policy: Policy, bearer: Bearer<'_>) -> Vec<Method> {
    [Method::Passkey, Method::Totp, Method::SmsCode, Method::EmailCode, Method::Password]
        .into_iter()
        // Whoever used a passkey without being verified is not helped by being asked for it again.
        .filter(|method| *method != Method::Passkey || !bearer.proofs.includes(Method::Passkey))
        .filter(|method| accepts(policy, bearer, *method))
        .collect()
}

/// Whether a challenge may be answered with this method.
///
/// A method that the organisation does not count is still asked of whoever has no other: it stands between a
/// stolen password and the account until they have enrolled one that counts.
pub fn accepts(policy: Policy, bearer: Bearer<'_>, method: Method) -> bool {
    let Bearer { user, authenticators, proofs } = bearer;
    let enrolled = |method| authenticator::is_enrolled(authenticators, method);
    let counts = |method| policy.methods.contains(method);
    let has_one_that_counts = authenticators.iter().any(|one| one.is_confirmed() && counts(one.method()));
    let judged_by_rules = method != Method::BackupCode && method != Method::Password;
    if judged_by_rules && has_one_that_counts && !counts(method) {
        return false;
    }
    match method {
        Method::BackupCode => true,
        Method::Totp | Method::SmsCode | Method::Passkey => enrolled(method),
        // The same channel never counts twice (SEC-029): whoever came in by the mailbox, or set the password
        // through it, must show something that is not the mailbox.
        Method::EmailCode if proofs.mailbox_came_first() || password_is_the_mailbox(user, proofs) => false,
        Method::EmailCode => {
            enrolled(method) || (enrolled(Method::Totp) && policy.email_codes == EmailCodes::Everyone)
        }
        Method::Password => password_may_follow(policy, bearer),
    }
}

/// Whether a first factor is enough: where there is no second one, or where a passkey was both at once and the
/// person's organisations count it (SEC-041).
pub fn lets_in(policy: Policy, bearer: Bearer<'_>) -> bool {
    !authenticator::second_factor_is_on(bearer.authenticators)
        || (bearer.proofs.is_multi_factor() && accepts(policy, bearer, Method::Passkey))
}

fn password_is_the_mailbox(user: &User, proofs: &Proofs) -> bool {
    user.password_by_mail && proofs.includes(Method::Password)
}

/// The order of two proofs makes no difference: the password may follow what may follow the password.
fn password_may_follow(policy: Policy, bearer: Bearer<'_>) -> bool {
    let Bearer { user, authenticators, proofs } = bearer;
    let (mut shown, mut first) = (proofs.iter(), Proofs::default());
    let (Some(only), None) = (shown.next(), shown.next()) else { return false };
    first = first.with(Method::Password, only.at);
    user.password.is_some()
        && only.method != Method::Password
        && accepts(policy, Bearer { user, authenticators, proofs: &first }, only.method)
}

/// How the person asking to change factors has shown themselves.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    pub second_factor_is_on: bool,
    pub proofs: &'a Proofs,
    /// They typed their password into this very request, and it was right.
    pub password_now: bool,
    /// An API key asks, which can prove nothing anew. It may add the first factor and no other: its wire's own
    /// documents promise that much.
    pub by_key: bool,
    /// When an authenticator was confirmed from within this very session, if one was.
    pub enrolled_here_at: Option<Timestamp>,
    /// An application that keeps the account vouches for the person, until they have a factor here.
    pub vouched: bool,
}

impl<'a> Standing<'a> {
    /// Of somebody who shows nothing but what their session has proven.
    pub const fn by_session(second_factor_is_on: bool, proofs: &'a Proofs) -> Self {
        Self {
            second_factor_is_on,
            proofs,
            password_now: false,
            by_key: false,
            enrolled_here_at: None,
            vouched: false,
        }
    }
}

/// Adding, removing or revealing a factor asks for a fresh proof of the strongest kind the account has
/// (SEC-018, SEC-101). A sign-in or enrolment completed within five minutes is one.
pub fn may_change_factors(standing: Standing<'_>, now: Timestamp) -> Result<(), Denied> {
    let is_fresh = |at: Timestamp| now.since(at) <= FRESH;
    let fresh = if standing.second_factor_is_on {
        standing.proofs.second_factor_is_fresh(now)
            || (standing.password_now && standing.enrolled_here_at.is_some_and(is_fresh))
    } else {
        standing.by_key
            || standing.vouched
            || standing.password_now
            || standing.proofs.latest().is_some_and(is_fresh)
    };
    if fresh { Ok(()) } else { Err(Denied::StaleSession) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        assurance::PasskeyUse,
        authenticator::Kind,
        ids::{AuthenticatorId, UserId},
        passkey,
        secret::Secret,
        time::SECOND,
        totp::{Parameters, Totp},
    };

    const NOON: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn user(password_by_mail: bool) -> User {
        User { password_by_mail, ..crate::user::sample() }
    }

    fn confirmed(method: Method) -> Authenticator {
        let kind = match method {
            Method::Totp => Kind::Totp(Totp {
                seed: Secret::new(vec![0; 20]),
                parameters: Parameters::default(),
                last_step: None,
            }),
            Method::SmsCode => Kind::SmsCode(Secret::from("+4915112345678")),
            Method::Passkey => Kind::Passkey(Box::new(passkey::sample(UserId::from("u".to_owned())))),
            _ => Kind::EmailCode,
        };
        Authenticator {
            id: AuthenticatorId::from("a".to_owned()),
            user_id: UserId::from("u".to_owned()),
            kind,
            created_at: NOON,
            confirmed_at: Some(NOON),
        }
    }

    fn offered_after_password(policy: Policy, user: &User, authenticators: &[Authenticator]) -> Vec<Method> {
        let proofs = &Proofs::of(Method::Password, NOON);
        offered(policy, Bearer { user, authenticators, proofs })
    }

    #[test]
    fn what_may_follow_a_mailbox_or_an_unverified_passkey() {
        let with_password = |by_mail| User { password: Some("hash".to_owned()), ..user(by_mail) };
        let passkey = PasskeyUse { user_verified: false, synced: false };
        let by_mail = Proofs::of(Method::EmailCode, NOON);
        let by_passkey = Proofs::of_passkey(passkey, NOON);
        let (open, strict) =
            (Policy::default(), Policy { email_codes: EmailCodes::Enrolled, ..Policy::default() });
        let (totp, mail) = (Method::Totp, Method::EmailCode);
        for (policy, user, enrolled, proofs, expected) in [
            (open, user(false), &[totp][..], &by_mail, &[Method::Totp][..]),
            // Mailbox and password open this account in the other order, too.
            (open, with_password(false), &[totp], &by_mail, &[Method::Totp, Method::Password]),
            (strict, with_password(false), &[totp], &by_mail, &[Method::Totp]),
            (open, with_password(true), &[totp], &by_mail, &[Method::Totp]),
            (open, with_password(false), &[mail], &by_mail, &[Method::Password]),
            (open, with_password(true), &[mail], &by_mail, &[]),
            (open, user(false), &[mail], &by_mail, &[]),
            (open, with_password(false), &[Method::Passkey], &by_passkey, &[Method::Password]),
            (open, user(false), &[Method::Passkey], &by_passkey, &[]),
            (open, user(false), &[Method::Passkey, totp], &by_passkey, &[Method::Totp, Method::EmailCode]),
            (open, user(false), &[Method::Passkey], &by_mail, &[Method::Passkey]),
            (open, with_password(false), &[Method::Passkey], &by_mail, &[Method::Passkey]),
        ] {
            let authenticators: Vec<_> = enrolled.iter().map(|method| confirmed(*method)).collect();
            let bearer = Bearer { user: &user, authenticators: &authenticators, proofs };
            assert_eq!(offered(policy, bearer), expected, "{enrolled:?} after {proofs:?}");
        }
    }

    #[test]
    fn email_codes_are_offered_beside_totp_unless_policy_or_the_mailbox_forbids() {
        let totp = [confirmed(Method::Totp)];
        let both = [confirmed(Method::Totp), confirmed(Method::EmailCode)];
        let mail = [confirmed(Method::EmailCode)];
        let strict = Policy { email_codes: EmailCodes::Enrolled, ..Policy::default() };
        let open = Policy::default();
        for (policy, by_mail, authenticators, expected) in [
            (open, false, &totp[..], &[Method::Totp, Method::EmailCode][..]),
            (strict, false, &totp[..], &[Method::Totp]),
            (strict, false, &both[..], &[Method::Totp, Method::EmailCode]),
            (open, true, &both[..], &[Method::Totp]),
            (open, true, &mail[..], &[]),
            (open, false, &mail[..], &[Method::EmailCode]),
            (open, false, &[], &[]),
        ] {
            assert_eq!(offered_after_password(policy, &user(by_mail), authenticators), expected);
        }
    }

    #[test]
    fn a_password_changes_factors_only_while_there_is_no_second_one() {
        let password = Proofs::of(Method::Password, NOON);
        let both = password.clone().with(Method::Totp, NOON);
        let late = NOON + FRESH + SECOND;
        let may = |second_factor_is_on, proofs, password_now, enrolled_here_at, now| {
            let standing = Standing {
                second_factor_is_on,
                proofs,
                password_now,
                by_key: false,
                enrolled_here_at,
                vouched: false,
            };
            may_change_factors(standing, now).is_ok()
        };
        assert!(may(false, &password, true, None, late));
        assert!(may(false, &password, false, None, NOON));
        assert!(!may(false, &password, false, None, late));
        assert!(may(true, &both, false, None, NOON));
        assert!(!may(true, &both, true, None, late));
        assert!(!may(true, &password, true, None, NOON));
        assert!(may(true, &password, true, Some(NOON), NOON + FRESH), "just enrolled from this session");
        assert!(!may(true, &password, false, Some(NOON), NOON));
        assert!(!may(true, &password, true, Some(NOON), late));
    }

    #[test]
    fn a_key_adds_the_first_factor_and_no_other() {
        let nothing = Proofs::default();
        let key = |second_factor_is_on| Standing {
            second_factor_is_on,
            proofs: &nothing,
            password_now: false,
            by_key: true,
            enrolled_here_at: None,
            vouched: false,
        };
        assert_eq!(may_change_factors(key(false), NOON), Ok(()));
        assert_eq!(may_change_factors(key(true), NOON), Err(Denied::StaleSession));
    }

    #[test]
    fn the_strictest_of_all_rules_holds() {
        let only = |methods: &[Method]| Methods::of(methods);
        let lax = Rules::default();
        let strict =
            Rules { second_factor_required: true, methods: only(&[Method::Totp]), ..Rules::default() };
        let other = Rules { methods: only(&[Method::EmailCode]), ..Rules::default() };
        assert_eq!(Policy::default().under([&lax], false), Policy::default());
        assert!(Policy::default().under([&lax], true).required);
        let both = Policy::default().under([&lax, &strict], false);
        assert!(
            both.required && both.methods.contains(Method::Totp) && !both.methods.contains(Method::EmailCode)
        );
        assert!(!Policy::default().under([&strict, &other], false).methods.contains(Method::Totp));
    }

    #[test]
    fn who_must_have_a_second_factor_and_has_none_that_counts_may_only_enrol() {
        let totp_only = Policy { required: true, methods: Methods::of(&[Method::Totp]), ..Policy::default() };
        assert_eq!(totp_only.scope(&[]), Scope::Enrolment);
        assert_eq!(totp_only.scope(&[Method::EmailCode]), Scope::Enrolment);
        assert_eq!(totp_only.scope(&[Method::Totp]), Scope::Full);
        assert_eq!(Policy::default().scope(&[]), Scope::Full);
        assert_eq!(totp_only.may_keep_only(&[Method::EmailCode]), Err(Denied::SecondFactorRequired));
        assert_eq!(totp_only.may_keep_only(&[Method::Totp]), Ok(()));
        let refused = Err(Denied::MethodNotAllowed(Method::EmailCode));
        assert_eq!(totp_only.may_enrol(Method::EmailCode), refused);
    }

    #[test]
    fn a_factor_that_does_not_count_still_guards_the_door_until_there_is_one_that_does() {
        let totp_only = Policy { methods: Methods::of(&[Method::Totp]), ..Policy::default() };
        let (totp, mail) = (confirmed(Method::Totp), confirmed(Method::EmailCode));
        assert_eq!(
            offered_after_password(totp_only, &user(false), std::slice::from_ref(&mail)),
            [Method::EmailCode]
        );
        assert_eq!(offered_after_password(totp_only, &user(false), &[mail, totp]), [Method::Totp]);
        let (ada, proofs) = (user(false), Proofs::of(Method::Password, NOON));
        let bearer = Bearer { user: &ada, authenticators: &[confirmed(Method::Totp)], proofs: &proofs };
        assert!(accepts(totp_only, bearer, Method::BackupCode));
    }
}
