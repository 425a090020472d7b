use std::cell::Cell;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};
use tracing::callsite::Identifier;
use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};
use treering_step::{SpanId, TraceId};

use crate::export::Sink;
use crate::fields;
use crate::record::{End, Entries, EventRecord, Failure, Identity, Parent, Raw, Record};

/// The layer: it follows spans, and hands each finished one to the exporter.
///
/// Made by [`layer()`](crate::layer()), [`Settings::layer`](crate::Settings::layer) or `testing::capture`.
pub struct Layer {
    sink: Sink,
    level: Level,
    /// No other layer listens, so what is of no interest to this one is of no interest at all.
    alone: bool,
    /// How to find the record of a span from outside; known once the layer sits on a subscriber.
    reach: Option<Reach>,
    /// Functions that were seen to return: one of these that ends without returning was cancelled.
    returning: RwLock<HashSet<Identifier>>,
}

type Reach = fn(&Dispatch, &Id, &mut dyn FnMut(&mut Record));

thread_local! {
    /// Set while fields are read: what the user's `Debug` traces is not a step of the agent.
    static READING: Cell<bool> = const { Cell::new(false) };
}

impl Layer {
    pub(crate) fn new(sink: Sink, level: Level) -> Self {
        Self { sink, level, alone: false, reach: None, returning: RwLock::default() }
    }

    pub(crate) fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    /// Acts on the record of the innermost step around the span `id`, if this layer follows one.
    pub(crate) fn reach(&self, dispatch: &Dispatch, id: &Id, act: &mut dyn FnMut(&mut Record)) {
        if let Some(reach) = self.reach {
            reach(dispatch, id, act);
        }
    }

    fn is_wanted(&self, metadata: &Metadata<'_>) -> bool {
        !self.sink.is_off() && fields::is_of_interest(metadata, self.level)
    }

    fn learn_return(&self, callsite: Identifier) {
        if !self.is_returning(&callsite) {
            self.returning.write().unwrap_or_else(PoisonError::into_inner).insert(callsite);
        }
    }

    fn is_returning(&self, callsite: &Identifier) -> bool {
        self.returning.read().unwrap_or_else(PoisonError::into_inner).contains(callsite)
    }

    fn end_of(&self, record: &Record) -> End {
        match record.end {
            End::Finished if thread::panicking() && !record.began_in_panic => End::Panicked,
            End::Finished if !record.answered && self.is_returning(&record.metadata.callsite()) => {
                End::Cancelled
            }
            end => end,
        }
    }

    fn note(
        &self,
        record: &mut Record,
        own: bool,
        metadata: &'static Metadata<'static>,
        mut entries: Entries,
    ) {
        let of_the_function = own && is_written_by_instrument(metadata, record.metadata);
        if of_the_function && let Some(returned) = entries.take_only("return") {
            record.answered = true;
            record.returned = Some(match returned {
                Raw::Debug(text) => text,
                other => other.into_text(),
            });
            return self.learn_return(record.metadata.callsite());
        }
        if let Some(thought) = thought(metadata, &mut entries) {
            return record.think(&thought);
        }
        let is_answer = of_the_function && entries.get("error").is_some();
        if is_answer || (own && *metadata.level() == Level::ERROR) {
            record.answered |= is_answer;
            record.failure = Some(failure(&entries));
        }
        record.remember(EventRecord { at: SystemTime::now(), metadata, entries });
    }
}

impl<S> tracing_subscriber::Layer<S> for Layer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_layer(&mut self, _: &mut S) {
        self.reach = Some(reach::<S>);
    }

    /// `sometimes` where others listen too: it has every span asked about anew, which keeps the stale answers
    /// of per-layer filters beside this layer from losing spans (tokio-rs/tracing#2519).
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.alone && !self.is_wanted(metadata) { Interest::never() } else { Interest::sometimes() }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !self.is_wanted(attributes.metadata()) {
            return;
        }
        let size = attributes.metadata().fields().len();
        let Some(entries) = read(|| Entries::read(false, size, |visit| attributes.record(visit))) else {
            return;
        };
        let Some(span) = context.span(id) else { return };
        let mut record = begin(attributes.metadata(), entries);
        settle(&mut record, &span);
        let mut extensions = span.extensions_mut();
        // Of two layers of ours on one subscriber, the inner one follows.
        if extensions.get_mut::<Record>().is_none() {
            self.sink.opened();
            extensions.insert(record);
        }
    }

    fn on_record(&self, id: &Id, values: &tracing::span::Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if !self.is_wanted(span.metadata()) {
            return;
        }
        let Some(entries) = read(|| Entries::read(true, values.len(), |visit| values.record(visit))) else {
            return;
        };
        if let Some(record) = span.extensions_mut().get_mut::<Record>() {
            record.add(entries);
        }
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let cause = context.span(follows).and_then(|span| place(&span));
        if let (Some(cause), Some(span)) = (cause, context.span(id))
            && let Some(record) = span.extensions_mut().get_mut::<Record>()
        {
            record.links.push(cause);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        if !self.is_wanted(event.metadata()) {
            return;
        }
        let Some(span) = context.event_span(event) else { return };
        let size = event.metadata().fields().len();
        let Some(entries) = read(|| Entries::read(false, size, |visit| event.record(visit))) else { return };
        let metadata = event.metadata();
        innermost(&span, |record, own| self.note(record, own, metadata, entries));
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        if thread::panicking()
            && let Some(span) = context.span(id)
            && let Some(record) = span.extensions_mut().get_mut::<Record>()
            && !record.began_in_panic
        {
            record.end = End::Panicked;
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(mut record) = span.extensions_mut().remove::<Record>() else { return };
        record.duration = record.began.elapsed();
        record.end = self.end_of(&record);
        self.sink.closed(record);
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer")
            .field("level", &self.level)
            .field("alone", &self.alone)
            .finish_non_exhaustive()
    }
}

/// Reads fields, unless this thread already does.
fn read<T>(entries: impl FnOnce() -> T) -> Option<T> {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            READING.set(false);
        }
    }
    if READING.replace(true) {
        return None;
    }
    let _reset = Reset;
    Some(entries())
}

fn begin(metadata: &'static Metadata<'static>, entries: Entries) -> Record {
    let mut identity = Identity::default();
    entries.iter().for_each(|entry| identity.learn(entry));
    Record {
        metadata,
        trace_id: new_trace_id(),
        span_id: new_span_id(),
        parent: None,
        began_at: SystemTime::now(),
        began: Instant::now(),
        duration: Duration::ZERO,
        entries,
        input: None,
        output: None,
        returned: None,
        reasoning: String::new(),
        failure: None,
        events: VecDeque::new(),
        events_left_out: 0,
        links: Vec::new(),
        identity,
        answered: false,
        end: End::Finished,
        began_in_panic: thread::panicking(),
    }
}

/// Gives a new record its place in the tree: below the innermost step around it, or below the remote parent
/// that its field `traceparent` names.
fn settle<S: for<'a> LookupSpan<'a>>(record: &mut Record, span: &SpanRef<'_, S>) {
    if let Some(around) = span.parent() {
        innermost(&around, |parent, _| {
            record.trace_id = parent.trace_id;
            record.parent = Some(Parent { span_id: parent.span_id, remote: false });
            record.identity.session =
                record.identity.session.take().or_else(|| parent.identity.session.clone());
            record.identity.user = record.identity.user.take().or_else(|| parent.identity.user.clone());
        });
    }
    let remote =
        record.entries.get("traceparent").cloned().and_then(|raw| parse_traceparent(&raw.into_text()));
    if let Some((trace_id, span_id)) = remote {
        record.entries.take("traceparent");
        record.trace_id = trace_id;
        record.parent = Some(Parent { span_id, remote: true });
    }
}

/// Acts on the record of `span` or of its nearest ancestor that has one; the flag says which of the two it
/// is.
fn innermost<S: for<'a> LookupSpan<'a>>(span: &SpanRef<'_, S>, act: impl FnOnce(&mut Record, bool)) {
    for (distance, near) in span.scope().enumerate() {
        if let Some(record) = near.extensions_mut().get_mut::<Record>() {
            return act(record, distance == 0);
        }
    }
}

fn place<S: for<'a> LookupSpan<'a>>(span: &SpanRef<'_, S>) -> Option<(TraceId, SpanId)> {
    span.extensions().get::<Record>().map(|record| (record.trace_id, record.span_id))
}

fn reach<S>(dispatch: &Dispatch, id: &Id, act: &mut dyn FnMut(&mut Record))
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if let Some(span) = dispatch.downcast_ref::<S>().and_then(|subscriber| subscriber.span(id)) {
        innermost(&span, |record, _| act(record));
    }
}

/// Whether an event is the one that `ret` or `err` of the function's own `#[instrument]` writes.
fn is_written_by_instrument(event: &Metadata<'_>, span: &Metadata<'_>) -> bool {
    event.name().starts_with("event ")
        && event.target() == span.target()
        && event.file() == span.file()
        && event.line() == span.line()
}

fn thought(metadata: &Metadata<'_>, entries: &mut Entries) -> Option<String> {
    let names: &[&str] =
        if metadata.name() == "reasoning" { &["reasoning", "text", "message"] } else { &["reasoning"] };
    names.iter().find_map(|name| entries.take(name)).map(Raw::into_text)
}

fn failure(entries: &Entries) -> Failure {
    match entries.get("error").or_else(|| entries.get("message")) {
        Some(Raw::Failure(failure)) => failure.clone(),
        Some(raw) => Failure { message: raw.clone().into_text(), causes: String::new() },
        None => Failure::default(),
    }
}

fn new_trace_id() -> TraceId {
    random(|| TraceId::from_bytes(&RandomIdGenerator::default().new_trace_id().to_bytes()))
}

fn new_span_id() -> SpanId {
    random(|| SpanId::from_bytes(&RandomIdGenerator::default().new_span_id().to_bytes()))
}

/// Draws until the id is not the invalid one of zeros only.
fn random<T>(draw: impl Fn() -> Option<T>) -> T {
    loop {
        if let Some(id) = draw() {
            return id;
        }
    }
}

/// The trace and the parent in a `traceparent` header (W3C Trace Context): `00-<trace id>-<span id>-<flags>`.
pub(crate) fn parse_traceparent(header: &str) -> Option<(TraceId, SpanId)> {
    let mut parts = header.trim().split('-');
    let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_known = version.len() == 2 && version != "ff" && (version != "00" || parts.next().is_none());
    if !is_known || flags.len() != 2 || ![version, trace_id, span_id, flags].into_iter().all(is_hex) {
        return None;
    }
    Some((trace_id.parse().ok()?, span_id.parse().ok()?))
}
