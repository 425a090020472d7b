use std::sync::Arc;
use std::time::Duration;

use crate::Error;
use crate::export::Queue;
use crate::fields::LOG_TARGET;

/// Delivers what is left when it is dropped; keep it until the program ends.
///
/// The work is done on a thread of our own, so it may be dropped in a `tokio` program of any flavour and in
/// one without a runtime. Only a collector on the very same single-threaded runtime cannot answer meanwhile.
/// `std::process::exit` drops nothing: call [`Guard::shutdown`] before it. Where a panic aborts, [`init`](crate::init()) has it
/// flush first; an open step is then told by its silence.
#[derive(Debug)]
#[must_use = "dropping the guard ends the export; keep it until the program ends"]
pub struct Guard {
    queue: Option<Arc<Queue>>,
    deadline: Duration,
}

/// What became of the steps so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Taken by the collector.
    pub sent: u64,
    /// Found no room in the queue, or finished after the end of the export.
    pub dropped: u64,
    /// Refused by the collector, or still not taken by the end.
    pub failed: u64,
    /// On the disk until the collector is back; also what an earlier process left there.
    pub spilled: u64,
    /// Waiting, or under way.
    pub queued: u64,
    /// Bytes of those.
    pub queued_bytes: u64,
    /// Begun and not finished.
    pub open: u64,
}

impl Guard {
    pub(crate) fn new(queue: Arc<Queue>, deadline: Duration) -> Self {
        Self { queue: Some(queue), deadline }
    }

    pub(crate) fn off() -> Self {
        Self { queue: None, deadline: Duration::ZERO }
    }

    /// Where a panic ends the process at once, no guard is dropped: what is there is sent before.
    #[cfg(panic = "abort")]
    pub(crate) fn flush_before_abort(&self) {
        let Some(queue) = self.queue.as_ref().map(Arc::downgrade) else { return };
        let (deadline, before) = (self.deadline, std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| {
            before(panic);
            // The export thread cannot wait for itself.
            let is_ours = std::thread::current().name() == Some(crate::export::THREAD);
            if let Some(queue) = queue.upgrade().filter(|_| !is_ours) {
                // There is nobody left to tell.
                let _ = queue.flush(deadline, false);
            }
        }));
    }

    /// Sends every step that has finished, and waits until the collector has taken them.
    ///
    /// # Errors
    /// The time was over, or the collector did not take them; what can still be delivered stays in the queue.
    pub fn flush(&self, timeout: Duration) -> Result<(), Error> {
        self.queue.as_ref().map_or(Ok(()), |queue| queue.flush(timeout, false))
    }

    /// What became of the steps so far.
    pub fn stats(&self) -> Stats {
        self.queue.as_ref().map(|queue| queue.stats()).unwrap_or_default()
    }

    /// Ends the export with a last flush. Dropping the guard does the same, and cannot tell how it went.
    ///
    /// # Errors
    /// As [`Guard::flush`].
    pub fn shutdown(mut self, timeout: Duration) -> Result<Stats, Error> {
        let Some(queue) = self.queue.take() else { return Ok(Stats::default()) };
        queue.flush(timeout, true)?;
        Ok(queue.stats())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(queue) = self.queue.take() else { return };
        if let Err(error) = queue.flush(self.deadline, true) {
            tracing::warn!(target: LOG_TARGET, error = %error, "the program ends before all steps are delivered");
        }
    }
}
