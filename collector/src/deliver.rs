//! The rest of the way: journal → store.
//!
//! A batch is opened, its records are summarised, records and summaries are appended, the executions that they
//! belong to are computed anew, and only then is the batch forgotten. Each step can be done again with the same
//! result, so that a crash at any point costs nothing but the repetition.

mod batch;
mod index;
mod reread;
mod signs;
mod sweep;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use treering_otlp::Signal;
use treering_queue::{Entry, EntryId, Journal};
use treering_read::Prices;
use treering_store::{Batch, Computed, Partials, ProjectId, Touched, Writer};

pub(crate) use batch::form;
pub(crate) use index::keep_indexed;
pub use reread::{Reread, Rereading};
pub(crate) use sweep::keep_swept;

use crate::memory::Memory;
use crate::outcome::{Ledger, Outcome};

/// Bytes that are on their way to the store at one time: enough to share a commit, and few enough that a store
/// which stumbles over one batch does not repeat much.
const GROUP_BYTES: usize = 4 << 20;
/// Executions whose summaries are in memory at one time.
const RECOMPUTED_AT_ONCE: usize = 64;
/// How often the store may refuse a batch for what it is, before something is done about it.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Takes the journal's entries to the store, in order, for ever.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) journal: Journal,
    pub(crate) writer: Writer,
    pub(crate) prices: Arc<Prices>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) memory: Arc<Memory>,
}

impl Delivery {
    pub(crate) async fn run(self) {
        loop {
            // A large entry shares the room of large requests.
            let length = self.journal.first_length().await.unwrap_or(0);
            let _room = self.memory.delivery(length).await;
            match self.journal.next(None, GROUP_BYTES).await {
                Ok(entries) if entries.is_empty() => self.journal.news().await,
                Ok(entries) => self.group(entries).await,
                Err(error) => {
                    tracing::error!(%error, "the journal could not be read");
                    tokio::time::sleep(LONGEST_PAUSE).await;
                }
            }
        }
    }

    /// A group goes together; where one of its batches is refused for what it is, each goes alone.
    async fn group(&self, entries: Vec<Entry>) {
        let Err(entries) = self.persist(entries).await else { return };
        for entry in entries {
            if let Err(refused) = self.persist(vec![entry]).await {
                for entry in refused {
                    self.set_aside(&entry, "the store refused it again and again").await;
                }
            }
        }
    }

    /// Tries to deliver until it is done: a store that takes nothing at all is waited for. Entries that it refuses
    /// for what they are come back after a few tries.
    async fn persist(&self, entries: Vec<Entry>) -> Result<(), Vec<Entry>> {
        let entries = Arc::new(entries);
        let (mut pause, mut refusals) = (FIRST_PAUSE, 0);
        while refusals < TRIES {
            match self.deliver(entries.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    refusals += u32::from(error.is_of_the_batch());
                    let error = causes(&error);
                    tracing::warn!(%error, entries = entries.len(), "the store refused; trying again");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(Arc::into_inner(entries).unwrap_or_default())
    }

    /// Read and appended part by part, so that a giant takes no more memory than a few small ones.
    async fn deliver(&self, entries: Arc<Vec<Entry>>) -> Result<(), treering_store::Error> {
        let (mut delivered, mut touched) = (Delivered::default(), BTreeSet::new());
        for (at, entry) in entries.iter().enumerate() {
            let key = self.writer.vault().hash_key(ProjectId::from_i64(entry.project))?;
            let mut reading = batch::Reading::of(entry, key).ok();
            loop {
                match next_part(reading).await {
                    Ok(Some((part, rest))) => {
                        delivered.add(part);
                        reading = Some(rest);
                    }
                    Ok(None) => break delivered.done.push(entry.id),
                    Err(Unreadable) => break delivered.bad.push(at),
                }
                if delivered.is_full() {
                    touched.extend(self.writer.append(delivered.take()).await?);
                }
            }
        }
        touched.extend(self.writer.append(delivered.take()).await?);
        let touched: Vec<_> = touched.into_iter().collect();
        recompute(&self.writer, &self.prices, &touched).await?;
        self.settle(delivered, &entries).await;
        Ok(())
    }

    async fn settle(&self, delivered: Delivered, entries: &[Entry]) {
        for at in delivered.bad {
            self.set_aside(&entries[at], "it cannot be read").await;
        }
        // Before forgetting: whoever waits for the delivery may end us right after it.
        delivered.counts.into_iter().for_each(|(outcome, count)| self.ledger.count(outcome, count));
        self.forget(delivered.done).await;
    }

    /// The store has them: should forgetting fail, they will be delivered once more, to the same result.
    async fn forget(&self, entries: Vec<EntryId>) {
        if let Err(error) = self.journal.forget(entries).await {
            tracing::error!(%error, "delivered entries could not be forgotten");
            tokio::time::sleep(LONGEST_PAUSE).await;
        }
    }

    async fn set_aside(&self, entry: &Entry, reason: &str) {
        tracing::error!(%reason, "a batch is set aside in the journal, out of the way of the others");
        match self.journal.set_aside(entry.id, reason.to_owned()).await {
            Ok(()) => self.ledger.count(Outcome::SetAside, batch::records(entry)),
            Err(error) => tracing::error!(%error, "a batch could not be set aside"),
        }
    }
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
    /// The places of those that cannot be read.
    bad: Vec<usize>,
    counts: Vec<(Outcome, usize)>,
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
        let rows = read.batch.spans.len() + read.batch.logs.len();
        self.pending_records += rows;
        self.pending_bytes += read.bytes;
        self.counts.push((Outcome::Delivered, rows + read.heartbeats));
        self.counts.push((Outcome::DroppedByExporter, read.dropped_by_exporter));
        self.counts.push((Outcome::Unnamed, read.unread));
        self.pending.push(read.batch);
    }
}

/// Computed anew and never added up: duplicates and leaf-most tokens need the whole.
async fn recompute(
    writer: &Writer,
    prices: &Arc<Prices>,
    touched: &[Touched],
) -> Result<(), treering_store::Error> {
    for touched in touched.chunks(RECOMPUTED_AT_ONCE) {
        let partials = writer.summaries(touched.to_vec()).await?;
        let prices = prices.clone();
        let compute = move || partials.into_iter().map(|partials| computed(partials, &prices)).collect();
        writer.put_executions(tokio::task::spawn_blocking(compute).await?).await?;
    }
    Ok(())
}

fn computed(partials: Partials, prices: &Prices) -> Computed {
    let Partials { of, version, summaries } = partials;
    let execution = treering_read::execution(of.trace_id, &treering_read::merge(summaries, prices));
    Computed { project: of.project, version, execution }
}

/// An error with all its causes, since the outermost one often says least.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Writes what was counted to the store now and then.
pub(crate) async fn keep_counts(ledger: Arc<Ledger>, writer: Writer, collector: String) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        write_counts(&ledger, &writer, &collector).await;
    }
}

pub(crate) async fn write_counts(ledger: &Ledger, writer: &Writer, collector: &str) {
    let counts = ledger.take();
    if counts.is_empty() {
        return;
    }
    let minute = treering_step::Timestamp::now().as_nanos() / 60_000_000_000;
    if let Err(error) = writer.count(collector.to_owned(), minute, counts.clone()).await {
        let error = causes(&error);
        tracing::warn!(%error, "outcomes could not be written; they are kept for the next time");
        ledger.give_back(&counts);
    }
}

/// The signals that the journal's form stands for.
const FORMS: [Signal; 2] = [Signal::Traces, Signal::Logs];
