//! From the finished record to the collector: a queue bounded in bytes, and one thread that empties it.

mod exporter;
mod listen;
mod queue;
mod spans;
mod worker;

use std::sync::Arc;
#[cfg(any(test, feature = "testing"))]
use std::sync::{Mutex, PoisonError};

pub(crate) use queue::Queue;
pub(crate) use worker::start;

use crate::record::Record;

/// Where finished records go.
#[derive(Debug, Clone)]
pub(crate) enum Sink {
    Queue(Arc<Queue>),
    #[cfg(any(test, feature = "testing"))]
    Memory(Arc<Mutex<Vec<Record>>>),
    /// Export is switched off (`OTEL_SDK_DISABLED`).
    Off,
}

impl Sink {
    pub(crate) fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }

    pub(crate) fn opened(&self) {
        if let Self::Queue(queue) = self {
            queue.opened();
        }
    }

    pub(crate) fn closed(&self, record: Record) {
        match self {
            Self::Queue(queue) => queue.push(record),
            #[cfg(any(test, feature = "testing"))]
            Self::Memory(records) => records.lock().unwrap_or_else(PoisonError::into_inner).push(record),
            Self::Off => {}
        }
    }
}
