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
        let mut taken = 0;
        match self.take_all(path, key, &mut taken).await? {
            Ok(()) => remove(path).map_err(Error::open(path))?,
            // What is left of it can be read by no start to come, either.
            Err(error) if is_damage(&error) => {
                let kept = put_away(path).map_err(Error::open(path))?;
                tracing::error!(%error, file = %kept.display(), taken, "the journal of an older version is damaged; what could be read of it was taken over, and what is left lies there in the clear: delete it");
            }
            Err(error) => return Err(failed(error).into()),
        }
        Ok(taken)
    }

    /// The inner error is that of the old file.
    async fn take_all<E: From<Error>>(
        &self,
        path: &Path,
        key: KeyOf<'_, E>,
        taken: &mut u64,
    ) -> Result<rusqlite::Result<()>, E> {
        let before = match Connection::open(path) {
            Ok(connection) => Before { connection },
            Err(error) => return Ok(Err(error)),
        };
        for table in ["entry", "aside"] {
            let ids = match before.ids(table) {
                Ok(ids) => ids,
                Err(error) => return Ok(Err(error)),
            };
            for id in ids {
                let row = match before.row(table, id) {
                    Ok(row) => row,
                    Err(error) => return Ok(Err(error)),
                };
                let key = key(row.project, row.accepted_at)?;
                // Nobody counted its records then.
                let sealed = Sealed::seal(row.project, row.form, row.accepted_at, 0, &row.bytes, &key)?;
                // It was accepted, so that no bound may keep it, and the process, from starting.
                self.append_regardless(sealed).await?;
                *taken += 1;
            }
        }
        Ok(before.wipe())
    }
}

fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(NotADatabase | DatabaseCorrupt))
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

/// Takes it out of the way of the next start.
fn put_away(path: &Path) -> std::io::Result<PathBuf> {
    let kept = beside(path, ".damaged");
    fs::rename(path, &kept)?;
    remove(path).map(|()| kept)
}

fn beside(path: &Path, side: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(side);
    PathBuf::from(name)
}

fn remove(path: &Path) -> std::io::Result<()> {
    for side in ["", "-wal", "-shm"] {
        match fs::remove_file(beside(path, side)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
