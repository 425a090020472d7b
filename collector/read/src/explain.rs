//! Why a step reads as it does: which dialect said what by which attributes, and what nobody understood.

use std::collections::{BTreeSet, HashSet};

use treering_otlp::{LogRecord, Signal, Span, Value};
use treering_redact::Record;
use treering_step::attributes::{
    TREERING_STEP_NAME, TREERING_STEP_PARENT_ID, TREERING_STEP_RUNNING, TREERING_STEP_STARTED_AT,
};
use treering_step::{Kind, Source, SpanId, Status, Summary};

use crate::decode::is_withheld;
use crate::dialect::{Dialect, implied_kind};
use crate::evidence::Evidence;
use crate::fields::{Fields, Place};
use crate::reading::Reading;
use crate::step::{evidence, failure};
use crate::summary::share;
use crate::witness::{Heard, Notes, Told, Witness};

/// The word for what the general conventions of OpenTelemetry say, whatever the dialect.
const CONVENTIONS: &str = "opentelemetry";

/// How a step was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Explanation {
    /// What was told, in the order of authority of who told it.
    pub believed: Vec<Origin>,
    /// What was told as well, and not needed: a dialect of more authority had said it.
    pub spare: Vec<Origin>,
    /// Attributes in whose place the exporter wrote that it withholds them.
    pub withheld: Vec<Attribute>,
    /// Attributes that a dialect looked at and could make nothing of.
    pub unusable: Vec<Attribute>,
    /// Attributes that no dialect looked at.
    pub unread: Vec<Attribute>,
    /// Attributes that no dialect looked at, and need not: other conventions own them (`http.`, `code.`, …).
    pub general: Vec<Attribute>,
    /// Attributes that the exporter says it dropped for its own limits.
    pub dropped: u64,
}

/// Who told a thing, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The field of a step, such as `model` or `input`.
    pub field: &'static str,
    /// The dialect.
    pub dialect: &'static str,
    pub attributes: Vec<Attribute>,
}

/// An attribute, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attribute {
    /// The name of the event or log record that carries it; absent for the span itself.
    pub of: Option<String>,
    pub key: String,
}

/// How this step is read, as [`step`](crate::step()) reads it. Every dialect is asked by itself, so that those
/// are known, too, which had nothing to add.
pub fn explain(span: Option<&Record>, logs: &[Record], kind: Kind) -> Explanation {
    let announced = || logs.iter().find(|record| record.signal() == Signal::Traces);
    let span = span.or_else(announced).and_then(Record::span);
    let mut logs: Vec<LogRecord<'_>> = logs.iter().filter_map(Record::log).collect();
    logs.sort_by_key(|log| log.at);
    let witness = Witness::attentive();
    let evidence = evidence(span.as_ref(), &logs).attended(&witness);
    let told = told(&evidence, span.as_ref(), kind, &witness);
    let mut explanation = Explanation { dropped: dropped(span.as_ref()), ..Explanation::default() };
    let (mut fields, mut heard, mut used) = (HashSet::new(), BTreeSet::new(), BTreeSet::new());
    for (dialect, notes) in told {
        heard.extend(notes.heard);
        for (field, by) in notes.settled {
            used.extend(by.iter().cloned());
            let attributes = by.iter().map(|by| attribute(&evidence, by)).collect();
            let is_first = fields.insert(field);
            let list = if is_first { &mut explanation.believed } else { &mut explanation.spare };
            list.push(Origin { field, dialect, attributes });
        }
    }
    let (withheld, rest) = rest(&evidence, span.as_ref(), &heard);
    let (general, unread) = rest.into_iter().partition(|attribute| is_general(&attribute.key));
    let unusable = heard.difference(&used).map(|heard| attribute(&evidence, heard)).collect();
    Explanation { withheld, unusable, general, unread, ..explanation }
}

/// True for what the conventions for everything but agents own, and for what `tracing-opentelemetry` adds.
fn is_general(key: &str) -> bool {
    const GENERAL: &[&str] = &[
        "busy_ns",
        "idle_ns",
        "level",
        "target",
        "client.",
        "cloud.",
        "code.",
        "container.",
        "db.",
        "enduser.",
        "event.name",
        "error.",
        "exception.",
        "feature_flag.",
        "host.",
        "http.",
        "messaging.",
        "net.",
        "network.",
        "os.",
        "otel.",
        "peer.",
        "process.",
        "rpc.",
        "server.",
        "service.",
        "telemetry.",
        "thread.",
        "url.",
        "user_agent.",
    ];
    GENERAL.iter().any(|owned| if owned.ends_with('.') { key.starts_with(owned) } else { key == *owned })
}

/// What each dialect notes when it is asked alone, and at last the general conventions.
fn told(
    evidence: &Evidence<'_>,
    span: Option<&Span<'_>>,
    kind: Kind,
    witness: &Witness,
) -> Vec<(&'static str, Notes)> {
    let nobody = Summary::new(SpanId::from_bytes(&[1; 8]).expect("eight ones are an id"), Source::Span);
    let facts = || Told::new(Summary { status: Some(Status::Unset), ..nobody.clone() }, witness.clone());
    let ask = |dialect: Dialect| {
        let mut summary = facts();
        dialect.facts(evidence, &mut summary);
        dialect.content(evidence, kind, &mut Told::new(Reading::default(), witness.clone()));
        (dialect.as_str(), witness.take())
    };
    let mut told: Vec<_> = Dialect::spoken(evidence).map(ask).collect();
    let mut summary = facts();
    let shared =
        evidence.happenings.first().filter(|_| span.is_none()).map_or(&evidence.fields, |log| &log.fields);
    share(evidence, shared, &mut summary);
    witness.listen();
    if failure(Status::Error, None, span, evidence, None).is_some() {
        witness.settle("error");
    }
    witness.listen();
    if implied_kind(&evidence.fields).is_some() {
        witness.settle("kind");
    }
    told.push((CONVENTIONS, witness.take()));
    for record in evidence.named(TREERING_STEP_RUNNING) {
        announced(&record.fields, witness);
    }
    told.push((Dialect::Treering.as_str(), witness.take()));
    told
}

/// What a record that announces a step says of it; most of that, its span says without an attribute.
fn announced(record: &Fields<'_>, witness: &Witness) {
    let told = [
        ("name", TREERING_STEP_NAME),
        ("parent_span_id", TREERING_STEP_PARENT_ID),
        ("started_at", TREERING_STEP_STARTED_AT),
    ];
    for (field, key) in told {
        witness.listen();
        if record.get(key).is_some() {
            witness.settle(field);
        }
    }
}

fn attribute(evidence: &Evidence<'_>, (place, key): &Heard) -> Attribute {
    let of = match place {
        Place::Span => None,
        Place::Happening(at) => evidence.happenings.get(*at).map(|happening| happening.name.to_owned()),
    };
    Attribute { of, key: key.clone() }
}

/// What was withheld, and what nobody looked at.
fn rest(
    evidence: &Evidence<'_>,
    span: Option<&Span<'_>>,
    heard: &BTreeSet<Heard>,
) -> (Vec<Attribute>, Vec<Attribute>) {
    let of_span = span.into_iter().map(|span| (Place::Span, span.attributes));
    let happenings = evidence.happenings.iter().enumerate();
    let of_happenings = happenings.map(|(at, happening)| (Place::Happening(at), happening.attributes));
    // A record that announces a span stands in for it, and its attributes were heard as those of the span.
    let is_heard =
        |at: &Heard| heard.contains(at) || (span.is_none() && heard.contains(&(Place::Span, at.1.clone())));
    let (mut withheld, mut unread) = (BTreeSet::new(), BTreeSet::new());
    for (place, attributes) in of_span.chain(of_happenings) {
        for (key, value) in attributes.iter() {
            let at = (place, key.to_owned());
            if value.as_text().is_some_and(is_withheld) {
                withheld.insert(attribute(evidence, &at));
            } else if !matches!(value, Value::Empty) && !is_heard(&at) {
                unread.insert(attribute(evidence, &at));
            }
        }
    }
    (withheld.into_iter().collect(), unread.into_iter().collect())
}

fn dropped(span: Option<&Span<'_>>) -> u64 {
    span.map_or(0, |span| span.dropped_attributes)
}
