//! Better Auth 1.7: core, two-factor, bearer and JWT routes, for its unmodified clients.

mod account;
mod callers;
mod errors;
mod sessions;
mod sign_in;
mod two_factor;
mod wire;

use std::{future::Future, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{Method, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};

use self::{
    callers::{Asked, Reply, Surface},
    errors::{Asking, No},
};
use crate::{
    ctx::Ctx,
    dialects::Dialect,
    fault::Fault,
    http::{client_ip, limits::Rule},
};

pub const DIALECT: Dialect = Dialect { name: "better-auth", base: "/api/auth", routes };

#[rustfmt::skip]
fn routes(ctx: &Arc<Ctx>) -> Result<Router, Fault> {
    use Asking::{DeleteUser, Plain, ResetPassword, SignIn, VerifyEmail};
    let surface = Arc::new(Surface::new(ctx)?);
    let router = Router::new()
        // Core (contract §7).
        .route("/sign-up/email",           post(on(Plain, sign_in::sign_up)))
        .route("/sign-in/email",           post(on(SignIn, sign_in::sign_in)))
        .route("/sign-in/social",          post(on(Plain, sign_in::social)))
        .route("/sign-out",                post(on(Plain, sign_in::sign_out)))
        .route("/get-session",             get(on(Plain, sessions::get_session)).post(on(Plain, sessions::post_session)))
        .route("/list-sessions",           get(on(Plain, sessions::list)))
        .route("/revoke-session",          post(on(Plain, sessions::revoke)))
        .route("/revoke-sessions",         post(on(Plain, sessions::revoke_all)))
        .route("/revoke-other-sessions",   post(on(Plain, sessions::revoke_others)))
        .route("/update-session",          post(on(Plain, sessions::update)))
        .route("/update-user",             post(on(Plain, account::update_user)))
        .route("/change-password",         post(on(Plain, account::change_password)))
        .route("/verify-password",         post(on(Plain, account::verify_password)))
        .route("/list-accounts",           get(on(Plain, account::list_accounts)))
        .route("/change-email",            post(on(Plain, account::change_email)))
        .route("/delete-user",             post(on(DeleteUser, account::delete_user)))
        .route("/delete-user/callback",    get(on(DeleteUser, account::confirm_delete)))
        .route("/request-password-reset",  post(on(Plain, account::request_password_reset)))
        .route("/reset-password/{token}",  get(on(Plain, account::follow_reset_link)))
        .route("/reset-password",          post(on(ResetPassword, account::reset_password)))
        .route("/send-verification-email", post(on(Plain, account::send_verification_email)))
        .route("/verify-email",            get(on(VerifyEmail, account::verify_email)))
        .route("/ok",                      get(on(Plain, sessions::ok)))
        .route("/error",                   get(on(Plain, sessions::error)))
        // Two-factor (§8).
        .route("/two-factor/enable",                post(on(Plain,        two_factor::enable)))
        .route("/two-factor/verify-totp",           post(on(Plain, two_factor::verify_totp)))
        .route("/two-factor/send-otp",              post(on(Plain, two_factor::send_otp)))
        .route("/two-factor/verify-otp",            post(on(Plain, two_factor::verify_otp)))
        .route("/two-factor/verify-backup-code",    post(on(Plain, two_factor::verify_backup_code)))
        .route("/two-factor/generate-backup-codes", post(on(Plain, two_factor::generate_backup_codes)))
        .route("/two-factor/get-totp-uri",          post(on(Plain, two_factor::get_totp_uri)))
        .route("/two-factor/disable",               post(on(Plain, two_factor::disable)))
        // JWT (§11).
        .route("/token", get(on(Plain, sessions::token)))
        .route("/jwks",  get(on(Plain, sessions::jwks)))
        .fallback(nothing_here)
        .method_not_allowed_fallback(nothing_here)
        .layer(middleware::from_fn_with_state(Arc::clone(&surface), at_the_gate))
        .with_state(surface);
    Ok(router)
}

/// Rate limits of contract §6, by path: the first row that matches decides.
const LIMITS: &[(&[&str], Rule)] = &[
    (&["/two-factor/", "/sign-in", "/sign-up", "/change-password", "/change-email"], rule(10, 3)),
    (&["/request-password-reset", "/send-verification-email"], rule(60, 3)),
    (&[""], rule(10, 100)),
];

const fn rule(seconds: u64, max: u32) -> Rule {
    Rule { window: Duration::from_secs(seconds), max }
}

/// Before any route is looked up: rate limits, which count unknown paths too, and methods nobody has (§1.1).
async fn at_the_gate(State(surface): State<Arc<Surface>>, request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD || request.method() == Method::OPTIONS {
        return StatusCode::NOT_FOUND.into_response();
    }
    if surface.ctx.config.rate_limits {
        let path = request.uri().path();
        let of_path =
            LIMITS.iter().find(|(prefixes, _)| prefixes.iter().any(|prefix| path.starts_with(prefix)));
        let key = (client_ip::rate_key(surface.client_ip(&request)), path);
        if let Some((_, rule)) = of_path
            && let Err(seconds) = surface.limiter.check(&key, *rule, surface.ctx.clock.now())
        {
            return errors::too_many_requests(seconds).into_response(&surface);
        }
    }
    next.run(request).await
}

async fn nothing_here() -> StatusCode {
    StatusCode::NOT_FOUND
}

/// Makes a handler of a function from what was asked to the reply: reads the request, turns a refusal into
/// the wire's words, and lets the browser drop a session cookie that turned out dead.
fn on<F, Fut>(
    asking: Asking,
    handler: F,
) -> impl Fn(State<Arc<Surface>>, Request) -> std::pin::Pin<Box<dyn Future<Output = Response> + Send>>
+ Clone
+ Send
+ Sync
+ 'static
where
    F: Fn(Asked) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, No>> + Send,
{
    move |State(surface): State<Arc<Surface>>, request: Request| {
        Box::pin(async move {
            let asked = match Asked::read(&surface, request).await {
                Ok(asked) => asked,
                Err(no) => return errors::reply(no, asking).into_response(&surface),
            };
            let dead_session = asked.dead_session.clone();
            let mut reply = match handler(asked).await {
                Ok(reply) => reply,
                Err(no) => errors::reply(no, asking),
            };
            if dead_session.is_set() {
                reply.clear_session_first();
            }
            reply.into_response(&surface)
        })
    }
}
