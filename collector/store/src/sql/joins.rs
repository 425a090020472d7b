//! Log records that name a span by an id.
//!
//! Spans offer ids (`span_join`), log records keep the one that they name (`summary.joins`), and no row is ever
//! moved: whoever reads asks which span takes a record. So the answer is the same in any order of arrival.

use std::collections::{BTreeMap, BTreeSet};

use super::append::Named;
use super::connection::{Conflict, Connection, Delete, Find, Insert, Kind};
use rusqlite::params;
use rusqlite::types::Value;
use treering_step::{JoinKey, SpanId, TraceId};

use super::rows;
use crate::{Error, ProjectId, Touched};

/// A step: its execution and its span.
pub(super) type Place = (TraceId, SpanId);

/// A log record that names a span by an id.
#[derive(Clone)]
pub(super) struct Naming {
    /// Where it came in.
    pub(super) home: Place,
    /// Of its summary.
    pub(super) source: Vec<u8>,
}

/// The joins of a project.
#[derive(Clone, Copy)]
pub(super) struct Joins<'a> {
    pub(super) connection: &'a Connection,
    pub(super) project: ProjectId,
}

/// The columns by which a step is asked for.
pub(super) const BY_STEP: [(&str, Kind); 3] =
    [("project", Kind::Integer), ("trace_id", Kind::Bytes), ("span_id", Kind::Bytes)];

impl Joins<'_> {
    /// Their values for [`BY_STEP`].
    pub(super) fn key(&self, (trace_id, span_id): Place) -> Vec<Value> {
        let (trace_id, span_id) = (trace_id.as_bytes().to_vec(), span_id.as_bytes().to_vec());
        vec![self.project.0.into(), trace_id.into(), span_id.into()]
    }

    /// The step that each log record belongs to by its id, which came in with this execution: that of the first span
    /// of its own execution, else of any.
    pub(super) fn takers(&self, named: &[(JoinKey, TraceId)]) -> Result<Vec<Option<Place>>, Error> {
        let named: Vec<_> = named.iter().map(|(key, own)| (self.project, *key, *own)).collect();
        takers(self.connection, &named)
    }

    /// The first span of all that offer each of these ids.
    fn firsts(&self, keys: &[JoinKey]) -> Result<Vec<Option<Place>>, Error> {
        firsts(self.connection, keys.iter().map(|key| (self.project, *key)))
    }

    /// The log records that belong to steps by ids that these offer, each with the place of the step among them.
    pub(super) fn taken_by(&self, offers: &[(Place, JoinKey)]) -> Result<Vec<(usize, Naming)>, Error> {
        let offers: Vec<_> = offers.iter().enumerate().collect();
        let named = self.named(offers.iter().map(|(_, (_, key))| *key))?;
        let offers: Vec<_> = offers.into_iter().filter(|(_, (_, key))| named.contains(key)).collect();
        let near = self.takers(&offers.iter().map(|(_, (step, key))| (*key, step.0)).collect::<Vec<_>>())?;
        let far = self.firsts(&offers.iter().map(|(_, (_, key))| *key).collect::<Vec<_>>())?;
        // Only the first span of its execution takes any, and only the first of all takes from other executions.
        let is_first = |((_, (step, _)), (near, far)): &((usize, &(Place, JoinKey)), _)| {
            *near == Some(*step) || *far == Some(*step)
        };
        let takers = offers.into_iter().zip(near.into_iter().zip(far)).filter(is_first);
        let mut of_key = BTreeMap::<JoinKey, Vec<(usize, Place)>>::new();
        for ((at, (step, key)), _) in takers {
            of_key.entry(*key).or_default().push((at, *step));
        }
        let keys: Vec<_> = of_key.keys().copied().collect();
        let mut taken = Vec::new();
        for (key, log, taker) in self.with_takers(&keys, None, i64::MIN)? {
            let offers = of_key.get(&key).into_iter().flatten();
            let takes = offers.filter(|(_, step)| taker == Some(*step));
            taken.extend(takes.map(|(at, _)| (*at, log.clone())));
        }
        Ok(taken)
    }

    /// The log records that came with other executions, and no earlier than this version, and belong to steps of this
    /// one by these ids, which it offers; each with its step and id.
    pub(super) fn brought(
        &self,
        here: TraceId,
        keys: impl IntoIterator<Item = JoinKey>,
        since: i64,
    ) -> Result<Vec<(Place, JoinKey, Naming)>, Error> {
        let named: Vec<_> = self.named(keys)?.into_iter().collect();
        let firsts = self.firsts(&named)?;
        // Only the first span of all takes from other executions.
        let is_here = |(_, first): &(&JoinKey, &Option<Place>)| first.is_some_and(|first| first.0 == here);
        let keys: Vec<_> = named.iter().zip(&firsts).filter(is_here).map(|(key, _)| *key).collect();
        let logs = self.with_takers(&keys, Some(here), since)?.into_iter();
        let brought = logs.filter_map(|(key, log, taker)| Some((taker?, key, log)));
        Ok(brought.filter(|(taker, ..)| taker.0 == here).collect())
    }

    /// The log records that came with others than these executions, and belong to one of them by these ids, which they
    /// offer.
    pub(super) fn taken_from_others(
        &self,
        executions: &BTreeSet<TraceId>,
        keys: impl IntoIterator<Item = JoinKey>,
    ) -> Result<Vec<Naming>, Error> {
        let named: Vec<_> = self.named(keys)?.into_iter().collect();
        let logs = self.with_takers(&named, None, i64::MIN)?.into_iter();
        let is_taken = |(_, log, taker): &(JoinKey, Naming, Option<Place>)| {
            taker.is_some_and(|(taker, _)| executions.contains(&taker)) && !executions.contains(&log.home.0)
        };
        Ok(logs.filter(is_taken).map(|(_, log, _)| log).collect())
    }

    /// The log records that came with other executions and belong to this one.
    pub(super) fn taken_from_elsewhere(&self, trace_id: TraceId) -> Result<Vec<Naming>, Error> {
        if !self.any_naming()? {
            return Ok(Vec::new());
        }
        let brought = self.brought(trace_id, self.offered_by(trace_id)?, i64::MIN)?;
        Ok(brought.into_iter().map(|(_, _, log)| log).collect())
    }

    /// The ids that the spans of an execution offer.
    fn offered_by(&self, trace_id: TraceId) -> Result<BTreeSet<JoinKey>, Error> {
        let sql = "SELECT joins FROM summary
            WHERE project = ?1 AND trace_id = ?2 AND joins IS NOT NULL AND source = x''";
        let mut statement = self.connection.prepare(sql)?;
        let mut found = statement.query(params![self.project.0, trace_id.as_bytes()])?;
        let mut offered = BTreeSet::new();
        while let Some(row) = found.next()? {
            offered.extend(rows::parse_joins(Some(row.blob(0)?))?);
        }
        Ok(offered)
    }

    /// Those of these ids that any log record names: mostly none.
    fn named(&self, keys: impl IntoIterator<Item = JoinKey>) -> Result<BTreeSet<JoinKey>, Error> {
        let keys: Vec<_> = keys.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let named = named(self.connection, keys.iter().map(|key| (self.project, *key)))?;
        Ok(named.into_iter().map(|at| keys[at]).collect())
    }

    /// The log records that name these ids, but for those of this execution, and came no earlier than this version;
    /// each with its id and the step that takes it.
    fn with_takers(
        &self,
        keys: &[JoinKey],
        but: Option<TraceId>,
        since: i64,
    ) -> Result<Vec<(JoinKey, Naming, Option<Place>)>, Error> {
        // No execution has an id of nothing.
        let but = but.map_or(vec![], |but| but.as_bytes().to_vec());
        let asked = |key: &JoinKey| {
            vec![self.project.0.into(), key.0.to_vec().into(), but.clone().into(), since.into()]
        };
        let mut logs = Vec::new();
        self.connection.find(&NAMING_SINCE, &keys.iter().map(asked).collect::<Vec<_>>(), |at, row| {
            let home = place(row.blob(0), row.blob(1))?;
            logs.push((keys[at], Naming { home, source: row.get(2)? }));
            Ok(())
        })?;
        let homes: BTreeSet<_> = logs.iter().map(|(key, log)| (*key, log.home.0)).collect();
        let homes: Vec<_> = homes.into_iter().collect();
        let takers: BTreeMap<_, _> = homes.iter().zip(self.takers(&homes)?).collect();
        let taker = |key: JoinKey, log: &Naming| takers.get(&(key, log.home.0)).copied().flatten();
        Ok(logs
            .into_iter()
            .map(|(key, log)| {
                let taker = taker(key, &log);
                (key, log, taker)
            })
            .collect())
    }

    /// True where any log record of the project names a span by an id. Most projects have none, and need not
    /// ask for every span.
    pub(super) fn any_naming(&self) -> Result<bool, Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM summary
            WHERE project = ?1 AND joins IS NOT NULL AND source <> x'')";
        self.connection.one(sql, params![self.project.0], |row| row.get(0))
    }
}

/// A span, the ids that it offered, and those that it offers now.
pub(super) struct Offer {
    pub(super) project: ProjectId,
    pub(super) span: Place,
    pub(super) before: Vec<JoinKey>,
    pub(super) now: Vec<JoinKey>,
}

/// One of the log records that name an id.
const ANY_NAMING: Find<'_> = Find {
    told: "1",
    table: "summary",
    by: &[("project", Kind::Integer), ("joins", Kind::Bytes)],
    but: "AND source <> x'' LIMIT 1",
};

const NAMING_SINCE: Find<'_> = Find {
    told: "trace_id, span_id, source",
    table: "summary",
    by: &[
        ("project", Kind::Integer),
        ("joins", Kind::Bytes),
        ("trace_id <>", Kind::Bytes),
        ("written >=", Kind::Integer),
    ],
    but: "AND source <> x''",
};

/// The places of those of these ids that any log record names.
fn named(
    connection: &Connection,
    keys: impl Iterator<Item = (ProjectId, JoinKey)>,
) -> Result<Vec<usize>, Error> {
    let mut named = Vec::new();
    connection.find(&ANY_NAMING, &asked(keys), |at, _| {
        named.push(at);
        Ok(())
    })?;
    Ok(named)
}

fn asked(keys: impl Iterator<Item = (ProjectId, JoinKey)>) -> Vec<Vec<Value>> {
    keys.map(|(project, key)| vec![project.0.into(), key.0.to_vec().into()]).collect()
}

const NEW_OFFERS: Insert = Insert {
    table: "span_join",
    columns: &[
        ("project", Kind::Integer),
        ("key", Kind::Bytes),
        ("trace_id", Kind::Bytes),
        ("span_id", Kind::Bytes),
    ],
    conflict: Conflict::Keeps("project, key, trace_id, span_id"),
    told: None,
};

const OLD_OFFERS: Delete<'_> = Delete { table: NEW_OFFERS.table, by: NEW_OFFERS.columns, told: None };

/// An id that a span offers.
type Offered = (ProjectId, JoinKey, Place);

/// Spans offer other ids than before. Tells the executions that win or lose a log record: mostly none, since most ids
/// are named by nobody.
pub(super) fn offer_all(
    connection: &Connection,
    offers: &[Offer],
    touched: &mut Vec<Touched>,
) -> Result<(), Error> {
    let (mut old, mut new) = (BTreeSet::<Offered>::new(), BTreeSet::<Offered>::new());
    for Offer { project, span, before, now } in offers {
        let but = |keys: &[JoinKey], other: &[JoinKey]| {
            let keys = keys.iter().filter(|key| !other.contains(key));
            keys.map(|key| (*project, *key, *span)).collect::<Vec<_>>()
        };
        old.extend(but(before, now));
        new.extend(but(now, before));
    }
    let changed: BTreeSet<_> = old.iter().chain(&new).map(|(project, key, _)| (*project, *key)).collect();
    let changed: Vec<_> = changed.into_iter().collect();
    let named = named(connection, changed.iter().copied())?;
    let named: Vec<_> = named.into_iter().map(|at| changed[at]).collect();
    let before = firsts(connection, named.iter().copied())?;
    if !old.is_empty() {
        let old: Vec<_> = old.into_iter().map(offered).collect();
        connection.taking_away(|| connection.delete(&OLD_OFFERS, &old, |_| Ok(())))?;
    }
    connection.put(&NEW_OFFERS, &new.into_iter().map(offered).collect::<Vec<_>>(), |_| Ok(()))?;
    let after = firsts(connection, named.iter().copied())?;
    touch(connection, named.into_iter().zip(before.into_iter().zip(after)), touched)
}

fn offered((project, key, (trace_id, span_id)): Offered) -> Vec<Value> {
    vec![
        project.0.into(),
        key.0.to_vec().into(),
        trace_id.as_bytes().to_vec().into(),
        span_id.as_bytes().to_vec().into(),
    ]
}

/// The first of all that offered an id, and that does now.
type Firsts = (Option<Place>, Option<Place>);

fn touch(
    connection: &Connection,
    firsts: impl Iterator<Item = ((ProjectId, JoinKey), Firsts)>,
    touched: &mut Vec<Touched>,
) -> Result<(), Error> {
    let mut passed_on = Vec::new();
    for (key, (before, after)) in firsts {
        let takers = [before, after].into_iter().flatten();
        touched.extend(takers.map(|(trace_id, _)| Touched { project: key.0, trace_id }));
        // Whoever does not find a span in its own execution looks at the first of all, and at no other.
        passed_on.extend((before != after).then_some(key));
    }
    connection.find(&NAMING, &asked(passed_on.iter().copied()), |at, row| {
        touched.push(Touched { project: passed_on[at].0, trace_id: rows::trace_id(row.blob(0)?)? });
        Ok(())
    })
}

const NAMING: Find<'_> = Find {
    told: "trace_id",
    table: "summary",
    by: &[("project", Kind::Integer), ("joins", Kind::Bytes)],
    but: "AND source <> x''",
};

const FIRST: Find<'_> = Find {
    told: "trace_id, span_id",
    table: "span_join",
    by: &[("project", Kind::Integer), ("key", Kind::Bytes)],
    but: "ORDER BY trace_id, span_id LIMIT 1",
};

const FIRST_OF_EXECUTION: Find<'_> = Find {
    told: "span_id",
    table: "span_join",
    by: &[("project", Kind::Integer), ("key", Kind::Bytes), ("trace_id", Kind::Bytes)],
    but: "ORDER BY span_id LIMIT 1",
};

fn firsts(
    connection: &Connection,
    keys: impl Iterator<Item = (ProjectId, JoinKey)>,
) -> Result<Vec<Option<Place>>, Error> {
    let keys = asked(keys);
    let mut firsts = vec![None; keys.len()];
    connection.find(&FIRST, &keys, |at, row| {
        firsts[at] = Some(place(row.blob(0), row.blob(1))?);
        Ok(())
    })?;
    Ok(firsts)
}

/// The step that each of these log records belongs to by its id: that of the first span of its own execution, else of
/// any.
pub(super) fn takers(connection: &Connection, named: &[Named]) -> Result<Vec<Option<Place>>, Error> {
    let key = |(project, key, own): &Named| {
        vec![project.0.into(), key.0.to_vec().into(), own.as_bytes().to_vec().into()]
    };
    let mut takers = vec![None; named.len()];
    connection.find(&FIRST_OF_EXECUTION, &named.iter().map(key).collect::<Vec<_>>(), |at, row| {
        takers[at] = Some((named[at].2, rows::span_id(row.blob(0)?)?));
        Ok(())
    })?;
    let others: Vec<_> = (0..named.len()).filter(|at| takers[*at].is_none()).collect();
    let firsts = firsts(connection, others.iter().map(|at| (named[*at].0, named[*at].1)))?;
    for (at, first) in others.into_iter().zip(firsts) {
        takers[at] = first;
    }
    Ok(takers)
}

type Blob<'a> = Result<&'a [u8], Error>;

fn place(trace_id: Blob<'_>, span_id: Blob<'_>) -> Result<Place, Error> {
    Ok((rows::trace_id(trace_id?)?, rows::span_id(span_id?)?))
}
