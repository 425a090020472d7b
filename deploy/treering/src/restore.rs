//! `treering restore`: an empty data folder made what a copy was.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use treering_store::{Act, Action, MasterSource, StoreUrl, vault_path};

use crate::Answer;
use crate::actor::actor;
use crate::cli;
use crate::copy::{copy, watched};
use crate::data::{Data, make};
use crate::error::Error;
use crate::manifest::{Copied, KEYS, Manifest, STORE};
use crate::settings::File;

pub(crate) async fn run(options: cli::Restore, file: File) -> Result<Answer, Error> {
    let data = Data::of(&options.place, &file)?;
    let manifest = Manifest::read(&options.from)?;
    if data.is_shared() {
        return Err(Error::RestoredElsewhere(options.from));
    }
    if manifest.file(STORE).is_none() {
        return Err(Error::OfRemote(options.from));
    }
    must_be_free(&data)?;
    let _lock = data.take()?;
    let keys = Keys::of(&options, &manifest);
    let mut placed = Placed::default();
    keys.place(&data, &mut placed)?;
    let (from, store, folder) = (options.from.clone(), data.control_store().clone(), data.folder.clone());
    let all = manifest.bytes();
    let (manifest, placed) = watched(&data.folder, all, move || {
        place(&manifest, &from, &store, &folder, &mut placed)?;
        Ok((manifest, placed))
    })
    .await?;
    // Opened as a server opens it: an older copy is brought up to date, and a newer one refused.
    let audit = treering_store::open(&data.store, data.master.clone()).await?.audit;
    let from = options.from.display().to_string();
    let act = Act::new(Action::Restore).on(from).detail(format!("made at {}", manifest.made_at));
    audit.append(&actor(), act).await?;
    placed.keep();
    tell(&manifest, &data, &keys)?;
    Ok(Answer::Yes)
}

/// Nothing may lie where something is to be placed but the master key, which has to come from elsewhere.
fn must_be_free(data: &Data) -> Result<(), Error> {
    let StoreUrl::Sqlite(store) = data.control_store() else {
        return Err(treering_store::Error::NoFile.into());
    };
    let expected = |path: &Path| {
        let is_master = matches!(&data.master, MasterSource::File(master) if master == path);
        is_master || path == data.folder.join("lock")
    };
    let occupied = match fs::read_dir(&data.folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(source) => return Err(Error::Read { path: data.folder.clone(), source }),
        Ok(entries) => entries.flatten().any(|entry| !expected(&entry.path())),
    };
    if occupied || store.exists() || vault_path(store).exists() {
        return Err(Error::Occupied(data.folder.clone()));
    }
    Ok(())
}

/// The wrapped keys that the copy is opened with.
enum Keys {
    Of(PathBuf, Option<Copied>),
    Given(PathBuf),
    None,
}

impl Keys {
    fn of(options: &cli::Restore, manifest: &Manifest) -> Self {
        let own = options.from.join(KEYS);
        match &options.keys {
            Some(path) => Self::Given(path.clone()),
            None if own.exists() => Self::Of(own, manifest.file(KEYS).cloned()),
            None => Self::None,
        }
    }

    /// Puts them in their place before anything else, and sees whether the master key opens them.
    fn place(&self, data: &Data, placed: &mut Placed) -> Result<(), Error> {
        let StoreUrl::Sqlite(store) = data.control_store() else {
            return Err(treering_store::Error::NoFile.into());
        };
        let path = vault_path(store);
        let from = match self {
            Self::Of(from, _) | Self::Given(from) => from,
            Self::None => {
                if let Some(made) = data.ensure_master()? {
                    placed.add(made);
                }
                placed.add(path);
                treering_store::new_vault(&data.store, data.master.clone())?;
                return Ok(());
            }
        };
        placed.add(path.clone());
        let hash = copy(from, &path)?;
        if let Self::Of(from, Some(expected)) = self {
            check(hash, expected, from)?;
        }
        treering_store::open_vault(&data.store, data.master.clone())?;
        Ok(())
    }
}

/// Copies the rest, the store last, and only under its own name once it is whole.
fn place(
    manifest: &Manifest,
    from: &Path,
    store: &StoreUrl,
    folder: &Path,
    placed: &mut Placed,
) -> Result<(), Error> {
    let StoreUrl::Sqlite(store) = store else { return Err(treering_store::Error::NoFile.into()) };
    for file in manifest.files.iter().filter(|file| ![STORE, KEYS].contains(&file.name.as_str())) {
        let to = folder.join(&file.name);
        if let Some(folder) = to.parent() {
            make(folder)?;
        }
        placed.add(to.clone());
        check(copy(&from.join(&file.name), &to)?, file, &from.join(&file.name))?;
    }
    let missing = || Error::NoBackup(from.to_owned(), ErrorKind::NotFound.into());
    let file = manifest.file(STORE).ok_or_else(missing)?;
    let part = store.with_extension("part");
    placed.add(part.clone());
    check(copy(&from.join(STORE), &part)?, file, &from.join(STORE))?;
    placed.add(store.clone());
    fs::rename(&part, store).map_err(|source| Error::Write { path: store.clone(), source })
}

fn check(hash: blake3::Hash, expected: &Copied, path: &Path) -> Result<(), Error> {
    if hash.to_hex().as_str() == expected.blake3 {
        return Ok(());
    }
    Err(Error::DamagedCopy { path: path.to_owned() })
}

/// What was placed so far. It goes again unless everything was.
#[derive(Default)]
struct Placed(Vec<PathBuf>);

impl Placed {
    fn add(&mut self, path: PathBuf) {
        self.0.push(path);
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        for path in &self.0 {
            // Some were not made yet.
            fs::remove_file(path).ok();
        }
    }
}

fn tell(manifest: &Manifest, data: &Data, keys: &Keys) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let folder = data.folder.display();
    writeln!(
        out,
        "{folder} is what it was at {}; `treering up --data {folder}` starts it",
        manifest.made_at
    )?;
    match keys {
        Keys::Of(..) | Keys::Given(_) => {
            writeln!(out, "what waited in the journal then is delivered at the start")
        }
        Keys::None => writeln!(
            out,
            "WITHOUT ITS WRAPPED KEYS: no content can be read, neither what was said nor what tools were given, nor \
             what waited in the journal, and the audit log cannot be verified; names, times, tokens, costs, projects \
             and API keys are there. Where you find treering.keys, restore into another folder with --keys FILE"
        ),
    }
}
