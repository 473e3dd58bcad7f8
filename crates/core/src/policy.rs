//! Policy: which methods a challenge offers, and what an act that changes factors asks for.

use crate::{
    assurance::{FRESH, Proofs},
    authenticator::{self, Authenticator},
    denied::Denied,
    method::Method,
    time::Timestamp,
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

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    pub email_codes: EmailCodes,
}

/// The methods a challenge offers, best first. Backup codes are always accepted and never advertised.
pub fn offered(policy: Policy, user: &User, authenticators: &[Authenticator]) -> Vec<Method> {
    [Method::Totp, Method::EmailCode]
        .into_iter()
        .filter(|method| accepts(policy, user, authenticators, *method))
        .collect()
}

/// Whether a challenge may be answered with this method.
pub fn accepts(policy: Policy, user: &User, authenticators: &[Authenticator], method: Method) -> bool {
    let enrolled = |method| authenticator::is_enrolled(authenticators, method);
    match method {
        Method::Password => false,
        Method::Totp | Method::BackupCode => enrolled(method) || method == Method::BackupCode,
        // The same channel never counts twice (SEC-029): whoever set the password through the mailbox must
        // show something that is not the mailbox, if the account has it.
        Method::EmailCode if enrolled(Method::Totp) => {
            !user.password_by_mail && (policy.email_codes == EmailCodes::Everyone || enrolled(method))
        }
        Method::EmailCode => enrolled(method),
    }
}

/// How the person asking to change factors has shown themselves.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    pub second_factor_is_on: bool,
    pub proofs: &'a Proofs,
    /// They typed their password into this very request, and it was right.
    pub password_now: bool,
    /// When an authenticator was confirmed from within this very session, if one was.
    pub enrolled_here_at: Option<Timestamp>,
}

/// Adding, removing or revealing a factor asks for a fresh proof of the strongest kind the account has
/// (SEC-018, SEC-101). A sign-in or enrolment completed within five minutes is one.
pub fn may_change_factors(standing: Standing<'_>, now: Timestamp) -> Result<(), Denied> {
    let is_fresh = |at: Timestamp| now.since(at) <= FRESH;
    let fresh = if standing.second_factor_is_on {
        standing.proofs.second_factor_is_fresh(now)
            || (standing.password_now && standing.enrolled_here_at.is_some_and(is_fresh))
    } else {
        standing.password_now || standing.proofs.latest().is_some_and(is_fresh)
    };
    if fresh { Ok(()) } else { Err(Denied::StaleSession) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        authenticator::Kind,
        ids::{AuthenticatorId, UserId},
        secret::Secret,
        time::SECOND,
        totp::{Parameters, Totp},
    };

    const NOON: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn user(password_by_mail: bool) -> User {
        User {
            id: UserId::from("u".to_owned()),
            email: "ada@example.com".to_owned(),
            email_verified_at: None,
            name: String::new(),
            image: None,
            password: None,
            password_by_mail,
            security_version: 0,
            created_at: NOON,
            updated_at: NOON,
        }
    }

    fn confirmed(method: Method) -> Authenticator {
        let kind = match method {
            Method::Totp => Kind::Totp(Totp {
                seed: Secret::new(vec![0; 20]),
                parameters: Parameters::default(),
                last_step: None,
            }),
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

    #[test]
    fn email_codes_are_offered_beside_totp_unless_policy_or_the_mailbox_forbids() {
        let totp = [confirmed(Method::Totp)];
        let both = [confirmed(Method::Totp), confirmed(Method::EmailCode)];
        let mail = [confirmed(Method::EmailCode)];
        let strict = Policy { email_codes: EmailCodes::Enrolled };
        let open = Policy::default();
        for (policy, by_mail, authenticators, expected) in [
            (open, false, &totp[..], &[Method::Totp, Method::EmailCode][..]),
            (strict, false, &totp[..], &[Method::Totp]),
            (strict, false, &both[..], &[Method::Totp, Method::EmailCode]),
            (open, true, &both[..], &[Method::Totp]),
            (open, true, &mail[..], &[Method::EmailCode]),
            (open, false, &mail[..], &[Method::EmailCode]),
            (open, false, &[], &[]),
        ] {
            assert_eq!(offered(policy, &user(by_mail), authenticators), expected);
        }
    }

    #[test]
    fn a_password_changes_factors_only_while_there_is_no_second_one() {
        let password = Proofs::of(Method::Password, NOON);
        let both = password.clone().with(Method::Totp, NOON);
        let late = NOON + FRESH + SECOND;
        let may = |second_factor_is_on, proofs, password_now, enrolled_here_at, now| {
            may_change_factors(Standing { second_factor_is_on, proofs, password_now, enrolled_here_at }, now)
                .is_ok()
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
}
