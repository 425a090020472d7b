//! What somebody asked to forget is forgotten.
//!
//! Who alone has a store knows by itself that nothing of it is still on its way. Of several collectors one does it at a
//! time: rows go at once, and again whenever another collector has passed the request, since what it had accepted
//! before is in the store only then. The request is done when all of them have.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use treering_store::{Collector, Erasure, Error, Target, Vault, Work};

use super::{Delivery, causes};

/// How often somebody looks whether there is a request.
const ROUND: Duration = Duration::from_secs(1);
/// How long an erasure waits for the store until it says so, and again each time.
const SILENT_FOR: Duration = Duration::from_secs(30);
/// How long requests wait while a project is forgotten. Its rows are gone by then.
const LONGEST_CLOSED: Duration = Duration::from_secs(3);

/// Who seals holds it open from asking for a key until what it sealed is in the journal. So whoever closed it once
/// knows that nobody has an older key in hand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<RwLock<()>>);

/// A request that is on its way through the gate.
pub(crate) type Passing = OwnedRwLockReadGuard<()>;

impl Gate {
    pub(crate) async fn pass(&self) -> Passing {
        self.0.clone().read_owned().await
    }

    pub(super) async fn close(&self) -> OwnedRwLockWriteGuard<()> {
        self.0.clone().write_owned().await
    }
}

/// Carries requests to erase out, for ever. One that was interrupted goes on at the next start, or elsewhere.
pub(crate) async fn keep_erased(delivery: Delivery, gate: Gate) {
    let mut erasing = Erasing { delivery, gate, carried: HashMap::new(), said: None };
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        if let Err(error) = erasing.round().await {
            let error = causes(&error);
            tracing::warn!(%error, "what is to be erased is still there; trying again");
        }
    }
}

struct Erasing {
    delivery: Delivery,
    gate: Gate,
    /// How many collectors each request waited for when its rows went last.
    carried: HashMap<i64, usize>,
    /// When somebody was told what is waited for.
    said: Option<Instant>,
}

impl Erasing {
    async fn round(&mut self) -> Result<(), Error> {
        let Some(fleet) = self.delivery.fleet.clone() else { return self.all().await };
        let writer = self.delivery.writer.clone();
        if writer.erasures().await?.is_empty() && writer.erased_days().await?.is_empty() {
            return Ok(());
        }
        fleet.alone(&writer, Work::Erasing, self.all()).await
    }

    async fn all(&mut self) -> Result<(), Error> {
        let writer = self.delivery.writer.clone();
        let mut passes_soon = false;
        for erasure in writer.erasures().await? {
            let waits_for = self.rows(&erasure).await?;
            if !waits_for.is_empty() {
                passes_soon |= waits_for.iter().all(Collector::is_there);
                self.tell(&waits_for);
                continue;
            }
            let id = erasure.id;
            writer.forget_target(erasure).await?;
            self.content().await?;
            writer.scrub().await?;
            writer.erasure_is_done(id).await?;
            self.carried.remove(&id);
        }
        // A crash may have left some, or a collector that does not come back. What is erased in a moment waits for that.
        if passes_soon { Ok(()) } else { self.content().await }
    }

    /// Erases the rows of a request. What was accepted before it must be there to be erased: tells which collectors may
    /// still have some.
    async fn rows(&mut self, erasure: &Erasure) -> Result<Vec<Collector>, Error> {
        let writer = &self.delivery.writer;
        let waits_for = self.waits_for(erasure.id).await?;
        // After it was asked who passed, so that the last time is after all of them have.
        if self.carried.get(&erasure.id) != Some(&waits_for.len()) || waits_for.is_empty() {
            writer.carry_out(erasure).await?;
            if waits_for.is_empty() && erasure.target == Some(Target::Project) {
                self.project(erasure).await?;
            }
            self.delivery.computing.stale_at_once().await?;
            self.carried.insert(erasure.id, waits_for.len());
        }
        Ok(waits_for)
    }

    async fn waits_for(&self, erasure: i64) -> Result<Vec<Collector>, Error> {
        if self.delivery.fleet.is_none() {
            self.delivery.delivered_for_an_erasure().await;
            return Ok(Vec::new());
        }
        self.delivery.writer.behind(erasure).await
    }

    fn tell(&mut self, waits_for: &[Collector]) {
        if self.said.is_some_and(|said| said.elapsed() < SILENT_FOR) {
            return;
        }
        for Collector { id, name, silent_for, .. } in waits_for.iter().filter(|one| !one.is_there()) {
            self.said = Some(Instant::now());
            let seconds = silent_for.as_secs();
            tracing::warn!(
                name,
                id,
                seconds,
                "an erasure waits for a collector that is not there; start it, or, if its disk is gone, give it up with \
                 `treering erase --without ID`"
            );
        }
    }

    /// Where the journal is sealed with the keys that go, nothing of the project may be on its way to the store, nor be
    /// accepted under them. Other collectors, and this one where it has keys of its own, look for the keys again under
    /// the store's lock.
    async fn project(&self, erasure: &Erasure) -> Result<(), Error> {
        let writer = &self.delivery.writer;
        if self.delivery.fleet.is_some() {
            return writer.carry_out_to_the_end(erasure).await;
        }
        loop {
            self.delivery.delivered_for_an_erasure().await;
            let _closed = self.gate.close().await;
            if tokio::time::timeout(LONGEST_CLOSED, self.delivery.journal.delivered()).await.is_ok() {
                return writer.carry_out_to_the_end(erasure).await;
            }
        }
    }

    /// Days of which something was erased get a new key, and the old ones go: with them whatever they sealed, in the
    /// journal's files where they are its keys as well, and in any copy of the store.
    async fn content(&self) -> Result<(), Error> {
        let writer = &self.delivery.writer;
        for erased in writer.erased_days().await? {
            let (project, day) = (erased.project, erased.day);
            writer.retire_day(project, day).await?;
            if self.delivery.fleet.is_none() {
                drop(self.gate.close().await);
                self.delivery.delivered_for_an_erasure().await;
            }
            let lost = writer.rewrite_day(project, day).await?;
            if lost > 0 {
                tracing::warn!(lost, day, "records of a day of which something was erased cannot be read");
            }
            writer.day_is_rewritten(erased).await?;
        }
        Ok(())
    }
}

impl Delivery {
    /// Does this with the journal's own keys.
    pub(super) async fn journal_keys(
        &self,
        change: impl FnOnce(Vault) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let seals = self.seals.clone();
        tokio::task::spawn_blocking(move || change(seals)).await?
    }

    pub(super) async fn delivered_for_an_erasure(&self) {
        let delivered = || tokio::time::timeout(SILENT_FOR, self.journal.delivered());
        while delivered().await.is_err() {
            let waiting = self.journal.depth().entries;
            tracing::warn!(waiting, "an erasure waits until the store has what was accepted before it");
        }
        while !self.receipts.write(&self.writer).await {
            tokio::time::sleep(ROUND).await;
        }
    }
}
