//! Hearing of changes at once, on a connection of its own that listens.
//!
//! A pooler that lends a connection for a transaction lets nothing through. No setting says whether there is one: it is
//! tried, and where nothing comes, nobody listens any more.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client, Connection, Error as PgError};

use super::connector::Connector;
use super::pool::Pool;
use crate::Error;

/// How long a word may take to come back.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a connection that failed is let be; twice as long each time that it fails again.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60);

/// How listening ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing comes through, nor will it.
    Deaf,
    /// It was heard until now.
    Broken,
}

/// Wakes this one whenever control data changed.
pub(super) async fn listen(connector: &Connector, pool: &Pool, changed: &Notify) {
    let mut rest = FIRST_REST;
    loop {
        match try_to_listen(connector, pool, changed).await {
            Ok(End::Deaf) => return std::future::pending().await,
            Ok(End::Broken) => rest = FIRST_REST,
            // Whoever asks for the number meets the same, and says so.
            Err(_) => rest = LONGEST_REST.min(rest * 2),
        }
        sleep(rest).await;
    }
}

async fn try_to_listen(connector: &Connector, pool: &Pool, changed: &Notify) -> Result<End, Error> {
    let (client, connection) = connector.connect_to_listen().await?;
    let (give, heard) = unbounded_channel();
    let mut serving = pin!(serve(connection, give));
    let end = match select(pin!(hear(client, heard, pool, changed)), &mut serving).await {
        Either::Left((end, _)) => end?,
        Either::Right((ended, _)) => return ended.map(|()| End::Broken).map_err(Error::Postgres),
    };
    // It says good-bye, as whoever serves it would like.
    timeout(PATIENCE, serving).await.ok();
    Ok(end)
}

async fn hear(
    client: Client,
    mut heard: UnboundedReceiver<String>,
    pool: &Pool,
    changed: &Notify,
) -> Result<End, Error> {
    client.batch_execute("LISTEN treering").await.map_err(Error::Postgres)?;
    if !comes_through(pool, &mut heard).await? {
        client.batch_execute("UNLISTEN treering").await.map_err(Error::Postgres)?;
        return Ok(End::Deaf);
    }
    // What changed before nobody heard of.
    changed.notify_one();
    while let Some(word) = heard.recv().await {
        // Other words are those of others who try.
        if word.is_empty() {
            changed.notify_one();
        }
    }
    Ok(End::Broken)
}

/// Whether what is sent on another connection comes here. On this one it would come even through a pooler.
async fn comes_through(pool: &Pool, heard: &mut UnboundedReceiver<String>) -> Result<bool, Error> {
    let nonce = format!("{:016x}", getrandom::u64().map_err(Error::Random)?);
    let word = nonce.clone();
    pool.with(move |connection| connection.tell(&word)).await?;
    let comes = async {
        while let Some(word) = heard.recv().await {
            if word == nonce {
                return true;
            }
        }
        false
    };
    Ok(timeout(PATIENCE, comes).await.unwrap_or(false))
}

/// Serves a connection to its end, and passes on what it hears.
async fn serve<S, T>(mut connection: Connection<S, T>, heard: UnboundedSender<String>) -> Result<(), PgError>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(notification) = message? {
            // Nobody hears it any more who has just found that nothing came.
            heard.send(notification.payload().to_owned()).ok();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use treering_test_servers::{Owner, shared, shared_pgbouncer};

    use super::super::access::Access;
    use super::super::pool::Idle;
    use super::*;

    /// Far above what is usual, since builders are slow.
    const DEADLINE: Duration = Duration::from_secs(60);

    fn place(url: &str) -> (Connector, Pool) {
        let connector = Connector::new(&url.parse().unwrap()).unwrap();
        (connector.clone(), Pool::new(&Idle::new(connector), 1, Access::nobody(), None))
    }

    #[tokio::test]
    async fn what_is_told_is_heard_even_after_the_connection_broke() {
        let Some(server) = shared() else { return };
        let database = server.create_database(Owner::Plain).unwrap();
        let (connector, pool) = place(&database.url);
        let changed = Notify::new();
        let is_told = async {
            // It listens.
            changed.notified().await;
            pool.with(|connection| connection.tell("")).await.unwrap();
            changed.notified().await;
            let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE 'LISTEN%'";
            server.administer(&database.name, &[end]).unwrap();
            // It listens again.
            changed.notified().await;
            pool.with(|connection| connection.tell("")).await.unwrap();
            changed.notified().await;
        };
        tokio::select! {
            () = listen(&connector, &pool, &changed) => unreachable!("it listens for ever"),
            told = timeout(DEADLINE, is_told) => told.unwrap(),
        }
    }

    #[tokio::test]
    async fn behind_a_pooler_nobody_goes_on_listening() {
        let (Some(server), Some(pooler)) = (shared(), shared_pgbouncer()) else { return };
        let database = server.create_database(Owner::Plain).unwrap();
        let (connector, pool) = place(&pooler.url(&database.name, Owner::Plain.name()));
        let changed = Notify::new();
        let end = timeout(DEADLINE, try_to_listen(&connector, &pool, &changed)).await.unwrap();
        assert_eq!(end.unwrap(), End::Deaf);
    }
}
