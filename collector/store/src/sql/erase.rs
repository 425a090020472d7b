//! What is erased: every row of it, here and at the other end of its joins. The content of a row goes with the key of
//! its day, so each day that was touched is remembered until it is written anew under another one.

use std::collections::BTreeSet;

use super::connection::{Connection, Delete, Find, Kind, Row, Transaction, Values};
use rusqlite::params;
use rusqlite::types::Value;
use treering_step::{JoinKey, TraceId};

use super::executions::{ANY_SUMMARY, BY_EXECUTION, key_of, mark_stale};
use super::index;
use super::joins::{Joins, Naming};
use super::processes::BY_PROCESS as PROCESS;
use super::removal::{Removal, keys, together};
use super::rows;
use super::versions::next_forgetting_version;
use crate::{Erased, ErasedDay, Error, ProjectId, Target, Touched, Vault};

/// What tells of an execution by its trace id, of every project.
const BY_TRACE: &[&str] =
    &["span", "log", "summary", "span_join", "execution", "stale", "words", "unindexed"];
/// What else tells of a project.
const BY_PROJECT: &[&str] = &["piece", "block", "rewriting", "process", "reread", "erased_day", "receipt"];

/// The executions that belong to a target.
pub(super) fn matching(
    connection: &Connection,
    project: ProjectId,
    target: &Target,
) -> Result<Vec<TraceId>, Error> {
    let found = match target {
        Target::Execution(trace_id) => BTreeSet::from([*trace_id]),
        Target::Session(name) => naming(connection, project, "session_id", name)?,
        Target::User(name) => naming(connection, project, "user_id", name)?,
        Target::Project => {
            let sql = "SELECT trace_id FROM execution WHERE project = ?1
                UNION SELECT trace_id FROM summary WHERE project = ?1
                UNION SELECT trace_id FROM span WHERE project = ?1
                UNION SELECT trace_id FROM log WHERE project = ?1";
            traces(connection, sql, params![project.0])?
        }
    };
    Ok(found.into_iter().collect())
}

/// Executions whose row or any of whose summaries names somebody, those that came elsewhere included.
fn naming(
    connection: &Connection,
    project: ProjectId,
    column: &str,
    name: &str,
) -> Result<BTreeSet<TraceId>, Error> {
    let sql = format!(
        "SELECT trace_id FROM execution WHERE project = ?1 AND {column} = ?2
         UNION SELECT trace_id FROM summary WHERE project = ?1 AND {column} = ?2"
    );
    let mut found = traces(connection, &sql, params![project.0, name])?;
    let sql = format!(
        "SELECT trace_id, joins FROM summary
         WHERE project = ?1 AND {column} = ?2 AND joins IS NOT NULL AND source <> x''"
    );
    let joined = connection.all(&sql, params![project.0, name], joined)?;
    let named: Vec<_> =
        joined.into_iter().flat_map(|(home, keys)| keys.into_iter().map(move |key| (key, home))).collect();
    let takers = Joins { connection, project }.takers(&named)?;
    found.extend(takers.into_iter().flatten().map(|(trace_id, _)| trace_id));
    Ok(found)
}

fn joined(row: Row<'_>) -> Result<(TraceId, Vec<JoinKey>), Error> {
    Ok((trace_of(row)?, rows::parse_joins(Some(row.blob(1)?))?))
}

/// What erasing a target would take.
pub(super) fn extent(connection: &Connection, project: ProjectId, target: &Target) -> Result<Erased, Error> {
    let moment = connection.moment()?;
    let executions = matching(&moment, project, target)?;
    let (mut extent, mut there) = (Erased::default(), BTreeSet::new());
    let keys = keys(project, &executions);
    for table in ["span", "log"] {
        let count = Find { told: COUNTED, table, by: &BY_EXECUTION, but: "GROUP BY 1" };
        moment.find(&count, &keys, |at, row| {
            there.insert(executions[at]);
            add(&mut extent, row)
        })?;
    }
    for table in ["summary", "execution"] {
        moment.find(&Find { table, ..ANY_SUMMARY }, &keys, |at, _| {
            there.insert(executions[at]);
            Ok(())
        })?;
    }
    extent.executions = there.len() as u64;
    // Those that came with another one of them are counted there.
    let mut offered = Vec::new();
    moment.find(&OFFERED, &keys, |_, row| {
        offered.extend(rows::parse_joins(Some(row.blob(0)?))?);
        Ok(())
    })?;
    let joins = Joins { connection: &moment, project };
    let taken = joins.taken_from_others(&executions.into_iter().collect(), offered)?;
    let count = Find { told: COUNTED, table: "log", by: &BY_LOG, but: "GROUP BY 1" };
    moment.find(&count, &taken.iter().map(|log| log_key(project, log)).collect::<Vec<_>>(), |_, row| {
        add(&mut extent, row)
    })?;
    Ok(extent)
}

/// With the sign, SQLite does not group all of the project by its index of days.
const COUNTED: &str = "+day, count(*)";

fn add(to: &mut Erased, row: Row<'_>) -> Result<(), Error> {
    to.days.insert(row.get(0)?);
    to.records += number_at(row, 1)?;
    Ok(())
}

const OFFERED: Find<'_> = Find {
    told: "joins",
    table: "summary",
    by: &BY_EXECUTION,
    but: "AND joins IS NOT NULL AND source = x''",
};

const BY_LOG: [(&str, Kind); 3] =
    [("project", Kind::Integer), ("trace_id", Kind::Bytes), ("hash", Kind::Bytes)];

fn log_key(project: ProjectId, log: &Naming) -> Vec<Value> {
    let home = key_of(Touched { project, trace_id: log.home.0 });
    [home, vec![rows::hash_of(&log.source).into()]].concat()
}

/// Erases as many of the first of these executions as go together, all or none of them; counts them for the request of
/// this number. Tells how many went.
pub(super) fn erase(
    connection: &Connection,
    project: ProjectId,
    executions: &[TraceId],
    request: Option<i64>,
) -> Result<(usize, Erased), Error> {
    let together = together(connection, project, executions)?;
    let executions: BTreeSet<_> = executions[..together].iter().copied().collect();
    let transaction = connection.writing()?;
    let written = next_forgetting_version(&transaction)?;
    let removal = Removal::of(&transaction, project, &executions);
    let gone = removal.rows()?;
    removal.delete("reread", None, |_| Ok(()))?;
    let joins = Joins { connection: &transaction, project };
    let taken = joins.taken_from_others(&executions, gone.offered())?;
    let mut elsewhere = removal.part(&gone)?;
    elsewhere.extend(taken.iter().map(|log| Touched { project, trace_id: log.home.0 }));
    let mut erased = Erased { executions: gone.executions.len() as u64, ..Erased::default() };
    let days = gone.records.iter().map(|(day, _)| *day).chain(logs(&transaction, project, &taken)?);
    for day in days {
        erased.records += 1;
        erased.days.insert(day);
    }
    processes(&transaction, project, gone.processes)?;
    let elsewhere: BTreeSet<_> = elsewhere.into_iter().collect();
    let left = elsewhere.into_iter().filter(|one| !executions.contains(&one.trace_id));
    leave_behind(&transaction, &left.collect::<Vec<_>>(), written)?;
    remember(&transaction, project, written, &erased)?;
    if let Some(id) = request {
        count(&transaction, id, &erased)?;
    }
    transaction.commit()?;
    Ok((together, erased))
}

/// Erases log records that came elsewhere; tells the day of each.
fn logs(connection: &Connection, project: ProjectId, logs: &[Naming]) -> Result<Vec<u32>, Error> {
    let delete = Delete { table: "log", by: &BY_LOG, told: Some("day") };
    let mut days = Vec::new();
    connection.delete(&delete, &logs.iter().map(|log| log_key(project, log)).collect::<Vec<_>>(), |row| {
        days.push(row.get(0)?);
        Ok(())
    })?;
    let by = [
        ("project", Kind::Integer),
        ("trace_id", Kind::Bytes),
        ("span_id", Kind::Bytes),
        ("source", Kind::Bytes),
    ];
    let key = |log: &Naming| {
        let (span_id, source) = (log.home.1.as_bytes().to_vec(), log.source.clone());
        [key_of(Touched { project, trace_id: log.home.0 }), vec![span_id.into(), source.into()]].concat()
    };
    let delete = Delete { table: "summary", by: &by, told: None };
    connection.delete(&delete, &logs.iter().map(key).collect::<Vec<_>>(), |_| Ok(()))?;
    Ok(days)
}

const RUN_BY: Find<'_> = Find {
    told: "1",
    table: "summary",
    by: &[("project", Kind::Integer), ("process", Kind::Bytes)],
    but: "LIMIT 1",
};

/// Forgets processes that ran nothing else.
fn processes(connection: &Connection, project: ProjectId, processes: BTreeSet<Vec<u8>>) -> Result<(), Error> {
    let row = |process: Vec<u8>| vec![project.0.into(), process.into()];
    let mut left: Vec<Vec<Value>> = processes.into_iter().map(row).collect();
    let mut is_needed = vec![false; left.len()];
    connection.find(&RUN_BY, &left, |at, _| {
        is_needed[at] = true;
        Ok(())
    })?;
    let mut is_needed = is_needed.into_iter();
    left.retain(|_| !is_needed.next().unwrap_or(true));
    connection.delete(&Delete { table: "process", by: &PROCESS, told: None }, &left, |_| Ok(()))
}

/// Erases whatever is there of a project, and its keys with it: what came in after its executions were listed is not
/// left behind unreadable.
pub(super) fn erase_project(
    connection: &Connection,
    vault: &Vault,
    project: ProjectId,
    request: Option<i64>,
) -> Result<Erased, Error> {
    let transaction = connection.writing()?;
    let written = next_forgetting_version(&transaction)?;
    let mut erased = Erased::default();
    let late = "SELECT count(DISTINCT trace_id) FROM summary WHERE project = ?1";
    erased.executions = transaction.one(late, params![project.0], number)?;
    for table in BY_TRACE.iter().chain(BY_PROJECT) {
        let gone =
            transaction.execute(&format!("DELETE FROM {table} WHERE project = ?1"), params![project.0])?;
        erased.records += if ["span", "log"].contains(table) { gone as u64 } else { 0 };
    }
    remember(&transaction, project, written, &Erased::default())?;
    if let Some(id) = request {
        count(&transaction, id, &erased)?;
    }
    vault.drop_project(project)?;
    transaction.commit()?;
    Ok(erased)
}

/// What a project's erasures leave to be done, and what keeps out what was computed before.
fn remember(
    transaction: &Transaction<'_>,
    project: ProjectId,
    written: i64,
    erased: &Erased,
) -> Result<(), Error> {
    let sql = "INSERT INTO erased (project, version) VALUES (?1, ?2)
        ON CONFLICT (project) DO UPDATE SET version = excluded.version";
    transaction.execute(sql, params![project.0, written])?;
    for day in &erased.days {
        let sql = "INSERT INTO erased_day (project, day, version) VALUES (?1, ?2, ?3)
            ON CONFLICT (project, day) DO UPDATE SET version = excluded.version";
        transaction.execute(sql, params![project.0, day, written])?;
    }
    Ok(())
}

fn count(transaction: &Transaction<'_>, request: i64, erased: &Erased) -> Result<(), Error> {
    let sql =
        "UPDATE erasure SET executions = coalesce(executions, 0) + ?2, records = coalesce(records, 0) + ?3
        WHERE id = ?1";
    let values = params![request, rows::integer(erased.executions), rows::integer(erased.records)];
    transaction.execute(sql, values)?;
    Ok(())
}

/// Executions that lost log records, or take others now. Where one lost all of them nothing is left of it; else it is to
/// be computed anew, and its words to be read anew: from a version before all, which was never given, so that what is being
/// read of before is not put in.
fn leave_behind(transaction: &Transaction<'_>, left: &[Touched], written: i64) -> Result<(), Error> {
    let keys: Vec<_> = left.iter().copied().map(key_of).collect();
    let delete = |table, keys: &[Vec<Value>]| {
        transaction.delete(&Delete { table, by: &BY_EXECUTION, told: None }, keys, |_| Ok(()))
    };
    ["words", "unindexed"].iter().try_for_each(|table| delete(table, &keys))?;
    let mut is_left = vec![false; left.len()];
    transaction.find(&ANY_SUMMARY, &keys, |at, _| {
        is_left[at] = true;
        Ok(())
    })?;
    let (left, nothing): (Vec<_>, Vec<_>) =
        left.iter().copied().zip(is_left).partition(|(_, is_left)| *is_left);
    let nothing: Vec<_> = nothing.into_iter().map(|(one, _)| key_of(one)).collect();
    ["execution", "stale"].iter().try_for_each(|table| delete(table, &nothing))?;
    let left: Vec<_> = left.into_iter().map(|(one, _)| one).collect();
    index::wait(transaction, &left, -written, written)?;
    mark_stale(transaction, &left, written)
}

/// The days whose content is to be written anew.
pub(super) fn erased_days(connection: &Connection) -> Result<Vec<ErasedDay>, Error> {
    connection.all("SELECT project, day, version FROM erased_day", params![], |row| {
        Ok(ErasedDay { project: ProjectId(row.get(0)?), day: row.get(1)?, version: row.get(2)? })
    })
}

/// The content of a day was written anew. What was erased of it meanwhile may have been copied before.
pub(super) fn forget_erased_day(connection: &Connection, erased: &ErasedDay) -> Result<(), Error> {
    let sql = "DELETE FROM erased_day WHERE project = ?1 AND day = ?2 AND version <= ?3";
    connection.execute(sql, params![erased.project.0, erased.day, erased.version])?;
    Ok(())
}

fn traces(connection: &Connection, sql: &str, values: Values<'_>) -> Result<BTreeSet<TraceId>, Error> {
    Ok(connection.all(sql, values, trace_of)?.into_iter().collect())
}

fn trace_of(row: Row<'_>) -> Result<TraceId, Error> {
    rows::trace_id(row.blob(0)?)
}

fn number(row: Row<'_>) -> Result<u64, Error> {
    number_at(row, 0)
}

fn number_at(row: Row<'_>, at: usize) -> Result<u64, Error> {
    row.get::<i64>(at).map(i64::unsigned_abs)
}
