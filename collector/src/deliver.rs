//! The rest of the way: journal → store.
//!
//! A batch is opened, its records are summarised, records and summaries are appended, the executions that they
//! belong to are computed anew, and only then is the batch forgotten. Each step can be done again with the same
//! result, so that a crash at any point costs nothing but the repetition.

mod age;
mod batch;
mod breaker;
mod compute;
mod erasing;
mod fleet;
mod index;
mod reread;
mod salvage;
mod signs;
mod sweep;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use treering_otlp::Signal;
use treering_queue::{Entry, EntryId, Journal};
use treering_store::{Audit, Batch, ProjectId, Touched, Vault, Writer};

pub(crate) use age::keep_watch;
pub(crate) use batch::{day, form};
pub(crate) use breaker::Breaker;
pub(crate) use compute::Computing;
pub(crate) use erasing::{Gate, Passing, keep_erased};
pub use fleet::Identity;
pub(crate) use fleet::{Fleet, keep_passing, keep_present};
pub(crate) use index::keep_indexed;
pub use reread::{Reread, Rereading};
pub(crate) use salvage::keep_salvaged;
pub(crate) use sweep::keep_swept;

use crate::memory::Memory;
use crate::outcome::{Account, Ledger, Outcome};
use crate::receipt::Receipts;
use crate::way::Way;

/// Bytes that are on their way to the store at one time: enough to share a commit, and few enough that a store
/// which stumbles over one batch does not repeat much.
const GROUP_BYTES: usize = 4 << 20;
/// How often the store may refuse a batch for what it is, before something is done about it.
const TRIES: u32 = 3;
/// Why an entry is set aside whose records the store will not have.
const REFUSED: &str = "the store refused it again and again";
/// How long to wait after the journal itself failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Takes the journal's entries to the store, in order, for ever.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) journal: Journal,
    /// The keys that seal what is in the journal.
    pub(crate) seals: Vault,
    pub(crate) writer: Writer,
    pub(crate) computing: Arc<Computing>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) receipts: Arc<Receipts>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) witness: Audit,
    /// Where the store may have other collectors; the journal is sealed with keys of its own then.
    pub(crate) fleet: Option<Arc<Fleet>>,
}

/// What became of entries that were brought to the store.
enum Brought {
    Done,
    /// It refuses one of them for what it is.
    Refused,
    /// It does not take anything at present.
    Failed,
}

impl Delivery {
    pub(crate) async fn run(self) {
        loop {
            // A large entry shares the room of large requests.
            let length = self.journal.first_length().await.unwrap_or(0);
            let _room = self.memory.delivery(length).await;
            // A store that is out of order is tried with one entry, and the others stay on the disk.
            let group_bytes = if self.breaker.is_open() { 1 } else { GROUP_BYTES };
            match self.journal.next(None, group_bytes).await {
                Ok(entries) if entries.is_empty() => self.wait_for_news().await,
                Ok(entries) => self.group(entries).await,
                Err(error) => {
                    let error = causes(&error);
                    tracing::error!(%error, "the journal could not be read");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn wait_for_news(&self) {
        match self.journal.damaged().await {
            Ok(0) => self.journal.news().await,
            Ok(lost) => {
                tracing::error!(entries = lost, "the journal was damaged while it was open; this is lost");
                self.ledger.count(Outcome::DamagedJournal, usize::try_from(lost).unwrap_or(usize::MAX));
            }
            Err(error) => {
                let error = causes(&error);
                tracing::error!(%error, "the journal could not be counted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// A group goes together; where one of its batches is refused for what it is, each goes alone.
    async fn group(&self, entries: Vec<Entry>) {
        let entries: Vec<_> = entries.into_iter().map(Arc::new).collect();
        if matches!(self.persist(&entries).await, Brought::Done | Brought::Failed) {
            return;
        }
        for entry in &entries {
            match self.persist(std::slice::from_ref(entry)).await {
                Brought::Done => {}
                Brought::Failed => return,
                Brought::Refused => self.piecemeal(entry).await,
            }
        }
    }

    /// Of an entry that the store refuses for what it is, it gets all but the records that are the reason. With these,
    /// the entry is set aside: should the store have them one day, the rest changes nothing.
    async fn piecemeal(&self, entry: &Arc<Entry>) {
        match self.deliver_piecemeal(entry).await {
            Ok(0) => self.forget(vec![entry.id]).await,
            Ok(refused) => self.set_aside(entry, refused, REFUSED).await,
            Err(error) if error.is_of_the_batch() => {
                self.set_aside(entry, records(entry), REFUSED).await;
            }
            Err(error) => tokio::time::sleep(self.breaker.failed(&causes(&error))).await,
        }
    }

    fn account(&self, entry: &Entry) -> Account {
        self.ledger.of(ProjectId::from_i64(entry.project))
    }

    /// How many records the store refuses.
    async fn deliver_piecemeal(&self, entry: &Arc<Entry>) -> Result<usize, treering_store::Error> {
        let (mut touched, mut delivered, mut refused) = (BTreeSet::new(), 0, 0);
        let mut reading = match self.open(entry).await? {
            Ok(reading) => Some(reading),
            Err(outcome) => {
                self.account(entry).count(outcome, records(entry));
                return Ok(0);
            }
        };
        loop {
            match next_part(reading).await {
                Ok(Some((part, rest))) => {
                    let records = part.records();
                    let bad = self.append_pieces(part.batch, &mut touched).await?;
                    (delivered, refused) = (delivered + records - bad, refused + bad);
                    reading = Some(rest);
                }
                Ok(None) => break,
                // Nobody is given the rest of it, so that it must not be forgotten.
                Err(Unreadable) => {
                    refused += records(entry).saturating_sub(delivered + refused).max(1);
                    break;
                }
            }
        }
        self.computing.touched(&touched.into_iter().collect::<Vec<_>>()).await?;
        self.account(entry).count(Outcome::Delivered, delivered);
        Ok(refused)
    }

    /// Halves what is refused until single records are.
    async fn append_pieces(
        &self,
        batch: Batch,
        touched: &mut BTreeSet<Touched>,
    ) -> Result<usize, treering_store::Error> {
        let (mut pieces, mut refused) = (vec![batch], 0);
        while let Some(piece) = pieces.pop() {
            let halves = batch::halves(&piece);
            match (self.writer.append(vec![piece]).await, halves) {
                (Ok(news), _) => touched.extend(news),
                (Err(error), Some(halves)) if error.is_of_the_batch() => pieces.extend(halves),
                (Err(error), None) if error.is_of_the_batch() => refused += 1,
                (Err(error), _) => return Err(error),
            }
        }
        Ok(refused)
    }

    /// Tries to deliver a few times. What is not delivered then stays in the journal, and is given again.
    async fn persist(&self, entries: &[Arc<Entry>]) -> Brought {
        let (mut refusals, mut renamed) = (0, 0);
        while refusals < TRIES {
            let error = match self.deliver(entries).await {
                Ok(()) => {
                    self.breaker.worked();
                    return Brought::Done;
                }
                Err(error) => error,
            };
            if error.is_of_the_batch() {
                refusals += 1;
            } else if matches!(error, treering_store::Error::KeysChanged) && renamed < TRIES {
                // Another collector erased a project: what was read of it is read once more.
                renamed += 1;
                self.writer.vault().look_again();
            } else {
                tokio::time::sleep(self.breaker.failed(&causes(&error))).await;
                return Brought::Failed;
            }
        }
        Brought::Refused
    }

    /// Read and appended part by part, so that a giant takes no more memory than a few small ones.
    async fn deliver(&self, entries: &[Arc<Entry>]) -> Result<(), treering_store::Error> {
        let (mut delivered, mut touched) = (Delivered::default(), BTreeSet::new());
        for entry in entries {
            let mut reading = match self.open(entry).await? {
                Ok(reading) => Some(reading),
                Err(outcome) => {
                    delivered.counts.push((ProjectId::from_i64(entry.project), outcome, records(entry)));
                    delivered.done.push(entry.id);
                    continue;
                }
            };
            loop {
                match next_part(reading).await {
                    Ok(Some((part, rest))) => {
                        delivered.add(part);
                        reading = Some(rest);
                    }
                    Ok(None) => break delivered.done.push(entry.id),
                    Err(Unreadable) => break delivered.bad.push(entry.clone()),
                }
                if delivered.is_full() {
                    touched.extend(self.writer.append(delivered.take()).await?);
                }
            }
        }
        touched.extend(self.writer.append(delivered.take()).await?);
        let touched: Vec<_> = touched.into_iter().collect();
        self.computing.touched(&touched).await?;
        self.settle(delivered).await;
        Ok(())
    }

    /// The reading of an entry, or what became of it instead.
    async fn open(
        &self,
        entry: &Arc<Entry>,
    ) -> Result<Result<batch::Reading, Outcome>, treering_store::Error> {
        let (seals, names, entry) = (self.seals.clone(), self.writer.vault().clone(), entry.clone());
        tokio::task::spawn_blocking(move || batch::Reading::of(&entry, &seals, &names)).await?
    }

    async fn settle(&self, delivered: Delivered) {
        for entry in delivered.bad {
            self.set_aside(&entry, records(&entry), "it cannot be read").await;
        }
        // Before forgetting: whoever waits for the delivery may end us right after it.
        for (project, outcome, count) in delivered.counts {
            self.ledger.of(project).count(outcome, count);
        }
        self.forget(delivered.done).await;
    }

    /// The store has them: should forgetting fail, they will be delivered once more, to the same result.
    async fn forget(&self, entries: Vec<EntryId>) {
        if let Err(error) = self.journal.forget(entries).await {
            tracing::error!(%error, "delivered entries could not be forgotten");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn set_aside(&self, entry: &Entry, records: usize, reason: &str) {
        tracing::error!(%reason, records, "a batch is set aside in the journal, out of the way of the others");
        match self.journal.set_aside(entry.id).await {
            Ok(()) => {
                self.account(entry).count(Outcome::SetAside, records);
                self.fleet.iter().for_each(|fleet| fleet.keeps_something());
            }
            Err(error) => tracing::error!(%error, "a batch could not be set aside"),
        }
    }
}

/// How many records an entry holds; those of an older version did not say.
fn records(entry: &Entry) -> usize {
    usize::try_from(entry.records.max(1)).unwrap_or(usize::MAX)
}

/// An entry is not what the journal was given, or reading it panicked.
struct Unreadable;

/// The next part of an entry, on a thread that may block, and the rest.
async fn next_part(
    reading: Option<batch::Reading>,
) -> Result<Option<(batch::Read, batch::Reading)>, Unreadable> {
    let mut reading = reading.ok_or(Unreadable)?;
    let read = move || Some((reading.part()?, reading));
    tokio::task::spawn_blocking(read).await.map_err(|_| Unreadable)
}

/// What became of some entries on their way to the store.
#[derive(Default)]
struct Delivered {
    /// What was read and not appended yet.
    pending: Vec<Batch>,
    pending_records: usize,
    pending_bytes: usize,
    done: Vec<EntryId>,
    /// Those that cannot be read.
    bad: Vec<Arc<Entry>>,
    counts: Vec<(ProjectId, Outcome, usize)>,
}

impl Delivered {
    fn is_full(&self) -> bool {
        self.pending_records >= batch::PART_RECORDS || self.pending_bytes >= batch::PART_BYTES
    }

    fn take(&mut self) -> Vec<Batch> {
        (self.pending_records, self.pending_bytes) = (0, 0);
        std::mem::take(&mut self.pending)
    }

    fn add(&mut self, read: batch::Read) {
        let project = read.batch.project;
        self.pending_records += read.batch.spans.len() + read.batch.logs.len();
        self.pending_bytes += read.bytes;
        self.counts.push((project, Outcome::Delivered, read.records()));
        self.counts.push((project, Outcome::DroppedByExporter, read.dropped_by_exporter));
        self.counts.push((project, Outcome::Unnamed, read.unread));
        self.pending.push(read.batch);
    }
}

/// An error with all its causes, since the outermost one often says least.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Writes what was counted and noted to the store now and then.
pub(crate) async fn keep_counts(delivery: Delivery, collector: String) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        delivery.write_down(&collector).await;
    }
}

/// Keeps when keys were used, and writes down the first use of each.
pub(crate) async fn keep_uses(way: Arc<Way>, witness: Audit) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let uses = way.keyring.uses();
        if uses.is_empty() {
            continue;
        }
        if let Err(error) = witness.note_uses(uses.clone()).await {
            let error = causes(&error);
            tracing::warn!(%error, "it could not be kept that keys were used; it is with the next time");
            way.keyring.not_told(&uses);
        }
    }
}

impl Delivery {
    /// Writes what was counted and noted to the store. One that does not take the one is not asked for the other.
    pub(crate) async fn write_down(&self, collector: &str) {
        if self.write_counts(collector).await {
            self.receipts.write(&self.writer).await;
        }
    }

    async fn write_counts(&self, collector: &str) -> bool {
        let counts = self.ledger.take();
        if counts.is_empty() {
            return true;
        }
        let minute = treering_step::Timestamp::now().as_nanos() / 60_000_000_000;
        let written = self.writer.count(collector.to_owned(), minute, counts.clone()).await;
        let Err(error) = written else { return true };
        let error = causes(&error);
        tracing::warn!(%error, "outcomes could not be written; they are kept for the next time");
        self.ledger.give_back(&counts);
        false
    }
}

/// The signals that the journal's form stands for.
const FORMS: [Signal; 2] = [Signal::Traces, Signal::Logs];
