use treering_otlp::{Attributes, LogRecord, Span, SpanEvent, Value};
use treering_step::attributes::TREERING_STEP_RUNNING;

use crate::fields::{Fields, Place};
use crate::witness::Witness;

/// The event that carries a whole model call, on a span or as a log record.
pub(crate) const OPERATION_DETAILS: &str = "gen_ai.client.inference.operation.details";
/// The log record of a model call that failed.
pub(crate) const OPERATION_EXCEPTION: &str = "gen_ai.client.operation.exception";

/// Everything that is said about one step.
#[derive(Debug, Default)]
pub(crate) struct Evidence<'a> {
    /// The name of the instrumentation scope.
    pub(crate) scope: &'a str,
    /// The name of the span.
    pub(crate) name: &'a str,
    /// The attributes of the span.
    pub(crate) fields: Fields<'a>,
    /// The events of the span, then its log records by time.
    pub(crate) happenings: Vec<Happening<'a>>,
}

/// An event of a span or a log record: the same thing in two envelopes.
#[derive(Debug)]
pub(crate) struct Happening<'a> {
    pub(crate) name: &'a str,
    pub(crate) fields: Fields<'a>,
    /// The same in the form that they came in.
    pub(crate) attributes: Attributes<'a>,
    pub(crate) body: Value<'a>,
    pub(crate) is_log: bool,
}

impl<'a> Evidence<'a> {
    /// The attributes of a span, and of its events those that a reading of this name asks for.
    pub(crate) fn of_span(span: &Span<'a>, asked: impl Fn(&str) -> bool) -> Self {
        let events = span.events().filter(|event| asked(event.name)).map(Happening::of_event);
        Self {
            scope: span.scope.name,
            name: span.name,
            fields: Fields::of(span.attributes),
            happenings: events.collect(),
        }
    }

    pub(crate) fn of_log(log: &LogRecord<'a>) -> Self {
        let evidence =
            Self { scope: log.scope.name, happenings: vec![Happening::of_log(log)], ..Self::default() };
        if log.span_id.is_none() { evidence.standing_in() } else { evidence.announced() }
    }

    /// With the attributes of a record that speaks of a step in the place of its span.
    pub(crate) fn announced(self) -> Self {
        if self.named(TREERING_STEP_RUNNING).next().is_some() { self.standing_in() } else { self }
    }

    /// With the attributes of the record that announces the step, or else of the first one, as those of the step.
    pub(crate) fn standing_in(mut self) -> Self {
        let standing = self.named(TREERING_STEP_RUNNING).next().or(self.happenings.first());
        self.fields = standing.map_or_else(Fields::default, |record| Fields::of(record.attributes));
        self
    }

    /// Has somebody listen to what is looked up from now on.
    pub(crate) fn attended(mut self, witness: &Witness) -> Self {
        self.fields = self.fields.attended(Place::Span, witness);
        let happenings = self.happenings.into_iter().enumerate();
        self.happenings = happenings
            .map(|(at, told)| Happening {
                fields: told.fields.attended(Place::Happening(at), witness),
                ..told
            })
            .collect();
        self
    }

    /// True where the span tells of an exception.
    pub(crate) fn raised(&self) -> bool {
        self.named("exception").any(|happening| !happening.is_log)
    }

    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = &Happening<'a>> {
        self.happenings.iter().filter(move |happening| happening.name == name)
    }

    /// The attributes of the span, then those of the events that repeat or complete them.
    pub(crate) fn tellers(&self) -> impl Iterator<Item = &Fields<'a>> {
        let details = self.named(OPERATION_DETAILS).map(|details| &details.fields);
        std::iter::once(&self.fields).chain(details)
    }
}

impl<'a> Happening<'a> {
    fn of_event(event: SpanEvent<'a>) -> Self {
        Self {
            name: event.name,
            fields: Fields::of(event.attributes),
            attributes: event.attributes,
            body: Value::Empty,
            is_log: false,
        }
    }

    pub(crate) fn of_log(log: &LogRecord<'a>) -> Self {
        let fields = Fields::of(log.attributes);
        // Before log records had a field for it, the name of an event was an attribute; and what bridges
        // `tracing` puts into the field where in the source the event stands.
        let is_name = !log.event_name.is_empty() && !is_place(log.event_name);
        let former = || fields.get("event.name").and_then(|name| name.as_text());
        let name = if is_name { log.event_name } else { former().unwrap_or(log.event_name) };
        Self { name, fields, attributes: log.attributes, body: log.body, is_log: true }
    }
}

/// `event src/main.rs:3`, which `tracing` calls an event that has no name.
fn is_place(name: &str) -> bool {
    let place = name.strip_prefix("event ").and_then(|place| place.rsplit_once(':'));
    place.is_some_and(|(_, line)| line.parse::<u32>().is_ok())
}
