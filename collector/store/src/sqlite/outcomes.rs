//! How often which outcome happened.

use rusqlite::{Connection, TransactionBehavior, params};

use super::rows::integer;
use crate::{Error, OutcomeCount, ProjectId, Scope};

/// Stands for "no project": refused before it was known.
const NONE: i64 = 0;

pub(super) fn count(
    connection: &mut Connection,
    collector: &str,
    minute: u64,
    counts: &[OutcomeCount],
) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for outcome in counts {
        let sql = "INSERT INTO outcome (collector, minute, project, name, count) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT DO UPDATE SET count = count + excluded.count";
        transaction.prepare_cached(sql)?.execute(params![
            collector,
            integer(minute),
            outcome.project.map_or(NONE, |project| project.0),
            outcome.name,
            integer(outcome.count),
        ])?;
    }
    transaction.commit()?;
    Ok(())
}

pub(super) fn outcomes(connection: &Connection, scope: Scope) -> Result<Vec<OutcomeCount>, Error> {
    let sql = "SELECT project, name, sum(count) FROM outcome WHERE project IN (?1, ?2)
        GROUP BY project, name ORDER BY project DESC, name";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(params![scope.project().0, NONE], |row| {
        let project = Some(row.get(0)?).filter(|project| *project != NONE).map(ProjectId);
        Ok(OutcomeCount { project, name: row.get(1)?, count: row.get::<_, i64>(2)?.unsigned_abs() })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}
