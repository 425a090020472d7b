//! What the pages of one execution share: the ways to look at it, and its twins for taking along.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use treering_step::{Execution, SpanId, Status, TraceId};

use super::{Asked, Named};
use crate::App;
use crate::access::{Chosen, Sight, Viewer};
use crate::api;
use crate::api::steps::InProject;
use crate::error::Error;
use crate::view::execution::{TraceView, outlines, read_step, whole_steps};
use crate::view::filter::{given, parsed};
use crate::view::kind::{Badge, status_word};
use crate::view::link::Query;
use crate::view::markdown;
use crate::view::text::Text;

/// Steps that a twin holds at the most; of more, the read API has the rest, window by window.
const STEPS: usize = 2_000;

/// The head of a page of an execution other than its tree.
#[derive(Debug, Serialize)]
pub(super) struct Head {
    badge: Badge,
    name: Text,
    trace_id: TraceId,
    status: Option<&'static str>,
    failed: bool,
    page: &'static str,
}

impl Head {
    pub(super) fn new(execution: &Execution, page: &'static str) -> Self {
        let name = if execution.name.is_empty() { "(no name)" } else { &execution.name };
        Self {
            badge: execution.kind.into(),
            name: Text::line(name, 200),
            trace_id: execution.trace_id,
            status: status_word(execution.status),
            failed: execution.status == Status::Error,
            page,
        }
    }

    pub(super) fn title(&self) -> String {
        format!("{} of {}", self.page, self.name.plain())
    }
}

/// A way to look at an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Tree,
    Transcript,
    Context,
    Compare,
}

/// The ways to look at an execution, and its twins.
#[derive(Debug, Serialize)]
pub(super) struct Views {
    all: Vec<View>,
    twins: Vec<View>,
}

#[derive(Debug, Serialize)]
struct View {
    name: &'static str,
    url: String,
    current: bool,
}

impl Views {
    pub(super) fn new(chosen: &Chosen, trace: TraceId, current: Kind) -> Self {
        let has_content = chosen.sight().is_ok_and(Sight::has_content);
        let on = |path: String| Query::new().with("project", chosen.in_url()).on(&path);
        let page = |name, url, kind| View { name, url, current: kind == current };
        let mut all = vec![page("Steps", on(format!("/executions/{trace}")), Kind::Tree)];
        if has_content {
            all.push(page("Transcript", on(format!("/executions/{trace}/transcript")), Kind::Transcript));
            all.push(page("Context", on(format!("/executions/{trace}/context")), Kind::Context));
        }
        let compare = Query::new().with("project", chosen.in_url()).with("a", Some(trace)).on("/compare");
        all.push(page("Compare", format!("{compare}#first"), Kind::Compare));
        let forms = ["md", "json", "otlp"].into_iter().filter(|form| has_content || *form != "otlp");
        let twin = |form| View { name: form, url: on(format!("/executions/{trace}.{form}")), current: false };
        Self { all, twins: forms.map(twin).collect() }
    }
}

/// The form of a twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Markdown,
    Json,
    Otlp,
}

/// The name and the form, where this is the name of a twin.
pub(super) fn twin(name: &str) -> Option<(&str, Form)> {
    let (name, form) = name.rsplit_once('.')?;
    let form = match form {
        "md" => Form::Markdown,
        "json" => Form::Json,
        "otlp" => Form::Otlp,
        _ => return None,
    };
    Some((name, form))
}

/// The twin of an execution, or of one step of it.
pub(super) async fn take(
    app: &Arc<App>,
    viewer: &Viewer,
    trace: &str,
    span: Option<&str>,
    form: Form,
    project: Option<&str>,
) -> Result<Response, Error> {
    let trace: TraceId = parsed(trace).ok_or(Error::TraceId)?;
    let span: Option<SpanId> = span.map(|span| parsed(span).ok_or(Error::SpanId)).transpose()?;
    let chosen = viewer.choose(&app.source, project).await?;
    if form == Form::Otlp {
        return api::otlp::take(app, &chosen, trace, span).await;
    }
    let view = TraceView::load(app, &chosen, trace).await?;
    let steps = match span {
        Some(span) => {
            let row = view.forest.row_of(span).ok_or(Error::NoStep)?;
            vec![read_step(app, &chosen, &view, row).await?.0]
        }
        None => {
            let window = view.window(app, chosen.sight()?, 0, STEPS).await?;
            match chosen.sight()?.has_content() {
                true => whole_steps(app, &chosen, &view, &window).await?,
                false => outlines(&view, &window),
            }
        }
    };
    let left_out = span.map_or(view.length().saturating_sub(STEPS), |_| 0);
    Ok(match (form, span) {
        (Form::Markdown, None) => text(markdown::execution(&view.execution, &steps, left_out)),
        (Form::Markdown, Some(_)) => text(markdown::step_alone(&view.execution, &steps)),
        (_, None) => api::steps::answer(view, &chosen, steps, left_out).into_response(),
        (_, Some(_)) => axum::Json(steps.into_iter().next()).into_response(),
    })
}

/// The twin of a step.
pub(super) async fn step(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Named((trace, name)): Named<(String, String)>,
    Asked(asked): Asked<InProject>,
) -> Result<Response, Error> {
    let (span, form) = twin(&name).ok_or(Error::NoPage)?;
    take(&app, &viewer, &trace, Some(span), form, given(&asked.project)).await
}

/// As text: browsers show it, and do not take it for a page.
fn text(markdown: String) -> Response {
    ([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], markdown).into_response()
}
