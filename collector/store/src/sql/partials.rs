//! The partial summaries of an execution, step by step: those that came in with it, but for log records that belong
//! elsewhere, and those that came in elsewhere and belong here.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use super::connection::{Connection, Find, Kind, Row};
use rusqlite::params;
use rusqlite::types::Value;
use treering_step::{ProcessId, Source, SpanId, Status, Summary, TraceId};

use super::executions::{BY_EXECUTION, key_of};
use super::joins::{BY_STEP, Joins, Naming, Place};
use super::rows::{self, SUMMARY_COLUMNS};
use super::versions::last_version;
use crate::{Error, ProjectId, Touched};

/// What the skeleton of an execution needs of a summary. What it does not need is read as nothing, since texts are
/// what takes the time.
const OF_SKELETON: [&str; 18] = [
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
    "process",
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

/// Summaries that are asked for at once, so that those of a giant are never all in memory.
const PART: usize = 10_000;

/// Hands out what is told of each step, one step after the other, all of one moment. Tells the version that this
/// moment has: it grows with whatever is written, since an execution changes as well by what leaves it.
pub(super) fn each_step(
    connection: &Connection,
    of: Touched,
    detail: Detail,
    mut add: impl FnMut(Vec<Summary>),
) -> Result<u64, Error> {
    let moment = connection.moment()?;
    let (lives, mut guests) = (Lives::of(&moment, of.project), guests(&moment, of, detail)?);
    let sql = format!(
        "SELECT {} FROM summary WHERE project = ?1 AND trace_id = ?2 AND (span_id, source) > (?3, ?4)
         ORDER BY span_id, source LIMIT {PART}",
        detail.columns()
    );
    let mut statement = moment.prepare(&sql)?;
    let (mut step, mut last) = (Vec::new(), (Vec::new(), Vec::new()));
    loop {
        let mut found = statement.query(params![of.project.0, of.trace_id.as_bytes(), last.0, last.1])?;
        let mut rows = 0;
        while let Some(row) = found.next()? {
            rows += 1;
            if rows == PART {
                last = (row.get("span_id")?, row.get("source")?);
            }
            let summary = lives.read(row)?;
            if is_naming(&summary) {
                continue;
            }
            if step.first().is_some_and(|first: &Summary| first.span_id != summary.span_id) {
                guests.join(std::mem::take(&mut step), &mut add);
            }
            step.push(summary);
        }
        if rows < PART {
            break;
        }
    }
    guests.join(step, &mut add);
    guests.0.into_values().for_each(add);
    Ok(last_version(&moment)?.unsigned_abs())
}

/// Executions that are asked for at once where the store is far away, and summaries of each; of a larger one the steps
/// are handed out as they come.
const EXECUTIONS: usize = 64;
const SMALL: usize = 1_000;

/// The same of many executions: tells which one a step is of by its place among these.
pub(super) fn each_step_of_many(
    connection: &Connection,
    of: &[Touched],
    mut add: impl FnMut(usize, Vec<Summary>),
) -> Result<Vec<u64>, Error> {
    let mut versions = Vec::with_capacity(of.len());
    for some in of.chunks(EXECUTIONS) {
        let first = versions.len();
        let (at_once, mut alone) = match connection.is_far() {
            // Nothing is gained where no journey is saved.
            false => (None, (0..some.len()).collect()),
            true => {
                let (version, small, alone) = small_ones(connection, some)?;
                small.into_iter().for_each(|(at, step)| add(first + at, step));
                (Some(version), alone)
            }
        };
        versions.resize(first + some.len(), at_once.unwrap_or_default());
        alone.sort_unstable();
        for at in alone {
            let step = |step| add(first + at, step);
            versions[first + at] = each_step(connection, some[at], Detail::Whole, step)?;
        }
    }
    Ok(versions)
}

/// The steps of executions that are small and have nothing to do with others, the version of all of them, and the
/// places of those that are to be asked for alone.
type Small = (u64, Vec<(usize, Vec<Summary>)>, Vec<usize>);

fn small_ones(connection: &Connection, of: &[Touched]) -> Result<Small, Error> {
    let moment = connection.moment()?;
    let (mut naming, mut lives) = (BTreeMap::new(), BTreeMap::new());
    for project in of.iter().map(|of| of.project).collect::<BTreeSet<_>>() {
        lives.insert(project, Lives::of(&moment, project));
        naming.insert(project, Joins { connection: &moment, project }.any_naming()?);
    }
    let (mut alone, asked): (Vec<_>, Vec<_>) = (0..of.len()).partition(|at| naming[&of[*at].project]);
    let key = |at: &usize| vec![of[*at].project.0.into(), of[*at].trace_id.as_bytes().to_vec().into()];
    let (told, but) = (Detail::Whole.columns(), format!("ORDER BY span_id, source LIMIT {SMALL}"));
    let by = [("project", Kind::Integer), ("trace_id", Kind::Bytes)];
    let find = Find { told, table: "summary", by: &by, but: &but };
    let mut summaries = vec![Vec::new(); asked.len()];
    moment.find(&find, &asked.iter().map(key).collect::<Vec<Vec<Value>>>(), |at, row| {
        summaries[at].push(lives[&of[asked[at]].project].read(row)?);
        Ok(())
    })?;
    let mut small = Vec::<(usize, Vec<Summary>)>::new();
    for (at, summaries) in asked.into_iter().zip(summaries) {
        if summaries.len() == SMALL {
            alone.push(at);
            continue;
        }
        for summary in summaries {
            match small.last_mut() {
                Some((of, step)) if *of == at && is_of(step, &summary) => step.push(summary),
                _ => small.push((at, vec![summary])),
            }
        }
    }
    Ok((last_version(&moment)?.unsigned_abs(), small, alone))
}

fn is_of(step: &[Summary], summary: &Summary) -> bool {
    step.first().is_some_and(|first| first.span_id == summary.span_id)
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
    let (joins, lives) = (Joins { connection, project: of.project }, Lives::of(connection, of.project));
    let mut guests = Guests::default();
    if !joins.any_naming()? {
        return Ok(guests);
    }
    let sql = format!(
        "SELECT {} FROM summary WHERE project = ?1 AND trace_id = ?2 AND joins IS NOT NULL",
        detail.columns()
    );
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query(params![of.project.0, of.trace_id.as_bytes()])?;
    let (mut naming, mut offered) = (Vec::new(), BTreeSet::new());
    while let Some(row) = found.next()? {
        let told = lives.read(row)?;
        match told.joins.first() {
            Some(key) if is_naming(&told) => naming.push((*key, told)),
            _ => offered.extend(told.joins),
        }
    }
    let named: Vec<_> = naming.iter().map(|(key, _)| (*key, of.trace_id)).collect();
    for ((_, told), taker) in naming.into_iter().zip(joins.takers(&named)?) {
        let taker = taker.unwrap_or((of.trace_id, told.span_id));
        if taker.0 == of.trace_id {
            guests.insert(taker.1, told);
        }
    }
    let brought = joins.brought(of.trace_id, offered, i64::MIN)?.into_iter();
    let (steps, logs): (Vec<_>, Vec<_>) = brought.map(|(step, _, log)| (step, log)).unzip();
    for ((_, step), told) in steps.into_iter().zip(summaries(joins, &logs, detail)?) {
        guests.insert(step, told);
    }
    Ok(guests)
}

/// What is told of these steps.
pub(super) fn of_steps(
    connection: &Connection,
    of: Touched,
    spans: &[SpanId],
) -> Result<Vec<Summary>, Error> {
    let moment = connection.moment()?;
    let joins = Joins { connection: &moment, project: of.project };
    let steps: Vec<Place> = spans.iter().map(|span_id| (of.trace_id, *span_id)).collect();
    let came = came(joins, &steps)?;
    if joins.any_naming()? {
        return exchanged(joins, &steps, came);
    }
    Ok(came.into_iter().flatten().collect())
}

/// Steps that came in with an execution and say this of themselves, in the order of their ids.
pub(super) fn found(
    connection: &Connection,
    of: Touched,
    text: &str,
    limit: u32,
) -> Result<Vec<SpanId>, Error> {
    let columns = ["name", "agent", "model", "tool", "error_type"];
    let any: Vec<_> =
        columns.iter().map(|column| format!("coalesce(instr(lower({column}), ?3), 0) > 0")).collect();
    let sql = format!(
        "SELECT DISTINCT span_id FROM summary WHERE project = ?1 AND trace_id = ?2 AND ({})
         ORDER BY span_id LIMIT ?4",
        any.join(" OR ")
    );
    let values = params![of.project.0, of.trace_id.as_bytes(), text, i64::from(limit)];
    connection.all(&sql, values, |row| rows::span_id(row.blob(0)?))
}

/// What came in with these executions since this version, the oldest first, up to so many of each.
pub(super) fn since(
    connection: &Connection,
    of: &[Touched],
    version: i64,
    limit: u32,
) -> Result<Vec<(TraceId, Summary)>, Error> {
    let Some(project) = of.first().map(|of| of.project) else { return Ok(Vec::new()) };
    let lives = Lives::of(connection, project);
    let but = format!("AND written > {version} ORDER BY written, span_id, source LIMIT {limit}");
    let find = Find { told: Detail::Whole.columns(), table: "summary", by: &BY_EXECUTION, but: &but };
    let keys: Vec<_> = of.iter().map(|of| key_of(*of)).collect();
    let mut told = Vec::new();
    connection.find(&find, &keys, |at, row| {
        let summary = lives.read(row)?;
        if !is_naming(&summary) {
            told.push((of[at].trace_id, summary));
        }
        Ok(())
    })?;
    Ok(told)
}

/// What came in with each of these steps.
fn came(joins: Joins<'_>, steps: &[Place]) -> Result<Vec<Vec<Summary>>, Error> {
    let find = Find { told: Detail::Whole.columns(), table: "summary", by: &BY_STEP, but: "" };
    let keys: Vec<_> = steps.iter().map(|step| joins.key(*step)).collect();
    let mut came = vec![Vec::new(); steps.len()];
    let lives = Lives::of(joins.connection, joins.project);
    joins.connection.find(&find, &keys, |at, row| {
        came[at].push(lives.read(row)?);
        Ok(())
    })?;
    Ok(came)
}

/// Without what belongs to other steps, and with what belongs to these and came in with others.
fn exchanged(joins: Joins<'_>, steps: &[Place], mut came: Vec<Vec<Summary>>) -> Result<Vec<Summary>, Error> {
    let (mut naming, mut offers, mut offered_by) = (Vec::new(), Vec::new(), Vec::new());
    for (at, summary) in came.iter().enumerate().flat_map(|(at, came)| came.iter().map(move |one| (at, one)))
    {
        if is_naming(summary) {
            naming.extend(summary.joins.first().map(|key| (*key, steps[at].0)));
        } else {
            offers.extend(summary.joins.iter().map(|key| (steps[at], *key)));
            offered_by.extend(summary.joins.iter().map(|_| at));
        }
    }
    let mut takers = joins.takers(&naming)?.into_iter();
    for (step, came) in steps.iter().zip(&mut came) {
        came.retain(|summary| {
            !is_naming(summary) || takers.next().flatten().is_none_or(|taker| taker == *step)
        });
    }
    let taken = joins.taken_by(&offers)?.into_iter().map(|(offer, log)| (offered_by[offer], log));
    let (places, logs): (Vec<_>, Vec<_>) = taken.filter(|(at, log)| log.home != steps[*at]).unzip();
    for (at, told) in places.into_iter().zip(summaries(joins, &logs, Detail::Whole)?) {
        came[at].push(Summary { span_id: steps[at].1, ..told });
    }
    Ok(came.into_iter().flatten().collect())
}

/// What each of these log records tells.
fn summaries(joins: Joins<'_>, logs: &[Naming], detail: Detail) -> Result<Vec<Summary>, Error> {
    let by = [&BY_STEP[..], &[("source", Kind::Bytes)]].concat();
    let find = Find { told: detail.columns(), table: "summary", by: &by, but: "" };
    let key = |log: &Naming| {
        let mut key = joins.key(log.home);
        key.push(Value::Blob(log.source.clone()));
        key
    };
    let (mut all, lives) = (vec![None; logs.len()], Lives::of(joins.connection, joins.project));
    joins.connection.find(&find, &logs.iter().map(key).collect::<Vec<_>>(), |at, row| {
        all[at] = Some(lives.read(row)?);
        Ok(())
    })?;
    all.into_iter().map(|told| told.ok_or(Error::Damaged("a join of a log record"))).collect()
}

/// Which processes of a project are gone, of those that were asked for: few steps run.
struct Lives<'a> {
    connection: &'a Connection,
    project: ProjectId,
    known: RefCell<HashMap<ProcessId, bool>>,
}

impl<'a> Lives<'a> {
    fn of(connection: &'a Connection, project: ProjectId) -> Self {
        Self { connection, project, known: RefCell::default() }
    }

    /// What is told in a row. A step that runs in a process which is gone does not run any more.
    fn read(&self, row: Row<'_>) -> Result<Summary, Error> {
        let mut summary = rows::summary(row)?;
        if let (Some(Status::Running), Some(process)) = (summary.status, summary.process)
            && self.is_gone(process)?
        {
            summary.status = Some(Status::Interrupted);
        }
        Ok(summary)
    }

    fn is_gone(&self, process: ProcessId) -> Result<bool, Error> {
        if let Some(known) = self.known.borrow().get(&process) {
            return Ok(*known);
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM process WHERE project = ?1 AND id = ?2 AND gone = 1)";
        let is_gone = self.connection.one(sql, params![self.project.0, process.0], |row| row.get(0))?;
        self.known.borrow_mut().insert(process, is_gone);
        Ok(is_gone)
    }
}
