//! The matrix: every first factor, in every state an account can be in, on every surface, and what is minted.
//!
//! What a cell says is read from the store, not from the answer: the sessions and challenges that were not there
//! before. The tables are printed into `docs/matrix.md`; `UPDATE_DOCS=1` writes them anew.

mod people;
mod surfaces;

use std::collections::BTreeSet;

use countersign::{dialects, store::Tx};
use countersign_core::{
    assurance::{Aal, Proofs},
    method::Method,
    session::Scope,
};

use self::people::Person;
use crate::{accents::in_the_docs, world::World};

/// How somebody comes to the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Password,
    MagicLink,
    EmailCode,
    /// A passkey whose person was not verified.
    BarePasskey,
    Passkey,
    /// A new password, set through a mailed link, and then the password.
    Reset,
    /// Registering into an organisation.
    Invitation,
    ApiKey,
    Refresh,
    TrustedDevice,
}

impl First {
    const ALL: [Self; 10] = [
        Self::Password,
        Self::MagicLink,
        Self::EmailCode,
        Self::BarePasskey,
        Self::Passkey,
        Self::Reset,
        Self::Invitation,
        Self::ApiKey,
        Self::Refresh,
        Self::TrustedDevice,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::MagicLink => "magic link",
            Self::EmailCode => "mailed code",
            Self::BarePasskey => "passkey, nobody verified",
            Self::Passkey => "passkey, person verified",
            Self::Reset => "password reset by mail",
            Self::Invitation => "joining an organisation",
            Self::ApiKey => "API key",
            Self::Refresh => "refresh",
            Self::TrustedDevice => "password, trusted device",
        }
    }
}

/// How an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Nothing,
    Totp,
    MailedCodes,
    Passkey,
    /// An authenticator app that is lost, and the printed sheet.
    OnlyBackupCodes,
    /// The organisation requires a second factor, and there is none.
    MustEnrol,
    /// An authenticator app, after too many wrong codes at the door.
    Locked,
}

impl State {
    const ALL: [Self; 7] = [
        Self::Nothing,
        Self::Totp,
        Self::MailedCodes,
        Self::Passkey,
        Self::OnlyBackupCodes,
        Self::MustEnrol,
        Self::Locked,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "no second factor",
            Self::Totp => "authenticator app",
            Self::MailedCodes => "mailed codes",
            Self::Passkey => "passkey",
            Self::OnlyBackupCodes => "only backup codes left",
            Self::MustEnrol => "required, not enrolled",
            Self::Locked => "locked",
        }
    }

    /// What the person answers a challenge with.
    const fn second(self) -> Option<Method> {
        match self {
            Self::Totp | Self::Locked => Some(Method::Totp),
            Self::MailedCodes => Some(Method::EmailCode),
            Self::Passkey => Some(Method::Passkey),
            Self::OnlyBackupCodes => Some(Method::BackupCode),
            Self::Nothing | Self::MustEnrol => None,
        }
    }

    const fn has_second_factor(self) -> bool {
        self.second().is_some()
    }
}

/// The sessions and open challenges of one person.
struct Seen {
    sessions: Vec<(String, Proofs, Scope)>,
    challenges: BTreeSet<String>,
}

impl Seen {
    async fn of(world: &World, email: &str) -> Self {
        let email = email.to_owned();
        let read = move |tx: &mut Tx<'_>| {
            let Some(user) = tx.user_by_email(&email)? else {
                return Ok((Vec::new(), Vec::new()));
            };
            let sessions = tx.rows(
                "SELECT id, proofs, scope FROM sessions WHERE user_id = $1 ORDER BY id",
                &[(&user.id).into()],
                |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?, row.get::<String>(2)?)),
            )?;
            let challenges = tx.rows(
                "SELECT id FROM challenges WHERE user_id = $1 AND state = 'pending'",
                &[(&user.id).into()],
                |row| row.get::<String>(0),
            )?;
            Ok((sessions, challenges))
        };
        let (sessions, challenges) = world.ctx.store.read(read).await.unwrap();
        let session = |(id, proofs, scope): (String, String, String)| {
            (id, serde_json::from_str(&proofs).unwrap(), Scope::parse(&scope).unwrap())
        };
        Self {
            sessions: sessions.into_iter().map(session).collect(),
            challenges: challenges.into_iter().collect(),
        }
    }

    /// The newest session, as the table says it.
    fn session(&self, world: &World) -> String {
        let newest = News { sessions: self.sessions.last().cloned().into_iter().collect(), asked: false };
        newest.session(world).expect("somebody is signed in")
    }

    /// What is here and was not there.
    fn since(&self, before: &Self) -> News {
        let new = |one: &&(String, Proofs, Scope)| !before.sessions.iter().any(|old| old == *one);
        News {
            sessions: self.sessions.iter().filter(new).cloned().collect(),
            asked: self.challenges.difference(&before.challenges).next().is_some(),
        }
    }
}

struct News {
    sessions: Vec<(String, Proofs, Scope)>,
    asked: bool,
}

impl News {
    /// As the table says it; nothing where no session was made.
    fn session(&self, world: &World) -> Option<String> {
        assert!(self.sessions.len() < 2, "one act made two sessions");
        self.sessions.first().map(|(_, proofs, scope)| {
            let level = if proofs.aal(world.clock.now()) == Aal::Two { "**aal2**" } else { "aal1" };
            let amr = proofs.amr().join(" ");
            match scope {
                Scope::Full => format!("{level} `{amr}`"),
                Scope::Enrolment => format!("only enrols, {level} `{amr}`"),
                Scope::Key => unreachable!("keys are never stored as sessions"),
            }
        })
    }
}

/// What became of one way in.
async fn cell(surface: &'static str, first: First, state: State) -> String {
    let world = World::with(people::settings).await;
    let mut person = Person::in_state(&world, surface, (first, state)).await;
    let before = Seen::of(&world, person.email()).await;
    let Some(attempt) = surfaces::come(&world, surface, (first, &mut person)).await else {
        return "–".to_owned();
    };
    let news = Seen::of(&world, person.email()).await.since(&before);
    if let Some(session) = news.session(&world) {
        assert!(!news.asked, "{surface} {first:?} {state:?}: a session and a question");
        return session;
    }
    if attempt.worked && first == First::ApiKey {
        return "acts as a key, no session".to_owned();
    }
    if attempt.worked && first == First::Refresh {
        return format!("goes on: {}", before.session(&world));
    }
    if !news.asked {
        return "refused".to_owned();
    }
    // Whoever has nothing else types the password after what was not enough.
    let mailed = matches!(first, First::MagicLink | First::EmailCode);
    let method = match state.second() {
        None | Some(Method::Passkey) if first == First::BarePasskey => Method::Password,
        // The mailbox has had its turn.
        Some(Method::EmailCode) if mailed => Method::Password,
        Some(method) => method,
        None => panic!("{surface} {first:?}: asked for what nobody has"),
    };
    world.advance(31);
    let before = Seen::of(&world, person.email()).await;
    let answered = surfaces::answer(&world, surface, (attempt, method, &mut person)).await;
    let news = Seen::of(&world, person.email()).await.since(&before);
    match (answered, news.session(&world)) {
        (None, None) => format!("asks; takes no {}", said(method)),
        (_, None) => format!("asks; {} refused", said(method)),
        (_, Some(session)) => format!("asks; {}: {session}", said(method)),
    }
}

const fn said(method: Method) -> &'static str {
    match method {
        Method::Totp => "app",
        Method::EmailCode => "mailed code",
        Method::SmsCode => "texted code",
        Method::Passkey => "passkey",
        Method::BackupCode => "backup code",
        Method::Password => "password",
    }
}

/// The promise behind the tables: an account with a second factor gets no session from a first factor, whichever
/// it is. Each exception is here, with its reason.
fn promise(first: First, state: State, cell: &str) {
    let at_once = cell.starts_with("aal") || cell.starts_with("**aal2**");
    let excused = match first {
        // Both factors at once (SEC-041).
        First::Passkey => true,
        // Bought by a second factor before, and worth one (SEC-082).
        First::TrustedDevice => cell.starts_with("aal1"),
        // The session was there before, with everything it had been proven with.
        First::Refresh => true,
        _ => false,
    };
    assert!(!at_once || excused || !state.has_second_factor(), "{first:?} {state:?}: {cell}");
    // Whoever comes with a passkey has enrolled one.
    let enrols = !at_once || state != State::MustEnrol || first == First::Passkey;
    assert!(enrols, "{first:?}: whoever must enrol got {cell}");
}

#[tokio::test]
async fn every_way_in_is_in_the_docs() {
    if crate::world::on_postgres() {
        return;
    }
    let mut text = String::new();
    for surface in surfaces::names() {
        text.push_str(&format!("\n### {surface}\n\n| first factor |"));
        State::ALL.iter().for_each(|state| text.push_str(&format!(" {} |", state.name())));
        text.push_str("\n|---|");
        State::ALL.iter().for_each(|_| text.push_str("---|"));
        text.push('\n');
        for first in First::ALL {
            let cells = State::ALL.map(|state| tokio::spawn(cell(surface, first, state)));
            text.push_str(&format!("| {} |", first.name()));
            for (state, cell) in State::ALL.into_iter().zip(cells) {
                let cell = cell.await.unwrap_or_else(|why| panic!("{surface} {first:?} {state:?}: {why}"));
                promise(first, state, &cell);
                text.push_str(&format!(" {cell} |"));
            }
            text.push('\n');
        }
    }
    text.push('\n');
    in_the_docs("matrix.md", "matrix", &text);
}

/// A surface that is new must be in the tables.
#[test]
fn every_dialect_is_a_surface() {
    let listed: BTreeSet<_> = surfaces::names().into_iter().collect();
    let spoken: BTreeSet<_> = dialects::ALL.iter().map(|dialect| dialect.name).collect();
    assert!(spoken.is_subset(&listed), "{:?}", spoken.difference(&listed));
}
