//! What goes into a statement and what comes out of a row, for both databases.

use countersign_core::{
    ids::{
        ApiKeyId, AuthenticatorId, ChallengeId, EventId, LinkId, MailSignInId, OneTimeCodeId, OrganisationId,
        OutboxId, RecoveryId, ServiceKeyId, SessionId, TrustedDeviceId, UserId, WebhookId,
    },
    time::Timestamp,
};

use crate::fault::Fault;

/// A parameter. Types both databases know: text, 64-bit integers, booleans, bytes, null.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Integer(i64),
    Boolean(bool),
    Text(String),
    Bytes(Vec<u8>),
}

/// A Rust type that can be read from a column.
pub trait Column: Sized {
    fn read(value: Value) -> Result<Self, Fault>;
}

impl Value {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Integer(_) => "an integer",
            Self::Boolean(_) => "a boolean",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
        }
    }

    /// Names the kinds only: a value may be a digest or an address, and faults are logged.
    fn is_not(&self, wanted: &str) -> Fault {
        Fault::internal(format!("it holds {}, not {wanted}", self.kind()))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Integer(value.as_micros())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl From<&Vec<u8>> for Value {
    fn from(value: &Vec<u8>) -> Self {
        Self::Bytes(value.clone())
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(value: &[u8; N]) -> Self {
        Self::Bytes(value.to_vec())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Column for i64 {
    fn read(value: Value) -> Result<Self, Fault> {
        match value {
            Value::Integer(integer) => Ok(integer),
            other => Err(other.is_not("an integer")),
        }
    }
}

impl Column for bool {
    /// SQLite keeps booleans as 0 and 1.
    fn read(value: Value) -> Result<Self, Fault> {
        match value {
            Value::Boolean(boolean) => Ok(boolean),
            Value::Integer(integer @ (0 | 1)) => Ok(integer == 1),
            other => Err(other.is_not("a boolean")),
        }
    }
}

impl Column for String {
    fn read(value: Value) -> Result<Self, Fault> {
        match value {
            Value::Text(text) => Ok(text),
            other => Err(other.is_not("text")),
        }
    }
}

impl Column for Vec<u8> {
    fn read(value: Value) -> Result<Self, Fault> {
        match value {
            Value::Bytes(bytes) => Ok(bytes),
            other => Err(other.is_not("bytes")),
        }
    }
}

impl Column for Timestamp {
    fn read(value: Value) -> Result<Self, Fault> {
        i64::read(value).map(Self::from_micros)
    }
}

impl<T: Column> Column for Option<T> {
    fn read(value: Value) -> Result<Self, Fault> {
        match value {
            Value::Null => Ok(None),
            present => T::read(present).map(Some),
        }
    }
}

/// Every id of the core is text in the database.
macro_rules! ids {
    ($($id:ident),* $(,)?) => {$(
        impl From<&$id> for Value {
            fn from(id: &$id) -> Self {
                Self::Text(id.as_str().to_owned())
            }
        }

        impl Column for $id {
            fn read(value: Value) -> Result<Self, Fault> {
                String::read(value).map(Self::from)
            }
        }
    )*};
}

ids! {
    UserId,
    AuthenticatorId,
    ChallengeId,
    OneTimeCodeId,
    LinkId, MailSignInId,
    RecoveryId,
    SessionId,
    TrustedDeviceId,
    EventId,
    OrganisationId,
    ApiKeyId,
    ServiceKeyId,
    WebhookId,
    OutboxId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_is_null_and_null_is_absent() {
        assert_eq!(Value::from(None::<&str>), Value::Null);
        assert_eq!(Value::from(Some(Timestamp::from_micros(7))), Value::Integer(7));
        assert_eq!(Option::<String>::read(Value::Null).unwrap(), None);
        assert!(String::read(Value::Null).is_err());
    }

    #[test]
    fn a_wrong_kind_is_a_fault_without_the_value() {
        let fault = i64::read(Value::from("hunter2")).unwrap_err().to_string();
        assert_eq!(fault, "it holds text, not an integer");
        assert!(bool::read(Value::Integer(2)).is_err());
    }
}
