use std::collections::HashMap;
use std::path::PathBuf;

use super::connection::{Connection, OptionalExtension, Row, Transaction};
use rusqlite::params;
use treering_seal::{ChainKey, CheckpointKey, Link};
use treering_step::Timestamp;

use super::keys;
use super::pool::Pool;
use super::rows::integer;
use crate::audit::{Act, Action, AuditRow, Broken, Checkpoint, Verdict};
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

    fn checkpoint_key(&self) -> Result<CheckpointKey, Error> {
        match self {
            Self::Open(vault) => vault.checkpoint_key(),
            Self::Closed { keys, master } => Vault::open_existing(keys, master.clone())?.checkpoint_key(),
            Self::Remote { keys, master } => Vault::remote(keys.clone(), master.clone())?.checkpoint_key(),
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

    /// Writes down what these actors did: all of it, or nothing.
    pub async fn append_all(&self, acts: Vec<(String, Act)>) -> Result<(), Error> {
        let chain = self.chain.clone();
        self.pool
            .with(move |connection| {
                let key = chain.key()?;
                let transaction = connection.writing_soon()?;
                for (actor, act) in acts {
                    append(&transaction, &key, &actor, act)?;
                }
                transaction.commit()
            })
            .await
    }

    /// Keeps when keys were used, and writes down the first use of each.
    pub async fn note_uses(&self, uses: Vec<(i64, Timestamp)>) -> Result<(), Error> {
        let chain = self.chain.clone();
        self.pool
            .with(move |connection| {
                let key = chain.key()?;
                let transaction = connection.writing_soon()?;
                for (id, at) in uses {
                    if let Some(act) = keys::note_use(&transaction, id, at)? {
                        append(&transaction, &key, &keys::actor(id), act)?;
                    }
                }
                transaction.commit()
            })
            .await
    }

    /// Rows, newest first: so many at the most, all older than this one.
    pub async fn page(&self, before: Option<i64>, limit: u32) -> Result<Vec<AuditRow>, Error> {
        self.pool.with(move |connection| page(connection, None, before, limit)).await
    }

    /// The number of the last row.
    pub async fn last(&self) -> Result<i64, Error> {
        self.pool.with(last).await
    }

    /// Rows of this action behind that one, oldest first.
    pub async fn since(&self, row: i64, action: Action) -> Result<Vec<AuditRow>, Error> {
        self.pool
            .with(move |connection| {
                let sql = format!("SELECT {COLUMNS} WHERE audit.id > ?1 AND action = ?2 ORDER BY audit.id");
                connection.all(&sql, params![row, action.as_str()], self::row)
            })
            .await
    }

    /// How far the log has come, signed; `None` where it has no row.
    pub async fn checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        let chain = self.chain.clone();
        self.pool
            .with(move |connection| {
                let sql = "SELECT id, chain FROM audit ORDER BY id DESC LIMIT 1";
                let head = connection.one(sql, params![], |row| Ok((row.get::<i64>(0)?, row.get(1)?)));
                let Some((count, head)) = head.optional()? else { return Ok(None) };
                Ok(Some(Checkpoint::new(&chain.checkpoint_key()?, count.unsigned_abs(), head)))
            })
            .await
    }

    /// Walks the chain from the first row on, and looks whether it is the one of which these checkpoints tell. Without
    /// any, rows cut from its end are not missed.
    pub async fn verify(&self, checkpoints: Vec<Checkpoint>) -> Result<Verdict, Error> {
        let chain = self.chain.clone();
        self.pool.with(move |connection| verify(connection, &chain, &checkpoints)).await
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

/// Those of one project, or all.
pub(super) fn page(
    connection: &Connection,
    project: Option<ProjectId>,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<AuditRow>, Error> {
    let of = if project.is_some() { "AND audit.project = ?3" } else { "AND ?3 = 0" };
    let sql = format!("SELECT {COLUMNS} WHERE audit.id < ?1 {of} ORDER BY audit.id DESC LIMIT ?2");
    let project = project.map_or(0, |project| project.0);
    connection.all(&sql, params![before.unwrap_or(i64::MAX), limit, project], row)
}

fn last(connection: &Connection) -> Result<i64, Error> {
    connection.one("SELECT coalesce(max(id), 0) FROM audit", params![], |row| row.get(0))
}

fn verify(connection: &Connection, chain: &Chain, checkpoints: &[Checkpoint]) -> Result<Verdict, Error> {
    let (key, signer) = (chain.key()?, chain.checkpoint_key()?);
    let forged = checkpoints.iter().position(|checkpoint| !checkpoint.is_by(&signer));
    let mut verdict = walk(connection, &key, checkpoints)?;
    let last = checkpoints.iter().max_by_key(|checkpoint| checkpoint.count);
    verdict.checked = last.map(|last| (last.count, last.at)).filter(|_| verdict.broken.is_none());
    verdict.broken = verdict.broken.or(match last {
        _ if forged.is_some() => forged.map(|at| Broken::Forged { line: at + 1 }),
        Some(last) if last.count > verdict.sound => Some(Broken::Cut { count: last.count }),
        _ => None,
    });
    Ok(verdict)
}

fn walk(connection: &Connection, key: &ChainKey, checkpoints: &[Checkpoint]) -> Result<Verdict, Error> {
    let heads: HashMap<u64, Link> =
        checkpoints.iter().map(|checkpoint| (checkpoint.count, checkpoint.head)).collect();
    let mut statement = connection.prepare(&format!("SELECT {COLUMNS} ORDER BY audit.id"))?;
    let mut found = statement.query(params![])?;
    let mut verdict = Verdict { sound: 0, checked: None, broken: None };
    let (mut before, mut expected) = (BEGIN, 1);
    while let Some(found) = found.next()? {
        let id: i64 = found.get(0)?;
        // What cannot be read at all was not written so.
        let link = found.get::<Link>("chain").and_then(|link| Ok((link, row(found)?.link(key, &before))));
        verdict.broken = match link {
            _ if id > expected => Some(Broken::Missing { before: id }),
            Ok((link, computed)) if link == computed => {
                let told = heads.get(&id.unsigned_abs()).is_some_and(|head| *head != link);
                told.then_some(Broken::Restamped { row: id })
            }
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
