//! What the keeper asks to be taken away, and the writer takes away.

use super::clear::Left;
use super::connection::Connection;
use super::keeper::Keeper;
use super::removal::EXECUTIONS;
use super::writer::Writer;
use super::{erase, erasures, forget, projects, retention};
use crate::{
    ClockNote, Collector, Erased, ErasedDay, Erasure, ErasureState, Error, ProjectId, ProjectRecord, Target,
};

impl Writer {
    /// Erases every row of a target, a few executions at a time. Their content can be read until the days told are
    /// written anew ([`Writer::erased_days`] remembers them); that of a whole project is gone with its keys. Records
    /// that an exporter sends again later are new ones.
    pub async fn erase(&self, project: ProjectId, target: Target) -> Result<Erased, Error> {
        let mut erased = self.erase_executions(None, project, target.clone()).await?;
        if target == Target::Project {
            erased.add(self.erase_rest(None, project).await?);
        }
        Ok(erased)
    }

    /// What somebody asked to erase and is not done, oldest first.
    pub async fn erasures(&self) -> Result<Vec<Erasure>, Error> {
        self.pool.with(erasures::to_do).await
    }

    /// Erases the executions that a request names, and counts them for it.
    pub async fn carry_out(&self, erasure: &Erasure) -> Result<(), Error> {
        let Some(target) = erasure.target.clone() else { return Ok(()) };
        self.erase_executions(Some(erasure.id), erasure.project, target).await.map(drop)
    }

    /// Erases whatever else there is of the project that a request names, and its keys with it. Nobody may seal for it
    /// meanwhile.
    pub async fn carry_out_to_the_end(&self, erasure: &Erasure) -> Result<(), Error> {
        self.erase_rest(Some(erasure.id), erasure.project).await.map(drop)
    }

    /// Begins a new data key for a day: once nobody seals with the old one any more, and the journal holds nothing that
    /// it sealed, [`Writer::rewrite_day`] may drop it.
    pub async fn retire_day(&self, project: ProjectId, day: u32) -> Result<(), Error> {
        let vault = self.content.vault.clone();
        tokio::task::spawn_blocking(move || vault.retire(project, day).map(drop)).await?
    }

    /// Forgets whom a request named; tells the pseudonym that stands there from now on, empty for a whole project.
    pub async fn forget_target(&self, erasure: Erasure) -> Result<String, Error> {
        let vault = self.content.vault.clone();
        self.pool.with(move |connection| erasures::forget_target(connection, &vault, &erasure)).await
    }

    /// Nothing of what a request named is left: the audit log says so.
    pub async fn erasure_is_done(&self, erasure: i64) -> Result<(), Error> {
        let vault = self.content.vault.clone();
        self.pool.with(move |connection| erasures::done(connection, &vault, erasure)).await
    }

    /// The days of which something was erased, and whose content was not written anew since.
    pub async fn erased_days(&self) -> Result<Vec<ErasedDay>, Error> {
        self.pool.with(erase::erased_days).await
    }

    /// The content of a day was written anew, as it was told before that began.
    pub async fn day_is_rewritten(&self, erased: ErasedDay) -> Result<(), Error> {
        self.pool.with(move |connection| erase::forget_erased_day(connection, &erased)).await
    }

    /// Leaves nothing of what was deleted in the write-ahead log; fails where somebody reads from it all the time.
    pub async fn scrub(&self) -> Result<(), Error> {
        self.pool.with(Connection::empty_log).await
    }

    /// Every project, and how long it keeps what.
    pub async fn projects(&self) -> Result<Vec<ProjectRecord>, Error> {
        self.pool.with(projects::all).await
    }

    /// The last day on which anything came in.
    pub async fn newest_day(&self) -> Result<Option<u32>, Error> {
        self.pool.with(retention::newest_day).await
    }

    /// What the clock said last.
    pub async fn clock(&self) -> Result<Option<ClockNote>, Error> {
        self.pool.with(retention::clock).await
    }

    /// Notes what the clock says.
    pub async fn note_clock(&self, note: ClockNote) -> Result<(), Error> {
        self.pool.with(move |connection| retention::note_clock(connection, note)).await
    }

    async fn erase_executions(
        &self,
        request: Option<i64>,
        project: ProjectId,
        target: Target,
    ) -> Result<Erased, Error> {
        let is_whole = target == Target::Project;
        let mut all =
            self.reading.with(move |connection| erase::matching(connection, project, &target)).await?;
        let mut erased = Erased::default();
        while !all.is_empty() {
            let some = all[..all.len().min(EXECUTIONS)].to_vec();
            let erase = move |connection: &Connection| erase::erase(connection, project, &some, request);
            let (done, more) = self.pool.with(erase).await?;
            all.drain(..done);
            erased.add(more);
        }
        if is_whole {
            self.erase_content(project).await?;
        }
        Ok(erased)
    }

    /// The content of a whole project goes a little at a time; so little is left for the moment in which its keys go.
    async fn erase_content(&self, project: ProjectId) -> Result<(), Error> {
        for day in self.reading.with(move |connection| forget::days(connection, project, u32::MAX)).await? {
            self.clear((project, day), Left::Expires).await?;
        }
        Ok(())
    }

    async fn erase_rest(&self, request: Option<i64>, project: ProjectId) -> Result<Erased, Error> {
        let vault = self.content.vault.clone();
        self.pool.with(move |connection| erase::erase_project(connection, &vault, project, request)).await
    }
}

impl Keeper {
    /// What erasing this target would take, as far as it reached the store.
    pub async fn would_erase(&self, project: ProjectId, target: Target) -> Result<Erased, Error> {
        self.looking.with(move |connection| erase::extent(connection, project, &target)).await
    }

    /// Asks the process that owns the data folder to erase a target; tells the number of the request.
    pub async fn ask_to_erase(&self, project: ProjectId, target: Target) -> Result<i64, Error> {
        let actor = self.actor.clone();
        self.pool.with(move |connection| erasures::ask(connection, project, &target, &actor)).await
    }

    /// How many collectors of a remote store said lately that they are there.
    pub async fn collectors_at_work(&self) -> Result<u64, Error> {
        let there = self.collectors().await?.into_iter().filter(Collector::is_there);
        Ok(there.count() as u64)
    }

    /// How far an erasure has come.
    pub async fn erasure(&self, id: i64) -> Result<Option<ErasureState>, Error> {
        self.pool.with(move |connection| erasures::state(connection, id)).await
    }
}
