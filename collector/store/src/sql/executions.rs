//! The rows of executions.

use super::connection::{Connection, Find, Kind, refs};
use rusqlite::params;
use rusqlite::types::Value;
use treering_step::{Execution, Timestamp, TraceId};

use super::facets::Facets;
use super::rows::{self, EXECUTION_COLUMNS, integer, places, time};
use super::versions::last_version;
use crate::{Computed, Error, ProjectId, Touched};

/// An execution of which nothing is left, since all its log records went elsewhere, keeps a row that nobody sees:
/// its version keeps out what was computed before.
pub(super) const SHOWN: &str = "steps > 0";

pub(super) fn execution(connection: &Connection, of: Touched) -> Result<Option<Execution>, Error> {
    Ok(computed(connection, of)?.map(|computed| computed.execution))
}

/// Executions of a project, in this order; one that is not there is left out.
pub(super) fn executions(
    connection: &Connection,
    project: ProjectId,
    of: &[TraceId],
) -> Result<Vec<Execution>, Error> {
    let by = [("project", Kind::Integer), ("trace_id", Kind::Bytes)];
    let but = format!("AND {SHOWN}");
    let find = Find { told: EXECUTION_COLUMNS, table: "execution", by: &by, but: &but };
    let key = |trace_id: &TraceId| vec![project.0.into(), trace_id.as_bytes().to_vec().into()];
    let mut all = vec![None; of.len()];
    connection.find(&find, &of.iter().map(key).collect::<Vec<_>>(), |at, row| {
        all[at] = Some(rows::execution(row)?);
        Ok(())
    })?;
    Ok(all.into_iter().flatten().collect())
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
    if was_erased(connection, Touched { project, trace_id: execution.trace_id }, version)? {
        return Ok(());
    }
    let updates: Vec<_> = EXECUTION_COLUMNS
        .split(", ")
        .map(|column| format!("{c} = excluded.{c}", c = column.trim()))
        .collect();
    let sql = format!(
        "INSERT INTO execution (project, version, listed_at, kinds, step_models, {EXECUTION_COLUMNS}) VALUES ({})
         ON CONFLICT (project, trace_id) DO UPDATE SET version = excluded.version, kinds = excluded.kinds,
             step_models = excluded.step_models, {},
             listed_at = coalesce(excluded.started_at, execution.listed_at)
         WHERE excluded.version >= execution.version",
        places(5 + EXECUTION_COLUMNS.split(',').count()),
        updates.join(", "),
    );
    let facets = Facets::of(connection, project, execution)?;
    let listed_at = time(execution.started_at.or(Some(Timestamp::now())));
    let key = [
        Value::Integer(project.0),
        Value::Integer(integer(version)),
        listed_at.map_or(Value::Integer(0), Value::Integer),
        Value::Integer(facets.kinds),
        facets.models.map_or(Value::Null, Value::Text),
    ];
    let values = key.into_iter().chain(rows::execution_values(execution)?);
    connection.execute(&sql, &refs(&values.collect::<Vec<_>>()))?;
    let sql = "DELETE FROM stale WHERE project = ?1 AND trace_id = ?2 AND since <= ?3";
    let values = params![project.0, execution.trace_id.as_bytes(), integer(version)];
    connection.execute(sql, values)?;
    Ok(())
}

/// True for what was computed of an execution before it was erased.
fn was_erased(connection: &Connection, of: Touched, version: u64) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT 1 FROM erased WHERE project = ?1 AND version > ?3)
        AND NOT EXISTS (SELECT 1 FROM summary WHERE project = ?1 AND trace_id = ?2)";
    let values = params![of.project.0, of.trace_id.as_bytes(), integer(version)];
    connection.one(sql, values, |row| row.get(0))
}

/// Remembers executions to be computed anew.
pub(super) fn mark_stale(connection: &Connection, touched: &[Touched], since: i64) -> Result<(), Error> {
    let sql = "INSERT INTO stale (project, trace_id, since) VALUES (?1, ?2, ?3)
        ON CONFLICT (project, trace_id) DO UPDATE SET since = excluded.since";
    let row = |of: &Touched| vec![of.project.0.into(), of.trace_id.as_bytes().to_vec().into(), since.into()];
    connection.many(sql, &touched.iter().map(row).collect::<Vec<Vec<Value>>>())?;
    Ok(())
}

/// Remembers executions to be computed anew for what was written until now.
pub(super) fn remember(connection: &Connection, of: &[Touched]) -> Result<(), Error> {
    let transaction = connection.writing()?;
    let since = last_version(&transaction)?;
    mark_stale(&transaction, of, since)?;
    transaction.commit()?;
    Ok(())
}

pub(super) fn stale(connection: &Connection) -> Result<Vec<Touched>, Error> {
    let mut statement = connection.prepare("SELECT project, trace_id FROM stale")?;
    let mut found = statement.query(params![])?;
    let mut stale = Vec::new();
    while let Some(row) = found.next()? {
        let trace_id = rows::trace_id(row.blob(1)?)?;
        stale.push(Touched { project: ProjectId(row.get(0)?), trace_id });
    }
    Ok(stale)
}
