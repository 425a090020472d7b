use serde_json::{Map, Value as Json};
use treering_otlp::{LogRecord, Signal, Span, Value};
use treering_redact::Record;
use treering_step::attributes::{EXCEPTION_MESSAGE, EXCEPTION_STACKTRACE, EXCEPTION_TYPE};
use treering_step::{Event, Failure, Kind, Link, Log, Status, Step, Summary, Tool};

use crate::decode::unquote;
use crate::dialect::Dialect;
use crate::evidence::{Evidence, Happening, OPERATION_EXCEPTION};
use crate::fields::Fields;
use crate::reading::Reading;
use crate::witness::{Told, Witness};
use crate::{Prices, log_summary, merge, span_summary};

/// The whole step out of a span and its log records, of which either may be missing. Its depth is 0: only the
/// tree knows better. `None` where neither record speaks of a step.
///
/// A span that merely announces the one of this step may stand among the log records, as its summary does.
pub fn step(span: Option<&Record>, logs: &[Record], prices: &Prices) -> Option<Step> {
    let announced = || logs.iter().find(|record| record.signal() == Signal::Traces);
    let span = span.or_else(announced);
    let summary = summary(span, logs, prices)?;
    let span = span.and_then(Record::span);
    let mut logs: Vec<LogRecord<'_>> = logs.iter().filter_map(Record::log).collect();
    logs.sort_by_key(|log| log.at);
    let evidence = evidence(span.as_ref(), &logs);
    let kind = summary.kind.unwrap_or_default();
    let error_type = summary.error_type.clone();
    let mut reading = Told::new(Reading::default(), Witness::default());
    for dialect in Dialect::spoken(&evidence) {
        dialect.content(&evidence, kind, &mut reading);
    }
    let mut step = of_summary(summary);
    let mut reading = reading.into_inner();
    let told = reading.failure.take();
    step.error = failure(step.status, error_type, span.as_ref(), &evidence, told);
    say(&mut step, reading);
    if let Some(span) = &span {
        step.attributes = span.attributes.to_json();
        step.events = events(span);
        step.links = links(span);
    }
    step.logs = logs.iter().map(shown).collect();
    Some(step)
}

/// The same words as the list and the tree: what they are made of, joined in the same way. A log record that was
/// found to belong here may name another step, or none.
fn summary(span: Option<&Record>, logs: &[Record], prices: &Prices) -> Option<Summary> {
    let of_logs =
        logs.iter().filter_map(|log| log_summary(log, log.identity()).or_else(|| span_summary(log)));
    let mut partials: Vec<Summary> = span.and_then(span_summary).into_iter().chain(of_logs).collect();
    let id = partials.first()?.span_id;
    partials.iter_mut().for_each(|partial| partial.span_id = id);
    merge(partials, prices).pop()
}

/// Everything that is said of a step. Of one that has no span (yet), the record that announces it says what the
/// span will.
pub(crate) fn evidence<'a>(span: Option<&Span<'a>>, logs: &[LogRecord<'a>]) -> Evidence<'a> {
    let mut evidence = span.map_or_else(Evidence::default, |span| Evidence::of_span(span, |_| true));
    evidence.happenings.extend(logs.iter().map(Happening::of_log));
    if span.is_none() {
        evidence.scope = logs.first().map_or("", |log| log.scope.name);
    }
    match logs.first() {
        _ if span.is_some() => evidence,
        Some(log) if log.span_id.is_none() => evidence.standing_in(),
        _ => evidence.announced(),
    }
}

fn of_summary(summary: Summary) -> Step {
    let mut step = Step::new(summary.span_id);
    step.duration_ns = summary.duration_ns();
    step.parent_span_id = summary.parent_span_id;
    step.name = summary.name.unwrap_or_default();
    step.kind = summary.kind.unwrap_or_default();
    step.status = summary.status.unwrap_or_default();
    step.started_at = summary.started_at;
    step.ended_at = summary.ended_at;
    step.agent = summary.agent;
    step.model = summary.model;
    step.provider = summary.provider;
    step.tool = summary.tool.map(|name| Tool { name: Some(name), ..Default::default() });
    step.tokens = summary.tokens;
    step.cost_usd = summary.cost_usd;
    step.session_id = summary.session_id;
    step.user_id = summary.user_id;
    step.redactions = summary.redactions;
    step.dialect = summary.dialect;
    step
}

fn say(step: &mut Step, mut reading: Reading) {
    if step.kind == Kind::Tool {
        reading.settle_tool();
    }
    step.reasoning = reading.thoughts();
    // What happens during a call has the id of the call, and is none.
    let is_call = |tool: &Tool| {
        step.kind == Kind::Tool || *tool != Tool { call_id: tool.call_id.clone(), ..Tool::default() }
    };
    step.tool = reading.tool(step.tool.take().and_then(|tool| tool.name)).filter(is_call);
    (step.input, step.output) = reading.contents();
}

/// What went wrong in a step that failed. An exception in a step that did not is no failure of it, and stays
/// visible among its events.
pub(crate) fn failure(
    status: Status,
    error_type: Option<String>,
    span: Option<&Span<'_>>,
    evidence: &Evidence<'_>,
    told_by_dialect: Option<String>,
) -> Option<Failure> {
    if status != Status::Error {
        return None;
    }
    let told = |happening: &&Happening<'_>| {
        let name = happening.name == "exception" || happening.name == OPERATION_EXCEPTION;
        name || (!happening.is_log && happening.fields.has(EXCEPTION_MESSAGE))
    };
    let exception = evidence.happenings.iter().rfind(told).map(|event| &event.fields);
    let find = |read: &dyn Fn(&Fields<'_>) -> Option<String>| {
        exception.and_then(read).or_else(|| read(&evidence.fields))
    };
    let status_message = || span.map(|span| unquote(span.status_message).into_owned());
    let failure = Failure {
        kind: error_type.or_else(|| find(&|fields| fields.text(&[EXCEPTION_TYPE]))),
        message: find(&|fields| fields.text(&[EXCEPTION_MESSAGE]).map(without_traceback))
            .or_else(|| status_message().filter(|text| !text.is_empty()))
            .or(told_by_dialect),
        stack: find(&stack),
    };
    (failure != Failure::default()).then_some(failure)
}

/// LangSmith writes the stack behind the message too.
fn without_traceback(message: String) -> String {
    let own = message.split_once("Traceback (most recent call last):").map(|(own, _)| own.trim_end());
    own.filter(|own| !own.is_empty()).map(str::to_owned).unwrap_or(message)
}

/// A text, or the chain of causes that `tracing-opentelemetry` writes as a list.
fn stack(fields: &Fields<'_>) -> Option<String> {
    match fields.get(EXCEPTION_STACKTRACE)? {
        Value::Array(causes) => {
            let causes: Vec<_> = causes.iter().filter_map(|cause| cause.as_text()).collect();
            (!causes.is_empty()).then(|| causes.join("\n"))
        }
        _ => fields.text(&[EXCEPTION_STACKTRACE]),
    }
}

fn events(span: &Span<'_>) -> Vec<Event> {
    let event = |event: treering_otlp::SpanEvent<'_>| Event {
        name: event.name.to_owned(),
        at: event.at,
        attributes: event.attributes.to_json(),
    };
    span.events().map(event).collect()
}

fn links(span: &Span<'_>) -> Vec<Link> {
    let link = |link: treering_otlp::SpanLink<'_>| Link {
        trace_id: link.trace_id,
        span_id: link.span_id,
        attributes: link.attributes.to_json(),
    };
    span.links().map(link).collect()
}

fn shown(log: &LogRecord<'_>) -> Log {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let attributes: Map<String, Json> = log.attributes.to_json();
    Log {
        at: log.at,
        event_name: text(log.event_name).or_else(|| text(attributes.get("event.name")?.as_str()?)),
        severity: text(log.severity_text).or_else(|| severity(log.severity).map(str::to_owned)),
        body: log.body.to_json(),
        attributes,
    }
}

fn severity(number: u64) -> Option<&'static str> {
    Some(match number {
        1..=4 => "TRACE",
        5..=8 => "DEBUG",
        9..=12 => "INFO",
        13..=16 => "WARN",
        17..=20 => "ERROR",
        21..=24 => "FATAL",
        _ => return None,
    })
}
