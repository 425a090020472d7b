//! The records of a damaged database, as far as they are whole.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;
use treering_otlp::Signal;
use treering_redact::Record;
use treering_step::TraceId;

use super::open_damaged;
use super::pages::{Pages, VALUES, Value};
use crate::content::{Address, Name};
use crate::sql::{Connection, Content, Records, trace_id};
use crate::{Error, ProjectId, Vault};

/// Records that are given at one time, and bytes of them.
const PART_RECORDS: usize = 512;
const PART_BYTES: usize = 4 << 20;
/// Rows that are told apart by name; of more, only the numbers are compared.
const TOLD_APART: usize = 1 << 20;

/// A damaged database from which nothing was carried over yet.
#[derive(Debug)]
pub struct Salvage {
    path: PathBuf,
    vault: Vault,
}

/// A record that is whole, and what its row says of it.
#[derive(Debug)]
pub struct Salvaged {
    pub project: ProjectId,
    pub day: u32,
    pub trace_id: TraceId,
    /// Of a log record, which of several equal ones it is.
    pub ordinal: u32,
    pub record: Record,
}

/// What a damaged database gives, piece by piece.
#[derive(Debug)]
pub enum Piece {
    Records(Vec<Salvaged>),
    /// The last one: how many records were there and are not whole, as far as that shows.
    Lost(u64),
    /// It cannot be read at the moment; it stays, to be tried again.
    Failed(Error),
}

impl Salvage {
    pub(super) fn of(path: PathBuf, vault: Vault) -> Self {
        Self { path, vault }
    }

    pub(super) fn into_path(self) -> PathBuf {
        self.path
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it, as fast as the pieces are taken.
    pub fn read(&self) -> mpsc::Receiver<Piece> {
        let (give, pieces) = mpsc::channel(1);
        let (path, vault) = (self.path.clone(), self.vault.clone());
        tokio::task::spawn_blocking(move || {
            let last = match Reading::new(vault, &give).read(&path) {
                Ok(lost) => Piece::Lost(lost),
                Err(error) => Piece::Failed(error),
            };
            // Who does not listen any more begins anew another time.
            give.blocking_send(last).ok();
        });
        pieces
    }
}

struct Reading<'a> {
    content: Content,
    give: &'a mpsc::Sender<Piece>,
    names: RandomState,
    /// Rows that are known to have been there: by themselves, by the index of days, or by a summary.
    known: HashSet<u64>,
    rows: u64,
    whole: u64,
    /// Of which the content expired.
    without_content: u64,
    pending: Vec<Salvaged>,
    pending_bytes: usize,
}

impl<'a> Reading<'a> {
    fn new(vault: Vault, give: &'a mpsc::Sender<Piece>) -> Self {
        Self {
            content: Content::new(vault),
            give,
            names: RandomState::new(),
            known: HashSet::new(),
            rows: 0,
            whole: 0,
            without_content: 0,
            pending: Vec::new(),
            pending_bytes: 0,
        }
    }

    fn read(mut self, path: &Path) -> Result<u64, Error> {
        let failed = |source| Error::Mend { path: path.display().to_string(), source };
        let (pages, missing) = Pages::missing(path).map_err(failed)?;
        let damaged = open_damaged(path)?;
        // What lies in its log goes to the file: pages are read there. A file that SQLite cannot make out has no log.
        damaged.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).ok();
        let connection = Connection::Sqlite(damaged);
        let mut reading = Pages::open(path).map_err(failed)?;
        while reading.advance().map_err(failed)? {
            let rows: Vec<_> = reading.rows().filter_map(|values| self.look(&values)).collect();
            self.take(&connection, rows);
        }
        self.hand_on();
        Ok(self.lost(pages, missing))
    }

    /// Notes what a row tells, and gives it where it is of a record.
    fn look(&mut self, values: &[Value<'_>]) -> Option<Row> {
        let row = Row::of(values);
        match (row, indexed(values)) {
            (Some(row), _) => {
                self.rows += 1;
                self.know(row.name);
            }
            (None, Some(name)) => self.know(name),
            (None, None) => {}
        }
        row
    }

    fn know(&mut self, name: RowName) {
        if self.known.len() < TOLD_APART {
            self.known.insert(self.names.hash_one(name));
        }
    }

    fn take(&mut self, connection: &Connection, rows: Vec<Row>) {
        for row in rows {
            let mut records = Records::new(connection, &self.content, ProjectId(row.name.project));
            let read = |address| records.at(row.signal, row.day, row.hash, address);
            match row.address.map(read).transpose() {
                Ok(Some(Some(record))) => self.keep(row, record),
                Ok(None) => self.without_content += 1,
                // It is missing among the whole ones.
                Ok(Some(None)) | Err(_) => {}
            }
        }
    }

    fn keep(&mut self, row: Row, record: Record) {
        let Ok(trace_id) = trace_id(&row.name.trace_id) else { return };
        self.whole += 1;
        self.pending_bytes += record.body().len();
        let RowName { project, ordinal, .. } = row.name;
        let project = ProjectId(project);
        self.pending.push(Salvaged { project, day: row.day, trace_id, ordinal, record });
        if self.pending.len() >= PART_RECORDS || self.pending_bytes >= PART_BYTES {
            self.hand_on();
        }
    }

    fn hand_on(&mut self) {
        self.pending_bytes = 0;
        let records = std::mem::take(&mut self.pending);
        if !records.is_empty() {
            // Who does not listen any more begins anew another time.
            self.give.blocking_send(Piece::Records(records)).ok();
        }
    }

    /// Known ones that are not whole; and of pages that are not there at all, as many as on the others.
    fn lost(&self, pages: u64, missing: u64) -> u64 {
        let known = (self.known.len() as u64).max(self.rows);
        let unknown = (known * missing).div_ceil((pages - missing).max(1));
        known.saturating_sub(self.whole + self.without_content) + unknown
    }
}

/// What a row is known by: of a span its trace and its id, of a log record its trace, its hash and its ordinal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct RowName {
    project: i64,
    trace_id: [u8; 16],
    own: [u8; 16],
    ordinal: u32,
}

impl RowName {
    fn new(project: i64, trace_id: &[u8], own: &[u8], ordinal: i64) -> Option<Self> {
        let mut padded = [0; 16];
        padded.get_mut(..own.len())?.copy_from_slice(own);
        let ordinal = u32::try_from(ordinal).ok()?;
        Some(Self { project, trace_id: trace_id.try_into().ok()?, own: padded, ordinal })
    }
}

/// A row of a span or a log record.
#[derive(Debug, Clone, Copy)]
struct Row {
    signal: Signal,
    name: RowName,
    day: u32,
    hash: Name,
    /// Absent where the content is expired.
    address: Option<Address>,
}

impl Row {
    fn of(values: &[Value<'_>]) -> Option<Self> {
        use Value::{Blob, Integer};
        let (signal, name, day, hash) = match *values {
            [Integer(project), Blob(trace), Blob(span), Integer(day), Integer(_), Blob(hash), _, _, _, _]
                if span.len() == 8 =>
            {
                (Signal::Traces, RowName::new(project, trace, span, 0), day, hash)
            }
            [
                Integer(project),
                Blob(trace),
                Blob(hash),
                Integer(ordinal),
                Blob(_),
                Integer(_),
                Integer(day),
                _,
                _,
                _,
            ] => (Signal::Logs, RowName::new(project, trace, hash, ordinal), day, hash),
            _ => return None,
        };
        let (day, hash) = (u32::try_from(day).ok()?, hash.try_into().ok()?);
        Some(Self { signal, name: name?, day, hash, address: address(&values[7..])? })
    }
}

/// The outer `None` where it is none.
fn address(values: &[Value<'_>]) -> Option<Option<Address>> {
    match *values {
        [Value::Null, ..] => Some(None),
        [Value::Integer(block), Value::Integer(start), Value::Integer(length)] => {
            let (start, length) = (start.try_into().ok()?, length.try_into().ok()?);
            Some(Some(Address { block, start, length }))
        }
        _ => None,
    }
}

/// The row that an entry of `span_by_day` or `log_by_day` names, or the summary of a span.
fn indexed(values: &[Value<'_>]) -> Option<RowName> {
    use Value::{Blob, Integer};
    match *values {
        [Integer(project), Integer(_), _, Blob(trace), Blob(span)] if span.len() == 8 => {
            RowName::new(project, trace, span, 0)
        }
        [Integer(project), Integer(_), _, Blob(trace), Blob(hash), Integer(ordinal)] if hash.len() == 16 => {
            RowName::new(project, trace, hash, ordinal)
        }
        [Integer(project), Blob(trace), Blob(span), Blob([]), Integer(_), ..] if values.len() == VALUES => {
            RowName::new(project, trace, span, 0)
        }
        _ => None,
    }
}
