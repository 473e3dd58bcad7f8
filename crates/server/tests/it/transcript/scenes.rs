//! Every recording by name: with what happened off the record before it, or with the reason it is left out.

use std::collections::BTreeSet;

use countersign::config::{Config, Deletion, MailSignIns};

use super::{
    FOLDER,
    amendment::assert_rows_fit,
    exchange::{recording, replayed},
    replay,
    stricter::STRICTER,
};

/// One recording, and what must be so before its steps.
pub(super) struct Scene {
    pub file: &'static str,
    pub config: fn(&mut Config),
    /// Before which step, counted from one, what happens.
    pub before: Vec<(usize, &'static [Act])>,
}

/// Something that happens off the record. Cookies are named as the recording names them; `""` if it does not.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// Somebody comes, signs up and is the one who acts from here on.
    SignUp(&'static str, &'static str),
    /// Signs in, without a second step.
    SignIn(&'static str),
    /// Gives the password and is asked for more.
    Ask(&'static str),
    /// Signs in with both steps.
    Pass(&'static str),
    /// The same, trusting the browser: session and trusted device.
    Trust(&'static str, &'static str),
    /// Begins to enrol TOTP.
    Begin,
    /// Begins and confirms; the session gets a new token.
    Enrol(&'static str),
    EnrolByMail(&'static str),
    Disable,
    ChangePassword(&'static str),
    /// Has codes mailed, as fast as that is allowed.
    SendCode(usize),
    Get {
        path: &'static str,
        times: usize,
        from: &'static str,
    },
    /// Asks who is signed in, which renews a session that is due.
    Look(&'static str),
    Advance(u64),
    /// The next code comes from the authenticator before the newest.
    ReplacedAuthenticator,
    /// The next code is the one sent last.
    SameCode,
    /// Registers a passkey.
    RegisterPasskey,
    /// Asks for the options of a registration; the cookie gets this name.
    PasskeyOptions(&'static str),
    /// The same for signing in.
    SignInOptions(&'static str),
    /// The authenticator verifies its person from here on.
    Verified,
    /// Pages of another origin answer from here on, or of our own again.
    Elsewhere(bool),
}

use Act::*;

impl Scene {
    fn of(file: &'static str) -> Self {
        Self { file, config: |_| (), before: Vec::new() }
    }

    fn first(self, acts: &'static [Act]) -> Self {
        self.before(1, acts)
    }

    fn before(mut self, step: usize, acts: &'static [Act]) -> Self {
        self.before.push((step, acts));
        self
    }

    fn with(mut self, config: fn(&mut Config)) -> Self {
        self.config = config;
        self
    }
}

/// Rates are limited by the address that the recording's proxy gives; ours is the test, which has none.
fn limited(config: &mut Config) {
    config.rate_limits = true;
    config.trusted_proxies = vec!["0.0.0.0/32".parse().unwrap()];
}

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";
/// How the recordings name Ada's first session, and the first challenge.
const SESSION: &str = "<session-token-1>.<sig-base64-1>";
const CHALLENGE: &str = "<two-factor-challenge-1>.<sig-base64-1>";
const SIGNED_UP: &[Act] = &[SignUp(ADA, SESSION)];
const ENROLLED: &[Act] = &[SignUp(ADA, ""), Enrol(SESSION)];
const ENROLLED_UNNAMED: &[Act] = &[SignUp(ADA, ""), Enrol("")];

replayed! {
    account_lockout: Scene::of("2fa-account-lockout")
        .first(&[SignUp(ADA, ""), Enrol("<session-token-1>.<sig-base64-4>")])
        // The lock outlives our challenges, so the way in begins anew.
        .before(19, &[Advance(15 * 60), Ask("<two-factor-challenge-3>.<sig-base64-3>")]);
    attempt_cap_shared: Scene::of("2fa-attempt-cap-shared-with-backup-codes").first(ENROLLED_UNNAMED);
    backup_code_authenticated: Scene::of("2fa-backup-code-authenticated").first(ENROLLED);
    backup_code_disable_session: Scene::of("2fa-backup-code-disable-session").first(ENROLLED_UNNAMED);
    backup_code_errors: Scene::of("2fa-backup-code-errors").first(SIGNED_UP);
    bearer_invalid: Scene::of("2fa-bearer-invalid")
        .first(&[SignUp(ADA, "<session-token-1>.<sig-base64-9>"), SignUp(BOB, "<session-token-2>.<sig-base64-2>")]);
    challenge_cookie_errors: Scene::of("2fa-challenge-cookie-errors")
        .first(&[SignUp(ADA, ""), Enrol("<session-token-1>.<sig-base64-3>")])
        .before(9, &[Advance(10 * 60)]);
    challenge_expired: Scene::of("2fa-challenge-expired").first(ENROLLED_UNNAMED).before(3, &[Advance(10 * 60)]);
    cross_subdomain_cookies: Scene::of("2fa-cross-subdomain-cookies").with(|config| {
        config.public_url = "https://auth.example.com".parse().unwrap();
        config.better_auth.cookie_prefix = "acme".to_owned();
        config.better_auth.cookie_domain = Some("example.com".to_owned());
    });
    disable_with_pending_challenge: Scene::of("2fa-disable-with-pending-challenge")
        .first(ENROLLED_UNNAMED)
        .before(2, &[Disable]);
    enable_again: Scene::of("2fa-enable-again").first(SIGNED_UP).before(3, &[ReplacedAuthenticator]);
    enable_and_enroll: Scene::of("2fa-enable-and-enroll-totp");
    enable_errors: Scene::of("2fa-enable-errors").first(SIGNED_UP);
    enable_keeps_other_sessions: Scene::of("2fa-enable-keeps-other-sessions")
        .first(&[SignUp(ADA, SESSION), SignIn(""), Enrol("<session-token-2>.<sig-base64-2>")]);
    enable_method_otp: Scene::of("2fa-enable-method-otp").first(SIGNED_UP);
    get_totp_uri: Scene::of("2fa-get-totp-uri")
        .first(&[SignUp(BOB, "<session-token-2>.<sig-base64-2>"), SignUp(ADA, ""), Enrol(SESSION)]);
    old_session_survives_challenge: Scene::of("2fa-old-session-survives-challenge")
        .first(&[SignUp(ADA, ""), Enrol("<session-token-1>.<sig-base64-2>")]);
    otp_authenticated_enables: Scene::of("2fa-otp-authenticated-enables").first(SIGNED_UP);
    otp_errors: Scene::of("2fa-otp-errors").first(ENROLLED_UNNAMED).before(9, &[Advance(5 * 60)]);
    otp_only_lockout: Scene::of("2fa-otp-only-account-has-no-lockout")
        .first(&[SignUp(ADA, ""), EnrolByMail(""), Ask(CHALLENGE)])
        .before(7, &[Ask("<two-factor-challenge-2>.<sig-base64-2>")])
        .before(13, &[Ask("<two-factor-challenge-3>.<sig-base64-3>")]);
    otp_resend: Scene::of("2fa-otp-resend").first(ENROLLED_UNNAMED);
    otp_send_uncapped: Scene::of("2fa-otp-send-uncapped").first(ENROLLED_UNNAMED).before(2, &[Ask(CHALLENGE), SendCode(5)]);
    otp_stored_plain: Scene::of("2fa-otp-stored-plain").first(ENROLLED_UNNAMED);
    secrets_cacheable: Scene::of("2fa-secrets-cacheable").first(SIGNED_UP);
    sign_in_callback_url: Scene::of("2fa-sign-in-callback-url").first(ENROLLED_UNNAMED);
    sign_in_totp: Scene::of("2fa-sign-in-totp").first(ENROLLED_UNNAMED);
    step_up_missing: Scene::of("2fa-step-up-missing").first(ENROLLED).before(1, &[Advance(6 * 86_400), Look(SESSION)]);
    totp_attempt_cap: Scene::of("2fa-totp-attempt-cap").first(ENROLLED_UNNAMED);
    totp_replay_accepted: Scene::of("2fa-totp-replay-accepted").first(ENROLLED_UNNAMED).before(4, &[SameCode]);
    totp_window: Scene::of("2fa-totp-window")
        .first(ENROLLED_UNNAMED)
        .before(1, &[Ask(CHALLENGE)])
        .before(2, &[Ask("<two-factor-challenge-2>.<sig-base64-2>")])
        .before(3, &[Ask("<two-factor-challenge-3>.<sig-base64-4>")])
        .before(4, &[Ask("<two-factor-challenge-4>.<sig-base64-6>")])
        .before(5, &[Ask("<two-factor-challenge-5>.<sig-base64-8>")]);
    trust_device_expired_and_disable: Scene::of("2fa-trust-device-expired-and-disable")
        .first(&[SignUp(ADA, ""), Enrol(""), Trust("", "<trust-hmac-1>!<trust-device-id-1>.<sig-base64-1>")])
        .before(1, &[Advance(30 * 86_400)])
        // By then no session of ours would be fresh enough.
        .before(2, &[Pass("<session-token-1>.<sig-base64-3>")]);
    trust_device_ignored_when_authenticated: Scene::of("2fa-trust-device-ignored-when-authenticated").first(ENROLLED);
    trust_device_survives_password_change: Scene::of("2fa-trust-device-survives-password-change").first(&[
        SignUp(ADA, ""),
        Enrol(""),
        Trust(SESSION, "<trust-hmac-1>!<trust-device-id-1>.<sig-base64-2>"),
        ChangePassword("correct horse battery2"),
    ]);
    trust_device: Scene::of("2fa-trust-device").first(ENROLLED_UNNAMED);
    verify_totp_enroll_errors: Scene::of("2fa-verify-totp-enroll-errors")
        .first(SIGNED_UP)
        .before(2, &[Begin])
        // Ten wrong codes later; the enrolment they were meant for is over by the end of the lock.
        .before(20, &[Advance(15 * 60), Begin]);

    change_email_unverified: Scene::of("change-email-unverified");
    change_password_errors: Scene::of("change-password-errors");
    core_bad_json: Scene::of("core-bad-json");
    core_ok_and_error_page: Scene::of("core-ok-and-error-page");
    core_unknown_path: Scene::of("core-unknown-path");
    delete_user_with_mail: Scene::of("delete-user-with-mail")
        .with(|config| config.accounts.deletion = Deletion::Mail);
    email_verification_errors: Scene::of("email-verification-errors")
        .first(SIGNED_UP)
        .before(8, &[Advance(60 * 60)]);
    get_session: Scene::of("get-session").before(9, &[Advance(7 * 86_400)]);
    origin_check_sign_in: Scene::of("origin-check-sign-in").first(&[SignUp(ADA, "")]);
    origin_check: Scene::of("origin-check").first(SIGNED_UP);
    password_reset_and_second_factor: Scene::of("password-reset-and-2fa").first(ENROLLED_UNNAMED);
    password_reset: Scene::of("password-reset");
    prod_default_rate_limit_on: Scene::of("prod-default-rate-limit-on").with(limited);
    rate_limit_default: Scene::of("rate-limit-default")
        .with(limited)
        .first(&[Get { path: "/api/auth/get-session", times: 100, from: "198.51.100.40" }]);
    rate_limit_mail_endpoints: Scene::of("rate-limit-mail-endpoints").with(limited);
    rate_limit_sign_in: Scene::of("rate-limit-sign-in").with(limited);
    sessions_errors: Scene::of("sessions-errors").before(13, &[Advance(86_400), Look(SESSION)]);
    sessions_list_and_revoke: Scene::of("sessions-list-and-revoke");
    sessions_list_leaks_usable_tokens: Scene::of("sessions-list-leaks-usable-tokens")
        .first(&[SignUp(ADA, SESSION), SignIn("<session-token-2>.<sig-base64-2>")]);
    sign_in_happy: Scene::of("sign-in-happy").first(&[SignUp(ADA, "")]);
    sign_in_remember_me_false: Scene::of("sign-in-remember-me-false").first(&[SignUp(ADA, "")]);
    sign_out: Scene::of("sign-out");
    sign_up_errors: Scene::of("sign-up-errors");
    sign_up_happy: Scene::of("sign-up-happy");
    magic_link_new_user: Scene::of("magic-link-new-user");
    magic_link_errors: Scene::of("magic-link-errors").before(12, &[Advance(10 * 60)]);
    magic_link_bypasses_second_factor: Scene::of("magic-link-bypasses-2fa").first(ENROLLED_UNNAMED);
    magic_link_disable_sign_up: Scene::of("magic-link-disable-sign-up")
        .with(|config| config.accounts.mail_sign_ins = MailSignIns::Existing);
    magic_link_stored_plain: Scene::of("magic-link-stored-plain");
    magic_link_unverified: Scene::of("magic-link-unverified-takeover-guard")
        .first(&[SignUp(ADA, ""), Enrol("<session-token-2>.<sig-base64-2>")]);
    email_otp_sign_in: Scene::of("email-otp-sign-in").before(15, &[Advance(5 * 60)]);
    email_otp_bypasses_second_factor: Scene::of("email-otp-bypasses-2fa").first(ENROLLED_UNNAMED);
    passkey_register_and_sign_in: Scene::of("passkey-register-and-sign-in")
        // With a factor in force a further one leaves the session as it is called, as here.
        .first(&[SignUp(ADA, ""), Enrol(SESSION), Verified]);
    passkey_create_session: Scene::of("passkey-create-session").first(&[SignUp(ADA, ""), Enrol(SESSION)]);
    passkey_bypasses_second_factor: Scene::of("passkey-bypasses-2fa-and-uv")
        .first(&[SignUp(ADA, ""), Enrol(""), RegisterPasskey]);
    passkey_register_errors: Scene::of("passkey-register-errors")
        .first(SIGNED_UP)
        .before(5, &[PasskeyOptions("<passkey-challenge-token-1>.<sig-base64-2>"), Elsewhere(true)])
        .before(6, &[Elsewhere(false)])
        .before(7, &[PasskeyOptions("<passkey-challenge-token-2>.<sig-base64-3>")])
        .before(8, &[PasskeyOptions("<passkey-challenge-token-3>.<sig-base64-4>"), PasskeyOptions("")])
        .before(9, &[PasskeyOptions("<passkey-challenge-token-4>.<sig-base64-5>"), Advance(5 * 60)])
        .before(10, &[SignInOptions("<passkey-challenge-token-5>.<sig-base64-6>")])
        .before(11, &[Advance(86_400), Look(SESSION)])
        .before(13, &[SignIn("<session-token-2>.<sig-base64-7>")]);
    sign_up_remember_me_false: Scene::of("sign-up-remember-me-false");
    verify_password_and_accounts: Scene::of("verify-password-and-accounts");
}

/// Rows of INDEX.md that are not replayed, and why. The names before the last star stand for all that begin so.
#[rustfmt::skip]
const LEFT_OUT: &[(&str, &str)] = &[
    ("client-*",     "`conformance/` runs the client itself"),
    ("2fa-allow-passwordless",       "every account here has a password"),
    ("2fa-passwordless-account",     "every account here has a password"),
    ("2fa-cookie-cache",             "sessions are never cached in cookies: what is revoked is over at once"),
    ("get-session-cookie-cache",     "sessions are never cached in cookies: what is revoked is over at once"),
    ("2fa-lockout-config",           "the budget for guesses is no setting"),
    ("2fa-other-digits-and-period",  "codes have 6 digits and 30 seconds, as every authenticator app expects"),
    ("2fa-short-challenge",          "the lifetime of challenges is no setting"),
    ("2fa-skip-verification-on-enable", "nothing is enrolled before it was proven"),
    ("bearer-first-plugin-order-leak",  "there is no order of plugins to get wrong"),
    ("change-email-immediate-and-disabled",  "a new address is always confirmed by mail"),
    ("change-email-verified-confirmation",   "the old address is told, not asked"),
    ("dev-mode-differences",         "there is no development mode"),
    ("email-verification-auto-sign-in-bypasses-2fa", "opening a link never signs in"),
    ("features-disabled",            "these features cannot be switched off"),
    ("limits-no-length-caps",        "holds no steps"),
];

#[test]
fn every_recording_is_replayed_or_left_out_by_name() {
    let index = std::fs::read_to_string(format!("{FOLDER}/INDEX.md")).unwrap();
    let rows =
        index.lines().filter_map(|line| line.strip_prefix("| ")).filter_map(|row| row.split(" | ").next());
    let recorded: BTreeSet<&str> = rows.filter(|name| *name != "file").collect();
    assert!(recorded.len() > 90, "INDEX.md could not be read");
    let replayed: BTreeSet<&str> = all().iter().map(|scene| scene.file).collect();
    let left_out = |name: &str| {
        LEFT_OUT.iter().any(|(out, _)| match out.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => *out == name,
        })
    };
    for name in &recorded {
        assert!(
            replayed.contains(name) != left_out(name),
            "{name} is neither replayed nor left out, or both"
        );
    }
    assert!(replayed.is_subset(&recorded), "{:?}", replayed.difference(&recorded));
}

#[test]
fn stricter_answers_are_for_steps_that_exist_each_once() {
    assert_rows_fit(STRICTER, |file| {
        let replayed = all().iter().any(|scene| scene.file == file);
        replayed.then(|| recording(FOLDER, file)["steps"].as_array().unwrap().len())
    });
}
