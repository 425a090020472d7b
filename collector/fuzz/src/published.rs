//! What the published types (`opentelemetry-proto`) read in the same bytes.

use std::collections::HashMap;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProtoValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Map, Value as Json, json};
use treering_otlp::{Export, Malformed, Signal, Value};
use treering_step::{SpanId, Timestamp, TraceId};

/// What one record says, in words of neither side.
type Reading = Json;

/// The published types decode what was taken, count the same records, find no text that is not ours to redact, and
/// read the same in it as we do.
pub(super) fn protobuf(export: &Export) {
    let Some(theirs) = Published::decode(export.signal(), export.as_bytes()) else {
        panic!("the published types do not decode what was taken");
    };
    assert_eq!(theirs.readings.len(), export.records_count());
    let mut ours: HashMap<Vec<u8>, usize> = HashMap::new();
    for text in export.texts() {
        let bytes = &export.as_bytes()[text.start..text.start + text.text.len()];
        *ours.entry(bytes.to_vec()).or_default() += 1;
    }
    for text in theirs.texts.iter().filter(|text| !text.is_empty()) {
        let left = ours.get_mut(text).expect("every text is ours to redact");
        *left = left.checked_sub(1).expect("every text is ours to redact as often as it stands there");
    }
    // Of a field that came twice the two sides may believe different ones; written anew, each comes once.
    let anew =
        Export::from_protobuf(export.signal(), theirs.anew).expect("the published types write requests");
    assert!(anew.is_whole());
    assert_eq!(readings(&anew), theirs.readings);
}

/// What the published types take, we take, and read the same in it, except for what they read in their own way.
pub(super) fn json(signal: Signal, json: &[u8], ours: Result<Export, Malformed>) {
    let Some(theirs) = Published::from_json(signal, json) else { return };
    // What is nested too deep to be looked at is ignored by both.
    let Ok(json) = serde_json::from_slice(json) else { return };
    if is_theirs_alone(&json) || has_other_spellings(&json) {
        return;
    }
    let ours = ours.expect("what the published types take is taken");
    if ours.rejected().count == 0 {
        assert_eq!(readings(&ours), theirs.readings);
    }
}

/// A list where an object belongs, which they take for the fields of the object in their order.
fn is_theirs_alone(json: &Json) -> bool {
    const OBJECTS: [&str; 7] = ["resource", "scope", "status", "value", "body", "arrayValue", "kvlistValue"];
    match json {
        Json::Array(_) => true,
        Json::Object(map) => map.iter().any(|(key, value)| match value {
            Json::Array(list) => OBJECTS.contains(&key.as_str()) || list.iter().any(is_theirs_alone),
            value => is_theirs_alone(value),
        }),
        _ => false,
    }
}

/// Keys that they do not know and we do, such as `span_id`.
fn has_other_spellings(json: &Json) -> bool {
    match json {
        Json::Array(list) => list.iter().any(has_other_spellings),
        Json::Object(map) => map.iter().any(|(key, value)| {
            key.contains('_') || key.starts_with("instrumentation") || has_other_spellings(value)
        }),
        _ => false,
    }
}

/// The records as we read them.
pub(super) fn readings(export: &Export) -> Vec<Reading> {
    let read = |(context, record): &(std::sync::Arc<[u8]>, &[u8])| match export.signal() {
        Signal::Traces => our_span(&treering_otlp::Span::parse(context, record)),
        Signal::Logs => our_log(&treering_otlp::LogRecord::parse(context, record)),
    };
    export.records().iter().map(read).collect()
}

fn our_span(span: &treering_otlp::Span<'_>) -> Reading {
    let event = |event: treering_otlp::SpanEvent<'_>| json!({"name": event.name, "at": event.at, "attributes": event.attributes.to_json()});
    let link = |link: treering_otlp::SpanLink<'_>| json!({"trace": link.trace_id, "span": link.span_id, "attributes": link.attributes.to_json()});
    json!({
        "scope": our_scope(&span.scope),
        "trace": span.trace_id, "span": span.span_id, "parent": span.parent_span_id, "remote": span.remote_parent,
        "name": span.name, "kind": span.kind, "from": span.started_at, "to": span.ended_at,
        "attributes": span.attributes.to_json(), "dropped": span.dropped_attributes,
        "code": span.status_code, "message": span.status_message,
        "events": span.events().map(event).collect::<Vec<_>>(), "links": span.links().map(link).collect::<Vec<_>>(),
    })
}

fn our_log(log: &treering_otlp::LogRecord<'_>) -> Reading {
    json!({
        "scope": our_scope(&log.scope), "trace": log.trace_id, "span": log.span_id, "at": log.at,
        "event": log.event_name, "severity": log.severity, "text": log.severity_text,
        "body": Value::to_json(log.body), "attributes": log.attributes.to_json(),
    })
}

fn our_scope(scope: &treering_otlp::Scope<'_>) -> Json {
    json!([scope.name, scope.version, scope.attributes.to_json(), scope.resource.to_json()])
}

struct Published {
    readings: Vec<Reading>,
    texts: Vec<Vec<u8>>,
    /// The request, written by the published types.
    anew: Vec<u8>,
}

impl Published {
    fn decode(signal: Signal, bytes: &[u8]) -> Option<Self> {
        Some(match signal {
            Signal::Traces => Self::of_traces(&ExportTraceServiceRequest::decode(bytes).ok()?),
            Signal::Logs => Self::of_logs(&ExportLogsServiceRequest::decode(bytes).ok()?),
        })
    }

    fn from_json(signal: Signal, json: &[u8]) -> Option<Self> {
        Some(match signal {
            Signal::Traces => Self::of_traces(&serde_json::from_slice(json).ok()?),
            Signal::Logs => Self::of_logs(&serde_json::from_slice(json).ok()?),
        })
    }

    fn of_traces(request: &ExportTraceServiceRequest) -> Self {
        let mut published = Self { readings: Vec::new(), texts: Vec::new(), anew: request.encode_to_vec() };
        for group in &request.resource_spans {
            published.text(&group.schema_url);
            published.resource(group.resource.as_ref());
            for scoped in &group.scope_spans {
                published.text(&scoped.schema_url);
                published.scope(scoped.scope.as_ref());
                for span in &scoped.spans {
                    let scope = their_scope(scoped.scope.as_ref(), group.resource.as_ref());
                    published.readings.push(their_span(&scope, span));
                    published.span(span);
                }
            }
        }
        published
    }

    fn of_logs(request: &ExportLogsServiceRequest) -> Self {
        let mut published = Self { readings: Vec::new(), texts: Vec::new(), anew: request.encode_to_vec() };
        for group in &request.resource_logs {
            published.text(&group.schema_url);
            published.resource(group.resource.as_ref());
            for scoped in &group.scope_logs {
                published.text(&scoped.schema_url);
                published.scope(scoped.scope.as_ref());
                for log in &scoped.log_records {
                    let scope = their_scope(scoped.scope.as_ref(), group.resource.as_ref());
                    published.readings.push(their_log(&scope, log));
                    [&log.severity_text, &log.event_name].into_iter().for_each(|text| published.text(text));
                    log.body.iter().for_each(|body| published.value(body));
                    published.attributes(&log.attributes);
                }
            }
        }
        published
    }

    fn text(&mut self, text: &str) {
        self.texts.push(text.as_bytes().to_vec());
    }

    fn resource(&mut self, resource: Option<&Resource>) {
        if let Some(resource) = resource {
            self.attributes(&resource.attributes);
            for entity in &resource.entity_refs {
                [&entity.schema_url, &entity.r#type].into_iter().for_each(|text| self.text(text));
                entity.id_keys.iter().chain(&entity.description_keys).for_each(|key| self.text(key));
            }
        }
    }

    fn scope(&mut self, scope: Option<&InstrumentationScope>) {
        if let Some(scope) = scope {
            [&scope.name, &scope.version].into_iter().for_each(|text| self.text(text));
            self.attributes(&scope.attributes);
        }
    }

    fn span(&mut self, span: &Span) {
        [&span.name, &span.trace_state].into_iter().for_each(|text| self.text(text));
        self.attributes(&span.attributes);
        span.status.iter().for_each(|status| self.text(&status.message));
        for event in &span.events {
            self.text(&event.name);
            self.attributes(&event.attributes);
        }
        for link in &span.links {
            self.text(&link.trace_state);
            self.attributes(&link.attributes);
        }
    }

    fn attributes(&mut self, attributes: &[KeyValue]) {
        for pair in attributes {
            self.text(&pair.key);
            pair.value.iter().for_each(|value| self.value(value));
        }
    }

    fn value(&mut self, value: &AnyValue) {
        match &value.value {
            Some(ProtoValue::StringValue(text)) => self.text(text),
            Some(ProtoValue::BytesValue(bytes)) => self.texts.push(bytes.clone()),
            Some(ProtoValue::ArrayValue(list)) => list.values.iter().for_each(|value| self.value(value)),
            Some(ProtoValue::KvlistValue(list)) => self.attributes(&list.values),
            _ => {}
        }
    }
}

fn their_span(scope: &Json, span: &Span) -> Reading {
    let events = span.events.iter().map(|event| {
        let at = Timestamp::from_nanos(event.time_unix_nano);
        json!({"name": event.name, "at": at, "attributes": their_attributes(&event.attributes)})
    });
    let links = span.links.iter().filter_map(|link| {
        let (trace, span) = (TraceId::from_bytes(&link.trace_id)?, SpanId::from_bytes(&link.span_id)?);
        Some(json!({"trace": trace, "span": span, "attributes": their_attributes(&link.attributes)}))
    });
    let status = span.status.clone().unwrap_or_default();
    json!({
        "scope": scope,
        "trace": TraceId::from_bytes(&span.trace_id), "span": SpanId::from_bytes(&span.span_id),
        "parent": SpanId::from_bytes(&span.parent_span_id), "remote": span.flags & 0x300 == 0x300,
        "name": span.name, "kind": span.kind.cast_unsigned(), "from": Timestamp::from_nanos(span.start_time_unix_nano),
        "to": Timestamp::from_nanos(span.end_time_unix_nano), "attributes": their_attributes(&span.attributes),
        "dropped": span.dropped_attributes_count, "code": status.code.cast_unsigned(), "message": status.message,
        "events": events.collect::<Vec<_>>(), "links": links.collect::<Vec<_>>(),
    })
}

fn their_log(scope: &Json, log: &LogRecord) -> Reading {
    let at = [log.time_unix_nano, log.observed_time_unix_nano].into_iter().find_map(Timestamp::from_nanos);
    json!({
        "scope": scope, "trace": TraceId::from_bytes(&log.trace_id), "span": SpanId::from_bytes(&log.span_id),
        "at": at, "event": log.event_name, "severity": log.severity_number.cast_unsigned(), "text": log.severity_text,
        "body": their_value(log.body.as_ref()), "attributes": their_attributes(&log.attributes),
    })
}

fn their_scope(scope: Option<&InstrumentationScope>, resource: Option<&Resource>) -> Json {
    let scope = scope.cloned().unwrap_or_default();
    let resource = resource.map_or_else(Map::new, |resource| their_attributes(&resource.attributes));
    json!([scope.name, scope.version, their_attributes(&scope.attributes), resource])
}

fn their_attributes(attributes: &[KeyValue]) -> Map<String, Json> {
    attributes.iter().map(|pair| (pair.key.clone(), their_value(pair.value.as_ref()))).collect()
}

fn their_value(value: Option<&AnyValue>) -> Json {
    match value.and_then(|value| value.value.as_ref()) {
        Some(ProtoValue::StringValue(text)) => json!(text),
        Some(ProtoValue::BoolValue(truth)) => json!(truth),
        Some(ProtoValue::IntValue(number)) => json!(number),
        Some(ProtoValue::DoubleValue(number)) if number.is_nan() => json!("NaN"),
        Some(ProtoValue::DoubleValue(number)) if number.is_infinite() && *number > 0.0 => json!("Infinity"),
        Some(ProtoValue::DoubleValue(number)) if number.is_infinite() => json!("-Infinity"),
        Some(ProtoValue::DoubleValue(number)) => json!(number),
        Some(ProtoValue::BytesValue(bytes)) => json!(base64(bytes)),
        Some(ProtoValue::ArrayValue(list)) => {
            list.values.iter().map(|value| their_value(Some(value))).collect()
        }
        Some(ProtoValue::KvlistValue(list)) => Json::Object(their_attributes(&list.values)),
        Some(ProtoValue::StringValueStrindex(_)) | None => Json::Null,
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        let digit = move |at: usize| char::from(DIGITS[(bits >> (18 - 6 * at)) as usize & 63]);
        let length = three.len();
        (0..4).map(move |at| if at <= length { digit(at) } else { '=' }).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}
