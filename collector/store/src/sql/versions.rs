//! Versions only grow, and one writer at a time takes one, under the lock of its transaction.

use rusqlite::params;

use super::connection::{Connection, Transaction};
use crate::Error;

/// The version of what was written last.
pub(crate) fn last_version(connection: &Connection) -> Result<i64, Error> {
    connection.one("SELECT coalesce(max(last), 0) FROM version", params![], |row| row.get(0))
}

/// The version of what this transaction writes.
pub(crate) fn next_version(transaction: &Transaction<'_>) -> Result<i64, Error> {
    let version = take_version(transaction)?;
    transaction.writes_as(version);
    Ok(version)
}

/// Takes a version of control data.
pub(crate) fn take_version(control: &Connection) -> Result<i64, Error> {
    let sql = "INSERT INTO version (id, last) VALUES (0, 1)
        ON CONFLICT (id) DO UPDATE SET last = version.last + 1 RETURNING last";
    control.one(sql, params![], |row| row.get(0))
}

/// The same for one that takes away what others may have seen and build upon.
pub(crate) fn next_forgetting_version(transaction: &Transaction<'_>) -> Result<i64, Error> {
    let version = next_version(transaction)?;
    transaction.execute("UPDATE version SET forgot = last", params![])?;
    Ok(version)
}

/// The version that took something away last.
pub(crate) fn forgot(connection: &Connection) -> Result<i64, Error> {
    connection.one("SELECT coalesce(max(forgot), 0) FROM version", params![], |row| row.get(0))
}
