//! The very binary on a PostgreSQL store: a server of one's own, with logins, poolers and certificates.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

mod apart;
mod commands;
mod fleet;
mod house;
mod journals;
#[path = "../support/ran.rs"]
mod ran;
mod refused;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod up;
