//! The JSON read API: the read model of the pages, for programs.

mod attributes;
mod audit;
mod executions;
pub(crate) mod live;
pub(crate) mod otlp;
mod reading;
mod receipts;
pub(crate) mod steps;

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};

use crate::App;
use crate::error::Error;

/// All of it described, for programs that ask.
const OPENAPI: &str = include_str!("openapi.json");

/// Every answer with its address below `/api/v1`.
pub(crate) fn all() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    vec![
        ("/executions", get(executions::list)),
        ("/executions/{trace_id}", get(steps::all)),
        ("/executions/{trace_id}/steps/{span_id}", get(steps::one)),
        ("/executions/{trace_id}/steps/{span_id}/reading", get(reading::reading)),
        ("/executions/{trace_id}/otlp", get(otlp::otlp)),
        ("/live", get(live::live)),
        ("/attributes", get(attributes::attributes)),
        ("/audit", get(audit::audit)),
        ("/receipts/{id}", get(receipts::receipt)),
        ("/openapi.json", get(openapi)),
    ]
}

pub(crate) fn routes() -> Router<Arc<App>> {
    let add = |router: Router<Arc<App>>, (path, answer)| router.route(path, answer);
    all().into_iter().fold(Router::new(), add).fallback(async || Error::NoPage)
}

/// The description says nothing of what is stored, and is everybody's.
async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI)
}
