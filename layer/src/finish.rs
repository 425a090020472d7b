//! A record put into the words of the GenAI conventions. Runs on the export thread, not on the user's.

mod attributes;
mod content;
mod status;

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value as Json};
use treering_step::{Kind, SpanId, TraceId};

pub(crate) use attributes::Attributes;
pub(crate) use status::{SpanKind, Standing};

use crate::Value;
use crate::fields::{self, Meaning};
use crate::record::{Entry, EventRecord, Failure, Parent, Raw, Record};
use crate::text::{self, Returned};

/// A step, ready to be exported.
#[derive(Debug, Clone)]
pub(crate) struct Finished {
    pub(crate) name: String,
    #[cfg(any(test, feature = "testing"))]
    pub(crate) kind: Kind,
    pub(crate) span_kind: SpanKind,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent: Option<Parent>,
    pub(crate) began_at: SystemTime,
    pub(crate) duration: Duration,
    pub(crate) attributes: Attributes,
    pub(crate) events: Vec<FinishedEvent>,
    pub(crate) events_left_out: u32,
    pub(crate) links: Vec<(TraceId, SpanId)>,
    pub(crate) standing: Standing,
}

#[derive(Debug, Clone)]
pub(crate) struct FinishedEvent {
    pub(crate) name: String,
    pub(crate) at: SystemTime,
    pub(crate) attributes: Attributes,
}

/// What the fields of a record say, sorted by what they are for.
#[derive(Default)]
struct Sorted {
    attributes: Attributes,
    arguments: Map<String, Json>,
    reasoning: String,
    failure: Option<Failure>,
    span_kind: Option<String>,
    status_code: Option<String>,
    status_description: Option<String>,
}

impl Sorted {
    fn sort(&mut self, entry: Entry, kind: Kind) {
        match fields::meaning(&entry.name, kind) {
            Meaning::Attribute(name) => self.attributes.set(name, attributes::typed(name, entry.raw)),
            Meaning::Reasoning => self.reasoning = entry.raw.into_text(),
            Meaning::Failure => self.failure = Some(failure(entry.raw)),
            Meaning::SpanKind => self.span_kind = Some(entry.raw.into_text()),
            Meaning::StatusCode => self.status_code = Some(entry.raw.into_text()),
            Meaning::StatusDescription => self.status_description = Some(entry.raw.into_text()),
            Meaning::Kind | Meaning::Identity | Meaning::Name => {}
            Meaning::Unknown if entry.late || entry.name.contains('.') => {
                let value = attributes::typed(&entry.name, entry.raw);
                self.attributes.set(entry.name, value);
            }
            Meaning::Unknown => {
                self.arguments.insert(entry.name.into_owned(), json(entry.raw));
            }
        }
    }
}

/// Puts a record into words.
pub(crate) fn finish(mut record: Record) -> Finished {
    let name = record.entries.get("otel.name").cloned().map(Raw::into_text);
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| record.metadata.name().to_owned());
    let kind = fields::kind(&name, &record.entries);
    let mut sorted = Sorted::default();
    attributes::kind(&mut sorted.attributes, kind);
    for entry in std::mem::take(&mut record.entries) {
        sorted.sort(entry, kind);
    }
    let output = output(&mut record, &mut sorted);
    let input = input(&mut record, &mut sorted);
    sorted.reasoning = join(std::mem::take(&mut sorted.reasoning), &record.reasoning);
    content::describe(kind, &name, input, output, &sorted.reasoning, &mut sorted.attributes);
    attributes::circumstances(&mut sorted.attributes, &record);
    let standing = status::standing(&record, &mut sorted);
    Finished {
        span_kind: status::span_kind(sorted.span_kind.as_deref(), kind),
        standing,
        name,
        #[cfg(any(test, feature = "testing"))]
        kind,
        trace_id: record.trace_id,
        span_id: record.span_id,
        parent: record.parent,
        began_at: record.began_at,
        duration: record.duration,
        attributes: sorted.attributes,
        events: record.events.into_iter().map(event).collect(),
        events_left_out: record.events_left_out,
        links: record.links,
    }
}

/// The input that the author gave, else the arguments of the function.
fn input(record: &mut Record, sorted: &mut Sorted) -> Option<Json> {
    let arguments = std::mem::take(&mut sorted.arguments);
    match record.input.take() {
        Some(given) => Some(read_back(given)),
        None => (!arguments.is_empty()).then_some(Json::Object(arguments)),
    }
}

/// The output that the author gave, else what the function returned; a returned `Err` is a failure.
fn output(record: &mut Record, sorted: &mut Sorted) -> Option<Json> {
    let returned = record.returned.take().map_or(Returned::Nothing, text::returned);
    let given = record.output.take().map(read_back);
    match returned {
        Returned::Output(value) => given.or(Some(value)),
        Returned::Nothing => given,
        Returned::Failure(message) => {
            sorted.failure.get_or_insert(Failure { message, causes: String::new() });
            given
        }
    }
}

/// Reads JSON that `Step` wrote; were it not JSON, it would stay visible as a text.
fn read_back(written: String) -> Json {
    serde_json::from_str(&written).unwrap_or(Json::String(written))
}

fn json(raw: Raw) -> Json {
    match raw {
        Raw::Value(value) => value.to_json(),
        Raw::Debug(debug) => text::json_of_debug(debug),
        Raw::Failure(failure) => Json::String(failure.message),
    }
}

fn failure(raw: Raw) -> Failure {
    match raw {
        Raw::Failure(failure) => failure,
        other => Failure { message: other.into_text(), causes: String::new() },
    }
}

fn join(mut first: String, second: &str) -> String {
    if !first.is_empty() && !second.is_empty() {
        first.push_str("\n\n");
    }
    first.push_str(second);
    first
}

/// A message that is longer than this is an attribute of its event, not its name.
const LONGEST_NAME: usize = 200;

fn event(record: EventRecord) -> FinishedEvent {
    let mut attributes = Attributes::default();
    attributes.set("level", Value::from(record.metadata.level().as_str()));
    let mut name = None;
    for entry in record.entries {
        match (entry.name.as_ref(), entry.raw) {
            ("error", raw) => {
                name = Some(String::from("exception"));
                attributes::exception(&mut attributes, &failure(raw));
            }
            (field, raw) => attributes.set(field.to_owned(), attributes::typed(field, raw)),
        }
    }
    let name = name.unwrap_or_else(|| event_name(record.metadata.name(), &mut attributes));
    FinishedEvent { name, at: record.at, attributes }
}

/// The name that its author gave, else its message if it is short.
fn event_name(given: &str, attributes: &mut Attributes) -> String {
    if !given.starts_with("event ") {
        return given.to_owned();
    }
    match attributes.text("message").filter(|message| message.len() <= LONGEST_NAME).map(str::to_owned) {
        Some(message) => {
            attributes.remove("message");
            message
        }
        None => String::from("event"),
    }
}
