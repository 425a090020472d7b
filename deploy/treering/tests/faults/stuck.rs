//! A store that does not take anything for a while, and then does.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::load::Load;
use crate::support::{Api, Server, client};

/// What the process may take, however much waits.
const MOST_MEMORY: u64 = 256 << 20;
/// Requests that are acknowledged while the store is stuck.
const MEANWHILE: u64 = 1_000;

/// The lock that every writer of the store needs, in the hand of somebody else as long as this lives.
pub(crate) struct StoreLock(Connection);

impl StoreLock {
    pub(crate) fn take(data: &Path) -> Self {
        let connection = Connection::open(data.join("treering.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        // Should the server be killed meanwhile, its files stay as they are.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
        connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
        Self(connection)
    }

    pub(crate) fn release(self) {
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}

/// A page is there, whatever the store does.
pub(crate) async fn assert_a_page(server: &Server, read_key: &str) {
    let begun = Instant::now();
    let page = client().get(format!("http://{}/", server.dashboard)).bearer_auth(read_key);
    let answer = page.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert!(answer.text().await.unwrap().contains("Executions"));
    assert!(begun.elapsed() < Duration::from_secs(5), "a page took {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_store_stops_nobody_and_has_everything_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let load = Load::start(&server.http, &ingest, 4, 0);
    load.more(50).await;
    let lock = StoreLock::take(folder.path());
    load.more(MEANWHILE).await;
    assert_a_page(&server, &read).await;
    assert!(server.peak_memory() < MOST_MEMORY, "it took {} MiB", server.peak_memory() >> 20);
    lock.release();
    let ledger = load.end().await;
    ledger.assert_kept(&Api::of(&server)).await;
    assert!(server.peak_memory() < MOST_MEMORY, "it took {} MiB", server.peak_memory() >> 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_waits_for_the_store_asks_to_come_again_while_that_is_stuck() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &["--ack", "store"]);
    let load = Load::start(&server.http, &server.key("ingest"), 4, 0);
    load.more(20).await;
    let lock = StoreLock::take(folder.path());
    load.heard(503, 4).await;
    lock.release();
    load.more(20).await;
    let ledger = load.end().await;
    ledger.assert_kept(&Api::of(&server)).await;
    assert!(server.terminate().success());
    assert!(crate::support::outcome(folder.path(), "refused.unconfirmed").await >= 4);
}
