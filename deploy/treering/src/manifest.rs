//! `backup.json`: what a copy holds. It is written last, so that a copy without it is none.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use treering_step::Timestamp;

use crate::error::Error;

const NAME: &str = "backup.json";

/// The names of the store and of its wrapped keys in a copy, whatever they are called elsewhere.
pub(crate) const STORE: &str = "treering.db";
pub(crate) const KEYS: &str = "treering.keys";
/// The name of the wrapped keys of a remote store, beside those of a journal.
pub(crate) const STORE_KEYS: &str = "store.keys";

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version that made it.
    pub(crate) treering: String,
    pub(crate) made_at: String,
    /// The name of the master key that opens the wrapped keys.
    pub(crate) master_key: String,
    pub(crate) files: Vec<Copied>,
}

/// A file of the copy.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Copied {
    /// Its path in the copy, with `/` between its parts.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// In hexadecimal.
    pub(crate) blake3: String,
}

impl Manifest {
    pub(crate) fn of(master_key: String, files: Vec<Copied>) -> Self {
        let (treering, made_at) = (env!("CARGO_PKG_VERSION").to_owned(), Timestamp::now().to_string());
        Self { treering, made_at, master_key, files }
    }

    pub(crate) fn read(folder: &Path) -> Result<Self, Error> {
        let no_backup = |source| Error::NoBackup(folder.to_owned(), source);
        let text = fs::read(folder.join(NAME)).map_err(no_backup)?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| no_backup(error.into()))?;
        // It may come from elsewhere, and must not name a file outside its folder.
        let inside =
            |name: &str| name.split('/').all(|part| !["", ".", ".."].contains(&part) && !part.contains('\\'));
        match manifest.files.iter().all(|file| inside(&file.name)) {
            true => Ok(manifest),
            false => Err(no_backup(io::ErrorKind::InvalidData.into())),
        }
    }

    /// On disk when this returns.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        let mut file = File::create_new(folder.join(NAME))?;
        file.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        File::open(folder)?.sync_all()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    pub(crate) fn file(&self, name: &str) -> Option<&Copied> {
        self.files.iter().find(|file| file.name == name)
    }
}
