//! The courier: takes messages from the outbox after their commit and sends them (SEC-034).
//!
//! Nobody waits for it. A message is sent at least once or given up for good: a worker that dies leaves
//! only a lease that ends. One that is sent twice is the same message, down to its Message-ID.

pub mod render;
pub mod sink;
pub mod sms;
pub mod smtp;
pub mod webhook;

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use countersign_core::{
    ids::WebhookId,
    message::{Destination, Letter, Message},
    secret::Secret,
    time::{HOUR, MINUTE, SECOND, Timestamp},
};
use lettre::message::Mailbox;
use tokio::{sync::Notify, task::JoinHandle, time::timeout};
use tracing::{error, info, warn};

use crate::{
    clock::Clock,
    config::{self, Config},
    delivery::{
        sink::Sink,
        sms::Gateway,
        smtp::Smtp,
        webhook::{Call, Webhooks},
    },
    fault::{Fault, FaultKind},
    store::{OutboxRow, Store, Tx},
    vault::Vault,
};

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Letters taken at a time, and how many of them are under way at once.
const HANDFUL: u32 = 20;
/// Long enough for a handful in which every letter takes all of the patience there is.
const LEASE: Duration = Duration::from_secs(70);
/// Waits after the first, second, … failure. After the last one the letter is given up.
const WAITS: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * MINUTE.as_secs()),
    Duration::from_secs(10 * MINUTE.as_secs()),
    Duration::from_secs(30 * MINUTE.as_secs()),
    HOUR,
    HOUR,
];
/// How soon the outbox is looked at without a nudge: other nodes post there, too.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// One message in words, ready to go. For a text message only `id`, `to` and `text` count.
pub struct Outgoing {
    /// The outbox row's, the same at every attempt.
    pub id: String,
    pub written_at: Timestamp,
    pub to: String,
    pub recipient_name: String,
    pub subject: String,
    pub text: Secret<String>,
    pub html: Secret<String>,
}

/// Why a message was not taken, in words that say nothing of its content (SEC-111).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answers, or nobody lets us in: no message would get through now.
    Unreachable(String),
    /// Not this message, not now.
    Later(String),
    /// Not this message, ever.
    Never(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unreachable(why) | Self::Later(why) | Self::Never(why)) = self;
        f.write_str(why)
    }
}

/// What the courier works with.
pub struct Parts {
    pub store: Store,
    pub vault: Arc<Vault>,
    pub clock: Clock,
}

pub struct Courier {
    parts: Parts,
    app_name: String,
    mail: Way,
    sms: Way,
    webhooks: Webhooks,
    patience: Duration,
    bell: Arc<Bell>,
}

impl Courier {
    pub fn open(parts: Parts, config: &Config) -> Result<Self, Fault> {
        let mail = match &config.mail {
            config::Mail::Smtp { url, from } => Route::Smtp(Box::new(Smtp::open(url, from)?)),
            config::Mail::Sink(dir) => {
                let mut from = smtp::sender("no-reply@localhost")?;
                from.name = Some(render::one_line(&config.app_name));
                Route::MailSink(Sink::open(dir)?, from)
            }
        };
        let sms = match &config.sms {
            config::Sms::Off => Route::Off,
            config::Sms::Gateway { url } => Route::Gateway(Gateway::open(url)?),
            config::Sms::Twilio { url } => Route::Gateway(Gateway::twilio(url)?),
            config::Sms::Sink(dir) => Route::SmsSink(Sink::open(dir)?),
        };
        Ok(Self {
            parts,
            app_name: config.app_name.clone(),
            mail: Way::new(mail),
            sms: Way::new(sms),
            webhooks: Webhooks::new(&config.webhook_private_hosts),
            patience: PATIENCE,
            bell: Arc::default(),
        })
    }

    /// Waits at most `patience` for the end of one attempt. The lease counts on 10 s at most.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience.min(PATIENCE);
        self
    }

    /// Wakes this courier once it has been started; harmless before.
    pub fn nudge(&self) -> Nudge {
        Nudge(Arc::clone(&self.bell))
    }

    /// Works until `Nudge::stop`; then the handle ends as soon as the letters under way are settled.
    pub fn start(self) -> (Nudge, JoinHandle<()>) {
        let nudge = self.nudge();
        let courier = Arc::new(self);
        let running = tokio::spawn(async move {
            loop {
                match tokio::spawn(Arc::clone(&courier).work()).await {
                    Err(end) if end.is_panic() => error!("the courier broke down and starts again"),
                    Ok(()) | Err(_) => break,
                }
                courier.bell.wait(LOOK_AGAIN).await;
            }
        });
        (nudge, running)
    }

    async fn work(self: Arc<Self>) {
        while !self.bell.stopping() {
            let now = self.parts.clock.now();
            let wait = match self.parts.store.read(|tx| tx.next_due()).await {
                Ok(Some(due)) if due <= now => match self.run_once().await {
                    0 => SECOND,
                    _ => continue,
                },
                Ok(Some(due)) => due.since(now).min(SECOND),
                Ok(None) => LOOK_AGAIN,
                Err(fault) => {
                    warn!(%fault, "the outbox cannot be read");
                    LOOK_AGAIN
                }
            };
            self.bell.wait(wait).await;
        }
    }

    /// Takes one handful of what is due, settles it, and says how many letters that were.
    pub async fn run_once(&self) -> usize {
        let now = self.parts.clock.now();
        let claimed = self.parts.store.write(move |tx| tx.claim_letters(now, LEASE, HANDFUL)).await;
        let rows = claimed.unwrap_or_else(|fault| {
            warn!(%fault, "the outbox gives no letters");
            Vec::new()
        });
        let count = rows.len();
        let waiting = Mutex::new(rows.into_iter());
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
        let lane = || async {
            while let Some(row) = next() {
                if let Err(fault) = self.handle(&row).await {
                    // The lease ends by itself; then the letter is tried, perhaps sent, once more.
                    warn!(letter = %row.id, %fault, "what became of a letter could not be saved");
                }
            }
        };
        tokio::join!(lane(), lane(), lane(), lane());
        count
    }

    async fn handle(&self, row: &OutboxRow) -> Result<(), Fault> {
        let now = self.parts.clock.now();
        if row.expires_at <= now {
            return self.give_up(row, "it expired").await;
        }
        if row.attempts as usize > WAITS.len() + 1 {
            return self.give_up(row, "every worker that took it died").await;
        }
        if self.bell.stopping() {
            return self.try_again(row, now).await;
        }
        // A lease that is about to end belongs to the next worker: it would send a second copy.
        if now + self.patience > row.due_at {
            return Ok(());
        }
        match self.deliver(row).await {
            Ok(()) => {
                let id = row.id.clone();
                self.parts.store.write(move |tx| tx.letter_sent(&id)).await
            }
            Err(Failure::Never(why)) => self.give_up(row, &why).await,
            Err(failure) => match WAITS.get((row.attempts as usize).saturating_sub(1)) {
                None => self.give_up(row, &failure.to_string()).await,
                Some(wait) => {
                    info!(letter = %row.id, attempts = row.attempts, why = %failure, "a letter must wait");
                    let now = self.parts.clock.now();
                    // Never beyond its end: there it is given up, and not before, for the provider may
                    // be back sooner.
                    self.try_again(row, (now + *wait).min(row.expires_at)).await
                }
            },
        }
    }

    async fn deliver(&self, row: &OutboxRow) -> Result<(), Failure> {
        let letter = row.open(&self.parts.vault).map_err(|fault| match fault.kind {
            FaultKind::Internal => Failure::Never(fault.to_string()),
            // A key that this node has not got yet.
            _ => Failure::Later(fault.to_string()),
        })?;
        let unspeakable = |fault: Fault| Failure::Never(fault.to_string());
        let mut outgoing = Outgoing {
            id: row.id.to_string(),
            written_at: row.created_at,
            to: String::new(),
            recipient_name: letter.recipient_name.clone(),
            subject: String::new(),
            text: "".into(),
            html: "".into(),
        };
        let way = match &letter.to {
            Destination::Email(address) => {
                let sheet = render::mail(&self.app_name, &letter).map_err(unspeakable)?;
                outgoing.to.clone_from(address);
                outgoing.subject = sheet.subject;
                outgoing.text = sheet.text;
                outgoing.html = sheet.html;
                &self.mail
            }
            Destination::Phone(number) => {
                outgoing.to.clone_from(number);
                outgoing.text = render::sms(&self.app_name, &letter).map_err(unspeakable)?;
                &self.sms
            }
            Destination::Webhook { id, url } => return self.call(row, (id, url), letter.clone()).await,
        };
        let outcome = timeout(self.patience, way.route.send(outgoing)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(Failure::Unreachable("no answer in time".to_owned())));
        self.look_at_provider(way, &outcome).await;
        outcome
    }

    /// Receivers are many, and one that is away says nothing of the others.
    async fn call(
        &self,
        row: &OutboxRow,
        (id, url): (&WebhookId, &str),
        letter: Letter,
    ) -> Result<(), Failure> {
        let Message::Event { body } = letter.message else {
            return Err(Failure::Never("webhooks are told of events only".to_owned()));
        };
        let later = |fault: Fault| Failure::Later(fault.to_string());
        let asked = id.clone();
        if self.parts.store.read(move |tx| tx.webhook(&asked)).await.map_err(later)?.is_none() {
            // Nobody wants to hear of it any more.
            return Ok(());
        }
        let secret = self.parts.vault.webhook_secret(id.as_str());
        let call = Call { id: row.id.as_str(), url, body, secret };
        let now = self.parts.clock.now();
        let sent = timeout(self.patience, self.webhooks.send(call, now)).await;
        let sent = sent.unwrap_or_else(|_| Err(Failure::Later("no answer in time".to_owned())));
        let (id, failure) = (id.clone(), sent.as_ref().err().map(ToString::to_string));
        let note = move |tx: &mut Tx<'_>| tx.note_webhook(&id, failure.as_deref(), now);
        self.parts.store.write(note).await.map_err(later)?;
        sent
    }

    /// When a provider answers again, what piled up goes out now and not an hour later (FX-14).
    async fn look_at_provider(&self, way: &Way, outcome: &Result<(), Failure>) {
        if matches!(outcome, Err(Failure::Unreachable(_))) {
            way.down.store(true, Ordering::Relaxed);
        } else if way.down.swap(false, Ordering::Relaxed) {
            let now = self.parts.clock.now();
            match self.parts.store.write(move |tx| tx.hasten_letters(now, LEASE)).await {
                Ok(letters) => info!(letters, "a provider answers again"),
                Err(fault) => warn!(%fault, "waiting letters could not be hastened"),
            }
        }
    }

    async fn try_again(&self, row: &OutboxRow, at: Timestamp) -> Result<(), Fault> {
        let id = row.id.clone();
        self.parts.store.write(move |tx| tx.letter_failed(&id, at)).await
    }

    async fn give_up(&self, row: &OutboxRow, why: &str) -> Result<(), Fault> {
        let (id, now) = (row.id.clone(), self.parts.clock.now());
        let bury = move |tx: &mut Tx<'_>| {
            tx.bury_letter(&id, now)?;
            tx.dead_letters()
        };
        let dead_letters = self.parts.store.write(bury).await?;
        let attempts = row.attempts;
        error!(letter = %row.id, user = %row.user_id, attempts, why, dead_letters, "a letter was given up");
        Ok(())
    }
}

/// A route and whether anybody was there when it was last tried.
struct Way {
    route: Route,
    down: AtomicBool,
}

impl Way {
    fn new(route: Route) -> Self {
        Self { route, down: AtomicBool::new(false) }
    }
}

enum Route {
    Smtp(Box<Smtp>),
    Gateway(Gateway),
    MailSink(Sink, Mailbox),
    SmsSink(Sink),
    Off,
}

impl Route {
    async fn send(&self, message: Outgoing) -> Result<(), Failure> {
        let written = match self {
            Self::Smtp(smtp) => return smtp.send(&message).await,
            Self::Gateway(gateway) => return gateway.send(&message).await,
            Self::Off => return Err(Failure::Never("text messages are switched off".to_owned())),
            Self::MailSink(sink, from) => {
                let (sink, from) = (sink.clone(), from.clone());
                tokio::task::spawn_blocking(move || sink.put_mail(&from, &message)).await
            }
            Self::SmsSink(sink) => {
                let sink = sink.clone();
                tokio::task::spawn_blocking(move || sink.put_sms(&message)).await
            }
        };
        written.unwrap_or_else(|_| Err(Failure::Later("the sink broke down".to_owned())))
    }
}

/// Tells the courier that something was committed. Cheap to clone and to call.
#[derive(Clone, Debug, Default)]
pub struct Nudge(Arc<Bell>);

impl Nudge {
    pub fn nudge(&self) {
        self.0.rung.notify_one();
    }

    /// Letters under way are finished, the others put back.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::SeqCst);
        self.0.rung.notify_one();
    }
}

#[derive(Debug, Default)]
struct Bell {
    rung: Notify,
    stop: AtomicBool,
}

impl Bell {
    fn stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    async fn wait(&self, at_most: Duration) {
        let _ = timeout(at_most, self.rung.notified()).await;
    }
}
