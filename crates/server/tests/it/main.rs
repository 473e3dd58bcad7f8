//! The integration suite: one binary, real components. `STORE=postgres` runs it on PostgreSQL.

mod better_auth;
mod config;
mod delivery;
mod journeys;
mod mounting;
mod postgres;
mod promises;
mod races;
mod recovery;
mod refusals;
mod security;
mod smtp_sink;
mod start;
mod store;
mod transcript;
mod world;
