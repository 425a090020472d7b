//! What is erased: every row of it, here and at the other end of its joins. The content of a row goes with the key of
//! its day, so each day that was touched is remembered until it is written anew under another one.

use std::collections::BTreeSet;

use super::connection::{Connection, Row, Transaction, Values};
use rusqlite::params;
use treering_step::{JoinKey, SpanId, TraceId};

use super::append::Put;
use super::executions::mark_stale;
use super::joins::{Joins, Naming};
use super::rows;
use super::versions::next_forgetting_version;
use crate::{Erased, ErasedDay, Error, ProjectId, Target, Touched, Vault};

/// What tells of an execution by its trace id, of every project.
const BY_TRACE: &[&str] =
    &["span", "log", "summary", "span_join", "execution", "stale", "words", "unindexed"];
/// What else tells of a project.
const BY_PROJECT: &[&str] = &["piece", "block", "rewriting", "process", "reread", "erased_day"];

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
    let joins = Joins { connection, project };
    for (home, keys) in connection.all(&sql, params![project.0, name], joined)? {
        for key in keys {
            found.extend(joins.taker(key, home)?.map(|(trace_id, _)| trace_id));
        }
    }
    Ok(found)
}

fn joined(row: Row<'_>) -> Result<(TraceId, Vec<JoinKey>), Error> {
    Ok((trace_of(row)?, rows::parse_joins(Some(row.blob(1)?))?))
}

/// What erasing a target would take.
pub(super) fn extent(connection: &Connection, project: ProjectId, target: &Target) -> Result<Erased, Error> {
    let moment = connection.moment()?;
    let joins = Joins { connection: &moment, project };
    let mut extent = Erased::default();
    let all: BTreeSet<_> = matching(&moment, project, target)?.into_iter().collect();
    for trace_id in all.iter().copied() {
        let of = Of { connection: &moment, project, trace_id };
        let (records, days) = of.records()?;
        extent.add(Erased { executions: u64::from(of.is_there(records)?), records, days });
        // Those that came with another one of them are counted there.
        let taken = joins.taken_from_elsewhere(trace_id)?;
        for log in taken.iter().filter(|log| !all.contains(&log.home.0)) {
            let (records, days) = of.records_of_log(log)?;
            extent.add(Erased { executions: 0, records, days });
        }
    }
    Ok(extent)
}

/// Erases these executions, all or none of them; counts them for the request of this number.
pub(super) fn erase(
    connection: &Connection,
    project: ProjectId,
    executions: &[TraceId],
    request: Option<i64>,
) -> Result<Erased, Error> {
    let transaction = connection.writing()?;
    let written = next_forgetting_version(&transaction)?;
    let put = Put { connection: &transaction, project, written, elsewhere: Vec::new() };
    let mut erasing = Erasing { put, erased: Erased::default() };
    for trace_id in executions {
        erasing.execution(*trace_id)?;
    }
    let Erasing { put: Put { mut elsewhere, .. }, erased } = erasing;
    elsewhere.sort_unstable();
    elsewhere.dedup();
    elsewhere.retain(|touched| !executions.contains(&touched.trace_id));
    for left in &elsewhere {
        leave_behind(&transaction, *left, written)?;
    }
    remember(&transaction, project, written, &erased)?;
    if let Some(id) = request {
        count(&transaction, id, &erased)?;
    }
    transaction.commit()?;
    Ok(erased)
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

/// An execution that lost log records, or takes others now. Where it lost all of them nothing is left of it; else it is
/// to be computed anew, and its words to be read anew: from a version before all, which was never given, so that what is
/// being read of before is not put in.
fn leave_behind(transaction: &Transaction<'_>, left: Touched, written: i64) -> Result<(), Error> {
    let Touched { project, trace_id } = left;
    let of = Of { connection: transaction, project, trace_id };
    of.delete(&["words", "unindexed"])?;
    if of.has_summaries()? {
        let sql =
            "INSERT INTO unindexed (project, trace_id, version, newest, since) VALUES (?1, ?2, -?4, ?4, ?3)";
        let since = rows::time(Some(treering_step::Timestamp::now()));
        transaction.execute(sql, params![project.0, trace_id.as_bytes(), since, written])?;
        return mark_stale(transaction, &[left], written);
    }
    of.delete(&["execution", "stale"])
}

struct Erasing<'a> {
    put: Put<'a>,
    erased: Erased,
}

impl Erasing<'_> {
    fn execution(&mut self, trace_id: TraceId) -> Result<(), Error> {
        let of = Of { connection: self.put.connection, project: self.put.project, trace_id };
        let (records, mut days) = of.records()?;
        let mut erased =
            Erased { executions: u64::from(of.is_there(records)?), records, ..Erased::default() };
        let joins = Joins { connection: of.connection, project: of.project };
        for log in joins.taken_from_elsewhere(trace_id)? {
            let (more, on) = of.records_of_log(&log)?;
            erased.records += more;
            days.extend(on);
            self.log_from_elsewhere(&log)?;
        }
        erased.days = days;
        // Whoever took log records of this one, or takes now what a span of this one took, has news.
        for key in of.named()? {
            self.put.named(trace_id, Some(&key))?;
        }
        for (span_id, keys) in of.offered()? {
            self.put.offer(trace_id, span_id, &keys, &[])?;
        }
        let processes = of.processes()?;
        of.delete(BY_TRACE)?;
        of.delete(&["reread"])?;
        for process in processes {
            self.process(&process)?;
        }
        self.erased.add(erased);
        Ok(())
    }

    fn log_from_elsewhere(&mut self, log: &Naming) -> Result<(), Error> {
        let (home, span_id) = log.home;
        let sql = "DELETE FROM log WHERE project = ?1 AND trace_id = ?2 AND hash = ?3";
        self.put.execute(sql, params![self.put.project.0, home.as_bytes(), rows::hash_of(&log.source)])?;
        let sql = "DELETE FROM summary WHERE project = ?1 AND trace_id = ?2 AND span_id = ?3 AND source = ?4";
        let key = params![self.put.project.0, home.as_bytes(), span_id.as_bytes(), log.source];
        self.put.execute(sql, key)?;
        self.put.elsewhere.push(Touched { project: self.put.project, trace_id: home });
        Ok(())
    }

    /// Forgets a process that ran nothing else.
    fn process(&self, process: &[u8]) -> Result<(), Error> {
        let sql = "DELETE FROM process WHERE project = ?1 AND id = ?2
            AND NOT EXISTS (SELECT 1 FROM summary WHERE project = ?1 AND process = ?2)";
        self.put.execute(sql, params![self.put.project.0, process])?;
        Ok(())
    }
}

/// One execution.
struct Of<'a> {
    connection: &'a Connection,
    project: ProjectId,
    trace_id: TraceId,
}

impl Of<'_> {
    /// How many records came with it, and on which days.
    fn records(&self) -> Result<(u64, BTreeSet<u32>), Error> {
        let sql = "SELECT day, count(*) FROM span WHERE project = ?1 AND trace_id = ?2 GROUP BY day
            UNION ALL SELECT day, count(*) FROM log WHERE project = ?1 AND trace_id = ?2 GROUP BY day";
        self.counted(sql, params![self.project.0, self.trace_id.as_bytes()])
    }

    /// The same of a log record that came elsewhere.
    fn records_of_log(&self, log: &Naming) -> Result<(u64, BTreeSet<u32>), Error> {
        let sql =
            "SELECT day, count(*) FROM log WHERE project = ?1 AND trace_id = ?2 AND hash = ?3 GROUP BY day";
        self.counted(sql, params![self.project.0, log.home.0.as_bytes(), rows::hash_of(&log.source)])
    }

    fn counted(&self, sql: &str, values: Values<'_>) -> Result<(u64, BTreeSet<u32>), Error> {
        let days = self.connection.all(sql, values, |row| Ok((number_at(row, 1)?, row.get(0)?)))?;
        Ok((days.iter().map(|(count, _)| count).sum(), days.into_iter().map(|(_, day)| day).collect()))
    }

    /// True where there is anything to erase of it.
    fn is_there(&self, records: u64) -> Result<bool, Error> {
        if records > 0 || self.has_summaries()? {
            return Ok(true);
        }
        let sql = "SELECT EXISTS (SELECT 1 FROM execution WHERE project = ?1 AND trace_id = ?2)";
        self.asked(sql)
    }

    fn has_summaries(&self) -> Result<bool, Error> {
        self.asked("SELECT EXISTS (SELECT 1 FROM summary WHERE project = ?1 AND trace_id = ?2)")
    }

    fn asked(&self, sql: &str) -> Result<bool, Error> {
        let key = params![self.project.0, self.trace_id.as_bytes()];
        self.connection.one(sql, key, |row| row.get(0))
    }

    /// The ids by which its log records name spans.
    fn named(&self) -> Result<BTreeSet<JoinKey>, Error> {
        let sql = "SELECT trace_id, joins FROM summary
            WHERE project = ?1 AND trace_id = ?2 AND joins IS NOT NULL AND source <> x''";
        let named = self.connection.all(sql, params![self.project.0, self.trace_id.as_bytes()], joined)?;
        Ok(named.into_iter().flat_map(|(_, keys)| keys).collect())
    }

    /// The ids that each of its spans offers.
    fn offered(&self) -> Result<Vec<(SpanId, Vec<JoinKey>)>, Error> {
        let sql = "SELECT span_id, joins FROM summary
            WHERE project = ?1 AND trace_id = ?2 AND joins IS NOT NULL AND source = x''";
        self.connection.all(sql, params![self.project.0, self.trace_id.as_bytes()], |row| {
            let span_id = rows::span_id(row.blob(0)?)?;
            Ok((span_id, rows::parse_joins(Some(row.blob(1)?))?))
        })
    }

    /// The processes that run its steps.
    fn processes(&self) -> Result<Vec<Vec<u8>>, Error> {
        let sql = "SELECT DISTINCT process FROM summary
            WHERE project = ?1 AND trace_id = ?2 AND process IS NOT NULL";
        self.connection.all(sql, params![self.project.0, self.trace_id.as_bytes()], |row| row.get(0))
    }

    fn delete(&self, tables: &[&str]) -> Result<(), Error> {
        for table in tables {
            let sql = format!("DELETE FROM {table} WHERE project = ?1 AND trace_id = ?2");
            let key = params![self.project.0, self.trace_id.as_bytes()];
            self.connection.execute(&sql, key)?;
        }
        Ok(())
    }
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
