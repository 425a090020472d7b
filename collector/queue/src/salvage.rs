//! What is there when a journal is opened.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::entry::Kind;
use crate::folder;
use crate::segment::{Found, Segment};
use crate::sequence::Sequence;
use crate::shared::Depth;

/// What was found to be missing from a journal when it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Salvage {
    /// Places where something else stands than what was written, or where a file is missing; but for those that an
    /// earlier opening told.
    pub damaged_places: u64,
    /// Bytes of them.
    pub damaged_bytes: u64,
    /// Bytes at the very end that are no whole entry: a write that a crash interrupted, before its client heard yes.
    pub unfinished_bytes: u64,
}

pub(crate) struct Opened {
    pub(crate) sequence: Sequence,
    pub(crate) depth: Depth,
    /// Where the next entry will stand.
    pub(crate) next: u64,
    pub(crate) salvage: Salvage,
    /// Where something is missing, and nobody was told before: from where, and up to where.
    pub(crate) untold: Vec<(u64, u64)>,
}

/// Looks at every head. What was sealed behind it is looked at when it is opened.
pub(crate) fn open(folder: &Path) -> io::Result<Opened> {
    let mut scan = Scan::default();
    let segments = folder::segments(folder)?;
    let last = segments.len().saturating_sub(1);
    for (at, (base, path)) in segments.into_iter().enumerate() {
        match Segment::open(&path, base) {
            Ok(segment) => scan.segment(segment, at == last),
            Err(error) => scan.unreadable(base, &path, &error)?,
        }
    }
    Ok(scan.finish())
}

/// Something that is no entry.
struct Missing {
    from: u64,
    until: u64,
    is_unfinished: bool,
}

#[derive(Default)]
struct Scan {
    segments: VecDeque<Arc<Segment>>,
    end: Option<u64>,
    delivered: u64,
    damaged: BTreeMap<u64, u64>,
    /// Where each request begins that may be waiting, and its bytes.
    requests: Vec<(u64, u64)>,
    missing: Vec<Missing>,
    /// What an earlier opening told.
    known: BTreeSet<(u64, u64)>,
    /// Where the next entry may stand at the earliest.
    next: u64,
}

impl Scan {
    fn segment(&mut self, segment: Segment, is_last: bool) {
        if let Some(end) = self.end.filter(|end| *end < segment.base) {
            self.miss(end, segment.base, false);
        }
        let mut at = segment.base;
        while at < segment.end() {
            at = match segment.look(at) {
                Found::Head(head) => {
                    match head.kind {
                        Kind::Request => self.requests.push((head.at, u64::from(head.length))),
                        Kind::Delivered(until) => self.delivered = self.delivered.max(until),
                        Kind::Known { from, until } => drop(self.known.insert((from, until))),
                    }
                    head.id().end()
                }
                Found::Damage { until } => {
                    let is_unfinished = is_last && until == segment.end() && segment.is_unfinished(at);
                    if !is_unfinished {
                        segment.mark_damaged();
                    }
                    self.damaged.insert(at, until);
                    self.miss(at, until, is_unfinished);
                    until
                }
            };
        }
        // A kill leaves a segment empty that was just begun; the next one begins one place further, since no two may begin
        // at the same one.
        let end = segment.end().max(segment.base + 1);
        self.end = Some(end);
        self.next = self.next.max(end);
        self.segments.push_back(Arc::new(segment));
    }

    /// One file that cannot be read is no reason to give up the others. Nothing else may ever stand in its place.
    fn unreadable(&mut self, base: u64, path: &Path, error: &io::Error) -> io::Result<()> {
        tracing::error!(%error, file = %path.display(), "a part of the journal cannot be opened; it is put away");
        let end = base + std::fs::symlink_metadata(path).map_or(1, |about| about.len().max(1));
        self.miss(self.end.unwrap_or(base), end, false);
        self.end = Some(end);
        self.next = self.next.max(end);
        folder::put_away(path)
    }

    fn miss(&mut self, from: u64, until: u64, is_unfinished: bool) {
        self.missing.push(Missing { from, until, is_unfinished });
    }

    /// What was told before is not told again.
    fn salvage(&mut self) -> (Salvage, Vec<(u64, u64)>) {
        let (mut salvage, mut untold) = (Salvage::default(), Vec::new());
        self.missing.retain(|missing| !self.known.contains(&(missing.from, missing.until)));
        for Missing { from, until, is_unfinished } in &self.missing {
            let bytes = until - from;
            match is_unfinished {
                true => salvage.unfinished_bytes += bytes,
                false => {
                    salvage.damaged_places += 1;
                    salvage.damaged_bytes += bytes;
                }
            }
            untold.push((*from, *until));
        }
        (salvage, untold)
    }

    fn finish(mut self) -> Opened {
        let waiting = self.requests.iter().filter(|(at, _)| *at >= self.delivered);
        let depth = waiting.fold(Depth::default(), |depth, (_, bytes)| Depth {
            entries: depth.entries + 1,
            bytes: depth.bytes + bytes,
        });
        let (salvage, untold) = self.salvage();
        let sequence = Sequence::new(self.segments, self.damaged);
        crate::writing::remove(sequence.advance(self.delivered, true));
        Opened { sequence, depth, next: self.next, salvage, untold }
    }
}
