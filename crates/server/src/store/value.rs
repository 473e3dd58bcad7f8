//! What goes into a statement and what comes out of a row, for both databases.

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
