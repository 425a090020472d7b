use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use treering_step::{Step, TraceId};

use super::shell::Shell;
use super::template::Page;
use super::trace::{Head, Kind, Views};
use super::{Asked, Named};
use crate::App;
use crate::access::{Chosen, Viewer};
use crate::error::Error;
use crate::view::execution::{TraceView, whole_steps};
use crate::view::filter::{given, parsed};
use crate::view::format;
use crate::view::ledger::Ledger;
use crate::view::link::Query;
use crate::view::transcript::{self, Entry};

/// Steps of one page.
const STEPS: usize = 60;
/// Model calls of one ledger.
const CALLS: usize = 200;

/// An execution as one conversation.
#[derive(Debug, Serialize)]
struct TranscriptPage {
    shell: Shell,
    head: Head,
    views: Views,
    entries: Vec<Entry>,
    from: String,
    to: String,
    total: String,
    previous_url: Option<String>,
    next_url: Option<String>,
}

impl Page for TranscriptPage {
    const TEMPLATE: &'static str = "transcript.html";
}

/// What filled the prompts of an execution.
#[derive(Debug, Serialize)]
struct ContextPage {
    shell: Shell,
    head: Head,
    views: Views,
    ledger: Ledger,
    hidden: Option<String>,
}

impl Page for ContextPage {
    const TEMPLATE: &'static str = "context.html";
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Look {
    project: Option<String>,
    /// The first step.
    at: Option<String>,
}

/// The execution that is asked for, as far as who asks may see it.
async fn load(
    app: &App,
    viewer: &Viewer,
    trace: &str,
    look: &Look,
) -> Result<(TraceId, Chosen, TraceView), Error> {
    let trace = parsed(trace).ok_or(Error::TraceId)?;
    let chosen = viewer.choose(&app.source, given(&look.project)).await?;
    let view = TraceView::load(app, &chosen, trace).await?;
    Ok((trace, chosen, view))
}

pub(super) async fn transcript(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Named(trace): Named<String>,
    Asked(look): Asked<Look>,
) -> Result<Response, Error> {
    let (trace, chosen, view) = load(&app, &viewer, &trace, &look).await?;
    let all = rows(&view, transcript::speaks);
    let at = given(&look.at).map(|id| parsed(id).ok_or(Error::SpanId)).transpose()?;
    let from = match at {
        Some(at) => {
            let row = view.forest.row_of(at).ok_or(Error::NoStep)?;
            all.iter().position(|one| *one >= row).unwrap_or(0)
        }
        None => 0,
    };
    let to = (from + STEPS).min(all.len());
    // What the page before ended with, so that it is not told again.
    let known = from.saturating_sub(STEPS);
    let steps = read(&app, &chosen, &view, &all[known..to]).await?;
    let (before, steps) = steps.split_at(from - known);
    let page = |path: &str| Query::new().with("project", chosen.in_url()).on(path);
    let mut entries = transcript::entries(before, steps);
    for entry in &mut entries {
        entry.url = super::execution::address(trace, entry.span_id, chosen.in_url());
        entry.json_url = page(&format!("/api/v1/executions/{trace}/steps/{}", entry.span_id));
    }
    let at = |place: usize| {
        let span = view.forest.rows[all[place]].span_id;
        let query = Query::new().with("project", chosen.in_url()).with("at", Some(span));
        query.on(&format!("/executions/{trace}/transcript"))
    };
    let head = Head::new(&view.execution, "Transcript");
    TranscriptPage {
        shell: Shell::new(&app, head.title(), &chosen),
        head,
        views: Views::new(&chosen, trace, Kind::Transcript),
        entries,
        from: format::count(from as u64 + 1),
        to: format::count(to as u64),
        total: format::count(all.len() as u64),
        previous_url: (from > 0).then(|| at(from.saturating_sub(STEPS))),
        next_url: (to < all.len()).then(|| at(to)),
    }
    .render()
}

pub(super) async fn context(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Named(trace): Named<String>,
    Asked(look): Asked<Look>,
) -> Result<Response, Error> {
    let (trace, chosen, view) = load(&app, &viewer, &trace, &look).await?;
    let mut calls = rows(&view, |kind| kind == treering_step::Kind::Llm);
    let hidden = calls.len().saturating_sub(CALLS);
    calls.truncate(CALLS);
    let steps = read(&app, &chosen, &view, &calls).await?;
    let mut ledger = Ledger::of(&steps);
    for row in &mut ledger.rows {
        row.url = super::execution::address(trace, row.span_id, chosen.in_url());
    }
    let head = Head::new(&view.execution, "Context");
    ContextPage {
        shell: Shell::new(&app, head.title(), &chosen),
        head,
        views: Views::new(&chosen, trace, Kind::Context),
        ledger,
        hidden: (hidden > 0).then(|| format::count(hidden as u64)),
    }
    .render()
}

/// The rows of steps of some kinds.
fn rows(view: &TraceView, is_meant: impl Fn(treering_step::Kind) -> bool) -> Vec<usize> {
    let rows = view.forest.rows.iter().enumerate();
    rows.filter(|(_, row)| is_meant(row.kind)).map(|(at, _)| at).collect()
}

/// These steps, whole.
async fn read(app: &App, chosen: &Chosen, view: &TraceView, rows: &[usize]) -> Result<Vec<Step>, Error> {
    let window = view.rows(app, chosen.sight()?, rows.to_vec()).await?;
    whole_steps(app, chosen, view, &window).await
}
