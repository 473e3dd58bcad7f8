//! The people of the matrix: one account in one state, and what its owner holds.

use countersign::{
    config::Config,
    operations::{
        enrol,
        organisations::{self, Belonging, RuleChange},
        passkeys::{self, Keep, Register},
        sessions::{Handover, SignedIn},
    },
};
use countersign_core::secret::Secret;
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

use super::{First, State, surfaces};
use crate::{
    authenticator::Passkey,
    people::{self, enrol_totp, nobody, password, sign_in, sign_up},
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
    pub passkey: Option<Passkey>,
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
            passkey: None,
            before: None,
        };
        if matches!(first, First::Passkey | First::BarePasskey) && state != State::Passkey {
            person.register_passkey(world, &ada).await;
        }
        person.enrol(world, &as_of_now(world, &ada).await, state).await;
        if let Some(passkey) = &mut person.passkey {
            passkey.verifies = first == First::Passkey;
        }
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
            let rules =
                RuleChange { second_factor_required: Some(true), methods: None, ..RuleChange::default() };
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
                self.backup_codes = confirmed
                    .backup_codes
                    .iter()
                    .map(|code: &Secret<String>| code.expose().clone())
                    .collect();
            }
            State::MailedCodes => {
                enrol::enable_email_code(&world.ctx, &nobody(), ada, password()).await.unwrap();
            }
            State::Passkey => self.register_passkey(world, ada).await,
        }
    }

    async fn register_passkey(&mut self, world: &World, ada: &SignedIn) {
        let begun = passkeys::begin_registration(&world.ctx, &nobody(), ada, Keep::Token).await.unwrap();
        let options = json!({
            "challenge": BASE64URL_NOPAD.encode(&begun.challenge),
            "rp": { "id": begun.rp_id },
            "user": { "id": BASE64URL_NOPAD.encode(&begun.user_handle) },
        });
        let (passkey, response) = Passkey::create(&options, true);
        let register = Register {
            token: Some(begun.token.expose().clone()),
            response: Some(serde_json::from_value(response).unwrap()),
            name: None,
            backup_codes: None,
            handover: Handover::Nothing,
        };
        passkeys::register(&world.ctx, &nobody(), ada, register).await.unwrap();
        self.passkey = Some(passkey);
    }
}

/// The person in the session they have now: an enrolment may have begun it anew.
pub async fn as_of_now(world: &World, who: &SignedIn) -> SignedIn {
    let (user, now) = (who.user.id.clone(), world.clock.now());
    let sessions = world.ctx.store.read(move |tx| tx.sessions_of(&user, now)).await.unwrap();
    people::again(world, &SignedIn { session: sessions[0].clone(), ..who.clone() }).await.unwrap()
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
