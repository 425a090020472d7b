use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use treering_step::{SpanId, Step};

use super::executions::ExecutionJson;
use crate::App;
use crate::access::{Chosen, Viewer};
use crate::error::Error;
use crate::pages::{Asked, Named};
use crate::view::execution::{TraceView, WINDOW, outlines, read_step, whole_steps};
use crate::view::filter::{given, parsed, word};

/// Steps of one answer at the most.
const LARGEST_WINDOW: usize = 100_000;
/// The same with content, which is read whole.
const LARGEST_WHOLE: usize = 10_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Window {
    project: Option<String>,
    content: Option<String>,
    at: Option<String>,
    limit: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct StepsJson {
    execution: ExecutionJson,
    steps: Vec<Step>,
    /// Where the next answer begins: the `at` to ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<SpanId>,
}

/// An execution and its steps, in the order of the tree.
pub(super) async fn all(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Named(trace): Named<String>,
    Asked(asked): Asked<Window>,
) -> Result<Json<StepsJson>, Error> {
    let trace = parsed(&trace).ok_or(Error::TraceId)?;
    let content = asked.content()?;
    let (limit, at) = (asked.limit(content)?, asked.at()?);
    let chosen = viewer.choose(&app.source, given(&asked.project)).await?;
    let view = TraceView::load(&app, &chosen, trace).await?;
    let from = at.map_or(Some(0), |at| view.forest.row_of(at)).ok_or(Error::NoStep)?;
    let window = view.window(&app, chosen.sight()?, from, limit).await?;
    let steps = match content {
        true => whole_steps(&app, &chosen, &view, &window).await?,
        false => outlines(&view, &window),
    };
    let next = view.forest.rows.get(from + window.rows.len()).map(|row| row.span_id);
    Ok(Json(StepsJson { execution: ExecutionJson::new(view.execution, &chosen.project.name), steps, next }))
}

/// The same answer for who asked another way, of the first steps of an execution.
pub(crate) fn answer(
    view: TraceView,
    chosen: &Chosen,
    steps: Vec<Step>,
    left_out: usize,
) -> impl IntoResponse {
    let next = view.forest.rows.get(steps.len()).filter(|_| left_out > 0).map(|row| row.span_id);
    Json(StepsJson { execution: ExecutionJson::new(view.execution, &chosen.project.name), steps, next })
}

impl Window {
    fn content(&self) -> Result<bool, Error> {
        let truth = |text: &str| match text {
            "1" | "true" => Some(true),
            "0" | "false" => Some(false),
            _ => None,
        };
        Ok(word(&self.content, truth, "`content` is 1 or 0")?.unwrap_or(false))
    }

    fn limit(&self, content: bool) -> Result<usize, Error> {
        let most = if content { LARGEST_WHOLE } else { LARGEST_WINDOW };
        let within = |text: &str| parsed(text).filter(|limit| (1..=most).contains(limit));
        let range = "`limit` is a number from 1 to 100000, with `content` to 10000";
        Ok(word(&self.limit, within, range)?.unwrap_or(WINDOW))
    }

    fn at(&self) -> Result<Option<SpanId>, Error> {
        word(&self.at, parsed, "`at` is the `next` of an answer before")
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InProject {
    pub(crate) project: Option<String>,
}

/// One step, whole.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Named((trace, span)): Named<(String, String)>,
    Asked(asked): Asked<InProject>,
) -> Result<Json<Step>, Error> {
    let trace = parsed(&trace).ok_or(Error::TraceId)?;
    let span = parsed(&span).ok_or(Error::SpanId)?;
    let chosen = viewer.choose(&app.source, given(&asked.project)).await?;
    let view = TraceView::load(&app, &chosen, trace).await?;
    let row = view.forest.row_of(span).ok_or(Error::NoStep)?;
    let (step, _) = read_step(&app, &chosen, &view, row).await?;
    Ok(Json(step))
}
