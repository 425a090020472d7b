//! Several collectors on one store: who is there, how far each is, and who does what only one does at a time.
//!
//! A file has one process that writes to it, which the lock of its folder sees to: there, nobody else is waited for.
//!
//! Nothing rests on a lease but that work is not done twice for nothing: each step of it is right whoever else takes one.
//! That nothing comes from a collector that was given up does not rest on time either: what it appends is refused.

use std::time::Duration;

use rusqlite::params;
use treering_step::Timestamp;

use super::connection::{Connection, Row, Transaction};
use super::rows::{integer, time};
use super::writer::Writer;
use crate::words::words;
use crate::{Act, Action, Collector, Error, Keeper, Presence, ProjectId};

words! {
    /// Work that one collector does at a time.
    Work {
        /// Carrying erasures out, and writing their days anew.
        Erasing = "erasing",
        /// Forgetting what is older than a project keeps it.
        Retention = "retention",
    }
}

/// By the clock of the server, since those of collectors may differ.
const NOW: &str = "CAST(extract(epoch FROM clock_timestamp()) * 1000000000 AS bigint)";

impl Writer {
    /// Makes a collector known to the store. One that is known already stays as far as it was; tells how far that is.
    pub async fn enroll(&self, presence: Presence) -> Result<i64, Error> {
        self.pool.with(move |connection| enroll(connection, &presence)).await
    }

    /// Says that a collector is there, and how far it is. Fails for one that was given up.
    pub async fn report(&self, presence: Presence) -> Result<(), Error> {
        self.pool.with(move |connection| report(connection, &presence)).await
    }

    /// A collector with an empty journal goes: nobody waits for it any more.
    pub async fn leave(&self, id: &str) -> Result<(), Error> {
        let id = id.to_owned();
        self.pool.with(move |connection| forget(connection, &id).map(drop)).await
    }

    /// Every collector of a remote store, by its id.
    pub async fn collectors(&self) -> Result<Vec<Collector>, Error> {
        self.pool.with(all).await
    }

    /// The collectors that may still hold what came in before this erasure was asked for.
    pub async fn behind(&self, erasure: i64) -> Result<Vec<Collector>, Error> {
        let mut all = self.collectors().await?;
        all.retain(|collector| collector.passed < erasure);
        Ok(all)
    }

    /// The erasures that were asked for after this one, done or not, and of which projects; oldest first.
    pub async fn erasures_after(&self, passed: i64) -> Result<Vec<(i64, ProjectId)>, Error> {
        let sql = "SELECT id, project FROM erasure WHERE id > ?1 ORDER BY id";
        let read = |row: Row<'_>| Ok((row.get(0)?, ProjectId(row.get(1)?)));
        self.pool.with(move |connection| connection.all(sql, params![passed], read)).await
    }

    /// Takes on work for so long, unless another one does it; true where it is ours then. Who goes on takes it again.
    pub async fn take_work(&self, work: Work, holder: &str, time: Duration) -> Result<bool, Error> {
        let holder = holder.to_owned();
        self.pool.with(move |connection| take(connection, work, &holder, time)).await
    }

    /// Leaves work to whoever comes next.
    pub async fn end_work(&self, work: Work, holder: &str) -> Result<(), Error> {
        self.take_work(work, holder, Duration::ZERO).await.map(drop)
    }
}

impl Keeper {
    /// Every collector of a remote store that did not say that it ends, by its id.
    pub async fn collectors(&self) -> Result<Vec<Collector>, Error> {
        self.pool.with(all).await
    }

    /// No longer waits for a collector whose disk is gone; `false` where there is none of this id. Should it come back
    /// after all, the store takes nothing of what it brings.
    pub async fn give_up_collector(&self, id: &str) -> Result<bool, Error> {
        let id = id.to_owned();
        self.change(move |transaction| {
            let is_gone = forget(transaction, &id)? > 0;
            let act = Act::new(Action::CollectorGiveUp).on(format!("collector {id}"));
            Ok((is_gone, is_gone.then_some(act)))
        })
        .await
    }
}

fn enroll(connection: &Connection, presence: &Presence) -> Result<i64, Error> {
    let Presence { id, name, passed, delivered_at } = presence;
    if !connection.has_fleet() {
        return Ok(*passed);
    }
    let sql = format!(
        "INSERT INTO collector (id, name, seen_at, passed, delivered_at) VALUES (?1, ?2, {NOW}, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, seen_at = excluded.seen_at RETURNING passed"
    );
    connection.one(&sql, params![id, name, passed, time(Some(*delivered_at))], |row| row.get(0))
}

fn report(connection: &Connection, presence: &Presence) -> Result<(), Error> {
    if !connection.has_fleet() {
        return Ok(());
    }
    let Presence { id, name, passed, delivered_at } = presence;
    let sql = format!(
        "UPDATE collector SET name = ?2, seen_at = {NOW}, passed = greatest(passed, ?3),
            delivered_at = greatest(delivered_at, ?4) WHERE id = ?1"
    );
    let known = connection.execute(&sql, params![id, name, passed, time(Some(*delivered_at))])? > 0;
    if known { Ok(()) } else { Err(Error::GivenUp) }
}

fn forget(connection: &Connection, id: &str) -> Result<usize, Error> {
    match connection.has_fleet() {
        true => connection.execute("DELETE FROM collector WHERE id = ?1", params![id]),
        false => Ok(0),
    }
}

fn all(connection: &Connection) -> Result<Vec<Collector>, Error> {
    if !connection.has_fleet() {
        return Ok(Vec::new());
    }
    let sql =
        format!("SELECT id, name, passed, delivered_at, seen_at, {NOW} - seen_at FROM collector ORDER BY id");
    connection.all(&sql, params![], collector)
}

fn collector(row: Row<'_>) -> Result<Collector, Error> {
    let moment = |at| -> Result<_, Error> {
        Timestamp::from_nanos(row.get::<i64>(at)?.unsigned_abs()).ok_or(Error::Damaged("a time"))
    };
    Ok(Collector {
        id: row.get(0)?,
        name: row.get(1)?,
        passed: row.get(2)?,
        delivered_at: moment(3)?,
        seen_at: moment(4)?,
        silent_for: Duration::from_nanos(u64::try_from(row.get::<i64>(5)?).unwrap_or(0)),
    })
}

/// Fails where the store does not know this collector any more. Under the lock of those who write, so that whoever gave
/// it up knows that nothing of it comes after.
pub(super) fn is_known(transaction: &Transaction<'_>, id: &str) -> Result<(), Error> {
    if !transaction.has_fleet() {
        return Ok(());
    }
    let sql = "SELECT EXISTS (SELECT 1 FROM collector WHERE id = ?1)";
    if transaction.one(sql, params![id], |row| row.get(0))? { Ok(()) } else { Err(Error::GivenUp) }
}

fn take(connection: &Connection, work: Work, holder: &str, time: Duration) -> Result<bool, Error> {
    if !connection.has_fleet() {
        return Ok(true);
    }
    let sql = format!(
        "INSERT INTO work (name, holder, until) VALUES (?1, ?2, {NOW} + ?3)
         ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
         WHERE work.holder = excluded.holder OR work.until < {NOW}"
    );
    let nanos = integer(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    Ok(connection.execute(&sql, params![work.as_str(), holder, nanos])? == 1)
}
