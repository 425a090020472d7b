//! Executions go as a whole, as many at once as nobody has to wait for.

use std::collections::BTreeSet;

use rusqlite::types::Value;
use treering_step::{JoinKey, TraceId};

use super::connection::{Connection, Delete, Find, Row, Transaction};
use super::executions::{BY_EXECUTION, key_of};
use super::joins::{Joins, Offer, offer_all};
use super::rows;
use crate::{Error, ProjectId, Touched};

/// Executions of one transaction, and records of them: one alone may have more.
pub(super) const EXECUTIONS: usize = 256;
const RECORDS: i64 = 8_192;

const COUNT: Find<'_> = Find { told: "count(*)", table: "summary", by: &BY_EXECUTION, but: "" };

/// How many of the first of these executions go together.
pub(super) fn together(
    connection: &Connection,
    project: ProjectId,
    executions: &[TraceId],
) -> Result<usize, Error> {
    let some = &executions[..executions.len().min(EXECUTIONS)];
    let mut sizes = vec![0; some.len()];
    connection.find(&COUNT, &keys(project, some), |at, row| {
        sizes[at] = row.get(0)?;
        Ok(())
    })?;
    let mut sum = 0;
    let fit = sizes.iter().take_while(|size| {
        sum += **size;
        sum <= RECORDS
    });
    Ok(fit.count().max(1).min(some.len()))
}

/// What executions are asked for by.
pub(super) fn keys<'a>(
    project: ProjectId,
    executions: impl IntoIterator<Item = &'a TraceId>,
) -> Vec<Vec<Value>> {
    let key = |trace_id: &TraceId| key_of(Touched { project, trace_id: *trace_id });
    executions.into_iter().map(key).collect()
}

/// What was there of executions that are gone.
#[derive(Default)]
pub(super) struct Gone {
    /// The day of each record, and whether its content was there.
    pub(super) records: Vec<(u32, bool)>,
    /// The executions of which anything was there.
    pub(super) executions: BTreeSet<TraceId>,
    /// The processes that ran their steps.
    pub(super) processes: BTreeSet<Vec<u8>>,
    /// The ids by which their log records named spans.
    named: Vec<(JoinKey, TraceId)>,
    offers: Vec<Offer>,
}

impl Gone {
    /// The ids that their spans offered.
    pub(super) fn offered(&self) -> impl Iterator<Item = JoinKey> {
        self.offers.iter().flat_map(|offer| offer.before.iter().copied())
    }
}

/// Executions that go.
pub(super) struct Removal<'a> {
    transaction: &'a Transaction<'a>,
    project: ProjectId,
    keys: Vec<Vec<Value>>,
}

impl<'a> Removal<'a> {
    pub(super) fn of(
        transaction: &'a Transaction<'a>,
        project: ProjectId,
        executions: &BTreeSet<TraceId>,
    ) -> Self {
        Self { transaction, project, keys: keys(project, executions) }
    }

    /// Deletes every row that tells of them alone. What they offer others is still there.
    pub(super) fn rows(&self) -> Result<Gone, Error> {
        let mut gone = Gone::default();
        for table in ["span", "log"] {
            self.delete(table, Some("trace_id, day, block IS NOT NULL"), |row| {
                gone.executions.insert(rows::trace_id(row.blob(0)?)?);
                gone.records.push((row.get(1)?, row.get(2)?));
                Ok(())
            })?;
        }
        let told = Some("trace_id, span_id, source, joins, process");
        self.delete("summary", told, |row| self.summary(row, &mut gone))?;
        self.delete("execution", Some("trace_id"), |row| {
            gone.executions.insert(rows::trace_id(row.blob(0)?)?);
            Ok(())
        })?;
        ["stale", "words", "unindexed"].iter().try_for_each(|table| self.delete(table, None, |_| Ok(())))?;
        Ok(gone)
    }

    fn summary(&self, row: Row<'_>, gone: &mut Gone) -> Result<(), Error> {
        let trace_id = rows::trace_id(row.blob(0)?)?;
        gone.executions.insert(trace_id);
        gone.processes.extend(row.get::<Option<Vec<u8>>>(4)?);
        let joins = rows::parse_joins(Some(row.blob(3)?))?;
        if !row.blob(2)?.is_empty() {
            gone.named.extend(joins.into_iter().map(|key| (key, trace_id)));
        } else if !joins.is_empty() {
            let span = (trace_id, rows::span_id(row.blob(1)?)?);
            gone.offers.push(Offer { project: self.project, span, before: joins, now: Vec::new() });
        }
        Ok(())
    }

    pub(super) fn delete(
        &self,
        table: &str,
        told: Option<&str>,
        tell: impl FnMut(Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.transaction.delete(&Delete { table, by: &BY_EXECUTION, told }, &self.keys, tell)
    }

    /// Takes back what they offered. Tells who has news, in any order and often: whoever took log records of theirs, or
    /// takes now what a span of theirs took.
    pub(super) fn part(&self, gone: &Gone) -> Result<Vec<Touched>, Error> {
        let joins = Joins { connection: self.transaction, project: self.project };
        let takers = joins.takers(&gone.named)?.into_iter().flatten();
        let mut touched: Vec<_> =
            takers.map(|(trace_id, _)| Touched { project: self.project, trace_id }).collect();
        offer_all(self.transaction, &gone.offers, &mut touched)?;
        Ok(touched)
    }
}
