//! Log records that name a span by an id.
//!
//! Spans offer ids (`span_join`), log records keep the one that they name (`summary.joins`), and no row is ever
//! moved: whoever reads asks which span takes a record. So the answer is the same in any order of arrival.

use std::collections::{BTreeSet, HashSet};

use super::append::Named;
use super::connection::{Conflict, Connection, Find, Insert, Kind, OptionalExtension, Row};
use rusqlite::params;
use rusqlite::types::Value;
use treering_step::{JoinKey, SpanId, TraceId};

use super::rows;
use crate::{Error, ProjectId, Touched};

/// A step: its execution and its span.
pub(super) type Place = (TraceId, SpanId);

/// A log record that names a span by an id.
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

impl Joins<'_> {
    /// The step that a log record of this execution belongs to by its id: that of the first span of its own
    /// execution, else of any.
    pub(super) fn taker(&self, key: JoinKey, own: TraceId) -> Result<Option<Place>, Error> {
        let sql = "SELECT span_id FROM span_join WHERE project = ?1 AND key = ?2 AND trace_id = ?3
            ORDER BY span_id LIMIT 1";
        let near = self
            .connection
            .one(sql, params![self.project.0, key.0, own.as_bytes()], |row| rows::span_id(row.blob(0)?));
        match near.optional()? {
            Some(span_id) => Ok(Some((own, span_id))),
            None => self.first(key),
        }
    }

    /// The first span of all that offer this id.
    pub(super) fn first(&self, key: JoinKey) -> Result<Option<Place>, Error> {
        let sql = "SELECT trace_id, span_id FROM span_join WHERE project = ?1 AND key = ?2
            ORDER BY trace_id, span_id LIMIT 1";
        let read = |row: Row<'_>| place(row.blob(0), row.blob(1));
        self.connection.one(sql, params![self.project.0, key.0], read).optional()
    }

    /// The log records that belong to a step by this id.
    pub(super) fn taken_by(&self, step: Place, key: JoinKey) -> Result<Vec<Naming>, Error> {
        let near = self.taker(key, step.0)? == Some(step);
        // Only the first span of all takes from other executions.
        let far = self.first(key)? == Some(step);
        if !near && !far {
            return Ok(Vec::new());
        }
        let mut taken = Vec::new();
        for log in self.naming(key)? {
            let is_taken =
                if log.home.0 == step.0 { near } else { far && self.taker(key, log.home.0)? == Some(step) };
            taken.extend(Some(log).filter(|_| is_taken));
        }
        Ok(taken)
    }

    /// Where log records came in, and their hashes, that belong to a step by this id, came in elsewhere, and no
    /// earlier than this version.
    pub(super) fn brought_since(
        &self,
        step: Place,
        key: JoinKey,
        since: i64,
    ) -> Result<Vec<(TraceId, Vec<u8>)>, Error> {
        if self.first(key)? != Some(step) {
            return Ok(Vec::new());
        }
        let sql = "SELECT trace_id, source FROM summary
            WHERE project = ?1 AND joins = ?2 AND source <> x'' AND trace_id <> ?3 AND written >= ?4";
        let mut statement = self.connection.prepare(sql)?;
        let mut found = statement.query(params![self.project.0, key.0, step.0.as_bytes(), since])?;
        let mut brought = Vec::new();
        while let Some(row) = found.next()? {
            let home = rows::trace_id(row.blob(0)?)?;
            if self.taker(key, home)? == Some(step) {
                brought.push((home, rows::hash_of(row.blob(1)?)));
            }
        }
        Ok(brought)
    }

    /// The log records that came with other executions and belong to this one.
    pub(super) fn taken_from_elsewhere(&self, trace_id: TraceId) -> Result<Vec<Naming>, Error> {
        let mut taken = Vec::new();
        if !self.any_naming()? {
            return Ok(taken);
        }
        for key in self.offered_by(trace_id)? {
            // Only the first span of all takes from other executions.
            if self.first(key)?.is_none_or(|(first, _)| first != trace_id) {
                continue;
            }
            for log in self.naming(key)?.into_iter().filter(|log| log.home.0 != trace_id) {
                let taker = self.taker(key, log.home.0)?;
                taken.extend(Some(log).filter(|_| taker.is_some_and(|(taker, _)| taker == trace_id)));
            }
        }
        Ok(taken)
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

    /// The log records that name a span by this id.
    pub(super) fn naming(&self, key: JoinKey) -> Result<Vec<Naming>, Error> {
        let sql = "SELECT trace_id, span_id, source FROM summary
            WHERE project = ?1 AND joins = ?2 AND source <> x''";
        let mut statement = self.connection.prepare(sql)?;
        let mut found = statement.query(params![self.project.0, key.0])?;
        let mut naming = Vec::new();
        while let Some(row) = found.next()? {
            let home = place(row.blob(0), row.blob(1))?;
            naming.push(Naming { home, source: row.get(2)? });
        }
        Ok(naming)
    }

    /// True where any log record of the project names a span by an id. Most projects have none, and need not
    /// ask for every span.
    pub(super) fn any_naming(&self) -> Result<bool, Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM summary
            WHERE project = ?1 AND joins IS NOT NULL AND source <> x'')";
        self.connection.one(sql, params![self.project.0], |row| row.get(0))
    }

    fn is_named(&self, key: JoinKey) -> Result<bool, Error> {
        let sql = "SELECT EXISTS (SELECT 1 FROM summary
            WHERE project = ?1 AND joins = ?2 AND source <> x'')";
        self.connection.one(sql, params![self.project.0, key.0], |row| row.get(0))
    }

    /// A span that offered the old ids offers the new ones. Tells the executions that win or lose a log record.
    pub(super) fn offer(
        &self,
        span: Place,
        old: &[JoinKey],
        new: &[JoinKey],
        touched: &mut Vec<Touched>,
    ) -> Result<(), Error> {
        for key in old.iter().filter(|key| !new.contains(key)) {
            let sql = "DELETE FROM span_join
                WHERE project = ?1 AND key = ?2 AND trace_id = ?3 AND span_id = ?4";
            self.change(sql, *key, span, touched)?;
        }
        for key in new.iter().filter(|key| !old.contains(key)) {
            let sql = "INSERT INTO span_join (project, key, trace_id, span_id) VALUES (?1, ?2, ?3, ?4)
                ON CONFLICT DO NOTHING";
            self.change(sql, *key, span, touched)?;
        }
        Ok(())
    }

    fn change(&self, sql: &str, key: JoinKey, span: Place, touched: &mut Vec<Touched>) -> Result<(), Error> {
        let change = || {
            let values = params![self.project.0, key.0, span.0.as_bytes(), span.1.as_bytes()];
            self.connection.taking_away(|| self.connection.execute(sql, values))
        };
        if !self.is_named(key)? {
            return change().map(|_| ());
        }
        let before = self.first(key)?;
        change()?;
        let after = self.first(key)?;
        let mut touch = |trace_id| touched.push(Touched { project: self.project, trace_id });
        [before, after].into_iter().flatten().for_each(|(trace_id, _)| touch(trace_id));
        // Whoever does not find a span in its own execution looks at the first of all, and at no other.
        if before != after {
            self.naming(key)?.iter().for_each(|log| touch(log.home.0));
        }
        Ok(())
    }
}

/// A span, the ids that it offered, and those that it offers now.
pub(super) struct Offer {
    pub(super) project: ProjectId,
    pub(super) span: Place,
    pub(super) before: Vec<JoinKey>,
    pub(super) now: Vec<JoinKey>,
}

const IS_NAMED: Find = Find {
    told: "joins",
    table: "summary",
    by: &[("project", Kind::Integer), ("joins", Kind::Bytes)],
    but: "AND source <> x''",
};

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

/// Spans offer new ids. Most are named by nobody yet, and are kept at once.
pub(super) fn offer_all(
    connection: &Connection,
    offers: &[Offer],
    touched: &mut Vec<Touched>,
) -> Result<(), Error> {
    let new = offers.iter().flat_map(|offer| {
        let new = offer.now.iter().filter(|key| !offer.before.contains(key));
        new.map(|key| (offer.project.0, key.0))
    });
    let (projects, keys): (Vec<_>, Vec<Vec<Value>>) =
        new.map(|(project, key)| (project, vec![project.into(), key.to_vec().into()])).unzip();
    let mut named = HashSet::new();
    connection.find(&IS_NAMED, &keys, |place, row| {
        named.insert((projects[place], row.get::<[u8; 16]>(1)?));
        Ok(())
    })?;
    let mut rows = BTreeSet::new();
    for Offer { project, span, before, now } in offers {
        let is_plain = |key: &JoinKey| !named.contains(&(project.0, key.0)) || before.contains(key);
        if now.iter().all(is_plain) && before.iter().all(|key| now.contains(key)) {
            rows.extend(now.iter().filter(|key| !before.contains(key)).map(|key| (*project, key.0, *span)));
        } else {
            Joins { connection, project: *project }.offer(*span, before, now, touched)?;
        }
    }
    let row = |(project, key, (trace_id, span_id)): (ProjectId, [u8; 16], Place)| {
        vec![
            project.0.into(),
            key.to_vec().into(),
            trace_id.as_bytes().to_vec().into(),
            span_id.as_bytes().to_vec().into(),
        ]
    };
    connection.put(&NEW_OFFERS, &rows.into_iter().map(row).collect::<Vec<_>>(), |_| Ok(()))
}

const OFFERS: Find = Find {
    told: "trace_id, span_id",
    table: "span_join",
    by: &[("project", Kind::Integer), ("key", Kind::Bytes)],
    but: "",
};

/// The step that each of these log records belongs to by its id.
pub(super) fn takers(connection: &Connection, named: &[Named]) -> Result<Vec<Option<Place>>, Error> {
    let key = |(project, key, _): &Named| vec![project.0.into(), key.0.to_vec().into()];
    let keys: Vec<Vec<Value>> = named.iter().map(key).collect();
    let mut takers = vec![None; named.len()];
    connection.find(&OFFERS, &keys, |at, row| {
        let (place, own) = (place(row.blob(1), row.blob(2))?, named[at].2);
        // Of its own execution first, and the first of those.
        let order = |place: &Place| (place.0 != own, *place);
        if takers[at].as_ref().is_none_or(|taker| order(&place) < order(taker)) {
            takers[at] = Some(place);
        }
        Ok(())
    })?;
    Ok(takers)
}

type Blob<'a> = Result<&'a [u8], Error>;

fn place(trace_id: Blob<'_>, span_id: Blob<'_>) -> Result<Place, Error> {
    Ok((rows::trace_id(trace_id?)?, rows::span_id(span_id?)?))
}
