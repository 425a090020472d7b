//! What came in is kept.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::Value;
use rusqlite::{
    Connection, OptionalExtension, Params, Transaction, TransactionBehavior, params, params_from_iter,
};
use treering_step::{JoinKey, ProcessId, SpanId, Summary, TraceId};

use super::executions::mark_stale;
use super::joins::Joins;
use super::rows::{self, SUMMARY_COLUMNS, places, time};
use super::{processes, schema::next_version};
use crate::{Batch, Error, LogEntry, ProjectId, SpanEntry, Touched};

pub(super) fn append(connection: &mut Connection, batches: &[Batch]) -> Result<Vec<Touched>, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let written = next_version(&transaction)?;
    let (mut touched, mut elsewhere) = (Vec::new(), Vec::new());
    for batch in batches {
        let mut put = Put { connection: &transaction, project: batch.project, written, elsewhere };
        put.batch(batch)?;
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
    transaction.commit()?;
    touched.extend(elsewhere);
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
    fn batch(&mut self, batch: &Batch) -> Result<(), Error> {
        self.pieces(batch)?;
        for span in &batch.spans {
            self.span(batch.day, span)?;
        }
        for log in &batch.logs {
            self.log(batch.day, log)?;
        }
        let summaries =
            batch.spans.iter().map(|span| &span.summary).chain(batch.logs.iter().map(|log| &log.summary));
        let running: BTreeSet<ProcessId> = summaries.filter_map(|summary| summary.process).collect();
        processes::hear(self.connection, self.project, &batch.signs, &running, &mut self.elsewhere)
    }

    fn span(&mut self, day: u32, entry: &SpanEntry) -> Result<(), Error> {
        let step = entry.summary.span_id;
        let announces = Some(step).filter(|step| *step != entry.span_id);
        let values = params![
            self.project.0,
            entry.trace_id.as_bytes(),
            entry.span_id.as_bytes(),
            day,
            time(entry.ended_at).unwrap_or(0),
            entry.record.identity(),
            entry.record.context().hash(),
            entry.record.body(),
            announces.map(|step| step.as_bytes().to_vec()),
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

    fn log(&mut self, day: u32, entry: &LogEntry) -> Result<(), Error> {
        let sql = "INSERT INTO log (project, trace_id, hash, ordinal, span_id, at, day, context, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
        let values = params![
            self.project.0,
            entry.trace_id.as_bytes(),
            entry.record.identity(),
            entry.ordinal,
            entry.summary.span_id.as_bytes(),
            time(entry.at).unwrap_or(0),
            day,
            entry.record.context().hash(),
            entry.record.body(),
        ];
        self.execute(sql, values)?;
        self.summary(entry.trace_id, &entry.summary)?;
        self.named(entry.trace_id, entry.summary.joins.first())
    }

    /// Keeps each context once a day, before the records that name it by its hash.
    fn pieces(&self, batch: &Batch) -> Result<(), Error> {
        let of_spans = batch.spans.iter().map(|span| span.record.context());
        let of_logs = batch.logs.iter().map(|log| log.record.context());
        let contexts: BTreeMap<_, _> =
            of_spans.chain(of_logs).map(|context| (context.hash(), context)).collect();
        let sql =
            "INSERT INTO piece (project, day, hash, bytes) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        for (hash, context) in contexts {
            self.execute(sql, params![self.project.0, batch.day, hash, &context[..]])?;
        }
        Ok(())
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
    "INSERT INTO span (project, trace_id, span_id, day, ended_at, hash, context, body, announces)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";

const NEWER_SNAPSHOT: &str =
    "UPDATE span SET day = ?4, ended_at = ?5, hash = ?6, context = ?7, body = ?8, announces = ?9
    WHERE project = ?1 AND trace_id = ?2 AND span_id = ?3 AND (?5, ?6) > (ended_at, hash)";

/// What a span says that merely announces another one. It offers no ids: the other one will.
pub(super) fn announcement(mut summary: Summary) -> Summary {
    summary.joins.clear();
    summary
}
