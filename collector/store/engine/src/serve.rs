//! The interface over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::arguments::User;
use crate::compression;
use crate::engine::{Engine, Query};
use crate::library::Answer;
use crate::refusal::Refusal;
use crate::{request, statement};

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) engine: Engine,
    pub(crate) users: Vec<User>,
}

/// What ClickHouse answers to whoever asks whether it is there.
async fn here() -> &'static str {
    "Ok.\n"
}

pub(crate) fn router(server: Server) -> Router {
    Router::new()
        .route("/ping", get(here))
        .route("/", get(answer).post(answer))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::new(server))
}

async fn answer(State(server): State<Arc<Server>>, parts: Parts, body: Bytes) -> Result<Response, Refusal> {
    let query = request::read(&parts, body, &server.users)?;
    if query.text.is_empty() {
        return Ok(here().await.into_response());
    }
    let packed = accepts_lz4(&parts.headers);
    let running = tokio::task::spawn_blocking(move || {
        let answer = server.engine.run(&query)?;
        Ok(respond(&query, answer, packed))
    });
    running.await.expect("a statement that fails says so, and does not panic")
}

fn accepts_lz4(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.split(',').any(|encoding| encoding.trim() == "lz4"))
}

fn respond(query: &Query, answer: Answer, packed: bool) -> Response {
    let named = statement::format(&query.text).unwrap_or(&query.format);
    let mut headers = HeaderMap::new();
    if let Ok(format) = HeaderValue::from_str(named) {
        headers.insert("x-clickhouse-format", format);
    }
    headers.insert("x-clickhouse-summary", summary(&answer));
    if !packed || answer.bytes.is_empty() {
        return (headers, answer.bytes).into_response();
    }
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("lz4"));
    (headers, compression::frame(&answer.bytes)).into_response()
}

fn summary(answer: &Answer) -> HeaderValue {
    let [read_rows, read_bytes, written_rows, written_bytes] = answer.counts;
    let nanoseconds = std::time::Duration::from_secs_f64(answer.seconds.max(0.0)).as_nanos();
    let summary = format!(
        r#"{{"read_rows":"{read_rows}","read_bytes":"{read_bytes}","written_rows":"{written_rows}","written_bytes":"{written_bytes}","result_bytes":"{}","elapsed_ns":"{nanoseconds}"}}"#,
        answer.bytes.len(),
    );
    HeaderValue::from_str(&summary).expect("it is made of digits and of what stands here")
}
