//! `treering backup`: everything but the master key, copied while a server goes on. Of a remote store, the keys alone and
//! the journal of this folder: its rows are for its server's own tools.
//!
//! The journal is copied first, the store after it, the keys last: what leaves the journal meanwhile is in the store
//! by then, and every key that sealed something of either is among the keys.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use treering_store::{Act, Action, StoreUrl, Vault};

use crate::Answer;
use crate::actor::actor;
use crate::cli;
use crate::copy::{copy, described, files, size, watched};
use crate::data::{Data, make, private};
use crate::error::Error;
use crate::manifest::{KEYS, Manifest, STORE, STORE_KEYS};
use crate::settings::File;

pub(crate) async fn run(options: cli::Backup, file: File) -> Result<Answer, Error> {
    let data = Data::of(&options.place, &file)?;
    data.must_exist()?;
    let to = options.to;
    must_be_empty(&to)?;
    let vault = treering_store::open_vault(&data.store, data.master.clone())?;
    let audit = treering_store::control_with(&data.store, &vault)?.audit;
    make(&to)?;
    let act = Act::new(Action::Backup).on(to.display().to_string());
    let all = match data.is_shared() {
        false => treering_store::store_bytes(data.control_store())?,
        true => size(&data.journal()),
    };
    let seals = data.seals_beside(data.master.clone())?;
    let source = Source { journal: data.journal(), store: data.store.clone(), vault, seals };
    let folder = to.clone();
    let manifest = match watched(&to, all, move || source.copy_to(&folder)).await {
        Ok(manifest) => manifest,
        Err(error) => {
            audit.append(&actor(), act.failed()).await?;
            return Err(error);
        }
    };
    audit.append(&actor(), act.detail(format!("{} bytes", manifest.bytes()))).await?;
    tell(&manifest, &to, &data.store)?;
    Ok(Answer::Yes)
}

fn must_be_empty(folder: &Path) -> Result<(), Error> {
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::NotEmpty(folder.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(source) => Err(Error::Read { path: folder.to_owned(), source }),
    }
}

/// What is copied.
struct Source {
    journal: PathBuf,
    store: StoreUrl,
    vault: Vault,
    /// The keys of the journal, where these are others.
    seals: Option<Vault>,
}

impl Source {
    fn copy_to(&self, to: &Path) -> Result<Manifest, Error> {
        let mut names = copy_journal(&self.journal, to)?;
        match self.store.control() {
            Some(StoreUrl::Sqlite(_)) => {
                treering_store::back_up(&self.store, &begun(to, STORE, &mut names)?)?;
                self.vault.back_up(&begun(to, KEYS, &mut names)?)?;
            }
            _ => {
                if let Some(seals) = &self.seals {
                    seals.back_up(&begun(to, KEYS, &mut names)?)?;
                }
                self.vault.back_up(&begun(to, STORE_KEYS, &mut names)?)?;
            }
        }
        let files = names.iter().map(|name| described(to, name)).collect::<Result<_, _>>()?;
        let manifest = Manifest::of(self.vault.state()?.master.to_string(), files);
        manifest.write(to).map_err(|source| Error::Write { path: to.to_owned(), source })?;
        Ok(manifest)
    }
}

/// An empty file of the copy, for its owner alone.
fn begun(to: &Path, name: &str, names: &mut Vec<String>) -> Result<PathBuf, Error> {
    let path = to.join(name);
    private(&path).map_err(|source| Error::Write { path: path.clone(), source })?;
    names.push(name.into());
    Ok(path)
}

/// The journal as it lies: the end of a file that is being written may be torn, as after a crash, and the next opening
/// mends it. What was accepted before the copy began stands before that, or is in the store.
fn copy_journal(journal: &Path, to: &Path) -> Result<Vec<String>, Error> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let found = match files(journal) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.map_err(|source| Error::Read { path: journal.to_owned(), source })?,
    };
    let folder = to.join(name(journal));
    make(&folder)?;
    let mut names = Vec::new();
    for path in found {
        match copy(&path, &folder.join(name(&path))) {
            // Everything of it was delivered meanwhile.
            Err(Error::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            copied => {
                copied?;
                names.push(format!("{}/{}", name(journal), name(&path)));
            }
        }
    }
    Ok(names)
}

fn tell(manifest: &Manifest, to: &Path, store: &StoreUrl) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let (to, bytes, files) = (to.display(), manifest.bytes(), manifest.files.len());
    writeln!(out, "{to} holds a copy of {files} files with {bytes} bytes")?;
    match store.control().unwrap_or(store) {
        StoreUrl::Sqlite(_) => writeln!(
            out,
            "treering.keys is what opens it: kept apart from the rest, a stolen copy tells nothing"
        )?,
        control => writeln!(
            out,
            "these are the wrapped keys of the store, store.keys, and the journal of this folder, which treering.keys \
             opens. The rows are not among them; copy them now, and keep both apart:\n  pg_dump --data-only --schema \
             treering --exclude-table-data treering.secret --exclude-table-data treering.master --exclude-table-data \
             treering.migration --format custom --file store.dump '{control}'"
        )?,
    }
    if let StoreUrl::ClickHouse(store) = store {
        writeln!(
            out,
            "the steps are in ClickHouse, whose own BACKUP copies them; make that copy after this one:\n  clickhouse-client --query \"BACKUP DATABASE {} TO Disk('backups', 'steps')\"",
            store.steps.database()
        )?;
    }
    let master = &manifest.master_key;
    writeln!(
        out,
        "the master key {master} is not in it; without that key nothing of it can be read: keep it elsewhere"
    )
}
