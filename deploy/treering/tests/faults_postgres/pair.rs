//! Two collectors on one store, of which one is killed again and again.

use std::time::{Duration, Instant};

use crate::load::Load;
use crate::place::{folder, server};
use crate::random::{Random, from_environment};
use crate::support::{Api, Server, store, treering};

/// How long it goes on, in seconds, unless `TREERING_FAULT_SECONDS` says otherwise.
const SECONDS: u64 = 120;
/// The longest time between two kills, in milliseconds.
const LIFE: u64 = 5_000;

#[tokio::test(flavor = "multi_thread")]
async fn two_collectors_of_which_one_is_killed_every_few_seconds_lose_nothing() {
    let (one, other) = (folder(), tempfile::tempdir().unwrap());
    // The same store and the same master key; each has a journal of its own.
    store::put(other.path(), &one.database.url);
    let first = Server::start_to_stay(treering(), one.path(), 21);
    std::fs::copy(one.path().join("master.key"), other.path().join("master.key")).unwrap();
    let second = Server::start_to_stay(treering(), other.path(), 22);
    let key = first.key("ingest");
    let read = first.key("read");
    let loads = [&first, &second].map(|server| server.http.clone());
    let loads = [Load::start(&loads[0], &key, 2, 0), Load::start(&loads[1], &key, 2, 1_000_000)];
    let mut random = Random::of(9);
    let mut servers = [(Some(first), one.path()), (Some(second), other.path())];
    let end =
        Instant::now() + Duration::from_secs(from_environment("TREERING_FAULT_SECONDS").unwrap_or(SECONDS));
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(random.below(LIFE))).await;
        let (server, data) = &mut servers[usize::try_from(random.below(2)).unwrap()];
        let alive = server.take().unwrap();
        let addresses = alive.addresses_to_send();
        alive.kill();
        *server = Some(Server::start_again(data, &addresses));
    }
    for load in &loads {
        load.more(20).await;
    }
    let [mine, others] = loads;
    let mut ledger = mine.end().await;
    let more = others.end().await;
    ledger.acknowledged.extend(more.acknowledged);
    ledger.uncertain.extend(more.uncertain);
    // Whichever is asked, it is one store.
    for (server, _) in &servers {
        ledger.assert_kept(&Api::with(server.as_ref().unwrap(), &read)).await;
    }
    assert!(server().log().lines().all(|line| !line.contains("deadlock detected")));
}
