//! The file of a master key. A new key is first written beside it, under its own name, then everything is wrapped with
//! it, and only then it takes the place of the old one: at each moment one of the two files is the key of what is
//! wrapped, and whoever looks for that one finds it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use treering_seal::{MasterId, MasterKey};
use zeroize::Zeroizing;

/// Writes a key to a new file: on disk before anything is sealed with it, for its owner alone, never over another file.
pub fn write_new_master(path: &Path, key: &MasterKey) -> io::Result<()> {
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{}", key.reveal().as_str())?;
    file.sync_all()?;
    sync_folder(path)
}

/// Where a new key lies until it takes its place.
fn beside(path: &Path, id: MasterId) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{id}"));
    path.with_file_name(name)
}

pub(super) fn write_beside(path: &Path, key: &MasterKey) -> io::Result<()> {
    write_new_master(&beside(path, key.id()), key)
}

pub(super) fn forget_beside(path: &Path, id: MasterId) {
    // It wraps nothing; at worst a file stays that nobody needs.
    fs::remove_file(beside(path, id)).ok();
}

/// The key of this name, where it did not take its place yet.
pub(super) fn read_beside(path: &Path, id: MasterId) -> Option<MasterKey> {
    let text = Zeroizing::new(fs::read_to_string(beside(path, id)).ok()?);
    MasterKey::parse(&text).ok().filter(|key| key.id() == id)
}

/// Puts the key of this name into its place. Whoever comes second finds it done.
pub(super) fn settle(path: &Path, id: MasterId) -> io::Result<()> {
    let beside = beside(path, id);
    if !beside.exists() {
        // A folder that cannot be written refuses even to rename nothing.
        return Ok(());
    }
    match fs::rename(beside, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed.and_then(|()| sync_folder(path)),
    }
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
