//! The integration suite: one binary, real components. `STORE=postgres` runs it on PostgreSQL.

mod better_auth;
mod config;
mod delivery;
mod journeys;
mod mounting;
mod postgres;
mod promises;
mod races;
mod refusals;
mod security;
mod slugbase;
mod slugbase_transcript;
mod smtp_sink;
mod start;
mod store;
mod transcript;
mod world;
