use super::connection::{Connection, OptionalExtension, Row, Transaction};
use rusqlite::params;
use tokio::sync::Notify;
use treering_step::Timestamp;

use super::pool::Pool;
use super::rows::time;
use super::{changes, clients, outcomes, projects, rules};
use crate::audit::{Act, Action};
use crate::{ApiKey, Entrance, Error, KeyRecord, KeyUse, Project, ProjectId, Scopes, Terms};

const KEY_COLUMNS: &str =
    "api_key.id, project.id, project.name, hint, scopes, api_key.created_at, expires_at, revoked_at, api_key.rate,
    verifier";

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
    /// What is asked of those who send, where anything is.
    pub entrances: Vec<(ProjectId, Entrance)>,
    /// The records that each project with a quota took on this day, by all collectors, as far as they have said so.
    pub taken: Vec<(ProjectId, u64)>,
    /// The names in certificates of clients.
    pub clients: Vec<(String, ProjectId)>,
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
        let now = Timestamp::now();
        self.pool
            .with(move |connection| {
                let moment = connection.moment()?;
                let (change, keys) = (changes::number(&moment)?, all(&moment)?);
                let (rules, clients) = (rules::all(&moment)?, clients::all(&moment)?);
                let entrances = projects::entrances(&moment)?;
                let limited = entrances.iter().filter(|(_, entrance)| entrance.quota.is_some());
                let taken = limited.map(|(project, _)| {
                    Ok((*project, outcomes::of_the_day(&moment, *project, "accepted.records", now)?))
                });
                let taken = taken.collect::<Result<_, Error>>()?;
                Ok(Admission { change, keys, rules, entrances, taken, clients })
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
    let from_function =
        "id, project, project_name, hint, scopes, created_at, expires_at, revoked_at, CAST(NULL AS bigint),
        CAST(NULL AS bytea) FROM treering.find_key(?1)";
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
        keys.push((row.get(10)?, key_record(row)?));
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
        rate: row.get(8)?,
        verifier: row.get(9)?,
    })
}

pub(super) fn create_key(
    transaction: &Transaction<'_>,
    project: Project,
    key: &Hashed,
    terms: Terms,
) -> Result<KeyRecord, Error> {
    let (created_at, Terms { scopes, expires_at, rate }) = (Timestamp::now(), terms);
    let Hashed { hash, verifier, hint } = key;
    let sql = "INSERT INTO api_key (project, hash, hint, scopes, created_at, expires_at, rate, verifier)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id";
    let values = params![
        project.id.0,
        hash,
        hint,
        scopes.words().join(","),
        time(Some(created_at)),
        time(expires_at),
        rate,
        verifier,
    ];
    let id = transaction.one(sql, values, |row| row.get(0))?;
    let (hint, verifier) = (hint.clone(), Some(*verifier));
    Ok(KeyRecord { id, project, hint, scopes, created_at, expires_at, revoked_at: None, rate, verifier })
}

/// What is kept of a key.
pub(super) struct Hashed {
    hash: [u8; 32],
    verifier: [u8; 32],
    hint: String,
}

impl Hashed {
    pub(super) fn of(key: &ApiKey) -> Self {
        Self { hash: key.hash(), verifier: key.verifier(), hint: key.hint().to_owned() }
    }
}

/// A live key of this number.
pub(super) fn live(connection: &Connection, id: i64) -> Result<Option<KeyRecord>, Error> {
    let sql = format!(
        "SELECT {KEY_COLUMNS} FROM api_key JOIN project ON project.id = project WHERE api_key.id = ?1"
    );
    let found = connection.one(&sql, params![id], key_record).optional()?;
    Ok(found.filter(|record| record.is_live(Timestamp::now())))
}

/// Lets a key end at this time, unless it ends before.
pub(super) fn end_by(transaction: &Transaction<'_>, key: &KeyRecord, end: Timestamp) -> Result<(), Error> {
    if key.expires_at.is_some_and(|before| before <= end) {
        return Ok(());
    }
    let sql = "UPDATE api_key SET expires_at = ?2 WHERE id = ?1";
    transaction.execute(sql, params![key.id, time(Some(end))]).map(drop)
}

/// How many records this key may send in a second.
pub(super) fn limit(transaction: &Transaction<'_>, id: i64, rate: Option<u32>) -> Result<(), Error> {
    transaction.execute("UPDATE api_key SET rate = ?2 WHERE id = ?1", params![id, rate]).map(drop)
}

/// Keeps that a key was used; what to write down where it never was before.
pub(super) fn note_use(transaction: &Transaction<'_>, id: i64, at: Timestamp) -> Result<Option<Act>, Error> {
    let sql =
        "SELECT api_key.project, hint, (SELECT count(*) FROM key_use WHERE key = api_key.id) FROM api_key
        WHERE api_key.id = ?1";
    let found = transaction
        .one(sql, params![id], |row| Ok((ProjectId(row.get(0)?), row.get::<String>(1)?, row.get::<i64>(2)?)));
    // One that is gone meanwhile is nobody's.
    let Some((project, hint, before)) = found.optional()? else { return Ok(None) };
    let sql = "INSERT INTO key_use (key, first_at, last_at) VALUES (?1, ?2, ?2) ON CONFLICT (key) DO UPDATE
        SET last_at = CASE WHEN excluded.last_at > key_use.last_at THEN excluded.last_at ELSE key_use.last_at END";
    transaction.execute(sql, params![id, time(Some(at))])?;
    let act = Act::new(Action::KeyFirstUse).within(project).on(format!("key {id} ({hint}…)"));
    Ok((before == 0).then_some(act))
}

/// A key as one who does something.
pub(super) fn actor(id: i64) -> String {
    format!("key:{id}")
}

/// When keys were used, by their numbers.
pub(super) fn uses(connection: &Connection) -> Result<Vec<(i64, KeyUse)>, Error> {
    let moment = |nanos: i64| {
        Timestamp::from_nanos(nanos.unsigned_abs()).ok_or(Error::Damaged("the time of a key's use"))
    };
    connection.all("SELECT key, first_at, last_at FROM key_use", params![], |row| {
        Ok((row.get(0)?, KeyUse { first_at: moment(row.get(1)?)?, last_at: moment(row.get(2)?)? }))
    })
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
