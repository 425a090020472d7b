//! Executions, computed out of their summaries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use treering_read::{Bones, Prices};
use treering_step::Summary;
use treering_store::{Computed, Error, Share, Touched, Writer};

/// Executions that are computed before the first of them is written.
const AT_ONCE: usize = 64;
/// Steps beyond which an execution is a giant: what it takes to compute one is worth counting.
const GIANT: u64 = 5_000;
/// How long a giant rests for each of its steps after it was computed, which takes about a tenth of that: one that
/// grows and grows takes a tenth of a core at the most, and shows what is new after 3 s for 100,000 steps.
const REST_A_STEP: Duration = Duration::from_micros(30);

/// Computes executions anew and never adds up: duplicates and leaf-most tokens need the whole.
#[derive(Debug)]
pub(crate) struct Computing {
    writer: Writer,
    prices: Arc<Prices>,
    /// Until when giants rest.
    resting: Mutex<HashMap<Touched, Instant>>,
}

impl Computing {
    pub(crate) fn new(writer: Writer, prices: Arc<Prices>) -> Self {
        Self { writer, prices, resting: Mutex::default() }
    }

    /// Computes executions of which something new was appended. Giants that rest are remembered as stale before it
    /// returns, so that the journal may forget what was new; [`Self::stale`] comes back to them.
    pub(super) async fn touched(&self, touched: &[Touched]) -> Result<(), Error> {
        let (resting, due) = self.split(touched);
        if !resting.is_empty() {
            self.writer.mark_stale(resting).await?;
        }
        self.now(&due).await
    }

    /// Computes those of the stale ones of this share that do not rest.
    pub(super) async fn stale(&self, share: Share) -> Result<(), Error> {
        let stale = self.writer.stale_of(share).await?;
        self.now(&self.split(&stale).1).await
    }

    /// Computes whatever is stale, resting or not: at the end there is no later, and what was erased must not show.
    pub(crate) async fn stale_at_once(&self) -> Result<(), Error> {
        let stale = self.writer.stale().await?;
        self.now(&stale).await
    }

    pub(super) async fn now(&self, touched: &[Touched]) -> Result<(), Error> {
        for touched in touched.chunks(AT_ONCE) {
            let prices = self.prices.clone();
            let add = move |bones: &mut Bones, step: Vec<Summary>| bones.add(step, &prices);
            let finish = |bones: Bones, trace_id| bones.joined().execution(trace_id);
            let computed = self.writer.compute(touched.to_vec(), add, finish).await?;
            let giants: Vec<_> =
                computed.iter().filter(|computed| computed.execution.steps > GIANT).collect();
            self.rest(&giants);
            self.writer.put_executions(computed).await?;
        }
        Ok(())
    }

    /// Those that rest, and the others.
    fn split(&self, touched: &[Touched]) -> (Vec<Touched>, Vec<Touched>) {
        let now = Instant::now();
        let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        touched.iter().partition(|touched| resting.get(touched).is_some_and(|until| *until > now))
    }

    fn rest(&self, giants: &[&Computed]) {
        if giants.is_empty() {
            return;
        }
        let now = Instant::now();
        let mut resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        resting.retain(|_, until| *until > now);
        for giant in giants {
            let of = Touched { project: giant.project, trace_id: giant.execution.trace_id };
            let steps = u32::try_from(giant.execution.steps).unwrap_or(u32::MAX);
            resting.insert(of, now + REST_A_STEP.saturating_mul(steps));
        }
    }
}

#[cfg(test)]
mod tests;
