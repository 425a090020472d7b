//! The folder of a journal and the names of its files.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

const SEGMENT: &str = "segment";
const DAMAGED: &str = "damaged";
const UNREADABLE: &str = "unreadable";
/// Damaged files that are kept for whoever wants to look into them.
const DAMAGED_KEPT: usize = 3;

/// Makes it, for its owner alone.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// A segment is named by where it begins.
pub(crate) fn segment(folder: &Path, base: u64) -> PathBuf {
    folder.join(format!("{base:016x}.{SEGMENT}"))
}

/// The segments that are there, in their order.
pub(crate) fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let is_segment = path.extension().is_some_and(|extension| extension == SEGMENT);
        let base = path.file_stem().and_then(|stem| u64::from_str_radix(stem.to_str()?, 16).ok());
        found.extend(base.filter(|_| is_segment).map(|base| (base, path)));
    }
    found.sort_unstable();
    Ok(found)
}

/// Where entries lie that were set aside.
pub(crate) fn aside(folder: &Path) -> PathBuf {
    folder.join("aside")
}

pub(crate) fn create(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().create_new(true))
}

/// The file, made where there is none, to go on with at its end.
pub(crate) fn go_on(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().create(true))
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.read(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

/// A file that was made or removed is so for good once its folder is on disk.
#[cfg(unix)]
pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
pub(crate) fn sync(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Takes out of the way what cannot be opened at all, as it is: nothing is known of it that would allow to delete it.
pub(crate) fn put_away(path: &Path) -> io::Result<()> {
    fs::rename(path, path.with_extension(UNREADABLE))
}

/// Takes a damaged file out of the way; the oldest of several goes.
pub(crate) fn keep_damaged(path: &Path) -> io::Result<()> {
    fs::rename(path, path.with_extension(DAMAGED))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut kept: Vec<_> = fs::read_dir(folder)?.filter_map(|file| Some(file.ok()?.path())).collect();
    kept.retain(|path| path.extension().is_some_and(|extension| extension == DAMAGED));
    kept.sort_unstable();
    let too_many = kept.len().saturating_sub(DAMAGED_KEPT);
    kept.iter().take(too_many).try_for_each(fs::remove_file)
}
