//! The partial summaries of an execution, step by step: those that came in with it, but for log records that belong
//! elsewhere, and those that came in elsewhere and belong here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::connection::{Connection, Row, refs};
use rusqlite::params;
use rusqlite::types::Value;
use treering_step::{JoinKey, Source, SpanId, Status, Summary, TraceId};

use super::joins::{Joins, Naming, Place};
use super::rows::{self, SUMMARY_COLUMNS};
use super::versions::last_version;
use crate::{Error, Touched};

/// A step that runs in a process which is gone does not run any more.
const GONE: &str = "CASE WHEN process IS NOT NULL AND status = 'running' THEN EXISTS (SELECT 1 FROM process \
    WHERE process.project = summary.project AND process.id = summary.process AND gone = 1) ELSE FALSE END AS gone";

/// What the skeleton of an execution needs of a summary. What it does not need is read as nothing, since texts are
/// what takes the time.
const OF_SKELETON: [&str; 17] = [
    "span_id",
    "source",
    "parent_span_id",
    "remote_parent",
    "kind",
    "status",
    "started_at",
    "ended_at",
    "model",
    "response_id",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_usd",
    "joins",
];

static SKELETON_COLUMNS: LazyLock<String> = LazyLock::new(|| {
    let columns = SUMMARY_COLUMNS.split(',').map(str::trim);
    let needed = columns.map(|column| if OF_SKELETON.contains(&column) { column } else { "NULL" });
    needed.collect::<Vec<_>>().join(", ")
});

/// How much of each summary is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    Whole,
    /// No more than a tree and its sums need.
    Skeleton,
}

impl Detail {
    fn columns(self) -> &'static str {
        match self {
            Self::Whole => SUMMARY_COLUMNS,
            Self::Skeleton => &SKELETON_COLUMNS,
        }
    }
}

/// Hands out what is told of each step, one step after the other, all of one moment. Tells the version that this
/// moment has: it grows with whatever is written, since an execution changes as well by what leaves it.
pub(super) fn each_step(
    connection: &Connection,
    of: Touched,
    detail: Detail,
    mut add: impl FnMut(Vec<Summary>),
) -> Result<u64, Error> {
    let moment = connection.moment()?;
    let mut guests = guests(&moment, of, detail)?;
    let sql = format!(
        "SELECT {}, {GONE} FROM summary WHERE project = ?1 AND trace_id = ?2 ORDER BY span_id",
        detail.columns()
    );
    let mut statement = moment.prepare(&sql)?;
    let mut found = statement.query(params![of.project.0, of.trace_id.as_bytes()])?;
    let mut step = Vec::new();
    while let Some(row) = found.next()? {
        let summary = alive(row)?;
        if is_naming(&summary) {
            continue;
        }
        if step.first().is_some_and(|first: &Summary| first.span_id != summary.span_id) {
            guests.join(std::mem::take(&mut step), &mut add);
        }
        step.push(summary);
    }
    guests.join(step, &mut add);
    guests.0.into_values().for_each(add);
    Ok(last_version(&moment)?.unsigned_abs())
}

/// True for a log record of which only its key tells where it belongs.
fn is_naming(summary: &Summary) -> bool {
    summary.source != Source::Span && !summary.joins.is_empty()
}

/// What log records tell that name a step by an id, by that step.
#[derive(Default)]
struct Guests(BTreeMap<SpanId, Vec<Summary>>);

impl Guests {
    /// Hands out a step with those that belong to it.
    fn join(&mut self, mut step: Vec<Summary>, add: &mut impl FnMut(Vec<Summary>)) {
        let Some(first) = step.first() else { return };
        step.extend(self.0.remove(&first.span_id).unwrap_or_default());
        add(step);
    }

    fn insert(&mut self, step: SpanId, told: Summary) {
        self.0.entry(step).or_default().push(Summary { span_id: step, ..told });
    }
}

fn guests(connection: &Connection, of: Touched, detail: Detail) -> Result<Guests, Error> {
    let joins = Joins { connection, project: of.project };
    let mut guests = Guests::default();
    if !joins.any_naming()? {
        return Ok(guests);
    }
    let sql = format!(
        "SELECT {}, {GONE} FROM summary WHERE project = ?1 AND trace_id = ?2 AND joins IS NOT NULL",
        detail.columns()
    );
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query(params![of.project.0, of.trace_id.as_bytes()])?;
    let mut offered = BTreeSet::new();
    while let Some(row) = found.next()? {
        let told = alive(row)?;
        match told.joins.first() {
            Some(key) if is_naming(&told) => {
                let step = (of.trace_id, told.span_id);
                let taker = joins.taker(*key, of.trace_id)?.unwrap_or(step);
                if taker.0 == of.trace_id {
                    guests.insert(taker.1, told);
                }
            }
            _ => offered.extend(told.joins),
        }
    }
    for key in offered {
        take(joins, of.trace_id, key, detail, &mut guests)?;
    }
    Ok(guests)
}

/// What names a span of this execution and came in with another one.
fn take(
    joins: Joins<'_>,
    here: TraceId,
    key: JoinKey,
    detail: Detail,
    into: &mut Guests,
) -> Result<(), Error> {
    // Only the first span of all takes from other executions.
    let Some((_, span_id)) = joins.first(key)?.filter(|(trace_id, _)| *trace_id == here) else {
        return Ok(());
    };
    for log in joins.naming(key)? {
        if log.home.0 != here && joins.taker(key, log.home.0)? == Some((here, span_id)) {
            into.insert(span_id, named(joins, &log, detail)?);
        }
    }
    Ok(())
}

/// What is told of these steps.
pub(super) fn of_steps(
    connection: &Connection,
    of: Touched,
    spans: &[SpanId],
) -> Result<Vec<Summary>, Error> {
    let moment = connection.moment()?;
    let joins = Joins { connection: &moment, project: of.project };
    let any_naming = joins.any_naming()?;
    let mut told = Vec::with_capacity(spans.len());
    for span_id in spans {
        let of_step = of_step(joins, (of.trace_id, *span_id))?;
        told.extend(if any_naming { exchanged(joins, (of.trace_id, *span_id), of_step)? } else { of_step });
    }
    Ok(told)
}

/// What came in with a step.
fn of_step(joins: Joins<'_>, (trace_id, span_id): Place) -> Result<Vec<Summary>, Error> {
    let key = [
        Value::Integer(joins.project.0),
        Value::Blob(trace_id.as_bytes().to_vec()),
        Value::Blob(span_id.as_bytes().to_vec()),
    ];
    let condition = "project = ? AND trace_id = ? AND span_id = ?";
    select(joins.connection, Detail::Whole, condition, key)
}

/// Without what belongs to another step, and with what belongs to this one and came in with another.
fn exchanged(joins: Joins<'_>, step: Place, came: Vec<Summary>) -> Result<Vec<Summary>, Error> {
    let mut told = Vec::with_capacity(came.len());
    for summary in came {
        if let Some(key) = summary.joins.first().filter(|_| is_naming(&summary)) {
            let stays = joins.taker(*key, step.0)?.is_none_or(|taker| taker == step);
            told.extend(Some(summary).filter(|_| stays));
            continue;
        }
        for key in &summary.joins {
            for log in joins.taken_by(step, *key)?.into_iter().filter(|log| log.home != step) {
                told.push(Summary { span_id: step.1, ..named(joins, &log, Detail::Whole)? });
            }
        }
        told.push(summary);
    }
    Ok(told)
}

fn named(joins: Joins<'_>, log: &Naming, detail: Detail) -> Result<Summary, Error> {
    let (trace_id, span_id) = log.home;
    let key = [
        Value::Integer(joins.project.0),
        Value::Blob(trace_id.as_bytes().to_vec()),
        Value::Blob(span_id.as_bytes().to_vec()),
        Value::Blob(log.source.clone()),
    ];
    let condition = "project = ? AND trace_id = ? AND span_id = ? AND source = ?";
    select(joins.connection, detail, condition, key)?.pop().ok_or(Error::Damaged("a join of a log record"))
}

fn select(
    connection: &Connection,
    detail: Detail,
    condition: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<Summary>, Error> {
    let sql = format!("SELECT {}, {GONE} FROM summary WHERE {condition}", detail.columns());
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query(&refs(&values.into_iter().collect::<Vec<_>>()))?;
    let mut summaries = Vec::new();
    while let Some(row) = found.next()? {
        summaries.push(alive(row)?);
    }
    Ok(summaries)
}

fn alive(row: Row<'_>) -> Result<Summary, Error> {
    let mut summary = rows::summary(row)?;
    if row.get("gone")? {
        summary.status = Some(Status::Interrupted);
    }
    Ok(summary)
}
