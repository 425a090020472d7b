//! What was kept in the clear is cut, sealed and moved, within the transaction that changes the schema: a crash
//! leaves all of the old or all of the new.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rusqlite::params;
use treering_otlp::Signal;
use treering_redact::{Context, Record};
use treering_seal::HashKey;
use treering_step::TraceId;

use super::file;
use crate::content::{Address, Name, Press, Spot, keyed};
use crate::sql::{
    Content, Day, OptionalExtension, Transaction, address, first_new_block, mark_all, next_version,
};
use crate::{Error, ProjectId};

/// Rows between two writings of what was gathered, and bytes of them.
const AT_ONCE: usize = 4096;
const BYTES_AT_ONCE: usize = 4 << 20;

pub(super) fn seal_content(transaction: &Transaction<'_>, content: &Content) -> Result<(), Error> {
    let places =
        "SELECT project, day FROM span_before UNION SELECT project, day FROM log_before ORDER BY 1, 2";
    let places = transaction.all(places, params![], |row| Ok((ProjectId(row.get(0)?), row.get(1)?)))?;
    let next = first_new_block(transaction, next_version(transaction)?)?;
    let mut moving = Moving { transaction, content, press: Press::new()?, next, renamed: BTreeMap::new() };
    for place in places {
        moving.day(place, Signal::Traces)?;
        moving.day(place, Signal::Logs)?;
    }
    moving.renamed.values().try_for_each(Renaming::traces)?;
    mark_all(transaction)?;
    file(transaction)
        .execute_batch("DROP TABLE span_before; DROP TABLE log_before; DROP TABLE piece_before;")?;
    Ok(())
}

struct Moving<'a> {
    transaction: &'a Transaction<'a>,
    content: &'a Content,
    press: Press,
    /// The next block.
    next: i64,
    renamed: BTreeMap<ProjectId, Renaming<'a>>,
}

/// A row of before, and where its content goes.
struct Row {
    id: i64,
    trace_id: Vec<u8>,
    hash: Name,
    has_trace: bool,
}

impl<'a> Moving<'a> {
    /// Moves the records of a day.
    fn day(&mut self, (project, day): (ProjectId, u32), signal: Signal) -> Result<(), Error> {
        let mut contexts =
            Contexts { transaction: self.transaction, place: (project, day), read: HashMap::new() };
        let mut after = i64::MIN;
        loop {
            let (mut gathered, mut rows) =
                (Day::new(self.transaction, self.content, project, day)?, Vec::new());
            let mut statement = self.transaction.prepare(before(signal))?;
            let mut found = statement.query(params![project.0, day, after])?;
            let (mut records, mut bytes) = (Vec::new(), 0);
            while rows.len() < AT_ONCE
                && bytes < BYTES_AT_ONCE
                && let Some(row) = found.next()?
            {
                let record = contexts.record(signal, row.get(3)?, row.get(4)?)?;
                bytes += record.body().len();
                rows.push(Row {
                    id: row.get(0)?,
                    trace_id: row.get(1)?,
                    hash: row.get(2)?,
                    has_trace: record.log().is_none_or(|log| log.trace_id.is_some()),
                });
                records.push(record);
            }
            let spots = gathered.records(&records)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            self.write(project, signal, gathered, rows.iter().zip(spots))?;
            if signal == Signal::Logs {
                self.rename(project, &rows)?;
            }
        }
    }

    fn write<'r>(
        &mut self,
        project: ProjectId,
        signal: Signal,
        day: Day<'_>,
        rows: impl Iterator<Item = (&'r Row, Spot)>,
    ) -> Result<(), Error> {
        let first = self.next;
        let filled = day.fill(self.content, &mut self.press, first)?;
        self.next = filled.next();
        filled.write(self.transaction)?;
        let key = self.content.vault.hash_key(project)?;
        for (row, spot) in rows {
            let Address { block, start, length } = address(first, spot);
            let values = params![row.id, keyed(&key, row.hash), block, start, length];
            self.transaction.execute(after(signal), values)?;
        }
        Ok(())
    }

    fn rename(&mut self, project: ProjectId, rows: &[Row]) -> Result<(), Error> {
        let key = self.content.vault.hash_key(project)?;
        let (transaction, without_trace) = (self.transaction, BTreeSet::new());
        let new = || Renaming { transaction, project, key, without_trace };
        let renaming = self.renamed.entry(project).or_insert_with(new);
        for row in rows {
            renaming.log(&row.trace_id, row.hash)?;
            if !row.has_trace {
                renaming.without_trace.insert(row.trace_id.clone());
            }
        }
        Ok(())
    }
}

fn before(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => {
            "SELECT rowid, trace_id, hash, context, body FROM span_before
             WHERE project = ?1 AND day = ?2 AND rowid > ?3 ORDER BY rowid"
        }
        Signal::Logs => {
            "SELECT rowid, trace_id, hash, context, body FROM log_before
             WHERE project = ?1 AND day = ?2 AND rowid > ?3 ORDER BY rowid"
        }
    }
}

fn after(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => {
            "INSERT INTO span (project, trace_id, span_id, day, ended_at, hash, announces, block, start, length)
             SELECT project, trace_id, span_id, day, ended_at, ?2, announces, ?3, ?4, ?5 FROM span_before
             WHERE rowid = ?1"
        }
        Signal::Logs => {
            "INSERT INTO log (project, trace_id, hash, ordinal, span_id, at, day, block, start, length)
             SELECT project, trace_id, ?2, ordinal, span_id, at, day, ?3, ?4, ?5 FROM log_before
             WHERE rowid = ?1"
        }
    }
}

/// The contexts of a day, as they were kept before.
struct Contexts<'a> {
    transaction: &'a Transaction<'a>,
    place: (ProjectId, u32),
    read: HashMap<Name, Context>,
}

impl Contexts<'_> {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the store: what it holds was redacted when it was written"
    )]
    fn record(&mut self, signal: Signal, context: Name, body: Vec<u8>) -> Result<Record, Error> {
        Ok(Record::from_store(signal, self.context(context)?, body))
    }

    fn context(&mut self, hash: Name) -> Result<Context, Error> {
        if let Some(context) = self.read.get(&hash) {
            return Ok(context.clone());
        }
        let sql = "SELECT bytes FROM piece_before WHERE project = ?1 AND day = ?2 AND hash = ?3";
        let values = params![self.place.0.0, self.place.1, hash];
        let bytes: Option<Vec<u8>> = self.transaction.one(sql, values, |row| row.get(0)).optional()?;
        let context = Context::new(bytes.ok_or(Error::Damaged("a record names a piece that is not there"))?);
        self.read.insert(hash, context.clone());
        Ok(context)
    }
}

/// Log records were named by unkeyed hashes: in their summaries, in the ids of steps that one of them is, and, where
/// they had no trace, in the id of that of their session. What is sent again must be known again: all of these get
/// the names that new ones have.
struct Renaming<'a> {
    transaction: &'a Transaction<'a>,
    project: ProjectId,
    key: HashKey,
    /// Executions of log records without a trace.
    without_trace: BTreeSet<Vec<u8>>,
}

impl Renaming<'_> {
    fn log(&self, trace_id: &[u8], before: Name) -> Result<(), Error> {
        let after = keyed(&self.key, before);
        let (step_before, step_after) = (alone(before), alone(after));
        for prefix in [&[][..], &[1]] {
            let sql = "UPDATE summary SET source = ?5, span_id = iif(span_id = ?6, ?7, span_id)
                WHERE project = ?1 AND trace_id = ?2 AND span_id IN (SELECT span_id FROM log
                    WHERE project = ?1 AND trace_id = ?2 AND hash = ?3) AND source = ?4";
            let source = |name: &Name| [prefix, name].concat();
            self.transaction.execute(
                sql,
                params![
                    self.project.0,
                    trace_id,
                    after,
                    source(&before),
                    source(&after),
                    step_before,
                    step_after,
                ],
            )?;
        }
        let sql = "UPDATE log SET span_id = ?5
            WHERE project = ?1 AND trace_id = ?2 AND hash = ?3 AND span_id = ?4";
        let values = params![self.project.0, trace_id, after, step_before, step_after];
        self.transaction.execute(sql, values)?;
        Ok(())
    }

    fn traces(&self) -> Result<(), Error> {
        for before in &self.without_trace {
            let hash = before.as_slice().try_into().map_err(|_| Error::Damaged("a trace id"))?;
            let after = TraceId::from_bytes(&keyed(&self.key, hash)).ok_or(Error::Damaged("a trace id"))?;
            for table in ["log", "summary", "execution", "stale", "words", "unindexed"] {
                let sql = format!("UPDATE {table} SET trace_id = ?3 WHERE project = ?1 AND trace_id = ?2");
                let values = params![self.project.0, before, after.as_bytes()];
                self.transaction.execute(&sql, values)?;
            }
        }
        Ok(())
    }
}

/// The id of the step that a log record of this name is, where it is one.
fn alone(name: Name) -> [u8; 8] {
    let (halves, _) = name.as_chunks::<8>();
    halves.iter().copied().find(|half| *half != [0; 8]).unwrap_or([1; 8])
}
