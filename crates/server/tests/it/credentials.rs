//! What somebody holds between the two steps opens nothing but the second step (SEC-055).
//!
//! Every half-way credential of every dialect is shown in every place a credential can stand, on every route of
//! the server. The routes come from the router itself, so that a new one is covered by being there.

use std::collections::BTreeSet;

use axum::{
    body::Body,
    http::{Method, Request, header},
};
use countersign::{app, http::routes::Route, store::Tx};
use data_encoding::BASE64;
use serde_json::{Value, json};

use crate::{
    accents::{self, Caller, PASSWORD},
    world::{ORIGIN, World, send},
};

/// A half-way credential, and the routes its contract lets it open. A route is named by the end of its path.
struct HalfWay {
    name: &'static str,
    values: Vec<String>,
    opens: Vec<&'static str>,
}

const BETTER_AUTH: &[&str] = &[
    "/api/auth/two-factor/verify-totp",
    "/api/auth/two-factor/verify-otp",
    "/api/auth/two-factor/verify-backup-code",
    "/api/auth/two-factor/send-otp",
    "/api/auth/two-factor/challenge",
    "/challenge",
];
const SLUGBASE: &[&str] = &["/api/auth/mfa/verify"];
const FLASHBACK: &[&str] = &[
    "/mfa/status",
    "/mfa/methods",
    "/mfa/verify-login",
    "/mfa/magic-link/send",
    "/mfa/passkey/auth-options",
    "/user/logout",
    "/user/refresh",
];
const NOTHING: &[&str] = &[];

/// What a session may do that must enrol first, on each wire (SEC-108).
const ENROLS_BETTER_AUTH: &[&str] = &[
    "/api/auth/two-factor/enable",
    "/api/auth/two-factor/verify-totp",
    "/api/auth/two-factor/verify-otp",
    "/api/auth/two-factor/verify-backup-code",
    "/api/auth/two-factor/send-otp",
    "/api/auth/passkey/generate-register-options",
    "/api/auth/passkey/verify-registration",
    "/api/auth/sign-out",
];
/// The session tokens of Better Auth and SlugBase are our own API's as well.
const ENROLS_NATIVE: &[&str] = &[
    "/v1/session",
    "/v1/authenticators",
    "/v1/authenticators/totp",
    "/v1/authenticators/totp/confirm",
    "/v1/authenticators/email",
    "/v1/authenticators/sms",
    "/v1/authenticators/sms/confirm",
    "/v1/passkeys/options",
    "/v1/passkeys",
    // And the pages to the same end.
    "/account/totp",
    "/account/passkey",
    "/account/passkey/options",
    "/account/sms",
    "/account/email",
    "/sign-out",
];
/// What the challenge of our own API opens.
const NATIVE: &[&str] = &[
    "/v1/challenge",
    "/v1/challenge/code",
    "/v1/challenge/verify",
    "/v1/challenge/passkey/options",
    // And its page.
    "/challenge",
    "/challenge/passkey/options",
    "/challenge/passkey",
];
const ENROLS_SLUGBASE: &[&str] = &[
    "/api/auth/mfa/status",
    "/api/auth/mfa/enroll/begin",
    "/api/auth/mfa/enroll/confirm",
    "/api/auth/mfa/enroll/cancel",
    "/api/auth/logout",
];
const ENROLS_MUDBASE: &[&str] = &[
    "/api/users/2fa/setup",
    "/api/users/2fa/verify",
    "/api/auth/logout",
    "/api/auth/local/logout",
    "/api/auth/refresh",
];
const ENROLS_FLASHBACK: &[&str] = &[
    "/mfa/status",
    "/mfa/methods",
    "/mfa/setup",
    "/mfa/verify-setup",
    "/mfa/enable",
    "/mfa/passkey/complete-registration",
    "/mfa/passkey/complete-registration-1",
    "/user/logout",
    "/user/refresh",
];

/// Cookies that mean something to some dialect, and one that does not. Those of one row are shown together: no
/// dialect reads two of a row, so that none hides another.
const COOKIES: &[&[&str]] = &[
    &["better-auth.session_token", "token", "session"],
    &["better-auth.two_factor", "slugbase.sid"],
    &["better-auth.trust_device", "better-auth.session_data", "slugbase.mfa_pending"],
    &["countersign"],
    &["countersign-challenge", "countersign-application", "countersign-mail", "countersign-recovery"],
    &["countersign-trusted", "countersign-forward"],
];

/// Where a credential can stand.
#[derive(Clone, Copy, Debug)]
enum Place {
    Nowhere,
    Cookies(&'static [&'static str]),
    Bearer,
    BasicUser,
    BasicPassword,
    ApiKey,
}

fn places() -> Vec<Place> {
    let cookies = COOKIES.iter().map(|names| Place::Cookies(names));
    cookies.chain([Place::Bearer, Place::BasicUser, Place::BasicPassword, Place::ApiKey]).collect()
}

/// A body in which every route finds what it asks for, and nothing in it is right.
fn body(nth: usize) -> Value {
    json!({
        "email": format!("nobody{nth}@example.com"), "newEmail": format!("new{nth}@example.com"),
        "password": "Wrong-Horse-42-Battery", "currentPassword": "Wrong-Horse-42-Battery",
        "newPassword": "Other-Horse-42-Battery", "name": "Eve", "firstName": "Eve", "lastName": "Moneypenny",
        "companyName": "Eve", "isBusiness": false, "agreedToTerms": true,
        "code": "000000", "token": "000000", "totpToken": "000000", "mfaType": "GOOGLE_AUTH",
        "enforced": false, "confirm": "DELETE", "refreshToken": "x", "refresh_token": "x", "fingerprint": "x",
        "provider": "github", "uid": "x", "registrationInfo": {}, "permissions": [], "challenge": "x",
        "credential": { "id": "x", "rawId": "x", "type": "public-key", "response": {} },
        "projectId": "685acbe0e129932fbb7a0fc3",
    })
}

/// What is the same in two answers that mean the same: the status, where it leads, and some words.
type Sense = (u16, String, Vec<String>);

/// A page that leads to the first step, or to enrolling, lets nobody in.
fn is_closed((status, to, _): &Sense) -> bool {
    let leads_out = ["/sign-in", "/account/totp", "/step-up"].iter().any(|page| to.starts_with(page));
    [401, 403].contains(status) || ([302, 303].contains(status) && leads_out)
}

struct Walk<'w> {
    world: &'w World,
    routes: Vec<Route>,
    csrf: String,
    asked: usize,
}

impl<'w> Walk<'w> {
    async fn new(world: &'w World) -> Self {
        let csrf = Caller::new(world).get("/slugbase/api/csrf-token").await.expect(200);
        let csrf = csrf.body["csrfToken"].as_str().unwrap().to_owned();
        Self { world, routes: app::routes(&world.ctx), csrf, asked: 0 }
    }

    async fn ask(&mut self, route: &Route, place: Place, value: &str) -> Sense {
        self.asked += 1;
        let path: Vec<&str> = route
            .path
            .split('/')
            .map(
                |segment| if segment.starts_with('{') { "01920000000170008000000000000000" } else { segment },
            )
            .collect();
        let mut cookies = vec![format!("_csrf={}", self.csrf)];
        let mut request = Request::builder()
            .method(route.method.clone())
            .uri(path.join("/"))
            .header(header::ORIGIN, ORIGIN)
            .header("x-csrf-token", &self.csrf);
        let basic = |text: String| format!("Basic {}", BASE64.encode(text.as_bytes()));
        request = match place {
            Place::Nowhere => request,
            Place::Cookies(names) => {
                cookies.extend(names.iter().map(|name| format!("{name}={value}")));
                request
            }
            Place::Bearer => request.header(header::AUTHORIZATION, format!("Bearer {value}")),
            Place::BasicUser => request.header(header::AUTHORIZATION, basic(format!("{value}:"))),
            Place::BasicPassword => request.header(header::AUTHORIZATION, basic(format!("ada:{value}"))),
            Place::ApiKey => request.header("x-api-key", value),
        };
        request = request.header(header::COOKIE, cookies.join("; "));
        let request = if route.method == Method::GET {
            request.body(Body::empty())
        } else {
            request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body(self.asked).to_string()))
        };
        let reply = send(&self.world.router(), request.unwrap()).await;
        let words = ["code", "error_code", "error", "message", "authenticated", "user", "session", "data"];
        let said = words.iter().map(|word| match &reply.body[*word] {
            Value::String(text) => text.clone(),
            Value::Null => "null".to_owned(),
            Value::Bool(flag) => flag.to_string(),
            // Who it is about differs from call to call; that it is about somebody does not.
            _ => "something".to_owned(),
        });
        let to = reply.location().split('?').next().unwrap_or_default().to_owned();
        (reply.status.as_u16(), to, said.collect())
    }

    /// Every route where the credential got further than nobody does.
    async fn opened(&mut self, half_way: &HalfWay) -> BTreeSet<String> {
        let mut opened = BTreeSet::new();
        for route in self.routes.clone() {
            if half_way.opens.iter().any(|end| route.path.ends_with(end)) {
                continue;
            }
            let nobody = self.ask(&route, Place::Nowhere, "").await;
            for value in &half_way.values {
                for place in places() {
                    let somebody = self.ask(&route, place, value).await;
                    if !is_closed(&somebody) && somebody != nobody {
                        opened.insert(format!(
                            "{} {} with {} as {place:?}: {somebody:?}, nobody hears {nobody:?}",
                            route.method, route.path, half_way.name
                        ));
                    }
                }
            }
        }
        opened
    }
}

/// The first step of a sign-in on each wire, and what it leaves in the caller's hands.
async fn half_way_credentials(world: &World, email: &str) -> Vec<HalfWay> {
    let credentials = json!({ "email": email, "password": PASSWORD });
    let mut better_auth = Caller::new(world);
    let path = "/better-auth/api/auth/sign-in/email";
    better_auth.post(path, credentials.clone()).await.expect(200);
    let signed = better_auth.cookie("better-auth.two_factor");
    let plain = signed.split('.').next().unwrap_or_default().to_owned();
    let bare = plain.trim_start_matches("2fa-").to_owned();

    let mut native = Caller::new(world);
    let asked = native.post("/v1/sessions", credentials.clone()).await.expect(200);
    let challenge = asked.body["challenge"].as_str().unwrap().to_owned();

    let mut slugbase = Caller::new(world);
    slugbase.post("/slugbase/api/auth/login", credentials.clone()).await.expect(200);
    let pending = slugbase.cookie("slugbase.mfa_pending");

    let mut flashback = Caller::new(world);
    let partial = flashback.post("/flashback/user/login", credentials).await.expect(200);
    let text = |key: &str| partial.body[key].as_str().unwrap().to_owned();
    vec![
        HalfWay {
            name: "Better Auth's challenge",
            values: vec![signed, plain, bare],
            opens: BETTER_AUTH.to_vec(),
        },
        HalfWay { name: "our own challenge", values: vec![challenge], opens: NATIVE.to_vec() },
        HalfWay { name: "SlugBase's pending token", values: vec![pending], opens: SLUGBASE.to_vec() },
        HalfWay {
            name: "Flashback's partial token",
            values: vec![text("accessToken")],
            opens: FLASHBACK.to_vec(),
        },
        HalfWay {
            name: "Flashback's partial refresh token",
            values: vec![text("refreshToken")],
            opens: NOTHING.to_vec(),
        },
    ]
}

#[tokio::test]
async fn what_is_held_between_the_two_steps_opens_only_the_second() {
    let world = World::new().await;
    let mut ada = accents::sign_up(&world, "better-auth", "ada@example.com").await;
    accents::enrol(&world, "better-auth", &mut ada).await;
    let mut walk = Walk::new(&world).await;
    assert!(walk.routes.len() > 200, "{} routes", walk.routes.len());
    for half_way in half_way_credentials(&world, "ada@example.com").await {
        let opened = walk.opened(&half_way).await;
        assert!(opened.is_empty(), "{opened:#?}");
    }
}

/// Signs in somebody who must have a second factor and has none, on each wire.
async fn enrolling_credentials(world: &World) -> Vec<HalfWay> {
    let mut all = Vec::new();
    for dialect in ["native", "better-auth", "slugbase", "mudbase", "flashback"] {
        let email = format!("{dialect}@example.com");
        accents::sign_up(world, dialect, &email).await;
        let address = email.clone();
        let must = move |tx: &mut Tx<'_>| {
            let user = tx.user_by_email(&address)?.expect("signed up a moment ago");
            tx.set_second_factor_required(&user.id, true)
        };
        world.ctx.store.write(must).await.unwrap();
        let mut caller = Caller::new(world);
        let body = json!({ "email": email, "password": PASSWORD });
        let (path, status) = match dialect {
            "native" => ("/v1/sessions", 201),
            "better-auth" => ("/better-auth/api/auth/sign-in/email", 403),
            "slugbase" => ("/slugbase/api/auth/login", 403),
            "mudbase" => ("/mudbase/api/auth/local/login", 403),
            _ => ("/flashback/user/login", 200),
        };
        let reply = caller.post(path, body).await.expect(status);
        let told = |key: &str| reply.body[key].as_str().unwrap().to_owned();
        let (values, opens) = match dialect {
            "native" => {
                (vec![reply.body["session"]["token"].as_str().unwrap().to_owned()], ENROLS_BETTER_AUTH)
            }
            "better-auth" => {
                let signed = caller.cookie("better-auth.session_token");
                let plain = signed.split('.').next().unwrap_or_default().to_owned();
                (vec![signed, plain], ENROLS_BETTER_AUTH)
            }
            "slugbase" => (vec![caller.cookie("token"), caller.cookie("slugbase.sid")], ENROLS_SLUGBASE),
            "mudbase" => (vec![told("token"), told("refreshToken")], ENROLS_MUDBASE),
            _ => (vec![told("accessToken"), told("refreshToken")], ENROLS_FLASHBACK),
        };
        // The session tokens of these three are one kind.
        let shared = if ["mudbase", "flashback"].contains(&dialect) { NOTHING } else { ENROLS_BETTER_AUTH };
        let opens = [opens, ENROLS_NATIVE, shared].concat();
        all.push(HalfWay { name: dialect, values, opens });
    }
    all
}

#[tokio::test]
async fn whoever_must_enrol_first_may_enrol_or_leave_and_nothing_else() {
    let world = World::new().await;
    let mut walk = Walk::new(&world).await;
    for enrolling in enrolling_credentials(&world).await {
        let opened = walk.opened(&enrolling).await;
        assert!(opened.is_empty(), "{opened:#?}");
    }
}

/// The same walk with a whole session finds many open doors: it would notice one.
#[tokio::test]
async fn the_walk_notices_open_doors() {
    let world = World::new().await;
    let mut walk = Walk::new(&world).await;
    let reads = |route: &Route| route.method == Method::GET;
    walk.routes.retain(reads);
    for dialect in ["native", "better-auth", "slugbase", "mudbase", "flashback"] {
        let email = format!("{dialect}@example.com");
        let caller = accents::sign_up(&world, dialect, &email).await;
        let value = match dialect {
            "better-auth" => caller.cookie("better-auth.session_token"),
            "slugbase" => caller.cookie("token"),
            _ => caller.bearer.clone().unwrap(),
        };
        let whole = HalfWay { name: dialect, values: vec![value], opens: NOTHING.to_vec() };
        assert!(walk.opened(&whole).await.len() >= 2, "{dialect}");
    }
}
