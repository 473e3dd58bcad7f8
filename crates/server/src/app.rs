//! Putting it together: configuration in, a serving process out.

use std::{future::IntoFuture, io::IsTerminal, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use axum_server::Handle;
use countersign_core::secret::same;
use hyper_util::rt::TokioTimer;
use serde_json::json;
use tokio::task::JoinHandle;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{info, warn};

use crate::{
    clock::Clock,
    config::{Config, MasterKeys},
    ctx::Ctx,
    delivery::{Courier, Nudge, Parts},
    dialects,
    dice::Dice,
    fault::Fault,
    hashing::{self, Hasher},
    http::{origins::TrustedOrigins, security_headers::SecurityHeaders},
    operations::housekeeping,
    store::Store,
    vault::{Keyring, Vault},
};

/// SEC-118: nobody takes longer than this to say what they want.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
/// SEC-117.
const HEADER_BYTES_MAX: usize = 16 * 1024;
const HEADER_FIELDS_MAX: usize = 64;
/// How long a stopping server waits for requests under way.
const GRACE: Duration = Duration::from_secs(10);

/// A server's inside: what operations need, and the courier that empties its outbox.
pub struct App {
    pub ctx: Arc<Ctx>,
    pub courier: Courier,
}

impl App {
    /// Opens the store, unlocks the vault, and readies everything that needs no port.
    pub async fn open(config: Config, clock: Clock, dice: Arc<Dice>) -> Result<Self, Fault> {
        let store = Store::open(&config.database).await?;
        let keyring = keyring(&store, &config, (&clock, &dice)).await?;
        let vault = Arc::new(unlock(&store, keyring, &config, (&clock, &dice)).await?);
        let parts = Parts { store: store.clone(), vault: Arc::clone(&vault), clock: clock.clone() };
        let courier = Courier::open(parts, &config)?;
        let ctx = Arc::new(Ctx {
            clock,
            dice,
            store,
            vault,
            hasher: Hasher::new(config.hash_threads, hashing::QUEUE),
            nudge: courier.nudge(),
            config: Arc::new(config),
        });
        Ok(Self { ctx, courier })
    }
}

/// Makes a key file for a new database only: a fresh key beside a sealed one would look like the right one.
async fn keyring(
    store: &Store,
    config: &Config,
    (clock, dice): (&Clock, &Arc<Dice>),
) -> Result<Keyring, Fault> {
    match &config.master_keys {
        MasterKeys::Environment(text) => Keyring::parse(text),
        MasterKeys::File(path) if path.exists() => Keyring::from_file(path),
        MasterKeys::File(path) => {
            check_keys(&[], &known_keys(store).await?)?;
            Keyring::create(path, dice.as_ref(), clock.now())
        }
    }
}

async fn known_keys(store: &Store) -> Result<Vec<Checked>, Fault> {
    if store.schema_version().await? == 0 {
        return Ok(Vec::new());
    }
    store.read(|tx| tx.master_keys()).await
}

/// A master key's id and what it answers to a fixed question.
type Checked = (String, Vec<u8>);

/// A wrong key stops the start before anything is written, migrations included (SEC-098).
async fn unlock(
    store: &Store,
    keyring: Keyring,
    config: &Config,
    (clock, dice): (&Clock, &Arc<Dice>),
) -> Result<Vault, Fault> {
    let held: Vec<Checked> = keyring.ids().map(|id| (id.to_owned(), keyring.check_value(id))).collect();
    check_keys(&held, &known_keys(store).await?)?;
    let now = clock.now();
    for name in store.migrate(now).await? {
        info!(name, "migrated");
    }
    // Used only if the database has none yet; nodes that start together all read what the first one wrote.
    let made = Vault::make_keys(&keyring, dice.as_ref(), now)?;
    let keys = store
        .write(move |tx| {
            // Two nodes with different keys would both find none here, and each leave a set of its own.
            tx.lock_schema()?;
            check_keys(&held, &tx.master_keys()?)?;
            for (id, check_value) in &held {
                tx.insert_master_key(id, check_value, now)?;
            }
            let known = tx.sealed_keys()?;
            if !known.is_empty() {
                return Ok(known);
            }
            for key in &made {
                tx.insert_sealed_key(key)?;
            }
            Ok(made.clone())
        })
        .await?;
    Vault::unlock(keyring, keys, config.better_auth_secret.clone())
}

fn check_keys(held: &[Checked], known: &[Checked]) -> Result<(), Fault> {
    let counterpart = |id: &str| held.iter().find(|(other, _)| other == id);
    for (id, check_value) in known {
        if counterpart(id).is_some_and(|(_, answer)| !same(answer, check_value)) {
            return Err(Fault::misconfigured(format!(
                "master key {id} is not the one this database was sealed with; nothing was changed. Restore the \
                 key file that belongs to the database"
            )));
        }
    }
    if known.is_empty() || known.iter().any(|(id, _)| counterpart(id).is_some()) {
        return Ok(());
    }
    let ids: Vec<&str> = known.iter().map(|(id, _)| id.as_str()).collect();
    Err(Fault::misconfigured(format!(
        "this database is sealed with master key {}, which is not among the keys given; nothing was changed. \
         Restore the key file that belongs to the database",
        ids.join(" or ")
    )))
}

/// Every route there is, with what holds for all of them.
pub fn router(ctx: &Arc<Ctx>) -> Result<Router, Fault> {
    let origins = Arc::new(TrustedOrigins::new(&ctx.config.public_url, &ctx.config.trusted_origins)?);
    let router = Router::new()
        .route("/health/live", get(|| async { Json(json!({ "status": "live" })) }))
        .route("/health/ready", get(ready).with_state(Arc::clone(ctx)))
        .merge(dialects::router(ctx)?);
    let router = if ctx.config.demo { router.merge(crate::outbox_page::router(ctx)) } else { router };
    Ok(router.layer(CatchPanicLayer::new()).layer(SecurityHeaders::new(&ctx.config.public_url, origins)))
}

async fn ready(State(ctx): State<Arc<Ctx>>) -> Response {
    match ctx.store.ping().await {
        Ok(()) => Json(json!({ "status": "ready" })).into_response(),
        Err(fault) => {
            warn!(%fault, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "unavailable" }))).into_response()
        }
    }
}

/// Serves until told to stop.
pub async fn serve(config: Config) -> Result<(), Fault> {
    Server::bind(config).await?.run().await
}

/// A server that has its port and is about to serve.
pub struct Server {
    pub ctx: Arc<Ctx>,
    pub address: SocketAddr,
    listener: std::net::TcpListener,
    courier: Courier,
}

impl Server {
    /// Takes the port first: with port 0 the public URL depends on it.
    pub async fn bind(config: Config) -> Result<Self, Fault> {
        let cannot = || Fault::misconfigured(format!("cannot listen on {}", config.listen));
        let listener = std::net::TcpListener::bind(config.listen).map_err(|why| cannot().because(why))?;
        listener.set_nonblocking(true).map_err(|why| cannot().because(why))?;
        let address = listener.local_addr().map_err(|why| cannot().because(why))?;
        let config = config.with_bound_port(address.port());
        let App { ctx, courier } = App::open(config, Clock::System, Arc::new(Dice::System)).await?;
        Ok(Self { ctx, address, listener, courier })
    }

    pub async fn run(self) -> Result<(), Fault> {
        let Self { ctx, address, listener, courier } = self;
        let router = router(&ctx)?;
        let (nudge, delivering) = courier.start();
        let keeping = tokio::spawn(keep_house(Arc::clone(&ctx)));
        let handle = Handle::new();
        tokio::spawn(stop_on_signal(handle.clone()));
        announce(&ctx.config, address);
        let mut server = axum_server::from_tcp(listener)
            .map_err(|why| Fault::unavailable("cannot take over the port").because(why))?
            .handle(handle);
        server
            .http_builder()
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_WITHIN)
            .max_buf_size(HEADER_BYTES_MAX)
            .max_headers(HEADER_FIELDS_MAX);
        let served = server
            .serve(router.into_make_service_with_connect_info::<SocketAddr>())
            .into_future()
            .await
            .map_err(|why| Fault::unavailable("the server broke down").because(why));
        wind_down(&nudge, delivering, &keeping).await;
        served
    }
}

/// The one line a person or a script waits for.
fn announce(config: &Config, address: SocketAddr) {
    println!("Countersign listens on http://{address}");
    if std::io::stdout().is_terminal() {
        println!("Public URL: {}", config.origin());
    }
    info!(%address, public_url = config.origin(), "listening");
}

async fn wind_down(nudge: &Nudge, delivering: JoinHandle<()>, keeping: &JoinHandle<()>) {
    keeping.abort();
    nudge.stop();
    if delivering.await.is_err() {
        warn!("the courier did not stop cleanly");
    }
    info!("stopped");
}

async fn keep_house(ctx: Arc<Ctx>) {
    let mut timer = tokio::time::interval(housekeeping::EVERY);
    timer.tick().await;
    loop {
        timer.tick().await;
        if let Err(why) = housekeeping::purge(&ctx).await {
            warn!(?why, "housekeeping failed and will try again");
        }
    }
}

async fn stop_on_signal(handle: Handle<SocketAddr>) {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                tokio::select! { _ = interrupt => {}, _ = terminate.recv() => {} }
            }
            Err(_) => drop(interrupt.await),
        }
    }
    #[cfg(not(unix))]
    drop(interrupt.await);
    info!("stopping");
    handle.graceful_shutdown(Some(GRACE));
}
