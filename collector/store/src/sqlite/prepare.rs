//! What is to be kept, cut, compressed and sealed before anybody has to wait for the lock of the file.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use rusqlite::{Connection, OptionalExtension, Transaction, params};
use treering_seal::HashKey;

use super::content::Content;
use super::rows::time;
use crate::content::{Address, Gatherer, Name, Press, Shelf, Spot, identity};
use crate::{Batch, Error, LogEntry, ProjectId, SpanEntry};

/// The bits of a block's id that tell it from others of its version.
const BLOCKS: u32 = 16;

/// Batches that are ready to be written, unless something else was written meanwhile.
pub(super) struct Prepared {
    /// The version that it is written as.
    pub(super) version: i64,
    pub(super) batches: Vec<Kept>,
    filled: Vec<Filled>,
}

/// What is kept of a batch: one for each of its entries, `None` where nothing is.
pub(super) struct Kept {
    place: (ProjectId, u32),
    /// The first block of its project and day.
    first: i64,
    spans: Vec<Option<Stored>>,
    logs: Vec<Option<Stored>>,
}

/// The name of a record, and where its content will lie; it has no spot where it is kept already.
#[derive(Clone, Copy)]
pub(super) struct Stored {
    pub(super) hash: Name,
    spot: Option<Spot>,
}

impl Kept {
    pub(super) fn spans(&self) -> impl Iterator<Item = Option<(Name, Option<Address>)>> {
        self.spans.iter().map(|stored| stored.map(|stored| (stored.hash, self.address(stored))))
    }

    pub(super) fn logs(&self) -> impl Iterator<Item = Option<(Name, Option<Address>)>> {
        self.logs.iter().map(|stored| stored.map(|stored| (stored.hash, self.address(stored))))
    }

    fn address(&self, stored: Stored) -> Option<Address> {
        stored.spot.map(|spot| address(self.first, spot))
    }
}

/// Where a spot lies once the first block of its day has a number.
pub(super) fn address(first: i64, spot: Spot) -> Address {
    let block = i64::try_from(spot.block).expect("memory ends before the numbers do");
    Address { block: first + block, start: spot.start, length: spot.length }
}

impl Prepared {
    pub(super) fn write(&self, transaction: &Transaction<'_>) -> Result<(), Error> {
        self.filled.iter().try_for_each(|filled| filled.write(transaction))
    }
}

/// Prepares batches for this version, from what the connection sees.
pub(super) fn prepare(
    connection: &Connection,
    content: &Content,
    batches: &[Batch],
    version: i64,
) -> Result<Prepared, Error> {
    let mut days = BTreeMap::new();
    let mut kept = Vec::with_capacity(batches.len());
    for batch in batches {
        let place = (batch.project, batch.day);
        let day = match days.entry(place) {
            Entry::Occupied(day) => day.into_mut(),
            Entry::Vacant(free) => free.insert(Day::new(connection, content, batch.project, batch.day)?),
        };
        let spans = batch.spans.iter().map(|span| day.span(span)).collect::<Result<_, _>>()?;
        let logs = batch.logs.iter().map(|log| day.log(log)).collect::<Result<_, _>>()?;
        kept.push(Kept { place, first: 0, spans, logs });
    }
    let (mut filled, mut next, mut press) = (Vec::new(), first_block(version), Press::new()?);
    for (place, day) in days {
        kept.iter_mut().filter(|kept| kept.place == place).for_each(|kept| kept.first = next);
        let full = day.fill(content, &mut press, next)?;
        next = full.next();
        filled.push(full);
    }
    Ok(Prepared { version, batches: kept, filled })
}

/// The id of the first block of a version: ids grow, and no version comes twice.
pub(super) fn first_block(version: i64) -> i64 {
    version << BLOCKS
}

/// What is known of a day already.
pub(super) struct Known<'a> {
    connection: &'a Connection,
    project: ProjectId,
    day: u32,
    /// Pieces in older blocks are about to go.
    first: i64,
}

impl<'a> Known<'a> {
    fn new(connection: &'a Connection, project: ProjectId, day: u32) -> Result<Self, Error> {
        let sql = "SELECT first FROM rewriting WHERE project = ?1 AND day = ?2";
        let mut statement = connection.prepare_cached(sql)?;
        let first = statement.query_row(params![project.0, day], |row| row.get(0)).optional()?;
        Ok(Self { connection, project, day, first: first.unwrap_or(i64::MIN) })
    }
}

impl Shelf for Known<'_> {
    fn holds(&mut self, name: &Name) -> Result<bool, Error> {
        let sql = "SELECT 1 FROM piece WHERE project = ?1 AND day = ?2 AND hash = ?3 AND block >= ?4";
        let values = params![self.project.0, self.day, name, self.first];
        Ok(self.connection.prepare_cached(sql)?.exists(values)?)
    }
}

/// The new content of a project and a day.
pub(super) struct Day<'a> {
    connection: &'a Connection,
    project: ProjectId,
    day: u32,
    key: HashKey,
    pub(super) gatherer: Gatherer<Known<'a>>,
}

impl<'a> Day<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        content: &Content,
        project: ProjectId,
        day: u32,
    ) -> Result<Self, Error> {
        let key = content.vault.hash_key(project)?;
        let gatherer = Gatherer::new(key.clone(), Known::new(connection, project, day)?);
        Ok(Self { connection, project, day, key, gatherer })
    }

    /// A span that is kept already, or whose content expired, is not kept again; nor is an older snapshot.
    fn span(&mut self, entry: &SpanEntry) -> Result<Option<Stored>, Error> {
        let sql = "SELECT block IS NOT NULL AND (?4, ?5) > (ended_at, hash) FROM span
            WHERE project = ?1 AND trace_id = ?2 AND span_id = ?3";
        let hash = identity(&self.key, &entry.record);
        let ended_at = time(entry.ended_at).unwrap_or(0);
        let ids = (entry.trace_id.as_bytes(), entry.span_id.as_bytes());
        let mut statement = self.connection.prepare_cached(sql)?;
        let is_newer = statement
            .query_row(params![self.project.0, ids.0, ids.1, ended_at, hash], |row| row.get(0))
            .optional()?;
        if is_newer == Some(false) {
            return Ok(None);
        }
        self.store(hash, &entry.record)
    }

    /// A log record whose content expired is not kept again; one that is there only speaks again.
    fn log(&mut self, entry: &LogEntry) -> Result<Option<Stored>, Error> {
        let sql = "SELECT block IS NOT NULL FROM log
            WHERE project = ?1 AND trace_id = ?2 AND hash = ?3 AND ordinal = ?4";
        let hash = identity(&self.key, &entry.record);
        let mut statement = self.connection.prepare_cached(sql)?;
        let has_content = statement
            .query_row(params![self.project.0, entry.trace_id.as_bytes(), hash, entry.ordinal], |row| {
                row.get(0)
            })
            .optional()?;
        match has_content {
            Some(false) => Ok(None),
            Some(true) => Ok(Some(Stored { hash, spot: None })),
            None => self.store(hash, &entry.record),
        }
    }

    fn store(&mut self, hash: Name, record: &treering_redact::Record) -> Result<Option<Stored>, Error> {
        let spot = self.gatherer.record(record.signal(), record.context(), record.body())?;
        Ok(Some(Stored { hash, spot: Some(spot) }))
    }

    /// Compresses and seals it, in blocks from this number on.
    pub(super) fn fill(self, content: &Content, press: &mut Press, first: i64) -> Result<Filled, Error> {
        let (project, day) = (self.project, self.day);
        let (raw, pieces) = self.gatherer.finish();
        let mut filled = Filled { project, day, first, blocks: Vec::with_capacity(raw.len()), pieces };
        if !raw.is_empty() {
            let key = content.vault.data_key(project, day)?;
            for block in raw {
                let sealed = press.seal(&key, (project, day, filled.next()), &block)?;
                filled.blocks.push(sealed);
            }
        }
        Ok(filled)
    }
}

/// Sealed blocks, and the pieces that lie in them.
pub(super) struct Filled {
    project: ProjectId,
    day: u32,
    first: i64,
    blocks: Vec<Vec<u8>>,
    pieces: Vec<(Name, Spot)>,
}

impl Filled {
    /// The number of the next block.
    pub(super) fn next(&self) -> i64 {
        self.first + i64::try_from(self.blocks.len()).expect("memory ends before the numbers do")
    }

    pub(super) fn write(&self, transaction: &Transaction<'_>) -> Result<(), Error> {
        let sql = "INSERT INTO block (id, project, day, sealed) VALUES (?1, ?2, ?3, ?4)";
        let mut block = transaction.prepare_cached(sql)?;
        for (id, sealed) in (self.first..).zip(&self.blocks) {
            block.execute(params![id, self.project.0, self.day, sealed])?;
        }
        let sql = "INSERT OR REPLACE INTO piece (project, day, hash, block, start, length)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let mut piece = transaction.prepare_cached(sql)?;
        for (name, spot) in &self.pieces {
            let Address { block, start, length } = address(self.first, *spot);
            piece.execute(params![self.project.0, self.day, name, block, start, length])?;
        }
        Ok(())
    }
}
