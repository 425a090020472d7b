//! Records, as they came.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;

use super::connection::{Connection, Find, Kind, Row};
use rusqlite::params;
use rusqlite::types::Value;
use treering_otlp::Signal;
use treering_redact::{Context, Record};
use treering_step::{JoinKey, SpanId, TraceId};

use super::content::{Content, OfProject, address};
use super::joins::{BY_STEP, Joins, Place};
use super::removal::keys;
use super::rows;
use super::versions::forgot;
use crate::content::{Address, Name, identity};
use crate::{Error, ProjectId, Scope, StepRecords, Touched};

/// Bytes after which no older record is taken along with the newest: all of them are in memory at once, and each
/// one may be as large as a request.
const NEWEST_BYTES: usize = 32 << 20;

/// What a record is read from: its day, its name, and where its content lies.
pub(super) const RECORD: &str = "day, hash, block, start, length";

const SPAN_OF: Find<'_> = Find { told: RECORD, table: "span", by: &BY_STEP, but: "" };

const ANNOUNCING: Find<'_> = Find {
    told: RECORD,
    table: "span",
    by: &[("project", Kind::Integer), ("trace_id", Kind::Bytes), ("announces", Kind::Bytes)],
    but: "",
};

const LOGS_OF: Find<'_> =
    Find { told: "day, hash, block, start, length, at, ordinal", table: "log", by: &BY_STEP, but: "" };

pub(super) const BY_HASH: [(&str, Kind); 3] =
    [("project", Kind::Integer), ("trace_id", Kind::Bytes), ("hash", Kind::Bytes)];

/// Of equal ones the first: they say the same.
const LOG_OF: Find<'_> = Find { told: RECORD, table: "log", by: &BY_HASH, but: "ORDER BY ordinal LIMIT 1" };

const LOGS_NAMED: Find<'_> =
    Find { told: "day, hash, block, start, length, at, ordinal", table: "log", by: &BY_HASH, but: "" };

/// Records that are read at once, at the most.
const PART: usize = 256;

/// What a record is read from.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    signal: Signal,
    pub(super) day: u32,
    hash: Name,
    /// None where the content is no longer there.
    address: Option<Address>,
}

impl Kept {
    /// What stands in a row whose first columns are [`RECORD`].
    pub(super) fn of(signal: Signal, row: Row<'_>) -> Result<Self, Error> {
        Ok(Self { signal, day: row.get(0)?, hash: row.get(1)?, address: address(row, 2)? })
    }
}

/// Reads records, and each context only once.
pub(crate) struct Records<'a> {
    connection: &'a Connection,
    content: &'a Content,
    of_project: OfProject<'a>,
    project: ProjectId,
    contexts: HashMap<(u32, Name), Context>,
    /// How many are read at once.
    part: usize,
    /// False where the key of some content was gone, which is moved, erased or expired.
    is_whole: bool,
}

impl<'a> Records<'a> {
    pub(crate) fn new(connection: &'a Connection, content: &'a Content, project: ProjectId) -> Self {
        let of_project = content.of(connection, project);
        Self {
            connection,
            content,
            of_project,
            project,
            contexts: HashMap::new(),
            part: PART,
            is_whole: true,
        }
    }

    /// The record of this name at this address. Wherever it was put together from, it is what was written.
    pub(crate) fn at(
        &mut self,
        signal: Signal,
        day: u32,
        hash: Name,
        address: Address,
    ) -> Result<Option<Record>, Error> {
        self.of_project.fetch(&[(day, address)])?;
        self.fetched(Kept { signal, day, hash, address: Some(address) })
    }

    /// Reads records, and tells each with its place among them, in their order, while whoever is told wants more;
    /// `None` where the content of one is no longer there. What is wrong with one is wrong with no other.
    pub(super) fn each(
        &mut self,
        kept: &[Kept],
        mut tell: impl FnMut(usize, Result<Option<Record>, Error>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        let mut from = 0;
        while from < kept.len() {
            let part = self.fetch(&kept[from..])?;
            for (at, kept) in kept.iter().enumerate().skip(from).take(part) {
                if tell(at, self.fetched(*kept))?.is_break() {
                    return Ok(());
                }
            }
            from += part;
        }
        Ok(())
    }

    /// All of them.
    fn all(&mut self, kept: &[Kept]) -> Result<Vec<Option<Record>>, Error> {
        let mut all = Vec::with_capacity(kept.len());
        self.each(kept, |_, record| {
            all.push(record?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(all)
    }

    /// Fetches what the first of these are made from, and tells how many they are.
    fn fetch(&mut self, kept: &[Kept]) -> Result<usize, Error> {
        loop {
            let part = self.part.min(kept.len());
            let address = |kept: &Kept| Some((kept.day, kept.address?));
            let records: Vec<_> = kept[..part].iter().filter_map(address).collect();
            if self.of_project.fetch(&records)? || part == 1 {
                return Ok(part);
            }
            self.part = part / 2;
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the store: what it holds was redacted when it was written"
    )]
    fn fetched(&mut self, Kept { signal, day, hash, address }: Kept) -> Result<Option<Record>, Error> {
        let Some(address) = address else { return Ok(None) };
        let Some((context, body)) = self.of_project.record(day, address)? else {
            self.is_whole = false;
            return Ok(None);
        };
        let context = match self.contexts.get(&(day, context)) {
            Some(known) => known.clone(),
            None => {
                let Some(bytes) = self.of_project.piece(day, &context)? else {
                    self.is_whole = false;
                    return Ok(None);
                };
                let read = Context::new(&*bytes);
                self.contexts.insert((day, context), read.clone());
                read
            }
        };
        let record = Record::from_store(signal, context, body);
        if !self.is_named(&record, hash)? {
            return Err(Error::Damaged("a record that is not what was written"));
        }
        Ok(Some(record.known_as(hash)))
    }

    /// True where this is the name of the record. The key that is remembered may have been dropped by another process.
    fn is_named(&self, record: &Record, name: Name) -> Result<bool, Error> {
        let vault = &self.content.vault;
        if identity(&vault.hash_key(self.project)?, record) == name {
            return Ok(true);
        }
        let today = vault.hash_key_today(self.project)?;
        Ok(today.is_some_and(|key| identity(&key, record) == name))
    }

    fn key(&self, trace_id: TraceId, other: &[u8]) -> Vec<Value> {
        vec![self.project.0.into(), trace_id.as_bytes().to_vec().into(), other.to_vec().into()]
    }

    /// What the rows of a signal and an execution tell.
    fn of_execution<T>(
        &self,
        signal: Signal,
        trace_id: TraceId,
        read: impl FnMut(Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let from = match signal {
            Signal::Traces => "0, 0 FROM span",
            Signal::Logs => "at, ordinal FROM log",
        };
        let sql = format!("SELECT {RECORD}, {from} WHERE project = ?1 AND trace_id = ?2");
        self.connection.all(&sql, params![self.project.0, trace_id.as_bytes()], read)
    }

    /// What is found by each of these keys.
    fn find<T>(
        &self,
        find: &Find<'_>,
        keys: &[Vec<Value>],
        read: impl Fn(Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<Vec<T>>, Error> {
        let mut all: Vec<_> = keys.iter().map(|_| Vec::new()).collect();
        self.connection.find(find, keys, |at, row| {
            all[at].push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// The records that summaries were made from, each with the execution of its summary.
    fn of_summaries(&self, summaries: &[Told]) -> Result<Vec<(TraceId, Kept)>, Error> {
        let (spans, logs): (Vec<_>, Vec<_>) = summaries.iter().partition(|told| told.source.is_empty());
        let of_span = |told: &&Told| self.key(told.trace_id, &told.span_id);
        let of_log = |told: &&Told| self.key(told.trace_id, &rows::hash_of(&told.source));
        let span = |row: Row<'_>| Kept::of(Signal::Traces, row);
        let of_spans = self.find(&SPAN_OF, &spans.iter().map(of_span).collect::<Vec<_>>(), span)?;
        let of_logs = self
            .find(&LOG_OF, &logs.iter().map(of_log).collect::<Vec<_>>(), |row| Kept::of(Signal::Logs, row))?;
        // What is no log record was announced.
        let announced: Vec<_> =
            logs.iter().zip(&of_logs).filter(|(_, found)| found.is_empty()).map(|(told, _)| *told).collect();
        let announcing = self.find(&ANNOUNCING, &announced.iter().map(of_span).collect::<Vec<_>>(), span)?;
        let of_all = spans.into_iter().chain(logs).chain(announced);
        let found = of_all.zip(of_spans.into_iter().chain(of_logs).chain(announcing));
        Ok(found.flat_map(|(told, kept)| kept.into_iter().map(|kept| (told.trace_id, kept))).collect())
    }
}

/// What a summary of an execution was made from.
struct Told {
    trace_id: TraceId,
    span_id: Vec<u8>,
    source: Vec<u8>,
}

/// What a log record is ordered by: its time, hash and ordinal.
type Order = (i64, Name, u32);

/// What stands in a row of a log record.
fn ordered(row: Row<'_>) -> Result<(Order, Kept), Error> {
    let kept = Kept::of(Signal::Logs, row)?;
    Ok(((row.get(5)?, kept.hash, row.get(6)?), kept))
}

/// How often something is read of which a part was moved meanwhile.
const TRIES: usize = 3;

/// Reads all of one moment. Where the key of some content of that moment was dropped by now, since the content was moved,
/// it is read once more, of a later one.
fn of_a_moment<T>(
    connection: &Connection,
    content: &Content,
    scope: Scope,
    read: impl Fn(&mut Records<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut tries = TRIES;
    loop {
        let moment = connection.moment()?;
        let mut records = Records::new(&moment, content, scope.project());
        let told = read(&mut records);
        tries -= 1;
        // Where blocks lie apart from the moment, one that was moved meanwhile is not there.
        let is_gone = matches!(told, Err(Error::Damaged(_))) && connection.keeps_steps_apart();
        if tries == 0 || !is_gone && (records.is_whole || told.is_err()) {
            return told;
        }
        let seen = forgot(&moment)?;
        drop(moment);
        if forgot(connection)? == seen {
            return told;
        }
    }
}

pub(super) fn steps(
    connection: &Connection,
    content: &Content,
    scope: Scope,
    trace_id: TraceId,
    spans: &[SpanId],
) -> Result<Vec<StepRecords>, Error> {
    of_a_moment(connection, content, scope, |records| {
        let joins = Joins { connection: records.connection, project: scope.project() };
        let steps: Vec<Place> = spans.iter().map(|span_id| (trace_id, *span_id)).collect();
        let keys: Vec<_> = steps.iter().map(|step| joins.key(*step)).collect();
        let span = |row: Row<'_>| Kept::of(Signal::Traces, row);
        let [own, announcing] =
            [records.find(&SPAN_OF, &keys, span)?, records.find(&ANNOUNCING, &keys, span)?];
        let logs = logs_of(records, joins, &steps)?;
        let of_step = |((own, announcing), logs): ((&Vec<Kept>, &Vec<Kept>), &Vec<Kept>)| {
            [&own[..], announcing, logs].concat()
        };
        let kept: Vec<_> = own.iter().zip(&announcing).zip(&logs).flat_map(of_step).collect();
        let mut read = records.all(&kept)?.into_iter();
        let mut take = |kept: &[Kept]| read.by_ref().take(kept.len()).flatten().collect::<Vec<_>>();
        let mut told = Vec::with_capacity(spans.len());
        for (at, span_id) in spans.iter().enumerate() {
            let span = take(&own[at]).pop();
            let mut records = take(&announcing[at]);
            records.extend(take(&logs[at]));
            if span.is_some() || !records.is_empty() {
                told.push(StepRecords { span_id: *span_id, span, logs: records });
            }
        }
        Ok(told)
    })
}

/// The log records of each of these steps, in the order of their time: those that came with its span, but for what
/// belongs elsewhere, and those that came elsewhere and name it by an id.
fn logs_of(records: &Records<'_>, joins: Joins<'_>, steps: &[Place]) -> Result<Vec<Vec<Kept>>, Error> {
    let keys: Vec<_> = steps.iter().map(|step| joins.key(*step)).collect();
    let mut logs = records.find(&LOGS_OF, &keys, ordered)?;
    let Exchange { gone, taken } = exchange(joins, steps)?;
    for (at, logs) in logs.iter_mut().enumerate() {
        logs.retain(|((_, hash, _), _)| !gone.contains(&(at, hash.to_vec())));
    }
    let keys: Vec<_> = taken.iter().map(|(_, home, hash)| records.key(*home, hash)).collect();
    let found = records.find(&LOGS_NAMED, &keys, ordered)?;
    for ((at, _, _), found) in taken.iter().zip(found) {
        logs[*at].extend(found);
    }
    let sorted = |mut logs: Vec<(Order, Kept)>| {
        logs.sort_by_key(|(order, _)| *order);
        logs.into_iter().map(|(_, kept)| kept).collect()
    };
    Ok(logs.into_iter().map(sorted).collect())
}

/// The hashes of log records that came with steps and belong elsewhere, and of those that belong to them and came
/// elsewhere, with the execution where they did. Each with the place of the step.
#[derive(Default)]
struct Exchange {
    gone: BTreeSet<(usize, Vec<u8>)>,
    taken: BTreeSet<(usize, TraceId, Vec<u8>)>,
}

fn exchange(joins: Joins<'_>, steps: &[Place]) -> Result<Exchange, Error> {
    let (mut offers, mut offered_by, mut named, mut naming) = (vec![], vec![], vec![], vec![]);
    for (at, source, keys) in joined(joins, steps)? {
        for key in keys {
            if source.is_empty() {
                offers.push((steps[at], key));
                offered_by.push(at);
            } else {
                named.push((key, steps[at].0));
                naming.push((at, rows::hash_of(&source)));
            }
        }
    }
    let mut exchange = Exchange::default();
    for (log, taker) in naming.into_iter().zip(joins.takers(&named)?) {
        if taker.is_some_and(|taker| taker != steps[log.0]) {
            exchange.gone.insert(log);
        }
    }
    let taken = joins.taken_by(&offers)?.into_iter().map(|(offer, log)| (offered_by[offer], log));
    let others = taken.filter(|(at, log)| log.home != steps[*at]);
    exchange.taken.extend(others.map(|(at, log)| (at, log.home.0, rows::hash_of(&log.source))));
    Ok(exchange)
}

/// The place of a step, the source of one of its summaries, and its ids.
type Joined = (usize, Vec<u8>, Vec<JoinKey>);

/// The summaries of steps that have ids.
fn joined(joins: Joins<'_>, steps: &[Place]) -> Result<Vec<Joined>, Error> {
    const JOINED: Find<'_> =
        Find { told: "source, joins", table: "summary", by: &BY_STEP, but: "AND joins IS NOT NULL" };
    let keys: Vec<_> = steps.iter().map(|step| joins.key(*step)).collect();
    let mut joined = Vec::new();
    joins.connection.find(&JOINED, &keys, |at, row| {
        joined.push((at, row.get(0)?, rows::parse_joins(Some(row.blob(1)?))?));
        Ok(())
    })?;
    Ok(joined)
}

/// Tells each record that came with an execution since this version, and those that came elsewhere, belong here by
/// an id, and are as new, or the span is to which they belong. False where the key of some of them was gone.
pub(super) fn came_since(
    connection: &Connection,
    content: &Content,
    of: Touched,
    since: i64,
    mut tell: impl FnMut(Record),
) -> Result<bool, Error> {
    let joins = Joins { connection, project: of.project };
    let mut records = Records::new(connection, content, of.project);
    let mut tell_all = |kept: &[Kept]| {
        records.each(kept, |_, record| {
            record?.into_iter().for_each(&mut tell);
            Ok(ControlFlow::Continue(()))
        })
    };
    let News { summaries, offers } = News::of(joins, of.trace_id, since)?;
    let reading = Records::new(connection, content, of.project);
    for part in summaries.chunks(SUMMARIES) {
        let kept: Vec<_> = reading.of_summaries(part)?.into_iter().map(|(_, kept)| kept).collect();
        tell_all(&kept)?;
    }
    if !joins.any_naming()? {
        return Ok(records.is_whole);
    }
    for (offers, since) in offers.into_iter().zip([since, i64::MIN]) {
        let keys = offers.iter().map(|(_, key)| *key);
        let brought = joins.brought(of.trace_id, keys, since)?.into_iter();
        let of_these = brought.filter(|((_, span_id), key, _)| offers.contains(&(*span_id, *key)));
        let keys: Vec<_> =
            of_these.map(|(_, _, log)| reading.key(log.home.0, &rows::hash_of(&log.source))).collect();
        let found = reading.find(&LOG_OF, &keys, |row| Kept::of(Signal::Logs, row))?;
        tell_all(&found.into_iter().flatten().collect::<Vec<_>>())?;
    }
    Ok(records.is_whole)
}

/// The same of many executions of a project of which no log record names a span: tells each record with its execution.
pub(super) fn came_since_to_many(
    connection: &Connection,
    content: &Content,
    project: ProjectId,
    of: &[(TraceId, i64)],
    mut tell: impl FnMut(TraceId, Record),
) -> Result<bool, Error> {
    let mut summaries = Vec::new();
    connection.find(&WRITTEN, &keys(project, of.iter().map(|(trace_id, _)| trace_id)), |at, row| {
        let (trace_id, since) = of[at];
        if row.get::<i64>(2)? >= since {
            summaries.push(Told { trace_id, span_id: row.get(0)?, source: row.get(1)? });
        }
        Ok(())
    })?;
    let mut records = Records::new(connection, content, project);
    for part in summaries.chunks(SUMMARIES) {
        let (executions, kept): (Vec<_>, Vec<_>) = records.of_summaries(part)?.into_iter().unzip();
        records.each(&kept, |at, record| {
            record?.into_iter().for_each(|record| tell(executions[at], record));
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(records.is_whole)
}

const WRITTEN: Find<'_> = Find {
    told: "span_id, source, written",
    table: "summary",
    by: &[("project", Kind::Integer), ("trace_id", Kind::Bytes)],
    but: "",
};

/// Summaries whose records are asked for at once.
const SUMMARIES: usize = 1_000;

/// What is new in an execution since some version.
#[derive(Default)]
struct News {
    /// Its new summaries.
    summaries: Vec<Told>,
    /// What its spans offer: the old ones, and the new ones.
    offers: [HashSet<(SpanId, JoinKey)>; 2],
}

impl News {
    fn of(joins: Joins<'_>, trace_id: TraceId, since: i64) -> Result<Self, Error> {
        let sql = "SELECT span_id, source, joins, written >= ?3 FROM summary
            WHERE project = ?1 AND trace_id = ?2 AND (written >= ?3 OR (joins IS NOT NULL AND source = x''))";
        let mut statement = joins.connection.prepare(sql)?;
        let mut found = statement.query(params![joins.project.0, trace_id.as_bytes(), since])?;
        let mut news = Self::default();
        while let Some(row) = found.next()? {
            let (source, is_new): (Vec<u8>, bool) = (row.get(1)?, row.get(3)?);
            if source.is_empty() {
                let span_id = rows::span_id(row.blob(0)?)?;
                let keys = rows::parse_joins(Some(row.blob(2)?))?;
                news.offers[usize::from(is_new)].extend(keys.into_iter().map(|key| (span_id, key)));
            }
            if is_new {
                news.summaries.push(Told { trace_id, span_id: row.get(0)?, source });
            }
        }
        Ok(news)
    }
}

/// Every record that came with an execution.
pub(super) fn records(
    connection: &Connection,
    content: &Content,
    scope: Scope,
    trace_id: TraceId,
) -> Result<Vec<Record>, Error> {
    of_a_moment(connection, content, scope, |records| {
        let spans = records.of_execution(Signal::Traces, trace_id, |row| Kept::of(Signal::Traces, row))?;
        let (orders, logs): (Vec<_>, Vec<_>) =
            records.of_execution(Signal::Logs, trace_id, ordered)?.into_iter().unzip();
        let mut all: Vec<_> = records.all(&spans)?.into_iter().flatten().collect();
        all.sort_by_key(|record| record.context().hash());
        let logs = orders.into_iter().zip(records.all(&logs)?);
        let mut logs: Vec<_> = logs.filter_map(|(order, record)| Some((order, record?))).collect();
        logs.sort_by_key(|(order, record)| (record.context().hash(), *order));
        all.extend(logs.into_iter().map(|(_, record)| record));
        Ok(all)
    })
}

/// Every record that came with an execution or belongs to it, each with its day of ingest. Those of a day, of a signal
/// and of a context stand together in the order of time, and so do equal ones.
pub(super) fn dated_records(
    connection: &Connection,
    content: &Content,
    scope: Scope,
    trace_id: TraceId,
) -> Result<Vec<(u32, Record)>, Error> {
    of_a_moment(connection, content, scope, |records| {
        let mut kept = Vec::new();
        for signal in [Signal::Traces, Signal::Logs] {
            kept.extend(records.of_execution(signal, trace_id, |row| Kept::of(signal, row))?);
        }
        let joins = Joins { connection: records.connection, project: scope.project() };
        let taken = joins.taken_from_elsewhere(trace_id)?;
        let taken: BTreeSet<_> = taken.iter().map(|log| (log.home.0, rows::hash_of(&log.source))).collect();
        let keys: Vec<_> = taken.iter().map(|(home, hash)| records.key(*home, hash)).collect();
        let found = records.find(&LOGS_NAMED, &keys, |row| Kept::of(Signal::Logs, row))?;
        kept.extend(found.into_iter().flatten());
        let read = kept.iter().zip(records.all(&kept)?);
        let mut all: Vec<_> = read.filter_map(|(kept, record)| Some((kept.day, record?))).collect();
        all.sort_by_cached_key(|(day, record)| {
            let at = record.span().and_then(|span| span.started_at).or_else(|| record.log()?.at);
            (*day, record.signal() == Signal::Logs, record.context().hash(), at, record.identity())
        });
        Ok(all)
    })
}

/// The spans and the log records that came last.
pub(super) fn newest(
    connection: &Connection,
    content: &Content,
    scope: Scope,
    limit: u32,
) -> Result<Vec<Record>, Error> {
    of_a_moment(connection, content, scope, |records| {
        let mut all = Vec::new();
        for (signal, table) in [(Signal::Traces, "span"), (Signal::Logs, "log")] {
            let sql = format!(
                "SELECT {RECORD} FROM {table} WHERE project = ?1 AND block IS NOT NULL
                 ORDER BY day DESC, block DESC, start DESC LIMIT {limit}"
            );
            let kept =
                records.connection.all(&sql, params![scope.project().0], |row| Kept::of(signal, row))?;
            let mut bytes = 0;
            records.each(&kept, |_, record| {
                let Some(record) = record? else { return Ok(ControlFlow::Continue(())) };
                bytes += record.body().len();
                all.push(record);
                Ok(if bytes < NEWEST_BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })?;
        }
        Ok(all)
    })
}
