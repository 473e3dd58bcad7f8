//! The stage a recording is replayed on: a world, its people, and what placeholders in requests stand for.

use std::collections::VecDeque;

use axum::{
    body::Body,
    http::{HeaderMap, Request, header},
};
use countersign::http::cookies;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{
    exchange::Answer,
    likeness::{Bindings, Piece, pieces},
    scenes::{Act, Scene},
};
use crate::{
    authenticator::Passkey,
    world::{Browser, PASSWORD, Reply, World},
};

pub(super) struct Stage {
    world: World,
    pub bindings: Bindings,
    /// Whoever acts between the recorded steps, and under which address.
    actor: Browser,
    email: String,
    /// Authenticators enrolled so far, as their `otpauth:` addresses; newest last.
    authenticators: Vec<String>,
    /// Codes mailed in this replay; newest last.
    mailed: VecDeque<String>,
    /// With rate limits on, the clock stands as still as it practically did when this was recorded.
    limited: bool,
    /// For the next code only: this many authenticators back, or the very code sent last.
    twist: Option<Act>,
    last_code: String,
    /// What passkeys were asked with last, and the one there is.
    options: Value,
    passkey: Option<Passkey>,
    elsewhere: bool,
    verifies: bool,
    /// What our server leaves with a browser that asks for mail, beside what was recorded.
    asker: Option<String>,
}

impl Stage {
    pub async fn set(scene: &Scene) -> Self {
        // The recorded server was alone, and what it did not know nobody knew.
        let world = World::with(|config| {
            config.dialects = vec!["better-auth"];
            // Nor did it know which passwords are guessed first: some were recorded, such as 128 times "p".
            config.accounts.passwords.blocklist = false;
            (scene.config)(config);
        })
        .await;
        let (actor, limited) = (world.browser(), world.ctx.config.rate_limits);
        Self {
            world,
            bindings: Bindings::default(),
            actor,
            email: String::new(),
            authenticators: Vec::new(),
            mailed: VecDeque::new(),
            limited,
            twist: None,
            last_code: String::new(),
            options: Value::Null,
            passkey: None,
            elsewhere: false,
            verifies: false,
            asker: None,
        }
    }

    /// What happened before this step without being recorded.
    pub async fn prepare(&mut self, scene: &Scene, step: usize) {
        if !self.limited {
            self.world.advance(1);
        }
        for (_, acts) in scene.before.iter().filter(|(before, _)| *before == step) {
            for act in *acts {
                self.act(act).await;
                if !self.limited {
                    self.world.advance(1);
                }
            }
        }
    }

    async fn act(&mut self, act: &Act) {
        match act {
            Act::SignUp(email, session) => {
                self.email = (*email).to_owned();
                self.actor = self.world.browser();
                let reply = self.actor.sign_up(email).await;
                self.name_cookie(&reply, "session_token", session);
            }
            Act::SignIn(session) => {
                self.actor.jar.clear();
                let reply = self.sign_in().await;
                self.name_cookie(&reply, "session_token", session);
            }
            Act::Ask(challenge) => {
                self.actor.jar.clear();
                let reply = self.sign_in().await;
                self.name_cookie(&reply, "two_factor", challenge);
            }
            Act::Begin => self.begin().await,
            Act::Enrol(session) => {
                self.begin().await;
                let code = self.totp("totp-code");
                let reply = self.post("/two-factor/verify-totp", json!({ "code": code })).await;
                self.name_cookie(&reply, "session_token", session);
            }
            Act::EnrolByMail(session) => {
                let body = json!({ "password": PASSWORD, "method": "otp" });
                let reply = self.post("/two-factor/enable", body).await;
                self.name_cookie(&reply, "session_token", session);
            }
            Act::Pass(session) => {
                self.pass(json!({}), session).await;
            }
            Act::Trust(session, device) => {
                let reply = self.pass(json!({ "trustDevice": true }), session).await;
                self.name_cookie(&reply, "trust_device", device);
            }
            Act::ChangePassword(new) => {
                let body = json!({ "currentPassword": PASSWORD, "newPassword": new });
                self.post("/change-password", body).await;
            }
            Act::Disable => {
                self.post("/two-factor/disable", json!({ "password": PASSWORD })).await;
            }
            Act::SendCode(times) => {
                for _ in 0..*times {
                    self.world.advance(30);
                    self.post("/two-factor/send-otp", json!({})).await;
                }
            }
            Act::Get { path, times, from } => {
                for _ in 0..*times {
                    let request = Request::get(*path).header("x-forwarded-for", *from);
                    self.answer(request.body(Body::empty()).unwrap()).await;
                }
            }
            Act::Look(session) => {
                let session = self.filled(session).await;
                let session = format!("better-auth.session_token={}", cookies::encode(&session));
                let request = Request::get("/api/auth/get-session").header(header::COOKIE, session);
                let answer = self.answer(request.body(Body::empty()).unwrap()).await;
                assert!(answer.body.is_object(), "{answer:#?}");
            }
            Act::Advance(seconds) => {
                // Letters leave while what they carry still holds.
                self.world.mail().await;
                self.world.advance(*seconds);
            }
            Act::RegisterPasskey => {
                self.options = self.passkey_options("generate-register-options", "").await;
                let (passkey, response) = Passkey::create(&self.options, false);
                self.post("/passkey/verify-registration", json!({ "response": response })).await;
                self.passkey = Some(passkey);
            }
            Act::PasskeyOptions(name) => {
                self.options = self.passkey_options("generate-register-options", name).await;
            }
            Act::SignInOptions(name) => {
                self.options = self.passkey_options("generate-authenticate-options", name).await;
            }
            Act::Verified => self.verifies = true,
            Act::Elsewhere(elsewhere) => self.elsewhere = *elsewhere,
            Act::ReplacedAuthenticator | Act::SameCode => self.twist = Some(*act),
        }
    }

    async fn sign_in(&mut self) -> Reply {
        self.actor.sign_in(&self.email.clone()).await.expect(200)
    }

    async fn post(&mut self, path: &str, body: Value) -> Reply {
        self.actor.post(&format!("/api/auth{path}"), body).await.expect(200)
    }

    async fn passkey_options(&mut self, path: &str, name: &str) -> Value {
        let reply = self.actor.get(&format!("/api/auth/passkey/{path}")).await.expect(200);
        self.name_cookie(&reply, "better-auth-passkey", name);
        reply.body
    }

    /// What a browser answers in place of the recorded one, whose keys nobody has.
    fn ceremony(&mut self, mut body: Value) -> Value {
        let recorded = &body["response"]["response"];
        if !self.options["challenge"].is_string() {
            return body;
        }
        if recorded["attestationObject"].is_string() {
            let mut options = self.options.clone();
            if options["rp"].is_null() {
                options["rp"] = json!({ "id": "localhost" });
                options["user"] = json!({ "id": "AAAA" });
            }
            let (elsewhere, verifies) = (self.elsewhere, self.verifies);
            let (passkey, response) = Passkey::create_as(&options, |one| {
                one.verifies = verifies;
                if elsewhere {
                    one.origin = "https://evil.example".to_owned();
                }
            });
            self.passkey = Some(passkey);
            body["response"] = response;
        } else if recorded["signature"].is_string()
            && let Some(passkey) = &mut self.passkey
        {
            passkey.counter += 1;
            body["response"] = passkey.get(&self.options);
        }
        body
    }

    async fn begin(&mut self) {
        let begun = self.post("/two-factor/enable", json!({ "password": PASSWORD })).await;
        self.remember_enrolment(&begun.body);
        for (at, code) in begun.body["backupCodes"].as_array().unwrap().iter().enumerate() {
            self.bindings.rebind(&format!("backup-code-{}", at + 1), code.as_str().unwrap());
        }
    }

    async fn pass(&mut self, mut answer: Value, session: &str) -> Reply {
        self.actor.jar.clear();
        self.sign_in().await;
        answer["code"] = self.totp("totp-code").into();
        let reply = self.post("/two-factor/verify-totp", answer).await;
        self.name_cookie(&reply, "session_token", session);
        reply
    }

    /// Gives a cookie that was handed out off the record the name it has on the record.
    fn name_cookie(&mut self, reply: &Reply, cookie: &str, template: &str) {
        let set = cookies(&reply.headers);
        let (_, value, _) =
            set.iter().rfind(|(name, value, _)| name.ends_with(cookie) && !value.is_empty()).unwrap();
        if !template.is_empty() {
            self.bindings.rebind_all(template, value);
        }
    }

    fn remember_enrolment(&mut self, body: &Value) {
        if let Some(uri) = body["totpURI"].as_str()
            && self.authenticators.last().is_none_or(|last| last != uri)
        {
            self.authenticators.push(uri.to_owned());
        }
    }

    pub async fn send(&mut self, recorded: &Value) -> Answer {
        let path = recorded["path"].as_str().unwrap();
        // One code in 30 seconds is mailed at most, one link too (SEC-031).
        let mails = [
            "/sign-in/magic-link",
            "/send-verification-otp",
            "/send-otp",
            "/send-verification-email",
            "/change-email",
            "/request-password-reset",
        ];
        if !self.limited && mails.iter().any(|end| path.ends_with(end)) {
            self.world.advance(30);
        }
        let mut request =
            Request::builder().method(recorded["method"].as_str().unwrap()).uri(self.filled(path).await);
        let by_mail = ["magic-link", "email-otp"].iter().any(|part| path.contains(part));
        let asker = self.asker.clone().filter(|_| by_mail).map(|asker| format!("{ASKER}{asker}"));
        let mut headers = recorded["headers"].as_object().unwrap().clone();
        if let Some(asker) = asker {
            let recorded = headers.get("cookie").map(|cookie| format!("{}; ", cookie.as_str().unwrap()));
            headers.insert("cookie".to_owned(), json!(format!("{}{asker}", recorded.unwrap_or_default())));
        }
        for (name, value) in &headers {
            request = request.header(name, self.filled(value.as_str().unwrap()).await);
        }
        let body = match recorded.get("body") {
            None => Body::empty(),
            Some(body) => match body.get("$raw").and_then(Value::as_str) {
                Some(raw) => raw.to_owned().into(),
                None => {
                    let body = self.ceremony(body.clone());
                    self.filled(&body.to_string()).await.into()
                }
            },
        };
        let mut answer = self.answer(request.body(body).unwrap()).await;
        self.keep_asker(&mut answer.headers);
        if answer.body["challenge"].is_string() {
            self.options = answer.body.clone();
        }
        self.remember_enrolment(&answer.body);
        if path.ends_with("/send-otp") && answer.status == 200 {
            let code = self.world.mailed_code("").await;
            self.mailed.push_back(code);
        }
        answer
    }

    /// The recorded server left nothing of the kind, so it is no difference that matters.
    fn keep_asker(&mut self, headers: &mut HeaderMap) {
        let lines: Vec<_> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
        headers.remove(header::SET_COOKIE);
        for line in lines {
            match line.to_str().unwrap().strip_prefix(ASKER) {
                Some(value) => self.asker = value.split(';').next().map(str::to_owned),
                None => drop(headers.append(header::SET_COOKIE, line)),
            }
        }
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        Answer::to(request, self.world.router()).await
    }

    /// A recorded request's text with every placeholder replaced.
    async fn filled(&mut self, recorded: &str) -> String {
        let mut filled = String::new();
        for piece in pieces(recorded) {
            match piece {
                Piece::Literal(text) => filled.push_str(text),
                Piece::Placeholder(name) => filled.push_str(&self.filling(name).await),
            }
        }
        filled
    }

    async fn filling(&mut self, name: &str) -> String {
        if let Some(inner) = name.strip_prefix("urlencoded:") {
            return cookies::encode(&Box::pin(self.filling(inner)).await);
        }
        if let Some(bound) = self.bindings.get(name) {
            return bound.to_owned();
        }
        if name.starts_with("totp-code") {
            return self.totp(name);
        }
        if name == "email-otp" {
            let mail = self.world.mail().await;
            let codes = mail.iter().filter(|letter| letter.subject.contains("code"));
            let texts = codes.map(|letter| letter.text.clone());
            let code = texts.flat_map(|text| digits(&text)).next();
            return code.unwrap_or_else(|| "000000".to_owned());
        }
        let mailed = self.world.mail().await.iter().any(|letter| letter.text.contains("http"));
        if name.starts_with("magic-token") && !mailed {
            return "unknown".to_owned();
        }
        if ["verify-jwt", "reset-token", "delete-token", "magic-token"]
            .iter()
            .any(|kind| name.starts_with(kind))
        {
            let token = token_in(&self.world.mailed_link("").await);
            self.bindings.rebind(name, &token);
            return token;
        }
        match name {
            "otp-code" | "otp-code-second" => {
                self.mailed.back().cloned().unwrap_or_else(|| "000000".to_owned())
            }
            "otp-code-first" => self.mailed.front().cloned().unwrap_or_default(),
            // A signature nobody made.
            _ if name.starts_with("sig-base64") => format!("{}=", "A".repeat(43)),
            _ => "unknown".to_owned(),
        }
    }

    /// `totp-code`, `totp-code step-2`: of a step that was not used before.
    fn totp(&mut self, name: &str) -> String {
        let offset = name.strip_prefix("totp-code step").map_or(0, |offset| offset.parse().unwrap());
        let replaced = match self.twist.take() {
            Some(Act::SameCode) => return self.last_code.clone(),
            Some(Act::ReplacedAuthenticator) => 1,
            _ => 0,
        };
        if !self.limited {
            self.world.advance(30);
        }
        self.last_code = match self.authenticators.iter().rev().nth(replaced) {
            Some(uri) => self.world.totp_at(uri, offset),
            None => "123456".to_owned(),
        };
        self.last_code.clone()
    }
}

/// The token in `…/reset-password/TOKEN?…` or `…?token=TOKEN&…`.
pub(crate) fn token_in(link: &str) -> String {
    let link = url::Url::parse(link).unwrap();
    let named = link.query_pairs().find(|(key, _)| key == "token").map(|(_, token)| token.into_owned());
    named.unwrap_or_else(|| link.path_segments().unwrap().next_back().unwrap().to_owned())
}

/// `(name, decoded value, attributes)` of each `Set-Cookie`, in order; each is escaped as JavaScript would.
pub(super) fn cookies(headers: &HeaderMap) -> Vec<(String, String, Vec<String>)> {
    let lines = headers.get_all(header::SET_COOKIE).into_iter().map(|line| line.to_str().unwrap());
    let split = lines.map(|line| {
        let mut parts = line.split("; ");
        let (name, raw) = parts.next().unwrap().split_once('=').unwrap();
        let value = percent_decode_str(raw).decode_utf8().unwrap().into_owned();
        assert_eq!(cookies::encode(&value), raw, "{line}");
        (name.to_owned(), value, parts.map(str::to_owned).collect())
    });
    split.collect()
}

/// What our server leaves with a browser that asks to be mailed a way in.
const ASKER: &str = "better-auth.mail_sign_in=";

fn digits(text: &str) -> Option<String> {
    text.split(|c: char| !c.is_ascii_digit()).find(|word| word.len() == 6).map(str::to_owned)
}
