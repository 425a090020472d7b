//! Executions by what they say.

use std::borrow::Cow;
use std::collections::HashSet;

use super::connection::{Connection, Find, Kind, refs};
use rusqlite::params;
use rusqlite::types::Value;
use treering_step::{Execution, TraceId};

use super::index::coded;
use super::rows::{self, EXECUTION_COLUMNS};
use crate::{Cursor, Error, ExecutionPage, ProjectId, Scope, Vault};

/// Executions whose words are looked up one by one, newest first. Where so many were not enough to fill a page, all
/// rows of the index are read in the order in which they lie, which is much faster for each.
const ONE_BY_ONE: usize = 500;
/// How many of those are looked up at once, at the least.
const FEW: usize = 50;
/// Rows of the index that are in memory at once.
const ROWS: usize = 500;
/// Executions that are looked at together then.
const AT_ONCE: usize = 10_000;

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
    let (mut found, mut last, mut count) = (Vec::new(), None, wanted.limit + 1);
    // One more than asked tells whether there is a next page.
    while found.len() <= wanted.limit {
        let some = candidates(&moment, wanted, last, count)?;
        let is_end = some.len() < count;
        last = some.last().map(|candidate| candidate.place);
        found.extend(content.among(some)?);
        if is_end {
            break;
        }
        count = content.next();
    }
    let next = (found.len() > wanted.limit).then(|| found[wanted.limit - 1]);
    found.truncate(wanted.limit);
    Ok(ExecutionPage { executions: shown(&moment, wanted.scope.project(), &found)?, next })
}

/// An execution that may be found.
struct Candidate {
    place: Cursor,
    /// True where it is found by what is in the clear.
    is_clear: bool,
}

/// So many executions that meet the conditions, behind this place in the list.
fn candidates(
    connection: &Connection,
    wanted: &Wanted<'_>,
    last: Option<Cursor>,
    count: usize,
) -> Result<Vec<Candidate>, Error> {
    let behind = if last.is_some() { "AND (listed_at, trace_id) < (?, ?)" } else { "" };
    let sql = format!(
        "SELECT trace_id, listed_at, {} FROM execution WHERE {} {behind}
         ORDER BY listed_at DESC, trace_id DESC LIMIT ?",
        wanted.clear, wanted.sql
    );
    let mut values: Vec<_> = wanted.clear_values.iter().chain(&wanted.values).cloned().collect();
    let place = |Cursor { at, trace_id }: Cursor| [at.into(), trace_id.as_bytes().to_vec().into()];
    values.extend(last.into_iter().flat_map(place));
    values.push(Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)));
    connection.all(&sql, &refs(&values), |row| {
        let place = Cursor { at: row.get(1)?, trace_id: rows::trace_id(row.blob(0)?)? };
        // The answer of no column that is there is absent.
        Ok(Candidate { place, is_clear: row.get::<Option<bool>>(2)?.unwrap_or(false) })
    })
}

const EXECUTIONS: Find<'_> = Find {
    told: EXECUTION_COLUMNS,
    table: "execution",
    by: &[("project", Kind::Integer), ("trace_id", Kind::Bytes)],
    but: "",
};

const WORDS: Find<'_> = Find {
    told: "hashes",
    table: "words",
    by: &[("project", Kind::Integer), ("trace_id", Kind::Bytes)],
    but: "",
};

fn keys(project: ProjectId, places: impl Iterator<Item = Cursor>) -> Vec<Vec<Value>> {
    places.map(|place| vec![project.0.into(), place.trace_id.as_bytes().to_vec().into()]).collect()
}

/// The executions at these places.
fn shown(connection: &Connection, project: ProjectId, places: &[Cursor]) -> Result<Vec<Execution>, Error> {
    let mut all: Vec<_> = places.iter().map(|_| None).collect();
    connection.find(&EXECUTIONS, &keys(project, places.iter().copied()), |at, row| {
        all[at] = Some(rows::execution(row)?);
        Ok(())
    })?;
    Ok(all.into_iter().flatten().collect())
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
        let key = vault.hash_key_today(project)?;
        let hashes = key.map(|key| wanted.words.iter().map(|word| key.word(word)).collect());
        Ok(Self { connection, project, hashes, looked_up: 0, all: None })
    }

    /// How many executions to look at next.
    fn next(&self) -> usize {
        match self.hashes {
            // A page that is almost full needs few more.
            Some(_) if self.looked_up < ONE_BY_ONE => {
                (ONE_BY_ONE - self.looked_up).min(self.looked_up.max(FEW))
            }
            _ => AT_ONCE,
        }
    }

    /// The places of those that are found.
    fn among(&mut self, some: Vec<Candidate>) -> Result<Vec<Cursor>, Error> {
        let sealed: Vec<_> = some.iter().filter(|one| !one.is_clear).map(|one| one.place).collect();
        let holding = self.holding(&sealed)?;
        let found = some.into_iter().filter(|one| one.is_clear || holding.contains(&one.place.trace_id));
        Ok(found.map(|one| one.place).collect())
    }

    fn holding(&mut self, places: &[Cursor]) -> Result<Cow<'_, HashSet<TraceId>>, Error> {
        let Some(hashes) = &self.hashes else { return Ok(Cow::default()) };
        if self.all.is_none() && self.looked_up < ONE_BY_ONE {
            self.looked_up += places.len();
            return Ok(Cow::Owned(self.these_that_hold(hashes, places)?));
        }
        let all = match self.all.take() {
            Some(all) => all,
            None => self.all_that_hold(hashes)?,
        };
        Ok(Cow::Borrowed(self.all.insert(all)))
    }

    fn these_that_hold(&self, hashes: &[u32], places: &[Cursor]) -> Result<HashSet<TraceId>, Error> {
        let mut missing: Vec<_> = places.iter().map(|_| Missing::all(hashes)).collect();
        let keys = keys(self.project, places.iter().copied());
        self.connection.find(&WORDS, &keys, |at, row| missing[at].look_in(row.blob(0)?))?;
        let found = places.iter().zip(&missing).filter(|(_, missing)| missing.is_none());
        Ok(found.map(|(place, _)| place.trace_id).collect())
    }

    fn all_that_hold(&self, hashes: &[u32]) -> Result<HashSet<TraceId>, Error> {
        match self.connection.keeps_steps_apart() {
            true => self.all_with(hashes),
            false => self.all_in_order(hashes),
        }
    }

    /// Where the database itself looks into a set of hashes.
    fn all_with(&self, hashes: &[u32]) -> Result<HashSet<TraceId>, Error> {
        let sql = "SELECT DISTINCT trace_id FROM words WHERE project = ?1 AND has(hashes, ?2)";
        let mut all = None::<HashSet<TraceId>>;
        for hash in hashes {
            let some = self
                .connection
                .all(sql, params![self.project.0, hash], |row| rows::trace_id(row.blob(0)?))?;
            let some: HashSet<_> = some.into_iter().collect();
            all = Some(match all {
                Some(all) => all.intersection(&some).copied().collect(),
                None => some,
            });
            if all.as_ref().is_some_and(HashSet::is_empty) {
                break;
            }
        }
        Ok(all.unwrap_or_default())
    }

    fn all_in_order(&self, hashes: &[u32]) -> Result<HashSet<TraceId>, Error> {
        let sql = format!(
            "SELECT trace_id, version, hashes FROM words WHERE project = ?1 AND (trace_id, version) > (?2, ?3)
             ORDER BY trace_id, version LIMIT {ROWS}"
        );
        let mut statement = self.connection.prepare(&sql)?;
        let (mut all, mut missing) = (HashSet::new(), Missing::all(hashes));
        let (mut last, mut version, mut read) = (Vec::new(), i64::MIN, ROWS);
        while read == ROWS {
            let mut found = statement.query(params![self.project.0, last, version])?;
            read = 0;
            while let Some(row) = found.next()? {
                let trace_id = row.blob(0)?;
                if trace_id != last {
                    missing = Missing::all(hashes);
                    last.clear();
                    last.extend_from_slice(trace_id);
                }
                (version, read) = (row.get(1)?, read + 1);
                missing.look_in(row.blob(2)?)?;
                if missing.is_none() {
                    all.insert(rows::trace_id(trace_id)?);
                }
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
