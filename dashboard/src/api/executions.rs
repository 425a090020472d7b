use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use treering_step::{Execution, ExecutionTokens, Status, Timestamp, TraceId};

use crate::App;
use crate::access::Viewer;
use crate::error::Error;
use crate::pages::Asked;
use crate::view::filter::{Filter, given};
use crate::view::search::SearchJson;

/// An execution in the words of the interface.
#[derive(Debug, Serialize)]
pub(super) struct ExecutionJson {
    trace_id: TraceId,
    project: String,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    duration_ns: u64,
    steps: u64,
    errors: u64,
    tokens: ExecutionTokens,
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_usd: Option<f64>,
    models: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
}

impl ExecutionJson {
    pub(super) fn new(execution: Execution, project: &str) -> Self {
        Self {
            trace_id: execution.trace_id,
            project: project.to_owned(),
            name: execution.name,
            agent: execution.agent,
            status: execution.status,
            started_at: execution.started_at,
            duration_ns: execution.duration_ns,
            steps: execution.steps,
            errors: execution.errors,
            tokens: execution.tokens,
            cost_usd: execution.cost_usd,
            models: execution.models,
            session_id: execution.session_id,
            user_id: execution.user_id,
        }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct ExecutionsJson {
    executions: Vec<ExecutionJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// How it was searched, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    search: Option<SearchJson>,
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Asked(filter): Asked<Filter>,
) -> Result<Json<ExecutionsJson>, Error> {
    let chosen = viewer.choose(&app.source, given(&filter.project)).await?;
    let typed = filter.typed()?;
    let search = Filter::search(&typed, chosen.sight()?.has_content())?;
    // Before the search: what is not behind by then was looked at.
    let lag = chosen.sight()?.search_lag().await?;
    let found = chosen.sight()?.executions(filter.to_store(&typed, search.as_ref())?).await?;
    let json = |execution| ExecutionJson::new(execution, &chosen.project.name);
    Ok(Json(ExecutionsJson {
        executions: found.executions.into_iter().map(json).collect(),
        next_cursor: found.next.map(|cursor| cursor.to_string()),
        search: search.map(|search| SearchJson::new(&search, lag)),
    }))
}
