//! Events: what the journal keeps of every act, written in the same transaction as its effect (SEC-112).

use crate::{
    ids::{SessionId, UserId},
    session::Visitor,
    time::Timestamp,
};

macro_rules! kinds {
    ($($kind:ident = $name:literal),* $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($kind),*
        }

        impl Kind {
            /// Whether this is its name, or that of the group before its dot.
            pub fn is_called(self, name: &str) -> bool {
                self.as_str() == name || self.group() == name
            }

            /// The part of its name before the dot.
            pub fn group(self) -> &'static str {
                self.as_str().split('.').next().unwrap_or_default()
            }

            /// In the order in which they were invented.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The stored name. Never changes meaning.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name),*
                }
            }
        }
    };
}

kinds! {
    SignedUp = "user.signed_up",
    UserUpdated = "user.updated",
    UserDeletionRequested = "user.deletion_requested",
    UserDeleted = "user.deleted",
    EmailVerificationSent = "email.verification_sent",
    EmailVerified = "email.verified",
    EmailChangeRequested = "email.change_requested",
    EmailChanged = "email.changed",
    PasswordRefused = "password.refused",
    PasswordChanged = "password.changed",
    PasswordResetRequested = "password.reset_requested",
    PasswordReset = "password.reset",
    ChallengeOpened = "challenge.opened",
    ChallengePassed = "challenge.passed",
    ChallengeGivenUp = "challenge.given_up",
    ChallengeExhausted = "challenge.exhausted",
    CodeSent = "code.sent",
    CodeRefused = "code.refused",
    ProofRenewed = "proof.renewed",
    EnrolmentBegun = "enrolment.begun",
    EnrolmentCancelled = "enrolment.cancelled",
    AuthenticatorAdded = "authenticator.added",
    AuthenticatorRemoved = "authenticator.removed",
    AuthenticatorRevealed = "authenticator.revealed",
    PasskeyCloned = "passkey.cloned",
    BackupCodesRenewed = "backup_codes.renewed",
    BackupCodeUsed = "backup_code.used",
    TrustedDeviceAdded = "trusted_device.added",
    TrustedDeviceUsed = "trusted_device.used",
    TrustedDeviceStolen = "trusted_device.stolen",
    TrustedDeviceRemoved = "trusted_device.removed",
    SignedIn = "session.signed_in",
    SignedOut = "session.signed_out",
    SessionRevoked = "session.revoked",
    SessionStolen = "session.stolen",
    ForwardPassGiven = "forward_pass.given",
    SecondFactorReset = "second_factor.reset",
    RecoveryRequested = "recovery.requested",
    RecoveryBegun = "recovery.begun",
    RecoveryRefused = "recovery.refused",
    RecoveryShorteningAsked = "recovery.shortening_asked",
    RecoveryShortened = "recovery.shortened",
    RecoveryReady = "recovery.ready",
    RecoveryVetoed = "recovery.vetoed",
    RecoveryCancelled = "recovery.cancelled",
    RecoveryExpired = "recovery.expired",
    RecoveryCompleted = "recovery.completed",
    OrganisationCreated = "organisation.created",
    OrganisationJoined = "organisation.joined",
    RoleChanged = "organisation.role_changed",
    OrganisationRulesChanged = "organisation.rules_changed",
    OrganisationBrandChanged = "organisation.brand_changed",
    ApiKeyAdded = "api_key.added",
    ApiKeyChanged = "api_key.changed",
    ApiKeyRevoked = "api_key.revoked",
    ServiceKeyAdded = "service_key.added",
    ServiceKeyRevoked = "service_key.revoked",
    WebhookAdded = "webhook.added",
    WebhookRemoved = "webhook.removed",
    ServiceChallengeOpened = "service_challenge.opened",
    ServiceChallengePassed = "service_challenge.passed",
    EverythingEnded = "user.everything_ended",
}

/// One entry. `detail` is JSON and never holds a secret: facts such as `{"method":"totp"}`.
#[derive(Clone, Debug)]
pub struct Event {
    pub kind: Kind,
    pub at: Timestamp,
    pub user_id: Option<UserId>,
    pub session_id: Option<SessionId>,
    pub visitor: Visitor,
    pub detail: serde_json::Value,
}
