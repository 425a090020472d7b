//! A connection that holds something in its hand, such as a lock.

use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

use crate::{Error, PATIENCE, PostgresServer};

/// What a transaction holds as long as this lives.
#[derive(Debug)]
#[must_use]
pub struct Held {
    client: Option<Client>,
    runtime: Option<Runtime>,
}

impl PostgresServer {
    /// Begins a transaction as the superuser, runs this in it, and leaves it open.
    pub fn hold(&self, database: &str, statement: &str) -> Result<Held, Error> {
        let (url, begin) = (self.admin_url(database), format!("BEGIN; {statement}"));
        // On a thread of its own, since the caller may be on a runtime, where nothing may block.
        std::thread::scope(|scope| scope.spawn(|| hold(&url, &begin)).join()).expect("it does not panic")
    }
}

fn hold(url: &str, begin: &str) -> Result<Held, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Error::io("no thread can be started"))?;
    let refused = |source| Error::Refused { statement: begin.to_owned(), source };
    let connected = async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.map_err(refused)?;
        tokio::spawn(async move { connection.await.ok() });
        client.batch_execute(begin).await.map_err(refused)?;
        Ok(client)
    };
    let client = runtime.block_on(async { tokio::time::timeout(PATIENCE, connected).await });
    let client = client.map_err(|_| Error::Silent)??;
    Ok(Held { client: Some(client), runtime: Some(runtime) })
}

impl Drop for Held {
    fn drop(&mut self) {
        // The server undoes what a connection that ends had begun.
        self.client.take();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
