//! `/forward-auth`: whether a proxy may let a request through to an application that has no login of its own.
//!
//! nginx's `auth_request`, Traefik's ForwardAuth and Caddy's `forward_auth` ask here before each request. Whoever has
//! no pass for that host is led over the hop, at our own host and with our own cookie, and comes back with a code
//! that becomes the pass (`operations/forward_auth.rs`).

mod address;
mod question;

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::on,
};
use countersign_core::{
    assurance::{Aal, Demand},
    organisation,
    session::{Reach, Session},
    time::Timestamp,
};
use data_encoding::BASE64URL_NOPAD;

use crate::{
    config::Config,
    ctx::Ctx,
    forward_auth::question::{Question, Unasked},
    http::{
        cookies::{self, SetCookie},
        query,
        reply::Reply,
        routes::{GET, Routes},
        session_cookie, visitor,
    },
    operations::{
        Stop,
        forward_auth::{self as passes, Holder, Pass},
        sessions::{self, Renewal, SignedIn},
    },
};

const HOP: &str = "/forward-auth/hop";
/// How long somebody may take to sign in before the browser has to ask anew.
const STATE_LASTS: u64 = 3_600;

pub(crate) fn routes(routes: Routes<Arc<Ctx>>) -> Routes<Arc<Ctx>> {
    routes.on(GET, "/forward-auth", |method| on(method, check)).on(GET, HOP, |method| on(method, hop))
}

/// The proxy's question. Every answer but 200 keeps the request out.
async fn check(State(ctx): State<Arc<Ctx>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if parts.method == Method::HEAD {
        // It would exchange a code and tell nobody (SEC-121).
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    match Question::read(&ctx.config, &parts) {
        Ok(question) => answer(&ctx, &parts, &question).await.unwrap_or_else(failed),
        Err(unasked) => told(unasked),
    }
}

async fn answer(ctx: &Ctx, parts: &Parts, question: &Question) -> Result<Response, Stop> {
    let (address, rules) = (&question.address, &question.rules);
    let pass = cookies::read(&parts.headers, Cookie::Pass.name(&ctx.config));
    let holder = match pass {
        Some(pass) => passes::holder(ctx, &pass, &address.host).await?,
        None => None,
    };
    if let Some(code) = &address.code {
        return arrive(ctx, parts, question, (code, holder)).await;
    }
    let Some(holder) = holder else { return Ok(begin(ctx, parts, question, Lacks::Session)) };
    if !rules.demand.is_met_by(&holder.who.session.proofs, ctx.clock.now()) {
        return Ok(begin(ctx, parts, question, Lacks::Proof));
    }
    let groups = organisation::groups(&holder.memberships);
    if rules.group.as_ref().is_some_and(|wanted| !groups.contains(wanted)) {
        // Signing in again would not help.
        return Ok(said(StatusCode::FORBIDDEN, "Not a member of the group that this place is for."));
    }
    Ok(welcome(&holder, &groups, ctx.clock.now()))
}

/// Somebody comes back from the hop. The address without its code is where they end up in any case, so that no
/// application ever sees one.
async fn arrive(
    ctx: &Ctx,
    parts: &Parts,
    question: &Question,
    (code, holder): (&str, Option<Holder>),
) -> Result<Response, Stop> {
    if !question.rules.redirects {
        // nginx asks again, in a way that can answer with a redirect.
        return Ok(unauthorised(question, Lacks::Session));
    }
    let (address, config) = (&question.address, &ctx.config);
    let onward = || redirect(question, &address.url);
    let nonce = cookies::read(&parts.headers, Cookie::State.name(config)).filter(|_| question.reads);
    if let Some(nonce) = nonce {
        let visitor = visitor::visitor(config, &parts.extensions, &parts.headers);
        let state = passes::state_of(ctx, &nonce);
        match passes::redeem(ctx, &visitor, code, (&address.host, &state)).await {
            Ok(pass) => {
                return Ok(onward().cookie(pass_cookie(config, &pass, ctx.clock.now())).into_response());
            }
            Err(Stop::Denied(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    match holder {
        Some(_) => Ok(onward().into_response()),
        None => Ok(begin(ctx, parts, question, Lacks::Session)),
    }
}

/// What keeps somebody out that they can do something about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lacks {
    Session,
    /// Signed in, but not surely or recently enough.
    Proof,
}

/// To the hop, or the news that this is needed.
fn begin(ctx: &Ctx, parts: &Parts, question: &Question, lacks: Lacks) -> Response {
    if !question.rules.redirects || !question.navigates {
        return unauthorised(question, lacks);
    }
    let config = &ctx.config;
    let brought = cookies::read(&parts.headers, Cookie::State.name(config));
    // Of several tabs, each must be able to come back.
    let (nonce, is_new) = match brought.filter(|nonce| passes::is_nonce(nonce)) {
        Some(nonce) => (nonce.into_owned(), false),
        None => (passes::new_nonce(ctx).expose().clone(), true),
    };
    let state = BASE64URL_NOPAD.encode(&passes::state_of(ctx, &nonce));
    let hop = format!("{}{HOP}", config.origin());
    let hop = query::add(&hop, "return_to", &question.address.url);
    let hop = with_demand(query::add(&hop, "state", &state), question.rules.demand);
    let reply = redirect(question, &hop);
    match is_new {
        true => reply.cookie(Cookie::State.set(config, &nonce, Some(STATE_LASTS))).into_response(),
        false => reply.into_response(),
    }
}

/// After a request that was more than reading, the browser reads (RFC 9110 §15.4.4).
fn redirect(question: &Question, to: &str) -> Reply {
    let status = if question.reads { StatusCode::FOUND } else { StatusCode::SEE_OTHER };
    Reply::found(to).status(status)
}

/// RFC 9470 §3 where more must be proven.
fn unauthorised(question: &Question, lacks: Lacks) -> Response {
    let demand = question.rules.demand;
    let mut wanted = "Bearer".to_owned();
    if lacks == Lacks::Proof {
        wanted += r#" error="insufficient_user_authentication""#;
        wanted += &format!(r#", acr_values="{}""#, demand.aal.acr());
        if let Some(age) = demand.max_age {
            wanted += &format!(r#", max_age="{}""#, age.as_secs());
        }
    }
    Reply::empty(StatusCode::UNAUTHORIZED).header(header::WWW_AUTHENTICATE, wanted).into_response()
}

fn with_demand(address: String, demand: Demand) -> String {
    let address = match demand.aal {
        Aal::One => address,
        Aal::Two => query::add(&address, "acr_values", Aal::Two.acr()),
    };
    match demand.max_age {
        Some(age) => query::add(&address, "max_age", &age.as_secs().to_string()),
        None => address,
    }
}

/// 200, and who it is. An address that nobody verified is left empty: an application would take whoever wrote it
/// down for its owner. Each header is always there, because of one that is not Caddy 2.6 makes its own placeholder.
fn welcome(holder: &Holder, groups: &[String], now: Timestamp) -> Response {
    let (user, proofs) = (&holder.who.user, &holder.who.session.proofs);
    let mut response = Reply::empty(StatusCode::OK).into_response();
    let headers = response.headers_mut();
    tell(headers, "remote-user", user.id.as_str());
    tell(headers, "remote-email", if user.email_verified_at.is_some() { &user.email } else { "" });
    tell(headers, "remote-name", &user.name);
    tell(headers, "remote-groups", &groups.join(","));
    tell(headers, "remote-amr", &proofs.amr().join(","));
    tell(headers, "remote-acr", proofs.aal(now).acr());
    response
}

/// A name may hold any letters, as UTF-8, and no line break.
fn tell(headers: &mut HeaderMap, name: &'static str, text: &str) {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    if let Ok(value) = HeaderValue::from_bytes(text.trim().as_bytes()) {
        headers.insert(name, value);
    }
}

/// The stop at our own host: whoever is signed in here gets a code for there, everybody else signs in first. What
/// the address demands is only passed on; the proxy's question is what enforces it.
async fn hop(State(ctx): State<Arc<Ctx>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    if parts.method == Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    across(&ctx, &parts).await.unwrap_or_else(failed)
}

async fn across(ctx: &Ctx, parts: &Parts) -> Result<Response, Stop> {
    let config = &ctx.config;
    let asked = |name| query::read(&parts.uri, name);
    let return_to = asked("return_to").unwrap_or_default();
    let state = asked("state").and_then(|state| BASE64URL_NOPAD.decode(state.as_bytes()).ok());
    let (Some(host), Some(state)) =
        (address::host_of(config, &return_to), state.filter(|state| state.len() == 32))
    else {
        return Ok(said(StatusCode::BAD_REQUEST, "This link leads nowhere. Open the application again."));
    };
    let demand = Demand {
        aal: if asked("acr_values").as_deref() == Some(Aal::Two.acr()) { Aal::Two } else { Aal::One },
        max_age: asked("max_age").and_then(|text| text.parse().ok()).map(std::time::Duration::from_secs),
    };
    if let Some(who) = signed_in(ctx, &parts.headers).await?
        && demand.is_met_by(&who.session.proofs, ctx.clock.now())
    {
        let visitor = visitor::visitor(config, &parts.extensions, &parts.headers);
        match passes::open(ctx, &visitor, &who, (host, &state)).await {
            Ok(code) => {
                let onward = query::add(&return_to, address::CODE, code.expose());
                return Ok(Reply::found(&onward).into_response());
            }
            // Signed out meanwhile.
            Err(Stop::Denied(_)) => {}
            Err(fault) => return Err(fault),
        }
    }
    let here = parts.uri.path_and_query().map_or(HOP, |here| here.as_str());
    let sign_in = query::add(&format!("{}/sign-in", config.origin()), "return_to", here);
    Ok(Reply::found(&with_demand(sign_in, demand)).into_response())
}

/// Somebody signed in at our own host who may do more than enrol.
async fn signed_in(ctx: &Ctx, headers: &HeaderMap) -> Result<Option<SignedIn>, Stop> {
    let Some(token) = session_cookie::token(&ctx.config, headers) else { return Ok(None) };
    match sessions::current(ctx, &token, Renewal::No, Reach::Everything).await {
        Ok(found) => Ok(found.map(|current| current.who)),
        Err(Stop::Denied(_)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// The two cookies at a protected host.
#[derive(Clone, Copy)]
enum Cookie {
    Pass,
    State,
}

impl Cookie {
    const fn name_on(self, secure: bool) -> &'static str {
        match (self, secure) {
            (Self::Pass, true) => "__Host-countersign-forward",
            (Self::Pass, false) => "countersign-forward",
            (Self::State, true) => "__Host-countersign-forward-state",
            (Self::State, false) => "countersign-forward-state",
        }
    }

    fn name(self, config: &Config) -> &'static str {
        self.name_on(config.secure_cookies())
    }

    fn set(self, config: &Config, value: &str, max_age: Option<u64>) -> SetCookie {
        SetCookie {
            name: self.name(config).to_owned(),
            value: value.to_owned(),
            max_age,
            secure: config.secure_cookies(),
            ..SetCookie::default()
        }
    }
}

fn pass_cookie(config: &Config, pass: &Pass, now: Timestamp) -> SetCookie {
    let Session { remember, expires_at, .. } = pass.session;
    let lasts = remember.then(|| expires_at.since(now).as_secs());
    Cookie::Pass.set(config, pass.value.expose(), lasts)
}

fn told(unasked: Unasked) -> Response {
    match unasked {
        Unasked::NotAProxy => {
            said(StatusCode::FORBIDDEN, "Only proxies ask here, from the addresses in trusted_proxies.")
        }
        Unasked::NoHost => {
            said(StatusCode::BAD_REQUEST, "The proxy must send the host once, as X-Forwarded-Host.")
        }
        Unasked::NotProtected => said(StatusCode::FORBIDDEN, "This host is not among forward_auth.hosts."),
        Unasked::BadRule(why) => said(StatusCode::BAD_REQUEST, why),
    }
}

fn said(status: StatusCode, words: &'static str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], words).into_response()
}

/// In doubt, nobody gets in.
fn failed(stop: Stop) -> Response {
    match stop {
        Stop::Denied(_) => StatusCode::FORBIDDEN.into_response(),
        Stop::Fault(fault) if fault.log_and_judge() => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "2")]).into_response()
        }
        Stop::Fault(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
