//! The closed list of methods: ways a person can prove who they are.

use serde::{Deserialize, Serialize};

/// A kind of proof. Its names are stored and put into tokens, so they never change meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Password,
    Totp,
    /// A code or a link that was mailed: whoever reads the mailbox has it, whichever form it took.
    EmailCode,
    SmsCode,
    Passkey,
    BackupCode,
}

/// What a method shows: something you know, or something you have (NIST SP 800-63B-4 §2.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Factor {
    Know,
    Have,
}

impl Method {
    pub const ALL: [Self; 6] =
        [Self::Password, Self::Totp, Self::EmailCode, Self::SmsCode, Self::Passkey, Self::BackupCode];

    /// What it shows by itself. A passkey may show more: see `assurance::Proven`.
    pub const fn factor(self) -> Factor {
        match self {
            Self::Password => Factor::Know,
            Self::Totp | Self::EmailCode | Self::SmsCode | Self::Passkey | Self::BackupCode => Factor::Have,
        }
    }

    /// The `amr` value: RFC 8176 §2 where it has one, our own word where it has none.
    pub const fn amr(self) -> &'static str {
        match self {
            Self::Password => "pwd",
            Self::Totp => "otp",
            Self::EmailCode => "email",
            Self::SmsCode => "sms",
            Self::Passkey => "hwk",
            Self::BackupCode => "backup_code",
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::EmailCode => "email_code",
            Self::SmsCode => "sms_code",
            Self::Passkey => "passkey",
            Self::BackupCode => "backup_code",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

/// A set of methods, as an organisation allows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Methods(u8);

impl Default for Methods {
    /// Nothing is ruled out.
    fn default() -> Self {
        Self(u8::MAX)
    }
}

impl Methods {
    pub fn of(methods: &[Method]) -> Self {
        Self(methods.iter().fold(0, |set, method| set | bit(*method)))
    }

    pub const fn contains(self, method: Method) -> bool {
        self.0 & bit(method) != 0
    }

    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// `None` where nothing is ruled out; otherwise names with commas between them.
    pub fn to_text(self) -> Option<String> {
        let names: Vec<_> = Method::ALL.iter().filter(|method| self.contains(**method)).collect();
        (names.len() < Method::ALL.len())
            .then(|| names.iter().map(|method| method.as_str()).collect::<Vec<_>>().join(","))
    }

    /// Names nobody knows are left out: a method of a newer version is not one of ours to allow.
    pub fn from_text(text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::default() };
        Self::of(&text.split(',').filter_map(Method::parse).collect::<Vec<_>>())
    }
}

const fn bit(method: Method) -> u8 {
    1 << method as u8
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
        assert_eq!(Method::parse("telepathy"), None);
    }

    #[test]
    fn sets_are_read_back() {
        assert_eq!(Methods::default().to_text(), None);
        for set in [Methods::default(), Methods::of(&[]), Methods::of(&[Method::Totp, Method::EmailCode])] {
            assert_eq!(Methods::from_text(set.to_text().as_deref()), set);
        }
        let both = Methods::of(&[Method::Totp, Method::EmailCode]).and(Methods::of(&[Method::Totp]));
        assert!(both.contains(Method::Totp) && !both.contains(Method::EmailCode));
        assert_eq!(Methods::from_text(Some("totp,telepathy")), Methods::of(&[Method::Totp]));
    }
}
