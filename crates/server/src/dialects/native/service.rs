//! The service API: for an application that has a login of its own and wants a second factor. Two calls: open a
//! challenge, verify what came of it.

use axum::http::StatusCode;
use countersign_core::{
    denied::Denied,
    ids::ChallengeId,
    method::{Method, Methods},
    secret::Secret,
    service::{EXTERNAL_ID_MAX, REASON_MAX, ServiceKey, TRANSACTION_MAX, Wanted, is_plain},
    time::Timestamp,
};
use serde_json::{Value, json};

use super::{
    callers::Asked,
    errors::No,
    sign_in::{self, carrier, offered},
};
use crate::{
    http::{fields::Fields, reply::Reply},
    operations::{
        challenge::Carrier,
        service::{self, Assertion, Described, NewServiceKey, Offered, Person, Proof, UnfitKey},
    },
};

const CHALLENGES: &str = "/v1/service/challenges/";
const USERS: &str = "/v1/service/users/";
const KEYS: &str = "/v1/service-keys/";

fn described(user: &mut Fields<'_>) -> Described {
    Described {
        external_id: user.text("user/external_id"),
        email: user.optional_email("user/email"),
        name: user.optional_text("user/name"),
    }
}

/// An application's own name for somebody stands in addresses and tokens.
fn named_well(external_id: &str) -> Result<(), No> {
    if is_plain(external_id, EXTERNAL_ID_MAX) { Ok(()) } else { Err(No::EXTERNAL_ID) }
}

/// Text that a person will read as it is.
fn plain(text: Option<String>, max: usize) -> Result<Option<String>, No> {
    match text {
        Some(text) if !is_plain(&text, max) => Err(No::TEXT),
        text => Ok(text),
    }
}

fn methods(sent: Option<Value>) -> Result<Methods, No> {
    let Some(sent) = sent else { return Ok(Methods::default()) };
    let named = sent.as_array().filter(|names| !names.is_empty()).ok_or(No::METHODS)?;
    let read = |name: &Value| {
        let method = name.as_str().and_then(Method::parse).filter(|method| *method != Method::Password);
        method.ok_or(No::METHODS)
    };
    Ok(Methods::of(&named.iter().map(read).collect::<Result<Vec<_>, _>>()?))
}

pub(super) async fn open(asked: Asked) -> Result<Reply, No> {
    let key = asked.service_key().await?;
    let (described, phone, reason, transaction, return_url, named) = asked.body(|body| {
        let (described, phone) =
            body.nested("user", |user| (described(user), user.optional_text("user/phone")));
        let (reason, transaction) = (body.optional_text("reason"), body.optional_text("transaction"));
        (described, phone, reason, transaction, body.optional_text("return_url"), body.member("methods"))
    })?;
    named_well(&described.external_id)?;
    if return_url.as_ref().is_some_and(|url| !key.may_return_to(url)) {
        return Err(No::RETURN_URL);
    }
    let wanted = Wanted {
        methods: methods(named)?,
        reason: plain(reason, REASON_MAX)?,
        transaction: plain(transaction, TRANSACTION_MAX)?,
        return_url,
        phone: plain(phone, 32)?,
    };
    let (ctx, visitor) = (asked.ctx(), &asked.visitor);
    let opened = service::open(ctx, visitor, &key, (described, wanted)).await?;
    let mut url = ctx.config.public_url.clone();
    url.set_path("/prove");
    url.query_pairs_mut().append_pair("token", opened.token.expose());
    let body = json!({
        "id": opened.id, "url": url.as_str(), "methods": opened.methods,
        "expires_at": opened.expires_at.to_iso(),
    });
    Ok(Reply::json(&body).status(StatusCode::CREATED))
}

fn challenge(asked: &Asked) -> ChallengeId {
    ChallengeId::from(asked.path_after(CHALLENGES).to_owned())
}

pub(super) async fn standing(asked: Asked) -> Result<Reply, No> {
    let key = asked.service_key().await?;
    let standing = service::standing(asked.ctx(), &key, &challenge(&asked)).await?;
    Ok(Reply::json(&json!({
        "id": challenge(&asked), "state": standing.state, "methods": standing.methods,
        "expires_at": standing.expires_at.to_iso(),
    })))
}

pub(super) async fn send_code(asked: Asked) -> Result<Reply, No> {
    let key = asked.service_key().await?;
    let method = match asked.any_body(carrier)? {
        Carrier::Text => Method::SmsCode,
        Carrier::Digits | Carrier::Link(_) => Method::EmailCode,
    };
    service::send_code(asked.ctx(), &asked.visitor, &key, (&challenge(&asked), method)).await?;
    Ok(Reply::empty(StatusCode::ACCEPTED))
}

pub(super) async fn passkey_options(asked: Asked) -> Result<Reply, No> {
    let key = asked.service_key().await?;
    let options = service::passkey_options(asked.ctx(), &key, &challenge(&asked)).await?;
    Ok(Reply::json(&options.json()))
}

pub(super) async fn verify(asked: Asked) -> Result<Reply, No> {
    let key = asked.service_key().await?;
    let offered = asked.body(|body| match body.optional_text("return_code") {
        Some(code) => Offered::ReturnCode(Secret::new(code)),
        None => Offered::Proof(match offered(body) {
            sign_in::Offered::Passkey(answer) => Proof::Passkey(answer),
            sign_in::Offered::Typed(typed) => Proof::Typed(typed),
        }),
    })?;
    let asked_for = (&challenge(&asked), offered);
    let Assertion { external_id, amr, acr, token } =
        service::verify(asked.ctx(), &asked.visitor, &key, asked_for).await?;
    Ok(Reply::json(&json!({
        "verified": true, "external_id": external_id, "amr": amr, "acr": acr, "assertion": token.expose(),
    })))
}

/// The external id of the path, with its escapes undone.
fn named(asked: &Asked) -> Result<String, No> {
    asked.decoded_after(USERS).ok_or(No::Denied(Denied::UserNotFound))
}

fn person(person: &Person) -> Value {
    let external = person.user.external.as_ref();
    let authenticators: Vec<_> = person
        .authenticators
        .iter()
        .map(|one| json!({ "method": one.method, "since": one.since.to_iso(), "hint": one.hint }))
        .collect();
    json!({
        "external_id": external.map(|one| &one.id), "email": person.user.mailbox(),
        "name": person.user.name, "authenticators": authenticators,
        "backup_codes_left": person.backup_codes_left, "created_at": person.user.created_at.to_iso(),
    })
}

pub(super) async fn describe(asked: Asked) -> Result<Reply, No> {
    let key = asked.service_key().await?;
    let external_id = named(&asked)?;
    named_well(&external_id)?;
    let described = asked.any_body(|body| Described {
        external_id,
        email: body.optional_email("email"),
        name: body.optional_text("name"),
    })?;
    Ok(Reply::json(&person(&service::describe(asked.ctx(), &asked.visitor, &key, described).await?)))
}

pub(super) async fn show(asked: Asked) -> Result<Reply, No> {
    let key = asked.service_key().await?;
    Ok(Reply::json(&person(&Person::of(asked.ctx(), &key, &named(&asked)?).await?)))
}

pub(super) async fn remove(asked: Asked) -> Result<Reply, No> {
    let key = asked.service_key().await?;
    let external_id = named(&asked)?;
    let method = Method::parse(asked.last_segment()).ok_or(No::METHOD)?;
    service::remove(asked.ctx(), &asked.visitor, &key, (&external_id, method)).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn reset(asked: Asked) -> Result<Reply, No> {
    let key = asked.service_key().await?;
    service::reset(asked.ctx(), &asked.visitor, &key, &named(&asked)?).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn delete(asked: Asked) -> Result<Reply, No> {
    let key = asked.service_key().await?;
    service::delete(asked.ctx(), &asked.visitor, &key, &named(&asked)?).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn shown(key: &ServiceKey) -> Value {
    json!({
        "id": key.id, "name": key.name, "organisation": key.organisation_id,
        "return_urls": key.return_urls, "created_at": key.created_at.to_iso(),
        "expires_at": key.expires_at.to_iso(), "last_used_at": key.last_used_at.map(Timestamp::to_iso),
    })
}

pub(super) async fn list_keys(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let keys = service::list(asked.ctx(), &who).await?;
    Ok(Reply::json(&json!({ "service_keys": keys.iter().map(shown).collect::<Vec<_>>() })))
}

pub(super) async fn create_key(asked: Asked) -> Result<Reply, No> {
    let (name, urls) = asked.body(|body| (body.text("name"), body.member("return_urls")))?;
    let return_urls: Vec<String> = match urls {
        None => Vec::new(),
        Some(urls) => serde_json::from_value(urls).map_err(|_| No::RETURN_URLS)?,
    };
    let new = NewServiceKey::new(&name, return_urls).map_err(|unfit| match unfit {
        UnfitKey::Name => No::TEXT,
        UnfitKey::ReturnUrls => No::RETURN_URLS,
    })?;
    let who = asked.signed_in().await?;
    let (key, secret) = service::create(asked.ctx(), &asked.visitor, &who, new).await?;
    let mut body = shown(&key);
    body["key"] = json!(secret.expose());
    Ok(Reply::json(&body).status(StatusCode::CREATED))
}

pub(super) async fn revoke_key(asked: Asked) -> Result<Reply, No> {
    let who = asked.signed_in().await?;
    let id = asked.path_after(KEYS).to_owned().into();
    service::revoke(asked.ctx(), &asked.visitor, &who, &id).await?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
