//! A folder with control data, whose steps are in a database of ClickHouse, and what may be done to them from outside.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use tempfile::TempDir;
use treering_test_servers::{ClickHouseDatabase, ClickHouseServer, shared_clickhouse};

use crate::support::store;

/// Executions whose records are looked at in the end: to read those of one takes ClickHouse a tenth of a second, and the
/// list says of each how many steps it has.
pub(crate) const LOOKED_INTO: usize = 100;

/// A data folder of one's own, and the database of its steps.
pub(crate) struct Folder {
    folder: TempDir,
    pub(crate) database: ClickHouseDatabase,
}

/// Nothing here can run without the engine, which is said once.
pub(crate) fn server() -> &'static ClickHouseServer {
    shared_clickhouse().unwrap_or_else(|| std::process::exit(0))
}

pub(crate) fn folder() -> Folder {
    Folder::on(server())
}

impl Folder {
    pub(crate) fn on(server: &ClickHouseServer) -> Self {
        let (folder, database) = (tempfile::tempdir().unwrap(), server.create_database().unwrap());
        store::put(folder.path(), &database.url);
        Self { folder, database }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps every writer of the store waiting, as long as it is held.
    pub(crate) fn lock(&self) -> StoreLock {
        let connection = Connection::open(self.path().join("treering.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
        StoreLock(connection)
    }

    /// From now on the store fails on the span with this id, as it would on a defect of ours.
    pub(crate) fn refuse(&self, span_id: &str) {
        self.change(&format!("ALTER TABLE span ADD CONSTRAINT refusal CHECK span_id != unhex('{span_id}')"));
    }

    pub(crate) fn accept(&self) {
        self.change("ALTER TABLE span DROP CONSTRAINT refusal");
    }

    fn change(&self, statement: &str) {
        server().query(&self.database.name, statement).unwrap();
    }
}

/// The lock that every writer of the store needs, in the hand of somebody else as long as this lives.
pub(crate) struct StoreLock(Connection);

impl Drop for StoreLock {
    fn drop(&mut self) {
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}
