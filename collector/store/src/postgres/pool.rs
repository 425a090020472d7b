use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, Semaphore};
use tokio_postgres::error::SqlState;

use super::access::{Access, Claims, Role};
use super::connector::Connector;
use super::session::Session;
use super::watch;
use crate::Error;
use crate::clickhouse::Engine;
use crate::sql::Connection;

/// Connections, lent one at a time to work that may do this and no more. Pools of one store share those that are idle.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    idle: Arc<Idle>,
    places: Arc<Semaphore>,
    access: Access,
    /// What came in may be elsewhere.
    engine: Option<Engine>,
}

/// Connections that nobody uses, and how to get more.
#[derive(Debug)]
pub(super) struct Idle {
    connector: Connector,
    sessions: Mutex<Vec<Session>>,
    /// Takes the conditions out of statements, to see what holds without them.
    #[cfg(test)]
    unguarded: Option<Arc<super::tests::Unguarded>>,
}

impl Idle {
    pub(super) fn new(connector: Connector) -> Arc<Self> {
        Arc::new(Self {
            connector,
            sessions: Mutex::default(),
            #[cfg(test)]
            unguarded: None,
        })
    }

    #[cfg(test)]
    pub(super) fn unguarded(connector: Connector, unguarded: Arc<super::tests::Unguarded>) -> Arc<Self> {
        Arc::new(Self { connector, sessions: Mutex::default(), unguarded: Some(unguarded) })
    }

    /// Does this on a connection of its own.
    pub(super) fn with<T>(
        &self,
        access: Access,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.with_both(access, None, work)
    }

    /// The same beside a ClickHouse, where there is one.
    fn with_both<T>(
        &self,
        access: Access,
        engine: Option<&Engine>,
        work: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let lock = || self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = {
            let mut sessions = lock();
            sessions.retain(Session::is_usable);
            sessions.pop()
        };
        let mut session = match idle {
            Some(session) => session,
            None => self.connector.connect()?,
        };
        let role = access.role();
        session.set_access(access);
        #[cfg(test)]
        session.set_unguarded(self.unguarded.clone());
        let connection = Connection::Postgres(session).beside(engine);
        let result = catch_unwind(AssertUnwindSafe(|| work(&connection)));
        if let Connection::Postgres(session) = connection.alone()
            && session.is_usable()
        {
            lock().push(session);
        }
        let result = result.unwrap_or_else(|panic| resume_unwind(panic));
        result.map_err(|error| match role {
            Some(role) => denied(role, error),
            None => error,
        })
    }
}

/// Says which role a login lacks, where that is why it may not do something.
fn denied(role: Role, error: Error) -> Error {
    match error {
        Error::Postgres(source) if source.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            Error::MissingRole { role: role.name(), source }
        }
        error => error,
    }
}

impl Pool {
    /// So many connections at the same time.
    pub(super) fn new(idle: &Arc<Idle>, count: usize, access: Access, engine: Option<&Engine>) -> Self {
        let places = Arc::new(Semaphore::new(count));
        Self { idle: idle.clone(), places, access, engine: engine.cloned() }
    }

    /// The same places for somebody who looks.
    pub(crate) fn seen_by(&self, claims: Claims<'_>) -> Self {
        Self { access: self.access.claiming(claims), ..self.clone() }
    }

    /// Wakes this one whenever control data changed, on a connection that is nobody else's.
    pub(crate) async fn listen(&self, changed: &Notify) {
        watch::listen(&self.idle.connector, self, changed).await;
    }

    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = self.places.clone().acquire_owned().await.expect("the semaphore is never closed");
        let (idle, access, engine) = (self.idle.clone(), self.access.clone(), self.engine.clone());
        let lend = move || {
            let result = idle.with_both(access, engine.as_ref(), work);
            drop(place);
            result
        };
        tokio::task::spawn_blocking(lend).await?
    }
}
