//! Records, as they came.

use std::collections::{BTreeSet, HashMap};

use super::connection::{Connection, Row, refs};
use rusqlite::params;
use rusqlite::types::Value;
use treering_otlp::Signal;
use treering_redact::{Context, Record};
use treering_step::{JoinKey, SpanId, TraceId};

use super::content::{Content, address};
use super::joins::{Joins, Place};
use super::rows;
use crate::content::{Address, Name, identity};
use crate::{Error, ProjectId, Scope, StepRecords, Touched};

/// Bytes after which no older record is taken along with the newest: all of them are in memory at once, and each
/// one may be as large as a request.
const NEWEST_BYTES: usize = 32 << 20;

/// What a record is read from: its day, its name, and where its content lies.
pub(super) const RECORD: &str = "day, hash, block, start, length";

fn span_of() -> String {
    format!("SELECT {RECORD} FROM span WHERE project = ?1 AND trace_id = ?2 AND span_id = ?3")
}

fn announcing() -> String {
    format!("SELECT {RECORD} FROM span WHERE project = ?1 AND trace_id = ?2 AND announces = ?3")
}

/// Of equal ones the first: they say the same.
fn log_of() -> String {
    format!("SELECT {RECORD} FROM log WHERE project = ?1 AND trace_id = ?2 AND hash = ?3 LIMIT 1")
}

/// Reads records, and each context only once.
pub(crate) struct Records<'a> {
    connection: &'a Connection,
    content: &'a Content,
    project: ProjectId,
    contexts: HashMap<(u32, Name), Context>,
}

impl<'a> Records<'a> {
    pub(crate) fn new(connection: &'a Connection, content: &'a Content, project: ProjectId) -> Self {
        Self { connection, content, project, contexts: HashMap::new() }
    }

    /// The record of a row whose first columns are [`RECORD`]; `None` where its content is no longer there.
    pub(super) fn record(&mut self, signal: Signal, row: Row<'_>) -> Result<Option<Record>, Error> {
        let (day, hash): (u32, Name) = (row.get(0)?, row.get(1)?);
        let Some(address) = address(row, 2)? else { return Ok(None) };
        self.at(signal, day, hash, address)
    }

    /// The record of this name at this address. Wherever it was put together from, it is what was written.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the store: what it holds was redacted when it was written"
    )]
    pub(crate) fn at(
        &mut self,
        signal: Signal,
        day: u32,
        hash: Name,
        address: Address,
    ) -> Result<Option<Record>, Error> {
        let of_day = self.content.of(self.connection, self.project, day);
        let Some((context, body)) = of_day.record(address)? else { return Ok(None) };
        let context = match self.contexts.get(&(day, context)) {
            Some(known) => known.clone(),
            None => {
                let Some(bytes) = of_day.piece(&context)? else { return Ok(None) };
                let read = Context::new(&*bytes);
                self.contexts.insert((day, context), read.clone());
                read
            }
        };
        let record = Record::from_store(signal, context, body);
        if identity(&self.content.vault.hash_key(self.project)?, &record) != hash {
            return Err(Error::Damaged("a record that is not what was written"));
        }
        Ok(Some(record.known_as(hash)))
    }

    fn key(&self, parts: &[&[u8]]) -> Vec<Value> {
        let blobs = parts.iter().map(|part| Value::Blob(part.to_vec()));
        [Value::Integer(self.project.0)].into_iter().chain(blobs).collect()
    }

    fn all(&mut self, signal: Signal, sql: &str, key: &[&[u8]]) -> Result<Vec<Record>, Error> {
        let mut statement = self.connection.prepare(sql)?;
        let key = self.key(key);
        let mut found = statement.query(&refs(&key))?;
        let mut records = Vec::new();
        while let Some(row) = found.next()? {
            records.extend(self.record(signal, row)?);
        }
        Ok(records)
    }

    /// The records that a summary was made from.
    fn of_summary(&mut self, trace_id: TraceId, span_id: &[u8], source: &[u8]) -> Result<Vec<Record>, Error> {
        if source.is_empty() {
            return self.all(Signal::Traces, &span_of(), &[trace_id.as_bytes(), span_id]);
        }
        let logs = self.all(Signal::Logs, &log_of(), &[trace_id.as_bytes(), &rows::hash_of(source)])?;
        if logs.is_empty() {
            self.all(Signal::Traces, &announcing(), &[trace_id.as_bytes(), span_id])
        } else {
            Ok(logs)
        }
    }

    /// Records, each with its day.
    fn dated(&mut self, signal: Signal, sql: &str, key: &[&[u8]]) -> Result<Vec<(u32, Record)>, Error> {
        let mut statement = self.connection.prepare(sql)?;
        let key = self.key(key);
        let mut found = statement.query(&refs(&key))?;
        let mut records = Vec::new();
        while let Some(row) = found.next()? {
            let day = row.get(0)?;
            records.extend(self.record(signal, row)?.map(|record| (day, record)));
        }
        Ok(records)
    }

    /// Log records, each with what they are ordered by.
    fn logs(&mut self, sql: &str, key: &[&[u8]]) -> Result<Vec<Ordered>, Error> {
        let mut statement = self.connection.prepare(sql)?;
        let key = self.key(key);
        let mut found = statement.query(&refs(&key))?;
        let mut logs = Vec::new();
        while let Some(row) = found.next()? {
            let order = (row.get(5)?, row.get(1)?, row.get(6)?);
            logs.extend(self.record(Signal::Logs, row)?.map(|record| (order, record)));
        }
        Ok(logs)
    }
}

/// A log record with its time, hash and ordinal.
type Ordered = ((i64, Vec<u8>, u32), Record);

pub(super) fn steps(
    connection: &Connection,
    content: &Content,
    scope: Scope,
    trace_id: TraceId,
    spans: &[SpanId],
) -> Result<Vec<StepRecords>, Error> {
    let [span_of, announcing] = [span_of(), announcing()];
    let moment = connection.moment()?;
    let joins = Joins { connection: &moment, project: scope.project() };
    let mut records = Records::new(&moment, content, scope.project());
    let mut steps = Vec::with_capacity(spans.len());
    for span_id in spans {
        let key: [&[u8]; 2] = [trace_id.as_bytes(), span_id.as_bytes()];
        let span = records.all(Signal::Traces, &span_of, &key)?.pop();
        let mut logs = records.all(Signal::Traces, &announcing, &key)?;
        logs.extend(logs_of(&mut records, joins, (trace_id, *span_id))?);
        if span.is_some() || !logs.is_empty() {
            steps.push(StepRecords { span_id: *span_id, span, logs });
        }
    }
    Ok(steps)
}

/// The log records of a step, in the order of their time: those that came with its span, but for what belongs
/// elsewhere, and those that came elsewhere and name it by an id.
fn logs_of(
    records: &mut Records<'_>,
    joins: Joins<'_>,
    step: Place,
) -> Result<impl Iterator<Item = Record>, Error> {
    let came = format!(
        "SELECT {RECORD}, at, ordinal FROM log WHERE project = ?1 AND trace_id = ?2 AND span_id = ?3"
    );
    let named =
        format!("SELECT {RECORD}, at, ordinal FROM log WHERE project = ?1 AND trace_id = ?2 AND hash = ?3");
    let mut logs = records.logs(&came, &[step.0.as_bytes(), step.1.as_bytes()])?;
    let Exchange { gone, taken } = exchange(joins, step)?;
    logs.retain(|((_, hash, _), _)| !gone.contains(hash));
    for (home, hash) in &taken {
        logs.extend(records.logs(&named, &[home.as_bytes(), hash])?);
    }
    logs.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(logs.into_iter().map(|(_, record)| record))
}

/// The hashes of log records that came with a step and belong elsewhere, and of those that belong to it and came
/// elsewhere, with the execution where they did.
#[derive(Default)]
struct Exchange {
    gone: BTreeSet<Vec<u8>>,
    taken: BTreeSet<(TraceId, Vec<u8>)>,
}

fn exchange(joins: Joins<'_>, step: Place) -> Result<Exchange, Error> {
    let mut exchange = Exchange::default();
    for (source, keys) in joined(joins, step)? {
        for key in keys {
            if source.is_empty() {
                let others = joins.taken_by(step, key)?.into_iter().filter(|log| log.home != step);
                exchange.taken.extend(others.map(|log| (log.home.0, rows::hash_of(&log.source))));
            } else if joins.taker(key, step.0)?.is_some_and(|taker| taker != step) {
                exchange.gone.insert(rows::hash_of(&source));
            }
        }
    }
    Ok(exchange)
}

/// The source of a summary and its ids.
type Joined = (Vec<u8>, Vec<JoinKey>);

/// The summaries of a step that have ids.
fn joined(joins: Joins<'_>, step: Place) -> Result<Vec<Joined>, Error> {
    let sql = "SELECT source, joins FROM summary
        WHERE project = ?1 AND trace_id = ?2 AND span_id = ?3 AND joins IS NOT NULL";
    let mut statement = joins.connection.prepare(sql)?;
    let mut found = statement.query(params![joins.project.0, step.0.as_bytes(), step.1.as_bytes()])?;
    let mut joined = Vec::new();
    while let Some(row) = found.next()? {
        joined.push((row.get(0)?, rows::parse_joins(Some(row.blob(1)?))?));
    }
    Ok(joined)
}

/// Tells each record that came with an execution since this version, and those that came elsewhere, belong here by
/// an id, and are as new, or the span is to which they belong.
pub(super) fn came_since(
    connection: &Connection,
    content: &Content,
    of: Touched,
    since: i64,
    mut tell: impl FnMut(Record),
) -> Result<(), Error> {
    let joins = Joins { connection, project: of.project };
    let any_naming = joins.any_naming()?;
    let mut records = Records::new(connection, content, of.project);
    let sql = "SELECT span_id, source, joins, written >= ?3 FROM summary
        WHERE project = ?1 AND trace_id = ?2 AND (written >= ?3 OR (joins IS NOT NULL AND source = x''))";
    let mut statement = connection.prepare(sql)?;
    let mut found = statement.query(params![of.project.0, of.trace_id.as_bytes(), since])?;
    while let Some(row) = found.next()? {
        let (span_id, source): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let is_new = row.get(3)?;
        if is_new {
            records.of_summary(of.trace_id, &span_id, &source)?.into_iter().for_each(&mut tell);
        }
        if any_naming && source.is_empty() {
            let step = (of.trace_id, rows::span_id(&span_id)?);
            for key in rows::parse_joins(Some(row.blob(2)?))? {
                let since = if is_new { i64::MIN } else { since };
                for (home, hash) in joins.brought_since(step, key, since)? {
                    records
                        .all(Signal::Logs, &log_of(), &[home.as_bytes(), &hash])?
                        .into_iter()
                        .for_each(&mut tell);
                }
            }
        }
    }
    Ok(())
}

/// Every record that came with an execution.
pub(super) fn records(
    connection: &Connection,
    content: &Content,
    scope: Scope,
    trace_id: TraceId,
) -> Result<Vec<Record>, Error> {
    let spans = format!("SELECT {RECORD} FROM span WHERE project = ?1 AND trace_id = ?2");
    let logs = format!("SELECT {RECORD}, at, ordinal FROM log WHERE project = ?1 AND trace_id = ?2");
    let moment = connection.moment()?;
    let mut records = Records::new(&moment, content, scope.project());
    let mut all = records.all(Signal::Traces, &spans, &[trace_id.as_bytes()])?;
    all.sort_by_key(|record| record.context().hash());
    let mut logs = records.logs(&logs, &[trace_id.as_bytes()])?;
    logs.sort_by_cached_key(|(order, record)| (record.context().hash(), order.clone()));
    all.extend(logs.into_iter().map(|(_, record)| record));
    Ok(all)
}

/// Every record that came with an execution or belongs to it, each with its day of ingest. Those of a day, of a signal
/// and of a context stand together in the order of time, and so do equal ones.
pub(super) fn dated_records(
    connection: &Connection,
    content: &Content,
    scope: Scope,
    trace_id: TraceId,
) -> Result<Vec<(u32, Record)>, Error> {
    let spans = format!("SELECT {RECORD} FROM span WHERE project = ?1 AND trace_id = ?2");
    let logs = format!("SELECT {RECORD} FROM log WHERE project = ?1 AND trace_id = ?2");
    let moment = connection.moment()?;
    let mut records = Records::new(&moment, content, scope.project());
    let mut all = records.dated(Signal::Traces, &spans, &[trace_id.as_bytes()])?;
    all.extend(records.dated(Signal::Logs, &logs, &[trace_id.as_bytes()])?);
    let joins = Joins { connection: &moment, project: scope.project() };
    let taken = joins.taken_from_elsewhere(trace_id)?;
    let taken: BTreeSet<_> = taken.iter().map(|log| (log.home.0, rows::hash_of(&log.source))).collect();
    for (home, hash) in &taken {
        let named = format!("{logs} AND hash = ?3");
        all.extend(records.dated(Signal::Logs, &named, &[home.as_bytes(), hash])?);
    }
    all.sort_by_cached_key(|(day, record)| {
        let at = record.span().and_then(|span| span.started_at).or_else(|| record.log()?.at);
        (*day, record.signal() == Signal::Logs, record.context().hash(), at, record.identity())
    });
    Ok(all)
}

/// The spans and the log records that came last.
pub(super) fn newest(
    connection: &Connection,
    content: &Content,
    scope: Scope,
    limit: u32,
) -> Result<Vec<Record>, Error> {
    let moment = connection.moment()?;
    let mut records = Records::new(&moment, content, scope.project());
    let mut all = Vec::new();
    for (signal, table) in [(Signal::Traces, "span"), (Signal::Logs, "log")] {
        let sql = format!(
            "SELECT {RECORD} FROM {table} WHERE project = ?1 AND block IS NOT NULL
             ORDER BY day DESC, block DESC, start DESC LIMIT {limit}"
        );
        let mut statement = moment.prepare(&sql)?;
        let mut found = statement.query(params![scope.project().0])?;
        let mut bytes = 0;
        while bytes < NEWEST_BYTES
            && let Some(row) = found.next()?
        {
            let Some(record) = records.record(signal, row)? else { continue };
            bytes += record.body().len();
            all.push(record);
        }
    }
    Ok(all)
}
