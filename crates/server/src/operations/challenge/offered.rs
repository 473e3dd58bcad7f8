//! Who answers a challenge, with what, and what they wish for.

use countersign_core::{backup_code, challenge::Wants, method::Method, secret::Secret, totp};

use crate::{
    operations::sessions::{Handover, SignedIn},
    vault::Vault,
};

/// Who is answering: a live session wins over a challenge; the tokens as the browser sent them.
/// No `Debug`: the tokens are secrets.
#[derive(Clone, Default)]
pub struct Answerer {
    pub session: Option<Holder>,
    pub challenge: Option<String>,
    pub handover: Handover,
    /// The challenge is one that an application asked for: it proves somebody and opens no session.
    pub external: bool,
}

impl Answerer {
    /// What the challenge is found by. Ours and those of applications are digested apart: neither passes for the
    /// other.
    pub(crate) fn digest(&self, vault: &Vault) -> Option<Vec<u8>> {
        let token = self.challenge.as_ref()?;
        Some(if self.external { external_digest(vault, token) } else { digest(vault, token) })
    }
}

/// How a session shows itself.
#[derive(Clone)]
pub enum Holder {
    Token(String),
    /// Found a moment ago by other means; it is looked up again.
    Seen(Box<SignedIn>),
}

/// A proof as it was typed.
#[derive(Clone, Debug)]
pub struct Typed {
    pub method: Method,
    pub code: Secret<String>,
}

impl Typed {
    /// Where one field takes both kinds: six or eight digits come from an authenticator app, anything else
    /// from the printed sheet.
    pub fn from_either(code: Secret<String>) -> Self {
        let is_totp = [6, 8].iter().any(|digits| totp::well_formed(code.expose(), *digits).is_some());
        let is_backup = backup_code::normalise(code.expose()).is_some();
        // Eight digits may be either; the sheets of some systems hold such codes, no app of ours shows them.
        let eight = totp::well_formed(code.expose(), 8).is_some();
        let method = if is_totp && !(eight && is_backup) { Method::Totp } else { Method::BackupCode };
        Self { method, code }
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    /// Skip the second step in this browser for a while.
    pub trust_device: bool,
    /// Prove only: at the door, no session is made of it.
    pub no_session: bool,
    /// What a proof within a session may do.
    pub wants: Wants,
}

pub(crate) fn digest(vault: &Vault, token: &str) -> Vec<u8> {
    vault.digest("challenge", &[token.as_bytes()])
}

pub(crate) fn external_digest(vault: &Vault, token: &str) -> Vec<u8> {
    vault.digest("external challenge", &[token.as_bytes()])
}
