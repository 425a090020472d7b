use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::Error;

/// Each element brings the schema one version further; none is ever changed once it was released.
const MIGRATIONS: &[&str] = &[include_str!("0001_first.sql")];

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

pub(super) fn check(connection: &Connection, path: &Path) -> Result<(), Error> {
    check_version(version(connection)?, path).map(|_| ())
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
