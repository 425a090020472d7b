//! An execution with its steps in the order of its tree, and windows of it.

use std::ops::Range;

use treering_read::Placed;
use treering_step::{Execution, Failure, SpanId, Status, Step, Summary, Tool, TraceId};
use treering_store::{Scope, StepRecords};

use crate::App;
use crate::error::Error;
use crate::view::reading::Reading;

/// Steps of one window, unless told otherwise.
pub(crate) const WINDOW: usize = 1_000;

/// An execution and all its steps, without their content.
#[derive(Debug)]
pub(crate) struct TraceView {
    pub(crate) execution: Execution,
    /// In the order of the store.
    pub(crate) steps: Vec<Summary>,
    /// In the order of the tree.
    pub(crate) placed: Vec<Placed>,
}

impl TraceView {
    /// The execution, where the scope has one of this id.
    pub(crate) async fn load(app: &App, scope: Scope, trace: TraceId) -> Result<Self, Error> {
        let execution = app.reader.execution(scope, trace).await?.ok_or(Error::NoExecution)?;
        let steps = treering_read::merge(app.reader.summaries(scope, trace).await?, &app.prices);
        let placed = treering_read::tree(&steps);
        Ok(Self { execution, steps, placed })
    }

    /// The step of a row.
    pub(crate) fn at(&self, row: usize) -> &Summary {
        &self.steps[self.placed[row].index]
    }

    /// The row of a step.
    pub(crate) fn row_of(&self, span: SpanId) -> Option<usize> {
        (0..self.placed.len()).find(|row| self.at(*row).span_id == span)
    }

    /// The row where the first failure came from: errors go up, so it is the deepest failed step on the way
    /// down from the first failed one.
    pub(crate) fn first_failure(&self) -> Option<usize> {
        let failed = |row: &usize| self.at(*row).status == Some(Status::Error);
        let mut origin = (0..self.placed.len()).find(failed)?;
        for row in origin + 1..self.placed.len() {
            let depth = self.placed[origin].depth;
            match self.placed[row].depth {
                below if below <= depth => break,
                below if below == depth + 1 && failed(&row) => origin = row,
                _ => {}
            }
        }
        Some(origin)
    }

    /// Up to this many rows from this one on.
    pub(crate) fn window(&self, from: usize, limit: usize) -> Range<usize> {
        from..from.saturating_add(limit).min(self.placed.len())
    }
}

/// A step as far as its summary tells: everything but content.
pub(crate) fn outline(summary: &Summary, depth: u32) -> Step {
    let failure = summary.error_type.clone().map(|kind| Failure { kind: Some(kind), ..Failure::default() });
    Step {
        parent_span_id: summary.parent_span_id,
        name: summary.name.clone().unwrap_or_default(),
        kind: summary.kind.unwrap_or_default(),
        status: summary.status.unwrap_or_default(),
        started_at: summary.started_at,
        ended_at: summary.ended_at,
        duration_ns: summary.duration_ns(),
        agent: summary.agent.clone(),
        model: summary.model.clone(),
        provider: summary.provider.clone(),
        tool: summary.tool.clone().map(|name| Tool { name: Some(name), ..Tool::default() }),
        tokens: summary.tokens,
        cost_usd: summary.cost_usd,
        session_id: summary.session_id.clone(),
        user_id: summary.user_id.clone(),
        error: failure,
        redactions: summary.redactions.clone(),
        dialect: summary.dialect.clone(),
        depth,
        ..Step::new(summary.span_id)
    }
}

/// These rows as whole steps. Where no record of a step is left to read, its summary still speaks; what only the
/// others of its execution tell, and whether its process is alive, the summary knows better.
pub(crate) async fn whole_steps(
    app: &App,
    scope: Scope,
    view: &TraceView,
    rows: Range<usize>,
) -> Result<Vec<Step>, Error> {
    let found = records(app, scope, view, rows.clone()).await?;
    let mut found = found.iter().peekable();
    let step = |row: usize| {
        let records = found.next_if(|records| records.span_id == view.at(row).span_id);
        whole_step(app, view, row, records)
    };
    Ok(rows.map(step).collect())
}

/// One of these rows as a whole step, and how it was read; nothing of that where no record of it is left.
pub(crate) async fn read_step(
    app: &App,
    scope: Scope,
    view: &TraceView,
    row: usize,
) -> Result<(Step, Option<Reading>), Error> {
    let found = records(app, scope, view, row..row + 1).await?.pop();
    let step = whole_step(app, view, row, found.as_ref());
    let reading = found.map(|records| Reading::of(&step, &records));
    Ok((step, reading))
}

async fn records(
    app: &App,
    scope: Scope,
    view: &TraceView,
    rows: Range<usize>,
) -> Result<Vec<StepRecords>, Error> {
    let spans = rows.map(|row| view.at(row).span_id).collect();
    Ok(app.reader.steps(scope, view.execution.trace_id, spans).await?)
}

fn whole_step(app: &App, view: &TraceView, row: usize, records: Option<&StepRecords>) -> Step {
    let (summary, depth) = (view.at(row), view.placed[row].depth);
    let step =
        records.and_then(|records| treering_read::step(records.span.as_ref(), &records.logs, &app.prices));
    step.map_or_else(|| outline(summary, depth), |step| placed(step, summary, depth))
}

fn placed(step: Step, summary: &Summary, depth: u32) -> Step {
    let (span_id, parent_span_id) = (summary.span_id, summary.parent_span_id);
    let status = summary.status.unwrap_or(step.status);
    let (started_at, ended_at, duration_ns) = (summary.started_at, summary.ended_at, summary.duration_ns());
    Step { span_id, depth, parent_span_id, status, started_at, ended_at, duration_ns, ..step }
}
