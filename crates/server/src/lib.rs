//! Countersign: a self-hosted multi-factor authentication server. Start at ARCHITECTURE.md.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod ctx;
pub mod delivery;
pub mod dialects;
pub mod dice;
pub mod fault;
mod forward_auth;
pub mod hashing;
pub mod http;
pub mod operations;
mod outbox_page;
mod pages;
pub mod qr;
pub mod store;
pub mod telemetry;
pub mod vault;
pub mod words;
