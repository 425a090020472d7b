use std::path::Path;

use super::{file, migration};
use crate::Error;
use crate::sql::{Connection, Content, Transaction};

/// Each element brings the schema one version further; none is ever changed once it was released.
const MIGRATIONS: &[Migration] = &[
    Migration::sql(include_str!("0001_first.sql")),
    Migration::sql(include_str!("0002_joins_and_processes.sql")),
    Migration::sql(include_str!("0003_control.sql")),
    Migration::sql(include_str!("0004_search.sql")),
    Migration::sql(include_str!("0005_erasure.sql")),
    Migration { sql: include_str!("0006_content.sql"), step: Some(migration::seal_content) },
    Migration::sql(include_str!("0007_erasing.sql")),
    Migration::sql(include_str!("0008_reading.sql")),
    Migration::sql(include_str!("0009_forgot.sql")),
    Migration::sql(include_str!("0010_change.sql")),
    Migration::sql(include_str!("0011_erased_day.sql")),
    Migration::sql(include_str!("0012_receipt.sql")),
    Migration::sql(include_str!("0013_doors.sql")),
];

/// The first schema that seals content.
const FIRST_SEALED: i64 = 6;

/// True where there must be a file of wrapped keys.
pub(super) fn was_sealed(connection: &rusqlite::Connection) -> Result<bool, Error> {
    Ok(version(connection)? >= FIRST_SEALED)
}

/// What brings the schema one version further: statements, and then what they cannot do.
struct Migration {
    sql: &'static str,
    step: Option<Step>,
}

/// How often emptying the log is tried; each time, readers have as long as a connection waits.
const CHECKPOINTS: usize = 3;

type Step = fn(&Transaction<'_>, &Content) -> Result<(), Error>;

impl Migration {
    const fn sql(sql: &'static str) -> Self {
        Self { sql, step: None }
    }
}

/// All of it or nothing.
pub(super) fn migrate(connection: &Connection, path: &Path, content: &Content) -> Result<(), Error> {
    let transaction = connection.writing()?;
    let found = version(file(&transaction))?;
    let known = check_version(found, path)?;
    for migration in &MIGRATIONS[usize::try_from(found).unwrap_or(0)..] {
        file(&transaction).execute_batch(migration.sql)?;
        if let Some(step) = migration.step {
            step(&transaction, content)?;
        }
    }
    file(&transaction).pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    tidy(file(connection))
}

/// A file that may still hold what was deleted is written anew, once; whether that was done stands in the file.
fn tidy(connection: &rusqlite::Connection) -> Result<(), Error> {
    const INCREMENTAL: i64 = 2;
    let mode: i64 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    if mode != INCREMENTAL {
        connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
        connection.execute_batch("VACUUM")?;
        truncate_log(connection)?;
    }
    Ok(())
}

/// Gives some free pages back to the file system; false where there are none left.
pub(crate) fn shrink(connection: &rusqlite::Connection) -> Result<bool, Error> {
    let free = || connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, i64>(0));
    let before = free()?;
    let mut statement = connection.prepare("PRAGMA incremental_vacuum(1024)")?;
    let mut steps = statement.query([])?;
    while steps.next()?.is_some() {}
    let after = free()?;
    Ok(after > 0 && after < before)
}

/// Empties the write-ahead log, in which deleted rows stay until they are overwritten. Whoever still reads from it is
/// waited for.
pub(crate) fn truncate_log(connection: &rusqlite::Connection) -> Result<(), Error> {
    let is_busy = || connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    for _ in 0..CHECKPOINTS {
        if !is_busy()? {
            return Ok(());
        }
    }
    Err(Error::Busy)
}

/// Who only reads cannot bring the schema up to date, and reads none but today's.
pub(super) fn check(connection: &rusqlite::Connection, path: &Path) -> Result<(), Error> {
    let found = version(connection)?;
    let known = check_version(found, path)?;
    if found == known {
        return Ok(());
    }
    Err(Error::Older { path: path.display().to_string(), found, known })
}

fn version(connection: &rusqlite::Connection) -> Result<i64, Error> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

fn check_version(found: i64, path: &Path) -> Result<i64, Error> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if (0..=known).contains(&found) {
        return Ok(known);
    }
    Err(Error::Newer { path: path.display().to_string(), found, known })
}
