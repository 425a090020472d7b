//! The partial summaries of an execution: those that came in with it, but for log records that belong elsewhere,
//! and those that came in elsewhere and belong here.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, params_from_iter};
use treering_step::{JoinKey, Source, SpanId, Status, Summary, TraceId};

use super::joins::{Joins, Naming};
use super::rows::{self, SUMMARY_COLUMNS};
use super::schema::last_version;
use crate::{Error, Partials, Touched};

/// A step that runs in a process which is gone does not run any more.
const GONE: &str = "CASE WHEN process IS NOT NULL AND status = 'running' THEN EXISTS (SELECT 1 FROM process \
    WHERE process.project = summary.project AND process.id = summary.process AND gone = 1) ELSE 0 END AS gone";

/// All of one moment.
pub(super) fn partials(connection: &Connection, of: Touched) -> Result<Partials, Error> {
    let moment = connection.unchecked_transaction()?;
    Ok(Partials { of, version: last_version(&moment)?.unsigned_abs(), summaries: summaries(&moment, of)? })
}

fn summaries(connection: &Connection, of: Touched) -> Result<Vec<Summary>, Error> {
    let joins = Joins { connection, project: of.project };
    let mut here = Vec::new();
    for mut own in own(connection, of)? {
        if let Some(step) = step_of(joins, of.trace_id, &own)? {
            own.span_id = step;
            here.push(own);
        }
    }
    if joins.any_naming()? {
        let spans = here.iter().filter(|summary| summary.source == Source::Span);
        let offered: BTreeSet<_> = spans.flat_map(|span| span.joins.iter().copied()).collect();
        for key in offered {
            take(joins, of.trace_id, key, &mut here)?;
        }
    }
    Ok(here)
}

/// The step of this execution that a summary which came in with it speaks of, if it does not belong elsewhere.
fn step_of(joins: Joins<'_>, own: TraceId, summary: &Summary) -> Result<Option<SpanId>, Error> {
    let taker = match (summary.source, summary.joins.first()) {
        (Source::Log(_) | Source::Alone(_), Some(key)) => joins.taker(*key, own)?,
        _ => None,
    };
    Ok(match taker {
        None => Some(summary.span_id),
        Some((trace_id, span_id)) => (trace_id == own).then_some(span_id),
    })
}

/// What names a span of this execution and came in with another one.
fn take(joins: Joins<'_>, here: TraceId, key: JoinKey, into: &mut Vec<Summary>) -> Result<(), Error> {
    // Only the first span of all takes from other executions.
    let Some((_, span_id)) = joins.first(key)?.filter(|(trace_id, _)| *trace_id == here) else {
        return Ok(());
    };
    for log in joins.naming(key)? {
        if log.home.0 != here && joins.taker(key, log.home.0)? == Some((here, span_id)) {
            into.push(Summary { span_id, ..named(joins, &log)? });
        }
    }
    Ok(())
}

fn own(connection: &Connection, of: Touched) -> Result<Vec<Summary>, Error> {
    let key = [Value::Integer(of.project.0), Value::Blob(of.trace_id.as_bytes().to_vec())];
    select(connection, "project = ? AND trace_id = ?", key)
}

fn named(joins: Joins<'_>, log: &Naming) -> Result<Summary, Error> {
    let (trace_id, span_id) = log.home;
    let key = [
        Value::Integer(joins.project.0),
        Value::Blob(trace_id.as_bytes().to_vec()),
        Value::Blob(span_id.as_bytes().to_vec()),
        Value::Blob(log.source.clone()),
    ];
    let condition = "project = ? AND trace_id = ? AND span_id = ? AND source = ?";
    select(joins.connection, condition, key)?.pop().ok_or(Error::Damaged("a join of a log record"))
}

fn select(
    connection: &Connection,
    condition: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<Summary>, Error> {
    let sql = format!("SELECT {SUMMARY_COLUMNS}, {GONE} FROM summary WHERE {condition}");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params_from_iter(values))?;
    let mut summaries = Vec::new();
    while let Some(row) = found.next()? {
        summaries.push(alive(row)?);
    }
    Ok(summaries)
}

fn alive(row: &Row<'_>) -> Result<Summary, Error> {
    let mut summary = rows::summary(row)?;
    if row.get("gone")? {
        summary.status = Some(Status::Interrupted);
    }
    Ok(summary)
}
