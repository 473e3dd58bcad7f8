//! The hosted pages: signing in, the second step, the account, recovery. Every form works without scripts; only
//! passkeys need one.

mod account;
mod admin;
mod asked;
mod enrol;
mod not_me;
mod passkeys;
mod password;
mod prove;
mod recovery;
mod second_step;
mod sign_in;
mod verify;

use std::{future::Future, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, Uri},
    response::{IntoResponse, Response},
    routing::{self, MethodFilter, MethodRouter},
};

use countersign_core::{language::Language, secret::Secret};

use self::{
    asked::{Asked, Keeps, No},
    enrol::Place::{Account, Application},
};
use crate::{
    config::Config,
    ctx::Ctx,
    http::{
        limits::Limiter,
        look::{self, Look},
        query,
        reply::Reply,
        routes::{GET, POST, Routes},
        session_cookie,
    },
    operations::brands::{self, Seen},
};

/// What all requests share.
pub(crate) struct Surface {
    limiter: Limiter,
}

#[rustfmt::skip]
pub(crate) fn routes(routes: Routes<Arc<Ctx>>, _: &Config) -> Routes<Arc<Ctx>> {
    let surface = &Arc::new(Surface { limiter: Limiter::default() });
    routes
        .on(GET,  "/sign-in",                  to(surface, sign_in::show))
        .on(POST, "/sign-in",                  to(surface, sign_in::with_password))
        .on(POST, "/sign-in/passkey/options",  to(surface, passkeys::sign_in_options))
        .on(POST, "/sign-in/passkey",          to(surface, passkeys::sign_in))
        .on(GET,  "/sign-in/mail",             to(surface, sign_in::ask_for_mail))
        .on(POST, "/sign-in/mail",             to(surface, sign_in::send_mail))
        .on(POST, "/sign-in/mail/code",        to(surface, sign_in::with_mailed_code))
        .on(GET,  "/sign-up",                  to(surface, sign_in::show_sign_up))
        .on(POST, "/sign-up",                  to(surface, sign_in::sign_up))
        .on(POST, "/sign-out",                 to(surface, sign_in::sign_out))
        .on(GET,  "/password",                 to(surface, password::show))
        .on(POST, "/password",                 to(surface, password::request))
        .on(GET,  "/password/set",             to(surface, password::show_set))
        .on(POST, "/password/set",             to(surface, password::set))
        .on(GET,  "/verify-email",             to(surface, verify::show))
        .on(POST, "/verify-email",             to(surface, verify::verify))
        .on(GET,  "/not-me",                   to(surface, not_me::show))
        .on(POST, "/not-me",                   to(surface, not_me::end))
        .on(GET,  "/challenge",                to(surface, second_step::show))
        .on(POST, "/challenge",                to(surface, second_step::answer))
        .on(GET,  "/challenge/backup-code",    to(surface, second_step::show_spent))
        .on(GET,  "/challenge/trust",          to(surface, second_step::show_trust))
        .on(POST, "/challenge/trust",          to(surface, second_step::trust))
        .on(POST, "/challenge/passkey/options", to(surface, passkeys::challenge_options))
        .on(POST, "/challenge/passkey",        to(surface, passkeys::challenge))
        .on(GET,  "/step-up",                  to(surface, second_step::show_step_up))
        .on(POST, "/step-up",                  to(surface, second_step::step_up))
        .on(GET,  "/account",                  to(surface, account::show))
        .on(GET,  "/account/due",              to(surface, account::show_due))
        .on(POST, "/account/go-on",            to(surface, enrol::go_on))
        .on(POST, "/account/revoke",           to(surface, account::revoke))
        .on(POST, "/account/remove",           to(surface, account::remove))
        .on(POST, "/account/rename",           to(surface, account::rename))
        .on(GET,  "/account/totp",             to(surface, |asked| enrol::begin_totp(asked, Account)))
        .on(POST, "/account/totp",             to(surface, |asked| enrol::confirm_totp(asked, Account)))
        .on(GET,  "/account/passkey",          to(surface, |asked| enrol::show_passkey(asked, Account)))
        .on(POST, "/account/passkey/options",  to(surface, |asked| enrol::passkey_options(asked, Account)))
        .on(POST, "/account/passkey",          to(surface, |asked| enrol::register_passkey(asked, Account)))
        .on(GET,  "/account/passkey/test",     to(surface, passkeys::show_test))
        .on(POST, "/account/passkey/test/options", to(surface, passkeys::test_options))
        .on(GET,  "/account/sms",              to(surface, |asked| enrol::show_sms(asked, Account)))
        .on(POST, "/account/sms",              to(surface, |asked| enrol::sms(asked, Account)))
        .on(GET,  "/account/email",            to(surface, |asked| enrol::show_email(asked, Account)))
        .on(POST, "/account/email",            to(surface, |asked| enrol::email(asked, Account)))
        .on(GET,  "/enrol-email",              to(surface, enrol::show_mailed_link))
        .on(POST, "/enrol-email",              to(surface, enrol::mailed_link))
        .on(POST, "/account/backup-codes",     to(surface, account::renew_backup_codes))
        .on(GET,  "/account/delete",           to(surface, account::show_delete))
        .on(POST, "/account/delete",           to(surface, account::delete))
        .on(POST, "/account/delete/confirm",   to(surface, account::confirm_delete))
        .on(GET,  "/prove",                    to(surface, prove::show))
        .on(POST, "/prove",                    to(surface, prove::answer))
        .on(POST, "/prove/answer/options",     to(surface, prove::passkey_options))
        .on(POST, "/prove/answer",             to(surface, prove::passkey))
        .on(GET,  "/prove/totp",               to(surface, |asked| enrol::begin_totp(asked, Application)))
        .on(POST, "/prove/totp",               to(surface, |asked| enrol::confirm_totp(asked, Application)))
        .on(GET,  "/prove/passkey",            to(surface, |asked| enrol::show_passkey(asked, Application)))
        .on(POST, "/prove/passkey/options",    to(surface, |asked| enrol::passkey_options(asked, Application)))
        .on(POST, "/prove/passkey",            to(surface, |asked| enrol::register_passkey(asked, Application)))
        .on(GET,  "/prove/sms",                to(surface, |asked| enrol::show_sms(asked, Application)))
        .on(POST, "/prove/sms",                to(surface, |asked| enrol::sms(asked, Application)))
        .on(GET,  "/prove/email",              to(surface, |asked| enrol::show_email(asked, Application)))
        .on(POST, "/prove/email",              to(surface, |asked| enrol::email(asked, Application)))
        .on(GET,  "/prove/done",               to(surface, prove::show_done))
        .on(POST, "/prove/done",               to(surface, prove::done))
        .on(GET,  "/admin",                    to(surface, admin::overview))
        .on(GET,  "/admin/people",             to(surface, admin::list))
        .on(GET,  "/admin/people/{id}",        to(surface, admin::show))
        .on(POST, "/admin/people/{id}/reset",  to(surface, admin::reset))
        .on(POST, "/admin/people/{id}/role",   to(surface, admin::change_role))
        .on(GET,  "/admin/policy",             to(surface, admin::edit))
        .on(POST, "/admin/policy",             to(surface, admin::apply))
        .on(GET,  "/admin/keys",               to(surface, admin::keys))
        .on(POST, "/admin/keys",               to(surface, admin::create_key))
        .on(POST, "/admin/keys/revoke",        to(surface, admin::revoke_key))
        .on(POST, "/admin/webhooks",           to(surface, admin::create_webhook))
        .on(POST, "/admin/webhooks/delete",    to(surface, admin::delete_webhook))
        .on(GET,  "/admin/brand",              to(surface, admin::show_brand))
        .on(POST, "/admin/brand",              to(surface, admin::change_brand))
        .on(GET,  "/assets/logo/{digest}",     |method| routing::on(method, admin::logo))
        .on(GET,  "/admin/journal",            to(surface, admin::journal))
        .on(GET,  "/recovery",                 to(surface, recovery::show))
        .on(POST, "/recovery",                 to(surface, recovery::request))
        .on(GET,  "/recovery/begin",           to(surface, recovery::show_begin))
        .on(POST, "/recovery/begin",           to(surface, recovery::begin))
        .on(GET,  "/recovery/status",          to(surface, recovery::status))
        .on(GET,  "/recovery/stop",            to(surface, recovery::show_stop))
        .on(POST, "/recovery/stop",            to(surface, recovery::stop))
        .on(POST, "/recovery/complete",        to(surface, recovery::complete))
}

/// Makes a route of a function from what was asked to the page.
fn to<F, Fut>(
    surface: &Arc<Surface>,
    handler: F,
) -> impl FnOnce(MethodFilter) -> MethodRouter<Arc<Ctx>> + use<F, Fut>
where
    F: Fn(Asked) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Result<Reply, No>> + Send,
{
    let surface = Arc::clone(surface);
    move |method| {
        routing::on(method, move |State(ctx): State<Arc<Ctx>>, request: Request| {
            let surface = Arc::clone(&surface);
            async move { serve(&ctx, &surface, request, handler).await }
        })
    }
}

/// A page whose organisation cannot be found out is the server's own.
async fn look_of(ctx: &Ctx, headers: &HeaderMap, here: &Uri) -> Look {
    let look = Look::new(&ctx.config.app_name, look::language(headers, here));
    let kept = |what: Keeps| what.kept(&ctx.config, headers).map(Secret::new);
    let seen = Seen {
        application: kept(Keeps::Application).filter(|_| here.path().starts_with("/prove")),
        session: session_cookie::token(&ctx.config, headers).map(Secret::new),
        challenge: kept(Keeps::Challenge),
    };
    match brands::seen(ctx, seen).await {
        Ok(brand) => look.branded(brand),
        Err(_) => look,
    }
}

async fn serve<F, Fut>(ctx: &Arc<Ctx>, surface: &Surface, request: Request, handler: F) -> Response
where
    F: Fn(Asked) -> Fut,
    Fut: Future<Output = Result<Reply, No>>,
{
    let (here, is_json) = (request.uri().clone(), asked::wants_json(request.headers()));
    let mut look = look_of(ctx, request.headers(), &here).await;
    if request.method() == Method::GET {
        look = look.switchable(&here);
    }
    let look = Arc::new(look);
    let reply = match Asked::read(ctx, &look, &surface.limiter, request).await {
        Ok(asked) => handler(asked).await,
        Err(no) => Err(no),
    };
    let reply = reply.unwrap_or_else(|no| no.reply(&look, &here, is_json));
    // What somebody chose in the address holds for this browser from here on.
    let chosen = query::read(&here, "lang").and_then(|tag| Language::of_tag(&tag));
    reply.cookies(chosen.map(|chosen| look::cookie(&ctx.config, chosen))).into_response()
}
