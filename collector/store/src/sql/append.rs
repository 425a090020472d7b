//! What came in is kept.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use rusqlite::types::Value;
use treering_step::{JoinKey, SpanId, Summary, TraceId};

use super::connection::{Conflict, Connection, Find, Insert, Kind, Transaction};
use super::content::Content;
use super::executions::mark_stale;
use super::fleet::is_known;
use super::index;
use super::joins::{BY_STEP, Offer, offer_all, takers};
use super::prepare::{Prepared, prepare, prepare_locked};
use super::processes;
use super::rows::{self, SUMMARIES, time};
use super::versions::next_version;
use crate::content::{Address, Name};
use crate::{Batch, Error, LogEntry, ProjectId, SpanEntry, Touched};

/// How often a preparation is tried while others may write; then they wait for it.
const ATTEMPTS: usize = 3;

pub(super) fn append(
    connection: &Connection,
    content: &Content,
    batches: &[Batch],
    collector: Option<&str>,
) -> Result<Vec<Touched>, Error> {
    for _ in 0..ATTEMPTS {
        let ready = prepare(&*connection.moment()?, content, batches)?;
        let transaction = connection.writing()?;
        let written = next_version(&transaction)?;
        // Where another process wrote meanwhile, what was prepared may name what is no longer there.
        if ready.holds(&transaction, content, written)? {
            return write(transaction, batches, &ready, (written, collector));
        }
        content.vault.look_again();
    }
    let transaction = connection.writing()?;
    let written = next_version(&transaction)?;
    loop {
        let ready = prepare_locked(&transaction, content, batches, written)?;
        // Keys are retired without the lock.
        if ready.holds(&transaction, content, written)? {
            return write(transaction, batches, &ready, (written, collector));
        }
        content.vault.look_again();
    }
}

fn write(
    transaction: Transaction<'_>,
    batches: &[Batch],
    ready: &Prepared,
    (written, collector): (i64, Option<&str>),
) -> Result<Vec<Touched>, Error> {
    collector.map_or(Ok(()), |id| is_known(&transaction, id))?;
    ready.write(&transaction)?;
    let (mut elsewhere, mut summaries) = (Vec::new(), BTreeMap::new());
    spans(&transaction, batches, ready, &mut summaries, &mut elsewhere)?;
    let named = logs(&transaction, batches, ready, &mut summaries)?;
    put_summaries(&transaction, written, summaries)?;
    for (place, taker) in takers(&transaction, &named)?.into_iter().enumerate() {
        elsewhere.extend(taker.map(|(trace_id, _)| Touched { project: named[place].0, trace_id }));
    }
    processes::hear(&transaction, batches, &mut elsewhere)?;
    let mut touched: Vec<_> = batches.iter().flat_map(touched).collect();
    touched.sort_unstable();
    touched.dedup();
    elsewhere.sort_unstable();
    elsewhere.dedup();
    elsewhere.retain(|one| touched.binary_search(one).is_err());
    mark_stale(&transaction, &elsewhere, written)?;
    touched.extend(elsewhere);
    index::mark(&transaction, &touched, written)?;
    transaction.commit()?;
    Ok(touched)
}

fn touched(batch: &Batch) -> impl Iterator<Item = Touched> {
    let of_spans = batch.spans.iter().map(|span| span.trace_id);
    let traces = of_spans.chain(batch.logs.iter().map(|log| log.trace_id));
    traces.map(|trace_id| Touched { project: batch.project, trace_id })
}

/// What summaries are known by, and their values from the one after the trace id on.
type Summaries = BTreeMap<(ProjectId, TraceId, SpanId, Vec<u8>), Vec<Value>>;

fn add(to: &mut Summaries, project: ProjectId, trace_id: TraceId, summary: &Summary) -> Result<(), Error> {
    let key = (project, trace_id, summary.span_id, rows::source(summary.source));
    to.insert(key, rows::summary_values(summary)?);
    Ok(())
}

fn put_summaries(connection: &Connection, written: i64, summaries: Summaries) -> Result<(), Error> {
    let rows = summaries.into_iter();
    let rows = rows.map(|((project, trace_id, ..), values)| summary_row(project, trace_id, written, values));
    let rows: Vec<_> = rows.collect();
    connection.put(&SUMMARIES, &rows, |_| Ok(()))
}

pub(super) fn summary_row(
    project: ProjectId,
    trace_id: TraceId,
    written: i64,
    values: Vec<Value>,
) -> Vec<Value> {
    let key = [project.0.into(), trace_id.as_bytes().to_vec().into(), written.into()];
    key.into_iter().chain(values).collect()
}

const NEW_SPANS: Insert = Insert {
    table: "span",
    columns: &[
        ("project", Kind::Integer),
        ("trace_id", Kind::Bytes),
        ("span_id", Kind::Bytes),
        ("day", Kind::Integer),
        ("ended_at", Kind::Integer),
        ("hash", Kind::Bytes),
        ("announces", Kind::Bytes),
        ("block", Kind::Integer),
        ("start", Kind::Integer),
        ("length", Kind::Integer),
    ],
    // The newest snapshot stays; what expired does not come back.
    conflict: Conflict::ReplacesIf(
        "project, trace_id, span_id",
        "(excluded.ended_at, excluded.hash) > (span.ended_at, span.hash) AND span.block IS NOT NULL",
    ),
    told: Some("project, trace_id, span_id"),
};

const OFFERED: Find<'_> = Find {
    told: "joins",
    table: "summary",
    by: &[("project", Kind::Integer), ("trace_id", Kind::Bytes), ("span_id", Kind::Bytes)],
    but: "AND source = x'' AND joins IS NOT NULL",
};

/// A span that is to be kept.
struct NewSpan<'a> {
    day: u32,
    entry: &'a SpanEntry,
    hash: Name,
    /// Where its content lies; absent where it is kept already, and only speaks again.
    at: Option<Address>,
}

impl NewSpan<'_> {
    /// Of snapshots the greatest stays.
    fn order(&self) -> (i64, Name) {
        (time(self.entry.ended_at).unwrap_or(0), self.hash)
    }

    fn announces(&self) -> Option<SpanId> {
        Some(self.entry.summary.span_id).filter(|step| *step != self.entry.span_id)
    }

    fn row(&self, project: ProjectId) -> Vec<Value> {
        let at = self.at;
        vec![
            project.0.into(),
            self.entry.trace_id.as_bytes().to_vec().into(),
            self.entry.span_id.as_bytes().to_vec().into(),
            self.day.into(),
            self.order().0.into(),
            self.hash.to_vec().into(),
            self.announces().map(|step| step.as_bytes().to_vec()).into(),
            at.map(|at| at.block).into(),
            at.map(|at| at.start).into(),
            at.map(|at| at.length).into(),
        ]
    }
}

type SpanKey = (ProjectId, TraceId, SpanId);

/// Keeps spans, and tells what those say that were not outdone by a newer snapshot.
fn spans(
    transaction: &Transaction<'_>,
    batches: &[Batch],
    ready: &Prepared,
    summaries: &mut Summaries,
    elsewhere: &mut Vec<Touched>,
) -> Result<(), Error> {
    let mut new = HashMap::<SpanKey, NewSpan<'_>>::new();
    for (batch, kept) in batches.iter().zip(&ready.batches) {
        for (entry, stored) in batch.spans.iter().zip(kept.spans()) {
            let Some((hash, at)) = stored else { continue };
            let span = NewSpan { day: batch.day, entry, hash, at };
            let key = (batch.project, entry.trace_id, entry.span_id);
            if new.get(&key).is_none_or(|before| before.order() < span.order()) {
                new.insert(key, span);
            }
        }
    }
    let mut won = still_kept(transaction, new.extract_if(|_, span| span.at.is_none()).collect())?;
    let rows: Vec<_> = new.iter().map(|((project, ..), span)| span.row(*project)).collect();
    transaction.put(&NEW_SPANS, &rows, |row| {
        let key = (ProjectId(row.get(0)?), rows::trace_id(row.blob(1)?)?, rows::span_id(row.blob(2)?)?);
        won.extend(new.remove(&key).map(|span| (key, span)));
        Ok(())
    })?;
    offer(transaction, &won, elsewhere)?;
    for ((project, trace_id, _), span) in won {
        match span.announces() {
            Some(_) => add(summaries, project, trace_id, &announcement(span.entry.summary.clone()))?,
            None => add(summaries, project, trace_id, &span.entry.summary)?,
        }
    }
    Ok(())
}

/// Those of these spans that are kept as they are, and of which no newer snapshot came meanwhile.
fn still_kept<'a>(
    transaction: &Transaction<'_>,
    mut spans: Vec<(SpanKey, NewSpan<'a>)>,
) -> Result<Vec<(SpanKey, NewSpan<'a>)>, Error> {
    let mut is_kept = vec![false; spans.len()];
    transaction.find(&KEPT, &spans.iter().map(key_of_span).collect::<Vec<_>>(), |at, row| {
        is_kept[at] = spans[at].1.order() == (row.get(0)?, row.get(1)?);
        Ok(())
    })?;
    let mut is_kept = is_kept.into_iter();
    spans.retain(|_| is_kept.next().unwrap_or(false));
    Ok(spans)
}

const KEPT: Find<'_> =
    Find { told: "ended_at, hash", table: "span", by: &BY_STEP, but: "AND block IS NOT NULL" };

fn key_of_span(((project, trace_id, span_id), _): &(SpanKey, NewSpan<'_>)) -> Vec<Value> {
    vec![project.0.into(), trace_id.as_bytes().to_vec().into(), span_id.as_bytes().to_vec().into()]
}

/// Spans offer the ids of their last snapshot, and no others any more.
fn offer(
    transaction: &Transaction<'_>,
    won: &[(SpanKey, NewSpan<'_>)],
    elsewhere: &mut Vec<Touched>,
) -> Result<(), Error> {
    let own: Vec<_> = won.iter().filter(|(_, span)| span.announces().is_none()).collect();
    let mut offers: Vec<_> = own
        .iter()
        .map(|((project, trace_id, span_id), span)| Offer {
            project: *project,
            span: (*trace_id, *span_id),
            before: Vec::new(),
            now: span.entry.summary.joins.clone(),
        })
        .collect();
    transaction.find(
        &OFFERED,
        &own.iter().map(|span| key_of_span(span)).collect::<Vec<_>>(),
        |place, row| {
            offers[place].before = rows::parse_joins(Some(row.blob(0)?))?;
            Ok(())
        },
    )?;
    offer_all(transaction, &offers, elsewhere)
}

const NEW_LOGS: Insert = Insert {
    table: "log",
    columns: &[
        ("project", Kind::Integer),
        ("trace_id", Kind::Bytes),
        ("hash", Kind::Bytes),
        ("ordinal", Kind::Integer),
        ("span_id", Kind::Bytes),
        ("at", Kind::Integer),
        ("day", Kind::Integer),
        ("block", Kind::Integer),
        ("start", Kind::Integer),
        ("length", Kind::Integer),
    ],
    conflict: Conflict::Keeps("project, trace_id, hash, ordinal"),
    told: None,
};

/// A log record that names a span: its project, the id, and the execution where it came in.
pub(super) type Named = (ProjectId, JoinKey, TraceId);

/// Keeps log records, and tells what they say; those that are kept already only speak again.
fn logs(
    transaction: &Transaction<'_>,
    batches: &[Batch],
    ready: &Prepared,
    summaries: &mut Summaries,
) -> Result<Vec<Named>, Error> {
    let (mut new, mut named) = (First::default(), Vec::new());
    for (batch, kept) in batches.iter().zip(&ready.batches) {
        for (entry, stored) in batch.logs.iter().zip(kept.logs()) {
            let Some((hash, at)) = stored else { continue };
            if let Some(at) = at {
                let key = (batch.project, entry.trace_id, hash, entry.ordinal);
                new.add(key, || log_row(batch, entry, hash, at));
            }
            add(summaries, batch.project, entry.trace_id, &entry.summary)?;
            named.extend(entry.summary.joins.first().map(|key| (batch.project, *key, entry.trace_id)));
        }
    }
    transaction.put(&NEW_LOGS, &new.rows, |_| Ok(()))?;
    Ok(named)
}

fn log_row(batch: &Batch, entry: &LogEntry, hash: Name, at: Address) -> Vec<Value> {
    vec![
        batch.project.0.into(),
        entry.trace_id.as_bytes().to_vec().into(),
        hash.to_vec().into(),
        entry.ordinal.into(),
        entry.summary.span_id.as_bytes().to_vec().into(),
        time(entry.at).unwrap_or(0).into(),
        batch.day.into(),
        at.block.into(),
        at.start.into(),
        at.length.into(),
    ]
}

/// Rows, of several with the same key the first.
struct First<K> {
    keys: std::collections::HashSet<K>,
    rows: Vec<Vec<Value>>,
}

impl<K> Default for First<K> {
    fn default() -> Self {
        Self { keys: Default::default(), rows: Vec::new() }
    }
}

impl<K: Eq + Hash> First<K> {
    fn add(&mut self, key: K, row: impl FnOnce() -> Vec<Value>) {
        if self.keys.insert(key) {
            self.rows.push(row());
        }
    }
}

/// What a span says that merely announces another one. It offers no ids: the other one will.
pub(super) fn announcement(mut summary: Summary) -> Summary {
    summary.joins.clear();
    summary
}
