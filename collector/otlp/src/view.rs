//! Records to read from, borrowed from their bytes.

use treering_step::{SpanId, Timestamp, TraceId};

use crate::export::messages;
use crate::schema::{GROUP_RESOURCE, GROUP_SCOPES, SCOPED_SCOPE};
use crate::value::{Attributes, Value, fields};
use crate::wire::RawValue;

/// Bit 9 of a span's flags: its parent lives in another process (bit 8 says that this is known).
const PARENT_IS_REMOTE: u32 = 0x300;

/// Who made a record: the instrumentation scope, and the resource that it ran on.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The name of the instrumentation scope.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Its attributes.
    pub attributes: Attributes<'a>,
    /// The attributes of the resource, such as `service.name`.
    pub resource: Attributes<'a>,
}

/// A span.
#[derive(Debug, Clone, Copy)]
pub struct Span<'a> {
    pub scope: Scope<'a>,
    /// `None` only for bytes that were never at the door.
    pub trace_id: Option<TraceId>,
    pub span_id: Option<SpanId>,
    pub parent_span_id: Option<SpanId>,
    /// True where the exporter says that the parent lives in another process.
    pub remote_parent: bool,
    pub name: &'a str,
    /// As OTLP numbers it: 1 internal, 2 server, 3 client, 4 producer, 5 consumer.
    pub kind: u64,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub attributes: Attributes<'a>,
    pub dropped_attributes: u64,
    /// As OTLP numbers it: 0 unset, 1 ok, 2 error.
    pub status_code: u64,
    pub status_message: &'a str,
    message: &'a [u8],
}

/// An event of a span.
#[derive(Debug, Clone, Copy)]
pub struct SpanEvent<'a> {
    pub name: &'a str,
    pub at: Option<Timestamp>,
    pub attributes: Attributes<'a>,
}

/// A link of a span.
#[derive(Debug, Clone, Copy)]
pub struct SpanLink<'a> {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub attributes: Attributes<'a>,
}

/// A log record.
#[derive(Debug, Clone, Copy)]
pub struct LogRecord<'a> {
    pub scope: Scope<'a>,
    pub trace_id: Option<TraceId>,
    pub span_id: Option<SpanId>,
    /// When it was written, else when it was first seen.
    pub at: Option<Timestamp>,
    pub event_name: &'a str,
    /// 1–4 trace, 5–8 debug, 9–12 info, 13–16 warn, 17–20 error, 21–24 fatal; 0 unknown.
    pub severity: u64,
    pub severity_text: &'a str,
    pub body: Value<'a>,
    pub attributes: Attributes<'a>,
}

impl<'a> Scope<'a> {
    fn parse(context: &'a [u8]) -> Self {
        // Of what came twice the last counts, here as everywhere.
        let resource = messages(context, GROUP_RESOURCE).last().unwrap_or_default();
        let scoped = messages(context, GROUP_SCOPES).next().unwrap_or_default();
        let scope = messages(scoped, SCOPED_SCOPE).last().unwrap_or_default();
        Self {
            name: text(scope, 1),
            version: text(scope, 2),
            attributes: Attributes::of(scope, 3),
            resource: Attributes::of(resource, 1),
        }
    }
}

impl<'a> Span<'a> {
    /// The span of this record, in the context that it came in.
    pub fn parse(context: &'a [u8], record: &'a [u8]) -> Self {
        let mut span = Self {
            scope: Scope::parse(context),
            trace_id: None,
            span_id: None,
            parent_span_id: None,
            remote_parent: false,
            name: "",
            kind: 0,
            started_at: None,
            ended_at: None,
            attributes: Attributes::of(record, 9),
            dropped_attributes: 0,
            status_code: 0,
            status_message: "",
            message: record,
        };
        for field in fields(record) {
            span.read(field.number, field.value);
        }
        span
    }

    fn read(&mut self, number: u32, value: RawValue<'a>) {
        match (number, value) {
            (1, RawValue::Bytes(id)) => self.trace_id = TraceId::from_bytes(id),
            (2, RawValue::Bytes(id)) => self.span_id = SpanId::from_bytes(id),
            (4, RawValue::Bytes(id)) => self.parent_span_id = SpanId::from_bytes(id),
            (5, RawValue::Bytes(name)) => self.name = utf8(name),
            (6, RawValue::Varint(kind)) => self.kind = low(kind),
            (7, RawValue::Fixed64(nanos)) => self.started_at = Timestamp::from_nanos(nanos),
            (8, RawValue::Fixed64(nanos)) => self.ended_at = Timestamp::from_nanos(nanos),
            (10, RawValue::Varint(count)) => self.dropped_attributes = low(count),
            (15, RawValue::Bytes(status)) => {
                self.status_message = text(status, 2);
                self.status_code = varint(status, 3);
            }
            (16, RawValue::Fixed32(flags)) => {
                self.remote_parent = flags & PARENT_IS_REMOTE == PARENT_IS_REMOTE;
            }
            _ => {}
        }
    }

    /// Its events, in the order of the bytes.
    pub fn events(&self) -> impl Iterator<Item = SpanEvent<'a>> {
        messages(self.message, 11).map(|event| SpanEvent {
            name: text(event, 2),
            at: Timestamp::from_nanos(fixed64(event, 1)),
            attributes: Attributes::of(event, 3),
        })
    }

    /// Its links; one whose ids are invalid points nowhere and is left out.
    pub fn links(&self) -> impl Iterator<Item = SpanLink<'a>> {
        messages(self.message, 13).filter_map(|link| {
            Some(SpanLink {
                trace_id: TraceId::from_bytes(bytes(link, 1))?,
                span_id: SpanId::from_bytes(bytes(link, 2))?,
                attributes: Attributes::of(link, 4),
            })
        })
    }
}

impl<'a> LogRecord<'a> {
    /// The log record, in the context that it came in.
    pub fn parse(context: &'a [u8], record: &'a [u8]) -> Self {
        let at = [fixed64(record, 1), fixed64(record, 11)].into_iter().find_map(Timestamp::from_nanos);
        Self {
            scope: Scope::parse(context),
            trace_id: TraceId::from_bytes(bytes(record, 9)),
            span_id: SpanId::from_bytes(bytes(record, 10)),
            at,
            event_name: text(record, 12),
            severity: varint(record, 2),
            severity_text: text(record, 3),
            body: messages(record, 5).last().map_or(Value::Empty, Value::parse),
            attributes: Attributes::of(record, 6),
        }
    }
}

fn utf8(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn bytes(message: &[u8], number: u32) -> &[u8] {
    messages(message, number).last().unwrap_or_default()
}

fn text(message: &[u8], number: u32) -> &str {
    utf8(bytes(message, number))
}

/// Of a number that is too long for an enum or a count, protobuf reads the low 32 bits.
fn low(number: u64) -> u64 {
    number & u64::from(u32::MAX)
}

fn varint(message: &[u8], number: u32) -> u64 {
    let value = |field: crate::wire::RawField<'_>| match field.value {
        RawValue::Varint(value) if field.number == number => Some(low(value)),
        _ => None,
    };
    fields(message).filter_map(value).last().unwrap_or(0)
}

fn fixed64(message: &[u8], number: u32) -> u64 {
    let value = |field: crate::wire::RawField<'_>| match field.value {
        RawValue::Fixed64(value) if field.number == number => Some(value),
        _ => None,
    };
    fields(message).filter_map(value).last().unwrap_or(0)
}
