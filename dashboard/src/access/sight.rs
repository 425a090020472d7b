use treering_read::Bones;
use treering_redact::Record;
use treering_step::{SpanId, Summary, TraceId};
use treering_store::{
    Computed, ExecutionFilter, ExecutionPage, OutcomeCount, Project, ProjectId, Reader, Receipt, RequestId,
    Scope, SearchLag, StepRecords,
};

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

    pub(super) fn sight(&self, viewer: treering_store::Viewer, project: ProjectId) -> Sight {
        Sight { reader: self.0.seen_by(viewer), scope: Scope::of(project) }
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
    pub(crate) async fn computed(&self, trace: TraceId) -> Result<Computed, Error> {
        self.reader.computed(self.scope, trace).await?.ok_or(Error::NoExecution)
    }

    pub(crate) async fn bones(
        &self,
        trace: TraceId,
        add: impl Fn(&mut Bones, Vec<Summary>) + Send + 'static,
    ) -> Result<Bones, Error> {
        Ok(self.reader.skeleton(self.scope, trace, add).await?)
    }

    pub(crate) async fn summaries(&self, trace: TraceId, spans: Vec<SpanId>) -> Result<Vec<Summary>, Error> {
        Ok(self.reader.summaries_of(self.scope, trace, spans).await?)
    }

    pub(crate) async fn steps(&self, trace: TraceId, spans: Vec<SpanId>) -> Result<Vec<StepRecords>, Error> {
        Ok(self.reader.steps(self.scope, trace, spans).await?)
    }

    pub(crate) async fn records(&self, trace: TraceId) -> Result<Vec<Record>, Error> {
        Ok(self.reader.records(self.scope, trace).await?)
    }

    pub(crate) async fn newest(&self, limit: u32) -> Result<Vec<Record>, Error> {
        Ok(self.reader.newest(self.scope, limit).await?)
    }
}
