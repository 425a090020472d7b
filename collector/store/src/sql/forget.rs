//! What is older than a project keeps it.

use std::collections::BTreeSet;

use super::connection::{Connection, Find, Kind, Row};
use rusqlite::params;
use treering_step::TraceId;

use super::executions::mark_stale;
use super::removal::{Removal, keys, together};
use super::rows;
use super::versions::next_forgetting_version;
use crate::{Error, Forgotten, ProjectId};

/// Executions that are looked for at a time.
const FOUND_AT_ONCE: usize = 100_000;

/// Those whose last record came before the day.
const OLD: &str = "FROM (SELECT trace_id FROM span WHERE project = ?1 AND day < ?2
        UNION SELECT trace_id FROM log WHERE project = ?1 AND day < ?2) AS old
    WHERE NOT EXISTS (SELECT 1 FROM span WHERE project = ?1 AND trace_id = old.trace_id AND +day >= ?2)
      AND NOT EXISTS (SELECT 1 FROM log WHERE project = ?1 AND trace_id = old.trace_id AND +day >= ?2)";

/// The same for a store that keeps steps apart, some of which cannot ask of each row whether there is another one.
const OLD_APART: &str = "FROM (SELECT trace_id FROM (
        SELECT trace_id, day FROM span WHERE project = ?1 UNION ALL SELECT trace_id, day FROM log WHERE project = ?1
    ) AS came GROUP BY trace_id HAVING max(day) < ?2) AS old";

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
    let old = if connection.keeps_steps_apart() { OLD_APART } else { OLD };
    let sql = format!("SELECT count(*) {old}");
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

/// How far the search for old executions is: the day, and the last one that was found of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Searched {
    day: u32,
    last: Vec<u8>,
}

/// The next executions with records of before this day, those that go on later among them, and how far that is; `None`
/// where there are no more. Each day is looked at once.
pub(super) fn search(
    connection: &Connection,
    project: ProjectId,
    before: u32,
    from: Searched,
) -> Result<Option<(Vec<TraceId>, Searched)>, Error> {
    let sql = "SELECT min(first) FROM (SELECT min(day) AS first FROM span WHERE project = ?1 AND day >= ?2
        UNION ALL SELECT min(day) FROM log WHERE project = ?1 AND day >= ?2) AS days";
    let day: Option<u32> = connection.one(sql, params![project.0, from.day], |row| row.get(0))?;
    let Some(day) = day.filter(|day| *day < before) else { return Ok(None) };
    let last = if day == from.day { from.last } else { Vec::new() };
    // By day: of a comparison that SQLite can use, it would rather go through all executions.
    let sql = "SELECT DISTINCT trace_id FROM (SELECT trace_id FROM span WHERE project = ?1 AND day = ?2
            UNION ALL SELECT trace_id FROM log WHERE project = ?1 AND day = ?2) AS came
        WHERE NOT (trace_id <= ?3) ORDER BY trace_id LIMIT ?4";
    let limit = i64::try_from(FOUND_AT_ONCE).unwrap_or(i64::MAX);
    let found: Vec<_> =
        connection.all(sql, params![project.0, day, last, limit], |row| rows::trace_id(row.blob(0)?))?;
    let searched = match found.last() {
        Some(last) if found.len() == FOUND_AT_ONCE => Searched { day, last: last.as_bytes().to_vec() },
        _ => Searched { day: day + 1, last: Vec::new() },
    };
    Ok(Some((found, searched)))
}

/// Forgets as many of the first of these executions as go together, but those that have later records than of before
/// this day. Tells how many were looked at.
pub(super) fn executions(
    connection: &Connection,
    project: ProjectId,
    before: u32,
    found: &[TraceId],
) -> Result<(usize, Forgotten), Error> {
    let some = &found[..together(connection, project, found)?];
    let old = old(connection, project, before, some)?;
    if old.is_empty() {
        return Ok((some.len(), Forgotten::default()));
    }
    let transaction = connection.writing()?;
    let written = next_forgetting_version(&transaction)?;
    // More may have come in meanwhile.
    let old = self::old(&transaction, project, before, &old)?.into_iter().collect();
    let removal = Removal::of(&transaction, project, &old);
    let gone = removal.rows()?;
    let mut elsewhere = removal.part(&gone)?;
    elsewhere.retain(|one| !old.contains(&one.trace_id));
    mark_stale(&transaction, &elsewhere, written)?;
    transaction.commit()?;
    let records = gone.records.iter().filter(|(_, has_content)| *has_content).count() as u64;
    let forgotten = Forgotten { executions: old.len() as u64, records, ..Forgotten::default() };
    Ok((some.len(), forgotten))
}

/// Those of these executions that have no records of this day or later.
fn old(
    connection: &Connection,
    project: ProjectId,
    before: u32,
    executions: &[TraceId],
) -> Result<Vec<TraceId>, Error> {
    let mut go_on = BTreeSet::new();
    let keys: Vec<_> =
        keys(project, executions).into_iter().map(|key| [key, vec![before.into()]].concat()).collect();
    for table in ["span", "log"] {
        // With the sign, SQLite does not look through all executions of these days for this one.
        let by = [("project", Kind::Integer), ("trace_id", Kind::Bytes), ("+day >=", Kind::Integer)];
        let later = Find { told: "1", table, by: &by, but: "LIMIT 1" };
        connection.find(&later, &keys, |at, _| {
            go_on.insert(executions[at]);
            Ok(())
        })?;
    }
    Ok(executions.iter().copied().filter(|trace_id| !go_on.contains(trace_id)).collect())
}

/// True where no content of a day before this one is left.
pub(super) fn is_clear(connection: &Connection, project: ProjectId, before: u32) -> Result<bool, Error> {
    Ok(days(connection, project, before)?.is_empty())
}
