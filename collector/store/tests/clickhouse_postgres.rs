//! The contract of a store, on ClickHouse, with control data in PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test ends where it finds the unexpected")]

mod contract;

use contract::backend::Backend;
use contract::{backend, below, content, support};

const BACKEND: Backend = Backend::ClickHouseBesidePostgres;
