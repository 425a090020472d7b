//! What somebody asked to forget is forgotten once nothing of it is still on its way, which each collector knows of its own
//! journal: it says through which erasure that is delivered. One of them carries the request out, as far as that is
//! possible at once, and to the end when every collector has passed it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};
use tokio::task::JoinHandle;
use treering_step::Timestamp;
use treering_store::{Collector, Erasure, Error, Target, Work, Writer};

use super::{Delivery, causes};

/// How often somebody looks whether there is a request.
const ROUND: Duration = Duration::from_secs(1);
/// How long an erasure waits for the store until it says so, and again each time.
const SILENT_FOR: Duration = Duration::from_secs(30);
/// How long an erasure is one collector's, should that end without a word.
const LEASE: Duration = Duration::from_secs(30);
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
    let (passing, carried, warned) = Default::default();
    let mut erasing = Erasing { delivery, gate, passed: 0, passing, carried, warned };
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

/// The journal is being delivered as far as it went when this erasure was the last.
struct OnItsWay {
    erasure: i64,
    delivered: JoinHandle<()>,
    since: Instant,
}

struct Erasing {
    delivery: Delivery,
    gate: Gate,
    /// The last erasure before which everything in the journal was delivered.
    passed: i64,
    passing: Option<OnItsWay>,
    /// Erasures whose rows went, and the collectors that were behind then.
    carried: HashMap<i64, Vec<String>>,
    /// When it was last said that somebody is waited for.
    warned: Option<Instant>,
}

impl Erasing {
    async fn round(&mut self) -> Result<(), Error> {
        let Delivery { writer, id, name, .. } = self.delivery.clone();
        self.pass().await?;
        writer.report(&id, &name, self.passed).await?;
        let (erasures, days) = (writer.erasures().await?, writer.erased_days().await?);
        let there_is_none = erasures.is_empty() && days.is_empty();
        if there_is_none || !writer.take_work(Work::Erasing, &id, LEASE).await? {
            return Ok(());
        }
        let done = keeping(&writer, &id, self.carry_out(erasures)).await;
        writer.end_work(Work::Erasing, &id).await?;
        done
    }

    /// Sees to it that nothing waits in this journal that came before an erasure, nor can be read in its files.
    async fn pass(&mut self) -> Result<(), Error> {
        let last = self.delivery.writer.last_erasure().await?;
        if last > self.passed {
            let journal = self.delivery.journal.clone();
            let passing = self.passing.get_or_insert_with(|| OnItsWay {
                erasure: last,
                delivered: tokio::spawn(async move { journal.delivered().await }),
                since: Instant::now(),
            });
            if tokio::time::timeout(ROUND, &mut passing.delivered).await.is_ok() {
                let passed = passing.erasure;
                self.passing = None;
                self.renew_journal_keys().await?;
                self.passed = passed;
            } else if passing.since.elapsed() > SILENT_FOR {
                passing.since = Instant::now();
                let waiting = self.delivery.journal.depth().entries;
                tracing::warn!(waiting, "an erasure waits until the store has what was accepted before it");
            }
        }
        Ok(())
    }

    async fn carry_out(&mut self, erasures: Vec<Erasure>) -> Result<(), Error> {
        let writer = self.delivery.writer.clone();
        for erasure in erasures {
            let behind = writer.behind(erasure.id).await?;
            if !behind.is_empty() {
                self.carry_out_so_far(&erasure, behind).await?;
                continue;
            }
            self.rows(&erasure).await?;
            let id = erasure.id;
            writer.forget_target(erasure).await?;
            self.content().await?;
            writer.scrub().await?;
            writer.erasure_is_done(id).await?;
            self.carried.remove(&id);
        }
        // A crash may have left some.
        self.content().await
    }

    /// What is there goes at once, and again when another collector has delivered what it had.
    async fn carry_out_so_far(&mut self, erasure: &Erasure, behind: Vec<Collector>) -> Result<(), Error> {
        let ids: Vec<_> = behind.iter().map(|collector| collector.id.clone()).collect();
        if self.carried.get(&erasure.id) != Some(&ids) {
            self.delivery.writer.carry_out(erasure).await?;
            self.delivery.computing.stale_at_once().await?;
            self.carried.insert(erasure.id, ids);
        }
        let gone =
            |collector: &&Collector| Timestamp::now().nanos_since(collector.seen_at) > nanos(SILENT_FOR);
        if self.warned.is_none_or(|warned| warned.elapsed() > SILENT_FOR)
            && let Some(Collector { id, name, seen_at, .. }) = behind.iter().find(gone)
        {
            self.warned = Some(Instant::now());
            let seen_at = seen_at.to_string();
            tracing::warn!(
                id,
                name,
                seen_at,
                "an erasure waits for a collector that is not there: start it again, or give it up with \
                 `treering erase --without ID` if its disk is gone"
            );
        }
        Ok(())
    }

    /// What was accepted before the request must be there to be erased.
    async fn rows(&self, erasure: &Erasure) -> Result<(), Error> {
        self.delivery.writer.carry_out(erasure).await?;
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
                return self.delivery.writer.carry_out_to_the_end(erasure).await;
            }
        }
    }

    /// Days of which something was erased get a new key, and the old ones go: with them whatever they sealed, in the
    /// journal's files and in any copy of the store.
    async fn content(&self) -> Result<(), Error> {
        for (project, day) in self.delivery.writer.erased_days().await? {
            self.delivery.writer.retire_day(project, day).await?;
            drop(self.gate.close().await);
            self.delivered().await;
            let lost = self.delivery.writer.rewrite_day(project, day).await?;
            if lost > 0 {
                tracing::warn!(lost, day, "records of a day of which something was erased cannot be read");
            }
            self.delivery.writer.day_is_rewritten(project, day).await?;
        }
        Ok(())
    }

    /// Where the journal has keys of its own: those that sealed what came of a project before it was erased go, as soon
    /// as nothing is left in the journal that they sealed.
    async fn renew_journal_keys(&self) -> Result<(), Error> {
        let Delivery { writer, seals, .. } = &self.delivery;
        if seals.is_that_of(writer) {
            return Ok(());
        }
        let projects: BTreeSet<_> = writer.erasures().await?.into_iter().map(|one| one.project).collect();
        for project in projects {
            let retiring = seals.clone();
            tokio::task::spawn_blocking(move || retiring.retire_project(project)).await??;
            // Who sealed with them before has put that into the journal by now.
            drop(self.gate.close().await);
            self.delivered().await;
            let dropping = seals.clone();
            tokio::task::spawn_blocking(move || dropping.drop_retired_of(project)).await??;
        }
        Ok(())
    }

    async fn delivered(&self) {
        let delivered = || tokio::time::timeout(SILENT_FOR, self.delivery.journal.delivered());
        while delivered().await.is_err() {
            let waiting = self.delivery.journal.depth().entries;
            tracing::warn!(waiting, "an erasure waits until the store has what was accepted before it");
        }
    }
}

/// Does this, and says again and again that it is being done.
async fn keeping<T>(
    writer: &Writer,
    id: &str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let again = async {
        loop {
            tokio::time::sleep(LEASE / 3).await;
            if !writer.take_work(Work::Erasing, id, LEASE).await? {
                return Err(Error::WorkTaken);
            }
        }
    };
    tokio::select! {
        done = work => done,
        lost = again => lost,
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
