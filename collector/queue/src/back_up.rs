use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use crate::Error;

/// Copies a journal, as it is at one moment, while its owner goes on writing it; `to` is absent or empty. On disk when
/// this returns.
pub fn back_up(path: &Path, to: &Path) -> Result<(), Error> {
    let failed = |source| Error::Open { path: path.display().to_string(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(std::time::Duration::from_secs(10)).map_err(failed)?;
    connection.execute("VACUUM INTO ?1", params![to.to_string_lossy()]).map_err(failed)?;
    let synced = File::options().write(true).open(to).and_then(|file| file.sync_all());
    synced.map_err(|source| Error::Copy { path: to.display().to_string(), source })
}
