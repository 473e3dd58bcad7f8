//! The integration suite: one binary, real components. `STORE=postgres` runs it on PostgreSQL.

mod api_keys;
mod better_auth;
mod config;
mod delivery;
mod journeys;
mod mounting;
mod organisations;
mod people;
mod postgres;
mod promises;
mod races;
mod recovery;
mod refresh;
mod refusals;
mod security;
mod smtp_sink;
mod start;
mod store;
mod transcript;
mod world;
