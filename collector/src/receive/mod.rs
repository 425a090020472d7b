//! The door: gRPC, HTTP with protobuf, HTTP with JSON, and what each of them is answered.

mod grpc;
mod http;
mod message;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;

use crate::refusal::Refusal;
use crate::way::Way;

/// Everything that is served at both addresses: exporters that mix the ports up are understood as well.
pub(crate) fn router(way: Arc<Way>) -> Router {
    Router::new().fallback(serve).with_state(way)
}

async fn serve(State(way): State<Arc<Way>>, request: Request) -> Response {
    let is_grpc = request
        .headers()
        .get(::http::header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if is_grpc { grpc::serve(way, request).await } else { http::serve(way, request).await }
}

/// What a path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Signal(treering_otlp::Signal),
    /// Metrics and profiles: authenticated, thrown away, counted.
    Discarded,
}

/// Runs to its end even where the client leaves, so that what was begun gets an outcome.
pub(crate) async fn to_the_end<T: Send + 'static>(
    way: &Way,
    work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::spawn(work).await.unwrap_or_else(|_| Err(way.refused(Refusal::Defect)))
}
