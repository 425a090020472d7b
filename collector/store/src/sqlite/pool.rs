use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::sync::Semaphore;

use crate::Error;

/// Connections, lent one at a time to work on a thread that may block.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    idle: Arc<Mutex<Vec<Connection>>>,
    places: Arc<Semaphore>,
}

impl Pool {
    pub(crate) fn new(connections: Vec<Connection>) -> Self {
        let places = Arc::new(Semaphore::new(connections.len()));
        Self { idle: Arc::new(Mutex::new(connections)), places }
    }

    /// Does this work on a connection of its own. The work goes on to its end even where nobody waits for it
    /// any more, so that a connection is never left in the middle of a transaction.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = self.places.clone().acquire_owned().await.expect("the semaphore is never closed");
        let idle = self.idle.clone();
        let lend = move || {
            let lock = || idle.lock().unwrap_or_else(PoisonError::into_inner);
            let mut connection = lock().pop().expect("there are as many connections as places");
            // A panic goes on to whoever waits, but it must not take the connection along. What it was in the
            // middle of was undone while it came here.
            let result = catch_unwind(AssertUnwindSafe(|| work(&mut connection)));
            lock().push(connection);
            drop(place);
            result.unwrap_or_else(|panic| resume_unwind(panic))
        };
        tokio::task::spawn_blocking(lend).await?
    }
}
