//! Our own API: every operation under `/v1`, named by the glossary, with RFC 9457 problems and RFC 9470 step-up.

mod account;
mod administration;
mod authenticators;
mod callers;
mod errors;
mod once;
mod organisation;
mod passkeys;
mod recovery;
pub mod reference;
mod service;
mod sessions;
mod shapes;
mod sign_in;
mod webhooks;
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
    errors::No,
};
use crate::{
    ctx::Ctx,
    dialects::{Dialect, Refusals},
    fault::Fault,
    http::{
        client_ip,
        limits::Rule,
        reply::Reply,
        routes::{DELETE, GET, PATCH, POST, PUT, Routes},
        visitor,
    },
};

/// Nobody else has anything here, at any host.
pub(super) const BASE: &str = "/v1";

pub const DIALECT: Dialect = Dialect {
    name: "native",
    base: BASE,
    routes: || table().list(),
    speak,
    yields: &[],
    normal: Dialect::as_written,
    refuse,
};

#[rustfmt::skip]
fn table() -> Routes<Arc<Surface>> {
    Routes::default()
        // Coming in.
        .on(POST,   "/v1/accounts",                          to(sign_in::sign_up))
        .on(POST,   "/v1/sessions",                          to(sign_in::with_password))
        .on(POST,   "/v1/sessions/passkey/options",          to(sign_in::passkey_options))
        .on(POST,   "/v1/sessions/passkey",                  to(sign_in::with_passkey))
        .on(POST,   "/v1/sessions/mail/code",                to(sign_in::mail_code))
        .on(POST,   "/v1/sessions/mail",                     to(sign_in::with_mailed_code))
        .on(POST,   "/v1/challenge",                         to(sign_in::look_at_challenge))
        .on(POST,   "/v1/challenge/code",                    to(sign_in::send_code))
        .on(POST,   "/v1/challenge/passkey/options",         to(passkeys::challenge_options))
        .on(POST,   "/v1/challenge/verify",                  to(sign_in::verify))
        .on(POST,   "/v1/password-reset",                    to(account::request_reset))
        .on(POST,   "/v1/password-reset/complete",           to(account::reset))
        // The session, and stepping up within it.
        .on(GET,    "/v1/session",                           to(sessions::show))
        .on(DELETE, "/v1/session",                           to(sessions::sign_out))
        .on(POST,   "/v1/session/step-up",                   to(sessions::step_up))
        .on(POST,   "/v1/session/step-up/code",              to(sessions::send_code))
        .on(POST,   "/v1/session/step-up/passkey/options",   to(passkeys::step_up_options))
        .on(POST,   "/v1/session/step-up/verify",            to(sessions::verify))
        .on(GET,    "/v1/sessions",                          to(sessions::list))
        .on(DELETE, "/v1/sessions",                          to(sessions::revoke_others))
        .on(DELETE, "/v1/sessions/{id}",                     to(sessions::revoke))
        .on(GET,    "/v1/trusted-devices",                   to(sessions::trusted_devices))
        .on(DELETE, "/v1/trusted-devices",                   to(sessions::distrust_all))
        .on(PATCH,  "/v1/trusted-devices/{id}",              to(sessions::rename_device))
        .on(DELETE, "/v1/trusted-devices/{id}",              to(sessions::distrust))
        // The account.
        .on(PATCH,  "/v1/account",                           to(account::update))
        .on(POST,   "/v1/account/password",                  to(account::change_password))
        .on(GET,    "/v1/account/events",                    to(administration::activity))
        .on(DELETE, "/v1/account",                           to(account::delete))
        .on(POST,   "/v1/account/not-me",                    to(account::not_me))
        // Factors.
        .on(GET,    "/v1/authenticators",                    to(authenticators::list))
        .on(POST,   "/v1/authenticators/totp",               to(authenticators::begin_totp))
        .on(POST,   "/v1/authenticators/totp/confirm",       to(authenticators::confirm_totp))
        .on(PATCH,  "/v1/authenticators/totp/{id}",          to(authenticators::rename_app))
        .on(DELETE, "/v1/authenticators/totp/{id}",          to(authenticators::remove_app))
        .on(POST,   "/v1/authenticators/sms",                to(authenticators::begin_sms))
        .on(POST,   "/v1/authenticators/sms/confirm",        to(authenticators::confirm_sms))
        .on(POST,   "/v1/authenticators/email",              to(authenticators::enable_email))
        .on(DELETE, "/v1/authenticators/{method}",           to(authenticators::remove))
        .on(POST,   "/v1/backup-codes",                      to(authenticators::renew_backup_codes))
        .on(GET,    "/v1/passkeys",                          to(passkeys::list))
        .on(POST,   "/v1/passkeys/options",                  to(passkeys::registration_options))
        .on(POST,   "/v1/passkeys",                          to(passkeys::register))
        .on(PATCH,  "/v1/passkeys/{id}",                     to(passkeys::rename))
        .on(DELETE, "/v1/passkeys/{id}",                     to(passkeys::remove))
        // Recovery.
        .on(POST,   "/v1/recovery",                          to(recovery::request))
        .on(POST,   "/v1/recovery/begin",                    to(recovery::begin))
        .on(POST,   "/v1/recovery/status",                   to(recovery::status))
        .on(POST,   "/v1/recovery/stop",                     to(recovery::stop))
        .on(POST,   "/v1/recovery/complete",                 to(recovery::complete))
        .on(GET,    "/v1/openapi.json",                      to(account::openapi))
        // Organisations.
        .on(GET,    "/v1/organisations",                     to(organisation::list))
        .on(PATCH,  "/v1/organisation",                      to(organisation::change))
        .on(POST,   "/v1/organisation/forecast",             to(administration::forecast))
        .on(GET,    "/v1/coverage",                          to(administration::coverage))
        .on(GET,    "/v1/people",                            to(administration::people))
        .on(GET,    "/v1/people/{id}",                       to(administration::whole))
        .on(GET,    "/v1/events",                            to(administration::journal))
        .on(PATCH,  "/v1/members/{id}",                      to(administration::change_role))
        .on(POST,   "/v1/members/{id}/reset",                to(organisation::reset))
        .on(GET,    "/v1/members/{id}/recovery",             to(organisation::recovery))
        .on(POST,   "/v1/members/{id}/recovery/shorten",     to(organisation::shorten))
        .on(POST,   "/v1/members/{id}/recovery/approve",     to(organisation::approve))
        .on(GET,    "/v1/service-keys",                      to(service::list_keys))
        .on(POST,   "/v1/service-keys",                      to(service::create_key))
        .on(DELETE, "/v1/service-keys/{id}",                 to(service::revoke_key))
        .on(GET,    "/v1/webhooks",                          to(webhooks::list))
        .on(POST,   "/v1/webhooks",                          to(webhooks::create))
        .on(DELETE, "/v1/webhooks/{id}",                     to(webhooks::delete))
        // For applications that have a login of their own.
        .on(POST,   "/v1/service/challenges",                to(service::open))
        .on(GET,    "/v1/service/challenges/{id}",           to(service::standing))
        .on(POST,   "/v1/service/challenges/{id}/code",      to(service::send_code))
        .on(POST,   "/v1/service/challenges/{id}/passkey/options", to(service::passkey_options))
        .on(POST,   "/v1/service/challenges/{id}/verify",    to(service::verify))
        .on(GET,    "/v1/service/users/{id}",                to(service::show))
        .on(PUT,    "/v1/service/users/{id}",                to(service::describe))
        .on(DELETE, "/v1/service/users/{id}",                to(service::delete))
        .on(POST,   "/v1/service/users/{id}/reset",          to(service::reset))
        .on(DELETE, "/v1/service/users/{id}/authenticators/{method}", to(service::remove))
}

fn speak(ctx: &Arc<Ctx>) -> Result<Router, Fault> {
    let surface = Arc::new(Surface::new(ctx)?);
    Ok(table()
        .router()
        .fallback(async || errors::said(404, "not-found", "There is nothing here"))
        .method_not_allowed_fallback(async || {
            errors::said(405, "method-not-allowed", "This route does not take that method")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&surface), at_the_gate))
        .with_state(surface))
}

/// By the beginnings of paths, which are also what is counted.
#[rustfmt::skip]
const LIMITS: &[(&[&str], Rule)] = &[
    // One address speaks for all of an application's people, whose guesses are counted one by one.
    (&["/v1/service/"], Rule::new(10, 2_000)),
    (&["/v1/accounts", "/v1/sessions/mail", "/v1/recovery", "/v1/password-reset"], Rule::new(60, 10)),
    (&["/v1/sessions", "/v1/challenge", "/v1/session/step-up", "/v1/account/password"], Rule::new(10, 10)),
    (&[""], Rule::new(10, 100)),
];

async fn at_the_gate(State(surface): State<Arc<Surface>>, request: Request, next: Next) -> Response {
    let (ctx, path) = (&surface.ctx, request.uri().path());
    let begins = |starts: &'static [&str]| starts.iter().find(|start| path.starts_with(**start));
    let limit = LIMITS.iter().find_map(|(starts, rule)| Some((begins(starts)?, *rule)));
    if let Some((start, rule)) = limit.filter(|_| ctx.config.rate_limits) {
        let ip = visitor::address(&ctx.config, request.extensions(), request.headers());
        if let Err(seconds) = surface.limiter.check(&(client_ip::rate_key(ip), start), rule, ctx.clock.now())
        {
            return errors::too_many_requests(seconds).into_response();
        }
    }
    next.run(request).await
}

/// Makes a route of a function from what was asked to the reply.
fn to<F, Fut>(handler: F) -> impl FnOnce(MethodFilter) -> MethodRouter<Arc<Surface>>
where
    F: Fn(Asked) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, No>> + Send,
{
    move |method| {
        routing::on(method, move |State(surface): State<Arc<Surface>>, request: Request| async move {
            let reply = match Asked::read(&surface, request).await {
                Ok(asked) => once::answer(asked, handler).await,
                Err(no) => Err(no),
            };
            reply.unwrap_or_else(errors::reply)
        })
    }
}

fn refuse(_: &Arc<Ctx>, denied: &Denied) -> Result<Refusals, Fault> {
    Ok(vec![("Plain".to_owned(), errors::refusal(denied).into_response())])
}
