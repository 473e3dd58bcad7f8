//! The account: profile, password, and its end (contract §§4, 6).

use countersign_core::{secret::Secret, user};
use serde_json::{Value, json};

use super::{callers::Asked, errors::No, wire};
use crate::{
    config::PasswordCode,
    http::reply::Reply,
    operations::{
        accounts::{self, Farewell, FarewellTaken, PasswordChange, ProfileChange},
        challenge::Typed,
        sessions::Handover,
    },
};

pub(super) async fn me(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let own = asked.organisations_of(&who).await?;
    Ok(Reply::json(&json!({ "user": wire::user(&who, &own) })))
}

pub(super) async fn update(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let (given, family, image) = asked.body(|body| {
        let image = match body.value("avatar") {
            Some(Value::Null) => Some(None),
            _ => body.optional_text("avatar").map(Some),
        };
        (body.optional_text("firstName"), body.optional_text("lastName"), image)
    })?;
    let mut change = ProfileChange { image, ..ProfileChange::default() };
    if given.is_some() || family.is_some() {
        let (old_given, old_family) = who.user.names();
        let family = family.as_deref().unwrap_or(old_family).trim();
        change.name = Some(user::full_name(given.as_deref().unwrap_or(old_given), family));
        change.family_name = Some(family.to_owned());
    }
    accounts::update(asked.ctx(), &asked.visitor, &who, change).await?;
    let who = asked.signed_in().await?;
    let own = asked.organisations_of(&who).await?;
    let body = json!({ "message": "Profile updated successfully", "user": wire::user(&who, &own) });
    Ok(Reply::json(&body))
}

/// The asking session goes on with its refresh token; all others end.
pub(super) async fn change_password(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let change = asked.body(|body| PasswordChange {
        current: body.secret("currentPassword"),
        new: body.secret("newPassword"),
        revoke_other_sessions: true,
        code: body.code().map(Typed::from_either),
        code_required: asked.ctx().config.mudbase.password_code == PasswordCode::Required,
        handover: Handover::Nothing,
    })?;
    accounts::change_password(asked.ctx(), &asked.visitor, &who, change).await?;
    Ok(Reply::json(&json!({ "message": "Password changed successfully" })))
}

/// Ends the account at once, or mails a link where the server is set to ask once more: its page posts what the
/// link carries as `confirmationToken`.
pub(super) async fn erase(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let (farewell, token) = asked.body(|body| {
        if body.value("confirm").is_none_or(|confirm| confirm != "DELETE") {
            body.complain("confirm", "must be [DELETE]");
        }
        let farewell = Farewell {
            password: body.optional_text("currentPassword").map(Secret::new),
            code: body.code().map(Typed::from_either),
            all_required: true,
            link: asked.link("/erase-account?token="),
        };
        (farewell, body.optional_text("confirmationToken"))
    })?;
    let taken = match token {
        Some(token) => {
            accounts::confirm_delete(asked.ctx(), &asked.visitor, &who, &token).await?;
            FarewellTaken::Deleted
        }
        None => accounts::delete(asked.ctx(), &asked.visitor, &who, farewell).await?,
    };
    let (message, gone) = match taken {
        FarewellTaken::Deleted => ("User data anonymized and account disabled", true),
        FarewellTaken::Mailed => ("A link to confirm this was sent to your email", false),
    };
    let data = json!({
        "alreadyErased": false, "subjectId": who.user.id.as_object_id(),
        "anonymized": gone, "sessionsRevoked": gone,
    });
    Ok(Reply::json(&json!({ "success": true, "message": message, "data": data })))
}
