//! One request for a page: who is asking, what their browser keeps, and where they want to go.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::Request,
    http::{HeaderMap, Method, StatusCode, Uri, header, request::Parts},
};
use countersign_core::{
    denied::Denied,
    secret::Secret,
    session::{Reach, Scope, Session, Visitor},
};
use serde_json::json;
use url::Url;

use crate::{
    config::Config,
    ctx::Ctx,
    fault::Fault,
    http::{
        client_ip,
        cookies::{self, SetCookie},
        fields::Fields,
        limits::{Limiter, Rule},
        look::Look,
        origins::{self, TrustedOrigins},
        page, query,
        reply::Reply,
        sent::{File, Sent},
        session_cookie, visitor,
    },
    operations::{
        challenge::Answerer,
        deadlines, hears_operations,
        sessions::{self, Current, Handover, Minted, Renewal, SignedIn},
        sign_in::SignedInOrAsked,
        trusted_devices::SHARED_BY_MAX,
    },
    words::Text,
};

/// Everything that is not the page asked for.
#[derive(Debug)]
pub(super) enum No {
    Denied(Denied),
    Fault(Fault),
    /// Another page first.
    Elsewhere(String),
    /// By the message's name.
    Said(StatusCode, &'static str),
}

hears_operations!(No);

impl No {
    pub(super) fn reply(self, look: &Look, here: &Uri, is_json: bool) -> Reply {
        let back = here.path_and_query().map_or("/account", |here| here.as_str());
        let (status, said) = match self {
            Self::Elsewhere(to) if is_json => {
                return Reply::json(&json!({ "detail": look.t("sign-in-first"), "url": to }))
                    .status(StatusCode::UNAUTHORIZED);
            }
            Self::Elsewhere(to) => return Reply::empty(StatusCode::OK).to(StatusCode::SEE_OTHER, &to),
            Self::Denied(Denied::NotSignedIn) if !is_json => {
                return Reply::found(&query::add("/sign-in", "return_to", back));
            }
            // First a fresh proof; then back to where an act begins, not into its middle.
            Self::Denied(Denied::StaleSession) => {
                let page = match here.path() {
                    page @ "/account/totp" => page,
                    page if page.starts_with("/admin/people/") => {
                        page.trim_end_matches("/reset").trim_end_matches("/role")
                    }
                    "/admin/policy" => "/admin/policy",
                    "/admin/brand" => "/admin/brand",
                    page if page.starts_with("/admin/") => "/admin/keys",
                    "/account/passkey" | "/account/passkey/options" => "/account/passkey",
                    _ => "/account",
                };
                let url = query::add("/step-up", "return_to", page);
                return match is_json {
                    true => Reply::json(&json!({ "detail": look.t("prove-first"), "url": url }))
                        .status(StatusCode::FORBIDDEN),
                    false => Reply::empty(StatusCode::OK).to(StatusCode::SEE_OTHER, &url),
                };
            }
            Self::Denied(denied) => {
                let status = match denied {
                    Denied::UserNotFound => StatusCode::NOT_FOUND,
                    _ => StatusCode::FORBIDDEN,
                };
                (status, page::said(&denied))
            }
            Self::Fault(fault) if fault.log_and_judge() => (StatusCode::SERVICE_UNAVAILABLE, "busy".into()),
            Self::Fault(_) => (StatusCode::INTERNAL_SERVER_ERROR, "broken".into()),
            Self::Said(status, said) => (status, said.into()),
        };
        if is_json {
            return Reply::json(&json!({ "detail": look.say(&said) })).status(status);
        }
        Message::new(look, "wrong-title", said).link("/account", "go-on").reply().status(status)
    }
}

#[derive(Template)]
#[template(path = "pages/message.html")]
pub(super) struct Message<'a> {
    look: &'a Look,
    title: Text,
    said: Text,
    /// Where to go on, and what the link is called.
    link: Option<(&'a str, &'static str)>,
}

impl<'a> Message<'a> {
    pub fn new(look: &'a Look, title: impl Into<Text>, said: impl Into<Text>) -> Self {
        Self { look, title: title.into(), said: said.into(), link: None }
    }

    pub fn link(self, to: &'a str, called: &'static str) -> Self {
        Self { link: Some((to, called)), ..self }
    }

    pub fn reply(&self) -> Reply {
        page::reply(self, None)
    }
}

pub(super) fn wants_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}

/// What our cookies are for, beside the session.
#[derive(Clone, Copy)]
pub(super) enum Keeps {
    Challenge,
    TrustedDevice,
    Mail,
    Recovery,
    /// The challenge that an application sent somebody here for.
    Application,
    /// Where somebody was going who enrols first.
    Onward,
}

impl Keeps {
    /// With `__Host-`, browsers take them only from this very host and over TLS (SEC-075).
    fn name(self, config: &Config) -> String {
        let prefix = if config.secure_cookies() { "__Host-" } else { "" };
        let purpose = match self {
            Self::Challenge => "challenge",
            Self::TrustedDevice => "trusted",
            Self::Mail => "mail",
            Self::Recovery => "recovery",
            Self::Application => "application",
            Self::Onward => "onward",
        };
        format!("{prefix}countersign-{purpose}")
    }

    pub fn kept(self, config: &Config, headers: &HeaderMap) -> Option<String> {
        cookies::read(headers, &self.name(config)).map(|value| value.into_owned())
    }

    const fn seconds(self) -> u64 {
        match self {
            Self::Challenge | Self::Mail | Self::Application => 10 * 60,
            // To find an app and install it takes a while.
            Self::Onward => 60 * 60,
            Self::TrustedDevice | Self::Recovery => 30 * 24 * 60 * 60,
        }
    }
}

pub(super) struct Asked {
    pub ctx: Arc<Ctx>,
    look: Arc<Look>,
    pub visitor: Visitor,
    pub token: Option<String>,
    origins: TrustedOrigins,
    sent: Sent,
    files: Vec<File>,
    parts: Parts,
}

/// Forms that can be guessed at, or that send something; per client address and node.
const FORMS: Rule = Rule::new(60, 20);
/// What each view of the sign-in page asks for, whoever looks at it.
const OPTIONS: Rule = Rule::new(10, 100);

/// Pages whose form carries a file.
const UPLOADS: [&str; 1] = ["/admin/brand"];

impl Asked {
    pub(super) async fn read(
        ctx: &Arc<Ctx>,
        look: &Arc<Look>,
        limiter: &Limiter,
        request: Request,
    ) -> Result<Self, No> {
        let (parts, body) = request.into_parts();
        let config = &ctx.config;
        let origins = TrustedOrigins::of(config).map_err(No::Fault)?;
        let (mut sent, mut files) = (Sent::Undefined, Vec::new());
        if parts.method == Method::POST {
            origins::check_first_login(&parts.headers, &origins, origins.own())
                .map_err(|_| No::Said(StatusCode::FORBIDDEN, "foreign-form"))?;
            let ip = visitor::address(config, &parts.extensions, &parts.headers);
            let asks = parts.uri.path().ends_with("/options");
            let (key, rule) = ((client_ip::rate_key(ip), asks), if asks { OPTIONS } else { FORMS });
            if config.rate_limits && limiter.check(&key, rule, ctx.clock.now()).is_err() {
                return Err(No::Said(StatusCode::TOO_MANY_REQUESTS, "too-fast"));
            }
            let unread = |_| No::Said(StatusCode::BAD_REQUEST, "unreadable");
            (sent, files) = match UPLOADS.contains(&parts.uri.path()) {
                true => Sent::read_upload(&parts, body).await.map_err(unread)?,
                false => (Sent::read(&parts, body, true).await.map_err(unread)?, Vec::new()),
            };
        }
        Ok(Self {
            visitor: visitor::visitor(config, &parts.extensions, &parts.headers),
            token: session_cookie::token(config, &parts.headers),
            ctx: Arc::clone(ctx),
            look: Arc::clone(look),
            origins,
            sent,
            files,
            parts,
        })
    }

    pub fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    pub fn look(&self) -> &Look {
        &self.look
    }

    /// Members of the body; what is missing is empty.
    pub fn body<T>(&self, read: impl FnOnce(&mut Fields<'_>) -> T) -> Result<T, No> {
        let none = Sent::Form(Vec::new());
        let sent = if matches!(self.sent, Sent::Undefined) { &none } else { &self.sent };
        Fields::of(sent, "object", read).map_err(|_| No::Said(StatusCode::BAD_REQUEST, "unreadable"))
    }

    /// A text of the form; an absent one is empty.
    pub fn text(&self, name: &str) -> String {
        self.sent.text(name).unwrap_or_default()
    }

    pub fn secret(&self, name: &str) -> Secret<String> {
        Secret::new(self.text(name))
    }

    pub fn ticked(&self, name: &str) -> bool {
        self.sent.some_text(name).is_some()
    }

    /// A file of the form; one that was not chosen is none.
    pub fn file(&self, name: &str) -> Option<Vec<u8>> {
        let file = self.files.iter().find(|file| file.name == name && !file.bytes.is_empty());
        file.map(|file| file.bytes.clone())
    }

    pub fn query(&self, name: &str) -> Option<String> {
        query::read(&self.parts.uri, name).filter(|value| !value.is_empty())
    }

    /// A text of the form, or of the address where the page was asked for by GET.
    pub fn field(&self, name: &str) -> Option<String> {
        self.sent.some_text(name).or_else(|| self.query(name))
    }

    /// A segment of the path, counted from nought before its first slash.
    pub fn segment(&self, at: usize) -> &str {
        self.parts.uri.path().split('/').nth(at).unwrap_or_default()
    }

    /// Where the person wants to go, from the form or the address; only where they may be sent.
    pub fn return_to(&self) -> String {
        let wanted = self.sent.some_text("return_to").or_else(|| self.query("return_to"));
        wanted.filter(|to| self.origins.allows_redirect(to)).unwrap_or_else(|| "/account".to_owned())
    }

    /// Where somebody was going before they were sent to enrol.
    pub fn onward_kept(&self) -> Option<String> {
        self.kept(Keeps::Onward).filter(|to| self.origins.allows_redirect(to))
    }

    /// The origin that a form of this page may end at after its redirects, if it is not our own: browsers hold
    /// those against the page's policy.
    pub fn leads_to(&self) -> Option<String> {
        self.origin_of(&self.return_to())
    }

    pub fn origin_of(&self, to: &str) -> Option<String> {
        let config = &self.ctx.config;
        let target = config.public_url.join(to).ok()?;
        // The hop leads on to one of the hosts that it protects, and to nobody else.
        let target = match target.path() {
            "/forward-auth/hop" => {
                let (_, onward) = target.query_pairs().find(|(key, _)| key == "return_to")?;
                Url::parse(&onward).ok()?
            }
            _ => target,
        };
        let origin = target.origin().ascii_serialization();
        (origin != config.origin()).then_some(origin)
    }

    pub fn kept(&self, what: Keeps) -> Option<String> {
        what.kept(&self.ctx.config, &self.parts.headers)
    }

    fn cookie(&self, name: String, value: &str, max_age: Option<u64>) -> SetCookie {
        SetCookie {
            name,
            value: value.to_owned(),
            max_age,
            secure: self.ctx.config.secure_cookies(),
            ..SetCookie::default()
        }
    }

    pub fn keep(&self, what: Keeps, value: &Secret<String>) -> SetCookie {
        self.cookie(what.name(&self.ctx.config), value.expose(), Some(what.seconds()))
    }

    /// The values of those who share and trust this browser, the latest first.
    pub fn trusted(&self) -> Vec<String> {
        let kept = self.kept(Keeps::TrustedDevice).unwrap_or_default();
        kept.split('.').filter(|value| !value.is_empty()).take(SHARED_BY_MAX).map(str::to_owned).collect()
    }

    /// A value in place of another, or beside those of others.
    pub fn keep_trusted(&self, fresh: &Secret<String>, was: Option<&Secret<String>>) -> SetCookie {
        let was = was.map(Secret::expose);
        let others = self.trusted().into_iter().filter(|one| Some(one) != was);
        let all: Vec<String> =
            [fresh.expose().clone()].into_iter().chain(others).take(SHARED_BY_MAX).collect();
        self.keep(Keeps::TrustedDevice, &Secret::new(all.join(".")))
    }

    pub fn forget(&self, what: Keeps) -> SetCookie {
        self.cookie(what.name(&self.ctx.config), "", None).deleted()
    }

    pub fn session_cookie(&self, fresh: &Minted) -> SetCookie {
        let Session { remember, expires_at, .. } = fresh.session;
        let lasts = remember.then(|| expires_at.since(self.ctx.clock.now()).as_secs());
        self.cookie(session_cookie::name(&self.ctx.config).to_owned(), fresh.token.expose(), lasts)
    }

    pub fn clear_session(&self) -> SetCookie {
        self.cookie(session_cookie::name(&self.ctx.config).to_owned(), "", None).deleted()
    }

    pub async fn current(&self, reach: Reach) -> Result<Option<SignedIn>, No> {
        let Some(token) = &self.token else { return Ok(None) };
        let current = sessions::current(self.ctx(), token, Renewal::No, reach).await?;
        Ok(current.map(|Current { who, .. }| who))
    }

    pub async fn signed_in(&self) -> Result<SignedIn, No> {
        match self.current(Reach::Everything).await {
            Err(No::Denied(Denied::EnrolmentDue)) => Err(No::Elsewhere("/account/totp".to_owned())),
            Err(no) => Err(no),
            Ok(who) => Ok(who.ok_or(Denied::NotSignedIn)?),
        }
    }

    pub async fn signed_in_to_enrol(&self) -> Result<SignedIn, No> {
        Ok(self.current(Reach::Enrolment).await?.ok_or(Denied::NotSignedIn)?)
    }

    pub fn at_the_door(&self) -> Answerer {
        Answerer { challenge: self.kept(Keeps::Challenge), handover: Handover::Token, ..Answerer::default() }
    }

    /// What a first factor brought: in, before the second step, or to enrolling.
    pub async fn came(&self, step: SignedInOrAsked) -> Result<(String, Vec<SetCookie>), No> {
        let to = self.return_to();
        Ok(match step {
            SignedInOrAsked::Asked(step) => {
                (query::add("/challenge", "return_to", &to), vec![self.keep(Keeps::Challenge, &step.token)])
            }
            SignedInOrAsked::SignedIn { user, session, trusted_device, .. } => {
                let to = match deadlines::ahead(self.ctx(), &user).await? {
                    Some(_) => query::add("/account/due", "return_to", &to),
                    None => to,
                };
                let mut set = vec![self.session_cookie(&session), self.forget(Keeps::Mail)];
                set.extend(trusted_device.map(|kept| self.keep_trusted(&kept.value, Some(&kept.was))));
                let to = self.onward(&session, to);
                set.extend(self.remembering(&to));
                (to, set)
            }
        })
    }

    /// Whoever is led to enrolling is led on from there to where they were going.
    pub fn remembering(&self, to: &str) -> Option<SetCookie> {
        let going = self.return_to();
        let is_detour = ["/account/totp", "/account/due"].iter().any(|page| to.starts_with(page));
        let name = Keeps::Onward.name(&self.ctx.config);
        (is_detour && going != "/account")
            .then(|| self.cookie(name, &cookies::encode(&going), Some(Keeps::Onward.seconds())))
    }

    /// Whoever must enrol does that first.
    pub fn onward(&self, session: &Minted, to: String) -> String {
        if session.session.scope == Scope::Full { to } else { "/account/totp".to_owned() }
    }
}

/// On to another page.
pub(super) fn see(to: &str) -> Reply {
    Reply::empty(StatusCode::OK).to(StatusCode::SEE_OTHER, to)
}
