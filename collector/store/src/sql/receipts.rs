//! What became of single requests.

use std::borrow::Cow;

use rusqlite::params;
use rusqlite::types::Value;
use treering_step::Timestamp;

use super::connection::{Conflict, Connection, Insert, Kind, OptionalExtension, Row};
use super::rows::integer;
use crate::{Error, ProjectId, Receipt, RequestId, Scope, Transport};

/// Receipts that go together: nobody who writes has to wait for long.
const GONE_AT_ONCE: i64 = 10_000;

const RECEIPTS: Insert = Insert {
    table: "receipt",
    columns: &[
        ("project", Kind::Integer),
        ("id", Kind::Bytes),
        ("bytes", Kind::Integer),
        ("accepted", Kind::Integer),
        ("rejected", Kind::Integer),
        ("withheld", Kind::Integer),
        ("transport", Kind::Text),
        ("signal", Kind::Text),
        ("outcome", Kind::Text),
        ("reason", Kind::Text),
        ("redactions", Kind::Text),
    ],
    // They are given again where nobody knows whether they were written.
    conflict: Conflict::Keeps("project, id"),
    told: None,
};

pub(super) fn keep(connection: &Connection, receipts: &[Receipt]) -> Result<(), Error> {
    let rows = receipts.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    let transaction = connection.writing_soon()?;
    transaction.put(&RECEIPTS, &rows, |_| Ok(()))?;
    transaction.commit()
}

fn row(receipt: &Receipt) -> Result<Vec<Value>, Error> {
    let text = |text: &str| Value::Text(text.to_owned());
    let some = |word: &Option<Cow<'static, str>>| word.as_deref().map_or(Value::Null, text);
    let redactions = match receipt.redactions.is_empty() {
        true => Value::Null,
        false => {
            Value::Text(serde_json::to_string(&receipt.redactions).map_err(|_| Error::Damaged("redactions"))?)
        }
    };
    Ok(vec![
        receipt.project.0.into(),
        receipt.id.as_bytes().to_vec().into(),
        integer(receipt.bytes).into(),
        integer(receipt.accepted).into(),
        integer(receipt.rejected).into(),
        integer(receipt.withheld).into(),
        text(receipt.transport.as_str()),
        some(&receipt.signal),
        text(&receipt.outcome),
        some(&receipt.reason),
        redactions,
    ])
}

pub(super) fn receipt(
    connection: &Connection,
    scope: Scope,
    id: RequestId,
) -> Result<Option<Receipt>, Error> {
    let sql = "SELECT project, id, bytes, accepted, rejected, withheld, transport, signal, outcome, reason, redactions
        FROM receipt WHERE project = ?1 AND id = ?2";
    connection.one(sql, params![scope.project().0, &id.as_bytes()[..]], read).optional()
}

fn read(row: Row<'_>) -> Result<Receipt, Error> {
    let number = |at| row.get::<i64>(at).map(i64::unsigned_abs);
    let word = |at| row.get::<Option<String>>(at).map(|word| word.map(Cow::Owned));
    let redactions: Option<String> = row.get(10)?;
    let redactions = redactions.map_or(Ok(Default::default()), |json| serde_json::from_str(&json));
    Ok(Receipt {
        project: ProjectId(row.get(0)?),
        id: RequestId::from_bytes(row.blob(1)?).ok_or(Error::Damaged("the id of a request"))?,
        bytes: number(2)?,
        accepted: number(3)?,
        rejected: number(4)?,
        withheld: number(5)?,
        transport: Transport::parse(&row.get::<String>(6)?).ok_or(Error::Damaged("a transport"))?,
        signal: word(7)?,
        outcome: Cow::Owned(row.get(8)?),
        reason: word(9)?,
        redactions: redactions.map_err(|_| Error::Damaged("redactions"))?,
    })
}

/// Takes the oldest of a project that are kept no longer at this moment. True where there are more.
pub(super) fn forget(connection: &Connection, project: ProjectId, now: Timestamp) -> Result<bool, Error> {
    let sql = "DELETE FROM receipt WHERE project = ?1 AND id IN
        (SELECT id FROM receipt WHERE project = ?1 AND id < ?2 ORDER BY id LIMIT ?3)";
    let oldest = RequestId::oldest_kept(now);
    let gone = connection.execute(sql, params![project.0, &oldest.as_bytes()[..], GONE_AT_ONCE])?;
    Ok(i64::try_from(gone).is_ok_and(|gone| gone == GONE_AT_ONCE))
}
