//! Entries that the store will not have, in a file of their own, until the journal is opened again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::entry::Head;
use crate::folder;
use crate::segment::{Found, Segment};

/// Bytes of entries that are taken from the file at one time.
const AT_ONCE: u64 = 4 << 20;

#[derive(Debug, Default)]
pub(crate) struct Aside {
    open: Option<(File, u64)>,
}

impl Aside {
    /// Keeps an entry, on disk when this returns.
    pub(crate) fn put(&mut self, folder: &Path, head: &Head, sealed: &[u8]) -> io::Result<()> {
        if self.open.is_none() {
            let file = folder::go_on(&folder::aside(folder))?;
            let end = file.metadata()?.len();
            self.open = Some((file, end));
            folder::sync(folder)?;
        }
        let Some((file, end)) = &mut self.open else { return Ok(()) };
        let head = Head { at: *end, ..*head };
        let put = file.write_all(&head.to_bytes()).and_then(|()| file.write_all(sealed));
        match put.and_then(|()| file.sync_data()) {
            Ok(()) => *end = head.id().end(),
            // What is half written is cut off, so that the next one stands where it says.
            Err(error) => return Err(file.set_len(*end).err().unwrap_or(error)),
        }
        Ok(())
    }
}

/// Gives what was set aside before, some of it at a time, and removes the file once all of it was taken. How many bytes
/// of it are no entry, if it could be read at all.
pub(crate) fn take(
    folder: &Path,
    mut into: impl FnMut(Vec<(Head, Vec<u8>)>) -> io::Result<()>,
) -> io::Result<u64> {
    let path = folder::aside(folder);
    let segment = match Segment::open(&path, 0) {
        Ok(segment) => segment,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => {
            tracing::error!(%error, "what was set aside from the journal cannot be opened; it is put away");
            return folder::put_away(&path).map(|()| 1);
        }
    };
    let (mut at, mut damaged) = (0, 0);
    while at < segment.end() {
        let (mut entries, until) = (Vec::new(), at + AT_ONCE);
        while at < segment.end().min(until) {
            at = match entry(&segment, at) {
                Ok((head, sealed)) => {
                    entries.push((head, sealed));
                    head.id().end()
                }
                Err(until) => {
                    damaged += until - at;
                    until
                }
            };
        }
        into(entries)?;
    }
    fs::remove_file(&path)?;
    Ok(damaged)
}

/// The entry at this place, or where the next one may be.
fn entry(segment: &Segment, at: u64) -> Result<(Head, Vec<u8>), u64> {
    match segment.look(at) {
        Found::Head(head) => Ok((head, segment.sealed(&head).map_err(|_| head.id().end())?)),
        Found::Damage { until } => Err(until),
    }
}
