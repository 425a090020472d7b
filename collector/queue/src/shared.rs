//! What the handles of a journal and its thread know together.

use tokio::sync::{Notify, watch};

use crate::Error;

/// The name of an entry; later entries have higher ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId(pub(crate) i64);

/// How much waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Depth {
    pub entries: u64,
    pub bytes: u64,
}

#[derive(Debug)]
pub(crate) struct Shared {
    bound: u64,
    /// What is on disk and on its way to it.
    depth: watch::Sender<Depth>,
    news: Notify,
}

impl Shared {
    pub(crate) fn new(bound: u64, depth: Depth) -> Self {
        Self { bound, depth: watch::Sender::new(depth), news: Notify::new() }
    }

    pub(crate) fn depth(&self) -> Depth {
        *self.depth.borrow()
    }

    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    pub(crate) async fn empty(&self) {
        let mut depth = self.depth.subscribe();
        depth.wait_for(|depth| depth.entries == 0).await.expect("the sender lives as long as this");
    }

    /// Takes room for an entry before it is written, so that the bound holds for what is under way as well.
    pub(crate) fn reserve(&self, length: u64) -> Result<(), Error> {
        let fits = self.depth.send_if_modified(|depth| {
            let fits = depth.bytes.checked_add(length).is_some_and(|sum| sum <= self.bound);
            if fits {
                depth.bytes += length;
                depth.entries += 1;
            }
            fits
        });
        if fits { Ok(()) } else { Err(Error::Full { held: self.depth.borrow().bytes, bound: self.bound }) }
    }

    pub(crate) fn release(&self, entries: u64, bytes: u64) {
        self.depth.send_if_modified(|depth| {
            depth.entries -= entries;
            depth.bytes -= bytes;
            entries > 0
        });
    }

    pub(crate) fn announce(&self) {
        self.news.notify_one();
    }
}
