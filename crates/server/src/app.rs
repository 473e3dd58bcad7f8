//! Putting it together: configuration in, a serving process out.

use std::{io::IsTerminal, net::SocketAddr, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Request, State},
    http::{Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::on,
};
use countersign_core::secret::same;
use serde_json::json;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{info, warn};

use crate::{
    clock::Clock,
    config::{Config, MasterKeys},
    ctx::Ctx,
    delivery::{Courier, Nudge, Parts},
    dialects::{self, Mounting, RouteRow, native},
    dice::Dice,
    fault::Fault,
    forward_auth,
    hashing::{self, Hasher},
    http::{
        connections,
        origins::TrustedOrigins,
        page,
        routes::{Route, Routes},
        security_headers::SecurityHeaders,
    },
    operations::{housekeeping, tokens},
    outbox_page, pages,
    store::Store,
    vault::{Keyring, Vault},
};

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
        check_passkey_domain(&store, &config).await?;
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

/// What the given keys answer, to be compared with what the database remembers.
pub(crate) fn checked(keyring: &Keyring) -> Vec<Checked> {
    keyring.ids().map(|id| (id.to_owned(), keyring.check_value(id))).collect()
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

/// The master keys this database was ever sealed with.
async fn known_keys(store: &Store) -> Result<Vec<Checked>, Fault> {
    if store.schema_version().await? == 0 {
        return Ok(Vec::new());
    }
    store.read(|tx| tx.master_keys()).await
}

/// A master key's id and what it answers to a fixed question.
pub(crate) type Checked = (String, Vec<u8>);

/// A wrong key stops the start before anything is written, migrations included (SEC-098).
async fn unlock(
    store: &Store,
    keyring: Keyring,
    config: &Config,
    (clock, dice): (&Clock, &Arc<Dice>),
) -> Result<Vault, Fault> {
    let held = checked(&keyring);
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

pub(crate) fn check_keys(held: &[Checked], known: &[Checked]) -> Result<(), Fault> {
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

/// A passkey works for the domain it was made for and no other (WebAuthn L3 §5.1.4). Nobody is locked out by a
/// changed setting: that takes saying so.
pub(crate) async fn check_passkey_domain(store: &Store, config: &Config) -> Result<(), Fault> {
    const NAMED: i64 = 20;
    let host = || config.public_url.host_str().unwrap_or_default().to_owned();
    let domain = config.relying_party().map_or_else(host, |one| one.id);
    if config.passkeys.abandon.as_ref() == Some(&domain) {
        return Ok(());
    }
    let asked = domain.clone();
    let (count, some) = store.read(move |tx| tx.locked_out_by_rp_id(&asked, NAMED)).await?;
    if count == 0 {
        return Ok(());
    }
    let more = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(some.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Err(Fault::misconfigured(format!(
        "passkeys would be those of {domain} from now on, and {count} of the people here have no second factor but \
         passkeys of another domain: {}{more}. Set COUNTERSIGN_PASSKEY_RP_ID (or the public URL) back; or, to lock \
         them out until they recover, set COUNTERSIGN_PASSKEY_ABANDON={domain}",
        some.join(", ")
    )))
}

/// What our own API takes and answers, for people.
async fn docs(State(ctx): State<Arc<Ctx>>) -> Response {
    native::reference::page(&ctx).into_response()
}

/// The public keys that check our tokens (RFC 7517 §5), for an hour at most (SEC-092).
async fn keys(State(ctx): State<Arc<Ctx>>) -> Response {
    let cached = [(header::CACHE_CONTROL, "public, max-age=3600")];
    (cached, Json(tokens::public_keys(&ctx))).into_response()
}

/// Every route there is, with what holds for all of them.
pub fn router(ctx: &Arc<Ctx>) -> Result<Router, Fault> {
    let origins = Arc::new(TrustedOrigins::of(&ctx.config)?);
    let mounting = Mounting::of(&ctx.config, dialects::ALL);
    let shared = shared(&ctx.config, &mounting).router().with_state(Arc::clone(ctx));
    Ok(shared
        .merge(mounting.router(ctx)?)
        .layer(middleware::from_fn(short_addresses))
        .layer(CatchPanicLayer::new())
        .layer(SecurityHeaders::new(&ctx.config.public_url, origins)))
}

/// The list of them: what no dialect owns, and each dialect's under its prefix and at the root.
pub fn routes(ctx: &Ctx) -> Vec<Route> {
    let mounting = Mounting::of(&ctx.config, dialects::ALL);
    let mut all = shared(&ctx.config, &mounting).list();
    all.extend(mounting.routes());
    all
}

/// What no dialect owns. These paths are the same at every host.
fn shared(config: &Config, mounting: &Mounting) -> Routes<Arc<Ctx>> {
    const GET: Method = Method::GET;
    // Written once: the table cannot change while the server runs.
    let table = Bytes::from(serde_json::to_vec(&mounting.table()).unwrap_or_default());
    let table = async move || ([(header::CONTENT_TYPE, "application/json")], table.clone());
    let routes = Routes::default()
        .on(GET, "/health/live", |method| on(method, async || Json(json!({ "status": "live" }))))
        .on(GET, "/health/ready", |method| on(method, ready))
        .on(GET, "/v1/dialects", |method| on(method, table))
        .on(GET, "/docs", |method| on(method, docs))
        .on(GET, "/.well-known/jwks.json", |method| on(method, keys));
    let routes = pages::routes(forward_auth::routes(page::assets(routes)), config);
    match config.demo {
        true => routes.on(GET, "/dev/outbox", |method| on(method, outbox_page::outbox)).on(
            GET,
            "/dev/outbox.css",
            |method| on(method, outbox_page::style),
        ),
        false => routes,
    }
}

/// SEC-117.
const ADDRESS_BYTES_MAX: usize = 8 * 1024;

async fn short_addresses(request: Request, next: Next) -> Response {
    let address = request.uri().path_and_query().map_or("", |address| address.as_str());
    if address.len() > ADDRESS_BYTES_MAX {
        return StatusCode::URI_TOO_LONG.into_response();
    }
    next.run(request).await
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
        let listener = TcpListener::from_std(listener)
            .map_err(|why| Fault::unavailable("cannot take over the port").because(why))?;
        let stop = told_to_stop()?;
        let (nudge, delivering) = courier.start();
        let keeping = tokio::spawn(keep_house(Arc::clone(&ctx)));
        if !ctx.config.demo {
            announce(&ctx.config, address);
        }
        tell_shadowed(&ctx.config);
        connections::serve(listener, router, ctx.config.trusted_proxies.clone(), stop).await;
        wind_down(&nudge, delivering, &keeping).await;
        Ok(())
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

/// Whoever configures the order should see what it costs.
fn tell_shadowed(config: &Config) {
    for dialect in Mounting::of(config, dialects::ALL).table().dialects {
        for RouteRow { method, path, shadowed_by, .. } in dialect.routes {
            if let Some(by) = shadowed_by {
                let (dialect, prefix) = (dialect.name, &dialect.prefix);
                info!(dialect, method, path, by, reachable = format!("{prefix}{path}"), "route shadowed");
            }
        }
    }
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

/// Ctrl-C, or what a service manager sends. Listens from this call on, not from the first `await`: whoever reads
/// that the server is there may already ask it to stop.
fn told_to_stop() -> Result<impl Future<Output = ()>, Fault> {
    let deaf = |why| Fault::unavailable("cannot listen for signals").because(why);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(deaf)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(deaf)?;
    Ok(async move {
        tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        info!("stopping");
    })
}
