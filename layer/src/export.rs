//! From the finished record to the collector: a queue bounded in bytes, and one thread that empties it.

mod exporter;
mod life;
mod listen;
mod logs;
mod packer;
mod queue;
mod sender;
#[cfg(feature = "signing")]
mod sign;
mod spans;
mod spill;
#[cfg(feature = "tls")]
mod tls;
mod worker;

use std::sync::Arc;
#[cfg(any(test, feature = "testing"))]
use std::sync::{Mutex, PoisonError};

pub(crate) use queue::Queue;
#[cfg(feature = "signing")]
pub use sign::sign_request;
pub(crate) use worker::start;

use crate::open::Seat;
use crate::record::Head;
use crate::source::Tick;
use crate::written::Written;

/// The name of the thread that exports.
pub(crate) const THREAD: &str = "treering-export";

/// Where finished steps go.
#[derive(Debug, Clone)]
pub(crate) enum Sink {
    Queue(Arc<Queue>),
    #[cfg(any(test, feature = "testing"))]
    Memory(Arc<Mutex<Vec<(Head, Written)>>>),
    /// Export is switched off (`OTEL_SDK_DISABLED`).
    Off,
}

impl Sink {
    pub(crate) fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }

    pub(crate) fn opened(&self, shard: usize, id: u64, began: Tick) -> Option<Seat> {
        match self {
            Self::Queue(queue) => Some(queue.opened(shard, id, began)),
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(_) => None,
            Self::Off => None,
        }
    }

    /// Takes a step that has ended; without what it says where that was sent already.
    pub(crate) fn closed(&self, head: Head, seat: Option<Seat>, written: Option<&mut Written>) {
        if let (Self::Queue(queue), Some(seat)) = (self, seat) {
            queue.open.leave(seat);
        }
        let Some(written) = written else { return };
        match self {
            Self::Queue(queue) => queue.push(head, written),
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(steps) => {
                steps.lock().unwrap_or_else(PoisonError::into_inner).push((head, std::mem::take(written)));
            }
            Self::Off => {}
        }
    }
}
