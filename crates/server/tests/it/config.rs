//! The configuration from outside: which layer wins, what is refused, and that no secret shows.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use countersign::config::{
    Config, DIALECTS, Database, EmailVerification, ErrorFormat, Flags, Mail, MasterKeys, Mistake,
    MudbaseLogin, PasswordCode, Rule, SetupResponse, Sms,
};

fn read(flags: &Flags, environment: &[(&str, &str)]) -> Result<Config, Vec<Mistake>> {
    Config::read(flags, environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
}

fn from_environment(environment: &[(&str, &str)]) -> Config {
    read(&Flags::default(), environment).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// A configuration file in a directory of its own, and the flags that name it.
fn file(text: &str) -> (tempfile::TempDir, Flags) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("countersign.toml");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    (dir, Flags { config: Some(path), ..Flags::default() })
}

fn mistakes_in(text: &str) -> Vec<String> {
    let (_dir, flags) = file(text);
    let mistakes = read(&flags, &[]).expect_err("the file is wrong");
    // The directory's name is random; what follows it is what people read.
    mistakes.iter().map(|mistake| mistake.to_string().rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
fn nothing_told_is_a_server_on_this_machine() {
    let config = from_environment(&[]);
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url.as_str(), "http://localhost:8080/");
    assert_eq!(config.data_dir, Path::new("countersign-data"));
    assert!(
        matches!(&config.database, Database::Sqlite(file) if file == Path::new("countersign-data/countersign.db"))
    );
    assert!(
        matches!(&config.master_keys, MasterKeys::File(file) if file == Path::new("countersign-data/master.keys"))
    );
    assert!(matches!(&config.mail, Mail::Sink(dir) if dir == Path::new("countersign-data/mail")));
    assert!(matches!(config.sms, Sms::Off));
    assert!(config.rate_limits && !config.demo && !config.secure_cookies());
    assert_eq!(config.dialects, DIALECTS);
    assert!(config.dialect_hosts.is_empty());
    assert_eq!(
        (config.mudbase.login, config.mudbase.setup_response),
        (MudbaseLogin::Gated, SetupResponse::Superset)
    );
    assert_eq!(config.mudbase.password_code, PasswordCode::Optional);
    assert!(config.slugbase.registrations && config.slugbase.error_format == ErrorFormat::Auto);
    assert_eq!(config.slugbase_page("/reset-password"), "http://localhost:8080/reset-password");
    let moved = config.clone().with_bound_port(40_123);
    assert_eq!(moved.flashback_page("/magic"), "http://localhost:40123/magic");
    assert_eq!(config.better_auth.cookie_prefix, "better-auth");
    assert!(config.check().is_empty());
}

#[test]
fn flags_win_over_environment_over_file_over_defaults() {
    let (_dir, mut flags) = file("listen = '127.0.0.1:3'\napp_name = 'File'\ndata_dir = 'file'\n");
    assert_eq!(read(&flags, &[]).unwrap().listen.port(), 3);
    let environment = [("COUNTERSIGN_LISTEN", "127.0.0.1:2"), ("COUNTERSIGN_DATA_DIR", "environment")];
    assert_eq!(read(&flags, &environment).unwrap().listen.port(), 2);
    flags.listen = Some("127.0.0.1:1".to_owned());
    let config = read(&flags, &environment).unwrap();
    assert_eq!(config.listen.port(), 1);
    assert_eq!(config.data_dir, Path::new("environment"));
    assert_eq!(config.app_name, "File");
    assert!(config.rate_limits);
    let (_dir, flags) = file("trusted_origins = []\n");
    assert!(read(&flags, &[]).unwrap().trusted_origins.is_empty());
}

#[test]
fn the_file_says_everything_the_environment_can() {
    let (dir, flags) = file(
        r#"
        listen = "127.0.0.1:9000"
        public_url = "https://auth.example.com"
        database_url = "postgres://countersign@db/countersign"
        database_connections = 4
        mail = "smtps://mail.example.com"
        sms = "sink:texts"
        rate_limits = false
        trusted_proxies = ["10.0.0.7", "172.18.0.0/16"]
        trusted_origins = ["https://App.example.com/", "myapp://"]
        app_name = "Acme, Inc."
        log_format = "json"
        dialects = ["mudbase", "better-auth"]
        dialect_hosts = ["mudbase=Mud.Example.com:8443", "better-auth = login.example.com:443"]

        [accounts]
        email_verification = "required"

        [better_auth]
        cookie_prefix = "acme"
        cookie_domain = ".example.com"
        secret = "0123456789abcdefghijklmnopqrstuvwxyz"

        [slugbase]
        error_format = "documented"
        registrations = false
        frontend_url = "https://app.example.com/slugs/"

        [mudbase]
        login = "original"
        setup_response = "sdk-strict"
        password_code = "required"

        [flashback]
        frontend_url = "https://flash.example.com"
        "#,
    );
    let config = read(&flags, &[]).unwrap();
    assert!(matches!(&config.database, Database::Postgres { connections: 4, .. }));
    assert!(
        matches!(&config.mail, Mail::Smtp { from, .. } if from == "\"Acme, Inc.\" <no-reply@auth.example.com>"),
        "{:?}",
        config.mail
    );
    assert!(matches!(&config.sms, Sms::Sink(texts) if texts == Path::new("texts")));
    assert!(!config.rate_limits && config.secure_cookies());
    assert_eq!(config.dialects, ["mudbase", "better-auth"]);
    assert!(config.speaks("mudbase") && !config.speaks("slugbase"));
    assert_eq!(config.hosts_of("mudbase"), ["mud.example.com:8443"]);
    assert_eq!(
        config.dialect_origins().collect::<Vec<_>>(),
        ["https://mud.example.com:8443", "https://login.example.com"]
    );
    assert!(!config.slugbase.registrations && config.slugbase.error_format == ErrorFormat::Documented);
    assert_eq!(config.slugbase_page("/verify-signup"), "https://app.example.com/slugs/verify-signup");
    assert_eq!(config.mudbase.login, MudbaseLogin::Original);
    assert_eq!(config.mudbase.setup_response, SetupResponse::SdkStrict);
    assert_eq!(config.mudbase.password_code, PasswordCode::Required);
    assert_eq!(config.flashback_page("/magic"), "https://flash.example.com/magic");
    assert_eq!(
        config.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["10.0.0.7/32", "172.18.0.0/16"]
    );
    assert_eq!(config.trusted_origins, ["https://app.example.com", "myapp://"]);
    assert_eq!(config.accounts.email_verification, EmailVerification::Required);
    assert_eq!(config.better_auth.cookie_domain.as_deref(), Some("example.com"));
    assert_eq!(config.given.file_with_secrets, Some(dir.path().join("countersign.toml")));
    assert!(config.check().is_empty() && config.check_disk().is_empty());
}

#[test]
fn a_chosen_port_moves_the_public_url_unless_it_was_given() {
    let environment = [("COUNTERSIGN_LISTEN", "127.0.0.1:0")];
    let config = from_environment(&environment).with_bound_port(40_123);
    assert_eq!((config.listen.port(), config.public_url.as_str()), (40_123, "http://localhost:40123/"));
    let given = [environment[0], ("COUNTERSIGN_PUBLIC_URL", "https://auth.example.com")];
    assert_eq!(
        from_environment(&given).with_bound_port(40_123).public_url.as_str(),
        "https://auth.example.com/"
    );
}

#[test]
fn unknown_names_are_mistakes_with_the_nearest_known_one() {
    let mistakes =
        read(&Flags::default(), &[("COUNTERSIGN_LISTN", "x"), ("COUNTERSIGN_PORT", "8080")]).unwrap_err();
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "COUNTERSIGN_LISTN: unknown variable; did you mean COUNTERSIGN_LISTEN?",
            "COUNTERSIGN_PORT: unknown variable; remove it (`countersign --help` lists what exists)",
        ]
    );
    assert_eq!(
        mistakes_in(
            "app_name = 'Acme'\n\nlistne = '127.0.0.1:1'\ncookie_prefix = 'x'\n[accounts]\nport = 1\n"
        ),
        [
            "countersign.toml:6: unknown key \"accounts.port\"; remove it (`countersign --help` lists what exists)",
            "countersign.toml:4: unknown key \"cookie_prefix\"; did you mean better_auth.cookie_prefix?",
            "countersign.toml:3: unknown key \"listne\"; did you mean listen?",
        ]
    );
    assert_eq!(mistakes_in("better_auth = true\n").len(), 1);
    assert_eq!(mistakes_in("[mail]\nhost = 'x'\n").len(), 1);
}

#[test]
fn variables_of_an_orchestrator_are_not_ours_to_refuse() {
    from_environment(&[
        ("COUNTERSIGN_SERVICE_HOST", "10.0.0.1"),
        ("COUNTERSIGN_SERVICE_PORT_HTTP", "8080"),
        ("COUNTERSIGN_PORT", "tcp://10.0.0.1:8080"),
        ("COUNTERSIGN_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("PATH", "/bin"),
    ]);
}

#[test]
fn mistakes_name_their_place_and_their_remedy() {
    for (name, value) in [
        ("COUNTERSIGN_LISTEN", "8080"),
        ("COUNTERSIGN_PUBLIC_URL", "auth.example.com"),
        ("COUNTERSIGN_PUBLIC_URL", "https://example.com/auth"),
        ("COUNTERSIGN_PUBLIC_URL", "https://user:pw@example.com"),
        ("COUNTERSIGN_DATABASE_URL", "mysql://db"),
        ("COUNTERSIGN_DATABASE_URL", "sqlite::memory:"),
        ("COUNTERSIGN_DATABASE_CONNECTIONS", "0"),
        ("COUNTERSIGN_MAIL", "mail.example.com"),
        ("COUNTERSIGN_MAIL_FROM", "nobody"),
        ("COUNTERSIGN_SMS", "ftp://x"),
        ("COUNTERSIGN_RATE_LIMITS", "no"),
        ("COUNTERSIGN_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("COUNTERSIGN_TRUSTED_ORIGINS", "app.example.com"),
        ("COUNTERSIGN_TRUSTED_ORIGINS", "https://app.example.com/path"),
        ("COUNTERSIGN_APP_NAME", "a:b"),
        ("COUNTERSIGN_HASH_THREADS", "many"),
        ("COUNTERSIGN_LOG", "inof"),
        ("COUNTERSIGN_LOG_FORMAT", "xml"),
        ("COUNTERSIGN_EMAIL_VERIFICATION", "yes"),
        ("COUNTERSIGN_BETTER_AUTH", "on"),
        ("COUNTERSIGN_DIALECTS", "better-auth, slugbas"),
        ("COUNTERSIGN_DIALECTS", "mudbase, slugbase, mudbase"),
        ("COUNTERSIGN_DIALECTS", ","),
        ("COUNTERSIGN_DIALECT_HOSTS", "auth.example.com"),
        ("COUNTERSIGN_DIALECT_HOSTS", "slugbas=auth.example.com"),
        ("COUNTERSIGN_DIALECT_HOSTS", "slugbase="),
        ("COUNTERSIGN_DIALECT_HOSTS", "slugbase=https://auth.example.com"),
        ("COUNTERSIGN_DIALECT_HOSTS", "slugbase=*.example.com"),
        ("COUNTERSIGN_DIALECT_HOSTS", "slugbase=a.example.com, mudbase=A.example.com:80"),
        ("COUNTERSIGN_DIALECT_HOSTS", "slugbase=localhost:8080"),
        ("COUNTERSIGN_FORWARD_AUTH_HOSTS", "https://app.example.com"),
        ("COUNTERSIGN_FORWARD_AUTH_HOSTS", "*.example.com"),
        ("COUNTERSIGN_FORWARD_AUTH_HOSTS", "localhost:8080"),
        ("COUNTERSIGN_MUDBASE_LOGIN", "open"),
        ("COUNTERSIGN_MUDBASE_SETUP_RESPONSE", "sdk"),
        ("COUNTERSIGN_MUDBASE_PASSWORD_CODE", "on"),
        ("COUNTERSIGN_SLUGBASE_ERROR_FORMAT", "S"),
        ("COUNTERSIGN_SLUGBASE_REGISTRATIONS", "closed"),
        ("COUNTERSIGN_SLUGBASE_FRONTEND_URL", "app.example.com"),
        ("COUNTERSIGN_FLASHBACK_FRONTEND_URL", "https://app.example.com/?page="),
        ("COUNTERSIGN_BETTER_AUTH_COOKIE_PREFIX", "a b"),
        ("COUNTERSIGN_BETTER_AUTH_COOKIE_DOMAIN", "127.0.0.1"),
        ("COUNTERSIGN_BETTER_AUTH_SECRET", " "),
        ("COUNTERSIGN_CONFIG", "/nowhere/countersign.toml"),
    ] {
        let mistakes = read(&Flags::default(), &[(name, value)]).expect_err(name);
        let line = mistakes[0].to_string();
        assert!(
            mistakes.len() == 1 && line.starts_with(&format!("{name}: ")) && line.contains("; "),
            "{line}"
        );
        assert!(!line.contains('\n'), "{line}");
    }
    let off = [("COUNTERSIGN_DIALECTS", "mudbase"), ("COUNTERSIGN_DIALECT_HOSTS", "slugbase=a.example.com")];
    let line = read(&Flags::default(), &off).unwrap_err()[0].to_string();
    assert!(line.contains("gives a host to slugbase, which is not among the dialects spoken"), "{line}");
    // Whoever wants no dialect at all must not get all of them.
    assert_eq!(mistakes_in("dialects = []\n").len(), 1);
    let both = [("COUNTERSIGN_MASTER_KEYS", "x"), ("COUNTERSIGN_MASTER_KEY_FILE", "y")];
    assert!(read(&Flags::default(), &both).unwrap_err()[0].to_string().contains("given twice"));
    assert_eq!(mistakes_in("listen = \"127.0.0.1:1\"\nhash_threads = 1.5\n").len(), 1);
    assert!(mistakes_in("a = 1\nlisten = \n")[0].starts_with("countersign.toml:2: is not TOML"));
}

/// One configuration for each rule, each wrong in exactly that way.
fn unsafe_settings(rule: Rule) -> &'static [(&'static str, &'static str)] {
    const PUBLIC: (&str, &str) = ("COUNTERSIGN_PUBLIC_URL", "https://auth.example.com");
    const MAIL: (&str, &str) = ("COUNTERSIGN_MAIL", "sink:mail");
    match rule {
        Rule::PublicUrlPlainHttp => &[("COUNTERSIGN_PUBLIC_URL", "http://auth.example.com"), MAIL],
        Rule::PublicUrlMissing => &[("COUNTERSIGN_LISTEN", "0.0.0.0:8080")],
        Rule::ProxiesTooWide => &[PUBLIC, MAIL, ("COUNTERSIGN_TRUSTED_PROXIES", "10.0.0.7,0.0.0.0/0")],
        Rule::OriginTooWide => &[PUBLIC, MAIL, ("COUNTERSIGN_TRUSTED_ORIGINS", "*")],
        Rule::OriginPlainHttp => &[PUBLIC, MAIL, ("COUNTERSIGN_TRUSTED_ORIGINS", "http://app.example.com")],
        Rule::DialectHostPlainHttp => &[("COUNTERSIGN_DIALECT_HOSTS", "slugbase=auth.example.com")],
        Rule::FrontEndPlainHttp => &[("COUNTERSIGN_SLUGBASE_FRONTEND_URL", "http://app.example.com")],
        Rule::ProtectedHostPlainHttp => &[("COUNTERSIGN_FORWARD_AUTH_HOSTS", "app.example.com")],
        Rule::CookieDomain => &[PUBLIC, MAIL, ("COUNTERSIGN_BETTER_AUTH_COOKIE_DOMAIN", "example.org")],
        Rule::PasskeyDomain => &[PUBLIC, MAIL, ("COUNTERSIGN_PASSKEY_RP_ID", "example.org")],
        Rule::BetterAuthSecretShort => {
            &[("COUNTERSIGN_BETTER_AUTH_SECRET", "k3VdSq2LkPz0RrW8m1Yh5Tn7Bx9Cg4J")]
        }
        Rule::BetterAuthSecretKnown => {
            &[("COUNTERSIGN_BETTER_AUTH_SECRET", "better-auth-secret-12345678901234567890")]
        }
        Rule::MailSinkInPublic => &[PUBLIC],
        Rule::SmsPlainHttp => &[("COUNTERSIGN_SMS", "http://sms.example.com/send?key=sesame")],
        Rule::DataDirWritable | Rule::ConfigReadable => &[],
    }
}

#[test]
fn every_refusal_is_one_line_with_what_why_and_fix() {
    for rule in Rule::ALL {
        let settings = unsafe_settings(rule);
        if settings.is_empty() {
            continue; // These two need a disk: see below.
        }
        let found = from_environment(settings).check();
        assert_eq!(found.iter().map(|one| one.rule).collect::<Vec<_>>(), [rule]);
        let line = found[0].to_string();
        assert!(!found[0].why.is_empty() && !found[0].fix.is_empty() && !line.contains('\n'), "{line}");
        assert!(
            !line.contains("k3VdSq") && !line.contains("1234567890") && !line.contains("sesame"),
            "{line}"
        );
    }
}

#[test]
fn more_ways_to_trust_everyone() {
    for proxies in ["*", "::/0", "0.0.0.0/1,128.0.0.0/1", "2000::/3"] {
        let found = from_environment(&[("COUNTERSIGN_TRUSTED_PROXIES", proxies)]).check();
        assert!(found.iter().all(|one| one.rule == Rule::ProxiesTooWide) && !found.is_empty(), "{proxies}");
    }
    for proxies in ["127.0.0.1", "10.0.0.0/8", "fc00::/7", "::1"] {
        assert!(
            from_environment(&[("COUNTERSIGN_TRUSTED_PROXIES", proxies)]).check().is_empty(),
            "{proxies}"
        );
    }
    for domain in ["com", "ple.com", "auth.example.com.evil.example"] {
        let public = ("COUNTERSIGN_PUBLIC_URL", "https://auth.example.com");
        let settings =
            [public, ("COUNTERSIGN_MAIL", "sink:m"), ("COUNTERSIGN_BETTER_AUTH_COOKIE_DOMAIN", domain)];
        assert_eq!(from_environment(&settings).check()[0].rule, Rule::CookieDomain, "{domain}");
    }
    let asked_for =
        [("COUNTERSIGN_PUBLIC_URL", "https://auth.example.com"), ("COUNTERSIGN_MAIL", "sink:mail")];
    assert!(from_environment(&asked_for).check().is_empty());
    let own = [("COUNTERSIGN_LISTEN", "0.0.0.0:8080"), ("COUNTERSIGN_PUBLIC_URL", "http://localhost:8080")];
    assert!(from_environment(&own).check().is_empty());
}

#[test]
fn open_places_are_refused() {
    let (dir, mut flags) = file("[better_auth]\nsecret = 'k3VdSq2LkPz0RrW8m1Yh5Tn7Bx9Cg4Jw'\n");
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let rules = |flags: &Flags| -> Vec<Rule> {
        read(flags, &[]).unwrap().check_disk().iter().map(|one| one.rule).collect()
    };
    let data_dir = dir.path().join("data");
    flags.data_dir = Some(data_dir.to_str().unwrap().to_owned());
    assert_eq!(rules(&flags), []);

    read(&flags, &[]).unwrap().make_data_dir().unwrap();
    assert_eq!(fs::metadata(&data_dir).unwrap().permissions().mode() & 0o777, 0o700);
    set(&data_dir, 0o755);
    assert_eq!(rules(&flags), []);
    assert!(read(&flags, &[]).unwrap().data_dir_is_open());
    set(&data_dir, 0o777);
    assert_eq!(rules(&flags), [Rule::DataDirWritable]);

    set(&data_dir, 0o700);
    let path = flags.config.clone().unwrap();
    set(&path, 0o644);
    assert_eq!(rules(&flags), [Rule::ConfigReadable]);
    fs::write(&path, "database_url = 'postgres://db/countersign'\n").unwrap();
    assert_eq!(rules(&flags), [], "a file without secrets may be read by everyone");
    fs::write(&path, "database_url = 'postgres://me:sesame@db/countersign'\n").unwrap();
    assert_eq!(rules(&flags), [Rule::ConfigReadable]);
}

#[test]
fn no_secret_shows_in_debug_or_in_mistakes() {
    const SECRET: &str = "0pen-sesame";
    let url = |scheme: &str| format!("{scheme}://user:{SECRET}@host.example.com/x");
    let (postgres, smtp, sms) = (url("postgres"), url("smtp"), url("https"));
    let good = [
        ("COUNTERSIGN_DATABASE_URL", postgres.as_str()),
        ("COUNTERSIGN_MAIL", &smtp),
        ("COUNTERSIGN_SMS", &sms),
        ("COUNTERSIGN_MASTER_KEYS", SECRET),
        ("COUNTERSIGN_BETTER_AUTH_SECRET", SECRET),
    ];
    let config = from_environment(&good);
    assert!(!format!("{config:?} {:?}", config.check()).contains(SECRET));

    let wrong = url("gopher");
    for name in ["COUNTERSIGN_DATABASE_URL", "COUNTERSIGN_MAIL", "COUNTERSIGN_SMS"] {
        let mistakes = read(&Flags::default(), &[(name, &wrong)]).unwrap_err();
        assert!(!format!("{mistakes:?} {}", mistakes[0]).contains(SECRET), "{name}");
    }
    for text in [
        format!("mail = {SECRET}\n"),
        format!("mail = \"smtp://user:{SECRET}\nlisten = 1\n"),
        format!("mail = '{SECRET}' '{SECRET}'\n"),
        format!("mail = ['{SECRET}', 1]\n"),
        format!("mail = 2026-11-22{SECRET}\n"),
        format!("mail = {{ host = '{SECRET}' }}\n"),
        format!("mail = 'a'\nmail = '{SECRET}'\n"),
        format!("mail = \"\\q{SECRET}\"\n"),
    ] {
        let lines = mistakes_in(&text);
        assert!(lines.iter().all(|line| !line.contains(SECRET) && !line.contains("sesame")), "{lines:?}");
    }
}

/// The program itself, in a directory of its own and with no environment but what the test gives it.
fn countersign(dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn the_program_refuses_with_one_line_and_78() {
    let dir = tempfile::tempdir().unwrap();
    for rule in Rule::ALL {
        let settings = unsafe_settings(rule);
        if settings.is_empty() {
            continue;
        }
        let refused = countersign(dir.path(), &["serve"], settings);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(78), "{said}");
        assert!(said.starts_with("countersign: refusing to start: ") && said.lines().count() == 1, "{said}");
    }
    let unknown = countersign(dir.path(), &["serve"], &[("COUNTERSIGN_NONSENSE", "1")]);
    assert_eq!(unknown.status.code(), Some(78));
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "a refused start leaves nothing behind");
}

#[test]
fn the_command_line_answers_with_its_exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    let code = |arguments: &[&str]| countersign(dir.path(), arguments, &[]).status.code();
    assert_eq!(code(&[]), Some(2));
    assert_eq!(code(&["frobnicate"]), Some(2));
    assert_eq!(code(&["serve", "--database-url", "postgres://me:pw@db"]), Some(2), "secrets are no flags");
    assert_eq!(code(&["--version"]), Some(0));
    let help = countersign(dir.path(), &["--help"], &[]);
    assert_eq!(help.status.code(), Some(0));
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("COUNTERSIGN_TRUSTED_PROXIES") && help.contains("Exit codes"), "{help}");
}

#[test]
fn the_routes_are_listed_without_opening_anything() {
    let dir = tempfile::tempdir().unwrap();
    let listed = |environment: &[(&str, &str)]| {
        let listed = countersign(dir.path(), &["dialects"], environment);
        assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
        String::from_utf8(listed.stdout).unwrap()
    };
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    let said = listed(&[("COUNTERSIGN_DIALECT_HOSTS", "better-auth=login.localhost")]);
    let lines: Vec<String> = said.lines().map(words).collect();
    assert_eq!(lines[0], "METHOD PATH DIALECT SERVED AT");
    let enable = "POST /api/auth/two-factor/enable better-auth /, /better-auth, login.localhost";
    assert!(lines.iter().any(|line| line == enable), "{said}");
    let said = listed(&[("COUNTERSIGN_DIALECTS", "mudbase")]);
    assert!(!said.contains("better-auth"), "{said}");
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
}

#[test]
fn migrate_and_doctor_tell_what_they_found() {
    let dir = tempfile::tempdir().unwrap();
    let doctor = |environment: &[(&str, &str)]| {
        let looked = countersign(dir.path(), &["doctor"], environment);
        (looked.status.code(), String::from_utf8(looked.stdout).unwrap())
    };
    let (code, said) = doctor(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.lines().all(|line| line.starts_with("ok ")), "{said}");
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none(), "a doctor only looks");

    let migrated = countersign(dir.path(), &["migrate"], &[]);
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    assert!(String::from_utf8(migrated.stdout).unwrap().contains("applied 0001_foundation"));
    let again = countersign(dir.path(), &["migrate"], &[]);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), "the schema is up to date\n");

    let (code, said) = doctor(&[
        ("COUNTERSIGN_PUBLIC_URL", "https://auth.example.com"),
        ("COUNTERSIGN_MAIL", "smtp://user:sesame@127.0.0.1:1"),
        ("COUNTERSIGN_TRUSTED_ORIGINS", "*"),
        ("COUNTERSIGN_RATE_LIMITS", "off"),
    ]);
    assert_eq!(code, Some(1), "{said}");
    for expected in [
        "fail  settings: trusted origin",
        "fail  mail: ",
        "warn  keys: ",
        "warn  proxies: ",
        "warn  rate limits",
        "ok    database: ",
    ] {
        assert!(said.contains(expected), "{expected} in {said}");
    }
    assert!(said.lines().filter(|line| !line.starts_with("ok")).all(|line| line.contains(" — ")), "{said}");
    assert!(!said.contains("sesame"), "{said}");
}
