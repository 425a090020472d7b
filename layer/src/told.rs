//! What a step was told, sorted by what it is for. Runs on the export thread, not on the user's.

use std::borrow::Cow;
use std::collections::VecDeque;

use tracing::{Level, Metadata};
use treering_step::{SpanId, TraceId};

use crate::fields;
use crate::record::Head;
use crate::source::{self, Tick};
use crate::text;
use crate::written::{EVENTS_KEPT, EventItem, FieldItem, Item, Own, Raw, Reader, Text};

/// Fields in the order in which they first came. The last value wins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entries<'a>(Vec<FieldItem<'a>>);

impl<'a> Entries<'a> {
    fn of(fields: impl Iterator<Item = FieldItem<'a>>) -> Self {
        let mut entries = Self::default();
        fields.for_each(|field| entries.put(field));
        entries
    }

    fn put(&mut self, field: FieldItem<'a>) {
        match self.0.iter_mut().find(|known| known.name == field.name) {
            Some(known) => known.raw = field.raw,
            None => self.0.push(field),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Raw<'a>> {
        self.0.iter().find(|entry| entry.name == name).map(|entry| &entry.raw)
    }

    fn take(&mut self, name: &str) -> Option<Raw<'a>> {
        let at = self.0.iter().position(|entry| entry.name == name)?;
        Some(self.0.remove(at).raw)
    }

    /// Takes the value of a field that stands alone.
    fn take_only(&mut self, name: &str) -> Option<Raw<'a>> {
        if self.0.len() == 1 { self.take(name) } else { None }
    }
}

impl<'a> IntoIterator for Entries<'a> {
    type Item = FieldItem<'a>;
    type IntoIter = std::vec::IntoIter<FieldItem<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// What went wrong, with the chain of its causes, one a line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) causes: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Happening<'a> {
    pub(crate) at: Tick,
    pub(crate) metadata: &'static Metadata<'static>,
    pub(crate) entries: Entries<'a>,
}

/// What a step was told.
#[derive(Debug, Default)]
pub(crate) struct Told<'a> {
    pub(crate) entries: Entries<'a>,
    /// JSON given with `Step::input`.
    pub(crate) input: Option<Cow<'a, str>>,
    /// JSON given with `Step::output`.
    pub(crate) output: Option<Cow<'a, str>>,
    /// The text of the `return` event.
    pub(crate) returned: Option<Cow<'a, str>>,
    pub(crate) reasoning: String,
    pub(crate) failure: Option<Failure>,
    pub(crate) happenings: VecDeque<Happening<'a>>,
    pub(crate) happenings_left_out: u32,
    pub(crate) links: Vec<(TraceId, SpanId)>,
    pub(crate) session: Option<Cow<'a, str>>,
    pub(crate) user: Option<Cow<'a, str>>,
    /// The function itself said how it ended, by `ret` or `err`.
    pub(crate) answered: bool,
    /// The names of texts that were cut, each with the bytes that it had.
    pub(crate) cuts: Vec<String>,
}

impl<'a> Told<'a> {
    pub(crate) fn read(head: &Head, bytes: &'a [u8], callsites: &'a [&'static Metadata<'static>]) -> Self {
        let mut told = Self { happenings_left_out: head.left_out.events, ..Self::default() };
        for item in Reader::new(bytes, callsites, head.metadata) {
            match item {
                Item::Field(mut field) => {
                    told.mend(&mut field);
                    told.entries.put(field);
                }
                Item::Event(event) => told.hear(event, head),
                Item::Link(trace_id, span_id) => told.links.push((trace_id, span_id)),
                Item::Own(own, text) => told.own(own, text),
            }
        }
        if head.parent.is_some_and(|parent| parent.remote) {
            told.entries.take("traceparent");
            told.entries.take("baggage");
        }
        told
    }

    fn own(&mut self, own: Own, mut text: Text<'a>) {
        self.mend_text(own.name(), &mut text);
        match own {
            Own::Input => self.input = Some(text.text),
            Own::Output => self.output = Some(text.text),
            Own::Reasoning => self.think(&text.text),
            Own::Session => self.session = Some(text.text),
            Own::User => self.user = Some(text.text),
        }
    }

    /// A text that was cut becomes whole in itself, and is told of.
    fn mend(&mut self, field: &mut FieldItem<'a>) {
        let texts: &mut [Text<'a>] = match &mut field.raw {
            Raw::Text(text) | Raw::Debug(text) | Raw::Failure(text, _) => std::slice::from_mut(text),
            Raw::Texts(texts) => texts,
            Raw::Bool(_) | Raw::Int(_) | Raw::Float(_) => return,
        };
        texts.iter_mut().for_each(|text| self.mend_text(&field.name, text));
    }

    fn mend_text(&mut self, name: &str, text: &mut Text<'a>) {
        if text.text.len() < text.whole {
            self.cuts.push(format!("{name}={}", text.whole));
            text.text = Cow::Owned(text::mended(&text.text));
        }
    }

    fn hear(&mut self, event: EventItem<'a>, head: &Head) {
        let fields: Vec<_> = event.fields.collect();
        let mended = fields.into_iter().map(|mut field| {
            self.mend(&mut field);
            field
        });
        let mut entries = Entries::of(mended);
        let metadata = event.metadata;
        if fields::speaks_for_the_step(metadata) {
            return entries.into_iter().for_each(|field| self.entries.put(FieldItem { late: true, ..field }));
        }
        let of_the_function = event.own && is_written_by_instrument(metadata, head.metadata);
        if of_the_function && let Some(returned) = entries.take_only("return") {
            self.answered = true;
            self.returned = Some(match returned {
                Raw::Debug(text) => text.text,
                other => Cow::Owned(other.into_text()),
            });
            return;
        }
        if let Some(thought) = thought(metadata, &mut entries) {
            return self.think(&thought);
        }
        let is_answer = of_the_function && entries.get("error").is_some();
        if is_answer || (event.own && *metadata.level() == Level::ERROR) {
            self.answered |= is_answer;
            self.failure = Some(failure(&entries));
        }
        self.remember(Happening { at: event.at, metadata, entries });
    }

    fn remember(&mut self, happening: Happening<'a>) {
        if self.happenings.len() == EVENTS_KEPT {
            self.happenings.pop_front();
            self.happenings_left_out = self.happenings_left_out.saturating_add(1);
        }
        self.happenings.push_back(happening);
    }

    /// Adds a thought below those before it.
    fn think(&mut self, thought: &str) {
        if !self.reasoning.is_empty() {
            self.reasoning.push_str("\n\n");
        }
        self.reasoning.push_str(thought);
    }
}

impl Happening<'_> {
    pub(crate) fn time(&self, head: &Head) -> u64 {
        source::wall(self.at, head.offset)
    }
}

impl Raw<'_> {
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => serde_json::Value::from(value).to_string(),
            Self::Text(text) => text.text.into_owned(),
            Self::Debug(debug) => text::plain(debug.text.into_owned()),
            Self::Failure(message, _) => message.text.into_owned(),
            Self::Texts(texts) => {
                serde_json::Value::from_iter(texts.iter().map(|text| text.text.as_ref())).to_string()
            }
        }
    }
}

impl From<Raw<'_>> for Failure {
    fn from(raw: Raw<'_>) -> Self {
        match raw {
            Raw::Failure(message, causes) => {
                Self { message: message.text.into_owned(), causes: causes.text.into_owned() }
            }
            other => Self { message: other.into_text(), causes: String::new() },
        }
    }
}

/// Whether an event is the one that `ret` or `err` of the function's own `#[instrument]` writes.
fn is_written_by_instrument(event: &Metadata<'_>, span: &Metadata<'_>) -> bool {
    event.name().starts_with("event ")
        && event.target() == span.target()
        && event.file() == span.file()
        && event.line() == span.line()
}

fn thought(metadata: &Metadata<'_>, entries: &mut Entries<'_>) -> Option<String> {
    let names: &[&str] =
        if metadata.name() == "reasoning" { &["reasoning", "text", "message"] } else { &["reasoning"] };
    names.iter().find_map(|name| entries.take(name)).map(Raw::into_text)
}

fn failure(entries: &Entries<'_>) -> Failure {
    let said = entries.get("error").or_else(|| entries.get("message"));
    said.cloned().map(Failure::from).unwrap_or_default()
}
