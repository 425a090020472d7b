//! A store that does not take anything for a while, and then does.

use std::time::{Duration, Instant};

use crate::load::Load;
use crate::support::{Api, Server, client};

/// What the process may take, however much waits.
const MOST_MEMORY: u64 = 256 << 20;
/// Requests that are acknowledged while the store is stuck.
const MEANWHILE: u64 = 1_000;

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
    let folder = crate::folder();
    let server = Server::start(folder.path(), &[]);
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let load = Load::start(&server.http, &ingest, 4, 0);
    load.more(50).await;
    let lock = folder.lock();
    load.more(MEANWHILE).await;
    assert_a_page(&server, &read).await;
    assert!(server.peak_memory() < MOST_MEMORY, "it took {} MiB", server.peak_memory() >> 20);
    drop(lock);
    let ledger = load.end().await;
    ledger.assert_kept(&Api::of(&server)).await;
    assert!(server.peak_memory() < MOST_MEMORY, "it took {} MiB", server.peak_memory() >> 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_waits_for_the_store_asks_to_come_again_while_that_is_stuck() {
    let folder = crate::folder();
    let server = Server::start(folder.path(), &["--ack", "store"]);
    let load = Load::start(&server.http, &server.key("ingest"), 4, 0);
    load.more(20).await;
    let lock = folder.lock();
    load.heard(503, 4).await;
    drop(lock);
    load.more(20).await;
    let ledger = load.end().await;
    ledger.assert_kept(&Api::of(&server)).await;
    assert!(server.terminate().success());
    assert!(crate::support::outcome(folder.path(), "refused.unconfirmed").await >= 4);
}
