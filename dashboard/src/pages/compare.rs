use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use treering_step::{Execution, SpanId, Status, TraceId};
use treering_store::{Condition, ExecutionFilter, Pattern, Test, TextField};

use super::Asked;
use super::shell::Shell;
use super::template::Page;
use super::trace::{Head, Kind, Views};
use crate::App;
use crate::access::{Chosen, Sight, Viewer};
use crate::error::Error;
use crate::view::compare::{self, Compared, Pair, StepDiff};
use crate::view::execution::{TraceView, outlines, whole_steps};
use crate::view::filter::{given, parsed};
use crate::view::format;
use crate::view::kind::status_word;
use crate::view::link::Query;

/// Steps of each side that are compared.
const STEPS: usize = 400;
/// Other executions to choose from.
const OTHERS: u32 = 20;

/// Two executions beside each other.
#[derive(Debug, Serialize)]
struct ComparePage {
    shell: Shell,
    head: Head,
    views: Views,
    facts: Vec<Row>,
    pairs: Vec<Pair>,
    has_first: bool,
    diff: Option<StepDiff>,
    /// Others of the same name.
    others: Vec<Other>,
    a_url: String,
    b_url: Option<String>,
    hidden: bool,
}

impl Page for ComparePage {
    const TEMPLATE: &'static str = "compare.html";
}

/// A number of both.
#[derive(Debug, Serialize)]
struct Row {
    label: &'static str,
    a: String,
    b: String,
}

#[derive(Debug, Serialize)]
struct Other {
    label: String,
    status: Option<&'static str>,
    url: String,
    current: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Look {
    project: Option<String>,
    a: Option<String>,
    b: Option<String>,
    /// The pair that is compared message by message.
    step: Option<String>,
    with: Option<String>,
}

pub(super) async fn compare(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Asked(look): Asked<Look>,
) -> Result<Response, Error> {
    let trace = |field: &Option<String>| {
        given(field).map(|id| parsed::<TraceId>(id).ok_or(Error::TraceId)).transpose()
    };
    let (a, b) = (trace(&look.a)?.ok_or(Error::Query("`a` is the id of an execution"))?, trace(&look.b)?);
    let span =
        |field: &Option<String>| given(field).map(|id| parsed::<SpanId>(id).ok_or(Error::SpanId)).transpose();
    let asked = (span(&look.step)?, span(&look.with)?);
    let chosen = viewer.choose(&app.source, given(&look.project)).await?;
    let left = TraceView::load(&app, &chosen, a).await?;
    let others = others(chosen.sight()?, &left.execution).await?;
    let b = b.or_else(|| nearest(&left.execution, &others));
    let right = match b {
        Some(b) => Some(TraceView::load(&app, &chosen, b).await?),
        None => None,
    };
    let page = ComparePage::new(&app, &chosen, &left, right.as_ref(), &others, asked).await?;
    page.render()
}

/// Executions of the same name, newest first.
async fn others(sight: &Sight, of: &Execution) -> Result<Vec<Execution>, Error> {
    let test = Test::Text(TextField::Name, Pattern::Is(of.name.clone()));
    let conditions = vec![Condition { test, not: false }];
    let filter = ExecutionFilter { conditions, limit: OTHERS, ..ExecutionFilter::default() };
    let mut found = sight.executions(filter).await?.executions;
    found.retain(|other| other.trace_id != of.trace_id);
    Ok(found)
}

/// The one to compare with where nobody says: the last one before it that went well, else the last one before it, else
/// the next one.
fn nearest(of: &Execution, others: &[Execution]) -> Option<TraceId> {
    let before = |other: &&Execution| other.started_at <= of.started_at;
    let is_well =
        |other: &&Execution| matches!(other.status, Status::Ok | Status::Unset) && other.errors == 0;
    let well = others.iter().filter(before).find(is_well);
    let last = well.or_else(|| others.iter().find(before)).or_else(|| others.last());
    last.map(|other| other.trace_id)
}

/// The steps of one side, with their content for who may see it.
async fn steps(app: &App, chosen: &Chosen, view: &TraceView) -> Result<Vec<Compared>, Error> {
    let window = view.window(app, chosen.sight()?, 0, STEPS).await?;
    let steps = match chosen.sight()?.has_content() {
        true => whole_steps(app, chosen, view, &window).await?,
        false => outlines(view, &window),
    };
    let below = view.forest.rows.iter().map(|row| row.below);
    Ok(steps.into_iter().zip(below).map(|(step, below)| Compared { step, below }).collect())
}

impl ComparePage {
    async fn new(
        app: &App,
        chosen: &Chosen,
        left: &TraceView,
        right: Option<&TraceView>,
        others: &[Execution],
        asked: (Option<SpanId>, Option<SpanId>),
    ) -> Result<Self, Error> {
        let a = steps(app, chosen, left).await?;
        let b = match right {
            Some(right) => Some(steps(app, chosen, right).await?),
            None => None,
        };
        let query = || {
            let query =
                Query::new().with("project", chosen.in_url()).with("a", Some(left.execution.trace_id));
            query.with("b", right.map(|right| right.execution.trace_id))
        };
        let mut pairs = b.as_ref().map(|b| compare::pairs(&a, b)).unwrap_or_default();
        let side = |at: Option<usize>, of: &[Compared]| at.map(|at| of[at].step.span_id);
        let b = b.unwrap_or_default();
        let mut diff = None;
        for pair in &mut pairs {
            let (one, other) = (side(pair.left, &a), side(pair.right, &b));
            let link = query().with("step", one).with("with", other);
            pair.url = Some(format!("{}#diff", link.on("/compare")));
            pair.chosen = if asked == (None, None) { pair.first } else { (one, other) == asked };
            if pair.chosen && chosen.sight()?.has_content() {
                diff = StepDiff::of(pair.left.map(|at| &a[at].step), pair.right.map(|at| &b[at].step));
            }
        }
        let head = Head::new(&left.execution, "Compare");
        let page = |trace: TraceId| {
            Query::new().with("project", chosen.in_url()).on(&format!("/executions/{trace}"))
        };
        Ok(Self {
            shell: Shell::new(app, head.title(), chosen),
            head,
            views: Views::new(chosen, left.execution.trace_id, Kind::Compare),
            facts: right.map(|right| facts(&left.execution, &right.execution)).unwrap_or_default(),
            has_first: pairs.iter().any(|pair| pair.first),
            pairs,
            diff,
            others: others.iter().map(|other| Other::new(chosen, left, right, other)).collect(),
            a_url: page(left.execution.trace_id),
            b_url: right.map(|right| page(right.execution.trace_id)),
            hidden: left.length() > STEPS || right.is_some_and(|right| right.length() > STEPS),
        })
    }
}

impl Other {
    fn new(chosen: &Chosen, left: &TraceView, right: Option<&TraceView>, other: &Execution) -> Self {
        let query = Query::new().with("project", chosen.in_url()).with("a", Some(left.execution.trace_id));
        let at = other.started_at.map(format::moment).unwrap_or_else(|| "no time".to_owned());
        Self {
            label: at,
            status: status_word(other.status),
            url: format!("{}#first", query.with("b", Some(other.trace_id)).on("/compare")),
            current: right.is_some_and(|right| right.execution.trace_id == other.trace_id),
        }
    }
}

fn facts(a: &Execution, b: &Execution) -> Vec<Row> {
    let row = |label, of: &dyn Fn(&Execution) -> String| Row { label, a: of(a), b: of(b) };
    vec![
        row("Status", &|one| one.status.as_str().to_owned()),
        row("Started, UTC", &|one| one.started_at.map(format::moment).unwrap_or_else(|| "–".to_owned())),
        row("Took", &|one| format::duration(one.duration_ns)),
        row("Steps", &|one| format::count(one.steps)),
        row("Errors", &|one| format::count(one.errors)),
        row("Tokens", &|one| format::count(one.tokens.input.saturating_add(one.tokens.output))),
        row("Cost", &|one| one.cost_usd.map(format::dollars).unwrap_or_else(|| "–".to_owned())),
    ]
}
