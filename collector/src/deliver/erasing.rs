//! What somebody asked to forget is forgotten by the one process that owns the journal and the store: only it knows that
//! nothing of it is still on its way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use treering_store::{Erasure, Error, Target, Vault};

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

    async fn close(&self) -> OwnedRwLockWriteGuard<()> {
        self.0.clone().write_owned().await
    }
}

/// Carries requests to erase out, for ever. One that was interrupted goes on at the next start.
pub(crate) async fn keep_erased(delivery: Delivery, gate: Gate) {
    let erasing = Erasing { delivery, gate };
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
}

impl Erasing {
    async fn round(&self) -> Result<(), Error> {
        let writer = &self.delivery.writer;
        for erasure in writer.erasures().await? {
            self.rows(&erasure).await?;
            let id = erasure.id;
            writer.forget_target(erasure).await?;
            self.content().await?;
            writer.scrub().await?;
            writer.erasure_is_done(id).await?;
        }
        // A crash may have left some.
        self.content().await
    }

    /// What was accepted before the request must be there to be erased.
    async fn rows(&self, erasure: &Erasure) -> Result<(), Error> {
        let writer = &self.delivery.writer;
        self.delivered().await;
        writer.carry_out(erasure).await?;
        if erasure.target == Some(Target::Project) {
            self.project(erasure).await?;
        }
        self.delivery.computing.stale_at_once().await
    }

    /// Nothing of it may be on its way to the store while its keys go, nor be accepted under them.
    async fn project(&self, erasure: &Erasure) -> Result<(), Error> {
        loop {
            self.delivered().await;
            let _closed = self.gate.close().await;
            if tokio::time::timeout(LONGEST_CLOSED, self.delivery.journal.delivered()).await.is_ok() {
                self.delivery.writer.carry_out_to_the_end(erasure).await?;
                let project = erasure.project;
                return self.journal_keys(move |seals| seals.drop_project(project).map(drop)).await;
            }
        }
    }

    /// Days of which something was erased get a new key, and the old ones go: with them whatever they sealed, in the
    /// journal's files and in any copy of the store.
    async fn content(&self) -> Result<(), Error> {
        for (project, day) in self.delivery.writer.erased_days().await? {
            self.delivery.writer.retire_day(project, day).await?;
            self.journal_keys(move |seals| seals.retire(project, day).map(drop)).await?;
            drop(self.gate.close().await);
            self.delivered().await;
            self.journal_keys(move |seals| seals.drop_retired(project, day).map(drop)).await?;
            let lost = self.delivery.writer.rewrite_day(project, day).await?;
            if lost > 0 {
                tracing::warn!(lost, day, "records of a day of which something was erased cannot be read");
            }
            self.delivery.writer.day_is_rewritten(project, day).await?;
        }
        Ok(())
    }

    /// Does this with the journal's own keys, where the store has others.
    async fn journal_keys(
        &self,
        change: impl FnOnce(Vault) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        if self.delivery.seals.is_that_of(&self.delivery.writer) {
            return Ok(());
        }
        let seals = self.delivery.seals.clone();
        tokio::task::spawn_blocking(move || change(seals)).await?
    }

    async fn delivered(&self) {
        let delivered = || tokio::time::timeout(SILENT_FOR, self.delivery.journal.delivered());
        while delivered().await.is_err() {
            let waiting = self.delivery.journal.depth().entries;
            tracing::warn!(waiting, "an erasure waits until the store has what was accepted before it");
        }
    }
}
