//! Registering, logging in, refreshing and logging out: public routes that take no notice of a bearer (contract §2).

use axum::http::StatusCode;
use countersign_core::{
    password::Ingredient,
    session::Reach,
    user::{self, User},
};
use serde_json::json;

use super::{
    callers::{Asked, Bearer, given},
    errors::No,
    wire::{Handed, PARTIAL_REFRESH, WIRE, done},
};
use crate::{
    http::reply::Reply,
    operations::{
        authenticators, challenge,
        sessions::{self, Handover, Minted, SignedIn},
        sign_in::{self, Belonging, PasswordSignIn, SignUp, SignedInOrAsked},
        tokens,
    },
};

/// What the wire's documents ask of a password (§2.1).
pub(super) const INGREDIENTS: &[Ingredient] =
    &[Ingredient::UpperCase, Ingredient::LowerCase, Ingredient::Digit];

pub(super) async fn register(asked: Asked) -> Result<Reply, No> {
    let new = asked.body(|body| {
        let family = body.text("lastName");
        SignUp {
            name: user::full_name(&body.text("firstName"), &family),
            family_name: Some(family.trim().to_owned()),
            email: body.email("email"),
            password: body.some_secret("password"),
            belonging: Belonging::Founds { name: body.text("companyName") },
            remember: true,
            ingredients: INGREDIENTS,
            handover: Handover::Refresh(WIRE),
            link: asked.page("/verify-email?token="),
            image: None,
        }
    })?;
    let signed_up = sign_in::sign_up(asked.ctx(), &asked.visitor, new).await?;
    let reply = match (signed_up.session, signed_up.user) {
        (Some(session), user) => hand_over(&asked, user, session).await?,
        // The same for a taken address, so nothing here may come from what is stored (SEC-115).
        (None, user) => Reply::json(&json!({
            "success": true, "message": "Check your email to verify your address, then log in",
            "user": { "id": user.id.hyphenated(), "email": user.email, "name": user.name },
            "verificationTokenId": user.id.hyphenated(),
        })),
    };
    Ok(reply.status(StatusCode::CREATED))
}

/// A new session's tokens.
async fn hand_over(asked: &Asked, user: User, minted: Minted) -> Result<Reply, No> {
    let Minted { token, session } = minted;
    let who = SignedIn { session, user, second_factor_is_on: false };
    Ok(Reply::json(&Handed::full(asked.ctx(), &who, token).await?.reply()))
}

pub(super) async fn log_in(asked: Asked) -> Result<Reply, No> {
    let attempt = asked.body(|body| PasswordSignIn {
        email: body.text("email"),
        password: body.secret("password"),
        remember: true,
        handover: Handover::Refresh(WIRE),
        ..PasswordSignIn::default()
    })?;
    match sign_in::with_password(asked.ctx(), &asked.visitor, attempt).await? {
        SignedInOrAsked::SignedIn { user, session, .. } => hand_over(&asked, user, session).await,
        SignedInOrAsked::Asked(step) => {
            Ok(Reply::json(&Handed::partial(asked.ctx(), &step.user, &step.token).await?.reply()))
        }
    }
}

/// The client says `refresh_token`, the documents `refreshToken`.
fn refresh_token(asked: &Asked) -> Result<Option<String>, No> {
    asked.any_body(|body| given(body, "refresh_token").or_else(|| given(body, "refreshToken")))
}

/// A refresh keeps the level: what was partial stays so as long as its question is open.
pub(super) async fn refresh(asked: Asked) -> Result<Reply, No> {
    let token = refresh_token(&asked)?;
    let token = token.ok_or(No::Only(400, "VALIDATION_ERROR", "refresh_token: expected string"))?;
    let ctx = asked.ctx();
    let handed = match tokens::challenge_in(ctx, PARTIAL_REFRESH, &token) {
        Some(challenge) => {
            let overview = authenticators::overview_at_the_door(ctx, challenge.expose()).await?;
            Handed::partial(ctx, &overview.user, &challenge).await?
        }
        None => {
            let refreshed = sessions::refresh(ctx, &asked.visitor, WIRE, &token).await?;
            Handed::full(ctx, &refreshed.who, refreshed.token).await?
        }
    };
    Ok(Reply::json(&handed.reply()))
}

/// Ends what the refresh token stands for. Without one the bearer's session is meant, if there is one.
pub(super) async fn log_out(asked: Asked) -> Result<Reply, No> {
    let (ctx, visitor) = (asked.ctx(), &asked.visitor);
    match refresh_token(&asked)? {
        Some(token) => match tokens::challenge_in(ctx, PARTIAL_REFRESH, &token) {
            Some(challenge) => challenge::give_up(ctx, visitor, challenge).await?,
            None => sessions::sign_out(ctx, visitor, &token, Handover::Refresh(WIRE)).await?,
        },
        None => match asked.bearer(Reach::Enrolment).await? {
            Some(Bearer::Session(who)) => sessions::leave(ctx, visitor, &who).await?,
            Some(Bearer::Challenge(challenge)) => challenge::give_up(ctx, visitor, challenge).await?,
            None => {}
        },
    }
    Ok(Reply::json(&done("Logged out successfully")))
}
