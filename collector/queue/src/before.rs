//! What an older version left: an unsealed journal in a database.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use treering_seal::DataKey;

use crate::journal::Sealed;
use crate::{Error, Journal};

/// Milliseconds since 1970 UTC, and a project: what a key depends on.
type KeyOf<'a, E> = &'a dyn Fn(i64, u64) -> Result<DataKey, E>;

impl Journal {
    /// Takes over what waits in the journal of an older version, if there is one, and removes it. The key of an entry
    /// is that of its project and of the time, in milliseconds since 1970 UTC, at which it was accepted.
    pub async fn take_over<E: From<Error>>(&self, path: &Path, key: KeyOf<'_, E>) -> Result<u64, E> {
        if !path.exists() {
            return Ok(0);
        }
        let failed = |source| Error::Before { path: path.to_owned(), source };
        let before = Before { connection: Connection::open(path).map_err(failed)? };
        let mut taken = 0;
        for table in ["entry", "aside"] {
            for id in before.ids(table).map_err(failed)? {
                let row = before.row(table, id).map_err(failed)?;
                let key = key(row.project, row.accepted_at)?;
                // Nobody counted its records then.
                let sealed = Sealed::seal(row.project, row.form, row.accepted_at, 0, &row.bytes, &key)?;
                self.append(sealed).await?;
                taken += 1;
            }
        }
        before.wipe().map_err(failed)?;
        remove(path).map_err(Error::open(path))?;
        Ok(taken)
    }
}

struct Before {
    connection: Connection,
}

struct Row {
    project: i64,
    form: u8,
    accepted_at: u64,
    bytes: Vec<u8>,
}

impl Before {
    fn ids(&self, table: &str) -> rusqlite::Result<Vec<i64>> {
        // The very first ones had no table for what is set aside, and a start may have made an empty file.
        if !self.connection.table_exists(None, table)? {
            return Ok(Vec::new());
        }
        let mut statement = self.connection.prepare(&format!("SELECT id FROM {table} ORDER BY id"))?;
        statement.query_map([], |row| row.get(0))?.collect()
    }

    fn row(&self, table: &str, id: i64) -> rusqlite::Result<Row> {
        let sql = format!("SELECT project, form, accepted_at, bytes FROM {table} WHERE id = ?1");
        self.connection.query_row(&sql, params![id], |row| {
            Ok(Row {
                project: row.get(0)?,
                form: row.get(1)?,
                accepted_at: row.get::<_, i64>(2)?.unsigned_abs(),
                bytes: row.get(3)?,
            })
        })
    }

    /// What was written in the clear is overwritten.
    fn wipe(&self) -> rusqlite::Result<()> {
        self.connection.pragma_update(None, "secure_delete", true)?;
        for table in ["entry", "aside"] {
            if self.connection.table_exists(None, table)? {
                self.connection.execute(&format!("DELETE FROM {table}"), [])?;
            }
        }
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }
}

fn remove(path: &Path) -> std::io::Result<()> {
    for side in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(side);
        match fs::remove_file(PathBuf::from(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
