//! API keys: what scripts hold in a person's place. They never prove a factor and never make another key.

use std::time::Duration;

use crate::{
    ids::{ApiKeyId, OrganisationId, UserId},
    time::{DAY, Timestamp},
};

/// Live keys one person may have with one prefix.
pub const PER_USER_MAX: usize = 10;
/// SEC-090: how long a key lives if nobody said, and how long it may live at most.
pub const LIFETIME: Duration = Duration::from_secs(90 * DAY.as_secs());
pub const LIFETIME_MAX: Duration = Duration::from_secs(365 * DAY.as_secs());
/// Longest name kept, in characters.
pub const NAME_MAX: usize = 100;
/// The last use is written down this often at most.
pub const USE_NOTED_EVERY: Duration = Duration::from_secs(60);

/// A key without its secret, of which only a keyed digest is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub user_id: UserId,
    /// Says which surface takes it, and helps scanners find leaked ones: `sb_`, `mudbase_sk_live_`.
    pub prefix: String,
    pub name: String,
    pub organisation_id: Option<OrganisationId>,
    /// What it may be used for, in the words of its surface; JSON.
    pub scopes: String,
    pub active: bool,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

/// When a key made now ends: as wished, but never later than a year from now.
pub fn expiry(wished: Option<Timestamp>, absent: Duration, now: Timestamp) -> Timestamp {
    wished.unwrap_or(now + absent).min(now + LIFETIME_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_lives_for_more_than_a_year() {
        let now = Timestamp::from_seconds(1_700_000_000);
        assert_eq!(expiry(None, LIFETIME, now), now + LIFETIME);
        assert_eq!(expiry(Some(now + DAY), LIFETIME, now), now + DAY);
        assert_eq!(expiry(Some(now + 400 * DAY), LIFETIME, now), now + LIFETIME_MAX);
    }
}
