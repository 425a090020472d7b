//! The rest of the way: journal → store.
//!
//! A batch is opened, its records are summarised, records and summaries are appended, the executions that they
//! belong to are computed anew, and only then is the batch forgotten. Each step can be done again with the same
//! result, so that a crash at any point costs nothing but the repetition.

mod batch;
mod reread;
mod signs;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use treering_otlp::Signal;
use treering_queue::{Entry, EntryId, Journal};
use treering_read::Prices;
use treering_store::{Batch, Computed, Partials, Touched, Writer};

pub(crate) use batch::form;
pub use reread::{Reread, Rereading};
pub(crate) use sweep::keep_swept;

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
}

impl Delivery {
    pub(crate) async fn run(self) {
        loop {
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

    async fn deliver(&self, entries: Arc<Vec<Entry>>) -> Result<(), treering_store::Error> {
        let Delivered { batches, done, bad, counts } = self.read(entries.clone()).await;
        let touched = self.writer.append(batches).await?;
        recompute(&self.writer, &self.prices, &touched).await?;
        for at in bad {
            self.set_aside(&entries[at], "it cannot be read").await;
        }
        // Before forgetting: whoever waits for the delivery may end us right after it.
        counts.into_iter().for_each(|(outcome, count)| self.ledger.count(outcome, count));
        self.forget(done).await;
        Ok(())
    }

    /// Reading is work for a thread that may block, and an entry on which it panics is as bad as one that cannot
    /// be read.
    async fn read(&self, entries: Arc<Vec<Entry>>) -> Delivered {
        let read_one = |at: usize| {
            let entries = entries.clone();
            tokio::task::spawn_blocking(move || batch::read(&entries[at]))
        };
        let mut delivered = Delivered::default();
        for (at, entry) in entries.iter().enumerate() {
            match read_one(at).await {
                Ok(Ok(read)) => delivered.add(entry.id, read),
                Ok(Err(_)) | Err(_) => delivered.bad.push(at),
            }
        }
        delivered
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

/// What became of some entries on their way to the store.
#[derive(Default)]
struct Delivered {
    batches: Vec<Batch>,
    done: Vec<EntryId>,
    /// The places of those that cannot be read.
    bad: Vec<usize>,
    counts: Vec<(Outcome, usize)>,
}

impl Delivered {
    fn add(&mut self, entry: EntryId, read: batch::Read) {
        let rows = read.batch.spans.len() + read.batch.logs.len();
        self.counts.push((Outcome::Delivered, rows + read.heartbeats));
        self.counts.push((Outcome::DroppedByExporter, read.dropped_by_exporter));
        self.counts.push((Outcome::Unnamed, read.unread));
        self.batches.push(read.batch);
        self.done.push(entry);
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
