//! The courier.
pub mod render;
