//! What the handles of a journal and its thread know together.

use tokio::sync::{Notify, watch};

use crate::Error;

/// How much waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    pub entries: u64,
    pub bytes: u64,
}

/// What is on disk and on its way to it.
#[derive(Debug)]
struct State {
    depth: Depth,
    /// The part of it that is on its way to the disk.
    coming: Depth,
    /// Entries that were ever taken in, and that went again, since the journal was opened.
    taken: u64,
    gone: u64,
}

impl State {
    fn come(&mut self, length: u64) {
        self.depth.bytes += length;
        self.depth.entries += 1;
        self.coming.bytes += length;
        self.coming.entries += 1;
        self.taken += 1;
    }
}

#[derive(Debug)]
pub(crate) struct Shared {
    bound: u64,
    state: watch::Sender<State>,
    news: Notify,
}

impl Shared {
    pub(crate) fn new(bound: u64, depth: Depth) -> Self {
        let state = State { depth, coming: Depth::default(), taken: depth.entries, gone: 0 };
        Self { bound, state: watch::Sender::new(state), news: Notify::new() }
    }

    pub(crate) fn depth(&self) -> Depth {
        self.state.borrow().depth
    }

    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// Entries go in the order in which they came, so that counting them is enough.
    pub(crate) async fn delivered(&self) {
        let mut state = self.state.subscribe();
        let taken = state.borrow().taken;
        state.wait_for(|state| state.gone >= taken).await.expect("the sender lives as long as this");
    }

    /// Takes room for an entry before it is written, so that the bound holds for what is under way as well.
    pub(crate) fn reserve(&self, length: u64) -> Result<(), Error> {
        let fits = self.state.send_if_modified(|state| {
            let fits = state.depth.bytes.checked_add(length).is_some_and(|sum| sum <= self.bound);
            if fits {
                state.come(length);
            }
            fits
        });
        if fits { Ok(()) } else { Err(Error::Full { held: self.depth().bytes, bound: self.bound }) }
    }

    /// Takes room that there must be.
    pub(crate) fn reserve_regardless(&self, length: u64) {
        self.state.send_modify(|state| state.come(length));
    }

    /// What was on disk before needs no leave.
    pub(crate) fn admit(&self, length: u64) {
        self.state.send_modify(|state| {
            state.depth.bytes += length;
            state.depth.entries += 1;
            state.taken += 1;
        });
    }

    /// An entry has arrived on the disk, or never will.
    pub(crate) fn arrived(&self, length: u64) {
        self.state.send_if_modified(|state| {
            state.coming.bytes -= length;
            state.coming.entries -= 1;
            false
        });
    }

    /// What should be on the disk.
    pub(crate) fn on_disk(&self) -> Depth {
        let state = self.state.borrow();
        Depth {
            entries: state.depth.entries - state.coming.entries,
            bytes: state.depth.bytes - state.coming.bytes,
        }
    }

    pub(crate) fn release(&self, entries: u64, bytes: u64) {
        self.state.send_if_modified(|state| {
            state.depth.entries -= entries;
            state.depth.bytes -= bytes;
            state.gone += entries;
            entries > 0
        });
    }

    pub(crate) fn announce(&self) {
        self.news.notify_one();
    }
}
