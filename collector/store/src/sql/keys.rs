use super::connection::{Connection, OptionalExtension, Row, Transaction};
use rusqlite::params;
use tokio::sync::Notify;
use treering_step::Timestamp;

use super::pool::Pool;
use super::rows::time;
use super::{changes, rules};
use crate::{ApiKey, Error, KeyRecord, Project, ProjectId, Scopes};

const KEY_COLUMNS: &str =
    "api_key.id, project.id, project.name, hint, scopes, api_key.created_at, expires_at, revoked_at";

/// Looks API keys up, and what goes with them, on a connection that cannot write.
#[derive(Debug, Clone)]
pub struct Keys {
    pool: Pool,
    asks: Asks,
}

/// By what requests are let in, all of one moment.
#[derive(Debug)]
pub struct Admission {
    /// What [`Keys::change`] was then.
    pub change: i64,
    /// Every key, revoked and expired ones included, by the hash of its secret.
    pub keys: Vec<([u8; 32], KeyRecord)>,
    /// The redaction rules of each project that has its own.
    pub rules: Vec<(ProjectId, String)>,
}

/// How a key is looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Asks {
    Table,
    /// A function that tells of a key to whoever holds it, and of no other: who reads may not see all of them.
    Function,
}

impl Keys {
    pub(crate) fn new(pool: Pool, asks: Asks) -> Self {
        Self { pool, asks }
    }

    /// The key with this secret, revoked or expired ones included.
    pub async fn find(&self, key: &ApiKey) -> Result<Option<KeyRecord>, Error> {
        let (hash, asks) = (key.hash(), self.asks);
        self.pool.with(move |connection| find(connection, asks, &hash)).await
    }

    /// Every key that there is, by the hash of its secret.
    pub async fn all(&self) -> Result<Vec<([u8; 32], KeyRecord)>, Error> {
        self.pool.with(all).await
    }

    /// The same beside the rules of every project.
    pub async fn admission(&self) -> Result<Admission, Error> {
        self.pool
            .with(|connection| {
                let moment = connection.moment()?;
                let (change, keys) = (changes::number(&moment)?, all(&moment)?);
                Ok(Admission { change, keys, rules: rules::all(&moment)? })
            })
            .await
    }

    /// A number that grows with each change of projects, rules, keys or members.
    pub async fn change(&self) -> Result<i64, Error> {
        self.pool.with(changes::number).await
    }

    /// Wakes this one whenever the number grew, for as long as it is polled. Not every store can tell; where it cannot,
    /// that is waited for for ever, and [`Self::change`] is there to be asked.
    pub async fn listen(&self, changed: &Notify) {
        self.pool.listen(changed).await;
    }
}

fn find(connection: &Connection, asks: Asks, hash: &[u8; 32]) -> Result<Option<KeyRecord>, Error> {
    let from_table =
        format!("{KEY_COLUMNS} FROM api_key JOIN project ON project.id = project WHERE hash = ?1");
    let from_function = "id, project, project_name, hint, scopes, created_at, expires_at, revoked_at
        FROM treering.find_key(?1)";
    let sql = match asks {
        Asks::Table => format!("SELECT {from_table}"),
        Asks::Function => format!("SELECT {from_function}"),
    };
    connection.one(&sql, params![hash], key_record).optional()
}

pub(super) fn all(connection: &Connection) -> Result<Vec<([u8; 32], KeyRecord)>, Error> {
    let sql = format!(
        "SELECT {KEY_COLUMNS}, hash FROM api_key JOIN project ON project.id = project ORDER BY api_key.id"
    );
    let mut statement = connection.prepare(&sql)?;
    let mut found = statement.query(params![])?;
    let mut keys = Vec::new();
    while let Some(row) = found.next()? {
        keys.push((row.get(8)?, key_record(row)?));
    }
    Ok(keys)
}

fn key_record(row: Row<'_>) -> Result<KeyRecord, Error> {
    let moment = |at: usize| -> Result<Option<Timestamp>, Error> {
        Ok(row.get::<Option<i64>>(at)?.and_then(|nanos| Timestamp::from_nanos(nanos.unsigned_abs())))
    };
    let scopes: String = row.get(4)?;
    Ok(KeyRecord {
        id: row.get(0)?,
        project: Project { id: ProjectId(row.get(1)?), name: row.get(2)? },
        hint: row.get(3)?,
        scopes: Scopes::from_words(scopes.split(',')).ok_or(Error::Damaged("the scopes of a key"))?,
        created_at: moment(5)?.ok_or(Error::Damaged("the time of a key"))?,
        expires_at: moment(6)?,
        revoked_at: moment(7)?,
    })
}

pub(super) fn create_key(
    transaction: &Transaction<'_>,
    project: Project,
    hash: &[u8; 32],
    hint: String,
    scopes: Scopes,
    expires_at: Option<Timestamp>,
) -> Result<KeyRecord, Error> {
    let created_at = Timestamp::now();
    let sql = "INSERT INTO api_key (project, hash, hint, scopes, created_at, expires_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id";
    let values = params![
        project.id.0,
        hash,
        hint,
        scopes.words().join(","),
        time(Some(created_at)),
        time(expires_at),
    ];
    let id = transaction.one(sql, values, |row| row.get(0))?;
    Ok(KeyRecord { id, project, hint, scopes, created_at, expires_at, revoked_at: None })
}

/// Ends a key, and tells whose it was; `None` where there is no live key of this number.
pub(super) fn revoke(transaction: &Transaction<'_>, id: i64) -> Result<Option<KeyRecord>, Error> {
    let sql = "UPDATE api_key SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
    let changed = transaction.execute(sql, params![id, time(Some(Timestamp::now()))])?;
    if changed == 0 {
        return Ok(None);
    }
    let sql = format!(
        "SELECT {KEY_COLUMNS} FROM api_key JOIN project ON project.id = project WHERE api_key.id = ?1"
    );
    let mut statement = transaction.prepare(&sql)?;
    let mut found = statement.query(params![id])?;
    found.next()?.map(key_record).transpose()
}
