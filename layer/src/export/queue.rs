use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::record::Record;
use crate::{Error, Stats};

/// Finished records on their way to the collector: bounded in bytes, because a count bounds nothing where one
/// prompt may have a megabyte.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Wakes the export thread.
    work: Notify,
    /// Wakes those who wait for a flush.
    answered: Condvar,
    /// Steps that have begun and not finished.
    open: AtomicU64,
    limit: usize,
    batch: usize,
}

#[derive(Debug, Default)]
struct State {
    records: VecDeque<(Record, usize)>,
    /// Of the records here and of those under way.
    bytes: usize,
    under_way: u64,
    stats: Stats,
    /// Dropped or failed since the collector was last told.
    untold: u64,
    closed: bool,
    flushes_asked: u64,
    flushes_answered: u64,
}

/// What the export thread is to do next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    /// The flush that this answers, if one was asked for.
    pub(crate) flush: u64,
    pub(crate) is_flush: bool,
    pub(crate) is_last: bool,
}

impl Queue {
    /// A queue of at most `limit` bytes; it wakes the export thread early when `batch` records wait.
    pub(crate) fn new(limit: usize, batch: usize) -> Self {
        Self {
            state: Mutex::default(),
            work: Notify::new(),
            answered: Condvar::new(),
            open: AtomicU64::new(0),
            limit,
            batch,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes a finished record, or drops and counts it where there is no room. Never waits.
    pub(crate) fn push(&self, record: Record) {
        let weight = record.weight();
        self.open.fetch_sub(1, Ordering::Relaxed);
        let mut state = self.state();
        if state.closed || state.bytes.saturating_add(weight) > self.limit {
            state.stats.dropped += 1;
            state.untold += 1;
            return;
        }
        state.bytes += weight;
        state.records.push_back((record, weight));
        let waiting = state.records.len();
        drop(state);
        if waiting == 1 || waiting == self.batch {
            self.work.notify_one();
        }
    }

    /// The next record; its bytes stay counted until [`Queue::settle`].
    pub(super) fn pop(&self) -> Option<(Record, usize)> {
        let mut state = self.state();
        let next = state.records.pop_front()?;
        state.under_way += 1;
        Some(next)
    }

    /// Ends the way of records that were under way: `failed` of them were not taken.
    pub(super) fn settle(&self, records: u64, bytes: usize, failed: u64) {
        let mut state = self.state();
        state.under_way -= records;
        state.bytes -= bytes;
        state.stats.sent += records - failed;
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
        let left = state.records.len() as u64;
        state.stats.failed += left;
        state.untold += left;
        state.bytes -= state.records.drain(..).map(|(_, weight)| weight).sum::<usize>();
    }

    /// Waits for something to send, then gives the steps around it `delay` to come along.
    pub(super) async fn next_task(&self, delay: Duration, not_before: Option<Instant>) -> Task {
        while self.task().is_idle(self.waiting()) {
            self.work.notified().await;
        }
        let due = (Instant::now() + delay).max(not_before.unwrap_or_else(Instant::now));
        let patience = tokio::time::sleep_until(due.into());
        tokio::pin!(patience);
        loop {
            let task = self.task();
            let is_full = not_before.is_none() && self.waiting() >= self.batch;
            if task.is_flush || task.is_last || is_full {
                return task;
            }
            tokio::select! {
                () = &mut patience => return self.task(),
                () = self.work.notified() => {}
            }
        }
    }

    fn task(&self) -> Task {
        let state = self.state();
        Task {
            flush: state.flushes_asked,
            is_flush: state.flushes_asked > state.flushes_answered,
            is_last: state.closed,
        }
    }

    /// Records that wait here or were kept after a failure.
    fn waiting(&self) -> usize {
        let state = self.state();
        state.records.len() + usize::try_from(state.under_way).unwrap_or(usize::MAX)
    }

    pub(super) fn answer(&self, flush: u64) {
        self.state().flushes_answered = flush;
        self.answered.notify_all();
    }

    pub(crate) fn stats(&self) -> Stats {
        let state = self.state();
        Stats {
            queued: state.records.len() as u64 + state.under_way,
            queued_bytes: state.bytes as u64,
            open: self.open.load(Ordering::Relaxed),
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
        let open = |state: &mut State| state.flushes_answered < mine;
        let (state, _) =
            self.answered.wait_timeout_while(state, timeout, open).unwrap_or_else(PoisonError::into_inner);
        let left = state.records.len() as u64 + state.under_way + (state.stats.failed - failed_before);
        if left == 0 { Ok(()) } else { Err(Error::Undelivered { left }) }
    }
}

impl Task {
    fn is_idle(self, waiting: usize) -> bool {
        waiting == 0 && !self.is_flush && !self.is_last
    }
}
