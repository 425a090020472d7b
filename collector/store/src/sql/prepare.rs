//! What is to be kept, cut, compressed and sealed before anybody has to wait for the lock of the store.

use std::collections::{BTreeMap, HashMap};

use rusqlite::params;
use rusqlite::types::Value;
use treering_redact::Record;
use treering_seal::{HashKey, KeyId};

use super::connection::{Conflict, Connection, Find, Insert, Kind, OptionalExtension, Transaction};
use super::content::Content;
use super::rows::time;
use super::versions::{forgot, last_version};
use crate::content::{Address, Gatherer, Name, Press, Shelf, Spot, Uncut, identity};
use crate::vault;
use crate::{Batch, Error, LogEntry, ProjectId, SpanEntry};

/// The bits of a block's id that tell it from others of its version.
const BLOCKS: u32 = 16;

/// What a preparation is built upon.
#[derive(Debug, Clone, Copy)]
enum Upon {
    /// That nothing is written before it but this version.
    Version(i64),
    /// That nothing was taken away since this version.
    Forgotten(i64),
}

/// Batches that are ready to be written, while what they are built upon still holds.
pub(super) struct Prepared {
    upon: Upon,
    pub(super) batches: Vec<Kept>,
    filled: Vec<Filled>,
}

/// What is kept of a batch: one for each of its entries, `None` where nothing is.
pub(super) struct Kept {
    /// The first block of its project and day.
    first: i64,
    spans: Vec<Option<Stored>>,
    logs: Vec<Option<Stored>>,
}

/// The name of a record, and where its content will lie; it has no spot where it is kept already.
#[derive(Clone, Copy)]
struct Stored {
    hash: Name,
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
pub(crate) fn address(first: i64, spot: Spot) -> Address {
    let block = i64::try_from(spot.block).expect("memory ends before the numbers do");
    Address { block: first + block, start: spot.start, length: spot.length }
}

impl Prepared {
    /// True where it may be written as this version: what it leaves out is there, and what it seals can be opened.
    pub(super) fn holds(
        &self,
        transaction: &Transaction<'_>,
        content: &Content,
        written: i64,
    ) -> Result<bool, Error> {
        let is_built = match self.upon {
            Upon::Version(version) => version == written,
            Upon::Forgotten(version) => forgot(transaction)? == version,
        };
        Ok(is_built && self.has_keys(transaction, content)?)
    }

    /// True where the keys that sealed and named it still do: another collector may have retired or dropped them.
    fn has_keys(&self, transaction: &Transaction<'_>, content: &Content) -> Result<bool, Error> {
        let keys: Vec<_> = self.filled.iter().flat_map(|filled| filled.keys.iter().copied()).collect();
        in_use(transaction, content, &keys)
    }

    pub(super) fn write(&self, transaction: &Transaction<'_>) -> Result<(), Error> {
        self.filled.iter().try_for_each(|filled| filled.write(transaction))
    }
}

/// True where each of these keys seals or names today. Where the store has them in its own tables, that is asked under the
/// lock which the transaction has.
pub(super) fn in_use(
    transaction: &Transaction<'_>,
    content: &Content,
    keys: &[KeyId],
) -> Result<bool, Error> {
    match transaction.control() {
        Connection::Postgres(_) => vault::in_use(transaction, keys),
        _ => content.vault.in_use(keys),
    }
}

/// Prepares batches, from what the connection sees.
pub(super) fn prepare(
    connection: &Connection,
    content: &Content,
    batches: &[Batch],
) -> Result<Prepared, Error> {
    let upon = match connection.control() {
        Connection::Postgres(_) => Upon::Forgotten(forgot(connection)?),
        _ => Upon::Version(last_version(connection)? + 1),
    };
    prepare_upon(upon, connection, content, batches)
}

/// The same in a transaction that writes this version, before which nothing can come any more.
pub(super) fn prepare_locked(
    transaction: &Transaction<'_>,
    content: &Content,
    batches: &[Batch],
    written: i64,
) -> Result<Prepared, Error> {
    prepare_upon(Upon::Version(written), transaction, content, batches)
}

fn prepare_upon(
    upon: Upon,
    connection: &Connection,
    content: &Content,
    batches: &[Batch],
) -> Result<Prepared, Error> {
    let mut days = BTreeMap::<_, Vec<&Batch>>::new();
    for batch in batches {
        days.entry((batch.project, batch.day)).or_default().push(batch);
    }
    let (Upon::Version(version) | Upon::Forgotten(version)) = upon;
    let mut next = first_new_block(connection, version)?;
    let (mut filled, mut press, mut all) = (Vec::new(), Press::new()?, HashMap::new());
    for (place, batches) in days {
        let mut day = Day::new(connection, content, place.0, place.1)?;
        let mut stored = day.store(&batches)?;
        stored.iter_mut().for_each(|kept| kept.first = next);
        all.insert(place, stored.into_iter());
        let full = day.fill(content, &mut press, next)?;
        next = full.next();
        filled.push(full);
    }
    let of_batch = |batch: &Batch| all.get_mut(&(batch.project, batch.day)).and_then(Iterator::next);
    Ok(Prepared { upon, batches: batches.iter().filter_map(of_batch).collect(), filled })
}

/// The number of the first block that is written now: greater than that of any block that is there, and nobody else's.
pub(crate) fn first_new_block(connection: &Connection, version: i64) -> Result<i64, Error> {
    match connection.control() {
        Connection::Postgres(_) => connection.one("SELECT nextval('block_id')", params![], |row| row.get(0)),
        // No version comes twice.
        _ => Ok(version << BLOCKS),
    }
}

/// What is known of a day already.
pub(crate) struct Known<'a> {
    connection: &'a Connection,
    project: ProjectId,
    day: u32,
    /// Pieces in older blocks are about to go.
    first: i64,
    kept: std::collections::HashSet<Name>,
}

impl<'a> Known<'a> {
    fn new(connection: &'a Connection, project: ProjectId, day: u32) -> Result<Self, Error> {
        let sql = "SELECT first FROM rewriting WHERE project = ?1 AND day = ?2";
        let first = connection.one(sql, params![project.0, day], |row| row.get(0)).optional()?;
        Ok(Self { connection, project, day, first: first.unwrap_or(i64::MIN), kept: Default::default() })
    }
}

const PIECES: Find<'_> = Find {
    told: "block",
    table: "piece",
    by: &[("project", Kind::Integer), ("day", Kind::Integer), ("hash", Kind::Bytes)],
    but: "",
};

impl Shelf for Known<'_> {
    fn look_up(&mut self, names: &[Name]) -> Result<(), Error> {
        let key = |name: &Name| vec![self.project.0.into(), self.day.into(), name.to_vec().into()];
        let keys: Vec<Vec<Value>> = names.iter().map(key).collect();
        self.connection.find(&PIECES, &keys, |place, row| {
            if row.get::<i64>(0)? >= self.first {
                self.kept.insert(names[place]);
            }
            Ok(())
        })
    }

    fn holds(&self, name: &Name) -> bool {
        self.kept.contains(name)
    }
}

/// The new content of a project and a day.
pub(crate) struct Day<'a> {
    connection: &'a Connection,
    project: ProjectId,
    day: u32,
    key: HashKey,
    /// The name of that key.
    named_by: KeyId,
    pub(crate) gatherer: Gatherer<Known<'a>>,
}

const SPANS: Find<'_> = Find {
    told: "block IS NOT NULL, ended_at, hash",
    table: "span",
    by: &[("project", Kind::Integer), ("trace_id", Kind::Bytes), ("span_id", Kind::Bytes)],
    but: "",
};

const LOGS: Find<'_> = Find {
    told: "block IS NOT NULL",
    table: "log",
    by: &[
        ("project", Kind::Integer),
        ("trace_id", Kind::Bytes),
        ("hash", Kind::Bytes),
        ("ordinal", Kind::Integer),
    ],
    but: "",
};

impl<'a> Day<'a> {
    pub(crate) fn new(
        connection: &'a Connection,
        content: &Content,
        project: ProjectId,
        day: u32,
    ) -> Result<Self, Error> {
        let (named_by, key) = content.vault.names(project)?;
        let gatherer = Gatherer::new(key.clone(), Known::new(connection, project, day)?);
        Ok(Self { connection, project, day, key, named_by, gatherer })
    }

    /// Gathers what is new in these batches.
    fn store(&mut self, batches: &[&Batch]) -> Result<Vec<Kept>, Error> {
        batches.iter().try_for_each(|batch| self.is_named_today(batch))?;
        let spans: Vec<&SpanEntry> = batches.iter().flat_map(|batch| &batch.spans).collect();
        let logs: Vec<&LogEntry> = batches.iter().flat_map(|batch| &batch.logs).collect();
        let (wanted_spans, wanted_logs) = (self.wanted_spans(&spans)?, self.wanted_logs(&logs)?);
        let records = spans.iter().map(|entry| &entry.record).chain(logs.iter().map(|entry| &entry.record));
        let wanted = wanted_spans.iter().chain(&wanted_logs);
        let new: Vec<_> = records
            .zip(wanted)
            .filter(|(_, wanted)| matches!(wanted, Wanted::New(_)))
            .map(|(record, _)| Uncut::of(record))
            .collect();
        let mut spots = self.gatherer.records(&new)?.into_iter();
        let mut stored = |wanted: Wanted| match wanted {
            Wanted::New(hash) => Some(Stored { hash, spot: spots.next() }),
            Wanted::Kept(hash) => Some(Stored { hash, spot: None }),
            Wanted::Not => None,
        };
        let spans: Vec<_> = wanted_spans.into_iter().map(&mut stored).collect();
        let logs: Vec<_> = wanted_logs.into_iter().map(&mut stored).collect();
        let (mut spans, mut logs) = (spans.into_iter(), logs.into_iter());
        let kept = |batch: &&Batch| Kept {
            first: 0,
            spans: spans.by_ref().take(batch.spans.len()).collect(),
            logs: logs.by_ref().take(batch.logs.len()).collect(),
        };
        Ok(batches.iter().map(kept).collect())
    }

    /// Who read a batch named its log records, and their steps after them; one of them tells with which key.
    fn is_named_today(&self, batch: &Batch) -> Result<(), Error> {
        let is_named = |log: &LogEntry| log.record.identity() == identity(&self.key, &log.record);
        if batch.logs.first().is_none_or(is_named) { Ok(()) } else { Err(Error::KeysChanged) }
    }

    /// A span whose content expired is not kept again, nor is an older snapshot; one that is there only speaks again.
    fn wanted_spans(&self, entries: &[&SpanEntry]) -> Result<Vec<Wanted>, Error> {
        let name = |entry: &&SpanEntry| identity(&self.key, &entry.record);
        let mut wanted: Vec<_> = entries.iter().map(name).map(Wanted::New).collect();
        let key = |entry: &&SpanEntry| {
            let (trace_id, span_id) = (entry.trace_id.as_bytes().to_vec(), entry.span_id.as_bytes().to_vec());
            vec![self.project.0.into(), trace_id.into(), span_id.into()]
        };
        let keys: Vec<Vec<Value>> = entries.iter().map(key).collect();
        self.connection.find(&SPANS, &keys, |place, row| {
            let before: (i64, Name) = (row.get(1)?, row.get(2)?);
            let entry = (time(entries[place].ended_at).unwrap_or(0), name(&entries[place]));
            if !row.get::<bool>(0)? || entry < before {
                wanted[place] = Wanted::Not;
            } else if entry == before {
                wanted[place] = Wanted::Kept(entry.1);
            }
            Ok(())
        })?;
        Ok(wanted)
    }

    /// A log record whose content expired is not kept again; one that is there only speaks again.
    fn wanted_logs(&self, entries: &[&LogEntry]) -> Result<Vec<Wanted>, Error> {
        let names: Vec<_> = entries.iter().map(|entry| identity(&self.key, &entry.record)).collect();
        let mut wanted: Vec<_> = names.iter().copied().map(Wanted::New).collect();
        let key = |(entry, name): (&&LogEntry, &Name)| {
            let trace_id = entry.trace_id.as_bytes().to_vec();
            vec![self.project.0.into(), trace_id.into(), name.to_vec().into(), entry.ordinal.into()]
        };
        let keys: Vec<Vec<Value>> = entries.iter().zip(&names).map(key).collect();
        self.connection.find(&LOGS, &keys, |place, row| {
            wanted[place] = if row.get(0)? { Wanted::Kept(names[place]) } else { Wanted::Not };
            Ok(())
        })?;
        Ok(wanted)
    }

    /// Gathers records as they are, and tells where the recipe of each lies.
    pub(crate) fn records(&mut self, records: &[Record]) -> Result<Vec<Spot>, Error> {
        self.gatherer.records(&records.iter().map(Uncut::of).collect::<Vec<_>>())
    }

    /// Compresses and seals it, in blocks from this number on.
    pub(crate) fn fill(self, content: &Content, press: &mut Press, first: i64) -> Result<Filled, Error> {
        let (project, day, named_by) = (self.project, self.day, self.named_by);
        let (raw, pieces) = self.gatherer.finish();
        let (keys, blocks) = (vec![named_by], Vec::with_capacity(raw.len()));
        let mut filled = Filled { project, day, first, keys, blocks, pieces };
        if !raw.is_empty() {
            let key = content.vault.data_key(project, day)?;
            filled.keys.push(key.id());
            for block in raw {
                let sealed = press.seal(&key, (project, day, filled.next()), &block)?;
                filled.blocks.push(sealed);
            }
        }
        Ok(filled)
    }
}

/// Whether a record is kept.
#[derive(Clone, Copy)]
enum Wanted {
    New(Name),
    /// It is there.
    Kept(Name),
    Not,
}

/// Sealed blocks, and the pieces that lie in them.
pub(crate) struct Filled {
    project: ProjectId,
    day: u32,
    first: i64,
    /// What named and sealed them.
    keys: Vec<KeyId>,
    blocks: Vec<Vec<u8>>,
    pieces: Vec<(Name, Spot)>,
}

const NEW_BLOCKS: Insert = Insert {
    table: "block",
    columns: &[
        ("id", Kind::Integer),
        ("project", Kind::Integer),
        ("day", Kind::Integer),
        ("sealed", Kind::Bytes),
    ],
    conflict: Conflict::Impossible,
    told: None,
};

const NEW_PIECES: Insert = Insert {
    table: "piece",
    columns: &[
        ("project", Kind::Integer),
        ("day", Kind::Integer),
        ("hash", Kind::Bytes),
        ("block", Kind::Integer),
        ("start", Kind::Integer),
        ("length", Kind::Integer),
    ],
    conflict: Conflict::Replaces("project, day, hash"),
    told: None,
};

impl Filled {
    /// The number of the next block.
    pub(crate) fn next(&self) -> i64 {
        self.first + i64::try_from(self.blocks.len()).expect("memory ends before the numbers do")
    }

    pub(crate) fn write(&self, connection: &Connection) -> Result<(), Error> {
        let place = || [self.project.0.into(), self.day.into()];
        let block = |(id, sealed): (i64, &Vec<u8>)| {
            let [project, day] = place();
            vec![id.into(), project, day, sealed.clone().into()]
        };
        let blocks: Vec<Vec<Value>> = (self.first..).zip(&self.blocks).map(block).collect();
        connection.put(&NEW_BLOCKS, &blocks, |_| Ok(()))?;
        let piece = |(name, spot): &(Name, Spot)| {
            let Address { block, start, length } = address(self.first, *spot);
            let [project, day] = place();
            vec![project, day, name.to_vec().into(), block.into(), start.into(), length.into()]
        };
        let pieces: Vec<Vec<Value>> = self.pieces.iter().map(piece).collect();
        connection.put(&NEW_PIECES, &pieces, |_| Ok(()))
    }
}
