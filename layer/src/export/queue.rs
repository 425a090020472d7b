mod chunk;

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub(super) use chunk::Chunk;
use chunk::{is_handed_on, weight};
use tokio::sync::Notify;

use crate::open::{OpenSteps, Seat};
use crate::record::Head;
use crate::source::Tick;
use crate::written::Written;
use crate::{Error, OnFull, Stats};

/// Empty chunks that are kept to be filled again.
const SPARE_CHUNKS: usize = 16;

/// Finished steps on their way to the collector: bounded in bytes, because a count bounds nothing where one prompt may
/// have a megabyte.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Wakes the export thread.
    work: Notify,
    /// Wakes those who wait for a flush.
    answered: Condvar,
    /// Wakes those who wait for room.
    room: Condvar,
    /// Steps that have begun and not finished.
    pub(crate) open: OpenSteps,
    limit: usize,
    batch: usize,
    on_full: OnFull,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<Chunk>,
    spare: Vec<Chunk>,
    /// Steps in the chunks.
    waiting: usize,
    /// Of the steps here and of those under way.
    bytes: usize,
    under_way: u64,
    stats: Stats,
    /// Dropped or failed since the collector was last told.
    untold: u64,
    closed: bool,
    flushes_asked: u64,
    flushes_answered: u64,
    /// Since when the export thread lets steps wait for others.
    since: Option<Instant>,
}

/// What the export thread is to do next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    /// The flush that this answers, if one was asked for.
    pub(crate) flush: u64,
    pub(crate) is_flush: bool,
    pub(crate) is_last: bool,
    /// Steps have waited long enough.
    pub(crate) is_due: bool,
    /// They shall wait on the disk.
    pub(crate) is_spilled: bool,
}

/// When the export thread is to be woken, whatever happens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// A finished step waits so long for others.
    pub(super) delay: Duration,
    /// After a failure: not before this.
    pub(super) not_before: Option<Instant>,
    /// The next look at open steps.
    pub(super) look_at: Option<Instant>,
    /// Or when one begins.
    pub(super) look_when_open: bool,
    /// When to send what lies on the disk.
    pub(super) spilled_at: Option<Instant>,
}

impl Queue {
    /// A queue of at most `limit` bytes; it wakes the export thread early when `batch` steps wait.
    pub(crate) fn new(limit: usize, batch: usize, on_full: OnFull) -> Self {
        Self {
            state: Mutex::default(),
            work: Notify::new(),
            answered: Condvar::new(),
            room: Condvar::new(),
            open: OpenSteps::default(),
            limit,
            batch,
            on_full,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn opened(&self, shard: usize, id: u64, began: Tick) -> Seat {
        let (seat, wakes) = self.open.enter(shard, id, began);
        if wakes {
            self.work.notify_one();
        }
        seat
    }

    /// Takes a finished step, or drops and counts it where there is no room, at once or after a while.
    pub(crate) fn push(&self, head: Head, written: &mut Written) {
        let weight = weight(written);
        let mut state = self.state();
        if let Some(patience) = self.on_full.patience()
            && !state.fits(weight, self.limit)
        {
            self.work.notify_one();
            let is_full = |state: &mut State| !state.closed && !state.fits(weight, self.limit);
            state = self
                .room
                .wait_timeout_while(state, patience, is_full)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        if state.closed || !state.fits(weight, self.limit) {
            state.stats.dropped += 1;
            state.untold += 1;
            return;
        }
        state.put(head, written, weight);
        let waiting = state.waiting;
        let is_pressing = self.on_full.is_spill() && state.bytes > self.limit / 2;
        drop(state);
        if waiting == 1 || waiting == self.batch || (is_pressing && waiting.is_multiple_of(64)) {
            self.work.notify_one();
        }
    }

    /// The next steps; their bytes stay counted until [`Queue::settle`].
    pub(super) fn take(&self) -> Option<Chunk> {
        let mut state = self.state();
        let chunk = state.chunks.pop_front()?;
        state.waiting -= chunk.len();
        state.under_way += chunk.len() as u64;
        Some(chunk)
    }

    /// Gives back a chunk that is read.
    pub(super) fn give_back(&self, mut chunk: Chunk) {
        let mut state = self.state();
        if state.spare.len() < SPARE_CHUNKS && chunk.clear() {
            state.spare.push(chunk);
        }
    }

    /// Ends the way of steps that were under way: `failed` of them were not taken.
    pub(super) fn settle(&self, steps: u64, bytes: usize, failed: u64) {
        let mut state = self.state();
        state.under_way -= steps;
        state.bytes -= bytes;
        state.stats.sent += steps - failed;
        state.stats.failed += failed;
        state.untold += failed;
        drop(state);
        self.room.notify_all();
    }

    /// Steps that were under way find no room on the disk either.
    pub(super) fn settle_dropped(&self, steps: u64, bytes: usize) {
        let mut state = self.state();
        state.under_way -= steps;
        state.bytes -= bytes;
        state.stats.dropped += steps;
        state.untold += steps;
        drop(state);
        self.room.notify_all();
    }

    /// Steps that were under way lie on the disk now.
    pub(super) fn settle_spilled(&self, steps: u64, bytes: usize) {
        let mut state = self.state();
        state.under_way -= steps;
        state.bytes -= bytes;
        state.stats.spilled += steps;
        drop(state);
        self.room.notify_all();
    }

    /// Steps are under way that never lay here: they were open when the program ended.
    pub(super) fn joined(&self, steps: usize) {
        self.state().under_way += steps as u64;
    }

    /// Steps were found on the disk that an earlier process left there.
    #[cfg(feature = "spill")]
    pub(super) fn found(&self, steps: u64) {
        self.state().stats.spilled += steps;
    }

    /// Steps from the disk found their end: `failed` of them were not taken.
    pub(super) fn settle_found(&self, steps: u64, failed: u64) {
        let mut state = self.state();
        state.stats.spilled -= steps.min(state.stats.spilled);
        state.stats.sent += steps - failed;
        state.stats.failed += failed;
        state.untold += failed;
    }

    /// How many were lost since the collector was last told; the caller tells it, or gives the number back.
    pub(super) fn take_untold(&self) -> u64 {
        std::mem::take(&mut self.state().untold)
    }

    pub(super) fn give_back_untold(&self, untold: u64) {
        self.state().untold += untold;
    }

    /// Gives up what is still here, when the last flush failed.
    pub(super) fn give_up(&self) {
        let mut state = self.state();
        let left = state.waiting as u64;
        let bytes: usize = state.chunks.drain(..).map(|chunk| chunk.weight()).sum();
        state.waiting = 0;
        state.bytes -= bytes;
        state.stats.failed += left;
        state.untold += left;
    }

    /// Whether more than half of the room is taken.
    fn is_pressing(&self) -> bool {
        self.state().bytes > self.limit / 2
    }

    /// Comes back when more than half of the room is taken.
    pub(super) async fn pressed(&self) {
        while !self.is_pressing() || self.state().waiting == 0 {
            self.work.notified().await;
        }
    }

    /// Waits for something to send, then gives the steps around it `delay` to come along; or until it is time to look at
    /// open steps.
    pub(super) async fn next_task(&self, times: Times) -> Task {
        loop {
            let mut task = self.task();
            let (now, waiting) = (Instant::now(), self.waiting());
            let is_full = times.not_before.is_none() && waiting >= self.batch;
            let since = self.waiting_since(now, waiting);
            let due = since.map(|since| (since + times.delay).max(times.not_before.unwrap_or(since)));
            let due = due.into_iter().chain(times.spilled_at).min();
            task.is_due = task.is_flush || task.is_last || is_full || due.is_some_and(|due| due <= now);
            // Memory is for what will be sent at once.
            let spill = since.filter(|_| self.on_full.is_spill() && times.not_before.is_some());
            let spill = spill.map(|since| if self.is_pressing() { now } else { since + times.delay });
            task.is_spilled = spill.is_some_and(|at| at <= now);
            let is_look = times.look_at.is_some_and(|look| look <= now)
                || (times.look_when_open && !self.open.unwatch());
            if task.is_due || task.is_spilled || is_look {
                if task.is_due || task.is_spilled {
                    self.state().since = None;
                }
                return task;
            }
            match due.into_iter().chain(spill).chain(times.look_at).min() {
                Some(until) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(until.into()) => {}
                        () = self.work.notified() => {}
                    }
                }
                None => self.work.notified().await,
            }
        }
    }

    /// It goes on over looks at open steps.
    fn waiting_since(&self, now: Instant, waiting: usize) -> Option<Instant> {
        let mut state = self.state();
        state.since = if waiting > 0 { state.since.or(Some(now)) } else { None };
        state.since
    }

    fn task(&self) -> Task {
        let state = self.state();
        Task {
            flush: state.flushes_asked,
            is_flush: state.flushes_asked > state.flushes_answered,
            is_last: state.closed,
            is_due: false,
            is_spilled: false,
        }
    }

    /// Steps that wait here or were kept after a failure.
    fn waiting(&self) -> usize {
        let state = self.state();
        state.waiting + usize::try_from(state.under_way).unwrap_or(usize::MAX)
    }

    pub(super) fn answer(&self, flush: u64) {
        self.state().flushes_answered = flush;
        self.answered.notify_all();
    }

    pub(crate) fn stats(&self) -> Stats {
        let open = self.open.count() as u64;
        let state = self.state();
        Stats {
            queued: state.waiting as u64 + state.under_way,
            queued_bytes: state.bytes as u64,
            open,
            ..state.stats
        }
    }

    /// Has everything sent, and waits for that until the time is over. After the last flush the export thread
    /// ends; what finishes from then on is dropped and counted.
    pub(crate) fn flush(&self, timeout: Duration, is_last: bool) -> Result<(), Error> {
        let mut state = self.state();
        state.closed |= is_last;
        let failed_before = state.stats.failed;
        state.flushes_asked += 1;
        let mine = state.flushes_asked;
        self.work.notify_one();
        self.room.notify_all();
        let open = |state: &mut State| state.flushes_answered < mine;
        let (state, _) =
            self.answered.wait_timeout_while(state, timeout, open).unwrap_or_else(PoisonError::into_inner);
        let left = state.waiting as u64 + state.under_way + (state.stats.failed - failed_before);
        if left == 0 { Ok(()) } else { Err(Error::Undelivered { left }) }
    }
}

impl State {
    fn fits(&self, weight: usize, limit: usize) -> bool {
        self.bytes.saturating_add(weight) <= limit
    }

    fn put(&mut self, head: Head, written: &mut Written, weight: usize) {
        if !self.chunks.back().is_some_and(|chunk| chunk.has_room(written)) {
            let spare = if is_handed_on(written) { None } else { self.spare.pop() };
            self.chunks.push_back(spare.unwrap_or_else(|| Chunk::for_a(written)));
        }
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.push(head, written, weight);
            self.bytes += weight;
            self.waiting += 1;
        }
    }
}
