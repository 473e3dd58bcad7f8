//! SlugBase: accounts, sessions, second factor and API tokens, for its unmodified front end and scripts.

mod account;
mod buckets;
mod callers;
mod errors;
mod second_factor;
mod sign_in;
mod sign_up;
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
    errors::{Asking, No, Said, Voice},
};
use crate::{
    ctx::Ctx,
    dialects::{Dialect, Refusals},
    fault::Fault,
    http::{
        express_paths,
        quotas::Quota,
        reply::Reply,
        routes::{DELETE, GET, POST, Routes},
    },
};

pub const DIALECT: Dialect = Dialect {
    name: "slugbase",
    base: "/api",
    routes: || table().list(),
    speak,
    // Mudbase's clients read the second factor's state there and nowhere else.
    yields: &["GET /api/users/me"],
    normal: express_paths::normal,
    refuse,
};

#[rustfmt::skip]
fn table() -> Routes<Arc<Surface>> {
    use Asking::{Account, Factors, Open, Reset, SetUp, SignIn, SignUp, Verify};
    use buckets::{AUTH, MFA_ENROLL, MFA_VERIFY, STRICT, TOKEN_CREATE};
    let any = None;
    Routes::default()
        .on(GET,    "/api/health",         to(Open, any, account::health))
        .on(GET,    "/api/version",        to(Open, any, account::version))
        .on(GET,    "/api/csrf-token",     to(Open, any, sign_in::csrf_token))
        .on(GET,    "/api/auth/providers", to(Open, any, account::providers))
        .on(GET,    "/api/auth/setup/status",               to(SetUp, any, sign_up::setup_status))
        .on(POST,   "/api/auth/setup",                      to(SetUp, STRICT, sign_up::set_up))
        .on(POST,   "/api/auth/register",                   to(SignUp, AUTH, sign_up::register))
        .on(POST,   "/api/auth/verify-signup",              to(SignUp, AUTH, sign_up::verify))
        .on(GET,    "/api/auth/signup-verification/status", to(SignUp, AUTH, sign_up::verification_status))
        .on(POST,   "/api/auth/resend-signup-verification", to(SignUp, AUTH, sign_up::resend))
        .on(POST,   "/api/auth/request-signup-resend",      to(SignUp, AUTH, sign_up::request_resend))
        .on(POST,   "/api/auth/login",             to(SignIn, AUTH, sign_in::log_in))
        .on(POST,   "/api/auth/mfa/verify",        to(Verify, MFA_VERIFY, sign_in::verify))
        .on(POST,   "/api/auth/logout",            to(Open, any, sign_in::log_out))
        .on(POST,   "/api/password-reset/request", to(Reset, AUTH, sign_up::request_reset))
        .on(GET,    "/api/password-reset/verify",  to(Reset, any, sign_up::check_reset))
        .on(POST,   "/api/password-reset/reset",   to(Reset, AUTH, sign_up::reset))
        .on(GET,    "/api/auth/mfa/status",            to(Factors, any, second_factor::status))
        .on(POST,   "/api/auth/mfa/enroll/begin",      to(Factors, MFA_ENROLL, second_factor::begin))
        .on(POST,   "/api/auth/mfa/enroll/confirm",    to(Factors, MFA_ENROLL, second_factor::confirm))
        .on(POST,   "/api/auth/mfa/enroll/cancel",     to(Factors, MFA_ENROLL, second_factor::cancel))
        .on(POST,   "/api/auth/mfa/disable",           to(Factors, MFA_VERIFY, second_factor::disable))
        .on(POST,   "/api/auth/mfa/backup/regenerate", to(Factors, MFA_VERIFY, second_factor::regenerate))
        .on(GET,    "/api/auth/me",         to(Account, any, account::me))
        .on(GET,    "/api/users/me",        to(Account, any, account::me))
        .on(DELETE, "/api/users/me",        to(Account, any, account::delete))
        .on(GET,    "/api/users/me/delete", to(Account, any, account::confirm_delete))
        .on(GET,    "/api/tokens",          to(Account, any, account::list_tokens))
        .on(POST,   "/api/tokens",          to(Account, TOKEN_CREATE, account::create_token))
        .on(DELETE, "/api/tokens/{id}",     to(Account, any, account::revoke_token))
}

fn speak(ctx: &Arc<Ctx>) -> Result<Router, Fault> {
    let surface = Arc::new(Surface::new(ctx)?);
    let router = table()
        .router()
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .layer(middleware::from_fn_with_state(Arc::clone(&surface), at_the_gate))
        .with_state(surface);
    Ok(express_paths::in_front_of(router))
}

/// Counts everything, unknown paths included. Where a route has a limit of its own, that one's headers are told.
async fn at_the_gate(State(surface): State<Arc<Surface>>, request: Request, next: Next) -> Response {
    let from = (request.extensions(), request.headers());
    let Some(counted) = surface.count(buckets::GENERAL, from) else { return next.run(request).await };
    if !counted.standing.allowed {
        let voice = Voice::of(&surface.ctx.config, request.headers(), Asking::Account);
        let refused = errors::reply(&surface, No::Limited(counted.quota), (Asking::Account, voice));
        return counted.settle(&surface.limiter, refused).into_response();
    }
    let mut response = next.run(request).await;
    counted.tell(response.headers_mut());
    response
}

/// Unknown paths, and other methods on known ones.
async fn nothing_here(State(surface): State<Arc<Surface>>, request: Request) -> Response {
    let voice = Voice::of(&surface.ctx.config, request.headers(), Asking::Account);
    errors::reply(&surface, No::Only(Said::of(404, "NOT_FOUND", "Not found")), (Asking::Account, voice))
        .into_response()
}

/// Makes a route of a function from what was asked to the reply. The order is the contract's (§1.1): body, cross-site
/// check, limit of the route, who is asking, handler.
fn to<F, Fut>(
    asking: Asking,
    quota: Option<&'static Quota>,
    handler: F,
) -> impl FnOnce(MethodFilter) -> MethodRouter<Arc<Surface>>
where
    F: Fn(Asked) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, No>> + Send,
{
    move |method| {
        routing::on(method, move |State(surface): State<Arc<Surface>>, request: Request| async move {
            let voice = Voice::of(&surface.ctx.config, request.headers(), asking);
            let said = |no| errors::reply(&surface, no, (asking, voice));
            let asked = match Asked::read(&surface, request, (asking, voice)).await {
                Ok(asked) => asked,
                Err(no) => return said(no).into_response(),
            };
            let Some(counted) = quota.and_then(|quota| asked.count(quota)) else {
                return handler(asked).await.unwrap_or_else(said).into_response();
            };
            let reply = match counted.standing.allowed {
                true => handler(asked).await.unwrap_or_else(said),
                false => said(No::Limited(counted.quota)),
            };
            counted.settle(&surface.limiter, reply).into_response()
        })
    }
}

/// How each refusal sounds in every situation, and once as documented.
fn refuse(ctx: &Arc<Ctx>, denied: &Denied) -> Result<Refusals, Fault> {
    let surface = Surface::new(ctx)?;
    let said = |manner| errors::refusal(&surface, denied, manner).into_response();
    let all = Asking::ALL.iter().map(|asking| (*asking, Voice::Slugbase));
    let all = all.chain([(Asking::Factors, Voice::Documented)]);
    Ok(all.map(|(asking, voice)| (format!("{asking:?}/{voice:?}"), said((asking, voice)))).collect())
}
