//! All segments as one sequence of entries, and how far it is delivered.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::entry::{EntryId, Head, Kind};
use crate::segment::{Found, Segment};
use crate::shared::Depth;

#[derive(Debug, Default)]
pub(crate) struct Sequence {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    segments: VecDeque<Arc<Segment>>,
    /// Everything before this place is delivered.
    head: u64,
    /// Entries behind the head that are, too: where each begins, and where it ends.
    gone: BTreeMap<u64, u64>,
    /// Where something else stands than what was written, and up to where.
    damaged: BTreeMap<u64, u64>,
    /// True where damage was found since somebody asked.
    is_newly_damaged: bool,
}

impl Sequence {
    pub(crate) fn new(segments: VecDeque<Arc<Segment>>, damaged: BTreeMap<u64, u64>) -> Self {
        Self { state: Mutex::new(State { segments, damaged, ..State::default() }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything before this place is delivered.
    pub(crate) fn head(&self) -> u64 {
        self.lock().head
    }

    pub(crate) fn push(&self, segment: Arc<Segment>) {
        self.lock().segments.push_back(segment);
    }

    /// The first request that stands at this place or behind it, and is not delivered.
    pub(crate) fn request(&self, from: u64) -> Option<(Arc<Segment>, Head)> {
        let mut at = from.max(self.lock().head);
        loop {
            let (segment, next) = {
                let state = self.lock();
                let next = state.gone.get(&at).or(state.damaged.get(&at)).copied();
                // One that was emptied has nothing to look at.
                let holds = |segment: &&Arc<Segment>| segment.end() > at.max(segment.base);
                let segment = state.segments.iter().find(holds).cloned();
                (segment, next)
            };
            let segment = segment?;
            at = match next {
                Some(end) => end,
                None => match segment.look(at.max(segment.base)) {
                    Found::Head(head) if head.kind == Kind::Request => {
                        let state = self.lock();
                        if !state.gone.contains_key(&head.at) && !state.damaged.contains_key(&head.at) {
                            drop(state);
                            return Some((segment, head));
                        }
                        head.id().end()
                    }
                    Found::Head(note) => note.id().end(),
                    Found::Damage { until } => self.damage(&segment, at.max(segment.base), until),
                },
            };
        }
    }

    /// From here to there the disk does not give back what was written.
    pub(crate) fn damage(&self, segment: &Segment, at: u64, until: u64) -> u64 {
        let mut state = self.lock();
        state.is_newly_damaged |= state.damaged.insert(at, until).is_none();
        segment.mark_damaged();
        until
    }

    /// True where damage was found since the last call.
    pub(crate) fn is_newly_damaged(&self) -> bool {
        std::mem::take(&mut self.lock().is_newly_damaged)
    }

    /// How many requests wait on disk.
    pub(crate) fn count(&self) -> Depth {
        let (mut at, mut depth) = (0, Depth::default());
        while let Some((_, head)) = self.request(at) {
            depth.entries += 1;
            depth.bytes += u64::from(head.length);
            at = head.id().end();
        }
        depth
    }

    /// How far everything is delivered once these entries are.
    pub(crate) fn head_without(&self, entries: &[EntryId]) -> u64 {
        let before = self.lock().head;
        self.lock().gone.extend(entries.iter().map(|entry| (entry.at, entry.end())));
        let next = self.request(before).map(|(_, head)| head.at);
        let end = || self.lock().segments.back().map_or(before, |last| last.end());
        next.unwrap_or_else(end).max(before)
    }

    /// What these entries did to the rest of the sequence is undone: they could not be forgotten.
    pub(crate) fn restore(&self, entries: &[EntryId]) {
        let mut state = self.lock();
        state.gone.retain(|at, _| entries.iter().all(|entry| entry.at != *at));
    }

    /// Everything before this place is delivered. Gives back the segments that nobody needs any more; the last one is
    /// needed while it is written.
    pub(crate) fn advance(&self, head: u64, is_writing: bool) -> Vec<Arc<Segment>> {
        let mut state = self.lock();
        state.head = head;
        state.gone = state.gone.split_off(&head);
        state.damaged = state.damaged.split_off(&head);
        let mut unneeded = Vec::new();
        while state.segments.len() > usize::from(is_writing) && state.segments[0].end() <= head {
            unneeded.extend(state.segments.pop_front());
        }
        unneeded
    }

    /// Nothing was ever kept in this one.
    pub(crate) fn drop_last(&self, segment: &Arc<Segment>) {
        self.lock().segments.pop_back_if(|last| Arc::ptr_eq(last, segment));
    }

    /// Gives all segments back where everything in them is delivered.
    pub(crate) fn clear(&self) -> Vec<Arc<Segment>> {
        let mut state = self.lock();
        state.gone.clear();
        state.damaged.clear();
        state.segments.drain(..).collect()
    }
}
