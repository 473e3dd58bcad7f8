//! What every dialect and page needs of HTTP: connections, cookies, origins, addresses, limits, headers, bodies.
//!
//! Nothing here knows a user, or one route from another. Each file answers one question about a request or finishes one part of
//! a reply; what a refusal looks like is the dialect's business.

pub mod bearer;
pub mod body;
pub mod client_ip;
pub mod connections;
pub mod cookies;
pub mod csrf;
pub mod express_paths;
pub mod fields;
pub mod javascript;
pub mod limits;
pub mod look;
pub mod openapi;
pub mod origins;
pub mod page;
pub mod query;
pub mod quotas;
pub mod reply;
pub mod routes;
pub mod security_headers;
pub mod sent;
pub mod session_cookie;
pub mod visitor;
