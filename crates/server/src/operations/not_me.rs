//! "This was not me": what a reader of a notice answers with its link. Whatever may be in a stranger's hands ends:
//! sessions, trusted devices, API keys, questions and links that are open, a recovery, the password.
//!
//! Second factors stay. Whoever reads the mail alone must not be rid of them (SEC-029), and recovery has its wait.

use countersign_core::{
    denied::Denied, event::Kind, message::Notice, secret::Secret, session::Visitor, user::User,
};
use serde_json::json;

use crate::{
    ctx::Ctx,
    fault::Fault,
    operations::{Act, Outcome, Whose, emails, recovery},
    store::{Purpose, Tx},
};

/// It is over.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// The password went as well. Not where the account has another address by now: whoever reads the old one could
    /// not set a new password.
    pub password_too: bool,
}

/// Ends it all, once.
pub async fn end_everything(ctx: &Ctx, visitor: &Visitor, token: &str) -> Outcome<Ended> {
    let act = Act::begin(ctx, visitor);
    let token = Secret::from(token);
    ctx.write(move |tx| {
        let link = match emails::spend(&act, tx, token.expose(), Purpose::NotMe)? {
            Ok(link) => link,
            Err(denied) => return Ok(Err(denied)),
        };
        let Some(user) = tx.user(&link.user_id)? else {
            return Ok(Err(Denied::LinkInvalid));
        };
        let ended = Ended { password_too: user.email == link.email };
        end(&act, tx, &user, ended)?;
        Ok(Ok(ended))
    })
    .await
}

fn end(act: &Act, tx: &mut Tx<'_>, user: &User, Ended { password_too }: Ended) -> Result<(), Fault> {
    let id = &user.id;
    recovery::disowned(act, tx, user)?;
    tx.delete_sessions(id, None)?;
    tx.delete_trusted_devices(id)?;
    tx.delete_api_keys(id)?;
    tx.void_links(id, &Purpose::ALL, act.now)?;
    if password_too && user.password.is_some() {
        tx.remove_password(id, act.now)?;
    } else {
        tx.raise_security_version(id, act.now)?;
    }
    act.record(tx, Kind::EverythingEnded, Whose::user(id), json!({ "password": password_too }))?;
    act.notify(tx, user, Notice::EverythingEnded { password_too })
}
