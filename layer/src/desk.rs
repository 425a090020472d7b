//! What a thread needs to write steps down, kept for the next one: a desk that only one writer at a time sits at.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::rngs::SmallRng;

use crate::propagate::Remote;
use crate::record::Record;
use crate::source;
use crate::written::Written;

/// How many ended steps a thread keeps to use again.
const RECORDS_KEPT: usize = 32;

thread_local! {
    static DESK: Cell<Place> = const { Cell::new(Place::New) };
}

/// A thread's place for its desk.
enum Place {
    New,
    Free(Box<Desk>),
    Taken,
}

/// A thread's things.
pub(crate) struct Desk {
    pub(crate) random: SmallRng,
    /// Fields are written here first: code of the user's runs meanwhile, and no lock may be held.
    pub(crate) scratch: Written,
    /// Which of the shards of open steps this thread uses.
    pub(crate) shard: usize,
    /// Below what the next step begins.
    pub(crate) remote: Option<Box<Remote>>,
    #[expect(clippy::vec_box, reason = "the boxes are what is kept: spans hold them")]
    records: Vec<Box<Record>>,
}

/// The desk while somebody sits at it; it is free again when this is dropped, also by a panic in what the user wrote.
pub(crate) struct AtDesk(Option<Box<Desk>>);

impl AtDesk {
    /// Sits down; `None` while this thread already writes, because what the user's `Debug` traces is not a step of the
    /// agent, and where the thread ends.
    pub(crate) fn take() -> Option<Self> {
        let place = DESK.try_with(|desk| desk.replace(Place::Taken)).ok()?;
        match place {
            Place::Free(desk) => Some(Self(Some(desk))),
            Place::New => Some(Self(Some(Box::new(Desk::new())))),
            Place::Taken => None,
        }
    }
}

impl Deref for AtDesk {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        self.0.as_deref().expect(HELD)
    }
}

impl DerefMut for AtDesk {
    fn deref_mut(&mut self) -> &mut Desk {
        self.0.as_deref_mut().expect(HELD)
    }
}

const HELD: &str = "the desk is given back only when this is dropped";

impl Drop for AtDesk {
    fn drop(&mut self) {
        if let Some(desk) = self.0.take() {
            // Where the thread ends, so does its desk.
            let _ = DESK.try_with(|place| place.set(Place::Free(desk)));
        }
    }
}

impl Desk {
    fn new() -> Self {
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        let shard = THREADS.fetch_add(1, Ordering::Relaxed);
        Self {
            random: source::chance(),
            scratch: Written::default(),
            shard,
            remote: None,
            records: Vec::new(),
        }
    }

    pub(crate) fn record(&mut self) -> Option<Box<Record>> {
        self.records.pop()
    }

    /// Keeps an ended step to use again.
    pub(crate) fn keep(&mut self, mut record: Box<Record>) {
        if record.written.clear() && self.records.len() < RECORDS_KEPT {
            self.records.push(record);
        }
    }

    pub(crate) fn clear(&mut self) {
        if !self.scratch.clear() {
            self.scratch = Written::default();
        }
    }
}
