use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use treering_otlp::{Assembly, Signal};
use treering_step::{SpanId, TraceId};

use super::steps::InProject;
use crate::App;
use crate::access::{Chosen, Right, Viewer, payload_read};
use crate::error::Error;
use crate::pages::{Asked, Named};
use crate::view::filter::{given, parsed};

/// What is stored of an execution, as OTLP/JSON: both signals in one object, each under the name that its own
/// request has for it.
pub(super) async fn otlp(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Named(trace): Named<String>,
    Asked(asked): Asked<InProject>,
) -> Result<Response, Error> {
    let trace = parsed(&trace).ok_or(Error::TraceId)?;
    let chosen = viewer.choose(&app.source, given(&asked.project)).await?;
    take(&app, &chosen, trace, None).await
}

/// The same of one step, where one is named.
pub(crate) async fn take(
    app: &App,
    chosen: &Chosen,
    trace: TraceId,
    span: Option<SpanId>,
) -> Result<Response, Error> {
    chosen.must(Right::Content)?;
    let seen = chosen.saw(app, vec![payload_read(&chosen.project, trace, span)]).await?;
    let sight = chosen.sight()?;
    let records = match span {
        Some(span) => {
            let found = sight.steps(trace, vec![span], &seen).await?;
            found.into_iter().flat_map(|step| step.span.into_iter().chain(step.logs)).collect()
        }
        None => sight.records(trace, &seen).await?,
    };
    if records.is_empty() {
        return Err(if span.is_some() { Error::NoStep } else { Error::NoExecution });
    }
    let groups = |signal| {
        let mut assembly = Assembly::new(signal);
        for record in records.iter().filter(|record| record.signal() == signal) {
            assembly.add(record.context(), record.body());
        }
        assembly.to_json()
    };
    let body = json!({"resourceSpans": groups(Signal::Traces), "resourceLogs": groups(Signal::Logs)});
    // A browser saves it; it is nothing to look at.
    let name = span.map_or(trace.to_string(), |span| format!("{trace}-{span}"));
    let disposition = format!("attachment; filename=\"{name}.otlp.json\"");
    Ok(([(header::CONTENT_DISPOSITION, disposition)], Json(body)).into_response())
}
