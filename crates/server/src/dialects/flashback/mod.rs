//! Flashback: accounts, sessions and its `/mfa` routes, for its unmodified client. Everything stands at the root.

mod account;
mod callers;
mod errors;
mod passkeys;
mod second_factor;
mod sessions;
mod sign_in;
mod wire;

use std::{future::Future, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
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
        routes::{DELETE, GET, POST, Routes},
        visitor,
    },
};

pub const DIALECT: Dialect = Dialect {
    name: "flashback",
    base: "/",
    routes: || table().list(),
    speak,
    yields: &[],
    normal: Dialect::as_written,
    refuse,
};

#[rustfmt::skip]
fn table() -> Routes<Arc<Surface>> {
    use Asking::{Heartbeat, Plain, Reset, VerifySetup};
    Routes::default()
        // Accounts (contract §§2.1-2.4).
        .on(POST, "/user/register",                 to(Plain, sign_in::register))
        .on(POST, "/user/login",                    to(Plain, sign_in::log_in))
        .on(POST, "/user/refresh",                  to(Plain, sign_in::refresh))
        .on(POST, "/user/logout",                   to(Plain, sign_in::log_out))
        .on(POST, "/user/activate",                 to(Plain, account::activate))
        .on(POST, "/user/pre-verify-email",         to(Plain, account::look_at_verification))
        .on(POST, "/user/verify-email",             to(Plain, account::verify_email))
        .on(POST, "/user/resend-verification/{id}", to(Plain, account::resend_verification))
        .on(POST, "/user/request-reset-password",   to(Plain, account::request_password_reset))
        .on(POST, "/user/reset-password",           to(Plain, account::reset_password))
        .on(POST, "/user/deactivate",               to(Plain, account::deactivate))
        .on(GET,  "/user/profile",                  to(Plain, account::profile))
        // Sessions, devices and tokens (§2.5).
        .on(GET,    "/sessions",                to(Plain, |asked| sessions::list(asked, "sessions")))
        .on(POST,   "/sessions/revoke-all",     to(Plain, sessions::end_all))
        .on(POST,   "/sessions/{id}/revoke",    to(Plain, |asked| sessions::end(asked, "/sessions/", "Session revoked successfully")))
        .on(POST,   "/sessions/{id}/heartbeat", to(Heartbeat, sessions::heartbeat))
        .on(GET,    "/devices",                 to(Plain, sessions::devices))
        .on(POST,   "/devices/trust",           to(Plain, sessions::trust_device))
        .on(GET,    "/devices/{id}",            to(Plain, sessions::device))
        .on(DELETE, "/devices/{id}",            to(Plain, |asked| sessions::forget_device(asked, "Device removed successfully")))
        .on(POST,   "/devices/{id}/untrust",    to(Plain, |asked| sessions::forget_device(asked, "Device untrusted successfully")))
        .on(GET,    "/token",                   to(Plain, |asked| sessions::list(asked, "tokens")))
        .on(DELETE, "/token/{id}",              to(Plain, |asked| sessions::end(asked, "/token/", "Token revoked successfully")))
        // The second factor (§4).
        .on(GET,  "/mfa/status",                          to(Plain, second_factor::status))
        .on(GET,  "/mfa/methods",                         to(Plain, second_factor::methods))
        .on(POST, "/mfa/setup",                           to(Plain, second_factor::set_up))
        .on(POST, "/mfa/verify-setup",                    to(VerifySetup, second_factor::verify_setup))
        .on(POST, "/mfa/verify-login",                    to(Plain, second_factor::verify_login))
        .on(POST, "/mfa/enable",                          to(Plain, second_factor::enable))
        .on(POST, "/mfa/disable",                         to(Plain, second_factor::disable))
        .on(POST, "/mfa/primary",                         to(Plain, second_factor::make_primary))
        .on(POST, "/mfa/reset",                           to(Reset, second_factor::reset))
        .on(POST, "/mfa/organization/enforce",            to(Plain, second_factor::enforce))
        .on(POST, "/mfa/magic-link/send",                 to(Plain, second_factor::send_link))
        .on(POST, "/mfa/magic-link/activate",             to(Plain, second_factor::activate_link))
        .on(POST, "/mfa/passkey/auth-options",            to(Plain, passkeys::options))
        .on(POST, "/mfa/passkey/complete-registration",   to(Plain, passkeys::complete_registration))
        // The documents know it under this name as well.
        .on(POST, "/mfa/passkey/complete-registration-1", to(Plain, passkeys::complete_registration))
}

fn speak(ctx: &Arc<Ctx>) -> Result<Router, Fault> {
    let surface = Arc::new(Surface::new(ctx));
    Ok(table()
        .router()
        .fallback(async || errors::said(404, "NOT_FOUND", "Not found"))
        .method_not_allowed_fallback(async || errors::said(405, "METHOD_NOT_ALLOWED", "Method not allowed"))
        .layer(middleware::from_fn_with_state(Arc::clone(&surface), at_the_gate))
        .with_state(surface))
}

/// By the beginnings of paths, which are also what is counted: an id in the path begins no new count.
#[rustfmt::skip]
const LIMITS: &[(&[&str], Rule)] = &[
    (&["/user/login", "/user/register", "/user/deactivate", "/mfa/setup", "/mfa/verify-setup", "/mfa/verify-login", "/mfa/reset", "/mfa/magic-link/"], Rule::new(10, 3)),
    (&["/user/request-reset-password", "/user/reset-password", "/user/resend-verification"], Rule::new(60, 3)),
    (&[""], Rule::new(10, 100)),
];

/// Before any route is looked up: unknown paths count, too.
async fn at_the_gate(State(surface): State<Arc<Surface>>, request: Request, next: Next) -> Response {
    let (ctx, path) = (&surface.ctx, request.uri().path());
    let begins = |starts: &'static [&str]| starts.iter().find(|start| path.starts_with(**start));
    let limit = LIMITS.iter().find_map(|(starts, rule)| Some((begins(starts)?, *rule)));
    if let Some((start, rule)) = limit.filter(|_| ctx.config.rate_limits) {
        let ip = visitor::address(&ctx.config, request.extensions(), request.headers());
        let key = (client_ip::rate_key(ip), start);
        if let Err(seconds) = surface.limiter.check(&key, rule, ctx.clock.now()) {
            return errors::too_many_requests(seconds).into_response();
        }
    }
    next.run(request).await
}

/// Makes a route of a function from what was asked to the reply.
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
