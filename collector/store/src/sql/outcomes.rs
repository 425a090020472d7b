//! How often which outcome happened.

use super::connection::Connection;
use rusqlite::params;
use rusqlite::types::Value;

use super::rows::integer;
use crate::{Error, OutcomeCount, ProjectId, Scope};

/// Stands for "no project": refused before it was known.
const NONE: i64 = 0;

pub(crate) fn count(
    connection: &Connection,
    collector: &str,
    minute: u64,
    counts: &[OutcomeCount],
) -> Result<(), Error> {
    let sql = "INSERT INTO outcome (collector, minute, project, name, count) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (collector, minute, project, name) DO UPDATE SET count = outcome.count + excluded.count";
    let row = |outcome: &OutcomeCount| {
        vec![
            Value::Text(collector.to_owned()),
            Value::Integer(integer(minute)),
            Value::Integer(outcome.project.map_or(NONE, |project| project.0)),
            Value::Text(outcome.name.clone()),
            Value::Integer(integer(outcome.count)),
        ]
    };
    let transaction = connection.writing_soon()?;
    transaction.many(sql, &counts.iter().map(row).collect::<Vec<_>>())?;
    transaction.commit()
}

pub(super) fn outcomes(connection: &Connection, scope: Scope) -> Result<Vec<OutcomeCount>, Error> {
    let sql = "SELECT project, name, CAST(sum(count) AS bigint) FROM outcome WHERE project IN (?1, ?2)
        GROUP BY project, name ORDER BY project DESC, name";
    connection.all(sql, params![scope.project().0, NONE], |row| {
        let project = Some(row.get(0)?).filter(|project| *project != NONE).map(ProjectId);
        Ok(OutcomeCount { project, name: row.get(1)?, count: row.get::<i64>(2)?.unsigned_abs() })
    })
}
