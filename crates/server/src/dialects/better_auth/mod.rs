//! Better Auth 1.7: core, two-factor, bearer and JWT routes, for its unmodified clients.

mod account;
mod callers;
mod errors;
mod sessions;
mod sign_in;
mod two_factor;
mod wire;

use std::{future::Future, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{self, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{self, MethodFilter, MethodRouter},
};
use countersign_core::{denied::Denied, method::Method};

use self::{
    callers::{Asked, Surface},
    errors::{Asking, No},
};
use crate::{
    ctx::Ctx,
    dialects::{Dialect, Refusals},
    fault::Fault,
    http::{client_ip, limits::Rule, reply::Reply, visitor},
};

pub const DIALECT: Dialect = Dialect { name: "better-auth", base: "/api/auth", routes, refuse };

#[rustfmt::skip]
fn routes(ctx: &Arc<Ctx>) -> Result<Router, Fault> {
    use Asking::{DeleteUser, Plain, SignIn, VerifyEmail};
    const GET: MethodFilter = MethodFilter::GET;
    const POST: MethodFilter = MethodFilter::POST;
    let surface = Arc::new(Surface::new(ctx)?);
    let router = Router::new()
        // Core (contract §7).
        .route("/sign-up/email",           on(POST, Plain, sign_in::sign_up))
        .route("/sign-in/email",           on(POST, SignIn, sign_in::sign_in))
        .route("/sign-in/social",          on(POST, Plain, sign_in::social))
        .route("/sign-out",                on(POST, Plain, sign_in::sign_out))
        .route("/get-session",             on(GET, Plain, sessions::get_session).merge(on(POST, Plain, sessions::post_session)))
        .route("/list-sessions",           on(GET,  Plain, sessions::list))
        .route("/revoke-session",          on(POST, Plain, sessions::revoke))
        .route("/revoke-sessions",         on(POST, Plain, sessions::revoke_all))
        .route("/revoke-other-sessions",   on(POST, Plain, sessions::revoke_others))
        .route("/update-session",          on(POST, Plain, sessions::update))
        .route("/update-user",             on(POST, Plain, account::update_user))
        .route("/change-password",         on(POST, Plain, account::change_password))
        .route("/verify-password",         on(POST, Plain, account::verify_password))
        .route("/list-accounts",           on(GET,  Plain, account::list_accounts))
        .route("/change-email",            on(POST, Plain, account::change_email))
        .route("/delete-user",             on(POST, DeleteUser, account::delete_user))
        .route("/delete-user/callback",    on(GET,  DeleteUser, account::confirm_delete))
        .route("/request-password-reset",  on(POST, Plain, account::request_password_reset))
        .route("/reset-password/{token}",  on(GET,  Plain, account::follow_reset_link))
        .route("/reset-password",          on(POST, Plain, account::reset_password))
        .route("/send-verification-email", on(POST, Plain, account::send_verification_email))
        .route("/verify-email",            on(GET,  VerifyEmail, account::verify_email))
        .route("/ok",                      on(GET,  Plain, sessions::ok))
        .route("/error",                   on(GET,  Plain, sessions::error))
        // Two-factor (§8).
        .route("/two-factor/enable",                on(POST, Plain, two_factor::enable))
        .route("/two-factor/verify-totp",           on(POST, Plain, |asked| two_factor::verify(asked, Method::Totp)))
        .route("/two-factor/send-otp",              on(POST, Plain, two_factor::send_otp))
        .route("/two-factor/verify-otp",            on(POST, Plain, |asked| two_factor::verify(asked, Method::EmailCode)))
        .route("/two-factor/verify-backup-code",    on(POST, Plain, |asked| two_factor::verify(asked, Method::BackupCode)))
        .route("/two-factor/generate-backup-codes", on(POST, Plain, two_factor::generate_backup_codes))
        .route("/two-factor/get-totp-uri",          on(POST, Plain, two_factor::get_totp_uri))
        .route("/two-factor/disable",               on(POST, Plain, two_factor::disable))
        // JWT (§11).
        .route("/token", on(GET,  Plain, sessions::token))
        .route("/jwks",  on(GET,  Plain, sessions::jwks))
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .layer(middleware::from_fn_with_state(Arc::clone(&surface), at_the_gate))
        .with_state(surface);
    Ok(router)
}

/// Rate limits of contract §6.
const LIMITS: &[(&[&str], Rule)] = &[
    (&["/two-factor/", "/sign-in", "/sign-up", "/change-password", "/change-email"], Rule::new(10, 3)),
    (&["/request-password-reset", "/send-verification-email"], Rule::new(60, 3)),
    (&[""], Rule::new(10, 100)),
];

/// Before any route is looked up: methods nobody has, and rate limits, which count unknown paths too (§1.2).
async fn at_the_gate(State(surface): State<Arc<Surface>>, request: Request, next: Next) -> Response {
    let (ctx, path) = (&surface.ctx, request.uri().path());
    if [http::Method::HEAD, http::Method::OPTIONS].contains(request.method()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    if let Some(rule) = Rule::of_path(LIMITS, path).filter(|_| ctx.config.rate_limits) {
        let ip = visitor::address(&ctx.config, request.extensions(), request.headers());
        if let Err(seconds) = surface.limiter.check(&(client_ip::rate_key(ip), path), rule, ctx.clock.now()) {
            return errors::too_many_requests(seconds).into_response();
        }
    }
    next.run(request).await
}

async fn nothing_here() -> StatusCode {
    StatusCode::NOT_FOUND
}

/// Makes a route of a function from what was asked to the reply: reads the request, puts a refusal into the
/// wire's words, and lets the browser hear what became of its session.
fn on<F, Fut>(method: MethodFilter, asking: Asking, handler: F) -> MethodRouter<Arc<Surface>>
where
    F: Fn(Asked) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, No>> + Send,
{
    routing::on(method, move |State(surface): State<Arc<Surface>>, request: Request| async move {
        let asked = match Asked::read(&surface, request).await {
            Ok(asked) => asked,
            Err(no) => return surface.finish(errors::reply(&surface, no, asking)),
        };
        let ahead = Arc::clone(&asked.ahead);
        let mut reply = handler(asked).await.unwrap_or_else(|no| errors::reply(&surface, no, asking));
        reply.cookies.splice(0..0, ahead.get().cloned().unwrap_or_default());
        surface.finish(reply)
    })
}

/// How each refusal sounds, in every situation.
fn refuse(ctx: &Arc<Ctx>, denied: &Denied) -> Result<Refusals, Fault> {
    let surface = Surface::new(ctx)?;
    let said = |asking| surface.finish(errors::refusal(&surface, denied, asking));
    Ok(Asking::ALL.iter().map(|asking| (format!("{asking:?}"), said(*asking))).collect())
}
