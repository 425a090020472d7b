//! Wrapped keys, in a file of their own: a backup of the store without this file tells nothing, and a key that is
//! dropped here takes along what it sealed, wherever copies of that are.

mod master_file;
mod place;
mod source;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use treering_seal::{ChainKey, CheckpointKey, DataKey, HashKey, KeyId, MasterId, MasterKey, Secret};

pub use master_file::write_new_master;
pub use source::MasterSource;

use crate::postgres::Remote;
use crate::{Error, ProjectId, Writer};
pub(crate) use place::in_use;
use place::{Place, Purpose, Row};

/// Hands out the keys of a store. Clones are handles of the same one. Its functions may block, but for a key that
/// was asked for before.
#[derive(Debug, Clone)]
pub struct Vault {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    place: Place,
    source: MasterSource,
    master: MasterKey,
    /// The keys that seal today, and those that were asked for.
    current: HashMap<(ProjectId, u32), DataKey>,
    known: HashMap<KeyId, DataKey>,
    hashes: HashMap<ProjectId, (KeyId, HashKey)>,
    /// Since when those that open are remembered.
    since: Instant,
}

/// Has no content, but a secret of its own for what is the installation's.
const INSTALLATION: ProjectId = ProjectId(0);

/// How many keys are remembered, and for how long: whatever another process dropped is soon asked for again, and then
/// it is gone here as well.
const REMEMBERED: usize = 4096;
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// What a vault holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultState {
    /// The name of the master key that wraps everything.
    pub master: MasterId,
    pub data_keys: u64,
    pub hash_keys: u64,
    /// The days of the oldest and of the newest data key, in days since 1970 UTC.
    pub days: Option<(u32, u32)>,
}

/// Where the wrapped keys of an embedded store lie: beside it, as `treering.keys` for `treering.db`.
pub fn vault_path(store: &Path) -> PathBuf {
    store.with_extension("keys")
}

impl Vault {
    pub(crate) fn open(path: &Path, source: MasterSource) -> Result<Self, Error> {
        Self::of(Place::open(path)?, source)
    }

    /// For a store that has sealed something: where its keys are gone, new ones would hide that.
    pub(crate) fn open_existing(path: &Path, source: MasterSource) -> Result<Self, Error> {
        let lost = || Error::KeysLost { path: path.display().to_string() };
        if !path.exists() {
            return Err(lost());
        }
        let place = Place::open(path)?;
        if place.master()?.is_none() { Err(lost()) } else { Self::of(place, source) }
    }

    /// For opening what is sealed, and nothing else.
    pub(crate) fn open_read_only(path: &Path, source: MasterSource) -> Result<Self, Error> {
        Self::of(Place::open_read_only(path)?, source)
    }

    /// The keys of a remote store, in its own tables.
    pub(crate) fn remote(place: Remote, source: MasterSource) -> Result<Self, Error> {
        Self::of(Place::remote(place), source)
    }

    fn of(place: Place, source: MasterSource) -> Result<Self, Error> {
        let vault = Self::unsettled(place, source)?;
        vault.lock().settle()?;
        Ok(vault)
    }

    /// A file of keys beside those of a store, which has the same master key. A new one takes the place of the old one
    /// only once it wraps the store's keys as well, so that this file leaves it where it is.
    pub(crate) fn open_beside(path: &Path, source: MasterSource) -> Result<Self, Error> {
        Self::unsettled(Place::open(path)?, source)
    }

    fn unsettled(place: Place, source: MasterSource) -> Result<Self, Error> {
        let master = match place.master()? {
            Some(wanted) => source.find(wanted)?,
            None => source.read()?,
        };
        place.claim(master.id())?;
        let (current, known, hashes) = Default::default();
        let inner = Inner { place, source, master, current, known, hashes, since: Instant::now() };
        Ok(Self { inner: Arc::new(Mutex::new(inner)) })
    }

    /// True where these are the keys of the store that this one writes to.
    pub fn is_that_of(&self, writer: &Writer) -> bool {
        Arc::ptr_eq(&self.inner, &writer.vault().inner)
    }

    /// The key that seals what comes in for a project on a day; made where there is none.
    pub fn data_key(&self, project: ProjectId, day: u32) -> Result<DataKey, Error> {
        let mut inner = self.lock();
        if let Some(key) = inner.current.get(&(project, day)) {
            return Ok(key.clone());
        }
        let (row, secret) = inner.ensure(project, Purpose::Day(day))?;
        let key = DataKey::new(row.id, &secret);
        inner.remember(&key);
        inner.current.retain(|(_, of), _| of + 2 > day);
        inner.current.insert((project, day), key.clone());
        Ok(key)
    }

    /// The key of a project that has this name; `None` where it was dropped, and what it sealed with it.
    pub fn key(&self, project: ProjectId, id: KeyId) -> Result<Option<DataKey>, Error> {
        let mut inner = self.lock();
        inner.age(Instant::now());
        if let Some(key) = inner.known.get(&id) {
            return Ok(Some(key.clone()));
        }
        let Some(row) = inner.place.find(project, id)? else { return Ok(None) };
        let key = DataKey::new(id, &inner.unwrap(&row)?);
        inner.remember(&key);
        Ok(Some(key))
    }

    /// What names the content and the words of a project. It may have been dropped by another process: what is named
    /// with it is kept only where [`Vault::in_use`] says, or its own transaction, that it was not.
    pub fn hash_key(&self, project: ProjectId) -> Result<HashKey, Error> {
        self.names(project).map(|(_, key)| key)
    }

    /// The same with the name of the key itself.
    pub(crate) fn names(&self, project: ProjectId) -> Result<(KeyId, HashKey), Error> {
        let mut inner = self.lock();
        if let Some(names) = inner.hashes.get(&project) {
            return Ok(names.clone());
        }
        let (row, secret) = inner.ensure(project, Purpose::Hashes)?;
        let names = (row.id, HashKey::new(&secret));
        inner.hashes.insert(project, names.clone());
        Ok(names)
    }

    /// The key that names today, whatever is remembered; `None` where there is none: then nothing of the project was
    /// ever named.
    pub(crate) fn hash_key_today(&self, project: ProjectId) -> Result<Option<HashKey>, Error> {
        let mut inner = self.lock();
        let Some(row) = inner.place.current(project, Purpose::Hashes)? else {
            inner.hashes.remove(&project);
            return Ok(None);
        };
        if let Some((id, key)) = inner.hashes.get(&project)
            && *id == row.id
        {
            return Ok(Some(key.clone()));
        }
        let key = HashKey::new(&inner.unwrap(&row)?);
        inner.hashes.insert(project, (row.id, key.clone()));
        Ok(Some(key))
    }

    /// True where each of these keys seals or names today.
    pub(crate) fn in_use(&self, keys: &[KeyId]) -> Result<bool, Error> {
        self.lock().place.in_use(keys)
    }

    /// What chains the rows of the audit log.
    pub(crate) fn chain_key(&self) -> Result<ChainKey, Error> {
        let (_, secret) = self.lock().ensure(INSTALLATION, Purpose::Hashes)?;
        Ok(ChainKey::new(&secret))
    }

    /// What signs how far that chain has come.
    pub(crate) fn checkpoint_key(&self) -> Result<CheckpointKey, Error> {
        let (_, secret) = self.lock().ensure(INSTALLATION, Purpose::Hashes)?;
        Ok(CheckpointKey::new(&secret))
    }

    /// Begins a new key for a day: what is sealed from now on is sealed with it. The old ones open until
    /// [`Vault::drop_retired`]. Whoever else seals for this project and day must have stopped before.
    pub fn retire(&self, project: ProjectId, day: u32) -> Result<DataKey, Error> {
        let mut inner = self.lock();
        inner.place.retire(project, Some(day))?;
        inner.current.remove(&(project, day));
        drop(inner);
        self.data_key(project, day)
    }

    /// The same for every day.
    pub fn retire_project(&self, project: ProjectId) -> Result<(), Error> {
        let mut inner = self.lock();
        inner.place.retire(project, None)?;
        inner.current.retain(|(of, _), _| *of != project);
        Ok(())
    }

    /// The keys of a day that seal no more.
    pub(crate) fn retired(&self, project: ProjectId, day: u32) -> Result<Vec<KeyId>, Error> {
        self.lock().place.retired(project, day)
    }

    /// Drops these of the retired keys, and none that was retired since somebody told which they are.
    pub(crate) fn drop_these(&self, keys: &[KeyId]) -> Result<u64, Error> {
        self.forget(|place| place.drop_these(keys))
    }

    /// Drops the retired keys of a day. Nothing that they sealed can be opened any more, here or in any copy.
    pub fn drop_retired(&self, project: ProjectId, day: u32) -> Result<u64, Error> {
        self.forget(|place| place.drop_retired(project, Some(day)))
    }

    /// The same for every day.
    pub fn drop_retired_of(&self, project: ProjectId) -> Result<u64, Error> {
        self.forget(|place| place.drop_retired(project, None))
    }

    /// Drops the data keys of a project of all days before this one.
    pub fn drop_before(&self, project: ProjectId, day: u32) -> Result<u64, Error> {
        self.forget(|place| place.drop_before(project, day))
    }

    /// Drops every key of a project.
    pub fn drop_project(&self, project: ProjectId) -> Result<u64, Error> {
        self.forget(|place| place.drop_project(project))
    }

    /// Wraps every key with this new master key, and nothing else: what they sealed stays as it is. Tells how many
    /// they are. Who holds this vault open reads the new key from its source when it next needs it. The keys beside go
    /// first: should it be interrupted, the same again ends it.
    pub fn rotate(&self, new: &MasterKey, beside: Option<&Self>) -> Result<u64, Error> {
        let mut wrapped = 0;
        let count = self.lock().rotate(new, || {
            wrapped = wrap_beside(beside, new)?;
            Ok(())
        })?;
        Ok(count + wrapped)
    }

    /// The same with a key that is made here and takes the place of the old one in its file.
    pub fn renew(&self, beside: Option<&Self>) -> Result<u64, Error> {
        let mut inner = self.lock();
        let MasterSource::File(path) = inner.source.clone() else { return Err(Error::MasterElsewhere) };
        let new = MasterKey::generate().map_err(Error::Seal)?;
        let not_written = |source| Error::MasterNotWritten { path: path.display().to_string(), source };
        let mut wrapped = 0;
        let rotated = inner.rotate(&new, || {
            master_file::write_beside(&path, &new).map_err(not_written)?;
            wrapped = wrap_beside(beside, &new)?;
            Ok(())
        });
        match rotated {
            Ok(count) => inner.settle().map(|()| count + wrapped),
            Err(error) => {
                // A commit that failed may have been one: the key goes only where it is known to wrap nothing.
                let wraps_nothing = |id: Result<_, _>| matches!(id, Ok(Some(id)) if id != new.id());
                let beside = beside.is_none_or(|beside| wraps_nothing(beside.lock().place.master()));
                if beside && wraps_nothing(inner.place.master()) {
                    master_file::forget_beside(&path, new.id());
                }
                Err(error)
            }
        }
    }

    pub fn state(&self) -> Result<VaultState, Error> {
        let inner = self.lock();
        let master = inner.place.master()?.unwrap_or(inner.master.id());
        inner.place.state(master)
    }

    /// The projects that have keys.
    pub(crate) fn projects(&self) -> Result<Vec<ProjectId>, Error> {
        self.lock().place.projects()
    }

    /// Copies the wrapped keys to a new file.
    pub fn back_up(&self, path: &Path) -> Result<(), Error> {
        self.lock().place.back_up(path)
    }

    /// Asks again which keys seal and name today: another process may have retired or dropped those that are remembered.
    pub fn look_again(&self) {
        let mut inner = self.lock();
        inner.current.clear();
        inner.hashes.clear();
    }

    fn forget(&self, drop_keys: impl FnOnce(&Place) -> Result<u64, Error>) -> Result<u64, Error> {
        let mut inner = self.lock();
        let count = drop_keys(&inner.place)?;
        inner.current.clear();
        inner.known.clear();
        inner.hashes.clear();
        Ok(count)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wraps the keys that lie beside those of a store, unless that was done before.
fn wrap_beside(beside: Option<&Vault>, new: &MasterKey) -> Result<u64, Error> {
    match beside.map_or(Ok(0), |beside| beside.rotate(new, None)) {
        Err(Error::SameMaster) => Ok(0),
        wrapped => wrapped,
    }
}

impl Inner {
    /// `prepare` runs while nobody else can rotate, and before anything is wrapped.
    fn rotate(&mut self, new: &MasterKey, prepare: impl FnOnce() -> Result<(), Error>) -> Result<u64, Error> {
        self.follow()?;
        if new.id() == self.master.id() {
            return Err(Error::SameMaster);
        }
        let old = self.master.clone();
        let count = self.place.rewrap(old.id(), new.id(), prepare, |row| {
            let secret = old.unwrap(&row.place(), &row.wrapped).map_err(Error::Seal)?;
            new.wrap(&row.place(), &secret).map_err(Error::Seal)
        })?;
        self.master = new.clone();
        Ok(count)
    }

    /// Ends what a rotation did not: the key that wraps everything takes its place.
    fn settle(&self) -> Result<(), Error> {
        let MasterSource::File(path) = &self.source else { return Ok(()) };
        if self.place.is_read_only() {
            return Ok(());
        }
        let not_written = |source| Error::MasterNotWritten { path: path.display().to_string(), source };
        master_file::settle(path, self.master.id()).map_err(not_written)
    }

    /// The row of this purpose and its secret, made where there is none.
    fn ensure(&mut self, project: ProjectId, purpose: Purpose) -> Result<(Row, Secret), Error> {
        if let Some(row) = self.place.current(project, purpose)? {
            let secret = self.unwrap(&row)?;
            return Ok((row, secret));
        }
        self.follow()?;
        let secret = Secret::generate().map_err(Error::Seal)?;
        let id = KeyId::generate().map_err(Error::Seal)?;
        let mut row = Row { id, project, purpose, wrapped: Vec::new() };
        row.wrapped = self.master.wrap(&row.place(), &secret).map_err(Error::Seal)?;
        // Another process may have been quicker: its key counts.
        let row = self.place.insert(self.master.id(), row)?;
        let secret = self.unwrap(&row)?;
        Ok((row, secret))
    }

    fn unwrap(&mut self, row: &Row) -> Result<Secret, Error> {
        match self.master.unwrap(&row.place(), &row.wrapped) {
            Ok(secret) => Ok(secret),
            Err(_) => {
                self.follow()?;
                self.master.unwrap(&row.place(), &row.wrapped).map_err(Error::Seal)
            }
        }
    }

    /// Takes the master key that wraps today, should another process have rotated it.
    fn follow(&mut self) -> Result<(), Error> {
        match self.place.master()? {
            Some(id) if id != self.master.id() => {
                self.master = self.source.find(id)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Forgets the keys that open once they are remembered for long.
    fn age(&mut self, now: Instant) {
        if now.saturating_duration_since(self.since) >= REMEMBERED_FOR {
            self.known.clear();
            self.since = now;
        }
    }

    fn remember(&mut self, key: &DataKey) {
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(key.id(), key.clone());
    }
}

#[cfg(test)]
mod tests;
