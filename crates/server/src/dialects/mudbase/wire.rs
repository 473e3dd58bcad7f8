//! The shapes of the wire, as they go out: exactly the members its SDKs declare, and null nowhere but in
//! `customRole` (contract §8).

use countersign_core::{
    organisation::{Membership, Organisation, Role},
    user::User,
};
use serde_json::{Map, Value, json};

use crate::operations::sessions::SignedIn;

pub(super) fn is_object_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Projects are known by the id they have elsewhere.
pub(super) fn project_id(organisation: &Organisation) -> Option<&str> {
    organisation.external_id.as_deref().filter(|id| is_object_id(id))
}

/// An organisation, or a project: they have the same three members.
pub(super) fn organisation(one: &Organisation) -> Value {
    let id = project_id(one).map_or_else(|| one.id.as_object_id(), str::to_owned);
    let slug = slug(&one.name).unwrap_or_else(|| id.clone());
    json!({ "_id": id, "name": one.name, "slug": slug })
}

/// A name as part of an address: `Harbour Lights` is `harbour-lights`.
fn slug(name: &str) -> Option<String> {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    (!slug.is_empty()).then_some(slug)
}

/// The roles that the SDKs know.
const fn role(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Admin => "admin",
        Role::Helpdesk | Role::Billing | Role::Workspaces | Role::Member => "member",
    }
}

/// The person's own organisation, the oldest. A project is none: its id is whatever its users brought, and must
/// not pass for the id of somebody's organisation.
fn home(own: &[Membership]) -> Option<&Membership> {
    own.iter().find(|one| project_id(&one.organisation).is_none())
}

/// `User` of the schema.
pub(super) fn user(who: &SignedIn, own: &[Membership]) -> Value {
    let home = home(own);
    let mut shown = newcomer(&who.user, home.map_or(Role::Member, |one| one.role));
    shown["twoFactorEnabled"] = json!(who.second_factor_is_on);
    shown["lastLogin"] = json!(who.session.created_at.to_iso());
    if let Some(Membership { organisation: one, .. }) = home {
        shown["org"] = organisation(one);
    }
    shown
}

/// The same of somebody who has no session yet. It says nothing that tells a new account from one there was
/// before (SEC-115).
pub(super) fn newcomer(user: &User, shown_role: Role) -> Value {
    let (given, family) = user.names();
    let mut shown = json!({
        "_id": user.id.as_object_id(), "email": user.email,
        "firstName": given, "lastName": family, "fullName": user.name,
        "role": role(shown_role), "customRole": null,
        "isAnonymous": false, "emailVerified": user.email_verified_at.is_some(), "phoneVerified": false,
        "twoFactorEnabled": false,
        "createdAt": user.created_at.to_iso(), "updatedAt": user.updated_at.to_iso(),
    });
    if let Some(image) = &user.image {
        shown["avatar"] = json!(image);
    }
    shown
}

/// What the role of a project's user is called where the schema leaves it open.
const LOCAL_ROLE: &str = "developer";

/// What every answer says of a project's user.
fn local(user: &User) -> Value {
    let (given, family) = user.names();
    json!({
        "id": user.id.as_object_id(), "email": user.email, "firstName": given, "lastName": family,
        "emailVerified": user.email_verified_at.is_some(),
    })
}

/// What registration says of one.
pub(super) fn local_newcomer(user: &User) -> Value {
    with(local(user), json!({ "customRole": null }))
}

/// What login says of one.
pub(super) fn local_user(who: &SignedIn) -> Value {
    with(local(&who.user), json!({ "role": LOCAL_ROLE, "twoFactorEnabled": who.second_factor_is_on }))
}

/// What the session says of one, in the project that was asked about.
pub(super) fn local_session(who: &SignedIn, project: Option<&Membership>) -> Value {
    let more = json!({ "customRole": null, "twoFactorEnabled": who.second_factor_is_on });
    let shown = with(local(&who.user), more);
    let Some(Membership { organisation, .. }) = project else { return shown };
    let (id, name) = (project_id(organisation), &organisation.name);
    with(shown, json!({ "project": { "id": id, "name": name, "role": LOCAL_ROLE } }))
}

/// One object with the members of two.
pub(super) fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(members), Value::Object(more)) = (&mut object, more) {
        members.extend(more);
    }
    object
}

/// What clients find in an access token besides the registered claims (contract §2).
pub(super) fn claims(user: &User, own: &[Membership]) -> Map<String, Value> {
    let mut claims = Map::new();
    let mut claim = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    claim("id", json!(user.id.as_object_id()));
    claim("email", json!(user.email));
    claim("customRole", Value::Null);
    if let Some(Membership { organisation, role: own }) = home(own) {
        claim("role", json!(role(*own)));
        claim("orgId", json!(organisation.id.as_object_id()));
    }
    if let Some(id) = own.iter().find_map(|one| project_id(&one.organisation)) {
        claim("projectId", json!(id));
    }
    claims
}
