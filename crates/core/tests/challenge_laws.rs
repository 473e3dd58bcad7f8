//! Promises about challenges, tested over random sequences of acts: the judge, and a caller that saves its verdicts.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use countersign_core::{
    assurance::{Aal, Proofs},
    authenticator::{self, Authenticator, Kind},
    backup_code,
    challenge::{
        self, Asker, BackupCodes, Case, Challenge, Ends, Enrols, Offer, Pass, Refusal, SentCode, Spend,
        State, Verdict, Wants,
    },
    denied::Denied,
    ids::{AuthenticatorId, ChallengeId, OneTimeCodeId, SessionId, UserId},
    lockout::{Budget, Lane},
    method::Method,
    one_time_code,
    policy::{EmailCodes, Policy},
    secret::Secret,
    session::{self, Session, Visitor},
    time::{DAY, MINUTE, SECOND, Timestamp},
    totp::{self, Parameters, Totp},
    user::User,
};
use proptest::{collection::vec, prelude::*};

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const SEED: &[u8] = b"12345678901234567890";

#[derive(Clone, Copy, Debug)]
enum Who {
    Door(usize),
    Inside(usize),
}

#[derive(Clone, Copy, Debug)]
enum What {
    Right(Method),
    Wrong(Method),
    Malformed(Method),
    /// What was right once, typed again by this asker.
    Replay(usize),
}

#[derive(Clone, Debug)]
enum Act {
    /// The right password: a question, or a session where there is no second factor.
    Knock,
    Offer(Who, What),
    Send(Who),
    Wait(u64),
    /// The clock is set back, but not to before the beginning.
    SetBack(u64),
    ChangePassword {
        by_mail: bool,
    },
    BeginTotp,
    /// So many wrong answers, each as soon as it would be looked at.
    Besiege(usize),
}

fn method() -> impl Strategy<Value = Method> {
    prop_oneof![3 => Just(Method::Totp), 2 => Just(Method::EmailCode), 2 => Just(Method::BackupCode)]
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![3 => (0..8usize).prop_map(Who::Door), 1 => (0..4usize).prop_map(Who::Inside)]
}

fn what() -> impl Strategy<Value = What> {
    prop_oneof![
        5 => method().prop_map(What::Right),
        4 => method().prop_map(What::Wrong),
        1 => method().prop_map(What::Malformed),
        2 => (0..9usize).prop_map(What::Replay),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => Just(Act::Knock),
        12 => (who(), what()).prop_map(|(who, what)| Act::Offer(who, what)),
        3 => who().prop_map(Act::Send),
        3 => prop_oneof![0..45u64, 200..1_000u64, 0..200_000u64].prop_map(Act::Wait),
        1 => prop_oneof![0..100u64, 0..1_500u64].prop_map(Act::SetBack),
        1 => any::<bool>().prop_map(|by_mail| Act::ChangePassword { by_mail }),
        1 => Just(Act::BeginTotp),
        1 => (1..60usize).prop_map(Act::Besiege),
    ]
}

fn beginning() -> impl Strategy<Value = Town> {
    let enrolled = prop_oneof![
        3 => Just(&[Method::Totp][..]),
        2 => Just(&[Method::Totp, Method::Totp][..]),
        1 => Just(&[Method::EmailCode][..]),
        1 => Just(&[Method::Totp, Method::EmailCode][..]),
        1 => Just(&[][..]),
    ];
    let email_codes = prop_oneof![Just(EmailCodes::Everyone), Just(EmailCodes::Enrolled)];
    (enrolled, email_codes)
        .prop_map(|(enrolled, email_codes)| Town::new(enrolled, Policy { email_codes, ..Policy::default() }))
}

/// Somebody who may offer codes, what they were sent, and what they have in truth shown so far.
#[derive(Clone, Debug)]
struct Party {
    asker: Asker,
    sent: Option<SentCode>,
    mailed: Option<String>,
    shown: BTreeSet<Method>,
    evaluated_wrong: u32,
    /// It was told once that it is no question any more.
    gone: bool,
}

impl Party {
    fn new(asker: Asker, proofs: &Proofs) -> Self {
        let shown = proofs.iter().map(|proven| proven.method).collect();
        Self { asker, sent: None, mailed: None, shown, evaluated_wrong: 0, gone: false }
    }

    fn binding(&self) -> &str {
        match &self.asker {
            Asker::Door(challenge) => challenge.id.as_str(),
            Asker::Inside(session) => session.id.as_str(),
        }
    }
}

/// One account with everything a store would keep of it, and a ledger that no store keeps.
#[derive(Clone, Debug)]
struct Town {
    now: Timestamp,
    policy: Policy,
    user: User,
    authenticators: Vec<Authenticator>,
    backup: BTreeMap<Vec<u8>, bool>,
    doors: Vec<Party>,
    rooms: Vec<Party>,
    budgets: BTreeMap<&'static str, Budget>,
    names: u64,
    ledger: Ledger,
}

#[derive(Clone, Debug, Default)]
struct Ledger {
    steps: BTreeMap<AuthenticatorId, i64>,
    codes: BTreeSet<OneTimeCodeId>,
    expired_codes: BTreeSet<OneTimeCodeId>,
    backup: BTreeSet<Vec<u8>>,
    right: Vec<(Method, String)>,
    /// Wrong answers since the last right one, and when the latest was, by lane.
    wrong: BTreeMap<&'static str, (u32, Timestamp)>,
    /// When the ration of the door is whole again.
    whole_at: Option<Timestamp>,
}

impl Ledger {
    /// The published schedule, written down a second time: ten free, then 15 minutes doubling to a day, at most a hundred.
    ///
    /// And at the door, whoever passes it: fifteen at once, one more every two days; each for as many as there are apps.
    fn may_look(&self, lane: Lane, now: Timestamp) -> bool {
        if lane == Lane::Door && self.whole_at.is_some_and(|whole| whole.since(now) > 14 * 2 * DAY) {
            return false;
        }
        let Some((failures, latest)) = self.wrong.get(lane.as_str()) else { return true };
        let delay = match failures {
            0..10 => return true,
            10 => 15 * MINUTE,
            11 => 30 * MINUTE,
            12 => 60 * MINUTE,
            13 => 120 * MINUTE,
            14 => 240 * MINUTE,
            15 => 480 * MINUTE,
            16 => 960 * MINUTE,
            _ => DAY,
        };
        *failures < 100 && now >= *latest + delay
    }
}

fn printed(number: usize) -> String {
    format!("AAAA-BBBB-CCCC-{number:04}")
}

fn digest(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

impl Town {
    fn new(enrolled: &[Method], policy: Policy) -> Self {
        let user = User::newcomer(UserId::from("ada".to_owned()), "ada@example.com".to_owned(), START);
        let mut town = Self {
            now: START,
            policy,
            user,
            authenticators: Vec::new(),
            backup: BTreeMap::new(),
            doors: Vec::new(),
            rooms: Vec::new(),
            budgets: BTreeMap::new(),
            names: 0,
            ledger: Ledger::default(),
        };
        for method in enrolled {
            town.bind(*method, Some(START));
        }
        if enrolled.contains(&Method::Totp) {
            town.backup = (0..10).map(|number| (digest(&printed(number).replace('-', "")), false)).collect();
        }
        town.admit(Proofs::of(Method::Password, START));
        town
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("{:08}", self.names)
    }

    fn bind(&mut self, method: Method, confirmed_at: Option<Timestamp>) {
        let mut seed = SEED.to_vec();
        seed[0] ^= self.seeds().len() as u8;
        let seed = Secret::new(seed);
        let kind = match method {
            Method::Totp => Kind::Totp(Totp { seed, parameters: Parameters::default(), last_step: None }),
            _ => Kind::EmailCode,
        };
        let id = AuthenticatorId::from(self.name());
        let (user_id, created_at) = (self.user.id.clone(), self.now);
        self.authenticators.push(Authenticator { id, user_id, kind, created_at, confirmed_at });
    }

    /// Of every app, whether it is confirmed or waits.
    fn seeds(&self) -> Vec<Vec<u8>> {
        let seed = |one: &Authenticator| match &one.kind {
            Kind::Totp(totp) => Some(totp.seed.expose().clone()),
            _ => None,
        };
        self.authenticators.iter().filter_map(seed).collect()
    }

    fn second_factor_is_on(&self) -> bool {
        authenticator::second_factor_is_on(&self.authenticators)
    }

    fn admit(&mut self, proofs: Proofs) {
        let session = Session {
            id: SessionId::from(self.name()),
            user_id: self.user.id.clone(),
            proofs: proofs.clone(),
            scope: session::Scope::Full,
            remember: true,
            visitor: Visitor::default(),
            created_at: self.now,
            refreshed_at: self.now,
            expires_at: session::first_expiry(true, self.now),
        };
        self.rooms.push(Party::new(Asker::Inside(session), &proofs));
    }

    fn knock(&mut self) {
        let proofs = Proofs::of(Method::Password, self.now);
        if !self.second_factor_is_on() {
            return self.admit(proofs);
        }
        let challenge = Challenge {
            id: ChallengeId::from(self.name()),
            user_id: self.user.id.clone(),
            state: State::Pending,
            proofs: proofs.clone(),
            remember: true,
            failures: 0,
            security_version: self.user.security_version,
            expires_at: self.now + challenge::LIFETIME,
        };
        self.doors.push(Party::new(Asker::Door(challenge), &proofs));
    }

    /// What a wrong answer at the door costs: one of the ration for each app that it could have hit.
    fn price(&self) -> u32 {
        let apps =
            self.authenticators.iter().filter(|one| one.is_confirmed() && one.method() == Method::Totp);
        (apps.count() as u32).max(1)
    }

    fn change_account(&mut self) {
        self.user.security_version += 1;
    }

    fn party(&mut self, who: Who) -> Option<&mut Party> {
        let (all, index) = match who {
            Who::Door(index) => (&mut self.doors, index),
            Who::Inside(index) => (&mut self.rooms, index),
        };
        let index = index % all.len().max(1);
        all.get_mut(index)
    }

    fn send(&mut self, who: Who) {
        let (name, now) = (self.name(), self.now);
        if let Some(party) = self.party(who) {
            let code = format!("{:06}", 700_000 + name.parse::<u64>().unwrap());
            party.sent = Some(SentCode {
                id: OneTimeCodeId::from(name),
                digest: digest(&format!("{}:{code}", party.binding())),
                expires_at: now + one_time_code::LIFETIME,
                failures: 0,
            });
            party.mailed = Some(code);
        }
    }

    fn typed(&mut self, who: Who, what: What) -> Option<(Method, String)> {
        let present = totp::step_at(self.now, 30);
        let seeds = self.seeds();
        let code = |seed: &[u8], step| totp::code_at(seed, Parameters::default(), step);
        Some(match what {
            What::Right(Method::Totp) => {
                // One app after the other, as names go by.
                let seed = seeds.get(self.names as usize % seeds.len().max(1));
                (Method::Totp, code(seed.map_or(SEED, |seed| seed), present))
            }
            What::Right(Method::EmailCode) => (Method::EmailCode, self.party(who)?.mailed.clone()?),
            What::Right(method) => {
                let at = self.backup.values().position(|used| !used)?;
                (method, printed(at))
            }
            What::Wrong(Method::BackupCode) => (Method::BackupCode, "ZZZZ-ZZZZ-ZZZZ-ZZZZ".to_owned()),
            What::Wrong(method) => {
                let near = seeds
                    .iter()
                    .flat_map(|seed| (present - 1..=present + 1).map(move |step| code(seed, step)));
                let near: Vec<String> = near.collect();
                let wrong = (0..).map(|number| format!("{number:06}")).find(|code| !near.contains(code));
                (method, wrong?)
            }
            What::Malformed(method) => (method, "12-a".to_owned()),
            What::Replay(index) => self.ledger.right.get(index % self.ledger.right.len().max(1))?.clone(),
        })
    }

    /// As a caller gathers it from its store.
    fn case(&self, party: &Party, method: Method, text: &str) -> (Case, Offer) {
        let offer = match method {
            Method::EmailCode => Offer::EmailCode(
                one_time_code::well_formed(text)
                    .map(|code| digest(&format!("{}:{}", party.binding(), code.expose()))),
            ),
            Method::BackupCode => {
                Offer::BackupCode(backup_code::normalise(text).map(|code| digest(code.expose())))
            }
            _ => Offer::Totp(Secret::from(text)),
        };
        let backup_codes = match &offer {
            Offer::BackupCode(offered) => BackupCodes {
                left: self.backup.values().filter(|used| !**used).count() as u32,
                any: !self.backup.is_empty(),
                holds_offered: offered
                    .as_ref()
                    .is_some_and(|offered| self.backup.get(offered) == Some(&false)),
            },
            _ => BackupCodes::default(),
        };
        let case = Case {
            policy: self.policy,
            user: self.user.clone(),
            authenticators: self.authenticators.clone(),
            sent_code: party.sent.clone().filter(|_| method == Method::EmailCode),
            backup_codes,
            budget: self.budgets.get(party.asker.lane().as_str()).copied().unwrap_or_default(),
            asker: party.asker.clone(),
            wants: Wants::Either,
        };
        (case, offer)
    }

    fn offer(&mut self, who: Who, what: What) -> Result<(), TestCaseError> {
        let Some(party) = self.party(who).cloned() else { return Ok(()) };
        let Some((method, text)) = self.typed(who, what) else { return Ok(()) };
        let (case, offer) = self.case(&party, method, &text);
        match case.judge(&offer, self.now) {
            Verdict::Passed(pass) => {
                self.check_pass(&party, &case, &pass)?;
                self.save_pass(who, &pass)?;
                self.ledger.right.push((method, text));
            }
            Verdict::Refused(refusal) => {
                self.check_refusal(&party, &case, &offer, &refusal)?;
                if matches!(what, What::Right(Method::Totp)) {
                    prop_assert!(
                        !self.totp_must_pass(&party, &case, &text),
                        "a right code was refused: {refusal:?}"
                    );
                }
                self.save_refusal(who, &refusal);
            }
        }
        Ok(())
    }

    /// Laws that only ever refuse would be kept by a judge that refuses everything.
    fn totp_must_pass(&self, party: &Party, case: &Case, code: &str) -> bool {
        let Asker::Door(challenge) = &party.asker else { return false };
        let present = totp::step_at(self.now, 30);
        challenge.state == State::Pending
            && self.now < challenge.expires_at
            && challenge.security_version == self.user.security_version
            && party.evaluated_wrong < 5
            && self.ledger.may_look(Lane::Door, self.now)
            && case.authenticators.iter().any(|one| {
                let Kind::Totp(totp) = &one.kind else { return false };
                one.is_confirmed()
                    && totp::code_at(totp.seed.expose(), totp.parameters, present) == code
                    && self.ledger.steps.get(&one.id).is_none_or(|last| *last < present)
            })
    }

    fn check_pass(&self, party: &Party, case: &Case, pass: &Pass) -> Result<(), TestCaseError> {
        let (lane, now) = (party.asker.lane(), self.now);
        prop_assert!(self.ledger.may_look(lane, now), "evaluated while locked");
        prop_assert!(!party.gone, "what was gone came back");
        let enrolled = |method| authenticator::is_enrolled(&case.authenticators, method);
        match &party.asker {
            Asker::Door(challenge) => {
                prop_assert_eq!(challenge.state, State::Pending, "a challenge ended twice");
                prop_assert!(now < challenge.expires_at && party.evaluated_wrong <= 5);
                prop_assert_eq!(challenge.security_version, self.user.security_version);
                prop_assert_eq!(&pass.enrols, &Enrols::Nothing);
                prop_assert!(pass.proofs.includes(Method::Password) && pass.proofs.includes(pass.method));
                prop_assert_eq!(pass.proofs.aal(now), Aal::Two, "the door opens to two factors only");
                prop_assert!(pass.method != Method::Totp || enrolled(Method::Totp));
            }
            Asker::Inside(_) => {
                let switches_on = pass.enrols == Enrols::EmailCode;
                prop_assert!(!switches_on || !authenticator::second_factor_is_on(&case.authenticators));
            }
        }
        if pass.method == Method::EmailCode && authenticator::second_factor_is_on(&case.authenticators) {
            let strict = self.policy.email_codes == EmailCodes::Enrolled;
            prop_assert!(
                !(party.shown.contains(&Method::Password) && self.user.password_by_mail),
                "the mailbox counted twice"
            );
            prop_assert!(!strict || enrolled(Method::EmailCode), "mail was accepted against the policy");
        }
        let mut shown = party.shown.clone();
        shown.insert(pass.method);
        let claimed: BTreeSet<Method> = pass.proofs.iter().map(|proven| proven.method).collect();
        prop_assert!(claimed.is_subset(&shown), "{:?} claimed, {:?} shown", claimed, shown);
        let factors: BTreeSet<_> = shown.iter().map(|method| method.factor()).collect();
        prop_assert!(pass.proofs.aal(now) == Aal::One || factors.len() == 2, "assurance outruns the methods");
        Ok(())
    }

    fn check_refusal(
        &self,
        party: &Party,
        case: &Case,
        offer: &Offer,
        refusal: &Refusal,
    ) -> Result<(), TestCaseError> {
        let lane = party.asker.lane();
        if let Some(budget) = refusal.budget {
            prop_assert!(matches!(refusal.denied, Denied::WrongCode(_)));
            prop_assert!(self.ledger.may_look(lane, self.now), "evaluated while locked");
            prop_assert_eq!(budget.failures, case.budget.failures + 1);
            if let Asker::Door(_) = party.asker {
                prop_assert!(party.evaluated_wrong < 5, "a sixth guess at one challenge");
            }
        }
        if let Denied::Locked { wait } = refusal.denied {
            prop_assert!(!self.ledger.may_look(lane, self.now) && wait > Duration::ZERO);
        }
        if matches!(offer, Offer::EmailCode(None) | Offer::BackupCode(None)) {
            prop_assert!(refusal.budget.is_none(), "what cannot be a guess was counted as one");
        }
        Ok(())
    }

    fn save_pass(&mut self, who: Who, pass: &Pass) -> Result<(), TestCaseError> {
        match &pass.spend {
            Spend::Step { authenticator, step } => {
                let before = self.ledger.steps.insert(authenticator.clone(), *step);
                prop_assert!(before.is_none_or(|before| before < *step), "step {step} after {before:?}");
                for one in self.authenticators.iter_mut().filter(|one| one.id == *authenticator) {
                    if let Kind::Totp(totp) = &mut one.kind {
                        totp.last_step = Some(*step);
                    }
                }
            }
            Spend::SentCode(id) => {
                prop_assert!(!self.ledger.expired_codes.contains(id), "an expired code came back");
                prop_assert!(self.ledger.codes.insert(id.clone()), "a mailed code twice");
                self.party(who).unwrap().sent = None;
            }
            Spend::BackupCode(code) => {
                prop_assert!(self.ledger.backup.insert(code.clone()), "a backup code twice");
                prop_assert_eq!(self.backup.insert(code.clone(), true), Some(false));
            }
            Spend::Passkey { .. } | Spend::Password(_) => prop_assert!(false, "nobody offered one"),
        }
        let lane = self.party(who).unwrap().asker.lane();
        self.budgets.insert(lane.as_str(), pass.budget);
        if lane == Lane::Door {
            let own = self.party(who).unwrap().evaluated_wrong;
            // What is whole by then is forgotten, also if the clock is set back after it.
            let price = self.price();
            let whole = self.ledger.whole_at.map(|whole| whole - own * price * 2 * DAY);
            self.ledger.whole_at = whole.filter(|whole| *whole > self.now);
        }
        self.ledger.wrong.remove(lane.as_str());
        if pass.method != Method::EmailCode {
            self.user.password_by_mail = false;
        }
        let party = self.party(who).unwrap();
        party.shown.insert(pass.method);
        match &mut party.asker {
            Asker::Door(challenge) => {
                challenge.state = State::Passed;
                self.admit(pass.proofs.clone());
            }
            Asker::Inside(session) => session.proofs = pass.proofs.clone(),
        }
        match &pass.enrols {
            Enrols::Nothing => return Ok(()),
            Enrols::EmailCode => self.bind(Method::EmailCode, Some(self.now)),
            Enrols::Confirm(id) => {
                let now = self.now;
                for one in self.authenticators.iter_mut().filter(|one| one.id == *id) {
                    prop_assert!(!one.is_confirmed() && now.since(one.created_at) < 10 * MINUTE);
                    one.confirmed_at = Some(now);
                }
            }
        }
        self.change_account();
        Ok(())
    }

    fn save_refusal(&mut self, who: Who, refusal: &Refusal) {
        let now = self.now;
        let party = self.party(who).unwrap();
        let lane = party.asker.lane().as_str();
        if refusal.denied == Denied::CodeExpired
            && let Some(code) = &party.sent
        {
            let id = code.id.clone();
            self.ledger.expired_codes.insert(id);
        }
        let party = self.party(who).unwrap();
        party.gone |= refusal.denied == Denied::ChallengeGone;
        match (refusal.ends.clone(), &mut party.asker) {
            (Ends::Challenge, Asker::Door(challenge)) => challenge.state = State::Failed,
            (Ends::SentCode, _) => party.sent = None,
            _ => {}
        }
        if let Some(budget) = refusal.budget {
            party.evaluated_wrong += 1;
            if let Some(code) = &mut party.sent {
                code.failures += 1;
            }
            if let Asker::Door(challenge) = &mut party.asker {
                challenge.failures += 1;
            }
            self.budgets.insert(lane, budget);
            if lane == Lane::Door.as_str() {
                let whole = self.ledger.whole_at.map_or(now, |whole| whole.max(now));
                self.ledger.whole_at = Some(whole + self.price() * 2 * DAY);
            }
            let wrong = self.ledger.wrong.entry(lane).or_insert((0, now));
            *wrong = (wrong.0 + 1, now);
        }
    }

    fn besiege(&mut self, times: usize) -> Result<(), TestCaseError> {
        for turn in 0..times {
            let budget = self.budgets.get(Lane::Door.as_str()).copied().unwrap_or_default();
            if let Some(wait) = budget.wait(self.now) {
                // A moment early is too early; the attempt may not count either.
                self.now = self.now + (wait - SECOND.min(wait));
                self.knock();
                self.offer(Who::Door(self.doors.len() - 1), What::Right(Method::Totp))?;
                self.now = self.now + SECOND;
            }
            if turn % 5 == 0 || self.doors.is_empty() {
                self.knock();
            }
            if self.doors.is_empty() {
                return Ok(());
            }
            self.offer(Who::Door(self.doors.len() - 1), What::Wrong(Method::BackupCode))?;
        }
        Ok(())
    }

    fn act(&mut self, act: Act) -> Result<(), TestCaseError> {
        match act {
            Act::Knock => self.knock(),
            Act::Offer(who, what) => self.offer(who, what)?,
            Act::Send(who) => self.send(who),
            Act::Wait(seconds) => self.now = self.now + Duration::from_secs(seconds),
            Act::SetBack(seconds) => self.now = (self.now - Duration::from_secs(seconds)).max(START),
            Act::ChangePassword { by_mail } => {
                self.user.password_by_mail = by_mail;
                self.change_account();
            }
            Act::BeginTotp => {
                if authenticator::may_add_app(authenticator::apps(&self.authenticators), true).is_ok() {
                    self.authenticators.retain(Authenticator::is_confirmed);
                    self.bind(Method::Totp, None);
                }
            }
            Act::Besiege(times) => self.besiege(times)?,
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    /// Every law of this file, checked at every answer of the sequence.
    #[test]
    fn the_laws_of_the_door_hold(mut town in beginning(), acts in vec(act(), 1..120)) {
        for act in acts {
            town.act(act)?;
        }
        prop_assert!(town.ledger.wrong.values().all(|(failures, _)| *failures <= 100));
    }

    /// 63B §3.2.2: however patient, nobody gets a hundred and first guess, and not even the right code opens then.
    #[test]
    fn a_siege_ends_at_a_hundred(first in 1..150usize, then in 100..150usize) {
        let mut town = Town::new(&[Method::Totp], Policy::default());
        town.besiege(first)?;
        town.besiege(then)?;
        prop_assert_eq!(town.ledger.wrong[Lane::Door.as_str()].0, 100);
        town.now = town.now + 400 * DAY;
        town.knock();
        town.offer(Who::Door(town.doors.len() - 1), What::Right(Method::Totp))?;
        prop_assert!(town.ledger.right.is_empty());
        // Whoever is inside is not locked out by it.
        town.offer(Who::Inside(0), What::Right(Method::Totp))?;
        prop_assert_eq!(town.ledger.right.len(), 1);
    }
}

/// What `expires` means after the clock was set back by less than it went forward.
#[test]
fn what_was_found_expired_stays_expired() {
    let mut town = Town::new(&[Method::Totp], Policy::default());
    town.knock();
    town.send(Who::Door(0));
    town.now = town.now + challenge::LIFETIME;
    town.offer(Who::Door(0), What::Right(Method::Totp)).unwrap();
    town.now = town.now - 5 * MINUTE;
    for method in [Method::Totp, Method::BackupCode, Method::EmailCode] {
        town.offer(Who::Door(0), What::Right(method)).unwrap();
    }
    assert!(town.ledger.right.is_empty());

    town.knock();
    town.send(Who::Door(1));
    town.now = town.now + one_time_code::LIFETIME;
    town.offer(Who::Door(1), What::Right(Method::EmailCode)).unwrap();
    town.now = town.now - MINUTE;
    town.offer(Who::Door(1), What::Right(Method::EmailCode)).unwrap();
    assert!(town.ledger.right.is_empty());
    town.offer(Who::Door(1), What::Right(Method::Totp)).unwrap();
    assert_eq!(town.ledger.right.len(), 1);
}
