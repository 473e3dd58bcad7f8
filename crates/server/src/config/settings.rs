//! The table of settings: every name that exists, in flags, environment and file.

/// One setting and its names. What is not in this table is an error wherever it appears.
#[derive(Debug)]
pub struct Setting {
    /// In the file: `key = …`, or `[section] key = …` for `section.key`.
    pub key: &'static str,
    pub variable: &'static str,
    /// Only what is no secret may be a flag: other users of the machine can read flags (SEC-099).
    pub flag: Option<&'static str>,
    /// Never quoted in an error.
    pub secret: bool,
    pub about: &'static str,
}

const fn setting(key: &'static str, variable: &'static str, about: &'static str) -> Setting {
    Setting { key, variable, flag: None, secret: false, about }
}

impl Setting {
    const fn flag(mut self, flag: &'static str) -> Self {
        self.flag = Some(flag);
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

/// Declares a constant per setting, so that a misspelt one does not compile, and the list of them all.
macro_rules! settings {
    ($($name:ident = $setting:expr;)*) => {
        $(pub(super) const $name: Setting = $setting;)*
        /// Every setting, in the order the documentation lists them.
        pub const SETTINGS: &[Setting] = &[$($name),*];
    };
}

settings! {
    LISTEN = setting("listen", "COUNTERSIGN_LISTEN", "address and port [127.0.0.1:8080]; port 0 chooses one")
        .flag("--listen");
    DATA_DIR = setting("data_dir", "COUNTERSIGN_DATA_DIR", "where files are kept [./countersign-data]")
        .flag("--data-dir");
    PUBLIC_URL = setting("public_url", "COUNTERSIGN_PUBLIC_URL",
        "where people reach this server [http://localhost:PORT]").flag("--public-url");
    DATABASE_URL = setting("database_url", "COUNTERSIGN_DATABASE_URL",
        "postgres://… or sqlite:FILE [sqlite:DATA_DIR/countersign.db]").secret();
    DATABASE_CONNECTIONS = setting("database_connections", "COUNTERSIGN_DATABASE_CONNECTIONS",
        "PostgreSQL connections of this node [16]");
    MASTER_KEYS = setting("master_keys", "COUNTERSIGN_MASTER_KEYS", "the master keys themselves").secret();
    MASTER_KEY_FILE = setting("master_key_file", "COUNTERSIGN_MASTER_KEY_FILE",
        "or the file that holds them [DATA_DIR/master.keys]");
    MAIL = setting("mail", "COUNTERSIGN_MAIL", "smtp://…, smtps://… or sink:DIR [sink:DATA_DIR/mail]").secret();
    MAIL_FROM = setting("mail_from", "COUNTERSIGN_MAIL_FROM", "sender of mails [APP_NAME <no-reply@PUBLIC_HOST>]");
    SMS = setting("sms", "COUNTERSIGN_SMS", "URL of a gateway, sink:DIR or off [off]").secret();
    RATE_LIMITS = setting("rate_limits", "COUNTERSIGN_RATE_LIMITS", "on or off [on]");
    TRUSTED_PROXIES = setting("trusted_proxies", "COUNTERSIGN_TRUSTED_PROXIES",
        "addresses whose X-Forwarded-For counts: 10.0.0.7, 10.1.0.0/16 [none]");
    TRUSTED_ORIGINS = setting("trusted_origins", "COUNTERSIGN_TRUSTED_ORIGINS",
        "other origins browsers may call from: https://app.example.com, https://*.example.com, myapp:// [none]");
    APP_NAME = setting("app_name", "COUNTERSIGN_APP_NAME", "the name people see [Countersign]");
    SMS_COUNTRIES = setting("sms_countries", "COUNTERSIGN_SMS_COUNTRIES",
        "calling codes of the countries that text messages go to: 49, 43, 1 [none]");
    SMS_PER_RANGE = setting("sms_per_range", "COUNTERSIGN_SMS_PER_RANGE",
        "text messages an hour to numbers that differ only in their last four digits [10]");
    SMS_PER_DAY = setting("sms_per_day", "COUNTERSIGN_SMS_PER_DAY",
        "text messages a day altogether [500]");
    HASH_THREADS = setting("hash_threads", "COUNTERSIGN_HASH_THREADS", "passwords hashed at once [one per core]");
    LOG = setting("log", "COUNTERSIGN_LOG", "error, warn, info, debug, trace; or info,countersign=debug [info]");
    LOG_FORMAT = setting("log_format", "COUNTERSIGN_LOG_FORMAT",
        "pretty, json, or auto: pretty on a terminal [auto]");
    EMAIL_VERIFICATION = setting("accounts.email_verification", "COUNTERSIGN_EMAIL_VERIFICATION",
        "optional or required [optional]");
    EMAIL_CODES = setting("accounts.email_codes", "COUNTERSIGN_EMAIL_CODES",
        "who may answer a challenge by mailed code: everyone with a second factor, or enrolled people only [everyone]");
    MAIL_SIGN_INS = setting("accounts.mail_sign_ins", "COUNTERSIGN_MAIL_SIGN_INS",
        "whom a mailed link or code signs in: everyone, who gets an account; existing people; nobody (off) [everyone]");
    DELETION = setting("accounts.deletion", "COUNTERSIGN_DELETION",
        "an account asked to go goes at once (immediate) or by a mailed link (mail) [immediate]");
    PASSWORD_MIN = setting("accounts.password_min", "COUNTERSIGN_PASSWORD_MIN",
        "the fewest characters of a new password, 8 to 64 [8]");
    PASSWORD_BLOCKLIST = setting("accounts.password_blocklist", "COUNTERSIGN_PASSWORD_BLOCKLIST",
        "whether passwords that are guessed first are refused: on or off [on]");
    PASSKEY_RP_ID = setting("passkeys.rp_id", "COUNTERSIGN_PASSKEY_RP_ID",
        "the domain passkeys are made for: the public host or a domain above it [the public host]");
    PASSKEY_ORIGINS = setting("passkeys.origins", "COUNTERSIGN_PASSKEY_ORIGINS",
        "other origins whose pages may use passkeys: https://app.example.com [none]");
    PASSKEY_TOP_ORIGINS = setting("passkeys.top_origins", "COUNTERSIGN_PASSKEY_TOP_ORIGINS",
        "origins that may show such a page in a frame [none]");
    PASSKEY_ABANDON = setting("passkeys.abandon", "COUNTERSIGN_PASSKEY_ABANDON",
        "the rp_id to start with although people have nothing but passkeys of another one [none]");
    DIALECTS = setting("dialects", "COUNTERSIGN_DIALECTS",
        "the APIs spoken, by precedence at the root [native, better-auth, slugbase, mudbase, flashback]");
    DIALECT_HOSTS = setting("dialect_hosts", "COUNTERSIGN_DIALECT_HOSTS",
        "hosts that lead to one dialect: slugbase=auth.example.com, mudbase=mud.example.com:8443 [none]");
    COOKIE_PREFIX = setting("better_auth.cookie_prefix", "COUNTERSIGN_BETTER_AUTH_COOKIE_PREFIX",
        "[better-auth]");
    COOKIE_DOMAIN = setting("better_auth.cookie_domain", "COUNTERSIGN_BETTER_AUTH_COOKIE_DOMAIN",
        "share cookies with every host under this domain [not shared]");
    BETTER_AUTH_SECRET = setting("better_auth.secret", "COUNTERSIGN_BETTER_AUTH_SECRET",
        "the secret of the Better Auth server this one replaces [none]").secret();
    SLUGBASE_ERROR_FORMAT = setting("slugbase.error_format", "COUNTERSIGN_SLUGBASE_ERROR_FORMAT",
        "documented, slugbase, or auto: by who is asking [auto]");
    SLUGBASE_REGISTRATIONS = setting("slugbase.registrations", "COUNTERSIGN_SLUGBASE_REGISTRATIONS",
        "whether strangers may register: on or off [on]");
    SLUGBASE_FRONTEND_URL = setting("slugbase.frontend_url", "COUNTERSIGN_SLUGBASE_FRONTEND_URL",
        "where its front end's /reset-password and /verify-signup live [PUBLIC_URL]");
    MUDBASE_LOGIN = setting("mudbase.login", "COUNTERSIGN_MUDBASE_LOGIN",
        "gated, or original: no second factor at login [gated]");
    MUDBASE_SETUP_RESPONSE = setting("mudbase.setup_response", "COUNTERSIGN_MUDBASE_SETUP_RESPONSE",
        "superset, or sdk-strict: what its SDK declares and no more [superset]");
    MUDBASE_PASSWORD_CODE = setting("mudbase.password_code", "COUNTERSIGN_MUDBASE_PASSWORD_CODE",
        "whether changing a password takes a code where there is a second factor: optional or required [optional]");
    FLASHBACK_FRONTEND_URL = setting("flashback.frontend_url", "COUNTERSIGN_FLASHBACK_FRONTEND_URL",
        "where its front end's magic-link page lives [PUBLIC_URL]");
    FORWARD_AUTH_HOSTS = setting("forward_auth.hosts", "COUNTERSIGN_FORWARD_AUTH_HOSTS",
        "hosts that a proxy protects by asking /forward-auth: app.example.com, wiki.example.com:8443 [none]");
    WEBHOOK_PRIVATE_HOSTS = setting("webhooks.private_hosts", "COUNTERSIGN_WEBHOOK_PRIVATE_HOSTS",
        "hosts that webhooks may call although they are on no public address: hooks.internal, 10.0.0.7 [none]");
}

/// `--config` names the file itself, so it cannot stand in it.
pub(super) const CONFIG_VARIABLE: &str = "COUNTERSIGN_CONFIG";

/// The known name nearest to a misspelt one, if it is near enough to be what was meant.
pub(super) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, name) = known.map(|name| (edits(wrong, name), name)).min()?;
    // The prefix all variables share says nothing about how near they are.
    let letters = wrong.trim_start_matches("COUNTERSIGN_").len();
    (distance <= 1.max(letters / 3)).then_some(name)
}

/// Levenshtein's distance, one row of his table at a time.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(x != *y)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_secrets_are_no_flags() {
        for (at, one) in SETTINGS.iter().enumerate() {
            assert!(one.variable.starts_with("COUNTERSIGN_"), "{}", one.variable);
            assert!(!(one.secret && one.flag.is_some()), "{}", one.key);
            let clash = |other: &Setting| other.key == one.key || other.variable == one.variable;
            assert!(!SETTINGS[at + 1..].iter().any(clash), "{}", one.key);
        }
    }

    #[test]
    fn the_nearest_name_is_offered_only_when_near() {
        let variables = || SETTINGS.iter().map(|setting| setting.variable);
        assert_eq!(nearest("COUNTERSIGN_LISTN", variables()), Some("COUNTERSIGN_LISTEN"));
        assert_eq!(nearest("listne", ["listen", "mail"].into_iter()), Some("listen"));
        assert_eq!(nearest("port", ["listen", "public_url"].into_iter()), None);
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
