//! What each surface asks of somebody who comes to its door, as its clients do it.

use countersign::operations::{api_keys, sessions::SignedIn};
use countersign_core::method::Method;
use serde_json::{Value, json};

use super::{
    First, State,
    people::{Person, as_of_now},
};
use crate::{
    accents::Caller,
    authenticator::Passkey,
    people::{key_of_a_day, nobody},
    world::{Reply, World},
};

const NEW_PASSWORD: &str = "An0ther$ecret-Horse";

/// Somebody on a surface: what their client keeps.
pub struct Visit {
    pub caller: Caller,
    pub refresh_token: Option<String>,
    pub worked: bool,
    /// What a client without cookies keeps.
    pub challenge: Option<Value>,
    pub trusted_device: Option<String>,
    /// Sent along with every further request of a wire that has one step for both factors.
    login: Option<Value>,
}

pub fn names() -> [&'static str; 5] {
    ["native", "better-auth", "slugbase", "mudbase", "flashback"]
}

/// Comes to the door. `None` where the surface has no such way in.
pub async fn come(
    world: &World,
    surface: &'static str,
    (first, person): (First, &mut Person),
) -> Option<Visit> {
    match first {
        First::Password => Some(log_in(world, surface, person).await),
        First::Reset => {
            reset(world, surface, person).await?;
            Some(log_in(world, surface, person).await)
        }
        First::TrustedDevice => {
            let mut before = person.before.take()?;
            let mut body = credentials(person);
            let path = match surface {
                "native" => {
                    body["trusted_device"] = json!(before.trusted_device);
                    "/v1/sessions"
                }
                _ => "/better-auth/api/auth/sign-in/email",
            };
            let reply = before.caller.post(path, body).await;
            Some(visit(before.caller, &reply, None))
        }
        First::Refresh => {
            let before = person.before.take()?;
            Some(refresh(surface, before).await)
        }
        First::ApiKey => {
            let mut caller = Caller::new(world);
            caller.bearer = Some(person.key.take()?);
            let reply = caller.get("/slugbase/api/auth/mfa/status").await;
            Some(visit(caller, &reply, None))
        }
        First::Invitation => register(world, surface, person).await,
        First::BarePasskey | First::Passkey => {
            let mut caller = Caller::new(world);
            let reply = show_passkey(surface, (&mut caller, person.passkey.as_mut()?), None).await?;
            Some(visit(caller, &reply, None))
        }
        First::MagicLink => follow_link(world, surface, person.email()).await,
        First::EmailCode => mailed_code(world, surface, person.email()).await,
    }
}

fn visit(caller: Caller, reply: &Reply, login: Option<Value>) -> Visit {
    let refresh_token = reply.body["refreshToken"].as_str().map(str::to_owned);
    let challenge = reply.body.get("challenge").cloned();
    let trusted_device = reply.body["trusted_device"].as_str().map(str::to_owned);
    Visit { caller, refresh_token, worked: reply.status.is_success(), challenge, trusted_device, login }
}

fn credentials(person: &Person) -> Value {
    json!({ "email": person.email(), "password": person.password })
}

/// The password, on this surface.
async fn log_in(world: &World, surface: &'static str, person: &Person) -> Visit {
    let mut caller = Caller::new(world);
    let path = match surface {
        "native" => "/v1/sessions",
        "better-auth" => "/better-auth/api/auth/sign-in/email",
        "slugbase" => "/slugbase/api/auth/login",
        "mudbase" => "/mudbase/api/auth/local/login",
        "flashback" => "/flashback/user/login",
        other => panic!("{other} is no surface"),
    };
    let body = credentials(person);
    let reply = caller.post(path, body.clone()).await;
    caller.bearer = ["accessToken", "token"]
        .iter()
        .find_map(|name| reply.body[*name].as_str())
        .filter(|_| surface != "better-auth")
        .map(str::to_owned);
    visit(caller, &reply, (surface == "mudbase").then_some(body))
}

/// A new password through a mailed link, where the surface has that.
async fn reset(world: &World, surface: &'static str, person: &mut Person) -> Option<()> {
    let mut caller = Caller::new(world);
    let (asking, setting, field) = match surface {
        "native" => ("/v1/password-reset", "/v1/password-reset/complete", "new"),
        "better-auth" => (
            "/better-auth/api/auth/request-password-reset",
            "/better-auth/api/auth/reset-password",
            "newPassword",
        ),
        "slugbase" => {
            ("/slugbase/api/password-reset/request", "/slugbase/api/password-reset/reset", "password")
        }
        "flashback" => {
            ("/flashback/user/request-reset-password", "/flashback/user/reset-password", "newPassword")
        }
        _ => return None,
    };
    let done = |reply: Reply| assert!(reply.status.is_success(), "{reply:#?}");
    done(caller.post(asking, json!({ "email": person.email() })).await);
    let link = world.mailed_link(person.email()).await;
    let token = match link.split_once("token=") {
        Some((_, token)) => token.split('&').next().unwrap().to_owned(),
        None => {
            let path = url::Url::parse(&link).unwrap().path().to_owned();
            path.rsplit('/').next().unwrap().to_owned()
        }
    };
    done(caller.post(setting, json!({ "token": token, field: NEW_PASSWORD })).await);
    person.password = NEW_PASSWORD.to_owned();
    Some(())
}

/// A mailed link, followed in the browser that asked for it.
async fn follow_link(world: &World, surface: &'static str, email: &str) -> Option<Visit> {
    let mut caller = Caller::new(world);
    let asking = match surface {
        "better-auth" => "/better-auth/api/auth/sign-in/magic-link",
        _ => return None,
    };
    caller.post(asking, json!({ "email": email })).await.expect(200);
    let link = url::Url::parse(&world.mailed_link(email).await).unwrap();
    let link = format!("{}?{}", link.path(), link.query().unwrap());
    let page = caller.get(&link).await.expect(200);
    let reply = caller.post(&link, json!({ "confirm": page.field("confirm").unwrap() })).await;
    Some(visit(caller, &reply, None))
}

/// A mailed code, typed in the browser that asked for it.
async fn mailed_code(world: &World, surface: &'static str, email: &str) -> Option<Visit> {
    let mut caller = Caller::new(world);
    let (asking, typing) = match surface {
        "native" => {
            let asked = caller.post("/v1/sessions/mail/code", json!({ "email": email })).await.expect(202);
            let code = world.mailed_code(email).await;
            let body = json!({ "email": email, "code": code, "browser": asked.body["browser"] });
            let reply = caller.post("/v1/sessions/mail", body).await;
            return Some(visit(caller, &reply, None));
        }
        "better-auth" => (
            "/better-auth/api/auth/email-otp/send-verification-otp",
            "/better-auth/api/auth/sign-in/email-otp",
        ),
        _ => return None,
    };
    caller.post(asking, json!({ "email": email, "type": "sign-in" })).await.expect(200);
    let otp = world.mailed_code(email).await;
    let reply = caller.post(typing, json!({ "email": email, "otp": otp })).await;
    Some(visit(caller, &reply, None))
}

/// A passkey, for whatever the caller is at the door for.
async fn show_passkey(
    surface: &'static str,
    (caller, passkey): (&mut Caller, &mut Passkey),
    challenge: Option<&Value>,
) -> Option<Reply> {
    let (asking, showing) = match surface {
        "native" => {
            let (at, verify) = match challenge {
                Some(_) => ("/v1/challenge/passkey/options", "/v1/challenge/verify"),
                None => ("/v1/sessions/passkey/options", "/v1/sessions/passkey"),
            };
            let options = caller.post(at, json!({ "challenge": challenge })).await.expect(200).body;
            let body = json!({
                "challenge": challenge, "method": "passkey", "ceremony": options["ceremony"],
                "response": passkey.get(&options), "trust_device": true,
            });
            return Some(caller.post(verify, body).await);
        }
        "better-auth" => (
            "/better-auth/api/auth/passkey/generate-authenticate-options",
            "/better-auth/api/auth/passkey/verify-authentication",
        ),
        // Only as the second step.
        "flashback" if caller.bearer.is_some() => {
            let asked = caller.call(axum::http::Method::POST, "/flashback/mfa/passkey/auth-options", None);
            let options = asked.await.expect(200).body["data"].clone();
            let body = json!({ "mfaType": "PASSKEY", "credential": passkey.get(&options) });
            return Some(caller.post("/flashback/mfa/verify-login", body).await);
        }
        _ => return None,
    };
    let options = caller.get(asking).await.expect(200).body;
    Some(caller.post(showing, json!({ "response": passkey.get(&options) })).await)
}

/// Registers somebody new into the server's organisation.
async fn register(world: &World, surface: &'static str, person: &mut Person) -> Option<Visit> {
    let mut caller = Caller::new(world);
    let path = match surface {
        "slugbase" => "/slugbase/api/auth/register",
        _ => return None,
    };
    let body = json!({ "name": "Ada Lovelace", "email": person.email(), "password": NEW_PASSWORD });
    let reply = caller.post(path, body).await;
    Some(visit(caller, &reply, None))
}

/// Signs in all the way before the account changes, where somebody then refreshes or comes with a trusted device.
pub async fn already_in(
    world: &World,
    surface: &'static str,
    (first, state, person): (First, State, &mut Person),
) -> Option<Visit> {
    let refreshes = ["mudbase", "flashback"].contains(&surface);
    let trusts = ["native", "better-auth"].contains(&surface) && state.has_second_factor();
    if !(if first == First::Refresh { refreshes } else { trusts }) {
        return None;
    }
    let visit = log_in(world, surface, person).await;
    match state.second() {
        None => Some(visit),
        Some(method) => answer(world, surface, (visit, method, person)).await,
    }
}

async fn refresh(surface: &'static str, before: Visit) -> Visit {
    let mut caller = before.caller;
    let token = before.refresh_token.expect("a refresh token");
    let path = if surface == "mudbase" { "/mudbase/api/auth/refresh" } else { "/flashback/user/refresh" };
    let reply = caller.post(path, json!({ "refreshToken": token })).await;
    visit(caller, &reply, None)
}

pub async fn make_key(world: &World, surface: &'static str, who: &SignedIn) -> Option<String> {
    if surface != "slugbase" {
        return None;
    }
    let seen = as_of_now(world, who).await;
    let (_, secret) = api_keys::create(&world.ctx, &nobody(), &seen, key_of_a_day("ci")).await.unwrap();
    Some(secret.expose().clone())
}

/// Answers the challenge that `visit` was asked. `None` where the surface has no words for the method.
pub async fn answer(
    world: &World,
    surface: &'static str,
    (mut visit, method, person): (Visit, Method, &mut Person),
) -> Option<Visit> {
    if method == Method::Passkey {
        // As a second thing it need not verify anybody.
        let passkey = person.passkey.as_mut()?;
        passkey.verifies = false;
        let challenge = visit.challenge.clone();
        let reply = show_passkey(surface, (&mut visit.caller, passkey), challenge.as_ref()).await?;
        return Some(self::visit(visit.caller, &reply, None));
    }
    let proof = proof(world, surface, (method, person, &mut visit)).await?;
    answer_with(surface, visit, (method, proof)).await
}

/// What the person shows, once the surface has sent or asked what it must.
async fn proof(
    world: &World,
    surface: &'static str,
    (method, person, visit): (Method, &mut Person, &mut Visit),
) -> Option<Value> {
    match method {
        Method::Totp => Some(json!(world.totp(person.uri.as_ref().unwrap()))),
        Method::BackupCode => Some(json!(person.backup_codes.pop().unwrap())),
        Method::EmailCode => match surface {
            "native" => {
                let body = json!({ "challenge": visit.challenge });
                let sent = visit.caller.post("/v1/challenge/code", body).await;
                match sent.status.as_u16() {
                    202 => Some(json!(world.mailed_code(person.email()).await)),
                    _ => Some(json!("000000")),
                }
            }
            "better-auth" => {
                let sent = visit.caller.post("/better-auth/api/auth/two-factor/send-otp", json!({})).await;
                match sent.status.as_u16() {
                    200 => Some(json!(world.mailed_code(person.email()).await)),
                    _ => Some(json!("000000")),
                }
            }
            "flashback" => {
                let sent =
                    visit.caller.call(axum::http::Method::POST, "/flashback/mfa/magic-link/send", None);
                match sent.await.status.as_u16() {
                    200 => {
                        let link = world.mailed_link(person.email()).await;
                        Some(json!(link.split("token=").nth(1).unwrap()))
                    }
                    _ => Some(json!("x".repeat(32))),
                }
            }
            _ => None,
        },
        Method::Password => Some(json!(person.password)),
        Method::SmsCode | Method::Passkey => None,
    }
}

async fn answer_with(surface: &'static str, visit: Visit, (method, proof): (Method, Value)) -> Option<Visit> {
    let mut caller = visit.caller;
    let reply = match surface {
        "native" => {
            let body = json!({
                "challenge": visit.challenge, "method": method.as_str(), "code": proof, "trust_device": true,
            });
            caller.post("/v1/challenge/verify", body).await
        }
        "better-auth" => {
            let kind = match method {
                Method::Totp => "totp",
                Method::EmailCode => "otp",
                Method::BackupCode => "backup-code",
                // Its clients have no words for it; the hosted page does.
                Method::Password => {
                    let page = "/better-auth/api/auth/two-factor/challenge";
                    let reply = caller.post(page, json!({ "kind": "password", "code": proof })).await;
                    return Some(self::visit(caller, &reply, None));
                }
                _ => return None,
            };
            let path = format!("/better-auth/api/auth/two-factor/verify-{kind}");
            caller.post(&path, json!({ "code": proof, "trustDevice": true })).await
        }
        "slugbase" => caller.post("/slugbase/api/auth/mfa/verify", json!({ "code": proof })).await,
        "mudbase" => {
            let mut login = visit.login?;
            login["totpToken"] = proof;
            caller.post("/mudbase/api/auth/local/login", login).await
        }
        "flashback" => {
            let body = match method {
                Method::EmailCode => json!({ "mfaType": "MAGIC_LINK", "token": proof }),
                _ => json!({ "mfaType": "GOOGLE_AUTH", "code": proof }),
            };
            caller.post("/flashback/mfa/verify-login", body).await
        }
        other => panic!("{other} is no surface"),
    };
    Some(self::visit(caller, &reply, None))
}
