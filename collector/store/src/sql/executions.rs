//! The rows of executions.

use super::connection::{Conflict, Connection, Delete, Find, Insert, Kind as Column};
use rusqlite::params;
use rusqlite::types::Value;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use treering_step::{Execution, Timestamp};

use super::facets::Facets;
use super::rows::{self, EXECUTION_COLUMNS, EXECUTIONS, integer, time};
use super::versions::last_version;
use crate::{Computed, Error, ProjectId, Share, Touched};

/// An execution of which nothing is left, since all its log records went elsewhere, keeps a row that nobody sees:
/// its version keeps out what was computed before.
pub(super) const SHOWN: &str = "steps > 0";

pub(super) fn execution(connection: &Connection, of: Touched) -> Result<Option<Execution>, Error> {
    Ok(computed(connection, of)?.map(|computed| computed.execution))
}

/// An execution and the version that it was computed from.
pub(super) fn computed(connection: &Connection, of: Touched) -> Result<Option<Computed>, Error> {
    let sql = format!(
        "SELECT {EXECUTION_COLUMNS}, version FROM execution WHERE project = ?1 AND trace_id = ?2 AND {SHOWN}"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query(params![of.project.0, of.trace_id.as_bytes()])?;
    let Some(row) = found.next()? else { return Ok(None) };
    let version: i64 = row.get("version")?;
    Ok(Some(Computed {
        project: of.project,
        version: version.unsigned_abs(),
        execution: rows::execution(row)?,
    }))
}

pub(super) fn put_executions(connection: &Connection, executions: &[Computed]) -> Result<(), Error> {
    let transaction = connection.writing()?;
    let mut kept = Vec::with_capacity(executions.len());
    for (computed, was_erased) in executions.iter().zip(were_erased(&transaction, executions)?) {
        kept.extend(Some(computed).filter(|_| !was_erased));
    }
    let facets = Facets::of(&transaction, &kept)?;
    let mut rows = BTreeMap::<Touched, (u64, Vec<Value>)>::new();
    for (computed, facets) in kept.iter().zip(facets) {
        // Of one that was computed twice the newer stays.
        let row = rows.entry(computed.of());
        match row {
            Entry::Occupied(before) if before.get().0 > computed.version => {}
            Entry::Occupied(mut before) => drop(before.insert((computed.version, row_of(computed, facets)?))),
            Entry::Vacant(free) => drop(free.insert((computed.version, row_of(computed, facets)?))),
        }
    }
    let rows: Vec<_> = rows.into_values().map(|(_, row)| row).collect();
    transaction.put(&EXECUTIONS, &rows, |_| Ok(()))?;
    let key = |computed: &&Computed| [key_of(computed.of()), vec![integer(computed.version).into()]].concat();
    transaction.delete(&STALE_UNTIL, &kept.iter().map(key).collect::<Vec<_>>(), |_| Ok(()))?;
    transaction.commit()
}

fn row_of(computed: &Computed, facets: Facets) -> Result<Vec<Value>, Error> {
    let listed_at = time(computed.execution.started_at.or(Some(Timestamp::now())));
    let key = [
        computed.project.0.into(),
        integer(computed.version).into(),
        listed_at.unwrap_or(0).into(),
        facets.kinds.into(),
        facets.models.into(),
    ];
    Ok(key.into_iter().chain(rows::execution_values(&computed.execution)?).collect())
}

const ERASED: Find<'_> =
    Find { told: "version", table: "erased", by: &[("project", Column::Integer)], but: "" };

/// True for each that was computed before its execution was erased.
fn were_erased(connection: &Connection, executions: &[Computed]) -> Result<Vec<bool>, Error> {
    let projects: BTreeSet<_> = executions.iter().map(|computed| computed.project).collect();
    let keys: Vec<Vec<Value>> = projects.iter().map(|project| vec![project.0.into()]).collect();
    let projects: Vec<_> = projects.into_iter().collect();
    let mut erased = BTreeMap::new();
    connection.find(&ERASED, &keys, |at, row| {
        erased.insert(projects[at], row.get::<i64>(0)?);
        Ok(())
    })?;
    let is_older = |at: &usize| {
        let computed = &executions[*at];
        erased.get(&computed.project).is_some_and(|version| *version > integer(computed.version))
    };
    let older: Vec<_> = (0..executions.len()).filter(is_older).collect();
    let keys: Vec<_> = older.iter().map(|at| key_of(executions[*at].of())).collect();
    let mut were_erased = vec![false; executions.len()];
    older.iter().for_each(|at| were_erased[*at] = true);
    connection.find(&ANY_SUMMARY, &keys, |at, _| {
        were_erased[older[at]] = false;
        Ok(())
    })?;
    Ok(were_erased)
}

/// The columns by which an execution is asked for.
pub(super) const BY_EXECUTION: [(&str, Column); 2] =
    [("project", Column::Integer), ("trace_id", Column::Bytes)];

/// Their values for [`BY_EXECUTION`].
pub(super) fn key_of(of: Touched) -> Vec<Value> {
    vec![of.project.0.into(), of.trace_id.as_bytes().to_vec().into()]
}

/// One of the summaries of an execution.
pub(super) const ANY_SUMMARY: Find<'_> =
    Find { told: "1", table: "summary", by: &BY_EXECUTION, but: "LIMIT 1" };

/// Remembers executions to be computed anew.
pub(super) fn mark_stale(connection: &Connection, touched: &[Touched], since: i64) -> Result<(), Error> {
    let touched: BTreeSet<_> = touched.iter().copied().collect();
    let row = |of: Touched| [key_of(of), vec![since.into()]].concat();
    connection.put(&STALE, &touched.into_iter().map(row).collect::<Vec<_>>(), |_| Ok(()))
}

const STALE: Insert = Insert {
    table: "stale",
    columns: &[("project", Column::Integer), ("trace_id", Column::Bytes), ("since", Column::Integer)],
    conflict: Conflict::Replaces("project, trace_id"),
    told: None,
};

const STALE_UNTIL: Delete<'_> = Delete {
    table: "stale",
    by: &[("project", Column::Integer), ("trace_id", Column::Bytes), ("since <=", Column::Integer)],
    told: None,
};

/// Remembers executions to be computed anew for what was written until now.
pub(super) fn remember(connection: &Connection, of: &[Touched]) -> Result<(), Error> {
    let transaction = connection.writing()?;
    let since = last_version(&transaction)?;
    mark_stale(&transaction, of, since)?;
    transaction.commit()?;
    Ok(())
}

pub(super) fn stale(connection: &Connection, share: Share) -> Result<Vec<Touched>, Error> {
    let sql = "SELECT project, trace_id FROM stale
        WHERE substr(trace_id, 16, 1) >= ?1 AND substr(trace_id, 16, 1) < ?2";
    let [from, to] = share.range();
    let mut statement = connection.prepare(sql)?;
    let mut found = statement.query(params![from, to])?;
    let mut stale = Vec::new();
    while let Some(row) = found.next()? {
        let trace_id = rows::trace_id(row.blob(1)?)?;
        stale.push(Touched { project: ProjectId(row.get(0)?), trace_id });
    }
    Ok(stale)
}
