use std::sync::Arc;

use super::connection::Connection;
use treering_redact::Record;
use treering_step::{Execution, Summary, Timestamp, TraceId};

use super::append::append;
use super::clear::{self, Cleared, Left};
use super::content::Content;
use super::executions::{self, execution, put_executions, stale};
use super::forget::Searched;
use super::partials::each_step_of_many;
use super::pool::Pool;
use super::removal::EXECUTIONS;
use super::{forget, index, outcomes, processes, receipts, reread};
use crate::{
    Batch, Computed, Error, Forgotten, Indexed, OutcomeCount, ProjectId, Receipt, Reread, Share, Touched,
    Unindexed, Vault, Wording,
};

/// Puts records and summaries in. Everything that it does can be done again with the same result.
#[derive(Debug, Clone)]
pub struct Writer {
    /// What comes in takes nothing away.
    appending: Pool,
    pub(super) pool: Pool,
    /// What only reads, and may take long, does not keep who writes waiting.
    pub(super) reading: Pool,
    pub(super) content: Content,
    /// The collector that it is of, where the store has several.
    collector: Option<Arc<str>>,
}

impl Writer {
    pub(crate) fn new(appending: Pool, pool: Pool, reading: Pool, content: Content) -> Self {
        Self { appending, pool, reading, content, collector: None }
    }

    /// The same for a collector of this id: what it appends is kept only while the store knows it.
    pub fn on_behalf_of(&self, id: &str) -> Self {
        Self { collector: Some(id.into()), ..self.clone() }
    }

    /// See [`Connection::catch_up`].
    pub(crate) async fn catch_up(&self) -> Result<(), Error> {
        self.pool.with(Connection::catch_up).await
    }

    /// The keys that it names and seals with.
    pub fn vault(&self) -> &Vault {
        &self.content.vault
    }

    /// Keeps these batches, all or none: what records share, the records, their summaries, in that order.
    /// Of several snapshots of a span the one that ended last stays. Tells which executions have news: those of the
    /// batches, and those at the other end of a join or with steps of a process that speaks again. The latter are
    /// kept as stale until they were computed anew.
    pub async fn append(&self, batches: Vec<Batch>) -> Result<Vec<Touched>, Error> {
        let (content, collector) = (self.content.clone(), self.collector.clone());
        self.appending
            .with(move |connection| append(connection, &content, &batches, collector.as_deref()))
            .await
    }

    /// Computes these executions out of what is kept of them. Their steps are handed over one after the other, each
    /// with all of its partial summaries, so that nobody needs room for those of a whole execution.
    pub async fn compute<T: Default>(
        &self,
        of: Vec<Touched>,
        add: impl Fn(&mut T, Vec<Summary>) + Send + 'static,
        finish: impl Fn(T, TraceId) -> Execution + Send + 'static,
    ) -> Result<Vec<Computed>, Error> {
        let compute = move |connection: &Connection| {
            let mut told: Vec<_> = of.iter().map(|_| T::default()).collect();
            let versions = each_step_of_many(connection, &of, |at, step| add(&mut told[at], step))?;
            let computed = of.iter().zip(told).zip(versions).map(|((of, told), version)| Computed {
                project: of.project,
                version,
                execution: finish(told, of.trace_id),
            });
            Ok(computed.collect())
        };
        self.reading.with(compute).await
    }

    /// Remembers executions to be computed later: until then [`Self::stale`] tells of them.
    pub async fn mark_stale(&self, of: Vec<Touched>) -> Result<(), Error> {
        self.pool.with(move |connection| executions::remember(connection, &of)).await
    }

    /// Keeps what was computed of executions, unless something newer is there. One without steps is none any
    /// more, until it has steps again.
    pub async fn put_executions(&self, executions: Vec<Computed>) -> Result<(), Error> {
        self.pool.with(move |connection| put_executions(connection, &executions)).await
    }

    /// Takes processes for gone that said that they end, or were silent for longer than three of their heartbeats
    /// (those without heartbeats, for longer than a day). Silence before somebody listened is none. `now` is the
    /// moment up to which everything that was accepted has been appended.
    pub async fn bury(&self, now: Timestamp, listening_since: Timestamp) -> Result<(), Error> {
        self.pool.with(move |connection| processes::bury(connection, now, listening_since)).await
    }

    /// Executions to be computed anew for what happened elsewhere: joins, processes that died or spoke again. Each
    /// is told until it was put.
    pub async fn stale(&self) -> Result<Vec<Touched>, Error> {
        self.stale_of(Share::ALL).await
    }

    /// The same of a share of them.
    pub async fn stale_of(&self, share: Share) -> Result<Vec<Touched>, Error> {
        self.pool.with(move |connection| stale(connection, share)).await
    }

    /// Executions with records that are not in the index of words, up to so many, those that wait longest first.
    /// [`Writer::append`] tells them from others.
    pub async fn unindexed(&self, limit: usize) -> Result<Vec<Unindexed>, Error> {
        self.unindexed_of(Share::ALL, limit).await
    }

    /// The same of a share of them.
    pub async fn unindexed_of(&self, share: Share, limit: usize) -> Result<Vec<Unindexed>, Error> {
        self.reading.with(move |connection| index::unindexed(connection, share, limit)).await
    }

    /// Puts the words of what came since into the index, of as many of these executions as can be read in a short
    /// while, but one at least. Who writes waits for the words alone, not for the reading.
    pub async fn index(&self, waiting: Vec<Unindexed>, wording: Wording) -> Result<Vec<Indexed>, Error> {
        let content = self.content.clone();
        let read = move |connection: &Connection| index::read(connection, &content, &waiting, wording);
        let news = self.reading.with(read).await?;
        let content = self.content.clone();
        self.pool.with(move |connection| index::put(connection, &content, news)).await
    }

    /// Adds to the counts of this collector in this minute.
    pub async fn count(
        &self,
        collector: String,
        minute: u64,
        counts: Vec<OutcomeCount>,
    ) -> Result<(), Error> {
        self.appending.with(move |connection| outcomes::count(connection, &collector, minute, &counts)).await
    }

    /// Keeps what became of these requests, all or none. One that is there already stays as it is.
    pub async fn keep_receipts(&self, receipts: Vec<Receipt>) -> Result<(), Error> {
        self.appending.with(move |connection| receipts::keep(connection, &receipts)).await
    }

    /// Forgets what became of requests of a project that came more than [`RECEIPT_DAYS`](crate::RECEIPT_DAYS) ago.
    pub async fn forget_receipts(&self, project: ProjectId, now: Timestamp) -> Result<(), Error> {
        let forget = move |connection: &Connection| receipts::forget(connection, project, now);
        while self.pool.with(forget).await? {}
        Ok(())
    }

    /// Replaces the summaries of what is kept of an execution by what this reader says today, in one step: nothing
    /// that is appended meanwhile is lost. A record of which it says nothing is kept without a summary.
    pub async fn reread(&self, of: Touched, read: fn(&Record) -> Option<Summary>) -> Result<Reread, Error> {
        let content = self.content.clone();
        self.pool.with(move |connection| reread::reread(connection, &content, of, read)).await
    }

    /// The first execution after this one that has records, in an order that stays.
    pub async fn next_execution(&self, after: Option<Touched>) -> Result<Option<Touched>, Error> {
        self.pool.with(move |connection| reread::next_execution(connection, after)).await
    }

    /// How many executions there are, more or less.
    pub async fn execution_count(&self) -> Result<u64, Error> {
        self.pool.with(reread::execution_count).await
    }

    /// What was computed of these executions.
    pub async fn executions(&self, of: Vec<Touched>) -> Result<Vec<Option<Execution>>, Error> {
        self.pool.with(move |connection| of.into_iter().map(|of| execution(connection, of)).collect()).await
    }

    /// Where a reader of this name was interrupted.
    pub async fn reread_until(&self, reader: String) -> Result<Option<Touched>, Error> {
        self.pool.with(move |connection| reread::until(connection, &reader)).await
    }

    /// Remembers how far a reader of this name came; forgets it where it came to the end.
    pub async fn set_reread_until(&self, reader: String, until: Option<Touched>) -> Result<(), Error> {
        self.pool.with(move |connection| reread::set_until(connection, &reader, until)).await
    }

    /// Forgets what came before a day: content, of which rows and summaries stay, and whole executions, whose last
    /// record came before one. The keys of these days go as well, where nothing came in for them meanwhile: whatever
    /// else they seal, entries of the journal above all, must have been delivered. Nothing is done where
    /// `dry_run`, but told what would be. The limits are days since 1970 UTC.
    pub async fn forget_days(
        &self,
        project: ProjectId,
        content_before: Option<u32>,
        steps_before: Option<u32>,
        dry_run: bool,
    ) -> Result<Forgotten, Error> {
        let steps_before = steps_before.unwrap_or(0);
        // An execution that goes on may have records of days that nobody keeps any more.
        let content_before = content_before.unwrap_or(0).max(steps_before);
        if dry_run {
            let extent = move |connection: &Connection| {
                forget::extent(connection, project, content_before, steps_before)
            };
            return self.pool.with(extent).await;
        }
        let mut forgotten = self.forget_executions(project, steps_before).await?;
        let days =
            self.pool.with(move |connection| forget::days(connection, project, content_before)).await?;
        for day in days {
            let cleared = self.clear((project, day), Left::Expires).await?;
            forgotten.records += cleared.expired;
            forgotten.blocks += cleared.blocks;
            forgotten.bytes += cleared.bytes;
        }
        let vault = self.content.vault.clone();
        let drop_keys =
            move |connection: &Connection| match forget::is_clear(connection, project, content_before)? {
                true => vault.drop_before(project, content_before).map(|_| ()),
                false => Ok(()),
            };
        self.pool.with(drop_keys).await?;
        self.tidy().await?;
        Ok(forgotten)
    }

    async fn forget_executions(&self, project: ProjectId, before: u32) -> Result<Forgotten, Error> {
        let (mut forgotten, mut from) = (Forgotten::default(), Searched::default());
        loop {
            let search = move |connection: &Connection| forget::search(connection, project, before, from);
            let Some((mut found, searched)) = self.reading.with(search).await? else { return Ok(forgotten) };
            while !found.is_empty() {
                let some = found[..found.len().min(EXECUTIONS)].to_vec();
                let forget =
                    move |connection: &Connection| forget::executions(connection, project, before, &some);
                let (done, gone) = self.pool.with(forget).await?;
                found.drain(..done);
                forgotten.executions += gone.executions;
                forgotten.records += gone.records;
            }
            from = searched;
        }
    }

    /// Copies what is left of a day to new blocks, which are sealed with the key that it has now; then the old
    /// blocks go, and the retired keys of the day: nothing that was erased before can be read again, in here or in
    /// any copy. Whoever calls retires the key of the day before, and sees to it that nothing else needs it. Tells
    /// how many records could not be copied, since they cannot be read.
    pub async fn rewrite_day(&self, project: ProjectId, day: u32) -> Result<u64, Error> {
        // Those that are retired now: nothing is sealed with them from here on, whoever else writes, and nothing that they
        // sealed before is left once the day is clear. Of any that somebody else retires later that is not known.
        let vault = self.content.vault.clone();
        let retired = self.pool.with(move |_| vault.retired(project, day)).await?;
        let cleared = self.clear((project, day), Left::Moves).await?;
        let vault = self.content.vault.clone();
        self.pool.with(move |_| vault.drop_these(&retired)).await?;
        self.tidy().await?;
        Ok(cleared.lost)
    }

    /// Clears a day step by step; others write in between.
    pub(super) async fn clear(&self, place: (ProjectId, u32), left: Left) -> Result<Cleared, Error> {
        self.pool.with(move |connection| clear::begin(connection, place)).await?;
        let (mut sum, mut at) = (Cleared::default(), None);
        loop {
            let content = self.content.clone();
            let step = move |connection: &Connection| clear::step(connection, &content, place, left, at);
            let Some((cleared, now)) = self.pool.with(step).await? else { break };
            at = Some(now);
            sum.expired += cleared.expired;
            sum.lost += cleared.lost;
            sum.blocks += cleared.blocks;
            sum.bytes += cleared.bytes;
        }
        self.content.close();
        Ok(sum)
    }

    /// Gives room back, and leaves nothing of what was deleted in any file, where that is ours to do.
    async fn tidy(&self) -> Result<(), Error> {
        while self.pool.with(Connection::shrink).await? {}
        self.scrub().await
    }
}
