//! Where wrapped keys lie: a small file of their own, rarely written, and without a write-ahead log in which a dropped
//! key would stay; or tables of a remote store.

use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{OpenFlags, params};
use treering_seal::{KeyId, MasterId};
use treering_step::Timestamp;

use crate::postgres::{Need, Remote};
use crate::sql::{Connection, Find, Kind, OptionalExtension, Row as SqlRow, Values};
use crate::{Error, ProjectId, VaultState};

const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS master (
        \"only\" INTEGER PRIMARY KEY CHECK (\"only\" = 0),
        id BLOB NOT NULL,
        since INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS secret (
        id BLOB PRIMARY KEY,
        project INTEGER NOT NULL,
        -- The day whose content it seals, in days since 1970 UTC; absent for the key of hashes.
        day INTEGER,
        wrapped BLOB NOT NULL,
        made_at INTEGER NOT NULL,
        -- A retired key opens what it sealed, and seals nothing more.
        retired INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX IF NOT EXISTS secret_in_use ON secret (project, coalesce(day, -1)) WHERE retired = 0;";

/// Where they lie.
#[derive(Debug)]
pub(super) struct Place {
    of: Of,
    read_only: bool,
}

#[derive(Debug)]
enum Of {
    File(Connection),
    Store(Remote),
}

/// What a secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Day(u32),
    Hashes,
}

impl Purpose {
    fn day(self) -> Option<u32> {
        match self {
            Self::Day(day) => Some(day),
            Self::Hashes => None,
        }
    }
}

/// A wrapped secret.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: KeyId,
    pub(super) project: ProjectId,
    pub(super) purpose: Purpose,
    pub(super) wrapped: Vec<u8>,
}

impl Row {
    /// What a wrapped secret is bound to, so that none can stand in for another.
    pub(super) fn place(&self) -> Vec<u8> {
        let day = self.purpose.day().map_or(-1, i64::from);
        [&self.id.0[..], &self.project.as_i64().to_le_bytes(), &day.to_le_bytes()].concat()
    }
}

impl Place {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let open = || {
            let connection = rusqlite::Connection::open(path)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.pragma_update(None, "journal_mode", "delete")?;
            connection.pragma_update(None, "synchronous", "extra")?;
            // What is dropped is overwritten.
            connection.pragma_update(None, "secure_delete", true)?;
            connection.execute_batch(SCHEMA)?;
            let word = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))?;
            Ok((connection, word == "ok"))
        };
        let (connection, is_whole) = open().map_err(|source| opening(path, source))?;
        if !is_whole {
            return Err(Error::Keys { path: path.display().to_string() });
        }
        Ok(Self { of: Of::File(Connection::Sqlite(connection)), read_only: false })
    }

    pub(super) fn open_read_only(path: &Path) -> Result<Self, Error> {
        let open = || {
            let connection = rusqlite::Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            Ok(connection)
        };
        let connection = open().map_err(|source| opening(path, source))?;
        Ok(Self { of: Of::File(Connection::Sqlite(connection)), read_only: true })
    }

    pub(super) fn remote(remote: Remote) -> Self {
        let read_only = remote.is_read_only();
        Self { of: Of::Store(remote), read_only }
    }

    /// Looks a key of this project up.
    fn look<T>(
        &self,
        project: ProjectId,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match &self.of {
            Of::File(connection) => work(connection),
            Of::Store(remote) => remote.look(project, work),
        }
    }

    /// Does what needs these rights.
    fn act<T>(&self, need: Need, work: impl FnOnce(&Connection) -> Result<T, Error>) -> Result<T, Error> {
        match &self.of {
            Of::File(connection) => work(connection),
            Of::Store(remote) => remote.act(need, work),
        }
    }

    /// The first master key that comes is the one; later ones must be the same.
    pub(super) fn claim(&self, master: MasterId) -> Result<(), Error> {
        if self.master()?.is_none() && !self.read_only {
            let sql = "INSERT INTO master (\"only\", id, since) VALUES (0, ?1, ?2) ON CONFLICT (\"only\") DO NOTHING";
            self.act(Need::Own, |connection| connection.execute(sql, params![master.0, now()]))?;
        }
        if self.master()? == Some(master) { Ok(()) } else { Err(Error::OtherMaster) }
    }

    pub(super) fn master(&self) -> Result<Option<MasterId>, Error> {
        match &self.of {
            Of::File(connection) => master(connection),
            Of::Store(remote) => remote.master(),
        }
    }

    pub(super) fn find(&self, project: ProjectId, id: KeyId) -> Result<Option<Row>, Error> {
        let sql = "SELECT id, project, day, wrapped FROM secret WHERE id = ?1";
        self.look(project, |connection| connection.one(sql, params![id.0], row).optional())
    }

    pub(super) fn current(&self, project: ProjectId, purpose: Purpose) -> Result<Option<Row>, Error> {
        self.look(project, |connection| current(connection, project, purpose))
    }

    /// Keeps a secret, unless there is one of its purpose; tells which one counts. The master key that wrapped it
    /// must still be the one.
    pub(super) fn insert(&self, by: MasterId, new: Row) -> Result<Row, Error> {
        self.act(Need::Use, |connection| {
            let transaction = connection.writing_soon()?;
            transaction.lock_keys()?;
            if master(&transaction)? != Some(by) {
                return Err(Error::OtherMaster);
            }
            if let Some(row) = current(&transaction, new.project, new.purpose)? {
                return Ok(row);
            }
            let sql = "INSERT INTO secret (id, project, day, wrapped, made_at) VALUES (?1, ?2, ?3, ?4, ?5)";
            let day = new.purpose.day();
            transaction.execute(sql, params![new.id.0, new.project.as_i64(), day, new.wrapped, now()])?;
            transaction.commit()?;
            Ok(new)
        })
    }

    /// Of a day, or of every one.
    pub(super) fn retire(&self, project: ProjectId, day: Option<u32>) -> Result<(), Error> {
        let sql = "UPDATE secret SET retired = 1
            WHERE project = ?1 AND day IS NOT NULL AND day = coalesce(?2, day) AND retired = 0";
        self.delete(sql, params![project.as_i64(), day]).map(drop)
    }

    pub(super) fn retired(&self, project: ProjectId, day: u32) -> Result<Vec<KeyId>, Error> {
        let sql = "SELECT id FROM secret WHERE project = ?1 AND day = ?2 AND retired = 1";
        let read = |row: SqlRow<'_>| row.get(0).map(KeyId);
        self.act(Need::Forget, |connection| connection.all(sql, params![project.as_i64(), day], read))
    }

    /// Of a day, or of every one.
    pub(super) fn drop_retired(&self, project: ProjectId, day: Option<u32>) -> Result<u64, Error> {
        let sql = "DELETE FROM secret WHERE project = ?1 AND day = coalesce(?2, day) AND retired = 1";
        self.delete(sql, params![project.as_i64(), day])
    }

    pub(super) fn drop_these(&self, keys: &[KeyId]) -> Result<u64, Error> {
        let sql = "DELETE FROM secret WHERE id = ?1 AND retired = 1";
        let rows: Vec<Vec<Value>> = keys.iter().map(|key| vec![key.0.to_vec().into()]).collect();
        self.act(Need::Forget, |connection| Ok(connection.many(sql, &rows)? as u64))
    }

    pub(super) fn in_use(&self, keys: &[KeyId]) -> Result<bool, Error> {
        self.act(Need::Use, |connection| in_use(connection, keys))
    }

    pub(super) fn drop_before(&self, project: ProjectId, day: u32) -> Result<u64, Error> {
        self.delete("DELETE FROM secret WHERE project = ?1 AND day < ?2", params![project.as_i64(), day])
    }

    pub(super) fn drop_project(&self, project: ProjectId) -> Result<u64, Error> {
        self.delete("DELETE FROM secret WHERE project = ?1", params![project.as_i64()])
    }

    fn delete(&self, sql: &str, values: Values<'_>) -> Result<u64, Error> {
        self.act(Need::Forget, |connection| Ok(connection.execute(sql, values)? as u64))
    }

    /// Replaces every wrapped secret, all or none.
    pub(super) fn rewrap(
        &self,
        from: MasterId,
        to: MasterId,
        prepare: impl FnOnce() -> Result<(), Error>,
        wrap: impl Fn(&Row) -> Result<Vec<u8>, Error>,
    ) -> Result<u64, Error> {
        self.act(Need::Own, |connection| {
            let transaction = connection.writing_soon()?;
            transaction.lock_keys()?;
            if master(&transaction)? != Some(from) {
                return Err(Error::OtherMaster);
            }
            prepare()?;
            let rows = all(&transaction)?;
            let wrapped = rows.iter().map(|row| Ok(vec![row.id.0.to_vec().into(), wrap(row)?.into()]));
            let wrapped = wrapped.collect::<Result<Vec<Vec<Value>>, Error>>()?;
            transaction.many("UPDATE secret SET wrapped = ?2 WHERE id = ?1", &wrapped)?;
            transaction.execute("UPDATE master SET id = ?1, since = ?2", params![to.0, now()])?;
            transaction.commit()?;
            Ok(rows.len() as u64)
        })
    }

    /// What it holds, wrapped by this master key.
    pub(super) fn state(&self, master: MasterId) -> Result<VaultState, Error> {
        let sql = "SELECT count(day), count(*) - count(day), min(day), max(day) FROM secret";
        let count = |row: SqlRow<'_>, at| row.get::<i64>(at).map(i64::unsigned_abs);
        let read = |row: SqlRow<'_>| {
            let days = row.get::<Option<u32>>(2)?.zip(row.get(3)?);
            Ok(VaultState { master, data_keys: count(row, 0)?, hash_keys: count(row, 1)?, days })
        };
        self.act(Need::Use, |connection| connection.one(sql, params![], read))
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.read_only
    }

    pub(super) fn projects(&self) -> Result<Vec<ProjectId>, Error> {
        let sql = "SELECT DISTINCT project FROM secret ORDER BY project";
        let read = |row: SqlRow<'_>| row.get(0).map(ProjectId::from_i64);
        self.act(Need::Use, |connection| connection.all(sql, params![], read))
    }

    pub(super) fn back_up(&self, path: &Path) -> Result<(), Error> {
        match &self.of {
            Of::File(file) => {
                file.execute("VACUUM INTO ?1", params![path.to_string_lossy()])?;
                Ok(())
            }
            Of::Store(_) => self.copy_to(&Self::open(path)?),
        }
    }

    /// Copies every key to another place, which is empty.
    fn copy_to(&self, other: &Self) -> Result<(), Error> {
        let rows = self.act(Need::Use, |connection| {
            let moment = connection.moment()?;
            Ok((master(&moment)?, everything(&moment)?))
        })?;
        let (master, rows) = (rows.0.ok_or(Error::OtherMaster)?, rows.1);
        other.claim(master)?;
        let sql = "INSERT INTO secret (id, project, day, wrapped, made_at, retired) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        other.act(Need::Use, |connection| {
            let transaction = connection.writing()?;
            transaction.many(sql, &rows)?;
            transaction.commit()
        })
    }
}

fn opening(path: &Path, source: rusqlite::Error) -> Error {
    let error = Error::Open { path: path.display().to_string(), source };
    if error.is_damage() { Error::Keys { path: path.display().to_string() } } else { error }
}

fn master(connection: &Connection) -> Result<Option<MasterId>, Error> {
    connection.one("SELECT id FROM master", params![], |row| Ok(MasterId(row.get(0)?))).optional()
}

fn current(connection: &Connection, project: ProjectId, purpose: Purpose) -> Result<Option<Row>, Error> {
    let sql = "SELECT id, project, day, wrapped FROM secret
        WHERE project = ?1 AND coalesce(day, -1) = ?2 AND retired = 0";
    let day = purpose.day().map_or(-1, i64::from);
    connection.one(sql, params![project.as_i64(), day], row).optional()
}

/// True where each of these keys seals or names today, as far as this connection sees.
pub(crate) fn in_use(connection: &Connection, keys: &[KeyId]) -> Result<bool, Error> {
    let rows: Vec<Vec<Value>> = keys.iter().map(|key| vec![key.0.to_vec().into()]).collect();
    let mut found = 0;
    connection.find(&IN_USE, &rows, |_, _| {
        found += 1;
        Ok(())
    })?;
    Ok(found == keys.len())
}

const IN_USE: Find<'_> =
    Find { told: "id", table: "secret", by: &[("id", Kind::Bytes)], but: "AND retired = 0" };

fn all(connection: &Connection) -> Result<Vec<Row>, Error> {
    connection.all("SELECT id, project, day, wrapped FROM secret", params![], row)
}

fn everything(connection: &Connection) -> Result<Vec<Vec<Value>>, Error> {
    let sql = "SELECT id, project, day, wrapped, made_at, retired FROM secret";
    connection.all(sql, params![], |row| (0..6).map(|at| row.get(at)).collect())
}

fn row(row: SqlRow<'_>) -> Result<Row, Error> {
    let day: Option<u32> = row.get(2)?;
    Ok(Row {
        id: KeyId(row.get(0)?),
        project: ProjectId::from_i64(row.get(1)?),
        purpose: day.map_or(Purpose::Hashes, Purpose::Day),
        wrapped: row.get(3)?,
    })
}

fn now() -> i64 {
    i64::try_from(Timestamp::now().as_nanos()).unwrap_or(i64::MAX)
}
