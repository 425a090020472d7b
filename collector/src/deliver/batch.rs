//! An entry of the journal, read as rows for the store.

use std::collections::{BTreeMap, HashMap};

use treering_otlp::{LogRecord, Signal};
use treering_queue::Entry;
use treering_redact::{Record, Redacted, hash};
use treering_seal::{DataKey, HashKey};
use treering_step::TraceId;
use treering_step::attributes::TREERING_DROPPED_STEPS;
use treering_store::{Batch, LogEntry, ProjectId, Salvaged, SpanEntry, Vault, identity, keyed};

use super::{FORMS, signs};
use crate::outcome::Outcome;

const MILLISECONDS_A_DAY: u64 = 24 * 60 * 60 * 1000;

/// Records that are read at one time, and bytes of them: few enough that a request of any size is delivered in little
/// memory.
pub(super) const PART_RECORDS: usize = 4096;
pub(super) const PART_BYTES: usize = 4 << 20;

/// A part of an entry, and what does not stand in it.
pub(super) struct Read {
    pub(super) batch: Batch,
    /// Records that are signs of life and nothing else.
    pub(super) heartbeats: usize,
    /// What its records take.
    pub(super) bytes: usize,
    /// Steps that the exporter says it dropped before.
    pub(super) dropped_by_exporter: usize,
    /// Records of the entry that became no row. There are none, or there is a defect.
    pub(super) unread: usize,
}

impl Read {
    /// Records of it that the store gets.
    pub(super) fn records(&self) -> usize {
        self.batch.spans.len() + self.batch.logs.len() + self.heartbeats
    }
}

/// Records of a damaged store as they came in, each with its day.
pub(super) fn salvaged(records: Vec<Salvaged>) -> Vec<Batch> {
    let mut of_days: BTreeMap<(ProjectId, u32), Vec<Salvaged>> = BTreeMap::new();
    for salvaged in records {
        of_days.entry((salvaged.project, salvaged.day)).or_default().push(salvaged);
    }
    of_days.into_iter().map(|((project, day), records)| batch_of_day(project, day, records)).collect()
}

fn batch_of_day(project: ProjectId, day: u32, records: Vec<Salvaged>) -> Batch {
    let mut all = records.iter().map(|salvaged| salvaged.record.clone()).collect();
    // They were signs of life at some moment of their day.
    let (signs, _) = signs::take(&mut all, u64::from(day) * MILLISECONDS_A_DAY);
    let (mut spans, mut logs) = (Vec::new(), Vec::new());
    for Salvaged { trace_id, ordinal, record, .. } in records {
        match record.signal() {
            Signal::Traces => spans.extend(span(record)),
            Signal::Logs => logs.extend(salvaged_log(trace_id, ordinal, record)),
        }
    }
    Batch { project, day, spans, logs, signs }
}

fn salvaged_log(trace_id: TraceId, ordinal: u32, record: Record) -> Option<LogEntry> {
    let at = record.log()?.at;
    let summary = treering_read::log_summary(&record, record.identity())?;
    Some(LogEntry { trace_id, ordinal, at, record, summary })
}

/// A batch in two, so that each is asked for by itself; `None` where it holds but one record.
///
/// Their records are the same ones and shared, none is copied.
pub(super) fn halves(batch: &Batch) -> Option<[Batch; 2]> {
    fn cut<T: Clone>(all: &[T]) -> [Vec<T>; 2] {
        let (first, second) = all.split_at(all.len() / 2);
        [first.to_vec(), second.to_vec()]
    }
    let Batch { project, day, spans, logs, signs } = batch;
    let [first, second] = match (spans.len(), logs.len()) {
        (2.., 0) => cut(spans).map(|spans| (spans, Vec::new())),
        (0, 2..) => cut(logs).map(|logs| (Vec::new(), logs)),
        (0 | 1, 0) | (0, 1) => return None,
        _ => [(spans.clone(), Vec::new()), (Vec::new(), logs.clone())],
    };
    let of = |(spans, logs)| Batch { project: *project, day: *day, spans, logs, signs: signs.clone() };
    Some([of(first), of(second)])
}

/// The journal's word for a signal.
pub(crate) fn form(signal: Signal) -> u8 {
    u8::from(signal == FORMS[1])
}

/// An entry that is being read, part by part.
pub(super) struct Reading {
    redacted: Redacted,
    project: ProjectId,
    day: u32,
    accepted_at: u64,
    /// Records of it that were read.
    done: usize,
    last_context: Option<[u8; 16]>,
    logs: Logs,
}

impl Reading {
    /// Opens an entry that these keys sealed; what is kept of it is named with the store's key of its project. Where it does not open, the outcome
    /// of its records is known: their project was erased, or their bytes were damaged.
    pub(super) fn of(
        entry: &Entry,
        seals: &Vault,
        names: &Vault,
    ) -> Result<Result<Self, Outcome>, treering_store::Error> {
        let Ok(id) = entry.key() else { return Ok(Err(damaged(entry))) };
        let project = ProjectId::from_i64(entry.project);
        let Some(key) = seals.key(project, id)? else { return Ok(Err(Outcome::Erased)) };
        let Ok(redacted) = open(entry, &key) else { return Ok(Err(damaged(entry))) };
        Ok(Ok(Self {
            redacted,
            project,
            accepted_at: entry.accepted_at,
            day: day(entry.accepted_at),
            done: 0,
            last_context: None,
            logs: Logs::named_with(names.hash_key(project)?),
        }))
    }

    /// The next part; `None` after the last one.
    pub(super) fn part(&mut self) -> Option<Read> {
        let mut bytes = 0;
        let fits = |record: &Record| {
            let fits = bytes < PART_BYTES;
            bytes += record.body().len();
            fits
        };
        let records = self.redacted.records_after(self.done).take(PART_RECORDS).take_while(fits);
        let records: Vec<_> = records.collect();
        self.done += records.len();
        (!records.is_empty()).then(|| self.read(records))
    }

    fn read(&mut self, mut records: Vec<Record>) -> Read {
        let (expected, dropped_by_exporter) = (records.len(), self.dropped(&records));
        let bytes = records.iter().map(|record| record.body().len()).sum();
        let (signs, heartbeats) = signs::take(&mut records, self.accepted_at);
        let mut batch =
            Batch { project: self.project, day: self.day, spans: Vec::new(), logs: Vec::new(), signs };
        match self.redacted.signal() {
            Signal::Traces => batch.spans = records.into_iter().filter_map(span).collect(),
            Signal::Logs => batch.logs = self.logs.entries(self.project, records),
        }
        let unread = expected - heartbeats - batch.spans.len() - batch.logs.len();
        Read { batch, heartbeats, bytes, dropped_by_exporter, unread }
    }

    /// What exporters of ours say they dropped since the batch before, once for each context of the request.
    fn dropped(&mut self, records: &[Record]) -> usize {
        let mut dropped = 0;
        for record in records {
            let context = Some(record.context().hash());
            if context != std::mem::replace(&mut self.last_context, context) {
                dropped += dropped_before(record).unwrap_or(0);
            }
        }
        dropped
    }
}

#[expect(clippy::disallowed_methods, reason = "this is delivery: what the journal holds was redacted before")]
fn open(entry: &Entry, key: &DataKey) -> Result<Redacted, Unopened> {
    let signal = FORMS[usize::from(entry.form == form(FORMS[1]))];
    let bytes = entry.open(key).map_err(|_| Unopened)?;
    Redacted::from_journal(signal, bytes).map_err(|_| Unopened)
}

/// Its bytes are not what was sealed.
struct Unopened;

fn damaged(entry: &Entry) -> Outcome {
    tracing::error!(records = entry.records, "an entry of the journal was damaged on its disk; it is lost");
    Outcome::DamagedJournal
}

/// The day of a time in milliseconds, both since 1970 UTC.
pub(crate) fn day(milliseconds: u64) -> u32 {
    u32::try_from(milliseconds / MILLISECONDS_A_DAY).unwrap_or(u32::MAX)
}

fn span(record: Record) -> Option<SpanEntry> {
    let summary = treering_read::span_summary(&record)?;
    SpanEntry::new(record, summary)
}

/// What is known of the log records of an entry that were read.
struct Logs {
    key: HashKey,
    equals: HashMap<[u8; 16], u32>,
    processes: Processes,
}

impl Logs {
    fn named_with(key: HashKey) -> Self {
        Self { key, equals: HashMap::new(), processes: Processes::new() }
    }

    fn entries(&mut self, project: ProjectId, records: Vec<Record>) -> Vec<LogEntry> {
        records.into_iter().filter_map(|record| self.entry(project, record)).collect()
    }

    fn entry(&mut self, project: ProjectId, record: Record) -> Option<LogEntry> {
        let identity = identity(&self.key, &record);
        let ordinal = *self.equals.entry(identity).and_modify(|count| *count += 1).or_default();
        let record = record.known_as(identity);
        let log = record.log()?;
        let at = log.at;
        let trace_id = match log.trace_id {
            Some(trace_id) => trace_id,
            None => {
                let session = session(&record, &log, &mut self.processes);
                self.trace_of(project, &session)
            }
        };
        let summary = treering_read::log_summary(&record, identity)?;
        Some(LogEntry { trace_id, ordinal, at, record, summary })
    }

    /// Logs that have no trace make an execution of their session.
    fn trace_of(&self, project: ProjectId, session: &str) -> TraceId {
        let hash = hash(&[b"logs without a trace", &project.as_i64().to_le_bytes(), session.as_bytes()]);
        let name = keyed(&self.key, hash);
        TraceId::from_bytes(&name).or(TraceId::from_bytes(&[1; 16])).expect("sixteen ones are an id")
    }
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

fn dropped_before(record: &Record) -> Option<usize> {
    let scope = record.span()?.scope;
    match scope.attributes.get(TREERING_DROPPED_STEPS).or(scope.resource.get(TREERING_DROPPED_STEPS))? {
        treering_otlp::Value::Int(count) => usize::try_from(count).ok(),
        _ => None,
    }
}
