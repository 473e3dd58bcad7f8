//! A siege in virtual time: how likely somebody who knows the password guesses a second factor, and whether its
//! owner gets in meanwhile. `cargo test -p countersign-core --test guessing -- --nocapture` prints the figures.

use std::{collections::BTreeMap, time::Duration};

use countersign_core::{
    assurance::Proofs,
    authenticator::{APPS_MAX, Authenticator, Kind},
    backup_code,
    challenge::{self, Asker, BackupCodes, Case, Challenge, Offer, SentCode, Spend, State, Verdict, Wants},
    denied::Denied,
    ids::{AuthenticatorId, ChallengeId, OneTimeCodeId, SessionId, TrustedDeviceId, UserId},
    lockout::{Budget, FREE, HARD_STOP, RATION, REFILL},
    method::Method,
    one_time_code,
    policy::Policy,
    secret::Secret,
    session::{self, Session, Visitor},
    time::{DAY, HOUR, SECOND, Timestamp},
    totp::{self, Parameters, Totp},
    trusted_device::{self, Presented, Trust, TrustedDevice},
    user::User,
};
use proptest::{collection::vec, prelude::*};

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const DAYS: u32 = 30;
/// Where the attacker's requests come from. The budget is the user's, so that it makes no difference.
const ADDRESSES: u64 = 10_000;
/// What the promise is (DESIGN §4).
const ODDS_MAX: f64 = 1e-4;
/// Of the app that the owner carries, and of up to two more.
const SEEDS: [&[u8]; APPS_MAX] = [b"12345678901234567890", b"abcdefghijklmnopqrst", b"ABCDEFGHIJKLMNOPQRST"];
const SEED: &[u8] = SEEDS[0];
/// As many values as six digits have.
const VALUES: f64 = 1e6;

/// What the attacker tries at the door: whatever it is, all of it counts in one budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weapon {
    Totp,
    MailedCode,
    BackupCode,
    /// The next of the three each time, and a fresh challenge each time.
    Mixed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Patience {
    /// Guesses whenever a guess would be looked at.
    None,
    /// Stops before the run would close the door, so that the owner comes in and ends it.
    UntilTheOwnerCame,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// Signs in daily from a trusted device and proves a code in the session.
    OnTrustedDevice,
    /// Signs in daily from a browser that nobody knows.
    AtTheDoor,
}

/// One account under siege, with what a store would keep of it.
struct Siege {
    now: Timestamp,
    user: User,
    apps: Vec<Authenticator>,
    device: TrustedDevice,
    door: Budget,
    inside: Budget,
    challenge: Option<Challenge>,
    sent: Option<SentCode>,
    mailed: usize,
    names: u64,
    requests: BTreeMap<u64, u64>,
    guesses: u32,
    /// Wrong guesses for each step: codes that it certainly has not.
    excluded: BTreeMap<i64, f64>,
    /// Wrong guesses at the mailed code that lives now.
    excluded_mailed: f64,
    /// That one of the guesses so far was right.
    odds: f64,
    came: u32,
    refused: u32,
    inside_came: u32,
    inside_refused: u32,
}

impl Siege {
    fn new(apps: usize) -> Self {
        let new = User::newcomer(UserId::from("ada".to_owned()), "ada@example.com".to_owned(), START);
        let user = User { email_verified_at: Some(START), ..new };
        let app = |seed: &&[u8]| Authenticator {
            id: AuthenticatorId::from(format!("{seed:?}")),
            user_id: user.id.clone(),
            kind: Kind::Totp(Totp {
                seed: Secret::new(seed.to_vec()),
                parameters: Parameters::default(),
                last_step: None,
            }),
            created_at: START,
            confirmed_at: Some(START),
        };
        let apps = SEEDS[..apps].iter().map(app).collect();
        let device = TrustedDevice {
            created_at: START,
            id: TrustedDeviceId::from("laptop".to_owned()),
            user_id: user.id.clone(),
            rotated_at: START,
            expires_at: START + trusted_device::LIFETIME,
        };
        Self {
            now: START,
            user,
            apps,
            device,
            door: Budget::default(),
            inside: Budget::default(),
            challenge: None,
            sent: None,
            mailed: 0,
            names: 0,
            requests: BTreeMap::new(),
            guesses: 0,
            excluded: BTreeMap::new(),
            excluded_mailed: 0.0,
            odds: 0.0,
            came: 0,
            refused: 0,
            inside_came: 0,
            inside_refused: 0,
        }
    }

    fn new_challenge(&mut self) -> Challenge {
        self.names += 1;
        Challenge {
            id: ChallengeId::from(format!("{:08}", self.names)),
            user_id: self.user.id.clone(),
            state: State::Pending,
            proofs: Proofs::of(Method::Password, self.now),
            remember: true,
            failures: 0,
            security_version: 0,
            expires_at: self.now + challenge::LIFETIME,
        }
    }

    fn case(&self, asker: Asker, sent_code: Option<SentCode>) -> Case {
        let budget = if matches!(asker, Asker::Door(_)) { self.door } else { self.inside };
        Case {
            policy: Policy::default(),
            user: self.user.clone(),
            asker,
            wants: Wants::Proof,
            authenticators: self.apps.clone(),
            sent_code,
            backup_codes: BackupCodes { left: 10, any: true, holds_offered: false },
            budget,
        }
    }

    fn present_code(&self) -> Secret<String> {
        let step = totp::step_at(self.now, 30);
        Secret::new(totp::code_at(SEED, Parameters::default(), step))
    }

    fn wrong_code(&self) -> Secret<String> {
        let present = totp::step_at(self.now, 30);
        let near = (present - 1..=present + 1)
            .flat_map(|step| SEEDS.map(|seed| totp::code_at(seed, Parameters::default(), step)));
        let near: Vec<String> = near.collect();
        let wrong = (0..).map(|number| format!("{number:06}")).find(|code| !near.contains(code));
        Secret::new(wrong.unwrap())
    }

    /// A challenge with attempts left and, where a mailed code is tried, a live code to try at.
    fn challenge_for(&mut self, weapon: Weapon) -> Challenge {
        let usable = |one: &Challenge| self.now < one.expires_at && one.failures < challenge::FAILURES_MAX;
        let challenge = match self.challenge.take().filter(|one| usable(one) && weapon != Weapon::Mixed) {
            Some(challenge) => challenge,
            None => {
                self.sent = None;
                self.new_challenge()
            }
        };
        let live = self.sent.as_ref().is_some_and(|code| self.now < code.expires_at);
        if !live {
            self.names += 1;
            self.mailed += 1;
            self.excluded_mailed = 0.0;
            self.sent = Some(SentCode {
                id: OneTimeCodeId::from(format!("{:08}", self.names)),
                digest: b"what was mailed".to_vec(),
                expires_at: self.now + one_time_code::LIFETIME,
                failures: 0,
            });
        }
        challenge
    }

    /// One request of the attacker. If it is looked at it is wrong, and what it might have been is entered.
    fn guess(&mut self, weapon: Weapon) -> Result<(), Duration> {
        *self.requests.entry(u64::from(self.guesses) * 37 % ADDRESSES).or_default() += 1;
        let turn = match weapon {
            Weapon::Mixed => {
                [Weapon::Totp, Weapon::MailedCode, Weapon::BackupCode][self.guesses as usize % 3]
            }
            one => one,
        };
        let mut challenge = self.challenge_for(weapon);
        let offer = match turn {
            Weapon::MailedCode => Offer::EmailCode(Some(b"not it".to_vec())),
            Weapon::BackupCode => Offer::BackupCode(Some(b"not on the sheet".to_vec())),
            Weapon::Totp | Weapon::Mixed => Offer::Totp(self.wrong_code()),
        };
        let case = self.case(Asker::Door(challenge.clone()), self.sent.clone());
        let Verdict::Refused(refusal) = case.judge(&offer, self.now) else { panic!("a wrong code passed") };
        let Some(budget) = refusal.budget else {
            self.challenge = Some(challenge);
            let Denied::Locked { wait } = refusal.denied else { panic!("{:?}", refusal.denied) };
            return Err(wait);
        };
        self.door = budget;
        challenge.failures += 1;
        if let Some(code) = &mut self.sent {
            code.failures += 1;
        }
        self.challenge = Some(challenge);
        self.guesses += 1;
        self.odds += (1.0 - self.odds) * self.chance_of(turn);
        Ok(())
    }

    /// How likely this guess was right, given that the ones before were wrong. Exact: codes of different steps and
    /// apps are independent, and a step's code is any of those not excluded yet.
    fn chance_of(&mut self, weapon: Weapon) -> f64 {
        match weapon {
            Weapon::MailedCode => {
                let chance = 1.0 / (VALUES - self.excluded_mailed);
                self.excluded_mailed += 1.0;
                chance
            }
            Weapon::BackupCode => f64::from(backup_code::SET_SIZE as u32) / 2_f64.powi(80),
            Weapon::Totp | Weapon::Mixed => {
                let present = totp::step_at(self.now, 30);
                let misses = (present - 1..=present + 1).map(|step| {
                    let excluded = self.excluded.entry(step).or_default();
                    *excluded += 1.0;
                    1.0 - 1.0 / (VALUES - (*excluded - 1.0))
                });
                1.0 - misses.product::<f64>().powi(self.apps.len() as i32)
            }
        }
    }

    fn owner_comes(&mut self, owner: Owner) {
        match owner {
            Owner::OnTrustedDevice => {
                // The password and the device's value: no question is asked (operations/sign_in.rs, `admit`).
                match self.device.judge(
                    Presented::Current,
                    (&self.user.id, trusted_device::LIFETIME),
                    self.now,
                ) {
                    Trust::Granted => self.came += 1,
                    Trust::Withheld | Trust::Stolen => self.refused += 1,
                }
                self.device.rotated_at = self.now;
            }
            Owner::AtTheDoor => {
                let challenge = self.new_challenge();
                let case = self.case(Asker::Door(challenge), None);
                match case.judge(&Offer::Totp(self.present_code()), self.now) {
                    Verdict::Passed(pass) => {
                        self.door = pass.budget;
                        self.came += 1;
                    }
                    Verdict::Refused(_) => self.refused += 1,
                }
            }
        }
        self.owner_proves_inside();
    }

    /// The owner shows a code in the session, as for a change of factors, half a minute later.
    fn owner_proves_inside(&mut self) {
        let later = self.now;
        self.now = self.now + 31 * SECOND;
        let session = Session {
            id: SessionId::from("session".to_owned()),
            user_id: self.user.id.clone(),
            proofs: Proofs::of(Method::Password, self.now),
            scope: session::Scope::Full,
            remember: true,
            visitor: Visitor::default(),
            created_at: self.now,
            refreshed_at: self.now,
            expires_at: session::first_expiry(true, self.now),
        };
        let case = self.case(Asker::Inside(session), None);
        match case.judge(&Offer::Totp(self.present_code()), self.now) {
            Verdict::Passed(pass) => {
                self.inside = pass.budget;
                self.inside_came += 1;
                let Spend::Step { step, .. } = pass.spend else { panic!("a TOTP code spends a step") };
                if let Kind::Totp(totp) = &mut self.apps[0].kind {
                    totp.last_step = Some(step);
                }
            }
            Verdict::Refused(_) => self.inside_refused += 1,
        }
        self.now = later;
    }

    /// The whole siege. The owner comes once a day, eight hours into it.
    fn run(apps: usize, weapon: Weapon, patience: Patience, owner: Owner) -> Self {
        let mut siege = Self::new(apps);
        for day in 0..DAYS {
            let morning = START + day * DAY + 8 * HOUR;
            siege.guess_until(morning, weapon, patience);
            siege.owner_comes(owner);
            siege.guess_until(START + (day + 1) * DAY, weapon, patience);
        }
        siege
    }

    fn guess_until(&mut self, end: Timestamp, weapon: Weapon, patience: Patience) {
        while self.now < end {
            if patience == Patience::UntilTheOwnerCame && self.door.failures + 2 >= FREE {
                break;
            }
            if let Err(wait) = self.guess(weapon) {
                self.now = (self.now + wait).min(end);
            }
        }
        self.now = end;
    }
}

#[test]
fn nobody_guesses_a_second_factor_and_its_owner_gets_in() {
    println!("{DAYS} days, {ADDRESSES} addresses, the attacker has the password; exact odds, no sampling");
    println!(
        "| apps | attacker tries | and | owner comes | guesses | attacker's odds | owner let in | inside |"
    );
    for apps in 1..=APPS_MAX {
        for owner in [Owner::OnTrustedDevice, Owner::AtTheDoor] {
            for patience in [Patience::None, Patience::UntilTheOwnerCame] {
                for weapon in [Weapon::Totp, Weapon::MailedCode, Weapon::BackupCode, Weapon::Mixed] {
                    let siege = Siege::run(apps, weapon, patience, owner);
                    let (odds, visits) = (siege.odds, siege.came + siege.refused);
                    println!(
                        "| {apps} | {weapon:?} | {patience:?} | {owner:?} | {} | {odds:.2e} | {} of {visits} | {} of {} |",
                        siege.guesses,
                        siege.came,
                        siege.inside_came,
                        siege.inside_came + siege.inside_refused,
                    );
                    assert!(odds < ODDS_MAX, "{odds:e}");
                    assert_eq!((siege.inside_came, siege.inside_refused), (DAYS, 0));
                    if owner == Owner::OnTrustedDevice {
                        assert_eq!((siege.came, siege.refused), (DAYS, 0));
                    }
                }
            }
        }
    }
}

/// How many guesses are looked at within the days, whatever the strategy, where each costs so much.
fn most(price: u32) -> u32 {
    1 + (RATION - 1 + DAYS * 86_400 / REFILL.as_secs() as u32) / price
}

/// The bound behind the figures: no strategy gets more guesses looked at than this, and each is worth at most
/// three codes of each app, of those not excluded yet.
#[test]
fn the_ration_alone_keeps_the_odds() {
    for apps in 1..=APPS_MAX as u32 {
        let (most, excluded) = (most(apps), f64::from(RATION));
        let outside = (1.0 - 1.0 / (VALUES - excluded)).powi((3 * apps * most) as i32);
        let odds = 1.0 - outside;
        println!(
            "{apps} apps, whatever the strategy: at most {most} guesses in {DAYS} days, odds below {odds:.2e}"
        );
        assert!(odds < ODDS_MAX, "{odds:e}");
    }
    const { assert!(RATION > FREE && RATION < HARD_STOP) };
}

#[derive(Clone, Copy, Debug)]
enum Move {
    /// So many guesses, or as many as are looked at.
    Guess(u32),
    /// The owner passes a challenge after so many slips, if the door lets them try.
    OwnerPasses(u32),
    Wait(u64),
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => (1..30u32).prop_map(Move::Guess),
        2 => (0..5u32).prop_map(Move::OwnerPasses),
        3 => prop_oneof![0..3_600u64, 0..200_000u64, 0..900_000u64].prop_map(Move::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 500, ..ProptestConfig::default() })]

    /// Whatever the attacker does and however often the owner passes: within any 30 days, no more than the bound.
    #[test]
    fn no_strategy_gets_more_guesses_than_the_ration(
        moves in vec(any_move(), 1..200),
        price in 1..=APPS_MAX as u32,
    ) {
        let (mut now, mut door) = (START, Budget::default());
        let mut guesses: Vec<Timestamp> = Vec::new();
        for one in moves {
            match one {
                Move::Guess(most) => {
                    for _ in 0..most {
                        if door.wait(now).is_some() {
                            break;
                        }
                        door = door.after_failure_at_the_door(price, now);
                        guesses.push(now);
                    }
                }
                Move::OwnerPasses(slips) => {
                    let mut own = 0;
                    while own < slips && door.wait(now).is_none() {
                        door = door.after_failure_at_the_door(price, now);
                        own += 1;
                    }
                    if door.wait(now).is_none() {
                        door = door.after_success(own * price, now);
                    }
                }
                Move::Wait(seconds) => now = now + Duration::from_secs(seconds),
            }
        }
        let most = most(price) as usize;
        for (at, first) in guesses.iter().enumerate() {
            let within = guesses[at..].iter().take_while(|guess| guess.since(*first) < DAYS * DAY).count();
            prop_assert!(within <= most, "{within} guesses within {DAYS} days");
        }
    }
}
