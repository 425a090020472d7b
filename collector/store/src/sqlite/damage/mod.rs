//! What a store does on a damaged database: the file is moved aside, a new one begins at once, and what can be read of
//! the old one is carried over.
//!
//! Order matters, since a kill may come between any two steps. The new database is made under another name, with the
//! control data in it, and takes its place in one step; until then, the next start finds the old one aside and goes on
//! from there.

mod control;
mod pages;
mod salvage;
mod wal;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Notify;
use treering_step::Timestamp;

use super::{connect, file, schema};
use crate::sql::{self, Content};
use crate::{Error, OutcomeCount, Vault};
pub use salvage::{Piece, Salvage, Salvaged};
use wal::beside;

/// How long an opening may look for damage. A small database is looked through; of a large one, the rest is looked at
/// when it is used.
const LOOK: Duration = Duration::from_secs(1);
/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 1_000;
/// Damaged databases that are kept after what could be read of them was carried over.
const KEPT: usize = 3;
const ASIDE: &str = ".damaged-";
/// What a damaged database is called once it is done with.
const DONE: &str = ".salvaged";

/// What an opening finds.
enum State {
    Whole,
    Damaged,
    /// Committed pages of its log are not there any more; nobody knows what was on them.
    Shortened,
}

/// The place of a database, and who may begin a new one there.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) path: PathBuf,
    /// The vault, where this process owns the store and mends it.
    owner: Option<Vault>,
    mending: Mutex<()>,
    was_missing: AtomicBool,
    news: Notify,
}

impl Ground {
    pub(super) fn of(path: &Path) -> Arc<Self> {
        Self::new(path, None)
    }

    pub(super) fn of_owner(path: &Path, vault: Vault) -> Arc<Self> {
        Self::new(path, Some(vault))
    }

    fn new(path: &Path, owner: Option<Vault>) -> Arc<Self> {
        let (mending, was_missing, news) = Default::default();
        Arc::new(Self { path: path.to_owned(), owner, mending, was_missing, news })
    }

    /// Before anybody opens the database: begins a new one where there is none that can be used.
    pub(super) fn prepare(&self) -> Result<(), Error> {
        let Some(vault) = &self.owner else { return Ok(()) };
        let _alone = self.mending.lock().unwrap_or_else(PoisonError::into_inner);
        let new = self.new_path();
        remove(&new).map_err(|error| self.failed(error))?;
        let pending = pending(&self.path).map_err(|error| self.failed(error))?.pop();
        let was_there = self.is_there();
        let is_there = was_there || wal::flush(&self.path).map_err(|error| self.failed(error))?;
        match (is_there, pending) {
            (true, _) => match self.look(vault)? {
                State::Whole => Ok(()),
                State::Damaged if was_there => self.begin_anew(vault, 0),
                State::Damaged | State::Shortened => self.begin_anew(vault, 1),
            },
            (false, Some(aside)) => self.begin_after(vault, Some(&aside), 0),
            (false, None) if !vault.projects()?.is_empty() => self.begin_after(vault, None, 0),
            (false, None) => Ok(()),
        }
    }

    /// During work, whoever meets damage calls this. Who comes second finds the new database there already.
    pub(super) fn mend(&self, damaged: FileId) -> Result<(), Error> {
        let Some(vault) = &self.owner else { return Ok(()) };
        let _alone = self.mending.lock().unwrap_or_else(PoisonError::into_inner);
        if FileId::of(&self.path) != Some(damaged) {
            return Ok(());
        }
        self.begin_anew(vault, 0)
    }

    fn is_there(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|file| file.len() > 0)
    }

    /// As far as a short look tells.
    fn look(&self, vault: &Vault) -> Result<State, Error> {
        let failed = |error| self.failed(error);
        if wal::mend(&self.path).map_err(failed)?.is_some_and(|lost| lost > 0) {
            return Ok(State::Shortened);
        }
        if self.is_whole(vault)? || wal::flush(&self.path).map_err(failed)? && self.is_whole(vault)? {
            return Ok(State::Whole);
        }
        Ok(State::Damaged)
    }

    fn is_whole(&self, vault: &Vault) -> Result<bool, Error> {
        match quick_check(&self.path) {
            // A database without tables, although there are keys to what was in them.
            Ok(Some(0)) => Ok(vault.projects()?.is_empty()),
            Ok(version) => Ok(version.is_some()),
            Err(error) if error.is_damage() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn begin_anew(&self, vault: &Vault, lost: u64) -> Result<(), Error> {
        let aside = aside(&self.path);
        fs::rename(&self.path, &aside).map_err(|error| self.failed(error))?;
        self.begin_after(vault, Some(&aside), lost)
    }

    /// Makes the new database, with the control data of the one aside.
    fn begin_after(&self, vault: &Vault, aside: Option<&Path>, lost: u64) -> Result<(), Error> {
        self.move_rest(aside).map_err(|error| self.failed(error))?;
        let path = self.new_path();
        create_private(&path).map_err(|error| self.failed(error))?;
        let new = sql::Connection::Sqlite(connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?);
        schema::migrate(&new, &path, &Content::new(vault.clone()))?;
        if let Some(aside) = aside {
            wal::flush(aside).map_err(|error| self.failed(error))?;
            control::salvage(&open_damaged(aside)?, file(&new))?;
            count(&new, "lost.damaged_store", lost)?;
        } else {
            count(&new, "lost.missing_store", 1)?;
            self.was_missing.store(true, Ordering::Relaxed);
        }
        control::name_projects(file(&new), &vault.projects()?)?;
        // Into the file itself, which is about to be renamed without its log.
        file(&new).pragma_update(None, "journal_mode", "delete")?;
        drop(new);
        fs::rename(&path, &self.path)
            .and_then(|()| sync_folder(&path))
            .map_err(|error| self.failed(error))?;
        self.news.notify_one();
        Ok(())
    }

    /// The files beside a database belong to it: none may stay for the next one.
    fn move_rest(&self, aside: Option<&Path>) -> io::Result<()> {
        let lost = beside(&self.path, ".lost");
        for suffix in ["-wal", "-shm"] {
            let to = beside(aside.unwrap_or(&lost), suffix);
            match fs::rename(beside(&self.path, suffix), to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn new_path(&self) -> PathBuf {
        beside(&self.path, ".new")
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Mend { path: self.path.display().to_string(), source }
    }
}

/// The damaged databases of a store, for whoever carries over what they hold.
#[derive(Debug, Clone)]
pub struct Damaged {
    ground: Arc<Ground>,
}

impl Damaged {
    pub(super) fn new(ground: Arc<Ground>) -> Self {
        Self { ground }
    }

    /// True where there was no database at the start, although there had been one.
    pub fn was_missing(&self) -> bool {
        self.ground.was_missing.load(Ordering::Relaxed)
    }

    /// The next one from which nothing was carried over yet; waits until there is one. It comes again and again until
    /// [`Damaged::finish`].
    pub async fn next(&self) -> Result<Salvage, Error> {
        loop {
            let found = pending(&self.ground.path).map_err(|error| self.ground.failed(error))?;
            match (found.into_iter().next(), &self.ground.owner) {
                (Some(path), Some(vault)) => return Ok(Salvage::of(path, vault.clone())),
                _ => self.ground.news.notified().await,
            }
        }
    }

    /// Everything was carried over; the file stays for a while, for who wants to look at it.
    pub fn finish(&self, salvage: Salvage) -> Result<(), Error> {
        let path = salvage.into_path();
        let finish = || {
            fs::rename(&path, beside(&path, DONE))?;
            for suffix in ["-wal", "-shm"] {
                remove(&beside(&path, suffix))?;
            }
            let mut done = files(&self.ground.path, |name| name.contains(ASIDE) && name.ends_with(DONE))?;
            done.truncate(done.len().saturating_sub(KEPT));
            done.iter().try_for_each(|old| remove(old))
        };
        finish().map_err(|error| self.ground.failed(error))
    }
}

/// Which file a connection is to, whatever its name is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileId(u64, u64);

impl FileId {
    #[cfg(unix)]
    pub(super) fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(path).ok().map(|file| Self(file.dev(), file.ino()))
    }

    /// Where an open file cannot be renamed, none is.
    #[cfg(not(unix))]
    pub(super) fn of(_path: &Path) -> Option<Self> {
        Some(Self(0, 0))
    }
}

/// The last one to close a database removes its log by name; and under this name may lie another one's by now.
pub(super) fn leave_log(connection: &Connection) {
    // Should it fail, nothing is worse than it was.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).ok();
}

/// Opens a damaged database as far as that is possible: what its schema says is believed, and a file that is too short
/// is read as far as it goes.
fn open_damaged(path: &Path) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    leave_log(&connection);
    for pragma in ["writable_schema", "cell_size_check", "query_only"] {
        connection.pragma_update(None, pragma, true)?;
    }
    Ok(connection)
}

/// The version of the schema, where nothing wrong was found.
fn quick_check(path: &Path) -> Result<Option<i64>, Error> {
    let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Whatever it finds, it leaves the files as they are.
    leave_log(&connection);
    connection.busy_timeout(LOOK)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let end = Instant::now() + LOOK;
    connection.progress_handler(STEPS, Some(move || Instant::now() > end))?;
    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match found {
        Ok(word) => Ok((word == "ok").then_some(version)),
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) => {
            Ok(Some(version))
        }
        Err(error) => Err(error.into()),
    }
}

fn count(new: &sql::Connection, name: &str, count: u64) -> Result<(), Error> {
    let outcome = OutcomeCount { project: None, name: name.to_owned(), count };
    sql::count(new, "store", Timestamp::now().as_nanos() / 60_000_000_000, &[outcome])
}

/// A name that no file has.
fn aside(path: &Path) -> PathBuf {
    let now = Timestamp::now().as_nanos() / 1_000_000_000;
    let name = |at: u64| beside(path, &format!("{ASIDE}{at:010}"));
    let is_free = |at: &u64| !name(*at).exists() && !beside(&name(*at), DONE).exists();
    name((now..).find(is_free).unwrap_or(now))
}

/// Damaged databases that were not carried over yet, the oldest first.
fn pending(path: &Path) -> io::Result<Vec<PathBuf>> {
    files(path, |name| {
        name.rsplit_once(ASIDE).is_some_and(|(_, time)| time.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// The files beside a database whose name begins with its own.
fn files(path: &Path, is_it: impl Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
    let own = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.strip_prefix(&own).is_some_and(&is_it) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn create_private(path: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}
