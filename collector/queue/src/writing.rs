//! What the thread does to the files.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use crate::aside::Aside;
use crate::entry::{EntryId, Head};
use crate::folder;
use crate::segment::Segment;
use crate::sequence::Sequence;
use crate::thread::{Command, Work, Written};

/// Bytes after which a segment is finished: few enough that what is delivered is soon removed.
pub(crate) const SEGMENT_BYTES: u64 = 64 << 20;
/// Bytes from which on a segment is removed as soon as all of it is delivered.
const REMOVED_BYTES: u64 = 1 << 20;

#[derive(Debug)]
pub(crate) struct Writing {
    folder: PathBuf,
    sequence: Arc<Sequence>,
    current: Option<Current>,
    /// Where the next entry will stand.
    next: u64,
    /// Up to where the files themselves say that everything is delivered.
    told: u64,
    aside: Aside,
}

#[derive(Debug)]
struct Current {
    file: File,
    segment: Arc<Segment>,
}

impl Writing {
    pub(crate) fn new(folder: PathBuf, sequence: Arc<Sequence>, next: u64) -> Self {
        let told = sequence.head();
        Self { folder, sequence, current: None, next, told, aside: Aside::default() }
    }

    /// Notes which damage was told, so that the next opening does not tell it again.
    pub(crate) fn note_damage(&mut self, ranges: &[(u64, u64)]) -> io::Result<()> {
        let noted = self.put_damage(ranges);
        noted.inspect_err(|_| self.abandon())
    }

    fn put_damage(&mut self, ranges: &[(u64, u64)]) -> io::Result<()> {
        let mut at = self.next;
        for (from, until) in ranges {
            let note = Head::known(at, *from, *until);
            self.put(&note, &[])?;
            at = note.id().end();
        }
        if at > self.next { self.sync(at) } else { Ok(()) }
    }

    /// Does all of a group or nothing, and returns once it is on disk.
    pub(crate) fn write(&mut self, group: &[Command]) -> io::Result<Vec<Written>> {
        let forgotten: Vec<EntryId> =
            group.iter().flat_map(|command| command.work.forgets().iter().copied()).collect();
        match self.commit(group, &forgotten) {
            Ok(written) => Ok(written),
            Err(error) => {
                self.sequence.restore(&forgotten);
                self.abandon();
                Err(error)
            }
        }
    }

    fn commit(&mut self, group: &[Command], forgotten: &[EntryId]) -> io::Result<Vec<Written>> {
        for command in group {
            if let Work::SetAside(entry) = &command.work {
                self.set_aside(*entry)?;
            }
        }
        let begin = self.next;
        let mut at = begin;
        let mut written = Vec::with_capacity(group.len());
        for command in group {
            written.push(match &command.work {
                Work::Append(sealed) => {
                    let head = sealed.head(at);
                    self.put(&head, sealed.bytes())?;
                    at = head.id().end();
                    Written::appended(head.id())
                }
                work => Written::removed(work.forgets()),
            });
        }
        let head = match forgotten {
            [] => self.sequence.head(),
            some => self.sequence.head_without(some),
        };
        let is_news = head > self.told;
        if is_news {
            let note = Head::delivered(at, head);
            self.put(&note, &[])?;
            at = note.id().end();
        }
        if at > begin {
            self.sync(at)?;
        }
        if is_news {
            self.told = head;
            remove(self.sequence.advance(head, self.current.is_some()));
        }
        self.recount(group, &mut written);
        let closing = group.iter().any(|command| matches!(command.work, Work::Rest));
        if (closing || is_news) && self.sequence.request(0).is_none() {
            self.rest(closing);
        }
        Ok(written)
    }

    /// Forgets entries without a word of it on the disk, which takes none at present; the next commit makes up for it.
    /// Should a crash come first, they are delivered once more. Else a journal that filled its own disk could never
    /// remove what is delivered, for want of room to say so.
    pub(crate) fn let_go(&self, entries: &[EntryId]) -> Written {
        let head = self.sequence.head_without(entries);
        remove(self.sequence.advance(head, self.current.is_some()));
        Written::removed(entries)
    }

    fn recount(&self, group: &[Command], written: &mut [Written]) {
        for (command, written) in group.iter().zip(written) {
            if matches!(command.work, Work::Recount) {
                written.left = Some(self.sequence.count());
            }
        }
    }

    fn put(&mut self, head: &Head, sealed: &[u8]) -> io::Result<()> {
        if self.current.is_none() {
            self.current = Some(self.begin()?);
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        current.file.write_all(&head.to_bytes())?;
        current.file.write_all(sealed)
    }

    fn begin(&self) -> io::Result<Current> {
        let path = folder::segment(&self.folder, self.next);
        let file = folder::create(&path)?;
        // A place of its own to read at: the other one moves with what is written.
        let opened = folder::sync(&self.folder).and_then(|()| File::open(&path));
        let reading = opened.inspect_err(|_| drop(std::fs::remove_file(&path)))?;
        let segment = Arc::new(Segment::new(path, self.next, self.next, reading));
        self.sequence.push(segment.clone());
        Ok(Current { file, segment })
    }

    /// On disk up to here; and readable, therefore.
    fn sync(&mut self, end: u64) -> io::Result<()> {
        let Some(current) = &self.current else { return Ok(()) };
        current.file.sync_data()?;
        // What is appended stands at the end, wherever that is: nobody else may have moved it.
        if current.file.metadata()?.len() != end - current.segment.base {
            return Err(io::Error::other("somebody else changed a file of the journal"));
        }
        current.segment.grow(end);
        self.next = end;
        if end - current.segment.base >= SEGMENT_BYTES {
            self.current = None;
        }
        Ok(())
    }

    /// A segment on which something failed is not written any more: after a failed fsync nobody knows what the system
    /// still holds of it. What was not answered with yes is cut off.
    fn abandon(&mut self) {
        let Some(Current { file, segment }) = self.current.take() else { return };
        let good = segment.end() - segment.base;
        let length = || file.metadata().map_or(good, |file| file.len());
        if length() > good
            && let Err(error) = file.set_len(good).and_then(|()| file.sync_data())
        {
            tracing::warn!(%error, "what could not be written to the journal could not be cut off");
        }
        let length = length().max(good);
        // No two segments may begin at the same place.
        self.next = self.next.max(segment.base + length).max(segment.base + 1);
        if length == 0 {
            self.sequence.drop_last(&segment);
            remove(vec![segment]);
        }
    }

    fn set_aside(&mut self, entry: EntryId) -> io::Result<()> {
        let gone = || io::Error::new(io::ErrorKind::NotFound, "this entry is not in the journal any more");
        let (segment, head) =
            self.sequence.request(entry.at).filter(|(_, head)| head.id() == entry).ok_or_else(gone)?;
        self.aside.put(&self.folder, &head, &segment.sealed(&head)?)
    }

    /// Takes no more room than it must while nothing waits.
    fn rest(&mut self, closing: bool) {
        let grown =
            self.current.as_ref().is_some_and(|of| of.segment.end() - of.segment.base >= REMOVED_BYTES);
        if closing || grown {
            self.current = None;
            remove(self.sequence.clear());
        }
    }
}

/// The oldest first, so that the word of what is delivered outlives what it is about.
pub(crate) fn remove(segments: Vec<Arc<Segment>>) {
    for segment in segments {
        let path = &segment.path;
        let removed = match segment.is_damaged() {
            true => folder::keep_damaged(path),
            false => std::fs::remove_file(path),
        };
        if let Err(error) = removed {
            tracing::warn!(%error, "a delivered part of the journal could not be removed; it is delivered again");
            return;
        }
    }
}
