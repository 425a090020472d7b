//! A network between collector and store that cuts, is silent, and comes back.

use std::time::Duration;

use treering_test_servers::{Mode, Proxy};

use crate::load::Load;
use crate::place::{folder, server};
use crate::support::{Api, Server, store};

/// Connections that are cut before it is enough.
const CUTS: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_at_random_bytes_lose_nothing_and_leave_nothing_twice() {
    let folder = folder();
    let proxy = Proxy::to(server().address(), 5).unwrap();
    let direct = server().address().to_string();
    store::put(folder.path(), &folder.database.url.replace(&direct, &proxy.address().to_string()));
    let server = Server::start(folder.path(), &[]);
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let load = Load::start(&server.http, &ingest, 4, 0);
    load.more(20).await;
    // From the first bytes of a connection to the middle of a large append.
    for range in [1..400, 400..4_000, 4_000..60_000, 20_000..300_000] {
        proxy.set(Mode::Cut(range));
        let goal = proxy.cuts() + CUTS / 4;
        while proxy.cuts() < goal {
            load.more(5).await;
        }
    }
    proxy.set(Mode::Blackhole);
    load.more(50).await;
    proxy.set(Mode::Latency(Duration::from_millis(20)));
    load.more(20).await;
    proxy.set(Mode::Pass);
    let ledger = load.end().await;
    ledger.assert_kept(&Api::with(&server, &read)).await;
}
