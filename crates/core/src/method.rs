//! The closed list of methods: ways a person can prove who they are.

use serde::{Deserialize, Serialize};

/// A kind of proof. Its names are stored and put into tokens, so they never change meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Password,
    Totp,
    EmailCode,
    BackupCode,
}

/// What a method shows: something you know, or something you have (NIST SP 800-63B-4 §2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Factor {
    Know,
    Have,
}

impl Method {
    pub const ALL: [Self; 4] = [Self::Password, Self::Totp, Self::EmailCode, Self::BackupCode];

    pub const fn factor(self) -> Factor {
        match self {
            Self::Password => Factor::Know,
            Self::Totp | Self::EmailCode | Self::BackupCode => Factor::Have,
        }
    }

    /// The `amr` value: RFC 8176 §2 where it has one, our own word where it has none.
    pub const fn amr(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::Totp => "otp",
            Self::EmailCode => "email",
            Self::BackupCode => "backup_code",
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::EmailCode => "email_code",
            Self::BackupCode => "backup_code",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for method in Method::ALL {
            assert_eq!(Method::parse(method.as_str()), Some(method));
            assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
        }
        assert_eq!(Method::parse("sms"), None);
    }
}
