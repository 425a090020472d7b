use opentelemetry::trace::{Event, Link, SpanContext, SpanKind as OtelKind, Status, TraceFlags, TraceState};
use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId as OtelSpanId, StringValue, TraceId as OtelTraceId,
    Value as OtelValue,
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use treering_step::{SpanId, TraceId, attributes as names};

use crate::Value;
use crate::finish::{Attributes, Finished, FinishedEvent, SpanKind, Standing};
use crate::source::as_time;

/// Bytes of a span beside its name, attributes and events: ids, times, status, lengths.
const FRAME: usize = 160;

/// A step as the exporter takes it. Texts stay shared, so that a batch which is sent again costs no copies.
pub(super) fn span(step: &Finished, scope: &InstrumentationScope) -> SpanData {
    SpanData {
        span_context: context(step.trace_id, step.span_id, TraceFlags::SAMPLED),
        parent_span_id: step.parent.map_or(OtelSpanId::INVALID, |parent| span_id(parent.span_id)),
        parent_span_is_remote: step.parent.is_some_and(|parent| parent.remote),
        span_kind: kind(step.span_kind),
        name: step.name.clone().into(),
        start_time: as_time(step.began_at),
        end_time: as_time(step.ended_at),
        attributes: key_values(&step.attributes),
        dropped_attributes_count: 0,
        events: events(&step.events, step.events_left_out),
        links: links(&step.links),
        status: status(&step.standing),
        instrumentation_scope: scope.clone(),
    }
}

/// The layer's own scope; it carries how many steps were lost since the collector was last told.
pub(super) fn scope(lost: u64) -> InstrumentationScope {
    let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME")).with_version(env!("CARGO_PKG_VERSION"));
    if lost == 0 {
        return scope.build();
    }
    let count = i64::try_from(lost).unwrap_or(i64::MAX);
    scope.with_attributes([KeyValue::new(names::TREERING_DROPPED_STEPS, count)]).build()
}

/// Bytes of a step on the wire, or a little more.
pub(super) fn weight(step: &Finished) -> usize {
    let events: usize =
        step.events.iter().map(|event| event.name.len() + event.attributes.weight() + 32).sum();
    let status = match &step.standing {
        Standing::Error(description) => description.len(),
        Standing::Ok | Standing::Unset => 0,
    };
    FRAME + step.name.len() + step.attributes.weight() + events + step.links.len() * 48 + status
}

fn context(trace_id: TraceId, span_id_: SpanId, flags: TraceFlags) -> SpanContext {
    let trace_id = OtelTraceId::from_bytes(*trace_id.as_bytes());
    SpanContext::new(trace_id, span_id(span_id_), flags, false, TraceState::default())
}

fn span_id(id: SpanId) -> OtelSpanId {
    OtelSpanId::from_bytes(*id.as_bytes())
}

fn kind(kind: SpanKind) -> OtelKind {
    match kind {
        SpanKind::Internal => OtelKind::Internal,
        SpanKind::Client => OtelKind::Client,
        SpanKind::Server => OtelKind::Server,
        SpanKind::Producer => OtelKind::Producer,
        SpanKind::Consumer => OtelKind::Consumer,
    }
}

fn status(standing: &Standing) -> Status {
    match standing {
        Standing::Unset => Status::Unset,
        Standing::Ok => Status::Ok,
        Standing::Error(description) => Status::error(description.clone()),
    }
}

fn events(events: &[FinishedEvent], left_out: u32) -> SpanEvents {
    let mut all = SpanEvents::default();
    all.events = events
        .iter()
        .map(|event| Event::new(event.name.clone(), as_time(event.at), key_values(&event.attributes), 0))
        .collect();
    all.dropped_count = left_out;
    all
}

fn links(links: &[(TraceId, SpanId)]) -> SpanLinks {
    let mut all = SpanLinks::default();
    all.links = links
        .iter()
        .map(|(trace_id, span_id)| Link::with_context(context(*trace_id, *span_id, TraceFlags::SAMPLED)))
        .collect();
    all
}

fn key_values(attributes: &Attributes) -> Vec<KeyValue> {
    attributes.iter().map(|(name, value)| KeyValue::new(name.clone(), otel_value(value))).collect()
}

fn otel_value(value: &Value) -> OtelValue {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Text(text) => text.clone().into(),
        Value::Texts(texts) => {
            OtelValue::Array(texts.iter().cloned().map(StringValue::from).collect::<Vec<_>>().into())
        }
    }
}
