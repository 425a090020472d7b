//! A file of entries, one after the other.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::entry::{HEAD, Head, magic};

/// Bytes that are read at one time while somebody looks for heads.
const WINDOW: usize = 64 << 10;
/// Bytes that a disk fails to give at the least.
const PAGE: usize = 4096;

/// A segment of the sequence. The writing thread alone makes it longer.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    /// Where it begins in the sequence.
    pub(crate) base: u64,
    /// Up to where it may be read: what lies behind is being written, or was not answered with yes.
    end: AtomicU64,
    /// True where a part of it is not what was written.
    is_damaged: AtomicBool,
    file: Mutex<File>,
}

/// What stands at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Head(Head),
    /// No entry begins here; the next one does there, or nothing does.
    Damage {
        until: u64,
    },
}

impl Segment {
    pub(crate) fn new(path: PathBuf, base: u64, end: u64, file: File) -> Self {
        Self {
            path,
            base,
            end: AtomicU64::new(end),
            is_damaged: AtomicBool::new(false),
            file: Mutex::new(file),
        }
    }

    /// All that lies in a file.
    pub(crate) fn open(path: &Path, base: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if !about.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "this is not a file"));
        }
        Ok(Self::new(path.to_owned(), base, base.saturating_add(about.len()), file))
    }

    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub(crate) fn grow(&self, end: u64) {
        self.end.store(end, Ordering::Release);
    }

    pub(crate) fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    /// A part of it is not what was written: it will not be deleted, but kept for whoever wants to look into it.
    pub(crate) fn mark_damaged(&self) {
        self.is_damaged.store(true, Ordering::Relaxed);
    }

    /// Looks at a place before the end. What the disk does not give back is damage as well.
    pub(crate) fn look(&self, at: u64) -> Found {
        let mut file = self.lock();
        match self.head(&mut file, at).filter(|head| head.id().end() <= self.end()) {
            Some(head) => Found::Head(head),
            None => Found::Damage { until: self.next_head(&mut file, at + 1) },
        }
    }

    /// True where a write that a crash interrupted would have left from here to the end what lies there: not all of a
    /// head, not all that a head promises, or room that was taken and not filled. Anything else was written once, and
    /// somebody may have been answered for it.
    pub(crate) fn is_unfinished(&self, at: u64) -> bool {
        let mut file = self.lock();
        if self.end() - at < HEAD as u64 {
            return true;
        }
        self.head(&mut file, at).is_some_and(|head| head.id().end() > self.end())
            || self.is_zero(&mut file, at)
    }

    fn is_zero(&self, file: &mut File, from: u64) -> bool {
        let (mut at, mut window) = (from, vec![0; WINDOW]);
        while at < self.end() {
            match self.read(file, at, &mut window) {
                Ok(read) if read > 0 && window[..read].iter().all(|byte| *byte == 0) => at += read as u64,
                _ => return false,
            }
        }
        true
    }

    /// What follows a head.
    pub(crate) fn sealed(&self, head: &Head) -> io::Result<Vec<u8>> {
        let mut sealed = vec![0; head.length as usize];
        let mut file = self.lock();
        file.seek(SeekFrom::Start(head.at + HEAD as u64 - self.base))?;
        file.read_exact(&mut sealed)?;
        Ok(sealed)
    }

    fn lock(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The head at this place, if one is there.
    fn head(&self, file: &mut File, at: u64) -> Option<Head> {
        let mut bytes = [0; HEAD];
        let read = self.read(file, at, &mut bytes).ok()?;
        Head::parse(&bytes[..read], at)
    }

    /// Where the next whole entry stands from here on; the end where none does.
    fn next_head(&self, file: &mut File, from: u64) -> u64 {
        let (mut at, mut window) = (from, vec![0; WINDOW]);
        while at < self.end() {
            let Ok(read) = self.read(file, at, &mut window) else {
                // The disk does not give this page; it may give the next one.
                at = (at - self.base + 1).next_multiple_of(PAGE as u64) + self.base;
                window.truncate(PAGE);
                continue;
            };
            if read == 0 {
                break;
            }
            for (place, _) in window[..read].windows(4).enumerate().filter(|(_, four)| *four == magic()) {
                let place = at + place as u64;
                if self.head(file, place).is_some_and(|head| head.id().end() <= self.end()) {
                    return place;
                }
            }
            // The last bytes may begin what the next window ends.
            at += read.saturating_sub(magic().len() - 1).max(1) as u64;
        }
        self.end()
    }

    /// As much as there is before the end.
    fn read(&self, file: &mut File, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end().saturating_sub(at)).unwrap_or(usize::MAX).min(into.len());
        file.seek(SeekFrom::Start(at - self.base))?;
        let mut read = 0;
        while read < left {
            match file.read(&mut into[read..left]) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }
}
