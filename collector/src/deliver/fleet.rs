//! One of several collectors on one store.
//!
//! None of them leads. Each says every second that it is there, and which requests to erase it passed: all that it had
//! accepted before is in the store then, and what its journal was sealed with is dropped, so that nothing of it comes
//! after, and nothing of it can be read where it was. An erasure ends once every collector has passed it.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use treering_queue::Journal;
use treering_step::Timestamp;
use treering_store::{Collector, Error, Presence, Share, Work, Writer};

use super::{Delivery, Gate, causes};

/// How often a collector says that it is there, and looks for others.
const ROUND: Duration = Duration::from_secs(1);
/// For how long nobody else begins what this one does alone, unless it says again that it does.
const LEASE: Duration = Duration::from_secs(30);
/// Who said nothing for this long takes no share of what any of them could do. Should it come back, some of it is done
/// twice, to the same result.
const SHARES_FOR: Duration = Duration::from_secs(10);

/// Which of the collectors of a store this one is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Stays the same for as long as its journal does.
    pub id: String,
    /// Where people find it.
    pub name: String,
    /// False where it may have been known to the store before.
    pub is_new: bool,
}

#[derive(Debug)]
pub(crate) struct Fleet {
    id: String,
    name: String,
    passed: AtomicI64,
    delivered_at: AtomicU64,
    /// Something is set aside in the journal, and is tried again after the next start.
    keeps: AtomicBool,
    seen: Mutex<Vec<Collector>>,
}

impl Fleet {
    /// Makes this collector known before it accepts anything.
    pub(crate) async fn join(
        Identity { id, name, is_new }: Identity,
        journal: &Journal,
        writer: &Writer,
    ) -> Result<Self, Error> {
        let known = writer.collectors().await?.into_iter().find(|collector| collector.id == id);
        let passed = match known {
            Some(known) => known.passed,
            None if journal.depth().entries == 0 => {
                writer.erasures_after(0).await?.last().map_or(0, |(newest, _)| *newest)
            }
            None if is_new => 0,
            // It left nothing behind when it was known, or was given up with what it left.
            None => return Err(Error::GivenUp),
        };
        let fleet = Self {
            id,
            name,
            passed: passed.into(),
            delivered_at: 0.into(),
            keeps: false.into(),
            seen: Mutex::default(),
        };
        let passed = writer.enroll(fleet.presence()).await?;
        fleet.passed.store(passed, Ordering::Relaxed);
        fleet.look(writer).await?;
        Ok(fleet)
    }

    /// Lets others go on with what this one did, and is known no more where nothing is left that they would have to wait
    /// for.
    pub(crate) async fn leave(&self, journal: &Journal, writer: &Writer) -> Result<(), Error> {
        for work in [Work::Erasing, Work::Retention] {
            writer.end_work(work, &self.id).await?;
        }
        if journal.depth().entries > 0 || self.keeps.load(Ordering::Relaxed) {
            return Ok(());
        }
        writer.leave(&self.id).await
    }

    /// Something stays in the journal.
    pub(super) fn keeps_something(&self) {
        self.keeps.store(true, Ordering::Relaxed);
    }

    /// All that was accepted until then is in the store.
    pub(super) fn delivered_until(&self, moment: Timestamp) {
        self.delivered_at.fetch_max(moment.as_nanos(), Ordering::Relaxed);
    }

    /// Until when every collector that is there has delivered, each by its own clock; this one has until now.
    pub(super) fn all_delivered_until(&self, now: Timestamp) -> Timestamp {
        let others = self.lock();
        let there = others.iter().filter(|other| other.id != self.id && other.is_there());
        there.map(|other| other.delivered_at).fold(now, Timestamp::min)
    }

    /// What this one looks after of what each of them could.
    pub(super) fn share(&self) -> Share {
        let all = self.lock();
        let there: Vec<_> =
            all.iter().filter(|one| one.id == self.id || one.silent_for < SHARES_FOR).collect();
        let place = there.iter().position(|one| one.id == self.id);
        place.map_or(Share::ALL, |place| Share::new(place, there.len()))
    }

    /// Does this where nobody else does it.
    pub(crate) async fn alone(
        &self,
        writer: &Writer,
        work: Work,
        doing: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        let take = || writer.take_work(work, &self.id, LEASE);
        if !take().await? {
            return Ok(());
        }
        let taken_over = async {
            loop {
                tokio::time::sleep(LEASE / 3).await;
                if matches!(take().await, Ok(false)) {
                    return;
                }
            }
        };
        let done = tokio::select! {
            done = doing => done,
            // It was silent for so long that somebody else goes on from where it is.
            () = taken_over => Ok(()),
        };
        writer.end_work(work, &self.id).await?;
        done
    }

    fn presence(&self) -> Presence {
        Presence {
            id: self.id.clone(),
            name: self.name.clone(),
            passed: self.passed.load(Ordering::Relaxed),
            delivered_at: Timestamp::from_nanos(self.delivered_at.load(Ordering::Relaxed).max(1))
                .unwrap_or_else(Timestamp::now),
        }
    }

    async fn look(&self, writer: &Writer) -> Result<(), Error> {
        let seen = writer.collectors().await?;
        *self.lock() = seen;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Collector>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes what was asked since the last time.
    async fn pass(&self, delivery: &Delivery, gate: &Gate) -> Result<(), Error> {
        let asked = delivery.writer.erasures_after(self.passed.load(Ordering::Relaxed)).await?;
        let Some((newest, _)) = asked.last() else { return Ok(()) };
        let projects: BTreeSet<_> = asked.iter().map(|(_, project)| *project).collect();
        // What sealed the journal until now opens it until all of that is in the store, and nothing ever after.
        for project in &projects {
            let project = *project;
            delivery.journal_keys(move |seals| seals.retire_project(project)).await?;
        }
        drop(gate.close().await);
        delivery.delivered_for_an_erasure().await;
        for project in projects {
            delivery.journal_keys(move |seals| seals.drop_retired_of(project).map(drop)).await?;
        }
        self.passed.store(*newest, Ordering::Relaxed);
        delivery.writer.report(self.presence()).await
    }
}

/// Says that this collector is there, until it was given up: what it holds must not come into the store then.
pub(crate) async fn keep_present(fleet: Arc<Fleet>, writer: Writer) {
    let mut rounds = rounds();
    loop {
        rounds.tick().await;
        let said = async {
            writer.report(fleet.presence()).await?;
            fleet.look(&writer).await
        };
        match said.await {
            Ok(()) => {}
            Err(error @ Error::GivenUp) => {
                let id = &fleet.id;
                return tracing::error!(id, %error, "this collector ends");
            }
            Err(error) => {
                let error = causes(&error);
                tracing::warn!(%error, "the store does not hear that this collector is there; trying again");
            }
        }
    }
}

/// Passes requests to erase, for ever.
pub(crate) async fn keep_passing(fleet: Arc<Fleet>, delivery: Delivery, gate: Gate) {
    let mut rounds = rounds();
    loop {
        rounds.tick().await;
        if let Err(error) = fleet.pass(&delivery, &gate).await {
            let error = causes(&error);
            tracing::warn!(%error, "a request to erase could not be passed; trying again");
        }
    }
}

fn rounds() -> tokio::time::Interval {
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    rounds
}
