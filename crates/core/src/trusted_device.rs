//! Trusted devices: browsers allowed to skip the second step for a while. They never raise assurance.

use std::time::Duration;

use crate::{
    ids::{TrustedDeviceId, UserId},
    time::{DAY, SECOND, Timestamp},
};

/// From the proof that earned it, however often it is used (SEC-082).
pub const LIFETIME: Duration = Duration::from_secs(30 * DAY.as_secs());
/// Two tabs may present the same value within a moment of each other; that is no theft.
const RACE: Duration = Duration::from_secs(10 * SECOND.as_secs());

#[derive(Clone, Debug)]
pub struct TrustedDevice {
    pub id: TrustedDeviceId,
    pub user_id: UserId,
    /// When the proof was given that earned it.
    pub created_at: Timestamp,
    pub rotated_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Which of a device's values was presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presented {
    Current,
    /// One from before a rotation.
    Previous,
}

#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Skip the second step, and rotate the value.
    Granted,
    /// Ask for the second step.
    Withheld,
    /// An old value came back: somebody has a copy. Revoke the device and ask for the second step.
    Stolen,
}

/// Longest name kept, in characters.
pub const NAME_MAX: usize = 60;

impl TrustedDevice {
    /// When it is trusted no longer, where trust lasts so long now. A rule made stricter reaches the devices
    /// that are there; one made laxer does not.
    pub fn ends_at(&self, trust_lasts: Duration) -> Timestamp {
        self.expires_at.min(self.created_at + trust_lasts.min(LIFETIME))
    }

    pub fn judge(
        &self,
        presented: Presented,
        (user, trust_lasts): (&UserId, Duration),
        now: Timestamp,
    ) -> Trust {
        match presented {
            _ if self.user_id != *user || now >= self.ends_at(trust_lasts) => Trust::Withheld,
            Presented::Current => Trust::Granted,
            Presented::Previous if now.since(self.rotated_at) <= RACE => Trust::Withheld,
            Presented::Previous => Trust::Stolen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_seconds(1_700_000_000);

    #[test]
    fn trust_is_bound_to_user_value_and_time() {
        let ada = UserId::from("ada".to_owned());
        let bob = UserId::from("bob".to_owned());
        let device = TrustedDevice {
            id: TrustedDeviceId::from("d".to_owned()),
            user_id: ada.clone(),
            created_at: NOON,
            rotated_at: NOON,
            expires_at: NOON + LIFETIME,
        };
        assert_eq!(device.judge(Presented::Current, (&ada, LIFETIME), NOON), Trust::Granted);
        assert_eq!(device.judge(Presented::Current, (&bob, LIFETIME), NOON), Trust::Withheld);
        assert_eq!(device.judge(Presented::Current, (&ada, LIFETIME), NOON + LIFETIME), Trust::Withheld);
        assert_eq!(device.judge(Presented::Current, (&ada, DAY), NOON + DAY), Trust::Withheld);
        assert_eq!(device.judge(Presented::Current, (&ada, Duration::ZERO), NOON), Trust::Withheld);
        assert_eq!(device.ends_at(LIFETIME + DAY), NOON + LIFETIME);
        assert_eq!(device.judge(Presented::Previous, (&ada, LIFETIME), NOON + SECOND), Trust::Withheld);
        assert_eq!(device.judge(Presented::Previous, (&ada, LIFETIME), NOON + DAY), Trust::Stolen);
        assert_eq!(device.judge(Presented::Previous, (&bob, LIFETIME), NOON + DAY), Trust::Withheld);
    }
}
