//! A record put into the words of the GenAI conventions. Runs on the export thread, not on the user's.

mod attributes;
mod content;
mod screen;
mod status;

use std::collections::HashSet;

use serde_json::{Map, Value as Json};
use tracing::Metadata;
use tracing::callsite::Identifier;
use treering_step::{Kind, SpanId, TraceId};

pub(crate) use attributes::Attributes;
pub(crate) use screen::Screen;
pub(crate) use status::{SpanKind, Standing};

use crate::Value;
use crate::fields::{self, Meaning};
use crate::record::{End, Head, Parent};
use crate::text::{self, Returned};
use crate::told::{Failure, Happening, Told};
use crate::written::{FieldItem, Raw};

/// A step, ready to be exported.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "spill", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Finished {
    pub(crate) name: String,
    #[cfg(any(test, feature = "testing"))]
    pub(crate) kind: Kind,
    pub(crate) span_kind: SpanKind,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent: Option<Parent>,
    /// Nanoseconds since 1970.
    pub(crate) began_at: u64,
    pub(crate) ended_at: u64,
    pub(crate) attributes: Attributes,
    pub(crate) events: Vec<FinishedEvent>,
    pub(crate) events_left_out: u32,
    pub(crate) links: Vec<(TraceId, SpanId)>,
    pub(crate) standing: Standing,
}

#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "spill", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct FinishedEvent {
    pub(crate) name: String,
    /// Nanoseconds since 1970.
    pub(crate) at: u64,
    pub(crate) attributes: Attributes,
}

/// What the fields of a record say, sorted by what they are for.
#[derive(Default)]
struct Sorted {
    attributes: Attributes,
    arguments: Map<String, Json>,
    /// What went in and out in somebody else's words.
    input: Option<Json>,
    output: Option<Json>,
    reasoning: String,
    failure: Option<Failure>,
    span_kind: Option<String>,
    status_code: Option<String>,
    status_description: Option<String>,
}

impl Sorted {
    fn sort(&mut self, entry: FieldItem<'_>, kind: Kind, target: &str) {
        match fields::meaning(&entry.name, kind, target) {
            Meaning::Attribute(name) => self.attributes.set(name, attributes::typed(name, entry.raw)),
            Meaning::Reasoning => self.reasoning = entry.raw.into_text(),
            Meaning::Failure => self.failure = Some(entry.raw.into()),
            Meaning::Input => self.input = Some(text::structure(entry.raw.into_text())),
            Meaning::Output => self.output = Some(text::structure(entry.raw.into_text())),
            Meaning::Usage => attributes::usage(&mut self.attributes, &entry.raw.into_text()),
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

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Running,
    Finished,
    Cancelled,
    Panicked,
    /// The program ended before it.
    Incomplete,
}

/// Puts steps into words.
#[derive(Debug, Default)]
pub(crate) struct Finisher {
    /// Functions that were seen to return: one of these that ends without returning was cancelled.
    returning: HashSet<Identifier>,
    screen: Screen,
}

impl Finisher {
    pub(crate) fn new(screen: Screen) -> Self {
        Self { returning: HashSet::new(), screen }
    }

    pub(crate) fn finish(
        &mut self,
        head: &Head,
        bytes: &[u8],
        callsites: &[&'static Metadata<'static>],
    ) -> Finished {
        let told = Told::read(head, bytes, callsites);
        let ending = self.ending(head, &told);
        let mut finished = finish(head, told, ending);
        self.screen.apply(&mut finished);
        finished
    }

    /// Every step of a thread comes by in the order in which they ended, so what has returned is known in time.
    fn ending(&mut self, head: &Head, told: &Told<'_>) -> Ending {
        let function = || head.metadata.callsite();
        if told.returned.is_some() {
            self.returning.insert(function());
        }
        match head.end {
            End::None => Ending::Running,
            End::Incomplete => Ending::Incomplete,
            End::Panicked => Ending::Panicked,
            End::Finished if !told.answered && self.returning.contains(&function()) => Ending::Cancelled,
            End::Finished => Ending::Finished,
        }
    }
}

fn finish(head: &Head, mut told: Told<'_>, ending: Ending) -> Finished {
    let name = told.entries.get("otel.name").cloned().map(Raw::into_text);
    let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| head.metadata.name().to_owned());
    let target = head.metadata.target();
    let kind = fields::kind(&name, target, &told.entries);
    let mut sorted = Sorted::default();
    attributes::kind(&mut sorted.attributes, kind);
    for entry in std::mem::take(&mut told.entries) {
        sorted.sort(entry, kind, target);
    }
    let output = output(&mut told, &mut sorted);
    let input = input(&mut told, &mut sorted);
    sorted.reasoning = join(std::mem::take(&mut sorted.reasoning), &told.reasoning);
    content::describe(kind, &name, input, output, &sorted.reasoning, &mut sorted.attributes);
    attributes::circumstances(&mut sorted.attributes, head, &told, ending);
    let standing = status::standing(&told, ending, &mut sorted);
    Finished {
        span_kind: status::span_kind(sorted.span_kind.as_deref(), kind),
        standing,
        name,
        #[cfg(any(test, feature = "testing"))]
        kind,
        trace_id: head.trace_id,
        span_id: head.span_id,
        parent: head.parent,
        began_at: head.began_at,
        ended_at: head.began_at.saturating_add(head.duration),
        attributes: sorted.attributes,
        events: told.happenings.into_iter().map(|happening| event(happening, head)).collect(),
        events_left_out: told.happenings_left_out,
        links: told.links,
    }
}

/// The input that the author gave, else the arguments of the function.
fn input(told: &mut Told<'_>, sorted: &mut Sorted) -> Option<Json> {
    let arguments = std::mem::take(&mut sorted.arguments);
    match told.input.take() {
        Some(given) => Some(read_back(&given)),
        None => sorted.input.take().or((!arguments.is_empty()).then_some(Json::Object(arguments))),
    }
}

/// The output that the author gave, else what the function returned; a returned `Err` is a failure.
fn output(told: &mut Told<'_>, sorted: &mut Sorted) -> Option<Json> {
    let returned = told.returned.take().map_or(Returned::Nothing, |text| text::returned(text.into_owned()));
    let given = told.output.take().map(|given| read_back(&given)).or_else(|| sorted.output.take());
    match returned {
        Returned::Output(value) => given.or(Some(value)),
        Returned::Nothing => given,
        Returned::Failure(message) => {
            sorted.failure.get_or_insert(Failure { message, causes: String::new() });
            given
        }
    }
}

/// Reads JSON that `Step` wrote; what is not JSON stays visible as a text.
fn read_back(written: &str) -> Json {
    serde_json::from_str(written).unwrap_or_else(|_| Json::from(written))
}

fn json(raw: Raw<'_>) -> Json {
    match raw {
        Raw::Debug(debug) => text::json_of_debug(debug.text.into_owned()),
        Raw::Failure(message, _) => Json::String(message.text.into_owned()),
        plain => attributes::value(plain).to_json(),
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

fn event(happening: Happening<'_>, head: &Head) -> FinishedEvent {
    let at = happening.time(head);
    let mut attributes = Attributes::default();
    attributes.set("level", Value::from(happening.metadata.level().as_str()));
    let mut name = None;
    for entry in happening.entries {
        match (entry.name.as_ref(), entry.raw) {
            ("error", raw) => {
                name = Some(String::from("exception"));
                attributes::exception(&mut attributes, &raw.into());
            }
            (field, raw) => {
                let value = attributes::typed(field, raw);
                attributes.set(entry.name, value);
            }
        }
    }
    let name = name.unwrap_or_else(|| event_name(happening.metadata.name(), &mut attributes));
    FinishedEvent { name, at, attributes }
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
