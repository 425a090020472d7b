//! The layouts of the messages, as tables: one walk serves checking, editing, JSON in and JSON out.

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    Traces,
    Logs,
}

impl Signal {
    pub(crate) fn request(self) -> &'static Message {
        match self {
            Self::Traces => &TRACES,
            Self::Logs => &LOGS,
        }
    }

    pub(crate) fn group(self) -> &'static Message {
        match self {
            Self::Traces => &RESOURCE_SPANS,
            Self::Logs => &RESOURCE_LOGS,
        }
    }
}

/// Field numbers that are alike in traces and logs, which is why one record form serves both.
pub(crate) const GROUPS: u32 = 1;
pub(crate) const GROUP_RESOURCE: u32 = 1;
pub(crate) const GROUP_SCOPES: u32 = 2;
pub(crate) const SCOPED_SCOPE: u32 = 1;
pub(crate) const SCOPED_RECORDS: u32 = 2;
/// `stringValue`: what stands in the place of a number that was redacted.
pub(crate) const ANY_VALUE_STRING: u32 = 1;
/// The other variants of a value that plain JSON has as well.
pub(crate) const ANY_VALUE_BOOL: u32 = 2;
pub(crate) const ANY_VALUE_INT: u32 = 3;
pub(crate) const ANY_VALUE_DOUBLE: u32 = 4;
pub(crate) const ANY_VALUE_ARRAY: u32 = 5;
pub(crate) const ANY_VALUE_MAP: u32 = 6;

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) fields: &'static [Field],
    pub(crate) role: Role,
}

/// What the walk does at a message beyond walking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Plain,
    /// A span or a log record: it is rejected alone.
    Record,
    /// A key and its value: the key travels with the strings of the value.
    KeyValue,
    /// Any value: lenient JSON may write it plainly.
    Value,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    /// The name in OTLP/JSON, lowerCamelCase.
    pub(crate) json: &'static str,
    pub(crate) kind: Kind,
    pub(crate) repeated: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Message(&'static Message),
    Text,
    Bytes,
    /// Bytes that OTLP/JSON writes as hexadecimal digits, of this length.
    Id(usize),
    Bool,
    /// Of `AnyValue` alone, as is `Double`: both may turn into a text.
    Int64,
    Uint32,
    /// A number, and the names by which lenient JSON may call it.
    Enum(&'static [(&'static str, i32)]),
    Fixed64,
    Fixed32,
    Double,
}

impl Message {
    /// The field of this number; of several names of one the first is that of today.
    pub(crate) fn field(&self, number: u32) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.number == number)
    }

    /// The field that JSON calls so: in lowerCamelCase, or as the protocol's own files write it, with underscores.
    pub(crate) fn named(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.json == name || is_snake_case_of(name, field.json))
    }
}

fn is_snake_case_of(name: &str, camel: &str) -> bool {
    let mut rest = name.bytes();
    name.contains('_')
        && camel.bytes().all(|byte| {
            let is_next = |wanted: u8, rest: &mut std::str::Bytes<'_>| rest.next() == Some(wanted);
            (!byte.is_ascii_uppercase() || is_next(b'_', &mut rest))
                && is_next(byte.to_ascii_lowercase(), &mut rest)
        })
        && rest.next().is_none()
}

const fn one(number: u32, json: &'static str, kind: Kind) -> Field {
    Field { number, json, kind, repeated: false }
}

const fn many(number: u32, json: &'static str, kind: Kind) -> Field {
    Field { number, json, kind, repeated: true }
}

const fn plain(fields: &'static [Field]) -> Message {
    Message { fields, role: Role::Plain }
}

use Kind::{Bool, Bytes, Double, Enum, Fixed32, Fixed64, Id, Int64, Text, Uint32};

pub(crate) static ANY_VALUE: Message = Message {
    fields: &[
        one(ANY_VALUE_STRING, "stringValue", Text),
        one(ANY_VALUE_BOOL, "boolValue", Bool),
        one(ANY_VALUE_INT, "intValue", Int64),
        one(ANY_VALUE_DOUBLE, "doubleValue", Double),
        one(ANY_VALUE_ARRAY, "arrayValue", Kind::Message(&ARRAY_VALUE)),
        one(ANY_VALUE_MAP, "kvlistValue", Kind::Message(&KEY_VALUE_LIST)),
        one(7, "bytesValue", Bytes),
    ],
    role: Role::Value,
};

pub(crate) const KEY_VALUE_KEY: u32 = 1;
pub(crate) const KEY_VALUE_VALUE: u32 = 2;

static ARRAY_VALUE: Message = plain(&[many(1, "values", Kind::Message(&ANY_VALUE))]);

static KEY_VALUE_LIST: Message = plain(&[many(1, "values", Kind::Message(&KEY_VALUE))]);

pub(crate) static KEY_VALUE: Message = Message {
    fields: &[one(KEY_VALUE_KEY, "key", Text), one(KEY_VALUE_VALUE, "value", Kind::Message(&ANY_VALUE))],
    role: Role::KeyValue,
};

static ENTITY_REF: Message = plain(&[
    one(1, "schemaUrl", Text),
    one(2, "type", Text),
    many(3, "idKeys", Text),
    many(4, "descriptionKeys", Text),
]);

static RESOURCE: Message = plain(&[
    many(1, "attributes", Kind::Message(&KEY_VALUE)),
    one(2, "droppedAttributesCount", Uint32),
    many(3, "entityRefs", Kind::Message(&ENTITY_REF)),
]);

static SCOPE: Message = plain(&[
    one(1, "name", Text),
    one(2, "version", Text),
    many(3, "attributes", Kind::Message(&KEY_VALUE)),
    one(4, "droppedAttributesCount", Uint32),
]);

static STATUS: Message = plain(&[one(2, "message", Text), one(3, "code", Enum(STATUS_CODES))]);

static EVENT: Message = plain(&[
    one(1, "timeUnixNano", Fixed64),
    one(2, "name", Text),
    many(3, "attributes", Kind::Message(&KEY_VALUE)),
    one(4, "droppedAttributesCount", Uint32),
]);

static LINK: Message = plain(&[
    one(1, "traceId", Id(16)),
    one(2, "spanId", Id(8)),
    one(3, "traceState", Text),
    many(4, "attributes", Kind::Message(&KEY_VALUE)),
    one(5, "droppedAttributesCount", Uint32),
    one(6, "flags", Fixed32),
]);

pub(crate) static SPAN: Message = Message {
    fields: &[
        one(1, "traceId", Id(16)),
        one(2, "spanId", Id(8)),
        one(3, "traceState", Text),
        one(4, "parentSpanId", Id(8)),
        one(16, "flags", Fixed32),
        one(5, "name", Text),
        one(6, "kind", Enum(SPAN_KINDS)),
        one(7, "startTimeUnixNano", Fixed64),
        one(8, "endTimeUnixNano", Fixed64),
        many(9, "attributes", Kind::Message(&KEY_VALUE)),
        one(10, "droppedAttributesCount", Uint32),
        many(11, "events", Kind::Message(&EVENT)),
        one(12, "droppedEventsCount", Uint32),
        many(13, "links", Kind::Message(&LINK)),
        one(14, "droppedLinksCount", Uint32),
        one(15, "status", Kind::Message(&STATUS)),
    ],
    role: Role::Record,
};

pub(crate) static LOG_RECORD: Message = Message {
    fields: &[
        one(1, "timeUnixNano", Fixed64),
        one(11, "observedTimeUnixNano", Fixed64),
        one(2, "severityNumber", Enum(SEVERITIES)),
        one(3, "severityText", Text),
        one(5, "body", Kind::Message(&ANY_VALUE)),
        many(6, "attributes", Kind::Message(&KEY_VALUE)),
        one(7, "droppedAttributesCount", Uint32),
        one(8, "flags", Fixed32),
        one(9, "traceId", Id(16)),
        one(10, "spanId", Id(8)),
        one(12, "eventName", Text),
    ],
    role: Role::Record,
};

static SCOPE_SPANS: Message = plain(&[
    one(SCOPED_SCOPE, "scope", Kind::Message(&SCOPE)),
    many(SCOPED_RECORDS, "spans", Kind::Message(&SPAN)),
    one(3, "schemaUrl", Text),
    one(SCOPED_SCOPE, "instrumentationLibrary", Kind::Message(&SCOPE)),
]);

static SCOPE_LOGS: Message = plain(&[
    one(SCOPED_SCOPE, "scope", Kind::Message(&SCOPE)),
    many(SCOPED_RECORDS, "logRecords", Kind::Message(&LOG_RECORD)),
    one(3, "schemaUrl", Text),
    one(SCOPED_SCOPE, "instrumentationLibrary", Kind::Message(&SCOPE)),
]);

static RESOURCE_SPANS: Message = plain(&[
    one(GROUP_RESOURCE, "resource", Kind::Message(&RESOURCE)),
    many(GROUP_SCOPES, "scopeSpans", Kind::Message(&SCOPE_SPANS)),
    one(3, "schemaUrl", Text),
    many(GROUP_SCOPES, "instrumentationLibrarySpans", Kind::Message(&SCOPE_SPANS)),
]);

static RESOURCE_LOGS: Message = plain(&[
    one(GROUP_RESOURCE, "resource", Kind::Message(&RESOURCE)),
    many(GROUP_SCOPES, "scopeLogs", Kind::Message(&SCOPE_LOGS)),
    one(3, "schemaUrl", Text),
    many(GROUP_SCOPES, "instrumentationLibraryLogs", Kind::Message(&SCOPE_LOGS)),
]);

static TRACES: Message = plain(&[many(GROUPS, "resourceSpans", Kind::Message(&RESOURCE_SPANS))]);

static LOGS: Message = plain(&[many(GROUPS, "resourceLogs", Kind::Message(&RESOURCE_LOGS))]);

const STATUS_CODES: &[(&str, i32)] =
    &[("STATUS_CODE_UNSET", 0), ("STATUS_CODE_OK", 1), ("STATUS_CODE_ERROR", 2)];

const SPAN_KINDS: &[(&str, i32)] = &[
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
];

const SEVERITIES: &[(&str, i32)] = &[
    ("SEVERITY_NUMBER_UNSPECIFIED", 0),
    ("SEVERITY_NUMBER_TRACE", 1),
    ("SEVERITY_NUMBER_TRACE2", 2),
    ("SEVERITY_NUMBER_TRACE3", 3),
    ("SEVERITY_NUMBER_TRACE4", 4),
    ("SEVERITY_NUMBER_DEBUG", 5),
    ("SEVERITY_NUMBER_DEBUG2", 6),
    ("SEVERITY_NUMBER_DEBUG3", 7),
    ("SEVERITY_NUMBER_DEBUG4", 8),
    ("SEVERITY_NUMBER_INFO", 9),
    ("SEVERITY_NUMBER_INFO2", 10),
    ("SEVERITY_NUMBER_INFO3", 11),
    ("SEVERITY_NUMBER_INFO4", 12),
    ("SEVERITY_NUMBER_WARN", 13),
    ("SEVERITY_NUMBER_WARN2", 14),
    ("SEVERITY_NUMBER_WARN3", 15),
    ("SEVERITY_NUMBER_WARN4", 16),
    ("SEVERITY_NUMBER_ERROR", 17),
    ("SEVERITY_NUMBER_ERROR2", 18),
    ("SEVERITY_NUMBER_ERROR3", 19),
    ("SEVERITY_NUMBER_ERROR4", 20),
    ("SEVERITY_NUMBER_FATAL", 21),
    ("SEVERITY_NUMBER_FATAL2", 22),
    ("SEVERITY_NUMBER_FATAL3", 23),
    ("SEVERITY_NUMBER_FATAL4", 24),
];
