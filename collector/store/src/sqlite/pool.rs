use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::damage::{FileId, Ground, leave_log};
use super::file;
use crate::Error;
use crate::clickhouse::Engine;
use crate::sql::Connection;

/// Opens a connection to the database at a path.
type Open = fn(&Path) -> Result<Connection, Error>;

/// Connections, lent one at a time to work on a thread that may block.
///
/// Where another database took the place of the one that a connection is to, a new one is opened before it is lent; and
/// who meets damage begins a new database, where this process owns the store.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    idle: Arc<Mutex<Vec<Held>>>,
    places: Arc<Semaphore>,
    ground: Arc<Ground>,
    open: Open,
    /// What came in may be elsewhere.
    engine: Option<Engine>,
}

/// A connection, and the file that it is to.
#[derive(Debug)]
struct Held {
    connection: Connection,
    file: Option<FileId>,
    ground: Arc<Ground>,
}

impl Pool {
    /// So many connections.
    pub(super) fn open(
        ground: &Arc<Ground>,
        count: usize,
        open: Open,
        engine: Option<&Engine>,
    ) -> Result<Self, Error> {
        let idle = (0..count).map(|_| Held::open(ground, open, engine)).collect::<Result<_, _>>()?;
        let (idle, places) = (Arc::new(Mutex::new(idle)), Arc::new(Semaphore::new(count)));
        Ok(Self { idle, places, ground: ground.clone(), open, engine: engine.cloned() })
    }

    /// Does this work on a connection of its own. The work goes on to its end even where nobody waits for it
    /// any more, so that a connection is never left in the middle of a transaction.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = self.places.clone().acquire_owned().await.expect("the semaphore is never closed");
        let (idle, ground, open, engine) =
            (self.idle.clone(), self.ground.clone(), self.open, self.engine.clone());
        let lend = move || {
            let lock = || idle.lock().unwrap_or_else(PoisonError::into_inner);
            let mut held = lock().pop().expect("there are as many connections as places");
            // A panic goes on to whoever waits, but it must not take the connection along. What it was in the
            // middle of was undone while it came here.
            let result = catch_unwind(AssertUnwindSafe(|| {
                held.follow(open, engine.as_ref())?;
                work(&held.connection)
            }));
            let file = held.file;
            lock().push(held);
            drop(place);
            let result = result.unwrap_or_else(|panic| resume_unwind(panic));
            if let (Err(error), Some(file)) = (&result, file)
                && error.is_damage()
            {
                ground.mend(file)?;
            }
            result
        };
        tokio::task::spawn_blocking(lend).await?
    }
}

impl Held {
    fn open(ground: &Arc<Ground>, open: Open, engine: Option<&Engine>) -> Result<Self, Error> {
        // Before it is opened: should it be replaced in between, it is only opened once more.
        let file = FileId::of(&ground.path);
        let connection = open(&ground.path)?.beside(engine);
        Ok(Self { connection, file: file.or_else(|| FileId::of(&ground.path)), ground: ground.clone() })
    }

    fn is_behind(&self) -> bool {
        FileId::of(&self.ground.path).is_some_and(|file| Some(file) != self.file)
    }

    fn follow(&mut self, open: Open, engine: Option<&Engine>) -> Result<(), Error> {
        if self.is_behind() {
            *self = Self::open(&self.ground, open, engine)?;
        }
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if FileId::of(&self.ground.path) != self.file {
            leave_log(file(&self.connection));
        }
    }
}
