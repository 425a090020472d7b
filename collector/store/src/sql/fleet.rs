//! Several collectors on one store: who is there, how far each is, and who does what only one does at a time.
//!
//! A file has one process that writes to it, which the lock of its folder sees to: there, nobody else is waited for.

use std::time::Duration;

use rusqlite::params;
use treering_step::Timestamp;

use super::connection::{Connection, Row};
use super::rows::{integer, time};
use super::writer::Writer;
use crate::words::words;
use crate::{Act, Action, Collector, Error, Keeper};

words! {
    /// Work that one collector does at a time.
    Work {
        /// Carrying erasures out, and writing their days anew.
        Erasing = "erasing",
        /// Forgetting what is older than a project keeps it.
        Retention = "retention",
        /// Putting words into the index.
        Indexing = "indexing",
    }
}

const COLUMNS: &str = "id, name, seen_at, passed";

impl Writer {
    /// Says that a collector is there, and the last erasure before which everything in its journal was delivered.
    pub async fn report(&self, id: &str, name: &str, passed: i64) -> Result<(), Error> {
        let (id, name) = (id.to_owned(), name.to_owned());
        self.pool.with(move |connection| report(connection, &id, &name, passed)).await
    }

    /// A collector with an empty journal goes: nobody waits for it any more.
    pub async fn leave(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.pool
            .with(move |connection| match connection {
                Connection::Sqlite(_) => Ok(()),
                Connection::Postgres(_) => {
                    connection.execute("DELETE FROM collector WHERE id = ?1", params![id]).map(drop)
                }
            })
            .await
    }

    /// The last erasure that was ever asked for; 0 where none was.
    pub async fn last_erasure(&self) -> Result<i64, Error> {
        let sql = "SELECT coalesce(max(id), 0) FROM erasure";
        self.pool.with(move |connection| connection.one(sql, params![], |row| row.get(0))).await
    }

    /// The collectors that may still hold what came in before this erasure was asked for.
    pub async fn behind(&self, erasure: i64) -> Result<Vec<Collector>, Error> {
        self.pool.with(move |connection| behind(connection, erasure)).await
    }

    /// Takes on work for so long, unless another one does it; true where it is ours then. Who goes on takes it again.
    pub async fn take_work(&self, work: Work, holder: &str, time: Duration) -> Result<bool, Error> {
        let holder = holder.to_owned();
        self.pool.with(move |connection| take(connection, work, &holder, time)).await
    }

    /// Leaves work to whoever comes next.
    pub async fn end_work(&self, work: Work, holder: &str) -> Result<(), Error> {
        let holder = holder.to_owned();
        self.take_work(work, &holder, Duration::ZERO).await.map(drop)
    }
}

impl Keeper {
    /// Every collector of a remote store that did not say that it ends, by when it was last there.
    pub async fn collectors(&self) -> Result<Vec<Collector>, Error> {
        self.pool.with(all).await
    }

    /// No longer waits for a collector whose disk is gone; `false` where there is none of this id. Should it come back
    /// after all, what it brings of an erased execution is there again.
    pub async fn give_up_collector(&self, id: &str) -> Result<bool, Error> {
        let id = id.to_owned();
        self.change(move |transaction| {
            let sql = "DELETE FROM collector WHERE id = ?1";
            let is_gone = match &**transaction {
                Connection::Sqlite(_) => false,
                Connection::Postgres(_) => transaction.execute(sql, params![id])? > 0,
            };
            let act = Act::new(Action::CollectorGiveUp).on(format!("collector {id}"));
            Ok((is_gone, is_gone.then_some(act)))
        })
        .await
    }
}

fn report(connection: &Connection, id: &str, name: &str, passed: i64) -> Result<(), Error> {
    if matches!(connection, Connection::Sqlite(_)) {
        return Ok(());
    }
    let sql = "INSERT INTO collector (id, name, seen_at, passed) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, seen_at = excluded.seen_at, passed = excluded.passed";
    connection.execute(sql, params![id, name, time(Some(Timestamp::now())), passed])?;
    Ok(())
}

fn behind(connection: &Connection, erasure: i64) -> Result<Vec<Collector>, Error> {
    if matches!(connection, Connection::Sqlite(_)) {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT {COLUMNS} FROM collector WHERE passed < ?1 ORDER BY id");
    connection.all(&sql, params![erasure], collector)
}

fn all(connection: &Connection) -> Result<Vec<Collector>, Error> {
    if matches!(connection, Connection::Sqlite(_)) {
        return Ok(Vec::new());
    }
    connection.all(&format!("SELECT {COLUMNS} FROM collector ORDER BY seen_at, id"), params![], collector)
}

fn collector(row: Row<'_>) -> Result<Collector, Error> {
    Ok(Collector {
        id: row.get(0)?,
        name: row.get(1)?,
        seen_at: Timestamp::from_nanos(row.get::<i64>(2)?.unsigned_abs()).ok_or(Error::Damaged("a time"))?,
        passed: row.get(3)?,
    })
}

/// By the clock of the server, since those of collectors may differ.
fn take(connection: &Connection, work: Work, holder: &str, time: Duration) -> Result<bool, Error> {
    if matches!(connection, Connection::Sqlite(_)) {
        return Ok(true);
    }
    let sql = "INSERT INTO work (name, holder, until)
        VALUES (?1, ?2, CAST(extract(epoch FROM clock_timestamp()) * 1000000000 AS bigint) + ?3)
        ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
        WHERE work.holder = excluded.holder
            OR work.until < CAST(extract(epoch FROM clock_timestamp()) * 1000000000 AS bigint)";
    let nanos = integer(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    Ok(connection.execute(sql, params![work.as_str(), holder, nanos])? == 1)
}
