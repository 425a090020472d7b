//! The master key: where it comes from, and the file that the first start makes.

use std::path::{Path, PathBuf};

use treering_seal::MasterKey;
use treering_store::{MasterSource, StoreUrl, write_new_master};

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

/// Makes the file of the key where this is a first start; tells its place then. Where something is sealed
/// already, a new one would be of no use.
pub(crate) fn ensure(source: &MasterSource, store: &StoreUrl) -> Result<Option<PathBuf>, Error> {
    let MasterSource::File(path) = source else { return Ok(None) };
    if path.exists() || !treering_store::is_unsealed(store) {
        return Ok(None);
    }
    let key = MasterKey::generate().map_err(Error::Seal)?;
    write_new_master(path, &key).map_err(|source| Error::Write { path: path.clone(), source })?;
    Ok(Some(path.clone()))
}
