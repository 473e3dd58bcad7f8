//! The integration tests: one binary, every promise, both databases (`STORE=postgres` switches).

mod postgres;
mod store;
