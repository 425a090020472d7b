//! Executions by what they say.

use std::collections::HashSet;

use super::connection::{Connection, Find, Kind, refs};
use rusqlite::params;
use rusqlite::types::Value;
use treering_step::TraceId;

use super::executions::executions;
use super::index::coded;
use super::rows;
use crate::{Cursor, Error, ExecutionPage, ProjectId, Scope, Vault};

/// Executions whose words are looked up one by one, newest first. Where so many were not enough to fill a page, all
/// rows of the index are read in the order in which they lie, which is much faster for each.
const ONE_BY_ONE: usize = 500;
/// How many of those are looked up at once, at the most.
const PART: usize = 100;
/// How many executions are asked for at once where the words of all are known.
const CANDIDATES: usize = 20_000;
/// Rows of the index that are read at once.
const ROWS: usize = 500;

/// What is looked for.
pub(super) struct Wanted<'a> {
    pub(super) scope: Scope,
    /// The conditions that an execution meets in any case, and their values.
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    /// The one that it meets, or else it holds the words; and its values.
    pub(super) clear: String,
    pub(super) clear_values: Vec<Value>,
    pub(super) words: &'a [String],
    pub(super) limit: usize,
}

/// A page of executions that meet the conditions, newest first.
pub(super) fn page(
    connection: &Connection,
    vault: &Vault,
    wanted: &Wanted<'_>,
) -> Result<ExecutionPage, Error> {
    let moment = connection.moment()?;
    let mut content = Content::new(&moment, vault, wanted)?;
    // One more than asked tells whether there is a next page.
    let (mut chosen, mut last, mut part) = (Vec::new(), None, wanted.limit + 1);
    while chosen.len() <= wanted.limit {
        let count = part.min(content.part());
        let part_of = candidates(&moment, wanted, last, count)?;
        let is_end = part_of.len() < count;
        last = part_of.last().map(|newest| newest.cursor);
        let unclear = part_of.iter().filter(|one| !one.is_clear).map(|one| one.cursor.trace_id);
        let holding = content.holding(unclear.collect())?;
        let is_chosen = |one: &Candidate| one.is_clear || holding.contains(&one.cursor.trace_id);
        chosen.extend(part_of.into_iter().filter(is_chosen).map(|one| one.cursor));
        if is_end {
            break;
        }
        part *= 2;
    }
    let next = (chosen.len() > wanted.limit).then(|| chosen[wanted.limit - 1]);
    chosen.truncate(wanted.limit);
    let ids: Vec<_> = chosen.iter().map(|cursor| cursor.trace_id).collect();
    Ok(ExecutionPage { executions: executions(&moment, wanted.scope.project(), &ids)?, next })
}

/// An execution that meets the conditions, and where it stands.
struct Candidate {
    cursor: Cursor,
    is_clear: bool,
}

/// So many of them, those after the last that was looked at.
fn candidates(
    connection: &Connection,
    wanted: &Wanted<'_>,
    last: Option<Cursor>,
    count: usize,
) -> Result<Vec<Candidate>, Error> {
    let after = if last.is_some() { "AND (listed_at, trace_id) < (?, ?)" } else { "" };
    let sql = format!(
        "SELECT trace_id, listed_at, {} FROM execution WHERE {} {after}
         ORDER BY listed_at DESC, trace_id DESC LIMIT {count}",
        wanted.clear, wanted.sql
    );
    let mut values: Vec<_> = wanted.clear_values.iter().chain(&wanted.values).cloned().collect();
    if let Some(Cursor { at, trace_id }) = last {
        values.extend([Value::Integer(at), Value::Blob(trace_id.as_bytes().to_vec())]);
    }
    connection.all(&sql, &refs(&values), |row| {
        let cursor = Cursor { at: row.get(1)?, trace_id: rows::trace_id(row.blob(0)?)? };
        // The answer of no column that is there is absent.
        Ok(Candidate { cursor, is_clear: row.get::<Option<bool>>(2)?.unwrap_or(false) })
    })
}

/// Which executions hold all of some words.
struct Content<'a> {
    connection: &'a Connection,
    project: ProjectId,
    /// Their hashes; absent where nothing of this project was ever put into the index.
    hashes: Option<Vec<u32>>,
    looked_up: usize,
    all: Option<HashSet<TraceId>>,
}

impl<'a> Content<'a> {
    fn new(connection: &'a Connection, vault: &Vault, wanted: &Wanted<'_>) -> Result<Self, Error> {
        let project = wanted.scope.project();
        let key = vault.hash_key_if_made(project)?;
        let hashes = key.map(|key| wanted.words.iter().map(|word| key.word(word)).collect());
        Ok(Self { connection, project, hashes, looked_up: 0, all: None })
    }

    /// How many executions are looked up at once: while each one's words are read, not many more than are needed.
    fn part(&self) -> usize {
        if self.looked_up < ONE_BY_ONE { PART } else { CANDIDATES }
    }

    /// Those of these executions that hold the words.
    fn holding(&mut self, of: Vec<TraceId>) -> Result<HashSet<TraceId>, Error> {
        let Some(hashes) = &self.hashes else { return Ok(HashSet::new()) };
        if self.all.is_none() && self.looked_up < ONE_BY_ONE {
            self.looked_up += of.len();
            return self.of_some(&of, hashes);
        }
        if self.all.is_none() && !of.is_empty() {
            self.all = Some(self.of_all(hashes)?);
        }
        Ok(of
            .into_iter()
            .filter(|trace_id| self.all.as_ref().is_some_and(|all| all.contains(trace_id)))
            .collect())
    }

    fn of_some(&self, of: &[TraceId], hashes: &[u32]) -> Result<HashSet<TraceId>, Error> {
        let key = |trace_id: &TraceId| vec![self.project.0.into(), trace_id.as_bytes().to_vec().into()];
        let keys: Vec<Vec<Value>> = of.iter().map(key).collect();
        let mut missing: Vec<_> = of.iter().map(|_| Missing::all(hashes)).collect();
        self.connection.find(&WORDS, &keys, |at, row| missing[at].look_in(row.blob(0)?))?;
        let holding = of.iter().zip(&missing).filter(|(_, missing)| missing.is_none());
        Ok(holding.map(|(trace_id, _)| *trace_id).collect())
    }

    fn of_all(&self, hashes: &[u32]) -> Result<HashSet<TraceId>, Error> {
        let sql = format!(
            "SELECT trace_id, version, hashes FROM words WHERE project = ?1 AND (trace_id, version) > (?2, ?3)
             ORDER BY trace_id, version LIMIT {ROWS}"
        );
        let mut statement = self.connection.prepare(&sql)?;
        let (mut all, mut missing) = (HashSet::new(), Missing::all(hashes));
        let (mut last, mut version, mut rows) = (Vec::new(), i64::MIN, ROWS);
        while rows == ROWS {
            let mut found = statement.query(params![self.project.0, last, version])?;
            rows = 0;
            while let Some(row) = found.next()? {
                rows += 1;
                let trace_id = row.blob(0)?;
                if trace_id != last {
                    missing = Missing::all(hashes);
                    last.clear();
                    last.extend_from_slice(trace_id);
                }
                version = row.get(1)?;
                missing.look_in(row.blob(2)?)?;
                if missing.is_none() {
                    all.insert(rows::trace_id(trace_id)?);
                }
            }
        }
        Ok(all)
    }
}

const WORDS: Find<'_> = Find {
    told: "hashes",
    table: "words",
    by: &[("project", Kind::Integer), ("trace_id", Kind::Bytes)],
    but: "",
};

/// The words that no row of an execution had so far.
struct Missing<'a> {
    hashes: &'a [u32],
    /// While no row had any of them, nothing is remembered of each: that is what most executions are.
    some: Option<Vec<u32>>,
}

impl<'a> Missing<'a> {
    fn all(hashes: &'a [u32]) -> Self {
        Self { hashes, some: None }
    }

    fn is_none(&self) -> bool {
        self.some.as_deref().unwrap_or(self.hashes).is_empty()
    }

    fn look_in(&mut self, row: &[u8]) -> Result<(), Error> {
        let row = coded(row)?;
        let missing = self.some.as_deref().unwrap_or(self.hashes);
        if missing.iter().any(|hash| row.contains(*hash)) {
            self.some = Some(missing.iter().copied().filter(|hash| !row.contains(*hash)).collect());
        }
        Ok(())
    }
}
