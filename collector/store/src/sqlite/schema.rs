use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::Error;

/// Each element brings the schema one version further; none is ever changed once it was released.
const MIGRATIONS: &[&str] = &[
    include_str!("0001_first.sql"),
    include_str!("0002_joins_and_processes.sql"),
    include_str!("0003_control.sql"),
    include_str!("0004_search.sql"),
    include_str!("0005_erasure.sql"),
];

pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    let known = check_version(found, path)?;
    for migration in &MIGRATIONS[usize::try_from(found).unwrap_or(0)..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}

/// Who only reads cannot bring the schema up to date, and reads none but today's.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), Error> {
    let found = version(connection)?;
    let known = check_version(found, path)?;
    if found == known {
        return Ok(());
    }
    Err(Error::Older { path: path.display().to_string(), found, known })
}

fn version(connection: &Connection) -> Result<i64, Error> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn check_version(found: i64, path: &Path) -> Result<i64, Error> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if (0..=known).contains(&found) {
        return Ok(known);
    }
    Err(Error::Newer { path: path.display().to_string(), found, known })
}

/// The version of what this transaction writes. Versions only grow, and one writer at a time takes one, under the
/// lock of its transaction.
pub(super) fn next_version(transaction: &Transaction<'_>) -> Result<i64, Error> {
    let sql = "INSERT INTO version (id, last) VALUES (0, 1) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last";
    Ok(transaction.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}
