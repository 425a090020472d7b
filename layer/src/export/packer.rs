//! Steps from the queue, put into words and into batches.

use std::sync::Arc;

use super::queue::{Chunk, Queue};
use super::spans;
use crate::finish::{Finished, Finisher};

/// A batch is no larger than this, unless a single step is: receivers of gRPC take 4 MiB a request unless told otherwise,
/// and each batch is there in several forms while it is sent.
const BATCH_BYTES: usize = 1024 * 1024;

pub(super) struct Packer {
    queue: Arc<Queue>,
    pub(super) finisher: Finisher,
    batch_steps: usize,
    /// What is being read.
    reading: Option<Chunk>,
    /// A step that did not fit into the batch before it.
    next: Option<Packed>,
    /// Steps that were open when the program ended.
    pub(super) incomplete: Vec<Finished>,
}

/// Steps that are sent in one request.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) steps: Vec<Finished>,
    /// Bytes that the queue counts for it.
    pub(super) held: usize,
}

/// A step with its bytes on the wire and those that the queue counts for it.
struct Packed {
    step: Finished,
    wire: usize,
    held: usize,
}

impl Packer {
    pub(super) fn new(queue: Arc<Queue>, finisher: Finisher, batch_steps: usize) -> Self {
        Self { queue, finisher, batch_steps, reading: None, next: None, incomplete: Vec::new() }
    }

    /// Takes steps from the queue into a batch that a receiver takes.
    pub(super) fn pack(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        let mut wire = 0;
        while batch.steps.len() < self.batch_steps {
            let Some(packed) = self.next.take().or_else(|| self.packed()) else { break };
            if !batch.steps.is_empty() && wire + packed.wire > BATCH_BYTES {
                self.next = Some(packed);
                break;
            }
            wire += packed.wire;
            batch.held += packed.held;
            batch.steps.push(packed.step);
        }
        (!batch.steps.is_empty()).then_some(batch)
    }

    fn packed(&mut self) -> Option<Packed> {
        loop {
            let Some(mut chunk) = self.reading.take().or_else(|| self.queue.take()) else {
                let step = self.incomplete.pop()?;
                return Some(Packed { wire: spans::weight(&step), step, held: 0 });
            };
            if let Some(queued) = chunk.pop() {
                let step = self.finisher.finish(&queued.head, queued.bytes, queued.callsites);
                let held = queued.weight;
                self.reading = Some(chunk);
                return Some(Packed { wire: spans::weight(&step), step, held });
            }
            self.queue.give_back(chunk);
        }
    }

    /// Gives up what is left: how many steps, and what the queue counts for them.
    pub(super) fn give_up(&mut self) -> (u64, usize) {
        let (mut steps, mut held) = self.reading.take().map_or((0, 0), |chunk| chunk.left());
        if let Some(packed) = self.next.take() {
            steps += 1;
            held += packed.held;
        }
        (steps + std::mem::take(&mut self.incomplete).len() as u64, held)
    }
}
