//! The door: gRPC, HTTP with protobuf, HTTP with JSON, and what each of them is answered.

mod cors;
mod grpc;
mod http;
mod message;
mod read;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;

pub use cors::Origins;

use crate::receipt::Draft;
use crate::refusal::Refusal;
use crate::way::{Taken, Way};

/// How the door answers where OTLP leaves the choice.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    /// Whose pages may send from a browser.
    pub origins: Origins,
    /// Whether exporters of metrics and profiles are told that these are thrown away. Those of Rust and JavaScript
    /// then warn at every export.
    pub report_discarded: bool,
}

/// Everything that is served at both addresses: exporters that mix the ports up are understood as well.
pub(crate) fn router(way: Arc<Way>) -> Router {
    Router::new().fallback(serve).with_state(way)
}

async fn serve(State(way): State<Arc<Way>>, request: Request) -> Response {
    if grpc::is_spoken(request.headers()) {
        grpc::serve(way, request).await
    } else {
        http::serve(way, request).await
    }
}

/// Runs to its end even where the client leaves, so that what was begun gets an outcome and a receipt.
pub(crate) async fn to_the_end(
    way: &Arc<Way>,
    draft: Draft,
    work: impl Future<Output = Result<Taken, Refusal>> + Send + 'static,
) -> Result<Taken, Refusal> {
    let receipts = way.receipts.clone();
    let noted = async move {
        let answer = work.await;
        receipts.note(draft, &answer);
        answer
    };
    tokio::spawn(noted).await.unwrap_or_else(|_| way.refused(draft, Refusal::Defect))
}
