//! One connection to a database, and the words that all of them understand.

use std::ops::Deref;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, Value, ValueRef};
use rusqlite::{CachedStatement, ToSql};

use super::versions::last_version;
use super::words::{for_sqlite, placeholders};
use crate::clickhouse::{ChRow, Engine, Over};
use crate::postgres::{Cell, PgRow, Session, with_nul};
use crate::{Error, ProjectId, sqlite};

/// The values of a statement, as [`rusqlite::params!`] makes them.
pub(crate) type Values<'a> = &'a [&'a dyn ToSql];

/// A connection to the embedded or to a remote database. Outside a transaction, each statement is one.
#[derive(Debug)]
pub(crate) enum Connection {
    Sqlite(rusqlite::Connection),
    Postgres(Session),
    /// One of these for control data, and a ClickHouse for what came in.
    ClickHouse(Over),
}

/// Values that were put together one after the other.
pub(crate) fn refs(values: &[Value]) -> Vec<&dyn ToSql> {
    values.iter().map(|value| value as &dyn ToSql).collect()
}

impl Connection {
    /// The one that has the control data.
    pub(crate) fn control(&self) -> &Self {
        match self {
            Self::ClickHouse(over) => over.control(),
            own => own,
        }
    }

    /// The same, with a ClickHouse for what comes in where there is one.
    pub(crate) fn beside(self, engine: Option<&Engine>) -> Self {
        match engine {
            Some(engine) => Self::ClickHouse(Over::new(self, engine.clone())),
            None => self,
        }
    }

    /// Without that.
    pub(crate) fn alone(self) -> Self {
        match self {
            Self::ClickHouse(over) => over.into_control(),
            own => own,
        }
    }

    /// From here on, nothing of any other project than this one is seen of what came in, whatever is asked; and nothing
    /// at all where the control data do not show it to whoever looks.
    pub(crate) fn see(&self, project: Option<ProjectId>) -> Result<(), Error> {
        if let Self::ClickHouse(over) = self {
            let sql = "SELECT EXISTS (SELECT 1 FROM project WHERE id = ?1)";
            let is_shown = |project: &ProjectId| over.control().one(sql, &[&project.0], |row| row.get(0));
            let is_shown = project.as_ref().map_or(Ok(false), is_shown)?;
            over.see(project.filter(|_| is_shown));
        }
        Ok(())
    }

    /// Lets the content of a day go as a whole, where it lies apart: no row is written anew for it.
    pub(crate) fn drop_day(&self, project: ProjectId, day: u32) -> Result<(), Error> {
        match self {
            Self::ClickHouse(over) => over.drop_day(project, day),
            _ => Ok(()),
        }
    }

    /// Puts the versions of the control data behind those of what came in, where that lies apart.
    pub(crate) fn catch_up(&self) -> Result<(), Error> {
        match self {
            Self::ClickHouse(over) => over.catch_up(),
            _ => Ok(()),
        }
    }

    /// True where several collectors may write.
    pub(crate) fn has_fleet(&self) -> bool {
        matches!(self.control(), Self::Postgres(_))
    }

    /// True where no statement can be about control data and what came in at once.
    pub(crate) fn keeps_steps_apart(&self) -> bool {
        matches!(self, Self::ClickHouse(_))
    }

    /// True where what came in is beyond a network, so that what is asked for at once is asked for once.
    pub(crate) fn is_far(&self) -> bool {
        !matches!(self, Self::Sqlite(_))
    }

    /// How many rows it changed.
    pub(crate) fn execute(&self, sql: &str, values: Values<'_>) -> Result<usize, Error> {
        match self {
            Self::Sqlite(connection) => Ok(connection.prepare_cached(&for_sqlite(sql))?.execute(values)?),
            Self::Postgres(session) => session.execute(sql, values),
            Self::ClickHouse(over) if Over::is_of_steps(sql) => over.execute(sql, values),
            Self::ClickHouse(over) => over.control().execute(sql, values),
        }
    }

    /// The one row that there is; [`Error::NoRow`] where there is none.
    pub(crate) fn one<T>(
        &self,
        sql: &str,
        values: Values<'_>,
        read: impl FnOnce(Row<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut statement = self.prepare(sql)?;
        let mut found = statement.query(values)?;
        read(found.next()?.ok_or(Error::NoRow)?)
    }

    /// Every row.
    pub(crate) fn all<T>(
        &self,
        sql: &str,
        values: Values<'_>,
        mut read: impl FnMut(Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut statement = self.prepare(sql)?;
        let mut found = statement.query(values)?;
        let mut all = Vec::new();
        while let Some(row) = found.next()? {
            all.push(read(row)?);
        }
        Ok(all)
    }

    /// The same statement for each of these rows of values; tells how many rows were changed. A remote database gets
    /// all of them before it has answered the first.
    pub(crate) fn many(&self, sql: &str, rows: &[Vec<Value>]) -> Result<usize, Error> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(&for_sqlite(sql))?;
                rows.iter().map(|row| Ok(statement.execute(&*refs(row))?)).sum()
            }
            Self::Postgres(session) => session.many(sql, rows),
            Self::ClickHouse(over) if Over::is_of_steps(sql) => {
                rows.iter().map(|row| over.execute(sql, &refs(row))).sum()
            }
            Self::ClickHouse(over) => over.control().many(sql, rows),
        }
    }

    /// Changes rows by their keys; tells how many there were. Each of these begins with the values of the key.
    pub(crate) fn update(&self, update: &Update<'_>, rows: &[Vec<Value>]) -> Result<usize, Error> {
        match self {
            _ if rows.is_empty() => Ok(0),
            Self::ClickHouse(over) => over.update(update, rows),
            _ => self.many(&update.one_by_one(), rows),
        }
    }

    /// Inserts rows, at once where the database is remote, and tells of those that were inserted or changed what the
    /// statement returns. No two rows have the same key.
    pub(crate) fn put(
        &self,
        insert: &Insert,
        rows: &[Vec<Value>],
        mut told: impl FnMut(Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self {
            _ if rows.is_empty() => Ok(()),
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(&insert.row_by_row())?;
                for row in rows {
                    let mut found = statement.query(&*refs(row))?;
                    while let Some(row) = found.next()? {
                        told(Row::Sqlite(row))?;
                    }
                }
                Ok(())
            }
            Self::Postgres(session) => {
                session.put(insert, rows)?.iter().try_for_each(|row| told(Row::Postgres(row)))
            }
            Self::ClickHouse(over) => over.put(insert, rows, told),
        }
    }

    /// Finds rows by their keys, at once where the database is remote. Tells the place of the key among these, and the
    /// row. The rows of a key come in the order that is asked for; keys come in any.
    pub(crate) fn find(
        &self,
        find: &Find<'_>,
        keys: &[Vec<Value>],
        mut found: impl FnMut(usize, Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self {
            _ if keys.is_empty() => Ok(()),
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(&find.one_by_one())?;
                for (place, key) in keys.iter().enumerate() {
                    let mut rows = statement.query(&*refs(key))?;
                    while let Some(row) = rows.next()? {
                        found(place, Row::Sqlite(row))?;
                    }
                }
                Ok(())
            }
            Self::Postgres(session) => session.find(find, keys)?.iter().try_for_each(|row| {
                // It stands behind what is asked for.
                let place: i64 = Row::Postgres(row).get(row.len() - 1)?;
                found(usize::try_from(place).unwrap_or(usize::MAX), Row::Postgres(row))
            }),
            Self::ClickHouse(over) => over.find(find, keys, found),
        }
    }

    /// Deletes rows by their keys, at once where the database is remote, and tells of each what the statement returns.
    pub(crate) fn delete(
        &self,
        delete: &Delete<'_>,
        keys: &[Vec<Value>],
        mut told: impl FnMut(Row<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match self {
            _ if keys.is_empty() => Ok(()),
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(&delete.one_by_one())?;
                for key in keys {
                    let mut rows = statement.query(&*refs(key))?;
                    while let Some(row) = rows.next()? {
                        told(Row::Sqlite(row))?;
                    }
                }
                Ok(())
            }
            Self::Postgres(session) => {
                session.delete(delete, keys)?.iter().try_for_each(|row| told(Row::Postgres(row)))
            }
            Self::ClickHouse(over) => over.delete(delete, keys, told),
        }
    }

    /// Lets work that only adds take something away.
    pub(crate) fn taking_away<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        match self.control() {
            Self::Postgres(session) => session.taking_away(work),
            _ => work(),
        }
    }

    /// Sends this to whoever listens to a remote database, once the transaction is at its end. Of a file nobody hears.
    pub(crate) fn tell(&self, word: &str) -> Result<(), Error> {
        match self.control() {
            Self::Postgres(_) => self.one("SELECT pg_notify('treering', ?1)", &[&word], |_| Ok(())),
            _ => Ok(()),
        }
    }

    /// Gives some free pages of a file back to its system; false where there are none left, or no file.
    pub(crate) fn shrink(&self) -> Result<bool, Error> {
        match self.control() {
            Self::Sqlite(connection) => sqlite::shrink(connection),
            // What is deleted there is the server's to clean up.
            _ => Ok(false),
        }
    }

    /// Empties the write-ahead log of a file, in which deleted rows stay.
    pub(crate) fn empty_log(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => sqlite::truncate_log(connection),
            Self::Postgres(_) => Ok(()),
            Self::ClickHouse(over) => {
                over.scrub()?;
                over.control().empty_log()
            }
        }
    }

    pub(crate) fn prepare(&self, sql: &str) -> Result<Statement<'_>, Error> {
        match self {
            Self::Sqlite(connection) => Ok(Statement::Sqlite(connection.prepare_cached(&for_sqlite(sql))?)),
            Self::Postgres(session) => Ok(Statement::Postgres(session, sql.to_owned())),
            Self::ClickHouse(over) if Over::is_of_steps(sql) => {
                Ok(Statement::ClickHouse(over, sql.to_owned()))
            }
            Self::ClickHouse(over) => over.control().prepare(sql),
        }
    }

    /// What is read through it is all of one moment.
    pub(crate) fn moment(&self) -> Result<Moment<'_>, Error> {
        match self.control() {
            Self::Sqlite(connection) => connection.execute_batch("BEGIN")?,
            Self::Postgres(session) => session.begin_moment()?,
            Self::ClickHouse(_) => {}
        }
        let moment = Moment { connection: self };
        if let Self::ClickHouse(_) = self {
            // The moment is that of the control data, from here on: of what came in, more may be there, but not less.
            last_version(&moment)?;
        }
        Ok(moment)
    }
    /// What is written through it is kept as a whole, or not at all. One at a time writes, whoever else is connected.
    pub(crate) fn writing(&self) -> Result<Transaction<'_>, Error> {
        let transaction = self.writing_soon()?;
        transaction.lock()?;
        Ok(transaction)
    }

    /// The same, where others may still write until [`Transaction::lock`]. An embedded database is locked at once.
    pub(crate) fn writing_soon(&self) -> Result<Transaction<'_>, Error> {
        if let Self::ClickHouse(over) = self {
            over.make_up()?;
        }
        match self.control() {
            Self::Sqlite(connection) => connection.execute_batch("BEGIN IMMEDIATE")?,
            Self::Postgres(session) => session.begin()?,
            Self::ClickHouse(_) => {}
        }
        if let Self::ClickHouse(over) = self {
            over.begin();
        }
        Ok(Transaction { connection: self, is_open: true })
    }
}

/// Rows to be inserted.
pub(crate) struct Insert {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static [(&'static str, Kind)],
    /// What becomes of a row whose key is there already.
    pub(crate) conflict: Conflict,
    /// The columns that are told of each row that was inserted or changed.
    pub(crate) told: Option<&'static str>,
}

/// What becomes of a row whose key, these columns, is there already.
#[derive(Clone, Copy)]
pub(crate) enum Conflict {
    /// There is none, or it is a defect.
    Impossible,
    /// What is there stays.
    Keeps(&'static str),
    /// The new one takes its place.
    Replaces(&'static str),
    /// This is changed of it.
    Changes(&'static str, &'static str),
    /// The new one takes its place on this condition.
    ReplacesIf(&'static str, &'static str),
    /// The same, but that this column becomes this.
    ReplacesBut { keys: &'static str, but: (&'static str, &'static str), condition: &'static str },
}

/// Rows to be found.
pub(crate) struct Find<'a> {
    /// What is told of each.
    pub(crate) told: &'a str,
    /// Where from.
    pub(crate) table: &'a str,
    /// The columns by which one is asked for, and what their values are. They are equal, but where a comparison
    /// follows the name.
    pub(crate) by: &'a [(&'a str, Kind)],
    /// `AND …`, where not every such row is meant; `ORDER BY … LIMIT …` of those of a key.
    pub(crate) but: &'a str,
}

impl Find<'_> {
    fn one_by_one(&self) -> String {
        self.of(|at| format!("?{at}"))
    }

    /// With a list of values for each column.
    pub(crate) fn at_once(&self) -> String {
        let (lists, names) = (numbered("?", self.by), numbered("key", self.by));
        let found = self.of(|at| format!("wanted.key{at}"));
        format!(
            "SELECT found.*, wanted.place - 1 FROM unnest({lists}) WITH ORDINALITY AS wanted ({names}, place)
             CROSS JOIN LATERAL ({found}) AS found"
        )
    }

    fn of(&self, key: impl Fn(usize) -> String) -> String {
        let Self { told, table, by, but } = self;
        format!("SELECT {told} FROM {table} WHERE {} {but}", conditions(by, key))
    }
}

/// Rows to be deleted.
pub(crate) struct Delete<'a> {
    pub(crate) table: &'a str,
    /// The columns by which they are named, and what their values are. They are equal, but where a comparison follows
    /// the name.
    pub(crate) by: &'a [(&'a str, Kind)],
    /// What is told of each row.
    pub(crate) told: Option<&'a str>,
}

impl Delete<'_> {
    fn one_by_one(&self) -> String {
        let (table, conditions) = (self.table, conditions(self.by, |at| format!("?{at}")));
        self.telling(format!("DELETE FROM {table} WHERE {conditions}"))
    }

    /// With a list of values for each column.
    pub(crate) fn at_once(&self) -> String {
        let (table, lists, names) = (self.table, numbered("?", self.by), numbered("key", self.by));
        let conditions = conditions(self.by, |at| format!("wanted.key{at}"));
        self.telling(format!(
            "DELETE FROM {table} USING unnest({lists}) AS wanted ({names}) WHERE {conditions}"
        ))
    }

    fn telling(&self, sql: String) -> String {
        match self.told {
            Some(told) => format!("{sql} RETURNING {told}"),
            None => sql,
        }
    }
}

/// Rows to be changed.
pub(crate) struct Update<'a> {
    pub(crate) table: &'a str,
    /// The columns by which they are named, and what their values are.
    pub(crate) by: &'a [(&'a str, Kind)],
    /// The columns that become something else.
    pub(crate) set: &'a [(&'a str, Kind)],
}

impl Update<'_> {
    fn one_by_one(&self) -> String {
        let set = self.set.iter().zip(self.by.len() + 1..).map(|((name, _), at)| format!("{name} = ?{at}"));
        let (set, by) = (set.collect::<Vec<_>>().join(", "), conditions(self.by, |at| format!("?{at}")));
        format!("UPDATE {} SET {set} WHERE {by}", self.table)
    }
}

/// `word1, word2, …`, one for each column.
fn numbered(word: &str, by: &[(&str, Kind)]) -> String {
    (1..=by.len()).map(|at| format!("{word}{at}")).collect::<Vec<_>>().join(", ")
}

/// Compares each column with its key.
fn conditions(by: &[(&str, Kind)], key: impl Fn(usize) -> String) -> String {
    let condition = |((name, _), at): (&(&str, Kind), usize)| {
        let compared = if name.contains(' ') { "" } else { " =" };
        format!("{name}{compared} {}", key(at))
    };
    by.iter().zip(1..).map(condition).collect::<Vec<_>>().join(" AND ")
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Integer,
    Real,
    Text,
    Bytes,
}

impl Insert {
    fn names(&self) -> String {
        self.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    fn row_by_row(&self) -> String {
        self.of(&format!("VALUES ({})", placeholders(self.columns.len())))
    }

    /// With a list of values for each column.
    pub(crate) fn at_once(&self) -> String {
        let (names, places) = (self.names(), placeholders(self.columns.len()));
        self.of(&format!("SELECT * FROM unnest({places}) AS rows ({names})"))
    }

    fn of(&self, rows: &str) -> String {
        let (table, names) = (self.table, self.names());
        let mut sql = format!("INSERT INTO {table} ({names}) {rows}");
        let (keys, condition, but) = match self.conflict {
            Conflict::Impossible => ("", None, None),
            Conflict::Keeps(keys) => {
                sql.push_str(&format!(" ON CONFLICT ({keys}) DO NOTHING"));
                ("", None, None)
            }
            Conflict::Changes(keys, what) => {
                sql.push_str(&format!(" ON CONFLICT ({keys}) DO UPDATE SET {what}"));
                ("", None, None)
            }
            Conflict::Replaces(keys) => (keys, None, None),
            Conflict::ReplacesIf(keys, condition) => (keys, Some(condition), None),
            Conflict::ReplacesBut { keys, but, condition } => (keys, Some(condition), Some(but)),
        };
        if !keys.is_empty() {
            let is_key = |name: &str| keys.split(", ").any(|key| key == name);
            let new = self.columns.iter().filter(|(name, _)| !is_key(name));
            let new: Vec<_> = new
                .map(|(name, _)| match but.filter(|(other, _)| other == name) {
                    Some((_, value)) => format!("{name} = {value}"),
                    None => format!("{name} = excluded.{name}"),
                })
                .collect();
            sql.push_str(&format!(" ON CONFLICT ({keys}) DO UPDATE SET {}", new.join(", ")));
        }
        if let Some(condition) = condition {
            sql.push_str(&format!(" WHERE {condition}"));
        }
        if let Some(told) = self.told {
            sql.push_str(&format!(" RETURNING {told}"));
        }
        sql
    }
}

/// A statement that gives rows.
pub(crate) enum Statement<'c> {
    Sqlite(CachedStatement<'c>),
    Postgres(&'c Session, String),
    ClickHouse(&'c Over, String),
}

impl Statement<'_> {
    pub(crate) fn query(&mut self, values: Values<'_>) -> Result<Rows<'_>, Error> {
        match self {
            Self::Sqlite(statement) => Ok(Rows::Sqlite(statement.query(values)?)),
            Self::Postgres(session, sql) => Ok(Rows::Postgres(session.query(sql, values)?.into_iter(), None)),
            Self::ClickHouse(over, sql) => Ok(Rows::ClickHouse(over.query(sql, values)?.into_iter(), None)),
        }
    }
}

pub(crate) enum Rows<'s> {
    Sqlite(rusqlite::Rows<'s>),
    Postgres(std::vec::IntoIter<PgRow>, Option<PgRow>),
    ClickHouse(std::vec::IntoIter<ChRow>, Option<ChRow>),
}

impl Rows<'_> {
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>, Error> {
        match self {
            Self::Sqlite(rows) => Ok(rows.next()?.map(Row::Sqlite)),
            Self::Postgres(rows, current) => {
                *current = rows.next();
                Ok(current.as_ref().map(Row::Postgres))
            }
            Self::ClickHouse(rows, current) => {
                *current = rows.next();
                Ok(current.as_ref().map(Row::ClickHouse))
            }
        }
    }
}

/// A row, and its columns by number.
#[derive(Clone, Copy)]
pub(crate) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a PgRow),
    ClickHouse(&'a ChRow),
}

impl<'a> Row<'a> {
    pub(crate) fn get<T: FromSql>(self, at: impl Column) -> Result<T, Error> {
        let value = self.get_ref(at)?;
        let text = match (self, value) {
            (Self::Postgres(_), ValueRef::Text(text)) => with_nul(text),
            _ => None,
        };
        let read = match T::column_result(text.as_deref().map_or(value, ValueRef::Text)) {
            // There, texts and bytes are alike.
            Err(FromSqlError::InvalidType) if matches!(self, Self::ClickHouse(_)) => match value {
                ValueRef::Blob(bytes) => T::column_result(ValueRef::Text(bytes)),
                _ => Err(FromSqlError::InvalidType),
            },
            read => read,
        };
        read.map_err(|error| match error {
            FromSqlError::InvalidType => Error::Damaged("a column of another kind"),
            _ => Error::Damaged("a value that its column cannot have"),
        })
    }

    pub(crate) fn get_ref(self, at: impl Column) -> Result<ValueRef<'a>, Error> {
        let at = at.of(self)?;
        match self {
            Self::Sqlite(row) => Ok(row.get_ref(at)?),
            Self::Postgres(row) => Ok(row.try_get::<_, Cell<'a>>(at).map_err(Error::Postgres)?.0),
            Self::ClickHouse(row) => row
                .value(at)
                .map(ValueRef::from)
                .ok_or(Error::Damaged("a column that a statement should give")),
        }
    }

    /// The bytes of a column; none where it has no value.
    pub(crate) fn blob(self, at: impl Column) -> Result<&'a [u8], Error> {
        let bytes: FromSqlResult<_> = self.get_ref(at)?.as_blob_or_null();
        bytes.map(Option::unwrap_or_default).map_err(|_| Error::Damaged("a column of another kind"))
    }
}

/// A column, by its number or its name.
pub(crate) trait Column {
    fn of(self, row: Row<'_>) -> Result<usize, Error>;
}

impl Column for usize {
    fn of(self, _row: Row<'_>) -> Result<usize, Error> {
        Ok(self)
    }
}

impl Column for &str {
    fn of(self, row: Row<'_>) -> Result<usize, Error> {
        let named = match row {
            Row::Sqlite(row) => row.as_ref().column_index(self).ok(),
            Row::Postgres(row) => row.columns().iter().position(|column| column.name() == self),
            Row::ClickHouse(row) => row.place_of(self),
        };
        named.ok_or(Error::Damaged("a column that a statement should give"))
    }
}

/// A transaction that reads.
pub(crate) struct Moment<'a> {
    connection: &'a Connection,
}

impl Deref for Moment<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Moment<'_> {
    fn drop(&mut self) {
        end(self.connection);
    }
}

/// A transaction that writes; undone where it is not committed.
pub(crate) struct Transaction<'a> {
    connection: &'a Connection,
    is_open: bool,
}

impl Transaction<'_> {
    pub(crate) fn lock(&self) -> Result<(), Error> {
        match self.connection.control() {
            Connection::Postgres(session) => session.lock(),
            _ => Ok(()),
        }
    }

    /// The audit log is a chain, whoever else writes.
    pub(crate) fn lock_audit(&self) -> Result<(), Error> {
        match self.connection.control() {
            Connection::Postgres(session) => session.lock_audit(),
            _ => Ok(()),
        }
    }

    /// One at a time makes keys or wraps them anew.
    pub(crate) fn lock_keys(&self) -> Result<(), Error> {
        match self.connection.control() {
            Connection::Postgres(session) => session.lock_keys(),
            _ => Ok(()),
        }
    }

    pub(crate) fn commit(mut self) -> Result<(), Error> {
        match self.connection.control() {
            Connection::Sqlite(connection) => connection.execute_batch("COMMIT")?,
            Connection::Postgres(session) => session.commit()?,
            Connection::ClickHouse(_) => {}
        }
        self.is_open = false;
        Ok(())
    }

    /// What is written from here on is of this version.
    pub(super) fn writes_as(&self, version: i64) {
        if let Connection::ClickHouse(over) = self.connection {
            over.writes_as(version);
        }
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.is_open {
            end(self.connection);
            if let Connection::ClickHouse(over) = self.connection {
                over.give_up();
            }
        }
    }
}

/// Undoes what a transaction did, if anything. Where that fails, the connection is broken, and its next use says so.
fn end(connection: &Connection) {
    match connection {
        Connection::Sqlite(connection) if !connection.is_autocommit() => {
            connection.execute_batch("ROLLBACK").ok();
        }
        Connection::Sqlite(_) => {}
        Connection::Postgres(session) => session.roll_back(),
        Connection::ClickHouse(over) => end(over.control()),
    }
}

/// What is not there is no error.
pub(crate) trait OptionalExtension<T> {
    fn optional(self) -> Result<Option<T>, Error>;
}

impl<T> OptionalExtension<T> for Result<T, Error> {
    fn optional(self) -> Result<Option<T>, Error> {
        match self {
            Ok(value) => Ok(Some(value)),
            Err(Error::NoRow) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
