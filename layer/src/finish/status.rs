use treering_step::{Kind, attributes as names};

use super::{Ending, Sorted};
use crate::told::{Failure, Told};

/// How a step stands, in the words of OpenTelemetry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "spill", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Standing {
    Unset,
    Ok,
    Error(String),
}

/// Which side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "spill", derive(serde::Serialize, serde::Deserialize))]
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
pub(super) fn standing(told: &Told<'_>, ending: Ending, sorted: &mut Sorted) -> Standing {
    let failure = told.failure.as_ref().or(sorted.failure.as_ref());
    if ending == Ending::Panicked && failure.is_none() {
        sorted.attributes.set_if_absent(names::ERROR_TYPE, "panic");
    }
    let described = sorted.status_description.take();
    match sorted.status_code.take().map(|code| code.to_ascii_lowercase()).as_deref() {
        Some("ok") => Standing::Ok,
        Some("error") => {
            Standing::Error(described.or_else(|| description(ending, failure)).unwrap_or_default())
        }
        _ => match description(ending, failure).or_else(|| error_type(sorted)) {
            Some(description) => Standing::Error(described.unwrap_or(description)),
            None => described.map_or(Standing::Unset, Standing::Error),
        },
    }
}

/// Some name the class of the error and no more.
fn error_type(sorted: &Sorted) -> Option<String> {
    sorted.attributes.text(names::ERROR_TYPE).filter(|class| !class.is_empty()).map(str::to_owned)
}

fn description(ending: Ending, failure: Option<&Failure>) -> Option<String> {
    let panic = || (ending == Ending::Panicked).then(|| String::from("panicked"));
    failure.map(|failure| failure.message.clone()).or_else(panic)
}
