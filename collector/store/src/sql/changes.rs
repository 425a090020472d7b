//! The number that grows with each change of projects, rules, keys and members, so that whoever has them in memory need
//! not read all of them to know that nothing changed.

use super::connection::{Connection, Transaction};
use rusqlite::params;

use crate::Error;

/// Of nothing but what this transaction changes, whose end makes it known.
pub(super) fn raise(transaction: &Transaction<'_>) -> Result<(), Error> {
    let sql = "INSERT INTO change (id, number) VALUES (0, 1)
        ON CONFLICT (id) DO UPDATE SET number = change.number + 1";
    transaction.execute(sql, params![])?;
    transaction.tell("")
}

pub(super) fn number(connection: &Connection) -> Result<i64, Error> {
    connection.one("SELECT coalesce((SELECT number FROM change), 0)", params![], |row| row.get(0))
}
