//! How often which outcome happened.

use rusqlite::{Connection, TransactionBehavior, params};

use super::rows::integer;
use crate::{Error, OutcomeCount};

pub(super) fn count(
    connection: &mut Connection,
    collector: &str,
    minute: u64,
    counts: &[OutcomeCount],
) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for outcome in counts {
        let sql = "INSERT INTO outcome (collector, minute, project, name, count) VALUES (?1, ?2, 0, ?3, ?4)
            ON CONFLICT DO UPDATE SET count = count + excluded.count";
        transaction.prepare_cached(sql)?.execute(params![
            collector,
            integer(minute),
            outcome.name,
            integer(outcome.count),
        ])?;
    }
    transaction.commit()?;
    Ok(())
}

pub(super) fn outcomes(connection: &Connection) -> Result<Vec<OutcomeCount>, Error> {
    let mut statement =
        connection.prepare_cached("SELECT name, sum(count) FROM outcome GROUP BY name ORDER BY name")?;
    let found = statement.query_map([], |row| {
        Ok(OutcomeCount { name: row.get(0)?, count: row.get::<_, i64>(1)?.unsigned_abs() })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}
