//! Files copied, hashed and watched.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::data::private;
use crate::error::Error;
use crate::manifest::Copied;
use crate::progress::Progress;

/// How often somebody looks how far a copy is.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Copies a file to a new one that its owner alone reads; tells the hash of what was copied. On disk when this returns.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<blake3::Hash, Error> {
    let read = |source| Error::Read { path: from.to_owned(), source };
    let write = |source| Error::Write { path: to.to_owned(), source };
    let mut input = File::open(from).map_err(read)?;
    private(to).map_err(write)?;
    let mut output = File::options().write(true).truncate(true).open(to).map_err(write)?;
    let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; 1 << 17]);
    loop {
        match input.read(&mut buffer).map_err(read)? {
            0 => break,
            length => {
                hasher.update(&buffer[..length]);
                output.write_all(&buffer[..length]).map_err(write)?;
            }
        }
    }
    output.sync_all().map_err(write)?;
    Ok(hasher.finalize())
}

/// Reads a file of a copy again, from the disk, for its place in the manifest.
pub(crate) fn described(folder: &Path, name: &str) -> Result<Copied, Error> {
    let path = folder.join(name);
    let read = |source| Error::Read { path: path.clone(), source };
    let mut hasher = blake3::Hasher::new();
    let file = File::open(&path).map_err(read)?;
    hasher.update_reader(&file).map_err(read)?;
    let bytes = file.metadata().map_err(read)?.len();
    Ok(Copied { name: name.to_owned(), bytes, blake3: hasher.finalize().to_hex().to_string() })
}

/// The files directly in a folder, by name.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let mut files: Vec<_> = entries.into_iter().filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

/// Does long work on a thread of its own, and tells how much of `all` bytes stand in the folder that it fills.
pub(crate) async fn watched<T: Send + 'static>(
    folder: &Path,
    all: u64,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (mut progress, mut work) = (Progress::default(), tokio::task::spawn_blocking(work));
    loop {
        match tokio::time::timeout(BETWEEN_LOOKS, &mut work).await {
            Ok(done) => {
                progress.end()?;
                return done.map_err(treering_store::Error::from)?;
            }
            Err(_) => {
                let megabytes = |bytes: u64| bytes.div_ceil(1 << 20);
                progress.tell(&format!("{} of about {} MiB", megabytes(size(folder)), megabytes(all)))?;
            }
        }
    }
}

/// What lies in a folder. Files come and go meanwhile.
pub(crate) fn size(folder: &Path) -> u64 {
    let sizes = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
