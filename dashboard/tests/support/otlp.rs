//! OTLP/JSON, written short.

use std::time::Duration;

use serde_json::{Value, json};
use treering_step::Timestamp;

/// Milliseconds after this moment are how samples tell the time.
pub(crate) const BEGIN: &str = "2026-11-22T12:41:07.318Z";

pub(crate) fn nanos(ms: f64) -> String {
    let begin: Timestamp = BEGIN.parse().unwrap();
    (u128::from(begin.as_nanos()) + Duration::from_secs_f64(ms / 1e3).as_nanos()).to_string()
}

/// One span in the making.
pub(crate) struct Span(Value);

pub(crate) fn span(id: u64, parent: u64, name: &str, from_ms: f64, to_ms: f64) -> Span {
    let parent = if parent == 0 { String::new() } else { format!("{parent:016x}") };
    Span(json!({
        "spanId": format!("{id:016x}"), "parentSpanId": parent, "name": name, "kind": 1,
        "startTimeUnixNano": nanos(from_ms), "endTimeUnixNano": nanos(to_ms),
        "attributes": [], "events": [], "status": {},
    }))
}

impl Span {
    pub(crate) fn with(mut self, field: &str, value: Value) -> Self {
        self.0[field] = value;
        self
    }

    pub(crate) fn attributes(self, attributes: Value) -> Self {
        let list = list(&attributes);
        self.with("attributes", list)
    }

    pub(crate) fn failed(self, message: &str) -> Self {
        self.with("status", json!({"code": 2, "message": message}))
    }

    pub(crate) fn ok(self) -> Self {
        self.with("status", json!({"code": 1}))
    }

    pub(crate) fn event(mut self, name: &str, at_ms: f64, attributes: Value) -> Self {
        let event = json!({"name": name, "timeUnixNano": nanos(at_ms), "attributes": list(&attributes)});
        self.0["events"].as_array_mut().unwrap().push(event);
        self
    }
}

/// A request of one execution.
pub(crate) fn request(trace: u64, spans: impl IntoIterator<Item = Span>) -> Value {
    let spans: Vec<_> =
        spans.into_iter().map(|span| span.with("traceId", json!(trace_id(trace))).0).collect();
    json!({"resourceSpans": [{
        "resource": {"attributes": list(&json!({"service.name": "ring-reader"}))},
        "scopeSpans": [{"scope": {"name": "sample"}, "spans": spans}],
    }]})
}

pub(crate) fn trace_id(number: u64) -> String {
    format!("8f3a{number:024x}c21e")
}

fn list(attributes: &Value) -> Value {
    attributes
        .as_object()
        .unwrap()
        .iter()
        .map(|(key, value)| json!({"key": key, "value": any(value)}))
        .collect()
}

fn any(value: &Value) -> Value {
    match value {
        Value::String(text) => json!({"stringValue": text}),
        Value::Bool(truth) => json!({"boolValue": truth}),
        Value::Number(number) if number.is_f64() => json!({"doubleValue": number}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::Array(items) => json!({"arrayValue": {"values": items.iter().map(any).collect::<Vec<_>>()}}),
        Value::Object(_) => json!({"kvlistValue": {"values": list(value)}}),
        Value::Null => json!({}),
    }
}

/// A log record at this moment; of no span where that is 0.
pub(crate) fn log(span: u64, event: &str, at_ms: f64, attributes: Value) -> Value {
    let span = if span == 0 { String::new() } else { format!("{span:016x}") };
    json!({"eventName": event, "timeUnixNano": nanos(at_ms), "spanId": span, "attributes": list(&attributes)})
}

/// A request of log records of one execution.
pub(crate) fn logs(trace: u64, records: impl IntoIterator<Item = Value>) -> Value {
    let record = |mut record: Value| {
        record["traceId"] = json!(trace_id(trace));
        record
    };
    let records: Vec<_> = records.into_iter().map(record).collect();
    json!({"resourceLogs": [{
        "resource": {"attributes": list(&json!({"service.name": "ring-reader"}))},
        "scopeLogs": [{"scope": {"name": "sample"}, "logRecords": records}],
    }]})
}

/// The same request from another instrumentation.
pub(crate) fn from(mut request: Value, scope: &str, version: &str) -> Value {
    for (resources, scopes) in [("resourceSpans", "scopeSpans"), ("resourceLogs", "scopeLogs")] {
        if request[resources].is_array() {
            request[resources][0][scopes][0]["scope"] = json!({"name": scope, "version": version});
        }
    }
    request
}
