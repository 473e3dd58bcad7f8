//! The outbox and its courier, against a mail server with bad manners (SEC-034, FX-14): `STORE=postgres` too.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use countersign::{
    clock::Clock,
    config::{self, Config},
    delivery::{Courier, Failure, Outgoing, Parts, smtp::Smtp},
    dice::Dice,
    store::{Envelope, OutboxRow, Store},
    vault::{Keyring, Vault},
};
use countersign_core::{
    ids::{OutboxId, UserId},
    language::Language,
    message::{CodePurpose, Destination, Letter, Letterhead, Message},
    secret::Secret,
    session::Visitor,
    time::{HOUR, MINUTE, SECOND, Timestamp},
};

use crate::{
    postgres,
    smtp_sink::{Manners, SmtpSink},
};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const BRIEFLY: Duration = Duration::from_millis(300);
const FROM: &str = "Acme <no-reply@acme.example>";

/// A node's outbox, and the mail server it sends to.
struct Desk {
    store: Store,
    vault: Arc<Vault>,
    clock: Clock,
    dice: Dice,
    sink: SmtpSink,
    config: Config,
    _folder: tempfile::TempDir,
    _server: Option<postgres::Database>,
}

impl Desk {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server =
            std::env::var("STORE").is_ok_and(|engine| engine == "postgres").then(postgres::fresh_database);
        let database = match &server {
            Some(server) => {
                config::Database::Postgres { url: Secret::new(server.url.clone()), connections: 4 }
            }
            None => config::Database::Sqlite(folder.path().join("countersign.db")),
        };
        let store = Store::open(&database).await.unwrap();
        store.migrate(NOW).await.unwrap();
        let dice = Dice::seeded(1);
        let keyring = Keyring::create(&folder.path().join("keys"), &dice, NOW).unwrap();
        let keys = Vault::make_keys(&keyring, &dice, NOW).unwrap();
        let vault = Arc::new(Vault::unlock(keyring, keys, None).unwrap());
        let sink = SmtpSink::start().await;
        let config = config(&sink, database, folder.path());
        let clock = Clock::stopped(NOW);
        Self { store, vault, clock, dice, sink, config, _folder: folder, _server: server }
    }

    fn courier(&self) -> Courier {
        let parts =
            Parts { store: self.store.clone(), vault: Arc::clone(&self.vault), clock: self.clock.clone() };
        Courier::open(parts, &self.config).unwrap()
    }

    /// Posts a mail that carries `code`, which is good for `life`.
    async fn post(&self, code: &str, life: Duration) {
        let now = self.clock.now();
        let letter = Letter {
            to: Destination::Email("jo@example.com".to_owned()),
            recipient_name: "Jo".to_owned(),
            message: Message::OneTimeCode {
                code: code.into(),
                purpose: CodePurpose::SignIn,
                minutes: 5,
                from: Visitor {
                    ip: "203.0.113.9".to_owned(),
                    user_agent: "curl/8".to_owned(),
                    language: None,
                },
            },
            expires_at: now + life,
            language: Language::default(),
            head: Letterhead::default(),
        };
        let envelope = Envelope {
            id: OutboxId::new(now, &self.dice),
            user_id: UserId::from("jo".to_owned()),
            created_at: now,
        };
        let row = OutboxRow::seal(&self.vault, envelope, &letter).unwrap();
        self.store.write(move |tx| tx.post(&row)).await.unwrap();
    }

    /// Letters that wait, and letters that were given up.
    async fn counts(&self) -> (i64, i64) {
        let counts = self.store.read(|tx| {
            let all = tx.row("SELECT count(*) FROM outbox", &[], |row| row.get::<i64>(0))?.unwrap_or(0);
            let dead = tx.dead_letters()?;
            Ok((all - dead, dead))
        });
        counts.await.unwrap()
    }
}

fn config(sink: &SmtpSink, database: config::Database, data_dir: &std::path::Path) -> Config {
    Config {
        data_dir: data_dir.to_owned(),
        public_url: "https://id.acme.example".parse().unwrap(),
        database,
        mail: config::Mail::Smtp { url: Secret::new(sink.url()), from: FROM.to_owned() },
        app_name: "Acme".to_owned(),
        ..Config::default()
    }
}

#[tokio::test]
async fn a_posted_letter_is_sent_once_and_forgotten() {
    let desk = Desk::open().await;
    let courier = desk.courier();
    desk.post("123456", MINUTE).await;
    let sealed: Option<Vec<u8>> =
        desk.store.read(|tx| tx.row("SELECT sealed FROM outbox", &[], |row| row.get(0))).await.unwrap();
    assert!(!String::from_utf8_lossy(&sealed.unwrap()).contains("123456"));

    assert_eq!(courier.run_once().await, 1);
    let mail = &desk.sink.take(1).await[0];
    assert_eq!(mail.to, ["jo@example.com"]);
    assert_eq!(mail.header("Subject"), Some("Your Acme code"));
    assert_eq!(mail.header("From"), Some(FROM));
    assert_eq!(desk.sink.code_in_last(), "123456");
    assert_eq!(desk.counts().await, (0, 0));
    assert_eq!(courier.run_once().await, 0);
}

#[tokio::test]
async fn a_letter_refused_for_now_waits_a_little_longer_each_time() {
    let desk = Desk::open().await;
    let courier = desk.courier();
    desk.sink.behave(Manners::Refusing(451));
    desk.post("123456", 24 * HOUR).await;
    for wait in [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, HOUR] {
        assert_eq!(courier.run_once().await, 1);
        desk.clock.advance(wait - SECOND);
        assert_eq!(courier.run_once().await, 0, "{wait:?}");
        desk.clock.advance(SECOND);
    }
    assert_eq!(desk.counts().await, (1, 0));
    assert_eq!(courier.run_once().await, 1);
    assert_eq!(desk.counts().await, (0, 1), "the eighth failure is the last");
    desk.sink.behave(Manners::Polite);
    desk.clock.advance(24 * HOUR);
    assert_eq!(courier.run_once().await, 0);
    assert_eq!(desk.sink.count(), 0);
}

#[tokio::test]
async fn a_letter_refused_for_good_is_given_up_at_once() {
    let desk = Desk::open().await;
    desk.sink.behave(Manners::Refusing(550));
    desk.post("123456", MINUTE).await;
    assert_eq!(desk.courier().run_once().await, 1);
    assert_eq!(desk.counts().await, (0, 1));
}

#[tokio::test]
async fn an_expired_code_is_never_sent() {
    let desk = Desk::open().await;
    let courier = desk.courier();
    desk.sink.behave(Manners::Refusing(451));
    desk.post("123456", 20 * SECOND).await;
    courier.run_once().await;
    desk.clock.advance(5 * SECOND);
    courier.run_once().await;
    desk.sink.behave(Manners::Polite);
    desk.clock.advance(15 * SECOND);
    assert_eq!(courier.run_once().await, 1, "its next wait ends where its life ends");
    assert_eq!((desk.sink.count(), desk.counts().await), (0, (0, 1)));
}

/// A copy is possible where the answer was lost; it is then the same mail with the same code.
#[tokio::test]
async fn a_mail_whose_answer_was_lost_comes_again_under_the_same_id() {
    let desk = Desk::open().await;
    let courier = desk.courier();
    desk.sink.behave(Manners::Dropping);
    desk.post("123456", MINUTE).await;
    courier.run_once().await;
    assert_eq!(desk.counts().await, (1, 0));
    desk.sink.behave(Manners::Polite);
    desk.clock.advance(5 * SECOND);
    courier.run_once().await;
    let mails = desk.sink.take(2).await;
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    assert_eq!(mails[0].code(), mails[1].code());
    assert_eq!(desk.counts().await, (0, 0));
}

#[tokio::test]
async fn a_silent_server_costs_its_patience_and_nothing_else() {
    let desk = Desk::open().await;
    let courier = desk.courier().with_patience(BRIEFLY);
    desk.sink.behave(Manners::Silent);
    for code in ["111111", "222222", "333333", "444444"] {
        desk.post(code, HOUR).await;
    }
    assert_eq!(courier.run_once().await, 4);
    assert_eq!(desk.counts().await, (4, 0));
    desk.sink.behave(Manners::Polite);
    desk.clock.advance(5 * SECOND);
    assert_eq!(courier.run_once().await, 4);
    let codes: BTreeSet<_> = desk.sink.take(4).await.iter().filter_map(|mail| mail.code()).collect();
    assert_eq!(codes.len(), 4);
    assert_eq!((desk.sink.count(), desk.counts().await), (4, (0, 0)));
}

/// FX-14: what piled up is gone within two minutes of the provider's return, whatever its waits were.
#[tokio::test]
async fn letters_need_not_wait_for_an_hour_once_the_provider_is_back() {
    let desk = Desk::open().await;
    let courier = desk.courier().with_patience(BRIEFLY);
    desk.sink.behave(Manners::Silent);
    desk.post("111111", 24 * HOUR).await;
    for wait in [5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE] {
        courier.run_once().await;
        desk.clock.advance(wait);
    }
    courier.run_once().await;
    desk.sink.behave(Manners::Polite);
    desk.post("222222", MINUTE).await;
    assert_eq!(courier.run_once().await, 1);
    assert_eq!(courier.run_once().await, 1);
    let codes: Vec<_> = desk.sink.take(2).await.iter().filter_map(|mail| mail.code()).collect();
    assert_eq!(codes, ["222222", "111111"]);
}

#[tokio::test]
async fn several_nodes_send_each_letter_once() {
    let desk = Desk::open().await;
    for number in 0..60 {
        desk.post(&format!("{number:06}"), HOUR).await;
    }
    let couriers = [desk.courier(), desk.courier(), desk.courier()];
    let empty = async |courier: &Courier| while courier.run_once().await > 0 {};
    tokio::join!(empty(&couriers[0]), empty(&couriers[1]), empty(&couriers[2]));
    let codes: BTreeSet<_> = desk.sink.take(60).await.iter().filter_map(|mail| mail.code()).collect();
    assert_eq!((codes.len(), desk.sink.count(), desk.counts().await), (60, 60, (0, 0)));
}

/// A worker that died in the middle leaves a lease; nothing else is needed to go on.
#[tokio::test]
async fn a_dead_worker_delays_a_letter_by_its_lease() {
    let desk = Desk::open().await;
    desk.post("123456", HOUR).await;
    let taken = desk.store.write(|tx| tx.claim_letters(NOW, MINUTE, 20)).await.unwrap();
    assert_eq!((taken.len(), taken[0].attempts, taken[0].due_at), (1, 1, NOW + MINUTE));
    let courier = desk.courier();
    assert_eq!(courier.run_once().await, 0);
    desk.clock.advance(MINUTE);
    assert_eq!(courier.run_once().await, 1);
    assert_eq!(desk.sink.code_in_last(), "123456");
}

#[tokio::test]
async fn a_started_courier_answers_a_nudge_and_stops_when_told() {
    let desk = Desk::open().await;
    let (nudge, running) = desk.courier().start();
    desk.post("123456", HOUR).await;
    nudge.nudge();
    desk.sink.take(1).await;
    nudge.stop();
    running.await.unwrap();
    desk.post("654321", HOUR).await;
    nudge.nudge();
    assert_eq!(desk.counts().await.0, 1);
}

fn outgoing(id: &str, code: &str) -> Outgoing {
    Outgoing {
        id: id.to_owned(),
        written_at: NOW,
        to: "jo@example.com".to_owned(),
        recipient_name: "Zoë".to_owned(),
        subject: "Your Acme code".to_owned(),
        text: Secret::new(format!("Hello Zoë,\n\n{code}\n")),
        html: "<p>Hello</p>".into(),
    }
}

fn smtp(sink: &SmtpSink) -> Smtp {
    Smtp::open(&Secret::new(sink.url()), FROM).unwrap()
}

#[tokio::test]
async fn mails_share_a_connection() {
    let sink = SmtpSink::start().await;
    let smtp = smtp(&sink);
    for number in 0..20 {
        smtp.send(&outgoing("a", &format!("{number:06}"))).await.unwrap();
    }
    assert_eq!(sink.take(20).await[7].text(), "Hello Zoë,\n\n000007");
    assert_eq!(sink.connections(), 1);
}

#[tokio::test]
async fn refusals_are_told_apart_and_not_quoted() {
    let sink = SmtpSink::start().await;
    let smtp = smtp(&sink);
    for (code, expected) in [
        (451, Failure::Later("not accepted: 451".to_owned())),
        (421, Failure::Unreachable("not accepted: 421".to_owned())),
        (535, Failure::Unreachable("not accepted: 535".to_owned())),
        (550, Failure::Never("not accepted: 550".to_owned())),
    ] {
        sink.behave(Manners::Refusing(code));
        assert_eq!(smtp.send(&outgoing("a", "123456")).await, Err(expected));
    }
    sink.behave(Manners::Dropping);
    let dropped = smtp.send(&outgoing("a", "123456")).await;
    assert_eq!(dropped, Err(Failure::Unreachable("not accepted: the connection broke".to_owned())));
    sink.behave(Manners::Polite);
    smtp.send(&outgoing("b", "123456")).await.unwrap();
}

/// A connection on which an answer is outstanding must never carry another mail: it would take the late
/// answer for its own, and a refused mail for a sent one.
#[tokio::test]
async fn a_cancelled_mail_does_not_answer_for_the_next() {
    let sink = SmtpSink::start().await;
    let smtp = smtp(&sink);
    smtp.send(&outgoing("a", "111111")).await.unwrap();
    sink.behave(Manners::Silent);
    let cancelled = tokio::time::timeout(BRIEFLY, smtp.send(&outgoing("b", "222222"))).await;
    assert!(cancelled.is_err());
    sink.behave(Manners::Refusing(550));
    let refused = smtp.send(&outgoing("c", "333333")).await;
    assert_eq!(refused, Err(Failure::Never("not accepted: 550".to_owned())));
    assert_eq!(sink.connections(), 2);
    assert_eq!(sink.count(), 1);
}
