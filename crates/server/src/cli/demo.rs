//! `countersign demo`: a server to play with, with somebody in it whose codes are shown in the terminal.
//!
//! Everything the demonstration makes lies in a folder of its own, marked as such. It never opens any other:
//! its password is printed here for all the world to read.

mod sample;

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
    service::Wanted,
    session::Visitor,
    time::Timestamp,
    totp::{self, Totp},
};

use self::sample::Sample;
use crate::{
    app::Server,
    cli::{Refusal, insist_on_safety, make_data_dir, runtime},
    config::{Config, Database, Log, Mail, MasterKeys, Sms, is_loopback},
    ctx::Ctx,
    fault::Fault,
    operations::{
        Stop,
        challenge::{self, Answerer, Holder, Typed, Wishes},
        enrol::{self, Begin, Confirm},
        organisations,
        service::{self, Described, NewServiceKey},
        sessions::{self, Handover},
        sign_in::{self, PasswordSignIn, SignUp, SignedInOrAsked},
    },
    telemetry,
};

/// Where the demonstration lives if nobody says otherwise.
pub(super) const DATA_DIR: &str = "countersign-data/demo";
const EMAIL: &str = "demo@example.com";
/// Somebody of an application that has a login of its own.
const CUSTOMER: &str = "customer-1";
const PASSWORD: &str = "correct horse battery staple";
/// Tells a demonstration's folder from one that matters.
/// Where the sample application's proxy asks from.
const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];
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
        trusted_proxies: LOOPBACK.iter().filter_map(|net| net.parse().ok()).collect(),
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

async fn perform(mut config: Config) -> Result<(), Fault> {
    let sample = Sample::bind(config.listen)?;
    config.forward_auth.hosts = vec![sample.host()];
    let protected = format!("http://{}/", sample.host());
    let server = Server::bind(config).await?;
    let ctx = Arc::clone(&server.ctx);
    ensure_person(&ctx).await?;
    let key = ensure_key(&ctx).await?;
    ensure_customer(&ctx, &key).await?;
    let now = ctx.clock.now();
    let (Some(app), Some(customer)) =
        (app_of(&ctx, Whom::Person).await?, app_of(&ctx, Whom::Customer).await?)
    else {
        return Err(Fault::internal("the people of the demonstration have no authenticators"));
    };
    print!("{}", welcome(&ctx, (&app, &customer), (&key, &protected), now));
    let sampling = tokio::spawn(sample.serve(server.address));
    let showing = std::io::stdout().is_terminal().then(|| tokio::spawn(show_codes(Arc::clone(&ctx))));
    let served = server.run().await;
    if let Some(showing) = showing {
        showing.abort();
    }
    sampling.abort();
    served
}

/// Somebody with a second factor: found, or signed up and enrolled as anybody would be. Whoever played with the
/// account before may have left it in any state that has this password.
async fn ensure_person(ctx: &Ctx) -> Result<(), Fault> {
    let visitor =
        Visitor { ip: "127.0.0.1".to_owned(), user_agent: "countersign demo".to_owned(), language: None };
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
    organisations::appoint(ctx, EMAIL).await.map_err(|stop| unexpected("appointment", stop))?;
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
    let begin =
        Begin { password: Some(PASSWORD.into()), backup_codes: Some(Shape::Grouped), ..Begin::default() };
    enrol::begin_totp(ctx, visitor, &who, begin).await.map_err(|stop| unexpected("enrolment", stop))?;
    // The clock may tick over between asking for the code and giving it; not twice in a row.
    for _ in 0..2 {
        let code = earlier_code(ctx, Whom::Person).await?;
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

/// A key for an application, kept beside the database: only its digest is in there.
async fn ensure_key(ctx: &Ctx) -> Result<Secret<String>, Fault> {
    let file = ctx.config.data_dir.join("service.key");
    if let Ok(kept) = fs::read_to_string(&file)
        && service::bearer(ctx, &kept).await.is_ok()
    {
        return Ok(Secret::new(kept));
    }
    let new = NewServiceKey::new("Demo shop", Vec::new())
        .map_err(|_| Fault::internal("the key of the demonstration has no name"))?;
    let (_, key) = service::make(ctx, new).await.map_err(|stop| unexpected("service key", stop))?;
    fs::write(&file, key.expose()).map_err(|why| Fault::unavailable("cannot keep the key").because(why))?;
    Ok(key)
}

/// Somebody whom the application brought, enrolled as they would be on the page.
async fn ensure_customer(ctx: &Ctx, key: &Secret<String>) -> Result<(), Fault> {
    let not = |stop| unexpected("customer", stop);
    if app_of(ctx, Whom::Customer).await?.is_some_and(|totp| totp.last_step.is_some()) {
        return Ok(());
    }
    let visitor = Visitor::default();
    let key = service::bearer(ctx, key.expose()).await.map_err(not)?;
    let described = Described { external_id: CUSTOMER.to_owned(), ..Described::default() };
    let wanted = (described, Wanted::default());
    let opened = service::open(ctx, &visitor, &key, wanted).await.map_err(not)?;
    let token = opened.token.expose();
    let who = service::enrolling(ctx, &visitor, token, Method::Totp).await.map_err(not)?;
    enrol::begin_totp(ctx, &visitor, &who, Begin::default()).await.map_err(not)?;
    for _ in 0..2 {
        let code = Secret::new(earlier_code(ctx, Whom::Customer).await?);
        let handover = Handover::Nothing;
        let confirm =
            Confirm { method: Method::Totp, code, name: None, backup_codes: Some(Shape::Grouped), handover };
        match enrol::confirm_code(ctx, &visitor, &who, confirm).await {
            Ok(_) => return service::enrolled(ctx, &visitor, token).await.map(|_| ()).map_err(not),
            Err(Stop::Denied(Denied::WrongCode(_))) => {}
            Err(stop) => return Err(not(stop)),
        }
    }
    Err(Fault::internal("the customer of the demonstration could not be enrolled"))
}

/// Of the two people here.
#[derive(Clone, Copy, Debug)]
enum Whom {
    Person,
    Customer,
}

/// What somebody's phone would hold.
async fn app_of(ctx: &Ctx, whom: Whom) -> Result<Option<Totp>, Fault> {
    let key = match whom {
        Whom::Person => None,
        Whom::Customer => fs::read_to_string(ctx.config.data_dir.join("service.key")).ok(),
    };
    let organisation = match key {
        Some(key) => service::bearer(ctx, &key).await.ok().map(|key| key.organisation_id),
        None => None,
    };
    let vault = Arc::clone(&ctx.vault);
    let all = ctx
        .store
        .read(move |tx| {
            let user = match &organisation {
                Some(organisation) => tx.user_by_external_id(organisation, CUSTOMER)?,
                None => tx.user_by_email(EMAIL)?,
            };
            user.map_or(Ok(Vec::new()), |user| tx.authenticators(&vault, &user.id))
        })
        .await?;
    let apps = all.into_iter().filter_map(|one| match (one.is_confirmed(), one.kind) {
        (confirmed, Kind::Totp(totp)) => Some((confirmed, totp)),
        (_, Kind::EmailCode | Kind::SmsCode(_) | Kind::Passkey(_)) => None,
    });
    Ok(apps.max_by_key(|(confirmed, _)| *confirmed).map(|(_, totp)| totp))
}

/// The code of the step before now: a step is accepted once, and the present one is for the player.
async fn earlier_code(ctx: &Ctx, whom: Whom) -> Result<String, Fault> {
    let totp = app_of(ctx, whom).await?.ok_or_else(|| Fault::internal("nothing to confirm"))?;
    Ok(code_at(&totp, totp::step_at(ctx.clock.now(), PERIOD) - 1))
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

fn welcome(
    ctx: &Ctx,
    (totp, customer): (&Totp, &Totp),
    (key, protected): (&Secret<String>, &str),
    now: Timestamp,
) -> String {
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
  administration {origin}/admin
  sample app     {protected}
  API            {origin}/docs
  outbox         {origin}/dev/outbox
  files          {dir}

Sign in with the password, answer with the code, see who you are. Paste this:

  at='{origin}' jar='{dir}/cookies.txt' json='Content-Type: application/json'
  curl -sw '\n' -b "$jar" -c "$jar" -H "Origin: $at" -H "$json" "$at/api/auth/sign-in/email" \
       -d '{{"email":"{EMAIL}","password":"{PASSWORD}"}}'
  curl -sw '\n' -b "$jar" -c "$jar" -H "Origin: $at" -H "$json" "$at/api/auth/two-factor/verify-totp" \
       -d '{{"code":"{code}"}}'
  curl -sw '\n' -b "$jar" "$at/api/auth/get-session"

An application with a login of its own needs two calls: ask, and verify. Its customer has an authenticator app, too:

  at='{origin}' key='Authorization: Bearer {key}' json='Content-Type: application/json'
  id=$(curl -s -H "$key" -H "$json" "$at/v1/service/challenges" \
       -d '{{"user":{{"external_id":"{CUSTOMER}"}},"transaction":"pay 90 EUR"}}' | sed 's/.*"id":"\([^"]*\)".*/\1/')
  curl -sw '\n' -H "$key" -H "$json" "$at/v1/service/challenges/$id/verify" -d '{{"code":"{customer_code}"}}'

A code works once and for a minute at most. Ctrl-C stops; the next start finds everything as it was.

"#,
        code = usable_code(totp, now),
        customer_code = usable_code(customer, now),
        key = key.expose(),
        uri = totp::uri(&ctx.config.app_name, EMAIL, totp.seed.expose(), totp.parameters).expose(),
        dir = dir.display(),
    )
}

/// A fresh code whenever there is one, for as long as somebody watches.
async fn show_codes(ctx: Arc<Ctx>) {
    loop {
        tokio::time::sleep(until_next_step(ctx.clock.now())).await;
        match app_of(&ctx, Whom::Person).await {
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
            let totp = app_of(&ctx, Whom::Person).await.unwrap().unwrap();
            let code = usable_code(&totp, clock.now());
            assert!(welcome(&ctx, (&totp, &totp), (&"cs_".into(), "http://x/"), clock.now()).contains(&code));
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
