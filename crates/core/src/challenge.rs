//! Challenges and the one judge: whether an offered proof passes, and what must be saved either way.

use std::time::Duration;

mod passkeys;

pub use passkeys::{Presented, prove_passkey, refuse_passkey};

use crate::{
    assurance::Proofs,
    authenticator::{self, Authenticator, Kind},
    denied::Denied,
    ids::{AuthenticatorId, ChallengeId, OneTimeCodeId, UserId},
    lockout::{Budget, Lane},
    method::Method,
    one_time_code,
    passkey::Proven,
    policy::{self, Bearer, Policy, Standing},
    secret::Secret,
    session::{Scope, Session},
    time::{MINUTE, Timestamp},
    totp::{self, Answer},
    user::User,
};

/// SEC-058.
pub const LIFETIME: Duration = Duration::from_secs(10 * MINUTE.as_secs());
/// Wrong answers one challenge survives; the next call ends it (SEC-023).
pub const FAILURES_MAX: u32 = 5;
/// Challenges one user may have open; the oldest makes room (SEC-060).
pub const OPEN_MAX: usize = 5;

/// An open question to one user, asked after the first factor.
#[derive(Clone, Debug)]
pub struct Challenge {
    pub id: ChallengeId,
    pub user_id: UserId,
    pub state: State,
    /// What was proven before the question was asked.
    pub proofs: Proofs,
    pub remember: bool,
    pub failures: u32,
    /// The user's security version when it was asked (SEC-059).
    pub security_version: i64,
    pub expires_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Pending,
    Passed,
    Failed,
}

impl State {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Passed => "passed",
            Self::Failed => "failed",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Passed, Self::Failed].into_iter().find(|state| state.as_str() == name)
    }
}

impl Challenge {
    /// Still a question, of this version of the account.
    pub fn is_open(&self, user: &User, now: Timestamp) -> bool {
        self.state == State::Pending
            && now < self.expires_at
            && self.user_id == user.id
            && self.security_version == user.security_version
    }
}

/// Who offers the proof: somebody answering a challenge, or somebody already signed in.
#[derive(Clone, Debug)]
pub enum Asker {
    Door(Challenge),
    Inside(Session),
}

impl Asker {
    pub fn lane(&self) -> Lane {
        match self {
            Self::Door(_) => Lane::Door,
            Self::Inside(_) => Lane::Session,
        }
    }

    /// Wrong answers that were certainly this asker's.
    fn own_failures(&self) -> u32 {
        match self {
            Self::Door(challenge) => challenge.failures,
            Self::Inside(_) => 0,
        }
    }
}

/// What a proof offered inside a session is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wants {
    /// Whatever it does: prove somebody again, or complete an enrolment.
    #[default]
    Either,
    /// Only to prove: an enrolment that waits is not looked at.
    Proof,
    /// Only to complete an enrolment.
    Enrolment,
}

/// A proof as it was offered. Codes that are looked up by digest arrive digested; `None` is malformed.
#[derive(Clone, Debug)]
pub enum Offer {
    Totp(Secret<String>),
    EmailCode(Option<Vec<u8>>),
    SmsCode(Option<Vec<u8>>),
    BackupCode(Option<Vec<u8>>),
    Passkey(Box<Presented>),
    /// Hashing is slow, so it was done before: the stored hash that the password fits, if it fits.
    Password(Option<Secret<String>>),
}

impl Offer {
    pub fn method(&self) -> Method {
        match self {
            Self::Totp(_) => Method::Totp,
            Self::EmailCode(_) => Method::EmailCode,
            Self::SmsCode(_) => Method::SmsCode,
            Self::BackupCode(_) => Method::BackupCode,
            Self::Passkey(_) => Method::Passkey,
            Self::Password(_) => Method::Password,
        }
    }

    /// Something a person could have read off a screen or a sheet. Anything else is refused like a wrong
    /// code but costs no attempt: it cannot be a guess (SEC-008). Nor can a signature be guessed.
    fn is_a_guess(&self) -> bool {
        match self {
            Self::Totp(code) => {
                [6, 8].iter().any(|digits| totp::well_formed(code.expose(), *digits).is_some())
            }
            Self::EmailCode(digest) | Self::SmsCode(digest) | Self::BackupCode(digest) => digest.is_some(),
            Self::Passkey(_) => false,
            Self::Password(_) => true,
        }
    }
}

/// The newest code sent for this challenge or session.
#[derive(Clone, Debug)]
pub struct SentCode {
    pub id: OneTimeCodeId,
    pub digest: Vec<u8>,
    pub expires_at: Timestamp,
    pub failures: u32,
}

/// What is known of the user's backup codes, seen from the offered one.
#[derive(Clone, Copy, Debug, Default)]
pub struct BackupCodes {
    /// Active and unused.
    pub left: u32,
    /// Active, used or not: whether there is a set at all.
    pub any: bool,
    /// The offered one is among those left.
    pub holds_offered: bool,
}

/// Everything the judge looks at, loaded in one visit to the store.
#[derive(Clone, Debug)]
pub struct Case {
    pub policy: Policy,
    pub user: User,
    pub asker: Asker,
    pub wants: Wants,
    pub authenticators: Vec<Authenticator>,
    pub sent_code: Option<SentCode>,
    pub backup_codes: BackupCodes,
    pub budget: Budget,
}

/// What the proof used up. Each is spent by one conditional statement, which must change one row.
#[derive(Clone, Debug)]
pub enum Spend {
    Step {
        authenticator: AuthenticatorId,
        step: i64,
    },
    SentCode(OneTimeCodeId),
    BackupCode(Vec<u8>),
    /// The stored counter must still be the one that was judged (SEC-043).
    Passkey {
        authenticator: AuthenticatorId,
        counter_was: u32,
        proven: Proven,
    },
    /// The stored hash must still be the one that the password fits.
    Password(Secret<String>),
}

/// What the proof completes beside itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enrols {
    Nothing,
    /// Confirms an enrolment that was begun.
    Confirm(AuthenticatorId),
    /// Somebody without a second factor proved their mailbox: codes by mail become it.
    EmailCode,
}

#[must_use]
#[derive(Clone, Debug)]
pub enum Verdict {
    Passed(Pass),
    Refused(Refusal),
}

#[derive(Clone, Debug)]
pub struct Pass {
    pub method: Method,
    pub spend: Spend,
    pub enrols: Enrols,
    /// What the session will have been proven with.
    pub proofs: Proofs,
    /// What is left to be counted in the asker's lane.
    pub budget: Budget,
}

#[derive(Clone, Debug)]
pub struct Refusal {
    pub denied: Denied,
    /// A guess was evaluated and wrong: count it everywhere.
    pub budget: Option<Budget>,
    pub ends: Ends,
}

/// What is over with this refusal, if it was not before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ends {
    Nothing,
    Challenge,
    SentCode,
    /// Two devices hold this key: it opens nothing any more (SEC-043).
    Passkey {
        authenticator: AuthenticatorId,
        stored: u32,
        seen: u32,
    },
}

impl Refusal {
    fn flat(denied: Denied) -> Verdict {
        Self::ending(denied, Ends::Nothing)
    }

    fn ending(denied: Denied, ends: Ends) -> Verdict {
        Verdict::Refused(Self { denied, budget: None, ends })
    }
}

impl Case {
    /// The order of the questions is the wire contract's: is there a question, is the method one of the
    /// account's, is the account locked, is the budget spent, and only then: is the code right.
    ///
    /// What is found expired ends there and then: a clock that is set back afterwards does not revive it.
    pub fn judge(&self, offer: &Offer, now: Timestamp) -> Verdict {
        let method = offer.method();
        if let Asker::Door(challenge) = &self.asker
            && !challenge.is_open(&self.user, now)
        {
            let ends = if challenge.state == State::Pending { Ends::Challenge } else { Ends::Nothing };
            return Refusal::ending(Denied::ChallengeGone, ends);
        }
        if !self.can_be_proven_by(method, now) {
            return Refusal::flat(Denied::NotEnrolled(method));
        }
        if let Offer::Passkey(presented) = offer {
            // Nobody can guess a signature, so strangers' guesses do not keep a passkey's owner out (SEC-068).
            return self.judge_passkey(presented, now);
        }
        if let Some(wait) = self.budget.wait(now) {
            return Refusal::flat(Denied::Locked { wait });
        }
        let was_sent = is_sent(method);
        if was_sent && self.live_code(now).is_none() {
            let ends = if self.sent_code.is_some() { Ends::SentCode } else { Ends::Nothing };
            return Refusal::ending(Denied::CodeExpired, ends);
        }
        if self.attempts_are_spent(method) {
            let ends = match self.asker {
                Asker::Door(_) => Ends::Challenge,
                Asker::Inside(_) => Ends::SentCode,
            };
            return Refusal::ending(Denied::TooManyAttempts, ends);
        }
        if was_sent
            && let Err(denied) = self.may_enrol_by_code(method, now).and_then(|()| self.counts(method))
        {
            return Refusal::flat(denied);
        }
        match self.evaluate(offer, now) {
            Some((spend, enrols)) => {
                let proofs = self.proofs_so_far().with(method, now);
                let budget = self.budget.after_success(self.paid(), now);
                Verdict::Passed(Pass { method, spend, enrols, proofs, budget })
            }
            None => Verdict::Refused(Refusal {
                denied: Denied::WrongCode(method),
                budget: offer.is_a_guess().then(|| match self.asker {
                    Asker::Door(_) => self.budget.after_failure_at_the_door(self.price(), now),
                    Asker::Inside(_) => self.budget.after_failure(now),
                }),
                ends: Ends::Nothing,
            }),
        }
    }

    /// What a wrong answer costs of the ration.
    fn price(&self) -> u32 {
        authenticator::apps(&self.authenticators).max(1) as u32
    }

    /// What the asker's own wrong answers have cost.
    fn paid(&self) -> u32 {
        self.asker.own_failures() * self.price()
    }

    fn proofs_so_far(&self) -> Proofs {
        match &self.asker {
            Asker::Door(challenge) => challenge.proofs.clone(),
            Asker::Inside(session) => session.proofs.clone(),
        }
    }

    fn can_be_proven_by(&self, method: Method, now: Timestamp) -> bool {
        match (&self.asker, method) {
            (_, Method::BackupCode) => self.backup_codes.any,
            (Asker::Door(_), _) => self.accepts(method),
            (Asker::Inside(_), Method::Password) => false,
            (Asker::Inside(_), Method::Totp) => self.totp_candidates(now).next().is_some(),
            // Without a second factor it enrols; with one, the mailbox is worth inside what it is at the door.
            (Asker::Inside(_), Method::EmailCode) => {
                (self.wants != Wants::Proof && !authenticator::second_factor_is_on(&self.authenticators))
                    || self.accepts(method)
            }
            (Asker::Inside(_), Method::SmsCode) => self.waiting_phone(now).is_some() || self.accepts(method),
            (Asker::Inside(_), Method::Passkey) => self.accepts(method),
        }
    }

    fn accepts(&self, method: Method) -> bool {
        let proofs = self.proofs_so_far();
        let (user, authenticators) = (&self.user, &self.authenticators[..]);
        policy::accepts(self.policy, Bearer { user, authenticators, proofs: &proofs }, method)
    }

    /// The number whose enrolment waits for the code that was sent to it.
    fn waiting_phone(&self, now: Timestamp) -> Option<&Authenticator> {
        let waits = |one: &&Authenticator| one.method() == Method::SmsCode && one.awaits_proof(now);
        self.authenticators.iter().filter(waits).find(|_| self.wants != Wants::Proof)
    }

    /// Authenticators a TOTP code may match: confirmed ones, and inside a session the one being enrolled.
    fn totp_candidates(&self, now: Timestamp) -> impl Iterator<Item = &Authenticator> {
        let enrolling = match &self.asker {
            Asker::Door(_) => false,
            // A key adds the first factor and no other, whenever it began.
            Asker::Inside(session) if session.scope == Scope::Key => {
                !authenticator::second_factor_is_on(&self.authenticators)
            }
            Asker::Inside(_) => true,
        } && self.wants != Wants::Proof;
        let proving = self.wants != Wants::Enrolment;
        let candidate = move |one: &&Authenticator| {
            one.method() == Method::Totp
                && ((proving && one.is_confirmed()) || (enrolling && one.awaits_proof(now)))
        };
        self.authenticators.iter().filter(candidate)
    }

    fn live_code(&self, now: Timestamp) -> Option<&SentCode> {
        self.sent_code.as_ref().filter(|code| now < code.expires_at)
    }

    fn attempts_are_spent(&self, method: Method) -> bool {
        match &self.asker {
            Asker::Door(challenge) => challenge.failures >= FAILURES_MAX,
            Asker::Inside(_) => {
                is_sent(method)
                    && self
                        .sent_code
                        .as_ref()
                        .is_some_and(|code| code.failures >= one_time_code::FAILURES_MAX)
            }
        }
    }

    /// Whether the method, if this enrols it, counts for the person's organisations.
    fn counts(&self, method: Method) -> Result<(), Denied> {
        let enrols = matches!(self.asker, Asker::Inside(_))
            && !authenticator::second_factor_is_on(&self.authenticators);
        if enrols { self.policy.may_enrol(method) } else { Ok(()) }
    }

    /// Inside a session a mailed code switches the second factor on: a change of factors. A number was asked
    /// for its permission when its enrolment began.
    fn may_enrol_by_code(&self, method: Method, now: Timestamp) -> Result<(), Denied> {
        match &self.asker {
            Asker::Inside(session)
                if method == Method::EmailCode
                    && !authenticator::second_factor_is_on(&self.authenticators) =>
            {
                let standing = Standing {
                    second_factor_is_on: false,
                    proofs: &session.proofs,
                    password_now: false,
                    by_key: false,
                    enrolled_here_at: None,
                    vouched: self.user.external.is_some(),
                };
                policy::may_change_factors(standing, now)
            }
            _ => Ok(()),
        }
    }

    fn evaluate(&self, offer: &Offer, now: Timestamp) -> Option<(Spend, Enrols)> {
        match offer {
            Offer::Totp(code) => self.totp_candidates(now).find_map(|one| match &one.kind {
                Kind::Totp(totp) => match totp.check(code.expose(), now) {
                    Answer::Step(step) => {
                        let enrols = if one.is_confirmed() {
                            Enrols::Nothing
                        } else {
                            Enrols::Confirm(one.id.clone())
                        };
                        Some((Spend::Step { authenticator: one.id.clone(), step }, enrols))
                    }
                    Answer::Reused | Answer::Wrong => None,
                },
                Kind::EmailCode | Kind::SmsCode(_) | Kind::Passkey(_) => None,
            }),
            Offer::SmsCode(digest) => {
                let code = self.live_code(now)?;
                let enrols = match (&self.asker, self.waiting_phone(now)) {
                    (Asker::Inside(_), Some(waiting)) => Enrols::Confirm(waiting.id.clone()),
                    _ => Enrols::Nothing,
                };
                crate::secret::same(digest.as_ref()?, &code.digest)
                    .then(|| (Spend::SentCode(code.id.clone()), enrols))
            }
            Offer::EmailCode(digest) => {
                let code = self.live_code(now)?;
                let enrols = match &self.asker {
                    Asker::Inside(_) if !authenticator::second_factor_is_on(&self.authenticators) => {
                        Enrols::EmailCode
                    }
                    _ => Enrols::Nothing,
                };
                crate::secret::same(digest.as_ref()?, &code.digest)
                    .then(|| (Spend::SentCode(code.id.clone()), enrols))
            }
            Offer::BackupCode(digest) => self
                .backup_codes
                .holds_offered
                .then(|| digest.clone())
                .flatten()
                .map(|digest| (Spend::BackupCode(digest), Enrols::Nothing)),
            Offer::Password(fits) => {
                let stored = self.user.password.as_ref()?;
                let same = fits.as_ref().is_some_and(|hash| hash.expose() == stored);
                same.then(|| (Spend::Password(Secret::from(stored.as_str())), Enrols::Nothing))
            }
            // Judged apart.
            Offer::Passkey(_) => None,
        }
    }
}

/// Whether codes of this method are sent, and so expire.
const fn is_sent(method: Method) -> bool {
    matches!(method, Method::EmailCode | Method::SmsCode)
}
