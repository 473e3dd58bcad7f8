//! The people of the matrix: one account in one state, and what its owner holds.

use countersign::{
    config::Config,
    operations::{
        enrol,
        organisations::{self, Belonging, RuleChange},
        sessions::{Handover, SignedIn},
    },
};
use countersign_core::secret::Secret;

use super::{First, State, surfaces};
use crate::{
    people::{enrol_totp, nobody, password, sign_in, sign_up},
    world::{PASSWORD, World},
};

pub const ADA: &str = "ada@example.com";
const BOSS: &str = "boss@example.com";

/// Wrong codes at the door after which the next must wait.
const WRONG: usize = 10;

pub fn settings(_: &mut Config) {}

pub struct Person {
    email: String,
    pub password: String,
    /// The address in the authenticator app's QR code.
    pub uri: Option<String>,
    pub backup_codes: Vec<String>,
    pub key: Option<String>,
    /// The surface where they are signed in already, or have a trusted device.
    pub before: Option<surfaces::Visit>,
}

impl Person {
    pub fn email(&self) -> &str {
        &self.email
    }

    pub async fn in_state(world: &World, surface: &'static str, (first, state): (First, State)) -> Self {
        let boss = sign_up(world, BOSS, Belonging::FirstAtHome).await;
        let ada = sign_up(world, ADA, Belonging::Home).await;
        let mut person = Self {
            email: ADA.to_owned(),
            password: PASSWORD.to_owned(),
            uri: None,
            backup_codes: Vec::new(),
            key: None,
            before: None,
        };
        person.enrol(world, &ada, state).await;
        world.advance(31);
        // Before it is locked or required, as in life.
        match first {
            First::ApiKey => person.key = surfaces::make_key(world, surface, &ada).await,
            First::Refresh | First::TrustedDevice => {
                person.before = surfaces::already_in(world, surface, (first, state, &mut person)).await;
            }
            _ => {}
        }
        if first == First::Invitation && !state.has_second_factor() {
            person.email = "new@example.com".to_owned();
        }
        world.advance(31);
        if state == State::MustEnrol {
            let (boss, _) = sign_in(&world.ctx, &boss.user.email, Handover::Token).await;
            let rules = RuleChange { second_factor_required: Some(true), methods: None };
            organisations::change_rules(&world.ctx, &nobody(), &boss, rules).await.unwrap();
        }
        if state == State::Locked {
            lock(world).await;
        }
        person
    }

    async fn enrol(&mut self, world: &World, ada: &SignedIn, state: State) {
        match state {
            State::Nothing | State::MustEnrol => {}
            State::Totp | State::OnlyBackupCodes | State::Locked => {
                let (confirmed, uri) = enrol_totp(world, ada).await;
                self.uri = Some(uri);
                self.backup_codes =
                    confirmed.backup_codes.iter().map(|code: &Secret<String>| code.expose().clone()).collect();
            }
            State::MailedCodes => {
                enrol::enable_email_code(&world.ctx, &nobody(), ada, password()).await.unwrap();
            }
            State::Passkey => unimplemented!(),
        }
    }
}

/// A stranger who knows the password types wrong codes until the account waits.
async fn lock(world: &World) {
    let mut wrong = 0;
    while wrong < WRONG {
        let mut stranger = world.browser();
        stranger.sign_in(ADA).await.expect(200);
        for _ in 0..5 {
            let code = serde_json::json!({ "code": format!("{wrong:06}") });
            stranger.post("/better-auth/api/auth/two-factor/verify-totp", code).await;
            wrong += 1;
        }
    }
}
