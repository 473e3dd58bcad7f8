//! Better Auth 1.7: core, two-factor, bearer and JWT routes, for its unmodified clients.

mod account;
mod callers;
mod challenge_page;
mod errors;
mod mail_sign_in;
mod passkeys;
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
    http::{
        client_ip,
        limits::Rule,
        reply::Reply,
        routes::{GET, POST, Routes},
        visitor,
    },
};

pub const DIALECT: Dialect = Dialect {
    name: "better-auth",
    base: BASE,
    routes: || table().list(),
    speak,
    yields: &[],
    normal: Dialect::as_written,
    refuse,
};

/// All routes stand below it, and handlers see their paths without it.
const BASE: &str = "/api/auth";

#[rustfmt::skip]
fn table() -> Routes<Arc<Surface>> {
    use Asking::{DeleteUser, KeepPasskey, MailedCode, Plain, RegisterPasskey, SignIn, VerifyEmail};
    Routes::below(BASE)
        // Core (contract §7).
        .on(POST, "/sign-up/email",           to(Plain, sign_in::sign_up))
        .on(POST, "/sign-in/email",           to(SignIn, sign_in::sign_in))
        .on(POST, "/sign-in/social",          to(Plain, sign_in::social))
        .on(POST, "/sign-out",                to(Plain, sign_in::sign_out))
        .on(GET,  "/get-session",             to(Plain, sessions::get_session))
        .on(POST, "/get-session",             to(Plain, sessions::post_session))
        .on(GET,  "/list-sessions",           to(Plain, sessions::list))
        .on(POST, "/revoke-session",          to(Plain, sessions::revoke))
        .on(POST, "/revoke-sessions",         to(Plain, sessions::revoke_all))
        .on(POST, "/revoke-other-sessions",   to(Plain, sessions::revoke_others))
        .on(POST, "/update-session",          to(Plain, sessions::update))
        .on(POST, "/update-user",             to(Plain, account::update_user))
        .on(POST, "/change-password",         to(Plain, account::change_password))
        .on(POST, "/verify-password",         to(Plain, account::verify_password))
        .on(GET,  "/list-accounts",           to(Plain, account::list_accounts))
        .on(POST, "/change-email",            to(Plain, account::change_email))
        .on(POST, "/delete-user",             to(DeleteUser, account::delete_user))
        .on(GET,  "/delete-user/callback",    to(DeleteUser, account::confirm_delete))
        .on(POST, "/request-password-reset",  to(Plain, account::request_password_reset))
        .on(GET,  "/reset-password/{token}",  to(Plain, account::follow_reset_link))
        .on(POST, "/reset-password",          to(Plain, account::reset_password))
        .on(POST, "/send-verification-email", to(Plain, account::send_verification_email))
        .on(GET,  "/verify-email",            to(VerifyEmail, account::verify_email))
        .on(GET,  "/ok",                      to(Plain, sessions::ok))
        .on(GET,  "/error",                   to(Plain, sessions::error))
        // Two-factor (§8).
        .on(POST, "/two-factor/enable",                to(Plain, two_factor::enable))
        .on(POST, "/two-factor/verify-totp",           to(Plain, |asked| two_factor::verify(asked, Method::Totp)))
        .on(POST, "/two-factor/send-otp",              to(Plain, two_factor::send_otp))
        .on(POST, "/two-factor/verify-otp",            to(Plain, |asked| two_factor::verify(asked, Method::EmailCode)))
        .on(POST, "/two-factor/verify-backup-code",    to(Plain, |asked| two_factor::verify(asked, Method::BackupCode)))
        .on(POST, "/two-factor/generate-backup-codes", to(Plain, two_factor::generate_backup_codes))
        .on(POST, "/two-factor/get-totp-uri",          to(Plain, two_factor::get_totp_uri))
        .on(POST, "/two-factor/disable",               to(Plain, two_factor::disable))
        // Passkeys (§10).
        .on(GET,  "/passkey/generate-register-options",     to(Plain, passkeys::register_options))
        .on(POST, "/passkey/verify-registration",           to(RegisterPasskey, passkeys::verify_registration))
        .on(GET,  "/passkey/generate-authenticate-options", to(Plain, passkeys::authenticate_options))
        .on(POST, "/passkey/verify-authentication",         to(SignIn, passkeys::verify_authentication))
        .on(GET,  "/passkey/list-user-passkeys",            to(Plain, passkeys::list))
        .on(POST, "/passkey/update-passkey",                to(KeepPasskey, passkeys::update))
        .on(POST, "/passkey/delete-passkey",                to(KeepPasskey, passkeys::delete))
        // Magic links and mailed codes (§§9, 12).
        .on(POST, "/sign-in/magic-link",                 to(Plain, mail_sign_in::send_link))
        .on(GET,  "/magic-link/verify",                  to(Plain, mail_sign_in::open))
        .on(POST, "/magic-link/verify",                  to(Plain, mail_sign_in::follow))
        .on(POST, "/email-otp/send-verification-otp",    to(SignIn, mail_sign_in::send_code))
        .on(POST, "/sign-in/email-otp",                  to(MailedCode, mail_sign_in::sign_in_with_code))
        .on(GET,  "/two-factor/challenge",               to(Plain, challenge_page::show))
        .on(POST, "/two-factor/challenge",               to(Plain, challenge_page::answer))
        // JWT (§11).
        .on(GET,  "/token", to(Plain, sessions::token))
        .on(GET,  "/jwks",  to(Plain, sessions::jwks))
}

fn speak(ctx: &Arc<Ctx>) -> Result<Router, Fault> {
    let surface = Arc::new(Surface::new(ctx)?);
    let router = table()
        .router()
        .fallback(|| async { StatusCode::NOT_FOUND })
        .method_not_allowed_fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn_with_state(Arc::clone(&surface), at_the_gate))
        .with_state(surface);
    Ok(Router::new().nest(BASE, router))
}

/// Rate limits of contract §6.
const LIMITS: &[(&[&str], Rule)] = &[
    (&["/sign-in/magic-link", "/magic-link/verify"], Rule::new(60, 5)),
    (&["/sign-in/email-otp", "/email-otp/"], Rule::new(60, 3)),
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

/// Makes a route of a function from what was asked to the reply: reads the request, puts a refusal into the
/// wire's words, and lets the browser hear what became of its session.
fn to<F, Fut>(asking: Asking, handler: F) -> impl FnOnce(MethodFilter) -> MethodRouter<Arc<Surface>>
where
    F: Fn(Asked) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, No>> + Send,
{
    move |method| {
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
}

/// How each refusal sounds, in every situation.
fn refuse(ctx: &Arc<Ctx>, denied: &Denied) -> Result<Refusals, Fault> {
    let surface = Surface::new(ctx)?;
    let said = |asking| surface.finish(errors::refusal(&surface, denied, asking));
    Ok(Asking::ALL.iter().map(|asking| (format!("{asking:?}"), said(*asking))).collect())
}
