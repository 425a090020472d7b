//! A file of entries, one after the other.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::entry::{HEAD, Head, magic};

/// Bytes that are read at one time while somebody looks for heads.
const WINDOW: usize = 64 << 10;

/// A segment of the sequence. The writing thread alone makes it longer.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    /// Where it begins in the sequence.
    pub(crate) base: u64,
    /// Up to where it may be read: what lies behind is being written, or was not answered with yes.
    end: AtomicU64,
    /// True where a part of it is not what was written.
    pub(crate) is_damaged: bool,
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
        Self { path, base, end: AtomicU64::new(end), is_damaged: false, file: Mutex::new(file) }
    }

    /// All that lies in a file.
    pub(crate) fn open(path: &Path, base: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self::new(path.to_owned(), base, base.saturating_add(length), file))
    }

    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    pub(crate) fn grow(&self, end: u64) {
        self.end.store(end, Ordering::Release);
    }

    /// Looks at a place before the end.
    pub(crate) fn look(&self, at: u64) -> io::Result<Found> {
        let mut file = self.lock();
        match self.head(&mut file, at)? {
            Some(head) => Ok(Found::Head(head)),
            None => Ok(Found::Damage { until: self.next_head(&mut file, at + 1)? }),
        }
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

    /// The head at this place, if one is there and all of its entry.
    fn head(&self, file: &mut File, at: u64) -> io::Result<Option<Head>> {
        let mut bytes = [0; HEAD];
        let read = self.read(file, at, &mut bytes)?;
        Ok(Head::parse(&bytes[..read], at).filter(|head| head.id().end() <= self.end()))
    }

    /// Where the next head stands from here on; the end where none does.
    fn next_head(&self, file: &mut File, from: u64) -> io::Result<u64> {
        let (mut at, mut window) = (from, vec![0; WINDOW]);
        while at < self.end() {
            let read = self.read(file, at, &mut window)?;
            for (place, _) in window[..read].windows(4).enumerate().filter(|(_, four)| *four == magic()) {
                let place = at + place as u64;
                if self.head(file, place)?.is_some() {
                    return Ok(place);
                }
            }
            // The last bytes may begin what the next window ends.
            at += (read.saturating_sub(magic().len() - 1)).max(1) as u64;
        }
        Ok(self.end())
    }

    /// As much as there is before the end.
    fn read(&self, file: &mut File, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end().saturating_sub(at)).unwrap_or(usize::MAX).min(into.len());
        file.seek(SeekFrom::Start(at - self.base))?;
        let mut read = 0;
        while read < left {
            match file.read(&mut into[read..left])? {
                0 => break,
                more => read += more,
            }
        }
        Ok(read)
    }
}
