use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use treering_collector::{Identity, Settings};
use treering_queue::Journal;
use treering_store::{Control, MasterSource, StoreUrl, Vault, vault_path};

use crate::actor::actor;
use crate::cli::Place;
use crate::error::Error;
use crate::manifest::{KEYS, STORE};
use crate::{master, settings};

const DEFAULT: &str = "./treering-data";

/// The folder of the data, and the store.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) folder: PathBuf,
    pub(crate) store: StoreUrl,
    pub(crate) master: MasterSource,
}

impl Data {
    pub(crate) fn of(place: &Place, file: &settings::File) -> Result<Self, Error> {
        let folder = place.data.clone().or(file.data.clone()).unwrap_or_else(|| DEFAULT.into());
        let embedded = || StoreUrl::Sqlite(folder.join(STORE));
        let parse = |url: Option<&String>| url.map(|url| url.parse::<StoreUrl>()).transpose();
        let store = parse(place.store.as_ref().or(file.store.as_ref()))?.unwrap_or_else(embedded);
        let control = parse(place.control.as_ref().or(file.control.as_ref()))?;
        let store = match (store.control(), control) {
            (Some(_), None) => store,
            (None, None) => store.controlled_by(embedded())?,
            (_, Some(control)) => store.controlled_by(control)?,
        };
        let store = match place.cluster.as_ref().or(file.cluster.as_ref()) {
            Some(cluster) => store.on_cluster(cluster)?,
            None => store,
        };
        let master = master::source(place, file, &folder);
        Ok(Self { folder, store, master })
    }

    /// Where the control data are, and the keys with them.
    pub(crate) fn control_store(&self) -> &StoreUrl {
        self.store.control().unwrap_or(&self.store)
    }

    /// True where other collectors may write to the same store.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.control_store(), StoreUrl::Postgres(_))
    }

    /// Makes the file of the master key on a first start; tells its place then.
    pub(crate) fn ensure_master(&self) -> Result<Option<PathBuf>, Error> {
        master::ensure(&self.master, &self.store)
    }

    /// The control data, for a command.
    pub(crate) async fn control(&self) -> Result<Control, Error> {
        self.must_exist()?;
        let Control { keeper, audit } =
            treering_store::open_control(&self.store, self.master.clone()).await?;
        Ok(Control { keeper: keeper.acting_as(&actor()), audit })
    }

    /// The keys that seal the journal: those of the store where that lies here, else of a file of their own. They are
    /// wrapped with the same master key.
    pub(crate) fn seals(&self, store: &Vault) -> Result<Vault, Error> {
        if !self.is_shared() {
            return Ok(store.clone());
        }
        // Its keys would be dropped as if they sealed a journal.
        if self.folder.join(STORE).exists() {
            return Err(Error::OtherStore(self.folder.clone()));
        }
        let path = self.seals_path();
        private(&path).map_err(|source| Error::Write { path: path.clone(), source })?;
        Ok(treering_store::open_keys(&path, self.master.clone())?)
    }

    /// The same for a command, where the journal has a file of its own and that is here.
    pub(crate) fn seals_beside(&self, master: MasterSource) -> Result<Option<Vault>, Error> {
        match self.is_shared() && self.seals_path().exists() {
            true => Ok(Some(treering_store::open_keys(&self.seals_path(), master)?)),
            false => Ok(None),
        }
    }

    /// Refuses to begin new keys in the place of lost ones: what still waits could be read no more.
    pub(crate) fn seals_must_be_there(&self, journal: &Journal, seals: &Vault) -> Result<(), Error> {
        if self.is_shared() && journal.depth().entries > 0 && seals.state()?.data_keys == 0 {
            let path = self.seals_path().display().to_string();
            return Err(treering_store::Error::KeysLost { path }.into());
        }
        Ok(())
    }

    /// Where the keys of the journal lie that are not the store's.
    pub(crate) fn seals_path(&self) -> PathBuf {
        self.folder.join(KEYS)
    }

    /// The collector of this folder is the same one after each start, where its store may have others: they wait for what
    /// is in its journal.
    pub(crate) fn known_by_id(&self, settings: Settings) -> Result<Settings, Error> {
        if !self.is_shared() {
            return Ok(settings);
        }
        let path = self.folder.join("collector.id");
        let (id, is_new) = id_of(&path).map_err(|source| Error::Write { path: path.clone(), source })?;
        Ok(Settings { identity: Some(Identity { id, name: self.place(), is_new }), ..settings })
    }

    /// The machine and the folder, for who looks for them.
    fn place(&self) -> String {
        let folder = fs::canonicalize(&self.folder).unwrap_or_else(|_| self.folder.clone());
        let host = fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME"));
        match host {
            Ok(host) => format!("{}:{}", host.trim(), folder.display()),
            Err(_) => folder.display().to_string(),
        }
    }

    /// Where versions before the sealed journal kept theirs.
    pub(crate) fn old_journal(&self) -> PathBuf {
        self.folder.join("journal.db")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.join("journal")
    }

    /// Makes the folder, readable for its owner alone, and takes it: two collectors on one journal would each
    /// deliver what the other one forgets.
    pub(crate) fn take(&self) -> Result<Lock, Error> {
        make(&self.folder)?;
        let path = self.folder.join("lock");
        let write = |source| Error::Write { path: path.clone(), source };
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(write)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse(self.folder.clone())),
            Err(TryLockError::Error(source)) => Err(write(source)),
        }
    }

    /// Makes the files of the databases readable and writable for their owner alone, whatever the folder allows, and
    /// whatever somebody did to them: they are ours. SQLite gives new side files the same rights.
    pub(crate) fn keep_private(&self) -> Result<(), Error> {
        let StoreUrl::Sqlite(store) = self.control_store() else { return Ok(()) };
        let keys = vault_path(store);
        // A file of keys that is lost is not made anew.
        let keys = Some(&keys).filter(|keys| keys.exists() || treering_store::is_unsealed(&self.store));
        for path in [store].into_iter().chain(keys) {
            for suffix in ["-wal", "-shm"] {
                let mut beside = path.clone().into_os_string();
                beside.push(suffix);
                writable(Path::new(&beside))
                    .map_err(|source| Error::Write { path: beside.into(), source })?;
            }
            private(path).map_err(|source| Error::Write { path: path.clone(), source })?;
        }
        Ok(())
    }

    /// Refuses a folder that is not there, for commands that would otherwise make an empty one. A remote store needs none.
    pub(crate) fn must_exist(&self) -> Result<(), Error> {
        match self.control_store() {
            StoreUrl::Sqlite(_) if !self.folder.is_dir() => Err(Error::NoData(self.folder.clone())),
            _ => Ok(()),
        }
    }
}

/// The id in this file, and whether it is made now.
fn id_of(path: &Path) -> std::io::Result<(String, bool)> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        id => match id?.trim() {
            // A crash left it empty, before anybody knew it.
            "" => {}
            id => return Ok((id.to_owned(), false)),
        },
    }
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    let id = format!("{:016x}", u64::from_le_bytes(bytes));
    private(path)?;
    let mut file = File::create(path)?;
    writeln!(file, "{id}")?;
    file.sync_all()?;
    Ok((id, true))
}

/// The folder is ours as long as this lives; the system ends it with the process, however that ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

#[cfg(unix)]
pub(crate) fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    writable(path)?;
    File::options().create(true).truncate(false).write(true).mode(0o600).open(path).map(drop)
}

/// Where the file is there.
#[cfg(unix)]
fn writable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    match fs::set_permissions(path, fs::Permissions::from_mode(0o600)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
fn writable(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn private(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

pub(crate) fn make(folder: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let made = builder.recursive(true).create(folder);
    made.map_err(|source| Error::Write { path: folder.to_owned(), source })
}
