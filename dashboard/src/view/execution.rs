//! An execution with its steps in the order of its tree, and windows of it.

use std::collections::HashMap;
use std::sync::Arc;

use treering_read::Bones;
use treering_step::{Execution, Failure, SpanId, Step, Summary, Tool, TraceId};
use treering_store::{Computed, StepRecords};

use super::forest::Forest;
use crate::App;
use crate::access::{Chosen, Right, Sight, Witnessed, execution_read, payload_read};
use crate::error::Error;
use crate::view::reading::Reading;

/// Steps of one window of the read API, unless told otherwise.
pub(crate) const WINDOW: usize = 1_000;

/// An execution and the tree of its steps, without what is told of them.
#[derive(Debug)]
pub(crate) struct TraceView {
    pub(crate) execution: Execution,
    pub(crate) forest: Arc<Forest>,
}

impl TraceView {
    /// The execution, where the scope has one of this id. Its tree is drawn anew only where it is another one than
    /// before.
    pub(crate) async fn load(app: &App, chosen: &Chosen, trace: TraceId) -> Result<Self, Error> {
        let sight = chosen.sight()?;
        let seen = chosen.saw(app, vec![execution_read(&chosen.project, trace)]).await?;
        let computed = sight.computed(trace, &seen).await?;
        let forest = match app.forests.get(&computed) {
            Some(forest) => forest,
            None => Self::draw(app, sight, &computed).await?,
        };
        Ok(Self { execution: computed.execution, forest })
    }

    async fn draw(app: &App, sight: &Sight, computed: &Computed) -> Result<Arc<Forest>, Error> {
        let prices = app.prices.clone();
        let add = move |bones: &mut Bones, step: Vec<Summary>| bones.add(step, &prices);
        let bones = sight.bones(computed.execution.trace_id, add).await?;
        // Drawing a giant takes longer than a thread of the servers may be kept.
        let draw = move || Arc::new(Forest::of(&bones.joined()));
        let forest = tokio::task::spawn_blocking(draw).await.map_err(|_| Error::Panicked)?;
        app.forests.keep(computed, &forest);
        Ok(forest)
    }

    /// How many rows there are.
    pub(crate) fn length(&self) -> usize {
        self.forest.rows.len()
    }

    /// Up to this many rows from this one on, with what is told of their steps.
    pub(crate) async fn window(
        &self,
        app: &App,
        sight: &Sight,
        from: usize,
        limit: usize,
    ) -> Result<Window, Error> {
        self.rows(app, sight, (from..from.saturating_add(limit).min(self.length())).collect()).await
    }

    /// These rows, with what is told of their steps.
    pub(crate) async fn rows(&self, app: &App, sight: &Sight, rows: Vec<usize>) -> Result<Window, Error> {
        let spans: Vec<_> = rows.iter().map(|row| self.forest.rows[*row].span_id).collect();
        let told = match spans.is_empty() {
            true => Vec::new(),
            false => sight.summaries(self.execution.trace_id, spans.clone()).await?,
        };
        let merged = treering_read::merge(told, &app.prices);
        let mut told: HashMap<_, _> = merged.into_iter().map(|step| (step.span_id, step)).collect();
        let steps = spans.into_iter().map(|span| self.forest.in_place(span, told.remove(&span))).collect();
        Ok(Window { rows, steps })
    }
}

/// Some rows of a tree, with what is told of their steps.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) rows: Vec<usize>,
    /// A summary for each of them.
    pub(crate) steps: Vec<Summary>,
}

impl Window {
    /// Each step with its depth.
    fn placed<'a>(&'a self, view: &'a TraceView) -> impl Iterator<Item = (&'a Summary, u32)> {
        self.steps.iter().zip(self.rows.iter().map(|row| view.forest.rows[*row].depth))
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

/// These rows as far as their summaries tell.
pub(crate) fn outlines(view: &TraceView, window: &Window) -> Vec<Step> {
    window.placed(view).map(|(step, depth)| outline(step, depth)).collect()
}

/// These rows as whole steps. Where no record of a step is left to read, its summary still speaks; what only the
/// others of its execution tell, and whether its process is alive, the summary knows better.
pub(crate) async fn whole_steps(
    app: &App,
    chosen: &Chosen,
    view: &TraceView,
    window: &Window,
) -> Result<Vec<Step>, Error> {
    let seen = payload(app, chosen, view, None).await?;
    let found = records(chosen.sight()?, view, window, &seen).await?;
    let mut found = found.iter().peekable();
    let step = |(summary, depth): (&Summary, u32)| {
        let records = found.next_if(|records| records.span_id == summary.span_id);
        whole_step(app, summary, depth, records)
    };
    Ok(window.placed(view).map(step).collect())
}

/// The step of a row, whole, and how it was read; nothing of that where no record of it is left.
pub(crate) async fn read_step(
    app: &App,
    chosen: &Chosen,
    view: &TraceView,
    row: usize,
) -> Result<(Step, Option<Reading>), Error> {
    let sight = chosen.sight()?;
    let window = view.window(app, sight, row, 1).await?;
    let seen = payload(app, chosen, view, view.forest.rows.get(row).map(|row| row.span_id)).await?;
    let found = records(sight, view, &window, &seen).await?.pop();
    let (summary, depth) = window.placed(view).next().ok_or(Error::NoStep)?;
    let step = whole_step(app, summary, depth, found.as_ref());
    let reading = found.map(|records| Reading::of(&step, &records));
    Ok((step, reading))
}

/// The step of a row as far as its summary tells.
pub(crate) async fn outlined_step(
    app: &App,
    sight: &Sight,
    view: &TraceView,
    row: usize,
) -> Result<Step, Error> {
    let window = view.window(app, sight, row, 1).await?;
    outlines(view, &window).pop().ok_or(Error::NoStep)
}

/// Writes down that somebody reads what was said, if that one may.
async fn payload(
    app: &App,
    chosen: &Chosen,
    view: &TraceView,
    span: Option<SpanId>,
) -> Result<Witnessed, Error> {
    chosen.must(Right::Content)?;
    if !chosen.sight()?.has_content() {
        return Err(Error::Withheld);
    }
    chosen.saw(app, vec![payload_read(&chosen.project, view.execution.trace_id, span)]).await
}

async fn records(
    sight: &Sight,
    view: &TraceView,
    window: &Window,
    seen: &Witnessed,
) -> Result<Vec<StepRecords>, Error> {
    let spans = window.steps.iter().map(|step| step.span_id).collect();
    sight.steps(view.execution.trace_id, spans, seen).await
}

fn whole_step(app: &App, summary: &Summary, depth: u32, records: Option<&StepRecords>) -> Step {
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
