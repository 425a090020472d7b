//! What somebody asked to erase, and how far it has come.

use super::connection::{Connection, OptionalExtension, Row};
use rusqlite::params;
use treering_step::Timestamp;

use super::audit;
use super::rows::{integer, time};
use crate::{Act, Action, Erasure, ErasureState, Error, ProjectId, Target, Vault};

pub(super) fn ask(
    connection: &Connection,
    project: ProjectId,
    target: &Target,
    actor: &str,
) -> Result<i64, Error> {
    let sql = "INSERT INTO erasure (project, what, target, actor, asked_at) VALUES (?1, ?2, ?3, ?4, ?5)
        RETURNING id";
    let now = integer(Timestamp::now().as_nanos());
    // Numbers are seen in their order: who passed one passed all before it.
    let transaction = connection.writing()?;
    let values = params![project.0, target.what(), target.name(), actor, now];
    let id = transaction.one(sql, values, |row| row.get(0))?;
    transaction.commit()?;
    Ok(id)
}

pub(super) fn state(connection: &Connection, id: i64) -> Result<Option<ErasureState>, Error> {
    let sql = "SELECT executions, records, done_at IS NOT NULL FROM erasure WHERE id = ?1";
    let number = |row: Row<'_>, at| -> Result<u64, Error> {
        Ok(row.get::<Option<i64>>(at)?.unwrap_or(0).unsigned_abs())
    };
    let read = |row: Row<'_>| {
        Ok(ErasureState { executions: number(row, 0)?, records: number(row, 1)?, is_done: row.get(2)? })
    };
    connection.one(sql, params![id], read).optional()
}

/// Those that are not done, oldest first.
pub(super) fn to_do(connection: &Connection) -> Result<Vec<Erasure>, Error> {
    let sql = "SELECT id, project, what, target, actor, asked_at, pseudonym IS NOT NULL FROM erasure
        WHERE done_at IS NULL ORDER BY id";
    connection.all(sql, params![], erasure)
}

fn erasure(row: Row<'_>) -> Result<Erasure, Error> {
    let (what, name): (String, _) = (row.get(2)?, row.get(3)?);
    let target = match row.get(6)? {
        true => None,
        false => Some(Target::parse(&what, name).ok_or(Error::Damaged("what is to be erased"))?),
    };
    Ok(Erasure {
        id: row.get(0)?,
        project: ProjectId(row.get(1)?),
        target,
        actor: row.get(4)?,
        asked_at: Timestamp::from_nanos(row.get::<i64>(5)?.unsigned_abs())
            .ok_or(Error::Damaged("the time of an erasure"))?,
    })
}

/// Puts a pseudonym in the place of the name, which tells nothing but whether it is the same one again.
pub(super) fn forget_target(
    connection: &Connection,
    vault: &Vault,
    erasure: &Erasure,
) -> Result<String, Error> {
    let pseudonym = match erasure.target.as_ref().and_then(Target::name) {
        Some(name) => pseudonym(vault, erasure.project, &name)?,
        None => String::new(),
    };
    let sql = "UPDATE erasure SET target = NULL, pseudonym = ?2 WHERE id = ?1";
    connection.execute(sql, params![erasure.id, pseudonym])?;
    Ok(pseudonym)
}

fn pseudonym(vault: &Vault, project: ProjectId, name: &str) -> Result<String, Error> {
    let key = vault.hash_key_today(project)?.map_or_else(|| vault.hash_key(project), Ok)?;
    let bytes = key.pseudonym(&[name.as_bytes()]);
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Notes that nothing of what a request named is left, and in the audit log that it was so.
pub(super) fn done(connection: &Connection, vault: &Vault, id: i64) -> Result<(), Error> {
    let key = vault.chain_key()?;
    let transaction = connection.writing()?;
    let sql = "UPDATE erasure SET done_at = ?2 WHERE id = ?1 AND done_at IS NULL
        RETURNING project, what, pseudonym, actor, coalesce(executions, 0), coalesce(records, 0)";
    let now = time(Some(Timestamp::now()));
    let done = transaction.one(sql, params![id, now], act).optional()?;
    if let Some((actor, act)) = done {
        audit::append(&transaction, &key, &actor, act)?;
    }
    transaction.commit()?;
    Ok(())
}

fn act(row: Row<'_>) -> Result<(String, Act), Error> {
    let (what, pseudonym): (String, String) = (row.get(1)?, row.get(2)?);
    let (executions, records): (i64, i64) = (row.get(4)?, row.get(5)?);
    let act = Act::new(Action::Erase)
        .within(ProjectId(row.get(0)?))
        .on(format!("{what} {pseudonym}").trim_end())
        .detail(format!("{executions} executions, {records} records"));
    Ok((row.get(3)?, act))
}
