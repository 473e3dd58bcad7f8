//! What an operation is handed: clock, dice, keys, store, hashers, configuration.

use std::sync::Arc;

use crate::{
    clock::Clock, config::Config, delivery::Nudge, dice::Dice, hashing::Hasher, store::Store, vault::Vault,
};

#[derive(Clone)]
pub struct Ctx {
    pub clock: Clock,
    pub dice: Arc<Dice>,
    pub config: Arc<Config>,
    pub store: Store,
    pub vault: Arc<Vault>,
    pub hasher: Hasher,
    /// Wakes the courier after a commit that left letters in the outbox.
    pub nudge: Nudge,
}
