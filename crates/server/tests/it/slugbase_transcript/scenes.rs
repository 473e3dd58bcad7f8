//! Every recording by name: with what happened off the record before its steps, or the reason it is left out.

use std::collections::BTreeSet;

use super::{
    FOLDER, recording, replay,
    stage::{PENDING, TOKEN},
    stricter::STRICTER,
};
use crate::transcript::{amendment::assert_rows_fit, exchange::replayed};

/// One recording, and what must be so before its steps.
pub(super) struct Scene {
    pub file: &'static str,
    /// Before which step, counted from one, what happens. Steps out of band are counted, too.
    pub before: Vec<(usize, &'static [Act])>,
}

/// Something that happens off the record. A cookie is named by a client and the name of what that client has,
/// or had last.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// Client, path, JSON: asks as often as the number says, with all its cookies and the CSRF token.
    Post(&'static str, &'static str, &'static str, usize),
    /// A cookie comes into another's hands, or back into its owner's.
    Lend {
        from: (&'static str, &'static str),
        to: (&'static str, &'static str),
    },
    /// The same, with another signature.
    Forge {
        to: (&'static str, &'static str),
        of: (&'static str, &'static str),
    },
    Drop(&'static str, &'static str),
    /// What the next `Bearer <jwt>` stands for.
    Bearer(&'static str, &'static str),
    Advance(u64),
}

use Act::*;

impl Scene {
    fn of(file: &'static str) -> Self {
        Self { file, before: Vec::new() }
    }

    fn before(mut self, step: usize, acts: &'static [Act]) -> Self {
        self.before.push((step, acts));
        self
    }
}

const BOB: &str = r#"{"email":"bob@example.test","name":"Bob User","password":"B0b$ecret!!"}"#;
const ADA: &str = r#"{"email":"admin@example.test","password":"Sup3r$ecret!"}"#;
const OWNER_OF_THE_RESET: &str = r#"{"email":"admin@example.test"}"#;
/// Whoever acts only off the record.
const OTHER: &str = "off the record";

replayed! {
    health_version_csrf_providers: Scene::of("01_health_version_csrf_providers");
    setup_first_admin: Scene::of("02_setup_first_admin");
    setup_validation_errors: Scene::of("03_setup_validation_errors");
    csrf_rules: Scene::of("04_csrf_rules");
    register_disabled: Scene::of("05_register_disabled");
    register_validation_and_no_mailer: Scene::of("06_register_validation_and_no_mailer");
    register_verify_signup: Scene::of("07_register_verify_signup");
    login_me_logout: Scene::of("10_login_me_logout");
    login_errors: Scene::of("11_login_errors");
    enroll_happy: Scene::of("20_mfa_enroll_happy");
    enroll_unauthenticated: Scene::of("21_mfa_enroll_unauthenticated");
    enroll_confirm_errors: Scene::of("22_mfa_enroll_confirm_errors");
    enroll_confirm_spaces: Scene::of("23a_mfa_enroll_confirm_whitespace");
    enroll_confirm_tabs: Scene::of("23b_mfa_enroll_confirm_whitespace");
    enroll_begin_overwrites: Scene::of("24_mfa_enroll_begin_overwrites");
    enroll_cancel: Scene::of("25_mfa_enroll_cancel");
    issuer_name: Scene::of("28_mfa_issuer_name");
    path_matching: Scene::of("29_path_matching");
    login_mfa_required: Scene::of("30_login_mfa_required");
    verify_backup_code: Scene::of("32_mfa_verify_backup_code");
    verify_errors: Scene::of("33_mfa_verify_errors")
        // Expired: one that was genuine five minutes ago.
        .before(8, &[Post(OTHER, "/api/auth/login", ADA, 1), Advance(301), Lend { from: (OTHER, PENDING), to: ("B", PENDING) }])
        .before(9, &[Post(OTHER, "/api/auth/login", ADA, 1), Forge { to: ("B", PENDING), of: (OTHER, PENDING) }])
        .before(10, &[Lend { from: ("A", TOKEN), to: ("B", PENDING) }])
        // Without a subject: nobody but the server could sign that, so it is as good as forged.
        .before(11, &[Forge { to: ("B", PENDING), of: ("A", TOKEN) }])
        .before(12, &[Drop("B", PENDING)])
        .before(20, &[Forge { to: ("B", PENDING), of: ("B", PENDING) }])
        .before(21, &[Drop("B", PENDING), Post(OTHER, "/api/auth/login", ADA, 1), Bearer(OTHER, PENDING)]);
    totp_replay: Scene::of("35_weak_totp_replay")
        .before(7, &[Lend { from: ("B", PENDING), to: ("C", PENDING) }])
        .before(9, &[Lend { from: ("B", PENDING), to: ("B", PENDING) }]);
    logout_does_not_revoke: Scene::of("36_weak_logout_does_not_revoke")
        .before(4, &[Lend { from: ("A", TOKEN), to: ("A", TOKEN) }]);
    unverified: Scene::of("39_unverified_selfhosted");
    disable_totp: Scene::of("40_mfa_disable_totp");
    disable_errors: Scene::of("42_mfa_disable_errors");
    backup_regenerate: Scene::of("44_mfa_backup_regenerate");
    api_tokens_errors: Scene::of("51_api_tokens_errors")
        // There an administrator made Bob's account.
        .before(11, &[Post(OTHER, "/api/auth/register", BOB, 1)]);
    api_tokens_cap: Scene::of("53_api_tokens_cap")
        // Ten are all that a quarter of an hour allows.
        .before(3, &[Post("A", "/api/tokens", r#"{"name":"one of ten"}"#, 10), Advance(900)]);
    account_delete: Scene::of("62_account_delete").before(6, &[Lend { from: ("A", TOKEN), to: ("A", TOKEN) }]);
    password_reset_expired: Scene::of("63_password_reset_expired")
        .before(3, &[Post(OTHER, "/api/password-reset/request", OWNER_OF_THE_RESET, 1), Advance(3_601)]);
    rate_limit_enroll_family: Scene::of("71_rate_limit_mfa_enroll_family")
        .before(4, &[Post("A", "/api/auth/mfa/enroll/begin", "{}", 22)]);
    rate_limit_token_create: Scene::of("72_rate_limit_token_create").before(3, &[Post("A", "/api/tokens", "{}", 10)]);
    rate_limit_login: Scene::of("73_rate_limit_login").before(5, &[Post("B", "/api/auth/login", "{}", 298)]);
    rate_limit_setup: Scene::of("75_rate_limit_setup").before(2, &[Post("A", "/api/auth/setup", "{}", 499)]);
    https_cookies: Scene::of("80_https_cookies");
    cors: Scene::of("82_cors");
    spa_journey: Scene::of("90_spa_journey");
}

/// Recordings that are not replayed, and why.
#[rustfmt::skip]
const LEFT_OUT: &[(&str, &str)] = &[
    ("43_mfa_disable_passwordless",  "an administrator and OIDC make accounts without a password; here every account has one"),
    ("74_rate_limit_general",        "the limit over everything is the server's, not the dialect's"),
    ("76_rate_limit_development_off", "there is no development mode"),
    ("81_cross_subdomain_cookies",   "SameSite=None gives up what keeps other sites out"),
    ("83_errors_outside_production", "there is no development mode: no error shows its cause"),
    ("84_cloud_email_not_verified",  "cloud mode is not the self-hosted server that is spoken here"),
    ("85_jwt_expires_in",            "the lifetime of a session is no setting of the dialect"),
    ("86_etag_304",                  "what holds secrets is not cached (contract §5)"),
    ("87_audit_log_has_no_mfa_events", "the administrator's audit log is no part of the dialect"),
    ("88_wrong_encryption_key",      "a server with the wrong key does not start"),
    ("89_storage_failure",           "needs a damaged database; `store.rs` and `promises.rs` hold what we promise then"),
];

#[test]
fn every_recording_is_replayed_or_left_out_by_name() {
    let files =
        std::fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let recorded: BTreeSet<String> =
        files.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
    assert!(recorded.len() > 40, "the recordings could not be read");
    let replayed: BTreeSet<String> = all().iter().map(|scene| scene.file.to_owned()).collect();
    let left_out: BTreeSet<String> = LEFT_OUT.iter().map(|(file, _)| (*file).to_owned()).collect();
    assert!(replayed.is_disjoint(&left_out), "{:?} are both", replayed.intersection(&left_out));
    let told: BTreeSet<String> = replayed.union(&left_out).cloned().collect();
    assert_eq!(told, recorded);
}

#[test]
fn stricter_answers_are_for_steps_that_exist_each_once() {
    assert_rows_fit(STRICTER, |file| {
        let replayed = all().iter().any(|scene| scene.file == file);
        replayed.then(|| recording(file)["steps"].as_array().unwrap().len())
    });
}

/// Where the recorded server is weak, somebody has decided: by a row, or by saying that we do the same.
#[test]
fn no_weakness_is_copied_by_oversight() {
    /// Its client sends no body, so there is nothing to check again (contract §5).
    const KEPT: &[(&str, usize)] = &[("62_account_delete", 5)];
    for scene in all() {
        for (at, step) in recording(scene.file)["steps"].as_array().unwrap().iter().enumerate() {
            let step_is = |(file, number): (&str, usize)| file == scene.file && number == at + 1;
            let decided = KEPT.iter().any(|kept| step_is(*kept))
                || STRICTER.iter().any(|row| row.steps.iter().any(|number| step_is((row.file, *number))));
            assert!(
                step.get("weak").is_none() || decided,
                "{} step {}: {}",
                scene.file,
                at + 1,
                step["weak"]
            );
        }
    }
}
