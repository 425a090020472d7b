//! Records out of a few words.
#![expect(clippy::needless_pass_by_value, reason = "a test writes its JSON where it is used")]

use serde_json::{Value as Json, json};
use treering_otlp::{Export, Signal};
use treering_redact::Record;
use treering_step::{SpanId, Step, Summary};

use crate::Prices;
use crate::support::records;

pub(super) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
pub(super) const SPAN: &str = "00f067aa0ba902b7";

/// The whole step, at the prices of the table.
pub(super) fn step(span: Option<&Record>, logs: &[Record]) -> Option<Step> {
    crate::step(span, logs, &Prices::default())
}

/// One summary a step, at the prices of the table.
pub(super) fn merge(partials: Vec<Summary>) -> Vec<Summary> {
    crate::merge(partials, &Prices::default())
}

/// A span under construction.
pub(super) struct A {
    scope: &'static str,
    span: Json,
}

impl A {
    pub(super) fn span(name: &str) -> Self {
        let span = json!({
            "traceId": TRACE, "spanId": SPAN, "name": name, "kind": 1,
            "startTimeUnixNano": "1000", "endTimeUnixNano": "3000",
        });
        Self { scope: "test", span }
    }

    pub(super) fn scope(mut self, scope: &'static str) -> Self {
        self.scope = scope;
        self
    }

    pub(super) fn field(mut self, key: &str, value: Json) -> Self {
        self.span[key] = value;
        self
    }

    pub(super) fn failed(self, message: &str) -> Self {
        self.field("status", json!({"code": 2, "message": message}))
    }

    pub(super) fn attributes(self, attributes: Json) -> Self {
        self.field("attributes", pairs(&attributes))
    }

    pub(super) fn event(mut self, name: &str, attributes: Json) -> Self {
        let event = json!({"name": name, "timeUnixNano": "2000", "attributes": pairs(&attributes)});
        match &mut self.span["events"] {
            Json::Array(events) => events.push(event),
            none => *none = json!([event]),
        }
        self
    }

    pub(super) fn record(self) -> Record {
        let request = json!({"resourceSpans": [{"scopeSpans": [{"scope": {"name": self.scope}, "spans": [self.span]}]}]});
        only(Signal::Traces, &request)
    }

    pub(super) fn step(self) -> Step {
        step(Some(&self.record()), &[]).expect("a span is a step")
    }
}

/// A log record of the span of these tests.
pub(super) fn log(event: &str, body: Json, attributes: Json) -> Record {
    let body = if body.is_null() { json!({}) } else { any(&body) };
    let record = json!({
        "traceId": TRACE, "spanId": SPAN, "eventName": event, "timeUnixNano": "2000",
        "body": body, "attributes": pairs(&attributes),
    });
    only(Signal::Logs, &json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}))
}

/// A log record of no span, with these fields; `resource` among them is that of its process.
pub(super) fn logged(mut record: Json, attributes: Json) -> Record {
    let resource =
        record.as_object_mut().and_then(|record| record.shift_remove("resource")).unwrap_or_default();
    record["attributes"] = pairs(&attributes);
    let resource = json!({"attributes": pairs(&resource)});
    only(
        Signal::Logs,
        &json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}),
    )
}

fn only(signal: Signal, request: &Json) -> Record {
    let export =
        Export::from_json(signal, request.to_string().as_bytes()).expect("the test writes valid requests");
    records(signal, &export).pop().expect("the request holds one record")
}

fn pairs(attributes: &Json) -> Json {
    let pair = |(key, value): (&String, &Json)| json!({"key": key, "value": any(value)});
    attributes.as_object().into_iter().flatten().map(pair).collect()
}

fn any(value: &Json) -> Json {
    match value {
        Json::Null => json!({}),
        Json::Bool(truth) => json!({"boolValue": truth}),
        Json::Number(number) if number.is_f64() => json!({"doubleValue": number}),
        Json::Number(number) => json!({"intValue": number.to_string()}),
        Json::String(text) => json!({"stringValue": text}),
        Json::Array(items) => json!({"arrayValue": {"values": items.iter().map(any).collect::<Json>()}}),
        Json::Object(_) => json!({"kvlistValue": {"values": pairs(value)}}),
    }
}

pub(super) fn id(number: u64) -> SpanId {
    SpanId::from_bytes(&number.to_be_bytes()).expect("not zero")
}

/// What was read of a step, without what merely came along.
pub(super) fn told(step: &Step) -> Json {
    let mut told = serde_json::to_value(step).expect("a step is JSON");
    let step = told.as_object_mut().expect("a step is an object");
    for key in ["span_id", "started_at", "ended_at", "duration_ns", "depth", "attributes", "events", "logs"] {
        step.shift_remove(key);
    }
    told
}
