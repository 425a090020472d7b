//! What is kept is read again.

use std::collections::{BTreeMap, BTreeSet};

use super::connection::{Connection, OptionalExtension, Row};
use rusqlite::params;
use rusqlite::types::Value;
use treering_otlp::Signal;
use treering_redact::Record;
use treering_step::{JoinKey, ProcessId, SpanId, Summary, TraceId};

use super::append::{Put, announcement};
use super::content::Content;
use super::executions::mark_stale;
use super::processes;
use super::records::{RECORD, Records};
use super::rows::{self, SUMMARY_COLUMNS};
use super::versions::next_version;
use crate::{Error, ProjectId, Reread, Touched};

type Read = fn(&Record) -> Option<Summary>;

pub(super) fn reread(
    connection: &Connection,
    content: &Content,
    of: Touched,
    read: Read,
) -> Result<Reread, Error> {
    let transaction = connection.writing()?;
    let fresh = Fresh::of(&transaction, content, of, read)?;
    let mut kept = kept(&transaction, of)?;
    kept.retain(|key, _| !fresh.expired.told(key));
    let changes = Changes::between(kept, fresh.summaries);
    let mut reread = Reread { records: fresh.records, changed: changes.count(), touched: vec![of] };
    if changes.count() == 0 && fresh.moved.is_empty() {
        return Ok(reread);
    }
    let written = next_version(&transaction)?;
    let mut put = Put { connection: &transaction, project: of.project, written, elsewhere: vec![of] };
    changes.put(&mut put, of.trace_id)?;
    for (sql, row, step) in fresh.moved {
        let step = step.map(|step| step.as_bytes().to_vec());
        put.execute(sql, params![of.project.0, of.trace_id.as_bytes(), row, step])?;
    }
    for (process, day) in fresh.processes {
        processes::remember_from(&transaction, of.project, process, day)?;
    }
    reread.touched = put.elsewhere;
    reread.touched.sort_unstable();
    reread.touched.dedup();
    mark_stale(&transaction, &reread.touched, written)?;
    transaction.commit()?;
    Ok(reread)
}

/// The key of a summary within its execution, its ids, and its values.
type Rows = BTreeMap<(Vec<u8>, Vec<u8>), (Vec<JoinKey>, Vec<Value>)>;

fn insert(rows: &mut Rows, summary: &Summary) -> Result<(), Error> {
    let key = (summary.span_id.as_bytes().to_vec(), rows::source(summary.source));
    rows.insert(key, (summary.joins.clone(), rows::summary_values(summary)?));
    Ok(())
}

fn kept(connection: &Connection, of: Touched) -> Result<Rows, Error> {
    let sql = format!("SELECT {SUMMARY_COLUMNS} FROM summary WHERE project = ?1 AND trace_id = ?2");
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query(params![of.project.0, of.trace_id.as_bytes()])?;
    let mut kept = Rows::new();
    while let Some(row) = found.next()? {
        insert(&mut kept, &rows::summary(row)?)?;
    }
    Ok(kept)
}

/// What a reader says today.
#[derive(Default)]
struct Fresh {
    records: usize,
    summaries: Rows,
    /// Records that belong to another step than before, by what names them in their execution.
    moved: Vec<(&'static str, Vec<u8>, Option<SpanId>)>,
    processes: BTreeMap<ProcessId, u32>,
    expired: Expired,
}

/// Records whose content is no longer there: nobody can read them again, and what was said of them stays.
#[derive(Default)]
struct Expired {
    spans: BTreeSet<Vec<u8>>,
    logs: BTreeSet<Vec<u8>>,
}

impl Expired {
    /// True where one of them may have told the summary of this key.
    fn told(&self, (span_id, source): &(Vec<u8>, Vec<u8>)) -> bool {
        let own = rows::hash_of(source);
        match source.as_slice() {
            [] => self.spans.contains(span_id),
            // What many log records say alike has a name of no one's.
            _ if own.iter().all(|byte| *byte == 0) => !self.logs.is_empty(),
            // A span that announces another one is named by its own id there.
            _ => self.logs.contains(&own) || own[..8] == [0; 8] && self.spans.contains(&own[8..]),
        }
    }
}

impl Fresh {
    fn of(connection: &Connection, content: &Content, of: Touched, read: Read) -> Result<Self, Error> {
        let mut fresh = Self::default();
        let mut records = Records::new(connection, content, of.project);
        fresh.spans(connection, &mut records, of, read)?;
        fresh.logs(connection, &mut records, of, read)?;
        Ok(fresh)
    }

    fn spans(
        &mut self,
        connection: &Connection,
        records: &mut Records<'_>,
        of: Touched,
        read: Read,
    ) -> Result<(), Error> {
        const MOVED: &str =
            "UPDATE span SET announces = ?4 WHERE project = ?1 AND trace_id = ?2 AND span_id = ?3";
        let sql =
            format!("SELECT {RECORD}, span_id, announces FROM span WHERE project = ?1 AND trace_id = ?2");
        let mut statement = connection.prepare(&sql)?;
        let mut found = statement.query(params![of.project.0, of.trace_id.as_bytes()])?;
        while let Some(row) = found.next()? {
            let Some(record) = records.record(Signal::Traces, row)? else {
                self.expired.spans.insert(row.get("span_id")?);
                continue;
            };
            self.records += 1;
            let Some(summary) = read(&record) else { continue };
            let span_id = rows::span_id(row.blob("span_id")?)?;
            let announces = Some(summary.span_id).filter(|step| *step != span_id);
            let before: Option<Vec<u8>> = row.get("announces")?;
            if before.as_deref() != announces.as_ref().map(|step| &step.as_bytes()[..]) {
                self.moved.push((MOVED, row.get("span_id")?, announces));
            }
            let summary = if announces.is_some() { announcement(summary) } else { summary };
            self.keep(&summary, row.get(0)?)?;
        }
        Ok(())
    }

    fn logs(
        &mut self,
        connection: &Connection,
        records: &mut Records<'_>,
        of: Touched,
        read: Read,
    ) -> Result<(), Error> {
        // Equal records belong together.
        const MOVED: &str = "UPDATE log SET span_id = ?4 WHERE project = ?1 AND trace_id = ?2 AND hash = ?3";
        let sql = format!("SELECT {RECORD}, span_id FROM log WHERE project = ?1 AND trace_id = ?2");
        let mut statement = connection.prepare(&sql)?;
        let mut found = statement.query(params![of.project.0, of.trace_id.as_bytes()])?;
        while let Some(row) = found.next()? {
            let Some(record) = records.record(Signal::Logs, row)? else {
                self.expired.logs.insert(row.get("hash")?);
                continue;
            };
            self.records += 1;
            let Some(summary) = read(&record) else { continue };
            if row.get_ref("span_id")?.as_blob().ok() != Some(&summary.span_id.as_bytes()[..]) {
                self.moved.push((MOVED, row.get("hash")?, Some(summary.span_id)));
            }
            self.keep(&summary, row.get(0)?)?;
        }
        Ok(())
    }

    fn keep(&mut self, summary: &Summary, day: u32) -> Result<(), Error> {
        if let Some(process) = summary.process {
            let last = self.processes.entry(process).or_insert(day);
            *last = day.max(*last);
        }
        insert(&mut self.summaries, summary)
    }
}

/// What is between two readings.
struct Changes {
    before: Rows,
    after: Rows,
}

impl Changes {
    fn between(mut before: Rows, mut after: Rows) -> Self {
        before.retain(|key, kept| {
            let same = after.get(key) == Some(kept);
            if same {
                after.remove(key);
            }
            !same
        });
        Self { before, after }
    }

    fn count(&self) -> usize {
        self.before.keys().chain(self.after.keys()).collect::<BTreeSet<_>>().len()
    }

    fn put(&self, put: &mut Put<'_>, trace_id: TraceId) -> Result<(), Error> {
        self.offer(put, trace_id)?;
        for ((span_id, source), (joins, _)) in &self.before {
            if !source.is_empty() {
                put.named(trace_id, joins.first())?;
            }
            let sql = "DELETE FROM summary
                WHERE project = ?1 AND trace_id = ?2 AND span_id = ?3 AND source = ?4";
            put.execute(sql, params![put.project.0, trace_id.as_bytes(), span_id, source])?;
        }
        for ((_, source), (joins, values)) in &self.after {
            put.summary_row(trace_id, values.clone())?;
            if !source.is_empty() {
                put.named(trace_id, joins.first())?;
            }
        }
        Ok(())
    }

    /// Of the spans alone.
    fn offer(&self, put: &mut Put<'_>, trace_id: TraceId) -> Result<(), Error> {
        let spans: BTreeSet<_> =
            self.before.keys().chain(self.after.keys()).filter(|(_, source)| source.is_empty()).collect();
        for key in spans {
            let joins = |rows: &Rows| rows.get(key).map(|(joins, _)| joins.clone()).unwrap_or_default();
            put.offer(trace_id, rows::span_id(&key.0)?, &joins(&self.before), &joins(&self.after))?;
        }
        Ok(())
    }
}

pub(super) fn next_execution(
    connection: &Connection,
    after: Option<Touched>,
) -> Result<Option<Touched>, Error> {
    let trace_id = after.map(|after| after.trace_id.as_bytes().to_vec()).unwrap_or_default();
    let project = after.map_or(i64::MIN, |after| after.project.0);
    let mut next = None;
    for table in ["span", "log"] {
        let sql = format!(
            "SELECT project, trace_id FROM {table} WHERE (project, trace_id) > (?1, ?2)
             ORDER BY project, trace_id LIMIT 1"
        );
        let first = connection.one(&sql, params![project, trace_id], touched).optional()?;
        next = [next, first].into_iter().flatten().min();
    }
    Ok(next)
}

fn touched(row: Row<'_>) -> Result<Touched, Error> {
    Ok(Touched { project: ProjectId(row.get(0)?), trace_id: rows::trace_id(row.blob(1)?)? })
}

pub(super) fn execution_count(connection: &Connection) -> Result<u64, Error> {
    let sql = "SELECT count(*) FROM execution";
    let count: i64 = connection.one(sql, params![], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

pub(super) fn until(connection: &Connection, reader: &str) -> Result<Option<Touched>, Error> {
    let sql = "SELECT project, trace_id FROM reread WHERE reader = ?1";
    connection.one(sql, params![reader], touched).optional()
}

pub(super) fn set_until(connection: &Connection, reader: &str, until: Option<Touched>) -> Result<(), Error> {
    match until {
        Some(until) => {
            let sql = "INSERT INTO reread (id, reader, project, trace_id) VALUES (0, ?1, ?2, ?3)
                ON CONFLICT (id) DO UPDATE SET reader = excluded.reader, project = excluded.project,
                    trace_id = excluded.trace_id";
            let values = params![reader, until.project.0, until.trace_id.as_bytes()];
            connection.execute(sql, values)?;
        }
        None => {
            connection.execute("DELETE FROM reread", params![])?;
        }
    }
    Ok(())
}
