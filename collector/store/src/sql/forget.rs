//! What is older than a project keeps it.

use super::connection::{Connection, Row};
use rusqlite::params;
use treering_step::{JoinKey, SpanId, TraceId};

use super::append::Put;
use super::executions::mark_stale;
use super::rows;
use super::versions::next_forgetting_version;
use crate::{Error, Forgotten, ProjectId};

/// Executions of one transaction.
const EXECUTIONS: i64 = 64;
/// Every table that tells of an execution.
const TABLES: [&str; 8] = ["span", "log", "summary", "span_join", "execution", "stale", "words", "unindexed"];

/// Those whose last record came before the day.
const OLD: &str = "FROM (SELECT trace_id FROM span WHERE project = ?1 AND day < ?2
        UNION SELECT trace_id FROM log WHERE project = ?1 AND day < ?2) AS old
    WHERE NOT EXISTS (SELECT 1 FROM span WHERE project = ?1 AND trace_id = old.trace_id AND day >= ?2)
      AND NOT EXISTS (SELECT 1 FROM log WHERE project = ?1 AND trace_id = old.trace_id AND day >= ?2)";

/// The days before this one of which there is content.
pub(super) fn days(connection: &Connection, project: ProjectId, before: u32) -> Result<Vec<u32>, Error> {
    let sql = "SELECT DISTINCT day FROM block WHERE project = ?1 AND day < ?2 ORDER BY day";
    connection.all(sql, params![project.0, before], |row| row.get(0))
}

/// What forgetting would take.
pub(super) fn extent(
    connection: &Connection,
    project: ProjectId,
    content_before: u32,
    steps_before: u32,
) -> Result<Forgotten, Error> {
    let moment = connection.moment()?;
    let mut extent = Forgotten::default();
    let sql = format!("SELECT count(*) {OLD}");
    extent.executions = moment.one(&sql, params![project.0, steps_before], count)?;
    let sql = "SELECT count(*), coalesce(sum(length(sealed)), 0) FROM block WHERE project = ?1 AND day < ?2";
    (extent.blocks, extent.bytes) =
        moment.one(sql, params![project.0, content_before], |row| Ok((count(row)?, count_at(row, 1)?)))?;
    for day in days(&moment, project, content_before)? {
        for table in ["span", "log"] {
            let sql = format!("SELECT count(*) FROM {table} WHERE project = ?1 AND day = ?2 AND block >= 0");
            extent.records += moment.one(&sql, params![project.0, day], count)?;
        }
    }
    Ok(extent)
}

fn count(row: Row<'_>) -> Result<u64, Error> {
    count_at(row, 0)
}

fn count_at(row: Row<'_>, at: usize) -> Result<u64, Error> {
    row.get::<i64>(at).map(i64::unsigned_abs)
}

/// Forgets a few executions whose last record came before this day; none where nothing is left to forget.
pub(super) fn executions(
    connection: &Connection,
    project: ProjectId,
    before: u32,
) -> Result<Forgotten, Error> {
    let transaction = connection.writing()?;
    let written = next_forgetting_version(&transaction)?;
    let old: Vec<Vec<u8>> = {
        let sql = format!("SELECT trace_id {OLD} LIMIT ?3");
        transaction.all(&sql, params![project.0, before, EXECUTIONS], |row| row.get(0))?
    };
    let mut put = Put { connection: &transaction, project, written, elsewhere: Vec::new() };
    let mut forgotten = Forgotten::default();
    for trace_id in &old {
        forgotten.executions += 1;
        forgotten.records += execution(&mut put, rows::trace_id(trace_id)?)?;
    }
    let mut elsewhere = put.elsewhere;
    elsewhere.sort_unstable();
    elsewhere.dedup();
    elsewhere.retain(|one| !old.iter().any(|old| old[..] == one.trace_id.as_bytes()[..]));
    mark_stale(&transaction, &elsewhere, written)?;
    transaction.commit()?;
    Ok(forgotten)
}

/// Forgets an execution, and tells how many records it had with content.
fn execution(put: &mut Put<'_>, trace_id: TraceId) -> Result<u64, Error> {
    for (span_id, source, joins) in joined(put, trace_id)? {
        if source.is_empty() {
            put.offer(trace_id, span_id, &joins, &[])?;
        } else {
            put.named(trace_id, joins.first())?;
        }
    }
    let mut records = 0;
    for table in ["span", "log"] {
        let sql = format!(
            "SELECT count(*) FROM {table} WHERE project = ?1 AND trace_id = ?2 AND block IS NOT NULL"
        );
        records += put.connection.one(&sql, params![put.project.0, trace_id.as_bytes()], count)?;
    }
    for table in TABLES {
        let sql = format!("DELETE FROM {table} WHERE project = ?1 AND trace_id = ?2");
        put.execute(&sql, params![put.project.0, trace_id.as_bytes()])?;
    }
    Ok(records)
}

/// A step, the source of what is said of it, and its ids.
type Joined = (SpanId, Vec<u8>, Vec<JoinKey>);

/// The summaries of an execution that have to do with others.
fn joined(put: &Put<'_>, trace_id: TraceId) -> Result<Vec<Joined>, Error> {
    let sql = "SELECT span_id, source, joins FROM summary
        WHERE project = ?1 AND trace_id = ?2 AND joins IS NOT NULL";
    let mut statement = put.connection.prepare(sql)?;
    let mut found = statement.query(params![put.project.0, trace_id.as_bytes()])?;
    let mut joined = Vec::new();
    while let Some(row) = found.next()? {
        let span_id = rows::span_id(row.blob(0)?)?;
        joined.push((span_id, row.get(1)?, rows::parse_joins(Some(row.blob(2)?))?));
    }
    Ok(joined)
}

/// True where no content of a day before this one is left.
pub(super) fn is_clear(connection: &Connection, project: ProjectId, before: u32) -> Result<bool, Error> {
    Ok(days(connection, project, before)?.is_empty())
}
