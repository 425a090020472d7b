use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params, params_from_iter};
use treering_step::{Execution, Summary, Timestamp};

use super::pool::Pool;
use super::rows::{self, EXECUTION_COLUMNS, SUMMARY_COLUMNS, integer, time};
use crate::{Batch, Computed, Error, LogEntry, OutcomeCount, Partials, ProjectId, SpanEntry, Touched};

/// Puts records and summaries in. Everything that it does can be done again with the same result.
#[derive(Debug, Clone)]
pub struct Writer {
    pool: Pool,
}

impl Writer {
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool }
    }

    /// Keeps these batches, all or none: what records share, the records, their summaries, in that order.
    /// Of several snapshots of a span the one that ended last stays. Tells which executions have news.
    pub async fn append(&self, batches: Vec<Batch>) -> Result<Vec<Touched>, Error> {
        self.pool.with(move |connection| append(connection, &batches)).await
    }

    /// The partial summaries of these executions, each with the version that an [`Execution`] computed from them
    /// has.
    pub async fn summaries(&self, of: Vec<Touched>) -> Result<Vec<Partials>, Error> {
        let read = move |connection: &mut Connection| {
            of.into_iter().map(|of| partials(connection, of)).collect::<Result<_, Error>>()
        };
        self.pool.with(read).await
    }

    /// Keeps what was computed of executions, unless something newer is there.
    pub async fn put_executions(&self, executions: Vec<Computed>) -> Result<(), Error> {
        self.pool.with(move |connection| put_executions(connection, &executions)).await
    }

    /// Adds to the counts of this collector in this minute.
    pub async fn count(
        &self,
        collector: String,
        minute: u64,
        counts: Vec<OutcomeCount>,
    ) -> Result<(), Error> {
        self.pool.with(move |connection| count(connection, &collector, minute, &counts)).await
    }
}

fn append(connection: &mut Connection, batches: &[Batch]) -> Result<Vec<Touched>, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let written = next_version(&transaction)?;
    let mut touched = Vec::new();
    for batch in batches {
        let put = Put { transaction: &transaction, project: batch.project, day: batch.day, written };
        put.pieces(batch)?;
        for span in &batch.spans {
            put.span(span)?;
            touched.push(Touched { project: batch.project, trace_id: span.trace_id });
        }
        for log in &batch.logs {
            put.log(log)?;
            touched.push(Touched { project: batch.project, trace_id: log.trace_id });
        }
    }
    transaction.commit()?;
    touched.sort_unstable();
    touched.dedup();
    Ok(touched)
}

/// Versions only grow, and one writer at a time takes one, under the lock of its transaction.
fn next_version(transaction: &Transaction<'_>) -> Result<i64, Error> {
    let sql = "INSERT INTO version (id, last) VALUES (0, 1) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last";
    Ok(transaction.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
}

struct Put<'a> {
    transaction: &'a Transaction<'a>,
    project: ProjectId,
    day: u32,
    written: i64,
}

impl Put<'_> {
    fn span(&self, entry: &SpanEntry) -> Result<(), Error> {
        let announces = Some(entry.summary.span_id).filter(|step| *step != entry.span_id);
        let sql =
            "INSERT INTO span (project, trace_id, span_id, day, ended_at, hash, context, body, announces)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
            ON CONFLICT DO UPDATE SET day = excluded.day, ended_at = excluded.ended_at, hash = excluded.hash,
                context = excluded.context, body = excluded.body, announces = excluded.announces
            WHERE (excluded.ended_at, excluded.hash) > (span.ended_at, span.hash)";
        let newer = self.transaction.prepare_cached(sql)?.execute(params![
            self.project.0,
            entry.trace_id.as_bytes(),
            entry.span_id.as_bytes(),
            self.day,
            time(entry.ended_at).unwrap_or(0),
            entry.record.identity(),
            entry.record.context().hash(),
            entry.record.body(),
            announces.map(|step| step.as_bytes().to_vec()),
        ])?;
        // A snapshot that lost to a newer one says nothing any more.
        if newer == 1 { self.summary(entry.trace_id.as_bytes(), &entry.summary) } else { Ok(()) }
    }

    fn log(&self, entry: &LogEntry) -> Result<(), Error> {
        let sql = "INSERT INTO log (project, trace_id, hash, ordinal, span_id, at, day, context, body)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
        self.transaction.prepare_cached(sql)?.execute(params![
            self.project.0,
            entry.trace_id.as_bytes(),
            entry.record.identity(),
            entry.ordinal,
            entry.summary.span_id.as_bytes(),
            time(entry.at).unwrap_or(0),
            self.day,
            entry.record.context().hash(),
            entry.record.body(),
        ])?;
        self.summary(entry.trace_id.as_bytes(), &entry.summary)
    }

    /// Keeps each context once a day, before the records that name it by its hash.
    fn pieces(&self, batch: &Batch) -> Result<(), Error> {
        let of_spans = batch.spans.iter().map(|span| span.record.context());
        let of_logs = batch.logs.iter().map(|log| log.record.context());
        let contexts: BTreeMap<_, _> =
            of_spans.chain(of_logs).map(|context| (context.hash(), context)).collect();
        let sql =
            "INSERT INTO piece (project, day, hash, bytes) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        let mut statement = self.transaction.prepare_cached(sql)?;
        for (hash, context) in contexts {
            statement.execute(params![self.project.0, self.day, hash, &context[..]])?;
        }
        Ok(())
    }

    fn summary(&self, trace_id: &[u8], summary: &Summary) -> Result<(), Error> {
        let sql = format!(
            "INSERT OR REPLACE INTO summary (project, trace_id, written, {SUMMARY_COLUMNS}) VALUES ({})",
            places(3 + SUMMARY_COLUMNS.split(',').count()),
        );
        let key =
            [Value::Integer(self.project.0), Value::Blob(trace_id.to_vec()), Value::Integer(self.written)];
        let values = key.into_iter().chain(rows::summary_values(summary)?);
        self.transaction.prepare_cached(&sql)?.execute(params_from_iter(values))?;
        Ok(())
    }
}

fn places(count: usize) -> String {
    vec!["?"; count].join(", ")
}

pub(super) fn partials(connection: &Connection, of: Touched) -> Result<Partials, Error> {
    let sql = format!("SELECT {SUMMARY_COLUMNS}, written FROM summary WHERE project = ?1 AND trace_id = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params![of.project.0, of.trace_id.as_bytes()])?;
    let (mut version, mut summaries) = (0, Vec::new());
    while let Some(row) = found.next()? {
        version = version.max(row.get::<_, i64>("written")?);
        summaries.push(rows::summary(row)?);
    }
    Ok(Partials { of, version: version.unsigned_abs(), summaries })
}

fn put_executions(connection: &mut Connection, executions: &[Computed]) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for Computed { project, version, execution } in executions {
        put_execution(&transaction, *project, *version, execution)?;
    }
    transaction.commit()?;
    Ok(())
}

fn put_execution(
    connection: &Connection,
    project: ProjectId,
    version: u64,
    execution: &Execution,
) -> Result<(), Error> {
    let updates: Vec<_> = EXECUTION_COLUMNS
        .split(", ")
        .map(|column| format!("{c} = excluded.{c}", c = column.trim()))
        .collect();
    let sql = format!(
        "INSERT INTO execution (project, version, listed_at, {EXECUTION_COLUMNS}) VALUES ({})
         ON CONFLICT DO UPDATE SET version = excluded.version, {},
             listed_at = coalesce(excluded.started_at, execution.listed_at)
         WHERE excluded.version >= execution.version",
        places(3 + EXECUTION_COLUMNS.split(',').count()),
        updates.join(", "),
    );
    let listed_at = time(execution.started_at.or(Some(Timestamp::now())));
    let key = [
        Value::Integer(project.0),
        Value::Integer(integer(version)),
        listed_at.map_or(Value::Integer(0), Value::Integer),
    ];
    let values = key.into_iter().chain(rows::execution_values(execution)?);
    connection.prepare_cached(&sql)?.execute(params_from_iter(values))?;
    Ok(())
}

fn count(
    connection: &mut Connection,
    collector: &str,
    minute: u64,
    counts: &[OutcomeCount],
) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for outcome in counts {
        let sql = "INSERT INTO outcome (collector, minute, project, name, count) VALUES (?1, ?2, 0, ?3, ?4)
            ON CONFLICT DO UPDATE SET count = count + excluded.count";
        transaction.prepare_cached(sql)?.execute(params![
            collector,
            integer(minute),
            outcome.name,
            integer(outcome.count),
        ])?;
    }
    transaction.commit()?;
    Ok(())
}

/// The context that a hash names.
pub(super) fn piece(
    connection: &Connection,
    project: ProjectId,
    day: u32,
    hash: &[u8],
) -> Result<Vec<u8>, Error> {
    let sql = "SELECT bytes FROM piece WHERE project = ?1 AND day = ?2 AND hash = ?3";
    let found = connection
        .prepare_cached(sql)?
        .query_row(params![project.0, day, hash], |row| row.get(0))
        .optional()?;
    found.ok_or(Error::Damaged("a record names a piece that is not there"))
}
