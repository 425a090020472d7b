use std::fmt;
use std::sync::Arc;

use tracing::span::{Attributes, Id};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::desk::{AtDesk, Desk};
use crate::entered;
use crate::export::Sink;
use crate::fields;
use crate::following::Following;
use crate::propagate::Remote;
use crate::record::{End, Parent, Record};
use crate::written::{Form, Visitor};

/// The layer: it follows spans, and hands each finished one to the exporter.
///
/// Made by [`layer()`](crate::layer()), [`Settings::layer`](crate::Settings::layer) or `testing::capture`.
pub struct Layer {
    sink: Sink,
    following: Arc<Following>,
    level: Level,
    /// How many bytes a text may have.
    limit: usize,
    /// No other layer listens, so what is of no interest to this one is of no interest at all.
    alone: bool,
}

/// Where a span keeps its step: one small box a span, because the registry boxes what it is given, and the step's own
/// box is used again.
struct Slot(Box<Record>);

impl Layer {
    pub(crate) fn new(sink: Sink, following: Arc<Following>, level: Level, limit: usize) -> Self {
        Self { sink, following, level, limit, alone: false }
    }

    /// Says that no other layer listens, as [`init`](crate::init()) does: what is of no interest to this one is then not even
    /// asked about.
    #[must_use]
    pub fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    /// Acts on the record of the innermost step around the span `id`, if this layer follows one.
    pub(crate) fn reach(&self, dispatch: &Dispatch, id: &Id, act: &mut dyn FnMut(&mut Record)) {
        self.following.reach(dispatch, id, act);
    }

    /// By what threads tell this layer from others.
    fn tag(&self) -> usize {
        Arc::as_ptr(&self.following).addr()
    }

    /// The span around an event. The registry looks twice for it; most threads know by themselves which one they are in.
    fn around<'a, S: Subscriber + for<'l> LookupSpan<'l>>(
        &self,
        event: &Event<'_>,
        context: &'a Context<'_, S>,
    ) -> Option<SpanRef<'a, S>> {
        let known = if event.is_contextual() { entered::current(self.tag()) } else { None };
        known.and_then(|id| context.span(&id)).or_else(|| context.event_span(event))
    }

    fn is_wanted(&self, metadata: &Metadata<'_>) -> bool {
        !self.sink.is_off() && fields::is_of_interest(metadata, self.level)
    }

    /// A step with the fields that its span begins with, and the parent elsewhere that one of them names.
    fn begin(&self, desk: &mut Desk, attributes: &Attributes<'_>) -> (Box<Record>, Option<Remote>) {
        let (metadata, source) = (attributes.metadata(), &self.following.source);
        let began = source.now();
        let span_id = source.span_id(&mut desk.random);
        let mut record = match desk.record() {
            Some(mut ended) => {
                ended.renew(metadata, span_id);
                ended
            }
            None => Box::new(Record::new(metadata, span_id)),
        };
        (record.began, record.limit) = (began, self.limit);
        let Record { written, identity, .. } = &mut *record;
        let (mut traceparent, mut baggage) = (None, None);
        let mut learn = |name: &str, text: &str| match name {
            "traceparent" => traceparent = Some(text.to_owned()),
            "baggage" => baggage = Some(text.to_owned()),
            _ => identity.learn(name, text),
        };
        attributes.record(&mut Visitor::new(written, Form::First, self.limit, &mut learn));
        let remote = traceparent.and_then(|parent| Remote::read(&parent, baggage.as_deref()));
        (record, remote.or_else(|| desk.remote.take().map(|remote| *remote)))
    }

    /// Gives a new step its place in the tree: below the innermost one around it, or below the one elsewhere.
    fn settle<S: for<'a> LookupSpan<'a>>(
        &self,
        record: &mut Record,
        span: &SpanRef<'_, S>,
        remote: Option<&Remote>,
        desk: &mut Desk,
    ) {
        let mut is_root = true;
        if let Some(remote) = remote {
            record.identity.inherit(&remote.identity);
        }
        if let Some(around) = span.parent() {
            innermost(&around, |parent, _| {
                record.trace_id = parent.trace_id;
                record.parent = Some(Parent { span_id: parent.span_id, remote: false });
                record.offset = parent.offset;
                record.identity.inherit(&parent.identity);
                is_root = false;
            });
        }
        if is_root {
            record.trace_id = self.following.source.trace_id(&mut desk.random);
            record.offset = self.following.source.offset(record.began);
        }
        if let Some(Remote { trace_id, span_id, .. }) = remote {
            record.trace_id = *trace_id;
            record.parent = Some(Parent { span_id: *span_id, remote: true });
        }
    }
}

impl<S> tracing_subscriber::Layer<S> for Layer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        self.following.follow(subscriber, reach::<S>);
    }

    /// `sometimes` where others listen too: it has every span asked about anew, which keeps the stale answers
    /// of per-layer filters beside this layer from losing spans (tokio-rs/tracing#2519).
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        match (self.alone, self.is_wanted(metadata)) {
            (true, true) => Interest::always(),
            (true, false) => Interest::never(),
            (false, _) => Interest::sometimes(),
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !self.is_wanted(attributes.metadata()) {
            return;
        }
        let Some(mut desk) = AtDesk::take() else { return };
        let (mut record, remote) = self.begin(&mut desk, attributes);
        let Some(span) = context.span(id) else { return };
        self.settle(&mut record, &span, remote.as_ref(), &mut desk);
        let mut extensions = span.extensions_mut();
        // Of two layers of ours on one subscriber, the inner one follows.
        if extensions.get_mut::<Slot>().is_none() {
            record.seat = self.sink.opened(desk.shard, id.into_u64(), record.began);
            extensions.insert(Slot(record));
        }
    }

    fn on_record(&self, id: &Id, values: &tracing::span::Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if !self.is_wanted(span.metadata()) {
            return;
        }
        let Some(mut desk) = AtDesk::take() else { return };
        let mut learned = Vec::new();
        let mut learn = |name: &str, text: &str| learned.push((name.to_owned(), text.to_owned()));
        values.record(&mut Visitor::new(&mut desk.scratch, Form::Late, self.limit, &mut learn));
        if let Some(Slot(record)) = span.extensions_mut().get_mut() {
            record.written.append(&desk.scratch, record.metadata);
            learned.iter().for_each(|(name, text)| record.identity.learn(name, text));
        }
        desk.clear();
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, context: Context<'_, S>) {
        let place = |Slot(record): &Slot| (record.trace_id, record.span_id);
        let cause = context.span(follows).and_then(|span| span.extensions().get().map(place));
        if let (Some((trace_id, span_id)), Some(span)) = (cause, context.span(id))
            && let Some(Slot(record)) = span.extensions_mut().get_mut()
        {
            record.written.link(trace_id, span_id);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        if !self.is_wanted(metadata) {
            return;
        }
        let Some(span) = self.around(event, &context) else { return };
        let Some(mut desk) = AtDesk::take() else { return };
        event.record(&mut Visitor::new(&mut desk.scratch, Form::OfEvent, self.limit, &mut |_, _| {}));
        // Nobody asks when a function returned whose end has a time.
        let at = if is_answer(metadata) { 0 } else { self.following.source.now() };
        innermost(&span, |record, own| {
            record.written.event(own, at, metadata, &desk.scratch, record.metadata);
        });
        desk.clear();
    }

    fn on_enter(&self, id: &Id, _: Context<'_, S>) {
        entered::enter(self.tag(), id);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        entered::exit(self.tag(), id);
        if std::thread::panicking()
            && let Some(span) = context.span(id)
            && let Some(Slot(record)) = span.extensions_mut().get_mut()
        {
            record.pass();
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(Slot(mut record)) = span.extensions_mut().remove() else { return };
        record.pass();
        record.sign();
        let head = record.head(self.following.source.now(), End::Finished);
        let written = (!record.is_told).then_some(&mut record.written);
        self.sink.closed(head, record.seat.take(), written);
        if let Some(mut desk) = AtDesk::take() {
            desk.keep(record);
        }
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

/// Whether an event is the one of `ret`.
fn is_answer(metadata: &Metadata<'_>) -> bool {
    let mut fields = metadata.fields().iter();
    fields.next().is_some_and(|field| field.name() == "return") && fields.next().is_none()
}

/// Acts on the record of `span` or of its nearest ancestor that has one; the flag says which of the two it
/// is.
fn innermost<S: for<'a> LookupSpan<'a>>(span: &SpanRef<'_, S>, act: impl FnOnce(&mut Record, bool)) {
    if let Some(Slot(record)) = span.extensions_mut().get_mut() {
        return act(record, true);
    }
    for near in span.scope().skip(1) {
        if let Some(Slot(record)) = near.extensions_mut().get_mut() {
            return act(record, false);
        }
    }
}

fn reach<S>(dispatch: &Dispatch, id: &Id, act: &mut dyn FnMut(&mut Record))
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    if let Some(span) = dispatch.downcast_ref::<S>().and_then(|subscriber| subscriber.span(id)) {
        innermost(&span, |record, _| act(record));
    }
}
