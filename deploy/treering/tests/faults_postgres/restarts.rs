//! The server of the store ends and comes back, under load.

use std::time::Duration;

use treering_test_servers::{Durability, PostgresServer, Shutdown, or_left_out};

use crate::load::Load;
use crate::place::Folder;
use crate::random::Random;
use crate::support::{Api, Server};

/// How long it is away at the most, in milliseconds.
const AWAY: u64 = 1_500;
/// How long it is there at the most.
const THERE: u64 = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_restarts_under_load_loses_nothing_and_has_nothing_twice() {
    // As it is delivered: what it says is committed must be on its disk.
    let server = PostgresServer::start(Durability::Full);
    let Some(postgres) = or_left_out("restarts of PostgreSQL", server.as_ref()) else { return };
    let folder = Folder::on(postgres);
    let server = Server::start(folder.path(), &[]);
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let load = Load::start(&server.http, &ingest, 4, 0);
    load.more(20).await;
    let mut random = Random::of(7);
    for how in [Shutdown::Fast, Shutdown::Immediate, Shutdown::Kill, Shutdown::Immediate, Shutdown::Kill] {
        postgres.stop(how).unwrap();
        tokio::time::sleep(Duration::from_millis(random.below(AWAY))).await;
        // The journal takes in what the store cannot.
        load.more(20).await;
        postgres.start_again().unwrap();
        tokio::time::sleep(Duration::from_millis(random.below(THERE))).await;
    }
    load.more(20).await;
    let ledger = load.end().await;
    ledger.assert_kept(&Api::with(&server, &read)).await;
}
