//! People: who has an account, and what an address or a name may look like.

use crate::{ids::UserId, time::Timestamp};

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
    pub image: Option<String>,
    /// The stored hash; `None` for people who sign in without a password.
    pub password: Option<String>,
    /// Whether that password was last set through a mailed link.
    pub password_by_mail: bool,
    /// Raised by every change of password or factors.
    pub security_version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
