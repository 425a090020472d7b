//! The blocks of a day are emptied and dropped: what they hold moves to new ones, or expires.
//!
//! It is done in small steps between which anybody may write and read, and a new start makes up for whatever became
//! of the one before: blocks older than a mark are to go, and their pieces are known to nobody who writes.

use std::collections::BTreeSet;

use super::connection::{Connection, OptionalExtension, Transaction};
use rusqlite::params;
use rusqlite::types::Value;
use treering_otlp::Signal;
use treering_step::Timestamp;

use super::content::{Content, address};
use super::prepare::{self, Day, first_new_block};
use super::records::Records;
use super::rows::time;
use super::versions::{next_forgetting_version, next_version};
use crate::content::{Address, Name, Press};
use crate::{Error, ProjectId};

/// Records of one step, and bytes of them.
const RECORDS: i64 = 1024;
const BYTES: usize = 4 << 20;
const PIECES: i64 = 10_000;
const BLOCKS: i64 = 256;

/// What becomes of the content that is still named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Moves,
    Expires,
}

/// What a step did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cleared {
    /// Records whose content expired.
    pub(super) expired: u64,
    /// Those of them that should have moved and could not be read.
    pub(super) lost: u64,
    pub(super) blocks: u64,
    pub(super) bytes: u64,
}

/// Whatever is there of a day now is to go.
pub(super) fn begin(connection: &Connection, (project, day): (ProjectId, u32)) -> Result<(), Error> {
    let transaction = connection.writing()?;
    let first = first_new_block(&transaction, next_forgetting_version(&transaction)?)?;
    let sql = "INSERT INTO rewriting (project, day, first) VALUES (?1, ?2, ?3)
        ON CONFLICT (project, day) DO UPDATE SET first = greatest(rewriting.first, excluded.first)";
    transaction.execute(sql, params![project.0, day, first])?;
    transaction.commit()?;
    Ok(())
}

/// Does a little of it; `None` where there is nothing left to do.
pub(super) fn step(
    connection: &Connection,
    content: &Content,
    (project, day): (ProjectId, u32),
    left: Left,
) -> Result<Option<Cleared>, Error> {
    let transaction = connection.writing()?;
    let sql = "SELECT first FROM rewriting WHERE project = ?1 AND day = ?2";
    let first = transaction.one(sql, params![project.0, day], |row| row.get(0)).optional()?;
    let Some(first) = first else { return Ok(None) };
    let clearing = Clearing { transaction: &transaction, content, project, day, first };
    let cleared = clearing.step(left)?;
    if cleared.is_none() {
        // Its old keys go next: who still reads what they sealed, of a moment before, knows by this version.
        next_forgetting_version(&transaction)?;
        let sql = "DELETE FROM rewriting WHERE project = ?1 AND day = ?2";
        transaction.execute(sql, params![project.0, day])?;
    }
    transaction.commit()?;
    Ok(cleared)
}

struct Clearing<'a> {
    transaction: &'a Transaction<'a>,
    content: &'a Content,
    project: ProjectId,
    day: u32,
    /// The first block that stays.
    first: i64,
}

/// A row that names an old block.
struct Old {
    trace_id: Vec<u8>,
    /// The id of a span, or the hash of a log record.
    id: Vec<u8>,
    ordinal: u32,
    hash: Name,
    address: Address,
}

impl Clearing<'_> {
    fn step(&self, left: Left) -> Result<Option<Cleared>, Error> {
        for signal in [Signal::Traces, Signal::Logs] {
            let old = self.old(signal)?;
            if !old.is_empty() {
                return self.records(signal, &old, left).map(Some);
            }
        }
        if self.pieces()? > 0 {
            return Ok(Some(Cleared::default()));
        }
        let cleared = self.blocks()?;
        Ok(Some(cleared).filter(|cleared| cleared.blocks > 0))
    }

    fn old(&self, signal: Signal) -> Result<Vec<Old>, Error> {
        let sql = match signal {
            Signal::Traces => {
                "SELECT block, start, length, trace_id, span_id, 0, hash FROM span
                 WHERE project = ?1 AND day = ?2 AND block BETWEEN 0 AND ?3 - 1 LIMIT ?4"
            }
            Signal::Logs => {
                "SELECT block, start, length, trace_id, hash, ordinal, hash FROM log
                 WHERE project = ?1 AND day = ?2 AND block BETWEEN 0 AND ?3 - 1 LIMIT ?4"
            }
        };
        let mut statement = self.transaction.prepare(sql)?;
        let mut found = statement.query(params![self.project.0, self.day, self.first, RECORDS])?;
        let mut old = Vec::new();
        while let Some(row) = found.next()? {
            let Some(address) = address(row, 0)? else { continue };
            let (trace_id, id, ordinal, hash) = (row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?);
            old.push(Old { trace_id, id, ordinal, hash, address });
        }
        Ok(old)
    }

    fn records(&self, signal: Signal, old: &[Old], left: Left) -> Result<Cleared, Error> {
        match left {
            Left::Moves => self.moved(signal, old),
            Left::Expires => self.expire(signal, old.iter()),
        }
    }

    fn expire<'a>(&self, signal: Signal, old: impl Iterator<Item = &'a Old>) -> Result<Cleared, Error> {
        let expired: Vec<_> = old.collect();
        self.put(signal, expired.iter().map(|old| (*old, None)))?;
        let cleared = Cleared { expired: expired.len() as u64, ..Cleared::default() };
        let executions: BTreeSet<_> = expired.iter().map(|old| &old.trace_id).collect();
        if !executions.is_empty() {
            let written = next_version(self.transaction)?;
            executions.into_iter().try_for_each(|trace_id| self.forget_words(trace_id, written))?;
        }
        Ok(cleared)
    }

    /// Puts what is left into new blocks; what cannot be read could not be read before either, and expires.
    fn moved(&self, signal: Signal, old: &[Old]) -> Result<Cleared, Error> {
        // Whoever retires a key after this begins to clear after this, and moves what is moved here once more.
        self.content.vault.look_again();
        let mut day = Day::new(self.transaction, self.content, self.project, self.day)?;
        let mut reading = Records::new(self.transaction, self.content, self.project);
        let (mut moved, mut records, mut lost, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for old in old {
            if bytes >= BYTES {
                break;
            }
            match reading.at(signal, self.day, old.hash, old.address) {
                Ok(Some(record)) => {
                    bytes += record.body().len();
                    moved.push(old);
                    records.push(record);
                }
                Ok(None) | Err(Error::Damaged(_)) => lost.push(old),
                Err(error) => return Err(error),
            }
        }
        let spots = day.records(&records)?;
        let first = first_new_block(self.transaction, next_version(self.transaction)?)?;
        day.fill(self.content, &mut Press::new()?, first)?.write(self.transaction)?;
        let moved = moved.into_iter().zip(spots);
        self.put(signal, moved.map(|(old, spot)| (old, Some(prepare::address(first, spot)))))?;
        let cleared = self.expire(signal, lost.into_iter())?;
        Ok(Cleared { lost: cleared.expired, ..cleared })
    }

    fn put<'a>(
        &self,
        signal: Signal,
        rows: impl Iterator<Item = (&'a Old, Option<Address>)>,
    ) -> Result<(), Error> {
        let sql = match signal {
            Signal::Traces => {
                "UPDATE span SET block = ?5, start = ?6, length = ?7
                 WHERE project = ?1 AND trace_id = ?2 AND span_id = ?3 AND ?4 = 0"
            }
            Signal::Logs => {
                "UPDATE log SET block = ?5, start = ?6, length = ?7
                 WHERE project = ?1 AND trace_id = ?2 AND hash = ?3 AND ordinal = ?4"
            }
        };
        let row = |(old, address): (&Old, Option<Address>)| {
            let (trace_id, id) = (old.trace_id.clone(), old.id.clone());
            vec![
                self.project.0.into(),
                trace_id.into(),
                id.into(),
                old.ordinal.into(),
                address.map(|address| address.block).into(),
                address.map(|address| address.start).into(),
                address.map(|address| address.length).into(),
            ]
        };
        self.transaction.many(sql, &rows.map(row).collect::<Vec<Vec<Value>>>())?;
        Ok(())
    }

    /// The words of an execution are those of all its records: where some expired, the others are read anew. It waits
    /// from a version before all, which was never given: what was read before is of another one, and is not put in.
    fn forget_words(&self, trace_id: &[u8], written: i64) -> Result<(), Error> {
        for table in ["words", "unindexed"] {
            let sql = format!("DELETE FROM {table} WHERE project = ?1 AND trace_id = ?2");
            self.transaction.execute(&sql, params![self.project.0, trace_id])?;
        }
        let sql =
            "INSERT INTO unindexed (project, trace_id, version, newest, since) SELECT ?1, ?2, -?3, ?3, ?4
            WHERE EXISTS (SELECT 1 FROM span WHERE project = ?1 AND trace_id = ?2 AND block IS NOT NULL)
               OR EXISTS (SELECT 1 FROM log WHERE project = ?1 AND trace_id = ?2 AND block IS NOT NULL)";
        let now = time(Some(Timestamp::now()));
        self.transaction.execute(sql, params![self.project.0, trace_id, written, now])?;
        Ok(())
    }

    fn pieces(&self) -> Result<usize, Error> {
        let sql = "DELETE FROM piece WHERE project = ?1 AND day = ?2 AND hash IN (SELECT hash FROM piece
            WHERE project = ?1 AND day = ?2 AND block < ?3 LIMIT ?4)";
        let values = params![self.project.0, self.day, self.first, PIECES];
        self.transaction.execute(sql, values)
    }

    fn blocks(&self) -> Result<Cleared, Error> {
        let sql = "DELETE FROM block WHERE id IN (SELECT id FROM block
            WHERE project = ?1 AND day = ?2 AND id < ?3 LIMIT ?4) RETURNING length(sealed)";
        let mut statement = self.transaction.prepare(sql)?;
        let mut gone = statement.query(params![self.project.0, self.day, self.first, BLOCKS])?;
        let mut cleared = Cleared::default();
        while let Some(row) = gone.next()? {
            cleared.blocks += 1;
            cleared.bytes += row.get::<i64>(0)?.unsigned_abs();
        }
        Ok(cleared)
    }
}
