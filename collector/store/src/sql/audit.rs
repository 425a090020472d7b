use std::path::PathBuf;

use super::connection::{Connection, OptionalExtension, Row, Transaction};
use rusqlite::params;
use treering_seal::{ChainKey, Link};
use treering_step::Timestamp;

use super::pool::Pool;
use super::rows::integer;
use crate::audit::{Act, AuditRow, Broken, Verdict};
use crate::postgres::Remote;
use crate::{Error, MasterSource, ProjectId, Vault};

/// The link before the first row.
const BEGIN: Link = [0; 32];

const COLUMNS: &str =
    "audit.id, at, actor, action, audit.project, project.name, subject, detail, outcome, chain
    FROM audit LEFT JOIN project ON project.id = audit.project";

/// Writes down what was done, reads that, and looks whether it is still what was written.
#[derive(Debug, Clone)]
pub struct Audit {
    pool: Pool,
    chain: Chain,
}

/// Where the key of the chain comes from. Who only reads control data needs no master key, so that it is asked for
/// when the first row is written.
#[derive(Debug, Clone)]
pub(crate) enum Chain {
    Open(Vault),
    Closed { keys: PathBuf, master: MasterSource },
    Remote { keys: Remote, master: MasterSource },
}

impl Chain {
    pub(crate) fn key(&self) -> Result<ChainKey, Error> {
        match self {
            Self::Open(vault) => vault.chain_key(),
            Self::Closed { keys, master } => Vault::open_existing(keys, master.clone())?.chain_key(),
            Self::Remote { keys, master } => Vault::remote(keys.clone(), master.clone())?.chain_key(),
        }
    }
}

impl Audit {
    pub(crate) fn new(pool: Pool, chain: Chain) -> Self {
        Self { pool, chain }
    }

    /// Writes down what this actor did.
    pub async fn append(&self, actor: &str, act: Act) -> Result<(), Error> {
        let (chain, actor) = (self.chain.clone(), actor.to_owned());
        self.pool
            .with(move |connection| {
                let key = chain.key()?;
                let transaction = connection.writing()?;
                append(&transaction, &key, &actor, act)?;
                transaction.commit()
            })
            .await
    }

    /// Rows, newest first: so many at the most, all older than this one.
    pub async fn page(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditRow>, Error> {
        self.pool.with(move |connection| page(connection, before, limit)).await
    }

    /// Walks the chain from the first row on. Rows cut from its end are not missed by it: for that one needs to know
    /// from elsewhere how many there were.
    pub async fn verify(&self) -> Result<Verdict, Error> {
        let chain = self.chain.clone();
        self.pool.with(move |connection| verify(connection, &chain.key()?)).await
    }
}

/// Writes it down along with what else the transaction does: neither without the other.
pub(super) fn append(
    transaction: &Transaction<'_>,
    key: &ChainKey,
    actor: &str,
    act: Act,
) -> Result<(), Error> {
    transaction.lock_audit()?;
    let last = "SELECT id, chain FROM audit ORDER BY id DESC LIMIT 1";
    let last = transaction.one(last, params![], |row| Ok((row.get(0)?, row.get(1)?)));
    let (last, before): (i64, Link) = last.optional()?.unwrap_or((0, BEGIN));
    let row = AuditRow {
        id: last + 1,
        at: Timestamp::now(),
        actor: actor.to_owned(),
        action: act.action.as_str().to_owned(),
        project: act.project,
        project_name: None,
        subject: act.subject,
        detail: act.detail,
        outcome: act.ending.as_str().to_owned(),
    };
    let link = row.link(key, &before);
    let sql = "INSERT INTO audit (id, at, actor, action, project, subject, detail, outcome, chain)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let project = row.project.map(|project| project.0);
    let at = integer(row.at.as_nanos());
    let values =
        params![row.id, at, row.actor, row.action, project, row.subject, row.detail, row.outcome, link];
    transaction.execute(sql, values)?;
    Ok(())
}

fn page(connection: &Connection, before: Option<i64>, limit: u32) -> Result<Vec<AuditRow>, Error> {
    let sql = format!("SELECT {COLUMNS} WHERE audit.id < ?1 ORDER BY audit.id DESC LIMIT ?2");
    connection.all(&sql, params![before.unwrap_or(i64::MAX), limit], row)
}

fn verify(connection: &Connection, key: &ChainKey) -> Result<Verdict, Error> {
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} ORDER BY audit.id"))?;
    let mut found = statement.query(params![])?;
    let (mut verdict, mut before, mut expected) = (Verdict { sound: 0, broken: None }, BEGIN, 1);
    while let Some(found) = found.next()? {
        let id: i64 = found.get(0)?;
        // What cannot be read at all was not written so.
        let link = found.get::<Link>("chain").and_then(|link| Ok((link, row(found)?.link(key, &before))));
        verdict.broken = match link {
            _ if id > expected => Some(Broken::Missing { before: id }),
            Ok((link, computed)) if link == computed => None,
            _ => Some(Broken::Changed { row: id }),
        };
        if verdict.broken.is_some() {
            return Ok(verdict);
        }
        before = found.get("chain")?;
        (verdict.sound, expected) = (verdict.sound + 1, id + 1);
    }
    Ok(verdict)
}

fn row(row: Row<'_>) -> Result<AuditRow, Error> {
    let at = row.get::<i64>(1)?.unsigned_abs();
    Ok(AuditRow {
        id: row.get(0)?,
        at: Timestamp::from_nanos(at).ok_or(Error::Damaged("a time"))?,
        actor: row.get(2)?,
        action: row.get(3)?,
        project: row.get::<Option<i64>>(4)?.map(ProjectId),
        project_name: row.get(5)?,
        subject: row.get(6)?,
        detail: row.get(7)?,
        outcome: row.get(8)?,
    })
}

#[cfg(test)]
mod tests;
