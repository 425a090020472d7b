//! One server a test process: starting one takes seconds, making a database in it takes milliseconds.

use std::sync::LazyLock;

use crate::{ClickHouseServer, Durability, Error, Pgbouncer, PostgresServer, or_left_out};

// Nothing drops a static; that this process ends is what ends them.
static SERVER: LazyLock<Result<PostgresServer, Error>> =
    LazyLock::new(|| PostgresServer::start(Durability::None));

static POOLER: LazyLock<Option<Result<Pgbouncer, Error>>> =
    LazyLock::new(|| SERVER.as_ref().ok().map(Pgbouncer::start));

static CLICKHOUSE: LazyLock<Result<ClickHouseServer, Error>> = LazyLock::new(ClickHouseServer::start);

/// The server of this process; nothing where [`or_left_out`] says why.
pub fn shared() -> Option<&'static PostgresServer> {
    or_left_out("what needs PostgreSQL", SERVER.as_ref())
}

/// The pooler in front of it; nothing where [`or_left_out`] says why.
pub fn shared_pgbouncer() -> Option<&'static Pgbouncer> {
    shared()?;
    or_left_out("what needs pgbouncer", POOLER.as_ref()?.as_ref())
}

/// The ClickHouse of this process; nothing where [`or_left_out`] says why.
pub fn shared_clickhouse() -> Option<&'static ClickHouseServer> {
    or_left_out("what needs ClickHouse", CLICKHOUSE.as_ref())
}
