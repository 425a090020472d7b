//! Real servers for tests: PostgreSQL, a pooler in front of it, ClickHouse, and a network that fails.
//!
//! **In and out.** [`PostgresServer::start`] makes a server of one's own, [`Pgbouncer::start`] a pooler in transaction
//! mode in front of it, [`ClickHouseServer::start`] a ClickHouse, [`Proxy::to`] a network between any two that can be
//! broken while it runs. [`shared`], [`shared_pgbouncer`] and [`shared_clickhouse`] are one a test process, where each
//! test takes a database of its own. Everything blocks, so that tests with and without a runtime use it alike, and
//! everything ends with the process that started it.
//!
//! **May not touch.** The rooms of the house: it knows nothing of treering. It names a database driver to make
//! logins and databases; no other crate may but those that keep data.
//!
//! **How to test it.** `cargo test -p treering-test-servers`. Where a program is not installed, [`or_left_out`] says
//! so in one line, and fails where `TREERING_TEST_COMPLETE` is set; `deploy/test` installs them on Debian.

mod clickhouse;
mod database;
mod engine;
mod error;
mod held;
mod http;
mod log;
mod pgbouncer;
mod port;
mod postgres;
mod program;
mod proxy;
mod request;
mod shared;
mod watched;

use std::time::Duration;

pub use clickhouse::{ClickHouseDatabase, ClickHouseServer};
pub use database::{Database, Owner};
pub use error::{Error, or_left_out};
pub use held::Held;
pub use pgbouncer::Pgbouncer;
pub use postgres::{Durability, PostgresServer, Shutdown};
pub use proxy::{Mode, Proxy};
pub use shared::{shared, shared_clickhouse, shared_pgbouncer};

/// How long a server may take to start or to answer. Far above what is usual, since builders are slow.
const PATIENCE: Duration = Duration::from_secs(60);
