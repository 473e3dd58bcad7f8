//! People: who has an account, and what an address or a name may look like.

use crate::{
    ids::{OrganisationId, UserId},
    language::Language,
    method::Method,
    time::Timestamp,
};

/// Longest name kept, in characters; longest picture address, in bytes.
pub const NAME_MAX: usize = 500;
pub const IMAGE_MAX: usize = 2_048;
/// RFC 5321 §4.5.3.1.3, less the angle brackets.
pub const EMAIL_MAX: usize = 254;

#[derive(Clone)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub email_verified_at: Option<Timestamp>,
    pub name: String,
    /// The part of the name that some wires keep apart; the name ends with it.
    pub family_name: Option<String>,
    pub image: Option<String>,
    /// The stored hash; `None` for people who sign in without a password.
    pub password: Option<String>,
    /// Whether that password was last set through a mailed link.
    pub password_by_mail: bool,
    /// An administrator said that this person needs a second factor, whatever the organisation says.
    pub second_factor_required: bool,
    /// The second factor they like to be asked for first.
    pub preferred_method: Option<Method>,
    /// Raised by every change of password or factors.
    pub security_version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// What they were last seen to want to be spoken to in.
    pub language: Option<Language>,
    /// Set for people of an application that keeps its own accounts and asks here for the second factor alone.
    pub external: Option<Box<External>>,
}

/// How an application knows one of its people. They have no sessions here, and nothing to sign in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct External {
    pub organisation_id: OrganisationId,
    /// The application's own name for them; unique in its organisation.
    pub id: String,
    /// Where mail reaches them, as the application says.
    pub mailbox: Option<String>,
}

/// Nobody's address: what stands in for one where an application keeps the account (RFC 2606 §2).
pub fn no_address(id: &UserId) -> String {
    format!("{id}@external.invalid")
}

impl User {
    /// Somebody who is new here, of whom nothing is known but an address.
    pub fn newcomer(id: UserId, email: String, now: Timestamp) -> Self {
        Self {
            id,
            email,
            email_verified_at: None,
            name: String::new(),
            family_name: None,
            image: None,
            password: None,
            password_by_mail: false,
            second_factor_required: false,
            preferred_method: None,
            security_version: 0,
            created_at: now,
            updated_at: now,
            language: None,
            external: None,
        }
    }

    /// Where mail reaches them, if anywhere.
    pub fn mailbox(&self) -> Option<&str> {
        match &self.external {
            Some(external) => external.mailbox.as_deref(),
            None => Some(&self.email),
        }
    }

    /// What an authenticator app or a passkey shows beside the code.
    pub fn called(&self) -> &str {
        let name = Some(self.name.as_str()).filter(|name| !name.is_empty());
        match &self.external {
            Some(external) => external.mailbox.as_deref().or(name).unwrap_or(&external.id),
            None => &self.email,
        }
    }

    /// Given and family name. Without a family name that fits, the first word is the given one.
    pub fn names(&self) -> (&str, &str) {
        let family = self.family_name.as_deref().filter(|family| !family.is_empty());
        let given = family.and_then(|family| self.name.strip_suffix(family)).map(str::trim_end);
        match (given, family) {
            (Some(given), Some(family)) if !given.is_empty() => (given, family),
            _ => self.name.split_once(' ').unwrap_or((&self.name, "")),
        }
    }
}

/// Somebody for tests, whose address nobody verified.
#[cfg(test)]
pub(crate) fn sample() -> User {
    let noon = Timestamp::from_seconds(1_800_000_000);
    User::newcomer(UserId::from("u".to_owned()), "ada@example.com".to_owned(), noon)
}

/// One name of two.
pub fn full_name(given: &str, family: &str) -> String {
    format!("{} {}", given.trim(), family.trim()).trim().to_owned()
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "User({})", self.id)
    }
}

/// An address in the one form it is stored and compared in: lower case. `None` if it is not one.
///
/// The shape is the one browsers and JavaScript validators agree on; whether mail arrives is another
/// matter, and only a mailed link can tell.
pub fn email(input: &str) -> Option<String> {
    let (local, domain) = input.rsplit_once('@')?;
    let local_fits = !local.is_empty()
        && !local.starts_with('.')
        && !local.ends_with(['.', '\''])
        && !local.contains("..")
        && local.chars().all(|c| c.is_ascii_alphanumeric() || "_'+-.".contains(c));
    let labels: Vec<&str> = domain.split('.').collect();
    let domain_fits = labels.len() >= 2
        && labels.iter().all(|label| {
            label.starts_with(|c: char| c.is_ascii_alphanumeric())
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        })
        && labels.last().is_some_and(|top| top.len() >= 2 && top.chars().all(|c| c.is_ascii_alphabetic()));
    (input.len() <= EMAIL_MAX && local_fits && domain_fits).then(|| input.to_ascii_lowercase())
}

/// An address by which its owner knows it, and nobody else: the first letter, and the domain.
pub fn masked(email: &str) -> String {
    let (local, domain) = email.rsplit_once('@').unwrap_or((email, ""));
    let first = local.chars().next().map(String::from).unwrap_or_default();
    format!("{first}•••@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_know_their_address_and_others_do_not() {
        assert_eq!(masked("ada@example.com"), "a•••@example.com");
        assert_eq!(crate::phone::masked("+4915112345678"), "+49 ••• 78");
        assert_eq!(masked(""), "•••@");
    }

    #[test]
    fn addresses_have_one_form() {
        for (input, expected) in [
            ("Ada@Example.com", Some("ada@example.com")),
            ("o'neill+tag@mail.example.co", Some("o'neill+tag@mail.example.co")),
            ("not-an-email", None),
            ("a@b", None),
            ("a..b@example.com", None),
            (".a@example.com", None),
            ("a.@example.com", None),
            ("a@-example.com", None),
            ("a@example.c", None),
            ("a@exa mple.com", None),
            ("a\r\nbcc: x@example.com", None),
            ("ädä@example.com", None),
            ("", None),
            ("@example.com", None),
        ] {
            assert_eq!(email(input).as_deref(), expected, "{input:?}");
        }
        assert_eq!(email(&format!("{}@example.com", "a".repeat(300))), None);
    }

    #[test]
    fn names_come_apart_where_they_were_joined() {
        let user = |name: &str, family: Option<&str>| User {
            name: name.to_owned(),
            family_name: family.map(str::to_owned),
            ..sample()
        };
        for (name, family, given_and_family) in [
            ("Mary Ann Smith", Some("Smith"), ("Mary Ann", "Smith")),
            ("Mary Ann Smith", None, ("Mary", "Ann Smith")),
            ("Ada", None, ("Ada", "")),
            ("Renamed Person", Some("Smith"), ("Renamed", "Person")),
            ("Smith", Some("Smith"), ("Smith", "")),
            ("", None, ("", "")),
        ] {
            assert_eq!(user(name, family).names(), given_and_family, "{name:?} {family:?}");
        }
        assert_eq!(full_name(" Mary Ann ", "Smith"), "Mary Ann Smith");
        assert_eq!(full_name("Ada", ""), "Ada");
    }
}
