//! An entry of the journal, read as rows for the store.

use std::collections::HashMap;

use treering_otlp::{LogRecord, Malformed, Signal};
use treering_queue::Entry;
use treering_redact::{Record, Redacted};
use treering_step::attributes::TREERING_DROPPED_STEPS;
use treering_step::{Source, SpanId, Summary, TraceId};
use treering_store::{Batch, LogEntry, ProjectId, SpanEntry};

use super::FORMS;

const MILLISECONDS_A_DAY: u64 = 24 * 60 * 60 * 1000;

/// A batch, and how many steps its exporter says that it dropped before.
pub(super) struct Read {
    pub(super) batch: Batch,
    pub(super) dropped_by_exporter: usize,
}

/// The journal's word for a signal.
pub(crate) fn form(signal: Signal) -> u8 {
    u8::from(signal == FORMS[1])
}

#[expect(clippy::disallowed_methods, reason = "this is delivery: what the journal holds was redacted before")]
pub(super) fn read(entry: &Entry) -> Result<Read, Malformed> {
    let signal = FORMS[usize::from(entry.form == form(FORMS[1]))];
    let redacted = Redacted::from_journal(signal, entry.bytes.clone())?;
    let project = ProjectId::from_i64(entry.project);
    let day = u32::try_from(entry.accepted_at / MILLISECONDS_A_DAY).unwrap_or(u32::MAX);
    let records = redacted.records();
    let dropped_by_exporter = dropped(&records);
    let mut batch = Batch { project, day, spans: Vec::new(), logs: Vec::new() };
    match signal {
        Signal::Traces => batch.spans = records.into_iter().filter_map(span).collect(),
        Signal::Logs => batch.logs = logs(project, records),
    }
    Ok(Read { batch, dropped_by_exporter })
}

fn span(record: Record) -> Option<SpanEntry> {
    let summary = treering_read::span_summary(&record)?;
    SpanEntry::new(record, summary)
}

fn logs(project: ProjectId, records: Vec<Record>) -> Vec<LogEntry> {
    let mut equals = HashMap::<[u8; 16], u32>::new();
    let entry = |record: Record| {
        let identity = record.identity();
        let ordinal = equals.entry(identity).and_modify(|count| *count += 1).or_default();
        log(project, record, identity, *ordinal)
    };
    records.into_iter().filter_map(entry).collect()
}

fn log(project: ProjectId, record: Record, identity: [u8; 16], ordinal: u32) -> Option<LogEntry> {
    let log = record.log()?;
    let (at, trace_id) = (log.at, log.trace_id.unwrap_or_else(|| trace_of_session(project, &log)));
    let summary = match log.span_id {
        Some(span_id) => treering_read::log_summary(&record, identity).unwrap_or_else(|| mention(span_id)),
        None => alone(&log, identity),
    };
    Some(LogEntry { trace_id, ordinal, at, record, summary })
}

/// A log record that says nothing of its step but that there is one. Any number of them share a row.
fn mention(span_id: SpanId) -> Summary {
    Summary::new(span_id, Source::Log([0; 16]))
}

/// A log record of no span is a step of its own.
fn alone(log: &LogRecord<'_>, identity: [u8; 16]) -> Summary {
    let mut id = [1; 8];
    id.copy_from_slice(&identity[..8]);
    // A hash whose first half is zeros alone would be no id; it is as good as any other.
    let span_id = SpanId::from_bytes(&id).or(SpanId::from_bytes(&[1; 8])).expect("eight ones are an id");
    let mut summary = Summary::new(span_id, Source::Log(identity));
    summary.name = Some(log_name(log));
    (summary.started_at, summary.ended_at) = (log.at, log.at);
    summary
}

fn log_name(log: &LogRecord<'_>) -> String {
    let name = log.attributes.get("event.name").and_then(|name| name.as_text()).unwrap_or(log.event_name);
    if name.is_empty() { "log".into() } else { name.to_owned() }
}

/// Logs that have no trace belong to the execution of their session.
fn trace_of_session(project: ProjectId, log: &LogRecord<'_>) -> TraceId {
    const SESSIONS: [&str; 3] = ["session.id", "gen_ai.conversation.id", "conversation.id"];
    let of_record = SESSIONS.iter().find_map(|key| log.attributes.get(key)?.as_text());
    let of_process = || log.scope.resource.get("service.instance.id")?.as_text();
    let of_service = || log.scope.resource.get("service.name")?.as_text();
    let session = of_record.or_else(of_process).or_else(of_service).unwrap_or_default();
    let hash = Record::hash(&[b"logs without a trace", &project.as_i64().to_le_bytes(), session.as_bytes()]);
    TraceId::from_bytes(&hash).or(TraceId::from_bytes(&[1; 16])).expect("sixteen ones are an id")
}

/// What exporters of ours say they dropped since the batch before, once for each context of the request.
fn dropped(records: &[Record]) -> usize {
    let mut contexts: Vec<_> = records.iter().collect();
    contexts.dedup_by(|a, b| std::sync::Arc::ptr_eq(a.context(), b.context()));
    let of = |record: &&Record| {
        let scope = record.span()?.scope;
        let count =
            scope.attributes.get(TREERING_DROPPED_STEPS).or(scope.resource.get(TREERING_DROPPED_STEPS))?;
        match count {
            treering_otlp::Value::Int(count) => usize::try_from(count).ok(),
            _ => None,
        }
    };
    contexts.iter().filter_map(of).sum()
}
