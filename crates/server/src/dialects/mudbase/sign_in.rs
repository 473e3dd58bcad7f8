//! Registering, logging in and out, refreshing, and verifying an address (contract §§3-4).

use axum::http::StatusCode;
use countersign_core::{
    denied::Denied,
    organisation::Role,
    secret::Secret,
    user::{self, User},
};
use serde_json::json;

use super::{
    WIRE,
    callers::{Asked, Handed, Show},
    errors::No,
    members::Members,
    wire,
};
use crate::{
    config::MudbaseLogin,
    http::reply::Reply,
    operations::{
        emails::{self, VerificationRequest},
        organisations::Belonging,
        sessions::{self, Handover, Minted, Refreshed, SignedIn},
        sign_in::{self, Gate, PasswordSignIn, SignUp, SignedInOrAsked, SignedUp},
    },
};

const REGISTERED: &str = "User registered successfully";
const VERIFY_FIRST: &str = "Please verify your email to sign in. We have sent you a verification link.";
const LOGGED_IN: &str = "Login successful";

/// What both registrations ask for.
fn new_user(asked: &Asked, body: &mut Members<'_, '_>) -> SignUp {
    let (given, family) = (body.text("firstName"), body.text("lastName"));
    SignUp {
        name: user::full_name(&given, &family),
        family_name: Some(family.trim().to_owned()),
        email: body.email(),
        password: body.secret("password"),
        remember: true,
        link: asked.link("/verify-email?token="),
        handover: Handover::Refresh(WIRE),
        ..SignUp::default()
    }
}

/// An account of its own organisation.
pub(super) async fn register(asked: Asked) -> Result<Reply, No> {
    let new = asked.body(|body| {
        body.only(&["email", "password", "firstName", "lastName", "orgName", "agreedToTerms", "captcha"]);
        if body.optional_flag("agreedToTerms") != Some(true) {
            body.complain("agreedToTerms", "must be [true]");
        }
        let new = new_user(&asked, body);
        let name = body.optional_text("orgName").unwrap_or_else(|| new.name.clone());
        SignUp { belonging: Belonging::Founds { name }, ..new }
    })?;
    let SignedUp { user, session } = sign_in::sign_up(asked.ctx(), &asked.visitor, new).await?;
    let Some(minted) = session else {
        let shown = wire::newcomer(&user, Role::Owner);
        return Ok(created(Reply::json(&json!({ "message": VERIFY_FIRST, "user": shown }))));
    };
    Ok(created(asked.grant(handed(user, false, minted), REGISTERED, Some(wire::user)).await?))
}

/// Unless it became a refusal.
fn created(reply: Reply) -> Reply {
    if reply.status == StatusCode::OK { reply.status(StatusCode::CREATED) } else { reply }
}

fn handed(user: User, second_factor_is_on: bool, minted: Minted) -> Handed {
    (SignedIn { session: minted.session, user, second_factor_is_on }, minted.token)
}

/// A user of a project, which is made when its first one comes.
pub(super) async fn local_register(asked: Asked) -> Result<Reply, No> {
    let new = asked.body(|body| {
        body.only(&["email", "password", "firstName", "lastName", "projectId", "agreedToTerms"]);
        body.optional_flag("agreedToTerms");
        let external_id = body.object_id("projectId");
        SignUp { belonging: Belonging::Joins { external_id }, ..new_user(&asked, body) }
    })?;
    let SignedUp { user, session } = sign_in::sign_up(asked.ctx(), &asked.visitor, new).await?;
    let Some(minted) = session else {
        let shown = wire::local_newcomer(&user);
        let body = json!({ "message": VERIFY_FIRST, "requireVerification": true, "user": shown });
        return Ok(created(Reply::json(&body)));
    };
    let show: Show = |who, _| wire::local_newcomer(&who.user);
    Ok(created(asked.grant(handed(user, false, minted), REGISTERED, Some(show)).await?))
}

/// Email, password, and perhaps a code: in the body, or in a header.
fn attempt(asked: &Asked, body: &mut Members<'_, '_>) -> (PasswordSignIn, Option<Secret<String>>) {
    let gate = match asked.ctx().config.mudbase.login {
        MudbaseLogin::Gated => Gate::SecondFactor,
        MudbaseLogin::Original => Gate::Open,
    };
    let attempt = PasswordSignIn {
        email: body.email(),
        password: body.secret("password"),
        remember: true,
        handover: Handover::Refresh(WIRE),
        gate,
        ..PasswordSignIn::default()
    };
    (attempt, body.code().or_else(|| asked.code_in_header()))
}

/// Whoever comes in. A wrong password is told before anything is said of codes.
async fn enter(asked: &Asked, attempt: (PasswordSignIn, Option<Secret<String>>)) -> Result<Handed, No> {
    let (attempt, code) = attempt;
    match sign_in::with_password_and_code(asked.ctx(), &asked.visitor, attempt, code).await? {
        SignedInOrAsked::Asked(_) => Err(Denied::CodeRequired.into()),
        SignedInOrAsked::SignedIn { user, second_factor_is_on, session, .. } => {
            Ok(handed(user, second_factor_is_on, session))
        }
    }
}

pub(super) async fn login(asked: Asked) -> Result<Reply, No> {
    let attempt = asked.body(|body| attempt(&asked, body))?;
    asked.grant(enter(&asked, attempt).await?, LOGGED_IN, Some(wire::user)).await
}

pub(super) async fn local_login(asked: Asked) -> Result<Reply, No> {
    let attempt = asked.body(|body| {
        let within = body.optional_object_id("projectId");
        let (attempt, code) = attempt(&asked, body);
        (PasswordSignIn { within, ..attempt }, code)
    })?;
    let show: Show = |who, _| wire::local_user(who);
    asked.grant(enter(&asked, attempt).await?, LOGGED_IN, Some(show)).await
}

pub(super) async fn refresh(asked: Asked) -> Result<Reply, No> {
    let token = asked.sent.text("refreshToken").filter(|token| !token.is_empty());
    let token = token.ok_or(No::RefreshTokenMissing)?;
    let Refreshed { who, token } = sessions::refresh(asked.ctx(), &asked.visitor, WIRE, &token).await?;
    asked.grant((who, token), "Token refreshed successfully", None).await
}

/// Ends the session, and with it the refresh tokens that came of it. What the body says does not matter.
pub(super) async fn logout(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in_to_enrol().await?;
    sessions::leave(asked.ctx(), &asked.visitor, &who).await?;
    Ok(Reply::json(&json!({ "message": "Logout successful" })))
}

pub(super) async fn session(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let own = asked.organisations_of(&who).await?;
    Ok(Reply::json(&json!({ "user": wire::user(&who, &own), "authenticated": true })))
}

/// With a project named, only for its own users.
pub(super) async fn local_session(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let own = asked.organisations_of(&who).await?;
    let asked_for = asked.query("projectId").map(|id| id.to_ascii_lowercase());
    let fits = |id: &str| asked_for.as_deref().is_none_or(|asked_for| asked_for == id);
    let project = own.iter().find(|one| wire::project_id(&one.organisation).is_some_and(fits));
    if asked_for.is_some() && project.is_none() {
        return Err(No::ProjectUnknown);
    }
    Ok(Reply::json(&json!({ "user": wire::local_session(&who, project), "authenticated": true })))
}

/// Posted by the page that the mailed link leads to.
pub(super) async fn verify_email(asked: Asked) -> Result<Reply, No> {
    let token = asked.body(|body| {
        body.optional_object_id("projectId");
        body.text("token")
    })?;
    emails::open(asked.ctx(), &asked.visitor, &token).await?;
    Ok(Reply::json(&json!({ "message": "Email verified successfully" })))
}

/// The same answer whether or not anybody has this address.
pub(super) async fn resend_verification(asked: Asked) -> Result<Reply, No> {
    let email = asked.body(|body| {
        body.optional_object_id("projectId");
        body.email()
    })?;
    let request = VerificationRequest { email: &email, who: None, link: asked.link("/verify-email?token=") };
    emails::request_verification(asked.ctx(), &asked.visitor, request).await?;
    let message = "If the account exists and is not verified, a verification link is on its way";
    Ok(Reply::json(&json!({ "message": message })))
}
