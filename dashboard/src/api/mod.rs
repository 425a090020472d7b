//! The JSON read API: the read model of the pages, for programs.

mod attributes;
mod executions;
mod otlp;
mod reading;
mod receipts;
mod steps;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::App;
use crate::error::Error;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/executions", get(executions::list))
        .route("/executions/{trace_id}", get(steps::all))
        .route("/executions/{trace_id}/steps/{span_id}", get(steps::one))
        .route("/executions/{trace_id}/steps/{span_id}/reading", get(reading::reading))
        .route("/executions/{trace_id}/otlp", get(otlp::otlp))
        .route("/attributes", get(attributes::attributes))
        .route("/receipts/{id}", get(receipts::receipt))
        .fallback(async || Error::NoPage)
}
