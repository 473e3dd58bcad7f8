//! `countersign demo`: a server to play with, with somebody in it whose codes are shown in the terminal.
//!
//! Everything the demonstration makes lies in a folder of its own, marked as such. It never opens any other:
//! its password is printed here for all the world to read.

use std::{
    fs,
    io::{ErrorKind, IsTerminal},
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use countersign_core::{
    authenticator::Kind,
    backup_code::Shape,
    denied::Denied,
    method::Method,
    secret::Secret,
    session::Visitor,
    time::Timestamp,
    totp::{self, Totp},
};

use crate::{
    app::Server,
    cli::{Refusal, insist_on_safety, make_data_dir, runtime},
    config::{Config, Database, Log, Mail, MasterKeys, Sms, is_loopback},
    ctx::Ctx,
    fault::Fault,
    operations::{
        Stop,
        challenge::{self, Answerer, Holder, Typed, Wishes},
        enrol::{self, Begin},
        sessions,
        sign_in::{self, PasswordSignIn, SignUp, SignedInOrAsked},
    },
    telemetry,
};

/// Where the demonstration lives if nobody says otherwise.
pub(super) const DATA_DIR: &str = "countersign-data/demo";
const EMAIL: &str = "demo@example.com";
const PASSWORD: &str = "correct horse battery staple";
/// Tells a demonstration's folder from one that matters.
const MARK: &str = "THIS-IS-A-DEMO";
const PERIOD: u64 = 30;

pub(super) fn run(config: Config) -> Result<ExitCode, Refusal> {
    telemetry::init(&quiet(&config.log))?;
    let config = in_its_own_folder(config);
    stay_at_home(&config)?;
    let mut found = config.check();
    found.extend(config.check_disk());
    insist_on_safety(&found)?;
    claim(&config)?;
    runtime()?.block_on(perform(config))?;
    Ok(ExitCode::SUCCESS)
}

/// Whatever database, keys or mail server were configured, they are not for playing with.
fn in_its_own_folder(config: Config) -> Config {
    let dir = config.data_dir.clone();
    Config {
        database: Database::Sqlite(dir.join("countersign.db")),
        master_keys: MasterKeys::File(dir.join("master.keys")),
        mail: Mail::Sink(dir.join("outbox")),
        sms: Sms::Sink(dir.join("outbox")),
        better_auth_secret: None,
        accounts: Config::default().accounts,
        demo: true,
        ..config
    }
}

/// Between the lines for people, news about the inside would only be in the way.
fn quiet(log: &Log) -> Log {
    let filter = if log.filter == "info" { "warn".to_owned() } else { log.filter.clone() };
    Log { filter, ..log.clone() }
}

/// Everybody who reaches the server can read its mail.
fn stay_at_home(config: &Config) -> Result<(), Fault> {
    if is_loopback(&config.public_url) {
        return Ok(());
    }
    Err(Fault::misconfigured(format!(
        "public URL {}: a demonstration shows its mail to everybody and stays on this machine; use \
         http://localhost:PORT or run `countersign serve`",
        config.public_url
    )))
}

/// Makes the folder, or makes sure that it was made by a demonstration before.
fn claim(config: &Config) -> Result<(), Fault> {
    let dir = &config.data_dir;
    let cannot = |why| Fault::misconfigured(format!("cannot use {}", dir.display())).because(why);
    if !dir.join(MARK).exists() && !is_empty(dir).map_err(cannot)? {
        return Err(Fault::misconfigured(format!(
            "{} holds something that is no demonstration; name an empty folder with --data-dir",
            dir.display()
        )));
    }
    make_data_dir(config)?;
    fs::write(dir.join(MARK), "Everything here was made by `countersign demo` and may be deleted.\n")
        .map_err(cannot)
}

fn is_empty(dir: &Path) -> Result<bool, std::io::Error> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(true),
        Err(why) => Err(why),
    }
}

async fn perform(config: Config) -> Result<(), Fault> {
    let server = Server::bind(config).await?;
    let ctx = Arc::clone(&server.ctx);
    ensure_person(&ctx).await?;
    let now = ctx.clock.now();
    let Some(totp) = authenticator_app(&ctx).await? else {
        return Err(Fault::internal("the person of the demonstration has no authenticator"));
    };
    print!("{}", welcome(&ctx, &totp, now));
    let showing = std::io::stdout().is_terminal().then(|| tokio::spawn(show_codes(Arc::clone(&ctx))));
    let served = server.run().await;
    if let Some(showing) = showing {
        showing.abort();
    }
    served
}

/// Somebody with a second factor: found, or signed up and enrolled as anybody would be. Whoever played with the
/// account before may have left it in any state that has this password.
async fn ensure_person(ctx: &Ctx) -> Result<(), Fault> {
    let visitor = Visitor { ip: "127.0.0.1".to_owned(), user_agent: "countersign demo".to_owned() };
    let new = SignUp {
        name: "Demo".to_owned(),
        email: EMAIL.to_owned(),
        password: PASSWORD.into(),
        ..SignUp::default()
    };
    match sign_in::sign_up(ctx, &visitor, new).await {
        Ok(_) | Err(Stop::Denied(Denied::EmailTaken)) => {}
        Err(stop) => return Err(unexpected("sign-up", stop)),
    }
    let attempt =
        PasswordSignIn { email: EMAIL.to_owned(), password: PASSWORD.into(), ..PasswordSignIn::default() };
    match sign_in::with_password(ctx, &visitor, attempt).await {
        Ok(SignedInOrAsked::Asked(_)) => Ok(()),
        Ok(SignedInOrAsked::SignedIn { session, .. }) => enrol(ctx, &visitor, session.token).await,
        Err(Stop::Denied(Denied::BadCredentials)) => Err(Fault::misconfigured(format!(
            "the password of {EMAIL} was changed; delete {} to begin afresh",
            ctx.config.data_dir.display()
        ))),
        Err(stop) => Err(unexpected("sign-in", stop)),
    }
}

/// Enrols with the code of the step before now: a step is accepted once, and the present one is for the player.
async fn enrol(ctx: &Ctx, visitor: &Visitor, session: Secret<String>) -> Result<(), Fault> {
    let who =
        sessions::require(ctx, Some(session.expose())).await.map_err(|stop| unexpected("session", stop))?;
    let begin = Begin { password: Some(PASSWORD.into()), issuer: None, backup_codes: Some(Shape::Grouped) };
    enrol::begin_totp(ctx, visitor, &who, begin).await.map_err(|stop| unexpected("enrolment", stop))?;
    // The clock may tick over between asking for the code and giving it; not twice in a row.
    for _ in 0..2 {
        let totp = authenticator_app(ctx).await?.ok_or_else(|| Fault::internal("nothing to confirm"))?;
        let code = code_at(&totp, totp::step_at(ctx.clock.now(), PERIOD) - 1);
        let answerer =
            Answerer { session: Some(Holder::Token(session.expose().clone())), ..Answerer::default() };
        let typed = Typed { method: Method::Totp, code: Secret::new(code) };
        match challenge::answer(ctx, visitor, answerer, (typed, Wishes::default())).await {
            Ok(_) => return Ok(()),
            Err(Stop::Denied(Denied::WrongCode(_))) => {}
            Err(stop) => return Err(unexpected("confirmation", stop)),
        }
    }
    Err(Fault::internal("the enrolment of the demonstration could not be confirmed"))
}

fn unexpected(what: &str, stop: Stop) -> Fault {
    match stop {
        Stop::Fault(fault) => fault,
        Stop::Denied(denied) => Fault::internal(format!("{what} of the demonstration: {denied:?}")),
    }
}

/// What the person's phone would hold.
async fn authenticator_app(ctx: &Ctx) -> Result<Option<Totp>, Fault> {
    let vault = Arc::clone(&ctx.vault);
    let all = ctx
        .store
        .read(move |tx| match tx.user_by_email(EMAIL)? {
            Some(user) => tx.authenticators(&vault, &user.id),
            None => Ok(Vec::new()),
        })
        .await?;
    let apps = all.into_iter().filter_map(|one| match (one.is_confirmed(), one.kind) {
        (confirmed, Kind::Totp(totp)) => Some((confirmed, totp)),
        (_, Kind::EmailCode | Kind::SmsCode(_) | Kind::Passkey(_)) => None,
    });
    Ok(apps.max_by_key(|(confirmed, _)| *confirmed).map(|(_, totp)| totp))
}

/// A code that will be accepted: the present one, or the one after it if the present one was used.
fn usable_code(totp: &Totp, now: Timestamp) -> String {
    let present = totp::step_at(now, PERIOD);
    let fresh = totp.last_step.map_or(present, |last| present.max(last + 1));
    code_at(totp, fresh)
}

fn code_at(totp: &Totp, step: i64) -> String {
    totp::code_at(totp.seed.expose(), totp.parameters, step)
}

fn welcome(ctx: &Ctx, totp: &Totp, now: Timestamp) -> String {
    let origin = ctx.config.origin();
    // Absolute, so that the commands can be pasted in any folder.
    let dir = std::path::absolute(&ctx.config.data_dir).unwrap_or_else(|_| ctx.config.data_dir.clone());
    format!(
        r#"
Countersign demo on {origin}

  email          {EMAIL}
  password       {PASSWORD}
  code now       {code}
  for your app   {uri}
  pages          {origin}/sign-in
  outbox         {origin}/dev/outbox
  files          {dir}

Sign in with the password, answer with the code, see who you are. Paste this:

  at='{origin}' jar='{dir}/cookies.txt' json='Content-Type: application/json'
  curl -sw '\n' -b "$jar" -c "$jar" -H "Origin: $at" -H "$json" "$at/api/auth/sign-in/email" \
       -d '{{"email":"{EMAIL}","password":"{PASSWORD}"}}'
  curl -sw '\n' -b "$jar" -c "$jar" -H "Origin: $at" -H "$json" "$at/api/auth/two-factor/verify-totp" \
       -d '{{"code":"{code}"}}'
  curl -sw '\n' -b "$jar" "$at/api/auth/get-session"

A code works once and for a minute at most. Ctrl-C stops; the next start finds everything as it was.

"#,
        code = usable_code(totp, now),
        uri = totp::uri(&ctx.config.app_name, EMAIL, totp.seed.expose(), totp.parameters).expose(),
        dir = dir.display(),
    )
}

/// A fresh code whenever there is one, for as long as somebody watches.
async fn show_codes(ctx: Arc<Ctx>) {
    loop {
        tokio::time::sleep(until_next_step(ctx.clock.now())).await;
        match authenticator_app(&ctx).await {
            Ok(Some(totp)) => println!("  code now       {}", usable_code(&totp, ctx.clock.now())),
            Ok(None) => println!("  code now       none: {EMAIL} has no authenticator any more"),
            Err(why) => tracing::warn!(%why, "the demonstration's code cannot be shown"),
        }
    }
}

fn until_next_step(now: Timestamp) -> Duration {
    let next = (totp::step_at(now, PERIOD) + 1).saturating_mul(PERIOD as i64);
    Timestamp::from_seconds(next).since(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{app::App, clock::Clock, dice::Dice};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_010);

    fn demo(dir: &Path) -> Config {
        in_its_own_folder(Config { data_dir: dir.to_owned(), hash_threads: 1, ..Config::default() })
    }

    async fn open(dir: &Path, clock: &Clock) -> Arc<Ctx> {
        App::open(demo(dir), clock.clone(), Arc::new(Dice::seeded(7))).await.unwrap().ctx
    }

    #[test]
    fn only_an_empty_or_marked_folder_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let fresh = folder.path().join("a/b");
        claim(&demo(&fresh)).unwrap();
        claim(&demo(&fresh)).unwrap();
        assert!(fresh.join(MARK).exists());
        let real = folder.path().join("real");
        fs::create_dir(&real).unwrap();
        claim(&demo(&real)).unwrap();
        fs::remove_file(real.join(MARK)).unwrap();
        fs::write(real.join("countersign.db"), "precious").unwrap();
        assert!(claim(&demo(&real)).unwrap_err().to_string().contains("no demonstration"));
        assert!(!real.join(MARK).exists());
    }

    #[test]
    fn nothing_that_was_configured_is_touched() {
        let real = Config {
            database: Database::Postgres { url: "postgres://prod/prod".into(), connections: 4 },
            mail: Mail::Smtp { url: "smtp://prod".into(), from: "a@prod.example".to_owned() },
            master_keys: MasterKeys::Environment("1:prod".into()),
            ..Config::default()
        };
        let config = in_its_own_folder(real);
        assert!(matches!(&config.database, Database::Sqlite(file) if file.starts_with(&config.data_dir)));
        assert!(matches!(&config.mail, Mail::Sink(dir) if dir.starts_with(&config.data_dir)));
        assert!(matches!(&config.master_keys, MasterKeys::File(file) if file.starts_with(&config.data_dir)));
    }

    #[test]
    fn it_stays_on_this_machine() {
        let at = |url: &str| stay_at_home(&Config { public_url: url.parse().unwrap(), ..Config::default() });
        assert!(at("http://localhost:8080").is_ok());
        assert!(at("https://auth.example.com").is_err());
    }

    #[tokio::test]
    async fn the_code_that_is_shown_opens_the_door_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::stopped(NOW);
        let mut seeds = Vec::new();
        for _ in 0..2 {
            let ctx = open(folder.path(), &clock).await;
            ensure_person(&ctx).await.unwrap();
            // The first start leaves the present step unused; the second finds it used and shows the next.
            let totp = authenticator_app(&ctx).await.unwrap().unwrap();
            let code = usable_code(&totp, clock.now());
            assert!(welcome(&ctx, &totp, clock.now()).contains(&code));
            sign_in_with(&ctx, code).await;
            seeds.push(totp.seed.expose().clone());
        }
        assert_eq!(seeds[0], seeds[1]);
    }

    async fn sign_in_with(ctx: &Ctx, code: String) {
        let visitor = Visitor::default();
        let attempt = PasswordSignIn {
            email: EMAIL.to_owned(),
            password: PASSWORD.into(),
            remember: true,
            ..PasswordSignIn::default()
        };
        let SignedInOrAsked::Asked(asked) = sign_in::with_password(ctx, &visitor, attempt).await.unwrap()
        else {
            panic!("no second factor was asked for");
        };
        let challenge = Some(asked.token.expose().clone());
        let answerer = Answerer { challenge, ..Answerer::default() };
        let typed = Typed { method: Method::Totp, code: Secret::new(code) };
        challenge::answer(ctx, &visitor, answerer, (typed, Wishes::default())).await.unwrap();
    }

    #[test]
    fn codes_change_on_the_half_minute() {
        assert_eq!(until_next_step(NOW), Duration::from_secs(20));
        assert_eq!(until_next_step(Timestamp::from_seconds(1_800_000_030)), Duration::from_secs(30));
    }
}
