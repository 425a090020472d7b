//! A copy of the store while others go on writing it.

use std::fs::File;
use std::path::Path;

use rusqlite::{OpenFlags, params};

use super::{connect, schema};
use crate::Error;

/// `VACUUM INTO` reads one moment of the store, from its first to its last page, however much is written meanwhile; the
/// page-by-page interface would begin anew with every write of another process.
pub(crate) fn back_up(path: &Path, to: &Path) -> Result<(), Error> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    schema::check(&connection, path)?;
    connection.execute("VACUUM INTO ?1", params![to.to_string_lossy()])?;
    // It is written without waiting for the disk.
    let synced = File::options().write(true).open(to).and_then(|file| file.sync_all());
    synced.map_err(|source| Error::Copy { path: to.display().to_string(), source })
}

/// What its pages take but for the free ones.
pub(crate) fn bytes(path: &Path) -> Result<u64, Error> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let pages = number("page_count")? - number("freelist_count")?;
    Ok(pages.unsigned_abs() * number("page_size")?.unsigned_abs())
}
