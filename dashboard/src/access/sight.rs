use std::sync::Arc;

use treering_read::Bones;
use treering_redact::Record;
use treering_step::{SpanId, Summary, TraceId};
use treering_store::{
    AuditRow, Computed, ExecutionFilter, ExecutionPage, OutcomeCount, Project, ProjectId, Reader, Receipt,
    RequestId, Role, Scope, SearchLag, StepRecords,
};

use super::Witnessed;
use super::rights::{Right, may};
use crate::error::Error;

/// Where everything is read. It leaves this room only as what somebody sees.
#[derive(Debug)]
pub(crate) struct Source(Reader);

impl Source {
    pub(crate) fn new(reader: Reader) -> Self {
        Self(reader)
    }

    /// The projects that this one may choose from.
    pub(super) async fn projects(&self, viewer: treering_store::Viewer) -> Result<Vec<Project>, Error> {
        Ok(self.0.seen_by(viewer).projects().await?)
    }

    /// The projects of a person by the control data, and the roles there.
    pub(super) async fn memberships(&self, subject: &Arc<str>) -> Result<Vec<(Project, Role)>, Error> {
        let person = treering_store::Viewer::Person(subject.clone());
        Ok(self.0.seen_by(person).memberships(subject).await?)
    }

    /// What somebody of this role sees of a project.
    pub(super) fn sight(&self, viewer: treering_store::Viewer, role: Role, project: ProjectId) -> Sight {
        let reader = self.0.seen_by(viewer);
        let reader = if may(role, Right::Content) { reader } else { reader.withholding_content() };
        Sight { reader, scope: Scope::of(project) }
    }
}

/// What one viewer sees of one project: the only way to read anything.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    reader: Reader,
    scope: Scope,
}

impl Sight {
    /// False where nothing is shown of what was said.
    pub(crate) fn has_content(&self) -> bool {
        self.reader.shows_content()
    }

    pub(crate) async fn executions(&self, filter: ExecutionFilter) -> Result<ExecutionPage, Error> {
        Ok(self.reader.executions(self.scope, filter).await?)
    }

    pub(crate) async fn search_lag(&self) -> Result<SearchLag, Error> {
        Ok(self.reader.search_lag(self.scope).await?)
    }

    pub(crate) async fn outcomes(&self) -> Result<Vec<OutcomeCount>, Error> {
        Ok(self.reader.outcomes(self.scope).await?)
    }

    pub(crate) async fn receipt(&self, id: RequestId) -> Result<Receipt, Error> {
        self.reader.receipt(self.scope, id).await?.ok_or(Error::NoReceipt)
    }

    /// An execution, which is thereby known to be there for this viewer.
    pub(crate) async fn computed(&self, trace: TraceId, _: &Witnessed) -> Result<Computed, Error> {
        self.reader.computed(self.scope, trace).await?.ok_or(Error::NoExecution)
    }

    /// Rows of the audit log, newest first; of all projects for the owner of the machine.
    pub(super) async fn audit(
        &self,
        of_all: bool,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, Error> {
        match of_all {
            true => Ok(self.reader.audit_of_all(before, limit).await?),
            false => Ok(self.reader.audit(self.scope, before, limit).await?),
        }
    }

    pub(crate) async fn bones(
        &self,
        trace: TraceId,
        add: impl Fn(&mut Bones, Vec<Summary>) + Send + 'static,
    ) -> Result<Bones, Error> {
        Ok(self.reader.skeleton(self.scope, trace, add).await?)
    }

    pub(crate) async fn steps_of_many<T: Default + Send + 'static>(
        &self,
        of: Vec<TraceId>,
        add: impl Fn(&mut T, usize, Vec<Summary>) + Send + 'static,
    ) -> Result<T, Error> {
        Ok(self.reader.steps_of_many(self.scope, of, add).await?)
    }

    pub(crate) async fn find_steps(
        &self,
        trace: TraceId,
        text: &str,
        limit: u32,
    ) -> Result<Vec<SpanId>, Error> {
        Ok(self.reader.find_steps(self.scope, trace, text, limit).await?)
    }

    /// What came in with these executions after this version.
    pub(crate) async fn since(
        &self,
        of: Vec<TraceId>,
        version: u64,
        limit: u32,
    ) -> Result<Vec<(TraceId, Summary)>, Error> {
        Ok(self.reader.since(self.scope, of, version, limit).await?)
    }

    /// The version of what was written last: while it is the same, so is everything.
    pub(crate) async fn last_version(&self) -> Result<u64, Error> {
        Ok(self.reader.last_version(self.scope).await?)
    }

    pub(crate) async fn summaries(&self, trace: TraceId, spans: Vec<SpanId>) -> Result<Vec<Summary>, Error> {
        Ok(self.reader.summaries_of(self.scope, trace, spans).await?)
    }

    pub(crate) async fn steps(
        &self,
        trace: TraceId,
        spans: Vec<SpanId>,
        _: &Witnessed,
    ) -> Result<Vec<StepRecords>, Error> {
        Ok(self.reader.steps(self.scope, trace, spans).await?)
    }

    pub(crate) async fn records(&self, trace: TraceId, _: &Witnessed) -> Result<Vec<Record>, Error> {
        Ok(self.reader.records(self.scope, trace).await?)
    }

    pub(crate) async fn newest(&self, limit: u32, _: &Witnessed) -> Result<Vec<Record>, Error> {
        Ok(self.reader.newest(self.scope, limit).await?)
    }
}
