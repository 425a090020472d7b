//! An engine that refuses in the middle of a batch, whose answers are lost, that is killed, and that is away.

use treering_test_servers::{ClickHouseServer, Mode, Proxy, Shutdown, or_left_out};

use crate::load::Load;
use crate::place::{Folder, folder, server};
use crate::support::{Api, Server, store};

/// What a batch is written to, one after the other, as it stands in an address.
const TABLES: [&str; 4] = ["INTO+block+", "INTO+span+", "INTO+summary+", "INTO+execution+"];
/// How often each.
const TIMES: u64 = 3;

/// Sends while this happens to what is written to each table in turn.
async fn spoiled(mode: impl Fn(&'static str) -> Mode) {
    let folder = folder();
    let proxy = Proxy::to(server().address(), 5).unwrap();
    let direct = server().address().to_string();
    store::put(folder.path(), &folder.database.url.replace(&direct, &proxy.address().to_string()));
    let server = Server::start(folder.path(), &[]);
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let load = Load::start(&server.http, &ingest, 2, 0);
    load.more(10).await;
    for table in TABLES {
        let before = proxy.spoiled();
        proxy.set(mode(table));
        while proxy.spoiled() < before + TIMES {
            load.more(2).await;
        }
    }
    proxy.set(Mode::Pass);
    let ledger = load.end().await;
    ledger.assert_kept(&Api::with(&server, &read)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_500_in_the_middle_of_a_batch_lose_nothing_and_leave_nothing_twice() {
    spoiled(|containing| Mode::Refuse500 { containing, count: TIMES }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_and_never_answered_is_there_once() {
    spoiled(|containing| Mode::LoseAnswer { containing, count: TIMES }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_killed_under_load_loses_nothing_and_has_nothing_twice() {
    let engine = ClickHouseServer::start();
    let Some(engine) = or_left_out("kills of ClickHouse", engine.as_ref()) else { return };
    let folder = Folder::on(engine);
    let server = Server::start(folder.path(), &[]);
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    let load = Load::start(&server.http, &ingest, 2, 0);
    load.more(10).await;
    for _ in 0..4 {
        engine.stop(Shutdown::Kill).unwrap();
        // The journal takes in what the engine cannot.
        load.more(20).await;
        engine.start_again().unwrap();
        load.more(50).await;
    }
    let ledger = load.end().await;
    ledger.assert_kept(&Api::with(&server, &read)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_away_for_the_whole_load_has_all_of_it_afterwards() {
    let engine = ClickHouseServer::start();
    let Some(engine) = or_left_out("an absence of ClickHouse", engine.as_ref()) else { return };
    let folder = Folder::on(engine);
    let server = Server::start(folder.path(), &[]);
    let (ingest, read) = (server.key("ingest"), server.key("read"));
    engine.stop(Shutdown::Kill).unwrap();
    let load = Load::start(&server.http, &ingest, 2, 0);
    load.more(500).await;
    let ledger = load.end().await;
    engine.start_again().unwrap();
    ledger.assert_kept(&Api::with(&server, &read)).await;
}
