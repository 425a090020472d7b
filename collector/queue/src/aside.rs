//! Entries that the store will not have, in a file of their own, until the journal is opened again.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::entry::Head;
use crate::folder;
use crate::segment::{Found, Segment};

#[derive(Debug, Default)]
pub(crate) struct Aside {
    open: Option<(File, u64)>,
}

impl Aside {
    /// Keeps an entry, on disk when this returns.
    pub(crate) fn put(&mut self, folder: &Path, head: &Head, sealed: &[u8]) -> io::Result<()> {
        if self.open.is_none() {
            self.open = Some((folder::create(&folder::aside(folder))?, 0));
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

/// What was set aside before.
#[derive(Default)]
pub(crate) struct Before {
    pub(crate) entries: Vec<(Head, Vec<u8>)>,
    /// Bytes that are no whole entry.
    pub(crate) damaged_bytes: u64,
}

pub(crate) fn read(folder: &Path) -> io::Result<Before> {
    let (path, mut before) = (folder::aside(folder), Before::default());
    if !path.exists() {
        return Ok(before);
    }
    let (segment, mut at) = (Segment::open(&path, 0)?, 0);
    while at < segment.end() {
        at = match segment.look(at)? {
            Found::Head(head) => {
                before.entries.push((head, segment.sealed(&head)?));
                head.id().end()
            }
            Found::Damage { until } => {
                before.damaged_bytes += until - at;
                until
            }
        };
    }
    Ok(before)
}

/// They stand in the row again.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder::aside(folder)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
