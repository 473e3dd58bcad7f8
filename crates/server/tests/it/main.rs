//! The integration suite: one binary, real components. `STORE=postgres` runs it on PostgreSQL.

mod config;
mod delivery;
mod journeys;
mod postgres;
mod promises;
mod races;
mod security;
mod smtp_sink;
mod start;
mod store;
mod world;
