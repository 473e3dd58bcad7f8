//! The integration suite: one binary, real components. `STORE=postgres` runs it on PostgreSQL.

mod better_auth;
mod config;
mod delivery;
mod journeys;
mod postgres;
mod races;
mod refusals;
mod security;
mod smtp_sink;
mod store;
mod transcript;
mod world;
