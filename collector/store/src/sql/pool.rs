use tokio::sync::Notify;

use super::Connection;
use crate::postgres::Claims;
use crate::{Error, postgres, sqlite};

/// Connections, lent one at a time to work on a thread that may block.
#[derive(Debug, Clone)]
pub(crate) enum Pool {
    Sqlite(sqlite::Pool),
    Postgres(postgres::Pool),
}

impl Pool {
    /// Does this work on a connection of its own. The work goes on to its end even where nobody waits for it any more,
    /// so that a connection is never left in the middle of a transaction.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        match self {
            Self::Sqlite(pool) => pool.with(work).await,
            Self::Postgres(pool) => pool.with(work).await,
        }
    }

    /// Wakes this one whenever control data changed, where the database tells so.
    pub(crate) async fn listen(&self, changed: &Notify) {
        match self {
            Self::Sqlite(_) => std::future::pending().await,
            Self::Postgres(pool) => pool.listen(changed).await,
        }
    }

    /// The same for somebody who looks: a remote database is told who, and shows nothing else.
    pub(crate) async fn seen_by<T: Send + 'static>(
        &self,
        claims: Claims<'_>,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let project = claims.project;
        let look = move |connection: &Connection| {
            connection.see(project)?;
            work(connection)
        };
        match self {
            Self::Sqlite(pool) => pool.with(look).await,
            Self::Postgres(pool) => pool.seen_by(claims).with(look).await,
        }
    }
}
