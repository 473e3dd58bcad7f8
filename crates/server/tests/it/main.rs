//! The integration suite: one binary, real components. `STORE=postgres` runs it on PostgreSQL.

mod accents;
mod api_keys;
mod better_auth;
mod config;
mod credentials;
mod delivery;
mod flashback;
mod journeys;
mod mounting;
mod mudbase;
mod organisations;
mod people;
mod postgres;
mod promises;
mod races;
mod recovery;
mod refresh;
mod refusals;
mod security;
mod slugbase;
mod slugbase_transcript;
mod smtp_sink;
mod start;
mod store;
mod transcript;
mod world;
