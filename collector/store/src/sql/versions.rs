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
    let is_shared = transaction.keeps_steps_apart() && transaction.has_fleet();
    let gap = if is_shared { i64::from(getrandom::u32().map_err(Error::Random)? & GAP) } else { 0 };
    let version = take(transaction, 1 + gap)?;
    transaction.writes_as(version);
    Ok(version)
}

/// Where steps lie apart, a version may have been undone that something was written as, by a collector that ended: the
/// next one takes another version, as good as always.
const GAP: u32 = 0xfff;

/// Takes a version of control data.
pub(crate) fn take_version(control: &Connection) -> Result<i64, Error> {
    take(control, 1)
}

/// Versions are at least this one.
pub(crate) fn raise_version(control: &Connection, least: i64) -> Result<(), Error> {
    let sql = "INSERT INTO version (id, last) VALUES (0, ?1)
        ON CONFLICT (id) DO UPDATE SET last = greatest(version.last, excluded.last)";
    control.execute(sql, params![least])?;
    Ok(())
}

fn take(control: &Connection, further: i64) -> Result<i64, Error> {
    let sql = "INSERT INTO version (id, last) VALUES (0, ?1)
        ON CONFLICT (id) DO UPDATE SET last = version.last + ?1 RETURNING last";
    control.one(sql, params![further], |row| row.get(0))
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
