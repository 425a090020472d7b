//! What came in, in ClickHouse, beside a control database which says in which order things were written.
//!
//! The control database's lock makes writers one at a time, and each transaction of theirs takes a version, which the
//! rows that it writes have as their stamp. So of two rows with a key the later is known. There is nothing to undo:
//! content is written first, then what names it, then what is told of that, and who fails in between writes it once
//! more, from the journal, over what is there.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use rusqlite::types::Value;

use super::engine::Engine;
use super::rows::ChRow;
use super::tables::{STAMP, TABLES, Table, encode_plain, table};
use super::words::{push_digits, push_value, with_values};
use crate::sql::{Conflict, Connection, Delete, Find, Insert, Kind, Row, Update, Values};
use crate::{Error, ProjectId};

/// Keys that are asked for at once.
const AT_ONCE: usize = 10_000;
/// Keys that go at once in a cluster: the statement stands in Keeper, where a megabyte is much.
const GONE_AT_ONCE: usize = 1_000;
/// The bits of a stamp that tell rows of a version apart.
const WITHIN: u32 = 16;

/// A connection to both.
#[derive(Debug)]
pub(crate) struct Over {
    control: Box<Connection>,
    engine: Engine,
    /// What a viewer may see; all where there is none.
    conditions: RefCell<Option<String>>,
    /// The version of the transaction that writes, and how many times it did.
    version: Cell<Option<i64>>,
    writes: Cell<i64>,
    /// True where a version may have been undone that something was written as.
    owes: Cell<bool>,
}

impl Over {
    pub(crate) fn new(control: Connection, engine: Engine) -> Self {
        let (conditions, version, writes) = Default::default();
        // Whoever was here before may have ended in between. Where several write, there is a gap before each version.
        let owes = Cell::new(!control.has_fleet());
        Self { control: Box::new(control), engine, conditions, version, writes, owes }
    }

    /// Nothing but this project can be seen through it, whatever it is asked.
    pub(crate) fn see(&self, project: Option<ProjectId>) {
        let condition = project.map_or_else(|| "0".to_owned(), |project| format!("project = {}", project.0));
        // In a cluster as well: the table that names those of all shards hands its condition on to them.
        let of = |table: &Table| format!("'{}': '{condition}'", table.name);
        let conditions = TABLES.iter().map(of).collect::<Vec<_>>().join(", ");
        self.conditions.replace(Some(format!("{{{conditions}}}")));
    }

    pub(crate) fn control(&self) -> &Connection {
        &self.control
    }

    pub(crate) fn into_control(self) -> Connection {
        *self.control
    }

    /// True where a statement is about what came in, and not about control data.
    pub(crate) fn is_of_steps(sql: &str) -> bool {
        let mut words = sql.split(|between: char| between.is_whitespace() || between == '(');
        let mut before = "";
        words.any(|word| {
            let is_found = matches!(before, "FROM" | "INTO" | "UPDATE") && table(word).is_some();
            if !word.is_empty() {
                before = word;
            }
            is_found
        })
    }

    /// Nobody shall write something else as a version that was undone: what was written as it is there, or may still
    /// arrive. It is left out, before the next transaction begins.
    pub(crate) fn make_up(&self) -> Result<(), Error> {
        if self.owes.get() {
            crate::sql::take_version(&self.control)?;
            self.owes.set(false);
        }
        Ok(())
    }

    /// Versions go on behind those that rows have here, though the control data are newer than that, or older: begun anew
    /// after damage, or put back from a copy. Else what is written next would be taken for older than what is there.
    pub(crate) fn catch_up(&self) -> Result<(), Error> {
        let of = |table: &Table| format!("SELECT max({STAMP}) AS latest FROM {}", table.name);
        let all: Vec<_> = TABLES.iter().map(of).collect();
        let sql = format!("SELECT max(latest) FROM ({}) SETTINGS final = 0", all.join(" UNION ALL "));
        let rows = self.engine.read(sql, None)?;
        match rows.first().and_then(|row| row.value(0)) {
            Some(Value::Integer(stamp)) => crate::sql::raise_version(&self.control, (stamp >> WITHIN) + 1),
            _ => Ok(()),
        }
    }

    /// A transaction begins.
    pub(crate) fn begin(&self) {
        self.version.set(None);
        self.writes.set(0);
    }

    /// What follows is of the version that this transaction took.
    pub(crate) fn writes_as(&self, version: i64) {
        self.version.set(Some(version));
        self.writes.set(0);
    }

    /// The transaction was undone, and its version with it.
    pub(crate) fn give_up(&self) {
        self.owes.set(self.owes.get() || self.writes.get() > 0);
        // Where the control data cannot be reached, it is made up for when they can.
        self.make_up().ok();
        self.begin();
    }

    /// A stamp that no other row of its key has, greater than all before.
    fn stamp(&self) -> Result<i64, Error> {
        let version = match self.version.get() {
            Some(version) => version,
            None => {
                let version = crate::sql::take_version(&self.control)?;
                self.version.set(Some(version));
                version
            }
        };
        self.writes.set(self.writes.get() + 1);
        Ok((version << WITHIN) + self.writes.get().min((1 << WITHIN) - 1))
    }

    pub(crate) fn query(&self, sql: &str, values: Values<'_>) -> Result<Vec<ChRow>, Error> {
        let statement = Statement::of(sql);
        if let Statement::Reads = statement {
            return self.engine.read(with_values(sql, values)?, self.conditions.borrow().as_deref());
        }
        let told = statement.told().map(|told| with_values(&told, values)).transpose()?;
        let told = told.map(|told| self.engine.read(told, None)).transpose()?;
        self.change(&statement, values)?;
        Ok(told.unwrap_or_default())
    }

    /// How many rows it changed.
    pub(crate) fn execute(&self, sql: &str, values: Values<'_>) -> Result<usize, Error> {
        let statement = Statement::of(sql);
        let count = statement.counted().map(|count| with_values(&count, values)).transpose()?;
        let Some(count) = count else { return Err(Error::Damaged("a statement that changes nothing")) };
        let count = self.engine.read(count, None)?;
        let count = count.first().and_then(|row| row.value(0)).and_then(|count| match count {
            Value::Integer(count) => usize::try_from(*count).ok(),
            _ => None,
        });
        match count.unwrap_or(0) {
            0 => Ok(0),
            count => self.change(&statement, values).map(|()| count),
        }
    }

    fn change(&self, statement: &Statement<'_>, values: Values<'_>) -> Result<(), Error> {
        match statement {
            Statement::Reads => Ok(()),
            Statement::Deletes { table, condition, .. } => {
                self.take_away(table.name, &with_values(condition, values)?)
            }
            Statement::Changes { table, changed, condition, .. } => {
                let stamp = self.stamp()?;
                let names: Vec<_> = table.columns.iter().map(|column| column.name).collect();
                let value = |name: &&str| match changed.iter().find(|(changed, _)| changed == name) {
                    Some((_, value)) => (*value).to_owned(),
                    None if *name == STAMP => stamp.to_string(),
                    None => (*name).to_owned(),
                };
                let told: Vec<_> = names.iter().map(value).collect();
                let sql = format!(
                    "INSERT INTO {0} ({1}) SELECT {2} FROM {0} WHERE {condition}",
                    table.name,
                    names.join(", "),
                    told.join(", ")
                );
                // Where no answer came and it is sent once more, it leaves the same rows with the same stamp.
                self.engine.command(with_values(&sql, values)?)
            }
        }
    }

    /// Takes away rows that were written before. Whenever it arrives, none that was written later goes with them.
    fn take_away(&self, table: &str, condition: &str) -> Result<(), Error> {
        let (rows, stamp) = (self.engine.in_place(table), self.stamp()?);
        self.engine.command(format!("DELETE FROM {rows} WHERE ({condition}) AND {STAMP} < {stamp}"))
    }

    pub(crate) fn put(
        &self,
        insert: &Insert,
        rows: &[Vec<Value>],
        mut told: impl FnMut(Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(table) = table(insert.table) else { return self.control.put(insert, rows, told) };
        let rows = self.not_outdone(insert, rows)?;
        self.insert(table, &insert.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>(), &rows)?;
        let Some(columns) = insert.told else { return Ok(()) };
        let names: std::sync::Arc<[String]> = columns.split(", ").map(str::to_owned).collect();
        let place = |name: &String| insert.columns.iter().position(|(column, _)| column == name);
        let places: Option<Vec<_>> = names.iter().map(place).collect();
        let places = places.ok_or(Error::Damaged("a column that a statement should give"))?;
        for row in rows.iter() {
            let row = ChRow::of(&names, places.iter().map(|at| row[*at].clone()).collect());
            told(Row::ClickHouse(&row))?;
        }
        Ok(())
    }

    /// Those of these rows that take the place of what is there.
    fn not_outdone<'a>(
        &self,
        insert: &Insert,
        rows: &'a [Vec<Value>],
    ) -> Result<Cow<'a, [Vec<Value>]>, Error> {
        let place = |name: &str| insert.columns.iter().position(|(column, _)| *column == name);
        let at = |row: &[Value], name: &str| {
            place(name).and_then(|at| row.get(at).cloned()).unwrap_or(Value::Null)
        };
        let keys = match insert.conflict {
            Conflict::Impossible | Conflict::Replaces(_) => return Ok(rows.into()),
            // It is nothing but its key.
            Conflict::Keeps(keys) if keys.split(", ").count() == insert.columns.len() => {
                return Ok(rows.into());
            }
            Conflict::Keeps(keys) | Conflict::Changes(keys, _) | Conflict::ReplacesIf(keys, _) => keys,
            Conflict::ReplacesBut { keys, .. } => keys,
        };
        let is_key = |(name, _): &&(&str, _)| keys.split(", ").any(|key| key == *name);
        let by: Vec<_> = insert.columns.iter().filter(is_key).copied().collect();
        let key = |row: &Vec<Value>| by.iter().map(|(name, _)| at(row, name)).collect::<Vec<_>>();
        let asked: Vec<_> = rows.iter().map(key).collect();
        let compared = match insert.conflict {
            Conflict::ReplacesIf(..) => "ended_at, hash, block",
            Conflict::ReplacesBut { .. } => "version, listed_at",
            _ => "1",
        };
        let find = Find { told: compared, table: insert.table, by: &by, but: "" };
        let mut before: Vec<Option<ChRow>> = vec![None; rows.len()];
        self.find(&find, &asked, |at, row| {
            if let Row::ClickHouse(row) = row {
                before[at] = Some(row.clone());
            }
            Ok(())
        })?;
        let mut kept = Vec::with_capacity(rows.len());
        for (row, before) in rows.iter().zip(before) {
            let Some(before) = before else {
                kept.push(row.clone());
                continue;
            };
            let before = |place: usize| before.value(place).cloned().unwrap_or(Value::Null);
            match insert.conflict {
                Conflict::ReplacesIf(..) => {
                    let newer = order(&at(row, "ended_at"), &at(row, "hash")) > order(&before(0), &before(1));
                    kept.extend((newer && before(2) != Value::Null).then(|| row.clone()));
                }
                Conflict::ReplacesBut { .. } if integer(&at(row, "version")) >= integer(&before(0)) => {
                    let mut row = row.clone();
                    if let (Value::Null, Some(place)) = (at(&row, "started_at"), place("listed_at")) {
                        row[place] = before(1);
                    }
                    kept.push(row);
                }
                _ => {}
            }
        }
        Ok(kept.into())
    }

    fn insert(&self, table: &Table, names: &[&str], rows: &[Vec<Value>]) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let stamp = self.stamp()?;
        let columns: Option<Vec<_>> = names.iter().map(|name| table.column(name)).collect();
        let columns = columns.ok_or(Error::Damaged("a column that a table does not have"))?;
        let mut bytes = Vec::with_capacity(rows.len() * 64);
        for row in rows {
            for (column, value) in columns.iter().zip(row) {
                column.encode(value, &mut bytes)?;
            }
            bytes.extend(stamp.to_le_bytes());
        }
        let sql = format!("INSERT INTO {} ({}, {STAMP}) FORMAT RowBinary", table.name, names.join(", "));
        // What is sent once more within the call is known by it, and nothing else ever is.
        let token = format!("{:016x}", getrandom::u64().map_err(Error::Random)?);
        self.engine.insert(sql, bytes, token)
    }

    pub(crate) fn find(
        &self,
        find: &Find<'_>,
        keys: &[Vec<Value>],
        mut found: impl FnMut(usize, Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if table(find.table).is_none() {
            return self.control.find(find, keys, found);
        }
        let mut places = HashMap::<Vec<Key>, Vec<usize>>::new();
        let mut groups = HashMap::<Vec<Key>, Vec<usize>>::new();
        let is_equal = |at: &usize| !find.by[*at].0.contains(' ');
        let (equal, compared): (Vec<_>, Vec<_>) = (0..find.by.len()).partition(is_equal);
        let part = |key: &[Value], of: &[usize]| of.iter().map(|at| Key::of(&key[*at])).collect::<Vec<_>>();
        for (at, key) in keys.iter().enumerate() {
            let of_key = places.entry([part(key, &compared), part(key, &equal)].concat()).or_default();
            if of_key.is_empty() {
                groups.entry(part(key, &compared)).or_default().push(at);
            }
            of_key.push(at);
        }
        for (same, first) in groups {
            for some in first.chunks(AT_ONCE) {
                let keys: Vec<_> = some.iter().map(|at| keys[*at].as_slice()).collect();
                let rows = self
                    .engine
                    .read(asked(find, &equal, &compared, &keys), self.conditions.borrow().as_deref())?;
                for row in &rows {
                    let from = row.values().len() - equal.len();
                    let own = row.values()[from..].iter().map(Key::of);
                    let key: Vec<_> = same.iter().cloned().chain(own).collect();
                    for place in places.get(&key).into_iter().flatten() {
                        found(*place, Row::ClickHouse(row))?;
                    }
                }
            }
        }
        Ok(())
    }

    pub(crate) fn delete(
        &self,
        delete: &Delete<'_>,
        keys: &[Vec<Value>],
        mut told: impl FnMut(Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if table(delete.table).is_none() {
            return self.control.delete(delete, keys, told);
        }
        let equal: Vec<_> = (0..delete.by.len()).collect();
        let find = Find { told: delete.told.unwrap_or("1"), table: delete.table, by: delete.by, but: "" };
        let at_once = if self.engine.is_cluster() { GONE_AT_ONCE } else { AT_ONCE };
        for some in keys.chunks(at_once) {
            let some: Vec<_> = some.iter().map(Vec::as_slice).collect();
            let rows = self.engine.read(asked(&find, &equal, &[], &some), None)?;
            if rows.is_empty() {
                continue;
            }
            // What replicas do each for itself may not ask for anything.
            let condition = if self.engine.is_cluster() {
                format!("{} IN ({})", names_of(&find, &equal), as_list(&equal, &some))
            } else {
                among(&find, &equal, &some)
            };
            self.take_away(delete.table, &condition)?;
            rows.iter().try_for_each(|row| told(Row::ClickHouse(row)))?;
        }
        Ok(())
    }

    pub(crate) fn update(&self, update: &Update<'_>, rows: &[Vec<Value>]) -> Result<usize, Error> {
        let Some(table) = table(update.table) else { return self.control.update(update, rows) };
        let names: Vec<_> =
            table.columns.iter().map(|column| column.name).filter(|name| *name != STAMP).collect();
        let told = names.join(", ");
        let find = Find { told: &told, table: update.table, by: update.by, but: "" };
        let keys: Vec<_> = rows.iter().map(|row| row[..update.by.len()].to_vec()).collect();
        let mut changed = Vec::new();
        self.find(&find, &keys, |at, row| {
            let Row::ClickHouse(row) = row else { return Ok(()) };
            let mut values = row.values()[..names.len()].to_vec();
            for ((name, _), new) in update.set.iter().zip(&rows[at][update.by.len()..]) {
                if let Some(place) = names.iter().position(|one| one == name) {
                    values[place] = new.clone();
                }
            }
            changed.push(values);
            Ok(())
        })?;
        self.insert(table, &names, &changed)?;
        Ok(changed.len())
    }

    /// Drops the partitions of a day. Whoever calls has the lock of those who write.
    pub(crate) fn drop_day(&self, project: ProjectId, day: u32) -> Result<(), Error> {
        TABLES.iter().filter(|table| table.is_by_day()).try_for_each(|table| {
            let rows = self.engine.in_place(table.name);
            self.engine.command(format!("ALTER TABLE {rows} DROP PARTITION ({}, {day})", project.0))
        })
    }

    /// Leaves nothing of what was deleted in the tables' files.
    pub(crate) fn scrub(&self) -> Result<(), Error> {
        TABLES.iter().try_for_each(|table| {
            self.engine
                .command(format!("ALTER TABLE {} APPLY DELETED MASK", self.engine.in_place(table.name)))
        })
    }
}

fn integer(value: &Value) -> i64 {
    if let Value::Integer(number) = value { *number } else { i64::MIN }
}

/// What snapshots of a span are ordered by.
fn order(ended_at: &Value, hash: &Value) -> (i64, Vec<u8>) {
    let hash = if let Value::Blob(hash) = hash { hash.clone() } else { Vec::new() };
    (integer(ended_at), hash)
}

/// A part of a key, as it comes back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Null,
    Integer(i64),
    Bytes(Vec<u8>),
}

impl Key {
    fn of(value: &Value) -> Self {
        match value {
            Value::Integer(number) => Self::Integer(*number),
            Value::Text(text) => Self::Bytes(text.clone().into_bytes()),
            Value::Blob(bytes) => Self::Bytes(bytes.clone()),
            Value::Null | Value::Real(_) => Self::Null,
        }
    }
}

/// Asks for the rows of all of these keys at once. What a row is asked for by stands behind what is told of it.
fn asked(find: &Find<'_>, equal: &[usize], compared: &[usize], keys: &[&[Value]]) -> String {
    let Rest { condition, group, order, limit } = Rest::of(find.but);
    let names: Vec<_> = equal.iter().map(|at| find.by[*at].0).collect();
    let mut conditions = vec![among(find, equal, keys)];
    for at in compared {
        let mut one = format!("{} ", find.by[*at].0);
        push_value(&keys[0][*at], &mut one);
        conditions.push(one);
    }
    conditions.extend(condition.map(|condition| condition.replace("x''", "''")));
    let conditions = conditions.join(" AND ").replace(NAMING.0, NAMING.1).replace(NAMING.2, NAMING.1);
    let wanted: Vec<_> = names.iter().enumerate().map(|(at, name)| format!("{name} AS wanted{at}")).collect();
    let (names, wanted) = (names.join(", "), wanted.join(", "));
    let mut sql = format!("SELECT {}, {wanted} FROM {} WHERE {conditions}", find.told, find.table);
    // Counted of each key alone.
    let group = group.or(find.told.contains("count(*)").then_some(""));
    if let Some(group) = group {
        let more = if group.is_empty() { String::new() } else { format!(", {group}") };
        sql.push_str(&format!(" GROUP BY {names}{more}"));
    }
    if let Some(order) = order {
        sql.push_str(&format!(" ORDER BY {order}"));
    }
    if let Some(limit) = limit {
        sql.push_str(&format!(" LIMIT {limit} BY {names}"));
    }
    sql
}

/// The ways in which it is said that a record names a span.
const NAMING: (&str, &str, &str) =
    ("joins IS NOT NULL AND source <> ''", "is_naming = 1", "source <> '' AND joins IS NOT NULL");

/// Keys that stand in a statement one by one: of more, ClickHouse reads a table in much less time than their list.
const LISTED: usize = 8;

/// That a row has one of these keys.
fn among(find: &Find<'_>, equal: &[usize], keys: &[&[Value]]) -> String {
    let is_plain = |key: &&[Value]| equal.iter().all(|at| !matches!(key[*at], Value::Null | Value::Real(_)));
    let told = match keys.len() > LISTED && keys.iter().all(is_plain) {
        true => as_table(find, equal, keys),
        false => as_list(equal, keys),
    };
    format!("{} IN ({told})", names_of(find, equal))
}

fn names_of(find: &Find<'_>, equal: &[usize]) -> String {
    let names: Vec<_> = equal.iter().map(|at| find.by[*at].0).collect();
    if let [one] = names.as_slice() { one.to_string() } else { format!("({})", names.join(", ")) }
}

fn as_list(equal: &[usize], keys: &[&[Value]]) -> String {
    let mut list = String::new();
    for (place, key) in keys.iter().enumerate() {
        list.push_str(if place == 0 { "(" } else { ", (" });
        for (place, at) in equal.iter().enumerate() {
            list.push_str(if place == 0 { "" } else { ", " });
            push_value(&key[*at], &mut list);
        }
        list.push(')');
    }
    list
}

fn as_table(find: &Find<'_>, equal: &[usize], keys: &[&[Value]]) -> String {
    let columns = equal.iter().map(|at| match find.by[*at].1 {
        Kind::Integer => format!("key{at} Int64"),
        _ => format!("key{at} String"),
    });
    let columns = columns.collect::<Vec<_>>().join(", ");
    let mut rows = Vec::with_capacity(keys.len() * 32);
    for key in keys {
        equal.iter().for_each(|at| encode_plain(&key[*at], &mut rows));
    }
    let mut table = format!("SELECT * FROM format(RowBinary, '{columns}', unhex('");
    table.reserve(2 * rows.len() + 3);
    push_digits(&rows, &mut table);
    table.push_str("'))");
    table
}

/// What follows the conditions of a [`Find`].
struct Rest<'a> {
    condition: Option<&'a str>,
    group: Option<&'a str>,
    order: Option<&'a str>,
    limit: Option<&'a str>,
}

impl<'a> Rest<'a> {
    fn of(but: &'a str) -> Self {
        let cut = |text: &'a str, word: &str| match text.split_once(word) {
            Some((before, after)) => (before.trim(), Some(after.trim())),
            None => (text.trim(), None),
        };
        let (rest, limit) = cut(but, "LIMIT ");
        let (rest, order) = cut(rest, "ORDER BY ");
        let (rest, group) = cut(rest, "GROUP BY ");
        Self { condition: rest.strip_prefix("AND ").map(str::trim), group, order, limit }
    }
}

/// What a statement does to a table.
enum Statement<'a> {
    Reads,
    Deletes {
        table: &'static Table,
        condition: &'a str,
        told: Option<&'a str>,
    },
    Changes {
        table: &'static Table,
        changed: Vec<(&'a str, &'a str)>,
        condition: &'a str,
        told: Option<&'a str>,
    },
}

impl<'a> Statement<'a> {
    fn of(sql: &'a str) -> Self {
        let sql = sql.trim();
        let parsed = if let Some(rest) = sql.strip_prefix("DELETE FROM ") {
            Self::deleting(rest)
        } else {
            sql.strip_prefix("UPDATE ").and_then(Self::changing)
        };
        parsed.unwrap_or(Self::Reads)
    }

    fn deleting(rest: &'a str) -> Option<Self> {
        let (name, rest) = rest.split_once(" WHERE ")?;
        let (condition, told) = returning(rest);
        Some(Self::Deletes { table: table(name.trim())?, condition, told })
    }

    fn changing(rest: &'a str) -> Option<Self> {
        let (name, rest) = rest.split_once(" SET ")?;
        let (changed, rest) = rest.split_once("WHERE ")?;
        let (condition, told) = returning(rest);
        let changed = changed
            .split(',')
            .map(|one| one.split_once('=').map(|(name, value)| (name.trim(), value.trim())));
        Some(Self::Changes {
            table: table(name.trim())?,
            changed: changed.collect::<Option<_>>()?,
            condition,
            told,
        })
    }

    /// The statement that tells what this one is about to change.
    fn told(&self) -> Option<String> {
        let (Self::Deletes { table, condition, told } | Self::Changes { table, condition, told, .. }) = self
        else {
            return None;
        };
        told.map(|told| format!("SELECT {told} FROM {} WHERE {condition}", table.name))
    }

    fn counted(&self) -> Option<String> {
        let (Self::Deletes { table, condition, .. } | Self::Changes { table, condition, .. }) = self else {
            return None;
        };
        Some(format!("SELECT count(*) FROM {} WHERE {condition}", table.name))
    }
}

fn returning(rest: &str) -> (&str, Option<&str>) {
    match rest.split_once("RETURNING ") {
        Some((condition, told)) => (condition.trim(), Some(told.trim())),
        None => (rest.trim(), None),
    }
}
