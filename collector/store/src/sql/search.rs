//! Executions by what they say.

use std::collections::HashSet;

use super::connection::{Connection, refs};
use rusqlite::params;
use rusqlite::types::Value;
use treering_step::TraceId;

use super::executions::execution;
use super::index::coded;
use super::rows;
use crate::{Cursor, Error, ExecutionPage, ProjectId, Scope, Touched, Vault};

/// Executions whose words are looked up one by one, newest first. Where so many were not enough to fill a page, all
/// rows of the index are read in the order in which they lie, which is much faster for each.
const ONE_BY_ONE: usize = 500;

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
    let sql = format!(
        "SELECT trace_id, listed_at, {} FROM execution WHERE {} ORDER BY listed_at DESC, trace_id DESC",
        wanted.clear, wanted.sql
    );
    let values: Vec<_> = wanted.clear_values.iter().chain(&wanted.values).cloned().collect();
    let mut statement = moment.prepare(&sql)?;
    let mut found = statement.query(&refs(&values))?;
    let mut page = ExecutionPage::default();
    let mut last = None;
    while let Some(row) = found.next()? {
        let trace_id = rows::trace_id(row.blob(0)?)?;
        // The answer of no column that is there is absent.
        let is_clear = row.get::<Option<bool>>(2)?.unwrap_or(false);
        if !is_clear && !content.holds(trace_id)? {
            continue;
        }
        if page.executions.len() == wanted.limit {
            page.next = last;
            break;
        }
        let of = Touched { project: wanted.scope.project(), trace_id };
        page.executions.extend(execution(&moment, of)?);
        last = Some(Cursor { at: row.get(1)?, trace_id });
    }
    Ok(page)
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

    fn holds(&mut self, trace_id: TraceId) -> Result<bool, Error> {
        let Some(hashes) = &self.hashes else { return Ok(false) };
        if let Some(all) = &self.all {
            return Ok(all.contains(&trace_id));
        }
        if self.looked_up < ONE_BY_ONE {
            self.looked_up += 1;
            return self.one_holds(trace_id, hashes);
        }
        let all = self.all_that_hold(hashes)?;
        let holds = all.contains(&trace_id);
        self.all = Some(all);
        Ok(holds)
    }

    fn one_holds(&self, trace_id: TraceId, hashes: &[u32]) -> Result<bool, Error> {
        let sql = "SELECT hashes FROM words WHERE project = ?1 AND trace_id = ?2";
        let mut statement = self.connection.prepare(sql)?;
        let mut found = statement.query(params![self.project.0, trace_id.as_bytes()])?;
        let mut missing = Missing::all(hashes);
        while !missing.is_none()
            && let Some(row) = found.next()?
        {
            missing.look_in(row.blob(0)?)?;
        }
        Ok(missing.is_none())
    }

    fn all_that_hold(&self, hashes: &[u32]) -> Result<HashSet<TraceId>, Error> {
        let sql = "SELECT trace_id, hashes FROM words WHERE project = ?1 ORDER BY trace_id, version";
        let mut statement = self.connection.prepare(sql)?;
        let mut found = statement.query(params![self.project.0])?;
        let (mut all, mut last, mut missing) = (HashSet::new(), Vec::new(), Missing::all(hashes));
        while let Some(row) = found.next()? {
            let trace_id = row.blob(0)?;
            if trace_id != last {
                missing = Missing::all(hashes);
                last.clear();
                last.extend_from_slice(trace_id);
            }
            missing.look_in(row.blob(1)?)?;
            if missing.is_none() {
                all.insert(rows::trace_id(trace_id)?);
            }
        }
        Ok(all)
    }
}

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
