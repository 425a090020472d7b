//! The thread that writes: it gathers what arrived while it waited for the disk, and commits it at once.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::blob::ZeroBlob;
use rusqlite::{Connection, MAIN_DB, Transaction, params};
use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::shared::{EntryId, Shared};

/// Commands that share a commit at the most: enough that an fsync of 10 ms carries 25,000 requests a second,
/// and few enough that nobody waits for a giant.
const GROUP: usize = 256;

/// Bytes from which on an entry is written into room that was made for it. That writes it twice; as a value it would be
/// in memory three times.
const LARGE: usize = 4 << 20;

/// What to write, and whom to tell once it is committed.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) work: Work,
    pub(crate) done: oneshot::Sender<Result<Written, Error>>,
}

#[derive(Debug)]
pub(crate) enum Work {
    Append { project: i64, form: u8, bytes: Vec<u8> },
    Forget(Vec<EntryId>),
    SetAside { entry: EntryId, reason: String },
}

/// What a command did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Written {
    /// The row of an entry that was appended.
    pub(crate) row: i64,
    removed_entries: u64,
    removed_bytes: u64,
}

pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // An answer of success means that the entry survives a power cut: each commit is fsynced.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS entry (
             id INTEGER PRIMARY KEY AUTOINCREMENT,
             project INTEGER NOT NULL,
             form INTEGER NOT NULL,
             accepted_at INTEGER NOT NULL,
             bytes BLOB NOT NULL
         ) STRICT;
         CREATE TABLE IF NOT EXISTS aside (
             id INTEGER PRIMARY KEY,
             project INTEGER NOT NULL,
             form INTEGER NOT NULL,
             accepted_at INTEGER NOT NULL,
             bytes BLOB NOT NULL,
             reason TEXT NOT NULL
         ) STRICT;
         BEGIN;
         INSERT INTO entry (project, form, accepted_at, bytes) SELECT project, form, accepted_at, bytes FROM aside;
         DELETE FROM aside;
         COMMIT;",
    )?;
    Ok(connection)
}

pub(crate) fn start(mut connection: Connection, shared: Arc<Shared>) -> mpsc::UnboundedSender<Command> {
    // Unbounded, since every append took room from the bound in bytes before it came here.
    let (sender, mut commands) = mpsc::unbounded_channel();
    let work = move || {
        let mut group = Vec::with_capacity(GROUP);
        while commands.blocking_recv_many(&mut group, GROUP) > 0 {
            commit(&mut connection, &shared, &mut group);
        }
    };
    std::thread::Builder::new()
        .name("journal".into())
        .spawn(work)
        .expect("the system has room for one more thread");
    sender
}

fn commit(connection: &mut Connection, shared: &Shared, group: &mut Vec<Command>) {
    match write(connection, group) {
        Ok(written) => {
            group.drain(..).zip(written).for_each(|(command, written)| tell(shared, command, written))
        }
        Err(error) => {
            tracing::error!(%error, commands = group.len(), "the journal could not be written");
            group.drain(..).for_each(|command| fail(shared, command, &error));
        }
    }
}

/// All of the group or nothing.
fn write(connection: &mut Connection, group: &[Command]) -> rusqlite::Result<Vec<Written>> {
    let transaction = connection.transaction()?;
    let written = group.iter().map(|command| apply(&transaction, &command.work)).collect::<Result<_, _>>()?;
    transaction.commit()?;
    Ok(written)
}

fn apply(transaction: &Transaction<'_>, work: &Work) -> rusqlite::Result<Written> {
    match work {
        Work::Append { project, form, bytes } => {
            let row = append(transaction, *project, *form, bytes)?;
            Ok(Written { row, ..Written::default() })
        }
        Work::Forget(entries) => remove(transaction, entries),
        Work::SetAside { entry, reason } => {
            let sql =
                "INSERT INTO aside SELECT id, project, form, accepted_at, bytes, ?2 FROM entry WHERE id = ?1";
            transaction.prepare_cached(sql)?.execute(params![entry.0, reason])?;
            remove(transaction, std::slice::from_ref(entry))
        }
    }
}

fn append(transaction: &Transaction<'_>, project: i64, form: u8, bytes: &[u8]) -> rusqlite::Result<i64> {
    let sql = "INSERT INTO entry (project, form, accepted_at, bytes) VALUES (?1, ?2, ?3, ?4)";
    let mut statement = transaction.prepare_cached(sql)?;
    if bytes.len() < LARGE {
        return statement.insert(params![project, form, now(), bytes]);
    }
    let row = statement.insert(params![project, form, now(), ZeroBlob(bytes.len() as u64)])?;
    transaction.blob_open(MAIN_DB, "entry", "bytes", row, false)?.write_at(bytes, 0)?;
    Ok(row)
}

fn remove(transaction: &Transaction<'_>, entries: &[EntryId]) -> rusqlite::Result<Written> {
    let mut statement =
        transaction.prepare_cached("DELETE FROM entry WHERE id = ?1 RETURNING length(bytes)")?;
    let mut written = Written::default();
    for entry in entries {
        for length in statement.query_map(params![entry.0], |row| row.get::<_, i64>(0))? {
            written.removed_entries += 1;
            written.removed_bytes += length?.unsigned_abs();
        }
    }
    Ok(written)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn tell(shared: &Shared, command: Command, written: Written) {
    shared.release(written.removed_entries, written.removed_bytes);
    // Nobody listens any more where the caller left; what was committed stays committed.
    command.done.send(Ok(written)).ok();
    if matches!(command.work, Work::Append { .. }) {
        shared.announce();
    }
}

fn fail(shared: &Shared, command: Command, error: &rusqlite::Error) {
    if let Work::Append { bytes, .. } = &command.work {
        shared.release(1, bytes.len() as u64);
    }
    command.done.send(Err(Error::Write(error.to_string()))).ok();
}
