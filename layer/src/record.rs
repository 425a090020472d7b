//! A step as it was recorded: cheap to write on the instrumented thread, put into words by `finish`
//! elsewhere.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tracing::Metadata;
use tracing::field::{Field, Visit};
use treering_step::{SpanId, TraceId};

use crate::Value;

/// The last events are the ones that tell how a step ended, so these are kept.
pub(crate) const EVENTS_KEPT: usize = 128;

/// A value as `tracing` handed it over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Raw {
    Value(Value),
    /// What `Debug` or `Display` wrote; `tracing` does not say which.
    Debug(String),
    Failure(Failure),
}

impl Raw {
    pub(crate) fn into_text(self) -> String {
        match self {
            Self::Value(Value::Text(text)) => text.as_ref().into(),
            Self::Value(value) => value.to_json().to_string(),
            Self::Debug(debug) => crate::text::plain(debug),
            Self::Failure(failure) => failure.message,
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Value(value) => value.weight(),
            Self::Debug(text) => text.len(),
            Self::Failure(failure) => failure.message.len() + failure.causes.len(),
        }
    }
}

/// What went wrong, with the chain of its causes, one a line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) causes: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: Cow<'static, str>,
    pub(crate) raw: Raw,
    /// Recorded after the step began: an argument of a function never is.
    pub(crate) late: bool,
}

/// Fields in the order in which they first came. The last value wins.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entries(Vec<Entry>);

impl Entries {
    /// Reads the fields into a buffer of its own: user code (`Debug`) runs here, so no lock may be held.
    pub(crate) fn read(late: bool, size: usize, record: impl FnOnce(&mut dyn Visit)) -> Self {
        let mut visitor = Visitor { entries: Self(Vec::with_capacity(size)), late };
        record(&mut visitor);
        visitor.entries
    }

    pub(crate) fn put(&mut self, entry: Entry) {
        match self.0.iter_mut().find(|known| known.name == entry.name) {
            Some(known) => known.raw = entry.raw,
            None => self.0.push(entry),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Raw> {
        self.0.iter().find(|entry| entry.name == name).map(|entry| &entry.raw)
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Raw> {
        let at = self.0.iter().position(|entry| entry.name == name)?;
        Some(self.0.remove(at).raw)
    }

    /// Takes the value of a field that stands alone.
    pub(crate) fn take_only(&mut self, name: &str) -> Option<Raw> {
        if self.0.len() == 1 { self.take(name) } else { None }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }

    fn weight(&self) -> usize {
        self.0.iter().map(|entry| entry.name.len() + entry.raw.weight() + 16).sum()
    }
}

impl IntoIterator for Entries {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

struct Visitor {
    entries: Entries,
    late: bool,
}

impl Visitor {
    fn put(&mut self, field: &Field, raw: Raw) {
        self.entries.put(Entry { name: Cow::Borrowed(field.name()), raw, late: self.late });
    }
}

macro_rules! visit {
    ($($method:ident($kind:ty);)*) => {
        $(fn $method(&mut self, field: &Field, value: $kind) {
            self.put(field, Raw::Value(value.into()));
        })*
    };
}

impl Visit for Visitor {
    visit! {
        record_bool(bool);
        record_i64(i64);
        record_u64(u64);
        record_i128(i128);
        record_u128(u128);
        record_f64(f64);
        record_str(&str);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes: Vec<String> =
            std::iter::successors(value.source(), |error| error.source()).map(ToString::to_string).collect();
        self.put(field, Raw::Failure(Failure { message: value.to_string(), causes: causes.join("\n") }));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Raw::Debug(format!("{value:?}")));
    }
}

#[derive(Debug, Clone)]
pub(crate) struct EventRecord {
    pub(crate) at: SystemTime,
    pub(crate) metadata: &'static Metadata<'static>,
    pub(crate) entries: Entries,
}

/// How a step ended, as far as the layer can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Finished,
    Cancelled,
    Panicked,
}

/// A step between its beginning and its export.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) metadata: &'static Metadata<'static>,
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) parent: Option<Parent>,
    pub(crate) began_at: SystemTime,
    pub(crate) began: Instant,
    pub(crate) duration: Duration,
    pub(crate) entries: Entries,
    /// JSON given with `Step::input`.
    pub(crate) input: Option<String>,
    /// JSON given with `Step::output`.
    pub(crate) output: Option<String>,
    /// The text of the `return` event.
    pub(crate) returned: Option<String>,
    pub(crate) reasoning: String,
    pub(crate) failure: Option<Failure>,
    pub(crate) events: VecDeque<EventRecord>,
    pub(crate) events_left_out: u32,
    pub(crate) links: Vec<(TraceId, SpanId)>,
    pub(crate) identity: Identity,
    /// The function itself said how it ended, by `ret` or `err`.
    pub(crate) answered: bool,
    pub(crate) end: End,
    /// Began while its thread was already unwinding: then a panic says nothing of this step.
    pub(crate) began_in_panic: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parent {
    pub(crate) span_id: SpanId,
    pub(crate) remote: bool,
}

/// For whom a step runs; its descendants inherit it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    pub(crate) session: Option<Arc<str>>,
    pub(crate) user: Option<Arc<str>>,
}

impl Record {
    /// Adds fields that were recorded after the beginning.
    pub(crate) fn add(&mut self, entries: Entries) {
        entries.into_iter().for_each(|entry| self.put(entry));
    }

    /// Sets a field; a session or a user among them holds for the descendants that begin from now on.
    pub(crate) fn put(&mut self, entry: Entry) {
        self.identity.learn(&entry);
        self.entries.put(entry);
    }

    pub(crate) fn remember(&mut self, event: EventRecord) {
        if self.events.len() == EVENTS_KEPT {
            self.events.pop_front();
            self.events_left_out = self.events_left_out.saturating_add(1);
        }
        self.events.push_back(event);
    }

    /// Adds a thought below those before it.
    pub(crate) fn think(&mut self, thought: &str) {
        if !self.reasoning.is_empty() {
            self.reasoning.push_str("\n\n");
        }
        self.reasoning.push_str(thought);
    }

    /// Bytes that it takes up, near enough to bound the memory of a queue.
    pub(crate) fn weight(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let events: usize = self.events.iter().map(|event| event.entries.weight() + 64).sum();
        size_of::<Self>()
            + self.entries.weight()
            + events
            + text(&self.input)
            + text(&self.output)
            + text(&self.returned)
            + self.reasoning.len()
    }
}

impl Identity {
    pub(crate) fn learn(&mut self, entry: &Entry) {
        let place = match entry.name.as_ref() {
            "session.id" | "session_id" | "gen_ai.conversation.id" => &mut self.session,
            "user.id" | "user_id" | "enduser.id" => &mut self.user,
            _ => return,
        };
        *place = Some(match &entry.raw {
            Raw::Value(Value::Text(text)) => text.clone(),
            other => other.clone().into_text().into(),
        });
    }
}
