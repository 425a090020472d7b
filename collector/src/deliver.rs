//! The rest of the way: journal → store.
//!
//! A batch is opened, its records are summarised, records and summaries are appended, the executions that they
//! belong to are computed anew, and only then is the batch forgotten. Each step can be done again with the same
//! result, so that a crash at any point costs nothing but the repetition.

mod batch;

use std::sync::Arc;
use std::time::Duration;

use treering_otlp::Signal;
use treering_queue::{Entry, EntryId, Journal};
use treering_store::{Touched, Writer};

pub(crate) use batch::form;

use crate::outcome::{Ledger, Outcome};

/// Bytes that are on their way to the store at one time: enough to share a commit, and few enough that a store
/// which stumbles over one batch does not repeat much.
const GROUP_BYTES: usize = 4 << 20;
/// How often a group, and then a single batch, is tried before something is done about it.
const TRIES_OF_A_GROUP: u32 = 3;
const TRIES_OF_A_BATCH: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Takes the journal's entries to the store, in order, for ever.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) journal: Journal,
    pub(crate) writer: Writer,
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

    /// A group goes together; where the store will not have it, batch by batch.
    async fn group(&self, entries: Vec<Entry>) {
        let entries = match self.persist(entries, TRIES_OF_A_GROUP).await {
            Ok(()) => return,
            Err(entries) => entries,
        };
        for entry in entries {
            let id = entry.id;
            if self.persist(vec![entry], TRIES_OF_A_BATCH).await.is_err() {
                self.set_aside_if_the_store_lives(id).await;
            }
        }
    }

    /// Tries to deliver; gives the entries back where the store refuses so often.
    async fn persist(&self, entries: Vec<Entry>, tries: u32) -> Result<(), Vec<Entry>> {
        let mut pause = FIRST_PAUSE;
        for _ in 0..tries {
            match self.deliver(&entries).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    tracing::warn!(%error, entries = entries.len(), "the store refused; trying again")
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Err(entries)
    }

    async fn deliver(&self, entries: &[Entry]) -> Result<(), treering_store::Error> {
        let (mut batches, mut done, mut records) = (Vec::new(), Vec::new(), 0);
        for entry in entries {
            match batch::read(entry) {
                Ok(read) => {
                    records += read.batch.spans.len() + read.batch.logs.len();
                    self.ledger.count(Outcome::DroppedByExporter, read.dropped_by_exporter);
                    batches.push(read.batch);
                    done.push(entry.id);
                }
                Err(reason) => self.set_aside(entry.id, reason.to_string()).await,
            }
        }
        for touched in self.writer.append(batches).await? {
            self.recompute(touched).await?;
        }
        self.forget(done).await;
        self.ledger.count(Outcome::Delivered, records);
        Ok(())
    }

    /// Computed anew and never added up: duplicates and leaf-most tokens need the whole.
    async fn recompute(&self, touched: Touched) -> Result<(), treering_store::Error> {
        let (version, partials) = self.writer.summaries(touched).await?;
        let steps = treering_read::merge(partials);
        let execution = treering_read::execution(touched.trace_id, &steps);
        self.writer.put_execution(touched.project, version, execution).await
    }

    /// The store has them: should forgetting fail, they will be delivered once more, to the same result.
    async fn forget(&self, entries: Vec<EntryId>) {
        if let Err(error) = self.journal.forget(entries).await {
            tracing::error!(%error, "delivered entries could not be forgotten");
        }
    }

    /// A store that takes nothing at all is waited for; one that takes other things refuses this batch for what
    /// it is.
    async fn set_aside_if_the_store_lives(&self, entry: EntryId) {
        if self.writer.append(Vec::new()).await.is_ok() {
            self.set_aside(entry, "the store refused it again and again".into()).await;
        }
    }

    async fn set_aside(&self, entry: EntryId, reason: String) {
        tracing::error!(%reason, "a batch is set aside in the journal, out of the way of the others");
        self.ledger.count(Outcome::SetAside, 1);
        if let Err(error) = self.journal.set_aside(entry, reason).await {
            tracing::error!(%error, "a batch could not be set aside");
        }
    }
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
        tracing::warn!(%error, "outcomes could not be written; they are kept for the next time");
        ledger.give_back(&counts);
    }
}

/// The signals that the journal's form stands for.
const FORMS: [Signal; 2] = [Signal::Traces, Signal::Logs];
