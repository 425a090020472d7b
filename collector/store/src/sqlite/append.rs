//! What came in is kept.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{
    Connection, OptionalExtension, Params, Transaction, TransactionBehavior, params, params_from_iter,
};
use treering_step::{JoinKey, ProcessId, SpanId, Summary, TraceId};

use super::content::Content;
use super::executions::mark_stale;
use super::index;
use super::joins::Joins;
use super::prepare::{Kept, prepare};
use super::processes;
use super::rows::{self, SUMMARY_COLUMNS, places, time};
use super::schema::{last_version, next_version};
use crate::content::{Address, Name};
use crate::{Batch, Error, LogEntry, ProjectId, SpanEntry, Touched};

pub(super) fn append(
    connection: &mut Connection,
    content: &Content,
    batches: &[Batch],
) -> Result<Vec<Touched>, Error> {
    let ready = {
        let moment = connection.unchecked_transaction()?;
        prepare(&moment, content, batches, last_version(&moment)? + 1)?
    };
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let written = next_version(&transaction)?;
    // Where another process wrote meanwhile, what was prepared may name what is no longer there.
    let ready =
        if ready.version == written { ready } else { prepare(&transaction, content, batches, written)? };
    ready.write(&transaction)?;
    let (mut touched, mut elsewhere) = (Vec::new(), Vec::new());
    for (batch, kept) in batches.iter().zip(&ready.batches) {
        let mut put = Put { connection: &transaction, project: batch.project, written, elsewhere };
        put.batch(batch, kept)?;
        elsewhere = put.elsewhere;
        let of_spans = batch.spans.iter().map(|span| span.trace_id);
        let traces = of_spans.chain(batch.logs.iter().map(|log| log.trace_id));
        touched.extend(traces.map(|trace_id| Touched { project: batch.project, trace_id }));
    }
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

/// Puts rows of a project in.
pub(super) struct Put<'a> {
    pub(super) connection: &'a Transaction<'a>,
    pub(super) project: ProjectId,
    pub(super) written: i64,
    /// Executions that have news although nothing was put into them; unordered, with repetitions.
    pub(super) elsewhere: Vec<Touched>,
}

impl Put<'_> {
    fn batch(&mut self, batch: &Batch, kept: &Kept) -> Result<(), Error> {
        for (span, stored) in batch.spans.iter().zip(kept.spans()) {
            if let Some((hash, Some(address))) = stored {
                self.span(batch.day, span, hash, address)?;
            }
        }
        for (log, stored) in batch.logs.iter().zip(kept.logs()) {
            if let Some((hash, address)) = stored {
                self.log(batch.day, log, hash, address)?;
            }
        }
        let summaries =
            batch.spans.iter().map(|span| &span.summary).chain(batch.logs.iter().map(|log| &log.summary));
        let running: BTreeSet<ProcessId> = summaries.filter_map(|summary| summary.process).collect();
        processes::hear(self.connection, self.project, &batch.signs, &running, &mut self.elsewhere)
    }

    fn span(&mut self, day: u32, entry: &SpanEntry, hash: Name, at: Address) -> Result<(), Error> {
        let step = entry.summary.span_id;
        let announces = Some(step).filter(|step| *step != entry.span_id);
        let values = params![
            self.project.0,
            entry.trace_id.as_bytes(),
            entry.span_id.as_bytes(),
            day,
            time(entry.ended_at).unwrap_or(0),
            hash,
            announces.map(|step| step.as_bytes().to_vec()),
            at.block,
            at.start,
            at.length,
        ];
        let is_new = self.execute(NEW_SPAN, values)? == 1;
        // A snapshot that lost to a newer one says nothing any more.
        if !is_new && self.execute(NEWER_SNAPSHOT, values)? == 0 {
            return Ok(());
        }
        if announces.is_some() {
            return self.summary(entry.trace_id, &announcement(entry.summary.clone()));
        }
        let before = if is_new { Vec::new() } else { self.offered(entry.trace_id, step)? };
        self.offer(entry.trace_id, step, &before, &entry.summary.joins)?;
        self.summary(entry.trace_id, &entry.summary)
    }

    /// Without an address it is kept already, and only speaks again.
    fn log(&mut self, day: u32, entry: &LogEntry, hash: Name, at: Option<Address>) -> Result<(), Error> {
        let sql = "INSERT INTO log (project, trace_id, hash, ordinal, span_id, at, day, block, start, length)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING";
        if let Some(address) = at {
            let values = params![
                self.project.0,
                entry.trace_id.as_bytes(),
                hash,
                entry.ordinal,
                entry.summary.span_id.as_bytes(),
                time(entry.at).unwrap_or(0),
                day,
                address.block,
                address.start,
                address.length,
            ];
            self.execute(sql, values)?;
        }
        self.summary(entry.trace_id, &entry.summary)?;
        self.named(entry.trace_id, entry.summary.joins.first())
    }

    pub(super) fn summary(&self, trace_id: TraceId, summary: &Summary) -> Result<(), Error> {
        self.summary_row(trace_id, rows::summary_values(summary)?)
    }

    pub(super) fn summary_row(&self, trace_id: TraceId, values: Vec<Value>) -> Result<(), Error> {
        let sql = format!(
            "INSERT OR REPLACE INTO summary (project, trace_id, written, {SUMMARY_COLUMNS}) VALUES ({})",
            places(3 + SUMMARY_COLUMNS.split(',').count()),
        );
        let trace_id = Value::Blob(trace_id.as_bytes().to_vec());
        let key = [Value::Integer(self.project.0), trace_id, Value::Integer(self.written)];
        self.execute(&sql, params_from_iter(key.into_iter().chain(values)))?;
        Ok(())
    }

    /// The ids by which log records may name a span, as they are kept.
    fn offered(&self, trace_id: TraceId, span_id: SpanId) -> Result<Vec<JoinKey>, Error> {
        let sql = "SELECT joins FROM summary
            WHERE project = ?1 AND trace_id = ?2 AND span_id = ?3 AND source = x''";
        let mut statement = self.connection.prepare_cached(sql)?;
        let values = params![self.project.0, trace_id.as_bytes(), span_id.as_bytes()];
        let bytes: Option<Option<Vec<u8>>> = statement.query_row(values, |row| row.get(0)).optional()?;
        rows::parse_joins(bytes.flatten().as_deref())
    }

    pub(super) fn offer(
        &mut self,
        trace_id: TraceId,
        span_id: SpanId,
        before: &[JoinKey],
        now: &[JoinKey],
    ) -> Result<(), Error> {
        let joins = Joins { connection: self.connection, project: self.project };
        joins.offer((trace_id, span_id), before, now, &mut self.elsewhere)
    }

    /// A log record that names a span, or no longer does: whoever takes it has news.
    pub(super) fn named(&mut self, own: TraceId, key: Option<&JoinKey>) -> Result<(), Error> {
        let Some(key) = key else { return Ok(()) };
        let joins = Joins { connection: self.connection, project: self.project };
        let taker = joins.taker(*key, own)?;
        self.elsewhere.extend(taker.map(|(trace_id, _)| Touched { project: self.project, trace_id }));
        Ok(())
    }

    pub(super) fn execute(&self, sql: &str, values: impl Params) -> Result<usize, Error> {
        Ok(self.connection.prepare_cached(sql)?.execute(values)?)
    }
}

const NEW_SPAN: &str =
    "INSERT INTO span (project, trace_id, span_id, day, ended_at, hash, announces, block, start, length)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING";

const NEWER_SNAPSHOT: &str =
    "UPDATE span SET day = ?4, ended_at = ?5, hash = ?6, announces = ?7, block = ?8, start = ?9, length = ?10
    WHERE project = ?1 AND trace_id = ?2 AND span_id = ?3 AND (?5, ?6) > (ended_at, hash)";

/// What a span says that merely announces another one. It offers no ids: the other one will.
pub(super) fn announcement(mut summary: Summary) -> Summary {
    summary.joins.clear();
    summary
}
