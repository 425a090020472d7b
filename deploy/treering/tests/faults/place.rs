//! A folder with the embedded store in it, and what may be done to that from outside.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tempfile::TempDir;

/// Executions whose records are looked at in the end: all of them.
pub(crate) const LOOKED_INTO: usize = usize::MAX;

/// A data folder of one's own, or the folder of one.
pub(crate) struct Folder(TempDir);

pub(crate) fn folder() -> Folder {
    Folder(tempfile::tempdir().unwrap())
}

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Keeps every writer of the store waiting, as long as it is held.
    pub(crate) fn lock(&self) -> StoreLock {
        StoreLock::take(self.path())
    }

    /// From now on the store fails on the span with this id, as it would on a defect of ours.
    pub(crate) fn refuse(&self, span_id: &str) {
        self.change(&format!(
            "CREATE TRIGGER refusal BEFORE INSERT ON span WHEN NEW.span_id = x'{span_id}'
             BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        ));
    }

    pub(crate) fn accept(&self) {
        self.change("DROP TRIGGER refusal");
    }

    fn change(&self, sql: &str) {
        let connection = Connection::open(self.path().join("treering.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.execute_batch(sql).unwrap();
    }
}

/// The lock that every writer of the store needs, in the hand of somebody else as long as this lives.
pub(crate) struct StoreLock(Connection);

impl StoreLock {
    pub(crate) fn take(data: &Path) -> Self {
        let connection = Connection::open(data.join("treering.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        // Should the server be killed meanwhile, its files stay as they are.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
        connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
        Self(connection)
    }
}

impl Drop for StoreLock {
    fn drop(&mut self) {
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}
