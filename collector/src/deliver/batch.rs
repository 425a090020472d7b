//! An entry of the journal, read as rows for the store.

use std::collections::HashMap;

use treering_otlp::{LogRecord, Malformed, Signal};
use treering_queue::Entry;
use treering_redact::{Record, Redacted, hash};
use treering_step::TraceId;
use treering_step::attributes::TREERING_DROPPED_STEPS;
use treering_store::{Batch, LogEntry, ProjectId, SpanEntry};

use super::{FORMS, signs};

const MILLISECONDS_A_DAY: u64 = 24 * 60 * 60 * 1000;

/// A batch, and what does not stand in it.
pub(super) struct Read {
    pub(super) batch: Batch,
    /// Records that are signs of life and nothing else.
    pub(super) heartbeats: usize,
    /// Steps that the exporter says it dropped before.
    pub(super) dropped_by_exporter: usize,
    /// Records of the entry that became no row. There are none, or there is a defect.
    pub(super) unread: usize,
}

/// The journal's word for a signal.
pub(crate) fn form(signal: Signal) -> u8 {
    u8::from(signal == FORMS[1])
}

pub(super) fn read(entry: &Entry) -> Result<Read, Malformed> {
    let redacted = open(entry)?;
    let project = ProjectId::from_i64(entry.project);
    let day = u32::try_from(entry.accepted_at / MILLISECONDS_A_DAY).unwrap_or(u32::MAX);
    let mut records = redacted.records();
    let expected = records.len() + redacted.rejected().count;
    let dropped_by_exporter = dropped(&records);
    let (signs, heartbeats) = signs::take(&mut records, entry.accepted_at);
    let mut batch = Batch { project, day, spans: Vec::new(), logs: Vec::new(), signs };
    match redacted.signal() {
        Signal::Traces => batch.spans = records.into_iter().filter_map(span).collect(),
        Signal::Logs => batch.logs = logs(project, records),
    }
    let unread = expected - heartbeats - batch.spans.len() - batch.logs.len();
    Ok(Read { batch, heartbeats, dropped_by_exporter, unread })
}

/// How many records an entry holds; 1 where nobody can tell.
pub(super) fn records(entry: &Entry) -> usize {
    open(entry).map_or(1, |redacted| redacted.records_count())
}

#[expect(clippy::disallowed_methods, reason = "this is delivery: what the journal holds was redacted before")]
fn open(entry: &Entry) -> Result<Redacted, Malformed> {
    let signal = FORMS[usize::from(entry.form == form(FORMS[1]))];
    Redacted::from_journal(signal, entry.bytes.clone())
}

fn span(record: Record) -> Option<SpanEntry> {
    let summary = treering_read::span_summary(&record)?;
    SpanEntry::new(record, summary)
}

fn logs(project: ProjectId, records: Vec<Record>) -> Vec<LogEntry> {
    let (mut equals, mut processes) = (HashMap::<[u8; 16], u32>::new(), Processes::default());
    let entry = |record: Record| {
        let identity = record.identity();
        let ordinal = equals.entry(identity).and_modify(|count| *count += 1).or_default();
        log(project, record, identity, *ordinal, &mut processes)
    };
    records.into_iter().filter_map(entry).collect()
}

fn log(
    project: ProjectId,
    record: Record,
    identity: [u8; 16],
    ordinal: u32,
    processes: &mut Processes,
) -> Option<LogEntry> {
    let log = record.log()?;
    let at = log.at;
    let trace_id = log.trace_id.unwrap_or_else(|| trace_of(project, &session(&record, &log, processes)));
    let summary = treering_read::log_summary(&record, identity)?;
    Some(LogEntry { trace_id, ordinal, at, record, summary })
}

/// What the resources of a request call their process, found once for each context.
type Processes = HashMap<[u8; 16], String>;

/// The session that a log record without a trace belongs to: its own word, or else its process.
fn session(record: &Record, log: &LogRecord<'_>, processes: &mut Processes) -> String {
    const SESSIONS: [&str; 3] = ["session.id", "gen_ai.conversation.id", "conversation.id"];
    let own = SESSIONS.iter().find_map(|key| log.attributes.get(key)?.as_text());
    let process = || processes.entry(record.context().hash()).or_insert_with(|| process(log)).clone();
    own.map_or_else(process, str::to_owned)
}

fn process(log: &LogRecord<'_>) -> String {
    let of = |key| log.scope.resource.get(key)?.as_text();
    of("service.instance.id").or_else(|| of("service.name")).unwrap_or_default().to_owned()
}

/// Logs that have no trace make an execution of their session.
fn trace_of(project: ProjectId, session: &str) -> TraceId {
    let hash = hash(&[b"logs without a trace", &project.as_i64().to_le_bytes(), session.as_bytes()]);
    TraceId::from_bytes(&hash).or(TraceId::from_bytes(&[1; 16])).expect("sixteen ones are an id")
}

/// What exporters of ours say they dropped since the batch before, once for each context of the request.
fn dropped(records: &[Record]) -> usize {
    let mut contexts: Vec<_> = records.iter().collect();
    contexts.dedup_by_key(|record| record.context().hash());
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
