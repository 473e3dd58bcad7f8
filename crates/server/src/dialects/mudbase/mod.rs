//! Mudbase: accounts of organisations and users of projects, for its unmodified SDKs.

mod account;
mod api_keys;
mod callers;
mod errors;
mod members;
mod sign_in;
mod two_factor;
mod wire;

use std::{future::Future, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::Method,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{self, MethodFilter, MethodRouter},
};
use countersign_core::denied::Denied;

use self::{
    callers::{Asked, Surface},
    errors::{Asking, No},
};
use crate::{
    ctx::Ctx,
    dialects::{Dialect, Refusals},
    fault::Fault,
    http::{
        client_ip,
        limits::Rule,
        reply::Reply,
        routes::{GET, PATCH, POST, Routes},
        visitor,
    },
    operations::tokens,
};

pub const DIALECT: Dialect = Dialect {
    name: "mudbase",
    base: BASE,
    routes: || table().list(),
    speak,
    yields: &[],
    normal: Dialect::as_written,
    refuse,
};

/// All routes stand below it, and handlers see their paths without it.
const BASE: &str = "/api";

/// Access tokens live as long as the original's (contract §2).
const WIRE: tokens::Wire = tokens::Wire { name: "mudbase", lifetime: Duration::from_secs(30 * 60) };

#[rustfmt::skip]
fn table() -> Routes<Arc<Surface>> {
    use Asking::{LocalSignUp, Login, Plain};
    Routes::below(BASE)
        // Registration and login (contract §3).
        .on(POST, "/auth/register",            to(Plain, sign_in::register))
        .on(POST, "/auth/login",               to(Login, sign_in::login))
        .on(POST, "/auth/local/register",      to(LocalSignUp, sign_in::local_register))
        .on(POST, "/auth/local/login",         to(Login, sign_in::local_login))
        .on(POST, "/auth/verify-email",        to(Plain, sign_in::verify_email))
        .on(POST, "/users/verify-email",       to(Plain, sign_in::verify_email))
        .on(POST, "/auth/resend-verification", to(Plain, sign_in::resend_verification))
        // Sessions (§4).
        .on(GET,  "/auth/session",             to(Plain, sign_in::session))
        .on(GET,  "/auth/local/session",       to(Plain, sign_in::local_session))
        .on(POST, "/auth/logout",              to(Plain, sign_in::logout))
        .on(POST, "/auth/local/logout",        to(Plain, sign_in::logout))
        .on(POST, "/auth/refresh",             to(Plain, sign_in::refresh))
        .on(GET,  "/users/me",                 to(Plain, account::me))
        .on(PATCH, "/users/update",            to(Plain, account::update))
        // The second factor (§5).
        .on(POST, "/users/2fa/setup",          to(Plain, two_factor::setup))
        .on(POST, "/users/2fa/verify",         to(Plain, two_factor::verify))
        .on(POST, "/users/2fa/disable",        to(Plain, two_factor::disable))
        // What asks for proof (§6).
        .on(PATCH, "/users/password",          to(Plain, account::change_password))
        .on(POST, "/users/me/erase",           to(Plain, account::erase))
        .on(POST, "/gdpr/erase",               to(Plain, account::erase))
        // API keys (§7).
        .on(GET,  "/api-keys",                 to(Plain, api_keys::list))
        .on(POST, "/api-keys",                 to(Plain, api_keys::create))
        .on(PATCH, "/api-keys/{id}",           to(Plain, api_keys::change))
        .on(Method::DELETE, "/api-keys/{id}",  to(Plain, api_keys::delete))
        .on(POST, "/api-keys/{id}/regenerate", to(Plain, api_keys::regenerate))
}

fn speak(ctx: &Arc<Ctx>) -> Result<Router, Fault> {
    let surface = Arc::new(Surface::new(ctx));
    let router = table()
        .router()
        .fallback(errors::nothing_here)
        .method_not_allowed_fallback(errors::nothing_here)
        .layer(middleware::from_fn_with_state(Arc::clone(&surface), at_the_gate))
        .with_state(surface);
    Ok(Router::new().nest(BASE, router))
}

/// Limits of contract §9 for one address, which count up beside each other. Those who come with a token, to
/// look at their session or to leave, are held to the general one only.
const ANYTHING: Rule = Rule::fixed(15 * 60, 2_000);
#[rustfmt::skip]
const POSTS: &[(&str, &[&str], Rule)] = &[
    ("register", &["/auth/register", "/auth/local/register"], Rule::fixed(60 * 60, 3)),
    ("login", &["/auth/local/login"], Rule::fixed(15 * 60, 5)),
    ("refresh", &["/auth/refresh"], Rule::fixed(15 * 60, 60)),
    ("key", &["/api-keys"], Rule::fixed(60 * 60, 50)),
    ("stranger", &["/auth/register", "/auth/local/register", "/auth/login", "/auth/local/login", "/auth/verify-email",
        "/users/verify-email", "/auth/resend-verification"], Rule::fixed(15 * 60, 20)),
];

async fn at_the_gate(State(surface): State<Arc<Surface>>, request: Request, next: Next) -> Response {
    if surface.ctx.config.rate_limits
        && let Err(seconds) = count(&surface, &request)
    {
        return errors::too_many_requests(seconds).into_response();
    }
    next.run(request).await
}

fn count(surface: &Surface, request: &Request) -> Result<(), u64> {
    let (ctx, path) = (&surface.ctx, request.uri().path());
    let address = visitor::address(&ctx.config, request.extensions(), request.headers());
    let (ip, now) = (client_ip::rate_key(address), ctx.clock.now());
    surface.limiter.check(&(ip, "anything"), ANYTHING, now)?;
    let is_post = request.method() == Method::POST;
    let mut fitting = POSTS.iter().filter(|(_, paths, _)| is_post && paths.contains(&path));
    fitting.try_for_each(|(name, _, rule)| surface.limiter.check(&(ip, name), *rule, now))
}

/// Makes a route of a function from what was asked to the reply: reads the request and puts a refusal into the
/// wire's words.
fn to<F, Fut>(asking: Asking, handler: F) -> impl FnOnce(MethodFilter) -> MethodRouter<Arc<Surface>>
where
    F: Fn(Asked) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, No>> + Send,
{
    move |method| {
        routing::on(method, move |State(surface): State<Arc<Surface>>, request: Request| async move {
            let reply = match Asked::read(&surface, request).await {
                Ok(asked) => handler(asked).await,
                Err(no) => Err(no),
            };
            reply.unwrap_or_else(|no| errors::reply(no, asking))
        })
    }
}

/// How each refusal sounds, in every situation.
fn refuse(_: &Arc<Ctx>, denied: &Denied) -> Result<Refusals, Fault> {
    let said = |asking| errors::refusal(denied, asking).into_response();
    Ok(Asking::ALL.iter().map(|asking| (format!("{asking:?}"), said(*asking))).collect())
}
