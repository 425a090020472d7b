use treering_step::{Kind, attributes as names};

use super::Sorted;
use crate::record::{End, Failure, Record};

/// How a step stands, in the words of OpenTelemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Unset,
    Ok,
    Error(String),
}

/// Which side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanKind {
    Internal,
    Client,
    Server,
    Producer,
    Consumer,
}

pub(super) fn span_kind(said: Option<&str>, kind: Kind) -> SpanKind {
    match said.map(str::to_ascii_lowercase).as_deref() {
        Some("client") => SpanKind::Client,
        Some("server") => SpanKind::Server,
        Some("producer") => SpanKind::Producer,
        Some("consumer") => SpanKind::Consumer,
        None if matches!(kind, Kind::Llm | Kind::Embedding) => SpanKind::Client,
        _ => SpanKind::Internal,
    }
}

/// What the author says (`otel.status_code`) wins; else an error is an error, and no news stays no news, as
/// the conventions ask of instrumentations.
pub(super) fn standing(record: &Record, sorted: &mut Sorted) -> Standing {
    let failure = record.failure.as_ref().or(sorted.failure.as_ref());
    if record.end == End::Panicked && failure.is_none() {
        sorted.attributes.set_if_absent(names::ERROR_TYPE, "panic");
    }
    let told = sorted.status_description.take();
    match sorted.status_code.take().map(|code| code.to_ascii_lowercase()).as_deref() {
        Some("ok") => Standing::Ok,
        Some("error") => Standing::Error(told.or_else(|| description(record, failure)).unwrap_or_default()),
        _ => match description(record, failure) {
            Some(description) => Standing::Error(told.unwrap_or(description)),
            None => told.map_or(Standing::Unset, Standing::Error),
        },
    }
}

fn description(record: &Record, failure: Option<&Failure>) -> Option<String> {
    let panic = || (record.end == End::Panicked).then(|| String::from("panicked"));
    failure.map(|failure| failure.message.clone()).or_else(panic)
}
