//! How often which outcome happened.

use std::collections::{BTreeMap, BTreeSet};

use super::connection::{Conflict, Connection, Delete, Find, Insert, Kind};
use rusqlite::params;
use rusqlite::types::Value;
use treering_step::Timestamp;

use super::rows::integer;
use crate::{Error, OutcomeCount, ProjectId, Scope};

/// Stands for "no project": refused before it was known.
const NONE: i64 = 0;
/// Stands for all minutes of days that are over.
const OVER: i64 = -1;
/// Stands for every collector, of which there may have been many.
const ALL: &str = "";
const MINUTES_A_DAY: u64 = 24 * 60;

const COUNTS: Insert = Insert {
    table: "outcome",
    columns: &[
        ("collector", Kind::Text),
        ("minute", Kind::Integer),
        ("project", Kind::Integer),
        ("name", Kind::Text),
        ("count", Kind::Integer),
    ],
    conflict: Conflict::Changes("collector, minute, project, name", "count = outcome.count + excluded.count"),
    told: None,
};

/// The counts of a project and its outcomes.
type Sums = BTreeMap<(i64, String), i64>;

pub(crate) fn count(
    connection: &Connection,
    collector: &str,
    minute: u64,
    counts: &[OutcomeCount],
) -> Result<(), Error> {
    let mut sums = Sums::new();
    for outcome in counts {
        let project = outcome.project.map_or(NONE, |project| project.0);
        *sums.entry((project, outcome.name.clone())).or_default() += integer(outcome.count);
    }
    let transaction = connection.writing_soon()?;
    let projects: BTreeSet<_> = sums.keys().map(|(project, _)| *project).collect();
    // So that whoever sums them up has little to do, and does so seldom itself.
    let new = first_of_the_day(&transaction, collector, minute, projects)?;
    if !new.is_empty() {
        // Two that add up the same past at once would each wait for the other.
        transaction.lock()?;
    }
    add(&transaction, collector, integer(minute), sums)?;
    if !new.is_empty() {
        transaction.taking_away(|| fold(&transaction, &new, minute))?;
    }
    transaction.commit()
}

fn add(connection: &Connection, collector: &str, minute: i64, sums: Sums) -> Result<(), Error> {
    let row = |((project, name), count): ((i64, String), i64)| {
        let collector = Value::Text(collector.to_owned());
        vec![collector, minute.into(), project.into(), name.into(), count.into()]
    };
    connection.put(&COUNTS, &sums.into_iter().map(row).collect::<Vec<_>>(), |_| Ok(()))
}

/// Those of these projects for which the collector counted nothing yet on the day of this minute.
fn first_of_the_day(
    connection: &Connection,
    collector: &str,
    minute: u64,
    mut projects: BTreeSet<i64>,
) -> Result<Vec<i64>, Error> {
    const TODAY: Find<'_> = Find {
        told: "1",
        table: "outcome",
        by: &[("project", Kind::Integer), ("collector", Kind::Text), ("minute >=", Kind::Integer)],
        but: "LIMIT 1",
    };
    let midnight = integer(minute - minute % MINUTES_A_DAY);
    let all: Vec<_> = projects.iter().copied().collect();
    let key = |project: &i64| vec![(*project).into(), Value::Text(collector.to_owned()), midnight.into()];
    connection.find(&TODAY, &all.iter().map(key).collect::<Vec<_>>(), |at, _| {
        projects.remove(&all[at]);
        Ok(())
    })?;
    Ok(projects.into_iter().collect())
}

/// Adds up what was counted for these projects before yesterday: a clock may be a little late.
fn fold(connection: &Connection, projects: &[i64], minute: u64) -> Result<(), Error> {
    const PAST: Delete<'_> = Delete {
        table: "outcome",
        by: &[("project", Kind::Integer), ("minute >", Kind::Integer), ("minute <", Kind::Integer)],
        told: Some("project, name, count"),
    };
    let yesterday = integer((minute / MINUTES_A_DAY).saturating_sub(1) * MINUTES_A_DAY);
    let key = |project: &i64| vec![(*project).into(), OVER.into(), yesterday.into()];
    let mut sums = Sums::new();
    connection.delete(&PAST, &projects.iter().map(key).collect::<Vec<_>>(), |row| {
        *sums.entry((row.get(0)?, row.get(1)?)).or_default() += row.get::<i64>(2)?;
        Ok(())
    })?;
    add(connection, ALL, OVER, sums)
}

/// How often this outcome happened to a project, to all collectors, since this day of UTC began.
pub(super) fn of_the_day(
    connection: &Connection,
    project: ProjectId,
    name: &str,
    now: Timestamp,
) -> Result<u64, Error> {
    let minute = now.as_nanos() / 60_000_000_000;
    let sql = "SELECT coalesce(CAST(sum(count) AS bigint), 0) FROM outcome
        WHERE project = ?1 AND name = ?2 AND minute >= ?3";
    let values = params![project.0, name, integer(minute - minute % MINUTES_A_DAY)];
    Ok(connection.one(sql, values, |row| row.get::<i64>(0))?.unsigned_abs())
}

pub(super) fn outcomes(connection: &Connection, scope: Scope) -> Result<Vec<OutcomeCount>, Error> {
    let sql = "SELECT project, name, CAST(sum(count) AS bigint) FROM outcome WHERE project IN (?1, ?2)
        GROUP BY project, name ORDER BY project DESC, name";
    connection.all(sql, params![scope.project().0, NONE], |row| {
        let project = Some(row.get(0)?).filter(|project| *project != NONE).map(ProjectId);
        Ok(OutcomeCount { project, name: row.get(1)?, count: row.get::<i64>(2)?.unsigned_abs() })
    })
}
