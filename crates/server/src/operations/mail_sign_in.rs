//! Signing in by mail: a link or a code goes to an address, and whoever follows or types it reads that mailbox.
//!
//! That is one factor. An account with a second one is asked for it, and mailed codes do not count as that
//! (SEC-029). A link can be followed anywhere; a code is typed where it was asked for (SEC-025).

use countersign_core::{
    assurance::Proofs,
    authenticator,
    denied::Denied,
    entropy,
    event::Kind,
    ids::{MailSignInId, UserId},
    lockout::Budget,
    mail_sign_in::{Arrival, Carrier, MailSignIn},
    message::{CodePurpose, Destination, Letter, Message, Notice},
    method::Method,
    one_time_code,
    secret::Secret,
    session::Visitor,
    time::DAY,
    user::{self, User},
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::json;

use crate::{
    config::MailSignIns,
    ctx::Ctx,
    fault::Fault,
    operations::{
        Act, Outcome, Whose, brands,
        emails::LinkShape,
        sessions::Handover,
        sign_in::{self, Admission, Gate, SignedInOrAsked},
    },
    store::{NewMailSignIn, Purpose, Tx},
};

/// Length of what the asking browser keeps, `[A-Za-z0-9]`: 190 bits.
const BROWSER_LENGTH: usize = 32;

/// How it reaches the mailbox.
#[derive(Clone, Debug)]
pub enum By {
    Link(LinkShape),
    Code,
}

pub struct Request<'a> {
    pub email: &'a str,
    pub by: By,
    /// As a new account would be called.
    pub name: String,
    /// What this browser keeps from an earlier request: it stays the same, so that several tabs work.
    pub browser: Option<String>,
}

/// Mails a link or a code and returns what the browser keeps. The answer is the same whoever has an account, and
/// whether or not the sending limits let a mail out (SEC-031, SEC-115).
pub async fn request(ctx: &Ctx, visitor: &Visitor, asked: Request<'_>) -> Outcome<Secret<String>> {
    let email = user::email(asked.email).ok_or(Denied::EmailInvalid)?;
    sign_in::check_profile(&asked.name, None)?;
    let rule = ctx.config.accounts.mail_sign_ins;
    if rule == MailSignIns::Off {
        return Err(Denied::MethodNotAllowed(Method::EmailCode).into());
    }
    let act = Act::begin(ctx, visitor);
    let kept = asked.browser.filter(|kept| is_kept(kept));
    let browser = Secret::new(kept.unwrap_or_else(|| entropy::alphanumeric(act.dice(), BROWSER_LENGTH)));
    let keeps = browser_digest(&act, browser.expose());
    let (by, name, public_url) = (asked.by, asked.name, ctx.config.public_url.clone());
    ctx.write(move |tx| {
        let user = tx.user_by_email(&email)?;
        if user.is_none() && rule == MailSignIns::Existing {
            return Ok(Ok(()));
        }
        let earlier = tx.mail_sign_ins_sent(&email, act.now - DAY)?;
        if one_time_code::may_send(&earlier, act.now).is_err() {
            return Ok(Ok(()));
        }
        let (carrier, code, lifetime) = match &by {
            By::Link(_) => {
                (Carrier::Link, one_time_code::new_for_link(act.dice()), one_time_code::LINK_LIFETIME)
            }
            By::Code => (Carrier::Code, one_time_code::new(act.dice()), one_time_code::LIFETIME),
        };
        let id = MailSignInId::new(act.now, act.dice());
        let new = NewMailSignIn {
            id: &id,
            carrier,
            email: &email,
            digest: &match carrier {
                Carrier::Link => link_digest(&act, code.expose()),
                Carrier::Code => code_digest(&act, &email, code.expose()),
            },
            browser: &keeps,
            name: &name,
            asked_from: &act.visitor,
            created_at: act.now,
            expires_at: act.now + lifetime,
        };
        tx.insert_mail_sign_in(&new)?;
        let (minutes, from) = ((lifetime.as_secs() / 60) as u32, act.visitor.clone());
        let purpose = CodePurpose::SignIn;
        let message = match &by {
            By::Link(shape) => {
                Message::MagicLink { url: shape.around(&public_url, &code), purpose, minutes, from }
            }
            By::Code => Message::OneTimeCode { code, purpose, minutes, from },
        };
        let to = Destination::Email(email.clone());
        match &user {
            Some(user) => act.write_to_destination(tx, user, to, (message, new.expires_at))?,
            None => {
                // A stranger's name for a stranger is no way to write into their mail.
                let letter = Letter {
                    to,
                    recipient_name: String::new(),
                    message,
                    expires_at: new.expires_at,
                    language: act.visitor.language.unwrap_or_default(),
                    head: brands::letterhead(&act, tx, None)?,
                };
                act.post(tx, UserId::from(id.to_string()), &letter)?;
            }
        }
        let whose = user.as_ref().map(|user| Whose::user(&user.id)).unwrap_or_default();
        act.record(tx, Kind::CodeSent, whose, json!({ "channel": "email", "carrier": carrier.as_str() }))?;
        Ok(Ok(()))
    })
    .await?;
    Ok(browser)
}

/// What a browser keeps that opened a link it did not ask for.
pub fn new_browser(ctx: &Ctx) -> Secret<String> {
    Secret::new(entropy::alphanumeric(ctx.dice.as_ref(), BROWSER_LENGTH))
}

/// What the page of a link sends back, so that only a page shown in this browser can spend it.
pub fn confirmation(ctx: &Ctx, browser: &str, token: &str) -> String {
    let digest = ctx.vault.digest("mail sign-in confirmation", &[browser.as_bytes(), token.as_bytes()]);
    BASE64URL_NOPAD.encode(&digest)
}

fn is_kept(text: &str) -> bool {
    text.len() == BROWSER_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn browser_digest(act: &Act, kept: &str) -> Vec<u8> {
    act.vault.digest("mail sign-in browser", &[kept.as_bytes()])
}

fn link_digest(act: &Act, token: &str) -> Vec<u8> {
    act.vault.digest("mail sign-in link", &[token.as_bytes()])
}

fn code_digest(act: &Act, email: &str, code: &str) -> Vec<u8> {
    act.vault.digest("mail sign-in code", &[email.as_bytes(), code.as_bytes()])
}

/// A link that would open, looked at.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub email: String,
    /// Whether this browser asked for it.
    pub asked_here: bool,
    pub asked_from: Visitor,
}

/// What a link would do. Looking spends nothing, however often and whoever looks (SEC-028).
pub async fn look_at(ctx: &Ctx, token: &str, browser: Option<&str>) -> Outcome<Waiting> {
    let act = Act::begin(ctx, &Visitor::default());
    let (digest, now) = (link_digest(&act, token), act.now);
    let keeps = browser.map(|kept| browser_digest(&act, kept));
    let found = ctx.store.read(move |tx| tx.mail_link(&digest)).await?.ok_or(Denied::LinkInvalid)?;
    found.may_follow(now)?;
    Ok(Waiting {
        asked_here: keeps.is_some_and(|keeps| keeps == found.browser),
        email: found.email,
        asked_from: found.asked_from,
    })
}

/// Somebody who came with a link or a code.
pub struct Come {
    pub handover: Handover,
    /// What the browser keeps from an earlier "trust this device": one value for each person who shares it.
    pub trusted_devices: Vec<String>,
}

#[derive(Debug)]
pub struct Came {
    pub step: SignedInOrAsked,
    /// The account was made just now.
    pub is_new: bool,
}

/// Follows a link.
pub async fn follow(ctx: &Ctx, visitor: &Visitor, token: &str, come: Come) -> Outcome<Came> {
    let act = Act::begin(ctx, visitor);
    let digest = link_digest(&act, token);
    let rule = ctx.config.accounts.mail_sign_ins;
    ctx.write(move |tx| {
        let Some(found) = tx.mail_link(&digest)? else { return Ok(Err(Denied::LinkInvalid)) };
        if let Err(denied) = found.may_follow(act.now) {
            return Ok(Err(denied));
        }
        if !tx.spend_mail_sign_in(&found.id, act.now)? {
            return Ok(Err(Denied::LinkInvalid));
        }
        enter(&act, tx, &found, (rule, &found.name, &come))
    })
    .await
}

pub struct TypedCode {
    pub email: String,
    pub code: Secret<String>,
    /// What the browser kept when it asked.
    pub browser: Option<String>,
    /// As a new account is called.
    pub name: String,
}

/// Signs in with a mailed code, in the browser that asked for it.
pub async fn type_code(ctx: &Ctx, visitor: &Visitor, typed: TypedCode, come: Come) -> Outcome<Came> {
    const WRONG: Denied = Denied::WrongCode(Method::EmailCode);
    let email = user::email(&typed.email).ok_or(Denied::EmailInvalid)?;
    sign_in::check_profile(&typed.name, None)?;
    let act = Act::begin(ctx, visitor);
    let digest =
        one_time_code::well_formed(typed.code.expose()).map(|code| code_digest(&act, &email, code.expose()));
    // In any other browser there is nothing to guess at.
    let browser = browser_digest(&act, &typed.browser.ok_or(WRONG)?);
    let (rule, name) = (ctx.config.accounts.mail_sign_ins, typed.name);
    ctx.write(move |tx| {
        let budget = tx.hold_mail_budget(&email)?;
        let Some(found) = tx.mail_code(&email, &browser)? else { return Ok(Err(WRONG)) };
        if let Err(wrong) = found.judge(digest.as_deref(), budget, act.now) {
            if wrong.counts {
                tx.count_mail_failure(&found.id)?;
                tx.set_mail_budget(&email, budget.after_failure_at_the_door(1, act.now))?;
            }
            if wrong.ends {
                tx.retire_mail_sign_in(&found.id, act.now)?;
            }
            return Ok(Err(wrong.denied));
        }
        if !tx.spend_mail_sign_in(&found.id, act.now)? {
            return Ok(Err(WRONG));
        }
        tx.set_mail_budget(&email, Budget::after_success(&budget, found.failures, act.now))?;
        let name = if name.trim().is_empty() { &found.name } else { &name };
        enter(&act, tx, &found, (rule, name, &come))
    })
    .await
}

/// Somebody reads this mailbox, as a link or code just spent has shown.
fn enter(
    act: &Act,
    tx: &mut Tx<'_>,
    found: &MailSignIn,
    (rule, name, come): (MailSignIns, &str, &Come),
) -> Result<Result<Came, Denied>, Fault> {
    tx.retire_mail_sign_ins(&found.email, act.now)?;
    let known = tx.user_by_email(&found.email)?;
    if let Some(user) = &known {
        tx.lock_user(&user.id)?;
    }
    let is_new = known.is_none();
    let user = match known {
        Some(user) => user,
        None if rule == MailSignIns::Everyone => match create(act, tx, (&found.email, name))? {
            Some(user) => user,
            // Somebody took the address this very moment; their way in is theirs.
            None => return Ok(Err(Denied::LinkInvalid)),
        },
        None => return Ok(Err(Denied::UserNotFound)),
    };
    let authenticators = tx.authenticators(&act.vault, &user.id)?;
    if Arrival::of(Some(&user), authenticator::second_factor_is_on(&authenticators)) == Arrival::Cleanse {
        cleanse(act, tx, &user)?;
    }
    let Some(user) = tx.user(&user.id)? else { return Ok(Err(Denied::LinkInvalid)) };
    let admission = Admission {
        user,
        proofs: Proofs::of(Method::EmailCode, act.now),
        remember: true,
        trusted: &come.trusted_devices,
        handover: come.handover,
        gate: Gate::SecondFactor,
    };
    Ok(sign_in::admit(act, tx, admission)?.map(|step| Came { step, is_new }))
}

fn create(act: &Act, tx: &mut Tx<'_>, (email, name): (&str, &str)) -> Result<Option<User>, Fault> {
    let user = User {
        email_verified_at: Some(act.now),
        name: name.trim().to_owned(),
        ..User::newcomer(UserId::new(act.now, act.dice()), email.to_owned(), act.now)
    };
    if !tx.insert_user(&user)? {
        return Ok(None);
    }
    act.record(tx, Kind::SignedUp, Whose::user(&user.id), json!({ "by": "mail" }))?;
    Ok(Some(user))
}

/// Whoever made the account never showed that the address is theirs. What they left that opens it goes, and the
/// owner of the mailbox has it from here on.
fn cleanse(act: &Act, tx: &mut Tx<'_>, user: &User) -> Result<(), Fault> {
    tx.remove_password(&user.id, act.now)?;
    tx.delete_sessions(&user.id, None)?;
    tx.delete_trusted_devices(&user.id)?;
    tx.delete_api_keys(&user.id)?;
    tx.delete_authenticators(&user.id)?;
    tx.delete_backup_codes(&user.id)?;
    let void =
        [Purpose::ResetPassword, Purpose::ConfirmEmailChange, Purpose::DeleteAccount, Purpose::EnrolEmail];
    tx.void_links(&user.id, &void, act.now)?;
    tx.verify_email(&user.id, &user.email, act.now)?;
    act.record(tx, Kind::EmailVerified, Whose::user(&user.id), json!({ "taken_over": true }))?;
    if user.password.is_some() {
        act.notify(tx, user, Notice::PasswordRemoved)?;
    }
    Ok(())
}
