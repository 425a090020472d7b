//! What is kept is read again.

use std::collections::{BTreeMap, BTreeSet};

use super::append::{announcement, summary_row};
use super::connection::{Connection, Delete, Kind, OptionalExtension, Row, Update};
use rusqlite::params;
use rusqlite::types::Value;
use std::ops::ControlFlow;
use treering_otlp::Signal;
use treering_redact::Record;
use treering_step::{JoinKey, ProcessId, SpanId, Summary};

use super::content::Content;
use super::executions::{key_of, mark_stale};
use super::joins::{BY_STEP, Joins, Offer, offer_all};
use super::processes;
use super::records::{BY_HASH, Kept, RECORD, Records};
use super::rows::{self, SUMMARIES, SUMMARY_COLUMNS};
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
    if changes.count() == 0 && fresh.moved == Moved::default() {
        return Ok(reread);
    }
    let written = next_version(&transaction)?;
    changes.put(&transaction, of, written, &mut reread.touched)?;
    fresh.moved.put(&transaction, of)?;
    processes::remember_from(&transaction, of.project, fresh.processes)?;
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
    moved: Moved,
    processes: BTreeMap<ProcessId, u32>,
    expired: Expired,
}

/// Records that belong to another step than before, by what names them in their execution.
#[derive(Default, PartialEq)]
struct Moved {
    spans: Vec<(Vec<u8>, Option<SpanId>)>,
    logs: Vec<(Vec<u8>, Option<SpanId>)>,
}

impl Moved {
    fn put(self, connection: &Connection, of: Touched) -> Result<(), Error> {
        let row = |(id, step): (Vec<u8>, Option<SpanId>)| {
            let step = step.map(|step| step.as_bytes().to_vec());
            [key_of(of), vec![id.into(), step.into()]].concat()
        };
        let spans = Update { table: "span", by: &BY_STEP, set: &[("announces", Kind::Bytes)] };
        connection.update(&spans, &self.spans.into_iter().map(row).collect::<Vec<_>>())?;
        // Equal records belong together.
        let logs = Update { table: "log", by: &BY_HASH, set: &[("span_id", Kind::Bytes)] };
        connection.update(&logs, &self.logs.into_iter().map(row).collect::<Vec<_>>())?;
        Ok(())
    }
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
        let sql =
            format!("SELECT {RECORD}, span_id, announces FROM span WHERE project = ?1 AND trace_id = ?2");
        let own = connection.all(&sql, params![of.project.0, of.trace_id.as_bytes()], |row| {
            let announces: Option<Vec<u8>> = row.get(6)?;
            Ok((Kept::of(Signal::Traces, row)?, rows::span_id(row.blob(5)?)?, announces))
        })?;
        let kept: Vec<_> = own.iter().map(|(kept, ..)| *kept).collect();
        records.each(&kept, |at, record| {
            let (kept, span_id, before) = &own[at];
            let Some(record) = record? else {
                self.expired.spans.insert(span_id.as_bytes().to_vec());
                return Ok(ControlFlow::Continue(()));
            };
            self.records += 1;
            let Some(summary) = read(&record) else { return Ok(ControlFlow::Continue(())) };
            let announces = Some(summary.span_id).filter(|step| step != span_id);
            if before.as_deref() != announces.as_ref().map(|step| &step.as_bytes()[..]) {
                self.moved.spans.push((span_id.as_bytes().to_vec(), announces));
            }
            let summary = if announces.is_some() { announcement(summary) } else { summary };
            self.keep(&summary, kept.day)?;
            Ok(ControlFlow::Continue(()))
        })
    }

    fn logs(
        &mut self,
        connection: &Connection,
        records: &mut Records<'_>,
        of: Touched,
        read: Read,
    ) -> Result<(), Error> {
        let sql = format!("SELECT {RECORD}, span_id FROM log WHERE project = ?1 AND trace_id = ?2");
        let own = connection.all(&sql, params![of.project.0, of.trace_id.as_bytes()], |row| {
            Ok((Kept::of(Signal::Logs, row)?, row.get::<Vec<u8>>(1)?, row.get::<Vec<u8>>(5)?))
        })?;
        let kept: Vec<_> = own.iter().map(|(kept, ..)| *kept).collect();
        records.each(&kept, |at, record| {
            let (kept, hash, step) = &own[at];
            let Some(record) = record? else {
                self.expired.logs.insert(hash.clone());
                return Ok(ControlFlow::Continue(()));
            };
            self.records += 1;
            let Some(summary) = read(&record) else { return Ok(ControlFlow::Continue(())) };
            if step[..] != summary.span_id.as_bytes()[..] {
                self.moved.logs.push((hash.clone(), Some(summary.span_id)));
            }
            self.keep(&summary, kept.day)?;
            Ok(ControlFlow::Continue(()))
        })
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

    /// Tells who has news elsewhere.
    fn put(
        &self,
        connection: &Connection,
        of: Touched,
        written: i64,
        touched: &mut Vec<Touched>,
    ) -> Result<(), Error> {
        offer_all(connection, &self.offers(of)?, touched)?;
        let key = |(span_id, source): &(Vec<u8>, Vec<u8>)| {
            [key_of(of), vec![span_id.clone().into(), source.clone().into()]].concat()
        };
        connection.delete(&OLD, &self.before.keys().map(key).collect::<Vec<_>>(), |_| Ok(()))?;
        let row =
            |(_, values): &(_, Vec<Value>)| summary_row(of.project, of.trace_id, written, values.clone());
        connection.put(&SUMMARIES, &self.after.values().map(row).collect::<Vec<_>>(), |_| Ok(()))?;
        // A log record that names a span, or no longer does: whoever takes it has news.
        let logs = self.before.iter().chain(&self.after).filter(|((_, source), _)| !source.is_empty());
        let named: Vec<_> = logs.filter_map(|(_, (joins, _))| Some((*joins.first()?, of.trace_id))).collect();
        let takers = Joins { connection, project: of.project }.takers(&named)?.into_iter().flatten();
        touched.extend(takers.map(|(trace_id, _)| Touched { trace_id, ..of }));
        Ok(())
    }

    /// Of the spans alone.
    fn offers(&self, of: Touched) -> Result<Vec<Offer>, Error> {
        let spans: BTreeSet<_> =
            self.before.keys().chain(self.after.keys()).filter(|(_, source)| source.is_empty()).collect();
        let joins = |rows: &Rows, key: &_| rows.get(key).map(|(joins, _)| joins.clone()).unwrap_or_default();
        let offer = |key: &(Vec<u8>, Vec<u8>)| {
            let span = (of.trace_id, rows::span_id(&key.0)?);
            let (before, now) = (joins(&self.before, key), joins(&self.after, key));
            Ok(Offer { project: of.project, span, before, now })
        };
        spans.into_iter().map(offer).collect()
    }
}

const OLD: Delete<'_> = Delete {
    table: "summary",
    by: &[
        ("project", Kind::Integer),
        ("trace_id", Kind::Bytes),
        ("span_id", Kind::Bytes),
        ("source", Kind::Bytes),
    ],
    told: None,
};

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
