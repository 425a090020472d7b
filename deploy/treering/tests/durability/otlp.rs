//! Requests as an exporter sends them.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use crate::support::{Server, client};

/// 2026-01-01, in nanoseconds.
const START: u64 = 1_767_225_600_000_000_000;

/// The trace id of an execution, in hex.
pub(crate) fn trace(execution: u64) -> String {
    hex(&trace_id(execution))
}

fn trace_id(execution: u64) -> Vec<u8> {
    (u128::from(execution) + 1).to_be_bytes().to_vec()
}

fn span_id(execution: u64, at: u64) -> Vec<u8> {
    ((execution + 1) << 32 | (at + 1)).to_be_bytes().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A step of an execution; the one at 0 is the parent of the others.
pub(crate) fn span(execution: u64, at: u64) -> Span {
    Span {
        trace_id: trace_id(execution),
        span_id: span_id(execution, at),
        parent_span_id: if at == 0 { Vec::new() } else { span_id(execution, 0) },
        name: format!("step {at} of execution {execution}"),
        start_time_unix_nano: START + at,
        end_time_unix_nano: START + 1_000_000,
        ..Default::default()
    }
}

/// A log record inside that step.
pub(crate) fn log(execution: u64, at: u64) -> LogRecord {
    LogRecord {
        trace_id: trace_id(execution),
        span_id: span_id(execution, at),
        time_unix_nano: START + at,
        body: Some(AnyValue { value: Some(Value::StringValue("a log record".into())) }),
        ..Default::default()
    }
}

pub(crate) fn traces(spans: Vec<Span>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..Default::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

pub(crate) fn logs(log_records: Vec<LogRecord>) -> Vec<u8> {
    let scope_logs = vec![ScopeLogs { log_records, ..Default::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..Default::default() }];
    ExportLogsServiceRequest { resource_logs }.encode_to_vec()
}

/// One connection of a client.
pub(crate) struct Exporter {
    http: String,
    key: String,
    client: reqwest::Client,
}

impl Exporter {
    pub(crate) fn new(server: &Server, key: &str) -> Self {
        Self { http: server.http.clone(), key: key.to_owned(), client: client() }
    }

    /// Sends protobuf; well only if it was answered with success, and with nothing of it refused.
    pub(crate) async fn send(&self, path: &str, body: Vec<u8>) -> Result<(), String> {
        self.send_as(path, "application/x-protobuf", body).await
    }

    pub(crate) async fn send_as(&self, path: &str, form: &str, body: Vec<u8>) -> Result<(), String> {
        let request = self.client.post(format!("http://{}{path}", self.http)).bearer_auth(&self.key);
        let answer = request.header("content-type", form).body(body).send().await;
        let answer = answer.map_err(|error| error.to_string())?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| error.to_string())?;
        if status.as_u16() == 200 && matches!(text.as_str(), "" | "{}") {
            return Ok(());
        }
        Err(format!("{status}: {text}"))
    }
}
