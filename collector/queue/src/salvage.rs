//! What is there when a journal is opened.

use std::collections::{BTreeMap, VecDeque};
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
    /// Places where something else stands than what was written, or where a file is missing.
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
}

/// Looks at every head. What was sealed behind it is looked at when it is opened.
pub(crate) fn open(folder: &Path) -> io::Result<Opened> {
    let mut scan = Scan::default();
    let segments = folder::segments(folder)?;
    let last = segments.len().saturating_sub(1);
    for (at, (base, path)) in segments.into_iter().enumerate() {
        match Segment::open(&path, base) {
            Ok(segment) => scan.segment(segment, at == last)?,
            Err(error) => {
                // One file that cannot be read is no reason to give up the others.
                tracing::error!(%error, file = %path.display(), "a part of the journal cannot be read; it stays where it is");
                scan.salvage.damaged_places += 1;
            }
        }
    }
    scan.finish()
}

#[derive(Default)]
struct Scan {
    segments: VecDeque<Arc<Segment>>,
    end: Option<u64>,
    delivered: u64,
    damaged: BTreeMap<u64, u64>,
    /// Where each request begins that may be waiting, and its bytes.
    requests: Vec<(u64, u64)>,
    salvage: Salvage,
}

impl Scan {
    fn segment(&mut self, mut segment: Segment, is_last: bool) -> io::Result<()> {
        if let Some(end) = self.end.filter(|end| *end < segment.base) {
            self.damage(segment.base - end);
        }
        let mut at = segment.base;
        while at < segment.end() {
            at = match segment.look(at)? {
                Found::Head(head) => {
                    match head.kind {
                        Kind::Request => self.requests.push((head.at, u64::from(head.length))),
                        Kind::Delivered(until) => self.delivered = self.delivered.max(until),
                    }
                    head.id().end()
                }
                Found::Damage { until } if is_last && until == segment.end() => {
                    self.damaged.insert(at, until);
                    self.salvage.unfinished_bytes += until - at;
                    until
                }
                Found::Damage { until } => {
                    self.damaged.insert(at, until);
                    self.damage(until - at);
                    segment.is_damaged = true;
                    until
                }
            };
        }
        self.end = Some(segment.end());
        self.segments.push_back(Arc::new(segment));
        Ok(())
    }

    fn damage(&mut self, bytes: u64) {
        self.salvage.damaged_places += 1;
        self.salvage.damaged_bytes += bytes;
    }

    fn finish(self) -> io::Result<Opened> {
        let waiting = self.requests.iter().filter(|(at, _)| *at >= self.delivered);
        let depth = waiting.fold(Depth::default(), |depth, (_, bytes)| Depth {
            entries: depth.entries + 1,
            bytes: depth.bytes + bytes,
        });
        // Behind whatever is there, so that no two segments begin at the same place.
        let next = self.segments.iter().map(|segment| segment.end().max(segment.base + 1)).max().unwrap_or(0);
        let sequence = Sequence::new(self.segments, self.damaged);
        crate::writing::remove(sequence.advance(self.delivered));
        Ok(Opened { sequence, depth, next, salvage: self.salvage })
    }
}
