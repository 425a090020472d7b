//! The blocks of a day are emptied and dropped: what they hold moves to new ones, or expires.
//!
//! It is done in small steps between which anybody may write and read, and a new start makes up for whatever became
//! of the one before: blocks older than a mark are to go, and their pieces are known to nobody who writes.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::connection::{Connection, Delete, Find, Kind, OptionalExtension, Row, Transaction, Update};
use rusqlite::params;
use rusqlite::types::Value;
use treering_otlp::Signal;
use treering_step::TraceId;

use super::content::Content;
use super::executions::BY_EXECUTION;
use super::index;
use super::joins::BY_STEP;
use super::prepare::{self, Day, first_new_block};
use super::records::{Kept, RECORD, Records};
use super::removal::keys;
use super::rows;
use super::versions::{next_forgetting_version, next_version};
use crate::content::{Address, Press};
use crate::{Error, ProjectId, Touched};

/// Records of one step, and bytes of them where they move.
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

/// How far it has come: what is before that is done, and not looked at again.
#[derive(Debug, Clone)]
pub(super) struct At {
    /// The first block that stays. Where somebody begins anew meanwhile, it is a later one.
    first: i64,
    /// The block from which on there are spans, and log records, and blocks.
    spans: i64,
    logs: i64,
    blocks: i64,
    /// The first piece that is left; none where all are gone.
    pieces: Option<Vec<u8>>,
}

impl At {
    fn start(first: i64) -> Self {
        Self { first, spans: 0, logs: 0, blocks: i64::MIN, pieces: Some(Vec::new()) }
    }

    fn records(&mut self, signal: Signal) -> &mut i64 {
        match signal {
            Signal::Traces => &mut self.spans,
            Signal::Logs => &mut self.logs,
        }
    }
}

/// Does a little of it, and tells how far it is then; `None` where there is nothing left to do.
pub(super) fn step(
    connection: &Connection,
    content: &Content,
    (project, day): (ProjectId, u32),
    left: Left,
    at: Option<At>,
) -> Result<Option<(Cleared, At)>, Error> {
    let transaction = connection.writing()?;
    let sql = "SELECT first FROM rewriting WHERE project = ?1 AND day = ?2";
    let first = transaction.one(sql, params![project.0, day], |row| row.get(0)).optional()?;
    let Some(first) = first else { return Ok(None) };
    let at = at.filter(|at| at.first == first).unwrap_or_else(|| At::start(first));
    let mut clearing = Clearing { transaction: &transaction, content, project, day, at };
    let cleared = clearing.step(left)?;
    let at = clearing.at;
    if cleared.is_none() {
        // Its old keys go next: who still reads what they sealed, of a moment before, knows by this version.
        next_forgetting_version(&transaction)?;
        let sql = "DELETE FROM rewriting WHERE project = ?1 AND day = ?2";
        transaction.execute(sql, params![project.0, day])?;
    }
    transaction.commit()?;
    Ok(cleared.map(|cleared| (cleared, at)))
}

struct Clearing<'a> {
    transaction: &'a Transaction<'a>,
    content: &'a Content,
    project: ProjectId,
    day: u32,
    at: At,
}

/// A row that names an old block.
struct Old {
    trace_id: TraceId,
    /// The id of a span, or the hash of a log record.
    id: Vec<u8>,
    ordinal: u32,
    block: i64,
    kept: Kept,
}

impl Clearing<'_> {
    fn step(&mut self, left: Left) -> Result<Option<Cleared>, Error> {
        for signal in [Signal::Traces, Signal::Logs] {
            let cleared = match left {
                Left::Moves => self.moved(signal)?,
                Left::Expires => self.expired(signal)?,
            };
            if cleared.is_some() {
                return Ok(cleared);
            }
        }
        if let Some(cleared) = self.at_once()? {
            return Ok(Some(cleared).filter(|cleared| cleared.blocks > 0));
        }
        if self.pieces()? {
            return Ok(Some(Cleared::default()));
        }
        let cleared = self.blocks()?;
        Ok(Some(cleared).filter(|cleared| cleared.blocks > 0))
    }

    /// The content of the next records expires.
    fn expired(&mut self, signal: Signal) -> Result<Option<Cleared>, Error> {
        let (table, last) = (table(signal), self.at.first - 1);
        let (project, day, from) = (self.project.0, self.day, *self.at.records(signal));
        let sql = format!(
            "SELECT block FROM {table} WHERE project = ?1 AND day = ?2 AND block BETWEEN ?3 AND ?4
             ORDER BY block LIMIT 1 OFFSET ?5"
        );
        let values = params![project, day, from, last, RECORDS];
        let through = self.transaction.one(&sql, values, |row| row.get(0)).optional()?.unwrap_or(last);
        let sql = format!(
            "UPDATE {table} SET block = NULL, start = NULL, length = NULL
             WHERE project = ?1 AND day = ?2 AND block BETWEEN ?3 AND ?4 RETURNING trace_id"
        );
        let values = params![project, day, from, through];
        let expired = self.transaction.all(&sql, values, |row| rows::trace_id(row.blob(0)?))?;
        *self.at.records(signal) = through.saturating_add(1);
        let cleared = Cleared { expired: expired.len() as u64, ..Cleared::default() };
        self.forget_words(expired.into_iter().collect())?;
        Ok(Some(cleared).filter(|cleared| cleared.expired > 0))
    }

    /// Puts the next records into new blocks; what cannot be read could not be read before either, and expires.
    fn moved(&mut self, signal: Signal) -> Result<Option<Cleared>, Error> {
        let old = self.old(signal)?;
        let mut reading = Records::new(self.transaction, self.content, self.project);
        let (mut moved, mut records, mut lost, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
        reading.each(&old.iter().map(|old| old.kept).collect::<Vec<_>>(), |at, record| {
            match record {
                Ok(Some(record)) => {
                    bytes += record.body().len();
                    moved.push(&old[at]);
                    records.push(record);
                }
                Ok(None) | Err(Error::Damaged(_)) => lost.push(&old[at]),
                Err(error) => return Err(error),
            }
            Ok(if bytes < BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        let Some(last) = moved.iter().chain(&lost).map(|old| old.block).max() else { return Ok(None) };
        *self.at.records(signal) = last;
        // Whoever retires a key after this begins to clear after this, and moves what is moved here once more.
        self.content.vault.look_again();
        let mut day = Day::new(self.transaction, self.content, self.project, self.day)?;
        let spots = day.records(&records)?;
        let first = first_new_block(self.transaction, next_version(self.transaction)?)?;
        day.fill(self.content, &mut Press::new()?, first)?.write(self.transaction)?;
        let moved = moved.into_iter().zip(spots);
        self.put(signal, moved.map(|(old, spot)| (old, Some(prepare::address(first, spot)))))?;
        self.put(signal, lost.iter().map(|old| (*old, None)))?;
        self.forget_words(lost.iter().map(|old| old.trace_id).collect())?;
        let lost = lost.len() as u64;
        Ok(Some(Cleared { expired: lost, lost, ..Cleared::default() }))
    }

    fn old(&mut self, signal: Signal) -> Result<Vec<Old>, Error> {
        let (table, own) = (table(signal), own(signal));
        let sql = format!(
            "SELECT {RECORD}, trace_id, {own} FROM {table}
             WHERE project = ?1 AND day = ?2 AND block BETWEEN ?3 AND ?4 ORDER BY block LIMIT ?5"
        );
        let (from, last) = (*self.at.records(signal), self.at.first - 1);
        self.transaction.all(&sql, params![self.project.0, self.day, from, last, RECORDS], |row| {
            let (trace_id, id, ordinal) = (rows::trace_id(row.blob(5)?)?, row.get(6)?, row.get(7)?);
            Ok(Old { trace_id, id, ordinal, block: row.get(2)?, kept: Kept::of(signal, row)? })
        })
    }

    fn put<'a>(
        &self,
        signal: Signal,
        rows: impl Iterator<Item = (&'a Old, Option<Address>)>,
    ) -> Result<(), Error> {
        let row = |(old, address): (&Old, Option<Address>)| {
            let mut row =
                vec![self.project.0.into(), old.trace_id.as_bytes().to_vec().into(), old.id.clone().into()];
            row.extend((signal == Signal::Logs).then(|| old.ordinal.into()));
            row.extend([
                address.map(|address| address.block).into(),
                address.map(|address| address.start).into(),
                address.map(|address| address.length).into(),
            ]);
            row
        };
        let by = match signal {
            Signal::Traces => &BY_STEP[..],
            Signal::Logs => &BY_LOG[..],
        };
        let update = Update { table: table(signal), by, set: &ADDRESS };
        self.transaction.update(&update, &rows.map(row).collect::<Vec<Vec<Value>>>())?;
        Ok(())
    }

    /// The words of an execution are those of all its records: where some expired, the others are read anew. It waits
    /// from a version before all, which was never given: what was read before is of another one, and is not put in.
    fn forget_words(&self, executions: BTreeSet<TraceId>) -> Result<(), Error> {
        if executions.is_empty() {
            return Ok(());
        }
        let executions: Vec<_> = executions.into_iter().collect();
        let keys = keys(self.project, &executions);
        for table in ["words", "unindexed"] {
            let delete = Delete { table, by: &BY_EXECUTION, told: None };
            self.transaction.delete(&delete, &keys, |_| Ok(()))?;
        }
        let mut left = BTreeSet::new();
        for table in ["span", "log"] {
            let content = Find { told: "1", table, by: &BY_EXECUTION, but: "AND block IS NOT NULL LIMIT 1" };
            self.transaction.find(&content, &keys, |at, _| {
                left.insert(Touched { project: self.project, trace_id: executions[at] });
                Ok(())
            })?;
        }
        let written = next_version(self.transaction)?;
        index::wait(self.transaction, &left.into_iter().collect::<Vec<_>>(), -written, written)
    }

    /// Drops a day as a whole, where the store can and nothing of it stays.
    fn at_once(&mut self) -> Result<Option<Cleared>, Error> {
        if !self.transaction.keeps_steps_apart() {
            return Ok(None);
        }
        let sql = "SELECT count(*), coalesce(sum(length(sealed)), 0), coalesce(max(id), -1) FROM block
            WHERE project = ?1 AND day = ?2";
        let read = |row: Row<'_>| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?, row.get::<i64>(2)?));
        let (blocks, bytes, last) = self.transaction.one(sql, params![self.project.0, self.day], read)?;
        if last >= self.at.first {
            return Ok(None);
        }
        self.transaction.drop_day(self.project, self.day)?;
        let (blocks, bytes) = (blocks.unsigned_abs(), bytes.unsigned_abs());
        Ok(Some(Cleared { blocks, bytes, ..Cleared::default() }))
    }

    /// True while there are more.
    fn pieces(&mut self) -> Result<bool, Error> {
        let Some(from) = self.at.pieces.take() else { return Ok(false) };
        let (project, day, first) = (self.project.0, self.day, self.at.first);
        let sql = "SELECT hash FROM piece WHERE project = ?1 AND day = ?2 AND hash >= ?3
            ORDER BY hash LIMIT 1 OFFSET ?4";
        let until = self.transaction.one(sql, params![project, day, from, PIECES], |row| row.get(0));
        let until: Option<Vec<u8>> = until.optional()?;
        let sql = "DELETE FROM piece WHERE project = ?1 AND day = ?2 AND block < ?3 AND hash >= ?4";
        match &until {
            Some(until) => {
                let sql = format!("{sql} AND hash < ?5");
                self.transaction.execute(&sql, params![project, day, first, from, until])?;
            }
            None => drop(self.transaction.execute(sql, params![project, day, first, from])?),
        }
        self.at.pieces = until;
        Ok(true)
    }

    fn blocks(&mut self) -> Result<Cleared, Error> {
        let (project, day, from, first) = (self.project.0, self.day, self.at.blocks, self.at.first);
        let sql = "SELECT id FROM block WHERE project = ?1 AND day = ?2 AND id >= ?3 AND id < ?4
            ORDER BY id LIMIT 1 OFFSET ?5";
        let until = self.transaction.one(sql, params![project, day, from, first, BLOCKS], |row| row.get(0));
        self.at.blocks = until.optional()?.unwrap_or(first);
        let sql = "DELETE FROM block WHERE project = ?1 AND day = ?2 AND id >= ?3 AND id < ?4
            RETURNING length(sealed)";
        let gone: Vec<i64> =
            self.transaction.all(sql, params![project, day, from, self.at.blocks], |row| row.get(0))?;
        let bytes = gone.iter().map(|bytes| bytes.unsigned_abs()).sum();
        Ok(Cleared { blocks: gone.len() as u64, bytes, ..Cleared::default() })
    }
}

const BY_LOG: [(&str, Kind); 4] = [
    ("project", Kind::Integer),
    ("trace_id", Kind::Bytes),
    ("hash", Kind::Bytes),
    ("ordinal", Kind::Integer),
];

const ADDRESS: [(&str, Kind); 3] =
    [("block", Kind::Integer), ("start", Kind::Integer), ("length", Kind::Integer)];

fn table(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "span",
        Signal::Logs => "log",
    }
}

/// What names a record within its execution.
fn own(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "span_id, 0",
        Signal::Logs => "hash, ordinal",
    }
}
