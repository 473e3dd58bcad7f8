//! The second factor: enrolling, proving, giving up, and what an organisation says about it (contract §§3-5).

use countersign_core::{
    backup_code::Shape,
    challenge::Wants,
    denied::Denied,
    ids::{UserId, without_hyphens},
    method::Method,
    secret::Secret,
    session::{Reach, Scope},
};
use serde_json::{Value, json};

use super::{
    callers::{Asked, Bearer, given},
    errors::No,
    passkeys,
    wire::{self, GOOGLE_AUTH, Handed, MAGIC_LINK, PASSKEY, done},
};
use crate::{
    http::{fields::Fields, reply::Reply},
    operations::{
        authenticators::{self, Overview, Removal},
        challenge::{self, Answered, Carrier, Typed, Wishes},
        emails::LinkShape,
        enrol::{self, Begin, BeginEmail, Confirm},
        organisations::{self, Reset, RuleChange},
        sessions::{Handover, SignedIn},
    },
    qr,
};

pub(super) fn data(data: &Value) -> Reply {
    Reply::json(&json!({ "success": true, "data": data }))
}

/// The method that the body names.
fn named_method(asked: &Asked) -> Result<Method, No> {
    let named = asked.body(|body| body.member("mfaType"))?;
    match named.as_ref().and_then(Value::as_str) {
        Some(GOOGLE_AUTH) => Ok(Method::Totp),
        Some(MAGIC_LINK) => Ok(Method::EmailCode),
        Some(PASSKEY) => Ok(Method::Passkey),
        _ => Err(No::MFA_TYPE),
    }
}

/// How whoever is asking stands, and whether they are all the way in.
async fn overview(asked: &Asked) -> Result<(Overview, bool), No> {
    let ctx = asked.ctx();
    match asked.bearer(Reach::Enrolment).await? {
        Some(Bearer::Session(who)) => {
            Ok((authenticators::overview(ctx, &who).await?, who.session.scope == Scope::Full))
        }
        Some(Bearer::Challenge(challenge)) => {
            Ok((authenticators::overview_at_the_door(ctx, challenge.expose()).await?, false))
        }
        None => Err(Denied::NotSignedIn.into()),
    }
}

pub(super) async fn status(asked: Asked) -> Result<Reply, No> {
    let (overview, verified) = overview(&asked).await?;
    Ok(data(&wire::status(&overview, verified)))
}

pub(super) async fn methods(asked: Asked) -> Result<Reply, No> {
    Ok(data(&wire::methods(&overview(&asked).await?.0)))
}

/// The wire asks for no password, so the session must be fresh.
pub(super) async fn set_up(asked: Asked) -> Result<Reply, No> {
    let (ctx, visitor, who) = (asked.ctx(), &asked.visitor, asked.signed_in_to_enrol().await?);
    let method = named_method(&asked)?;
    if method == Method::Passkey {
        return passkeys::set_up(&asked, &who).await;
    }
    if method == Method::EmailCode {
        let email = asked.body(|body| given(body, "email"))?;
        enrol::begin_email(ctx, visitor, &who, BeginEmail { email, link: link(&asked) }).await?;
        return Ok(data(&json!({ "email": who.user.email, "verificationRequired": true })));
    }
    let begin = Begin { backup_codes: Some(Shape::Grouped), ..Begin::default() };
    let enrolment = enrol::begin_totp(ctx, visitor, &who, begin).await?;
    let codes: Vec<_> = enrolment.backup_codes.iter().map(|code| code.expose().as_str()).collect();
    Ok(data(&json!({
        "secret": enrolment.secret.expose(),
        "qrCode": qr::png_data_uri(enrolment.uri.expose()).map_err(No::Fault)?.expose(),
        "backupCodes": codes,
    })))
}

/// The token that was issued before keeps working: enrolling proved possession (§3).
pub(super) async fn verify_setup(asked: Asked) -> Result<Reply, No> {
    let (ctx, visitor, who) = (asked.ctx(), &asked.visitor, asked.signed_in_to_enrol().await?);
    let method = named_method(&asked)?;
    if method == Method::Passkey {
        passkeys::register(&asked, &who).await?;
        return Ok(Reply::json(&done("MFA setup verified and enabled")));
    }
    let code = asked.body(|body| proof(body, method))?;
    if method == Method::EmailCode {
        enrol::finish_email(ctx, visitor, code.expose()).await?;
    } else {
        let confirm = Confirm {
            method: Method::Totp,
            code,
            name: None,
            backup_codes: None,
            handover: Handover::Nothing,
        };
        enrol::confirm_code(ctx, visitor, &who, confirm).await?;
    }
    Ok(Reply::json(&done("MFA setup verified and enabled")))
}

/// Links carry a `token`, apps show a `code`; the type has room for both.
fn proof(body: &mut Fields<'_>, method: Method) -> Secret<String> {
    let token = if method == Method::EmailCode { given(body, "token") } else { None };
    token.map_or_else(|| body.secret("code"), Secret::new)
}

/// At the door a session begins; within one it is proven anew. What the client says about itself (`sessionId`,
/// `ipAddress`, `userAgent`) is not looked at.
pub(super) async fn verify_login(asked: Asked) -> Result<Reply, No> {
    let answerer = asked.answerer().await?;
    let method = named_method(&asked)?;
    if method == Method::Passkey {
        return passkeys::verify_login(asked).await;
    }
    let code = asked.body(|body| proof(body, method))?;
    // Backup codes come in the field of the authenticator app's.
    let typed = if method == Method::Totp { Typed::from_either(code) } else { Typed { method, code } };
    // An enrolment that waits is `verify-setup`'s to complete.
    let offered = (typed, Wishes { wants: Wants::Proof, ..Wishes::default() });
    verified(&asked, challenge::answer(asked.ctx(), &asked.visitor, answerer, offered).await?).await
}

/// The full tokens, after the second step or another proof.
pub(super) async fn verified(asked: &Asked, answered: Answered) -> Result<Reply, No> {
    let (who, minted) = match answered {
        Answered::SignedIn { user, session, .. } => (user, Some(session)),
        Answered::Proven { who, rotated } => (who.user, rotated),
        Answered::ProvenOnly { user, .. } => (user, None),
    };
    let minted = minted.ok_or(Denied::NotSignedIn)?;
    let who = SignedIn { session: minted.session, user: who, second_factor_is_on: true };
    Ok(Reply::json(&Handed::full(asked.ctx(), &who, minted.token).await?.verified()))
}

/// What was set up and verified is enabled already.
pub(super) async fn enable(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in_to_enrol().await?;
    let method = named_method(&asked)?;
    match authenticators::overview(asked.ctx(), &who).await?.has(method) {
        true => Ok(Reply::json(&done("MFA method enabled"))),
        false => Err(Denied::NotEnrolled(method).into()),
    }
}

pub(super) async fn disable(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let method = Some(named_method(&asked)?);
    let removal = Removal { method, handover: Handover::Nothing, ..Removal::default() };
    authenticators::remove(asked.ctx(), &asked.visitor, &who, removal).await?;
    Ok(Reply::json(&done("MFA method disabled")))
}

pub(super) async fn make_primary(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    authenticators::prefer(asked.ctx(), &who, named_method(&asked)?).await?;
    Ok(Reply::json(&done("Primary MFA method updated")))
}

/// Another's factors, for whoever administers their organisation; or one's own. `enable` says whether a second
/// factor is required of the person from then on.
pub(super) async fn reset(asked: Asked) -> Result<Reply, No> {
    let (ctx, visitor, who) = (asked.ctx(), &asked.visitor, asked.signed_in().await?);
    let (user, require) = asked.any_body(|body| {
        let enable = body.member("enable").filter(|sent| !sent.is_null());
        (given(body, "resetUserId"), enable.map(|_| body.flag("enable", false)))
    })?;
    if let Some(user) = user {
        let reset = Reset { user: UserId::from(without_hyphens(&user)), require, reason: None };
        organisations::reset_member(ctx, visitor, &who, reset).await?;
    } else {
        let removal = Removal { require, handover: Handover::Nothing, ..Removal::default() };
        authenticators::remove(ctx, visitor, &who, removal).await?;
    }
    Ok(Reply::json(&done("MFA reset successfully")))
}

pub(super) async fn enforce(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let enforced = asked.body(|body| body.required_flag("enforced"))?;
    let change = RuleChange { second_factor_required: Some(enforced), ..RuleChange::default() };
    organisations::change_rules(asked.ctx(), &asked.visitor, &who, change).await?;
    let word = if enforced { "enabled" } else { "disabled" };
    Ok(Reply::json(&done(&format!("MFA enforcement {word} for organization"))))
}

fn link(asked: &Asked) -> LinkShape {
    asked.page("/mfa/magic-link?token=")
}

pub(super) async fn send_link(asked: Asked) -> Result<Reply, No> {
    let answerer = asked.answerer().await?;
    let carrier = Carrier::Link(link(&asked));
    challenge::send_code(asked.ctx(), &asked.visitor, answerer, carrier).await?;
    Ok(Reply::json(&done("Magic link sent successfully")))
}

/// Public: the link may be opened where nobody is signed in.
pub(super) async fn activate_link(asked: Asked) -> Result<Reply, No> {
    let token = asked.body(|body| body.secret("token"))?;
    enrol::finish_email(asked.ctx(), &asked.visitor, token.expose()).await?;
    Ok(Reply::json(&done("Magic link MFA activated successfully")))
}
