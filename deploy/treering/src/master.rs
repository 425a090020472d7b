//! The master key: where it comes from, and the file that the first start makes.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use treering_seal::MasterKey;
use treering_store::{MasterSource, StoreUrl, vault_path};

use crate::cli::Place;
use crate::error::Error;
use crate::settings;

/// Where the key may stand by itself, for a system that hands secrets out so.
const VARIABLE: &str = "TREERING_MASTER_KEY";

/// A flag counts first, then the environment, then the file of settings, then the file in the data folder.
pub(crate) fn source(place: &Place, file: &settings::File, folder: &Path) -> MasterSource {
    let path = |path: &PathBuf| MasterSource::File(path.clone());
    let command = |command: &String| MasterSource::Command(command.clone());
    let flags =
        || place.master_key_file.as_ref().map(path).or(place.master_key_command.as_ref().map(command));
    let variable = || std::env::var_os(VARIABLE).map(|_| MasterSource::Variable(VARIABLE.into()));
    let settings =
        || file.master_key_file.as_ref().map(path).or(file.master_key_command.as_ref().map(command));
    flags()
        .or_else(variable)
        .or_else(settings)
        .unwrap_or_else(|| MasterSource::File(folder.join("master.key")))
}

/// Makes the file of the key where this is a first start; tells its place then. Where keys are wrapped already, a new
/// one would be of no use.
pub(crate) fn ensure(source: &MasterSource, store: &StoreUrl) -> Result<Option<PathBuf>, Error> {
    let MasterSource::File(path) = source else { return Ok(None) };
    let StoreUrl::Sqlite(store) = store;
    if path.exists() || vault_path(store).exists() {
        return Ok(None);
    }
    let key = MasterKey::generate().map_err(Error::Seal)?;
    write_new(path, &key).map_err(|source| Error::Write { path: path.clone(), source })?;
    Ok(Some(path.clone()))
}

/// On disk before anything is sealed with it, for its owner alone, and never over another file.
pub(crate) fn write_new(path: &Path, key: &MasterKey) -> std::io::Result<()> {
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{}", key.reveal().as_str())?;
    file.sync_all()?;
    sync_folder(path)
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> std::io::Result<()> {
    Ok(())
}
