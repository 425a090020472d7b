use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rusqlite::{Connection, MAIN_DB, OpenFlags, params};
use tokio::sync::{mpsc, oneshot};
use treering_redact::Redacted;

use crate::Error;
use crate::shared::{Depth, EntryId, Shared};
use crate::thread::{self, Command, Work, Written};

/// Bounds of a journal.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes that it holds at the most; beyond them a request is refused, to be sent again later.
    pub max_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_bytes: 4 << 30 }
    }
}

/// A request that waits for the store.
#[derive(Debug)]
pub struct Entry {
    pub id: EntryId,
    /// The number of the project that it belongs to.
    pub project: i64,
    /// The word that the caller gave for the form of the bytes.
    pub form: u8,
    /// Milliseconds since 1970 UTC at which it was accepted.
    pub accepted_at: u64,
    pub bytes: Bytes,
}

/// The journal. Clones are handles of the same one; its thread ends with the last of them.
#[derive(Debug, Clone)]
pub struct Journal {
    commands: mpsc::UnboundedSender<Command>,
    reading: Arc<Mutex<Connection>>,
    shared: Arc<Shared>,
}

impl Journal {
    /// Opens the journal of this file, with all that waits in it from before.
    pub fn open(path: &Path, settings: &Settings) -> Result<Self, Error> {
        let failed = |source| Error::Open { path: path.display().to_string(), source };
        let writing = thread::connect(path).map_err(failed)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reading = Connection::open_with_flags(path, flags).map_err(failed)?;
        let (entries, bytes) = reading
            .query_row("SELECT count(*), coalesce(sum(length(bytes)), 0) FROM entry", [], |row| {
                Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs()))
            })
            .map_err(failed)?;
        let shared = Arc::new(Shared::new(settings.max_bytes, Depth { entries, bytes }));
        let commands = thread::start(writing, shared.clone());
        Ok(Self { commands, reading: Arc::new(Mutex::new(reading)), shared })
    }

    /// Keeps a request. When this returns well, the request is on disk, fsynced.
    pub async fn append(&self, project: i64, form: u8, request: Redacted) -> Result<EntryId, Error> {
        let bytes = request.into_bytes();
        self.shared.reserve(bytes.len() as u64)?;
        let written = self.command(Work::Append { project, form, bytes }).await?;
        Ok(EntryId(written.row))
    }

    /// The oldest entries after this one, as many as fit into so many bytes, but at least one where there is
    /// one.
    pub async fn next(&self, after: Option<EntryId>, max_bytes: usize) -> Result<Vec<Entry>, Error> {
        let reading = self.reading.clone();
        let after = after.map_or(0, |id| id.0);
        let read = move || next(&reading.lock().unwrap_or_else(PoisonError::into_inner), after, max_bytes);
        tokio::task::spawn_blocking(read).await.map_err(|_| Error::Closed)?
    }

    /// How long the oldest entry is; 0 where there is none.
    pub async fn first_length(&self) -> Result<usize, Error> {
        let reading = self.reading.clone();
        let read = move || first_length(&reading.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(read).await.map_err(|_| Error::Closed)?
    }

    /// Returns once there may be entries that [`Journal::next`] did not give yet.
    pub async fn news(&self) {
        self.shared.news().await;
    }

    /// Forgets entries that the store has.
    pub async fn forget(&self, entries: Vec<EntryId>) -> Result<(), Error> {
        self.command(Work::Forget(entries)).await.map(|_| ())
    }

    /// Takes an entry out of the way of the others, with the reason. It stays in the file, in the table `aside`,
    /// and stands in the row again after the next opening: a better reader or store may have it then.
    pub async fn set_aside(&self, entry: EntryId, reason: String) -> Result<(), Error> {
        self.command(Work::SetAside { entry, reason }).await.map(|_| ())
    }

    async fn command(&self, work: Work) -> Result<Written, Error> {
        let (done, written) = oneshot::channel();
        self.commands.send(Command { work, done }).map_err(|_| Error::Closed)?;
        written.await.unwrap_or(Err(Error::Closed))
    }

    /// How much waits.
    pub fn depth(&self) -> Depth {
        self.shared.depth()
    }

    /// Returns once everything that was accepted before this call is in the store, or was set aside.
    pub async fn delivered(&self) {
        self.shared.delivered().await;
    }
}

fn next(connection: &Connection, after: i64, max_bytes: usize) -> Result<Vec<Entry>, Error> {
    // Their lengths first: a large one is not read to learn that it does not fit.
    let sql = "SELECT id, length(bytes) FROM entry WHERE id > ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params![after])?;
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.next()? {
        bytes += row.get::<_, i64>(1)?.unsigned_abs();
        if bytes > max_bytes as u64 && !entries.is_empty() {
            break;
        }
        entries.push(entry(connection, row.get(0)?)?);
    }
    Ok(entries)
}

fn entry(connection: &Connection, id: i64) -> Result<Entry, Error> {
    let sql = "SELECT project, form, accepted_at FROM entry WHERE id = ?1";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Entry {
            id: EntryId(id),
            project: row.get(0)?,
            form: row.get(1)?,
            accepted_at: row.get::<_, i64>(2)?.unsigned_abs(),
            bytes: bytes(connection, id)?,
        })
    };
    Ok(connection.prepare_cached(sql)?.query_row(params![id], read)?)
}

/// Read straight into their place: as a column they would be in memory twice.
fn bytes(connection: &Connection, id: i64) -> rusqlite::Result<Bytes> {
    let blob = connection.blob_open(MAIN_DB, "entry", "bytes", id, true)?;
    let mut bytes = vec![0; blob.len()];
    blob.read_at_exact(&mut bytes, 0)?;
    Ok(bytes.into())
}

fn first_length(connection: &Connection) -> Result<usize, Error> {
    let sql = "SELECT length(bytes) FROM entry ORDER BY id LIMIT 1";
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query([])?;
    let length: Option<i64> = found.next()?.map(|row| row.get(0)).transpose()?;
    Ok(length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0))
}
