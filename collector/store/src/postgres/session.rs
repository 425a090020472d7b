//! One connection. Nothing is kept on it from one transaction to the next, so that a pooler may put another one in its
//! place: no named statements, no settings but those of a transaction.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use futures_util::future::{join, join_all, join3};
use rusqlite::types::Value;
use tokio::runtime::Handle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error as PgError};

use super::access::Access;
use super::values::{Parameter, parameters};
use crate::Error;
use crate::sql::{Delete, Find, Insert, Kind, Values, for_postgres};

pub(crate) type PgRow = tokio_postgres::Row;

/// How long an answer is waited for. Whoever writes may have to wait for other collectors first.
const PATIENCE: Duration = Duration::from_secs(60);
/// Statements that are sent before their answers are looked at.
const AT_ONCE: usize = 1_000;

/// A connection, and what it may do at the moment.
#[derive(Debug)]
pub(crate) struct Session {
    client: Arc<Client>,
    /// Where it is served. Whoever waits for it may be a thread of any other runtime.
    runtime: Handle,
    access: Access,
    state: RefCell<State>,
    #[cfg(test)]
    unguarded: Option<Arc<super::tests::Unguarded>>,
}

/// How far a transaction is.
#[derive(Debug)]
enum State {
    None,
    /// It begins along with its first statement, which saves a journey.
    Begins(String),
    Open,
}

/// The number that writers lock, for as long as a transaction takes.
const WRITERS: &str = "SELECT pg_advisory_xact_lock(8390876210142)";

/// The same of those who add to the audit log; whoever locks both locks the writers first.
const AUDITORS: &str = "SELECT pg_advisory_xact_lock(8390876210143)";

/// The same of those who make keys, who lock nothing else.
const KEY_MAKERS: &str = "SELECT pg_advisory_xact_lock(8390876210144)";

impl Session {
    pub(super) fn new(client: Client, runtime: Handle) -> Self {
        let (client, access) = (Arc::new(client), Access::nobody());
        Self {
            client,
            runtime,
            access,
            state: RefCell::new(State::None),
            #[cfg(test)]
            unguarded: None,
        }
    }

    #[cfg(test)]
    pub(super) fn set_unguarded(&mut self, unguarded: Option<Arc<super::tests::Unguarded>>) {
        self.unguarded = unguarded;
    }

    /// What its next transactions may do.
    pub(super) fn set_access(&mut self, access: Access) {
        self.access = access;
    }

    /// True where another piece of work may have it.
    pub(super) fn is_usable(&self) -> bool {
        !self.client.is_closed() && matches!(*self.state.borrow(), State::None)
    }

    pub(crate) fn query(&self, sql: &str, values: Values<'_>) -> Result<Vec<PgRow>, Error> {
        self.ask(&for_postgres(sql), parameters(values)?)
    }

    pub(crate) fn execute(&self, sql: &str, values: Values<'_>) -> Result<usize, Error> {
        let counted = self.many_of(&for_postgres(sql), vec![parameters(values)?])?;
        Ok(counted)
    }

    pub(crate) fn many(&self, sql: &str, rows: &[Vec<Value>]) -> Result<usize, Error> {
        let sql = for_postgres(sql);
        let parameters = |row: &Vec<Value>| row.iter().cloned().map(Parameter::One).collect();
        rows.chunks(AT_ONCE).map(|some| self.many_of(&sql, some.iter().map(parameters).collect())).sum()
    }

    pub(crate) fn put(&self, insert: &Insert, rows: &[Vec<Value>]) -> Result<Vec<PgRow>, Error> {
        self.ask(&for_postgres(&insert.at_once()), lists(insert.columns, rows))
    }

    pub(crate) fn find(&self, find: &Find<'_>, keys: &[Vec<Value>]) -> Result<Vec<PgRow>, Error> {
        self.ask(&for_postgres(&find.at_once()), lists(find.by, keys))
    }

    pub(crate) fn delete(&self, delete: &Delete<'_>, keys: &[Vec<Value>]) -> Result<Vec<PgRow>, Error> {
        self.ask(&for_postgres(&delete.at_once()), lists(delete.by, keys))
    }

    /// Sends statements as they are, without values.
    pub(super) fn batch(&self, sql: &str) -> Result<(), Error> {
        let (client, sql) = (self.client.clone(), sql.to_owned());
        self.wait(async move { client.batch_execute(&sql).await })
    }

    pub(crate) fn begin_moment(&self) -> Result<(), Error> {
        self.state.replace(State::Begins(self.access.begin("ISOLATION LEVEL REPEATABLE READ")));
        Ok(())
    }

    pub(crate) fn begin(&self) -> Result<(), Error> {
        self.state.replace(State::Begins(self.access.begin("")));
        Ok(())
    }

    /// Waits until nobody else writes.
    pub(crate) fn lock(&self) -> Result<(), Error> {
        self.send_along(WRITERS)
    }

    /// Waits until nobody else adds to the audit log.
    pub(crate) fn lock_audit(&self) -> Result<(), Error> {
        self.send_along(AUDITORS)
    }

    /// Waits until nobody else makes keys.
    pub(crate) fn lock_keys(&self) -> Result<(), Error> {
        self.send_along(KEY_MAKERS)
    }

    /// Lets work that only adds take something away.
    pub(crate) fn taking_away<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let Some(back) = self.access.is_writer().then_some("SET LOCAL ROLE treering_writer") else {
            return work();
        };
        self.send_along("SET LOCAL ROLE treering_sweeper")?;
        let done = work()?;
        self.send_along(back)?;
        Ok(done)
    }

    /// With what the transaction begins with, where that was not sent yet.
    fn send_along(&self, sql: &str) -> Result<(), Error> {
        if let State::Begins(begin) = &mut *self.state.borrow_mut() {
            begin.push_str("; ");
            begin.push_str(sql);
            return Ok(());
        }
        self.batch(sql)
    }

    pub(crate) fn commit(&self) -> Result<(), Error> {
        match self.state.replace(State::None) {
            State::Open => self.batch("COMMIT"),
            State::None | State::Begins(_) => Ok(()),
        }
    }

    pub(crate) fn roll_back(&self) {
        // A connection that is not told of it is not used again.
        if matches!(*self.state.borrow(), State::Open) && self.batch("ROLLBACK").is_err() {
            return;
        }
        self.state.replace(State::None);
    }

    fn ask(&self, sql: &str, parameters: Vec<Parameter>) -> Result<Vec<PgRow>, Error> {
        let (client, sql) = (self.client.clone(), sql.to_owned());
        #[cfg(test)]
        let sql = self.unguarded.as_ref().map_or_else(|| sql.clone(), |unguarded| unguarded.take(&sql));
        let ask = async move |client: &Client| client.query_typed(&sql, &typed(&parameters)).await;
        match self.state.replace(State::Open) {
            State::Open => self.wait(async move { ask(&client).await }),
            State::Begins(begin) => self.wait(async move {
                let (began, found) = join(client.batch_execute(&begin), ask(&client)).await;
                began.and(found)
            }),
            State::None => {
                self.state.replace(State::None);
                let begin = self.access.begin("");
                self.wait(async move {
                    let ended = client.batch_execute("COMMIT");
                    let (began, found, ended) =
                        join3(client.batch_execute(&begin), ask(&client), ended).await;
                    began.and(found).and_then(|found| ended.map(|()| found))
                })
            }
        }
    }

    /// The same statement again and again.
    fn many_of(&self, sql: &str, rows: Vec<Vec<Parameter>>) -> Result<usize, Error> {
        let (client, sql) = (self.client.clone(), sql.to_owned());
        let send = async move |client: &Client| {
            let execute = async |row: &Vec<Parameter>| client.execute_typed(&sql, &typed(row)).await;
            join_all(rows.iter().map(execute)).await.into_iter().sum::<Result<u64, _>>()
        };
        let changed = match self.state.replace(State::Open) {
            State::Open => self.wait(async move { send(&client).await }),
            State::Begins(begin) => self.wait(async move {
                let (began, changed) = join(client.batch_execute(&begin), send(&client)).await;
                began.and(changed)
            }),
            State::None => {
                self.state.replace(State::None);
                let begin = self.access.begin("");
                self.wait(async move {
                    let ended = client.batch_execute("COMMIT");
                    let (began, changed, ended) =
                        join3(client.batch_execute(&begin), send(&client), ended).await;
                    began.and(changed).and_then(|changed| ended.map(|()| changed))
                })
            }
        };
        Ok(usize::try_from(changed?).unwrap_or(usize::MAX))
    }

    fn wait<T: Send + 'static>(
        &self,
        answer: impl Future<Output = Result<T, PgError>> + Send + 'static,
    ) -> Result<T, Error> {
        let (give, get) = sync_channel(1);
        self.runtime.spawn(async move {
            let answer = tokio::time::timeout(PATIENCE, answer).await;
            // Whoever asked waits, since it holds the connection.
            give.send(answer).ok();
        });
        match get.recv() {
            Ok(Ok(answer)) => answer.map_err(Error::Postgres),
            Ok(Err(_)) | Err(_) => Err(Error::Silent),
        }
    }
}

/// A list of values for each column.
fn lists(columns: &[(&str, Kind)], rows: &[Vec<Value>]) -> Vec<Parameter> {
    let column = |(at, (_, kind)): (usize, &(_, Kind))| {
        Parameter::List(*kind, rows.iter().map(|row| row[at].clone()).collect())
    };
    columns.iter().enumerate().map(column).collect()
}

fn typed(parameters: &[Parameter]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    parameters.iter().map(|one| (one as &(dyn ToSql + Sync), one.type_of())).collect()
}
